//! What is neither a file nor a directory is never reported, and never keeps anybody waiting [69].
//!
//! Opening a pipe waits for a writer, reading the kernel's log for its next line. A call that waits for
//! ever would hang the test, so that each is made by a thread that may be left behind.

use crate::disk::{LIMIT, put};
use hmr_watcher::{Builder, Change, Choice, Filter, Watcher};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

/// The result of `call`, which must come.
#[track_caller]
fn in_time<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(call()));
    result.recv_timeout(LIMIT).expect("it waits for ever")
}

fn armed(builder: Builder) -> Watcher {
    in_time(move || {
        let watcher = builder.build().expect("a watcher");
        assert!(watcher.next(Some(Duration::from_millis(20))).is_none());
        watcher
    })
}

fn settled(watcher: Watcher) -> (Watcher, Vec<Change>) {
    in_time(move || {
        let changes = watcher.settle().into_iter().flatten().collect();
        (watcher, changes)
    })
}

#[test]
fn pipes_and_sockets_are_not_reported() {
    for choice in [Choice::Native, Choice::Poll(Duration::from_hours(1))] {
        for follow in [false, true] {
            let temp = tempfile::tempdir().expect("a directory");
            let dir = temp.path();
            pipe(&dir.join("pipe.py"));
            std::os::unix::fs::symlink("pipe.py", dir.join("link.py")).expect("a link");
            put(&dir.join("file.py"), "1");
            let builder = Watcher::builder().path(dir).path(dir.join("pipe.py"));
            let watcher = armed(builder.backend(choice).follow_links(follow));
            // One that is new, and one in the place of a file.
            let _socket = UnixListener::bind(dir.join("socket.py")).expect("a socket");
            fs::remove_file(dir.join("file.py")).expect("a removal");
            pipe(&dir.join("file.py"));
            let (watcher, changes) = settled(watcher);
            assert_eq!(changes, [Change::Removed(dir.join("file.py"))]);
            // And back.
            fs::remove_file(dir.join("pipe.py")).expect("a removal");
            put(&dir.join("pipe.py"), "1");
            let (_, changes) = settled(watcher);
            let mut want = vec![Change::Added(dir.join("pipe.py"))];
            if follow {
                want.insert(0, Change::Added(dir.join("link.py")));
            }
            assert_eq!(changes, want, "{choice:?} {follow}");
        }
    }
}

#[test]
fn pipes_in_the_place_of_a_repository_or_an_ignore_file_say_nothing() {
    for name in [".git", ".gitignore", ".hg"] {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = temp.path();
        pipe(&dir.join(name));
        let filter = Filter::new().gitignore(true);
        let watcher = armed(Watcher::builder().path(dir).filter(filter));
        put(&dir.join("x"), "1");
        let (_, changes) = settled(watcher);
        assert_eq!(changes, [Change::Added(dir.join("x"))]);
    }
}

/// It says that it is a file.
#[test]
fn the_log_of_the_kernel_is_a_file_without_an_end() {
    let log = Path::new("/proc/kmsg");
    // Where it may not be opened there is nothing to wait for.
    let watcher = armed(Watcher::builder().path(log));
    let (watcher, changes) = settled(watcher);
    assert!(changes.is_empty(), "{changes:?}");
    in_time(move || watcher.expect_write(log, b"x").expect("absolute"));
}

/// Between a look that says "a file" and the reading of it there is time for another to come.
#[test]
fn reading_what_is_no_file_is_an_error() {
    use hmr_watcher::{Disk, Files};
    let temp = tempfile::tempdir().expect("a directory");
    let path = temp.path().join("pipe");
    pipe(&path);
    assert!(in_time(move || Disk.read(&path).is_err()));
    assert!(in_time(|| Disk.read(Path::new("/dev/tty")).is_err()));
    assert!(in_time(|| Disk.read(Path::new("/dev/zero")).is_err()));
    assert!(in_time(|| Disk.read(Path::new("/")).is_err()));
}
