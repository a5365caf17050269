//! `internet setup` on offline accounts: what it builds, what it leaves as it is, and that it survives.

use std::collections::{BTreeMap, BTreeSet};

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::*;
use autoconnect::diagnostics::Status;
use autoconnect::endpoint::GROUP;
use autoconnect::internet::{Scene, Wish, check};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::network::{Route, RouteTarget};
use autoconnect::model::*;
use autoconnect::plan::{Step, StepStatus};
use autoconnect::reconcile::{Converged, Ending, Failure, Internet, Options, converge};
use serde_json::{Value, json};

use crate::crashes::{Crash, Left, each_death};
use crate::interposed::{Hook, Interposed};
use crate::support::Script;

const VPC: &str = "vpc-0a1b";

/// A function in two zones: the one subnet has the VPC's main table, which leads to a transit gateway and has a gateway
/// endpoint, the other one a table of its own. A third subnet is someone else's.
pub fn base() -> Value {
    json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1",
        "Vpcs": [{"VpcId": VPC, "CidrBlock": "10.0.0.0/16"}],
        "Subnets": [
            {"SubnetId": "subnet-a", "VpcId": VPC, "AvailabilityZone": "eu-central-1a", "CidrBlock": "10.0.0.0/24"},
            {"SubnetId": "subnet-b", "VpcId": VPC, "AvailabilityZone": "eu-central-1b", "CidrBlock": "10.0.1.0/24"},
            {"SubnetId": "subnet-c", "VpcId": VPC, "AvailabilityZone": "eu-central-1b", "CidrBlock": "10.0.2.0/24"}
        ],
        "SecurityGroups": [{"GroupId": "sg-f", "GroupName": "f", "VpcId": VPC,
            "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}],
        "RouteTables": [
            {"RouteTableId": "rtb-main", "VpcId": VPC, "Associations": [{"Main": true}], "Routes": [
                {"DestinationCidrBlock": "10.9.0.0/16", "TransitGatewayId": "tgw-1"},
                {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-s3"}]},
            {"RouteTableId": "rtb-b", "VpcId": VPC, "Associations": [{"SubnetId": "subnet-b"}]}
        ],
        "VpcEndpoints": [{"VpcEndpointId": "vpce-s3", "VpcEndpointType": "Gateway", "VpcId": VPC,
            "ServiceName": "com.amazonaws.eu-central-1.s3", "RouteTableIds": ["rtb-main"]}],
        "Functions": [{"FunctionName": "f",
            "VpcConfig": {"SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-f"]}}]
    })
}

pub fn wish() -> Wish {
    Wish {
        function: "f".into(),
        port: 443,
        services: vec![],
        per_zone: false,
        tags: BTreeMap::new(),
    }
}

fn services(names: &[&str]) -> Wish {
    Wish {
        services: names.iter().map(ToString::to_string).collect(),
        ..wish()
    }
}

/// A name, an account, what is wanted, and how many NAT gateways that work there are in the end.
pub struct Scenario {
    pub name: &'static str,
    pub account: Value,
    pub wish: Wish,
    nats: usize,
}

fn push(account: &mut Value, list: &str, entry: Value) {
    match account.get_mut(list) {
        Some(list) => list.as_array_mut().unwrap().push(entry),
        None => account[list] = json!([entry]),
    }
}

fn gateway(account: &mut Value) {
    let attachments = json!([{"VpcId": VPC}]);
    push(
        account,
        "InternetGateways",
        json!({"InternetGatewayId": "igw-1", "Attachments": attachments}),
    );
}

/// The third subnet is a public one.
fn public(account: &mut Value) {
    gateway(account);
    push(
        account,
        "RouteTables",
        json!({"RouteTableId": "rtb-c", "VpcId": VPC, "Associations": [{"SubnetId": "subnet-c"}],
        "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]}),
    );
}

fn nat(account: &mut Value, state: &str) {
    push(
        account,
        "NatGateways",
        json!({"NatGatewayId": "nat-1", "VpcId": VPC, "SubnetId": "subnet-c", "State": state}),
    );
}

pub fn scenarios() -> Vec<Scenario> {
    let of = |name, wish, nats, change: &dyn Fn(&mut Value)| {
        let mut account = base();
        change(&mut account);
        Scenario {
            name,
            account,
            wish,
            nats,
        }
    };
    vec![
        of("nothing is there", wish(), 1, &|_| ()),
        of("there is a public subnet in the other zone", wish(), 1, &public),
        of("there is a NAT gateway", wish(), 1, &|account| {
            public(account);
            nat(account, "available");
        }),
        of("the NAT gateway is gone", wish(), 1, &|account| {
            public(account);
            nat(account, "deleted");
            account["RouteTables"][1]["Routes"] =
                json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}]);
        }),
        of(
            "a NAT gateway in each zone",
            Wish {
                per_zone: true,
                ..wish()
            },
            2,
            &|_| (),
        ),
        of("endpoints", services(&["secretsmanager", "s3", "sqs"]), 0, &|_| ()),
        of("a gateway endpoint alone", services(&["dynamodb"]), 0, &|_| ()),
    ]
}

pub fn account(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

pub async fn setup(cloud: &dyn Cloud, wish: &Wish) -> Result<Converged<Scene>, Failure> {
    setup_with(cloud, wish, &Options::default()).await
}

async fn setup_with(cloud: &dyn Cloud, wish: &Wish, options: &Options) -> Result<Converged<Scene>, Failure> {
    converge(
        cloud,
        &Internet(wish.clone()),
        options,
        &Script::default(),
        Interrupt::never(),
    )
    .await
}

/// The routes that count for a subnet.
async fn routes(account: &OfflineAccount, subnet: &str) -> BTreeSet<String> {
    let tables = account.describe_route_tables(&[VPC.into()]).await.unwrap();
    let own = tables
        .iter()
        .find(|table| table.associations.iter().any(|found| found.subnet.as_str() == subnet));
    let table = own.or_else(|| tables.iter().find(|table| table.is_main)).unwrap();
    table
        .routes
        .iter()
        .map(|route: &Route| format!("{} {} {}", route.destination, route.target, route.is_blackhole()))
        .collect()
}

/// Nobody else's way has changed, the function has lost no route, and nothing was made twice or is left over.
async fn assert_whole(scenario: &Scenario, account: &OfflineAccount, context: &str) {
    let before = self::account(&scenario.account);
    assert_eq!(
        routes(&before, "subnet-c").await,
        routes(account, "subnet-c").await,
        "{context}"
    );
    for subnet in ["subnet-a", "subnet-b"] {
        let (before, after) = (routes(&before, subnet).await, routes(account, subnet).await);
        let lost: Vec<&String> = before
            .difference(&after)
            .filter(|route| !route.starts_with("0.0.0.0/0"))
            .collect();
        assert_eq!(lost, Vec::<&String>::new(), "{context}");
    }
    let document = account.document();
    let alive = document
        .nat_gateways
        .iter()
        .filter(|nat| nat.state == "available")
        .count();
    assert_eq!(alive, scenario.nats, "{context}");
    assert!(
        document
            .addresses
            .iter()
            .all(|address| address.association_id.is_some()),
        "{context}"
    );
    assert!(
        document
            .internet_gateways
            .iter()
            .all(|gateway| !gateway.attachments.is_empty()),
        "{context}"
    );
    assert!(document.internet_gateways.len() <= 1, "{context}");
    let tables = document
        .route_tables
        .iter()
        .filter(|table| table.associations.is_empty())
        .count();
    assert_eq!(tables, 0, "{context}");
    // The file that is written back can be read again.
    OfflineAccount::in_memory(document).unwrap();
}

async fn assert_reached(scenario: &Scenario, account: &OfflineAccount, found: &Scene, context: &str) {
    let answer = check(found, &scenario.wish);
    assert!(answer.verdict <= Status::Warn, "{context}: {answer:#?}");
    assert_whole(scenario, account, context).await;
    let again = setup(account, &scenario.wish).await.unwrap();
    assert_eq!((again.ending, again.applied.len()), (Ending::Unchanged, 0), "{context}");
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_built_once() {
    for scenario in scenarios() {
        let account = account(&scenario.account);
        let planned = setup_with(
            &account,
            &scenario.wish,
            &Options {
                dry_run: true,
                ..Options::default()
            },
        )
        .await
        .unwrap();
        assert_eq!(
            (planned.ending, account.calls().write),
            (Ending::Planned, 0),
            "{}",
            scenario.name
        );
        let done = setup(&account, &scenario.wish).await.unwrap();
        assert_eq!(done.ending, Ending::Reached, "{}", scenario.name);
        let is_done = |step: &Step| step.status == StepStatus::Done;
        assert!(done.draft.plan.steps.iter().all(is_done), "{}", scenario.name);
        assert_reached(&scenario, &account, &done.found, scenario.name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_made_is_tagged() {
    let account = account(&base());
    let tags = BTreeMap::from([("team".to_owned(), "orders".to_owned())]);
    setup(&account, &Wish { tags, ..wish() }).await.unwrap();
    let document = serde_json::to_value(account.document()).unwrap();
    let mut made = 0;
    for list in ["Subnets", "InternetGateways", "NatGateways", "RouteTables", "Addresses"] {
        for entry in document[list].as_array().unwrap() {
            let Some(tags) = entry.get("Tags").and_then(Value::as_array) else {
                continue;
            };
            let value = |key: &str| {
                tags.iter()
                    .find(|tag| tag["Key"] == key)
                    .map(|tag| tag["Value"].as_str().unwrap())
            };
            assert_eq!(value("autoconnect:managed"), Some("true"));
            assert_eq!(value("autoconnect:connection"), Some("internet/vpc-0a1b"));
            assert!(value("autoconnect:role").is_some());
            assert_eq!(value("team"), Some("orders"));
            made += 1;
        }
    }
    assert_eq!(made, 6);
}

#[tokio::test(start_paused = true)]
async fn each_call_may_be_the_last() {
    let mut deaths = 0;
    for scenario in scenarios() {
        let document = account(&scenario.account).document();
        let dying = async |cloud: &Interposed<'_, Crash<'_>>| setup(cloud, &scenario.wish).await;
        deaths += each_death(&document, dying, async |died: Left| {
            let context = format!("{}, {}", scenario.name, died.context);
            let healed = setup(&died.account, &scenario.wish).await;
            let healed = healed.unwrap_or_else(|failure| panic!("{context}: {failure}"));
            assert_reached(&scenario, &died.account, &healed.found, &context).await;
        })
        .await;
    }
    println!("{deaths} crashes healed");
    assert!(deaths > 600, "{deaths}");
}

/// The SDK sends a request again whose answer was lost, and EC2 answers the second one as one of a stranger.
struct SentAgain;

impl Hook for SentAgain {
    async fn around<T: std::fmt::Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let answer = call.await;
        if operation == Operation::CreateSubnet && answer.is_ok() {
            return Err(CloudError::new(operation, Fault::Duplicate("conflicts".to_owned())));
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_the_first_of_two_requests_has_made_is_ours() {
    for scenario in scenarios() {
        let account = account(&scenario.account);
        let cloud = Interposed {
            account: &account,
            hook: SentAgain,
        };
        let done = setup(&cloud, &scenario.wish).await;
        let done = done.unwrap_or_else(|failure| panic!("{}: {failure}", scenario.name));
        assert_reached(&scenario, &account, &done.found, scenario.name).await;
    }
}

/// Someone else takes the range of a subnet before it is made.
struct Overtaken;

impl Hook for Overtaken {
    async fn around<T: std::fmt::Debug + Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        if operation == Operation::CreateSubnet {
            return Err(CloudError::new(operation, Fault::Duplicate("conflicts".to_owned())));
        }
        call.await
    }
}

/// Where the range is someone else's by now, nothing of theirs is used.
#[tokio::test(start_paused = true)]
async fn a_subnet_that_someone_else_has_made_is_not_ours() {
    let account = account(&base());
    let cloud = Interposed {
        account: &account,
        hook: Overtaken,
    };
    let failed = setup(&cloud, &wish()).await.unwrap_err();
    assert_eq!(failed.error.code(), "already-exists", "{failed}");
}

/// What cannot be built is refused before anything is written.
#[tokio::test(start_paused = true)]
#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
async fn what_is_not_ours_is_refused_with_the_command() {
    type Change = fn(&mut Value);
    let cases: [(&str, Wish, Change, &str, &str); 11] = [
        (
            "a public subnet",
            wish(),
            |account| {
                gateway(account);
                account["RouteTables"][1]["Routes"] =
                    json!([{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]);
            },
            "public-subnet",
            "--availability-zone eu-central-1b --cidr-block 10.0.255.192/26",
        ),
        (
            "a transit gateway",
            wish(),
            |account| {
                account["RouteTables"][1]["Routes"] =
                    json!([{"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"}]);
            },
            "route-elsewhere",
            "delete-route --route-table-id rtb-b",
        ),
        (
            "a private NAT gateway",
            wish(),
            |account| {
                public(account);
                nat(account, "available");
                account["NatGateways"][0]["ConnectivityType"] = json!("private");
                account["RouteTables"][1]["Routes"] =
                    json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}]);
            },
            "not-ours-to-mend",
            "replace-route",
        ),
        (
            "a NAT gateway with no way out",
            wish(),
            |account| {
                nat(account, "available");
                account["RouteTables"][1]["Routes"] =
                    json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}]);
            },
            "not-ours-to-mend",
            "create-route --route-table-id rtb-main",
        ),
        (
            "no group lets out",
            wish(),
            |account| {
                account["SecurityGroups"][0]["IpPermissionsEgress"] = json!([]);
            },
            "internet-blocked",
            "authorize-security-group-egress --group-id sg-f",
        ),
        (
            "an ACL denies",
            wish(),
            |account| {
                account["NetworkAcls"] = json!([{"NetworkAclId": "acl-1", "VpcId": VPC, "IsDefault": true, "Entries": [
                {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": true, "CidrBlock": "0.0.0.0/0"},
                {"RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0",
                 "PortRange": {"From": 32768, "To": 65535}}]}]);
            },
            "internet-blocked",
            "--port-range From=1024,To=65535",
        ),
        (
            "routes that cannot be copied",
            wish(),
            |account| {
                let route = json!({"DestinationCidrBlock": "10.8.0.0/16", "GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation"});
                account["RouteTables"][0]["Routes"].as_array_mut().unwrap().push(route);
            },
            "routes-not-copied",
            "create-route --route-table-id rtb-main",
        ),
        (
            "a full VPC",
            wish(),
            |account| {
                account["Vpcs"][0]["CidrBlock"] = json!("10.0.0.0/23");
                account["Subnets"].as_array_mut().unwrap().pop();
            },
            "no-free-range",
            "associate-vpc-cidr-block",
        ),
        (
            "private DNS is off in the VPC",
            services(&["sqs"]),
            |account| {
                account["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
            },
            "not-ours-to-mend",
            "--enable-dns-hostnames",
        ),
        (
            "an endpoint that the function's groups keep it from",
            services(&["sqs"]),
            |account| {
                account["SecurityGroups"][0]["IpPermissionsEgress"] = json!([{"IpProtocol": "udp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
            },
            "internet-blocked",
            "authorize-security-group-egress --group-id sg-f",
        ),
        (
            "an endpoint that an ACL keeps the function from",
            services(&["sqs"]),
            |account| {
                account["NetworkAcls"] = json!([{"NetworkAclId": "acl-a", "VpcId": VPC,
                    "Associations": [{"SubnetId": "subnet-a"}], "Entries": []}]);
            },
            "internet-blocked",
            "--network-acl-id acl-a",
        ),
    ];
    for (name, wish, change, code, hint) in cases {
        let mut value = base();
        change(&mut value);
        let account = account(&value);
        let failure = setup(&account, &wish).await.expect_err(name);
        assert_eq!(failure.error.code(), code, "{name}: {failure}");
        let told = failure.error.hint().unwrap();
        assert!(told.contains(hint), "{name}: {told}");
        assert_eq!(account.calls().write, 0, "{name}");
    }
}

/// A group of ours that an earlier run made is used, and one of someone else under its name is not.
#[tokio::test(start_paused = true)]
async fn the_name_of_the_endpoints_group_may_be_taken() {
    let mut value = base();
    let theirs = json!({"GroupId": "sg-t", "GroupName": "autoconnect-endpoints", "VpcId": VPC});
    push(&mut value, "SecurityGroups", theirs);
    let account = account(&value);
    let failure = setup(&account, &services(&["sqs"])).await.unwrap_err();
    assert_eq!(failure.error.code(), "name-taken", "{failure}");
    assert!(account.document().vpc_endpoints.len() == 1);
}

/// A rule for another protocol lets no request in: the group of our endpoints gets its own, whether one has it or not.
#[tokio::test(start_paused = true)]
async fn a_rule_for_another_protocol_does_not_count() {
    for stays in [false, true] {
        let account = account(&base());
        let wish = services(&["sqs"]);
        setup(&account, &wish).await.unwrap();
        let mut value = serde_json::to_value(account.document()).unwrap();
        let groups = value["SecurityGroups"].as_array_mut().unwrap();
        let own = groups.iter_mut().find(|group| group["GroupName"] == GROUP).unwrap();
        own["IpPermissions"][0]["IpProtocol"] = json!("udp");
        value["VpcEndpoints"]
            .as_array_mut()
            .unwrap()
            .retain(|found| stays || found["VpcEndpointType"] != "Interface");
        let account = self::account(&value);
        let done = setup(&account, &wish).await.unwrap();
        let answer = check(&done.found, &wish);
        assert_eq!(answer.verdict, Status::Pass, "{answer:#?}");
        assert_eq!(setup(&account, &wish).await.unwrap().ending, Ending::Unchanged);
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_in_no_vpc_needs_nothing() {
    let mut value = base();
    value["Functions"][0].as_object_mut().unwrap().remove("VpcConfig");
    let account = account(&value);
    let done = setup(&account, &wish()).await.unwrap();
    assert_eq!((done.ending, account.calls().write), (Ending::Unchanged, 0));
    assert_eq!(check(&done.found, &wish()).verdict, Status::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_new_nat_gateway_is_waited_for_before_a_route_leads_to_it() {
    let account = account(&base());
    let done = setup(&account, &wish()).await.unwrap();
    let actions: Vec<&str> = done.applied.iter().map(|applied| applied.action.as_str()).collect();
    let order = [
        "ec2:CreateSubnet",
        "ec2:CreateInternetGateway",
        "ec2:AttachInternetGateway",
        "ec2:AllocateAddress",
        "ec2:CreateNatGateway",
        "ec2:CreateRouteTable",
        "ec2:CreateRoute",
        "ec2:AssociateRouteTable",
    ];
    assert_eq!(&actions[..8], order);
    let nat = &account.document().nat_gateways[0];
    assert_eq!(nat.state, "available");
    let found = account.describe_route_tables(&[VPC.into()]).await.unwrap();
    let leads = |route: &Route| matches!(&route.target, RouteTarget::Nat(id) if id.as_str() == nat.nat_gateway_id);
    assert_eq!(found.iter().filter(|table| table.routes.iter().any(leads)).count(), 2);
    let own: Vec<SubnetId> = found
        .iter()
        .filter(|table| table.routes.iter().any(leads))
        .flat_map(|table| table.associations.iter().map(|found| found.subnet.clone()))
        .collect();
    assert_eq!(own.len(), 2);
}
