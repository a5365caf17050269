//! The operations of the AWS API that the program uses: one row for each.

use std::fmt;

use crate::model::{DatabaseKind, Direction, ResourceKind};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $access:ident $action:literal,)*) => {
        /// An operation of the AWS API that the program uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its IAM action, e.g. `rds:DescribeDBClusters`, and whether it writes.
            const fn row(self) -> (&'static str, bool) {
                match self {
                    $(Self::$name => ($action, operations!($access)),)*
                }
            }
        }
    };
    (read) => { false };
    (write) => { true };
}

// Source: the service authorization reference.
operations! {
    /// Reads clusters.
    DescribeDbClusters = read "rds:DescribeDBClusters",
    /// Reads instances.
    DescribeDbInstances = read "rds:DescribeDBInstances",
    /// Reads proxies.
    DescribeDbProxies = read "rds:DescribeDBProxies",
    /// Reads a proxy's targets and their health.
    DescribeDbProxyTargets = read "rds:DescribeDBProxyTargets",
    /// Reads how a proxy keeps connections to its database.
    DescribeDbProxyTargetGroups = read "rds:DescribeDBProxyTargetGroups",
    /// Reads the VPC of a subnet group.
    DescribeDbSubnetGroups = read "rds:DescribeDBSubnetGroups",
    /// Reads a function's configuration.
    GetFunctionConfiguration = read "lambda:GetFunctionConfiguration",
    /// Reads the names of functions.
    ListFunctions = read "lambda:ListFunctions",
    /// Reads security groups.
    DescribeSecurityGroups = read "ec2:DescribeSecurityGroups",
    /// Reads the rules of security groups one by one, with their ids.
    DescribeSecurityGroupRules = read "ec2:DescribeSecurityGroupRules",
    /// Reads subnets.
    DescribeSubnets = read "ec2:DescribeSubnets",
    /// Creates a security group.
    CreateSecurityGroup = write "ec2:CreateSecurityGroup",
    /// Takes outbound rules out of a group.
    RevokeSecurityGroupEgress = write "ec2:RevokeSecurityGroupEgress",
    /// Adds inbound rules to a group.
    AuthorizeSecurityGroupIngress = write "ec2:AuthorizeSecurityGroupIngress",
    /// Adds outbound rules to a group.
    AuthorizeSecurityGroupEgress = write "ec2:AuthorizeSecurityGroupEgress",
    /// Changes a cluster.
    ModifyDbCluster = write "rds:ModifyDBCluster",
    /// Changes an instance.
    ModifyDbInstance = write "rds:ModifyDBInstance",
    /// Changes a proxy.
    ModifyDbProxy = write "rds:ModifyDBProxy",
    /// Registers a database with a proxy.
    RegisterDbProxyTargets = write "rds:RegisterDBProxyTargets",
    /// Changes a function's configuration.
    UpdateFunctionConfiguration = write "lambda:UpdateFunctionConfiguration",
    /// Reads what describes a secret, not what it holds.
    DescribeSecret = read "secretsmanager:DescribeSecret",
    /// Reads whose a key is.
    DescribeKey = read "kms:DescribeKey",
    /// Reads a role and its trust.
    GetRole = read "iam:GetRole",
    /// Reads a role's own policy.
    GetRolePolicy = read "iam:GetRolePolicy",
    /// Reads who else may read a secret.
    GetResourcePolicy = read "secretsmanager:GetResourcePolicy",
    /// Makes a secret.
    CreateSecret = write "secretsmanager:CreateSecret",
    /// Makes a role.
    CreateRole = write "iam:CreateRole",
    /// Gives a role a policy of its own.
    PutRolePolicy = write "iam:PutRolePolicy",
    /// Gives a role a policy that exists.
    AttachRolePolicy = write "iam:AttachRolePolicy",
    /// Makes a proxy.
    CreateDbProxy = write "rds:CreateDBProxy",
    /// Makes a function.
    CreateFunction = write "lambda:CreateFunction",
    /// Reads an MSK cluster.
    DescribeClusterV2 = read "kafka:DescribeClusterV2",
    /// Reads all MSK clusters.
    ListClustersV2 = read "kafka:ListClustersV2",
    /// Reads event source mappings: those of a source, or all.
    ListEventSourceMappings = read "lambda:ListEventSourceMappings",
    /// Reads an event source mapping.
    GetEventSourceMapping = read "lambda:GetEventSourceMapping",
    /// Reads VPCs.
    DescribeVpcs = read "ec2:DescribeVpcs",
    /// Reads the DNS attributes of a VPC.
    DescribeVpcAttribute = read "ec2:DescribeVpcAttribute",
    /// Reads the DNS servers of VPCs.
    DescribeDhcpOptions = read "ec2:DescribeDhcpOptions",
    /// Reads route tables.
    DescribeRouteTables = read "ec2:DescribeRouteTables",
    /// Reads network ACLs.
    DescribeNetworkAcls = read "ec2:DescribeNetworkAcls",
    /// Reads peering connections.
    DescribeVpcPeeringConnections = read "ec2:DescribeVpcPeeringConnections",
    /// Reads internet gateways.
    DescribeInternetGateways = read "ec2:DescribeInternetGateways",
    /// Reads egress-only internet gateways.
    DescribeEgressOnlyInternetGateways = read "ec2:DescribeEgressOnlyInternetGateways",
    /// Reads NAT gateways.
    DescribeNatGateways = read "ec2:DescribeNatGateways",
    /// Reads VPC endpoints.
    DescribeVpcEndpoints = read "ec2:DescribeVpcEndpoints",
    /// Reads network interfaces.
    DescribeNetworkInterfaces = read "ec2:DescribeNetworkInterfaces",
    /// Reads the ranges of a prefix list.
    GetManagedPrefixListEntries = read "ec2:GetManagedPrefixListEntries",
    /// Reads which policies a role has been given.
    ListAttachedRolePolicies = read "iam:ListAttachedRolePolicies",
    /// Reads which policies of its own a role has.
    ListRolePolicies = read "iam:ListRolePolicies",
    /// Reads which version of a policy counts.
    GetPolicy = read "iam:GetPolicy",
    /// Reads what a policy says.
    GetPolicyVersion = read "iam:GetPolicyVersion",
    /// Reads elastic IP addresses.
    DescribeAddresses = read "ec2:DescribeAddresses",
    /// Makes a subnet.
    CreateSubnet = write "ec2:CreateSubnet",
    /// Makes an internet gateway.
    CreateInternetGateway = write "ec2:CreateInternetGateway",
    /// Attaches an internet gateway to a VPC.
    AttachInternetGateway = write "ec2:AttachInternetGateway",
    /// Allocates an elastic IP address.
    AllocateAddress = write "ec2:AllocateAddress",
    /// Makes a NAT gateway.
    CreateNatGateway = write "ec2:CreateNatGateway",
    /// Makes a route table.
    CreateRouteTable = write "ec2:CreateRouteTable",
    /// Adds a route to a table.
    CreateRoute = write "ec2:CreateRoute",
    /// Leads a route elsewhere.
    ReplaceRoute = write "ec2:ReplaceRoute",
    /// Gives a subnet a route table of its own.
    AssociateRouteTable = write "ec2:AssociateRouteTable",
    /// Gives a subnet another route table.
    ReplaceRouteTableAssociation = write "ec2:ReplaceRouteTableAssociation",
    /// Makes a VPC endpoint.
    CreateVpcEndpoint = write "ec2:CreateVpcEndpoint",
    /// Changes a VPC endpoint.
    ModifyVpcEndpoint = write "ec2:ModifyVpcEndpoint",
    /// Changes the options of a peering connection.
    ModifyVpcPeeringConnectionOptions = write "ec2:ModifyVpcPeeringConnectionOptions",
    /// Tells a topic of changed verdicts.
    Publish = write "sns:Publish",
    /// Tells an event bus of changed verdicts.
    PutEvents = write "events:PutEvents",
    /// Reads an object.
    GetObject = read "s3:GetObject",
    /// Reads the tags of a proxy.
    ListTagsForResource = read "rds:ListTagsForResource",
    /// Reads which secrets there are.
    ListSecrets = read "secretsmanager:ListSecrets",
    /// Gives tags to security groups.
    CreateTags = write "ec2:CreateTags",
    /// Takes tags off security groups.
    DeleteTags = write "ec2:DeleteTags",
    /// Takes inbound rules out of a group.
    RevokeSecurityGroupIngress = write "ec2:RevokeSecurityGroupIngress",
    /// Deletes a security group.
    DeleteSecurityGroup = write "ec2:DeleteSecurityGroup",
    /// Deletes a proxy.
    DeleteDbProxy = write "rds:DeleteDBProxy",
    /// Schedules a secret for deletion.
    DeleteSecret = write "secretsmanager:DeleteSecret",
    /// Takes a policy of its own from a role.
    DeleteRolePolicy = write "iam:DeleteRolePolicy",
    /// Deletes a role.
    DeleteRole = write "iam:DeleteRole",
    /// Reads the tags of a function.
    ListTags = read "lambda:ListTags",
    /// Reads the tags of all functions and proxies.
    GetResources = read "tag:GetResources",
    /// Reads which roles there are.
    ListRoles = read "iam:ListRoles",
    /// Deletes a function.
    DeleteFunction = write "lambda:DeleteFunction",
    /// Takes a policy of IAM off a role.
    DetachRolePolicy = write "iam:DetachRolePolicy",
    /// Reads which versions the aliases of a function lead to.
    ListAliases = read "lambda:ListAliases",
    /// Reads the endpoints of proxies.
    DescribeDbProxyEndpoints = read "rds:DescribeDBProxyEndpoints",
    /// Reads the capacity providers of Lambda.
    ListCapacityProviders = read "lambda:ListCapacityProviders",
    /// Reads the network connectors of Lambda.
    ListNetworkConnectors = read "lambda:ListNetworkConnectors",
    /// Reads the versions of a network connector.
    ListNetworkConnectorVersions = read "lambda:ListNetworkConnectorVersions",
    /// Reads the subnets and groups of a network connector.
    GetNetworkConnector = read "lambda:GetNetworkConnector",
    /// Reads the versions of launch templates.
    DescribeLaunchTemplateVersions = read "ec2:DescribeLaunchTemplateVersions",
    /// Reads which peered VPCs have rules that name a group.
    DescribeSecurityGroupReferences = read "ec2:DescribeSecurityGroupReferences",
    /// Reads what VPC Block Public Access stops.
    DescribeVpcBlockPublicAccessOptions = read "ec2:DescribeVpcBlockPublicAccessOptions",
    /// Reads what is excluded from VPC Block Public Access.
    DescribeVpcBlockPublicAccessExclusions = read "ec2:DescribeVpcBlockPublicAccessExclusions",
    /// Reads a quota of the account.
    GetServiceQuota = read "servicequotas:GetServiceQuota",
    /// Reads which services endpoints can be for.
    DescribeVpcEndpointServices = read "ec2:DescribeVpcEndpointServices",
}

impl Operation {
    /// The name of its IAM action, e.g. `rds:DescribeDBClusters`.
    pub fn iam_action(self) -> &'static str {
        self.row().0
    }

    /// Whether it changes anything.
    pub fn writes(self) -> bool {
        self.row().1
    }

    /// The operation that adds a rule in this direction.
    pub fn authorizes(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::AuthorizeSecurityGroupIngress,
            Direction::Egress => Self::AuthorizeSecurityGroupEgress,
        }
    }

    /// The operation that lists the resources of a kind.
    pub fn lists(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Cluster => Self::DescribeDbClusters,
            ResourceKind::Instance => Self::DescribeDbInstances,
            ResourceKind::Proxy => Self::DescribeDbProxies,
            ResourceKind::Function => Self::ListFunctions,
        }
    }

    /// The operation that changes a database of this kind.
    pub fn modifies(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Cluster => Self::ModifyDbCluster,
            DatabaseKind::Instance => Self::ModifyDbInstance,
        }
    }

    /// The operation that takes rules of this direction out of a group.
    pub fn revokes(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::RevokeSecurityGroupIngress,
            Direction::Egress => Self::RevokeSecurityGroupEgress,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iam_action())
    }
}
