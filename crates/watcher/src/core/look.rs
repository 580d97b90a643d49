//! What a look at a file says: it is there, it is gone, or we may not know.
//!
//! Only what is certainly gone is shown as removed. A path that may not be looked at stays what it was
//! for the consumer, its directory is kept in mind, and it is compared as soon as permissions change.

use super::Core;
use crate::files::{Kind, Stat};
use crate::stats::Warning;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) enum Look {
    There(Stat),
    Gone,
    /// Why nobody can tell.
    Barred(io::Error),
}

impl Look {
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }
}

pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

impl Core {
    pub(super) fn look(&self, path: &Path, follow: bool) -> Look {
        match self.files.stat(path, follow) {
            Ok(stat) => Look::There(stat),
            Err(error) if is_gone(&error) => Look::Gone,
            Err(error) => {
                let is_link = || self.files.stat(path, false).map(|stat| stat.kind);
                let denied = error.kind() == io::ErrorKind::PermissionDenied;
                if follow && !denied && matches!(is_link(), Ok(Kind::Link)) {
                    // A link that leads around in a circle leads to nothing.
                    return Look::Gone;
                }
                Look::Barred(error)
            }
        }
    }

    /// Whether a directory that `path` was known in has become a link, which is not entered. What the
    /// link leads to may well have a file of that name, which is another one.
    pub(super) fn is_behind_link(&self, path: &Path) -> bool {
        let is_lost = |dir: &&Path| !self.table.is_live(dir) && self.roots.of(dir).is_some();
        let is_link = |dir: &Path| {
            let stat = self.files.stat(dir, false);
            stat.is_ok_and(|stat| stat.kind == Kind::Link)
        };
        let mut above = path.ancestors().skip(1).take_while(is_lost);
        !self.roots.contains(path) && above.any(|dir| !self.roots.contains(dir) && is_link(dir))
    }

    /// `path`, a file or a root, may not be looked at.
    pub(super) fn barred(&mut self, path: &Path, why: &io::Error) {
        let place = match path.parent() {
            Some(dir) if !self.roots.contains(path) => dir,
            _ => path,
        };
        if self.barred.insert(place.to_owned()) {
            self.sources.warn(Warning::Unreadable {
                path: place.to_owned(),
                why: why.kind().to_string(),
            });
        }
    }

    /// `dir` cannot be watched or listed.
    pub(super) fn cannot_watch(&mut self, dir: &Path, why: &str) {
        if self.barred.insert(dir.to_owned()) {
            self.sources.warn(Warning::Unwatched {
                path: dir.to_owned(),
                why: why.to_owned(),
            });
        }
    }

    /// The permissions of `path` changed: what was barred at or below it may be open now.
    pub(super) fn permissions_changed(&mut self, now: Duration, path: &Path) {
        let open: Vec<PathBuf> = self
            .barred
            .iter()
            .filter(|barred| barred.starts_with(path))
            .cloned()
            .collect();
        if open.is_empty() {
            return;
        }
        self.barred.retain(|barred| !barred.starts_with(path));
        for root in self.roots.paths() {
            if root.starts_with(path) {
                self.attach(now, &root, false);
            }
        }
        if self.roots.of(path).is_some() && !self.roots.contains(path) {
            self.adopt(now, path, false);
        }
    }
}
