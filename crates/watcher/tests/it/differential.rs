//! Native, polling and a naive comparison of the whole tree give the same batches [46]; and a soak.
//!
//! The script is random but the same each time: a few changes, then all three are asked what changed.

use crate::disk::disk;
use hmr_watcher::{Batch, Change, Choice, Filter, Watcher};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % n
    }
}

/// The files of interest, with their content; of a link, where it leads.
fn snapshot(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let is_named = path.extension().is_some_and(|extension| extension == "py");
        if path.is_symlink() {
            if is_named {
                let place = fs::read_link(&path).expect("a link");
                files.insert(path, place.into_os_string().into_encoded_bytes());
            }
        } else if path.is_dir() {
            snapshot(&path, files);
        } else if is_named {
            files.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
}

fn difference(old: &BTreeMap<PathBuf, Vec<u8>>, new: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<Change> {
    let removed = old.keys().filter(|path| !new.contains_key(*path));
    let mut changes: Vec<_> = removed.cloned().map(Change::Removed).collect();
    for (path, content) in new {
        match old.get(path) {
            None => changes.push(Change::Added(path.clone())),
            Some(before) if before != content => changes.push(Change::Modified(path.clone())),
            Some(_) => {}
        }
    }
    changes
}

/// Changes something, or tries to.
fn change(root: &Path, random: &mut Random) -> String {
    let dirs = ["", "a", "a/b", "c", "c/d"];
    let files = ["x.py", "X.py", "\u{e9}t\u{e9}.py", "e\u{301}.py", "z.txt"];
    let mut dir = || root.join(dirs[usize::try_from(random.below(5)).unwrap_or(0)]);
    let (one, two) = (dir(), dir());
    let mut name = || files[usize::try_from(random.below(5)).unwrap_or(0)];
    let (file, other) = (one.join(name()), two.join(name()));
    let kind = random.below(17);
    let content = random.below(1_000_000).to_string();
    let done = match kind {
        0..=2 => fs::write(&file, content),
        3 => fs::remove_file(&file),
        4 => fs::rename(&file, &other),
        5 => fs::create_dir_all(&one).and_then(|()| fs::write(&file, content)),
        6 if one != root => fs::remove_dir_all(&one),
        7 if one != root && !two.starts_with(&one) => fs::rename(&one, two.join("moved")),
        8 => {
            let temporary = one.join("t.tmp");
            fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, &file))
        }
        // A file becomes a directory or a link and back, a directory another one, a link a file.
        9 => fs::remove_file(&file)
            .and_then(|()| fs::create_dir(&file))
            .and_then(|()| fs::write(file.join("in.py"), content)),
        10 => fs::remove_dir_all(&file).and_then(|()| fs::write(&file, content)),
        11 => {
            let _ = fs::remove_file(&file);
            symlink(&content, &file)
        }
        12 => {
            let temporary = one.join("t.tmp");
            symlink(root.join("a").join(&content), &temporary)
                .and_then(|()| fs::rename(&temporary, &file))
        }
        13 if one != root => fs::rename(&one, root.join("t"))
            .and_then(|()| fs::create_dir(&one))
            .and_then(|()| fs::rename(root.join("t"), &one)),
        14 => fs::create_dir_all(root.join("n/e/w"))
            .and_then(|()| fs::write(root.join("n/e/w/x.py"), content))
            .and_then(|()| fs::rename(root.join("n"), one.join("w"))),
        // The root itself, or all of what is above it.
        15 => fs::rename(root, root.with_extension("old"))
            .and_then(|()| fs::create_dir(root))
            .and_then(|()| fs::write(root.join("x.py"), content))
            .and_then(|()| fs::remove_dir_all(root.with_extension("old"))),
        16 => {
            let above = root.parent().expect("not the top");
            fs::rename(above, above.with_extension("old"))
                .and_then(|()| fs::create_dir_all(&file))
                .and_then(|()| fs::write(root.join("y.py"), content))
                .and_then(|()| fs::remove_dir_all(above.with_extension("old")))
        }
        _ => Ok(()),
    };
    format!("{kind} {} {} {done:?}", file.display(), other.display())
}

fn changes(batch: Option<Batch>) -> Vec<Change> {
    batch.map_or_else(Vec::new, |batch| batch.changes().to_vec())
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.path().cmp(b.path()));
    changes
}

fn compare(seed: u64, rounds: u64) {
    let filter = || Filter::new().include("*.py").ignore_dirs([""; 0]);
    let disk = disk(&[]);
    // Deeper, so that what is above it may be replaced.
    let root = disk.root().join("above/root");
    fs::create_dir_all(&root).expect("a directory");
    let native = Watcher::builder()
        .path(&root)
        .filter(filter())
        .pair_renames(false)
        .build()
        .expect("a watcher");
    let poller = Watcher::builder()
        .path(&root)
        .filter(filter())
        .pair_renames(false)
        .backend(Choice::Poll(Duration::from_hours(1)))
        .build()
        .expect("a watcher");
    let mut random = Random(seed);
    let mut before = BTreeMap::new();
    let mut round = 0;
    while round < rounds {
        round += 1;
        let script: Vec<_> = (0..=random.below(6))
            .map(|_| change(&root, &mut random))
            .collect();
        let seen = sorted(changes(native.settle()));
        let polled = sorted(changes(poller.settle()));
        let mut after = BTreeMap::new();
        snapshot(&root, &mut after);
        let expected = sorted(difference(&before, &after));
        assert_eq!(
            seen, expected,
            "native, seed {seed}, round {round}: {script:#?}"
        );
        assert_eq!(
            polled, expected,
            "polled, seed {seed}, round {round}: {script:#?}"
        );
        before = after;
    }
}

/// [46]
#[test]
fn native_and_polling_give_the_same_batches() {
    for seed in 0..8 {
        compare(seed, 60);
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
        compare(seed, 500);
        seed += 1;
    }
}
