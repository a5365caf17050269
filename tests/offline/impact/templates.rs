//! Templates and change sets of CloudFormation.

use autoconnect::account::{AccountDocument, Tag};
use autoconnect::impact::{Change, ChangeSet, Effect};
use autoconnect::template::{Inputs, Template};
use serde_json::{Value, json};

use super::{checkout, judged, shop};

/// The shop, of which a stack has the function and its group.
fn with_stack() -> AccountDocument {
    let mut document = shop();
    let tags = |logical: &str| {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        vec![
            tag("aws:cloudformation:stack-name", "shop"),
            tag("aws:cloudformation:logical-id", logical),
        ]
    };
    for (id, logical) in [("sg-0d01", "DatabaseGroup"), ("sg-0f01", "FunctionGroup")] {
        let group = document.security_groups.iter_mut().find(|group| group.group_id == id);
        group.unwrap().tags = tags(logical);
    }
    let cluster = document.db_clusters.iter_mut().find(|cluster| cluster.id == "orders");
    cluster.unwrap().tag_list = tags("Orders");
    document
}

fn template(text: &str, parameters: &[(&str, &str)]) -> Change {
    let inputs = Inputs {
        parameters: parameters
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        account: Some("123456789012".to_owned()),
        region: Some("eu-central-1".to_owned()),
        stack: Some("shop".to_owned()),
    };
    Change::Template(Box::new(Template::read(text, &inputs).unwrap()), inputs.stack)
}

const BASE: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Extra: {Type: String}
Resources:
  DatabaseGroup:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: 'Made by the console, on cluster orders', VpcId: vpc-0a1b2c3d}
  FunctionGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Made by the console, for functions that connect with cluster orders
      VpcId: vpc-0a1b2c3d
  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref DatabaseGroup, SourceSecurityGroupId: !GetAtt FunctionGroup.GroupId, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}
  Out:
    Type: AWS::EC2::SecurityGroupEgress
    Properties: {GroupId: !Ref FunctionGroup, DestinationSecurityGroupId: !GetAtt DatabaseGroup.GroupId, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}
  Checkout:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: checkout
      VpcConfig:
        SubnetIds: [subnet-0a1a, subnet-0a1b]
        SecurityGroupIds: [sg-0f00, !Ref FunctionGroup]
";

#[test]
fn a_template_is_judged() {
    let function = "        SecurityGroupIds: [sg-0f00, !Ref FunctionGroup]\n";
    let cases: [(&str, &str, &str, Effect, &[&str]); 13] = [
        ("", "", "the stack as it is", Effect::None, &[]),
        (
            function,
            "        SecurityGroupIds: [sg-0f00]\n",
            "the group is taken off",
            Effect::Breaks,
            &["Checkout"],
        ),
        (
            function,
            "        SecurityGroupIds: [sg-0f00, !Ref Extra]\n",
            "a parameter has no value",
            Effect::Unknown,
            &["Checkout"],
        ),
        (
            function,
            "        SecurityGroupIds: [!Ref FunctionGroup, !ImportValue other]\n",
            "a further group changes nothing of an open path",
            Effect::None,
            &[],
        ),
        (
            "      VpcConfig:\n        SubnetIds: [subnet-0a1a, subnet-0a1b]\n        SecurityGroupIds: [sg-0f00, !Ref FunctionGroup]\n",
            "      Timeout: 3\n",
            "nothing is said of the VPC",
            Effect::Unknown,
            &["Checkout"],
        ),
        (
            "  Checkout:\n",
            "  World:\n    Type: AWS::EC2::SecurityGroupIngress\n    Properties: {GroupId: !Ref DatabaseGroup, CidrIp: 0.0.0.0/0, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}\n  Checkout:\n",
            "a rule for the world",
            Effect::Opened,
            &["World"],
        ),
        (
            "  Checkout:\n",
            "  World:\n    Type: AWS::EC2::SecurityGroupIngress\n    Properties: {GroupId: !Ref DatabaseGroup, CidrIp: !Ref Extra, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}\n  Checkout:\n",
            "a rule for whom is not known",
            Effect::Unknown,
            &["World"],
        ),
        (
            "{GroupDescription: 'Made by the console, on cluster orders', VpcId: vpc-0a1b2c3d}",
            "{GroupDescription: Another, VpcId: vpc-0a1b2c3d}",
            "the group is replaced, and the database is not in the stack",
            Effect::Unknown,
            &["DatabaseGroup"],
        ),
        (
            "  FunctionGroup:\n    Type",
            "  Renamed:\n    Type",
            "what it names is not in the template",
            Effect::Unknown,
            &["Checkout", "In", "Out"],
        ),
        (
            "Transform: AWS::Serverless-2016-10-31",
            "Transform: [AWS::Serverless-2016-10-31, Mine]",
            "a macro",
            Effect::Unknown,
            &["the template, line 2"],
        ),
        (
            "  Checkout:\n",
            "  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: x}}\n  Checkout:\n",
            "a nested stack",
            Effect::Unknown,
            &["Nested"],
        ),
        (
            "  Checkout:\n",
            "  Orders: {Type: AWS::RDS::DBCluster, Properties: {DBClusterIdentifier: orders, Engine: aurora-postgresql, VpcSecurityGroupIds: [sg-0d00]}}\n  Checkout:\n",
            "the database loses the group",
            Effect::Breaks,
            &["Orders"],
        ),
        (
            "  Checkout:\n",
            "  Orders: {Type: AWS::RDS::DBCluster, Properties: {Engine: aurora-postgresql, VpcSecurityGroupIds: [sg-0d00]}}\n  Checkout:\n",
            "the database, whose name CloudFormation has made up, loses the group",
            Effect::Breaks,
            &["Orders"],
        ),
    ];
    for (from, to, what, effect, by) in cases {
        assert!(BASE.contains(from), "{what}");
        let text = BASE.replacen(from, to, 1);
        let all = judged(&with_stack(), &template(&text, &[]));
        let found = checkout(&all);
        assert_eq!(
            (found.effect, found.by.iter().map(String::as_str).collect::<Vec<_>>()),
            (effect, by.to_vec()),
            "{what}: {found:#?}"
        );
    }
}

/// A group of the stack that the template does not have goes, unless it is retained.
#[test]
fn a_group_that_leaves_the_template_is_doubtful() {
    let mut document = with_stack();
    let admins = document
        .security_groups
        .iter()
        .position(|group| group.group_id == "sg-0d00");
    let tags = document
        .security_groups
        .iter()
        .find(|group| group.group_id == "sg-0d01");
    let mut tags = tags.unwrap().tags.clone();
    tags[1].value = "Admins".to_owned();
    document.security_groups[admins.unwrap()].tags = tags;
    let all = judged(&document, &template(BASE, &[]));
    let found = checkout(&all);
    assert_eq!(
        (found.effect, found.by.as_slice()),
        (Effect::Unknown, &["Admins".to_owned()][..]),
        "{found:#?}"
    );
}

#[test]
fn the_value_of_a_parameter_decides() {
    let text = BASE.replace("[sg-0f00, !Ref FunctionGroup]", "[sg-0f00, !Ref Extra]");
    for (value, effect) in [("sg-0f01", Effect::None), ("sg-0d00", Effect::Breaks)] {
        let all = judged(&with_stack(), &template(&text, &[("Extra", value)]));
        assert_eq!(checkout(&all).effect, effect, "{value}: {all:#?}");
    }
}

fn change_set(changes: &[Value]) -> Change {
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| json!({"Type": "Resource", "ResourceChange": change}))
        .collect();
    let set = json!({"StackName": "shop", "Status": "CREATE_COMPLETE", "Changes": changes});
    Change::ChangeSet(Box::new(serde_json::from_value::<ChangeSet>(set).unwrap()))
}

fn resource(action: &str, kind: &str, id: Option<&str>, before: &Value, after: &Value) -> Value {
    let context = |properties: &Value| (!properties.is_null()).then(|| json!({"Properties": properties}).to_string());
    json!({
        "Action": action, "LogicalResourceId": "It", "PhysicalResourceId": id, "ResourceType": kind,
        "Replacement": "False", "BeforeContext": context(before), "AfterContext": context(after),
    })
}

fn judge_changes<const N: usize>(cases: [(Value, Effect); N]) {
    for (change, effect) in cases {
        let all = judged(&shop(), &change_set(std::slice::from_ref(&change)));
        assert_eq!(checkout(&all).effect, effect, "{change:#}: {all:#?}");
    }
}

/// What stands in a change set where a value is known only later.
const LATER: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

#[test]
fn a_change_set_of_a_function_is_judged() {
    let function = |groups: &Value| {
        let config = json!({"SubnetIds": ["subnet-0a1a", "subnet-0a1b"], "SecurityGroupIds": groups});
        json!({"FunctionName": "checkout", "VpcConfig": config})
    };
    let whole = function(&json!(["sg-0f00", "sg-0f01"]));
    let change = |action: &str, before: &Value, after: &Value| {
        resource(action, "AWS::Lambda::Function", Some("checkout"), before, after)
    };
    judge_changes([
        (change("Modify", &whole, &whole), Effect::None),
        (change("Modify", &whole, &function(&json!(["sg-0f00"]))), Effect::Breaks),
        (
            change("Modify", &whole, &function(&json!(["sg-0f00", LATER]))),
            Effect::Unknown,
        ),
        (
            change("Modify", &whole, &json!({"FunctionName": "checkout"})),
            Effect::Breaks,
        ),
        (change("Remove", &whole, &Value::Null), Effect::Breaks),
        (change("Dynamic", &whole, &whole), Effect::Unknown),
        (change("Import", &Value::Null, &whole), Effect::None),
    ]);
}

#[test]
fn a_change_set_of_rules_and_databases_is_judged() {
    const INGRESS: &str = "AWS::EC2::SecurityGroupIngress";
    const CLUSTER: &str = "AWS::RDS::DBCluster";
    let rule = |key: &str, peer: &str| json!({"GroupId": "sg-0d01", key: peer, "IpProtocol": "tcp", "FromPort": "5432", "ToPort": 5432});
    let new = |kind: &str, after: &Value| resource("Add", kind, None, &Value::Null, after);
    let acl = json!({
        "NetworkAclId": "acl-0a1b", "RuleNumber": 50, "Protocol": 6, "RuleAction": "deny", "Egress": false,
        "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 5432, "To": 5432},
    });
    let orders = |port: &str| json!({"DBClusterIdentifier": "orders", "Engine": "aurora-postgresql", "Port": port});
    let of_cluster = |action: &str, after: &Value| resource(action, CLUSTER, Some("orders"), &orders("5432"), after);
    let by_group = rule("SourceSecurityGroupId", "sg-0f01");
    judge_changes([
        (new(INGRESS, &rule("CidrIp", "0.0.0.0/0")), Effect::Opened),
        (new(INGRESS, &rule("CidrIp", LATER)), Effect::Unknown),
        (new(INGRESS, &rule("CidrIp", "10.9.0.0/16")), Effect::None),
        (
            resource("Remove", INGRESS, Some("sgr-1"), &by_group, &Value::Null),
            Effect::Breaks,
        ),
        (new("AWS::EC2::NetworkAclEntry", &acl), Effect::Breaks),
        (of_cluster("Modify", &orders("6432")), Effect::Breaks),
        (of_cluster("Modify", &orders("5432")), Effect::None),
        (of_cluster("Remove", &Value::Null), Effect::Breaks),
        (
            resource("Modify", "AWS::S3::Bucket", Some("b"), &json!({}), &json!({})),
            Effect::None,
        ),
    ]);
}

/// What is retained stays.
#[test]
fn a_retained_resource_stays() {
    let mut change = resource(
        "Remove",
        "AWS::Lambda::Function",
        Some("checkout"),
        &json!({}),
        &Value::Null,
    );
    change["PolicyAction"] = json!("Retain");
    let all = judged(&shop(), &change_set(&[change]));
    assert_eq!(checkout(&all).effect, Effect::None, "{all:#?}");
}
