//! `setup --manifest`: many connections in one run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Run, Shell};

/// An account with this many clusters without groups of the convention, and functions in their VPC.
fn estate(shell: &Shell, clusters: usize, functions: usize) {
    shell.edit(|account| {
        let is_plain = |group: &Value| {
            let name = group["GroupName"].as_str().unwrap();
            !name.starts_with("rds-") && !name.starts_with("lambda-")
        };
        account["SecurityGroups"].as_array_mut().unwrap().retain(is_plain);
        let mut cluster = account["DBClusters"][0].clone();
        let mut function = account["Functions"][0].clone();
        let mut member = account["DBInstances"]
            .as_array()
            .unwrap()
            .iter()
            .find(|instance| instance["DBClusterIdentifier"] == "orders")
            .unwrap()
            .clone();
        let group = account["SecurityGroups"][0]["GroupId"].clone();
        account["DBProxies"] = json!([]);
        let (mut all_clusters, mut members, mut all_functions) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..clusters {
            cluster["DBClusterIdentifier"] = format!("db{number}").into();
            cluster["VpcSecurityGroups"] = json!([{ "VpcSecurityGroupId": group }]);
            all_clusters.push(cluster.clone());
            member["DBInstanceIdentifier"] = format!("db{number}-1").into();
            member["DBClusterIdentifier"] = format!("db{number}").into();
            members.push(member.clone());
        }
        for number in 0..functions {
            function["FunctionName"] = format!("f{number}").into();
            function["VpcConfig"]["SecurityGroupIds"] = json!([group]);
            all_functions.push(function.clone());
        }
        account["DBClusters"] = all_clusters.into();
        account["DBInstances"] = members.into();
        account["Functions"] = all_functions.into();
    });
}

/// A manifest in which each function is connected with one of the clusters.
fn manifest(shell: &Shell, clusters: usize, functions: impl IntoIterator<Item = usize>) {
    let mut text = String::new();
    for number in functions {
        let cluster = number % clusters;
        writeln!(
            text,
            "[[connection]]\ncluster = \"db{cluster}\"\nfunction = \"f{number}\"\n"
        )
        .unwrap();
    }
    shell.write("connections.toml", &text);
}

impl Shell {
    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn account(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("account.json")).unwrap()).unwrap()
    }

    fn many(&self, more: &str) -> Run {
        self.run(&format!(
            "setup --manifest connections.toml --offline account.json {more}"
        ))
    }
}

/// Nobody reviews a plan that lacks connections without knowing it: none is saved, and the error names what is missing.
#[test]
fn a_plan_with_connections_that_cannot_be_planned_is_not_saved() {
    let shell = Shell::new();
    estate(&shell, 1, 1);
    for (missing, named, more) in [(1, "f1", None), (10, "f10", None), (12, "f10", Some("; and 2 more"))] {
        manifest(&shell, 1, 0..=missing);
        let run = shell.many("--out plan.json --output json");
        let document = run.json();
        assert_eq!(
            (run.status, &document["error"]["code"]),
            (Some(1), &json!("plan-incomplete")),
            "{document:#}"
        );
        let told = document["error"]["message"].as_str().unwrap();
        assert!(
            told.contains(&format!("function/{named}: there is no function named {named}")),
            "{told}"
        );
        assert!(!told.contains("f0:") && !told.contains("f11:"), "{told}");
        assert_eq!(more.is_some_and(|more| told.ends_with(more)), missing > 10, "{told}");
        assert!(!shell.folder.path().join("plan.json").exists());
    }
}

fn counted<'v>(document: &'v Value, key: &str) -> BTreeMap<&'v str, usize> {
    let mut counts = BTreeMap::new();
    for connection in document["connections"].as_array().unwrap() {
        *counts.entry(connection[key].as_str().unwrap_or("none")).or_default() += 1;
    }
    counts
}

fn groups_of(account: &Value) -> Vec<String> {
    let groups = account["SecurityGroups"].as_array().unwrap().iter();
    groups
        .map(|group| group["GroupName"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn functions_of_one_database_share_one_pair_of_groups() {
    let shell = Shell::new();
    estate(&shell, 3, 12);
    manifest(&shell, 3, 0..12);
    let before = shell.account();
    let planned = shell.many("--dry-run --output json --detailed-exitcode");
    assert_eq!(planned.status, Some(2), "{}", planned.stderr);
    let document = planned.json();
    assert_eq!(document["result"], "planned");
    assert_eq!(
        counted(&document, "decision"),
        BTreeMap::from([("associate-existing", 9), ("create-new", 3)])
    );
    assert_eq!(document["api_calls"]["write"], 0);
    assert_eq!(shell.account(), before);

    let applied = shell.many("--yes --output json");
    assert_eq!(applied.status, Some(0), "{}", applied.stderr);
    let document = applied.json();
    assert_eq!(document["result"], "connected");
    assert_eq!(counted(&document, "result"), BTreeMap::from([("connected", 12)]));
    let account = shell.account();
    assert_eq!(groups_of(&account).len(), groups_of(&before).len() + 6);

    let again = shell.many("--yes --output json");
    assert_eq!((again.status, &again.json()["result"]), (Some(0), &json!("unchanged")));
    assert_eq!(again.json()["api_calls"]["write"], 0);
    assert_eq!(shell.account(), account);
    let drift = shell.run("drift --manifest connections.toml --offline account.json");
    assert_eq!(drift.status, Some(0), "{}", drift.stdout);
}

#[test]
fn reads_do_not_grow_with_connections() {
    let reads = |functions| {
        let shell = Shell::new();
        estate(&shell, 2, functions);
        manifest(&shell, 2, 0..functions);
        let document = shell.many("--dry-run --output json").json();
        document["api_calls"]["read"].as_u64().unwrap()
    };
    // Up to 50 functions are one page.
    assert_eq!(reads(2), reads(48));
}

#[test]
fn the_plan_and_the_end_are_told() {
    let shell = Shell::new();
    shell.write(
        "connections.toml",
        "[defaults]\ntags = { team = \"shop\" }\n\n\
         [[connection]]\nname = \"refunds\"\ncluster = \"orders\"\nfunction = \"refunds\"\n\n\
         [[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n\n\
         [[connection]]\nname = \"gone\"\ncluster = \"orders\"\nfunction = \"nobody\"\n\n\
         [[connection]]\nname = \"stock\"\ninstance = \"inventory\"\nfunction = \"stock-sync\"\n",
    );
    let command = "setup --manifest connections.toml --offline account.json";
    assert_snapshot!("manifest_plan", shell.session(&format!("{command} --dry-run")));
    assert_snapshot!("manifest_without_consent", shell.session(command));
    assert_snapshot!("manifest_applied", shell.session(&format!("{command} --yes --quiet")));
    let markdown = shell.session(&format!("{command} --dry-run --output markdown"));
    assert_snapshot!("manifest_markdown", markdown);
}

#[test]
fn a_connection_that_fails_stops_no_other_one() {
    let shell = Shell::new();
    estate(&shell, 2, 6);
    manifest(&shell, 2, 0..6);
    // Lambda refuses the update of one function, which is found only when it is written.
    shell.edit(|account| account["Functions"][2]["State"] = "Pending".into());
    shell.edit(|account| account["DBClusters"][1]["Status"] = "stopped".into());
    let run = shell.many("--yes --output json");
    let document = run.json();
    assert_eq!(run.status, Some(1));
    assert_eq!(document["result"], "failed");
    for schema in ["schema", "schema batch"] {
        jsonschema::validate(&shell.run(schema).json(), &document).unwrap();
    }
    for connection in document["connections"].as_array().unwrap() {
        let is_of_stopped = connection["name"].as_str().unwrap().contains("db1");
        assert_eq!(connection["result"] == "failed", is_of_stopped, "{connection}");
        assert_eq!(connection["error"]["code"].is_string(), is_of_stopped);
    }
}

#[test]
fn events_are_lines_with_the_name_of_the_connection() {
    let shell = Shell::new();
    estate(&shell, 2, 4);
    manifest(&shell, 2, 0..4);
    let run = shell.many("--yes --output ndjson");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let schema = shell.run("schema batch-event").json();
    let events: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events {
        assert!(event["name"].as_str().unwrap().starts_with("cluster/db"), "{event}");
        assert!(event["time"].is_string());
        jsonschema::validate(&schema, event).unwrap();
        *kinds.entry(event["event"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!((kinds["planned"], kinds["started"], kinds["ended"]), (4, 4, 4));
    assert!(kinds["step"] >= 18, "{kinds:?}");
    let wrong = shell.run("setup --offline account.json --cluster db0 --function f0 --output ndjson");
    assert_eq!(wrong.status, Some(1));
    assert!(
        wrong.stderr.contains("for drift and setup --manifest only"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn pruning_removes_only_our_connections_to_the_databases_of_the_manifest() {
    let shell = Shell::new();
    estate(&shell, 3, 9);
    manifest(&shell, 3, 0..9);
    assert_eq!(shell.many("--yes").status, Some(0));
    // Of two databases one function each stays; the third database is not named any more.
    manifest(&shell, 3, [0, 1]);
    let kept = shell.many("--yes --output json").json();
    assert_eq!(kept["result"], "unchanged", "without --prune nothing is removed");
    let planned = shell.many("--prune --dry-run --output json").json();
    assert_eq!(
        counted(&planned, "decision"),
        BTreeMap::from([("disconnect", 4), ("no-op", 2)])
    );
    let refused = shell.many("--prune");
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("consent-required"), "{}", refused.stderr);
    let done = shell.many("--prune --yes --output json").json();
    assert_eq!(
        counted(&done, "result"),
        BTreeMap::from([("removed", 4), ("unchanged", 2)])
    );
    let listed = shell.run("drift --offline account.json --output json").json();
    let mut left: Vec<&str> = listed["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["name"].as_str().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "db0:function/f0",
            "db1:function/f1",
            "db2:function/f2",
            "db2:function/f5",
            "db2:function/f8"
        ]
        .map(|name| format!("cluster/{name}"))
    );
    assert_eq!(counted(&listed, "verdict"), BTreeMap::from([("in-sync", 5)]));
}

/// What is wrong with an entry may be a name: then its connection looks like one that the manifest does not name.
#[test]
fn nothing_is_pruned_where_an_entry_fails() {
    let shell = Shell::new();
    estate(&shell, 2, 4);
    manifest(&shell, 2, 0..4);
    assert_eq!(shell.many("--yes").status, Some(0));
    let before = shell.account();
    for (function, cluster) in [("f33", "db1"), ("f3", "db11")] {
        manifest(&shell, 2, 0..3);
        let mut text = fs::read_to_string(shell.folder.path().join("connections.toml")).unwrap();
        write!(
            text,
            "[[connection]]\ncluster = \"{cluster}\"\nfunction = \"{function}\"\n"
        )
        .unwrap();
        shell.write("connections.toml", &text);
        for options in ["--prune --dry-run --output json", "--prune --yes --output json"] {
            let run = shell.many(options);
            let found = run.json();
            assert_eq!(run.status, Some(1), "{function} {cluster}: {found:#}");
            let codes: Vec<&str> = found["connections"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|connection| connection["error"]["code"].as_str())
                .collect();
            assert_eq!(codes.last(), Some(&"prune-skipped"), "{codes:?}");
            assert_eq!(codes.len(), 2, "{codes:?}");
        }
        assert_eq!(
            shell.account()["Functions"],
            before["Functions"],
            "{function} {cluster}"
        );
    }
}

/// A database or a function that one entry names by its name and the other by its ARN.
#[test]
fn one_connection_by_name_and_by_arn_is_refused() {
    const ARNS: [&str; 2] = [
        "arn:aws:rds:eu-central-1:123456789012:cluster:orders",
        "arn:aws:lambda:eu-central-1:123456789012:function:refunds",
    ];
    let shell = Shell::new();
    let before = shell.account();
    let pairs = [
        (("orders", "refunds"), (ARNS[0], "refunds")),
        (("orders", "refunds"), ("orders", ARNS[1])),
        ((ARNS[0], "refunds"), ("orders", ARNS[1])),
        ((ARNS[0], ARNS[1]), ("orders", "refunds")),
    ];
    for (one, other) in pairs {
        for region in ["", "region = \"eu-central-1\"\n"] {
            let entry = |name: &str, (cluster, function): (&str, &str)| {
                format!("[[connection]]\nname = \"{name}\"\ncluster = \"{cluster}\"\nfunction = \"{function}\"\n")
            };
            shell.write(
                "connections.toml",
                &format!("{}{region}{}", entry("one", one), entry("two", other)),
            );
            let refused = shell.many("--yes");
            assert_eq!(refused.status, Some(1), "{one:?} {other:?} {region:?}");
            assert!(
                refused.stderr.contains("is listed already, in line 1"),
                "{}",
                refused.stderr
            );
            let refused = shell.run("drift --offline account.json --manifest connections.toml");
            assert!(
                refused.stderr.contains("is listed already, in line 1"),
                "{}",
                refused.stderr
            );
        }
    }
    assert_eq!(shell.account(), before);
    // What two entries want of one function.
    let with_variables = |database: &str, function: &str| {
        format!("[[connection]]\n{database}\nfunction = \"{function}\"\nset_env = true\noverwrite_env = true\n")
    };
    let text = with_variables("cluster = \"orders\"", "refunds") + &with_variables("instance = \"inventory\"", ARNS[1]);
    shell.write("connections.toml", &text);
    let refused = shell.many("--yes");
    assert!(
        refused.stderr.contains("set_env is set for the function refunds"),
        "{}",
        refused.stderr
    );
}

#[test]
fn connections_of_the_console_are_not_pruned() {
    let shell = Shell::new();
    shell.write(
        "connections.toml",
        "[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n",
    );
    let planned = shell.many("--prune --dry-run --output json").json();
    assert_eq!(counted(&planned, "decision").get("disconnect"), None, "{planned}");
}

#[test]
fn a_saved_plan_of_many_is_applied_as_it_was_saved() {
    let shell = Shell::new();
    estate(&shell, 2, 6);
    manifest(&shell, 2, 0..6);
    let saved = shell.many("--out plan.json --output json");
    assert_eq!(saved.status, Some(0), "{}", saved.stderr);
    let plan: Value = serde_json::from_slice(&fs::read(shell.folder.path().join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["connections"].as_array().unwrap().len(), 6);
    assert!(
        plan["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["connection"].is_string())
    );
    // The plan has its connections: the manifest is not read again.
    fs::remove_file(shell.folder.path().join("connections.toml")).unwrap();
    for more in ["", "--output json", "--output markdown"] {
        assert_eq!(shell.run(&format!("show plan.json {more}")).status, Some(0), "{more}");
    }
    let before = shell.account();
    let apply = "apply plan.json --offline account.json --yes --output json";
    let applied = shell.run(apply);
    assert_eq!(applied.status, Some(0), "{}", applied.stderr);
    assert_eq!(counted(&applied.json(), "result"), BTreeMap::from([("connected", 6)]));
    let after = shell.account();
    let again = shell.run(apply);
    assert_eq!((again.status, &again.json()["result"]), (Some(0), &json!("unchanged")));
    assert_eq!(shell.account(), after);

    // A group that somebody has put on a database in the meantime.
    shell.edit(|account| *account = before.clone());
    shell.edit(|account| {
        let other = account["SecurityGroups"][1]["GroupId"].clone();
        let list = account["DBClusters"][1]["VpcSecurityGroups"].as_array_mut().unwrap();
        list.push(json!({ "VpcSecurityGroupId": other }));
    });
    let changed = shell.account();
    let refused = shell.run(apply);
    assert_eq!(refused.status, Some(1));
    assert_eq!(refused.json()["error"]["code"], "plan-outdated", "{}", refused.stdout);
    assert!(refused.stderr.contains("cluster/db1:function/f1"), "{}", refused.stderr);
    assert_eq!(shell.account(), changed);
}

#[test]
fn shards_are_cut_by_database_and_together_do_all() {
    let whole = Shell::new();
    estate(&whole, 5, 20);
    manifest(&whole, 5, 0..20);
    assert_eq!(whole.many("--yes").status, Some(0));
    let shell = Shell::new();
    estate(&shell, 5, 20);
    manifest(&shell, 5, 0..20);
    let mut databases: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = 0;
    for shard in (1..=3).rev() {
        let run = shell.many(&format!("--yes --shard {shard}/3 --output json"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        for connection in run.json()["connections"].as_array().unwrap() {
            let name = connection["name"].as_str().unwrap();
            let database = name.split(':').next().unwrap().to_owned();
            assert_eq!(*databases.entry(database).or_insert(shard), shard, "{name}");
            all += 1;
        }
    }
    assert_eq!(all, 20);
    // The numbers of the groups do not depend on the order of the shards.
    let named = |shell: &Shell| {
        let account = shell.account();
        let tag = |group: &Value, key: &str| {
            let tags = group["Tags"].as_array().cloned().unwrap_or_default();
            tags.iter()
                .find(|tag| tag["Key"] == key)
                .map(|tag| tag["Value"].to_string())
        };
        let groups = account["SecurityGroups"].as_array().unwrap().iter();
        groups
            .map(|group| (group["GroupName"].to_string(), tag(group, "autoconnect:connection")))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(named(&shell), named(&whole));
}

#[test]
fn what_does_not_go_with_a_manifest_is_refused() {
    let shell = Shell::new();
    shell.write(
        "connections.toml",
        "[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n",
    );
    shell.write("twice.toml", "[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n[[connection]]\ncluster = \"ORDERS\"\nfunction = \"refunds\"\n");
    let table = [
        ("--manifest connections.toml --cluster orders", "cannot be used with"),
        ("--manifest connections.toml --function f", "cannot be used with"),
        ("--manifest connections.toml --proxy new", "cannot be used with"),
        ("--manifest connections.toml --set-env", "cannot be used with"),
        ("--prune --cluster orders --function refunds", "cannot be used with"),
        ("--shard 1/2 --cluster orders --function refunds", "cannot be used with"),
        ("--manifest connections.toml --shard 3/2", "expected N/OF"),
        (
            "--manifest connections.toml --shard 1/2 --out plan.json",
            "cannot be used with",
        ),
        ("--manifest none.toml", "cannot read the manifest"),
        ("--manifest twice.toml", "line 4"),
        (
            "--manifest connections.toml --db-password-stdin --yes",
            "gives one password",
        ),
        ("--manifest connections.toml", "consent"),
    ];
    let before = shell.account();
    for (arguments, expected) in table {
        let run = shell.run(&format!("setup --offline account.json {arguments}"));
        assert_eq!(run.status, Some(1), "{arguments}: {}", run.stdout);
        assert!(run.stderr.contains(expected), "{arguments}: {}", run.stderr);
        assert_eq!(shell.account(), before, "{arguments}");
    }
}

#[test]
fn the_password_of_a_new_secret_is_in_no_plan() {
    let shell = Shell::new();
    shell.write(
        "connections.toml",
        "[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\nproxy = \"new\"\ndb_user = \"app\"\n\n\
         [[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\nproxy = \"new\"\ndb_user = \"app\"\n",
    );
    let saved = shell.many("--out plan.json");
    assert_eq!(saved.status, Some(0), "{}", saved.stderr);
    let mut child = shell
        .command("apply plan.json --offline account.json --yes --db-password-stdin --output json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"canary-7fe1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let plan = fs::read_to_string(shell.folder.path().join("plan.json")).unwrap();
    assert!(!text.contains("canary") && !plan.contains("canary"));
    let missing = Shell::new();
    missing.write(
        "connections.toml",
        &fs::read_to_string(shell.folder.path().join("connections.toml")).unwrap(),
    );
    let before = missing.account();
    let refused = missing.many("--yes");
    assert_eq!(
        (refused.status, missing.account()),
        (Some(1), before),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_another_place_of_the_manifest_names_is_not_pruned() {
    let shell = Shell::new();
    estate(&shell, 1, 3);
    manifest(&shell, 1, 0..3);
    assert_eq!(shell.many("--yes").status, Some(0));
    // Both are the account of the file: once by its Region, and once by default.
    shell.write(
        "connections.toml",
        "[[connection]]\ncluster = \"db0\"\nfunction = \"f0\"\n\n\
         [[connection]]\ncluster = \"db0\"\nfunction = \"f1\"\nregion = \"eu-central-1\"\n",
    );
    let planned = shell.many("--prune --dry-run --output json").json();
    assert_eq!(
        counted(&planned, "decision"),
        BTreeMap::from([("disconnect", 1), ("no-op", 2)])
    );
    assert_eq!(planned["connections"][2]["name"], "cluster/db0:function/f2");
}
