//! Estates of several databases, proxies and functions with a past, and manifests for them.

use std::collections::BTreeSet;

use autoconnect::account::AccountDocument;
use autoconnect::batch::Item;
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{CredentialsWish, DatabaseKind, EnvironmentWish, NewFunction};
use autoconnect::observe::{NewProxyWish, ProxyWish, Target};
use autoconnect::plan::Request;
use autoconnect::reconcile::Options;
use autoconnect::tags;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::connecting;
use crate::random_accounts::{Change, after, changes};
use crate::scenarios::{Scenario, all_rows};
use crate::stale_reads::settle;
use crate::support::{Script, in_memory, run};

/// The databases of the estate; the first one is that of the decision table.
const DATABASES: [&str; 5] = ["db", "crm", "inv", "far", "halted"];
/// The functions: in the VPC of most databases, in none, in the other one, and one that is not there yet.
const FUNCTIONS: [&str; 8] = ["f", "g", "h", "i", "j", "outside", "away", "made"];

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// An account of the decision table with more in it.
fn widened(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    let document = &mut scenario.document;
    let on = |group: &str| json!([{"VpcSecurityGroupId": group, "Status": "active"}]);
    document.vpcs.push(parsed(json!({"VpcId": "vpc-2"})));
    for (subnet, zone) in [("subnet-c", "a"), ("subnet-d", "b")] {
        let zone = format!("eu-central-1{zone}");
        document.subnets.push(parsed(
            json!({"SubnetId": subnet, "VpcId": "vpc-2", "AvailabilityZone": zone}),
        ));
    }
    document.security_groups.push(parsed(
        json!({"GroupId": "sg-base-away", "GroupName": "away", "VpcId": "vpc-2"}),
    ));
    document
        .db_subnet_groups
        .push(parsed(json!({"DBSubnetGroupName": "s2", "VpcId": "vpc-2"})));
    document.db_clusters.push(parsed(
        json!({"DBClusterIdentifier": "crm", "Engine": "aurora-postgresql", "Port": 5432, "DBSubnetGroup": "s",
               "VpcSecurityGroups": on("sg-base-d"), "Endpoint": "crm.example", "MasterUsername": "root",
               "IAMDatabaseAuthenticationEnabled": true, "DbClusterResourceId": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"}),
    ));
    document.db_instances.push(parsed(
        json!({"DBInstanceIdentifier": "crm-1", "Engine": "aurora-postgresql", "DBSubnetGroup": "s", "DBClusterIdentifier": "crm"}),
    ));
    for (id, subnets, group, status) in [
        ("inv", "s", "sg-base-d", "available"),
        ("far", "s2", "sg-base-away", "available"),
        ("halted", "s", "sg-base-d", "stopped"),
    ] {
        document.db_instances.push(parsed(
            json!({"DBInstanceIdentifier": id, "Engine": "postgres", "Port": 5432, "DBSubnetGroup": subnets,
                   "DBInstanceStatus": status, "VpcSecurityGroups": on(group), "Endpoint": format!("{id}.example"),
                   "MasterUsername": "root", "IAMDatabaseAuthenticationEnabled": true,
                   "DbiResourceId": format!("db-{}", id.to_uppercase())}),
        ));
    }
    document.db_proxies.push(parsed(
        json!({"DBProxyName": "q", "EngineFamily": "POSTGRESQL", "VpcId": "vpc-1", "VpcSecurityGroupIds": ["sg-base-p"],
               "Target": {"Type": "TRACKED_CLUSTER", "RdsResourceId": "crm"}, "IAMAuth": "REQUIRED"}),
    ));
    let function = |name: &str, config: Value| {
        parsed(
            json!({"FunctionName": name, "RevisionId": "revision-1", "Role": "arn:aws:iam::123456789012:role/f",
                      "VpcConfig": config}),
        )
    };
    let inside = |subnet: &str, group: &str| json!({"SubnetIds": [subnet], "SecurityGroupIds": [group]});
    for name in ["h", "i", "j"] {
        document.functions.push(function(name, inside("subnet-a", "sg-base-f")));
    }
    document.functions.push(function("outside", Value::Null));
    document
        .functions
        .push(function("away", inside("subnet-c", "sg-base-away")));
    crate::scenarios::with_policies(document);
    scenario
}

/// What has happened to the estate besides.
#[derive(Clone, Debug)]
pub enum Past {
    /// What happens to a single connection.
    One(Change),
    /// A connection was made, perhaps by the console, which leaves no tags.
    Connected { wish: Wish, by_console: bool },
    /// A function got one more group: someone else's, or the last one that there is.
    OnFunction { function: Index, group: Index },
    /// The last update of a function has failed.
    Failed { function: Index },
}

/// A connection of a manifest.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the connection")]
#[derive(Clone, Debug)]
pub struct Wish {
    database: usize,
    function: usize,
    proxy: u8,
    sets_environment: bool,
    overwrites: bool,
    attaches: bool,
    repairs: bool,
    diagnoses: bool,
}

impl Wish {
    /// What it names. What several connections have to agree on follows from the database.
    pub fn target(&self, scenario: &Scenario) -> Target {
        let database = DATABASES[self.database];
        let function = FUNCTIONS[self.function];
        let kind = match database {
            "db" => scenario.target.kind,
            "crm" => DatabaseKind::Cluster,
            _ => DatabaseKind::Instance,
        };
        let credentials = match database {
            "db" => CredentialsWish::Secret("s".into()),
            "crm" => CredentialsWish::Iam,
            _ => CredentialsWish::Password,
        };
        let proxy = match (self.proxy, database) {
            (0, "db") => ProxyWish::Existing("p".into()),
            (0, "crm") => ProxyWish::Existing("q".into()),
            (1, _) => ProxyWish::New(NewProxyWish {
                credentials: credentials.clone(),
                ..NewProxyWish::default()
            }),
            _ => ProxyWish::None,
        };
        let is_new = matches!(proxy, ProxyWish::New(_));
        Target {
            proxy,
            user: (is_new || self.sets_environment).then(|| "app".to_owned()),
            iam_required: is_new && database != "db",
            new_function: (function == "made").then(|| NewFunction {
                runtime: "nodejs24.x".into(),
            }),
            environment: self.sets_environment.then_some(EnvironmentWish {
                overwrite: self.overwrites,
            }),
            attach: self.attaches && function != "made",
            ..Target::direct(kind, database, function)
        }
    }

    fn item(&self, scenario: &Scenario) -> Item {
        let options = Options {
            diagnose: self.diagnoses,
            request: Request {
                repair: self.repairs,
                ..Request::default()
            },
            ..Options::default()
        };
        connecting(&self.target(scenario), &options)
    }
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}

pub fn wish() -> impl Strategy<Value = Wish> {
    let database = prop_oneof![4 => Just(0), 4 => Just(1), 3 => Just(2), 1 => Just(3), 1 => Just(4)];
    let function = prop_oneof![12 => 0..5_usize, 1 => Just(5), 1 => Just(6), 2 => Just(7)];
    let proxy = prop_oneof![2 => Just(0), 2 => Just(1), 5 => Just(2)];
    let choices = (rarely(), any::<bool>(), any::<bool>(), rarely(), any::<bool>());
    (database, function, proxy, choices).prop_map(|(database, function, proxy, choices)| {
        let (sets_environment, overwrites, attaches, repairs, diagnoses) = choices;
        Wish {
            database,
            function,
            proxy,
            sets_environment,
            overwrites,
            attaches,
            repairs,
            diagnoses,
        }
    })
}

fn past() -> impl Strategy<Value = Vec<Past>> {
    let connected = (wish(), rarely()).prop_map(|(wish, by_console)| Past::Connected { wish, by_console });
    let on_function =
        (any::<Index>(), any::<Index>()).prop_map(|(function, group)| Past::OnFunction { function, group });
    let others = prop_oneof![
        6 => connected,
        2 => on_function,
        1 => any::<Index>().prop_map(|function| Past::Failed { function }),
    ];
    (prop::collection::vec(others, 0..6), changes()).prop_map(|(others, changes)| {
        let mut past: Vec<Past> = others;
        let changes = changes
            .into_iter()
            .filter(|change| !matches!(change, Change::SettlesAfter(_)));
        for (index, change) in changes.enumerate() {
            let at = (index * 2).min(past.len());
            past.insert(at, Past::One(change));
        }
        past
    })
}

/// An estate and a manifest for it.
#[derive(Clone, Debug)]
pub struct Case {
    row: Index,
    past: Vec<Past>,
    pub wishes: Vec<Wish>,
}

pub fn case(most: usize) -> impl Strategy<Value = Case> {
    (any::<Index>(), past(), prop::collection::vec(wish(), 1..=most)).prop_map(|(row, past, wishes)| Case {
        row,
        past,
        wishes,
    })
}

impl Case {
    fn scenario(&self) -> Scenario {
        widened(self.row.get(&all_rows()))
    }

    /// The account at the beginning, in which nothing is changing.
    pub async fn document(&self) -> AccountDocument {
        let mut scenario = self.scenario();
        for past in &self.past {
            scenario.document = lived_through(past, &scenario).await;
            at_rest(&mut scenario.document);
        }
        scenario.document
    }

    /// The connections, each once, as a manifest may have them: the variables of a function are those of one connection.
    pub fn items(&self) -> Vec<Item> {
        let scenario = self.scenario();
        let mut items: Vec<Item> = Vec::new();
        let mut set = BTreeSet::new();
        for wish in &self.wishes {
            let mut wish = wish.clone();
            wish.sets_environment &= set.insert((wish.function, wish.sets_environment));
            let item = wish.item(&scenario);
            if items.iter().all(|before| before.name != item.name) {
                items.push(item);
            }
        }
        items
    }
}

/// What passes has passed; a database that is stopped stays so.
pub fn at_rest(document: &mut AccountDocument) {
    settle(document);
    let halted = document
        .db_instances
        .iter_mut()
        .filter(|instance| instance.id == "halted");
    halted.for_each(|instance| "stopped".clone_into(&mut instance.status));
}

async fn lived_through(past: &Past, scenario: &Scenario) -> AccountDocument {
    let mut document = scenario.document.clone();
    match past {
        Past::One(change) => return after(scenario, std::slice::from_ref(change)).await,
        Past::Connected { wish, by_console } => {
            let before = document.security_groups.len();
            let account = in_memory(&document);
            // It may be refused, which is as good a beginning as any.
            let _ = connected_alone(&account, &wish.target(scenario)).await;
            document = account.document();
            if *by_console {
                for group in &mut document.security_groups[before..] {
                    group.tags.retain(|tag| !tag.key.starts_with(tags::PREFIX));
                }
            }
        }
        Past::OnFunction { function, group } => {
            let groups: Vec<String> = document
                .security_groups
                .iter()
                .filter(|group| group.vpc_id == "vpc-1")
                .map(|group| group.group_id.clone())
                .collect();
            let count = document.functions.len();
            let function = &mut document.functions[function.index(count)];
            let in_first = function
                .vpc_config
                .as_mut()
                .filter(|_| function.function_name != "away");
            if let Some(config) = in_first {
                let group = group.get(&groups);
                if !config.security_group_ids.contains(group) && config.security_group_ids.len() < 5 {
                    config.security_group_ids.push(group.clone());
                }
            }
        }
        Past::Failed { function } => {
            let count = document.functions.len();
            let function = &mut document.functions[function.index(count)];
            "Failed".clone_into(&mut function.last_update_status);
        }
    }
    document
}

async fn connected_alone(cloud: &dyn Cloud, target: &Target) -> bool {
    let (front, options) = (Script::default(), Options::default());
    Box::pin(run(cloud, target, &options, &front, Interrupt::never()))
        .await
        .is_ok()
}
