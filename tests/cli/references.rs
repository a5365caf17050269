//! The pages of the reference that are written from what the program knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Shell;
use crate::generated::assert_part_current;

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[test]
fn the_page_of_json_documents_is_current() {
    let shell = Shell::new();
    let command = autoconnect::cli::command();
    let schema = command.find_subcommand("schema").unwrap();
    let documents = schema
        .get_arguments()
        .find(|argument| argument.get_id() == "document")
        .unwrap();
    let mut page = String::new();
    for document in documents.get_possible_values() {
        let (name, what) = (document.get_name(), document.get_help().unwrap());
        let schema = shell.run(&format!("schema {name}")).json();
        write!(page, "\n## {name}\n\n{}.\n", cell(&what.to_string())).unwrap();
        if let Some(about) = schema["description"].as_str() {
            writeln!(page, "{about}").unwrap();
        }
        page.push_str("\n| field | type | meaning |\n|---|---|---|\n");
        let mut rows = BTreeMap::new();
        fields(&schema, &schema, &mut rows);
        assert!(!rows.is_empty(), "{name}");
        for (field, (kind, meaning)) in rows {
            writeln!(page, "| `{field}` | {kind} | {} |", cell(&meaning)).unwrap();
        }
    }
    assert_part_current("docs/json.md", &page);
}

/// The fields of an object, with those of its variants.
fn fields(root: &Value, schema: &Value, rows: &mut BTreeMap<String, (String, String)>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let meaning = field["description"].as_str().unwrap_or_default();
        let kind = kind(root, field);
        let row = rows
            .entry(name.clone())
            .or_insert_with(|| (kind.clone(), meaning.to_owned()));
        // A field whose value names the variant.
        for part in kind.split(", ") {
            if !row.0.split(", ").any(|known| known == part) {
                row.0 = format!("{}, {part}", row.0);
            }
        }
    }
    for variants in ["oneOf", "anyOf", "allOf"] {
        for variant in schema[variants].as_array().into_iter().flatten() {
            fields(root, variant, rows);
        }
    }
    if let Some(named) = schema["$ref"].as_str() {
        fields(root, root.pointer(named.trim_start_matches('#')).unwrap(), rows);
    }
}

/// A type, in words.
fn kind(root: &Value, schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("`{}`", value.to_string().trim_matches('"')))
            .collect();
        return values.join(", ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{}`", value.to_string().trim_matches('"'));
    }
    if let Some(named) = schema["$ref"].as_str() {
        return kind(root, root.pointer(named.trim_start_matches('#')).unwrap());
    }
    let plain = |name: &str| match (name, &schema["items"]) {
        ("array", items @ Value::Object(_)) => format!("list of {}", kind(root, items)),
        ("array", _) => "list".to_owned(),
        (name, _) => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => plain(name),
        Value::Array(names) => {
            let kinds: Vec<String> = names.iter().filter_map(Value::as_str).map(plain).collect();
            kinds.join(" or ")
        }
        _ => {
            let variants = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
            let kinds: Vec<String> = variants
                .into_iter()
                .flatten()
                .map(|variant| kind(root, variant))
                .collect();
            let mut distinct = Vec::new();
            for kind in kinds {
                if !distinct.contains(&kind) {
                    distinct.push(kind);
                }
            }
            let is_enum = distinct.iter().all(|kind| kind.starts_with('`'));
            if distinct.is_empty() {
                return "any".to_owned();
            }
            distinct.join(if is_enum { ", " } else { " or " })
        }
    }
}

/// The commands of the page of permissions: what each is for, and its line after `policy`.
const POLICIES: [(&str, &str); 17] = [
    (
        "setup: the groups exist",
        "operator --cluster orders --function refunds",
    ),
    (
        "setup: the groups are created",
        "operator --instance inventory --function stock-sync",
    ),
    (
        "setup --proxy: through a proxy that exists",
        "operator --cluster orders --function refunds --proxy orders-proxy",
    ),
    (
        "setup --proxy new",
        "operator --cluster orders --function refunds --proxy new",
    ),
    (
        "setup --attach-vpc",
        "operator --cluster orders --function newsletter --attach-vpc",
    ),
    (
        "setup --no-diagnose",
        "operator --no-diagnose --cluster orders --function refunds",
    ),
    (
        "remove",
        "operator remove --cluster orders --function checkout --console-made",
    ),
    ("cleanup", "operator cleanup"),
    ("adopt", "operator adopt --to terraform --cluster orders"),
    ("attach", "operator attach --function newsletter --like-database orders"),
    ("detach", "operator detach --function checkout"),
    (
        "internet setup",
        "operator internet setup --function checkout --service s3",
    ),
    (
        "diagnose --fix",
        "operator diagnose --fix --cluster orders --function checkout",
    ),
    ("drift, and list", "drift"),
    ("drift --repair", "drift --repair"),
    ("setup --manifest", "manifest"),
    ("export", "export"),
];

#[test]
fn the_page_of_permissions_is_current() {
    let shell = Shell::new();
    let mut page = String::new();
    for (heading, arguments) in POLICIES {
        let run = shell.run(&format!("policy {arguments} --offline account.json"));
        assert_eq!(run.status, Some(0), "{arguments}: {}", run.stderr);
        let document: Value = run.json();
        let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for statement in document["Statement"].as_array().unwrap() {
            let actions = match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            };
            for action in actions {
                let (service, action) = action.as_str().unwrap().split_once(':').unwrap();
                let _ = services
                    .entry(service.to_owned())
                    .or_default()
                    .insert(format!("`{action}`"));
            }
        }
        write!(
            page,
            "\n## {heading}\n\n`autoconnect policy {arguments}`\n\n| service | actions |\n|---|---|\n"
        )
        .unwrap();
        for (service, actions) in services {
            let actions: Vec<String> = actions.into_iter().collect();
            writeln!(page, "| `{service}` | {} |", actions.join(", ")).unwrap();
        }
    }
    assert_part_current("docs/permissions.md", &page);
}

/// The commands that check, and the pages that describe their checks.
const CHECKS: [(&str, &str); 3] = [
    ("diagnose", "network.md"),
    ("internet check", "internet.md"),
    ("msk check", "msk.md"),
];

/// The checks of a page: each id, with the rest of its row.
fn rows(page: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("\n| check | passes if |\n|---|---|\n").unwrap();
    let lines = table.lines().take_while(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let (id, rest) = line.trim_start_matches("| `").split_once("` | ").unwrap();
        (
            id.to_owned(),
            rest.trim_end_matches('|')
                .trim_end()
                .replace("](#", &format!("]({page}#")),
        )
    };
    lines.map(row).collect()
}

#[test]
fn the_page_of_checks_is_current() {
    let mut page = String::new();
    for (command, source) in CHECKS {
        write!(
            page,
            "\n## {command}\n\nMore about them: [{source}]({source}).\n\n| check | passes if |\n|---|---|\n"
        )
        .unwrap();
        for (id, passes) in rows(source) {
            writeln!(page, "| `{id}` | {passes} |").unwrap();
        }
    }
    assert_part_current("docs/checks.md", &page);
}

/// What the commands print on the example accounts, and what the tables have, is the same.
#[test]
fn each_check_that_is_made_is_in_the_tables() {
    let shell = Shell::new();
    let mut made: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let names = |account: &Value, list: &str, key: &str| -> Vec<String> {
        let all = account[list].as_array().into_iter().flatten();
        all.filter_map(|one| one[key].as_str().map(str::to_owned)).collect()
    };
    // What some of the checks are about.
    shell.edit(|account| {
        account["Functions"][0]["Timeout"] = 3.into();
        account["DBProxies"][0]["IAMAuth"] = "REQUIRED".into();
    });
    shell.edit_file("network.json", |account| {
        account["Functions"][0]["VpcConfig"]["Ipv6AllowedForDualStack"] = true.into();
    });
    for file in ["account.json", "network.json", "msk.json"] {
        let account: Value = serde_json::from_slice(&fs::read(shell.folder.path().join(file)).unwrap()).unwrap();
        let mut lines = Vec::new();
        for function in names(&account, "Functions", "FunctionName") {
            lines.push((CHECKS[1].0, format!("internet check --function {function}")));
            lines.push((
                CHECKS[1].0,
                format!("internet check --function {function} --service s3"),
            ));
            for cluster in names(&account, "DBClusters", "DBClusterIdentifier") {
                let connection = format!("diagnose --function {function} --cluster {cluster}");
                for proxy in names(&account, "DBProxies", "DBProxyName") {
                    lines.push((CHECKS[0].0, format!("{connection} --proxy {proxy}")));
                }
                lines.push((CHECKS[0].0, connection));
            }
        }
        for cluster in names(&account, "MskClusters", "ClusterArn") {
            lines.push((CHECKS[2].0, format!("msk check --cluster-arn {cluster}")));
        }
        for (command, line) in lines {
            let document = shell.run(&format!("{line} --offline {file} --output json")).json();
            let ids = document["checks"].as_array().into_iter().flatten();
            made.entry(command)
                .or_default()
                .extend(ids.map(|check| check["id"].as_str().unwrap().to_owned()));
        }
    }
    for (command, source) in CHECKS {
        let listed: BTreeSet<String> = rows(source).into_iter().map(|(id, _)| id).collect();
        let listed_as = |id: &String| match id.strip_prefix("service-") {
            Some(_) => "service-…".to_owned(),
            None => id.clone(),
        };
        let made: BTreeSet<String> = made[command].iter().map(listed_as).collect();
        assert_eq!(listed, made, "docs/{source}, and what {command} prints");
    }
}
