//! Which file a program means by a path, and whether that file can be an input.
//!
//! Paths are taken as they are at that moment: relative to the working directory, links in the
//! folders followed, in the spelling in which a save is told. What belongs to Python or to installed
//! packages, the kernel's own trees and bytecode are no inputs; everything else is, wherever it lies.

use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyInt, PyString},
};
use rustc_hash::FxHashMap;

use super::roots::Roots;

/// Trees that are the kernel's: what is there changes by itself.
const KERNELS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Folders that were asked about in this batch: where they really are, if what is in them counts.
pub(super) type Folders = FxHashMap<PathBuf, Option<PathBuf>>;

/// The path in an argument of a file function; `None` for a descriptor, and for what is no path.
pub(super) fn path_of(argument: &Bound<'_, PyAny>) -> Option<PathBuf> {
    if let Ok(text) = argument.cast::<PyString>() {
        return text.extract::<OsString>().ok().map(PathBuf::from);
    }
    if let Ok(bytes) = argument.cast::<PyBytes>() {
        return bytes_path(bytes.as_bytes());
    }
    if argument.is_none() {
        return Some(".".into());
    }
    if argument.is_instance_of::<PyInt>() {
        return None;
    }
    argument.extract().ok()
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "elsewhere bytes need not be a path"
)]
fn bytes_path(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn bytes_path(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// A path in two parts: the folder, absolute, and the name in it.
pub(super) fn split(path: &Path) -> Option<(PathBuf, OsString)> {
    if path.as_os_str().is_empty() {
        return None;
    }
    let mut path = std::path::absolute(path).ok()?;
    if path.file_name().is_none() {
        path = real(&path);
    }
    let name = path.file_name().unwrap_or(OsStr::new("")).to_owned();
    let folder = path.parent().unwrap_or(&path).to_path_buf();
    Some((folder, name))
}

/// Where `folder` really is, if files in it count.
pub(super) fn look_up(roots: &Roots, folder: &Path) -> Option<PathBuf> {
    let real = real(folder);
    let is_kernels = KERNELS.iter().any(|tree| real.starts_with(tree));
    let is_bytecode = real.components().any(|c| c.as_os_str() == "__pycache__");
    let counts = !is_kernels && !is_bytecode && !roots.are_installed(&real);
    counts.then_some(real)
}

/// The path without links and `..`, as far as it exists.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        let Ok(found) = std::fs::canonicalize(ancestor) else {
            continue;
        };
        let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
        let mut real = found;
        for part in rest.components() {
            match part {
                Component::ParentDir => {
                    real.pop();
                }
                part => real.push(part),
            }
        }
        return real;
    }
    path.to_path_buf()
}
