//! The account as it will be: each connection of a manifest is planned on what those before it leave.
//!
//! An account and Region is read once, in bulk. A plan that is carried out on the preview changes this copy and sends
//! nothing, so that the next connection is planned by the same engine as in a run of its own. What is not in the lists
//! (roles, secrets, the network) is read when it is asked for, and once.

mod reads;
mod writes;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cloud::{
    Answer, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup, DescribedSubnet, Fault, Operation,
    RoleDescription, SecretDescription,
};
use crate::concurrent::bounded;
use crate::model::{
    Function, FunctionState, GroupId, LastUpdateStatus, Origin, ProxyTarget, SecurityGroup, TargetHealthState,
    last_segment,
};
use crate::observe::{Lists, lists, patiently};

/// How the id of a group and the host name of a proxy begin that exist in the preview only; their names follow.
const NEW: &str = "new:";

/// How the ARN of a secret that exists in the preview only ends: as long as the six characters that Secrets Manager adds.
const NEW_SECRET: &str = "-000new";

/// How the resource id of a proxy that exists in the preview only begins; its name follows.
const NEW_PROXY: &str = "prx-new-";

/// Whether this is the id, ARN or host name of something that exists in the preview only.
pub fn is_new(id: &str) -> bool {
    id.starts_with(NEW) || id.ends_with(NEW_SECRET) || id.contains(NEW_PROXY)
}

/// Why a proxy does not reach a target that groups keep it from.
const UNREACHABLE: &str = "UNREACHABLE";

/// How many proxies and functions are read at once, where each is a request of its own.
const AT_ONCE: usize = 5;

/// What connections need besides the lists.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The proxies, by their names in lower case: the targets of each are a request of their own.
    pub proxies: BTreeSet<String>,
    /// The functions whose environment is changed: Lambda's list is not asked for environments.
    pub environments: BTreeSet<String>,
}

/// An account and Region as it will be.
pub struct Preview<'c> {
    account: &'c dyn Cloud,
    state: Mutex<State>,
    /// What was read besides the lists, by operation and arguments.
    read: Mutex<HashMap<String, Box<dyn Any + Send>>>,
    /// Whether resources that are being changed are shown as available.
    is_settled: AtomicBool,
}

/// The copy.
struct State {
    clusters: Answer<Vec<DbCluster>>,
    instances: Answer<Vec<DbInstance>>,
    subnet_groups: Answer<Vec<DbSubnetGroup>>,
    proxies: Answer<Vec<DbProxy>>,
    targets: BTreeMap<String, Answer<Vec<ProxyTarget>>>,
    functions: Answer<Vec<Function>>,
    /// Why functions could not be read that are needed with their environment, by name.
    unread: BTreeMap<String, CloudError>,
    groups: Answer<Vec<SecurityGroup>>,
    subnets: Answer<Vec<DescribedSubnet>>,
    /// Whether groups, or lists of them, are not as they were read.
    is_changed: bool,
    /// What was made, and what of it was changed.
    roles: BTreeMap<String, Role>,
    secrets: Vec<SecretDescription>,
    /// The tags of proxies and functions that were made, by ARN.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Those of the functions and proxies that were there, by ARN.
    tagged: Answer<BTreeMap<String, BTreeMap<String, String>>>,
}

/// A role, as far as the preview has made or changed it.
#[derive(Clone, Debug, Default)]
struct Role {
    /// What describes it, where it was made.
    made: Option<RoleDescription>,
    /// Inline policies that were written, and none for those that were deleted.
    inline: BTreeMap<String, Option<String>>,
    /// Managed policies that were attached, and those that were detached.
    attached: BTreeMap<String, bool>,
}

impl<'c> Preview<'c> {
    /// Reads an account and Region.
    pub async fn read(account: &'c dyn Cloud, needs: &Needs) -> Self {
        let Lists {
            clusters,
            instances,
            subnet_groups,
            proxies,
            functions,
            groups,
            subnets,
            tagged,
        } = lists(account).await;
        let mut functions = functions.map(|listed| listed.into_iter().map(as_configured).collect::<Vec<_>>());
        let names = proxies.iter().flatten().map(DbProxy::name);
        let wanted = names.filter(|name| needs.proxies.contains(&name.to_ascii_lowercase()));
        let wanted = wanted.map(str::to_owned).collect::<Vec<_>>().into_iter();
        let targets = wanted.map(async |name: String| {
            let targets = patiently(account, || account.describe_db_proxy_targets(&name)).await;
            (name.to_ascii_lowercase(), targets)
        });
        let whole = needs.environments.iter().cloned().collect::<Vec<_>>().into_iter();
        let whole = whole.map(async |name: String| {
            let function = patiently(account, || account.get_function_configuration(&name)).await;
            (name, function)
        });
        let (targets, whole) = tokio::join!(bounded(AT_ONCE, targets), bounded(AT_ONCE, whole));
        let mut unread = BTreeMap::new();
        for (name, answer) in whole {
            match (answer, &mut functions) {
                (Ok(function), Ok(functions)) => {
                    functions.retain(|listed| listed.name != function.name);
                    functions.push(function);
                }
                // One that does not exist may be created by a connection.
                (Err(error), _) if error.is_not_found() => {}
                (Ok(_), Err(_)) => {}
                (Err(error), _) => drop(unread.insert(name, error)),
            }
        }
        Self {
            account,
            state: Mutex::new(State {
                clusters,
                instances,
                subnet_groups,
                proxies,
                targets: targets.into_iter().collect(),
                functions,
                unread,
                groups,
                subnets,
                is_changed: false,
                roles: BTreeMap::new(),
                secrets: Vec::new(),
                tags: BTreeMap::new(),
                tagged,
            }),
            read: Mutex::default(),
            is_settled: AtomicBool::new(false),
        }
    }

    /// The account and Region, as far as anything that was read is in one.
    pub fn origin(&self) -> Origin {
        Origin::of_arn(&self.state().an_arn()).or(self.account.home())
    }

    /// Ends the registration of a proxy's targets, as a run that waits for it finds it.
    pub fn end_registration(&self, proxy: &str) {
        let mut state = self.state();
        let targets = state.targets.get(&proxy.to_ascii_lowercase()).cloned();
        let Some(Ok(mut targets)) = targets else { return };
        for ProxyTarget { resource, health, .. } in &mut targets {
            let Some(health) = health else { continue };
            let is_registering = health.state == TargetHealthState::Registering;
            if is_registering || health.reason.as_deref() == Some("PENDING_PROXY_CAPACITY") {
                (health.state, health.reason) = if state.lets_through(proxy, resource) {
                    (TargetHealthState::Available, None)
                } else {
                    (TargetHealthState::Unavailable, Some(UNREACHABLE.to_owned()))
                };
            }
        }
        state.targets.insert(proxy.to_ascii_lowercase(), Ok(targets));
    }

    /// From now on, shows resources that are being changed as available, or as they were read.
    pub fn settle(&self, is_settled: bool) {
        self.is_settled.store(is_settled, Ordering::Relaxed);
    }

    fn is_settled(&self) -> bool {
        self.is_settled.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was answered to this question before, else what is answered now.
    async fn once<T, F>(&self, question: String, read: F) -> Answer<T>
    where
        T: Clone + Send + 'static,
        F: Future<Output = Answer<T>>,
    {
        let known = {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.get(&question)
                .and_then(|known| known.downcast_ref::<Answer<T>>())
                .cloned()
        };
        if let Some(answer) = known {
            return answer;
        }
        let answer = read.await;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(question, Box::new(answer.clone()));
        answer
    }
}

/// A listed function. Lambda's list has no states: a function counts as ready, and the run that changes it reads its state.
fn as_configured(mut function: Function) -> Function {
    if matches!(&function.state, FunctionState::Other(state) if state == "unknown") {
        function.state = FunctionState::Active;
        function.last_update = function.last_update.or(Some(LastUpdateStatus::Successful));
    }
    function
}

fn missing(operation: Operation, what: &str) -> CloudError {
    CloudError::new(operation, Fault::NotFound(format!("{what} does not exist")))
}

/// The function's name in a name, a partial or a full ARN.
fn name_of(function: &str) -> &str {
    last_segment(function)
}

impl State {
    fn group(&mut self, operation: Operation, id: &GroupId) -> Answer<&mut SecurityGroup> {
        let groups = self.groups.as_mut().map_err(|error| error.clone())?;
        let found = groups.iter_mut().find(|group| group.id == *id);
        found.ok_or_else(|| missing(operation, &format!("security group {id}")))
    }

    fn function(&mut self, operation: Operation, name: &str) -> Answer<&mut Function> {
        let functions = self.functions.as_mut().map_err(|error| error.clone())?;
        let found = functions.iter_mut().find(|function| function.name == name_of(name));
        found.ok_or_else(|| missing(operation, &format!("function {name}")))
    }

    fn proxy(&mut self, operation: Operation, name: &str) -> Answer<&mut DbProxy> {
        let proxies = self.proxies.as_mut().map_err(|error| error.clone())?;
        let found = proxies.iter_mut().find(|proxy| proxy.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| missing(operation, &format!("proxy {name}")))
    }

    fn made_secret(&self, id: &str) -> Option<&SecretDescription> {
        self.secrets.iter().find(|secret| secret.name == id || secret.arn == id)
    }
}
