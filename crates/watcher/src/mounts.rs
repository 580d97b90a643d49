//! Which directories are on a file system that tells nobody about changes.
//!
//! Network and virtual-machine mounts deliver no events for what the other side does. The decision is
//! made per mount, not per machine, from the kernel's table of mounts, which a test hands in.

use std::path::{Path, PathBuf};

/// File systems whose content changes behind the kernel's back.
///
/// An overlay is not among them: a change through it is seen; only a change of a layer below it is
/// not, which its own documentation forbids. `fuseblk` is a local disk (NTFS).
const REMOTE: &[&str] = &[
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "drvfs",
    "fuse",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "osxfs",
    "prl_fs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// Where which kind of file system is mounted.
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    // Invariant: a later mount hides an earlier one at the same place.
    mounts: Vec<(PathBuf, String)>,
}

impl Mounts {
    /// The mounts of this machine; none where there is no such table.
    pub fn of_this_machine() -> Self {
        let table = std::fs::read_to_string("/proc/self/mountinfo");
        Self::parse(&table.unwrap_or_default())
    }

    /// Reads a table as in `/proc/self/mountinfo`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    /// use hmr_watcher::Mounts;
    ///
    /// let mounts = Mounts::parse(
    ///     "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / /mnt/my\\040share rw - 9p share rw\n",
    /// );
    /// assert_eq!(mounts.remote(Path::new("/mnt/my share/src")), Some("9p"));
    /// assert_eq!(mounts.remote(Path::new("/home")), None);
    /// ```
    pub fn parse(table: &str) -> Self {
        let mounts = table.lines().filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let place = before.split(' ').nth(4)?;
            let kind = after.split(' ').next()?;
            Some((PathBuf::from(unescape(place)), kind.to_owned()))
        });
        Self {
            mounts: mounts.collect(),
        }
    }

    /// The kind of file system that holds `path`, if it is one without events.
    pub fn remote(&self, path: &Path) -> Option<&str> {
        let mount = self
            .mounts
            .iter()
            .filter(|(place, _)| path.starts_with(place))
            .max_by_key(|(place, _)| place.components().count())?;
        let kind = mount.1.as_str();
        let family = kind.split('.').next().unwrap_or(kind);
        (REMOTE.contains(&kind) || REMOTE.contains(&family)).then_some(kind)
    }

    /// Whether any mount at all is without events.
    pub(crate) fn any_remote(&self) -> bool {
        self.mounts
            .iter()
            .any(|(place, _)| self.remote(place).is_some())
    }
}

/// The kernel writes blanks and the like as three octal digits.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4);
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(char::from(byte));
            rest = &rest[at + 4..];
        } else {
            plain.push('\\');
            rest = &rest[at + 1..];
        }
    }
    plain + rest
}
