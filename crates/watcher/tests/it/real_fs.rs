//! Behaviours that need a real file system: what is saved, created, moved and removed.
//!
//! The numbers are those of `BEHAVIOURS.md`.

use crate::disk::{count, disk, disk_with, put};
use hmr_watcher::{Content, Filter};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// [1]
#[test]
fn a_plain_save_arrives_once() {
    let mut disk = disk(&["m.py"]);
    for round in 0..50 {
        disk.write("m.py", &format!("round {round}"));
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

/// [13]
#[test]
fn an_atomic_save_is_one_modification() {
    let mut disk = disk(&["m.py"]);
    for round in 0..50 {
        disk.write("m.py.tmp", &format!("round {round}"));
        fs::rename(disk.path("m.py.tmp"), disk.path("m.py")).expect("a rename");
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

/// [14]
#[test]
fn a_save_by_vim_is_one_modification() {
    let mut disk = disk(&["m.py"]);
    for round in 0..50 {
        disk.write("4913", "");
        fs::remove_file(disk.path("4913")).expect("4913");
        fs::rename(disk.path("m.py"), disk.path("m.py~")).expect("a rename");
        disk.write("m.py", &format!("round {round}"));
        fs::remove_file(disk.path("m.py~")).expect("m.py~");
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

/// [15] [18]
#[test]
fn a_rename_inside_the_tree_is_one_change() {
    let mut disk = disk(&["a.py", "pkg/x.py"]);
    fs::rename(disk.path("a.py"), disk.path("b.py")).expect("a rename");
    assert_eq!(disk.batch(), ["renamed a.py b.py"]);
    fs::rename(disk.path("pkg"), disk.path("lib")).expect("a rename");
    assert_eq!(disk.batch(), ["renamed pkg/x.py lib/x.py"]);
    fs::rename(disk.path("b.py"), disk.path("c.py")).expect("a rename");
    fs::rename(disk.path("c.py"), disk.path("d.py")).expect("a rename");
    assert_eq!(disk.batch(), ["renamed b.py d.py"]);
    disk.nothing_else();
}

/// [19]
#[test]
fn a_directory_that_is_removed_is_a_removal_of_each_file() {
    let mut disk = disk(&["pkg/a.py", "pkg/sub/b.py", "pkg/sub/c.txt"]);
    fs::remove_dir_all(disk.path("pkg")).expect("a removal");
    let lines = disk.until(|lines| lines.len() == 2);
    assert_eq!(count(&lines, "removed pkg/a.py"), 1);
    assert_eq!(count(&lines, "removed pkg/sub/b.py"), 1);
    disk.nothing_else();
}

/// [22] [23] [24]
#[test]
fn reading_touching_and_writing_the_same_is_nothing() {
    let mut disk = disk(&["m.py", "pkg/n.py"]);
    disk.read_the_start();
    for _ in 0..20 {
        fs::read(disk.path("m.py")).expect("a read");
        fs::read_dir(disk.path("pkg")).expect("a listing").count();
        let file = fs::File::open(disk.path("m.py")).expect("an open file");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .expect("a touch");
        disk.write("m.py", "at the start");
    }
    disk.nothing_else();
}

/// [24]
#[test]
fn without_comparison_the_same_bytes_are_a_change() {
    let mut disk = disk_with(&["m.py"], |builder| builder.content(Content::Off));
    for _ in 0..50 {
        disk.write("m.py", "at the start");
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
}

/// [27] [28]
#[test]
fn a_file_right_after_its_directory_is_never_lost() {
    let mut disk = disk(&[]);
    for n in 0..500 {
        disk.write(&format!("{n}/b/c/f.py"), "new");
    }
    let lines = disk.until(|lines| lines.len() == 500);
    assert!(lines.values().all(|times| *times == 1), "{lines:#?}");
    for n in 0..500 {
        disk.write(&format!("{n}/b/c/f.py"), "edited");
    }
    let lines = disk.until(|lines| lines.len() == 500);
    assert!(
        lines.keys().all(|line| line.starts_with("modified")),
        "{lines:#?}"
    );
    disk.nothing_else();
}

/// [30]
#[test]
fn ten_thousand_writes_are_a_handful_of_batches() {
    let files: Vec<_> = (0..10_000)
        .map(|n| format!("d{}/f{n}.py", n % 1000))
        .collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut disk = disk(&names);
    for file in &files {
        disk.write(file, "edited");
    }
    let lines = disk.until(|lines| lines.len() == 10_000);
    assert!(lines.values().all(|times| *times == 1));
    assert!(disk.seen.len() <= 10, "{} batches", disk.seen.len());
    disk.nothing_else();
}

/// [16]
#[test]
fn a_tree_that_moves_in_edits_and_moves_out_is_reported_file_by_file() {
    let mut disk = disk(&[]);
    let aside = disk.outside().join("aside");
    for n in 0..240 {
        put(&aside.join(format!("{}/f{n}.py", n % 12)), "new");
    }
    fs::rename(&aside, disk.path("in")).expect("a move in");
    disk.until(|lines| {
        lines
            .keys()
            .filter(|line| line.starts_with("added"))
            .count()
            == 240
    });
    disk.write("in/3/f3.py", "edited");
    assert_eq!(disk.batch(), ["modified in/3/f3.py"]);
    fs::rename(disk.path("in"), &aside).expect("a move out");
    disk.until(|lines| {
        lines
            .keys()
            .filter(|line| line.starts_with("removed"))
            .count()
            == 240
    });
    put(&aside.join("3/f3.py"), "not ours any more");
    disk.nothing_else();
}

/// [37]
#[test]
fn a_directory_that_is_recreated_again_and_again_stays_watched() {
    let mut disk = disk(&["d/f.py"]);
    for round in 0..50 {
        fs::remove_dir_all(disk.path("d")).expect("a removal");
        disk.write("d/f.py", &format!("round {round}"));
    }
    disk.until(|lines| lines.keys().any(|line| line.ends_with("ed d/f.py")));
    for round in 0..5 {
        // Batches about the rounds above may still come; the edit is the last word.
        disk.watcher.settle();
        disk.write("d/f.py", &format!("afterwards {round}"));
        disk.until(|lines| lines.contains_key("modified d/f.py"));
    }
    disk.nothing_else();
}

/// [41]
#[test]
fn ignored_directories_get_no_watch() {
    let files: Vec<_> = (0..50).map(|n| format!("node_modules/p{n}/i.js")).collect();
    let mut names: Vec<&str> = files.iter().map(String::as_str).collect();
    names.extend(["pkg/a.py", ".git/objects/00/x"]);
    let mut disk = disk(&names);
    // The root, the way to it, and `pkg`.
    let watched = disk.root().ancestors().count() + 1;
    assert_eq!(crate::disk::inotify_watches(), Some(watched));
    disk.nothing_else();
}

/// [48]
#[test]
fn links_are_followed_if_asked() {
    let mut disk = disk_with(&["real.py"], |builder| builder.follow_links(true));
    let lib = disk.outside().join("lib");
    put(&lib.join("l.py"), "at the start");
    std::os::unix::fs::symlink(&lib, disk.path("lib")).expect("a link");
    std::os::unix::fs::symlink(disk.root(), disk.path("loop")).expect("a link");
    assert_eq!(disk.batch(), ["added lib/l.py"]);
    put(&lib.join("l.py"), "edited");
    assert_eq!(disk.batch(), ["modified lib/l.py"]);
    std::os::unix::fs::symlink(lib.join("l.py"), disk.path("m.py")).expect("a link");
    assert_eq!(disk.batch(), ["added m.py"]);
    put(&lib.join("l.py"), "edited again");
    assert_eq!(disk.batch(), ["modified lib/l.py", "modified m.py"]);
    disk.nothing_else();
}

/// [49]
#[test]
fn a_name_that_is_not_utf_8_is_delivered_intact() {
    let mut disk = disk(&[]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
    put(&disk.root().join(name), "new");
    let batch = disk
        .watcher
        .next(Some(crate::disk::LIMIT))
        .expect("a batch");
    assert_eq!(batch.changes()[0].path(), disk.root().join(name));
    disk.nothing_else();
}

/// [51]
#[test]
fn editing_an_ignore_file_takes_effect_at_once() {
    let filter = Filter::new().include("*.py").gitignore(true);
    let mut disk = disk_with(&[], |builder| builder.filter(filter));
    disk.write(".gitignore", "gen/\n");
    disk.nothing_else();
    disk.write("gen/a.py", "new");
    disk.nothing_else();
    disk.write(".gitignore", "");
    assert_eq!(disk.batch(), ["added gen/a.py"]);
    disk.write("gen/a.py", "edited");
    assert_eq!(disk.batch(), ["modified gen/a.py"]);
    disk.write(".gitignore", "gen/\n");
    disk.nothing_else();
    disk.write("gen/a.py", "edited again");
    disk.nothing_else();
}

/// [64]
#[test]
fn an_idle_watcher_is_never_woken() {
    let files: Vec<_> = (0..300).map(|n| format!("d{n}/f.py")).collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut disk = disk(&names);
    disk.read_the_start();
    let before = disk.watcher.stats();
    assert!(
        disk.watcher
            .next(Some(Duration::from_millis(500)))
            .is_none()
    );
    let after = disk.watcher.stats();
    assert_eq!(after.events, before.events, "false events");
    assert_eq!(
        after.wakeups,
        before.wakeups + 1,
        "the end of the time is one"
    );
    disk.nothing_else();
}
