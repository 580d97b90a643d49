//! Which file went where: pairs the halves of renames, through chains of them.
//!
//! Evidence only ever shortens a wait or turns a removal and an addition into a rename; it is never
//! needed for a change to be seen. So it may be thrown away whenever nothing waits.

use super::Core;
use crate::table::Known;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Renames {
    /// The old halves whose new half has not come yet, by cookie.
    halves: BTreeMap<u64, PathBuf>,
    /// New name to the name that the consumer may know.
    origins: BTreeMap<PathBuf, PathBuf>,
    /// Files that were found missing and not yet shown as removed, by inode.
    missing: FxHashMap<u64, (PathBuf, Known)>,
    /// Files that were found new by listing, by inode.
    found: FxHashMap<u64, Known>,
}

impl Renames {
    pub(super) fn first_half(&mut self, cookie: u64, path: PathBuf) {
        if cookie != 0 {
            self.halves.insert(cookie, path);
        }
    }

    /// The old name that goes with `cookie`.
    pub(super) fn other_half(&self, cookie: u64) -> Option<PathBuf> {
        self.halves.get(&cookie).cloned()
    }

    pub(super) fn second_half_done(&mut self, cookie: u64) {
        self.halves.remove(&cookie);
    }

    /// The name that the consumer may know of what is `path` now.
    pub(super) fn take_origin(&mut self, path: &Path) -> Option<PathBuf> {
        self.origins.remove(path)
    }

    pub(super) fn clear(&mut self) {
        self.halves.clear();
        self.origins.clear();
        self.missing.clear();
        self.found.clear();
    }

    fn moved_below(&self, dir: &Path) -> Vec<PathBuf> {
        self.origins
            .range::<Path, _>((Bound::Included(dir), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(dir))
            .map(|(path, _)| path.clone())
            .collect()
    }
}

impl Core {
    /// The file that was `from` is `to` now, which is `shown` to the consumer or not.
    pub(super) fn pair(&mut self, from: &Path, to: &Path, shown: bool) {
        let origin = self.renames.take_origin(from);
        let first = origin.unwrap_or_else(|| from.to_owned());
        if self.table.get(&first).is_none() {
            return;
        }
        if shown {
            // Both halves are there, so that the old name need not wait.
            self.debouncer.release(&first);
        }
        self.renames.origins.insert(to.to_owned(), first);
    }

    /// The known file at `path` is not there: it may come back, or be found under another name.
    pub(super) fn gone(&mut self, now: Duration, path: &Path) {
        self.debouncer.gone(now, path);
        let Some(known) = self.table.get(path).filter(|known| known.ino != 0) else {
            return;
        };
        if self
            .renames
            .found
            .get(&known.ino)
            .is_some_and(|found| found.same(known))
        {
            self.debouncer.release(path);
        } else {
            let missing = (path.to_owned(), *known);
            self.renames.missing.insert(known.ino, missing);
        }
    }

    /// A file that the consumer does not know was found by listing.
    pub(super) fn found(&mut self, found: &Known) {
        match self.renames.missing.get(&found.ino) {
            Some((path, known)) if known.same(found) => self.debouncer.release(path),
            _ => drop(self.renames.found.insert(found.ino, *found)),
        }
    }

    /// Pairs every known file below `from` with its name below `to`.
    pub(super) fn pair_dirs(&mut self, from: &Path, to: &Path, shown: bool) {
        let moved = self.renames.moved_below(from);
        for old in self.table.files_below(from).into_iter().chain(moved) {
            if let Ok(rest) = old.strip_prefix(from) {
                self.pair(&old, &to.join(rest), shown);
            }
        }
    }
}
