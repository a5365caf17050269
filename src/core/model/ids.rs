//! Identifiers as newtypes, and the list of groups that can only grow.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// The id of a security group, `sg-…`.
    GroupId
);
id!(
    /// The id of a VPC, `vpc-…`.
    VpcId
);
id!(
    /// The id of a subnet, `subnet-…`.
    SubnetId
);

id!(
    /// The id of a route table, `rtb-…`.
    RouteTableId
);
id!(
    /// The id of a network ACL, `acl-…`.
    NetworkAclId
);
id!(
    /// The id of a VPC peering connection, `pcx-…`.
    PeeringId
);
id!(
    /// The id of an internet gateway, `igw-…`, or of an egress-only one, `eigw-…`.
    InternetGatewayId
);
id!(
    /// The id of a NAT gateway, `nat-…`.
    NatGatewayId
);
id!(
    /// The id of a VPC endpoint, `vpce-…`.
    EndpointId
);
id!(
    /// The id of a prefix list, `pl-…`.
    PrefixListId
);
id!(
    /// The id of a network interface, `eni-…`.
    InterfaceId
);

/// The security groups of one resource, in the order in which they were read.
///
/// AWS replaces such lists whole. This type starts from what was read and can only grow, so that no
/// list can be sent which lacks a group that was there (docs/decision.md, "The order of writes").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupList(Vec<GroupId>);

impl GroupList {
    /// The list as a resource has it now.
    pub fn as_read(groups: impl IntoIterator<Item = GroupId>) -> Self {
        Self(groups.into_iter().collect())
    }

    /// The same list with `group` at its end, unless it is there already.
    pub fn with(mut self, group: GroupId) -> Self {
        if !self.contains(&group) {
            self.0.push(group);
        }
        self
    }

    /// Whether `group` is in the list.
    pub fn contains(&self, group: &GroupId) -> bool {
        self.0.contains(group)
    }

    /// The groups in the order read, then those added.
    pub fn iter(&self) -> impl Iterator<Item = &GroupId> {
        self.0.iter()
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the resource has no group at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
