//! What a look at a file says: it is there, it is gone, or we may not know.
//!
//! Only what is certainly gone is shown as removed; [`barred`](super::barred) is about what may not be
//! looked at.

use super::Core;
use crate::files::{Kind, Stat};
use std::io;
use std::path::Path;

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
}
