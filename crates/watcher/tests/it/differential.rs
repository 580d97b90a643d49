//! Native, polling and a naive comparison of the whole tree give the same batches [46]; and a soak.
//!
//! The script is random but the same each time: a few changes, then all three are asked what changed.

use crate::disk::disk;
use crate::tree::{Files, Random, change, change_file, change_rules, snapshot, switch};
use hmr_watcher::{Batch, Change, Choice, Filter, Watcher};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A directory.
    Dir,
    /// A directory with ignore files in it that count.
    Ignoring,
    /// A directory behind a chain of links that are switched.
    Linked,
    /// A file.
    File,
    /// A file in a directory behind such a chain.
    LinkedFile,
}

impl Shape {
    const ALL: [Self; 5] = [
        Self::Dir,
        Self::Ignoring,
        Self::Linked,
        Self::File,
        Self::LinkedFile,
    ];

    /// Makes what is needed below `top`; what is to be watched.
    fn root(self, top: &Path) -> PathBuf {
        // Deeper, so that what is above it may be replaced.
        for dir in ["above/root", "other/root", "hop"] {
            fs::create_dir_all(top.join(dir)).expect("a directory");
        }
        switch(&top.join("hop/link"), &["../above"], &mut Random(0));
        switch(&top.join("link"), &["hop/link"], &mut Random(0));
        top.join(match self {
            Self::Dir | Self::Ignoring => "above/root",
            Self::Linked => "link/root",
            Self::File => "above/root.py",
            Self::LinkedFile => "link/root.py",
        })
    }

    fn change(self, top: &Path, root: &Path, random: &mut Random) -> String {
        let is_linked = matches!(self, Self::Linked | Self::LinkedFile);
        // Behind the links, or what is above the root would be one of them.
        let above = root.parent().and_then(|dir| dir.canonicalize().ok());
        let root = &above.map_or(root.to_owned(), |dir| {
            dir.join(root.file_name().expect("a name"))
        });
        match random.below(8) {
            0 if is_linked => {
                let places = ["../above", "../other", "../nowhere"];
                switch(&top.join("hop/link"), &places, random)
            }
            1 if is_linked => switch(&top.join("link"), &["hop/link", "above", "other"], random),
            0 | 1 if self == Self::Ignoring => change_rules(root, random),
            _ if matches!(self, Self::File | Self::LinkedFile) => {
                change_file(root, &top.join("elsewhere"), random)
            }
            _ => change(root, random),
        }
    }
}

/// A consumer that knows what it was told.
struct Consumer {
    name: &'static str,
    watcher: Watcher,
    known: BTreeSet<PathBuf>,
}

impl Consumer {
    fn new(name: &'static str, shape: Shape, root: &Path, choice: Choice) -> Self {
        let filter = Filter::new().include("*.py").ignore_dirs([""; 0]);
        let builder = Watcher::builder()
            .path(root)
            .filter(filter.gitignore(shape == Shape::Ignoring))
            .wait_for_root(true)
            .pair_renames(false)
            .backend(choice);
        Self {
            name,
            watcher: builder.build().expect("a watcher"),
            known: BTreeSet::new(),
        }
    }

    /// What it was told is what is really different.
    fn compare(&mut self, before: &Files, after: &Files) -> Result<(), String> {
        let (seen, expected) = (self.changes(), difference(before, after));
        let what = || format!("{}: {seen:#?} instead of {expected:#?}", self.name);
        (seen == expected).then_some(()).ok_or_else(what)
    }

    /// As above where rules may have changed meanwhile. What was ignored for a moment may be told anew, or
    /// be forgotten without a word; what was there all the time must be known, and what changed be told.
    fn compare_ignoring(&mut self, before: &Files, after: &Files) -> Result<(), String> {
        let changes = self.changes();
        let told: BTreeSet<&Path> = changes.iter().map(Change::path).collect();
        for change in &changes {
            if !matches!(change, Change::Added(_)) && !self.known.contains(change.path()) {
                return Err(format!("{}: about an unknown file: {change:?}", self.name));
            }
            match change {
                Change::Removed(path) => drop(self.known.remove(path)),
                other => drop(self.known.insert(other.path().to_owned())),
            }
        }
        let is_lost = |path: &&PathBuf| !self.known.contains(*path);
        let is_missed = |path: &&PathBuf| {
            before
                .get(*path)
                .is_some_and(|old| Some(old) != after.get(*path))
                && !told.contains(path.as_path())
        };
        let wrong: Vec<_> = after
            .keys()
            .filter(|path| is_lost(path) || is_missed(path))
            .collect();
        self.known.retain(|path| after.contains_key(path));
        let what = || format!("{}: never told of {wrong:?}: {changes:#?}", self.name);
        wrong.is_empty().then_some(()).ok_or_else(what)
    }

    fn changes(&self) -> Vec<Change> {
        let batch = self.watcher.settle();
        sorted(batch.as_ref().map_or(&[][..], Batch::changes).to_vec())
    }
}

fn difference(old: &Files, new: &Files) -> Vec<Change> {
    let removed = old.keys().filter(|path| !new.contains_key(*path));
    let mut changes: Vec<_> = removed.cloned().map(Change::Removed).collect();
    for (path, content) in new {
        match old.get(path) {
            None => changes.push(Change::Added(path.clone())),
            Some(before) if before != content => changes.push(Change::Modified(path.clone())),
            Some(_) => {}
        }
    }
    sorted(changes)
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.path().cmp(b.path()));
    changes
}

fn compare(shape: Shape, seed: u64, rounds: u64) {
    let disk = disk(&[]);
    let top = disk.root();
    let root = shape.root(&top);
    let mut consumers = [
        Consumer::new("native", shape, &root, Choice::Native),
        Consumer::new(
            "polled",
            shape,
            &root,
            Choice::Poll(Duration::from_hours(1)),
        ),
    ];
    let mut random = Random(seed);
    let mut before = Files::new();
    for round in 0..rounds {
        let number = random.below(6);
        let script: Vec<_> = (0..=number)
            .map(|_| shape.change(&top, &root, &mut random))
            .collect();
        let after = snapshot(&root, shape == Shape::Ignoring);
        for consumer in &mut consumers {
            let same = match shape {
                Shape::Ignoring => consumer.compare_ignoring(&before, &after),
                _ => consumer.compare(&before, &after),
            };
            let what = format!("{shape:?}, seed {seed}, round {round}: {script:#?}");
            same.unwrap_or_else(|wrong| panic!("{what}\n{wrong}"));
        }
        before = after;
    }
}

/// [46]
#[test]
fn native_and_polling_give_the_same_batches() {
    for seed in 0..8 {
        compare(Shape::Dir, seed, 60);
    }
}

/// [46] [51]
#[test]
fn native_and_polling_give_the_same_batches_while_ignore_files_change() {
    for seed in 0..8 {
        compare(Shape::Ignoring, seed, 60);
    }
}

/// [34] [35] [46]
#[test]
fn native_and_polling_give_the_same_batches_while_links_are_switched() {
    for seed in 0..8 {
        compare(Shape::Linked, seed, 60);
    }
}

/// [38] [46]
#[test]
fn native_and_polling_give_the_same_batches_about_a_single_file() {
    for seed in 0..8 {
        compare(Shape::File, seed, 60);
        compare(Shape::LinkedFile, seed, 60);
    }
}

/// As above for as many seconds as the environment says: `HMR_WATCHER_SOAK=300`.
#[test]
fn the_same_for_as_long_as_asked() {
    let Some(seconds) = std::env::var("HMR_WATCHER_SOAK").ok() else {
        return;
    };
    let seconds = seconds.parse().expect("seconds");
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut seed = 100;
    while Instant::now() < until {
        for shape in Shape::ALL {
            compare(shape, seed, 200);
        }
        seed += 1;
    }
}
