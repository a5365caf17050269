//! What is still to be built for services that need no internet: gateway endpoints, and interface endpoints.

use super::build::{Builder, connection};
use crate::diagnostics::connection::dns::private_names;
use crate::diagnostics::internet::checks::{BySubnet, way_to_services};
use crate::diagnostics::internet::names::is_global_only;
use crate::diagnostics::internet::services::{faults, policy};
use crate::diagnostics::{Finding, Status, none_fails};
use crate::endpoint::{
    HTTPS, Naming, by_name, change, create, crossings, endpoint_tags, group_of, inbound, is_alive, lets_in, listed,
    named, of_service, one_in_each_zone, outbound, prepare, ranges, unnamed,
};
use crate::escape::word;
use crate::model::network::{Endpoint, EndpointKind, RouteTable, has_gateway};
use crate::model::{Direction, GroupId, RouteTableId, SecurityGroup, SubnetId};
use crate::plan::Ref;
use crate::plan::network::{EndpointPlan, EndpointWish};
use crate::preconditions::InternetUnmet;
use crate::reachability::leg::authorize;

/// Each service that is not reached gets an endpoint.
pub(super) fn build(builder: &mut Builder<'_, '_>) -> Result<(), InternetUnmet> {
    let region = builder.traveller.region;
    for service in &builder.wish.services.clone() {
        let endpoints = of_service(builder.network, builder.traveller.vpc, region, service);
        let alive: Vec<&Endpoint> = endpoints.iter().copied().filter(|found| is_alive(found)).collect();
        if let Some((endpoint, is_sure)) = by_name(builder.network, &alive) {
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
        let interfaces = alive.iter().filter(|found| found.kind == EndpointKind::Interface);
        if let Some(finding) = interfaces.copied().find_map(unnamed) {
            return Err(InternetUnmet::NotOurs {
                what: format!(
                    "{}; if that is changed, it resolves to this endpoint in all of {}",
                    finding.text, builder.traveller.vpc
                ),
                remedies: finding.remedies,
            });
        }
        by_interface(builder, region, service)?;
    }
    Ok(())
}

/// Whether the internet is a way that works, from every subnet. ACLs and groups that could not be read do not count.
fn all_lead_out(builder: &Builder<'_, '_>) -> bool {
    let routes = ["default-route", "route-active", "nat-gateways", "public-access"];
    let checks = way_to_services(builder.paths, builder.traveller);
    !checks.iter().any(|check| match check.status {
        Status::Fail => true,
        Status::Unknown => routes.contains(&check.id.as_str()),
        Status::Pass | Status::Warn => false,
    })
}

/// The traveller's subnets that do not reach the internet, or are not known to, in words.
fn not_out(builder: &Builder<'_, '_>) -> String {
    let traveller = builder.traveller;
    let BySubnet { shut, untold, .. } = BySubnet::of(builder.paths, traveller, &traveller.subnets);
    match (shut, untold) {
        (shut, untold) if shut.len() == traveller.subnets.len() || (shut.is_empty() && untold.is_empty()) => {
            "the function has no way to the internet".to_owned()
        }
        (shut, untold) if untold.is_empty() => {
            format!("the function has no way to the internet from {}", listed(&shut))
        }
        (shut, untold) if shut.is_empty() => format!(
            "it is not known whether the function has a way to the internet from {}",
            listed(&untold)
        ),
        (shut, untold) => format!(
            "the function has no way to the internet from {}, and it is not known whether from {}",
            listed(&shut),
            listed(&untold)
        ),
    }
}

/// An endpoint that the service's name leads to is used. What is wrong with it is not ours to change, except that its
/// group lets the function in, if that is ours.
fn keep(builder: &mut Builder<'_, '_>, service: &str, endpoint: &Endpoint) -> Result<(), InternetUnmet> {
    if endpoint.state == "pending" {
        builder.building.pending.push(format!("endpoint {}", endpoint.id));
        return Ok(());
    }
    let mut findings = faults(builder.paths, builder.traveller, endpoint);
    let group = group_of(&builder.own.groups, builder.network).ok().flatten();
    let group = group.filter(|group| endpoint.groups.contains(&group.id));
    let subnets = builder.traveller.subnet_ids();
    let closed = inbound(builder.paths, &builder.traveller.asker(&subnets), endpoint);
    let opens = group.is_some() && closed.iter().any(|finding| finding.status == Status::Fail);
    findings.retain(|finding| !(opens && closed.contains(finding)));
    refuse(findings)?;
    if opens {
        let_all_in(builder, group);
    }
    builder.building.reasons.push(format!(
        "{service} is reached through interface endpoint {}.",
        endpoint.id
    ));
    Ok(())
}

/// Refuses to build if a finding fails.
fn refuse(findings: impl IntoIterator<Item = Finding>) -> Result<(), InternetUnmet> {
    none_fails(findings).map_err(|(findings, remedies)| InternetUnmet::Blocked { findings, remedies })
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
    let mut tables: Vec<Ref<RouteTableId>> = Vec::new();
    let mut moved: Vec<(SubnetId, Ref<RouteTableId>)> = Vec::new();
    let (paths, subnets) = (builder.paths, builder.traveller.subnets.clone());
    let without: Vec<(&SubnetId, &RouteTable)> = subnets
        .into_iter()
        .filter_map(|subnet| Some((subnet, paths.route_table(subnet).ok()?)))
        .filter(|(_, table)| !gateway.is_some_and(|gateway| gateway.route_tables.contains(&table.id)))
        .collect();
    for (subnet, own) in &without {
        let table = if builder.is_own(own) {
            Ref::Existing(own.id.clone())
        } else {
            // Other subnets would reach the service by the endpoint too, from other addresses than now.
            let role = format!("private-routes-{}-endpoints", own.id);
            let along = without.iter().filter(|(_, other)| other.id == own.id);
            let along: Vec<&SubnetId> = along.map(|(subnet, _)| *subnet).collect();
            builder.own_table(own, &role, true, &along)?.0
        };
        let is_there = gateway.is_some_and(|gateway| gateway.route_tables.iter().any(|id| table.is(id)));
        if !is_there && !tables.contains(&table) {
            tables.push(table.clone());
        }
        moved.push(((*subnet).clone(), table));
    }
    if moved.is_empty() {
        builder
            .building
            .reasons
            .push(format!("{service} is reached through a gateway endpoint."));
        return Ok(());
    }
    let whose = if moved.len() == builder.traveller.subnets.len() {
        "the function's subnets".to_owned()
    } else {
        let moved: Vec<&SubnetId> = moved.iter().map(|(subnet, _)| subnet).collect();
        listed(&moved)
    };
    builder.building.reasons.push(format!(
        "{service}: the route tables of {whose} have no gateway endpoint for it."
    ));
    match gateway {
        _ if tables.is_empty() => {}
        Some(gateway) => {
            let wish = EndpointWish {
                add_route_tables: tables,
                ..EndpointWish::default()
            };
            change(&mut builder.steps, gateway, wish);
        }
        None => {
            let naming = named(builder.network, region, service, Some(&EndpointKind::Gateway));
            make(builder, service, &naming, Vec::new(), Vec::new(), tables);
        }
    }
    for (subnet, table) in moved {
        builder.associate(&Ref::Existing(subnet.clone()), &table);
    }
    Ok(())
}

fn by_interface(builder: &mut Builder<'_, '_>, region: &str, service: &str) -> Result<(), InternetUnmet> {
    let vpc = builder.traveller.vpc;
    let mut findings = Vec::new();
    private_names(builder.paths, vpc, &mut findings, &mut Vec::new());
    none_fails(findings).map_err(|(findings, remedies)| InternetUnmet::NotOurs {
        what: format!(
            "{}, so the name of {service} does not resolve to an endpoint",
            findings.join("; ")
        ),
        remedies,
    })?;
    let reason = format!("{service}: {vpc} has no endpoint for it, and {}.", not_out(builder));
    builder.building.reasons.push(reason);
    let naming = named(builder.network, region, service, Some(&EndpointKind::Interface));
    let subnets = one_in_each_zone(builder.paths, builder.traveller.subnets.iter().copied(), &[], &naming);
    if subnets.is_empty() {
        return Err(InternetUnmet::NotOurs {
            what: format!("{service} is in none of the Availability Zones of the function's subnets"),
            remedies: vec![format!(
                "give the function, or an endpoint of its VPC, a subnet in another zone: see `aws ec2 describe-vpc-endpoint-services --service-names {}`",
                word(naming.name().unwrap_or(service))
            )],
        });
    }
    let group = group_of(&builder.own.groups, builder.network)?;
    would_serve(builder, &subnets, group)?;
    let group = let_all_in(builder, group);
    make(builder, service, &naming, subnets, vec![group], Vec::new());
    Ok(())
}

/// An interface endpoint is charged for: it is not created where the function's groups, or the ACLs, which are not ours to
/// change, keep the function's requests from it.
fn would_serve(
    builder: &Builder<'_, '_>,
    subnets: &[SubnetId],
    group: Option<&SecurityGroup>,
) -> Result<(), InternetUnmet> {
    let traveller = builder.traveller;
    let groups: Vec<GroupId> = group.iter().map(|group| group.id.clone()).collect();
    let from = traveller.subnet_ids();
    let asker = traveller.asker(&from);
    let let_out = || {
        let group = traveller.groups.first()?;
        let range = *builder.paths.vpc(traveller.vpc)?.cidrs.first()?;
        let target = format!("IpRanges=[{{CidrIp={range}}}]");
        Some(authorize(group, Direction::Egress, HTTPS, &target))
    };
    let closed = outbound(builder.paths, &asker, "(new)", subnets, &groups);
    let closed = closed.into_iter().map(|finding| Finding {
        remedies: let_out().into_iter().collect(),
        ..finding
    });
    refuse(
        crossings(builder.paths, &asker, "(new)", subnets)
            .into_iter()
            .chain(closed),
    )
}

/// The group of our endpoints, with the steps after which it lets all of the VPC in.
fn let_all_in(builder: &mut Builder<'_, '_>, existing: Option<&SecurityGroup>) -> Ref<GroupId> {
    let vpc = builder.traveller.vpc;
    let all = ranges(builder.paths, vpc);
    let (reasons, tags) = (&mut builder.building.reasons, &builder.wish.tags);
    let before = builder.steps.last();
    let group = prepare(&mut builder.steps, reasons, vpc, existing, &all, tags);
    if let Some(closed) = existing.filter(|group| builder.steps.last() != before && !lets_in(group, &all)) {
        let endpoints = builder.network.endpoints.known().into_iter().flatten();
        let is_limited =
            |found: &&Endpoint| found.groups.contains(&closed.id) && !policy(builder.traveller, found).is_empty();
        let limited: Vec<_> = endpoints.filter(is_limited).map(|found| &found.id).collect();
        if !limited.is_empty() {
            builder.building.notes.push(format!(
                "{group} will let all of {vpc} in to {} too: the policies of these endpoints stay limited.",
                listed(&limited)
            ));
        }
    }
    group
}

fn make(
    builder: &mut Builder<'_, '_>,
    service: &str,
    naming: &Naming<'_>,
    subnets: Vec<SubnetId>,
    groups: Vec<Ref<GroupId>>,
    route_tables: Vec<Ref<RouteTableId>>,
) {
    let vpc = builder.traveller.vpc;
    let plan = EndpointPlan {
        vpc: vpc.clone(),
        service: naming.name().unwrap_or(service).to_owned(),
        subnets,
        groups,
        route_tables,
        policy: None,
        tags: endpoint_tags(&connection(vpc), service, &builder.wish.tags),
    };
    create(&mut builder.steps, plan);
}
