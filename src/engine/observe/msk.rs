//! Reads what `msk check` judges: the cluster and its mappings, then the function with its role and the mappings' secrets,
//! and the network of the cluster's VPC.

use std::collections::BTreeSet;

use super::network::{network, part, with_services};
use super::role::{needed_secrets, role_policies};
use super::{NotChecked, ObserveError, Reads, existing};
use crate::cloud::{Answer, Cloud, ResourceKind, derived};
use crate::concurrent::bounded;
use crate::model::network::{Network, Part};
use crate::model::{
    Authentication, Elsewhere, EventSource, EventSourceMapping, Function, MappingMode, MskCluster, Named, Origin,
    Place, VpcId,
};
use crate::msk::MskScene;
use crate::operation::Operation;
use crate::policy::RolePolicies;

/// The operations with which it reads, besides those of [`super::network`].
pub const READS: &[Operation] = &[
    Operation::DescribeClusterV2,
    Operation::ListEventSourceMappings,
    Operation::GetEventSourceMapping,
    Operation::GetFunctionConfiguration,
    Operation::DescribeSubnets,
];

/// Which of a cluster's mappings are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of a function, by its name or ARN.
    OfFunction(String),
    /// One, by its id.
    One(String),
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MskTarget {
    /// The cluster's ARN; none for that of the one mapping.
    pub cluster: Option<String>,
    /// Which mappings.
    pub which: Which,
    /// The mode, if the user gave one.
    pub mode: Option<MappingMode>,
    /// The authentication, if the user gave one.
    pub authentication: Option<Authentication>,
}

impl MskTarget {
    /// Whether all that was named by ARNs can be where the run reads, as far as that is known.
    fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        if let Some(cluster) = &self.cluster {
            Named::of(cluster).check(here)?;
        }
        match &self.which {
            Which::OfFunction(function) => Named::of(function).check(here),
            Which::All | Which::One(_) => Ok(()),
        }
    }
}

/// Reads a cluster, what polls it, and the network between.
///
/// # Errors
///
/// A resource that was named does not exist, or it or AWS cannot be asked for.
pub async fn msk_scene(cloud: &dyn Cloud, target: &MskTarget) -> Result<MskScene, ObserveError> {
    target.check(&cloud.home())?;
    if let Some(arn) = &target.cluster {
        is_msk(Some(arn), None)?;
    }
    let (cluster, mappings) = if let Some(arn) = &target.cluster {
        let (cluster, mappings) = tokio::join!(cluster(cloud, arn), mappings(cloud, target, arn));
        let mappings = mappings?;
        of_msk(target, &mappings)?;
        (cluster?, mappings)
    } else {
        // The mapping names the cluster.
        let mappings = mappings(cloud, target, "").await?;
        of_msk(target, &mappings)?;
        let source = mappings.known().and_then(|mappings| mappings.first()?.source.clone());
        (cluster(cloud, &source.unwrap_or_default()).await?, mappings)
    };
    target.check(&Origin::of_arn(&cluster.arn))?;
    let known = mappings.known().map(Vec::as_slice).unwrap_or_default();
    let secrets: BTreeSet<&str> = known.iter().flat_map(EventSourceMapping::secrets).collect();
    let (of_function, of_network, secrets) = tokio::join!(
        function(cloud, target, known),
        network_of(cloud, &cluster),
        needed_secrets(cloud, secrets)
    );
    let ((function, policies), (vpc, network)) = (of_function?, of_network?);
    let others = others(cloud, known, function.as_ref()).await?;
    // A cluster can be shared with other accounts: the function is in the caller's own.
    if let Some(function) = &function {
        target.check(&Origin::of_arn(&function.arn))?;
    }
    Ok(MskScene {
        cluster,
        vpc,
        mappings,
        function,
        others,
        policies,
        secrets: secrets?,
        network,
        mode: target.mode,
        authentication: target.authentication,
    })
}

/// The permissions that reading it takes, except the network.
pub fn reads_of_msk<'a>(target: &MskTarget, scene: &'a MskScene) -> Reads<'a> {
    let place = Place::of(&scene.cluster.arn);
    let reads = Reads::at(place)
        .of(Operation::DescribeClusterV2, [scene.cluster.arn.clone()])
        .any([Operation::DescribeSubnets]);
    let reads = match &target.which {
        Which::One(uuid) => {
            let mapping = place.arn("lambda", &format!("event-source-mapping:{uuid}"));
            reads.of(Operation::GetEventSourceMapping, [mapping])
        }
        Which::All | Which::OfFunction(_) => reads.any([Operation::ListEventSourceMappings]),
    };
    let reads = match &scene.function {
        Some(function) => scene
            .others
            .iter()
            .fold(reads.function(function).role_of(function), Reads::function),
        None => reads,
    };
    reads.secrets(&scene.secrets)
}

/// Whether an event source is an MSK cluster.
fn is_msk(arn: Option<&str>, mapping: Option<&EventSourceMapping>) -> Result<(), ObserveError> {
    let source = EventSource::of(arn);
    if source == EventSource::Msk {
        return Ok(());
    }
    let servers = || mapping.map(|mapping| mapping.bootstrap_servers.join(", "));
    let name = arn.map(str::to_owned).or_else(servers).unwrap_or_default();
    let of_function = || mapping.and_then(|mapping| mapping.function.clone());
    Err(ObserveError::NotChecked(NotChecked {
        source,
        arn: arn.map(str::to_owned).or_else(of_function).unwrap_or_default(),
        name,
        mapping: mapping.map(|mapping| mapping.uuid.clone()),
    }))
}

/// Whether the one mapping that was named polls an MSK cluster.
fn of_msk(target: &MskTarget, mappings: &Part<Vec<EventSourceMapping>>) -> Result<(), ObserveError> {
    let one = mappings.known().and_then(|mappings| mappings.first());
    match (&target.which, one) {
        (Which::One(_), Some(mapping)) => is_msk(mapping.source.as_deref(), Some(mapping)),
        _ => Ok(()),
    }
}

async fn cluster(cloud: &dyn Cloud, arn: &str) -> Result<MskCluster, ObserveError> {
    match cloud.describe_msk_cluster(arn).await {
        Err(error) if error.is_not_found() => Err(ObserveError::NoSuchMskCluster { arn: arn.to_owned() }),
        cluster => Ok(cluster?),
    }
}

async fn mappings(
    cloud: &dyn Cloud,
    target: &MskTarget,
    cluster: &str,
) -> Result<Part<Vec<EventSourceMapping>>, ObserveError> {
    if let Which::One(uuid) = &target.which {
        return match cloud.get_event_source_mapping(uuid).await {
            Err(error) if error.is_not_found() => Err(ObserveError::NoSuchMapping { uuid: uuid.clone() }),
            mapping => Ok(Part::Read(vec![mapping?])),
        };
    }
    let mut mappings = part(derived::mappings(cloud, cluster).await)?;
    if let (Which::OfFunction(name), Part::Read(mappings)) = (&target.which, &mut mappings) {
        mappings.retain(|mapping| mapping.function_name() == Some(Named::of(name).name()));
    }
    Ok(mappings)
}

/// The function that is named, or that of the mappings, with the policies of its role. Where a mapping invokes a version or an
/// alias, this is the published version, which keeps the role that it was published with.
async fn function(
    cloud: &dyn Cloud,
    target: &MskTarget,
    mappings: &[EventSourceMapping],
) -> Result<(Option<Function>, Part<RolePolicies>), ObserveError> {
    let of_mapping = mappings.iter().find_map(|mapping| mapping.function.as_deref());
    let function = match (&target.which, of_mapping) {
        (Which::OfFunction(name), of_mapping) => {
            let of_version = match of_mapping {
                Some(arn) => part(cloud.get_function_configuration(arn).await)?.known().cloned(),
                None => None,
            };
            if of_version.is_some() {
                of_version
            } else {
                let function = cloud.get_function_configuration(Named::of(name).name()).await;
                Some(existing(cloud, ResourceKind::Function, name, function).await?)
            }
        }
        (_, Some(arn)) => part(cloud.get_function_configuration(arn).await)?.known().cloned(),
        (_, None) => None,
    };
    let policies = match function.as_ref().and_then(|function| function.role.as_ref()) {
        Some(role) => role_policies(cloud, role).await?,
        None => Part::default(),
    };
    Ok((function, policies))
}

/// The functions of further mappings, as far as they can be read.
async fn others(
    cloud: &dyn Cloud,
    mappings: &[EventSourceMapping],
    function: Option<&Function>,
) -> Answer<Vec<Function>> {
    const AT_ONCE: usize = 5;
    let mut named: BTreeSet<String> = mappings.iter().filter_map(|mapping| mapping.function.clone()).collect();
    if let Some(function) = function {
        named.remove(&function.arn);
    }
    let asked = named
        .into_iter()
        .map(async |arn: String| part(cloud.get_function_configuration(&arn).await));
    let mut others = Vec::new();
    for answer in bounded(AT_ONCE, asked).await {
        others.extend(answer?.known().cloned());
    }
    Ok(others)
}

async fn network_of(cloud: &dyn Cloud, cluster: &MskCluster) -> Answer<(Part<VpcId>, Network)> {
    let Some(place) = cluster.placements.first() else {
        return Ok((
            Part::Unread("AWS reports no subnets for it".to_owned()),
            Network::default(),
        ));
    };
    let subnets = part(derived::subnets(cloud, &place.subnets).await)?;
    let vpc = match subnets.read() {
        Ok(subnets) => subnets.first().map(|subnet| subnet.vpc.clone()),
        Err(why) => return Ok((Part::Unread(why.to_owned()), unread(why))),
    };
    let Some(vpc) = vpc else {
        let why = "none of its subnets can be seen from this account";
        return Ok((Part::Unread(why.to_owned()), unread(why)));
    };
    let mut network = network(cloud, std::slice::from_ref(&vpc), &place.groups).await?;
    with_services(cloud, &mut network).await?;
    Ok((Part::Read(vpc), network))
}

/// A network of which nothing could be read.
fn unread(why: &str) -> Network {
    fn no<T>(why: &str) -> Part<T> {
        Part::Unread(why.to_owned())
    }
    Network {
        vpcs: no(why),
        subnets: no(why),
        route_tables: no(why),
        acls: no(why),
        peerings: no(why),
        internet_gateways: no(why),
        egress_only_gateways: no(why),
        nat_gateways: no(why),
        public_access: no(why),
        exclusions: no(why),
        endpoints: no(why),
        services: None,
        interfaces: no(why),
        prefix_lists: no(why),
        groups: no(why),
    }
}
