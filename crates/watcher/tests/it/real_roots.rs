//! Roots on a real file system: built, lost, found again.
//!
//! The numbers are those of `BEHAVIOURS.md`.

use crate::disk::{disk, disk_with, put};
use hmr_watcher::Filter;
use std::fs;

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
