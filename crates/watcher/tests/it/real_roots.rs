//! Roots on a real file system: built, lost, found again.
//!
//! The numbers are those of `BEHAVIOURS.md`.

use crate::disk::{disk, disk_with, put};
use hmr_watcher::{Change, Filter};
use std::fs;
use std::path::Path;

/// [34]
#[test]
fn a_root_that_is_removed_and_recreated_is_watched_again() {
    let mut disk = disk(&["m.py"]);
    for round in 0..5 {
        fs::remove_dir_all(disk.root()).expect("a removal");
        disk.write("n.py", &format!("round {round}"));
        disk.until(|lines| lines.keys().any(|line| line.ends_with(" n.py")));
        disk.write("n.py", &format!("round {round}, edited"));
        disk.until(|lines| lines.contains_key("modified n.py"));
    }
    fs::remove_dir_all(disk.root()).expect("a removal");
    disk.until(|lines| lines.contains_key("removed n.py"));
    assert!(!disk.watcher.is_attached(disk.root()));
    disk.write("n.py", "later");
    disk.until(|lines| lines.contains_key("added n.py"));
    disk.nothing_else();
}

/// [35]
#[test]
fn a_root_that_is_renamed_away_is_not_taken_for_the_one_in_its_place() {
    let mut disk = disk(&["n.py"]);
    let away = disk.outside().join("away");
    fs::rename(disk.root(), &away).expect("a rename");
    disk.until(|lines| lines.contains_key("removed n.py"));
    put(&away.join("n.py"), "not ours");
    disk.write("o.py", "new");
    assert_eq!(disk.batch(), ["added o.py"]);
    put(&away.join("o.py"), "not ours");
    disk.nothing_else();
}

/// [34]
#[test]
fn a_root_whose_parents_vanish_with_it_is_found_again() {
    let mut disk = disk_with(&["m.py"], |builder| builder);
    let outer = disk.outside().join("outer");
    put(&outer.join("inner/src/a.py"), "at the start");
    disk.watcher
        .add_path(outer.join("inner/src"))
        .expect("added");
    fs::remove_dir_all(&outer).expect("a removal");
    disk.until(|lines| lines.keys().any(|line| line.starts_with("removed")));
    put(&outer.join("inner/src/b.py"), "new");
    disk.until(|lines| lines.keys().any(|line| line.starts_with("added")));
    put(&outer.join("inner/src/b.py"), "edited");
    disk.until(|lines| lines.keys().any(|line| line.starts_with("modified")));
    disk.nothing_else();
}

/// [36]
#[test]
fn a_root_that_does_not_exist_yet_is_waited_for() {
    let mut disk = disk_with(&[], |builder| builder.wait_for_root(true));
    fs::remove_dir_all(disk.root()).expect("a removal");
    let later = disk.outside().join("later");
    disk.watcher.add_path(&later).expect("added");
    put(&later.join("a.py"), "new");
    disk.until(|lines| lines.keys().any(|line| line.starts_with("added")));
    put(&later.join("a.py"), "edited");
    disk.until(|lines| lines.keys().any(|line| line.starts_with("modified")));
}

/// [38]
#[test]
fn a_single_file_survives_any_number_of_atomic_saves() {
    let mut disk = disk_with(&[], |builder| builder.filter(Filter::new().include("*.py")));
    let file = disk.outside().join("config.toml");
    put(&file, "at the start");
    disk.watcher.add_path(&file).expect("added");
    for round in 0..20 {
        let temporary = disk.outside().join("config.toml.tmp");
        put(&temporary, &format!("round {round}"));
        fs::rename(&temporary, &file).expect("a rename");
        let lines = disk.batch();
        assert!(
            lines.len() == 1 && lines[0].starts_with("modified"),
            "{lines:?}"
        );
    }
    disk.nothing_else();
}

/// [63]
#[test]
fn a_change_while_the_watcher_is_being_built_is_known_or_reported() {
    for round in 0..10 {
        let before: Vec<_> = (0..100).map(|n| format!("d{n}/f.py")).collect();
        let names: Vec<&str> = before.iter().map(String::as_str).collect();
        let mut disk = disk(&names);
        let src = disk.root();
        let watcher = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for n in 0..200 {
                    put(
                        &src.join(format!("d{}/g{round}.py", n % 100)),
                        &format!("{n}"),
                    );
                }
            });
            let watcher = hmr_watcher::Watcher::builder().path(&src).build();
            writer.join().expect("no panic");
            watcher.expect("a watcher")
        });
        watcher.settle();
        for n in 0..100 {
            put(&src.join(format!("d{n}/g{round}.py")), "afterwards");
        }
        let batch = watcher.settle().expect("a batch");
        let wrong: Vec<_> = batch
            .iter()
            .filter(|change| !matches!(change, hmr_watcher::Change::Modified(_)))
            .collect();
        assert!(
            wrong.is_empty() && batch.changes().len() == 100,
            "{wrong:?}"
        );
        disk.until(|lines| !lines.is_empty());
    }
}

/// [64]
#[test]
fn what_happens_beside_a_root_wakes_nobody() {
    let mut disk = disk(&["m.py"]);
    let before = disk.watcher.stats().events;
    for n in 0..100 {
        put(&disk.outside().join(format!("beside{n}.py")), "x");
    }
    disk.write("m.py", "edited");
    assert_eq!(disk.batch(), ["modified m.py"]);
    let events = disk.watcher.stats().events - before;
    assert!(events < 10, "{events} events");
    disk.nothing_else();
}

/// [35] All the watches go along with what is renamed; nothing tells but the directory above it.
#[test]
fn a_root_below_what_is_renamed_and_made_anew_is_watched_anew() {
    let mut disk = disk(&["p/q/root/pkg/a.py"]);
    let root = disk.path("p/q/root");
    let watcher = hmr_watcher::Watcher::builder().path(&root).build();
    let watcher = watcher.expect("a watcher");
    for round in 0..5 {
        fs::rename(disk.path("p"), disk.path("p2")).expect("a rename");
        put(&root.join("pkg/a.py"), &format!("round {round}"));
        let batch = watcher.settle().expect("a batch");
        assert_eq!(
            batch.changes(),
            [Change::Modified(root.join("pkg/a.py"))],
            "round {round}"
        );
        put(&disk.path("p2/q/root/pkg/a.py"), "not ours");
        put(&root.join("pkg/new.py"), "ours");
        let batch = watcher.settle().expect("a batch");
        assert_eq!(batch.changes(), [Change::Added(root.join("pkg/new.py"))]);
        fs::remove_file(root.join("pkg/new.py")).expect("a removal");
        assert!(watcher.settle().is_some());
        fs::remove_dir_all(disk.path("p2")).expect("a removal");
        assert_eq!(watcher.settle(), None);
    }
    disk.until(|lines| !lines.is_empty());
}

/// [34] [35] How releases are switched: the link is replaced at once.
#[test]
fn a_root_behind_a_link_that_is_made_to_lead_elsewhere_is_the_new_place() {
    for root in ["current", "current/app"] {
        let disk = disk(&[]);
        let (one, two) = (disk.outside().join("one"), disk.outside().join("two"));
        for (place, text) in [(&one, "one"), (&two, "two")] {
            put(&place.join("app/pkg/m.py"), text);
            put(&place.join("app/same.py"), "same");
        }
        let link = |to: &Path| {
            let temporary = disk.outside().join("t");
            std::os::unix::fs::symlink(to, &temporary).expect("a link");
            fs::rename(&temporary, disk.outside().join("current")).expect("a rename");
        };
        link(&one);
        let file = disk.outside().join("current/app/pkg/m.py");
        let watcher = hmr_watcher::Watcher::builder()
            .path(disk.outside().join(root))
            .build()
            .expect("a watcher");
        for round in 0..4 {
            let place = if round % 2 == 0 { &two } else { &one };
            link(place);
            let batch = watcher.settle().expect("a batch");
            assert!(
                batch
                    .iter()
                    .any(|change| *change == Change::Modified(file.clone())),
                "{root}, round {round}: {batch:?}"
            );
            put(&place.join("app/pkg/m.py"), &format!("round {round}"));
            let batch = watcher.settle();
            let batch = batch.unwrap_or_else(|| panic!("{root}, round {round}: blind"));
            assert_eq!(batch.changes(), [Change::Modified(file.clone())]);
        }
        // The place itself is replaced.
        let place = &one;
        fs::rename(place, disk.outside().join("old")).expect("a rename");
        put(&place.join("app/pkg/m.py"), "made anew");
        assert!(watcher.settle().is_some(), "{root}");
        put(&place.join("app/pkg/m.py"), "and edited");
        let batch = watcher.settle();
        let batch = batch.unwrap_or_else(|| panic!("{root}: blind"));
        assert_eq!(batch.changes(), [Change::Modified(file.clone())]);
    }
}

/// [51] The rules above a root are those of what is above it now.
#[test]
fn a_repository_that_is_replaced_brings_its_own_ignore_file() {
    let above = tempfile::tempdir().expect("a directory");
    let above = above.path().canonicalize().expect("a path");
    let make = |rule: &str| {
        fs::create_dir_all(above.join("repo/.git")).expect("a directory");
        put(&above.join("repo/.gitignore"), rule);
        put(&above.join("repo/src/a"), rule);
    };
    make("a\n");
    let root = above.join("repo/src");
    let watcher = hmr_watcher::Watcher::builder()
        .path(&root)
        .filter(Filter::new().gitignore(true))
        .build()
        .expect("a watcher");
    fs::rename(above.join("repo"), above.join("old")).expect("a rename");
    make("b\n");
    let batch = watcher.settle().expect("a batch");
    assert_eq!(batch.changes(), [Change::Added(root.join("a"))]);
}
