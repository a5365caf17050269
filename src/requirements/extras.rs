//! What must hold for what `setup` makes or changes beside the groups.
//!
//! Source: spec/proxy.md.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::extras::{self, Value};
use crate::model::{Credentials, EngineFamily, Observation, Proxy, Role, Secret, last_segment};
use crate::naming::created;
use crate::tags;

/// The fewest free addresses that a proxy wants in its subnets (RDS user guide: 10 for small databases).
const FREE_ADDRESSES: u32 = 10;

/// A requirement of what is made or changed that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExtrasUnmet {
    /// A proxy of the new proxy's name exists, and nothing shows that this program made it.
    #[error("a proxy named {proxy} exists, and autoconnect did not make it")]
    ProxyNotOurs {
        /// Its name.
        proxy: String,
    },
    /// A function of the new function's name exists, and nothing shows that this program made it.
    #[error("a function named {function} exists, and autoconnect did not make it")]
    FunctionNotOurs {
        /// Its name.
        function: String,
    },
    /// There is nothing with which a new proxy could authenticate.
    #[error("a new proxy needs credentials, and {database} has no managed master secret")]
    NoCredentials {
        /// Kind and identifier.
        database: String,
    },
    /// The secret is scheduled for deletion.
    #[error("secret {secret} is scheduled for deletion, and nobody can read it")]
    SecretDeleted {
        /// Its name.
        secret: String,
    },
    /// A secret of the new secret's name exists, and is not of this program's making.
    #[error("a secret named {secret} exists, and autoconnect did not make it")]
    SecretNotOurs {
        /// Its name.
        secret: String,
    },
    /// RDS may not assume the role that was named.
    #[error("role {role} does not trust rds.amazonaws.com, so that no proxy can use it")]
    RoleWithoutTrust {
        /// Its name.
        role: String,
    },
    /// The subnets of the database are in one Availability Zone.
    #[error("a proxy needs subnets in two Availability Zones, and those of {database} are in {}", in_words(.zones))]
    OneZone {
        /// Kind and identifier.
        database: String,
        /// The zones.
        zones: Vec<String>,
    },
    /// End-to-end IAM is not for SQL Server.
    #[error("end-to-end IAM authentication is not for SQL Server, and {database} is one")]
    NoEndToEndIam {
        /// Kind and identifier.
        database: String,
    },
    /// IAM permissions are for one user, and it is not known which.
    #[error(
        "the user of the database as whom clients connect is not known, and the IAM permission is for exactly that user"
    )]
    NoUser,
    /// The proxy takes passwords only.
    #[error("proxy {proxy} does not take IAM authentication")]
    ProxyWithoutIam {
        /// Its name.
        proxy: String,
    },
    /// Variables have other values.
    #[error("function {function} has another value for {} in its environment", .variables.join(", "))]
    OtherValues {
        /// The function.
        function: String,
        /// The variables. Their values are never told.
        variables: Vec<String>,
    },
    /// The environment cannot be read, so that writing it would lose what is in it.
    #[error("the environment of function {function} cannot be read, and to write it would lose what is in it")]
    EnvironmentUnreadable {
        /// The function.
        function: String,
    },
}

fn in_words(zones: &[String]) -> String {
    match zones {
        [] => "none".to_owned(),
        zones => zones.join(", "),
    }
}

impl ExtrasUnmet {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProxyNotOurs { .. } => "proxy-name-taken",
            Self::FunctionNotOurs { .. } => "function-name-taken",
            Self::NoCredentials { .. } => "proxy-credentials-missing",
            Self::SecretDeleted { .. } => "secret-deleted",
            Self::SecretNotOurs { .. } => "secret-name-taken",
            Self::RoleWithoutTrust { .. } => "role-without-trust",
            Self::OneZone { .. } => "one-availability-zone",
            Self::NoEndToEndIam { .. } => "no-end-to-end-iam",
            Self::NoUser => "db-user-missing",
            Self::ProxyWithoutIam { .. } => "proxy-without-iam",
            Self::OtherValues { .. } => "environment-differs",
            Self::EnvironmentUnreadable { .. } => "environment-unreadable",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::ProxyNotOurs { proxy } => {
                format!("use it with --proxy {proxy}, or name another one with --proxy new:NAME")
            }
            Self::FunctionNotOurs { function } => {
                format!("use it with --function {function}, or give the new one another name")
            }
            Self::NoCredentials { .. } => {
                "name a secret with --secret, or a user with --db-user (its password is read with --db-password-stdin or asked for), or use --proxy-auth iam".to_owned()
            }
            Self::SecretDeleted { secret } => format!("`aws secretsmanager restore-secret --secret-id {secret}` brings it back"),
            Self::SecretNotOurs { secret } => format!("use it with --secret {secret}, if it is the right one"),
            Self::RoleWithoutTrust { .. } => {
                "let rds.amazonaws.com assume it in its trust policy, or leave --proxy-role out to have a role made".to_owned()
            }
            Self::OneZone { .. } => "add a subnet of another Availability Zone to the DB subnet group".to_owned(),
            Self::NoEndToEndIam { .. } => "use a secret instead: --secret or --db-user".to_owned(),
            Self::NoUser => "name the user with --db-user".to_owned(),
            Self::ProxyWithoutIam { proxy } => format!(
                "`aws rds modify-db-proxy --db-proxy-name {proxy} --auth …` sets it for all of its clients; autoconnect does not change how others log in"
            ),
            Self::OtherValues { .. } => "--overwrite-env replaces them".to_owned(),
            Self::EnvironmentUnreadable { .. } => "allow the caller kms:Decrypt on the key of the function's environment".to_owned(),
        }
    }
}

/// Checks what is made beside the groups, and what is changed besides.
///
/// # Errors
///
/// The first requirement that does not hold.
pub fn check_extras(observation: &Observation) -> Result<(), ExtrasUnmet> {
    check_new_proxy(observation)?;
    check_new_function(observation)?;
    check_connect(observation)?;
    check_environment(observation)
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
        return if is_our_proxy(observation, proxy, new.role.as_ref()) {
            Ok(())
        } else {
            Err(ExtrasUnmet::ProxyNotOurs {
                proxy: proxy.name.clone(),
            })
        };
    }
    let zones: BTreeSet<&String> = observation
        .database_subnets
        .iter()
        .map(|subnet| &subnet.availability_zone)
        .collect();
    if zones.len() < 2 {
        return Err(ExtrasUnmet::OneZone {
            database: database.to_string(),
            zones: zones.into_iter().cloned().collect(),
        });
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
        Credentials::NameTaken { name } => Err(ExtrasUnmet::SecretNotOurs { secret: name.clone() }),
        Credentials::Secret(Secret {
            name, is_deleted: true, ..
        }) => Err(ExtrasUnmet::SecretDeleted { secret: name.clone() }),
        Credentials::Iam if proxy.engine_family == EngineFamily::SqlServer => Err(ExtrasUnmet::NoEndToEndIam {
            database: database.to_string(),
        }),
        Credentials::Iam | Credentials::NewSecret { .. } if extras::user(observation).is_none() => {
            Err(ExtrasUnmet::NoUser)
        }
        _ => Ok(()),
    }
}

/// A proxy of ours has the role that is made for it, or the one that is named again, or bears a group of ours.
fn is_our_proxy(observation: &Observation, proxy: &Proxy, named: Option<&Role>) -> bool {
    let region = observation.database.place().region;
    created::is_role(proxy.role.as_deref(), &created::proxy_role(region, &proxy.name))
        || named.is_some_and(|named| proxy.role.as_deref() == Some(&named.arn))
        || proxy.groups.iter().any(|id| {
            let group = observation.group(id);
            group.is_some_and(|group| group.tags.contains_key(tags::MANAGED))
        })
}

fn check_new_function(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation {
        database,
        function,
        extras,
        ..
    } = observation;
    let role = created::function_role(database.place().region, &function.name);
    if extras.new_function.is_some() && function.exists && !created::is_role(function.role.as_deref(), &role) {
        return Err(ExtrasUnmet::FunctionNotOurs {
            function: function.name.clone(),
        });
    }
    Ok(())
}

fn check_connect(observation: &Observation) -> Result<(), ExtrasUnmet> {
    let Observation { proxy, extras, .. } = observation;
    let (Some(_), Some(proxy)) = (&extras.connect, proxy) else {
        return Ok(());
    };
    if proxy.exists && !proxy.takes_iam {
        return Err(ExtrasUnmet::ProxyWithoutIam {
            proxy: proxy.name.clone(),
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
        return Ok(());
    }
    Err(ExtrasUnmet::OtherValues {
        function: function.name.clone(),
        variables: others,
    })
}

/// What the user should know of what is made or changed, and nobody has to mend.
pub(super) fn notes(observation: &Observation) -> Vec<String> {
    let Observation {
        database,
        function,
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
                "Secret {} was made by an earlier run, and is used as it is: no password is asked for.",
                secret.name
            )),
            Credentials::Secret(secret) if database.access.master_secret.as_deref() == Some(&secret.arn) => {
                notes.push(format!(
                    "The proxy logs in with the managed master secret, so that its clients are {}: --db-user makes a secret for a user of their own.",
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
            notes.push(format!(
                "Role {} is used as it is: it must be allowed to read the secret, and to decrypt it where its key is a customer's.",
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
    let variables = extras::missing_variables(observation);
    if variables.iter().any(|(name, _)| *name == "DB_SECRET_ARN") {
        notes.push(format!(
            "To use DB_SECRET_ARN, the role of function {} must be allowed secretsmanager:GetSecretValue on it; autoconnect does not give it that.",
            function.name
        ));
    }
    if extras.environment.is_some() && database.access.database_name.is_none() {
        notes.push(format!("DB_NAME is left out: {database} was made without a database."));
    }
    let replaced: Vec<&str> = variables
        .iter()
        .filter(|(name, _)| function.environment.as_ref().is_some_and(|env| env.get(name).is_some()))
        .map(|(name, _)| *name)
        .collect();
    if !replaced.is_empty() {
        notes.push(format!(
            "--overwrite-env replaces the value of {}.",
            replaced.join(", ")
        ));
    }
    if variables
        .iter()
        .any(|(name, value)| *name == "DB_HOST" && *value == Value::ProxyEndpoint)
    {
        notes.push("DB_HOST will be the proxy's endpoint, which is known once the proxy is made.".to_owned());
    }
    notes
}
