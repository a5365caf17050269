//! What was read besides the account to know owners, and what they would deploy.

use std::collections::{BTreeMap, BTreeSet};

use super::{Owner, TerraformState};
use crate::model::SecurityGroup;

/// A state of Terraform, and templates of stacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// What Terraform has.
    pub terraform: Option<TerraformState>,
    /// The templates.
    pub templates: Vec<TemplateGroups>,
}

/// The security groups that a template gives to its functions, databases and proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateGroups {
    /// The file, as it was named.
    pub file: String,
    /// The stack that it is for; any that has a resource with a logical id of it where none was named.
    pub stack: Option<String>,
    /// By the logical id of a resource.
    pub resources: BTreeMap<String, TemplateList>,
    /// Why it may give further groups to resources, or have further resources.
    pub doubt: Option<String>,
}

/// The list of security groups that a template gives to a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateList {
    /// Those that it names by their ids.
    pub ids: BTreeSet<String>,
    /// Those that are resources of the template, by their logical ids.
    pub references: BTreeSet<String>,
    /// Why it may have others.
    pub doubt: Option<String>,
}

/// Whether a template gives a group to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InTemplate {
    /// It does.
    Has,
    /// It does not.
    Lacks,
    /// It has no such resource.
    NoResource,
    /// That is not known, and why.
    Unknown(String),
}

impl Sources {
    /// Whether the template of a resource's owner gives it a group, and the file of that template; none where no template is
    /// for it.
    pub fn in_template(&self, owner: &Owner, group: &SecurityGroup) -> Option<(&str, InTemplate)> {
        let (stack, id) = (owner.stack.as_ref()?, owner.logical_id.as_ref()?);
        let mut templates = self.templates.iter();
        let template = templates.find(|template| match &template.stack {
            Some(of) => of == stack,
            None => template.resources.contains_key(id),
        })?;
        Some((&template.file, template.gives(stack, id, group)))
    }
}

impl TemplateGroups {
    fn gives(&self, stack: &str, id: &str, group: &SecurityGroup) -> InTemplate {
        let unsure = |otherwise| self.doubt.clone().map_or(otherwise, InTemplate::Unknown);
        let Some(list) = self.resources.get(id) else {
            return unsure(InTemplate::NoResource);
        };
        let tag = |key: &str| group.tags.get(key).map(String::as_str);
        let is_of_stack = tag("aws:cloudformation:stack-name") == Some(stack);
        let own = tag("aws:cloudformation:logical-id").filter(|_| is_of_stack);
        if list.ids.contains(group.id.as_str()) || own.is_some_and(|own| list.references.contains(own)) {
            return InTemplate::Has;
        }
        match &list.doubt {
            Some(doubt) => InTemplate::Unknown(doubt.clone()),
            None => unsure(InTemplate::Lacks),
        }
    }
}
