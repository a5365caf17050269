//! Starts the peers once for all tests, each on a free loopback port.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::python;

pub struct Peer {
    pub url: String,
    /// What it changes is done after some time, not after some looks.
    pub takes_time: bool,
    /// What it wrote to its standard error. The file has no name, and is gone with the tests.
    errors: File,
    /// The peer ends when its standard input does, with this process.
    _child: Child,
}

/// An error in place of an answer.
pub struct Fault<'a> {
    pub action: &'a str,
    pub times: u32,
    pub status: u16,
    pub code: &'a str,
    pub message: &'a str,
    /// The call is carried out anyway, and its answer lost.
    pub applied: bool,
}

/// moto, corrected.
pub fn peer() -> &'static Peer {
    static PEER: OnceLock<Peer> = OnceLock::new();
    PEER.get_or_init(|| start("peer", "serve.py", "requirements.txt", false))
}

/// ministack. It logs its requests, and does nothing else of what the first peer does for tests.
pub fn second_peer() -> &'static Peer {
    static PEER: OnceLock<Peer> = OnceLock::new();
    PEER.get_or_init(|| start("second-peer", "second.py", "second-requirements.txt", true))
}

/// A Region that no other test uses: in moto they share nothing. AWS does not have that many, so the peer has some of
/// its own (`INVENTED` there).
pub fn region() -> &'static str {
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let (first, second) = (LETTERS[next / LETTERS.len()], LETTERS[next % LETTERS.len()]);
    let (first, second) = (char::from(first), char::from(second));
    Box::leak(format!("eu-{first}{second}-1").into_boxed_str())
}

impl Peer {
    /// Asks something of the peer itself.
    fn control(&self, verb: &str, told: &Value) -> Value {
        let answer = ureq::post(format!("{}/_peer/{verb}", self.url)).send(told.to_string());
        let text = answer
            .and_then(|mut answer| answer.body_mut().read_to_string())
            .expect("the peer answers");
        serde_json::from_str(&text).expect("the peer answers in JSON")
    }

    /// The end of what the peer wrote to its standard error.
    pub fn complaints(&self) -> String {
        last_lines(&self.errors)
    }

    /// The operations that were called in a Region so far, in order.
    pub fn log(&self, region: &str) -> Vec<String> {
        let log = self.control("log", &json!({ "region": region }));
        let entries = log.as_array().expect("a list");
        entries
            .iter()
            .map(|entry| entry["action"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// The IAM actions of what was called in a Region so far.
    pub fn actions(&self, region: &str) -> Vec<String> {
        let log = self.control("log", &json!({ "region": region }));
        let text = |entry: &Value, key: &str| entry[key].as_str().expect("a name").to_owned();
        let entries = log.as_array().expect("a list").iter();
        // Requests are signed for `tagging`; its actions are those of `tag`.
        let service = |entry: &Value| text(entry, "service").replace("tagging", "tag");
        entries
            .map(|entry| format!("{}:{}", service(entry), text(entry, "action")))
            .collect()
    }

    /// The service and the access key of each request of a Region so far, in order.
    pub fn signers(&self, region: &str) -> Vec<(String, String)> {
        let log = self.control("log", &json!({ "region": region }));
        let text = |entry: &Value, part: &str| entry[part].as_str().expect("a text").to_owned();
        let entries = log.as_array().expect("a list").iter();
        entries
            .map(|entry| (text(entry, "service"), text(entry, "key")))
            .collect()
    }

    /// Answers the next calls of an operation with an error.
    pub fn fault(&self, region: &str, fault: &Fault<'_>) {
        self.control(
            "fault",
            &json!({ "region": region, "action": fault.action, "times": fault.times, "status": fault.status,
                     "code": fault.code, "message": fault.message, "applied": fault.applied }),
        );
    }

    /// Holds this request of a caller, counted from 0, before it is carried out or before it is answered.
    pub fn stop(&self, key: &str, request: usize, applied: bool) {
        self.control("stop", &json!({ "key": key, "request": request, "applied": applied }));
    }

    /// Whether the caller is being held.
    pub fn is_stopped(&self, key: &str) -> bool {
        self.control("stopped", &json!({ "key": key }))
            .as_bool()
            .expect("yes or no")
    }

    /// Holds the caller no longer.
    pub fn go_on(&self, key: &str) {
        self.control("go_on", &json!({ "key": key }));
    }

    /// Does not find a new group for the first requests that name it.
    pub fn hide_new_groups(&self, region: &str, requests: u32) {
        self.control("hide", &json!({ "region": region, "requests": requests }));
    }

    /// Lets someone else write the function's `VpcConfig` right before the next update.
    pub fn meddle(&self, region: &str, function: &str, vpc_config: &Value) {
        self.control(
            "meddle",
            &json!({ "region": region, "function": function, "vpc_config": vpc_config }),
        );
    }
}

fn start(name: &str, script: &str, requirements: &str, takes_time: bool) -> Peer {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let errors = tempfile::tempfile().expect("a file");
    let mut child = Command::new(python::environment(name, &folder.join(requirements)))
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors.try_clone().expect("a file"))
        .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        .env("MOTO_ALLOW_NONEXISTENT_REGION", "true")
        .spawn()
        .expect("the peer starts");
    let mut port = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout)
        .read_line(&mut port)
        .expect("the peer tells its port");
    let Ok(port) = port.trim().parse::<u16>() else {
        panic!("{script} did not start: {}", last_lines(&errors));
    };
    Peer {
        url: format!("http://127.0.0.1:{port}"),
        takes_time,
        errors,
        _child: child,
    }
}

/// The end of a file that the peer is still writing.
fn last_lines(file: &File) -> String {
    let mut text = vec![0; 16_384];
    let length = file.metadata().expect("a file").len();
    let read = file.read_at(&mut text, length.saturating_sub(16_384)).expect("a file");
    String::from_utf8_lossy(&text[..read]).into_owned()
}
