//! Drift, the list and snapshots over the wire: few calls, none that writes, other accounts, and who is notified.

use std::collections::BTreeSet;
use std::fs;

use autoconnect::observe::{PATH_READS, READS, TAG_READS};
use aws_sdk_rds::types::EngineFamily;
use serde_json::Value;

use crate::world::{Run, World, finish, reads};

fn program(world: &World, arguments: &str) -> Run {
    finish(world.command().args(arguments.split_whitespace()))
}

fn verdicts(run: &Run) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let document = run.json();
    let connections = document["connections"].as_array().unwrap();
    connections
        .iter()
        .map(|found| (text(&found["id"]), text(&found["verdict"])))
        .collect()
}

#[tokio::test]
async fn drift_and_list_read_in_bulk_and_never_write() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.instance("inventory", "postgres", 5432).await;
    world.proxy("orders-proxy", EngineFamily::Postgresql).await;
    for function in ["checkout", "refunds", "stock"] {
        world.function(function).await;
    }
    world.setup_succeeds("--cluster orders --function checkout --yes");
    world.setup_succeeds("--cluster orders --function refunds --yes");
    world.setup_succeeds("--cluster orders --function stock --proxy orders-proxy --yes");

    let cost = |arguments: &str| {
        let mark = world.mark();
        let run = program(&world, arguments);
        let calls = world.calls_since(mark);
        assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
        (run, calls)
    };
    let (one, calls_of_one) = cost("drift --cluster orders --function checkout --output json");
    assert_eq!(
        (one.status, verdicts(&one)),
        (0, vec![("cluster/orders:function/checkout".into(), "in-sync".into())])
    );
    let (two, calls_of_two) = cost("drift --cluster orders --function checkout --function refunds --output json");
    assert_eq!(two.status, 0);
    assert_eq!(calls_of_one.len(), calls_of_two.len());
    assert_eq!(two.json()["api_calls"]["read"], calls_of_two.len());

    let (all, calls) = cost("drift --output json");
    assert_eq!((all.status, verdicts(&all).len()), (0, 3), "{all:?}");
    let used: BTreeSet<String> = calls.into_iter().collect();
    let named = READS
        .iter()
        .chain(TAG_READS)
        .chain(PATH_READS)
        // No rule names a prefix list.
        .filter(|operation| **operation != autoconnect::cloud::Operation::GetManagedPrefixListEntries)
        .map(|operation| operation.iam_action().split(':').nth(1).unwrap().to_owned());
    assert_eq!(used, named.collect());
    let (list, _) = cost("list --cluster orders --output json");
    let listed: Vec<_> = list.json()["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, ["checkout", "refunds", "stock"]);

    // Someone takes the rule out of the database's group; AWS slows down, and then denies.
    let group = world.the_group("rds-lambda-1").await;
    let rule = group.ip_permissions().to_vec();
    let revoke = world
        .ec2
        .revoke_security_group_ingress()
        .group_id(group.group_id().unwrap());
    revoke.set_ip_permissions(Some(rule)).send().await.unwrap();
    world.fault("DescribeSecurityGroups", 4, 503, "RequestLimitExceeded", "slow down");
    let (broken, _) = cost("drift --cluster orders --function checkout --output json");
    assert_eq!(broken.status, 2, "{broken:?}");
    assert_eq!(broken.json()["connections"][0]["findings"][0]["kind"], "rule-removed");
    world.fault(
        "ListFunctions",
        1,
        403,
        "AccessDeniedException",
        "not authorized to perform: lambda:ListFunctions",
    );
    let (unknown, _) = cost("drift --cluster orders --function checkout --output json");
    assert_eq!((unknown.status, verdicts(&unknown)[0].1.as_str()), (1, "unknown"));
    assert!(unknown.stdout.contains("lambda:ListFunctions"), "{unknown:?}");
}

/// A topic of SNS, by its ARN.
async fn topic(world: &World) -> String {
    let topic = format!("arn:aws:sns:{}:123456789012:drift", world.region);
    let topics = aws_sdk_sns::Client::from_conf(
        aws_sdk_sns::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new(world.region))
            .endpoint_url(&world.peer.url)
            .credentials_provider(aws_sdk_ec2::config::Credentials::new(
                world.region,
                "test",
                None,
                None,
                "tests",
            ))
            .build(),
    );
    topics.create_topic().name("drift").send().await.unwrap();
    topic
}

#[tokio::test]
async fn other_accounts_are_read_by_their_roles_and_changes_are_reported() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifest.toml");
    let entry = |name: &str, account: &str| {
        format!(
            "[[connection]]\nname = \"{name}\"\ninstance = \"inventory\"\nfunction = \"stock\"\nregion = \"{}\"\nrole_arn = \"arn:aws:iam::{account}:role/drift\"\n",
            world.region
        )
    };
    fs::write(
        &manifest,
        entry("ours", "123456789012") + &entry("theirs", "210987654321"),
    )
    .unwrap();
    let topic = topic(&world).await;
    let state = folder.path().join("state");
    let run = || {
        let mark = world.mark();
        let arguments = format!(
            "drift --manifest {} --state-file {} --notify sns:{topic} --notify eventbridge:default --output json",
            manifest.display(),
            state.display()
        );
        (program(&world, &arguments), world.calls_since(mark))
    };
    let (first, calls) = run();
    assert_eq!(first.status, 2, "{first:?}");
    let by_name: Vec<_> = first.json()["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["verdict"].as_str().unwrap().to_owned())
        .collect();
    // The other account has neither the database nor the function.
    assert_eq!(by_name, ["in-sync", "broken"]);
    let count = |calls: &[String], action: &str| calls.iter().filter(|call| *call == action).count();
    assert_eq!(
        (count(&calls, "AssumeRole"), count(&calls, "ListFunctions")),
        (2, 2),
        "{calls:?}"
    );
    assert_eq!(
        (count(&calls, "Publish"), count(&calls, "PutEvents")),
        (1, 1),
        "{calls:?}"
    );
    let (second, calls) = run();
    assert_eq!(second.status, 2);
    assert_eq!(
        (count(&calls, "Publish"), count(&calls, "PutEvents")),
        (0, 0),
        "{calls:?}"
    );
}

/// A command that fails made SNS send the same again with every run, and a topic that is not there would have silenced
/// the command.
#[tokio::test]
async fn each_recipient_remembers_what_it_was_sent() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("stock").await;
    world.setup_succeeds("--instance inventory --function stock --yes");
    let group = world.the_group("rds-lambda-1").await;
    let everybody = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(5432)
        .to_port(5432)
        .ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build())
        .build();
    let opened = world
        .ec2
        .authorize_security_group_ingress()
        .group_id(group.group_id().unwrap());
    opened.ip_permissions(everybody).send().await.unwrap();
    let topic = topic(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let run = |to: &str, status: u8| {
        let mark = world.mark();
        let mut command = world.command();
        command.args([
            "drift",
            "--output",
            "json",
            "--notify",
            &format!("sns:{to}"),
            "--state-file",
        ]);
        command.arg(folder.path().join("state"));
        command.args(["--on-drift", &format!("echo >> {}; exit {status}", told.display())]);
        let run = finish(&mut command);
        let calls = world.calls_since(mark);
        let lines = fs::read_to_string(&told).unwrap_or_default().lines().count();
        let _ = fs::remove_file(&told);
        (run, calls.iter().filter(|call| *call == "Publish").count(), lines)
    };
    let (first, published, commands) = run(&topic, 3);
    assert_eq!((first.status, published, commands), (1, 1, 1), "{first:?}");
    let finding = &first.json()["connections"][0]["findings"][0];
    assert_eq!(finding["kind"], "opened");
    assert_eq!(finding["severity"], "critical");
    // The topic has been notified; the command is notified until it succeeds.
    let (second, published, commands) = run(&topic, 3);
    assert_eq!((second.status, published, commands), (1, 0, 1), "{second:?}");
    let (third, published, commands) = run(&topic, 0);
    assert_eq!((third.status, published, commands), (2, 0, 1), "{third:?}");
    let (fourth, published, commands) = run(&topic, 0);
    assert_eq!((fourth.status, published, commands), (2, 0, 0), "{fourth:?}");
    // Another recipient is notified of everything, and its failure is no one else's.
    let (fifth, _, commands) = run(&format!("{topic}-that-is-not-there"), 0);
    assert_eq!((fifth.status, commands), (1, 0), "{fifth:?}");
    assert!(fifth.stderr.contains("error[not-told]"), "{fifth:?}");

    let words = finding["remedy"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let repaired = finish(world.command().args(words).arg("--yes"));
    assert_eq!(repaired.status, 0, "{repaired:?}");
    let (resolved, published, commands) = run(&topic, 0);
    assert_eq!((resolved.status, published, commands), (0, 1, 1), "{resolved:?}");
}

#[tokio::test]
async fn a_snapshot_over_the_wire_gives_the_same_plans() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.instance("inventory", "postgres", 5433).await;
    world.proxy("orders-proxy", EngineFamily::Postgresql).await;
    world.function("checkout").await;
    world.function("stock").await;
    world.setup_succeeds("--cluster orders --function checkout --yes");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let mark = world.mark();
    let taken = program(
        &world,
        &format!("snapshot --vpc {} --out {}", world.vpc, file.display()),
    );
    assert_eq!(taken.status, 0, "{taken:?}");
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    for command in [
        "setup --dry-run --cluster orders --function checkout",
        "setup --dry-run --cluster orders --function stock",
        "setup --dry-run --instance inventory --function stock",
        "setup --dry-run --cluster orders --function stock --proxy orders-proxy",
        "remove --dry-run --cluster orders --function checkout",
        "drift",
        "list --cluster orders",
    ] {
        let on_the_wire = program(&world, &format!("{command} --output json")).json();
        let offline = finish(
            world
                .command()
                .args(command.split_whitespace())
                .args(["--output", "json", "--offline"])
                .arg(&file),
        );
        let mut offline = offline.json();
        // How many calls it takes is not part of the answer.
        offline["api_calls"] = on_the_wire["api_calls"].clone();
        assert_eq!(offline, on_the_wire, "{command}");
    }
}
