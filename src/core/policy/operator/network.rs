//! What steps that make or change a network are checked on.

use super::{Run, when};
use crate::model::{GroupId, RouteTableId, SubnetId, VpcId};
use crate::plan::network::{EndpointPlan, EndpointWish};
use crate::plan::{NetworkEffect, Ref};

impl Run<'_> {
    /// Adds what one action of such a step is checked on.
    pub(super) fn permit_network(&mut self, action: &'static str, effect: &NetworkEffect) {
        let operation = effect.operation();
        match (action, effect) {
            ("route53:AssociateVPCWithHostedZone", NetworkEffect::CreateEndpoint(endpoint)) => {
                self.on_private_dns(action, &endpoint.vpc);
            }
            (_, NetworkEffect::CreateSubnet { vpc, .. }) => self.on_made(action, operation, "subnet", Some(vpc)),
            (_, NetworkEffect::CreateInternetGateway { .. }) => {
                self.on_made(action, operation, "internet-gateway", None);
            }
            (_, NetworkEffect::AllocateAddress { .. }) => self.on_made(action, operation, "elastic-ip", None),
            (_, NetworkEffect::CreateRouteTable { vpc, .. }) => {
                self.on_made(action, operation, "route-table", Some(vpc));
            }
            (_, NetworkEffect::CreateNatGateway { subnet, address, .. }) => {
                self.on_made(action, operation, "natgateway", None);
                if action == operation.iam_action() {
                    self.on_ref(action, "subnet", subnet);
                    self.on_ref(action, "elastic-ip", address);
                }
            }
            (_, NetworkEffect::CreateEndpoint(endpoint)) => {
                self.on_made(action, operation, "vpc-endpoint", Some(&endpoint.vpc));
                if action == operation.iam_action() {
                    let EndpointPlan {
                        subnets,
                        groups,
                        route_tables,
                        ..
                    } = endpoint.as_ref();
                    self.on_parts(action, subnets, groups, route_tables);
                }
            }
            (_, NetworkEffect::ModifyEndpoint { endpoint, wish }) => {
                let EndpointWish {
                    add_subnets,
                    add_groups,
                    add_route_tables,
                    ..
                } = wish;
                self.on(action, [self.ec2("vpc-endpoint", endpoint.as_str())]);
                self.on_parts(action, add_subnets, add_groups, add_route_tables);
            }
            (_, NetworkEffect::AttachInternetGateway { gateway, vpc }) => {
                self.on_ref(action, "internet-gateway", gateway);
                self.on(action, [self.ec2("vpc", vpc.as_str())]);
            }
            (_, NetworkEffect::CreateRoute { table, .. } | NetworkEffect::ReplaceRoute { table, .. }) => {
                self.on_ref(action, "route-table", table);
            }
            (_, NetworkEffect::AssociateRouteTable { table, subnet }) => {
                self.on_ref(action, "route-table", table);
                self.on_ref(action, "subnet", subnet);
            }
            (_, NetworkEffect::ReplaceAssociation { table, subnet, .. }) => {
                self.on_ref(action, "route-table", table);
                self.on(action, [self.ec2("subnet", subnet.as_str())]);
            }
            (_, NetworkEffect::AllowPeeringDns { peering, .. }) => {
                self.on(action, [self.ec2("vpc-peering-connection", peering.as_str())]);
            }
        }
    }

    /// What an endpoint is in, or is used by.
    fn on_parts(
        &mut self,
        action: &'static str,
        subnets: &[SubnetId],
        groups: &[Ref<GroupId>],
        tables: &[Ref<RouteTableId>],
    ) {
        let subnets: Vec<String> = subnets.iter().map(|id| self.ec2("subnet", id.as_str())).collect();
        self.on(action, subnets);
        for group in groups {
            self.on_ref(action, "security-group", group);
        }
        for table in tables {
            self.on_ref(action, "route-table", table);
        }
    }

    /// AWS associates a zone of its own with the VPC, whose id nobody else knows.
    fn on_private_dns(&mut self, action: &'static str, vpc: &VpcId) {
        let place = self.subject.place;
        let only = format!("VPCId={vpc},VPCRegion={}", place.region);
        let zones = format!("arn:{}:route53:::hostedzone/*", place.partition);
        self.on_when(
            when("ForAllValues:StringEquals", "route53:VPCs", &only),
            action,
            [zones],
        );
    }
}
