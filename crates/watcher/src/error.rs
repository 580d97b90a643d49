//! Why a watcher could not be built or told to watch something.
//!
//! Only wrong input is an error. What goes wrong later (an unreadable directory, a limit that is
//! reached, events that the kernel lost) never ends a watch: it is handled and shown as a warning.

use std::io;
use std::path::{Path, PathBuf};

/// An error with the path that it is about, if there is one.
#[derive(Debug, thiserror::Error)]
#[error("{kind}{}", place(path.as_deref()))]
pub struct Error {
    kind: ErrorKind,
    path: Option<PathBuf>,
}

fn place(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(": {}", path.display()))
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A path to watch does not exist, and
    /// [`wait_for_root`](crate::Builder::wait_for_root) was not asked for.
    #[error("cannot watch, no such file or directory")]
    NoSuchPath,
    /// No path was given, so that nothing could ever be reported.
    #[error("nothing to watch, give at least one path")]
    NothingToWatch,
    /// A glob of the filter does not parse, or can match nothing.
    #[error("bad glob `{glob}`, {why}")]
    BadGlob {
        /// The glob as it was given.
        glob: String,
        /// What is wrong with it.
        why: String,
    },
    /// The settings contradict each other.
    #[error("{0}")]
    BadSettings(&'static str),
    /// The path to stop watching was not watched.
    #[error("path is not watched")]
    NotWatched,
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, path: Option<&Path>) -> Self {
        Self {
            kind,
            path: path.map(Path::to_owned),
        }
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The path that it is about.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, path: None }
    }
}
