//! The roots: what was asked for, whether it exists, and what to do when it comes and goes.
//!
//! A watch on a directory dies with the directory, and goes along when it is renamed. Therefore every
//! directory above a root is watched too, as a *guard*, for the names on the way to the root only; the
//! way through symbolic links as well as the real one. Only while a root is lost and its parent as well
//! is there anything to try again by the clock.

use super::Core;
use super::look::Look;
use crate::error::{Error, ErrorKind};
use crate::files::{Kind, Stat};
use crate::inbox::Narrow;
use crate::matcher::Own;
use crate::stats::Warning;
use crate::table::Known;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const RETRY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// The same without symbolic links.
    real: PathBuf,
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

    /// Whether a root is reached through `path`.
    pub(super) fn lies_on_the_way(&self, path: &Path) -> bool {
        let through = |root: &Root| root.path.starts_with(path) || root.real.starts_with(path);
        self.all
            .iter()
            .any(|root| root.path != path && through(root))
    }

    /// The roots that are reached through `path`.
    fn through(&self, path: &Path) -> Vec<PathBuf> {
        let through = |root: &&Root| root.path.starts_with(path) || root.real.starts_with(path);
        self.all
            .iter()
            .filter(through)
            .map(|root| root.path.clone())
            .collect()
    }

    /// Every name on the way to a root.
    fn ways(&self) -> impl Iterator<Item = &Path> {
        let ways = self.all.iter().flat_map(|root| [&root.path, &root.real]);
        ways.flat_map(|path| path.ancestors())
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
            real: path.to_owned(),
            is_dir: false,
            id: None,
        });
        self.read_rules_above(path);
        self.find_lock(path);
        self.guard(path);
        self.narrow();
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
        self.promote_inner(now);
        let mut free = self.table.dirs_at(path);
        free.retain(|dir| !self.is_covered(dir));
        for dir in free.iter().rev() {
            self.table.forget_dir(dir);
        }
        if self.roots.of(path).is_none() {
            self.table.remove(path);
        }
        let ways: BTreeSet<PathBuf> = self.roots.ways().map(Path::to_owned).collect();
        let guards = self.roots.guards();
        let guards: Vec<_> = guards
            .iter()
            .filter(|guard| !ways.contains(*guard))
            .collect();
        for guard in &guards {
            self.roots.guards.remove(*guard);
        }
        let unwatch: Vec<&Path> = free
            .iter()
            .chain(guards)
            .filter(|dir| !self.roots.is_guard(dir) && !self.table.is_live(dir))
            .map(PathBuf::as_path)
            .collect();
        self.sources.unwatch(&unwatch);
        let (roots, free): (_, BTreeSet<&Path>) =
            (&self.roots, free.iter().map(PathBuf::as_path).collect());
        self.debouncer.forget(|pending| {
            let freed = pending.parent().is_some_and(|dir| free.contains(dir));
            roots.of(pending).is_none() || (freed && !roots.contains(pending))
        });
        self.narrow();
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

    /// Tells the inbox what counts in the guards.
    ///
    /// Everything else there is left out before it wakes anybody: the parent of a project may be a
    /// home directory, where something is written all the time.
    pub(super) fn narrow(&self) {
        let outside = |guard: &&PathBuf| self.roots.of(guard).is_none();
        let linked = |guard: &&PathBuf| !self.links.leads_into(guard);
        let guards = self.roots.guards.iter().filter(outside).filter(linked);
        let rule_dirs = self.rule_dirs.iter().filter(outside);
        let above = self.ruling.iter();
        let rules = above.flat_map(|dir| self.matcher.rule_files(dir));
        let own = self.rule_dirs.iter().map(|dir| dir.join("exclude"));
        let ways = self.roots.ways().map(Path::to_owned).chain(own);
        self.inbox.set_narrow(Narrow {
            dirs: guards.chain(rule_dirs).cloned().collect(),
            entries: rules.chain(ways).collect(),
        });
    }

    /// Whether `path` is there and watched; `None` if it was not asked for.
    pub(crate) fn is_attached(&self, path: &Path) -> Option<bool> {
        if self.roots.inner.contains(path) {
            return Some(self.table.is_live(path) || self.table.get(path).is_some());
        }
        let root = self.roots.iter().find(|root| root.path == path)?;
        Some(root.id.is_some())
    }

    /// Watches the way to `root`; whether its parent is watched.
    fn guard(&mut self, root: &Path) -> bool {
        let Some(parent) = root.parent() else {
            return true;
        };
        let real = self.files.real(root).unwrap_or_else(|_| root.to_owned());
        let ways = [root, &real];
        let dirs = ways.iter().flat_map(|path| path.ancestors().skip(1));
        // From the top, so that what is renamed meanwhile is seen. A poller compares what it finds at
        // the root itself, and need not know how it came there.
        let wanted: BTreeSet<&Path> = dirs
            .filter(|dir| !self.roots.is_guard(dir))
            .filter(|dir| *dir == parent || self.sources.has_events(dir))
            .collect();
        let wanted: Vec<&Path> = wanted.into_iter().collect();
        let answers = self.sources.watch(&wanted);
        for (dir, answer) in wanted.iter().zip(answers) {
            if answer.is_ok() {
                self.roots.guards.insert(dir.to_path_buf());
            }
        }
        if let Some(root) = self.roots.get_mut(root) {
            root.real = real;
        }
        self.narrow();
        self.roots.is_guard(parent)
    }

    /// Looks at what is at `path` now, and watches it.
    pub(super) fn attach(&mut self, now: Duration, path: &Path, first: bool) {
        let stat = match self.look(path, true) {
            Look::There(stat) => Some(stat),
            Look::Gone => None,
            Look::Barred(why) => return self.barred(path, &why),
        };
        self.barred.remove(path);
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

    fn unwatch_below(&mut self, root: &Path) {
        let dirs = self.table.dirs_at(root);
        let dirs: Vec<&Path> = dirs.iter().map(PathBuf::as_path).collect();
        self.sources.unwatch(&dirs);
    }

    /// Something at or above roots is gone, and whatever is watched below it with it.
    pub(super) fn way_vanished(&mut self, now: Duration, path: &Path) {
        for root in self.roots.through(path) {
            // They may live on under another name.
            self.unwatch_below(&root);
            self.root_vanished(now, &root);
        }
        let mut guards = self.roots.guards();
        guards.retain(|guard| guard.starts_with(path));
        for guard in &guards {
            self.roots.guards.remove(guard);
        }
        let guards: Vec<&Path> = guards.iter().map(PathBuf::as_path).collect();
        self.sources.unwatch(&guards);
        self.drop_dir(now, path);
        self.roots.retry_at = Some(now);
    }

    /// Something above roots is there, or another one than before.
    pub(super) fn way_appeared(&mut self, now: Duration, path: &Path) {
        let replaced =
            |root: &PathBuf| self.is_attached(root) == Some(true) && !self.is_as_known(root);
        if self.roots.through(path).iter().any(replaced) {
            self.way_vanished(now, path);
        }
        if !self.roots.lost().is_empty() {
            self.roots.retry_at = Some(now);
        }
    }

    /// Whether the attached root at `path` is still the one that is watched, as far as can be told.
    pub(super) fn is_as_known(&self, path: &Path) -> bool {
        let known = self.roots.iter().find(|root| root.path == path);
        match self.look(path, true) {
            Look::There(stat) => known.is_some_and(|root| {
                // A file is replaced by each atomic save.
                !root.is_dir || (stat.kind == Kind::Dir && root.id == Some(id(&stat)))
            }),
            Look::Gone => false,
            Look::Barred(_) => true,
        }
    }

    /// Looks for roots that are not there.
    pub(super) fn retry_roots(&mut self, now: Duration) {
        self.roots.retry_at = None;
        for path in self.roots.lost() {
            for dir in path.ancestors().skip(1) {
                if self.files.stat(dir, true).is_ok() {
                    break;
                }
                self.roots.guards.remove(dir);
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
            let stat = match self.look(&path, true) {
                Look::There(stat) => Some(stat),
                Look::Gone => None,
                Look::Barred(why) => {
                    self.barred(&path, &why);
                    continue;
                }
            };
            let found = stat.as_ref().map(id);
            let Some(root) = self.roots.iter().find(|root| root.path == path) else {
                continue;
            };
            match (root.id, stat) {
                (None, None) => {}
                (Some(_), None) => self.root_vanished(now, &path),
                // A file may have got the inode of a directory that is gone.
                (known, Some(stat)) if root.is_dir && stat.kind == Kind::Dir && known == found => {}
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
