use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::*;

fn inputs(parameters: &[(&str, &str)]) -> Inputs {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Inputs {
        parameters: parameters.iter().map(own).collect(),
        account: Some("123456789012".to_owned()),
        region: Some("eu-central-1".to_owned()),
        stack: Some("shop".to_owned()),
    }
}

/// A value as JSON; what is not known as `?` and the reason, an attribute as `@`.
fn told(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Flag(flag) => json!(flag),
        Value::List(values) => values.iter().map(told).collect(),
        Value::Table(fields) => fields.iter().map(|(key, value)| (key.clone(), told(value))).collect(),
        Value::Of { resource, attribute } => {
            let attribute = attribute.as_ref().map(|attribute| format!(".{attribute}"));
            json!(format!("@{resource}{}", attribute.unwrap_or_default()))
        }
        Value::Nothing => Json::Null,
        Value::Unknown(why) => json!(format!("? {why}")),
    }
}

const SECTIONS: &str = "
Parameters:
  Env: {Type: String, Default: test}
  Open: {Type: Number}
  Groups: {Type: 'List<AWS::EC2::SecurityGroup::Id>', Default: 'sg-1, sg-2'}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /images/1}
  Secret: {Type: String, NoEcho: true, Default: s3cret}
Mappings:
  Ports: {test: {db: 5433}, prod: {db: 5432}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsTest: !Not [!Condition IsProd]
  IsOpen: !Equals [!Ref Open, 1]
  Either: !Or [!Condition IsOpen, !Condition IsTest]
  Both: !And [!Condition IsOpen, !Condition IsProd]
  Loop: !Not [!Condition Loop]
";

fn resolved(value: &str) -> Json {
    let text = format!(
        "{SECTIONS}Resources:\n  Group: {{Type: 'AWS::EC2::SecurityGroup'}}\n  R:\n    Type: T\n    Properties:\n      V: {value}\n"
    );
    let template = Template::read(&text, &inputs(&[])).unwrap_or_else(|error| panic!("{value}: {error}"));
    told(
        template
            .resource("R")
            .unwrap()
            .properties
            .get("V")
            .unwrap_or(&Value::Nothing),
    )
}

#[test]
fn functions_are_resolved_as_far_as_they_can_be() {
    for (value, expected) in [
        ("plain", json!("plain")),
        ("010", json!("010")),
        ("true", json!(true)),
        ("!Ref Env", json!("test")),
        ("{Ref: Env}", json!("test")),
        ("!Ref AWS::Region", json!("eu-central-1")),
        ("!Ref AWS::AccountId", json!("123456789012")),
        ("!Ref AWS::Partition", json!("aws")),
        ("!Ref AWS::StackName", json!("shop")),
        ("!Ref AWS::StackId", json!("? AWS::StackId is not known")),
        ("!Ref AWS::NoValue", json!(null)),
        ("!Ref Groups", json!(["sg-1", "sg-2"])),
        ("!Ref Open", json!("? parameter Open has no value")),
        ("!Ref Secret", json!("? parameter Secret is NoEcho")),
        (
            "!Ref Image",
            json!("? parameter Image is a parameter of Systems Manager"),
        ),
        ("!Ref Other", json!("? the template has no parameter or resource Other")),
        ("!Ref Group", json!("@Group")),
        ("!GetAtt Group.GroupId", json!("@Group.GroupId")),
        ("{'Fn::GetAtt': [Group, GroupId]}", json!("@Group.GroupId")),
        ("{'Fn::GetAtt': Group.GroupId}", json!("@Group.GroupId")),
        ("!GetAtt [Group, GroupId]", json!("@Group.GroupId")),
        ("!Sub '${Group.GroupId}'", json!("@Group.GroupId")),
        ("!Sub '${AWS::StackName}-${Env}-${!Raw}'", json!("shop-test-${Raw}")),
        ("!Sub 'a${Group}'", json!("? it is a text with an attribute of Group")),
        (
            "!Sub ['${A}-${Env}', {A: !Ref AWS::Region}]",
            json!("eu-central-1-test"),
        ),
        ("!Sub 'a ${ b'", json!("a ${ b")),
        ("!Join ['-', [a, !Ref Env]]", json!("a-test")),
        ("!Join ['-', !Ref Groups]", json!("sg-1-sg-2")),
        ("!Join ['-', [a, !Ref Open]]", json!("? parameter Open has no value")),
        ("!Select [1, !Ref Groups]", json!("sg-2")),
        ("!Select [7, !Ref Groups]", json!("? Fn::Select is not resolved")),
        ("!Split [',', 'a,b']", json!(["a", "b"])),
        ("!Select ['0', !Split ['-', !Ref AWS::Region]]", json!("eu")),
        ("!FindInMap [Ports, !Ref Env, db]", json!("5433")),
        (
            "!FindInMap [Ports, other, db]",
            json!("? the mapping Ports has no other, db"),
        ),
        ("!FindInMap [Ports, other, db, {DefaultValue: 1}]", json!("1")),
        ("!If [IsProd, a, b]", json!("b")),
        ("!If [IsTest, a, !Ref AWS::NoValue]", json!("a")),
        ("!If [IsOpen, a, b]", json!("? parameter Open has no value")),
        ("!If [IsOpen, a, a]", json!("a")),
        ("!If [Either, a, b]", json!("a")),
        ("!If [Both, a, b]", json!("b")),
        ("!If [Loop, a, b]", json!("? condition Loop depends on itself")),
        ("!If [None, a, b]", json!("? the template has no condition None")),
        ("[sg-1, !If [IsProd, sg-2, !Ref AWS::NoValue]]", json!(["sg-1"])),
        (
            "[sg-1, !If [IsOpen, sg-2, !Ref AWS::NoValue]]",
            json!(["sg-1", "? parameter Open has no value"]),
        ),
        ("!ImportValue x", json!("? Fn::ImportValue is not resolved")),
        ("!Frobnicate [1, 2]", json!("? Fn::Frobnicate is not resolved")),
        ("'{{resolve:ssm:port}}'", json!("? a dynamic reference is not resolved")),
        (
            "!Sub 'x{{resolve:ssm:${Env}}}'",
            json!("? a dynamic reference is not resolved"),
        ),
        ("{a: !Ref Env, b: !Ref AWS::NoValue}", json!({"a": "test"})),
        (
            "{a: 1, 'Fn::Transform': {Name: M}}",
            json!("? Fn::Transform is not resolved"),
        ),
    ] {
        assert_eq!(resolved(value), expected, "{value}");
    }
}

#[test]
fn resources_without_their_condition_are_left_out() {
    let text = format!(
        "{SECTIONS}Resources:\n  A: {{Type: T, Condition: IsProd}}\n  B: {{Type: T, Condition: IsTest}}\n  C: {{Type: T, Condition: IsOpen}}\n"
    );
    let told = |given: &[(&str, &str)]| {
        let template = Template::read(&text, &inputs(given)).unwrap();
        let resources = template.resources.into_iter();
        resources
            .map(|resource| (resource.logical_id, resource.doubt))
            .collect::<Vec<_>>()
    };
    let doubt = Some("parameter Open has no value".to_owned());
    assert_eq!(told(&[]), [("B".to_owned(), None), ("C".to_owned(), doubt)]);
    assert_eq!(told(&[("Env", "prod"), ("Open", "0")]), [("A".to_owned(), None)]);
}

#[test]
fn json_and_yaml_in_both_forms_are_one_template() {
    let yaml = "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      VpcConfig:\n        SecurityGroupIds: [!GetAtt G.GroupId, !Sub 'sg-${AWS::Region}']\n  G: {Type: AWS::EC2::SecurityGroup}\n";
    let json = r#"{"Resources": {
        "F": {"Type": "AWS::Lambda::Function", "Properties": {"VpcConfig": {"SecurityGroupIds":
            [{"Fn::GetAtt": ["G", "GroupId"]}, {"Fn::Sub": "sg-${AWS::Region}"}]}}},
        "G": {"Type": "AWS::EC2::SecurityGroup"}}}"#;
    let [yaml, json] = [yaml, json].map(|text| Template::read(text, &inputs(&[])).unwrap());
    let without_lines = |template: &Template| {
        let resources = template.resources.iter();
        resources
            .map(|resource| (resource.logical_id.clone(), resource.properties.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_lines(&yaml), without_lines(&json));
    assert_eq!(
        yaml.resources.iter().map(|resource| resource.spot).collect::<Vec<_>>(),
        [Spot::Line(2), Spot::Line(7)]
    );
    // A flow mapping is YAML.
    let flow = "{Resources: {G: {Type: T, Properties: {V: !Ref AWS::Region}}}}";
    let flow = Template::read(flow, &inputs(&[])).unwrap();
    assert_eq!(told(&flow.resources[0].properties["V"]), json!("eu-central-1"));
}

#[test]
fn functions_of_sam_have_the_global_properties() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 3
    VpcConfig:
      SecurityGroupIds: [sg-1]
      SubnetIds: [subnet-1]
Resources:
  Plain: {Type: AWS::Serverless::Function}
  Own:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 5
      VpcConfig: {SecurityGroupIds: [sg-2], Ipv6AllowedForDualStack: true}
  Chosen:
    Type: AWS::Serverless::Function
    Properties: {VpcConfig: !Ref AWS::NoValue}
  Other: {Type: AWS::Lambda::Function, Properties: {}}
";
    let template = Template::read(text, &inputs(&[])).unwrap();
    let of = |name: &str| {
        let resource = template.resource(name).unwrap();
        assert_eq!(resource.kind, "AWS::Lambda::Function", "{name}");
        told(&Value::Table(resource.properties.clone()))
    };
    assert_eq!(
        of("Plain"),
        json!({"Timeout": "3", "VpcConfig": {"SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]}})
    );
    assert_eq!(
        of("Own"),
        json!({"Timeout": "5", "VpcConfig": {"SecurityGroupIds": ["sg-1", "sg-2"], "SubnetIds": ["subnet-1"],
               "Ipv6AllowedForDualStack": true}})
    );
    assert_eq!(of("Chosen"), json!({"Timeout": "3"}));
    assert_eq!(of("Other"), json!({}));
    assert_eq!(template.unread, []);
}

#[test]
fn what_a_macro_or_a_loop_can_add_is_told() {
    let text = "
Transform: [AWS::Serverless-2016-10-31, Mine]
Resources:
  'Fn::ForEach::Groups': [Name, [a, b], {'Group${Name}': {Type: AWS::EC2::SecurityGroup}}]
  A: {Type: T, Properties: !Transform {Name: Other}}
";
    let template = Template::read(text, &inputs(&[])).unwrap();
    let told: Vec<String> = template
        .unread
        .iter()
        .map(|unread| format!("{}: {}", unread.spot, unread.what))
        .collect();
    assert_eq!(
        told,
        [
            "line 2: the macro \"Mine\", which can change every resource",
            "line 4: Fn::ForEach::Groups in Resources, which CloudFormation expands",
            "line 5: the properties of A: Fn::Transform is not resolved",
        ]
    );
}

#[test]
fn what_is_no_template_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "",
            "line 1: expected a template of CloudFormation, found none: it has no Resources",
        ),
        ("[]", "line 1: a template: expected a table, found a list"),
        ("Resources: []", "line 1: Resources: expected a table, found a list"),
        ("Resources:\n  A: {}", "line 2: resource A has no Type"),
        (
            "Resources:\n  A: {Type: T}\n  A: {Type: T}",
            "line 3: Resources has the key A twice",
        ),
        (
            "Resources:\n  A: {Type: T, Properties: [1]}",
            "line 2: the Properties of resource A are no table",
        ),
        (
            "Resources:\n  A: &x {Type: T}",
            "line 2: CloudFormation reads no anchors and aliases",
        ),
        (
            "Resources:\n  !Ref A: {Type: T}",
            "line 2: expected a text as a key, found a function",
        ),
        (
            "Resources:\n  A: {Type: !!str T}",
            "line 2: tags of YAML, such as !!str, are not read: put a text in quotes",
        ),
        ("{\"Resources\": ", "line 1: EOF while parsing a value"),
    ] {
        let mistake = Template::read(text, &inputs(&[])).expect_err(text);
        assert_eq!(mistake.to_string(), expected, "{text}");
    }
    let deep = format!("Resources: {}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(
        Template::read(&deep, &inputs(&[])).unwrap_err().to_string(),
        "line 1: a template is not nested so deeply"
    );
    let unknown = Template::read("Parameters: {A: {Type: String}}\nResources: {}", &inputs(&[("B", "1")]));
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "the template has no parameter B; it has: A"
    );
}

#[test]
fn a_long_row_of_conditions_ends() {
    let mut text = "Conditions:\n".to_owned();
    for number in 0..20_000 {
        writeln!(text, "  C{number}: !And [!Condition C{0}, !Condition C{0}]", number + 1).unwrap();
    }
    text += "Resources:\n  A: {Type: T, Condition: C0}\n";
    let template = Template::read(&text, &inputs(&[])).unwrap();
    assert_eq!(
        template.resources[0].doubt.as_deref(),
        Some("too many conditions depend on one another")
    );
}

/// CloudFormation reads YAML 1.1: `yes`, `no`, `on` and `off` without quotes are flags, and `y` and `n` are texts.
#[test]
fn flags_are_those_of_cloudformation() {
    for (written, read) in [
        ("yes", json!(true)),
        ("Yes", json!(true)),
        ("ON", json!(true)),
        ("true", json!(true)),
        ("no", json!(false)),
        ("Off", json!(false)),
        ("False", json!(false)),
        ("y", json!("y")),
        ("n", json!("n")),
        ("yEs", json!("yEs")),
        ("'yes'", json!("yes")),
        ("\"off\"", json!("off")),
        ("!Sub no", json!("no")),
        ("!Join ['-', [on, x]]", json!("true-x")),
        ("[no, 'no']", json!([false, "no"])),
    ] {
        assert_eq!(resolved(written), read, "{written}");
    }
    // What a parameter has is a text, to which it is compared.
    for (default, given, compared, holds) in [
        ("yes", None, "yes", true),
        ("yes", None, "'true'", true),
        ("yes", None, "'yes'", false),
        ("'yes'", None, "yes", false),
        ("'yes'", None, "'yes'", true),
        ("yes", Some("yes"), "yes", false),
        ("yes", Some("yes"), "'yes'", true),
        ("yes", Some("true"), "on", true),
        ("no", None, "off", true),
    ] {
        let text = format!(
            "Parameters:\n  P: {{Type: String, Default: {default}}}\nConditions:\n  C: !Equals [!Ref P, {compared}]\nResources:\n  A: {{Type: T, Condition: C}}\n"
        );
        let given: Vec<(&str, &str)> = given.map(|given| ("P", given)).into_iter().collect();
        let template = Template::read(&text, &inputs(&given)).unwrap();
        assert_eq!(
            template.resource("A").is_some(),
            holds,
            "{default} {given:?} {compared}"
        );
    }
    // A condition may have such a name.
    for (conditions, name, is_known) in [
        ("No: !Equals [a, b]", "No", true),
        ("No: !Equals [a, b]", "'No'", true),
        ("No: !Equals [a, b]\n  Yes: !Equals [a, a]", "No", true),
        ("No: !Equals [a, b]\n  off: !Equals [a, a]", "No", false),
        ("No: !Equals [a, b]\n  off: !Equals [a, a]", "'No'", true),
        ("C: !Equals [a, b]", "No", false),
    ] {
        let text = format!(
            "Conditions:\n  {conditions}\nResources:\n  A: {{Type: T, Condition: {name}}}\n  B: {{Type: T, Properties: {{V: !If [{name}, x, z]}}}}\n"
        );
        let template = Template::read(&text, &inputs(&[])).unwrap();
        assert_eq!(template.left_out.len(), usize::from(is_known), "{conditions} {name}");
        let chosen = told(&template.resource("B").unwrap().properties["V"]);
        assert_eq!(chosen == json!("z"), is_known, "{conditions} {name}: {chosen}");
    }
}
