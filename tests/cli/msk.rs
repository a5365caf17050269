//! `msk` on the example account.

use insta::assert_snapshot;
use serde_json::json;

use crate::Shell;

const CHECK: &str = "msk check --offline msk.json";

/// The ARN of a cluster of the example.
pub fn arn(name: &str) -> String {
    let id = match name {
        "orders" => "0e010000-0000-4000-8000-000000000001-1",
        "audit" => "0e020000-0000-4000-8000-000000000002-1",
        "clicks" => "0e030000-0000-4000-8000-000000000003-1",
        "payments" => "0e040000-0000-4000-8000-000000000004-1",
        _ => "0e050000-0000-4000-8000-000000000005-s1",
    };
    format!("arn:aws:kafka:eu-central-1:123456789012:cluster/{name}/{id}")
}

#[test]
fn what_a_person_reads() {
    let shell = Shell::new();
    let table = [
        ("works", "orders", ""),
        ("no_way", "audit", ""),
        ("no_way_needed", "audit", " --mode provisioned"),
        ("public", "clicks", " --function clicks-sink"),
        ("secret", "payments", " --mapping 0e04aaaa-0000-4000-8000-000000000004"),
        ("serverless_json", "telemetry", " --output json"),
        ("no_cluster", "nobody", ""),
        ("no_mapping", "orders", " --mapping 0e0f"),
        ("no_function", "orders", " --function order-event"),
    ];
    for (name, cluster, more) in table {
        let before = std::fs::read(shell.folder.path().join("msk.json")).unwrap();
        let cluster = arn(cluster);
        assert_snapshot!(
            format!("msk_{name}"),
            shell.session(&format!("{CHECK} --cluster-arn {cluster}{more}"))
        );
        let after = std::fs::read(shell.folder.path().join("msk.json")).unwrap();
        assert!(before == after, "{name} changed the file");
    }
}

/// SAM's `AutoPublishAlias` and CDK's `alias.addEventSource` have the mapping invoke an alias. It is the function's all the same.
#[test]
fn a_mapping_can_invoke_a_version_or_an_alias() {
    const UUID: &str = "0e02aaaa-0000-4000-8000-000000000002";
    const SINK: &str = "arn:aws:lambda:eu-central-1:123456789012:function:audit-sink";
    // What the mapping invokes, whether the file lists it, and the role with which it was published.
    let table = [
        ("", true, None, "pass"),
        (":prod", false, None, "pass"),
        (":prod", true, Some("plain-functions"), "fail"),
        (":prod", true, Some("msk-functions"), "pass"),
        (":3", true, Some("plain-functions"), "fail"),
        (":$LATEST", true, Some("plain-functions"), "pass"),
    ];
    let shell = Shell::new();
    for (qualifier, is_listed, role, expected) in table {
        shell.edit_file("msk.json", |account| {
            let mapping = &mut account["EventSourceMappings"][1];
            mapping["FunctionArn"] = format!("{SINK}{qualifier}").into();
            mapping["ProvisionedPollerConfig"] = json!({"MinimumPollers": 1});
            mapping["LastProcessingResult"] = "OK".into();
            let function = &mut account["Functions"][1];
            (function["Versions"], function["Aliases"]) = (json!([]), json!([]));
            if is_listed {
                let role = role.map(|role| format!("arn:aws:iam::123456789012:role/{role}"));
                function["Versions"] = json!([{"Version": "3", "Role": role}]);
                function["Aliases"] = json!([{"Name": "prod", "FunctionVersion": "3"}]);
            }
        });
        for which in ["", " --function audit-sink", &format!(" --mapping {UUID}")] {
            let document = shell
                .run(&format!("{CHECK} --cluster-arn {}{which} --output json", arn("audit")))
                .json();
            let checks = document["checks"].as_array().unwrap();
            let check = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap();
            let context = format!("{qualifier} {role:?}{which}: {document:#}");
            assert!(
                check("mapping")["message"].as_str().unwrap().contains("provisioned"),
                "{context}"
            );
            assert_eq!(check("execution-role")["status"], expected, "{context}");
        }
    }
}

#[test]
fn what_is_missing_is_built() {
    let shell = Shell::new();
    let setup = |cluster: &str| format!("msk setup --offline msk.json --cluster-arn {}", arn(cluster));
    let (audit, payments, clicks) = (setup("audit"), setup("payments"), setup("clicks"));
    let table = [
        (
            "dry_run",
            format!("{audit} --via endpoints --dry-run --detailed-exitcode"),
        ),
        ("nat", format!("{audit} --via nat --dry-run")),
        ("no_consent", format!("{audit} --via endpoints")),
        ("restricted", format!("{payments} --via endpoints --restrict --yes")),
        ("again", format!("{payments} --via endpoints --restrict --yes")),
        ("public", format!("{clicks} --via nat --yes")),
        ("wrong_restrict", format!("{audit} --via nat --restrict")),
    ];
    for (name, arguments) in table {
        assert_snapshot!(format!("msk_setup_{name}"), shell.session(&arguments));
    }
    shell.edit_file("msk.json", |account| {
        account["SecurityGroups"][1]["IpPermissions"] = serde_json::json!([]);
    });
    assert_snapshot!(
        "msk_setup_brokers",
        shell.session(&format!("{audit} --via endpoints --yes"))
    );

    let run = shell.run(&format!("{clicks} --via endpoints --yes --output json"));
    let document = run.json();
    assert_eq!(
        (run.status, &document["result"]),
        (Some(0), &"built".into()),
        "{document:#}"
    );
    assert_eq!(document["verdict"], "pass");
    for schema in ["schema", "schema msk"] {
        assert!(
            jsonschema::is_valid(&shell.run(schema).json(), &document),
            "{schema}: {document:#}"
        );
    }
}

#[test]
fn statuses_follow_from_verdicts() {
    let shell = Shell::new();
    let table = [
        ("orders", "pass", 0),
        ("audit", "fail", 2),
        ("clicks", "fail", 2),
        ("payments", "fail", 2),
    ];
    for (cluster, verdict, status) in table {
        let run = shell.run(&format!("{CHECK} --cluster-arn {} --output json", arn(cluster)));
        let document = run.json();
        assert_eq!(
            (&document["verdict"], run.status),
            (&verdict.into(), Some(status)),
            "{cluster}"
        );
        let schema = shell.run("schema checks").json();
        assert!(jsonschema::is_valid(&schema, &document), "{document:#}");
        for check in document["checks"].as_array().unwrap() {
            let told = check["status"] == "pass" || check["evidence"].as_array().is_some_and(|lines| !lines.is_empty());
            assert!(told, "{check:#}");
        }
    }
}

#[test]
fn options_that_do_not_fit_are_mistakes() {
    let shell = Shell::new();
    let orders = arn("orders");
    for arguments in [
        String::new(),
        "--cluster-arn orders".to_owned(),
        format!("--cluster-arn {orders} --function f --mapping u"),
        format!("--cluster-arn {orders} --function new:f"),
        format!("--cluster-arn {orders} --mode sometimes"),
        format!("--cluster-arn {orders} --authentication password"),
    ] {
        let run = shell.run(&format!("{CHECK} {arguments}"));
        assert_eq!(run.status, Some(1), "{arguments}: {}", run.stderr);
        assert!(run.stderr.starts_with("error"), "{}", run.stderr);
    }
}

#[test]
fn mistakes_in_the_file_are_named_by_their_places() {
    type Edit = fn(&mut serde_json::Value);
    let table: [(&str, Edit); 5] = [
        ("$.MskClusters[0].ClusterType", |account| {
            account["MskClusters"][0]["ClusterType"] = "SHARED".into();
        }),
        ("$.MskClusters[0]", |account| {
            account["MskClusters"][0]["ClusterType"] = "SERVERLESS".into();
        }),
        (
            "$.MskClusters[0].Provisioned.BrokerNodeGroupInfo.ClientSubnets[1]",
            |account| {
                account["MskClusters"][0]["Provisioned"]["BrokerNodeGroupInfo"]["ClientSubnets"][1] =
                    "subnet-none".into();
            },
        ),
        (
            "$.MskClusters[4].Serverless.VpcConfigs[0].SecurityGroupIds[0]",
            |account| {
                account["MskClusters"][4]["Serverless"]["VpcConfigs"][0]["SecurityGroupIds"][0] = "sg-none".into();
            },
        ),
        ("$.EventSourceMappings[1].UUID", |account| {
            account["EventSourceMappings"][1]["UUID"] = account["EventSourceMappings"][0]["UUID"].clone();
        }),
    ];
    for (place, edit) in table {
        let shell = Shell::new();
        shell.edit_file("msk.json", edit);
        let run = shell.run(&format!("{CHECK} --cluster-arn {}", arn("orders")));
        assert_eq!(run.status, Some(1));
        assert!(run.stderr.contains(place), "{place}: {}", run.stderr);
    }
}
