//! Builds observations in few words.

use std::collections::BTreeMap;

use autoconnect::model::*;

pub const PORT: u16 = 5433;
pub const PROXY_PORT: u16 = 5432;

/// Cluster `c` and function `f` in `vpc-1`, with no groups.
pub fn direct() -> Observation {
    Observation {
        database: Database {
            kind: DatabaseKind::Cluster,
            id: "c".into(),
            arn: "arn:aws:rds:eu-central-1:123456789012:cluster:c".into(),
            engine: "aurora-postgresql".into(),
            engine_mode: Some("provisioned".into()),
            port: Some(PORT),
            vpc: "vpc-1".into(),
            status: "available".into(),
            memberships: vec![],
            members: vec![Member {
                id: "c-1".into(),
                status: "available".into(),
                availability_zone: Some("eu-central-1a".into()),
                publicly_accessible: None,
            }],
            writer: None,
            global_cluster: None,
            member_of: None,
            subnets: vec!["subnet-1".into(), "subnet-2".into()],
            access: Access::default(),
            form: DatabaseForm::Ordinary,
            tags: BTreeMap::new(),
        },
        function: Function {
            name: "f".into(),
            arn: "arn:aws:lambda:eu-central-1:123456789012:function:f".into(),
            exists: true,
            vpc: Some(FunctionVpc {
                vpc: "vpc-1".into(),
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
            role: Some("arn:aws:iam::123456789012:role/f".into()),
            environment: Some(Environment::default()),
            code: Code::default(),
            timeout: None,
            capacity_provider: None,
        },
        function_subnets: vec![Subnet {
            id: "subnet-1".into(),
            vpc: "vpc-1".into(),
            availability_zone: "eu-central-1a".into(),
            owner: Some("123456789012".into()),
            free_addresses: None,
        }],
        proxy: None,
        groups: vec![],
        database_subnets: vec![],
        extras: Extras::default(),
        group_quota: GroupQuota::default(),
    }
}

/// The same through proxy `p`, whose target has this health.
pub fn proxied(health: Option<TargetHealthState>) -> Observation {
    let mut observation = direct();
    let tracked = ProxyTarget {
        kind: TargetKind::TrackedCluster,
        resource: "c".into(),
        tracked_cluster: None,
        health: None,
        role: None,
    };
    let member = |state| ProxyTarget {
        kind: TargetKind::RdsInstance,
        resource: "c-1".into(),
        tracked_cluster: Some("c".into()),
        health: Some(TargetHealth { state, reason: None }),
        role: None,
    };
    observation.proxy = Some(Proxy {
        name: "p".into(),
        arn: "arn:aws:rds:eu-central-1:123456789012:db-proxy:prx-1".into(),
        exists: true,
        engine_family: EngineFamily::PostgreSql,
        vpc: "vpc-1".into(),
        subnets: vec![],
        groups: GroupList::default(),
        status: "available".into(),
        targets: std::iter::once(tracked).chain(health.map(member)).collect(),
        endpoint: None,
        role: None,
        secrets: vec![],
        takes_iam: false,
        requires_iam: false,
        requires_tls: true,
        settings: autoconnect::model::ProxySettings::default(),
        logs_statements: false,
    });
    observation
}

pub fn group(id: &str, name: &str, ingress: Vec<Rule>, egress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        id: id.into(),
        name: name.into(),
        vpc: "vpc-1".into(),
        owner: None,
        description: String::new(),
        ingress,
        egress,
        tags: BTreeMap::new(),
    }
}

pub fn tcp(port: u16, peer: &str) -> Rule {
    Rule::tcp(port, peer.into())
}

pub fn cidr(protocol: Protocol, port: Option<u16>, cidr: &str) -> Rule {
    Rule {
        protocol,
        ports: port.map(PortRange::only),
        peer: Peer::Cidr(cidr.into()),
        description: None,
    }
}

pub fn allow_all() -> Rule {
    cidr(Protocol::All, None, "0.0.0.0/0")
}

/// Associates a group with a side.
pub fn associate(observation: &mut Observation, side: Side, id: &str) {
    let id = GroupId::from(id);
    match side {
        Side::Database => observation.database.memberships.push(GroupMembership {
            group: id,
            status: "active".into(),
        }),
        Side::Function => {
            let vpc = observation.function.vpc.as_mut().unwrap();
            vpc.groups = vpc.groups.clone().with(id);
        }
        Side::Proxy => {
            let proxy = observation.proxy.as_mut().unwrap();
            proxy.groups = proxy.groups.clone().with(id);
        }
    }
}
