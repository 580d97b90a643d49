//! A small model of the kernel and of notify, between a disk in memory and the watcher.
//!
//! A watch is on an inode and reports under the name that it was asked for; events wait in a queue; a
//! directory that is gone loses its watch when that is handed over, a name that is watched already is
//! not watched again. Changes happen between any two calls that the watcher makes.

use hmr_watcher::{
    Backend, Entry, FakeClock, Files, Kind, MemoryFiles, Raw, Sink, Stat, WatchError,
};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Write(u8),
    Remove(u8),
    Rename(u8, u8),
    Mkdir(u8),
    RemoveDir(u8),
    RenameDir(u8, u8),
    Deliver(u8),
    Ask(u8),
}

// `c` may be either.
const FILES: [&str; 9] = [
    "/w/r/c",
    "/w/r/c/f",
    "/w/r/f",
    "/w/r/a/f",
    "/w/r/a/g",
    "/w/r/a/b/f",
    "/w/r/b/f",
    "/w/r/b/c/f",
    "/out/f",
];
const DIRS: [&str; 9] = [
    "/w", "/w/r", "/out/w", "/w/r/a", "/w/r/a/b", "/w/r/b", "/w/r/b/c", "/out/d", "/w/r/c",
];

fn file(n: u8) -> &'static Path {
    Path::new(FILES[usize::from(n) % FILES.len()])
}

fn dir(n: u8) -> &'static Path {
    Path::new(DIRS[usize::from(n) % DIRS.len()])
}

#[derive(Default)]
pub(crate) struct Kernel {
    pub(crate) disk: MemoryFiles,
    /// What notify believes: the name that was asked for, and the inode that was there.
    watches: BTreeMap<PathBuf, u64>,
    /// Events, and whether notify drops its watch when it hands them over.
    queue: VecDeque<(Raw, bool)>,
    sink: Option<Sink>,
    pub(crate) todo: VecDeque<Step>,
    cookie: u64,
    writes: u32,
    pub(crate) clock: FakeClock,
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

    pub(crate) fn write(&mut self, path: &Path) {
        let is_new = self.disk.stat(path, false).is_err();
        self.writes += 1;
        self.disk.write(path, self.writes.to_string());
        if is_new {
            self.tell(path, Raw::Created);
        }
        self.tell(path, Raw::Dirty);
        self.tell(path, Raw::Closed);
    }

    pub(crate) fn deliver(&mut self, most: usize) {
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

    pub(crate) fn step(&mut self, step: Step) {
        let parent_exists =
            |kernel: &Self, path: &Path| path.parent().is_some_and(|p| kernel.is_dir(p));
        match step {
            Step::Write(n) if parent_exists(self, file(n)) && !self.is_dir(file(n)) => {
                self.write(file(n));
            }
            Step::Remove(n) if self.ino(file(n)).is_some() => self.remove(file(n)),
            Step::Rename(a, b)
                if a != b
                    && self.ino(file(a)).is_some()
                    && !self.is_dir(file(a))
                    && !self.is_dir(file(b))
                    && parent_exists(self, file(b)) =>
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
pub(crate) struct Shared(Arc<Mutex<Kernel>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Kernel> {
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

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let disk = self.lock().disk.clone();
        disk.read_link(path)
    }
}
