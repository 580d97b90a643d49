//! The file table: what the consumer knows, and which directories are live.
//!
//! Two different facts live side by side. The *files* of a directory are what the consumer was told
//! (or could see at the start); they change only when a batch is made. A directory is *live* while it
//! is watched or polled; that changes as events come in. A directory that vanished is not live, but
//! keeps its files until the consumer was told that they are gone.

use crate::files::Stat;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Bound;
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
}

#[derive(Debug, Default)]
pub(crate) struct Dir {
    pub(crate) live: bool,
    // Invariant: sorted by name, no name twice.
    files: Vec<(Box<OsStr>, Known)>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    // Paths are ordered by component, so that whatever is below a directory follows it directly.
    dirs: BTreeMap<PathBuf, Dir>,
}

impl Table {
    pub(crate) fn dir(&self, path: &Path) -> Option<&Dir> {
        self.dirs.get(path)
    }

    pub(crate) fn is_live(&self, path: &Path) -> bool {
        self.dirs.get(path).is_some_and(|dir| dir.live)
    }

    pub(crate) fn set_live(&mut self, path: &Path, live: bool) {
        if let Some(dir) = self.dirs.get_mut(path) {
            dir.live = live;
        } else if live {
            let files = Vec::new();
            self.dirs.insert(path.to_owned(), Dir { live, files });
        }
    }

    /// Every directory at or below `path`, parents first.
    pub(crate) fn dirs_at(&self, path: &Path) -> Vec<PathBuf> {
        self.below(path).map(|(path, _)| path.clone()).collect()
    }

    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Dir)> {
        self.dirs
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(move |(dir, _)| dir.starts_with(path))
    }

    /// Every known file below `path`, sorted.
    pub(crate) fn files_below(&self, path: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (dir, entries) in self.below(path) {
            files.extend(entries.files.iter().map(|(name, _)| dir.join(&**name)));
        }
        files.sort();
        files
    }

    /// The names of the known files directly in `dir`.
    pub(crate) fn names_in(&self, dir: &Path) -> impl Iterator<Item = &OsStr> {
        self.dirs
            .get(dir)
            .into_iter()
            .flat_map(|dir| dir.files.iter().map(|(name, _)| &**name))
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Known> {
        let dir = self.dirs.get(path.parent()?)?;
        dir.get(path.file_name()?)
    }

    pub(crate) fn insert(&mut self, path: &Path, known: Known) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        if !self.dirs.contains_key(parent) {
            self.dirs.insert(parent.to_owned(), Dir::default());
        }
        if let Some(dir) = self.dirs.get_mut(parent) {
            match dir.find(name) {
                Ok(at) => dir.files[at].1 = known,
                Err(at) => dir.files.insert(at, (name.into(), known)),
            }
        }
    }

    /// Fills a directory that has no files yet.
    pub(crate) fn fill(&mut self, path: &Path, mut files: Vec<(Box<OsStr>, Known)>) {
        files.sort_by(|a, b| a.0.cmp(&b.0));
        files.shrink_to_fit();
        if let Some(dir) = self.dirs.get_mut(path) {
            dir.files = files;
        }
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Option<Known> {
        let dir = self.dirs.get_mut(path.parent()?)?;
        let at = dir.find(path.file_name()?).ok()?;
        let (_, known) = dir.files.remove(at);
        if dir.files.is_empty() && !dir.live {
            self.dirs.remove(path.parent()?);
        }
        Some(known)
    }

    /// Drops everything at and below `path`.
    pub(crate) fn forget(&mut self, path: &Path) {
        for dir in self.dirs_at(path) {
            self.dirs.remove(&dir);
        }
    }

    /// Drops directories that hold nothing and are not live.
    pub(crate) fn prune(&mut self, path: &Path) {
        for dir in self.dirs_at(path) {
            if self
                .dir(&dir)
                .is_some_and(|dir| !dir.live && dir.files.is_empty())
            {
                self.dirs.remove(&dir);
            }
        }
    }
}

impl Dir {
    fn find(&self, name: &OsStr) -> Result<usize, usize> {
        self.files
            .binary_search_by(|(known, _)| (**known).cmp(name))
    }

    fn get(&self, name: &OsStr) -> Option<&Known> {
        self.find(name).ok().map(|at| &self.files[at].1)
    }
}
