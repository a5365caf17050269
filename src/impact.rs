//! Which connections a reviewed change would break or open.
//!
//! Source: docs/impact.md. The change is applied to an account document ([`Future`]); the account before and the account after
//! are then judged like any other account, by `drift` and by `diagnose`. What is reported is the difference. What is not known
//! of the change stays beside the document as doubts, and decides whether the difference is certain.

mod cloudformation;
pub mod future;
mod judge;
mod openness;
mod rules;
mod terraform;

use std::path::Path as FilePath;

use autoconnect_core::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use future::Future;
pub use judge::{Named, judge};

use thiserror::Error;

use crate::account::AccountDocument;
use crate::drift::Verdict;
use crate::template::{Inputs, Template};
pub use cloudformation::{ChangeSet, CloudFormationError, Stack};
pub use terraform::{NoPlan, Plan, TerraformError};

// The worst first.
words! {
    /// What a change does to a connection.
    pub enum Effect {
        /// The function no longer reaches the database.
        Breaks = "breaks",
        /// The internet, or a wide range of it, is let in.
        Opened = "opened",
        /// It depends on what is not known.
        Unknown = "unknown",
        /// The function reaches the database, which it did not before.
        Repaired = "repaired",
        /// None of these.
        None = "none",
    }
}

words! {
    /// Whether a function reaches a database.
    pub enum Path {
        /// Nothing that was read stands in the way.
        Open = "open",
        /// A check of `diagnose` fails.
        Blocked = "blocked",
        /// The function, the database or the proxy does not exist.
        Missing = "missing",
        /// It cannot be told.
        Unknown = "unknown",
    }
}

/// How a connection stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The verdict of `drift`; null where the change gives no account that could be judged.
    pub verdict: Option<Verdict>,
    /// Whether the function reaches the database.
    pub path: Path,
}

/// What a change does to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConnectionImpact")]
pub struct Judged {
    /// What it is called: in the manifest, or by its id. A database or proxy without a connection is there only if it is opened.
    pub name: String,
    /// The worst effect.
    pub effect: Effect,
    /// Further effects, less bad ones.
    pub also: Vec<Effect>,
    /// What has the effect: the address of a resource in the plan, or its logical id in the template.
    pub by: Vec<String>,
    /// Why, in sentences.
    pub why: Vec<String>,
    /// How it stands now.
    pub before: Standing,
    /// How it will stand.
    pub after: Standing,
}

/// A reviewed change.
#[derive(Clone, Debug)]
pub enum Change {
    /// A plan of Terraform.
    Terraform(Box<Plan>),
    /// A template, and the name of its stack.
    Template(Box<Template>, Option<String>),
    /// A change set.
    ChangeSet(Box<ChangeSet>),
}

/// Why a change cannot be used.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// It is no plan of Terraform.
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    /// It is no template and no change set.
    #[error(transparent)]
    CloudFormation(#[from] CloudFormationError),
}

impl ChangeError {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Terraform(_) => "terraform-plan",
            Self::CloudFormation(_) => "template",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Terraform(error) => error.hint(),
            Self::CloudFormation(error) => error.hint(),
        }
    }
}

impl Change {
    /// Reads a plan of Terraform.
    ///
    /// # Errors
    ///
    /// It is none, or cannot be read.
    pub fn of_terraform(path: &FilePath) -> Result<Self, ChangeError> {
        Ok(Self::Terraform(Box::new(terraform::load(path)?)))
    }

    /// Reads a template or a change set of CloudFormation.
    ///
    /// # Errors
    ///
    /// It is neither, or cannot be read.
    pub fn of_cloudformation(path: &FilePath, inputs: &Inputs) -> Result<Self, ChangeError> {
        let stack = inputs.stack.as_deref();
        let stack = stack
            .map(|stack| cloudformation::stack_name(stack, inputs))
            .transpose()?;
        if let Some(set) = cloudformation::change_set(path, inputs)? {
            return Ok(Self::ChangeSet(Box::new(set)));
        }
        let inputs = Inputs {
            stack,
            ..inputs.clone()
        };
        let template = Template::load(path, &inputs).map_err(CloudFormationError::from)?;
        Ok(Self::Template(Box::new(template), inputs.stack))
    }

    /// An account as the change will leave it, with what stands in it for ids that do not exist yet, and the address of each.
    pub fn applied(&self, account: AccountDocument) -> (Future, Vec<(String, String)>) {
        let mut future = Future::of(account.clone());
        let stack = match self {
            Self::Terraform(plan) => {
                terraform::apply(plan, &mut future);
                let names = plan.placeholders();
                let names = names.map(|(placeholder, address)| (placeholder.to_owned(), address.to_owned()));
                return (future, names.collect());
            }
            Self::Template(template, stack) => Stack::of_template(template, stack.as_deref(), account),
            Self::ChangeSet(set) => set.stack(account),
        };
        cloudformation::apply(&stack, &mut future);
        let names = stack.items.into_iter().map(|item| (item.placeholder, item.logical_id));
        (future, names.collect())
    }
}
