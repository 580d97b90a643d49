//! What is above the roots: directories that are watched for the names on the way to a root only.
//!
//! A watch on a directory dies with the directory, and goes along when it is renamed. Therefore every
//! directory in which something is looked up on the way to a root is a *guard*: those above it, and those
//! around each link that leads to it. A root that is not there is found by them as well.

use super::Core;
use super::look::Look;
use super::roots::{Root, id};
use super::way::Way;
use crate::files::Kind;
use crate::inbox::Narrow;
use crate::table::Known;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look for a root that no guard can tell about.
const RETRY: Duration = Duration::from_millis(200);

impl Core {
    /// Watches the way to `root`; whether somebody will tell when the root comes.
    pub(super) fn guard(&mut self, root: &Path) -> bool {
        loop {
            let way = Way::to(&*self.files, root);
            let wanted = self.guards_of(root, &way);
            let is_guarded = way.is_near() && wanted.iter().all(|dir| self.roots.is_guard(dir));
            let new: Vec<PathBuf> = wanted.difference(&self.roots.guards).cloned().collect();
            let answers = self.sources.watch(&new);
            let watched = new
                .into_iter()
                .zip(answers)
                .filter(|(_, answer)| answer.is_ok());
            let before = self.roots.guards.len();
            self.roots.guards.extend(watched.map(|(dir, _)| dir));
            if self.roots.guards.len() > before {
                // Once more: the way may have been another one before it was watched.
                continue;
            }
            self.links.set_place(root, way.place());
            if let Some(root) = self.roots.get_mut(root) {
                root.way = way;
            }
            self.narrow();
            return is_guarded;
        }
    }

    /// The directories to watch for the sake of `root`, from the top.
    fn guards_of(&self, root: &Path, way: &Way) -> BTreeSet<PathBuf> {
        // A poller compares what it finds at the root itself, and need not know how it came there.
        let above = self.ruling.iter().filter(|dir| root.starts_with(dir));
        let polled = root.parent().into_iter().chain(above.map(PathBuf::as_path));
        let polled = polled.filter(|dir| !self.sources.has_events(dir));
        let told = way.dirs().filter(|dir| self.sources.has_events(dir));
        told.chain(polled).map(Path::to_owned).collect()
    }

    /// Gives up the guards that no root needs any more.
    pub(super) fn drop_needless_guards(&mut self) {
        let ways = self
            .roots
            .iter()
            .map(|root| self.guards_of(&root.path, &root.way));
        let needed: BTreeSet<PathBuf> = ways.flatten().collect();
        let needless: Vec<PathBuf> = self.roots.guards.difference(&needed).cloned().collect();
        self.roots.guards = needed.intersection(&self.roots.guards).cloned().collect();
        self.unwatch_needless(&needless);
    }

    /// Stops watching those of `dirs` that are watched for nothing else.
    pub(super) fn unwatch_needless(&mut self, dirs: &[PathBuf]) {
        let is_needless = |dir: &&PathBuf| {
            let is_guard = self.roots.is_guard(dir) || self.rule_dirs.contains(*dir);
            !is_guard && !self.table.is_live(dir) && !self.links.leads_into(dir)
        };
        let needless: Vec<&PathBuf> = dirs.iter().filter(is_needless).collect();
        self.sources.unwatch(&needless);
    }

    /// Tells the inbox what counts in the guards.
    ///
    /// Everything else there is left out before it wakes anybody: the parent of a project may be a
    /// home directory, where something is written all the time.
    pub(super) fn narrow(&self) {
        let outside = |dir: &&PathBuf| self.roots.of(dir).is_none() && !self.links.leads_into(dir);
        let rules = self
            .ruling
            .iter()
            .flat_map(|dir| self.matcher.rule_files(dir));
        let own = self.rule_dirs.iter().map(|dir| dir.join("exclude"));
        let ways = self
            .roots
            .iter()
            .flat_map(|root| root.way.names().chain([&*root.path]));
        let dirs = self.roots.guards.iter().chain(&self.rule_dirs);
        self.inbox.set_narrow(Narrow {
            dirs: dirs.filter(outside).cloned().collect(),
            entries: rules.chain(own).chain(ways.map(Path::to_owned)).collect(),
        });
    }

    /// Something at or above roots is gone, and whatever is watched below it with it.
    pub(super) fn way_vanished(&mut self, now: Duration, path: &Path) {
        for root in self.roots.through(path) {
            // They may live on under another name.
            self.unwatch_below(&root);
            self.root_vanished(now, &root);
        }
        let mut gone: Vec<PathBuf> = self.roots.guards.iter().cloned().collect();
        gone.retain(|guard| guard.starts_with(path));
        self.roots.guards.retain(|guard| !guard.starts_with(path));
        self.sources.unwatch(&gone);
        self.drop_dir(now, path);
        self.roots.retry_at = Some(now);
    }

    /// Something on the way to roots is there, or another one than before.
    pub(super) fn way_appeared(&mut self, now: Duration, path: &Path) {
        let through = self.roots.through(path);
        let is_attached = |root: &PathBuf| self.is_attached(root) == Some(true);
        let attached: Vec<PathBuf> = through.into_iter().filter(is_attached).collect();
        if attached.iter().any(|root| !self.is_as_known(root)) {
            self.way_vanished(now, path);
        } else {
            for root in attached {
                // The same, but in another way; a file may be another one.
                self.guard(&root);
                if self.table.get(&root).is_some() {
                    self.debouncer.complete(now, &root);
                }
            }
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
                let is_dir = stat.kind == Kind::Dir;
                // A file is replaced by each atomic save.
                root.is_dir == is_dir && (!is_dir || root.id == Some(id(&stat)))
            }),
            Look::Gone => false,
            Look::Barred(_) => true,
        }
    }

    /// Looks for roots that are not there.
    pub(super) fn retry_roots(&mut self, now: Duration) {
        self.roots.retry_at = None;
        for path in self.roots.lost() {
            // The guard first, so that what comes right after the look is seen.
            let is_guarded = self.guard(&path);
            if self.files.stat(&path, true).is_ok() {
                self.root_appeared(now, &path);
            } else if !is_guarded {
                self.roots.retry_at = Some(now + RETRY);
            }
        }
        self.drop_needless_guards();
    }

    /// Compares the roots that are reached through `dir` with what is there, for a guard that is polled.
    pub(super) fn look_at_roots_through(&mut self, now: Duration, dir: &Path) {
        let through = |root: &&Root| {
            root.path.parent() == Some(dir) || root.way.dirs().any(|guard| guard == dir)
        };
        let roots = self.roots.iter().filter(through);
        for path in roots.map(|root| root.path.clone()).collect::<Vec<_>>() {
            let stat = match self.look(&path, true) {
                Look::There(stat) => Some(stat),
                Look::Gone => None,
                Look::Barred(why) => {
                    self.barred(now, &path, &why);
                    continue;
                }
            };
            let found = stat.as_ref().map(id);
            let Some(root) = self.roots.get_mut(&path) else {
                continue;
            };
            match (root.id, stat) {
                (None, None) => {}
                (Some(_), None) => self.root_vanished(now, &path),
                // A file may have got the inode of a directory that is gone.
                (known, Some(stat)) if root.is_dir && stat.kind == Kind::Dir && known == found => {}
                (Some(_), Some(stat)) if !root.is_dir && stat.kind != Kind::Dir => {
                    let found = stat.kind.is_reported().then(|| Known::new(&stat));
                    let same = |known: &Known| found.is_some_and(|found| known.untouched(&found));
                    if self
                        .table
                        .get(&path)
                        .map_or(found.is_some(), |known| !same(known))
                    {
                        self.debouncer.complete(now, &path);
                    }
                }
                (_, Some(_)) => self.root_appeared(now, &path),
            }
        }
    }
}
