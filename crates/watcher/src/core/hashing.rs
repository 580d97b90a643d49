//! Reading what was there at the start, so that rewriting it later is known to be no change.
//!
//! That is done a directory at a time while `next` has nothing else to do, so that arming does not
//! wait for it. A content counts only if the file looks, before and after it was read, as it looked
//! when it was put into the table: otherwise a change would be taken for the start.

use super::Core;
use crate::files::{Kind, Stat};
use crate::table::Known;
use crate::watch::Content;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

/// All that is read for this, so that a tree of large files does not fill the page cache.
const BUDGET: u64 = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct Hashing {
    dirs: Vec<PathBuf>,
    read: u64,
}

impl Hashing {
    pub(super) fn queue(&mut self, dir: &Path) {
        self.dirs.push(dir.to_owned());
    }
}

impl Core {
    /// Reads the files of one directory; `false` if there was nothing to do.
    pub(crate) fn hash_some(&mut self) -> bool {
        let Content::HashUpTo(most) = self.settings.content else {
            return false;
        };
        if !self.debouncer.is_empty() {
            return false;
        }
        let Some(dir) = self.hashing.dirs.pop() else {
            return false;
        };
        let unread = |known: &Known| known.hash == 0 && known.size <= most;
        let files: Vec<_> = self
            .table
            .files_in(&dir)
            .filter(|(_, known)| unread(known))
            .map(|(name, known)| (dir.join(name), *known))
            .collect();
        for (path, known) in files {
            if self.hashing.read + known.size > BUDGET || self.inbox.is_stopped() {
                self.hashing.dirs = Vec::new();
                return false;
            }
            self.hashing.read += known.size;
            if let Some(hash) = self.hash_of(&path, &known) {
                self.table.insert(&path, Known { hash, ..known });
            }
        }
        true
    }

    /// The hash of the content of `path`, if that is the content of `known`.
    fn hash_of(&self, path: &Path, known: &Known) -> Option<u64> {
        let as_known = || {
            let stat = self.files.stat(path, self.follows(path)).ok()?;
            known.untouched(&Known::new(&stat)).then_some(stat)
        };
        let hash = self.hash_at(path, &as_known()?)?;
        as_known().map(|_| hash)
    }

    /// The hash of what `path` holds; a link holds where it leads.
    pub(super) fn hash_at(&self, path: &Path, stat: &Stat) -> Option<u64> {
        let content = match stat.kind {
            Kind::File => self.files.read(path).ok()?,
            Kind::Link => {
                let target = self.files.read_link(path).ok()?;
                target.into_os_string().into_encoded_bytes()
            }
            Kind::Dir | Kind::Other => return None,
        };
        Some(hash_of_bytes(&content))
    }
}

/// The hash of a content; never 0, which stands for "not known".
pub(crate) fn hash_of_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish().max(1)
}
