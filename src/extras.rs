//! What `setup` sees to beside the groups: whose permission, which variables, and what of it is still missing.
//!
//! Source: spec/proxy.md, "`--proxy`" and "`--function`".

use crate::model::{Credentials, Observation, Side};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is known.
    Known(String),
    /// The endpoint of the proxy that the run makes.
    ProxyEndpoint,
    /// The ARN of the secret that the run makes.
    NewSecret,
}

/// A variable that the function is to have.
pub type Variable = (&'static str, Value);

/// The user of the database as whom clients connect: the one that was named, else the master user where the
/// managed master secret is used.
#[must_use]
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
#[must_use]
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

/// The variables that `--set-env` gives to the function.
#[must_use]
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
    let login = match (extras.connect.is_some(), client_secret(observation)) {
        (false, Some(ClientSecret::Existing(secret))) => Some(("DB_SECRET_ARN", known(secret.to_owned()))),
        (false, Some(ClientSecret::New)) => Some(("DB_SECRET_ARN", Value::NewSecret)),
        _ => user(observation).map(|user| ("DB_USER", known(user.to_owned()))),
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
#[must_use]
pub fn missing_variables(observation: &Observation) -> Vec<Variable> {
    let has = |(name, value): &Variable| {
        let environment = observation.function.environment.as_ref();
        matches!(value, Value::Known(value) if environment.and_then(|env| env.get(name)) == Some(value))
    };
    let mut variables = variables(observation);
    variables.retain(|variable| !has(variable));
    variables
}

/// Whether the function's role still lacks the permission to connect.
#[must_use]
pub fn lacks_permission(observation: &Observation) -> bool {
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
#[must_use]
pub fn lacks(observation: &Observation) -> Vec<String> {
    let Observation { database, proxy, .. } = observation;
    let mut lacks = Vec::new();
    if proxy.as_ref().is_some_and(|proxy| !proxy.has_target(database)) {
        lacks.push("the database is not the proxy's target".to_owned());
    }
    if lacks_permission(observation) {
        let function = observation.describe(Side::Function);
        lacks.push(format!(
            "the role of {function} has no permission of ours to connect through the proxy"
        ));
    }
    let missing = missing_variables(observation);
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
        let function = observation.describe(Side::Function);
        lacks.push(format!("the environment of {function} lacks {}", names.join(", ")));
    }
    lacks
}
