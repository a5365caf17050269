//! Security groups and subnets.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule, Tag, TagSpecification,
    UserIdGroupPair,
};

use super::network::{associated, subnet_state, tags};
use super::{done, fault, page};
use crate::cloud::{
    Answer, CloudError, DescribedSubnet, Fault, GroupFilter, Listed, NewSecurityGroup, Operation, SubnetFilter,
};
use crate::model::{DescribedRule, Direction, GroupId, Peer, PortRange, Protocol, Rule, SecurityGroup, Subnet};
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

fn ids<T: ToString>(ids: &[T]) -> impl Iterator<Item = String> {
    ids.iter().map(ToString::to_string)
}

pub(super) async fn describe_security_groups(
    client: &Client,
    which: GroupFilter<'_>,
    from: Option<String>,
) -> Listed<SecurityGroup> {
    let request = client.describe_security_groups().set_next_token(from);
    let request = match which {
        GroupFilter::All => request.max_results(PAGE),
        GroupFilter::Id(id) => request.group_ids(id.as_str()),
        // A filter, since one id that does not exist would make all of the request fail.
        GroupFilter::Ids(all) => request.filters(filter("group-id", ids(all))).max_results(PAGE),
        GroupFilter::OfConvention(vpc) => {
            let mut names: Vec<String> = Convention::ALL.map(any_case).to_vec();
            names.sort();
            names.dedup();
            request
                .filters(filter("vpc-id", [vpc.to_string()]))
                .filters(filter("group-name", names))
                .max_results(PAGE)
        }
        GroupFilter::Named(vpc, names) => request
            .filters(filter("vpc-id", [vpc.to_string()]))
            .filters(filter("group-name", names.iter().map(|name| (*name).to_owned()))),
        GroupFilter::Naming(all, Direction::Ingress) => request.filters(filter("ip-permission.group-id", ids(all))),
        GroupFilter::Naming(all, Direction::Egress) => {
            request.filters(filter("egress.ip-permission.group-id", ids(all)))
        }
        GroupFilter::Tagged(key, value) => request.filters(filter(&format!("tag:{key}"), [value.to_owned()])),
    };
    let mut page = page!(
        Operation::DescribeSecurityGroups,
        request,
        security_groups,
        next_token,
        security_group
    )?;
    if let GroupFilter::Tagged(key, value) = which {
        // EC2 reads `*` and `?` in a filter as wildcards.
        let has_it = |group: &SecurityGroup| group.tags.get(key).is_some_and(|found| found == value);
        page.items.retain(has_it);
    }
    Ok(page)
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
        tags: tags(group.tags),
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

pub(super) async fn describe_security_group_rules(
    client: &Client,
    groups: &[GroupId],
    from: Option<String>,
) -> Listed<DescribedRule> {
    let request = client
        .describe_security_group_rules()
        .filters(filter("group-id", ids(groups)))
        .max_results(PAGE)
        .set_next_token(from);
    page!(
        Operation::DescribeSecurityGroupRules,
        request,
        security_group_rules,
        next_token,
        described_rule
    )
}

fn described_rule(found: SecurityGroupRule) -> Answer<DescribedRule> {
    let missing = |field| incomplete(Operation::DescribeSecurityGroupRules, field);
    let referenced = found.referenced_group_info;
    let cidr = found.cidr_ipv4.or(found.cidr_ipv6).map(Peer::Cidr);
    let list = found.prefix_list_id.map(Peer::PrefixList);
    let (group, peer_account) = referenced.map_or((None, None), |info| (info.group_id, info.user_id));
    let peer = group.map(|id| Peer::Group(id.into())).or(cidr).or(list);
    // EC2 answers with -1 where a protocol has no ports.
    let ports = found.from_port.zip(found.to_port).filter(|ports| *ports != (-1, -1));
    Ok(DescribedRule {
        id: found
            .security_group_rule_id
            .ok_or_else(|| missing("SecurityGroupRuleId"))?,
        group: found.group_id.ok_or_else(|| missing("GroupId"))?.into(),
        direction: if found.is_egress.unwrap_or_default() {
            Direction::Egress
        } else {
            Direction::Ingress
        },
        rule: Rule {
            protocol: Protocol::from_api(found.ip_protocol.as_deref().unwrap_or("-1")),
            ports: ports.map(|(from, to)| PortRange { from, to }),
            peer: peer.ok_or_else(|| missing("source or destination"))?,
            description: found.description.filter(|text| !text.is_empty()),
        },
        peer_account,
        tags: tags(found.tags),
    })
}

pub(super) async fn describe_subnets(
    client: &Client,
    which: SubnetFilter<'_>,
    from: Option<String>,
) -> Listed<DescribedSubnet> {
    let request = client.describe_subnets().set_next_token(from);
    let request = match which {
        SubnetFilter::All => request.max_results(PAGE),
        SubnetFilter::Ids(all) => request.set_subnet_ids(Some(ids(all).collect())),
        SubnetFilter::OfVpcs(vpcs) => request.filters(filter("vpc-id", ids(vpcs))),
    };
    page!(Operation::DescribeSubnets, request, subnets, next_token, subnet)
}

fn subnet(found: aws_sdk_ec2::types::Subnet) -> Answer<DescribedSubnet> {
    let missing = |field| incomplete(Operation::DescribeSubnets, field);
    let ipv6 = found.ipv6_cidr_block_association_set.unwrap_or_default().into_iter();
    let ipv6 = ipv6.map(|block| (block.ipv6_cidr_block, subnet_state(block.ipv6_cidr_block_state)));
    let all: Vec<_> = std::iter::once((found.cidr_block, None)).chain(ipv6).collect();
    let ranges = all.iter().filter_map(|(cidr, _)| cidr.as_deref()?.parse().ok());
    let ranges = ranges.collect();
    let (cidrs, doubtful_cidrs) = associated(all);
    Ok(DescribedSubnet {
        subnet: Subnet {
            id: found.subnet_id.ok_or_else(|| missing("SubnetId"))?.into(),
            vpc: found.vpc_id.ok_or_else(|| missing("VpcId"))?.into(),
            availability_zone: found.availability_zone.unwrap_or_default(),
            owner: found.owner_id,
            free_addresses: found
                .available_ip_address_count
                .and_then(|count| u32::try_from(count).ok()),
        },
        ranges,
        cidrs,
        doubtful_cidrs,
        tags: tags(found.tags),
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
