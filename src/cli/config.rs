//! `autoconnect config`: the settings in effect, and where they come from.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use super::Ending;
use super::global::{Global, Output};
use super::output::{print, print_json};
use super::settings::{Environment, Setting, Settings, Source};
use crate::report::{ConfigDocument, ConfigFile, ConfigSetting, ConfigSource};

const EXAMPLES: &str = "\
Show the settings, and where each comes from:
  autoconnect config
The same for a run with this profile:
  autoconnect config --profile live --output json";

/// Options of `config`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Config {}

/// The value of an option that is on the command line.
pub fn explicit(matches: &ArgMatches, setting: Setting) -> Option<String> {
    let key = setting.key();
    // Not every command has each option.
    let is_known = matches.try_contains_id(key).is_ok();
    if !is_known || matches.value_source(key) != Some(ValueSource::CommandLine) {
        return None;
    }
    let value = matches.get_raw(key)?.next_back()?;
    Some(value.to_string_lossy().into_owned())
}

fn source(source: &Source) -> (ConfigSource, Option<String>) {
    let kind = match source {
        Source::Variable(_) => ConfigSource::Variable,
        Source::WorkingFolder(_) => ConfigSource::WorkingFolder,
        Source::User(_) => ConfigSource::UserFolder,
    };
    (kind, Some(source.to_string()))
}

/// The built-in value.
fn default(setting: Setting, environment: &Environment) -> (Option<String>, ConfigSource, Option<String>) {
    match setting {
        Setting::Region | Setting::Profile => {
            let (name, value) = environment.of_aws(setting).unzip();
            (value, ConfigSource::AwsConfiguration, name.map(str::to_owned))
        }
        Setting::Timeout => (None, ConfigSource::Default, None),
        Setting::Output | Setting::LogFormat => (Some("text".to_owned()), ConfigSource::Default, None),
        Setting::Color => (Some("auto".to_owned()), ConfigSource::Default, None),
    }
}

/// The settings for a run with these options.
fn document(settings: &Settings, matches: &ArgMatches, environment: &Environment, is_offline: bool) -> ConfigDocument {
    let row = |setting: Setting| {
        let is_of_aws = matches!(setting, Setting::Region | Setting::Profile);
        let (value, source, from) = match (explicit(matches, setting), settings.get(setting)) {
            (Some(value), _) => (Some(value), ConfigSource::CommandLine, Some(setting.option())),
            _ if is_of_aws && is_offline => (None, ConfigSource::Offline, None),
            (None, Some(set)) => {
                let (kind, from) = source(&set.source);
                (Some(set.value.clone()), kind, from)
            }
            (None, None) => default(setting, environment),
        };
        ConfigSetting {
            name: setting.key().to_owned(),
            value,
            source,
            from,
        }
    };
    let tags = settings.tags.iter().map(|set| {
        let (source, from) = source(&set.source);
        ConfigSetting {
            name: format!("tags.{}", set.value.key),
            value: Some(set.value.value.clone()),
            source,
            from,
        }
    });
    let files = settings.files.iter().map(|file| ConfigFile {
        path: file.source.to_string(),
        found: file.is_found,
    });
    ConfigDocument::new(
        Setting::ALL.into_iter().map(row).chain(tags).collect(),
        files.collect(),
        settings.unknown_variables.clone(),
    )
}

impl Config {
    /// Prints them. A table is not folded.
    #[expect(clippy::unused_self, reason = "it has no options of its own yet")]
    pub fn run(&self, global: &Global, settings: &Settings, matches: &ArgMatches, environment: &Environment) -> Ending {
        let document = document(settings, matches, environment, global.offline.is_some());
        match global.output {
            Output::Text => print(&document.text())?,
            Output::Json | Output::Ndjson | Output::Markdown => print_json(&document)?,
        }
        Ok(0)
    }
}
