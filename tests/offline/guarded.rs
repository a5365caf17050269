//! An account that refuses what a policy does not allow: what AWS checks for each operation, by the service authorization
//! reference, written down independently of what the program asks for.

use std::collections::BTreeMap;

use autoconnect::account::OfflineAccount;
use autoconnect::cloud::*;
use autoconnect::model::*;
use autoconnect::policy::{Context, PolicyDocument, Request, Verdict, evaluate};

/// An account whose caller has one policy.
pub struct Guarded<'a> {
    pub account: &'a OfflineAccount,
    pub policy: PolicyDocument,
}

/// One question to IAM.
struct Ask {
    action: &'static str,
    resource: String,
    context: Context,
}

fn ask(action: &'static str, resource: impl Into<String>) -> Ask {
    Ask {
        action,
        resource: resource.into(),
        context: Context::complete(),
    }
}

impl Ask {
    fn with(mut self, key: &str, value: &str) -> Self {
        self.context = self.context.with(key, [value]);
        self
    }

    /// With the tags that are to be given to something, or that it has.
    fn tagged(mut self, key: &str, tags: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in tags {
            self.context = self.context.with(&format!("aws:{key}/{name}"), [value]);
        }
        self
    }
}

impl Guarded<'_> {
    fn on_groups(&self, action: &'static str, groups: &[GroupId]) -> Vec<Ask> {
        groups.iter().map(|id| self.group(action, id)).collect()
    }

    /// A tag of groups that is given or taken.
    fn tag(&self, action: &'static str, groups: &[GroupId], key: &str) -> Vec<Ask> {
        let asks = self.on_groups(action, groups).into_iter();
        asks.map(|ask| ask.with("aws:TagKeys", key)).collect()
    }

    /// Something of EC2 that exists, with the tags that it has.
    fn on(&self, action: &'static str, kind: &str, id: &(impl ToString + ?Sized)) -> Ask {
        let id = id.to_string();
        let lists = [
            ("SecurityGroups", "GroupId"),
            ("Subnets", "SubnetId"),
            ("InternetGateways", "InternetGatewayId"),
            ("Addresses", "AllocationId"),
            ("NatGateways", "NatGatewayId"),
            ("RouteTables", "RouteTableId"),
            ("VpcEndpoints", "VpcEndpointId"),
        ];
        let document = serde_json::to_value(self.account.document()).unwrap();
        let mut tags = Vec::new();
        for (list, key) in lists {
            let mut entries = document[list].as_array().into_iter().flatten();
            let found = entries.find(|entry| entry[key] == id.as_str());
            for tag in found.and_then(|found| found["Tags"].as_array()).into_iter().flatten() {
                let text = |key: &str| tag[key].as_str().unwrap().to_owned();
                tags.push((text("Key"), text("Value")));
            }
        }
        ask(action, self.arn("ec2", &format!("{kind}/{id}"))).tagged("ResourceTag", tags)
    }

    /// Something of EC2 that is made with tags.
    fn made(&self, operation: Operation, kind: &str, tags: &Tags) -> Vec<Ask> {
        let all = self.arn("ec2", &format!("{kind}/*"));
        let action = operation.iam_action();
        vec![
            ask(action, &all).tagged("RequestTag", tags.clone()),
            ask("ec2:CreateTags", &all)
                .with("ec2:CreateAction", action.strip_prefix("ec2:").unwrap())
                .tagged("RequestTag", tags.clone()),
        ]
    }

    fn parts(
        &self,
        action: &'static str,
        subnets: &[SubnetId],
        groups: &[GroupId],
        tables: &[RouteTableId],
    ) -> Vec<Ask> {
        let subnets = subnets.iter().map(|id| self.on(action, "subnet", id));
        let groups = groups.iter().map(|id| self.on(action, "security-group", id));
        let tables = tables.iter().map(|id| self.on(action, "route-table", id));
        subnets.chain(groups).chain(tables).collect()
    }

    /// With private DNS for an interface endpoint, which takes a zone of AWS's own.
    fn create_endpoint(&self, new: &NewEndpoint) -> Vec<Ask> {
        const ACTION: &str = "ec2:CreateVpcEndpoint";
        let mut asks = self.made(Operation::CreateVpcEndpoint, "vpc-endpoint", &new.tags);
        asks.push(self.on(ACTION, "vpc", &new.vpc));
        asks.extend(self.parts(ACTION, &new.subnets, &new.groups, &new.route_tables));
        if new.kind == network::EndpointKind::Interface {
            let vpc = format!("VPCId={},VPCRegion={}", new.vpc, self.account.place().1);
            let zone = ask(
                "route53:AssociateVPCWithHostedZone",
                "arn:aws:route53:::hostedzone/Z0A1B2C3",
            );
            asks.push(zone.with("route53:VPCs", &vpc));
        }
        asks
    }

    fn subnet_of(&self, association: &str) -> String {
        let document = serde_json::to_value(self.account.document()).unwrap();
        let tables = document["RouteTables"].as_array().unwrap().iter();
        let mut associations = tables.flat_map(|table| table["Associations"].as_array().into_iter().flatten());
        let found = associations.find(|found| found["RouteTableAssociationId"] == association);
        found.unwrap()["SubnetId"].as_str().unwrap().to_owned()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let document = self.account.document();
        Place::in_region(&document.region, &document.account_id).arn(service, resource)
    }

    fn role(&self, name: &str) -> String {
        let document = self.account.document();
        Place::in_region(&document.region, &document.account_id).role(name)
    }

    /// What Lambda reads of EC2 on the caller's behalf.
    fn of_lambda(&self, subnets: &[SubnetId]) -> Vec<Ask> {
        let document = self.account.document();
        let mut found = document.subnets.iter();
        let vpc = found.find(|subnet| subnets.iter().any(|id| id.as_str() == subnet.subnet_id));
        let vpc = vpc.map_or("", |subnet| &subnet.vpc_id);
        vec![
            ask("ec2:DescribeSecurityGroups", "*"),
            ask("ec2:DescribeSubnets", "*"),
            ask("ec2:DescribeVpcs", "*"),
            ask("ec2:GetSecurityGroupsForVpc", self.arn("ec2", &format!("vpc/{vpc}"))),
        ]
    }

    fn function(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{}", last_segment(name)))
    }

    fn proxy(&self, name: &str) -> String {
        let proxies = self.account.document().db_proxies;
        let exists = proxies.iter().any(|proxy| proxy.name == name);
        let id = if exists { format!("prx-{name}") } else { "*".to_owned() };
        self.arn("rds", &format!("db-proxy:{id}"))
    }

    fn database(&self, kind: DatabaseKind, id: &str) -> String {
        let kind = match kind {
            DatabaseKind::Cluster => "cluster",
            DatabaseKind::Instance => "db",
        };
        self.arn("rds", &format!("{kind}:{id}"))
    }

    fn target_group(&self) -> String {
        self.arn("rds", "target-group:prx-tg-0a1b2c")
    }

    /// By its ARN; by the name alone where there is none of it.
    fn secret(&self, id: &str) -> String {
        let secrets = self.account.document().secrets;
        let exists = secrets.iter().any(|secret| secret.name == id);
        match id {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            name if exists => self.arn("secretsmanager", &format!("secret:{name}-Ac1De2")),
            name => self.arn("secretsmanager", &format!("secret:{name}")),
        }
    }

    fn key(&self, id: &str) -> String {
        let keys = self.account.document().kms_keys;
        let is_alias =
            |key: &&autoconnect::account::KmsKeyEntry| key.aliases.iter().any(|alias| id.ends_with(alias.as_str()));
        let id = keys.iter().find(is_alias).map_or(last_segment(id), |key| &key.key_id);
        self.arn("kms", &format!("key/{id}"))
    }

    fn group(&self, action: &'static str, id: &GroupId) -> Ask {
        let groups = self.account.document().security_groups;
        let found = groups.iter().find(|group| group.group_id == id.as_str());
        let tags = found.map(|group| group.tags.clone()).unwrap_or_default();
        let vpc = found.map(|group| group.vpc_id.clone()).unwrap_or_default();
        ask(action, self.arn("ec2", &format!("security-group/{id}")))
            .with("ec2:Vpc", &self.arn("ec2", &format!("vpc/{vpc}")))
            .tagged("ResourceTag", tags.into_iter().map(|tag| (tag.key, tag.value)))
    }

    /// A role with its tags.
    fn tagged_role(&self, action: &'static str, name: &str) -> Ask {
        let roles = self.account.document().roles;
        let role = roles.into_iter().find(|role| role.role_name == name);
        let tags = role.into_iter().flat_map(|role| role.tags);
        ask(action, self.role(name)).tagged("ResourceTag", tags.map(|tag| (tag.key, tag.value)))
    }

    fn create_group(&self, new: &NewSecurityGroup) -> Vec<Ask> {
        let groups = self.arn("ec2", "security-group/*");
        vec![
            ask("ec2:CreateSecurityGroup", &groups).tagged("RequestTag", new.tags.clone()),
            ask("ec2:CreateSecurityGroup", self.arn("ec2", &format!("vpc/{}", new.vpc))),
            ask("ec2:CreateTags", &groups)
                .with("ec2:CreateAction", "CreateSecurityGroup")
                .tagged("RequestTag", new.tags.clone()),
        ]
    }

    fn pass(role: &str, service: &str) -> Ask {
        ask("iam:PassRole", role).with("iam:PassedToService", service)
    }

    fn create_proxy(&self, new: &NewDbProxy) -> Vec<Ask> {
        vec![
            ask("rds:CreateDBProxy", "*").tagged("RequestTag", new.tags.clone()),
            ask("rds:AddTagsToResource", self.arn("rds", "db-proxy:prx-0a1b2c")).tagged("RequestTag", new.tags.clone()),
            Self::pass(&new.role, "rds.amazonaws.com"),
        ]
    }

    fn create_function(&self, new: &NewLambda) -> Vec<Ask> {
        let mut asks = vec![
            ask("lambda:CreateFunction", self.function(&new.name)).tagged("RequestTag", new.tags.clone()),
            ask("lambda:TagResource", self.function(&new.name)).tagged("RequestTag", new.tags.clone()),
            Self::pass(&new.role, "lambda.amazonaws.com"),
        ];
        asks.extend(self.of_lambda(&new.subnets));
        asks
    }

    fn update_function(&self, name: &str, change: FunctionChange<'_>) -> Vec<Ask> {
        let mut asks = vec![ask("lambda:UpdateFunctionConfiguration", self.function(name))];
        if let FunctionChange::Vpc(vpc, _) = change {
            asks.extend(self.of_lambda(&vpc.subnets));
        }
        asks
    }

    fn check(&self, operation: Operation, asks: Vec<Ask>) -> Answer<()> {
        let refused = asks.into_iter().find(|ask| {
            let request = Request {
                action: ask.action,
                resource: &ask.resource,
                context: &ask.context,
            };
            evaluate([&self.policy], request) != Verdict::Allowed
        });
        match refused {
            None => Ok(()),
            Some(Ask { action, resource, .. }) => {
                let fault = Fault::AccessDenied {
                    message: format!("not authorized to perform {action} on {resource}"),
                    action: action.to_owned(),
                    resource: Some(resource),
                };
                Err(CloudError::new(operation, fault))
            }
        }
    }
}

macro_rules! guard {
    ($trait:ident { $($own:item)* } $($this:ident.$name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $operation:expr, $asks:expr;)*) => {
        #[async_trait::async_trait]
        impl $trait for Guarded<'_> {
            $(async fn $name(&self, $($argument: $kind),*) -> Answer<$answer> {
                let $this = self;
                $this.check($operation, $asks.into())?;
                $this.account.$name($($argument),*).await
            })*

            $($own)*
        }
    };
}

/// Lists, and the operations of EC2 that read except for two, know no resources.
fn describe(operation: Operation) -> [Ask; 1] {
    [ask(operation.iam_action(), "*")]
}

guard! {
    NetworkCloud {}
    this.describe_vpcs(ids: &[VpcId]) -> Vec<network::Vpc> = Operation::DescribeVpcs, describe(Operation::DescribeVpcs);
    this.describe_vpc_dns(id: &VpcId) -> network::VpcDns = Operation::DescribeVpcAttribute,
        [ask("ec2:DescribeVpcAttribute", this.arn("ec2", &format!("vpc/{id}")))];
    this.describe_dhcp_options(ids: &[String]) -> BTreeMap<String, network::Resolver> = Operation::DescribeDhcpOptions,
        describe(Operation::DescribeDhcpOptions);
    this.describe_route_tables(vpcs: &[VpcId]) -> Vec<network::RouteTable> = Operation::DescribeRouteTables,
        describe(Operation::DescribeRouteTables);
    this.describe_network_acls(vpcs: &[VpcId]) -> Vec<network::NetworkAcl> = Operation::DescribeNetworkAcls,
        describe(Operation::DescribeNetworkAcls);
    this.describe_peerings(vpcs: &[VpcId]) -> Vec<network::Peering> = Operation::DescribeVpcPeeringConnections,
        describe(Operation::DescribeVpcPeeringConnections);
    this.describe_security_groups(which: GroupFilter<'_>, from: Option<String>) -> Page<SecurityGroup> =
        Operation::DescribeSecurityGroups, describe(Operation::DescribeSecurityGroups);
    this.describe_security_group_rules(groups: &[GroupId], from: Option<String>) -> Page<DescribedRule> =
        Operation::DescribeSecurityGroupRules, describe(Operation::DescribeSecurityGroupRules);
    this.describe_subnets(which: SubnetFilter<'_>, from: Option<String>) -> Page<DescribedSubnet> = Operation::DescribeSubnets,
        describe(Operation::DescribeSubnets);
    this.describe_internet_gateways(which: GatewayFilter<'_>) -> Vec<network::InternetGateway> =
        Operation::DescribeInternetGateways, describe(Operation::DescribeInternetGateways);
    this.describe_egress_only_gateways(vpcs: &[VpcId]) -> Vec<network::EgressOnlyGateway> =
        Operation::DescribeEgressOnlyInternetGateways, describe(Operation::DescribeEgressOnlyInternetGateways);
    this.describe_nat_gateways(vpcs: &[VpcId]) -> Vec<network::NatGateway> = Operation::DescribeNatGateways,
        describe(Operation::DescribeNatGateways);
    this.describe_public_access() -> network::PublicAccess = Operation::DescribeVpcBlockPublicAccessOptions,
        describe(Operation::DescribeVpcBlockPublicAccessOptions);
    this.describe_public_access_exclusions() -> Vec<network::Exclusion> =
        Operation::DescribeVpcBlockPublicAccessExclusions, describe(Operation::DescribeVpcBlockPublicAccessExclusions);
    this.describe_vpc_endpoints(vpcs: &[VpcId]) -> Vec<network::Endpoint> = Operation::DescribeVpcEndpoints,
        describe(Operation::DescribeVpcEndpoints);
    this.describe_endpoint_services() -> Vec<network::EndpointService> = Operation::DescribeVpcEndpointServices,
        describe(Operation::DescribeVpcEndpointServices);
    this.describe_network_interfaces(which: InterfaceFilter<'_>) -> Vec<DescribedInterface> =
        Operation::DescribeNetworkInterfaces, describe(Operation::DescribeNetworkInterfaces);
    this.prefix_list_entries(id: &PrefixListId) -> Vec<ipnet::IpNet> = Operation::GetManagedPrefixListEntries,
        [ask("ec2:GetManagedPrefixListEntries", this.arn("ec2", &format!("prefix-list/{id}")))];
    this.describe_tagged_addresses(key: &str, value: &str) -> Vec<network::Address> = Operation::DescribeAddresses,
        describe(Operation::DescribeAddresses);
    this.create_subnet(new: &NewSubnet) -> SubnetId = Operation::CreateSubnet, {
        let mut asks = this.made(Operation::CreateSubnet, "subnet", &new.tags);
        asks.push(this.on("ec2:CreateSubnet", "vpc", &new.vpc));
        asks
    };
    this.create_internet_gateway(tags: &Tags) -> InternetGatewayId = Operation::CreateInternetGateway,
        this.made(Operation::CreateInternetGateway, "internet-gateway", tags);
    this.attach_internet_gateway(gateway: &InternetGatewayId, vpc: &VpcId) -> () = Operation::AttachInternetGateway, [
        this.on("ec2:AttachInternetGateway", "internet-gateway", gateway),
        this.on("ec2:AttachInternetGateway", "vpc", vpc),
    ];
    this.allocate_address(tags: &Tags) -> String = Operation::AllocateAddress,
        this.made(Operation::AllocateAddress, "elastic-ip", tags);
    this.create_nat_gateway(subnet: &SubnetId, allocation: &str, tags: &Tags) -> NatGatewayId = Operation::CreateNatGateway, {
        let mut asks = this.made(Operation::CreateNatGateway, "natgateway", tags);
        asks.push(this.on("ec2:CreateNatGateway", "subnet", subnet));
        asks.push(this.on("ec2:CreateNatGateway", "elastic-ip", allocation));
        asks
    };
    this.create_route_table(vpc: &VpcId, tags: &Tags) -> RouteTableId = Operation::CreateRouteTable, {
        let mut asks = this.made(Operation::CreateRouteTable, "route-table", tags);
        asks.push(this.on("ec2:CreateRouteTable", "vpc", vpc));
        asks
    };
    this.create_route(table: &RouteTableId, destination: ipnet::IpNet, target: &network::RouteTarget) -> () = Operation::CreateRoute,
        [this.on("ec2:CreateRoute", "route-table", table)];
    this.replace_route(table: &RouteTableId, destination: ipnet::IpNet, target: &network::RouteTarget) -> () = Operation::ReplaceRoute,
        [this.on("ec2:ReplaceRoute", "route-table", table)];
    this.associate_route_table(table: &RouteTableId, subnet: &SubnetId) -> () = Operation::AssociateRouteTable, [
        this.on("ec2:AssociateRouteTable", "route-table", table),
        this.on("ec2:AssociateRouteTable", "subnet", subnet),
    ];
    this.replace_route_table_association(association: &str, table: &RouteTableId) -> () = Operation::ReplaceRouteTableAssociation, [
        this.on("ec2:ReplaceRouteTableAssociation", "route-table", table),
        this.on("ec2:ReplaceRouteTableAssociation", "subnet", &this.subnet_of(association)),
    ];
    this.create_vpc_endpoint(new: &NewEndpoint) -> EndpointId = Operation::CreateVpcEndpoint, this.create_endpoint(new);
    this.modify_vpc_endpoint(id: &EndpointId, change: &EndpointChange) -> () = Operation::ModifyVpcEndpoint, {
        let EndpointChange { add_subnets, add_groups, add_route_tables, .. } = change;
        let mut asks = this.parts("ec2:ModifyVpcEndpoint", add_subnets, add_groups, add_route_tables);
        asks.push(this.on("ec2:ModifyVpcEndpoint", "vpc-endpoint", id));
        asks
    };
    this.allow_peering_dns(id: &PeeringId, requester: bool, accepter: bool) -> () = Operation::ModifyVpcPeeringConnectionOptions,
        [this.on("ec2:ModifyVpcPeeringConnectionOptions", "vpc-peering-connection", id)];
    this.create_security_group(new: &NewSecurityGroup) -> GroupId = Operation::CreateSecurityGroup, this.create_group(new);
    this.revoke_security_group(group: &GroupId, direction: Direction, rules: &[Rule]) -> () = Operation::revokes(direction),
        [this.group(Operation::revokes(direction).iam_action(), group)];
    this.authorize_security_group(group: &GroupId, direction: Direction, rule: &Rule) -> () = Operation::authorizes(direction),
        [this.group(match direction {
            Direction::Ingress => "ec2:AuthorizeSecurityGroupIngress",
            Direction::Egress => "ec2:AuthorizeSecurityGroupEgress",
        }, group)];
    this.tag_groups(groups: &[GroupId], key: &str, value: &str) -> () = Operation::CreateTags,
        this.tag("ec2:CreateTags", groups, key);
    this.untag_groups(groups: &[GroupId], key: &str) -> () = Operation::DeleteTags,
        this.tag("ec2:DeleteTags", groups, key);
    this.delete_group(group: &GroupId) -> () = Operation::DeleteSecurityGroup,
        this.on_groups("ec2:DeleteSecurityGroup", std::slice::from_ref(group));
}

guard! {
    IdentityCloud {}
    this.list_attached_role_policies(role: &str) -> Vec<String> = Operation::ListAttachedRolePolicies,
        [ask("iam:ListAttachedRolePolicies", this.role(role))];
    this.list_role_policies(role: &str) -> Vec<String> = Operation::ListRolePolicies,
        [ask("iam:ListRolePolicies", this.role(role))];
    this.get_policy(arn: &str) -> String = Operation::GetPolicy, [ask("iam:GetPolicy", arn)];
    this.get_policy_version(arn: &str, version: &str) -> String = Operation::GetPolicyVersion,
        [ask("iam:GetPolicyVersion", arn)];
    this.get_role(name: &str) -> RoleDescription = Operation::GetRole, [ask("iam:GetRole", this.role(name))];
    this.get_role_policy(role: &str, policy: &str) -> String = Operation::GetRolePolicy,
        [ask("iam:GetRolePolicy", this.role(role))];
    this.create_role(new: &NewRole) -> String = Operation::CreateRole,
        ["iam:CreateRole", "iam:TagRole"].map(|action| ask(action, this.role(&new.name)));
    this.put_role_policy(role: &str, policy: &str, document: &str) -> () = Operation::PutRolePolicy,
        [this.tagged_role("iam:PutRolePolicy", role)];
    this.attach_role_policy(role: &str, policy: &str) -> () = Operation::AttachRolePolicy,
        [ask("iam:AttachRolePolicy", this.role(role)).with("iam:PolicyARN", policy)];
    this.list_roles(prefix: &str) -> Vec<String> = Operation::ListRoles, describe(Operation::ListRoles);
    this.detach_role_policy(role: &str, policy: &str) -> () = Operation::DetachRolePolicy,
        [ask("iam:DetachRolePolicy", this.role(role)).with("iam:PolicyARN", policy)];
    this.delete_role_policy(role: &str, policy: &str) -> () = Operation::DeleteRolePolicy,
        [ask("iam:DeleteRolePolicy", this.role(role))];
    this.delete_role(name: &str) -> () = Operation::DeleteRole, [ask("iam:DeleteRole", this.role(name))];
}

guard! {
    UsersCloud {}
    this.list_aliases(function: &str) -> Vec<FunctionAlias> = Operation::ListAliases,
        [ask("lambda:ListAliases", this.function(function))];
    this.list_proxy_endpoints() -> Vec<ProxyEndpoint> = Operation::DescribeDbProxyEndpoints,
        ["db-proxy:prx-p", "db-proxy-endpoint:prx-endpoint-e"].map(|on| ask("rds:DescribeDBProxyEndpoints", this.arn("rds", on)));
    this.list_capacity_providers() -> Vec<CapacityProvider> = Operation::ListCapacityProviders,
        describe(Operation::ListCapacityProviders);
    this.list_network_connectors() -> Vec<String> = Operation::ListNetworkConnectors,
        describe(Operation::ListNetworkConnectors);
    this.list_network_connector_versions(connector: &str) -> Vec<String> = Operation::ListNetworkConnectorVersions,
        [ask("lambda:ListNetworkConnectorVersions", connector)];
    this.get_network_connector(version: &str) -> NetworkConnector = Operation::GetNetworkConnector,
        [ask("lambda:GetNetworkConnector", version)];
    this.describe_launch_template_versions(template: Option<&str>) -> Vec<LaunchTemplateVersion> =
        Operation::DescribeLaunchTemplateVersions, describe(Operation::DescribeLaunchTemplateVersions);
    this.describe_group_references(groups: &[GroupId]) -> Vec<GroupReference> =
        Operation::DescribeSecurityGroupReferences, describe(Operation::DescribeSecurityGroupReferences);
}

guard! {
    MskCloud {}
    this.describe_msk_cluster(arn: &str) -> MskCluster = Operation::DescribeClusterV2, [ask("kafka:DescribeClusterV2", arn)];
    this.list_msk_clusters(from: Option<String>) -> Page<MskCluster> = Operation::ListClustersV2,
        describe(Operation::ListClustersV2);
    this.list_event_source_mappings(source: Option<&str>, from: Option<String>) ->
        Page<EventSourceMapping> = Operation::ListEventSourceMappings, describe(Operation::ListEventSourceMappings);
    this.get_event_source_mapping(uuid: &str) -> EventSourceMapping = Operation::GetEventSourceMapping,
        [ask("lambda:GetEventSourceMapping", this.arn("lambda", &format!("event-source-mapping:{uuid}")))];
}

guard! {
    Cloud {
        fn home(&self) -> Origin {
            self.account.home()
        }

        fn calls(&self) -> ApiCalls {
            self.account.calls()
        }

        fn pace(&self) -> Pace {
            self.account.pace()
        }
    }
    this.describe_db_clusters(id: Option<&str>, from: Option<String>) -> Page<DbCluster> = Operation::DescribeDbClusters,
        [ask("rds:DescribeDBClusters", this.database(DatabaseKind::Cluster, id.unwrap_or("c")))];
    this.describe_db_instances(which: InstanceFilter<'_>, from: Option<String>) -> Page<DbInstance> =
        Operation::DescribeDbInstances, [ask("rds:DescribeDBInstances", this.database(DatabaseKind::Instance, match which {
            InstanceFilter::All => "d",
            InstanceFilter::Id(id) => id,
            InstanceFilter::OfCluster(_) => "*",
        }))];
    this.describe_db_proxies(name: Option<&str>, from: Option<String>) -> Page<DbProxy> = Operation::DescribeDbProxies,
        [ask("rds:DescribeDBProxies", match name {
            Some(name) => this.proxy(name),
            None => this.arn("rds", "db-proxy:prx-p"),
        })];
    this.describe_db_proxy_targets(proxy: &str) -> Vec<ProxyTarget> = Operation::DescribeDbProxyTargets,
        [ask("rds:DescribeDBProxyTargets", this.proxy(proxy)), ask("rds:DescribeDBProxyTargets", this.target_group())];
    this.describe_db_proxy_target_group(proxy: &str) -> ProxyTargetGroup = Operation::DescribeDbProxyTargetGroups, [
        ask("rds:DescribeDBProxyTargetGroups", this.proxy(proxy)),
        ask("rds:DescribeDBProxyTargetGroups", this.target_group()),
    ];
    this.describe_db_subnet_groups(name: Option<&str>, from: Option<String>) -> Page<DbSubnetGroup> =
        Operation::DescribeDbSubnetGroups,
        [ask("rds:DescribeDBSubnetGroups", this.arn("rds", &format!("subgrp:{}", name.unwrap_or("g"))))];
    this.get_function_configuration(name: &str) -> Function = Operation::GetFunctionConfiguration,
        [ask("lambda:GetFunctionConfiguration", this.function(name))];
    this.describe_secret(id: &str) -> SecretDescription = Operation::DescribeSecret,
        [ask("secretsmanager:DescribeSecret", this.secret(id))];
    this.get_secret_policy(id: &str) -> Option<String> = Operation::GetResourcePolicy,
        [ask("secretsmanager:GetResourcePolicy", this.secret(id))];
    this.groups_per_interface() -> usize = Operation::GetServiceQuota, describe(Operation::GetServiceQuota);
    this.describe_key(id: &str) -> KeyDescription = Operation::DescribeKey, [ask("kms:DescribeKey", this.key(id))];
    this.list_functions(versions: Versions, from: Option<String>) -> Page<ListedFunction> = Operation::ListFunctions,
        describe(Operation::ListFunctions);
    this.modify_database(kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> () = Operation::modifies(kind),
        [ask(Operation::modifies(kind).iam_action(), this.database(kind, id))];
    this.modify_db_proxy(name: &str, groups: NewGroups<'_>) -> () = Operation::ModifyDbProxy,
        [ask("rds:ModifyDBProxy", this.proxy(name))];
    this.register_db_proxy_targets(proxy: &str, kind: DatabaseKind, database: &str) -> () = Operation::RegisterDbProxyTargets,
        [this.target_group(), this.proxy(proxy), this.database(kind, database)].map(|on| ask("rds:RegisterDBProxyTargets", on));
    this.update_function_configuration(name: &str, change: FunctionChange<'_>, revision: Option<&str>) -> () =
        Operation::UpdateFunctionConfiguration, this.update_function(name, change);
    this.create_secret(new: &NewSecret) -> String = Operation::CreateSecret,
        ["secretsmanager:CreateSecret", "secretsmanager:TagResource"].map(|action| ask(action, this.secret(&new.name)));
    this.create_db_proxy(new: &NewDbProxy) -> String = Operation::CreateDbProxy, this.create_proxy(new);
    this.create_function(new: &NewLambda) -> String = Operation::CreateFunction, this.create_function(new);
    this.list_rds_tags(arn: &str) -> BTreeMap<String, String> = Operation::ListTagsForResource,
        [ask("rds:ListTagsForResource", arn)];
    this.delete_db_proxy(name: &str) -> () = Operation::DeleteDbProxy,
        [ask("rds:DeleteDBProxy", this.arn("rds", &format!("db-proxy:prx-{name}")))];
    this.delete_secret(id: &str) -> () = Operation::DeleteSecret, [ask("secretsmanager:DeleteSecret", id)];
    this.list_secrets(prefix: &str) -> Vec<SecretDescription> = Operation::ListSecrets, describe(Operation::ListSecrets);
    this.list_function_tags(arn: &str) -> BTreeMap<String, String> = Operation::ListTags, [ask("lambda:ListTags", arn)];
    this.list_tagged(from: Option<String>) -> Page<TaggedResource> = Operation::GetResources, describe(Operation::GetResources);
    this.delete_function(name: &str) -> () = Operation::DeleteFunction, [ask("lambda:DeleteFunction", this.function(name))];
}
