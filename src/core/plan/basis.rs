//! What a saved plan depends on besides the parameters of its steps (docs/saved-plans.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ground;
use crate::model::network::Network;
use crate::model::network::Own;
use crate::model::{Credentials, GroupId, Observation, SecurityGroup, Side, last_segment};
use crate::tags;

/// What a saved plan depends on besides the parameters of its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// What exists, by its id, its ARN or its host name.
    pub names: BTreeMap<String, Named>,
    /// The groups of each side's resource.
    pub lists: BTreeMap<Side, Vec<GroupId>>,
}

/// Something that exists and has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name; of what has none the value of `autoconnect:role`.
    pub name: String,
    /// The value of `autoconnect:connection`, if its tags were read.
    pub connection: Option<String>,
}

impl Named {
    /// What has this name, and tags that were read.
    pub fn tagged(name: &str, found: &BTreeMap<String, String>) -> Self {
        Self {
            name: name.to_owned(),
            connection: Some(found.get(tags::CONNECTION).cloned().unwrap_or_default()),
        }
    }

    /// What has this name. Its tags were not read: it is known by its name alone.
    pub fn untagged(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            connection: None,
        }
    }
}

impl Basis {
    /// The groups that a plan was checked against, and the lists of groups.
    pub fn of_ground(ground: &Ground<'_>) -> Self {
        let named = |group: &SecurityGroup| (group.id.to_string(), Named::tagged(&group.name, &group.tags));
        let sides = [Side::Database, Side::Proxy, Side::Function];
        let list = |side: Side| Some((side, ground.list(side)?.iter().cloned().collect()));
        Self {
            names: ground.groups().map(named).collect(),
            lists: sides.into_iter().filter_map(list).collect(),
        }
    }

    /// Also with the groups of a side's resource.
    pub fn with_list<'g>(mut self, side: Side, groups: impl IntoIterator<Item = &'g GroupId>) -> Self {
        self.lists.insert(side, groups.into_iter().cloned().collect());
        self
    }

    /// The same of a connection, with what `setup` makes besides groups.
    pub fn of_connection(ground: &Ground<'_>, observation: &Observation) -> Self {
        let Observation {
            proxy,
            function,
            extras,
            ..
        } = observation;
        let mut basis = Self::of_ground(ground);
        if let Some(proxy) = proxy.as_ref().filter(|proxy| proxy.exists) {
            let named = extras.found.proxy_tags.as_ref();
            let named = named.map_or_else(|| Named::untagged(&proxy.name), |tags| Named::tagged(&proxy.name, tags));
            let ids = [Some(&proxy.arn), proxy.endpoint.as_ref()];
            for id in ids.into_iter().flatten() {
                basis = basis.with_name(id, named.clone());
            }
        }
        if let (true, Some(tags)) = (function.exists, &extras.found.function_tags) {
            basis = basis.with_name(&function.arn, Named::tagged(&function.name, tags));
        }
        let roles = [&extras.found.proxy_role, &extras.found.function_role];
        for role in roles.into_iter().flatten() {
            basis = basis.with_name(&role.arn, Named::tagged(last_segment(&role.arn), &role.tags));
        }
        let credentials = extras.new_proxy.as_ref().map(|new| &new.credentials);
        if let Some(Credentials::Secret(secret)) = credentials {
            basis = basis.with_name(&secret.arn, Named::untagged(&secret.name));
        }
        basis
    }

    /// The same of a network, with what `internet setup` and `msk setup` make of it.
    pub fn of_network(ground: &Ground<'_>, network: &Network, own: &Own) -> Self {
        let subnets = network.subnets.known().into_iter().flatten();
        let tables = network.route_tables.known().into_iter().flatten();
        let gateways = network.internet_gateways.known().into_iter().flatten();
        let nats = network.nat_gateways.known().into_iter().flatten();
        let endpoints = network.endpoints.known().into_iter().flatten();
        let found = subnets
            .map(|found| (found.id.to_string(), &found.tags))
            .chain(tables.map(|found| (found.id.to_string(), &found.tags)))
            .chain(
                gateways
                    .chain(&own.gateways)
                    .map(|found| (found.id.to_string(), &found.tags)),
            )
            .chain(
                own.addresses
                    .iter()
                    .map(|found| (found.allocation.clone(), &found.tags)),
            )
            .chain(nats.map(|found| (found.id.to_string(), &found.tags)))
            .chain(endpoints.map(|found| (found.id.to_string(), &found.tags)));
        found.fold(Self::of_ground(ground), |basis, (id, found)| {
            match found.get(tags::ROLE) {
                Some(role) => basis.with_name(id, Named::tagged(role, found)),
                None => basis,
            }
        })
    }

    /// Also with something that exists.
    pub fn with_name(mut self, id: impl Into<String>, named: Named) -> Self {
        self.names.insert(id.into(), named);
        self
    }
}
