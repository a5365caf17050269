//! The same operations of [`Cloud`] on a peer, through the SDK, and on the simulator, from the same account: the answers are
//! the same, except where the peer is known to differ from AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::pin::Pin;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::aws::{Aws, Configuration};
use autoconnect::cloud::*;
use autoconnect::model::network::{EndpointKind, RouteTarget};
use autoconnect::model::*;
use autoconnect::removal::{Removable, ShrunkList};
use autoconnect::tags;
use regex::Regex;
use secrecy::SecretString;

use crate::peer::{Peer as Emulator, peer};
use crate::shared::{MSK, REGION, SECRET, account};
use crate::shared_scenarios::Made;

/// What an operation says, in order where it has one.
type Said = Vec<String>;

/// One of the two accounts.
struct Side {
    cloud: Box<dyn Cloud>,
    /// What things are called in the list below, and here.
    names: Mutex<BTreeMap<String, String>>,
}

impl Side {
    /// What this is called here.
    fn at<T: From<String>>(&self, name: &str) -> T {
        T::from(
            self.names
                .lock()
                .unwrap()
                .get(name)
                .cloned()
                .unwrap_or_else(|| name.to_owned()),
        )
    }

    fn all<T: From<String>>(&self, names: &[&str]) -> Vec<T> {
        names.iter().map(|name| self.at(name)).collect()
    }

    /// Something is made, and called so from now on.
    fn made<T: Debug + ToString>(&self, name: &str, answer: Answer<T>) -> Said {
        if let Ok(id) = &answer {
            self.names.lock().unwrap().insert(name.to_owned(), id.to_string());
        }
        self.said(answer)
    }

    fn said<T: Debug>(&self, answer: Answer<T>) -> Said {
        vec![match answer {
            Ok(answer) => self.plain(&format!("{answer:?}")),
            Err(error) => match error.fault {
                Fault::Rejected { code, .. } => format!("rejected: {code}"),
                fault => fault.code().to_owned(),
            },
        }]
    }

    /// Of a list without an order.
    fn listed<T: Debug>(&self, answer: Answer<impl IntoIterator<Item = T>>) -> Said {
        match answer {
            Err(error) => self.said::<()>(Err(error)),
            Ok(items) => {
                let mut said: Said = items.into_iter().map(|item| self.plain(&format!("{item:?}"))).collect();
                said.sort();
                if said.is_empty() {
                    said.push("nothing".to_owned());
                }
                said
            }
        }
    }

    /// Groups with a name of the convention: there may be others among them.
    fn of_convention(&self, answer: Answer<Vec<SecurityGroup>>) -> Said {
        self.listed(answer.map(|groups| groups.into_iter().filter(|group| group.name.contains("lambda"))))
    }

    fn page<T: Debug>(&self, answer: Answer<Page<T>>) -> Said {
        self.listed(answer.map(|page| page.items))
    }

    /// Without ids, times and host names, which are the account's own.
    fn plain(&self, text: &str) -> String {
        let mut names: Vec<(String, String)> = self.names.lock().unwrap().clone().into_iter().collect();
        names.sort_by_key(|(_, here)| std::cmp::Reverse(here.len()));
        let text = names
            .iter()
            .fold(text.to_owned(), |text, (name, here)| text.replace(here.as_str(), name));
        let own = [
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
            (r#""revision-[^"]*""#, "\"UUID\""),
            (r#""[^" ]*\.(amazonaws\.com|example|internal)""#, "\"HOST\""),
            (r#"rds!cluster-[^"]*""#, "rds!cluster\""),
            (r"prx-[a-z0-9-]+", "prx"),
            (r#"sha256: Some\("[^"]*"\)"#, "sha256: None"),
            (
                r"\b(rtb|acl|rtbassoc|aclassoc|eni|dopt|igw|nat|eipalloc|vpce)-[0-9a-z]+",
                "$1",
            ),
            (r#""(cluster|db)-[A-Z0-9]+""#, "\"RESOURCE\""),
        ];
        own.iter().fold(text, |text, (pattern, word)| {
            Regex::new(pattern).unwrap().replace_all(&text, *word).into_owned()
        })
    }

    /// A group that was made for a connection, as something that may be removed.
    async fn removable(&self, name: &str) -> Removable {
        let group = derived::group(&*self.cloud, &self.at(name)).await.unwrap();
        Removable::unused(&group).unwrap_or_else(|| panic!("{group:?}"))
    }

    /// What is left of a list without a group that was made.
    async fn without(&self, groups: &[&str], name: &str) -> ShrunkList {
        let list = GroupList::as_read(self.all(groups));
        ShrunkList::without(&list, &self.removable(name).await).unwrap()
    }

    fn list(&self, groups: &[&str]) -> GroupList {
        GroupList::as_read(self.all(groups))
    }

    /// Where function `checkout` is, with these groups.
    fn place(&self, groups: &[&str]) -> FunctionVpc {
        FunctionVpc {
            vpc: self.at("vpc-x"),
            subnets: self.all(&["subnet-x", "subnet-y"]),
            groups: self.list(groups),
            ipv6_allowed: None,
        }
    }

    /// Once an update of a function has ended, its answer.
    async fn function(&self, cloud: &dyn Cloud, name: &str) -> Said {
        for _ in 0..50 {
            let found = cloud.get_function_configuration(name).await;
            let is_in_progress = |function: &Function| function.last_update == Some(LastUpdateStatus::InProgress);
            if !found.as_ref().is_ok_and(is_in_progress) {
                return self.said(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the update of {name} does not end");
    }
}

fn tcp(port: i32, peer: GroupId) -> Rule {
    Rule {
        protocol: Protocol::Tcp,
        ports: Some(PortRange { from: port, to: port }),
        peer: Peer::Group(peer),
        description: Some("of the test".to_owned()),
    }
}

fn new_tags(role: &str) -> Tags {
    let tags = [
        (tags::MANAGED, "true"),
        (tags::CONNECTION, "cluster/orders:function/checkout"),
        (tags::ROLE, role),
    ];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

impl Side {
    fn group(&self, name: &str, role: &str, description: &str) -> NewSecurityGroup {
        NewSecurityGroup {
            name: name.to_owned(),
            vpc: self.at("vpc-x"),
            description: description.to_owned(),
            tags: new_tags(role),
        }
    }

    fn role(&self) -> NewRole {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        NewRole {
            name: self.at("new-role"),
            description: "of the test".to_owned(),
            trust: trust.to_owned(),
            tags: Tags::new(),
        }
    }

    fn secret() -> NewSecret {
        NewSecret {
            name: "new-secret".to_owned(),
            description: "of the test".to_owned(),
            user: "app".to_owned(),
            password: SecretString::from("of-the-test"),
            tags: new_tags("secret"),
        }
    }

    fn proxy(&self) -> NewDbProxy {
        NewDbProxy {
            name: "new-proxy".to_owned(),
            family: EngineFamily::PostgreSql,
            subnets: self.all(&["subnet-x", "subnet-y"]),
            group: self.at("sg-base"),
            role: "arn:aws:iam::123456789012:role/of-the-test-proxy".to_owned(),
            auth: NewProxyAuth::Secret {
                secret: self.at(SECRET),
                iam_required: true,
            },
            tags: new_tags("proxy"),
        }
    }

    fn lambda(&self) -> NewLambda {
        NewLambda {
            name: "new-function".to_owned(),
            runtime: "nodejs22.x".to_owned(),
            role: format!(
                "arn:aws:iam::123456789012:role/{}",
                self.at::<String>("of-the-test-inside")
            ),
            subnets: self.all(&["subnet-x", "subnet-y"]),
            group: self.at("sg-base"),
            tags: new_tags("function"),
        }
    }

    fn subnet(&self) -> NewSubnet {
        NewSubnet {
            vpc: self.at("vpc-x"),
            cidr: "10.0.7.0/24".parse().unwrap(),
            zone: format!("{}a", self.at::<String>(REGION)),
            tags: new_tags("subnet"),
        }
    }

    fn endpoint(&self) -> NewEndpoint {
        NewEndpoint {
            vpc: self.at("vpc-x"),
            kind: EndpointKind::Interface,
            service: format!("com.amazonaws.{}.sts", self.at::<String>(REGION)),
            subnets: self.all(&["subnet-x"]),
            groups: self.all(&["sg-base"]),
            route_tables: vec![],
            policy: None,
            tags: Tags::new(),
        }
    }
}

type Ask = for<'a> fn(&'a Side) -> Pin<Box<dyn Future<Output = Said> + 'a>>;

/// A list of operations: what is asked, of a side and its cloud.
macro_rules! asks {
    ($side:ident, $cloud:ident; $($name:literal => $said:expr;)*) => {
        vec![$(($name, (|$side| Box::pin(async move {
            let $cloud = &*$side.cloud;
            $said
        })) as Ask)),*]
    };
}

const NOBODY: &str = "nobody";
const NO_GROUP: &str = "sg-00000000000000000";
const VPC_ACCESS: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
const OWN_POLICY: &str =
    r#"{"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#;
const KINDS: [ResourceKind; 4] = [
    ResourceKind::Cluster,
    ResourceKind::Instance,
    ResourceKind::Proxy,
    ResourceKind::Function,
];

#[expect(clippy::too_many_lines, reason = "one list")]
fn reads() -> Vec<(&'static str, Ask)> {
    asks! { side, cloud;
        "cluster" => side.said(derived::cluster(cloud, "orders").await);
        "no cluster" => side.said(derived::cluster(cloud, NOBODY).await);
        "instance" => side.said(derived::instance(cloud, "inventory").await);
        "no instance" => side.said(derived::instance(cloud, NOBODY).await);
        "members" => side.listed(derived::members(cloud, "orders").await);
        "members of no cluster" => side.listed(derived::members(cloud, NOBODY).await);
        "proxy" => side.said(derived::proxy(cloud, "pool").await);
        "no proxy" => side.said(derived::proxy(cloud, NOBODY).await);
        "targets" => side.listed(cloud.describe_db_proxy_targets("pool").await);
        "targets of no proxy" => side.listed(cloud.describe_db_proxy_targets(NOBODY).await);
        "subnet group" => side.said(derived::subnet_group(cloud, "subnets").await);
        "no subnet group" => side.said(derived::subnet_group(cloud, NOBODY).await);
        "secret" => side.said(cloud.describe_secret("orders-app").await);
        "no secret" => side.said(cloud.describe_secret(NOBODY).await);
        "secret policy" => side.said(cloud.get_secret_policy("orders-app").await);
        "no key" => side.said(cloud.describe_key("alias/nobody").await);
        "quota" => side.said(cloud.groups_per_interface().await);
        "role" => side.said(cloud.get_role(&side.at::<String>("of-the-test-inside")).await);
        "no role" => side.said(cloud.get_role(NOBODY).await);
        "no role policy" => side.said(cloud.get_role_policy(&side.at::<String>("of-the-test-inside"), NOBODY).await);
        "function" => side.said(cloud.get_function_configuration("checkout").await);
        "function in no VPC" => side.said(cloud.get_function_configuration("newsletter").await);
        "no function" => side.said(cloud.get_function_configuration(NOBODY).await);
        "subnets" => side.listed(derived::subnets(cloud, &side.all(&["subnet-x", "subnet-y"])).await);
        "no subnet" => side.listed(derived::subnets(cloud, &["subnet-00000000000000000".into()]).await);
        "connection groups" => side.of_convention(derived::groups(cloud, GroupFilter::OfConvention(&side.at("vpc-x"))).await);
        "group" => side.said(derived::group(cloud, &side.at("sg-brokers")).await);
        "no group" => side.said(derived::group(cloud, &NO_GROUP.into()).await);
        "names" => {
            let mut said = Said::new();
            for kind in KINDS {
                said.extend(side.listed(derived::names(cloud, kind).await));
            }
            said
        };
        "all clusters" => side.page(cloud.describe_db_clusters(None, None).await);
        "all instances" => side.page(cloud.describe_db_instances(InstanceFilter::All, None).await);
        "all subnet groups" => side.page(cloud.describe_db_subnet_groups(None, None).await);
        "all proxies" => side.page(cloud.describe_db_proxies(None, None).await);
        "all functions" => side.page(cloud.list_functions(Versions::Latest, None).await);
        "all versions of functions" => side.page(cloud.list_functions(Versions::All, None).await);
        "all groups of the VPC" => side.listed(cloud.describe_security_groups(GroupFilter::All, None).await.map(|page| {
            let vpc: VpcId = side.at("vpc-x");
            page.items.into_iter().filter(move |group| group.vpc == vpc).collect::<Vec<_>>()
        }));
        "all subnets" => side.listed(cloud.describe_subnets(SubnetFilter::All, None).await.map(|page| {
            let vpc: VpcId = side.at("vpc-x");
            page.items.into_iter().filter(move |subnet| subnet.subnet.vpc == vpc).collect::<Vec<_>>()
        }));
        "all MSK clusters" => side.page(cloud.list_msk_clusters(None).await);
        "all mappings" => side.page(cloud.list_event_source_mappings(None, None).await);
        "VPC" => side.listed(cloud.describe_vpcs(&side.all(&["vpc-x"])).await);
        "DNS of the VPC" => side.said(cloud.describe_vpc_dns(&side.at("vpc-x")).await);
        "subnets of the VPC" => side.listed(derived::subnets_of(cloud, &side.all(&["vpc-x"])).await);
        "route tables" => side.listed(cloud.describe_route_tables(&side.all(&["vpc-x"])).await);
        // The simulator's default ACL is that of a VPC with IPv6 too, and is the one of all subnets that no other has.
        "network ACLs" => side.listed(cloud.describe_network_acls(&side.all(&["vpc-x"])).await.map(|acls| {
            let entries = acls.into_iter().flat_map(|acl| acl.entries);
            entries.filter(|entry| entry.cidr.addr().is_ipv4())
        }));
        "peerings" => side.listed(cloud.describe_peerings(&side.all(&["vpc-x"])).await);
        "internet gateways" => side.listed(cloud.describe_internet_gateways(GatewayFilter::AttachedTo(&side.all(&["vpc-x"]))).await);
        "egress-only gateways" => side.listed(cloud.describe_egress_only_gateways(&side.all(&["vpc-x"])).await);
        "NAT gateways" => side.listed(cloud.describe_nat_gateways(&side.all(&["vpc-x"])).await);
        "public access" => side.said(cloud.describe_public_access().await);
        "exclusions" => side.listed(cloud.describe_public_access_exclusions().await);
        "endpoints" => side.listed(cloud.describe_vpc_endpoints(&side.all(&["vpc-x"])).await);
        "groups" => side.listed(derived::groups(cloud, GroupFilter::Ids(&side.all(&["sg-base", "sg-brokers"]))).await);
        "named groups" => side.listed(derived::groups(cloud, GroupFilter::Named(&side.at("vpc-x"), &["brokers"])).await);
        "a group's name in other case" => side.listed(derived::groups(cloud, GroupFilter::Named(&side.at("vpc-x"), &["Brokers"])).await);
        "tagged gateways" => side.listed(cloud.describe_internet_gateways(GatewayFilter::Tagged(tags::MANAGED, "true")).await);
        "tagged addresses" => side.listed(cloud.describe_tagged_addresses(tags::MANAGED, "true").await);
        "attached policies" => side.listed(cloud.list_attached_role_policies(&side.at::<String>("of-the-test-inside")).await);
        "policies of no role" => side.listed(cloud.list_attached_role_policies(NOBODY).await);
        "own policies" => side.listed(cloud.list_role_policies(&side.at::<String>("of-the-test-inside")).await);
        "policy" => side.said(cloud.get_policy(VPC_ACCESS).await.map(|version| !version.is_empty()));
        "no policy" => side.said(cloud.get_policy("arn:aws:iam::123456789012:policy/nobody").await);
        "attached functions" => side.listed(derived::attached_functions(cloud).await);
        "MSK cluster" => side.said(cloud.describe_msk_cluster(&side.at::<String>(MSK)).await);
        "mappings" => side.listed(derived::mappings(cloud, &side.at::<String>(MSK)).await);
        "no mapping" => side.said(cloud.get_event_source_mapping("00000000-0000-0000-0000-000000000000").await);
        "bearers" => {
            let mut said = Said::new();
            for kind in KINDS {
                said.extend(side.listed(derived::bearers(cloud, kind).await));
            }
            said
        };
        "groups naming inbound" => side.listed(derived::groups(cloud, GroupFilter::Naming(&side.all(&["sg-brokers"]), Direction::Ingress)).await);
        "groups naming outbound" => side.listed(derived::groups(cloud, GroupFilter::Naming(&side.all(&["sg-brokers"]), Direction::Egress)).await);
        "tagged groups" => side.listed(derived::groups(cloud, GroupFilter::Tagged(tags::MANAGED, "true")).await);
        "roles" => side.listed(cloud.list_roles(&side.at::<String>("of-the-test-inside")).await);
        "secrets" => side.listed(cloud.list_secrets("orders").await);
        "aliases" => side.listed(cloud.list_aliases("checkout").await);
        "aliases of no function" => side.listed(cloud.list_aliases(NOBODY).await);
        "proxy endpoints" => side.listed(cloud.list_proxy_endpoints().await);
        "capacity providers" => side.listed(cloud.list_capacity_providers().await);
        "network connectors" => side.listed(cloud.list_network_connectors().await);
        "references across VPCs" => side.listed(cloud.describe_group_references(&side.all(&["sg-base"])).await);
        "tags of a proxy" => {
            let arn = derived::proxy(cloud, "pool").await.unwrap().arn;
            side.listed(cloud.list_rds_tags(&arn).await)
        };
        "tags of no proxy" => {
            let arn = format!("arn:aws:rds:{}:123456789012:db-proxy:prx-nobody", side.at::<String>(REGION));
            side.listed(cloud.list_rds_tags(&arn).await)
        };
        "a policy's document" => {
            let version = cloud.get_policy(VPC_ACCESS).await.unwrap();
            let document = cloud.get_policy_version(VPC_ACCESS, &version).await;
            side.said(document.map(|text| text.contains("ec2:CreateNetworkInterface")))
        };
        "no interface" => side.listed(cloud.describe_network_interfaces(InterfaceFilter::Ids(&["eni-00000000000000000".into()])).await);
        "interfaces with no group" => side.listed(cloud.describe_network_interfaces(InterfaceFilter::WithGroups(&[NO_GROUP.into()])).await);
        "no prefix list" => side.listed(cloud.prefix_list_entries(&PrefixListId::from("pl-00000000000000000")).await);
        "launch templates" => side.listed(cloud.describe_launch_template_versions(None).await);
    }
}

fn writes_of_groups() -> Vec<(&'static str, Ask)> {
    const ON_DATABASE: &str = "On cluster orders, to connect it with function checkout";
    const ON_FUNCTION: &str = "On function checkout, to connect it with cluster orders";
    asks! { side, cloud;
        "make a group" => side.made("sg-d", cloud.create_security_group(&side.group("rds-lambda-1", "database", ON_DATABASE)).await);
        "make it again" => side.said(cloud.create_security_group(&side.group("rds-lambda-1", "database", ON_DATABASE)).await);
        "make another" => side.made("sg-f", cloud.create_security_group(&side.group("lambda-rds-1", "function", ON_FUNCTION)).await);
        "the new groups" => side.of_convention(derived::groups(cloud, GroupFilter::OfConvention(&side.at("vpc-x"))).await);
        "take the default rule out" => side.said(cloud.revoke_security_group(&side.at("sg-d"), Direction::Egress, &[Rule::default_egress()]).await);
        "take it out again" => side.said(cloud.revoke_security_group(&side.at("sg-d"), Direction::Egress, &[Rule::default_egress()]).await);
        "take it out of no group" => side.said(cloud.revoke_security_group(&NO_GROUP.into(), Direction::Egress, &[Rule::default_egress()]).await);
        "let in" => side.said(cloud.authorize_security_group(&side.at("sg-d"), Direction::Ingress, &tcp(5432, side.at("sg-f"))).await);
        "let in again" => side.said(cloud.authorize_security_group(&side.at("sg-d"), Direction::Ingress, &tcp(5432, side.at("sg-f"))).await);
        "let out" => side.said(cloud.authorize_security_group(&side.at("sg-f"), Direction::Egress, &tcp(5432, side.at("sg-d"))).await);
        "let no group in" => side.said(cloud.authorize_security_group(&side.at("sg-d"), Direction::Ingress, &tcp(5432, NO_GROUP.into())).await);
        "let in to no group" => side.said(cloud.authorize_security_group(&NO_GROUP.into(), Direction::Ingress, &tcp(5432, side.at("sg-f"))).await);
        "the groups with rules" => side.of_convention(derived::groups(cloud, GroupFilter::OfConvention(&side.at("vpc-x"))).await);
        "naming the function's" => side.listed(derived::groups(cloud, GroupFilter::Naming(&side.all(&["sg-f"]), Direction::Ingress)).await);
        "tag" => side.said(cloud.tag_groups(&side.all(&["sg-d", "sg-f"]), tags::REMOVING, "x").await);
        "untag" => side.said(cloud.untag_groups(&side.all(&["sg-d"]), tags::REMOVING).await);
        "untag again" => side.said(cloud.untag_groups(&side.all(&["sg-d", "sg-f"]), tags::REMOVING).await);
        "tagged" => side.listed(derived::groups(cloud, GroupFilter::Tagged(tags::MANAGED, "true")).await);

        "no group on the cluster" => side.said(cloud.modify_database(DatabaseKind::Cluster, "orders", NewGroups::Grown(&side.list(&["sg-base", NO_GROUP]))).await);
        "groups of the cluster" => side.said(cloud.modify_database(DatabaseKind::Cluster, "orders", NewGroups::Grown(&side.list(&["sg-base", "sg-d"]))).await);
        "the cluster with them" => side.said(derived::cluster(cloud, "orders").await.map(|cluster| cluster.memberships));
        "groups of no cluster" => side.said(cloud.modify_database(DatabaseKind::Cluster, NOBODY, NewGroups::Grown(&side.list(&["sg-base"]))).await);
        "groups of the instance" => side.said(cloud.modify_database(DatabaseKind::Instance, "inventory", NewGroups::Grown(&side.list(&["sg-base", "sg-d"]))).await);
        "the instance with them" => side.said(derived::instance(cloud, "inventory").await.map(|instance| instance.memberships));
        "groups of no instance" => side.said(cloud.modify_database(DatabaseKind::Instance, NOBODY, NewGroups::Grown(&side.list(&["sg-base"]))).await);
        "groups of the proxy" => side.said(cloud.modify_db_proxy("pool", NewGroups::Grown(&side.list(&["sg-base", "sg-d"]))).await);
        "the proxy with them" => side.said(derived::proxy(cloud, "pool").await.map(|proxy| proxy.groups));
        "groups of no proxy" => side.said(cloud.modify_db_proxy(NOBODY, NewGroups::Grown(&side.list(&["sg-base"]))).await);
        "the target again" => side.said(cloud.register_db_proxy_targets("pool", DatabaseKind::Cluster, "orders").await);
        "a target of no proxy" => side.said(cloud.register_db_proxy_targets(NOBODY, DatabaseKind::Cluster, "orders").await);
        "groups of the function" => side.said(cloud.update_function_configuration("checkout", FunctionChange::vpc(&side.place(&["sg-base", "sg-f"])), None).await);
        "the function with them" => side.function(cloud, "checkout").await;
        "at another revision" => side.said(cloud.update_function_configuration("checkout", FunctionChange::vpc(&side.place(&["sg-base"])), Some("00000000-0000-0000-0000-000000000000")).await);
        "groups of no function" => side.said(cloud.update_function_configuration(NOBODY, FunctionChange::vpc(&side.place(&["sg-base"])), None).await);
        "who has the groups" => {
            let mut said = Said::new();
            for kind in KINDS {
                said.extend(side.listed(derived::bearers(cloud, kind).await));
            }
            said
        };
        "delete a group that is used" => side.said(cloud.delete_group(&side.at("sg-d")).await);
        "variables" => {
            let variables = [("DB_HOST".to_owned(), "orders".to_owned())];
            side.said(cloud.update_function_configuration("checkout", FunctionChange::Environment(&Environment::as_read(variables)), None).await)
        };
        "the function with variables" => side.function(cloud, "checkout").await;

        "the function without the group" => {
            let left = side.without(&["sg-base", "sg-f"], "sg-f").await;
            let place = side.place(&["sg-base", "sg-f"]);
            let change = FunctionChange::Vpc(&place, NewGroups::Shrunk(&left));
            side.said(cloud.update_function_configuration("checkout", change, None).await)
        };
        "the function as it was" => side.function(cloud, "checkout").await;
        "the cluster without the group" => side.said(cloud.modify_database(DatabaseKind::Cluster, "orders", NewGroups::Shrunk(&side.without(&["sg-base", "sg-d"], "sg-d").await)).await);
        "the instance without the group" => side.said(cloud.modify_database(DatabaseKind::Instance, "inventory", NewGroups::Shrunk(&side.without(&["sg-base", "sg-d"], "sg-d").await)).await);
        "the proxy without the group" => side.said(cloud.modify_db_proxy("pool", NewGroups::Shrunk(&side.without(&["sg-base", "sg-d"], "sg-d").await)).await);
        "what has no group any more" => {
            let cluster = derived::cluster(cloud, "orders").await.map(|cluster| cluster.memberships);
            let instance = derived::instance(cloud, "inventory").await.map(|instance| instance.memberships);
            let proxy = derived::proxy(cloud, "pool").await.map(|proxy| proxy.groups);
            [side.said(cluster), side.said(instance), side.said(proxy)].concat()
        };
        "delete a group that is named" => side.said(cloud.delete_group(&side.at("sg-f")).await);
        "take the rule out" => side.said(cloud.revoke_security_group(&side.at("sg-d"), Direction::Ingress, &[tcp(5432, side.at("sg-f"))]).await);
        "take the rule out again" => side.said(cloud.revoke_security_group(&side.at("sg-d"), Direction::Ingress, &[tcp(5432, side.at("sg-f"))]).await);
        "take the other rule out" => side.said(cloud.revoke_security_group(&side.at("sg-f"), Direction::Egress, &[tcp(5432, side.at("sg-d"))]).await);
        "delete the groups" => {
            for _ in 0..3 {
                // Lambda keeps its interface, and so the group, for a while.
                let _ = cloud.describe_network_interfaces(InterfaceFilter::WithGroups(&side.all(&["sg-f"]))).await;
                let _ = cloud.delete_group(&side.at("sg-f")).await;
            }
            side.said(cloud.delete_group(&side.at("sg-d")).await)
        };
        "no groups are left" => side.of_convention(derived::groups(cloud, GroupFilter::OfConvention(&side.at("vpc-x"))).await);
        "delete no group" => side.said(cloud.delete_group(&NO_GROUP.into()).await);
        "detach" => side.said(cloud.update_function_configuration("refunds", FunctionChange::Detached, None).await);
        "the function in no VPC" => side.function(cloud, "refunds").await;
    }
}

fn writes_of_others() -> Vec<(&'static str, Ask)> {
    asks! { side, cloud;
        "make a secret" => side.made("new-secret-arn", cloud.create_secret(&Side::secret()).await);
        "make the secret again" => side.said(cloud.create_secret(&Side::secret()).await);
        "the secret" => side.said(cloud.describe_secret("new-secret").await);
        "delete the secret" => side.said(cloud.delete_secret("new-secret").await);
        "the deleted secret" => side.said(cloud.describe_secret("new-secret").await);
        "make it while it is deleted" => side.said(cloud.create_secret(&Side::secret()).await);
        "delete no secret" => side.said(cloud.delete_secret(NOBODY).await);

        "make a role" => side.made("new-role-arn", cloud.create_role(&side.role()).await);
        "make the role again" => side.said(cloud.create_role(&side.role()).await);
        "give it a policy" => side.said(cloud.put_role_policy(&side.at::<String>("new-role"), "own", OWN_POLICY).await);
        "its policy" => side.said(cloud.get_role_policy(&side.at::<String>("new-role"), "own").await);
        "its policies" => side.listed(cloud.list_role_policies(&side.at::<String>("new-role")).await);
        "attach a policy" => side.said(cloud.attach_role_policy(&side.at::<String>("new-role"), VPC_ACCESS).await);
        "attach it again" => side.said(cloud.attach_role_policy(&side.at::<String>("new-role"), VPC_ACCESS).await);
        "what is attached" => side.listed(cloud.list_attached_role_policies(&side.at::<String>("new-role")).await);
        "delete a role that has policies" => side.said(cloud.delete_role(&side.at::<String>("new-role")).await);
        "detach the policy" => side.said(cloud.detach_role_policy(&side.at::<String>("new-role"), VPC_ACCESS).await);
        "detach it again" => side.said(cloud.detach_role_policy(&side.at::<String>("new-role"), VPC_ACCESS).await);
        "delete its policy" => side.said(cloud.delete_role_policy(&side.at::<String>("new-role"), "own").await);
        "delete it again" => side.said(cloud.delete_role_policy(&side.at::<String>("new-role"), "own").await);
        "delete the role" => side.said(cloud.delete_role(&side.at::<String>("new-role")).await);
        "delete no role" => side.said(cloud.delete_role(&side.at::<String>("new-role")).await);

        "make a proxy" => side.said(cloud.create_db_proxy(&side.proxy()).await.map(|arn| arn.contains("db-proxy")));
        "make the proxy again" => side.said(cloud.create_db_proxy(&side.proxy()).await);
        "the new proxy" => {
            for _ in 0..3 {
                let _ = derived::proxy(cloud, "new-proxy").await;
            }
            side.said(derived::proxy(cloud, "new-proxy").await)
        };
        "its target" => side.said(cloud.register_db_proxy_targets("new-proxy", DatabaseKind::Cluster, "orders").await);
        "delete the proxy" => side.said(cloud.delete_db_proxy("new-proxy").await);
        "delete no proxy" => side.said(cloud.delete_db_proxy(NOBODY).await);

        "make a function" => side.said(cloud.create_function(&side.lambda()).await);
        "make the function again" => side.said(cloud.create_function(&side.lambda()).await);
        "the new function" => side.function(cloud, "new-function").await;
        "its tags" => {
            let arn = format!("arn:aws:lambda:{}:123456789012:function:new-function", side.at::<String>(REGION));
            side.listed(cloud.list_function_tags(&arn).await)
        };
        // moto leaves proxies out.
        "tags of all functions" => {
            let all = derived::every(Operation::GetResources, |from| cloud.list_tagged(from)).await;
            side.listed(all.map(|mut all| {
                all.retain(|found| found.arn.contains(":function:"));
                all
            }))
        };
        "delete the function" => side.said(cloud.delete_function("new-function").await);
        "delete no function" => side.said(cloud.delete_function(NOBODY).await);
    }
}

fn writes_of_networks() -> Vec<(&'static str, Ask)> {
    asks! { side, cloud;
        "make a subnet" => side.made("subnet-z", cloud.create_subnet(&side.subnet()).await);
        "make it in the same range" => side.said(cloud.create_subnet(&side.subnet()).await);
        "the new subnet" => side.listed(derived::subnets(cloud, &side.all(&["subnet-z"])).await);
        "make a gateway" => side.made("igw-x", cloud.create_internet_gateway(&new_tags("gateway")).await);
        "the gateway, attached to nothing" => side.listed(cloud.describe_internet_gateways(GatewayFilter::Tagged(tags::MANAGED, "true")).await);
        "attach the gateway" => side.said(cloud.attach_internet_gateway(&side.at("igw-x"), &side.at("vpc-x")).await);
        "attach the gateway again" => side.said(cloud.attach_internet_gateway(&side.at("igw-x"), &side.at("vpc-x")).await);
        "the gateway" => side.listed(cloud.describe_internet_gateways(GatewayFilter::AttachedTo(&side.all(&["vpc-x"]))).await);
        "allocate an address" => side.made("eipalloc-x", cloud.allocate_address(&new_tags("address")).await);
        "make a NAT gateway" => side.made("nat-x", cloud.create_nat_gateway(&side.at("subnet-z"), &side.at::<String>("eipalloc-x"), &new_tags("nat")).await);
        "make one in no subnet" => side.said(cloud.create_nat_gateway(&"subnet-00000000000000000".into(), &side.at::<String>("eipalloc-x"), &new_tags("nat")).await);
        "make a route table" => side.made("rtb-x", cloud.create_route_table(&side.at("vpc-x"), &Tags::new()).await);
        "make one in no VPC" => side.said(cloud.create_route_table(&"vpc-00000000000000000".into(), &Tags::new()).await);
        "route" => side.said(cloud.create_route(&side.at("rtb-x"), "0.0.0.0/0".parse().unwrap(), &RouteTarget::Nat(side.at("nat-x"))).await);
        "route again" => side.said(cloud.create_route(&side.at("rtb-x"), "0.0.0.0/0".parse().unwrap(), &RouteTarget::Nat(side.at("nat-x"))).await);
        "route elsewhere" => side.said(cloud.replace_route(&side.at("rtb-x"), "0.0.0.0/0".parse().unwrap(), &RouteTarget::InternetGateway(side.at("igw-x"))).await);
        "route what is not there elsewhere" => side.said(cloud.replace_route(&side.at("rtb-x"), "10.9.0.0/16".parse().unwrap(), &RouteTarget::InternetGateway(side.at("igw-x"))).await);
        "associate" => side.said(cloud.associate_route_table(&side.at("rtb-x"), &side.at("subnet-z")).await);
        "associate again" => side.said(cloud.associate_route_table(&side.at("rtb-x"), &side.at("subnet-z")).await);
        "replace no association" => side.said(cloud.replace_route_table_association("rtbassoc-00000000000000000", &side.at("rtb-x")).await);
        "the new route tables" => side.listed(cloud.describe_route_tables(&side.all(&["vpc-x"])).await);
        "make an endpoint" => side.made("vpce-x", cloud.create_vpc_endpoint(&side.endpoint()).await);
        "add a subnet to it" => {
            let change = EndpointChange { add_subnets: side.all(&["subnet-y"]), ..EndpointChange::default() };
            side.said(cloud.modify_vpc_endpoint(&side.at("vpce-x"), &change).await)
        };
        "the endpoint" => {
            let said = side.listed(cloud.describe_vpc_endpoints(&side.all(&["vpc-x"])).await);
            // The order of subnets means nothing.
            let sorted = |text: String| text.replace(r#"SubnetId("subnet-y"), SubnetId("subnet-x")"#, r#"SubnetId("subnet-x"), SubnetId("subnet-y")"#);
            said.into_iter().map(sorted).collect()
        };
        "DNS across no peering" => side.said(cloud.allow_peering_dns(&"pcx-00000000000000000".into(), true, true).await);
    }
}

/// Where the answers are known to differ: the operation, what the peer says, what the simulator says instead, and why.
pub type Difference = (&'static str, &'static str, &'static str, &'static str);

const INTERNAL_ERROR: &str = "moto ends with an internal error";

const DIFFERENCES: &[Difference] = &[
    (
        "tags of no proxy",
        "nothing",
        "not-found",
        "moto finds no tags where there is nothing",
    ),
    (
        "no prefix list",
        "nothing",
        "not-found",
        "moto finds no ranges where there is no list",
    ),
    (
        "*",
        r#"owner: Some("123456789012"), description"#,
        "owner: None, description",
        "a file does not say whose a group is",
    ),
    (
        "VPC",
        r#"dhcp_options: Some("dopt")"#,
        "dhcp_options: None",
        "the file names no DHCP options",
    ),
    (
        "public access",
        r#"exclusions_allowed: Some("allowed")"#,
        "exclusions_allowed: None",
        "the file has no options",
    ),
    (
        "all functions",
        "vpc-123abc",
        "vpc-x",
        "moto has one VPC for all functions, except where the peer corrects it",
    ),
    (
        "all versions of functions",
        "vpc-123abc",
        "vpc-x",
        "moto has one VPC for all functions, except where the peer corrects it",
    ),
    (
        "all versions of functions",
        "revision_id: None",
        r#"revision_id: Some("UUID")"#,
        "moto lists functions without their revisions",
    ),
    (
        "attached functions",
        "vpc-123abc",
        "vpc-x",
        "moto has one VPC for all functions, except where the peer corrects it",
    ),
    (
        "all functions",
        "revision_id: None",
        r#"revision_id: Some("UUID")"#,
        "moto lists functions without their revisions",
    ),
    (
        "no group on the cluster",
        "()",
        "not-found",
        "moto takes groups that do not exist",
    ),
    ("groups of no cluster", "service-error", "not-found", INTERNAL_ERROR),
    ("groups of no function", "service-error", "not-found", INTERNAL_ERROR),
    ("delete no proxy", "service-error", "not-found", INTERNAL_ERROR),
    (
        "make it while it is deleted",
        "already-exists",
        "rejected: InvalidRequestException",
        "Secrets Manager says that the secret is scheduled for deletion",
    ),
    (
        "associate again",
        "()",
        "already-exists",
        "moto gives the association that is there",
    ),
    (
        "the new route tables",
        r#"[Route { destination: Cidr(10.0.0.0/16), target: Local, state: Active, origin: Static }, Route { destination: Cidr(0.0.0.0/0), target: InternetGateway(InternetGatewayId("igw")), state: Active, origin: Static }]"#,
        r#"[Route { destination: Cidr(0.0.0.0/0), target: InternetGateway(InternetGatewayId("igw")), state: Active, origin: Static }, Route { destination: Cidr(10.0.0.0/16), target: Local, state: Active, origin: Static }]"#,
        "the order of routes means nothing",
    ),
    (
        "the endpoint",
        r#"state: "pending""#,
        r#"state: "available""#,
        "in moto an endpoint stays pending",
    ),
    (
        "the endpoint",
        "only_inbound_resolver: None",
        "only_inbound_resolver: Some(false)",
        "moto leaves the DNS options out",
    ),
    (
        "the endpoint",
        r#"policy: Some("{\"Version\": \"2008-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}]}")"#,
        "policy: None",
        "the simulator leaves full access out",
    ),
];

/// The SDK takes its credentials from the environment, which a test cannot change for itself: it runs itself in one.
const INSIDE: &str = "AUTOCONNECT_TEST_INSIDE";

/// A peer, and what is known of it.
pub struct Compared {
    /// The test that compares it.
    pub test: &'static str,
    pub peer: fn() -> &'static Emulator,
    pub differences: &'static [Difference],
    /// Operations that it does not have, or whose answers say nothing: the operation, and why.
    pub not_asked: &'static [(&'static str, &'static str)],
}

#[tokio::test]
async fn moto_and_the_simulator_answer_alike() {
    let moto = Compared {
        test: "differential::moto_and_the_simulator_answer_alike",
        peer,
        differences: DIFFERENCES,
        not_asked: &[],
    };
    Box::pin(moto.answers_like_the_simulator(account())).await;
}

impl Compared {
    pub async fn answers_like_the_simulator(&self, mut document: AccountDocument) {
        if std::env::var_os(INSIDE).is_none() {
            let mut again = Command::new(std::env::current_exe().unwrap());
            again.args(["--exact", self.test, "--nocapture"]);
            again
                .env(INSIDE, "1")
                .env("AWS_ACCESS_KEY_ID", "differential")
                .env("AWS_SECRET_ACCESS_KEY", "test");
            let output = again.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        // What passes takes its own time on each side.
        document.settles_after_reads = 0;
        let made = Made::of(&document, (self.peer)()).await;
        let text = made.there(&serde_json::to_string(&document).unwrap());
        let simulator = OfflineAccount::in_memory(serde_json::from_str(&text).unwrap()).unwrap();
        let configuration = Configuration {
            region: Some(made.world.region.to_owned()),
            endpoint_url: Some(made.world.peer.url.clone()),
            ..Configuration::default()
        };
        let peer = Aws::connect(&configuration).await.unwrap();
        let side = |cloud: Box<dyn Cloud>| {
            let mut names = made.names.clone();
            names.insert(REGION.to_owned(), made.world.region.to_owned());
            names.insert("new-role".to_owned(), format!("new-role-{}", made.world.region));
            Side {
                cloud,
                names: Mutex::new(names),
            }
        };
        let (peer, simulator) = (side(Box::new(peer)), side(Box::new(simulator)));
        let lists = [reads(), writes_of_groups(), writes_of_others(), writes_of_networks()];
        let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
        for (name, ask) in lists.into_iter().flatten() {
            if self.not_asked.iter().any(|(not_asked, _)| *not_asked == name) {
                continue;
            }
            let (mut there, mut here) = (ask(&peer).await, ask(&simulator).await);
            for (which, (_, theirs, ours, _)) in self
                .differences
                .iter()
                .enumerate()
                .filter(|(_, known)| known.0 == name || known.0 == "*")
            {
                if there.iter().any(|said| said.contains(theirs)) {
                    used.insert(which);
                }
                there = there.iter().map(|said| said.replace(theirs, ours)).collect();
            }
            there.sort();
            here.sort();
            if there != here {
                wrong.push(format!("{name}\n  peer:      {there:?}\n  simulator: {here:?}"));
            }
        }
        let gone: Vec<_> = self
            .differences
            .iter()
            .enumerate()
            .filter(|(which, _)| !used.contains(which))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(gone.is_empty(), "the peer answers as AWS does by now: {gone:?}");
    }
}
