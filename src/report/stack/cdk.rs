//! The template as a stack of the AWS CDK, in TypeScript: constructs of level 1, which are the resources of the template.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::cloudformation::{comments, substituted};
use super::{Part, Template, Value};
use crate::escape::plain;

/// The file.
pub fn cdk(template: &Template) -> String {
    let names = Names::new(template);
    let mut text = String::new();
    for line in comments(template) {
        text.push_str(format!("// {}", plain(&line)).trim_end());
        text.push('\n');
    }
    text.push('\n');
    imports(template, &mut text);
    text.push_str(
        "\nexport class AutoconnectStack extends Stack {\n  constructor(scope: Construct, id: string, props?: StackProps) {\n    super(scope, id, props);\n",
    );
    text.push_str("    this.templateOptions.templateFormatVersion = '2010-09-09';\n");
    let _ = writeln!(
        text,
        "    this.templateOptions.description = {};",
        quoted(&template.description)
    );
    for parameter in &template.parameters {
        let mut entries = vec![
            format!("type: {}", quoted(parameter.kind)),
            format!("description: {}", quoted(&parameter.description)),
        ];
        entries.extend(
            parameter
                .default
                .as_ref()
                .map(|default| format!("default: {}", quoted(default))),
        );
        let name = names.of(&parameter.id);
        let id = quoted(&parameter.id);
        let _ = writeln!(text, "\n    const {name} = new CfnParameter(this, {id}, {{");
        for entry in entries {
            let _ = writeln!(text, "      {entry},");
        }
        text.push_str("    });\n");
    }
    for resource in &template.resources {
        let name = names.of(&resource.id);
        let class = class(resource.kind);
        let _ = writeln!(
            text,
            "\n    const {name} = new {class}(this, {}, {{",
            quoted(&resource.id)
        );
        for (key, value) in &resource.properties {
            let value = names.value(value, 6);
            let _ = writeln!(text, "      {}: {value},", camel(key));
        }
        text.push_str("    });\n");
        let _ = writeln!(text, "    {name}.applyRemovalPolicy(RemovalPolicy.RETAIN);");
        for after in &resource.after {
            let _ = writeln!(text, "    {name}.addDependency({});", names.of(after));
        }
    }
    for output in &template.outputs {
        let _ = writeln!(
            text,
            "\n    new CfnOutput(this, {}, {{\n      description: {},\n      value: {},\n    }});",
            quoted(&output.id),
            quoted(&output.description),
            names.value(&output.value, 6)
        );
    }
    text.push_str("  }\n}\n");
    text.push_str(APP);
    text
}

/// Without it, the file is only a module. The options leave out of the template what only the CDK itself adds.
const APP: &str = "
// Run by itself, as by `npx cdk synth --app 'npx tsx FILE'`, this file is an app.
if (require.main === module) {
  const app = new App({ analyticsReporting: false });
  new AutoconnectStack(app, 'Autoconnect', {
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  app.synth();
}
";

/// The classes that the file uses, by their modules.
fn imports(template: &Template, text: &mut String) {
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let core = of.entry("aws-cdk-lib").or_default();
    core.extend(["App", "DefaultStackSynthesizer", "Stack", "StackProps"]);
    if !template.parameters.is_empty() {
        core.insert("CfnParameter");
    }
    if !template.outputs.is_empty() {
        core.insert("CfnOutput");
    }
    if !template.resources.is_empty() {
        core.insert("RemovalPolicy");
    }
    let values = || {
        template
            .resources
            .iter()
            .flat_map(|resource| resource.properties.iter().map(|(_, value)| value))
    };
    if values().any(|value| has(value, &|value| matches!(value, Value::Sub(_)))) {
        core.insert("Fn");
    }
    if values().any(|value| has(value, &|value| matches!(value, Value::OtherGroup { .. }))) {
        of.entry("aws-cdk-lib/aws-ec2").or_default().insert("SecurityGroup");
    }
    for resource in &template.resources {
        of.entry(module(resource.kind))
            .or_default()
            .insert(class(resource.kind));
    }
    of.entry("constructs").or_default().insert("Construct");
    for (module, classes) in of {
        let classes: Vec<&str> = classes.into_iter().collect();
        let _ = writeln!(text, "import {{ {} }} from '{module}';", classes.join(", "));
    }
}

fn has(value: &Value, is_it: &dyn Fn(&Value) -> bool) -> bool {
    is_it(value)
        || match value {
            Value::List(items) => items.iter().any(|item| has(item, is_it)),
            Value::Object(entries) => entries.iter().any(|(_, value)| has(value, is_it)),
            Value::Document(entries) => entries.iter().any(|(_, value)| has(value, is_it)),
            _ => false,
        }
}

fn class(kind: &str) -> &'static str {
    match kind {
        "AWS::EC2::SecurityGroup" => "CfnSecurityGroup",
        "AWS::EC2::SecurityGroupIngress" => "CfnSecurityGroupIngress",
        "AWS::EC2::SecurityGroupEgress" => "CfnSecurityGroupEgress",
        "AWS::SecretsManager::Secret" => "CfnSecret",
        "AWS::IAM::Role" => "CfnRole",
        "AWS::IAM::RolePolicy" => "CfnRolePolicy",
        "AWS::RDS::DBProxy" => "CfnDBProxy",
        "AWS::RDS::DBProxyTargetGroup" => "CfnDBProxyTargetGroup",
        _ => "CfnResource",
    }
}

fn module(kind: &str) -> &'static str {
    match kind.split("::").nth(1) {
        Some("EC2") => "aws-cdk-lib/aws-ec2",
        Some("IAM") => "aws-cdk-lib/aws-iam",
        Some("RDS") => "aws-cdk-lib/aws-rds",
        Some("SecretsManager") => "aws-cdk-lib/aws-secretsmanager",
        _ => "aws-cdk-lib",
    }
}

/// The variables of the file, by logical id.
struct Names<'t>(BTreeMap<&'t str, (String, &'t str)>);

impl<'t> Names<'t> {
    fn new(template: &'t Template) -> Self {
        let parameters = template
            .parameters
            .iter()
            .map(|parameter| (parameter.id.as_str(), parameter.kind));
        let resources = template
            .resources
            .iter()
            .map(|resource| (resource.id.as_str(), resource.kind));
        let all = parameters.chain(resources);
        Self(all.map(|(id, kind)| (id, (variable(id), kind))).collect())
    }

    fn of(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| variable(id), |(name, _)| name.clone())
    }

    /// A value as an expression; its lines after the first are indented.
    fn value(&self, value: &Value, indent: usize) -> String {
        let pad = " ".repeat(indent);
        match value {
            Value::Text(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => "null".to_owned(),
            Value::List(items) if items.is_empty() => "[]".to_owned(),
            Value::List(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("{pad}  {},\n", self.value(item, indent + 2)));
                format!("[\n{}{pad}]", items.collect::<String>())
            }
            Value::Object(entries) => self.object(entries.iter().map(|(key, value)| (camel(key), value)), indent),
            Value::Document(entries) => self.object(entries.iter().map(|(key, value)| (property(key), value)), indent),
            Value::Parameter(id) => {
                let is_list = self
                    .0
                    .get(id.as_str())
                    .is_some_and(|(_, kind)| kind.starts_with("List<"));
                format!(
                    "{}.{}",
                    self.of(id),
                    if is_list { "valueAsList" } else { "valueAsString" }
                )
            }
            Value::Attribute { of, name } => self.attribute(of, name),
            Value::Ref(id) => format!("{}.ref", self.of(id)),
            Value::OtherGroup { label, id } => format!(
                "SecurityGroup.fromSecurityGroupId(this, {}, {}).securityGroupId",
                quoted(label),
                quoted(id)
            ),
            Value::Sub(parts) => self.sub(parts),
        }
    }

    fn object<'v>(&self, entries: impl Iterator<Item = (String, &'v Value)>, indent: usize) -> String {
        let pad = " ".repeat(indent);
        let entries = entries.map(|(key, value)| format!("{pad}  {key}: {},\n", self.value(value, indent + 2)));
        format!("{{\n{}{pad}}}", entries.collect::<String>())
    }

    fn attribute(&self, of: &str, name: &str) -> String {
        let attribute = camel(name);
        let mut letters = attribute.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let attribute: String = first.into_iter().chain(letters).collect();
        format!("{}.attr{attribute}", self.of(of))
    }

    fn sub(&self, parts: &[Part]) -> String {
        let (text, ids) = substituted(parts);
        if ids.is_empty() {
            return format!("Fn.sub({})", quoted(&text));
        }
        let ids = ids.iter().map(|(variable, proxy)| {
            let arn = self.attribute(proxy, "DBProxyArn");
            format!("{variable}: Fn.select(6, Fn.split(':', {arn}))")
        });
        let ids: Vec<String> = ids.collect();
        format!("Fn.sub({}, {{ {} }})", quoted(&text), ids.join(", "))
    }
}

/// A logical id as a variable.
fn variable(id: &str) -> String {
    camel(id)
}

/// A name of CloudFormation as the CDK writes it: `DBProxyName` is `dbProxyName`, `RequireTLS` is `requireTls`.
fn camel(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut made = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_capital = at > 0 && letters[at - 1].is_ascii_uppercase();
        let before_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        // A capital begins a word after a small letter, and as the last of several before a small one.
        let begins = letter.is_ascii_uppercase() && at > 0 && (!after_capital || before_small);
        made.push(if begins { *letter } else { letter.to_ascii_lowercase() });
    }
    made
}

/// A key of a policy document.
fn property(key: &str) -> String {
    let mut letters = key.chars();
    let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric());
    if is_name { key.to_owned() } else { quoted(key) }
}

/// A text as TypeScript.
fn quoted(text: &str) -> String {
    let mut made = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' => made.push_str("\\'"),
            '\\' => made.push_str("\\\\"),
            '\n' => made.push_str("\\n"),
            '\r' => made.push_str("\\r"),
            '\t' => made.push_str("\\t"),
            // Control characters, and what changes the direction of the text or ends a line of TypeScript.
            letter if crate::escape::is_unsafe(letter) || matches!(letter, '\u{2028}' | '\u{2029}') => {
                let _ = write!(made, "\\u{{{:x}}}", u32::from(letter));
            }
            letter => made.push(letter),
        }
    }
    made.push('\'');
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_cdk() {
        let table = [
            ("DBProxyName", "dbProxyName"),
            ("RequireTLS", "requireTls"),
            ("IAMAuth", "iamAuth"),
            ("VpcId", "vpcId"),
            ("CidrIpv6", "cidrIpv6"),
            ("DBClusterIdentifiers", "dbClusterIdentifiers"),
            ("DBProxyArn", "dbProxyArn"),
            ("SourceSecurityGroupOwnerId", "sourceSecurityGroupOwnerId"),
        ];
        for (name, camel_case) in table {
            assert_eq!(camel(name), camel_case);
        }
    }

    #[test]
    fn texts_end_where_they_should() {
        assert_eq!(
            quoted("a'b\\\n${x}`\u{202e}\u{2028}"),
            r"'a\'b\\\n${x}`\u{202e}\u{2028}'"
        );
        assert_eq!(property("Version"), "Version");
        assert_eq!(property("aws:SourceArn"), "'aws:SourceArn'");
    }
}
