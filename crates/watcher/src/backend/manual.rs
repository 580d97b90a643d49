//! A backend that says what it is told to, for tests and examples.
//!
//! It keeps the promise of a real one: events about directories that are not watched are not sent,
//! a directory that is reported as gone is no longer watched. And it can break in the ways that real
//! ones do: refuse a watch, run out of them, lose events.

use super::{Backend, Raw, WatchError};
use crate::files::Files;
use crate::inbox::Sink;
use crate::memory::MemoryFiles;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    sink: Option<Sink>,
    dirs: BTreeSet<PathBuf>,
    refused: BTreeMap<PathBuf, WatchError>,
    limit: Option<usize>,
    on_barrier: Vec<Raw>,
    log: Vec<String>,
    start_error: Option<WatchError>,
    files: Option<MemoryFiles>,
}

impl State {
    /// Why the disk does not let `dir` be watched.
    fn refuses(&self, dir: &Path) -> Option<WatchError> {
        let files = self.files.as_ref()?;
        match files.list(dir, &mut |_, _| false) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some(WatchError::Denied)
            }
            Err(_) => Some(WatchError::Gone),
        }
    }
}

/// A scripted backend; clones share their state, so that a test keeps one and gives one away.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hmr_watcher::{FakeClock, Manual, MemoryFiles, Raw, Watcher};
///
/// let (backend, files, clock) = (Manual::default(), MemoryFiles::default(), FakeClock::default());
/// files.write("/src/m.py", "x = 1");
/// let watcher = Watcher::builder()
///     .path("/src")
///     .custom_backend(backend.clone())
///     .files(files.clone())
///     .clock(clock.clone())
///     .build()?;
///
/// files.write("/src/m.py", "x = 2");
/// backend.send(Raw::Closed("/src/m.py".into()));
/// assert!(watcher.next(Some(Duration::ZERO)).is_none(), "not quiet yet");
/// clock.advance(Duration::from_millis(2));
/// assert!(watcher.next(Some(Duration::ZERO)).is_some());
/// # Ok::<(), hmr_watcher::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Manual {
    state: Arc<Mutex<State>>,
}

impl Manual {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A backend that refuses to watch what is no directory of `files`.
    pub fn on(files: MemoryFiles) -> Self {
        let manual = Self::default();
        manual.lock().files = Some(files);
        manual
    }

    /// Sends an event, if the directory that it is about is watched. Says whether it was.
    pub fn send(&self, raw: Raw) -> bool {
        let mut state = self.lock();
        let path = match &raw {
            Raw::Scan(_) => None,
            raw => raw.path().and_then(Path::parent),
        };
        let itself = match &raw {
            Raw::Removed(path) | Raw::MovedFrom { path, .. } => state.dirs.contains(path),
            _ => false,
        };
        if path.is_some_and(|dir| !itself && !state.dirs.contains(dir)) {
            return false;
        }
        if let Raw::Removed(path) | Raw::MovedFrom { path, .. } = &raw {
            state.dirs.retain(|dir| !dir.starts_with(path));
        }
        let sink = state.sink.clone();
        drop(state);
        if let Some(sink) = sink {
            sink.send(raw);
        }
        true
    }

    /// Sends an event when the next barrier is asked for, as a kernel queue would.
    pub fn send_at_barrier(&self, raw: Raw) {
        self.lock().on_barrier.push(raw);
    }

    /// Refuses to watch `dir` from now on.
    pub fn refuse(&self, dir: impl Into<PathBuf>, why: WatchError) {
        self.lock().refused.insert(dir.into(), why);
    }

    /// Lets `dir` be watched again.
    pub fn accept(&self, dir: impl AsRef<Path>) {
        self.lock().refused.remove(dir.as_ref());
    }

    /// Gives no more than `limit` watches.
    pub fn limit(&self, limit: usize) {
        self.lock().limit = Some(limit);
    }

    /// Fails to start.
    pub fn refuse_to_start(&self, why: WatchError) {
        self.lock().start_error = Some(why);
    }

    /// The directories that are watched, sorted.
    pub fn watched(&self) -> Vec<PathBuf> {
        self.lock().dirs.iter().cloned().collect()
    }

    /// Everything that was asked of the backend, in order.
    pub fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }
}

impl Backend for Manual {
    fn start(&mut self, sink: Sink) -> Result<(), WatchError> {
        let mut state = self.lock();
        if let Some(error) = state.start_error.clone() {
            return Err(error);
        }
        state.sink = Some(sink);
        Ok(())
    }

    fn watch_dirs(&mut self, dirs: &[&Path]) -> Vec<Result<(), WatchError>> {
        let mut state = self.lock();
        let mut answers = Vec::new();
        for dir in dirs {
            state.log.push(format!("watch {}", dir.display()));
            let full = state.limit.is_some_and(|limit| state.dirs.len() >= limit);
            let refused = state.refused.get(*dir).cloned();
            answers.push(match refused.or_else(|| state.refuses(dir)) {
                Some(error) => Err(error),
                None if full && !state.dirs.contains(*dir) => Err(WatchError::Limit),
                None => {
                    state.dirs.insert(dir.to_path_buf());
                    Ok(())
                }
            });
        }
        answers
    }

    fn unwatch_dirs(&mut self, dirs: &[&Path]) {
        let mut state = self.lock();
        for dir in dirs {
            state.log.push(format!("unwatch {}", dir.display()));
            state.dirs.remove(*dir);
        }
    }

    fn barrier(&mut self) {
        let raws = std::mem::take(&mut self.lock().on_barrier);
        for raw in raws {
            self.send(raw);
        }
    }

    fn reset(&mut self) -> Result<(), WatchError> {
        let mut state = self.lock();
        state.log.push("reset".to_owned());
        state.dirs.clear();
        Ok(())
    }
}
