//! What an input looked like when it was read, to tell later whether it has changed.
//!
//! A file is compared by its look first (times, size, inode), and by its content where that is
//! known: a touch, or the same bytes written again, is no change. The content is read before the
//! program reads it, so that a save in between makes a difference, never the other way round.
//!
//! Kept true: two stamps that are the same are of things that a reader could not tell apart, except
//! for files over [`MOST`] bytes, whose look alone counts.

use std::{
    ffi::OsString,
    fs::{self, FileType, Metadata},
    hash::Hasher,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustc_hash::{FxHashSet, FxHasher};

use super::own_files::OwnFiles;
use crate::Input;

/// Larger files are not compared by content.
const MOST: u64 = 1 << 20;

/// All that is read of one batch's files to compare them by content.
const BUDGET: u64 = 64 << 20;

/// File systems take their times from a clock that stands still for up to 10 ms: a file written this
/// shortly before it was looked at may be written again and look the same.
const TICK: Duration = Duration::from_millis(20);

/// How much may still be read to compare by content.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(BUDGET)
    }
}

/// What an input looked like. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Stamp {
    File(FileStamp),
    /// The names with their kinds, sorted; `None` if there is no folder that can be read.
    Listing(Option<Arc<[(OsString, Kind)]>>),
    Existence(Kind, Option<PathBuf>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Nothing,
    File,
    Folder,
    Link,
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

impl Stamp {
    /// Looks at `input` now. What it looked like before saves reading a file that looks the same.
    pub(super) fn take(input: &Input, known: Option<&Self>, budget: &mut Budget) -> Self {
        match input {
            Input::File(path) => {
                let look = FileStamp::look(path);
                match known {
                    Some(Self::File(known)) if known.is_surely(&look) => Self::File(*known),
                    _ => Self::File(look.with_content(path, budget)),
                }
            }
            Input::Listing(path) => Self::Listing(list(path)),
            Input::Existence(path) => {
                let kind = |data: Metadata| Kind::of(data.file_type());
                match fs::symlink_metadata(path) {
                    Ok(data) if data.is_symlink() => {
                        let target = fs::metadata(path).map_or(Kind::Nothing, kind);
                        Self::Existence(target, fs::read_link(path).ok())
                    }
                    data => Self::Existence(data.map_or(Kind::Nothing, kind), None),
                }
            }
        }
    }

    /// Adds to a listing what is at `path`, in its folder, now.
    pub(super) fn add(&mut self, path: &Path) {
        let (Self::Listing(Some(names)), Some(name)) = (self, path.file_name()) else {
            return;
        };
        let Ok(data) = fs::symlink_metadata(path) else {
            return;
        };
        let mut all: Vec<_> = names.iter().filter(|(n, _)| n != name).cloned().collect();
        all.push((name.to_owned(), Kind::of(data.file_type())));
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        *names = all.into();
    }

    /// The paths at which the two differ, as a save would name them.
    pub(super) fn difference(&self, other: &Self, path: &Path) -> Vec<PathBuf> {
        match (self, other) {
            (Self::Listing(Some(one)), Self::Listing(Some(two))) => {
                let names = changed_names(one, two).into_iter();
                names.map(|name| path.join(name)).collect()
            }
            _ => vec![path.to_path_buf()],
        }
    }

    /// Whether a reader could not tell the two apart. What is named in `own`, the program's own
    /// files, does not count in a listing.
    pub(super) fn is_same(&self, other: &Self, folder: &Path, own: &OwnFiles) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(two)) => one.is_same(two),
            (Self::Listing(Some(one)), Self::Listing(Some(two))) => {
                let counts = |entry: &&(OsString, Kind)| !own.contain(&folder.join(&entry.0));
                one == two || one.iter().filter(counts).eq(two.iter().filter(counts))
            }
            (Self::Listing(None), Self::Listing(None)) => true,
            (Self::Existence(one, to), Self::Existence(two, to_too)) => one == two && to == to_too,
            _ => false,
        }
    }
}

/// The names in a folder that are in one of two listings only, or of another kind there.
fn changed_names(one: &[(OsString, Kind)], two: &[(OsString, Kind)]) -> Vec<OsString> {
    let missing = |from: &[(OsString, Kind)], of: &[(OsString, Kind)]| {
        let there: FxHashSet<_> = from
            .iter()
            .map(|(name, kind)| (name.clone(), *kind))
            .collect();
        let of = of.iter().filter(|entry| !there.contains(*entry));
        of.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut names = missing(one, two);
    names.extend(missing(two, one));
    names.sort_unstable();
    names.dedup();
    names
}

/// The names in a folder. Python's bytecode folders come and go with the imports, not with an edit.
fn list(folder: &Path) -> Option<Arc<[(OsString, Kind)]>> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name() != "__pycache__")
        .map(|entry| {
            let kind = entry.file_type().map_or(Kind::Other, Kind::of);
            (entry.file_name(), kind)
        })
        .collect();
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Some(names.into())
}

/// What a file looked like.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileStamp {
    kind: Kind,
    look: Option<Look>,
    /// The file had been written so shortly before that its look proves nothing.
    is_fresh: bool,
    content: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    modified: Option<SystemTime>,
    changed: (i64, i64),
    size: u64,
    file: (u64, u64),
}

impl FileStamp {
    /// Looks at the file, without reading it.
    pub(super) fn look(path: &Path) -> Self {
        Self::of(fs::metadata(path).ok().as_ref())
    }

    /// The stamp of a file with these properties, or of none.
    pub(super) fn of(data: Option<&Metadata>) -> Self {
        let Some(data) = data else {
            return Self {
                kind: Kind::Nothing,
                look: None,
                is_fresh: false,
                content: None,
            };
        };
        let modified = data.modified().ok();
        let age = modified.and_then(|time| SystemTime::now().duration_since(time).ok());
        Self {
            kind: Kind::of(data.file_type()),
            look: data.is_file().then(|| Look {
                modified,
                changed: changed(data),
                size: data.len(),
                file: identity(data),
            }),
            is_fresh: age.is_none_or(|age| age < TICK),
            content: None,
        }
    }

    /// Whether the file had been written shortly before it was looked at.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Whether nothing was seen to change between the two.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.look == other.look
    }

    /// Whether both are files of one size.
    pub(super) fn has_size_of(&self, other: &Self) -> bool {
        matches!((self.look, other.look), (Some(one), Some(two)) if one.size == two.size)
    }

    /// Whether what looks like `now` surely holds what it held.
    pub(super) fn is_surely(&self, now: &Self) -> bool {
        self.looks_like(now) && (!self.is_fresh || self.look.is_none())
    }

    /// Looks at the file and reads it.
    pub(super) fn take(path: &Path, budget: &mut Budget) -> Self {
        Self::look(path).with_content(path, budget)
    }

    /// Whether the file holds what it held, if that was read.
    pub(super) fn has_content_of(&self, path: &Path) -> bool {
        let now = || fs::read(path).ok().map(|bytes| hash(&bytes));
        self.content.is_some_and(|content| now() == Some(content))
    }

    fn with_content(mut self, path: &Path, budget: &mut Budget) -> Self {
        if let Some(look) = self.look.filter(|look| look.size <= MOST.min(budget.0)) {
            budget.0 -= look.size;
            self.content = fs::read(path).ok().map(|bytes| hash(&bytes));
        }
        self
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self.content, other.content) {
            (Some(one), Some(two)) => one == two,
            _ => self.is_surely(other),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
    hasher.finish()
}

#[cfg(unix)]
fn changed(data: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.ctime(), data.ctime_nsec())
}

#[cfg(unix)]
fn identity(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.dev(), data.ino())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> (i64, i64) {
    (0, 0)
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
