//! Plans that are saved, and applied on AWS later.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Run, World, beside_roles, finish, reads};

const SETUP: &str = "setup --cluster orders --function checkout";

/// An account with a database and a function, and a folder for plans.
struct Desk {
    world: World,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        world.cluster("orders", 1).await;
        world.function("checkout").await;
        Self {
            world,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Saves the plan of the connection, which writes nothing else.
    fn save(&self) -> Value {
        let (run, written) = self.world.written(&format!("{SETUP} --out {}", self.path("plan.json")));
        assert_eq!((run.status, &written[..]), (0, &[][..]), "{run:?}");
        assert_eq!(run.json()["result"], "planned");
        serde_json::from_str(&fs::read_to_string(self.path("plan.json")).unwrap()).unwrap()
    }

    /// Applies the plan, unasked; what it wrote.
    fn apply(&self) -> (Run, Vec<String>) {
        self.world.written(&format!("apply {} --yes", self.path("plan.json")))
    }

    /// Applies the plan with these options and variables, which must not be its account: the requests.
    fn refuses(&self, world: &World, options: &[&str], variables: &[(&str, &str)]) -> (String, Vec<String>) {
        let mark = world.mark();
        let mut command = world.command();
        command.args(["apply", "--yes", "--output", "json", &self.path("plan.json")]);
        let run = finish(command.args(options).envs(variables.iter().copied()));
        assert_eq!(
            (run.status, run.error_code().as_str()),
            (1, "plan-elsewhere"),
            "{run:?}"
        );
        let error = &run.json()["error"];
        assert_eq!(error["applied"], json!([]), "{run:?}");
        let calls = world.calls_since(mark);
        (error["message"].as_str().unwrap().to_owned(), calls)
    }
}

#[tokio::test]
async fn a_saved_plan_is_applied_and_then_nothing_is_left_to_do() {
    let desk = Desk::new().await;
    let world = &desk.world;
    let plan = desk.save();
    assert_eq!(
        (&plan["account"], &plan["region"], &plan["place"]),
        (&json!("123456789012"), &json!(world.region), &json!("aws")),
        "{plan:#}"
    );
    assert_eq!(world.groups_of_cluster("orders").await, [world.base.as_str()]);
    assert_eq!(world.groups_of_function("checkout").await, [world.base.as_str()]);

    let (run, written) = desk.apply();
    assert_eq!((run.status, &run.json()["result"]), (0, &json!("connected")), "{run:?}");
    assert_eq!(written.len(), plan["steps"].as_array().unwrap().len(), "{written:?}");
    let database = world.the_group("rds-lambda-1").await.group_id.unwrap();
    let function = world.the_group("lambda-rds-1").await.group_id.unwrap();
    assert_eq!(
        world.groups_of_cluster("orders").await,
        [world.base.as_str(), &database]
    );
    assert_eq!(
        world.groups_of_function("checkout").await,
        [world.base.as_str(), &function]
    );

    let (run, written) = desk.apply();
    assert_eq!((run.status, &run.json()["result"]), (0, &json!("unchanged")), "{run:?}");
    assert_eq!(written, [""; 0]);
}

/// The same account is read twice: what AWS answers makes the same steps with the same parameters.
#[tokio::test]
async fn each_command_is_applied_as_it_was_saved() {
    let world = World::new().await;
    world.instance("d", "postgres", 5432).await;
    world.function("f").await;
    world.grant_vpc_access().await;
    world.host_names(&world.vpc).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let path = path.to_str().unwrap();
    let summaries = |run: &Run| -> Vec<String> {
        let document = run.json();
        let steps = document["steps"].as_array().unwrap_or_else(|| panic!("{document:#}"));
        let text = |step: &Value| step["summary"].as_str().unwrap().to_owned();
        steps.iter().map(text).collect()
    };
    for command in [
        "internet setup --function f --service s3,sts",
        "setup --instance d --function f --tag team=shop",
        "remove --instance d --function f",
        "detach --function f",
        "attach --function f --like-database d",
        "internet setup --function f",
    ] {
        let (planned, written) = world.written(&format!("{command} --out {path}"));
        assert_eq!((planned.status, &written[..]), (0, &[][..]), "{command}: {planned:?}");
        assert!(!summaries(&planned).is_empty(), "{command}: {planned:?}");
        let apply = format!("apply {path} --yes");
        let (applied, written) = world.written(&apply);
        assert_eq!(applied.status, 0, "{command}: {applied:?}");
        assert_eq!(summaries(&applied), summaries(&planned), "{command}");
        assert!(!written.is_empty(), "{command}");
        let (again, written) = world.written(&apply);
        assert_eq!(
            (again.status, &again.json()["result"], &written[..]),
            (0, &json!("unchanged"), &[][..]),
            "{command}: {again:?}"
        );
    }
}

#[tokio::test]
async fn a_plan_that_was_applied_in_part_can_be_applied_again() {
    let desk = Desk::new().await;
    desk.save();
    desk.world
        .fault("ModifyDBCluster", 1, 400, "InvalidParameterCombination", "of the test");
    let (run, written) = desk.apply();
    assert_eq!(run.status, 1, "{run:?}");
    assert!(
        !run.json()["error"]["applied"].as_array().unwrap().is_empty(),
        "{run:?}"
    );
    assert!(written.contains(&"CreateSecurityGroup".to_owned()), "{written:?}");
    let (run, written) = desk.apply();
    assert_eq!((run.status, &run.json()["result"]), (0, &json!("connected")), "{run:?}");
    assert!(!written.contains(&"CreateSecurityGroup".to_owned()), "{written:?}");
}

/// Each is refused before anything of the account is read, and on AWS one request tells whose the credentials are.
#[tokio::test]
async fn a_plan_of_aws_is_not_one_of_a_file_with_the_same_account() {
    let desk = Desk::new().await;
    let world = &desk.world;
    let file = desk.path("account.json");
    let taken = finish(world.command().args(["snapshot", "--out", &file]));
    assert_eq!(taken.status, 0, "{taken:?}");
    let before = fs::read(&file).unwrap();

    desk.save();
    let (message, calls) = desk.refuses(world, &["--offline", &file], &[]);
    assert!(
        message.contains("(AWS)") && message.contains("(an account file)"),
        "{message}"
    );
    assert_eq!(calls, [""; 0]);

    let mut offline = world.command();
    offline.env_clear().args(SETUP.split_whitespace());
    let planned = finish(offline.args(["--offline", &file, "--out", &desk.path("plan.json")]));
    assert_eq!(planned.status, 0, "{planned:?}");
    let (message, calls) = desk.refuses(world, &[], &[]);
    assert!(
        message.contains("(AWS)") && message.contains("(an account file)"),
        "{message}"
    );
    assert_eq!(calls, ["GetCallerIdentity"]);

    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(world.groups_of_cluster("orders").await, [world.base.as_str()]);
}

#[tokio::test]
async fn a_plan_is_not_applied_in_another_region() {
    // The other Region has a cluster and a function of the same names.
    let (desk, other) = (Desk::new().await, Desk::new().await);
    desk.save();
    let own = desk.world.mark();
    let (message, calls) = desk.refuses(&other.world, &[], &[]);
    assert!(
        message.contains(desk.world.region) && message.contains(other.world.region),
        "{message}"
    );
    assert_eq!(calls, ["GetCallerIdentity"]);
    let (_, calls) = desk.refuses(&other.world, &["--region", other.world.region], &[]);
    assert_eq!(calls, ["GetCallerIdentity"]);
    assert_eq!(desk.world.mark(), own);

    // The option wins over the environment, and names the plan's.
    let path = desk.path("plan.json");
    let mut command = other.world.command();
    command.args([
        "apply",
        &path,
        "--yes",
        "--region",
        desk.world.region,
        "--output",
        "json",
    ]);
    let run = finish(&mut command);
    assert_eq!((run.status, &run.json()["result"]), (0, &json!("connected")), "{run:?}");
}

#[tokio::test]
async fn a_plan_is_not_applied_with_the_credentials_of_another_account() {
    let desk = Desk::new().await;
    let world = &desk.world;
    desk.save();
    let config = desk.path("config");
    let roles = "[profile base]\naws_access_key_id = OFBASE\naws_secret_access_key = test\n\n[profile other]\nrole_arn = arn:aws:iam::210987654321:role/deploy\nsource_profile = base\n";
    fs::write(&config, roles).unwrap();
    let files = [
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let (message, calls) = desk.refuses(world, &["--profile", "other"], &files);
    assert!(
        message.contains("123456789012") && message.contains("210987654321"),
        "{message}"
    );
    assert_eq!(calls, ["AssumeRole", "GetCallerIdentity"]);
}

/// `sts:GetCallerIdentity` may be out of reach, as where a VPC has no endpoint for it. What is read names the account, too.
#[tokio::test]
async fn a_plan_is_applied_where_nobody_says_whose_the_credentials_are() {
    let desk = Desk::new().await;
    desk.save();
    desk.world
        .fault("GetCallerIdentity", 1, 403, "AccessDenied", "of the test");
    let (run, _) = desk.apply();
    assert_eq!((run.status, &run.json()["result"]), (0, &json!("connected")), "{run:?}");
}

#[tokio::test]
async fn a_group_that_the_database_got_since_makes_a_plan_outdated() {
    let desk = Desk::new().await;
    let world = &desk.world;
    desk.save();
    let theirs = world.group("theirs").await;
    let add = world.rds.modify_db_cluster().db_cluster_identifier("orders");
    let add = add.vpc_security_group_ids(&world.base).vpc_security_group_ids(&theirs);
    add.send().await.unwrap();
    let (run, written) = desk.apply();
    assert_eq!((run.status, run.error_code().as_str()), (1, "plan-outdated"), "{run:?}");
    let error = &run.json()["error"];
    assert_eq!(error["applied"], json!([]));
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains(&format!("it now also has {theirs}")),
        "{error}"
    );
    assert_eq!(written, [""; 0]);
    assert_eq!(
        world.groups_of_cluster("orders").await,
        [world.base.as_str(), theirs.as_str()]
    );
}

/// How often each operation was called. Tests share their roles, whose policies are left out.
fn counted(calls: Vec<String>) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in calls {
        if beside_roles(std::slice::from_ref(&call)) == 1 {
            *counted.entry(call).or_default() += 1;
        }
    }
    counted
}

#[tokio::test]
async fn applying_a_plan_costs_one_request_more_than_the_command_itself() {
    let (desk, other) = (Desk::new().await, Desk::new().await);
    let mark = other.world.mark();
    let told = other.world.setup_succeeds("--cluster orders --function checkout --yes");
    assert_eq!(told["result"], "connected");
    let mut of_setup = counted(other.world.calls_since(mark));
    desk.save();
    let mark = desk.world.mark();
    let (run, written) = desk.apply();
    assert_eq!(run.json()["result"], "connected", "{run:?}");
    let calls = desk.world.calls_since(mark);
    assert_eq!(calls[0], "GetCallerIdentity");
    assert_eq!(calls.iter().filter(|call| !reads(call)).count(), written.len());
    assert_eq!(of_setup.insert("GetCallerIdentity".to_owned(), 1), None);
    assert_eq!(counted(calls), of_setup);
}
