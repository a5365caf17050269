//! How many requests planning sends: as many as the account has pages and the manifest proxies, and not more for more
//! connections.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::Cloud;
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::reconcile::Options;
use serde_json::json;

use super::{assert_all_ran, bulk, connecting, planned};
use crate::support::{cluster, example, in_memory, in_virtual_time};

/// The example account with so many functions more.
fn with_functions(count: usize) -> AccountDocument {
    let mut document = example();
    for number in 0..count {
        let mut function = document.functions[0].clone();
        function.function_name = format!("worker-{number}");
        function.aliases.clear();
        function.versions.clear();
        document.functions.push(function);
    }
    document
}

fn targets(count: usize, proxy: &ProxyWish) -> Vec<Target> {
    let target = |number: usize| Target {
        proxy: proxy.clone(),
        ..cluster("orders", &format!("worker-{number}"))
    };
    (0..count).map(target).collect()
}

async fn reads(account: &OfflineAccount, targets: &[Target], options: &Options) -> u64 {
    let items = targets.iter().map(|target| connecting(target, options)).collect();
    let before = account.calls().read;
    let document = account.document();
    let plans = planned(account, items).await;
    assert_all_ran(&plans, "planned");
    assert_eq!(account.calls().write, 0);
    assert_eq!(account.document(), document);
    account.calls().read - before
}

/// Once for each page, however many connections there are.
#[test]
fn reads_do_not_grow_with_the_connections() {
    in_virtual_time(async {
        for diagnose in [false, true] {
            let options = Options {
                diagnose,
                ..Options::default()
            };
            for proxy in [ProxyWish::None, ProxyWish::Existing("orders-proxy".into())] {
                let account = in_memory(&with_functions(300));
                let few = reads(&account, &targets(12, &proxy), &options).await;
                let more = reads(&account, &targets(60, &proxy), &options).await;
                let many = reads(&account, &targets(300, &proxy), &options).await;
                println!("{few} requests, diagnose {diagnose}, {proxy:?}");
                assert_eq!((few, few), (more, many), "diagnose {diagnose}, {proxy:?}");
            }
        }
    });
}

/// Of what is connected already, too: the second run of a manifest is as cheap.
#[test]
fn reads_do_not_grow_with_what_is_connected() {
    in_virtual_time(async {
        for diagnose in [false, true] {
            let options = Options {
                diagnose,
                ..Options::default()
            };
            let account = in_memory(&with_functions(60));
            let items = |count| {
                let targets = targets(count, &ProxyWish::None);
                targets
                    .iter()
                    .map(|target| connecting(target, &options))
                    .collect::<Vec<_>>()
            };
            assert_all_ran(&bulk(&account, items(60)).await, "applied");
            let writes = account.calls().write;
            let mut counts = Vec::new();
            for count in [12, 60] {
                let before = account.calls().read;
                assert_all_ran(&planned(&account, items(count)).await, "planned again");
                counts.push(account.calls().read - before);
            }
            assert_eq!(account.calls().write, writes);
            println!("{counts:?} requests for what is connected, diagnose {diagnose}");
            assert_eq!(counts[0], counts[1], "diagnose {diagnose}");
        }
    });
}

/// One request for each page of each list: a page more is a request more.
#[test]
fn each_page_is_read_once() {
    in_virtual_time(async {
        let options = Options::default();
        let one = in_memory(&with_functions(20));
        let two = in_memory(&with_functions(70));
        let targets = targets(10, &ProxyWish::None);
        let (one, two) = (
            reads(&one, &targets, &options).await,
            reads(&two, &targets, &options).await,
        );
        assert_eq!(two, one + 1, "a second page of functions");

        let mut document = with_functions(20);
        for number in 0..1000 {
            let group = json!({"GroupId": format!("sg-more-{number}"), "GroupName": format!("more-{number}"), "VpcId": "vpc-0a1b2c3d"});
            document.security_groups.push(serde_json::from_value(group).unwrap());
        }
        let more = reads(&in_memory(&document), &targets, &options).await;
        assert_eq!(more, one + 1, "a second page of groups");
    });
}

/// One request more for the targets of each proxy that a connection goes through.
#[test]
fn the_targets_of_each_proxy_are_read_once() {
    in_virtual_time(async {
        let mut document = with_functions(40);
        for number in 0..10 {
            let mut proxy = document.db_proxies[0].clone();
            proxy.name = format!("pool-{number}");
            (proxy.arn, proxy.endpoint) = (None, None);
            document.db_proxies.push(proxy);
        }
        let account = in_memory(&document);
        let through = |count: usize| -> Vec<Target> {
            let mut targets = targets(40, &ProxyWish::None);
            for (number, target) in targets.iter_mut().enumerate() {
                target.proxy = ProxyWish::Existing(format!("pool-{}", number % count));
            }
            targets
        };
        let one = reads(&account, &through(1), &Options::default()).await;
        let ten = reads(&account, &through(10), &Options::default()).await;
        println!("{one} and {ten} requests");
        assert!(ten - one <= 9 * 2, "{ten} and {one} requests");
    });
}
