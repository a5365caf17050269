//! Reads what looks ours in an account and Region, and what could use it.

use std::collections::{BTreeMap, BTreeSet};

use super::extras::{found_role, secret_differences};
use super::lists::{all, all_functions, all_proxies};
use super::undo::readable;
use super::{Groups, Reads, found, read_memberships, users_of};
use crate::adopt::{OwnRole, of_proxy_settings};
use crate::cleanup::{LeftProxy, Leftovers};
use crate::cloud::{
    Answer, Bearer, Cloud, CloudError, DbCluster, DbInstance, DbSubnetGroup, GroupFilter, InstanceFilter, ResourceKind,
    SecretDescription, derived,
};
use crate::concurrent::bounded;
use crate::model::{
    DatabaseKind, Function, GroupId, GroupList, GroupMembership, Origin, Place, Proxy, ProxyTarget, SecurityGroup,
};
use crate::naming::created;
use crate::operation::Operation;
use crate::ownership::{OwnTags, Way, connection_of, is_managed, is_tagged, way_of};
use crate::policy::Permissions;
use crate::removal::{MadeRole, MadeSecret};
use crate::tags;
use crate::users::{User, Users};

/// How many proxies, roles or secrets are read at once.
const AT_ONCE: usize = 5;

/// Reads what looks ours, and what could use it.
///
/// # Errors
///
/// The security groups cannot be read, or AWS cannot be asked.
pub async fn leftovers(cloud: &dyn Cloud) -> Answer<Leftovers> {
    let groups = derived::groups(cloud, GroupFilter::Tagged(tags::MANAGED, "true")).await?;
    let asked: Groups = groups
        .iter()
        .map(|group| (group.id.clone(), group.name.clone()))
        .collect();
    let (users, peers, clusters, instances, proxies, functions, bearers, secrets, roles) = tokio::join!(
        users_of(cloud, &asked),
        peers(cloud, &groups),
        all(cloud, Operation::DescribeDbClusters, |from| cloud
            .describe_db_clusters(None, from)),
        all(cloud, Operation::DescribeDbInstances, |from| cloud
            .describe_db_instances(InstanceFilter::All, from)),
        all_proxies(cloud),
        all_functions(cloud),
        derived::bearers(cloud, ResourceKind::Function),
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
    let (region, account) = region_and_account(&origin);
    let account = Account {
        place: Place::in_region(&region, &account),
        clusters: clusters.as_deref().unwrap_or_default(),
        instances: instances.as_deref().unwrap_or_default(),
        knows_databases: clusters.is_ok() && instances.is_ok(),
        proxies: &proxies,
        functions: &readable(bearers)?,
    };
    (left.proxies, left.asked) = of_proxies(cloud, &account, &groups, &left.users).await?;
    match readable(secrets)? {
        Ok(secrets) => {
            let secrets = secrets.into_iter().filter(|secret| !secret.is_deleted);
            let secrets = secrets.map(|secret| made_secret(cloud, &account, secret));
            let secrets: Answer<Vec<_>> = bounded(AT_ONCE, secrets).await.into_iter().collect();
            left.secrets = secrets?;
        }
        Err(error) => left
            .unread
            .push(format!("Secrets will be kept: they could not be listed ({error}).")),
    }
    match readable(roles)? {
        Ok(names) => {
            let prefix = created::roles_of(origin.region.as_deref().unwrap_or_default());
            let names = names.into_iter().filter(|name| name.starts_with(&prefix));
            let roles = names.map(|name| made_role(cloud, &account, name));
            let roles: Answer<Vec<_>> = bounded(AT_ONCE, roles).await.into_iter().collect();
            left.roles = roles?.into_iter().flatten().collect();
        }
        Err(error) => left
            .unread
            .push(format!("Roles will be kept: they could not be listed ({error}).")),
    }
    (left.groups, left.origin) = (groups, origin);
    Ok(left)
}

/// What proxies, roles and secrets are compared with.
struct Account<'a> {
    place: Place<'a>,
    clusters: &'a [DbCluster],
    instances: &'a [DbInstance],
    /// Whether clusters and instances could both be listed.
    knows_databases: bool,
    proxies: &'a Result<Vec<Proxy>, CloudError>,
    /// All functions with their published versions.
    functions: &'a Result<Vec<Bearer>, CloudError>,
}

impl Account<'_> {
    fn cluster(&self, id: &str) -> Option<&DbCluster> {
        self.clusters.iter().find(|cluster| cluster.id == id)
    }

    fn instance(&self, id: &str) -> Option<&DbInstance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// Whether a database is there, or may be.
    fn may_exist(&self, (kind, id): (DatabaseKind, &str)) -> bool {
        let is_listed = match kind {
            DatabaseKind::Cluster => self.cluster(id).is_some(),
            DatabaseKind::Instance => self.instance(id).is_some(),
        };
        is_listed || !self.knows_databases
    }

    /// The secrets of the proxy of a way; none where it is not there.
    fn secrets(&self, way: &Way) -> Option<Vec<String>> {
        let mut proxies = self.proxies.iter().flatten();
        let proxy = proxies.find(|proxy| Some(proxy.name.as_str()) == way.proxy())?;
        Some(proxy.secrets.clone())
    }

    /// The name of the subnet group of a way's database.
    fn subnet_group(&self, way: &Way) -> Option<&str> {
        match way.database() {
            (DatabaseKind::Cluster, id) => self.cluster(id)?.subnet_group.as_deref(),
            (DatabaseKind::Instance, id) => {
                let group = self.instance(id)?.subnet_group.as_ref()?;
                Some(&group.name)
            }
        }
    }
}

/// The proxies with our tags, and the ARNs of those whose tags were read: that look ours by their role or their groups.
async fn of_proxies(
    cloud: &dyn Cloud,
    account: &Account<'_>,
    groups: &[SecurityGroup],
    users: &Users,
) -> Answer<(Vec<LeftProxy>, Vec<String>)> {
    let ours: BTreeSet<&GroupId> = groups.iter().map(|group| &group.id).collect();
    let proxies = account.proxies.iter().flatten();
    let looks_ours = |proxy: &&Proxy| {
        let role = created::proxy_role(account.place.region, &proxy.name);
        created::is_role(proxy.role.as_deref(), &role) || proxy.groups.iter().any(|id| ours.contains(id))
    };
    let candidates: Vec<Proxy> = proxies.filter(looks_ours).cloned().collect();
    let asked = candidates.iter().map(|proxy| proxy.arn.clone()).collect();
    let read = candidates.into_iter().map(|proxy| tags_and_targets(cloud, proxy));
    let read: Answer<Vec<_>> = bounded(AT_ONCE, read).await.into_iter().collect();
    let read: Vec<TagsAndTargets> = read?.into_iter().flatten().collect();
    if read.is_empty() {
        return Ok((Vec::new(), asked));
    }
    let subnet_groups = all(cloud, Operation::DescribeDbSubnetGroups, |from| {
        cloud.describe_db_subnet_groups(None, from)
    });
    let subnet_groups = readable(subnet_groups.await)?;
    let left = read.into_iter().map(|TagsAndTargets { proxy, tags, targets }| {
        let mut differences = Vec::new();
        match &tags {
            Ok(tags) => differences.extend(proxy_differences(account, &proxy, tags, &subnet_groups)),
            Err(error) => differences.push(format!("its tags could not be read ({error})")),
        }
        let others = proxy.groups.iter().filter(|id| !ours.contains(id));
        differences.extend(others.map(|id| format!("it has group {id}, which autoconnect did not create")));
        let way = tags.iter().find_map(way_of);
        let own = way.as_ref().map(|(way, _)| way.database());
        match &targets {
            Ok(targets) => {
                let targets = targets.iter().map(ProxyTarget::database);
                let others: BTreeSet<_> = targets
                    .filter(|target| {
                        Some(*target) != own && account.may_exist(*target) && !is_member(account, *target, own)
                    })
                    .collect();
                differences.extend(others.iter().map(|(kind, id)| format!("its target is {kind} {id}")));
            }
            Err(error) => differences.push(format!("its targets could not be read ({error})")),
        }
        let endpoints = users.endpoints_of(&proxy.name);
        differences.extend(endpoints.map(|name| format!("it has endpoint {name}, through which others may connect")));
        if proxy.status == "creating" {
            differences.push("it is being created".to_owned());
        }
        LeftProxy {
            name: proxy.name.clone(),
            arn: proxy.arn.clone(),
            groups: proxy.groups.clone(),
            differences,
        }
    });
    Ok((left.collect(), asked))
}

/// A proxy that may be ours.
struct TagsAndTargets {
    proxy: Proxy,
    tags: Result<BTreeMap<String, String>, CloudError>,
    targets: Result<Vec<ProxyTarget>, CloudError>,
}

/// A proxy with its tags and its targets; none for one without our tags.
async fn tags_and_targets(cloud: &dyn Cloud, proxy: Proxy) -> Answer<Option<TagsAndTargets>> {
    let tags = readable(found(cloud.list_rds_tags(&proxy.arn).await))?.map(Option::unwrap_or_default);
    if tags.as_ref().is_ok_and(|tags| !is_managed(tags)) {
        return Ok(None);
    }
    let targets = readable(found(cloud.describe_db_proxy_targets(&proxy.name).await))?;
    let targets = targets.map(Option::unwrap_or_default);
    Ok(Some(TagsAndTargets { proxy, tags, targets }))
}

/// Whether a target is a member of the cluster.
fn is_member(account: &Account<'_>, target: (DatabaseKind, &str), own: Option<(DatabaseKind, &str)>) -> bool {
    let (DatabaseKind::Instance, Some((DatabaseKind::Cluster, cluster))) = (target.0, own) else {
        return false;
    };
    let instance = account.instance(target.1);
    instance.is_some_and(|instance| instance.cluster.as_deref() == Some(cluster))
}

/// How a proxy differs from one that this program makes for the way that its tags name. With a role that `--proxy-role` named,
/// nothing shows that this program created it.
fn proxy_differences(
    account: &Account<'_>,
    proxy: &Proxy,
    found: &BTreeMap<String, String>,
    subnet_groups: &Result<Vec<DbSubnetGroup>, CloudError>,
) -> Vec<String> {
    let way = way_of(found).map(|(way, _)| way);
    let way = way.filter(|way| way.proxy() == Some(proxy.name.as_str()));
    let Some(way) = way else {
        let tag = connection_of(found).unwrap_or("missing");
        return vec![format!(
            "its tag {} is {tag}, which is not a connection through it",
            tags::CONNECTION
        )];
    };
    let subnets = match (account.subnet_group(&way), subnet_groups) {
        // Those of a database that is gone are not known.
        (None, _) => Ok(None),
        (Some(name), Ok(groups)) => Ok(groups
            .iter()
            .find(|group| group.name == *name)
            .map(|group| &group.subnets)),
        (Some(_), Err(error)) => Err(error),
    };
    let role = account
        .place
        .role(&created::proxy_role(account.place.region, &proxy.name));
    let (subnets, unread) = match subnets {
        Ok(subnets) => (subnets.unwrap_or(&proxy.subnets), None),
        Err(error) => (
            &proxy.subnets,
            Some(format!("its database's subnets could not be read ({error})")),
        ),
    };
    let differences = of_proxy_settings(proxy, &role, subnets, Some(found), &OwnTags::of_proxy(&way));
    differences.into_iter().chain(unread).collect()
}

/// The permissions that reading it takes.
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
    let proxies = || left.proxies.iter().map(|proxy| proxy.arn.clone());
    if !left.proxies.is_empty() {
        reads = reads.any([Operation::DescribeDbSubnetGroups]);
    }
    let secrets = || left.secrets.iter().map(|secret| secret.arn.clone());
    reads
        .of(Operation::ListTagsForResource, left.asked.clone())
        .of(Operation::DescribeDbProxyTargets, proxies())
        .of(Operation::DescribeSecret, secrets())
        .of(Operation::GetResourcePolicy, secrets())
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
async fn peers(cloud: &dyn Cloud, groups: &[SecurityGroup]) -> Answer<BTreeSet<GroupId>> {
    let own: BTreeSet<GroupId> = groups.iter().map(|group| group.id.clone()).collect();
    let rules = groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(&group.egress));
    let named: BTreeSet<&GroupId> = rules.filter_map(|rule| rule.peer.group()).collect();
    let others: Vec<GroupId> = named.into_iter().filter(|id| !own.contains(id)).cloned().collect();
    let mut existing = own;
    if !others.is_empty() {
        let found = derived::groups(cloud, GroupFilter::Ids(&others)).await?;
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

/// The groups that are being disassociated from databases. Each such database is looked at by itself, as when it is
/// waited for.
async fn coming_off(
    cloud: &dyn Cloud,
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

/// A secret with a name of ours.
async fn made_secret(cloud: &dyn Cloud, account: &Account<'_>, secret: SecretDescription) -> Answer<MadeSecret> {
    let way = way_of(&secret.tags);
    let way = way.map(|(way, _)| way);
    let is_named = |way: &&Way| {
        way.proxy()
            .is_some_and(|proxy| secret.name.starts_with(&created::secrets_of(proxy)))
    };
    let mut differences = match way.as_ref().filter(is_named) {
        _ if !is_tagged(&secret.tags) => vec!["it does not have the autoconnect tags".to_owned()],
        None => vec![format!(
            "its tag {} does not name the proxy of its name",
            tags::CONNECTION
        )],
        Some(way) => secret_differences(cloud, &secret.arn, &OwnTags::of_proxy(way)).await?,
    };
    if let Err(error) = account.proxies {
        differences.push(format!("the proxies that use it could not be read ({error})"));
    }
    let proxies = account.proxies.iter().flatten();
    let uses = proxies.filter(|proxy| proxy.secrets.contains(&secret.arn));
    Ok(MadeSecret {
        used_by: uses.map(|proxy| User::Proxy(proxy.name.clone())).collect(),
        arn: secret.arn,
        name: secret.name,
        differences,
    })
}

/// A role with a name of ours; none where it is gone now.
async fn made_role(cloud: &dyn Cloud, account: &Account<'_>, name: String) -> Answer<Option<MadeRole>> {
    let Some(role) = found_role(cloud, &name).await? else {
        return Ok(None);
    };
    let proxies = account.proxies.iter().flatten();
    let proxies = proxies.filter(|proxy| proxy.role.as_ref() == Some(&role.arn));
    let proxies = proxies.map(|proxy| User::Proxy(proxy.name.clone()));
    let functions = account.functions.iter().flatten();
    let functions = functions.filter(|function| function.role.as_ref() == Some(&role.arn));
    let functions = functions.map(|function| match &function.version {
        None => User::Function(function.name.clone()),
        Some(version) => User::Version {
            function: function.name.clone(),
            version: version.clone(),
            aliases: Vec::new(),
        },
    });
    let used_by: Vec<User> = proxies.chain(functions).collect();
    let own = OwnRole::of_tags(account.place, &role.tags, |way| account.secrets(way));
    let mut made = match own {
        Some(own) => MadeRole::new(&name, role, &own, used_by),
        None => MadeRole {
            differences: vec![if is_tagged(&role.tags) {
                format!("its tag {} does not name its purpose", tags::CONNECTION)
            } else {
                "it does not have the autoconnect tags".to_owned()
            }],
            name,
            used_by,
            ..MadeRole::default()
        },
    };
    if let Some(error) = account.proxies.as_ref().err().or(account.functions.as_ref().err()) {
        made.differences.push(format!("its users could not be read ({error})"));
    }
    Ok(Some(made))
}
