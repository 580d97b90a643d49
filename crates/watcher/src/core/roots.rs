//! The roots: what was asked for, whether it exists, and what to do when it comes and goes.
//!
//! A watch on a directory dies with the directory, and goes along when it is renamed; how that is noticed
//! is in [`guards`](super::guards).

use super::Core;
use super::look::Look;
use super::way::Way;
use crate::error::{Error, ErrorKind};
use crate::files::{Kind, Stat};
use crate::matcher::Own;
use crate::stats::Warning;
use crate::table::Known;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) way: Way,
    /// What it was when it was last seen.
    pub(super) is_dir: bool,
    /// The device and inode that are watched; `None` while there is nothing to watch.
    pub(super) id: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Roots {
    all: Vec<Root>,
    /// Paths that were asked for while something above them was watched already.
    inner: BTreeSet<PathBuf>,
    /// Directories in which a name on the way to a root is.
    pub(super) guards: BTreeSet<PathBuf>,
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

    /// Whether a root is reached through `path`.
    pub(super) fn lies_on_the_way(&self, path: &Path) -> bool {
        !self.through(path).is_empty()
    }

    /// The roots that are reached through `path`.
    pub(super) fn through(&self, path: &Path) -> Vec<PathBuf> {
        let through = self
            .all
            .iter()
            .filter(|root| root.path == path || root.way.names().any(|name| name == path));
        through.map(|root| root.path.clone()).collect()
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

    pub(super) fn get_mut(&mut self, path: &Path) -> Option<&mut Root> {
        self.all.iter_mut().find(|root| root.path == path)
    }

    pub(super) fn lost(&self) -> Vec<PathBuf> {
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
        if self.roots.contains(path) {
            return Ok(());
        }
        if self.table.is_live(path) || self.table.get(path).is_some() {
            self.roots.inner.insert(path.to_owned());
            return Ok(());
        }
        let kind = self.files.stat(path, true).map(|stat| stat.kind);
        if kind.is_err() && !wait {
            return Err(Error::new(ErrorKind::NoSuchPath, Some(path)));
        }
        self.take_root(path);
        self.attach(now, path, true);
        Ok(())
    }

    /// Makes `path` a root, which is not looked at yet.
    fn take_root(&mut self, path: &Path) {
        self.roots.all.push(Root {
            path: path.to_owned(),
            way: Way::default(),
            is_dir: false,
            id: None,
        });
        self.read_rules_above(path);
        self.find_lock(path);
    }

    /// Stops watching `path`; what waits below it is dropped, unless it was asked for by another path.
    pub(crate) fn remove_root(&mut self, now: Duration, path: &Path) -> Result<(), Error> {
        if self.roots.inner.remove(path) {
            return Ok(());
        }
        let Some(at) = self.roots.all.iter().position(|root| root.path == path) else {
            return Err(Error::new(ErrorKind::NotWatched, Some(path)));
        };
        self.roots.all.remove(at);
        let was_linked = self.links.forget_place(path);
        self.promote_inner(now);
        let mut free = self.table.dirs_at(path);
        free.retain(|dir| !self.is_covered(dir));
        for dir in free.iter().rev() {
            self.table.forget_dir(dir);
        }
        if self.roots.of(path).is_none() {
            self.table.remove(path);
        }
        self.drop_needless_guards();
        self.unwatch_needless(&free);
        let (roots, free): (_, BTreeSet<&Path>) =
            (&self.roots, free.iter().map(PathBuf::as_path).collect());
        self.debouncer.forget(|pending| {
            let freed = pending.parent().is_some_and(|dir| free.contains(dir));
            roots.of(pending).is_none() || (freed && !roots.contains(pending))
        });
        self.narrow();
        if was_linked {
            // A directory with two names has one watch, which may have served another root.
            self.watch_everything(now);
        }
        Ok(())
    }

    /// Makes those roots that were covered by another one and are no longer.
    pub(super) fn promote_inner(&mut self, now: Duration) {
        let inner = std::mem::take(&mut self.roots.inner);
        let (covered, free): (BTreeSet<_>, BTreeSet<_>) =
            inner.into_iter().partition(|path| self.covers(path));
        self.roots.inner = covered;
        for path in free {
            self.take_root(&path);
            // What is known stays known: this compares.
            self.attach(now, &path, false);
        }
    }

    /// Whether a root leads to `path`, a directory or a known file.
    fn covers(&self, path: &Path) -> bool {
        let passes = |root: &Root| {
            root.is_dir
                && path.starts_with(&root.path)
                && self.matcher.file(&root.path, path, Own::Noted)
        };
        match path.parent() {
            Some(dir) if self.table.get(path).is_some() => {
                self.is_covered(dir) && self.roots.iter().any(passes)
            }
            _ => self.is_covered(path),
        }
    }

    /// Whether a root leads to `dir`, through directories that are entered.
    fn is_covered(&self, dir: &Path) -> bool {
        self.roots.iter().any(|root| {
            let mut between = dir.ancestors().take_while(|dir| *dir != root.path);
            let enters = |dir| self.matcher.dir(&root.path, dir, Own::Noted);
            root.is_dir && dir.starts_with(&root.path) && between.all(enters)
        })
    }

    /// Whether `path` is there and watched; `None` if it was not asked for.
    pub(crate) fn is_attached(&self, path: &Path) -> Option<bool> {
        if self.roots.inner.contains(path) {
            return Some(self.table.is_live(path) || self.table.get(path).is_some());
        }
        let root = self.roots.iter().find(|root| root.path == path)?;
        Some(root.id.is_some())
    }

    /// Looks at what is at `path` now, and watches it.
    pub(super) fn attach(&mut self, now: Duration, path: &Path, first: bool) {
        // First, so that what happens after the look is seen.
        self.guard(path);
        let stat = match self.look(path, true) {
            Look::There(stat) => Some(stat),
            Look::Gone => None,
            Look::Barred(why) => return self.barred(now, path, &why),
        };
        if stat.is_none_or(|stat| stat.kind != Kind::Dir) {
            self.barred.open(path);
        }
        if stat.is_some_and(|stat| stat.kind != Kind::Dir) && self.table.is_live(path) {
            // It was a directory; as a file it is not lost.
            if let Some(root) = self.roots.get_mut(path) {
                root.id = None;
            }
            self.drop_dir(now, path);
        }
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
            if self.table.get(path).is_some() {
                // It was a file.
                self.gone(now, path);
            }
            self.adopt(now, path, first);
        } else if first && stat.kind.is_reported() {
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
        // The old watches may belong to directories that were renamed away.
        self.unwatch_below(path);
        self.read_rules_above_again(path);
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

    pub(super) fn unwatch_below(&mut self, root: &Path) {
        let dirs = self.table.dirs_at(root);
        self.sources.unwatch(&dirs);
    }
}

pub(super) fn id(stat: &Stat) -> (u64, u64) {
    (stat.dev, stat.ino)
}
