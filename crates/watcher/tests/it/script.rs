//! The language of `tests/cases/*.txt`: a watcher on a disk in memory, driven line by line.
//!
//! A file holds cases; a case starts with `== sentence [numbers]`. First come settings (`with k=v`) and
//! the files that exist (`has a b`), then commands. What a command makes the watcher deliver follows it
//! on lines that start with `@`, with the time in milliseconds. Paths are below `/r`, the root.
//!
//! With `UPDATE_CASES=1` the lines are rewritten with what came; read the difference before you keep it.

use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs every case of `tests/cases/<name>.txt`.
#[track_caller]
pub(crate) fn run(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name)
        .with_extension("txt");
    let text = fs::read_to_string(&path).expect("the cases");
    let mut wrong = Vec::new();
    let mut rewritten = String::new();
    for case in split(&text) {
        let got = play(&case);
        if got.trim_end() != case.trim_end() {
            wrong.push(format!("--- expected\n{case}\n--- got\n{got}"));
        }
        rewritten.push_str(&got);
    }
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, rewritten).expect("the cases, rewritten");
        return;
    }
    assert!(wrong.is_empty(), "{}: {}", show(&path), wrong.join("\n"));
}

fn show(path: &Path) -> String {
    PathBuf::from(path.file_name().unwrap_or_default())
        .display()
        .to_string()
}

/// The cases, each with its title; what stands before the first is kept with it.
fn split(text: &str) -> Vec<String> {
    let mut cases: Vec<String> = Vec::new();
    for line in text.lines() {
        let begins =
            line.starts_with("== ") && cases.last().is_some_and(|case| case.contains("== "));
        if cases.is_empty() || begins {
            cases.push(String::new());
        }
        if let Some(case) = cases.last_mut() {
            case.push_str(line);
            case.push('\n');
        }
    }
    cases
}

/// The case with the `@` lines that really came.
fn play(case: &str) -> String {
    let mut world = World::default();
    let mut got = String::new();
    for line in case.lines().filter(|line| !line.starts_with('@')) {
        got.push_str(line);
        got.push('\n');
        let command = line.split(" #").next().unwrap_or_default().trim();
        if command.is_empty() || command.starts_with("==") || command.starts_with('#') {
            continue;
        }
        for answer in world.command(command) {
            got.extend(["@", &answer, "\n"]);
        }
    }
    got
}
