//! What an account shows of rules and proxies beyond what connections are judged by.

use super::document::{ConnectionPoolEntry, DbProxyEntry, ReferencedGroup, SecurityGroupRuleEntry, Tag};
use super::rules::{Outcome, State};
use crate::model::{
    ConnectionPool, DescribedRule, Direction, GroupId, IDLE_TIMEOUT, Peer, PortRange, Protocol, ProxyLogin,
    ProxySettings, ProxyTargetGroup, Rule,
};

/// How RDS makes a proxy: `ConnectionBorrowTimeout` in seconds, and the share of the database's connections.
const POOL: (u32, u32, u32) = (120, 100, 50);

/// The settings of a proxy.
pub(super) fn settings(entry: &DbProxyEntry) -> ProxySettings {
    let logins: Vec<ProxyLogin> = if entry.auth.is_empty() {
        let iam_auth = entry.iam_auth.clone().unwrap_or_else(|| "DISABLED".to_owned());
        let login = |secret: &String| ProxyLogin {
            scheme: Some("SECRETS".to_owned()),
            secret: Some(secret.clone()),
            iam_auth: Some(iam_auth.clone()),
            ..ProxyLogin::default()
        };
        entry.secret_arns.iter().map(login).collect()
    } else {
        let logins = entry.auth.iter().map(|auth| ProxyLogin {
            description: auth.description.clone(),
            user: auth.user_name.clone(),
            scheme: auth.auth_scheme.clone(),
            secret: auth.secret_arn.clone(),
            iam_auth: auth.iam_auth.clone(),
            client_password_auth: auth.client_password_auth_type.clone(),
        });
        logins.collect()
    };
    let is_iam = logins.is_empty() && entry.iam().0;
    ProxySettings {
        logins,
        default_auth_scheme: Some(if is_iam { "IAM_AUTH" } else { "NONE" }.to_owned()),
        idle_client_timeout: Some(entry.idle_client_timeout.unwrap_or(IDLE_TIMEOUT)),
        endpoint_network_type: entry.endpoint_network_type.clone(),
        target_network_type: entry.target_connection_network_type.clone(),
    }
}

/// The id of a rule in a file without ids: it follows from what the rule says, as EC2 keeps rules apart.
fn made_id(group: &GroupId, direction: Direction, rule: &Rule) -> String {
    let Rule {
        protocol, ports, peer, ..
    } = rule;
    let ports = ports.map(|ports| ports.to_string()).unwrap_or_default();
    let text = format!("{group} {direction} {} {ports} {peer}", protocol.as_api());
    let (whole, turned) = (
        crc32fast::hash(text.as_bytes()),
        crc32fast::hash(format!("{text}.").as_bytes()),
    );
    format!("sgr-0{whole:08x}{turned:08x}")
}

impl SecurityGroupRuleEntry {
    /// The rule of a group, with its id.
    pub fn from_described(found: &DescribedRule) -> Self {
        let DescribedRule { rule, .. } = found;
        let cidr = |is_v6: bool| match &rule.peer {
            Peer::Cidr(cidr) if cidr.contains(':') == is_v6 => Some(cidr.clone()),
            _ => None,
        };
        Self {
            security_group_rule_id: found.id.clone(),
            group_id: found.group.to_string(),
            is_egress: found.direction == Direction::Egress,
            ip_protocol: rule.protocol.as_api().to_owned(),
            from_port: rule.ports.map(|ports| ports.from),
            to_port: rule.ports.map(|ports| ports.to),
            cidr_ipv4: cidr(false),
            cidr_ipv6: cidr(true),
            prefix_list_id: match &rule.peer {
                Peer::PrefixList(list) => Some(list.clone()),
                _ => None,
            },
            referenced_group_info: rule.peer.group().map(|group| ReferencedGroup {
                group_id: group.to_string(),
                user_id: found.peer_account.clone(),
            }),
            description: rule.description.clone(),
            tags: Tag::list(&found.tags),
        }
    }

    fn to_model(&self, account: &str) -> Option<DescribedRule> {
        let group = self.referenced_group_info.as_ref();
        let cidr = self.cidr_ipv4.as_ref().or(self.cidr_ipv6.as_ref());
        let peer = match (group, cidr, &self.prefix_list_id) {
            (Some(group), ..) => Peer::Group(group.group_id.as_str().into()),
            (None, Some(cidr), _) => Peer::Cidr(cidr.clone()),
            (None, None, Some(list)) => Peer::PrefixList(list.clone()),
            (None, None, None) => return None,
        };
        let ports = self.from_port.zip(self.to_port);
        Some(DescribedRule {
            id: self.security_group_rule_id.clone(),
            group: self.group_id.as_str().into(),
            direction: if self.is_egress {
                Direction::Egress
            } else {
                Direction::Ingress
            },
            rule: Rule {
                protocol: Protocol::from_api(&self.ip_protocol),
                ports: ports.map(|(from, to)| PortRange { from, to }),
                peer,
                description: self.description.clone(),
            },
            peer_account: group.map(|group| group.user_id.clone().unwrap_or_else(|| account.to_owned())),
            tags: Tag::map(&self.tags),
        })
    }
}

impl State {
    /// Notes the id of a rule that was added, in a file that lists ids.
    pub(super) fn list_rule(&mut self, group: &GroupId, direction: Direction, rule: &Rule) {
        let added = DescribedRule {
            id: made_id(group, direction, rule),
            group: group.clone(),
            direction,
            rule: rule.clone(),
            peer_account: None,
            tags: std::collections::BTreeMap::new(),
        };
        let Some(listed) = &mut self.document.security_group_rules else {
            return;
        };
        let account = &self.document.account_id;
        let is_it = |entry: &SecurityGroupRuleEntry| {
            entry.to_model(account).is_some_and(|known| {
                known.group == *group && known.direction == direction && known.rule.is_same_as(rule)
            })
        };
        // One that was taken away and is added again is another rule.
        listed.retain(|entry| !is_it(entry));
        listed.push(SecurityGroupRuleEntry::from_described(&added));
    }

    /// The rules of groups, one by one, as far as their ids are known.
    pub(super) fn described_rules(&self, groups: &[GroupId]) -> Vec<DescribedRule> {
        let document = &self.document;
        let listed = document.security_group_rules.as_ref().map(|listed| {
            let known = listed.iter().filter_map(|entry| entry.to_model(&document.account_id));
            known.collect::<Vec<_>>()
        });
        let mut found = Vec::new();
        for entry in &document.security_groups {
            let group = entry.to_model();
            if !groups.contains(&group.id) {
                continue;
            }
            for direction in [Direction::Ingress, Direction::Egress] {
                let permissions = match direction {
                    Direction::Ingress => &entry.ip_permissions,
                    Direction::Egress => &entry.ip_permissions_egress,
                };
                let accounts = permissions
                    .iter()
                    .flat_map(|permission| &permission.user_id_group_pairs);
                let accounts: Vec<_> = accounts.collect();
                for rule in group.rules(direction) {
                    let known = listed.as_ref().map(|listed| {
                        listed.iter().find(|known| {
                            known.group == group.id && known.direction == direction && known.rule.is_same_as(rule)
                        })
                    });
                    let account_of = |peer: &GroupId| {
                        let pair = accounts.iter().find(|pair| pair.group_id == peer.as_str());
                        pair.and_then(|pair| pair.user_id.clone())
                            .unwrap_or_else(|| document.account_id.clone())
                    };
                    match known {
                        Some(Some(known)) => found.push(DescribedRule {
                            rule: rule.clone(),
                            ..known.clone()
                        }),
                        Some(None) => {}
                        None => found.push(DescribedRule {
                            id: made_id(&group.id, direction, rule),
                            group: group.id.clone(),
                            direction,
                            rule: rule.clone(),
                            peer_account: rule.peer.group().map(account_of),
                            tags: std::collections::BTreeMap::new(),
                        }),
                    }
                }
            }
        }
        found
    }

    /// The default target group of a proxy.
    pub(super) fn target_group(&mut self, proxy: &str) -> Outcome<ProxyTargetGroup> {
        let entry = self.proxy(proxy)?.clone();
        let made = || self.arn("rds", &format!("target-group:prx-tg-{}", entry.name));
        let (borrow, most, idle) = POOL;
        let pool = entry.connection_pool_config.unwrap_or(ConnectionPoolEntry {
            connection_borrow_timeout: Some(borrow),
            max_connections_percent: Some(most),
            max_idle_connections_percent: Some(idle),
            ..ConnectionPoolEntry::default()
        });
        Ok(ProxyTargetGroup {
            name: "default".to_owned(),
            arn: entry.target_group_arn.clone().unwrap_or_else(made),
            pool: ConnectionPool {
                borrow_timeout: pool.connection_borrow_timeout,
                init_query: pool.init_query,
                max_connections: pool.max_connections_percent,
                max_idle_connections: pool.max_idle_connections_percent,
                pinning_filters: pool.session_pinning_filters,
            },
        })
    }
}
