//! The operations of the AWS API that the program uses, and the names of their IAM actions.

use std::fmt;

use crate::model::{DatabaseKind, Direction, ResourceKind};

/// An operation of the AWS API that the program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Reads clusters.
    DescribeDbClusters,
    /// Reads instances.
    DescribeDbInstances,
    /// Reads proxies.
    DescribeDbProxies,
    /// Reads a proxy's targets and their health.
    DescribeDbProxyTargets,
    /// Reads the VPC of a subnet group.
    DescribeDbSubnetGroups,
    /// Reads a function's configuration.
    GetFunctionConfiguration,
    /// Reads the names of functions.
    ListFunctions,
    /// Reads security groups.
    DescribeSecurityGroups,
    /// Reads subnets.
    DescribeSubnets,
    /// Creates a security group.
    CreateSecurityGroup,
    /// Takes outbound rules out of a group.
    RevokeSecurityGroupEgress,
    /// Adds inbound rules to a group.
    AuthorizeSecurityGroupIngress,
    /// Adds outbound rules to a group.
    AuthorizeSecurityGroupEgress,
    /// Changes a cluster.
    ModifyDbCluster,
    /// Changes an instance.
    ModifyDbInstance,
    /// Changes a proxy.
    ModifyDbProxy,
    /// Registers a database with a proxy.
    RegisterDbProxyTargets,
    /// Changes a function's configuration.
    UpdateFunctionConfiguration,
    /// Reads what describes a secret, not what it holds.
    DescribeSecret,
    /// Reads whose a key is.
    DescribeKey,
    /// Reads a role and its trust.
    GetRole,
    /// Reads a role's own policy.
    GetRolePolicy,
    /// Reads who else may read a secret.
    GetResourcePolicy,
    /// Makes a secret.
    CreateSecret,
    /// Makes a role.
    CreateRole,
    /// Gives a role a policy of its own.
    PutRolePolicy,
    /// Gives a role a policy that exists.
    AttachRolePolicy,
    /// Makes a proxy.
    CreateDbProxy,
    /// Makes a function.
    CreateFunction,
    /// Reads an MSK cluster.
    DescribeClusterV2,
    /// Reads all MSK clusters.
    ListClustersV2,
    /// Reads event source mappings: those of a source, or all.
    ListEventSourceMappings,
    /// Reads an event source mapping.
    GetEventSourceMapping,
    /// Reads VPCs.
    DescribeVpcs,
    /// Reads the DNS attributes of a VPC.
    DescribeVpcAttribute,
    /// Reads the DNS servers of VPCs.
    DescribeDhcpOptions,
    /// Reads route tables.
    DescribeRouteTables,
    /// Reads network ACLs.
    DescribeNetworkAcls,
    /// Reads peering connections.
    DescribeVpcPeeringConnections,
    /// Reads internet gateways.
    DescribeInternetGateways,
    /// Reads egress-only internet gateways.
    DescribeEgressOnlyInternetGateways,
    /// Reads NAT gateways.
    DescribeNatGateways,
    /// Reads VPC endpoints.
    DescribeVpcEndpoints,
    /// Reads network interfaces.
    DescribeNetworkInterfaces,
    /// Reads the ranges of a prefix list.
    GetManagedPrefixListEntries,
    /// Reads which policies a role has been given.
    ListAttachedRolePolicies,
    /// Reads which policies of its own a role has.
    ListRolePolicies,
    /// Reads which version of a policy counts.
    GetPolicy,
    /// Reads what a policy says.
    GetPolicyVersion,
    /// Reads elastic IP addresses.
    DescribeAddresses,
    /// Makes a subnet.
    CreateSubnet,
    /// Makes an internet gateway.
    CreateInternetGateway,
    /// Attaches an internet gateway to a VPC.
    AttachInternetGateway,
    /// Allocates an elastic IP address.
    AllocateAddress,
    /// Makes a NAT gateway.
    CreateNatGateway,
    /// Makes a route table.
    CreateRouteTable,
    /// Adds a route to a table.
    CreateRoute,
    /// Leads a route elsewhere.
    ReplaceRoute,
    /// Gives a subnet a route table of its own.
    AssociateRouteTable,
    /// Gives a subnet another route table.
    ReplaceRouteTableAssociation,
    /// Makes a VPC endpoint.
    CreateVpcEndpoint,
    /// Changes a VPC endpoint.
    ModifyVpcEndpoint,
    /// Changes the options of a peering connection.
    ModifyVpcPeeringConnectionOptions,
    /// Tells a topic of changed verdicts.
    Publish,
    /// Tells an event bus of changed verdicts.
    PutEvents,
    /// Reads the tags of a proxy.
    ListTagsForResource,
    /// Reads which secrets there are.
    ListSecrets,
    /// Gives tags to security groups.
    CreateTags,
    /// Takes tags off security groups.
    DeleteTags,
    /// Takes inbound rules out of a group.
    RevokeSecurityGroupIngress,
    /// Deletes a security group.
    DeleteSecurityGroup,
    /// Deletes a proxy.
    DeleteDbProxy,
    /// Schedules a secret for deletion.
    DeleteSecret,
    /// Takes a policy of its own from a role.
    DeleteRolePolicy,
    /// Deletes a role.
    DeleteRole,
    /// Reads the tags of a function.
    ListTags,
    /// Reads which roles there are.
    ListRoles,
    /// Deletes a function.
    DeleteFunction,
    /// Takes a policy of IAM off a role.
    DetachRolePolicy,
    /// Reads which versions the aliases of a function lead to.
    ListAliases,
    /// Reads the endpoints of proxies.
    DescribeDbProxyEndpoints,
    /// Reads the capacity providers of Lambda.
    ListCapacityProviders,
    /// Reads the network connectors of Lambda.
    ListNetworkConnectors,
    /// Reads the versions of a network connector.
    ListNetworkConnectorVersions,
    /// Reads the subnets and groups of a network connector.
    GetNetworkConnector,
    /// Reads the versions of launch templates.
    DescribeLaunchTemplateVersions,
    /// Reads which peered VPCs have rules that name a group.
    DescribeSecurityGroupReferences,
    /// Reads what VPC Block Public Access stops.
    DescribeVpcBlockPublicAccessOptions,
    /// Reads what is excluded from VPC Block Public Access.
    DescribeVpcBlockPublicAccessExclusions,
    /// Reads a quota of the account.
    GetServiceQuota,
    /// Reads which services endpoints can be for.
    DescribeVpcEndpointServices,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 91] = [
        Self::DescribeDbClusters,
        Self::DescribeDbInstances,
        Self::DescribeDbProxies,
        Self::DescribeDbProxyTargets,
        Self::DescribeDbSubnetGroups,
        Self::GetFunctionConfiguration,
        Self::ListFunctions,
        Self::DescribeSecurityGroups,
        Self::DescribeSubnets,
        Self::CreateSecurityGroup,
        Self::RevokeSecurityGroupEgress,
        Self::AuthorizeSecurityGroupIngress,
        Self::AuthorizeSecurityGroupEgress,
        Self::ModifyDbCluster,
        Self::ModifyDbInstance,
        Self::ModifyDbProxy,
        Self::RegisterDbProxyTargets,
        Self::UpdateFunctionConfiguration,
        Self::DescribeSecret,
        Self::DescribeKey,
        Self::GetRole,
        Self::GetRolePolicy,
        Self::GetResourcePolicy,
        Self::CreateSecret,
        Self::CreateRole,
        Self::PutRolePolicy,
        Self::AttachRolePolicy,
        Self::CreateDbProxy,
        Self::CreateFunction,
        Self::DescribeClusterV2,
        Self::ListClustersV2,
        Self::ListEventSourceMappings,
        Self::GetEventSourceMapping,
        Self::DescribeVpcs,
        Self::DescribeVpcAttribute,
        Self::DescribeDhcpOptions,
        Self::DescribeRouteTables,
        Self::DescribeNetworkAcls,
        Self::DescribeVpcPeeringConnections,
        Self::DescribeInternetGateways,
        Self::DescribeEgressOnlyInternetGateways,
        Self::DescribeNatGateways,
        Self::DescribeVpcEndpoints,
        Self::DescribeNetworkInterfaces,
        Self::GetManagedPrefixListEntries,
        Self::ListAttachedRolePolicies,
        Self::ListRolePolicies,
        Self::GetPolicy,
        Self::GetPolicyVersion,
        Self::DescribeAddresses,
        Self::CreateSubnet,
        Self::CreateInternetGateway,
        Self::AttachInternetGateway,
        Self::AllocateAddress,
        Self::CreateNatGateway,
        Self::CreateRouteTable,
        Self::CreateRoute,
        Self::ReplaceRoute,
        Self::AssociateRouteTable,
        Self::ReplaceRouteTableAssociation,
        Self::CreateVpcEndpoint,
        Self::ModifyVpcEndpoint,
        Self::ModifyVpcPeeringConnectionOptions,
        Self::Publish,
        Self::PutEvents,
        Self::ListTagsForResource,
        Self::ListSecrets,
        Self::CreateTags,
        Self::DeleteTags,
        Self::RevokeSecurityGroupIngress,
        Self::DeleteSecurityGroup,
        Self::DeleteDbProxy,
        Self::DeleteSecret,
        Self::DeleteRolePolicy,
        Self::DeleteRole,
        Self::ListTags,
        Self::ListRoles,
        Self::DeleteFunction,
        Self::DetachRolePolicy,
        Self::ListAliases,
        Self::DescribeDbProxyEndpoints,
        Self::ListCapacityProviders,
        Self::ListNetworkConnectors,
        Self::ListNetworkConnectorVersions,
        Self::GetNetworkConnector,
        Self::DescribeLaunchTemplateVersions,
        Self::DescribeSecurityGroupReferences,
        Self::DescribeVpcBlockPublicAccessOptions,
        Self::DescribeVpcBlockPublicAccessExclusions,
        Self::GetServiceQuota,
        Self::DescribeVpcEndpointServices,
    ];

    /// The operation that adds a rule in this direction.
    #[must_use]
    pub fn authorizes(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::AuthorizeSecurityGroupIngress,
            Direction::Egress => Self::AuthorizeSecurityGroupEgress,
        }
    }

    /// The operation that lists the resources of a kind.
    #[must_use]
    pub fn lists(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Cluster => Self::DescribeDbClusters,
            ResourceKind::Instance => Self::DescribeDbInstances,
            ResourceKind::Proxy => Self::DescribeDbProxies,
            ResourceKind::Function => Self::ListFunctions,
        }
    }

    /// The operation that changes a database of this kind.
    #[must_use]
    pub fn modifies(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Cluster => Self::ModifyDbCluster,
            DatabaseKind::Instance => Self::ModifyDbInstance,
        }
    }

    /// The operation that takes rules of this direction out of a group.
    #[must_use]
    pub fn revokes(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::RevokeSecurityGroupIngress,
            Direction::Egress => Self::RevokeSecurityGroupEgress,
        }
    }

    /// The name of its IAM action, e.g. `rds:DescribeDBClusters`.
    #[must_use]
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::DescribeDbClusters => "rds:DescribeDBClusters",
            Self::DescribeDbInstances => "rds:DescribeDBInstances",
            Self::DescribeDbProxies => "rds:DescribeDBProxies",
            Self::DescribeDbProxyTargets => "rds:DescribeDBProxyTargets",
            Self::DescribeDbSubnetGroups => "rds:DescribeDBSubnetGroups",
            Self::GetFunctionConfiguration => "lambda:GetFunctionConfiguration",
            Self::ListFunctions => "lambda:ListFunctions",
            Self::DescribeSecurityGroups => "ec2:DescribeSecurityGroups",
            Self::DescribeSubnets => "ec2:DescribeSubnets",
            Self::CreateSecurityGroup => "ec2:CreateSecurityGroup",
            Self::RevokeSecurityGroupEgress => "ec2:RevokeSecurityGroupEgress",
            Self::AuthorizeSecurityGroupIngress => "ec2:AuthorizeSecurityGroupIngress",
            Self::AuthorizeSecurityGroupEgress => "ec2:AuthorizeSecurityGroupEgress",
            Self::ModifyDbCluster => "rds:ModifyDBCluster",
            Self::ModifyDbInstance => "rds:ModifyDBInstance",
            Self::ModifyDbProxy => "rds:ModifyDBProxy",
            Self::RegisterDbProxyTargets => "rds:RegisterDBProxyTargets",
            Self::UpdateFunctionConfiguration => "lambda:UpdateFunctionConfiguration",
            Self::DescribeSecret => "secretsmanager:DescribeSecret",
            Self::DescribeKey => "kms:DescribeKey",
            Self::GetRole => "iam:GetRole",
            Self::GetRolePolicy => "iam:GetRolePolicy",
            Self::GetResourcePolicy => "secretsmanager:GetResourcePolicy",
            Self::CreateSecret => "secretsmanager:CreateSecret",
            Self::CreateRole => "iam:CreateRole",
            Self::PutRolePolicy => "iam:PutRolePolicy",
            Self::AttachRolePolicy => "iam:AttachRolePolicy",
            Self::CreateDbProxy => "rds:CreateDBProxy",
            Self::CreateFunction => "lambda:CreateFunction",
            Self::DescribeClusterV2 => "kafka:DescribeClusterV2",
            Self::ListClustersV2 => "kafka:ListClustersV2",
            Self::ListEventSourceMappings => "lambda:ListEventSourceMappings",
            Self::GetEventSourceMapping => "lambda:GetEventSourceMapping",
            Self::Publish => "sns:Publish",
            Self::PutEvents => "events:PutEvents",
            Self::DescribeVpcs => "ec2:DescribeVpcs",
            Self::DescribeVpcAttribute => "ec2:DescribeVpcAttribute",
            Self::DescribeDhcpOptions => "ec2:DescribeDhcpOptions",
            Self::DescribeRouteTables => "ec2:DescribeRouteTables",
            Self::DescribeNetworkAcls => "ec2:DescribeNetworkAcls",
            Self::DescribeVpcPeeringConnections => "ec2:DescribeVpcPeeringConnections",
            Self::DescribeInternetGateways => "ec2:DescribeInternetGateways",
            Self::DescribeEgressOnlyInternetGateways => "ec2:DescribeEgressOnlyInternetGateways",
            Self::DescribeNatGateways => "ec2:DescribeNatGateways",
            Self::DescribeVpcEndpoints => "ec2:DescribeVpcEndpoints",
            Self::DescribeNetworkInterfaces => "ec2:DescribeNetworkInterfaces",
            Self::GetManagedPrefixListEntries => "ec2:GetManagedPrefixListEntries",
            Self::ListAttachedRolePolicies => "iam:ListAttachedRolePolicies",
            Self::ListRolePolicies => "iam:ListRolePolicies",
            Self::GetPolicy => "iam:GetPolicy",
            Self::GetPolicyVersion => "iam:GetPolicyVersion",
            Self::DescribeAddresses => "ec2:DescribeAddresses",
            Self::CreateSubnet => "ec2:CreateSubnet",
            Self::CreateInternetGateway => "ec2:CreateInternetGateway",
            Self::AttachInternetGateway => "ec2:AttachInternetGateway",
            Self::AllocateAddress => "ec2:AllocateAddress",
            Self::CreateNatGateway => "ec2:CreateNatGateway",
            Self::CreateRouteTable => "ec2:CreateRouteTable",
            Self::CreateRoute => "ec2:CreateRoute",
            Self::ReplaceRoute => "ec2:ReplaceRoute",
            Self::AssociateRouteTable => "ec2:AssociateRouteTable",
            Self::ReplaceRouteTableAssociation => "ec2:ReplaceRouteTableAssociation",
            Self::CreateVpcEndpoint => "ec2:CreateVpcEndpoint",
            Self::ModifyVpcEndpoint => "ec2:ModifyVpcEndpoint",
            Self::ModifyVpcPeeringConnectionOptions => "ec2:ModifyVpcPeeringConnectionOptions",
            Self::ListTagsForResource => "rds:ListTagsForResource",
            Self::ListSecrets => "secretsmanager:ListSecrets",
            Self::CreateTags => "ec2:CreateTags",
            Self::DeleteTags => "ec2:DeleteTags",
            Self::RevokeSecurityGroupIngress => "ec2:RevokeSecurityGroupIngress",
            Self::DeleteSecurityGroup => "ec2:DeleteSecurityGroup",
            Self::DeleteDbProxy => "rds:DeleteDBProxy",
            Self::DeleteSecret => "secretsmanager:DeleteSecret",
            Self::DeleteRolePolicy => "iam:DeleteRolePolicy",
            Self::DeleteRole => "iam:DeleteRole",
            Self::ListTags => "lambda:ListTags",
            Self::ListRoles => "iam:ListRoles",
            Self::DeleteFunction => "lambda:DeleteFunction",
            Self::DetachRolePolicy => "iam:DetachRolePolicy",
            Self::ListAliases => "lambda:ListAliases",
            Self::DescribeDbProxyEndpoints => "rds:DescribeDBProxyEndpoints",
            Self::ListCapacityProviders => "lambda:ListCapacityProviders",
            Self::ListNetworkConnectors => "lambda:ListNetworkConnectors",
            Self::ListNetworkConnectorVersions => "lambda:ListNetworkConnectorVersions",
            Self::GetNetworkConnector => "lambda:GetNetworkConnector",
            Self::DescribeLaunchTemplateVersions => "ec2:DescribeLaunchTemplateVersions",
            Self::DescribeSecurityGroupReferences => "ec2:DescribeSecurityGroupReferences",
            Self::DescribeVpcBlockPublicAccessOptions => "ec2:DescribeVpcBlockPublicAccessOptions",
            Self::DescribeVpcBlockPublicAccessExclusions => "ec2:DescribeVpcBlockPublicAccessExclusions",
            Self::GetServiceQuota => "servicequotas:GetServiceQuota",
            Self::DescribeVpcEndpointServices => "ec2:DescribeVpcEndpointServices",
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn writes(self) -> bool {
        match self {
            Self::DescribeDbClusters
            | Self::DescribeDbInstances
            | Self::DescribeDbProxies
            | Self::DescribeDbProxyTargets
            | Self::DescribeDbSubnetGroups
            | Self::GetFunctionConfiguration
            | Self::ListFunctions
            | Self::DescribeSecurityGroups
            | Self::DescribeSubnets
            | Self::DescribeSecret
            | Self::DescribeKey
            | Self::GetRole
            | Self::GetRolePolicy
            | Self::GetResourcePolicy
            | Self::DescribeClusterV2
            | Self::ListClustersV2
            | Self::ListEventSourceMappings
            | Self::GetEventSourceMapping
            | Self::DescribeVpcs
            | Self::DescribeVpcAttribute
            | Self::DescribeDhcpOptions
            | Self::DescribeRouteTables
            | Self::DescribeNetworkAcls
            | Self::DescribeVpcPeeringConnections
            | Self::DescribeInternetGateways
            | Self::DescribeEgressOnlyInternetGateways
            | Self::DescribeNatGateways
            | Self::DescribeVpcEndpoints
            | Self::DescribeNetworkInterfaces
            | Self::GetManagedPrefixListEntries
            | Self::ListAttachedRolePolicies
            | Self::ListRolePolicies
            | Self::GetPolicy
            | Self::GetPolicyVersion
            | Self::DescribeAddresses
            | Self::ListTagsForResource
            | Self::ListTags
            | Self::ListAliases
            | Self::DescribeDbProxyEndpoints
            | Self::ListCapacityProviders
            | Self::ListNetworkConnectors
            | Self::ListNetworkConnectorVersions
            | Self::GetNetworkConnector
            | Self::DescribeLaunchTemplateVersions
            | Self::DescribeSecurityGroupReferences
            | Self::DescribeVpcBlockPublicAccessOptions
            | Self::DescribeVpcBlockPublicAccessExclusions
            | Self::GetServiceQuota
            | Self::DescribeVpcEndpointServices
            | Self::ListRoles
            | Self::ListSecrets => false,
            Self::CreateSecurityGroup
            | Self::RevokeSecurityGroupEgress
            | Self::AuthorizeSecurityGroupIngress
            | Self::AuthorizeSecurityGroupEgress
            | Self::ModifyDbCluster
            | Self::ModifyDbInstance
            | Self::ModifyDbProxy
            | Self::RegisterDbProxyTargets
            | Self::UpdateFunctionConfiguration
            | Self::CreateSecret
            | Self::CreateRole
            | Self::PutRolePolicy
            | Self::AttachRolePolicy
            | Self::CreateDbProxy
            | Self::CreateFunction
            | Self::CreateSubnet
            | Self::CreateInternetGateway
            | Self::AttachInternetGateway
            | Self::AllocateAddress
            | Self::CreateNatGateway
            | Self::CreateRouteTable
            | Self::CreateRoute
            | Self::ReplaceRoute
            | Self::AssociateRouteTable
            | Self::ReplaceRouteTableAssociation
            | Self::CreateVpcEndpoint
            | Self::ModifyVpcEndpoint
            | Self::ModifyVpcPeeringConnectionOptions
            | Self::Publish
            | Self::PutEvents
            | Self::CreateTags
            | Self::DeleteTags
            | Self::RevokeSecurityGroupIngress
            | Self::DeleteSecurityGroup
            | Self::DeleteDbProxy
            | Self::DeleteSecret
            | Self::DeleteRolePolicy
            | Self::DeleteFunction
            | Self::DetachRolePolicy
            | Self::DeleteRole => true,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iam_action())
    }
}
