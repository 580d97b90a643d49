//! The engine as a Python object, for programs that push their own batches of saves.

use std::{ffi::OsString, path::PathBuf};

use hmr_module_graph::{
    python::{Engine, Entry, Roots},
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
    fn run(&self, py: Python<'_>) -> PyResult<Update> {
        let update = self
            .engine
            .run_entry(py, self.entry.clone(), &self.arguments);
        update.map(Update).map_err(runtime_error)
    }

    /// Rerun what a change of `files` reaches, whose paths may be relative to the working directory. Call it on the thread that called `run`.
    fn update(&self, py: Python<'_>, files: Vec<PathBuf>) -> Update {
        Update(self.engine.update(py, files))
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

/// What one batch of saves did.
#[pyclass(frozen, module = "hmr")]
pub(crate) struct Update(hmr_module_graph::Update);

#[pymethods]
impl Update {
    /// The names of the modules that ran, dependencies first.
    #[getter]
    fn ran(&self) -> Vec<String> {
        self.0
            .reran
            .iter()
            .map(|rerun| rerun.module.to_string())
            .collect()
    }

    /// How many statements were left out of the runs, because the edit did not reach them.
    #[getter]
    fn kept(&self) -> usize {
        self.0.reran.iter().map(|rerun| rerun.kept).sum()
    }

    /// What got new code or docstrings without a run: `m.f`, `m.C.m`, `m.f.__doc__`.
    #[getter]
    fn patched(&self) -> Vec<String> {
        let full = |patched: &hmr_module_graph::Patched| {
            let module = patched.module.clone();
            let names = patched.names().into_iter();
            names.map(move |name| format!("{module}.{name}"))
        };
        self.0.patched.iter().flat_map(full).collect()
    }

    /// The names of the modules whose run raised, and their tracebacks.
    #[getter]
    fn failed(&self) -> Vec<(String, String)> {
        let failures = self.0.failures.iter();
        failures
            .map(|failure| (failure.module.to_string(), failure.traceback.clone()))
            .collect()
    }

    /// The names of the modules that left because their file did.
    #[getter]
    fn removed(&self) -> Vec<String> {
        self.0.removed.iter().map(ToString::to_string).collect()
    }

    /// The status with which the program asked to exit, or `None`.
    #[getter]
    fn exit_status(&self) -> Option<i32> {
        self.0.exit.as_ref().map(|exit| exit.status)
    }

    /// Milliseconds until everything had settled.
    #[getter]
    fn milliseconds(&self) -> f64 {
        self.0.elapsed.as_secs_f64() * 1e3
    }

    fn __repr__(&self) -> String {
        let failed: Vec<_> = self
            .0
            .failures
            .iter()
            .map(|f| f.module.to_string())
            .collect();
        format!("<Update ran={:?} failed={failed:?}>", self.ran())
    }
}

fn runtime_error(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
