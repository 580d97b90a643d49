//! The roots: what was asked for, whether it exists, and what to do when it comes and goes.
//!
//! The parent of each root is watched too, as its *guard*, for the name of the root only: a watch on a
//! directory itself dies with the directory, and goes along when it is renamed. Only while a root is
//! lost and its parent as well is there anything to try again by the clock.

use super::Core;
use crate::error::{Error, ErrorKind};
use crate::files::{Kind, Stat};
use crate::inbox::Narrow;
use crate::stats::Warning;
use crate::table::Known;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const RETRY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// What it was when it was last seen.
    pub(super) is_dir: bool,
    /// The device and inode that are watched; `None` while there is nothing to watch.
    pub(super) id: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Roots {
    all: Vec<Root>,
    guards: BTreeSet<PathBuf>,
    /// When to look for lost roots.
    pub(super) retry_at: Option<Duration>,
}

impl Roots {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Root> {
        self.all.iter()
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.all.iter().any(|root| root.path == path)
    }

    pub(super) fn is_guard(&self, path: &Path) -> bool {
        self.guards.contains(path)
    }

    pub(super) fn guards(&self) -> Vec<PathBuf> {
        self.guards.iter().cloned().collect()
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.all.iter().map(|root| root.path.clone()).collect()
    }

    /// The innermost root that `path` is at or below.
    pub(super) fn of(&self, path: &Path) -> Option<PathBuf> {
        let above = self.all.iter().filter(|root| path.starts_with(&root.path));
        let nearest = above.max_by_key(|root| root.path.as_os_str().len());
        nearest.map(|root| root.path.clone())
    }

    fn get_mut(&mut self, path: &Path) -> Option<&mut Root> {
        self.all.iter_mut().find(|root| root.path == path)
    }

    fn lost(&self) -> Vec<PathBuf> {
        let lost = self.all.iter().filter(|root| root.id.is_none());
        lost.map(|root| root.path.clone()).collect()
    }
}

impl Core {
    /// Watches `path` from now on; what is there is what the consumer knows.
    pub(crate) fn add_root(&mut self, now: Duration, path: &Path, wait: bool) -> Result<(), Error> {
        if self.roots.contains(path) && self.matcher.points.unflatten(path) {
            self.attach(now, path, false);
            return Ok(());
        }
        let covered = self.table.is_live(path) || self.table.get(path).is_some();
        if covered || self.roots.contains(path) {
            return Ok(());
        }
        let kind = self.files.stat(path, true).map(|stat| stat.kind);
        if kind.is_err() && !wait {
            return Err(Error::new(ErrorKind::NoSuchPath, Some(path)));
        }
        self.matcher.read_rules_above(&*self.files, path);
        self.roots.all.push(Root {
            path: path.to_owned(),
            is_dir: matches!(kind, Ok(Kind::Dir)),
            id: None,
        });
        self.guard(path);
        self.narrow();
        self.attach(now, path, true);
        Ok(())
    }

    /// Stops watching `path`; what waits below it is dropped.
    pub(crate) fn remove_root(&mut self, path: &Path) -> Result<(), Error> {
        let Some(at) = self.roots.iter().position(|root| root.path == path) else {
            return Err(Error::new(ErrorKind::NotWatched, Some(path)));
        };
        self.roots.all.remove(at);
        let free: Vec<_> = self
            .table
            .dirs_at(path)
            .into_iter()
            .filter(|dir| self.roots.of(dir).is_none())
            .collect();
        for dir in free.iter().rev() {
            self.table.forget_dir(dir);
        }
        if self.roots.of(path).is_none() {
            self.table.remove(path);
        }
        let guard = path.parent().map(Path::to_owned);
        let guard = guard.filter(|guard| {
            !self
                .roots
                .iter()
                .any(|root| root.path.parent() == Some(guard))
        });
        if let Some(guard) = &guard {
            self.roots.guards.remove(guard);
        }
        let unwatch: Vec<&Path> = free
            .iter()
            .chain(&guard)
            .filter(|dir| !self.roots.is_guard(dir) && !self.table.is_live(dir))
            .map(PathBuf::as_path)
            .collect();
        self.sources.unwatch(&unwatch);
        let roots = &self.roots;
        self.debouncer.forget(|pending| roots.of(pending).is_none());
        self.narrow();
        Ok(())
    }

    /// Tells the inbox what counts in the guards.
    ///
    /// Everything else there is left out before it wakes anybody: the parent of a project may be a
    /// home directory, where something is written all the time.
    pub(super) fn narrow(&self) {
        let outside = |guard: &&PathBuf| self.roots.of(guard).is_none();
        let linked = |guard: &&PathBuf| !self.links.leads_into(guard);
        let guards = self.roots.guards.iter().filter(outside).filter(linked);
        self.inbox.set_narrow(Narrow {
            dirs: guards.cloned().collect(),
            entries: self
                .roots
                .paths()
                .into_iter()
                .chain(self.roots.guards())
                .collect(),
        });
    }

    /// Whether `path` is there and watched; `None` if it was not asked for.
    pub(crate) fn is_attached(&self, path: &Path) -> Option<bool> {
        let root = self.roots.iter().find(|root| root.path == path)?;
        Some(root.id.is_some())
    }

    /// Watches the parent of `root`, for its name; whether that worked.
    fn guard(&mut self, root: &Path) -> bool {
        let Some(parent) = root.parent() else {
            return true;
        };
        if self.roots.is_guard(parent) {
            return true;
        }
        let answers = self.sources.watch(&[parent]);
        let watched = matches!(answers.first(), Some(Ok(())));
        if watched {
            self.roots.guards.insert(parent.to_owned());
            self.narrow();
        }
        watched
    }

    /// Looks at what is at `path` now, and watches it.
    pub(super) fn attach(&mut self, now: Duration, path: &Path, first: bool) {
        let stat = self.files.stat(path, true).ok();
        let Some(root) = self.roots.get_mut(path) else {
            return;
        };
        root.id = stat.map(|stat| id(&stat));
        let Some(stat) = stat else {
            self.drop_dir(now, path);
            if self.table.get(path).is_some() {
                self.gone(now, path);
            }
            self.roots.retry_at = Some(now);
            return;
        };
        root.is_dir = stat.kind == Kind::Dir;
        if root.is_dir {
            self.link_root(path);
            self.adopt(now, path, first);
        } else if first {
            self.table.insert(path, Known::new(&stat));
            if let Some(dir) = path.parent() {
                self.hashing.queue(dir);
            }
        } else {
            self.debouncer.complete(now, path);
        }
    }

    pub(super) fn root_appeared(&mut self, now: Duration, path: &Path) {
        if self.is_attached(path) == Some(false) {
            self.sources.warn(Warning::RootBack(path.to_owned()));
        }
        // The old watch may belong to a directory that was renamed away.
        if self.table.contains_dir(path) {
            self.sources.unwatch(&[path]);
        }
        self.attach(now, path, false);
    }

    pub(super) fn root_vanished(&mut self, now: Duration, path: &Path) {
        self.drop_dir(now, path);
        if self.table.get(path).is_some() {
            self.gone(now, path);
        }
        self.lose(now, path);
    }

    /// Every root at or below `path` is lost.
    pub(super) fn lose(&mut self, now: Duration, path: &Path) {
        for root in &mut self.roots.all {
            if root.id.is_some() && root.path.starts_with(path) {
                root.id = None;
                self.sources.warn(Warning::RootLost(root.path.clone()));
                self.roots.retry_at = Some(now);
            }
        }
    }

    pub(super) fn guard_vanished(&mut self, now: Duration, path: &Path) {
        self.roots.guards.remove(path);
        self.sources.unwatch(&[path]);
        self.drop_dir(now, path);
        for root in self.roots.paths() {
            if root.parent() == Some(path) {
                self.root_vanished(now, &root);
            }
        }
        self.roots.retry_at = Some(now);
    }

    /// Looks for roots that are not there.
    pub(super) fn retry_roots(&mut self, now: Duration) {
        self.roots.retry_at = None;
        for path in self.roots.lost() {
            if let Some(parent) = path.parent()
                && self.files.stat(parent, true).is_err()
            {
                self.roots.guards.remove(parent);
            }
            // The guard first, so that what comes right after the look is seen.
            let guarded = self.guard(&path);
            if self.files.stat(&path, true).is_ok() {
                self.root_appeared(now, &path);
            } else if !guarded {
                self.roots.retry_at = Some(now + RETRY);
            }
        }
    }

    /// Compares the roots directly in `dir` with what is there, for a guard that is polled.
    pub(super) fn look_at_roots_in(&mut self, now: Duration, dir: &Path) {
        for path in self.roots.paths() {
            if path.parent() != Some(dir) {
                continue;
            }
            let stat = self.files.stat(&path, true).ok();
            let found = stat.as_ref().map(id);
            let Some(root) = self.roots.iter().find(|root| root.path == path) else {
                continue;
            };
            match (root.id, stat) {
                (None, None) => {}
                (Some(_), None) => self.root_vanished(now, &path),
                (known, Some(_)) if root.is_dir && known == found => {}
                (Some(_), Some(stat)) if !root.is_dir && stat.kind != Kind::Dir => {
                    let same = |known: &Known| known.untouched(&Known::new(&stat));
                    if !self.table.get(&path).is_some_and(same) {
                        self.debouncer.complete(now, &path);
                    }
                }
                (_, Some(_)) => self.root_appeared(now, &path),
            }
        }
    }
}

fn id(stat: &Stat) -> (u64, u64) {
    (stat.dev, stat.ino)
}
