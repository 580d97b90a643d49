//! The way to a path through symbolic links.
//!
//! Each name on it decides what the path is: whoever replaces one, be it a link in the middle of a chain,
//! puts something else in the place of the path. All names are given without links in the directories
//! above them, so that a directory that can be reached in several ways is always called the same.

use crate::files::{Files, Kind};
use std::path::{Component, Path, PathBuf};

/// More links than this are a loop.
const MOST_LINKS: usize = 40;

#[derive(Debug, Default)]
pub(super) struct Way {
    /// In the order in which they are looked up. The last is where the path really is, or the first that
    /// is not there.
    names: Vec<PathBuf>,
    place: Option<PathBuf>,
    lacks_last_only: bool,
}

impl Way {
    /// Looks up `path`, as far as there is something.
    pub(super) fn to(files: &dyn Files, path: &Path) -> Self {
        let mut way = Self::default();
        let mut open = path.to_owned();
        for _ in 0..=MOST_LINKS {
            match way.follow(files, &open) {
                Some(next) => open = next,
                None => return way,
            }
        }
        way
    }

    /// Walks along `path` up to its first link; the path that it stands for.
    fn follow(&mut self, files: &dyn Files, path: &Path) -> Option<PathBuf> {
        let mut place = PathBuf::new();
        let mut open = path.components();
        while let Some(part) = open.next() {
            match part {
                Component::Prefix(_) | Component::RootDir => place.push(part),
                Component::CurDir => {}
                Component::ParentDir => drop(place.pop()),
                Component::Normal(name) => {
                    let dir = place.clone();
                    place.push(name);
                    if !self.names.contains(&place) {
                        self.names.push(place.clone());
                    }
                    let Ok(stat) = files.stat(&place, false) else {
                        self.lacks_last_only = open.as_path().as_os_str().is_empty();
                        return None;
                    };
                    if stat.kind == Kind::Link {
                        let target = files.read_link(&place).ok()?;
                        return Some(dir.join(target).join(open.as_path()));
                    }
                }
            }
        }
        self.place = Some(place);
        None
    }

    /// Every name that is looked up.
    pub(super) fn names(&self) -> impl Iterator<Item = &Path> {
        self.names.iter().map(PathBuf::as_path)
    }

    /// The directories in which names are looked up.
    pub(super) fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.names().filter_map(Path::parent)
    }

    /// The path without links; `None` if it leads to nothing.
    pub(super) fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// Whether the path is there, or the directory that it would be in.
    pub(super) fn is_near(&self) -> bool {
        self.place.is_some() || self.lacks_last_only
    }
}
