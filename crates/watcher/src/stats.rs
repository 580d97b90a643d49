//! What a watcher says about itself: counters, and warnings for a person.
//!
//! Nothing that goes wrong while watching ends the watch, and nothing is silent: it becomes a
//! [`Warning`], once.

use std::fmt;
use std::path::PathBuf;

/// Counters of a watcher.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Directories that are watched or polled now.
    pub dirs: usize,
    /// Those of them that are polled.
    pub polled_dirs: usize,
    /// Files that are known now.
    pub files: usize,
    /// Changed paths that wait for the next batch.
    pub pending: usize,
    /// Events that were taken in, whether of interest or not.
    pub events: u64,
    /// Batches that were delivered.
    pub batches: u64,
    /// How often events were lost and everything was looked at again.
    pub rescans: u64,
    /// How often a waiting call woke up, for an event or for a deadline.
    pub wakeups: u64,
    /// How often a callback of [`Watcher::run`](crate::Watcher::run) panicked.
    pub panics: u64,
}

/// Something that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The system has no more watches, so that `polled` directories are polled.
    Limit {
        /// The name of the limit.
        limit: &'static str,
        /// Its value, if it can be read.
        value: Option<u64>,
        /// The number of directories that are watched.
        watched: usize,
        /// The number of directories that had to be polled when this was noticed.
        polled: usize,
    },
    /// The system's events are not to be had at all, so that everything is polled.
    NoEvents(String),
    /// A directory is on a file system without events, and is polled.
    Remote {
        /// The directory.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// A directory cannot be read or watched; the others are, and it is tried again.
    Unwatched {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// What is in a directory may not be looked at, so that changes there are not shown for now.
    Unreadable {
        /// The directory, or a watched path.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The system lost events; everything is looked at again.
    LostEvents,
    /// A watched path is gone; it is watched again when it comes back.
    RootLost(PathBuf),
    /// A watched path has come back.
    RootBack(PathBuf),
    /// The backend reported an error without saying what it means.
    Backend(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit {
                limit,
                value,
                watched,
                polled,
            } => {
                write!(f, "{limit}")?;
                if let Some(value) = value {
                    write!(f, " ({value})")?;
                }
                let needed = (watched + polled).next_power_of_two().max(524_288);
                write!(
                    f,
                    " is reached: {watched} directories are watched, {polled} are polled; to watch \
                     all, `sudo sysctl {limit}={needed}`"
                )
            }
            Self::NoEvents(why) => write!(f, "no file events ({why}), polling instead"),
            Self::Remote { path, kind } => {
                write!(
                    f,
                    "{} is on {kind}, which has no events: polling",
                    path.display()
                )
            }
            Self::Unwatched { path, why } => write!(f, "cannot watch {}: {why}", path.display()),
            Self::Unreadable { path, why } => {
                write!(f, "cannot look into {}: {why}", path.display())
            }
            Self::LostEvents => f.write_str("the system lost file events, looking at every file"),
            Self::RootLost(path) => write!(f, "{} is gone, waiting for it", path.display()),
            Self::RootBack(path) => write!(f, "{} is back", path.display()),
            Self::Backend(why) => write!(f, "file events: {why}"),
        }
    }
}
