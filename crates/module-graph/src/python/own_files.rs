//! The files that the program writes itself.
//!
//! They are no inputs: a counter, a log or a database beside the program would make it run for ever.
//! A file that was written and closed before it is read, as settings are that a program makes when
//! there are none, is an input from then on: whoever writes it next opens it, and that is seen.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

/// From how many on files are looked through for those that have gone.
const MANY: usize = 1_000;

/// More than these are not remembered, unless they are inputs.
const MOST: usize = 20_000;

/// What the program made, wrote, moved or removed.
#[derive(Debug, Default)]
pub(super) struct OwnFiles {
    paths: FxHashSet<PathBuf>,
    /// Databases: sqlite opens them without a word.
    for_ever: FxHashSet<PathBuf>,
    limit: usize,
}

impl OwnFiles {
    pub(super) fn contain(&self, path: &Path) -> bool {
        self.paths.contains(path) || self.for_ever.contains(path)
    }

    /// Adds `path`; whether it is new.
    pub(super) fn insert(&mut self, path: PathBuf, for_ever: bool) -> bool {
        if for_ever {
            self.for_ever.insert(path)
        } else {
            self.paths.insert(path)
        }
    }

    /// Gives `path` back to whoever else writes it, unless the program may go on writing it.
    pub(super) fn release(&mut self, path: &Path) -> bool {
        self.paths.contains(path)
            && !self.for_ever.contains(path)
            && !is_open_for_writing(path)
            && self.paths.remove(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PathBuf> {
        self.paths.iter()
    }

    /// Keeps the set from growing with each temporary file. What is an input stays.
    pub(super) fn prune(&mut self, is_input: impl Fn(&Path) -> bool) {
        if self.paths.len() <= self.limit.max(MANY) {
            return;
        }
        self.paths.retain(|path| is_input(path) || path.exists());
        if self.paths.len() > MOST {
            self.paths.retain(|path| is_input(path));
        }
        self.limit = self.paths.len() * 2;
    }
}

/// Whether this process has the file open for writing; `true` where that cannot be said.
#[cfg(target_os = "linux")]
fn is_open_for_writing(path: &Path) -> bool {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return true;
    };
    open.flatten()
        .filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == path))
        .any(|fd| {
            let info = Path::new("/proc/self/fdinfo").join(fd.file_name());
            let info = std::fs::read_to_string(info).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|flags| i64::from_str_radix(flags.trim(), 8).ok());
            flags.is_none_or(|flags| flags & 3 != 0)
        })
}

#[cfg(not(target_os = "linux"))]
fn is_open_for_writing(_path: &Path) -> bool {
    true
}
