//! What is exported of connections, from what was read of them.

use std::collections::{BTreeMap, BTreeSet};

use super::find::{Chain, Found};
use super::text::{Json, Known, Reference};
use super::{
    Attachment, Database, Export, ExportedConnection, Function, Group, GroupRef, GroupRule, InlinePolicy, Login,
    OtherProxy, OtherRole, Proxy, Role, RoleRef, RulePeer, Secret, SecretRef, Tags, Target,
};
use crate::adopt::is_connect_policy;
use crate::estate::Estate;
use crate::model::{
    self, DatabaseKind, DescribedRule, Direction, GroupId, Place, ProxyTargetGroup, Rule, SecurityGroup, Side,
    last_segment,
};
use crate::naming::created;
use crate::ownership::is_managed;

/// A role with all of its policies, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRole {
    /// Its ARN.
    pub arn: String,
    /// Free text.
    pub description: Option<String>,
    /// Who may assume it, as JSON.
    pub trust: String,
    /// How long a session may last, in seconds.
    pub max_session: Option<u32>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its own policies, with their documents; of a role of another owner those whose names are of our making.
    pub inline: Vec<(String, String)>,
    /// The ARNs of its managed policies; not read of a role of another owner.
    pub attached: Vec<String>,
}

/// What was read of a proxy besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundProxy {
    /// Its tags.
    pub tags: Tags,
    /// Its default target group; none of a proxy of another owner.
    pub target_group: Option<ProxyTargetGroup>,
}

/// A secret of a proxy, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSecret {
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The key that encrypts it, if it is not the one of AWS.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What does not exist yet of an account on which plans were carried out in memory. Groups, rules, proxies and secrets show it
/// themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The groups, by their stand-ins.
    pub groups: BTreeSet<GroupId>,
    /// The secrets, by their ARNs.
    pub secrets: BTreeSet<String>,
    /// The proxies, by name.
    pub proxies: BTreeSet<String>,
    /// The proxies whose targets are not registered yet, by name.
    pub targets: BTreeSet<String>,
    /// The roles, by name.
    pub roles: BTreeSet<String>,
    /// Inline policies, by role and name.
    pub policies: BTreeSet<(String, String)>,
}

/// What was read of connections besides the estate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The rules of the groups, one by one.
    pub rules: Vec<DescribedRule>,
    /// The proxies of the connections, by name.
    pub proxies: BTreeMap<String, FoundProxy>,
    /// Roles of proxies and functions, by name.
    pub roles: BTreeMap<String, FoundRole>,
    /// The secrets of our proxies, by ARN.
    pub secrets: BTreeMap<String, FoundSecret>,
    /// What does not exist yet.
    pub planned: Planned,
    /// What could not be read, a sentence each.
    pub unread: Vec<String>,
}

/// What is exported of these connections.
#[must_use]
pub fn build(estate: &Estate, found: &Found, details: &Details) -> Export {
    let mut builder = Builder::new(estate, found, details);
    builder.groups();
    for chain in &found.chains {
        builder.others(chain);
    }
    builder.proxies();
    builder.finish()
}

struct Builder<'e> {
    estate: &'e Estate,
    found: &'e Found,
    details: &'e Details,
    /// The exported groups, with their sides.
    sides: BTreeMap<&'e GroupId, Side>,
    /// The proxies of the connections.
    on: BTreeMap<&'e str, &'e model::Proxy>,
    export: Export,
}

/// Tags that can be written.
fn tags(found: &Tags) -> Tags {
    let own = found.iter().filter(|(key, _)| !key.starts_with("aws:"));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The path in a role's ARN: `arn:aws:iam::123456789012:role/service/name` has `/service/`.
fn path_of(arn: &str) -> String {
    let resource = arn.split_once(":role").map_or("/", |(_, resource)| resource);
    let end = resource.rfind('/').map_or(0, |at| at + 1);
    let path = &resource[..end];
    if path.is_empty() { "/" } else { path }.to_owned()
}

impl<'e> Builder<'e> {
    fn new(estate: &'e Estate, found: &'e Found, details: &'e Details) -> Self {
        let sides = found.chains.iter().flat_map(|chain| &chain.groups);
        let sides = sides.flat_map(|(side, groups)| groups.iter().map(|group| (group, *side)));
        let proxies = found.chains.iter().filter_map(|chain| chain.observation.proxy.as_ref());
        let first = found.chains.first().map(|chain| &chain.observation);
        Self {
            estate,
            found,
            details,
            sides: sides.collect(),
            on: proxies.map(|proxy| (proxy.name.as_str(), proxy)).collect(),
            export: Export {
                origin: first.map(model::Observation::origin).unwrap_or_default(),
                partition: first.map_or("aws", |first| first.database.place().partition).to_owned(),
                connections: found
                    .chains
                    .iter()
                    .map(|chain| ExportedConnection {
                        connection: chain.connection.clone(),
                        groups: chain.groups.clone(),
                    })
                    .collect(),
                left_out: found.left_out.iter().map(ToString::to_string).collect(),
                unread: details.unread.clone(),
                ..Export::default()
            },
        }
    }

    fn group_ref(&self, id: &GroupId, account: Option<&str>) -> GroupRef {
        if self.sides.contains_key(id) {
            return GroupRef::Exported(id.clone());
        }
        let own = self.export.origin.account.as_deref();
        GroupRef::Other {
            id: id.clone(),
            account: account.filter(|account| own != Some(*account)).map(str::to_owned),
            name: self.estate.group(id).map(|group| group.name.clone()),
        }
    }

    fn group_refs<'g>(&self, ids: impl IntoIterator<Item = &'g GroupId>) -> Vec<GroupRef> {
        ids.into_iter().map(|id| self.group_ref(id, None)).collect()
    }

    fn groups(&mut self) {
        let mut groups: Vec<Group> = Vec::new();
        for (id, side) in &self.sides {
            let Some(group) = self.estate.group(id) else { continue };
            let rules = [Direction::Ingress, Direction::Egress];
            let rules = rules.into_iter().flat_map(|direction| self.rules(group, direction));
            groups.push(Group {
                rules: rules.collect(),
                id: group.id.clone(),
                exists: !self.details.planned.groups.contains(&group.id),
                name: group.name.clone(),
                description: group.description.clone(),
                vpc: group.vpc.clone(),
                tags: tags(&group.tags),
                side: *side,
            });
        }
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.export.groups = groups;
    }

    fn rules(&self, group: &SecurityGroup, direction: Direction) -> Vec<GroupRule> {
        let known = |rule: &Rule| {
            self.details
                .rules
                .iter()
                .find(|known| known.group == group.id && known.direction == direction && known.rule.is_same_as(rule))
        };
        let rule = |rule: &Rule| {
            let known = known(rule);
            let account = known.and_then(|known| known.peer_account.as_deref());
            // Terraform and CloudFormation read rules one by one too.
            let told = known.map_or(rule, |known| &known.rule);
            GroupRule {
                id: known.map(|known| known.id.clone()),
                direction,
                protocol: rule.protocol.clone(),
                ports: rule.ports,
                peer: match &rule.peer {
                    model::Peer::Group(id) => RulePeer::Group(self.group_ref(id, account)),
                    model::Peer::Cidr(range) => RulePeer::Cidr(range.clone()),
                    model::Peer::PrefixList(list) => RulePeer::PrefixList(list.clone()),
                },
                description: told.description.clone().filter(|text| !text.is_empty()),
                tags: known.map(|known| tags(&known.tags)).unwrap_or_default(),
            }
        };
        let mut rules: Vec<GroupRule> = group.rules(direction).iter().map(rule).collect();
        rules.sort_by(|a, b| (&a.ports, &a.protocol, &a.peer).cmp(&(&b.ports, &b.protocol, &b.peer)));
        rules
    }

    /// The function and the database of a connection, and the policies by which the function's role may connect.
    fn others(&mut self, chain: &Chain) {
        let model::Observation { database, function, .. } = &chain.observation;
        let is_known = |known: &Database| (known.kind, &known.id) == (database.kind, &database.id);
        if !self.export.databases.iter().any(is_known) {
            let groups = self.group_refs(database.groups().iter());
            self.export.databases.push(Database {
                kind: database.kind,
                id: database.id.clone(),
                arn: database.arn.clone(),
                resource_id: database.access.resource_id.clone(),
                groups,
            });
        }
        if self.export.functions.iter().any(|known| known.name == function.name) {
            return;
        }
        let name = function.role.as_deref().map(last_segment);
        let region = Place::of(&function.arn).region;
        let own = name.filter(|name| *name == created::function_role(region, &function.name));
        let role = match (own.and_then(|name| self.own_role(name)), &function.role) {
            (Some(own), _) => Some(own),
            (None, Some(arn)) => {
                self.policies_on_other(arn);
                Some(RoleRef::Other(arn.clone()))
            }
            (None, None) => None,
        };
        let groups = self.group_refs(function.groups().iter());
        self.export.functions.push(Function {
            name: function.name.clone(),
            arn: function.arn.clone(),
            role,
            subnets: function.vpc.as_ref().map(|vpc| vpc.subnets.clone()).unwrap_or_default(),
            ipv6_allowed: function.vpc.as_ref().and_then(|vpc| vpc.ipv6_allowed),
            groups,
        });
    }

    /// A role of our making, if the tags of the one with this name prove it; it is exported with all of its policies.
    fn own_role(&mut self, name: &str) -> Option<RoleRef> {
        let found = self.details.roles.get(name).filter(|found| is_managed(&found.tags))?;
        let reference = RoleRef::Exported(name.to_owned());
        if self.export.roles.iter().any(|role| role.name == name) {
            return Some(reference);
        }
        let exists = !self.details.planned.roles.contains(name);
        let values = self.values();
        self.export.roles.push(Role {
            name: name.to_owned(),
            arn: found.arn.clone(),
            exists,
            path: path_of(&found.arn),
            description: found.description.clone().filter(|text| !text.is_empty()),
            trust: Json::refer(&found.trust, &values),
            max_session: found.max_session,
            boundary: found.boundary.clone(),
            tags: tags(&found.tags),
        });
        for (policy, document) in &found.inline {
            self.add_policy(reference.clone(), name, policy, document, &values);
        }
        let mut attached = found.attached.clone();
        attached.sort();
        let attached = attached.into_iter().map(|policy| Attachment {
            role: name.to_owned(),
            policy,
            exists,
        });
        self.export.attachments.extend(attached);
        Some(reference)
    }

    fn add_policy(&mut self, role: RoleRef, name: &str, policy: &str, document: &str, values: &[Known]) {
        let key = (name.to_owned(), policy.to_owned());
        self.export.policies.push(InlinePolicy {
            role,
            role_name: name.to_owned(),
            name: policy.to_owned(),
            exists: !self.details.planned.policies.contains(&key),
            document: Json::refer(document, values),
        });
    }

    /// The policies of our making on a role of another owner, by which it may connect through a proxy of these connections.
    fn policies_on_other(&mut self, arn: &str) {
        let name = last_segment(arn);
        if self.export.other_roles.iter().any(|role| role.arn == arn) {
            return;
        }
        let Some(found) = self.details.roles.get(name) else {
            return;
        };
        let place = self.place();
        let of_proxies: Vec<String> = self
            .on
            .keys()
            .map(|proxy| created::connect_policies(&place.1, proxy))
            .collect();
        let ours: Vec<(String, String)> = found
            .inline
            .iter()
            .filter(|(policy, document)| {
                let is_for = of_proxies.iter().any(|prefix| policy.starts_with(prefix.as_str()));
                is_for && is_connect_policy(Place::of(&place.0), policy, document)
            })
            .cloned()
            .collect();
        if ours.is_empty() {
            return;
        }
        let values = self.values();
        self.export.other_roles.push(OtherRole {
            name: name.to_owned(),
            arn: arn.to_owned(),
        });
        for (policy, document) in &ours {
            self.add_policy(RoleRef::Other(arn.to_owned()), name, policy, document, &values);
        }
    }

    /// An ARN of the export's account and Region, and the Region.
    fn place(&self) -> (String, String) {
        let chain = self.found.chains.first();
        let arn = chain
            .map(|chain| chain.observation.database.arn.clone())
            .unwrap_or_default();
        let region = Place::of(&arn).region.to_owned();
        (arn, region)
    }

    /// What stands in policies for something that has a reference.
    fn values(&self) -> Vec<Known> {
        let mut values = Vec::new();
        for arn in self.details.secrets.keys() {
            values.push(Known::between("", arn, "", Reference::SecretArn(arn.clone())));
        }
        for proxy in self.on.values() {
            let reference = Reference::ProxyResourceId(proxy.name.clone());
            values.push(Known::between(":dbuser:", last_segment(&proxy.arn), "/", reference));
        }
        for chain in &self.found.chains {
            let database = &chain.observation.database;
            if let Some(id) = &database.access.resource_id {
                let reference = Reference::DatabaseResourceId(database.kind, database.id.clone());
                values.push(Known::between(":dbuser:", id, "/", reference));
            }
        }
        if let (Some(account), Some(region)) = (&self.export.origin.account, &self.export.origin.region) {
            values.push(Known::between(":", region, &format!(":{account}:"), Reference::Region));
            values.push(Known::between(":", account, ":", Reference::Account));
        }
        values
    }

    fn proxies(&mut self) {
        let proxies: Vec<&model::Proxy> = self.on.values().copied().collect();
        for proxy in proxies {
            let groups = self.group_refs(proxy.groups.iter());
            let found = self.details.proxies.get(&proxy.name);
            match found.filter(|found| is_managed(&found.tags)) {
                Some(found) => {
                    let exported = self.proxy(proxy, found, groups);
                    self.export.proxies.push(exported);
                }
                None => self.export.other_proxies.push(OtherProxy {
                    name: proxy.name.clone(),
                    arn: proxy.arn.clone(),
                    groups,
                }),
            }
        }
    }

    fn proxy(&mut self, proxy: &model::Proxy, found: &FoundProxy, groups: Vec<GroupRef>) -> Proxy {
        let planned = &self.details.planned;
        let exists = !planned.proxies.contains(&proxy.name);
        let registered = exists && !planned.targets.contains(&proxy.name);
        let arn = proxy.role.clone().unwrap_or_default();
        let name = last_segment(&arn);
        let region = Place::of(&proxy.arn).region;
        let is_own = name == created::proxy_role(region, &proxy.name);
        let own = if is_own { self.own_role(name) } else { None };
        for login in &proxy.settings.logins {
            if let Some(arn) = &login.secret {
                self.secret(arn);
            }
        }
        let settings = &proxy.settings;
        let login = |login: &model::ProxyLogin| Login {
            description: login.description.clone(),
            user: login.user.clone(),
            scheme: login.scheme.clone(),
            secret: login.secret.as_ref().map(|arn| match self.export.secret(arn) {
                Some(_) => SecretRef::Exported(arn.clone()),
                None => SecretRef::Other(arn.clone()),
            }),
            iam_auth: login.iam_auth.clone(),
            client_password_auth: login.client_password_auth.clone(),
        };
        let mut targets: Vec<(DatabaseKind, String)> = proxy
            .targets
            .iter()
            .map(|target| {
                let (kind, id) = target.database();
                (kind, id.to_owned())
            })
            .collect();
        targets.sort();
        targets.dedup();
        Proxy {
            logins: settings.logins.iter().map(login).collect(),
            name: proxy.name.clone(),
            arn: proxy.arn.clone(),
            exists,
            engine_family: proxy.engine_family.clone(),
            vpc: proxy.vpc.clone(),
            subnets: proxy.subnets.clone(),
            groups,
            role: own.unwrap_or(RoleRef::Other(arn)),
            default_auth_scheme: settings.default_auth_scheme.clone(),
            requires_tls: proxy.requires_tls,
            idle_client_timeout: settings.idle_client_timeout,
            debug_logging: proxy.logs_statements,
            endpoint_network_type: settings.endpoint_network_type.clone(),
            target_network_type: settings.target_network_type.clone(),
            target_group: found.target_group.clone().unwrap_or_else(|| ProxyTargetGroup {
                name: "default".to_owned(),
                arn: String::new(),
                pool: model::ConnectionPool::default(),
            }),
            targets: targets
                .into_iter()
                .map(|(kind, database)| Target {
                    kind,
                    database,
                    exists: registered,
                })
                .collect(),
            tags: tags(&found.tags),
        }
    }

    fn secret(&mut self, arn: &str) {
        let Some(found) = self.details.secrets.get(arn).filter(|found| is_own_secret(found)) else {
            return;
        };
        if self.export.secret(arn).is_some() {
            return;
        }
        self.export.secrets.push(Secret {
            arn: arn.to_owned(),
            exists: !self.details.planned.secrets.contains(arn),
            name: found.name.clone(),
            description: found.description.clone(),
            kms_key: found.kms_key.clone(),
            tags: tags(&found.tags),
        });
    }

    fn finish(self) -> Export {
        let mut export = self.export;
        export.secrets.sort_by(|a, b| a.name.cmp(&b.name));
        export.roles.sort_by(|a, b| a.name.cmp(&b.name));
        export
            .other_roles
            .sort_by(|a, b| (&a.name, &a.arn).cmp(&(&b.name, &b.arn)));
        export
            .policies
            .sort_by(|a, b| (&a.role_name, &a.name).cmp(&(&b.role_name, &b.name)));
        export
            .attachments
            .sort_by(|a, b| (&a.role, &a.policy).cmp(&(&b.role, &b.policy)));
        export.databases.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        export.functions.sort_by(|a, b| a.name.cmp(&b.name));
        export
    }
}

/// Whether this program made a secret, by its name and its tags.
fn is_own_secret(found: &FoundSecret) -> bool {
    found.name.starts_with(created::SECRETS) && is_managed(&found.tags)
}

impl Details {
    /// The proxies of these connections of which more has to be read, by name.
    #[must_use]
    pub fn proxies_of(found: &Found) -> Vec<&model::Proxy> {
        let proxies = found.chains.iter().filter_map(|chain| chain.observation.proxy.as_ref());
        let proxies: BTreeMap<&str, &model::Proxy> = proxies.map(|proxy| (proxy.name.as_str(), proxy)).collect();
        proxies.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn paths_of_roles_come_from_their_arns() {
        let table = [
            ("arn:aws:iam::123456789012:role/r", "/"),
            ("arn:aws:iam::123456789012:role/service/apps/r", "/service/apps/"),
            ("", "/"),
        ];
        for (arn, path) in table {
            assert_eq!(path_of(arn), path, "{arn}");
        }
    }
}
