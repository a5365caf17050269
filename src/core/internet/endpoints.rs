//! What is still to be built for services that need no internet: gateway endpoints, and interface endpoints.

use std::collections::BTreeMap;

use super::build::{Builder, connection};
use super::checks::leads_out;
use super::names::is_global_only;
use super::services::{by_name, endpoints_of};
use super::way::way_out;
use crate::check::{Finding, Status};
use crate::endpoint::{HTTPS, authorize, crossings, named, outbound};
use crate::escape::word;
use crate::model::network::{Endpoint, EndpointKind, has_gateway};
use crate::model::{Direction, Rule, SecurityGroup, SubnetId, VpcId};
use crate::ownership::{self, Ownership};
use crate::plan::network::{EndpointPlan, EndpointWish, NetworkEffect, Ref, RulePeer};
use crate::preconditions::InternetUnmet;

/// The name of the group of our interface endpoints.
pub const GROUP: &str = "autoconnect-endpoints";

/// Each service that is not reached gets an endpoint.
pub(super) fn build(builder: &mut Builder<'_, '_>) -> Result<(), InternetUnmet> {
    let region = builder.traveller.region;
    for service in &builder.wish.services.clone() {
        let endpoints = endpoints_of(builder.paths, builder.traveller, region, service);
        let alive: Vec<&Endpoint> = endpoints.iter().copied().filter(|found| is_alive(found)).collect();
        if let Some((endpoint, is_sure)) = by_name(builder.paths, &alive) {
            keep(builder, service, endpoint)?;
            // Where the name may lead to the service's public addresses too, these have to be reached as well.
            if is_sure {
                continue;
            }
        }
        if endpoints.is_empty() && all_lead_out(builder) {
            builder
                .building
                .reasons
                .push(format!("{service} is reached through the internet."));
            continue;
        }
        if is_global_only(service) {
            return Err(InternetUnmet::NotOurs {
                what: format!("{service} has one endpoint for all Regions, which no endpoint in this VPC stands for"),
                remedies: vec![format!("autoconnect internet setup {}", builder.traveller.option)],
            });
        }
        if has_gateway(service) {
            by_gateway(builder, region, service, &endpoints)?;
            continue;
        }
        if let Some(endpoint) = endpoints
            .iter()
            .find(|found| found.kind == EndpointKind::Interface && is_alive(found))
        {
            return Err(InternetUnmet::NotOurs {
                what: format!(
                    "private DNS of interface endpoint {} of {service} is off: if you turn it on, the service's name resolves to this endpoint in all of {}",
                    endpoint.id, endpoint.vpc
                ),
                remedies: vec![format!(
                    "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --private-dns-enabled",
                    word(&endpoint.id)
                )],
            });
        }
        by_interface(builder, region, service)?;
    }
    Ok(())
}

fn is_alive(endpoint: &Endpoint) -> bool {
    ["available", "pending"].contains(&endpoint.state.as_str())
}

/// Whether the internet is a way that works, from every subnet.
fn all_lead_out(builder: &Builder<'_, '_>) -> bool {
    let stops = builder
        .traveller
        .checks(builder.paths)
        .iter()
        .any(|check| check.status == Status::Fail);
    !stops
        && builder
            .traveller
            .subnets
            .iter()
            .all(|subnet| leads_out(builder.paths, subnet) == Some(true))
}

/// An endpoint that the service's name leads to is used; whether its group lets the function in is not ours to change.
fn keep(builder: &mut Builder<'_, '_>, service: &str, endpoint: &Endpoint) -> Result<(), InternetUnmet> {
    if endpoint.state == "pending" {
        builder.building.pending.push(format!("endpoint {}", endpoint.id));
        return Ok(());
    }
    refuse(super::services::faults(builder.paths, builder.traveller, endpoint))?;
    builder.building.reasons.push(format!(
        "{service} is reached through interface endpoint {}.",
        endpoint.id
    ));
    Ok(())
}

/// Refuses to build if a finding fails.
fn refuse(findings: Vec<Finding>) -> Result<(), InternetUnmet> {
    let failing: Vec<_> = findings
        .into_iter()
        .filter(|finding| finding.status == Status::Fail)
        .collect();
    if failing.is_empty() {
        return Ok(());
    }
    Err(InternetUnmet::Blocked {
        findings: failing.iter().map(|finding| finding.text.clone()).collect(),
        remedies: failing.into_iter().flat_map(|finding| finding.remedies).collect(),
    })
}

fn by_gateway(
    builder: &mut Builder<'_, '_>,
    region: &str,
    service: &str,
    endpoints: &[&Endpoint],
) -> Result<(), InternetUnmet> {
    let gateway = endpoints
        .iter()
        .find(|found| found.kind == EndpointKind::Gateway && is_alive(found));
    let mut tables: Vec<Ref> = Vec::new();
    let mut moved: Vec<(SubnetId, Ref)> = Vec::new();
    for subnet in builder.traveller.subnets.clone() {
        let Ok(way) = way_out(builder.paths, subnet, false) else {
            continue;
        };
        if gateway.is_some_and(|gateway| gateway.route_tables.contains(&way.table.id)) {
            continue;
        }
        let table = if builder.is_own(way.table) {
            Ref::Existing(way.table.id.to_string())
        } else {
            // Other subnets would reach the service by the endpoint too, from other addresses than now.
            let role = format!("private-routes-{}-endpoints", way.table.id);
            builder.own_table(way.table, &role, true)?.0
        };
        let is_there = gateway.is_some_and(|gateway| {
            gateway
                .route_tables
                .iter()
                .any(|id| Ref::Existing(id.to_string()) == table)
        });
        if !is_there && !tables.contains(&table) {
            tables.push(table.clone());
        }
        moved.push((subnet.clone(), table));
    }
    if moved.is_empty() {
        builder
            .building
            .reasons
            .push(format!("{service} is reached through a gateway endpoint."));
        return Ok(());
    }
    builder.building.reasons.push(format!(
        "{service}: the route tables of the function's subnets have no gateway endpoint for it."
    ));
    match gateway {
        _ if tables.is_empty() => {}
        Some(gateway) => {
            let wish = EndpointWish {
                add_route_tables: tables,
                ..EndpointWish::default()
            };
            let summary = format!(
                "gateway endpoint {} of {service}: add the route tables of the function's subnets",
                gateway.id
            );
            let effect = NetworkEffect::ModifyEndpoint {
                endpoint: gateway.id.clone(),
                wish,
            };
            builder.steps.add(effect, gateway.id.as_str(), summary, &[]);
        }
        None => create(builder, region, service, Vec::new(), Vec::new(), tables),
    }
    for (subnet, table) in moved {
        builder.associate(&Ref::Existing(subnet.to_string()), &table);
    }
    Ok(())
}

fn by_interface(builder: &mut Builder<'_, '_>, region: &str, service: &str) -> Result<(), InternetUnmet> {
    let vpc = builder.traveller.vpc;
    if let Some(dns) = builder.paths.vpc(vpc).and_then(|vpc| vpc.dns.known()) {
        for (is_on, attribute) in [(dns.support, "support"), (dns.hostnames, "hostnames")] {
            if !is_on {
                return Err(InternetUnmet::NotOurs {
                    what: format!(
                        "DNS {attribute} of {vpc} is off, so the name of {service} does not resolve to an endpoint"
                    ),
                    remedies: vec![format!(
                        "aws ec2 modify-vpc-attribute --vpc-id {} --enable-dns-{attribute}",
                        word(vpc)
                    )],
                });
            }
        }
    }
    builder.building.reasons.push(format!(
        "{service}: {vpc} has no endpoint for it, and the function has no way to the internet."
    ));
    // One subnet in each zone is all that an endpoint takes.
    let mut zones: Vec<String> = Vec::new();
    let mut subnets = Vec::new();
    let naming = named(builder.network, region, service, Some(&EndpointKind::Interface));
    for subnet in &builder.traveller.subnets {
        let zone = builder.zone(subnet);
        if naming.is_in(&zone) && !zones.contains(&zone) {
            zones.push(zone);
            subnets.push((*subnet).clone());
        }
    }
    if subnets.is_empty() {
        return Err(InternetUnmet::NotOurs {
            what: format!("{service} is in none of the Availability Zones of the function's subnets"),
            remedies: vec![format!(
                "give the function, or an endpoint of its VPC, a subnet in another zone: see `aws ec2 describe-vpc-endpoint-services --service-names {}`",
                word(naming.name().unwrap_or(service))
            )],
        });
    }
    would_serve(builder, naming.name().unwrap_or(service), &subnets)?;
    let group = group(builder)?;
    create(builder, region, service, subnets, vec![group], Vec::new());
    Ok(())
}

/// An interface endpoint is charged for: it is not created where the function's groups, or the ACLs, which are not ours to
/// change, keep the function's requests from it.
fn would_serve(builder: &Builder<'_, '_>, service: &str, subnets: &[SubnetId]) -> Result<(), InternetUnmet> {
    let traveller = builder.traveller;
    let planned = Endpoint {
        id: "(new)".into(),
        vpc: traveller.vpc.clone(),
        kind: EndpointKind::Interface,
        service: service.to_owned(),
        state: "available".to_owned(),
        subnets: subnets.to_vec(),
        groups: builder.own.group.iter().map(|group| group.id.clone()).collect(),
        route_tables: Vec::new(),
        private_dns: true,
        only_inbound_resolver: Some(false),
        policy: None,
        tags: BTreeMap::new(),
    };
    let from = traveller.subnet_ids();
    let asker = traveller.asker(&from);
    let let_out = || {
        let group = traveller.groups.first()?;
        let range = *builder.paths.vpc(traveller.vpc)?.cidrs.first()?;
        let target = format!("IpRanges=[{{CidrIp={range}}}]");
        Some(authorize(group, Direction::Egress, HTTPS, &target))
    };
    let outbound = outbound(builder.paths, &asker, &planned)
        .into_iter()
        .map(|mut finding| {
            finding.remedies = let_out().into_iter().collect();
            finding
        });
    refuse(
        crossings(builder.paths, &asker, &planned)
            .into_iter()
            .chain(outbound)
            .collect(),
    )
}

/// The role of that group.
const ROLE: &str = "endpoints-group";

/// Its description.
fn description(vpc: &VpcId) -> String {
    format!("On VPC endpoints, to let {vpc} in")
}

/// Whose the group is that has the name of our endpoints' one.
#[must_use]
pub fn whose(group: &SecurityGroup) -> Ownership {
    let vpc = &group.vpc;
    ownership::of_single_group(group, &description(vpc), &connection(vpc), ROLE)
}

/// The group of our endpoints. From the moment an endpoint exists, the service's name leads to it in all of the VPC: its
/// group lets all of the VPC in, so that nobody loses the service.
fn group(builder: &mut Builder<'_, '_>) -> Result<Ref, InternetUnmet> {
    if builder.has_slot(ROLE) {
        return Ok(Ref::New(ROLE.to_owned()));
    }
    let vpc = builder.traveller.vpc.clone();
    let existing = builder.own.group.as_ref();
    if let Some(group) = existing {
        let whose = whose(group);
        if !whose.is_credible() {
            return Err(InternetUnmet::NameTaken {
                name: group.name.clone(),
                group: group.id.clone(),
                why: whose.reasons(),
            });
        }
    }
    let group = if let Some(group) = existing {
        if group.egress.iter().any(Rule::is_default_egress) {
            builder.steps.finish(&group.id);
        }
        Ref::Existing(group.id.to_string())
    } else {
        let effect = NetworkEffect::CreateGroup {
            slot: ROLE.to_owned(),
            name: GROUP.to_owned(),
            vpc: vpc.clone(),
            description: description(&vpc),
            tags: builder.tags(ROLE),
        };
        builder.steps.add(
            effect,
            GROUP,
            format!("security group {GROUP} in {vpc}, for its endpoints"),
            &[],
        );
        Ref::New(ROLE.to_owned())
    };
    for cidr in builder.paths.vpc(&vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default() {
        let lets_in = |rule: &Rule| rule.lets_tcp(HTTPS) && rule.peer == crate::model::Peer::Cidr(cidr.to_string());
        if existing.is_some_and(|group| group.ingress.iter().any(lets_in)) || builder.has_rule(&group, cidr) {
            continue;
        }
        let effect = NetworkEffect::AddRule {
            direction: Direction::Ingress,
            group: group.clone(),
            port: HTTPS,
            peer: RulePeer::Cidr(cidr),
            description: format!("autoconnect: from {vpc}"),
        };
        builder.steps.add(
            effect,
            GROUP,
            format!("{GROUP}: inbound rule tcp {HTTPS} from {cidr}, all of {vpc}"),
            &[],
        );
    }
    Ok(group)
}

fn create(
    builder: &mut Builder<'_, '_>,
    region: &str,
    service: &str,
    subnets: Vec<SubnetId>,
    groups: Vec<Ref>,
    route_tables: Vec<Ref>,
) {
    let slot = format!("endpoint-{service}");
    let kind = if subnets.is_empty() {
        EndpointKind::Gateway
    } else {
        EndpointKind::Interface
    };
    let naming = named(builder.network, region, service, Some(&kind));
    let name = naming.name().unwrap_or(service).to_owned();
    let rules = builder.steps_of_group(&groups);
    let plan = EndpointPlan {
        slot: slot.clone(),
        vpc: builder.traveller.vpc.clone(),
        service: name.clone(),
        subnets,
        groups,
        route_tables,
        policy: None,
        tags: builder.tags(&slot),
    };
    builder.steps.add(
        NetworkEffect::CreateEndpoint(Box::new(plan)),
        &slot,
        format!("{kind} endpoint for {name}"),
        &rules,
    );
}
