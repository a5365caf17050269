//! What `setup` handles besides the groups: permissions and variables, and which of them are still missing.
//!
//! Source: docs/new-proxies.md.

use serde::Serialize;

use crate::model::{Credentials, Database, Environment, Observation, Secret, Side, last_segment};
use crate::naming::created;
use crate::policy;

/// A secret that clients need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecret<'a> {
    /// It exists: its ARN.
    Existing(&'a str),
    /// The run makes it.
    New,
}

/// The value of a variable of the function's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// It is known.
    Known(String),
    /// The endpoint of the proxy that the run makes.
    ProxyEndpoint,
    /// The ARN of the secret that the run makes.
    NewSecret,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Known(value) => value,
            Self::ProxyEndpoint => "(the proxy's endpoint)",
            Self::NewSecret => "(the new secret's ARN)",
        })
    }
}

/// A variable that the function is to have.
pub type Variable = (&'static str, Value);

/// The user of the database as whom clients connect: the one that was named, else the master user where the
/// managed master secret is used.
pub fn user(observation: &Observation) -> Option<&str> {
    let access = &observation.database.access;
    let uses_master_secret = || match client_secret(observation) {
        Some(ClientSecret::Existing(secret)) => access.master_secret.as_deref() == Some(secret),
        _ => false,
    };
    let named = observation.extras.user.as_deref();
    named.or_else(|| access.master_user.as_deref().filter(|_| uses_master_secret()))
}

/// The secret with which clients connect, where one is known.
pub fn client_secret(observation: &Observation) -> Option<ClientSecret<'_>> {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    match (proxy, &extras.new_proxy) {
        (Some(proxy), _) if proxy.exists => match proxy.secrets.as_slice() {
            [secret] => Some(ClientSecret::Existing(secret)),
            _ => None,
        },
        (Some(_), Some(new)) => match &new.credentials {
            Credentials::Secret(secret) => Some(ClientSecret::Existing(&secret.arn)),
            Credentials::NewSecret { .. } => Some(ClientSecret::New),
            _ => None,
        },
        _ => {
            let secret = extras.secret.as_ref().map(|secret| secret.arn.as_str());
            secret
                .or(database.access.master_secret.as_deref())
                .map(ClientSecret::Existing)
        }
    }
}

/// Whether the secret is that of the user who was named: one that was named or made with it, or none was named.
fn is_of_user(observation: &Observation, secret: &ClientSecret<'_>) -> bool {
    let Observation { proxy, extras, .. } = observation;
    match (secret, &extras.user) {
        (ClientSecret::New, _) | (_, None) => true,
        (ClientSecret::Existing(arn), Some(user)) => {
            let ours = proxy.as_ref().map(|proxy| created::secret(&proxy.name, user));
            extras.secret.is_some()
                || extras.new_proxy.is_some()
                || ours.is_some_and(|ours| Secret::is_named(arn, &ours))
        }
    }
}

/// How large the environment becomes, as the JSON that Lambda measures. What is not known yet counts as long as it
/// can be.
pub fn environment_size(observation: &Observation, environment: &Environment) -> usize {
    const LONGEST_ENDPOINT: usize = 255;
    let mut after = environment.clone();
    for (name, value) in variables(observation) {
        after = match value {
            Value::Known(value) => after.with(name, &value),
            Value::ProxyEndpoint | Value::NewSecret => after.with(name, &"x".repeat(LONGEST_ENDPOINT)),
        };
    }
    let json: serde_json::Map<String, serde_json::Value> = after
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    serde_json::Value::Object(json).to_string().len()
}

/// The variables that `--set-env` gives to the function.
pub fn variables(observation: &Observation) -> Vec<Variable> {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    if extras.environment.is_none() {
        return Vec::new();
    }
    let host = match proxy {
        Some(proxy) if proxy.exists => proxy.endpoint.clone().map(Value::Known),
        Some(_) => Some(Value::ProxyEndpoint),
        None => database.access.endpoint.clone().map(Value::Known),
    };
    let known = |text: String| Value::Known(text);
    let is_iam = extras.connect.is_some() || proxy.as_ref().is_some_and(|proxy| proxy.requires_iam);
    let secret = client_secret(observation).filter(|secret| !is_iam && is_of_user(observation, secret));
    let login = match secret {
        Some(ClientSecret::Existing(secret)) => Some(("DB_SECRET_ARN", known(secret.to_owned()))),
        Some(ClientSecret::New) => Some(("DB_SECRET_ARN", Value::NewSecret)),
        None => user(observation).map(|user| ("DB_USER", known(user.to_owned()))),
    };
    [
        host.map(|host| ("DB_HOST", host)),
        observation
            .function_port()
            .map(|port| ("DB_PORT", known(port.to_string()))),
        database
            .access
            .database_name
            .clone()
            .map(|name| ("DB_NAME", known(name))),
        login,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The variables that the function does not have yet with these values.
pub fn missing_variables(observation: &Observation) -> Vec<Variable> {
    let has = |(name, value): &Variable| {
        let environment = observation.function.environment.as_ref();
        matches!(value, Value::Known(value) if environment.and_then(|env| env.get(name)) == Some(value))
    };
    let mut variables = variables(observation);
    variables.retain(|variable| !has(variable));
    variables
}

/// Whether the function's role, or the role of ours with which the proxy connects, still lacks the permission to connect.
pub fn lacks_permission(observation: &Observation) -> bool {
    function_lacks_permission(observation) || proxy_lacks_permission(observation)
}

/// Whether the role of ours with which the proxy itself connects to the database lacks the permission for this database: one
/// that was replaced, or restored, has another resource id.
pub fn proxy_lacks_permission(observation: &Observation) -> bool {
    let connect = observation.extras.connect.as_ref();
    let Some(permission) = connect.and_then(|connect| connect.of_proxy.as_ref()) else {
        return false;
    };
    let Database { access, .. } = &observation.database;
    let Some(user) = user(observation) else {
        return false;
    };
    match (&permission.found, &access.resource_id) {
        (None, _) => true,
        (Some(found), Some(id)) => !policy::is_same(found, &policy::connect(observation.database.place(), id, user)),
        // Whether it is for this database is not known.
        (Some(_), None) => false,
    }
}

/// Whether the run gives a role of ours the permission by which the proxy itself connects to the database, or goes on with one
/// that has it. The policy names the database by its resource id.
pub fn needs_database_grant(observation: &Observation) -> bool {
    let Observation {
        database,
        proxy,
        extras,
        ..
    } = observation;
    let Some(proxy) = proxy else { return false };
    match &extras.new_proxy {
        Some(new) if !proxy.exists => new.role.is_none() && new.credentials == Credentials::Iam,
        _ => {
            let is_there = extras.found.proxy_role.is_none()
                && extras
                    .connect
                    .as_ref()
                    .is_some_and(|connect| connect.of_proxy.is_some())
                && !proxy_lacks_permission(observation);
            lacks_permission(observation) && created::is_own_proxy_role(database.place().region, proxy) && !is_there
        }
    }
}

/// The resource id of another database or proxy that a policy of ours lets connect to; none where it lets connect to this
/// one, or is no such policy.
pub fn stale_id(observation: &Observation, document: Option<&str>, wanted: &str) -> Option<String> {
    let (id, _) = policy::connects_as(document?, observation.database.place())?;
    (id != wanted).then_some(id)
}

/// Whether the function's role still lacks the permission to connect.
pub fn function_lacks_permission(observation: &Observation) -> bool {
    let Some(connect) = &observation.extras.connect else {
        return false;
    };
    let (Some(proxy), Some(user)) = (&observation.proxy, user(observation)) else {
        return true;
    };
    let wanted = policy::connect_through(&proxy.arn, user);
    !connect
        .found
        .as_deref()
        .is_some_and(|found| policy::is_same(found, &wanted))
}

/// What is missing although every side has a group that fits, one sentence's end each.
pub fn lacks(observation: &Observation) -> Vec<String> {
    let Observation { database, proxy, .. } = observation;
    let mut lacks = Vec::new();
    if proxy.as_ref().is_some_and(|proxy| !proxy.has_target(database)) {
        lacks.push("the database is not the proxy's target".to_owned());
    }
    let connect = observation.extras.connect.as_ref();
    let proxy_id = proxy.as_ref().map_or("", |proxy| last_segment(&proxy.arn));
    if function_lacks_permission(observation) {
        let function = observation.describe(Side::Function);
        let found = connect.and_then(|connect| connect.found.as_deref());
        lacks.push(match stale_id(observation, found, proxy_id) {
            Some(id) => {
                format!("the role of {function} may connect through {id}, another proxy, but not through this one")
            }
            None => format!("the role of {function} has no permission from autoconnect to connect through the proxy"),
        });
    }
    if proxy_lacks_permission(observation) {
        let found = connect.and_then(|connect| connect.of_proxy.as_ref()?.found.as_deref());
        let wanted = database.access.resource_id.as_deref().unwrap_or_default();
        lacks.push(match stale_id(observation, found, wanted) {
            Some(id) => {
                format!("the role of the proxy may connect to {id}, another database, but not to {database} ({wanted})")
            }
            None => format!("the role of the proxy has no permission from autoconnect to connect to {database}"),
        });
    }
    let missing = missing_variables(observation);
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
        let function = observation.describe(Side::Function);
        lacks.push(format!(
            "the environment of {function} lacks {} or has other values",
            names.join(", ")
        ));
    }
    lacks
}
