//! A preview answers as its account does: as it was read, and as it is once the same was carried out on both.

use std::collections::BTreeMap;
use std::fmt::Debug;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::batch::{Item, needs, plan};
use autoconnect::cloud::*;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{Direction, Function, GroupId, SecurityGroup, SubnetId, VpcId, last_segment};
use autoconnect::observe::all;
use autoconnect::preview::Preview;
use autoconnect::tags;
use proptest::prelude::*;

use super::estates::{at_rest, case};
use super::single::alone;
use crate::support::{in_memory, in_virtual_time, thoroughly};

/// What is asked for: all that is, or could be, in an account.
struct Questions {
    clusters: Vec<String>,
    instances: Vec<String>,
    proxies: Vec<String>,
    functions: Vec<String>,
    subnet_groups: Vec<String>,
    subnets: Vec<SubnetId>,
    vpcs: Vec<VpcId>,
    roles: Vec<String>,
    secrets: Vec<String>,
    /// The names of groups; ids differ.
    groups: Vec<(VpcId, String)>,
    connections: Vec<String>,
    /// The functions whose environments are known.
    environments: Vec<String>,
}

impl Questions {
    fn of(document: &AccountDocument, items: &[Item]) -> Self {
        fn named<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
            names.cloned().chain(["not-there".to_owned()]).collect()
        }
        let vpcs: Vec<VpcId> = document.vpcs.iter().map(|vpc| vpc.vpc_id.as_str().into()).collect();
        let tag = |tags: &[autoconnect::account::Tag]| {
            let tag = tags.iter().find(|tag| tag.key == tags::CONNECTION);
            tag.map(|tag| tag.value.clone())
        };
        Self {
            clusters: named(document.db_clusters.iter().map(|found| &found.id)),
            instances: named(document.db_instances.iter().map(|found| &found.id)),
            proxies: named(document.db_proxies.iter().map(|found| &found.name)),
            functions: named(document.functions.iter().map(|found| &found.function_name)),
            subnet_groups: named(document.db_subnet_groups.iter().map(|found| &found.name)),
            subnets: document
                .subnets
                .iter()
                .map(|found| found.subnet_id.as_str().into())
                .collect(),
            vpcs,
            roles: named(document.roles.iter().map(|found| &found.role_name)),
            secrets: named(document.secrets.iter().map(|found| &found.name)),
            groups: document
                .security_groups
                .iter()
                .map(|group| (group.vpc_id.as_str().into(), group.group_name.clone()))
                .collect(),
            connections: document
                .security_groups
                .iter()
                .filter_map(|group| tag(&group.tags))
                .collect(),
            environments: needs(items).environments.into_iter().collect(),
        }
    }
}

/// The answers of a cloud, each with its question, in which nothing is left of ids that AWS gives.
struct Answers {
    answers: BTreeMap<String, String>,
    /// What stands for each id.
    names: Vec<(String, String)>,
}

impl Answers {
    fn add<T: Debug>(&mut self, question: &str, answer: Answer<T>) {
        let mut text = match answer {
            Ok(found) => format!("{found:?}"),
            Err(error) => format!("{}: not found: {}", error.operation, error.is_not_found()),
        };
        for (id, name) in &self.names {
            text = text.replace(id, name);
        }
        self.answers.insert(question.to_owned(), text);
    }

    /// A list, whose order does not count.
    fn add_all<T: Debug>(&mut self, question: &str, answer: Answer<Vec<T>>) {
        let mut answer = answer;
        if let Ok(found) = &mut answer {
            let mut texts: Vec<String> = found.iter().map(|item| format!("{item:?}")).collect();
            for (id, name) in &self.names {
                for text in &mut texts {
                    *text = text.replace(id, name);
                }
            }
            texts.sort();
            self.answers.insert(question.to_owned(), texts.join("\n"));
            return;
        }
        self.add(question, answer);
    }
}

/// A document whose keys are in an order of their own.
fn same_json(document: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    document.to_string()
}

/// A function without what lists do not carry.
fn comparable(mut function: Function, environments: &[String]) -> Function {
    function.revision_id = None;
    // Of the list of all versions, that of the function itself.
    if let Some(arn) = function.arn.strip_suffix(":$LATEST") {
        function.arn = arn.to_owned();
    }
    if !environments.contains(&function.name) {
        function.environment = None;
    }
    function
}

#[expect(clippy::too_many_lines, reason = "each method of the trait")]
async fn answers(cloud: &dyn Cloud, questions: &Questions) -> BTreeMap<String, String> {
    let groups: Vec<SecurityGroup> = derived::groups(cloud, GroupFilter::All).await.unwrap();
    let proxies = all(cloud, Operation::DescribeDbProxies, |from| {
        cloud.describe_db_proxies(None, from)
    })
    .await
    .unwrap();
    let mut names: Vec<(String, String)> = groups
        .iter()
        .map(|group| {
            (
                format!("\"{}\"", group.id),
                format!("<{} of {}>", group.name, group.vpc),
            )
        })
        .collect();
    for proxy in &proxies {
        if let DbProxy::Known(proxy) = proxy {
            names.push((last_segment(&proxy.arn).to_owned(), format!("<proxy {}>", proxy.name)));
            let endpoint = proxy
                .endpoint
                .iter()
                .map(|endpoint| (endpoint.clone(), "<endpoint>".to_owned()));
            names.extend(endpoint);
        }
    }
    for name in &questions.secrets {
        if let Ok(secret) = cloud.describe_secret(name).await {
            names.push((secret.arn.clone(), format!("<secret {name}>")));
        }
    }
    let mut found = Answers {
        answers: BTreeMap::new(),
        names,
    };
    let page = |page: Page<DbCluster>| page.items;
    for id in &questions.clusters {
        found.add(
            &format!("cluster {id}"),
            cloud.describe_db_clusters(Some(id), None).await.map(page),
        );
        let which = InstanceFilter::OfCluster(id);
        found.add_all(
            &format!("members of {id}"),
            derived::members(cloud, id).await.or_else(|_| Ok(Vec::new())),
        );
        let members = cloud.describe_db_instances(which, None).await;
        found.add_all(
            &format!("page of members of {id}"),
            members.map(|page| page.items).or_else(|error| {
                // What does not exist has no members, or is not found.
                if error.is_not_found() {
                    Ok(Vec::new())
                } else {
                    Err(error)
                }
            }),
        );
    }
    let clusters = all(cloud, Operation::DescribeDbClusters, |from| {
        cloud.describe_db_clusters(None, from)
    });
    found.add_all("clusters", clusters.await);
    for id in &questions.instances {
        found.add(&format!("instance {id}"), derived::instance(cloud, id).await);
    }
    let instances = all(cloud, Operation::DescribeDbInstances, |from| {
        cloud.describe_db_instances(InstanceFilter::All, from)
    });
    found.add_all("instances", instances.await);
    for name in &questions.proxies {
        found.add(&format!("proxy {name}"), derived::proxy(cloud, name).await);
        found.add_all(
            &format!("targets of {name}"),
            cloud.describe_db_proxy_targets(name).await,
        );
    }
    found.add_all("proxies", Ok(proxies.clone()));
    for proxy in &proxies {
        if let DbProxy::Known(proxy) = proxy {
            found.add(
                &format!("tags of proxy {}", proxy.name),
                cloud.list_rds_tags(&proxy.arn).await,
            );
        }
    }
    for name in &questions.subnet_groups {
        found.add(
            &format!("subnet group {name}"),
            derived::subnet_group(cloud, name).await,
        );
    }
    for name in &questions.functions {
        let function = cloud.get_function_configuration(name).await;
        if let Ok(function) = &function {
            found.add(
                &format!("tags of function {name}"),
                cloud.list_function_tags(&function.arn).await,
            );
        }
        found.add(
            &format!("function {name}"),
            function.map(|function| comparable(function, &questions.environments)),
        );
    }
    for versions in [Versions::Latest, Versions::All] {
        let functions = all(cloud, Operation::ListFunctions, |from| {
            cloud.list_functions(versions, from)
        })
        .await;
        let functions = functions.map(|all| {
            let comparable = |listed: ListedFunction| (listed.version, comparable(listed.function, &[]));
            all.into_iter().map(comparable).collect::<Vec<_>>()
        });
        found.add_all(&format!("functions {versions:?}"), functions);
    }
    let subnets = derived::subnets(cloud, &questions.subnets).await;
    found.add_all("subnets", subnets);
    found.add("no subnet", derived::subnets(cloud, &["subnet-not-there".into()]).await);
    found.add_all("subnets of VPCs", derived::subnets_of(cloud, &questions.vpcs).await);
    let with_all = all(cloud, Operation::DescribeSubnets, |from| {
        cloud.describe_subnets(SubnetFilter::All, from)
    });
    found.add_all("all subnets", with_all.await);
    asked_for_groups(cloud, questions, &groups, &mut found).await;
    for name in &questions.roles {
        let role = cloud.get_role(name).await.map(|role| RoleDescription {
            trust: same_json(&role.trust),
            ..role
        });
        found.add(&format!("role {name}"), role);
        found.add_all(
            &format!("attached to {name}"),
            cloud.list_attached_role_policies(name).await,
        );
        let policies = cloud.list_role_policies(name).await;
        for policy in policies.iter().flatten() {
            found.add(
                &format!("{policy} of {name}"),
                cloud.get_role_policy(name, policy).await.map(|text| same_json(&text)),
            );
        }
        found.add(
            &format!("no policy of {name}"),
            cloud.get_role_policy(name, "not-there").await,
        );
        found.add_all(&format!("policies of {name}"), policies);
    }
    for prefix in ["autoconnect", "not-there"] {
        found.add_all(&format!("roles {prefix}"), cloud.list_roles(prefix).await);
        found.add_all(&format!("secrets {prefix}"), cloud.list_secrets(prefix).await);
    }
    for name in &questions.secrets {
        found.add(&format!("secret {name}"), cloud.describe_secret(name).await);
        found.add(&format!("policy of {name}"), cloud.get_secret_policy(name).await);
    }
    found.add("key", cloud.describe_key("k").await);
    found.add("groups per interface", cloud.groups_per_interface().await);
    network(cloud, questions, &mut found).await;
    found.answers
}

async fn asked_for_groups(cloud: &dyn Cloud, questions: &Questions, groups: &[SecurityGroup], found: &mut Answers) {
    found.add_all("groups", Ok(groups.to_vec()));
    let not_there = GroupId::from("sg-not-there");
    found.add("no group", derived::group(cloud, &not_there).await);
    let mut ids: Vec<GroupId> = groups.iter().map(|group| group.id.clone()).collect();
    ids.push(not_there);
    found.add_all("groups by ids", derived::groups(cloud, GroupFilter::Ids(&ids)).await);
    for group in groups {
        let name = format!("{} of {}", group.name, group.vpc);
        found.add(&format!("group {name}"), derived::group(cloud, &group.id).await);
        for direction in [Direction::Ingress, Direction::Egress] {
            let which = [group.id.clone()];
            let naming = derived::groups(cloud, GroupFilter::Naming(&which, direction)).await;
            found.add_all(&format!("{direction:?} naming {name}"), naming);
        }
        let groups = [group.id.clone()];
        let references = cloud.describe_group_references(&groups).await;
        found.add(&format!("references to {name}"), references);
        let interfaces = cloud
            .describe_network_interfaces(InterfaceFilter::WithGroups(&groups))
            .await;
        found.add(&format!("interfaces with {name}"), interfaces);
    }
    for vpc in &questions.vpcs {
        let names: Vec<&str> = questions.groups.iter().map(|(_, name)| name.as_str()).collect();
        let found_by_name = derived::groups(cloud, GroupFilter::Named(vpc, &names)).await;
        found.add_all(&format!("named groups of {vpc}"), found_by_name);
        let of_convention = derived::groups(cloud, GroupFilter::OfConvention(vpc)).await;
        found.add_all(&format!("groups of {vpc}"), of_convention);
    }
    for connection in &questions.connections {
        let tagged = derived::groups(cloud, GroupFilter::Tagged(tags::CONNECTION, connection)).await;
        found.add_all(&format!("groups of {connection}"), tagged);
    }
}

async fn network(cloud: &dyn Cloud, questions: &Questions, found: &mut Answers) {
    let vpcs = &questions.vpcs;
    found.add("VPCs", cloud.describe_vpcs(vpcs).await);
    for vpc in vpcs {
        found.add(&format!("DNS of {vpc}"), cloud.describe_vpc_dns(vpc).await);
    }
    found.add("DHCP", cloud.describe_dhcp_options(&[]).await);
    found.add("tables", cloud.describe_route_tables(vpcs).await);
    found.add("ACLs", cloud.describe_network_acls(vpcs).await);
    found.add("peerings", cloud.describe_peerings(vpcs).await);
    for which in [GatewayFilter::AttachedTo(vpcs), GatewayFilter::Tagged("a", "b")] {
        found.add(
            &format!("gateways {which:?}"),
            cloud.describe_internet_gateways(which).await,
        );
    }
    found.add("egress", cloud.describe_egress_only_gateways(vpcs).await);
    found.add("NAT", cloud.describe_nat_gateways(vpcs).await);
    found.add("public access", cloud.describe_public_access().await);
    found.add("exclusions", cloud.describe_public_access_exclusions().await);
    found.add("endpoints", cloud.describe_vpc_endpoints(vpcs).await);
    found.add("services", cloud.describe_endpoint_services().await);
    found.add("addresses", cloud.describe_tagged_addresses("a", "b").await);
    found.add("prefixes", cloud.prefix_list_entries(&"pl-1".into()).await);
    for name in &questions.functions {
        found.add(&format!("aliases of {name}"), cloud.list_aliases(name).await);
    }
    found.add("proxy endpoints", cloud.list_proxy_endpoints().await);
    found.add("providers", cloud.list_capacity_providers().await);
    found.add("connectors", cloud.list_network_connectors().await);
    found.add("templates", cloud.describe_launch_template_versions(None).await);
    found.add(
        "clusters of MSK",
        cloud.list_msk_clusters(None).await.map(|page| page.items),
    );
    let mappings = cloud.list_event_source_mappings(None, None).await;
    found.add("mappings", mappings.map(|page| page.items));
}

fn assert_equal(of_account: &BTreeMap<String, String>, of_preview: &BTreeMap<String, String>, context: &str) {
    let none = String::new();
    let mut different = Vec::new();
    for question in of_account.keys().chain(of_preview.keys()) {
        let [one, other] = [of_account, of_preview].map(|all| all.get(question).unwrap_or(&none));
        let only = |these: &str, those: &str| -> Vec<String> {
            let only = these.lines().filter(|line| those.lines().all(|other| other != *line));
            only.map(str::to_owned).collect()
        };
        if one != other {
            different.push(format!(
                "{question}: {:#?} is {:#?}",
                only(one, other),
                only(other, one)
            ));
        }
    }
    assert!(different.is_empty(), "{}\n{context}", different.join("\n"));
}

fn settled(account: &OfflineAccount) -> OfflineAccount {
    let mut document = account.document();
    at_rest(&mut document);
    in_memory(&document)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([40, 500, 10_000]), ..ProptestConfig::default() })]

    #[test]
    fn a_preview_answers_as_its_account(case in case(5)) {
        in_virtual_time(async {
            let document = case.document().await;
            let (items, context) = (case.items(), format!("{case:?}"));
            let account = in_memory(&document);
            let questions = Questions::of(&document, &items);
            let preview = Preview::read(&account, &needs(&items)).await;
            let (of_account, of_preview) = (answers(&account, &questions).await, answers(&preview, &questions).await);
            assert_equal(&of_account, &of_preview, &context);

            // What is made is asked for by its name.
            let preview = Preview::read(&account, &needs(&items)).await;
            let changed = in_memory(&document);
            for item in items.clone() {
                // A later run never waits for what an earlier one has begun.
                changed.edit(at_rest);
                let single = alone(&changed, &item.job).await;
                let planned = plan(&preview, vec![item], &Interrupt::never()).await;
                assert_eq!(single.is_ok(), planned[0].outcome.is_ok(), "{context}");
            }
            let changed = settled(&changed);
            let questions = Questions::of(&changed.document(), &items);
            let (of_account, of_preview) = (answers(&changed, &questions).await, answers(&preview, &questions).await);
            assert_equal(&of_account, &of_preview, &context);
            assert_eq!((account.calls().write, account.document()), (0, document));
        });
    }
}
