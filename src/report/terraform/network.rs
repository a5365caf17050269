//! Security groups and their rules, and the lists of groups that others keep.

use super::{
    Block, Direction, Expression, Function, GroupRef, Item, OtherProxy, Writer, commented, ignoring, label, tags,
    tags_of,
};
use crate::export::{Database, Group, GroupRule, RulePeer};
use crate::model::{DatabaseKind, Protocol};

/// The attributes with the tag that `adopt` writes: it is there from birth, and put on what exists by `adopt`.
const OWNER_TAGS: [&str; 2] = ["tags[\"autoconnect:owner\"]", "tags_all[\"autoconnect:owner\"]"];

impl Writer<'_> {
    pub(super) fn security_groups(&mut self) -> Vec<Item> {
        let mut parts = Vec::new();
        let groups: &[Group] = &self.export.groups;
        for group in groups {
            parts.push(self.security_group(group));
            for rule in &group.rules {
                parts.extend(self.rule(group, rule));
            }
        }
        parts
    }

    fn security_group(&mut self, group: &Group) -> Item {
        let label = self.groups.get(&group.id).cloned().unwrap_or_default();
        let mut block = Block::new("resource", &["aws_security_group", &label]);
        block.set("name", Expression::text(&group.name));
        block.set("description", Expression::text(&group.description));
        let vpc = self.vpc(&group.vpc);
        block.set("vpc_id", vpc);
        let mut tags = group.tags.clone();
        tags.insert(tags::OWNER.to_owned(), "terraform".to_owned());
        if let Some(tags) = tags_of(&tags) {
            block.part(tags);
        }
        block.nest(ignoring(&OWNER_TAGS));
        if group.exists {
            self.import(&format!("aws_security_group.{label}"), group.id.as_str());
        }
        Item::Block(block)
    }

    fn rule(&mut self, group: &Group, rule: &GroupRule) -> Vec<Item> {
        let (kind, word) = match rule.direction {
            Direction::Ingress => ("aws_vpc_security_group_ingress_rule", "from"),
            Direction::Egress => ("aws_vpc_security_group_egress_rule", "to"),
        };
        let peer = match &rule.peer {
            RulePeer::Group(GroupRef::Exported(id)) => self.groups.get(id).cloned().unwrap_or_default(),
            RulePeer::Group(GroupRef::Other { id, name, .. }) => name.clone().unwrap_or_else(|| id.to_string()),
            RulePeer::Cidr(range) => match range.as_str() {
                "0.0.0.0/0" => "anywhere".to_owned(),
                "::/0" => "anywhere_ipv6".to_owned(),
                range => range.to_owned(),
            },
            RulePeer::PrefixList(list) => list.clone(),
        };
        let of = self.groups.get(&group.id).cloned().unwrap_or_default();
        let name = self
            .labels
            .take(kind, &format!("{of}_{word}_{}", label(&peer).trim_start_matches('_')));
        let mut block = Block::new("resource", &[kind, &name]);
        block.set("security_group_id", Expression::Verbatim(self.group_id(&group.id)));
        let (attribute, value) = match &rule.peer {
            RulePeer::Group(peer) => ("referenced_security_group_id", self.group(peer)),
            RulePeer::Cidr(range) if range.contains(':') => ("cidr_ipv6", Expression::text(range)),
            RulePeer::Cidr(range) => ("cidr_ipv4", Expression::text(range)),
            RulePeer::PrefixList(list) => ("prefix_list_id", Expression::text(list)),
        };
        block.set(attribute, value);
        block.set("ip_protocol", Expression::text(rule.protocol.as_api()));
        if let Some(ports) = rule.ports.filter(|_| rule.protocol != Protocol::All) {
            block.set("from_port", Expression::Number(ports.from.to_string()));
            block.set("to_port", Expression::Number(ports.to.to_string()));
        }
        block.set_text("description", rule.description.as_deref());
        if let Some(tags) = tags_of(&rule.tags) {
            block.part(tags);
        }
        let mut parts = Vec::new();
        match &rule.id {
            Some(id) => self.import(&format!("{kind}.{name}"), id),
            None if rule.exists => parts.push(Item::Comment(
                "The id of this rule was not read, so there is no import block for it.".to_owned(),
            )),
            None => {}
        }
        parts.push(Item::Block(block));
        parts
    }

    /// The lines for the owners of functions, databases and proxies, as comments.
    pub(super) fn owners(&mut self) -> Vec<Item> {
        let export = self.export;
        let of_functions = export.functions.iter().map(|function| self.of_function(function));
        let mut parts: Vec<Item> = of_functions.collect();
        parts.extend(export.databases.iter().map(|database| self.of_database(database)));
        parts.extend(export.other_proxies.iter().map(|proxy| self.of_proxy(proxy)));
        if parts.is_empty() {
            return parts;
        }
        let told = "Functions, databases and existing proxies are of other owners and not managed here. These lines go where each\nis managed. Without them, the next deployment there takes the groups off.";
        let mut all = vec![Item::Comment(told.to_owned())];
        all.extend(parts.into_iter().flat_map(|part| [Item::Blank, part]));
        all
    }

    /// Groups as their owner writes them: what is not exported by its id.
    fn list(&self, groups: &[GroupRef]) -> Expression {
        let one = |group: &GroupRef| match group {
            GroupRef::Exported(id) => Expression::Verbatim(self.group_id(id)),
            GroupRef::Other { id, .. } => Expression::text(id.as_str()),
        };
        Expression::List(groups.iter().map(one).collect())
    }

    fn of_function(&self, function: &Function) -> Item {
        let mut config = Block::new("vpc_config", &[]);
        let subnets = function.subnets.iter().map(|subnet| Expression::text(subnet.as_str()));
        config.set("subnet_ids", Expression::List(subnets.collect()));
        config.set("security_group_ids", self.list(&function.groups));
        if let Some(allowed) = function.ipv6_allowed.filter(|allowed| *allowed) {
            config.set("ipv6_allowed_for_dual_stack", Expression::Bool(allowed));
        }
        let mut lines = vec![Item::Block(config)];
        if let Some(super::RoleRef::Exported(name)) = &function.role {
            lines.insert(
                0,
                Item::Attribute(
                    "role".to_owned(),
                    Expression::Verbatim(format!("aws_iam_role.{}.arn", self.role_label(name))),
                ),
            );
            lines.insert(1, Item::Blank);
        }
        let title = format!("aws_lambda_function, function {}:", function.name);
        Item::Comment(format!("{title}\n{}", commented(&lines)))
    }

    fn of_database(&self, database: &Database) -> Item {
        let kind = match database.kind {
            DatabaseKind::Cluster => "aws_rds_cluster",
            DatabaseKind::Instance => "aws_db_instance",
        };
        let title = format!("{kind}, {} {}:", database.kind, database.id);
        self.of_groups(&title, &database.groups)
    }

    fn of_proxy(&self, proxy: &OtherProxy) -> Item {
        self.of_groups(&format!("aws_db_proxy, proxy {}:", proxy.name), &proxy.groups)
    }

    fn of_groups(&self, title: &str, groups: &[GroupRef]) -> Item {
        let line = Item::Attribute("vpc_security_group_ids".to_owned(), self.list(groups));
        Item::Comment(format!("{title}\n{}", commented(&[line])))
    }
}
