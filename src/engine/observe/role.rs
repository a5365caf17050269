//! Reads what decides what a role may do: its policies and its permissions boundary; and the secrets that it has to read.
//! A part that may not be read is marked as unread, and does not end the run.

use super::network::part;
use crate::cloud::{Answer, Cloud, CloudError, Fault, RoleDescription};
use crate::concurrent::bounded;
use crate::model::network::Part;
use crate::model::{NeededSecret, last_segment};
use crate::operation::Operation;
use crate::policy::{PolicyDocument, RolePolicies, SourcedPolicy};

/// The operations with which what a role may do is read.
pub const ROLE_READS: &[Operation] = &[
    Operation::GetRole,
    Operation::ListAttachedRolePolicies,
    Operation::ListRolePolicies,
    Operation::GetRolePolicy,
    Operation::GetPolicy,
    Operation::GetPolicyVersion,
];

/// How many documents are read at once.
const AT_ONCE: usize = 8;

/// The alias of AWS's own key, which needs no permission.
const AWS_KEY: &str = "alias/aws/secretsmanager";

/// The policies that decide what a role may do.
///
/// # Errors
///
/// AWS cannot be asked at all.
pub async fn role_policies(cloud: &dyn Cloud, role: &str) -> Answer<Part<RolePolicies>> {
    let (_, policies) = role_and_policies(cloud, role).await?;
    Ok(policies)
}

/// A role by its ARN, and the policies that decide what it may do.
///
/// # Errors
///
/// AWS cannot be asked at all.
pub(super) async fn role_and_policies(
    cloud: &dyn Cloud,
    arn: &str,
) -> Answer<(Part<RoleDescription>, Part<RolePolicies>)> {
    let name = last_segment(arn);
    let (role, attached, own) = tokio::join!(
        cloud.get_role(name),
        cloud.list_attached_role_policies(name),
        cloud.list_role_policies(name)
    );
    let (role, attached, own) = (part(role)?, part(attached)?, part(own)?);
    let (attached, own) = match (attached, own) {
        (Part::Read(attached), Part::Read(own)) => (attached, own),
        (Part::Unread(why), _) | (_, Part::Unread(why)) => return Ok((role, Part::Unread(why))),
    };
    let bounds = match &role {
        Part::Read(role) => Part::Read(role.boundary.clone()),
        Part::Unread(why) => Part::Unread(why.clone()),
    };
    let of_managed: Vec<_> = attached.iter().map(|arn| managed(cloud, arn, "policy")).collect();
    let of_inline: Vec<_> = own.iter().map(|policy| inline(cloud, name, policy)).collect();
    let boundary = async {
        match bounds {
            Part::Read(None) => Ok(Part::Read(None)),
            Part::Read(Some(arn)) => Ok(match managed(cloud, &arn, "permissions boundary").await? {
                Part::Read(policy) => Part::Read(Some(policy)),
                Part::Unread(why) => Part::Unread(why),
            }),
            Part::Unread(why) => Ok(Part::Unread(why)),
        }
    };
    let (managed, inline, boundary) = tokio::join!(bounded(AT_ONCE, of_managed), bounded(AT_ONCE, of_inline), boundary);
    let boundary: Answer<Part<Option<SourcedPolicy>>> = boundary;
    let mut found = RolePolicies {
        boundary: boundary?,
        trust: role.known().map(|role| role.trust.clone()),
        ..RolePolicies::default()
    };
    for policy in managed.into_iter().chain(inline) {
        match policy? {
            Part::Read(policy) => found.policies.push(policy),
            Part::Unread(why) => found.unread.push(why),
        }
    }
    Ok((role, Part::Read(found)))
}

/// The default version of a policy that can be attached to roles.
async fn managed(cloud: &dyn Cloud, arn: &str, what: &str) -> Answer<Part<SourcedPolicy>> {
    let read = async {
        let version = cloud.get_policy(arn).await?;
        let text = cloud.get_policy_version(arn, &version).await?;
        document(Operation::GetPolicyVersion, &text)
    };
    let source = format!("{what} {arn}");
    Ok(match part(read.await)? {
        Part::Read(document) => Part::Read(SourcedPolicy { source, document }),
        Part::Unread(why) => Part::Unread(format!("{source}: {why}")),
    })
}

/// A policy of the role's own. One that is gone now is no policy.
async fn inline(cloud: &dyn Cloud, role: &str, name: &str) -> Answer<Part<SourcedPolicy>> {
    let read = async {
        let text = cloud.get_role_policy(role, name).await?;
        document(Operation::GetRolePolicy, &text)
    };
    let source = format!("its own policy {name}");
    Ok(match part(read.await)? {
        Part::Read(document) => Part::Read(SourcedPolicy { source, document }),
        Part::Unread(why) => Part::Unread(format!("{source}: {why}")),
    })
}

fn document(operation: Operation, text: &str) -> Answer<PolicyDocument> {
    let malformed = |error: serde_json::Error| CloudError::new(operation, Fault::Malformed(error.to_string()));
    PolicyDocument::read(text).map_err(malformed)
}

/// The secrets with these ARNs, with the keys that decrypt them.
///
/// # Errors
///
/// AWS cannot be asked at all.
pub(super) async fn needed_secrets<'a>(
    cloud: &dyn Cloud,
    arns: impl IntoIterator<Item = &'a str>,
) -> Answer<Vec<NeededSecret>> {
    let read: Vec<_> = arns.into_iter().map(|arn| needed_secret(cloud, arn)).collect();
    bounded(AT_ONCE, read).await.into_iter().collect()
}

async fn needed_secret(cloud: &dyn Cloud, arn: &str) -> Answer<NeededSecret> {
    let secret = match part(cloud.describe_secret(arn).await)? {
        Part::Read(secret) => secret,
        Part::Unread(why) => {
            return Ok(NeededSecret {
                arn: arn.to_owned(),
                customer_key: Part::Unread(why),
                asked_key: None,
                is_deleted: false,
            });
        }
    };
    let asked_key = secret.kms_key.as_deref().filter(|id| *id != AWS_KEY);
    let asked_key = asked_key.map(|id| super::extras::key_in(id, &secret.arn));
    let customer_key = match &asked_key {
        Some(id) => match part(cloud.describe_key(id).await)? {
            Part::Read(key) => Part::Read(key.is_customers.then_some(key.arn)),
            Part::Unread(why) => Part::Unread(format!("its key {id}: {why}")),
        },
        None => Part::Read(None),
    };
    Ok(NeededSecret {
        arn: secret.arn,
        customer_key,
        asked_key,
        is_deleted: secret.is_deleted,
    })
}
