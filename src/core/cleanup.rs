//! Unused resources that this program created: left by runs that died, or by functions, databases and proxies
//! that were deleted.
//!
//! Security groups are judged by set: a set is the groups of ours whose rules name each other. A set is in use as long
//! as anything except a database or a proxy uses one of its groups: a function in any version, an interface, a launch
//! template. All groups of an unused set are removed, unless one of them must be kept. A proxy of ours is removed with
//! them if it has no other groups, no target except the database of its tags, and no endpoints; unused roles and
//! secrets are removed too. Proxies, roles and secrets are compared as when `setup` takes them over ([`crate::adopt`]).
//! Everything that looks ours and is kept is named with the reason.

mod groups;
mod identity;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{GroupId, GroupList, Origin, SecurityGroup};
use crate::plan::{Ground, May, Plan, Right, Steps};
use crate::removal::{MadeRole, MadeSecret, Removable};
use crate::users::{User, Users};

/// The command that removes what is no longer in use, as an argument list of this program.
pub const COMMAND: [&str; 1] = ["cleanup"];

/// What looks ours in an account and Region, and what could use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The account and Region.
    pub origin: Origin,
    /// The security groups with our tags.
    pub groups: Vec<SecurityGroup>,
    /// Who uses each of them.
    pub users: Users,
    /// The security groups of the databases and proxies.
    pub lists: BTreeMap<User, GroupList>,
    /// The databases from which groups are being disassociated.
    pub coming_off: BTreeMap<GroupId, User>,
    /// The groups that rules of ours name, and that exist.
    pub peers: BTreeSet<GroupId>,
    /// The proxies with our tags.
    pub proxies: Vec<LeftProxy>,
    /// The ARNs of the proxies whose tags were read.
    pub asked: Vec<String>,
    /// The roles with names of ours.
    pub roles: Vec<MadeRole>,
    /// The secrets with names of ours.
    pub secrets: Vec<MadeSecret>,
    /// What else could not be read, in sentences.
    pub unread: Vec<String>,
}

/// A proxy with our tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftProxy {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its groups.
    pub groups: GroupList,
    /// How it differs from one that this program makes, what else it serves, and what could not be read of it.
    pub differences: Vec<String>,
}

/// What is removed, and why the rest is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaning {
    /// The steps.
    pub plan: Plan,
    /// What is removed and what is kept, one sentence each.
    pub reasons: Vec<String>,
}

/// What is to be removed.
pub fn clean(left: &Leftovers) -> Cleaning {
    let mut steps = Steps::default();
    let (mut reasons, going) = groups::clean(left, &mut steps);
    reasons.extend(identity::clean(left, &going, &mut steps));
    reasons.extend(left.unread.iter().cloned());
    Cleaning {
        plan: steps.plan(),
        reasons,
    }
}

/// What the plan is checked against: the groups with our tags, each with whose it is, and the proxies, roles and secrets that
/// are exactly as this program makes them.
pub fn ground(left: &Leftovers) -> Ground<'_> {
    let ground = left.groups.iter().fold(Ground::new(May::TakeAway), |ground, group| {
        // By its own tags, name and description: the other end of its set may be gone.
        let right = Removable::unused(group).map_or(Right::None, |_| Right::Credible);
        ground.with_group(group, right)
    });
    let proxies = left.proxies.iter().filter(|proxy| proxy.differences.is_empty());
    let roles = left.roles.iter().filter(|role| role.differences.is_empty());
    let secrets = left.secrets.iter().filter(|secret| secret.differences.is_empty());
    proxies
        .map(|proxy| proxy.name.as_str())
        .chain(roles.map(|role| role.name.as_str()))
        .chain(secrets.map(|secret| secret.arn.as_str()))
        .fold(ground, Ground::with_other)
}

/// Name and id.
fn named(group: &SecurityGroup) -> String {
    format!("{} ({})", group.name, group.id)
}
