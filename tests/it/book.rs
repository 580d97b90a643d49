//! The book: each of its commands is run, and its links lead somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hmr_tests::{
    Hmr, Project,
    book::{Step, play, steps},
};

/// Set where the packages of the recipes must be installed.
const ALL: &str = "HMR_TEST_RECIPES";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The projects of a page, in turn.
fn projects(page: &str) -> Vec<Vec<Step>> {
    let mut projects: Vec<Vec<Step>> = Vec::new();
    for step in steps(&read(&source().join(page))).unwrap_or_else(|why| panic!("{page}: {why}")) {
        if step.what == "project" || projects.is_empty() {
            projects.push(Vec::new());
        }
        projects.last_mut().expect("one was begun").push(step);
    }
    projects
}

fn play_page(page: &str) {
    for project in projects(page) {
        play(&project, is_installed);
    }
}

fn is_installed(package: &str) -> bool {
    let text = format!(
        "from importlib.util import find_spec\nprint('HAS', find_spec('{package}') is not None)\nprint('END')\n"
    );
    let project = Project::new(&[("main.py", &text)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let has = hmr.wait_stdout("END") == ["HAS True"];
    assert!(
        has || std::env::var_os(ALL).is_none(),
        "{package} is not installed, and {ALL} says that it is"
    );
    has
}

#[test]
fn the_tutorial_does_what_it_says() {
    play_page("tutorial.md");
}

#[test]
fn how_it_works_does_what_it_says() {
    play_page("how.md");
}

#[test]
fn the_settings_do_what_they_say() {
    play_page("settings.md");
}

#[cfg(unix)]
#[test]
fn the_recipes_do_what_they_say() {
    play_page("recipes.md");
}

#[test]
fn every_page_is_in_the_summary_and_every_command_in_a_test() {
    let played = ["tutorial.md", "how.md", "settings.md", "recipes.md"];
    let summary = read(&source().join("SUMMARY.md"));
    for entry in fs::read_dir(source()).expect("the book is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "SUMMARY.md" {
            assert!(
                summary.contains(&format!("({name})")),
                "{name} is in no summary"
            );
        }
        let has_steps = !projects(&name).is_empty();
        assert_eq!(has_steps, played.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_link_and_every_included_file_is_there() {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(source()).expect("the book is there").flatten() {
        let text = read(&entry.path());
        for link in between(&text, "](", ")") {
            let file = link.split('#').next().unwrap_or(link);
            // A page of the book; what lies elsewhere is not in the pages that mdbook makes.
            if !link.starts_with("https://")
                && (file.contains('/') || !source().join(file).is_file())
            {
                wrong.push(format!("{}: {link}", entry.path().display()));
            }
        }
        for include in between(&text, "{{#include ", "}}") {
            let (file, anchor) = include.split_once(':').unwrap_or((include, ""));
            let included = read(&source().join(file));
            if !anchor.is_empty() && !included.contains(&format!("<!-- ANCHOR: {anchor} -->")) {
                wrong.push(format!("{}: {include}", entry.path().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = text.split(begin).skip(1);
    parts.filter_map(move |part| part.split_once(end).map(|(inside, _)| inside))
}

#[test]
fn a_block_of_commands_without_a_test_is_found() {
    let page = "<!-- test: run -->\n```console\n$ hmr main.py\n```\n";
    let step = Step {
        what: "run".into(),
        block: "$ hmr main.py\n".into(),
        line: 1,
    };
    assert_eq!(steps(page), Ok(vec![step]));
    let without = "text\n```console\n$ hmr main.py\n```\n";
    assert_eq!(
        steps(without),
        Err("line 2: no test runs this block".into())
    );
}
