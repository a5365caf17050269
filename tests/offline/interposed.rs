//! A cloud between the program and an account, which delays, loses, refuses or falsifies what passes through it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::*;
use autoconnect::model::*;

/// What happens around each call.
pub trait Hook: Sync {
    /// The account as it was, where a read is to show that instead of what is.
    fn past(&self, _: Operation) -> Option<Arc<OfflineAccount>> {
        None
    }

    /// How fast the run looks again.
    fn pace(&self) -> Pace {
        Pace {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        }
    }

    /// Carries the call out, or does not.
    fn around<T: Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> impl Future<Output = Answer<T>> + Send;
}

/// The account behind a hook. While waiting, it is looked at in seconds of virtual time.
pub struct Interposed<'a, H> {
    pub account: &'a OfflineAccount,
    pub hook: H,
}

/// An answer to a question about all that exists, which hooks can tell from one about something in particular.
#[derive(Debug)]
struct OfAll<T>(T);

macro_rules! interpose {
    ($trait:ident { $($own:item)* } $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $operation:expr $(, all $all:expr)?;)*) => {
        #[async_trait::async_trait]
        impl<H: Hook> $trait for Interposed<'_, H> {
            $(async fn $name(&self, $($argument: $kind),*) -> Answer<$answer> {
                let operation = $operation;
                let past = self.hook.past(operation);
                let call = past.as_deref().unwrap_or(self.account).$name($($argument),*);
                $(if $all {
                    let all = self.hook.around(operation, async { call.await.map(OfAll) }).await?;
                    return Ok(all.0);
                })?
                self.hook.around(operation, call).await
            })*

            $($own)*
        }
    };
}

interpose! {
    NetworkCloud {}
    describe_vpcs(ids: &[VpcId]) -> Vec<network::Vpc> = Operation::DescribeVpcs;
    describe_vpc_dns(id: &VpcId) -> network::VpcDns = Operation::DescribeVpcAttribute;
    describe_dhcp_options(ids: &[String]) -> BTreeMap<String, network::Resolver> = Operation::DescribeDhcpOptions;
    describe_route_tables(vpcs: &[VpcId]) -> Vec<network::RouteTable> = Operation::DescribeRouteTables;
    describe_network_acls(vpcs: &[VpcId]) -> Vec<network::NetworkAcl> = Operation::DescribeNetworkAcls;
    describe_peerings(vpcs: &[VpcId]) -> Vec<network::Peering> = Operation::DescribeVpcPeeringConnections;
    describe_security_groups(which: GroupFilter<'_>, from: Option<String>) -> Page<SecurityGroup> = Operation::DescribeSecurityGroups, all matches!(which, GroupFilter::All);
    describe_security_group_rules(groups: &[GroupId], from: Option<String>) -> Page<DescribedRule> = Operation::DescribeSecurityGroupRules;
    describe_subnets(which: SubnetFilter<'_>, from: Option<String>) -> Page<DescribedSubnet> = Operation::DescribeSubnets, all matches!(which, SubnetFilter::All);
    describe_internet_gateways(which: GatewayFilter<'_>) -> Vec<network::InternetGateway> = Operation::DescribeInternetGateways;
    describe_egress_only_gateways(vpcs: &[VpcId]) -> Vec<network::EgressOnlyGateway> = Operation::DescribeEgressOnlyInternetGateways;
    describe_nat_gateways(vpcs: &[VpcId]) -> Vec<network::NatGateway> = Operation::DescribeNatGateways;
    describe_public_access() -> network::PublicAccess = Operation::DescribeVpcBlockPublicAccessOptions;
    describe_public_access_exclusions() -> Vec<network::Exclusion> = Operation::DescribeVpcBlockPublicAccessExclusions;
    describe_vpc_endpoints(vpcs: &[VpcId]) -> Vec<network::Endpoint> = Operation::DescribeVpcEndpoints;
    describe_endpoint_services() -> Vec<network::EndpointService> = Operation::DescribeVpcEndpointServices;
    describe_network_interfaces(which: InterfaceFilter<'_>) -> Vec<DescribedInterface> = Operation::DescribeNetworkInterfaces;
    prefix_list_entries(id: &PrefixListId) -> Vec<ipnet::IpNet> = Operation::GetManagedPrefixListEntries;
    describe_tagged_addresses(key: &str, value: &str) -> Vec<network::Address> = Operation::DescribeAddresses;
    create_subnet(new: &NewSubnet) -> SubnetId = Operation::CreateSubnet;
    create_internet_gateway(tags: &Tags) -> InternetGatewayId = Operation::CreateInternetGateway;
    attach_internet_gateway(gateway: &InternetGatewayId, vpc: &VpcId) -> () = Operation::AttachInternetGateway;
    allocate_address(tags: &Tags) -> String = Operation::AllocateAddress;
    create_nat_gateway(subnet: &SubnetId, allocation: &str, tags: &Tags) -> NatGatewayId = Operation::CreateNatGateway;
    create_route_table(vpc: &VpcId, tags: &Tags) -> RouteTableId = Operation::CreateRouteTable;
    create_route(table: &RouteTableId, destination: ipnet::IpNet, target: &network::RouteTarget) -> () = Operation::CreateRoute;
    replace_route(table: &RouteTableId, destination: ipnet::IpNet, target: &network::RouteTarget) -> () = Operation::ReplaceRoute;
    associate_route_table(table: &RouteTableId, subnet: &SubnetId) -> () = Operation::AssociateRouteTable;
    replace_route_table_association(association: &str, table: &RouteTableId) -> () = Operation::ReplaceRouteTableAssociation;
    create_vpc_endpoint(new: &NewEndpoint) -> EndpointId = Operation::CreateVpcEndpoint;
    modify_vpc_endpoint(id: &EndpointId, change: &EndpointChange) -> () = Operation::ModifyVpcEndpoint;
    allow_peering_dns(id: &PeeringId, requester: bool, accepter: bool) -> () = Operation::ModifyVpcPeeringConnectionOptions;
    create_security_group(new: &NewSecurityGroup) -> GroupId = Operation::CreateSecurityGroup;
    revoke_security_group(group: &GroupId, direction: Direction, rules: &[Rule]) -> () = Operation::revokes(direction);
    authorize_security_group(group: &GroupId, direction: Direction, rule: &Rule) -> () = Operation::authorizes(direction);
    tag_groups(groups: &[GroupId], key: &str, value: &str) -> () = Operation::CreateTags;
    untag_groups(groups: &[GroupId], key: &str) -> () = Operation::DeleteTags;
    delete_group(group: &GroupId) -> () = Operation::DeleteSecurityGroup;
}

interpose! {
    IdentityCloud {}
    list_attached_role_policies(role: &str) -> Vec<String> = Operation::ListAttachedRolePolicies;
    list_role_policies(role: &str) -> Vec<String> = Operation::ListRolePolicies;
    get_policy(arn: &str) -> String = Operation::GetPolicy;
    get_policy_version(arn: &str, version: &str) -> String = Operation::GetPolicyVersion;
    get_role(name: &str) -> RoleDescription = Operation::GetRole;
    get_role_policy(role: &str, policy: &str) -> String = Operation::GetRolePolicy;
    create_role(new: &NewRole) -> String = Operation::CreateRole;
    put_role_policy(role: &str, policy: &str, document: &str) -> () = Operation::PutRolePolicy;
    attach_role_policy(role: &str, policy: &str) -> () = Operation::AttachRolePolicy;
    list_roles(prefix: &str) -> Vec<String> = Operation::ListRoles;
    detach_role_policy(role: &str, policy: &str) -> () = Operation::DetachRolePolicy;
    delete_role_policy(role: &str, policy: &str) -> () = Operation::DeleteRolePolicy;
    delete_role(name: &str) -> () = Operation::DeleteRole;
}

interpose! {
    MskCloud {}
    describe_msk_cluster(arn: &str) -> MskCluster = Operation::DescribeClusterV2;
    list_msk_clusters(from: Option<String>) -> Page<MskCluster> = Operation::ListClustersV2;
    list_event_source_mappings(source: Option<&str>, from: Option<String>) -> Page<EventSourceMapping> = Operation::ListEventSourceMappings, all source.is_none();
    get_event_source_mapping(uuid: &str) -> EventSourceMapping = Operation::GetEventSourceMapping;
}

interpose! {
    UsersCloud {}
    list_aliases(function: &str) -> Vec<FunctionAlias> = Operation::ListAliases;
    list_proxy_endpoints() -> Vec<ProxyEndpoint> = Operation::DescribeDbProxyEndpoints;
    list_capacity_providers() -> Vec<CapacityProvider> = Operation::ListCapacityProviders;
    list_network_connectors() -> Vec<String> = Operation::ListNetworkConnectors;
    list_network_connector_versions(connector: &str) -> Vec<String> = Operation::ListNetworkConnectorVersions;
    get_network_connector(version: &str) -> NetworkConnector = Operation::GetNetworkConnector;
    describe_launch_template_versions(template: Option<&str>) -> Vec<LaunchTemplateVersion> = Operation::DescribeLaunchTemplateVersions;
    describe_group_references(groups: &[GroupId]) -> Vec<GroupReference> = Operation::DescribeSecurityGroupReferences;
}

interpose! {
    Cloud {
        fn home(&self) -> Origin {
            self.account.home()
        }

        fn calls(&self) -> ApiCalls {
            self.account.calls()
        }

        fn pace(&self) -> Pace {
            self.hook.pace()
        }
    }
    describe_db_clusters(id: Option<&str>, from: Option<String>) -> Page<DbCluster> = Operation::DescribeDbClusters, all id.is_none();
    describe_db_instances(which: InstanceFilter<'_>, from: Option<String>) -> Page<DbInstance> = Operation::DescribeDbInstances, all matches!(which, InstanceFilter::All);
    describe_db_proxies(name: Option<&str>, from: Option<String>) -> Page<DbProxy> = Operation::DescribeDbProxies, all name.is_none();
    describe_db_proxy_targets(proxy: &str) -> Vec<ProxyTarget> = Operation::DescribeDbProxyTargets;
    describe_db_proxy_target_group(proxy: &str) -> ProxyTargetGroup = Operation::DescribeDbProxyTargetGroups;
    describe_db_subnet_groups(name: Option<&str>, from: Option<String>) -> Page<DbSubnetGroup> = Operation::DescribeDbSubnetGroups, all name.is_none();
    get_function_configuration(name: &str) -> Function = Operation::GetFunctionConfiguration;
    describe_secret(id: &str) -> SecretDescription = Operation::DescribeSecret;
    get_secret_policy(id: &str) -> Option<String> = Operation::GetResourcePolicy;
    groups_per_interface() -> usize = Operation::GetServiceQuota;
    describe_key(id: &str) -> KeyDescription = Operation::DescribeKey;
    list_functions(versions: Versions, from: Option<String>) -> Page<ListedFunction> = Operation::ListFunctions;
    modify_database(kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> () = Operation::modifies(kind);
    modify_db_proxy(name: &str, groups: NewGroups<'_>) -> () = Operation::ModifyDbProxy;
    register_db_proxy_targets(proxy: &str, kind: DatabaseKind, database: &str) -> () = Operation::RegisterDbProxyTargets;
    update_function_configuration(name: &str, change: FunctionChange<'_>, revision: Option<&str>) -> () = Operation::UpdateFunctionConfiguration;
    create_secret(new: &NewSecret) -> String = Operation::CreateSecret;
    create_db_proxy(new: &NewDbProxy) -> String = Operation::CreateDbProxy;
    create_function(new: &NewLambda) -> String = Operation::CreateFunction;
    list_rds_tags(arn: &str) -> BTreeMap<String, String> = Operation::ListTagsForResource;
    delete_db_proxy(name: &str) -> () = Operation::DeleteDbProxy;
    delete_secret(id: &str) -> () = Operation::DeleteSecret;
    list_secrets(prefix: &str) -> Vec<SecretDescription> = Operation::ListSecrets;
    list_function_tags(arn: &str) -> BTreeMap<String, String> = Operation::ListTags;
    list_tagged(from: Option<String>) -> Page<TaggedResource> = Operation::GetResources;
    delete_function(name: &str) -> () = Operation::DeleteFunction;
}

/// Takes a second of virtual time for each answer, and calls something before each.
pub struct Slowly<'a>(pub Box<dyn Fn(Operation) + Sync + 'a>);

impl Hook for Slowly<'_> {
    async fn around<T: std::fmt::Debug + Send>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        (self.0)(operation);
        tokio::time::sleep(Duration::from_secs(1)).await;
        call.await
    }
}

/// A cloud that takes a second of virtual time for each answer.
pub fn slow(account: &OfflineAccount) -> Interposed<'_, Slowly<'_>> {
    slow_with(account, |_| ())
}

/// The same, which calls something before each answer.
pub fn slow_with<'a>(
    account: &'a OfflineAccount,
    before: impl Fn(Operation) + Sync + 'a,
) -> Interposed<'a, Slowly<'a>> {
    Interposed {
        account,
        hook: Slowly(Box::new(before)),
    }
}
