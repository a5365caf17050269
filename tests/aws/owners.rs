//! Owners of resources, by the tags that the peer keeps.

use std::fs;

use aws_sdk_rds::types::{EngineFamily, Tag};
use serde_json::{Value, json};

use crate::world::{World, reads};

const NAME: &str = "aws:cloudformation:stack-name";
const ID: &str = "aws:cloudformation:logical-id";

/// The stack of a resource, in the tags of Lambda.
async fn tag_function(world: &World, name: &str, stack: &str) {
    let arn = format!("arn:aws:lambda:{}:123456789012:function:{name}", world.region);
    let call = world
        .lambda
        .tag_resource()
        .resource(arn)
        .tags(NAME, stack)
        .tags(ID, "Function");
    call.send().await.unwrap();
}

/// The same of RDS.
async fn tag_rds(world: &World, arn: &str, stack: &str) {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let call = world.rds.add_tags_to_resource().resource_name(arn);
    call.tags(tag(NAME, stack))
        .tags(tag(ID, "Resource"))
        .send()
        .await
        .unwrap();
}

fn stacks(document: &Value) -> Vec<(String, String)> {
    let owners = document["owners"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    owners
        .map(|owner| (text(&owner["resource"]), text(&owner["stack"])))
        .collect()
}

fn named(resource: &str, stack: &str) -> (String, String) {
    (resource.to_owned(), stack.to_owned())
}

#[tokio::test]
async fn setup_names_owners_and_refuses_to_change_them() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.instance("ledger", "postgres", 5432).await;
    world.function("checkout").await;
    world.proxy("pool", EngineFamily::Postgresql).await;
    let arn = |resource: &str| format!("arn:aws:rds:{}:123456789012:{resource}", world.region);
    tag_rds(&world, &arn("cluster:orders"), "data").await;
    tag_rds(&world, &arn("db:ledger"), "books").await;
    let proxy = world
        .rds
        .describe_db_proxies()
        .db_proxy_name("pool")
        .send()
        .await
        .unwrap();
    tag_rds(&world, proxy.db_proxies()[0].db_proxy_arn().unwrap(), "pools").await;
    tag_function(&world, "checkout", "shop").await;

    let direct = "--cluster orders --function checkout --no-diagnose";
    let mark = world.mark();
    let planned = world.setup_succeeds(&format!("{direct} --dry-run"));
    assert_eq!(
        stacks(&planned),
        [named("cluster orders", "data"), named("function checkout", "shop")]
    );
    let calls = world.calls_since(mark);
    assert_eq!(calls.iter().filter(|call| *call == "ListTags").count(), 1, "{calls:?}");
    let instance = world.setup_succeeds("--instance ledger --function checkout --no-diagnose --dry-run");
    assert_eq!(stacks(&instance)[0], named("instance ledger", "books"));
    let proxied = world.setup_succeeds(&format!("{direct} --proxy pool --dry-run"));
    assert_eq!(stacks(&proxied)[1], named("proxy pool", "pools"));

    let mark = world.mark();
    let refused = world.setup(&format!("{direct} --owned refuse --yes"));
    assert_eq!((refused.status, refused.error_code().as_str()), (1, "owned"));
    // Whose it is may be denied: unknown is no pass, and without --owned no reason to end.
    let message = "User is not authorized to perform: lambda:ListTags";
    world.fault("ListTags", 2, 403, "AccessDeniedException", message);
    let denied = world.setup(&format!("{direct} --owned refuse --yes"));
    assert_eq!((denied.status, denied.error_code().as_str()), (1, "owned"));
    let unread = world.setup_succeeds(&format!("{direct} --dry-run"));
    assert!(
        unread["owners"][1]["unread"]
            .as_str()
            .unwrap()
            .contains("lambda:ListTags"),
        "{unread:#}"
    );
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));

    let applied = world.setup_succeeds(&format!("{direct} --yes"));
    let lines = applied["owners"][1]["lines"]["text"].to_string();
    for group in world.groups_of_function("checkout").await {
        assert!(lines.contains(&group), "{group}: {lines}");
    }
    world.setup_succeeds(&format!("{direct} --owned refuse --yes"));
}

/// The tags of many come in pages, and not with a request for each.
#[tokio::test]
async fn drift_and_snapshot_read_tags_in_pages() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    for number in 0..101 {
        let name = format!("worker-{number:03}");
        world.function(&name).await;
        tag_function(&world, &name, "shop").await;
    }
    world.setup_succeeds("--cluster orders --function worker-100 --no-diagnose --yes");
    let update = world.lambda.update_function_configuration().function_name("worker-100");
    let config = aws_sdk_lambda::types::VpcConfig::builder()
        .set_subnet_ids(Some(world.subnets.clone()))
        .security_group_ids(&world.base);
    update.vpc_config(config.build()).send().await.unwrap();
    let mark = world.mark();
    let run = world.run("drift --cluster orders --function worker-100");
    assert_eq!(run.status, 2, "{run:?}");
    let cause = &run.json()["connections"][0]["findings"][0]["cause"];
    assert!(
        cause.as_str().unwrap().contains("the last deployment of stack shop"),
        "{cause}"
    );
    let calls = world.calls_since(mark);
    let count = |wanted: &str| calls.iter().filter(|call| *call == wanted).count();
    // The peer also ends a page at 100 tags.
    assert!((2..=6).contains(&count("GetResources")), "{calls:?}");
    assert_eq!(count("ListTags"), 0, "{calls:?}");

    let message = "User is not authorized to perform: tag:GetResources";
    world.fault("GetResources", 1, 403, "AccessDeniedException", message);
    let denied = world.run("drift --cluster orders --function worker-100").json();
    let cause = &denied["connections"][0]["findings"][0]["cause"];
    assert!(cause.as_str().unwrap().starts_with("not known, because"), "{cause}");

    // A list names no owners.
    world.fault("GetResources", 1, 403, "AccessDeniedException", message);
    let list = world.run("list --cluster orders");
    assert_eq!(list.status, 0, "{list:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let mut command = world.command();
    let written = command.args(["snapshot", "--out"]).arg(&file).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    let document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let tags = &document["Functions"][100]["Tags"];
    assert!(
        tags.as_array()
            .unwrap()
            .contains(&json!({"Key": NAME, "Value": "shop"})),
        "{tags}"
    );
}
