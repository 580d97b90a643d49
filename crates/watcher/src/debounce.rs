//! The debouncing state machine: `(now, event) -> paths that are due, next deadline`.
//!
//! It knows no clock, no thread and no file. A path that was changed completely (closed after
//! writing, renamed onto, removed) goes out once nothing complete has followed for a quiet time that
//! grows with the number of waiting paths: one save leaves after [`Debounce::quiet_min`], a
//! `git checkout` of a thousand files as one batch. Two kinds of path hold back themselves and
//! nobody else: a file that is still open for writing, and a file that vanished and may be about to
//! come back (editors delete and recreate). No path waits longer than [`Debounce::max_wait`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long changes are collected before they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Debounce {
    /// The quiet time after a single complete save. Zero shows the first save at once and collects
    /// what follows within `quiet_max` into one more batch. Default 2 ms.
    pub quiet_min: Duration,
    /// The longest quiet time, reached when many paths are waiting; also how long a file that is
    /// still being written holds itself back after its last write. Default 50 ms.
    pub quiet_max: Duration,
    /// The longest time a change may wait while others keep coming. Default 500 ms.
    pub max_wait: Duration,
    /// How long a vanished file may take to come back before it is shown as removed or renamed
    /// away. Default 30 ms.
    pub rename_wait: Duration,
}

impl Default for Debounce {
    fn default() -> Self {
        Self {
            quiet_min: Duration::from_millis(2),
            quiet_max: Duration::from_millis(50),
            max_wait: Duration::from_millis(500),
            rename_wait: Duration::from_millis(30),
        }
    }
}

impl Debounce {
    /// Sets [`quiet_min`](Self::quiet_min).
    #[must_use]
    pub fn quiet_min(mut self, time: Duration) -> Self {
        self.quiet_min = time;
        self
    }

    /// Sets [`quiet_max`](Self::quiet_max).
    #[must_use]
    pub fn quiet_max(mut self, time: Duration) -> Self {
        self.quiet_max = time;
        self
    }

    /// Sets [`max_wait`](Self::max_wait).
    #[must_use]
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }

    /// Sets [`rename_wait`](Self::rename_wait).
    #[must_use]
    pub fn rename_wait(mut self, time: Duration) -> Self {
        self.rename_wait = time;
        self
    }
}

/// The paths that are to be compared with what the consumer knows, now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Sorted.
    pub(crate) paths: Vec<PathBuf>,
    /// Whether they had been quiet, as opposed to cut by `max_wait`.
    pub(crate) settled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    since: Duration,
    hold: Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Complete.
    No,
    /// Being written; the time of the last write.
    Open(Duration),
    /// Vanished; when that becomes the truth.
    Gone(Duration),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Debouncer {
    settings: Debounce,
    // Sorted, so that what is due does not depend on the order of arrival.
    pending: BTreeMap<PathBuf, Pending>,
    /// The latest complete change.
    last: Duration,
    /// With `quiet_min` zero: until when changes are collected after a batch.
    window: Option<Duration>,
}

impl Debouncer {
    pub(crate) fn new(settings: Debounce) -> Self {
        Self {
            settings,
            pending: BTreeMap::new(),
            last: Duration::ZERO,
            window: None,
        }
    }

    /// `path` changed, completely.
    pub(crate) fn complete(&mut self, now: Duration, path: &Path) {
        self.last = self.last.max(now);
        self.set(now, path, Hold::No);
    }

    /// `path` is being written.
    pub(crate) fn open(&mut self, now: Duration, path: &Path) {
        self.set(now, path, Hold::Open(now));
    }

    /// `path`, which the consumer knows, vanished.
    pub(crate) fn gone(&mut self, now: Duration, path: &Path) {
        self.set(now, path, Hold::Gone(now + self.settings.rename_wait));
    }

    /// `path` vanished for a known reason (its new name was seen), so that it need not wait.
    pub(crate) fn release(&mut self, path: &Path) {
        if let Some(pending) = self.pending.get_mut(path) {
            pending.hold = Hold::No;
        }
    }

    /// Drops every waiting path that `below` accepts.
    pub(crate) fn forget(&mut self, mut below: impl FnMut(&Path) -> bool) {
        self.pending.retain(|path, _| !below(path));
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    fn set(&mut self, now: Duration, path: &Path, hold: Hold) {
        if let Some(pending) = self.pending.get_mut(path) {
            pending.hold = hold;
        } else {
            let pending = Pending { since: now, hold };
            self.pending.insert(path.to_owned(), pending);
        }
    }

    fn held_until(&self, pending: &Pending) -> Option<Duration> {
        let cap = pending.since + self.settings.max_wait;
        match pending.hold {
            Hold::No => None,
            Hold::Open(last) => Some((last + self.settings.quiet_max).min(cap)),
            Hold::Gone(until) => Some(until.min(cap)),
        }
    }

    fn quiet(&self, paths: usize) -> Duration {
        let Debounce {
            quiet_min,
            quiet_max,
            ..
        } = self.settings;
        if quiet_min.is_zero() {
            return match self.window {
                Some(until) if self.last < until => quiet_max,
                _ => Duration::ZERO,
            };
        }
        let paths = u32::try_from(paths).unwrap_or(u32::MAX);
        quiet_min
            .saturating_mul(paths)
            .clamp(quiet_min, quiet_max.max(quiet_min))
    }

    /// When the paths that hold nothing back at `now` are due; `None` if there are none.
    fn due_at(&self, now: Duration) -> Option<(Duration, Duration)> {
        let mut free = 0;
        let mut oldest = Duration::MAX;
        for pending in self.pending.values() {
            if self.held_until(pending).is_none_or(|until| until <= now) {
                free += 1;
                oldest = oldest.min(pending.since);
            }
        }
        let quiet_at = self.last + self.quiet(free);
        (free > 0).then(|| (quiet_at.min(oldest + self.settings.max_wait), quiet_at))
    }

    /// Takes what is due at `now`.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<Due> {
        let (due_at, quiet_at) = self.due_at(now)?;
        if now < due_at {
            return None;
        }
        Some(self.take(now, quiet_at <= now))
    }

    fn take(&mut self, now: Duration, quiet: bool) -> Due {
        let mut settled = quiet;
        let mut paths = Vec::new();
        let pending = std::mem::take(&mut self.pending);
        for (path, pending) in pending {
            if self.held_until(&pending).is_some_and(|until| until > now) {
                self.pending.insert(path, pending);
                continue;
            }
            if let Hold::Open(last) = pending.hold {
                settled &= last + self.settings.quiet_max <= now;
            }
            paths.push(path);
        }
        if self.settings.quiet_min.is_zero() {
            self.window = Some(now + self.settings.quiet_max);
        }
        Due { paths, settled }
    }

    /// When [`poll`](Self::poll) is worth calling next; `None` while nothing waits, so that an
    /// idle watcher arms no timer.
    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let held = self
            .pending
            .values()
            .filter_map(|pending| self.held_until(pending))
            .filter(|until| *until > now)
            .min();
        let due = self.due_at(now).map(|(due_at, _)| due_at);
        [held, due].into_iter().flatten().min()
    }
}
