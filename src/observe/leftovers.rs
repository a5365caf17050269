//! Reads what looks ours in an account and Region, and what could use it.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::all;
use super::{Groups, Reads, found, read_memberships, users_of};
use crate::cleanup::{LeftRole, LeftSecret, Leftovers};
use crate::cloud::{Answer, Cloud, CloudError, DbCluster, DbInstance, Fault};
use crate::concurrent::bounded;
use crate::model::{DatabaseKind, Function, GroupId, GroupList, GroupMembership, Origin, Place, Proxy, SecurityGroup};
use crate::naming::created;
use crate::operation::Operation;
use crate::policy::{self, Permissions, PolicyDocument};
use crate::tags;
use crate::users::User;

/// How many roles are read at once.
const ROLES_AT_ONCE: usize = 5;

/// Reads what looks ours, and what could use it.
///
/// # Errors
///
/// The security groups cannot be read, or AWS cannot be asked.
pub async fn leftovers(cloud: &impl Cloud) -> Answer<Leftovers> {
    let groups = cloud.describe_tagged_groups(tags::MANAGED, "true").await?;
    let asked: Groups = groups
        .iter()
        .map(|group| (group.id.clone(), group.name.clone()))
        .collect();
    let (users, peers, clusters, instances, proxies, functions, secrets, roles) = tokio::join!(
        users_of(cloud, &asked),
        peers(cloud, &groups),
        all(cloud, Operation::DescribeDbClusters, |from| cloud
            .list_db_clusters(from)),
        all(cloud, Operation::DescribeDbInstances, |from| cloud
            .list_db_instances(from)),
        all(cloud, Operation::DescribeDbProxies, |from| cloud.list_db_proxies(from)),
        all(cloud, Operation::ListFunctions, |from| cloud.list_functions(from)),
        cloud.list_secrets(created::SECRETS),
        cloud.list_roles(created::POLICIES),
    );
    let (clusters, instances) = (readable(clusters)?, readable(instances)?);
    let (proxies, functions) = (readable(proxies)?, readable(functions)?);
    let origin = origin(&clusters, &instances, &proxies, &functions, &groups).or(cloud.home());
    let mut left = Leftovers {
        users: users?,
        peers: peers?,
        lists: lists(clusters.as_deref(), instances.as_deref(), proxies.as_deref()),
        coming_off: coming_off(cloud, clusters.as_deref(), instances.as_deref()).await?,
        ..Leftovers::default()
    };
    match readable(secrets)? {
        Ok(secrets) => {
            left.secrets = secrets
                .into_iter()
                .filter(|secret| !secret.is_deleted)
                .map(|secret| LeftSecret {
                    stays: why_secret_stays(&secret.arn, &secret.tags, &proxies),
                    arn: secret.arn,
                    name: secret.name,
                })
                .collect();
        }
        Err(error) => left
            .unread
            .push(format!("Secrets stay: they could not be listed ({error}).")),
    }
    match readable(roles)? {
        Ok(names) => {
            let prefix = created::roles_of(origin.region.as_deref().unwrap_or_default());
            let names = names.into_iter().filter(|name| name.starts_with(&prefix));
            let roles = names.map(|name| role(cloud, name, &origin, &proxies, &functions));
            let roles: Answer<Vec<_>> = bounded(ROLES_AT_ONCE, roles).await.into_iter().collect();
            left.roles = roles?.into_iter().flatten().collect();
        }
        Err(error) => left
            .unread
            .push(format!("Roles stay: they could not be listed ({error}).")),
    }
    (left.groups, left.origin) = (groups, origin);
    Ok(left)
}

/// The permissions that reading it takes.
#[must_use]
pub fn reads_of_leftovers(left: &Leftovers) -> Permissions {
    let (region, account) = region_and_account(&left.origin);
    let place = Place::in_region(&region, &account);
    let mut reads = Reads::at(place).any([
        Operation::DescribeSecurityGroups,
        Operation::DescribeDbClusters,
        Operation::DescribeDbInstances,
        Operation::DescribeDbProxies,
        Operation::ListFunctions,
        Operation::ListSecrets,
        Operation::ListRoles,
    ]);
    if !left.groups.is_empty() {
        reads = reads.users(place, &left.users);
    }
    let roles = || left.roles.iter().map(|role| place.role(&role.name));
    let with_policies = left.roles.iter().filter(|role| !role.policies.is_empty());
    let with_policies: Vec<String> = with_policies.map(|role| place.role(&role.name)).collect();
    reads
        .of(Operation::GetRole, roles())
        .of(Operation::ListRolePolicies, roles())
        .of(Operation::ListAttachedRolePolicies, roles())
        .of(Operation::GetRolePolicy, with_policies)
        .permissions()
}

/// Region and account, as far as they are known; else any.
pub(crate) fn region_and_account(origin: &Origin) -> (String, String) {
    let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
    (part(&origin.region), part(&origin.account))
}

/// What may not be read; everything else is an error.
fn readable<T>(answer: Answer<T>) -> Result<Result<T, CloudError>, CloudError> {
    match answer {
        Err(error) if matches!(error.fault, Fault::AccessDenied { .. }) => Ok(Err(error)),
        answer => answer.map(Ok),
    }
}

fn origin(
    clusters: &Result<Vec<DbCluster>, CloudError>,
    instances: &Result<Vec<DbInstance>, CloudError>,
    proxies: &Result<Vec<Proxy>, CloudError>,
    functions: &Result<Vec<Function>, CloudError>,
    groups: &[SecurityGroup],
) -> Origin {
    let clusters = clusters.iter().flatten().map(|cluster| cluster.arn.as_str());
    let instances = instances.iter().flatten().map(|instance| instance.arn.as_str());
    let proxies = proxies.iter().flatten().map(|proxy| proxy.arn.as_str());
    let functions = functions.iter().flatten().map(|function| function.arn.as_str());
    let arn = clusters.chain(instances).chain(proxies).chain(functions).next();
    let owners = groups.iter().filter_map(|group| group.owner.as_deref());
    arn.map_or_else(|| Origin::of_owners(owners), Origin::of_arn)
}

/// The groups that rules name, and that exist.
async fn peers(cloud: &impl Cloud, groups: &[SecurityGroup]) -> Answer<BTreeSet<GroupId>> {
    let own: BTreeSet<GroupId> = groups.iter().map(|group| group.id.clone()).collect();
    let rules = groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(&group.egress));
    let named: BTreeSet<&GroupId> = rules.filter_map(|rule| rule.peer.group()).collect();
    let others: Vec<GroupId> = named.into_iter().filter(|id| !own.contains(id)).cloned().collect();
    let mut existing = own;
    if !others.is_empty() {
        let found = cloud.describe_groups(&others).await?;
        existing.extend(found.into_iter().map(|group| group.id));
    }
    Ok(existing)
}

fn lists(
    clusters: Result<&[DbCluster], &CloudError>,
    instances: Result<&[DbInstance], &CloudError>,
    proxies: Result<&[Proxy], &CloudError>,
) -> BTreeMap<User, GroupList> {
    let groups = |memberships: &[GroupMembership]| {
        let present = memberships.iter().filter(|membership| membership.status != "removing");
        GroupList::as_read(present.map(|membership| membership.group.clone()))
    };
    let clusters = clusters.into_iter().flatten();
    let clusters = clusters.map(|cluster| (User::Cluster(cluster.id.clone()), groups(&cluster.memberships)));
    let alone = instances
        .into_iter()
        .flatten()
        .filter(|instance| instance.cluster.is_none());
    let instances = alone.map(|instance| (User::Instance(instance.id.clone()), groups(&instance.memberships)));
    let proxies = proxies.into_iter().flatten();
    let proxies = proxies.map(|proxy| (User::Proxy(proxy.name.clone()), proxy.groups.clone()));
    clusters.chain(instances).chain(proxies).collect()
}

/// The groups that are being taken off databases. Each such database is looked at by itself, as when it is waited for.
async fn coming_off(
    cloud: &impl Cloud,
    clusters: Result<&[DbCluster], &CloudError>,
    instances: Result<&[DbInstance], &CloudError>,
) -> Answer<BTreeMap<GroupId, User>> {
    let removing = |membership: &&GroupMembership| membership.status == "removing";
    let clusters = clusters.into_iter().flatten();
    let clusters = clusters.filter(|cluster| cluster.memberships.iter().any(|found| removing(&found)));
    let clusters = clusters.map(|cluster| (DatabaseKind::Cluster, &cluster.id));
    let instances = instances
        .into_iter()
        .flatten()
        .filter(|instance| instance.cluster.is_none());
    let instances = instances.filter(|instance| instance.memberships.iter().any(|found| removing(&found)));
    let instances = instances.map(|instance| (DatabaseKind::Instance, &instance.id));
    let mut coming_off = BTreeMap::new();
    for (kind, id) in clusters.chain(instances) {
        let Some(database) = found(read_memberships(cloud, kind, id).await)? else {
            continue;
        };
        let user = match kind {
            DatabaseKind::Cluster => User::Cluster(id.clone()),
            DatabaseKind::Instance => User::Instance(id.clone()),
        };
        let groups = database.memberships.iter().filter(removing);
        coming_off.extend(groups.map(|membership| (membership.group.clone(), user.clone())));
    }
    Ok(coming_off)
}

fn is_managed(found: &BTreeMap<String, String>) -> bool {
    found.get(tags::MANAGED).is_some_and(|value| value == "true")
}

fn why_secret_stays(
    arn: &str,
    found: &BTreeMap<String, String>,
    proxies: &Result<Vec<Proxy>, CloudError>,
) -> Option<String> {
    if !is_managed(found) {
        return Some("it does not have the tags of autoconnect".to_owned());
    }
    match proxies {
        Err(error) => Some(format!("which proxies log in with it could not be read ({error})")),
        Ok(proxies) => {
            let uses = |proxy: &&Proxy| proxy.secrets.iter().any(|secret| secret == arn);
            let proxy = proxies.iter().find(uses)?;
            Some(format!("proxy {} logs in with it", proxy.name))
        }
    }
}

/// A role with a name of ours; none where it is gone by now.
async fn role(
    cloud: &impl Cloud,
    name: String,
    origin: &Origin,
    proxies: &Result<Vec<Proxy>, CloudError>,
    functions: &Result<Vec<Function>, CloudError>,
) -> Answer<Option<LeftRole>> {
    let Some(found) = found(cloud.get_role(&name).await)? else {
        return Ok(None);
    };
    let (policies, attached) = tokio::join!(
        cloud.list_role_policies(&name),
        cloud.list_attached_role_policies(&name)
    );
    let mut role = LeftRole {
        policies: policies?,
        attached: attached?,
        ..LeftRole::default()
    };
    let (region, account) = region_and_account(origin);
    let place = Place::in_region(&region, &account);
    let is_proxys = name.starts_with(&created::proxy_role(&region, ""));
    let (service, allowed) = if is_proxys {
        (policy::RDS, Vec::new())
    } else {
        (policy::LAMBDA, vec![policy::vpc_access(place)])
    };
    let has_it = |arn: &Option<String>| arn.as_ref() == Some(&found.arn);
    role.stays = if !is_managed(&found.tags) {
        Some("it does not have the tags of autoconnect".to_owned())
    } else if !policy::is_same(&found.trust, &policy::trust(service)) {
        Some(format!("it may be assumed by others than {service}"))
    } else if let Some(other) = role.attached.iter().find(|arn| !allowed.contains(arn)) {
        Some(format!("it has policy {other}, which autoconnect did not give it"))
    } else {
        match (proxies, functions) {
            (Err(error), _) | (_, Err(error)) => Some(format!("what has it could not be read ({error})")),
            (Ok(proxies), Ok(functions)) => {
                let proxy = proxies.iter().find(|proxy| has_it(&proxy.role));
                let function = functions.iter().find(|function| has_it(&function.role));
                let proxy = proxy.map(|proxy| format!("proxy {} has it", proxy.name));
                proxy.or_else(|| function.map(|function| format!("function {} has it", function.name)))
            }
        }
    };
    for policy in &role.policies {
        if role.stays.is_none() && !is_grant(policy, &found_document(cloud, &name, policy).await?) {
            role.stays = Some(format!("it has policy {policy}, which autoconnect did not give it"));
        }
    }
    role.name = name;
    Ok(Some(role))
}

async fn found_document(cloud: &impl Cloud, role: &str, policy: &str) -> Answer<String> {
    Ok(found(cloud.get_role_policy(role, policy).await)?.unwrap_or_default())
}

/// Whether a policy of a role's own has a name and only actions that this program gives.
fn is_grant(name: &str, document: &str) -> bool {
    const ACTIONS: [&str; 3] = ["secretsmanager:GetSecretValue", "kms:Decrypt", "rds-db:connect"];
    let Ok(document) = PolicyDocument::read(document) else {
        return false;
    };
    let mut statements = document.statement.iter();
    name.starts_with(created::POLICIES)
        && statements.all(|statement| {
            let mut actions = statement.action.iter();
            statement.not_action.is_empty() && actions.all(|action| ACTIONS.contains(&action))
        })
}
