//! How many security groups a resource takes: 5 on a function, the account's quota on databases and proxies.

use autoconnect::account::{AccountDocument, OfflineAccount, SecurityGroupEntry, VpcSecurityGroupMembership};
use autoconnect::cloud::{Cloud, Operation};

use crate::denied::Denied;
use crate::interposed::Interposed;
use crate::support::*;

/// So many groups of others on the instance ledger, or on the function invoices.
fn filled(on_database: usize, on_function: usize, quota: Option<usize>) -> OfflineAccount {
    account(|document| {
        if let Some(quota) = quota {
            document.quotas.security_groups_per_network_interface = quota;
        }
        let of_ledger = &document
            .db_instances
            .iter()
            .find(|found| found.id == "ledger")
            .unwrap()
            .vpc_security_groups;
        let first = &of_ledger[0].vpc_security_group_id;
        let mut groups = document.security_groups.iter();
        let vpc = groups.find(|group| group.group_id == *first).unwrap().vpc_id.clone();
        let add = |document: &mut AccountDocument, name: String| {
            document.security_groups.push(SecurityGroupEntry {
                group_id: format!("sg-0{name}"),
                group_name: name.clone(),
                vpc_id: vpc.clone(),
                description: String::new(),
                ip_permissions: Vec::new(),
                ip_permissions_egress: Vec::new(),
                tags: Vec::new(),
            });
            format!("sg-0{name}")
        };
        let ids_of_ledger: Vec<String> = (0..on_database).map(|n| add(document, format!("d{n}"))).collect();
        let ids_of_invoices: Vec<String> = (0..on_function).map(|n| add(document, format!("f{n}"))).collect();
        let mut instances = document.db_instances.iter_mut();
        let ledger = instances.find(|instance| instance.id == "ledger").unwrap();
        ledger.vpc_security_groups = ids_of_ledger
            .into_iter()
            .map(|id| VpcSecurityGroupMembership {
                vpc_security_group_id: id,
                status: "active".to_owned(),
            })
            .collect();
        let mut functions = document.functions.iter_mut();
        let invoices = functions.find(|function| function.function_name == "invoices").unwrap();
        invoices.vpc_config.as_mut().unwrap().security_group_ids = ids_of_invoices;
    })
}

#[tokio::test(start_paused = true)]
async fn the_accounts_quota_decides() {
    let target = instance("ledger", "invoices");
    // Groups on the database and on the function, the quota, whether the setup is refused, and with which limit.
    let rows = [
        (4, 1, None, None),
        (5, 1, None, Some("at most 5")),
        (5, 1, Some(6), None),
        (6, 1, Some(6), Some("at most 6")),
        (9, 1, Some(10), None),
        (15, 1, Some(16), None),
        (16, 1, Some(16), Some("at most 16")),
        // No quota is higher, whatever the file says.
        (16, 1, Some(30), Some("at most 16")),
        // That of functions is fixed.
        (1, 4, Some(16), None),
        (1, 5, Some(16), Some("at most 5")),
        (5, 5, None, Some("at most 5")),
    ];
    for (on_database, on_function, quota, refused) in rows {
        let account = filled(on_database, on_function, quota);
        let context = format!("{on_database} {on_function} {quota:?}");
        match (setup(&account, &target).await, refused) {
            (Ok(_), None) => {}
            (Err(failure), Some(limit)) => {
                assert_eq!(failure.error.code(), "too-many-groups", "{context}");
                let text = failure.error.to_string();
                assert!(text.contains(limit), "{context}: {text}");
                assert_eq!(account.calls().write, 0, "{context}");
            }
            (ended, _) => panic!("{context}: {ended:?}"),
        }
    }
}

/// It is asked for only where 5 could be too few.
#[tokio::test(start_paused = true)]
async fn it_is_asked_for_where_it_matters() {
    let target = instance("ledger", "invoices");
    for (on_database, is_asked) in [(1, false), (4, false), (5, true), (7, true)] {
        let account = filled(on_database, 1, Some(16));
        let cloud = Interposed {
            account: &account,
            hook: Denied(Operation::GetServiceQuota),
        };
        let outcome = setup(&cloud, &target).await.unwrap();
        let notes = outcome.draft.notes.join("\n");
        assert_eq!(notes.contains("L-2AFB9258"), is_asked, "{on_database}: {notes}");
        assert_eq!(
            notes.contains("servicequotas:GetServiceQuota"),
            is_asked,
            "{on_database}: {notes}"
        );
    }
}

/// Where it may not be read, only what no quota allows is refused before the first write.
#[tokio::test(start_paused = true)]
async fn an_unread_quota_refuses_only_what_aws_never_takes() {
    let target = instance("ledger", "invoices");
    for (on_database, refused) in [(5, false), (15, false), (16, true)] {
        let account = filled(on_database, 1, Some(16));
        let cloud = Interposed {
            account: &account,
            hook: Denied(Operation::GetServiceQuota),
        };
        let ended = setup(&cloud, &target).await;
        assert_eq!(ended.is_err(), refused, "{on_database}: {ended:?}");
        if let Err(failure) = ended {
            assert_eq!((failure.error.code(), account.calls().write), ("too-many-groups", 0));
        }
    }
    // AWS refuses what the account's quota does not allow.
    let account = filled(5, 1, None);
    let cloud = Interposed {
        account: &account,
        hook: Denied(Operation::GetServiceQuota),
    };
    let failure = setup(&cloud, &target).await.unwrap_err();
    assert_eq!(failure.error.code(), "quota-reached", "{failure:?}");
}

/// A file whose database has more groups than AWS's default, and that gives no quota, leaves open how far it was raised.
#[tokio::test(start_paused = true)]
async fn more_groups_than_the_default_leave_the_quota_open() {
    let target = instance("ledger", "invoices");
    for (on_database, refused) in [(5, true), (6, false), (15, false), (16, true)] {
        let account = filled(on_database, 1, None);
        let ended = setup(&account, &target).await;
        assert_eq!(ended.is_err(), refused, "{on_database}: {ended:?}");
        if let Err(failure) = ended {
            assert_eq!((failure.error.code(), account.calls().write), ("too-many-groups", 0));
        }
    }
}

/// The account in memory has the account's number of proxies.
#[tokio::test(start_paused = true)]
async fn proxies_are_counted() {
    let account = account(|document| document.quotas.proxies = 0);
    let new = autoconnect::cloud::NewDbProxy {
        name: "p".into(),
        family: autoconnect::model::EngineFamily::PostgreSql,
        subnets: Vec::new(),
        group: "sg-0".into(),
        role: String::new(),
        auth: autoconnect::cloud::NewProxyAuth::Iam,
        tags: std::collections::BTreeMap::new(),
    };
    let error = account.create_db_proxy(&new).await.unwrap_err();
    assert_eq!(error.code(), "quota-reached", "{error}");
}
