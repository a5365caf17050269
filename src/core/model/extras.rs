//! What `setup` was asked to do besides the security groups, with what was found.
//!
//! Source: docs/new-proxies.md.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{Part, Vpc};
use super::{ConnectionPool, GroupId};
use crate::attach::Site;
use crate::users::User;

/// What was asked for besides the groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// `--proxy new`: how the proxy is made, unless an earlier run created it.
    pub new_proxy: Option<NewProxy>,
    /// `--function new:NAME`: how the function is made, unless an earlier run created it.
    pub new_function: Option<NewFunction>,
    /// The user of the database as whom clients connect, where it was named.
    pub user: Option<String>,
    /// The secret that was named for the function's environment, where no proxy is made with it.
    pub secret: Option<Secret>,
    /// `--iam-auth required`: the function's role is to be allowed `rds-db:connect`.
    pub connect: Option<Connect>,
    /// `--set-env`.
    pub environment: Option<EnvironmentWish>,
    /// What was found under names of ours.
    pub found: Found,
    /// `--attach-vpc`: where the function is to be attached, if it is in no VPC.
    pub attach: Option<Box<Site>>,
    /// The database's VPC, where a function or a proxy is to be made in it.
    pub vpc: Part<Option<Vpc>>,
    /// The tags of the function and the proxy, by which their owners are known.
    pub tags: ResourceTags,
    /// What has the groups of sets that lack rules, besides the ends of this connection. It is asked for only where such a set
    /// could be completed.
    pub bearers: Option<Part<Bearers>>,
}

/// What has groups, by the groups.
pub type Bearers = BTreeMap<GroupId, BTreeSet<User>>;

/// The tags of resources that AWS describes without their tags. What was not asked for is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTags {
    /// Those of the function.
    pub function: Option<Part<BTreeMap<String, String>>>,
    /// Those of the proxy.
    pub proxy: Option<Part<BTreeMap<String, String>>>,
}

/// How a proxy is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProxy {
    /// How it authenticates to the database.
    pub credentials: Credentials,
    /// The role that RDS assumes for it; none where one is created.
    pub role: Option<Role>,
    /// What the user asked for: a proxy that exists has to have it.
    pub wish: CredentialsWish,
    /// Its clients are to use passwords, not IAM: `--iam-auth disabled`.
    pub without_iam: bool,
}

/// How a new proxy is to authenticate to the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CredentialsWish {
    /// With the database's managed master secret; nothing was named.
    #[default]
    MasterSecret,
    /// With the secret of this name or ARN.
    Secret(String),
    /// With a new secret, of the target's user and a password.
    Password,
    /// With IAM from end to end.
    Iam,
}

/// How a new proxy authenticates to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// The proxy exists: what it has is not looked into.
    NotNeeded,
    /// Nothing was named, and the database has no managed master secret.
    Missing,
    /// A secret that exists.
    Secret(Secret),
    /// A new secret of this name, for the user that was named.
    NewSecret {
        /// Its name.
        name: String,
    },
    /// The name of the new secret is taken by one that is not of this program's making.
    NameTaken {
        /// The name.
        name: String,
    },
    /// End-to-end IAM authentication, without a secret.
    Iam,
}

impl Credentials {
    /// The secret by its ARN, or by its name where it is still to be made.
    pub fn secret(&self) -> Option<String> {
        match self {
            Self::Secret(secret) => Some(secret.arn.clone()),
            Self::NewSecret { name } => Some(name.clone()),
            Self::NotNeeded | Self::Missing | Self::NameTaken { .. } | Self::Iam => None,
        }
    }
}

/// What was found under the names of what this program makes. What was not looked for is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The role that is made for a new proxy.
    pub proxy_role: Option<FoundRole>,
    /// The role that is made for a new function.
    pub function_role: Option<FoundRole>,
    /// The tags of the proxy.
    pub proxy_tags: Option<BTreeMap<String, String>>,
    /// How the proxy that is taken over keeps connections to its database.
    pub proxy_pool: Option<ConnectionPool>,
    /// The secret of the proxy that is taken over, where it has the name of one that this program makes.
    pub proxy_secret: Option<Secret>,
    /// The tags of the function.
    pub function_tags: Option<BTreeMap<String, String>>,
}

/// A role, with everything that it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRole {
    /// Its ARN, with its path.
    pub arn: String,
    /// Who may assume it: a policy document.
    pub trust: String,
    /// The ARN of the policy that bounds what it may do.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The ARNs of the policies that are attached to it.
    pub attached: Vec<String>,
    /// Its own policies: their documents, by their names.
    pub inline: BTreeMap<String, String>,
}

/// What shows whether a secret is as this program makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretDetails {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The key that encrypts it, unless that is AWS's own.
    pub key: Option<String>,
    /// Its resource policy.
    pub policy: Option<String>,
    /// The ARN of the function that rotates it.
    pub rotated_by: Option<String>,
    /// The service that manages it.
    pub owner: Option<String>,
    /// The Regions that it is replicated to.
    pub replicas: Vec<String>,
}

/// A secret of Secrets Manager: what describes it, never what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The KMS key that encrypts it, where it was looked at: that of AWS needs no permission.
    pub key: Option<Key>,
    /// Whether it is scheduled for deletion, and cannot be used.
    pub is_deleted: bool,
    /// Whether its tags say that this program created it.
    pub is_ours: bool,
    /// What it is compared by, where it has the name of one that this program makes.
    pub details: Option<Box<SecretDetails>>,
}

/// A secret that a role has to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededSecret {
    /// Its ARN.
    pub arn: String,
    /// The ARN of the key that encrypts it, where that is a customer's.
    pub customer_key: Part<Option<String>>,
    /// The key that was asked for, by its ARN or its alias.
    pub asked_key: Option<String>,
    /// Whether it is scheduled for deletion, and cannot be read.
    pub is_deleted: bool,
}

/// A key of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// Whether it is a customer's, and not AWS's own.
    pub is_customers: bool,
}

/// `MaxSessionDuration` of a role for which nothing else was asked, in seconds.
pub const MAX_SESSION: u32 = 3600;

/// A role that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Whether RDS may assume it.
    pub trusts_rds: bool,
}

impl Secret {
    /// The ARN of the key that encrypts it, where that is a customer's.
    pub fn customer_key(&self) -> Option<&str> {
        let key = self.key.as_ref().filter(|key| key.is_customers)?;
        Some(&key.arn)
    }

    /// Whether `arn` is that of a secret with this name, or is this ARN. Secrets Manager appends a hyphen and six
    /// characters to the name.
    pub fn is_named(arn: &str, id: &str) -> bool {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let cut = name.len().checked_sub(7).and_then(|end| name.get(..end));
        arn == id || cut == Some(id)
    }
}

/// How a function is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFunction {
    /// Its runtime, e.g. `nodejs24.x`.
    pub runtime: String,
}

/// The permission `rds-db:connect` of the function's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The document of the role's policy of our name, where it has one.
    pub found: Option<String>,
    /// The same of the role of our making with which the proxy itself connects to the database, by IAM from end to end.
    pub of_proxy: Option<ProxyPermission>,
}

/// The permission `rds-db:connect` of a proxy's role that this program made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyPermission {
    /// The document of the role's policy of our name, where it has one.
    pub found: Option<String>,
}

/// The variables `DB_*` in the function's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvironmentWish {
    /// Whether another value of such a variable is replaced.
    pub overwrite: bool,
}
