//! Limits of AWS that no setting lifts are reported where the user needs them.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::diagnostics::connection::{Diagnosis, diagnose};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::internet::{self, Wish};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{DatabaseKind, EventSource};
use autoconnect::msk::{EndpointsWish, check};
use autoconnect::observe::{MskTarget, ObserveError, ProxyWish, Target, Which, msk_scene, scene, way_out};
use autoconnect::reconcile::{Disconnect, MskSetup, MskVia, Options, converge};
use autoconnect::removal::RemovalWish;
use serde_json::{Value, json};

use crate::requirement_matrix::base;
use crate::support::*;

fn account(value: &Value) -> OfflineAccount {
    let document: AccountDocument = serde_json::from_value(value.clone()).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

fn target(proxy: bool) -> Target {
    let mut target = Target::direct(DatabaseKind::Cluster, "orders", "f");
    if proxy {
        target.proxy = ProxyWish::Existing("through".into());
    }
    target
}

async fn diagnosed(value: &Value, proxy: bool) -> Diagnosis {
    diagnose(&scene(&account(value), &target(proxy)).await.unwrap())
}

fn find<'c>(checks: &'c [Check], id: &str) -> Option<&'c Check> {
    checks.iter().find(|check| check.id == id)
}

/// The timeout besides the time that a connection takes. What an older account file leaves out is not judged.
#[tokio::test(start_paused = true)]
async fn the_timeout_leaves_time_to_connect() {
    let table = [
        // Timeout, MinCapacity, through a proxy: what is said.
        (None, None, false, None),
        (Some(30), None, false, Some((Status::Pass, "leaves time"))),
        (Some(3), None, false, Some((Status::Warn, "times out after 3 s"))),
        (Some(4), None, false, Some((Status::Pass, "leaves time"))),
        (
            Some(3),
            Some(json!(0.5)),
            false,
            Some((Status::Warn, "first connection")),
        ),
        (Some(30), Some(json!(0.5)), false, Some((Status::Pass, "leaves time"))),
        (Some(3), Some(json!(0)), false, Some((Status::Warn, "about 15 s"))),
        (Some(15), Some(json!(0.0)), false, Some((Status::Warn, "about 15 s"))),
        (Some(16), Some(json!(0)), false, Some((Status::Pass, "leaves time"))),
        (None, Some(json!(0)), false, Some((Status::Warn, "was not read"))),
        (Some(30), Some(json!(0)), true, Some((Status::Warn, "does not pause"))),
        (Some(30), Some(json!(1)), true, Some((Status::Pass, "leaves time"))),
    ];
    for (timeout, min, proxy, expected) in table {
        let mut value = base();
        value["Functions"][0].as_object_mut().unwrap().remove("Timeout");
        if let Some(seconds) = timeout {
            value["Functions"][0]["Timeout"] = json!(seconds);
        }
        if let Some(min) = &min {
            value["DBClusters"][0]["ServerlessV2ScalingConfiguration"] = json!({"MinCapacity": min, "MaxCapacity": 4});
        }
        let diagnosis = diagnosed(&value, proxy).await;
        let found = find(&diagnosis.checks, "timeout");
        let name = format!("{timeout:?} {min:?} {proxy}: {found:?}");
        match expected {
            None => assert!(found.is_none(), "{name}"),
            Some((status, text)) => {
                let found = found.unwrap();
                assert_eq!(found.status, status, "{name}");
                assert!(found.message.contains(text), "{name}");
            }
        }
    }
}

/// A function on the instances of a capacity provider has their network: nothing is said of its own.
#[tokio::test(start_paused = true)]
async fn the_network_of_managed_instances_is_the_providers() {
    let mut value = base();
    let arn = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:pool";
    value["Functions"][0]["CapacityProviderConfig"] =
        json!({"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}});
    for has_vpc in [true, false] {
        if !has_vpc {
            value["Functions"][0].as_object_mut().unwrap().remove("VpcConfig");
        }
        let diagnosis = diagnosed(&value, false).await;
        assert_eq!(diagnosis.verdict, Status::Unknown, "{diagnosis:#?}");
        let attached = find(&diagnosis.checks, "attached").unwrap();
        assert!(attached.message.contains("capacity provider pool"), "{attached:?}");
        let ids = ["security-groups", "network-acls", "routes", "subnets", "execution-role"];
        assert!(
            ids.iter().all(|id| find(&diagnosis.checks, id).is_none()),
            "{diagnosis:#?}"
        );

        let cloud = account(&value);
        let answer = internet::check(&way_out(&cloud, "f", &[]).await.unwrap(), &wish(&[]));
        assert_eq!(
            (answer.verdict, answer.checks.len()),
            (Status::Unknown, 1),
            "{answer:#?}"
        );

        let goal = Disconnect {
            target: target(false),
            wish: RemovalWish::default(),
            wait_for_database: false,
        };
        let ended = converge(
            &cloud,
            &goal,
            &Options::default(),
            &Script::default(),
            Interrupt::never(),
        )
        .await;
        let notes = ended.unwrap().draft.notes.join(" ");
        assert!(notes.contains("capacity provider pool"), "{notes}");
        assert_eq!(cloud.calls().write, 0);
    }
}

/// What keeps its settings, and what no longer pauses, is said before anything is written.
#[tokio::test(start_paused = true)]
async fn what_setup_changes_beside_is_reported() {
    let mut value = base();
    value["DBClusters"][0]["ServerlessV2ScalingConfiguration"] = json!({"MinCapacity": 0, "MaxCapacity": 4});
    for (proxy, pauses) in [(false, false), (true, true)] {
        let cloud = account(&value);
        let outcome = setup_with(&cloud, &target(proxy), &dry_run(), &Script::default())
            .await
            .unwrap();
        let notes = outcome.draft.notes.join(" ");
        assert!(notes.contains("Published versions of function f"), "{notes}");
        assert_eq!(notes.contains("does not pause"), pauses, "{notes}");
    }
    // What is connected already changes nothing.
    let cloud = account(&value);
    setup(&cloud, &target(false)).await.unwrap();
    let outcome = setup_with(&cloud, &target(false), &dry_run(), &Script::default())
        .await
        .unwrap();
    assert!(!outcome.draft.notes.join(" ").contains("Published versions"));
}

fn wish(services: &[&str]) -> Wish {
    Wish {
        services: services.iter().map(ToString::to_string).collect(),
        ..crate::internet::wish()
    }
}

/// An endpoint stands for the Region's name of a service, and for no other.
#[tokio::test(start_paused = true)]
async fn an_endpoint_serves_the_name_of_the_region() {
    let with = |service: &str| {
        let mut value = crate::internet::base();
        value["SecurityGroups"].as_array_mut().unwrap().push(json!({"GroupId": "sg-e", "GroupName": "e", "VpcId": "vpc-0a1b",
            "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-f"}]}]}));
        value["VpcEndpoints"].as_array_mut().unwrap().push(json!({"VpcEndpointId": "vpce-e", "VpcEndpointType": "Interface",
            "VpcId": "vpc-0a1b", "ServiceName": format!("com.amazonaws.eu-central-1.{service}"), "SubnetIds": ["subnet-a", "subnet-b"],
            "Groups": [{"GroupId": "sg-e"}], "PrivateDnsEnabled": true}));
        value
    };
    let table = [
        (
            "sts",
            with("sts"),
            Status::Warn,
            "only sts.eu-central-1.amazonaws.com, not sts.amazonaws.com",
        ),
        ("sqs", with("sqs"), Status::Pass, "sqs.eu-central-1.amazonaws.com"),
        (
            "iam",
            crate::internet::base(),
            Status::Fail,
            "one endpoint for all Regions",
        ),
    ];
    for (service, value, status, text) in table {
        let answer = internet::check(&way_out(&account(&value), "f", &[]).await.unwrap(), &wish(&[service]));
        let check = find(&answer.checks, &format!("service-{service}")).unwrap();
        assert_eq!(check.status, status, "{check:#?}");
        assert!(format!("{check:?}").contains(text), "{check:#?}");
        if service == "iam" {
            assert!(!check.remedy.as_ref().unwrap().contains("--service"), "{check:#?}");
        }
    }
    // No endpoint is built for what has none in this Region.
    let cloud = account(&crate::internet::base());
    let failure = crate::internet::setup(&cloud, &wish(&["iam"])).await.unwrap_err();
    assert_eq!((failure.error.code(), cloud.calls().write), ("not-ours-to-mend", 0));
}

fn msk() -> Value {
    serde_json::to_value(account_of("msk.json", |_| ()).document()).unwrap()
}

/// Event sources other than MSK clusters are named, and said not to be checked.
#[tokio::test(start_paused = true)]
async fn other_event_sources_are_named() {
    let place = "eu-central-1:123456789012";
    let connection = format!("arn:aws:kafka:{place}:vpc-connection/210987654321/orders/0e01-1");
    let documents = format!("arn:aws:rds:{place}:cluster:documents");
    let broker = format!("arn:aws:mq:{place}:broker:b:b-0e01");
    let servers = json!({"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka.example.com:9092"]}});
    let table: [(EventSource, Option<&str>, &str); 4] = [
        (
            EventSource::MskVpcConnection,
            Some(&connection),
            "vpc-connection/210987654321",
        ),
        (EventSource::DocumentDb, Some(&documents), "cluster:documents"),
        (EventSource::Mq, Some(&broker), "broker:b"),
        (EventSource::SelfManagedKafka, None, "kafka.example.com:9092"),
    ];
    for (source, arn, name) in table {
        let mut value = msk();
        let mut mapping = value["EventSourceMappings"][0].clone();
        mapping["UUID"] = json!("0e0e0e0e-0000-4000-8000-00000000000e");
        mapping.as_object_mut().unwrap().remove("EventSourceArn");
        match arn {
            Some(arn) => mapping["EventSourceArn"] = json!(arn),
            None => mapping["SelfManagedEventSource"] = servers.clone(),
        }
        value["EventSourceMappings"].as_array_mut().unwrap().push(mapping);
        let cloud = account(&value);
        let orders = value["MskClusters"][0]["ClusterArn"].as_str().unwrap().to_owned();
        let by_uuid = Which::One("0e0e0e0e-0000-4000-8000-00000000000e".into());
        let mut targets = vec![(None, by_uuid.clone()), (Some(orders), by_uuid)];
        targets.extend(arn.map(|arn| (Some(arn.to_owned()), Which::All)));
        for (cluster, which) in targets {
            let target = MskTarget {
                cluster,
                which,
                mode: None,
                authentication: None,
            };
            let Err(ObserveError::NotChecked(found)) = msk_scene(&cloud, &target).await else {
                panic!("{target:?}");
            };
            assert_eq!(found.source, source);
            let text = found.to_string();
            assert!(text.contains(name) && text.contains("not checked"), "{text}");
            let goal = MskSetup {
                target,
                via: MskVia::Endpoints,
                wish: EndpointsWish::default(),
            };
            let ended = converge(
                &cloud,
                &goal,
                &Options::default(),
                &Script::default(),
                Interrupt::never(),
            )
            .await;
            assert_eq!(ended.unwrap_err().error.code(), "event-source-not-checked");
        }
    }
    // A mapping alone names its cluster.
    let value = msk();
    let uuid = value["EventSourceMappings"][0]["UUID"].as_str().unwrap();
    let target = MskTarget {
        cluster: None,
        which: Which::One(uuid.to_owned()),
        mode: None,
        authentication: None,
    };
    let scene = msk_scene(&account(&value), &target).await.unwrap();
    assert_eq!(
        value["EventSourceMappings"][0]["EventSourceArn"],
        json!(scene.cluster.arn)
    );
}

/// The least policy of the endpoint of Secrets Manager names the execution roles, as the guide's does; a policy for Lambda or
/// STS that names an ARN where the guide asks for all resources is a warning.
#[tokio::test(start_paused = true)]
async fn endpoint_policies_have_the_shapes_of_the_guide() {
    let cloud = account_of("msk.json", |_| ());
    let goal = crate::msk::goal("payments", MskVia::Endpoints, true);
    let ended = converge(
        &cloud,
        &goal,
        &Options::default(),
        &Script::default(),
        Interrupt::never(),
    )
    .await;
    let scene = ended.unwrap().found.scene;
    let role = scene.function.as_ref().unwrap().role.clone().unwrap();
    let value = serde_json::to_value(cloud.document()).unwrap();
    let endpoints = value["VpcEndpoints"].as_array().unwrap();
    let policies = endpoints
        .iter()
        .filter_map(|endpoint| endpoint["PolicyDocument"].as_str());
    let policy = policies
        .into_iter()
        .find(|policy| policy.contains("secretsmanager"))
        .unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    assert_eq!(policy["Statement"][0]["Principal"], json!({"AWS": role}), "{policy}");
    assert_eq!(check(&scene).verdict, Status::Pass, "{:#?}", check(&scene).checks);

    let function = scene.function.as_ref().unwrap().arn.clone();
    for (service, action, resource) in [
        ("lambda", "lambda:InvokeFunction", &function),
        ("sts", "sts:AssumeRole", &role),
    ] {
        let mut value = value.clone();
        for endpoint in value["VpcEndpoints"].as_array_mut().unwrap() {
            if endpoint["ServiceName"].as_str().unwrap().ends_with(service) {
                let statement = json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": action, "Resource": resource});
                endpoint["PolicyDocument"] = json!(json!({"Statement": [statement]}).to_string());
            }
        }
        let scene = msk_scene(&account(&value), &goal.target).await.unwrap();
        let report = check(&scene);
        let found = find(&report.checks, "endpoints").unwrap();
        assert_eq!(found.status, Status::Warn, "{service}: {found:#?}");
        assert!(found.message.contains("Resource"), "{found:?}");
    }
}
