//! Each kind of finding with its severity and the command that resolves it: run for real, it does.

use std::collections::BTreeSet;
use std::fs;

use autoconnect::drift::{FindingKind, Severity};
use serde_json::{Value, json};

use crate::Shell;

const STOCK: &str = "--instance inventory --function stock-sync";
const REFUNDS: &str = "--cluster orders --function refunds --proxy orders-proxy";

type Edit = fn(&mut Value);

/// What is done to an account, which connection is looked at, and each finding: kind, severity, and the arguments of its
/// remedy.
type Row = (
    &'static str,
    Edit,
    &'static str,
    &'static [(&'static str, &'static str, Option<&'static str>)],
);

fn entry<'a>(account: &'a mut Value, list: &str, key: &str, name: &str) -> &'a mut Value {
    let list = account[list].as_array_mut().unwrap();
    list.iter_mut().find(|entry| entry[key] == name).unwrap()
}

fn group<'a>(account: &'a mut Value, name: &str) -> &'a mut Value {
    entry(account, "SecurityGroups", "GroupName", name)
}

fn rules<'a>(account: &'a mut Value, name: &str, direction: &str) -> &'a mut Vec<Value> {
    let rules = &mut group(account, name)[direction];
    if rules.is_null() {
        *rules = json!([]);
    }
    rules.as_array_mut().unwrap()
}

fn inbound<'a>(account: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    rules(account, name, "IpPermissions")
}

fn outbound<'a>(account: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    rules(account, name, "IpPermissionsEgress")
}

fn range(cidr: &str, port: u16) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]})
}

fn delete(account: &mut Value, list: &str, key: &str, name: &str) {
    let list = account[list].as_array_mut().unwrap();
    let before = list.len();
    list.retain(|entry| entry[key] != name);
    assert_eq!(list.len() + 1, before, "{name}");
}

fn delete_group(account: &mut Value, name: &str) {
    delete(account, "SecurityGroups", "GroupName", name);
}

fn off_function(account: &mut Value) {
    let function = entry(account, "Functions", "FunctionName", "stock-sync");
    function["VpcConfig"]["SecurityGroupIds"].as_array_mut().unwrap().pop();
}

fn off_database(account: &mut Value) {
    let database = entry(account, "DBInstances", "DBInstanceIdentifier", "inventory");
    database["VpcSecurityGroups"].as_array_mut().unwrap().pop();
}

fn without_tags(account: &mut Value) {
    for name in ["rds-lambda-3", "lambda-rds-3"] {
        group(account, name)["Tags"] = json!([]);
    }
}

fn proxy(account: &mut Value) -> &mut Value {
    entry(account, "DBProxies", "DBProxyName", "orders-proxy")
}

/// An account in which both connections were set up.
fn connected() -> Shell {
    let shell = Shell::new();
    for connection in [STOCK, REFUNDS] {
        let run = shell.run(&format!("setup --offline account.json {connection} --yes"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
    }
    shell
}

fn copy(of: &Shell) -> Shell {
    let shell = Shell::new();
    for file in ["account.json", "state"] {
        let from = of.folder.path().join(file);
        if from.exists() {
            fs::copy(from, shell.folder.path().join(file)).unwrap();
        }
    }
    shell
}

fn findings(shell: &Shell, drift: &str, id: &str) -> (String, Vec<Value>) {
    let run = shell.run(&format!("drift --offline account.json {drift} --output json"));
    let document = run.json();
    let connections = document["connections"].as_array().unwrap();
    let Some(found) = connections.iter().find(|found| found["id"] == id) else {
        return ("none".to_owned(), Vec::new());
    };
    let verdict = found["verdict"].as_str().unwrap().to_owned();
    (verdict, found["findings"].as_array().unwrap().clone())
}

fn remedy(finding: &Value) -> Option<String> {
    let words = finding["remedy"].as_array()?.iter().map(|word| word.as_str().unwrap());
    Some(words.collect::<Vec<_>>().join(" "))
}

fn same(a: &Value, b: &Value) -> bool {
    (&a["kind"], &a["resource"]) == (&b["kind"], &b["resource"])
}

/// Checks the findings, and that each remedy, run alone on the account, makes its finding go away.
fn check(shell: &Shell, (name, _, drift, expected): &Row, id: &str) -> BTreeSet<(String, String)> {
    let (_, found) = findings(shell, drift, id);
    let told: Vec<_> = found
        .iter()
        .map(|finding| {
            (
                finding["kind"].as_str().unwrap(),
                finding["severity"].as_str().unwrap(),
                remedy(finding),
            )
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(kind, severity, remedy)| (*kind, *severity, remedy.as_deref()))
        .collect();
    assert_eq!(told, *expected, "{name}: {found:#?}");
    for finding in &found {
        let Some(remedy) = remedy(finding) else { continue };
        let shell = copy(shell);
        if remedy.starts_with("diagnose ") {
            names_a_cause(&shell, name, &remedy);
            continue;
        }
        // A command that only changes what is remembered asks for nothing.
        let run = if remedy.starts_with("drift ") {
            shell.run(&format!("{remedy} --offline account.json"))
        } else {
            shell.run(&format!("{remedy} --offline account.json --yes"))
        };
        assert_ne!(run.status, Some(1), "{name}: {remedy}: {}", run.stderr);
        let (_, after) = findings(&shell, drift, id);
        assert!(
            !after.iter().any(|after| same(after, finding)),
            "{name}: {remedy}: {after:#?}"
        );
    }
    let of = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    found
        .iter()
        .map(|finding| (of(finding, "kind"), of(finding, "severity")))
        .collect()
}

/// A remedy that changes nothing names what does: a check fails, and says what to do about it.
fn names_a_cause(shell: &Shell, name: &str, remedy: &str) {
    let run = shell.run(&format!("{remedy} --offline account.json --output json"));
    assert_eq!(run.status, Some(2), "{name}: {remedy}: {}", run.stderr);
    let document = run.json();
    let checks = document["checks"].as_array().unwrap();
    let mut failing = checks.iter().filter(|check| check["status"] == "fail").peekable();
    assert!(failing.peek().is_some(), "{name}: {document:#}");
    assert!(failing.all(|check| check["remedy"].is_string()), "{name}: {document:#}");
}

const SETUP: &str = "setup --instance inventory --function stock-sync";
const REPAIR: &str = "setup --instance inventory --function stock-sync --repair";
const SETUP_PROXY: &str = "setup --cluster orders --function refunds --proxy orders-proxy";
const DIAGNOSE_PROXY: &str = "diagnose --cluster orders --function refunds --proxy orders-proxy";
const REPAIR_PROXY: &str = "setup --cluster orders --function refunds --proxy orders-proxy --repair";

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<Row> {
    vec![
        (
            "open to everybody",
            |a| inbound(a, "rds-lambda-3").push(range("0.0.0.0/0", 5433)),
            STOCK,
            &[("opened", "critical", Some(REPAIR))],
        ),
        (
            "open on another port",
            |a| inbound(a, "rds-lambda-3").push(range("0.0.0.0/0", 22)),
            STOCK,
            &[("opened", "critical", Some(REPAIR))],
        ),
        (
            "open by halves",
            |a| inbound(a, "rds-lambda-3").extend([range("0.0.0.0/1", 5433), range("128.0.0.0/1", 5433)]),
            STOCK,
            &[("opened", "critical", Some(REPAIR))],
        ),
        (
            "open over IPv6",
            |a| {
                let rule = json!({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]});
                inbound(a, "lambda-rds-3").push(rule);
            },
            STOCK,
            &[("opened", "critical", Some(REPAIR))],
        ),
        (
            "open in place of its own rule",
            |a| *inbound(a, "rds-lambda-3") = vec![range("0.0.0.0/0", 5433)],
            STOCK,
            &[
                ("opened", "critical", Some(REPAIR)),
                ("rule-changed", "high", Some(REPAIR)),
            ],
        ),
        (
            "half of the internet is not all of it",
            |a| inbound(a, "rds-lambda-3").push(range("0.0.0.0/1", 5433)),
            STOCK,
            &[("rule-added", "high", Some(REPAIR))],
        ),
        (
            "what a prefix list holds is unknown",
            |a| {
                let list = json!([{"PrefixListId": "pl-0a1b"}]);
                inbound(a, "rds-lambda-3")
                    .push(json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "PrefixListIds": list}));
            },
            STOCK,
            &[("rule-added", "medium", Some(REPAIR))],
        ),
        (
            "a prefix list instead of the group",
            |a| {
                let list = json!([{"PrefixListId": "pl-0a1b"}]);
                *inbound(a, "rds-lambda-3") =
                    vec![json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "PrefixListIds": list})];
            },
            STOCK,
            &[("rule-changed", "medium", Some(REPAIR))],
        ),
        (
            "a private range",
            |a| inbound(a, "rds-lambda-3").push(range("10.1.0.0/16", 22)),
            STOCK,
            &[("rule-added", "medium", Some(REPAIR))],
        ),
        (
            "an outbound rule",
            |a| outbound(a, "lambda-rds-3").push(range("0.0.0.0/0", 443)),
            STOCK,
            &[("rule-added", "medium", Some(REPAIR))],
        ),
        (
            "no inbound rule",
            |a| inbound(a, "rds-lambda-3").clear(),
            STOCK,
            &[("rule-removed", "high", Some(REPAIR))],
        ),
        (
            "a wider rule",
            |a| inbound(a, "rds-lambda-3")[0]["ToPort"] = 6000.into(),
            STOCK,
            &[("rule-changed", "medium", Some(REPAIR))],
        ),
        (
            "another rule",
            |a| {
                inbound(a, "rds-lambda-3")[0]["FromPort"] = 6000.into();
                inbound(a, "rds-lambda-3")[0]["ToPort"] = 6000.into();
            },
            STOCK,
            &[("rule-changed", "high", Some(REPAIR))],
        ),
        (
            "off the function",
            off_function,
            STOCK,
            &[("group-detached", "high", Some(SETUP))],
        ),
        (
            "off the database",
            off_database,
            STOCK,
            &[("group-detached", "high", Some(SETUP))],
        ),
        (
            "the function's group is deleted",
            |a| {
                off_function(a);
                inbound(a, "rds-lambda-3").clear();
                delete_group(a, "lambda-rds-3");
            },
            STOCK,
            &[
                ("rule-removed", "high", Some(REPAIR)),
                ("group-gone", "high", Some(REPAIR)),
            ],
        ),
        (
            "both groups are deleted",
            |a| {
                off_function(a);
                off_database(a);
                delete_group(a, "lambda-rds-3");
                delete_group(a, "rds-lambda-3");
            },
            STOCK,
            &[("group-gone", "high", Some(SETUP)), ("group-gone", "high", Some(SETUP))],
        ),
        (
            "another port of the database",
            |a| entry(a, "DBInstances", "DBInstanceIdentifier", "inventory")["Port"] = 6000.into(),
            STOCK,
            &[("port-moved", "high", Some(REPAIR))],
        ),
        (
            "a network ACL denies the port",
            |a| {
                let subnets = entry(a, "Functions", "FunctionName", "stock-sync")["VpcConfig"]["SubnetIds"].clone();
                let subnets = subnets.as_array().unwrap().iter();
                let associations: Vec<Value> = subnets.map(|id| json!({"SubnetId": id})).collect();
                let deny = json!({"RuleNumber": 50, "Protocol": "6", "RuleAction": "deny", "Egress": true,
                    "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 5433, "To": 5433}});
                let allow = |egress: bool| {
                    json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow",
                    "Egress": egress, "CidrBlock": "0.0.0.0/0"})
                };
                a["NetworkAcls"] = json!([{"NetworkAclId": "acl-0b01", "VpcId": a["Subnets"][0]["VpcId"],
                    "Associations": associations, "Entries": [deny, allow(false), allow(true)]}]);
            },
            STOCK,
            &[(
                "path-blocked",
                "high",
                Some("diagnose --instance inventory --function stock-sync"),
            )],
        ),
        (
            "the function is in no VPC",
            |a| {
                let function = entry(a, "Functions", "FunctionName", "stock-sync");
                function.as_object_mut().unwrap().remove("VpcConfig");
            },
            STOCK,
            &[(
                "function-moved",
                "high",
                Some("setup --instance inventory --function stock-sync --attach-vpc"),
            )],
        ),
        (
            "the function is in another VPC",
            |a| {
                let function = entry(a, "Functions", "FunctionName", "stock-sync");
                function["VpcConfig"] = json!({"SubnetIds": ["subnet-0e5a"], "SecurityGroupIds": []});
            },
            STOCK,
            &[("function-moved", "high", None)],
        ),
        (
            "the function is deleted",
            |a| delete(a, "Functions", "FunctionName", "stock-sync"),
            STOCK,
            &[("function-gone", "high", None)],
        ),
        (
            "the database is deleted",
            |a| delete(a, "DBInstances", "DBInstanceIdentifier", "inventory"),
            STOCK,
            &[("database-gone", "high", None)],
        ),
        (
            "the proxy is deleted",
            |a| delete(a, "DBProxies", "DBProxyName", "orders-proxy"),
            REFUNDS,
            &[("proxy-gone", "high", None)],
        ),
        (
            "a group on nothing",
            |a| {
                let mut unused = group(a, "rds-lambda-3").clone();
                unused["GroupId"] = "sg-0abc".into();
                unused["GroupName"] = "rds-lambda-9".into();
                a["SecurityGroups"].as_array_mut().unwrap().push(unused);
            },
            STOCK,
            &[("group-unused", "low", Some("cleanup"))],
        ),
        (
            "the cluster joined a global database",
            |a| {
                entry(a, "DBClusters", "DBClusterIdentifier", "orders")["GlobalClusterIdentifier"] = "world".into();
            },
            REFUNDS,
            &[("not-supported", "medium", None)],
        ),
        (
            "the proxy has no target",
            |a| {
                proxy(a).as_object_mut().unwrap().remove("Target");
            },
            REFUNDS,
            &[("target-not-available", "high", Some(SETUP_PROXY))],
        ),
        (
            "the proxy cannot log in",
            |a| proxy(a)["Target"]["UnavailableReason"] = "AUTH_FAILURE".into(),
            REFUNDS,
            &[("target-not-available", "high", Some(DIAGNOSE_PROXY))],
        ),
        (
            "the proxy's outbound rule is gone",
            |a| outbound(a, "rdsproxy-lambda-1").clear(),
            REFUNDS,
            &[
                ("rule-removed", "high", Some(REPAIR_PROXY)),
                ("target-not-available", "high", Some(REPAIR_PROXY)),
            ],
        ),
        (
            "the groups are of the console's making",
            |a| {
                without_tags(a);
                inbound(a, "rds-lambda-3").push(range("0.0.0.0/0", 5433));
                outbound(a, "lambda-rds-3").push(range("10.0.0.0/8", 443));
            },
            STOCK,
            &[("opened", "critical", None), ("rule-added", "medium", None)],
        ),
    ]
}

#[test]
fn each_finding_has_a_severity_and_a_remedy_that_works() {
    let connected = connected();
    let mut told = BTreeSet::new();
    for row in &table() {
        let shell = copy(&connected);
        shell.edit(row.1);
        let id = if row.2 == STOCK {
            "instance/inventory:function/stock-sync"
        } else {
            "cluster/orders:proxy/orders-proxy:function/refunds"
        };
        told.extend(check(&shell, row, id));
    }
    let elsewhere = [
        // Tested below, and what was never needed yet.
        FindingKind::ConnectionVanished,
        FindingKind::NotAsSetUp,
        FindingKind::Unread,
        // tests/offline/replaced.rs
        FindingKind::PermissionStale,
        // tests/cli/stacks.rs
        FindingKind::NotInTemplate,
    ];
    for kind in FindingKind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)) {
        assert!(told.iter().any(|(found, _)| found == kind.as_str()), "{kind:?}");
    }
    for severity in Severity::ALL {
        assert!(told.iter().any(|(_, found)| found == severity.as_str()), "{severity:?}");
    }
}

/// What `--repair` does about each finding: what a remedy of the connection resolves, and nothing else.
#[test]
fn each_finding_is_repaired_or_left() {
    let connected = connected();
    for (name, edit, drift, expected) in &table() {
        let shell = copy(&connected);
        shell.edit(edit);
        let before = fs::read(shell.folder.path().join("account.json")).unwrap();
        let is_repairable = |remedy: &str| remedy.starts_with("setup ") && !remedy.ends_with("--attach-vpc");
        let is_repaired = expected.iter().any(|(.., remedy)| remedy.is_some_and(is_repairable));
        let planned = shell.run(&format!(
            "drift --offline account.json {drift} --repair --dry-run --output json"
        ));
        let now = fs::read(shell.folder.path().join("account.json")).unwrap();
        assert_eq!((planned.status, &before), (Some(2), &now), "{name}: {}", planned.stderr);
        let run = shell.run(&format!(
            "drift --offline account.json {drift} --repair --yes --output json"
        ));
        let found = &run.json()["connections"][0];
        let result = |run: &Value| run["connections"][0]["repair"]["result"].clone();
        if is_repaired {
            assert_eq!(result(&planned.json()), "planned", "{name}");
            assert_eq!(found["repair"]["result"], "repaired", "{name}: {found:#}");
            assert_eq!(
                (&found["verdict"], run.status),
                (&json!("in-sync"), Some(0)),
                "{name}: {found:#}"
            );
            let mended = found["repair"]["findings"].as_array().unwrap().len();
            assert_eq!(mended, expected.len(), "{name}: {found:#}");
        } else {
            assert_eq!(result(&planned.json()), "left", "{name}");
            assert_eq!(found["repair"]["result"], "left", "{name}: {found:#}");
            assert!(found["repair"]["reason"].is_string(), "{name}");
            assert_eq!(run.status, Some(2), "{name}");
            let now = fs::read(shell.folder.path().join("account.json")).unwrap();
            assert_eq!(before, now, "{name}");
        }
    }
}

/// What happened once: `setup` made a second set, and the open group of the first one was no longer reported.
#[test]
fn an_open_group_is_reported_also_where_another_set_serves() {
    let shell = connected();
    shell.edit(|a| inbound(a, "rds-lambda-3").push(range("0.0.0.0/0", 5433)));
    let plain = format!("setup --offline account.json {STOCK}");
    let warns =
        |run: &crate::Run| run.stdout.contains("rds-lambda-3") && run.stdout.contains("is open to the internet");
    let planned = shell.run(&format!("{plain} --dry-run"));
    assert!(warns(&planned), "{}", planned.stdout);
    assert_eq!(shell.run(&format!("{plain} --yes")).status, Some(0));
    let again = shell.run(&plain);
    assert!(warns(&again) && again.stdout.contains("no-op"), "{}", again.stdout);
    let json = shell.run(&format!("{plain} --output json")).json();
    let reasons = json["reasons"].to_string();
    assert!(reasons.contains("is open to the internet"), "{reasons}");

    let id = "instance/inventory:function/stock-sync";
    let expected: Row = ("two sets", |_| (), STOCK, &[("opened", "critical", Some(REPAIR))]);
    check(&shell, &expected, id);
    assert_eq!(findings(&shell, "", id).0, "drifted");
    // The repair changes that rule and nothing else, and says so.
    let repair = format!("{REPAIR} --offline account.json");
    let planned = shell.run(&format!("{repair} --dry-run --detailed-exitcode --output json"));
    assert_eq!(planned.status, Some(2));
    let planned = planned.json();
    let steps = planned["steps"].as_array().unwrap();
    let actions: Vec<&Value> = steps.iter().map(|step| &step["action"]).collect();
    assert_eq!(actions, ["ec2:RevokeSecurityGroupIngress"], "{planned:#}");
    assert_eq!(planned["result"], "planned");
    let run = shell.run(&format!("{repair} --yes --output json")).json();
    assert_eq!(
        (&run["result"], &run["api_calls"]["write"]),
        (&json!("connected"), &json!(1)),
        "{run:#}"
    );
    assert_eq!(findings(&shell, "", id), ("in-sync".to_owned(), vec![]));
    assert_eq!(
        shell.run(&format!("{repair} --yes --output json")).json()["result"],
        "unchanged"
    );
}

/// Each of these groups is attached and belongs to no connection that could report it.
#[test]
fn an_open_group_without_a_connection_is_reported() {
    let cases: [(&str, Edit, &str); 3] = [
        (
            "nothing ties it to a function",
            |a| {
                *inbound(a, "rds-lambda-1") = vec![range("0.0.0.0/0", 5432)];
                let function = entry(a, "Functions", "FunctionName", "checkout");
                function["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0f00"]);
            },
            "cluster/orders",
        ),
        (
            "its function was deleted",
            |a| {
                inbound(a, "rds-lambda-1").push(range("0.0.0.0/0", 5432));
                delete(a, "Functions", "FunctionName", "checkout");
            },
            "cluster/orders",
        ),
        (
            "it is on a function alone",
            |a| {
                outbound(a, "lambda-rds-1").clear();
                inbound(a, "lambda-rds-1").push(range("0.0.0.0/0", 22));
                inbound(a, "rds-lambda-1").clear();
                let database = entry(a, "DBClusters", "DBClusterIdentifier", "orders");
                database["VpcSecurityGroups"] = json!([{"VpcSecurityGroupId": "sg-0d00"}]);
            },
            "function/checkout",
        ),
    ];
    for (name, edit, id) in cases {
        let shell = Shell::new();
        shell.edit(edit);
        let (verdict, found) = findings(&shell, "", id);
        assert_eq!(
            (verdict.as_str(), found[0]["kind"].as_str()),
            ("drifted", Some("opened")),
            "{name}: {found:#?}"
        );
        // Each shard reports its part, and all of them the whole.
        let told = (1..=3).filter(|shard| findings(&shell, &format!("--shard {shard}/3"), id).0 == "drifted");
        assert_eq!(told.count(), 1, "{name}");
    }
}

/// What is found by its tags alone is no longer found once it is removed.
#[test]
fn what_is_left_of_a_connection_is_removed() {
    let connected = connected();
    let table: [(&str, Edit, &str); 3] = [
        (
            "function-gone",
            |a| delete(a, "Functions", "FunctionName", "stock-sync"),
            STOCK,
        ),
        (
            "database-gone",
            |a| delete(a, "DBInstances", "DBInstanceIdentifier", "inventory"),
            STOCK,
        ),
        (
            "proxy-gone",
            |a| delete(a, "DBProxies", "DBProxyName", "orders-proxy"),
            REFUNDS,
        ),
    ];
    for (kind, edit, connection) in table {
        let shell = copy(&connected);
        shell.edit(edit);
        let id = if connection == STOCK {
            "instance/inventory:function/stock-sync"
        } else {
            "cluster/orders:proxy/orders-proxy:function/refunds"
        };
        let (_, found) = findings(&shell, "", id);
        assert_eq!((found.len(), &found[0]["kind"]), (1, &json!(kind)), "{found:#?}");
        let remedy = remedy(&found[0]).unwrap();
        assert_eq!(remedy, format!("remove {connection}"));
        let run = shell.run(&format!("{remedy} --offline account.json --yes"));
        assert_eq!(run.status, Some(0), "{kind}: {}", run.stderr);
        assert_eq!(findings(&shell, "", id), ("none".to_owned(), vec![]), "{kind}");
        // Named, it is as gone as before, and nothing can be done about that.
        let (_, found) = findings(&shell, connection, id);
        assert_eq!((&found[0]["kind"], &found[0]["remedy"]), (&json!(kind), &Value::Null));
    }
}

#[test]
fn remedies_name_the_place_and_never_another_account() {
    let shell = connected();
    shell.edit(|a| inbound(a, "rds-lambda-3").push(range("0.0.0.0/0", 5433)));
    let manifest = |more: &str| {
        let text = format!("[[connection]]\ninstance = \"inventory\"\nfunction = \"stock-sync\"\n{more}\n");
        fs::write(shell.folder.path().join("m.toml"), text).unwrap();
        let (_, found) = findings(&shell, "--manifest m.toml", "instance/inventory:function/stock-sync");
        remedy(&found[0])
    };
    assert_eq!(manifest(""), Some(REPAIR.to_owned()));
    assert_eq!(
        manifest("region = \"eu-central-1\""),
        Some(format!("{REPAIR} --region eu-central-1"))
    );
    assert_eq!(manifest("role_arn = \"arn:aws:iam::123456789012:role/drift\""), None);
}

/// The failing checks of `diagnose`, each with its commands of this program.
fn failing(shell: &Shell, connection: &str) -> Vec<(String, Vec<String>)> {
    let run = shell.run(&format!("diagnose --offline account.json {connection} --output json"));
    let document = run.json();
    let Some(checks) = document["checks"].as_array() else {
        return Vec::new();
    };
    let failing = checks.iter().filter(|check| check["status"] == "fail");
    let of = |check: &Value| {
        let lines = check["remedy"].as_str().unwrap_or_default().lines();
        let own = lines.filter_map(|line| line.strip_prefix("autoconnect "));
        (
            check["id"].as_str().unwrap().to_owned(),
            own.map(str::to_owned).collect(),
        )
    };
    failing.map(of).collect()
}

/// Gives the function as many groups as it can have.
fn full(account: &mut Value) {
    for number in 0..3 {
        let (id, name) = (format!("sg-f{number}"), format!("full-{number}"));
        let group = json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-0a1b2c3d", "IpPermissionsEgress": []});
        account["SecurityGroups"].as_array_mut().unwrap().push(group);
        let function = entry(account, "Functions", "FunctionName", "stock-sync");
        let on = function["VpcConfig"]["SecurityGroupIds"].as_array_mut().unwrap();
        on.push(json!(format!("sg-f{number}")));
    }
}

/// Each command of this program that `diagnose` prints for a failing check, run alone, makes the check pass.
#[test]
fn what_diagnose_prints_works() {
    let connected = connected();
    let (mut seen, mut wrong) = (0, Vec::new());
    let of_diagnose: [(&str, Edit, &str); 4] = [
        (
            "no rule, and no room for another group on the function",
            |a| {
                outbound(a, "lambda-rds-3").clear();
                full(a);
            },
            STOCK,
        ),
        (
            "another rule, and no room for another group on the function",
            |a| {
                *inbound(a, "rds-lambda-3") = vec![range("10.9.0.0/16", 5433)];
                full(a);
            },
            STOCK,
        ),
        (
            "both ends without rules",
            |a| {
                outbound(a, "lambda-rds-3").clear();
                inbound(a, "rds-lambda-3").clear();
            },
            STOCK,
        ),
        (
            "in no VPC",
            |a| {
                let function = entry(a, "Functions", "FunctionName", "stock-sync");
                function.as_object_mut().unwrap().remove("VpcConfig");
            },
            STOCK,
        ),
    ];
    let of_drift = table()
        .into_iter()
        .map(|(name, edit, connection, _)| (name, edit, connection));
    for (name, edit, connection) in of_drift.chain(of_diagnose) {
        let shell = copy(&connected);
        shell.edit(edit);
        let is_own = of_diagnose.iter().any(|(own, ..)| *own == name);
        assert!(!is_own || !failing(&shell, connection).is_empty(), "{name}");
        for (check, commands) in failing(&shell, connection) {
            for command in commands {
                let shell = copy(&shell);
                let yes = if command.starts_with("diagnose ") { "" } else { "--yes" };
                let run = shell.run(&format!("{command} --offline account.json {yes}"));
                seen += 1;
                if failing(&shell, connection).iter().any(|(id, _)| *id == check) {
                    wrong.push(format!("{name}: {check}: {command}: {:?} {}", run.status, run.stderr));
                }
            }
        }
    }
    assert!(seen > 3, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
