//! Requirements over the wire, and an environment in which AWS cannot be reached.

use std::io::{Read, Write};

use crate::world::{World, finish, reads};

#[tokio::test]
async fn requirements_are_checked_before_the_first_write() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    world.instance("inventory", "postgres", 5432).await;
    world.function("checkout").await;
    world.function_in("outside", None).await;
    let rds = &world.rds;
    let serverless = rds
        .create_db_cluster()
        .db_cluster_identifier("old")
        .engine("aurora-mysql")
        .engine_mode("serverless")
        .master_username("admin1")
        .master_user_password("of-the-test-1")
        .db_subnet_group_name("subnets");
    serverless.send().await.unwrap();
    let global = rds
        .create_global_cluster()
        .global_cluster_identifier("planet")
        .engine("aurora-postgresql");
    global.send().await.unwrap();
    let member = rds
        .create_db_cluster()
        .db_cluster_identifier("worldwide")
        .engine("aurora-postgresql")
        .global_cluster_identifier("planet")
        .master_username("admin1")
        .master_user_password("of-the-test-1")
        .db_subnet_group_name("subnets");
    member.send().await.unwrap();
    rds.stop_db_instance()
        .db_instance_identifier("inventory")
        .send()
        .await
        .unwrap();

    let mark = world.mark();
    let table = [
        ("--cluster old --function checkout", "serverless-v1"),
        ("--cluster worldwide --function checkout", "global-database"),
        ("--instance orders-1 --function checkout", "member-of-cluster"),
        ("--cluster orders --function outside", "function-not-in-vpc"),
        ("--instance inventory --function checkout", "database-not-available"),
    ];
    for (arguments, code) in table {
        let run = world.setup(&format!("{arguments} --yes"));
        assert_eq!(
            (run.status, run.error_code().as_str()),
            (1, code),
            "{arguments}: {run:?}"
        );
        assert!(run.stderr.contains("hint: "), "{arguments}: {}", run.stderr);
    }
    assert!(world.calls_since(mark).iter().all(|call| reads(call)));
}

#[tokio::test]
async fn function_and_database_in_different_vpcs_are_both_named() {
    let world = World::new().await;
    world.cluster("orders", 1).await;
    let other = world
        .ec2
        .create_vpc()
        .cidr_block("10.9.0.0/16")
        .send()
        .await
        .unwrap()
        .vpc
        .unwrap()
        .vpc_id
        .unwrap();
    let subnet = world
        .ec2
        .create_subnet()
        .vpc_id(&other)
        .cidr_block("10.9.1.0/24")
        .send()
        .await
        .unwrap();
    let group = world
        .ec2
        .create_security_group()
        .group_name("g")
        .description("g")
        .vpc_id(&other)
        .send()
        .await
        .unwrap();
    let config = aws_sdk_lambda::types::VpcConfig::builder()
        .subnet_ids(subnet.subnet.unwrap().subnet_id.unwrap())
        .security_group_ids(group.group_id.unwrap())
        .build();
    world.function_in("elsewhere", Some(config)).await;
    let run = world.setup("--cluster orders --function elsewhere --yes");
    assert_eq!((run.status, run.error_code().as_str()), (1, "different-vpcs"));
    let message = run.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&world.vpc) && message.contains(&other), "{message}");
    assert!(run.json()["error"]["hint"].as_str().unwrap().contains("diagnose"));
}

type Variable = (&'static str, &'static str);

#[tokio::test]
async fn an_environment_without_aws_is_explained() {
    let world = World::new().await;
    let arguments = [
        "setup",
        "--cluster",
        "c",
        "--function",
        "f",
        "--dry-run",
        "--output",
        "json",
    ];
    let table: [(&str, &[Variable], &[&str]); 3] = [
        ("no-region", &[], &["AWS_REGION"]),
        ("no-credentials", &[], &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        ("unreachable", &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], &[]),
    ];
    for (code, set, unset) in table {
        let mut command = world.command();
        command.args(arguments).envs(set.iter().copied());
        for name in unset {
            command.env_remove(name);
        }
        let run = finish(&mut command);
        assert_eq!((run.status, run.error_code().as_str()), (1, code), "{run:?}");
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
        assert!(
            !run.stderr.contains("Error {") && !run.stderr.contains("SdkError"),
            "no debug dump: {}",
            run.stderr
        );
    }
}

/// A machine whose metadata service refuses: the library's own warnings, whole structures, say nothing more.
#[tokio::test]
async fn sources_of_credentials_that_have_none_are_reported_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let world = World::new().await;
    let run = |more: &[&str]| {
        let mut command = world.command();
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_EC2_METADATA_DISABLED",
        ] {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"));
        command.args(["setup", "--cluster", "c", "--function", "f", "--dry-run"]);
        finish(command.args(more))
    };
    let told = run(&[]);
    assert_eq!(told.status, 1);
    assert!(told.stderr.starts_with("error[no-credentials]: "), "{}", told.stderr);
    assert_eq!(told.stderr.lines().count(), 2, "{}", told.stderr);
    assert!(run(&["-v"]).stderr.contains("Ec2InstanceMetadata"));
}
