//! A pipeline that deploys twenty functions of one database at once: twenty processes, one set of groups.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use aws_sdk_rds::types::EngineFamily;

use crate::world::{Run, World, finish};

const CROWD: usize = 20;

impl World {
    /// Runs `setup` for each of these functions, all at the same time.
    fn set_up_at_once(&self, functions: &[String], arguments: &str) -> Vec<Run> {
        let start = |function: &String| {
            let mut command = self.command();
            command
                .args(["setup", "--function", function, "--yes", "--output", "json"])
                .args(arguments.split_whitespace())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().expect("the program runs")
        };
        let running: Vec<Child> = functions.iter().map(start).collect();
        let end = |child: Child| {
            let output = child.wait_with_output().expect("the program runs");
            Run {
                status: output.status.code().expect("an exit status"),
                stdout: String::from_utf8(output.stdout).expect("UTF-8"),
                stderr: String::from_utf8(output.stderr).expect("UTF-8"),
            }
        };
        running.into_iter().map(end).collect()
    }

    /// All groups of the VPC that have our tags, by their names.
    async fn ours(&self) -> BTreeSet<String> {
        let groups = self.groups_named("*lambda*").await.into_iter();
        let more = self.groups_named("*rdsproxy*").await.into_iter();
        let is_ours = |group: &aws_sdk_ec2::types::SecurityGroup| {
            group.tags().iter().any(|tag| tag.key() == Some("autoconnect:managed"))
        };
        groups
            .chain(more)
            .filter(is_ours)
            .filter_map(|group| group.group_name)
            .collect()
    }

    /// Nobody has failed; each function has the one set's group; and nothing has drifted, nor does a second run write.
    async fn share_one_set(&self, functions: &[String], arguments: &str, names: &[&str]) {
        for (function, run) in functions.iter().zip(self.set_up_at_once(functions, arguments)) {
            assert_eq!(run.status, 0, "{function}: {run:?}");
        }
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(self.ours().await, names);
        let group = names.iter().find(|name| name.starts_with("lambda-")).unwrap();
        let group = self.the_group(group).await.group_id.unwrap();
        for function in functions {
            assert_eq!(
                self.groups_of_function(function).await,
                [self.base.clone(), group.clone()],
                "{function}"
            );
        }
        for name in names.iter().filter(|name| name.starts_with("rds-")) {
            let on_database = self.groups_of_cluster("orders").await;
            let group = self.the_group(name).await.group_id.unwrap();
            assert_eq!(on_database, [self.base.clone(), group]);
        }
        let drift = finish(self.command().args(["drift", "--output", "json"]));
        assert_eq!(drift.status, 0, "{drift:?}");
        assert_eq!(drift.json()["connections"].as_array().unwrap().len(), functions.len());
        for run in self.set_up_at_once(functions, arguments) {
            assert_eq!(run.json()["result"], "unchanged", "{run:?}");
        }
    }

    async fn crowd(&self) -> Vec<String> {
        self.cluster("orders", 1).await;
        let functions: Vec<String> = (0..CROWD).map(|n| format!("function-{n}")).collect();
        for function in &functions {
            self.function(function).await;
        }
        functions
    }
}

#[tokio::test]
async fn twenty_processes_share_one_set() {
    let world = World::new().await;
    let functions = world.crowd().await;
    let names = ["lambda-rds-1", "rds-lambda-1"];
    world.share_one_set(&functions, "--cluster orders", &names).await;
}

#[tokio::test]
async fn twenty_processes_through_one_proxy_share_one_set() {
    let world = World::new().await;
    let functions = world.crowd().await;
    world.proxy("orders-proxy", EngineFamily::Postgresql).await;
    let names = ["lambda-rdsproxy-1", "rds-rdsproxy-1", "rdsproxy-lambda-1"];
    let arguments = "--cluster orders --proxy orders-proxy";
    world.share_one_set(&functions, arguments, &names).await;
}
