//! A snapshot answers about networks as the account does from which it was taken.

use crate::world::{World, finish, reads};

#[tokio::test]
async fn diagnoses_offline_are_those_of_the_wire() {
    let world = World::healthy().await;
    world.cluster("orders", 2).await;
    world.denying_acl(&world.subnets[1]).await;
    world.function("reports").await;
    world.function_in("outside", None).await;
    let built = world.run("internet setup --function reports --service s3 --yes");
    assert_eq!(built.json()["result"], "built", "{built:?}");
    let other = world.away("10.9").await;
    let peering = world.peer(&other).await;
    world.lead(&other, "10.0.0.0/16", &peering).await;
    let built = world.run("internet setup --function away --yes");
    assert_eq!(built.json()["result"], "built", "{built:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let mark = world.mark();
    let taken = finish(world.command().args(["snapshot", "--out"]).arg(&file));
    assert_eq!(taken.status, 0, "{taken:?}");
    let calls = world.calls_since(mark);
    assert!(calls.iter().all(|call| reads(call)), "{calls:?}");
    for command in [
        "diagnose --instance d --function f",
        "diagnose --instance d --function away",
        "diagnose --instance d --function outside",
        "diagnose --cluster orders --function reports",
        "diagnose --instance d --function away --fix --dry-run",
        "internet check --function f",
        "internet check --function reports --service s3,sts",
        "internet check --function away",
        "internet check --function outside",
        "internet setup --function f --dry-run",
        "internet setup --function reports --service s3,sqs --dry-run",
        "setup --cross-vpc --instance d --function away --dry-run",
    ] {
        let on_the_wire = world.run(command);
        let mut offline = world.command();
        offline.env_clear().args(command.split_whitespace());
        let offline = finish(offline.args(["--output", "json", "--offline"]).arg(&file));
        assert_eq!(offline.status, on_the_wire.status, "{command}: {offline:?}");
        let mut answers = [offline.json(), on_the_wire.json()];
        for answer in &mut answers {
            // How many calls it takes is not part of it.
            answer.as_object_mut().unwrap().remove("api_calls");
        }
        assert_eq!(answers[0], answers[1], "{command}");
    }
}
