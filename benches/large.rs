//! Whole commands on large accounts, as processes: with n, 2n and 4n rules in the groups of a connection or entries in its
//! network ACL, and with n, 2n and 4n security groups. What is wanted is time that grows as the account does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn main() {
    divan::main();
}

const RULES: [usize; 3] = [12_500, 25_000, 50_000];
const GROUPS: [usize; 3] = [30_000, 60_000, 120_000];
const COMMANDS: [&str; 10] = [
    "setup --cluster orders --function refunds --dry-run",
    "setup --instance inventory --function stock-sync --dry-run",
    "remove --cluster orders --function checkout --console-made --dry-run",
    "cleanup --dry-run",
    "drift",
    "list --cluster orders",
    "diagnose --cluster orders --function checkout",
    "internet check --function checkout",
    "export --cluster orders --function checkout --format mermaid",
    "snapshot --out snapshot.json",
];
/// What has an answer of the network's, which ACLs change.
const OF_THE_NETWORK: [&str; 3] = [
    "diagnose --cluster orders --function checkout",
    "internet check --function checkout",
    "snapshot --out snapshot.json",
];

/// Every other address from 9.0.0.0 on, so that no two make up a larger range.
fn host(number: usize, first: u8) -> String {
    let number = 2 * number;
    format!(
        "{first}.{}.{}.{}/32",
        number >> 16 & 255,
        number >> 8 & 255,
        number & 255
    )
}

fn to_group(group: &str) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": group}]})
}

/// The example account, with quotas for a large one.
fn example() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
    let mut account: Value = serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON");
    account["Quotas"] = json!({"SecurityGroupsPerRegion": 1_000_000, "RulesPerSecurityGroup": 1_000_000});
    account
}

/// Rules for the database's port in both groups of the connection.
fn with_rules(count: usize) -> Value {
    let mut account = example();
    let groups = account["SecurityGroups"].as_array_mut().expect("a list");
    for (id, direction) in [("sg-0d01", "IpPermissions"), ("sg-0f01", "IpPermissionsEgress")] {
        let mut found = groups.iter_mut().filter(|group| group["GroupId"] == id);
        let rules = found.next().expect("the group is there")[direction].as_array_mut();
        rules.expect("a list").extend((0..count).map(|number| {
            let ranges = [json!({"CidrIp": host(number, 9)})];
            json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": ranges})
        }));
    }
    account
}

/// Pairs of groups with names of the convention, on nothing; with our tags and descriptions, if they are to be `ours`.
fn with_groups(count: usize, ours: bool) -> Value {
    let mut account = example();
    let vpc = account["SecurityGroups"][2]["VpcId"].clone();
    let groups = account["SecurityGroups"].as_array_mut().expect("a list");
    for number in 0..count / 2 {
        let (database, function) = (format!("sg-d{number:08x}"), format!("sg-f{number:08x}"));
        let mut add = |id: &str, name: &str, role: &str, inbound: Vec<Value>, outbound: Vec<Value>| {
            let mut group = json!({
                "GroupId": id, "GroupName": format!("{name}-{}", number + 100), "VpcId": vpc,
                "IpPermissions": inbound, "IpPermissionsEgress": outbound,
            });
            if ours {
                let connection = format!("instance/database-{number}:function/function-{number}");
                group["Tags"] = json!([
                    {"Key": "autoconnect:managed", "Value": "true"},
                    {"Key": "autoconnect:connection", "Value": connection},
                    {"Key": "autoconnect:role", "Value": role},
                ]);
            }
            groups.push(group);
        };
        add(&database, "rds-lambda", "database", vec![to_group(&function)], vec![]);
        add(&function, "lambda-rds", "function", vec![], vec![to_group(&database)]);
    }
    account
}

/// Half of the entries for each direction, which deny single addresses of the function's subnet, or single ports.
fn with_acl(count: usize, of_ports: bool) -> Value {
    let mut account = example();
    let vpc = account["SecurityGroups"][2]["VpcId"].clone();
    let vpcs = account["Vpcs"].as_array_mut().expect("a list");
    let mut found = vpcs.iter_mut().filter(|found| found["VpcId"] == vpc);
    found.next().expect("the VPC is there")["CidrBlock"] = "10.0.0.0/8".into();
    account["Subnets"][0]["CidrBlock"] = "10.0.0.0/10".into();
    account["Subnets"][1]["CidrBlock"] = "10.64.0.0/10".into();
    let mut entries = Vec::new();
    for egress in [false, true] {
        for number in 0..count / 2 {
            let port = 1024 + 2 * number % 64_000;
            let (cidr, from, to) = if of_ports {
                ("10.0.0.0/8".to_owned(), port, port)
            } else {
                (host(number, 10), 0, 65535)
            };
            entries.push(json!({
                "RuleNumber": number + 1, "Protocol": "6", "RuleAction": "deny", "Egress": egress, "CidrBlock": cidr,
                "PortRange": {"From": from, "To": to},
            }));
        }
        entries.push(json!({
            "RuleNumber": 32766, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0",
        }));
    }
    account["NetworkAcls"] = json!([
        {"NetworkAclId": "acl-1", "VpcId": vpc, "IsDefault": true, "Associations": [], "Entries": entries},
    ]);
    account
}

/// Runs a command on an account, again and again.
fn bench(bencher: divan::Bencher<'_, '_>, command: &str, account: &Value) {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("account.json"), account.to_string()).expect("it is written");
    bencher.bench(|| {
        let status = Command::new(env!("CARGO_BIN_EXE_autoconnect"))
            .args(command.split_whitespace())
            .args(["--offline", "account.json", "--output", "json"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the program runs");
        // A finding is status 2, and what remains of a connection status 1.
        assert!(matches!(status.code(), Some(0..=2)), "{status}");
    });
}

#[divan::bench(args = RULES, consts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], sample_count = 3, sample_size = 1)]
fn rules<const COMMAND: usize>(bencher: divan::Bencher<'_, '_>, count: usize) {
    bench(bencher, COMMANDS[COMMAND], &with_rules(count));
}

#[divan::bench(args = GROUPS, consts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], sample_count = 3, sample_size = 1)]
fn groups<const COMMAND: usize>(bencher: divan::Bencher<'_, '_>, count: usize) {
    bench(bencher, COMMANDS[COMMAND], &with_groups(count, false));
}

#[divan::bench(args = GROUPS, consts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], sample_count = 3, sample_size = 1)]
fn tagged_groups<const COMMAND: usize>(bencher: divan::Bencher<'_, '_>, count: usize) {
    bench(bencher, COMMANDS[COMMAND], &with_groups(count, true));
}

#[divan::bench(args = RULES, consts = [0, 1, 2], sample_count = 3, sample_size = 1)]
fn acl_of_addresses<const COMMAND: usize>(bencher: divan::Bencher<'_, '_>, count: usize) {
    bench(bencher, OF_THE_NETWORK[COMMAND], &with_acl(count, false));
}

#[divan::bench(args = RULES, consts = [0, 1, 2], sample_count = 3, sample_size = 1)]
fn acl_of_ports<const COMMAND: usize>(bencher: divan::Bencher<'_, '_>, count: usize) {
    bench(bencher, OF_THE_NETWORK[COMMAND], &with_acl(count, true));
}
