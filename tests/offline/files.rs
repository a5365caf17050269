//! The account's file: read strictly, and written whole or not at all.

use std::fs;

use autoconnect::account::OfflineAccount;
use serde_json::{Value, json};

use crate::support::*;

fn value() -> Value {
    serde_json::to_value(example()).unwrap()
}

fn refused(content: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    fs::write(&path, content).unwrap();
    OfflineAccount::open(&path).unwrap_err().to_string()
}

#[expect(clippy::too_many_lines, reason = "a table, a row for each mistake")]
#[test]
fn mistakes_are_reported_with_their_json_path() {
    let table: [(&str, Value, &str); 21] = [
        (
            "/DBClusters/0/Port",
            json!(0),
            "$.DBClusters[0].Port: expected a number from 1 to 65535, found 0",
        ),
        ("/Region", json!("narnia"), "$.Region: expected the name of a Region"),
        (
            "/SecurityGroups/2/IpPermissions/0/IpProtocol",
            json!("tpc"),
            "$.SecurityGroups[2].IpPermissions[0].IpProtocol",
        ),
        (
            "/Functions/0/VpcConfig/SubnetIds/1",
            json!("subnet-0e5a"),
            "$.Functions[0].VpcConfig.SubnetIds: expected subnets of one VPC",
        ),
        (
            "/Functions/0/VpcConfig/SecurityGroupIds/1",
            json!("sg-0f00"),
            "$.Functions[0].VpcConfig.SecurityGroupIds: the same group is listed twice",
        ),
        (
            "/Functions/0/VpcConfig/SubnetIds/1",
            json!("subnet-9"),
            "$.Functions[0].VpcConfig.SubnetIds[1]: there is no subnet \"subnet-9\"",
        ),
        (
            "/Functions/1/FunctionName",
            json!("checkout"),
            "$.Functions[1].FunctionName: \"checkout\" exists already",
        ),
        (
            "/DBClusters/0/Port",
            json!("5432"),
            "malformed at $.DBClusters[0].Port: invalid type: string \"5432\", expected a number from 1 to 65535",
        ),
        (
            "/DBClusters/0/Port",
            json!(70000),
            "$.DBClusters[0].Port: invalid value: integer `70000`",
        ),
        (
            "/DBClusters/0/DBSubnetGroup",
            json!("x"),
            "$.DBClusters[0].DBSubnetGroup: there is no DB subnet group \"x\"",
        ),
        (
            "/DBClusters/0/DBClusterIdentifier",
            json!("Orders"),
            "expected lower case",
        ),
        (
            "/DBClusters/0/VpcSecurityGroups/1/VpcSecurityGroupId",
            json!("sg-9"),
            "$.DBClusters[0].VpcSecurityGroups[1].VpcSecurityGroupId",
        ),
        (
            "/DBInstances/0/DBClusterIdentifier",
            json!("x"),
            "$.DBInstances[0].DBClusterIdentifier: there is no DB cluster \"x\"",
        ),
        (
            "/SecurityGroups/2/GroupName",
            json!("DATABASE-admins"),
            "$.SecurityGroups[2].GroupName: \"DATABASE-admins\" is taken",
        ),
        (
            "/SecurityGroups/2/VpcId",
            json!("vpc-9"),
            "$.SecurityGroups[2].VpcId: there is no VPC \"vpc-9\"",
        ),
        (
            "/SecurityGroups/0/IpPermissions/0/IpRanges/0/CidrIp",
            json!("10.0.0.0"),
            "$.SecurityGroups[0].IpPermissions[0].IpRanges[0].CidrIp",
        ),
        (
            "/SecurityGroups/2/IpPermissions/0/ToPort",
            json!(1),
            "$.SecurityGroups[2].IpPermissions[0]: expected FromPort and ToPort",
        ),
        (
            "/SecurityGroups/2/IpPermissions/0/UserIdGroupPairs",
            json!([]),
            "$.SecurityGroups[2].IpPermissions[0]: expected a target",
        ),
        ("/AccountId", json!("12"), "$.AccountId: expected twelve digits"),
        ("/FormatVersion", json!(2), "$.FormatVersion: expected 1, found 2"),
        (
            "/Vpcs/0",
            json!({ "VpcID": "vpc-1" }),
            "malformed at $.Vpcs[0].VpcID: unknown field `VpcID`",
        ),
    ];
    for (pointer, wrong, message) in table {
        let mut document = value();
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = wrong;
        let found = refused(&document.to_string());
        assert!(found.contains(message), "{pointer}: {message:?} is not in {found:?}");
    }
    assert!(refused("").ends_with("is not valid JSON: it is empty"));
    assert!(refused("{\n  \"Vpcs\": [").ends_with("is not valid JSON: it ends at line 2, column 11"));
    assert!(refused("{} {}").contains("missing field"));
    assert!(refused(&(value().to_string() + "x")).contains("is not valid JSON: trailing characters"));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut document = value();
    document["AccountId"] = json!("x");
    document["Subnets"][0]["VpcId"] = json!("vpc-9");
    let found = refused(&document.to_string());
    assert!(
        found.contains("$.AccountId") && found.contains("$.Subnets[0].VpcId"),
        "{found}"
    );
}

#[tokio::test]
async fn an_applied_run_rewrites_the_file_and_a_dry_run_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    fs::write(&path, value().to_string()).unwrap();
    let before = fs::read(&path).unwrap();
    {
        let account = OfflineAccount::open(&path).unwrap();
        setup_with(
            &account,
            &instance("inventory", "stock-sync"),
            &dry_run(),
            &Script::default(),
        )
        .await
        .unwrap();
        setup(&account, &cluster("orders", "checkout")).await.unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), before, "not even its form changes");
    {
        let account = OfflineAccount::open(&path).unwrap();
        setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    }
    let account = OfflineAccount::open(&path).unwrap();
    let function = account.document().functions[3].clone();
    assert_eq!(
        function.last_update_status, "Successful",
        "states that have passed are kept"
    );
    let again = setup(&account, &instance("inventory", "stock-sync")).await.unwrap();
    assert_eq!(again.ending, autoconnect::reconcile::Ending::Unchanged);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left in the folder"
    );
}

#[tokio::test]
async fn a_file_that_someone_else_changed_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    fs::write(&path, value().to_string()).unwrap();
    let account = OfflineAccount::open(&path).unwrap();
    let mut theirs = value();
    theirs["Comment"] = json!("mine now");
    fs::write(&path, theirs.to_string()).unwrap();
    let failure = setup(&account, &cluster("orders", "refunds")).await.unwrap_err();
    assert_eq!(failure.error.code(), "account-file", "{failure}");
    assert_eq!(fs::read_to_string(&path).unwrap(), theirs.to_string());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.json");
    fs::write(&path, value().to_string()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let account = OfflineAccount::open(&path).unwrap();
    let failure = setup(&account, &cluster("orders", "refunds")).await.unwrap_err();
    assert_eq!(failure.error.code(), "account-file", "{failure}");
    assert_eq!(fs::read_to_string(&path).unwrap(), value().to_string());
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("account.json"), folder.path().join("link.json"));
    fs::write(&path, value().to_string()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    setup(&OfflineAccount::open(&link).unwrap(), &cluster("orders", "refunds"))
        .await
        .unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(&path).unwrap().contains("revision-2"));
}

/// A permissions boundary may be its ARN, or the object that `aws iam get-role` prints.
#[test]
fn a_permissions_boundary_has_two_forms() {
    let arn = "arn:aws:iam::123456789012:policy/b";
    for form in [
        serde_json::json!(arn),
        serde_json::json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn }),
    ] {
        let document: autoconnect::account::AccountDocument = serde_json::from_value(serde_json::json!({
            "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
            "Roles": [{ "RoleName": "r", "AssumeRolePolicyDocument": {}, "PermissionsBoundary": form }]
        }))
        .unwrap();
        assert_eq!(document.roles[0].permissions_boundary.as_deref(), Some(arn));
    }
}
