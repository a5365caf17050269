//! VPCs, subnets, network ACLs, route tables and peering connections, as the AWS provider has them.

use serde_json::Value;

use super::plan::{Change, Plan};
use super::side::{Side, text};
use crate::account::{AclRule, RouteEntry};
use crate::impact::future::{About, Future, Known, Layer, OfTable};
use crate::impact::rules::{acl_entry, followed};

/// The types that are understood here.
pub(super) const TYPES: [&str; 14] = [
    "aws_vpc",
    "aws_subnet",
    "aws_network_acl",
    "aws_default_network_acl",
    "aws_network_acl_rule",
    "aws_network_acl_association",
    "aws_route_table",
    "aws_default_route_table",
    "aws_route",
    "aws_route_table_association",
    "aws_main_route_table_association",
    "aws_vpc_peering_connection",
    "aws_vpc_peering_connection_accepter",
    "aws_vpc_peering_connection_options",
];

/// Takes off what is deleted, or replaced, of what stays.
pub(super) fn remove(plan: &Plan, change: &Change, future: &mut Future) {
    if !change.deletes() {
        return;
    }
    let by = change.address.as_str();
    let side = Side::before(plan, change);
    match change.kind.as_str() {
        "aws_network_acl_rule" => {
            if let (Ok(acl), Ok(rule)) = (side.needed("network_acl_id"), acl_rule(side)) {
                future.change_acl(by, &acl, (&[rule], &[]));
            }
        }
        "aws_network_acl_association" => {
            if let (Ok(acl), Ok(subnet)) = (side.needed("network_acl_id"), side.needed("subnet_id")) {
                future.dissociate_acl(by, &acl, &subnet);
            }
        }
        "aws_route" => {
            if let (Ok(table), Ok(route)) = (side.needed("route_table_id"), route(side)) {
                future.change_routes(by, &table, (&[route], &[]));
            }
        }
        "aws_route_table_association" => {
            if let (Ok(table), Ok(Some(subnet))) = (side.needed("route_table_id"), side.text("subnet_id")) {
                future.dissociate_route_table(by, &table, &subnet);
            }
        }
        "aws_main_route_table_association" => {
            // The provider makes the table the main one again that was it before.
            match side.needed("original_route_table_id") {
                Ok(table) if !change.creates() => future.associate_route_table(by, &table, &OfTable::Main),
                _ => {}
            }
        }
        _ => {}
    }
}

/// Creates what is created.
pub(super) fn create(plan: &Plan, change: &Change, future: &mut Future) {
    if !change.creates() {
        return;
    }
    let by = change.address.as_str();
    let side = Side::after(plan, change);
    let id = change.placeholder.as_str();
    match change.kind.as_str() {
        "aws_vpc" => future.create_vpc(by, id, side.text("cidr_block").ok().flatten().as_deref()),
        "aws_subnet" | "aws_network_acl" | "aws_route_table" => {
            let vpc = side.needed("vpc_id");
            match change.kind.as_str() {
                "aws_subnet" => {
                    let of = |key| side.text(key).ok().flatten();
                    future.create_subnet(by, id, (vpc, of("cidr_block"), of("availability_zone")));
                }
                "aws_network_acl" => future.create_acl(by, id, vpc),
                _ => future.create_route_table(by, id, vpc),
            }
        }
        "aws_vpc_peering_connection" => {
            let is_accepted = side.flag("auto_accept") == Ok(Some(true));
            match (side.needed("vpc_id"), side.needed("peer_vpc_id")) {
                (Ok(vpc), Ok(peer)) => {
                    future.create_peering(by, id, (&vpc, &peer), is_accepted);
                    if !is_accepted {
                        let why = format!("whether and when {by} is accepted is not known");
                        future.doubtful_vpc(by, &vpc, &why);
                        future.doubtful_vpc(by, &peer, &why);
                    }
                }
                (Err(why), _) | (_, Err(why)) => future.not_understood(by, About::Everything, Layer::Network, why),
            }
        }
        _ => {}
    }
}

/// Changes what stays.
pub(super) fn change(plan: &Plan, change: &Change, future: &mut Future) {
    if !(change.creates() || change.updates()) {
        return;
    }
    let by = change.address.as_str();
    let side = Side::after(plan, change);
    match change.kind.as_str() {
        "aws_vpc" if change.updates() => vpc(side, by, future),
        "aws_subnet" if change.updates() => {
            if side.differs("ipv6_cidr_block")
                && let Ok(vpc) = side.needed("vpc_id")
            {
                future.doubtful_vpc(by, &vpc, &format!("the IPv6 range of {by} changes"));
            }
        }
        "aws_network_acl" | "aws_default_network_acl" => acl(plan, change, future),
        "aws_network_acl_rule" => {
            let replaced = change
                .updates()
                .then(|| acl_rule(Side::before(plan, change)).ok())
                .flatten();
            match (side.needed("network_acl_id"), acl_rule(side)) {
                (Ok(acl), Ok(rule)) => future.change_acl(by, &acl, (replaced.as_slice(), &[rule])),
                (Ok(acl), Err(why)) => future.doubtful_acl(by, Some(&acl), &why),
                (Err(why), _) => future.doubtful_acl(by, None, &why),
            }
        }
        "aws_network_acl_association" => match (side.needed("network_acl_id"), side.needed("subnet_id")) {
            (Ok(acl), Ok(subnet)) => future.associate_acl(by, &acl, &subnet),
            (Ok(acl), Err(why)) => future.doubtful_acl(by, Some(&acl), &why),
            (Err(why), _) => future.doubtful_acl(by, None, &why),
        },
        "aws_route_table" | "aws_default_route_table" => table(plan, change, future),
        "aws_route" => {
            let replaced = change
                .updates()
                .then(|| route(Side::before(plan, change)).ok())
                .flatten();
            match (side.needed("route_table_id"), route(side)) {
                (Ok(table), Ok(route)) => future.change_routes(by, &table, (replaced.as_slice(), &[route])),
                (Ok(table), Err(why)) => future.doubtful_routes(by, Some(&table), &why),
                (Err(why), _) => future.doubtful_routes(by, None, &why),
            }
        }
        "aws_route_table_association" => match (side.needed("route_table_id"), side.text("subnet_id")) {
            (Ok(table), Ok(Some(subnet))) => future.associate_route_table(by, &table, &OfTable::Subnet(subnet)),
            // A table of a gateway leads to what comes in from outside.
            (Ok(_), Ok(None)) => {}
            (Ok(table), Err(why)) => future.doubtful_routes(by, Some(&table), &why),
            (Err(why), _) => future.doubtful_routes(by, None, &why),
        },
        "aws_main_route_table_association" => match side.needed("route_table_id") {
            Ok(table) => future.associate_route_table(by, &table, &OfTable::Main),
            Err(why) => future.doubtful_routes(by, None, &why),
        },
        "aws_vpc_peering_connection" if change.updates() => peering(side, "id", by, future),
        "aws_vpc_peering_connection_accepter" => {
            if side.flag("auto_accept") == Ok(Some(true)) {
                if let Ok(id) = side.needed("vpc_peering_connection_id") {
                    future.accept_peering(by, &id);
                }
            } else {
                peering(side, "vpc_peering_connection_id", by, future);
            }
        }
        "aws_vpc_peering_connection_options" => peering(side, "vpc_peering_connection_id", by, future),
        _ => {}
    }
}

/// Deletes what is deleted.
pub(super) fn delete(plan: &Plan, change: &Change, future: &mut Future) {
    if !change.deletes() {
        return;
    }
    let by = change.address.as_str();
    let side = Side::before(plan, change);
    let Ok(id) = side.needed("id") else { return };
    match change.kind.as_str() {
        "aws_network_acl" => future.delete_acl(by, &id),
        "aws_route_table" => future.delete_route_table(by, &id),
        "aws_subnet" => future.delete_subnet(by, &id),
        "aws_vpc" => future.doubtful_vpc(
            by,
            &id,
            &format!("{by} deletes {id}: EC2 refuses that while anything is in it"),
        ),
        "aws_vpc_peering_connection" => future.delete_peering(by, &id),
        _ => {}
    }
}

fn vpc(side: Side<'_>, by: &str, future: &mut Future) {
    let Ok(id) = side.needed("id") else { return };
    let (support, names) = ("enable_dns_support", "enable_dns_hostnames");
    if side.differs(support) || side.differs(names) {
        match (side.flag(support), side.flag(names)) {
            (Ok(support), Ok(names)) => future.change_vpc(by, &id, (support, names)),
            (Err(why), _) | (_, Err(why)) => future.doubtful_vpc(by, &id, &why),
        }
    }
    if side.differs("ipv6_cidr_block") {
        future.doubtful_vpc(by, &id, &format!("the IPv6 range of {by} changes"));
    }
}

/// A peering connection of which options change. What of them counts, such as DNS resolution, is not applied.
fn peering(side: Side<'_>, key: &str, by: &str, future: &mut Future) {
    let keys = ["accepter", "requester", "auto_accept"];
    if !keys.into_iter().any(|key| side.differs(key)) {
        return;
    }
    let why = format!("{by} changes options of a peering connection, which are not judged");
    match side.needed(key) {
        Ok(id) => {
            for vpc in future.vpcs_of_peering(&id) {
                future.not_understood(by, About::Vpc(vpc), Layer::Network, why.as_str());
            }
        }
        Err(_) => future.not_understood(by, About::Everything, Layer::Network, why),
    }
}

/// The subnets and the entries that stand in a network ACL.
fn acl(plan: &Plan, change: &Change, future: &mut Future) {
    let by = change.address.as_str();
    let side = Side::after(plan, change);
    let is_default = change.kind == "aws_default_network_acl";
    let id = match side.own_id(is_default.then_some("default_network_acl_id")) {
        Ok(id) => id,
        Err(why) => return future.doubtful_acl(by, None, &why),
    };
    let takes_over = is_default && change.creates();
    for (key, egress) in [("ingress", false), ("egress", true)] {
        if side.has_unknown(key) {
            if side.is_configured(key) {
                future.doubtful_acl(by, Some(&id), &side.why(key));
            }
            continue;
        }
        if !change.creates() && !side.differs(key) {
            continue;
        }
        let of = |blocks: &Value| -> Known<Vec<AclRule>> {
            let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
            blocks.iter().map(|block| acl_block(block, egress)).collect()
        };
        let before = if takes_over {
            let acls = future.document.network_acls.iter();
            let found = acls
                .filter(|acl| acl.network_acl_id == id)
                .flat_map(|acl| acl.entries.clone());
            Ok(found
                .filter(|entry| entry.egress == egress && entry.rule_number <= 32766)
                .collect())
        } else if change.creates() {
            Ok(Vec::new())
        } else {
            of(Side::before(plan, change).value(key))
        };
        match (before, of(side.value(key))) {
            (Ok(before), Ok(after)) => future.change_acl(by, &id, (&before, &after)),
            (Err(why), _) | (_, Err(why)) => future.doubtful_acl(by, Some(&id), &why),
        }
    }
    let is_set = side.is_configured("subnet_ids") || !side.is_unknown("subnet_ids");
    if is_set
        && (change.creates() || side.differs("subnet_ids"))
        && let Some(subnets) = side.ids("subnet_ids")
    {
        if let Some(why) = subnets.more.as_ref().or(subnets.fewer.as_ref()).filter(|_| is_default) {
            future.doubtful_acl(by, Some(&id), why);
        } else if is_default {
            for subnet in subnets.ids {
                future.associate_acl(by, &id, &subnet);
            }
        } else {
            future.set_acl_subnets(by, &id, subnets);
        }
    }
}

fn acl_block(block: &Value, egress: bool) -> Known<AclRule> {
    let field = |key: &str| block.get(key).and_then(text).filter(|text| !text.is_empty());
    acl_entry(
        [field("rule_no"), field("protocol"), field("action")],
        [field("cidr_block"), field("ipv6_cidr_block")],
        [field("from_port"), field("to_port")],
        egress,
    )
}

fn acl_rule(side: Side<'_>) -> Known<AclRule> {
    let field = |key: &str| Ok::<_, String>(side.text(key)?.filter(|text| !text.is_empty()));
    let egress = side.flag("egress")?.unwrap_or_default();
    acl_entry(
        [field("rule_number")?, field("protocol")?, field("rule_action")?],
        [field("cidr_block")?, field("ipv6_cidr_block")?],
        [field("from_port")?, field("to_port")?],
        egress,
    )
}

/// The routes that stand in a route table.
fn table(plan: &Plan, change: &Change, future: &mut Future) {
    let by = change.address.as_str();
    let side = Side::after(plan, change);
    let is_default = change.kind == "aws_default_route_table";
    let id = match side.own_id(is_default.then_some("default_route_table_id")) {
        Ok(id) => id,
        Err(why) => return future.doubtful_routes(by, None, &why),
    };
    if side.has_unknown("route") {
        if side.is_configured("route") {
            future.doubtful_routes(by, Some(&id), &side.why("route"));
        }
        return;
    }
    if !change.creates() && !side.differs("route") {
        return;
    }
    let of = |blocks: &Value| -> Known<Vec<RouteEntry>> {
        let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
        let routes = blocks.iter().map(|block| {
            let field = |key: &str| Ok(block.get(key).and_then(text).filter(|text| !text.is_empty()));
            route_of(["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"], &field)
        });
        routes.collect()
    };
    let before = if is_default && change.creates() {
        let tables = future.document.route_tables.iter();
        let routes = tables
            .filter(|table| table.route_table_id == id)
            .flat_map(|table| table.routes.clone());
        // The provider takes all routes off but those to the VPC itself.
        Ok(routes
            .filter(|route| route.gateway_id.as_deref() != Some("local"))
            .collect())
    } else if change.creates() {
        Ok(Vec::new())
    } else {
        of(Side::before(plan, change).value("route"))
    };
    match (before, of(side.value("route"))) {
        (Ok(before), Ok(after)) => future.change_routes(by, &id, (&before, &after)),
        (Err(why), _) | (_, Err(why)) => future.doubtful_routes(by, Some(&id), &why),
    }
}

fn route(side: Side<'_>) -> Known<RouteEntry> {
    let field = |key: &str| Ok(side.text(key)?.filter(|text| !text.is_empty()));
    route_of(
        [
            "destination_cidr_block",
            "destination_ipv6_cidr_block",
            "destination_prefix_list_id",
        ],
        &field,
    )
}

/// A route, from its fields.
fn route_of([ipv4, ipv6, list]: [&str; 3], field: &dyn Fn(&str) -> Known<Option<String>>) -> Known<RouteEntry> {
    let gateway = match field("gateway_id")? {
        None => field("vpc_endpoint_id")?,
        gateway => gateway,
    };
    let route = RouteEntry {
        destination_cidr_block: field(ipv4)?,
        destination_ipv6_cidr_block: field(ipv6)?,
        destination_prefix_list_id: field(list)?,
        gateway_id: gateway,
        nat_gateway_id: field("nat_gateway_id")?,
        vpc_peering_connection_id: field("vpc_peering_connection_id")?,
        transit_gateway_id: field("transit_gateway_id")?,
        egress_only_internet_gateway_id: field("egress_only_gateway_id")?,
        network_interface_id: field("network_interface_id")?,
        state: "active".to_owned(),
        origin: None,
    };
    followed(route)
}
