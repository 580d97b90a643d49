//! Making a batch: each path that is due is looked at and compared with what the consumer knows.

use super::Core;
use super::look::Look;
use crate::change::{Batch, Change};
use crate::files::{Kind, Stat};
use crate::table::Known;
use crate::watch::Content;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The net effect so far.
#[derive(Default)]
struct Effect {
    changes: Vec<Change>,
    added: BTreeMap<PathBuf, Known>,
    removed: BTreeMap<PathBuf, Known>,
}

impl Core {
    /// The net effect on `paths`; `None` if there is none.
    pub(super) fn flush(
        &mut self,
        now: Duration,
        paths: &[PathBuf],
        settled: bool,
    ) -> Option<Batch> {
        let mut effect = Effect::default();
        for path in &self.with_replaced(paths) {
            self.look_at(now, path, &mut effect);
        }
        self.notice_lost_roots(now, &effect);
        self.find_renames(&mut effect);
        self.collapse(&mut effect);
        let Effect {
            mut changes,
            added,
            removed,
        } = effect;
        changes.extend(added.into_keys().map(Change::Added));
        changes.extend(removed.into_keys().map(Change::Removed));
        if changes.is_empty() {
            return None;
        }
        self.seq += 1;
        let rescanned = self.rescan.found;
        self.rescan.found &= !self.debouncer.is_empty();
        Some(Batch::new(changes, self.seq, settled, rescanned))
    }

    /// Adds the files whose names directories have taken, and those that were in directories whose
    /// names files have taken: they are gone, and must be so before the others come.
    fn with_replaced(&mut self, paths: &[PathBuf]) -> BTreeSet<PathBuf> {
        let mut all: BTreeSet<PathBuf> = paths.iter().cloned().collect();
        let mut last_dir = None;
        for path in paths {
            if self.table.contains_dir(path) {
                all.extend(self.table.files_below(path));
            }
            if last_dir != path.parent() {
                last_dir = path.parent();
                let above = path.ancestors().skip(1);
                all.extend(
                    above
                        .filter(|dir| self.table.get(dir).is_some())
                        .map(Path::to_owned),
                );
            }
        }
        for path in &all {
            self.debouncer.remove(path);
        }
        all
    }

    fn look_at(&mut self, now: Duration, path: &Path, effect: &mut Effect) {
        if self.point_dirs.remove(path) && self.look_at_point(path, effect) {
            return;
        }
        let old = self.table.get(path).copied();
        let stat = match self.look(path, self.follows(path)) {
            _ if self.is_behind_link(path) => None,
            Look::There(stat) => Some(stat),
            Look::Gone => None,
            Look::Barred(why) => return self.barred(now, path, &why),
        };
        let stat = stat.filter(|stat| stat.kind.is_reported());
        let written = self.written.remove(path);
        let Some(stat) = stat else {
            self.announced.forget(path);
            if let Some(known) = self.table.remove(path) {
                effect.removed.insert(path.to_owned(), known);
            }
            return;
        };
        let new = self.know(path, &stat);
        let announced = self.was_announced(now, path, &stat, &new);
        self.table.insert(path, new);
        match old {
            _ if announced => {}
            None => {
                effect.added.insert(path.to_owned(), new);
            }
            Some(old) if !is_same(&old, &new, written) => {
                effect.changes.push(Change::Modified(path.to_owned()));
            }
            Some(old) if self.settings.attributes && old.ctime != new.ctime => {
                effect.changes.push(Change::Metadata(path.to_owned()));
            }
            Some(_) => {}
        }
    }

    /// Reports a point that is a directory, or has gone without having been known as a file; whether
    /// it is one of these.
    fn look_at_point(&self, path: &Path, effect: &mut Effect) -> bool {
        if self.table.get(path).is_some() {
            return false;
        }
        match self.files.stat(path, self.follows(path)) {
            Ok(stat) if stat.kind == Kind::Dir => {
                effect.changes.push(Change::Added(path.to_owned()));
                true
            }
            Ok(_) => false,
            Err(_) => {
                effect.changes.push(Change::Removed(path.to_owned()));
                true
            }
        }
    }

    fn know(&self, path: &Path, stat: &Stat) -> Known {
        let mut known = Known::new(stat);
        if let Content::HashUpTo(most) = self.settings.content
            && stat.size <= most
        {
            known.hash = self.hash_at(path, stat).unwrap_or(0);
        }
        known
    }

    /// Whether a tool has announced what `path` holds now.
    fn was_announced(&mut self, now: Duration, path: &Path, stat: &Stat, known: &Known) -> bool {
        if !self.announced.contain(path) {
            return false;
        }
        let read = Some(known.hash).filter(|hash| *hash != 0);
        let hash = read.or_else(|| self.hash_at(path, stat));
        hash.is_some_and(|hash| self.announced.take(now, path, hash))
    }

    /// Files that are gone may be gone because a root is, or is another one now, unseen.
    fn notice_lost_roots(&mut self, now: Duration, effect: &Effect) {
        let roots: BTreeSet<_> = effect
            .removed
            .keys()
            .filter_map(|path| self.roots.of(path))
            .collect();
        for root in roots {
            if self.is_attached(&root) == Some(true) && !self.is_as_known(&root) {
                self.way_vanished(now, &root);
            }
        }
    }

    fn find_renames(&mut self, effect: &mut Effect) {
        let pairs = self.pairs(effect);
        if !self.settings.pair_renames {
            return;
        }
        for (from, to) in pairs {
            effect.removed.remove(&from);
            effect.added.remove(&to);
            effect.changes.push(Change::Renamed { from, to });
        }
    }

    /// Old and new names of the same file: seen as a rename, or found with the same inode and look.
    fn pairs(&mut self, effect: &Effect) -> Vec<(PathBuf, PathBuf)> {
        let mut by_inode: BTreeMap<u64, (&Path, &Known)> = BTreeMap::new();
        for (path, known) in &effect.removed {
            by_inode.entry(known.ino).or_insert((path.as_path(), known));
        }
        let mut pairs = Vec::new();
        for (to, known) in &effect.added {
            let origin = self.renames.take_origin(to);
            if by_inode.is_empty() {
                continue;
            }
            let seen = origin.filter(|from| {
                effect
                    .removed
                    .get(from)
                    .is_some_and(|old| old.ino == known.ino)
            });
            let found = || {
                let (from, old) = by_inode.get(&known.ino)?;
                (known.ino != 0 && old.same(known)).then(|| from.to_path_buf())
            };
            if let Some(from) = seen.or_else(found) {
                by_inode.remove(&known.ino);
                pairs.push((from, to.clone()));
            }
        }
        pairs
    }

    /// Replaces the files of directories that are gone by the directories, if that was asked for.
    fn collapse(&mut self, effect: &mut Effect) {
        let mut dropped = std::mem::take(&mut self.dropped);
        dropped.sort();
        for dir in dropped {
            if !self.look(&dir, true).is_gone() {
                continue;
            }
            if self.table.contains_dir(&dir) {
                // What was in it is waited for still.
                self.dropped.push(dir);
                continue;
            }
            let before = effect.removed.len();
            effect.removed.retain(|path, _| !path.starts_with(&dir));
            if effect.removed.len() < before {
                effect.changes.push(Change::Removed(dir));
            }
        }
    }
}

/// Whether the consumer need not be told: the same content, as far as can be known.
fn is_same(old: &Known, new: &Known, written: bool) -> bool {
    if old.hash != 0 && new.hash != 0 {
        old.hash == new.hash
    } else {
        // The clock of a file system is coarse: a second write within a tick of it leaves no trace.
        old.same(new) && !written
    }
}
