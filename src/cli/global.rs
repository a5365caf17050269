//! The options that every command takes.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, ValueEnum};

use super::arguments::{parse_region, parse_url};

use crate::batch::AccountSource;
use crate::logging::LogFormat;
use crate::report::{AccountKind, SavedPlan};

/// The heading of these options in help.
pub const HEADING: &str = "Global options";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The AWS Region
    #[arg(long, global = true, value_name = "REGION", value_parser = parse_region, help_heading = HEADING)]
    pub region: Option<String>,
    /// The profile of the AWS configuration
    ///
    /// It takes precedence over credentials in the environment
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(),
          help_heading = HEADING)]
    pub profile: Option<String>,
    /// Override the endpoint URL
    ///
    /// Also in `AWS_ENDPOINT_URL`, and of one service in `AWS_ENDPOINT_URL_<SERVICE>`
    #[arg(long, global = true, value_name = "URL", value_parser = parse_url, help_heading = HEADING)]
    pub endpoint_url: Option<String>,
    /// Decode the message of a refused request
    ///
    /// AWS encodes why it refuses some requests; decoding it needs `sts:DecodeAuthorizationMessage`
    #[arg(long, global = true, help_heading = HEADING)]
    pub decode_authorization: bool,
    /// Use the account in a file, instead of AWS
    ///
    /// `autoconnect snapshot` makes such a file, in JSON; a run that applies changes writes them to it
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING,
          conflicts_with_all = ["region", "profile", "endpoint_url"])]
    pub offline: Option<PathBuf>,
    /// Form of the result
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = HEADING
    )]
    pub output: Output,
    /// Colours
    ///
    /// `NO_COLOR` in the environment is obeyed
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = HEADING
    )]
    pub color: Color,
    /// Log more, -vv still more
    ///
    /// -v logs state transitions, -vv each API call
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = HEADING)]
    pub verbose: u8,
    /// Show no progress, and log only errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = HEADING
    )]
    pub quiet: bool,
    /// Form of the log
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = HEADING
    )]
    pub log_format: LogFormat,
    /// The saved plan that `apply` carries out.
    #[arg(skip)]
    pub applies: Option<Arc<SavedPlan>>,
    /// The command with its options, as a saved plan keeps it.
    #[arg(skip)]
    pub arguments: Vec<String>,
}

impl Global {
    /// Whether the account is one of AWS or a file.
    pub fn place(&self) -> AccountKind {
        AccountKind::of(self.offline.as_deref())
    }
}

impl Global {
    /// Where the accounts of many connections are.
    pub fn account_source(&self) -> AccountSource {
        AccountSource {
            offline: self.offline.clone(),
            #[cfg(feature = "aws")]
            aws: self.configuration(),
        }
    }
}

#[cfg(feature = "aws")]
impl Global {
    /// Where the account is.
    pub fn configuration(&self) -> crate::aws::Configuration {
        crate::aws::Configuration {
            region: self.region.clone(),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            role_arn: None,
        }
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For scripts.
    Json,
    /// For logs: a line for each connection (`drift`), or for each event (`setup --manifest`)
    Ndjson,
    /// For the comment on a pull request
    Markdown,
}

impl Output {
    /// `--output` with these forms only, in place of the global option with all of them.
    pub fn option(forms: &'static [Self]) -> Arg {
        let names = forms.iter().filter_map(Self::to_possible_value);
        Arg::new("output")
            .long("output")
            .global(true)
            .value_name("FORM")
            .default_value("text")
            .help("Form of the result")
            .help_heading(HEADING)
            .value_parser(PossibleValuesParser::new(names).try_map(|name| Self::from_str(&name, false)))
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes this the choice for all streams.
    pub fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}
