//! What must hold for what `setup` makes or changes besides the groups.
//!
//! Source: docs/new-proxies.md.

use thiserror::Error;

use crate::adopt::{self, OwnRole};
use crate::escape::{word, words};
use crate::extras;
use crate::model::{
    Credentials, CredentialsWish, Database, DatabaseKind, EngineFamily, FoundRole, NewProxy, Observation, Proxy, Role,
    Secret, Side, VpcId, last_segment,
};
use crate::naming::created;

/// The most bytes that Lambda takes for an environment, as JSON.
const MAX_ENVIRONMENT: usize = 4096;

/// The fewest free addresses that a proxy wants in its subnets (RDS user guide: 10 for small databases).
const FREE_ADDRESSES: u32 = 10;

/// A requirement of what is made or changed that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExtrasUnmet {
    /// A proxy of the new proxy's name exists, and nothing shows that this program made it.
    #[error("a proxy named {proxy} exists, and is not as autoconnect creates it{}", told(.differences))]
    ProxyNotOurs {
        /// Its name.
        proxy: String,
        /// How it differs from one that this program makes.
        differences: Vec<String>,
    },
    /// The proxy that an earlier run created is another one than was asked for now.
    #[error("proxy {proxy} exists, and {found}, not {expected}")]
    ProxyDiffers {
        /// Its name.
        proxy: String,
        /// What it has.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The proxy of an earlier run logs in with a secret that nothing shows to be of this program's making, and that was not
    /// named.
    #[error(
        "proxy {proxy} exists, and logs in with secret {secret}: autoconnect did not create it, and it is not the managed master secret of {database}"
    )]
    ProxySecret {
        /// The proxy's name.
        proxy: String,
        /// The secret's ARN.
        secret: String,
        /// Kind and identifier.
        database: String,
    },
    /// A function of the new function's name exists, and nothing shows that this program made it.
    #[error("a function named {function} exists, and autoconnect did not create it{}", told(.differences))]
    FunctionNotOurs {
        /// Its name.
        function: String,
        /// How it differs from one that this program makes.
        differences: Vec<String>,
    },
    /// A role of a name that this program gives exists, and is not as this program makes it.
    #[error("a role named {role} exists, and is not as autoconnect creates it{}", told(.differences))]
    RoleNotOurs {
        /// Its name.
        role: String,
        /// How it differs.
        differences: Vec<String>,
    },
    /// The policy of our name on the function's role is not as this program writes it.
    #[error("role {role} is not as autoconnect left it: {difference}")]
    PolicyNotOurs {
        /// The role.
        role: String,
        /// How the policy differs.
        difference: String,
    },
    /// There is nothing with which a new proxy could authenticate.
    #[error("a new proxy needs credentials, and {database} has no managed master secret")]
    NoCredentials {
        /// Kind and identifier.
        database: String,
    },
    /// The secret is scheduled for deletion.
    #[error("secret {secret} is scheduled for deletion and cannot be read")]
    SecretDeleted {
        /// Its name.
        secret: String,
    },
    /// A secret of the new secret's name exists, and is not of this program's making.
    #[error("a secret named {secret} exists, and autoconnect did not create it{}", told(.differences))]
    SecretNotOurs {
        /// Its name.
        secret: String,
        /// How it differs from one that this program makes.
        differences: Vec<String>,
    },
    /// RDS may not assume the role that was named.
    #[error("role {role} does not trust rds.amazonaws.com, so no proxy can use it")]
    RoleWithoutTrust {
        /// Its name.
        role: String,
    },
    /// AWS shows no role of the function.
    #[error("function {function} has no execution role to which the permission could be added")]
    NoRole {
        /// Its name.
        function: String,
    },
    /// IAM authentication is not enabled on the database.
    #[error("IAM database authentication is not enabled on {database}, so a proxy cannot log in with IAM")]
    IamDisabled {
        /// Kind and identifier.
        database: String,
    },
    /// The id by which IAM names the database is not known.
    #[error("the resource id of {database} is not known, and an IAM permission to connect names the database by it")]
    NoResourceId {
        /// Kind and identifier.
        database: String,
    },
    /// The cluster has no instance that could be a target.
    #[error("{database} has no instance, and a proxy's target needs one")]
    NoInstance {
        /// Kind and identifier.
        database: String,
    },
    /// The environment would be larger than Lambda allows.
    #[error(
        "the environment of function {function} would have {size} bytes, and at most {MAX_ENVIRONMENT} are allowed"
    )]
    EnvironmentTooLarge {
        /// The function.
        function: String,
        /// Its size, as JSON.
        size: usize,
    },
    /// The subnets of the database are in one Availability Zone.
    #[error("a proxy needs subnets in two Availability Zones, and those of {database} are in {}", in_words(.zones))]
    OneZone {
        /// Kind and identifier.
        database: String,
        /// The zones.
        zones: Vec<String>,
    },
    /// RDS Proxy cannot be in a VPC with dedicated tenancy.
    #[error("{vpc} has dedicated tenancy, and RDS cannot create proxies there")]
    DedicatedTenancy {
        /// The VPC.
        vpc: VpcId,
    },
    /// End-to-end IAM is not for SQL Server.
    #[error("end-to-end IAM authentication is not for SQL Server, and {database} is one")]
    NoEndToEndIam {
        /// Kind and identifier.
        database: String,
    },
    /// IAM permissions are for one user, and it is not known which.
    #[error("the database user that clients connect as is not known, and the IAM permission is limited to that user")]
    NoUser,
    /// The proxy takes passwords only.
    #[error("proxy {proxy} does not accept IAM authentication")]
    ProxyWithoutIam {
        /// Its name.
        proxy: String,
        /// The secrets with which it logs in.
        secrets: Vec<String>,
    },
    /// Variables have other values.
    #[error("function {function} has another value for {} in its environment", .variables.join(", "))]
    OtherValues {
        /// The function.
        function: String,
        /// The variables. Their values are never printed.
        variables: Vec<String>,
    },
    /// The environment cannot be read, so that writing it would lose what is in it.
    #[error("the environment of function {function} cannot be read, and writing it would lose its variables")]
    EnvironmentUnreadable {
        /// The function.
        function: String,
    },
}

/// The differences, behind what they are about.
fn told(differences: &[String]) -> String {
    match differences {
        [] => String::new(),
        differences => format!(": {}", differences.join("; ")),
    }
}

fn in_words(zones: &[String]) -> String {
    match zones {
        [] => "none".to_owned(),
        zones => zones.join(", "),
    }
}

impl ExtrasUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProxyNotOurs { .. } => "proxy-name-taken",
            Self::ProxyDiffers { .. } | Self::ProxySecret { .. } => "proxy-differs",
            Self::NoRole { .. } => "function-without-role",
            Self::IamDisabled { .. } => "iam-authentication-disabled",
            Self::NoResourceId { .. } => "resource-id-unknown",
            Self::NoInstance { .. } => "cluster-without-instances",
            Self::EnvironmentTooLarge { .. } => "environment-too-large",
            Self::FunctionNotOurs { .. } => "function-name-taken",
            Self::RoleNotOurs { .. } => "name-taken",
            Self::PolicyNotOurs { .. } => "policy-name-taken",
            Self::NoCredentials { .. } => "proxy-credentials-missing",
            Self::SecretDeleted { .. } => "secret-deleted",
            Self::SecretNotOurs { .. } => "secret-name-taken",
            Self::RoleWithoutTrust { .. } => "role-without-trust",
            Self::OneZone { .. } => "one-availability-zone",
            Self::DedicatedTenancy { .. } => "dedicated-tenancy",
            Self::NoEndToEndIam { .. } => "no-end-to-end-iam",
            Self::NoUser => "db-user-missing",
            Self::ProxyWithoutIam { .. } => "proxy-without-iam",
            Self::OtherValues { .. } => "environment-differs",
            Self::EnvironmentUnreadable { .. } => "environment-unreadable",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::ProxyNotOurs { proxy, .. } => {
                format!(
                    "if it is the right one, use it with --proxy {}; else create another one with --proxy new:NAME",
                    word(proxy)
                )
            }
            Self::ProxyDiffers { proxy, .. } => format!(
                "give the options that match it to continue with it, use it with --proxy {}, or create another one with --proxy new:NAME",
                word(proxy)
            ),
            Self::ProxySecret { proxy, secret, .. } => format!(
                "if it is the right one, name it with --secret {}; else find out who changed the proxy, use it with --proxy {}, or create another one with --proxy new:NAME",
                word(secret),
                word(proxy)
            ),
            Self::NoRole { .. } => "give the function an execution role".to_owned(),
            Self::IamDisabled { .. } => {
                "enable it (--enable-iam-database-authentication), or use a secret: --secret or --db-user".to_owned()
            }
            Self::NoResourceId { .. } => {
                "in an account file, add DbClusterResourceId or DbiResourceId, as `aws rds describe-db-clusters` and `aws rds describe-db-instances` show it; or log in with a secret: --secret or --db-user".to_owned()
            }
            Self::NoInstance { .. } => "add an instance to the cluster, then run again".to_owned(),
            Self::EnvironmentTooLarge { .. } => "make room in the environment, or omit --set-env".to_owned(),
            Self::FunctionNotOurs { function, .. } => {
                format!("use it with --function {}, or give the new one another name", word(function))
            }
            Self::RoleNotOurs { role, .. } => format!(
                "find out who created role {role}; delete or restore it and run again, or name another role with --proxy-role, or another new proxy or function"
            ),
            Self::PolicyNotOurs { .. } => {
                "find out who wrote the policy; delete it, and run again".to_owned()
            }
            Self::NoCredentials { .. } => {
                "name a secret with --secret, or a user with --db-user (its password is read with --db-password-stdin or asked for), or use --proxy-auth iam".to_owned()
            }
            Self::SecretDeleted { secret } => format!("`aws secretsmanager restore-secret --secret-id {}` restores it", word(secret)),
            Self::SecretNotOurs { secret, .. } => format!("use it with --secret {}, if it is the right one", word(secret)),
            Self::RoleWithoutTrust { .. } => {
                "let rds.amazonaws.com assume it in its trust policy, or omit --proxy-role to have a role created".to_owned()
            }
            Self::OneZone { .. } => "add a subnet of another Availability Zone to the DB subnet group".to_owned(),
            Self::DedicatedTenancy { .. } => "connect directly, with --proxy none".to_owned(),
            Self::NoEndToEndIam { .. } => "use a secret instead: --secret or --db-user".to_owned(),
            Self::NoUser => "name the user with --db-user".to_owned(),
            // Authentication is replaced whole: each secret has to be named again.
            Self::ProxyWithoutIam { proxy, secrets } => format!(
                "`aws rds modify-db-proxy --db-proxy-name {} --auth {}` sets it for all of its clients; autoconnect does not change how others log in",
                word(proxy),
                words(secrets.iter().map(|secret| format!("AuthScheme=SECRETS,SecretArn={secret},IAMAuth=REQUIRED")))
            ),
            Self::OtherValues { .. } => "--overwrite-env replaces them".to_owned(),
            Self::EnvironmentUnreadable { .. } => "allow the caller kms:Decrypt on the key of the function's environment".to_owned(),
        }
    }
}

/// Checks what is made besides the groups, and what is changed besides.
///
/// # Errors
///
/// The first requirement that does not hold.
pub fn check_extras(observation: &Observation) -> Result<(), ExtrasUnmet> {
    check_target(observation)?;
    check_new_proxy(observation)?;
    check_new_function(observation)?;
    check_connect(observation)?;
    check_resource_id(observation)?;
    check_environment(observation)
}

/// A policy to connect to a database that has no name in it would be for none.
fn check_resource_id(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let database = &observation.database;
    let is_known = database.access.resource_id.as_ref().is_some_and(|id| !id.is_empty());
    if is_known || !extras::needs_database_grant(observation) {
        return Ok(());
    }
    Err(ExtrasUnmet::NoResourceId {
        database: database.to_string(),
    })
}

/// Only a cluster with an instance can be registered with a proxy.
fn check_target(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation { database, proxy, .. } = observation;
    let is_to_register = proxy.as_ref().is_some_and(|proxy| !proxy.has_target(database));
    if is_to_register && database.kind == DatabaseKind::Cluster && database.members.is_empty() {
        return Err(ExtrasUnmet::NoInstance {
            database: database.to_string(),
        });
    }
    Ok(())
}

fn check_new_proxy(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    let (Some(proxy), Some(new)) = (proxy, &extras.new_proxy) else {
        return Ok(());
    };
    if proxy.exists {
        if !is_our_proxy(observation, proxy, new.role.as_ref()) {
            return Err(ExtrasUnmet::ProxyNotOurs {
                proxy: proxy.name.clone(),
                differences: adopt::of_proxy(observation, proxy, new.role.as_ref().map(|role| role.arn.as_str())),
            });
        }
        return check_is_as_asked(observation, proxy, new);
    }
    if let Some(Role { arn, trusts_rds: false }) = &new.role {
        return Err(ExtrasUnmet::RoleWithoutTrust {
            role: last_segment(arn).to_owned(),
        });
    }
    match &new.credentials {
        Credentials::Missing => Err(ExtrasUnmet::NoCredentials {
            database: database.to_string(),
        }),
        Credentials::NameTaken { name } => Err(ExtrasUnmet::SecretNotOurs {
            secret: name.clone(),
            differences: Vec::new(),
        }),
        Credentials::Secret(Secret {
            name, is_deleted: true, ..
        }) => Err(ExtrasUnmet::SecretDeleted { secret: name.clone() }),
        Credentials::Iam if proxy.engine_family == EngineFamily::SqlServer => Err(ExtrasUnmet::NoEndToEndIam {
            database: database.to_string(),
        }),
        Credentials::Iam if database.access.iam_enabled == Some(false) => Err(ExtrasUnmet::IamDisabled {
            database: database.to_string(),
        }),
        Credentials::Iam | Credentials::NewSecret { .. } if extras::user(observation).is_none() => {
            Err(ExtrasUnmet::NoUser)
        }
        _ => Ok(()),
    }
}

/// What was named for a new proxy must be what the one that exists has: nothing is ignored.
fn check_is_as_asked(observation: &Observation, proxy: &Proxy, new: &NewProxy) -> Result<(), ExtrasUnmet> {
    let differs = |found: String, expected: String| {
        Err(ExtrasUnmet::ProxyDiffers {
            proxy: proxy.name.clone(),
            found,
            expected,
        })
    };
    let logs_in = || match proxy.secrets.as_slice() {
        [] => "logs in with IAM".to_owned(),
        secrets => format!("logs in with {}", secrets.join(", ")),
    };
    let has = |id: &str| proxy.secrets.iter().any(|arn| Secret::is_named(arn, id));
    match &new.wish {
        CredentialsWish::Secret(id) if !has(id) => return differs(logs_in(), format!("with secret {id}")),
        CredentialsWish::Password => {
            let secret = created::secret(&proxy.name, extras::user(observation).unwrap_or_default());
            if !has(&secret) {
                return differs(logs_in(), format!("with secret {secret}"));
            }
        }
        CredentialsWish::Iam if !proxy.is_iam_only() => {
            return differs(logs_in(), "with IAM from end to end".to_owned());
        }
        _ => {}
    }
    if new.without_iam && proxy.takes_iam {
        let found = if proxy.requires_iam { "requires" } else { "accepts" };
        return differs(
            format!("{found} IAM authentication of its clients"),
            "passwords only (--iam-auth disabled)".to_owned(),
        );
    }
    match (&new.role, &proxy.role) {
        (Some(named), Some(role)) if named.arn != *role => differs(
            format!("has role {}", last_segment(role)),
            last_segment(&named.arn).to_owned(),
        ),
        _ => Ok(()),
    }
}

/// A proxy of ours has the role that is made for it, or the one that is named again, or has a group of ours.
fn is_our_proxy(observation: &Observation, proxy: &Proxy, named: Option<&Role>) -> bool {
    let region = observation.database.place().region;
    created::is_role(proxy.role.as_deref(), &created::proxy_role(region, &proxy.name))
        || named.is_some_and(|named| proxy.role.as_deref() == Some(&named.arn))
        || proxy
            .groups
            .iter()
            .any(|id| adopt::is_own_group(observation, id, Side::Proxy))
}

fn check_new_function(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation {
        database,
        function,
        extras,
        ..
    } = observation;
    let role = created::function_role(database.place().region, &function.name);
    match &extras.new_function {
        Some(new) if function.exists && !created::is_role(function.role.as_deref(), &role) => {
            Err(ExtrasUnmet::FunctionNotOurs {
                function: function.name.clone(),
                differences: adopt::of_function(observation, &new.runtime),
            })
        }
        _ => Ok(()),
    }
}

/// Checks that what stands under names of ours is exactly as this program makes it, for a run that continues with it.
///
/// # Errors
///
/// The first that is not, with everything that differs.
pub fn check_adoption(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation {
        function,
        proxy,
        extras,
        ..
    } = observation;
    let of_role = |found: &FoundRole, own: &OwnRole| {
        let differences = own.differences(found);
        let role = last_segment(&found.arn).to_owned();
        not_ours(differences, |differences| ExtrasUnmet::RoleNotOurs {
            role,
            differences,
        })
    };
    // One that is being deleted is waited for.
    let proxy = proxy.as_ref().filter(|proxy| proxy.status != "deleting");
    if let (Some(proxy), Some(new)) = (proxy, &extras.new_proxy) {
        let named = new.role.as_ref().map(|role| role.arn.as_str());
        if proxy.exists {
            let differences = adopt::of_proxy(observation, proxy, named);
            let proxy = proxy.name.clone();
            not_ours(differences, |differences| ExtrasUnmet::ProxyNotOurs {
                proxy,
                differences,
            })?;
        }
        if proxy.exists {
            check_proxy_secret(observation, proxy, &new.wish)?;
        }
        if let Some(found) = &extras.found.proxy_role {
            of_role(found, &OwnRole::of_proxy(observation, proxy))?;
        }
        if let Credentials::Secret(Secret {
            name,
            details: Some(details),
            ..
        }) = &new.credentials
        {
            let differences = adopt::of_secret(details, &adopt::own_tags(observation, Side::Proxy));
            let secret = name.clone();
            not_ours(differences, |differences| ExtrasUnmet::SecretNotOurs {
                secret,
                differences,
            })?;
        }
    }
    if let Some(new) = &extras.new_function {
        if function.exists {
            let differences = adopt::of_function(observation, &new.runtime);
            let function = function.name.clone();
            not_ours(differences, |differences| ExtrasUnmet::FunctionNotOurs {
                function,
                differences,
            })?;
        }
        if let Some(found) = &extras.found.function_role {
            of_role(found, &OwnRole::of_function(observation))?;
        }
    }
    match adopt::of_connect(observation) {
        Some((role, difference)) => Err(ExtrasUnmet::PolicyNotOurs { role, difference }),
        None => Ok(()),
    }
}

/// Checks that the proxy of an earlier run logs in with what was named, what RDS manages for the database, or what this
/// program makes. Else its clients would be given the secret of whoever has changed the proxy.
fn check_proxy_secret(observation: &Observation, proxy: &Proxy, wish: &CredentialsWish) -> Result<(), ExtrasUnmet> {
    let database = &observation.database;
    // With none it logs in by IAM; several are a difference of the proxy. What was named is compared with every run.
    let ([secret], CredentialsWish::MasterSecret | CredentialsWish::Password) = (proxy.secrets.as_slice(), wish) else {
        return Ok(());
    };
    if database.access.master_secret.as_ref() == Some(secret) {
        return Ok(());
    }
    if adopt::made_secret(observation, proxy).is_none() {
        return Err(ExtrasUnmet::ProxySecret {
            proxy: proxy.name.clone(),
            secret: secret.clone(),
            database: database.to_string(),
        });
    }
    let Some(found) = &observation.extras.found.proxy_secret else {
        return Ok(());
    };
    let name = found.name.clone();
    if found.is_deleted {
        return Err(ExtrasUnmet::SecretDeleted { secret: name });
    }
    let own = adopt::own_tags(observation, Side::Proxy);
    let details = found.details.as_deref();
    let differences = details
        .map(|details| adopt::of_secret(details, &own))
        .unwrap_or_default();
    not_ours(differences, |differences| ExtrasUnmet::SecretNotOurs {
        secret: name,
        differences,
    })
}

fn not_ours(differences: Vec<String>, unmet: impl FnOnce(Vec<String>) -> ExtrasUnmet) -> Result<(), ExtrasUnmet> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(unmet(differences))
}

fn check_connect(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation { proxy, extras, .. } = observation;
    let (Some(_), Some(proxy)) = (&extras.connect, proxy) else {
        return Ok(());
    };
    if proxy.exists && !proxy.takes_iam {
        return Err(ExtrasUnmet::ProxyWithoutIam {
            proxy: proxy.name.clone(),
            secrets: proxy.secrets.clone(),
        });
    }
    let function = &observation.function;
    if function.exists && function.role.is_none() {
        return Err(ExtrasUnmet::NoRole {
            function: function.name.clone(),
        });
    }
    match extras::user(observation) {
        Some(_) => Ok(()),
        None => Err(ExtrasUnmet::NoUser),
    }
}

fn check_environment(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation { function, extras, .. } = observation;
    let Some(wish) = extras.environment else { return Ok(()) };
    if let Some(secret) = extras.secret.as_ref().filter(|secret| secret.is_deleted) {
        return Err(ExtrasUnmet::SecretDeleted {
            secret: secret.name.clone(),
        });
    }
    let Some(environment) = &function.environment else {
        return Err(ExtrasUnmet::EnvironmentUnreadable {
            function: function.name.clone(),
        });
    };
    let others: Vec<String> = extras::missing_variables(observation)
        .iter()
        .filter(|(name, _)| environment.get(name).is_some())
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if others.is_empty() || wish.overwrite {
        let size = extras::environment_size(observation, environment);
        if size > MAX_ENVIRONMENT {
            return Err(ExtrasUnmet::EnvironmentTooLarge {
                function: function.name.clone(),
                size,
            });
        }
        return Ok(());
    }
    Err(ExtrasUnmet::OtherValues {
        function: function.name.clone(),
        variables: others,
    })
}

/// What the user should know of what is made or changed, and nobody has to fix.
pub(super) fn notes(observation: &Observation) -> Vec<String> {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    let mut notes = Vec::new();
    if let Some(new) = extras
        .new_proxy
        .as_ref()
        .filter(|_| proxy.as_ref().is_some_and(|proxy| !proxy.exists))
    {
        match &new.credentials {
            Credentials::Secret(secret) if secret.is_ours => notes.push(format!(
                "Secret {} was created by an earlier run and is used unchanged: no password is asked for.",
                secret.name
            )),
            Credentials::Secret(secret) if database.access.master_secret.as_deref() == Some(&secret.arn) => {
                notes.push(format!(
                    "The proxy logs in with the managed master secret, so its clients are {}: --db-user creates a secret for a separate user.",
                    database.access.master_user.as_deref().unwrap_or("the master user")
                ));
            }
            Credentials::Secret(secret) => notes.push(format!(
                "The proxy logs in with secret {}, which must hold `username` and `password`; autoconnect never reads it.",
                secret.name
            )),
            Credentials::Iam => notes.push(format!(
                "IAM database authentication must be enabled on {database}, and user {} must be allowed it (rds_iam, or AWSAuthenticationPlugin).",
                extras::user(observation).unwrap_or_default()
            )),
            Credentials::NewSecret { .. } | Credentials::NotNeeded | Credentials::Missing | Credentials::NameTaken { .. } => {}
        }
        if let Some(role) = &new.role {
            let needs = match new.credentials {
                Credentials::Iam => "connect to the database by rds-db:connect",
                _ => "read the secret, and to decrypt it where its key is a customer's",
            };
            notes.push(format!(
                "Role {} is used unchanged: it must be allowed to {needs}.",
                last_segment(&role.arn)
            ));
        }
        let free: Vec<u32> = observation
            .database_subnets
            .iter()
            .filter_map(|subnet| subnet.free_addresses)
            .collect();
        let total: u32 = free.iter().sum();
        if !free.is_empty() && total < FREE_ADDRESSES {
            notes.push(format!(
                "The subnets of {database} have {total} free addresses; a proxy wants {FREE_ADDRESSES} for a small database, and over 100 for the largest."
            ));
        }
    }
    let found = &extras.found;
    for role in [&found.proxy_role, &found.function_role].into_iter().flatten() {
        notes.extend(role.boundary.as_ref().map(|boundary| {
            let name = last_segment(&role.arn);
            format!("Role {name} has permissions boundary {boundary}, which may allow less than its policies.")
        }));
    }
    notes.extend(proxy.as_ref().and_then(|proxy| never_pauses(database, &proxy.name)));
    notes.extend(of_existing_proxy(observation));
    notes.extend(of_environment(observation));
    notes
}

/// A proxy keeps connections to its target open (Aurora user guide, "Scaling to zero ACUs": instances with an RDS Proxy do
/// not pause).
pub fn never_pauses(database: &Database, proxy: &str) -> Option<String> {
    let scaling = database.access.scaling.as_ref()?;
    scaling.pauses().then(|| {
        format!("Proxy {proxy} keeps connections to {database} open, so the database does not pause, although its minimum capacity is 0 ACUs.")
    })
}

/// What is not done again for a proxy that exists, and whom a permission reaches.
fn of_existing_proxy(observation: &Observation) -> Vec<String> {
    let Observation {
        function,
        proxy,
        extras,
        ..
    } = observation;
    let mut notes = Vec::new();
    let Some(proxy) = proxy.as_ref().filter(|proxy| proxy.exists) else {
        return notes;
    };
    if extras
        .new_proxy
        .as_ref()
        .is_some_and(|new| new.wish == CredentialsWish::Password)
    {
        notes.push(format!(
            "Proxy {} exists with its secret, which is not changed: no password is asked for.",
            proxy.name
        ));
    }
    if extras::lacks_permission(observation) {
        if let Some(role) = function.role.as_deref().filter(|_| function.exists) {
            notes.push(format!(
                "The permission to connect is added to role {}: every function with that role then has it.",
                last_segment(role)
            ));
        }
        let is_known = proxy.is_iam_only() || extras.new_proxy.is_some();
        if let Some(user) = extras::user(observation).filter(|_| !is_known) {
            notes.push(format!(
                "Proxy {} must have a secret of user {user}: autoconnect does not read the user names in its secrets.",
                proxy.name
            ));
        }
    }
    notes
}

fn of_environment(observation: &Observation) -> Vec<String> {
    let Observation {
        database,
        function,
        extras,
        ..
    } = observation;
    let mut notes = Vec::new();
    if extras.environment.is_none() {
        return notes;
    }
    let variables = extras::missing_variables(observation);
    let has = |name: &str| function.environment.as_ref().is_some_and(|env| env.get(name).is_some());
    let logs_in_by = extras::variables(observation)
        .into_iter()
        .map(|(name, _)| name)
        .find(|name| ["DB_SECRET_ARN", "DB_USER"].contains(name));
    if variables.iter().any(|(name, _)| *name == "DB_SECRET_ARN") {
        notes.push(format!(
            "To use DB_SECRET_ARN, function {} needs access to Secrets Manager (outbound 443 in one of its groups, and an endpoint or NAT) and a role that may secretsmanager:GetSecretValue, and kms:Decrypt where the key is a customer's. With --iam-auth required it needs neither.",
            function.name
        ));
    }
    if database.access.database_name.is_none() {
        notes.push(format!(
            "DB_NAME is left out: {database} was created without a database name."
        ));
    }
    match logs_in_by {
        None if has("DB_USER") || has("DB_SECRET_ARN") => {}
        None => notes.push(
            "Neither DB_USER nor DB_SECRET_ARN is set: name the user with --db-user, or a secret with --secret."
                .to_owned(),
        ),
        Some(name) => {
            let other = if name == "DB_USER" { "DB_SECRET_ARN" } else { "DB_USER" };
            if has(other) {
                notes.push(format!(
                    "{other} remains in the environment of function {}.",
                    function.name
                ));
            }
        }
    }
    let replaced: Vec<&str> = variables
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| has(name))
        .collect();
    if !replaced.is_empty() {
        notes.push(format!(
            "--overwrite-env replaces the value of {}.",
            replaced.join(", ")
        ));
    }
    notes
}
