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
    let mut functions = document.functions.iter_mut();
    let function = functions.find(|function| function.function_name == "checkout");
    function.unwrap().tags = tags("Checkout");
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
  Orders:
    Type: AWS::RDS::DBCluster
    Properties: {DBClusterIdentifier: orders, Engine: aurora-postgresql, Port: 5432, DBSubnetGroupName: shop, VpcSecurityGroupIds: [sg-0d00, sg-0d01]}
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
            "the group is replaced, and the database keeps the old one",
            Effect::Unknown,
            &["DatabaseGroup", "FunctionGroup"],
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
            "VpcSecurityGroupIds: [sg-0d00, sg-0d01]",
            "VpcSecurityGroupIds: [sg-0d00]",
            "the database loses the group",
            Effect::Breaks,
            &["Orders"],
        ),
        (
            "{DBClusterIdentifier: orders, Engine: aurora-postgresql, Port: 5432, DBSubnetGroupName: shop, VpcSecurityGroupIds: [sg-0d00, sg-0d01]}",
            "{Engine: aurora-postgresql, Port: 5432, DBSubnetGroupName: shop, VpcSecurityGroupIds: [sg-0d00]}",
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

const IN: &str = "  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref DatabaseGroup, SourceSecurityGroupId: !GetAtt FunctionGroup.GroupId, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}
";
const OUT: &str = "  Out:
    Type: AWS::EC2::SecurityGroupEgress
    Properties: {GroupId: !Ref FunctionGroup, DestinationSecurityGroupId: !GetAtt DatabaseGroup.GroupId, IpProtocol: tcp, FromPort: 5432, ToPort: 5432}
";
const ORDERS: &str = "  Orders:
    Type: AWS::RDS::DBCluster
    Properties: {DBClusterIdentifier: orders, Engine: aurora-postgresql, Port: 5432, DBSubnetGroupName: shop, VpcSecurityGroupIds: [sg-0d00, sg-0d01]}
";

/// What is changed of `BASE`, and the effect with whose it is.
type Less<'a> = (&'a str, Vec<(&'a str, String)>, (Effect, &'a str));

const AS_IT_IS: (Effect, &str) = (Effect::None, "");

fn unknown(by: &str) -> (Effect, &str) {
    (Effect::Unknown, by)
}

fn none() -> String {
    String::new()
}

/// What a template does not say, the one before may have said: it is never taken for unchanged.
fn judge_less(cases: &[Less<'_>]) {
    for (what, changes, expected) in cases {
        let mut text = BASE.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{what}: {from}");
            text = text.replacen(from, to, 1);
        }
        let all = judged(&with_stack(), &template(&text, &[]));
        let found = checkout(&all);
        assert_eq!(
            (found.effect, found.by.join(" ").as_str()),
            *expected,
            "{what}: {found:#?}"
        );
    }
}

#[test]
fn rules_that_leave_a_template_are_not_taken_for_unchanged() {
    const PROPERTIES: &str = "on cluster orders', VpcId: vpc-0a1b2c3d}";
    let inline = |rules: &str| {
        (
            PROPERTIES,
            format!("on cluster orders', VpcId: vpc-0a1b2c3d, {rules}}}"),
        )
    };
    let given = "SecurityGroupIngress: {IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref FunctionGroup}";
    judge_less(&[
        ("an inbound rule", vec![(IN, none())], unknown("DatabaseGroup")),
        ("an outbound rule", vec![(OUT, none())], unknown("FunctionGroup")),
        (
            "both",
            vec![(IN, none()), (OUT, none())],
            unknown("DatabaseGroup FunctionGroup"),
        ),
        (
            "a rule, with an empty list",
            vec![(IN, none()), inline("SecurityGroupIngress: []")],
            unknown("DatabaseGroup"),
        ),
        (
            "a list that has no value",
            vec![(IN, none()), inline("SecurityGroupIngress: !Ref AWS::NoValue")],
            unknown("DatabaseGroup"),
        ),
        (
            "a rule that stands in the group now",
            vec![(IN, none()), inline(given)],
            AS_IT_IS,
        ),
        (
            "a rule whose condition is not known",
            vec![
                (IN, IN.replace("    Type", "    Condition: IsExtra\n    Type")),
                (
                    "Resources:",
                    "Conditions: {IsExtra: !Equals [!Ref Extra, x]}\nResources:".to_owned(),
                ),
            ],
            unknown("DatabaseGroup In"),
        ),
        (
            "a group that is created anew, with all that names it",
            vec![
                ("'Made by the console, on cluster orders'", "Another".to_owned()),
                ("[sg-0d00, sg-0d01]", "[sg-0d00, !Ref DatabaseGroup]".to_owned()),
            ],
            unknown("DatabaseGroup FunctionGroup"),
        ),
    ]);
}

#[test]
fn resources_that_leave_a_template_are_not_taken_for_unchanged() {
    judge_less(&[
        ("the database", vec![(ORDERS, none())], unknown("Orders")),
        (
            "the function",
            vec![(&BASE[BASE.find("  Checkout:").unwrap()..], none())],
            unknown("Checkout"),
        ),
        (
            "the groups of the database",
            vec![(", VpcSecurityGroupIds: [sg-0d00, sg-0d01]", none())],
            unknown("Orders"),
        ),
        (
            "an empty list of groups",
            vec![("[sg-0d00, sg-0d01]", "[]".to_owned())],
            unknown("Orders"),
        ),
        (
            "the subnet group",
            vec![(", DBSubnetGroupName: shop", none())],
            unknown("Orders"),
        ),
        ("the default port", vec![(", Port: 5432", none())], AS_IT_IS),
        (
            "its name: it is created anew",
            vec![(
                "DBClusterIdentifier: orders,",
                "DBClusterIdentifier: orders2,".to_owned(),
            )],
            (Effect::Breaks, "Orders"),
        ),
        (
            "its name, and the old one is retained",
            vec![(
                "    Properties: {DBClusterIdentifier: orders,",
                "    UpdateReplacePolicy: Retain\n    Properties: {DBClusterIdentifier: orders2,".to_owned(),
            )],
            AS_IT_IS,
        ),
        (
            "the name of the function",
            vec![("FunctionName: checkout", "FunctionName: checkout2".to_owned())],
            (Effect::Breaks, "Checkout"),
        ),
    ]);
}

#[test]
fn an_instance_that_leaves_a_template_matters_if_it_is_the_last() {
    let mut document = with_stack();
    for (at, logical) in [(0, "First"), (1, "Second")] {
        let mut tags = document.db_clusters[0].tag_list.clone();
        logical.clone_into(&mut tags[1].value);
        document.db_instances[at].tag_list = tags;
    }
    let second = "  Second: {Type: AWS::RDS::DBInstance, Properties: {DBInstanceIdentifier: orders-2, DBClusterIdentifier: !Ref Orders, Engine: aurora-postgresql}}\n  Checkout:";
    for (from, to, effect) in [
        ("  Checkout:", second, Effect::None),
        ("  Checkout:", "  Checkout:", Effect::Unknown),
    ] {
        let all = judged(&document, &template(&BASE.replacen(from, to, 1), &[]));
        assert_eq!(checkout(&all).effect, effect, "{to}: {all:#?}");
    }
}

/// The rules that EC2 gives to each group are not the template's.
#[test]
fn a_default_outbound_rule_is_no_rule_of_the_template() {
    let mut document = with_stack();
    for group in &mut document.security_groups {
        let all = json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]});
        group.ip_permissions_egress.push(serde_json::from_value(all).unwrap());
    }
    let all = judged(&document, &template(BASE, &[]));
    assert_eq!(checkout(&all).effect, Effect::None, "{all:#?}");
}

/// Modules can contain any resource: every connection is unknown. Custom resources are listed as not understood, and make those
/// connections unknown whose groups, subnets or VPC they name.
#[test]
fn resources_that_are_not_judged() {
    let anything = Some(Effect::Unknown);
    for (kind, properties, is_listed, effect) in [
        ("My::Mod::Network::MODULE", json!({}), true, anything),
        (
            "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
            json!({}),
            true,
            anything,
        ),
        ("AWS::CloudFormation::Stack", json!({}), true, anything),
        ("AWS::CloudFormation::StackSet", json!({}), true, anything),
        ("AWS::Serverless::Application", json!({}), true, anything),
        (
            "AWS::EC2::SubnetCidrBlock",
            json!({"SubnetId": "subnet-0a1a"}),
            true,
            anything,
        ),
        (
            "AWS::EC2::SubnetCidrBlock",
            json!({"SubnetId": "subnet-0e5a"}),
            true,
            None,
        ),
        ("AWS::EC2::VPCCidrBlock", json!({"VpcId": "vpc-0e5f6a7b"}), true, None),
        (
            "AWS::RDS::DBProxyEndpoint",
            json!({"DBProxyName": "orders-proxy"}),
            true,
            None,
        ),
        (
            "AWS::RDS::DBProxyEndpoint",
            json!({"DBProxyName": {"Fn::ImportValue": "x"}}),
            true,
            anything,
        ),
        (
            "AWS::CloudFormation::CustomResource",
            json!({"ServiceToken": "x"}),
            true,
            None,
        ),
        (
            "Custom::Thing",
            json!({"Settings": [{"Group": {"Ref": "DatabaseGroup"}}]}),
            true,
            anything,
        ),
        ("Custom::Thing", json!({"Subnets": ["subnet-0a1a"]}), true, anything),
        ("Custom::Thing", json!({"Subnets": ["subnet-0e5a"]}), true, None),
        ("Custom::VpcRestrictDefaultSG", json!({}), true, anything),
        ("MongoDB::Atlas::Cluster", json!({}), true, None),
        ("AWS::S3::Bucket", json!({}), false, None),
        ("AWS::CloudFormation::WaitConditionHandle", json!({}), false, None),
    ] {
        let resource = json!({"Type": kind, "Properties": properties});
        let text = BASE.replacen("  Checkout:", &format!("  It: {resource}\n  Checkout:"), 1);
        let change = template(&text, &[]);
        let (future, _) = change.applied(with_stack());
        let listed: Vec<&str> = future.not_understood.iter().map(|(by, _)| by.as_str()).collect();
        assert_eq!(listed, if is_listed { vec!["It"] } else { vec![] }, "{resource}");
        let all = judged(&with_stack(), &change);
        assert_eq!(
            checkout(&all).effect,
            effect.unwrap_or(Effect::None),
            "{resource}: {all:#?}"
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

/// The shop with the default group of its VPC.
fn with_default_group() -> AccountDocument {
    let mut document = shop();
    let default = json!({"GroupId": "sg-default", "GroupName": "default", "VpcId": "vpc-0a1b2c3d"});
    document.security_groups.push(serde_json::from_value(default).unwrap());
    document
}

/// What is created anew without groups gets the default ones.
#[test]
fn a_change_set_that_says_less_is_not_taken_for_unchanged() {
    const CLUSTER: &str = "AWS::RDS::DBCluster";
    let orders = |change: &Value| {
        let mut orders = json!({
            "DBClusterIdentifier": "orders", "Engine": "aurora-postgresql", "Port": 5432, "DBSubnetGroupName": "shop",
            "VpcSecurityGroupIds": ["sg-0d00", "sg-0d01"],
        });
        for (key, value) in change.as_object().unwrap() {
            orders[key] = value.clone();
        }
        orders.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        orders
    };
    let without = |key: &str| orders(&json!({key: null}));
    let renamed = || orders(&json!({"DBClusterIdentifier": "orders2"}));
    for (before, after, policy, effects) in [
        (orders(&json!({})), orders(&json!({})), "", [Effect::None; 2]),
        (
            orders(&json!({})),
            without("VpcSecurityGroupIds"),
            "",
            [Effect::Unknown; 2],
        ),
        (
            without("VpcSecurityGroupIds"),
            without("VpcSecurityGroupIds"),
            "",
            [Effect::None; 2],
        ),
        (orders(&json!({})), without("Port"), "", [Effect::None; 2]),
        (
            orders(&json!({})),
            without("DBSubnetGroupName"),
            "",
            [Effect::Unknown; 2],
        ),
        (orders(&json!({})), renamed(), "", [Effect::Breaks; 2]),
        (
            orders(&json!({})),
            orders(&json!({})),
            "ReplaceAndDelete",
            [Effect::None; 2],
        ),
        (
            orders(&json!({})),
            without("VpcSecurityGroupIds"),
            "ReplaceAndDelete",
            [Effect::Unknown, Effect::Breaks],
        ),
        (
            orders(&json!({})),
            orders(&json!({"VpcSecurityGroupIds": []})),
            "ReplaceAndDelete",
            [Effect::Unknown, Effect::Breaks],
        ),
        (
            orders(&json!({})),
            without("Port"),
            "ReplaceAndDelete",
            [Effect::Unknown; 2],
        ),
        (orders(&json!({})), renamed(), "ReplaceAndDelete", [Effect::Breaks; 2]),
        (orders(&json!({})), renamed(), "ReplaceAndRetain", [Effect::None; 2]),
    ] {
        let mut change = resource("Modify", CLUSTER, Some("orders"), &before, &after);
        if !policy.is_empty() {
            change["Replacement"] = json!("True");
            change["PolicyAction"] = json!(policy);
        }
        let accounts = [shop(), with_default_group()];
        for (document, effect) in accounts.iter().zip(effects) {
            let all = judged(document, &change_set(std::slice::from_ref(&change)));
            assert_eq!(checkout(&all).effect, effect, "{change:#}: {all:#?}");
        }
    }
}

/// The database that a proxy has.
#[test]
fn a_target_that_is_no_longer_named_is_not_taken_for_unchanged() {
    const KIND: &str = "AWS::RDS::DBProxyTargetGroup";
    let named = json!({"DBProxyName": "orders-proxy", "DBClusterIdentifiers": ["orders"]});
    let less = json!({"DBProxyName": "orders-proxy"});
    let future_of = |change: &Change| change.applied(shop()).0;
    let target = |change: &Change| future_of(change).document.db_proxies[0].target.is_some();
    assert!(target(&change_set(&[resource(
        "Modify",
        KIND,
        Some("t"),
        &named,
        &named
    )])));
    assert!(!target(&change_set(&[resource(
        "Modify",
        KIND,
        Some("t"),
        &named,
        &less
    )])));
    let text = format!("Resources:\n  Targets: {}\n", json!({"Type": KIND, "Properties": less}));
    let doubts = future_of(&template(&text, &[])).doubts;
    assert!(doubts.iter().any(|doubt| doubt.touch.by == "Targets"), "{doubts:#?}");
}

/// A template for this stack, or for none that is named.
fn template_for(stack: Option<&str>, text: &str) -> Change {
    let inputs = Inputs {
        stack: stack.map(str::to_owned),
        ..Inputs::default()
    };
    Change::Template(Box::new(Template::read(text, &inputs).unwrap()), inputs.stack)
}

const FALSE: &str = "Conditions: {Off: !Equals [a, b], On: !Not [!Condition Off]}\nResources:\n";

/// A resource whose condition is false goes if the stack has it: also where no stack is named.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_resource_whose_condition_is_false_may_go() {
    const KEPT: &str = "  Kept: {Type: AWS::Lambda::Function, Condition: On, Properties: {FunctionName: checkout, VpcConfig: {SubnetIds: [subnet-0a1a, subnet-0a1b], SecurityGroupIds: [sg-0f00, sg-0f01]}}}\n";
    let resource = |id: &str, kind: &str, properties: &str| {
        format!("  {id}: {{Type: 'AWS::{kind}', Condition: Off, Properties: {properties}}}\n")
    };
    let rule = |group: &str, source: &str, port: u16| {
        let properties = format!(
            "{{GroupId: {group}, SourceSecurityGroupId: {source}, IpProtocol: tcp, FromPort: {port}, ToPort: {port}}}"
        );
        resource("In", "EC2::SecurityGroupIngress", &properties)
    };
    let function = |id: &str| resource(id, "Lambda::Function", "{FunctionName: checkout}");
    let group = resource(
        "DatabaseGroup",
        "EC2::SecurityGroup",
        "{GroupDescription: x, VpcId: vpc-0a1b2c3d}",
    );
    let (tagged, untagged) = (with_stack as fn() -> AccountDocument, shop as fn() -> AccountDocument);
    let (none, unknown) = (Effect::None, Effect::Unknown);
    for (what, account, text, effect) in [
        (
            "a tagged function",
            tagged,
            resource("Checkout", "Lambda::Function", "{}"),
            unknown,
        ),
        ("a function by its name", untagged, function("F"), unknown),
        ("another's function", tagged, function("F"), none),
        (
            "another function",
            untagged,
            resource("F", "Lambda::Function", "{FunctionName: other}"),
            none,
        ),
        (
            "a function without a name",
            untagged,
            resource("F", "Lambda::Function", "{}"),
            none,
        ),
        (
            "a function that has its name by another condition",
            untagged,
            function("Gone") + KEPT,
            none,
        ),
        (
            "a tagged function whose name another gets",
            tagged,
            function("Checkout") + KEPT,
            unknown,
        ),
        (
            "a cluster by its name",
            untagged,
            resource(
                "C",
                "RDS::DBCluster",
                "{DBClusterIdentifier: orders, Engine: aurora-postgresql}",
            ),
            unknown,
        ),
        (
            "a tagged cluster",
            tagged,
            resource("Orders", "RDS::DBCluster", "{}"),
            unknown,
        ),
        ("a tagged group", tagged, group.clone(), unknown),
        (
            "a group by its name",
            untagged,
            resource(
                "G",
                "EC2::SecurityGroup",
                "{GroupName: rds-lambda-1, VpcId: vpc-0a1b2c3d}",
            ),
            unknown,
        ),
        (
            "a rule that is there",
            untagged,
            rule("sg-0d01", "sg-0f01", 5432),
            unknown,
        ),
        (
            "a rule that is not there",
            untagged,
            rule("sg-0d01", "sg-0f01", 443),
            none,
        ),
        (
            "a rule of another group",
            untagged,
            rule("sg-0d00", "sg-0f01", 5432),
            none,
        ),
        (
            "a rule for whom is not known",
            untagged,
            rule("sg-0d01", "!ImportValue x", 5432),
            unknown,
        ),
        (
            "a rule of a group whose condition is false",
            tagged,
            group + &rule("!Ref DatabaseGroup", "sg-0f01", 5432),
            unknown,
        ),
        (
            "a rule that another gives",
            untagged,
            rule("sg-0d01", "sg-0f01", 5432)
                + &rule("sg-0d01", "sg-0f01", 5432)
                    .replace("  In:", "  In2:")
                    .replace("Off", "On"),
            none,
        ),
    ] {
        for stack in [None, Some("shop")] {
            let all = judged(&account(), &template_for(stack, &format!("{FALSE}{text}")));
            let found = checkout(&all);
            // With the stack's name, what it has besides may go, too.
            let may_be_more = stack.is_some() && found.why.iter().any(|why| why.contains("the template has not"));
            if !may_be_more {
                assert_eq!(found.effect, effect, "{what}, {stack:?}: {found:#?}");
            }
        }
    }
}

/// What is tagged as another stack's is not taken for this one's.
#[test]
fn a_resource_of_another_stack_is_not_this_ones() {
    const TEXT: &str = "Resources:
  Checkout:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: checkout
      VpcConfig: {SubnetIds: [subnet-0a1a, subnet-0a1b], SecurityGroupIds: [sg-0f00]}
";
    let renamed = TEXT.replace("  Checkout:", "  Shop:");
    let without_name = TEXT.replace("      FunctionName: checkout\n", "");
    for (what, account, stack, text, effect) in [
        ("its own", with_stack(), Some("shop"), TEXT, Effect::Breaks),
        ("no stack is named", with_stack(), None, TEXT, Effect::Breaks),
        ("no tags", shop(), Some("shop"), TEXT, Effect::Breaks),
        ("another stack's", with_stack(), Some("other"), TEXT, Effect::Unknown),
        ("in other letters", with_stack(), Some("Shop"), TEXT, Effect::Unknown),
        ("another resource's", with_stack(), None, &renamed, Effect::Unknown),
        (
            "another stack's, without a name",
            with_stack(),
            Some("other"),
            &without_name,
            Effect::None,
        ),
    ] {
        let all = judged(&account, &template_for(stack, text));
        let found = checkout(&all);
        assert_eq!(found.effect, effect, "{what}: {found:#?}");
    }
}

/// Names that CloudFormation makes up begin with that of the stack, of which the case counts.
#[test]
fn a_made_up_name_has_the_case_of_its_stack() {
    const TEXT: &str = "Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      VpcConfig: {SubnetIds: [subnet-0a1a, subnet-0a1b], SecurityGroupIds: [sg-0f00]}
";
    let name = "shop-F-ABCDEFGHIJKL";
    let text = serde_json::to_string(&shop()).unwrap();
    let text = text
        .replace(r#""FunctionName":"checkout""#, &format!(r#""FunctionName":"{name}""#))
        .replace(":function:checkout", &format!(":function:{name}"));
    let account: AccountDocument = serde_json::from_str(&text).unwrap();
    for (stack, effect, told) in [
        (Some("shop"), Effect::Breaks, None),
        (Some("SHOP"), Effect::None, Some("stack SHOP")),
        (Some("sho"), Effect::None, Some("stack sho")),
        (None, Effect::Unknown, Some("F")),
    ] {
        let change = template_for(stack, TEXT);
        let all = judged(&account, &change);
        let found = super::one(&all, &format!("cluster/orders:function/{name}"));
        assert_eq!(found.effect, effect, "{stack:?}: {found:#?}");
        let (future, _) = change.applied(account.clone());
        let whose: Vec<&str> = future.not_understood.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(whose, told.into_iter().collect::<Vec<_>>(), "{stack:?}");
    }
}
