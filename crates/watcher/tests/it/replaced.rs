//! Names that stand for something else than before, and paths that were asked for by themselves.
//!
//! The numbers are those of `BEHAVIOURS.md`.

use hmr_watcher::{Builder, Change, Choice, Filter, Manual, MemoryFiles, Mounts, Points, Watcher};
use std::fs;
use std::path::Path;
use std::time::Duration;

fn put(path: impl AsRef<Path>, text: &str) {
    crate::disk::put(path.as_ref(), text);
}

fn armed(builder: Builder) -> Watcher {
    let watcher = builder.build().expect("a watcher");
    let early = watcher.next(Some(Duration::from_millis(30)));
    assert!(early.is_none(), "{early:?}");
    watcher
}

fn settled(watcher: &Watcher, dir: &Path) -> Vec<String> {
    let batch = watcher.settle();
    let changes = batch.iter().flatten();
    let line = |change: &Change| format!("{change:?}").replace(&format!("{}/", dir.display()), "");
    changes.map(line).collect()
}

/// [12] [46]
#[cfg(unix)]
#[test]
fn files_of_a_directory_that_became_a_link_are_gone() {
    for choice in [Choice::Native, Choice::Poll(Duration::from_millis(20))] {
        let temp = tempfile::tempdir().expect("tempdir");
        let dir = temp.path();
        put(dir.join("v2/m.py"), "two");
        put(dir.join("now/m.py"), "one");
        let watcher = armed(Watcher::builder().path(dir).backend(choice));
        fs::remove_dir_all(dir.join("now")).expect("a removal");
        std::os::unix::fs::symlink("v2", dir.join("now")).expect("a link");
        let want = ["Removed(\"now/m.py\")", "Added(\"now\")"];
        assert_eq!(settled(&watcher, dir), want, "{choice:?}");
    }
}

/// [50] [61]
#[test]
fn a_root_in_an_ignored_directory_outlives_edits_of_the_ignore_file() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join(".gitignore"), "build/\n");
    put(dir.join("build/x.js"), "1");
    let filter = Filter::new().include("*.js").gitignore(true);
    let build = dir.join("build");
    let watcher = armed(Watcher::builder().path(dir).path(&build).filter(filter));
    put(dir.join(".gitignore"), "build/\n*.log\n");
    assert!(watcher.settle().is_none());
    put(dir.join("build/x.js"), "2");
    assert_eq!(settled(&watcher, dir), ["Modified(\"build/x.js\")"]);
}

/// [50] [61]
#[test]
fn a_path_that_was_asked_for_by_itself_is_not_forgotten_when_it_is_ignored() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join("build/x.js"), "1");
    let filter = Filter::new().include("*.js").gitignore(true);
    let build = dir.join("build");
    let watcher = armed(Watcher::builder().path(dir).path(&build).filter(filter));
    put(dir.join(".gitignore"), "build/\n");
    assert!(watcher.settle().is_none());
    assert!(watcher.is_attached(&build));
    put(dir.join("build/x.js"), "2");
    assert_eq!(settled(&watcher, dir), ["Modified(\"build/x.js\")"]);
}

/// [34] [46]
#[test]
fn a_poller_does_not_lose_a_root_that_another_one_leaves_out() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join(".gitignore"), "build/\n");
    put(dir.join("build/x.js"), "1");
    let builder = Watcher::builder()
        .path(dir)
        .path(dir.join("build"))
        .filter(Filter::new().gitignore(true))
        .backend(Choice::Poll(Duration::from_millis(5)));
    assert_eq!(armed(builder).warnings(), []);
}

/// [19]
#[test]
fn a_directory_that_is_gone_is_one_removal_also_if_a_save_comes_between() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join("d/a"), "1");
    put(dir.join("d/b"), "1");
    put(dir.join("x"), "1");
    let watcher = armed(Watcher::builder().path(dir).collapse_dirs(true));
    fs::remove_dir_all(dir.join("d")).expect("a removal");
    put(dir.join("x"), "2");
    let mut seen = Vec::new();
    while let Some(batch) = watcher.next(Some(Duration::from_millis(300))) {
        seen.extend(batch);
    }
    seen.sort_by(|a, b| a.path().cmp(b.path()));
    let want = [
        Change::Removed(dir.join("d")),
        Change::Modified(dir.join("x")),
    ];
    assert_eq!(seen, want);
}

/// [12] [46]
#[test]
fn a_root_that_changes_between_file_and_directory_is_seen_by_a_poller() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join("r"), "1");
    let choice = Choice::Poll(Duration::from_mins(1));
    let watcher = armed(Watcher::builder().path(dir.join("r")).backend(choice));
    for _ in 0..5 {
        fs::remove_file(dir.join("r")).expect("a removal");
        fs::create_dir(dir.join("r")).expect("a directory");
        assert_eq!(settled(&watcher, dir), ["Removed(\"r\")"]);
        // The file is likely to get the inode of the directory.
        fs::remove_dir(dir.join("r")).expect("a removal");
        put(dir.join("r"), "2");
        assert_eq!(settled(&watcher, dir), ["Added(\"r\")"]);
    }
}

/// [27] [66] [68]
#[test]
fn what_is_in_a_folder_that_comes_is_reported() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    put(dir.join("src/m.py"), "1");
    let watcher = armed(Watcher::builder().path(dir.join("src")));
    let points = Points {
        folders: [dir.join("data")].into(),
        ..Points::default()
    };
    watcher.set_points(points).expect("points");
    put(dir.join("data/q"), "1");
    let want = ["Added(\"data\")", "Added(\"data/q\")"];
    assert_eq!(settled(&watcher, dir), want);
    put(dir.join("data/r"), "1");
    assert_eq!(settled(&watcher, dir), ["Added(\"data/r\")"]);
}

/// [42]
#[test]
fn what_is_below_a_polled_directory_is_polled() {
    let (backend, files) = (Manual::default(), MemoryFiles::default());
    files.write("/src/a/x", "1");
    backend.limit(2);
    let watcher = Watcher::builder()
        .path("/src")
        .custom_backend(backend.clone())
        .mounts(Mounts::default())
        .files(files.clone())
        .build()
        .expect("a watcher");
    assert_eq!(watcher.stats().polled_dirs, 1, "{:?}", backend.watched());
    backend.limit(100);
    files.write("/src/a/b/y", "1");
    assert!(watcher.settle().is_some());
    let b = Path::new("/src/a/b");
    // Nobody would say that another directory has taken its name.
    assert!(!backend.watched().iter().any(|dir| dir == b));
    assert_eq!(watcher.stats().polled_dirs, 2);
}

/// [50] [56]
#[cfg(unix)]
#[test]
fn an_ignore_file_that_is_a_pipe_says_nothing() {
    let temp = tempfile::tempdir().expect("tempdir");
    let dir = temp.path();
    let pipe = dir.join(".gitignore");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.expect("mkfifo").success());
    let filter = Filter::new().gitignore(true);
    let watcher = armed(Watcher::builder().path(dir).filter(filter));
    put(dir.join("x"), "1");
    assert_eq!(settled(&watcher, dir), ["Added(\"x\")"]);
}
