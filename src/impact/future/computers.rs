//! Functions and databases.

use std::collections::BTreeSet;

use serde_json::json;

use super::proxies::target_kind;
use super::{About, Future, Ids, Known, Layer, Ways};
use crate::account::{DbSubnetGroup, VpcConfig, VpcSecurityGroupMembership};
use crate::model::DatabaseKind;

/// The name of a VPC's default group, and of the DB subnet group of the default VPC.
const DEFAULT: &str = "default";

/// What becomes of a function's attachment to a VPC.
#[derive(Clone, Debug)]
pub enum VpcWish {
    /// Nothing.
    Same,
    /// It is attached to no VPC.
    Detached,
    /// It is attached with these settings; settings that are left out do not change.
    Attached {
        /// Its subnets.
        subnets: Option<Ids>,
        /// Its groups.
        groups: Option<Ids>,
    },
    /// It is not known, and why.
    Unknown(String),
}

/// What becomes of a function.
#[derive(Clone, Debug)]
pub struct FunctionChange {
    /// Whether it is created.
    pub is_new: bool,
    /// Its VPC.
    pub vpc: VpcWish,
}

/// What becomes of a database. What is left out stays as it is.
#[derive(Clone, Debug)]
pub struct DatabaseChange {
    /// Whether it is created, or created anew.
    pub is_new: bool,
    /// Its engine.
    pub engine: Option<String>,
    /// The cluster that it is a member of.
    pub cluster: Option<Known<String>>,
    /// Its port.
    pub port: Option<Known<u16>>,
    /// Its groups.
    pub groups: Option<Ids>,
    /// The name of its DB subnet group.
    pub subnet_group: Option<Known<String>>,
    /// Whether it has a public address.
    pub publicly_accessible: Option<Known<bool>>,
}

impl Future {
    /// Changes or creates a function.
    pub fn change_function(&mut self, by: &str, name: &str, change: FunctionChange) {
        let about = About::Function(name.to_owned());
        let place = self
            .document
            .functions
            .iter()
            .position(|function| function.function_name == name);
        let place = match (place, change.is_new) {
            (Some(place), _) => place,
            (None, true) => {
                self.touch(by, about.clone(), Layer::Resource);
                match serde_json::from_value(json!({ "FunctionName": name })) {
                    Ok(entry) => self.document.functions.push(entry),
                    Err(error) => return self.not_understood(by, about, Layer::Resource, error.to_string()),
                }
                self.document.functions.len() - 1
            }
            (None, false) => {
                let why = format!("{by} changes function {name}, which was not found in the account");
                return self.doubt(by, about, Layer::Resource, Ways::ANY, why);
            }
        };
        match change.vpc {
            VpcWish::Same => {}
            VpcWish::Detached => {
                self.touch(by, about, Layer::Network);
                self.document.functions[place].vpc_config = None;
            }
            VpcWish::Unknown(why) => self.doubt(by, about, Layer::Network, Ways::ANY, why),
            VpcWish::Attached { subnets, groups } => {
                let groups = groups.map(|groups| self.listed_groups(by, &about, groups));
                let listed = subnets.map(|subnets| self.listed_subnets(by, &about, subnets));
                let before = self.document.functions[place].vpc_config.clone();
                let is_new = before.is_none();
                let before = before
                    .map(|config| (config.subnet_ids, config.security_group_ids))
                    .unwrap_or_default();
                if is_new || groups.as_ref().is_some_and(|groups| !is_same_list(groups, &before.1)) {
                    self.touch(by, about.clone(), Layer::Groups);
                }
                if is_new || listed.iter().flatten().any(|subnets| !is_same_list(subnets, &before.0)) {
                    self.touch(by, about.clone(), Layer::Network);
                }
                match (&mut self.document.functions[place].vpc_config, listed.flatten()) {
                    (Some(config), subnets) => {
                        if let Some(subnets) = subnets {
                            config.subnet_ids = subnets;
                        }
                        if let Some(groups) = groups {
                            config.security_group_ids = groups;
                        }
                    }
                    (config @ None, Some(subnet_ids)) => {
                        *config = Some(VpcConfig {
                            subnet_ids,
                            security_group_ids: groups.unwrap_or_default(),
                            ipv6_allowed_for_dual_stack: None,
                        });
                    }
                    (None, None) => {
                        let why = format!("the subnets of function {name} are not known");
                        self.doubt(by, about, Layer::Network, Ways::ANY, why);
                    }
                }
            }
        }
    }

    /// Deletes a function.
    pub fn delete_function(&mut self, by: &str, name: &str) {
        self.touch(by, About::Function(name.to_owned()), Layer::Resource);
        self.document
            .functions
            .retain(|function| function.function_name != name);
    }

    /// Changes or creates a cluster or an instance.
    pub fn change_database(&mut self, by: &str, kind: DatabaseKind, id: &str, change: &DatabaseChange) {
        let id = id.to_ascii_lowercase();
        let about = About::Database(kind, id.clone());
        let is_there = match kind {
            DatabaseKind::Cluster => self.document.db_clusters.iter().any(|cluster| cluster.id == id),
            DatabaseKind::Instance => self.document.db_instances.iter().any(|instance| instance.id == id),
        };
        if !is_there && !change.is_new {
            let why = format!("{by} changes {kind} {id}, which was not found in the account");
            return self.doubt(by, about, Layer::Resource, Ways::ANY, why);
        }
        // AWS takes an empty list of a new database for none.
        let listed = change
            .groups
            .clone()
            .filter(|groups| !change.is_new || *groups != Ids::default());
        let is_own = change.cluster.is_none();
        if !is_there && let Err(why) = self.create_database(by, kind, &id, change) {
            return self.doubt(by, about, Layer::Resource, Ways::ANY, why);
        }
        if is_there && change.is_new {
            self.touch(by, about.clone(), Layer::Resource);
            if is_own {
                self.give_defaults(by, kind, &id, change);
            }
        }
        if let Some(port) = &change.port {
            match port {
                Ok(port) => self.set_port(by, kind, &id, *port),
                Err(why) => self.doubt(by, about.clone(), Layer::Groups, Ways::ANY, why.as_str()),
            }
        }
        if let Some(group) = &change.subnet_group {
            match group {
                Ok(name) if self.has_subnet_group(name) => self.set_subnet_group(by, kind, &id, name),
                Ok(name) => {
                    let why = format!("{by} is in DB subnet group {name}, which was not found in the account");
                    self.doubt(by, about.clone(), Layer::Network, Ways::ANY, why);
                }
                Err(why) => self.doubt(by, about.clone(), Layer::Network, Ways::ANY, why.as_str()),
            }
        }
        if let Some(groups) = listed {
            let groups = self.listed_groups(by, &about, groups);
            self.set_groups(by, kind, &id, groups);
        } else if change.is_new && is_own {
            self.give_default_group(by, kind, &id);
        }
        match &change.publicly_accessible {
            None => {}
            Some(Err(why)) => self.doubt(by, about, Layer::Groups, Ways::OPENS, why.as_str()),
            Some(Ok(is_public)) => {
                self.touch(by, about, Layer::Groups);
                let entries = self.document.db_instances.iter_mut();
                for instance in entries.filter(|instance| kind == DatabaseKind::Instance && instance.id == id) {
                    instance.publicly_accessible = Some(*is_public);
                }
                let entries = self.document.db_clusters.iter_mut();
                for cluster in entries.filter(|cluster| kind == DatabaseKind::Cluster && cluster.id == id) {
                    cluster.publicly_accessible = Some(*is_public);
                }
            }
        }
    }

    /// Adds a database with what cannot be left out of its entry.
    fn create_database(&mut self, by: &str, kind: DatabaseKind, id: &str, change: &DatabaseChange) -> Known<()> {
        self.touch(by, About::Database(kind, id.to_owned()), Layer::Resource);
        let engine = change
            .engine
            .clone()
            .ok_or_else(|| format!("the engine of {kind} {id} is not known"))?;
        let cluster = match (&change.cluster, kind) {
            (Some(cluster), DatabaseKind::Instance) => {
                let id = cluster.clone()?.to_ascii_lowercase();
                let found = self.document.db_clusters.iter().find(|cluster| cluster.id == id);
                let found = found.ok_or_else(|| format!("cluster {id} was not found in the account"))?;
                Some((found.id.clone(), found.subnet_group.clone()))
            }
            _ => None,
        };
        let subnet_group = match (&cluster, &change.subnet_group) {
            (Some((_, group)), None) => group.clone(),
            (_, Some(group)) => group.clone()?,
            (None, None) => DEFAULT.to_owned(),
        };
        if !self.has_subnet_group(&subnet_group) {
            return Err(format!("DB subnet group {subnet_group} was not found in the account"));
        }
        let malformed = |error: serde_json::Error| error.to_string();
        match kind {
            DatabaseKind::Cluster => {
                let port = change.port.clone().unwrap_or_else(|| default_port(&engine))?;
                let entry = json!({
                    "DBClusterIdentifier": id, "Engine": engine, "Port": port, "DBSubnetGroup": subnet_group,
                });
                self.document
                    .db_clusters
                    .push(serde_json::from_value(entry).map_err(malformed)?);
            }
            DatabaseKind::Instance => {
                let mut entry = json!({
                    "DBInstanceIdentifier": id, "Engine": engine, "DBSubnetGroup": subnet_group,
                });
                match &cluster {
                    Some((cluster, _)) => entry["DBClusterIdentifier"] = json!(cluster),
                    None => entry["Port"] = json!(change.port.clone().unwrap_or_else(|| default_port(&engine))?),
                }
                self.document
                    .db_instances
                    .push(serde_json::from_value(entry).map_err(malformed)?);
            }
        }
        Ok(())
    }

    /// What a database that is created anew gets where nothing is said: as one that was never there.
    fn give_defaults(&mut self, by: &str, kind: DatabaseKind, id: &str, change: &DatabaseChange) {
        let about = About::Database(kind, id.to_owned());
        let clusters = self.document.db_clusters.iter_mut();
        let clusters = clusters.filter(|cluster| kind == DatabaseKind::Cluster && cluster.id == id);
        let clusters = clusters.map(|cluster| (&mut cluster.engine, &cluster.subnet_group));
        let instances = self.document.db_instances.iter_mut();
        let instances = instances.filter(|instance| kind == DatabaseKind::Instance && instance.id == id);
        let instances = instances.map(|instance| (&mut instance.engine, &instance.subnet_group));
        let Some((engine, subnet_group)) = clusters.chain(instances).next() else {
            return;
        };
        if let Some(new) = &change.engine {
            engine.clone_from(new);
        }
        let port = default_port(engine);
        let is_in_default = subnet_group == DEFAULT;
        if change.port.is_none() {
            match port {
                Ok(port) => self.set_port(by, kind, id, port),
                Err(why) => self.doubt(by, about.clone(), Layer::Groups, Ways::ANY, why),
            }
        }
        if change.subnet_group.is_none() && !is_in_default {
            if self.has_subnet_group(DEFAULT) {
                self.set_subnet_group(by, kind, id, DEFAULT);
            } else {
                let why = format!("{kind} {id} gets the default DB subnet group, which was not found in the account");
                self.doubt(by, about, Layer::Network, Ways::ANY, why);
            }
        }
    }

    /// A database for which no groups are named gets the default group of its VPC.
    fn give_default_group(&mut self, by: &str, kind: DatabaseKind, id: &str) {
        let clusters = self.document.db_clusters.iter();
        let clusters = clusters.map(|cluster| (DatabaseKind::Cluster, &cluster.id, &cluster.subnet_group));
        let instances = self.document.db_instances.iter();
        let instances = instances.map(|instance| (DatabaseKind::Instance, &instance.id, &instance.subnet_group));
        let mut found = clusters
            .chain(instances)
            .filter(|(of, found, _)| *of == kind && *found == id);
        let subnet_group = found.next().map(|(.., subnet_group)| subnet_group.as_str());
        let mut groups = self.document.db_subnet_groups.iter();
        let vpc = groups.find(|group| Some(group.name.as_str()) == subnet_group);
        let vpc = vpc.map(|group| group.vpc_id.clone());
        let about = About::Database(kind, id.to_owned());
        let groups = self.default_group(by, &about, vpc.as_deref());
        self.set_groups(by, kind, id, groups);
    }

    /// The default group of a VPC, which AWS gives to what is created without groups.
    pub(super) fn default_group(&mut self, by: &str, about: &About, vpc: Option<&str>) -> Vec<String> {
        let mut groups = self.document.security_groups.iter();
        let default = groups.find(|group| Some(group.vpc_id.as_str()) == vpc && group.group_name == DEFAULT);
        let default = default.map(|group| group.group_id.clone());
        if default.is_none() {
            let why = format!(
                "{by} names no groups, and the default group of the VPC, which it gets then, was not found in the account"
            );
            self.doubt(by, about.clone(), Layer::Groups, Ways::MORE, why);
        }
        default.into_iter().collect()
    }

    /// Gives a function, a database or a proxy another name. What is known by the old one is gone.
    pub fn rename(&mut self, by: &str, about: &About, name: &str) {
        let document = &mut self.document;
        let (new, has_found) = match about {
            About::Function(old) => {
                let mut functions = document.functions.iter_mut();
                let found = functions.find(|function| function.function_name == *old);
                let has_found = found.map(|function| name.clone_into(&mut function.function_name));
                (About::Function(name.to_owned()), has_found.is_some())
            }
            About::Database(kind, old) => {
                let name = name.to_ascii_lowercase();
                let rename = |id: &mut String, endpoint: &mut Option<String>| {
                    let domain = endpoint.as_deref().and_then(|host| host.strip_prefix(old.as_str()));
                    if let Some(domain) = domain.filter(|domain| domain.starts_with('.')) {
                        *endpoint = Some(format!("{name}{domain}"));
                    }
                    id.clone_from(&name);
                };
                let has_found = match kind {
                    DatabaseKind::Cluster => {
                        let found = document.db_clusters.iter_mut().find(|cluster| cluster.id == *old);
                        found.map(|cluster| rename(&mut cluster.id, &mut cluster.endpoint))
                    }
                    DatabaseKind::Instance => {
                        let members = document.db_clusters.iter_mut().flat_map(|cluster| &mut cluster.members);
                        for member in members.filter(|member| member.id == *old) {
                            member.id.clone_from(&name);
                        }
                        let found = document.db_instances.iter_mut().find(|instance| instance.id == *old);
                        found.map(|instance| rename(&mut instance.id, &mut instance.endpoint))
                    }
                };
                let members = document.db_instances.iter_mut();
                for member in members.filter(|_| *kind == DatabaseKind::Cluster) {
                    if member.cluster.as_ref() == Some(old) {
                        member.cluster = Some(name.clone());
                    }
                }
                (About::Database(*kind, name), has_found.is_some())
            }
            About::Proxy(old) => {
                let mut proxies = document.db_proxies.iter_mut();
                let found = proxies.find(|proxy| proxy.name.eq_ignore_ascii_case(old));
                let has_found = found.map(|proxy| name.clone_into(&mut proxy.name));
                let endpoints = document.db_proxy_endpoints.iter_mut();
                for endpoint in endpoints.filter(|endpoint| endpoint.proxy.eq_ignore_ascii_case(old)) {
                    name.clone_into(&mut endpoint.proxy);
                }
                (About::Proxy(name.to_ascii_lowercase()), has_found.is_some())
            }
            About::Everything | About::Vpc(_) | About::Group(_) => return,
        };
        if !has_found {
            let why = format!("{by} gets the name {name}, and what has the name before was not found in the account");
            self.doubt(by, about.clone(), Layer::Resource, Ways::ANY, why.as_str());
            return self.doubt(by, new, Layer::Resource, Ways::ANY, why);
        }
        self.touch(by, about.clone(), Layer::Resource);
        self.touch(by, new.clone(), Layer::Resource);
        if let (About::Database(kind, old), About::Database(_, new)) = (about, &new) {
            self.retarget(by, *kind, (old, new));
        }
    }

    fn has_subnet_group(&self, name: &str) -> bool {
        self.document.db_subnet_groups.iter().any(|group| group.name == name)
    }

    fn set_port(&mut self, by: &str, kind: DatabaseKind, id: &str, port: u16) {
        let before = match kind {
            DatabaseKind::Cluster => {
                let mut clusters = self.document.db_clusters.iter();
                clusters.find(|cluster| cluster.id == id).map(|cluster| cluster.port)
            }
            DatabaseKind::Instance => {
                let mut instances = self.document.db_instances.iter();
                instances
                    .find(|instance| instance.id == id)
                    .and_then(|instance| instance.port)
            }
        };
        if before == Some(port) {
            return;
        }
        self.touch(by, About::Database(kind, id.to_owned()), Layer::Groups);
        match kind {
            DatabaseKind::Cluster => {
                for cluster in self.document.db_clusters.iter_mut().filter(|cluster| cluster.id == id) {
                    cluster.port = port;
                }
                let members = self.document.db_instances.iter_mut();
                for member in members.filter(|instance| instance.cluster.as_deref() == Some(id)) {
                    member.port = None;
                }
            }
            DatabaseKind::Instance => {
                for instance in self
                    .document
                    .db_instances
                    .iter_mut()
                    .filter(|instance| instance.id == id)
                {
                    instance.port = Some(port);
                }
            }
        }
    }

    pub(super) fn set_groups(&mut self, by: &str, kind: DatabaseKind, id: &str, groups: Vec<String>) {
        let before: Vec<&VpcSecurityGroupMembership> = match kind {
            DatabaseKind::Cluster => {
                let clusters = self.document.db_clusters.iter().filter(|cluster| cluster.id == id);
                clusters.flat_map(|cluster| &cluster.vpc_security_groups).collect()
            }
            DatabaseKind::Instance => {
                let instances = self.document.db_instances.iter().filter(|instance| instance.id == id);
                instances.flat_map(|instance| &instance.vpc_security_groups).collect()
            }
        };
        let before = before.into_iter().filter(|membership| membership.status != "removing");
        let before: Vec<String> = before
            .map(|membership| membership.vpc_security_group_id.clone())
            .collect();
        if is_same_list(&groups, &before) {
            return;
        }
        self.touch(by, About::Database(kind, id.to_owned()), Layer::Groups);
        let memberships = groups
            .into_iter()
            .map(|vpc_security_group_id| VpcSecurityGroupMembership {
                vpc_security_group_id,
                status: "active".to_owned(),
            });
        let memberships: Vec<VpcSecurityGroupMembership> = memberships.collect();
        match kind {
            DatabaseKind::Cluster => {
                for cluster in self.document.db_clusters.iter_mut().filter(|cluster| cluster.id == id) {
                    cluster.vpc_security_groups.clone_from(&memberships);
                }
            }
            DatabaseKind::Instance => {
                let instances = self.document.db_instances.iter_mut();
                for instance in instances.filter(|instance| instance.id == id && instance.cluster.is_none()) {
                    instance.vpc_security_groups.clone_from(&memberships);
                }
            }
        }
    }

    fn set_subnet_group(&mut self, by: &str, kind: DatabaseKind, id: &str, name: &str) {
        let clusters = self.document.db_clusters.iter();
        let clusters = clusters.map(|cluster| (DatabaseKind::Cluster, &cluster.id, &cluster.subnet_group));
        let instances = self.document.db_instances.iter();
        let instances = instances.map(|instance| (DatabaseKind::Instance, &instance.id, &instance.subnet_group));
        let mut all = clusters.chain(instances);
        if all.any(|(of, found, group)| of == kind && found == id && group == name) {
            return;
        }
        self.touch(by, About::Database(kind, id.to_owned()), Layer::Network);
        match kind {
            DatabaseKind::Cluster => {
                for cluster in self.document.db_clusters.iter_mut().filter(|cluster| cluster.id == id) {
                    name.clone_into(&mut cluster.subnet_group);
                }
                let members = self.document.db_instances.iter_mut();
                for member in members.filter(|instance| instance.cluster.as_deref() == Some(id)) {
                    name.clone_into(&mut member.subnet_group);
                }
            }
            DatabaseKind::Instance => {
                for instance in self
                    .document
                    .db_instances
                    .iter_mut()
                    .filter(|instance| instance.id == id)
                {
                    name.clone_into(&mut instance.subnet_group);
                }
            }
        }
    }

    /// Notes that the port of a database is not known.
    pub fn doubtful_port(&mut self, by: &str, (kind, id): (DatabaseKind, &str), ways: Ways, why: &str) {
        let about = About::Database(kind, id.to_ascii_lowercase());
        self.doubt(by, about, Layer::Groups, ways, why);
    }

    /// Deletes a cluster or an instance.
    pub fn delete_database(&mut self, by: &str, kind: DatabaseKind, id: &str) {
        let id = id.to_ascii_lowercase();
        self.touch(by, About::Database(kind, id.clone()), Layer::Resource);
        let target = target_kind(kind);
        match kind {
            DatabaseKind::Cluster => {
                self.document.db_clusters.retain(|cluster| cluster.id != id);
                // RDS deletes a cluster only without its instances.
                self.document
                    .db_instances
                    .retain(|instance| instance.cluster.as_deref() != Some(&id));
            }
            DatabaseKind::Instance => {
                let entries = self.document.db_instances.iter();
                let cluster = entries
                    .filter(|instance| instance.id == id)
                    .find_map(|instance| instance.cluster.clone());
                if let Some(cluster) = cluster {
                    self.touch(by, About::Database(DatabaseKind::Cluster, cluster), Layer::Resource);
                }
                self.document.db_instances.retain(|instance| instance.id != id);
                for cluster in &mut self.document.db_clusters {
                    cluster.members.retain(|member| member.id != id);
                }
            }
        }
        for proxy in &mut self.document.db_proxies {
            let is_it = |target_of: &crate::account::ProxyTargetEntry| {
                target_of.kind == target && target_of.rds_resource_id == id
            };
            if proxy.target.as_ref().is_some_and(is_it) {
                proxy.target = None;
            }
        }
    }

    /// Changes or creates a DB subnet group.
    pub fn change_subnet_group(&mut self, by: &str, name: &str, subnets: Ids) {
        let clusters = self.document.db_clusters.iter();
        let clusters = clusters
            .filter(|cluster| cluster.subnet_group == name)
            .map(|cluster| About::Database(DatabaseKind::Cluster, cluster.id.clone()));
        let instances = self.document.db_instances.iter();
        let instances = instances
            .filter(|instance| instance.subnet_group == name)
            .map(|instance| About::Database(DatabaseKind::Instance, instance.id.clone()));
        let users: Vec<About> = clusters.chain(instances).collect();
        let mut listed = None;
        if users.is_empty() {
            let vpcs: Vec<Option<String>> = subnets.ids.iter().map(|id| self.vpc_of_subnet(id)).collect();
            if subnets.more.is_none() && !vpcs.is_empty() && vpcs.iter().all(|vpc| vpc.is_some() && *vpc == vpcs[0]) {
                listed = Some(subnets.ids);
            }
        } else {
            for about in &users {
                listed = self.listed_subnets(by, about, subnets.clone());
                self.touch(by, about.clone(), Layer::Network);
            }
        }
        let Some(subnet_ids) = listed else { return };
        let Some(vpc_id) = subnet_ids.first().and_then(|id| self.vpc_of_subnet(id)) else {
            return;
        };
        let groups = &mut self.document.db_subnet_groups;
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => (group.vpc_id, group.subnet_ids) = (vpc_id, subnet_ids),
            None => groups.push(DbSubnetGroup {
                name: name.to_owned(),
                vpc_id,
                subnet_ids,
            }),
        }
    }
}

/// Whether two lists have the same ids. Their order does not matter.
pub(super) fn is_same_list(one: &[String], other: &[String]) -> bool {
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
    set(one) == set(other)
}

/// The port that RDS gives a database for which none is named.
pub(crate) fn default_port(engine: &str) -> Known<u16> {
    let port = match engine {
        "aurora-mysql" | "mysql" | "mariadb" => 3306,
        "aurora-postgresql" | "postgres" => 5432,
        engine if engine.starts_with("oracle-") => 1521,
        engine if engine.starts_with("sqlserver-") => 1433,
        _ => return Err(format!("the port of a database with the engine {engine} is not known")),
    };
    Ok(port)
}
