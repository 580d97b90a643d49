//! The debouncing state machine: `(now, event) -> paths that are due, next deadline`.
//!
//! It knows no clock, no thread and no file. A path that was changed completely (closed after
//! writing, renamed onto, removed) goes out once nothing complete has followed for a quiet time that
//! grows with the number of waiting paths: one save leaves after [`Debounce::quiet_min`], a
//! `git checkout` of a thousand files as one batch. Two kinds of path hold back themselves and
//! nobody else: a file that is still open for writing, and a file that vanished and may be about to
//! come back (editors delete and recreate). No path waits longer than [`Debounce::max_wait`].
//!
//! Who has saved at once after three batches will do so again: from then on each batch that begins
//! right after the one before doubles the quiet time, so that a program that writes every few
//! milliseconds makes a few batches and not hundreds. The first pause takes that back.
//!
//! Many waiting paths are a *burst*, which is treated as one thing: removals in it count like saves,
//! files that vanished wait for each other, and what follows soon belongs to it, so that a program that
//! is slowed down by others does not arrive in small pieces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So many waiting paths are more than a person saves at once.
const BURST: usize = 8;

/// So many batches may follow each other at once before the quiet time grows.
const PATIENCE: u32 = 2;

/// How long changes are collected before they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Debounce {
    /// The quiet time after a single complete save. Where each save follows the batch before within
    /// twice that time, it doubles from the fourth on, up to `quiet_max`, until there is a pause. Zero
    /// shows the first save at once and collects what follows within `quiet_max` into one more batch.
    /// Default 2 ms.
    pub quiet_min: Duration,
    /// The longest quiet time, reached when many paths are waiting; also how long a file that is
    /// still being written holds itself back after its last write. Default 50 ms.
    pub quiet_max: Duration,
    /// The longest time a change may wait while others keep coming. Default 500 ms.
    ///
    /// Up to twenty times that while git or Mercurial rewrites the tree, as their locks tell.
    pub max_wait: Duration,
    /// How long a vanished file may take to come back before it is shown as removed or renamed
    /// away; files that vanish meanwhile are waited for as well. Default 30 ms.
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

/// A path that holds itself back.
#[derive(Debug, Clone, Copy)]
struct Held {
    since: Duration,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Being written; the time of the last write.
    Open(Duration),
    /// Vanished; when that may be shown.
    Gone(Duration),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Debouncer {
    settings: Debounce,
    // Both sorted, so that what is due does not depend on the order of arrival. Invariant: no path is
    // in both.
    free: BTreeMap<PathBuf, Duration>,
    held: BTreeMap<PathBuf, Held>,
    /// No free path waits for longer than since then.
    oldest: Duration,
    /// No hold ends before then, so that the held paths need not be looked at for each event.
    next_end: Duration,
    /// The latest complete change.
    last: Duration,
    /// The latest disappearance of a held path, and how many of them are held.
    last_gone: Duration,
    gone: usize,
    /// The latest change of any kind.
    latest: Duration,
    // What was shown lately, with pauses no longer than twice `quiet_max`. Invariant: at most `BURST`
    // paths; saving the same file again and again is no burst.
    run: BTreeSet<PathBuf>,
    run_last: Duration,
    /// When the last batch went, and how many before it each began right after another.
    went: Option<Duration>,
    in_a_row: u32,
    /// With `quiet_min` zero: until when changes are collected after a batch.
    window: Option<Duration>,
    /// A free path was still being written when its hold was cut.
    cut: bool,
}

impl Held {
    fn is_gone(&self) -> bool {
        matches!(self.why, Why::Gone(_))
    }
}

impl Debouncer {
    pub(crate) fn new(settings: Debounce) -> Self {
        Self {
            settings,
            free: BTreeMap::new(),
            held: BTreeMap::new(),
            oldest: Duration::MAX,
            next_end: Duration::MAX,
            last: Duration::ZERO,
            last_gone: Duration::ZERO,
            gone: 0,
            latest: Duration::ZERO,
            run: BTreeSet::new(),
            run_last: Duration::ZERO,
            went: None,
            in_a_row: 0,
            window: None,
            cut: false,
        }
    }

    /// `path` changed, completely.
    pub(crate) fn complete(&mut self, now: Duration, path: &Path) {
        self.last = self.last.max(now);
        self.note(now);
        if self.free.contains_key(path) {
            return;
        }
        let since = self.unhold(path).map_or(now, |(_, held)| held.since);
        self.set_free(path.to_owned(), since);
    }

    /// `path` is being written.
    pub(crate) fn open(&mut self, now: Duration, path: &Path) {
        self.note(now);
        self.hold(now, path, Why::Open(now));
    }

    /// `path`, which the consumer knows, vanished.
    pub(crate) fn gone(&mut self, now: Duration, path: &Path) {
        self.note(now);
        self.hold(
            now,
            path,
            Why::Gone(now.saturating_add(self.settings.rename_wait)),
        );
        self.last_gone = self.last_gone.max(now);
        if self.is_burst() {
            self.last = self.last.max(now);
        }
    }

    /// `path` vanished for a known reason (its new name was seen), so that it need not wait.
    pub(crate) fn release(&mut self, path: &Path) {
        if let Some((path, held)) = self.unhold(path) {
            self.set_free(path, held.since);
        }
    }

    /// Drops every waiting path that `which` accepts.
    pub(crate) fn forget(&mut self, mut which: impl FnMut(&Path) -> bool) {
        self.free.retain(|path, _| !which(path));
        self.held.retain(|path, _| !which(path));
        self.gone = self.held.values().filter(|held| held.is_gone()).count();
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.is_empty() && self.held.is_empty()
    }

    /// Whether `path` waits.
    pub(crate) fn waits(&self, path: &Path) -> bool {
        self.free.contains_key(path) || self.held.contains_key(path)
    }

    /// `path` need not be looked at any more.
    pub(crate) fn remove(&mut self, path: &Path) {
        self.free.remove(path);
        self.unhold(path);
    }

    /// The number of waiting paths.
    pub(crate) fn len(&self) -> usize {
        self.free.len() + self.held.len()
    }

    fn note(&mut self, now: Duration) {
        self.latest = self.latest.max(now);
        if self.is_empty()
            && let Some(went) = self.went.take()
        {
            let is_right_after =
                now <= went.saturating_add(self.settings.quiet_min.saturating_mul(2));
            self.in_a_row = if is_right_after { self.in_a_row + 1 } else { 0 };
        }
        if now
            > self
                .run_last
                .saturating_add(self.settings.quiet_max.saturating_mul(2))
        {
            self.run.clear();
        }
    }

    /// The time of the latest change.
    pub(crate) fn latest(&self) -> Duration {
        self.latest
    }

    fn set_free(&mut self, path: PathBuf, since: Duration) {
        self.oldest = self.oldest.min(since);
        self.free.insert(path, since);
    }

    /// Whether more than a person does at once is waiting, or was shown just now.
    pub(crate) fn is_burst(&self) -> bool {
        self.free.len() + self.gone >= BURST || self.run.len() >= BURST
    }

    fn unhold(&mut self, path: &Path) -> Option<(PathBuf, Held)> {
        let (path, held) = self.held.remove_entry(path)?;
        self.gone -= usize::from(held.is_gone());
        Some((path, held))
    }

    fn hold(&mut self, now: Duration, path: &Path, why: Why) {
        self.gone += usize::from(matches!(why, Why::Gone(_)));
        if let Some(held) = self.held.get_mut(path) {
            self.gone -= usize::from(held.is_gone());
            held.why = why;
            let held = *held;
            self.next_end = self.next_end.min(self.end(held));
            return;
        }
        let since = self.free.remove(path).unwrap_or(now);
        if self.free.is_empty() {
            self.oldest = Duration::MAX;
        }
        let held = Held { since, why };
        self.next_end = self.next_end.min(self.end(held));
        self.held.insert(path.to_owned(), held);
    }

    fn end(&self, held: Held) -> Duration {
        let end = match held.why {
            Why::Open(last) => last.saturating_add(self.settings.quiet_max),
            // All together, after the last of them.
            Why::Gone(end) => end.max(
                self.last_gone
                    .saturating_add(self.settings.rename_wait.max(self.grown())),
            ),
        };
        end.min(self.cut(held))
    }

    fn cut(&self, held: Held) -> Duration {
        held.since.saturating_add(self.settings.max_wait)
    }

    fn quiet(&self) -> Duration {
        let Debounce {
            quiet_min,
            quiet_max,
            ..
        } = self.settings;
        if self.run.len() >= BURST {
            return quiet_max.max(quiet_min);
        }
        if quiet_min.is_zero() {
            return match self.window {
                Some(until) if self.last < until => quiet_max,
                _ => Duration::ZERO,
            };
        }
        self.grown()
    }

    /// The quiet time for what is waiting.
    fn grown(&self) -> Duration {
        let Debounce {
            quiet_min,
            quiet_max,
            ..
        } = self.settings;
        let gone = if self.is_burst() { self.gone } else { 0 };
        let paths = u32::try_from(self.free.len() + gone).unwrap_or(u32::MAX);
        let doubled = 1_u32.checked_shl(self.in_a_row.saturating_sub(PATIENCE));
        let doubled = doubled.unwrap_or(u32::MAX);
        quiet_min
            .saturating_mul(paths.saturating_mul(doubled))
            .clamp(quiet_min, quiet_max.max(quiet_min))
    }

    /// When the free paths are due, and since when they will have been quiet.
    fn due_at(&self) -> Option<(Duration, Duration)> {
        let quiet_at = self.last.saturating_add(self.quiet());
        (!self.free.is_empty()).then(|| {
            let cut_at = self.oldest.saturating_add(self.settings.max_wait);
            (quiet_at.min(cut_at), quiet_at)
        })
    }

    /// Whether [`poll`](Self::poll) would take anything at `now`.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        self.end_holds(now);
        self.due_at().is_some_and(|(due_at, _)| due_at <= now)
    }

    /// Counts [`Debounce::max_wait`] from `now`.
    pub(crate) fn restart_wait(&mut self, now: Duration) {
        self.oldest = now;
    }

    /// Takes what is due at `now`.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<Due> {
        self.end_holds(now);
        let (due_at, quiet_at) = self.due_at()?;
        if now < due_at {
            return None;
        }
        let settled = !std::mem::take(&mut self.cut) && quiet_at <= now;
        self.oldest = Duration::MAX;
        let missing = BURST.saturating_sub(self.run.len());
        self.run.extend(self.free.keys().take(missing).cloned());
        self.run_last = self.latest;
        self.went = Some(now);
        if self.settings.quiet_min.is_zero() {
            self.window = Some(now.saturating_add(self.settings.quiet_max));
        }
        let paths = std::mem::take(&mut self.free).into_keys().collect();
        Some(Due { paths, settled })
    }

    /// Frees the paths whose hold is over.
    fn end_holds(&mut self, now: Duration) {
        if now < self.next_end {
            return;
        }
        self.next_end = Duration::MAX;
        // When one of those that vanished must go, those that have waited long enough go with it.
        let is_cut = |held: &Held| held.is_gone() && self.cut(*held) <= now;
        let cut = self.held.values().any(is_cut);
        let ends: Vec<_> = self.held.values().map(|held| self.end(*held)).collect();
        for ((path, held), end) in std::mem::take(&mut self.held).into_iter().zip(ends) {
            let goes = matches!(held.why, Why::Gone(own_end) if cut && own_end <= now);
            if end > now && !goes {
                self.next_end = self.next_end.min(end);
                self.held.insert(path, held);
                continue;
            }
            match held.why {
                Why::Open(last) => self.cut |= last.saturating_add(self.settings.quiet_max) > now,
                Why::Gone(_) => {
                    self.cut |= cut;
                    self.gone -= 1;
                }
            }
            self.set_free(path, held.since);
        }
    }

    /// Takes everything that waits, held or not.
    pub(crate) fn take_all(&mut self) -> Due {
        let held = std::mem::take(&mut self.held);
        self.gone = 0;
        for (path, held) in held {
            self.free.insert(path, held.since);
        }
        self.oldest = Duration::MAX;
        self.next_end = Duration::MAX;
        self.cut = false;
        let paths = std::mem::take(&mut self.free).into_keys().collect();
        let settled = true;
        Due { paths, settled }
    }

    /// When [`poll`](Self::poll) is worth calling next; `None` while nothing waits, so that an
    /// idle watcher arms no timer.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let held = (!self.held.is_empty()).then_some(self.next_end);
        let due = self.due_at().map(|(due_at, _)| due_at);
        [held, due].into_iter().flatten().min()
    }
}
