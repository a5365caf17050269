//! Completion in the shells themselves. bash is everywhere; zsh and fish are asked where they are, and `.ci/run` installs them.

use std::fs;
use std::process::{Command, Stdio};

use super::{Shell, program};
use crate::thorough::thoroughly;

const HOSTILE: [&str; 6] = ["$(touch pwned)", "`touch pwned`", "a b", "a'b\"c", "x;touch pwned", "*"];

/// bash, with the line that a person has typed up to the cursor.
const BASH: &str = r#"
source <(autoconnect completions bash)
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$1 COMP_POINT=${#1}
complete -p autoconnect >/dev/null
_autoconnect
for fit in "${COMPREPLY[@]}"; do printf '%s\n' "$fit"; done
"#;

/// zsh: what its own functions would show is printed instead.
const ZSH: &str = r#"
compdef() { : }
compset() { : }
_files() { print files }
_describe() { local fit; for fit in "${(@P)3}"; do print -r -- "${${fit%%[^\\]:*}}${${(M)fit%%[^\\]:*}[1]}"; done }
source <(autoconnect completions zsh)
words=("${(@z)1}")
[[ $1 == *' ' ]] && words+=("")
CURRENT=$#words PREFIX=${words[-1]}
_autoconnect
"#;

const FISH: &str = r"
autoconnect completions fish | source
for fit in (complete --do-complete $argv[1])
    echo (string split --max 1 \t -- $fit)[1]
end
";

/// A `PATH` on which the program is.
fn bin(shell: &Shell) -> String {
    let bin = shell.folder.path().join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(program(), bin.join("autoconnect")).unwrap();
    }
    format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())
}

/// What a shell offers for a line, in the folder of `shell`.
fn offered(shell: &Shell, name: &str, line: &str) -> Vec<String> {
    let folder = shell.folder.path();
    let script: &[&str] = match name {
        "bash" => &["--norc", "--noprofile", "-c", BASH, "bash"],
        "zsh" => &["-f", "-c", ZSH, "zsh"],
        "fish" => &["--no-config", "-c", FISH],
        _ => unreachable!("{name}"),
    };
    let output = Command::new(name)
        .args(script)
        .arg(line)
        .env_clear()
        .env("PATH", bin(shell))
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}: {line}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| line.trim_end_matches('\\').to_owned())
        .collect()
}

/// The shells that are here. `.ci/run` has all of them.
fn shells() -> Vec<&'static str> {
    let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found: Vec<&str> = ["bash", "zsh", "fish"].into_iter().filter(is_here).collect();
    assert!(found.contains(&"bash"), "{found:?}");
    if thoroughly([false, true, true]) {
        assert_eq!(found, ["bash", "zsh", "fish"], ".ci/shells installs them");
    }
    found
}

#[test]
fn names_come_from_the_account_on_the_line() {
    let shell = Shell::new();
    for name in shells() {
        let offered = |line: &str| offered(&shell, name, &format!("autoconnect {line}"));
        let offline = "setup --offline account.json";
        assert_eq!(
            offered(&format!("{offline} --cluster ")),
            ["archive", "orders"],
            "{name}"
        );
        assert_eq!(offered(&format!("{offline} --cluster o")), ["orders"], "{name}");
        // Members of clusters are not among them.
        assert_eq!(
            offered(&format!("{offline} --instance ")),
            ["inventory", "ledger"],
            "{name}"
        );
        assert_eq!(offered(&format!("{offline} --function c")), ["checkout"], "{name}");
        assert_eq!(
            offered(&format!("{offline} --proxy ")),
            ["none", "new", "orders-proxy"],
            "{name}"
        );
        assert_eq!(
            offered("diagnose --offline network.json --cluster orders --function le"),
            ["ledger-sync", "legacy"],
            "{name}"
        );
        assert_eq!(offered("list --offline nowhere.json --cluster "), [""; 0], "{name}");
        assert_eq!(offered("setup --cluster "), [""; 0], "{name}: no account");
        let arns = offered("msk check --offline msk.json --cluster-arn ");
        assert_eq!(arns.len(), 5, "{name}: {arns:?}");
    }
}

#[test]
fn commands_and_options_come_from_the_program() {
    let shell = Shell::new();
    for name in shells() {
        let offered = |line: &str| offered(&shell, name, &format!("autoconnect {line}"));
        assert_eq!(offered("l"), ["list"], "{name}");
        assert_eq!(offered("policy ope"), ["operator"], "{name}");
        assert_eq!(offered("list --fail"), ["--fail-on-empty"], "{name}");
        assert_eq!(offered("list --output "), ["text", "json"], "{name}");
        assert!(
            !offered("").iter().any(|fit| fit == "options" || fit.starts_with('-')),
            "{name}"
        );
        let all = offered("cleanup --");
        assert!(
            all.iter().any(|fit| fit == "--dry-run") && all.iter().any(|fit| fit == "--offline"),
            "{name}: {all:?}"
        );
    }
    assert_eq!(
        offered(&shell, "bash", "autoconnect list --offline=account.json --cluster=o"),
        ["orders"]
    );
    fs::copy(
        shell.folder.path().join("account.json"),
        shell.folder.path().join("my account.json"),
    )
    .unwrap();
    let quoted = "autoconnect list --offline 'my account.json' --cluster o";
    assert_eq!(offered(&shell, "bash", quoted), ["orders"]);
    assert_eq!(offered(&shell, "bash", "LANG=C autoconnect l"), ["list"]);
    // The names would be those of another account.
    assert!(offered(&shell, "bash", "AWS_PROFILE=live autoconnect list --cluster ").is_empty());
}

#[test]
fn hostile_names_reach_no_shell() {
    let shell = Shell::new();
    shell.edit(|account| {
        for hostile in HOSTILE {
            let mut function = account["Functions"][4].clone();
            function["FunctionName"] = hostile.into();
            account["Functions"].as_array_mut().unwrap().push(function);
        }
    });
    let listed = shell.run("list --offline account.json");
    assert_eq!(listed.status, Some(0), "{}", listed.stderr);
    for name in shells() {
        let all = offered(&shell, name, "autoconnect attach --offline account.json --function ");
        assert!(
            all.iter().all(|fit| !HOSTILE.contains(&fit.as_str())),
            "{name}: {all:?}"
        );
        // Those that AWS allows are still there.
        assert_eq!(all.len(), 5, "{name}: {all:?}");
        for typed in HOSTILE.map(|name| name.replace(' ', "\\ ")) {
            for line in [
                format!("autoconnect list --offline {typed} --cluster "),
                format!("autoconnect {typed} --cluster "),
                format!("autoconnect list --offline account.json --cluster {typed}"),
            ] {
                offered(&shell, name, &line);
            }
        }
        assert!(!shell.folder.path().join("pwned").exists(), "{name}");
    }
}

/// Measured as processor time: other tests run beside this one.
#[test]
fn an_answer_on_a_file_takes_less_than_a_tenth_of_a_second() {
    const TIMED: &str = r"
        TIMEFORMAT='%3U %3S'
        time for _ in 1 2 3 4 5 6 7 8 9 10; do
            autoconnect __complete zsh autoconnect setup --offline account.json --cluster o
        done
    ";
    let shell = Shell::new();
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", TIMED])
        .env_clear()
        .env("PATH", bin(&shell))
        .current_dir(&shell.folder)
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    assert_eq!(stdout.unwrap(), "values\norders\n".repeat(10));
    let seconds = stderr.unwrap();
    let seconds: f64 = seconds
        .split_whitespace()
        .map(|part| part.parse::<f64>().unwrap())
        .sum();
    assert!(seconds / 10.0 < 0.1, "{seconds} s for ten");
}
