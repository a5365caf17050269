//! What the preview answers to reads: from the lists and what was changed in them, or from the account, once.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{NEW, Preview, UNREACHABLE, is_new, missing, name_of};
use crate::cloud::{
    Answer, CapacityProvider, DbCluster, DbInstance, DbProxy, DbSubnetGroup, DescribedInterface, DescribedSubnet,
    FunctionAlias, GatewayFilter, GroupFilter, GroupReference, InstanceFilter, InterfaceFilter, KeyDescription,
    LaunchTemplateVersion, Listed, ListedFunction, NetworkConnector, Operation, ProxyEndpoint, RoleDescription,
    SecretDescription, SubnetFilter, Versions,
};
use crate::model::network::{
    Address, EgressOnlyGateway, Endpoint, EndpointService, Exclusion, InternetGateway, NatGateway, NetworkAcl, Peering,
    PublicAccess, Resolver, RouteTable, Vpc, VpcDns,
};
use crate::model::{
    ConnectionPool, DescribedRule, EventSourceMapping, Function, FunctionState, GroupId, GroupMembership,
    LastUpdateStatus, MskCluster, PrefixListId, Proxy, ProxyTarget, ProxyTargetGroup, SecurityGroup, TargetHealthState,
    VpcId, last_segment,
};

/// Those of a list that are wanted; one that was asked for by its name has to exist.
fn listed<T: Clone>(
    operation: Operation,
    list: &Answer<Vec<T>>,
    asked: Option<&str>,
    is_wanted: impl Fn(&T) -> bool,
) -> Answer<Vec<T>> {
    let list = list.as_ref().map_err(Clone::clone)?;
    let found: Vec<T> = list.iter().filter(|item| is_wanted(item)).cloned().collect();
    match asked {
        Some(asked) if found.is_empty() => Err(missing(operation, asked)),
        _ => Ok(found),
    }
}

/// Whether RDS finds this under an identifier or an ARN.
fn is_named(asked: &str, id: &str, arn: &str) -> bool {
    id.eq_ignore_ascii_case(asked) || arn.eq_ignore_ascii_case(asked)
}

fn settled(status: &mut String, memberships: &mut [GroupMembership]) {
    "available".clone_into(status);
    for membership in memberships
        .iter_mut()
        .filter(|membership| membership.status == "adding")
    {
        "active".clone_into(&mut membership.status);
    }
}

impl Preview<'_> {
    pub(super) fn clusters(&self, id: Option<&str>) -> Listed<DbCluster> {
        let operation = Operation::DescribeDbClusters;
        let mut found = listed(operation, &self.state().clusters, id, |cluster| {
            id.is_none_or(|id| is_named(id, &cluster.id, &cluster.arn))
        })?;
        if self.is_settled() {
            for cluster in &mut found {
                settled(&mut cluster.status, &mut cluster.memberships);
            }
        }
        Ok(found.into())
    }

    pub(super) fn instances(&self, which: InstanceFilter<'_>) -> Listed<DbInstance> {
        let operation = Operation::DescribeDbInstances;
        let asked = match which {
            InstanceFilter::Id(id) => Some(id),
            InstanceFilter::All | InstanceFilter::OfCluster(_) => None,
        };
        let mut found = listed(operation, &self.state().instances, asked, |instance| match which {
            InstanceFilter::All => true,
            InstanceFilter::Id(id) => is_named(id, &instance.id, &instance.arn),
            InstanceFilter::OfCluster(cluster) => {
                let of = instance.cluster.as_deref();
                of.is_some_and(|of| of.eq_ignore_ascii_case(last_segment(cluster)))
            }
        })?;
        if self.is_settled() {
            for instance in &mut found {
                settled(&mut instance.status, &mut instance.memberships);
            }
        }
        Ok(found.into())
    }

    pub(super) fn proxies(&self, name: Option<&str>) -> Listed<DbProxy> {
        let operation = Operation::DescribeDbProxies;
        let mut found = listed(operation, &self.state().proxies, name, |proxy| {
            name.is_none_or(|name| proxy.name().eq_ignore_ascii_case(name))
        })?;
        for proxy in &mut found {
            if let (DbProxy::Known(Proxy { status, .. }), true) = (proxy, self.is_settled()) {
                "available".clone_into(status);
            }
        }
        Ok(found.into())
    }

    pub(super) async fn targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>> {
        let known = self.state().targets.get(&proxy.to_ascii_lowercase()).cloned();
        let mut targets = if let Some(targets) = known {
            targets?
        } else {
            let read = self.account.describe_db_proxy_targets(proxy);
            self.once(format!("targets {proxy}"), read).await?
        };
        let state = self.state();
        for ProxyTarget { resource, health, .. } in &mut targets {
            let Some(health) = health else { continue };
            // What it could not reach because of groups, it reaches once they let it.
            let is_unreachable = health.reason.as_deref() == Some(UNREACHABLE);
            if is_unreachable && state.is_changed && state.lets_through(proxy, resource) {
                (health.state, health.reason) = (TargetHealthState::Available, None);
            }
        }
        Ok(targets)
    }

    pub(super) fn subnet_groups(&self, name: Option<&str>) -> Listed<DbSubnetGroup> {
        let operation = Operation::DescribeDbSubnetGroups;
        let found = listed(operation, &self.state().subnet_groups, name, |group| {
            name.is_none_or(|name| group.name.eq_ignore_ascii_case(name))
        })?;
        Ok(found.into())
    }

    pub(super) fn function(&self, name: &str) -> Answer<Function> {
        let mut state = self.state();
        if let Some(error) = state.unread.get(name_of(name)) {
            return Err(error.clone());
        }
        let mut function = state.function(Operation::GetFunctionConfiguration, name)?.clone();
        drop(state);
        if self.is_settled() {
            function.state = FunctionState::Active;
            function.last_update = Some(LastUpdateStatus::Successful);
        }
        Ok(function)
    }

    pub(super) async fn functions(&self, versions: Versions) -> Listed<ListedFunction> {
        if versions == Versions::All {
            let read = crate::observe::all(self.account, Operation::ListFunctions, |from| {
                self.account.list_functions(Versions::All, from)
            });
            let published = self.once("versions".to_owned(), read).await?;
            let published = published.into_iter().filter(|found| found.version.is_some());
            let latest = self.latest()?;
            return Ok(latest.into_iter().chain(published).collect::<Vec<_>>().into());
        }
        Ok(self.latest()?.into())
    }

    fn latest(&self) -> Answer<Vec<ListedFunction>> {
        let state = self.state();
        let functions = state.functions.as_ref().map_err(Clone::clone)?;
        let listed = |function: &Function| ListedFunction {
            function: Function {
                environment: None,
                ..function.clone()
            },
            version: None,
        };
        Ok(functions.iter().map(listed).collect())
    }

    pub(super) fn security_groups(&self, which: GroupFilter<'_>) -> Listed<SecurityGroup> {
        let operation = Operation::DescribeSecurityGroups;
        let asked = match which {
            GroupFilter::Id(id) => Some(id.as_str()),
            _ => None,
        };
        let ids: BTreeSet<&GroupId> = match which {
            GroupFilter::Ids(ids) | GroupFilter::Naming(ids, _) => ids.iter().collect(),
            _ => BTreeSet::new(),
        };
        let found = listed(operation, &self.state().groups, asked, |group| match which {
            GroupFilter::All => true,
            GroupFilter::Id(id) => group.id == *id,
            GroupFilter::Ids(_) => ids.contains(&group.id),
            GroupFilter::OfConvention(vpc) => group.vpc == *vpc,
            GroupFilter::Named(vpc, names) => group.vpc == *vpc && names.contains(&group.name.as_str()),
            GroupFilter::Naming(_, direction) => {
                let mut peers = group.rules(direction).iter().filter_map(|rule| rule.peer.group());
                peers.any(|peer| ids.contains(peer))
            }
            GroupFilter::Tagged(key, value) => group.tags.get(key).is_some_and(|found| found == value),
        })?;
        Ok(found.into())
    }

    /// The rules of groups that exist, as far as the preview has not taken them away. What it has added has no id.
    pub(super) async fn group_rules(&self, groups: &[GroupId]) -> Listed<DescribedRule> {
        let groups = existing(groups);
        if groups.is_empty() {
            return Ok(Vec::new().into());
        }
        let operation = Operation::DescribeSecurityGroupRules;
        let read = crate::observe::all(self.account, operation, |from| {
            self.account.describe_security_group_rules(&groups, from)
        });
        let mut rules = self.once(format!("rules {groups:?}"), read).await?;
        let mut state = self.state();
        rules.retain(|described| {
            let group = state.group(operation, &described.group);
            group.is_ok_and(|group| {
                let mut rules = group.rules(described.direction).iter();
                rules.any(|rule| rule.is_same_as(&described.rule))
            })
        });
        Ok(rules.into())
    }

    /// The default target group of a proxy; of one that the preview has made, as RDS makes it.
    pub(super) async fn target_group(&self, proxy: &str) -> Answer<ProxyTargetGroup> {
        let is_made = {
            let mut state = self.state();
            match state.proxy(Operation::DescribeDbProxyTargetGroups, proxy)? {
                DbProxy::Known(proxy) => is_new(&proxy.arn),
                DbProxy::OfOtherFamily(_) => false,
            }
        };
        if is_made {
            return Ok(ProxyTargetGroup {
                name: "default".to_owned(),
                arn: String::new(),
                pool: ConnectionPool::default(),
            });
        }
        let read = self.account.describe_db_proxy_target_group(proxy);
        self.once(format!("target group {proxy}"), read).await
    }

    pub(super) fn subnets(&self, which: SubnetFilter<'_>) -> Listed<DescribedSubnet> {
        let operation = Operation::DescribeSubnets;
        let found = listed(operation, &self.state().subnets, None, |found| match which {
            SubnetFilter::All => true,
            SubnetFilter::Ids(ids) => ids.contains(&found.subnet.id),
            SubnetFilter::OfVpcs(vpcs) => vpcs.contains(&found.subnet.vpc),
        })?;
        if let SubnetFilter::Ids(ids) = which
            && let Some(id) = ids.iter().find(|id| found.iter().all(|found| found.subnet.id != **id))
        {
            return Err(missing(operation, &format!("subnet {id}")));
        }
        Ok(found.into())
    }

    pub(super) async fn secret(&self, id: &str) -> Answer<SecretDescription> {
        let made = self.state().made_secret(id).cloned();
        match made {
            Some(made) => Ok(made),
            None => {
                self.once(format!("secret {id}"), self.account.describe_secret(id))
                    .await
            }
        }
    }

    pub(super) async fn secret_policy(&self, id: &str) -> Answer<Option<String>> {
        let is_made = self.state().made_secret(id).is_some();
        if is_made {
            return Ok(None);
        }
        self.once(format!("secret policy {id}"), self.account.get_secret_policy(id))
            .await
    }

    pub(super) async fn tags_of(
        &self,
        arn: &str,
        read: impl Future<Output = Answer<BTreeMap<String, String>>>,
    ) -> Answer<BTreeMap<String, String>> {
        let made = self.state().tags.get(arn).cloned();
        match made {
            Some(made) => Ok(made),
            None => self.once(format!("tags {arn}"), read).await,
        }
    }

    pub(super) async fn role(&self, name: &str) -> Answer<RoleDescription> {
        let made = self
            .state()
            .roles
            .get(last_segment(name))
            .and_then(|role| role.made.clone());
        match made {
            Some(made) => Ok(made),
            None => self.once(format!("role {name}"), self.account.get_role(name)).await,
        }
    }

    /// The names of a role's inline policies.
    pub(super) async fn inline_policies(&self, name: &str) -> Answer<Vec<String>> {
        let changed = self.state().roles.get(last_segment(name)).cloned().unwrap_or_default();
        let mut names = match changed.made {
            Some(_) => Vec::new(),
            None => {
                self.once(format!("policies {name}"), self.account.list_role_policies(name))
                    .await?
            }
        };
        names.retain(|name| !changed.inline.contains_key(name));
        let written = changed
            .inline
            .into_iter()
            .filter_map(|(name, document)| document.map(|_| name));
        names.extend(written);
        Ok(names)
    }

    pub(super) async fn inline_policy(&self, role: &str, policy: &str) -> Answer<String> {
        let changed = self.state().roles.get(last_segment(role)).cloned().unwrap_or_default();
        match (changed.inline.get(policy), changed.made) {
            (Some(Some(document)), _) => Ok(document.clone()),
            (Some(None), _) | (None, Some(_)) => Err(missing(Operation::GetRolePolicy, &format!("policy {policy}"))),
            (None, None) => {
                let read = self.account.get_role_policy(role, policy);
                self.once(format!("policy {policy} of {role}"), read).await
            }
        }
    }

    pub(super) async fn roles(&self, prefix: &str) -> Answer<Vec<String>> {
        let mut names = self
            .once(format!("roles {prefix}"), self.account.list_roles(prefix))
            .await?;
        let state = self.state();
        let made = state.roles.iter().filter(|(_, role)| role.made.is_some());
        names.extend(
            made.map(|(name, _)| name.clone())
                .filter(|name| name.starts_with(prefix)),
        );
        Ok(names)
    }

    pub(super) async fn secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        let read = self.account.list_secrets(prefix);
        let mut secrets = self.once(format!("secrets {prefix}"), read).await?;
        let state = self.state();
        let made = state.secrets.iter().filter(|secret| secret.name.starts_with(prefix));
        secrets.extend(made.cloned());
        Ok(secrets)
    }

    pub(super) async fn aliases(&self, function: &str) -> Answer<Vec<FunctionAlias>> {
        let is_made = {
            let mut state = self.state();
            let found = state
                .function(Operation::ListAliases, function)
                .map(|found| found.arn.clone());
            found.is_ok_and(|arn| state.tags.contains_key(&arn))
        };
        if is_made {
            return Ok(Vec::new());
        }
        self.once(format!("aliases {function}"), self.account.list_aliases(function))
            .await
    }

    /// The ARNs of a role's managed policies.
    pub(super) async fn managed_policies(&self, name: &str) -> Answer<Vec<String>> {
        let changed = self.state().roles.get(last_segment(name)).cloned().unwrap_or_default();
        let mut arns = if changed.made.is_some() {
            Vec::new()
        } else {
            let read = self.account.list_attached_role_policies(name);
            self.once(format!("attached {name}"), read).await?
        };
        arns.retain(|arn| !changed.attached.contains_key(arn));
        arns.extend(
            changed
                .attached
                .into_iter()
                .filter_map(|(arn, is_attached)| is_attached.then_some(arn)),
        );
        Ok(arns)
    }
}

/// What is read of the account as it is, each question once.
macro_rules! from_account {
    ($(async fn $name:ident(&self $(, $argument:ident: $of:ty)*) -> $answer:ty;)*) => {
        impl Preview<'_> {
            $(pub(super) async fn $name(&self $(, $argument: $of)*) -> $answer {
                let question = format!("{} {:?}", stringify!($name), ($(&$argument,)*));
                self.once(question, self.account.$name($($argument),*)).await
            })*
        }
    };
}

from_account! {
    async fn describe_key(&self, id: &str) -> Answer<KeyDescription>;
    async fn groups_per_interface(&self) -> Answer<usize>;
    async fn get_policy(&self, arn: &str) -> Answer<String>;
    async fn get_policy_version(&self, arn: &str, version: &str) -> Answer<String>;
    async fn describe_vpcs(&self, ids: &[VpcId]) -> Answer<Vec<Vpc>>;
    async fn describe_vpc_dns(&self, id: &VpcId) -> Answer<VpcDns>;
    async fn describe_dhcp_options(&self, ids: &[String]) -> Answer<BTreeMap<String, Resolver>>;
    async fn describe_route_tables(&self, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>>;
    async fn describe_network_acls(&self, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>>;
    async fn describe_peerings(&self, vpcs: &[VpcId]) -> Answer<Vec<Peering>>;
    async fn describe_internet_gateways(&self, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>>;
    async fn describe_egress_only_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>>;
    async fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>>;
    async fn describe_public_access(&self) -> Answer<PublicAccess>;
    async fn describe_public_access_exclusions(&self) -> Answer<Vec<Exclusion>>;
    async fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>>;
    async fn describe_endpoint_services(&self) -> Answer<Vec<EndpointService>>;

    async fn prefix_list_entries(&self, id: &PrefixListId) -> Answer<Vec<IpNet>>;
    async fn describe_tagged_addresses(&self, key: &str, value: &str) -> Answer<Vec<Address>>;
    async fn list_proxy_endpoints(&self) -> Answer<Vec<ProxyEndpoint>>;
    async fn list_capacity_providers(&self) -> Answer<Vec<CapacityProvider>>;
    async fn list_network_connectors(&self) -> Answer<Vec<String>>;
    async fn list_network_connector_versions(&self, connector: &str) -> Answer<Vec<String>>;
    async fn get_network_connector(&self, version: &str) -> Answer<NetworkConnector>;
    async fn describe_launch_template_versions(&self, template: Option<&str>) -> Answer<Vec<LaunchTemplateVersion>>;

    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster>;
    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster>;
    async fn list_event_source_mappings(&self, source: Option<&str>, from: Option<String>) -> Listed<EventSourceMapping>;
    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping>;
}

/// Those that exist in the account.
fn existing(groups: &[GroupId]) -> Vec<GroupId> {
    let existing = groups.iter().filter(|group| !group.as_str().starts_with(NEW));
    existing.cloned().collect()
}

impl Preview<'_> {
    pub(super) async fn interfaces(&self, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>> {
        let existing = match which {
            InterfaceFilter::Ids(_) => Vec::new(),
            InterfaceFilter::WithGroups(groups) => existing(groups),
        };
        let which = match which {
            InterfaceFilter::WithGroups(_) if existing.is_empty() => return Ok(Vec::new()),
            InterfaceFilter::WithGroups(_) => InterfaceFilter::WithGroups(&existing),
            which @ InterfaceFilter::Ids(_) => which,
        };
        let read = self.account.describe_network_interfaces(which);
        self.once(format!("interfaces {which:?}"), read).await
    }

    pub(super) async fn group_references(&self, groups: &[GroupId]) -> Answer<Vec<GroupReference>> {
        let groups = existing(groups);
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let read = self.account.describe_group_references(&groups);
        self.once(format!("references {groups:?}"), read).await
    }
}
