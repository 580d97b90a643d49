//! What is left out is what git leaves out: compared with `git check-ignore` [50].

use crate::disk::{LIMIT, disk_with, put};
use hmr_watcher::{Change, Filter};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Ignore files with their text, and files that exist.
type Repository = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const CORPUS: &[Repository] = &[
    (
        &[(
            ".gitignore",
            "*.log\n!keep.log\n/build/\ndocs/*.txt\n# a comment\n\\#odd\ntrailing \n",
        )],
        &[
            "a.log",
            "keep.log",
            "sub/keep.log",
            "sub/a.log",
            "build/x",
            "sub/build/x",
            "docs/a.txt",
            "docs/sub/a.txt",
            "#odd",
            "trailing",
            "plain",
        ],
    ),
    (
        &[
            (".gitignore", "foo/\n**/gen/**\n!**/gen/keep/\nx/**/y\n"),
            ("sub/.gitignore", "*\n!*.py\n"),
        ],
        &[
            "foo/a",
            "sub/foo/a",
            "foo.txt",
            "a/gen/b/c",
            "gen/keep/d",
            "x/y",
            "x/1/2/y",
            "x/1/z",
            "sub/a.py",
            "sub/b.txt",
            "sub/deep/c.py",
        ],
    ),
    (
        &[
            (".gitignore", "*\n!*/\n!*.py\n"),
            ("pkg/.gitignore", "secret.py\n"),
        ],
        &[
            "a.py",
            "a.txt",
            "pkg/b.py",
            "pkg/secret.py",
            "pkg/sub/secret.py",
            "pkg/sub/c.md",
        ],
    ),
    (
        &[(".gitignore", "a?c\n[xy]z\ntemp[0-9]\n!/temp5\nlib/*/skip\n")],
        &[
            "abc",
            "a/c",
            "xz",
            "yz",
            "zz",
            "temp1",
            "temp5",
            "sub/temp5",
            "lib/1/skip",
            "lib/1/2/skip",
            "lib/skip",
        ],
    ),
];

/// What git would leave out of `files`.
fn ignored(root: &Path, files: &[&str]) -> Option<BTreeSet<String>> {
    let git = |args: &[&str]| {
        let quiet = ["-c", "core.excludesFile="];
        Command::new("git")
            .current_dir(root)
            .args(quiet)
            .args(args)
            .output()
            .ok()
    };
    git(&["init", "-q"])?;
    let output = git(&[&["check-ignore", "--no-index", "--"], files].concat())?;
    let lines = String::from_utf8(output.stdout).ok()?;
    let unquoted = lines.lines().map(|line| line.trim_matches('"').to_owned());
    Some(unquoted.collect())
}

#[test]
fn what_git_ignores_is_not_reported_and_everything_else_is() {
    for (rules, files) in CORPUS {
        let filter = Filter::new().gitignore(true).ignore_dirs([".git"]);
        let disk = disk_with(&[], |builder| builder.filter(filter.clone()));
        let root = disk.root();
        for (path, text) in *rules {
            put(&root.join(path), text);
        }
        for file in *files {
            put(&root.join(file), "at the start");
        }
        let Some(ignored) = ignored(&root, files) else {
            return; // no git here
        };
        let watcher = hmr_watcher::Watcher::builder()
            .path(&root)
            .filter(filter)
            .build();
        let watcher = watcher.expect("a watcher");
        for file in *files {
            put(&root.join(file), "edited");
        }
        let expected: BTreeSet<_> = files
            .iter()
            .filter(|file| !ignored.contains(**file))
            .map(|file| root.join(file))
            .collect();
        let mut seen = BTreeSet::new();
        while seen.len() < expected.len() {
            let batch = watcher.next(Some(LIMIT));
            let batch = batch.unwrap_or_else(|| panic!("{seen:#?} instead of {expected:#?}"));
            seen.extend(batch.iter().map(Change::path).map(Path::to_owned));
        }
        seen.extend(
            watcher
                .settle()
                .iter()
                .flatten()
                .map(|change| change.path().to_owned()),
        );
        assert_eq!(seen, expected, "{rules:?}");
    }
}
