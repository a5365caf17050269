//! MSK clusters as event sources, over the wire.

use aws_sdk_kafka::types::{
    BrokerNodeGroupInfo, ClientAuthentication, Iam, ProvisionedRequest, Sasl, Scram, ServerlessClientAuthentication,
    ServerlessRequest, ServerlessSasl, VpcConfig,
};
use aws_sdk_lambda::types::{ProvisionedPollerConfig, SourceAccessConfiguration, SourceAccessType};
use serde_json::Value;

use crate::world::{World, finish, reads};

/// A cluster in the world's subnets, with a group that lets itself in on `port`.
async fn cluster(world: &World, port: i32, sasl: Sasl) -> (String, String) {
    let group = world.group("brokers").await;
    let pair = aws_sdk_ec2::types::UserIdGroupPair::builder().group_id(&group).build();
    let permission = aws_sdk_ec2::types::IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(port)
        .to_port(port)
        .user_id_group_pairs(pair)
        .build();
    let rule = world
        .ec2
        .authorize_security_group_ingress()
        .group_id(&group)
        .ip_permissions(permission);
    rule.send().await.unwrap();
    let brokers = BrokerNodeGroupInfo::builder()
        .set_client_subnets(Some(world.subnets.clone()))
        .security_groups(&group)
        .instance_type("kafka.m7g.large")
        .build();
    let provisioned = ProvisionedRequest::builder()
        .broker_node_group_info(brokers)
        .client_authentication(ClientAuthentication::builder().sasl(sasl).build())
        .kafka_version("3.8.x")
        .number_of_broker_nodes(2)
        .build();
    let made = world
        .kafka
        .create_cluster_v2()
        .cluster_name("orders")
        .provisioned(provisioned)
        .send()
        .await;
    (made.unwrap().cluster_arn.unwrap(), group)
}

fn iam() -> Sasl {
    Sasl::builder().iam(Iam::builder().enabled(true).build()).build()
}

fn scram() -> Sasl {
    Sasl::builder().scram(Scram::builder().enabled(true).build()).build()
}

fn statuses(document: &Value) -> Vec<(&str, &str)> {
    let checks = document["checks"].as_array();
    let checks = checks.unwrap_or_else(|| panic!("{document:#}")).iter();
    let not_passed = checks.filter(|check| check["status"] != "pass");
    not_passed
        .map(|check| (check["id"].as_str().unwrap(), check["status"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_cluster_without_a_way_out_gets_endpoints() {
    let world = World::new().await;
    let (arn, group) = cluster(&world, 9098, iam()).await;
    let check = format!("msk check --cluster-arn {arn}");
    assert_eq!(
        statuses(&world.run(&check).json()),
        [("cluster", "warn"), ("nat-gateways", "fail"), ("endpoints", "fail")]
    );
    for _ in 0..2 {
        world.run(&check);
    }
    let mark = world.mark();
    let run = world.run(&check);
    assert_eq!(run.status, 2);
    assert_eq!(statuses(&run.json()), [("nat-gateways", "fail"), ("endpoints", "fail")]);
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));
    let provisioned = world.run(&format!("{check} --mode provisioned"));
    assert_eq!(
        (provisioned.status, &provisioned.json()["verdict"]),
        (0, &"pass".into())
    );

    // moto gives a new VPC no DNS host names, as EC2 does: without them there is no private DNS.
    let setup = format!("msk setup --cluster-arn {arn} --via endpoints --yes");
    assert_eq!(world.run(&setup).error_code(), "msk-endpoints-blocked");
    let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    let attribute = world
        .ec2
        .modify_vpc_attribute()
        .vpc_id(&world.vpc)
        .enable_dns_hostnames(on);
    attribute.send().await.unwrap();

    world.lose_answer("CreateVpcEndpoint");
    let run = world.run(&setup);
    let document = run.json();
    assert_eq!((run.status, &document["result"]), (0, &"built".into()), "{run:?}");
    assert_eq!(document["verdict"], "pass", "{document:#}");
    let endpoints = world
        .ec2
        .describe_vpc_endpoints()
        .send()
        .await
        .unwrap()
        .vpc_endpoints
        .unwrap();
    let mut services: Vec<&str> = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.service_name())
        .collect();
    services.sort_unstable();
    let expected = ["lambda", "sts"].map(|service| format!("com.amazonaws.{}.{service}", world.region));
    assert_eq!(services, expected);
    for endpoint in &endpoints {
        assert_eq!(endpoint.private_dns_enabled(), Some(true));
        assert_eq!(endpoint.subnet_ids(), world.subnets);
    }
    let brokers = world
        .ec2
        .describe_security_groups()
        .group_ids(&group)
        .send()
        .await
        .unwrap();
    assert_eq!(brokers.security_groups()[0].ip_permissions().len(), 1);

    let mark = world.mark();
    let again = world.run(&setup).json();
    assert_eq!(
        (&again["result"], &again["decision"]),
        (&"unchanged".into(), &"no-op".into())
    );
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");

    let narrowed = world.run(&format!("{setup} --restrict")).json();
    assert_eq!(
        (&narrowed["result"], &narrowed["verdict"]),
        (&"built".into(), &"pass".into()),
        "{narrowed:#}"
    );
    assert_eq!(narrowed["steps"].as_array().unwrap().len(), 2);
    let again = world.run(&format!("{setup} --restrict")).json();
    assert_eq!(again["result"], "unchanged");
}

#[tokio::test]
async fn mode_and_authentication_are_those_of_the_mapping() {
    let world = World::new().await;
    let (arn, _) = cluster(&world, 9096, scram()).await;
    world.function_in("sink", None).await;
    let secret = SourceAccessConfiguration::builder()
        .r#type(SourceAccessType::SaslScram512Auth)
        .uri(format!(
            "arn:aws:secretsmanager:{}:123456789012:secret:AmazonMSK_s-AbCdEf",
            world.region
        ))
        .build();
    let pollers = ProvisionedPollerConfig::builder().minimum_pollers(1).build();
    let mapping = world
        .lambda
        .create_event_source_mapping()
        .function_name("sink")
        .event_source_arn(&arn)
        .topics("orders")
        .source_access_configurations(secret)
        .provisioned_poller_config(pollers);
    let uuid = mapping.send().await.unwrap().uuid.unwrap();
    for which in [String::new(), format!("--mapping {uuid}"), "--function sink".to_owned()] {
        let document = world.run(&format!("msk check --cluster-arn {arn} {which}")).json();
        let summary = document["summary"].as_str().unwrap_or_else(|| panic!("{document:#}"));
        assert!(summary.contains("provisioned mode, SASL/SCRAM"), "{which}: {summary}");
        // The role of the tests' functions has no policies.
        assert!(
            statuses(&document).contains(&("execution-role", "fail")),
            "{which}: {document:#}"
        );
    }
    let on_demand = world.run(&format!("msk check --cluster-arn {arn} --mode on-demand"));
    assert!(
        on_demand
            .stdout
            .contains(&format!("com.amazonaws.{}.secretsmanager", world.region))
    );
    let none = world.run(&format!(
        "msk check --cluster-arn {arn} --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2"
    ));
    assert_eq!((none.status, none.error_code().as_str()), (1, "mapping-not-found"));
    let none = world.run(&format!("msk check --cluster-arn {arn}x"));
    assert_eq!((none.status, none.error_code().as_str()), (1, "msk-cluster-not-found"));
}

/// A serverless cluster in the world's subnets.
async fn serverless(world: &World) -> String {
    let config = VpcConfig::builder()
        .set_subnet_ids(Some(world.subnets.clone()))
        .security_group_ids(&world.base)
        .build();
    let sasl = ServerlessSasl::builder()
        .iam(Iam::builder().enabled(true).build())
        .build();
    let serverless = ServerlessRequest::builder()
        .vpc_configs(config)
        .client_authentication(ServerlessClientAuthentication::builder().sasl(sasl).build())
        .build();
    let made = world
        .kafka
        .create_cluster_v2()
        .cluster_name("telemetry")
        .serverless(serverless)
        .send()
        .await;
    made.unwrap().cluster_arn.unwrap()
}

#[tokio::test]
async fn serverless_clusters_are_checked_likewise() {
    let world = World::new().await;
    let arn = serverless(&world).await;
    let document = world
        .run(&format!("msk check --cluster-arn {arn} --mode provisioned"))
        .json();
    let found = statuses(&document);
    assert!(found.contains(&("brokers-inbound", "fail")), "{document:#}");
    assert!(document["summary"].as_str().unwrap().contains("IAM"));
}

#[tokio::test]
async fn a_snapshot_over_the_wire_answers_alike() {
    let world = World::new().await;
    let (arn, _) = cluster(&world, 9098, iam()).await;
    let other = serverless(&world).await;
    world.function_in("sink", None).await;
    let pollers = ProvisionedPollerConfig::builder().minimum_pollers(3).build();
    let mapping = world
        .lambda
        .create_event_source_mapping()
        .function_name("sink")
        .event_source_arn(&arn)
        .topics("orders")
        .provisioned_poller_config(pollers);
    let uuid = mapping.send().await.unwrap().uuid.unwrap();
    // A new cluster is soon active.
    while !statuses(&world.run(&format!("msk check --cluster-arn {arn}")).json())
        .iter()
        .all(|(check, _)| *check != "cluster")
    {}
    while world.run(&format!("msk check --cluster-arn {other}")).json()["checks"][0]["status"] != "pass" {}
    let folder = tempfile::tempdir().unwrap();
    for vpc in [String::new(), format!("--vpc {}", world.vpc)] {
        let file = folder.path().join("account.json");
        let mark = world.mark();
        let taken = finish(
            world
                .command()
                .args(format!("snapshot {vpc} --out {}", file.display()).split_whitespace()),
        );
        assert_eq!(taken.status, 0, "{taken:?}");
        assert!(!taken.stderr.contains("not in the snapshot"), "{taken:?}");
        let calls = world.calls_since(mark);
        assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
        for command in [
            format!("msk check --cluster-arn {arn}"),
            format!("msk check --cluster-arn {arn} --mapping {uuid}"),
            format!("msk check --cluster-arn {arn} --function sink --mode on-demand"),
            format!("msk check --cluster-arn {other}"),
            format!("msk setup --cluster-arn {arn} --via nat --dry-run"),
            format!("msk setup --cluster-arn {other} --via endpoints --dry-run"),
        ] {
            let on_the_wire = world.run(&command).json();
            let offline = finish(
                world
                    .command()
                    .args(command.split_whitespace())
                    .args(["--output", "json", "--offline"])
                    .arg(&file),
            );
            let mut offline = offline.json();
            // How many calls it takes is not part of the answer.
            if let Some(calls) = offline.get_mut("api_calls") {
                *calls = on_the_wire["api_calls"].clone();
            }
            assert_eq!(offline, on_the_wire, "{command}");
        }
    }
}
