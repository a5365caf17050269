//! The requirements as one table: each with what it applies to. A command says what it creates or changes, and checks
//! them before its first write.
//!
//! Source: docs/decision.md, "Requirements"; docs/attaching.md; docs/new-proxies.md, "Limits".

use std::collections::BTreeSet;

use super::{ExtrasUnmet, Unmet};
use crate::attach::{AttachUnmet, Site, fit};
use crate::model::network::{Part, Vpc};
use crate::model::{Database, Function, Observation, Proxy, last_segment};

/// What a command makes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Making {
    /// A connection of a function with a database in its VPC.
    Connection,
    /// A connection of a function with a database in another VPC.
    ConnectionAcross,
    /// Another network configuration of a function that exists.
    FunctionNetwork,
    /// A way out of a function's subnets.
    WayOut,
    /// The attachment of a function to a VPC.
    Attachment,
    /// A connection through a proxy, whether that exists or not.
    Through,
    /// A function.
    Function,
    /// A proxy.
    Proxy,
}

/// What the requirements are judged by. What a command does not deal with is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'f> {
    /// The function.
    pub function: Option<&'f Function>,
    /// The database.
    pub database: Option<&'f Database>,
    /// The proxy.
    pub proxy: Option<&'f Proxy>,
    /// The account that owns the database's VPC, where it was read.
    pub vpc_owner: Option<&'f str>,
    /// The VPC in which a function or a proxy is made.
    pub vpc: Option<&'f Vpc>,
    /// The Availability Zones of the subnets in which a proxy is made.
    pub zones: Option<&'f BTreeSet<String>>,
    /// Where a function is to be attached.
    pub site: Option<&'f Site>,
}

/// A requirement.
#[derive(Clone, Copy)]
pub struct Requirement {
    /// A short name, for messages of tests.
    pub name: &'static str,
    /// What it is asked of.
    pub of: &'static [Making],
    /// Whether it holds.
    holds: fn(&Facts<'_>) -> Result<(), Unmet>,
}

const CONNECTIONS: &[Making] = &[Making::Connection, Making::ConnectionAcross];

/// All requirements that the identity, the kind and the place of resources decide, in the order in which they are asked.
pub const TABLE: [Requirement; 9] = [
    Requirement {
        name: "database kind",
        of: CONNECTIONS,
        holds: |facts| facts.database.map_or(Ok(()), super::check_database),
    },
    Requirement {
        name: "own VPC",
        of: CONNECTIONS,
        holds: own_vpc,
    },
    Requirement {
        name: "own network",
        of: &[
            Making::Connection,
            Making::ConnectionAcross,
            Making::FunctionNetwork,
            Making::WayOut,
            Making::Attachment,
        ],
        holds: own_network,
    },
    Requirement {
        name: "same VPC",
        of: &[Making::Connection],
        holds: same_vpc,
    },
    Requirement {
        name: "place of the function",
        of: &[Making::Attachment],
        holds: |facts| match (facts.function, facts.site) {
            (Some(function), Some(site)) => Ok(fit(function, site).map(drop)?),
            _ => Ok(()),
        },
    },
    Requirement {
        name: "tenancy for a new function",
        of: &[Making::Function],
        holds: |facts| match facts.vpc.filter(|vpc| vpc.is_dedicated()) {
            Some(vpc) => Err(AttachUnmet::DedicatedTenancy { vpc: vpc.id.clone() }.into()),
            None => Ok(()),
        },
    },
    Requirement {
        name: "proxy for the database",
        of: &[Making::Through],
        holds: |facts| match facts.database.zip(facts.proxy) {
            Some((database, proxy)) => super::check_proxy(database, proxy),
            None => Ok(()),
        },
    },
    Requirement {
        name: "tenancy for a proxy",
        of: &[Making::Proxy],
        holds: |facts| match facts.vpc.filter(|vpc| vpc.is_dedicated()) {
            Some(vpc) => Err(ExtrasUnmet::DedicatedTenancy { vpc: vpc.id.clone() }.into()),
            None => Ok(()),
        },
    },
    Requirement {
        name: "zones of a proxy",
        of: &[Making::Proxy],
        holds: zones,
    },
];

/// Asks all requirements of what a command makes or changes.
///
/// # Errors
///
/// The first one that does not hold.
pub fn ask(makes: &[Making], facts: &Facts<'_>) -> Result<(), Unmet> {
    let mut asked = TABLE.iter().filter(|row| row.of.iter().any(|of| makes.contains(of)));
    asked.try_for_each(|row| (row.holds)(facts))
}

/// What `setup` makes or changes for a connection, whatever its decision.
pub fn makings(observation: &Observation) -> Vec<Making> {
    let Observation {
        function,
        proxy,
        extras,
        ..
    } = observation;
    let is_new_proxy = extras.new_proxy.is_some() && proxy.as_ref().is_some_and(|proxy| !proxy.exists);
    let made = [
        (Making::Connection, true),
        (Making::FunctionNetwork, function.exists),
        (Making::Attachment, extras.attach.is_some()),
        (Making::Through, proxy.is_some()),
        (Making::Function, !function.exists),
        (Making::Proxy, is_new_proxy),
    ];
    made.into_iter()
        .filter_map(|(making, is)| is.then_some(making))
        .collect()
}

/// Asks all requirements of a connection within one VPC.
///
/// # Errors
///
/// The first one that does not hold.
pub(super) fn ask_connection(observation: &Observation) -> Result<(), Unmet> {
    let zones: BTreeSet<String> = observation
        .database_subnets
        .iter()
        .map(|subnet| subnet.availability_zone.clone())
        .collect();
    let facts = Facts {
        function: Some(&observation.function),
        database: Some(&observation.database),
        proxy: observation.proxy.as_ref(),
        vpc_owner: super::owner_of_vpc(observation),
        vpc: vpc(observation).and_then(Result::ok),
        zones: Some(&zones),
        site: observation.extras.attach.as_deref(),
    };
    ask(&makings(observation), &facts)
}

/// The VPC in which a function or a proxy is made; none where nothing is made there.
fn vpc(observation: &Observation) -> Option<Result<&Vpc, &str>> {
    let extras = &observation.extras;
    if let Some(site) = &extras.attach {
        let mut vpcs = site.vpcs.iter();
        return vpcs.find(|vpc| vpc.id == observation.database.vpc).map(Ok);
    }
    match &extras.vpc {
        Part::Read(vpc) => vpc.as_ref().map(Ok),
        Part::Unread(why) => Some(Err(why)),
    }
}

/// What could not be asked, since what decides it was not read: one sentence each.
pub(super) fn unread(observation: &Observation) -> Option<String> {
    let why = vpc(observation)?.err()?;
    let vpc = &observation.database.vpc;
    Some(format!(
        "Could not determine whether {vpc} has dedicated tenancy, where functions and proxies cannot be created: {why}."
    ))
}

fn own_vpc(facts: &Facts<'_>) -> Result<(), Unmet> {
    let Some((database, owner)) = facts.database.zip(facts.vpc_owner) else {
        return Ok(());
    };
    match database.account() {
        Some(account) if account != owner => Err(Unmet::SharedVpc {
            database: database.to_string(),
            account: account.to_owned(),
            vpc: database.vpc.clone(),
            owner: owner.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A function on the instances of a capacity provider has the network of these, and none of its own.
fn own_network(facts: &Facts<'_>) -> Result<(), Unmet> {
    let function = facts.function.filter(|function| function.exists);
    match function.and_then(|function| Some((function, function.capacity_provider.as_ref()?))) {
        None => Ok(()),
        Some((function, provider)) => Err(Unmet::ManagedInstances {
            function: function.name.clone(),
            provider: provider_name(provider).to_owned(),
        }),
    }
}

/// The name of a capacity provider in its ARN.
pub fn provider_name(arn: &str) -> &str {
    last_segment(arn)
}

fn same_vpc(facts: &Facts<'_>) -> Result<(), Unmet> {
    let Some((function, database)) = facts.function.zip(facts.database) else {
        return Ok(());
    };
    match &function.vpc {
        None => Err(Unmet::FunctionOutsideVpc {
            function: function.name.clone(),
            database: database.to_string(),
            vpc: database.vpc.clone(),
        }),
        Some(vpc) if vpc.vpc != database.vpc => Err(Unmet::DifferentVpcs {
            function: function.name.clone(),
            function_vpc: vpc.vpc.clone(),
            database: database.to_string(),
            database_vpc: database.vpc.clone(),
        }),
        Some(_) => Ok(()),
    }
}

fn zones(facts: &Facts<'_>) -> Result<(), Unmet> {
    let Some((database, zones)) = facts.database.zip(facts.zones) else {
        return Ok(());
    };
    if zones.len() >= 2 {
        return Ok(());
    }
    Err(ExtrasUnmet::OneZone {
        database: database.to_string(),
        zones: zones.iter().cloned().collect(),
    }
    .into())
}
