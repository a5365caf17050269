//! What AWS answers to a write, and how states pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::document::{
    AccountDocument, DbClusterEntry, DbInstanceEntry, FunctionEntry, IpPermission, SecurityGroupEntry, Tag, VpcConfig,
    VpcSecurityGroupMembership,
};
use super::places::Places;
use crate::cloud::{Fault, NewSecurityGroup};
use crate::model::{Direction, FunctionVpc, GroupId, GroupList, MOST_GROUPS, Peer, Rule, USUAL_GROUPS};

/// An account with what its document does not show: how often a passing state was read.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) document: AccountDocument,
    pub(super) places: Arc<Places>,
    reads: BTreeMap<String, u32>,
    /// How often a new group is still not found, and which ones.
    hidden_for: u32,
    hidden: BTreeMap<GroupId, u32>,
    /// How often new roles can still not be assumed.
    roles: BTreeMap<String, u32>,
    /// How often a group that was removed from a function is still on its interface.
    pub(super) held: BTreeMap<GroupId, u32>,
}

pub(super) type Outcome<T> = Result<T, Fault>;

pub(super) fn rejected(code: &str, message: impl Into<String>) -> Fault {
    Fault::Rejected {
        code: code.to_owned(),
        message: message.into(),
    }
}

impl State {
    pub(super) fn new(document: AccountDocument, hidden_for: u32) -> Self {
        Self {
            places: Arc::new(Places::of(&document)),
            document,
            reads: BTreeMap::new(),
            hidden_for,
            hidden: BTreeMap::new(),
            roles: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// A new role can be assumed after some tries.
    pub(super) fn hide_role(&mut self, name: &str) {
        self.roles.insert(name.to_owned(), self.hidden_for);
    }

    pub(super) fn is_role_ready(&mut self, name: &str) -> bool {
        match self.roles.get_mut(name) {
            Some(0) | None => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    // Reading: a passing state has passed after as many reads as the document says.

    pub(super) fn has_passed(&mut self, key: String, is_passing: bool) -> bool {
        if !is_passing {
            self.reads.remove(&key);
            return false;
        }
        let reads = self.reads.entry(key).or_default();
        if *reads < self.document.settles_after_reads {
            *reads += 1;
            return false;
        }
        true
    }

    /// The cluster, after a passing state had its chance to pass.
    pub(super) fn read_cluster(&mut self, id: &str) -> Outcome<DbClusterEntry> {
        let id = self.local_name(id);
        let missing = || Fault::NotFound(format!("DBCluster {id} not found"));
        let cluster = self.cluster(id).ok_or_else(missing)?;
        let passing = settled_database_status(&cluster.status).is_some() || is_settling(&cluster.vpc_security_groups);
        let passed = self.has_passed(format!("cluster/{id}"), passing);
        let cluster = self.cluster(id).ok_or_else(missing)?;
        if passed {
            settle_database(&mut cluster.status, &mut cluster.vpc_security_groups);
        }
        Ok(cluster.clone())
    }

    /// The instance, likewise. A member has its cluster's groups.
    pub(super) fn read_instance(&mut self, id: &str) -> Outcome<DbInstanceEntry> {
        let id = self.local_name(id);
        let missing = || Fault::NotFound(format!("DBInstance {id} not found"));
        let instance = self.instance(id).ok_or_else(missing)?;
        let passing = settled_database_status(&instance.status).is_some() || is_settling(&instance.vpc_security_groups);
        let passed = self.has_passed(format!("instance/{id}"), passing);
        let instance = self.instance(id).ok_or_else(missing)?;
        if passed {
            settle_database(&mut instance.status, &mut instance.vpc_security_groups);
        }
        let mut instance = instance.clone();
        if let Some(cluster) = instance.cluster.as_deref().and_then(|id| self.cluster(id)) {
            instance.vpc_security_groups.clone_from(&cluster.vpc_security_groups);
            instance.port = instance.port.or(Some(cluster.port));
        }
        Ok(instance)
    }

    /// The function, likewise.
    pub(super) fn read_function(&mut self, name: &str) -> Outcome<FunctionEntry> {
        let name = self.local_name(name);
        let missing = || Fault::NotFound(format!("Function not found: {name}"));
        let busy = self.function(name).ok_or_else(missing)?.is_busy();
        let passed = self.has_passed(format!("function/{name}"), busy);
        let function = self.function(name).ok_or_else(missing)?;
        if passed {
            "Active".clone_into(&mut function.state);
            "Successful".clone_into(&mut function.last_update_status);
            function.state_reason = None;
            function.state_reason_code = None;
        }
        Ok(function.clone())
    }

    /// The groups of a VPC that are visible now.
    pub(super) fn read_groups(&mut self, vpc: &str) -> Vec<SecurityGroupEntry> {
        let groups: Vec<_> = self
            .document
            .security_groups
            .iter()
            .filter(|group| group.vpc_id == vpc)
            .cloned()
            .collect();
        groups
            .into_iter()
            .filter(|group| self.is_visible(&group.group_id.as_str().into()))
            .collect()
    }

    /// One group, if it is visible now.
    pub(super) fn read_group(&mut self, id: &GroupId) -> Outcome<SecurityGroupEntry> {
        self.group(id).cloned()
    }

    fn is_visible(&mut self, id: &GroupId) -> bool {
        match self.hidden.get_mut(id) {
            Some(0) | None => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn cluster(&mut self, id: &str) -> Option<&mut DbClusterEntry> {
        self.document
            .db_clusters
            .iter_mut()
            .find(|cluster| cluster.id.eq_ignore_ascii_case(id))
    }

    fn instance(&mut self, id: &str) -> Option<&mut DbInstanceEntry> {
        let place = self.places.instance(&self.document.db_instances, id)?;
        self.document.db_instances.get_mut(place)
    }

    fn function(&mut self, name: &str) -> Option<&mut FunctionEntry> {
        let place = self.places.function(&self.document.functions, name)?;
        self.document.functions.get_mut(place)
    }

    /// A function, by its name or its ARN.
    pub(super) fn function_entry(&mut self, name: &str) -> Outcome<&FunctionEntry> {
        let name = self.local_name(name);
        let missing = || Fault::NotFound(format!("Function not found: {name}"));
        Ok(self.function(name).ok_or_else(missing)?)
    }

    pub(super) fn group(&mut self, id: &GroupId) -> Outcome<&mut SecurityGroupEntry> {
        let missing = || Fault::NotFound(format!("The security group '{id}' does not exist"));
        if !self.is_visible(id) {
            return Err(missing());
        }
        let groups = &mut self.document.security_groups;
        groups
            .iter_mut()
            .find(|group| group.group_id == id.as_str())
            .ok_or_else(missing)
    }

    // Writing.

    pub(super) fn create_security_group(&mut self, new: &NewSecurityGroup) -> Outcome<GroupId> {
        let ipv6 = match self.document.vpcs.iter().find(|vpc| vpc.vpc_id == new.vpc.as_str()) {
            Some(vpc) => vpc.ipv6_cidr_block.is_some() || !vpc.ipv6_cidr_block_association_set.is_empty(),
            None => {
                return Err(rejected(
                    "InvalidVpcID.NotFound",
                    format!("The vpc ID '{}' does not exist", new.vpc),
                ));
            }
        };
        if new.name.starts_with("sg-") || new.name.len() > 255 || new.name.is_empty() {
            return Err(rejected(
                "InvalidParameterValue",
                format!("Invalid value '{}' for groupName", new.name),
            ));
        }
        let taken = |group: &SecurityGroupEntry| {
            group.vpc_id == new.vpc.as_str() && group.group_name.eq_ignore_ascii_case(&new.name)
        };
        if self.document.security_groups.iter().any(taken) {
            let message = format!("The security group '{}' already exists for VPC '{}'", new.name, new.vpc);
            return Err(Fault::Duplicate(message));
        }
        if self.document.security_groups.len() >= self.document.quotas.security_groups_per_region {
            return Err(Fault::LimitExceeded(
                "The maximum number of security groups has been reached".to_owned(),
            ));
        }
        let id = self.free_group_id();
        let mut defaults = vec![IpPermission::from_rule(&Rule::default_egress())];
        if ipv6 {
            let everywhere = Peer::Cidr("::/0".to_owned());
            defaults.push(IpPermission::from_rule(&Rule {
                peer: everywhere,
                ..Rule::default_egress()
            }));
        }
        self.document.security_groups.push(SecurityGroupEntry {
            group_id: id.to_string(),
            group_name: new.name.clone(),
            vpc_id: new.vpc.to_string(),
            description: new.description.clone(),
            ip_permissions: Vec::new(),
            ip_permissions_egress: defaults,
            tags: Tag::list(&new.tags),
        });
        self.hidden.insert(id.clone(), self.hidden_for);
        Ok(id)
    }

    /// The first free id of a fixed sequence: the same account always gives the same ids.
    fn free_group_id(&self) -> GroupId {
        let groups = &self.document.security_groups;
        let taken: BTreeSet<&str> = groups.iter().map(|group| group.group_id.as_str()).collect();
        // Among one id more than there are groups, one is free.
        let mut ids = (1..=groups.len() + 1).map(|n| format!("sg-{n:017x}"));
        GroupId::from(ids.find(|id| !taken.contains(id.as_str())).unwrap_or_default())
    }

    pub(super) fn authorize(&mut self, id: &GroupId, direction: Direction, rule: &Rule) -> Outcome<()> {
        if let Some(peer) = rule.peer.group() {
            self.group(peer)?;
        }
        let quota = self.document.quotas.rules_per_security_group;
        let group = self.group(id)?;
        let present = group.to_model();
        if present.rules(direction).iter().any(|found| found.is_same_as(rule)) {
            let message = format!("the specified rule \"peer: {}, {rule}\" already exists", rule.peer);
            return Err(Fault::Duplicate(message));
        }
        // Rules for IPv4 and IPv6 count apart; one that names a group or a list counts for both.
        let counts = |rule: &Rule, is_v6: bool| match &rule.peer {
            Peer::Cidr(cidr) => cidr.contains(':') == is_v6,
            Peer::Group(_) | Peer::PrefixList(_) => true,
        };
        let is_full = |is_v6: bool| {
            let counting = present.rules(direction).iter().filter(|found| counts(found, is_v6));
            counts(rule, is_v6) && counting.count() >= quota
        };
        if is_full(false) || is_full(true) {
            let message = format!("The maximum number of rules per security group has been reached: {quota}");
            return Err(Fault::LimitExceeded(message));
        }
        permissions(group, direction).push(IpPermission::from_rule(rule));
        self.list_rule(id, direction, rule);
        Ok(())
    }

    /// Refuses groups that do not exist, are of another VPC, or are too many.
    pub(super) fn check_groups(&mut self, groups: &GroupList, vpc: &str) -> Outcome<()> {
        let quota = self.quota_of_groups().unwrap_or(MOST_GROUPS);
        self.check_groups_up_to(quota.min(MOST_GROUPS), groups, vpc)
    }

    /// The quota of security groups on a database or a proxy. None where a resource has more groups than AWS's default and the
    /// file gives no other: it was raised, and to what is not known.
    pub(super) fn quota_of_groups(&self) -> Option<usize> {
        let quota = self.document.quotas.security_groups_per_network_interface;
        let of_clusters = self
            .document
            .db_clusters
            .iter()
            .map(|found| found.vpc_security_groups.len());
        let of_instances = self
            .document
            .db_instances
            .iter()
            .map(|found| found.vpc_security_groups.len());
        let of_proxies = self
            .document
            .db_proxies
            .iter()
            .map(|found| found.vpc_security_group_ids.len());
        let most = of_clusters.chain(of_instances).chain(of_proxies).max().unwrap_or(0);
        (quota != USUAL_GROUPS || most <= USUAL_GROUPS).then_some(quota)
    }

    /// A function can have at most 5 groups. The quota of network interfaces does not change this.
    pub(super) fn check_groups_of_function(&mut self, groups: &GroupList, vpc: &str) -> Outcome<()> {
        self.check_groups_up_to(USUAL_GROUPS, groups, vpc)
    }

    fn check_groups_up_to(&mut self, quota: usize, groups: &GroupList, vpc: &str) -> Outcome<()> {
        if groups.len() > quota {
            return Err(Fault::LimitExceeded(format!(
                "{} security groups, and at most {quota} are possible",
                groups.len()
            )));
        }
        for id in groups.iter() {
            let group = self.group(id)?;
            if group.vpc_id != vpc {
                let message = format!("Security group {id} and the resource are not in the same VPC");
                return Err(rejected("InvalidParameterCombination", message));
            }
        }
        Ok(())
    }

    fn vpc_of_subnet_group(&self, name: &str) -> Option<String> {
        let groups = &self.document.db_subnet_groups;
        groups
            .iter()
            .find(|group| group.name == name)
            .map(|group| group.vpc_id.clone())
    }

    pub(super) fn modify_cluster(&mut self, id: &str, groups: &GroupList) -> Outcome<()> {
        let missing = || Fault::NotFound(format!("DBCluster {id} not found"));
        let cluster = self.cluster(id).ok_or_else(missing)?.clone();
        if cluster.status != "available" {
            return Err(Fault::Busy(format!(
                "DB cluster {id} is {}, not available",
                cluster.status
            )));
        }
        let vpc = self.vpc_of_subnet_group(&cluster.subnet_group).unwrap_or_default();
        self.check_groups(groups, &vpc)?;
        let cluster = self.cluster(id).ok_or_else(missing)?;
        replace_groups(&mut cluster.vpc_security_groups, groups);
        "modifying".clone_into(&mut cluster.status);
        Ok(())
    }

    pub(super) fn modify_instance(&mut self, id: &str, groups: &GroupList) -> Outcome<()> {
        let missing = || Fault::NotFound(format!("DBInstance {id} not found"));
        let instance = self.instance(id).ok_or_else(missing)?.clone();
        if let Some(cluster) = &instance.cluster {
            let message = format!("The specified DB instance is a member of cluster {cluster}: modify the cluster");
            return Err(rejected("InvalidParameterCombination", message));
        }
        if instance.status != "available" {
            return Err(Fault::Busy(format!(
                "DB instance {id} is {}, not available",
                instance.status
            )));
        }
        let vpc = self.vpc_of_subnet_group(&instance.subnet_group).unwrap_or_default();
        self.check_groups(groups, &vpc)?;
        let instance = self.instance(id).ok_or_else(missing)?;
        replace_groups(&mut instance.vpc_security_groups, groups);
        "modifying".clone_into(&mut instance.status);
        Ok(())
    }

    pub(super) fn update_function(&mut self, name: &str, to: &FunctionVpc, revision: Option<&str>) -> Outcome<()> {
        self.function_to_update(name, revision)?;
        let subnet_ids: Vec<String> = to.subnets.iter().map(ToString::to_string).collect();
        let Some(vpc) = self.vpc_of(&subnet_ids) else {
            return Err(rejected("InvalidParameterValueException", "the subnets do not exist"));
        };
        self.check_groups_of_function(&to.groups, &vpc)?;
        let function = self.function_to_update(name, revision)?;
        function.vpc_config = Some(VpcConfig {
            subnet_ids,
            security_group_ids: to.groups.iter().map(ToString::to_string).collect(),
            ipv6_allowed_for_dual_stack: to.ipv6_allowed,
        });
        "InProgress".clone_into(&mut function.last_update_status);
        function.revision_id = Some(next_revision(function.revision_id.as_deref()));
        Ok(())
    }

    /// The function, if it takes an update now.
    pub(super) fn function_to_update(&mut self, name: &str, revision: Option<&str>) -> Outcome<&mut FunctionEntry> {
        let name = self.local_name(name);
        let missing = || Fault::NotFound(format!("Function not found: {name}"));
        let function = self.function(name).ok_or_else(missing)?;
        if function.is_busy() {
            return Err(Fault::Busy(format!("An update is in progress for function {name}")));
        }
        if revision.is_some() && revision != function.revision_id.as_deref() {
            let message = "The Revision Id provided does not match the latest Revision Id".to_owned();
            return Err(Fault::PreconditionFailed(message));
        }
        Ok(function)
    }

    /// The VPC of a list of subnets.
    pub(super) fn vpc_of(&self, subnets: &[String]) -> Option<String> {
        let first = subnets.first()?;
        let subnet = self.places.subnet(&self.document.subnets, first)?;
        Some(subnet.vpc_id.clone())
    }
}

/// A revision that differs from the one before: the file stays the same for the same run.
pub(super) fn next_revision(revision: Option<&str>) -> String {
    let number: u64 = revision
        .and_then(|revision| revision.strip_prefix("revision-"))
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    format!("revision-{}", number + 1)
}

pub(super) fn permissions(group: &mut SecurityGroupEntry, direction: Direction) -> &mut Vec<IpPermission> {
    match direction {
        Direction::Ingress => &mut group.ip_permissions,
        Direction::Egress => &mut group.ip_permissions_egress,
    }
}

/// What a passing state of a database passes to.
fn settled_database_status(status: &str) -> Option<&'static str> {
    match status {
        "backing-up" | "creating" | "maintenance" | "modifying" | "rebooting" | "starting" | "upgrading" => {
            Some("available")
        }
        "stopping" => Some("stopped"),
        _ => None,
    }
}

fn is_settling(memberships: &[VpcSecurityGroupMembership]) -> bool {
    memberships.iter().any(|membership| membership.status != "active")
}

fn settle_database(status: &mut String, memberships: &mut Vec<VpcSecurityGroupMembership>) {
    if let Some(settled) = settled_database_status(status) {
        settled.clone_into(status);
    }
    memberships.retain(|membership| membership.status != "removing");
    for membership in memberships {
        "active".clone_into(&mut membership.status);
    }
}

fn replace_groups(memberships: &mut Vec<VpcSecurityGroupMembership>, groups: &GroupList) {
    let mut replaced: Vec<_> = groups
        .iter()
        .map(|group| {
            let present = memberships
                .iter()
                .find(|membership| membership.vpc_security_group_id == group.as_str());
            VpcSecurityGroupMembership {
                vpc_security_group_id: group.to_string(),
                status: match present {
                    Some(membership) if membership.status == "active" => "active".to_owned(),
                    _ => "adding".to_owned(),
                },
            }
        })
        .collect();
    let removed = memberships
        .iter()
        .filter(|membership| !groups.contains(&membership.vpc_security_group_id.as_str().into()));
    replaced.extend(removed.map(|membership| VpcSecurityGroupMembership {
        status: "removing".to_owned(),
        ..membership.clone()
    }));
    *memberships = replaced;
}
