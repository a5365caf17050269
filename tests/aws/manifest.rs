//! `setup --manifest` on AWS: bulk reads, one set of groups for each database, and what single runs make.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::World;

/// Two clusters, functions that are connected with one of them each, and the manifest.
struct Fleet {
    world: World,
    folder: TempDir,
    functions: usize,
}

impl Fleet {
    async fn new(functions: usize) -> Self {
        let world = World::new().await;
        for cluster in ["orders", "stock"] {
            world.cluster(cluster, 1).await;
        }
        for number in 0..functions {
            world.function(&format!("f{number}")).await;
        }
        let fleet = Self {
            world,
            folder: tempfile::tempdir().unwrap(),
            functions,
        };
        fleet.write(0..functions);
        fleet
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, functions: impl IntoIterator<Item = usize>) {
        let mut text = String::new();
        for number in functions {
            let cluster = ["orders", "stock"][number % 2];
            writeln!(
                text,
                "[[connection]]\ncluster = \"{cluster}\"\nfunction = \"f{number}\"\n"
            )
            .unwrap();
        }
        fs::write(self.path("connections.toml"), text).unwrap();
    }

    fn setup(&self, more: &str) -> String {
        format!("setup --manifest {} {more}", self.path("connections.toml"))
    }

    /// Each function has the group of its database, and each database one of ours.
    async fn is_connected(&self) {
        let world = &self.world;
        for (number, cluster) in ["orders", "stock"].into_iter().enumerate() {
            let names = [
                format!("rds-lambda-{}", number + 1),
                format!("lambda-rds-{}", number + 1),
            ];
            let on_database = world.the_group(&names[0]).await.group_id.unwrap();
            let on_function = world.the_group(&names[1]).await.group_id.unwrap();
            assert_eq!(
                world.groups_of_cluster(cluster).await,
                [world.base.as_str(), &on_database]
            );
            for function in (0..self.functions).filter(|function| function % 2 == number) {
                let groups = world.groups_of_function(&format!("f{function}")).await;
                assert_eq!(groups, [world.base.as_str(), &on_function], "f{function}");
            }
        }
        assert_eq!(world.groups_named("*lambda*").await.len(), 4);
    }
}

fn counted(document: &Value, key: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for connection in document["connections"]
        .as_array()
        .unwrap_or_else(|| panic!("{document:#}"))
    {
        let value = connection[key].as_str().unwrap_or("none").to_owned();
        *counts.entry(value).or_default() += 1;
    }
    counts
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts
        .into_iter()
        .map(|(word, count)| (word.to_owned(), count))
        .collect()
}

#[tokio::test]
async fn a_manifest_is_planned_applied_checked_and_pruned() {
    let fleet = Fleet::new(6).await;
    let world = &fleet.world;
    let (planned, written) = world.written(&fleet.setup("--dry-run"));
    assert_eq!((planned.status, written), (0, Vec::new()), "{planned:?}");
    let document = planned.json();
    assert_eq!(document["region"], json!(world.region));
    assert_eq!(
        counted(&document, "decision"),
        counts([("associate-existing", 4), ("create-new", 2)])
    );

    let (applied, written) = world.written(&fleet.setup("--yes"));
    assert_eq!(
        (applied.status, &applied.json()["result"]),
        (0, &json!("connected")),
        "{applied:?}"
    );
    let planned: usize = document["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["steps"].as_array().unwrap().len())
        .sum();
    assert_eq!(written.len(), planned, "{written:?}");
    fleet.is_connected().await;

    let (again, written) = world.written(&fleet.setup("--yes"));
    assert_eq!(
        (again.status, &again.json()["result"]),
        (0, &json!("unchanged")),
        "{again:?}"
    );
    assert_eq!(written, Vec::<String>::new());
    let drift = world.run(&format!("drift --manifest {}", fleet.path("connections.toml")));
    assert_eq!(drift.status, 0, "{drift:?}");

    fleet.write(0..2);
    let pruned = world.run(&fleet.setup("--prune --yes"));
    assert_eq!(
        counted(&pruned.json(), "result"),
        counts([("removed", 4), ("unchanged", 2)]),
        "{pruned:?}"
    );
    for function in 2..6 {
        assert_eq!(
            world.groups_of_function(&format!("f{function}")).await,
            [world.base.as_str()]
        );
    }
}

/// The requests of a dry run are those of the lists, however many connections there are.
#[tokio::test]
async fn requests_do_not_grow_with_connections() {
    let mut requests = Vec::new();
    for functions in [2, 12] {
        let fleet = Fleet::new(functions).await;
        let mark = fleet.world.mark();
        let run = fleet.world.run(&fleet.setup("--dry-run"));
        assert_eq!(run.status, 0, "{run:?}");
        let calls = fleet.world.calls_since(mark);
        assert_eq!(
            run.json()["api_calls"]["read"].as_u64().unwrap(),
            calls.len() as u64,
            "{calls:?}"
        );
        requests.push(calls.len());
    }
    assert_eq!(requests[0], requests[1]);
}

#[tokio::test]
async fn a_saved_plan_of_a_manifest_is_applied_once_and_again_after_a_fault() {
    let fleet = Fleet::new(4).await;
    let world = &fleet.world;
    let plan = fleet.path("plan.json");
    let (saved, written) = world.written(&fleet.setup(&format!("--out {plan}")));
    assert_eq!((saved.status, written), (0, Vec::new()), "{saved:?}");
    // One connection fails; what the others do stays, and the same plan finishes it.
    world.fault(
        "UpdateFunctionConfiguration",
        1,
        400,
        "InvalidParameterValueException",
        "canary",
    );
    let apply = format!("apply {plan} --yes");
    let failed = world.run(&apply);
    let results = counted(&failed.json(), "result");
    if results.contains_key("failed") {
        assert_eq!(
            (failed.status, results),
            (1, counts([("connected", 3), ("failed", 1)])),
            "{failed:?}"
        );
    }
    let finished = world.run(&apply);
    assert_eq!(finished.status, 0, "{finished:?}");
    fleet.is_connected().await;
    let (again, written) = world.written(&apply);
    assert_eq!(
        (again.status, &again.json()["result"]),
        (0, &json!("unchanged")),
        "{again:?}"
    );
    assert_eq!(written, Vec::<String>::new());
}
