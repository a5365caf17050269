//! Functions, databases and proxies, as CloudFormation has them.

use super::items::{Action, Item, Stack};
use crate::impact::future::{
    About, DatabaseChange, FunctionChange, Future, Ids, Known, Layer, ProxyChange, VpcWish, Ways,
};
use crate::model::DatabaseKind;
use crate::template::Value;

/// The types that are understood here, each after those that it refers to.
pub(super) const TYPES: [&str; 6] = [
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Lambda::Function",
    "AWS::RDS::DBProxy",
    "AWS::RDS::DBProxyTargetGroup",
];

/// The property by which a type is named.
pub(super) fn name_key(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::RDS::DBSubnetGroup" => Some("DBSubnetGroupName"),
        "AWS::RDS::DBCluster" => Some("DBClusterIdentifier"),
        "AWS::RDS::DBInstance" => Some("DBInstanceIdentifier"),
        "AWS::Lambda::Function" => Some("FunctionName"),
        "AWS::RDS::DBProxy" => Some("DBProxyName"),
        _ => None,
    }
}

fn about(kind: &str, name: &str) -> About {
    match kind {
        "AWS::RDS::DBCluster" => About::Database(DatabaseKind::Cluster, name.to_ascii_lowercase()),
        "AWS::RDS::DBInstance" => About::Database(DatabaseKind::Instance, name.to_ascii_lowercase()),
        "AWS::Lambda::Function" => About::Function(name.to_owned()),
        "AWS::RDS::DBProxy" => About::Proxy(name.to_ascii_lowercase()),
        _ => About::Everything,
    }
}

/// Deletes what is deleted, and what is created anew under another name.
pub(super) fn delete(stack: &Stack, item: &Item, future: &mut Future) {
    let Some(id) = item.physical_id.as_ref().filter(|_| item.deletes()) else {
        return;
    };
    let is_same = item.creates() && new_name(stack, item).as_ref() == Some(id);
    if is_same {
        return;
    }
    let by = item.logical_id.as_str();
    match item.kind.as_str() {
        "AWS::Lambda::Function" => future.delete_function(by, id),
        "AWS::RDS::DBCluster" => future.delete_database(by, DatabaseKind::Cluster, id),
        "AWS::RDS::DBInstance" => future.delete_database(by, DatabaseKind::Instance, id),
        "AWS::RDS::DBProxy" => future.delete_proxy(by, id),
        "AWS::RDS::DBProxyTargetGroup" => {
            if let Ok(Some(proxy)) = stack.text(item.property_before("DBProxyName")) {
                for key in ["DBClusterIdentifiers", "DBInstanceIdentifiers"] {
                    let ids = stack.ids(item.property_before(key)).unwrap_or_default();
                    for id in ids.ids {
                        future.deregister_target(by, &proxy, &id);
                    }
                }
            }
        }
        _ => {}
    }
}

/// The name of what is created, where the template gives it.
fn new_name(stack: &Stack, item: &Item) -> Option<String> {
    stack.text(item.property(name_key(&item.kind)?)).ok().flatten()
}

/// Changes what is changed, and creates what is created.
pub(super) fn change(stack: &Stack, item: &Item, future: &mut Future) {
    if item.action == Action::Delete {
        return;
    }
    if item.kind == "AWS::RDS::DBProxyTargetGroup" {
        return target(stack, item, future);
    }
    let name = match (&item.physical_id, item.creates()) {
        (Some(id), false) => Some(id.clone()),
        _ => new_name(stack, item),
    };
    // What gets a name that CloudFormation makes up is in no connection yet.
    let Some(name) = name else { return };
    let by = item.logical_id.as_str();
    if let Some(why) = &item.doubt {
        future.not_understood(by, about(&item.kind, &name), Layer::Resource, why.as_str());
        return;
    }
    match item.kind.as_str() {
        "AWS::Lambda::Function" => function(stack, item, &name, future),
        "AWS::RDS::DBCluster" => database(stack, item, (DatabaseKind::Cluster, &name), future),
        "AWS::RDS::DBInstance" => database(stack, item, (DatabaseKind::Instance, &name), future),
        "AWS::RDS::DBSubnetGroup" => {
            if item.differs("SubnetIds") {
                let subnets = stack.ids(item.property("SubnetIds")).unwrap_or_default();
                future.change_subnet_group(by, &name, subnets);
            }
        }
        _ => {
            let wish = ProxyChange {
                is_new: item.creates(),
                engine_family: stack.text(item.property("EngineFamily")).ok().flatten(),
                groups: list(stack, item, "VpcSecurityGroupIds"),
                subnets: list(stack, item, "VpcSubnetIds"),
            };
            future.change_proxy(by, &name, wish);
        }
    }
}

/// A list, if it is changed.
fn list(stack: &Stack, item: &Item, key: &str) -> Option<Ids> {
    if !item.differs(key) {
        return None;
    }
    match (stack.ids(item.property(key)), &item.before) {
        (Some(ids), _) => Some(ids),
        // It was there, and is taken away: what AWS makes of that depends on the resource.
        (None, Some(_)) => Some(Ids::unknown(format!("{key} of {} is no longer set", item.logical_id))),
        (None, None) => None,
    }
}

fn function(stack: &Stack, item: &Item, name: &str, future: &mut Future) {
    let by = item.logical_id.as_str();
    let config = item.property("VpcConfig");
    let vpc = match config {
        _ if !item.differs("VpcConfig") && item.before.is_some() => VpcWish::Same,
        Value::Nothing => {
            let mut functions = future.document.functions.iter();
            let found = functions.find(|function| function.function_name == name);
            let is_attached = found.is_some_and(|function| function.vpc_config.is_some());
            match (&item.before, is_attached) {
                (Some(_), _) => VpcWish::Detached,
                (None, true) => VpcWish::Unknown(format!(
                    "function {name} is attached to a VPC, and the template gives {by} no VpcConfig: it is detached if the template gave it one before"
                )),
                (None, false) => VpcWish::Same,
            }
        }
        Value::Unknown(why) => VpcWish::Unknown(why.clone()),
        config => {
            let ids = |key| Some(stack.ids(config.field(key)).unwrap_or_default());
            let (subnets, groups) = (ids("SubnetIds"), ids("SecurityGroupIds"));
            if subnets == Some(Ids::default()) && groups == Some(Ids::default()) {
                VpcWish::Detached
            } else {
                VpcWish::Attached { subnets, groups }
            }
        }
    };
    let is_new = item.creates();
    if is_new || !matches!(vpc, VpcWish::Same) {
        future.change_function(by, name, FunctionChange { is_new, vpc });
    }
}

fn database(stack: &Stack, item: &Item, (kind, name): (DatabaseKind, &str), future: &mut Future) {
    let by = item.logical_id.as_str();
    let known = |key: &str| -> Option<Known<String>> {
        let value = item.property(key);
        if !item.differs(key) {
            return None;
        }
        stack.text(value).transpose()
    };
    let cluster = match kind {
        DatabaseKind::Instance => stack.text(item.property("DBClusterIdentifier")).transpose(),
        DatabaseKind::Cluster => None,
    };
    let port = known("Port").map(|port| {
        let port = port?;
        port.parse::<u16>().map_err(|_| format!("{by} has the port {port}"))
    });
    let groups = match (kind, &cluster) {
        (DatabaseKind::Cluster, _) => list(stack, item, "VpcSecurityGroupIds"),
        (DatabaseKind::Instance, None) => list(stack, item, "VPCSecurityGroups"),
        (DatabaseKind::Instance, Some(_)) => None,
    };
    let wish = DatabaseChange {
        is_new: item.creates(),
        engine: stack.text(item.property("Engine")).ok().flatten(),
        port: port.filter(|_| cluster.is_none()),
        groups,
        subnet_group: known("DBSubnetGroupName"),
        publicly_accessible: known("PubliclyAccessible").map(|flag| Ok(flag?.eq_ignore_ascii_case("true"))),
        cluster,
    };
    future.change_database(by, kind, name, &wish);
    let engine = wish.engine.as_deref().unwrap_or_default();
    if wish.is_new && wish.port.is_none() && kind == DatabaseKind::Cluster && engine == "aurora-postgresql" {
        let why = format!("{by} has no Port, and what CloudFormation gives it is not known");
        future.doubtful_port(by, (kind, name), Ways::ANY, &why);
    }
}

fn target(stack: &Stack, item: &Item, future: &mut Future) {
    let by = item.logical_id.as_str();
    let keys = [
        ("DBClusterIdentifiers", DatabaseKind::Cluster),
        ("DBInstanceIdentifiers", DatabaseKind::Instance),
    ];
    if item.before.is_some() && !item.creates() && !keys.iter().any(|(key, _)| item.differs(key)) {
        return;
    }
    let proxy = match stack.needed(item, "DBProxyName") {
        Ok(proxy) => proxy,
        Err(why) => return future.not_understood(by, About::Everything, Layer::Resource, why),
    };
    let mut found = Vec::new();
    for (key, kind) in keys {
        let ids = stack.ids(item.property(key)).unwrap_or_default();
        found.extend(ids.more.map(Err));
        found.extend(ids.ids.into_iter().map(|id| Ok((kind, id))));
    }
    if let Some(target) = found.pop() {
        future.register_target(by, &proxy, target);
    }
}
