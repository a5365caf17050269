//! `msk setup` on the example account: built, built again, ended at every call, and refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use autoconnect::account::{AccountDocument, OfflineAccount, SecurityGroupEntry};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::Status;
use autoconnect::endpoint::{GROUP, GROUP_NAMES};
use autoconnect::internet::{Wish, check as check_internet};
use autoconnect::interrupt::Interrupt;
use autoconnect::model::MappingMode;
use autoconnect::msk::{EndpointsWish, check};
use autoconnect::observe::{MskTarget, Which, msk_scene};
use autoconnect::reconcile::{Converged, Ending, Failure, MskSetup, MskSite, MskVia, Options, converge};
use autoconnect::tags;
use serde_json::Value;

use crate::denied::assert_nothing_is_taken_for_empty;
use crate::internet::setup as internet_setup;
use crate::support::*;

type Ended = Result<Converged<MskSite>, Failure>;

fn msk_account(change: impl FnOnce(&mut AccountDocument)) -> OfflineAccount {
    account_of("msk.json", change)
}

pub fn goal(cluster: &str, via: MskVia, restrict: bool) -> MskSetup {
    let document = msk_account(|_| ()).document();
    let value = serde_json::to_value(&document).unwrap();
    let clusters = value["MskClusters"].as_array().unwrap();
    let found = clusters.iter().find(|found| found["ClusterName"] == cluster).unwrap();
    MskSetup {
        target: MskTarget {
            cluster: Some(found["ClusterArn"].as_str().unwrap().to_owned()),
            which: Which::All,
            mode: None,
            authentication: None,
        },
        via,
        wish: EndpointsWish {
            restrict,
            ..EndpointsWish::default()
        },
    }
}

async fn set_up(cloud: &dyn Cloud, goal: &MskSetup) -> Ended {
    converge(cloud, goal, &Options::default(), &Script::default(), Interrupt::never()).await
}

/// What was made, without ids, times and the order of making.
fn made(account: &OfflineAccount) -> Vec<String> {
    let document = account.document();
    let value = serde_json::to_value(&document).unwrap();
    let groups = document.security_groups.iter();
    let names: Vec<(String, String)> = groups
        .map(|group| (group.group_id.clone(), group.group_name.clone()))
        .collect();
    let with_names = |text: String| {
        names
            .iter()
            .fold(text, |text, (id, name)| text.replace(id.as_str(), name))
    };
    let lists = [
        "SecurityGroups",
        "VpcEndpoints",
        "RouteTables",
        "NatGateways",
        "InternetGateways",
        "Subnets",
    ];
    let mut all = Vec::new();
    for list in lists {
        for entry in value[list].as_array().into_iter().flatten() {
            let mut entry: Value = entry.clone();
            let is_ours = entry["Tags"].to_string().contains(tags::MANAGED);
            if let (true, Some(entry)) = (is_ours, entry.as_object_mut()) {
                for id in [
                    "GroupId",
                    "VpcEndpointId",
                    "RouteTableId",
                    "NatGatewayId",
                    "InternetGatewayId",
                    "SubnetId",
                ] {
                    entry.remove(id);
                }
            }
            all.push(with_names(entry.to_string()));
        }
    }
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_built_and_then_stay() {
    for (cluster, endpoints) in [("audit", 2), ("clicks", 2), ("payments", 1), ("telemetry", 0)] {
        for restrict in [false, true] {
            let account = msk_account(|_| ());
            let goal = goal(cluster, MskVia::Endpoints, restrict);
            let before = account.document().vpc_endpoints.len();
            let reached = set_up(&account, &goal)
                .await
                .unwrap_or_else(|failure| panic!("{cluster}: {failure}"));
            assert_eq!(account.document().vpc_endpoints.len(), before + endpoints, "{cluster}");
            let report = check(&reached.found.scene);
            let way = report.checks.iter().find(|check| check.id == "endpoints").unwrap();
            assert_eq!(way.status, Status::Pass, "{cluster}: {way:#?}");
            assert_eq!(reached.ending == Ending::Unchanged, endpoints == 0, "{cluster}");
            let writes = account.calls().write;
            let again = set_up(&account, &goal).await.unwrap();
            assert_eq!(
                (again.ending, account.calls().write),
                (Ending::Unchanged, writes),
                "{cluster}"
            );
        }
    }
}

/// One NAT gateway in each of the cluster's zones, with all that it needs.
#[tokio::test(start_paused = true)]
async fn nat_gateways_are_built_and_then_stay() {
    let account = msk_account(|_| ());
    let goal = goal("audit", MskVia::Nat, false);
    let reached = set_up(&account, &goal)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    let report = check(&reached.found.scene);
    let way = report.checks.iter().find(|check| check.id == "nat-gateways").unwrap();
    assert_eq!(way.status, Status::Pass, "{way:#?}");
    let nats = account
        .document()
        .nat_gateways
        .into_iter()
        .filter(|nat| nat.vpc_id == "vpc-0e02");
    assert_eq!(nats.count(), 2);
    let writes = account.calls().write;
    let again = set_up(&account, &goal).await.unwrap();
    assert_eq!((again.ending, account.calls().write), (Ending::Unchanged, writes));

    let account = msk_account(|_| ());
    let failure = set_up(&account, &self::goal("clicks", MskVia::Nat, false))
        .await
        .unwrap_err();
    assert_eq!((failure.error.code(), account.calls().write), ("msk-subnets-public", 0));
    let there = set_up(&account, &self::goal("orders", MskVia::Nat, false))
        .await
        .unwrap();
    assert_eq!((there.ending, account.calls().write), (Ending::Unchanged, 0));
}

/// With `--restrict` each of our endpoints allows the least; those of others stay as they are, and that is reported.
#[tokio::test(start_paused = true)]
async fn restricting_narrows_our_own_endpoints_only() {
    let account = msk_account(|_| ());
    set_up(&account, &goal("audit", MskVia::Endpoints, false))
        .await
        .unwrap();
    let policies = |account: &OfflineAccount| -> Vec<Option<String>> {
        let endpoints = account.document().vpc_endpoints;
        endpoints.into_iter().map(|endpoint| endpoint.policy_document).collect()
    };
    assert!(policies(&account).iter().all(Option::is_none));
    set_up(&account, &goal("audit", MskVia::Endpoints, true)).await.unwrap();
    let narrowed: Vec<String> = policies(&account).into_iter().flatten().collect();
    assert_eq!(narrowed.len(), 2);
    for action in ["lambda:InvokeFunction", "sts:AssumeRole"] {
        assert!(narrowed.iter().any(|policy| policy.contains(action)), "{narrowed:?}");
    }
    // Asked for without it, what was narrowed is not opened again.
    let again = set_up(&account, &goal("audit", MskVia::Endpoints, false))
        .await
        .unwrap();
    assert_eq!(again.ending, Ending::Unchanged);

    let ended = set_up(&account, &goal("payments", MskVia::Endpoints, true))
        .await
        .unwrap();
    assert_eq!(
        ended
            .draft
            .notes
            .iter()
            .filter(|note| note.contains("is left unchanged"))
            .count(),
        2
    );
    let secret = policies(&account)
        .into_iter()
        .flatten()
        .find(|policy| policy.contains("secretsmanager"));
    assert!(secret.unwrap().contains("AmazonMSK_payments-AbCdEf"));
}

/// Ended at any call, with or without the answer to it, a run is finished by the next one, and nothing is made twice.
#[tokio::test(start_paused = true)]
async fn a_run_that_died_anywhere_is_finished_by_the_next() {
    for (cluster, via, restrict) in [
        ("audit", MskVia::Endpoints, false),
        ("payments", MskVia::Endpoints, true),
        ("audit", MskVia::Nat, false),
    ] {
        let goal = goal(cluster, via, restrict);
        let whole = msk_account(|_| ());
        set_up(&slow(&whole), &goal).await.unwrap();
        let expected = made(&whole);
        let mut died = 0;
        for at in 0.. {
            let account = msk_account(|_| ());
            let (trigger, interrupt) = Interrupt::new();
            let calls = AtomicU32::new(0);
            let cloud = slow_with(&account, |_| {
                if calls.fetch_add(1, Ordering::Relaxed) == at {
                    trigger.raise();
                }
            });
            let first = converge(&cloud, &goal, &Options::default(), &Script::default(), interrupt).await;
            let Err(failure) = first else { break };
            assert_eq!(failure.error.code(), "interrupted", "{cluster} at call {at}");
            died += 1;
            set_up(&slow(&account), &goal)
                .await
                .unwrap_or_else(|failure| panic!("{cluster} at call {at}: {failure}"));
            assert_eq!(made(&account), expected, "{cluster} at call {at}");
        }
        assert!(died > 20, "{died}");
    }
}

/// The rules of the brokers' groups are never changed: this program makes no such group, whatever the tags say.
#[tokio::test(start_paused = true)]
async fn brokers_groups_are_never_changed() {
    let close = |group: &mut SecurityGroupEntry| group.ip_permissions.clear();
    let account = msk_account(|document| close(&mut document.security_groups[1]));
    let goal = goal("audit", MskVia::Endpoints, false);
    let before = account.document();
    let failure = set_up(&account, &goal).await.unwrap_err();
    assert_eq!(failure.error.code(), "msk-brokers-closed");
    let hint = failure.error.hint().unwrap();
    assert!(
        hint.contains("aws ec2 authorize-security-group-ingress --group-id sg-0e02 --ip-permissions 'IpProtocol=tcp,FromPort=9098,ToPort=9098,UserIdGroupPairs=[{GroupId=sg-0e02}]'"),
        "{hint}"
    );
    assert_eq!((account.calls().write, account.document() == before), (0, true));

    let forged: AccountDocument = {
        let mut value = serde_json::to_value(&before).unwrap();
        let vpc = value["SecurityGroups"][1]["VpcId"].as_str().unwrap().to_owned();
        value["SecurityGroups"][1]["Tags"] = serde_json::json!([
            {"Key": tags::MANAGED, "Value": "true"},
            {"Key": tags::CONNECTION, "Value": format!("msk/{vpc}")},
            {"Key": tags::ROLE, "Value": "endpoints-group"},
        ]);
        serde_json::from_value(value).unwrap()
    };
    let account = OfflineAccount::in_memory(forged.clone()).unwrap();
    let failure = set_up(&account, &goal).await.unwrap_err();
    assert_eq!(failure.error.code(), "msk-brokers-closed");
    assert_eq!((account.calls().write, account.document() == forged), (0, true));
}

/// No step ever changes what is another's: groups without our tags keep their rules, and nothing is removed.
#[tokio::test(start_paused = true)]
async fn what_is_there_stays() {
    for cluster in ["audit", "clicks", "payments"] {
        let account = msk_account(|_| ());
        let before = account.document();
        set_up(&account, &goal(cluster, MskVia::Endpoints, true)).await.unwrap();
        let after = account.document();
        for group in &before.security_groups {
            assert!(after.security_groups.contains(group), "{cluster}: {}", group.group_id);
        }
        for endpoint in &before.vpc_endpoints {
            let now = after
                .vpc_endpoints
                .iter()
                .find(|now| now.vpc_endpoint_id == endpoint.vpc_endpoint_id)
                .unwrap();
            assert!(endpoint.groups.iter().all(|group| now.groups.contains(group)));
            assert!(endpoint.subnet_ids.iter().all(|subnet| now.subnet_ids.contains(subnet)));
            assert_eq!(endpoint.policy_document, now.policy_document);
        }
    }
}

/// An interface endpoint is reached from every subnet of its VPC. One that is someone else's gets no further subnets,
/// which are charged for; what is between its subnets and the cluster's counts.
#[tokio::test(start_paused = true)]
async fn endpoints_in_subnets_of_their_own_serve() {
    type Edit = fn(&mut Value);
    fn deny(account: &mut Value, subnet: &str, direction_is_egress: bool) {
        let allow = |egress: bool| serde_json::json!({"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0"});
        let entries = vec![allow(!direction_is_egress)];
        account["NetworkAcls"] = serde_json::json!([{"NetworkAclId": "acl-e", "VpcId": "vpc-0e03", "Associations": [{"SubnetId": subnet}], "Entries": entries},
            {"NetworkAclId": "acl-d", "VpcId": "vpc-0e03", "IsDefault": true, "Entries": [allow(true), allow(false)]}]);
    }
    let table: [(&str, Edit, Option<&str>); 3] = [
        ("apart", |_| {}, None),
        (
            "an ACL that lets nothing in",
            |account| deny(account, "subnet-e1", true),
            Some("msk-endpoint-unfit"),
        ),
        (
            "an ACL that lets nothing out",
            |account| deny(account, "subnet-e1", false),
            Some("msk-endpoint-unfit"),
        ),
    ];
    for (name, edit, code) in table {
        let mut value = serde_json::to_value(msk_account(|_| ()).document()).unwrap();
        let goal = goal("payments", MskVia::Endpoints, false);
        // What setup would make else is made first.
        let account = OfflineAccount::in_memory(serde_json::from_value(value.clone()).unwrap()).unwrap();
        set_up(&account, &goal).await.unwrap();
        value = serde_json::to_value(account.document()).unwrap();
        let vpc = value["VpcEndpoints"][0]["VpcId"].as_str().unwrap().to_owned();
        value["Subnets"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({"SubnetId": "subnet-e1", "VpcId": vpc,
            "AvailabilityZone": "eu-central-1c", "CidrBlock": "10.2.250.0/24"}));
        for endpoint in value["VpcEndpoints"].as_array_mut().unwrap() {
            if endpoint["VpcId"] == vpc.as_str() && endpoint["VpcEndpointType"] == "Interface" {
                endpoint["SubnetIds"] = serde_json::json!(["subnet-e1"]);
                endpoint["Tags"] = serde_json::json!([]);
            }
        }
        edit(&mut value);
        let account = OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap();
        let ended = set_up(&account, &goal).await;
        assert_eq!(account.calls().write, 0, "{name}");
        match (ended, code) {
            (Ok(ended), None) => {
                assert_eq!(ended.ending, Ending::Unchanged, "{name}");
                let report = check(&ended.found.scene);
                let way = report.checks.iter().find(|check| check.id == "endpoints").unwrap();
                assert_eq!(way.status, Status::Warn, "{name}: {way:#?}");
                assert!(way.message.contains("between zones"), "{}", way.message);
            }
            (Err(failure), Some(code)) => assert_eq!(failure.error.code(), code, "{name}: {failure}"),
            (ended, _) => panic!("{name}: {ended:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn provisioned_mode_needs_nothing() {
    for via in [MskVia::Endpoints, MskVia::Nat] {
        for cluster in ["audit", "clicks"] {
            let mut goal = goal(cluster, via, false);
            goal.target.mode = Some(MappingMode::Provisioned);
            let account = msk_account(|_| ());
            let ended = set_up(&account, &goal).await.unwrap();
            assert_eq!((ended.ending, account.calls().write), (Ending::Unchanged, 0));
            assert!(
                ended.draft.reasons[0].contains("provisioned mode"),
                "{:?}",
                ended.draft.reasons
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_fixed_is_refused_before_the_first_write() {
    type Edit = fn(&mut Value);
    let table: [(&str, &str, bool, Edit); 6] = [
        ("audit", "msk-endpoints-blocked", false, |account| {
            account["Vpcs"][1]["EnableDnsHostnames"] = false.into();
        }),
        ("audit", "msk-cluster-not-active", false, |account| {
            account["MskClusters"][1]["State"] = "DELETING".into();
        }),
        ("audit", "msk-group-name-taken", false, |account| {
            let mut group = account["SecurityGroups"][1].clone();
            group["GroupId"] = "sg-0e0e".into();
            group["GroupName"] = GROUP.into();
            account["SecurityGroups"].as_array_mut().unwrap().push(group);
        }),
        ("payments", "msk-secret-unknown", true, |account| {
            account["EventSourceMappings"].as_array_mut().unwrap().pop();
        }),
        ("payments", "msk-endpoint-unfit", false, |account| {
            let policy = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#;
            account["VpcEndpoints"][0]["PolicyDocument"] = policy.into();
        }),
        ("payments", "msk-brokers-closed", false, |account| {
            account["SecurityGroups"][3]["IpPermissionsEgress"]
                .as_array_mut()
                .unwrap()
                .remove(0);
        }),
    ];
    for (cluster, code, restrict, edit) in table {
        let mut value = serde_json::to_value(msk_account(|_| ()).document()).unwrap();
        edit(&mut value);
        let account = OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap();
        let failure = set_up(&account, &goal(cluster, MskVia::Endpoints, restrict))
            .await
            .unwrap_err();
        assert_eq!((failure.error.code(), account.calls().write), (code, 0), "{failure}");
        assert!(failure.error.hint().is_some());
    }
}

/// An account with a function in the VPC of cluster `audit`, and what it wants of the internet.
fn with_a_function() -> (OfflineAccount, Wish) {
    let mut value = serde_json::to_value(msk_account(|_| ()).document()).unwrap();
    let group = serde_json::json!({"GroupId": "sg-0e0f", "GroupName": "sink", "VpcId": "vpc-0e02", "Description": "Of audit-sink",
        "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]});
    value["SecurityGroups"].as_array_mut().unwrap().push(group);
    value["Functions"][1]["VpcConfig"] =
        serde_json::json!({"SubnetIds": ["subnet-0e02a"], "SecurityGroupIds": ["sg-0e0f"]});
    let wish = Wish {
        function: "audit-sink".to_owned(),
        port: 443,
        services: vec!["sqs".to_owned()],
        per_zone: false,
        tags: BTreeMap::new(),
    };
    (
        OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap(),
        wish,
    )
}

/// The groups of endpoints.
fn groups_of_endpoints(account: &OfflineAccount) -> Vec<SecurityGroupEntry> {
    let mut groups = account.document().security_groups;
    groups.retain(|group| GROUP_NAMES.contains(&group.group_name.as_str()));
    groups
}

/// `internet setup` opens the group that `msk setup --restrict` has made, and says so; the policies stay as they are.
#[tokio::test(start_paused = true)]
async fn a_restricted_group_is_opened_for_further_services() {
    let (account, wish) = with_a_function();
    let restricted = goal("audit", MskVia::Endpoints, true);
    set_up(&account, &restricted).await.unwrap();
    let policies = |account: &OfflineAccount| -> Vec<Option<String>> {
        let mut endpoints = account.document().vpc_endpoints;
        endpoints.retain(|endpoint| !endpoint.service_name.ends_with("sqs"));
        endpoints.into_iter().map(|endpoint| endpoint.policy_document).collect()
    };
    let before = policies(&account);
    let done = internet_setup(&account, &wish).await.unwrap();
    let (draft, group) = (&done.draft, groups_of_endpoints(&account).remove(0).group_id);
    assert!(
        draft
            .reasons
            .contains(&format!("{group} does not let tcp 443 in from 10.1.0.0/16.")),
        "{:?}",
        draft.reasons
    );
    assert!(
        draft.notes.iter().any(|note| note.contains("stay limited")),
        "{:?}",
        draft.notes
    );
    assert_eq!(check_internet(&done.found, &wish).verdict, Status::Pass);
    assert_eq!((groups_of_endpoints(&account).len(), policies(&account)), (1, before));

    let again = set_up(&account, &restricted).await.unwrap();
    assert_eq!(again.ending, Ending::Unchanged);
    assert!(
        again
            .draft
            .notes
            .iter()
            .any(|note| note.contains("already lets all of vpc-0e02 in"))
    );
    assert_eq!(internet_setup(&account, &wish).await.unwrap().ending, Ending::Unchanged);
}

/// A new endpoint takes the requests of the whole VPC: without `--restrict` its group lets them in, also where it was made
/// with `--restrict` for other endpoints, whose policies stay as they are.
#[tokio::test(start_paused = true)]
async fn a_restricted_group_is_opened_for_a_new_endpoint() {
    for restrict in [false, true] {
        let (account, _) = with_a_function();
        set_up(&account, &goal("audit", MskVia::Endpoints, true)).await.unwrap();
        let all_but_sts = |account: &OfflineAccount| {
            let mut endpoints = account.document().vpc_endpoints;
            endpoints.retain(|endpoint| !endpoint.service_name.ends_with("sts"));
            endpoints
        };
        let left = all_but_sts(&account);
        account.edit(|document| document.vpc_endpoints.clone_from(&left));
        let again = goal("audit", MskVia::Endpoints, restrict);
        let done = set_up(&account, &again).await.unwrap();
        assert_eq!(done.ending, Ending::Reached);
        assert_eq!(all_but_sts(&account), left);
        let group = groups_of_endpoints(&account).remove(0);
        let is_open = group.ip_permissions.iter().any(|rule| !rule.ip_ranges.is_empty());
        assert_eq!(is_open, !restrict, "{group:#?}");
        assert_eq!(set_up(&account, &again).await.unwrap().ending, Ending::Unchanged);
    }
}

/// AWS charges for an endpoint by the hour in each of its subnets.
#[tokio::test(start_paused = true)]
async fn a_further_subnet_is_charged_for() {
    let (account, _) = with_a_function();
    let goal = goal("audit", MskVia::Endpoints, false);
    set_up(&account, &goal).await.unwrap();
    account.edit(|document| {
        for endpoint in &mut document.vpc_endpoints {
            endpoint.subnet_ids.truncate(1);
        }
    });
    let done = set_up(&account, &goal).await.unwrap();
    let steps = &done.draft.plan.steps;
    assert!(!steps.is_empty());
    for step in steps {
        assert!(step.summary.contains("add subnet-"), "{step:#?}");
        assert!(
            step.effect.cost().is_some_and(|cost| cost.contains("further subnet")),
            "{step:#?}"
        );
    }
}

/// A group that `internet setup` has made serves the poller too, as it is.
#[tokio::test(start_paused = true)]
async fn the_group_of_internet_setup_is_used() {
    for restrict in [false, true] {
        let (account, wish) = with_a_function();
        internet_setup(&account, &wish).await.unwrap();
        let before = groups_of_endpoints(&account);
        let done = set_up(&account, &goal("audit", MskVia::Endpoints, restrict))
            .await
            .unwrap();
        assert_eq!(groups_of_endpoints(&account), before);
        let told = done.draft.notes.iter().any(|note| note.contains("already lets all of"));
        assert_eq!(told, restrict, "{:?}", done.draft.notes);
        let report = check(&done.found.scene);
        let way = report.checks.iter().find(|check| check.id == "endpoints").unwrap();
        assert_eq!(way.status, Status::Pass, "{way:#?}");
    }
}

/// A group of the name that earlier versions gave is the group, for both commands; one of someone else is not.
#[tokio::test(start_paused = true)]
async fn a_group_of_the_older_name_stays_the_group() {
    let (account, wish) = with_a_function();
    let goal = goal("audit", MskVia::Endpoints, false);
    set_up(&account, &goal).await.unwrap();
    let mut value = serde_json::to_value(account.document()).unwrap();
    let groups = value["SecurityGroups"].as_array_mut().unwrap();
    let group = groups.iter_mut().find(|group| group["GroupName"] == GROUP).unwrap();
    group["GroupName"] = "autoconnect-msk-endpoints".into();
    group["Description"] = "Endpoints for the event sources of MSK clusters".into();
    for tag in group["Tags"].as_array_mut().unwrap() {
        if tag["Key"] == tags::CONNECTION {
            tag["Value"] = "msk/vpc-0e02".into();
        }
    }
    let account = OfflineAccount::in_memory(serde_json::from_value(value.clone()).unwrap()).unwrap();
    assert_eq!(set_up(&account, &goal).await.unwrap().ending, Ending::Unchanged);

    value["VpcEndpoints"].as_array_mut().unwrap().pop();
    let account = OfflineAccount::in_memory(serde_json::from_value(value.clone()).unwrap()).unwrap();
    let before = groups_of_endpoints(&account);
    assert_eq!(set_up(&account, &goal).await.unwrap().ending, Ending::Reached);
    assert_eq!(internet_setup(&account, &wish).await.unwrap().ending, Ending::Reached);
    assert_eq!(groups_of_endpoints(&account), before);
    let ours = account
        .document()
        .vpc_endpoints
        .into_iter()
        .filter(|found| found.vpc_id == "vpc-0e02");
    assert!(
        ours.flat_map(|found| found.groups)
            .all(|group| group.group_id == before[0].group_id)
    );

    let groups = value["SecurityGroups"].as_array_mut().unwrap();
    for group in groups {
        group["Tags"] = serde_json::json!([]);
    }
    value["VpcEndpoints"] = serde_json::json!([]);
    let account = OfflineAccount::in_memory(serde_json::from_value(value).unwrap()).unwrap();
    set_up(&account, &goal).await.unwrap();
    assert_eq!(groups_of_endpoints(&account).len(), 2);
}

/// A reading command sends nothing that writes, and a dry run neither.
#[tokio::test(start_paused = true)]
async fn a_dry_run_only_reads() {
    for via in [MskVia::Endpoints, MskVia::Nat] {
        let account = msk_account(|_| ());
        let cloud = slow_with(&account, |operation: Operation| {
            assert!(!operation.writes(), "{operation}");
        });
        let goal = goal("audit", via, false);
        let ended = converge(&cloud, &goal, &dry_run(), &Script::default(), Interrupt::never()).await;
        assert_eq!(ended.unwrap().ending, Ending::Planned);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_unknown() {
    for cluster in ["audit", "clicks", "payments", "telemetry"] {
        let mut target = goal(cluster, MskVia::Endpoints, false).target;
        let account = msk_account(|_| ());
        let scene = msk_scene(&account, &target).await.unwrap();
        let function = scene.function.map(|function| Which::OfFunction(function.name));
        for which in [Some(Which::All), function].into_iter().flatten() {
            target.which = which;
            let checks = async |cloud: &dyn Cloud| Some(check(&msk_scene(cloud, &target).await.ok()?).checks);
            assert_nothing_is_taken_for_empty(&account, checks).await;
        }
    }
}
