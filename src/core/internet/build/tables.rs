//! Route tables: which one a subnet's way out goes into. One that other subnets use too is never changed: the function's
//! subnets get a copy of their own.

use ipnet::IpNet;

use super::{Builder, Nat, everywhere};
use crate::endpoint::listed;
use crate::model::network::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use crate::model::{EndpointId, RouteTableId, SubnetId};
use crate::plan::network::{EndpointWish, NetworkEffect, Via};
use crate::plan::{Effect, Ref, Step};
use crate::preconditions::InternetUnmet;

impl Builder<'_, '_> {
    pub(in crate::internet) fn new_table(&mut self, role: &str, summary: String) -> Ref<RouteTableId> {
        let effect = NetworkEffect::CreateRouteTable {
            vpc: self.traveller.vpc.clone(),
            tags: self.tags(role),
        };
        Ref::Step(self.steps.add(effect, role, summary, &[]))
    }

    pub(in crate::internet) fn route(
        &mut self,
        table: &Ref<RouteTableId>,
        destination: IpNet,
        via: Via,
        replaces: bool,
    ) {
        let after = match &via {
            Via::InternetGateway(gateway) => self.last_of(gateway),
            _ => Vec::new(),
        };
        let summary = format!("{}: route {destination} to {}", self.named(table), self.through(&via));
        let table_name = self.named(table);
        let effect = if replaces {
            NetworkEffect::ReplaceRoute {
                table: table.clone(),
                destination,
                via,
            }
        } else {
            NetworkEffect::CreateRoute {
                table: table.clone(),
                destination,
                via,
            }
        };
        self.steps.add(
            effect,
            table_name,
            if replaces {
                format!("{summary}, replacing a route without a working target")
            } else {
                summary
            },
            &after,
        );
    }

    /// Associates a subnet with a table, after everything that was planned for that table.
    pub(in crate::internet) fn associate(&mut self, subnet: &Ref<SubnetId>, table: &Ref<RouteTableId>) {
        let speaks_of = |step: &&Step| match &step.effect {
            Effect::Network(
                NetworkEffect::CreateRoute { table: of, .. } | NetworkEffect::ReplaceRoute { table: of, .. },
            ) => of == table,
            Effect::Network(NetworkEffect::ModifyEndpoint { wish, .. }) => wish.add_route_tables.contains(table),
            Effect::Network(NetworkEffect::CreateEndpoint(endpoint)) => endpoint.route_tables.contains(table),
            _ => false,
        };
        let after: Vec<u32> = self.steps.iter().filter(speaks_of).map(|step| step.id).collect();
        let own = match subnet {
            Ref::Existing(id) => self.route_tables().iter().find_map(|found| {
                let mut associations = found.associations.iter();
                Some((found, associations.find(|association| association.subnet == *id)?))
            }),
            Ref::Step(_) => None,
        };
        let (effect, summary) = match own {
            Some((found, _)) if table.is(&found.id) => return,
            Some((found, association)) => (
                NetworkEffect::ReplaceAssociation {
                    association: association.id.clone(),
                    table: table.clone(),
                    subnet: association.subnet.clone(),
                },
                format!(
                    "{}: associate {}, replacing {}",
                    self.named(subnet),
                    self.named(table),
                    found.id
                ),
            ),
            None => (
                NetworkEffect::AssociateRouteTable {
                    table: table.clone(),
                    subnet: subnet.clone(),
                },
                format!("{}: associate {}", self.named(subnet), self.named(table)),
            ),
        };
        self.steps.add(effect, self.named(subnet), summary, &after);
    }

    /// Leads a subnet to a NAT gateway: in its table, if that is its own, else in a copy of it, which the subnets `along` get.
    pub(in crate::internet) fn lead_out(
        &mut self,
        (subnet, along): (&SubnetId, &[&SubnetId]),
        table: &RouteTable,
        replaces: bool,
        nat: &Nat,
        is_one: bool,
    ) -> Result<(), InternetUnmet> {
        let via = Via::Nat(nat.reference.clone());
        let (reference, replaces) = if is_one && self.is_own(table) {
            (Ref::Existing(table.id.clone()), replaces)
        } else {
            let key = format!("private-routes-{}-{}", table.id, nat.zone);
            self.own_table(table, &key, false, along)?
        };
        let key = (reference.to_string(), "default".to_owned());
        if self.tables.insert(key, reference.clone()).is_none() {
            let leads_there = self
                .route_tables()
                .iter()
                .find(|found| reference.is(&found.id))
                .is_some_and(|found| {
                    found.routes.iter().any(|route| {
                        route.destination == Destination::Cidr(everywhere())
                            && route.state == RouteState::Active
                            && matches!(&route.target, RouteTarget::Nat(id) if nat.reference.is(id))
                    })
                });
            if !leads_there {
                self.route(&reference, everywhere(), via, replaces);
            }
        }
        self.associate(&Ref::Existing(subnet.clone()), &reference);
        Ok(())
    }

    /// Some of the traveller's subnets, in words.
    pub(in crate::internet) fn these(&self, subnets: &[&SubnetId]) -> String {
        let name = &self.traveller.name;
        if self.traveller.subnets.iter().all(|subnet| subnets.contains(subnet)) {
            return format!("the subnets of {name}");
        }
        format!("{} of {name}", listed(subnets))
    }

    /// Whether a table is only that of the function's subnets, or ours.
    pub(in crate::internet) fn is_own(&self, table: &RouteTable) -> bool {
        let is_among = |subnet: &SubnetId| self.traveller.subnets.contains(&subnet);
        let of_function = !table.is_main && table.associations.iter().all(|found| is_among(&found.subnet));
        of_function || self.is_ours(&table.tags, None)
    }

    /// A table of the function's own with the routes of another one, and whether it has a default route already.
    /// What an earlier run created of it is completed.
    pub(in crate::internet) fn own_table(
        &mut self,
        table: &RouteTable,
        role: &str,
        with_default: bool,
        subnets: &[&SubnetId],
    ) -> Result<(Ref<RouteTableId>, bool), InternetUnmet> {
        let existing = self
            .route_tables()
            .iter()
            .find(|found| self.is_ours(&found.tags, Some(role)));
        let key = (table.id.to_string(), role.to_owned());
        let has = |destination: &Destination| {
            existing.is_some_and(|found| found.routes.iter().any(|route| route.destination == *destination))
        };
        let has_default = has(&Destination::Cidr(everywhere()));
        if let Some(found) = self.tables.get(&key) {
            return Ok((found.clone(), has_default));
        }
        let copies = copies(table, with_default)?;
        let reference = match existing {
            Some(found) => Ref::Existing(found.id.clone()),
            None => self.new_table(
                role,
                format!(
                    "route table for {}, with the routes of {}",
                    self.these(subnets),
                    table.id
                ),
            ),
        };
        self.tables.insert(key, reference.clone());
        let others = table
            .associations
            .iter()
            .filter(|found| !self.traveller.subnets.contains(&&found.subnet))
            .count();
        let whose = if table.is_main {
            "the VPC's main one".to_owned()
        } else {
            format!("that of {others} other subnets")
        };
        self.building.notes.push(format!(
            "Route table {} is {whose}: it is left unchanged, and {} {} own route table with the same routes. Make later changes of {} there too.",
            table.id,
            self.these(subnets),
            if self.traveller.subnets.len() > 1 && subnets.len() == 1 {
                "gets its"
            } else {
                "get their"
            },
            table.id
        ));
        for route in copies.routes.iter().filter(|route| !has(&route.destination)) {
            if let Destination::Cidr(cidr) = route.destination {
                self.route(&reference, cidr, Via::Existing(route.target.clone()), false);
            }
        }
        // A gateway endpoint is a route in each of its tables; its own list of them says the same.
        let all = self.network.endpoints.known().into_iter().flatten();
        let of_table = all.filter(|found| found.route_tables.contains(&table.id));
        let mut endpoints = copies.endpoints;
        for endpoint in of_table.map(|found| found.id.clone()) {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        for endpoint in endpoints {
            let endpoints = self.network.endpoints.known().into_iter().flatten();
            let found = endpoints.into_iter().find(|found| found.id == endpoint);
            let has = found.is_some_and(|found| found.route_tables.iter().any(|id| reference.is(id)));
            if !has {
                let wish = EndpointWish {
                    add_route_tables: vec![reference.clone()],
                    ..EndpointWish::default()
                };
                let summary = format!(
                    "gateway endpoint {endpoint}: add {} to its route tables",
                    self.named(&reference)
                );
                let name = endpoint.to_string();
                self.steps
                    .add(NetworkEffect::ModifyEndpoint { endpoint, wish }, &name, summary, &[]);
            }
        }
        for gone in copies.gone {
            self.building.notes.push(format!(
                "Route {gone} of {} is a blackhole and is not copied.",
                table.id
            ));
        }
        Ok((reference, has_default))
    }
}

/// What a copy of a route table takes.
struct Copies<'n> {
    routes: Vec<&'n Route>,
    endpoints: Vec<EndpointId>,
    gone: Vec<String>,
}

fn copies(table: &RouteTable, with_default: bool) -> Result<Copies<'_>, InternetUnmet> {
    let mut copies = Copies {
        routes: Vec::new(),
        endpoints: Vec::new(),
        gone: Vec::new(),
    };
    let mut left = Vec::new();
    for route in &table.routes {
        match (&route.destination, &route.target) {
            (_, RouteTarget::Local) => {}
            (Destination::Cidr(cidr), _) if *cidr == everywhere() && !with_default => {}
            _ if route.is_blackhole() => copies.gone.push(route.destination.to_string()),
            _ if route.doubt().is_some() => left.push(format!("{} to {}", route.destination, route.target)),
            (Destination::PrefixList(_), RouteTarget::Endpoint(id)) => copies.endpoints.push(id.clone()),
            (Destination::Cidr(_), RouteTarget::Other(_)) => {
                left.push(format!("{} to {}", route.destination, route.target));
            }
            (Destination::Cidr(_), _) if route.origin == RouteOrigin::Static => copies.routes.push(route),
            _ => left.push(format!("{} to {}", route.destination, route.target)),
        }
    }
    if left.is_empty() {
        return Ok(copies);
    }
    Err(InternetUnmet::RoutesNotCopied {
        table: table.id.clone(),
        routes: left,
    })
}
