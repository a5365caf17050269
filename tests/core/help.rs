//! Help shows real commands, and the man pages are the same as the help.

use autoconnect::cli::{command, examples};
use clap::Command;

/// Calls `with` for each command, with its name from the program on.
pub(crate) fn each_command(with: &mut dyn FnMut(&str, &Command)) {
    let mut program = command();
    program.build();
    visit("autoconnect", &program, with);
}

fn visit(name: &str, above: &Command, with: &mut dyn FnMut(&str, &Command)) {
    for below in above.get_subcommands() {
        if below.get_name() == "help" || below.is_hide_set() {
            continue;
        }
        let name = format!("{name} {}", below.get_name());
        with(&name, below);
        visit(&name, below, with);
    }
}

#[test]
fn every_command_has_examples_that_it_takes() {
    let mut seen = 0;
    each_command(&mut |name, found| {
        let examples = examples(found);
        let own = examples.iter().filter(|example| example.line.starts_with(name));
        assert!(own.count() > 0, "the help of {name} has no example of it");
        for example in examples {
            let parsed = command().try_get_matches_from(example.arguments());
            assert!(parsed.is_ok(), "{name}: {}: {}", example.line, parsed.unwrap_err());
            // They stay whole on a terminal of 80 columns.
            let help = found.get_after_long_help().unwrap().to_string();
            let (_, shown) = help.split_once("\nExamples:\n").unwrap();
            let is_narrow = |line: &str| line.chars().count() <= 80;
            assert!(shown.lines().all(is_narrow), "{name}: {shown}");
            seen += 1;
        }
    });
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_global_options_take_a_line_each() {
    each_command(&mut |name, found| {
        let help = found.clone().render_long_help().to_string();
        let (_, listed) = help
            .split_once("\nGlobal options (")
            .unwrap_or_else(|| panic!("{name}: {help}"));
        let listed: Vec<&str> = listed.lines().skip(1).take_while(|line| !line.is_empty()).collect();
        let all = found.get_arguments().filter(|option| option.is_global_set());
        assert_eq!(listed.len(), all.count(), "{name}: {listed:?}");
        assert!(
            listed.iter().all(|line| line.len() <= 80 && line.contains("--")),
            "{name}: {listed:?}"
        );
        assert_eq!(help.matches("--log-format <").count(), 1, "{name}: {help}");
    });
    let mut program = command();
    program.build();
    let explained = program
        .find_subcommand_mut("options")
        .unwrap()
        .render_long_help()
        .to_string();
    assert!(
        explained.contains("AWS_ENDPOINT_URL") && explained.contains("ndjson:"),
        "{explained}"
    );
    for option in program.get_arguments().filter(|option| option.is_global_set()) {
        let long = format!("--{}", option.get_long().unwrap());
        assert!(explained.contains(&long), "{long} is not below `help options`");
    }
}
