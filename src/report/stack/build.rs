//! The template of an export.

mod owners;
mod references;

use std::collections::BTreeMap;

use super::label::Labels;
use super::{Output, Parameter, Resource, Template, Value};
use crate::export::{
    Export, Group, GroupRef, GroupRule, InlinePolicy, Json, Login, Piece, Proxy, Reference, Role, RoleRef, RulePeer,
    Secret, SecretRef, Tags, Text,
};
use crate::handover::Manager;
use crate::model::{DatabaseKind, Direction, GroupId, SubnetId, VpcId};
use crate::tags;

/// The template of an export.
pub fn template(export: &Export) -> Template {
    let mut builder = Builder::new(export);
    for group in &export.groups {
        builder.group(group);
    }
    for group in &export.groups {
        for rule in &group.rules {
            builder.rule(group, rule);
        }
    }
    for secret in &export.secrets {
        builder.secret(secret);
    }
    for role in &export.roles {
        builder.role(role);
    }
    let (after, before): (Vec<&InlinePolicy>, Vec<&InlinePolicy>) = export
        .policies
        .iter()
        .partition(|policy| names_a_proxy(&policy.document, export));
    for policy in before {
        builder.policy(policy);
    }
    for proxy in &export.proxies {
        builder.proxy(proxy);
    }
    for policy in after {
        builder.policy(policy);
    }
    builder.owners();
    builder.notes();
    builder.template
}

/// Whether a document refers to a proxy of the template.
fn names_a_proxy(document: &Json, export: &Export) -> bool {
    match document {
        Json::Text(Text(pieces)) => pieces.iter().any(|piece| match piece {
            Piece::Reference(Reference::ProxyResourceId(name)) => {
                export.proxies.iter().any(|proxy| proxy.name == *name)
            }
            _ => false,
        }),
        Json::Array(items) => items.iter().any(|item| names_a_proxy(item, export)),
        Json::Object(entries) => entries.iter().any(|(_, value)| names_a_proxy(value, export)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

struct Builder<'e> {
    export: &'e Export,
    labels: Labels,
    template: Template,
    vpcs: BTreeMap<&'e VpcId, String>,
    subnets: BTreeMap<Vec<SubnetId>, String>,
    groups: BTreeMap<&'e GroupId, String>,
    other_groups: BTreeMap<&'e GroupId, String>,
    secrets: BTreeMap<&'e str, String>,
    roles: BTreeMap<&'e str, String>,
    proxies: BTreeMap<&'e str, String>,
    /// The logical ids of a role's policies.
    policies: BTreeMap<&'e str, Vec<String>>,
}

impl<'e> Builder<'e> {
    fn new(export: &'e Export) -> Self {
        let mut labels = Labels::default();
        let mut template = Template {
            origin: export.origin.clone(),
            description: "Connections of Lambda functions to databases, exported by autoconnect".to_owned(),
            ..Template::default()
        };
        let vpcs = export.vpcs();
        let vpcs: BTreeMap<&VpcId, String> = vpcs
            .into_iter()
            .map(|vpc| {
                let id = labels.take("vpc id");
                template.parameters.push(Parameter {
                    id: id.clone(),
                    kind: "AWS::EC2::VPC::Id",
                    description: "The VPC of the databases and functions".to_owned(),
                    default: Some(vpc.to_string()).filter(|vpc| !vpc.is_empty()),
                });
                (vpc, id)
            })
            .collect();
        // The shortest names are for groups: outputs and rules have longer ones.
        let groups = export.groups.iter().map(|group| (&group.id, labels.take(&group.name)));
        let groups = groups.collect();
        let other_groups = export.other_groups().into_iter().filter_map(|group| match group {
            GroupRef::Other { id, name, .. } => Some((id, name.as_deref().unwrap_or(id.as_str()))),
            GroupRef::Exported(_) => None,
        });
        let other_groups: Vec<(&GroupId, &str)> = other_groups.collect();
        let other_groups = other_groups
            .into_iter()
            .map(|(id, name)| (id, labels.take(name)))
            .collect();
        Self {
            export,
            labels,
            template,
            vpcs,
            subnets: BTreeMap::new(),
            groups,
            other_groups,
            secrets: BTreeMap::new(),
            roles: BTreeMap::new(),
            proxies: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        id: &str,
        kind: &'static str,
        properties: Vec<(&'static str, Option<Value>)>,
        import: Option<Vec<(&'static str, String)>>,
    ) {
        let properties = properties.into_iter().filter_map(|(key, value)| Some((key, value?)));
        self.template.resources.push(Resource {
            id: id.to_owned(),
            kind,
            after: Vec::new(),
            properties: properties.collect(),
            import,
        });
    }

    fn group(&mut self, group: &'e Group) {
        let id = self.groups[&group.id].clone();
        let mut tags = group.tags.clone();
        tags.insert(tags::OWNER.to_owned(), Manager::CloudFormation.tag().to_owned());
        let vpc = self.vpcs[&group.vpc].clone();
        self.add(
            &id,
            "AWS::EC2::SecurityGroup",
            vec![
                ("GroupName", Some(Value::text(&group.name))),
                ("GroupDescription", Some(Value::text(&group.description))),
                ("VpcId", Some(Value::Parameter(vpc))),
                ("Tags", tag_list(&tags)),
            ],
            group.exists.then(|| vec![("Id", group.id.to_string())]),
        );
        let output = self.labels.take(&format!("{id} id"));
        self.template.outputs.push(Output {
            id: output,
            description: format!("The id of security group {}", group.name),
            value: Value::Attribute {
                of: id,
                name: "GroupId",
            },
        });
    }

    /// A group, as another resource names it.
    fn group_id(&self, group: &GroupRef) -> Value {
        match group {
            GroupRef::Exported(id) => Value::Attribute {
                of: self.groups[id].clone(),
                name: "GroupId",
            },
            // The CDK looks for a group of the stack's own account.
            GroupRef::Other { id, account: None, .. } => Value::OtherGroup {
                label: self.other_groups.get(id).cloned().unwrap_or_default(),
                id: id.to_string(),
            },
            GroupRef::Other { id, .. } => Value::text(id.as_str()),
        }
    }

    fn rule(&mut self, group: &Group, rule: &GroupRule) {
        let (kind, word) = match rule.direction {
            Direction::Ingress => ("AWS::EC2::SecurityGroupIngress", "from"),
            Direction::Egress => ("AWS::EC2::SecurityGroupEgress", "to"),
        };
        let is_inbound = rule.direction == Direction::Ingress;
        let mut owner = None;
        let (peer, key, value) = match &rule.peer {
            RulePeer::Group(other) => {
                let name = match other {
                    GroupRef::Exported(id) => self.groups[id].clone(),
                    GroupRef::Other { id, account, name } => {
                        owner.clone_from(account);
                        name.clone().unwrap_or_else(|| id.to_string())
                    }
                };
                let key = if is_inbound {
                    "SourceSecurityGroupId"
                } else {
                    "DestinationSecurityGroupId"
                };
                (name, key, self.group_id(other))
            }
            RulePeer::Cidr(range) if range.contains(':') => (range.clone(), "CidrIpv6", Value::text(range)),
            RulePeer::Cidr(range) => (range.clone(), "CidrIp", Value::text(range)),
            RulePeer::PrefixList(list) => {
                let key = if is_inbound {
                    "SourcePrefixListId"
                } else {
                    "DestinationPrefixListId"
                };
                (list.clone(), key, Value::text(list))
            }
        };
        let of = self.groups[&group.id].clone();
        let id = self.labels.take(&format!("{of} {word} {peer}"));
        let port = |port: i32| Some(Value::Number(port.into()));
        // Only inbound rules can say whose a group is.
        let owner = owner.filter(|_| is_inbound);
        self.add(
            &id,
            kind,
            vec![
                ("GroupId", Some(Value::Attribute { of, name: "GroupId" })),
                ("IpProtocol", Some(Value::text(rule.protocol.as_api()))),
                ("FromPort", rule.ports.and_then(|ports| port(ports.from))),
                ("ToPort", rule.ports.and_then(|ports| port(ports.to))),
                (key, Some(value)),
                ("SourceSecurityGroupOwnerId", owner.map(Value::Text)),
                ("Description", rule.description.as_deref().map(Value::text)),
            ],
            rule.id.as_ref().map(|id| vec![("Id", id.clone())]),
        );
    }

    fn secret(&mut self, secret: &'e Secret) {
        let id = self.labels.take(&format!("{} secret", secret.name));
        self.add(
            &id,
            "AWS::SecretsManager::Secret",
            vec![
                ("Name", Some(Value::text(&secret.name))),
                ("Description", secret.description.as_deref().map(Value::text)),
                ("KmsKeyId", secret.kms_key.as_deref().map(Value::text)),
                ("Tags", tag_list(&secret.tags)),
            ],
            secret.exists.then(|| vec![("Id", secret.arn.clone())]),
        );
        self.secrets.insert(&secret.arn, id);
    }

    fn role(&mut self, role: &'e Role) {
        let id = self.labels.take(&format!("{} role", role.name));
        let managed = self.export.attachments.iter().filter(|of| of.role == role.name);
        let managed: Vec<Value> = managed.map(|of| Value::text(&of.policy)).collect();
        let trust = self.document(&role.trust);
        self.add(
            &id,
            "AWS::IAM::Role",
            vec![
                ("RoleName", Some(Value::text(&role.name))),
                ("Path", Some(Value::text(&role.path))),
                ("Description", role.description.as_deref().map(Value::text)),
                ("AssumeRolePolicyDocument", Some(trust)),
                (
                    "ManagedPolicyArns",
                    Some(Value::List(managed)).filter(|list| *list != Value::List(Vec::new())),
                ),
                (
                    "MaxSessionDuration",
                    role.max_session.map(|seconds| Value::Number(seconds.into())),
                ),
                ("PermissionsBoundary", role.boundary.as_deref().map(Value::text)),
                ("Tags", tag_list(&role.tags)),
            ],
            role.exists.then(|| vec![("RoleName", role.name.clone())]),
        );
        self.roles.insert(&role.name, id);
    }

    fn policy(&mut self, policy: &'e InlinePolicy) {
        let id = self.labels.take(&format!("{} policy", policy.name));
        let role = match &policy.role {
            RoleRef::Exported(name) => Value::Ref(self.roles[name.as_str()].clone()),
            RoleRef::Other(_) => Value::text(&policy.role_name),
        };
        let document = self.document(&policy.document);
        self.add(
            &id,
            "AWS::IAM::RolePolicy",
            vec![
                ("PolicyName", Some(Value::text(&policy.name))),
                ("RoleName", Some(role)),
                ("PolicyDocument", Some(document)),
            ],
            policy.exists.then(|| {
                vec![
                    ("PolicyName", policy.name.clone()),
                    ("RoleName", policy.role_name.clone()),
                ]
            }),
        );
        self.policies.entry(&policy.role_name).or_default().push(id);
    }

    fn proxy(&mut self, proxy: &'e Proxy) {
        let id = self.labels.take(&format!("{} proxy", proxy.name));
        let role = match &proxy.role {
            RoleRef::Exported(name) => Value::Attribute {
                of: self.roles[name.as_str()].clone(),
                name: "Arn",
            },
            RoleRef::Other(arn) => Value::text(arn),
        };
        let logins: Vec<Value> = proxy.logins.iter().map(|login| self.login(login)).collect();
        let subnets = self.subnets(&proxy.subnets);
        let groups = proxy.groups.iter().map(|group| self.group_id(group)).collect();
        let text = |text: &Option<String>| text.as_deref().map(Value::text);
        self.add(
            &id,
            "AWS::RDS::DBProxy",
            vec![
                ("DBProxyName", Some(Value::text(&proxy.name))),
                ("EngineFamily", Some(Value::Text(proxy.engine_family.to_string()))),
                ("RoleArn", Some(role)),
                ("VpcSubnetIds", Some(subnets)),
                ("VpcSecurityGroupIds", Some(Value::List(groups))),
                ("Auth", (!logins.is_empty()).then_some(Value::List(logins))),
                ("DefaultAuthScheme", text(&proxy.default_auth_scheme)),
                ("RequireTLS", Some(Value::Bool(proxy.requires_tls))),
                (
                    "IdleClientTimeout",
                    proxy.idle_client_timeout.map(|seconds| Value::Number(seconds.into())),
                ),
                ("DebugLogging", Some(Value::Bool(proxy.debug_logging))),
                ("EndpointNetworkType", text(&proxy.endpoint_network_type)),
                ("TargetConnectionNetworkType", text(&proxy.target_network_type)),
                ("Tags", tag_list(&proxy.tags)),
            ],
            proxy.exists.then(|| vec![("DBProxyName", proxy.name.clone())]),
        );
        // RDS asks for the permissions of the role as soon as the proxy has a target.
        if let RoleRef::Exported(name) = &proxy.role {
            let after = self.policies.get(name.as_str()).cloned().unwrap_or_default();
            if let Some(resource) = self.template.resources.last_mut() {
                resource.after = after;
            }
        }
        self.proxies.insert(&proxy.name, id.clone());
        self.target_group(proxy, &id);
    }

    fn target_group(&mut self, proxy: &Proxy, proxy_id: &str) {
        let id = self.labels.take(&format!("{proxy_id} target group"));
        let pool = &proxy.target_group.pool;
        let number = |number: Option<u32>| number.map(|number| Value::Number(number.into()));
        let filters: Vec<Value> = pool.pinning_filters.iter().map(|filter| Value::text(filter)).collect();
        let pool: Vec<(&'static str, Value)> = [
            ("ConnectionBorrowTimeout", number(pool.borrow_timeout)),
            (
                "InitQuery",
                pool.init_query
                    .as_deref()
                    .filter(|query| !query.is_empty())
                    .map(Value::text),
            ),
            ("MaxConnectionsPercent", number(pool.max_connections)),
            ("MaxIdleConnectionsPercent", number(pool.max_idle_connections)),
            (
                "SessionPinningFilters",
                (!filters.is_empty()).then_some(Value::List(filters)),
            ),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
        let targets = |kind: DatabaseKind| {
            let of_kind = proxy.targets.iter().filter(|target| target.kind == kind);
            let ids: Vec<Value> = of_kind.map(|target| Value::text(&target.database)).collect();
            (!ids.is_empty()).then_some(Value::List(ids))
        };
        let arn = &proxy.target_group.arn;
        self.add(
            &id,
            "AWS::RDS::DBProxyTargetGroup",
            vec![
                ("DBProxyName", Some(Value::Ref(proxy_id.to_owned()))),
                ("TargetGroupName", Some(Value::text("default"))),
                ("DBClusterIdentifiers", targets(DatabaseKind::Cluster)),
                ("DBInstanceIdentifiers", targets(DatabaseKind::Instance)),
                (
                    "ConnectionPoolConfigurationInfo",
                    (!pool.is_empty()).then_some(Value::Object(pool)),
                ),
            ],
            (proxy.exists && !arn.is_empty()).then(|| vec![("TargetGroupArn", arn.clone())]),
        );
    }

    fn login(&self, login: &Login) -> Value {
        let secret = login.secret.as_ref().map(|secret| match secret {
            SecretRef::Exported(arn) => Value::Ref(self.secrets[arn.as_str()].clone()),
            SecretRef::Other(arn) => Value::text(arn),
        });
        let text = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(Value::text);
        let entries = [
            ("AuthScheme", text(&login.scheme)),
            ("ClientPasswordAuthType", text(&login.client_password_auth)),
            ("Description", text(&login.description)),
            ("IAMAuth", text(&login.iam_auth)),
            ("SecretArn", secret),
        ];
        Value::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
        )
    }

    /// The subnets of a proxy: a parameter, since another account has others.
    fn subnets(&mut self, subnets: &[SubnetId]) -> Value {
        if let Some(id) = self.subnets.get(subnets) {
            return Value::Parameter(id.clone());
        }
        let id = self.labels.take("subnet ids");
        let default: Vec<&str> = subnets.iter().map(SubnetId::as_str).collect();
        self.template.parameters.push(Parameter {
            id: id.clone(),
            kind: "List<AWS::EC2::Subnet::Id>",
            description: "The subnets of the proxy".to_owned(),
            default: (!default.is_empty()).then(|| default.join(",")),
        });
        self.subnets.insert(subnets.to_vec(), id.clone());
        Value::Parameter(id)
    }
}

fn tag_list(tags: &Tags) -> Option<Value> {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| Value::Object(vec![("Key", Value::text(key)), ("Value", Value::text(value))]))
        .collect();
    (!tags.is_empty()).then_some(Value::List(tags))
}
