//! Reads what lies between the resources of a connection, for the checks of `diagnose` that `setup` makes.
//!
//! Nothing here ends a run: what cannot be read is unknown, with the reason.

use std::collections::BTreeSet;

use super::network::between;
use super::role::role_policies;
use crate::cloud::{Answer, Cloud};
use crate::diagnostics::connection::Surroundings;
use crate::model::network::{Network, Part};
use crate::model::{Database, Function, GroupId, Observation, Proxy, VpcId};

/// What is said of a function's role where many connections are planned at once.
const ROLE_NOT_READ: &str =
    "the roles of functions are not read for the plan of a manifest; `autoconnect diagnose` reads them";

/// What is around the resources of a connection as it was observed.
pub async fn surroundings(cloud: &dyn Cloud, observation: &Observation) -> Surroundings {
    let Observation {
        database,
        function,
        proxy,
        ..
    } = observation;
    let ends = Ends {
        database,
        vpc: Some(&database.vpc),
        function: Some(function),
        proxy: proxy.as_ref(),
    };
    around(cloud, ends, true).await
}

/// The resources of a connection as the first answers describe them, in which the database's VPC may be missing.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub database: &'a Database,
    pub vpc: Option<&'a VpcId>,
    pub function: Option<&'a Function>,
    pub proxy: Option<&'a Proxy>,
}

/// What is around them.
pub(super) async fn around(cloud: &dyn Cloud, ends: Ends<'_>, reads_role: bool) -> Surroundings {
    let Ends {
        database,
        vpc,
        function,
        proxy,
    } = ends;
    let proxy = proxy.filter(|proxy| proxy.exists);
    let attached = function.and_then(|function| function.vpc.as_ref());
    let vpcs: BTreeSet<&VpcId> = vpc
        .into_iter()
        .chain(attached.map(|attached| &attached.vpc))
        .chain(proxy.map(|proxy| &proxy.vpc))
        .filter(|vpc| !vpc.as_str().is_empty())
        .collect();
    let vpcs: Vec<VpcId> = vpcs.into_iter().cloned().collect();
    let of_database = database.groups();
    let groups: BTreeSet<&GroupId> = of_database
        .iter()
        .chain(attached.into_iter().flat_map(|attached| attached.groups.iter()))
        .chain(proxy.into_iter().flat_map(|proxy| proxy.groups.iter()))
        .collect();
    let groups: Vec<GroupId> = groups.into_iter().cloned().collect();
    let role = function
        .filter(|function| function.exists)
        .map(|function| function.role.as_deref());
    let policies = async {
        match role {
            Some(Some(role)) if reads_role => role_policies(cloud, role).await,
            Some(Some(_)) => Ok(Part::Unread(ROLE_NOT_READ.to_owned())),
            Some(None) => Ok(Part::Unread("AWS does not report the function's role".to_owned())),
            None => Ok(Part::Unread("the function does not exist yet".to_owned())),
        }
    };
    let (network, policies) = tokio::join!(between(cloud, &vpcs, &groups), policies);
    Surroundings {
        network: network.unwrap_or_else(|error| Network::unread(&error.to_string())),
        policies: known(policies),
    }
}

fn known<T>(answer: Answer<Part<T>>) -> Part<T> {
    answer.unwrap_or_else(|error| Part::Unread(error.to_string()))
}
