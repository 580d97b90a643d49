//! Which files are the user's own.
//!
//! A file is the user's if it lies below one of the project's roots and in nothing installed: not
//! in the standard library, a `site-packages` folder or a virtual environment, activated or not.

use std::{
    collections::HashMap,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use pyo3::prelude::*;

/// The folders of a project, and what below them is not the project's.
#[derive(Debug)]
pub struct Roots {
    folders: Vec<PathBuf>,
    installed: Vec<PathBuf>,
    /// Folders asked about before: where they really are, and whether they are the user's.
    known: Mutex<HashMap<PathBuf, (PathBuf, bool)>>,
}

impl Roots {
    /// Takes the absolute `folders`, and asks the interpreter where its own files are.
    ///
    /// # Errors
    ///
    /// An interpreter without a standard library.
    pub fn new(py: Python<'_>, folders: Vec<PathBuf>) -> PyResult<Self> {
        // `os` lies where the standard library does; asking `sysconfig` would take milliseconds.
        let os: PathBuf = py.import("os")?.getattr("__file__")?.extract()?;
        let library = os.parent().map(Path::to_path_buf);
        let real = library.as_deref().and_then(|l| l.canonicalize().ok());
        let installed = library.into_iter().chain(real).collect();
        Ok(Self {
            folders,
            installed,
            known: Mutex::default(),
        })
    }

    /// The folders of the project.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Whether files in `folder` are the user's.
    pub fn contain(&self, folder: &Path) -> bool {
        self.look_up(folder).1
    }

    /// The file in the spelling in which a save of it is told: without links and `..`.
    pub fn real(&self, file: &Path) -> PathBuf {
        self.inspect(file).0
    }

    /// The path in that spelling, but for a link at its end: a relative one begins at the working
    /// directory.
    pub(super) fn spelled(&self, path: PathBuf) -> PathBuf {
        let Ok(path) = std::path::absolute(&path) else {
            return path;
        };
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => self.look_up(folder).0.join(name),
            _ => path,
        }
    }

    /// The file in that spelling, and its properties, if there is one.
    pub(super) fn inspect(&self, file: &Path) -> (PathBuf, Option<Metadata>) {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return (file.to_path_buf(), None);
        };
        let file = self.look_up(folder).0.join(name);
        match file.symlink_metadata() {
            Ok(data) if data.is_symlink() => {
                let target = file.metadata().ok();
                (std::fs::canonicalize(&file).unwrap_or(file), target)
            }
            data => (file, data.ok()),
        }
    }

    /// Whether what is in `folder`, which is free of links, belongs to Python or to a package that
    /// was installed, in the project or anywhere else.
    pub(super) fn are_installed(&self, folder: &Path) -> bool {
        let root = self.folders.iter().find(|root| folder.starts_with(root));
        let mut libraries = self.installed.iter();
        libraries.any(|library| folder.starts_with(library))
            || folder
                .ancestors()
                .take_while(|ancestor| root.is_none_or(|root| ancestor != root))
                .any(is_packages)
    }

    fn look_up(&self, folder: &Path) -> (PathBuf, bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(folder) {
            return answer.clone();
        }
        let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let is_users = self.decide(&real) || self.decide(folder);
        known.insert(folder.to_path_buf(), (real.clone(), is_users));
        (real, is_users)
    }

    fn decide(&self, folder: &Path) -> bool {
        let Some(root) = self.folders.iter().find(|root| folder.starts_with(root)) else {
            return false;
        };
        if self
            .installed
            .iter()
            .any(|installed| folder.starts_with(installed))
        {
            return false;
        }
        // The root is the user's whatever it holds: some make the environment in the project itself.
        folder
            .ancestors()
            .take_while(|ancestor| ancestor.starts_with(root) && ancestor != root)
            .all(|ancestor| !is_packages(ancestor) && !ancestor.join("pyvenv.cfg").is_file())
    }
}

fn is_packages(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name == "site-packages" || name == "dist-packages")
}
