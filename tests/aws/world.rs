//! A VPC with databases and functions in a Region of the peer, and the program run on it.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::Credentials;
use aws_sdk_ec2::types::{Filter, SecurityGroup};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LastUpdateStatus, Runtime, VpcConfig};
use aws_sdk_rds::types::{AuthScheme, EngineFamily, UserAuthConfig};
use serde_json::Value;

use crate::peer::{Fault, Peer, peer, region};

/// What a Region's account holds for one test.
pub struct World {
    pub region: &'static str,
    pub peer: &'static Peer,
    pub ec2: aws_sdk_ec2::Client,
    pub rds: aws_sdk_rds::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub iam: aws_sdk_iam::Client,
    pub kafka: aws_sdk_kafka::Client,
    pub kms: aws_sdk_kms::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub vpc: String,
    pub subnets: Vec<String>,
    /// On every database and function from the beginning.
    pub base: String,
}

/// The program under test. `AUTOCONNECT_PROGRAM` names another build of it: the tests' own has whatever their dependencies
/// switch on in those that it shares with them.
pub fn program() -> OsString {
    std::env::var_os("AUTOCONNECT_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_autoconnect").into())
}

/// How the program ended.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub fn error_code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no error: {self:?}"))
            .to_owned()
    }
}

impl World {
    /// A VPC with two subnets and a group, in moto.
    pub async fn new() -> Self {
        Self::on(peer()).await
    }

    /// The same on another peer.
    pub async fn on(peer: &'static Peer) -> Self {
        let region = region();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .endpoint_url(&peer.url)
            .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(Credentials::new(
                region, "test", None, None, "tests",
            )))
            .build();
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        let mut subnets = Vec::new();
        for (i, zone) in ["a", "b"].iter().enumerate() {
            let subnet = ec2
                .create_subnet()
                .vpc_id(&vpc)
                .cidr_block(format!("10.0.{i}.0/24"))
                .availability_zone(format!("{region}{zone}"));
            subnets.push(subnet.send().await.unwrap().subnet.unwrap().subnet_id.unwrap());
        }
        let mut world = Self {
            region,
            peer,
            rds: aws_sdk_rds::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            kafka: aws_sdk_kafka::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            ec2,
            vpc,
            subnets,
            base: String::new(),
        };
        world.base = world.group("base").await;
        let subnet_group = world
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name("subnets")
            .db_subnet_group_description("of the test")
            .set_subnet_ids(Some(world.subnets.clone()));
        subnet_group.send().await.unwrap();
        world
    }

    /// A group that is none of ours.
    pub async fn group(&self, name: &str) -> String {
        let group = self
            .ec2
            .create_security_group()
            .group_name(name)
            .description("of the test")
            .vpc_id(&self.vpc);
        group.send().await.unwrap().group_id.unwrap()
    }

    pub async fn cluster(&self, id: &str, instances: usize) {
        let cluster = self
            .rds
            .create_db_cluster()
            .db_cluster_identifier(id)
            .engine("aurora-postgresql")
            .master_username("admin1")
            .manage_master_user_password(true)
            .enable_iam_database_authentication(true)
            .database_name("shop")
            .db_subnet_group_name("subnets")
            .vpc_security_group_ids(&self.base);
        cluster.send().await.unwrap();
        for i in 1..=instances {
            let member = self
                .rds
                .create_db_instance()
                .db_instance_identifier(format!("{id}-{i}"))
                .db_instance_class("db.r6g.large")
                .engine("aurora-postgresql")
                .db_cluster_identifier(id);
            member.send().await.unwrap();
        }
        // moto reports a new cluster as being created once.
        self.rds
            .describe_db_clusters()
            .db_cluster_identifier(id)
            .send()
            .await
            .unwrap();
    }

    pub async fn instance(&self, id: &str, engine: &str, port: i32) {
        let instance = self
            .rds
            .create_db_instance()
            .db_instance_identifier(id)
            .db_instance_class("db.r6g.large")
            .engine(engine)
            .port(port)
            .allocated_storage(20)
            .master_username("admin1")
            .enable_iam_database_authentication(true)
            .master_user_password("of-the-test-1")
            .db_subnet_group_name("subnets")
            .vpc_security_group_ids(&self.base);
        instance.send().await.unwrap();
    }

    /// A proxy with the base group, for this engine family.
    pub async fn proxy(&self, name: &str, family: EngineFamily) {
        let auth = UserAuthConfig::builder()
            .auth_scheme(AuthScheme::Secrets)
            .secret_arn("arn:aws:secretsmanager:us-east-1:123456789012:secret:of-the-test")
            .build();
        let proxy = self
            .rds
            .create_db_proxy()
            .db_proxy_name(name)
            .engine_family(family)
            .auth(auth)
            .role_arn("arn:aws:iam::123456789012:role/of-the-test-proxy")
            .set_vpc_subnet_ids(Some(self.subnets.clone()))
            .vpc_security_group_ids(&self.base);
        proxy.send().await.unwrap();
        // It is being created for two looks.
        for _ in 0..3 {
            self.groups_of_proxy(name).await;
        }
    }

    pub async fn groups_of_proxy(&self, name: &str) -> Vec<String> {
        let answer = self.rds.describe_db_proxies().db_proxy_name(name).send().await.unwrap();
        answer.db_proxies()[0].vpc_security_group_ids().to_vec()
    }

    /// The subnets, with the base group.
    pub fn place(&self) -> VpcConfig {
        VpcConfig::builder()
            .set_subnet_ids(Some(self.subnets.clone()))
            .security_group_ids(&self.base)
            .build()
    }

    pub async fn function(&self, name: &str) {
        self.function_in(name, Some(self.place())).await;
    }

    pub async fn function_in(&self, name: &str, config: Option<VpcConfig>) {
        self.new_function(name, config).await;
        self.settle(name).await;
    }

    /// A function that is pending yet.
    pub async fn new_function(&self, name: &str, config: Option<VpcConfig>) {
        let function = self
            .lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Nodejs22x)
            .role("arn:aws:iam::123456789012:role/of-the-test")
            // With Lambda's default of 3 seconds `diagnose` warns.
            .timeout(60)
            .handler("index.handler")
            .code(FunctionCode::builder().zip_file(empty_zip()).build())
            .set_vpc_config(config);
        function.send().await.unwrap();
    }

    /// Waits for a new function, or for the update of one.
    pub async fn settle(&self, function: &str) {
        let look = async || {
            let look = self.lambda.get_function_configuration().function_name(function);
            look.send().await.unwrap()
        };
        if self.peer.takes_time {
            while look().await.last_update_status == Some(LastUpdateStatus::InProgress) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        } else {
            // It takes two looks.
            look().await;
            look().await;
        }
    }

    /// All groups of the VPC with this name, in any case.
    pub async fn groups_named(&self, name: &str) -> Vec<SecurityGroup> {
        let answer = self
            .ec2
            .describe_security_groups()
            .filters(Filter::builder().name("vpc-id").values(&self.vpc).build())
            .filters(Filter::builder().name("group-name").values(name).build())
            .send();
        answer.await.unwrap().security_groups.unwrap_or_default()
    }

    /// The one group with this name.
    pub async fn the_group(&self, name: &str) -> SecurityGroup {
        let mut groups = self.groups_named(name).await;
        assert_eq!(groups.len(), 1, "groups named {name}");
        groups.remove(0)
    }

    pub async fn groups_of_cluster(&self, id: &str) -> Vec<String> {
        let answer = self
            .rds
            .describe_db_clusters()
            .db_cluster_identifier(id)
            .send()
            .await
            .unwrap();
        let memberships = answer.db_clusters()[0].vpc_security_groups();
        memberships
            .iter()
            .map(|m| m.vpc_security_group_id().unwrap().to_owned())
            .collect()
    }

    pub async fn groups_of_instance(&self, id: &str) -> Vec<String> {
        let answer = self
            .rds
            .describe_db_instances()
            .db_instance_identifier(id)
            .send()
            .await
            .unwrap();
        let memberships = answer.db_instances()[0].vpc_security_groups();
        memberships
            .iter()
            .map(|m| m.vpc_security_group_id().unwrap().to_owned())
            .collect()
    }

    pub async fn groups_of_function(&self, name: &str) -> Vec<String> {
        let answer = self
            .lambda
            .get_function_configuration()
            .function_name(name)
            .send()
            .await
            .unwrap();
        answer.vpc_config.unwrap().security_group_ids.unwrap()
    }

    /// The program, with this Region's environment and no other.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            // Where nobody has an autoconnect.toml.
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
            .env("COLUMNS", "1000")
            .env("AWS_ENDPOINT_URL", &self.peer.url)
            .env("AWS_REGION", self.region)
            .env("AWS_ACCESS_KEY_ID", self.region)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs `setup` with JSON output, and holds what it prints to its own schema.
    pub fn setup(&self, arguments: &str) -> Run {
        self.run(&format!("setup {arguments}"))
    }

    /// Runs a command with JSON output, and holds what it prints to its own schema.
    pub fn run(&self, arguments: &str) -> Run {
        let mut command = self.command();
        command.args(arguments.split_whitespace()).args(["--output", "json"]);
        let run = finish(&mut command);
        let schema: Value = {
            let mut command = self.command();
            serde_json::from_str(&finish(command.arg("schema")).stdout).unwrap()
        };
        let document = run.json();
        if let Err(error) = jsonschema::validate(&schema, &document) {
            panic!("{error}: {document:#}");
        }
        run
    }

    /// Runs a command like [`Self::run`]. Besides, what it wrote by the peer's log, which is what it says that it wrote.
    pub fn written(&self, arguments: &str) -> (Run, Vec<String>) {
        let mark = self.mark();
        let run = self.run(arguments);
        let mut calls = self.calls_since(mark);
        calls.retain(|call| !reads(call));
        let told = &run.json()["api_calls"]["write"];
        assert!(told.is_null() || *told == calls.len(), "{calls:?}: {run:?}");
        (run, calls)
    }

    /// Runs `setup`, which must succeed.
    pub fn setup_succeeds(&self, arguments: &str) -> Value {
        let run = self.setup(arguments);
        assert_eq!(run.status, 0, "{run:?}");
        run.json()
    }

    /// Answers the next calls of an operation with an error.
    pub fn fault(&self, action: &str, times: u32, status: u16, code: &str, message: &str) {
        let fault = Fault {
            action,
            times,
            status,
            code,
            message,
            applied: false,
        };
        self.peer.fault(self.region, &fault);
    }

    /// Carries the next call of an operation out, and loses its answer.
    pub fn lose_answer(&self, action: &str) {
        let fault = Fault {
            action,
            times: 1,
            status: 500,
            code: "InternalFailure",
            message: "the answer is lost",
            applied: true,
        };
        self.peer.fault(self.region, &fault);
    }

    /// The operations called since a mark.
    pub fn calls_since(&self, mark: usize) -> Vec<String> {
        self.peer.log(self.region).split_off(mark)
    }

    pub fn mark(&self) -> usize {
        self.peer.log(self.region).len()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the peer wrote last:\n{}", self.peer.complaints());
        }
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Run {
    let output = command.output().expect("the program runs");
    Run {
        status: output.status.code().expect("an exit status"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// How many of these requests do not ask what a role may do. Tests share their roles, and give them policies meanwhile.
pub fn beside_roles(calls: &[String]) -> usize {
    let of_roles = [
        "GetRole",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "GetRolePolicy",
        "GetPolicy",
        "GetPolicyVersion",
    ];
    calls.iter().filter(|call| !of_roles.contains(&call.as_str())).count()
}

/// Whether an operation only reads.
pub fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// The end record of an archive that holds no file.
fn empty_zip() -> Blob {
    let mut zip = b"PK\x05\x06".to_vec();
    zip.resize(22, 0);
    Blob::new(zip)
}
