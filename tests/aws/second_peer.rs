//! What ministack, an emulator that shares no code with moto, can judge. docs/emulators.md says why it judges no more.

use autoconnect::account::AccountDocument;
use aws_sdk_rds::types::EngineFamily;

use crate::differential::{Compared, Difference};
use crate::peer::second_peer;
use crate::shared::{account, scenarios};
use crate::shared_scenarios::run_all;
use crate::world::{Run, World};

/// The account of the scenarios, without what ministack does not have.
fn document() -> AccountDocument {
    let mut document = account();
    document.msk_clusters.clear();
    document
}

#[test]
fn each_scenario_ends_as_the_list_says_and_as_on_the_simulator() {
    let mut scenarios = scenarios();
    scenarios.retain(|scenario| !scenario.arguments.starts_with("msk"));
    run_all(&scenarios, &document(), second_peer());
}

#[tokio::test]
async fn ministack_and_the_simulator_answer_alike() {
    let ministack = Compared {
        test: "second_peer::ministack_and_the_simulator_answer_alike",
        peer: second_peer,
        differences: DIFFERENCES,
        not_asked: NOT_ASKED,
    };
    Box::pin(ministack.answers_like_the_simulator(document())).await;
}

/// moto has nothing of this: a function that is `Pending`, lists of functions in pages, and a proxy's target that follows from
/// the state of its database.
#[tokio::test]
async fn a_connection_through_a_proxy_from_nothing_to_nothing() {
    let world = World::on(second_peer()).await;
    world.cluster("orders", 2).await;
    world.proxy("pool", EngineFamily::Postgresql).await;
    let register = world.rds.register_db_proxy_targets().db_proxy_name("pool");
    register.db_cluster_identifiers("orders").send().await.unwrap();
    for n in 0..PAGE {
        world.new_function(&format!("other-{n}"), None).await;
    }
    world.new_function("checkout", Some(world.place())).await;
    let connection = "--cluster orders --function checkout --proxy pool";

    let (planned, written) = world.written(&format!("setup {connection} --dry-run"));
    assert_eq!((planned.status, written), (0, vec![]), "{planned:?}");
    let (connected, written) = world.written(&format!("setup {connection} --yes"));
    assert_eq!(
        (connected.json()["result"].as_str(), written.len()),
        (Some("connected"), 13),
        "{connected:?}"
    );
    let (again, written) = world.written(&format!("setup {connection} --yes"));
    assert_eq!(
        (again.json()["result"].as_str(), written),
        (Some("unchanged"), vec![]),
        "{again:?}"
    );

    let mark = world.mark();
    let listed = world.run("list --cluster orders");
    assert_eq!(
        listed.json()["functions"].as_array().map(Vec::len),
        Some(1),
        "{listed:?}"
    );
    let lists = |call: &&String| *call == "ListFunctions";
    assert_eq!(world.calls_since(mark).iter().filter(lists).count(), 2, "two pages");
    let drift = world.run(&format!("drift {connection}"));
    assert_eq!(
        (drift.status, &drift.json()["connections"][0]["verdict"]),
        (0, &"in-sync".into()),
        "{drift:?}"
    );

    let state = |run: &Run| {
        let checks = run.json()["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|check| check["id"] == "state").unwrap();
        (check["status"].as_str().unwrap().to_owned(), check.to_string())
    };
    assert_eq!(state(&world.run(&format!("diagnose {connection}"))).0, "pass");
    let stop = world.rds.stop_db_cluster().db_cluster_identifier("orders");
    stop.send().await.unwrap();
    let stopped = world.run(&format!("diagnose {connection}"));
    let (status, told) = state(&stopped);
    assert_eq!((stopped.status, status.as_str()), (2, "fail"), "{told}");
    assert!(told.contains("proxy pool does not reach cluster orders"), "{told}");
    let start = world.rds.start_db_cluster().db_cluster_identifier("orders");
    start.send().await.unwrap();

    let removed = world.run(&format!("remove {connection} --yes"));
    assert_eq!(removed.json()["result"], "removed", "{removed:?}");
    assert_eq!(world.groups_of_function("checkout").await, [world.base.as_str()]);
    assert_eq!(world.groups_of_proxy("pool").await, [world.base.as_str()]);
    assert_eq!(world.groups_of_cluster("orders").await, [world.base.as_str()]);
}

/// How many functions Lambda lists on a page.
const PAGE: usize = 50;

/// Each of these texts is in the table of docs/emulators.md, which says what AWS does.
#[test]
fn the_page_on_emulators_explains_each_difference() {
    let page = include_str!("../../docs/emulators.md");
    let reasons = DIFFERENCES.iter().map(|difference| difference.3);
    for reason in reasons.chain(NOT_ASKED.iter().map(|(_, reason)| *reason)) {
        assert!(page.contains(&format!("| {reason} |")), "{reason}");
    }
}

const SIMULATOR: &str =
    "the simulator keeps no owners, DHCP options, network types and order of routes in this account";
const LOCALHOST: &str = "the endpoint of each database is `localhost`";
const MEMBERS: &str = "members of a cluster have no security groups";
const SCHEME: &str = "`IAMAuth` and `DefaultAuthScheme` of a proxy are left out where they were not set";
const HEALTH: &str = "a proxy's target is `AVAILABLE` whatever the security groups are";
const EMPTY: &str = "reasons of a function's state are empty texts";
const DUPLICATES: &str = "rules and routes that are there already are accepted";
const ABSENT: &str = "what names a resource that does not exist is accepted";
const GONE: &str = "a rule that is not there is revoked";
const IN_USE: &str = "security groups in use are deleted";
const ENDPOINT: &str = "an interface endpoint keeps neither its security groups nor its private DNS name";
const NO_KAFKA: &str = "version 2 of the Kafka API is missing";

/// What ministack is asked in vain.
const NOT_ASKED: &[(&str, &str)] = &[
    ("all MSK clusters", NO_KAFKA),
    ("MSK cluster", NO_KAFKA),
    ("delete a group that is used", IN_USE),
    ("delete a group that is named", IN_USE),
    (
        "tags of all functions",
        "`GetResources` lists functions that were never tagged, too",
    ),
    ("make it in the same range", "subnets of one range are accepted"),
];

/// Where it differs from AWS, and the simulator does not.
const DIFFERENCES: &[Difference] = &[
    (
        "*",
        r#"owner: Some("123456789012"), description"#,
        "owner: None, description",
        SIMULATOR,
    ),
    ("*", r#"dhcp_options: Some("dopt")"#, "dhcp_options: None", SIMULATOR),
    ("*", r#"network_type: Some("IPV4")"#, "network_type: None", SIMULATOR),
    (
        "*",
        r#"endpoint: Some("localhost")"#,
        r#"endpoint: Some("HOST")"#,
        LOCALHOST,
    ),
    ("*", r#"reason: Some("")"#, "reason: None", EMPTY),
    ("*", r#"reason_code: Some("")"#, "reason_code: None", EMPTY),
    ("*", "iam_auth: None", r#"iam_auth: Some("DISABLED")"#, SCHEME),
    (
        "*",
        "default_auth_scheme: None",
        r#"default_auth_scheme: Some("NONE")"#,
        SCHEME,
    ),
    (
        "*",
        "data_api: Some(false), publicly_accessible: None",
        "data_api: Some(false), publicly_accessible: Some(false)",
        "clusters do not say whether they are publicly accessible",
    ),
    (
        "*",
        r#"database_name: Some("mydb")"#,
        "database_name: None",
        "an instance of MySQL without a database has one, `mydb`",
    ),
    (
        "*",
        r#"cluster: Some("orders"), memberships: []"#,
        r#"cluster: Some("orders"), memberships: [GroupMembership { group: GroupId("sg-base"), status: "active" }]"#,
        MEMBERS,
    ),
    (
        "bearers",
        r#"cluster: Some("orders"), subnets: [], groups: []"#,
        r#"cluster: Some("orders"), subnets: [], groups: [GroupId("sg-base")]"#,
        MEMBERS,
    ),
    (
        "who has the groups",
        r#"cluster: Some("orders"), subnets: [], groups: []"#,
        r#"cluster: Some("orders"), subnets: [], groups: [GroupId("sg-base"), GroupId("sg-d")]"#,
        MEMBERS,
    ),
    (
        "targets",
        "state: Available, reason: None",
        r#"state: Unavailable, reason: Some("UNREACHABLE")"#,
        HEALTH,
    ),
    (
        "targets",
        r#"resource: "orders", tracked_cluster: Some("orders")"#,
        r#"resource: "orders", tracked_cluster: None"#,
        "a cluster among a proxy's targets names itself as the tracked cluster",
    ),
    ("quota", "malformed-answer", "5", "quotas of VPC are missing"),
    (
        "all versions of functions",
        r#"", exists"#,
        r#":$LATEST", exists"#,
        "in a list of all versions the ARN of a function leaves `$LATEST` out",
    ),
    (
        "public access",
        "not-offered",
        r#"PublicAccess { mode: "off", state: Some("default-state"), exclusions_allowed: None, account: Some("123456789012") }"#,
        "VPC Block Public Access is missing",
    ),
    (
        "exclusions",
        "not-offered",
        "nothing",
        "VPC Block Public Access is missing",
    ),
    ("tags of no proxy", "nothing", "not-found", ABSENT),
    ("take it out again", "()", "rejected: InvalidPermission.NotFound", GONE),
    (
        "take the rule out again",
        "()",
        "rejected: InvalidPermission.NotFound",
        GONE,
    ),
    ("let in again", "()", "already-exists", DUPLICATES),
    ("route again", "()", "already-exists", DUPLICATES),
    ("associate again", "()", "already-exists", DUPLICATES),
    ("let no group in", "()", "not-found", ABSENT),
    ("no group on the cluster", "()", "not-found", ABSENT),
    ("make one in no subnet", r#"NatGatewayId("nat")"#, "not-found", ABSENT),
    ("make one in no VPC", r#"RouteTableId("rtb")"#, "not-found", ABSENT),
    (
        "route what is not there elsewhere",
        "()",
        "rejected: InvalidParameterValue",
        ABSENT,
    ),
    (
        "*",
        r#", Rule { protocol: Tcp, ports: Some(PortRange { from: 5432, to: 5432 }), peer: Group(GroupId("sg-00000000000000000")), description: Some("of the test") }"#,
        "",
        ABSENT,
    ),
    (
        "the new route tables",
        r#", Association { id: "rtbassoc", subnet: SubnetId("subnet-z") }]"#,
        "]",
        DUPLICATES,
    ),
    (
        "the new route tables",
        r#", Route { destination: Cidr(0.0.0.0/0), target: Nat(NatGatewayId("nat")), state: Active, origin: Static }]"#,
        "]",
        DUPLICATES,
    ),
    (
        "the new route tables",
        r#"[Route { destination: Cidr(10.0.0.0/16), target: Local, state: Active, origin: Static }, Route { destination: Cidr(0.0.0.0/0), target: InternetGateway(InternetGatewayId("igw")), state: Active, origin: Static }]"#,
        r#"[Route { destination: Cidr(0.0.0.0/0), target: InternetGateway(InternetGatewayId("igw")), state: Active, origin: Static }, Route { destination: Cidr(10.0.0.0/16), target: Local, state: Active, origin: Static }]"#,
        SIMULATOR,
    ),
    (
        "the endpoint",
        "groups: [], route_tables: [], private_dns: false, only_inbound_resolver: None",
        r#"groups: [GroupId("sg-base")], route_tables: [], private_dns: true, only_inbound_resolver: Some(false)"#,
        ENDPOINT,
    ),
    (
        "make it while it is deleted",
        "already-exists",
        "rejected: InvalidRequestException",
        "a secret that is scheduled for deletion is said to exist",
    ),
    (
        "DNS across no peering",
        "not-offered",
        "not-found",
        "options of a VPC peering cannot be changed",
    ),
];
