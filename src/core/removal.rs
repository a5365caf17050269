//! What is removed and what is kept when a function is disconnected from a database.
//!
//! Source: docs/removing.md, "What is removed, and what is kept". A group belongs to the connection if its tags say so, or if
//! it is on the connection's resource and leads, by a rule of either end, to a group of the next side. Of those that
//! belong
//!
//! | group | on its resource | itself |
//! |---|---|---|
//! | nothing else uses it | is disassociated | is deleted |
//! | something else uses it, or its partner | the function's is disassociated, the others are kept | is kept, and its tag names the next user |
//! | it is the only group of the function | the function is detached from its VPC | is deleted, or kept, as above |
//! | a rule of another group names it | the function's is disassociated, the others are kept | is kept, without the rules of this connection; one of the console's keeps them |
//! | it has a rule that `setup` does not write | is kept, unless it is the function's and the rule is inbound | is kept, without the rules of this connection |
//! | it is the only group of a proxy that is kept | is kept, and the function's is disassociated | is kept, with its whole set |
//!
//! Who uses a group: [`crate::users`].

mod ground;
mod left;
mod list;
mod made;
mod parts;
mod rules;
mod steps;
mod undo;
mod unmet;

use std::collections::BTreeSet;

pub use ground::ground;
pub use left::{Ends, StillConnected, still_connected};
pub use list::{Removable, ShrunkList, ownership_of};
pub use made::{MadeForProxy, MadeRole, MadeSecret};
pub use parts::{Part, Parts, parts};
pub use steps::steps;
pub use undo::{MadeFunction, Permission, Undo, may_come_in, permission, variables};
pub use unmet::RemovalUnmet;

use crate::model::{Observation, SecurityGroup, Side};
use crate::ownership::{is_removed_with, names_connection};
use crate::users::Users;

/// Whether the tags say that a group was made for the connection, is being removed with it, or was left by the removal of
/// another function from the same database, and is no function's.
pub fn is_made_for(group: &SecurityGroup, observation: &Observation) -> bool {
    let connection = observation.connection_id();
    names_connection(group, &connection)
        || is_removed_with(group, &connection)
        || names_connection(group, &observation.way_id())
}

/// What `remove` was asked for besides the names.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalWish {
    /// Groups created by the console are removed too, where nobody has changed them and nobody else uses them.
    pub console_made: bool,
    /// The proxy is removed too, with the role and the secrets that were made for it.
    pub with_proxy: bool,
    /// The function is removed too, with the role that was made for it.
    pub with_function: bool,
    /// The variables of the function's environment are removed that still have the values that were set.
    pub unset_env: bool,
}

/// A connection as it stands before, or in the middle of, its removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The connection.
    pub observation: Observation,
    /// Who uses its groups.
    pub users: Users,
    /// What was made for the proxy; read only if it is to be removed.
    pub made: Option<MadeForProxy>,
    /// The sides whose resource no longer exists: what is left of the connection was found by its tags.
    pub gone: BTreeSet<Side>,
    /// What lets traffic pass besides the groups of the connection.
    pub ends: Ends,
    /// What the function was given besides groups.
    pub undo: Undo,
}

impl Standing {
    /// Whether the resource of a side still exists.
    pub fn has(&self, side: Side) -> bool {
        !self.gone.contains(&side)
    }
}
