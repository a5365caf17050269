//! `diagnose` on the example network.

use insta::assert_snapshot;

use crate::Shell;

const DIAGNOSE: &str = "diagnose --offline network.json";

#[test]
fn what_a_person_reads() {
    let shell = Shell::new();
    let table = [
        ("works", "--cluster orders --function checkout"),
        ("from_some_subnets", "--cluster orders --function reports"),
        ("other_vpc", "--instance ledger --function ledger-sync"),
        ("no_vpc", "--cluster orders --function legacy"),
        ("proxy", "--cluster orders --function checkout --proxy orders-proxy"),
        ("mermaid", "--cluster orders --function reports --format mermaid"),
        ("dot", "--cluster orders --function reports --format dot"),
        ("json", "--cluster orders --function reports --output json"),
        ("no_function", "--cluster orders --function report"),
    ];
    for (name, arguments) in table {
        let before = std::fs::read(shell.folder.path().join("network.json")).unwrap();
        assert_snapshot!(
            format!("diagnose_{name}"),
            shell.session(&format!("{DIAGNOSE} {arguments}"))
        );
        let after = std::fs::read(shell.folder.path().join("network.json")).unwrap();
        assert!(before == after, "{arguments} changed the file");
    }
}

#[test]
fn options_that_do_not_fit_are_mistakes() {
    let shell = Shell::new();
    for arguments in [
        "--cluster orders --function new:f",
        "--cluster orders --function checkout --proxy new",
        "--cluster orders --function checkout --format dot --output json",
    ] {
        let run = shell.run(&format!("{DIAGNOSE} {arguments}"));
        assert_eq!(run.status, Some(1), "{arguments}");
        assert!(run.stderr.contains("error[usage]"), "{}", run.stderr);
    }
}

#[test]
fn the_document_holds_to_its_schema() {
    let shell = Shell::new();
    let run = shell.run(&format!("{DIAGNOSE} --cluster orders --function reports --output json"));
    for schema in ["schema", "schema checks"] {
        let schema = shell.run(schema).json();
        assert!(jsonschema::is_valid(&schema, &run.json()), "{:#}", run.json());
    }
}

/// Each of these breaks one thing in a chain that works.
#[test]
fn each_fault_is_found_by_its_own_check() {
    type Edit = fn(&mut serde_json::Value);
    let table: [(&str, &str, &str, Edit); 9] = [
        ("security-groups", "fail", "sg-0a02", |account| {
            account["SecurityGroups"][1]["IpPermissions"][0]["FromPort"] = 5433.into();
            account["SecurityGroups"][1]["IpPermissions"][0]["ToPort"] = 5433.into();
        }),
        ("network-acls", "fail", "acl-0a03", |account| {
            account["NetworkAcls"][0]["Associations"][0]["SubnetId"] = "subnet-0ad1b".into();
        }),
        ("routes", "unknown", "tgw-1", |account| {
            account["RouteTables"][0]["Routes"][0] =
                serde_json::json!({"DestinationCidrBlock": "10.0.11.0/24", "TransitGatewayId": "tgw-1"});
        }),
        ("dns", "fail", "vpc-0a01", |account| {
            account["Vpcs"][0]["EnableDnsSupport"] = false.into();
        }),
        ("state", "warn", "checkout", |account| {
            account["Functions"][0]["State"] = "Inactive".into();
        }),
        ("state", "fail", "orders-1", |account| {
            account["DBInstances"][0]["DBInstanceStatus"] = "stopped".into();
        }),
        ("execution-role", "warn", "role/functions", |account| {
            account["Roles"][0]["AttachedPolicies"] =
                serde_json::json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]);
        }),
        ("subnets", "warn", "subnet-0a01a", |account| {
            account["Subnets"][0]["AvailableIpAddressCount"] = 0.into();
        }),
        ("attached", "fail", "checkout", |account| {
            account["Functions"][0].as_object_mut().unwrap().remove("VpcConfig");
        }),
    ];
    for (id, status, named, edit) in table {
        let shell = Shell::new();
        shell.edit_file("network.json", edit);
        let run = shell.run(&format!(
            "{DIAGNOSE} --cluster orders --function checkout --output json"
        ));
        let document = run.json();
        assert_eq!(document["verdict"], status, "{id}: {document:#}");
        assert_eq!(run.status, Some(if status == "fail" { 2 } else { 0 }), "{id}");
        for check in document["checks"].as_array().unwrap() {
            let found = check["id"] == id;
            assert_eq!(
                check["status"],
                if found { status } else { "pass" },
                "{id}: {document:#}"
            );
            if found {
                let told = format!("{} {}", check["message"], check["evidence"]);
                assert!(told.contains(named), "{id}: {told}");
            }
        }
    }
}

#[test]
fn what_adding_fixes_is_fixed() {
    let shell = Shell::new();
    let ledger = format!("{DIAGNOSE} --instance ledger --function ledger-sync");
    assert_snapshot!("fix_plan", shell.session(&format!("{ledger} --fix --dry-run")));
    assert_snapshot!("fix_consent", shell.session(&format!("{ledger} --fix")));
    assert_snapshot!("fix_applied", shell.session(&format!("{ledger} --fix --yes")));
    assert_snapshot!("fix_again", shell.session(&format!("{ledger} --fix --yes")));
    // An ACL is reported, and not touched.
    let reports = format!("{DIAGNOSE} --cluster orders --function reports");
    assert_snapshot!("fix_nothing", shell.session(&format!("{reports} --fix --yes")));
    // Within one VPC the groups are those of setup.
    let proxy = format!("{DIAGNOSE} --cluster orders --function checkout --proxy orders-proxy");
    assert_snapshot!("fix_within", shell.session(&format!("{proxy} --fix --yes")));
    let run = shell.run(&format!("{ledger} --yes"));
    assert!(run.stderr.contains("error[usage]"), "{}", run.stderr);
}

/// What is fixed on the way to an endpoint of a proxy, and what is told instead.
#[test]
fn an_endpoint_of_a_proxy_is_named_with_fix_too() {
    let shell = Shell::new();
    shell.edit_file("network.json", |account| {
        account["DBProxyEndpoints"] = serde_json::json!([{"DBProxyEndpointName": "readers", "DBProxyName": "orders-proxy",
            "VpcId": "vpc-0a01", "VpcSubnetIds": ["subnet-0ad1a"], "VpcSecurityGroupIds": ["sg-0a02"], "TargetRole": "READ_WRITE"}]);
        account["SecurityGroups"][1]["IpPermissions"] = serde_json::json!([]);
    });
    let proxy = format!("{DIAGNOSE} --cluster orders --function checkout --proxy orders-proxy");
    let readers = format!("{proxy} --proxy-endpoint readers --fix");
    assert_snapshot!("fix_endpoint_plan", shell.session(&format!("{readers} --dry-run")));
    assert_snapshot!("fix_endpoint", shell.session(&format!("{readers} --yes")));
    for (arguments, code) in [
        (
            format!("{DIAGNOSE} --cluster orders --function checkout --proxy-endpoint readers --fix"),
            "usage",
        ),
        (
            format!("{proxy} --proxy-endpoint writers --fix --yes"),
            "proxy-endpoint-not-found",
        ),
    ] {
        let run = shell.run(&arguments);
        assert!(run.stderr.contains(&format!("error[{code}]")), "{}", run.stderr);
    }
}

#[test]
fn across_two_vpcs() {
    let shell = Shell::new();
    let setup = "setup --offline network.json --cross-vpc --instance ledger --function ledger-sync";
    assert_snapshot!("cross_vpc_not_ready", shell.session(&format!("{setup} --yes")));
    shell.edit_file("network.json", |account| {
        account["RouteTables"][2]["Routes"] =
            serde_json::json!([{"DestinationCidrBlock": "10.0.0.0/16", "VpcPeeringConnectionId": "pcx-0a0d"}]);
        account["VpcPeeringConnections"][0]["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] =
            true.into();
    });
    assert_snapshot!("cross_vpc_plan", shell.session(&format!("{setup} --dry-run")));
    let applied = shell.run(&format!("{setup} --yes --output json"));
    let schema = shell.run("schema setup").json();
    assert!(jsonschema::is_valid(&schema, &applied.json()), "{:#}", applied.json());
    assert_snapshot!("cross_vpc_json", format!("{:#}", applied.json()));
    assert_snapshot!("cross_vpc_again", shell.session(&format!("{setup} --yes")));
    let same = "setup --offline network.json --cross-vpc --cluster orders --function checkout";
    assert_snapshot!("cross_vpc_same_vpc", shell.session(same));
}
