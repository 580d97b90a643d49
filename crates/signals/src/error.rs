//! What can go wrong, as values; the panicking accessors print the same sentences.

use std::fmt;
use std::panic::Location;

/// Where a node was created, and its label if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The label given with `label`, or the kind of node.
    pub name: String,
    /// Where it was created.
    pub created: &'static Location<'static>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} created at {}", self.name, self.created)
    }
}

/// Why a node could not be read, written or made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The node, its owner or the whole runtime has gone. The places are known for the most recent
    /// disposals only.
    Disposed {
        /// Where the node was created.
        created: Option<&'static Location<'static>>,
        /// Where the node, its owner or the runtime was disposed.
        disposed: Option<&'static Location<'static>>,
    },
    /// A computation needs its own result. From the node that was met again, along what it reads.
    Cycle(Vec<Place>),
    /// The memo's closure or its equality panicked in its latest run, and nothing it read has
    /// changed since.
    Panicked {
        /// The memo.
        memo: Place,
        /// What the panic said.
        message: String,
    },
    /// The value is lent to a `with` or `update` closure, or is being compared, at this moment.
    Borrowed(Place),
    /// A memo tried to write; memos only derive. `untrack` makes no difference.
    WriteInMemo {
        /// What would have been written.
        target: Place,
        /// The memo that is running.
        memo: Place,
    },
    /// Effects kept causing each other until the budget was used up. They are left as they are
    /// until something they read changes again.
    Budget {
        /// How many runs the flush had made.
        runs: usize,
        /// The effects that ran most, most first, with their number of runs.
        hottest: Vec<(Place, usize)>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disposed { created, disposed } => {
                write!(f, "used after it was disposed")?;
                if let Some(created) = created {
                    write!(f, " (created at {created}")?;
                    match disposed {
                        Some(at) => write!(f, ", disposed at {at})")?,
                        None => write!(f, ")")?,
                    }
                }
                Ok(())
            }
            Self::Cycle(path) => {
                write!(f, "computation depends on itself: ")?;
                for place in path {
                    write!(f, "{place} -> ")?;
                }
                write!(f, "the first again")
            }
            Self::Panicked { memo, message } => write!(f, "{memo} panicked: {message}"),
            Self::Borrowed(place) => write!(
                f,
                "value is in use by a `with`, `update` or comparison: {place}"
            ),
            Self::WriteInMemo { target, memo } => {
                write!(f, "memos cannot write: {target}, written by {memo}")
            }
            Self::Budget { runs, hottest } => {
                write!(
                    f,
                    "effects do not come to rest after {runs} runs; most often ran"
                )?;
                for (place, count) in hottest {
                    write!(f, " {place} ({count}x);")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Error {}

/// The value, or the panic of [`Error::raise`] at the caller's place.
#[inline]
#[track_caller]
pub(crate) fn or_raise<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => error.raise(),
    }
}

impl Error {
    /// Panics with the sentence for people, at the caller's place.
    #[cold]
    #[track_caller]
    pub(crate) fn raise(self) -> ! {
        panic!("{self}")
    }
}
