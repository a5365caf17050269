//! `autoconnect export`: connections as code, or as a picture.

mod code;
mod picture;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Ending;
use super::arguments::{ProxyChoice, Tag, add_default_tags, check_tags, parse_role, parse_secret, parse_user};
use super::connections::ConnectionsArgs;
use super::diagnose::Format;
use super::global::Global;
use super::session::{Work, on_account};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::report::Report;

const EXAMPLES: &str = "\
Write the connections of a database as Terraform files:
  autoconnect export --cluster orders --format terraform --out orders
Write what setup would make, for one function:
  autoconnect export --instance inventory --function stock-sync --format cdk \\
      --planned
Draw the security groups and rules of a database's connections:
  autoconnect export --cluster orders --format svg";

/// Options of `export`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Export {
    #[command(flatten)]
    of: ConnectionsArgs,
    /// The RDS Proxy between them (default: directly and through any proxy; planned: directly)
    #[arg(long, value_name = "none|NAME|new[:NAME]", requires = "function")]
    proxy: Option<ProxyChoice>,
    /// The output format
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: ExportFormat,
    /// Write files to this folder, which is created if it does not exist, instead of one document to standard output (`-`)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also write what exists to this file, for the option of this name of a CloudFormation change set
    #[arg(long, value_name = "FILE")]
    resources_to_import: Option<PathBuf>,
    /// Also export what does not exist yet: what `setup` would make of these connections
    #[arg(long, conflicts_with = "all")]
    planned: bool,
    #[command(flatten)]
    wishes: Wishes,
}

/// What is planned, as in `setup`.
#[derive(Clone, Debug, Args)]
struct Wishes {
    /// The secret with which a new proxy logs in, as in `setup`
    #[arg(long, value_name = "SECRET", value_parser = parse_secret, help_heading = "Planned connections")]
    secret: Option<String>,
    /// The user of the database, as in `setup`
    #[arg(long, value_name = "USER", value_parser = parse_user, help_heading = "Planned connections")]
    db_user: Option<String>,
    /// How a new proxy logs in to the database, as in `setup`: secret or iam
    #[arg(
        long,
        value_name = "AUTH",
        requires = "planned",
        help_heading = "Planned connections"
    )]
    proxy_auth: Option<String>,
    /// The role of a new proxy, as in `setup`
    #[arg(long, value_name = "ARN", value_parser = parse_role, help_heading = "Planned connections")]
    proxy_role: Option<String>,
    /// Whether clients of the proxy must use IAM, as in `setup`: required or disabled
    #[arg(
        long,
        value_name = "WHETHER",
        requires = "planned",
        help_heading = "Planned connections"
    )]
    iam_auth: Option<String>,
    /// Attach a function that is in no VPC, as in `setup`
    #[arg(long, help_heading = "Planned connections")]
    attach_vpc: bool,
    /// A tag for what is created; may be repeated
    #[arg(
        long = "tag",
        value_name = "K=V",
        requires = "planned",
        help_heading = "Planned connections"
    )]
    tags: Vec<Tag>,
}

impl Wishes {
    /// Whether anything is wished.
    fn any(&self) -> bool {
        let texts = [
            &self.secret,
            &self.db_user,
            &self.proxy_auth,
            &self.proxy_role,
            &self.iam_auth,
        ];
        self.attach_vpc || !self.tags.is_empty() || texts.iter().any(|text| text.is_some())
    }
}

/// What connections are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Terraform, with import blocks for what exists
    Terraform,
    /// An AWS CloudFormation template, for an import of what exists
    #[value(name = "cloudformation")]
    CloudFormation,
    /// A stack of the AWS CDK in TypeScript, which makes the same template
    Cdk,
    /// A flowchart of Mermaid
    Mermaid,
    /// A graph of Graphviz
    Dot,
    /// An SVG file
    Svg,
}

/// What an export becomes.
enum Form {
    Code(CodeFormat),
    Picture(Format),
}

/// The code that connections are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CodeFormat {
    Terraform,
    CloudFormation,
    Cdk,
}

impl ExportFormat {
    fn form(self) -> Form {
        match self {
            Self::Terraform => Form::Code(CodeFormat::Terraform),
            Self::CloudFormation => Form::Code(CodeFormat::CloudFormation),
            Self::Cdk => Form::Code(CodeFormat::Cdk),
            Self::Mermaid => Form::Picture(Format::Mermaid),
            Self::Dot => Form::Picture(Format::Dot),
            Self::Svg => Form::Picture(Format::Svg),
        }
    }

    /// Whether CloudFormation deploys it.
    fn is_stack(self) -> bool {
        matches!(self, Self::CloudFormation | Self::Cdk)
    }
}

fn usage(wrong: &str) -> Box<Report> {
    Report::usage(wrong, "see `autoconnect export --help`")
}

impl Export {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        on_account(self, global)
    }

    /// Adds the default tags to what is planned.
    pub fn add_tags(&mut self, defaults: &[Tag]) {
        if self.planned {
            add_default_tags(&mut self.wishes.tags, defaults);
        }
    }

    fn check_usage(&self) -> Result<(), Box<Report>> {
        check_tags(&self.wishes.tags)?;
        let is_drawn = matches!(self.format.form(), Form::Picture(_));
        let is_new = self.of.function.as_ref().is_some_and(|function| function.is_new)
            || matches!(self.proxy, Some(ProxyChoice::New(_)));
        let wrong = if is_drawn && self.out.is_some() {
            "--out is for code: a picture goes to standard output"
        } else if self.resources_to_import.is_some() && !self.format.is_stack() {
            "--resources-to-import is for --format cloudformation and cdk"
        } else if is_new && !self.planned {
            "what does not exist yet is exported with --planned: else name --function NAME, --proxy NAME"
        } else if self.wishes.any() && !self.planned {
            "the options of planned connections go with --planned"
        } else if self.planned && self.of.function.is_none() && self.of.manifest.is_none() {
            "--planned is for one connection or a manifest: add --function or --manifest"
        } else {
            return Ok(());
        };
        Err(usage(wrong))
    }
}

impl Work for Export {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        match self.format.form() {
            Form::Picture(format) => Box::pin(self.picture(format, cloud, global, interrupt)).await,
            Form::Code(format) => Box::pin(self.code(format, cloud, global, interrupt)).await,
        }
    }
}
