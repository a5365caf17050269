//! Reads what is exported of connections besides what they are judged by.

use std::collections::{BTreeMap, BTreeSet};

use super::survey::{Proxies, READS, Surveyed, survey, survey_paths};
use super::{ObserveError, described_rules, no_such, patiently};
use crate::cloud::{Answer, Cloud, CloudError, ResourceKind, RoleDescription};
use crate::concurrent::bounded;
use crate::drift::{Judge, Wiring};
use crate::estate::{Estate, Look, Obstacle, Scope};
use crate::export::{
    Details, Export, Found, FoundProxy, FoundRole, FoundSecret, NotConnected, Wanted, build, connections, find,
};
use crate::model::{GroupId, Place, Proxy, last_segment};
use crate::naming::created;
use crate::operation::Operation;
use crate::ownership::is_managed;
use crate::preview::is_new;

/// The operations of an export besides those of a survey.
pub const EXPORT_READS: &[Operation] = &[
    Operation::DescribeSecurityGroupRules,
    Operation::DescribeDbProxyTargetGroups,
    Operation::ListTagsForResource,
    Operation::DescribeSecret,
    Operation::GetRole,
    Operation::ListRolePolicies,
    Operation::GetRolePolicy,
    Operation::ListAttachedRolePolicies,
];

/// All operations of an export as code: what its caller needs permission for. A picture needs those of a survey with its network.
pub fn reads_of_export() -> impl Iterator<Item = Operation> {
    READS.iter().chain(EXPORT_READS).copied()
}

/// How many proxies, roles and secrets are read at once.
const AT_ONCE: usize = 5;

/// The key of AWS, which needs no name.
const AWS_KEY: &str = "alias/aws/secretsmanager";

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// What was asked for is not connected.
    #[error(transparent)]
    NotConnected(#[from] NotConnected),
}

impl From<CloudError> for ExportError {
    fn from(error: CloudError) -> Self {
        Self::Observe(error.into())
    }
}

/// Reads and builds what is exported. Where `planned` is given, `cloud` is an account on which plans were carried out in memory,
/// and `planned` the account as it is: what only the first has is planned.
///
/// # Errors
///
/// What was asked for is not connected, or a part of it cannot be read.
pub async fn exported(cloud: &dyn Cloud, planned: Option<&dyn Cloud>, wanted: &Wanted) -> Result<Export, ExportError> {
    let estate = estate_of(cloud, wanted).await?;
    let found = match find(&estate, wanted) {
        Ok(found) => found,
        Err(NotConnected::Missing { kind, name, .. }) => return Err(missing(cloud, kind, &name).await),
        Err(error) => return Err(error.into()),
    };
    let mut details = details(cloud, &found).await?;
    if let Some(account) = planned {
        mark_planned(account, &found, &mut details).await?;
    }
    Ok(build(&estate, &found, &details))
}

/// Connections by their groups and rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wirings {
    /// The connections.
    pub connections: Vec<Wiring>,
    /// What lies between resources and could not be read, a sentence each.
    pub unread: Vec<String>,
}

/// Reads how the connections that are asked for are wired, whether they work or not.
///
/// # Errors
///
/// A part of the account that shows connections cannot be read, what was asked for does not exist, or nothing is connected.
pub async fn wired(cloud: &dyn Cloud, wanted: &Wanted) -> Result<Wirings, ExportError> {
    let mut estate = estate_of(cloud, wanted).await?;
    survey_paths(cloud, &mut estate).await;
    estate.complete_network();
    let connections = connections(&estate, wanted)?;
    let mut missing_ones =
        connections
            .iter()
            .map(|connection| match estate.observation(connection, Scope::Associated) {
                Err(Obstacle::Missing(missing)) => missing.into_iter().next(),
                _ => None,
            });
    // One of several that does not exist is drawn so.
    let first = missing_ones.next().flatten();
    if let Some((kind, name)) = first.filter(|_| missing_ones.all(|missing| missing.is_some())) {
        return Err(missing(cloud, kind, &name).await);
    }
    let judge = Judge::new(&estate);
    Ok(Wirings {
        connections: connections.iter().map(|connection| judge.wiring(connection)).collect(),
        unread: judge.unread_network(),
    })
}

/// Reads the lists of the account.
async fn estate_of(cloud: &dyn Cloud, wanted: &Wanted) -> Result<Estate, ExportError> {
    let Surveyed {
        origin,
        estate,
        mut errors,
        ..
    } = survey(cloud, &Proxies::All).await;
    wanted.check(&origin).map_err(ObserveError::from)?;
    // What is missing from an export would be taken for something that is not there. Subnets and their groups only place what
    // is empty, and endpoints of proxies say who else has a group.
    if !estate.shows_all_connections() {
        return Err(errors.swap_remove(0).into());
    }
    if let Wanted::Database { kind, database } = wanted
        && estate.database(*kind, database) == Look::Absent
    {
        return Err(no_such(cloud, (*kind).into(), database).await.into());
    }
    Ok(estate)
}

async fn missing(cloud: &dyn Cloud, kind: &str, name: &str) -> ExportError {
    let kind = match kind {
        "cluster" => ResourceKind::Cluster,
        "instance" => ResourceKind::Instance,
        "proxy" => ResourceKind::Proxy,
        _ => ResourceKind::Function,
    };
    no_such(cloud, kind, name).await.into()
}

async fn details(cloud: &dyn Cloud, found: &Found) -> Answer<Details> {
    let groups: BTreeSet<GroupId> = found
        .chains
        .iter()
        .flat_map(|chain| chain.groups.values().flatten().cloned())
        .collect();
    let groups: Vec<GroupId> = groups.into_iter().collect();
    let proxies = Details::proxies_of(found);
    let (rules, read) = tokio::join!(
        described_rules(cloud, &groups),
        bounded(AT_ONCE, proxies.iter().map(|read| proxy(cloud, read)))
    );
    let mut details = Details {
        rules: rules?,
        ..Details::default()
    };
    let mut secrets = BTreeSet::new();
    for (proxy, read) in proxies.iter().zip(read) {
        let read = read?;
        if is_managed(&read.tags) {
            secrets.extend(proxy.secrets.iter().cloned());
        }
        details.proxies.insert(proxy.name.clone(), read);
    }
    let secrets: Vec<String> = secrets.into_iter().collect();
    let read = bounded(AT_ONCE, secrets.iter().map(|arn| secret(cloud, arn))).await;
    for (arn, read) in secrets.into_iter().zip(read) {
        if let Some(read) = read? {
            details.secrets.insert(arn, read);
        }
    }
    roles(cloud, found, &mut details).await?;
    Ok(details)
}

async fn proxy(cloud: &dyn Cloud, proxy: &Proxy) -> Answer<FoundProxy> {
    let tags = patiently(cloud, || cloud.list_rds_tags(&proxy.arn)).await?;
    let target_group = if is_managed(&tags) {
        Some(patiently(cloud, || cloud.describe_db_proxy_target_group(&proxy.name)).await?)
    } else {
        None
    };
    Ok(FoundProxy { tags, target_group })
}

/// A secret; none where it does not exist any more.
async fn secret(cloud: &dyn Cloud, arn: &str) -> Answer<Option<FoundSecret>> {
    match patiently(cloud, || cloud.describe_secret(arn)).await {
        Ok(secret) => Ok(Some(FoundSecret {
            name: secret.name,
            description: secret.description,
            kms_key: secret.kms_key.filter(|key| key != AWS_KEY),
            tags: secret.tags,
        })),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is read of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    /// All of it: its name is one that this program gives.
    Whole,
    /// Its own policies with these names' beginnings.
    Policies(BTreeSet<String>),
}

/// The roles that are read, by name.
fn wishes(found: &Found, details: &Details) -> BTreeMap<String, Wish> {
    let mut wishes: BTreeMap<String, Wish> = BTreeMap::new();
    for chain in &found.chains {
        let function = &chain.observation.function;
        let region = Place::of(&function.arn).region;
        let proxy = chain.observation.proxy.as_ref();
        if let Some(arn) = &function.role {
            let name = last_segment(arn);
            if name == created::function_role(region, &function.name) {
                wishes.insert(name.to_owned(), Wish::Whole);
            } else if let Some(proxy) = proxy {
                let wish = wishes
                    .entry(name.to_owned())
                    .or_insert_with(|| Wish::Policies(BTreeSet::new()));
                if let Wish::Policies(beginnings) = wish {
                    beginnings.insert(created::connect_policies(region, &proxy.name));
                }
            }
        }
        let ours = proxy.filter(|proxy| {
            let read = details.proxies.get(&proxy.name);
            read.is_some_and(|read| is_managed(&read.tags))
        });
        if let Some((proxy, arn)) = ours.and_then(|proxy| Some((proxy, proxy.role.as_ref()?))) {
            let name = last_segment(arn);
            if name == created::proxy_role(region, &proxy.name) {
                wishes.insert(name.to_owned(), Wish::Whole);
            }
        }
    }
    wishes
}

async fn roles(cloud: &dyn Cloud, found: &Found, details: &mut Details) -> Answer<()> {
    let wishes = wishes(found, details);
    let read = bounded(AT_ONCE, wishes.iter().map(|(name, wish)| role(cloud, name, wish))).await;
    for ((name, wish), read) in wishes.into_iter().zip(read) {
        match read {
            Ok(Some(role)) => {
                details.roles.insert(name, role);
            }
            Ok(None) => {}
            // Whether another owner's role has a policy of ours is not needed for anything else.
            Err(error) if error.is_denied() && wish != Wish::Whole => {
                let why = format!("whether role {name} has a policy that autoconnect made could not be read: {error}");
                details.unread.push(why);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A role; none where it does not exist.
async fn role(cloud: &dyn Cloud, name: &str, wish: &Wish) -> Answer<Option<FoundRole>> {
    let read = async {
        let mut found = FoundRole::default();
        if *wish == Wish::Whole {
            let RoleDescription {
                arn,
                trust,
                description,
                max_session,
                boundary,
                tags,
            } = patiently(cloud, || cloud.get_role(name)).await?;
            found = FoundRole {
                arn,
                description,
                trust,
                max_session,
                boundary,
                tags,
                attached: patiently(cloud, || cloud.list_attached_role_policies(name)).await?,
                inline: Vec::new(),
            };
        }
        let policies = patiently(cloud, || cloud.list_role_policies(name)).await?;
        let is_wanted = |policy: &String| match wish {
            Wish::Whole => true,
            Wish::Policies(beginnings) => beginnings.iter().any(|beginning| policy.starts_with(beginning)),
        };
        for policy in policies.into_iter().filter(is_wanted) {
            let document = patiently(cloud, || cloud.get_role_policy(name, &policy)).await?;
            found.inline.push((policy, document));
        }
        Ok::<_, CloudError>(found)
    };
    match read.await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What of it the account does not have.
async fn mark_planned(account: &dyn Cloud, found: &Found, details: &mut Details) -> Answer<()> {
    let planned = &mut details.planned;
    planned.is_plan = true;
    for chain in &found.chains {
        let groups = chain.groups.values().flatten();
        planned
            .groups
            .extend(groups.filter(|group| is_new(group.as_str())).cloned());
    }
    planned
        .secrets
        .extend(details.secrets.keys().filter(|arn| is_new(arn)).cloned());
    for proxy in Details::proxies_of(found) {
        if is_new(&proxy.arn) {
            planned.proxies.insert(proxy.name.clone());
            continue;
        }
        let targets = patiently(account, || account.describe_db_proxy_targets(&proxy.name)).await?;
        if targets.is_empty() {
            planned.targets.insert(proxy.name.clone());
        }
    }
    for (name, role) in &details.roles {
        match patiently(account, || account.list_role_policies(name)).await {
            Ok(policies) => {
                let missing = role.inline.iter().filter(|(policy, _)| !policies.contains(policy));
                planned
                    .policies
                    .extend(missing.map(|(policy, _)| (name.clone(), policy.clone())));
            }
            Err(error) if error.is_not_found() => {
                planned.roles.insert(name.clone());
                let all = role.inline.iter();
                planned
                    .policies
                    .extend(all.map(|(policy, _)| (name.clone(), policy.clone())));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
