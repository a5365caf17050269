//! Whose a resource is: by its tags, and by the states of Terraform.

use std::collections::BTreeMap;

use autoconnect::decide::decide;
use autoconnect::model::network::Part;
use autoconnect::model::{DatabaseKind, Observation, ResourceTags, Side};
use autoconnect::owner::{
    Evidence, Language, Manager, Owner, StateError, TerraformState, by_tags, lines, owners, refusals,
};
use autoconnect::plan::{Plan, Request, plan};
use serde_json::json;

use crate::builder::*;

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    tags.collect()
}

const STACK: (&str, &str) = ("aws:cloudformation:stack-name", "shop-dev");
const STACK_ID: (&str, &str) = (
    "aws:cloudformation:stack-id",
    "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop-dev/0a1b2c3d-0000-4000-8000-000000000001",
);
const LOGICAL: (&str, &str) = ("aws:cloudformation:logical-id", "CheckoutFunction");

/// Tags, and the owner that they name, in words.
type Row = (&'static [(&'static str, &'static str)], Option<(Manager, &'static str)>);

const TABLE: &[Row] = &[
    (&[], None),
    (&[("team", "shop"), ("Name", "terraform-like")], None),
    (
        &[STACK, STACK_ID, LOGICAL],
        Some((Manager::CloudFormation, "stack shop-dev, resource CheckoutFunction")),
    ),
    (&[STACK_ID], Some((Manager::CloudFormation, "stack shop-dev"))),
    // A logical id alone is no stack.
    (&[LOGICAL], None),
    (&[("aws:cloudformation:stack-name", "")], None),
    (
        &[STACK, LOGICAL, ("lambda:createdBy", "SAM")],
        Some((Manager::Sam, "AWS SAM stack shop-dev, resource CheckoutFunction")),
    ),
    // Another value proves nothing.
    (
        &[STACK, LOGICAL, ("lambda:createdBy", "me")],
        Some((Manager::CloudFormation, "stack shop-dev, resource CheckoutFunction")),
    ),
    (
        &[STACK, LOGICAL, ("aws-cdk:auto-delete-objects", "true")],
        Some((Manager::Cdk, "AWS CDK stack shop-dev, resource CheckoutFunction")),
    ),
    (
        &[STACK, LOGICAL, ("STAGE", "dev")],
        Some((
            Manager::Serverless,
            "Serverless Framework stack shop-dev, resource CheckoutFunction",
        )),
    ),
    // Its stacks end in the stage.
    (
        &[STACK, LOGICAL, ("STAGE", "prod")],
        Some((Manager::CloudFormation, "stack shop-dev, resource CheckoutFunction")),
    ),
    (
        &[STACK, ("copilot-application", "shop")],
        Some((Manager::Copilot, "Copilot stack shop-dev")),
    ),
    (
        &[STACK, ("elasticbeanstalk:environment-name", "shop-env")],
        Some((Manager::ElasticBeanstalk, "Elastic Beanstalk stack shop-dev")),
    ),
    (
        &[STACK, ("amplify:app-id", "d1")],
        Some((Manager::Amplify, "Amplify stack shop-dev")),
    ),
    (
        &[STACK, ("aws:servicecatalog:productArn", "arn:aws:catalog:::product/p")],
        Some((Manager::ServiceCatalog, "Service Catalog stack shop-dev")),
    ),
    // Terraform can deploy a stack: the stack is what sends the groups.
    (
        &[STACK, ("ManagedBy", "Terraform")],
        Some((Manager::CloudFormation, "stack shop-dev")),
    ),
    (
        &[("sst:app", "shop"), ("sst:stage", "dev")],
        Some((Manager::Sst, "SST shop")),
    ),
    (&[("pulumi:project", "shop")], Some((Manager::Pulumi, "Pulumi shop"))),
    (
        &[
            ("crossplane-kind", "function.lambda.aws.upbound.io"),
            ("crossplane-name", "checkout"),
        ],
        Some((Manager::Crossplane, "Crossplane checkout")),
    ),
    (
        &[
            ("services.k8s.aws/namespace", "shop"),
            ("services.k8s.aws/controller-version", "v1"),
        ],
        Some((Manager::Ack, "AWS Controllers for Kubernetes shop")),
    ),
    (&[("ManagedBy", "Terraform")], Some((Manager::Terraform, "Terraform"))),
    (&[("managed-by", "terragrunt")], Some((Manager::Terraform, "Terraform"))),
    (
        &[("managed_by", "OpenTofu 1.9")],
        Some((Manager::Terraform, "Terraform")),
    ),
    (&[("Terraform", "true")], Some((Manager::Terraform, "Terraform"))),
    (&[("terraform", "false")], None),
    (&[("ManagedBy", "ansible")], Some((Manager::Other, "tool ansible"))),
    (&[("ManagedBy", "manual")], None),
    (&[("ManagedBy", "autoconnect")], None),
    (&[("IaC", "cdk")], Some((Manager::Cdk, "AWS CDK"))),
];

#[test]
fn tags_name_the_owner() {
    for (given, expected) in TABLE {
        let found = by_tags(&tags(given));
        let words = found.as_ref().map(ToString::to_string);
        let manager = found.as_ref().map(|owner| owner.manager);
        assert_eq!(manager.zip(words.as_deref()), *expected, "{given:?}");
        assert!(found.is_none_or(|owner| owner.evidence == Evidence::Tags), "{given:?}");
    }
}

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:checkout";

fn address(text: &str) -> Option<String> {
    TerraformState::parse(text).unwrap().of_arn(FUNCTION).map(|owner| {
        assert_eq!(
            (owner.manager, owner.evidence),
            (Manager::Terraform, Evidence::TerraformState)
        );
        owner.address.unwrap()
    })
}

fn state(resource: &serde_json::Value) -> String {
    json!({"version": 4, "terraform_version": "1.11.0", "serial": 3, "resources": [resource]}).to_string()
}

#[test]
fn a_state_of_terraform_names_addresses() {
    let resource = |mode: &str, module: Option<&str>, instances: serde_json::Value| {
        let mut resource =
            json!({"mode": mode, "type": "aws_lambda_function", "name": "checkout", "instances": instances});
        if let Some(module) = module {
            resource["module"] = json!(module);
        }
        state(&resource)
    };
    let attributes =
        json!({"arn": FUNCTION, "function_name": "checkout", "environment": [{"variables": {"PASSWORD": "x"}}]});
    let one = json!([{"attributes": attributes}]);
    let plain = "aws_lambda_function.checkout";
    assert_eq!(address(&resource("managed", None, one.clone())).as_deref(), Some(plain));
    // What Terraform only reads is not its own.
    assert_eq!(address(&resource("data", None, one.clone())), None);
    let in_module = address(&resource("managed", Some("module.shop[\"a.b\"].module.api"), one)).unwrap();
    assert_eq!(in_module, format!("module.shop[\"a.b\"].module.api.{plain}"));
    for (key, expected) in [(json!(0), "[0]"), (json!("blue"), "[\"blue\"]")] {
        let instances = json!([
            {"index_key": "other", "attributes": {"arn": "arn:aws:lambda:eu-central-1:123456789012:function:refunds"}},
            {"index_key": key, "attributes": attributes},
        ]);
        let found = address(&resource("managed", None, instances)).unwrap();
        assert_eq!(found, format!("{plain}{expected}"));
    }
    let deposed = json!([{"deposed": "0a1b2c3d", "attributes": attributes}]);
    assert_eq!(address(&resource("managed", None, deposed)), None);
    // A state keeps values of attributes that can be secret.
    let kept = TerraformState::parse(&resource("managed", None, json!([{"attributes": attributes}]))).unwrap();
    assert!(!format!("{kept:?}").contains("PASSWORD"));
}

#[test]
fn what_terraform_shows_names_addresses() {
    let shown = |address: &str| {
        json!({"root_module": {"child_modules": [{"address": "module.shop", "resources": [
            {"address": address, "mode": "managed", "type": "aws_lambda_function", "name": "checkout", "values": {"arn": FUNCTION}},
            {"address": "module.shop.aws_security_group.db", "mode": "managed", "type": "aws_security_group", "name": "db",
             "values": {"id": "sg-0d01", "arn": "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-0d01"}},
        ]}]}})
    };
    let by_key = "module.shop.aws_lambda_function.checkout[\"a\"]";
    let of_state = json!({"format_version": "1.0", "terraform_version": "1.11.0", "values": shown(by_key)});
    assert_eq!(address(&of_state.to_string()).as_deref(), Some(by_key));
    let group = TerraformState::parse(&of_state.to_string())
        .unwrap()
        .of_group(&"sg-0d01".into());
    assert_eq!(
        group.unwrap().address.as_deref(),
        Some("module.shop.aws_security_group.db")
    );
    // A plan can move a resource: its new address counts.
    let of_plan = json!({"format_version": "1.2", "terraform_version": "1.11.0", "resource_changes": [],
        "prior_state": {"values": shown("module.shop.aws_lambda_function.old")}, "planned_values": shown(by_key)});
    assert_eq!(address(&of_plan.to_string()).as_deref(), Some(by_key));
    // A state without resources.
    assert_eq!(address(&json!({"format_version": "1.0"}).to_string()), None);
}

#[test]
fn what_is_no_state_is_refused() {
    let table = [
        ("", "it is not JSON"),
        ("PK\u{3}\u{4}", "terraform show -json PLAN"),
        ("[]", "neither a Terraform state"),
        ("{}", "neither a Terraform state"),
        (r#"{"version": 4}"#, "neither a Terraform state"),
        (r#"{"version": 3, "modules": []}"#, "of version 3"),
        (r#"{"FormatVersion": 1, "AccountId": "1"}"#, "neither a Terraform state"),
        (r#"{"format_version": "1.0", "other": {}}"#, "neither a Terraform state"),
    ];
    for (text, expected) in table {
        let error: StateError = TerraformState::parse(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

/// A function and a cluster without groups, so that both get a new one.
fn observation(of_function: &[(&str, &str)], of_database: &[(&str, &str)]) -> Observation {
    let mut observation = direct();
    observation.database.tags = tags(of_database);
    observation.extras.tags = ResourceTags {
        function: Some(Part::Read(tags(of_function))),
        proxy: None,
    };
    observation
}

fn planned(observation: &Observation) -> Plan {
    plan(&decide(observation), &Request::default())
}

#[test]
fn lines_have_the_whole_list_in_the_language_of_the_owner() {
    let terraform = ("ManagedBy", "terraform");
    let table = [
        (vec![STACK, LOGICAL], Language::Yaml, "the template of stack shop-dev"),
        (vec![STACK, LOGICAL, ("STAGE", "dev")], Language::Yaml, "serverless.yml"),
        (
            vec![STACK, LOGICAL, ("aws-cdk:x", "y")],
            Language::TypeScript,
            "the code of stack shop-dev",
        ),
        (vec![terraform], Language::Hcl, "its Terraform configuration"),
    ];
    for kind in [DatabaseKind::Cluster, DatabaseKind::Instance] {
        for (given, language, into) in &table {
            let mut observation = observation(given, given);
            observation.database.kind = kind;
            let plan = planned(&observation);
            let all = owners(&observation, None);
            assert_eq!(
                all.iter().map(|owned| owned.side).collect::<Vec<_>>(),
                [Side::Database, Side::Function]
            );
            for owned in &all {
                let found = lines(owned, &observation, &plan).unwrap();
                assert_eq!((found.language, found.into.as_str()), (*language, *into), "{given:?}");
                let text = found.lines.join("\n");
                for group in observation.groups_on(owned.side).iter() {
                    assert!(text.contains(group.as_str()), "{group}: {text}");
                }
                assert!(text.contains("GROUP_ID") && text.contains("which step"), "{text}");
                let subnets = observation.function.vpc.iter().flat_map(|vpc| &vpc.subnets);
                for subnet in subnets.filter(|_| owned.side == Side::Function) {
                    assert!(text.contains(subnet.as_str()), "{subnet}: {text}");
                }
            }
        }
    }
}

#[test]
fn a_warning_says_what_will_happen() {
    let sam = [STACK, LOGICAL, ("lambda:createdBy", "SAM")];
    let found = observation(&sam, &[]);
    let plan = planned(&found);
    let all = owners(&found, None);
    let warning = |plan: &Plan| all[0].warning(plan).unwrap();
    assert!(warning(&plan).contains(
        "stack shop-dev that updates it will send the security groups of its template, and so undo this change"
    ));
    assert!(warning(&Plan::default()).contains("unless its template has it"));
    assert_eq!(refusals(&all, &plan).len(), 1);
    assert_eq!(refusals(&all, &Plan::default()), Vec::<String>::new());

    // Somebody's word is no certainty.
    let claimed = observation(&[("ManagedBy", "ansible")], &[]);
    assert!(owners(&claimed, None)[0].warning(&plan).unwrap().contains(" may send "));

    // An owner that was not read is unknown: the plan says so where it changes the resource, and `--owned refuse` refuses it.
    let mut unread = observation(&[], &[]);
    unread.extras.tags.function = Some(Part::Unread("denied".to_owned()));
    let all = owners(&unread, None);
    assert!(
        all[0]
            .warning(&plan)
            .unwrap()
            .contains("is not known: its tags could not be read (denied)")
    );
    assert_eq!(all[0].warning(&Plan::default()), None);
    assert_eq!(refusals(&all, &plan).len(), 1);
}

#[test]
fn a_state_counts_before_tags() {
    let found = observation(&[("ManagedBy", "ansible")], &[]);
    let arn = &found.function.arn;
    let text = state(
        &json!({"mode": "managed", "type": "aws_lambda_function", "name": "f", "instances": [{"attributes": {"arn": arn}}]}),
    );
    let state = TerraformState::parse(&text).unwrap();
    let all = owners(&found, Some(&state));
    let owner: &Owner = all[0].owner.as_ref().unwrap();
    assert_eq!(owner.address.as_deref(), Some("aws_lambda_function.f"));
    assert_eq!(owner.to_string(), "Terraform, aws_lambda_function.f");
    let text = lines(&all[0], &found, &planned(&found)).unwrap().lines.join("\n");
    assert!(text.starts_with("resource \"aws_lambda_function\" \"f\" {"), "{text}");
}
