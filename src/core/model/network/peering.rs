//! VPC peering connections.

use ipnet::IpNet;

use crate::model::{PeeringId, VpcId};

/// A peering connection between two VPCs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peering {
    /// Its id.
    pub id: PeeringId,
    /// `Status.Code`: `active`, `pending-acceptance`, `expired`, …
    pub status: String,
    /// Who asked for it.
    pub requester: PeeringSide,
    /// Who accepted it, or is to.
    pub accepter: PeeringSide,
}

/// A VPC's side of a peering connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringSide {
    /// The VPC.
    pub vpc: VpcId,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its Region.
    pub region: Option<String>,
    /// Its ranges, if EC2 reports them: it does once the connection is active.
    pub cidrs: Vec<IpNet>,
    /// `AllowDnsResolutionFromRemoteVpc`: whether the other VPC's resolver gives this one's private addresses.
    pub resolves_for_peer: Option<bool>,
}

impl Peering {
    /// Whether traffic can pass.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Whether its state is one that this program does not know: then it is not known whether traffic can pass.
    pub fn is_doubtful(&self) -> bool {
        const INACTIVE: [&str; 8] = [
            "initiating-request",
            "pending-acceptance",
            "provisioning",
            "rejected",
            "expired",
            "failed",
            "deleting",
            "deleted",
        ];
        !self.is_active() && !INACTIVE.contains(&self.status.as_str())
    }

    /// That its state is one that this program does not know, in words.
    pub fn doubt(&self) -> String {
        format!(
            "peering connection {} has the state {:?}, which this version does not know",
            self.id, self.status
        )
    }

    /// Whether it is between these two.
    pub fn connects(&self, a: &VpcId, b: &VpcId) -> bool {
        let ends = (&self.requester.vpc, &self.accepter.vpc);
        ends == (a, b) || ends == (b, a)
    }

    /// Whether both VPCs are in one Region, so that a rule of the one may name a group of the other.
    pub fn is_within_region(&self) -> bool {
        self.requester.region == self.accepter.region
    }

    /// This VPC's side.
    pub fn side(&self, vpc: &VpcId) -> Option<&PeeringSide> {
        [&self.requester, &self.accepter]
            .into_iter()
            .find(|side| side.vpc == *vpc)
    }

    /// The VPC at the other end, seen from this one.
    pub fn other(&self, vpc: &VpcId) -> Option<&PeeringSide> {
        self.side(vpc)?;
        [&self.requester, &self.accepter]
            .into_iter()
            .find(|side| side.vpc != *vpc)
    }
}
