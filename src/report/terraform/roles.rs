//! Roles, their policies, and secrets.

use super::{
    Block, Expression, InlinePolicy, Item, Reference, RoleRef, Writer, created, ignoring, last_segment, tags_of,
};
use crate::export::{Attachment, Role, Secret};
use crate::model::MAX_SESSION;

/// What the provider sets on an import and AWS does not keep.
const OF_DELETION: [&str; 2] = ["recovery_window_in_days", "force_overwrite_replica_secret"];

impl Writer<'_> {
    pub(super) fn secrets(&mut self) -> Vec<Item> {
        let secrets: &[Secret] = &self.export.secrets;
        let mut parts = Vec::new();
        for secret in secrets {
            let label = self.secrets.get(secret.arn.as_str()).cloned().unwrap_or_default();
            let mut block = Block::new("resource", &["aws_secretsmanager_secret", &label]);
            block.set("name", Expression::text(&secret.name));
            block.set_text("description", secret.description.as_deref());
            block.set_text("kms_key_id", secret.kms_key.as_deref());
            if let Some(tags) = tags_of(&secret.tags) {
                block.part(tags);
            }
            block.nest(ignoring(&OF_DELETION));
            parts.push(Item::Comment(
                "User name and password are not part of an export: give the secret its value outside of Terraform."
                    .to_owned(),
            ));
            parts.push(Item::Block(block));
            if secret.exists {
                self.import(&format!("aws_secretsmanager_secret.{label}"), &secret.arn);
            }
        }
        parts
    }

    pub(super) fn roles(&mut self) -> Vec<Item> {
        let export = self.export;
        let mut parts = Vec::new();
        for role in &export.roles {
            parts.push(self.role(role));
            let of_role = |policy: &&InlinePolicy| policy.role == RoleRef::Exported(role.name.clone());
            for policy in export.policies.iter().filter(of_role) {
                parts.push(self.policy(policy));
            }
            for attachment in export.attachments.iter().filter(|found| found.role == role.name) {
                parts.push(self.attachment(attachment));
            }
        }
        for policy in &export.policies {
            if matches!(policy.role, RoleRef::Other(_)) {
                parts.push(self.policy(policy));
            }
        }
        parts
    }

    fn role(&mut self, role: &Role) -> Item {
        let label = self.role_label(&role.name);
        let mut block = Block::new("resource", &["aws_iam_role", &label]);
        block.set("name", Expression::text(&role.name));
        if role.path != "/" {
            block.set("path", Expression::text(&role.path));
        }
        block.set_text("description", role.description.as_deref());
        if let Some(seconds) = role.max_session.filter(|seconds| *seconds != MAX_SESSION) {
            block.set("max_session_duration", Expression::Number(seconds.to_string()));
        }
        block.set_text("permissions_boundary", role.boundary.as_deref());
        let trust = self.document(&role.trust);
        block.part(Item::Attribute("assume_role_policy".to_owned(), trust));
        if let Some(tags) = tags_of(&role.tags) {
            block.part(tags);
        }
        if role.exists {
            self.import(&format!("aws_iam_role.{label}"), &role.name);
        }
        Item::Block(block)
    }

    /// The label of an inline policy: its role and its name, without what all of ours have.
    fn policy_name(&self, policy: &InlinePolicy) -> String {
        let region = self.export.origin.region.as_deref().unwrap_or_default();
        let short = match policy.name.strip_prefix(&created::connect_policies_in(region)) {
            Some(rest) => format!("connect_{rest}"),
            None if policy.name.starts_with(&created::secret_policy("")) => "secret".to_owned(),
            None => policy
                .name
                .strip_prefix(created::POLICIES)
                .unwrap_or(&policy.name)
                .to_owned(),
        };
        let role = match &policy.role {
            RoleRef::Exported(name) => self.role_label(name),
            RoleRef::Other(_) => policy.role_name.clone(),
        };
        format!("{role}_{short}")
    }

    fn policy(&mut self, policy: &InlinePolicy) -> Item {
        let name = self.policy_name(policy);
        let label = self.other_label(
            "aws_iam_role_policy",
            &format!("{}:{}", policy.role_name, policy.name),
            &name,
        );
        let mut block = Block::new("resource", &["aws_iam_role_policy", &label]);
        block.set("name", Expression::text(&policy.name));
        let role = match &policy.role {
            RoleRef::Exported(name) => self.reference(&Reference::RoleName(name.clone())),
            RoleRef::Other(arn) => format!("{}.name", self.data("aws_iam_role", last_segment(arn), "name")),
        };
        block.set("role", Expression::Verbatim(role));
        let document = self.document(&policy.document);
        block.part(Item::Attribute("policy".to_owned(), document));
        if policy.exists {
            let id = format!("{}:{}", policy.role_name, policy.name);
            self.import(&format!("aws_iam_role_policy.{label}"), &id);
        }
        Item::Block(block)
    }

    fn attachment(&mut self, attachment: &Attachment) -> Item {
        let role = self.role_label(&attachment.role);
        let name = format!("{role}_{}", last_segment(&attachment.policy));
        let label = self.labels.take("aws_iam_role_policy_attachment", &name);
        let mut block = Block::new("resource", &["aws_iam_role_policy_attachment", &label]);
        block.set("role", Expression::Verbatim(format!("aws_iam_role.{role}.name")));
        block.set("policy_arn", Expression::text(&attachment.policy));
        if attachment.exists {
            let id = format!("{}/{}", attachment.role, attachment.policy);
            self.import(&format!("aws_iam_role_policy_attachment.{label}"), &id);
        }
        Item::Block(block)
    }

    /// The addresses of the policies of an exported role, which have to be there before the role is used.
    pub(super) fn policies_of(&mut self, role: &RoleRef) -> Vec<Expression> {
        let RoleRef::Exported(_) = role else { return Vec::new() };
        let export = self.export;
        let of_role = export.policies.iter().filter(|policy| policy.role == *role);
        let of_role: Vec<&InlinePolicy> = of_role.collect();
        let addresses = of_role.into_iter().map(|policy| {
            let name = self.policy_name(policy);
            let key = format!("{}:{}", policy.role_name, policy.name);
            let label = self.other_label("aws_iam_role_policy", &key, &name);
            Expression::Verbatim(format!("aws_iam_role_policy.{label}"))
        });
        addresses.collect()
    }
}
