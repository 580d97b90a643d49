//! Behaviours that need a real file system.

use crate::disk::{LIMIT, disk};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_plain_save_arrives_once() {
    let mut disk = disk(&["m.py"]);
    for round in 0..20 {
        disk.write("m.py", &format!("round {round}"));
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

#[test]
fn an_atomic_save_is_one_modification() {
    let mut disk = disk(&["m.py"]);
    for round in 0..20 {
        disk.write("m.py.tmp", &format!("round {round}"));
        fs::rename(disk.path("m.py.tmp"), disk.path("m.py")).expect("a rename");
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

#[test]
fn a_save_by_vim_is_one_modification() {
    let mut disk = disk(&["m.py"]);
    for round in 0..20 {
        disk.write("4913", "");
        fs::remove_file(disk.path("4913")).expect("4913");
        fs::rename(disk.path("m.py"), disk.path("m.py~")).expect("a rename");
        disk.write("m.py", &format!("round {round}"));
        fs::remove_file(disk.path("m.py~")).expect("m.py~");
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

#[test]
fn a_rename_inside_the_tree_is_one_change() {
    let mut disk = disk(&["a.py"]);
    fs::rename(disk.path("a.py"), disk.path("b.py")).expect("a rename");
    assert_eq!(disk.batch(), ["renamed a.py b.py"]);
    disk.nothing_else();
}

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

#[test]
fn a_tree_that_moves_in_edits_and_moves_out_is_reported_file_by_file() {
    let mut disk = disk(&[]);
    let aside = disk.outside().join("aside");
    for n in 0..240 {
        crate::disk::put(&aside.join(format!("{}/f{n}.py", n % 12)), "new");
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
    disk.nothing_else();
}

#[test]
fn a_root_that_is_removed_and_recreated_is_watched_again() {
    let mut disk = disk(&["m.py"]);
    for round in 0..3 {
        fs::remove_dir_all(disk.root()).expect("a removal");
        disk.write("n.py", &format!("round {round}"));
        disk.until(|lines| lines.keys().any(|line| line.ends_with(" n.py")));
        disk.write("n.py", &format!("round {round}, edited"));
        disk.until(|lines| lines.contains_key("modified n.py"));
    }
    let away = disk.outside().join("away");
    fs::rename(disk.root(), &away).expect("a rename");
    disk.until(|lines| lines.contains_key("removed n.py"));
    crate::disk::put(&away.join("n.py"), "not ours");
    disk.write("o.py", "new");
    assert_eq!(disk.batch(), ["added o.py"]);
    disk.nothing_else();
}

#[test]
fn stop_wakes_a_waiting_next() {
    let disk = disk(&[]);
    let late = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            assert!(disk.watcher.next(None).is_none());
            Instant::now()
        });
        thread::yield_now();
        let stopped = Instant::now();
        disk.watcher.stop();
        waiting
            .join()
            .expect("no panic")
            .saturating_duration_since(stopped)
    });
    assert!(late < LIMIT.min(Duration::from_secs(1)), "{late:?}");
}
