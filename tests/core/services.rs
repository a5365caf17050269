//! The engine agrees with the second opinion about the ways to services, brokers and proxies, on thousands of small random
//! networks: endpoints in subnets of their own, ACLs, rules of other protocols, prefix lists, IPv6 and routes that lead away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use autoconnect::diagnostics::connection::{Scene, diagnose};
use autoconnect::diagnostics::{Check, Finding, Status};
use autoconnect::endpoint::{Asker, judge};
use autoconnect::internet::{self, Wish};
use autoconnect::model::network::Own;
use autoconnect::model::network::{
    Association, Destination, Endpoint, EndpointKind, NetworkAcl, PrefixList, Route, RouteOrigin, RouteState,
    RouteTable, RouteTarget, Subnet,
};
use autoconnect::model::network::{Network, Part};
use autoconnect::model::{
    ClientAuthentication, ClientBroker, GroupId, GroupList, MappingMode, MskCluster, MskKind, MskPlacement, SubnetId,
};
use autoconnect::msk::{self, MskScene};
use autoconnect::reachability::Paths;
use ipnet::IpNet;

use crate::builder::proxied;
use crate::packets::{self, Fate};
use crate::paths::{Dice, acl, cases, fates, group, samples, scene_on, subnet};

const HTTPS: u16 = 443;

/// How often something fails, works, and cannot be determined.
#[derive(Debug, Default)]
struct Seen {
    failing: u32,
    working: u32,
    unknown: u32,
}

impl Seen {
    /// Compares the engine's answer with what becomes of packets: it fails exactly where one is lost.
    fn compare(&mut self, status: Status, fates: &[Fate], context: &str) {
        let is_lost = fates.contains(&Fate::Lost);
        assert_eq!(status == Status::Fail, is_lost, "{context}");
        match (is_lost, fates.contains(&Fate::Unseen)) {
            (true, _) => self.failing += 1,
            (false, true) => {
                assert_eq!(status, Status::Unknown, "{context}");
                self.unknown += 1;
            }
            (false, false) => self.working += 1,
        }
    }

    /// The networks are not all alike.
    fn assert_varied(&self) {
        assert!(self.failing > 20 && self.working > 20, "{self:?}");
    }
}

fn known<T>(part: &Part<Vec<T>>) -> &[T] {
    part.known().unwrap()
}

fn worst(findings: &[Finding]) -> Status {
    findings.iter().map(|finding| finding.status).max().unwrap_or_default()
}

/// What becomes of packets from any of some subnets to any of others.
fn all_fates(
    network: &Network,
    from: (&[SubnetId], &[GroupId]),
    to: (&[SubnetId], &[GroupId]),
    port: u16,
) -> Vec<Fate> {
    let pairs = from.0.iter().flat_map(|near| to.0.iter().map(move |far| (near, far)));
    pairs
        .flat_map(|(near, far)| {
            let (near, far) = (subnet(network, near), subnet(network, far));
            fates(network, (near, from.1), (far, to.1), port)
        })
        .collect()
}

/// A random network within one VPC, with rules for a port.
fn within(seed: u64, port: u16) -> Option<Scene> {
    let scene = scene_on(seed, port);
    let is_within = scene.function.vpc.as_ref().unwrap().vpc == scene.database.vpc;
    is_within.then_some(scene)
}

fn some_subnets(dice: &mut Dice, network: &Network) -> Vec<SubnetId> {
    let subnets = known(&network.subnets);
    let mut some: Vec<SubnetId> = subnets
        .iter()
        .filter(|_| dice.one_in(2))
        .map(|subnet| subnet.id.clone())
        .collect();
    if some.is_empty() {
        some.push(dice.pick(subnets).id.clone());
    }
    some
}

fn interface_endpoint(subnets: Vec<SubnetId>, groups: Vec<GroupId>) -> Endpoint {
    Endpoint {
        id: "vpce-1".into(),
        vpc: "vpc-a".into(),
        kind: EndpointKind::Interface,
        service: "com.amazonaws.eu-central-1.secretsmanager".into(),
        state: "available".into(),
        subnets,
        groups,
        route_tables: Vec::new(),
        private_dns: true,
        only_inbound_resolver: Some(false),
        policy: None,
        tags: BTreeMap::new(),
    }
}

/// Function or poller to an interface endpoint, in whatever subnets of the VPC either is.
#[test]
fn interface_endpoints_are_judged_packet_by_packet() {
    let mut seen = Seen::default();
    for seed in 0..cases() {
        let Some(scene) = within(seed, HTTPS) else { continue };
        let network = &scene.network;
        let mut dice = Dice::new(seed ^ 0x5EED);
        let own: Vec<GroupId> = vec!["sg-1".into()];
        let others: Vec<GroupId> = if dice.one_in(2) {
            vec!["sg-2".into(), "sg-3".into()]
        } else {
            vec!["sg-2".into()]
        };
        let from = some_subnets(&mut dice, network);
        let endpoint = interface_endpoint(some_subnets(&mut dice, network), others.clone());
        let vpc = "vpc-a".into();
        let asker = Asker {
            name: "function f",
            vpc: &vpc,
            subnets: &from,
            groups: &own,
        };
        let way = judge(&Paths::new(network), &asker, &endpoint, Vec::new());
        let status = worst(&way.findings).max(worst(&way.outbound));
        let fates = all_fates(network, (&from, &own), (&endpoint.subnets, &others), HTTPS);
        seen.compare(status, &fates, &format!("seed {seed}: {way:#?}"));
    }
    seen.assert_varied();
}

/// Poller and brokers are both in the cluster's subnets, with the cluster's groups.
#[test]
fn brokers_are_judged_packet_by_packet() {
    const PORT: u16 = 9098;
    let mut seen = Seen::default();
    for seed in 0..cases() / 2 {
        let Some(scene) = within(seed, PORT) else { continue };
        let network = scene.network;
        let is_v4 = |subnet: &Subnet| subnet.cidrs.iter().all(|cidr| cidr.addr().is_ipv4());
        // The poller comes over IPv4.
        if !known(&network.subnets).iter().all(is_v4) {
            continue;
        }
        let mut dice = Dice::new(seed ^ 0x0B0E);
        let groups: Vec<GroupId> = if dice.one_in(2) {
            vec!["sg-1".into(), "sg-3".into()]
        } else {
            vec!["sg-1".into()]
        };
        let subnets = some_subnets(&mut dice, &network);
        let fates = all_fates(&network, (&subnets, &groups), (&subnets, &groups), PORT);
        let report = msk::check(&cluster(network, subnets, groups));
        let of_brokers = ["brokers-inbound", "brokers-outbound", "network-acls"];
        let concerned = report
            .checks
            .iter()
            .filter(|check| of_brokers.contains(&check.id.as_str()));
        let status = concerned.map(|check| check.status).max().unwrap_or_default();
        seen.compare(status, &fates, &format!("seed {seed}: {:#?}", report.checks));
    }
    seen.assert_varied();
}

fn cluster(network: Network, subnets: Vec<SubnetId>, groups: Vec<GroupId>) -> MskScene {
    MskScene {
        cluster: MskCluster {
            arn: "arn:aws:kafka:eu-central-1:123456789012:cluster/c/1-1".into(),
            name: "c".into(),
            kind: MskKind::Provisioned,
            state: "ACTIVE".into(),
            authentication: ClientAuthentication {
                iam: true,
                ..ClientAuthentication::default()
            },
            client_broker: ClientBroker::Tls,
            public_access: None,
            network_type: None,
            placements: vec![MskPlacement { subnets, groups }],
        },
        vpc: Part::Read("vpc-a".into()),
        mappings: Part::default(),
        others: Vec::new(),
        function: None,
        secrets: Vec::new(),
        policies: Part::default(),
        network,
        mode: Some(MappingMode::Provisioned),
        authentication: None,
    }
}

/// What rules and ACLs name where a gateway endpoint is the way: the service's ranges, parts of them, and the VPC.
fn public_ranges() -> Vec<IpNet> {
    let texts = [
        "0.0.0.0/0",
        "10.0.0.0/24",
        "52.95.142.0/29",
        "3.5.244.0/29",
        "52.95.142.0/30",
        "52.95.142.4/30",
        "3.5.244.0/31",
        "3.5.244.4/30",
        "3.5.244.7/32",
        "52.95.142.0/28",
        "3.0.0.0/8",
    ];
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn service_addresses() -> Vec<IpAddr> {
    let at = |base: [u8; 3], last: u8| IpAddr::from([base[0], base[1], base[2], last]);
    let lasts = [0, 1, 2, 3, 4, 6, 7];
    let of = |base: [u8; 3]| lasts.map(|last| at(base, last));
    [of([52, 95, 142]), of([3, 5, 244])].concat()
}

/// A function behind a gateway endpoint: the service keeps its public addresses.
fn behind_gateway(seed: u64) -> Option<Scene> {
    let mut scene = within(seed, HTTPS)?;
    let mut dice = Dice::new(seed ^ 0x6A7E);
    let ranges = public_ranges();
    let subnets: Vec<Subnet> = known(&scene.network.subnets).to_vec();
    if subnets.iter().any(|subnet| subnet.cidrs[0].addr().is_ipv6()) {
        return None;
    }
    let mut acls: Vec<NetworkAcl> = (0..2)
        .map(|n| NetworkAcl {
            is_default: n == 0,
            ..acl(&mut dice, &format!("acl-{n}"), "vpc-a", &ranges)
        })
        .collect();
    let route = |destination, target| Route {
        destination,
        target,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    };
    let tables = (0..2).map(|n| RouteTable {
        id: format!("rtb-{n}").as_str().into(),
        vpc: "vpc-a".into(),
        is_main: n == 0,
        associations: Vec::new(),
        routes: vec![
            route(Destination::Cidr(ranges[1]), RouteTarget::Local),
            route(
                Destination::PrefixList("pl-1".into()),
                RouteTarget::Endpoint("vpce-s3".into()),
            ),
        ],
        tags: BTreeMap::new(),
    });
    let mut tables: Vec<RouteTable> = tables.collect();
    for subnet in &subnets {
        if dice.one_in(2) {
            acls[1].subnets.push(subnet.id.clone());
        }
        if dice.one_in(2) {
            tables[1].associations.push(Association {
                id: "rtbassoc".into(),
                subnet: subnet.id.clone(),
            });
        }
    }
    let groups = ["sg-1", "sg-2", "sg-3"].map(|id| group(&mut dice, id, &ranges, HTTPS));
    let endpoint = Endpoint {
        id: "vpce-s3".into(),
        kind: EndpointKind::Gateway,
        service: "com.amazonaws.eu-central-1.s3".into(),
        route_tables: tables.iter().map(|table| table.id.clone()).collect(),
        private_dns: false,
        ..interface_endpoint(Vec::new(), Vec::new())
    };
    let network = &mut scene.network;
    network.acls = Part::Read(acls);
    network.route_tables = Part::Read(tables);
    network.groups = Part::Read(groups.to_vec());
    network.endpoints = Part::Read(vec![endpoint]);
    network.prefix_lists = Part::Read(vec![PrefixList {
        id: "pl-1".into(),
        entries: Part::Read(vec![ranges[2], ranges[3]]),
    }]);
    Some(scene)
}

#[test]
fn gateway_endpoints_are_judged_packet_by_packet() {
    let mut seen = Seen::default();
    for seed in 0..cases() {
        let Some(scene) = behind_gateway(seed) else { continue };
        let network = &scene.network;
        let groups: Vec<GroupId> = scene.function.groups().iter().cloned().collect();
        let own: BTreeSet<&SubnetId> = scene.function.vpc.as_ref().unwrap().subnets.iter().collect();
        let mut fates = Vec::new();
        for id in own {
            for address in service_addresses() {
                for ephemeral in samples().into_iter().filter(|port| *port >= 1024) {
                    let from = subnet(network, id);
                    let endpoint = "vpce-s3".into();
                    fates.push(packets::reaches_service(
                        network, from, &groups, &endpoint, address, ephemeral,
                    ));
                }
            }
        }
        let asked = internet::Scene {
            function: scene.function.clone(),
            network: network.clone(),
            own: Own::default(),
        };
        let wish = Wish {
            function: scene.function.name.clone(),
            port: HTTPS,
            services: vec!["s3".into()],
            per_zone: false,
            tags: BTreeMap::new(),
        };
        let answer = internet::check(&asked, &wish);
        let check: &Check = answer.checks.iter().find(|check| check.id == "service-s3").unwrap();
        seen.compare(check.status, &fates, &format!("seed {seed}: {check:#?}"));
    }
    seen.assert_varied();
}

/// Function to proxy and proxy to database are two legs, each with its own answer.
#[test]
fn both_legs_through_a_proxy_are_judged_packet_by_packet() {
    // The port on which a proxy for PostgreSQL listens, and that of the database.
    const LISTENER: u16 = 5432;
    const PORT: u16 = 5433;
    let mut seen = Seen::default();
    for seed in 0..cases() / 2 {
        let mut scene = scene_on(seed, if seed % 2 == 0 { LISTENER } else { PORT });
        let mut dice = Dice::new(seed ^ 0x9E0C);
        let mut proxy = proxied(None).proxy.unwrap();
        let subnets: Vec<Subnet> = known(&scene.network.subnets).to_vec();
        let there: Vec<SubnetId> = subnets
            .iter()
            .filter(|subnet| subnet.vpc == scene.database.vpc)
            .map(|subnet| subnet.id.clone())
            .collect();
        proxy.vpc = scene.database.vpc.clone();
        proxy.subnets = there;
        proxy.groups = GroupList::as_read([GroupId::from(*dice.pick(&["sg-3", "sg-2"]))]);
        scene.proxy = Some(proxy.clone());
        let diagnosis = diagnose(&scene);
        let groups = |list: &GroupList| -> Vec<GroupId> { list.iter().cloned().collect() };
        let ends = [
            groups(&scene.function.groups()),
            groups(&proxy.groups),
            groups(&scene.database.groups()),
        ];
        assert_eq!(diagnosis.legs.len(), 2, "seed {seed}");
        for (n, (leg, port)) in diagnosis.legs.iter().zip([LISTENER, PORT]).enumerate() {
            assert_eq!(leg.port, port, "seed {seed}");
            for (row, from) in leg.from.subnets.iter().enumerate() {
                for (column, to) in leg.to.subnets.iter().enumerate() {
                    let (near, far) = (subnet(&scene.network, from), subnet(&scene.network, to));
                    let fates = fates(&scene.network, (near, &ends[n]), (far, &ends[n + 1]), port);
                    let is_lost = fates.contains(&Fate::Lost);
                    let context = format!("seed {seed}, leg {n}: {from} to {to}: {:#?}", diagnosis.checks);
                    assert_eq!(leg.failing.contains(&(row, column)), is_lost, "{context}");
                    if is_lost {
                        seen.failing += 1;
                    } else {
                        seen.working += 1;
                    }
                }
            }
        }
    }
    seen.assert_varied();
}
