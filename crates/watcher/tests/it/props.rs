//! Any interleaving of changes, listings and watch installation reports each file once [29].
//!
//! A small model of the kernel and of notify stands between the disk and the watcher: a watch is on an
//! inode and reports under the name that it was asked for, events wait in a queue, a directory that is
//! gone loses its watch, and a name that is watched already is not watched again. Changes happen
//! between any two calls that the watcher makes. The oracle is a consumer that reads each file when it
//! is told about it: in the end it must hold what the disk holds.

use hmr_watcher::{
    Backend, Batch, Change, Entry, FakeClock, Files, Kind, MemoryFiles, Mounts, Raw, Sink, Stat,
    WatchError, Watcher,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Write(u8),
    Remove(u8),
    Rename(u8, u8),
    Mkdir(u8),
    RemoveDir(u8),
    RenameDir(u8, u8),
    Deliver(u8),
    Ask(u8),
}

const FILES: [&str; 7] = [
    "/r/f", "/r/a/f", "/r/a/g", "/r/a/b/f", "/r/b/f", "/r/b/c/f", "/out/f",
];
const DIRS: [&str; 6] = ["/r/a", "/r/a/b", "/r/b", "/r/b/c", "/out/d", "/r/c"];

fn file(n: u8) -> &'static Path {
    Path::new(FILES[usize::from(n) % FILES.len()])
}

fn dir(n: u8) -> &'static Path {
    Path::new(DIRS[usize::from(n) % DIRS.len()])
}

#[derive(Default)]
struct Kernel {
    disk: MemoryFiles,
    /// What notify believes: the name that was asked for, and the inode that was there.
    watches: BTreeMap<PathBuf, u64>,
    /// Events, and whether notify drops its watch when it hands them over.
    queue: VecDeque<(Raw, bool)>,
    sink: Option<Sink>,
    todo: VecDeque<Step>,
    cookie: u64,
    writes: u32,
    clock: FakeClock,
}

impl Kernel {
    fn ino(&self, path: &Path) -> Option<u64> {
        self.disk.stat(path, false).ok().map(|stat| stat.ino)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.disk
            .stat(path, false)
            .is_ok_and(|stat| stat.kind == Kind::Dir)
    }

    /// The names under which a change of the entry `path` is reported.
    fn names(&self, path: &Path) -> Vec<PathBuf> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Vec::new();
        };
        let Some(ino) = self.ino(dir) else {
            return Vec::new();
        };
        let watches = self.watches.iter().filter(|(_, watched)| **watched == ino);
        watches.map(|(label, _)| label.join(name)).collect()
    }

    fn tell(&mut self, path: &Path, raw: impl Fn(PathBuf) -> Raw) {
        for name in self.names(path) {
            let drops = matches!(raw(name.clone()), Raw::Removed(_) | Raw::MovedFrom { .. });
            self.queue.push_back((raw(name), drops));
        }
    }

    /// What a watched directory says about itself, after its parent has.
    fn tell_itself(&mut self, ino: Option<u64>, raw: impl Fn(PathBuf) -> Raw) {
        let labels = self
            .watches
            .iter()
            .filter(|(_, watched)| Some(**watched) == ino);
        let told: Vec<_> = labels
            .map(|(label, _)| (raw(label.clone()), false))
            .collect();
        self.queue.extend(told);
    }

    fn remove(&mut self, path: &Path) {
        let entries = self.disk.list(path, &mut |_, _| false).unwrap_or_default();
        for entry in entries {
            self.remove(&path.join(entry.name));
        }
        let ino = self.ino(path);
        self.tell_itself(ino, Raw::Removed);
        self.tell(path, Raw::Removed);
        // The kernel's watch dies with the inode; the name stays with notify until it is told.
        self.disk.remove(path);
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        self.cookie += 1;
        let cookie = self.cookie;
        if !self.is_dir(from) && self.disk.stat(to, false).is_ok() {
            // Replaced without an event of its own.
            self.disk.remove(to);
        }
        self.tell(from, |path| Raw::MovedFrom { path, cookie });
        self.disk.rename(from, to);
        self.tell(to, |path| Raw::MovedTo { path, cookie });
        let ino = self.ino(to);
        self.tell_itself(ino, |path| Raw::MovedFrom { path, cookie: 0 });
    }

    fn write(&mut self, path: &Path) {
        let is_new = self.disk.stat(path, false).is_err();
        self.writes += 1;
        self.disk.write(path, self.writes.to_string());
        if is_new {
            self.tell(path, Raw::Created);
        }
        self.tell(path, Raw::Dirty);
        self.tell(path, Raw::Closed);
    }

    fn deliver(&mut self, most: usize) {
        for _ in 0..most {
            let Some((raw, drops)) = self.queue.pop_front() else {
                return;
            };
            if drops && let Raw::Removed(path) | Raw::MovedFrom { path, .. } = &raw {
                self.watches.retain(|label, _| !label.starts_with(path));
            }
            if let Some(sink) = &self.sink {
                sink.send(raw);
            }
        }
    }

    fn step(&mut self, step: Step) {
        let parent_exists =
            |kernel: &Self, path: &Path| path.parent().is_some_and(|p| kernel.is_dir(p));
        match step {
            Step::Write(n) if parent_exists(self, file(n)) => self.write(file(n)),
            Step::Remove(n) if self.ino(file(n)).is_some() => self.remove(file(n)),
            Step::Rename(a, b)
                if a != b && self.ino(file(a)).is_some() && parent_exists(self, file(b)) =>
            {
                self.rename(file(a), file(b));
            }
            Step::Mkdir(n) if self.ino(dir(n)).is_none() && parent_exists(self, dir(n)) => {
                self.disk.mkdir(dir(n));
                self.tell(dir(n), Raw::Created);
            }
            Step::RemoveDir(n) if self.is_dir(dir(n)) => self.remove(dir(n)),
            Step::RenameDir(a, b)
                if self.is_dir(dir(a))
                    && self.ino(dir(b)).is_none()
                    && parent_exists(self, dir(b))
                    && !dir(b).starts_with(dir(a)) =>
            {
                self.rename(dir(a), dir(b));
            }
            Step::Deliver(n) => self.deliver(usize::from(n)),
            Step::Ask(n) => self.clock.advance(Duration::from_millis(u64::from(n % 40))),
            _ => {}
        }
    }

    /// What happens between two calls of the watcher.
    fn meanwhile(&mut self) {
        if let Some(step) = self.todo.pop_front() {
            self.step(step);
        }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Kernel>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().expect("no panic")
    }
}

impl Backend for Shared {
    fn start(&mut self, sink: Sink) -> Result<(), WatchError> {
        self.lock().sink = Some(sink);
        Ok(())
    }

    fn watch_dirs(&mut self, dirs: &[&Path]) -> Vec<Result<(), WatchError>> {
        let mut answers = Vec::new();
        for dir in dirs {
            let mut kernel = self.lock();
            kernel.meanwhile();
            answers.push(match kernel.ino(dir).filter(|_| kernel.is_dir(dir)) {
                None => Err(WatchError::Gone),
                Some(ino) => {
                    kernel.watches.entry(dir.to_path_buf()).or_insert(ino);
                    Ok(())
                }
            });
            kernel.meanwhile();
        }
        answers
    }

    fn unwatch_dirs(&mut self, dirs: &[&Path]) {
        for dir in dirs {
            self.lock().watches.remove(*dir);
        }
    }

    fn barrier(&mut self) {
        self.lock().deliver(usize::MAX);
    }

    fn reset(&mut self) -> Result<(), WatchError> {
        self.lock().watches.clear();
        Ok(())
    }
}

impl Files for Shared {
    fn stat(&self, path: &Path, follow: bool) -> io::Result<Stat> {
        let disk = self.lock().disk.clone();
        disk.stat(path, follow)
    }

    fn list(
        &self,
        dir: &Path,
        want: &mut dyn FnMut(&OsStr, Kind) -> bool,
    ) -> io::Result<Vec<Entry>> {
        let mut kernel = self.lock();
        kernel.meanwhile();
        let entries = kernel.disk.list(dir, want);
        kernel.meanwhile();
        entries
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.lock().disk.clone();
        disk.read(path)
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}

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
        kernel.disk.mkdir("/r/a/b");
        kernel.disk.mkdir("/out/d");
        kernel.disk.write("/r/a/f", "0");
        kernel.disk.write("/out/d/x", "0");
        (kernel.disk.clone(), kernel.clock.clone())
    };
    // What happens while the watcher is being built is either known or reported.
    shared.lock().todo = before.into();
    let watcher = Watcher::builder()
        .path("/r")
        .files(shared.clone())
        .custom_backend(shared.clone())
        .clock(clock.clone())
        .mounts(Mounts::default())
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
    all_files(&disk, Path::new("/r"), &mut known);
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
    all_files(&disk, Path::new("/r"), &mut files);
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
    let n = 0..7_u8;
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
