//! An account, a run on it, and a front that says yes.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::*;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::*;
use autoconnect::observe::Target;
use autoconnect::reconcile::{Failure, Front, Options, Outcome, Progress, Proposal, RunError, run};
use secrecy::SecretString;

/// The password that must not be seen anywhere.
pub const CANARY: &str = "canary-7f3a9c";

/// The example account of the documentation.
pub fn example() -> AccountDocument {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/account.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn account(change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    let mut document = example();
    change(&mut document);
    OfflineAccount::in_memory(document).unwrap()
}

pub fn cluster(database: &str, function: &str) -> Target {
    Target::direct(DatabaseKind::Cluster, database, function)
}

pub fn instance(database: &str, function: &str) -> Target {
    Target::direct(DatabaseKind::Instance, database, function)
}

/// Says yes (or no), and remembers what it was told.
#[derive(Default)]
pub struct Script {
    pub declines: bool,
    pub proposals: Mutex<Vec<Proposal>>,
    pub waits: Mutex<Vec<String>>,
}

impl Front for Script {
    async fn consent(&self, proposal: &Proposal) -> Result<(), RunError> {
        self.proposals.lock().unwrap().push(proposal.clone());
        if self.declines { Err(RunError::Declined) } else { Ok(()) }
    }

    async fn password(&self, _: &str) -> Result<SecretString, RunError> {
        Ok(SecretString::from(CANARY))
    }

    fn progress(&self, progress: Progress<'_>) {
        if let Progress::Waiting { waiting_for, .. } = progress {
            self.waits.lock().unwrap().push(waiting_for.to_owned());
        }
    }
}

pub async fn setup(cloud: &impl Cloud, target: &Target) -> Result<Outcome, Failure> {
    setup_with(cloud, target, &Options::default(), &Script::default()).await
}

pub async fn setup_with(
    cloud: &impl Cloud,
    target: &Target,
    options: &Options,
    front: &Script,
) -> Result<Outcome, Failure> {
    run(cloud, target, options, front, Interrupt::never()).await
}

pub fn dry_run() -> Options {
    Options {
        dry_run: true,
        ..Options::default()
    }
}

/// Runs `setup` until the user ends it at its n-th call, counted from 0; nothing is ended where it has fewer.
pub async fn setup_interrupted_at(call: u32, account: &OfflineAccount, target: &Target) -> Result<Outcome, Failure> {
    let (trigger, interrupt) = Interrupt::new();
    let calls = AtomicU32::new(0);
    let mut cloud = Slow::new(account);
    cloud.before = Box::new(|_| {
        if calls.fetch_add(1, Ordering::Relaxed) == call {
            trigger.raise();
        }
    });
    run(&cloud, target, &Options::default(), &Script::default(), interrupt).await
}

/// A cloud that takes a second of virtual time for each answer, and calls a hook before each.
pub struct Slow<'a> {
    pub account: &'a OfflineAccount,
    pub before: Box<dyn Fn(Operation) + Sync + 'a>,
}

impl<'a> Slow<'a> {
    pub fn new(account: &'a OfflineAccount) -> Self {
        Self {
            account,
            before: Box::new(|_| ()),
        }
    }

    async fn take(&self, operation: Operation) {
        (self.before)(operation);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Cloud for Slow<'_> {
    async fn describe_db_cluster(&self, id: &str) -> Answer<DbCluster> {
        self.take(Operation::DescribeDbClusters).await;
        self.account.describe_db_cluster(id).await
    }
    async fn describe_db_instance(&self, id: &str) -> Answer<DbInstance> {
        self.take(Operation::DescribeDbInstances).await;
        self.account.describe_db_instance(id).await
    }
    async fn describe_cluster_members(&self, cluster: &str) -> Answer<Vec<DbInstance>> {
        self.take(Operation::DescribeDbInstances).await;
        self.account.describe_cluster_members(cluster).await
    }
    async fn describe_db_proxy(&self, name: &str) -> Answer<Proxy> {
        self.take(Operation::DescribeDbProxies).await;
        self.account.describe_db_proxy(name).await
    }
    async fn describe_db_proxy_targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>> {
        self.take(Operation::DescribeDbProxyTargets).await;
        self.account.describe_db_proxy_targets(proxy).await
    }
    async fn modify_db_proxy(&self, name: &str, groups: &GroupList) -> Answer<()> {
        self.take(Operation::ModifyDbProxy).await;
        self.account.modify_db_proxy(name, groups).await
    }
    async fn register_db_proxy_targets(&self, proxy: &str, kind: DatabaseKind, database: &str) -> Answer<()> {
        self.take(Operation::RegisterDbProxyTargets).await;
        self.account.register_db_proxy_targets(proxy, kind, database).await
    }
    async fn describe_db_subnet_group(&self, name: &str) -> Answer<DbSubnetGroup> {
        self.take(Operation::DescribeDbSubnetGroups).await;
        self.account.describe_db_subnet_group(name).await
    }
    async fn get_function_configuration(&self, name: &str) -> Answer<Function> {
        self.take(Operation::GetFunctionConfiguration).await;
        self.account.get_function_configuration(name).await
    }
    async fn describe_subnets(&self, ids: &[SubnetId]) -> Answer<Vec<Subnet>> {
        self.take(Operation::DescribeSubnets).await;
        self.account.describe_subnets(ids).await
    }
    async fn describe_connection_groups(&self, vpc: &VpcId) -> Answer<Vec<SecurityGroup>> {
        self.take(Operation::DescribeSecurityGroups).await;
        self.account.describe_connection_groups(vpc).await
    }
    async fn describe_security_group(&self, id: &GroupId) -> Answer<SecurityGroup> {
        self.take(Operation::DescribeSecurityGroups).await;
        self.account.describe_security_group(id).await
    }
    async fn names(&self, kind: ResourceKind) -> Answer<Vec<String>> {
        self.account.names(kind).await
    }
    async fn create_security_group(&self, new: &NewSecurityGroup) -> Answer<GroupId> {
        self.take(Operation::CreateSecurityGroup).await;
        self.account.create_security_group(new).await
    }
    async fn revoke_security_group_egress(&self, group: &GroupId, rules: &[Rule]) -> Answer<()> {
        self.take(Operation::RevokeSecurityGroupEgress).await;
        self.account.revoke_security_group_egress(group, rules).await
    }
    async fn authorize_security_group(&self, group: &GroupId, direction: Direction, rule: &Rule) -> Answer<()> {
        self.take(Operation::AuthorizeSecurityGroupIngress).await;
        self.account.authorize_security_group(group, direction, rule).await
    }
    async fn modify_db_cluster(&self, id: &str, groups: &GroupList) -> Answer<()> {
        self.take(Operation::ModifyDbCluster).await;
        self.account.modify_db_cluster(id, groups).await
    }
    async fn modify_db_instance(&self, id: &str, groups: &GroupList) -> Answer<()> {
        self.take(Operation::ModifyDbInstance).await;
        self.account.modify_db_instance(id, groups).await
    }
    async fn update_function_configuration(&self, name: &str, vpc: &FunctionVpc, revision: Option<&str>) -> Answer<()> {
        self.take(Operation::UpdateFunctionConfiguration).await;
        self.account.update_function_configuration(name, vpc, revision).await
    }
    async fn describe_secret(&self, id: &str) -> Answer<SecretDescription> {
        self.take(Operation::DescribeSecret).await;
        self.account.describe_secret(id).await
    }
    async fn describe_key(&self, id: &str) -> Answer<KeyDescription> {
        self.take(Operation::DescribeKey).await;
        self.account.describe_key(id).await
    }
    async fn get_role(&self, name: &str) -> Answer<RoleDescription> {
        self.take(Operation::GetRole).await;
        self.account.get_role(name).await
    }
    async fn get_role_policy(&self, role: &str, policy: &str) -> Answer<String> {
        self.take(Operation::GetRolePolicy).await;
        self.account.get_role_policy(role, policy).await
    }
    async fn update_function_environment(
        &self,
        name: &str,
        environment: &Environment,
        revision: Option<&str>,
    ) -> Answer<()> {
        self.take(Operation::UpdateFunctionConfiguration).await;
        self.account
            .update_function_environment(name, environment, revision)
            .await
    }
    async fn create_secret(&self, new: &NewSecret) -> Answer<String> {
        self.take(Operation::CreateSecret).await;
        self.account.create_secret(new).await
    }
    async fn create_role(&self, new: &NewRole) -> Answer<String> {
        self.take(Operation::CreateRole).await;
        self.account.create_role(new).await
    }
    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Answer<()> {
        self.take(Operation::PutRolePolicy).await;
        self.account.put_role_policy(role, policy, document).await
    }
    async fn attach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        self.take(Operation::AttachRolePolicy).await;
        self.account.attach_role_policy(role, policy).await
    }
    async fn create_db_proxy(&self, new: &NewDbProxy) -> Answer<String> {
        self.take(Operation::CreateDbProxy).await;
        self.account.create_db_proxy(new).await
    }
    async fn create_function(&self, new: &NewLambda) -> Answer<String> {
        self.take(Operation::CreateFunction).await;
        self.account.create_function(new).await
    }
    fn calls(&self) -> ApiCalls {
        self.account.calls()
    }
    fn pace(&self) -> Pace {
        Pace {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        }
    }
}
