//! The file table: what the consumer knows, and which directories are live.
//!
//! Two different facts live side by side. The *files* of a directory are what the consumer was told
//! (or could see at the start); they change only when a batch is made. A directory is *live* while it
//! is watched or polled; that changes as events come in. A directory that vanished is not live, but
//! keeps its files until the consumer was told that they are gone.

use crate::files::Stat;
use rustc_hash::FxHashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What is known about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) mtime: i64,
    pub(crate) ctime: i64,
    pub(crate) size: u64,
    pub(crate) ino: u64,
    /// Of the content; 0 if it was never read.
    pub(crate) hash: u64,
}

impl Known {
    pub(crate) fn new(stat: &Stat) -> Self {
        Self {
            mtime: stat.mtime,
            ctime: stat.ctime,
            size: stat.size,
            ino: stat.ino,
            hash: 0,
        }
    }

    /// Whether the content is taken to be the same, judged from outside.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.mtime == other.mtime && self.size == other.size && self.ino == other.ino
    }

    /// Whether nothing at all has happened to the file, judged from outside.
    pub(crate) fn untouched(&self, other: &Self) -> bool {
        self.same(other) && self.ctime == other.ctime
    }
}

type Name = Box<OsStr>;

#[derive(Debug, Default)]
struct Dir {
    live: bool,
    // Invariant: sorted by name, no name twice.
    files: Vec<(Name, Known)>,
    // Invariant: each names a directory of the table.
    dirs: Vec<Name>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    // Invariant: the parent of a directory names it, if the parent is in the table.
    dirs: FxHashMap<PathBuf, Dir>,
}

impl Table {
    pub(crate) fn contains_dir(&self, path: &Path) -> bool {
        self.dirs.contains_key(path)
    }

    pub(crate) fn is_live(&self, path: &Path) -> bool {
        self.dirs.get(path).is_some_and(|dir| dir.live)
    }

    pub(crate) fn set_live(&mut self, path: &Path, live: bool) {
        if live {
            self.enter(path).live = true;
        } else if let Some(dir) = self.dirs.get_mut(path) {
            dir.live = false;
        }
    }

    fn enter(&mut self, path: &Path) -> &mut Dir {
        if !self.dirs.contains_key(path)
            && let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Some(parent) = self.dirs.get_mut(parent)
        {
            parent.dirs.push(name.into());
        }
        self.dirs.entry(path.to_owned()).or_default()
    }

    /// Takes out one directory that holds nothing.
    fn leave(&mut self, path: &Path) {
        self.dirs.remove(path);
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Some(parent) = self.dirs.get_mut(parent)
        {
            parent.dirs.retain(|dir| **dir != *name);
        }
    }

    /// Every directory at or below `path`, parents first.
    pub(crate) fn dirs_at(&self, path: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            if let Some(dir) = self.dirs.get(&path) {
                open.extend(dir.dirs.iter().map(|name| path.join(&**name)));
                found.push(path);
            }
        }
        found
    }

    /// Every known file below `path`.
    pub(crate) fn files_below(&self, path: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for dir in self.dirs_at(path) {
            files.extend(self.files_in(&dir).map(|(name, _)| dir.join(name)));
        }
        files
    }

    /// The known files directly in `dir`, sorted by name.
    pub(crate) fn files_in(&self, dir: &Path) -> impl Iterator<Item = (&OsStr, &Known)> {
        let files = self.dirs.get(dir).map_or(&[][..], |dir| &dir.files);
        files.iter().map(|(name, known)| (&**name, known))
    }

    /// The directories directly in `dir`.
    pub(crate) fn dirs_in(&self, dir: &Path) -> Vec<PathBuf> {
        let names = self.dirs.get(dir).map_or(&[][..], |dir| &dir.dirs);
        names.iter().map(|name| dir.join(&**name)).collect()
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Known> {
        let dir = self.dirs.get(path.parent()?)?;
        let at = dir.find(path.file_name()?).ok()?;
        Some(&dir.files[at].1)
    }

    pub(crate) fn insert(&mut self, path: &Path, known: Known) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let dir = self.enter(parent);
        match dir.find(name) {
            Ok(at) => dir.files[at].1 = known,
            Err(at) => dir.files.insert(at, (name.into(), known)),
        }
    }

    /// Sets the files of a directory, sorted by name.
    pub(crate) fn fill(&mut self, path: &Path, mut files: Vec<(Name, Known)>) {
        files.shrink_to_fit();
        self.enter(path).files = files;
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Option<Known> {
        let parent = path.parent()?;
        let dir = self.dirs.get_mut(parent)?;
        let at = dir.find(path.file_name()?).ok()?;
        let (_, known) = dir.files.remove(at);
        self.prune(parent);
        Some(known)
    }

    /// Drops one directory and its files.
    pub(crate) fn forget_dir(&mut self, path: &Path) {
        self.leave(path);
    }

    /// Drops `path` and then its parents, as far as they hold nothing and are not live.
    pub(crate) fn prune(&mut self, path: &Path) {
        for path in path.ancestors() {
            let empty = self
                .dirs
                .get(path)
                .is_some_and(|dir| !dir.live && dir.files.is_empty() && dir.dirs.is_empty());
            if !empty {
                return;
            }
            self.leave(path);
        }
    }

    /// Drops every directory at or below `path` that holds nothing and is not live.
    pub(crate) fn prune_below(&mut self, path: &Path) {
        for dir in self.dirs_at(path).iter().rev() {
            self.prune(dir);
        }
    }

    /// The number of live directories and of known files.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        #[expect(clippy::iter_over_hash_type, reason = "a sum has no order")]
        {
            let mut sizes = (0, 0);
            for dir in self.dirs.values() {
                sizes.0 += usize::from(dir.live);
                sizes.1 += dir.files.len();
            }
            sizes
        }
    }
}

impl Dir {
    fn find(&self, name: &OsStr) -> Result<usize, usize> {
        self.files
            .binary_search_by(|(known, _)| (**known).cmp(name))
    }
}
