//! `setup --cross-vpc` over the wire: two VPCs that are peered, from the plan to `remove`.

use aws_sdk_ec2::types::{IpPermission, IpRange};

use crate::world::{Run, World};

const SETUP: &str = "setup --cross-vpc --instance d --function away";

fn result(run: &Run) -> (i32, String, String) {
    let document = run.json();
    let text = |key: &str| document[key].as_str().unwrap_or_else(|| panic!("{run:?}")).to_owned();
    (run.status, text("decision"), text("result"))
}

fn ended(status: i32, decision: &str, result: &str) -> (i32, String, String) {
    (status, decision.to_owned(), result.to_owned())
}

/// The status, the verdict of the one connection, and the kinds of what was found.
fn drift(world: &World) -> (i32, String, Vec<String>) {
    let (run, writes) = world.written("drift");
    assert_eq!(writes, [] as [String; 0]);
    let document = run.json();
    let connections = document["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 1, "{document:#}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let findings = connections[0]["findings"].as_array().unwrap().iter();
    let kinds = findings.map(|finding| text(&finding["kind"])).collect();
    (run.status, text(&connections[0]["verdict"]), kinds)
}

#[tokio::test]
async fn a_connection_across_two_vpcs_comes_and_goes() {
    let world = World::healthy().await;
    let other = world.away("10.9").await;
    // The rules of the world let all of 10.0.0.0/8 in.
    let base = world.the_group("base").await;
    let revoke = world.ec2.revoke_security_group_ingress().group_id(&world.base);
    let rules = Some(base.ip_permissions().to_vec());
    revoke.set_ip_permissions(rules).send().await.unwrap();
    let outer = world.default_group(&other).await;
    let everything = IpPermission::builder().ip_protocol("-1");
    let everything = everything.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let revoke = world.ec2.revoke_security_group_egress().group_id(&outer);
    revoke.ip_permissions(everything.build()).send().await.unwrap();
    let before = (
        world.groups_of_instance("d").await,
        world.groups_of_function("away").await,
    );

    let (refused, writes) = world.written(&format!("{SETUP} --yes"));
    assert_eq!((refused.error_code(), writes), ("path-not-ready".to_owned(), vec![]));
    let peering = world.peer(&other).await;
    world.lead(&other, "10.0.0.0/16", &peering).await;
    world.lead(&world.vpc, "10.9.0.0/16", &peering).await;
    // The name of a database that is not publicly accessible leads to its private address without the peering's option.
    let (planned, writes) = world.written(&format!("{SETUP} --dry-run"));
    assert_eq!((result(&planned), writes), (ended(0, "create-new", "planned"), vec![]));
    world.resolve_across(&peering).await;

    let (planned, writes) = world.written(&format!("{SETUP} --dry-run --detailed-exitcode"));
    assert_eq!((result(&planned), writes), (ended(2, "create-new", "planned"), vec![]));
    let (connected, writes) = world.written(&format!("{SETUP} --yes"));
    assert_eq!(result(&connected), ended(0, "create-new", "connected"), "{connected:?}");
    let steps = connected.json()["steps"].as_array().unwrap().len();
    assert_eq!(steps, planned.json()["steps"].as_array().unwrap().len());
    assert_eq!(steps, writes.len(), "{writes:?}");
    let diagnosis = world.run("diagnose --instance d --function away");
    assert_eq!(
        (diagnosis.status, &diagnosis.json()["verdict"]),
        (0, &"pass".into()),
        "{diagnosis:?}"
    );
    let group = world.the_group("rds-lambda-1").await;
    let mut ranges: Vec<&str> = group
        .ip_permissions()
        .iter()
        .flat_map(IpPermission::ip_ranges)
        .filter_map(|range| range.cidr_ip())
        .collect();
    ranges.sort_unstable();
    assert_eq!(
        ranges,
        ["10.9.0.0/24", "10.9.1.0/24"],
        "of the function's subnets, no more"
    );

    let (again, writes) = world.written(&format!("{SETUP} --yes"));
    assert_eq!((result(&again), writes), (ended(0, "no-op", "unchanged"), vec![]));
    assert_eq!(drift(&world), (0, "in-sync".to_owned(), vec![]));
    // Someone takes one of the rules out, and puts another one in.
    let id = group.group_id.unwrap();
    let by_range = |cidr: &str| {
        let range = IpRange::builder().cidr_ip(cidr).build();
        let permission = IpPermission::builder().ip_protocol("tcp").ip_ranges(range);
        permission.from_port(5432).to_port(5432).build()
    };
    let revoke = world.ec2.revoke_security_group_ingress().group_id(&id);
    revoke.ip_permissions(by_range("10.9.1.0/24")).send().await.unwrap();
    assert_eq!(
        drift(&world),
        (2, "drifted".to_owned(), vec!["rule-removed".to_owned()])
    );
    let (mended, writes) = world.written(&format!("{SETUP} --yes"));
    assert_eq!(
        result(&mended),
        ended(0, "associate-existing", "connected"),
        "{mended:?}"
    );
    assert_eq!(writes, ["AuthorizeSecurityGroupIngress"]);
    let authorize = world.ec2.authorize_security_group_ingress().group_id(&id);
    authorize.ip_permissions(by_range("192.0.2.0/24")).send().await.unwrap();
    assert_eq!(drift(&world), (2, "drifted".to_owned(), vec!["rule-added".to_owned()]));
    for range in ["10.9.0.0/24", "10.9.1.0/24"] {
        let revoke = world.ec2.revoke_security_group_ingress().group_id(&id);
        revoke.ip_permissions(by_range(range)).send().await.unwrap();
    }
    let (status, verdict, kinds) = drift(&world);
    assert_eq!((status, verdict.as_str(), kinds.len()), (2, "broken", 3), "{kinds:?}");
    let revoke = world.ec2.revoke_security_group_ingress().group_id(&id);
    revoke.ip_permissions(by_range("192.0.2.0/24")).send().await.unwrap();
    world.written(&format!("{SETUP} --yes"));
    assert_eq!(drift(&world), (0, "in-sync".to_owned(), vec![]));

    let (removed, _) = world.written("remove --instance d --function away --yes");
    assert_eq!(result(&removed), ended(0, "disconnect", "removed"), "{removed:?}");
    let after = (
        world.groups_of_instance("d").await,
        world.groups_of_function("away").await,
    );
    assert_eq!(after, before);
    let left = world.ec2.describe_security_groups().send().await.unwrap();
    let mut left = left.security_groups().iter().filter_map(|group| group.group_name());
    assert_eq!(left.find(|name| name.contains("lambda")), None, "in neither VPC");
    let (again, writes) = world.written("remove --instance d --function away --yes");
    assert_eq!((result(&again), writes), (ended(0, "no-op", "unchanged"), vec![]));
}
