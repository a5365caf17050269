//! Functions into a VPC and out of it, over the wire.

use aws_sdk_ec2::types::Tenancy;

use crate::world::{World, reads};

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
const VPC_ACCESS: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";

/// A cluster, and a function in no VPC whose role may do nothing.
async fn outside() -> World {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    // Roles are in no Region: each test has its own.
    let role = world.iam.create_role().role_name(role(&world));
    let role = role
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap()
        .role
        .unwrap();
    world.function_in("newsletter", None).await;
    let update = world.lambda.update_function_configuration().function_name("newsletter");
    update.role(role.arn).send().await.unwrap();
    world
}

fn role(world: &World) -> String {
    format!("newsletter-{}", world.region)
}

async fn grant(world: &World) {
    let policy = world.iam.attach_role_policy().role_name(role(world));
    policy.policy_arn(VPC_ACCESS).send().await.unwrap();
}

fn place(world: &World) -> String {
    let subnets = world.subnets.iter().map(|id| format!("--subnet {id}"));
    let subnets: Vec<String> = subnets.collect();
    format!(
        "--function newsletter {} --security-group {}",
        subnets.join(" "),
        world.base
    )
}

#[tokio::test]
async fn a_function_goes_into_a_vpc_and_out_of_it() {
    let world = outside().await;
    let arguments = format!("attach {}", place(&world));
    let mark = world.mark();
    let refused = world.run(&format!("{arguments} --yes"));
    assert_eq!(refused.error_code(), "role-without-vpc-access", "{refused:?}");
    let planned = world.run(&format!("{arguments} --grant --dry-run --detailed-exitcode"));
    assert_eq!(planned.status, 2, "{planned:?}");
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");

    // The role does not work at once.
    let words = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2";
    world.fault(
        "UpdateFunctionConfiguration",
        2,
        400,
        "InvalidParameterValueException",
        words,
    );
    let attached = world.run(&format!("{arguments} --grant --yes")).json();
    assert_eq!(attached["result"], "attached", "{attached:#}");
    assert_eq!(attached["vpc_config"]["vpc"], world.vpc.as_str(), "{attached:#}");
    assert_eq!(attached["vpc_config"]["subnets"].as_array().unwrap().len(), 2);
    assert_eq!(
        world.groups_of_function("newsletter").await,
        std::slice::from_ref(&world.base)
    );
    let actions: Vec<&str> = attached["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["iam:AttachRolePolicy", "lambda:UpdateFunctionConfiguration"]);

    let again = world.run(&format!("{arguments} --yes")).json();
    assert_eq!(
        (&again["result"], &again["api_calls"]["write"]),
        (&"unchanged".into(), &0.into())
    );

    let detached = world.run("detach --function newsletter --yes").json();
    assert_eq!(
        (&detached["result"], &detached["vpc_config"]),
        (&"detached".into(), &serde_json::Value::Null)
    );
    let again = world.run("detach --function newsletter --yes").json();
    assert_eq!(again["result"], "unchanged");
}

/// What `diagnose` prints for a function in no VPC is all it takes to connect it.
#[tokio::test]
async fn the_printed_commands_attach_and_connect() {
    let world = outside().await;
    world.host_names(&world.vpc).await;
    let diagnose = || world.run("diagnose --cluster orders --function newsletter");
    let document = diagnose().json();
    assert_eq!(document["verdict"], "fail", "{document:#}");
    let remedy = document["checks"][0]["remedy"].as_str().unwrap();
    let mut commands = remedy.lines().filter_map(|line| line.strip_prefix("autoconnect "));
    let attach = commands.next().unwrap();
    let attached = world.run(&format!("{attach} --grant --yes")).json();
    assert_eq!(attached["result"], "attached", "{attached:#}");
    let subnets = attached["vpc_config"]["subnets"].as_array().unwrap();
    assert_eq!(subnets.len(), world.subnets.len());
    assert_eq!(
        world.groups_of_function("newsletter").await,
        std::slice::from_ref(&world.base)
    );
    let connected = world.run(&format!("{} --yes", commands.next().unwrap())).json();
    assert_eq!(connected["result"], "connected", "{connected:#}");
    let document = diagnose().json();
    assert_eq!(document["verdict"], "pass", "{document:#}");
}

#[tokio::test]
async fn like_a_database_is_where_it_is() {
    let world = outside().await;
    grant(&world).await;
    let attached = world
        .run("attach --function newsletter --like-database orders --yes")
        .json();
    assert_eq!(attached["result"], "attached", "{attached:#}");
    assert_eq!(
        world.groups_of_function("newsletter").await,
        std::slice::from_ref(&world.base)
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_the_first_write() {
    let world = outside().await;
    grant(&world).await;
    let vpc = world
        .ec2
        .create_vpc()
        .cidr_block("10.9.0.0/16")
        .instance_tenancy(Tenancy::Dedicated);
    let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let subnet = world.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.9.0.0/24");
    let dedicated = subnet.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
    let base = &world.base;
    let table = [
        (
            format!("--subnet {dedicated} --security-group {base}"),
            "dedicated-tenancy",
        ),
        (
            format!(
                "--subnet {dedicated} --subnet {} --security-group {base}",
                world.subnets[0]
            ),
            "several-vpcs",
        ),
        (
            format!("--subnet {} --security-group sg-0123456789abcdef0", world.subnets[0]),
            "not-in-vpc",
        ),
        (
            format!("--subnet {} --security-group {base} --ipv6", world.subnets[0]),
            "not-dual-stack",
        ),
        (
            format!("--subnet subnet-0123456789abcdef0 --security-group {base}"),
            "not-found",
        ),
    ];
    let mark = world.mark();
    for (arguments, code) in table {
        let refused = world.run(&format!("attach --function newsletter {arguments} --yes"));
        assert_eq!(refused.error_code(), code, "{refused:?}");
    }
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
}

#[tokio::test]
async fn a_public_subnet_is_reported() {
    let world = outside().await;
    grant(&world).await;
    let gateway = world.ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = world.ec2.attach_internet_gateway().internet_gateway_id(&gateway);
    attach.vpc_id(&world.vpc).send().await.unwrap();
    let table = world.ec2.create_route_table().vpc_id(&world.vpc).send().await.unwrap();
    let table = table.route_table.unwrap().route_table_id.unwrap();
    let route = world.ec2.create_route().route_table_id(&table).gateway_id(&gateway);
    route.destination_cidr_block("0.0.0.0/0").send().await.unwrap();
    let associate = world.ec2.associate_route_table().route_table_id(&table);
    associate.subnet_id(&world.subnets[0]).send().await.unwrap();

    let planned = world.run(&format!("attach {} --dry-run", place(&world)));
    assert!(
        planned
            .stdout
            .contains(&format!("Public subnets: {}.", world.subnets[0])),
        "{planned:?}"
    );
    // Of a database's subnets only the private one is taken.
    let like = world
        .run("attach --function newsletter --like-database orders --dry-run")
        .json();
    let summary = like["steps"][0]["summary"].as_str().unwrap();
    assert!(
        summary.contains(&world.subnets[1]) && !summary.contains(&world.subnets[0]),
        "{summary}"
    );
}

#[tokio::test]
async fn setup_attaches_what_is_in_no_vpc() {
    let world = outside().await;
    let refused = world.setup("--cluster orders --function newsletter --yes");
    assert_eq!(refused.error_code(), "function-not-in-vpc", "{refused:?}");
    let refused = world.setup("--cluster orders --function newsletter --attach-vpc --yes");
    assert_eq!(refused.error_code(), "role-without-vpc-access", "{refused:?}");
    grant(&world).await;
    let connected = world.setup_succeeds("--cluster orders --function newsletter --attach-vpc --yes");
    assert_eq!(
        (&connected["decision"], &connected["result"]),
        (&"create-new".into(), &"connected".into())
    );
    let group = world.the_group("lambda-rds-1").await.group_id.unwrap();
    assert_eq!(world.groups_of_function("newsletter").await, [group]);
    let again = world.setup_succeeds("--cluster orders --function newsletter --attach-vpc --yes");
    assert_eq!(
        (&again["result"], &again["api_calls"]["write"]),
        (&"unchanged".into(), &0.into())
    );
}
