//! What finishes by itself, and is waited for.

/// Something that ends by itself, and that a write has to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// The function is `Pending`, or an update of it is `InProgress`.
    FunctionUpdate {
        /// The function.
        function: String,
    },
    /// The proxy is being created or changed.
    ProxyAvailable {
        /// The proxy.
        proxy: String,
    },
    /// The proxy is being deleted, and is to be created again.
    ProxyGone {
        /// The proxy.
        proxy: String,
    },
    /// The proxy's target is `REGISTERING`.
    TargetHealth {
        /// The proxy.
        proxy: String,
        /// Kind and identifier of the database.
        database: String,
    },
    /// The database or members of it are not `available`, and the user asked to wait.
    DatabaseAvailable {
        /// Kind and identifier.
        database: String,
        /// Each resource that is not available, with its status.
        states: Vec<String>,
    },
    /// Another run has started the set of groups that this one shares, and is completing it.
    SetOfAnother {
        /// The function that the other run connects.
        function: String,
    },
    /// Something of a network is on its way to be available.
    Available {
        /// What, with its id.
        what: String,
    },
}

impl Pending {
    /// Whether a run whose goal is reached otherwise ends without an error where this still lasts at the end of its time.
    pub fn can_stay(&self) -> bool {
        matches!(self, Self::TargetHealth { .. })
    }
}

impl std::fmt::Display for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Available { what } => write!(f, "{what} to become available"),
            Self::ProxyAvailable { proxy } => write!(f, "proxy {proxy} to become available"),
            Self::ProxyGone { proxy } => write!(f, "proxy {proxy} to be deleted"),
            Self::TargetHealth { proxy, database } => {
                write!(f, "proxy {proxy} to reach {database}")
            }
            Self::SetOfAnother { function } => {
                write!(f, "the run for function {function} to complete the security groups")
            }
            Self::FunctionUpdate { function } => write!(f, "an update of function {function} to finish"),
            Self::DatabaseAvailable { database, states } => {
                write!(f, "{database} to become available ({})", states.join(", "))
            }
        }
    }
}
