//! Reads one connection, in two rounds of concurrent calls; in three where one answer leads to another: a cluster
//! without instances to its subnets, a secret to the key that encrypts it.

mod around;
mod attachment;
mod described_rules;
mod error;
mod exported;
mod extras;
mod handover;
mod internet;
mod leftovers;
mod lists;
mod msk;
pub mod network;
mod reads;
mod remains;
pub mod role;
mod scene;
mod similar;
mod standing;
mod survey;
mod taking_over;
mod target;
mod undo;
mod users;

pub use around::surroundings;
pub use attachment::{Location, reads_of_site, site, the_function};
pub use described_rules::described_rules;
pub use error::{NotChecked, ObserveError};
pub use exported::{EXPORT_READS, ExportError, Wirings, exported, reads_of_export, wired};
pub(crate) use extras::{found_role, secret_details, tags_of_ends};
pub use handover::{ChosenGroups, chosen_groups};
pub use internet::{OWN_READS, building_site, made_for_internet, way_out};
pub(crate) use leftovers::region_and_account;
pub use leftovers::{leftovers, reads_of_leftovers};
pub use lists::{Lists, all, known_proxies, lists, patiently};
pub use msk::{MskTarget, READS as MSK_READS, Which, msk_scene, reads_of_msk};
pub use reads::Reads;
pub use scene::{scene, through};
pub use standing::{observe_standing, reads_of_standing};
pub use survey::{
    PATH_READS, PERMISSION_READS, Proxies, READS, Surveyed, TAG_READS, reads_of_drift, survey, survey_paths,
};
pub use taking_over::{BEARER_READS, add_what_is_taken_over};
pub use target::{NewProxyWish, ProxyWish, Target};
pub use users::{Groups, users_of};
pub use users::{launch_templates, network_connectors};

use std::collections::BTreeSet;

use crate::cloud::{
    Answer, Cloud, DbCluster, DbInstance, DbSubnetGroup, GroupFilter, Operation, ResourceKind, derived, unexpected,
};
use crate::diagnostics::connection::Surroundings;
use crate::model::network::{Part, Vpc};
use crate::model::{
    Access, Code, Database, DatabaseForm, DatabaseKind, EngineFamily, Environment, Extras, Function, FunctionState,
    FunctionVpc, GroupList, GroupQuota, Member, Observation, Origin, Proxy, ProxySettings, ProxyTarget, Subnet,
    SubnetId, USUAL_GROUPS, VpcId,
};
use crate::naming::created;
use similar::existing;
pub use similar::no_such;

/// Reads the database, the function, the proxy, the subnets, the groups of the convention, and what else was asked for.
///
/// # Errors
///
/// A resource does not exist, or a call fails.
pub async fn observe(cloud: &dyn Cloud, target: &Target) -> Result<Observation, ObserveError> {
    let (found, function, proxy) = first_round(cloud, target).await?;
    second_round(cloud, target, found, function, proxy, false).await
}

/// The same, with the tags of the function and the proxy, by which their owners are known.
///
/// # Errors
///
/// As those of [`observe`]. Tags that may not be read are no error.
pub async fn observe_tagged(cloud: &dyn Cloud, target: &Target) -> Result<Observation, ObserveError> {
    let (found, function, proxy) = first_round(cloud, target).await?;
    second_round(cloud, target, found, function, proxy, true).await
}

/// The same, with what is around them, which is read at the same time as the second round and cannot fail. What the
/// function's role may do is read only if `reads_role`, tags only if `reads_tags`.
///
/// # Errors
///
/// As those of [`observe`].
pub async fn observe_around(
    cloud: &dyn Cloud,
    target: &Target,
    reads_role: bool,
    reads_tags: bool,
) -> Result<(Observation, Surroundings), ObserveError> {
    let (found, function, proxy) = first_round(cloud, target).await?;
    let (database, vpc) = (found.database.clone(), found.vpc.clone());
    let (of_function, of_proxy) = (function.clone(), proxy.clone());
    let ends = around::Ends {
        database: &database,
        vpc: vpc.as_ref(),
        function: of_function.as_ref(),
        proxy: of_proxy.as_ref(),
    };
    let surroundings = around::around(cloud, ends, reads_role);
    let observation = second_round(cloud, target, found, function, proxy, reads_tags);
    let (observation, surroundings) = tokio::join!(observation, surroundings);
    Ok((observation?, surroundings))
}

/// The database, the function if there is one or it is not to be made, and the proxy.
async fn first_round(
    cloud: &dyn Cloud,
    target: &Target,
) -> Result<(Found, Option<Function>, Option<Proxy>), ObserveError> {
    target.check(&cloud.home())?;
    let (database, function, proxy) = tokio::join!(
        read_database(cloud, target),
        cloud.get_function_configuration(target.function_name()),
        read_proxy(cloud, target)
    );
    target.check(&answered(cloud, &database, &function))?;
    let function = match function {
        Err(error) if error.is_not_found() && target.new_function.is_some() => None,
        function => Some(existing(cloud, ResourceKind::Function, &target.function, function).await?),
    };
    let found = existing(cloud, target.kind.into(), &target.database, database).await?;
    let proxy = match (proxy, &target.proxy) {
        (proxy, ProxyWish::Existing(name)) => existing(cloud, ResourceKind::Proxy, name, proxy).await?,
        (Err(error), ProxyWish::New(_)) if error.is_not_found() => Some(absent_proxy(target, &found.database)),
        (proxy, _) => proxy?,
    };
    Ok((found, function, proxy))
}

/// The proxy; of one that may be new only itself, for there may be nothing to read besides.
async fn read_proxy(cloud: &dyn Cloud, target: &Target) -> Answer<Option<Proxy>> {
    match &target.proxy {
        ProxyWish::None => Ok(None),
        ProxyWish::New(wish) => Ok(Some(derived::proxy(cloud, &name_of(wish, target)).await?)),
        ProxyWish::Existing(name) => {
            let (proxy, targets) = tokio::join!(derived::proxy(cloud, name), cloud.describe_db_proxy_targets(name));
            let proxy = proxy?;
            Ok(Some(Proxy {
                targets: of_proxy(&proxy, targets)?,
                ..proxy
            }))
        }
    }
}

/// A proxy that is still being created may not show its targets: it has none.
fn of_proxy(proxy: &Proxy, targets: Answer<Vec<ProxyTarget>>) -> Answer<Vec<ProxyTarget>> {
    match targets {
        Err(error) if proxy.status != "available" && (error.is_contention() || error.is_not_found()) => Ok(Vec::new()),
        targets => targets,
    }
}

fn name_of(wish: &NewProxyWish, target: &Target) -> String {
    // RDS keeps the names of proxies in lower case.
    let name = wish.name.as_ref().map(|name| name.to_ascii_lowercase());
    name.unwrap_or_else(|| created::proxy(&target.database_id()))
}

/// The proxy as it will be, except its groups and targets.
fn absent_proxy(target: &Target, database: &Database) -> Proxy {
    let name = match &target.proxy {
        ProxyWish::New(wish) => name_of(wish, target),
        ProxyWish::Existing(name) => name.clone(),
        ProxyWish::None => String::new(),
    };
    Proxy {
        name,
        arn: String::new(),
        exists: false,
        // An engine without a family is refused by the requirements, before the family counts.
        engine_family: EngineFamily::of_engine(&database.engine).unwrap_or(EngineFamily::PostgreSql),
        vpc: VpcId::from(""),
        subnets: Vec::new(),
        groups: GroupList::default(),
        status: "to be created".to_owned(),
        targets: Vec::new(),
        endpoint: None,
        role: None,
        secrets: Vec::new(),
        takes_iam: true,
        requires_iam: false,
        requires_tls: true,
        logs_statements: false,
        settings: ProxySettings::default(),
    }
}

/// The function as it will be, except its groups.
fn absent_function(target: &Target, database: &Database) -> Function {
    Function {
        name: target.function_name().to_owned(),
        arn: database
            .place()
            .arn("lambda", &format!("function:{}", target.function_name())),
        exists: false,
        vpc: Some(FunctionVpc {
            vpc: database.vpc.clone(),
            subnets: database.subnets.clone(),
            groups: GroupList::default(),
            ipv6_allowed: None,
        }),
        state: FunctionState::Pending,
        state_reason: None,
        state_reason_code: None,
        last_update: None,
        last_update_reason: None,
        last_update_reason_code: None,
        revision_id: None,
        role: None,
        environment: Some(Environment::default()),
        code: Code::default(),
        timeout: None,
        capacity_provider: None,
    }
}

/// A database whose VPC may not be known yet.
struct Found {
    database: Database,
    vpc: Option<VpcId>,
    subnet_group: Option<String>,
}

async fn second_round(
    cloud: &dyn Cloud,
    target: &Target,
    found: Found,
    function: Option<Function>,
    proxy: Option<Proxy>,
    reads_tags: bool,
) -> Result<Observation, ObserveError> {
    let Found {
        mut database,
        vpc,
        subnet_group,
    } = found;
    // A cluster without instances names its VPC only through its subnet group; until that has answered, the
    // function's VPC is the best guess of where its groups are.
    let attached = function.as_ref().and_then(|function| function.vpc.as_ref());
    let guess = vpc.clone().or_else(|| attached.map(|attached| attached.vpc.clone()));
    let groups = async {
        match &guess {
            Some(vpc) => derived::groups(cloud, GroupFilter::OfConvention(vpc)).await,
            None => Ok(Vec::new()),
        }
    };
    let of_function = attached.map(|attached| attached.subnets.clone()).unwrap_or_default();
    let is_to_attach = target.attach && attached.is_none();
    let makes = function.is_none() || proxy.as_ref().is_some_and(|proxy| !proxy.exists);
    let creates = makes || is_to_attach;
    // What is read of where a function is attached has the VPC in it.
    let reads_vpc = makes && !(is_to_attach && function.is_some());
    let network = async {
        let group = match (vpc, &subnet_group) {
            (Some(vpc), name) => DbSubnetGroup {
                name: name.clone().unwrap_or_default(),
                vpc,
                subnets: database.subnets.clone(),
            },
            (None, Some(name)) if creates || of_function.is_empty() => derived::subnet_group(cloud, name).await?,
            (None, Some(name)) => {
                let (group, subnets) = tokio::join!(
                    derived::subnet_group(cloud, name),
                    derived::subnets(cloud, &of_function)
                );
                return Ok((Some(group?), subnets?, Part::default()));
            }
            (None, None) => return Ok((None, Vec::new(), Part::default())),
        };
        let mut ids: BTreeSet<&SubnetId> = of_function.iter().collect();
        if creates {
            ids.extend(&group.subnets);
        }
        let ids: Vec<SubnetId> = ids.into_iter().cloned().collect();
        let (subnets, of_vpc) = subnets_and_vpc(cloud, &ids, reads_vpc.then_some(&group.vpc)).await?;
        Answer::Ok((Some(group), subnets, of_vpc))
    };
    let targets = async {
        match &proxy {
            Some(proxy) if proxy.exists && proxy.targets.is_empty() && matches!(target.proxy, ProxyWish::New(_)) => {
                of_proxy(proxy, cloud.describe_db_proxy_targets(&proxy.name).await)
            }
            Some(proxy) => Ok(proxy.targets.clone()),
            None => Ok(Vec::new()),
        }
    };
    let extras = extras::read(cloud, target, &database, function.as_ref(), proxy.as_ref(), reads_tags);
    let (groups, network, targets, extras) = tokio::join!(groups, network, targets, extras);
    let (mut groups, (subnet_group, subnets, of_vpc), targets): (_, _, Vec<ProxyTarget>) =
        (groups?, network?, targets?);
    let mut extras: Extras = extras?;
    extras.vpc = of_vpc;

    let Some(DbSubnetGroup { vpc, subnets: ids, .. }) = subnet_group else {
        return Err(ObserveError::no_vpc(&database));
    };
    (database.vpc, database.subnets) = (vpc, ids);
    in_one_vpc(&subnets, &database.subnets, Some(&database.vpc))?;
    in_one_vpc(&subnets, &of_function, None)?;
    if guess.as_ref() != Some(&database.vpc) {
        groups = derived::groups(cloud, GroupFilter::OfConvention(&database.vpc)).await?;
    }
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    let in_list = |ids: &[SubnetId]| listed(&subnets, ids);
    let mut function = function.unwrap_or_else(|| absent_function(target, &database));
    if is_to_attach && function.exists {
        extras.attach = Some(Box::new(attachment::prepare(cloud, &mut function, &database).await?));
    }
    let of_function = function.vpc.as_ref().map(|vpc| vpc.subnets.clone()).unwrap_or_default();
    let function_subnets = in_list(&of_function);
    // The subnets say where the function is; its own configuration only repeats it.
    if let (Some(vpc), Some(subnet)) = (&mut function.vpc, function_subnets.first()) {
        vpc.vpc.clone_from(&subnet.vpc);
    }
    let proxy = proxy.map(|proxy| Proxy {
        vpc: if proxy.exists { proxy.vpc } else { database.vpc.clone() },
        targets,
        ..proxy
    });
    let database_subnets = if creates {
        in_list(&database.subnets)
    } else {
        Vec::new()
    };
    Ok(Observation {
        group_quota: group_quota(cloud, &database, proxy.as_ref()).await,
        database,
        function,
        function_subnets,
        proxy,
        groups,
        database_subnets,
        extras,
    })
}

/// Subnets, and the VPC in which something is to be made, where there is such: whether that can be is no reason to end.
async fn subnets_and_vpc(
    cloud: &dyn Cloud,
    ids: &[SubnetId],
    vpc: Option<&VpcId>,
) -> Answer<(Vec<Subnet>, Part<Option<Vpc>>)> {
    let subnets = async {
        match ids {
            [] => Ok(Vec::new()),
            ids => derived::subnets(cloud, ids).await,
        }
    };
    let of_vpc = async {
        match vpc {
            Some(vpc) => network::part(cloud.describe_vpcs(std::slice::from_ref(vpc)).await),
            None => Ok(Part::default()),
        }
    };
    let (subnets, of_vpc) = tokio::join!(subnets, of_vpc);
    let of_vpc = match of_vpc? {
        Part::Read(vpcs) => Part::Read(vpcs.into_iter().next()),
        Part::Unread(why) => Part::Unread(why),
    };
    Ok((subnets?, of_vpc))
}

/// The quota of groups, where a group more than are there could be too many. A network from which Service Quotas cannot be
/// reached keeps nobody from connecting.
async fn group_quota(cloud: &dyn Cloud, database: &Database, proxy: Option<&Proxy>) -> GroupQuota {
    let on_proxy = proxy.map_or(0, |proxy| proxy.groups.len());
    if database.groups().len().max(on_proxy) < USUAL_GROUPS {
        return GroupQuota::NotAsked;
    }
    match cloud.groups_per_interface().await {
        Ok(most) => GroupQuota::Known(most),
        Err(error) => GroupQuota::Unread(error.to_string()),
    }
}

fn listed(subnets: &[Subnet], ids: &[SubnetId]) -> Vec<Subnet> {
    let listed = subnets.iter().filter(|subnet| ids.contains(&subnet.id));
    listed.cloned().collect()
}

/// The subnets of a database are in its VPC, and those of a function in one.
fn in_one_vpc(found: &[Subnet], ids: &[SubnetId], vpc: Option<&VpcId>) -> Answer<()> {
    let mut listed = found.iter().filter(|subnet| ids.contains(&subnet.id)).peekable();
    let first = listed.peek().map(|subnet| &subnet.vpc);
    let Some(wanted) = vpc.or(first) else {
        return Ok(());
    };
    match listed.find(|subnet| subnet.vpc != *wanted) {
        None => Ok(()),
        Some(other) => Err(unexpected(
            Operation::DescribeSubnets,
            format!("a subnet of {wanted}"),
            format!("{} of {}", other.id, other.vpc),
        )),
    }
}

async fn read_database(cloud: &dyn Cloud, target: &Target) -> Answer<Found> {
    // RDS keeps identifiers in lower case and finds them in any, but its filters mind the case.
    let id = target.database_id();
    match target.kind {
        DatabaseKind::Cluster => {
            let (cluster, members) = tokio::join!(derived::cluster(cloud, &id), derived::members(cloud, &id));
            Ok(from_cluster(cluster?, members?))
        }
        DatabaseKind::Instance => Ok(from_instance(derived::instance(cloud, &id).await?)),
    }
}

/// Reads the database alone: its state and its groups as they are now.
///
/// # Errors
///
/// A call fails.
pub async fn read_memberships(cloud: &dyn Cloud, kind: DatabaseKind, id: &str) -> Answer<Database> {
    let found = match kind {
        DatabaseKind::Cluster => from_cluster(derived::cluster(cloud, id).await?, Vec::new()),
        DatabaseKind::Instance => from_instance(derived::instance(cloud, id).await?),
    };
    Ok(found.database)
}

/// The VPC stays empty until it is known.
fn from_cluster(cluster: DbCluster, members: Vec<DbInstance>) -> Found {
    let group = members.iter().find_map(|member| member.subnet_group.clone());
    // The cluster's endpoint leads to the writer. Where that is not known, it is known only of members that are alike.
    let is_public = |member: &DbInstance| member.access.publicly_accessible;
    let writer = members
        .iter()
        .find(|member| cluster.writer.as_ref() == Some(&member.id));
    let is_writer_public = if let Some(writer) = writer {
        is_public(writer)
    } else {
        let mut all = members.iter().map(is_public);
        let first = all.next().flatten();
        first.filter(|first| all.all(|other| other == Some(*first)))
    };
    let member = |instance: DbInstance| Member {
        id: instance.id,
        status: instance.status,
        availability_zone: instance.availability_zone,
        publicly_accessible: instance.access.publicly_accessible,
    };
    let mut members: Vec<Member> = members.into_iter().map(member).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let (vpc, subnets) = split(group);
    Found {
        vpc,
        subnet_group: cluster.subnet_group,
        database: Database {
            kind: DatabaseKind::Cluster,
            id: cluster.id,
            arn: cluster.arn,
            engine: cluster.engine,
            engine_mode: cluster.engine_mode,
            port: cluster.port,
            vpc: VpcId::from(""),
            status: cluster.status,
            memberships: cluster.memberships,
            members,
            writer: cluster.writer,
            global_cluster: cluster.global_cluster,
            member_of: None,
            subnets,
            access: Access {
                publicly_accessible: cluster.access.publicly_accessible.or(is_writer_public),
                ..cluster.access
            },
            form: cluster.form,
            tags: cluster.tags,
        },
    }
}

fn from_instance(instance: DbInstance) -> Found {
    let (vpc, subnets) = split(instance.subnet_group);
    Found {
        vpc,
        subnet_group: None,
        database: Database {
            kind: DatabaseKind::Instance,
            members: vec![Member {
                id: instance.id.clone(),
                status: instance.status.clone(),
                availability_zone: instance.availability_zone,
                publicly_accessible: instance.access.publicly_accessible,
            }],
            writer: None,
            id: instance.id,
            arn: instance.arn,
            engine: instance.engine,
            engine_mode: None,
            port: instance.port,
            vpc: VpcId::from(""),
            status: instance.status,
            memberships: instance.memberships,
            global_cluster: None,
            member_of: instance.cluster,
            subnets,
            access: instance.access,
            form: DatabaseForm::Ordinary,
            tags: instance.tags,
        },
    }
}

fn split(group: Option<DbSubnetGroup>) -> (Option<VpcId>, Vec<SubnetId>) {
    match group {
        Some(group) => (Some(group.vpc), group.subnets),
        None => (None, Vec::new()),
    }
}

/// The account and Region that the first answers came from.
fn answered(cloud: &dyn Cloud, database: &Answer<Found>, function: &Answer<Function>) -> Origin {
    let database = database.as_ref().ok().map(|found| &found.database.arn);
    let function = function.as_ref().ok().map(|function| &function.arn);
    let arn = database.or(function);
    arn.map_or_else(Origin::default, |arn| Origin::of_arn(arn))
        .or(cloud.home())
}

/// What does not exist is none.
fn found<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}
