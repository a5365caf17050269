//! `internet check` and `internet setup` over the wire: what is built, what is left, and that nothing is built twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_ec2::types::{
    InternetGateway, InternetGatewayBlockMode, InternetGatewayExclusionMode, NatGateway, NatGatewayState, RouteState,
};
use serde_json::Value;

use crate::kills::{Kill, at_a_time, is_thorough};
use crate::world::{Run, World, reads};

const CHECK: &str = "internet check --function f";
/// One NAT gateway for two zones works, and could be better.
const WORKS: &str = "warn";
const SETUP: &str = "internet setup --function f --yes";

/// The checks that have not passed.
fn amiss(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let checks = document["checks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let amiss = checks.iter().filter(|check| check["status"] != "pass");
    amiss
        .map(|check| (text(&check["id"]), text(&check["status"])))
        .collect()
}

fn found(run: &Run) -> (i32, String) {
    (run.status, run.json()["verdict"].as_str().unwrap().to_owned())
}

fn assert_built(run: &Run, verdict: &str) {
    let document = run.json();
    assert_eq!((run.status, &document["result"]), (0, &"built".into()), "{document:#}");
    assert_eq!(document["verdict"], verdict, "{document:#}");
}

/// Nothing is written, by the peer's log too.
fn assert_unchanged(world: &World, arguments: &str) {
    let (again, writes) = world.written(arguments);
    assert_says_unchanged(&again);
    assert_eq!(writes, [] as [String; 0]);
}

fn assert_says_unchanged(again: &Run) {
    let document = again.json();
    let told = (again.status, &document["result"], &document["decision"]);
    assert_eq!(told, (0, &"unchanged".into(), &"no-op".into()), "{document:#}");
    assert_eq!(document["api_calls"]["write"], 0);
}

async fn nat_gateways(world: &World, vpc: &str) -> Vec<NatGateway> {
    let all = world.ec2.describe_nat_gateways().send().await.unwrap();
    let all = all.nat_gateways.unwrap_or_default();
    all.into_iter().filter(|nat| nat.vpc_id() == Some(vpc)).collect()
}

/// Where the table that is a subnet's own leads 0.0.0.0/0: to a NAT gateway.
async fn nat_of(world: &World, vpc: &str, subnet: &str) -> Option<String> {
    let tables = world.route_tables(vpc).await;
    let mut tables = tables.iter();
    let own = tables.find(|table| {
        table
            .associations()
            .iter()
            .any(|found| found.subnet_id() == Some(subnet))
    })?;
    let mut routes = own.routes().iter();
    let default = routes.find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"))?;
    assert_eq!(default.state(), Some(&RouteState::Active));
    default.nat_gateway_id().map(str::to_owned)
}

/// There is one of everything that is made of which one is enough, and the main table is as it was.
async fn assert_one_way(world: &World, vpc: &str) {
    let nats = nat_gateways(world, vpc).await;
    assert_eq!(nats.len(), 1, "{vpc}: {nats:?}");
    let gateways = world.ec2.describe_internet_gateways().send().await.unwrap();
    let of_vpc = gateways
        .internet_gateways()
        .iter()
        .flat_map(InternetGateway::attachments);
    assert_eq!(of_vpc.filter(|found| found.vpc_id() == Some(vpc)).count(), 1, "{vpc}");
    let addresses = world.ec2.describe_addresses().send().await.unwrap();
    let connection = format!("internet/{vpc}");
    let ours = addresses.addresses().iter().filter(|address| {
        let mut tags = address.tags().iter();
        tags.any(|tag| tag.value() == Some(&connection))
    });
    assert_eq!(ours.count(), 1, "{vpc}");
    assert_eq!(
        world.main_table(vpc).await.routes().len(),
        1,
        "{vpc}: only the local route"
    );
    // The main one, that of the public subnet, and that of the function's.
    assert_eq!(world.route_tables(vpc).await.len(), 3, "{vpc}");
}

#[tokio::test]
async fn a_function_in_two_zones_gets_a_way_out_in_each() {
    let world = World::new().await;
    world.function("f").await;
    let setup = format!("{SETUP} --nat-per-zone --tag team=shop");
    let (before, writes) = world.written(CHECK);
    assert_eq!((found(&before), writes), ((2, "fail".to_owned()), vec![]));
    assert!(
        amiss(&before).contains(&("default-route".to_owned(), "fail".to_owned())),
        "{before:?}"
    );
    assert_eq!(before.json()["api_calls"]["write"], 0);

    let (planned, writes) = world.written(&format!("{setup} --dry-run --detailed-exitcode"));
    let plan = planned.json();
    assert_eq!(
        (planned.status, &plan["result"], writes),
        (2, &"planned".into(), vec![])
    );
    let actions = |document: &Value| -> Vec<String> {
        let steps = document["steps"].as_array().unwrap().iter();
        steps
            .map(|step| step["action"].as_str().unwrap().replace("ec2:", ""))
            .collect()
    };
    let charged = plan["steps"].as_array().unwrap().iter();
    assert_eq!(
        charged.filter(|step| !step["charged"].is_null()).count(),
        4,
        "two addresses, two gateways"
    );

    let (built, writes) = world.written(&setup);
    assert_built(&built, "pass");
    assert_eq!(actions(&built.json()), writes, "a step for each write");
    assert_eq!(actions(&plan), writes, "what was planned is what was done");
    let count = |action: &str| writes.iter().filter(|call| *call == action).count();
    let made = [
        "CreateSubnet",
        "CreateInternetGateway",
        "AllocateAddress",
        "CreateNatGateway",
        "CreateRouteTable",
    ];
    assert_eq!(made.map(count), [2, 1, 2, 2, 3], "{writes:?}");
    // Each of the function's subnets leads to the gateway of its own zone.
    let nats = nat_gateways(&world, &world.vpc).await;
    let subnets = world.ec2.describe_subnets().send().await.unwrap();
    let zone = |id: &str| {
        let mut subnets = subnets.subnets().iter();
        let found = subnets.find(|subnet| subnet.subnet_id() == Some(id)).unwrap();
        found.availability_zone().unwrap().to_owned()
    };
    for subnet in &world.subnets {
        let id = nat_of(&world, &world.vpc, subnet).await.unwrap();
        let nat = nats.iter().find(|nat| nat.nat_gateway_id() == Some(&id)).unwrap();
        assert_eq!(zone(nat.subnet_id().unwrap()), zone(subnet));
        assert_eq!(nat.state(), Some(&NatGatewayState::Available));
        assert!(
            nat.tags()
                .iter()
                .any(|tag| (tag.key(), tag.value()) == (Some("team"), Some("shop")))
        );
    }
    assert_eq!(
        world.main_table(&world.vpc).await.routes().len(),
        1,
        "only the local route"
    );

    let (after, writes) = world.written(CHECK);
    assert_eq!(
        (found(&after), amiss(&after), writes),
        ((0, "pass".to_owned()), vec![], vec![])
    );
    assert_unchanged(&world, &setup);
    let again = world.run(&setup).json();
    assert_eq!(
        again["reasons"].as_array().unwrap().len(),
        2,
        "each gateway is told of once: {again:#}"
    );
    // One that is less particular is content with that too.
    assert_unchanged(&world, SETUP);
}

#[tokio::test]
async fn services_get_endpoints_instead() {
    let world = World::new().await;
    world.function("f").await;
    let services = "--service secretsmanager,s3";
    let (check, setup) = (format!("{CHECK} {services}"), format!("{SETUP} {services}"));
    let (before, _) = world.written(&check);
    assert_eq!(found(&before), (2, "fail".to_owned()));
    for id in ["service-secretsmanager", "service-s3"] {
        assert!(
            amiss(&before).contains(&(id.to_owned(), "fail".to_owned())),
            "{before:?}"
        );
    }

    // Without DNS host names there is no private DNS, and to turn them on is for their owner.
    let (refused, writes) = world.written(&setup);
    assert_eq!((refused.error_code(), writes), ("not-ours-to-mend".to_owned(), vec![]));
    assert!(refused.stderr.contains("--enable-dns-hostnames"), "{}", refused.stderr);
    world.host_names(&world.vpc).await;

    let (_, writes) = world.written(&format!("{setup} --dry-run"));
    assert_eq!(writes, [] as [String; 0]);
    let (built, writes) = world.written(&setup);
    assert_built(&built, "pass");
    assert_eq!(writes.len(), 8, "{writes:?}");
    assert!(
        writes
            .iter()
            .all(|call| !call.contains("Nat") && !call.contains("Gateway")),
        "{writes:?}"
    );
    let endpoints = world.ec2.describe_vpc_endpoints().send().await.unwrap();
    let s3 = format!("com.amazonaws.{}.s3", world.region);
    for endpoint in endpoints.vpc_endpoints() {
        if endpoint.service_name() == Some(&s3) {
            assert_eq!(endpoint.route_table_ids().len(), 1);
            assert_ne!(
                endpoint.route_table_ids()[0],
                world.main_table(&world.vpc).await.route_table_id.unwrap()
            );
        } else {
            assert_eq!(
                (endpoint.private_dns_enabled(), endpoint.subnet_ids()),
                (Some(true), &*world.subnets)
            );
        }
    }
    assert_eq!(endpoints.vpc_endpoints().len(), 2);
    let (after, _) = world.written(&check);
    assert_eq!((found(&after), amiss(&after)), ((0, "pass".to_owned()), vec![]));
    assert_unchanged(&world, &setup);
    // One more service: its endpoint shares the group, and the table.
    let (more, writes) = world.written(&format!("{setup},sqs,dynamodb"));
    assert_built(&more, "pass");
    assert_eq!(writes, ["CreateVpcEndpoint", "CreateVpcEndpoint"]);
    assert_unchanged(&world, &format!("{setup},sqs,dynamodb"));
}

/// The function's place is left to its owner, and the commands that are printed are all it takes.
#[tokio::test]
async fn a_function_in_public_subnets_is_refused_with_commands() {
    let world = World::new().await;
    world.function("f").await;
    let ec2 = &world.ec2;
    let gateway = ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = ec2.attach_internet_gateway().internet_gateway_id(&gateway);
    attach.vpc_id(&world.vpc).send().await.unwrap();
    let table = world.main_table(&world.vpc).await.route_table_id.unwrap();
    let route = ec2.create_route().route_table_id(&table).gateway_id(&gateway);
    route.destination_cidr_block("0.0.0.0/0").send().await.unwrap();

    let (check, _) = world.written(CHECK);
    assert_eq!(found(&check), (2, "fail".to_owned()));
    assert!(check.stdout.contains(&gateway), "{}", check.stdout);
    let (refused, writes) = world.written(SETUP);
    assert_eq!((refused.error_code(), writes), ("public-subnet".to_owned(), vec![]));
    let hint = refused.json()["error"]["hint"].as_str().unwrap().to_owned();
    let commands: Vec<&str> = hint.lines().skip(1).map(str::trim).collect();
    let mut private = String::new();
    for command in commands
        .iter()
        .filter(|command| command.starts_with("aws ec2 create-subnet"))
    {
        let words: Vec<&str> = command.split(' ').collect();
        let option = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
        assert_eq!(option("--vpc-id"), world.vpc);
        let zone = option("--availability-zone").trim_start_matches(world.region);
        let subnet = world.subnet(&world.vpc, option("--cidr-block"), zone).await;
        // The main table would make it public too.
        let own = ec2.create_route_table().vpc_id(&world.vpc).send().await.unwrap();
        let own = own.route_table.unwrap().route_table_id.unwrap();
        let associate = ec2.associate_route_table().route_table_id(own).subnet_id(&subnet);
        associate.send().await.unwrap();
        private = format!("{private} --subnet {subnet}");
    }
    let attach = commands
        .iter()
        .find(|command| command.starts_with("autoconnect attach"));
    let attach = attach.unwrap().replace(" --subnet SUBNET", &private);
    assert_eq!(private.matches("--subnet").count(), 2, "{hint}");
    let moved = world.run(&format!("{} --grant --yes", attach.trim_start_matches("autoconnect ")));
    assert_eq!(moved.json()["result"], "attached", "{moved:?}");
    let (built, writes) = world.written(SETUP);
    assert_built(&built, WORKS);
    // A public subnet and an internet gateway are there.
    assert!(!writes.contains(&"CreateSubnet".to_owned()) && !writes.contains(&"CreateInternetGateway".to_owned()));
    assert_unchanged(&world, SETUP);
}

#[tokio::test]
async fn a_way_that_is_gone_is_replaced() {
    let world = World::new().await;
    world.function("f").await;
    assert_built(&world.run(SETUP), WORKS);
    let old = nat_gateways(&world, &world.vpc).await.remove(0).nat_gateway_id.unwrap();
    let delete = world.ec2.delete_nat_gateway().nat_gateway_id(&old);
    delete.send().await.unwrap();
    let (check, _) = world.written(CHECK);
    assert_eq!(found(&check), (2, "fail".to_owned()));
    assert!(
        amiss(&check).contains(&("route-active".to_owned(), "fail".to_owned())),
        "{check:?}"
    );
    let (built, writes) = world.written(SETUP);
    assert_built(&built, WORKS);
    assert_eq!(
        writes,
        ["CreateNatGateway", "ReplaceRoute"],
        "with the address that is there"
    );
    assert_unchanged(&world, SETUP);
}

/// Whichever answer is lost, what it reported is found, and nothing is there twice.
#[tokio::test]
async fn lost_answers_build_nothing_twice() {
    let world = World::new().await;
    world.function("f").await;
    let plan = world.run(&format!("{SETUP} --dry-run")).json();
    let steps = plan["steps"].as_array().unwrap().iter();
    let actions: BTreeSet<&str> = steps.map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 8, "{actions:?}");
    for action in actions {
        world.lose_answer(action.trim_start_matches("ec2:"));
    }
    assert_built(&world.run(SETUP), WORKS);
    assert_one_way(&world, &world.vpc).await;
    assert_unchanged(&world, SETUP);

    world.host_names(&world.vpc).await;
    let nat = nat_gateways(&world, &world.vpc).await.remove(0).nat_gateway_id.unwrap();
    let delete = world.ec2.delete_nat_gateway().nat_gateway_id(nat);
    delete.send().await.unwrap();
    let setup = format!("{SETUP} --service sts,s3");
    let lost = [
        "CreateSecurityGroup",
        "RevokeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateVpcEndpoint",
    ];
    for action in lost {
        world.lose_answer(action);
    }
    // Clients of STS may use its global name, to which no endpoint leads.
    assert_built(&world.run(&setup), "warn");
    let endpoints = world.ec2.describe_vpc_endpoints().send().await.unwrap();
    assert_eq!(endpoints.vpc_endpoints().len(), 2);
    assert_unchanged(&world, &setup);
}

/// Killed right after each of its writes: each run has a VPC of its own.
#[tokio::test]
async fn a_killed_run_is_finished_by_the_next() {
    let world = World::new().await;
    world.elsewhere("whole", "10.1").await;
    let setup = |name: &str| format!("internet setup --function {name} --yes");
    let mark = world.mark();
    assert_built(&world.run(&setup("whole")), WORKS);
    let requests = world.calls_since(mark);
    let mut kills = Vec::new();
    for request in (0..requests.len()).filter(|at| is_thorough() || !reads(&requests[*at])) {
        let name = format!("killed-{request}");
        let vpc = world.elsewhere(&name, &format!("10.{}", kills.len() + 2)).await;
        let kill = Kill { request, applied: true };
        kills.push((kill, name, vpc));
    }
    let killed = AtomicUsize::new(0);
    at_a_time(&kills, |(kill, name, _)| {
        let is_alive = world.is_killed(&setup(name), name, *kill);
        killed.fetch_add(usize::from(is_alive), Ordering::Relaxed);
        // After the last write nothing may be left to do.
        let healed = world.run(&setup(name));
        let document = healed.json();
        assert_eq!(
            (healed.status, &document["verdict"]),
            (0, &WORKS.into()),
            "{kill:?}: {document:#}"
        );
        assert_says_unchanged(&world.run(&setup(name)));
    });
    for (_, _, vpc) in &kills {
        assert_one_way(&world, vpc).await;
    }
    assert!(kills.len() >= 12 && killed.into_inner() + 2 >= kills.len());
}

/// What VPC Block Public Access stops is reported, and nothing that is charged for is built behind it.
#[tokio::test]
async fn public_access_may_be_blocked() {
    let world = World::new().await;
    let vpc = world.vpc.clone();
    world.function("f").await;
    assert_built(&world.run(SETUP), WORKS);
    let nat = &nat_gateways(&world, &vpc).await[0];
    let subnet = nat.subnet_id().unwrap().to_owned();
    let block = |mode: InternetGatewayBlockMode| {
        let call = world.ec2.modify_vpc_block_public_access_options();
        let call = call.internet_gateway_block_mode(mode);
        async move { call.send().await.unwrap() }
    };
    assert!(world.calls_since(0).iter().all(|call| !call.contains("Exclusions")));

    block(InternetGatewayBlockMode::BlockIngress).await;
    assert_eq!(found(&world.run(CHECK)), (0, WORKS.to_owned()));
    block(InternetGatewayBlockMode::BlockBidirectional).await;
    let stopped = world.run(CHECK);
    assert_eq!(found(&stopped), (2, "fail".to_owned()));
    assert!(
        amiss(&stopped).contains(&("public-access".to_owned(), "fail".to_owned())),
        "{:?}",
        amiss(&stopped)
    );
    let (refused, writes) = world.written(SETUP);
    assert_eq!(
        (refused.status, refused.error_code().as_str()),
        (1, "public-access-blocked")
    );
    assert_eq!(writes, [] as [String; 0]);

    let exclude = world.ec2.create_vpc_block_public_access_exclusion();
    let exclude = exclude.internet_gateway_exclusion_mode(InternetGatewayExclusionMode::AllowEgress);
    exclude.subnet_id(subnet).send().await.unwrap();
    assert_eq!(found(&world.run(CHECK)), (0, WORKS.to_owned()));
    assert_unchanged(&world, SETUP);

    world.fault(
        "DescribeVpcBlockPublicAccessOptions",
        1,
        403,
        "UnauthorizedOperation",
        "You are not authorized",
    );
    let denied = world.run(CHECK);
    assert_eq!(found(&denied), (0, "unknown".to_owned()));
    assert_eq!(amiss(&denied)[0], ("public-access".to_owned(), "unknown".to_owned()));
}

/// A service that the Region does not have is an error that names the nearest, before anything is written.
#[tokio::test]
async fn a_mistyped_service_is_an_error() {
    let world = World::new().await;
    world.function("f").await;
    for command in [CHECK, SETUP] {
        let (run, writes) = world.written(&format!("{command} --service secretmanager"));
        assert_eq!((run.status, run.error_code().as_str()), (1, "service-not-found"));
        let hint = run.json()["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.starts_with("did you mean secretsmanager"), "{hint}");
        assert_eq!(writes, [] as [String; 0]);
    }
}
