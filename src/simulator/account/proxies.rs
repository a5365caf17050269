//! Proxies of an account, and the health of their targets, which follows from security groups, network ACLs and routes.

use super::document::{DbInstanceEntry, DbProxyEntry, ProxyTargetEntry};
use super::rules::{Outcome, State, rejected};
use crate::cloud::Fault;
use crate::model::{
    DatabaseKind, GroupId, GroupList, ProxyTarget, Side, SubnetId, TargetHealth, TargetHealthState, TargetKind,
    TargetRole, VpcId, takes_connections,
};
use crate::reachability::Paths;
use crate::reachability::leg::{End, Leg, distinct, stopped};

fn missing(name: &str) -> Fault {
    Fault::NotFound(format!("DBProxy {name} not found"))
}

impl State {
    pub(super) fn proxy(&mut self, name: &str) -> Outcome<&mut DbProxyEntry> {
        let place = self.places.proxy(&self.document.db_proxies, name);
        let found = place.and_then(|place| self.document.db_proxies.get_mut(place));
        found.ok_or_else(|| missing(name))
    }

    /// The proxy, after a passing state had its chance to pass.
    pub(super) fn read_proxy(&mut self, name: &str) -> Outcome<DbProxyEntry> {
        let passing = matches!(
            self.proxy(name)?.status.as_str(),
            "creating" | "modifying" | "reactivating" | "deleting"
        );
        let passed = self.has_passed(format!("proxy/{name}"), passing);
        if passed && self.proxy(name)?.status == "deleting" {
            self.document
                .db_proxies
                .retain(|proxy| !proxy.name.eq_ignore_ascii_case(name));
        }
        let proxy = self.proxy(name)?;
        if passed {
            "available".clone_into(&mut proxy.status);
        }
        Ok(proxy.clone())
    }

    /// The targets: a cluster without health, and each instance with it.
    pub(super) fn read_targets(&mut self, name: &str) -> Outcome<Vec<ProxyTarget>> {
        let registering = self
            .proxy(name)?
            .target
            .as_ref()
            .is_some_and(|target| target.registering);
        let passed = self.has_passed(format!("target/{name}"), registering);
        if let Some(target) = self.proxy(name)?.target.as_mut().filter(|_| passed) {
            target.registering = false;
        }
        let proxy = self.proxy(name)?.clone();
        let Some(target) = &proxy.target else {
            return Ok(Vec::new());
        };
        let instances: Vec<String> = match TargetKind::from_api(&target.kind) {
            TargetKind::TrackedCluster => self
                .document
                .db_instances
                .iter()
                .filter(|instance| instance.cluster.as_deref() == Some(&target.rds_resource_id))
                .map(|instance| instance.id.clone())
                .collect(),
            _ => vec![target.rds_resource_id.clone()],
        };
        let mut targets = Vec::new();
        let cluster = (target.kind == "TRACKED_CLUSTER").then(|| target.rds_resource_id.clone());
        targets.extend(cluster.iter().map(|cluster| ProxyTarget {
            kind: TargetKind::TrackedCluster,
            resource: cluster.clone(),
            tracked_cluster: None,
            health: None,
            role: None,
        }));
        let clusters = &self.document.db_clusters;
        let entry = cluster.as_ref().and_then(|id| self.places.cluster(clusters, id));
        let writer = entry.map(|entry| self.writer(entry).map(str::to_owned));
        for instance in instances {
            let role = match &writer {
                Some(writer) => TargetRole::of_member(&instance, writer.as_deref()),
                None => TargetRole::ReadWrite,
            };
            let health = self.health(&proxy, target, &instance)?;
            targets.push(ProxyTarget {
                kind: TargetKind::RdsInstance,
                resource: instance,
                tracked_cluster: cluster.clone(),
                health: Some(health),
                role: Some(role),
            });
        }
        Ok(targets)
    }

    fn health(&mut self, proxy: &DbProxyEntry, target: &ProxyTargetEntry, instance: &str) -> Outcome<TargetHealth> {
        let instance = self.read_instance(instance)?;
        let reachable = takes_connections(&instance.status) && self.lets_through(proxy, &instance);
        let (state, reason) = match (target.registering, &target.unavailable_reason, reachable) {
            (true, _, _) => (TargetHealthState::Registering, None),
            (false, Some(reason), _) => (TargetHealthState::Unavailable, Some(reason.clone())),
            (false, None, false) => (TargetHealthState::Unavailable, Some("UNREACHABLE".to_owned())),
            (false, None, true) => (TargetHealthState::Available, None),
        };
        Ok(TargetHealth { state, reason })
    }

    /// Whether anything passes from the proxy to the instance: what stops all of it is what `diagnose` finds.
    fn lets_through(&self, proxy: &DbProxyEntry, instance: &DbInstanceEntry) -> bool {
        let group = self.subnet_group(&instance.subnet_group);
        let (vpc, subnets) = group.map_or_else(
            || (VpcId::from(proxy.vpc_id.as_str()), self.subnets_of(&proxy.vpc_id)),
            |group| (group.vpc, group.subnets),
        );
        let near = VpcId::from(proxy.vpc_id.as_str());
        let of_proxy = self.subnets_of_proxy(proxy);
        let ids = |ids: &[String]| -> Vec<GroupId> { ids.iter().map(|id| id.as_str().into()).collect() };
        let memberships = instance.vpc_security_groups.iter();
        let of_database: Vec<String> = memberships.map(|found| found.vpc_security_group_id.clone()).collect();
        let (own, database) = (ids(&proxy.vpc_security_group_ids), ids(&of_database));
        let groups: Vec<GroupId> = own.iter().chain(&database).cloned().collect();
        let network = self.document.between(
            &[near.clone(), vpc.clone()],
            &of_proxy.iter().chain(&subnets).collect(),
            &groups,
        );
        let paths = Paths::new(&network);
        // The instance is in one zone, if the file says in which.
        let zone = instance.availability_zone.as_deref();
        let in_zone = |id: &&SubnetId| zone.is_some() && paths.zone(id) == zone;
        let here: Vec<SubnetId> = subnets.iter().filter(in_zone).cloned().collect();
        let end = |side, vpc, subnets, groups| End {
            side,
            name: String::new(),
            vpc,
            subnets: distinct(subnets),
            groups,
        };
        let leg = Leg {
            from: end(Side::Proxy, &near, &of_proxy, own),
            to: end(
                Side::Database,
                &vpc,
                if here.is_empty() { &subnets } else { &here },
                database,
            ),
            port: instance.port.unwrap_or_default(),
            remedy: None,
            proof: None,
            doubt: None,
        };
        let stopped = stopped(&paths, &leg).len();
        stopped == 0 || stopped < leg.pairs().count()
    }

    pub(super) fn modify_proxy(&mut self, name: &str, groups: &GroupList) -> Outcome<()> {
        let proxy = self.proxy(name)?.clone();
        if proxy.status != "available" {
            return Err(Fault::Busy(format!(
                "DB proxy {name} is {}, not available",
                proxy.status
            )));
        }
        self.check_groups(groups, &proxy.vpc_id)?;
        let proxy = self.proxy(name)?;
        proxy.vpc_security_group_ids = groups.iter().map(ToString::to_string).collect();
        "modifying".clone_into(&mut proxy.status);
        Ok(())
    }

    pub(super) fn register_target(&mut self, name: &str, kind: DatabaseKind, database: &str) -> Outcome<()> {
        let (kind, exists) = match kind {
            DatabaseKind::Cluster => ("TRACKED_CLUSTER", self.read_cluster(database).is_ok()),
            DatabaseKind::Instance => ("RDS_INSTANCE", self.read_instance(database).is_ok()),
        };
        if !exists {
            return Err(Fault::NotFound(format!("database {database} not found")));
        }
        let proxy = self.proxy(name)?;
        if proxy.status == "creating" {
            return Err(Fault::Busy(format!("DB proxy {name} is being created")));
        }
        match &proxy.target {
            Some(target) if target.rds_resource_id == database => Err(Fault::Duplicate(format!(
                "{database} is already a target of proxy {name}"
            ))),
            Some(target) => {
                let message = format!("proxy {name} has target {}", target.rds_resource_id);
                Err(rejected("InvalidParameterCombination", message))
            }
            None => {
                proxy.target = Some(ProxyTargetEntry {
                    kind: kind.to_owned(),
                    rds_resource_id: database.to_owned(),
                    registering: true,
                    unavailable_reason: None,
                });
                Ok(())
            }
        }
    }
}
