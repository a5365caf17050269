//! Security groups and their rules.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{About, AtMost, Future, Known, Layer, Limit, Ways};
use crate::account::{AccountDocument, IpPermission, SecurityGroupEntry, Tag};
use crate::model::{Direction, Peer, Protocol, Rule};

/// The account of a group that is not in the account document, as snapshots have it.
const ELSEWHERE: &str = "unknown";

/// A security group that is created.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// What stands for its id.
    pub id: String,
    /// Its name; what stands for its id if it is not known.
    pub name: Option<String>,
    /// Its VPC.
    pub vpc: Known<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it keeps the outbound rule that EC2 gives to each new group.
    pub has_default_egress: bool,
}

impl Future {
    /// Creates a group.
    pub fn create_group(&mut self, by: &str, new: NewGroup) {
        let about = About::Group(new.id.clone());
        self.touch(by, about.clone(), Layer::Groups);
        let vpc = match new.vpc {
            Ok(vpc) if self.has_vpc(&vpc) => vpc,
            Ok(vpc) => {
                let why = format!("{by} is in {vpc}, which was not found in the account");
                return self.doubt(by, about, Layer::Groups, Ways::ANY, why);
            }
            Err(why) => return self.doubt(by, about, Layer::Groups, Ways::ANY, why),
        };
        let name = new.name.unwrap_or_else(|| new.id.clone());
        // A group that is replaced is there until it is deleted.
        let is_taken = self
            .document
            .security_groups
            .iter()
            .any(|group| group.vpc_id == vpc && group.group_name.eq_ignore_ascii_case(&name));
        let egress = new.has_default_egress.then(|| {
            IpPermission::from_rule(&Rule {
                protocol: Protocol::All,
                ports: None,
                peer: Peer::Cidr("0.0.0.0/0".to_owned()),
                description: None,
            })
        });
        let tags = new.tags.into_iter().map(|(key, value)| Tag { key, value });
        self.document.security_groups.push(SecurityGroupEntry {
            group_name: if is_taken { new.id.clone() } else { name.clone() },
            group_id: new.id.clone(),
            vpc_id: vpc,
            description: String::new(),
            ip_permissions: Vec::new(),
            ip_permissions_egress: egress.into_iter().collect(),
            tags: tags.collect(),
        });
        if is_taken {
            self.renamed.push((new.id, name));
        }
    }

    /// Deletes a group, once all other changes are made.
    pub fn delete_group(&mut self, by: &str, id: &str) {
        self.touch(by, About::Group(id.to_owned()), Layer::Groups);
        self.deleted_groups.push((by.to_owned(), id.to_owned()));
    }

    /// Takes rules off a group, then adds others. Those that it has already, or no longer has, are no matter.
    pub fn change_rules(&mut self, by: &str, group: &str, direction: Direction, (remove, add): (&[Rule], &[Rule])) {
        if remove.is_empty() && add.is_empty() {
            return;
        }
        let about = About::Group(group.to_owned());
        let known: Vec<String> = self
            .document
            .security_groups
            .iter()
            .map(|group| group.group_id.clone())
            .collect();
        let Some(entry) = self
            .document
            .security_groups
            .iter_mut()
            .find(|entry| entry.group_id == group)
        else {
            let why = format!("{by} changes rules of group {group}, which was not found in the account");
            return self.doubt(by, about, Layer::Groups, Ways::ANY, why);
        };
        let permissions = match direction {
            Direction::Ingress => &mut entry.ip_permissions,
            Direction::Egress => &mut entry.ip_permissions_egress,
        };
        let before = permissions.clone();
        for rule in remove {
            for permission in permissions.iter_mut() {
                take(permission, rule);
            }
        }
        permissions.retain(|permission| permission.rules().next().is_some());
        for rule in add {
            if permissions
                .iter()
                .flat_map(IpPermission::rules)
                .any(|found| is_same(&found, rule))
            {
                continue;
            }
            let mut permission = IpPermission::from_rule(rule);
            for pair in &mut permission.user_id_group_pairs {
                if !known.contains(&pair.group_id) {
                    pair.user_id = Some(ELSEWHERE.to_owned());
                }
            }
            permissions.push(permission);
        }
        if *permissions != before {
            self.touch(by, about, Layer::Groups);
        }
    }

    /// Takes every rule of a group away.
    pub fn clear_rules(&mut self, by: &str, group: &str, direction: Direction) {
        let entry = self
            .document
            .security_groups
            .iter()
            .find(|entry| entry.group_id == group);
        let rules: Vec<Rule> = entry
            .map(|entry| entry.to_model().rules(direction).to_vec())
            .unwrap_or_default();
        self.change_rules(by, group, direction, (&rules, &[]));
    }

    /// Notes that rules of a group are not known, and what they can let pass at most.
    pub fn doubtful_rules(&mut self, by: &str, group: Option<&str>, (ways, at_most): (Ways, AtMost), why: &str) {
        let about = match group {
            Some(id) => About::Group(id.to_owned()),
            None => About::Everything,
        };
        if ways.more {
            self.possible_rules.insert((group.map(str::to_owned), at_most));
        }
        if ways.less {
            self.touch(by, about.clone(), Layer::Groups);
        }
        self.limited_doubt((by, about, Layer::Groups), ways, why.to_owned(), Some(Limit::Rules));
    }

    /// The account with all that rules which are not known can let pass, from and to anywhere; none if there are no such rules.
    pub fn at_most(&self) -> Option<AccountDocument> {
        if self.possible_rules.is_empty() {
            return None;
        }
        let mut document = self.document.clone();
        for (group, AtMost { directions, traffic }) in &self.possible_rules {
            let (protocol, ports) = traffic.clone().unwrap_or((Protocol::All, None));
            let all = ["0.0.0.0/0", "::/0"].map(|range| {
                IpPermission::from_rule(&Rule {
                    protocol: protocol.clone(),
                    ports,
                    peer: Peer::Cidr(range.to_owned()),
                    description: None,
                })
            });
            let is_it = |entry: &&mut SecurityGroupEntry| group.as_ref().is_none_or(|group| *group == entry.group_id);
            for entry in document.security_groups.iter_mut().filter(is_it) {
                for direction in directions {
                    match direction {
                        Direction::Ingress => entry.ip_permissions.extend(all.clone()),
                        Direction::Egress => entry.ip_permissions_egress.extend(all.clone()),
                    }
                }
            }
        }
        Some(document)
    }

    /// The account with the groups only that are certain in each list; none if there is no list of which some may be missing.
    pub fn at_least(&self) -> Option<AccountDocument> {
        if self.certain_groups.is_empty() {
            return None;
        }
        let mut least = self.clone();
        for (about, certain) in &self.certain_groups {
            match about {
                About::Function(name) => {
                    let mut functions = least.document.functions.iter_mut();
                    let function = functions.find(|function| function.function_name == *name)?;
                    let config = function.vpc_config.as_mut()?;
                    config.security_group_ids.retain(|id| certain.contains(id));
                }
                About::Database(kind, id) => least.set_groups("", *kind, id, certain.clone()),
                About::Proxy(name) => {
                    let mut proxies = least.document.db_proxies.iter_mut();
                    let proxy = proxies.find(|proxy| proxy.name.eq_ignore_ascii_case(name))?;
                    proxy.vpc_security_group_ids.retain(|id| certain.contains(id));
                }
                About::Everything | About::Vpc(_) | About::Group(_) => return None,
            }
        }
        Some(least.document)
    }

    /// Deletes the groups that are to be deleted. One that something has stays: EC2 refuses to delete it.
    pub(super) fn delete_groups(&mut self) {
        let deleted = std::mem::take(&mut self.deleted_groups);
        // A group that only others name which are deleted, too, can go.
        let mut left: Vec<(String, String)> = deleted.into_iter().filter(|(_, id)| self.has_group(id)).collect();
        loop {
            let ids: Vec<String> = left.iter().map(|(_, id)| id.clone()).collect();
            let free = left.iter().position(|(_, id)| self.user_of_group(id, &ids).is_none());
            let Some(free) = free else { break };
            let (_, id) = left.swap_remove(free);
            self.document.security_groups.retain(|group| group.group_id != id);
            self.drop_rules_naming(&id);
        }
        for (by, id) in left {
            let user = self.user_of_group(&id, &[]).unwrap_or_default();
            let why = format!(
                "{by} deletes group {id}, which {user} still uses: EC2 refuses that, and what is done by then is not known"
            );
            self.doubt(&by, About::Group(id), Layer::Groups, Ways::ANY, why);
        }
        for (id, name) in std::mem::take(&mut self.renamed) {
            let groups = &mut self.document.security_groups;
            let Some(place) = groups.iter().position(|group| group.group_id == id) else {
                continue;
            };
            let vpc = groups[place].vpc_id.clone();
            let is_taken = groups
                .iter()
                .any(|group| group.vpc_id == vpc && group.group_name.eq_ignore_ascii_case(&name));
            if !is_taken {
                groups[place].group_name = name;
            }
        }
    }

    /// What has a group, or names it in a rule, besides groups that are deleted with it.
    fn user_of_group(&self, id: &str, deleted: &[String]) -> Option<String> {
        let document = &self.document;
        let has = |list: &[String]| list.iter().any(|group| group == id);
        let function = document.functions.iter().find(|function| {
            let config = function.vpc_config.as_ref();
            config.is_some_and(|config| has(&config.security_group_ids))
        });
        if let Some(function) = function {
            return Some(format!("function {}", function.function_name));
        }
        let is_it = |membership: &crate::account::VpcSecurityGroupMembership| membership.vpc_security_group_id == id;
        if let Some(cluster) = document
            .db_clusters
            .iter()
            .find(|cluster| cluster.vpc_security_groups.iter().any(is_it))
        {
            return Some(format!("cluster {}", cluster.id));
        }
        if let Some(instance) = document
            .db_instances
            .iter()
            .find(|instance| instance.vpc_security_groups.iter().any(is_it))
        {
            return Some(format!("instance {}", instance.id));
        }
        if let Some(proxy) = document
            .db_proxies
            .iter()
            .find(|proxy| has(&proxy.vpc_security_group_ids))
        {
            return Some(format!("proxy {}", proxy.name));
        }
        let others = document
            .security_groups
            .iter()
            .filter(|group| group.group_id != id && !deleted.contains(&group.group_id));
        let mut naming = others.filter(|group| {
            let rules = group.ip_permissions.iter().chain(&group.ip_permissions_egress);
            rules
                .flat_map(|permission| &permission.user_id_group_pairs)
                .any(|pair| pair.group_id == id)
        });
        naming.next().map(|group| format!("a rule of group {}", group.group_id))
    }

    fn drop_rules_naming(&mut self, id: &str) {
        for group in &mut self.document.security_groups {
            for permissions in [&mut group.ip_permissions, &mut group.ip_permissions_egress] {
                for permission in permissions.iter_mut() {
                    permission.user_id_group_pairs.retain(|pair| pair.group_id != id);
                }
                permissions.retain(|permission| permission.rules().next().is_some());
            }
        }
        for endpoint in &mut self.document.vpc_endpoints {
            endpoint.groups.retain(|group| group.group_id != id);
        }
        for interface in &mut self.document.network_interfaces {
            interface.groups.retain(|group| group.group_id != id);
        }
    }
}

/// Takes a rule out of a permission.
fn take(permission: &mut IpPermission, rule: &Rule) {
    let is_for = |peer: Peer| {
        let found = Rule {
            protocol: Protocol::from_api(&permission.ip_protocol),
            ports: permission
                .from_port
                .zip(permission.to_port)
                .map(|(from, to)| crate::model::PortRange { from, to }),
            peer,
            description: None,
        };
        is_same(&found, rule)
    };
    let groups = std::mem::take(&mut permission.user_id_group_pairs);
    let (ipv4, ipv6) = (
        std::mem::take(&mut permission.ip_ranges),
        std::mem::take(&mut permission.ipv6_ranges),
    );
    let lists = std::mem::take(&mut permission.prefix_list_ids);
    let groups = groups
        .into_iter()
        .filter(|pair| !is_for(Peer::Group(pair.group_id.as_str().into())));
    let groups = groups.collect();
    let ipv4 = ipv4
        .into_iter()
        .filter(|range| !is_for(Peer::Cidr(range.cidr_ip.clone())))
        .collect();
    let ipv6 = ipv6
        .into_iter()
        .filter(|range| !is_for(Peer::Cidr(range.cidr_ipv6.clone())))
        .collect();
    let lists = lists
        .into_iter()
        .filter(|list| !is_for(Peer::PrefixList(list.prefix_list_id.clone())))
        .collect();
    permission.user_id_group_pairs = groups;
    permission.ip_ranges = ipv4;
    permission.ipv6_ranges = ipv6;
    permission.prefix_list_ids = lists;
}

/// Whether two rules let the same through. Descriptions do not count, and for all protocols no ports do.
fn is_same(one: &Rule, other: &Rule) -> bool {
    let peer = |rule: &Rule| match &rule.peer {
        Peer::Cidr(text) => text
            .parse::<IpNet>()
            .map_or_else(|_| rule.peer.clone(), |range| Peer::Cidr(range.trunc().to_string())),
        peer => peer.clone(),
    };
    one.protocol == other.protocol
        && (one.protocol == Protocol::All || one.ports == other.ports)
        && peer(one) == peer(other)
}
