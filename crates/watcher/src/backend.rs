//! Where events come from: the [`Backend`] trait and its vocabulary.
//!
//! A backend knows directories, one by one, and says that something happened in them. It does not
//! recurse, filter or debounce, and it need not be exact: every event is only a reason to look at a
//! file again. What it must never do is to stay silent about a change in a directory for which
//! [`Backend::watch_dirs`] has returned `Ok`; if it cannot be sure, it says [`Raw::Overflow`].

pub(crate) mod manual;
pub(crate) mod notify;
pub(crate) mod poll;

use crate::inbox::Sink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Raw {
    /// A file was written and is probably still open.
    Dirty(PathBuf),
    /// A file is complete: closed after writing, or changed in a way that has no end to wait for.
    Closed(PathBuf),
    /// Only the attributes of a file changed.
    Attrib(PathBuf),
    /// A file or a directory appeared.
    Created(PathBuf),
    /// The old half of a rename. A directory is no longer watched then, nor is what was below it.
    MovedFrom {
        /// The old name.
        path: PathBuf,
        /// What the two halves share; 0 if unknown.
        cookie: u64,
    },
    /// The new half of a rename.
    MovedTo {
        /// The new name.
        path: PathBuf,
        /// What the two halves share; 0 if unknown.
        cookie: u64,
    },
    /// A file or a directory is gone. A directory is no longer watched then.
    Removed(PathBuf),
    /// Look at the files of this directory again.
    Scan(PathBuf),
    /// Events were lost: look at everything again.
    Overflow,
    /// Something failed without ending the watch.
    Error(String),
}

impl Raw {
    /// The file or directory that the event is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Dirty(path)
            | Self::Closed(path)
            | Self::Attrib(path)
            | Self::Created(path)
            | Self::MovedTo { path, .. }
            | Self::MovedFrom { path, .. }
            | Self::Removed(path)
            | Self::Scan(path) => Some(path),
            Self::Overflow | Self::Error(_) => None,
        }
    }
}

/// Why a directory could not be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// It does not exist (any more).
    #[error("no such directory")]
    Gone,
    /// It must not be read.
    #[error("permission denied")]
    Denied,
    /// The operating system has no more watches to give.
    #[error("the limit of watches is reached")]
    Limit,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// A source of events about directories.
///
/// Its methods are called by whoever calls the watcher, one at a time, and must not call it in turn. Events
/// may be sent from any thread, also in the middle of a call.
pub trait Backend: Send {
    /// Gets ready, and sends every event to `sink` from now on.
    ///
    /// # Errors
    ///
    /// When the operating system refuses; the watcher then polls.
    fn start(&mut self, sink: Sink) -> Result<(), WatchError>;

    /// Watches directories, not what is below them. One answer for each, in the same order.
    ///
    /// Once it returned `Ok` for a directory, every later change of an entry of it is reported.
    fn watch_dirs(&mut self, dirs: &[&Path]) -> Vec<Result<(), WatchError>>;

    /// Stops watching directories; unknown ones are ignored.
    fn unwatch_dirs(&mut self, dirs: &[&Path]);

    /// Returns once everything that had happened before the call is in the sink.
    fn barrier(&mut self);

    /// Forgets every watch, as if just started.
    ///
    /// # Errors
    ///
    /// When the operating system refuses; the watcher then polls.
    fn reset(&mut self) -> Result<(), WatchError>;

    /// When [`due`](Self::due) wants to be called; `None` for a backend that is told by the system.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// The directories to look at, at `now`.
    fn due(&mut self, now: Duration) -> Vec<PathBuf> {
        let _ = now;
        Vec::new()
    }

    /// Looking at them took `time`, until `now`.
    fn took(&mut self, now: Duration, time: Duration) {
        let _ = (now, time);
    }
}
