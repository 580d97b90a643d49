//! The handle: [`Watcher`], and the loop of [`Watcher::next`].
//!
//! There is no thread of our own. The backend's thread puts events into the inbox; whoever calls
//! `next` takes them out, feeds the core and sleeps until the core's next deadline. So a consumer
//! that is slow finds the net effect of everything that happened, and an idle one is never woken.

use crate::builder::Builder;
use crate::change::Batch;
use crate::clock::Clock;
use crate::core::{Core, Points, hash_of_bytes};
use crate::error::{Error, ErrorKind};
use crate::inbox::Inbox;
use crate::stats::{Stats, Warning};
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whether files are compared by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// By time, size and inode only: rewriting identical bytes is a change.
    Off,
    /// Files up to this many bytes also by content: rewriting identical bytes is no change.
    ///
    /// What is there at the start is read while [`Watcher::next`] waits, up to 64 MiB in all; a file
    /// that was not read by then is reported the first time that it is written.
    HashUpTo(u64),
}

impl Default for Content {
    fn default() -> Self {
        Self::HashUpTo(1 << 20)
    }
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let bad = |error| Error::new(ErrorKind::Io(error), Some(path));
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        let why = "no path contains a zero byte";
        return Err(bad(io::Error::new(io::ErrorKind::InvalidInput, why)));
    }
    let path = std::path::absolute(path).map_err(bad)?;
    // `a/./b` and a slash at the end are gone now; `a/../b` must stay, `a` may be a link.
    Ok(path.components().collect())
}

pub(crate) struct Inner {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) core: Mutex<Core>,
    pub(crate) wait_for_root: bool,
}

impl Inner {
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // A panic while the lock was held leaves at worst a change that is looked at again.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds what is in the inbox to the core.
    fn drain(&self, core: &mut Core) {
        for (at, raw) in self.inbox.take() {
            core.step(at, raw);
        }
    }

    pub(crate) fn next(&self, timeout: Option<Duration>) -> Option<Batch> {
        let give_up = timeout.map(|timeout| self.clock.now().saturating_add(timeout));
        loop {
            let seen = self.inbox.wakes();
            if self.inbox.is_stopped() {
                return None;
            }
            let mut core = self.core();
            let now = self.clock.now();
            if core.scans(now) {
                let after = self.clock.now();
                core.scans_took(after, after.saturating_sub(now));
            }
            self.drain(&mut core);
            if core.ends_burst(self.clock.now()) {
                // The thread that reads events may have had less of the processor than whoever writes.
                core.barrier();
                self.drain(&mut core);
            }
            let now = self.clock.now();
            if let Some(batch) = core.poll(now) {
                return Some(batch);
            }
            let over = give_up.is_some_and(|give_up| give_up <= now);
            if core.hash_some() && !over {
                continue;
            }
            let deadline = core.deadline();
            drop(core);
            if over {
                return None;
            }
            let until = [deadline, give_up].into_iter().flatten().min();
            if self.inbox.wait(seen, until) {
                self.core().stats_mut().wakeups += 1;
            }
        }
    }

    /// Takes back a batch that nobody has seen.
    #[cfg(feature = "stream")]
    pub(crate) fn hand_back(&self, batch: Batch) {
        self.core().hand_back(batch);
        self.inbox.wake();
    }

    fn settle(&self) -> Option<Batch> {
        let mut core = self.core();
        core.barrier();
        self.drain(&mut core);
        core.settle(self.clock.now())
    }
}

/// Watches files. See the [crate] for an example.
///
/// All methods take `&self` and may be called from any thread. Dropping it stops it.
pub struct Watcher {
    pub(crate) inner: Arc<Inner>,
}

impl Watcher {
    /// Starts with the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Waits for the next batch; for ever if `timeout` is `None`.
    ///
    /// Returns `None` when the time is over or the watcher was stopped. Nothing is lost by calling
    /// it late or not at all: the next batch is then the net effect of everything since the last.
    pub fn next(&self, timeout: Option<Duration>) -> Option<Batch> {
        self.inner.next(timeout)
    }

    /// The batches, one after the other, until the watcher is stopped.
    pub fn iter(&self) -> Batches<'_> {
        Batches { watcher: self }
    }

    /// Calls `callback` with each batch until the watcher is stopped.
    ///
    /// A callback that panics is counted ([`Stats::panics`]) and called again with the next batch.
    pub fn run(&self, mut callback: impl FnMut(Batch)) {
        while let Some(batch) = self.next(None) {
            if catch_unwind(AssertUnwindSafe(|| callback(batch))).is_err() {
                self.inner.core().stats_mut().panics += 1;
            }
        }
    }

    /// Returns everything that changed before the call and was not delivered yet, without waiting
    /// for it to be quiet; `None` if there is nothing. Works while paused, too.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hmr_watcher::Watcher;
    /// # let dir = tempfile::tempdir()?;
    /// let watcher = Watcher::builder().path(dir.path()).build()?;
    /// std::fs::write(dir.path().join("a.txt"), "a")?;
    /// assert!(watcher.settle().is_some());
    /// assert!(watcher.settle().is_none(), "and only once");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settle(&self) -> Option<Batch> {
        self.inner.settle()
    }

    /// Delivers nothing until [`resume`](Self::resume); changes are collected.
    pub fn pause(&self) {
        self.inner.core().set_paused(true);
    }

    /// Goes on: the next batch is the net effect of everything since [`pause`](Self::pause).
    pub fn resume(&self) {
        self.inner.core().set_paused(false);
        self.inner.inbox.wake();
    }

    /// Announces that the caller is about to write `content` to `path`, which is then not reported.
    ///
    /// Announce each write, right before it. What was announced is used up when it is found, along with
    /// what was announced for the same path before. If the file holds something else when it is looked
    /// at, since somebody else has written it as well, that is reported. An announcement that is not used
    /// up ends when the file is gone, and after four times [`max_wait`](crate::Debounce::max_wait); until
    /// then, somebody else's write of the very same bytes is taken for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if `path` cannot be made absolute.
    pub fn expect_write(&self, path: impl AsRef<Path>, content: &[u8]) -> Result<(), Error> {
        let path = absolute(path.as_ref())?;
        let now = self.inner.clock.now();
        self.inner.core().expect(now, path, hash_of_bytes(content));
        Ok(())
    }

    /// Ends every call of [`next`](Self::next), now and later, from any thread.
    pub fn stop(&self) {
        self.inner.inbox.stop();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.inner.inbox.is_stopped()
    }

    /// Watches one more path; what is there is known. One that is watched already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchPath`] if it does not exist and
    /// [`wait_for_root`](Builder::wait_for_root) was not asked for; [`ErrorKind::Io`] if it cannot be
    /// made absolute.
    pub fn add_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = absolute(path.as_ref())?;
        let now = self.inner.clock.now();
        let mut core = self.inner.core();
        core.add_root(now, &path, self.inner.wait_for_root)?;
        drop(core);
        self.inner.inbox.wake();
        Ok(())
    }

    /// Stops watching a path that was given before. Changes below it that wait are dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotWatched`] if it was not given; [`ErrorKind::Io`] if it cannot be made
    /// absolute.
    pub fn remove_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = absolute(path.as_ref())?;
        let now = self.inner.clock.now();
        self.inner.core().remove_root(now, &path)?;
        self.inner.inbox.wake();
        Ok(())
    }

    /// Also reports these paths, whatever the filter says, in place of those of the last call.
    ///
    /// What is there is known. A point need not exist, nor the directory that it would be in. Only
    /// the directories directly around points are watched for them, however deep the tree below is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if one of the paths is empty, contains a zero byte, or is relative to a directory
    /// that is gone. The points of the last call stay, then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hmr_watcher::{Change, Filter, Points, Watcher};
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path().canonicalize()?;
    /// let filter = Filter::new().include("*.py");
    /// let watcher = Watcher::builder().path(&dir).filter(filter).build()?;
    /// let settings = dir.join("settings.json");
    /// watcher.set_points(Points {
    ///     names: [settings.clone()].into(),
    ///     ..Points::default()
    /// })?;
    /// std::fs::write(dir.join("notes.txt"), "nobody asked")?;
    /// std::fs::write(&settings, "{}")?;
    /// let batch = watcher.settle().expect("a batch");
    /// assert_eq!(batch.changes(), [Change::Added(settings)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_points(&self, points: Points) -> Result<(), Error> {
        let all = |paths: BTreeSet<PathBuf>| -> Result<BTreeSet<PathBuf>, Error> {
            paths.iter().map(|path| absolute(path)).collect()
        };
        let points = Points {
            names: all(points.names)?,
            folders: all(points.folders)?,
        };
        let now = self.inner.clock.now();
        self.inner.core().set_points(now, points);
        self.inner.inbox.wake();
        Ok(())
    }

    /// Whether a path that was given exists and is watched; `false` while it is lost and waited
    /// for, or if it was not given.
    pub fn is_attached(&self, path: impl AsRef<Path>) -> bool {
        absolute(path.as_ref()).is_ok_and(|path| self.inner.core().is_attached(&path) == Some(true))
    }

    /// What a person may want to know since the last call.
    pub fn warnings(&self) -> Vec<Warning> {
        self.inner.core().warnings()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.inner.core().stats()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The batches of a watcher: see [`Watcher::iter`].
pub struct Batches<'a> {
    watcher: &'a Watcher,
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.watcher.next(None)
    }
}

impl<'a> IntoIterator for &'a Watcher {
    type Item = Batch;
    type IntoIter = Batches<'a>;

    fn into_iter(self) -> Batches<'a> {
        self.iter()
    }
}
