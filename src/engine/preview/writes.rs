//! What writes change in the preview, and the preview as a [`Cloud`]. Nothing is sent.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{NEW, NEW_PROXY, NEW_SECRET, Preview, State, missing, name_of};
use crate::cloud::{
    Answer, ApiCalls, CapacityProvider, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup,
    DescribedInterface, DescribedSubnet, EndpointChange, Fault, FunctionAlias, FunctionChange, GatewayFilter,
    GroupFilter, GroupReference, IdentityCloud, InstanceFilter, InterfaceFilter, KeyDescription, LaunchTemplateVersion,
    Listed, ListedFunction, MskCloud, NetworkCloud, NetworkConnector, NewDbProxy, NewEndpoint, NewGroups, NewLambda,
    NewProxyAuth, NewRole, NewSecret, NewSecurityGroup, NewSubnet, Operation, Pace, ProxyEndpoint, RoleDescription,
    SecretDescription, SubnetFilter, TaggedResource, Tags, UsersCloud, Versions,
};
use crate::model::network::{
    Address, EgressOnlyGateway, Endpoint, EndpointService, Exclusion, InternetGateway, NatGateway, NetworkAcl, Peering,
    PublicAccess, Resolver, RouteTable, RouteTarget, Vpc, VpcDns,
};
use crate::model::{
    Code, DatabaseKind, DescribedRule, Direction, EndpointId, Environment, EventSourceMapping, Function, FunctionState,
    FunctionVpc, GroupId, GroupList, GroupMembership, IDLE_TIMEOUT, InternetGatewayId, LastUpdateStatus, MAX_SESSION,
    MskCluster, NatGatewayId, Origin, Peer, PeeringId, Place, PrefixListId, Proxy, ProxyLogin, ProxySettings,
    ProxyTarget, ProxyTargetGroup, RouteTableId, Rule, SecurityGroup, SubnetId, TargetHealth, TargetHealthState,
    TargetKind, TargetRole, VpcId, last_segment,
};
use crate::naming::created;

fn duplicate(operation: Operation, what: &str) -> CloudError {
    CloudError::new(operation, Fault::Duplicate(format!("{what} already exists")))
}

/// A write that no connection of a manifest is planned with.
fn unplanned<T>(operation: Operation) -> Answer<T> {
    let why = "a manifest cannot plan this change: run the command for this resource alone".to_owned();
    Err(CloudError::new(operation, Fault::NotOffered(why)))
}

const REGISTERING: TargetHealth = TargetHealth {
    state: TargetHealthState::Registering,
    reason: None,
};

impl State {
    /// The ARN of a database or a function: what is made is in the same account and Region.
    pub(super) fn an_arn(&self) -> String {
        let arns = self.clusters.iter().flatten().map(|cluster| &cluster.arn);
        let arns = arns.chain(self.instances.iter().flatten().map(|instance| &instance.arn));
        let mut arns = arns.chain(self.functions.iter().flatten().map(|function| &function.arn));
        arns.next().cloned().unwrap_or_default()
    }

    fn create_group(&mut self, new: &NewSecurityGroup) -> Answer<GroupId> {
        let operation = Operation::CreateSecurityGroup;
        let groups = self.groups.as_mut().map_err(|error| error.clone())?;
        if groups
            .iter()
            .any(|group| group.vpc == new.vpc && group.name.eq_ignore_ascii_case(&new.name))
        {
            return Err(duplicate(
                operation,
                &format!("security group {} in {}", new.name, new.vpc),
            ));
        }
        let mut id = GroupId::from(format!("{NEW}{}", new.name));
        if groups.iter().any(|group| group.id == id) {
            id = GroupId::from(format!("{NEW}{}@{}", new.name, new.vpc));
        }
        groups.push(SecurityGroup {
            id: id.clone(),
            name: new.name.clone(),
            vpc: new.vpc.clone(),
            owner: None,
            description: new.description.clone(),
            ingress: Vec::new(),
            egress: vec![Rule::default_egress()],
            tags: new.tags.clone(),
        });
        Ok(id)
    }

    fn modify_database(&mut self, kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> Answer<()> {
        self.is_changed = true;
        let member = |group: &GroupId| GroupMembership {
            group: group.clone(),
            status: "active".to_owned(),
        };
        let memberships: Vec<GroupMembership> = groups.iter().map(member).collect();
        let is_it = |found: &str| found.eq_ignore_ascii_case(last_segment(id));
        let mut is_found = false;
        if kind == DatabaseKind::Cluster {
            for cluster in self.clusters.iter_mut().flatten().filter(|cluster| is_it(&cluster.id)) {
                cluster.memberships.clone_from(&memberships);
                is_found = true;
            }
        }
        for instance in self.instances.iter_mut().flatten() {
            let is_its = match kind {
                DatabaseKind::Cluster => instance.cluster.as_deref().is_some_and(is_it),
                DatabaseKind::Instance => is_it(&instance.id),
            };
            if is_its {
                instance.memberships.clone_from(&memberships);
                is_found |= kind == DatabaseKind::Instance;
            }
        }
        if is_found {
            Ok(())
        } else {
            Err(missing(Operation::modifies(kind), id))
        }
    }

    fn modify_proxy(&mut self, name: &str, groups: NewGroups<'_>) -> Answer<()> {
        self.is_changed = true;
        match self.proxy(Operation::ModifyDbProxy, name)? {
            DbProxy::Known(proxy) => proxy.groups = GroupList::as_read(groups.iter().cloned()),
            DbProxy::OfOtherFamily(bearer) => bearer.groups = groups.iter().cloned().collect(),
        }
        Ok(())
    }

    /// Whether groups let a proxy through to an instance.
    pub(super) fn lets_through(&self, proxy: &str, instance: &str) -> bool {
        let mut proxies = self.proxies.iter().flatten();
        let proxy = proxies.find(|found| found.name().eq_ignore_ascii_case(proxy));
        let mut instances = self.instances.iter().flatten();
        let instance = instances.find(|found| found.id.eq_ignore_ascii_case(instance));
        let (Some(DbProxy::Known(proxy)), Some(instance)) = (proxy, instance) else {
            return false;
        };
        let of_cluster = |cluster: &&DbCluster| instance.cluster.as_ref() == Some(&cluster.id);
        let cluster = self.clusters.iter().flatten().find(of_cluster);
        let Some(port) = instance.port.or_else(|| cluster?.port) else {
            return false;
        };
        let on_database: Vec<&GroupId> = instance.memberships.iter().map(|found| &found.group).collect();
        let on_proxy: Vec<&GroupId> = proxy.groups.iter().collect();
        let passes = |groups: &[&GroupId], direction: Direction, peers: &[&GroupId]| {
            let mut all = self.groups.iter().flatten();
            all.any(|group| {
                let is_peer = |peer: &Peer| match peer {
                    Peer::Group(id) => peers.contains(&id),
                    Peer::Cidr(range) => range.ends_with("/0"),
                    Peer::PrefixList(_) => false,
                };
                let mut rules = group.rules(direction).iter();
                groups.contains(&&group.id) && rules.any(|rule| rule.lets_tcp(port) && is_peer(&rule.peer))
            })
        };
        passes(&on_proxy, Direction::Egress, &on_database) && passes(&on_database, Direction::Ingress, &on_proxy)
    }

    fn register(&mut self, proxy: &str, kind: DatabaseKind, database: &str) {
        let instance = |resource: &str, cluster: Option<&str>, role: TargetRole| ProxyTarget {
            kind: TargetKind::RdsInstance,
            resource: resource.to_owned(),
            tracked_cluster: cluster.map(str::to_owned),
            health: Some(REGISTERING),
            role: Some(role),
        };
        let targets = match kind {
            DatabaseKind::Instance => vec![instance(database, None, TargetRole::ReadWrite)],
            DatabaseKind::Cluster => {
                let members = self.instances.iter().flatten();
                let members = members.filter(|member| member.cluster.as_deref() == Some(database));
                let tracked = ProxyTarget {
                    kind: TargetKind::TrackedCluster,
                    resource: database.to_owned(),
                    tracked_cluster: None,
                    health: None,
                    role: None,
                };
                let mut clusters = self.clusters.iter().flatten();
                let writer = clusters.find(|cluster| cluster.id == database);
                let writer = writer.and_then(|cluster| cluster.writer.as_deref());
                let members = members.map(|member| {
                    let role = TargetRole::of_member(&member.id, writer);
                    instance(&member.id, Some(database), role)
                });
                std::iter::once(tracked).chain(members).collect()
            }
        };
        self.targets.insert(proxy.to_ascii_lowercase(), Ok(targets));
    }

    fn update_function(&mut self, name: &str, change: FunctionChange<'_>) -> Answer<()> {
        let function = self.function(Operation::UpdateFunctionConfiguration, name)?;
        match change {
            FunctionChange::Vpc(vpc, groups) => {
                function.vpc = Some(FunctionVpc {
                    groups: GroupList::as_read(groups.iter().cloned()),
                    ..vpc.clone()
                });
            }
            FunctionChange::Detached => function.vpc = None,
            FunctionChange::Environment(environment) => function.environment = Some(environment.clone()),
        }
        function.last_update = Some(LastUpdateStatus::Successful);
        let before = function.revision_id.as_deref().unwrap_or_default();
        function.revision_id = Some(format!("{before}+"));
        Ok(())
    }
}

impl Preview<'_> {
    fn create_secret_now(&self, new: &NewSecret) -> Answer<String> {
        let mut state = self.state();
        if state.made_secret(&new.name).is_some() {
            return Err(duplicate(Operation::CreateSecret, &format!("secret {}", new.name)));
        }
        let arn = Place::of(&state.an_arn()).arn("secretsmanager", &format!("secret:{}{NEW_SECRET}", new.name));
        state.secrets.push(SecretDescription {
            arn: arn.clone(),
            name: new.name.clone(),
            kms_key: None,
            is_deleted: false,
            tags: new.tags.clone(),
            rotated_by: None,
            owner: None,
            replicas: Vec::new(),
            description: Some(new.description.clone()),
        });
        Ok(arn)
    }

    fn create_proxy_now(&self, new: &NewDbProxy) -> Answer<String> {
        let mut state = self.state();
        let name = new.name.to_ascii_lowercase();
        if state.proxy(Operation::CreateDbProxy, &name).is_ok() {
            return Err(duplicate(Operation::CreateDbProxy, &format!("proxy {name}")));
        }
        let vpc = vpc_of(&state, &new.subnets)?;
        let home = state.an_arn();
        let home = Place::of(&home);
        let arn = home.arn("rds", &format!("db-proxy:{NEW_PROXY}{name}"));
        let (secrets, requires_iam) = match &new.auth {
            NewProxyAuth::Iam => (Vec::new(), true),
            NewProxyAuth::Secret { secret, iam_required } => (vec![secret.clone()], *iam_required),
        };
        state.tags.insert(arn.clone(), new.tags.clone());
        state.targets.insert(name.clone(), Ok(Vec::new()));
        let proxies = state.proxies.as_mut().map_err(|error| error.clone())?;
        proxies.push(DbProxy::Known(Proxy {
            endpoint: Some(format!("{NEW}{name}")),
            name,
            arn: arn.clone(),
            exists: true,
            engine_family: new.family.clone(),
            vpc,
            subnets: new.subnets.clone(),
            groups: GroupList::as_read([new.group.clone()]),
            status: "available".to_owned(),
            targets: Vec::new(),
            role: Some(new.role.clone()),
            secrets,
            takes_iam: requires_iam,
            requires_iam,
            requires_tls: true,
            logs_statements: false,
            settings: settings_of(&new.auth),
        }));
        Ok(arn)
    }

    fn create_function_now(&self, new: &NewLambda) -> Answer<String> {
        let mut state = self.state();
        if state.function(Operation::CreateFunction, &new.name).is_ok() {
            return Err(duplicate(Operation::CreateFunction, &format!("function {}", new.name)));
        }
        let vpc = vpc_of(&state, &new.subnets)?;
        let arn = Place::of(&state.an_arn()).arn("lambda", &format!("function:{}", new.name));
        state.tags.insert(arn.clone(), new.tags.clone());
        let functions = state.functions.as_mut().map_err(|error| error.clone())?;
        functions.push(Function {
            name: new.name.clone(),
            arn: arn.clone(),
            exists: true,
            vpc: Some(FunctionVpc {
                vpc,
                subnets: new.subnets.clone(),
                groups: GroupList::as_read([new.group.clone()]),
                ipv6_allowed: None,
            }),
            state: FunctionState::Active,
            state_reason: None,
            state_reason_code: None,
            last_update: Some(LastUpdateStatus::Successful),
            last_update_reason: None,
            last_update_reason_code: None,
            revision_id: Some("new".to_owned()),
            role: Some(new.role.clone()),
            environment: Some(Environment::default()),
            code: Code {
                runtime: Some(new.runtime.clone()),
                handler: Some(created::HANDLER.to_owned()),
                sha256: Some(created::CODE_SHA256.to_owned()),
            },
            timeout: Some(3),
            capacity_provider: None,
        });
        Ok(arn)
    }
}

/// What RDS gives a new proxy for which nothing else is asked.
fn settings_of(auth: &NewProxyAuth) -> ProxySettings {
    let logins = match auth {
        NewProxyAuth::Iam => Vec::new(),
        NewProxyAuth::Secret { secret, iam_required } => vec![ProxyLogin {
            scheme: Some("SECRETS".to_owned()),
            secret: Some(secret.clone()),
            iam_auth: Some(if *iam_required { "REQUIRED" } else { "DISABLED" }.to_owned()),
            ..ProxyLogin::default()
        }],
    };
    ProxySettings {
        default_auth_scheme: Some(if logins.is_empty() { "IAM_AUTH" } else { "NONE" }.to_owned()),
        idle_client_timeout: Some(IDLE_TIMEOUT),
        logins,
        ..ProxySettings::default()
    }
}

fn vpc_of(state: &State, subnets: &[SubnetId]) -> Answer<VpcId> {
    let known = state.subnets.as_ref().map_err(Clone::clone)?;
    let found = known.iter().find(|found| subnets.contains(&found.subnet.id));
    let found = found.ok_or_else(|| missing(Operation::DescribeSubnets, "the subnet"))?;
    Ok(found.subnet.vpc.clone())
}

fn rules(group: &mut SecurityGroup, direction: Direction) -> &mut Vec<Rule> {
    match direction {
        Direction::Ingress => &mut group.ingress,
        Direction::Egress => &mut group.egress,
    }
}

#[async_trait::async_trait]
impl Cloud for Preview<'_> {
    async fn describe_db_clusters(&self, id: Option<&str>, _: Option<String>) -> Listed<DbCluster> {
        self.clusters(id)
    }
    async fn describe_db_instances(&self, which: InstanceFilter<'_>, _: Option<String>) -> Listed<DbInstance> {
        self.instances(which)
    }
    async fn describe_db_proxies(&self, name: Option<&str>, _: Option<String>) -> Listed<DbProxy> {
        self.proxies(name)
    }
    async fn describe_db_proxy_targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>> {
        self.targets(proxy).await
    }
    async fn describe_db_proxy_target_group(&self, proxy: &str) -> Answer<ProxyTargetGroup> {
        self.target_group(proxy).await
    }
    async fn describe_db_subnet_groups(&self, name: Option<&str>, _: Option<String>) -> Listed<DbSubnetGroup> {
        self.subnet_groups(name)
    }
    async fn describe_secret(&self, id: &str) -> Answer<SecretDescription> {
        self.secret(id).await
    }
    async fn get_secret_policy(&self, id: &str) -> Answer<Option<String>> {
        self.secret_policy(id).await
    }
    async fn describe_key(&self, id: &str) -> Answer<KeyDescription> {
        Preview::describe_key(self, id).await
    }
    async fn groups_per_interface(&self) -> Answer<usize> {
        Preview::groups_per_interface(self).await
    }
    async fn get_function_configuration(&self, name: &str) -> Answer<Function> {
        self.function(name)
    }
    async fn list_functions(&self, versions: Versions, _: Option<String>) -> Listed<ListedFunction> {
        self.functions(versions).await
    }
    async fn modify_database(&self, kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> Answer<()> {
        self.state().modify_database(kind, id, groups)
    }
    async fn modify_db_proxy(&self, name: &str, groups: NewGroups<'_>) -> Answer<()> {
        self.state().modify_proxy(name, groups)
    }
    async fn register_db_proxy_targets(&self, proxy: &str, kind: DatabaseKind, database: &str) -> Answer<()> {
        self.state().register(proxy, kind, database);
        Ok(())
    }
    async fn update_function_configuration(
        &self,
        name: &str,
        change: FunctionChange<'_>,
        _: Option<&str>,
    ) -> Answer<()> {
        self.state().update_function(name, change)
    }
    async fn create_secret(&self, new: &NewSecret) -> Answer<String> {
        self.create_secret_now(new)
    }
    async fn create_db_proxy(&self, new: &NewDbProxy) -> Answer<String> {
        self.create_proxy_now(new)
    }
    async fn create_function(&self, new: &NewLambda) -> Answer<String> {
        self.create_function_now(new)
    }
    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        self.tags_of(arn, self.account.list_rds_tags(arn)).await
    }
    async fn delete_db_proxy(&self, name: &str) -> Answer<()> {
        let mut state = self.state();
        let proxies = state.proxies.as_mut().map_err(|error| error.clone())?;
        proxies.retain(|proxy| !proxy.name().eq_ignore_ascii_case(name));
        Ok(())
    }
    async fn delete_secret(&self, _: &str) -> Answer<()> {
        unplanned(Operation::DeleteSecret)
    }
    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        self.secrets(prefix).await
    }
    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        self.tags_of(arn, self.account.list_function_tags(arn)).await
    }
    async fn list_tagged(&self, _: Option<String>) -> Listed<TaggedResource> {
        let all = self.state().tagged.clone()?.into_iter();
        let all: Vec<TaggedResource> = all.map(|(arn, tags)| TaggedResource { arn, tags }).collect();
        Ok(all.into())
    }
    fn listed_tags(&self, arn: &str) -> Option<Answer<BTreeMap<String, String>>> {
        let state = self.state();
        if let Some(made) = state.tags.get(arn) {
            return Some(Ok(made.clone()));
        }
        let all = state.tagged.as_ref();
        let found = all.map(|all| all.get(arn).cloned().unwrap_or_default());
        Some(found.map_err(CloudError::clone))
    }
    async fn delete_function(&self, name: &str) -> Answer<()> {
        let mut state = self.state();
        let functions = state.functions.as_mut().map_err(|error| error.clone())?;
        functions.retain(|function| function.name != name_of(name));
        Ok(())
    }
    fn home(&self) -> Origin {
        self.account.home()
    }
    fn calls(&self) -> ApiCalls {
        ApiCalls::default()
    }
    fn pace(&self) -> Pace {
        Pace {
            first: std::time::Duration::ZERO,
            longest: std::time::Duration::ZERO,
        }
    }
}

#[async_trait::async_trait]
impl NetworkCloud for Preview<'_> {
    async fn describe_vpcs(&self, ids: &[VpcId]) -> Answer<Vec<Vpc>> {
        Preview::describe_vpcs(self, ids).await
    }
    async fn describe_vpc_dns(&self, id: &VpcId) -> Answer<VpcDns> {
        Preview::describe_vpc_dns(self, id).await
    }
    async fn describe_dhcp_options(&self, ids: &[String]) -> Answer<BTreeMap<String, Resolver>> {
        Preview::describe_dhcp_options(self, ids).await
    }
    async fn describe_security_groups(&self, which: GroupFilter<'_>, _: Option<String>) -> Listed<SecurityGroup> {
        self.security_groups(which)
    }
    async fn describe_security_group_rules(&self, groups: &[GroupId], _: Option<String>) -> Listed<DescribedRule> {
        self.group_rules(groups).await
    }
    async fn describe_subnets(&self, which: SubnetFilter<'_>, _: Option<String>) -> Listed<DescribedSubnet> {
        self.subnets(which)
    }
    async fn describe_route_tables(&self, vpcs: &[VpcId]) -> Answer<Vec<RouteTable>> {
        Preview::describe_route_tables(self, vpcs).await
    }
    async fn describe_network_acls(&self, vpcs: &[VpcId]) -> Answer<Vec<NetworkAcl>> {
        Preview::describe_network_acls(self, vpcs).await
    }
    async fn describe_peerings(&self, vpcs: &[VpcId]) -> Answer<Vec<Peering>> {
        Preview::describe_peerings(self, vpcs).await
    }
    async fn describe_internet_gateways(&self, which: GatewayFilter<'_>) -> Answer<Vec<InternetGateway>> {
        Preview::describe_internet_gateways(self, which).await
    }
    async fn describe_egress_only_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<EgressOnlyGateway>> {
        Preview::describe_egress_only_gateways(self, vpcs).await
    }
    async fn describe_nat_gateways(&self, vpcs: &[VpcId]) -> Answer<Vec<NatGateway>> {
        Preview::describe_nat_gateways(self, vpcs).await
    }
    async fn describe_public_access(&self) -> Answer<PublicAccess> {
        Preview::describe_public_access(self).await
    }
    async fn describe_public_access_exclusions(&self) -> Answer<Vec<Exclusion>> {
        Preview::describe_public_access_exclusions(self).await
    }
    async fn describe_vpc_endpoints(&self, vpcs: &[VpcId]) -> Answer<Vec<Endpoint>> {
        Preview::describe_vpc_endpoints(self, vpcs).await
    }
    async fn describe_endpoint_services(&self) -> Answer<Vec<EndpointService>> {
        Preview::describe_endpoint_services(self).await
    }
    async fn describe_network_interfaces(&self, which: InterfaceFilter<'_>) -> Answer<Vec<DescribedInterface>> {
        self.interfaces(which).await
    }
    async fn prefix_list_entries(&self, id: &PrefixListId) -> Answer<Vec<IpNet>> {
        Preview::prefix_list_entries(self, id).await
    }
    async fn describe_tagged_addresses(&self, key: &str, value: &str) -> Answer<Vec<Address>> {
        Preview::describe_tagged_addresses(self, key, value).await
    }
    async fn create_subnet(&self, _: &NewSubnet) -> Answer<SubnetId> {
        unplanned(Operation::CreateSubnet)
    }
    async fn create_internet_gateway(&self, _: &Tags) -> Answer<InternetGatewayId> {
        unplanned(Operation::CreateInternetGateway)
    }
    async fn attach_internet_gateway(&self, _: &InternetGatewayId, _: &VpcId) -> Answer<()> {
        unplanned(Operation::AttachInternetGateway)
    }
    async fn allocate_address(&self, _: &Tags) -> Answer<String> {
        unplanned(Operation::AllocateAddress)
    }
    async fn create_nat_gateway(&self, _: &SubnetId, _: &str, _: &Tags) -> Answer<NatGatewayId> {
        unplanned(Operation::CreateNatGateway)
    }
    async fn create_route_table(&self, _: &VpcId, _: &Tags) -> Answer<RouteTableId> {
        unplanned(Operation::CreateRouteTable)
    }
    async fn create_route(&self, _: &RouteTableId, _: IpNet, _: &RouteTarget) -> Answer<()> {
        unplanned(Operation::CreateRoute)
    }
    async fn replace_route(&self, _: &RouteTableId, _: IpNet, _: &RouteTarget) -> Answer<()> {
        unplanned(Operation::ReplaceRoute)
    }
    async fn associate_route_table(&self, _: &RouteTableId, _: &SubnetId) -> Answer<()> {
        unplanned(Operation::AssociateRouteTable)
    }
    async fn replace_route_table_association(&self, _: &str, _: &RouteTableId) -> Answer<()> {
        unplanned(Operation::ReplaceRouteTableAssociation)
    }
    async fn create_vpc_endpoint(&self, _: &NewEndpoint) -> Answer<EndpointId> {
        unplanned(Operation::CreateVpcEndpoint)
    }
    async fn modify_vpc_endpoint(&self, _: &EndpointId, _: &EndpointChange) -> Answer<()> {
        unplanned(Operation::ModifyVpcEndpoint)
    }
    async fn allow_peering_dns(&self, _: &PeeringId, _: bool, _: bool) -> Answer<()> {
        unplanned(Operation::ModifyVpcPeeringConnectionOptions)
    }
    async fn create_security_group(&self, new: &NewSecurityGroup) -> Answer<GroupId> {
        self.state().create_group(new)
    }
    async fn revoke_security_group(&self, group: &GroupId, direction: Direction, revoked: &[Rule]) -> Answer<()> {
        let mut state = self.state();
        let group = state.group(Operation::revokes(direction), group)?;
        rules(group, direction).retain(|rule| !revoked.iter().any(|revoked| revoked.is_same_as(rule)));
        Ok(())
    }
    async fn authorize_security_group(&self, group: &GroupId, direction: Direction, rule: &Rule) -> Answer<()> {
        let mut state = self.state();
        let operation = Operation::authorizes(direction);
        state.is_changed = true;
        let group = state.group(operation, group)?;
        let rules = rules(group, direction);
        if rules.iter().any(|present| present.is_same_as(rule)) {
            return Err(duplicate(operation, "the rule"));
        }
        rules.push(rule.clone());
        Ok(())
    }
    async fn tag_groups(&self, groups: &[GroupId], key: &str, value: &str) -> Answer<()> {
        let mut state = self.state();
        for group in groups {
            let group = state.group(Operation::CreateTags, group)?;
            group.tags.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }
    async fn untag_groups(&self, groups: &[GroupId], key: &str) -> Answer<()> {
        let mut state = self.state();
        for group in groups {
            state.group(Operation::DeleteTags, group)?.tags.remove(key);
        }
        Ok(())
    }
    async fn delete_group(&self, group: &GroupId) -> Answer<()> {
        let mut state = self.state();
        state.group(Operation::DeleteSecurityGroup, group)?;
        let groups = state.groups.as_mut().map_err(|error| error.clone())?;
        groups.retain(|found| found.id != *group);
        Ok(())
    }
}

#[async_trait::async_trait]
impl IdentityCloud for Preview<'_> {
    async fn list_attached_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        self.managed_policies(role).await
    }
    async fn list_role_policies(&self, role: &str) -> Answer<Vec<String>> {
        self.inline_policies(role).await
    }
    async fn get_policy(&self, arn: &str) -> Answer<String> {
        Preview::get_policy(self, arn).await
    }
    async fn get_policy_version(&self, arn: &str, version: &str) -> Answer<String> {
        Preview::get_policy_version(self, arn, version).await
    }
    async fn get_role(&self, name: &str) -> Answer<RoleDescription> {
        self.role(name).await
    }
    async fn get_role_policy(&self, role: &str, policy: &str) -> Answer<String> {
        self.inline_policy(role, policy).await
    }
    async fn create_role(&self, new: &NewRole) -> Answer<String> {
        let mut state = self.state();
        let arn = Place::of(&state.an_arn()).role(&new.name);
        let role = state.roles.entry(new.name.clone()).or_default();
        if role.made.is_some() {
            return Err(duplicate(Operation::CreateRole, &format!("role {}", new.name)));
        }
        role.made = Some(RoleDescription {
            arn: arn.clone(),
            trust: new.trust.clone(),
            description: Some(new.description.clone()),
            max_session: Some(MAX_SESSION),
            boundary: None,
            tags: new.tags.clone(),
        });
        Ok(arn)
    }
    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Answer<()> {
        let mut state = self.state();
        let role = state.roles.entry(last_segment(role).to_owned()).or_default();
        role.inline.insert(policy.to_owned(), Some(document.to_owned()));
        Ok(())
    }
    async fn attach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let mut state = self.state();
        let role = state.roles.entry(last_segment(role).to_owned()).or_default();
        role.attached.insert(policy.to_owned(), true);
        Ok(())
    }
    async fn list_roles(&self, prefix: &str) -> Answer<Vec<String>> {
        self.roles(prefix).await
    }
    async fn detach_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let mut state = self.state();
        let role = state.roles.entry(last_segment(role).to_owned()).or_default();
        role.attached.insert(policy.to_owned(), false);
        Ok(())
    }
    async fn delete_role_policy(&self, role: &str, policy: &str) -> Answer<()> {
        let mut state = self.state();
        let role = state.roles.entry(last_segment(role).to_owned()).or_default();
        role.inline.insert(policy.to_owned(), None);
        Ok(())
    }
    async fn delete_role(&self, _: &str) -> Answer<()> {
        unplanned(Operation::DeleteRole)
    }
}

#[async_trait::async_trait]
impl UsersCloud for Preview<'_> {
    async fn list_aliases(&self, function: &str) -> Answer<Vec<FunctionAlias>> {
        self.aliases(function).await
    }
    async fn list_proxy_endpoints(&self) -> Answer<Vec<ProxyEndpoint>> {
        Preview::list_proxy_endpoints(self).await
    }
    async fn list_capacity_providers(&self) -> Answer<Vec<CapacityProvider>> {
        Preview::list_capacity_providers(self).await
    }
    async fn list_network_connectors(&self) -> Answer<Vec<String>> {
        Preview::list_network_connectors(self).await
    }
    async fn list_network_connector_versions(&self, connector: &str) -> Answer<Vec<String>> {
        Preview::list_network_connector_versions(self, connector).await
    }
    async fn get_network_connector(&self, version: &str) -> Answer<NetworkConnector> {
        Preview::get_network_connector(self, version).await
    }
    async fn describe_launch_template_versions(&self, template: Option<&str>) -> Answer<Vec<LaunchTemplateVersion>> {
        Preview::describe_launch_template_versions(self, template).await
    }
    async fn describe_group_references(&self, groups: &[GroupId]) -> Answer<Vec<GroupReference>> {
        self.group_references(groups).await
    }
}

#[async_trait::async_trait]
impl MskCloud for Preview<'_> {
    async fn describe_msk_cluster(&self, arn: &str) -> Answer<MskCluster> {
        Preview::describe_msk_cluster(self, arn).await
    }
    async fn list_msk_clusters(&self, from: Option<String>) -> Listed<MskCluster> {
        Preview::list_msk_clusters(self, from).await
    }
    async fn list_event_source_mappings(
        &self,
        source: Option<&str>,
        from: Option<String>,
    ) -> Listed<EventSourceMapping> {
        Preview::list_event_source_mappings(self, source, from).await
    }
    async fn get_event_source_mapping(&self, uuid: &str) -> Answer<EventSourceMapping> {
        Preview::get_event_source_mapping(self, uuid).await
    }
}
