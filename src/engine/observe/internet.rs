//! Reads what `internet` judges: a function, the network of its VPC, and what earlier runs created there.

use super::network::{network, part, with_services};
use super::scene::vpc_of;
use super::{ObserveError, the_function};
use crate::cloud::{Answer, Cloud, GatewayFilter, GroupFilter, derived};
use crate::endpoint::{GROUP_NAMES, Naming, named};
use crate::internet::{Scene, connection, is_global_only};
use crate::model::network::Network;
use crate::model::network::Own;
use crate::model::{Place, VpcId};
use crate::operation::Operation;
use crate::tags;

/// The operations with which what earlier runs created is read, besides those of a network.
pub const OWN_READS: &[Operation] = &[
    Operation::DescribeInternetGateways,
    Operation::DescribeAddresses,
    Operation::DescribeSecurityGroups,
];

/// Reads a function and the network of its VPC; with services, whether the Region has them.
///
/// # Errors
///
/// The function or a service does not exist, or AWS cannot be asked.
pub async fn way_out(cloud: &dyn Cloud, function: &str, services: &[String]) -> Result<Scene, ObserveError> {
    let mut function = the_function(cloud, function).await?;
    let id = vpc_of(cloud, &function).await?;
    if let (Some(vpc), Some(id)) = (&mut function.vpc, id) {
        vpc.vpc = id;
    }
    let mut network = match &function.vpc {
        Some(vpc) => {
            let groups: Vec<_> = vpc.groups.iter().cloned().collect();
            network(cloud, std::slice::from_ref(&vpc.vpc), &groups).await?
        }
        None => Network::default(),
    };
    if !services.is_empty() && function.vpc.is_some() {
        with_services(cloud, &mut network).await?;
        let region = Place::of(&function.arn).region;
        for service in services {
            // Those with one endpoint for all Regions need no name in this one.
            if is_global_only(service) {
                continue;
            }
            if let Naming::NoSuch { similar } = named(&network, region, service, None) {
                return Err(ObserveError::NoSuchService {
                    service: service.clone(),
                    region: region.to_owned(),
                    similar,
                });
            }
        }
    }
    Ok(Scene {
        function,
        network,
        own: Own::default(),
    })
}

/// Reads the same, and what a run that died may have left: gateways and addresses that are attached to nothing yet.
///
/// # Errors
///
/// The function does not exist, or a call fails.
pub async fn building_site(cloud: &dyn Cloud, function: &str, services: &[String]) -> Result<Scene, ObserveError> {
    let mut scene = way_out(cloud, function, services).await?;
    if let Some(vpc) = &scene.function.vpc {
        scene.own = made_for_internet(cloud, &vpc.vpc).await?;
    }
    Ok(scene)
}

/// What earlier runs created for a VPC's way to the internet, attached to something or not.
///
/// # Errors
///
/// A call fails.
pub async fn made_for_internet(cloud: &dyn Cloud, vpc: &VpcId) -> Answer<Own> {
    let mark = connection(vpc);
    let (gateways, addresses, groups) = tokio::join!(
        cloud.describe_internet_gateways(GatewayFilter::Tagged(tags::CONNECTION, &mark)),
        cloud.describe_tagged_addresses(tags::CONNECTION, &mark),
        derived::groups(cloud, GroupFilter::Named(vpc, &GROUP_NAMES))
    );
    Ok(Own {
        gateways: gateways?,
        addresses: addresses?,
        // Without it, a group of this name is found when it is made.
        groups: part(groups)?.known().cloned().unwrap_or_default(),
    })
}
