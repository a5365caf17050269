//! The least that the caller of `setup` needs for one run: what its plan's steps and its reads call for, and nothing else.
//!
//! Source: spec/lambda-vpc.md, "`policy`". On which resources IAM checks an action is said in the service authorization
//! reference: `*` stands here only where an action knows no resources. A group, a proxy or a role that the run makes is
//! told by its name or its tags. A run that died is finished by the next with the same permissions.

use super::document::{Condition, Texts};
use super::grants::{LAMBDA, RDS};
use super::reads::of_any;
use super::{Permissions, PolicyDocument};
use crate::model::{Credentials, DatabaseKind, Observation, Place, VpcId, last_segment};
use crate::naming::created;
use crate::operation::Operation;
use crate::plan::{Effect, GroupRef, Made, Plan, RemovalEffect, ResourceRef};
use crate::tags;

/// The document for a run that has these reads and this plan.
#[must_use]
pub fn operator(observation: &Observation, reads: impl IntoIterator<Item = Operation>, plan: &Plan) -> PolicyDocument {
    let run = Run {
        observation,
        plan,
        place: observation.database.place(),
    };
    let mut permissions = Permissions::default();
    for read in reads {
        permissions.add(read.iam_action(), run.read_from(read));
    }
    for step in &plan.steps {
        for action in step.effect.iam_actions() {
            run.permit(&mut permissions, action, &step.effect);
        }
    }
    permissions.document()
}

/// What the resources of a run are told by.
struct Run<'a> {
    observation: &'a Observation,
    plan: &'a Plan,
    place: Place<'a>,
}

impl Run<'_> {
    /// The resources that an operation which reads is checked on.
    fn read_from(&self, operation: Operation) -> Vec<String> {
        let Observation { database, extras, .. } = self.observation;
        match operation {
            Operation::DescribeDbClusters => vec![database.arn.clone()],
            Operation::DescribeDbInstances if database.kind == DatabaseKind::Instance => vec![database.arn.clone()],
            Operation::DescribeDbProxies => vec![self.proxy()],
            Operation::DescribeDbProxyTargets => vec![self.proxy(), self.target_groups()],
            Operation::GetFunctionConfiguration => vec![self.observation.function.arn.clone()],
            Operation::GetRolePolicy => vec![self.function_role()],
            Operation::GetRole => {
                let given = extras.new_proxy.as_ref().and_then(|new| new.role.as_ref());
                given.map(|role| role.arn.clone()).into_iter().collect()
            }
            Operation::DescribeSecret => self.secrets(),
            Operation::DescribeKey => {
                let secret = extras.new_proxy.as_ref().map(|new| &new.credentials);
                match secret {
                    Some(Credentials::Secret(secret)) => secret.key.iter().map(|key| key.arn.clone()).collect(),
                    _ => Vec::new(),
                }
            }
            // Among them the members of a cluster, which are found by a filter.
            _ => of_any(operation, self.place),
        }
    }

    /// Adds what one action of a step is checked on.
    fn permit(&self, permissions: &mut Permissions, action: &'static str, effect: &Effect) {
        let mut permit = |condition, resources: Vec<String>| permissions.add_when(condition, action, resources);
        let always = Condition::new;
        let tagged = || when("StringEquals", &format!("aws:RequestTag/{}", tags::MANAGED), "true");
        match (action, effect) {
            ("ec2:CreateSecurityGroup", Effect::CreateSecurityGroup { vpc, .. }) => {
                permit(tagged(), vec![self.group("*")]);
                permit(always(), vec![self.vpc(vpc)]);
            }
            (_, Effect::Removal(RemovalEffect::Retag { groups, .. })) => {
                permit(always(), groups.iter().map(|id| self.group(id.as_str())).collect());
            }
            ("ec2:CreateTags", _) => permit(
                when("StringEquals", "ec2:CreateAction", "CreateSecurityGroup"),
                vec![self.group("*")],
            ),
            (_, Effect::RevokeDefaultEgress { group } | Effect::Authorize { group, .. }) => match group {
                GroupRef::Existing(id) => permit(always(), vec![self.group(id.as_str())]),
                GroupRef::New(_) => {
                    let key = format!("aws:ResourceTag/{}", tags::CONNECTION);
                    let connection = self.observation.connection_id();
                    permit(when("StringEquals", &key, &connection), vec![self.group("*")]);
                }
            },
            (_, Effect::Removal(RemovalEffect::Revoke { group, .. })) => {
                permit(always(), vec![self.group(group.id().as_str())]);
            }
            (_, Effect::Removal(RemovalEffect::Unmark { groups })) => {
                permit(always(), groups.iter().map(|id| self.group(id.as_str())).collect());
            }
            ("rds:ModifyDBCluster" | "rds:ModifyDBInstance", _) => {
                permit(always(), vec![self.observation.database.arn.clone()]);
            }
            ("rds:ModifyDBProxy", _) => permit(always(), vec![self.proxy()]),
            ("rds:RegisterDBProxyTargets", _) => permit(
                always(),
                vec![
                    self.target_groups(),
                    self.proxy(),
                    self.observation.database.arn.clone(),
                ],
            ),
            ("rds:CreateDBProxy", _) => permit(tagged(), vec!["*".to_owned()]),
            ("rds:AddTagsToResource", _) => permit(tagged(), vec![self.place.arn("rds", "db-proxy:*")]),
            ("iam:PassRole", Effect::CreateProxy(proxy)) => {
                permit(
                    when("StringEquals", "iam:PassedToService", RDS),
                    vec![self.role_of(&proxy.role)],
                );
            }
            ("iam:PassRole", Effect::CreateFunction(function)) => permit(
                when("StringEquals", "iam:PassedToService", LAMBDA),
                vec![self.role_of(&function.role)],
            ),
            (_, Effect::AttachRolePolicy { role, policy }) => {
                permit(when("ArnEquals", "iam:PolicyARN", policy), vec![self.role(role)]);
            }
            (_, Effect::CreateRole { name: role, .. } | Effect::PutRolePolicy { role, .. }) => {
                permit(always(), vec![self.role(role)]);
            }
            (_, Effect::CreateSecret { name, .. }) => permit(always(), self.new_secret(name)),
            ("lambda:UpdateFunctionConfiguration" | "lambda:CreateFunction" | "lambda:TagResource", _) => {
                permit(always(), vec![self.observation.function.arn.clone()]);
            }
            ("ec2:GetSecurityGroupsForVpc", _) => {
                permit(always(), vec![self.vpc(&self.observation.database.vpc)]);
            }
            // What Lambda reads of EC2 on the caller's behalf.
            _ => permit(always(), vec!["*".to_owned()]),
        }
    }

    fn vpc(&self, id: &VpcId) -> String {
        self.place.arn("ec2", &format!("vpc/{id}"))
    }

    fn group(&self, id: &str) -> String {
        self.place.arn("ec2", &format!("security-group/{id}"))
    }

    /// A proxy is known by an id that it gets when it is made.
    fn proxy(&self) -> String {
        match &self.observation.proxy {
            Some(proxy) if proxy.exists => proxy.arn.clone(),
            _ => self.place.arn("rds", "db-proxy:*"),
        }
    }

    /// RDS tells the id of a proxy's target group only with the proxy's targets.
    fn target_groups(&self) -> String {
        self.place.arn("rds", "target-group:*")
    }

    fn secrets(&self) -> Vec<String> {
        let extras = &self.observation.extras;
        match (extras.new_proxy.as_ref().map(|new| &new.credentials), &extras.secret) {
            (Some(Credentials::Secret(secret)), _) | (_, Some(secret)) => vec![secret.arn.clone()],
            (Some(Credentials::NewSecret { name }), _) => self.new_secret(name),
            _ => Vec::new(),
        }
    }

    /// Secrets Manager appends a hyphen and six characters to the name, once there is a secret.
    fn new_secret(&self, name: &str) -> Vec<String> {
        let arn = |end: &str| self.place.arn("secretsmanager", &format!("secret:{name}{end}"));
        vec![arn(""), arn("-??????")]
    }

    fn role_of(&self, role: &ResourceRef) -> String {
        match role {
            ResourceRef::Existing(arn) => arn.clone(),
            ResourceRef::New(made) => self.role(self.name_of(*made)),
        }
    }

    /// The name of a role that the plan makes.
    fn name_of(&self, made: Made) -> &str {
        let mut effects = self.plan.steps.iter().map(|step| &step.effect);
        let name = effects.find_map(|effect| match effect {
            Effect::CreateRole { made: role, name, .. } if *role == made => Some(name.as_str()),
            _ => None,
        });
        name.unwrap_or_default()
    }

    fn function_role(&self) -> String {
        let function = &self.observation.function;
        let new = || self.role(&created::function_role(self.place.region, &function.name));
        function.role.clone().unwrap_or_else(new)
    }

    /// The ARN of a role by its name: one that exists may have a path.
    fn role(&self, name: &str) -> String {
        let Observation { function, proxy, .. } = self.observation;
        let of_proxy = proxy.as_ref().and_then(|proxy| proxy.role.as_ref());
        let mut known = function.role.iter().chain(of_proxy);
        let found = known.find(|arn| last_segment(arn) == name);
        found.cloned().unwrap_or_else(|| self.place.role(name))
    }
}

fn when(operator: &str, key: &str, value: &str) -> Condition {
    let keys = [(key.to_owned(), Texts::from_iter([value]))];
    Condition::from([(operator.to_owned(), keys.into())])
}
