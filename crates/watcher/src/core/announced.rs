//! Writes that a tool has announced as its own, which are not reported to it.
//!
//! An announcement is used up by the look that finds what it says, together with those that were made
//! before it: what they said has been overwritten. It must not stay around for longer, or it would hide
//! somebody else's write of the same bytes; so it ends with the file, and after a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug)]
struct Write {
    hash: u64,
    until: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Announced {
    // In the order of the announcements.
    writes: BTreeMap<PathBuf, Vec<Write>>,
}

impl Announced {
    /// A content with `hash` is about to be written to `path`; that is believed until then.
    pub(super) fn add(&mut self, now: Duration, path: PathBuf, hash: u64, until: Duration) {
        self.writes.retain(|_, writes| {
            writes.retain(|write| write.until >= now);
            !writes.is_empty()
        });
        let writes = self.writes.entry(path).or_default();
        writes.push(Write { hash, until });
    }

    /// Whether anything was announced for `path`.
    pub(super) fn contain(&self, path: &Path) -> bool {
        self.writes.contains_key(path)
    }

    /// Whether a content with `hash`, found at `path`, was announced; not again, then.
    pub(super) fn take(&mut self, now: Duration, path: &Path, hash: u64) -> bool {
        let Some(writes) = self.writes.get_mut(path) else {
            return false;
        };
        let is_it = |write: &Write| write.hash == hash && now <= write.until;
        let found = writes.iter().rposition(is_it);
        writes.drain(..found.map_or(0, |at| at + 1));
        found.is_some()
    }

    /// The file at `path` is gone.
    pub(super) fn forget(&mut self, path: &Path) {
        self.writes.remove(path);
    }
}
