//! A snapshot answers as the account does from which it was taken.

use autoconnect::account::{
    AccountDocument, AddressEntry, EventSourceMappingEntry, InternetGatewayEntry, IpPermission, OfflineAccount,
    PrefixListEntry, PrefixListId, PrefixListRange, ProvisionedPollerConfig, Tag,
};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::connection::diagnose;
use autoconnect::drift::{Judge, discover};
use autoconnect::internet::connection;
use autoconnect::model::network::{LAST_RULE, Network, Part};
use autoconnect::model::{CredentialsWish, VpcId};
use autoconnect::msk::{EndpointsWish, MskScene, check};
use autoconnect::observe::{
    MskTarget, Proxies, ProxyWish, Target, Which, building_site, msk_scene, observe, scene, survey,
};
use autoconnect::reconcile::{Draft, Goal, Look, Memory, MskSetup, MskVia};
use autoconnect::removal::RemovalWish;
use autoconnect::snapshot::snapshot;
use autoconnect::tags;

use crate::denied::Denied;
use crate::interposed::Interposed;
use crate::removals::{disconnect, put_on_a_bastion, through_new_proxy};
use crate::scenarios::base;
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
                    .draft
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
                .map(|of| (of.to_string(), Judge::new(&found).judge(&of)))
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

/// What a goal would do.
async fn planned(cloud: &OfflineAccount, goal: &impl Goal) -> Result<Draft, String> {
    let seen = goal
        .observe(cloud, Look::Draft)
        .await
        .map_err(|error| error.to_string())?;
    goal.draft(&seen, &mut Memory::default())
        .map_err(|error| error.to_string())
}

/// The rules that end every ACL go without saying, and are not in a snapshot.
fn without_last_rules(network: &mut Network) {
    if let Part::Read(acls) = &mut network.acls {
        for acl in acls {
            acl.entries.retain(|entry| entry.number < LAST_RULE);
        }
    }
}

async fn seen_of_msk(cloud: &OfflineAccount, target: &MskTarget) -> Result<MskScene, String> {
    let mut scene = msk_scene(cloud, target).await.map_err(|error| error.to_string())?;
    without_last_rules(&mut scene.network);
    Ok(scene)
}

/// Every cluster of the example, asked about in every way, and a mapping in provisioned mode.
fn msk_targets(document: &AccountDocument) -> Vec<MskTarget> {
    let mut targets = Vec::new();
    for cluster in &document.msk_clusters {
        let functions = document.functions.iter();
        let of_functions = functions.map(|function| Which::OfFunction(function.function_name.clone()));
        let mappings = document.event_source_mappings.iter();
        let one = mappings.map(|mapping| Which::One(mapping.uuid.clone()));
        let all = std::iter::once(Which::All);
        targets.extend(all.chain(of_functions).chain(one).map(|which| MskTarget {
            cluster: Some(cluster.cluster_arn.clone()),
            which,
            mode: None,
            authentication: None,
        }));
    }
    targets
}

fn msk_example() -> OfflineAccount {
    account_of("msk.json", |document| {
        document.event_source_mappings[1].provisioned_poller_config = Some(ProvisionedPollerConfig {
            minimum_pollers: None,
            maximum_pollers: Some(4),
        });
        let queue = EventSourceMappingEntry {
            uuid: "0e05aaaa-0000-4000-8000-000000000005".to_owned(),
            event_source_arn: "arn:aws:sqs:eu-central-1:123456789012:orders".to_owned(),
            ..document.event_source_mappings[0].clone()
        };
        document.event_source_mappings.push(queue);
        // Left by a run that died.
        let mark = vec![Tag {
            key: tags::CONNECTION.to_owned(),
            value: connection(&"vpc-0e02".into()),
        }];
        document.addresses.push(AddressEntry {
            allocation_id: "eipalloc-0left".to_owned(),
            public_ip: "203.0.113.99".to_owned(),
            association_id: None,
            tags: mark.clone(),
        });
        document.internet_gateways.push(InternetGatewayEntry {
            internet_gateway_id: "igw-0left".to_owned(),
            attachments: Vec::new(),
            tags: mark,
        });
    })
}

#[tokio::test]
async fn msk_check_and_setup_answer_alike() {
    let account = msk_example();
    let copy = taken(&account, None).await;
    let targets = msk_targets(&account.document());
    assert!(targets.len() > 40);
    for target in targets {
        let (here, there) = (seen_of_msk(&copy, &target).await, seen_of_msk(&account, &target).await);
        assert_eq!(here, there, "{target:?}");
        let Ok(there) = there else { continue };
        assert_eq!(format!("{:?}", check(&here.unwrap())), format!("{:?}", check(&there)));
        for via in [MskVia::Endpoints, MskVia::Nat] {
            let goal = MskSetup {
                target: target.clone(),
                via,
                wish: EndpointsWish::default(),
            };
            assert_eq!(
                planned(&copy, &goal).await,
                planned(&account, &goal).await,
                "{target:?}"
            );
        }
    }
}

/// Of one VPC: its clusters, what polls them, and the functions behind that, which are in no VPC.
#[tokio::test]
async fn msk_check_answers_alike_on_one_vpc() {
    let account = msk_example();
    let copy = taken(&account, Some("vpc-0e03")).await;
    let document = copy.document();
    let names: Vec<&str> = document
        .msk_clusters
        .iter()
        .map(|cluster| cluster.cluster_name.as_str())
        .collect();
    assert_eq!(names, ["payments", "telemetry"]);
    assert_eq!(document.event_source_mappings.len(), 1);
    for cluster in &document.msk_clusters {
        let target = MskTarget {
            cluster: Some(cluster.cluster_arn.clone()),
            which: Which::All,
            mode: None,
            authentication: None,
        };
        let there = seen_of_msk(&account, &target).await.unwrap();
        assert_eq!(seen_of_msk(&copy, &target).await.unwrap(), there);
    }
}

#[tokio::test]
async fn a_cluster_that_is_partly_elsewhere_is_reported() {
    let account = account_of("msk.json", |document| {
        let serverless = document.msk_clusters[4].serverless.as_mut().unwrap();
        let mut other = serverless.vpc_configs[0].clone();
        other.subnet_ids = vec!["subnet-0e02a".to_owned()];
        other.security_group_ids = vec!["sg-0e02".to_owned()];
        serverless.vpc_configs.push(other);
    });
    let whole = snapshot(&account, None).await.unwrap();
    assert_eq!((whole.document.msk_clusters.len(), whole.gaps), (5, Vec::new()));
    let one = snapshot(&account, Some(&"vpc-0e03".into())).await.unwrap();
    assert_eq!(one.document.msk_clusters.len(), 1);
    assert!(one.gaps[0].contains("telemetry"), "{:?}", one.gaps);
}

/// Who uses no MSK need not be allowed to list its clusters.
#[tokio::test]
async fn what_may_not_be_read_is_a_gap() {
    let account = msk_example();
    for operation in [
        Operation::ListClustersV2,
        Operation::ListEventSourceMappings,
        Operation::ListSecrets,
        Operation::DescribeAddresses,
    ] {
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let taken = snapshot(&cloud, None).await.unwrap();
        assert_eq!(taken.gaps.len(), 1, "{:?}", taken.gaps);
        assert!(taken.gaps[0].contains(operation.iam_action()), "{:?}", taken.gaps);
        OfflineAccount::in_memory(taken.document).unwrap();
    }
}

/// The plans of `remove`, which decides by tags, by who has a group, and by what was made for a proxy.
#[tokio::test(start_paused = true)]
async fn remove_plans_alike() {
    let scenario = &base()[0];
    let target = through_new_proxy(scenario, CredentialsWish::Password);
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    setup(&account, &scenario.target).await.unwrap();
    setup(&account, &target).await.unwrap();
    account.edit(|document| {
        // The proxy was given another role and no secret since; what was made for it is still there.
        let proxy = document
            .db_proxies
            .iter_mut()
            .find(|proxy| proxy.name == "autoconnect-db");
        let proxy = proxy.unwrap();
        proxy.role_arn = Some("arn:aws:iam::123456789012:role/r".to_owned());
        proxy.secret_arns.clear();
    });
    let with_proxy = RemovalWish {
        with_proxy: true,
        ..RemovalWish::default()
    };
    let calm = account.document();
    for is_borne in [false, true] {
        account.edit(|document| {
            document.clone_from(&calm);
            if is_borne {
                let group = document
                    .security_groups
                    .iter()
                    .find(|group| group.group_name.starts_with("rds-lambda"));
                let group = group.unwrap().group_id.clone();
                put_on_a_bastion(document, group);
            }
        });
        for (of, wish) in [(&scenario.target, RemovalWish::default()), (&target, with_proxy)] {
            let copy = OfflineAccount::in_memory(snapshot(&account, None).await.unwrap().document).unwrap();
            let goal = disconnect(of, wish);
            let there = Box::pin(planned(&account, &goal)).await;
            let here = Box::pin(planned(&copy, &goal)).await;
            assert_eq!(here, there);
            let draft = there.unwrap();
            assert_eq!(
                draft.reasons.iter().any(|reason| reason.contains("bastion")),
                is_borne && of == &scenario.target
            );
            if wish.with_proxy {
                let steps = draft.plan.steps.iter().map(|step| step.effect.operation());
                assert!(steps.clone().any(|operation| operation == Operation::DeleteSecret));
                assert!(steps.clone().any(|operation| operation == Operation::DeleteRole));
            }
        }
    }
}

/// The ranges of a prefix list that only a rule names are asked about by `diagnose`.
#[tokio::test]
async fn prefix_lists_of_rules_are_in_it() {
    let account = account(|document| {
        document.prefix_lists.push(PrefixListEntry {
            prefix_list_id: "pl-0a".to_owned(),
            prefix_list_name: None,
            entries: vec![PrefixListRange {
                cidr: "10.9.0.0/16".to_owned(),
            }],
        });
        document.security_groups[0].ip_permissions.push(IpPermission {
            ip_protocol: "tcp".to_owned(),
            from_port: Some(5432),
            to_port: Some(5432),
            user_id_group_pairs: Vec::new(),
            ip_ranges: Vec::new(),
            ipv6_ranges: Vec::new(),
            prefix_list_ids: vec![PrefixListId {
                prefix_list_id: "pl-0a".to_owned(),
                description: None,
            }],
        });
    });
    let copy = taken(&account, None).await.document();
    assert_eq!(copy.prefix_lists.len(), 1);
    assert_eq!(copy.prefix_lists, account.document().prefix_lists);
}

#[tokio::test]
async fn what_internet_setup_left_half_made_is_in_it() {
    let account = network_account(|document| {
        let function = document
            .functions
            .iter()
            .find(|function| function.vpc_config.is_some())
            .unwrap();
        let subnet = &function.vpc_config.as_ref().unwrap().subnet_ids[0];
        let vpc = document
            .subnets
            .iter()
            .find(|found| found.subnet_id == *subnet)
            .unwrap()
            .vpc_id
            .as_str();
        document.addresses.push(AddressEntry {
            allocation_id: "eipalloc-0left".to_owned(),
            public_ip: "203.0.113.99".to_owned(),
            association_id: None,
            tags: vec![Tag {
                key: tags::CONNECTION.to_owned(),
                value: connection(&vpc.into()),
            }],
        });
    });
    let document = account.document();
    let copy = taken(&account, None).await;
    let mut own = 0;
    let in_vpc = document
        .functions
        .iter()
        .filter(|function| function.vpc_config.is_some());
    for function in in_vpc {
        let site = async |cloud: &OfflineAccount| {
            let mut site = building_site(cloud, &function.function_name, &[]).await.unwrap();
            without_last_rules(&mut site.network);
            site
        };
        let (here, there) = (site(&copy).await, site(&account).await);
        own += there.own.addresses.len();
        assert_eq!(here, there);
    }
    assert!(own > 0);
}

#[tokio::test]
async fn a_vpc_that_does_not_exist_is_an_error() {
    let account = account(|_| {});
    let error = snapshot(&account, Some(&"vpc-404".into())).await.unwrap_err();
    assert_eq!(error.code(), "vpc-not-found");
    let vpcs: Vec<String> = account.document().vpcs.into_iter().map(|vpc| vpc.vpc_id).collect();
    let hint = error.hint().unwrap();
    assert!(vpcs.iter().all(|vpc| hint.contains(vpc)), "{hint}");
    let calls = account.calls();
    assert_eq!(calls.write, 0);
}
