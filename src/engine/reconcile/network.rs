//! Carries out the steps that make or change a network.
//!
//! Resources are created with the tags of the plan: if a response is lost, they are found by these, and nothing is
//! created twice. What is already in the wanted state is no error; what was just created may not be found immediately.

use super::apply::{Bindings, Ended, STALE_READS, Settle};
use super::error::RunError;
use super::session::{Session, failed};
use crate::cloud::{Answer, CloudError, EndpointChange, GatewayFilter, NewEndpoint, NewSubnet, Tags, derived};
use ipnet::IpNet;

use crate::model::network::{EndpointKind, NatGateway, RouteTarget};
use crate::model::{EndpointId, InternetGatewayId, PeeringId, RouteTableId, SubnetId, VpcId};
use crate::ownership::has_tags_of;
use crate::plan::network::{EndpointPlan, EndpointWish, NetworkEffect, Via};
use crate::plan::{Step, StepStatus};
use crate::tags;
use crate::wait::Pauses;

/// Where something that was made can be found again by its tags.
enum Place<'a> {
    Subnet(&'a VpcId),
    InternetGateway,
    Address,
    Nat(&'a VpcId),
    RouteTable(&'a VpcId),
    Endpoint(&'a VpcId),
}

impl Session<'_> {
    /// Carries out one step of a network's plan.
    pub(super) async fn network(
        &self,
        step: &Step,
        effect: &NetworkEffect,
        bindings: &Bindings,
        settle: Settle,
    ) -> Result<Ended, RunError> {
        let made = self.make(step, effect, bindings).await?;
        if let Some(id) = made {
            self.await_made(step, effect, &id, settle).await?;
            return Ok(done(&id));
        }
        self.adjust(step, effect, bindings).await?;
        Ok(done(&step.resource))
    }

    /// Makes what the step makes, and gives its id; none for a step that makes nothing.
    async fn make(&self, step: &Step, effect: &NetworkEffect, bindings: &Bindings) -> Result<Option<String>, RunError> {
        let cloud = self.cloud;
        let made = match effect {
            NetworkEffect::CreateSubnet {
                vpc, cidr, zone, tags, ..
            } => {
                let new = NewSubnet {
                    vpc: vpc.clone(),
                    cidr: *cidr,
                    zone: zone.clone(),
                    tags: tags.clone(),
                };
                let call = || async { Ok(cloud.create_subnet(&new).await?.to_string()) };
                self.once(step, tags, &Place::Subnet(vpc), call).await?
            }
            NetworkEffect::CreateInternetGateway { tags, .. } => {
                let call = || async { Ok(cloud.create_internet_gateway(tags).await?.to_string()) };
                self.once(step, tags, &Place::InternetGateway, call).await?
            }
            NetworkEffect::AllocateAddress { tags, .. } => {
                let call = || cloud.allocate_address(tags);
                self.once(step, tags, &Place::Address, call).await?
            }
            NetworkEffect::CreateNatGateway {
                vpc,
                subnet,
                address,
                tags,
                ..
            } => {
                let (subnet, address) = (bindings.resolve(subnet)?, bindings.resolve(address)?);
                let call = || async { Ok(cloud.create_nat_gateway(&subnet, &address, tags).await?.to_string()) };
                self.once(step, tags, &Place::Nat(vpc), call).await?
            }
            NetworkEffect::CreateRouteTable { vpc, tags, .. } => {
                let call = || async { Ok(cloud.create_route_table(vpc, tags).await?.to_string()) };
                self.once(step, tags, &Place::RouteTable(vpc), call).await?
            }
            NetworkEffect::CreateEndpoint(plan) => {
                let new = new_endpoint(plan, bindings)?;
                let call = || async { Ok(cloud.create_vpc_endpoint(&new).await?.to_string()) };
                self.once(step, &plan.tags, &Place::Endpoint(&plan.vpc), call).await?
            }
            _ => return Ok(None),
        };
        Ok(Some(made))
    }

    /// Makes something; where the answer is lost, what has its tags is treated as it.
    async fn once<F>(
        &self,
        step: &Step,
        tags: &Tags,
        place: &Place<'_>,
        call: impl Fn() -> F,
    ) -> Result<String, RunError>
    where
        F: Future<Output = Answer<String>>,
    {
        let mut pauses = self.consistency_pauses();
        let mut throttled = self.pauses();
        loop {
            match self.write(step, &step.resource, call()).await? {
                Ok(id) => {
                    self.name_last_applied(&id);
                    return Ok(id);
                }
                // It was not carried out, so that sending it again makes nothing twice.
                Err(error) if error.is_throttled() => self.wait_out(step, &mut throttled, error).await?,
                // What it needs was made a moment ago.
                Err(error) if error.is_not_found() => {
                    self.pause(
                        &mut pauses,
                        "the resources that were created before to be found",
                        &error.fault.to_string(),
                    )
                    .await?;
                }
                // The range of a subnet is taken: perhaps by an attempt of ours whose answer was lost, before the SDK tried again.
                Err(error) if error.may_have_applied() || error.is_duplicate() => {
                    let mut looks = 0;
                    let found = loop {
                        let found = self.read(&step.summary, self.tagged(place, tags)).await?;
                        match found.map_err(|error| failed(step, error))? {
                            None if looks < STALE_READS => {
                                looks += 1;
                                self.pause(
                                    &mut pauses,
                                    "a resource that may have been created to be found",
                                    "not found",
                                )
                                .await?;
                            }
                            found => break found,
                        }
                    };
                    return match found {
                        Some(id) => {
                            self.note_applied(step, &id);
                            Ok(id)
                        }
                        None => Err(failed(step, error)),
                    };
                }
                Err(error) => return Err(failed(step, error)),
            }
        }
    }

    /// Waits until AWS takes more requests. At the deadline AWS's own message is more helpful than a timeout.
    async fn wait_out(&self, step: &Step, pauses: &mut Pauses, error: CloudError) -> Result<(), RunError> {
        let state = error.fault.to_string();
        match self.pause(pauses, "AWS to accept more requests", &state).await {
            Err(RunError::TimedOut { .. }) => Err(failed(step, error)),
            ended => ended,
        }
    }

    /// The id of what has these tags, if there is such.
    async fn tagged(&self, place: &Place<'_>, wanted: &Tags) -> Answer<Option<String>> {
        let cloud = self.cloud;
        let is_it = |found: &Tags| has_tags_of(found, wanted);
        let connection = wanted.get(tags::CONNECTION).map(String::as_str).unwrap_or_default();
        Ok(match place {
            Place::Subnet(vpc) => {
                let all = derived::subnets_of(cloud, std::slice::from_ref(*vpc)).await?;
                all.into_iter()
                    .find(|found| is_it(&found.tags))
                    .map(|found| found.id.to_string())
            }
            Place::InternetGateway => {
                let all = cloud
                    .describe_internet_gateways(GatewayFilter::Tagged(tags::CONNECTION, connection))
                    .await?;
                all.into_iter()
                    .find(|found| is_it(&found.tags))
                    .map(|found| found.id.to_string())
            }
            Place::Address => {
                let all = cloud.describe_tagged_addresses(tags::CONNECTION, connection).await?;
                all.into_iter()
                    .find(|found| is_it(&found.tags))
                    .map(|found| found.allocation)
            }
            Place::Nat(vpc) => {
                let all = cloud.describe_nat_gateways(std::slice::from_ref(*vpc)).await?;
                let mut live = all.into_iter().filter(|nat| !is_gone(nat));
                live.find(|found| is_it(&found.tags)).map(|found| found.id.to_string())
            }
            Place::RouteTable(vpc) => {
                let all = cloud.describe_route_tables(std::slice::from_ref(*vpc)).await?;
                all.into_iter()
                    .find(|found| is_it(&found.tags))
                    .map(|found| found.id.to_string())
            }
            Place::Endpoint(vpc) => {
                let all = cloud.describe_vpc_endpoints(std::slice::from_ref(*vpc)).await?;
                all.into_iter()
                    .find(|found| is_it(&found.tags))
                    .map(|found| found.id.to_string())
            }
        })
    }

    /// Waits until what was made can be used.
    async fn await_made(&self, step: &Step, effect: &NetworkEffect, id: &str, settle: Settle) -> Result<(), RunError> {
        let mut pauses = self.pauses();
        loop {
            let state = match effect {
                NetworkEffect::CreateNatGateway { vpc, .. } => {
                    let all = self.cloud.describe_nat_gateways(std::slice::from_ref(vpc));
                    let all = self.read(&step.summary, all).await?;
                    let nat = look(step, all, |nat: &NatGateway| nat.id.as_str() == id)?;
                    if let Some(nat) = nat.as_ref().filter(|nat| is_gone(nat)) {
                        let reason = nat.failure.clone().unwrap_or_else(|| format!("it is {}", nat.state));
                        let resource = format!("NAT gateway {id}");
                        return Err(RunError::NotTaken { resource, reason });
                    }
                    nat.map(|nat| nat.state)
                }
                // A route that leads to it waits for it; nothing waits for an endpoint.
                NetworkEffect::CreateEndpoint(plan) if settle == Settle::Wait => {
                    let all = self.cloud.describe_vpc_endpoints(std::slice::from_ref(&plan.vpc));
                    let all = self.read(&step.summary, all).await?;
                    look(step, all, |found: &crate::model::network::Endpoint| {
                        found.id.as_str() == id
                    })?
                    .map(|found| found.state)
                }
                NetworkEffect::CreateSubnet { vpc, .. } => {
                    let all = derived::subnets_of(self.cloud, std::slice::from_ref(vpc));
                    let all = self.read(&step.summary, all).await?;
                    look(step, all, |found: &crate::model::network::Subnet| {
                        found.id.as_str() == id
                    })?
                    .map(|_| "available".to_owned())
                }
                _ => return Ok(()),
            };
            if state.as_deref() == Some("available") {
                return Ok(());
            }
            let waiting_for = effect.waits_for().unwrap_or("it to be found");
            self.pause(&mut pauses, waiting_for, state.as_deref().unwrap_or("not found"))
                .await?;
        }
    }

    /// Changes what is there. That it is so already is no error.
    async fn adjust(&self, step: &Step, effect: &NetworkEffect, bindings: &Bindings) -> Result<(), RunError> {
        let change = Change::of(effect, bindings)?;
        let mut pauses = self.consistency_pauses();
        let mut unanswered = false;
        loop {
            let answer = self.write(step, &step.resource, self.adjusted(&change)).await?;
            match answer {
                Ok(()) => return Ok(()),
                // It was not so when the plan was made: a lost answer of ours, or another run. The next look shows
                // whether it is as it should be.
                Err(error) if error.is_duplicate() => {
                    self.note_applied(step, &step.resource);
                    return Ok(());
                }
                // An association that was replaced has another id: that it is gone says that the lost write was carried
                // out, which the look at the end confirms.
                Err(error)
                    if unanswered
                        && error.is_not_found()
                        && matches!(effect, NetworkEffect::ReplaceAssociation { .. }) =>
                {
                    self.note_applied(step, &step.resource);
                    return Ok(());
                }
                // Each of these can be sent again: what it did is then found done.
                Err(error) if error.is_not_found() || error.is_contention() || error.may_have_applied() => {
                    unanswered |= error.may_have_applied();
                    self.pause(&mut pauses, "AWS to accept the change", &error.fault.to_string())
                        .await?;
                }
                Err(error) => return Err(failed(step, error)),
            }
        }
    }

    async fn adjusted(&self, change: &Change<'_>) -> Answer<()> {
        let cloud = self.cloud;
        match change {
            Change::AttachInternetGateway(gateway, vpc) => cloud.attach_internet_gateway(gateway, vpc).await,
            Change::CreateRoute(table, destination, target) => cloud.create_route(table, *destination, target).await,
            Change::ReplaceRoute(table, destination, target) => cloud.replace_route(table, *destination, target).await,
            Change::AssociateRouteTable(table, subnet) => cloud.associate_route_table(table, subnet).await,
            Change::ReplaceAssociation(association, table) => {
                cloud.replace_route_table_association(association, table).await
            }
            Change::ModifyEndpoint(endpoint, change) => cloud.modify_vpc_endpoint(endpoint, change).await,
            Change::AllowPeeringDns(peering, requester, accepter) => {
                cloud.allow_peering_dns(peering, *requester, *accepter).await
            }
        }
    }
}

/// A change of what is there, with the ids of what earlier steps have made.
enum Change<'a> {
    AttachInternetGateway(InternetGatewayId, &'a VpcId),
    CreateRoute(RouteTableId, IpNet, RouteTarget),
    ReplaceRoute(RouteTableId, IpNet, RouteTarget),
    AssociateRouteTable(RouteTableId, SubnetId),
    ReplaceAssociation(&'a str, RouteTableId),
    ModifyEndpoint(&'a EndpointId, EndpointChange),
    AllowPeeringDns(&'a PeeringId, bool, bool),
}

impl<'a> Change<'a> {
    fn of(effect: &'a NetworkEffect, bindings: &Bindings) -> Result<Self, RunError> {
        Ok(match effect {
            NetworkEffect::AttachInternetGateway { gateway, vpc } => {
                Self::AttachInternetGateway(bindings.resolve(gateway)?, vpc)
            }
            NetworkEffect::CreateRoute {
                table,
                destination,
                via,
            } => Self::CreateRoute(bindings.resolve(table)?, *destination, target(via, bindings)?),
            NetworkEffect::ReplaceRoute {
                table,
                destination,
                via,
            } => Self::ReplaceRoute(bindings.resolve(table)?, *destination, target(via, bindings)?),
            NetworkEffect::AssociateRouteTable { table, subnet } => {
                Self::AssociateRouteTable(bindings.resolve(table)?, bindings.resolve(subnet)?)
            }
            NetworkEffect::ReplaceAssociation { association, table, .. } => {
                Self::ReplaceAssociation(association, bindings.resolve(table)?)
            }
            NetworkEffect::ModifyEndpoint { endpoint, wish } => {
                Self::ModifyEndpoint(endpoint, endpoint_change(wish, bindings)?)
            }
            NetworkEffect::AllowPeeringDns {
                peering,
                requester,
                accepter,
            } => Self::AllowPeeringDns(peering, *requester, *accepter),
            NetworkEffect::CreateSubnet { .. }
            | NetworkEffect::CreateInternetGateway { .. }
            | NetworkEffect::AllocateAddress { .. }
            | NetworkEffect::CreateNatGateway { .. }
            | NetworkEffect::CreateRouteTable { .. }
            | NetworkEffect::CreateEndpoint(_) => return Err(RunError::Flawed(Vec::new())),
        })
    }
}

/// What a route leads through.
fn target(via: &Via, bindings: &Bindings) -> Result<RouteTarget, RunError> {
    Ok(match via {
        Via::InternetGateway(gateway) => RouteTarget::InternetGateway(bindings.resolve(gateway)?),
        Via::Nat(nat) => RouteTarget::Nat(bindings.resolve(nat)?),
        Via::Existing(target) => target.clone(),
    })
}

fn done(resource: &str) -> Ended {
    Ended {
        status: StepStatus::Done,
        resource: resource.to_owned(),
    }
}

/// The one that is looked for, in what was read; AWS may not answer for a while.
fn look<T>(step: &Step, answer: Answer<Vec<T>>, is_it: impl Fn(&T) -> bool) -> Result<Option<T>, RunError> {
    match answer {
        Ok(all) => Ok(all.into_iter().find(is_it)),
        Err(error) if error.is_transient() || error.is_not_found() => Ok(None),
        Err(error) => Err(failed(step, error)),
    }
}

fn is_gone(nat: &NatGateway) -> bool {
    ["failed", "deleting", "deleted"].contains(&nat.state.as_str())
}

fn new_endpoint(plan: &EndpointPlan, bindings: &Bindings) -> Result<NewEndpoint, RunError> {
    Ok(NewEndpoint {
        vpc: plan.vpc.clone(),
        kind: if plan.subnets.is_empty() {
            EndpointKind::Gateway
        } else {
            EndpointKind::Interface
        },
        service: plan.service.clone(),
        subnets: plan.subnets.clone(),
        groups: bindings.resolve_all(&plan.groups)?,
        route_tables: bindings.resolve_all(&plan.route_tables)?,
        policy: plan.policy.clone(),
        tags: plan.tags.clone(),
    })
}

fn endpoint_change(wish: &EndpointWish, bindings: &Bindings) -> Result<EndpointChange, RunError> {
    Ok(EndpointChange {
        add_subnets: wish.add_subnets.clone(),
        add_groups: bindings.resolve_all(&wish.add_groups)?,
        add_route_tables: bindings.resolve_all(&wish.add_route_tables)?,
        private_dns: wish.private_dns.then_some(true),
        policy: wish.policy.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Ref;

    /// Each change of a network that refers to something which no step has made.
    #[test]
    fn what_no_step_has_made_is_an_error_and_no_empty_name() {
        let there = || Ref::Existing("rtb-1".into());
        let everywhere: IpNet = "0.0.0.0/0".parse().unwrap();
        let wish = EndpointWish {
            add_groups: vec![Ref::Step(7)],
            ..EndpointWish::default()
        };
        let effects = [
            NetworkEffect::AttachInternetGateway {
                gateway: Ref::Step(7),
                vpc: "vpc-1".into(),
            },
            NetworkEffect::CreateRoute {
                table: there(),
                destination: everywhere,
                via: Via::Nat(Ref::Step(7)),
            },
            NetworkEffect::ReplaceRoute {
                table: Ref::Step(7),
                destination: everywhere,
                via: Via::Existing(RouteTarget::Local),
            },
            NetworkEffect::AssociateRouteTable {
                table: there(),
                subnet: Ref::Step(7),
            },
            NetworkEffect::ReplaceAssociation {
                association: "rtbassoc-1".to_owned(),
                table: Ref::Step(7),
                subnet: "subnet-1".into(),
            },
            NetworkEffect::ModifyEndpoint {
                endpoint: "vpce-1".into(),
                wish,
            },
        ];
        let mut bindings = Bindings::default();
        for effect in &effects {
            let error = Change::of(effect, &bindings).err().unwrap();
            assert_eq!(error.code(), "unbound-reference", "{effect:?}");
            assert!(error.to_string().contains("what step 7 creates"), "{error}");
        }
        bindings.bind(7, "nat-1");
        assert!(effects.iter().all(|effect| Change::of(effect, &bindings).is_ok()));
    }
}
