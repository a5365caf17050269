//! The man pages in docs/man are written from the program's own help.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

use autoconnect::cli::{command, examples};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::help::each_command;

/// The pages by their names, such as `autoconnect-setup`.
fn pages() -> BTreeMap<String, String> {
    let mut program = command();
    program.build();
    let status = program.get_after_help().unwrap().to_string();
    let status = status.strip_prefix("Exit status: ").unwrap();
    let mut commands = vec![("autoconnect".to_owned(), program.clone())];
    each_command(&mut |name, found| commands.push((name.to_owned(), found.clone())));
    let page = |(name, found): (String, Command)| (name.replace(' ', "-"), page(&name, found, status));
    commands.into_iter().map(page).collect()
}

fn page(name: &str, found: Command, status: &str) -> String {
    let is_program = name == "autoconnect";
    let (shown, below) = (examples(&found), names_below(name, &found));
    // The page of the program explains the options of all commands.
    let own = found.disable_help_subcommand(true).mut_args(|option| {
        let is_hidden = option.is_global_set() && !is_program;
        option.hide_long_help(false).hide(is_hidden)
    });
    let manual = Man::new(own.clone())
        .title(name.replace(' ', "-").to_uppercase())
        .date(" ")
        .source(concat!("autoconnect ", env!("CARGO_PKG_VERSION")))
        .manual("autoconnect");
    let mut text = Vec::new();
    manual.render_title(&mut text).unwrap();
    manual.render_name_section(&mut text).unwrap();
    manual.render_synopsis_section(&mut text).unwrap();
    manual.render_description_section(&mut text).unwrap();
    if own.get_arguments().any(|option| !option.is_hide_set()) {
        manual.render_options_section(&mut text).unwrap();
    }
    let mut ending = Roff::new();
    if !is_program {
        ending.control("SH", ["GLOBAL OPTIONS"]);
        ending.text([
            bold("autoconnect"),
            roman("(1) explains the options that every command takes."),
        ]);
    }
    if !below.is_empty() {
        ending.control("SH", ["COMMANDS"]);
        for (page, about) in &below {
            ending.control("TP", []);
            ending.text([bold(page.as_str()), roman("(1)")]);
            ending.text([roman(about.as_str())]);
        }
    }
    if !shown.is_empty() {
        ending.control("SH", ["EXAMPLES"]);
    }
    for example in shown {
        if !example.purpose.is_empty() {
            ending.control("PP", []);
            ending.text([roman(format!("{}:", example.purpose))]);
        }
        ending.control("PP", []);
        ending.control("RS", ["4"]);
        ending.control("nf", []);
        for line in example.line.lines() {
            ending.text([roman(line)]);
        }
        ending.control("fi", []);
        ending.control("RE", []);
    }
    ending.control("SH", ["EXIT STATUS"]);
    for part in status.split("; ") {
        let (number, meaning) = part.split_once(' ').unwrap();
        ending.control("TP", []);
        ending.text([bold(number)]);
        ending.text([roman(meaning.trim_end_matches('.'))]);
    }
    ending.to_writer(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The pages of the commands right below one, with what they are about.
fn names_below(name: &str, found: &Command) -> Vec<(String, String)> {
    let below = found.get_subcommands();
    let shown = below.filter(|below| below.get_name() != "help" && !below.is_hide_set());
    let of = |below: &Command| {
        let page = format!("{name} {}", below.get_name()).replace(' ', "-");
        (page, below.get_about().map(ToString::to_string).unwrap_or_default())
    };
    shown.map(of).collect()
}

#[test]
fn the_man_pages_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let pages = pages();
    if std::env::var_os("AUTOCONNECT_UPDATE_DOCS").is_some() {
        // Those of commands that are no more go, too.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in &pages {
            fs::write(folder.join(format!("{name}.1")), page).unwrap();
        }
    }
    let found = fs::read_dir(&folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    let found: BTreeMap<String, String> = found.collect();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&found),
        names(&pages),
        "AUTOCONNECT_UPDATE_DOCS=1 writes docs/man"
    );
    for (name, page) in &pages {
        assert_eq!(&found[name], page, "AUTOCONNECT_UPDATE_DOCS=1 writes docs/man/{name}.1");
    }
    assert!(pages["autoconnect-setup"].contains("autoconnect setup \\-\\-cluster orders"));
}

/// Where groff is installed, as everywhere where `man` is, it formats the pages without a warning.
#[test]
fn groff_formats_the_man_pages_without_warnings() {
    let version = Process::new("groff").arg("--version").output();
    if version.is_err() {
        assert!(
            std::env::var_os("AUTOCONNECT_THOROUGH").is_none(),
            "groff is not installed"
        );
        return;
    }
    for (name, page) in pages() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), page).unwrap();
        let checked = Process::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-rCHECKSTYLE=0"])
            .arg(file.path())
            .output()
            .unwrap();
        let warnings = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && warnings.is_empty(), "{name}: {warnings}");
    }
}
