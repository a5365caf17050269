//! `export --format terraform`, held to Terraform itself with the provider for AWS, on the peer: what is imported plans to no change,
//! and what is applied is a connection that `drift` finds in sync.
//!
//! Terraform is looked for in `PATH`, the provider in `AUTOCONNECT_TF_PLUGINS` and the usual places (see [`plugins`]). Without them
//! these tests print that, and `hcl.rs` alone judges the code: by a parser, and by the schema of the provider kept as data.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use aws_sdk_ec2::types::{IpPermission, Tag, UserIdGroupPair};
use aws_sdk_lambda::types::VpcConfig;
use serde_json::Value;

use crate::new_proxies::setup_with_password;
use crate::world::{Run, World, finish, program};

/// The folder of providers in which the one for AWS is.
pub fn plugins() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME").map(|home| home.join(".terraform.d"));
    let of_home = home
        .iter()
        .flat_map(|home| [home.join("plugins"), home.join("plugin-cache")]);
    let below_opt = std::fs::read_dir("/opt").into_iter().flatten().flatten();
    let places = [variable("AUTOCONNECT_TF_PLUGINS"), variable("TF_PLUGIN_CACHE_DIR")]
        .into_iter()
        .flatten()
        .chain(of_home)
        .chain(["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"].map(PathBuf::from))
        .chain(below_opt.map(|entry| entry.path()));
    let has_provider = |place: &PathBuf| place.join("registry.terraform.io/hashicorp/aws").is_dir();
    places.into_iter().find(has_provider)
}

/// Says by what exports are judged: on standard error, also where the test passes, and in a file for `.ci/run`.
fn judged_by(what: &str) {
    let told = format!("exports are judged by {what}\n");
    let _ = std::io::stderr().write_all(told.as_bytes());
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/export-judge.txt"), told).unwrap();
}

/// A folder in which Terraform runs on a world; none, with a word on standard error, where Terraform or the provider is missing.
struct Terraform<'w> {
    folder: tempfile::TempDir,
    world: &'w World,
}

impl<'w> Terraform<'w> {
    fn find(world: &'w World) -> Option<Self> {
        let is_there = Command::new("terraform").arg("version").output().is_ok();
        let Some(plugins) = plugins().filter(|_| is_there) else {
            judged_by("a parser and the provider's schema: Terraform or its provider for AWS was not found");
            return None;
        };
        judged_by(&format!("Terraform itself, with the provider in {}", plugins.display()));
        let terraform = Self {
            folder: tempfile::tempdir().unwrap(),
            world,
        };
        let provider = format!(
            "provider \"aws\" {{\n  region                      = \"{}\"\n  skip_region_validation      = true\n  skip_credentials_validation = true\n  skip_metadata_api_check     = true\n}}\n",
            world.region
        );
        std::fs::write(terraform.path("provider.tf"), provider).unwrap();
        let versions =
            "terraform {\n  required_providers {\n    aws = {\n      source = \"hashicorp/aws\"\n    }\n  }\n}\n";
        std::fs::write(terraform.path("versions.tf"), versions).unwrap();
        let plugins = format!("-plugin-dir={}", plugins.display());
        terraform.succeeds(&["init", "-input=false", &plugins]);
        std::fs::remove_file(terraform.path("versions.tf")).unwrap();
        Some(terraform)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env("AWS_ENDPOINT_URL", &self.world.peer.url)
            .env("AWS_ACCESS_KEY_ID", self.world.region)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        finish(&mut command)
    }

    fn succeeds(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}\n{}", run.stdout, run.stderr);
        run
    }

    /// Exports into the folder.
    fn export(&self, arguments: &str) {
        let mut command = self.world.command();
        command
            .arg("export")
            .args(arguments.split_whitespace())
            .args(["--format", "terraform", "--out"])
            .arg(self.folder.path());
        let run = finish(&mut command);
        assert_eq!(run.status, 0, "{run:?}");
        let format = self.run(&["fmt", "-check", "-diff"]);
        assert_eq!(format.status, 0, "terraform fmt would change it:\n{}", format.stdout);
        // It holds the lines for others as comments, and nothing else.
        let document = std::fs::read_to_string(self.path("owners.tf")).unwrap();
        assert!(
            document.lines().all(|line| line.is_empty() || line.starts_with('#')),
            "{document}"
        );
    }

    /// Applies what is there. A service cannot assume a new role at once: then, as docs/export.md says, it is applied again.
    fn applies(&self) {
        for _ in 0..5 {
            let run = self.run(&["apply", "-input=false", "-no-color", "-auto-approve"]);
            if run.status == 0 {
                return;
            }
            let is_too_early = run.stderr.contains("cannot be assumed by");
            assert!(is_too_early, "{}\n{}", run.stdout, run.stderr);
        }
        panic!("the role is never ready");
    }

    /// Nothing is to be done.
    fn plans_to_nothing(&self, when: &str) {
        let plan = self.run(&["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
        assert_eq!(plan.status, 0, "{when}:\n{}\n{}", plan.stdout, plan.stderr);
    }

    /// All that was exported exists: it is imported, and nothing is changed by that.
    fn imports_all(&self) {
        let plan = self.succeeds(&["plan", "-input=false", "-no-color"]);
        let imports = std::fs::read_to_string(self.path("imports.tf")).unwrap();
        let count = imports.matches("import {").count();
        let expected = format!("Plan: {count} to import, 0 to add, 0 to change, 0 to destroy.");
        assert!(plan.stdout.contains(&expected), "not {expected}:\n{}", plan.stdout);
        self.succeeds(&["apply", "-input=false", "-no-color", "-auto-approve"]);
        self.plans_to_nothing("after the import");
    }

    /// The ids of the groups in the state, by their addresses.
    fn groups(&self) -> BTreeMap<String, String> {
        let shown: Value = serde_json::from_str(&self.succeeds(&["show", "-json"]).stdout).unwrap();
        let resources = shown["values"]["root_module"]["resources"].as_array().unwrap();
        let groups = resources
            .iter()
            .filter(|resource| resource["type"] == "aws_security_group");
        groups
            .map(|resource| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (
                    format!("{}.id", text(&resource["address"])),
                    text(&resource["values"]["id"]),
                )
            })
            .collect()
    }

    /// The lists that the comments give to others: by the line that names each, with the ids of the groups.
    fn lists(&self) -> BTreeMap<String, Vec<String>> {
        let (text, ids) = (std::fs::read_to_string(self.path("owners.tf")).unwrap(), self.groups());
        let mut lists = BTreeMap::new();
        let mut of = String::new();
        for line in text.lines().map(|line| line.trim_start_matches("# ").trim()) {
            if let Some(named) = line.strip_suffix(':') {
                named.clone_into(&mut of);
            }
            let list = line
                .split_once("security_group_ids")
                .and_then(|(_, list)| list.split_once('['));
            if let Some((_, list)) = list {
                let id = |item: &str| {
                    let item = item.trim().trim_matches('"');
                    ids.get(item).cloned().unwrap_or_else(|| item.to_owned())
                };
                let list = list.trim_end_matches(']').split(',').map(id).collect();
                lists.insert(of.clone(), list);
            }
        }
        lists
    }

    /// What the owners of the function and the cluster do.
    async fn owners_take_over(&self) {
        for (of, groups) in self.lists() {
            let name = of.rsplit(' ').next().unwrap();
            if of.starts_with("aws_lambda_function") {
                let config = VpcConfig::builder()
                    .set_subnet_ids(Some(self.world.subnets.clone()))
                    .set_security_group_ids(Some(groups))
                    .build();
                let update = self.world.lambda.update_function_configuration().function_name(name);
                update.vpc_config(config).send().await.unwrap();
            } else if of.starts_with("aws_rds_cluster") {
                let modify = self.world.rds.modify_db_cluster().db_cluster_identifier(name);
                modify.set_vpc_security_group_ids(Some(groups)).send().await.unwrap();
            } else {
                assert!(of.starts_with("aws_db_instance"), "{of}");
                let modify = self.world.rds.modify_db_instance().db_instance_identifier(name);
                modify.set_vpc_security_group_ids(Some(groups)).send().await.unwrap();
            }
        }
    }

    /// The groups that were exported are handed over: these, and no others.
    fn adopt(&self, cluster: &str) {
        let adopted = self
            .world
            .run(&format!("adopt --to terraform --cluster {cluster} --yes"))
            .json();
        let groups = adopted["groups"].as_array().unwrap().iter();
        let handed_over: BTreeSet<&str> = groups.map(|group| group["id"].as_str().unwrap()).collect();
        let exported = self.groups();
        assert_eq!(
            handed_over,
            exported.values().map(String::as_str).collect(),
            "{adopted:#}"
        );
    }
}

impl World {
    /// A connection as the console makes it, with names and descriptions in which code could be.
    async fn console_connects(&self, cluster: &str, function: &str) {
        let mut ids = Vec::new();
        for name in ["lambda-rds-7", "rds-lambda-7"] {
            let create = self.ec2.create_security_group().group_name(name).vpc_id(&self.vpc);
            let create = create.description("Of the console: ${var.region} $${x} \"quoted\" #1; Größe");
            ids.push(create.send().await.unwrap().group_id.unwrap());
        }
        let rule = |peer: &str| {
            let pair = UserIdGroupPair::builder()
                .group_id(peer)
                .description("a rule %{ if } 5 > 4");
            let rule = IpPermission::builder().ip_protocol("tcp").from_port(5432).to_port(5432);
            rule.user_id_group_pairs(pair.build()).build()
        };
        let revoke = self.ec2.revoke_security_group_egress();
        let everywhere = aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let all = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
        revoke.group_id(&ids[0]).ip_permissions(all).send().await.unwrap();
        let leave = self.ec2.authorize_security_group_egress().group_id(&ids[0]);
        leave.ip_permissions(rule(&ids[1])).send().await.unwrap();
        let enter = self.ec2.authorize_security_group_ingress().group_id(&ids[1]);
        enter.ip_permissions(rule(&ids[0])).send().await.unwrap();
        let tag = Tag::builder()
            .key("Team: größe ${x}")
            .value("\"a\" \\ ${b} %{c}\tü")
            .build();
        let tagged = self.ec2.create_tags().resources(&ids[1]).tags(tag);
        tagged.send().await.unwrap();
        let config = VpcConfig::builder()
            .set_subnet_ids(Some(self.subnets.clone()))
            .security_group_ids(&self.base)
            .security_group_ids(&ids[0]);
        let update = self.lambda.update_function_configuration().function_name(function);
        update.vpc_config(config.build()).send().await.unwrap();
        let modify = self.rds.modify_db_cluster().db_cluster_identifier(cluster);
        let modify = modify
            .vpc_security_group_ids(&self.base)
            .vpc_security_group_ids(&ids[1]);
        modify.send().await.unwrap();
        for _ in 0..3 {
            let look = self.lambda.get_function_configuration().function_name(function);
            look.send().await.unwrap();
        }
    }

    fn is_in_sync(&self, connection: &str) {
        let run = self.run(&format!("drift {connection}"));
        let document = run.json();
        assert_eq!(document["connections"][0]["verdict"], "in-sync", "{document:#}");
    }
}

/// Direct connections of several functions, which share the database's group, and one that the console made.
#[tokio::test]
async fn direct_connections_are_imported_without_a_change() {
    let world = World::new().await;
    let Some(terraform) = Terraform::find(&world) else {
        return;
    };
    world.cluster("orders", 2).await;
    for function in ["checkout", "refunds"] {
        world.function(function).await;
        let setup = format!("--cluster orders --function {function} --yes --tag Größe=x_1:/=+-@");
        world.setup_succeeds(&setup);
    }
    world.cluster("legacy", 1).await;
    world.function("old_one").await;
    world.console_connects("legacy", "old_one").await;

    terraform.export("--cluster orders");
    let document = std::fs::read_to_string(terraform.path("security_groups.tf")).unwrap();
    assert_eq!(
        document.matches("\"aws_security_group\"").count(),
        2,
        "shared once:\n{document}"
    );
    terraform.imports_all();
    terraform.adopt("orders");
    terraform.plans_to_nothing("after adopt");

    let Some(console) = Terraform::find(&world) else { return };
    console.export("--cluster legacy --function old_one");
    console.imports_all();
    console.adopt("legacy");
    console.plans_to_nothing("after adopt");

    let Some(everything) = Terraform::find(&world) else {
        return;
    };
    everything.export("--all");
    everything.imports_all();
}

/// A proxy of another owner is looked up; the one that setup made, with its role and a secret, is imported.
#[tokio::test]
async fn connections_through_proxies_are_imported_without_a_change() {
    let world = World::new().await;
    let Some(terraform) = Terraform::find(&world) else {
        return;
    };
    world.cluster("orders", 2).await;
    world
        .proxy("shared", aws_sdk_rds::types::EngineFamily::Postgresql)
        .await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --proxy shared --yes");
    terraform.export("--cluster orders --function checkout");
    let data = std::fs::read_to_string(terraform.path("data.tf")).unwrap();
    assert!(data.contains("data \"aws_db_proxy\" \"shared\""), "{data}");
    terraform.imports_all();

    // A new proxy with a new secret, and a function whose clients must use IAM.
    world.cluster("ledger", 1).await;
    world.function("invoices").await;
    let setup = "--cluster ledger --function invoices --proxy new --db-user app --iam-auth required";
    let run = setup_with_password(&world, setup, &[]);
    assert_eq!(run.status, 0, "{run:?}");
    world.function("reports").await;
    world.setup_succeeds("--cluster ledger --function reports --proxy autoconnect-ledger --yes");
    let Some(with_secret) = Terraform::find(&world) else {
        return;
    };
    with_secret.export("--cluster ledger");
    with_secret.imports_all();
    with_secret.adopt("ledger");
    with_secret.plans_to_nothing("after adopt");

    // A new proxy that logs in with the secret of RDS, and a new function with a role of its own.
    world.cluster("archive", 1).await;
    world.setup_succeeds("--cluster archive --function new:keeper --proxy new --yes");
    let Some(with_role) = Terraform::find(&world) else {
        return;
    };
    with_role.export("--cluster archive --function keeper");
    let roles = std::fs::read_to_string(with_role.path("roles.tf")).unwrap();
    assert_eq!(
        roles.matches("\"aws_iam_role\"").count(),
        2,
        "of the proxy and of the function:\n{roles}"
    );
    with_role.imports_all();
}

/// What `setup` would make, made by Terraform alone, is what `setup` makes.
#[tokio::test]
async fn planned_connections_are_applied_and_in_sync() {
    let world = World::new().await;
    let Some(direct) = Terraform::find(&world) else { return };
    world.instance("inventory", "mysql", 3307).await;
    world.function("stock").await;
    direct.export("--instance inventory --function stock --planned --tag team=shop");
    assert!(!direct.path("imports.tf").exists());
    direct.applies();
    direct.owners_take_over().await;
    direct.plans_to_nothing("after the owners' change");
    world.is_in_sync("--instance inventory --function stock");

    let Some(proxied) = Terraform::find(&world) else { return };
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    let planned = "--cluster orders --function checkout --proxy new --db-user app --iam-auth required";
    proxied.export(&format!("{planned} --planned"));
    assert!(!proxied.path("imports.tf").exists());
    proxied.applies();
    proxied.owners_take_over().await;
    let value = world
        .secrets
        .put_secret_value()
        .secret_id("autoconnect/autoconnect-orders/app");
    value.secret_string("{}").send().await.unwrap();
    for _ in 0..4 {
        world.groups_of_proxy("autoconnect-orders").await;
    }
    proxied.plans_to_nothing("after the owners' change");
    world.is_in_sync("--cluster orders --function checkout --proxy autoconnect-orders");
    // What the function's role may do is not part of this test.
    let again =
        world.setup_succeeds("--cluster orders --function checkout --proxy autoconnect-orders --no-diagnose --dry-run");
    assert_eq!(again["decision"], "no-op", "{again:#}");
}

/// What exists, exported and made anew in an empty account, is the connection again.
#[tokio::test]
async fn an_export_makes_the_connection_again() {
    let world = World::new().await;
    let Some(terraform) = Terraform::find(&world) else {
        return;
    };
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    world.setup_succeeds("--cluster orders --function checkout --proxy new --yes");
    terraform.export("--cluster orders --function checkout");
    let removal =
        world.run("remove --cluster orders --function checkout --proxy autoconnect-orders --with-proxy --yes");
    assert_eq!(removal.status, 0, "{removal:?}");
    assert!(world.groups_named("lambda-rdsproxy-1").await.is_empty());
    std::fs::remove_file(terraform.path("imports.tf")).unwrap();
    terraform.applies();
    terraform.owners_take_over().await;
    for _ in 0..4 {
        world.groups_of_proxy("autoconnect-orders").await;
    }
    terraform.plans_to_nothing("after the owners' change");
    world.is_in_sync("--cluster orders --function checkout --proxy autoconnect-orders");
}

/// A proxy with IAM from end to end cannot be written for version 5 of the provider, and the file says so.
#[tokio::test]
async fn a_proxy_with_iam_from_end_to_end_is_for_provider_6() {
    let world = World::new().await;
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    let mut command = world.command();
    let planned = "export --cluster orders --function checkout --proxy new --proxy-auth iam --db-user app --planned --format terraform";
    let run = finish(command.args(planned.split_whitespace()));
    assert_eq!(run.status, 0, "{run:?}");
    for part in [
        "version = \">= 6.0\"",
        "default_auth_scheme    = \"IAM_AUTH\"",
        "Version 5 of the provider",
        "data.aws_rds_cluster.orders.cluster_resource_id",
    ] {
        assert!(run.stdout.contains(part), "no {part}:\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("auth {"), "{}", run.stdout);
}

/// The commands of docs/export.md, "From a console-made connection to Terraform in five minutes", as they stand there.
#[tokio::test]
async fn the_guide_leads_from_the_console_to_terraform() {
    let world = World::new().await;
    let Some(terraform) = Terraform::find(&world) else {
        return;
    };
    world.cluster("orders", 2).await;
    world.function("checkout").await;
    world.console_connects("orders", "checkout").await;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/export.md")).unwrap();
    let (_, guide) = page
        .split_once("\n## From a console-made connection to Terraform in five minutes\n")
        .unwrap();
    let script = guide.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    // The provider has no invented Regions, and only the peer is asked.
    let folder = terraform.path("orders");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(terraform.path("provider.tf"), folder.join("provider.tf")).unwrap();
    let program = PathBuf::from(program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = program
        .parent()
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&path));
    let mut command = world.command();
    command
        .env("PATH", std::env::join_paths(places).unwrap())
        .env("HOME", terraform.folder.path())
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("TF_IN_AUTOMATION", "1")
        .env("CHECKPOINT_DISABLE", "1")
        .env(
            "TF_CLI_ARGS_init",
            format!("-plugin-dir={}", plugins().unwrap().display()),
        )
        .env("TF_CLI_ARGS_apply", "-auto-approve")
        .env("TF_CLI_ARGS", "-no-color")
        .current_dir(terraform.folder.path());
    // `command` runs the program: its environment is what the shell of the guide needs.
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = finish(shell.current_dir(terraform.folder.path()));
    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.stdout.contains("0 to add, 0 to change, 0 to destroy"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("Apply complete!"), "{}", run.stdout);
    world.is_in_sync("--cluster orders --function checkout");
}
