//! Which file went where: pairs the halves of renames, through chains of them.
//!
//! Evidence only ever shortens a wait or turns a removal and an addition into a rename; it is never
//! needed for a change to be seen. So it may be thrown away whenever nothing waits.

use super::Core;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub(super) struct Renames {
    /// The old halves whose new half has not come yet, by cookie.
    halves: BTreeMap<u64, PathBuf>,
    /// New name to the name that the consumer may know.
    origins: BTreeMap<PathBuf, PathBuf>,
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
