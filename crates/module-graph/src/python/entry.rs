//! What `__main__` is: a script, a module or a folder, started as `python` would start it.
//!
//! The entry is a module like any other to the graph: a load with reads, rerun in its own
//! namespace. Only where its code comes from, and what its dict holds before it first runs, differ.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use pyo3::{
    exceptions::PyModuleNotFoundError,
    prelude::*,
    types::{PyDict, PyList},
};

use super::{engine::Engine, run::Caller, sys_modules::sys_modules};
use crate::{ModuleName, Reason, Update};

/// How the program was named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `python path/to/file.py`
    Script {
        /// The file, absolute.
        file: PathBuf,
        /// What was typed, for `sys.argv`.
        typed: PathBuf,
    },
    /// `python path/to/folder`, which holds a `__main__.py`.
    Folder {
        /// The folder, absolute.
        folder: PathBuf,
        /// What was typed, for `sys.argv`.
        typed: PathBuf,
    },
    /// `python -m name`
    Module(String),
}

/// What was started, as a person would say it: the file's or the folder's name, or the module's.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { file: path, .. } | Self::Folder { folder: path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                write!(f, "{}", name.display())
            }
            Self::Module(name) => f.write_str(name),
        }
    }
}

/// Why a program could not be started at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// There is nothing at the path.
    #[error("can't open file {path:?}: no such file or folder (started in {folder:?})")]
    NoSuchFile {
        /// The path as it was given.
        path: PathBuf,
        /// The working directory.
        folder: PathBuf,
    },
    /// The path is a folder that cannot be run.
    #[error("can't find '__main__.py' in {path:?}: name the file to run, or add one")]
    NoMainInFolder {
        /// The path as it was given.
        path: PathBuf,
    },
    /// There is no module of that name.
    #[error("{reason} (looked in {path:?} and in what is installed)")]
    NoSuchModule {
        /// CPython's words for it.
        reason: String,
        /// The first folder of the search path.
        path: PathBuf,
    },
    /// An entry ran already: a process has one `__main__`.
    #[error("the program is already running in this process")]
    AlreadyRunning,
    /// The interpreter refused.
    #[error(transparent)]
    Interpreter(#[from] PyErr),
}

impl Entry {
    /// The entry that `path` names: a file, or a folder with a `__main__.py`.
    ///
    /// # Errors
    ///
    /// [`EntryError::NoSuchFile`] and [`EntryError::NoMainInFolder`].
    pub fn at(path: &Path) -> Result<Self, EntryError> {
        // Absolute from now on: the program may change its working directory. CPython puts that
        // before a relative path of a script and leaves the rest as it was typed.
        let here = std::env::current_dir().unwrap_or_default();
        if path.is_dir() {
            if path.join("__main__.py").is_file() {
                let folder = std::path::absolute(path).unwrap_or_else(|_| here.join(path));
                return Ok(Self::Folder {
                    folder,
                    typed: path.into(),
                });
            }
            return Err(EntryError::NoMainInFolder { path: path.into() });
        }
        if path.exists() {
            return Ok(Self::Script {
                file: here.join(path),
                typed: path.into(),
            });
        }
        Err(EntryError::NoSuchFile {
            path: path.into(),
            folder: here,
        })
    }

    /// The folder that the program's own modules are imported from.
    ///
    /// # Errors
    ///
    /// What the operating system says about the path or the working directory.
    pub fn folder(&self) -> std::io::Result<PathBuf> {
        match self {
            // CPython follows the links of a script's path, but not of a folder's.
            Self::Script { file, .. } => {
                let real = std::fs::canonicalize(file)?;
                Ok(real
                    .parent()
                    .map_or_else(|| real.clone(), Path::to_path_buf))
            }
            Self::Folder { folder, .. } => Ok(folder.clone()),
            Self::Module(_) => std::env::current_dir(),
        }
    }

    /// What people call the entry: the file's stem, the folder's or the module's name.
    pub fn label(&self) -> String {
        match self {
            Self::Script { file: path, .. } | Self::Folder { folder: path, .. } => {
                let name = path.file_stem().or(path.file_name());
                name.map_or_else(
                    || "__main__".into(),
                    |name| name.to_string_lossy().into_owned(),
                )
            }
            Self::Module(name) => name.clone(),
        }
    }

    /// The entry's source file, as it is found now.
    pub(super) fn source(&self, py: Python<'_>, engine: &Engine) -> PyResult<PathBuf> {
        match self {
            Self::Script { file, .. } => Ok(file.clone()),
            Self::Folder { folder, .. } => Ok(folder.join("__main__.py")),
            Self::Module(name) => {
                let spec = find_module(py, name)?;
                let file: PathBuf = spec.getattr("origin")?.extract()?;
                engine.move_entry(&file);
                Ok(file)
            }
        }
    }

    /// Fills the namespace of `__main__` as CPython does before the first statement runs, and
    /// returns the path of its source file, in the spelling in which a save of it is told.
    fn prepare(&self, main: &Bound<'_, PyModule>) -> PyResult<PathBuf> {
        let py = main.py();
        match self {
            Self::Script { file, .. } => {
                let loader = py
                    .import("importlib.machinery")?
                    .getattr("SourceFileLoader")?
                    .call1(("__main__", file.as_os_str()))?;
                set_all(
                    main,
                    &[
                        ("__file__", file.as_os_str().into_pyobject(py)?.into_any()),
                        ("__loader__", loader),
                    ],
                )?;
                main.setattr("__package__", py.None())?;
                main.setattr("__cached__", py.None())?;
                Ok(std::fs::canonicalize(file)?)
            }
            Self::Folder { folder, .. } => {
                let file = folder.join("__main__.py");
                let util = py.import("importlib.util")?;
                let spec =
                    util.call_method1("spec_from_file_location", ("__main__", file.as_os_str()))?;
                use_spec(main, &spec, "")?;
                Ok(std::fs::canonicalize(file)?)
            }
            Self::Module(name) => {
                let spec = find_module(py, name)?;
                let package: String = spec.getattr("parent")?.extract()?;
                use_spec(main, &spec, &package)?;
                let file: PathBuf = spec.getattr("origin")?.extract()?;
                set_argv0(py, &file)?;
                Ok(file)
            }
        }
    }
}

fn set_all(main: &Bound<'_, PyModule>, values: &[(&str, Bound<'_, PyAny>)]) -> PyResult<()> {
    values
        .iter()
        .try_for_each(|(name, value)| main.setattr(*name, value))
}

fn use_spec(main: &Bound<'_, PyModule>, spec: &Bound<'_, PyAny>, package: &str) -> PyResult<()> {
    main.setattr("__package__", package)?;
    main.setattr("__spec__", spec)?;
    for (name, attribute) in [
        ("__file__", "origin"),
        ("__loader__", "loader"),
        ("__cached__", "cached"),
    ] {
        main.setattr(name, spec.getattr(attribute)?)?;
    }
    Ok(())
}

fn set_argv0(py: Python<'_>, file: &Path) -> PyResult<()> {
    let argv = py.import("sys")?.getattr("argv")?.cast_into::<PyList>()?;
    argv.set_item(0, file.as_os_str())
}

/// The spec of `-m name`; of its `__main__` if it is a package. Imports the packages above it.
fn find_module<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let find = py.import("importlib.util")?.getattr("find_spec")?;
    let spec = find.call1((name,))?;
    if spec.is_none() {
        return Err(import_error(py, name, format!("no module named {name:?}")));
    }
    if spec.getattr("submodule_search_locations")?.is_none() {
        return Ok(spec);
    }
    let inner = find.call1((format!("{name}.__main__"),))?;
    if inner.is_none() {
        let text = format!("package {name:?} cannot be run: it has no module \"__main__\"");
        return Err(import_error(py, name, text));
    }
    Ok(inner)
}

/// A `ModuleNotFoundError` that says which module it is about.
fn import_error(py: Python<'_>, name: &str, text: String) -> PyErr {
    let error = PyModuleNotFoundError::new_err(text);
    match error.value(py).setattr("name", name) {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// Whether `error` says that `module`, or a package above it, does not exist.
fn is_about(py: Python<'_>, error: &PyErr, module: &str) -> bool {
    error.is_instance_of::<PyModuleNotFoundError>(py)
        && error
            .value(py)
            .getattr("name")
            .and_then(|name| name.extract::<String>())
            .is_ok_and(|name| module == name || module.starts_with(&format!("{name}.")))
}

impl Engine {
    /// Makes `entry` the program of this process and runs it for the first time.
    ///
    /// Sets `sys.argv` to the entry and `arguments`, and puts the entry's folder first on
    /// `sys.path`. An exception that the program ends with is part of the answer.
    ///
    /// # Errors
    ///
    /// [`EntryError`] if nothing of the program could be run.
    pub fn run_entry(
        &'static self,
        py: Python<'_>,
        entry: Entry,
        arguments: &[std::ffi::OsString],
    ) -> Result<Update, EntryError> {
        let started = std::time::Instant::now();
        let sys = py.import("sys")?;
        let folder = entry.folder().map_err(PyErr::from)?;
        let first = match &entry {
            Entry::Script { typed, .. } | Entry::Folder { typed, .. } => {
                typed.clone().into_os_string()
            }
            Entry::Module(_) => "-m".into(),
        };
        let argv = PyList::new(py, std::iter::once(&first).chain(arguments))?;
        sys.setattr("argv", argv)?;
        let is_safe_path = sys
            .getattr("flags")?
            .getattr("safe_path")?
            .extract::<bool>()?;
        // `python -P` leaves the folder of a script out, and keeps one that is itself the program.
        if !is_safe_path || matches!(entry, Entry::Folder { .. }) {
            sys.getattr("path")?
                .cast_into::<PyList>()
                .map_err(PyErr::from)?
                .insert(0, folder.as_os_str())?;
        }

        let main = Self::new_main(py)?;
        self.state().begin_batch();
        let id = self.adopt(ModuleName::main(), None, &main);
        let label = entry.label();
        self.entry
            .set(entry)
            .map_err(|_| EntryError::AlreadyRunning)?;
        let entry = self.entry.get().ok_or(EntryError::AlreadyRunning)?;
        let mut found = None;
        let ran = self.run(py, id, Caller::Engine, || {
            let file = entry.prepare(&main)?;
            self.adopt(ModuleName::main(), Some(file.clone()), &main);
            found = Some(file);
            self.new_code(py, id)
        });
        if let Err(error) = &ran {
            if found.is_none() && is_about(py, error, &label) {
                let reason = error.value(py).to_string();
                return Err(EntryError::NoSuchModule {
                    reason,
                    path: folder,
                });
            }
            self.report_failure(py, id, error);
        }
        self.report(id, Reason::Imported, Vec::new());
        self.end_batch();
        let done = std::mem::take(&mut self.state().update);
        Ok(Update {
            elapsed: started.elapsed(),
            ..done
        })
    }

    /// A fresh `__main__`, in the place of the one that this process was started with.
    fn new_main(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
        let main = PyModule::new(py, ModuleName::MAIN)?;
        let dict: Bound<'_, PyDict> = main.dict();
        dict.set_item("__builtins__", py.import("builtins")?)?;
        if py.version_info() < (3, 14) {
            dict.set_item("__annotations__", PyDict::new(py))?;
        }
        let modules = sys_modules(py);
        // Whoever started us still runs in the old one: its names must not go with it.
        std::mem::forget(modules.get_item("__main__")?.map(Bound::unbind));
        modules.set_item("__main__", &main)?;
        Ok(main)
    }
}
