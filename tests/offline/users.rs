//! Who uses a group: whatever does keeps it, and what cannot be read keeps it too.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::interrupt::Interrupt;
use autoconnect::observe::{Groups, Target, users_of};
use autoconnect::reconcile::{Converged, Ending, Failure, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::interposed::Interposed;
use crate::removals::{disconnect, essence, put_on_a_bastion};
use crate::scenarios::{Scenario, base};
use crate::support::*;

async fn remove(cloud: &dyn Cloud, target: &Target) -> Result<Converged<Standing>, Failure> {
    let goal = disconnect(target, RemovalWish::default());
    let (options, front) = (Options::default(), Script::default());
    Box::pin(converge(cloud, &goal, &options, &front, Interrupt::never())).await
}

/// The account in which the function is connected, and the ids of the groups on the function and on the database.
async fn connected(scenario: &Scenario) -> (AccountDocument, String, String) {
    let account = OfflineAccount::in_memory(scenario.document.clone()).unwrap();
    setup(&account, &scenario.target).await.unwrap();
    let document = account.document();
    let id = |name: &str| {
        let mut groups = document.security_groups.iter();
        groups.find(|group| group.group_name == name).unwrap().group_id.clone()
    };
    let (function, database) = (id("lambda-rds-1"), id("rds-lambda-1"));
    (document, function, database)
}

/// The document with entries added to a list, which is named by its path.
fn with(document: &AccountDocument, path: &str, entries: &Value) -> AccountDocument {
    let mut value = serde_json::to_value(document).unwrap();
    let (parent, list) = path.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    let list = parent.entry(list).or_insert_with(|| json!([])).as_array_mut().unwrap();
    list.extend(entries.as_array().unwrap().iter().cloned());
    serde_json::from_value(value).unwrap()
}

fn template(version: u32, is_default: bool, data: &Value) -> Value {
    json!({"LaunchTemplateId": "lt-1", "LaunchTemplateName": "workers", "VersionNumber": version,
           "DefaultVersion": is_default, "LaunchTemplateData": data})
}

/// Each kind of user: where it is written down, what it is, and how it is named.
fn kinds(group: &str, name: &str) -> Vec<(&'static str, Value, &'static str)> {
    let vpc = json!({"SubnetIds": ["subnet-a"], "SecurityGroupIds": [group]});
    let connector = |version: u32, groups: Value| {
        json!({"Name": "egress", "Version": version,
               "Configuration": {"VpcEgressConfiguration": {"SubnetIds": ["subnet-a"], "SecurityGroupIds": groups}}})
    };
    vec![
        (
            "/Functions/0/Versions",
            json!([{"Version": "3", "VpcConfig": vpc}]),
            "function f, version 3",
        ),
        (
            "/Functions/1/Versions",
            json!([{"Version": "1"}, {"Version": "2", "VpcConfig": vpc}]),
            "function g, version 2",
        ),
        (
            "/DBProxyEndpoints",
            json!([{"DBProxyEndpointName": "reader", "DBProxyName": "p", "VpcSecurityGroupIds": [group]}]),
            "endpoint reader of proxy p",
        ),
        (
            "/CapacityProviders",
            json!([{"CapacityProviderName": "pool", "VpcConfig": vpc}]),
            "capacity provider pool",
        ),
        (
            "/NetworkConnectors",
            json!([connector(1, json!([group])), connector(2, json!(["sg-base-f"]))]),
            "network connector egress, version 1",
        ),
        (
            "/LaunchTemplateVersions",
            json!([template(1, true, &json!({"SecurityGroupIds": [group]}))]),
            "launch template workers (lt-1), version 1",
        ),
        (
            "/LaunchTemplateVersions",
            json!([
                template(1, true, &json!({})),
                template(2, false, &json!({"NetworkInterfaces": [{"Groups": [group]}]})),
                template(3, false, &json!({}))
            ]),
            "launch template workers (lt-1), version 2",
        ),
        (
            "/LaunchTemplateVersions",
            json!([template(1, true, &json!({"SecurityGroups": [name]}))]),
            "launch template workers (lt-1), version 1",
        ),
        (
            "/EventSourceMappings",
            json!([{"UUID": "0a1b", "FunctionArn": "poller", "SourceAccessConfigurations": [
                {"Type": "VPC_SUBNET", "URI": "subnet:subnet-a"},
                {"Type": "VPC_SECURITY_GROUP", "URI": format!("security_group:{group}")}]}]),
            "event source mapping 0a1b",
        ),
        (
            "/SecurityGroupReferences",
            json!([{"GroupId": group, "ReferencingVpcId": "vpc-peer", "VpcPeeringConnectionId": "pcx-1"}]),
            "a rule in vpc-peer, reached through pcx-1",
        ),
    ]
}

/// Whatever uses a group of either side keeps it, on the function's side off the function, and is named. Once it is gone,
/// nothing is left.
#[tokio::test(start_paused = true)]
async fn whatever_uses_a_group_keeps_it() {
    let scenario = &base()[0];
    let (document, of_function, of_database) = connected(scenario).await;
    for (group, name) in [(&of_function, "lambda-rds-1"), (&of_database, "rds-lambda-1")] {
        for (path, entries, named) in kinds(group, name) {
            let context = format!("{name}: {named}");
            let account = OfflineAccount::in_memory(with(&document, path, &entries)).unwrap();
            let removed = remove(&account, &scenario.target).await.unwrap();
            assert_eq!(removed.ending, Ending::Reached, "{context}");
            let reasons = &removed.draft.reasons;
            let told = reasons.iter().find(|reason| reason.contains(named));
            assert!(told.is_some_and(|told| told.contains(name)), "{context}: {reasons:?}");
            let left = account.document();
            let has = |id: &String| left.security_groups.iter().any(|group| group.group_id == *id);
            assert!(has(group), "{context}");
            let config = left.functions[0].vpc_config.as_ref().unwrap();
            assert!(!config.security_group_ids.contains(&of_function), "{context}");
            let again = remove(&account, &scenario.target).await.unwrap();
            assert_eq!(again.ending, Ending::Unchanged, "{context}");

            account.edit(|document| {
                for function in &mut document.functions {
                    function.versions.clear();
                }
                document.db_proxy_endpoints.clear();
                document.capacity_providers.clear();
                document.network_connectors.clear();
                document.launch_template_versions.clear();
                document.event_source_mappings.clear();
                document.security_group_references.clear();
            });
            remove(&account, &scenario.target).await.unwrap();
            assert!(essence(&account.document()) == essence(&scenario.document), "{context}");
        }
    }
}

/// A version is named with each alias that leads to it, also one that gives it a part of the traffic only.
#[tokio::test(start_paused = true)]
async fn versions_are_named_with_their_aliases() {
    let scenario = &base()[0];
    let (document, group, _) = connected(scenario).await;
    let vpc = json!({"SubnetIds": ["subnet-a"], "SecurityGroupIds": [group]});
    let document = with(
        &document,
        "/Functions/0/Versions",
        &json!([{"Version": "3", "VpcConfig": vpc}, {"Version": "4"}]),
    );
    let aliases = json!([
        {"Name": "live", "FunctionVersion": "3"},
        {"Name": "canary", "FunctionVersion": "4", "RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}},
        {"Name": "next", "FunctionVersion": "4"},
    ]);
    let account = OfflineAccount::in_memory(with(&document, "/Functions/0/Aliases", &aliases)).unwrap();
    let groups = Groups::from([(group.as_str().into(), "lambda-rds-1".to_owned())]);
    let users = users_of(&account, &groups).await.unwrap();
    let mut named: Vec<String> = users.of(&group.as_str().into()).map(ToString::to_string).collect();
    named.sort();
    assert_eq!(named, ["function f", "function f, version 3 (aliases live, canary)"]);
}

/// A group that something has keeps AWS from deleting it, too.
#[tokio::test(start_paused = true)]
async fn what_has_a_group_keeps_it_from_being_deleted() {
    let scenario = &base()[0];
    for (path, entries, named) in kinds("sg-base-x", "others") {
        let group = json!([{"GroupId": "sg-base-x", "GroupName": "others", "VpcId": "vpc-1"}]);
        let document = with(&scenario.document, "/SecurityGroups", &group);
        let account = OfflineAccount::in_memory(with(&document, path, &entries)).unwrap();
        let only_names = ["launch template", "event source mapping", "a rule in"];
        let bears = !only_names.iter().any(|start| named.starts_with(start));
        let deleted = autoconnect::cloud::NetworkCloud::delete_group(&account, &"sg-base-x".into()).await;
        match deleted {
            Err(error) => assert!(bears && error.is_in_use(), "{named}: {error}"),
            Ok(()) => assert!(!bears, "{named}"),
        }
    }
}

/// What cannot be read keeps the groups, and is named with its action; the function is disconnected anyway, unless
/// that could disconnect it from something else too.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_keeps_the_groups() {
    let scenario = &base()[0];
    let (document, of_function, of_database) = connected(scenario).await;
    let keep = [
        Operation::ListFunctions,
        Operation::DescribeDbProxyEndpoints,
        Operation::DescribeNetworkInterfaces,
        Operation::ListEventSourceMappings,
        Operation::ListCapacityProviders,
        Operation::ListNetworkConnectors,
        Operation::DescribeLaunchTemplateVersions,
        Operation::DescribeSecurityGroupReferences,
    ];
    for denied in keep {
        let account = OfflineAccount::in_memory(document.clone()).unwrap();
        let cloud = Interposed {
            account: &account,
            hook: Denied(denied),
        };
        let removed = remove(&cloud, &scenario.target).await.unwrap();
        assert_eq!(removed.ending, Ending::Reached, "{denied}");
        let reasons = &removed.draft.reasons;
        let told = reasons.iter().filter(|reason| reason.contains(denied.iam_action()));
        assert_eq!(told.count(), 2, "{denied}: {reasons:?}");
        let left = account.document();
        let has = |id: &String| left.security_groups.iter().any(|group| group.group_id == *id);
        assert!(has(&of_function) && has(&of_database), "{denied}");
        let config = left.functions[0].vpc_config.as_ref().unwrap();
        assert!(!config.security_group_ids.contains(&of_function), "{denied}");
        let again = remove(&cloud, &scenario.target).await.unwrap();
        assert_eq!(again.ending, Ending::Unchanged, "{denied}");

        remove(&account, &scenario.target).await.unwrap();
        assert!(essence(&account.document()) == essence(&scenario.document), "{denied}");
    }
}

/// Where a group may be on another database or proxy, the function could lose that one too: nothing is written.
#[tokio::test(start_paused = true)]
async fn without_knowing_the_other_databases_nothing_is_written() {
    let scenario = &base()[0];
    let (document, ..) = connected(scenario).await;
    let account = OfflineAccount::in_memory(document.clone()).unwrap();
    let cloud = Interposed {
        account: &account,
        hook: Denied(Operation::DescribeDbProxies),
    };
    let failure = remove(&cloud, &scenario.target).await.unwrap_err();
    assert_eq!(failure.error.code(), "access-denied", "{failure}");
    assert!(failure.to_string().contains("rds:DescribeDBProxies"), "{failure}");
    assert_eq!((account.calls().write, account.document()), (0, document));
}

/// Of many users each is named.
#[tokio::test(start_paused = true)]
async fn all_users_are_named() {
    let scenario = &base()[0];
    let (mut document, group, _) = connected(scenario).await;
    put_on_a_bastion(&mut document, group.clone());
    let vpc = json!({"SubnetIds": ["subnet-a"], "SecurityGroupIds": [group]});
    let versions = json!([{"Version": "3", "VpcConfig": vpc}]);
    let account = OfflineAccount::in_memory(with(&document, "/Functions/0/Versions", &versions)).unwrap();
    let removed = remove(&account, &scenario.target).await.unwrap();
    let stays = "function f, version 3, network interface eni-0b (bastion) use it";
    let reasons = &removed.draft.reasons;
    assert!(reasons.iter().any(|reason| reason.contains(stays)), "{reasons:?}");
}
