//! A snapshot answers as the account does from which it was taken.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::diagnose::diagnose;
use autoconnect::drift::{discover, judge};
use autoconnect::model::VpcId;
use autoconnect::observe::{Proxies, ProxyWish, Target, observe, scene, survey};
use autoconnect::snapshot::snapshot;

use crate::support::*;

async fn taken(account: &OfflineAccount, vpc: Option<&str>) -> OfflineAccount {
    let vpc = vpc.map(VpcId::from);
    let taken = snapshot(account, vpc.as_ref()).await.unwrap();
    assert_eq!(taken.gaps, [] as [&str; 0]);
    assert_eq!(account.calls().write, 0);
    OfflineAccount::in_memory(taken.document).unwrap()
}

fn targets() -> Vec<Target> {
    let through = |proxy: &str, target: Target| Target {
        proxy: ProxyWish::Existing(proxy.to_owned()),
        ..target
    };
    vec![
        cluster("orders", "checkout"),
        cluster("orders", "refunds"),
        instance("inventory", "stock-sync"),
        instance("ledger", "invoices"),
        through("orders-proxy", cluster("orders", "refunds")),
    ]
}

#[tokio::test]
async fn a_snapshot_gives_the_same_answers() {
    let account = account(|document| {
        document.functions[0]
            .environment
            .insert("API_KEY".to_owned(), CANARY.to_owned());
    });
    for vpc in [None, Some("vpc-0a1b2c3d")] {
        let copy = taken(&account, vpc).await;
        let text = serde_json::to_string(&copy.document()).unwrap();
        assert!(!text.contains(CANARY) && !text.contains("API_KEY"));
        for target in targets() {
            let mut there = observe(&account, &target).await.unwrap();
            there.function.environment = Some(autoconnect::model::Environment::default());
            assert_eq!(observe(&copy, &target).await.unwrap(), there);
            let plan = async |cloud: &OfflineAccount| {
                setup_with(cloud, &target, &dry_run(), &Script::default())
                    .await
                    .unwrap()
                    .proposal
                    .plan
            };
            assert_eq!(plan(&copy).await, plan(&account).await);
            let checks = async |cloud: &OfflineAccount| diagnose(&scene(cloud, &target).await.unwrap()).checks;
            assert_eq!(
                format!("{:?}", checks(&copy).await),
                format!("{:?}", checks(&account).await)
            );
        }
        let judged = async |cloud: &OfflineAccount| {
            let found = survey(cloud, &Proxies::All).await.estate;
            discover(&found)
                .into_iter()
                .map(|of| (of.to_string(), judge(&found, &of)))
                .collect::<Vec<_>>()
        };
        assert_eq!(judged(&copy).await, judged(&account).await);
    }
}

#[tokio::test]
async fn a_snapshot_of_a_snapshot_is_the_same() {
    let first = taken(&account(|_| ()), None).await.document();
    let second = taken(&OfflineAccount::in_memory(first.clone()).unwrap(), None)
        .await
        .document();
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_snapshot_of_one_vpc_holds_nothing_of_others() {
    let one: AccountDocument = taken(&account(|_| ()), Some("vpc-0e5f6a7b")).await.document();
    assert!(one.subnets.iter().all(|subnet| subnet.vpc_id == "vpc-0e5f6a7b"));
    assert_eq!(
        one.db_clusters
            .iter()
            .map(|cluster| cluster.id.as_str())
            .collect::<Vec<_>>(),
        ["archive"]
    );
    assert!(one.db_proxies.is_empty() && one.db_instances.is_empty());
}
