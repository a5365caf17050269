//! The path between 16 subnets and 16 others with 40 ACL rules each, and a Region's 10,000 pairs of a function and a database.

use std::collections::BTreeMap;
use std::hint::black_box;

use autoconnect::diagnostics::connection::{Scene, diagnose};
use autoconnect::model::network::{
    AclEntry, Association, Destination, Network, NetworkAcl, Part, Resolver, Route, RouteOrigin, RouteState,
    RouteTable, RouteTarget, Subnet, Vpc, VpcDns,
};
use autoconnect::model::{
    Access, Code, Database, DatabaseForm, DatabaseKind, Direction, Environment, Function, FunctionState, FunctionVpc,
    GroupList, GroupMembership, LastUpdateStatus, Rule, SecurityGroup,
};
use autoconnect::policy::{RolePolicies, execution_role};
use divan::Bencher;

fn main() {
    divan::main();
}

const VPC: &str = "vpc-0a1b2c3d4e5f60718";

fn subnet(n: usize) -> Subnet {
    Subnet {
        id: format!("subnet-{n:017x}").into(),
        vpc: VPC.into(),
        cidrs: vec![format!("10.0.{n}.0/24").parse().unwrap()],
        doubtful_cidrs: Vec::new(),
        availability_zone: format!("eu-central-1{}", ['a', 'b', 'c'][n % 3]),
        free_addresses: Some(200),
        tags: BTreeMap::new(),
    }
}

/// An ACL of one subnet with as many entries each way, of which the last allows.
fn acl(n: usize, entries: u16) -> NetworkAcl {
    let entry = |number, direction, allows, cidr: String| AclEntry {
        number,
        direction,
        allows,
        protocol: Some(6),
        ports: (number < 1000).then_some((1024, 65535)),
        cidr: cidr.parse().unwrap(),
    };
    let mut all = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        // Of the entries some allow a part of what passes, and the others are for other networks.
        for i in 1..entries {
            let cidr = if i % 8 == 0 {
                format!("10.0.{}.0/26", i % 32)
            } else {
                format!("192.168.{i}.0/24")
            };
            all.push(entry(i, direction, i % 8 == 0, cidr));
        }
        all.push(entry(1000, direction, true, "0.0.0.0/0".to_owned()));
    }
    NetworkAcl {
        id: format!("acl-{n:017x}").into(),
        vpc: VPC.into(),
        is_default: false,
        subnets: vec![subnet(n).id],
        entries: all,
    }
}

fn group(id: &str, ingress: Vec<Rule>, egress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        id: id.into(),
        name: id.to_owned(),
        vpc: VPC.into(),
        owner: None,
        description: String::new(),
        ingress,
        egress,
        tags: BTreeMap::new(),
    }
}

/// A function in some subnets of a VPC and a database in others.
fn scene(subnets: usize, entries: u16) -> Scene {
    let all: Vec<Subnet> = (0..2 * subnets).map(subnet).collect();
    let ids = |range: std::ops::Range<usize>| all[range].iter().map(|subnet| subnet.id.clone()).collect::<Vec<_>>();
    let (near, far) = (ids(0..subnets), ids(subnets..2 * subnets));
    let local = Route {
        destination: Destination::Cidr("10.0.0.0/16".parse().unwrap()),
        target: RouteTarget::Local,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    };
    let table = |n: usize| RouteTable {
        id: format!("rtb-{n:017x}").into(),
        vpc: VPC.into(),
        is_main: n == 0,
        associations: vec![Association {
            id: format!("rtbassoc-{n:017x}"),
            subnet: subnet(n).id,
        }],
        routes: vec![local.clone()],
        tags: BTreeMap::new(),
    };
    let network = Network {
        vpcs: Part::Read(vec![Vpc {
            id: VPC.into(),
            owner: None,
            cidrs: vec!["10.0.0.0/16".parse().unwrap()],
            tenancy: "default".to_owned(),
            dns: Part::Read(VpcDns {
                support: true,
                hostnames: true,
            }),
            doubtful_cidrs: Vec::new(),
            dhcp_options: None,
            resolver: Part::Read(Resolver::Amazon),
        }]),
        route_tables: Part::Read((0..2 * subnets).map(table).collect()),
        acls: Part::Read((0..2 * subnets).map(|n| acl(n, entries)).collect()),
        groups: Part::Read(vec![
            group("sg-f", vec![], vec![Rule::tcp(5432, "sg-d".into())]),
            group("sg-d", vec![Rule::tcp(5432, "sg-f".into())], vec![]),
        ]),
        subnets: Part::Read(all),
        ..Network::default()
    };
    Scene {
        function: Function {
            name: "checkout".to_owned(),
            arn: "arn:aws:lambda:eu-central-1:123456789012:function:checkout".to_owned(),
            exists: true,
            vpc: Some(FunctionVpc {
                vpc: VPC.into(),
                subnets: near,
                groups: GroupList::as_read(["sg-f".into()]),
                ipv6_allowed: None,
            }),
            state: FunctionState::Active,
            state_reason: None,
            state_reason_code: None,
            last_update: Some(LastUpdateStatus::Successful),
            last_update_reason: None,
            last_update_reason_code: None,
            revision_id: None,
            role: Some("arn:aws:iam::123456789012:role/checkout".to_owned()),
            environment: Some(Environment::default()),
            code: Code::default(),
            timeout: None,
            capacity_provider: None,
        },
        database: Database {
            kind: DatabaseKind::Instance,
            id: "orders".to_owned(),
            arn: "arn:aws:rds:eu-central-1:123456789012:db:orders".to_owned(),
            engine: "postgres".to_owned(),
            engine_mode: None,
            port: Some(5432),
            vpc: VPC.into(),
            status: "available".to_owned(),
            memberships: vec![GroupMembership {
                group: "sg-d".into(),
                status: "active".to_owned(),
            }],
            members: vec![],
            writer: None,
            global_cluster: None,
            member_of: None,
            subnets: far,
            access: Access::default(),
            form: DatabaseForm::Ordinary,
            tags: BTreeMap::new(),
        },
        proxy: None,
        endpoint: None,
        targets: Part::default(),
        network,
        proxy_role: None,
        policies: Part::Read(RolePolicies::only([execution_role(false)])),
    }
}

/// Everything that `diagnose` asks, for 256 pairs of subnets.
#[divan::bench]
fn sixteen_by_sixteen_subnets(bencher: Bencher) {
    let scene = scene(16, 40);
    bencher.bench(|| diagnose(black_box(&scene)).checks.len());
}

/// Everything that `diagnose` asks, 10,000 times, for three subnets on either side with an ACL of twenty entries each.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn ten_thousand_pairs(bencher: Bencher) {
    let scene = scene(3, 20);
    bencher.bench(|| {
        (0..10_000)
            .map(|_| diagnose(black_box(&scene)).checks.len())
            .sum::<usize>()
    });
}
