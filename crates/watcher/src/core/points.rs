//! Single paths that are of interest whatever the filter says: [`Points`].
//!
//! A point is seen through the nearest directory around it that exists. If that one is not watched
//! already it becomes a *flat* root: one in which nothing but points counts, and below which nothing
//! is watched. When a directory on the way to a point appears, the point is covered anew from there.

use super::Core;
use crate::files::Kind;
use crate::table::Known;
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Paths to report besides those that the filter lets through; see
/// [`Watcher::set_points`](crate::Watcher::set_points).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points {
    /// Paths that are themselves of interest: a file that is written, comes or goes, a
    /// directory that comes or goes. They need not exist.
    pub names: BTreeSet<PathBuf>,
    /// Directories of which every entry is of interest, but not what is below it.
    pub folders: BTreeSet<PathBuf>,
}

/// The points, as events are compared with them.
#[derive(Debug, Default)]
pub(crate) struct PointSet {
    points: Points,
    /// Directories on the way to a point that are not there.
    missing: FxHashSet<PathBuf>,
    flat: FxHashSet<PathBuf>,
}

impl PointSet {
    /// Whether something that happens to `path` is to be reported.
    pub(crate) fn contain(&self, path: &Path) -> bool {
        let Points { names, folders } = &self.points;
        if names.is_empty() && folders.is_empty() {
            return false;
        }
        names.contains(path)
            || folders.contains(path)
            || path.parent().is_some_and(|folder| folders.contains(folder))
    }

    /// Whether `root` is watched for its points alone.
    pub(crate) fn is_flat(&self, root: &Path) -> bool {
        self.flat.contains(root)
    }

    /// From now on, `root` is watched for everything.
    pub(crate) fn unflatten(&mut self, root: &Path) -> bool {
        self.flat.remove(root)
    }
}

impl Core {
    /// Replaces the points. What is there now is what the consumer knows.
    pub(crate) fn set_points(&mut self, now: Duration, points: Points) {
        let set = &mut self.matcher.points;
        let old = std::mem::replace(&mut set.points, points.clone());
        set.missing.clear();
        let new_names: Vec<_> = points.names.difference(&old.names).collect();
        let new_folders: Vec<_> = points.folders.difference(&old.folders).collect();
        for name in new_names {
            self.cover(now, name, true);
        }
        for folder in new_folders {
            self.cover_folder(now, folder, true);
        }
        let kept = points.names.intersection(&old.names);
        for path in kept.chain(points.folders.intersection(&old.folders)) {
            self.note_missing(path);
        }
        self.drop_needless_roots(now, &points);
    }

    /// Sees to it that the point is watched. At the start (`first`) what is there is known; later
    /// it is news.
    fn cover(&mut self, now: Duration, point: &Path, first: bool) {
        let Some(nearest) = self.note_missing(point) else {
            return;
        };
        if !self.table.is_live(&nearest) {
            self.add_flat_root(now, &nearest);
        }
        if point.parent() != Some(&*nearest) {
            return;
        }
        let Ok(stat) = self.files.stat(point, self.settings.follow_links) else {
            return;
        };
        match stat.kind {
            _ if !first => {
                // Covering its directory has made it known, but nobody was told.
                self.table.remove(point);
                self.point_changed(now, point);
            }
            kind if kind.is_reported() && self.table.get(point).is_none() => {
                self.table.insert(point, Known::new(&stat));
            }
            _ => {}
        }
    }

    fn cover_folder(&mut self, now: Duration, folder: &Path, first: bool) {
        self.cover(now, folder, first);
        if !self
            .files
            .stat(folder, true)
            .is_ok_and(|stat| stat.kind == Kind::Dir)
        {
            return;
        }
        let shown = self.table.files_in(folder);
        let shown: BTreeSet<_> = shown.map(|(name, _)| name.to_owned()).collect();
        if !self.table.is_live(folder) {
            self.add_flat_root(now, folder);
        }
        let mut every = |_: &std::ffi::OsStr, _: Kind| true;
        if !first {
            for entry in self.files.list(folder, &mut every).unwrap_or_default() {
                let path = folder.join(&entry.name);
                if !shown.contains(&entry.name) {
                    // Covering the folder has made it known, but nobody was told.
                    self.table.remove(&path);
                }
                self.point_changed(now, &path);
            }
            return;
        }
        for entry in self.files.list(folder, &mut every).unwrap_or_default() {
            let path = folder.join(&entry.name);
            if let Some(stat) = entry.stat.filter(|_| entry.kind.is_reported())
                && self.table.get(&path).is_none()
            {
                self.table.insert(&path, Known::new(&stat));
            }
        }
    }

    /// The nearest directory around `point` that exists; those between the two are waited for.
    fn note_missing(&mut self, point: &Path) -> Option<PathBuf> {
        for ancestor in point.ancestors().skip(1) {
            let is_dir = || {
                let stat = self.files.stat(ancestor, true);
                stat.is_ok_and(|stat| stat.kind == Kind::Dir)
            };
            if self.table.is_live(ancestor) || is_dir() {
                return Some(ancestor.to_owned());
            }
            self.matcher.points.missing.insert(ancestor.to_owned());
        }
        None
    }

    fn add_flat_root(&mut self, now: Duration, dir: &Path) {
        if self.roots.contains(dir) {
            return;
        }
        self.matcher.points.flat.insert(dir.to_owned());
        if self.add_root(now, dir, true).is_err() {
            self.matcher.points.flat.remove(dir);
        }
    }

    fn drop_needless_roots(&mut self, now: Duration, points: &Points) {
        let set = &self.matcher.points;
        let mut needed: FxHashSet<&Path> = points.folders.iter().map(PathBuf::as_path).collect();
        for point in points.names.iter().chain(&points.folders) {
            needed.extend(
                point
                    .ancestors()
                    .skip(1)
                    .find(|dir| !set.missing.contains(*dir)),
            );
        }
        let needless: BTreeSet<_> = set
            .flat
            .iter()
            .filter(|root| !needed.contains(root.as_path()))
            .cloned()
            .collect();
        for root in needless {
            // It may have been lost meanwhile; either way it is watched no more.
            let _ = self.remove_root(now, &root);
            self.matcher.points.flat.remove(&root);
        }
    }

    /// A directory has appeared: there may be points in it.
    pub(super) fn cover_below(&mut self, now: Duration, dir: &Path) {
        let set = &self.matcher.points;
        if !set.missing.contains(dir) && !set.points.folders.contains(dir) {
            return;
        }
        let Points { names, folders } = self.matcher.points.points.clone();
        for name in names.iter().filter(|name| name.starts_with(dir)) {
            self.cover(now, name, false);
        }
        for folder in folders.iter().filter(|folder| folder.starts_with(dir)) {
            self.cover_folder(now, folder, false);
        }
    }

    /// Something has happened to the point `path`, which may be a directory.
    pub(super) fn point_changed(&mut self, now: Duration, path: &Path) {
        if self.table.get(path).is_none() {
            self.point_dirs.insert(path.to_owned());
        }
        self.debouncer.complete(now, path);
    }
}
