//! Functions, databases and proxies, as CloudFormation has them.

use super::items::{Action, Item, Stack};
use crate::account::AccountDocument;
use crate::impact::future::{
    About, DatabaseChange, FunctionChange, Future, Ids, Known, Layer, ProxyChange, VpcWish, Ways, default_port,
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
    if let Some(why) = &item.doubt {
        let about = about(&item.kind, id);
        if about != About::Everything && !leaves_a_member(stack, item, id) {
            future.may_be_deleted(by, about, why);
        }
        return;
    }
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

/// Whether it is an instance of a cluster that keeps another.
fn leaves_a_member(stack: &Stack, item: &Item, id: &str) -> bool {
    let instances = || stack.account.db_instances.iter();
    let own = instances().find(|instance| item.kind == "AWS::RDS::DBInstance" && instance.id == id);
    let Some(cluster) = own.and_then(|own| own.cluster.as_ref()) else {
        return false;
    };
    let goes = |id: &String| {
        let mut items = stack.items.iter();
        items.any(|item| item.action == Action::Delete && item.physical_id.as_ref() == Some(id))
    };
    instances().any(|other| other.cluster.as_ref() == Some(cluster) && !goes(&other.id))
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
    let Some(mut name) = name else { return };
    let by = item.logical_id.as_str();
    if let Some(why) = &item.doubt {
        future.not_understood(by, about(&item.kind, &name), Layer::Resource, why.as_str());
        return;
    }
    if let Some(key) = name_key(&item.kind).filter(|_| !item.creates()) {
        let names = (stack.text(item.property_before(key)), stack.text(item.property(key)));
        if let (Ok(Some(before)), Ok(Some(after))) = names
            && about(&item.kind, &before) != about(&item.kind, &after)
        {
            future.rename(by, &about(&item.kind, &before), &after);
            name = after;
        }
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
                groups: groups(stack, item, "VpcSecurityGroupIds", &name),
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
    let listed = stack.ids(item.property(key)).filter(|ids| *ids != Ids::default());
    match (listed, &item.before) {
        (Some(ids), _) => Some(ids),
        // It was there, and is taken away: what AWS makes of that depends on the resource.
        (None, _) if item.creates() => None,
        (None, Some(_)) => item.dropped(key).map(Ids::unknown),
        (None, None) => None,
    }
}

/// The groups of a database or a proxy, if they are changed.
///
/// Source: the resource providers of CloudFormation for RDS. A list that is taken away becomes the default group of the VPC; where
/// there was none before, the groups stay as they are.
fn groups(stack: &Stack, item: &Item, key: &str, name: &str) -> Option<Ids> {
    let listed = list(stack, item, key);
    let Some(why) = item.dropped(key).filter(|_| item.before.is_none()) else {
        return listed;
    };
    let (now, vpc) = groups_now(&stack.account, &item.kind, name)?;
    let mut groups = stack.account.security_groups.iter();
    let default = groups.find(|group| Some(&group.vpc_id) == vpc && group.group_name == "default");
    let is_default = default.is_some_and(|default| now == [default.group_id.clone()]);
    (!is_default).then(|| Ids {
        ids: now,
        more: Some(why.clone()),
        fewer: Some(why),
        ..Ids::default()
    })
}

/// The groups that a database or a proxy has, and its VPC.
fn groups_now<'a>(account: &'a AccountDocument, kind: &str, name: &str) -> Option<(Vec<String>, Option<&'a String>)> {
    let (memberships, subnet_group) = match kind {
        "AWS::RDS::DBCluster" => {
            let cluster = account.db_clusters.iter().find(|cluster| cluster.id == name)?;
            (&cluster.vpc_security_groups, &cluster.subnet_group)
        }
        "AWS::RDS::DBInstance" => {
            let instance = account.db_instances.iter().find(|instance| instance.id == name)?;
            (&instance.vpc_security_groups, &instance.subnet_group)
        }
        _ => {
            let proxy = account.db_proxies.iter().find(|proxy| proxy.name == name)?;
            return Some((proxy.vpc_security_group_ids.clone(), Some(&proxy.vpc_id)));
        }
    };
    let memberships = memberships.iter().filter(|membership| membership.status != "removing");
    let now = memberships.map(|membership| membership.vpc_security_group_id.clone());
    let mut groups = account.db_subnet_groups.iter();
    let group = groups.find(|group| group.name == *subnet_group);
    Some((now.collect(), group.map(|group| &group.vpc_id)))
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
        (DatabaseKind::Cluster, _) => groups(stack, item, "VpcSecurityGroupIds", name),
        (DatabaseKind::Instance, None) => groups(stack, item, "VPCSecurityGroups", name),
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
    let is_own = wish.cluster.is_none();
    if wish.is_new && wish.port.is_none() && kind == DatabaseKind::Cluster && engine == "aurora-postgresql" {
        let why = format!("{by} has no Port, and what CloudFormation gives it is not known");
        future.doubtful_port(by, (kind, name), Ways::ANY, &why);
    } else if wish.is_new && wish.port.is_none() && is_own && SOURCES.iter().any(|key| has(item, key)) {
        let why = format!("the port of {by} is that of what it is made of");
        future.doubtful_port(by, (kind, name), Ways::ANY, &why);
    }
    if !is_own {
        return;
    }
    let (port, subnet_group) = found_now(&stack.account, kind, name).unzip();
    if let Some(why) = item
        .dropped("Port")
        .filter(|_| !is_default_port(engine, port.flatten()))
    {
        future.doubtful_port(by, (kind, name), Ways::ANY, &why);
    }
    if let Some(why) = item
        .dropped("DBSubnetGroupName")
        .filter(|_| subnet_group != Some("default"))
    {
        future.not_known(by, about(&item.kind, name), Layer::Network, why);
    }
}

/// The properties with what a database is made of.
const SOURCES: [&str; 7] = [
    "DBClusterSnapshotIdentifier",
    "DBSnapshotIdentifier",
    "ReplicationSourceIdentifier",
    "SnapshotIdentifier",
    "SourceDBClusterIdentifier",
    "SourceDBInstanceIdentifier",
    "SourceDbiResourceId",
];

fn has(item: &Item, key: &str) -> bool {
    *item.property(key) != Value::Nothing
}

/// The port and the DB subnet group that a database has.
fn found_now<'a>(account: &'a AccountDocument, kind: DatabaseKind, name: &str) -> Option<(Option<u16>, &'a str)> {
    match kind {
        DatabaseKind::Cluster => {
            let cluster = account.db_clusters.iter().find(|cluster| cluster.id == name)?;
            Some((Some(cluster.port), &cluster.subnet_group))
        }
        DatabaseKind::Instance => {
            let instance = account.db_instances.iter().find(|instance| instance.id == name)?;
            Some((instance.port, &instance.subnet_group))
        }
    }
}

/// Whether a database has this port if none is named. CloudFormation has given clusters of Aurora PostgreSQL that of MySQL.
fn is_default_port(engine: &str, port: Option<u16>) -> bool {
    let default = default_port(engine).ok();
    port.is_some() && (port == default || engine == "aurora-postgresql" && port == Some(3306))
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
    for (key, _) in keys.into_iter().filter(|_| item.before.is_some()) {
        for id in stack.ids(item.property_before(key)).unwrap_or_default().ids {
            future.deregister_target(by, &proxy, &id);
        }
    }
    if let Some(target) = found.pop() {
        future.register_target(by, &proxy, target);
    } else if let Some(database) = future.target_of(&proxy).filter(|_| item.before.is_none()) {
        let why = format!(
            "the template gives {by} no database: {database}, which the proxy has now, goes if the template gave it before"
        );
        future.not_known(by, About::Proxy(proxy.to_ascii_lowercase()), Layer::Resource, why);
    }
}
