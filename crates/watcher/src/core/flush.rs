//! Making a batch: each path that is due is looked at and compared with what the consumer knows.

use super::Core;
use crate::change::{Batch, Change};
use crate::files::{Kind, Stat};
use crate::table::Known;
use crate::watch::Content;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

impl Core {
    /// The net effect on `paths`; `None` if there is none.
    pub(super) fn flush(&mut self, paths: &[PathBuf], settled: bool) -> Option<Batch> {
        let mut changes = Vec::new();
        let mut added: Vec<&Path> = Vec::new();
        let mut removed: BTreeMap<&Path, Known> = BTreeMap::new();
        for path in paths {
            let known = self.table.get(path).copied();
            let found = self.files.stat(path, self.is_root(path)).ok();
            let found = found.filter(|stat| matches!(stat.kind, Kind::File | Kind::Link));
            match (known, found) {
                (None, None) => {}
                (Some(known), None) => {
                    self.table.remove(path);
                    removed.insert(path, known);
                }
                (None, Some(stat)) => {
                    let known = self.look(path, &stat);
                    self.table.insert(path, known);
                    added.push(path);
                }
                (Some(old), Some(stat)) => {
                    let new = self.look(path, &stat);
                    self.table.insert(path, new);
                    let same = if old.hash != 0 && new.hash != 0 {
                        old.hash == new.hash
                    } else {
                        old.same(&new)
                    };
                    if !same {
                        changes.push(Change::Modified(path.clone()));
                    }
                }
            }
        }
        for to in added {
            let origin = self.origins.remove(to);
            match origin.filter(|from| removed.remove(from.as_path()).is_some()) {
                Some(from) => changes.push(Change::Renamed {
                    from,
                    to: to.to_owned(),
                }),
                None => changes.push(Change::Added(to.to_owned())),
            }
        }
        changes.extend(
            removed
                .into_keys()
                .map(|path| Change::Removed(path.to_owned())),
        );
        if changes.is_empty() {
            return None;
        }
        self.seq += 1;
        let rescanned = std::mem::take(&mut self.rescanned);
        Some(Batch::new(changes, self.seq, settled, rescanned))
    }

    fn is_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root.path == path)
    }

    fn look(&self, path: &Path, stat: &Stat) -> Known {
        let mut known = Known::new(stat);
        if let Content::HashUpTo(most) = self.content
            && stat.kind == Kind::File
            && stat.size <= most
            && let Ok(bytes) = self.files.read(path)
        {
            known.hash = hash(&bytes);
        }
        known
    }
}

/// The hash of a content; never 0, which stands for "not known".
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish().max(1)
}
