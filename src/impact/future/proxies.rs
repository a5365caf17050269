//! RDS Proxies and their targets.

use serde_json::json;

use super::computers::is_same_list;
use super::{About, Future, Ids, Known, Layer, Ways};
use crate::account::ProxyTargetEntry;
use crate::model::DatabaseKind;

/// What becomes of a proxy. What is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProxyChange {
    /// Whether it is created, or created anew.
    pub is_new: bool,
    /// `MYSQL`, `POSTGRESQL` or `SQLSERVER`.
    pub engine_family: Option<String>,
    /// Its groups.
    pub groups: Option<Ids>,
    /// Its subnets.
    pub subnets: Option<Ids>,
}

impl Future {
    /// Changes or creates a proxy.
    pub fn change_proxy(&mut self, by: &str, name: &str, change: ProxyChange) {
        let about = About::Proxy(name.to_ascii_lowercase());
        let place = self.place_of_proxy(name);
        if place.is_none() && !change.is_new {
            let why = format!("{by} changes proxy {name}, which was not found in the account");
            return self.doubt(by, about, Layer::Resource, Ways::ANY, why);
        }
        let subnets = change
            .subnets
            .and_then(|subnets| self.listed_subnets(by, &about, subnets));
        // AWS takes an empty list of a new proxy for none.
        let groups = change
            .groups
            .filter(|groups| !change.is_new || *groups != Ids::default());
        let groups = groups.map(|groups| self.listed_groups(by, &about, groups));
        let place = if let Some(place) = place {
            place
        } else {
            self.touch(by, about.clone(), Layer::Resource);
            let vpc = subnets
                .as_ref()
                .and_then(|subnets| self.vpc_of_subnet(subnets.first()?));
            let (Some(vpc), Some(family)) = (vpc, change.engine_family) else {
                let why = format!("the VPC or the engine family of proxy {name} is not known");
                return self.doubt(by, about, Layer::Resource, Ways::ANY, why);
            };
            let entry = json!({"DBProxyName": name, "EngineFamily": family, "VpcId": vpc});
            match serde_json::from_value(entry) {
                Ok(entry) => self.document.db_proxies.push(entry),
                Err(error) => return self.not_understood(by, about, Layer::Resource, error.to_string()),
            }
            self.document.db_proxies.len() - 1
        };
        let before = self.document.db_proxies[place].clone();
        let groups = match groups {
            None if change.is_new => Some(self.default_group(by, &about, Some(&before.vpc_id))),
            groups => groups,
        };
        if groups
            .as_ref()
            .is_some_and(|groups| !is_same_list(groups, &before.vpc_security_group_ids))
        {
            self.touch(by, about.clone(), Layer::Groups);
        }
        if subnets
            .as_ref()
            .is_some_and(|subnets| !is_same_list(subnets, &before.vpc_subnet_ids))
        {
            self.touch(by, about, Layer::Network);
        }
        let proxy = &mut self.document.db_proxies[place];
        if let Some(groups) = groups {
            proxy.vpc_security_group_ids = groups;
        }
        if let Some(subnets) = subnets {
            proxy.vpc_subnet_ids = subnets;
        }
    }

    /// Deletes a proxy.
    pub fn delete_proxy(&mut self, by: &str, name: &str) {
        self.touch(by, About::Proxy(name.to_ascii_lowercase()), Layer::Resource);
        self.document
            .db_proxies
            .retain(|proxy| !proxy.name.eq_ignore_ascii_case(name));
        self.document
            .db_proxy_endpoints
            .retain(|endpoint| !endpoint.proxy.eq_ignore_ascii_case(name));
    }

    /// Registers a database with a proxy.
    pub fn register_target(&mut self, by: &str, proxy: &str, target: Known<(DatabaseKind, String)>) {
        let about = About::Proxy(proxy.to_ascii_lowercase());
        self.touch(by, about.clone(), Layer::Resource);
        let target = target.and_then(|(kind, id)| {
            let id = id.to_ascii_lowercase();
            let word = target_kind(kind);
            if self.document.has_database(word, &id) {
                Ok(ProxyTargetEntry {
                    kind: word.to_owned(),
                    rds_resource_id: id,
                    registering: false,
                    unavailable_reason: None,
                })
            } else {
                Err(format!("{kind} {id}, the target of {by}, was not found in the account"))
            }
        });
        match (self.place_of_proxy(proxy), target) {
            (Some(place), Ok(target)) => self.document.db_proxies[place].target = Some(target),
            (None, _) => {
                let why = format!("{by} is of proxy {proxy}, which was not found in the account");
                self.doubt(by, about, Layer::Resource, Ways::ANY, why);
            }
            (_, Err(why)) => self.doubt(by, about, Layer::Resource, Ways::ANY, why),
        }
    }

    /// Notes for the proxies of a database that gets another name that what becomes of their targets is not known.
    pub(super) fn retarget(&mut self, by: &str, kind: DatabaseKind, (old, new): (&str, &str)) {
        let mut doubtful = Vec::new();
        for proxy in &mut self.document.db_proxies {
            let target = proxy.target.as_mut().filter(|target| target.kind == target_kind(kind));
            if let Some(target) = target.filter(|target| target.rds_resource_id == old) {
                new.clone_into(&mut target.rds_resource_id);
                doubtful.push(proxy.name.clone());
            }
        }
        for proxy in doubtful {
            let why = format!("{by} renames the target of proxy {proxy}: whether it stays the target is not known");
            self.doubt(
                by,
                About::Proxy(proxy.to_ascii_lowercase()),
                Layer::Resource,
                Ways::ANY,
                why,
            );
        }
    }

    /// The name of the database that a proxy has, by its name.
    pub fn target_of(&self, proxy: &str) -> Option<&str> {
        let target = self.document.db_proxies[self.place_of_proxy(proxy)?].target.as_ref()?;
        Some(&target.rds_resource_id)
    }

    /// Takes a database off a proxy.
    pub fn deregister_target(&mut self, by: &str, proxy: &str, database: &str) {
        self.touch(by, About::Proxy(proxy.to_ascii_lowercase()), Layer::Resource);
        if let Some(place) = self.place_of_proxy(proxy) {
            let target = &mut self.document.db_proxies[place].target;
            if target
                .as_ref()
                .is_some_and(|target| target.rds_resource_id.eq_ignore_ascii_case(database))
            {
                *target = None;
            }
        }
    }

    fn place_of_proxy(&self, name: &str) -> Option<usize> {
        let mut proxies = self.document.db_proxies.iter();
        proxies.position(|proxy| proxy.name.eq_ignore_ascii_case(name))
    }
}

/// What RDS calls a target of this kind.
pub(super) fn target_kind(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Cluster => "TRACKED_CLUSTER",
        DatabaseKind::Instance => "RDS_INSTANCE",
    }
}
