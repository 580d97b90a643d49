//! More changes than the kernel's queue holds [31] [32].
//!
//! The watcher runs in a process of its own, which is stopped while the changes are made, so that its
//! threads cannot empty the queue. It is this test binary again, told by the environment what to watch.

use crate::disk::{LIMIT, disk};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

const VARIABLE: &str = "HMR_WATCHER_TEST_CHILD";

/// The other process: says `armed`, then `batch` and its flag and a line for each change.
#[test]
fn the_process_that_is_stopped() {
    let Some(root) = std::env::var_os(VARIABLE) else {
        return;
    };
    let filter = hmr_watcher::Filter::new().include("*.py");
    let watcher = hmr_watcher::Watcher::builder()
        .path(root)
        .filter(filter)
        .build();
    let watcher = watcher.expect("a watcher");
    let mut out = std::io::stdout();
    writeln!(out, "armed").expect("a pipe");
    while let Some(batch) = watcher.next(Some(LIMIT)) {
        writeln!(out, "batch {}", batch.rescanned()).expect("a pipe");
        for change in &batch {
            writeln!(out, "{}", change.path().display()).expect("a pipe");
        }
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args([name, &id])
        .status()
        .expect("kill");
    assert!(sent.success());
}

#[test]
fn what_overflows_the_queue_is_found_all_the_same() {
    let files: Vec<_> = (0..10_000)
        .map(|n| format!("d{}/f{n}.py", n % 100))
        .collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let disk = disk(&names);
    let test = std::env::current_exe().expect("this test");
    let mut child = Command::new(test)
        .args([
            "--exact",
            "overflow::the_process_that_is_stopped",
            "--nocapture",
        ])
        .env(VARIABLE, disk.root())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let (sender, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let next = || lines.recv_timeout(LIMIT).expect("a line from the child");
    while !next().ends_with("armed") {}

    signal(&child, "-STOP");
    for file in &files {
        disk.write(file, "edited once");
    }
    for (n, file) in files.iter().take(50).enumerate() {
        disk.write(&format!("new{n}/deep/f.py"), "new");
        fs::remove_file(disk.path(file)).expect("a removal");
    }
    fs::rename(disk.path("d99"), disk.path("moved")).expect("a rename");
    signal(&child, "-CONT");

    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut rescanned = false;
    // 10,000 edits or removals, 100 of them with a new name as well; 50 new files.
    while seen.len() < 10_050 {
        match next().as_str() {
            "batch true" => rescanned = true,
            line if line.starts_with('/') => *seen.entry(line.to_owned()).or_default() += 1,
            _ => {}
        }
        assert!(seen.len() < 10_200, "too many");
    }
    assert!(rescanned, "no batch was marked");

    // What was created in the gap is watched.
    for file in ["new7/deep/f.py", "moved/f99.py", "d1/f1001.py"] {
        let path = disk.path(file).display().to_string();
        disk.write(file, "edited afterwards");
        while next() != path {}
    }
    child.kill().expect("a kill");
    child.wait().expect("the end");
}
