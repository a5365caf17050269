//! The commands of the pages: those of `console` blocks are run and their output compared, all others are read by the
//! program's own parser.
//!
//! A page's `console` blocks are one session of bash, in a folder that has `docs/examples` and nothing else. `…` alone
//! on a line stands for any lines. What a reader does not see, such as making a file of which the page speaks, stands in
//! a comment before the block: `<!-- run: cp docs/examples/account.json . -->`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use snapbox::IntoData;
use snapbox::filter::NormalizeToExpected;

use crate::generated::{assert_current, is_update};

/// A page, and what of it is for the shell or looks like it.
pub(crate) struct Page {
    /// From the top of the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
    /// The number of its first line in the page, counted from 0, and how far all are indented.
    at: usize,
    indent: usize,
    /// The commands that stand in comments since the last block.
    hidden: Vec<String>,
}

/// A command of a `console` block, and what the page shows below it.
#[derive(Default)]
struct Shown {
    command: String,
    output: Vec<String>,
}

/// README.md, CONTRIBUTING.md and all pages below docs/.
pub(crate) fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    let page = |path: &PathBuf| Page {
        name: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    found.iter().map(page).collect()
}

impl Page {
    fn blocks(&self) -> Vec<Block> {
        let (arena, mut blocks, mut hidden) = (Arena::new(), Vec::new(), Vec::new());
        for node in parse_document(&arena, &self.text, &Options::default()).descendants() {
            let ast = node.data.borrow();
            match &ast.value {
                NodeValue::HtmlBlock(html) => {
                    let comment = html.literal.trim().strip_prefix("<!-- run:");
                    hidden.extend(comment.map(|command| command.trim_end_matches("-->").trim().to_owned()));
                }
                NodeValue::CodeBlock(code) if code.fenced => blocks.push(Block {
                    language: code.info.clone(),
                    text: code.literal.clone(),
                    at: ast.sourcepos.start.line,
                    indent: ast.sourcepos.start.column - 1,
                    hidden: std::mem::take(&mut hidden),
                }),
                _ => {}
            }
        }
        blocks
    }
}

impl Block {
    fn is_run(&self) -> bool {
        self.language == "console"
    }

    fn shown(&self) -> Vec<Shown> {
        let mut all: Vec<Shown> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                all.push(Shown {
                    command: command.to_owned(),
                    output: Vec::new(),
                });
                continue;
            }
            let last = all.last_mut().expect("a console block begins with a command");
            match line.strip_prefix("> ") {
                Some(more) if last.command.ends_with('\\') && last.output.is_empty() => {
                    write!(last.command, "\n{more}").unwrap();
                }
                _ => last.output.push(line.to_owned()),
            }
        }
        all
    }
}

/// What each command of a page printed, and its exit status. Bash runs them all, so that `$?` and `cd` mean what they say.
fn session(page: &str, blocks: &[Block]) -> Vec<(String, i32)> {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let examples = folder.path().join("docs/examples");
    fs::create_dir_all(&examples).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), examples.join(entry.file_name())).unwrap();
    }
    let program = fs::canonicalize(crate::program()).unwrap();
    symlink(program, tools.path().join("autoconnect")).unwrap();
    let mut script = String::from("exec 2>&1\n");
    for block in blocks {
        for command in &block.hidden {
            writeln!(
                script,
                "{{ {command}; }} > \"$HOME/hidden\" 2>&1 || {{ cat \"$HOME/hidden\"; exit 99; }}"
            )
            .unwrap();
        }
        for shown in block.shown() {
            let end = "status=$?; printf '\\n\\036%s\\n\\036' $status; (exit $status)";
            writeln!(script, "{}\n{end}", shown.command).unwrap();
        }
    }
    let output = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", tools.path().display()),
        )
        .env("HOME", tools.path())
        .env("TZ", "UTC")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_ne!(
        output.status.code(),
        Some(99),
        "{page}: a hidden command failed:\n{text}"
    );
    let mut parts = text.split('\u{1e}');
    let mut printed = Vec::new();
    while let (Some(text), Some(status)) = (parts.next(), parts.next()) {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        printed.push((lines.join("\n").trim_end().to_owned(), status.trim().parse().unwrap()));
    }
    printed
}

/// What a command printed, without what the page leaves out where that is all that differs.
fn as_shown(printed: &str, shown: &[String]) -> String {
    let dots = |line: &String| if line == "…" { "...".to_owned() } else { line.clone() };
    let mut expected = shown
        .iter()
        .map(dots)
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned();
    expected.push('\n');
    let printed = format!("{printed}\n").into_data();
    let like = NormalizeToExpected::new()
        .redact()
        .normalize(printed, &expected.into_data());
    let like = like.to_string();
    let lines: Vec<&str> = like
        .trim_end()
        .lines()
        .map(|line| if line == "..." { "…" } else { line })
        .collect();
    lines.join("\n")
}

/// A block with what its commands printed, and what of it is not as the page shows it.
fn written(block: &Block, printed: &mut impl Iterator<Item = (String, i32)>, wrong: &mut String) -> String {
    let (all, mut text) = (block.shown(), Vec::new());
    for (number, shown) in all.iter().enumerate() {
        let (output, status) = printed.next().expect("each command prints an end");
        let (command, expected) = (&shown.command, shown.output.join("\n"));
        let next = all.get(number + 1).map(|next| next.command.as_str());
        if status != 0 && next != Some("echo $?") {
            writeln!(wrong, "{command}: no `$ echo $?` shows its status {status}:\n{output}").unwrap();
        }
        let like = as_shown(&output, &shown.output);
        if like != expected.trim_end() {
            writeln!(wrong, "{command}: shown is\n{expected}\nprinted is\n{output}").unwrap();
        }
        text.push(format!("$ {}", command.replace('\n', "\n> ")));
        text.extend((!like.is_empty()).then_some(like));
        let blank = shown.output.iter().rev().take_while(|line| line.is_empty()).count();
        text.extend(vec![String::new(); blank]);
    }
    text.join("\n")
}

#[test]
fn each_page_shows_what_its_commands_print() {
    let (mut blocks_run, mut all_wrong) = (0, String::new());
    for page in pages() {
        let blocks: Vec<Block> = page.blocks().into_iter().filter(Block::is_run).collect();
        if blocks.is_empty() {
            continue;
        }
        let (mut wrong, mut printed) = (String::new(), session(&page.name, &blocks).into_iter());
        let anew = |block| (block, written(block, &mut printed, &mut wrong));
        let anew: Vec<(&Block, String)> = blocks.iter().map(anew).collect();
        let mut lines: Vec<String> = page.text.lines().map(str::to_owned).collect();
        for (block, text) in anew.iter().rev() {
            let indent = " ".repeat(block.indent);
            let text = text.lines().map(|line| format!("{indent}{line}").trim_end().to_owned());
            lines.splice(block.at..block.at + block.text.lines().count(), text);
        }
        if is_update() {
            assert_current(&page.name, &format!("{}\n", lines.join("\n")));
        } else if !wrong.is_empty() {
            write!(all_wrong, "{}: {wrong}", page.name).unwrap();
        }
        blocks_run += blocks.len();
    }
    assert!(
        all_wrong.is_empty(),
        "AUTOCONNECT_UPDATE_DOCS=1 writes what is printed:\n{all_wrong}"
    );
    assert!(blocks_run > 40, "{blocks_run}");
}

/// The rows of docs/offline-accounts.md: the options of `setup`, and the decision or the error.
#[test]
fn the_table_of_the_example_account_says_what_is_seen() {
    let all = pages();
    let page = all.iter().find(|page| page.name == "docs/offline-accounts.md").unwrap();
    let rows = page.text.lines().filter_map(|line| line.strip_prefix("| `--"));
    let (shell, mut tried) = (crate::Shell::new(), 0);
    for (options, seen) in rows.filter_map(|row| row.split_once("` | ")) {
        let run = shell.run(&format!(
            "setup --offline account.json --dry-run --output json --{options}"
        ));
        let document = run.json();
        let seen = seen.split([':', ' ']).next().unwrap();
        match document["decision"].as_str() {
            Some(decision) if seen != "all" => assert_eq!(decision, seen, "{options}"),
            Some(decision) => assert_eq!(decision, "create-new", "{options}"),
            None => assert_eq!((seen, run.status), ("an", Some(1)), "{options}: {document}"),
        }
        tried += 1;
    }
    assert_eq!(tried, 8);
}

/// What ends a command in the shell.
const ENDS: [&str; 8] = ["|", ">", ">>", "2>", "2>&1", "&&", "||", ";"];

/// Whether this program's name, after this, is that of a command: not of a file that another command is given.
fn is_name(before: &str) -> bool {
    match before.rsplit([' ', '=', '`']).next() {
        Some("") | None => true,
        Some(folder) => folder.ends_with('/') && !before.starts_with("cp "),
    }
}

/// The command lines of this program in a text: what follows its name, without pipes, redirections and comments.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n> ", " ").replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = line.trim().trim_start_matches("- ");
        if let Some(list) = line.strip_prefix("args: [") {
            let list = list.trim_end_matches(']');
            found.push(list.split(", ").map(|word| word.trim_matches('"').to_owned()).collect());
        }
        let mut rest = line;
        while let Some(start) = rest.find("autoconnect ") {
            let (before, from) = rest.split_at(start);
            let text = from["autoconnect ".len()..].split('`').next().unwrap_or_default();
            rest = from.split_once(['|', ';', '&', '`']).map_or("", |(_, rest)| rest);
            if is_name(before) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-') {
                let words = shlex::split(text).unwrap_or_else(|| text.split(' ').map(str::to_owned).collect());
                found.push(
                    words
                        .into_iter()
                        .take_while(|word| !ENDS.contains(&word.as_str()))
                        .collect(),
                );
            }
        }
    }
    found
}

/// The words of a command line are all the program's own.
fn is_taken(words: &[String]) -> Result<(), clap::Error> {
    let all = std::iter::once("autoconnect").chain(words.iter().map(String::as_str));
    match autoconnect::cli::command().try_get_matches_from(all) {
        Err(error) if error.use_stderr() => Err(error),
        _ => Ok(()),
    }
}

#[test]
fn each_command_in_a_block_is_one_that_the_program_takes() {
    let (mut parsed, mut wrong) = (0, String::new());
    for page in pages() {
        for block in page.blocks().iter().filter(|block| !block.is_run()) {
            for words in command_lines(&block.text) {
                parsed += 1;
                if let Err(error) = is_taken(&words) {
                    let error = error.to_string();
                    let line = block.at + 1;
                    writeln!(
                        wrong,
                        "{}:{line}: {}: {}",
                        page.name,
                        words.join(" "),
                        error.lines().next().unwrap()
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the program does not take:\n{wrong}");
    assert!(parsed > 30, "{parsed}");
}

/// In sentences, commands stand without what they need; each word that is there is still one of the program.
#[test]
fn each_command_in_a_sentence_has_only_words_of_the_program() {
    let (mut parsed, mut wrong) = (0, String::new());
    for page in pages() {
        let arena = Arena::new();
        for node in parse_document(&arena, &page.text, &Options::default()).descendants() {
            let NodeValue::Code(code) = &node.data.borrow().value else {
                continue;
            };
            for words in command_lines(&code.literal) {
                let words: Vec<String> = words
                    .into_iter()
                    .take_while(|word| !word.contains(['…', '[']))
                    .collect();
                parsed += 1;
                if let Err(error) = is_taken(&words)
                    && [
                        clap::error::ErrorKind::UnknownArgument,
                        clap::error::ErrorKind::InvalidSubcommand,
                    ]
                    .contains(&error.kind())
                {
                    writeln!(
                        wrong,
                        "{}: {}: {}",
                        page.name,
                        words.join(" "),
                        error.to_string().lines().next().unwrap()
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the program does not know:\n{wrong}");
    assert!(parsed > 20, "{parsed}");
}

#[test]
fn a_wrong_command_and_a_changed_output_are_seen() {
    let page = |text: &str| Page {
        name: "page.md".to_owned(),
        text: text.to_owned(),
    };
    let wrong = page("```yaml\nrun: autoconnect setup --cluster c --function f --no-such-option > plan.md\n```\n");
    let words = command_lines(&wrong.blocks()[0].text);
    assert_eq!(words.len(), 1);
    assert!(
        is_taken(&words[0]).is_err() && is_taken(&words[0][..5]).is_ok(),
        "{words:?}"
    );
    let cron = "*/15 * * * * /usr/local/bin/autoconnect drift --quiet | tee log; autoconnect list --cluster c # now";
    let words = command_lines(cron);
    assert_eq!(words, [vec!["drift", "--quiet"], vec!["list", "--cluster", "c"]]);
    assert!(command_lines("cp target/release/autoconnect bootstrap").is_empty());
    let shown: Vec<String> = ["one", "…", "four"].map(str::to_owned).to_vec();
    assert_eq!(as_shown("one\ntwo\nthree\nfour", &shown), "one\n…\nfour");
    assert_ne!(as_shown("one\ntwo\nthree\nfive", &shown), "one\n…\nfour");
    let failing = page("```console\n$ autoconnect list --offline none.json --cluster c\n$ echo $?\n0\n```\n").blocks();
    let printed = session("page.md", &failing);
    assert_eq!(printed[0].1, 1);
    assert_eq!(printed[1], ("1".to_owned(), 0));
}
