//! Which files are the user's own.
//!
//! A file is the user's if it lies below one of the project's roots and in nothing installed: not
//! in the standard library, a `site-packages` folder or a virtual environment, activated or not.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use pyo3::prelude::*;

/// The folders of a project, and what below them is not the project's.
#[derive(Debug)]
pub struct Roots {
    folders: Vec<PathBuf>,
    installed: Vec<PathBuf>,
    /// Folders asked about before: whether they are the user's.
    known: Mutex<HashMap<PathBuf, bool>>,
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
        let installed = os.parent().map(Path::to_path_buf).into_iter().collect();
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
        let mut known = self
            .known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(&answer) = known.get(folder) {
            return answer;
        }
        let answer = self.decide(folder);
        known.insert(folder.to_path_buf(), answer);
        answer
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
        folder
            .ancestors()
            .take_while(|ancestor| ancestor.starts_with(root))
            .all(|ancestor| !is_packages(ancestor) && !ancestor.join("pyvenv.cfg").is_file())
    }
}

fn is_packages(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name == "site-packages" || name == "dist-packages")
}
