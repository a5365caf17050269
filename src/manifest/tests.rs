use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const FORMS: [Form; 3] = [Form::Toml, Form::Yaml, Form::Json];

fn mistakes(form: Form, text: &str) -> Vec<String> {
    let mistakes = parse(form, text, None).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

fn mistakes_for_setup(form: Form, text: &str) -> Vec<String> {
    let read = parse_for_setup(form, text, None, &crate::cli::check_setup);
    let mistakes = read.expect_err(text);
    mistakes.iter().map(ToString::to_string).collect()
}

fn comma_of(is_first: bool) -> &'static str {
    if is_first { "" } else { ", " }
}

/// One manifest in its three forms, with each key in the same line. Every line is `- key = value`, `key = value`, `defaults`
/// or `tags.key = value`; the values are those of JSON. `-` begins a connection.
fn forms(lines: &str) -> [(Form, String); 3] {
    let (mut toml, mut yaml, mut json) = (String::new(), String::new(), "{".to_owned());
    let (mut is_in_table, mut is_first) = (false, true);
    for line in lines.lines().map(str::trim) {
        if line == "defaults" {
            toml += "[defaults]\n";
            yaml += "defaults:\n";
            json += "\"defaults\": {\n";
            (is_in_table, is_first) = (true, true);
            continue;
        }
        if line == "connection" {
            toml += "\n";
            yaml += "connection:\n";
            json += if is_in_table {
                "}, \"connection\": [\n"
            } else {
                "\"connection\": [\n"
            };
            (is_in_table, is_first) = (false, true);
            continue;
        }
        let (begins, field) = match line.strip_prefix("- ") {
            Some(field) => (true, field),
            None => (false, line),
        };
        let (key, value) = field.split_once(" = ").unwrap_or((field, ""));
        if begins {
            toml += "[[connection]]\n";
            if !is_first {
                yaml.truncate(yaml.len() - 1);
                yaml += "}\n";
            }
            yaml += "- {\n";
            json += if is_first { "{\n" } else { "}, {\n" };
            is_first = true;
        }
        let indent = if is_in_table {
            "  ".to_owned()
        } else {
            format!("  {}", comma_of(is_first))
        };
        let comma = comma_of(is_first);
        if let Some((table, key)) = key.split_once('.') {
            writeln!(toml, "{table} = {{ {} = {value} }}", json!(key)).unwrap();
            writeln!(yaml, "{indent}{table}: {{ {}: {value} }}", json!(key)).unwrap();
            writeln!(json, "{comma}{}: {{ {}: {value} }}", json!(table), json!(key)).unwrap();
        } else {
            writeln!(toml, "{key} = {value}").unwrap();
            writeln!(yaml, "{indent}{key}: {value}").unwrap();
            writeln!(json, "{comma}{}: {value}", json!(key)).unwrap();
        }
        is_first = false;
    }
    if lines.contains("- ") {
        yaml += "  }";
        json += "}";
    }
    json += "]}";
    [(Form::Toml, toml), (Form::Yaml, yaml), (Form::Json, json)]
}

#[test]
fn connections_are_read_with_their_places() {
    let text = r#"
        [[connection]]
        name = "shop"
        cluster = "orders"
        function = "checkout"
        proxy = "new"
        region = "eu-west-1"
        role_arn = "arn:aws:iam::123456789012:role/drift"

        [[connection]]
        instance = "ledger"
        function = "new:invoices"
        proxy = "none"
        "#;
    let entries = parse(Form::Toml, text, None).unwrap();
    assert_eq!(
        entries[0].connection.to_string(),
        "cluster/orders:proxy/autoconnect-orders:function/checkout"
    );
    assert_eq!(entries[0].place.region.as_deref(), Some("eu-west-1"));
    assert_eq!(entries[1].connection.to_string(), "instance/ledger:function/invoices");
    assert_eq!(entries[1].place, Place::default());
    for (form, text) in [
        (Form::Toml, ""),
        (Form::Yaml, ""),
        (Form::Yaml, "# nothing\n"),
        (Form::Json, "{}"),
    ] {
        assert_eq!(parse(form, text, None), Ok(Vec::new()), "{form:?} {text:?}");
    }
}

#[test]
fn the_documented_examples_are_one_manifest() {
    let page = include_str!("../../docs/manifest.md");
    let example = |form, name| {
        let (_, rest) = page.split_once(&format!("```{name}\n")).unwrap();
        let text = rest.split("```").next().unwrap();
        comparable(parse_for_setup(form, text, None, &crate::cli::check_setup))
    };
    let toml = example(Form::Toml, "toml");
    assert_eq!(toml.as_ref().map(Vec::len), Ok(2));
    assert_eq!(example(Form::Yaml, "yaml"), toml);
    assert_eq!(example(Form::Json, "json"), toml);
}

#[test]
fn the_suffix_tells_the_form() {
    let table = [
        ("m.toml", Form::Toml),
        ("m", Form::Toml),
        ("m.conf", Form::Toml),
        ("m.json", Form::Json),
        ("m.yaml", Form::Yaml),
        ("m.YML", Form::Yaml),
        (".yaml", Form::Toml),
    ];
    for (path, form) in table {
        assert_eq!(Form::of(Path::new(path)), form, "{path}");
    }
}

#[test]
fn defaults_are_merged_into_the_command_line() {
    let lines = r#"defaults
        region = "eu-central-1"
        proxy = "new"
        proxy_auth = "iam"
        runtime = "nodejs22.x"
        set_env = true
        wait = true
        tags.Team = "shop"
        connection
        - cluster = "orders"
        function = "checkout"
        tags.team = "checkout"
        - instance = "ledger"
        function = "new:invoices"
        proxy = "none"
        region = "eu-west-1"
        set_env = false
        name = "ledger"
        - cluster = "orders"
        function = "refunds"
        iam_auth = "disabled"
        proxy = "new:refunds"
        timeout = "45m"
        db_user = "-x=y z"
        set_env = false"#;
    for (form, text) in forms(lines) {
        let listed = parse_for_setup(form, &text, None, &crate::cli::check_setup).unwrap();
        let arguments: Vec<&[String]> = listed.iter().map(|listed| listed.arguments.as_slice()).collect();
        assert_eq!(
            arguments,
            [
                vec![
                    "setup",
                    "--cluster=orders",
                    "--function=checkout",
                    "--proxy=new",
                    "--set-env",
                    "--proxy-auth=iam",
                    "--wait",
                    "--tag=team=checkout"
                ],
                vec![
                    "setup",
                    "--instance=ledger",
                    "--function=new:invoices",
                    "--proxy=none",
                    "--runtime=nodejs22.x",
                    "--wait",
                    "--tag=Team=shop"
                ],
                vec![
                    "setup",
                    "--cluster=orders",
                    "--function=refunds",
                    "--proxy=new:refunds",
                    "--iam-auth=disabled",
                    "--db-user=-x=y z",
                    "--wait",
                    "--timeout=45m",
                    "--tag=Team=shop"
                ],
            ],
            "{text}"
        );
        let regions = listed.iter().map(|listed| listed.entry.place.region.as_deref());
        assert_eq!(
            regions.collect::<Vec<_>>(),
            [Some("eu-central-1"), Some("eu-west-1"), Some("eu-central-1")]
        );
        let entries: Vec<Entry> = listed.into_iter().map(|listed| listed.entry).collect();
        assert_eq!(parse(form, &text, None).unwrap(), entries);
    }
}

/// Mistakes that `drift` reports, too.
#[test]
fn mistakes_are_reported_by_line_in_each_form() {
    let table: &[(&str, &[&str])] = &[
        (
            "connection\n- cluster = \"a\"\ninstance = \"b\"\nfunction = \"f\"\n- function = \"f g\"",
            &[
                "line 2: expected cluster or instance, found both",
                "line 6: expected cluster or instance, found neither",
                "line 7: function: expected a name, a partial or a full ARN, found \"f g\"",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\n- cluster = \"A\"\nfunction = \"f\"",
            &["line 5: cluster/a:function/f is listed already, in line 2"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nregion = \"eu-west-1\"\n- cluster = \"arn:aws:rds:eu-west-1:123456789012:cluster:a\"\nfunction = \"arn:aws:lambda:eu-west-1:123456789012:function:f\"",
            &["line 6: cluster/a:function/f is listed already, in line 2"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nname = \"n\"\n- cluster = \"b\"\nfunction = \"f\"\nname = \"n\"",
            &["line 9: the name n is taken already, in line 5"],
        ),
        (
            "connection\n- cluster = 7\nfunktion = \"f\"\ndb-user = \"x\"\nname = \"\"",
            &[
                "line 2: expected function, found none",
                "line 3: cluster: expected a text in quotes, found the number 7",
                "line 4: there is no key funktion: is it function?",
                "line 5: there is no key db-user: is it db_user?",
                "line 6: name is empty",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\ndb_password = \"geheim\"\nset_env = \"yes\"\nproxy_auth = \"none\"\ntags.a = 1\nproxy = true",
            &[
                "line 5: db_password is not read: a manifest holds no password. setup asks for it; or name a secret with the key secret",
                "line 6: set_env: expected true or false, found \"yes\"",
                "line 7: proxy_auth: expected secret or iam, found \"none\"",
                "line 8: tag a: expected a text in quotes, found the number 1",
                "line 9: proxy: expected a text, found true",
            ],
        ),
        (
            "defaults\ncluster = \"a\"\nrole_arn = \"r\"\nregion = \"eu-west-1\"\nconnection\n- cluster = \"arn:aws:rds:eu-central-1:123456789012:cluster:a\"\nfunction = \"f:live\"",
            &[
                "line 2: cluster is for a connection: it has no default",
                "line 3: role_arn: expected the ARN of a role, such as arn:aws:iam::123456789012:role/drift, found r",
                "line 7: cluster: ",
                "line 8: function: live is a version or an alias",
            ],
        ),
    ];
    for (lines, expected) in table {
        for (form, text) in forms(lines) {
            for found in [mistakes(form, &text), mistakes_for_setup(form, &text)] {
                assert_eq!(found.len(), expected.len(), "{form:?} {text}\n{found:#?}");
                for (found, expected) in found.iter().zip(*expected) {
                    assert!(found.starts_with(expected), "{form:?} {text}\n{found:#?}");
                }
            }
        }
    }
}

/// Mistakes that only `setup` reports.
#[test]
fn options_are_checked_as_the_command_line_checks_them() {
    let table: &[(&str, &[&str])] = &[
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nproxy = \"p\"\nsecret = \"s\"",
            &["line 6: secret is for a proxy that is created (proxy new), or for set_env without a proxy"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nruntime = \"python3.14\"\ntimeout = \"soon\"\ntags.a,b = \"c\"\nregion = \"Frankfurt\"",
            &[
                "line 5: runtime: expected a Node.js runtime",
                "line 6: timeout: expected a time from 1s to 168h",
                "line 7: tags: expected letters",
                "line 8: region: expected the name of a Region",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\ncross_vpc = true\nset_env = true",
            &["line 5: 'cross_vpc' cannot be used with 'set_env'"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\noverwrite_env = true",
            &["line 5: overwrite_env needs set_env"],
        ),
        (
            "defaults\nproxy = \"-\"\nproxy_role = \"r\"\nconnection\n- cluster = \"a\"\nfunction = \"f\"\n- cluster = \"b\"\nfunction = \"f\"",
            &[
                "line 2: proxy: expected none, new, new:NAME",
                "line 3: proxy_role: expected the ARN of a role",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nregion = \"eu-west-1\"\n- cluster = \"a\"\nfunction = \"f\"\nregion = \"eu-central-1\"",
            &[
                "line 6: cluster/a:function/f is the name of the connection in line 2 as well: give this one another name",
            ],
        ),
        // Contradictions.
        (
            "defaults\nproxy = \"p\"\nconnection\n- cluster = \"a\"\nfunction = \"f\"\n- cluster = \"b\"\nfunction = \"f\"",
            &["line 7: proxy p is for cluster/a in line 4, and for cluster/b here: a proxy is for one database"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nproxy = \"new:p\"\n- cluster = \"b\"\nfunction = \"f\"\nproxy = \"P\"",
            &["line 9: proxy P is for cluster/a in line 2, and for cluster/b here: a proxy is for one database"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nproxy = \"new:p\"\nsecret = \"s\"\n- cluster = \"a\"\nfunction = \"g\"\nproxy = \"new:p\"\nsecret = \"t\"\n- cluster = \"a\"\nfunction = \"h\"\nproxy = \"new:p\"\nproxy_auth = \"iam\"",
            &[
                "line 11: both create the proxy p: secret is s in line 2, and t here",
                "line 16: both create the proxy p: proxy_auth is secret in line 2, and iam here",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nproxy = \"autoconnect-a\"\niam_auth = \"required\"\n- cluster = \"a\"\nfunction = \"g\"\nproxy = \"new\"\niam_auth = \"disabled\"",
            &["line 6: iam_auth is required here, and line 7 creates the proxy autoconnect-a without it"],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"new:f\"\n- cluster = \"b\"\nfunction = \"f\"\n- cluster = \"c\"\nfunction = \"new:f\"\nruntime = \"nodejs22.x\"",
            &[
                "line 7: line 2 creates the function f: name it new:f here, too",
                "line 11: both create the function f: runtime is left out in line 2, and nodejs22.x here",
            ],
        ),
        (
            "connection\n- cluster = \"a\"\nfunction = \"f\"\nset_env = true\n- cluster = \"b\"\nfunction = \"f\"\nset_env = true",
            &["line 9: set_env is set for the function f in line 2 as well"],
        ),
    ];
    for (lines, expected) in table {
        for (form, text) in forms(lines) {
            let found = mistakes_for_setup(form, &text);
            assert_eq!(found.len(), expected.len(), "{form:?} {text}\n{found:#?}");
            for (found, expected) in found.iter().zip(*expected) {
                assert!(found.starts_with(expected), "{form:?} {text}\n{found:#?}");
            }
        }
    }
}

#[test]
fn connections_that_agree_share_proxies_and_functions() {
    let lines = r#"connection
        - cluster = "a"
        function = "f"
        proxy = "new"
        secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-a1b2c3"
        iam_auth = "required"
        db_user = "one"
        - cluster = "A"
        function = "g"
        proxy = "new:autoconnect-a"
        secret = "app"
        iam_auth = "required"
        db_user = "two"
        - cluster = "a"
        function = "h"
        proxy = "autoconnect-a"
        - cluster = "b"
        function = "f"
        proxy = "autoconnect-a"
        region = "eu-west-1""#;
    for (form, text) in forms(lines) {
        let listed = parse_for_setup(form, &text, None, &crate::cli::check_setup);
        assert_eq!(listed.map(|listed| listed.len()), Ok(4), "{text}");
    }
}

#[test]
fn a_version_or_an_alias_is_refused() {
    let of = |function: &str| format!("[[connection]]\ncluster = \"a\"\nfunction = \"{function}\"\n");
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    for (function, qualifier) in [
        ("f", "live"),
        ("f", "7"),
        ("123456789012:function:f", "live"),
        (arn, "live"),
    ] {
        let found = mistakes(Form::Toml, &of(&format!("{function}:{qualifier}")));
        let expected = format!("line 3: function: {qualifier} is a version or an alias");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
        assert!(
            found[0].ends_with(&format!("name the function as {function}")),
            "{found:?}"
        );
    }
    for function in ["f", "function:f", arn] {
        let latest = format!("{function}:$LATEST");
        for (text, expected) in [(function, function), (&latest, function)] {
            let entries = parse(Form::Toml, &of(text), None).unwrap();
            assert_eq!(entries[0].connection.function, expected, "{text}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_wrong_shape_is_reported_by_line() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    let table = [
        (Form::Toml, "\n[[connection]\n".to_owned(), "line 2: "),
        (
            Form::Toml,
            "[connection]\ncluster = \"a\"\n".to_owned(),
            "line 1: connection: expected a list of connections, found a table",
        ),
        (
            Form::Toml,
            "[[connection]]\nfunction = \"f\"\nfunction = \"g\"\n".to_owned(),
            "line 3: duplicate key",
        ),
        (
            Form::Toml,
            "\nconnections = []\n".to_owned(),
            "line 2: there is no key connections",
        ),
        (Form::Toml, "a = 2026-01-01".to_owned(), "line 1: there is no key a"),
        (Form::Toml, format!("a = {}", deep("[", "]")), "line 1: "),
        (
            Form::Toml,
            "connection = [\n1]".to_owned(),
            "line 2: expected a connection with its keys, found the number 1",
        ),
        (
            Form::Yaml,
            "connection:\n  - cluster: a\n   function: f\n".to_owned(),
            "line ",
        ),
        (
            Form::Yaml,
            "connection:\n  - cluster: a\n    function: f\n    function: g\n".to_owned(),
            "line 4: function is given twice, first in line 3",
        ),
        (
            Form::Yaml,
            "connection: []\nconnection: []\n".to_owned(),
            "line 2: connection is given twice",
        ),
        (
            Form::Yaml,
            "a: &a [x, x]\nb: &b [*a, *a]\n".to_owned(),
            "line 1: anchors and aliases are not read",
        ),
        (Form::Yaml, "connection:\n- cluster: *a\n".to_owned(), "line 2: "),
        (
            Form::Yaml,
            "defaults:\n  region: !!binary YQ==\n".to_owned(),
            "line 2: tags of YAML",
        ),
        (
            Form::Yaml,
            "---\na: 1\n---\nb: 1\n".to_owned(),
            "line 3: expected one document",
        ),
        (
            Form::Yaml,
            "? [a]\n: b\n".to_owned(),
            "line 1: expected a text as a key",
        ),
        (
            Form::Yaml,
            "- cluster: a\n".to_owned(),
            "line 1: expected a table with the list connection, found a list",
        ),
        (Form::Yaml, "just a text".to_owned(), "line 1: expected a table"),
        (Form::Yaml, deep("[", "]"), "line 1: a manifest is not nested so deeply"),
        (
            Form::Yaml,
            deep("{a: ", "}"),
            "line 1: a manifest is not nested so deeply",
        ),
        (
            Form::Yaml,
            format!("connection:\n{}", "- ".repeat(50_000)),
            "line 2: a manifest is not nested so deeply",
        ),
        (
            Form::Yaml,
            "connection:\n- cluster: \"a\\0\"\n  function: f\n".to_owned(),
            "line 2: cluster contains a control character",
        ),
        (
            Form::Yaml,
            "connection:\n- cluster: a\n  function: |\n    f\n".to_owned(),
            "line 3: function contains a control character",
        ),
        (
            Form::Yaml,
            "connection:\n- cluster:\n  function: f\n".to_owned(),
            "line 2: cluster: expected a text in quotes, found nothing",
        ),
        (Form::Json, String::new(), "line 1: EOF while parsing a value"),
        (
            Form::Json,
            "{\n\"connection\": [],\n}".to_owned(),
            "line 3: trailing comma",
        ),
        (Form::Json, "{}\n{}".to_owned(), "line 2: trailing characters"),
        (
            Form::Json,
            "{\"connection\": [{\"cluster\": \"a\",\n\"cluster\": \"b\", \"function\": \"f\"}]}".to_owned(),
            "line 2: cluster is given twice, first in line 1",
        ),
        (
            Form::Json,
            "{\"connection\": [{\"cluster\": \"a\",\n\"function\": \"f\\u0000\"}]}".to_owned(),
            "line 2: function contains a control character",
        ),
        (
            Form::Json,
            "{\"connection\":\n7\n}".to_owned(),
            "line 1: connection: expected a list of connections, found the number 7",
        ),
        (Form::Json, deep("[", "]"), "line 1: a manifest is not nested so deeply"),
        (Form::Json, deep("{\"a\":", "}"), "line 1: "),
    ];
    for (form, text, expected) in table {
        let started = Instant::now();
        for found in [mistakes(form, &text), mistakes_for_setup(form, &text)] {
            let shown: String = text.chars().take(80).collect();
            assert!(found[0].starts_with(expected), "{form:?} {shown}\n{found:#?}");
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{form:?} {expected}");
    }
}

#[test]
fn a_huge_manifest_is_read_and_its_mistakes_are_not_all_told() {
    for form in FORMS {
        let lines = (0..20_000).fold(String::new(), |lines, at| {
            lines + &format!("- cluster = \"c\"\nfunction = \"f{at}\"\n")
        });
        let text = &forms(&format!("connection\n{lines}"))[form as usize].1;
        assert_eq!(parse(form, text, None).map(|entries| entries.len()), Ok(20_000));
        let text = text.replace("\"c\"", "7");
        let error = mistaken(Path::new("m"), parse(form, &text, None).unwrap_err()).to_string();
        assert!(error.ends_with("; and 19900 more"), "{error}");
        let long = format!(
            "connection\n- cluster = \"{}\"\nfunction = \"f\"",
            "a".repeat(5_000_000)
        );
        let found = mistakes(form, &forms(&long)[form as usize].1);
        assert_eq!(found, ["line 3: cluster has more than 2048 bytes"]);
    }
}

#[test]
fn texts_of_yaml_are_what_its_core_schema_says() {
    let cluster = |value: &str| {
        parse(
            Form::Yaml,
            &format!("connection: [{{cluster: {value}, function: f}}]"),
            None,
        )
    };
    for text in [
        "no",
        "on",
        "1a",
        "0x",
        "1_000",
        "'7'",
        "\"true\"",
        "2026-01-01",
        "1.2.3",
    ] {
        let entries = cluster(text).unwrap();
        assert_eq!(entries[0].connection.database, text.trim_matches(['\'', '"']), "{text}");
    }
    for text in [
        "7", "-1", "1.5", "1e3", ".5", "0x1f", "0o17", ".inf", ".nan", "true", "False", "null", "~", "",
    ] {
        assert!(cluster(text).is_err(), "{text}");
    }
}

#[test]
fn the_loader_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.yaml");
    let load = |text: &[u8]| {
        std::fs::write(&path, text).unwrap();
        load_for_setup(&path, None, &|_| Ok(())).map_err(|error| error.to_string())
    };
    let name = path.display();
    assert_eq!(
        load(b"connection: []"),
        Err(format!("{name}: expected at least one connection, found none"))
    );
    assert!(
        load(b"connection:\n- 7")
            .unwrap_err()
            .starts_with(&format!("{name}: line 2: "))
    );
    assert!(load(b"\xff").unwrap_err().starts_with("cannot read the manifest"));
    let listed = load("\u{feff}connection:\r\n- cluster: orders\r\n  function: checkout\r\n".as_bytes()).unwrap();
    assert_eq!(
        listed[0].arguments,
        ["setup", "--cluster=orders", "--function=checkout"]
    );
    assert_eq!(listed[0].spot, Spot::Line(2));
}

/// Any text that can stand in a manifest, and some that cannot.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}",
        Just("new".to_owned()),
        Just("none".to_owned()),
        Just("new:f".to_owned()),
        "\\PC{1,6}",
        any::<String>().prop_map(|text| text.chars().take(8).collect()),
    ]
}

fn any_table() -> impl Strategy<Value = Map<String, Value>> {
    const TEXTS: [&str; 8] = [
        "name", "region", "profile", "proxy", "secret", "db_user", "runtime", "timeout",
    ];
    let value = prop_oneof![
        (proptest::sample::select(&TEXTS[..]), any_text().prop_map(Value::String)),
        (
            proptest::sample::select(&["set_env", "overwrite_env", "attach_vpc", "cross_vpc", "repair", "wait"][..]),
            any::<bool>().prop_map(Value::Bool)
        ),
        (
            Just("tags"),
            proptest::collection::btree_map(any_text(), any_text(), 0..3).prop_map(|tags| json!(tags))
        ),
    ];
    let fields = proptest::collection::vec(value, 0..5);
    (fields, any_text(), any_text()).prop_map(|(fields, cluster, function)| {
        let ends = [("cluster", json!(cluster)), ("function", json!(function))];
        let fields = fields.into_iter().chain(ends);
        fields.map(|(key, value)| (key.to_owned(), value)).collect()
    })
}

/// Options with values that `setup` takes, and may not take together.
fn sensible_table() -> impl Strategy<Value = Map<String, Value>> {
    const FLAGS: [&str; 7] = [
        "cross_vpc",
        "set_env",
        "overwrite_env",
        "attach_vpc",
        "repair",
        "wait",
        "no_diagnose",
    ];
    const TEXTS: [(&str, &str); 12] = [
        ("proxy", "none"),
        ("proxy", "new"),
        ("proxy", "p"),
        ("proxy_auth", "secret"),
        ("proxy_auth", "iam"),
        ("iam_auth", "required"),
        ("iam_auth", "disabled"),
        ("secret", "s"),
        ("db_user", "u"),
        ("proxy_role", "arn:aws:iam::123456789012:role/proxy"),
        ("runtime", "nodejs22.x"),
        ("timeout", "5m"),
    ];
    let text = proptest::sample::select(&TEXTS[..]).prop_map(|(key, text)| (key, json!(text)));
    let flag = (proptest::sample::select(&FLAGS[..]), any::<bool>()).prop_map(|(key, flag)| (key, json!(flag)));
    let fields = proptest::collection::vec(prop_oneof![3 => text, 2 => flag], 0..6);
    fields.prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Without lines, which differ from form to form.
fn comparable(read: Result<Vec<Listed>, Vec<Mistake>>) -> Result<Vec<(Entry, Vec<String>)>, BTreeSet<String>> {
    let line = regex::Regex::new("line [0-9]+").unwrap();
    match read {
        Ok(listed) => Ok(listed
            .into_iter()
            .map(|listed| (listed.entry, listed.arguments))
            .collect()),
        Err(mistakes) => {
            let messages = mistakes
                .iter()
                .map(|mistake| line.replace_all(&mistake.message, "line").into_owned());
            Err(messages.collect())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_three_forms_of_a_manifest_are_equal(
        connections in proptest::collection::vec(any_table(), 0..4),
        defaults in proptest::option::of(any_table()),
    ) {
        let mut manifest = json!({"connection": connections});
        if let Some(mut defaults) = defaults {
            for key in ["name", "cluster", "function"] {
                defaults.remove(key);
            }
            manifest["defaults"] = Value::Object(defaults);
        }
        let texts = [
            (Form::Toml, toml::to_string(&manifest).unwrap()),
            (Form::Json, serde_json::to_string_pretty(&manifest).unwrap()),
            (Form::Yaml, yaml(&manifest, 0)),
        ];
        let [toml, others @ ..] = texts.map(|(form, text)| {
            (comparable(parse_for_setup(form, &text, None, &crate::cli::check_setup)), text)
        });
        for (read, text) in others {
            prop_assert_eq!(&toml.0, &read, "{}\n{}", &toml.1, text);
        }
    }

    /// A connection that names its proxy and that `setup` takes is still taken with defaults, and keeps its own values.
    #[test]
    fn defaults_make_no_connection_wrong(own in sensible_table(), defaults in sensible_table(), is_new in any::<bool>()) {
        let mut own = own;
        own.entry("proxy").or_insert(json!("none"));
        own.insert("cluster".to_owned(), json!("orders"));
        own.insert("function".to_owned(), json!(if is_new { "new:f" } else { "f" }));
        let text = |defaults: &Map<String, Value>| json!({"defaults": defaults, "connection": [own]}).to_string();
        let arguments = |defaults: &Map<String, Value>| {
            let listed = parse_for_setup(Form::Json, &text(defaults), None, &crate::cli::check_setup);
            listed.map(|listed| listed[0].arguments.clone())
        };
        if let Ok(alone) = arguments(&Map::new()) {
            let both = arguments(&defaults);
            prop_assert!(both.is_ok(), "{} {both:?}", text(&defaults));
            let both = both.unwrap();
            prop_assert!(alone.iter().all(|argument| both.contains(argument)), "{alone:?} {both:?}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), lines in "([-a-z:&*!|>{}\\[\\]\"'#, =\n]|connection|defaults){0,40}") {
        for text in [text, lines] {
            for form in FORMS {
                let _ = parse_for_setup(form, &text, None, &|_| Ok(()));
            }
        }
    }
}

/// Block style, with texts as double-quoted scalars.
fn yaml(value: &Value, depth: usize) -> String {
    let line = format!("\n{}", "  ".repeat(depth));
    match value {
        Value::Object(fields) if !fields.is_empty() => fields.iter().fold(String::new(), |text, (key, value)| {
            text + &line + &quoted(key) + ": " + &yaml(value, depth + 1)
        }),
        Value::Array(values) if !values.is_empty() => values.iter().fold(String::new(), |text, value| {
            text + &line + "-" + &yaml(value, depth + 1)
        }),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | ':' | ' ' => c.to_string(),
        c => format!("\\U{:08X}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
