//! Points: single paths that are reported whatever the filter says.
//!
//! The numbers are those of `BEHAVIOURS.md`.

use crate::disk::{Disk, disk, inotify_watches, put};
use hmr_watcher::{Points, Watcher};
use std::fs;
use std::path::PathBuf;

fn points(disk: &Disk, names: &[PathBuf], folders: &[PathBuf]) {
    let points = Points {
        names: names.iter().cloned().collect(),
        folders: folders.iter().cloned().collect(),
    };
    disk.watcher.set_points(points).expect("points");
}

/// [65]
#[test]
fn a_file_that_the_filter_leaves_out_is_reported_as_a_point() {
    let mut disk = disk(&["m.py", "cfg.json"]);
    points(&disk, &[disk.path("cfg.json"), disk.path("late.json")], &[]);
    disk.write("other.json", "nobody asked");
    disk.write("cfg.json", "new");
    assert_eq!(disk.batch(), ["modified cfg.json"]);
    disk.write("late.json", "new");
    assert_eq!(disk.batch(), ["added late.json"]);
    fs::remove_file(disk.path("cfg.json")).expect("a removal");
    assert_eq!(disk.batch(), ["removed cfg.json"]);

    points(&disk, &[], &[]);
    disk.write("late.json", "newer");
    disk.nothing_else();
}

/// [65]
#[test]
fn a_directory_that_is_a_point_is_reported_when_it_comes_and_goes() {
    let mut disk = disk(&["m.py"]);
    points(&disk, &[disk.path("plugins")], &[]);
    fs::create_dir(disk.path("plugins")).expect("mkdir");
    assert_eq!(disk.batch(), ["added plugins"]);
    disk.write("plugins/x.txt", "nobody asked");
    disk.nothing_else();
    fs::remove_dir_all(disk.path("plugins")).expect("rmdir");
    assert_eq!(disk.batch(), ["removed plugins"]);
}

/// [66]
#[test]
fn the_entries_of_a_folder_are_reported_and_not_what_is_below_them() {
    let mut disk = disk(&["data/a.txt"]);
    points(&disk, &[], &[disk.path("data")]);
    disk.write("data/b.txt", "new");
    assert_eq!(disk.batch(), ["added data/b.txt"]);
    fs::create_dir(disk.path("data/sub")).expect("mkdir");
    assert_eq!(disk.batch(), ["added data/sub"]);
    disk.write("data/sub/c.txt", "nobody asked");
    disk.nothing_else();
    fs::remove_file(disk.path("data/a.txt")).expect("a removal");
    assert_eq!(disk.batch(), ["removed data/a.txt"]);
}

/// [67]
#[test]
fn a_point_outside_of_the_roots_costs_one_directory_however_deep_the_tree_is() {
    let mut disk = disk(&["m.py"]);
    let out = disk.outside().join("out");
    put(&out.join("cfg.json"), "at the start");
    for n in 0..100 {
        put(&out.join(format!("deep/{n}/x.txt")), "at the start");
    }
    let before = inotify_watches().expect("linux");
    points(&disk, &[out.join("cfg.json")], &[]);
    let more = inotify_watches().expect("linux") - before;
    assert!(more <= 2, "{more} watches for one file");
    put(&out.join("deep/1/x.txt"), "nobody asked");
    put(&out.join("m.py"), "nobody asked");
    disk.nothing_else();
    put(&out.join("cfg.json"), "new");
    let line = format!("modified {}", out.join("cfg.json").display());
    assert_eq!(disk.batch(), [line]);

    points(&disk, &[], &[]);
    assert_eq!(inotify_watches().expect("linux"), before, "given back");
}

/// [68]
#[test]
fn a_point_in_a_directory_that_does_not_exist_is_waited_for() {
    let mut disk = disk(&["m.py"]);
    let late = disk.outside().join("one/two/cfg.json");
    points(&disk, &[late.clone(), disk.path("data/x.json")], &[]);
    disk.nothing_else();
    put(&late, "new");
    assert_eq!(disk.batch(), [format!("added {}", late.display())]);
    put(&late, "newer");
    assert_eq!(disk.batch(), [format!("modified {}", late.display())]);
    disk.write("data/x.json", "new");
    assert_eq!(disk.batch(), ["added data/x.json"]);
}

/// [65]
#[test]
fn a_directory_of_points_becomes_a_root_like_any_other() {
    let mut disk = disk(&["m.py"]);
    let out = disk.outside().join("out");
    put(&out.join("cfg.json"), "at the start");
    points(&disk, &[out.join("cfg.json")], &[]);
    disk.watcher.add_path(&out).expect("added");
    put(&out.join("sub/n.py"), "new");
    let line = format!("added {}", out.join("sub/n.py").display());
    disk.until(|lines| lines.contains_key(&line));
    put(&out.join("cfg.json"), "new");
    let line = format!("modified {}", out.join("cfg.json").display());
    disk.until(|lines| lines.contains_key(&line));
}

/// [65]
#[test]
fn a_bad_point_is_an_error_and_changes_nothing() {
    let mut disk = disk(&["m.py", "cfg.json"]);
    points(&disk, &[disk.path("cfg.json")], &[]);
    for bad in ["", "a\0b"] {
        for is_folder in [false, true] {
            let mut points = Points::default();
            points.names.insert(disk.path("late.json"));
            let set = if is_folder {
                &mut points.folders
            } else {
                &mut points.names
            };
            set.insert(bad.into());
            let error = disk.watcher.set_points(points).expect_err(bad);
            assert_eq!(error.path(), Some(bad.as_ref()), "{error}");
        }
    }
    disk.write("late.json", "not a point");
    disk.write("cfg.json", "still one");
    assert_eq!(disk.batch(), ["modified cfg.json"]);
}

/// [65]
#[test]
fn a_point_may_be_spelled_in_several_ways() {
    let mut disk = disk(&["m.py", "cfg.json"]);
    points(&disk, &[disk.path("./cfg.json")], &[disk.path("data/")]);
    disk.write("cfg.json", "new");
    assert_eq!(disk.batch(), ["modified cfg.json"]);
    disk.write("data/x.bin", "new");
    disk.until(|lines| lines.contains_key("added data/x.bin"));
}

#[test]
fn a_path_that_no_system_takes_is_an_error() {
    for bad in ["", "a\0b"] {
        let builder = Watcher::builder().wait_for_root(true);
        assert!(builder.path(bad).build().is_err(), "{bad:?}");
    }
}
