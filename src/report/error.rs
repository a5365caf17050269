//! Errors as they are printed: for people and for scripts.

use std::error::Error;
use std::io::{self, Write};

use anstyle::AnsiColor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::saved_plan::PlanError;
use super::style::{Style, line};
use crate::manifest::ManifestError;
use crate::model::Origin;
use crate::monitor::Unreachable;
use crate::observe::ObserveError;
use crate::reconcile::{Applied, Failure, RunError};

/// What is printed with `--output json` when a command fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorDocument {
    /// The account; null where it was not known yet.
    pub account: Option<String>,
    /// The Region; null where it was not known yet.
    pub region: Option<String>,
    /// The error.
    pub error: ErrorBody,
}

/// An error as scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// Stable; listed in docs/errors.md.
    pub code: String,
    /// What was expected, and what was found.
    pub message: String,
    /// What to do next, where that can be said.
    pub hint: Option<String>,
    /// What was written before, in order.
    pub applied: Vec<Applied>,
    /// Why AWS refused a request, where it says so in an encoded message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
}

/// AWS's word on why it refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// As AWS sent it.
    pub encoded: String,
    /// As `sts:DecodeAuthorizationMessage` reads it, with `--decode-authorization`.
    pub decoded: Option<String>,
}

/// An error on its way out, with the exit status that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is printed.
    pub body: ErrorBody,
    /// Where it happened, as far as that was known.
    pub origin: Origin,
    /// Details that AWS gave, such as a request's id.
    pub details: Vec<String>,
    /// The exit status: 1, or 130 where the user ended the run.
    pub status: u8,
}

impl Report {
    /// An error that comes before anything was read or written.
    pub fn new(code: &str, error: &dyn Error, hint: Option<String>) -> Self {
        Self {
            body: ErrorBody {
                code: code.to_owned(),
                message: with_sources(error),
                hint,
                applied: Vec::new(),
                authorization: None,
            },
            origin: Origin::default(),
            details: Vec::new(),
            status: 1,
        }
    }

    /// Options that do not go together, or that change nothing.
    pub fn usage(message: &str, hint: &str) -> Box<Self> {
        let error = io::Error::other(message);
        Box::new(Self::new("usage", &error, Some(hint.to_owned())))
    }

    /// What a build without the adapter to AWS says.
    pub fn no_aws() -> Self {
        let error = io::Error::other("this build has no AWS support");
        let hint = "use an account file with --offline FILE, or build with the default features";
        Self::new("no-aws", &error, Some(hint.to_owned()))
    }

    /// A failed run.
    pub fn of_run(failure: &Failure) -> Self {
        let error = &failure.error;
        let call = match error {
            RunError::Cloud { source, .. } | RunError::Observe(ObserveError::Cloud(source)) => Some(source),
            _ => None,
        };
        let mut details = Vec::new();
        if let Some(id) = call.and_then(|call| call.request_id.as_ref()) {
            details.push(format!("AWS request id: {id}"));
        }
        if call.is_some_and(crate::cloud::CloudError::may_have_applied) {
            details.push("AWS may have executed this last call, although no response arrived".to_owned());
        }
        Self {
            body: ErrorBody {
                code: error.code().to_owned(),
                message: failure.to_string(),
                hint: error.hint(),
                applied: failure.applied.clone(),
                authorization: call
                    .and_then(|call| call.authorization.as_ref())
                    .map(|encoded| Authorization {
                        encoded: encoded.clone(),
                        decoded: None,
                    }),
            },
            origin: failure.origin.clone(),
            details,
            status: match error {
                RunError::Interrupted { .. } => 130,
                _ => 1,
            },
        }
    }

    /// Prints the error for people.
    ///
    /// # Errors
    ///
    /// The stream cannot be written to.
    pub fn write_text(&self, to: &mut impl Write) -> io::Result<()> {
        let ErrorBody {
            code,
            message,
            hint,
            applied,
            authorization,
        } = &self.body;
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        let mut text = String::new();
        line(&mut text, &format!("{red}error[{code}]{red:#}: {message}"));
        for detail in &self.details {
            line(&mut text, &format!("  {detail}"));
        }
        if let Some(decoded) = authorization.as_ref().and_then(|found| found.decoded.as_ref()) {
            writeln!(to, "  AWS's authorization message, decoded: {decoded}")?;
        }
        if !applied.is_empty() {
            line(&mut text, "  already written:");
        }
        for write in applied {
            let Applied {
                summary,
                action,
                resource,
            } = write;
            line(&mut text, &format!("    - {summary} ({action} {resource})"));
        }
        if let Some(hint) = hint {
            // Commands stand on lines of their own. None of them looks like the first line of an error.
            for (index, part) in hint.lines().enumerate() {
                match (index, part.starts_with("  ")) {
                    (0, _) => line(&mut text, &format!("{cyan}hint{cyan:#}: {part}")),
                    (_, true) => line(&mut text, part),
                    (_, false) => line(&mut text, &format!("  {part}")),
                }
            }
        }
        to.write_all(text.as_bytes())
    }

    /// The error for scripts.
    pub fn document(&self) -> ErrorDocument {
        let Origin { account, region } = self.origin.clone();
        ErrorDocument {
            account,
            region,
            error: self.body.clone(),
        }
    }
}

/// An account and Region of which nothing could be read.
impl From<&Unreachable> for Report {
    fn from(error: &Unreachable) -> Self {
        Self::new(error.code, error, error.hint.clone())
    }
}

impl From<&PlanError> for Report {
    fn from(error: &PlanError) -> Self {
        Self::new(error.code(), error, Some(error.hint().to_owned()))
    }
}

impl From<&ManifestError> for Report {
    fn from(error: &ManifestError) -> Self {
        Self::new("manifest", error, Some(error.hint().to_owned()))
    }
}

/// An error's text and those of its sources, each once.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
