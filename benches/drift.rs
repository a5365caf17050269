//! Drift of a large account as a whole process, from start to exit: 10,000 connections of 2,000 databases, with 20,000
//! groups; and ten times as many.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn main() {
    divan::main();
}

/// How many VPCs the databases are in.
const VPCS: usize = 10;

/// Five connections to a database.
fn vpc(connection: usize) -> usize {
    connection / 5 % VPCS
}

/// A group of a connection, as `setup` makes it.
fn group(id: &str, name: &str, connection: usize, direction: &str, peer: &str) -> Value {
    let vpc = vpc(connection);
    let tag = format!("instance/database-{}:function/function-{connection}", connection / 5);
    json!({
        "GroupId": id, "GroupName": name, "VpcId": format!("vpc-{vpc}"), "Description": "of the benchmark",
        direction: [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": peer}]}],
        "Tags": [{"Key": "autoconnect:managed", "Value": "true"}, {"Key": "autoconnect:connection", "Value": tag}],
    })
}

/// An account in which each connection has a pair of groups of its own, five to a database.
fn account(connections: usize) -> Value {
    let (mut groups, mut functions) = (Vec::new(), Vec::new());
    for n in 0..connections {
        let (database, function) = (format!("sg-d{n:08x}"), format!("sg-f{n:08x}"));
        groups.push(group(
            &database,
            &format!("rds-lambda-{n}"),
            n,
            "IpPermissions",
            &function,
        ));
        groups.push(group(
            &function,
            &format!("lambda-rds-{n}"),
            n,
            "IpPermissionsEgress",
            &database,
        ));
        functions.push(json!({
            "FunctionName": format!("function-{n}"),
            "VpcConfig": {"SubnetIds": [format!("subnet-{}", vpc(n))], "SecurityGroupIds": [function]},
        }));
    }
    let instances = (0..connections / 5).map(|n| {
        let on_it = (n * 5..n * 5 + 5).map(|n| json!({"VpcSecurityGroupId": format!("sg-d{n:08x}")}));
        json!({
            "DBInstanceIdentifier": format!("database-{n}"), "Engine": "postgres", "Port": 5432,
            "DBSubnetGroup": format!("group-{}", n % VPCS), "VpcSecurityGroups": on_it.collect::<Vec<_>>(),
        })
    });
    let each = |entry: &dyn Fn(usize) -> Value| (0..VPCS).map(entry).collect::<Vec<_>>();
    json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
        "Vpcs": each(&|n| json!({"VpcId": format!("vpc-{n}")})),
        "Subnets": each(&|n| json!({"SubnetId": format!("subnet-{n}"), "VpcId": format!("vpc-{n}"), "AvailabilityZone": "eu-central-1a"})),
        "DBSubnetGroups": each(&|n| json!({"DBSubnetGroupName": format!("group-{n}"), "VpcId": format!("vpc-{n}")})),
        "SecurityGroups": groups,
        "DBInstances": instances.collect::<Vec<_>>(),
        "Functions": functions,
    })
}

/// The account and a manifest of all of its connections.
fn written(connections: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("account.json")).expect("a file");
    serde_json::to_writer(BufWriter::new(file), &account(connections)).expect("it is written");
    let mut manifest = BufWriter::new(File::create(folder.path().join("manifest.toml")).expect("a file"));
    for n in 0..connections {
        writeln!(
            manifest,
            "[[connection]]\ninstance = \"database-{}\"\nfunction = \"function-{n}\"",
            n / 5
        )
        .expect("it is written");
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_autoconnect"))
        .args(["drift", "--offline", "account.json"])
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.success(), "all connections are in sync");
}

#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn everything_found(bencher: divan::Bencher<'_, '_>, connections: usize) {
    let folder = written(connections);
    bencher.bench(|| run(folder.path(), &[]));
}

#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn a_manifest(bencher: divan::Bencher<'_, '_>, connections: usize) {
    let folder = written(connections);
    bencher.bench(|| run(folder.path(), &["--manifest", "manifest.toml", "--output", "ndjson"]));
}
