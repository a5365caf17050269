//! Why a connection cannot be removed as requested.

use thiserror::Error;

use crate::users::Unread;

/// A requirement of a removal that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RemovalUnmet {
    /// AWS leaves no database without a group, and a function only outside a VPC.
    #[error("{group} is the only security group of {resource}, and AWS requires a {kind} to have one")]
    LastGroup {
        /// The resource as text.
        resource: String,
        /// Function or database.
        kind: &'static str,
        /// The group.
        group: String,
    },
    /// The function reaches something else by the same groups.
    #[error(
        "{group} is also on {other}: disassociating {function_group} from function {function} would disconnect the function from there too"
    )]
    LeadsElsewhere {
        /// The function.
        function: String,
        /// The function's group.
        function_group: String,
        /// The group of the database or the proxy.
        group: String,
        /// What else has it.
        other: String,
    },
    /// The proxy is not as `setup` makes it.
    #[error("proxy {proxy} is not as autoconnect created it, and is not deleted: {}", .differences.join("; "))]
    ProxyNotOurs {
        /// The proxy.
        proxy: String,
        /// What is different.
        differences: Vec<String>,
    },
    /// The function is not as `setup` makes it.
    #[error("function {function} is not as autoconnect created it, and is not deleted: {}", .differences.join("; "))]
    FunctionNotOurs {
        /// The function.
        function: String,
        /// What is different, or not ours.
        differences: Vec<String>,
    },
    /// Something else is connected with the function.
    #[error("function {function} is not deleted: it also has {group}, which may connect it with something else")]
    FunctionInUse {
        /// The function.
        function: String,
        /// The group.
        group: String,
    },
    /// Something else uses the proxy.
    #[error("proxy {proxy} is not deleted: {why}")]
    ProxyInUse {
        /// The proxy.
        proxy: String,
        /// What uses it.
        why: String,
    },
    /// The function needs the group for its other rules, and something else needs it for the connection.
    #[error("function {function} is not disconnected: it may need other rules of {group} ({rules}), and {used}")]
    RulesInUse {
        /// The function.
        function: String,
        /// The group.
        group: String,
        /// The rules that `setup` does not write.
        rules: String,
        /// What else uses the group.
        used: String,
    },
    /// Who uses a group could not be read, and disconnecting the function may disconnect it from something else too.
    #[error("function {function} is not disconnected, since {group} may also be used elsewhere: {unread}")]
    UsersUnknown {
        /// The function.
        function: String,
        /// The group of the database or the proxy.
        group: String,
        /// What could not be read.
        unread: Unread,
    },
    /// Someone started to use a group between the plan and its first step.
    #[error("function {function} started to use {group} in the meantime, and nothing was removed")]
    UsedMeanwhile {
        /// The function.
        function: String,
        /// The group.
        group: String,
    },
}

impl RemovalUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LastGroup { .. } => "last-group",
            Self::LeadsElsewhere { .. } => "leads-elsewhere",
            Self::ProxyNotOurs { .. } => "proxy-not-ours",
            Self::ProxyInUse { .. } => "proxy-in-use",
            Self::FunctionNotOurs { .. } => "function-not-ours",
            Self::FunctionInUse { .. } => "function-in-use",
            Self::RulesInUse { .. } => "rules-in-use",
            Self::UsersUnknown { unread, .. } => unread.code,
            Self::UsedMeanwhile { .. } => "used-meanwhile",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::LastGroup { resource, .. } => {
                format!("give {resource} another group first, then run again")
            }
            Self::LeadsElsewhere { group, other, .. } => {
                format!(
                    "if that connection is to be removed too, disassociate {group} from {other} first, then run again"
                )
            }
            Self::ProxyNotOurs { .. } => {
                "omit --with-proxy, and delete the proxy yourself if you no longer need it".to_owned()
            }
            Self::FunctionNotOurs { .. } => {
                "omit --with-function, and delete the function yourself if you no longer need it".to_owned()
            }
            Self::FunctionInUse { group, .. } => {
                format!("omit --with-function, or disassociate {group} from the function first, then run again")
            }
            Self::ProxyInUse { .. } => {
                "omit --with-proxy, or remove what uses the proxy first, then run again".to_owned()
            }
            Self::RulesInUse { function, group, .. } => format!(
                "move those rules to another group of function {function}: add them there and remove them from {group}, then run again"
            ),
            Self::UsersUnknown { unread, .. } => format!("allow the caller {} on *, then run again", unread.action),
            Self::UsedMeanwhile { .. } => "run again: the groups are shared now, and will be kept".to_owned(),
        }
    }
}
