//! A disk in memory, for tests and examples.
//!
//! It answers like the real one: a write changes time and size, a new file gets a new inode, a rename
//! keeps it. Time is a counter, so that two writes never look alike unless a test wants them to.

use crate::files::{Entry, Files, Kind, Stat};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone)]
struct Node {
    stat: Stat,
    content: Vec<u8>,
    target: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
    unreadable: BTreeSet<PathBuf>,
    time: i64,
    inodes: u64,
    reads: Vec<PathBuf>,
}

/// See the module. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    tree: Arc<Mutex<Tree>>,
}

impl MemoryFiles {
    fn lock(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file, with the directories above it.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let mut tree = self.lock();
        let path = path.as_ref();
        tree.enter(path);
        tree.time += 1;
        let time = tree.time;
        let content = content.as_ref().to_vec();
        let node = tree.node(path, Kind::File);
        node.stat.mtime = time;
        node.stat.ctime = time;
        node.stat.size = content.len() as u64;
        node.content = content;
    }

    /// Writes a file of the same length so that its times do not show it.
    pub fn write_unseen(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        if let Some(node) = self.lock().nodes.get_mut(path.as_ref()) {
            node.content = content.as_ref().to_vec();
        }
    }

    /// Changes the attributes of a file.
    pub fn touch(&self, path: impl AsRef<Path>) {
        let mut tree = self.lock();
        tree.time += 1;
        let time = tree.time;
        if let Some(node) = tree.nodes.get_mut(path.as_ref()) {
            node.stat.ctime = time;
        }
    }

    /// Makes a directory, with those above it.
    pub fn mkdir(&self, path: impl AsRef<Path>) {
        let mut tree = self.lock();
        tree.enter(path.as_ref());
        tree.node(path.as_ref(), Kind::Dir);
    }

    /// Makes a symbolic link to an absolute path.
    pub fn link(&self, path: impl AsRef<Path>, target: impl Into<PathBuf>) {
        let mut tree = self.lock();
        tree.enter(path.as_ref());
        tree.node(path.as_ref(), Kind::Link).target = Some(target.into());
    }

    /// Removes a file, or a directory with everything below it.
    pub fn remove(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        self.lock().nodes.retain(|node, _| !node.starts_with(path));
    }

    /// Renames a file, or a directory with everything below it; what was there is gone.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let (from, to) = (from.as_ref(), to.as_ref());
        let mut tree = self.lock();
        tree.nodes.retain(|node, _| !node.starts_with(to));
        tree.enter(to);
        tree.time += 1;
        let time = tree.time;
        for (path, mut node) in std::mem::take(&mut tree.nodes) {
            match path.strip_prefix(from) {
                Ok(rest) if rest.as_os_str().is_empty() => {
                    node.stat.ctime = time;
                    tree.nodes.insert(to.to_owned(), node);
                }
                Ok(rest) => {
                    tree.nodes.insert(to.join(rest), node);
                }
                Err(_) => {
                    tree.nodes.insert(path, node);
                }
            }
        }
    }

    /// Refuses to read `path` from now on; if it is a directory, to look at what is in it, too.
    pub fn deny(&self, path: impl Into<PathBuf>) {
        self.lock().unreadable.insert(path.into());
    }

    /// Lets `path` be read again.
    pub fn allow(&self, path: impl AsRef<Path>) {
        self.lock().unreadable.remove(path.as_ref());
    }

    /// What was read so far, in order, and forgets it.
    pub fn take_reads(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.lock().reads)
    }
}

impl Tree {
    /// Makes the directories above `path`.
    fn enter(&mut self, path: &Path) {
        for dir in path.ancestors().skip(1) {
            self.node(dir, Kind::Dir);
        }
    }

    /// Nothing below a directory that may not be read can be looked at.
    fn check(&self, path: &Path) -> io::Result<()> {
        let mut above = path.ancestors().skip(1);
        if above.any(|dir| self.unreadable.contains(dir)) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    fn node(&mut self, path: &Path, kind: Kind) -> &mut Node {
        if self
            .nodes
            .get(path)
            .is_none_or(|node| node.stat.kind != kind)
        {
            self.inodes += 1;
            self.time += 1;
            let stat = Stat {
                kind,
                mtime: self.time,
                ctime: self.time,
                size: 0,
                ino: self.inodes,
                dev: 1,
            };
            let (content, target) = (Vec::new(), None);
            let node = Node {
                stat,
                content,
                target,
            };
            self.nodes.insert(path.to_owned(), node);
        }
        self.nodes.get_mut(path).expect("the node was just made")
    }

    /// Follows links, also in the middle of a path.
    fn resolve(&self, path: &Path, last: bool) -> io::Result<PathBuf> {
        let mut open = path.to_owned();
        for _ in 0..16 {
            let link = open
                .ancestors()
                .skip(usize::from(!last))
                .find_map(|part| Some((part, self.nodes.get(part)?.target.as_ref()?)));
            let Some((part, target)) = link else {
                return Ok(open);
            };
            let rest = open.strip_prefix(part).unwrap_or(Path::new(""));
            open = if rest.as_os_str().is_empty() {
                target.clone()
            } else {
                target.join(rest)
            };
        }
        Err(io::Error::other("too many links in a row"))
    }
}

impl Files for MemoryFiles {
    fn stat(&self, path: &Path, follow: bool) -> io::Result<Stat> {
        let tree = self.lock();
        let path = tree.resolve(path, follow)?;
        tree.check(&path)?;
        let node = tree.nodes.get(&path);
        Ok(node.ok_or(io::ErrorKind::NotFound)?.stat)
    }

    fn list(
        &self,
        dir: &Path,
        want: &mut dyn FnMut(&OsStr, Kind) -> bool,
    ) -> io::Result<Vec<Entry>> {
        let tree = self.lock();
        let dir = tree.resolve(dir, true)?;
        tree.check(&dir)?;
        if tree.unreadable.contains(&dir) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let node = tree.nodes.get(&dir).ok_or(io::ErrorKind::NotFound)?;
        if node.stat.kind != Kind::Dir {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let below = (Bound::Excluded(dir.as_path()), Bound::Unbounded);
        let below = tree.nodes.range::<Path, _>(below);
        let mut entries = Vec::new();
        for (path, node) in below.take_while(|(path, _)| path.starts_with(&dir)) {
            if path.parent() != Some(&dir) {
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_owned();
            let kind = node.stat.kind;
            let stat = want(&name, kind).then_some(node.stat);
            entries.push(Entry { name, kind, stat });
        }
        Ok(entries)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut tree = self.lock();
        let path = tree.resolve(path, true)?;
        tree.check(&path)?;
        if tree.unreadable.contains(&path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let node = tree.nodes.get(&path).ok_or(io::ErrorKind::NotFound)?;
        if node.stat.kind != Kind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let content = node.content.clone();
        tree.reads.push(path);
        Ok(content)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let tree = self.lock();
        let path = tree.resolve(path, false)?;
        tree.check(&path)?;
        let node = tree.nodes.get(&path).ok_or(io::ErrorKind::NotFound)?;
        node.target
            .clone()
            .ok_or(io::ErrorKind::InvalidInput.into())
    }
}
