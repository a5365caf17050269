//! What the user named.

use crate::model::{CredentialsWish, DatabaseKind, Elsewhere, EnvironmentWish, Named, NewFunction, Origin};

/// A connection, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// The database's identifier or ARN.
    pub database: String,
    /// The function's name, partial ARN or ARN; a name where the function may be new.
    pub function: String,
    /// The function is made, unless an earlier run created it.
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

impl Target {
    /// The database's identifier, as RDS keeps it.
    pub fn database_id(&self) -> String {
        Named::of(&self.database).name().to_ascii_lowercase()
    }

    /// The function's name.
    pub fn function_name(&self) -> &str {
        Named::of(&self.function).name()
    }

    /// Whether all that was named by ARNs can be where the run reads, as far as that is known.
    ///
    /// # Errors
    ///
    /// Something is in another partition, Region or account.
    pub fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        let new = match &self.proxy {
            ProxyWish::New(wish) => Some(wish),
            ProxyWish::None | ProxyWish::Existing(_) => None,
        };
        let of_proxy = new.and_then(|wish| match &wish.credentials {
            CredentialsWish::Secret(secret) => Some(secret),
            _ => None,
        });
        let secrets = of_proxy.into_iter().chain(&self.secret);
        let role = new.and_then(|wish| wish.role.as_ref());
        [&self.database, &self.function]
            .into_iter()
            .chain(secrets)
            .chain(role)
            .try_for_each(|text| Named::of(text).check(here))
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
    /// A proxy that is made, unless an earlier run created it.
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
    /// Its clients are to use passwords, not IAM: `--iam-auth disabled`.
    pub without_iam: bool,
    /// Nothing is to be made: the proxy may be gone, and is only looked for.
    pub only_looks: bool,
}
