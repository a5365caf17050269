//! What the user named.

use crate::model::{CredentialsWish, DatabaseKind, EnvironmentWish, NewFunction};

/// A connection, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// The database's identifier.
    pub database: String,
    /// The function's name, partial ARN or ARN; a name where the function may be new.
    pub function: String,
    /// The function is made, unless an earlier run has made it.
    pub new_function: Option<NewFunction>,
    /// The proxy between them.
    pub proxy: ProxyWish,
    /// The user of the database as whom clients connect.
    pub user: Option<String>,
    /// The secret whose ARN the function's environment is to name, where no proxy is made with it.
    pub secret: Option<String>,
    /// The function's role is to be allowed to connect through the proxy by IAM.
    pub iam_required: bool,
    /// The function's environment is to say how to connect.
    pub environment: Option<EnvironmentWish>,
    /// A function that is in no VPC is to be attached to the database's.
    pub attach: bool,
}

impl Target {
    /// A direct connection, and nothing besides.
    #[must_use]
    pub fn direct(kind: DatabaseKind, database: &str, function: &str) -> Self {
        Self {
            kind,
            database: database.to_owned(),
            function: function.to_owned(),
            new_function: None,
            proxy: ProxyWish::None,
            user: None,
            secret: None,
            iam_required: false,
            environment: None,
            attach: false,
        }
    }
}

/// `--proxy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyWish {
    /// A direct connection.
    #[default]
    None,
    /// A proxy that exists.
    Existing(String),
    /// A proxy that is made, unless an earlier run has made it.
    New(NewProxyWish),
}

/// How a proxy is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProxyWish {
    /// Its name; else one that follows from the database's.
    pub name: Option<String>,
    /// How it authenticates to the database.
    pub credentials: CredentialsWish,
    /// The role that RDS assumes for it, by its ARN; else one is made.
    pub role: Option<String>,
    /// Nothing is to be made: the proxy may be gone, and is only looked for.
    pub only_looks: bool,
}
