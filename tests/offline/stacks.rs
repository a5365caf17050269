//! Connections as CloudFormation templates and CDK stacks. `tests/aws/stacks.rs` has real tools read them.

use std::collections::BTreeSet;

use autoconnect::account::AccountDocument;
use autoconnect::export::Wanted;
use autoconnect::observe::exported;
use autoconnect::report::stack::{Part, Resource, Template, Value};
use autoconnect::report::{cdk, cloudformation, resources_to_import, template};

use crate::scenarios::{base, with_new_resources};
use crate::support::*;

async fn template_of(document: &AccountDocument) -> Template {
    let account = in_memory(document);
    template(&exported(&account, None, &Wanted::All).await.unwrap())
}

/// What a value refers to: logical ids of parameters and resources.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::List(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(entries) => entries.iter().for_each(|(_, value)| references(value, found)),
        Value::Document(entries) => entries.iter().for_each(|(_, value)| references(value, found)),
        Value::Parameter(id) | Value::Ref(id) | Value::Attribute { of: id, .. } => found.push(id),
        Value::Sub(parts) => found.extend(parts.iter().filter_map(|part| match part {
            Part::Attribute { of: id, .. } | Part::Ref(id) | Part::ProxyId(id) => Some(id.as_str()),
            Part::Literal(_) | Part::Pseudo(_) => None,
        })),
        Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Null | Value::OtherGroup { .. } => {}
    }
}

/// Every resource comes after what it refers to, and everything that exists can be imported.
fn assert_sound(template: &Template, context: &str) {
    let mut known: BTreeSet<&str> = template
        .parameters
        .iter()
        .map(|parameter| parameter.id.as_str())
        .collect();
    for Resource {
        id,
        kind,
        after,
        properties,
        import,
    } in &template.resources
    {
        let mut needed: Vec<&str> = after.iter().map(String::as_str).collect();
        for (_, value) in properties {
            references(value, &mut needed);
        }
        for other in needed {
            assert!(known.contains(other), "{id} refers to {other}: {context}");
        }
        assert!(known.insert(id), "{id} is there twice: {context}");
        assert!(
            id.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{id}: {context}"
        );
        assert!(import.is_some(), "{id} cannot be imported: {context}");
        let inline = ["SecurityGroupIngress", "SecurityGroupEgress"];
        let is_inline = properties.iter().any(|(key, _)| inline.contains(key));
        assert!(*kind != "AWS::EC2::SecurityGroup" || !is_inline, "{id}: {context}");
    }
    for output in &template.outputs {
        let mut needed = Vec::new();
        references(&output.value, &mut needed);
        assert!(needed.iter().all(|id| known.contains(id)), "{}: {context}", output.id);
    }
    let text = cloudformation(template).unwrap();
    for kept in ["DeletionPolicy: Retain", "UpdateReplacePolicy: Retain"] {
        assert_eq!(text.matches(kept).count(), template.resources.len(), "{context}");
    }
    let imported: serde_json::Value = serde_json::from_str(&resources_to_import(template)).unwrap();
    assert_eq!(
        imported.as_array().unwrap().len(),
        template.resources.len(),
        "{context}"
    );
    let code = cdk(template);
    assert_eq!(
        code.matches("RemovalPolicy.RETAIN").count(),
        template.resources.len(),
        "{context}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_connection_is_a_template() {
    let mut kinds = BTreeSet::new();
    for scenario in base().into_iter().chain(with_new_resources()) {
        let document = connected(&scenario.document, &scenario.target).await;
        let template = template_of(&document).await;
        assert_sound(&template, &scenario.name);
        kinds.extend(template.resources.into_iter().map(|resource| resource.kind));
    }
    let all = [
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::RDS::DBProxy",
        "AWS::RDS::DBProxyTargetGroup",
        "AWS::SecretsManager::Secret",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
}

/// What was read is text to the template, and never a part of its language.
#[tokio::test(start_paused = true)]
async fn texts_of_others_stay_texts() {
    let mut document = example();
    for group in &mut document.security_groups {
        group.description = "${AWS::StackName}\n\"- !Ref X' \u{202e}: {{resolve:ssm:x}}".to_owned();
    }
    let template = template_of(&document).await;
    assert_sound(&template, "hostile descriptions");
    let text = cloudformation(&template).unwrap();
    assert!(!text.contains('\u{202e}'), "{text}");
    assert!(!cdk(&template).contains('\u{202e}'));
    let comments = text.lines().take_while(|line| line.starts_with('#')).count();
    assert!(
        text.lines()
            .nth(comments)
            .unwrap()
            .starts_with("AWSTemplateFormatVersion")
    );
}
