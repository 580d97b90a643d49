//! When the system has no more watches to give [42], or none at all [43].
//!
//! The limit is lowered for a process of its own, in a user namespace of its own, so that nobody else
//! is hit. Where that is not allowed, there is nothing to test here; the scripts show the same.

use crate::disk::{LIMIT, disk, put};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

const VARIABLE: &str = "HMR_WATCHER_TEST_LIMITED";

/// The other process: a line for each warning, `polled` and a number, then a line for each change.
#[test]
fn the_process_that_is_limited() {
    let Some(root) = std::env::var_os(VARIABLE) else {
        return;
    };
    let watcher = hmr_watcher::Watcher::builder()
        .path(root)
        .poll_interval(Duration::from_millis(20))
        .build()
        .expect("a watcher");
    let mut out = std::io::stdout();
    for warning in watcher.warnings() {
        writeln!(out, "warning {warning}").expect("a pipe");
    }
    writeln!(out, "polled {}", watcher.stats().polled_dirs).expect("a pipe");
    while let Some(batch) = watcher.next(Some(LIMIT)) {
        for change in &batch {
            writeln!(out, "{}", change.path().display()).expect("a pipe");
        }
    }
}

struct Limited {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A watcher on `root` where `limit` has another value; `None` where that is not allowed.
fn limited(limit: &str, value: u32, root: &Path) -> Option<Limited> {
    let script = format!("echo {value} > /proc/sys/user/{limit} && exec \"$0\" \"$@\"");
    let unshare = ["--user", "--map-root-user", "sh", "-c"];
    let allowed = Command::new("unshare")
        .args(unshare)
        .args([script.as_str(), "true"])
        .stderr(Stdio::null())
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut child = Command::new("unshare")
        .args(unshare)
        .arg(script)
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "limits::the_process_that_is_limited",
            "--nocapture",
        ])
        .env(VARIABLE, root)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Some(Limited { child, lines })
}

impl Limited {
    fn next(&self) -> String {
        self.lines
            .recv_timeout(LIMIT)
            .expect("a line from the child")
    }

    /// The warnings, and how many directories are polled.
    fn armed(&self) -> (String, u32) {
        let mut warnings = String::new();
        loop {
            let line = self.next();
            if let Some(number) = line.strip_prefix("polled ") {
                return (warnings, number.parse().expect("a number"));
            }
            warnings += &line;
        }
    }

    /// Edits every file and waits until each was named.
    fn sees_edits_of(&self, files: &[std::path::PathBuf]) {
        let mut missing: BTreeSet<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        for file in files {
            put(file, "edited");
        }
        while !missing.is_empty() {
            missing.remove(&self.next());
        }
    }
}

#[test]
fn what_the_limit_leaves_over_is_polled() {
    let names: Vec<_> = (0..200).map(|n| format!("d{n}/f.py")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let disk = disk(&names);
    let Some(child) = limited("max_inotify_watches", 60, &disk.root()) else {
        return;
    };
    let (warnings, polled) = child.armed();
    assert!(
        warnings.contains("fs.inotify.max_user_watches"),
        "{warnings}"
    );
    assert!(warnings.contains("sysctl"), "{warnings}");
    // 201 directories with the root, and those above it.
    let above = disk.root().ancestors().skip(1).count();
    assert_eq!(polled as usize, 201 + above - 60);
    let files: Vec<_> = names.iter().map(|name| disk.path(name)).collect();
    child.sees_edits_of(&files);
    let new: Vec<_> = (0..20)
        .map(|n| disk.path(&format!("new{n}/deep/f.py")))
        .collect();
    child.sees_edits_of(&new);
}

#[test]
fn without_events_everything_is_polled() {
    let disk = disk(&["a.py", "pkg/b.py"]);
    let Some(child) = limited("max_inotify_instances", 0, &disk.root()) else {
        return;
    };
    let (warnings, polled) = child.armed();
    assert!(warnings.contains("no file events"), "{warnings}");
    assert_eq!(polled, 3);
    child.sees_edits_of(&[
        disk.path("a.py"),
        disk.path("pkg/b.py"),
        disk.path("new/c.py"),
    ]);
}
