//! The resources of a stack, before and after.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::computers;
use super::groups::direction;
use crate::account::{AccountDocument, Tag};
use crate::impact::future::{Ids, Known};
use crate::template::{Resource, Template, Value};

/// What a change set has where a value is known only later.
const LATER: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// The properties of a resource.
pub type Properties = BTreeMap<String, Value>;

/// A stack's change.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its resources.
    pub items: Vec<Item>,
    /// What of it was not read, with the reasons.
    pub unread: Vec<(String, String)>,
    /// That the account has none of its resources: the name of the stack may be wrong.
    pub unfound: Option<(String, String)>,
    /// The account before, in which resources are looked up.
    pub account: AccountDocument,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is created.
    Create,
    /// It is changed in place.
    Change,
    /// It is created anew, and the old one deleted.
    Replace,
    /// It is deleted.
    Delete,
    /// Nothing.
    Stay,
}

/// A resource of a stack.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Its id or name before; none if it is created.
    pub physical_id: Option<String>,
    /// What stands for its id where it is created.
    pub placeholder: String,
    /// What is done.
    pub action: Action,
    /// Why it is not known whether that is done.
    pub doubt: Option<String>,
    /// Whether the old one stays where it is created anew.
    pub is_retained: bool,
    /// Its properties before, where they are known.
    pub before: Option<Properties>,
    /// Its properties after.
    pub after: Properties,
}

impl Item {
    /// Whether it is created, or created anew.
    pub(super) fn creates(&self) -> bool {
        matches!(self.action, Action::Create | Action::Replace)
    }

    /// Whether it is deleted, also to be created anew.
    pub(super) fn deletes(&self) -> bool {
        self.action == Action::Delete || self.action == Action::Replace && !self.is_retained
    }

    /// Whether what it was goes: it is deleted, or changed.
    pub(super) fn ends(&self) -> bool {
        self.deletes() || self.action == Action::Change
    }

    /// Its id after the change.
    pub(super) fn id(&self) -> &str {
        match &self.physical_id {
            Some(id) if !self.creates() => id,
            _ => &self.placeholder,
        }
    }

    /// A property after the change.
    pub(super) fn property(&self, key: &str) -> &Value {
        self.after.get(key).unwrap_or(&Value::Nothing)
    }

    /// A property before the change.
    pub(super) fn property_before(&self, key: &str) -> &Value {
        let before = self.before.as_ref();
        before.and_then(|before| before.get(key)).unwrap_or(&Value::Nothing)
    }

    /// Why a property that is not set may have been, so that what becomes of it is not known. What is created has none before.
    pub(super) fn dropped(&self, key: &str) -> Option<String> {
        let by = &self.logical_id;
        if self.creates() || !is_nothing(self.property(key)) {
            return None;
        }
        match &self.before {
            Some(_) if is_nothing(self.property_before(key)) => None,
            Some(_) => Some(format!("{key} of {by} is no longer set")),
            None => Some(format!(
                "the template gives {by} no {key}: what it has now may go if the template gave it before"
            )),
        }
    }

    /// Whether a property is another one than before. Where that is not known, it is as it will be.
    pub(super) fn differs(&self, key: &str) -> bool {
        match &self.before {
            Some(before) => self.creates() || before.get(key) != self.after.get(key),
            None => self.after.contains_key(key),
        }
    }
}

impl Stack {
    /// The resources that a template gives to a stack in this account.
    pub fn of_template(template: &Template, stack: Option<&str>, account: AccountDocument) -> Self {
        let mut unread: Vec<(String, String)> = template
            .unread
            .iter()
            .map(|unread| (format!("the template, {}", unread.spot), unread.what.clone()))
            .collect();
        let mut items = Vec::new();
        for (number, resource) in template.resources.iter().enumerate() {
            let (logical_id, kind) = (resource.logical_id.clone(), resource.kind.clone());
            let physical_id = match physical_id(&account, stack, &logical_id, &kind, &resource.properties) {
                Ok(id) => id,
                Err(why) => {
                    unread.push((logical_id.clone(), why));
                    continue;
                }
            };
            let of_another = physical_id
                .as_ref()
                .and_then(|id| of_another(&account, stack, (&logical_id, &kind), id));
            items.push(Item {
                action: if physical_id.is_some() {
                    Action::Change
                } else {
                    Action::Create
                },
                placeholder: placeholder(&kind, number),
                doubt: resource.doubt.clone().or(of_another),
                is_retained: resource.is_retained,
                before: None,
                after: resource.properties.clone(),
                logical_id,
                kind,
                physical_id,
            });
        }
        let mut stack_of = Self {
            items,
            unread,
            unfound: None,
            account,
        };
        stack_of.replace();
        for resource in &template.left_out {
            stack_of.leave_out(stack, resource);
        }
        if let Some(stack) = stack {
            stack_of.miss(stack);
            stack_of.unfound = stack_of.unfound(stack);
        }
        stack_of
    }

    /// A template of which the account has nothing is one of a new stack, or the name of its stack is wrong.
    fn unfound(&self, stack: &str) -> Option<(String, String)> {
        let is_of_account = |item: &Item| KINDS.contains(&item.kind.as_str());
        let is_found = |item: &Item| item.physical_id.is_some();
        if !self.items.iter().any(is_of_account) || self.items.iter().any(is_found) || !self.unread.is_empty() {
            return None;
        }
        let why =
            "the account has none of its resources, and all are taken to be new; if the stack exists, check its name";
        Some((format!("stack {stack}"), why.to_owned()))
    }

    /// What gets another name, and groups that get another description or VPC, are created anew.
    fn replace(&mut self) {
        let replaced: Vec<usize> = (0..self.items.len())
            .filter(|at| self.is_replaced(&self.items[*at]))
            .collect();
        for at in replaced {
            self.items[at].action = Action::Replace;
        }
    }

    fn is_replaced(&self, item: &Item) -> bool {
        if let (Some(key), Some(id)) = (computers::name_key(&item.kind), &item.physical_id) {
            let name = self.text(item.property(key)).ok().flatten();
            return name.is_some_and(|name| !name.eq_ignore_ascii_case(id));
        }
        let groups = &self.account.security_groups;
        let group = groups
            .iter()
            .find(|group| Some(&group.group_id) == item.physical_id.as_ref());
        let Some(group) = group.filter(|_| item.kind == "AWS::EC2::SecurityGroup") else {
            return false;
        };
        let differs = |key: &str, found: &str| {
            let wanted = self.text(item.property(key)).ok().flatten();
            !found.is_empty() && wanted.is_some_and(|wanted| wanted != found)
        };
        differs("GroupName", &group.group_name)
            || differs("GroupDescription", &group.description)
            || differs("VpcId", &group.vpc_id)
    }

    /// Notes what may be deleted because the condition of a resource is false.
    fn leave_out(&mut self, stack: Option<&str>, resource: &Resource) {
        let Resource {
            logical_id,
            kind,
            properties,
            ..
        } = resource;
        let is_rule = direction(kind).is_some();
        let ids: Vec<Option<String>> = if is_rule {
            vec![None]
        } else if KINDS.contains(&kind.as_str()) {
            let found = match physical_id(&self.account, stack, logical_id, kind, properties) {
                Ok(found) => found.into_iter().collect(),
                Err(_) => tagged_as(&self.account, stack, logical_id, kind),
            };
            let is_its_own = |id: &String| {
                let mut items = self.items.iter();
                !items.any(|item| item.kind == *kind && item.physical_id.as_ref() == Some(id))
                    && of_another(&self.account, stack, (logical_id, kind), id).is_none()
            };
            found.into_iter().filter(is_its_own).map(Some).collect()
        } else {
            Vec::new()
        };
        for physical_id in ids {
            let what = match &physical_id {
                Some(id) => format!("{} {id}", word(kind)),
                None => "its rule".to_owned(),
            };
            self.items.push(Item {
                placeholder: placeholder("", self.items.len()),
                doubt: Some(format!(
                    "the condition of {logical_id} is false: {what} is deleted if the stack has it, unless it is retained"
                )),
                kind: kind.clone(),
                action: Action::Delete,
                is_retained: false,
                physical_id,
                before: is_rule.then(|| properties.clone()),
                after: Properties::new(),
                logical_id: logical_id.clone(),
            });
        }
    }

    /// Notes what the stack has, and the template has not.
    fn miss(&mut self, stack: &str) {
        let named: Vec<(&str, String, String)> = KINDS
            .into_iter()
            .flat_map(|kind| tagged(&self.account, kind).into_iter().map(move |found| (kind, found)))
            .filter(|(_, (_, tags))| tag(tags, STACK) == Some(stack))
            .filter_map(|(kind, (id, tags))| Some((kind, tag(tags, LOGICAL)?.to_owned(), id.clone())))
            .collect();
        for (kind, logical_id, id) in named {
            if self.items.iter().any(|item| item.logical_id == logical_id) {
                continue;
            }
            let number = self.items.len();
            self.items.push(Item {
                placeholder: placeholder("", number),
                doubt: Some(format!(
                    "stack {stack} has {} {id} as {logical_id}, and the template has not: it is deleted, unless it is retained",
                    word(kind)
                )),
                kind: kind.to_owned(),
                action: Action::Delete,
                is_retained: false,
                physical_id: Some(id),
                before: None,
                after: Properties::new(),
                logical_id,
            });
        }
    }

    /// A single value as a text; none where it is not set.
    pub(super) fn text(&self, value: &Value) -> Known<Option<String>> {
        match value {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Flag(flag) => Ok(Some(flag.to_string())),
            Value::Nothing => Ok(None),
            Value::Unknown(why) => Err(why.clone()),
            Value::Of { resource, attribute } => self.attribute(resource, attribute.as_deref()).map(Some),
            Value::List(_) | Value::Table(_) => Err("it is no single value".to_owned()),
        }
    }

    /// A property that has to be there.
    pub(super) fn needed(&self, item: &Item, key: &str) -> Known<String> {
        let text = self.text(item.property(key))?;
        text.ok_or_else(|| format!("{} has no {key}", item.logical_id))
    }

    fn attribute(&self, logical_id: &str, attribute: Option<&str>) -> Known<String> {
        let unknown = || {
            let attribute = attribute.map(|attribute| format!(".{attribute}")).unwrap_or_default();
            format!("{logical_id}{attribute} is known only after the deployment")
        };
        let item = self.items.iter().find(|item| item.logical_id == logical_id);
        let item = item.ok_or_else(unknown)?;
        let own = match item.kind.as_str() {
            "AWS::EC2::SecurityGroup" => ["GroupId", "Id"],
            "AWS::EC2::VPC" => ["VpcId", "VpcId"],
            "AWS::EC2::Subnet" => ["SubnetId", "SubnetId"],
            "AWS::EC2::RouteTable" => ["RouteTableId", "RouteTableId"],
            "AWS::EC2::NetworkAcl" | "AWS::EC2::VPCPeeringConnection" => ["Id", "Id"],
            "AWS::RDS::DBCluster" => ["DBClusterIdentifier", "DBClusterIdentifier"],
            "AWS::RDS::DBProxy" => ["DBProxyName", "DBProxyName"],
            _ => ["", ""],
        };
        let is_id = attribute.is_none_or(|attribute| own.contains(&attribute));
        if is_id {
            return Ok(match computers::name_key(&item.kind) {
                // A name is known before it is there.
                Some(key) if item.physical_id.is_none() || item.creates() => self
                    .text(item.property(key))?
                    .unwrap_or_else(|| item.placeholder.clone()),
                _ => item.id().to_owned(),
            });
        }
        if let ("AWS::EC2::VPC", Some("DefaultSecurityGroup")) = (item.kind.as_str(), attribute) {
            let mut groups = self.account.security_groups.iter();
            let default = groups.find(|group| group.vpc_id == item.id() && group.group_name == "default");
            return default.map(|group| group.group_id.clone()).ok_or_else(unknown);
        }
        Err(unknown())
    }

    /// A list of ids; none where it is not set.
    pub(super) fn ids(&self, value: &Value) -> Option<Ids> {
        if *value == Value::Nothing {
            return None;
        }
        let mut ids = Ids::default();
        for element in value.elements() {
            match self.text(element) {
                Ok(Some(id)) => ids.ids.push(id),
                Ok(None) => {}
                Err(why) => ids.more = Some(why),
            }
        }
        Some(ids)
    }
}

/// Whether a value is none: RDS takes an empty list so, too.
fn is_nothing(value: &Value) -> bool {
    *value == Value::Nothing || *value == Value::List(Vec::new())
}

const STACK: &str = "aws:cloudformation:stack-name";
const LOGICAL: &str = "aws:cloudformation:logical-id";

fn tag<'t>(tags: &'t [Tag], key: &str) -> Option<&'t str> {
    let tag = tags.iter().find(|tag| tag.key == key)?;
    Some(&tag.value)
}

/// The types of which the account document has tags.
const KINDS: [&str; 7] = [
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::RouteTable",
    "AWS::Lambda::Function",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBProxy",
];

/// The resources of such a type, by their ids or names, with their tags.
fn tagged<'a>(account: &'a AccountDocument, kind: &str) -> Vec<(&'a String, &'a [Tag])> {
    fn of<'a, T>(all: &'a [T], each: impl Fn(&'a T) -> (&'a String, &'a Vec<Tag>)) -> Vec<(&'a String, &'a [Tag])> {
        let each = all.iter().map(each);
        each.map(|(id, tags)| (id, tags.as_slice())).collect()
    }
    match kind {
        "AWS::EC2::SecurityGroup" => of(&account.security_groups, |group| (&group.group_id, &group.tags)),
        "AWS::EC2::Subnet" => of(&account.subnets, |subnet| (&subnet.subnet_id, &subnet.tags)),
        "AWS::EC2::RouteTable" => of(&account.route_tables, |table| (&table.route_table_id, &table.tags)),
        "AWS::Lambda::Function" => of(&account.functions, |function| (&function.function_name, &function.tags)),
        "AWS::RDS::DBCluster" => of(&account.db_clusters, |cluster| (&cluster.id, &cluster.tag_list)),
        "AWS::RDS::DBInstance" => of(&account.db_instances, |instance| (&instance.id, &instance.tag_list)),
        "AWS::RDS::DBProxy" => of(&account.db_proxies, |proxy| (&proxy.name, &proxy.tags)),
        _ => Vec::new(),
    }
}

fn word(kind: &str) -> &'static str {
    match kind {
        "AWS::EC2::SecurityGroup" => "group",
        "AWS::EC2::Subnet" => "subnet",
        "AWS::EC2::RouteTable" => "route table",
        "AWS::Lambda::Function" => "function",
        "AWS::RDS::DBCluster" => "cluster",
        "AWS::RDS::DBInstance" => "instance",
        _ => "proxy",
    }
}

fn placeholder(kind: &str, number: usize) -> String {
    let prefix = match kind {
        "AWS::EC2::SecurityGroup" => "sg",
        "AWS::EC2::Subnet" => "subnet",
        "AWS::EC2::VPC" => "vpc",
        "AWS::EC2::NetworkAcl" => "acl",
        "AWS::EC2::RouteTable" => "rtb",
        "AWS::EC2::VPCPeeringConnection" => "pcx",
        _ => "id",
    };
    format!("{prefix}-planned{number:05}")
}

/// The resources of the account that have the logical id of a template's resource in their tags.
fn tagged_as(account: &AccountDocument, stack: Option<&str>, logical_id: &str, kind: &str) -> Vec<String> {
    let is_it = |tags: &[Tag]| {
        tag(tags, LOGICAL) == Some(logical_id) && stack.is_none_or(|stack| tag(tags, STACK) == Some(stack))
    };
    let tagged = tagged(account, kind).into_iter().filter(|(_, tags)| is_it(tags));
    tagged.map(|(id, _)| id.clone()).collect()
}

/// Why a resource that was found for a template's is not known to be it: its tags say that it is another one.
fn of_another(
    account: &AccountDocument,
    stack: Option<&str>,
    (logical_id, kind): (&str, &str),
    id: &str,
) -> Option<String> {
    let mut tagged = tagged(account, kind).into_iter();
    let (_, tags) = tagged.find(|(found, _)| *found == id)?;
    let (of, as_id) = (tag(tags, STACK), tag(tags, LOGICAL));
    let is_other = stack.is_some() && of.is_some() && of != stack || as_id.is_some_and(|found| found != logical_id);
    is_other.then(|| {
        format!(
            "{} {id} is {} of stack {}, and cannot be {logical_id} of {}, too: what is done with it is not known",
            word(kind),
            as_id.unwrap_or("a resource"),
            of.unwrap_or("another name"),
            stack.map_or_else(|| "this template".to_owned(), |stack| format!("stack {stack}")),
        )
    })
}

/// The resource that a template's stands for, where it is there already: by its tags, by its name in the template, or by the
/// name that CloudFormation makes up of the stack's and its own.
fn physical_id(
    account: &AccountDocument,
    stack: Option<&str>,
    logical_id: &str,
    kind: &str,
    properties: &Properties,
) -> Known<Option<String>> {
    match tagged_as(account, stack, logical_id, kind).as_slice() {
        [id] => return Ok(Some(id.clone())),
        [_, _, ..] => {
            return Err(format!(
                "several resources have the logical id {logical_id}: name the stack with --stack"
            ));
        }
        [] => {}
    }
    let names: Vec<&String> = match kind {
        "AWS::Lambda::Function" => account
            .functions
            .iter()
            .map(|function| &function.function_name)
            .collect(),
        "AWS::RDS::DBCluster" => account.db_clusters.iter().map(|cluster| &cluster.id).collect(),
        "AWS::RDS::DBInstance" => account.db_instances.iter().map(|instance| &instance.id).collect(),
        "AWS::RDS::DBProxy" => account.db_proxies.iter().map(|proxy| &proxy.name).collect(),
        "AWS::RDS::DBSubnetGroup" => account.db_subnet_groups.iter().map(|group| &group.name).collect(),
        "AWS::EC2::SecurityGroup" => {
            let text = |key: &str| properties.get(key).and_then(Value::text);
            let (name, vpc) = (text("GroupName"), text("VpcId"));
            let groups = account.security_groups.iter();
            let groups = groups.filter(|group| Some(group.group_name.as_str()) == name);
            // Names are unique in a VPC. One in another VPC can be what is created anew.
            let group = groups.min_by_key(|group| vpc != Some(&group.vpc_id));
            return Ok(group.map(|group| group.group_id.clone()));
        }
        _ => return Ok(None),
    };
    let key = computers::name_key(kind).unwrap_or_default();
    match properties.get(key) {
        Some(Value::Text(name)) => {
            let found = names.into_iter().find(|found| found.eq_ignore_ascii_case(name));
            Ok(found.cloned())
        }
        Some(_) => Err(format!(
            "{key} of {logical_id} is not known: give the values of parameters with --parameter"
        )),
        None => {
            let Some(stack) = stack else {
                return Err(format!(
                    "which resource {logical_id} is, is not known: name the stack with --stack"
                ));
            };
            // RDS keeps names in small letters; names of stacks, and of functions, differ by case.
            let mut beginning = format!("{stack}-{logical_id}-");
            if kind != "AWS::Lambda::Function" {
                beginning.make_ascii_lowercase();
            }
            let mut made = names.into_iter().filter(|name| name.starts_with(&beginning));
            match (made.next(), made.next()) {
                (found, None) => Ok(found.cloned()),
                (_, Some(_)) => Err(format!(
                    "several resources are named {beginning}…: which one {logical_id} is, is not known"
                )),
            }
        }
    }
}

/// A change set, as `aws cloudformation describe-change-set` prints it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeSet {
    #[serde(default)]
    changes: Vec<Change>,
    pub(super) next_token: Option<String>,
    stack_id: Option<String>,
    #[serde(rename = "ChangeSetId")]
    id: Option<String>,
    status: Option<String>,
    execution_status: Option<String>,
    status_reason: Option<String>,
}

/// What CloudFormation says of a change set that has failed because it would change nothing.
const NO_CHANGES: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    resource_change: Option<ResourceChange>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceChange {
    action: String,
    #[serde(default)]
    policy_action: Option<String>,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    resource_type: String,
    replacement: Option<String>,
    before_context: Option<String>,
    after_context: Option<String>,
}

impl ChangeSet {
    /// The ARN by which it says of which account and Region it is.
    pub(super) fn arn(&self) -> Option<&str> {
        self.stack_id.as_deref().or(self.id.as_deref())
    }

    /// Why it does not say what would be changed, if it does not.
    pub(super) fn not_ready(&self) -> Option<String> {
        let reason = self.status_reason.as_deref().unwrap_or("no reason is given");
        match self.status.as_deref() {
            Some("FAILED") if self.changes.is_empty() && NO_CHANGES.iter().any(|words| reason.contains(words)) => None,
            Some("FAILED") => Some(format!("its status is FAILED: {reason}")),
            None | Some("CREATE_COMPLETE") => match self.execution_status.as_deref() {
                Some(status @ ("OBSOLETE" | "EXECUTE_FAILED")) => Some(format!("its execution status is {status}")),
                _ => None,
            },
            Some(status) => Some(format!("its status is {status}")),
        }
    }

    /// Whether property values are missing.
    pub(super) fn lacks_values(&self) -> bool {
        let mut changes = self.changes.iter().filter_map(|change| change.resource_change.as_ref());
        changes.any(|change| match change.action.as_str() {
            "Add" | "Modify" => change.after_context.is_none(),
            _ => false,
        })
    }

    /// The resources that it changes.
    pub fn stack(&self, account: AccountDocument) -> Stack {
        let mut unread = Vec::new();
        // Its file is refused; who has read it otherwise learns nothing from it.
        unread.extend(self.not_ready().map(|why| ("the change set".to_owned(), why)));
        let changes = self.changes.iter().filter_map(|change| change.resource_change.as_ref());
        let mut items = Vec::new();
        for (number, change) in changes.enumerate() {
            let mut doubt = None;
            let replaces = change.replacement.as_deref();
            let is_retained = change
                .policy_action
                .as_deref()
                .is_some_and(|action| action.contains("Retain"));
            let action = match (change.action.as_str(), replaces) {
                ("Add", _) => Action::Create,
                ("Modify", Some("True")) => Action::Replace,
                ("Modify", replaces) => {
                    if replaces == Some("Conditional") {
                        doubt = Some(format!(
                            "whether {} is replaced is not known",
                            change.logical_resource_id
                        ));
                    }
                    Action::Change
                }
                ("Remove", _) if is_retained => Action::Stay,
                ("Remove", _) => Action::Delete,
                ("Import" | "SyncWithActual", _) => Action::Stay,
                (other, _) => {
                    let why = format!("what is done with {} is not known: {other}", change.logical_resource_id);
                    unread.push((change.logical_resource_id.clone(), why));
                    continue;
                }
            };
            let properties = |context: &Option<String>| {
                let context = context.as_deref()?;
                let context: Json = serde_json::from_str(context).ok()?;
                Some(match of_json(context.get("Properties").unwrap_or(&Json::Null)) {
                    Value::Table(properties) => properties,
                    _ => Properties::new(),
                })
            };
            let physical_id = change.physical_resource_id.clone().filter(|id| !id.is_empty());
            items.push(Item {
                logical_id: change.logical_resource_id.clone(),
                kind: change.resource_type.clone(),
                physical_id: physical_id.filter(|_| action != Action::Create),
                placeholder: placeholder(&change.resource_type, number),
                action,
                doubt,
                is_retained,
                before: Some(properties(&change.before_context).unwrap_or_default()),
                after: properties(&change.after_context).unwrap_or_default(),
            });
        }
        Stack {
            items,
            unread,
            unfound: None,
            account,
        }
    }
}

fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nothing,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => Value::Text(number.to_string()),
        Json::String(text) if text.contains(LATER) => {
            Value::Unknown("it is known only after the deployment".to_owned())
        }
        Json::String(text) if text == "****" => Value::Unknown("it is a value that is not shown".to_owned()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(values) => Value::List(values.iter().map(of_json).collect()),
        Json::Object(fields) => Value::Table(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), of_json(value)))
                .collect(),
        ),
    }
}
