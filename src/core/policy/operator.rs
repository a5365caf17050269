//! The least that the caller needs for one run of a command that writes: what the steps of its plan and its
//! reads need, and nothing else.
//!
//! Source: docs/policies.md, "`operator`". On which resources IAM checks an action is said in the service authorization
//! reference: `*` stands here only where an action knows no resources. A group, a proxy or a role that the run makes is
//! identified by its name or its tags. A run that died is finished by the next with the same permissions.

mod network;

use super::document::{Condition, Texts, literal};
use super::grants::{LAMBDA, RDS};
use super::{Permissions, PolicyDocument};
use crate::model::{DatabaseKind, Function, GroupId, Observation, Place, Proxy, VpcId, last_segment};
use crate::operation::Operation;
use crate::plan::{Effect, Plan, Ref, RemovalEffect, VpcEffect};
use crate::removal::Removable;
use crate::tags;

/// What a run is about, as far as its steps do not show it in IAM's words.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where its resources are.
    pub place: Place<'a>,
    /// The function, whose VPC and whose role may count.
    pub function: Option<&'a Function>,
    /// The proxy, which AWS knows by an id that it gets when it is made.
    pub proxy: Option<&'a Proxy>,
}

impl<'a> From<&'a Observation> for Subject<'a> {
    fn from(observation: &'a Observation) -> Self {
        Self {
            place: observation.database.place(),
            function: Some(&observation.function),
            proxy: observation.proxy.as_ref(),
        }
    }
}

impl<'a> From<&'a Function> for Subject<'a> {
    fn from(function: &'a Function) -> Self {
        Self {
            place: Place::of(&function.arn),
            function: Some(function),
            proxy: None,
        }
    }
}

/// The document for a run that has these reads and this plan.
pub fn operator<'a>(subject: impl Into<Subject<'a>>, reads: Permissions, plan: &Plan) -> PolicyDocument {
    let mut run = Run {
        subject: subject.into(),
        plan,
        permissions: reads,
    };
    // What an earlier run created is there.
    for step in plan.steps.iter().filter(|step| !step.status.is_there()) {
        for action in step.effect.iam_actions() {
            match &step.effect {
                // `cleanup` deletes several proxies.
                Effect::Removal(RemovalEffect::DeleteProxy { .. }) => run.on(action, [literal(&step.resource)]),
                effect => run.permit(action, effect),
            }
        }
    }
    run.permissions.document()
}

/// What identifies the resources of a run, and what it may do so far.
struct Run<'a> {
    subject: Subject<'a>,
    plan: &'a Plan,
    permissions: Permissions,
}

impl Run<'_> {
    /// Adds what one action of a step is checked on.
    fn permit(&mut self, action: &'static str, effect: &Effect) {
        match (action, effect) {
            // What Lambda reads of EC2 on the caller's behalf.
            ("ec2:DescribeSecurityGroups" | "ec2:DescribeSubnets" | "ec2:DescribeVpcs", _) => {
                self.on(action, ["*".to_owned()]);
            }
            ("ec2:GetSecurityGroupsForVpc", effect) => self.on_vpc_of_function(action, effect),
            (_, Effect::Network(effect)) => self.permit_network(action, effect),
            (_, Effect::Removal(effect)) => self.permit_removal(action, effect),
            (_, Effect::Handover(effect)) => self.on_tag(action, tags::OWNER, effect.groups()),
            (_, Effect::CreateSecurityGroup { vpc, .. }) => {
                self.on_made(action, Operation::CreateSecurityGroup, "security-group", Some(vpc));
            }
            (_, Effect::RevokeDefaultEgress { group } | Effect::AddRule { group, .. }) => {
                self.on_ref(action, "security-group", group);
            }
            (_, Effect::RegisterTarget { kind, database, .. }) => {
                // RDS returns the id of a proxy's target group only with the proxy's targets.
                let target_groups = self.subject.place.arn("rds", "target-group:*");
                self.on(action, [target_groups, self.proxy(), self.database(*kind, database)]);
            }
            (_, Effect::AssociateDatabase { kind, id, .. }) => self.on(action, [self.database(*kind, id)]),
            (_, Effect::AssociateProxy { .. }) => self.on(action, [self.proxy()]),
            (
                _,
                Effect::AssociateFunction { function, .. }
                | Effect::SetEnvironment { function, .. }
                | Effect::Vpc(VpcEffect::Detach { function }),
            ) => self.on(action, [literal(function)]),
            (_, Effect::Vpc(VpcEffect::Attach(attach))) => self.on(action, [literal(&attach.function)]),
            (_, Effect::CreateSecret { name, .. }) => self.on(action, new_secret(self.subject.place, name)),
            (_, Effect::CreateRole { name: role, .. } | Effect::PutRolePolicy { role, .. }) => {
                self.on(action, [self.role(role)]);
            }
            (_, Effect::AttachRolePolicy { role, policy }) => {
                self.on_when(when("ArnEquals", "iam:PolicyARN", policy), action, [self.role(role)]);
            }
            ("iam:PassRole", Effect::CreateProxy(proxy)) => self.on_passed(&proxy.role, RDS),
            ("iam:PassRole", Effect::CreateFunction(function)) => self.on_passed(&function.role, LAMBDA),
            // The action itself knows no resources.
            ("rds:CreateDBProxy", Effect::CreateProxy(_)) => self.on_when(tagged(), action, ["*".to_owned()]),
            (_, Effect::CreateProxy(_)) => {
                self.on_when(tagged(), action, [self.subject.place.arn("rds", "db-proxy:*")]);
            }
            (_, Effect::CreateFunction(function)) => {
                let name = format!("function:{}", literal(&function.name));
                self.on(action, [self.subject.place.arn("lambda", &name)]);
            }
        }
    }

    fn permit_removal(&mut self, action: &'static str, effect: &RemovalEffect) {
        match effect {
            RemovalEffect::Mark { groups, .. } | RemovalEffect::Unmark { groups } => {
                self.on_tag(action, tags::REMOVING, groups);
            }
            RemovalEffect::Retag { groups, .. } => self.on_tag(action, tags::CONNECTION, groups),
            RemovalEffect::TakeBack { groups } => self.on_groups(action, groups.iter().map(Removable::id)),
            RemovalEffect::Revoke { group, .. } | RemovalEffect::DeleteGroup { group } => {
                self.on_groups(action, [group.id()]);
            }
            RemovalEffect::OffFunction { function, .. }
            | RemovalEffect::Detach { function, .. }
            | RemovalEffect::UnsetEnvironment { function, .. }
            | RemovalEffect::DeleteFunction { function } => {
                self.on(action, [literal(function)]);
            }
            RemovalEffect::OffProxy { .. } | RemovalEffect::DeleteProxy { .. } => self.on(action, [self.proxy()]),
            RemovalEffect::OffDatabase { kind, id, .. } => self.on(action, [self.database(*kind, id)]),
            RemovalEffect::DeleteSecret { secret } => self.on(action, [literal(secret)]),
            RemovalEffect::DetachRolePolicy { role, policy } => {
                self.on_when(when("ArnEquals", "iam:PolicyARN", policy), action, [self.role(role)]);
            }
            RemovalEffect::DeleteRolePolicy { role, .. } | RemovalEffect::DeleteRole { role } => {
                self.on(action, [self.role(role)]);
            }
        }
    }

    fn on(&mut self, action: &'static str, resources: impl IntoIterator<Item = String>) {
        self.permissions.add(action, resources);
    }

    fn on_when(&mut self, condition: Condition, action: &'static str, resources: impl IntoIterator<Item = String>) {
        self.permissions.add_when(condition, action, resources);
    }

    fn on_groups<'g>(&mut self, action: &'static str, groups: impl IntoIterator<Item = &'g GroupId>) {
        let groups = self.groups(groups);
        self.on(action, groups);
    }

    /// On one tag of groups.
    fn on_tag(&mut self, action: &'static str, key: &str, groups: &[GroupId]) {
        let only = when("ForAllValues:StringEquals", "aws:TagKeys", key);
        let groups = self.groups(groups);
        self.on_when(only, action, groups);
    }

    /// On what exists by its id, on what the plan itself makes by our tags, which it has from birth.
    fn on_ref<T: std::fmt::Display>(&mut self, action: &'static str, kind: &str, reference: &Ref<T>) {
        let maker = match reference {
            Ref::Existing(id) => return self.on(action, [self.ec2(kind, &id.to_string())]),
            Ref::Step(step) => self.effect(*step),
        };
        let connection = maker.and_then(|maker| maker.tags()?.get(tags::CONNECTION));
        let key = format!("aws:ResourceTag/{}", tags::CONNECTION);
        let ours = when("StringEquals", &key, connection.map_or("", String::as_str));
        self.on_when(ours, action, [self.ec2(kind, "*")]);
    }

    /// What makes something in EC2 with our tags: the operation, and `ec2:CreateTags` as a part of it.
    fn on_made(&mut self, action: &'static str, operation: Operation, kind: &str, vpc: Option<&VpcId>) {
        let all = self.ec2(kind, "*");
        if action == "ec2:CreateTags" {
            let name = operation.iam_action().trim_start_matches("ec2:");
            return self.on_when(when("StringEquals", "ec2:CreateAction", name), action, [all]);
        }
        self.on_when(tagged(), action, [all]);
        self.on(action, vpc.map(|vpc| self.ec2("vpc", vpc.as_str())));
    }

    fn on_passed(&mut self, role: &Ref<String>, service: &str) {
        let role = match role {
            Ref::Existing(arn) => literal(arn),
            Ref::Step(step) => match self.effect(*step) {
                Some(Effect::CreateRole { name, .. }) => self.role(name),
                _ => return,
            },
        };
        self.on_when(
            when("StringEquals", "iam:PassedToService", service),
            "iam:PassRole",
            [role],
        );
    }

    fn on_vpc_of_function(&mut self, action: &'static str, effect: &Effect) {
        let attached = self.subject.function.and_then(|function| function.vpc.as_ref());
        let vpc = match effect {
            Effect::Vpc(VpcEffect::Attach(attach)) => Some(&attach.vpc),
            _ => attached.map(|attached| &attached.vpc),
        };
        self.on(action, vpc.map(|vpc| self.ec2("vpc", vpc.as_str())));
    }

    fn groups<'g>(&self, ids: impl IntoIterator<Item = &'g GroupId>) -> Vec<String> {
        let arn = |id: &GroupId| self.ec2("security-group", id.as_str());
        ids.into_iter().map(arn).collect()
    }

    fn ec2(&self, kind: &str, id: &str) -> String {
        // A pattern for what the run makes; else an id.
        let id = if id == "*" { id.to_owned() } else { literal(id) };
        self.subject.place.arn("ec2", &format!("{kind}/{id}"))
    }

    fn database(&self, kind: DatabaseKind, id: &str) -> String {
        let kind = match kind {
            DatabaseKind::Cluster => "cluster",
            DatabaseKind::Instance => "db",
        };
        self.subject.place.arn("rds", &format!("{kind}:{}", literal(id)))
    }

    fn proxy(&self) -> String {
        proxy_arn(self.subject.place, self.subject.proxy)
    }

    /// What a step of the plan does.
    fn effect(&self, id: u32) -> Option<&Effect> {
        let mut steps = self.plan.steps.iter().filter(|step| step.id == id);
        steps.next().map(|step| &step.effect)
    }

    /// The ARN of a role by its name: one that exists may have a path.
    fn role(&self, name: &str) -> String {
        let Subject { place, function, proxy } = self.subject;
        let of_function = function.and_then(|function| function.role.as_ref());
        let of_proxy = proxy.and_then(|proxy| proxy.role.as_ref());
        let mut known = of_function.into_iter().chain(of_proxy);
        let found = known.find(|arn| last_segment(arn) == name);
        literal(&found.cloned().unwrap_or_else(|| place.role(name)))
    }
}

/// A proxy is known by an id that it gets when it is made.
pub fn proxy_arn(place: Place<'_>, proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) if proxy.exists => literal(&proxy.arn),
        _ => place.arn("rds", "db-proxy:*"),
    }
}

/// Secrets Manager appends a hyphen and six characters to the name, once there is a secret.
pub fn new_secret(place: Place<'_>, name: &str) -> Vec<String> {
    let arn = |end: &str| place.arn("secretsmanager", &format!("secret:{}{end}", literal(name)));
    vec![arn(""), arn("-??????")]
}

/// Where what is made has our tag.
pub(super) fn tagged() -> Condition {
    when("StringEquals", &format!("aws:RequestTag/{}", tags::MANAGED), "true")
}

pub(super) fn when(operator: &str, key: &str, value: &str) -> Condition {
    let keys = [(key.to_owned(), Texts::from_iter([literal(value)]))];
    Condition::from([(operator.to_owned(), keys.into())])
}
