//! `msk check`: every cell of the table in docs/msk.md, and each possible fault, reported by its own check.

use std::collections::BTreeMap;

use autoconnect::diagnostics::Status;
use autoconnect::model::network::*;
use autoconnect::model::*;
use autoconnect::msk::{Answer, MskScene, is_public};
use autoconnect::policy::{
    Effect, PolicyDocument, RolePolicies, Statement, execution_role, for_mapping, poll_msk, read_secret,
};
use autoconnect::reachability::Paths;

use crate::unread::wrongly_told;

/// Asks everything, of all that was read and of less.
fn check(scene: &MskScene) -> Answer {
    type Without = fn(&mut MskScene, String);
    macro_rules! without {
        ($($($part:ident).+),*) => {
            [$((stringify!($($part).+), |scene, why| scene.$($part).+ = Part::Unread(why))),*]
        };
    }
    let parts: [(&str, Without); 13] = without![
        mappings,
        policies,
        network.vpcs,
        network.subnets,
        network.route_tables,
        network.acls,
        network.internet_gateways,
        network.nat_gateways,
        network.public_access,
        network.endpoints,
        network.interfaces,
        network.prefix_lists,
        network.groups
    ];
    let all = autoconnect::msk::check(scene);
    for (part, without) in parts {
        let mut less = scene.clone();
        without(&mut less, "it may not be read".to_owned());
        let wrong = wrongly_told(&all.checks, &autoconnect::msk::check(&less).checks);
        assert!(wrong.is_empty(), "without {part}: {}", wrong.join("\n"));
    }
    all
}

const CLUSTER: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/1f2e-1";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_o-AbCdEf";
const ZONES: [&str; 2] = ["a", "b"];

fn broker_subnet(zone: &str) -> SubnetId {
    format!("subnet-broker-{zone}").as_str().into()
}

fn public_subnet(zone: &str) -> SubnetId {
    format!("subnet-public-{zone}").as_str().into()
}

fn rule(port: u16, peer: Peer) -> Rule {
    Rule {
        protocol: Protocol::Tcp,
        ports: Some(PortRange::only(port)),
        peer,
        description: None,
    }
}

fn itself(id: &str) -> Peer {
    Peer::Group(id.into())
}

fn everywhere() -> Peer {
    Peer::Cidr("0.0.0.0/0".into())
}

fn group(id: &str, ingress: Vec<Rule>, egress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        id: id.into(),
        name: id.into(),
        vpc: "vpc-1".into(),
        owner: None,
        description: String::new(),
        ingress,
        egress,
        tags: BTreeMap::new(),
    }
}

fn table(id: &str, subnets: &[SubnetId], default: Option<RouteTarget>) -> RouteTable {
    let association = |subnet: &SubnetId| Association {
        id: format!("rtbassoc-{subnet}"),
        subnet: subnet.clone(),
    };
    let route = |target| Route {
        destination: Destination::Cidr("0.0.0.0/0".parse().unwrap()),
        target,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    };
    RouteTable {
        id: id.into(),
        vpc: "vpc-1".into(),
        is_main: false,
        associations: subnets.iter().map(association).collect(),
        routes: default
            .map(route)
            .into_iter()
            .chain([Route {
                destination: Destination::Cidr("10.0.0.0/16".parse().unwrap()),
                target: RouteTarget::Local,
                state: RouteState::Active,
                origin: RouteOrigin::Static,
            }])
            .collect(),
        tags: BTreeMap::new(),
    }
}

fn endpoint(service: &str) -> Endpoint {
    Endpoint {
        id: format!("vpce-{service}").as_str().into(),
        vpc: "vpc-1".into(),
        kind: EndpointKind::Interface,
        service: format!("com.amazonaws.eu-central-1.{service}"),
        state: "available".into(),
        subnets: ZONES.map(broker_subnet).to_vec(),
        groups: vec!["sg-endpoints".into()],
        route_tables: Vec::new(),
        private_dns: true,
        only_inbound_resolver: Some(false),
        policy: None,
        tags: BTreeMap::new(),
    }
}

fn subnet(id: SubnetId, zone: &str, cidr: &str) -> network::Subnet {
    network::Subnet {
        id,
        vpc: "vpc-1".into(),
        cidrs: vec![cidr.parse().unwrap()],
        doubtful_cidrs: Vec::new(),
        availability_zone: format!("eu-central-1{zone}"),
        free_addresses: Some(100),
        tags: BTreeMap::new(),
    }
}

fn open_acl() -> NetworkAcl {
    let entry = |direction| AclEntry {
        number: 100,
        direction,
        allows: true,
        protocol: None,
        ports: None,
        cidr: "0.0.0.0/0".parse().unwrap(),
    };
    NetworkAcl {
        id: "acl-1".into(),
        vpc: "vpc-1".into(),
        is_default: true,
        subnets: Vec::new(),
        entries: vec![entry(Direction::Ingress), entry(Direction::Egress)],
    }
}

/// A cluster with IAM in two zones, in subnets without any way out, and no mapping.
fn scene() -> MskScene {
    let mut subnets = Vec::new();
    for (i, zone) in ZONES.into_iter().enumerate() {
        subnets.push(subnet(broker_subnet(zone), zone, &format!("10.0.{i}.0/24")));
        subnets.push(subnet(public_subnet(zone), zone, &format!("10.0.10{i}.0/24")));
    }
    let gateway: InternetGatewayId = "igw-1".into();
    MskScene {
        cluster: MskCluster {
            arn: CLUSTER.into(),
            name: "orders".into(),
            kind: MskKind::Provisioned,
            state: "ACTIVE".into(),
            authentication: ClientAuthentication {
                iam: true,
                ..ClientAuthentication::default()
            },
            client_broker: ClientBroker::Tls,
            public_access: Some("DISABLED".into()),
            network_type: Some("IPV4".into()),
            placements: vec![MskPlacement {
                subnets: ZONES.map(broker_subnet).to_vec(),
                groups: vec!["sg-brokers".into()],
            }],
        },
        vpc: Part::Read("vpc-1".into()),
        mappings: Part::default(),
        others: Vec::new(),
        function: None,
        secrets: Vec::new(),
        policies: Part::default(),
        network: Network {
            vpcs: Part::Read(vec![Vpc {
                id: "vpc-1".into(),
                owner: None,
                cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                tenancy: "default".into(),
                dns: Part::Read(VpcDns {
                    support: true,
                    hostnames: true,
                }),
                doubtful_cidrs: Vec::new(),
                dhcp_options: None,
                resolver: Part::Read(Resolver::Amazon),
            }]),
            subnets: Part::Read(subnets),
            route_tables: Part::Read(vec![
                table("rtb-a", &[broker_subnet("a")], None),
                table("rtb-b", &[broker_subnet("b")], None),
                table(
                    "rtb-public",
                    &ZONES.map(public_subnet),
                    Some(RouteTarget::InternetGateway(gateway.clone())),
                ),
            ]),
            acls: Part::Read(vec![open_acl()]),
            internet_gateways: Part::Read(vec![InternetGateway {
                id: gateway,
                vpc: Some("vpc-1".into()),
                tags: BTreeMap::new(),
            }]),
            groups: Part::Read(vec![
                group(
                    "sg-brokers",
                    vec![rule(9098, itself("sg-brokers"))],
                    vec![Rule::default_egress()],
                ),
                group("sg-endpoints", vec![rule(443, itself("sg-brokers"))], vec![]),
            ]),
            ..Network::default()
        },
        mode: None,
        authentication: None,
    }
}

fn read<T>(part: &mut Part<T>) -> &mut T {
    match part {
        Part::Read(part) => part,
        Part::Unread(why) => panic!("{why}"),
    }
}

fn lead(scene: &mut MskScene, target: impl Fn(&str) -> RouteTarget) {
    let tables = read(&mut scene.network.route_tables);
    for (i, zone) in ZONES.into_iter().enumerate() {
        let id = tables[i].id.to_string();
        tables[i] = table(&id, &[broker_subnet(zone)], Some(target(zone)));
    }
}

fn make_public(scene: &mut MskScene) {
    lead(scene, |_| RouteTarget::InternetGateway("igw-1".into()));
}

#[test]
fn a_subnet_is_public_by_its_default_route() {
    let gateway = || RouteTarget::InternetGateway("igw-1".into());
    let table = [
        (gateway(), RouteState::Active, Some(true)),
        (gateway(), RouteState::Blackhole, Some(false)),
        (gateway(), RouteState::Other("resting".to_owned()), None),
        (RouteTarget::Nat("nat-1".into()), RouteState::Active, Some(false)),
    ];
    for (target, state, expected) in table {
        let mut scene = scene();
        lead(&mut scene, |_| target.clone());
        for table in read(&mut scene.network.route_tables) {
            table.routes[0].state = state.clone();
        }
        let found = is_public(&Paths::new(&scene.network), &broker_subnet(ZONES[0]));
        assert_eq!(found.ok(), expected, "{target} {state:?}");
    }
}

fn nat(zone: &str) -> NatGateway {
    NatGateway {
        id: format!("nat-{zone}").as_str().into(),
        vpc: "vpc-1".into(),
        subnet: Some(public_subnet(zone)),
        mode: NatMode::Zonal,
        route_table: None,
        state: "available".into(),
        failure: None,
        connectivity: "public".to_owned(),
        public_addresses: vec!["203.0.113.1".into()],
        tags: BTreeMap::new(),
    }
}

fn add_nat(scene: &mut MskScene) {
    *read(&mut scene.network.nat_gateways) = ZONES.map(nat).to_vec();
    lead(scene, |zone| RouteTarget::Nat(format!("nat-{zone}").as_str().into()));
}

fn add_endpoints(scene: &mut MskScene) {
    *read(&mut scene.network.endpoints) = vec![endpoint("lambda"), endpoint("sts")];
}

fn groups(scene: &mut MskScene) -> &mut Vec<SecurityGroup> {
    read(&mut scene.network.groups)
}

fn mapping(mode: MappingMode, access: &[&str]) -> EventSourceMapping {
    EventSourceMapping {
        uuid: "u-1".into(),
        source: Some(CLUSTER.into()),
        bootstrap_servers: Vec::new(),
        function: Some("arn:aws:lambda:eu-central-1:123456789012:function:f".into()),
        state: "Enabled".into(),
        mode,
        access: access
            .iter()
            .map(|kind| SourceAccess {
                kind: (*kind).into(),
                uri: Some(SECRET.into()),
            })
            .collect(),
        last_result: None,
    }
}

fn function() -> Function {
    Function {
        name: "f".into(),
        arn: "arn:aws:lambda:eu-central-1:123456789012:function:f".into(),
        exists: true,
        vpc: None,
        state: FunctionState::Active,
        state_reason: None,
        state_reason_code: None,
        last_update: None,
        last_update_reason: None,
        last_update_reason_code: None,
        revision_id: None,
        role: Some("arn:aws:iam::123456789012:role/r".into()),
        environment: None,
        code: Code::default(),
        timeout: None,
        capacity_provider: None,
    }
}

/// The statuses of the checks that did not pass.
fn told(report: &Answer) -> Vec<(&str, Status)> {
    let not_passed = report.checks.iter().filter(|check| check.status != Status::Pass);
    not_passed.map(|check| (check.id.as_str(), check.status)).collect()
}

/// Source: the first table of docs/msk.md.
#[test]
fn every_cell_of_the_table() {
    type Build = fn(&mut MskScene);
    let nothing: Build = |_| ();
    let both: Build = |scene| {
        add_nat(scene);
        add_endpoints(scene);
    };
    // (public, mode, what is there, whether it works)
    let table: [(bool, MappingMode, Build, bool); 11] = [
        (false, MappingMode::OnDemand, nothing, false),
        (false, MappingMode::OnDemand, add_nat, true),
        (false, MappingMode::OnDemand, add_endpoints, true),
        (false, MappingMode::OnDemand, both, true),
        (true, MappingMode::OnDemand, nothing, false),
        (true, MappingMode::OnDemand, add_endpoints, true),
        (false, MappingMode::Provisioned, nothing, true),
        (false, MappingMode::Provisioned, add_nat, true),
        (false, MappingMode::Provisioned, add_endpoints, true),
        (true, MappingMode::Provisioned, nothing, true),
        (true, MappingMode::Provisioned, add_endpoints, true),
    ];
    for (public, mode, build, works) in table {
        for kind in [MskKind::Provisioned, MskKind::Serverless] {
            for told_by_mapping in [false, true] {
                let mut scene = scene();
                scene.cluster.kind = kind.clone();
                build(&mut scene);
                if public {
                    make_public(&mut scene);
                }
                if told_by_mapping {
                    scene.mappings = Part::Read(vec![EventSourceMapping {
                        function: None,
                        ..mapping(mode, &[])
                    }]);
                } else {
                    scene.mode = Some(mode);
                }
                let report = check(&scene);
                let expected = if works { Status::Pass } else { Status::Fail };
                assert_eq!(report.verdict, expected, "{public} {mode} {kind}: {:#?}", report.checks);
                if !works {
                    let both = [("nat-gateways", Status::Fail), ("endpoints", Status::Fail)];
                    assert_eq!(told(&report), both, "{public} {mode}");
                    assert!(report.headline.contains("lambda, sts"), "{}", report.headline);
                }
            }
        }
    }
}

/// Each way to authenticate needs its own port, from the group itself; a rule for the ranges of the subnets does too.
#[test]
fn each_authentication_needs_its_port() {
    for way in Authentication::ALL {
        for open in [9092, 9094, 9096, 9098] {
            let mut scene = scene();
            scene.mode = Some(MappingMode::Provisioned);
            scene.authentication = Some(way);
            scene.cluster.authentication = ClientAuthentication {
                unauthenticated: true,
                tls: true,
                scram: true,
                iam: true,
            };
            scene.cluster.client_broker = ClientBroker::TlsPlaintext;
            for peer in [itself("sg-brokers"), Peer::Cidr("10.0.0.0/23".into())] {
                groups(&mut scene)[0].ingress = vec![rule(open, peer)];
                let report = check(&scene);
                let expected = if open == way.port() { Status::Pass } else { Status::Fail };
                assert_eq!(report.verdict, expected, "{way} {open}");
                if expected == Status::Fail {
                    let inbound = report
                        .checks
                        .iter()
                        .find(|check| check.id == "brokers-inbound")
                        .unwrap();
                    assert!(
                        inbound.message.contains(&format!("tcp {}", way.port())),
                        "{}",
                        inbound.message
                    );
                    let remedy = format!(
                        "aws ec2 authorize-security-group-ingress --group-id sg-brokers --ip-permissions 'IpProtocol=tcp,FromPort={0},ToPort={0},UserIdGroupPairs=[{{GroupId=sg-brokers}}]'",
                        way.port()
                    );
                    assert_eq!(inbound.remedy.as_deref(), Some(remedy.as_str()));
                }
            }
        }
    }
}

/// What public access and a dual-stack cluster add is for other clients: closed, it is reported, and stops no poller.
#[test]
fn ports_for_other_clients_are_reported() {
    let mut scene = scene();
    scene.mode = Some(MappingMode::Provisioned);
    scene.cluster.public_access = Some("SERVICE_PROVIDED_EIPS".into());
    scene.cluster.network_type = Some("DUAL".into());
    for (i, subnet) in read(&mut scene.network.subnets).iter_mut().enumerate() {
        subnet.cidrs.push(format!("2001:db8:0:{i}::/64").parse().unwrap());
    }
    let report = check(&scene);
    assert_eq!(told(&report), [("brokers-inbound", Status::Warn)]);
    let inbound = report
        .checks
        .iter()
        .find(|check| check.id == "brokers-inbound")
        .unwrap();
    for port in ["9198", "20098"] {
        assert!(inbound.evidence.iter().any(|line| line.contains(port)), "{inbound:#?}");
    }
    groups(&mut scene)[0].ingress = [9098, 9198, 20098]
        .map(|port| rule(port, itself("sg-brokers")))
        .to_vec();
    let report = check(&scene);
    assert_eq!(report.verdict, Status::Pass, "{:#?}", report.checks);
}

type Break = fn(&mut MskScene);

/// Each of these breaks one thing where endpoints are the way.
#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn each_fault_of_an_endpoint_is_found() {
    let table: [(&str, Break, Status, &str, &str); 16] = [
        (
            "gone",
            |scene| drop(read(&mut scene.network.endpoints).pop()),
            Status::Fail,
            "endpoints",
            "no interface endpoint com.amazonaws.eu-central-1.sts",
        ),
        (
            "pending",
            |scene| read(&mut scene.network.endpoints)[0].state = "pending".into(),
            Status::Fail,
            "endpoints",
            "pending",
        ),
        (
            "new state",
            |scene| read(&mut scene.network.endpoints)[0].state = "partial".into(),
            Status::Unknown,
            "endpoints",
            "partial",
        ),
        (
            "private DNS",
            |scene| read(&mut scene.network.endpoints)[0].private_dns = false,
            Status::Fail,
            "endpoints",
            "private DNS",
        ),
        (
            "gateway",
            |scene| read(&mut scene.network.endpoints)[0].kind = EndpointKind::Gateway,
            Status::Fail,
            "endpoints",
            "no interface endpoint",
        ),
        (
            "other VPC",
            |scene| read(&mut scene.network.endpoints)[0].vpc = "vpc-2".into(),
            Status::Fail,
            "endpoints",
            "no interface endpoint",
        ),
        (
            "other subnets",
            |scene| read(&mut scene.network.endpoints)[0].subnets = ZONES.map(public_subnet).to_vec(),
            Status::Pass,
            "endpoints",
            "com.amazonaws",
        ),
        (
            "no subnets",
            |scene| read(&mut scene.network.endpoints)[0].subnets.clear(),
            Status::Fail,
            "endpoints",
            "is in no subnet",
        ),
        (
            "an ACL between poller and brokers",
            |scene| {
                let deny = AclEntry {
                    number: 1,
                    direction: Direction::Ingress,
                    allows: false,
                    protocol: Some(6),
                    ports: Some((9098, 9098)),
                    cidr: "10.0.0.0/16".parse().unwrap(),
                };
                read(&mut scene.network.acls)[0].entries.push(deny);
            },
            Status::Fail,
            "network-acls",
            "9098 blocked by rule 1",
        ),
        (
            "one zone",
            |scene| drop(read(&mut scene.network.endpoints)[0].subnets.pop()),
            Status::Warn,
            "endpoints",
            "subnet-broker-b",
        ),
        (
            "group",
            |scene| groups(scene)[1].ingress.clear(),
            Status::Fail,
            "endpoints",
            "sg-endpoints",
        ),
        (
            "other port",
            |scene| groups(scene)[1].ingress = vec![rule(80, itself("sg-brokers"))],
            Status::Fail,
            "endpoints",
            "sg-endpoints",
        ),
        (
            "policy",
            |scene| {
                let policy = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "lambda:GetFunction", "Resource": "*"}}"#;
                read(&mut scene.network.endpoints)[0].policy = Some(policy.into());
            },
            Status::Fail,
            "endpoints",
            "lambda:InvokeFunction",
        ),
        (
            "policy for others",
            |scene| {
                let policy = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:*", "Resource": "*"}}"#;
                read(&mut scene.network.endpoints)[1].policy = Some(policy.into());
            },
            Status::Fail,
            "endpoints",
            "sts:AssumeRole",
        ),
        (
            "outbound",
            |scene| groups(scene)[0].egress = vec![rule(9098, itself("sg-brokers"))],
            Status::Fail,
            "brokers-outbound",
            "tcp 443",
        ),
        (
            "DNS",
            |scene| {
                read(&mut scene.network.vpcs)[0].dns = Part::Read(VpcDns {
                    support: true,
                    hostnames: false,
                });
            },
            Status::Fail,
            "endpoints",
            "enableDnsHostnames",
        ),
    ];
    for (name, edit, status, id, text) in table {
        let mut scene = scene();
        add_endpoints(&mut scene);
        edit(&mut scene);
        let report = check(&scene);
        assert_eq!(report.verdict, status, "{name}: {:#?}", report.checks);
        let found = report.checks.iter().find(|check| check.id == id).unwrap();
        assert_eq!(found.status, status, "{name}");
        let told = format!("{} {:?}", found.message, found.evidence);
        assert!(told.contains(text), "{name}: {told}");
    }
}

/// Each of these breaks one thing where NAT gateways are the way.
#[test]
fn each_fault_of_a_nat_gateway_is_found() {
    let table: [(&str, Break, Status, &str, &str); 10] = [
        (
            "one black hole",
            |scene| read(&mut scene.network.route_tables)[1].routes[0].state = RouteState::Blackhole,
            Status::Fail,
            "nat-gateways",
            "blackhole",
        ),
        (
            "failed",
            |scene| read(&mut scene.network.nat_gateways)[0].state = "failed".into(),
            Status::Fail,
            "nat-gateways",
            "nat-a is failed",
        ),
        (
            "private",
            |scene| read(&mut scene.network.nat_gateways)[0].connectivity = "private".to_owned(),
            Status::Fail,
            "nat-gateways",
            "nat-a is private",
        ),
        (
            "gone",
            |scene| drop(read(&mut scene.network.nat_gateways).pop()),
            Status::Fail,
            "nat-gateways",
            "nat-b does not exist",
        ),
        (
            "in a private subnet",
            |scene| read(&mut scene.network.nat_gateways)[0].subnet = Some(broker_subnet("a")),
            Status::Fail,
            "nat-gateways",
            "no route 0.0.0.0/0 to an internet gateway",
        ),
        (
            "internet gateway detached",
            |scene| read(&mut scene.network.internet_gateways)[0].vpc = None,
            Status::Fail,
            "nat-gateways",
            "no route 0.0.0.0/0 to an internet gateway",
        ),
        (
            "one for both zones",
            |scene| {
                let target = read(&mut scene.network.route_tables)[0].routes[0].target.clone();
                read(&mut scene.network.route_tables)[1].routes[0].target = target;
            },
            Status::Warn,
            "nat-gateways",
            "its NAT gateway nat-a in eu-central-1a",
        ),
        (
            "transit gateway",
            |scene| lead(scene, |_| RouteTarget::TransitGateway("tgw-1".into())),
            Status::Unknown,
            "nat-gateways",
            "tgw-1",
        ),
        (
            "network ACL",
            |scene| {
                let deny = AclEntry {
                    number: 50,
                    direction: Direction::Ingress,
                    allows: false,
                    protocol: Some(6),
                    ports: Some((1024, 2047)),
                    cidr: "0.0.0.0/0".parse().unwrap(),
                };
                read(&mut scene.network.acls)[0].entries.push(deny);
            },
            Status::Fail,
            "nat-gateways",
            "rule 50 of acl-1",
        ),
        (
            "outbound",
            |scene| groups(scene)[0].egress = vec![rule(443, itself("sg-brokers")), rule(9098, itself("sg-brokers"))],
            Status::Fail,
            "brokers-outbound",
            "do not let tcp 443 out to all",
        ),
    ];
    for (name, edit, status, id, text) in table {
        let mut scene = scene();
        add_nat(&mut scene);
        edit(&mut scene);
        let report = check(&scene);
        assert_eq!(report.verdict, status, "{name}: {:#?}", report.checks);
        let found = report.checks.iter().find(|check| check.id == id).unwrap();
        assert_eq!(found.status, status, "{name}");
        let told = format!("{} {:?}", found.message, found.evidence);
        assert!(told.contains(text), "{name}: {told}");
    }
}

/// The private DNS of an endpoint takes the requests of the whole VPC, so that no NAT gateway makes a broken one good;
/// one without private DNS is in nobody's way.
#[test]
fn a_broken_endpoint_stands_in_the_way_of_a_nat_gateway() {
    for (private_dns, expected) in [(true, Status::Fail), (false, Status::Pass)] {
        let mut scene = scene();
        add_nat(&mut scene);
        *read(&mut scene.network.endpoints) = vec![Endpoint {
            private_dns,
            ..endpoint("sts")
        }];
        groups(&mut scene)[1].ingress.clear();
        let report = check(&scene);
        assert_eq!(report.verdict, expected, "{:#?}", report.checks);
    }
}

/// Where one way may be good, the other's faults do not decide; but an endpoint that cannot be seen may take the requests.
#[test]
fn what_cannot_be_read_is_unknown_unless_the_other_way_is_good() {
    fn unread<T>() -> Part<T> {
        Part::Unread("ec2:Describe…: no permission".to_owned())
    }
    for (build, expected) in [(add_nat as Break, Status::Unknown), (|_| (), Status::Unknown)] {
        let mut scene = scene();
        build(&mut scene);
        scene.network.endpoints = unread();
        assert_eq!(check(&scene).verdict, expected);
    }
    for (build, expected) in [(add_endpoints as Break, Status::Pass), (|_| (), Status::Unknown)] {
        let mut scene = scene();
        build(&mut scene);
        scene.network.route_tables = unread();
        let report = check(&scene);
        assert_eq!(report.verdict, expected, "{:#?}", report.checks);
    }
    let mut scene = scene();
    scene.network.groups = unread();
    scene.mode = Some(MappingMode::Provisioned);
    assert_eq!(check(&scene).verdict, Status::Unknown);
}

#[test]
fn a_secret_needs_an_endpoint_and_a_policy_for_it() {
    const ROLE: &str = "arn:aws:iam::123456789012:role/r";
    let mut scene = scene();
    scene.cluster.authentication = ClientAuthentication {
        scram: true,
        ..ClientAuthentication::default()
    };
    scene.mappings = Part::Read(vec![mapping(MappingMode::OnDemand, &["SASL_SCRAM_512_AUTH"])]);
    scene.function = Some(function());
    scene.policies = Part::Read(RolePolicies::only([execution_role(true)]));
    groups(&mut scene)[0].ingress = vec![rule(9096, itself("sg-brokers"))];
    add_endpoints(&mut scene);
    let report = check(&scene);
    assert_eq!(
        told(&report),
        [("nat-gateways", Status::Fail), ("endpoints", Status::Fail)]
    );
    let endpoints = report.checks.iter().find(|check| check.id == "endpoints").unwrap();
    assert!(endpoints.message.contains("secretsmanager"), "{}", endpoints.message);

    let least = |secret: &str| {
        for_mapping("secretsmanager", &[secret.to_owned()], &[ROLE.to_owned()])
            .unwrap()
            .to_string()
    };
    // The secret is read with the function's role, which is not known without a function.
    let of_lambda = least(SECRET).replace(&format!(r#""AWS":"{ROLE}""#), r#""Service":"lambda.amazonaws.com""#);
    assert!(of_lambda.contains("lambda.amazonaws.com"), "{of_lambda}");
    let other = least("arn:aws:secretsmanager:eu-central-1:123456789012:secret:x");
    for (policy, has_function, expected) in [
        (least(SECRET), true, Status::Pass),
        (other, true, Status::Fail),
        (of_lambda, true, Status::Fail),
        (least(SECRET), false, Status::Unknown),
    ] {
        let mut scene = scene.clone();
        if !has_function {
            scene.function = None;
        }
        read(&mut scene.network.endpoints).push(Endpoint {
            policy: Some(policy),
            ..endpoint("secretsmanager")
        });
        let report = check(&scene);
        assert_eq!(report.verdict, expected, "{:#?}", report.checks);
    }
}

#[test]
fn the_role_needs_what_lambda_reads_with_it() {
    let mut scene = scene();
    scene.mode = Some(MappingMode::Provisioned);
    scene.function = Some(function());
    let policies = [
        (execution_role(true), Status::Pass),
        (execution_role(false), Status::Fail),
        (PolicyDocument::new(vec![]), Status::Fail),
    ];
    for (policy, expected) in policies {
        scene.policies = Part::Read(RolePolicies::only([policy]));
        let report = check(&scene);
        let role = report.checks.iter().find(|check| check.id == "execution-role").unwrap();
        assert_eq!(role.status, expected, "{role:#?}");
        if expected == Status::Fail {
            assert!(role.message.contains("kafka:DescribeClusterV2"), "{}", role.message);
            assert!(role.remedy.as_ref().unwrap().contains("AWSLambdaMSKExecutionRole"));
        }
    }
    scene.function = None;
    assert_eq!(check(&scene).verdict, Status::Pass);
}

/// What the role may do with the mapping's secret and its key, by what is known of the key.
#[test]
fn the_role_needs_the_mappings_secret_and_its_key() {
    type Row<'r> = (Vec<PolicyDocument>, Part<Option<String>>, bool, Status, &'r [&'r str]);
    const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/k";
    let others = || execution_role(true);
    let ours = |key| PolicyDocument::read(&read_secret(SECRET, key)).unwrap();
    let decrypts_all = || PolicyDocument::new(vec![Statement::allow(["kms:Decrypt"]).on(["*"])]);
    let customers = || Part::Read(Some(KEY.to_owned()));
    let of_aws = || Part::Read(None);
    let unread = || Part::Unread("kms:DescribeKey was denied".to_owned());
    let table: [Row<'_>; 10] = [
        (
            vec![],
            of_aws(),
            false,
            Status::Fail,
            &["secretsmanager:GetSecretValue", SECRET],
        ),
        (vec![ours(None)], of_aws(), false, Status::Pass, &[SECRET]),
        (
            vec![ours(None)],
            customers(),
            false,
            Status::Fail,
            &["kms:Decrypt", SECRET, KEY],
        ),
        (vec![ours(Some(KEY))], customers(), false, Status::Pass, &[]),
        (vec![ours(None), decrypts_all()], customers(), false, Status::Pass, &[]),
        (
            vec![],
            customers(),
            false,
            Status::Fail,
            &["secretsmanager:GetSecretValue, kms:Decrypt"],
        ),
        (
            vec![ours(None)],
            unread(),
            false,
            Status::Unknown,
            &["kms:Decrypt", "kms:DescribeKey was denied"],
        ),
        (vec![ours(None), decrypts_all()], unread(), false, Status::Pass, &[]),
        (
            vec![],
            unread(),
            false,
            Status::Fail,
            &["secretsmanager:GetSecretValue"],
        ),
        (
            vec![ours(None)],
            of_aws(),
            true,
            Status::Fail,
            &["scheduled for deletion"],
        ),
    ];
    for (policies, customer_key, is_deleted, expected, named) in table {
        let mut scene = scene();
        scene.mode = Some(MappingMode::Provisioned);
        scene.function = Some(function());
        scene.policies = Part::Read(RolePolicies::only(policies.into_iter().chain([others()])));
        scene.secrets = vec![NeededSecret {
            arn: SECRET.into(),
            customer_key,
            asked_key: None,
            is_deleted,
        }];
        let report = check(&scene);
        let role = report.checks.iter().find(|check| check.id == "execution-role").unwrap();
        assert_eq!(role.status, expected, "{role:?}");
        for text in named {
            assert!(format!("{role:?}").contains(text), "{text}: {role:?}");
        }
        // A command that gives what is missing, to this role.
        let gives = role
            .remedy
            .as_deref()
            .is_some_and(|remedy| remedy.contains("put-role-policy"));
        assert_eq!(gives, expected == Status::Fail && !is_deleted, "{role:?}");
    }
}

#[test]
fn mappings_that_do_not_fit_are_reported() {
    type Change = fn(&mut EventSourceMapping);
    let table: [(Change, Status, &str); 8] = [
        (
            |mapping| mapping.state = "Disabled".into(),
            Status::Warn,
            "polls nothing",
        ),
        (|mapping| mapping.state = "Updating".into(), Status::Pass, "u-1"),
        (
            |mapping| mapping.state = "Resting".into(),
            Status::Unknown,
            "the state \\\"Resting\\\"",
        ),
        (
            |mapping| mapping.last_result = Some("PROBLEM: Connection error".into()),
            Status::Unknown,
            "Connection error",
        ),
        (
            |mapping| mapping.last_result = Some("PROBLEM: Function call failed".into()),
            Status::Warn,
            "Function call failed",
        ),
        (|mapping| mapping.last_result = Some("OK".into()), Status::Pass, "u-1"),
        (
            |mapping| mapping.source = Some(format!("{CLUSTER}x")),
            Status::Fail,
            "not MSK cluster orders",
        ),
        (
            |mapping| {
                mapping.access.push(SourceAccess {
                    kind: "SASL_SCRAM_512_AUTH".into(),
                    uri: None,
                });
            },
            Status::Fail,
            "SASL/SCRAM authentication is off",
        ),
    ];
    for (edit, expected, text) in table {
        let mut scene = scene();
        let mut mapping = mapping(MappingMode::Provisioned, &[]);
        edit(&mut mapping);
        scene.mappings = Part::Read(vec![mapping]);
        let report = check(&scene);
        let found = report.checks.iter().find(|check| check.id == "mapping").unwrap();
        assert_eq!(found.status, expected, "{found:#?}");
        assert!(format!("{found:?}").contains(text), "{found:#?}");
    }
}

/// A mapping that names no secret can log in where IAM is on, or nothing is asked for.
#[test]
fn a_mapping_without_a_login_does_not_work() {
    const SCRAM: &str = "SASL_SCRAM_512_AUTH";
    let open = ClientAuthentication::default();
    let scram = ClientAuthentication { scram: true, ..open };
    let tls = ClientAuthentication { tls: true, ..open };
    let table: [(ClientAuthentication, &[&str], Option<&str>); 7] = [
        (open, &[], None),
        (scram, &[SCRAM], None),
        (scram, &[], Some(SCRAM)),
        (tls, &[], Some("CLIENT_CERTIFICATE_TLS_AUTH")),
        (ClientAuthentication { iam: true, ..scram }, &[], None),
        (
            ClientAuthentication {
                unauthenticated: true,
                ..scram
            },
            &[],
            None,
        ),
        (ClientAuthentication { tls: true, ..scram }, &[], Some(SCRAM)),
    ];
    for (authentication, access, asked_for) in table {
        let mut scene = scene();
        scene.cluster.authentication = authentication;
        scene.mappings = Part::Read(vec![mapping(MappingMode::Provisioned, access)]);
        let report = check(&scene);
        let found = report.checks.iter().find(|check| check.id == "mapping").unwrap();
        let expected = if asked_for.is_some() {
            Status::Fail
        } else {
            Status::Pass
        };
        assert_eq!(found.status, expected, "{authentication:?} {access:?}: {found:#?}");
        let remedy = found.remedy.as_deref().unwrap_or_default();
        assert!(asked_for.is_none_or(|kind| remedy.contains(kind)), "{remedy}");
    }
}

/// "It works" is said of what is polled.
#[test]
fn the_headline_says_that_nothing_is_polled() {
    type Change = fn(&mut MskScene);
    fn states(scene: &mut MskScene, states: &[&str]) {
        let mapping = |state: &&str| EventSourceMapping {
            state: (*state).to_owned(),
            ..mapping(MappingMode::Provisioned, &[])
        };
        scene.mappings = Part::Read(states.iter().map(mapping).collect());
    }
    let table: [(Change, &str); 6] = [
        (|_| (), "It works: "),
        (|scene| scene.cluster.state = "CREATING".into(), "Nothing is polled now"),
        (|scene| states(scene, &["Disabled"]), "Nothing is polled now"),
        (
            |scene| states(scene, &["Disabled", "Deleting"]),
            "Nothing is polled now",
        ),
        (
            |scene| states(scene, &["Disabled", "Enabled"]),
            "It works, with a warning: ",
        ),
        (|scene| states(scene, &["Enabled"]), "It works: "),
    ];
    for (change, expected) in table {
        let mut scene = scene();
        scene.mode = Some(MappingMode::Provisioned);
        scene.function = Some(function());
        let login = PolicyDocument::read(&poll_msk(CLUSTER)).unwrap();
        scene.policies = Part::Read(RolePolicies::only([execution_role(true), login]));
        change(&mut scene);
        let headline = check(&scene).headline;
        assert!(headline.starts_with(expected), "{expected}: {headline}");
    }
}

/// With IAM authentication the role has to be allowed to connect, by its own policies or by that of the cluster.
#[test]
fn the_role_may_log_in_to_the_cluster() {
    let allow = |action: &str| PolicyDocument::new(vec![Statement::allow([action]).on(["*"])]);
    let deny = Statement {
        effect: Effect::Deny,
        ..Statement::allow(["kafka-cluster:Connect"]).on(["*"])
    };
    let other = Statement::allow(["kafka-cluster:*"]).on([format!("{CLUSTER}-other")]);
    let table = [
        (vec![allow("kafka-cluster:*")], Some(Status::Pass)),
        (
            vec![PolicyDocument::read(&poll_msk(CLUSTER)).unwrap()],
            Some(Status::Pass),
        ),
        (vec![], Some(Status::Warn)),
        (vec![allow("kafka-cluster:DescribeTopic")], Some(Status::Warn)),
        (vec![PolicyDocument::new(vec![other])], Some(Status::Warn)),
        (
            vec![allow("kafka-cluster:*"), PolicyDocument::new(vec![deny])],
            Some(Status::Fail),
        ),
    ];
    let login = |scene: &MskScene| check(scene).checks.into_iter().find(|check| check.id == "iam-auth");
    let mut scene = scene();
    scene.mode = Some(MappingMode::Provisioned);
    scene.function = Some(function());
    for (policies, expected) in table {
        scene.policies = Part::Read(RolePolicies::only(policies.clone()));
        assert_eq!(login(&scene).map(|check| check.status), expected, "{policies:?}");
    }
    scene.policies = Part::Unread("no permission".to_owned());
    assert_eq!(login(&scene).unwrap().status, Status::Unknown);
    scene.authentication = Some(Authentication::Scram);
    assert_eq!(login(&scene), None);
}

/// Of several mappings, the one that needs more counts; what the user names counts before all of them.
#[test]
fn needs_are_those_of_the_user_then_of_the_mappings() {
    let mut scene = scene();
    assert_eq!(scene.needs().mode, MappingMode::OnDemand);
    scene.mappings = Part::Read(vec![
        mapping(MappingMode::Provisioned, &[]),
        mapping(MappingMode::OnDemand, &["SASL_SCRAM_512_AUTH"]),
    ]);
    let needs = scene.needs();
    assert_eq!(needs.mode, MappingMode::OnDemand);
    assert_eq!(needs.authentications, [Authentication::Scram, Authentication::Iam]);
    assert!(needs.uses_secret);
    assert_eq!(needs.secrets, [SECRET]);
    scene.mode = Some(MappingMode::Provisioned);
    scene.authentication = Some(Authentication::Tls);
    let needs = scene.needs();
    assert_eq!((needs.mode, needs.uses_secret), (MappingMode::Provisioned, false));
    assert_eq!(needs.authentications, [Authentication::Tls]);
}

/// A rule more, a gateway more or a policy less never makes anything worse.
#[test]
fn more_openness_is_never_worse() {
    let builds: [Break; 4] = [
        |_| (),
        add_nat,
        add_endpoints,
        |scene| {
            add_endpoints(scene);
            groups(scene)[1].ingress.clear();
        },
    ];
    let opens: [Break; 3] = [
        |scene| groups(scene)[0].ingress.push(rule(9098, everywhere())),
        |scene| groups(scene)[0].egress.push(Rule::default_egress()),
        |scene| groups(scene)[1].ingress.push(rule(443, everywhere())),
    ];
    for build in builds {
        for open in opens {
            let mut before = scene();
            build(&mut before);
            groups(&mut before)[0].ingress.clear();
            groups(&mut before)[0].egress = vec![rule(443, everywhere())];
            let mut after = before.clone();
            open(&mut after);
            assert!(check(&after).verdict <= check(&before).verdict);
            let failing = |scene: &MskScene| told(&check(scene)).len();
            assert!(failing(&after) <= failing(&before));
        }
    }
}
