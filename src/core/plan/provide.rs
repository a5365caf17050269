//! The steps that make what is not there yet: secret, roles, proxy, function; and what the function needs besides
//! groups: a permission and variables.
//!
//! Source: docs/new-proxies.md; the order is that of docs/decision.md, "The order of writes".

use std::collections::BTreeMap;

use super::build::{Builder, Groups};
use super::{AttachPlan, Effect, FunctionPlan, Grant, Made, ProxyAuth, ProxyPlan, Ref, VpcEffect, tags_at_birth};
use crate::adopt::{MAX_FUNCTION_SUBNETS, OwnRole, own_tags};
use crate::extras::{self, Value};
use crate::model::{
    Credentials, FoundRole, FunctionVpc, GroupId, Observation, Proxy, Secret, Side, SubnetId, last_segment,
};
use crate::naming::created;
use crate::policy::{is_same, vpc_access};
use crate::tags;
use crate::units::count;

impl Builder<'_> {
    /// Puts each group on its resource, which is made with it where it does not exist; then what else the function
    /// needs. Nothing comes before the steps in `ready`.
    pub(super) fn connect(&mut self, groups: &Groups, mut ready: Vec<u32>) {
        let Observation { proxy, function, .. } = self.observation;
        let new_proxy = proxy.as_ref().filter(|proxy| !proxy.exists);
        self.adopt_existing();
        if let (Some(proxy), Some(group)) = (new_proxy, groups.get(&Side::Proxy)) {
            ready.push(self.make_proxy(proxy, group, &ready));
        }
        ready.extend(self.register_target());
        for &side in self.observation.sides() {
            let Some(group) = groups.get(&side) else { continue };
            let step = match side {
                Side::Proxy if new_proxy.is_some() => continue,
                Side::Function if !function.exists => self.make_function(group, &ready),
                _ => self.associate(side, group.clone(), &ready),
            };
            ready.push(step);
        }
        self.let_connect();
        self.set_environment();
    }

    fn make_proxy(&mut self, proxy: &Proxy, group: &Ref<GroupId>, ready: &[u32]) -> u32 {
        let Observation { database, extras, .. } = self.observation;
        let region = database.place().region;
        let new = extras.new_proxy.as_ref();
        let credentials = new.map_or(&Credentials::Missing, |new| &new.credentials);
        let user = extras::user(self.observation).unwrap_or_default().to_owned();
        let policy = match credentials {
            Credentials::Secret(secret) => created::secret_policy(&secret.name),
            Credentials::NewSecret { name } => created::secret_policy(name),
            _ => created::connect_policy(region, &proxy.name, &user),
        };
        let mut after = ready.to_vec();

        let (auth, grant) = match credentials {
            Credentials::Secret(secret) => {
                if secret.details.is_some() {
                    after.push(self.adopt_secret(secret, &user, &proxy.name));
                }
                let reference = Ref::Existing(secret.arn.clone());
                let customer_key = secret.customer_key().map(str::to_owned);
                self.with_secret(reference, customer_key)
            }
            Credentials::NewSecret { name } => {
                let made = self.make_secret(name, &user, &proxy.name);
                after.push(made);
                self.with_secret(Ref::Step(made), None)
            }
            // The requirements refuse what is neither a secret nor IAM.
            _ => (ProxyAuth::Iam, self.to_database(&user)),
        };
        let role = if let Some(role) = new.and_then(|new| new.role.as_ref()) {
            Ref::Existing(role.arn.clone())
        } else {
            let name = created::proxy_role(region, &proxy.name);
            let what = format!("proxy {}", proxy.name);
            let own = OwnRole::of_proxy(self.observation, proxy);
            let found = extras.found.proxy_role.as_ref();
            let made = self.make_role(Made::ProxyRole, own, found, &what);
            after.push(made);
            if let Some(grant) = grant {
                let needs = after.clone();
                after.push(self.put_policy(&name, &policy, &grant, &needs, found));
            }
            role_of(made, found)
        };
        let how = match &auth {
            ProxyAuth::Iam => "with IAM from end to end",
            ProxyAuth::Secret { iam_required: true, .. } => "TLS and IAM required",
            ProxyAuth::Secret { .. } => "TLS required",
        };
        let effect = Effect::CreateProxy(Box::new(ProxyPlan {
            name: proxy.name.clone(),
            family: proxy.engine_family.clone(),
            subnets: database.subnets.clone(),
            group: group.clone(),
            role,
            auth,
            tags: self.tags(Side::Proxy),
            own: own_tags(self.observation, Side::Proxy),
        }));
        let summary = format!(
            "proxy {} ({}, {how}) in {} of {}, with {}",
            proxy.name,
            proxy.engine_family,
            count(database.subnets.len(), "subnet"),
            database.vpc,
            self.name_of(group)
        );
        self.steps.add(effect, &proxy.name, summary, &after)
    }

    fn with_secret(&self, secret: Ref<String>, customer_key: Option<String>) -> (ProxyAuth, Option<Grant>) {
        let auth = ProxyAuth::Secret {
            secret: secret.clone(),
            iam_required: self.observation.extras.connect.is_some(),
        };
        (auth, Some(Grant::ReadSecret { secret, customer_key }))
    }

    /// Lets the proxy itself connect to the database. None where the resource id, by which IAM names the database, is not
    /// known: the requirements refuse it.
    fn to_database(&self, user: &str) -> Option<Grant> {
        let database = &self.observation.database;
        Some(Grant::ConnectToDatabase {
            database: database.arn.clone(),
            resource_id: database.access.resource_id.clone()?,
            user: user.to_owned(),
        })
    }

    fn make_secret(&mut self, name: &str, user: &str, proxy: &str) -> u32 {
        let effect = Effect::CreateSecret {
            name: name.to_owned(),
            user: user.to_owned(),
            description: format!("User {user} of {}, for proxy {proxy}", self.observation.database),
            tags: self.tags(Side::Proxy),
            own: own_tags(self.observation, Side::Proxy),
        };
        let summary = format!("secret {name} with the name and the password of user {user}");
        self.steps.add(effect, name, summary, &[])
    }

    /// The secret of an earlier run. It is kept as it is: its password is not known.
    fn adopt_secret(&mut self, secret: &Secret, user: &str, proxy: &str) -> u32 {
        let id = self.make_secret(&secret.name, user, proxy);
        self.steps.adopt(id, &secret.arn);
        id
    }

    fn make_role(&mut self, made: Made, own: OwnRole, found: Option<&FoundRole>, what: &str) -> u32 {
        let (name, service) = (last_segment(&own.arn).to_owned(), own.service);
        let effect = Effect::CreateRole {
            made,
            name: name.clone(),
            service,
            description: format!("Of {what}, made by autoconnect"),
            tags: self.tags(own.tags.side),
            own: Box::new(own),
        };
        let summary = format!("role {name}, which {service} may assume, for {what}");
        let id = self.steps.add(effect, name, summary, &[]);
        if let Some(found) = found {
            self.steps.adopt(id, &found.arn);
        }
        id
    }

    /// What `setup` continues with, although an earlier run created it: the proxy and the function.
    fn adopt_existing(&mut self) {
        let Observation {
            database,
            function,
            proxy,
            extras,
            ..
        } = self.observation;
        // A proxy that is ready and has its target is shared, and nothing of it is gone on with.
        let is_begun = |proxy: &&Proxy| proxy.exists && !(proxy.status == "available" && proxy.has_target(database));
        if let (Some(proxy), Some(_)) = (proxy.as_ref().filter(is_begun), &extras.new_proxy) {
            let group = proxy.groups.iter().next().cloned();
            let plan = ProxyPlan {
                name: proxy.name.clone(),
                family: proxy.engine_family.clone(),
                subnets: proxy.subnets.clone(),
                group: Ref::Existing(group.unwrap_or_else(|| "".into())),
                role: Ref::Existing(proxy.role.clone().unwrap_or_default()),
                auth: match proxy.secrets.first() {
                    None => ProxyAuth::Iam,
                    Some(secret) => ProxyAuth::Secret {
                        secret: Ref::Existing(secret.clone()),
                        iam_required: proxy.requires_iam,
                    },
                },
                tags: self.tags(Side::Proxy),
                own: own_tags(self.observation, Side::Proxy),
            };
            let summary = format!("proxy {}, which an earlier run created for {database}", proxy.name);
            let id = self.steps.add(Effect::CreateProxy(Box::new(plan)), "", summary, &[]);
            self.steps.adopt(id, &proxy.arn);
        }
        if let (true, Some(new)) = (function.exists, &extras.new_function) {
            let group = function.groups().iter().next().cloned();
            let plan = FunctionPlan {
                name: function.name.clone(),
                runtime: new.runtime.clone(),
                subnets: function.vpc.as_ref().map(|vpc| vpc.subnets.clone()).unwrap_or_default(),
                group: Ref::Existing(group.unwrap_or_else(|| "".into())),
                role: Ref::Existing(function.role.clone().unwrap_or_default()),
                tags: self.tags(Side::Function),
                own: own_tags(self.observation, Side::Function),
            };
            let summary = format!("function {}, which an earlier run created", function.name);
            let id = self.steps.add(Effect::CreateFunction(Box::new(plan)), "", summary, &[]);
            self.steps.adopt(id, &function.arn);
        }
    }

    fn put_policy(&mut self, role: &str, name: &str, grant: &Grant, after: &[u32], found: Option<&FoundRole>) -> u32 {
        let database = &self.observation.database;
        let proxy = self.observation.proxy.as_ref().map_or("", |proxy| proxy.name.as_str());
        let allows = match grant {
            Grant::ReadSecret { secret, customer_key } => {
                let secret = secret.existing().map_or("the new secret", String::as_str);
                let decrypt = customer_key.as_ref().map(|key| format!(", and decrypt it with {key}"));
                format!("read {secret}{}", decrypt.unwrap_or_default())
            }
            Grant::ConnectToDatabase { user, .. } => format!("connect to {database} as user {user} by IAM"),
            Grant::ConnectThroughProxy { user, .. } => format!("connect through proxy {proxy} as user {user} by IAM"),
        };
        let replaced = self.replaced(role, grant);
        let replaced = replaced.map(|id| format!("; it replaces the permission for {id}"));
        let summary = format!(
            "role {role}: policy {name}, to {allows}, and nothing else{}",
            replaced.unwrap_or_default()
        );
        let effect = Effect::PutRolePolicy {
            role: role.to_owned(),
            policy: name.to_owned(),
            grant: grant.clone(),
        };
        let id = self.steps.add(effect, role, summary, after);
        let known = |reference: &Ref<String>| reference.existing().cloned();
        if let (Some(found), Some(wanted)) = (found, grant.document(known))
            && found
                .inline
                .get(name)
                .is_some_and(|document| is_same(document, &wanted))
        {
            self.steps.adopt(id, &found.arn);
        }
        id
    }

    /// The resource id of another database or proxy for which the policy that a grant replaces is.
    fn replaced(&self, role: &str, grant: &Grant) -> Option<String> {
        let Observation {
            database,
            proxy,
            extras,
            ..
        } = self.observation;
        let connect = extras.connect.as_ref()?;
        let (found, wanted) = match grant {
            Grant::ConnectToDatabase { resource_id, .. } => {
                let own_role = created::proxy_role(database.place().region, &proxy.as_ref()?.name);
                let found = connect.of_proxy.as_ref().filter(|_| role == own_role)?.found.as_deref();
                (found, resource_id.as_str())
            }
            Grant::ConnectThroughProxy { .. } => (connect.found.as_deref(), last_segment(&proxy.as_ref()?.arn)),
            Grant::ReadSecret { .. } => return None,
        };
        extras::stale_id(self.observation, found, wanted)
    }

    fn make_function(&mut self, group: &Ref<GroupId>, ready: &[u32]) -> u32 {
        let Observation {
            database,
            function,
            extras,
            ..
        } = self.observation;
        let place = database.place();
        let role = created::function_role(place.region, &function.name);
        let what = format!("function {}", function.name);
        let mut after = ready.to_vec();
        let found = extras.found.function_role.as_ref();
        let made = self.make_role(Made::FunctionRole, OwnRole::of_function(self.observation), found, &what);
        let managed = vpc_access(place);
        let summary = format!("role {role}: policy {}", last_segment(&managed));
        let effect = Effect::AttachRolePolicy {
            role: role.clone(),
            policy: managed.clone(),
        };
        let attached = self.steps.add(effect, role, summary, &[made]);
        if let Some(found) = found.filter(|found| found.attached.contains(&managed)) {
            self.steps.adopt(attached, &found.arn);
        }
        after.extend([made, attached]);
        let subnets: Vec<SubnetId> = database.subnets.iter().take(MAX_FUNCTION_SUBNETS).cloned().collect();
        let runtime = extras
            .new_function
            .as_ref()
            .map(|new| new.runtime.clone())
            .unwrap_or_default();
        let summary = format!(
            "function {} ({runtime}, a handler that connects to nothing) in {} of {}, with {}",
            function.name,
            count(subnets.len(), "subnet"),
            database.vpc,
            self.name_of(group)
        );
        let effect = Effect::CreateFunction(Box::new(FunctionPlan {
            name: function.name.clone(),
            runtime,
            subnets,
            group: group.clone(),
            role: role_of(made, found),
            tags: self.tags(Side::Function),
            own: own_tags(self.observation, Side::Function),
        }));
        self.steps.add(effect, &function.arn, summary, &after)
    }

    /// Attaches a function that is in no VPC, with the group that the decision gives it. The number of the step.
    pub(super) fn attach(&mut self, vpc: &FunctionVpc, group: Ref<GroupId>, added: &str, after: &[u32]) -> u32 {
        let function = &self.observation.function;
        let summary = format!(
            "function {}: attach it to {} of {}, with {added}",
            function.name,
            count(vpc.subnets.len(), "subnet"),
            vpc.vpc
        );
        let effect = VpcEffect::Attach(Box::new(AttachPlan {
            function: function.arn.clone(),
            vpc: vpc.vpc.clone(),
            subnets: vpc.subnets.clone(),
            groups: vec![group],
            ipv6: None,
        }));
        self.steps.add(effect, &function.arn, summary, after)
    }

    /// The permission to connect, for exactly this proxy and user, on the function's role.
    fn let_connect(&mut self) {
        let Observation {
            proxy,
            function,
            database,
            extras,
            ..
        } = self.observation;
        let (Some(proxy), Some(user)) = (proxy, extras::user(self.observation)) else {
            return;
        };
        if !extras::lacks_permission(self.observation) {
            return;
        }
        let role = match &function.role {
            Some(arn) => last_segment(arn).to_owned(),
            None => created::function_role(database.place().region, &function.name),
        };
        let made = self.steps.that_makes(Made::Proxy).filter(|_| !proxy.exists);
        let reference = made.map_or_else(|| Ref::Existing(proxy.arn.clone()), Ref::Step);
        let after: Vec<u32> = [Made::Proxy, Made::FunctionRole]
            .into_iter()
            .filter_map(|made| self.steps.that_makes(made))
            .collect();
        let grant = Grant::ConnectThroughProxy {
            proxy: reference,
            user: user.to_owned(),
        };
        // Without a secret the proxy itself connects as this user, by its own role.
        let region = database.place().region;
        let own_role = created::proxy_role(region, &proxy.name);
        let policy = created::connect_policy(region, &proxy.name, user);
        // A new proxy's role has it already.
        let is_needed = proxy.exists && extras::needs_database_grant(self.observation);
        if let Some(to_database) = self.to_database(user).filter(|_| is_needed) {
            let found = extras.found.proxy_role.as_ref();
            self.put_policy(&own_role, &policy, &to_database, &[], found);
        }
        if extras::function_lacks_permission(self.observation) || extras.found.function_role.is_some() {
            self.put_policy(&role, &policy, &grant, &after, extras.found.function_role.as_ref());
        }
    }

    fn set_environment(&mut self) {
        let variables = extras::missing_variables(self.observation);
        if variables.is_empty() {
            return;
        }
        let Observation {
            function,
            proxy,
            extras,
            ..
        } = self.observation;
        let values: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let summary = format!(
            "function {}: set in its environment {}",
            function.name,
            values.join(", ")
        );
        let of_function = self
            .steps
            .iter()
            .rfind(|step| step.effect.associates() == Some(Side::Function));
        let mut after: Vec<u32> = of_function.map(|step| step.id).into_iter().collect();
        let needs_endpoint = variables.iter().any(|(_, value)| *value == Value::ProxyEndpoint);
        after.extend(self.steps.that_makes(Made::Proxy).filter(|_| needs_endpoint));
        let needs_secret = variables.iter().any(|(_, value)| *value == Value::NewSecret);
        let secret = self.steps.that_makes(Made::Secret).filter(|_| needs_secret);
        let has = |name: &str| function.environment.as_ref().is_some_and(|env| env.get(name).is_some());
        let effect = Effect::SetEnvironment {
            replaces: variables
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| has(name))
                .collect(),
            function: function.arn.clone(),
            proxy: proxy.as_ref().map(|proxy| proxy.name.clone()),
            secret: secret.map(Ref::Step),
            overwrite: extras.environment.is_some_and(|wish| wish.overwrite),
            variables,
        };
        self.steps.add(effect, &function.arn, summary, &after);
    }

    /// The tags of all that is made for a side.
    pub(super) fn tags(&self, side: Side) -> BTreeMap<String, String> {
        self.tags_of(side, &self.observation.function.name)
    }

    /// The same for another function, on the same way to the same database.
    pub(super) fn tags_of(&self, side: Side, function: &str) -> BTreeMap<String, String> {
        let connection = self.observation.connection_of(function);
        tags_at_birth(&connection, tags::role(side), &self.request.tags)
    }
}

/// The role that a step makes, or that an earlier run created.
fn role_of(made: u32, found: Option<&FoundRole>) -> Ref<String> {
    found.map_or(Ref::Step(made), |found| Ref::Existing(found.arn.clone()))
}
