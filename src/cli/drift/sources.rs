//! `--terraform-state` and `--template`: what is read besides the account, to know owners and what they would deploy.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use crate::cli::arguments::parse_terraform_state;
use crate::model::Origin;
use crate::monitor::{Accounts, Handle, Place, Survey, Unreachable};
use crate::observe::Proxies;
use crate::owner::{Sources, TemplateGroups, TemplateList, TerraformState};
use crate::report::Report;
use crate::template::{Inputs, Resource, Template, Value};

/// Options about the owners of resources.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// A Terraform state file, or the output of `terraform show -json`: names the resources that Terraform owns
    #[arg(long, value_name = "FILE", value_parser = parse_terraform_state, help_heading = "Stacks and Terraform")]
    terraform_state: Option<Arc<TerraformState>>,
    /// The template of a stack that owns resources, in YAML or JSON: reports groups that it does not have; may be repeated
    #[arg(long, value_name = "[STACK=]FILE", help_heading = "Stacks and Terraform")]
    template: Vec<TemplateFile>,
}

/// A template, with the stack that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TemplateFile {
    stack: Option<String>,
    path: String,
}

impl FromStr for TemplateFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_stack = |name: &str| {
            let rest = |c: char| c.is_ascii_alphanumeric() || c == '-';
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest)
        };
        let (stack, path) = match text.split_once('=') {
            Some((stack, path)) if is_stack(stack) => (Some(stack.to_owned()), path),
            _ => (None, text),
        };
        if path.is_empty() {
            return Err("expected a file, found nothing".to_owned());
        }
        Ok(Self {
            stack,
            path: path.to_owned(),
        })
    }
}

impl SourceArgs {
    /// Reads the files.
    pub fn read(&self) -> Result<Arc<Sources>, Box<Report>> {
        let templates = self.template.iter().map(TemplateFile::read);
        Ok(Arc::new(Sources {
            terraform: self.terraform_state.as_deref().cloned(),
            templates: templates.collect::<Result<_, _>>()?,
        }))
    }
}

impl TemplateFile {
    fn read(&self) -> Result<TemplateGroups, Box<Report>> {
        let inputs = Inputs {
            stack: self.stack.clone(),
            ..Inputs::default()
        };
        let template = Template::load(Path::new(&self.path), &inputs).map_err(|error| {
            let hint = "--template takes a template of CloudFormation or SAM, in YAML or JSON".to_owned();
            Box::new(Report::new("template", &error, Some(hint)))
        })?;
        let resources = template.resources.iter();
        let listed = resources.filter_map(|resource| Some((resource.logical_id.clone(), list(resource)?)));
        Ok(TemplateGroups {
            file: self.path.clone(),
            stack: self.stack.clone(),
            resources: listed.collect::<BTreeMap<_, _>>(),
            doubt: template.unread.first().map(|unread| unread.what.clone()),
        })
    }
}

/// The groups of a function, a database or a proxy; none for any other resource.
fn list(resource: &Resource) -> Option<TemplateList> {
    let of = |property: &str| resource.properties.get(property).unwrap_or(&Value::Nothing);
    let groups = match resource.kind.as_str() {
        "AWS::Lambda::Function" => of("VpcConfig").field("SecurityGroupIds"),
        "AWS::RDS::DBInstance" => of("VPCSecurityGroups"),
        "AWS::RDS::DBCluster" | "AWS::RDS::DBProxy" => of("VpcSecurityGroupIds"),
        _ => return None,
    };
    let mut list = TemplateList {
        doubt: resource.doubt.clone(),
        ..TemplateList::default()
    };
    for group in groups.elements() {
        match group {
            Value::Text(id) => {
                list.ids.insert(id.clone());
            }
            Value::Of { resource, .. } => {
                list.references.insert(resource.clone());
            }
            Value::Nothing => {}
            other => {
                let doubt = other.doubt().unwrap_or("a group of its list is no text");
                list.doubt.get_or_insert_with(|| doubt.to_owned());
            }
        }
    }
    Some(list)
}

/// Accounts whose owners are known by these sources, too.
pub struct Sourced<'a, A> {
    pub accounts: &'a A,
    pub sources: Arc<Sources>,
}

impl<A: Accounts> Accounts for Sourced<'_, A> {
    async fn survey(&self, place: &Place, proxies: &Proxies) -> Result<Survey, Unreachable> {
        let mut survey = self.accounts.survey(place, proxies).await?;
        survey.estate.set_sources(Arc::clone(&self.sources));
        Ok(survey)
    }

    async fn open(&self, place: &Place) -> Result<Handle<'_>, Unreachable> {
        self.accounts.open(place).await
    }

    async fn check(&self, place: &Place) -> Result<(), Unreachable> {
        self.accounts.check(place).await
    }

    fn home(&self, place: &Place) -> Origin {
        self.accounts.home(place)
    }
}
