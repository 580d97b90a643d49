//! Any interleaving of changes, listings and watch installation reports each file once [29].
//!
//! The oracle is a consumer that reads each file when it is told about it: in the end it must hold what
//! the disk holds, and every directory must be watched. What happens in between is up to `kernel`.

use crate::kernel::{Shared, Step};
use hmr_watcher::{Batch, Change, Files, Kind, MemoryFiles, Mounts, Watcher};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A consumer that reads what it is told about.
#[derive(Default)]
struct Consumer {
    files: BTreeMap<PathBuf, Vec<u8>>,
    log: Vec<Batch>,
}

impl Consumer {
    fn take(&mut self, batch: Batch, disk: &MemoryFiles) -> Result<(), String> {
        for change in &batch {
            let (gone, come) = match change {
                Change::Added(path) => {
                    if self.files.contains_key(path) {
                        return Err(format!("added twice: {change:?}"));
                    }
                    (None, Some(path))
                }
                Change::Modified(path) if self.files.contains_key(path) => (None, Some(path)),
                Change::Removed(path) if self.files.contains_key(path) => (Some(path), None),
                Change::Renamed { from, to }
                    if self.files.contains_key(from) && !self.files.contains_key(to) =>
                {
                    (Some(from), Some(to))
                }
                other => return Err(format!("about an unknown file: {other:?}")),
            };
            if let Some(path) = gone {
                self.files.remove(path);
            }
            if let Some(path) = come {
                // It may be gone by now, which will be reported.
                let content = disk.read(path).unwrap_or_default();
                self.files.insert(path.clone(), content);
            }
        }
        // A file that became a directory is gone before what is in it comes, and the other way around.
        for path in self.files.keys() {
            let mut above = path.ancestors().skip(1);
            if let Some(file) = above.find(|above| self.files.contains_key(*above)) {
                return Err(format!(
                    "{} is in a file, {}: {batch:?}",
                    path.display(),
                    file.display()
                ));
            }
        }
        self.log.push(batch);
        Ok(())
    }
}

fn all_files(disk: &MemoryFiles, dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in disk.list(dir, &mut |_, _| false).unwrap_or_default() {
        let path = dir.join(&entry.name);
        match entry.kind {
            Kind::Dir => all_files(disk, &path, files),
            _ => drop(files.insert(path.clone(), disk.read(&path).expect("a file"))),
        }
    }
}

fn play(before: Vec<Step>, during: Vec<Step>) -> Result<(), String> {
    let shared = Shared::default();
    let (disk, clock) = {
        let kernel = shared.lock();
        kernel.disk.mkdir("/w/r/a/b");
        kernel.disk.mkdir("/out/d");
        kernel.disk.write("/w/r/a/f", "0");
        kernel.disk.write("/out/d/x", "0");
        (kernel.disk.clone(), kernel.clock.clone())
    };
    // What happens while the watcher is being built is either known or reported.
    shared.lock().todo = before.into();
    let watcher = Watcher::builder()
        .path("/w/r")
        .files(shared.clone())
        .custom_backend(shared.clone())
        .clock(clock.clone())
        .mounts(Mounts::default())
        .wait_for_root(true)
        .build()
        .map_err(|error| error.to_string())?;
    let mut consumer = Consumer::default();
    let ask = |consumer: &mut Consumer| -> Result<(), String> {
        while let Some(batch) = watcher.next(Some(Duration::ZERO)) {
            consumer.take(batch, &disk)?;
        }
        Ok(())
    };
    shared.lock().todo.clear();
    // The first look tells what the watcher takes to be known, by way of what it reports later.
    let mut known = BTreeMap::new();
    all_files(&disk, Path::new("/w/r"), &mut known);
    shared.lock().deliver(usize::MAX);
    watcher.settle();
    consumer.files = known;
    shared.lock().todo = during.into();
    loop {
        let Some(step) = shared.lock().todo.pop_front() else {
            break;
        };
        let asks = matches!(step, Step::Ask(_));
        shared.lock().step(step);
        if asks {
            ask(&mut consumer)?;
        }
    }
    for _ in 0..2000 {
        shared.lock().deliver(usize::MAX);
        clock.advance(Duration::from_millis(1));
        ask(&mut consumer)?;
    }
    let mut files = BTreeMap::new();
    all_files(&disk, Path::new("/w/r"), &mut files);
    if files != consumer.files {
        return Err(format!(
            "the disk holds {files:?}, the consumer {:?}",
            consumer.files
        ));
    }
    // Every directory is watched: a later edit is seen.
    for path in files.keys() {
        shared.lock().write(path);
        shared.lock().deliver(usize::MAX);
        clock.advance(Duration::from_secs(1));
        let batch = watcher.next(Some(Duration::ZERO));
        let expected = [Change::Modified(path.clone())];
        if batch.as_ref().map(Batch::changes) != Some(&expected) {
            return Err(format!("a later edit of {} gave {batch:?}", path.display()));
        }
    }
    Ok(())
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..9_u8;
    prop_oneof![
        4 => n.clone().prop_map(Step::Write),
        1 => n.clone().prop_map(Step::Remove),
        2 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
        3 => n.clone().prop_map(Step::Mkdir),
        2 => n.clone().prop_map(Step::RemoveDir),
        2 => (n.clone(), n).prop_map(|(a, b)| Step::RenameDir(a, b)),
        3 => (1..6_u8).prop_map(Step::Deliver),
        4 => any::<u8>().prop_map(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_reports_each_file_once(
        before in prop::collection::vec(step(), 0..8),
        during in prop::collection::vec(step(), 0..40),
    ) {
        play(before, during).map_err(TestCaseError::fail)?;
    }
}

/// More with `PROPTEST_CASES`.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(400)
}
