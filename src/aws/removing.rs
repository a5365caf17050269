//! Who uses a group, and the writes that remove something.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{NetworkInterfaceType, Tag};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::ec2::{filter, incomplete, security_group};
use super::{Aws, all_items, called, done, fault, functions, identity, rds, secrets};
use crate::cloud::{Answer, Bearer, BearingInterface, Operation, RemovalCloud, ResourceKind, SecretDescription};
use crate::model::{Direction, GroupId, SecurityGroup};

/// The shortest time in which a secret can be restored.
const RECOVERY_DAYS: i64 = 7;

async fn interfaces_with(client: &aws_sdk_ec2::Client, groups: &[GroupId]) -> Answer<Vec<BearingInterface>> {
    let operation = Operation::DescribeNetworkInterfaces;
    let request = client
        .describe_network_interfaces()
        .filters(filter("group-id", groups.iter().map(ToString::to_string)));
    let mut found = Vec::new();
    for interface in all_items!(operation, request, network_interfaces, next_token).await? {
        let description = interface.description.unwrap_or_default();
        let kind = interface.interface_type.as_ref().map(NetworkInterfaceType::as_str);
        found.push(BearingInterface {
            id: interface
                .network_interface_id
                .ok_or_else(|| incomplete(operation, "NetworkInterfaceId"))?,
            is_of_service: is_of_service(kind, interface.requester_id.as_deref(), &description),
            description,
            groups: interface
                .groups
                .unwrap_or_default()
                .into_iter()
                .filter_map(|group| group.group_id.map(GroupId::from))
                .collect(),
        });
    }
    Ok(found)
}

/// Lambda's and RDS's own interfaces, those of proxies among them, by what each service writes on them.
fn is_of_service(kind: Option<&str>, requester: Option<&str>, description: &str) -> bool {
    kind == Some("lambda")
        || requester == Some("amazon-rds")
        || [
            "AWS Lambda VPC ENI",
            "RDSNetworkInterface",
            "Network interface for DBProxy",
        ]
        .iter()
        .any(|start| description.starts_with(start))
}

async fn groups_naming(
    client: &aws_sdk_ec2::Client,
    groups: &[GroupId],
    direction: Direction,
) -> Answer<Vec<SecurityGroup>> {
    let operation = Operation::DescribeSecurityGroups;
    let name = match direction {
        Direction::Ingress => "ip-permission.group-id",
        Direction::Egress => "egress.ip-permission.group-id",
    };
    let request = client
        .describe_security_groups()
        .filters(filter(name, groups.iter().map(ToString::to_string)));
    let all = all_items!(operation, request, security_groups, next_token);
    all.await?.into_iter().map(security_group).collect()
}

async fn tagged_groups(client: &aws_sdk_ec2::Client, key: &str, value: &str) -> Answer<Vec<SecurityGroup>> {
    let operation = Operation::DescribeSecurityGroups;
    let request = client
        .describe_security_groups()
        .filters(filter(&format!("tag:{key}"), [value.to_owned()]));
    let mut found = Vec::new();
    for group in all_items!(operation, request, security_groups, next_token).await? {
        let group = security_group(group)?;
        // EC2 reads `*` and `?` in a filter as wildcards.
        if group.tags.get(key).is_some_and(|found| found == value) {
            found.push(group);
        }
    }
    Ok(found)
}

async fn rds_tags(client: &aws_sdk_rds::Client, arn: &str) -> Answer<BTreeMap<String, String>> {
    let answer = client
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .map_err(|error| fault::error(Operation::ListTagsForResource, &error))?;
    let tags = answer.tag_list.unwrap_or_default().into_iter();
    Ok(tags
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

async fn secrets_named(client: &aws_sdk_secretsmanager::Client, prefix: &str) -> Answer<Vec<SecretDescription>> {
    let operation = Operation::ListSecrets;
    let by_name = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let request = client.list_secrets().filters(by_name);
    let mut found = Vec::new();
    for entry in all_items!(operation, request, secret_list, next_token).await? {
        let tags = entry.tags.unwrap_or_default().into_iter();
        found.push(SecretDescription {
            arn: entry.arn.ok_or_else(|| secrets::incomplete(operation, "ARN"))?,
            name: entry.name.ok_or_else(|| secrets::incomplete(operation, "Name"))?,
            kms_key: entry.kms_key_id,
            is_deleted: entry.deleted_date.is_some(),
            rotated_by: entry.rotation_lambda_arn,
            owner: entry.owning_service,
            // The list does not show them.
            replicas: Vec::new(),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .collect(),
        });
    }
    Ok(found)
}

#[async_trait::async_trait]
impl RemovalCloud for Aws {
    async fn list_bearers(&self, kind: ResourceKind) -> Answer<Vec<Bearer>> {
        let operation = Operation::lists(kind);
        match kind {
            ResourceKind::Cluster => called(operation, rds::bearing_clusters(&self.rds)).await,
            ResourceKind::Instance => called(operation, rds::bearing_instances(&self.rds)).await,
            ResourceKind::Proxy => called(operation, rds::bearing_proxies(&self.rds)).await,
            ResourceKind::Function => called(operation, functions::bearers(&self.lambda)).await,
        }
    }

    async fn describe_interfaces_with(&self, groups: &[GroupId]) -> Answer<Vec<BearingInterface>> {
        called(Operation::DescribeNetworkInterfaces, interfaces_with(&self.ec2, groups)).await
    }

    async fn describe_groups_naming(&self, groups: &[GroupId], direction: Direction) -> Answer<Vec<SecurityGroup>> {
        let call = groups_naming(&self.ec2, groups, direction);
        called(Operation::DescribeSecurityGroups, call).await
    }

    async fn describe_tagged_groups(&self, key: &str, value: &str) -> Answer<Vec<SecurityGroup>> {
        let call = tagged_groups(&self.ec2, key, value);
        called(Operation::DescribeSecurityGroups, call).await
    }

    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTagsForResource, rds_tags(&self.rds, arn)).await
    }

    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>> {
        called(Operation::ListRoles, identity::roles_named(&self.iam, prefix)).await
    }

    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        called(Operation::ListSecrets, secrets_named(&self.secrets, prefix)).await
    }

    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()> {
        let operation = Operation::CreateTags;
        let call = self
            .ec2
            .create_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(Tag::builder().key(key).value(value).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()> {
        let operation = Operation::DeleteTags;
        let call = self
            .ec2
            .delete_tags()
            .set_resources(Some(groups.iter().map(ToString::to_string).collect()))
            .tags(Tag::builder().key(key).build())
            .send();
        called(operation, done(operation, call)).await
    }

    async fn delete_group(&self, group: &GroupId) -> Answer<()> {
        let operation = Operation::DeleteSecurityGroup;
        let call = self.ec2.delete_security_group().group_id(group.as_str()).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_db_proxy(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteDbProxy;
        let call = self.rds.delete_db_proxy().db_proxy_name(name).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_secret(&self, id: &str) -> Answer<()> {
        let operation = Operation::DeleteSecret;
        let call = self
            .secrets
            .delete_secret()
            .secret_id(id)
            .recovery_window_in_days(RECOVERY_DAYS)
            .send();
        called(operation, done(operation, call)).await
    }

    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTags, functions::tags(&self.lambda, arn)).await
    }

    async fn delete_function(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteFunction;
        let call = self.lambda.delete_function().function_name(name).send();
        called(operation, done(operation, call)).await
    }

    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let operation = Operation::DetachRolePolicy;
        let call = self.iam.detach_role_policy().role_name(role).policy_arn(policy).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let operation = Operation::DeleteRolePolicy;
        let call = self.iam.delete_role_policy().role_name(role).policy_name(policy).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_role(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteRole;
        let call = self.iam.delete_role().role_name(name).send();
        called(operation, done(operation, call)).await
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_service;

    #[test]
    fn the_interfaces_of_lambda_and_rds_are_known() {
        let table = [
            (Some("lambda"), None, "AWS Lambda VPC ENI-f-1", true),
            (Some("interface"), Some("amazon-rds"), "RDSNetworkInterface", true),
            (Some("interface"), None, "Network interface for DBProxy prx-1", true),
            (Some("interface"), Some("amazon-elb"), "ELB app/x", false),
            (Some("interface"), None, "", false),
            (None, None, "Primary network interface", false),
        ];
        for (kind, requester, description, expected) in table {
            assert_eq!(is_of_service(kind, requester, description), expected, "{description}");
        }
    }
}
