//! The disk behind a trait: what is there now.
//!
//! The watcher asks four questions, and asks them only here, so that a test can answer them from
//! memory. A question about something that has just vanished is answered with an error, which is
//! never more than a fact about the file.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A socket, a device, a pipe: never reported.
    Other,
}

impl Kind {
    /// Whether something of this kind is reported itself, as opposed to what is in it.
    pub(crate) fn is_reported(self) -> bool {
        matches!(self, Self::File | Self::Link)
    }
}

/// What a file looks like from outside. Two equal ones are taken to be the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The time of the last write, in nanoseconds.
    pub mtime: i64,
    /// The time of the last change of the inode, in nanoseconds; 0 where there is none.
    pub ctime: i64,
    /// The length in bytes.
    pub size: u64,
    /// The inode; 0 where there is none.
    pub ino: u64,
    /// The device; 0 where there is none.
    pub dev: u64,
}

/// One entry of a directory.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: Kind,
    /// What it looks like; only if it was wanted, and still there.
    pub stat: Option<Stat>,
}

/// The questions, which two threads may ask at once.
pub trait Files: Send + Sync {
    /// What `path` is, and how it looks. A symbolic link is followed if `follow`.
    ///
    /// # Errors
    ///
    /// When it does not exist or must not be looked at.
    fn stat(&self, path: &Path, follow: bool) -> io::Result<Stat>;

    /// What is in `dir`, with a [`Stat`] for each entry that `want` accepts.
    ///
    /// # Errors
    ///
    /// When it does not exist or must not be read, or a wanted entry that is there not be looked at.
    fn list(
        &self,
        dir: &Path,
        want: &mut dyn FnMut(&OsStr, Kind) -> bool,
    ) -> io::Result<Vec<Entry>>;

    /// The content of the file at `path`.
    ///
    /// # Errors
    ///
    /// When it is no regular file, or cannot be read without waiting.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Where the symbolic link at `path` leads, as it was written.
    ///
    /// # Errors
    ///
    /// When it is no link or must not be read.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn stat(&self, path: &Path, follow: bool) -> io::Result<Stat> {
        let metadata = if follow {
            fs::metadata(path)?
        } else {
            fs::symlink_metadata(path)?
        };
        Ok(stat_of(&metadata))
    }

    fn list(
        &self,
        dir: &Path,
        want: &mut dyn FnMut(&OsStr, Kind) -> bool,
    ) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Ok(kind) = entry.file_type().map(kind_of) else {
                continue;
            };
            let stat = match want(&name, kind).then(|| entry.metadata()) {
                Some(Ok(metadata)) => Some(stat_of(&metadata)),
                // It may be listed, and not entered: what is in it is not gone.
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Some(Err(_)) | None => None,
            };
            entries.push(Entry { name, kind, stat });
        }
        Ok(entries)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut options = File::options();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Opening a pipe would wait for a writer, reading the kernel's log for its next line.
            options.custom_flags(libc::O_NONBLOCK);
        }
        let mut file = options.open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut content)?;
        Ok(content)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }
}

fn kind_of(kind: fs::FileType) -> Kind {
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Dir
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}

fn stat_of(metadata: &Metadata) -> Stat {
    #[cfg(unix)]
    let (ctime, ino, dev) = {
        use std::os::unix::fs::MetadataExt;
        let ctime = metadata.ctime().wrapping_mul(1_000_000_000) + metadata.ctime_nsec();
        (ctime, metadata.ino(), metadata.dev())
    };
    #[cfg(not(unix))]
    let (ctime, ino, dev) = (0, 0, 0);
    let mtime = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|time| i64::try_from(time.as_nanos()).ok())
        .unwrap_or(0);
    Stat {
        kind: kind_of(metadata.file_type()),
        mtime,
        ctime,
        size: metadata.len(),
        ino,
        dev,
    }
}
