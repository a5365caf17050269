//! The pages as a site: each is in the table of contents, and each link between them leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Anchorizer, Arena, Options, parse_document};

use crate::pages::{Page, pages};

/// A page as a link finds it.
#[derive(Default)]
struct Parts {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

fn parts(page: &Page) -> Parts {
    let (arena, mut options) = (Arena::new(), Options::default());
    options.extension.table = true;
    let (mut parts, mut anchorizer) = (Parts::default(), Anchorizer::new());
    for node in parse_document(&arena, &page.text, &options).descendants() {
        match &node.data.borrow().value {
            NodeValue::Heading(_) => {
                let _ = parts.anchors.insert(anchorizer.anchorize(&text(node)));
            }
            NodeValue::Link(link) | NodeValue::Image(link) => parts.links.push(link.url.clone()),
            NodeValue::HtmlBlock(html) => parts.links.extend(sources(&html.literal)),
            NodeValue::HtmlInline(html) => parts.links.extend(sources(html)),
            _ => {}
        }
    }
    parts
}

/// The pictures of a piece of HTML.
fn sources(html: &str) -> Vec<String> {
    let parts = html.split(['<', ' ']);
    let values = parts.filter_map(|part| part.strip_prefix("src=\"").or_else(|| part.strip_prefix("srcset=\"")));
    values
        .map(|value| value.split('"').next().unwrap().to_owned())
        .collect()
}

fn text<'a>(node: &'a AstNode<'a>) -> String {
    let mut text = String::new();
    for node in node.descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(part) => text.push_str(part),
            NodeValue::Code(code) => text.push_str(&code.literal),
            _ => {}
        }
    }
    text
}

/// Where a link of a page leads: the file, from the top of the repository, and the part of it.
fn target(page: &str, link: &str) -> (PathBuf, Option<String>) {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (link, None),
    };
    let mut path = PathBuf::from(page);
    if !file.is_empty() {
        path.pop();
        for part in Path::new(file).components() {
            match part {
                Component::ParentDir => assert!(path.pop(), "{page}: {link} leaves the repository"),
                part => path.push(part),
            }
        }
    }
    (path, anchor)
}

/// What is wrong with the links of these pages, a line for each.
fn broken(pages: &[Page]) -> (usize, String) {
    let found: BTreeMap<PathBuf, Parts> = pages
        .iter()
        .map(|page| (PathBuf::from(&page.name), parts(page)))
        .collect();
    let (mut count, mut broken) = (0, String::new());
    for page in pages {
        for link in &found[Path::new(&page.name)].links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = target(&page.name, link);
            let is_there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists() || found.contains_key(&file);
            let has_part =
                anchor.is_none_or(|anchor| found.get(&file).is_some_and(|parts| parts.anchors.contains(&anchor)));
            if !is_there || !has_part {
                writeln!(broken, "{}: {link}", page.name).unwrap();
            }
        }
    }
    (count, broken)
}

#[test]
fn each_link_leads_somewhere() {
    let (count, wrong) = broken(&pages());
    assert!(wrong.is_empty(), "links that lead nowhere:\n{wrong}");
    assert!(count > 150, "{count}");
    let page = |text: &str| Page {
        name: "docs/page.md".to_owned(),
        text: text.to_owned(),
    };
    for (link, is_broken) in [
        ("#a-part-of-it", false),
        ("#another-part", true),
        ("../README.md", false),
        ("../README", true),
        ("none.md", true),
    ] {
        let wrong = broken(&[page(&format!("# A `part` of it\n\n[link]({link})\n"))]).1;
        assert_eq!(wrong.contains(link), is_broken, "{link}");
    }
}

#[test]
fn each_page_is_in_the_table_of_contents() {
    let all = pages();
    let summary = all.iter().find(|page| page.name == "docs/SUMMARY.md").unwrap();
    let mut listed: Vec<PathBuf> = parts(summary)
        .links
        .iter()
        .map(|link| target(&summary.name, link).0)
        .collect();
    listed.sort();
    let is_listed = |page: &&Page| page.name.starts_with("docs/") && page.name != summary.name;
    let mut wanted: Vec<PathBuf> = all
        .iter()
        .filter(is_listed)
        .map(|page| PathBuf::from(&page.name))
        .collect();
    wanted.sort();
    assert_eq!(listed, wanted, "docs/SUMMARY.md lists each page of docs/ once");
}
