//! An existing resource with one of our names is taken over only if it is exactly as this program would create it.
//! Anyone can set names and tags: they say what to compare, and grant nothing.
//!
//! Source: docs/new-proxies.md, "What is taken over".

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{Decision, decide};
use crate::model::{
    ConnectionPool, EngineFamily, FoundRole, Function, GroupId, IDLE_TIMEOUT, Observation, Place, Proxy, Secret,
    SecretDetails, Side, SubnetId, last_segment,
};
use crate::naming::created;
use crate::ownership::{self, For, Names, OwnConnection, OwnTags, Way};
use crate::policy::{self, LAMBDA, RDS, vpc_access};

/// The most subnets that Lambda takes for a function.
pub const MAX_FUNCTION_SUBNETS: usize = 16;

/// Tags as they are, by their keys.
type Tags = BTreeMap<String, String>;

/// What a role's own policies may allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPolicies {
    /// Those of a proxy's role: to read its secret, and to connect to its database.
    Proxy {
        /// The proxy's name.
        proxy: String,
        /// The ARN of the database, which contains the place.
        database: String,
        /// The ids by which IAM names the databases that it may connect to; none where the role goes, and any one will do: the
        /// database may have been replaced since.
        databases: Option<Vec<String>>,
        /// The user whose permission to connect the run writes again, because it can name a database that was replaced.
        renewed: Option<String>,
        /// The secrets, by their names or ARNs; one that is still to be made by its name. None where the proxy no longer
        /// exists, and any one will do.
        secrets: Option<Vec<String>>,
    },
    /// Those of a function's role: to connect through proxies.
    Function {
        /// The function's ARN, which contains the place.
        function: String,
    },
}

/// A role of ours as this program makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRole {
    /// Its ARN: with no path.
    pub arn: String,
    /// The service that may assume it, and nobody else.
    pub service: &'static str,
    /// Its tags.
    pub tags: OwnTags,
    /// The policies of IAM that it is given. A role whose making was interrupted may lack them.
    pub managed: Vec<String>,
    /// Its own policies.
    pub policies: OwnPolicies,
}

impl OwnRole {
    /// The role of the observation's proxy.
    pub fn of_proxy(observation: &Observation, proxy: &Proxy) -> Self {
        let Observation { database, extras, .. } = observation;
        let place = database.place();
        let new = extras.new_proxy.as_ref();
        let secrets = if proxy.exists {
            proxy.secrets.clone()
        } else {
            new.and_then(|new| new.credentials.secret()).into_iter().collect()
        };
        Self {
            arn: place.role(&created::proxy_role(place.region, &proxy.name)),
            service: RDS,
            tags: own_tags(observation, Side::Proxy),
            managed: Vec::new(),
            policies: OwnPolicies::Proxy {
                proxy: proxy.name.clone(),
                database: database.arn.clone(),
                databases: Some(database.access.resource_id.iter().cloned().collect()),
                renewed: crate::extras::user(observation).map(str::to_owned),
                secrets: Some(secrets),
            },
        }
    }

    /// The role of the observation's function.
    pub fn of_function(observation: &Observation) -> Self {
        let function = &observation.function;
        Self::of_function_named(
            observation.database.place(),
            &function.name,
            own_tags(observation, Side::Function),
        )
    }

    fn of_function_named(place: Place<'_>, function: &str, tags: OwnTags) -> Self {
        Self {
            arn: place.role(&created::function_role(place.region, function)),
            service: LAMBDA,
            tags,
            managed: vec![vpc_access(place)],
            policies: OwnPolicies::Function {
                function: place.arn("lambda", &format!("function:{function}")),
            },
        }
    }

    /// The role of what its tags name, which may no longer exist: a proxy or a function. None where they name neither.
    /// `secrets` are as in [`OwnPolicies::Proxy`].
    pub fn of_tags(place: Place<'_>, found: &Tags, secrets: impl FnOnce(&Way) -> Option<Vec<String>>) -> Option<Self> {
        let (way, function) = ownership::way_of(found)?;
        if ownership::side_of(found) == Some(Side::Function) {
            let own = OwnTags {
                side: Side::Function,
                connection: OwnConnection::Function(function?.to_owned()),
            };
            return Some(Self::of_function_named(place, function?, own));
        }
        let proxy = way.proxy()?;
        Some(Self {
            arn: place.role(&created::proxy_role(place.region, proxy)),
            service: RDS,
            tags: OwnTags::of_proxy(&way),
            managed: Vec::new(),
            policies: OwnPolicies::Proxy {
                proxy: proxy.to_owned(),
                database: way.arn(place),
                databases: None,
                renewed: None,
                secrets: secrets(&way),
            },
        })
    }

    /// How a role differs from it. What a run that died has not written yet is no difference.
    pub fn differences(&self, found: &FoundRole) -> Vec<String> {
        let mut differences = Vec::new();
        if found.arn != self.arn {
            differences.push(format!("its ARN is {}, not {}", found.arn, self.arn));
        }
        let trust = policy::trust(self.service);
        if !policy::is_same(&found.trust, &trust) {
            differences.push(format!(
                "its trust policy is {}, not {trust}",
                policy::on_one_line(&found.trust)
            ));
        }
        let others = found.attached.iter().filter(|policy| !self.managed.contains(policy));
        differences.extend(others.map(|policy| format!("policy {policy} is attached to it")));
        for (name, document) in &found.inline {
            if !self.policies.has(name, document) {
                let document = policy::on_one_line(document);
                differences.push(format!("its own policy {name} is {document}"));
            }
        }
        differences.extend(self.tags.differences(&found.tags));
        differences
    }
}

impl OwnPolicies {
    /// Whether it is a policy that this program gives such a role.
    fn has(&self, name: &str, document: &str) -> bool {
        match self {
            Self::Proxy {
                proxy,
                database,
                databases,
                renewed,
                secrets,
            } => {
                let place = Place::of(database);
                let reads = policy::secret_of(document).is_some_and(|(secret, key)| {
                    let is_one = |ids: &Vec<String>| ids.iter().any(|id| Secret::is_named(&secret, id));
                    let is_known_key = key.as_deref().is_none_or(|key| Place::of(key) == Place::of(&secret));
                    let names = secret
                        .rsplit(':')
                        .next()
                        .and_then(|name| name.get(..name.len().saturating_sub(7)));
                    let is_its_name = names.is_some_and(|secret| created::secret_policy(secret) == name);
                    is_known_key && is_its_name && secrets.as_ref().is_none_or(is_one)
                });
                let connects = user_of(document, place).is_some_and(|(id, user)| {
                    let is_its = databases
                        .as_ref()
                        .map_or_else(|| is_database(&id), |ids| ids.contains(&id));
                    (is_its || renewed.as_ref() == Some(&user)) && is_database_policy(place, proxy, name, document)
                });
                reads || connects
            }
            Self::Function { function } => is_connect_policy(Place::of(function), name, document),
        }
    }
}

/// The resource id and the user of a document that lets connect as exactly one user.
fn user_of(document: &str, place: Place<'_>) -> Option<(String, String)> {
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['*', '?', '$']);
    let (id, user) = policy::connects_as(document, place)?;
    (is_plain(&id) && is_plain(&user)).then_some((id, user))
}

/// Whether it is the id by which IAM names a cluster or an instance.
fn is_database(id: &str) -> bool {
    id.starts_with("cluster-") || id.starts_with("db-")
}

/// Whether it is a policy by which this program lets a function's role connect through a proxy, now or at another time:
/// a proxy that was created again has another id.
pub fn is_connect_policy(place: Place<'_>, name: &str, document: &str) -> bool {
    user_of(document, place).is_some_and(|(id, user)| {
        id.starts_with("prx-")
            && name.starts_with(&created::connect_policies_in(place.region))
            && policy::is_same(document, &policy::connect(place, &id, &user))
    })
}

/// Whether it is a policy by which this program lets a proxy's role connect to a database, now or at another time: a database
/// that was replaced or restored has another id.
pub fn is_database_policy(place: Place<'_>, proxy: &str, name: &str, document: &str) -> bool {
    user_of(document, place).is_some_and(|(id, user)| {
        is_database(&id)
            && name == created::connect_policy(place.region, proxy, &user)
            && policy::is_same(document, &policy::connect(place, &id, &user))
    })
}

/// The tags of what is made for a side of the observation.
pub fn own_tags(observation: &Observation, side: Side) -> OwnTags {
    OwnTags {
        side,
        connection: match side {
            Side::Function => OwnConnection::Function(observation.function.name.clone()),
            Side::Database | Side::Proxy => OwnConnection::Way(observation.way_id()),
        },
    }
}

/// How a secret differs from one that this program makes: whoever else may read or write it, or has a copy.
pub fn of_secret(details: &SecretDetails, tags: &OwnTags) -> Vec<String> {
    let SecretDetails {
        tags: found,
        key,
        policy,
        rotated_by,
        owner,
        replicas,
    } = details;
    let told = [
        key.as_ref()
            .map(|key| format!("it is encrypted with {key}, not with the key of AWS")),
        policy
            .as_ref()
            .map(|policy| format!("it has a resource policy: {}", policy::on_one_line(policy))),
        rotated_by.as_ref().map(|function| format!("{function} rotates it")),
        owner.as_ref().map(|service| format!("service {service} manages it")),
        (!replicas.is_empty()).then(|| format!("it is replicated to {}", replicas.join(", "))),
    ];
    told.into_iter().flatten().chain(tags.differences(found)).collect()
}

/// Whether a group of a function or a proxy is one that this program has created for it, on whichever way its tags name.
pub fn is_own_group(observation: &Observation, id: &GroupId, side: Side) -> bool {
    let names = Names::new(&observation.groups);
    let Some(group) = observation.group(id) else {
        return false;
    };
    let Some((way, _)) = ownership::way_of(&group.tags) else {
        return false;
    };
    let is_through_this = match side {
        Side::Proxy => way.proxy() == observation.proxy.as_ref().map(|proxy| proxy.name.as_str()),
        Side::Database | Side::Function => true,
    };
    is_through_this && ownership::judge(group, side, &way, For::AnyFunction, &names).is_credible()
}

/// Whether a run goes on with the proxy of an earlier one: it has something to write, and the proxy is there.
pub fn is_taking_over_proxy(observation: &Observation) -> bool {
    // One that is being deleted is waited for.
    let is_there = |proxy: &Proxy| proxy.exists && proxy.status != "deleting";
    observation.extras.new_proxy.is_some()
        && observation.proxy.as_ref().is_some_and(is_there)
        && decide(observation).decision != Decision::NoOp
}

/// The ARN of the secret of a proxy, where it has the name of one that this program makes.
pub fn made_secret<'p>(observation: &Observation, proxy: &'p Proxy) -> Option<&'p str> {
    let [arn] = proxy.secrets.as_slice() else {
        return None;
    };
    let is_here = Place::of(arn) == observation.database.place();
    let is_named = match &observation.extras.user {
        // The name of a long one is cut.
        Some(user) if Secret::is_named(arn, &created::secret(&proxy.name, user)) => true,
        _ => last_segment_of_secret(arn).starts_with(&created::secrets_of(&proxy.name)),
    };
    (is_here && is_named).then_some(arn)
}

/// The name of a secret in its ARN, with what Secrets Manager appends.
fn last_segment_of_secret(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// How a list of groups differs from one of ours: each is a group that this program created.
fn of_groups<'a>(observation: &Observation, side: Side, groups: impl Iterator<Item = &'a GroupId>) -> Vec<String> {
    let is_ours = |id: &GroupId| is_own_group(observation, id, side);
    let (ours, others): (Vec<&GroupId>, Vec<&GroupId>) = groups.partition(|id| is_ours(id));
    let others = others
        .into_iter()
        .map(|id| format!("it has group {id}, which autoconnect did not create"));
    let none = ours
        .is_empty()
        .then(|| "it has no group that autoconnect created".to_owned());
    others.chain(none).collect()
}

fn of_subnets(found: &[SubnetId], wanted: &[SubnetId]) -> Option<String> {
    let set = |ids: &[SubnetId]| -> BTreeSet<String> { ids.iter().map(ToString::to_string).collect() };
    let (found, wanted) = (set(found), set(wanted));
    let joined = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    (found != wanted).then(|| format!("its subnets are {}, not {}", joined(&found), joined(&wanted)))
}

/// What a proxy has besides its groups, as this program makes it.
pub fn of_proxy_settings(
    proxy: &Proxy,
    role: &str,
    subnets: &[SubnetId],
    found: Option<&Tags>,
    own: &OwnTags,
) -> Vec<String> {
    let other_role = proxy.role.as_deref().filter(|found| *found != role);
    let told = [
        other_role.map(|found| format!("its role is {found}, not {role}")),
        proxy.role.is_none().then(|| format!("it has no role, not {role}")),
        (!proxy.requires_tls).then(|| "it accepts connections without TLS".to_owned()),
        proxy
            .logs_statements
            .then(|| "it logs SQL statements (DebugLogging)".to_owned()),
        (proxy.secrets.len() > 1).then(|| format!("it logs in with several secrets: {}", proxy.secrets.join(", "))),
        of_subnets(&proxy.subnets, subnets),
    ];
    let tags = found.map(|found| own.differences(found)).unwrap_or_default();
    told.into_iter().flatten().chain(tags).collect()
}

/// How the observation's proxy differs from one that this program makes; `named` is the ARN of a role that was named.
pub fn of_proxy(observation: &Observation, proxy: &Proxy, named: Option<&str>) -> Vec<String> {
    let Observation { database, extras, .. } = observation;
    let place = database.place();
    let made = || place.role(&created::proxy_role(place.region, &proxy.name));
    let role = named.map_or_else(made, str::to_owned);
    let tags = extras.found.proxy_tags.as_ref();
    let own = own_tags(observation, Side::Proxy);
    let mut differences = of_proxy_settings(proxy, &role, &database.subnets, tags, &own);
    differences.extend(of_groups(observation, Side::Proxy, proxy.groups.iter()));
    differences.extend(of_further_settings(proxy));
    differences.extend(extras.found.proxy_pool.iter().flat_map(|pool| of_pool(proxy, pool)));
    differences
}

/// What this program leaves to RDS in how a proxy treats its clients (RDS API reference, `CreateDBProxy`). What AWS does not
/// report is no difference.
fn of_further_settings(proxy: &Proxy) -> Vec<String> {
    let settings = &proxy.settings;
    let other = |what: &str, found: Option<&str>, usual: &[&str]| {
        let found = found.filter(|found| !usual.contains(found))?;
        Some(format!("its {what} is {found}, not {}", usual.join(" or ")))
    };
    let passwords: &[&str] = match proxy.engine_family {
        // Which one is the default depends on the version of RDS.
        EngineFamily::MySql => &["MYSQL_CACHING_SHA2_PASSWORD", "MYSQL_NATIVE_PASSWORD"],
        EngineFamily::PostgreSql => &["POSTGRES_SCRAM_SHA_256"],
        EngineFamily::SqlServer => &["SQL_SERVER_AUTHENTICATION"],
    };
    let idle = settings.idle_client_timeout.filter(|found| *found != IDLE_TIMEOUT);
    let told = [
        idle.map(|found| format!("its IdleClientTimeout is {found}, not {IDLE_TIMEOUT}")),
        other(
            "EndpointNetworkType",
            settings.endpoint_network_type.as_deref(),
            &["IPV4"],
        ),
        other(
            "TargetConnectionNetworkType",
            settings.target_network_type.as_deref(),
            &["IPV4"],
        ),
    ];
    let of_logins = settings.logins.iter().filter_map(|login| {
        let found = login.client_password_auth.as_deref();
        other("ClientPasswordAuthType", found, passwords)
    });
    told.into_iter().flatten().chain(of_logins).collect()
}

/// How the connections that a proxy keeps differ from those of one that was created and left as it is (RDS API reference,
/// `ConnectionPoolConfiguration`).
fn of_pool(proxy: &Proxy, pool: &ConnectionPool) -> Vec<String> {
    /// Seconds.
    const BORROW_TIMEOUT: u32 = 120;
    // RDS for SQL Server begins with fewer than the others; the two are no reason to tell proxies of it apart.
    let (most, idle): (&[u32], &[u32]) = match proxy.engine_family {
        EngineFamily::SqlServer => (&[10, 100], &[5, 50]),
        EngineFamily::MySql | EngineFamily::PostgreSql => (&[100], &[50]),
    };
    let other = |what: &str, found: Option<u32>, usual: &[u32]| {
        let found = found.filter(|found| !usual.contains(found))?;
        Some(format!("its {what} is {found}, not {}", usual[0]))
    };
    let filters = (!pool.pinning_filters.is_empty())
        .then(|| format!("it has SessionPinningFilters: {}", pool.pinning_filters.join(", ")));
    let told = [
        pool.init_query
            .as_ref()
            .map(|query| format!("it runs an InitQuery on every connection: {query:?}")),
        other("MaxConnectionsPercent", pool.max_connections, most),
        other("MaxIdleConnectionsPercent", pool.max_idle_connections, idle),
        other("ConnectionBorrowTimeout", pool.borrow_timeout, &[BORROW_TIMEOUT]),
        filters,
    ];
    told.into_iter().flatten().collect()
}

/// How a function differs from one that this program makes, except its groups: what it runs, and as whom. Without a
/// runtime, any will do.
pub fn of_function_settings(
    function: &Function,
    (role, runtime): (&str, Option<&str>),
    subnets: &[SubnetId],
    found: Option<&Tags>,
    own: &OwnTags,
) -> Vec<String> {
    let other = |what: &str, found: Option<&str>, wanted: &str| {
        let found = found.filter(|found| *found != wanted)?;
        Some(format!("its {what} is {found}, not {wanted}"))
    };
    let attached = function.vpc.as_ref().map_or(&[][..], |vpc| &vpc.subnets);
    let told = [
        other("role", function.role.as_deref(), role),
        runtime.and_then(|runtime| other("runtime", function.code.runtime.as_deref(), runtime)),
        other("handler", function.code.handler.as_deref(), created::HANDLER),
        other("code", function.code.sha256.as_deref(), created::CODE_SHA256),
        of_subnets(attached, &subnets[..subnets.len().min(MAX_FUNCTION_SUBNETS)]),
    ];
    let tags = found.map(|found| own.differences(found)).unwrap_or_default();
    told.into_iter().flatten().chain(tags).collect()
}

/// How the observation's function differs from one that this program makes.
pub fn of_function(observation: &Observation, runtime: &str) -> Vec<String> {
    let Observation {
        database,
        function,
        extras,
        ..
    } = observation;
    let place = database.place();
    let role = place.role(&created::function_role(place.region, &function.name));
    let tags = extras.found.function_tags.as_ref();
    let own = own_tags(observation, Side::Function);
    let mut differences = of_function_settings(function, (&role, Some(runtime)), &database.subnets, tags, &own);
    differences.extend(of_groups(observation, Side::Function, function.groups().iter()));
    differences
}

/// How the policy of our name on the role of a function that exists, or on the proxy's role of our making, differs from one of
/// ours.
pub fn of_connect(observation: &Observation) -> Option<(String, String)> {
    let Observation {
        database,
        function,
        proxy,
        extras,
        ..
    } = observation;
    let connect = extras.connect.as_ref()?;
    let (proxy, user) = (proxy.as_ref()?, crate::extras::user(observation)?);
    let place = database.place();
    let name = created::connect_policy(place.region, &proxy.name, user);
    let difference = |document: &str| format!("its own policy {name} is {}", policy::on_one_line(document));
    let of_proxy = connect
        .of_proxy
        .as_ref()
        .and_then(|permission| permission.found.as_deref());
    if let Some(document) = of_proxy.filter(|document| !is_database_policy(place, &proxy.name, &name, document)) {
        return Some((created::proxy_role(place.region, &proxy.name), difference(document)));
    }
    let document = connect.found.as_deref()?;
    let role = last_segment(function.role.as_deref()?).to_owned();
    (!is_connect_policy(place, &name, document)).then(|| (role, difference(document)))
}
