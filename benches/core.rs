//! Classify, decide and plan for one connection among 2,500 groups, all with names of the convention.

use std::collections::BTreeMap;
use std::hint::black_box;

use autoconnect::decide::decide;
use autoconnect::model::{
    Access, Code, Database, DatabaseForm, DatabaseKind, EngineFamily, Environment, Extras, Function, FunctionState,
    FunctionVpc, GroupId, GroupList, GroupMembership, GroupQuota, LastUpdateStatus, Observation, Peer, Proxy, Rule,
    SecurityGroup, Side,
};
use autoconnect::naming::Convention;
use autoconnect::plan::{Request, plan};
use divan::Bencher;

fn main() {
    divan::main();
}

const GROUPS: usize = 2500;

fn group(id: String, name: String, ingress: Vec<Rule>, egress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        id: id.into(),
        name,
        vpc: "vpc-0a1b2c3d4e5f60718".into(),
        owner: None,
        description: String::new(),
        ingress,
        egress,
        tags: BTreeMap::new(),
    }
}

/// One database among hundreds in a VPC, each with its own set of groups; `own` is the number of this one's.
fn observation(through_proxy: bool, own: Option<usize>) -> Observation {
    observation_of(GROUPS, through_proxy, own)
}

fn observation_of(count: usize, through_proxy: bool, own: Option<usize>) -> Observation {
    let mut groups = Vec::new();
    let id = |kind: &str, n: usize| format!("sg-{kind}{n:015}");
    let sides = if through_proxy { 3 } else { 2 };
    for n in 1..=count / sides {
        let (d, l, p) = (id("d", n), id("l", n), id("p", n));
        let name = |side| Convention::for_new(side, through_proxy).name(n as u64);
        let before = if through_proxy { &p } else { &l };
        let behind = if through_proxy { &p } else { &d };
        groups.push(group(
            d.clone(),
            name(Side::Database),
            vec![Rule::tcp(5432, before.as_str().into())],
            vec![],
        ));
        groups.push(group(
            l.clone(),
            name(Side::Function),
            vec![],
            vec![Rule::tcp(5432, behind.as_str().into())],
        ));
        if through_proxy {
            let (ingress, egress) = (Rule::tcp(5432, l.as_str().into()), Rule::tcp(5432, d.as_str().into()));
            groups.push(group(p, name(Side::Proxy), vec![ingress], vec![egress]));
        }
    }
    let on = |kind: &str| own.map(|n| GroupId::from(id(kind, n)));
    Observation {
        database: Database {
            kind: DatabaseKind::Cluster,
            id: "orders".into(),
            arn: "arn:aws:rds:eu-central-1:123456789012:cluster:orders".into(),
            engine: "aurora-postgresql".into(),
            engine_mode: Some("provisioned".into()),
            port: Some(5432),
            vpc: "vpc-0a1b2c3d4e5f60718".into(),
            status: "available".into(),
            memberships: on("d")
                .into_iter()
                .map(|group| GroupMembership {
                    group,
                    status: "active".into(),
                })
                .collect(),
            members: vec![],
            writer: None,
            global_cluster: None,
            member_of: None,
            subnets: vec![],
            access: Access::default(),
            form: DatabaseForm::Ordinary,
            tags: BTreeMap::new(),
        },
        function: Function {
            name: "checkout".into(),
            exists: true,
            arn: "arn:aws:lambda:eu-central-1:123456789012:function:checkout".into(),
            vpc: Some(FunctionVpc {
                vpc: "vpc-0a1b2c3d4e5f60718".into(),
                subnets: vec!["subnet-1".into()],
                groups: GroupList::default(),
                ipv6_allowed: None,
            }),
            state: FunctionState::Active,
            state_reason: None,
            state_reason_code: None,
            last_update: Some(LastUpdateStatus::Successful),
            last_update_reason: None,
            last_update_reason_code: None,
            revision_id: None,
            role: None,
            environment: Some(Environment::default()),
            code: Code::default(),
            timeout: None,
            capacity_provider: None,
        },
        function_subnets: vec![],
        proxy: through_proxy.then(|| Proxy {
            name: "p".into(),
            exists: true,
            arn: "arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-1".into(),
            engine_family: EngineFamily::PostgreSql,
            vpc: "vpc-0a1b2c3d4e5f60718".into(),
            subnets: vec![],
            groups: GroupList::as_read(on("p")),
            status: "available".into(),
            targets: vec![],
            endpoint: None,
            role: None,
            secrets: vec![],
            takes_iam: false,
            requires_iam: false,
            requires_tls: true,
            settings: autoconnect::model::ProxySettings::default(),
            logs_statements: false,
        }),
        groups,
        database_subnets: vec![],
        extras: Extras::default(),
        group_quota: GroupQuota::default(),
    }
}

#[divan::bench(args = [false, true])]
fn create_new(bencher: Bencher, through_proxy: bool) {
    let observation = observation(through_proxy, None);
    bencher.bench(|| plan(&decide(black_box(&observation)), &Request::default()).steps.len());
}

#[divan::bench(args = [false, true])]
fn associate_existing(bencher: Bencher, through_proxy: bool) {
    let observation = observation(through_proxy, Some(700));
    bencher.bench(|| plan(&decide(black_box(&observation)), &Request::default()).steps.len());
}

/// So many rules in the database's own group, which somebody has added.
#[divan::bench(args = [5_000, 50_000])]
fn many_rules(bencher: Bencher, rules: u32) {
    let mut observation = observation(false, Some(700));
    let own = GroupId::from(format!("sg-d{:015}", 700));
    let group = observation
        .groups
        .iter_mut()
        .find(|group| group.id == own)
        .expect("the group is there");
    group.ingress.extend((0..rules).map(|number| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + 2 * number);
        Rule {
            peer: Peer::Cidr(format!("{address}/32")),
            ..Rule::tcp(5432, "sg-of-nobody".into())
        }
    }));
    bencher.bench(|| plan(&decide(black_box(&observation)), &Request::default()).steps.len());
}

/// So many groups, all with names of the convention.
#[divan::bench(args = [12_000, 120_000])]
fn many_groups(bencher: Bencher, groups: usize) {
    let observation = observation_of(groups, false, None);
    bencher.bench(|| plan(&decide(black_box(&observation)), &Request::default()).steps.len());
}
