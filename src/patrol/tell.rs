//! Tells of changed verdicts: a topic, an event bus, or a command.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::cloud::CloudError;

/// `--notify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// A topic of SNS, by its ARN.
    Sns(String),
    /// An event bus, by its name or ARN.
    EventBridge(String),
}

impl FromStr for Notify {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sns", topic)) if topic.starts_with("arn:") && topic.split(':').count() == 6 => {
                Ok(Self::Sns(topic.to_owned()))
            }
            Some(("eventbridge", bus)) if !bus.is_empty() => Ok(Self::EventBridge(bus.to_owned())),
            _ => Err(
                "expected sns:ARN, with the ARN of a topic, or eventbridge:BUS, with the name or ARN of a bus"
                    .to_owned(),
            ),
        }
    }
}

/// Why somebody could not be told.
#[derive(Debug, Error)]
pub enum TellError {
    /// AWS was not told.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The command could not be run.
    #[error("the command of --on-drift cannot be run: {0}")]
    Command(io::Error),
    /// The command has failed.
    #[error("the command of --on-drift ended with {0}")]
    Failed(std::process::ExitStatus),
    /// The command did not end.
    #[error("the command of --on-drift did not end within {} minutes, and was killed", LONGEST.as_secs() / 60)]
    TooLong,
    /// The build cannot tell AWS.
    #[error("this build has no adapter to AWS, and cannot notify it")]
    NoAws,
}

/// For how long a command may run.
const LONGEST: Duration = Duration::from_mins(5);

/// How often to look whether a command has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a command of the shell with this on its standard input.
///
/// # Errors
///
/// It cannot be run, fails, or does not end.
pub async fn run_command(command: &str, input: Vec<u8>) -> Result<(), TellError> {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell)
        .args([option, command])
        .stdin(Stdio::piped())
        // Standard output is for the report.
        .stdout(io::stderr())
        .spawn()
        .map_err(TellError::Command)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input is no error, and does not hold up the run.
        tokio::task::spawn_blocking(move || stdin.write_all(&input));
    }
    let deadline = Instant::now() + LONGEST;
    loop {
        match child.try_wait().map_err(TellError::Command)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(TellError::Failed(status)),
            None if Instant::now() >= deadline => {
                child.kill().and_then(|()| child.wait()).map_err(TellError::Command)?;
                return Err(TellError::TooLong);
            }
            None => sleep(LOOK).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Notify;

    #[test]
    fn what_is_notified_is_read_strictly() {
        let topic = "arn:aws:sns:eu-central-1:123456789012:drift";
        assert_eq!(format!("sns:{topic}").parse(), Ok(Notify::Sns(topic.to_owned())));
        assert_eq!(
            "eventbridge:default".parse(),
            Ok(Notify::EventBridge("default".to_owned()))
        );
        for text in ["", "sns:", "sns:drift", "eventbridge:", "mail:me", topic] {
            assert!(text.parse::<Notify>().is_err(), "{text}");
        }
    }
}
