//! A temporary tree with a watcher on it, for tests on the real file system.
//!
//! It never sleeps: it waits for a batch, with a limit that is generous because the machine may be
//! busy, and says everything that was seen when what was expected does not come.

use hmr_watcher::{Batch, Builder, Change, Filter, Watcher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any machine needs, short enough to see a failure.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct Disk {
    dir: TempDir,
    pub(crate) watcher: Watcher,
    pub(crate) seen: Vec<Batch>,
    _alone: MutexGuard<'static, ()>,
}

/// A tree with `files`, watched for Python files.
pub(crate) fn disk(files: &[&str]) -> Disk {
    disk_with(files, |builder| builder)
}

pub(crate) fn disk_with(files: &[&str], settings: impl FnOnce(Builder) -> Builder) -> Disk {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(dir.path().join("src")).expect("src");
    for file in files {
        put(&dir.path().join("src").join(file), "at the start");
    }
    let builder = Watcher::builder()
        .path(dir.path().join("src"))
        .filter(Filter::new().include("*.py"));
    let watcher = settings(builder).build().expect("a watcher");
    Disk {
        dir,
        watcher,
        seen: Vec::new(),
        _alone: alone,
    }
}

/// Writes a file, with its directories.
pub(crate) fn put(path: &Path, content: &str) {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).expect("directories");
    }
    fs::write(path, content).expect("a write");
}

/// How often a line came.
pub(crate) fn count(lines: &BTreeMap<String, usize>, line: &str) -> usize {
    lines.get(line).copied().unwrap_or(0)
}

/// The number of inotify watches that this process holds.
pub(crate) fn inotify_watches() -> Option<usize> {
    let mut watches = 0;
    for entry in fs::read_dir("/proc/self/fdinfo").ok()? {
        let info = fs::read_to_string(entry.ok()?.path()).unwrap_or_default();
        watches += info
            .lines()
            .filter(|line| line.starts_with("inotify wd:"))
            .count();
    }
    Some(watches)
}

impl Disk {
    /// Lets the watcher read what was there at the start.
    pub(crate) fn read_the_start(&self) {
        for _ in 0..=self.watcher.stats().dirs {
            assert!(self.watcher.next(Some(Duration::ZERO)).is_none());
        }
    }

    /// The directory that holds the root.
    pub(crate) fn outside(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("src")
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root().join(file)
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        put(&self.path(file), content);
    }

    /// Waits for the next batch, as lines like `added a.py`.
    #[track_caller]
    pub(crate) fn batch(&mut self) -> Vec<String> {
        let Some(batch) = self.watcher.next(Some(LIMIT)) else {
            panic!("no batch came; seen so far: {:#?}", self.seen);
        };
        self.seen.push(batch.clone());
        batch
            .changes()
            .iter()
            .map(|change| self.line(change))
            .collect()
    }

    /// Collects batches until `done` accepts all lines so far, with how often each came.
    #[track_caller]
    pub(crate) fn until(
        &mut self,
        mut done: impl FnMut(&BTreeMap<String, usize>) -> bool,
    ) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        while !done(&lines) {
            let Some(batch) = self.watcher.next(Some(LIMIT)) else {
                panic!("what was expected did not come; seen: {lines:#?}");
            };
            for change in &batch {
                *lines.entry(self.line(change)).or_default() += 1;
            }
            self.seen.push(batch);
        }
        lines
    }

    /// Says that nothing is on its way, by waiting for a file that is written last.
    #[track_caller]
    pub(crate) fn nothing_else(&mut self) {
        self.write("sentinel.py", &format!("{}", self.seen.len()));
        let lines = self.batch();
        assert!(
            lines.len() == 1 && lines[0].ends_with(" sentinel.py"),
            "nothing was expected: {lines:?}; seen: {:#?}",
            self.seen
        );
    }

    fn line(&self, change: &Change) -> String {
        let name = |path: &Path| {
            let path = path
                .strip_prefix(self.dir.path().join("src"))
                .unwrap_or(path);
            path.to_string_lossy().into_owned()
        };
        match change {
            Change::Added(path) => format!("added {}", name(path)),
            Change::Modified(path) => format!("modified {}", name(path)),
            Change::Removed(path) => format!("removed {}", name(path)),
            Change::Renamed { from, to } => format!("renamed {} {}", name(from), name(to)),
            other => format!("{other:?}"),
        }
    }
}
