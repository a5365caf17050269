//! What is exported of connections, from what was read of them.

mod proxies;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

use super::find::{Chain, Found};
use super::text::{Known, Reference};
use super::{Database, Export, ExportedConnection, Function, Group, GroupRef, GroupRule, RoleRef, RulePeer, Tags};
use crate::estate::Estate;
use crate::model::{
    self, DescribedRule, Direction, GroupId, Place, ProxyTargetGroup, Rule, SecurityGroup, Side, last_segment,
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
    /// Whether the account is such a one: then a rule without an id is planned, and not one whose id was not read.
    pub is_plan: bool,
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
        for group in groups.iter().filter(|group| group.exists) {
            let unread = group.rules.iter().filter(|rule| rule.exists && rule.id.is_none());
            let unread = unread.count();
            if unread > 0 {
                let Group { name, id, rules, .. } = group;
                let all = rules.len();
                self.export.unread.push(format!(
                    "the ids of some rules of {name} ({id}) were not read ({unread} of {all}), so these rules cannot be imported"
                ));
            }
        }
        self.export.groups = groups;
    }

    /// The place of a source or destination among others: exported groups by their names, which a planned one has too.
    fn rank(&self, peer: &RulePeer) -> (u8, String) {
        match peer {
            RulePeer::Group(GroupRef::Exported(id)) => {
                let name = self.estate.group(id).map(|group| group.name.clone());
                (0, name.unwrap_or_default())
            }
            RulePeer::Group(GroupRef::Other { id, .. }) => (1, id.to_string()),
            RulePeer::Cidr(range) => (2, range.clone()),
            RulePeer::PrefixList(list) => (3, list.clone()),
        }
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
                exists: known.is_some() || !self.details.planned.is_plan,
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
        rules.sort_by_cached_key(|rule| (rule.ports, rule.protocol.clone(), self.rank(&rule.peer)));
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
    pub fn proxies_of(found: &Found) -> Vec<&model::Proxy> {
        let proxies = found.chains.iter().filter_map(|chain| chain.observation.proxy.as_ref());
        let proxies: BTreeMap<&str, &model::Proxy> = proxies.map(|proxy| (proxy.name.as_str(), proxy)).collect();
        proxies.into_values().collect()
    }
}
