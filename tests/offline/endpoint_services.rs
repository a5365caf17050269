//! The names of endpoint services are those that the Region has.

use autoconnect::account::{AccountDocument, OfflineAccount};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::diagnostics::Status;
use autoconnect::internet::{Wish, check};
use autoconnect::observe::way_out;
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::internet::{base, setup, wish};
use crate::internet_checks::answer;
use crate::interposed::Interposed;

fn service(name: &str, zones: &[&str], private_names: &[&str]) -> Value {
    let names: Vec<Value> = private_names
        .iter()
        .map(|name| json!({"PrivateDnsName": name}))
        .collect();
    json!({"ServiceName": name, "ServiceType": [{"ServiceType": "Interface"}], "AvailabilityZones": zones,
           "PrivateDnsNames": names})
}

fn offline(services: &Value) -> OfflineAccount {
    let mut value = base();
    value["VpcEndpointServices"] = services.clone();
    let document: AccountDocument = serde_json::from_value(value).unwrap();
    OfflineAccount::in_memory(document).unwrap()
}

fn of(service: &str) -> Wish {
    Wish {
        services: vec![service.to_owned()],
        ..wish()
    }
}

const ZONES: [&str; 2] = ["eu-central-1a", "eu-central-1b"];
const NAME: &str = "com.amazonaws.eu-central-1.secretsmanager";

#[tokio::test(start_paused = true)]
async fn a_mistyped_service_is_an_error_before_anything_is_written() {
    let services = json!([
        service(NAME, &ZONES, &["secretsmanager.eu-central-1.amazonaws.com"]),
        service("com.amazonaws.eu-central-1.sqs", &ZONES, &[]),
        service("com.amazonaws.eu-central-1.sns", &ZONES, &[]),
        service("com.amazonaws.eu-central-1.states", &ZONES, &[]),
    ]);
    for wrong in [
        "secretmanager",
        "secrets-manager",
        "com.amazonaws.eu-central-1.secretmanager",
    ] {
        let account = offline(&services);
        let error = answer(&account, &of(wrong)).await.unwrap_err();
        assert_eq!(error.code(), "service-not-found", "{wrong}");
        let failure = setup(&account, &of(wrong)).await.unwrap_err();
        assert_eq!(
            (failure.error.code(), account.calls().write),
            ("service-not-found", 0),
            "{wrong}"
        );
    }
    let error = answer(&offline(&services), &of("secretmanager")).await.unwrap_err();
    assert!(
        error.hint().unwrap().starts_with("did you mean secretsmanager"),
        "{error:?}"
    );
    for right in ["secretsmanager", NAME] {
        answer(&offline(&services), &of(right)).await.unwrap();
    }
}

/// What is built has the name that the Region has, in the zones that the service has.
#[tokio::test(start_paused = true)]
async fn endpoints_have_the_regions_name_and_zones() {
    let china = "cn.com.amazonaws.eu-central-1.secretsmanager";
    let private = ["secretsmanager.eu-central-1.amazonaws.com.cn"];
    let one_zone = ["eu-central-1a"];
    let rows = [
        (
            json!([service(NAME, &ZONES, &private)]),
            NAME,
            vec!["subnet-a", "subnet-b"],
        ),
        (
            json!([service(NAME, &[], &private)]),
            NAME,
            vec!["subnet-a", "subnet-b"],
        ),
        (json!([service(NAME, &one_zone, &private)]), NAME, vec!["subnet-a"]),
        (
            json!([service(china, &ZONES, &private)]),
            china,
            vec!["subnet-a", "subnet-b"],
        ),
        // Of two names the one that private DNS goes with.
        (
            json!([service(NAME, &ZONES, &[]), service(china, &ZONES, &private)]),
            china,
            vec!["subnet-a", "subnet-b"],
        ),
        (
            json!([service(china, &ZONES, &private), service(NAME, &ZONES, &private)]),
            NAME,
            vec!["subnet-a", "subnet-b"],
        ),
    ];
    for (services, name, subnets) in rows {
        let account = offline(&services);
        setup(&account, &of("secretsmanager")).await.unwrap();
        let document = account.document();
        let made = document
            .vpc_endpoints
            .iter()
            .find(|found| found.service_name.ends_with("secretsmanager"))
            .unwrap();
        assert_eq!(
            (made.service_name.as_str(), made.subnet_ids.clone()),
            (name, subnets.iter().map(ToString::to_string).collect()),
            "{services}"
        );
        let answer = answer(&account, &of("secretsmanager")).await.unwrap();
        assert!(answer.verdict <= Status::Warn, "{services}: {answer:#?}");
        // A second run has nothing to do.
        assert_eq!(
            setup(&account, &of("secretsmanager")).await.unwrap().applied,
            [],
            "{services}"
        );
    }
    let account = offline(&json!([service(NAME, &["eu-central-1c"], &private)]));
    let failure = setup(&account, &of("secretsmanager")).await.unwrap_err();
    assert!(
        failure.error.to_string().contains("Availability Zones"),
        "{}",
        failure.error
    );
    assert_eq!(account.calls().write, 0);
}

/// Where the names could not be read, the services of every Region are taken for granted.
#[tokio::test(start_paused = true)]
async fn names_that_were_not_read() {
    let services = json!([service(NAME, &ZONES, &[])]);
    for (name, is_told) in [
        ("secretsmanager", false),
        ("secretmanager", true),
        ("bedrock-runtime", true),
    ] {
        let account = offline(&services);
        let cloud = Interposed {
            account: &account,
            hook: Denied(Operation::DescribeVpcEndpointServices),
        };
        let wish = of(name);
        let answer = check(&way_out(&cloud, "f", &wish.services).await.unwrap(), &wish);
        let found = answer
            .checks
            .iter()
            .find(|found| found.id == format!("service-{name}"))
            .unwrap();
        let text = found.evidence.join(" ");
        assert_eq!(
            text.contains("ec2:DescribeVpcEndpointServices"),
            is_told,
            "{name}: {found:#?}"
        );
        if name == "secretmanager" {
            assert!(text.contains("did you mean secretsmanager?"), "{text}");
        }
    }
}
