//! What became of a file, for one edit each: `tests/cases/diff.txt` holds the edits.

use std::fmt::Write as _;

use expect_test::expect_file;
use hmr_module_graph::{diff::Difference, outline::Outline};

/// The difference, or which side is no Python.
fn difference(old: &str, new: &str) -> String {
    match (Outline::parse(old), Outline::parse(new)) {
        (Ok(old), Ok(new)) => Difference::between(&old, &new).to_string(),
        (Err(error), _) => format!("old: {error}"),
        (_, Err(error)) => format!("new: {error}"),
    }
}

/// A case is `## title`, the old file, `-->`, the new file, `==>` and what is expected.
#[test]
fn every_case_has_its_difference() {
    let cases = include_str!("../cases/diff.txt");
    let mut found = String::new();
    let (head, cases) = cases.split_once("## ").unwrap();
    found.push_str(head);
    let mut count = 0;
    for case in cases.split("\n## ") {
        let (title, rest) = case.split_once('\n').unwrap();
        let (old, rest) = rest.split_once("-->\n").unwrap();
        let new = rest.split_once("==>").unwrap().0;
        let difference = difference(old, new);
        let gap = if count == 0 { "" } else { "\n" };
        write!(found, "{gap}## {title}\n{old}-->\n{new}==> {difference}\n").unwrap();
        count += 1;
    }
    expect_file!["../cases/diff.txt"].assert_eq(&found);
    assert!(count >= 60, "{count} cases");
}

/// CPython reads all of them as `\n`, ruff within strings does not: to say "differs" is allowed.
#[test]
fn line_ends_count_in_long_strings_only() {
    let code = |doc: &str| format!("x = 1\ndef f():\n    '''{doc}'''\n    return (\n1)\n");
    for (doc, found) in [("one", "nothing"), ("one\n    two", "docs f")] {
        let text = code(doc);
        assert_eq!(difference(&text, &text.replace('\n', "\r\n")), found);
        assert_eq!(difference(&text, &text.replace('\n', "\r")), found);
    }
}
