//! The roots: what was asked for, whether it exists, and what to do when it comes and goes.
//!
//! The parent of each root is watched too, for the name of the root only: a watch on a directory
//! itself dies with the directory, and goes along when it is renamed.

use super::Core;
use crate::error::{Error, ErrorKind};
use crate::files::Kind;
use crate::table::Known;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look for a root whose parent is gone too.
const RETRY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// What it was when it was last seen.
    pub(super) is_dir: bool,
    pub(super) attached: bool,
}

impl Core {
    /// Watches `path` from now on. `first`: what is there is what the consumer knows.
    pub(crate) fn add_root(
        &mut self,
        now: Duration,
        path: &Path,
        wait: bool,
        first: bool,
    ) -> Result<(), Error> {
        if self.is_covered(path) {
            return Ok(());
        }
        let kind = self.files.stat(path, true).map(|stat| stat.kind);
        if kind.is_err() && !wait {
            return Err(Error::new(ErrorKind::NoSuchPath, Some(path)));
        }
        self.roots.push(Root {
            path: path.to_owned(),
            is_dir: matches!(kind, Ok(Kind::Dir)),
            attached: false,
        });
        self.guard(path);
        self.attach(now, path, first);
        Ok(())
    }

    /// Stops watching `path`; what waits below it is dropped.
    pub(crate) fn remove_root(&mut self, path: &Path) -> Result<(), Error> {
        let Some(at) = self.roots.iter().position(|root| root.path == path) else {
            return Err(Error::new(ErrorKind::NotWatched, Some(path)));
        };
        self.roots.remove(at);
        let dirs = self.table.dirs_at(path);
        let dirs: Vec<&Path> = dirs.iter().map(PathBuf::as_path).collect();
        self.backend.unwatch_dirs(&dirs);
        self.table.remove(path);
        self.table.forget(path);
        self.debouncer.forget(|pending| pending.starts_with(path));
        Ok(())
    }

    fn is_covered(&self, path: &Path) -> bool {
        self.table.is_live(path)
            || self.table.get(path).is_some()
            || self.roots.iter().any(|root| root.path == path)
    }

    pub(super) fn root_paths(&self) -> Vec<PathBuf> {
        self.roots.iter().map(|root| root.path.clone()).collect()
    }

    /// The root that `path` is at or below.
    pub(super) fn root_of(&self, path: &Path) -> Option<PathBuf> {
        self.roots
            .iter()
            .find(|root| path.starts_with(&root.path))
            .map(|root| root.path.clone())
    }

    /// Watches the parent of `root`, for its name.
    fn guard(&mut self, root: &Path) {
        let Some(parent) = root.parent() else {
            return;
        };
        let watched = self.backend.watch_dirs(&[parent]);
        if matches!(watched.first(), Some(Ok(()))) {
            self.guards.insert(parent.to_owned());
        } else {
            self.guards.remove(parent);
        }
    }

    /// Looks at what is at `path` now.
    pub(super) fn attach(&mut self, now: Duration, path: &Path, first: bool) {
        let stat = self.files.stat(path, true);
        let Some(root) = self.roots.iter_mut().find(|root| root.path == path) else {
            return;
        };
        root.attached = stat.is_ok();
        match stat {
            Ok(stat) if stat.kind == Kind::Dir => {
                root.is_dir = true;
                self.adopt(now, path, first);
            }
            Ok(stat) => {
                root.is_dir = false;
                if first {
                    self.table.insert(path, Known::new(&stat));
                } else {
                    self.debouncer.complete(now, path);
                }
            }
            Err(_) => {
                self.drop_dir(now, path);
                if self.table.get(path).is_some() {
                    self.debouncer.gone(now, path);
                }
                self.retry_roots_at = Some(now + RETRY);
            }
        }
    }

    pub(super) fn root_appeared(&mut self, now: Duration, path: &Path) {
        // An old watch may belong to a directory that was renamed away.
        self.backend.unwatch_dirs(&[path]);
        self.attach(now, path, false);
    }

    pub(super) fn root_vanished(&mut self, now: Duration, path: &Path) {
        self.drop_dir(now, path);
        if self.table.get(path).is_some() {
            self.debouncer.gone(now, path);
        }
        for root in &mut self.roots {
            if root.path == path {
                root.attached = false;
            }
        }
        self.retry_roots_at = Some(now);
    }

    /// Looks for roots that are not there.
    pub(super) fn retry_roots(&mut self, now: Duration) {
        self.retry_roots_at = None;
        let lost: Vec<_> = self
            .roots
            .iter()
            .filter(|root| !root.attached)
            .map(|root| root.path.clone())
            .collect();
        for path in lost {
            self.guard(&path);
            if self.files.stat(&path, true).is_ok() {
                self.root_appeared(now, &path);
            } else {
                self.retry_roots_at = Some(now + RETRY);
            }
        }
    }
}
