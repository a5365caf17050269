//! Secrets, keys, roles, and the creation of proxies and functions.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{DbProxyEntry, FunctionEntry, RoleEntry, RolePolicy, SecretEntry, Tag, VpcConfig};
use super::rules::{Outcome, State, next_revision, rejected};
use crate::cloud::{
    Fault, KeyDescription, NewDbProxy, NewLambda, NewProxyAuth, NewRole, NewSecret, RoleDescription, SecretDescription,
};
use crate::model::{Environment, GroupList, MAX_SESSION, SubnetId, last_segment};
use crate::naming::created;
use crate::policy;

/// The length of what Secrets Manager appends to a name in an ARN.
const SUFFIX: &str = "-Ac1De2";

impl State {
    fn secret(&self, id: &str) -> Option<&SecretEntry> {
        let mut secrets = self.document.secrets.iter();
        secrets.find(|secret| secret.name == id || self.secret_arn(secret) == id)
    }

    fn secret_arn(&self, secret: &SecretEntry) -> String {
        let made = || self.arn("secretsmanager", &format!("secret:{}{SUFFIX}", secret.name));
        secret.arn.clone().unwrap_or_else(made)
    }

    pub(super) fn describe_secret(&self, id: &str) -> Outcome<SecretDescription> {
        let missing = || Fault::NotFound("Secrets Manager can't find the specified secret.".to_owned());
        let secret = self.secret(id).ok_or_else(missing)?;
        Ok(SecretDescription {
            arn: self.secret_arn(secret),
            name: secret.name.clone(),
            kms_key: secret.kms_key_id.clone(),
            is_deleted: secret.deleted_date.is_some(),
            tags: Tag::map(&secret.tags),
            rotated_by: secret.rotation_lambda_arn.clone(),
            owner: secret.owning_service.clone(),
            replicas: secret.replica_regions.clone(),
            description: secret.description.clone(),
        })
    }

    pub(super) fn secret_policy(&self, id: &str) -> Outcome<Option<String>> {
        let missing = || Fault::NotFound("Secrets Manager can't find the specified secret.".to_owned());
        let secret = self.secret(id).ok_or_else(missing)?;
        Ok(secret.resource_policy.as_ref().map(ToString::to_string))
    }

    /// Only what describes the secret is kept.
    pub(super) fn create_secret(&mut self, new: &NewSecret) -> Outcome<String> {
        if let Some(secret) = self.secret(&new.name) {
            return Err(match secret.deleted_date {
                None => Fault::Duplicate(format!("A secret with name {} already exists.", new.name)),
                Some(_) => rejected(
                    "InvalidRequestException",
                    "a secret with this name is already scheduled for deletion",
                ),
            });
        }
        let entry = SecretEntry {
            name: new.name.clone(),
            arn: None,
            description: Some(new.description.clone()),
            kms_key_id: None,
            deleted_date: None,
            resource_policy: None,
            rotation_lambda_arn: None,
            owning_service: None,
            replica_regions: Vec::new(),
            tags: Tag::list(&new.tags),
        };
        let arn = self.secret_arn(&entry);
        self.document.secrets.push(entry);
        Ok(arn)
    }

    pub(super) fn describe_key(&self, id: &str) -> Outcome<KeyDescription> {
        let mut keys = self.document.kms_keys.iter();
        let wanted = last_segment(id);
        let is_named = |aliases: &[String]| {
            let name = |alias: &String| id.ends_with(alias.as_str());
            aliases.iter().any(name)
        };
        let key = keys.find(|key| key.key_id == wanted || is_named(&key.aliases));
        let key = key.ok_or_else(|| Fault::NotFound(format!("Key '{id}' does not exist")))?;
        Ok(KeyDescription {
            arn: self.arn("kms", &format!("key/{}", key.key_id)),
            is_customers: key.key_manager == "CUSTOMER",
        })
    }

    pub(super) fn role(&self, name: &str) -> Outcome<&RoleEntry> {
        let mut roles = self.document.roles.iter();
        let found = roles.find(|role| role.role_name == name);
        found.ok_or_else(|| Fault::NotFound(format!("The role with name {name} cannot be found.")))
    }

    pub(super) fn role_mut(&mut self, name: &str) -> Outcome<&mut RoleEntry> {
        let mut roles = self.document.roles.iter_mut();
        let found = roles.find(|role| role.role_name == name);
        found.ok_or_else(|| Fault::NotFound(format!("The role with name {name} cannot be found.")))
    }

    /// The ARN of a role, with its path.
    pub(super) fn role_arn(&self, name: &str) -> String {
        let path = self.role(name).ok().and_then(|role| role.path.as_deref());
        let path = path.unwrap_or("/").trim_start_matches('/');
        self.place().role(&format!("{path}{name}"))
    }

    pub(super) fn get_role(&self, name: &str) -> Outcome<RoleDescription> {
        let role = self.role(name)?;
        Ok(RoleDescription {
            arn: self.role_arn(name),
            trust: role.assume_role_policy_document.to_string(),
            description: role.description.clone(),
            max_session: Some(role.max_session_duration.unwrap_or(MAX_SESSION)),
            boundary: role.permissions_boundary.clone(),
            tags: Tag::map(&role.tags),
        })
    }

    pub(super) fn get_role_policy(&self, role: &str, policy: &str) -> Outcome<String> {
        let mut policies = self.role(role)?.policies.iter();
        let found = policies.find(|found| found.policy_name == policy);
        let missing = || Fault::NotFound(format!("The role policy with name {policy} cannot be found."));
        Ok(found.ok_or_else(missing)?.policy_document.to_string())
    }

    pub(super) fn create_role(&mut self, new: &NewRole) -> Outcome<String> {
        if self.role(&new.name).is_ok() {
            return Err(Fault::Duplicate(format!("Role with name {} already exists.", new.name)));
        }
        let trust = parsed(&new.trust)?;
        self.document.roles.push(RoleEntry {
            role_name: new.name.clone(),
            path: None,
            description: Some(new.description.clone()).filter(|text| !text.is_empty()),
            max_session_duration: None,
            permissions_boundary: None,
            assume_role_policy_document: trust,
            policies: Vec::new(),
            attached_policies: Vec::new(),
            tags: Tag::list(&new.tags),
        });
        self.hide_role(&new.name);
        Ok(self.role_arn(&new.name))
    }

    pub(super) fn put_role_policy(&mut self, role: &str, policy: &str, document: &str) -> Outcome<()> {
        let policy_document = parsed(document)?;
        let role = self.role_mut(role)?;
        role.policies.retain(|found| found.policy_name != policy);
        role.policies.push(RolePolicy {
            policy_name: policy.to_owned(),
            policy_document,
        });
        Ok(())
    }

    pub(super) fn attach_role_policy(&mut self, role: &str, policy: &str) -> Outcome<()> {
        let role = self.role_mut(role)?;
        if !role.attached_policies.iter().any(|attached| attached == policy) {
            role.attached_policies.push(policy.to_owned());
        }
        Ok(())
    }

    /// Whether a service may assume the role now.
    fn assume(&mut self, arn: &str, service: &str) -> Outcome<()> {
        let name = last_segment(arn).to_owned();
        let refused = || Fault::RoleNotReady(format!("The role {name} cannot be assumed by {service}."));
        let trusts = self
            .role(&name)
            .is_ok_and(|role| policy::trusts(&role.assume_role_policy_document.to_string(), service));
        if trusts && self.is_role_ready(&name) {
            Ok(())
        } else {
            Err(refused())
        }
    }

    fn check_subnets(&self, subnets: &[SubnetId]) -> Outcome<(String, usize)> {
        let ids: Vec<String> = subnets.iter().map(ToString::to_string).collect();
        let known = |id: &String| self.document.subnets.iter().find(|subnet| subnet.subnet_id == *id);
        let Some(vpc) = self.vpc_of(&ids) else {
            return Err(rejected("InvalidSubnet", "the subnets do not exist"));
        };
        let zones: BTreeSet<&str> = ids
            .iter()
            .filter_map(known)
            .map(|subnet| subnet.availability_zone.as_str())
            .collect();
        Ok((vpc, zones.len()))
    }

    pub(super) fn create_proxy(&mut self, new: &NewDbProxy) -> Outcome<String> {
        // RDS keeps the names of proxies in lower case.
        let name = new.name.to_ascii_lowercase();
        let taken = |proxy: &DbProxyEntry| proxy.name.eq_ignore_ascii_case(&name);
        if self.document.db_proxies.iter().any(taken) {
            return Err(Fault::Duplicate(format!("DB Proxy {} already exists.", new.name)));
        }
        let most = self.document.quotas.proxies;
        if self.document.db_proxies.len() >= most {
            return Err(Fault::LimitExceeded(format!("at most {most} proxies are possible")));
        }
        let (vpc, zones) = self.check_subnets(&new.subnets)?;
        if zones < 2 {
            let message = "the subnets must be in at least two Availability Zones";
            return Err(rejected("InvalidSubnet", message));
        }
        self.check_groups(&GroupList::as_read([new.group.clone()]), &vpc)?;
        self.assume(&new.role, policy::RDS)?;
        let (secrets, iam_auth) = match &new.auth {
            NewProxyAuth::Iam => (Vec::new(), "REQUIRED"),
            NewProxyAuth::Secret { secret, iam_required } => {
                self.describe_secret(secret)?;
                (
                    vec![secret.clone()],
                    if *iam_required { "REQUIRED" } else { "DISABLED" },
                )
            }
        };
        self.document.db_proxies.push(DbProxyEntry {
            name: name.clone(),
            engine_family: new.family.to_string(),
            status: "creating".to_owned(),
            vpc_id: vpc,
            vpc_subnet_ids: new.subnets.iter().map(ToString::to_string).collect(),
            vpc_security_group_ids: vec![new.group.to_string()],
            target: None,
            role_arn: Some(new.role.clone()),
            secret_arns: secrets,
            iam_auth: Some(iam_auth.to_owned()),
            require_tls: None,
            debug_logging: None,
            auth: Vec::new(),
            idle_client_timeout: None,
            endpoint_network_type: None,
            target_connection_network_type: None,
            connection_pool_config: None,
            target_group_arn: None,
            arn: None,
            endpoint: None,
            tags: Tag::list(&new.tags),
        });
        Ok(self.proxy_arn(&name))
    }

    pub(super) fn create_function(&mut self, new: &NewLambda) -> Outcome<String> {
        let taken = |function: &FunctionEntry| function.function_name == new.name;
        if self.document.functions.iter().any(taken) {
            return Err(Fault::Duplicate(format!("Function already exist: {}", new.name)));
        }
        let (vpc, _) = self.check_subnets(&new.subnets)?;
        self.check_groups(&GroupList::as_read([new.group.clone()]), &vpc)?;
        self.assume(&new.role, policy::LAMBDA)?;
        self.document.functions.push(FunctionEntry {
            function_name: new.name.clone(),
            vpc_config: Some(VpcConfig {
                subnet_ids: new.subnets.iter().map(ToString::to_string).collect(),
                security_group_ids: vec![new.group.to_string()],
                ipv6_allowed_for_dual_stack: None,
            }),
            state: "Pending".to_owned(),
            state_reason: Some("The function is being created.".to_owned()),
            state_reason_code: Some("Creating".to_owned()),
            last_update_status: "InProgress".to_owned(),
            last_update_status_reason: None,
            last_update_status_reason_code: None,
            revision_id: Some(next_revision(None)),
            role: Some(new.role.clone()),
            runtime: Some(new.runtime.clone()),
            handler: Some(created::HANDLER.to_owned()),
            code_sha256: Some(created::CODE_SHA256.to_owned()),
            // Lambda's default.
            timeout: Some(3),
            capacity_provider_config: None,
            versions: Vec::new(),
            aliases: Vec::new(),
            environment: BTreeMap::new(),
            tags: Tag::list(&new.tags),
        });
        Ok(self.arn("lambda", &format!("function:{}", new.name)))
    }

    pub(super) fn update_environment(
        &mut self,
        name: &str,
        environment: &Environment,
        revision: Option<&str>,
    ) -> Outcome<()> {
        let function = self.function_to_update(name, revision)?;
        function.environment = environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        "InProgress".clone_into(&mut function.last_update_status);
        function.revision_id = Some(next_revision(function.revision_id.as_deref()));
        Ok(())
    }
}

fn parsed(document: &str) -> Outcome<serde_json::Value> {
    serde_json::from_str(document).map_err(|error| rejected("MalformedPolicyDocument", error.to_string()))
}
