//! The one place where the threads meet: events that a backend has sent and nobody has looked at.
//!
//! It is bounded by merging, not by dropping: an event equal to the one before adds nothing, and
//! when too many wait they are replaced by one [`Raw::Overflow`], which makes the watcher look at
//! every file again. The lock is held for moments only, so that `stop()` never waits for a scan.

use crate::backend::Raw;
use crate::clock::Clock;
use rustc_hash::FxHashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More waiting events than this cost more than looking at every file again.
const MOST: usize = 1 << 16;

#[derive(Default)]
struct State {
    raws: Vec<(Duration, Raw)>,
    /// Counts calls of `wake`, so that one that happens before the wait is not missed.
    wakes: u64,
}

/// Directories that are watched for some of their entries only.
#[derive(Default)]
pub(crate) struct Narrow {
    pub(crate) dirs: FxHashSet<PathBuf>,
    pub(crate) entries: FxHashSet<PathBuf>,
}

impl Narrow {
    /// Whether an event about `path` is nobody's business.
    fn leaves_out(&self, path: &Path) -> bool {
        path.parent().is_some_and(|dir| self.dirs.contains(dir)) && !self.entries.contains(path)
    }
}

pub(crate) struct Inbox {
    state: Mutex<State>,
    narrow: Mutex<Narrow>,
    changed: Condvar,
    stopped: AtomicBool,
    clock: Arc<dyn Clock>,
}

impl Inbox {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            narrow: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            clock,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, events about other entries of these directories wake nobody.
    pub(crate) fn set_narrow(&self, narrow: Narrow) {
        *self.narrow.lock().unwrap_or_else(PoisonError::into_inner) = narrow;
    }

    fn leaves_out(&self, path: &Path) -> bool {
        let narrow = self.narrow.lock().unwrap_or_else(PoisonError::into_inner);
        narrow.leaves_out(path)
    }

    /// Takes what is waiting.
    pub(crate) fn take(&self) -> Vec<(Duration, Raw)> {
        std::mem::take(&mut self.lock().raws)
    }

    /// The number of wake-ups so far, to be handed to [`wait`](Self::wait).
    pub(crate) fn wakes(&self) -> u64 {
        self.lock().wakes
    }

    /// Waits until an event comes, someone wakes or stops us, or the clock shows `deadline`.
    /// Returns whether it waited at all.
    pub(crate) fn wait(&self, seen: u64, deadline: Option<Duration>) -> bool {
        let state = self.lock();
        if !state.raws.is_empty() || state.wakes != seen || self.is_stopped() {
            return false;
        }
        match deadline.map(|deadline| self.clock.sleep_until(deadline)) {
            Some(Some(time)) => drop(self.changed.wait_timeout(state, time)),
            Some(None) | None => drop(self.changed.wait(state)),
        }
        true
    }

    pub(crate) fn wake(&self) {
        self.lock().wakes += 1;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// Where a [`Backend`](crate::Backend) puts its events; callable from any thread, never blocks.
#[derive(Clone)]
pub struct Sink {
    inbox: Arc<Inbox>,
}

impl Sink {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// Hands over one event, stamped with the time of now.
    pub fn send(&self, raw: Raw) {
        if raw.path().is_some_and(|path| self.inbox.leaves_out(path)) {
            return;
        }
        let now = self.inbox.clock.now();
        let mut state = self.inbox.lock();
        if state.raws.len() >= MOST {
            state.raws = vec![(now, Raw::Overflow)];
        }
        match state.raws.last_mut() {
            Some((at, last)) if *last == raw => *at = now,
            _ => state.raws.push((now, raw)),
        }
        drop(state);
        self.inbox.changed.notify_all();
    }
}
