//! Whether a function reaches a database, and if not, why: decided from what was read, without sending packets.
//!
//! Source: docs/network.md. An invocation lands in any of the function's subnets, and a database in any
//! of its own: all pairs of subnets count.

mod apart;
pub(crate) mod dns;
mod headline;
mod iam;
mod outlook;
mod proxy_role;
mod public;
pub(crate) mod role;
pub(crate) mod secret;
mod state;
mod subnets;
mod timeout;

pub use headline::headline;
pub use outlook::{blocks, is_open, outlook};
pub use state::meaning_of;

use crate::attach::private_of;
use crate::diagnostics::{Check, Finding, Status, verdict};
use crate::escape::{command, word};
use crate::model::network::{Network, Part};
use crate::model::{
    Database, DatabaseKind, Extras, Function, FunctionState, FunctionVpc, GroupQuota, LastUpdateStatus, Member,
    NeededSecret, Observation, Proxy, ProxyEndpoint, ProxyTarget, SecurityGroup, Side, SubnetId, TargetHealthState,
    TargetRole,
};
use crate::naming::Convention;
use crate::policy::RolePolicies;
use crate::preconditions::{Prognosis, check_identity_attached, provider_name};
use crate::reachability::Paths;
use crate::reachability::leg::{End, Leg, LegReport, NO_PORT, checks, distinct};

/// What was read of a function, a database, what is between them, and what the function's role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The function.
    pub function: Function,
    /// The database.
    pub database: Database,
    /// The proxy between them, if there is one.
    pub proxy: Option<Proxy>,
    /// The endpoint of the proxy that the function connects to; none for the default one.
    pub endpoint: Option<ProxyEndpoint>,
    /// The proxy's targets.
    pub targets: Part<Vec<ProxyTarget>>,
    /// The network of their VPCs.
    pub network: Network,
    /// What decides what the function's execution role may do.
    pub policies: Part<RolePolicies>,
    /// The role of the proxy, where AWS names it and it was read.
    pub proxy_role: Option<ProxyRole>,
}

/// The role of a proxy, and what it has to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRole {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it: a policy document.
    pub trust: Part<String>,
    /// What decides what it may do.
    pub policies: Part<RolePolicies>,
    /// The secrets with which the proxy logs in.
    pub secrets: Vec<NeededSecret>,
}

/// What lies between the resources of a connection, and what the function's role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The network of their VPCs.
    pub network: Network,
    /// What decides what the function's execution role may do.
    pub policies: Part<RolePolicies>,
}

impl Surroundings {
    /// Nothing could be read, and why.
    pub fn unread(why: &str) -> Self {
        Self {
            network: Network::unread(why),
            policies: Part::Unread(why.to_owned()),
        }
    }
}

impl Scene {
    /// A connection as `setup` observes it.
    pub fn of(observation: &Observation, surroundings: Surroundings) -> Self {
        let targets = observation.proxy.iter().flat_map(|proxy| proxy.targets.iter().cloned());
        Self {
            function: observation.function.clone(),
            database: observation.database.clone(),
            targets: Part::Read(targets.collect()),
            proxy: observation.proxy.clone(),
            endpoint: None,
            network: surroundings.network,
            policies: surroundings.policies,
            proxy_role: None,
        }
    }

    /// What the function connects to, as text.
    pub fn reached(&self) -> String {
        match (&self.endpoint, &self.proxy) {
            (Some(endpoint), _) => endpoint.to_string(),
            (None, Some(proxy)) => format!("proxy {}", proxy.name),
            (None, None) => self.database.to_string(),
        }
    }

    /// Where the function is attached; none where it is in no VPC, or has the network of a capacity provider's instances.
    pub fn own_vpc(&self) -> Option<&FunctionVpc> {
        let function = &self.function;
        function.vpc.as_ref().filter(|_| function.capacity_provider.is_none())
    }

    /// Whether the name that the function connects to can lead to a public address. A proxy never has one.
    pub fn has_public_name(&self) -> bool {
        self.proxy.is_none() && self.database.access.publicly_accessible == Some(true)
    }

    /// Whether that depends on which of the cluster's instances is its writer, which is not known: some have a public address.
    pub fn may_have_public_name(&self) -> bool {
        let access = &self.database.access;
        let mut members = self.database.members.iter();
        self.proxy.is_none()
            && access.publicly_accessible.is_none()
            && members.any(|member| member.publicly_accessible == Some(true))
    }

    /// Whether the function connects to an endpoint that leads to readers only.
    pub fn is_for_readers(&self) -> bool {
        let role = self.endpoint.as_ref().and_then(|endpoint| endpoint.role.as_ref());
        role == Some(&TargetRole::ReadOnly)
    }

    /// The instances that the name leads to: of a cluster its writer, or its readers where the endpoint is for these. All of
    /// them where it is not known which is the writer.
    pub fn serving(&self) -> Vec<&Member> {
        let writer = self.database.writer();
        let serves = |member: &&Member| writer.is_none_or(|writer| (*member == writer) != self.is_for_readers());
        self.database.members.iter().filter(serves).collect()
    }

    /// Whether the proxy reaches the database, as RDS measures it. Of an endpoint that leads to readers only, these count.
    pub fn proxy_reaches(&self) -> bool {
        let (Some(proxy), Some(targets)) = (&self.proxy, self.targets.known()) else {
            return false;
        };
        let proxy = Proxy {
            targets: targets.clone(),
            ..proxy.clone()
        };
        let health = if self.is_for_readers() {
            proxy.reader_health(&self.database).ok().flatten()
        } else {
            proxy.writer_health(&self.database)
        };
        health.is_some_and(|health| health.state == TargetHealthState::Available)
    }

    /// What distinguishes this connection from others, as in the tag `autoconnect:connection`.
    pub fn connection_id(&self) -> String {
        let database = format!("{}/{}", self.database.kind, self.database.id);
        let through = self.proxy.as_ref().map(|proxy| format!(":proxy/{}", proxy.name));
        format!(
            "{database}{}:function/{}",
            through.unwrap_or_default(),
            self.function.name
        )
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Whether it works, in one sentence.
    pub headline: String,
    /// The worst of the checks.
    pub verdict: Status,
    /// The checks, in the order of the spec.
    pub checks: Vec<Check>,
    /// The way from the function to the database: one leg, or two through a proxy.
    pub legs: Vec<LegReport>,
}

/// For whom a diagnosis is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// `diagnose`: whether the function reaches the database now.
    Diagnose,
    /// `setup --cross-vpc`: whether there is a way between the two VPCs.
    Across,
    /// `setup`: whether it is connected. A database may be started, and a cluster get its instances, later.
    Setup {
        /// Whether its plan gives the function another group, for which Lambda makes interfaces.
        moves: bool,
    },
}

/// Whether the network interfaces of the function exist. It can then be invoked even where Lambda could not create another one.
fn has_interfaces(function: &Function) -> bool {
    function.state == FunctionState::Active && matches!(function.last_update, None | Some(LastUpdateStatus::Successful))
}

/// Asks everything.
pub fn diagnose(scene: &Scene) -> Diagnosis {
    ask(scene, Asker::Diagnose)
}

/// Asks everything about a connection that `setup` makes: the same checks, but that a database which is stopped and a cluster
/// without instances are connected anyway.
pub fn diagnose_connection(scene: &Scene) -> Diagnosis {
    ask(scene, Asker::Setup { moves: false })
}

/// Asks everything about a connection across two VPCs: the same checks, but that no way counts over the internet or to what
/// lies behind an endpoint.
pub fn diagnose_across(scene: &Scene) -> Diagnosis {
    ask(scene, Asker::Across)
}

fn ask(scene: &Scene, asker: Asker) -> Diagnosis {
    let paths = Paths::new(&scene.network);
    let mut legs = legs(scene);
    let mut by_nat = None;
    if let (Asker::Diagnose, Some(leg)) = (asker, legs.first_mut())
        && apart::is_apart(&paths, leg)
    {
        by_nat = apart::through_nat(scene, &paths);
        leg.doubt = apart::endpoints(&paths, leg.from.vpc);
    }
    // The name leads to a public address, and nothing that is private counts.
    let is_by_nat = by_nat.as_ref().is_some_and(|finding| finding.status != Status::Fail);
    let attached = attached(scene, &paths, by_nat);
    let mut checked = vec![attached, state::check(scene, asker)];
    let (mut of_legs, mut reports) = checks(&paths, &legs);
    if is_by_nat {
        of_legs.clear();
        reports.clear();
    }
    if scene.own_vpc().is_some() {
        checked.extend(of_legs);
        checked.push(dns::check(scene, &paths, &legs, is_by_nat));
        checked.push(role::check(scene));
        checked.extend(iam::check(scene));
        checked.extend(proxy_role::check(scene));
        checked.push(subnets::check(scene, &paths, asker));
    }
    checked.extend(timeout::check(scene));
    Diagnosis {
        headline: headline(scene, &checked, &reports),
        verdict: verdict(&checked),
        checks: checked,
        legs: reports,
    }
}

/// The legs from the function to the database; none for a function in no VPC.
pub fn legs(scene: &Scene) -> Vec<Leg<'_>> {
    let Scene {
        function,
        database,
        proxy,
        endpoint,
        ..
    } = scene;
    let Some(vpc) = scene.own_vpc() else {
        return Vec::new();
    };
    let from = End {
        side: Side::Function,
        name: format!("function {}", function.name),
        vpc: &vpc.vpc,
        subnets: distinct(&vpc.subnets),
        groups: vpc.groups.iter().cloned().collect(),
    };
    let to = End {
        side: Side::Database,
        name: database.to_string(),
        vpc: &database.vpc,
        subnets: distinct(&database.subnets),
        groups: database.groups().iter().cloned().collect(),
    };
    let port = database.port.unwrap_or(NO_PORT);
    let remedy = setup_command(scene);
    let Some(proxy) = proxy else {
        return vec![Leg {
            from,
            to,
            port,
            remedy,
            proof: None,
            doubt: None,
        }];
    };
    let between = End {
        side: Side::Proxy,
        name: format!("proxy {}", proxy.name),
        vpc: &proxy.vpc,
        subnets: distinct(&proxy.subnets),
        groups: proxy.groups.iter().cloned().collect(),
    };
    let port_of_proxy = proxy.engine_family.listener_port();
    let first = match endpoint {
        // What setup changes are the groups of the proxy.
        Some(endpoint) => Leg {
            from,
            to: End {
                side: Side::Proxy,
                name: endpoint.to_string(),
                vpc: endpoint.vpc.as_ref().unwrap_or(&proxy.vpc),
                subnets: distinct(&endpoint.subnets),
                groups: endpoint.groups.clone(),
            },
            port: port_of_proxy,
            remedy: None,
            proof: None,
            doubt: None,
        },
        None => Leg {
            from,
            to: between.clone(),
            port: port_of_proxy,
            remedy: remedy.clone(),
            proof: None,
            doubt: None,
        },
    };
    let second = Leg {
        from: between,
        to,
        port,
        remedy,
        proof: scene
            .proxy_reaches()
            .then(|| format!("proxy {} reaches {database}: its target is AVAILABLE", proxy.name)),
        doubt: None,
    };
    vec![first, second]
}

/// The check `attached` of docs/network.md.
fn attached(scene: &Scene, paths: &Paths<'_>, by_nat: Option<Finding>) -> Check {
    let Scene { function, database, .. } = scene;
    if let Some(provider) = &function.capacity_provider {
        let finding = managed(&function.name, provider);
        return Check::of(
            "attached",
            "",
            vec![format!("{database}: {}", database.vpc)],
            vec![finding],
        );
    }
    let Some(vpc) = &function.vpc else {
        let finding = if scene.has_public_name() {
            public::from_internet(scene, paths)
        } else if scene.may_have_public_name() {
            Finding::unknown(format!(
                "function {} is in no VPC, and of {database} only {} is publicly accessible: it is not known which instance is the writer, to which its endpoint leads",
                function.name,
                public::instances(database).join(", ")
            ))
        } else {
            let reached = scene.reached();
            let unless = match (&scene.proxy, database.access.publicly_accessible) {
                (None, None) => ", unless it is publicly accessible, which could not be read",
                _ => "",
            };
            Finding::fail(format!(
                "function {} is in no VPC, and {database} is in {}: {reached} can be reached only from inside the VPC{unless}",
                function.name, database.vpc
            ))
        };
        let commands = attach_command(scene, paths).into_iter().chain(setup_command(scene));
        let mut finding = commands.fold(finding, Finding::fixed_by);
        if database.access.data_api == Some(true) {
            let (secret, explained) = match &database.access.master_secret {
                Some(secret) => (word(secret), ""),
                None => ("SECRET_ARN".to_owned(), ", with the secret of a user of the database"),
            };
            finding = finding.fixed_by(format!(
                "or without a VPC: the Data API of {database} is on (HttpEndpointEnabled), see `aws rds-data execute-statement --resource-arn {} --secret-arn {secret} --sql 'SELECT 1'`{explained}",
                word(&database.arn)
            ));
        }
        return Check::of(
            "attached",
            "",
            vec![format!("{database}: {}", database.vpc)],
            vec![finding],
        );
    };
    let subnets: Vec<&str> = vpc.subnets.iter().map(SubnetId::as_str).collect();
    let evidence = vec![
        format!("function {}: {}, {}", function.name, vpc.vpc, subnets.join(", ")),
        format!("{database}: {}", database.vpc),
    ];
    let passed = if vpc.vpc == database.vpc {
        format!("the function is in the VPC of {database}, {}", database.vpc)
    } else {
        format!("the function is in {}, {database} in {}", vpc.vpc, database.vpc)
    };
    let findings = by_nat.or_else(|| public::second_door(scene)).into_iter().collect();
    Check::of("attached", &passed, evidence, findings)
}

/// A function on the instances of a capacity provider, of which only the name is known.
pub(crate) fn managed(function: &str, provider: &str) -> Finding {
    let provider = provider_name(provider);
    Finding::unknown(format!(
        "function {function} runs on the instances of capacity provider {provider} (Lambda Managed Instances): it uses the network of these instances, which was not read"
    ))
    .fixed_by(format!(
        "aws lambda get-capacity-provider --capacity-provider-name {}",
        word(provider)
    ))
}

/// The command that attaches the function where the database is, as far as that is known: in its private subnets, with
/// its groups except for those of other functions' connections. None where the database has no other group.
fn attach_command(scene: &Scene, paths: &Paths<'_>) -> Option<String> {
    let Scene { function, database, .. } = scene;
    let subnets = private_of(paths, &database.subnets);
    let groups = scene.network.groups.known().into_iter().flatten();
    let groups: Vec<&SecurityGroup> = groups
        .filter(|group| database.groups().contains(&group.id) && !Convention::is_any(&group.name))
        .collect();
    if groups.is_empty() && scene.network.groups.known().is_some() {
        return None;
    }
    let place = if subnets.is_empty() || groups.is_empty() {
        let like = match database.kind {
            DatabaseKind::Cluster => "--like-database",
            DatabaseKind::Instance => "--like-instance",
        };
        format!("{like} {}", word(&database.id))
    } else {
        let subnets = subnets.iter().map(|id| format!("--subnet {}", word(id)));
        let groups = groups
            .iter()
            .map(|group| format!("--security-group {}", word(&group.id)));
        subnets.chain(groups).collect::<Vec<_>>().join(" ")
    };
    Some(format!(
        "autoconnect attach --function {} {place}",
        word(&function.name)
    ))
}

/// The command that makes all checks of a connection.
pub fn diagnose_command(database: &Database, function: &Function, proxy: Option<&Proxy>) -> String {
    let kind = format!("--{}", database.kind);
    let mut words = vec![
        "autoconnect",
        "diagnose",
        &kind,
        &database.id,
        "--function",
        &function.name,
    ];
    if let Some(proxy) = proxy {
        words.extend(["--proxy", &proxy.name]);
    }
    command(words)
}

/// The command that connects the two with groups of their own, unless `setup` would refuse it or has nothing to do; with
/// `--repair` where groups of their own can be repaired. It attaches a function that is
/// in no VPC. A member of a cluster has the cluster's groups: the cluster is to be looked at.
fn setup_command(scene: &Scene) -> Option<String> {
    let Scene {
        database,
        function,
        proxy,
        ..
    } = scene;
    if let Some(cluster) = &database.member_of {
        let cluster = Database {
            kind: DatabaseKind::Cluster,
            id: cluster.clone(),
            ..database.clone()
        };
        return Some(diagnose_command(&cluster, function, proxy.as_ref()));
    }
    let targets = scene.targets.known().cloned().unwrap_or_default();
    let observation = Observation {
        database: database.clone(),
        function: function.clone(),
        function_subnets: Vec::new(),
        proxy: proxy.clone().map(|proxy| Proxy { targets, ..proxy }),
        groups: scene.network.groups.known().cloned().unwrap_or_default(),
        database_subnets: Vec::new(),
        extras: Extras::default(),
        group_quota: GroupQuota::default(),
    };
    check_identity_attached(&observation).ok()?;
    let flag = match (&function.vpc, &scene.network.groups) {
        (None, _) => Some("--attach-vpc"),
        (Some(vpc), Part::Read(_)) if vpc.vpc == database.vpc => {
            Prognosis::of(&observation).repairs()?.then_some("--repair")
        }
        _ => None,
    };
    let proxy = scene
        .proxy
        .as_ref()
        .map(|proxy| format!(" --proxy {}", word(&proxy.name)));
    let flag = flag.map(|flag| format!(" {flag}")).unwrap_or_default();
    Some(format!(
        "autoconnect setup --{} {} --function {}{}{}",
        database.kind,
        word(&database.id),
        word(&function.name),
        proxy.unwrap_or_default(),
        flag
    ))
}
