//! Plans that are saved, shown and applied.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{REFUNDS, Run, STOCK, Shell};

impl Shell {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn saved(&self) -> Value {
        serde_json::from_str(&self.read("plan.json")).unwrap()
    }

    /// Applies the plan, unasked.
    fn apply(&self, more: &str) -> Run {
        self.run(&format!(
            "apply plan.json --offline account.json --yes --output json {more}"
        ))
    }
}

/// Each command that writes, in an account file.
const WRITES: [(&str, &str); 12] = [
    (
        "account.json",
        "setup --instance inventory --function stock-sync --tag team=shop",
    ),
    (
        "account.json",
        "setup --cluster orders --function refunds --proxy orders-proxy",
    ),
    (
        "account.json",
        "setup --cluster orders --function refunds --proxy new --set-env",
    ),
    (
        "account.json",
        "setup --cluster orders --function new:report --proxy new --proxy-auth iam --db-user app",
    ),
    (
        "account.json",
        "setup --instance inventory --function newsletter --attach-vpc",
    ),
    (
        "account.json",
        "remove --cluster orders --function checkout --console-made",
    ),
    ("account.json", "attach --function newsletter --like-database inventory"),
    ("account.json", "detach --function stock-sync"),
    (
        "network.json",
        "diagnose --instance ledger --function ledger-sync --fix",
    ),
    (
        "network.json",
        "internet setup --function crawler --service secretsmanager",
    ),
    ("msk.json", "msk setup --cluster-arn CLUSTER --via endpoints"),
    ("msk.json", "msk setup --cluster-arn CLUSTER --via nat"),
];

fn in_file(shell: &Shell, file: &str, command: &str) -> String {
    let account: Value = serde_json::from_str(&shell.read(file)).unwrap();
    let clusters = account["MskClusters"].as_array().into_iter().flatten();
    let arns = clusters.filter_map(|cluster| cluster["ClusterArn"].as_str());
    let audit = arns.into_iter().find(|arn| arn.contains("cluster/audit/"));
    command.replace("CLUSTER", audit.unwrap_or_default())
}

/// What was saved is what is applied: the same steps, and then there is nothing left.
#[test]
fn each_command_is_applied_as_it_was_saved() {
    for (file, command) in WRITES {
        let shell = Shell::new();
        let command = in_file(&shell, file, command);
        let before = shell.read(file);
        let planned = shell.run(&format!("{command} --offline {file} --out plan.json --output json"));
        let document = planned.json();
        assert_eq!(
            planned.status.map(|status| status == 1),
            Some(false),
            "{command}: {}",
            planned.stderr
        );
        assert_eq!(document["result"], "planned", "{command}");
        assert_eq!(document["dry_run"], true, "{command}");
        assert_eq!(shell.read(file), before, "{command}");
        let plan = shell.saved();
        let summaries = |steps: &Value| -> Vec<String> {
            let steps = steps.as_array().unwrap().iter();
            steps.map(|step| step["summary"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(summaries(&plan["steps"]), summaries(&document["steps"]), "{command}");
        for step in plan["steps"].as_array().unwrap() {
            assert!(step["parameters"]["effect"].is_string(), "{command}: {step}");
        }
        let applied = shell.run(&format!("apply plan.json --offline {file} --yes --output json"));
        let document = applied.json();
        assert_eq!(
            summaries(&plan["steps"]),
            summaries(&document["steps"]),
            "{command}: {}",
            applied.stderr
        );
        assert!(
            document["steps"]
                .as_array()
                .unwrap()
                .iter()
                .all(|step| step["status"] != "planned"),
            "{command}"
        );
        let after = shell.read(file);
        let again = shell.run(&format!("apply plan.json --offline {file} --yes --output json"));
        let result = again.json()["result"].clone();
        assert!(
            result == "unchanged" || command.contains("diagnose"),
            "{command}: {}",
            again.stdout
        );
        assert_eq!(shell.read(file), after, "{command}: nothing is written again");
    }
}

#[test]
fn a_saved_plan_as_people_see_it() {
    let shell = Shell::new();
    assert_snapshot!("plan_saved", shell.session(&format!("{STOCK} --out plan.json")));
    assert_snapshot!("plan_shown", shell.session("show plan.json"));
    assert_snapshot!(
        "plan_not_approved",
        shell.session("apply plan.json --offline account.json")
    );
    shell.edit(|account| account["DBInstances"][2]["Port"] = 5444.into());
    assert_snapshot!(
        "plan_outdated",
        shell.session("apply plan.json --offline account.json --yes")
    );
}

type Change = Box<dyn Fn(&mut Value)>;

/// What the plan depends on has changed: nothing is written.
#[test]
fn what_has_changed_since_is_an_error_before_the_first_write() {
    let group = |id: &str, name: &str| {
        json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-0a1b2c3d", "Description": "of another team",
               "IpPermissions": [], "IpPermissionsEgress": []})
    };
    let push = |list: &str, item: Value| {
        let list = list.to_owned();
        move |account: &mut Value| account[&list].as_array_mut().unwrap().push(item.clone())
    };
    let drop = |list: &str, key: &str, name: &str| -> Change {
        let (list, key, name) = (list.to_owned(), key.to_owned(), name.to_owned());
        Box::new(move |account: &mut Value| {
            account[&list]
                .as_array_mut()
                .unwrap()
                .retain(|item| item[&key] != *name);
        })
    };
    let direct = STOCK;
    let secret = "setup --offline account.json --cluster orders --function refunds --proxy new --secret orders-app";
    let table: Vec<(&str, &str, Change)> = vec![
        (
            "the port",
            direct,
            Box::new(|account| account["DBInstances"][2]["Port"] = 5444.into()),
        ),
        (
            "a group on the database",
            direct,
            Box::new(move |account| {
                push("SecurityGroups", group("sg-0999", "theirs"))(account);
                let groups = account["DBInstances"][2]["VpcSecurityGroups"].as_array_mut().unwrap();
                groups.push(json!({"VpcSecurityGroupId": "sg-0999", "Status": "active"}));
            }),
        ),
        (
            "the name of a group",
            direct,
            Box::new(push("SecurityGroups", group("sg-0998", "rds-lambda-3"))),
        ),
        ("the function", direct, drop("Functions", "FunctionName", "stock-sync")),
        (
            "the database",
            direct,
            drop("DBInstances", "DBInstanceIdentifier", "inventory"),
        ),
        ("the secret", secret, drop("Secrets", "Name", "orders-app")),
    ];
    for (what, command, change) in table {
        let shell = Shell::new();
        let planned = shell.run(&format!("{command} --out plan.json"));
        assert_eq!(planned.status, Some(0), "{what}: {}", planned.stderr);
        shell.edit(change);
        let before = shell.read("account.json");
        let run = shell.apply("");
        assert_eq!(run.status, Some(1), "{what}: {}", run.stdout);
        assert_eq!(run.json()["error"]["code"], "plan-outdated", "{what}: {}", run.stdout);
        assert_eq!(run.json()["error"]["applied"], json!([]), "{what}");
        let message = run.json()["error"]["message"].to_string();
        let names_it = message.contains("it now also has theirs (sg-0999)");
        assert_eq!(names_it, what == "a group on the database", "{what}: {message}");
        assert_eq!(shell.read("account.json"), before, "{what}");
    }
}

/// What does not concern the plan may change.
#[test]
fn what_the_plan_does_not_depend_on_may_change() {
    let shell = Shell::new();
    shell.run(&format!("{STOCK} --out plan.json"));
    shell.run(&format!("{REFUNDS} --yes"));
    let run = shell.apply("");
    assert_eq!(
        (run.status, &run.json()["result"]),
        (Some(0), &"connected".into()),
        "{}",
        run.stdout
    );
}

/// A goal that somebody else has reached is reached.
#[test]
fn what_is_reached_already_is_left_unchanged() {
    let shell = Shell::new();
    shell.run(&format!("{STOCK} --out plan.json"));
    shell.run(&format!("{STOCK} --yes"));
    let before = shell.read("account.json");
    let run = shell.apply("");
    assert_eq!(
        (run.status, &run.json()["result"]),
        (Some(0), &"unchanged".into()),
        "{}",
        run.stdout
    );
    assert_eq!(shell.read("account.json"), before);
}

#[test]
fn a_plan_is_for_its_own_account_and_region() {
    for (field, value) in [("AccountId", "210987654321"), ("Region", "eu-west-1")] {
        let shell = Shell::new();
        shell.run(&format!("{STOCK} --out plan.json"));
        let elsewhere = shell.read("account.json").replace(
            if field == "Region" {
                "eu-central-1"
            } else {
                "123456789012"
            },
            value,
        );
        fs::write(shell.folder.path().join("account.json"), &elsewhere).unwrap();
        let run = shell.apply("");
        let error = &run.json()["error"];
        assert_eq!(
            (run.status, &error["code"]),
            (Some(1), &"plan-elsewhere".into()),
            "{}",
            run.stdout
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(value) && message.contains("123456789012"), "{message}");
        assert_eq!(shell.read("account.json"), elsewhere);
    }
}

#[test]
fn a_plan_that_was_changed_is_refused() {
    let shell = Shell::new();
    shell.run(&format!("{STOCK} --out plan.json"));
    let plan = shell.read("plan.json");
    let before = shell.read("account.json");
    let table = [
        plan.replace("\"port\": 5433", "\"port\": 5432"),
        plan.replace("--function=stock-sync", "--function=refunds"),
        plan.replace("--instance=inventory", "--instance=ledger"),
        plan.replace("\"schema_version\": 1", "\"schema_version\": 9"),
        plan.replace("\"account\": \"123456789012\"", "\"account\": null"),
        plan[..plan.len() / 2].to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        String::new(),
    ];
    for changed in table {
        assert_ne!(changed, plan);
        fs::write(shell.folder.path().join("plan.json"), &changed).unwrap();
        for command in ["apply plan.json --offline account.json --yes", "show plan.json"] {
            let run = shell.run(&format!("{command} --output json"));
            assert_eq!(
                (run.status, &run.json()["error"]["code"]),
                (Some(1), &"plan-invalid".into()),
                "{command}: {changed}"
            );
        }
    }
    let run = shell.run("show nowhere.json --output json");
    assert_eq!(run.json()["error"]["code"], "plan-invalid");
    assert_eq!(shell.read("account.json"), before);

    // The hash is of the content, not of the layout.
    let compact = serde_json::from_str::<Value>(&plan).unwrap().to_string();
    fs::write(shell.folder.path().join("plan.json"), compact).unwrap();
    assert_eq!(shell.run("show plan.json").status, Some(0));
    assert_eq!(shell.apply("").status, Some(0));
}

/// A hash is no signature: whoever can write the file can make a new one. Even then only what the plan says is done.
#[test]
fn a_forged_plan_does_nothing_else_than_it_says() {
    let forged = |shell: &Shell, change: &dyn Fn(&mut Value)| {
        let mut plan = shell.saved();
        change(&mut plan);
        plan["hash"] = "".into();
        let digits: Vec<String> = Sha256::digest(plan.to_string())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        plan["hash"] = format!("sha256:{}", digits.concat()).into();
        fs::write(shell.folder.path().join("plan.json"), plan.to_string()).unwrap();
    };
    let argument = |argument: &'static str| -> Change {
        Box::new(move |plan: &mut Value| plan["arguments"].as_array_mut().unwrap().push(argument.into()))
    };
    let table: Vec<(&str, &str, Change)> = vec![
        ("nothing", "", Box::new(|_| ())),
        ("a file to write", "plan-invalid", argument("--out=victim")),
        ("no write", "plan-invalid", argument("--dry-run")),
        ("unasked", "plan-invalid", argument("--yes")),
        ("another Region", "plan-invalid", argument("--region=eu-west-1")),
        (
            "another endpoint",
            "plan-invalid",
            argument("--endpoint-url=http://127.0.0.1:1"),
        ),
        ("help", "plan-invalid", argument("--help")),
        ("another goal", "plan-outdated", argument("--tag=a=b")),
        (
            "another command",
            "plan-invalid",
            Box::new(|plan| plan["arguments"] = json!(["list", "--instance=inventory"])),
        ),
        (
            "no account",
            "plan-invalid",
            Box::new(|plan| plan["account"] = Value::Null),
        ),
        (
            "the title",
            "plan-outdated",
            Box::new(|plan| plan["heading"][0] = "Rename a tag".into()),
        ),
        (
            "a sentence",
            "plan-outdated",
            Box::new(|plan| plan["steps"][6]["summary"] = "add a tag".into()),
        ),
        (
            "an action",
            "plan-outdated",
            Box::new(|plan| plan["steps"][6]["action"] = "ec2:CreateTags".into()),
        ),
        (
            "a parameter",
            "plan-outdated",
            Box::new(|plan| plan["steps"][4]["parameters"]["port"] = 22.into()),
        ),
        (
            "a group",
            "plan-outdated",
            Box::new(|plan| plan["steps"][6]["keeps"] = json!([])),
        ),
    ];
    for (what, code, change) in table {
        let shell = Shell::new();
        shell.run(&format!("{STOCK} --out plan.json"));
        forged(&shell, &change);
        let before = shell.read("account.json");
        let run = shell.apply("");
        let document = run.json();
        assert_eq!(
            document["error"]["code"].as_str().unwrap_or_default(),
            code,
            "{what}: {}",
            run.stdout
        );
        assert_eq!(shell.read("account.json") == before, !code.is_empty(), "{what}");
        assert!(!shell.folder.path().join("victim").exists(), "{what}");
    }
}

/// Steps that vanish from the middle of a plan were not done by an earlier run of it.
#[test]
fn a_part_of_a_plan_is_not_applied() {
    let shell = Shell::new();
    shell.run(&format!("{STOCK} --yes"));
    let remove = STOCK.replace("setup", "remove");
    let connected = shell.read("account.json");
    for (list, key, name) in [
        ("DBInstances", "DBInstanceIdentifier", "inventory"),
        ("Functions", "FunctionName", "stock-sync"),
    ] {
        fs::write(shell.folder.path().join("account.json"), &connected).unwrap();
        shell.run(&format!("{remove} --out plan.json"));
        shell.edit(|account| account[list].as_array_mut().unwrap().retain(|item| item[key] != name));
        let before = shell.read("account.json");
        let run = shell.apply("");
        assert_eq!(run.json()["error"]["code"], "plan-outdated", "{name}: {}", run.stdout);
        assert_eq!(shell.read("account.json"), before, "{name}");
    }
    let shell = Shell::new();
    let fix = "diagnose --instance ledger --function mailer --fix --offline network.json";
    shell.run(&format!("{fix} --out plan.json"));
    shell.edit_file("network.json", |account| account["VpcPeeringConnections"] = json!([]));
    let before = shell.read("network.json");
    let run = shell.run("apply plan.json --offline network.json --yes --output json");
    assert_eq!(run.json()["error"]["code"], "plan-outdated", "{}", run.stdout);
    assert_eq!(shell.read("network.json"), before);
}

/// A value that somebody has set since is not replaced.
#[test]
fn what_was_set_since_is_not_replaced() {
    let shell = Shell::new();
    shell.run(&format!("{REFUNDS} --set-env --overwrite-env --out plan.json"));
    shell.edit(|account| {
        let mut functions = account["Functions"].as_array_mut().unwrap().iter_mut();
        let refunds = functions
            .find(|function| function["FunctionName"] == "refunds")
            .unwrap();
        refunds["Environment"] = json!({"DB_HOST": "precious"});
    });
    let run = shell.apply("");
    assert_eq!(run.json()["error"]["code"], "plan-outdated", "{}", run.stdout);
}

/// What `--out` cannot name, and what the program says after it has saved a plan.
#[test]
fn where_a_plan_is_saved() {
    let shell = Shell::new();
    let before = shell.read("account.json");
    fs::hard_link(
        shell.folder.path().join("account.json"),
        shell.folder.path().join("linked.json"),
    )
    .unwrap();
    for out in ["account.json", "./account.json", "linked.json", "-"] {
        let run = shell.run(&format!("{STOCK} --out {out} --output json"));
        assert_eq!(run.json()["error"]["code"], "usage", "{out}: {}", run.stdout);
        assert_eq!(shell.read("account.json"), before, "{out}");
    }
    let run = shell.run("drift --offline account.json --metrics-file ./account.json --output json");
    assert_eq!(run.json()["error"]["code"], "usage", "{}", run.stdout);
    assert_eq!(shell.read("account.json"), before);
    let policy = STOCK.replace("setup", "policy operator setup");
    let run = shell.run(&format!("{policy} --out plan.json --output json"));
    assert_eq!(run.json()["error"]["code"], "usage", "{}", run.stdout);
    let run = shell.run(&format!("{STOCK} --out plan.json --detailed-exitcode"));
    assert_eq!(run.status, Some(2));
    assert!(
        run.stderr
            .contains("run: autoconnect apply plan.json --offline account.json\n"),
        "{}",
        run.stderr
    );
    let run = shell.apply("--db-password-stdin");
    assert_eq!(run.json()["error"]["code"], "usage", "{}", run.stdout);
}

/// Where nothing is left to be written, nobody is asked: the plan is compared all the same.
#[test]
fn a_plan_is_outdated_also_where_there_is_nothing_to_do() {
    let outdated = |command: &str, change: &dyn Fn(&mut Value)| {
        let shell = Shell::new();
        let planned = shell.run(&format!("{command} --offline account.json --out plan.json"));
        assert_eq!(planned.status, Some(0), "{command}: {}", planned.stderr);
        shell.edit(change);
        let before = shell.read("account.json");
        let run = shell.apply("");
        let code = run.json()["error"]["code"].clone();
        assert_eq!(
            (run.status, code),
            (Some(1), "plan-outdated".into()),
            "{command}: {}",
            run.stdout
        );
        assert_eq!(shell.read("account.json"), before);
    };
    let group = |account: &mut Value, name: &str, change: &dyn Fn(&mut Value)| {
        let groups = account["SecurityGroups"].as_array_mut().unwrap();
        change(groups.iter_mut().find(|group| group["GroupName"] == name).unwrap());
    };
    // The console's group is as it was made no longer: `remove` leaves it, and the function stays connected.
    outdated(
        "remove --cluster orders --function checkout --console-made",
        &|account| {
            group(account, "rds-lambda-1", &|group| {
                let rule = json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]});
                group["IpPermissions"].as_array_mut().unwrap().push(rule);
            });
            group(account, "lambda-rds-1", &|group| {
                let rule = json!({"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]});
                group["IpPermissionsEgress"].as_array_mut().unwrap().push(rule);
            });
        },
    );
    // Only one of the two groups was changed: the function no longer reaches the database, but both are still attached.
    for (name, key) in [
        ("rds-lambda-1", "IpPermissions"),
        ("lambda-rds-1", "IpPermissionsEgress"),
    ] {
        outdated(
            "remove --cluster orders --function checkout --console-made",
            &|account| {
                group(account, name, &|group| {
                    group[key][0]["FromPort"] = json!(5433);
                    group[key][0]["ToPort"] = json!(5433);
                });
            },
        );
    }
    // Somebody else has taken the groups over.
    outdated(
        "adopt --cluster orders --function checkout --to terraform",
        &|account| {
            group(account, "rds-lambda-1", &|group| {
                group["Tags"] = json!([{"Key": "autoconnect:owner", "Value": "pulumi"}]);
            });
        },
    );
}

/// A password is read when the plan is applied, and is in no file.
#[test]
fn a_password_is_asked_for_when_the_plan_is_applied() {
    const CANARY: &str = "canary-51d07e";
    let shell = Shell::new();
    let new = "setup --offline account.json --cluster orders --function refunds --proxy new --db-user app --db-password-stdin";
    let with_password = |arguments: &str| {
        let mut child = shell
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A run that needs no password has ended before it is written.
        let _ = writeln!(child.stdin.take().unwrap(), "{CANARY}");
        child.wait_with_output().unwrap()
    };
    assert_eq!(with_password(&format!("{new} --out plan.json")).status.code(), Some(0));
    let before = shell.read("account.json");
    let run = shell.apply("");
    assert_eq!(
        (run.status, &run.json()["error"]["code"]),
        (Some(1), &"db-password-missing".into()),
        "{}",
        run.stdout
    );
    assert_eq!(shell.read("account.json"), before);
    let applied = with_password("apply plan.json --offline account.json --yes --db-password-stdin");
    assert_eq!(
        applied.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    assert_ne!(shell.read("account.json"), before);
    for file in ["plan.json", "account.json"] {
        assert!(!shell.read(file).contains(CANARY), "{file}");
    }
}

#[test]
fn only_commands_that_write_are_saved() {
    let shell = Shell::new();
    for command in [
        "diagnose --instance ledger --function ledger-sync",
        "internet check --function ledger-sync",
    ] {
        let run = shell.run(&format!(
            "{command} --offline network.json --out plan.json --output json"
        ));
        assert_eq!(
            (run.status, &run.json()["error"]["code"]),
            (Some(1), &"usage".into()),
            "{command}"
        );
    }
    let run = shell.run(&format!("{STOCK} --out no/such/folder/plan.json --output json"));
    assert_eq!((run.status, &run.json()["error"]["code"]), (Some(1), &"output".into()));
}
