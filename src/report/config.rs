//! What `config` prints: the settings in effect, and where each comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::SCHEMA_VERSION;
use super::style::{Style, line};

/// The settings in effect. It has no `account` and no `region` of its own: no account is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigDocument {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// Always `config`.
    #[schemars(extend("const" = "config"))]
    pub command: String,
    /// Every setting, and each default tag as `tags.KEY`.
    pub settings: Vec<ConfigSetting>,
    /// The files that were looked for. The first one that has a setting counts.
    pub files: Vec<ConfigFile>,
    /// Variables that begin with `AUTOCONNECT_` and are not settings.
    pub unknown_variables: Vec<String>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSetting {
    /// Its name, as it is in a file.
    pub name: String,
    /// Its value; null where the AWS configuration or the command that runs decides.
    pub value: Option<String>,
    /// What kind of source the value has.
    pub source: ConfigSource,
    /// The option, the variable or the file that it comes from; null for a default.
    pub from: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigSource {
    /// An option on the command line.
    CommandLine,
    /// A variable `AUTOCONNECT_*`.
    Variable,
    /// `autoconnect.toml` in the working folder.
    WorkingFolder,
    /// `autoconnect.toml` in the user's configuration folder.
    UserFolder,
    /// The AWS configuration: its variables and files, as for the AWS CLI.
    AwsConfiguration,
    /// The default of the program or of each command.
    Default,
    /// The setting has no effect with `--offline`.
    Offline,
}

/// A file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// Whether it exists.
    pub found: bool,
}

impl ConfigSetting {
    /// Where it comes from, for people.
    fn whence(&self) -> String {
        let from = self.from.as_deref().unwrap_or_default();
        match self.source {
            ConfigSource::CommandLine => format!("command line ({from})"),
            ConfigSource::Variable => format!("variable {from}"),
            ConfigSource::WorkingFolder | ConfigSource::UserFolder => from.to_owned(),
            ConfigSource::AwsConfiguration if from.is_empty() => "AWS configuration".to_owned(),
            ConfigSource::AwsConfiguration => format!("AWS configuration (variable {from})"),
            ConfigSource::Default if self.value.is_none() => "default of each command".to_owned(),
            ConfigSource::Default => "default".to_owned(),
            ConfigSource::Offline => "not used with --offline".to_owned(),
        }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

impl ConfigDocument {
    /// These settings, from these files.
    pub fn new(settings: Vec<ConfigSetting>, files: Vec<ConfigFile>, unknown_variables: Vec<String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            command: "config".to_owned(),
            settings,
            files,
            unknown_variables,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let value = |setting: &ConfigSetting| setting.value.clone().unwrap_or_else(|| "-".to_owned());
        let width = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or_default();
        let names = width(&mut self.settings.iter().map(|setting| setting.name.chars().count()));
        let names = names.max("setting".len());
        let values = width(&mut self.settings.iter().map(|setting| value(setting).chars().count()));
        let values = values.max("value".len());
        let heading = format!("{:names$}  {:values$}  source", "setting", "value");
        line(&mut text, &format!("{BOLD}{heading}{BOLD:#}"));
        for setting in &self.settings {
            let (name, value, whence) = (&setting.name, value(setting), setting.whence());
            line(&mut text, &format!("{name:names$}  {value:values$}  {whence}"));
        }
        line(&mut text, "");
        line(&mut text, &format!("{BOLD}Files, in order of precedence{BOLD:#}"));
        if self.files.is_empty() {
            line(&mut text, &format!("  {DIM}none: there is no home folder{DIM:#}"));
        }
        let paths = width(&mut self.files.iter().map(|file| file.path.chars().count()));
        for file in &self.files {
            let found = if file.found { "found" } else { "not found" };
            line(&mut text, &format!("  {:paths$}  {DIM}{found}{DIM:#}", file.path));
        }
        for name in &self.unknown_variables {
            line(
                &mut text,
                &format!("{DIM}note:{DIM:#} {name} is not a setting, and has no effect"),
            );
        }
        text
    }
}
