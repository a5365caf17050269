//! The account as a change will leave it: an account document that the change is applied to, and beside it what the document
//! cannot express. What is not known of the change is a [`Doubt`].

mod acls;
mod computers;
mod groups;
mod proxies;
mod routes;
mod vpcs;

use std::collections::{BTreeMap, BTreeSet};

use crate::account::AccountDocument;
use crate::model::{DatabaseKind, Direction, PortRange, Protocol};

pub(crate) use computers::default_port;
pub use computers::{DatabaseChange, FunctionChange, VpcWish};
pub use groups::NewGroup;
pub use proxies::ProxyChange;
pub use routes::OfTable;

/// What a connection depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// Everything there is.
    Everything,
    /// A VPC: its route tables, network ACLs, subnets and peering connections.
    Vpc(String),
    /// A security group, by its id.
    Group(String),
    /// A function, by its name.
    Function(String),
    /// A database, by its kind and identifier.
    Database(DatabaseKind, String),
    /// A proxy, by its name.
    Proxy(String),
}

/// Which part of a path a change or a doubt is about. A path that another part blocks stays blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Security groups: their rules, and who has them.
    Groups,
    /// Network ACLs, routes, subnets.
    Network,
    /// Whether a resource exists, and how it stands.
    Resource,
}

/// A change of something that connections depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// Whose change it is: the address of a resource in the plan.
    pub by: String,
    /// What is changed.
    pub about: About,
    /// On what of the path.
    pub layer: Layer,
}

/// How the account can differ from what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ways {
    /// More may pass.
    pub more: bool,
    /// Less may pass.
    pub less: bool,
    /// More may come in from the internet.
    pub opens: bool,
}

impl Ways {
    /// In any way.
    pub const ANY: Self = Self {
        more: true,
        less: true,
        opens: true,
    };
    /// More may pass, also from the internet.
    pub const MORE: Self = Self {
        less: false,
        ..Self::ANY
    };
    /// More may pass, but not from the internet.
    pub const MORE_INSIDE: Self = Self {
        more: true,
        less: false,
        opens: false,
    };
    /// Less may pass.
    pub const LESS: Self = Self {
        more: false,
        less: true,
        opens: false,
    };
    /// More may come in from the internet, and nothing else.
    pub const OPENS: Self = Self {
        more: false,
        less: false,
        opens: true,
    };
}

/// Something of the change that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// What it is about, and whose change it is.
    pub touch: Touch,
    /// How the account can differ from the document.
    pub ways: Ways,
    /// Why, in a sentence without its first capital and its full stop.
    pub why: String,
    /// What limits it, if anything does.
    pub limit: Option<Limit>,
}

/// What limits a doubt: an account that shows its worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// It is about rules of groups only: [`Future::at_most`] has all that they can let pass.
    Rules,
    /// It is about which groups a resource has: [`Future::at_least`] has only those that are certain.
    List,
}

/// A protocol with its ports.
pub type Traffic = (Protocol, Option<PortRange>);

/// What rules that are not known can let pass at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtMost {
    /// In these directions.
    pub directions: Vec<Direction>,
    /// This; all where it is not known.
    pub traffic: Option<Traffic>,
}

impl AtMost {
    /// Nothing: rules may only go.
    pub const NOTHING: Self = Self {
        directions: Vec::new(),
        traffic: None,
    };

    /// Everything, both ways.
    pub fn everything() -> Self {
        Self {
            directions: vec![Direction::Ingress, Direction::Egress],
            traffic: None,
        }
    }

    /// In one direction.
    pub fn of(direction: Direction, traffic: Option<Traffic>) -> Self {
        Self {
            directions: vec![direction],
            traffic,
        }
    }
}

/// Some ids, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Those that are known.
    pub ids: Vec<String>,
    /// Why there may be further ones.
    pub more: Option<String>,
    /// Whether those are, if at all, of those that were in the list before.
    pub are_old: bool,
    /// Why some of them may be missing.
    pub fewer: Option<String>,
    /// Those that are in the list even so.
    pub certain: Vec<String>,
}

impl Ids {
    /// Exactly these.
    pub fn of(ids: Vec<String>) -> Self {
        Self { ids, ..Self::default() }
    }

    /// None that are known, and why.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self {
            more: Some(why.into()),
            ..Self::default()
        }
    }
}

/// A value, or why it is not known.
pub type Known<T> = Result<T, String>;

/// The account as the change will leave it.
#[derive(Clone, Debug)]
pub struct Future {
    /// What can be expressed of it.
    pub document: AccountDocument,
    /// What was changed.
    pub touches: BTreeSet<Touch>,
    /// What is not known.
    pub doubts: BTreeSet<Doubt>,
    /// What was not understood, each with its reason.
    pub not_understood: BTreeSet<(String, String)>,
    /// What rules that are not known can let pass at most, in a group or, where that is not known, in any.
    possible_rules: BTreeSet<(Option<String>, AtMost)>,
    /// The groups that are certain in lists of which some may be missing.
    certain_groups: BTreeMap<About, Vec<String>>,
    /// The groups that are deleted once nothing has them, with whose change that is.
    deleted_groups: Vec<(String, String)>,
    /// Groups that get their names once those that are replaced are deleted.
    renamed: Vec<(String, String)>,
    /// The subnets that are deleted likewise.
    deleted_subnets: Vec<(String, String)>,
}

impl Future {
    /// The account as it is.
    pub fn of(document: AccountDocument) -> Self {
        Self {
            document,
            touches: BTreeSet::new(),
            doubts: BTreeSet::new(),
            not_understood: BTreeSet::new(),
            possible_rules: BTreeSet::new(),
            certain_groups: BTreeMap::new(),
            deleted_groups: Vec::new(),
            renamed: Vec::new(),
            deleted_subnets: Vec::new(),
        }
    }

    /// Deletes what is to be deleted once nothing uses it. To be called when all else is done.
    pub fn finish(&mut self) {
        self.delete_groups();
        self.delete_subnets();
    }

    /// Something that was not understood, and what may depend on it.
    pub fn not_understood(&mut self, by: &str, about: About, layer: Layer, why: impl Into<String>) {
        let why = why.into();
        self.not_understood.insert((by.to_owned(), why.clone()));
        self.doubt(by, about, layer, Ways::ANY, why);
    }

    /// Something that is not judged, although it can change more than it says.
    pub fn not_judged(&mut self, what: &str, why: impl Into<String>) {
        self.not_understood.insert((what.to_owned(), why.into()));
    }

    /// What depends on a group, a subnet or a VPC of the account, by its id.
    pub fn depending_on(&self, id: &str) -> Option<(About, Layer)> {
        if self.has_group(id) {
            return Some((About::Group(id.to_owned()), Layer::Groups));
        }
        let vpc = self.has_vpc(id).then(|| id.to_owned());
        let vpc = vpc.or_else(|| self.vpc_of_subnet(id))?;
        Some((About::Vpc(vpc), Layer::Network))
    }

    /// Something that is not known, and what may depend on it.
    pub fn not_known(&mut self, by: &str, about: About, layer: Layer, why: impl Into<String>) {
        self.doubt(by, about, layer, Ways::ANY, why);
    }

    /// Something that may be deleted, by which no path opens.
    pub fn may_be_deleted(&mut self, by: &str, about: About, why: &str) {
        self.doubt(by, about, Layer::Resource, Ways::LESS, why);
    }

    fn touch(&mut self, by: &str, about: About, layer: Layer) {
        self.touches.insert(Touch {
            by: by.to_owned(),
            about,
            layer,
        });
    }

    fn doubt(&mut self, by: &str, about: About, layer: Layer, ways: Ways, why: impl Into<String>) {
        self.touch(by, about.clone(), layer);
        self.limited_doubt((by, about, layer), ways, why.into(), None);
    }

    /// A doubt, without a touch: what only adds rules is not what breaks a connection.
    fn limited_doubt(
        &mut self,
        (by, about, layer): (&str, About, Layer),
        ways: Ways,
        why: String,
        limit: Option<Limit>,
    ) {
        let touch = Touch {
            by: by.to_owned(),
            about,
            layer,
        };
        self.doubts.insert(Doubt {
            touch,
            ways,
            why,
            limit,
        });
    }

    fn has_group(&self, id: &str) -> bool {
        self.document.security_groups.iter().any(|group| group.group_id == id)
    }

    fn vpc_of_subnet(&self, id: &str) -> Option<String> {
        let subnet = self.document.subnets.iter().find(|subnet| subnet.subnet_id == id)?;
        Some(subnet.vpc_id.clone())
    }

    fn has_vpc(&self, id: &str) -> bool {
        self.document.vpcs.iter().any(|vpc| vpc.vpc_id == id)
    }

    /// The groups of a list that the account has, each once. What is not known of the list is a doubt.
    fn listed_groups(&mut self, by: &str, about: &About, list: Ids) -> Vec<String> {
        let Ids {
            ids,
            more,
            are_old,
            fewer,
            certain,
        } = list;
        // Nothing comes in through a group of a function, and nothing new through one that was there.
        let ways = match about {
            About::Function(_) => Ways::MORE_INSIDE,
            _ if are_old => Ways::MORE_INSIDE,
            _ => Ways::MORE,
        };
        let mut listed = Vec::new();
        for id in ids {
            if !self.has_group(&id) {
                let why = format!("{by} gives it group {id}, which was not found in the account");
                self.doubt(by, about.clone(), Layer::Groups, ways, why);
            } else if !listed.contains(&id) {
                listed.push(id);
            }
        }
        if let Some(why) = more {
            self.doubt(by, about.clone(), Layer::Groups, ways, why);
        }
        if let Some(why) = fewer {
            let certain = certain.into_iter().filter(|id| self.has_group(id)).collect();
            self.certain_groups.insert(about.clone(), certain);
            self.touch(by, about.clone(), Layer::Groups);
            let of_groups = (by, about.clone(), Layer::Groups);
            self.limited_doubt(of_groups, Ways::LESS, why, Some(Limit::List));
        }
        listed
    }

    /// The subnets of a list that the account has; none where they are not all known to be in one VPC.
    fn listed_subnets(&mut self, by: &str, about: &About, list: Ids) -> Option<Vec<String>> {
        let Ids { ids, more, fewer, .. } = list;
        if let Some(why) = more.or(fewer) {
            self.doubt(by, about.clone(), Layer::Network, Ways::ANY, why);
            return None;
        }
        let vpcs: BTreeSet<Option<String>> = ids.iter().map(|id| self.vpc_of_subnet(id)).collect();
        if ids.is_empty() || vpcs.len() != 1 || vpcs.contains(&None) {
            let why = format!(
                "{by} gives it subnets of which one was not found in the account: {}",
                ids.join(", ")
            );
            self.doubt(by, about.clone(), Layer::Network, Ways::ANY, why);
            return None;
        }
        let mut each = Vec::new();
        for id in ids {
            if !each.contains(&id) {
                each.push(id);
            }
        }
        Some(each)
    }
}
