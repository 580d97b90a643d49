//! The engine as a Python object, for programs that push their own batches of saves.

use std::{ffi::OsString, path::PathBuf};

use hmr_module_graph::{
    python::{Engine, Entry, Roots, UpdateObject},
    statements::Granularity,
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
};

/// Runs a program in this process and reruns what a change of its files reaches.
///
/// There can be one in a process, for `sys.modules` belongs to the process too.
#[pyclass(frozen, module = "hmr")]
pub(crate) struct Reloader {
    engine: &'static Engine,
    entry: Entry,
    arguments: Vec<OsString>,
}

#[pymethods]
impl Reloader {
    /// Prepare to run the file or folder `path` with the program's own `arguments`. Modules below
    /// its folder and below `roots` will be tracked. With `granularity="statement"` a module that must
    /// run again leaves out the statements that an edit does not reach. Raises `OSError` if there is no
    /// such file.
    #[new]
    #[pyo3(signature = (path, arguments=Vec::new(), *, roots=Vec::new(), granularity="module"))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        arguments: Vec<OsString>,
        roots: Vec<PathBuf>,
        granularity: &str,
    ) -> PyResult<Self> {
        let granularity = match granularity {
            "module" => Granularity::Module,
            "statement" => Granularity::Statement,
            other => {
                return Err(PyValueError::new_err(format!(
                    "granularity is \"module\" or \"statement\", not {other:?}"
                )));
            }
        };
        let entry = Entry::at(&path)
            .map_err(|error| pyo3::exceptions::PyFileNotFoundError::new_err(error.to_string()))?;
        let mut folders = vec![entry.folder()?];
        for root in roots {
            folders.push(std::path::absolute(root)?);
        }
        let roots = Roots::new(py, folders)?;
        let engine = Engine::install(py, roots).map_err(runtime_error)?;
        engine.set_granularity(granularity);
        Ok(Self {
            engine,
            entry,
            arguments,
        })
    }

    /// Run the program for the first time.
    fn run(&self, py: Python<'_>) -> PyResult<UpdateObject> {
        let update = self
            .engine
            .run_entry(py, self.entry.clone(), &self.arguments);
        update.map(UpdateObject::from).map_err(runtime_error)
    }

    /// Rerun what a change of `files` reaches. Call it on the thread that called `run`.
    fn update(&self, py: Python<'_>, files: Vec<PathBuf>) -> UpdateObject {
        self.engine.update(py, files).into()
    }

    /// The names of the modules that raised and wait for the next update.
    #[getter]
    fn pending(&self) -> Vec<String> {
        self.engine
            .pending()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

fn runtime_error(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
