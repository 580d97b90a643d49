//! What may not be looked at for a while: said once, and compared when it may be looked at again [39].
//!
//! Permissions do not bind root, and files that are open count for the whole process. Therefore each test
//! runs in a process of its own, in a user namespace in which it is nobody in particular. Where that is
//! not allowed, there is nothing to test here; the scripts show the same.

use crate::disk::{LIMIT, put};
use hmr_watcher::{Change, Choice, Warning, Watcher};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const VARIABLE: &str = "HMR_WATCHER_TEST_APART";

/// Runs `test`, the test called `name`, in a process of its own where permissions bind it.
fn apart(name: &str, test: impl FnOnce()) {
    if std::env::var_os(VARIABLE).is_some() {
        return test();
    }
    let unshare = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "sh", "-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
        command.args(args);
        command
    };
    if !unshare(&["true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        return;
    }
    let this = std::env::current_exe().expect("this test");
    let output = unshare(&[&this.to_string_lossy(), "--exact", name])
        .env(VARIABLE, "1")
        .output()
        .expect("a process");
    assert!(output.status.success(), "{output:#?}");
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
}

/// What `settle` says, and then `next`: a poller has to come by first, and a clock to strike.
fn changes(watcher: &Watcher) -> Vec<Change> {
    let batch = watcher.settle().or_else(|| watcher.next(Some(LIMIT)));
    batch.into_iter().flatten().collect()
}

fn with_each(check: impl Fn(Choice, &Path)) {
    for choice in [Choice::Native, Choice::Poll(Duration::from_millis(10))] {
        let temp = tempfile::tempdir().expect("a directory");
        check(choice, &temp.path().join("src"));
    }
}

/// How many warnings are about `path`.
fn count(warnings: &[Warning], path: &Path) -> usize {
    let about = |warning: &&Warning| match warning {
        Warning::Unwatched { path: about, .. } | Warning::Unreadable { path: about, .. } => {
            about == path
        }
        _ => false,
    };
    warnings.iter().filter(about).count()
}

/// In a directory that may be listed and not entered, the names are known and nothing else.
#[test]
fn a_directory_that_may_not_be_entered_is_said_and_seen_later() {
    let name = "barred::a_directory_that_may_not_be_entered_is_said_and_seen_later";
    apart(name, || {
        for below in ["", "sub", "sub/deep"] {
            with_each(|choice, root| {
                let dir = root.join(below);
                put(&dir.join("m.py"), "1");
                allow(&dir, 0o444);
                let watcher = Watcher::builder().path(root).backend(choice);
                let watcher = watcher.build().expect("a watcher");
                assert!(watcher.settle().is_none());
                let warnings = watcher.warnings();
                assert_eq!(count(&warnings, &dir), 1, "{choice:?}: {warnings:?}");
                // Nobody was told about the file; it is news.
                allow(&dir, 0o755);
                assert_eq!(changes(&watcher), [Change::Added(dir.join("m.py"))]);
                put(&dir.join("m.py"), "22");
                assert_eq!(changes(&watcher), [Change::Modified(dir.join("m.py"))]);
                // Barred again: nothing is gone, and what happens meanwhile is seen afterwards.
                allow(&dir, 0o444);
                assert!(watcher.settle().is_none());
                allow(&dir, 0o755);
                put(&dir.join("m.py"), "333");
                assert_eq!(changes(&watcher), [Change::Modified(dir.join("m.py"))]);
            });
        }
    });
}

#[test]
fn a_directory_that_cannot_be_opened_for_now_is_tried_again() {
    let name = "barred::a_directory_that_cannot_be_opened_for_now_is_tried_again";
    apart(name, || {
        with_each(|choice, root| {
            put(&root.join("m.py"), "1");
            let watcher = Watcher::builder().path(root).backend(choice);
            let watcher = watcher.build().expect("a watcher");
            assert!(watcher.next(Some(Duration::from_millis(20))).is_none());
            let (aside, dir) = (root.with_file_name("aside"), root.join("new"));
            put(&aside.join("n.py"), "1");
            let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
            fs::rename(&aside, &dir).expect("a rename opens no file");
            // Long enough for the clock to strike more than once.
            for _ in 0..4 {
                let batch = watcher.next(Some(Duration::from_millis(200)));
                assert!(batch.is_none(), "{choice:?}: {batch:?}");
            }
            let warnings = watcher.warnings();
            let barred = if choice == Choice::Native { &dir } else { root };
            assert_eq!(count(&warnings, barred), 1, "{choice:?}: {warnings:?}");
            drop(all);
            let batch = watcher.next(Some(LIMIT)).expect("a batch");
            assert_eq!(batch.changes(), [Change::Added(dir.join("n.py"))]);
            put(&dir.join("n.py"), "22");
            assert_eq!(changes(&watcher), [Change::Modified(dir.join("n.py"))]);
            assert_eq!(watcher.warnings(), [], "and nothing more to say");
        });
    });
}

#[test]
fn without_a_file_to_open_at_the_start_everything_is_seen_later() {
    let name = "barred::without_a_file_to_open_at_the_start_everything_is_seen_later";
    apart(name, || {
        let temp = tempfile::tempdir().expect("a directory");
        let root = temp.path().join("src");
        put(&root.join("sub/m.py"), "1");
        let all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let builder = Watcher::builder().poll_interval(Duration::from_millis(10));
        let watcher = builder.path(&root).build().expect("a watcher");
        drop(all);
        assert_eq!(changes(&watcher), [Change::Added(root.join("sub/m.py"))]);
        put(&root.join("sub/m.py"), "22");
        assert_eq!(changes(&watcher), [Change::Modified(root.join("sub/m.py"))]);
    });
}
