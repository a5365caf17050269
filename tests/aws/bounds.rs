//! An endpoint that sends what AWS never would: bodies and lists without an end, and nothing at all.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use autoconnect::units::size;
use serde_json::Value;

/// More than the program takes of an answer.
const TOO_LARGE: usize = 200 << 20;

/// A server that answers each request in the same way; its address.
fn server(answer: impl Fn(&mut TcpStream, usize) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut stream = stream;
                while read_request(&mut stream).is_some() {
                    // A client that has read enough hangs up.
                    if answer(&mut stream, count.fetch_add(1, Ordering::SeqCst)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads a request to its end; none where there is no further one.
fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).ok()
}

fn begin(stream: &mut TcpStream, status: &str, framing: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\n{framing}\r\n\r\n"
    )
}

/// A whole answer.
fn whole(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    begin(stream, "200 OK", &format!("content-length: {}", body.len()))?;
    stream.write_all(body.as_bytes())
}

/// What the program printed, and the most memory that it had.
struct Seen {
    status: Option<i32>,
    document: Value,
    peak: usize,
    took: Duration,
}

/// The most memory that a process has had so far, in bytes.
fn peak(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .ok()
        .map(|kib: usize| kib << 10)
}

fn run(endpoint: &str, arguments: &str) -> Seen {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_autoconnect"))
        .args(arguments.split_whitespace())
        .args([
            "--endpoint-url",
            endpoint,
            "--region",
            "eu-central-1",
            "--output",
            "json",
        ])
        .env_clear()
        // Where nobody has an autoconnect.toml.
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
        .env("AWS_ACCESS_KEY_ID", "of-the-test")
        .env("AWS_SECRET_ACCESS_KEY", "of-the-test")
        .env("AWS_MAX_ATTEMPTS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or_default());
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_mins(1) => {
                child.kill().unwrap();
                panic!("{arguments} has no end");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    Seen {
        status: status.code(),
        document: serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")),
        peak: most,
        took: start.elapsed(),
    }
}

#[test]
fn bodies_are_bounded() {
    let chunk = || vec![b'<'; 1 << 20];
    let known = move |status: &'static str| {
        move |stream: &mut TcpStream, _| {
            begin(stream, status, &format!("content-length: {TOO_LARGE}"))?;
            (0..TOO_LARGE >> 20).try_for_each(|_| stream.write_all(&chunk()))
        }
    };
    let endless = move |status: &'static str| {
        move |stream: &mut TcpStream, _: usize| {
            begin(stream, status, "transfer-encoding: chunked")?;
            loop {
                write!(stream, "{:x}\r\n", 1 << 20)?;
                stream.write_all(&chunk())?;
                stream.write_all(b"\r\n")?;
            }
        }
    };
    let table = [
        ("a large answer", server(known("200 OK")), 64 << 20),
        ("a large error", server(known("400 Bad Request")), 1 << 20),
        ("a large failure", server(known("500 Internal Server Error")), 1 << 20),
        ("an endless answer", server(endless("200 OK")), 64 << 20),
        ("an endless error", server(endless("400 Bad Request")), 1 << 20),
    ];
    for (what, endpoint, most) in table {
        let seen = run(&endpoint, "setup --cluster orders --function checkout --dry-run");
        assert_eq!(
            (seen.status, &seen.document["error"]["code"]),
            (Some(1), &"malformed-answer".into()),
            "{what}"
        );
        let message = seen.document["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("has more than {}", size(most))),
            "{what}: {message}"
        );
        assert!(seen.peak < 500 << 20, "{what}: {} bytes of memory", seen.peak);
    }
}

#[test]
fn lists_are_bounded() {
    let page = |marker: &str| {
        format!(
            "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters/><Marker>{marker}</Marker></DescribeDBClustersResult></DescribeDBClustersResponse>"
        )
    };
    let table = [
        (
            "the same page again and again",
            server(move |stream, _| whole(stream, &page("next"))),
        ),
        (
            "two pages in turn",
            server(move |stream, number| whole(stream, &page(if number % 2 == 0 { "a" } else { "b" }))),
        ),
    ];
    for (what, endpoint) in table {
        let seen = run(&endpoint, "list --cluster orders");
        assert_eq!(
            (seen.status, &seen.document["error"]["code"]),
            (Some(1), &"malformed-answer".into()),
            "{what}"
        );
        let message = seen.document["error"]["message"].as_str().unwrap();
        assert!(message.contains("the list does not end"), "{what}: {message}");
    }
}

/// `--timeout` counts from the first request, also where nobody answers it.
#[test]
fn the_timeout_covers_reading() {
    let endpoint = server(|_, _| {
        std::thread::sleep(Duration::from_mins(2));
        Ok(())
    });
    for command in [
        "setup --cluster orders --function checkout --dry-run",
        "remove --cluster orders --function checkout --dry-run",
        "diagnose --cluster orders --function checkout",
        "internet check --function checkout",
    ] {
        let seen = run(&endpoint, &format!("{command} --timeout 2s"));
        assert_eq!(
            (seen.status, &seen.document["error"]["code"]),
            (Some(1), &"timed-out".into()),
            "{command}"
        );
        assert!(seen.took < Duration::from_secs(15), "{command}: {:?}", seen.took);
    }
}
