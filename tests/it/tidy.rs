//! Rules of the source tree that no compiler checks: headers, arrows between crates, who may name
//! pyo3, notify and ruff, and that each invariant of ARCHITECTURE.md names a test that exists.
//!
//! The rules are plain text searches on purpose. They hold for code that a feature switches off,
//! too, and a comment may name anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may depend on among ours, in any section of its manifest.
const ARROWS: [(&str, &[&str]); 5] = [
    ("signals", &[]),
    ("watcher", &[]),
    ("module-graph", &["hmr-signals"]),
    ("hmr-cli", &["hmr-module-graph", "hmr-watcher"]),
    ("hmr-python", &["hmr-cli", "hmr-module-graph"]),
];

/// Where a foreign crate's name may stand in code, as beginnings of paths.
const CONFINED: [(&str, &[&str]); 5] = [
    (
        "pyo3",
        &[
            "crates/module-graph/src/python",
            "crates/module-graph/tests/python",
            "crates/hmr-cli/",
            "crates/hmr-python/",
        ],
    ),
    ("notify::", &["crates/watcher/src/backend/notify.rs"]),
    ("ruff_python_parser", &["crates/module-graph/src/source"]),
    ("ruff_python_ast", &["crates/module-graph/src/source"]),
    ("ruff_text_size", &["crates/module-graph/src/source"]),
];

#[test]
fn every_source_file_begins_with_its_header() {
    let without: Vec<_> = sources()
        .into_iter()
        .filter(|file| !has_header(&file.text))
        .map(|file| file.path)
        .collect();

    assert!(without.is_empty(), "no header at the top of: {without:#?}");
}

#[test]
fn crates_depend_on_each_other_downwards_only() {
    let mut wrong = Vec::new();
    for folder in folders_of(&root().join("crates")) {
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| *name == folder)
            .map(|(_, allowed)| *allowed);
        let manifest = read(&root().join("crates").join(&folder).join("Cargo.toml"));
        match allowed {
            None => wrong.push(format!(
                "crates/{folder} is not in the table of allowed arrows"
            )),
            Some(allowed) => wrong.extend(
                workspace_dependencies(&manifest)
                    .into_iter()
                    .filter(|dependency| !allowed.contains(&dependency.as_str()))
                    .map(|dependency| format!("crates/{folder} depends on {dependency}")),
            ),
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn foreign_crates_are_named_in_their_one_place() {
    let mut wrong = Vec::new();
    for file in sources()
        .iter()
        .filter(|file| file.path.starts_with("crates/"))
    {
        for (name, places) in CONFINED {
            if places.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            for (number, line) in file.text.lines().enumerate() {
                if names(line, name) {
                    wrong.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
                }
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A console with a code page of its own shows other letters than these wrongly, or nothing at all.
#[test]
fn what_hmr_says_is_in_letters_that_every_console_has() {
    let mut wrong = Vec::new();
    for file in sources() {
        let speaks = [
            "crates/hmr-cli/src/",
            "crates/module-graph/src/",
            "crates/watcher/src/",
        ];
        if file.path.ends_with("tests.rs") || !speaks.iter().any(|it| file.path.starts_with(it)) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if !line.trim_start().starts_with("//") && !line.is_ascii() {
                wrong.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let named = tests_named_in(&text);
    let there = tests_in(&sources());
    let missing: Vec<_> = named.iter().filter(|name| !there.contains(*name)).collect();

    assert!(
        !named.is_empty(),
        "ARCHITECTURE.md says of no invariant that it is held by a test"
    );
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names tests that do not exist: {missing:#?}"
    );
}

/// A crate's README, included as its documentation, is a header too.
fn has_header(text: &str) -> bool {
    text.starts_with("//! ") || text.starts_with("#![doc = include_str!(\"../README.md\")]")
}

/// A Rust file of this repository.
struct Source {
    /// Relative to the repository, with `/` on every platform.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `.rs` file below `crates`, `tests`, `benches` and `examples`.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for top in ["crates", "tests", "benches", "examples"] {
        collect(top, &mut files);
    }
    files
}

fn collect(folder: &str, files: &mut Vec<Source>) {
    let mut names: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != "target" && name != "__pycache__")
        .collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        let full = root().join(&path);
        if full.is_dir() {
            collect(&path, files);
        } else if full.extension().is_some_and(|extension| extension == "rs") {
            files.push(Source {
                text: read(&full),
                path,
            });
        }
    }
}

fn folders_of(path: &Path) -> BTreeSet<String> {
    fs::read_dir(path)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The crates of this workspace that a manifest depends on, in whatever way and for whatever.
fn workspace_dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_dependencies = false;
    for line in manifest.lines().map(str::trim) {
        let key = if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            // `[dependencies.hmr-signals]`
            match section.rsplit_once("dependencies.") {
                Some((_, name)) => name,
                None => continue,
            }
        } else if in_dependencies {
            line.split(['.', '=', ' ']).next().unwrap_or("")
        } else {
            continue;
        };
        if key.starts_with("hmr-") {
            found.insert(key.to_owned());
        }
    }
    found
}

/// Whether `line` has code that contains `name` as a whole word.
fn names(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + name.len()..].chars().next();
        // `crate::backend::notify::x` and `self::notify::x` are modules of ours.
        let ours = code[..start].ends_with("::") && !code[..start].trim_start().starts_with("::");
        !before.is_some_and(is_word)
            && !ours
            && (name.ends_with("::") || !after.is_some_and(is_word))
    })
}

/// The names in back quotes that follow the words `held by`, up to the end of the sentence.
fn tests_named_in(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    // A list of names may go over line ends.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (start, held) in text.match_indices("held by ") {
        let mut rest = &text[start + held.len()..];
        while let Some((name, after)) = rest
            .strip_prefix('`')
            .and_then(|quoted| quoted.split_once('`'))
        {
            let name = name.rsplit("::").next().unwrap_or(name);
            named.insert(name.to_owned());
            let Some(next) = [", and ", ", ", " and "]
                .iter()
                .find_map(|s| after.strip_prefix(s))
            else {
                break;
            };
            rest = next;
        }
    }
    named
}

/// The names of the functions behind `#[test]`.
fn tests_in(sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                found.extend(rest.split(['(', '<']).next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    found
}

#[test]
fn a_line_names_a_crate_only_as_a_whole_word_in_code() {
    assert!(names("use pyo3::prelude::*;", "pyo3"));
    assert!(names("    ::pyo3::ffi::Py_Initialize();", "pyo3"));
    assert!(!names("pyo3_build_config::use_pyo3_cfgs();", "pyo3"));
    assert!(!names("//! pyo3 is not named here.", "pyo3"));
    assert!(names(
        "let watcher = notify::recommended_watcher(f);",
        "notify::"
    ));
    assert!(!names("use crate::backend::notify::Backend;", "notify::"));
    assert!(!names("self.condvar.notify_all();", "notify::"));
}

#[test]
fn tests_of_an_invariant_are_read_from_its_sentence() {
    let text =
        "No second algorithm: held by `one_core` and\n`tidy::two`. See `else`. Held elsewhere.";

    assert_eq!(
        tests_named_in(text).into_iter().collect::<Vec<_>>(),
        ["one_core", "two"]
    );
}

#[test]
fn dependencies_are_found_in_every_kind_of_section() {
    let manifest = "\
        [package]\nname = \"hmr-x\"\n[dependencies]\nhmr-a.workspace = true\nserde = \"1\"\n\
        [target.'cfg(unix)'.dependencies]\nhmr-b = { path = \"b\" }\n[dev-dependencies.hmr-c]\n";

    assert_eq!(
        workspace_dependencies(manifest)
            .into_iter()
            .collect::<Vec<_>>(),
        ["hmr-a", "hmr-b", "hmr-c"]
    );
}
