//! Random accounts: a starting state of the decision table, and what people, other connections and earlier runs have
//! made of it since.

use autoconnect::account::{AccountDocument, OfflineAccount, SecurityGroupEntry};
use autoconnect::observe::Target;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::scenarios::{Scenario, groups_on_database};
use crate::support::{setup, setup_interrupted_at};

/// Something that has happened to the account.
#[derive(Clone, Debug)]
pub enum Change {
    /// Another function was connected, up to this call of its run, or wholly.
    OtherFunction { until: Option<u32> },
    /// An earlier run of this very connection died at this call.
    EarlierRun { until: u32 },
    /// Someone has made a group with a name of the convention, and perhaps put it on the database.
    Foreign {
        prefix: &'static str,
        number: u8,
        on_database: bool,
    },
    /// Someone has added a rule to a group.
    Rule { group: Index },
    /// Someone has taken the rules out of a group.
    NoRules { group: Index },
    /// Someone has taken the last group off the database, or the function.
    TakenOff { database: bool },
    /// The proxy has lost its target.
    NoTarget,
    /// The database, and the function, are changing.
    Changing,
    /// For how long states pass.
    SettlesAfter(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let prefix = prop::sample::select(vec![
        "rds-lambda-",
        "lambda-rds-",
        "rds-rdsproxy-",
        "rdsproxy-lambda-",
        "lambda-rdsproxy-",
        "RDS-Lambda-",
    ]);
    prop_oneof![
        prop::option::of(0..40_u32).prop_map(|until| Change::OtherFunction { until }),
        (0..40_u32).prop_map(|until| Change::EarlierRun { until }),
        (prefix, 1..4_u8, any::<bool>()).prop_map(|(prefix, number, on_database)| Change::Foreign {
            prefix,
            number,
            on_database
        }),
        any::<Index>().prop_map(|group| Change::Rule { group }),
        any::<Index>().prop_map(|group| Change::NoRules { group }),
        any::<bool>().prop_map(|database| Change::TakenOff { database }),
        Just(Change::NoTarget),
        Just(Change::Changing),
        (0..4_u32).prop_map(Change::SettlesAfter),
    ]
}

/// Up to four changes, one after the other.
pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 0..=4)
}

/// The account of a scenario after these changes.
pub async fn after(scenario: &Scenario, changes: &[Change]) -> AccountDocument {
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    for change in changes {
        make(change, scenario, &account).await;
    }
    account.document()
}

async fn make(change: &Change, scenario: &Scenario, account: &OfflineAccount) {
    match change {
        Change::OtherFunction { until } => {
            let target = Target {
                function: "g".into(),
                new_function: None,
                environment: None,
                ..scenario.target.clone()
            };
            // It may be refused, which is as good a beginning as any.
            let _ = match until {
                Some(call) => setup_interrupted_at(*call, account, &target).await,
                None => setup(account, &target).await,
            };
        }
        Change::EarlierRun { until } => {
            let _ = setup_interrupted_at(*until, account, &scenario.target).await;
        }
        change => account.edit(|document| edit(change, document)),
    }
}

fn edit(change: &Change, document: &mut AccountDocument) {
    match change {
        Change::Foreign {
            prefix,
            number,
            on_database,
        } => {
            let (id, name) = (
                format!("sg-foreign-{}", document.security_groups.len()),
                format!("{prefix}{number}"),
            );
            let mut groups = document.security_groups.iter();
            if groups.any(|group| group.group_name.eq_ignore_ascii_case(&name)) {
                return;
            }
            let entry = json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1"});
            document.security_groups.push(serde_json::from_value(entry).unwrap());
            if *on_database {
                let entry = json!({"VpcSecurityGroupId": id, "Status": "active"});
                groups_on_database(document).push(serde_json::from_value(entry).unwrap());
            }
        }
        Change::Rule { group } => {
            let rule =
                json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]});
            let (group, rule) = (index(*group, document), serde_json::from_value(rule).unwrap());
            if !group.ip_permissions.contains(&rule) {
                group.ip_permissions.push(rule);
            }
        }
        Change::NoRules { group } => {
            let group = index(*group, document);
            group.ip_permissions.clear();
            group.ip_permissions_egress.clear();
        }
        Change::TakenOff { database: true } => {
            groups_on_database(document).pop();
        }
        Change::TakenOff { database: false } => {
            let config = document.functions[0].vpc_config.as_mut();
            // A function in a VPC has at least one.
            if let Some(config) = config.filter(|config| config.security_group_ids.len() > 1) {
                config.security_group_ids.pop();
            }
        }
        Change::NoTarget => {
            for proxy in &mut document.db_proxies {
                proxy.target = None;
            }
        }
        Change::Changing => {
            for function in &mut document.functions {
                "InProgress".clone_into(&mut function.last_update_status);
            }
        }
        Change::SettlesAfter(reads) => document.settles_after_reads = *reads,
        Change::OtherFunction { .. } | Change::EarlierRun { .. } => {}
    }
}

fn index(group: Index, document: &mut AccountDocument) -> &mut SecurityGroupEntry {
    let groups = &mut document.security_groups;
    let at = group.index(groups.len());
    &mut groups[at]
}
