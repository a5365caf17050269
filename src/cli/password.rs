//! The password of a database user: read from standard input or a prompt, never from an argument.

use std::io::{self, IsTerminal, Read};
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::escape::plain;
use crate::reconcile::RunError;
use crate::units::size;

/// No password of a database is longer.
const LONGEST: usize = 4096;

/// Reads the password from standard input, or asks for it under a line that says what it is for.
pub async fn read_password(user: String, from_pipe: bool, purpose: Option<String>) -> Result<SecretString, RunError> {
    let _guard = TerminalGuard::new();
    let read = move || {
        if from_pipe {
            return from_stdin(&user);
        }
        if let Some(purpose) = purpose {
            eprintln!("{}", plain(&purpose));
        }
        from_prompt(&user)
    };
    // Reading blocks, and Ctrl-C has to be heard meanwhile.
    let password = tokio::task::spawn_blocking(read).await;
    password.unwrap_or_else(|_| Err(unusable(&"it could not be read")))
}

/// Reads the password from standard input, to its end. On a terminal it is asked for, since it would be seen there.
fn from_stdin(user: &str) -> Result<SecretString, RunError> {
    if io::stdin().is_terminal() {
        return from_prompt(user);
    }
    read(unbuffered_stdin().map_err(|error| unusable(&error))?)
}

/// Standard input without the buffer of the standard library, which nobody wipes.
#[cfg(unix)]
fn unbuffered_stdin() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn unbuffered_stdin() -> io::Result<io::Stdin> {
    Ok(io::stdin())
}

/// Asks for the password on the terminal, without an echo.
fn from_prompt(user: &str) -> Result<SecretString, RunError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(RunError::NoPassword { user: user.to_owned() });
    }
    let answer = rpassword::prompt_password(format!("Password of database user {}: ", plain(user)));
    let answer = Zeroizing::new(answer.map_err(|error| not_answered(&error))?);
    read(answer.as_bytes())
}

/// The prompt takes Ctrl-C for a character, and no signal comes.
fn not_answered(error: &io::Error) -> RunError {
    match error.kind() {
        io::ErrorKind::Interrupted => RunError::Interrupted {
            at: "at the prompt for the password; nothing was written".to_owned(),
        },
        _ => unusable(error),
    }
}

fn unusable(reason: &dyn std::fmt::Display) -> RunError {
    RunError::BadPassword {
        reason: reason.to_string(),
    }
}

/// One line of text; the end of the line is no part of it.
fn read(source: impl Read) -> Result<SecretString, RunError> {
    // Of this size from the start: what grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let read = source.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unusable(&error))?;
    if bytes.len() > LONGEST {
        return Err(unusable(&format!("it is longer than {}", size(LONGEST as u64))));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable(&"it is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text {
        "" => Err(unusable(&"it is empty")),
        text if text.contains(char::is_control) => Err(unusable(&"it has more than one line, or control characters")),
        text => Ok(SecretString::from(text)),
    }
}

/// The terminal as it was before a prompt.
#[cfg(unix)]
static BEFORE: Mutex<Option<rustix::termios::Termios>> = Mutex::new(None);

/// Restores the terminal, if a prompt has changed it.
#[cfg(unix)]
pub fn restore_terminal() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that is gone needs no restoring.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &before);
    }
}

/// Restores the terminal when dropped: a prompt that is abandoned leaves it without an echo.
#[cfg(unix)]
struct TerminalGuard;

#[cfg(unix)]
impl TerminalGuard {
    fn new() -> Self {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = rustix::termios::tcgetattr(io::stdin()).ok();
        Self
    }
}

#[cfg(unix)]
impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// On Windows the prompt restores the console itself.
#[cfg(not(unix))]
pub fn restore_terminal() {}

/// See [`restore_terminal`].
#[cfg(not(unix))]
struct TerminalGuard;

#[cfg(not(unix))]
impl TerminalGuard {
    fn new() -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn one_line_is_the_password() {
        let table = [
            ("s3cret", Some("s3cret")),
            ("s3cret\n", Some("s3cret")),
            ("s3cret\r\n", Some("s3cret")),
            (" with spaces ", Some(" with spaces ")),
            ("pässwörd", Some("pässwörd")),
            ("", None),
            ("\n", None),
            ("two\nlines", None),
            ("two\n\n", None),
            ("nul\0", None),
        ];
        for (text, password) in table {
            let found = read(text.as_bytes()).ok();
            assert_eq!(found.as_ref().map(ExposeSecret::expose_secret), password, "{text:?}");
        }
        assert!(read(&[0xff, 0xfe][..]).is_err());
        assert!(read("x".repeat(4097).as_bytes()).is_err());
    }

    #[test]
    fn ctrl_c_at_the_prompt_is_an_interrupt() {
        let interrupted = not_answered(&io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
        assert_eq!(interrupted.code(), "interrupted");
        assert_eq!(not_answered(&io::Error::other("gone")).code(), "db-password-unusable");
    }

    #[test]
    fn no_error_contains_the_password() {
        for text in ["canary\nmore", "canary\0"] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }
}
