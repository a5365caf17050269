//! Functions, databases and proxies, as the AWS provider has them.

use super::plan::{Change, Plan};
use super::side::{Side, text};
use crate::impact::future::{
    About, DatabaseChange, FunctionChange, Future, Ids, Known, Layer, ProxyChange, VpcWish, Ways,
};
use crate::model::DatabaseKind;

/// The types that are understood here.
pub(super) const TYPES: [&str; 7] = [
    "aws_db_subnet_group",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_db_instance",
    "aws_lambda_function",
    "aws_db_proxy",
    "aws_db_proxy_target",
];

/// The attribute with the groups of a database or a proxy.
const GROUPS: &str = "vpc_security_group_ids";

/// The attribute by which a type is named.
fn key(kind: &str) -> &'static str {
    match kind {
        "aws_rds_cluster" => "cluster_identifier",
        "aws_rds_cluster_instance" | "aws_db_instance" => "identifier",
        "aws_lambda_function" => "function_name",
        _ => "name",
    }
}

/// What a resource with this name is, where connections have it.
fn about(kind: &str, name: &str) -> Option<About> {
    let id = name.to_ascii_lowercase();
    match kind {
        "aws_lambda_function" => Some(About::Function(name.to_owned())),
        "aws_rds_cluster" => Some(About::Database(DatabaseKind::Cluster, id)),
        "aws_rds_cluster_instance" | "aws_db_instance" => Some(About::Database(DatabaseKind::Instance, id)),
        "aws_db_proxy" => Some(About::Proxy(id)),
        _ => None,
    }
}

/// Deletes what is deleted, and what is created anew under another name.
pub(super) fn delete(plan: &Plan, change: &Change, future: &mut Future) {
    let kind = change.kind.as_str();
    if !change.deletes() || !TYPES.contains(&kind) {
        return;
    }
    let by = change.address.as_str();
    let before = Side::before(plan, change);
    if kind == "aws_db_proxy_target" {
        let target = ["db_cluster_identifier", "db_instance_identifier"].map(|key| before.text(key).ok().flatten());
        if let (Ok(proxy), [Some(id), _] | [None, Some(id)]) = (before.needed("db_proxy_name"), target) {
            future.deregister_target(by, &proxy, &id);
        }
        return;
    }
    let Ok(name) = before.needed(key(kind)) else { return };
    if change.creates() && Side::after(plan, change).text(key(kind)) == Ok(Some(name.clone())) {
        return;
    }
    match kind {
        "aws_lambda_function" => future.delete_function(by, &name),
        "aws_rds_cluster" => future.delete_database(by, DatabaseKind::Cluster, &name),
        "aws_rds_cluster_instance" | "aws_db_instance" => future.delete_database(by, DatabaseKind::Instance, &name),
        "aws_db_proxy" => future.delete_proxy(by, &name),
        // RDS deletes only a group that nothing is in.
        _ => {}
    }
}

/// Notes the lists and ports that a plan shows as they are, although they are known only after apply.
pub(super) fn kept(plan: &Plan, change: &Change, future: &mut Future) {
    if !TYPES.contains(&change.kind.as_str()) || change.creates() || change.deletes() {
        return;
    }
    let side = Side::after(plan, change);
    let Ok(name) = side.needed(key(&change.kind)) else {
        return;
    };
    let about = about(&change.kind, &name).unwrap_or(About::Everything);
    let blocks = [Some(side), side.block("vpc_config")];
    for side in blocks.into_iter().flatten() {
        let keys = [
            (GROUPS, Layer::Groups),
            ("security_group_ids", Layer::Groups),
            ("port", Layer::Groups),
            ("publicly_accessible", Layer::Groups),
            ("subnet_ids", Layer::Network),
            ("vpc_subnet_ids", Layer::Network),
            ("db_subnet_group_name", Layer::Network),
        ];
        for (key, layer) in keys.into_iter().filter(|(key, _)| side.is_kept(key)) {
            future.not_known(&change.address, about.clone(), layer, side.why(key));
        }
    }
}

/// Changes what is changed, and creates what is created.
pub(super) fn change(plan: &Plan, change: &Change, future: &mut Future) {
    if !TYPES.contains(&change.kind.as_str()) || !(change.creates() || change.updates()) {
        return;
    }
    let by = change.address.as_str();
    let side = Side::after(plan, change);
    if change.kind == "aws_db_proxy_target" {
        return target(side, by, future);
    }
    let name = match side.needed(key(&change.kind)) {
        Ok(name) => name,
        // A new resource whose name AWS makes up is in no connection yet.
        Err(_) if change.creates() && !change.deletes() => return,
        Err(why) => return future.not_understood(by, About::Everything, Layer::Resource, why),
    };
    let before = Side::before(plan, change).text(key(&change.kind)).ok().flatten();
    let before = before
        .filter(|_| !change.creates())
        .and_then(|name| about(&change.kind, &name));
    if let Some(before) = before.filter(|before| about(&change.kind, &name).as_ref() != Some(before)) {
        future.rename(by, &before, &name);
    }
    match change.kind.as_str() {
        "aws_lambda_function" => function(side, change, &name, future),
        "aws_rds_cluster" => database(side, change, (DatabaseKind::Cluster, &name), future),
        "aws_rds_cluster_instance" | "aws_db_instance" => {
            database(side, change, (DatabaseKind::Instance, &name), future);
        }
        "aws_db_subnet_group" => {
            if change.creates() || side.differs("subnet_ids") {
                let subnets = side.ids("subnet_ids").unwrap_or_default();
                future.change_subnet_group(by, &name, subnets);
            }
        }
        _ => proxy(side, change, &name, future),
    }
}

fn function(side: Side<'_>, change: &Change, name: &str, future: &mut Future) {
    let is_new = change.creates();
    let vpc = if !is_new && !side.differs("vpc_config") {
        VpcWish::Same
    } else if side.is_unknown("vpc_config") {
        VpcWish::Unknown(side.why("vpc_config"))
    } else {
        match side.block("vpc_config") {
            None => VpcWish::Detached,
            Some(config) => {
                let is_empty = |key: &str| config.ids(key).is_none_or(|ids| ids == Ids::default());
                if is_empty("subnet_ids") && is_empty("security_group_ids") {
                    VpcWish::Detached
                } else {
                    VpcWish::Attached {
                        subnets: changed(config, "subnet_ids", is_new),
                        groups: changed(config, "security_group_ids", is_new),
                    }
                }
            }
        }
    };
    if is_new || !matches!(vpc, VpcWish::Same) {
        future.change_function(&change.address, name, FunctionChange { is_new, vpc });
    }
}

/// A list, if it is changed: what is not sent stays as it is.
fn changed(side: Side<'_>, key: &str, is_new: bool) -> Option<Ids> {
    (is_new || side.differs(key)).then(|| side.ids(key).unwrap_or_default())
}

/// Whether AWS gives an attribute its value, since the configuration does not: it stays as it is, or is the default.
fn is_given(side: Side<'_>, key: &str) -> bool {
    side.is_unknown(key) && !side.is_configured(key)
}

fn database(side: Side<'_>, change: &Change, (kind, name): (DatabaseKind, &str), future: &mut Future) {
    let is_new = change.creates();
    let wants = |key: &str| is_new || side.differs(key);
    let is_open = |key: &str| is_given(side, key);
    let known = |key: &str| -> Option<Known<String>> {
        if !wants(key) || is_open(key) {
            return None;
        }
        side.text(key).transpose()
    };
    let is_member = change.kind == "aws_rds_cluster_instance";
    let has_groups = wants(GROUPS) && !is_open(GROUPS) && !is_member;
    let port = known("port").filter(|_| !is_member).map(|port| {
        let port = port?;
        port.parse::<u16>()
            .map_err(|_| format!("{} has the port {port}", change.address))
    });
    let wish = DatabaseChange {
        is_new,
        engine: side.text("engine").ok().flatten(),
        cluster: is_member.then(|| side.needed("cluster_identifier")),
        port: port.filter(|port| *port != Ok(0)),
        groups: has_groups.then(|| side.ids(GROUPS)).flatten(),
        subnet_group: known("db_subnet_group_name"),
        publicly_accessible: known("publicly_accessible").map(|flag| Ok(flag? == "true")),
    };
    let is_changed = is_new
        || wish.port.is_some()
        || wish.groups.is_some()
        || wish.subnet_group.is_some()
        || wish.publicly_accessible.is_some();
    if is_changed {
        future.change_database(&change.address, kind, name, &wish);
    }
    // A copy, or what is restored, may be in another place than it says, and listens on the port of its source.
    let is_copy = |key: &str| text(side.value(key)).is_some_and(|value| !value.is_empty());
    let is_restored = [
        "snapshot_identifier",
        "replicate_source_db",
        "replication_source_identifier",
    ]
    .into_iter()
    .any(is_copy)
        || side.block("restore_to_point_in_time").is_some();
    if is_new && is_restored && wish.port.is_none() && !is_member {
        let why = format!("the port of {} is that of what it is made of", change.address);
        future.doubtful_port(&change.address, (kind, name), Ways::ANY, &why);
    }
    if is_new
        && wish.subnet_group.is_none()
        && !is_member
        && ["replicate_source_db", "replication_source_identifier"]
            .into_iter()
            .any(is_copy)
    {
        let about = About::Database(kind, name.to_ascii_lowercase());
        let why = format!(
            "where {} is follows from the database that it is a copy of",
            change.address
        );
        future.not_understood(&change.address, about, Layer::Resource, why);
    }
}

fn proxy(side: Side<'_>, change: &Change, name: &str, future: &mut Future) {
    let is_new = change.creates();
    let wish = ProxyChange {
        is_new,
        engine_family: side.text("engine_family").ok().flatten(),
        groups: changed(side, GROUPS, is_new).filter(|_| !is_new || !is_given(side, GROUPS)),
        subnets: changed(side, "vpc_subnet_ids", is_new),
    };
    // `debug_logging` and such do not decide who reaches what.
    if is_new || wish.groups.is_some() || wish.subnets.is_some() {
        future.change_proxy(&change.address, name, wish);
    }
}

fn target(side: Side<'_>, by: &str, future: &mut Future) {
    let id = |key| side.text(key).map(|id| id.filter(|id| !id.is_empty()));
    let target = match (id("db_cluster_identifier"), id("db_instance_identifier")) {
        (Ok(Some(cluster)), _) => Ok((DatabaseKind::Cluster, cluster)),
        (_, Ok(Some(instance))) => Ok((DatabaseKind::Instance, instance)),
        (Err(why), _) | (_, Err(why)) => Err(why),
        (Ok(None), Ok(None)) => Err(format!("the database of {by} is not known")),
    };
    match side.needed("db_proxy_name") {
        Ok(proxy) => future.register_target(by, &proxy, target),
        Err(why) => future.not_understood(by, About::Everything, Layer::Resource, why),
    }
}
