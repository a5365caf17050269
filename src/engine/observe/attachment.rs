//! Reads what is needed to judge whether a function can be attached to a VPC.

use std::collections::BTreeSet;

use super::network::part;
use super::role::role_policies;
use super::{Found, ObserveError, Reads, Target, existing, read_database};
use crate::attach::{Site, Wish, fit};
use crate::cloud::{Cloud, DbSubnetGroup, GroupFilter, ResourceKind, derived};
use crate::model::network::{Network, Part};
use crate::model::{
    Database, DatabaseKind, Function, FunctionVpc, GroupId, GroupList, Named, Origin, Place, SubnetId, VpcId,
};
use crate::naming::Convention;
use crate::operation::Operation;
use crate::policy::Permissions;

/// Where a function is to be attached, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In these subnets.
    Subnets(Vec<SubnetId>),
    /// Where the database is.
    Like {
        /// Cluster or instance; none where it may be either.
        kind: Option<DatabaseKind>,
        /// Its identifier or ARN.
        id: String,
    },
}

/// Reads a function that has to exist.
///
/// # Errors
///
/// It does not exist, or a call fails.
pub async fn the_function(cloud: &dyn Cloud, name: &str) -> Result<Function, ObserveError> {
    let named = Named::of(name);
    named.check(&cloud.home())?;
    let function = cloud.get_function_configuration(named.name()).await;
    let function = existing(cloud, ResourceKind::Function, name, function).await?;
    named.check(&Origin::of_arn(&function.arn))?;
    Ok(function)
}

/// Reads where a function is to be attached. Without `groups`, a database's own are taken: those of other functions'
/// connections are of no use to it.
///
/// # Errors
///
/// A resource does not exist, or a call fails.
pub async fn site(
    cloud: &dyn Cloud,
    function: &Function,
    location: &Location,
    groups: &[GroupId],
    ipv6: Option<bool>,
) -> Result<Site, ObserveError> {
    let (subnets, database) = match location {
        Location::Subnets(subnets) => (subnets.clone(), None),
        Location::Like { kind, id } => {
            let (database, subnets) = the_database(cloud, *kind, id).await?;
            (subnets, Some(database))
        }
    };
    let shares = groups.is_empty();
    let groups = match &database {
        Some(database) if shares => database.groups().iter().cloned().collect(),
        _ => groups.to_vec(),
    };
    let wish = Wish {
        subnets,
        groups,
        like: database.as_ref().map(ToString::to_string),
        ipv6,
    };
    let mut site = around(cloud, function, wish).await?;
    site.database = database;
    if shares {
        let is_of_convention = |id: &GroupId| {
            let mut names = site
                .groups
                .iter()
                .filter(|group| group.id == *id)
                .map(|group| &group.name);
            names.any(|name| Convention::is_any(name))
        };
        site.wish.groups = site
            .wish
            .groups
            .iter()
            .filter(|id| !is_of_convention(id))
            .cloned()
            .collect();
    }
    Ok(site)
}

/// Reads where a function is to be attached that gets a group of its own in the database's VPC, and gives it the attachment
/// as it will be, except that group. Whether it can be is for the requirements to say.
pub(super) async fn prepare(
    cloud: &dyn Cloud,
    function: &mut Function,
    database: &Database,
) -> Result<Site, ObserveError> {
    let wish = Wish {
        subnets: database.subnets.clone(),
        like: Some(database.to_string()),
        ..Wish::default()
    };
    let site = around(cloud, function, wish).await?;
    function.vpc = Some(FunctionVpc {
        vpc: database.vpc.clone(),
        subnets: fit(function, &site).map_or_else(|_| database.subnets.clone(), |fitting| fitting.subnets),
        groups: GroupList::default(),
        ipv6_allowed: None,
    });
    Ok(site)
}

/// The network around the subnets of a wish, and the role of the function.
async fn around(cloud: &dyn Cloud, function: &Function, wish: Wish) -> Result<Site, ObserveError> {
    let named = derived::subnets(cloud, &wish.subnets).await?;
    let vpcs: BTreeSet<VpcId> = named.into_iter().map(|subnet| subnet.vpc).collect();
    let vpcs: Vec<VpcId> = vpcs.into_iter().collect();
    let groups = async {
        match wish.groups.as_slice() {
            [] => Ok(Vec::new()),
            groups => derived::groups(cloud, GroupFilter::Ids(groups)).await,
        }
    };
    let policies = async {
        match &function.role {
            Some(role) => role_policies(cloud, role).await,
            None => Ok(Part::Unread("AWS reports no role for it".to_owned())),
        }
    };
    let (of_vpcs, subnets, tables, groups, policies, neighbours) = tokio::join!(
        cloud.describe_vpcs(&vpcs),
        derived::subnets_of(cloud, &vpcs),
        cloud.describe_route_tables(&vpcs),
        groups,
        policies,
        derived::attached_functions(cloud)
    );
    Ok(Site {
        vpcs: of_vpcs?,
        network: Network {
            subnets: Part::Read(subnets?),
            route_tables: part(tables)?,
            ..Network::default()
        },
        groups: groups?,
        policies: policies?,
        neighbours: part(neighbours)?,
        database: None,
        wish,
    })
}

/// The permissions that reading where a function is to be attached takes.
pub fn reads_of_site(function: &Function, location: &Location, site: &Site) -> Permissions {
    let place = Place::of(&function.arn);
    let mut reads = Reads::at(place)
        .function(function)
        .tags_of(function, None)
        .site(function);
    if !site.wish.groups.is_empty() {
        reads = reads.any([Operation::DescribeSecurityGroups]);
    }
    if let Some(database) = &site.database {
        reads = reads.database(database);
    }
    match location {
        // A cluster is looked for first.
        Location::Like { kind: None, id } if Named::of(id).database_kind().is_none() => {
            let cluster = place.arn("rds", &format!("cluster:{}", id.to_ascii_lowercase()));
            reads.of(Operation::DescribeDbClusters, [cluster])
        }
        _ => reads,
    }
    .permissions()
}

/// The database, and its subnets.
async fn the_database(
    cloud: &dyn Cloud,
    kind: Option<DatabaseKind>,
    id: &str,
) -> Result<(Database, Vec<SubnetId>), ObserveError> {
    let target = |kind| Target::direct(kind, id, "");
    let named = Named::of(id);
    named.check(&cloud.home())?;
    let kind = kind.or(named.database_kind());
    let first = kind.unwrap_or(DatabaseKind::Cluster);
    let found = match read_database(cloud, &target(first)).await {
        Err(error) if error.is_not_found() && kind.is_none() => {
            let found = read_database(cloud, &target(DatabaseKind::Instance)).await;
            existing(cloud, ResourceKind::Cluster, id, found).await
        }
        found => existing(cloud, first.into(), id, found).await,
    }?;
    let Found {
        database,
        vpc,
        subnet_group,
    } = found;
    named.check(&Origin::of_arn(&database.arn))?;
    let group = match (vpc, subnet_group) {
        (Some(_), _) => None,
        (None, Some(name)) => Some(derived::subnet_group(cloud, &name).await?),
        (None, None) => {
            return Err(ObserveError::no_vpc(&database));
        }
    };
    let subnets = match group {
        Some(DbSubnetGroup { subnets, .. }) => subnets,
        None => database.subnets.clone(),
    };
    Ok((database, subnets))
}
