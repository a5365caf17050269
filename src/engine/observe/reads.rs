//! The permissions for reading: limited to the resources that are read, as far as these are known in advance.
//!
//! What a run reads at its end is included, also of what it creates. Others can change which policies a role has
//! between two reads, so any policy may be read.

use super::network::{READS as NETWORK, READS_BETWEEN};
use super::role::ROLE_READS;
use super::{BEARER_READS, ProxyWish, Target};
use crate::adopt::{is_taking_over_proxy, made_secret};
use crate::interfaces::change_of;
use crate::model::network::{Network, Part, PublicAccess, RouteTarget};
use crate::model::{
    Credentials, Database, DatabaseKind, Function, GroupQuota, NeededSecret, Observation, Place, Proxy, Secret,
};
use crate::naming::created;
use crate::operation::Operation;
use crate::plan::{Effect, NetworkEffect, Plan, Step, StepStatus};
use crate::policy::{Permissions, literal, new_secret, of_any, proxy_arn};

/// The permissions that the reads of a run take, collected part by part.
#[derive(Clone, Debug)]
pub struct Reads<'a> {
    place: Place<'a>,
    permissions: Permissions,
}

impl<'a> Reads<'a> {
    /// Nothing yet, in this place.
    pub fn at(place: Place<'a>) -> Self {
        Self {
            place,
            permissions: Permissions::default(),
        }
    }

    /// What was collected.
    pub fn permissions(self) -> Permissions {
        self.permissions
    }

    /// An operation on these resources.
    pub fn of(mut self, operation: Operation, resources: impl IntoIterator<Item = String>) -> Self {
        self.permissions.add(operation.iam_action(), resources);
        self
    }

    /// Operations on whatever they find.
    pub fn any(self, operations: impl IntoIterator<Item = Operation>) -> Self {
        let place = self.place;
        let add = |reads: Self, operation| reads.of(operation, of_any(operation, place));
        operations.into_iter().fold(self, add)
    }

    /// A database with its members and its subnets.
    pub fn database(self, database: &Database) -> Self {
        let arn = [literal(&database.arn)];
        if database.kind == DatabaseKind::Instance {
            return self.of(Operation::DescribeDbInstances, arn);
        }
        // The members are found by a filter. They would name the VPC.
        let subnets = database.members.is_empty().then_some(Operation::DescribeDbSubnetGroups);
        self.of(Operation::DescribeDbClusters, arn)
            .any([Operation::DescribeDbInstances])
            .any(subnets)
    }

    /// A function.
    pub fn function(self, function: &Function) -> Self {
        self.of(Operation::GetFunctionConfiguration, [literal(&function.arn)])
    }

    /// A proxy and its targets. RDS returns the id of a target group only with them.
    pub fn proxy(self, proxy: &Proxy) -> Self {
        let (place, arn) = (self.place, proxy_arn(self.place, Some(proxy)));
        let targets = [arn.clone(), place.arn("rds", "target-group:*")];
        self.of(Operation::DescribeDbProxies, [arn])
            .of(Operation::DescribeDbProxyTargets, targets)
    }

    /// What decides what a function's role may do.
    pub fn role_of(self, function: &Function) -> Self {
        match &function.role {
            Some(role) => self.role(role),
            None => self,
        }
    }

    /// What is read of a function's role where a plan changes the function's network interfaces.
    pub fn interfaces_of(self, function: &Function, plan: &Plan) -> Self {
        match change_of(plan) {
            Some(_) => self.role_of(function),
            None => self,
        }
    }

    /// What decides what a role may do: its policies, AWS's own and those of the account among them, and its boundary.
    pub fn role(self, role: &str) -> Self {
        let Place { partition, account, .. } = self.place;
        let policies = ["aws", account].map(|owner| format!("arn:{partition}:iam::{owner}:policy/*"));
        let add = |reads: Self, operation: &Operation| match operation {
            Operation::GetPolicy | Operation::GetPolicyVersion => reads.of(*operation, policies.clone()),
            _ => reads.of(*operation, [literal(role)]),
        };
        ROLE_READS.iter().fold(self, add)
    }

    /// The tags of a function and a proxy, by which their owners are known. A run goes on without them.
    pub fn tags_of(self, function: &Function, proxy: Option<&Proxy>) -> Self {
        let place = self.place;
        let proxy = proxy.map(|proxy| proxy_arn(place, Some(proxy)));
        self.of(Operation::ListTags, [literal(&function.arn)])
            .of(Operation::ListTagsForResource, proxy)
    }

    /// What lies between the resources of a connection, and the function's role: for the checks of `diagnose`. A run goes on
    /// without what it may not read of these.
    pub fn path(self, observation: &Observation, network: &Network) -> Self {
        let place = self.place;
        let vpcs = network.vpcs.known().into_iter().flatten();
        let vpcs: Vec<String> = vpcs.map(|vpc| place.arn("ec2", &format!("vpc/{}", vpc.id))).collect();
        let mut all = network.vpcs.known().into_iter().flatten();
        let has_dhcp_options = all.any(|vpc| vpc.dhcp_options.is_some());
        let is_across = vpcs.len() > 1;
        let add = |reads: Self, operation: &Operation| match operation {
            Operation::DescribeDhcpOptions if !has_dhcp_options => reads,
            Operation::DescribeVpcPeeringConnections if !is_across => reads,
            Operation::DescribeVpcAttribute => reads.of(*operation, vpcs.clone()),
            Operation::GetManagedPrefixListEntries => {
                reads.of(*operation, prefix_lists(place, network, &Plan::default()))
            }
            _ => reads.any([*operation]),
        };
        let reads = READS_BETWEEN.iter().fold(self, add);
        let function = &observation.function;
        let new = || place.role(&created::function_role(place.region, &function.name));
        // A function that the run makes is looked at with the others at its end.
        let role = function.role.clone().or_else(|| (!function.exists).then(new));
        reads.role_of(&Function {
            role,
            ..function.clone()
        })
    }

    /// Secrets, with the keys that encrypt them. Which keys these are is known only once the secrets are read.
    pub fn secrets(self, secrets: &[NeededSecret]) -> Self {
        secrets.iter().fold(self, |reads, secret| {
            // IAM knows keys by their ARNs; which one an alias is for may not have been read.
            let key = match (&secret.customer_key, &secret.asked_key) {
                (Part::Read(Some(arn)), _) => Some(literal(arn)),
                (_, Some(id)) if id.contains(":key/") => Some(literal(id)),
                (_, Some(_)) => Some(Place::of(&secret.arn).arn("kms", "key/*")),
                (_, None) => None,
            };
            reads
                .of(Operation::DescribeSecret, [literal(&secret.arn)])
                .of(Operation::DescribeKey, key)
        })
    }

    /// A network: now, and once the plan is carried out.
    pub fn network(self, network: &Network, plan: &Plan) -> Self {
        let place = self.place;
        let vpcs = network.vpcs.known().into_iter().flatten();
        let vpcs: Vec<String> = vpcs.map(|vpc| place.arn("ec2", &format!("vpc/{}", vpc.id))).collect();
        let tables = network.route_tables.known().into_iter().flatten();
        let mut targets = tables.flat_map(|table| &table.routes).map(|route| &route.target);
        let has_interfaces = targets.any(|target| matches!(target, RouteTarget::Interface(_)));
        let mut all = network.vpcs.known().into_iter().flatten();
        let has_dhcp_options = all.any(|vpc| vpc.dhcp_options.is_some());
        let is_off = network.public_access.known().is_none_or(PublicAccess::is_off);
        let add = |reads: Self, operation: &Operation| match operation {
            Operation::DescribeDhcpOptions if !has_dhcp_options => reads,
            Operation::DescribeVpcBlockPublicAccessExclusions if is_off => reads,
            Operation::DescribeVpcAttribute => reads.of(*operation, vpcs.clone()),
            Operation::GetManagedPrefixListEntries => reads.of(*operation, prefix_lists(place, network, plan)),
            Operation::DescribeNetworkInterfaces if !has_interfaces => reads,
            _ => reads.any([*operation]),
        };
        let reads = NETWORK.iter().fold(self, add);
        let services = network
            .services
            .as_ref()
            .map(|_| Operation::DescribeVpcEndpointServices);
        reads.any(services)
    }

    /// The network around the subnets in which a function is to be, its role, and the functions that it could share an
    /// interface with.
    pub fn site(self, function: &Function) -> Self {
        self.any([
            Operation::DescribeSubnets,
            Operation::DescribeVpcs,
            Operation::DescribeRouteTables,
            Operation::ListFunctions,
        ])
        .role_of(function)
    }

    /// A connection as `setup` reads it.
    pub fn connection(self, target: &Target, observation: &Observation) -> Self {
        let Observation {
            database,
            function,
            proxy,
            extras,
            ..
        } = observation;
        let place = self.place;
        let mut reads = self
            .database(database)
            .function(function)
            .any([Operation::DescribeSubnets, Operation::DescribeSecurityGroups]);
        if let (Some(proxy), true) = (proxy, target.proxy != ProxyWish::None) {
            reads = reads.proxy(proxy);
        }
        if observation.group_quota != GroupQuota::NotAsked {
            reads = reads.any([Operation::GetServiceQuota]);
        }
        let new_proxy = extras.new_proxy.as_ref();
        match (new_proxy.map(|new| &new.credentials), &extras.secret) {
            (Some(Credentials::Secret(secret)), _) => {
                let key = secret.key.as_ref().map(|key| literal(&key.arn));
                reads = reads
                    .of(Operation::DescribeSecret, [literal(&secret.arn)])
                    .of(Operation::DescribeKey, key);
            }
            (_, Some(secret)) => reads = reads.of(Operation::DescribeSecret, [literal(&secret.arn)]),
            (Some(Credentials::NewSecret { name }), _) => {
                reads = reads.of(Operation::DescribeSecret, new_secret(place, name));
            }
            _ => {}
        }
        if extras.attach.is_some() {
            reads = reads.site(function);
        }
        reads = reads.standing(target, observation);
        let is_new = proxy.as_ref().is_some_and(|proxy| !proxy.exists);
        if is_new || !function.exists {
            reads = reads.any([Operation::DescribeVpcs]);
        }
        if let (true, Some(role)) = (is_new, new_proxy.and_then(|new| new.role.as_ref())) {
            reads = reads.of(Operation::GetRole, [literal(&role.arn)]);
        }
        if extras.connect.is_some() {
            let new = || place.role(&created::function_role(place.region, &function.name));
            let role = function.role.clone().unwrap_or_else(new);
            reads = reads
                .of(Operation::GetRole, [literal(&role)])
                .of(Operation::GetRolePolicy, [literal(&role)]);
            let of_proxy = proxy
                .iter()
                .filter(|proxy| created::is_own_proxy_role(place.region, proxy));
            let of_proxy = of_proxy.map(|proxy| place.role(&created::proxy_role(place.region, &proxy.name)));
            reads = reads.of(Operation::GetRolePolicy, of_proxy);
        }
        reads
    }

    /// What stands under the names of what the run makes: before it is made, and at the end.
    fn standing(self, target: &Target, observation: &Observation) -> Self {
        let Observation {
            function,
            proxy,
            extras,
            ..
        } = observation;
        let place = self.place;
        let mut reads = self;
        if let (ProxyWish::New(wish), Some(proxy)) = (&target.proxy, proxy)
            && !wish.only_looks
        {
            reads = reads.of(Operation::ListTagsForResource, [proxy_arn(place, Some(proxy))]);
            // What was begun is compared by the run that goes on with it.
            if !proxy.exists || is_taking_over_proxy(observation) {
                let targets = [proxy_arn(place, Some(proxy)), place.arn("rds", "target-group:*")];
                reads = reads.of(Operation::DescribeDbProxyTargetGroups, targets);
                if wish.role.is_none() {
                    reads = reads.role_of_ours(&place.role(&created::proxy_role(place.region, &proxy.name)));
                }
            }
            if is_taking_over_proxy(observation)
                && let Some(secret) = made_secret(observation, proxy)
            {
                reads = reads
                    .of(Operation::DescribeSecret, [literal(secret)])
                    .of(Operation::GetResourcePolicy, [literal(secret)]);
            }
            if let Some(
                Credentials::NewSecret { name }
                | Credentials::Secret(Secret {
                    name, details: Some(_), ..
                }),
            ) = extras.new_proxy.as_ref().map(|new| &new.credentials)
            {
                reads = reads.of(Operation::GetResourcePolicy, new_secret(place, name));
            }
        }
        if extras.new_function.is_some() {
            reads = reads.of(Operation::ListTags, [function.arn.clone()]);
            if !function.exists || target.iam_required {
                reads = reads.role_of_ours(&place.role(&created::function_role(place.region, &function.name)));
            }
        }
        reads
    }

    /// What has the groups of a set, before a run that goes on with one that died completes it.
    pub fn bearers_of(self, plan: &Plan) -> Self {
        let is_of_set = |step: &Step| matches!(step.effect, Effect::CreateSecurityGroup { side: Some(_), .. });
        // A set that is in use is changed by `--repair`, and never completed as one that was begun.
        let mut of_set = plan.steps.iter().filter(|step| is_of_set(step)).peekable();
        if of_set.peek().is_some() && of_set.all(|step| step.status != StepStatus::Already) {
            self.any(BEARER_READS)
        } else {
            self
        }
    }

    /// A role of a name of ours, with everything that it may do.
    fn role_of_ours(self, role: &str) -> Self {
        [
            Operation::GetRole,
            Operation::ListRolePolicies,
            Operation::ListAttachedRolePolicies,
            Operation::GetRolePolicy,
        ]
        .into_iter()
        .fold(self, |reads, operation| reads.of(operation, [role.to_owned()]))
    }
}

/// The prefix lists that rules and routes name. AWS's own are nobody's; a gateway endpoint brings one.
fn prefix_lists(place: Place<'_>, network: &Network, plan: &Plan) -> Vec<String> {
    let lists = network.prefix_lists.known().into_iter().flatten();
    let mut ids: Vec<String> = lists.map(|list| list.id.to_string()).collect();
    let brings_one = plan.steps.iter().any(|step| match &step.effect {
        Effect::Network(NetworkEffect::CreateEndpoint(endpoint)) => !endpoint.route_tables.is_empty(),
        Effect::Network(NetworkEffect::ModifyEndpoint { wish, .. }) => !wish.add_route_tables.is_empty(),
        _ => false,
    });
    if brings_one {
        ids.push("*".to_owned());
    }
    let of_aws = Place {
        account: "aws",
        ..place
    };
    let arns = |id: &String| [place, of_aws].map(|place| place.arn("ec2", &format!("prefix-list/{id}")));
    ids.iter().flat_map(arns).collect()
}
