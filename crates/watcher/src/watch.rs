//! The handle: [`Watcher`], its [`Builder`], and the loop of [`Watcher::next`].
//!
//! There is no thread of our own. The backend's thread puts events into the inbox; whoever calls
//! `next` takes them out, feeds the core and sleeps until the core's next deadline. So a consumer
//! that is slow finds the net effect of everything that happened, and an idle one is never woken.

use crate::backend::Backend;
use crate::backend::notify::Native;
use crate::change::Batch;
use crate::clock::{Clock, SystemClock};
use crate::core::Core;
use crate::debounce::Debounce;
use crate::error::{Error, ErrorKind};
use crate::files::{Disk, Files};
use crate::filter::Filter;
use crate::inbox::{Inbox, Sink};
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
    HashUpTo(u64),
}

impl Default for Content {
    fn default() -> Self {
        Self::HashUpTo(1 << 20)
    }
}

/// Settings of a [`Watcher`] to be built.
#[must_use]
pub struct Builder {
    paths: Vec<PathBuf>,
    filter: Filter,
    debounce: Debounce,
    content: Content,
    wait_for_root: bool,
    clock: Arc<dyn Clock>,
    files: Arc<dyn Files>,
    backend: Box<dyn Backend>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            filter: Filter::new(),
            debounce: Debounce::default(),
            content: Content::default(),
            wait_for_root: false,
            clock: Arc::new(SystemClock::default()),
            files: Arc::new(Disk),
            backend: Box::new(Native::new()),
        }
    }
}

impl Builder {
    /// Watches a file, or a directory and everything below it; repeatable.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Which files are of interest. Default: all, except below
    /// [`DEFAULT_IGNORED_DIRS`](crate::DEFAULT_IGNORED_DIRS).
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// How long changes are collected before they are shown.
    pub fn debounce(mut self, debounce: Debounce) -> Self {
        self.debounce = debounce;
        self
    }

    /// Whether files are compared by content. Default: up to 1 MiB.
    pub fn content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Accepts paths that do not exist yet, and waits for them. Default: they are an error.
    pub fn wait_for_root(mut self, wait: bool) -> Self {
        self.wait_for_root = wait;
        self
    }

    /// Arms the watcher. Every change that happens after this has returned is reported.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NothingToWatch`] without a path, [`ErrorKind::NoSuchPath`] if one does not exist,
    /// [`ErrorKind::BadGlob`] if the filter has one, [`ErrorKind::Io`] if a relative path cannot be
    /// made absolute.
    pub fn build(self) -> Result<Watcher, Error> {
        if self.paths.is_empty() {
            return Err(ErrorKind::NothingToWatch.into());
        }
        let inbox = Inbox::new(Arc::clone(&self.clock));
        let waker = Arc::downgrade(&inbox);
        self.clock.on_advance(Arc::new(move || {
            if let Some(inbox) = waker.upgrade() {
                inbox.wake();
            }
        }));
        let mut backend = self.backend;
        if let Err(error) = backend.start(Sink::new(Arc::clone(&inbox))) {
            let why = std::io::Error::other(format!("cannot watch: {error:?}"));
            return Err(ErrorKind::Io(why).into());
        }
        let matcher = self.filter.compile()?;
        let mut core = Core::new(backend, self.files, matcher, self.content, self.debounce);
        for path in &self.paths {
            let path = absolute(path)?;
            core.add_root(self.clock.now(), &path, self.wait_for_root, true)?;
        }
        Ok(Watcher {
            inner: Arc::new(Inner {
                inbox,
                clock: self.clock,
                core: Mutex::new(core),
                wait_for_root: self.wait_for_root,
            }),
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let path =
        std::path::absolute(path).map_err(|error| Error::new(ErrorKind::Io(error), Some(path)))?;
    // `a/./b` and a slash at the end are gone now; `a/../b` must stay, `a` may be a link.
    Ok(path.components().collect())
}

struct Inner {
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
    core: Mutex<Core>,
    wait_for_root: bool,
}

impl Inner {
    fn core(&self) -> MutexGuard<'_, Core> {
        // A panic while the lock was held leaves at worst a change that is looked at again.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, timeout: Option<Duration>) -> Option<Batch> {
        let give_up = timeout.map(|timeout| self.clock.now() + timeout);
        loop {
            let seen = self.inbox.wakes();
            if self.inbox.is_stopped() {
                return None;
            }
            let mut core = self.core();
            for (at, raw) in self.inbox.take() {
                core.step(at, raw);
            }
            let now = self.clock.now();
            if let Some(batch) = core.poll(now) {
                return Some(batch);
            }
            let deadline = core.deadline(now);
            drop(core);
            if give_up.is_some_and(|give_up| give_up <= now) {
                return None;
            }
            let until = [deadline, give_up].into_iter().flatten().min();
            self.inbox.wait(seen, until);
        }
    }
}

/// Watches files. See the [crate] for an example.
///
/// All methods take `&self` and may be called from any thread.
pub struct Watcher {
    inner: Arc<Inner>,
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

    /// Ends every call of [`next`](Self::next), now and later, from any thread.
    pub fn stop(&self) {
        self.inner.inbox.stop();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.inner.inbox.is_stopped()
    }

    /// Watches one more path. One that is watched already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchPath`] if it does not exist and
    /// [`wait_for_root`](Builder::wait_for_root) was not asked for; [`ErrorKind::Io`] if it cannot be
    /// made absolute.
    pub fn add_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = absolute(path.as_ref())?;
        let now = self.inner.clock.now();
        self.inner
            .core()
            .add_root(now, &path, self.inner.wait_for_root, true)
    }

    /// Stops watching a path that was given before. Changes below it that wait are dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotWatched`] if it was not given; [`ErrorKind::Io`] if it cannot be made
    /// absolute.
    pub fn remove_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = absolute(path.as_ref())?;
        self.inner.core().remove_root(&path)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}
