//! Files that the program writes, by their many names, and by many processes at once.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Run, Shell};

fn is_snapshot(text: &str) {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(document["FormatVersion"], 1);
}

const SNAPSHOT: &str = "snapshot --offline account.json";

#[cfg(unix)]
#[test]
fn a_snapshot_goes_where_it_is_sent() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let shell = Shell::new();
    let at = |name: &str| shell.folder.path().join(name);
    for out in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        if !out.starts_with("/proc") || Path::new("/proc/self/fd").exists() {
            for output in ["text", "json"] {
                let run = shell.run(&format!("{SNAPSHOT} --out {out} --output {output}"));
                is_snapshot(&run.stdout);
                assert!(run.stderr.contains("Wrote "), "{}", run.stderr);
            }
        }
    }
    let run = shell.run(&format!("{SNAPSHOT} --out snapshot.json"));
    assert!(run.stdout.contains("Wrote snapshot.json: "), "{}", run.stdout);
    is_snapshot(&fs::read_to_string(at("snapshot.json")).unwrap());
    assert_eq!(
        fs::metadata(at("snapshot.json")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let document = shell
        .run(&format!("{SNAPSHOT} --out snapshot.json --output json"))
        .json();
    assert_eq!(
        (&document["account"], &document["file"]),
        (&"123456789012".into(), &"snapshot.json".into())
    );

    assert_eq!(shell.run(&format!("{SNAPSHOT} --out /dev/null")).status, Some(0));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let run = shell.run(&format!("{SNAPSHOT} --out . --output json"));
    assert_eq!((run.status, &run.json()["error"]["code"]), (Some(1), &"output".into()));
    let run = shell.run(&format!("{SNAPSHOT} --out x.json --vpc vpc-404 --output json"));
    assert_eq!(
        (run.status, &run.json()["error"]["code"]),
        (Some(1), &"vpc-not-found".into())
    );
    assert!(!at("x.json").exists());
}

/// Every option that names a file to write, beside every one that names a file to read.
#[test]
fn results_replace_nothing_that_is_read() {
    let shell = Shell::new();
    let path = |name: &str| shell.folder.path().join(name);
    let connection = "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n";
    let states = "terraform_state = \"state.tfstate\"\n";
    for (name, content) in [
        ("state.tfstate", r#"{"version": 4, "resources": []}"#),
        ("template.yaml", "Resources: {}\n"),
        ("connections.toml", connection),
        ("stacks.toml", &format!("{connection}{states}")),
        ("state.json", ""),
        ("empty.toml", ""),
    ] {
        fs::write(path(name), content).unwrap();
    }
    let sources = [
        ("account.json", ""),
        ("state.tfstate", "--terraform-state state.tfstate"),
        ("template.yaml", "--template shop=template.yaml"),
        ("connections.toml", "--manifest connections.toml"),
        ("state.json", "--state-file state.json"),
    ];
    let setup = "setup --cluster orders --function checkout --out";
    let cases = [
        ("report --out", &sources[..], "usage"),
        ("drift --metrics-file", &sources, "usage"),
        (
            "drift --allow-empty --manifest empty.toml --state-file",
            &[("empty.toml", "")],
            "usage",
        ),
        (
            "drift --state-file new.json --metrics-file",
            &[("new.json", "")],
            "usage",
        ),
        (setup, &sources[..2], "usage"),
        ("setup --out", &sources[3..4], "usage"),
        (
            "export --format cloudformation --resources-to-import",
            &sources[3..4],
            "usage",
        ),
        (
            "export --all --format cloudformation --resources-to-import",
            &sources[..1],
            "usage",
        ),
        ("snapshot --out", &sources[..1], "usage"),
        ("cleanup --out", &sources[..1], "usage"),
        // Files that a manifest names are known when it was read.
        ("setup --manifest stacks.toml --out", &[("state.tfstate", "")], "output"),
    ];
    for (command, named, code) in cases {
        for (file, option) in named {
            let before = fs::read(path(file)).ok();
            let run = shell.run(&format!("{command} ./{file} {option} --offline account.json"));
            assert_eq!(run.status, Some(1), "{command} {option}: {}{}", run.stdout, run.stderr);
            let error = format!("error[{code}]: ");
            assert!(run.stderr.contains(&error), "{command} {option}: {}", run.stderr);
            assert_eq!(fs::read(path(file)).ok(), before, "{command} {option}");
        }
    }
}

/// Two documents on one standard output are none.
#[test]
fn nothing_is_mixed_with_the_result() {
    let shell = Shell::new();
    let names: &[&str] = if cfg!(unix) { &["-", "/dev/stdout"] } else { &["-"] };
    for command in [
        "drift --offline account.json --metrics-file",
        "drift --offline account.json --output json --metrics-file",
        "drift --offline account.json --output ndjson --metrics-file",
        "export --offline account.json --all --format cloudformation --resources-to-import",
    ] {
        for name in names {
            let run = shell.run(&format!("{command} {name}"));
            assert_eq!(run.status, Some(1), "{command} {name}: {}", run.stdout);
            assert!(run.stderr.contains("error[usage]: "), "{command}: {}", run.stderr);
            assert!(
                run.stderr
                    .contains("names a file: the result is on standard output\nhint: name another file"),
                "{command}: {}",
                run.stderr
            );
        }
    }
}

/// An export replaces an export, and no file of anybody else.
#[test]
fn exports_replace_exports_only() {
    const ALL: &str = "export --offline account.json --all --format terraform --out code";
    let shell = Shell::new();
    let path = |name: &str| shell.folder.path().join(name);
    fs::create_dir(path("code")).unwrap();
    fs::write(path("code/variables.tf"), "# mine\n").unwrap();
    let refused = shell.run(ALL);
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    assert!(
        refused
            .stderr
            .contains("code/variables.tf exists, and autoconnect did not write it"),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read_to_string(path("code/variables.tf")).unwrap(), "# mine\n");
    assert!(!path("code/versions.tf").exists());

    fs::remove_file(path("code/variables.tf")).unwrap();
    for _ in 0..2 {
        let written = shell.run(ALL);
        assert_eq!((written.status, written.stderr.as_str()), (Some(0), ""));
    }
    fs::write(path("code/proxies.tf"), "# of an earlier export\n").unwrap();
    let stays = shell.run(ALL);
    assert!(
        stays.stderr.contains("code/proxies.tf is of an earlier export"),
        "{}",
        stays.stderr
    );

    let both = "export --offline account.json --all --format cloudformation --out stack --resources-to-import ./stack/template.yaml";
    let refused = shell.run(both);
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    assert!(!path("stack/template.yaml").exists());
}

/// Six processes connect six functions at once, each again until its result is `connected`. Each that reports so is
/// connected.
#[test]
fn processes_on_one_account_file_lose_nothing() {
    let shell = Shell::new();
    shell.edit(|account| {
        account["SettlesAfterReads"] = 0.into();
        let functions = account["Functions"].as_array_mut().unwrap();
        let stock = functions
            .iter()
            .find(|function| function["FunctionName"] == "stock-sync")
            .unwrap()
            .clone();
        for number in 0..6 {
            let mut function = stock.clone();
            function["FunctionName"] = format!("stock-{number}").into();
            functions.push(function);
        }
    });
    let connect =
        |number: usize| format!("setup --offline account.json --instance inventory --function stock-{number}");
    let again = |number: usize| -> Run { shell.run(&format!("{} --yes --no-wait --output json", connect(number))) };
    std::thread::scope(|scope| {
        for number in 0..6 {
            let again = &again;
            scope.spawn(move || {
                // Someone else can be faster several times.
                for _ in 0..200 {
                    let run = again(number);
                    if run.status == Some(0) {
                        return;
                    }
                    let code = run.json()["error"]["code"].clone();
                    let expected: [Value; 2] = ["account-file".into(), "busy".into()];
                    assert!(expected.contains(&code), "{}{}", run.stdout, run.stderr);
                }
                panic!("stock-{number} is not connected after 200 runs");
            });
        }
    });
    for number in 0..6 {
        let run = shell.run(&format!("{} --dry-run --output json", connect(number)));
        assert_eq!(run.json()["decision"], "no-op", "stock-{number}: {}", run.stdout);
    }
    let left = fs::read_dir(&shell.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
}
