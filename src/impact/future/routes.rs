//! Route tables and their routes.

use super::{About, Future, Known, Layer, Ways};
use crate::account::{RouteEntry, RouteTableAssociation, RouteTableEntry};

/// What a route table is the table of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfTable {
    /// A subnet.
    Subnet(String),
    /// Every subnet of the VPC with no other.
    Main,
}

impl Future {
    /// Creates a route table, with the routes to the VPC's own ranges only.
    pub fn create_route_table(&mut self, by: &str, id: &str, vpc: Known<String>) {
        match vpc {
            Ok(vpc_id) if self.has_vpc(&vpc_id) => {
                self.touch(by, About::Vpc(vpc_id.clone()), Layer::Network);
                self.document.route_tables.push(RouteTableEntry {
                    route_table_id: id.to_owned(),
                    vpc_id,
                    associations: Vec::new(),
                    routes: Vec::new(),
                    tags: Vec::new(),
                });
            }
            Ok(_) => {}
            Err(why) => self.doubt(by, About::Everything, Layer::Network, Ways::ANY, why),
        }
    }

    /// Deletes a route table. Its subnets get the main one of the VPC.
    pub fn delete_route_table(&mut self, by: &str, id: &str) {
        let Some(place) = self.place_of_route_table(by, id) else {
            return;
        };
        self.document.route_tables.remove(place);
    }

    /// Takes routes off a table and adds others. A destination has one route.
    pub fn change_routes(&mut self, by: &str, id: &str, (remove, add): (&[RouteEntry], &[RouteEntry])) {
        if remove.is_empty() && add.is_empty() {
            return;
        }
        let Some(place) = self.place_of_route_table(by, id) else {
            return;
        };
        let routes = &mut self.document.route_tables[place].routes;
        routes.retain(|route| !remove.iter().chain(add).any(|other| has_destination_of(route, other)));
        routes.extend(add.iter().cloned());
    }

    /// Notes that routes of a table are not known.
    pub fn doubtful_routes(&mut self, by: &str, id: Option<&str>, why: &str) {
        let about = match id {
            Some(id) => self.vpc_of_route_table(id).map_or(About::Everything, About::Vpc),
            None => About::Everything,
        };
        self.doubt(by, about, Layer::Network, Ways::ANY, why);
    }

    /// Makes a table that of a subnet, or the main one.
    pub fn associate_route_table(&mut self, by: &str, id: &str, of: &OfTable) {
        let Some(place) = self.place_of_route_table(by, id) else {
            return;
        };
        let vpc = self.document.route_tables[place].vpc_id.clone();
        if let OfTable::Subnet(subnet) = of
            && self.vpc_of_subnet(subnet).is_none()
        {
            let why = format!("{by} is of subnet {subnet}, which was not found in the account");
            return self.doubtful_routes(by, Some(id), &why);
        }
        if *of == OfTable::Main
            && !self
                .document
                .route_tables
                .iter()
                .any(|table| table.associations.iter().any(|of| of.main) && table.vpc_id == vpc)
        {
            // The account document shows no main table, so that what its routes are is not known.
            let why = format!("the main route table of {vpc} was not found in the account");
            self.doubtful_routes(by, Some(id), &why);
        }
        for table in self
            .document
            .route_tables
            .iter_mut()
            .filter(|table| table.vpc_id == vpc)
        {
            table.associations.retain(|association| !is_of(association, of));
        }
        self.document.route_tables[place].associations.push(match of {
            OfTable::Subnet(subnet) => RouteTableAssociation {
                route_table_association_id: None,
                main: false,
                subnet_id: Some(subnet.clone()),
            },
            OfTable::Main => RouteTableAssociation {
                route_table_association_id: None,
                main: true,
                subnet_id: None,
            },
        });
    }

    /// Gives a subnet the main table of its VPC.
    pub fn dissociate_route_table(&mut self, by: &str, id: &str, subnet: &str) {
        let Some(place) = self.place_of_route_table(by, id) else {
            return;
        };
        let of = OfTable::Subnet(subnet.to_owned());
        let associations = &mut self.document.route_tables[place].associations;
        associations.retain(|association| !is_of(association, &of));
    }

    fn vpc_of_route_table(&self, id: &str) -> Option<String> {
        let mut tables = self.document.route_tables.iter();
        let table = tables.find(|table| table.route_table_id == id)?;
        Some(table.vpc_id.clone())
    }

    /// Where a route table is, noting that it is changed. One that was not found can be of any VPC.
    fn place_of_route_table(&mut self, by: &str, id: &str) -> Option<usize> {
        let mut tables = self.document.route_tables.iter();
        let place = tables.position(|table| table.route_table_id == id);
        if let Some(place) = place {
            let vpc = self.document.route_tables[place].vpc_id.clone();
            self.touch(by, About::Vpc(vpc), Layer::Network);
        } else {
            let why = format!("{by} changes route table {id}, which was not found in the account");
            self.doubt(by, About::Everything, Layer::Network, Ways::ANY, why);
        }
        place
    }
}

fn is_of(association: &RouteTableAssociation, of: &OfTable) -> bool {
    match of {
        OfTable::Subnet(subnet) => association.subnet_id.as_ref() == Some(subnet),
        OfTable::Main => association.main,
    }
}

fn has_destination_of(one: &RouteEntry, other: &RouteEntry) -> bool {
    let destination = |route: &RouteEntry| {
        (
            route.destination_cidr_block.clone(),
            route.destination_ipv6_cidr_block.clone(),
            route.destination_prefix_list_id.clone(),
        )
    };
    destination(one) == destination(other)
}
