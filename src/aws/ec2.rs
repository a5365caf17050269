//! Security groups and subnets.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, Tag, TagSpecification, UserIdGroupPair,
};

use super::{all_items, done, fault};
use crate::cloud::{Answer, CloudError, Fault, NewSecurityGroup, Operation};
use crate::model::{Direction, GroupId, Peer, PortRange, Protocol, Rule, SecurityGroup, Subnet, SubnetId, VpcId};
use crate::naming::Convention;

/// The largest page that EC2 gives.
pub(super) const PAGE: i32 = 1000;

pub(super) fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().collect()))
        .build()
}

pub(super) fn incomplete(operation: Operation, field: &str) -> CloudError {
    CloudError::new(operation, Fault::Malformed(format!("it has no {field}")))
}

/// Filters are case-sensitive where names are not: each letter becomes a `?`, so that a name in other
/// case, which takes its number too, is among what comes back.
fn any_case(convention: Convention) -> String {
    let mask = |c: char| if c.is_ascii_alphabetic() { '?' } else { c };
    convention.prefix().chars().map(mask).chain(['*']).collect()
}

pub(super) async fn describe_connection_groups(client: &Client, vpc: &VpcId) -> Answer<Vec<SecurityGroup>> {
    let operation = Operation::DescribeSecurityGroups;
    let mut names: Vec<String> = Convention::ALL.map(any_case).to_vec();
    names.sort();
    names.dedup();
    let request = client
        .describe_security_groups()
        .filters(filter("vpc-id", [vpc.to_string()]))
        .filters(filter("group-name", names))
        .max_results(PAGE);
    let all = all_items!(operation, request, security_groups, next_token);
    all.await?.into_iter().map(security_group).collect()
}

pub(super) async fn describe_security_group(client: &Client, id: &GroupId) -> Answer<SecurityGroup> {
    let operation = Operation::DescribeSecurityGroups;
    let answer = client
        .describe_security_groups()
        .group_ids(id.as_str())
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    match answer.security_groups.unwrap_or_default().into_iter().next() {
        Some(group) => security_group(group),
        None => Err(CloudError::new(
            operation,
            Fault::NotFound(format!("The security group '{id}' does not exist")),
        )),
    }
}

pub(super) fn security_group(group: aws_sdk_ec2::types::SecurityGroup) -> Answer<SecurityGroup> {
    let missing = |field| incomplete(Operation::DescribeSecurityGroups, field);
    let rules =
        |permissions: Option<Vec<IpPermission>>| permissions.unwrap_or_default().into_iter().flat_map(rules).collect();
    Ok(SecurityGroup {
        id: group.group_id.ok_or_else(|| missing("GroupId"))?.into(),
        name: group.group_name.ok_or_else(|| missing("GroupName"))?,
        vpc: group.vpc_id.unwrap_or_default().into(),
        owner: group.owner_id,
        description: group.description.unwrap_or_default(),
        ingress: rules(group.ip_permissions),
        egress: rules(group.ip_permissions_egress),
        tags: group
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect(),
    })
}

/// A permission with k targets is k rules.
fn rules(permission: IpPermission) -> Vec<Rule> {
    let protocol = Protocol::from_api(permission.ip_protocol.as_deref().unwrap_or("-1"));
    let ports = permission
        .from_port
        .zip(permission.to_port)
        .map(|(from, to)| PortRange { from, to });
    let groups = permission
        .user_id_group_pairs
        .unwrap_or_default()
        .into_iter()
        .map(|pair| (Peer::Group(pair.group_id.unwrap_or_default().into()), pair.description));
    let ipv4 = permission
        .ip_ranges
        .unwrap_or_default()
        .into_iter()
        .map(|range| (Peer::Cidr(range.cidr_ip.unwrap_or_default()), range.description));
    let ipv6 = permission
        .ipv6_ranges
        .unwrap_or_default()
        .into_iter()
        .map(|range| (Peer::Cidr(range.cidr_ipv6.unwrap_or_default()), range.description));
    let lists = permission.prefix_list_ids.unwrap_or_default().into_iter().map(|list| {
        (
            Peer::PrefixList(list.prefix_list_id.unwrap_or_default()),
            list.description,
        )
    });
    groups
        .chain(ipv4)
        .chain(ipv6)
        .chain(lists)
        .map(|(peer, description)| Rule {
            protocol: protocol.clone(),
            ports,
            peer,
            description,
        })
        .collect()
}

pub(super) fn permission(rule: &Rule) -> IpPermission {
    let builder = IpPermission::builder()
        .ip_protocol(rule.protocol.as_api())
        .set_from_port(rule.ports.map(|ports| ports.from))
        .set_to_port(rule.ports.map(|ports| ports.to));
    let description = rule.description.clone();
    match &rule.peer {
        Peer::Group(id) => builder.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(id.as_str())
                .set_description(description)
                .build(),
        ),
        Peer::Cidr(cidr) if cidr.contains(':') => builder.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(cidr)
                .set_description(description)
                .build(),
        ),
        Peer::Cidr(cidr) => builder.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build()),
        Peer::PrefixList(id) => builder.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(id)
                .set_description(description)
                .build(),
        ),
    }
    .build()
}

pub(super) async fn describe_subnets(client: &Client, ids: &[SubnetId]) -> Answer<Vec<Subnet>> {
    let operation = Operation::DescribeSubnets;
    let answer = client
        .describe_subnets()
        .set_subnet_ids(Some(ids.iter().map(ToString::to_string).collect()))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    answer.subnets.unwrap_or_default().into_iter().map(subnet).collect()
}

pub(super) fn subnet(subnet: aws_sdk_ec2::types::Subnet) -> Answer<Subnet> {
    let missing = |field| incomplete(Operation::DescribeSubnets, field);
    Ok(Subnet {
        id: subnet.subnet_id.ok_or_else(|| missing("SubnetId"))?.into(),
        vpc: subnet.vpc_id.ok_or_else(|| missing("VpcId"))?.into(),
        availability_zone: subnet.availability_zone.unwrap_or_default(),
        owner: subnet.owner_id,
        free_addresses: subnet
            .available_ip_address_count
            .and_then(|count| u32::try_from(count).ok()),
    })
}

pub(super) async fn create_security_group(client: &Client, new: &NewSecurityGroup) -> Answer<GroupId> {
    let operation = Operation::CreateSecurityGroup;
    let tags = new
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let answer = client
        .create_security_group()
        .group_name(&new.name)
        .description(&new.description)
        .vpc_id(new.vpc.as_str())
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::SecurityGroup)
                .set_tags(Some(tags.collect()))
                .build(),
        )
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    Ok(answer.group_id.ok_or_else(|| incomplete(operation, "GroupId"))?.into())
}

pub(super) async fn revoke_security_group(
    client: &Client,
    group: &GroupId,
    direction: Direction,
    rules: &[Rule],
) -> Answer<()> {
    let operation = Operation::revokes(direction);
    let permissions = Some(rules.iter().map(permission).collect());
    match direction {
        Direction::Ingress => {
            let call = client.revoke_security_group_ingress().group_id(group.as_str());
            done(operation, call.set_ip_permissions(permissions).send()).await
        }
        Direction::Egress => {
            let call = client.revoke_security_group_egress().group_id(group.as_str());
            done(operation, call.set_ip_permissions(permissions).send()).await
        }
    }
}

pub(super) async fn authorize_security_group(
    client: &Client,
    group: &GroupId,
    direction: Direction,
    rule: &Rule,
) -> Answer<()> {
    let operation = Operation::authorizes(direction);
    match direction {
        Direction::Ingress => {
            let call = client.authorize_security_group_ingress().group_id(group.as_str());
            done(operation, call.ip_permissions(permission(rule)).send()).await
        }
        Direction::Egress => {
            let call = client.authorize_security_group_egress().group_id(group.as_str());
            done(operation, call.ip_permissions(permission(rule)).send()).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::any_case;
    use crate::naming::Convention;

    #[test]
    fn filters_do_not_mind_the_case() {
        assert_eq!(any_case(Convention::RdsLambda), "???-??????-*");
    }
}
