//! The tags by which the program recognizes its own groups (docs/decision.md, "The order of writes").

use crate::model::Side;

/// `true` on all that the program creates.
pub const MANAGED: &str = "autoconnect:managed";
/// The connection that the resource was made for.
pub const CONNECTION: &str = "autoconnect:connection";
/// The side that it was made for.
pub const ROLE: &str = "autoconnect:role";
/// On a group that `remove` is about to remove: the connection that is being removed. Put on before anything else
/// is written, so that nobody else starts to use the group, and nobody puts it back on a resource.
pub const REMOVING: &str = "autoconnect:removing";
/// On a group that infrastructure as code manages: the tool. No command but `adopt` changes such a group.
pub const OWNER: &str = "autoconnect:owner";
/// The tags that distinguish our own groups.
pub const OWN: [&str; 3] = [MANAGED, CONNECTION, ROLE];
/// What the keys of all our tags begin with; not for the user's own.
pub const PREFIX: &str = "autoconnect:";

/// The value of [`ROLE`] for a side.
pub fn role(side: Side) -> &'static str {
    match side {
        Side::Database => "database",
        Side::Function => "function",
        Side::Proxy => "proxy",
    }
}
