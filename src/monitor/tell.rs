//! Notifies recipients of what has changed: a topic, an event bus, or a command.

use std::fmt;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cloud::CloudError;
use crate::interrupt::Interrupt;
use crate::model::{Expected, Named};
use crate::units::span;

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
            Some(("sns", topic)) if topic.starts_with("arn:") => {
                Named::of(topic).expect(Expected::Topic)?;
                Ok(Self::Sns(topic.to_owned()))
            }
            Some(("eventbridge", bus)) if !bus.is_empty() => {
                Named::of(bus).expect(Expected::EventBus)?;
                Ok(Self::EventBridge(bus.to_owned()))
            }
            _ => Err(
                "expected sns:ARN, with the ARN of a topic, or eventbridge:BUS, with the name or ARN of a bus"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sns(topic) => write!(f, "sns:{topic}"),
            Self::EventBridge(bus) => write!(f, "eventbridge:{bus}"),
        }
    }
}

/// A recipient of what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// A topic or a bus.
    Notify(&'a Notify),
    /// The command of `--on-drift`.
    Command(&'a str),
}

/// The key under which it is remembered what was sent. A command may hold a secret, and is not kept.
impl fmt::Display for Recipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notify(notify) => notify.fmt(f),
            Self::Command(_) => f.write_str("on-drift"),
        }
    }
}

/// Why someone could not be notified.
#[derive(Debug, Error)]
pub enum TellError {
    /// AWS was not notified.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The command could not be run.
    #[error("the command of --on-drift cannot be run: {0}")]
    Command(io::Error),
    /// The command has failed.
    #[error("the command of --on-drift ended with {0}")]
    Failed(ExitStatus),
    /// The command did not end.
    #[error("the command of --on-drift did not end within {}, and was killed", span(*.0))]
    TooLong(Duration),
    /// The run was interrupted before it was notified.
    #[error("the run was interrupted")]
    Interrupted,
    /// The build cannot notify AWS.
    #[error("this build has no AWS support, and cannot notify it")]
    NoAws,
}

/// How long a command that is to end has for it before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// A command with all that it starts. Dropped before it has ended, it is killed.
struct Running {
    child: Child,
    /// The process group; none once the command has ended by itself.
    group: Option<u32>,
}

impl Running {
    fn start(command: &str) -> io::Result<Self> {
        let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut shell = Command::new(shell);
        shell
            .args([option, command])
            .stdin(Stdio::piped())
            // Standard output is for the report.
            .stdout(io::stderr())
            .kill_on_drop(true);
        #[cfg(unix)]
        shell.process_group(0);
        let child = shell.spawn()?;
        Ok(Self {
            group: child.id(),
            child,
        })
    }

    /// Feeds it its input, and waits for its end. One that does not read its input, or not to the end, is no failure.
    async fn ended(&mut self, input: &[u8]) -> io::Result<ExitStatus> {
        let stdin = self.child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
            std::future::pending::<()>().await;
        };
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = feed => self.child.wait().await,
        };
        if status.is_ok() {
            self.group = None;
        }
        status
    }

    /// Ends it and all that it has started: asks first, then kills.
    async fn end(mut self) {
        self.signal(false);
        let _ = timeout(GRACE, self.child.wait()).await;
        self.signal(true);
        let _ = self.child.wait().await;
        self.group = None;
    }

    #[cfg(unix)]
    fn signal(&self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = self
            .group
            .and_then(|group| i32::try_from(group).ok())
            .and_then(Pid::from_raw);
        if let Some(group) = group {
            // A group of which nothing is left cannot be signalled.
            let _ = kill_process_group(group, if kill { Signal::KILL } else { Signal::TERM });
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, kill: bool) {
        if kill {
            let _ = self.child.start_kill();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(true);
    }
}

/// Runs a command of the shell, in a process group of its own, with this on its standard input, for this long at most,
/// and until the run is interrupted.
///
/// # Errors
///
/// It cannot be run, fails, or does not end.
pub async fn run_command(
    command: &str,
    input: &[u8],
    longest: Duration,
    interrupt: &Interrupt,
) -> Result<(), TellError> {
    let mut running = Running::start(command).map_err(TellError::Command)?;
    let ended = tokio::select! {
        ended = timeout(longest, running.ended(input)) => ended.map_err(|_| TellError::TooLong(longest)),
        () = interrupt.raised() => Err(TellError::Interrupted),
    };
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(TellError::Failed(status)),
        Ok(Err(error)) => Err(TellError::Command(error)),
        Err(error) => {
            running.end().await;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

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

    #[test]
    fn recipients_are_remembered_without_secrets() {
        let topic = Notify::Sns("arn:aws:sns:eu-central-1:123456789012:drift".to_owned());
        let bus = Notify::EventBridge("default".to_owned());
        let table = [
            (
                Recipient::Notify(&topic),
                "sns:arn:aws:sns:eu-central-1:123456789012:drift",
            ),
            (Recipient::Notify(&bus), "eventbridge:default"),
            (Recipient::Command("curl -H 'Authorization: x'"), "on-drift"),
        ];
        for (recipient, expected) in table {
            assert_eq!(recipient.to_string(), expected);
        }
    }

    /// Whether a process is gone, or is in a moment.
    #[cfg(target_os = "linux")]
    async fn is_gone(pid: &str) -> bool {
        for _ in 0..200 {
            let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            if status.map_or(true, |status| status.contains(") Z ")) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// A command whose child outlives it, unless the whole group is killed.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_command_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let commands = [
            format!("sleep 300 & echo $! > {}; wait", file.display()),
            format!("trap '' TERM; sleep 300 & echo $! > {}; wait; wait", file.display()),
        ];
        for command in &commands {
            let begun = Instant::now();
            let ended = run_command(command, b"", Duration::from_millis(300), &Interrupt::never()).await;
            assert!(matches!(ended, Err(TellError::TooLong(_))), "{ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(20));
            let pid = std::fs::read_to_string(&file).unwrap();
            assert!(is_gone(pid.trim()).await, "{command}");
        }
        for command in &commands {
            let (trigger, interrupt) = Interrupt::new();
            let raise = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                trigger.raise();
            };
            let longest = Duration::from_mins(5);
            let (ended, ()) = tokio::join!(run_command(command, b"", longest, &interrupt), raise);
            assert!(matches!(ended, Err(TellError::Interrupted)), "{ended:?}");
            let pid = std::fs::read_to_string(&file).unwrap();
            assert!(is_gone(pid.trim()).await, "{command}");
        }
        for command in &commands {
            let interrupt = Interrupt::never();
            let run = run_command(command, b"", Duration::from_mins(5), &interrupt);
            let run = timeout(Duration::from_millis(300), run).await;
            assert!(run.is_err());
            let pid = std::fs::read_to_string(&file).unwrap();
            assert!(is_gone(pid.trim()).await, "{command}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_need_not_read_its_input() {
        let input = vec![b'x'; 1 << 20];
        let longest = Duration::from_mins(1);
        for command in [
            "true",
            "head -c 10 > /dev/null",
            "exec 0<&-",
            "cat > /dev/null",
            "sleep 1 & exit 0",
        ] {
            let ended = run_command(command, &input, longest, &Interrupt::never()).await;
            assert!(ended.is_ok(), "{command}: {ended:?}");
        }
        let ended = run_command("exit 3", &input, longest, &Interrupt::never()).await;
        assert!(matches!(ended, Err(TellError::Failed(status)) if status.code() == Some(3)));
    }
}
