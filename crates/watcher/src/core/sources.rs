//! Who watches a directory: the system, or the poller.
//!
//! The system does if it can. A directory on a mount without events is polled, and so is whatever is
//! left when the system has no more watches; that is said once, with the way out.

use crate::backend::poll::Poll;
use crate::backend::{Backend, WatchError};
use crate::mounts::Mounts;
use crate::stats::Warning;
use std::path::{Path, PathBuf};
use std::time::Duration;

const WATCHES: (&str, &str) = (
    "fs.inotify.max_user_watches",
    "/proc/sys/fs/inotify/max_user_watches",
);

pub(super) struct Sources {
    native: Option<Box<dyn Backend>>,
    poll: Poll,
    mounts: Mounts,
    any_remote: bool,
    watched: usize,
    warnings: Vec<Warning>,
    said_limit: bool,
}

impl Sources {
    pub(super) fn new(
        native: Option<Box<dyn Backend>>,
        interval: Duration,
        mounts: Mounts,
    ) -> Self {
        Self {
            native,
            poll: Poll::new(interval),
            any_remote: mounts.any_remote(),
            mounts,
            watched: 0,
            warnings: Vec::new(),
            said_limit: false,
        }
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// Watches or polls each directory. Never [`WatchError::Limit`].
    pub(super) fn watch(&mut self, dirs: &[impl AsRef<Path>]) -> Vec<Result<(), WatchError>> {
        let dirs: Vec<&Path> = dirs.iter().map(AsRef::as_ref).collect();
        let mut answers = vec![Ok(()); dirs.len()];
        let (polled, told): (Vec<usize>, Vec<usize>) =
            (0..dirs.len()).partition(|at| self.is_to_be_polled(dirs[*at]));
        for at in polled {
            self.say_if_remote(dirs[at]);
            self.poll.watch_dirs(&[dirs[at]]);
        }
        let Some(native) = self.native.as_mut().filter(|_| !told.is_empty()) else {
            return answers;
        };
        let asked: Vec<&Path> = told.iter().map(|at| dirs[*at]).collect();
        let mut left = Vec::new();
        for (at, answer) in told.into_iter().zip(native.watch_dirs(&asked)) {
            match answer {
                Ok(()) => self.watched += 1,
                Err(WatchError::Limit) => left.push(dirs[at]),
                Err(_) => answers[at] = answer,
            }
        }
        self.left_over(&left);
        answers
    }

    /// Whether the system can say what happens in `dir`.
    pub(super) fn has_events(&self, dir: &Path) -> bool {
        self.native.is_some() && !(self.any_remote && self.mounts.remote(dir).is_some())
    }

    /// What is below a directory that is polled is polled, too: it may be replaced by another one of its
    /// name, and nobody would say so.
    fn is_to_be_polled(&self, dir: &Path) -> bool {
        !self.has_events(dir) || dir.parent().is_some_and(|dir| self.poll.contains(dir))
    }

    fn say_if_remote(&mut self, dir: &Path) {
        let Some(kind) = self.mounts.remote(dir).filter(|_| self.native.is_some()) else {
            return;
        };
        let above = dir.parent().and_then(|dir| self.mounts.remote(dir));
        if above.is_none() || self.poll.len() == 0 {
            let (path, kind) = (dir.to_owned(), kind.to_owned());
            self.warn(Warning::Remote { path, kind });
        }
    }

    fn left_over(&mut self, dirs: &[&Path]) {
        if dirs.is_empty() {
            return;
        }
        self.poll.watch_dirs(dirs);
        if !std::mem::replace(&mut self.said_limit, true) {
            let value = std::fs::read_to_string(WATCHES.1).ok();
            self.warnings.push(Warning::Limit {
                limit: WATCHES.0,
                value: value.and_then(|value| value.trim().parse().ok()),
                watched: self.watched,
                polled: dirs.len(),
            });
        }
    }

    pub(super) fn unwatch(&mut self, dirs: &[impl AsRef<Path>]) {
        let dirs: Vec<&Path> = dirs.iter().map(AsRef::as_ref).collect();
        self.gone(&dirs);
        if let Some(native) = &mut self.native {
            native.unwatch_dirs(&dirs);
        }
    }

    /// The directories are gone: the system has forgotten them, the poller is to.
    pub(super) fn gone(&mut self, dirs: &[impl AsRef<Path>]) {
        let dirs: Vec<&Path> = dirs.iter().map(AsRef::as_ref).collect();
        self.watched = self.watched.saturating_sub(dirs.len());
        self.poll.unwatch_dirs(&dirs);
    }

    pub(super) fn barrier(&mut self) {
        if let Some(native) = &mut self.native {
            native.barrier();
        }
    }

    /// Forgets every watch.
    pub(super) fn reset(&mut self) {
        self.watched = 0;
        let _ = self.poll.reset();
        if let Some(native) = &mut self.native
            && let Err(error) = native.reset()
        {
            self.native = None;
            self.warn(Warning::NoEvents(error.to_string()));
        }
    }

    pub(super) fn polled(&self) -> usize {
        self.poll.len()
    }

    pub(super) fn polled_dirs(&self) -> Vec<PathBuf> {
        self.poll.dirs()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.poll.deadline()
    }

    pub(super) fn due(&mut self, now: Duration) -> Vec<PathBuf> {
        self.poll.due(now)
    }

    pub(super) fn took(&mut self, now: Duration, time: Duration) {
        self.poll.took(now, time);
    }
}
