//! `drift` and `setup --manifest` as a Lambda function: the program itself, on the runtime interface that cargo-lambda emulates, over the peer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use autoconnect::monitor::Shard;
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

/// Puts something at a path of S3: a bucket, or an object.
fn put(world: &World, path: &str, content: &[u8]) {
    let region = world.region;
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential={region}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = ureq::put(format!("{}/{path}", world.peer.url)).header("Authorization", scope);
    request.send(content).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Saves the plan of a manifest with a connection for each of these clusters.
fn plan(world: &World, clusters: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let [manifest, plan] = ["connections.json", "plan.json"].map(|name| folder.path().join(name));
    std::fs::write(&manifest, json!({"connection": connections(clusters)}).to_string()).unwrap();
    let mut command = world.command();
    command.args(["setup", "--output", "json", "--manifest"]).arg(manifest);
    let run = finish(command.arg("--out").arg(&plan));
    assert_eq!(run.status, 0, "{run:?}");
    std::fs::read(plan).unwrap()
}

fn connections(clusters: &[&str]) -> Value {
    let of = |cluster: &&str| json!({"name": cluster, "cluster": cluster, "function": format!("f-{cluster}")});
    clusters.iter().map(of).collect()
}

async fn world_with(clusters: &[&str]) -> World {
    let world = World::new().await;
    for cluster in clusters {
        world.cluster(cluster, 1).await;
        world.function(&format!("f-{cluster}")).await;
    }
    world
}

#[tokio::test]
async fn a_saved_plan_is_applied_in_shards_and_then_in_sync() {
    let clusters = ["orders", "ledger", "stock", "refunds"];
    let world = world_with(&clusters).await;
    let bucket = format!("plans-{}", world.region);
    put(&world, &bucket, b"");
    let saved = plan(&world, &clusters);
    put(&world, &format!("{bucket}/plans/1.json"), &saved);
    let function = Function::start(&world);
    let event = |shard: &str, key: &str| json!({"apply": {"plan": {"bucket": bucket, "key": key}}, "shard": shard});
    let schema = finish(world.command().args(["schema", "answer"])).json();
    let in_shard = |shard: &str| {
        let shard: Shard = shard.parse().unwrap();
        let is_in = |cluster: &&&str| shard.has(&format!("cluster/{cluster}"));
        clusters.iter().filter(is_in).count()
    };
    let drift = || summary(&function.call(&json!({"connections": connections(&clusters)})))["in-sync"];
    assert_eq!(drift(), 0);
    for (done, shard) in [(0, "1/2"), (in_shard("1/2"), "2/2")] {
        let count = in_shard(shard);
        assert!(count > 0, "{shard} has a cluster");
        let answer = function.call(&event(shard, "plans/1.json"));
        assert_eq!(answer["summary"]["applied"], count, "{answer}");
        assert_eq!(
            (&answer["result"], &answer["not_applied"]),
            (&json!("connected"), &json!([]))
        );
        jsonschema::validate(&schema, &answer).unwrap();
        assert_eq!(drift(), u64::try_from(done + count).unwrap());
    }
    let ended = function.log();
    let ended = ended.iter().filter(|line| line["event"] == "ended");
    let names: BTreeSet<&str> = ended.filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, clusters.into());
    let again = function.call(&event("1/2", "plans/1.json"));
    assert_eq!(
        (&again["result"], &again["api_calls"]["write"]),
        (&json!("unchanged"), &json!(0))
    );

    // Nothing of the account is read for a plan that cannot be its own.
    let other = world_with(&clusters[..1]).await;
    let fails = |content: &[u8], code: &str, calls: &[&str]| {
        put(&world, &format!("{bucket}/plans/2.json"), content);
        let mark = world.mark();
        let answer = function.call(&event("1/2", "plans/2.json"));
        assert_eq!(answer["errorType"], code, "{answer}");
        let mut asked = world.calls_since(mark);
        // S3 is asked in the Region of the world, STS may be asked anywhere.
        asked.dedup();
        assert_eq!(asked, calls, "{answer}");
    };
    let changed = String::from_utf8(saved.clone())
        .unwrap()
        .replacen("f-orders", "f-ledger", 1);
    fails(changed.as_bytes(), "plan-invalid", &["GetObject"]);
    fails(
        &plan(&other, &clusters[..1]),
        "plan-elsewhere",
        &["GetObject", "GetCallerIdentity"],
    );
    let missing = function.call(&event("1/2", "plans/3.json"));
    assert_eq!(missing["errorType"], "not-found", "{missing}");
    let message = missing["errorMessage"].as_str().unwrap();
    assert!(message.contains(&format!("s3://{bucket}/plans/3.json")), "{message}");
}

#[tokio::test]
async fn connections_are_applied_unasked_and_one_that_fails_fails_the_call_at_the_end() {
    let clusters = ["orders", "ledger"];
    let world = world_with(&clusters).await;
    let function = Function::start(&world);
    let event = json!({"apply": {"prune": false}, "connections": connections(&clusters)});
    let message = "not authorized to perform: rds:ModifyDBCluster";
    world.fault("ModifyDBCluster", 1, 403, "AccessDenied", message);
    let failed = function.call(&event);
    assert_eq!(failed["errorType"], "unapplied", "{failed}");
    let message = failed["errorMessage"].as_str().unwrap();
    assert!(
        message.starts_with("1 of 2 connections are not as they should be: "),
        "{message}"
    );
    assert!(message.contains("[access-denied]"), "{message}");
    let answer = function.log().pop().unwrap();
    assert_eq!(
        (&answer["summary"]["applied"], &answer["summary"]["failed"]),
        (&json!(1), &json!(1)),
        "{answer}"
    );
    let schema = finish(world.command().args(["schema", "answer"])).json();
    jsonschema::validate(&schema, &answer).unwrap();
    let again = function.call(&event);
    assert_eq!(
        (&again["summary"]["applied"], &again["summary"]["unchanged"]),
        (&json!(1), &json!(1)),
        "{again}"
    );

    // Nobody can enter a password.
    let with_secret = json!([{"cluster": "orders", "function": "f-orders", "proxy": "new", "db_user": "app"}]);
    let mark = world.mark();
    let refused = function.call(&json!({"apply": {"prune": false}, "connections": with_secret}));
    assert_eq!(refused["errorType"], "db-password-missing", "{refused}");
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));
    let both = function.call(&json!({"apply": {"prune": false}, "repair": {}, "connections": with_secret}));
    assert_eq!(both["errorType"], "event", "{both}");
}
