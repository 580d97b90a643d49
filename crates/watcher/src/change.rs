//! What a consumer receives: a [`Batch`] of [`Change`]s.
//!
//! Two facts are kept. A path appears at most once in a batch, as `from`, as `to` or as the path of
//! another change. And a kind is relative to what the consumer saw last, not to what the kernel said:
//! a file that was created and written is `Added`, one that was deleted and written again `Modified`.

use std::path::{Path, PathBuf};

/// One net change of one path.
///
/// Paths are absolute and spelled below the root as the caller gave it; symbolic links in the root
/// are not resolved, so that a path can be compared with, for example, Python's `__file__`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The consumer did not know the file; it exists now.
    Added(PathBuf),
    /// The consumer knew the file; it holds something else now.
    Modified(PathBuf),
    /// The consumer knew the file; it is gone.
    Removed(PathBuf),
    /// Only times or permissions of a known file changed. Only reported if
    /// [`attributes`](crate::Builder::attributes) were asked for.
    Metadata(PathBuf),
    /// The file that the consumer knew as `from` is now `to`, which the consumer did not know.
    ///
    /// Its content may have changed as well.
    Renamed {
        /// The name that the consumer knew.
        from: PathBuf,
        /// The name that the file has now.
        to: PathBuf,
    },
}

impl Change {
    /// The path that the change is about; for a rename the new one.
    pub fn path(&self) -> &Path {
        match self {
            Self::Added(path)
            | Self::Modified(path)
            | Self::Removed(path)
            | Self::Metadata(path) => path,
            Self::Renamed { to, .. } => to,
        }
    }

    /// Removals come first, then renames, then the rest, each sorted by path: whoever replays a
    /// batch in order never holds two files under one name.
    fn rank(&self) -> u8 {
        match self {
            Self::Removed(_) => 0,
            Self::Renamed { .. } => 1,
            Self::Added(_) | Self::Modified(_) | Self::Metadata(_) => 2,
        }
    }
}

/// The net effect of everything that happened since the batch before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    // Invariant: sorted by rank, then path; no path twice; never empty.
    changes: Vec<Change>,
    seq: u64,
    settled: bool,
    rescanned: bool,
}

impl Batch {
    pub(crate) fn new(mut changes: Vec<Change>, seq: u64, settled: bool, rescanned: bool) -> Self {
        changes.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.path().cmp(b.path())));
        Self {
            changes,
            seq,
            settled,
            rescanned,
        }
    }

    /// The changes: removals, then renames, then additions and modifications, each sorted by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes, one by one, in the order of [`changes`](Self::changes).
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    /// The number of this batch: 1 for the first one, and one more for each that follows.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether the files had been quiet when the batch was made.
    ///
    /// `false` says that the batch was cut by [`Debounce::max_wait`](crate::Debounce::max_wait)
    /// while changes kept coming, so that more will follow soon.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// Whether the batch was found by looking at every file again, because the operating system
    /// had lost events.
    pub fn rescanned(&self) -> bool {
        self.rescanned
    }
}

impl IntoIterator for Batch {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.iter()
    }
}
