//! What a test writes into a page, or holds the page to.

use std::fs;
use std::path::Path;

/// The beginning of the line after which a page is written by a test.
const MARK: &str = "<!-- Written from ";

/// Whether pages are to be written.
pub(crate) fn is_update() -> bool {
    std::env::var_os("AUTOCONNECT_UPDATE_DOCS").is_some()
}

/// With `AUTOCONNECT_UPDATE_DOCS` set, the file is written; else it has this text already.
pub(crate) fn assert_current(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found == text {
        return;
    }
    if is_update() {
        fs::write(&path, text).unwrap();
        return;
    }
    panic!(
        "{file} is not what the program prints now; AUTOCONNECT_UPDATE_DOCS=1 writes it:\n{}",
        first_difference(&found, text)
    );
}

/// The same of the part of a page below the line that says from what it is written.
pub(crate) fn assert_part_current(page: &str, part: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let found = fs::read_to_string(&path).unwrap();
    let start = found
        .find(MARK)
        .unwrap_or_else(|| panic!("{page} has no line {MARK}… -->"));
    let end = start + found[start..].find('\n').unwrap() + 1;
    assert_current(page, &format!("{}{part}", &found[..end]));
}

fn first_difference(found: &str, wanted: &str) -> String {
    let mut lines = found.lines().zip(wanted.lines()).enumerate();
    match lines.find(|(_, (found, wanted))| found != wanted) {
        Some((number, (found, wanted))) => format!("line {}\n- {found}\n+ {wanted}", number + 1),
        None => "one is longer than the other".to_owned(),
    }
}
