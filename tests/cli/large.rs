//! Large accounts: four times as much takes about four times as long, and not sixteen times.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Shell;

const SMALL: usize = 2_000;
const FACTOR: usize = 4;

/// Less than this is start-up and noise.
const NOISE: Duration = Duration::from_millis(40);

const COMMANDS: [&str; 7] = [
    "setup --cluster orders --function refunds --dry-run",
    "setup --instance inventory --function stock-sync --dry-run",
    "remove --cluster orders --function checkout --console-made --dry-run",
    "drift",
    "list --cluster orders",
    "diagnose --cluster orders --function checkout",
    "internet check --function checkout",
];

fn to_group(group: &str) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": group}]})
}

fn to_range(number: usize) -> Value {
    // Every other address, so that no two make up a larger range.
    let address = 2 * number;
    let cidr = format!("9.{}.{}.{}/32", address >> 16 & 255, address >> 8 & 255, address & 255);
    json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": cidr}]})
}

fn group_of<'a>(account: &'a mut Value, id: &str) -> &'a mut Value {
    let mut groups = account["SecurityGroups"].as_array_mut().unwrap().iter_mut();
    groups.find(|group| group["GroupId"] == id).unwrap()
}

/// Rules in the groups of a connection, which somebody has added.
fn with_rules(account: &mut Value, count: usize) {
    for (group, direction) in [("sg-0d01", "IpPermissions"), ("sg-0f01", "IpPermissionsEgress")] {
        let rules = group_of(account, group)[direction].as_array_mut().unwrap();
        rules.extend((0..count).map(to_range));
    }
}

/// Pairs of groups with names of the convention, on nothing.
fn with_groups(account: &mut Value, count: usize) {
    let vpc = group_of(account, "sg-0d01")["VpcId"].clone();
    let groups = account["SecurityGroups"].as_array_mut().unwrap();
    for number in 0..count {
        let (database, function) = (format!("sg-d{number:08x}"), format!("sg-f{number:08x}"));
        groups.push(
            json!({"GroupId": database, "GroupName": format!("rds-lambda-{}", number + 100), "VpcId": vpc,
            "IpPermissions": [to_group(&function)], "IpPermissionsEgress": []}),
        );
        groups.push(
            json!({"GroupId": function, "GroupName": format!("lambda-rds-{}", number + 100), "VpcId": vpc,
            "IpPermissions": [], "IpPermissionsEgress": [to_group(&database)]}),
        );
    }
}

/// Functions with the groups of one that is connected.
fn with_functions(account: &mut Value, count: usize) {
    let functions = account["Functions"].as_array_mut().unwrap();
    let mut of_name = functions
        .iter()
        .filter(|function| function["FunctionName"] == "checkout");
    let function = of_name.next().unwrap().clone();
    functions.extend((0..count).map(|number| {
        let mut function = function.clone();
        function["FunctionName"] = format!("checkout-{number}").into();
        function
    }));
}

/// Makes an account larger by so much.
type Grow = fn(&mut Value, usize);

#[test]
fn time_grows_as_the_account_does() {
    let shell = Shell::new();
    let file = |name: &str| shell.folder.path().join(name);
    let original: Value = serde_json::from_slice(&fs::read(file("account.json")).unwrap()).unwrap();
    let shapes: [(&str, Grow); 3] = [
        ("rules", with_rules),
        ("groups", with_groups),
        ("functions", with_functions),
    ];
    for (shape, grow) in shapes {
        for (name, count) in [("small.json", SMALL), ("large.json", SMALL * FACTOR)] {
            let mut account = original.clone();
            account["Quotas"] = json!({"SecurityGroupsPerRegion": 1_000_000, "RulesPerSecurityGroup": 1_000_000});
            grow(&mut account, count);
            fs::write(file(name), account.to_string()).unwrap();
        }
        for command in COMMANDS {
            let time = |name: &str| {
                let start = Instant::now();
                let run = shell.run(&format!("{command} --offline {name} --output json"));
                // Where other rules still connect the two, remove is incomplete.
                let is_incomplete = run.status == Some(1) && run.json()["result"] == "incomplete";
                let has_ended = matches!(run.status, Some(0 | 2)) || is_incomplete;
                assert!(has_ended, "{shape}, {command}: {}", run.stderr);
                start.elapsed()
            };
            // Of a machine that does something else, the quickest of several runs is the truest.
            let mut ratio = f64::MAX;
            for _ in 0..4 {
                let small = time("small.json").max(NOISE);
                ratio = ratio.min(time("large.json").as_secs_f64() / small.as_secs_f64());
                if ratio < 6.0 {
                    break;
                }
            }
            assert!(
                ratio < 10.0,
                "{shape}, {command}: {FACTOR} times as much took {ratio:.1} times as long"
            );
        }
    }
}
