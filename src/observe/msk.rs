//! Reads what `msk check` judges: the cluster and its mappings, then the function, and the network of the cluster's VPC.

use super::network::{network, part, role_policies};
use super::{ObserveError, Reads, no_such};
use crate::cloud::{Answer, Cloud, ResourceKind};
use crate::model::network::{Network, Part};
use crate::model::{
    Authentication, Elsewhere, EventSourceMapping, Function, MappingMode, MskCluster, Named, Origin, Place, VpcId,
};
use crate::msk::MskScene;
use crate::operation::Operation;
use crate::policy::PolicyDocument;

/// The operations with which it reads, beside those of [`super::network`].
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
    /// The cluster's ARN.
    pub cluster: String,
    /// Which mappings.
    pub which: Which,
    /// The mode, where the user tells one.
    pub mode: Option<MappingMode>,
    /// The authentication, where the user tells one.
    pub authentication: Option<Authentication>,
}

impl MskTarget {
    /// Whether all that was named by ARNs can be where the run reads, as far as that is known.
    fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        Named::of(&self.cluster).check(here)?;
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
pub async fn msk_scene(cloud: &impl Cloud, target: &MskTarget) -> Result<MskScene, ObserveError> {
    target.check(&cloud.home())?;
    let (cluster, mappings) = tokio::join!(cluster(cloud, target), mappings(cloud, target));
    let (cluster, mappings) = (cluster?, mappings?);
    target.check(&Origin::of_arn(&cluster.arn))?;
    let known = mappings.known().map(Vec::as_slice).unwrap_or_default();
    let (of_function, of_network) = tokio::join!(function(cloud, target, known), network_of(cloud, &cluster));
    let ((function, policies), (vpc, network)) = (of_function?, of_network?);
    // A cluster can be shared with other accounts: the function is in the caller's own.
    if let Some(function) = &function {
        target.check(&Origin::of_arn(&function.arn))?;
    }
    Ok(MskScene {
        cluster,
        vpc,
        mappings,
        function,
        policies,
        network,
        mode: target.mode,
        authentication: target.authentication,
    })
}

/// The permissions that reading it takes, but for the network.
#[must_use]
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
    match &scene.function {
        Some(function) => reads.function(function).role_of(function),
        None => reads,
    }
}

async fn cluster(cloud: &impl Cloud, target: &MskTarget) -> Result<MskCluster, ObserveError> {
    match cloud.describe_msk_cluster(&target.cluster).await {
        Err(error) if error.is_not_found() => Err(ObserveError::NoSuchMskCluster {
            arn: target.cluster.clone(),
        }),
        cluster => Ok(cluster?),
    }
}

async fn mappings(cloud: &impl Cloud, target: &MskTarget) -> Result<Part<Vec<EventSourceMapping>>, ObserveError> {
    let function = match &target.which {
        Which::All => None,
        Which::OfFunction(name) => Some(Named::of(name).name()),
        Which::One(uuid) => {
            return match cloud.get_event_source_mapping(uuid).await {
                Err(error) if error.is_not_found() => Err(ObserveError::NoSuchMapping { uuid: uuid.clone() }),
                mapping => Ok(Part::Read(vec![mapping?])),
            };
        }
    };
    Ok(part(cloud.list_event_source_mappings(&target.cluster, function).await)?)
}

/// The function that is named, or that of the mappings, with the policies of its role.
async fn function(
    cloud: &impl Cloud,
    target: &MskTarget,
    mappings: &[EventSourceMapping],
) -> Result<(Option<Function>, Part<Vec<PolicyDocument>>), ObserveError> {
    let of_mapping = mappings.iter().find_map(|mapping| mapping.function.as_deref());
    let function = match (&target.which, of_mapping) {
        (Which::OfFunction(name), _) => match cloud.get_function_configuration(Named::of(name).name()).await {
            Err(error) if error.is_not_found() => return Err(no_such(cloud, ResourceKind::Function, name).await),
            function => Some(function?),
        },
        (_, Some(arn)) => part(cloud.get_function_configuration(arn).await)?.known().cloned(),
        (_, None) => None,
    };
    let policies = match function.as_ref().and_then(|function| function.role.as_ref()) {
        Some(role) => role_policies(cloud, role).await?,
        None => Part::default(),
    };
    Ok((function, policies))
}

async fn network_of(cloud: &impl Cloud, cluster: &MskCluster) -> Answer<(Part<VpcId>, Network)> {
    let Some(place) = cluster.placements.first() else {
        return Ok((
            Part::Unread("AWS tells no subnets of it".to_owned()),
            Network::default(),
        ));
    };
    let subnets = part(cloud.describe_subnets(&place.subnets).await)?;
    let vpc = match subnets.read() {
        Ok(subnets) => subnets.first().map(|subnet| subnet.vpc.clone()),
        Err(why) => return Ok((Part::Unread(why.to_owned()), unread(why))),
    };
    let Some(vpc) = vpc else {
        let why = "none of its subnets can be seen from this account";
        return Ok((Part::Unread(why.to_owned()), unread(why)));
    };
    let network = network(cloud, std::slice::from_ref(&vpc), &place.groups).await?;
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
        interfaces: no(why),
        prefix_lists: no(why),
        groups: no(why),
    }
}
