//! Default values for options: `AUTOCONNECT_*` variables and the files `autoconnect.toml` (docs/configuration.md).
//!
//! Only the command line reads them. A file in the working folder may have come with a cloned repository, so it can set
//! nothing but values that options take, and a profile, Region or tag from it is reported on each run.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::arguments::{Tag, parse_region, parse_timeout};
use super::global::{Color, Output};
use crate::files;
use crate::logging::LogFormat;
use crate::manifest::{Lines, Mistake};
use crate::report::Report;

/// The name of the files.
const FILE: &str = "autoconnect.toml";

/// The most that is read of a file.
const LARGEST: u64 = 1 << 20;

/// What the variables begin with.
const PREFIX: &str = "AUTOCONNECT_";

/// The variable that holds tags, as `k=v,k=v`.
const TAGS: &str = "AUTOCONNECT_TAGS";

/// An option that can have a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    Region,
    Profile,
    Output,
    Timeout,
    Color,
    LogFormat,
}

impl Setting {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Region,
        Self::Profile,
        Self::Output,
        Self::Timeout,
        Self::Color,
        Self::LogFormat,
    ];

    /// The key in a file, which is also the option's id in the parser.
    pub fn key(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Profile => "profile",
            Self::Output => "output",
            Self::Timeout => "timeout",
            Self::Color => "color",
            Self::LogFormat => "log_format",
        }
    }

    /// The option.
    pub fn option(self) -> String {
        format!("--{}", self.key().replace('_', "-"))
    }

    /// The variable.
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.key().to_ascii_uppercase())
    }

    /// Reads a value as the option does.
    fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Region => parse_region(text).map(drop),
            Self::Profile if text.is_empty() => Err("expected the name of a profile, found nothing".to_owned()),
            Self::Profile => Ok(()),
            Self::Output => one_of::<Output>(text).map(drop),
            Self::Timeout => parse_timeout(text).map(drop),
            Self::Color => one_of::<Color>(text).map(drop),
            Self::LogFormat => one_of::<LogFormat>(text).map(drop),
        }
    }
}

/// One of the values that an option lists.
fn one_of<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let names = T::value_variants().iter().filter_map(T::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Where a default comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This variable.
    Variable(String),
    /// The file in the working folder.
    WorkingFolder(PathBuf),
    /// The file in the user's configuration folder.
    User(PathBuf),
}

impl Source {
    fn is_file(&self) -> bool {
        !matches!(self, Self::Variable(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::WorkingFolder(path) | Self::User(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A value and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    pub value: T,
    pub source: Source,
}

/// A file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedFor {
    pub source: Source,
    pub is_found: bool,
}

/// Defaults for options, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<Setting, Set<String>>,
    /// Each key is there once. Upper and lower case are the same.
    pub tags: Vec<Set<Tag>>,
    /// In their order of precedence.
    pub files: Vec<LookedFor>,
    /// Variables that begin like ours and are none of them.
    pub unknown_variables: Vec<String>,
    /// Variables of the AWS configuration that a profile or a Region from a file takes precedence over.
    overridden: Vec<(Setting, String)>,
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users can change a file.
    #[error("{} is not used: {what}", .path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// Who can change it.
        what: &'static str,
    },
    /// A file has mistakes.
    #[error("{}: {}", .path.display(), .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Mistaken {
        /// The file.
        path: PathBuf,
        /// All of its mistakes, or the first one in its shape.
        mistakes: Vec<Mistake>,
    },
    /// A variable has a value that the option does not take.
    #[error("{name}: {message}")]
    Variable {
        /// The variable.
        name: String,
        /// What was expected.
        message: String,
    },
}

impl From<&SettingsError> for Report {
    fn from(error: &SettingsError) -> Self {
        let hint = match error {
            SettingsError::Unsafe { path, .. } => format!(
                "review the file, then run: chmod o-w {}",
                crate::escape::word(path.display())
            ),
            SettingsError::Variable { name, .. } => format!("correct the variable, or run: unset {name}"),
            SettingsError::Unreadable { .. } | SettingsError::Mistaken { .. } => {
                "correct the file, or remove it; docs/configuration.md lists the settings".to_owned()
            }
        };
        Self::new("config", error, Some(hint))
    }
}

/// What settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    folder: Option<PathBuf>,
}

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        Self {
            variables: env::vars_os().collect(),
            folder: env::current_dir().ok(),
        }
    }

    /// A variable that is set to something.
    fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables
            .get(&OsString::from(name))
            .filter(|value| !value.is_empty())
    }

    /// A variable of the AWS configuration that names a profile or a Region.
    pub fn of_aws(&self, setting: Setting) -> Option<(&'static str, String)> {
        let names: &[&'static str] = match setting {
            Setting::Region => &["AWS_REGION", "AWS_DEFAULT_REGION"],
            Setting::Profile => &["AWS_PROFILE", "AWS_DEFAULT_PROFILE"],
            _ => &[],
        };
        names.iter().find_map(|name| {
            let value = self.variable(name)?.to_string_lossy();
            (!value.trim().is_empty()).then(|| (*name, value.into_owned()))
        })
    }

    /// The text of one of our variables.
    fn text(&self, name: &str) -> Result<Option<&str>, SettingsError> {
        let Some(value) = self.variable(name) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or_else(|| SettingsError::Variable {
            name: name.to_owned(),
            message: "expected text in UTF-8".to_owned(),
        })?;
        Ok(Some(text))
    }

    /// The files to look for, in their order of precedence.
    fn files(&self) -> Vec<Source> {
        let absolute = |name| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let windows = || absolute("APPDATA").filter(|_| cfg!(windows));
        let user = absolute("XDG_CONFIG_HOME")
            .or_else(windows)
            .or_else(|| Some(absolute("HOME")?.join(".config")))
            .map(|folder| folder.join("autoconnect").join(FILE));
        let local = self.folder.as_ref().map(|folder| folder.join(FILE));
        let local = local.filter(|local| user.as_ref() != Some(local));
        local
            .map(Source::WorkingFolder)
            .into_iter()
            .chain(user.map(Source::User))
            .collect()
    }
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    region: Option<Spanned<String>>,
    profile: Option<Spanned<String>>,
    output: Option<Spanned<String>>,
    timeout: Option<Spanned<String>>,
    color: Option<Spanned<String>>,
    log_format: Option<Spanned<String>>,
    #[serde(default)]
    tags: BTreeMap<Spanned<String>, Spanned<String>>,
}

impl Settings {
    /// Reads all variables and files. What comes first in the order of precedence counts, for each setting and each tag.
    ///
    /// # Errors
    ///
    /// A variable or a file has a mistake, also in a value that does not count; or a file cannot be read or trusted.
    pub fn read(environment: &Environment) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        settings.add_variables(environment)?;
        for source in environment.files() {
            let is_found = settings.add_file(&source)?;
            settings.files.push(LookedFor { source, is_found });
        }
        for setting in [Setting::Region, Setting::Profile] {
            let Some(set) = settings.get(setting).filter(|set| set.source.is_file()) else {
                continue;
            };
            let other = environment
                .of_aws(setting)
                .filter(|(_, other)| *other != set.value)
                .map(|(name, other)| format!("{name}={other}"));
            let has_keys = setting == Setting::Profile && environment.variable("AWS_ACCESS_KEY_ID").is_some();
            let keys = has_keys.then(|| "the credentials in AWS_ACCESS_KEY_ID".to_owned());
            let overridden = other.into_iter().chain(keys).map(|other| (setting, other));
            settings.overridden.extend(overridden);
        }
        Ok(settings)
    }

    /// Whether no option gets a default.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The default of an option.
    pub fn get(&self, setting: Setting) -> Option<&Set<String>> {
        self.values.get(&setting)
    }

    /// The default form of output.
    pub fn output(&self) -> Option<Output> {
        one_of(&self.get(Setting::Output)?.value).ok()
    }

    /// The form of output for an error where the settings cannot be used: the variable's, if that is right.
    pub fn output_of_variable(environment: &Environment) -> Option<Output> {
        one_of(environment.text(&Setting::Output.variable()).ok()??).ok()
    }

    /// The tags alone.
    pub fn tags(&self) -> Vec<Tag> {
        self.tags.iter().map(|set| set.value.clone()).collect()
    }

    /// What a person has to know before a run on AWS: that a profile, a Region or tags come from the working folder's file,
    /// or that a profile or a Region from any file takes precedence over the environment of AWS. `is_used` tells whether no
    /// option takes the setting's place, `has_tags` whether the command uses tags.
    pub fn notices(&self, is_used: impl Fn(Setting) -> bool, has_tags: bool) -> Vec<String> {
        let mut notices = Vec::new();
        let local = |source: &Source| match source {
            Source::WorkingFolder(path) => Some(path.display().to_string()),
            _ => None,
        };
        let mut parts = Vec::new();
        let mut file = None;
        for setting in [Setting::Profile, Setting::Region] {
            let Some(set) = self.get(setting).filter(|_| is_used(setting)) else {
                continue;
            };
            if let Some(path) = local(&set.source) {
                parts.push(format!("{} {}", setting.key(), set.value));
                file = Some(path);
            }
            for (_, other) in self.overridden.iter().filter(|(named, _)| *named == setting) {
                let key = setting.key();
                notices.push(format!("{key} {} from {} is used, not {other}", set.value, set.source));
            }
        }
        for set in self.tags.iter().filter(|_| has_tags) {
            if let Some(path) = local(&set.source) {
                parts.push(format!("tag {}={}", set.value.key, set.value.value));
                file = Some(path);
            }
        }
        if let Some(file) = file {
            notices.insert(0, format!("{file} sets {}", parts.join(", ")));
        }
        notices
    }

    /// A command with these as the defaults of its options. On an account in a file there is no Region or profile.
    pub fn onto(&self, command: clap::Command, is_offline: bool) -> clap::Command {
        let mut command = command;
        for (setting, set) in &self.values {
            let value = set.value.clone();
            command = match setting {
                Setting::Region | Setting::Profile if is_offline => command,
                Setting::Region | Setting::Profile | Setting::Color | Setting::LogFormat => {
                    command.mut_arg(setting.key(), |option| option.default_value(value))
                }
                // Not every command has each form.
                Setting::Output => command.mut_subcommands(|subcommand| {
                    let offers = |option: &clap::Arg| {
                        option.get_id() == "output"
                            && option.get_possible_values().iter().any(|form| form.get_name() == value)
                    };
                    let has_form = subcommand.get_arguments().any(offers);
                    with_default(subcommand, "output", &value, has_form)
                }),
                Setting::Timeout => with_timeout(command, &value),
            };
        }
        command
    }

    fn add_variables(&mut self, environment: &Environment) -> Result<(), SettingsError> {
        let mut known = vec![TAGS.to_owned()];
        for setting in Setting::ALL {
            let name = setting.variable();
            if let Some(text) = environment.text(&name)? {
                setting.check(text).map_err(|message| SettingsError::Variable {
                    name: name.clone(),
                    message,
                })?;
                self.set(setting, text, Source::Variable(name.clone()));
            }
            known.push(name);
        }
        if let Some(text) = environment.text(TAGS)? {
            let mistaken = |message| SettingsError::Variable {
                name: TAGS.to_owned(),
                message,
            };
            let tags: Result<Vec<Tag>, String> = text
                .split(',')
                .map(|part| part.trim().parse().map_err(|why| format!("\"{}\": {why}", part.trim())))
                .collect();
            let tags = tags.map_err(mistaken)?;
            if let Some(key) = twice(&tags) {
                return Err(mistaken(format!("the key {key} is there twice")));
            }
            self.add_tags(tags, &Source::Variable(TAGS.to_owned()));
        }
        self.unknown_variables = environment
            .variables
            .keys()
            .filter_map(|name| name.to_str())
            .filter(|name| name.starts_with(PREFIX) && !known.iter().any(|known| known == name))
            .map(str::to_owned)
            .collect();
        Ok(())
    }

    /// Whether there is such a file.
    fn add_file(&mut self, source: &Source) -> Result<bool, SettingsError> {
        let (Source::WorkingFolder(path) | Source::User(path)) = source else {
            return Ok(false);
        };
        let Some(text) = read_file(path)? else {
            return Ok(false);
        };
        let refused = |mistakes| SettingsError::Mistaken {
            path: path.clone(),
            mistakes,
        };
        let lines = Lines::of(&text);
        let text: Text = toml::from_str(&text).map_err(|error| refused(vec![of_shape(&lines, &error)]))?;
        let mut mistakes = Vec::new();
        let mut mistake = |place: usize, message: String| {
            mistakes.push(Mistake {
                spot: Some(lines.spot(place)),
                message,
            });
        };
        let values = [
            (Setting::Region, text.region),
            (Setting::Profile, text.profile),
            (Setting::Output, text.output),
            (Setting::Timeout, text.timeout),
            (Setting::Color, text.color),
            (Setting::LogFormat, text.log_format),
        ];
        let values: Vec<(Setting, Spanned<String>)> = values
            .into_iter()
            .filter_map(|(setting, value)| Some((setting, value?)))
            .collect();
        for (setting, value) in &values {
            if let Err(why) = setting.check(value.get_ref()) {
                mistake(value.span().start, format!("{}: {why}", setting.key()));
            }
        }
        let mut tags: Vec<Tag> = Vec::new();
        for (key, value) in &text.tags {
            let tag = if key.get_ref().contains('=') {
                Err("expected a key without =".to_owned())
            } else {
                format!("{}={}", key.get_ref(), value.get_ref()).parse()
            };
            match tag {
                Ok(tag) => tags.push(tag),
                Err(why) => mistake(key.span().start, format!("tags.{}: {why}", key.get_ref())),
            }
            if twice(&tags).is_some() {
                let same = format!("tags.{}: the key is there twice, in another case", key.get_ref());
                mistake(key.span().start, same);
                tags.pop();
            }
        }
        if !mistakes.is_empty() {
            return Err(refused(mistakes));
        }
        for (setting, value) in values {
            self.set(setting, value.get_ref(), source.clone());
        }
        self.add_tags(tags, source);
        Ok(true)
    }

    /// Sets what has no value yet.
    fn set(&mut self, setting: Setting, value: &str, source: Source) {
        self.values.entry(setting).or_insert_with(|| Set {
            value: value.to_owned(),
            source,
        });
    }

    /// Adds the tags whose keys have no value yet.
    fn add_tags(&mut self, tags: Vec<Tag>, source: &Source) {
        for tag in tags {
            if !self.tags.iter().any(|set| set.value.has_key_of(&tag)) {
                self.tags.push(Set {
                    value: tag,
                    source: source.clone(),
                });
            }
        }
    }
}

/// A mistake in the shape of a file.
fn of_shape(lines: &Lines, error: &toml::de::Error) -> Mistake {
    let message = error.message().trim().replace('\n', "; ");
    let message = if message.starts_with("unknown field `endpoint_url`") {
        "endpoint_url cannot be set in a file: use --endpoint-url or AWS_ENDPOINT_URL".to_owned()
    } else {
        message
    };
    Mistake {
        spot: error.span().map(|span| lines.spot(span.start)),
        message,
    }
}

/// A key that two tags have.
fn twice(tags: &[Tag]) -> Option<&str> {
    let is_again = |index: &usize| tags[..*index].iter().any(|before| before.has_key_of(&tags[*index]));
    let found = (0..tags.len()).find(is_again)?;
    Some(&tags[found].key)
}

fn with_default(command: clap::Command, option: &'static str, value: &str, is_for_it: bool) -> clap::Command {
    if is_for_it {
        command.mut_arg(option, |option| option.default_value(value.to_owned()))
    } else {
        command
    }
}

/// Every command that has `--timeout`, at any depth.
fn with_timeout(command: clap::Command, value: &str) -> clap::Command {
    let has_option = command.get_arguments().any(|option| option.get_id() == "timeout");
    with_default(command, "timeout", value, has_option).mut_subcommands(|subcommand| with_timeout(subcommand, value))
}

/// The text of a file, if there is one that only this user and the system's administrator, or its group, can change.
fn read_file(path: &Path) -> Result<Option<String>, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // A service may be unable to look into the folder of its user.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    // A pipe would be waited for.
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    let refused = |what| SettingsError::Unsafe {
        path: path.to_owned(),
        what,
    };
    if others_can_write(&metadata) {
        return Err(refused("all users of this computer can write to it"));
    }
    files::read_text(path, LARGEST).map(Some).map_err(unreadable)
}

#[cfg(unix)]
fn others_can_write(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn others_can_write(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A working folder and a home folder with these files.
    struct Folders {
        root: tempfile::TempDir,
        environment: Environment,
    }

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    const USER: &str = "home/.config/autoconnect/autoconnect.toml";
    const LOCAL: &str = "work/autoconnect.toml";

    impl Folders {
        fn new(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            let mut environment = Environment {
                folder: Some(root.path().join("work")),
                ..Environment::default()
            };
            environment
                .variables
                .insert("HOME".into(), root.path().join("home").into());
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            environment.variables.extend(variables);
            for (name, text) in files {
                let path = root.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self { root, environment }
        }

        fn read(&self) -> Result<Settings, String> {
            Settings::read(&self.environment).map_err(|error| {
                let message = Report::from(&error).body.message;
                message.replace(&*self.root.path().to_string_lossy(), "")
            })
        }
    }

    #[test]
    fn what_comes_first_counts() {
        let variable = ("AUTOCONNECT_REGION", "eu-west-1");
        let local = (LOCAL, "region = \"eu-west-2\"");
        let user = (USER, "region = \"eu-west-3\"");
        let table: [(Pairs, Pairs, Option<&str>); 6] = [
            (&[variable], &[local, user], Some("eu-west-1")),
            (&[], &[local, user], Some("eu-west-2")),
            (&[], &[user], Some("eu-west-3")),
            (&[], &[], None),
            (&[("AUTOCONNECT_REGION", "")], &[user], Some("eu-west-3")),
            (&[], &[(LOCAL, ""), user], Some("eu-west-3")),
        ];
        for (variables, files, region) in table {
            let settings = Folders::new(variables, files).read().unwrap();
            let found = settings.get(Setting::Region).map(|set| set.value.as_str());
            assert_eq!(found, region, "{variables:?} {files:?}");
        }
    }

    #[test]
    fn every_setting_is_read_from_both_kinds_of_sources() {
        let values = [
            (Setting::Region, "eu-west-1"),
            (Setting::Profile, "shop"),
            (Setting::Output, "json"),
            (Setting::Timeout, "1h30m"),
            (Setting::Color, "never"),
            (Setting::LogFormat, "json"),
        ];
        let lines = values.map(|(setting, value)| format!("{} = \"{value}\"", setting.key()));
        let text = lines.join("\n");
        let names: Vec<String> = values.iter().map(|(setting, _)| setting.variable()).collect();
        let variables: Vec<(&str, &str)> = names
            .iter()
            .zip(values)
            .map(|(name, (_, value))| (name.as_str(), value))
            .collect();
        for folders in [Folders::new(&[], &[(USER, &text)]), Folders::new(&variables, &[])] {
            let settings = folders.read().unwrap();
            for (setting, value) in values {
                assert_eq!(settings.get(setting).unwrap().value, value, "{setting:?}");
            }
        }
        assert_eq!(values.map(|(setting, _)| setting), Setting::ALL);
    }

    #[test]
    fn tags_are_merged_by_key() {
        let folders = Folders::new(
            &[("AUTOCONNECT_TAGS", "team=a, cost=1")],
            &[
                (LOCAL, "[tags]\nTeam = \"b\"\nstage = \"c\""),
                (USER, "[tags]\nstage = \"d\"\nowner = \"e\""),
            ],
        );
        let mut tags: Vec<String> = folders
            .read()
            .unwrap()
            .tags()
            .iter()
            .map(|tag| format!("{}={}", tag.key, tag.value))
            .collect();
        tags.sort();
        assert_eq!(tags, ["cost=1", "owner=e", "stage=c", "team=a"]);
    }

    #[test]
    fn the_configuration_folder_is_that_of_xdg_if_it_is_absolute() {
        let file = "xdg/autoconnect/autoconnect.toml";
        let mut folders = Folders::new(
            &[],
            &[(file, "region = \"eu-west-1\""), (USER, "region = \"eu-west-3\"")],
        );
        let xdg = folders.root.path().join("xdg");
        for (value, region) in [(xdg.as_path(), "eu-west-1"), (Path::new("xdg"), "eu-west-3")] {
            folders
                .environment
                .variables
                .insert("XDG_CONFIG_HOME".into(), value.into());
            let settings = folders.read().unwrap();
            assert_eq!(settings.get(Setting::Region).unwrap().value, region);
        }
        // Without a home folder there is none.
        folders.environment.variables.clear();
        assert_eq!(folders.read().unwrap().files.len(), 1);
    }

    #[test]
    fn mistakes_name_file_line_and_key() {
        let table = [
            (
                "region = \"eu\"",
                "line 1: region: expected the name of a Region, such as eu-central-1",
            ),
            (
                "\nprofile = \"\"",
                "line 2: profile: expected the name of a profile, found nothing",
            ),
            (
                "output = \"yaml\"",
                "line 1: output: expected one of text, json, ndjson, markdown",
            ),
            (
                "timeout = \"20\"\ncolor = \"red\"",
                "line 1: timeout: expected a time from 1s to 168h, such as 20m, 90s or 1h30m; line 2: color: expected one of auto, always, never",
            ),
            ("log_format = \"xml\"", "line 1: log_format: expected one of text, json"),
            (
                "endpoint_url = \"http://localhost\"",
                "line 1: endpoint_url cannot be set in a file: use --endpoint-url or AWS_ENDPOINT_URL",
            ),
            (
                "[tags]\n\"aws:x\" = \"1\"",
                "line 2: tags.aws:x: keys that begin with aws: or autoconnect: are taken",
            ),
            ("[tags]\n\"a=b\" = \"1\"", "line 2: tags.a=b: expected a key without ="),
            (
                "[tags]\nTeam = \"1\"\nteam = \"2\"",
                "line 3: tags.team: the key is there twice, in another case",
            ),
        ];
        for (text, expected) in table {
            for (name, shown) in [
                (LOCAL, "/work/autoconnect.toml"),
                (USER, "/home/.config/autoconnect/autoconnect.toml"),
            ] {
                let error = Folders::new(&[], &[(name, text)]).read().unwrap_err();
                assert_eq!(error, format!("{shown}: {expected}"));
            }
        }
        for (text, beginning) in [
            (
                "\nregoin = \"eu-west-1\"",
                "line 2: unknown field `regoin`, expected one of `region`",
            ),
            ("timeout = 20", "line 1: "),
            ("region =", "line 1: "),
            ("tags = []", "line 1: "),
        ] {
            let error = Folders::new(&[], &[(LOCAL, text)]).read().unwrap_err();
            let expected = format!("/work/autoconnect.toml: {beginning}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn mistakes_name_the_variable() {
        for (name, value, expected) in [
            (
                "AUTOCONNECT_REGION",
                "eu",
                "expected the name of a Region, such as eu-central-1",
            ),
            (
                "AUTOCONNECT_OUTPUT",
                "yaml",
                "expected one of text, json, ndjson, markdown",
            ),
            ("AUTOCONNECT_TAGS", "a=1,b", "\"b\": expected K=V"),
            ("AUTOCONNECT_TAGS", "a=1,A=2", "the key A is there twice"),
        ] {
            let error = Folders::new(&[(name, value)], &[]).read().unwrap_err();
            assert_eq!(error, format!("{name}: {expected}"));
        }
        let settings = Folders::new(&[("AUTOCONNECT_REGOIN", "eu-west-1")], &[])
            .read()
            .unwrap();
        assert_eq!(settings.unknown_variables, ["AUTOCONNECT_REGOIN"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_change_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folders = Folders::new(&[], &[(LOCAL, "region = \"eu-west-1\"")]);
        let path = folders.root.path().join(LOCAL);
        for (mode, is_used) in [(0o600, true), (0o664, true), (0o666, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(folders.read().is_ok(), is_used, "{mode:o}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = folders.read().unwrap_err();
        assert_eq!(error, "cannot read /work/autoconnect.toml: it is not a regular file");
    }

    #[test]
    fn what_a_person_has_to_know_is_noticed() {
        let text = "region = \"eu-west-1\"\nprofile = \"shop\"\n[tags]\nteam = \"a\"";
        let notices = |variables: &[(&str, &str)], file: &str, is_used: bool| {
            let folders = Folders::new(variables, &[(file, text)]);
            let notices = folders.read().unwrap().notices(|_| is_used, true).join("\n");
            notices.replace(&*folders.root.path().to_string_lossy(), "")
        };
        assert_eq!(
            notices(&[], LOCAL, true),
            "/work/autoconnect.toml sets profile shop, region eu-west-1, tag team=a"
        );
        assert_eq!(notices(&[], LOCAL, false), "/work/autoconnect.toml sets tag team=a");
        assert_eq!(notices(&[], USER, true), "");
        let of_aws = [
            ("AWS_PROFILE", "lab"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "A"),
        ];
        let file = "/home/.config/autoconnect/autoconnect.toml";
        assert_eq!(
            notices(&of_aws, USER, true),
            format!(
                "profile shop from {file} is used, not AWS_PROFILE=lab\nprofile shop from {file} is used, not the credentials in AWS_ACCESS_KEY_ID"
            )
        );
        let own = [("AUTOCONNECT_PROFILE", "own"), ("AWS_PROFILE", "lab")];
        assert_eq!(notices(&own, USER, true), "");
    }
}
