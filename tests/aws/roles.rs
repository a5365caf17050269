//! What roles may do, as IAM's API tells it: permissions boundaries, `iam-auth` and `proxy-role`.

use aws_sdk_lambda::types::Environment;
use aws_sdk_rds::types::{AuthScheme, EngineFamily, IamAuthMode, UserAuthConfig};
use serde_json::{Value, json};

use crate::world::World;

const VPC_ACCESS: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
const ACCOUNT: &str = "123456789012";

/// A role of this test alone: roles are in no Region, and other tests have the same account.
struct Role<'w> {
    world: &'w World,
    name: String,
    arn: String,
}

fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn allow(action: &str, resource: &str) -> Value {
    json!([{"Effect": "Allow", "Action": action, "Resource": resource}])
}

fn trust(service: &str) -> String {
    document(&json!([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]))
}

impl<'w> Role<'w> {
    async fn new(world: &'w World, name: &str, service: &str) -> Self {
        let name = format!("{name}-{}", world.region);
        let create = world.iam.create_role().role_name(&name);
        let create = create.assume_role_policy_document(trust(service)).send().await.unwrap();
        let arn = create.role.unwrap().arn;
        Self { world, name, arn }
    }

    async fn attach(&self, policy: &str) {
        let attach = self.world.iam.attach_role_policy().role_name(&self.name);
        attach.policy_arn(policy).send().await.unwrap();
    }

    /// Its one inline policy.
    async fn may(&self, statements: &Value) {
        let put = self.world.iam.put_role_policy().role_name(&self.name);
        let put = put.policy_name("of-the-test").policy_document(document(statements));
        put.send().await.unwrap();
    }

    /// The policy that bounds it from now on; its ARN.
    async fn bound(&self, name: &str, statements: &Value) -> String {
        let create = self.world.iam.create_policy();
        let create = create.policy_name(format!("{name}-{}", self.world.region));
        let created = create.policy_document(document(statements)).send().await.unwrap();
        let arn = created.policy.unwrap().arn.unwrap();
        let put = self.world.iam.put_role_permissions_boundary().role_name(&self.name);
        put.permissions_boundary(&arn).send().await.unwrap();
        arn
    }

    async fn unbound(&self) {
        let delete = self.world.iam.delete_role_permissions_boundary();
        delete.role_name(&self.name).send().await.unwrap();
    }

    /// Makes it the role of a function.
    async fn assumed_by(&self, function: &str) {
        let update = self.world.lambda.update_function_configuration();
        let update = update.function_name(function).role(&self.arn);
        update.send().await.unwrap();
        // The update is in progress for two looks.
        for _ in 0..2 {
            let look = self.world.lambda.get_function_configuration().function_name(function);
            look.send().await.unwrap();
        }
    }
}

fn asked(world: &World, command: &str, id: &str) -> Value {
    let run = world.run(command);
    let document = run.json();
    let checks = document["checks"].as_array().unwrap_or_else(|| panic!("{run:?}"));
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {document:#}")).clone()
}

/// The check has this status and says all of this.
fn assert_told(check: &Value, status: &str, told: &[&str]) {
    assert_eq!(check["status"], status, "{check:#}");
    let text = format!("{} {} {}", check["message"], check["evidence"], check["remedy"]);
    for part in told {
        assert!(text.contains(part), "{part} in {check:#}");
    }
}

const DIRECT: &str = "diagnose --instance d --function f";

#[tokio::test]
async fn a_boundary_limits_the_role_of_a_function() {
    let world = World::healthy().await;
    let role = Role::new(&world, "bounded", "lambda.amazonaws.com").await;
    role.attach(VPC_ACCESS).await;
    role.assumed_by("f").await;
    let ask = || asked(&world, DIRECT, "execution-role");
    assert_told(&ask(), "pass", &[&role.arn]);

    // The function is attached and Active: it can still be invoked.
    let narrow = role.bound("narrow", &allow("s3:*", "*")).await;
    let said = [
        "ec2:CreateNetworkInterface",
        &narrow,
        "allow ec2:CreateNetworkInterface",
    ];
    assert_told(&ask(), "warn", &said);
    // Attaching the policy once more would not help.
    assert!(
        !ask()["remedy"].to_string().contains("attach-role-policy"),
        "{:#}",
        ask()
    );

    // A boundary grants nothing by itself.
    let detach = world.iam.detach_role_policy().role_name(&role.name);
    detach.policy_arn(VPC_ACCESS).send().await.unwrap();
    role.bound("wide", &allow("*", "*")).await;
    assert_told(&ask(), "warn", &["does not allow", "attach-role-policy"]);
    role.attach(VPC_ACCESS).await;
    assert_told(&ask(), "pass", &[]);

    // An inner and an outer part: what the boundary leaves out is missing, and nothing else.
    let only = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ec2:DeleteNetworkInterface", "Resource": "*"},
    ]);
    let denying = role.bound("denying", &only).await;
    let check = ask();
    assert_told(&check, "warn", &["ec2:DeleteNetworkInterface", &denying]);
    assert!(
        !check["message"].to_string().contains("ec2:CreateNetworkInterface"),
        "{check:#}"
    );

    role.unbound().await;
    assert_told(&ask(), "pass", &[]);
}

#[tokio::test]
async fn a_boundary_that_may_not_be_read_is_unknown() {
    let world = World::healthy().await;
    let role = Role::new(&world, "unread", "lambda.amazonaws.com").await;
    // What is attached is inline: only the boundary is read by GetPolicy.
    role.may(&allow("ec2:*", "*")).await;
    role.assumed_by("f").await;
    role.bound("unreadable", &allow("*", "*")).await;
    for action in ["GetPolicy", "GetPolicyVersion"] {
        world.fault(action, 1, 403, "AccessDenied", "not authorized");
        let check = asked(&world, DIRECT, "execution-role");
        assert_told(&check, "unknown", &[&format!("iam:{action}")]);
    }
    assert_told(&asked(&world, DIRECT, "execution-role"), "pass", &[]);
}

/// Before a function is attached, its role has to be able to: a boundary refuses, and no grant helps.
#[tokio::test]
async fn attach_sees_the_boundary() {
    let world = World::new().await;
    world.function_in("outside", None).await;
    let role = Role::new(&world, "outside", "lambda.amazonaws.com").await;
    role.attach(VPC_ACCESS).await;
    role.assumed_by("outside").await;
    let narrow = role.bound("outside", &allow("s3:*", "*")).await;
    let (subnet, group) = (&world.subnets[0], &world.base);
    let attach = format!("attach --function outside --subnet {subnet} --security-group {group}");
    for more in ["--yes", "--grant --yes"] {
        let (run, written) = world.written(&format!("{attach} {more}"));
        assert_eq!((run.status, written.len()), (1, 0), "{run:?} {written:?}");
        assert!(run.stdout.contains(&narrow), "{run:?}");
    }
    role.unbound().await;
    let (run, written) = world.written(&format!("{attach} --yes"));
    assert_eq!((run.status, written.len()), (0, 1), "{run:?} {written:?}");
}

/// The function's variables show that it logs in to the database with IAM.
#[tokio::test]
async fn iam_auth_wants_the_right_database_and_user() {
    let world = World::healthy().await;
    let role = Role::new(&world, "login", "lambda.amazonaws.com").await;
    role.attach(VPC_ACCESS).await;
    role.assumed_by("f").await;
    let update = world.lambda.update_function_configuration().function_name("f");
    let variables = Environment::builder().variables("DB_USER", "app").build();
    update.environment(variables).send().await.unwrap();
    let instances = world.rds.describe_db_instances().db_instance_identifier("d");
    let instances = instances.send().await.unwrap();
    let id = instances.db_instances()[0].dbi_resource_id().unwrap().to_owned();
    let arn = |region: &str, id: &str, user: &str| format!("arn:aws:rds-db:{region}:{ACCOUNT}:dbuser:{id}/{user}");
    let right = arn(world.region, &id, "app");

    assert_told(&asked(&world, DIRECT, "iam-auth"), "fail", &["put-role-policy", &right]);
    let cases = [
        (arn(world.region, "db-ANOTHER", "app"), "fail"),
        (arn(world.region, &id, "root"), "fail"),
        (arn("eu-north-9", &id, "app"), "fail"),
        (arn(world.region, "d", "app"), "fail"),
        (right.clone(), "pass"),
        (arn(world.region, &id, "*"), "pass"),
        (arn("*", "*", "a??"), "pass"),
        ("*".to_owned(), "pass"),
    ];
    for (resource, status) in cases {
        role.may(&allow("rds-db:connect", &resource)).await;
        let check = asked(&world, DIRECT, "iam-auth");
        assert_told(&check, status, &[]);
    }
    // Connecting is not describing.
    role.may(&allow("rds:*", "*")).await;
    assert_told(&asked(&world, DIRECT, "iam-auth"), "fail", &[&right]);
    role.may(&allow("rds-db:*", &right)).await;
    assert_told(&asked(&world, DIRECT, "iam-auth"), "pass", &[]);

    let narrow = role.bound("login", &allow("ec2:*", "*")).await;
    let check = asked(&world, DIRECT, "iam-auth");
    assert_told(&check, "fail", &["rds-db:connect", &narrow]);
    assert!(!check["remedy"].to_string().contains("put-role-policy"), "{check:#}");
}

#[tokio::test]
async fn a_proxy_that_requires_iam_is_connected_to_by_its_own_id() {
    let world = World::healthy().await;
    let role = Role::new(&world, "client", "lambda.amazonaws.com").await;
    role.attach(VPC_ACCESS).await;
    role.assumed_by("f").await;
    let proxies = Role::new(&world, "proxy-of-client", "rds.amazonaws.com").await;
    let secret = secret(&world).await;
    proxies.may(&allow("secretsmanager:GetSecretValue", &secret)).await;
    proxy(&world, &secret, &proxies.arn, IamAuthMode::Required).await;
    let answer = world.rds.describe_db_proxies().db_proxy_name("p").send().await.unwrap();
    let proxy = answer.db_proxies()[0]
        .db_proxy_arn()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let instances = world.rds.describe_db_instances().db_instance_identifier("d");
    let instances = instances.send().await.unwrap();
    let database = instances.db_instances()[0].dbi_resource_id().unwrap().to_owned();
    let arn = |id: &str| format!("arn:aws:rds-db:{}:{ACCOUNT}:dbuser:{id}/app", world.region);

    assert_told(
        &asked(&world, THROUGH, "iam-auth"),
        "fail",
        &["requires IAM", &arn(&proxy).replace("/app", "")],
    );
    role.may(&allow("rds-db:connect", &arn(&database))).await;
    assert_told(&asked(&world, THROUGH, "iam-auth"), "fail", &["requires IAM"]);
    role.may(&allow("rds-db:connect", &arn(&proxy))).await;
    assert_told(&asked(&world, THROUGH, "iam-auth"), "pass", &["app"]);
    let narrow = role.bound("client", &allow("ec2:*", "*")).await;
    assert_told(
        &asked(&world, THROUGH, "iam-auth"),
        "fail",
        &["rds-db:connect", &narrow],
    );
}

const THROUGH: &str = "diagnose --instance d --function f --proxy p";

async fn secret(world: &World) -> String {
    let create = world.secrets.create_secret().name("app").secret_string("{}");
    create.send().await.unwrap().arn.unwrap()
}

/// A proxy `p` before instance `d`, which is not its target yet.
async fn proxy(world: &World, secret: &str, role: &str, iam: IamAuthMode) {
    let auth = UserAuthConfig::builder().auth_scheme(AuthScheme::Secrets);
    let auth = auth.secret_arn(secret).iam_auth(iam).build();
    let create = world.rds.create_db_proxy().db_proxy_name("p");
    let create = create.engine_family(EngineFamily::Postgresql).auth(auth).role_arn(role);
    let create = create.set_vpc_subnet_ids(Some(world.subnets.clone()));
    let create = create.vpc_security_group_ids(&world.base);
    // A role that is new cannot be assumed at once.
    let mut made = create.clone().send().await;
    for _ in 0..5 {
        if made.is_ok() {
            break;
        }
        made = create.clone().send().await;
    }
    made.unwrap();
    // It is being created for two looks.
    for _ in 0..3 {
        world.groups_of_proxy("p").await;
    }
}

#[tokio::test]
async fn the_role_of_a_proxy_reads_its_secret() {
    let world = World::healthy().await;
    let role = Role::new(&world, "proxy", "rds.amazonaws.com").await;
    let secret = secret(&world).await;
    proxy(&world, &secret, &role.arn, IamAuthMode::Disabled).await;
    let ask = || asked(&world, THROUGH, "proxy-role");
    let trusts = async |service: &str| {
        let update = world.iam.update_assume_role_policy().role_name(&role.name);
        update.policy_document(trust(service)).send().await.unwrap();
    };

    // It trusts others, and may read nothing.
    trusts("lambda.amazonaws.com").await;
    assert_told(
        &ask(),
        "fail",
        &["does not trust rds.amazonaws.com", "update-assume-role-policy"],
    );
    trusts("rds.amazonaws.com").await;
    assert_told(
        &ask(),
        "fail",
        &["secretsmanager:GetSecretValue", &secret, "put-role-policy"],
    );
    role.may(&allow(
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:*:*:secret:other-*",
    ))
    .await;
    assert_told(&ask(), "fail", &["secretsmanager:GetSecretValue"]);
    role.may(&allow("secretsmanager:GetSecretValue", &secret)).await;
    assert_told(&ask(), "pass", &[&role.arn]);

    let narrow = role.bound("proxy", &allow("s3:*", "*")).await;
    let check = ask();
    assert_told(&check, "fail", &["secretsmanager:GetSecretValue", &narrow]);
    assert!(!check["remedy"].to_string().contains("put-role-policy"), "{check:#}");
    role.unbound().await;

    // With a key of the customer's, reading is not enough.
    let key = world.kms.create_key().send().await.unwrap().key_metadata.unwrap();
    let update = world.secrets.update_secret().secret_id(&secret).kms_key_id(&key.key_id);
    update.send().await.unwrap();
    let key = key.arn.unwrap();
    assert_told(&ask(), "fail", &["kms:Decrypt", &key]);
    let both = json!([
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
    ]);
    role.may(&both).await;
    assert_told(&ask(), "pass", &[]);

    // Once the target is AVAILABLE the proxy does log in: what is amiss shows only at its next login.
    world.setup_succeeds("--instance d --function f --proxy p --yes");
    role.may(&allow("s3:*", "*")).await;
    assert_told(
        &ask(),
        "warn",
        &["its target is AVAILABLE", "secretsmanager:GetSecretValue"],
    );
}

#[tokio::test]
async fn a_role_of_a_proxy_that_may_not_be_read_is_unknown() {
    let world = World::healthy().await;
    let role = Role::new(&world, "proxy-unread", "rds.amazonaws.com").await;
    role.may(&allow("secretsmanager:GetSecretValue", "*")).await;
    let secret = secret(&world).await;
    proxy(&world, &secret, &role.arn, IamAuthMode::Disabled).await;
    // Once for the function's role, once for the proxy's.
    world.fault("GetRole", 2, 403, "AccessDenied", "not authorized");
    assert_told(&asked(&world, THROUGH, "proxy-role"), "unknown", &["iam:GetRole"]);
    assert_told(&asked(&world, THROUGH, "proxy-role"), "pass", &[]);
}
