//! What describes the secrets that databases, proxies and event source mappings name, and those that this program
//! created, the keys of those, and the roles of functions and proxies.

use std::collections::BTreeSet;

use super::{AT_ONCE, Snapshot};
use crate::account::{KmsKeyEntry, ManagedPolicy, RoleEntry, RolePolicy, SecretEntry, Tag, is_known_policy};
use crate::cloud::{Answer, Cloud};
use crate::concurrent::bounded;
use crate::model::{MAX_SESSION, last_segment};
use crate::naming::created;
use crate::observe::patiently;

impl Snapshot {
    pub(super) async fn secrets(&mut self, cloud: &dyn Cloud) {
        let document = &self.document;
        let of_databases = document.db_clusters.iter().map(|cluster| &cluster.master_user_secret);
        let of_databases = of_databases.chain(
            document
                .db_instances
                .iter()
                .map(|instance| &instance.master_user_secret),
        );
        let of_proxies = document.db_proxies.iter().flat_map(|proxy| proxy.secret_arns.clone());
        let accesses = document
            .event_source_mappings
            .iter()
            .flat_map(|mapping| &mapping.source_access_configurations);
        let of_mappings = accesses
            .filter_map(|access| access.uri.clone())
            .filter(|uri| uri.contains(":secretsmanager:"));
        let ids: BTreeSet<String> = of_databases
            .flatten()
            .map(|secret| secret.secret_arn.clone())
            .chain(of_proxies)
            .chain(of_mappings)
            .collect();
        let read = ids.iter().map(|id| patiently(cloud, || cloud.describe_secret(id)));
        // Those that the program has made outlive their proxies, and are found by their names.
        let (named, made) = tokio::join!(
            bounded(AT_ONCE, read),
            patiently(cloud, || cloud.list_secrets(created::SECRETS))
        );
        let made = self.read(made).into_iter().filter(|secret| !ids.contains(&secret.arn));
        let mut keys = BTreeSet::new();
        for answer in named.into_iter().chain(made.map(Ok)) {
            match answer {
                Ok(secret) => {
                    // That of others is not looked into: what is made for a proxy is, before it is taken over.
                    let resource_policy = if secret.name.starts_with(created::SECRETS) {
                        let read = patiently(cloud, || cloud.get_secret_policy(&secret.arn)).await;
                        self.read(read)
                    } else {
                        None
                    };
                    keys.extend(secret.kms_key.clone().filter(|key| key != "alias/aws/secretsmanager"));
                    self.document.secrets.push(SecretEntry {
                        name: secret.name,
                        arn: Some(secret.arn),
                        description: secret.description,
                        kms_key_id: secret.kms_key,
                        deleted_date: secret.is_deleted.then(|| "scheduled".to_owned()),
                        resource_policy: resource_policy.map(|policy: String| json(&policy)),
                        rotation_lambda_arn: secret.rotated_by,
                        owning_service: secret.owner,
                        replica_regions: secret.replicas,
                        tags: Tag::list(&secret.tags),
                    });
                }
                Err(error) => self.gap(&error),
            }
        }
        for (id, answer) in keys.iter().zip(
            bounded(
                AT_ONCE,
                keys.iter().map(|id| patiently(cloud, || cloud.describe_key(id))),
            )
            .await,
        ) {
            match answer {
                Ok(key) => self.document.kms_keys.push(KmsKeyEntry {
                    key_id: last_segment(&key.arn).to_owned(),
                    key_manager: if key.is_customers { "CUSTOMER" } else { "AWS" }.to_owned(),
                    aliases: id.starts_with("alias/").then(|| id.clone()).into_iter().collect(),
                }),
                Err(error) => self.gap(&error),
            }
        }
        self.document.kms_keys.dedup_by(|a, b| a.key_id == b.key_id);
    }

    pub(super) async fn roles(&mut self, cloud: &dyn Cloud) {
        let document = &self.document;
        let of_functions = document
            .functions
            .iter()
            .filter_map(|function| function.role.as_deref());
        let of_proxies = document.db_proxies.iter().filter_map(|proxy| proxy.role_arn.as_deref());
        // A proxy can have been given another role than the one that was made for it.
        let made = document
            .db_proxies
            .iter()
            .map(|proxy| created::proxy_role(&document.region, &proxy.name));
        let names: BTreeSet<String> = of_functions
            .chain(of_proxies)
            .map(|arn| last_segment(arn).to_owned())
            .chain(made)
            .collect();
        for answer in bounded(AT_ONCE, names.iter().map(|name| role(cloud, name))).await {
            match answer {
                Ok(role) => self.document.roles.push(role),
                Err(error) => self.gap(&error),
            }
        }
        let roles = self.document.roles.iter();
        // Some of AWS's own policies are in the program already.
        let arns: BTreeSet<String> = roles
            .flat_map(|role| role.attached_policies.iter().chain(&role.permissions_boundary))
            .filter(|arn| !is_known_policy(arn))
            .cloned()
            .collect();
        for answer in bounded(AT_ONCE, arns.iter().map(|arn| policy(cloud, arn))).await {
            match answer {
                Ok(policy) => self.document.policies.push(policy),
                Err(error) => self.gap(&error),
            }
        }
    }
}

async fn role(cloud: &dyn Cloud, name: &str) -> Answer<RoleEntry> {
    let role = patiently(cloud, || cloud.get_role(name)).await?;
    let (own, attached) = tokio::join!(
        patiently(cloud, || cloud.list_role_policies(name)),
        patiently(cloud, || cloud.list_attached_role_policies(name)),
    );
    let mut policies = Vec::new();
    for policy_name in own? {
        let document = patiently(cloud, || cloud.get_role_policy(name, &policy_name)).await?;
        policies.push(RolePolicy {
            policy_document: json(&document),
            policy_name,
        });
    }
    let path = role
        .arn
        .split_once(":role")
        .map(|(_, path)| path.trim_end_matches(last_segment(&role.arn)));
    Ok(RoleEntry {
        role_name: name.to_owned(),
        path: path.filter(|path| *path != "/").map(str::to_owned),
        description: role.description,
        max_session_duration: role.max_session.filter(|seconds| *seconds != MAX_SESSION),
        permissions_boundary: role.boundary,
        assume_role_policy_document: json(&role.trust),
        policies,
        attached_policies: attached?,
        tags: Tag::list(&role.tags),
    })
}

async fn policy(cloud: &dyn Cloud, arn: &str) -> Answer<ManagedPolicy> {
    let version = patiently(cloud, || cloud.get_policy(arn)).await?;
    let document = patiently(cloud, || cloud.get_policy_version(arn, &version)).await?;
    Ok(ManagedPolicy {
        arn: arn.to_owned(),
        policy_document: json(&document),
    })
}

/// IAM's documents are JSON; what is none says nothing.
fn json(document: &str) -> serde_json::Value {
    serde_json::from_str(document).unwrap_or_default()
}
