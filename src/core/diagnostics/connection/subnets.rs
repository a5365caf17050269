//! The function's subnets: room, zones, and none named twice.
//!
//! Source: the check `subnets` of docs/network.md.

use std::collections::BTreeSet;

use super::{Asker, Scene, has_interfaces};
use crate::diagnostics::{Check, Finding};
use crate::model::SubnetId;
use crate::reachability::Paths;
use crate::reachability::leg::distinct;

/// Fewer free addresses than this are few: Lambda makes an interface for each combination of subnet and groups, and
/// more of them under load.
const FEW: u32 = 4;

pub(super) fn check(scene: &Scene, paths: &Paths<'_>, asker: Asker) -> Check {
    const ID: &str = "subnets";
    let Some(vpc) = &scene.function.vpc else {
        return Check::of(ID, "", Vec::new(), Vec::new());
    };
    if let Err(why) = scene.network.subnets.read() {
        let finding = Finding::unknown(format!("the function's subnets: {why}"));
        return Check::of(ID, "", Vec::new(), vec![finding]);
    }
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    let own = distinct(&vpc.subnets);
    let makes_none = has_interfaces(&scene.function) && asker != (Asker::Setup { moves: true });
    for id in &own {
        if vpc.subnets.iter().filter(|other| other == id).count() > 1 {
            findings.push(Finding::warn(format!(
                "{id} is named twice in the function's configuration"
            )));
        }
        let Some(subnet) = paths.subnet(id) else {
            findings.push(Finding::unknown(format!("{id} cannot be seen from this account")));
            continue;
        };
        let free = subnet.free_addresses;
        match free {
            Some(0) => findings.push(full(id, makes_none).fixed_by(format!(
                "free addresses in {id}, or give the function another subnet of {}",
                subnet.vpc
            ))),
            Some(free) if free < FEW => {
                findings.push(Finding::warn(format!("{id} has only {free} free addresses")));
            }
            _ => {}
        }
        let free = free.map(|free| format!(", {free} free addresses")).unwrap_or_default();
        evidence.push(format!("{id}: {}{free}", subnet.availability_zone));
    }
    findings.extend(zones(scene, paths, &own));
    Check::of(ID, "the function's subnets have room", evidence, findings)
}

/// Lambda makes one interface in a subnet for all functions with the same subnet and groups. A function that has its own is
/// invoked without another one.
fn full(id: &SubnetId, has_interface: bool) -> Finding {
    let text = format!("{id} has no free address: Lambda cannot create a network interface in it");
    if has_interface {
        return Finding::warn(format!(
            "{text}; the function's network interface exists, so it can still be invoked"
        ));
    }
    Finding::fail(text)
}

/// Where the database runs in other zones only, every byte is charged for, and either zone's failure stops both.
fn zones(scene: &Scene, paths: &Paths<'_>, own: &[&SubnetId]) -> Option<Finding> {
    let of_function: BTreeSet<&str> = own
        .iter()
        .filter_map(|id| paths.subnet(id))
        .map(|subnet| subnet.availability_zone.as_str())
        .collect();
    let serving = scene.serving();
    let of_database: BTreeSet<&str> = serving
        .iter()
        .filter_map(|member| member.availability_zone.as_deref())
        .collect();
    let joined = |zones: &BTreeSet<&str>| zones.iter().copied().collect::<Vec<_>>().join(", ");
    let apart = !of_function.is_empty() && !of_database.is_empty() && of_function.is_disjoint(&of_database);
    apart.then(|| {
        Finding::warn(format!(
            "the function is in {} and {} in {}: traffic between zones is charged",
            joined(&of_function),
            scene.database,
            joined(&of_database)
        ))
    })
}
