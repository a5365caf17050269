//! The documents as Markdown: whatever names an account has, they stay text, and whatever the size, the text fits.

use std::sync::LazyLock;

use autoconnect::escape::is_unsafe;
use autoconnect::report::{ChecksDocument, Document, DriftDocument, ErrorDocument, MARKDOWN_LIMIT, RunDocument};
use comrak::nodes::{ListType, NodeValue};
use comrak::{Arena, Node, Options, parse_document};
use proptest::prelude::*;
use rayon::prelude::*;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::thorough::thoroughly;

/// What GitHub makes of text that has become HTML: mentions, references, emoji and links.
static ACTIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"@[\w-]|#\d|:[\w+-]+:|://|(?i:www)\.|\b[0-9a-fA-F]{7,40}\b|(?i:gh)-\d|\b[A-Z]+-\d").unwrap()
});

static DETAILS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^<details>\n<summary>[^<>\n]*</summary>\n$").unwrap());

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.table = true;
    extension.autolink = true;
    extension.strikethrough = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.alerts = true;
    extension.math_dollars = true;
    extension.math_code = true;
    options
}

/// Fails unless the text is within the limit, closes all that it opens, and has no syntax but the program's own.
fn check(markdown: &str) {
    assert!(markdown.len() <= MARKDOWN_LIMIT, "{}", markdown.len());
    assert!(markdown.ends_with('\n'));
    assert!(!markdown.replace('\n', "").contains(is_unsafe), "{markdown:?}");
    let arena = Arena::new();
    let lines: Vec<&str> = markdown.lines().collect();
    let mut open = 0;
    for node in parse_document(&arena, markdown, &options()).descendants() {
        let data = node.data.borrow();
        match &data.value {
            NodeValue::HtmlBlock(block) if block.literal == "</details>\n" => {
                open -= 1;
                assert!(open >= 0, "{markdown}");
            }
            NodeValue::HtmlBlock(block) => {
                assert!(DETAILS.is_match(&block.literal), "{}", block.literal);
                let text = decoded(&block.literal);
                assert!(!ACTIVE.is_match(&text), "{text}");
                open += 1;
            }
            NodeValue::HtmlInline(html) => assert_eq!(html, "<br>", "{markdown}"),
            NodeValue::CodeBlock(block) => assert!(block.fenced && block.closed, "{}", block.literal),
            NodeValue::List(list) => assert_eq!(list.list_type, ListType::Bullet, "{markdown}"),
            NodeValue::Heading(heading) => assert_eq!(heading.level, 3, "{markdown}"),
            NodeValue::Table(table) => {
                for row in node.children() {
                    let row = lines[row.data.borrow().sourcepos.start.line - 1];
                    assert_eq!(row.matches('|').count(), table.num_columns + 1, "{row}");
                }
            }
            NodeValue::Paragraph | NodeValue::TableCell => {
                let text = text(node);
                assert!(!ACTIVE.is_match(&text), "{text}: {:?}", ACTIVE.find(&text));
            }
            NodeValue::Document
            | NodeValue::Item(_)
            | NodeValue::TableRow(_)
            | NodeValue::Text(_)
            | NodeValue::SoftBreak
            | NodeValue::Code(_)
            | NodeValue::Strong => {}
            other => panic!("{other:?} in {markdown}"),
        }
    }
    assert_eq!(open, 0, "{markdown}");
}

/// The text that a browser shows.
fn decoded(html: &str) -> String {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| Regex::new("&#([0-9]+);").unwrap());
    let decode = |found: &Captures<'_>| char::from_u32(found[1].parse().unwrap()).unwrap().to_string();
    REFERENCE.replace_all(html, decode).into_owned()
}

/// The text of a block, without its code, in which GitHub looks for nothing.
fn text(block: Node<'_>) -> String {
    let mut text = String::new();
    for node in block.descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(value) => text.push_str(value),
            NodeValue::Code(_) | NodeValue::SoftBreak | NodeValue::HtmlInline(_) => text.push('\u{1}'),
            _ => {}
        }
    }
    text
}

fn check_entry(status: &str, value: &str, evidence: usize) -> Value {
    json!({
        "id": value,
        "status": status,
        "message": value,
        "evidence": (0..evidence).map(|n| format!("{value}{n}")).collect::<Vec<_>>(),
        "remedy": format!("{value}\naws {value}\n{value}"),
    })
}

fn step(id: usize, value: &str) -> Value {
    let change = ["create", "change", "delete"][id % 3];
    let status = ["planned", "done", "already", "adopt", "skipped"][id % 5];
    json!({
        "id": id + 1,
        "action": value,
        "permissions": [value, format!("{value}{id}")],
        "charged": value,
        "change": change,
        "summary": value,
        "resource": value,
        "after": [],
        "status": status,
    })
}

fn side(value: &str) -> Value {
    let group = json!({"id": value, "name": value, "verdict": "unfit", "why": [value, value]});
    json!({"verdict": "available", "group": value, "groups": [group, group]})
}

/// The documents of runs of every command.
fn runs(value: &str, result: &str, steps: usize) -> impl Iterator<Item = RunDocument> {
    let function = json!({"name": value, "arn": value});
    let checks: Vec<Value> = ["pass", "warn", "unknown", "fail"]
        .map(|status| check_entry(status, value, if status == "fail" { 25 } else { 2 }))
        .into();
    let connection = json!({
        "id": value,
        "database": {"kind": "cluster", "id": value, "arn": value, "port": 5432, "vpc": value},
        "function": function,
        "proxy": {"name": value, "port": 5432, "endpoint": value, "target_health": null},
    });
    let sides = json!({"database": side(value), "function": side(value), "proxy": side(value)});
    let diagnosis = json!({"verdict": "fail", "checks": checks});
    let vpc = json!({"vpc": value, "subnets": [value], "groups": [value], "ipv6": false});
    let cluster = json!({"name": value, "arn": value, "vpc": value, "subnets": [], "groups": []});
    let own = [
        json!({"command": "setup", "connection": connection, "sides": sides, "diagnosis": diagnosis}),
        json!({"command": "remove", "connection": connection, "sides": sides}),
        json!({"command": "cleanup", "connection": null, "sides": null}),
        json!({"command": "attach", "function": function, "vpc_config": vpc}),
        json!({"command": "detach", "function": function, "vpc_config": null}),
        json!({"command": "internet setup", "function": function, "vpc": value, "verdict": "fail", "checks": checks}),
        json!({"command": "msk setup", "cluster": cluster, "verdict": "fail", "checks": checks}),
        json!({"command": "diagnose --fix", "summary": value, "verdict": "fail", "checks": checks}),
    ];
    let document = move |own: Value| {
        let mut document = json!({
            "schema_version": 1,
            "account": value,
            "region": value,
            "decision": "create-new",
            "reasons": [value, value],
            "steps": (0..steps).map(|id| step(id, value)).collect::<Vec<_>>(),
            "dry_run": result == "planned",
            "result": result,
            "api_calls": {"read": 1, "write": 0},
        });
        document
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    };
    own.into_iter().map(document)
}

fn checks(value: &str, count: usize, evidence: usize) -> ChecksDocument {
    let status = |n: usize| ["pass", "warn", "unknown", "fail"][n % 4];
    let document = json!({
        "schema_version": 1,
        "account": value,
        "region": value,
        "command": value,
        "summary": value,
        "verdict": "fail",
        "checks": (0..count).map(|n| check_entry(status(n), value, evidence)).collect::<Vec<_>>(),
        "api_calls": {"read": 1, "write": 0},
    });
    serde_json::from_value(document).unwrap()
}

fn drift(value: &str, connections: usize, account: Option<&str>) -> DriftDocument {
    let connection = |n: usize| {
        let severity = ["low", "medium", "high", "critical"][n % 4];
        let finding = json!({
            "kind": "opened",
            "severity": severity,
            "message": value,
            "resource": value,
            "expected": value,
            "found": value,
            "first_seen": value,
            "remedy": ["setup", value],
        });
        let verdict = ["in-sync", "drifted", "broken", "unknown"][n % 4];
        json!({
            "name": value,
            "id": value,
            "verdict": verdict,
            "decision": null,
            "account": value,
            "region": value,
            "profile": value,
            "role_arn": value,
            "findings": vec![finding; if verdict == "in-sync" { 0 } else { n % 3 + 1 }],
        })
    };
    let document = json!({
        "schema_version": 1,
        "command": "drift",
        "account": account,
        "region": account,
        "summary": {"in-sync": 1, "drifted": 1, "broken": 1, "unknown": 1},
        "connections": (0..connections).map(connection).collect::<Vec<_>>(),
        "api_calls": {"read": 1, "write": 0},
    });
    serde_json::from_value(document).unwrap()
}

fn error(value: &str, applied: usize) -> ErrorDocument {
    let write = json!({"action": value, "resource": value, "summary": value});
    let document = json!({
        "account": value,
        "region": value,
        "error": {
            "code": value,
            "message": value,
            "hint": format!("{value}\n  autoconnect {value}\n{value}"),
            "applied": vec![write; applied],
        },
    });
    serde_json::from_value(document).unwrap()
}

fn check_all(value: &str) {
    for result in ["planned", "incomplete"] {
        for run in runs(value, result, 7) {
            check(&run.markdown());
        }
    }
    check(&checks(value, 6, 3).markdown());
    check(&drift(value, 7, None).markdown());
    check(&drift(value, 7, Some(value)).markdown());
    check(&error(value, 3).markdown());
}

const HOSTILE: [&str; 44] = [
    "|",
    "`",
    "``",
    "```",
    "~~~",
    "</details>",
    "<details>",
    "</summary>",
    "<img src=x onerror=alert(1)>",
    "<br>",
    "<!--",
    "-->",
    "[x](javascript:alert(1))",
    "![x](http://x.y/z)",
    "@org/team",
    "@user",
    "#123",
    "org/repo#1",
    "GH-12",
    "KEY-7",
    "0123456789abcdef0123456789abcdef01234567",
    "deadbeef",
    "http://example.com",
    "www.example.com",
    "mailto:a@b.cd",
    "a@b.cd",
    ":tada:",
    "\n",
    "\r\n\r\n",
    "\n\n```\n",
    "\u{202e}",
    "\u{200b}",
    "**b**",
    "__b__",
    "~~s~~",
    "$x$",
    "[^1]",
    "> [!NOTE]",
    "# h",
    "1. ",
    "- [ ] ",
    "\\",
    "&lt;",
    "    ",
];

#[test]
fn each_hostile_value_stays_text() {
    HOSTILE.into_par_iter().for_each(|value| {
        check_all(&format!("{value} a{value}b {value}{value}"));
        let long = value.repeat(4_000 / value.len());
        check(&runs(&long, "planned", 7).next().unwrap().markdown());
        check(&checks(&long, 6, 3).markdown());
        check(&drift(&long, 7, None).markdown());
        check(&error(&long, 3).markdown());
    });
    for value in [
        "",
        "orders",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders",
        "---",
        "===",
        "+ a",
    ] {
        check_all(value);
    }
}

/// Every way in which a run ends, with the steps that it did.
#[test]
fn each_result_has_a_line() {
    // The fifth step is left to the next run.
    for (result, steps, line) in [
        (
            "planned",
            5,
            "**Plan:** 1 to create, 1 to change, 0 to destroy in account `123`, `123`. 1 to adopt. 1 unchanged.",
        ),
        (
            "connected",
            5,
            "**Connected:** 0 created, 1 changed, 0 destroyed in account",
        ),
        ("removed", 5, "**Removed:** 0 created"),
        ("attached", 5, "**Attached:** 0 created"),
        ("detached", 5, "**Detached:** 0 created"),
        ("built", 5, "**Built:** 0 created"),
        ("fixed", 5, "**Fixed:** 0 created"),
        ("incomplete", 4, "**Incomplete:** 0 created"),
        (
            "incomplete",
            5,
            "**Not finished:** 0 created, 1 changed, 0 destroyed; left: ",
        ),
        ("unchanged", 5, "**No changes:** nothing to do in account"),
    ] {
        for run in runs("123", result, steps) {
            let text = run.markdown();
            check(&text);
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: thoroughly([24, 512]), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn hostile_values_stay_text(parts in prop::collection::vec(
        prop_oneof![
            3 => prop::sample::select(HOSTILE.as_slice()).prop_map(str::to_owned),
            1 => "[ -~]{1,4}",
            1 => any::<char>().prop_map(String::from),
            1 => "[a-f0-9:@#.-]{1,9}",
        ],
        1..12,
    )) {
        check_all(&parts.concat());
    }
}

#[test]
fn the_text_fits_whatever_the_size() {
    let long = "a`|@b ".repeat(700);
    for (value, part) in [("it drifted to lambda-rds-2", 1), (long.as_str(), 50)] {
        for run in runs(value, "planned", 10_000 / part).take(2) {
            let text = run.markdown();
            check(&text);
            assert!(text.contains("see `--output json`"), "{text}");
        }
        for text in [
            drift(value, 5_000 / part, Some(value)).markdown(),
            drift(value, 5_000 / part, None).markdown(),
            checks(value, 5_000 / part, 2).markdown(),
            checks(value, 3, 10_000 / part).markdown(),
            error(value, 5_000 / part).markdown(),
        ] {
            check(&text);
            assert!(text.contains("see `--output json`"), "{text}");
        }
    }
}

/// What matters most is kept.
#[test]
fn what_is_in_sync_is_left_out_first() {
    let mut document = drift("orders", 79, Some("123456789012"));
    let in_sync = document.connections[0].clone();
    document.connections.extend(std::iter::repeat_n(in_sync, 5_000));
    let text = document.markdown();
    check(&text);
    assert_eq!(text.matches("| `orders` |").count(), 59);
    assert_eq!(text.matches("<details>").count(), 60);
    let more = text.lines().rev().nth(2).unwrap();
    assert!(
        more.starts_with("And ") && more.ends_with(" more connections: see `--output json`."),
        "{more}"
    );
}
