//! Operations that remove something from an account.

use std::collections::BTreeSet;

use super::document::{IpPermission, SecurityGroupEntry, Tag, VpcSecurityGroupMembership};
use super::rules::{Outcome, State, next_revision, permissions, rejected};
use crate::cloud::Fault;
use crate::model::{Direction, FunctionVpc, GroupId, GroupList, Rule};
use crate::removal::ShrunkList;

impl State {
    pub(super) fn tag_groups(&mut self, groups: &[GroupId], key: &str, value: Option<&str>) -> Outcome<()> {
        for id in groups {
            self.group(id)?;
        }
        for id in groups {
            let tags = &mut self.group(id)?.tags;
            tags.retain(|tag| tag.key != key);
            tags.extend(value.map(|value| Tag {
                key: key.to_owned(),
                value: value.to_owned(),
            }));
        }
        Ok(())
    }

    pub(super) fn revoke(&mut self, id: &GroupId, direction: Direction, rules: &[Rule]) -> Outcome<()> {
        let group = self.group(id)?;
        let mut left: Vec<Rule> = group.to_model().rules(direction).to_vec();
        for rule in rules {
            let Some(found) = left.iter().position(|found| found.is_same_as(rule)) else {
                let message = format!("The specified rule does not exist in security group '{id}'");
                return Err(rejected("InvalidPermission.NotFound", message));
            };
            left.remove(found);
        }
        *permissions(group, direction) = left.iter().map(IpPermission::from_rule).collect();
        Ok(())
    }

    pub(super) fn delete_security_group(&mut self, id: &GroupId) -> Outcome<()> {
        self.group(id)?;
        let names_it = |group: &SecurityGroupEntry| {
            let group = group.to_model();
            group.id != *id && group.names(id)
        };
        let document = &self.document;
        let bears_it = |memberships: &[VpcSecurityGroupMembership]| {
            memberships
                .iter()
                .any(|membership| membership.vpc_security_group_id == id.as_str())
        };
        let is_it = |group: &String| group == id.as_str();
        let in_use = document.security_groups.iter().any(names_it)
            || document
                .db_clusters
                .iter()
                .any(|cluster| bears_it(&cluster.vpc_security_groups))
            || document
                .db_instances
                .iter()
                .any(|instance| bears_it(&instance.vpc_security_groups))
            || document
                .db_proxies
                .iter()
                .any(|proxy| proxy.vpc_security_group_ids.iter().any(is_it))
            || document.functions.iter().any(|function| {
                let config = function.vpc_config.as_ref();
                config.is_some_and(|config| config.security_group_ids.iter().any(is_it))
            })
            || document
                .network_interfaces
                .iter()
                .any(|interface| interface.groups.iter().any(|group| is_it(&group.group_id)))
            || document.is_borne_by_others(id.as_str());
        if in_use || self.is_held(id) {
            return Err(Fault::DependencyViolation(format!(
                "resource {id} has a dependent object"
            )));
        }
        self.document
            .security_groups
            .retain(|group| group.group_id != id.as_str());
        Ok(())
    }

    /// Lambda keeps the interface of a function for a while after its groups have changed.
    pub(super) fn hold(&mut self, groups: &BTreeSet<String>) {
        for id in groups {
            let looks = self.document.settles_after_reads;
            self.held.insert(id.as_str().into(), looks);
        }
    }

    fn is_held(&mut self, id: &GroupId) -> bool {
        match self.held.get_mut(id) {
            Some(0) | None => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    pub(super) fn shrink_function(
        &mut self,
        name: &str,
        vpc: &FunctionVpc,
        groups: &ShrunkList,
        revision: Option<&str>,
    ) -> Outcome<()> {
        let before = self.function_to_update(name, revision)?.vpc_config.clone();
        let to = FunctionVpc {
            groups: GroupList::as_read(groups.iter().cloned()),
            ..vpc.clone()
        };
        self.update_function(name, &to, revision)?;
        let before: BTreeSet<String> = before
            .into_iter()
            .flat_map(|config| config.security_group_ids)
            .collect();
        let left: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
        self.hold(&before.difference(&left).cloned().collect());
        Ok(())
    }

    pub(super) fn detach_function(&mut self, name: &str, revision: Option<&str>) -> Outcome<()> {
        let function = self.function_to_update(name, revision)?;
        let before = function.vpc_config.take();
        "InProgress".clone_into(&mut function.last_update_status);
        function.revision_id = Some(next_revision(function.revision_id.as_deref()));
        let groups = before.into_iter().flat_map(|config| config.security_group_ids);
        self.hold(&groups.collect());
        Ok(())
    }

    pub(super) fn delete_proxy(&mut self, name: &str) -> Outcome<()> {
        let proxy = self.proxy(name)?;
        if !matches!(
            proxy.status.as_str(),
            "available" | "incompatible-network" | "insufficient-resource-limits"
        ) {
            return Err(Fault::Busy(format!("DB proxy {name} is {}", proxy.status)));
        }
        "deleting".clone_into(&mut proxy.status);
        Ok(())
    }

    pub(super) fn delete_function(&mut self, name: &str) -> Outcome<()> {
        let function = self.function_to_update(name, None)?;
        let name = function.function_name.clone();
        let groups = function.vpc_config.take().into_iter();
        let groups = groups.flat_map(|config| config.security_group_ids).collect();
        self.hold(&groups);
        self.document
            .functions
            .retain(|function| function.function_name != name);
        Ok(())
    }

    pub(super) fn delete_role(&mut self, name: &str) -> Outcome<()> {
        let role = self.role(name)?;
        if !role.policies.is_empty() || !role.attached_policies.is_empty() {
            return Err(rejected(
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
            ));
        }
        self.document.roles.retain(|role| role.role_name != name);
        Ok(())
    }
}
