//! One connection's observation, from the estate.

use std::collections::{BTreeMap, BTreeSet};

use super::{Connection, Estate, Look, Part};
use crate::model::{Extras, GroupId, GroupList, GroupQuota, Observation, ResourceTags, SecurityGroup, Subnet, network};
use crate::naming::Convention;

/// Which groups of the convention an observation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those on its resources: all that shows whether the decision is no-op.
    Associated,
    /// Those too that could be associated instead, or that were: all that the decision and its reasons depend on.
    Candidates,
}

/// Why there is no observation of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// These resources do not exist, each by its kind and name.
    Missing(Vec<(&'static str, String)>),
    /// This could not be read.
    Unread(Vec<String>),
}

impl Estate {
    /// What `setup` would observe of a connection.
    ///
    /// # Errors
    ///
    /// A resource does not exist, or could not be read.
    pub fn observation(&self, connection: &Connection, scope: Scope) -> Result<Observation, Obstacle> {
        let Connection {
            kind,
            database,
            proxy,
            function,
        } = connection;
        let kind_word = match kind {
            crate::model::DatabaseKind::Cluster => "cluster",
            crate::model::DatabaseKind::Instance => "instance",
        };
        let mut obstacles = Obstacles::default();
        let proxy = proxy
            .as_ref()
            .map(|name| obstacles.see(&self.proxy(name), "proxy", name));
        let database = obstacles.see(&self.database(*kind, database), kind_word, database);
        let function = obstacles.see(&self.function(function), "function", function);
        obstacles.unread.extend(self.unread(&Part::Groups).map(str::to_owned));
        let (Some(database), Some(function), false) = (database, function, proxy == Some(None)) else {
            return Err(obstacles.into());
        };
        if let Some(why) = self
            .unread(&Part::SubnetGroups)
            .filter(|_| database.vpc.as_str().is_empty())
        {
            obstacles.unread.push(why.to_owned());
        }
        if database.vpc.as_str().is_empty() && obstacles.unread.is_empty() {
            obstacles.unread.push(format!("{database} is in no VPC that AWS names"));
        }
        if database.port.is_none() {
            obstacles
                .unread
                .push(format!("{database} is {} and has no port yet", database.status));
        }
        if !obstacles.unread.is_empty() {
            return Err(obstacles.into());
        }
        let proxy = proxy.flatten();
        let lists = [
            database.groups(),
            function.groups(),
            proxy.map(|proxy| proxy.groups.clone()).unwrap_or_default(),
        ];
        let mut ids: BTreeSet<&GroupId> = lists.iter().flat_map(GroupList::iter).collect();
        if scope == Scope::Candidates {
            self.add_candidates(&mut ids, &connection.to_string(), &lists);
        }
        let groups = ids.into_iter().filter_map(|id| self.groups.get(id));
        let groups = groups.filter(|group| group.vpc == database.vpc && Convention::is_any(&group.name));
        let subnets = function.vpc.iter().flat_map(|vpc| &vpc.subnets);
        let function_subnets: Vec<Subnet> = subnets.filter_map(|id| self.subnets.get(id)).cloned().collect();
        Ok(Observation {
            groups: groups.cloned().collect(),
            database: database.clone(),
            function: function.clone(),
            function_subnets,
            proxy: proxy.cloned(),
            database_subnets: Vec::new(),
            extras: Extras {
                tags: ResourceTags {
                    function: Some(self.tags_of(&function.arn)),
                    proxy: proxy.map(|proxy| self.tags_of(&proxy.arn)),
                },
                ..Extras::default()
            },
            group_quota: GroupQuota::default(),
        })
    }

    /// The tags of a function or a proxy.
    fn tags_of(&self, arn: &str) -> network::Part<BTreeMap<String, String>> {
        match self.unread(&Part::Tags) {
            Some(why) => network::Part::Unread(why.to_owned()),
            None => network::Part::Read(self.tags.get(arn).cloned().unwrap_or_default()),
        }
    }

    /// The groups with which the connection could be made, and those that it was made with. A group that leads to
    /// the database names a group on it; one that leads to the proxy names one on it, or one that could be on it.
    fn add_candidates<'e>(
        &'e self,
        ids: &mut BTreeSet<&'e GroupId>,
        connection: &str,
        [database, _, proxy]: &'e [GroupList; 3],
    ) {
        let naming = |group: &GroupId| self.named_by.get(group).into_iter().flatten();
        let leading: Vec<&GroupId> = database.iter().flat_map(naming).collect();
        let for_proxy = leading
            .iter()
            .copied()
            .filter(|id| self.has_name(id, Convention::RdsproxyLambda));
        let before_proxy: Vec<&GroupId> = proxy.iter().chain(for_proxy).flat_map(naming).collect();
        ids.extend(leading);
        ids.extend(before_proxy);
        ids.extend(self.tagged.get(connection).into_iter().flatten());
        // What these groups name may be what was disassociated.
        let rules = |group: &'e SecurityGroup| group.ingress.iter().chain(&group.egress);
        let own: Vec<&SecurityGroup> = ids.iter().filter_map(|id| self.groups.get(id)).collect();
        ids.extend(own.into_iter().flat_map(rules).filter_map(|rule| rule.peer.group()));
    }

    fn has_name(&self, id: &GroupId, convention: Convention) -> bool {
        let group = self.groups.get(id);
        group.is_some_and(|group| convention.number(&group.name).is_some())
    }
}

#[derive(Default)]
struct Obstacles {
    missing: Vec<(&'static str, String)>,
    unread: Vec<String>,
}

impl Obstacles {
    fn see<'e, T>(&mut self, look: &Look<'e, T>, kind: &'static str, name: &str) -> Option<&'e T> {
        match look {
            Look::Found(found) => return Some(found),
            Look::Absent => self.missing.push((kind, name.to_owned())),
            Look::Unread(why) => self.unread.push((*why).to_owned()),
        }
        None
    }
}

impl From<Obstacles> for Obstacle {
    /// What does not exist is certain, whatever else could not be read.
    fn from(obstacles: Obstacles) -> Self {
        let Obstacles { missing, mut unread } = obstacles;
        unread.dedup();
        if missing.is_empty() {
            Self::Unread(unread)
        } else {
            Self::Missing(missing)
        }
    }
}
