//! Drift as a Lambda function: the program itself, on the runtime interface that cargo-lambda emulates, over the peer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::python;
use crate::world::{World, finish, reads};

/// A function, with the emulator that calls it. Both end with it.
struct Function {
    emulator: Child,
    process: Child,
    port: u16,
    /// What Lambda starts it in, and where its log is.
    folder: TempDir,
}

impl Function {
    fn start(world: &World) -> Self {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/lambda-requirements.txt");
        let emulator = python::environment("lambda", &requirements).with_file_name("cargo-lambda");
        let port = free_port();
        let emulator = Command::new(emulator)
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "the emulator starts");
            sleep(Duration::from_millis(50));
        }
        let folder = tempfile::tempdir().unwrap();
        let process = world
            .command()
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("http://127.0.0.1:{port}/.rt/autoconnect"),
            )
            .env("AWS_LAMBDA_FUNCTION_NAME", "autoconnect")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            emulator,
            process,
            port,
            folder,
        }
    }

    /// Calls the function; its error is an answer too.
    fn call(&self, event: &Value) -> Value {
        let url = format!(
            "http://127.0.0.1:{}/2015-03-31/functions/autoconnect/invocations",
            self.port
        );
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.post(url).send(event.to_string()).expect("the function answers");
        let text = answer.body_mut().read_to_string().expect("text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }

    /// The lines of its log so far.
    fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in [&mut self.process, &mut self.emulator] {
            // One that has ended already is as it should be.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The ids in a response.
fn told(answer: &Value) -> BTreeSet<String> {
    let entries = answer["not_in_sync"].as_array().unwrap_or_else(|| panic!("{answer}"));
    entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

fn summary(answer: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(answer["summary"].clone()).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn counts(in_sync: u64, drifted: u64, broken: u64, unknown: u64) -> BTreeMap<String, u64> {
    [
        ("in-sync", in_sync),
        ("drifted", drifted),
        ("broken", broken),
        ("unknown", unknown),
    ]
    .map(|(verdict, count)| (verdict.to_owned(), count))
    .into()
}

#[tokio::test]
async fn the_program_is_a_lambda_function_too() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    for function in ["checkout", "refunds", "stock"] {
        world.function(function).await;
        world.setup_succeeds(&format!("--cluster orders --function {function} --yes"));
    }
    let function = Function::start(&world);

    let mark = world.mark();
    let all = function.call(&json!({}));
    assert_eq!(
        (summary(&all), told(&all)),
        (counts(3, 0, 0, 0), BTreeSet::new()),
        "{all}"
    );
    let calls = world.calls_since(mark);
    assert!(!calls.is_empty() && calls.iter().all(|call| reads(call)), "{calls:?}");
    assert_eq!(all["api_calls"]["read"], calls.len());
    let schema = finish(world.command().args(["schema", "answer"])).json();
    jsonschema::validate(&schema, &all).unwrap();

    // A group that is removed from a function, and a function that is not there.
    let base = aws_sdk_lambda::types::VpcConfig::builder()
        .set_subnet_ids(Some(world.subnets.clone()))
        .security_group_ids(&world.base)
        .build();
    let detach = world.lambda.update_function_configuration().function_name("refunds");
    detach.vpc_config(base).send().await.unwrap();
    let manifest = "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n\
                    [[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n\
                    [[connection]]\ncluster = \"orders\"\nfunction = \"nobody\"\n";
    std::fs::write(function.folder.path().join("connections.toml"), manifest).unwrap();
    let before = function.log().len();
    let found = function.call(&json!({"manifest": "connections.toml"}));
    let not_in_sync: BTreeSet<String> = ["refunds", "nobody"]
        .map(|function| format!("cluster/orders:function/{function}"))
        .into();
    assert_eq!(told(&found), not_in_sync, "{found}");
    assert_eq!(summary(&found)["in-sync"], 1);
    let log = function.log().split_off(before);
    let logged: BTreeSet<String> = log
        .iter()
        .filter_map(|line| Some(line["id"].as_str()?.to_owned()))
        .collect();
    assert_eq!(logged, not_in_sync);
    let metrics = log.last().unwrap();
    assert_eq!((&metrics["NotAsSetUp"], &metrics["InSync"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&metrics["CriticalFindings"], &metrics["HighFindings"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(metrics["FunctionName"], "autoconnect");
    for metric in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
        assert!(metrics[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
    }

    // Shards, as the Distributed Map of docs/lambda calls for them, have each connection once.
    let shards: Vec<Value> = (1..=3)
        .map(|number| function.call(&json!({"manifest": "connections.toml", "shard": format!("{number}/3")})))
        .collect();
    let each: Vec<String> = shards.iter().flat_map(told).collect();
    assert_eq!(
        (each.len(), each.into_iter().collect::<BTreeSet<_>>()),
        (2, not_in_sync)
    );
    let sizes: u64 = shards.iter().map(|shard| summary(shard).values().sum::<u64>()).sum();
    assert_eq!(sizes, 3);
}

#[tokio::test]
async fn a_call_that_fails_says_why() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    let function = Function::start(&world);
    let fails = |event: Value, error_type: &str, part: &str| {
        let answer = function.call(&event);
        let message = answer["errorMessage"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(answer["errorType"], error_type, "{answer}");
        assert!(message.contains(part), "{message}");
    };
    fails(json!({"shrad": "1/2"}), "event", "unknown field `shrad`");
    fails(json!({"shard": "0/2"}), "event", "shard: expected N/OF");
    fails(
        json!({"manifest": "nowhere.toml"}),
        "manifest",
        "cannot read the manifest nowhere.toml",
    );
    fails(
        json!({"connections": [{"function": "checkout"}]}),
        "manifest",
        "connection 1: expected cluster or instance, found neither",
    );
    let one = json!([{"cluster": "orders", "function": "checkout"}]);
    let deny = || {
        let message = "not authorized to perform: lambda:ListFunctions";
        world.fault("ListFunctions", 1, 403, "AccessDeniedException", message);
    };
    deny();
    fails(
        json!({"connections": one}),
        "unjudged",
        "1 of 1 connections could not be judged",
    );
    let metrics = function.log().pop().unwrap();
    assert_eq!(metrics["Unknown"], 1, "{metrics}");
    deny();
    let allowed = function.call(&json!({"connections": one, "allow_unknown": true}));
    assert_eq!(summary(&allowed), counts(0, 0, 0, 1), "{allowed}");
}
