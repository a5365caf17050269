//! Reads one connection, in two rounds of concurrent calls.

use thiserror::Error;

use crate::cloud::{Answer, Cloud, CloudError, DbCluster, DbInstance, ResourceKind};
use crate::model::{Database, DatabaseKind, Function, Member, Observation, Proxy, VpcId};

/// What the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// The database's identifier.
    pub database: String,
    /// The function's name, partial ARN or ARN.
    pub function: String,
    /// The proxy between them.
    pub proxy: Option<String>,
}

/// Why a connection could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObserveError {
    /// There is no resource of that name.
    #[error("there is no {kind} named {name}", kind = kind_name(*.kind))]
    NoSuch {
        /// What was looked for.
        kind: ResourceKind,
        /// Its name.
        name: String,
        /// The nearest names that exist.
        similar: Vec<String>,
        /// The name is that of the other kind of database.
        is_other_kind: bool,
    },
    /// AWS does not say in which VPC the database is.
    #[error("{database} is in no VPC that AWS names")]
    NoVpc {
        /// Kind and identifier.
        database: String,
    },
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// The word for a kind of resource.
fn kind_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Cluster => "DB cluster",
        ResourceKind::Instance => "DB instance",
        ResourceKind::Proxy => "RDS Proxy",
        ResourceKind::Function => "function",
    }
}

impl ObserveError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuch { kind, .. } => match kind {
                ResourceKind::Cluster => "cluster-not-found",
                ResourceKind::Instance => "instance-not-found",
                ResourceKind::Proxy => "proxy-not-found",
                ResourceKind::Function => "function-not-found",
            },
            Self::NoVpc { .. } => "no-vpc",
            Self::Cloud(error) => error.code(),
        }
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuch {
                kind,
                name,
                is_other_kind: true,
                ..
            } => Some(match kind {
                ResourceKind::Instance => format!("{name} is a cluster: use --cluster {name}"),
                _ => format!("{name} is an instance: use --instance {name}"),
            }),
            Self::NoSuch { similar, .. } if similar.is_empty() => {
                Some("check the name, and whether this is the right account and Region".to_owned())
            }
            Self::NoSuch { similar, .. } => Some(format!("did you mean {}?", similar.join(", "))),
            Self::NoVpc { .. } => Some("only databases in a VPC can be connected".to_owned()),
            Self::Cloud(error) => error.hint(),
        }
    }
}

/// Reads the database, the function, the function's subnets and the groups of the convention.
///
/// # Errors
///
/// A resource does not exist, or a call fails.
pub async fn observe(cloud: &impl Cloud, target: &Target) -> Result<Observation, ObserveError> {
    let (database, function, proxy) = tokio::join!(
        read_database(cloud, target),
        cloud.get_function_configuration(&target.function),
        read_proxy(cloud, target.proxy.as_deref())
    );
    let function = match function {
        Err(error) if error.is_not_found() => {
            return Err(no_such(cloud, ResourceKind::Function, &target.function).await);
        }
        function => function?,
    };
    let (found, hint) = match database {
        Err(error) if error.is_not_found() => {
            return Err(no_such(cloud, resource_kind(target.kind), &target.database).await);
        }
        database => database?,
    };
    let proxy = match (proxy, &target.proxy) {
        (Err(error), Some(name)) if error.is_not_found() => {
            return Err(no_such(cloud, ResourceKind::Proxy, name).await);
        }
        (proxy, _) => proxy?,
    };
    let mut observation = second_round(cloud, found, hint, function).await?;
    observation.proxy = proxy;
    Ok(observation)
}

async fn read_proxy(cloud: &impl Cloud, name: Option<&str>) -> Answer<Option<Proxy>> {
    let Some(name) = name else { return Ok(None) };
    let (proxy, targets) = tokio::join!(cloud.describe_db_proxy(name), cloud.describe_db_proxy_targets(name));
    Ok(Some(Proxy {
        targets: targets?,
        ..proxy?
    }))
}

/// A database whose VPC may not be known yet.
struct Found {
    database: Database,
    vpc_known: bool,
    subnet_group: Option<String>,
}

async fn second_round(
    cloud: &impl Cloud,
    found: Found,
    vpc: Option<VpcId>,
    mut function: Function,
) -> Result<Observation, ObserveError> {
    let Found {
        mut database,
        vpc_known,
        subnet_group,
    } = found;
    // A cluster without instances tells its VPC only by its subnet group; until that has answered, the
    // function's VPC is the best guess of where its groups are.
    let guess = vpc.or_else(|| function.vpc.as_ref().map(|vpc| vpc.vpc.clone()));
    let groups = async {
        match &guess {
            Some(vpc) => cloud.describe_connection_groups(vpc).await,
            None => Ok(Vec::new()),
        }
    };
    let subnet_ids = function.vpc.as_ref().map(|vpc| vpc.subnets.clone()).unwrap_or_default();
    let subnets = async {
        match subnet_ids.as_slice() {
            [] => Ok(Vec::new()),
            ids => cloud.describe_subnets(ids).await,
        }
    };
    let vpc_of_database = async {
        match (&guess, &subnet_group) {
            (Some(vpc), _) if vpc_known => Ok(Some(vpc.clone())),
            (_, Some(name)) => cloud.describe_db_subnet_group(name).await.map(Some),
            (_, None) => Ok(None),
        }
    };
    let (groups, subnets, vpc) = tokio::join!(groups, subnets, vpc_of_database);
    let (mut groups, subnets) = (groups?, subnets?);
    database.vpc = vpc?.ok_or_else(|| ObserveError::NoVpc {
        database: database.to_string(),
    })?;
    if guess.as_ref() != Some(&database.vpc) {
        groups = cloud.describe_connection_groups(&database.vpc).await?;
    }
    // The subnets say where the function is; its own configuration only repeats it.
    if let (Some(vpc), Some(subnet)) = (&mut function.vpc, subnets.first()) {
        vpc.vpc.clone_from(&subnet.vpc);
    }
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Observation {
        database,
        function,
        function_subnets: subnets,
        proxy: None,
        groups,
    })
}

async fn read_database(cloud: &impl Cloud, target: &Target) -> Answer<(Found, Option<VpcId>)> {
    // RDS keeps identifiers in lower case and finds them in any, but its filters mind the case.
    let id = target.database.to_ascii_lowercase();
    match target.kind {
        DatabaseKind::Cluster => {
            let (cluster, members) = tokio::join!(cloud.describe_db_cluster(&id), cloud.describe_cluster_members(&id));
            let (cluster, members) = (cluster?, members?);
            let vpc = members.iter().find_map(|member| member.vpc.clone());
            Ok((from_cluster(cluster, members, vpc.is_some()), vpc))
        }
        DatabaseKind::Instance => {
            let instance = cloud.describe_db_instance(&id).await?;
            let vpc = instance.vpc.clone();
            Ok((from_instance(instance), vpc))
        }
    }
}

/// Reads the database alone: its state and its groups as they are now.
///
/// # Errors
///
/// A call fails.
pub async fn read_memberships(cloud: &impl Cloud, kind: DatabaseKind, id: &str) -> Answer<Database> {
    let found = match kind {
        DatabaseKind::Cluster => from_cluster(cloud.describe_db_cluster(id).await?, Vec::new(), false),
        DatabaseKind::Instance => from_instance(cloud.describe_db_instance(id).await?),
    };
    Ok(found.database)
}

/// The VPC stays empty until it is known.
fn from_cluster(cluster: DbCluster, members: Vec<DbInstance>, vpc_known: bool) -> Found {
    let member = |instance: DbInstance| Member {
        id: instance.id,
        status: instance.status,
        availability_zone: instance.availability_zone,
    };
    let mut members: Vec<Member> = members.into_iter().map(member).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    Found {
        vpc_known,
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
            global_cluster: cluster.global_cluster,
            member_of: None,
        },
    }
}

fn from_instance(instance: DbInstance) -> Found {
    Found {
        vpc_known: instance.vpc.is_some(),
        subnet_group: None,
        database: Database {
            kind: DatabaseKind::Instance,
            members: vec![Member {
                id: instance.id.clone(),
                status: instance.status.clone(),
                availability_zone: instance.availability_zone,
            }],
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
        },
    }
}

fn resource_kind(kind: DatabaseKind) -> ResourceKind {
    match kind {
        DatabaseKind::Cluster => ResourceKind::Cluster,
        DatabaseKind::Instance => ResourceKind::Instance,
    }
}

/// How many names are offered for a wrong one.
const OFFERED: usize = 3;

async fn no_such(cloud: &impl Cloud, kind: ResourceKind, name: &str) -> ObserveError {
    // The names are a help, not the matter: where they cannot be read, none are offered.
    let names = cloud.names(kind).await.unwrap_or_default();
    let other = match kind {
        ResourceKind::Cluster => cloud.names(ResourceKind::Instance).await.unwrap_or_default(),
        ResourceKind::Instance => cloud.names(ResourceKind::Cluster).await.unwrap_or_default(),
        ResourceKind::Proxy | ResourceKind::Function => Vec::new(),
    };
    ObserveError::NoSuch {
        kind,
        name: name.to_owned(),
        similar: similar(name, names),
        is_other_kind: other.iter().any(|other| other.eq_ignore_ascii_case(name)),
    }
}

/// The names nearest to `name`: those that are alike, or all where there are but few.
fn similar(name: &str, mut names: Vec<String>) -> Vec<String> {
    const ALIKE: f64 = 0.75;
    let wanted = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
    let likeness = |candidate: &String| strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase());
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)).then_with(|| a.cmp(b)));
    if names.len() > OFFERED {
        names.retain(|candidate| likeness(candidate) >= ALIKE);
    }
    names.truncate(OFFERED);
    names
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn the_nearest_names_are_offered() {
        let names = || {
            ["orders", "order-history", "inventory", "billing", "orders-eu"]
                .map(str::to_owned)
                .to_vec()
        };
        assert_eq!(similar("ordres", names()), ["orders", "orders-eu", "order-history"]);
        assert_eq!(similar("ORDERS", names()).first().map(String::as_str), Some("orders"));
        assert!(similar("zzz", names()).is_empty());
        assert_eq!(similar("zzz", vec!["orders".to_owned()]), ["orders"]);
    }
}
