//! Why a way to the internet cannot be built, as errors: what is not ours to change, with the command that changes it.

use thiserror::Error;

use crate::endpoint::NameTaken;
use crate::escape::word;
use crate::model::{RouteTableId, SubnetId, VpcId};

/// A requirement of `internet setup` that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InternetUnmet {
    /// Something that is never changed stops the traffic.
    #[error("the new resources would not work: {}", .findings.join("; "))]
    Blocked {
        /// What stops it.
        findings: Vec<String>,
        /// The commands that let it pass.
        remedies: Vec<String>,
    },
    /// VPC Block Public Access stops what is there or would be built.
    #[error("{what} does not lead to the internet: {why}")]
    PublicAccess {
        /// What, such as a NAT gateway.
        what: String,
        /// Which setting stops it.
        why: String,
        /// The command that excludes its place, where exclusions are allowed.
        remedy: Option<String>,
    },
    /// The function is in public subnets, whose route tables others may use.
    #[error("{function} is in {}, public because of the route 0.0.0.0/0 to an internet gateway, on which other resources may depend", .subnets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    PublicSubnets {
        /// The function, as text.
        function: String,
        /// The subnets.
        subnets: Vec<SubnetId>,
        /// The commands that move it.
        remedies: Vec<String>,
    },
    /// The default route leads to something that cannot be judged.
    #[error(
        "0.0.0.0/0 of {table}, the route table of {subnet}, leads to {target}: left unchanged, since it may be intentional"
    )]
    LeadsElsewhere {
        /// The subnet.
        subnet: SubnetId,
        /// Its route table.
        table: RouteTableId,
        /// Where it leads.
        target: String,
    },
    /// Something that is not ours has to be fixed first.
    #[error("{what}")]
    NotOurs {
        /// What, and what is wrong with it.
        what: String,
        /// What fixes it: commands, each a line.
        remedies: Vec<String>,
    },
    /// A group that is not ours has the name of the one that is to be created.
    #[error(transparent)]
    NameTaken(#[from] NameTaken),
    /// A route table with routes that cannot be copied into one of the function's own.
    #[error("{table} is the route table of other subnets too, and {} cannot be copied into one of the function's own", .routes.join(", "))]
    RoutesNotCopied {
        /// The table.
        table: RouteTableId,
        /// The routes.
        routes: Vec<String>,
    },
    /// The VPC has no free range.
    #[error("{vpc} has no free /{prefix} for a subnet")]
    NoRoom {
        /// The VPC.
        vpc: VpcId,
        /// The length that was looked for.
        prefix: u8,
    },
    /// A part of the network could not be read.
    #[error("refusing to build without reading {what} of the VPC: {why}")]
    Unreadable {
        /// Which part.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl InternetUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blocked { .. } => "internet-blocked",
            Self::PublicAccess { .. } => "public-access-blocked",
            Self::PublicSubnets { .. } => "public-subnet",
            Self::LeadsElsewhere { .. } => "route-elsewhere",
            Self::NotOurs { .. } => "not-ours-to-mend",
            Self::NameTaken(_) => "name-taken",
            Self::RoutesNotCopied { .. } => "routes-not-copied",
            Self::NoRoom { .. } => "no-free-range",
            Self::Unreadable { .. } => "network-unreadable",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Blocked { remedies, .. } => match remedies.as_slice() {
                [] => "`internet check` says what is in the way".to_owned(),
                remedies => format!("fix it, then run again:\n  {}", remedies.join("\n  ")),
            },
            Self::PublicAccess { remedy, .. } => {
                let endpoints = "reach AWS services through endpoints, which it does not block (`internet setup --service`, `msk setup --via endpoints`)";
                match remedy {
                    Some(remedy) => format!("{endpoints}; or create an exclusion, then run again: {remedy}"),
                    None => endpoints.to_owned(),
                }
            }
            Self::PublicSubnets { remedies, .. } => {
                format!(
                    "move the function to private subnets, then run again:\n  {}",
                    remedies.join("\n  ")
                )
            }
            Self::LeadsElsewhere { table, .. } => format!(
                "see whether it leads to the internet; if nothing needs it, delete it with `aws ec2 delete-route --route-table-id {} --destination-cidr-block 0.0.0.0/0`, then run again",
                word(table)
            ),
            Self::NotOurs { remedies, .. } if remedies.is_empty() => {
                "see whether it leads to the internet, with `autoconnect internet check`; if it does, nothing has to be built".to_owned()
            }
            Self::NotOurs { remedies, .. } => format!("fix it, then run again:\n  {}", remedies.join("\n  ")),
            Self::NameTaken(taken) => taken.hint(),
            Self::RoutesNotCopied { table, .. } => format!(
                "associate the function's subnets with a table of their own that has these routes; or, where the other subnets of {table} may reach the internet too, add the route to it with `aws ec2 create-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id NAT_GATEWAY`, then run again",
                word(table)
            ),
            Self::NoRoom { vpc, .. } => {
                format!(
                    "give it another range, in place of CIDR, with `aws ec2 associate-vpc-cidr-block --vpc-id {} --cidr-block CIDR`, then run again",
                    word(vpc)
                )
            }
            Self::Unreadable { .. } => "allow the caller the action that AWS names, then run again".to_owned(),
        }
    }
}
