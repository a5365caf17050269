//! Proxies, secrets, roles and functions that the program makes.

use std::io::Write;
use std::process::Stdio;

use aws_sdk_rds::types::IamAuthMode;
use serde_json::{Value, json};

use crate::world::{Run, World, beside_roles, reads};

/// The password that must not be seen anywhere.
const CANARY: &str = "canary-7f3a9c";

/// Runs `setup` with the password on standard input.
pub fn setup_with_password(world: &World, arguments: &str, more: &[&str]) -> Run {
    let mut command = world.command();
    command
        .args(["setup", "--output", "json", "--db-password-stdin", "--yes"])
        .args(arguments.split_whitespace())
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{CANARY}").unwrap();
    #[cfg(target_os = "linux")]
    for what in ["cmdline", "environ"] {
        let shown = std::fs::read(format!("/proc/{}/{what}", child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&shown).contains(CANARY), "in its {what}");
    }
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl World {
    /// The one policy of a role's own.
    async fn role_policy(&self, role: &str) -> Value {
        let names = self.iam.list_role_policies().role_name(role).send().await.unwrap();
        assert_eq!(names.policy_names().len(), 1, "{names:?}");
        let call = self
            .iam
            .get_role_policy()
            .role_name(role)
            .policy_name(&names.policy_names()[0]);
        let document = call.send().await.unwrap().policy_document;
        let decoded = percent_encoding::percent_decode_str(&document).decode_utf8().unwrap();
        serde_json::from_str(&decoded).unwrap()
    }

    async fn the_proxy(&self, name: &str) -> aws_sdk_rds::types::DbProxy {
        let answer = self.rds.describe_db_proxies().db_proxy_name(name).send().await.unwrap();
        answer.db_proxies()[0].clone()
    }

    async fn the_secret(&self, name: &str) -> (String, Value) {
        let secret = self.secrets.get_secret_value().secret_id(name).send().await.unwrap();
        let held = serde_json::from_str(secret.secret_string().unwrap()).unwrap();
        (secret.arn.unwrap(), held)
    }
}

/// The command on the project's card: from nothing to a working chain, and then nothing more.
#[tokio::test]
async fn a_cluster_through_a_new_proxy() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    world.function("refunds").await;
    let setup = "--cluster orders --function checkout --proxy new --yes";

    let mark = world.mark();
    let planned = world.setup_succeeds(&setup.replace("--yes", "--dry-run"));
    assert_eq!(planned["decision"], "create-new");
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    // Those of the path are 8, and one is for the function's tags.
    assert!(beside_roles(&calls) <= 9 + 8, "{calls:?}");

    let document = world.setup_succeeds(setup);
    assert_eq!(document["result"], "connected", "{document:#}");
    let connection = &document["connection"]["proxy"];
    assert_eq!(connection["name"], "autoconnect-orders");
    assert_eq!(connection["target_health"]["state"], "AVAILABLE");
    for side in ["database", "proxy", "function"] {
        assert_eq!(document["sides"][side]["verdict"], "fit", "{side}");
    }
    let proxy = world.the_proxy("autoconnect-orders").await;
    assert_eq!(proxy.require_tls(), Some(true));
    assert_eq!(proxy.engine_family(), Some("POSTGRESQL"));
    assert_eq!(proxy.vpc_subnet_ids().len(), 2);
    assert_eq!(proxy.vpc_security_group_ids().len(), 1);
    assert_eq!(proxy.auth()[0].iam_auth(), Some(&IamAuthMode::Disabled));
    let secret = proxy.auth()[0].secret_arn().unwrap();
    assert!(secret.contains("rds!cluster"), "the managed master secret: {secret}");
    let role = format!("autoconnect-{}-proxy-autoconnect-orders", world.region);
    assert!(proxy.role_arn().unwrap().ends_with(&format!(":role/{role}")));
    let policy = world.role_policy(&role).await;
    let allowed = json!([{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}]);
    assert_eq!(policy["Statement"], allowed);

    let again = world.setup_succeeds(setup);
    assert_eq!(
        (again["decision"].as_str(), &again["api_calls"]["write"]),
        (Some("no-op"), &0.into())
    );
    let second = world.setup_succeeds(&setup.replace("checkout", "refunds"));
    assert_eq!(second["decision"], "associate-existing");
    assert_eq!(second["steps"].as_array().unwrap().len(), 1);
}

/// A new function through a new proxy with a new secret, by IAM, with the settings to connect. The password is nowhere
/// but in the secret.
#[tokio::test]
async fn everything_new() {
    let world = World::new().await;
    world.instance("inventory", "mysql", 3307).await;
    let setup = "--instance inventory --function new:stock --proxy new --db-user app --iam-auth required --set-env";

    let run = setup_with_password(&world, setup, &["-vvv", "--log-format", "json"]);
    assert_eq!(run.status, 0, "{run:?}");
    let document = run.json();
    assert_eq!(document["result"], "connected");
    assert!(run.stderr.contains("secretsmanager:CreateSecret"), "the log is there");
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY));

    let (secret, held) = world.the_secret("autoconnect/autoconnect-inventory/app").await;
    assert_eq!(held, json!({"username": "app", "password": CANARY}));
    let proxy = world.the_proxy("autoconnect-inventory").await;
    assert_eq!(proxy.auth()[0].secret_arn(), Some(secret.as_str()));
    assert_eq!(proxy.auth()[0].iam_auth(), Some(&IamAuthMode::Required));

    let function = world.lambda.get_function_configuration().function_name("stock");
    let function = function.send().await.unwrap();
    assert_eq!(function.runtime().unwrap().as_str(), "nodejs24.x");
    assert_eq!(function.handler(), Some("index.handler"));
    assert_eq!(function.vpc_config().unwrap().subnet_ids().len(), 2);
    let environment = function.environment().unwrap().variables().unwrap();
    assert_eq!(environment["DB_HOST"], proxy.endpoint().unwrap());
    assert_eq!(
        environment["DB_PORT"], "3306",
        "the port of the proxy, not of the database"
    );
    assert_eq!(environment["DB_USER"], "app");
    let role = format!("autoconnect-{}-function-stock", world.region);
    assert!(function.role().unwrap().ends_with(&role));
    let policy = world.role_policy(&role).await;
    let id = proxy.db_proxy_arn().unwrap().rsplit(':').next().unwrap();
    let resource = format!("arn:aws:rds-db:{}:123456789012:dbuser:{id}/app", world.region);
    assert_eq!(policy["Statement"][0]["Resource"], resource);
    let attached = world
        .iam
        .list_attached_role_policies()
        .role_name(&role)
        .send()
        .await
        .unwrap();
    assert_eq!(
        attached.attached_policies()[0].policy_name(),
        Some("AWSLambdaVPCAccessExecutionRole")
    );

    // The second run needs no password, and changes nothing.
    let mark = world.mark();
    let again = world.setup_succeeds(&format!("{setup} --yes"));
    assert_eq!(again["result"], "unchanged");
    let calls = world.calls_since(mark);
    // What was made is compared with what would be made.
    assert!(
        beside_roles(&calls) <= 15 + 8 && calls.iter().all(|call| reads(call)),
        "{calls:?}"
    );
}

#[tokio::test]
async fn iam_from_end_to_end_and_a_customers_key() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    let document = world.setup_succeeds(
        "--cluster orders --function checkout --proxy new:iam-proxy --proxy-auth iam --db-user app --yes",
    );
    assert_eq!(document["result"], "connected");
    let proxy = world.the_proxy("iam-proxy").await;
    assert_eq!(proxy.default_auth_scheme(), Some("IAM_AUTH"));
    assert!(proxy.auth().is_empty());
    let role = format!("autoconnect-{}-proxy-iam-proxy", world.region);
    let policy = world.role_policy(&role).await;
    let resource = policy["Statement"][0]["Resource"].as_str().unwrap();
    assert!(
        resource.contains(":dbuser:cluster-") && resource.ends_with("/app"),
        "{resource}"
    );

    let key = world
        .kms
        .create_key()
        .send()
        .await
        .unwrap()
        .key_metadata
        .unwrap()
        .arn
        .unwrap();
    let secret = world.secrets.create_secret().name("orders-app").kms_key_id(&key);
    secret
        .secret_string(r#"{"username": "app", "password": "x"}"#)
        .send()
        .await
        .unwrap();
    let mark = world.mark();
    let setup = "--cluster orders --function checkout --proxy new:key-proxy --secret orders-app";
    world.setup_succeeds(&format!("{setup} --dry-run"));
    let calls = world.calls_since(mark);
    assert!(
        // The role's name may be taken.
        beside_roles(&calls) <= 10 + 8 && calls.contains(&"DescribeKey".to_owned()),
        "{calls:?}"
    );
    world.setup_succeeds(&format!("{setup} --yes"));
    let role = format!("autoconnect-{}-proxy-key-proxy", world.region);
    let policy = world.role_policy(&role).await;
    assert_eq!(policy["Statement"][1]["Resource"], key.as_str());
    assert!(
        !world.calls_since(0).contains(&"GetSecretValue".to_owned()),
        "no secret is ever read"
    );
}

/// The answer of each creation is lost once: what was made is found, and made once.
#[tokio::test]
async fn lost_answers_are_found() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    for action in [
        "CreateSecret",
        "CreateRole",
        "PutRolePolicy",
        "CreateDBProxy",
        "RegisterDBProxyTargets",
        "AttachRolePolicy",
        "CreateFunction",
    ] {
        world.lose_answer(action);
    }
    let setup = "--cluster orders --function new:checkout --proxy new --db-user app";
    let run = setup_with_password(&world, setup, &[]);
    assert_eq!((run.status, &run.json()["result"]), (0, &"connected".into()), "{run:?}");
    assert_eq!(world.setup_succeeds(&format!("{setup} --yes"))["result"], "unchanged");
    let roles = world.iam.list_roles().send().await.unwrap();
    let ours = roles
        .roles()
        .iter()
        .filter(|role| role.role_name().contains(world.region));
    assert_eq!(ours.count(), 2);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_by_name() {
    let world = World::new().await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("stock").await;
    let setup = |more: &str| world.setup(&format!("--instance inventory --function stock --yes {more}"));
    let mark = world.mark();
    let table = [
        ("--proxy new", "proxy-credentials-missing"),
        ("--proxy new --secret nowhere", "secret-not-found"),
        ("--proxy new --db-user app", "db-password-missing"),
        ("--proxy new --proxy-auth iam", "db-user-missing"),
        (
            "--proxy new --proxy-auth iam --db-user app --proxy-role arn:aws:iam::123456789012:role/nobody",
            "role-not-found",
        ),
        (
            "--proxy new --proxy-auth iam --db-user app --proxy-role arn:aws:iam::123456789012:role/of-the-test",
            "role-without-trust",
        ),
    ];
    for (more, code) in table {
        let run = setup(more);
        assert_eq!((run.status, run.error_code().as_str()), (1, code), "{more}");
    }
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));

    world.fault(
        "CreateRole",
        1,
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/x is not authorized to perform: iam:CreateRole on resource: role r",
    );
    let run = setup("--proxy new --proxy-auth iam --db-user app");
    assert_eq!(run.error_code(), "access-denied");
    let error = &run.json()["error"];
    assert!(error["hint"].as_str().unwrap().contains("iam:CreateRole"));
    assert_eq!(
        error["applied"].as_array().unwrap().len(),
        10,
        "the groups and their rules"
    );
    // The permission is given, and the next run goes on.
    let run = setup("--proxy new --proxy-auth iam --db-user app");
    assert_eq!(run.status, 0, "{run:?}");
}

/// A role that someone has made under our name, with our tags, is given nothing unless it is exactly ours.
#[tokio::test]
async fn a_squatted_role_is_refused_and_an_exact_one_is_adopted() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.function("checkout").await;
    let setup = "--cluster orders --function checkout --proxy new --yes";
    let role = format!("autoconnect-{}-proxy-autoconnect-orders", world.region);
    let trust = |principal: Value| {
        json!({"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})
    };
    let make = async |trust: Value| {
        let tag = |key: &str, value: &str| {
            aws_sdk_iam::types::Tag::builder()
                .key(key)
                .value(value)
                .build()
                .unwrap()
        };
        let call = world
            .iam
            .create_role()
            .role_name(&role)
            .assume_role_policy_document(trust.to_string());
        call.tags(tag("autoconnect:managed", "true"))
            .tags(tag("autoconnect:role", "proxy"))
            .tags(tag(
                "autoconnect:connection",
                "cluster/orders:proxy/autoconnect-orders:function/checkout",
            ))
            .send()
            .await
            .unwrap();
    };
    let unmake = async || world.iam.delete_role().role_name(&role).send().await.unwrap();

    let both = json!({"Service": "rds.amazonaws.com", "AWS": "arn:aws:iam::111122223333:root"});
    make(trust(both)).await;
    for arguments in [setup, "--cluster orders --function checkout --proxy new --dry-run"] {
        let mark = world.mark();
        let run = world.setup(arguments);
        assert_eq!((run.status, run.error_code().as_str()), (1, "name-taken"), "{run:?}");
        assert!(run.stderr.contains("111122223333"), "{}", run.stderr);
        assert!(world.calls_since(mark).iter().all(|call| reads(call)));
    }
    unmake().await;

    make(trust(json!({"Service": "rds.amazonaws.com"}))).await;
    let attach = world.iam.attach_role_policy().role_name(&role);
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    attach.policy_arn(administrator).send().await.unwrap();
    let run = world.setup(setup);
    assert_eq!((run.status, run.error_code().as_str()), (1, "name-taken"), "{run:?}");
    assert!(run.stderr.contains("AdministratorAccess"), "{}", run.stderr);

    let detach = world.iam.detach_role_policy().role_name(&role);
    detach.policy_arn(administrator).send().await.unwrap();
    let document = world.setup_succeeds(setup);
    assert_eq!(document["result"], "connected", "{document:#}");
    let steps = document["steps"].as_array().unwrap();
    let role_step = steps.iter().find(|step| step["action"] == "iam:CreateRole").unwrap();
    assert_eq!(role_step["status"], "adopt", "{document:#}");
    assert!(
        role_step["resource"]
            .as_str()
            .unwrap()
            .ends_with(&format!(":role/{role}"))
    );
}
