//! Checks each answer against what was asked, whatever returned it: AWS, an endpoint in between, or an account in
//! memory.
//!
//! An answer about something else is [`Fault::Unexpected`], and ends the operation that asked for it: no decision
//! and no write is based on it. RDS keeps identifiers in lower case and finds them in any, so that case does
//! not count there.

use std::collections::BTreeMap;
use std::slice;

use ipnet::IpNet;

use super::{
    Answer, ApiCalls, CapacityProvider, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup,
    DescribedInterface, DescribedSubnet, EndpointChange, Fault, FunctionAlias, FunctionChange, GatewayFilter,
    GroupFilter, GroupReference, IdentityCloud, InstanceFilter, InterfaceFilter, KeyDescription, LaunchTemplateVersion,
    ListedFunction, MskCloud, NetworkCloud, NetworkConnector, NewDbProxy, NewEndpoint, NewGroups, NewLambda, NewRole,
    NewSecret, NewSecurityGroup, NewSubnet, Operation, Pace, Page, ProxyEndpoint, RoleDescription, SecretDescription,
    SubnetFilter, TaggedResource, Tags, UsersCloud, Versions,
};
use crate::model::{
    DatabaseKind, DescribedRule, Direction, EndpointId, EventSourceMapping, Function, GroupId, InternetGatewayId,
    MskCluster, NatGatewayId, Origin, PeeringId, Place, PrefixListId, ProxyTarget, ProxyTargetGroup, RouteTableId,
    Rule, Secret, SecurityGroup, SubnetId, VpcId, last_segment, network, qualified,
};

/// A cloud whose answers are checked.
pub struct Checked<'a>(&'a dyn Cloud);

impl<'a> Checked<'a> {
    /// The same cloud, with its answers checked.
    pub fn new(cloud: &'a dyn Cloud) -> Self {
        Self(cloud)
    }
}

/// What an answer names in place of what was asked for.
type Verdict = Result<(), (String, String)>;

fn must(holds: bool, asked: &(impl ToString + ?Sized), answered: &(impl ToString + ?Sized)) -> Verdict {
    if holds {
        return Ok(());
    }
    Err((asked.to_string(), answered.to_string()))
}

fn judged<T>(operation: Operation, answer: T, judge: impl FnOnce(&T) -> Verdict) -> Answer<T> {
    match judge(&answer) {
        Ok(()) => Ok(answer),
        Err((asked, answered)) => Err(unexpected(operation, asked, answered)),
    }
}

/// The error for an answer about something else.
pub fn unexpected(operation: Operation, asked: String, answered: String) -> CloudError {
    CloudError::new(operation, Fault::Unexpected { asked, answered })
}

/// A cluster or an instance, asked for by its identifier or its ARN.
fn database(asked: &str, kind: &str, id: &str, arn: &str) -> Verdict {
    let is_it = if asked.starts_with("arn:") {
        arn.eq_ignore_ascii_case(asked)
    } else {
        let end = format!(":{kind}:{asked}").to_ascii_lowercase();
        id.eq_ignore_ascii_case(asked) && arn.to_ascii_lowercase().ends_with(&end)
    };
    must(is_it, asked, &format!("{id} ({arn})"))
}

/// What was found, where one thing was asked for.
fn each<T>(asked: Option<&str>, found: &Page<T>, judge: impl Fn(&str, &T) -> Verdict) -> Verdict {
    let Some(asked) = asked else { return Ok(()) };
    found.items.iter().try_for_each(|found| judge(asked, found))
}

/// Something of RDS, asked for by its name.
fn named(kind: &str, asked: &str, found: &str) -> Verdict {
    must(found.eq_ignore_ascii_case(asked), &format!("{kind} {asked}"), found)
}

fn instances(which: InstanceFilter<'_>, found: &Page<DbInstance>) -> Verdict {
    match which {
        InstanceFilter::All => Ok(()),
        InstanceFilter::Id(id) => each(Some(id), found, |id, found| database(id, "db", &found.id, &found.arn)),
        InstanceFilter::OfCluster(cluster) => members(cluster, &found.items),
    }
}

/// Members of a cluster that was asked for by its identifier or its ARN.
fn members(asked: &str, found: &[DbInstance]) -> Verdict {
    let wanted = last_segment(asked);
    let is_member = |instance: &&DbInstance| {
        let cluster = instance.cluster.as_deref();
        cluster.is_some_and(|cluster| cluster.eq_ignore_ascii_case(wanted))
    };
    match found.iter().find(|instance| !is_member(instance)) {
        None => Ok(()),
        Some(other) => {
            let cluster = other.cluster.as_deref().unwrap_or("no cluster");
            must(
                false,
                &format!("instances of {asked}"),
                &format!("{} of {cluster}", other.id),
            )
        }
    }
}

/// A function, asked for by its name, a partial ARN or its ARN.
fn function(asked: &str, found: &Function) -> Verdict {
    let parts: Vec<&str> = asked.split(':').collect();
    let is_it = match parts.as_slice() {
        ["arn", ..] => found.arn == asked,
        [account, "function", _] => Place::of(&found.arn).account == *account,
        _ => true,
    };
    let (asked_for, version) = qualified(asked);
    let (arn, of_version) = qualified(&found.arn);
    let name = last_segment(asked_for);
    let is_named = found.name == name && last_segment(arn) == name && version == of_version;
    must(is_it && is_named, asked, &format!("{} ({})", found.name, found.arn))
}

/// A secret, asked for by its name, its ARN, or its ARN without the characters that Secrets Manager appends.
fn secret(asked: &str, found: &SecretDescription) -> Verdict {
    let is_it = if asked.starts_with("arn:") {
        found.arn == asked
            || found
                .arn
                .strip_prefix(asked)
                .is_some_and(|end| end.len() == 7 && end.starts_with('-'))
    } else {
        found.name == asked
    };
    let is_whole = Secret::is_named(&found.arn, &found.name);
    must(is_it && is_whole, asked, &format!("{} ({})", found.name, found.arn))
}

/// A key. Which one an alias stands for only KMS knows.
fn key(asked: &str, found: &KeyDescription) -> Verdict {
    let is_key = found.arn.contains(":kms:") && found.arn.contains(":key/");
    let name = asked.rsplit(':').next().unwrap_or(asked);
    let is_it = if name.starts_with("alias/") {
        let place = Place::of(asked);
        !asked.starts_with("arn:") || place == Place::of(&found.arn)
    } else if asked.starts_with("arn:") {
        found.arn == asked
    } else {
        last_segment(&found.arn) == last_segment(asked)
    };
    must(is_it && is_key, asked, &found.arn)
}

/// A role, asked for by its name. Names of roles differ by more than their case.
fn role(asked: &str, found: &RoleDescription) -> Verdict {
    let is_it = last_segment(&found.arn).eq_ignore_ascii_case(asked);
    must(is_it, &format!("role {asked}"), &found.arn)
}

/// Each of these is one of those that were asked for.
fn among<T, I: PartialEq + ToString>(asked: &[I], found: &[T], id: impl Fn(&T) -> &I) -> Verdict {
    match found.iter().map(id).find(|id| !asked.contains(id)) {
        None => Ok(()),
        Some(other) => must(false, &in_words(asked), &other.to_string()),
    }
}

/// Each of these has to do with one of those that were asked for.
fn touching<T, I: PartialEq + ToString>(asked: &[I], found: &[T], of: impl Fn(&T) -> Vec<I>) -> Verdict {
    match found
        .iter()
        .map(of)
        .find(|ids| !ids.iter().any(|id| asked.contains(id)))
    {
        None => Ok(()),
        Some(others) => must(false, &in_words(asked), &in_words(&others)),
    }
}

fn in_words<I: ToString>(ids: &[I]) -> String {
    match ids {
        [] => "nothing".to_owned(),
        ids => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn tagged<T>(key: &str, value: &str, found: &[T], tags: impl Fn(&T) -> &Tags) -> Verdict {
    let other = found
        .iter()
        .map(tags)
        .find(|tags| tags.get(key).is_none_or(|found| found != value));
    match other {
        None => Ok(()),
        Some(tags) => must(
            false,
            &format!("{key}={value}"),
            &format!("{key}={}", tags.get(key).map_or("", |value| value)),
        ),
    }
}

fn named_groups(vpc: &VpcId, names: &[&str], found: &[SecurityGroup]) -> Verdict {
    let is_named = |group: &SecurityGroup| names.iter().any(|name| group.name.eq_ignore_ascii_case(name));
    let other = found.iter().find(|group| group.vpc != *vpc || !is_named(group));
    match other {
        None => Ok(()),
        Some(group) => must(
            false,
            &format!("{} in {vpc}", names.join(" or ")),
            &format!("{} in {}", group.name, group.vpc),
        ),
    }
}

/// The mappings of a source, where one was named.
fn mappings(source: Option<&str>, found: &[EventSourceMapping]) -> Verdict {
    let Some(source) = source else { return Ok(()) };
    let of = |mapping: &EventSourceMapping| mapping.source.clone().unwrap_or_else(|| "no source".to_owned());
    match found.iter().map(of).find(|found| found != source) {
        None => Ok(()),
        Some(other) => must(false, source, &other),
    }
}

/// The groups with a rule for one of these groups.
fn naming(groups: &[GroupId], direction: Direction, found: &[SecurityGroup]) -> Verdict {
    let peers = |group: &SecurityGroup| -> Vec<GroupId> {
        let rules = group.rules(direction).iter();
        rules.filter_map(|rule| rule.peer.group().cloned()).collect()
    };
    touching(groups, found, peers)
}

fn groups(which: GroupFilter<'_>, found: &[SecurityGroup]) -> Verdict {
    match which {
        GroupFilter::All => Ok(()),
        GroupFilter::Id(id) => among(slice::from_ref(id), found, |group| &group.id),
        GroupFilter::Ids(ids) => among(ids, found, |group| &group.id),
        GroupFilter::OfConvention(vpc) => among(slice::from_ref(vpc), found, |group| &group.vpc),
        GroupFilter::Named(vpc, names) => named_groups(vpc, names, found),
        GroupFilter::Naming(ids, direction) => naming(ids, direction, found),
        GroupFilter::Tagged(key, value) => tagged(key, value, found, |group| &group.tags),
    }
}

fn subnets(which: SubnetFilter<'_>, found: &[DescribedSubnet]) -> Verdict {
    match which {
        SubnetFilter::All => Ok(()),
        SubnetFilter::Ids(ids) => among(ids, found, |found| &found.subnet.id),
        SubnetFilter::OfVpcs(vpcs) => among(vpcs, found, |found| &found.subnet.vpc),
    }
}

fn gateways(which: GatewayFilter<'_>, found: &[network::InternetGateway]) -> Verdict {
    match which {
        GatewayFilter::AttachedTo(vpcs) => touching(vpcs, found, |gateway| gateway.vpc.iter().cloned().collect()),
        GatewayFilter::Tagged(key, value) => tagged(key, value, found, |gateway| &gateway.tags),
    }
}

fn interfaces(which: InterfaceFilter<'_>, found: &[DescribedInterface]) -> Verdict {
    match which {
        InterfaceFilter::Ids(ids) => among(ids, found, |found| &found.interface.id),
        InterfaceFilter::WithGroups(groups) => touching(groups, found, |found| found.groups.clone()),
    }
}

fn versions_of(template: Option<&str>, found: &[LaunchTemplateVersion]) -> Verdict {
    let other = found
        .iter()
        .find(|version| template.is_some_and(|template| version.template != template));
    match (template, other) {
        (Some(template), Some(other)) => must(false, template, &other.template),
        _ => Ok(()),
    }
}

macro_rules! check {
    ($trait:ident { $($own:item)* } $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty $(= $operation:expr, $judge:expr)?;)*) => {
        #[async_trait::async_trait]
        impl $trait for Checked<'_> {
            $(async fn $name(&self, $($argument: $kind),*) -> Answer<$answer> {
                let answer = self.0.$name($($argument),*).await?;
                $(let answer = judged($operation, answer, $judge)?;)?
                Ok(answer)
            })*

            $($own)*
        }
    };
}

check! {
    NetworkCloud {}
    describe_vpcs(ids: &[VpcId]) -> Vec<network::Vpc> = Operation::DescribeVpcs, |found| among(ids, found, |vpc| &vpc.id);
    describe_vpc_dns(id: &VpcId) -> network::VpcDns;
    describe_dhcp_options(ids: &[String]) -> BTreeMap<String, network::Resolver> = Operation::DescribeDhcpOptions,
        |found| among(ids, &found.keys().collect::<Vec<_>>(), |id| *id);
    describe_route_tables(vpcs: &[VpcId]) -> Vec<network::RouteTable> = Operation::DescribeRouteTables,
        |found| among(vpcs, found, |table| &table.vpc);
    describe_network_acls(vpcs: &[VpcId]) -> Vec<network::NetworkAcl> = Operation::DescribeNetworkAcls,
        |found| among(vpcs, found, |acl| &acl.vpc);
    describe_peerings(vpcs: &[VpcId]) -> Vec<network::Peering> = Operation::DescribeVpcPeeringConnections,
        |found| touching(vpcs, found, |peering| vec![peering.requester.vpc.clone(), peering.accepter.vpc.clone()]);
    describe_security_groups(which: GroupFilter<'_>, from: Option<String>) -> Page<SecurityGroup> =
        Operation::DescribeSecurityGroups, |found| groups(which, &found.items);
    describe_security_group_rules(groups: &[GroupId], from: Option<String>) -> Page<DescribedRule> =
        Operation::DescribeSecurityGroupRules, |found| among(groups, &found.items, |rule| &rule.group);
    describe_subnets(which: SubnetFilter<'_>, from: Option<String>) -> Page<DescribedSubnet> = Operation::DescribeSubnets,
        |found| subnets(which, &found.items);
    describe_internet_gateways(which: GatewayFilter<'_>) -> Vec<network::InternetGateway> =
        Operation::DescribeInternetGateways, |found| gateways(which, found);
    describe_egress_only_gateways(vpcs: &[VpcId]) -> Vec<network::EgressOnlyGateway> =
        Operation::DescribeEgressOnlyInternetGateways,
        |found| touching(vpcs, found, |gateway| gateway.vpc.iter().cloned().collect());
    describe_nat_gateways(vpcs: &[VpcId]) -> Vec<network::NatGateway> = Operation::DescribeNatGateways,
        |found| among(vpcs, found, |nat| &nat.vpc);
    describe_public_access() -> network::PublicAccess;
    describe_public_access_exclusions() -> Vec<network::Exclusion>;
    describe_vpc_endpoints(vpcs: &[VpcId]) -> Vec<network::Endpoint> = Operation::DescribeVpcEndpoints,
        |found| among(vpcs, found, |endpoint| &endpoint.vpc);
    describe_endpoint_services() -> Vec<network::EndpointService>;
    describe_network_interfaces(which: InterfaceFilter<'_>) -> Vec<DescribedInterface> =
        Operation::DescribeNetworkInterfaces, |found| interfaces(which, found);
    prefix_list_entries(id: &PrefixListId) -> Vec<IpNet>;
    describe_tagged_addresses(key: &str, value: &str) -> Vec<network::Address> = Operation::DescribeAddresses,
        |found| tagged(key, value, found, |address| &address.tags);
    create_subnet(new: &NewSubnet) -> SubnetId;
    create_internet_gateway(tags: &Tags) -> InternetGatewayId;
    attach_internet_gateway(gateway: &InternetGatewayId, vpc: &VpcId) -> ();
    allocate_address(tags: &Tags) -> String;
    create_nat_gateway(subnet: &SubnetId, allocation: &str, tags: &Tags) -> NatGatewayId;
    create_route_table(vpc: &VpcId, tags: &Tags) -> RouteTableId;
    create_route(table: &RouteTableId, destination: IpNet, target: &network::RouteTarget) -> ();
    replace_route(table: &RouteTableId, destination: IpNet, target: &network::RouteTarget) -> ();
    associate_route_table(table: &RouteTableId, subnet: &SubnetId) -> ();
    replace_route_table_association(association: &str, table: &RouteTableId) -> ();
    create_vpc_endpoint(new: &NewEndpoint) -> EndpointId;
    modify_vpc_endpoint(id: &EndpointId, change: &EndpointChange) -> ();
    allow_peering_dns(id: &PeeringId, requester: bool, accepter: bool) -> ();
    create_security_group(new: &NewSecurityGroup) -> GroupId;
    revoke_security_group(group: &GroupId, direction: Direction, rules: &[Rule]) -> ();
    authorize_security_group(group: &GroupId, direction: Direction, rule: &Rule) -> ();
    tag_groups(groups: &[GroupId], key: &str, value: &str) -> ();
    untag_groups(groups: &[GroupId], key: &str) -> ();
    delete_group(group: &GroupId) -> ();
}

check! {
    IdentityCloud {}
    list_attached_role_policies(role: &str) -> Vec<String>;
    list_role_policies(role: &str) -> Vec<String>;
    get_policy(arn: &str) -> String;
    get_policy_version(arn: &str, version: &str) -> String;
    get_role(name: &str) -> RoleDescription = Operation::GetRole, |found| role(name, found);
    get_role_policy(role: &str, policy: &str) -> String;
    create_role(new: &NewRole) -> String;
    put_role_policy(role: &str, policy: &str, document: &str) -> ();
    attach_role_policy(role: &str, policy: &str) -> ();
    list_roles(prefix: &str) -> Vec<String>;
    detach_role_policy(role: &str, policy: &str) -> ();
    delete_role_policy(role: &str, policy: &str) -> ();
    delete_role(name: &str) -> ();
}

check! {
    MskCloud {}
    describe_msk_cluster(arn: &str) -> MskCluster = Operation::DescribeClusterV2,
        |found| must(found.arn == arn, arn, &found.arn);
    list_msk_clusters(from: Option<String>) -> Page<MskCluster>;
    list_event_source_mappings(source: Option<&str>, from: Option<String>) -> Page<EventSourceMapping> =
        Operation::ListEventSourceMappings, |found| mappings(source, &found.items);
    get_event_source_mapping(uuid: &str) -> EventSourceMapping = Operation::GetEventSourceMapping,
        |found| must(found.uuid.eq_ignore_ascii_case(uuid), uuid, &found.uuid);
}

check! {
    UsersCloud {}
    list_aliases(function: &str) -> Vec<FunctionAlias>;
    list_proxy_endpoints() -> Vec<ProxyEndpoint>;
    list_capacity_providers() -> Vec<CapacityProvider>;
    list_network_connectors() -> Vec<String>;
    list_network_connector_versions(connector: &str) -> Vec<String>;
    get_network_connector(version: &str) -> NetworkConnector;
    describe_launch_template_versions(template: Option<&str>) -> Vec<LaunchTemplateVersion> =
        Operation::DescribeLaunchTemplateVersions, |found| versions_of(template, found);
    describe_group_references(groups: &[GroupId]) -> Vec<GroupReference> =
        Operation::DescribeSecurityGroupReferences, |found| among(groups, found, |reference| &reference.group);
}

check! {
    Cloud {
        fn calls(&self) -> ApiCalls {
            self.0.calls()
        }

        fn pace(&self) -> Pace {
            self.0.pace()
        }

        fn listed_tags(&self, arn: &str) -> Option<Answer<BTreeMap<String, String>>> {
            self.0.listed_tags(arn)
        }

        fn home(&self) -> Origin {
            self.0.home()
        }
    }
    describe_db_clusters(id: Option<&str>, from: Option<String>) -> Page<DbCluster> = Operation::DescribeDbClusters,
        |found| each(id, found, |id, found| database(id, "cluster", &found.id, &found.arn));
    describe_db_instances(which: InstanceFilter<'_>, from: Option<String>) -> Page<DbInstance> =
        Operation::DescribeDbInstances, |found| instances(which, found);
    describe_db_proxies(name: Option<&str>, from: Option<String>) -> Page<DbProxy> = Operation::DescribeDbProxies,
        |found| each(name, found, |name, found| named("proxy", name, found.name()));
    describe_db_proxy_targets(proxy: &str) -> Vec<ProxyTarget>;
    describe_db_proxy_target_group(proxy: &str) -> ProxyTargetGroup;
    describe_db_subnet_groups(name: Option<&str>, from: Option<String>) -> Page<DbSubnetGroup> =
        Operation::DescribeDbSubnetGroups,
        |found| each(name, found, |name, found| named("subnet group", name, &found.name));
    get_function_configuration(name: &str) -> Function = Operation::GetFunctionConfiguration,
        |found| function(name, found);
    describe_secret(id: &str) -> SecretDescription = Operation::DescribeSecret, |found| secret(id, found);
    get_secret_policy(id: &str) -> Option<String>;
    groups_per_interface() -> usize;
    describe_key(id: &str) -> KeyDescription = Operation::DescribeKey, |found| key(id, found);
    list_functions(versions: Versions, from: Option<String>) -> Page<ListedFunction>;
    modify_database(kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> ();
    modify_db_proxy(name: &str, groups: NewGroups<'_>) -> ();
    register_db_proxy_targets(proxy: &str, kind: DatabaseKind, database: &str) -> ();
    update_function_configuration(name: &str, change: FunctionChange<'_>, revision: Option<&str>) -> ();
    create_secret(new: &NewSecret) -> String;
    create_db_proxy(new: &NewDbProxy) -> String;
    create_function(new: &NewLambda) -> String;
    list_rds_tags(arn: &str) -> BTreeMap<String, String>;
    delete_db_proxy(name: &str) -> ();
    delete_secret(id: &str) -> ();
    list_secrets(prefix: &str) -> Vec<SecretDescription>;
    list_function_tags(arn: &str) -> BTreeMap<String, String>;
    list_tagged(from: Option<String>) -> Page<TaggedResource>;
    delete_function(name: &str) -> ();
}
