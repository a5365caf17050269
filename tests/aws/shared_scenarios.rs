//! The scenarios that the simulator runs too, over the wire: they end alike, and leave the same.

use std::collections::BTreeMap;

use autoconnect::account::{
    AccountDocument, FunctionEntry, IpPermission as Entry, MskClusterEntry, VpcSecurityGroupMembership,
};
use aws_sdk_ec2::types::{IpPermission, UserIdGroupPair};
use aws_sdk_kafka::types::{BrokerNodeGroupInfo, ClientAuthentication, Iam, ProvisionedRequest, Sasl};
use aws_sdk_lambda::types::VpcConfig;
use aws_sdk_rds::types::EngineFamily;

use crate::peer::{Peer, peer};
use crate::shared::{BASE, DEFAULT, REGION, SECRET, SUBNETS, Scenario, VPC, account, scenarios};
use crate::world::{World, finish};

/// An account's document, made in a Region of a peer.
pub struct Made {
    pub world: World,
    /// What of the document is called what there.
    pub names: BTreeMap<String, String>,
}

impl Made {
    pub async fn of(document: &AccountDocument, peer: &'static Peer) -> Self {
        let world = World::on(peer).await;
        let mut names = BTreeMap::from([
            (VPC.to_owned(), world.vpc.clone()),
            (BASE.to_owned(), world.base.clone()),
        ]);
        let subnets = SUBNETS.map(str::to_owned).into_iter().zip(world.subnets.clone());
        names.extend(subnets);
        names.insert(DEFAULT.to_owned(), world.default_group(&world.vpc).await);
        world.host_names(&world.vpc).await;
        let mut made = Self { world, names };
        made.groups(document).await;
        made.databases(document).await;
        made.functions(document).await;
        for secret in &document.secrets {
            let secret = made.world.secrets.create_secret().name(&secret.name);
            let value = r#"{"username": "app", "password": "of-the-test"}"#;
            let arn = secret.secret_string(value).send().await.unwrap().arn.unwrap();
            made.names.insert(SECRET.to_owned(), arn);
        }
        for cluster in &document.msk_clusters {
            made.msk_cluster(cluster).await;
        }
        made
    }

    /// A text of the document as it is there.
    pub fn there(&self, text: &str) -> String {
        let all = self.names.iter().rev();
        let text = all.fold(text.to_owned(), |text, (name, there)| {
            text.replace(name.as_str(), there)
        });
        text.replace(REGION, self.world.region)
    }

    async fn groups(&mut self, document: &AccountDocument) {
        for group in &document.security_groups {
            if !self.names.contains_key(&group.group_id) {
                let id = self.world.group(&group.group_name).await;
                self.names.insert(group.group_id.clone(), id);
            }
        }
        // EC2 lets the members of a default group in from each other, and so does the document; moto does not.
        for group in &document.security_groups {
            for entry in &group.ip_permissions {
                let rule = self.world.ec2.authorize_security_group_ingress();
                let rule = rule
                    .group_id(self.there(&group.group_id))
                    .ip_permissions(self.permission(entry));
                rule.send().await.unwrap();
            }
        }
    }

    fn permission(&self, entry: &Entry) -> IpPermission {
        let pairs = entry.user_id_group_pairs.iter();
        let pairs = pairs.map(|pair| UserIdGroupPair::builder().group_id(self.there(&pair.group_id)).build());
        IpPermission::builder()
            .ip_protocol(&entry.ip_protocol)
            .set_from_port(entry.from_port)
            .set_to_port(entry.to_port)
            .set_user_id_group_pairs(Some(pairs.collect()))
            .build()
    }

    async fn databases(&self, document: &AccountDocument) {
        let world = &self.world;
        for cluster in &document.db_clusters {
            let members = document.db_instances.iter();
            let members = members.filter(|instance| instance.cluster.as_ref() == Some(&cluster.id));
            world.cluster(&cluster.id, members.count()).await;
        }
        for instance in document
            .db_instances
            .iter()
            .filter(|instance| instance.cluster.is_none())
        {
            let port = instance.port.unwrap();
            world.instance(&instance.id, &instance.engine, port.into()).await;
        }
        for proxy in &document.db_proxies {
            world
                .proxy(&proxy.name, EngineFamily::from(proxy.engine_family.as_str()))
                .await;
            let target = proxy.target.as_ref().unwrap();
            let register = world.rds.register_db_proxy_targets().db_proxy_name(&proxy.name);
            register
                .db_cluster_identifiers(&target.rds_resource_id)
                .send()
                .await
                .unwrap();
            // It is being registered for some looks.
            for _ in 0..3 {
                let look = world.rds.describe_db_proxy_targets().db_proxy_name(&proxy.name);
                look.send().await.unwrap();
            }
        }
    }

    async fn functions(&mut self, document: &AccountDocument) {
        for role in document
            .roles
            .iter()
            .filter(|role| role.role_name != "of-the-test-proxy")
        {
            // Roles are in no Region: each test has its own.
            let name = format!("{}-{}", role.role_name, self.world.region);
            let create = self.world.iam.create_role().role_name(&name);
            let trust = role.assume_role_policy_document.to_string();
            create.assume_role_policy_document(trust).send().await.unwrap();
            for policy in &role.attached_policies {
                let attach = self.world.iam.attach_role_policy().role_name(&name);
                attach.policy_arn(policy).send().await.unwrap();
            }
            self.names.insert(role.role_name.clone(), name);
        }
        for function in &document.functions {
            self.function(function).await;
        }
    }

    async fn function(&self, entry: &FunctionEntry) {
        let config = entry.vpc_config.as_ref().map(|config| {
            let there = |ids: &[String]| ids.iter().map(|id| self.there(id)).collect();
            let config_there = VpcConfig::builder().set_subnet_ids(Some(there(&config.subnet_ids)));
            config_there
                .set_security_group_ids(Some(there(&config.security_group_ids)))
                .build()
        });
        self.world.function_in(&entry.function_name, config).await;
        let lambda = &self.world.lambda;
        let update = lambda
            .update_function_configuration()
            .function_name(&entry.function_name);
        update
            .role(self.there(entry.role.as_ref().unwrap()))
            .send()
            .await
            .unwrap();
        self.world.settle(&entry.function_name).await;
    }

    async fn msk_cluster(&mut self, cluster: &MskClusterEntry) {
        let info = &cluster.provisioned.as_ref().unwrap().broker_node_group_info;
        let there = |ids: &[String]| ids.iter().map(|id| self.there(id)).collect();
        let brokers = BrokerNodeGroupInfo::builder()
            .set_client_subnets(Some(there(&info.client_subnets)))
            .set_security_groups(Some(there(&info.security_groups)))
            .set_instance_type(info.instance_type.clone())
            .build();
        let iam = Sasl::builder().iam(Iam::builder().enabled(true).build()).build();
        let provisioned = ProvisionedRequest::builder()
            .broker_node_group_info(brokers)
            .client_authentication(ClientAuthentication::builder().sasl(iam).build())
            .kafka_version("3.8.x")
            .number_of_broker_nodes(2);
        let kafka = &self.world.kafka;
        let create = kafka
            .create_cluster_v2()
            .cluster_name(&cluster.cluster_name)
            .provisioned(provisioned.build());
        let arn = create.send().await.unwrap().cluster_arn.unwrap();
        // It is being created for some looks.
        for _ in 0..3 {
            kafka.describe_cluster_v2().cluster_arn(&arn).send().await.unwrap();
        }
        self.names.insert(cluster.cluster_arn.clone(), arn);
    }
}

/// What an account has of groups, without ids: the rules of each, and who has it.
fn groups(document: &AccountDocument) -> BTreeMap<String, Vec<String>> {
    let all = document.security_groups.iter();
    let names: BTreeMap<&str, &str> = all
        .map(|group| (group.group_id.as_str(), group.group_name.as_str()))
        .collect();
    let name = |id: &str| names.get(id).map_or_else(|| id.to_owned(), |name| (*name).to_owned());
    let mut found = BTreeMap::new();
    for group in &document.security_groups {
        let model = group.to_model();
        let rules = [("in", model.ingress), ("out", model.egress)].into_iter();
        let rules = rules.flat_map(|(way, rules)| rules.into_iter().map(move |rule| format!("{way}: {rule:?}")));
        let rules = rules.map(|rule| names.iter().fold(rule, |rule, (id, name)| rule.replace(id, name)));
        let tags = model.tags.iter().map(|(key, value)| format!("{key}={value}"));
        let mut said: Vec<String> = rules.chain(tags).chain([model.description.clone()]).collect();
        said.sort();
        found.insert(format!("group {}", group.group_name), said);
    }
    let of_members = |memberships: &[VpcSecurityGroupMembership]| -> Vec<String> {
        memberships
            .iter()
            .map(|membership| name(&membership.vpc_security_group_id))
            .collect()
    };
    for cluster in &document.db_clusters {
        found.insert(
            format!("cluster {}", cluster.id),
            of_members(&cluster.vpc_security_groups),
        );
    }
    for instance in document
        .db_instances
        .iter()
        .filter(|instance| instance.cluster.is_none())
    {
        found.insert(
            format!("instance {}", instance.id),
            of_members(&instance.vpc_security_groups),
        );
    }
    for proxy in &document.db_proxies {
        let groups = proxy.vpc_security_group_ids.iter().map(|id| name(id));
        found.insert(format!("proxy {}", proxy.name), groups.collect());
    }
    for function in &document.functions {
        let groups = function.vpc_config.iter().flat_map(|config| &config.security_group_ids);
        found.insert(
            format!("function {}", function.function_name),
            groups.map(|id| name(id)).collect(),
        );
    }
    for endpoint in &document.vpc_endpoints {
        found.insert(endpoint.service_name.clone(), vec![endpoint.vpc_endpoint_type.clone()]);
    }
    found
}

async fn run(scenario: &Scenario, document: &AccountDocument, peer: &'static Peer) {
    let made = Made::of(document, peer).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (file, snapshot) = (at("account.json"), at("snapshot.json"));
    let text = serde_json::to_string(document).unwrap();
    std::fs::write(&file, made.there(&text)).unwrap();
    let run = |arguments: &str, is_offline: bool| {
        let arguments = made.there(&arguments.replace("MSK", crate::shared::MSK));
        let mut command = made.world.command();
        command.args(arguments.split_whitespace()).args(["--output", "json"]);
        if is_offline {
            command.env_clear().arg("--offline").arg(&file);
        }
        finish(&mut command)
    };
    for arguments in scenario.before {
        for is_offline in [false, true] {
            let ended = run(arguments, is_offline);
            assert_eq!(ended.status, 0, "{}: {ended:?}", scenario.name);
        }
    }
    if let Some(deleted) = scenario.deleted {
        let delete = made.world.lambda.delete_function().function_name(deleted);
        delete.send().await.unwrap();
        let mut document: AccountDocument = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        document.functions.retain(|function| function.function_name != deleted);
        std::fs::write(&file, serde_json::to_vec(&document).unwrap()).unwrap();
    }
    for is_offline in [false, true] {
        let ended = run(scenario.arguments, is_offline);
        scenario.assert_printed(Some(ended.status), &ended.json());
    }
    let taken = finish(made.world.command().args(["snapshot", "--out"]).arg(&snapshot));
    assert_eq!(taken.status, 0, "{}: {taken:?}", scenario.name);
    let [there, here] =
        [snapshot, file].map(|file| groups(&serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()));
    assert_eq!(there, here, "{}", scenario.name);
}

/// Runs them, several at a time: a peer answers one request at a time, and the program thinks meanwhile.
pub fn run_all(scenarios: &[Scenario], document: &AccountDocument, peer: &'static Peer) {
    std::thread::scope(|scope| {
        for some in scenarios.chunks(scenarios.len().div_ceil(4)) {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime");
                for scenario in some {
                    runtime.block_on(run(scenario, document, peer));
                }
            });
        }
    });
}

#[test]
fn each_scenario_ends_as_the_list_says_and_as_on_the_simulator() {
    run_all(&scenarios(), &account(), peer());
}
