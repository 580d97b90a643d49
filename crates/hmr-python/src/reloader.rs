//! The engine as a Python object, for programs that embed it: they push their own batches of saves, or
//! have them watched for.

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hmr_cli::embedding::SaveWatch;
use hmr_module_graph::{
    python::{Engine, Entry, Roots, UpdateObject},
    statements::Granularity,
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyTuple,
};

/// Ctrl-C ends a wait after this time at most.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a program in this process and reruns what a change of its files reaches.
///
/// There can be one in a process, for `sys.modules` belongs to the process too. As a context manager it
/// watches the program's files and runs the program; leaving it ends the watch and calls the program's
/// dispose hooks. Inside, `for update in reloader` waits for saves and reloads, and so does `async for` in
/// `async with`, on the event loop's thread, while other tasks run.
///
/// `run`, `update`, `wait` and the iterations belong to one thread; other methods to any.
#[pyclass(frozen, module = "hmr")]
pub(crate) struct Reloader {
    engine: &'static Engine,
    entry: Entry,
    arguments: Vec<OsString>,
    watch: Mutex<Option<Arc<SaveWatch>>>,
    is_closed: AtomicBool,
    first: OnceLock<Py<UpdateObject>>,
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
            watch: Mutex::new(None),
            is_closed: AtomicBool::new(false),
            first: OnceLock::new(),
        })
    }

    /// Run the program for the first time.
    fn run(&self, py: Python<'_>) -> PyResult<UpdateObject> {
        let update = self
            .engine
            .run_entry(py, self.entry.clone(), &self.arguments);
        update.map(UpdateObject::from).map_err(runtime_error)
    }

    /// Rerun what a change of `files` reaches, whose paths may be relative to the working directory. Call it
    /// on the thread that called `run`. Raises `RuntimeError` if the reloader is closed.
    fn update(&self, py: Python<'_>, files: Vec<PathBuf>) -> PyResult<UpdateObject> {
        if self.closed() {
            return Err(PyRuntimeError::new_err(
                "the reloader is closed: its program has ended",
            ));
        }
        Ok(self.engine.update(py, files).into())
    }

    /// Wait for saves that are news to the program, at most for `timeout` seconds, and return the files.
    /// None: the time is over, or the reloader closed. Give them to `update`. Raises `RuntimeError` if
    /// nothing is watched: that begins with `with`.
    #[pyo3(signature = (timeout=None))]
    fn wait_for_saves(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Vec<PathBuf>> {
        let Some(watch) = self.watch() else {
            return Err(PyRuntimeError::new_err(
                "nothing is watched: use the reloader in a `with` statement",
            ));
        };
        let end = timeout.and_then(|timeout| {
            let timeout = Duration::try_from_secs_f64(timeout.max(0.0)).ok()?;
            Instant::now().checked_add(timeout)
        });
        loop {
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            let files = py.detach(|| watch.next(left.min(LOOK)));
            if self.closed() {
                return Ok(Vec::new());
            }
            let is_over = end.is_some_and(|end| Instant::now() >= end);
            if !files.is_empty() || is_over {
                return Ok(files);
            }
            py.check_signals()?;
        }
    }

    /// Wait for saves, at most for `timeout` seconds, and reload. Returns `None` if there were none, or if
    /// the reloader is closed.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<UpdateObject>> {
        let files = self.wait_for_saves(py, timeout)?;
        if files.is_empty() || self.closed() {
            return Ok(None);
        }
        self.update(py, files).map(Some)
    }

    /// End the watch and the program: its dispose hooks are called. Does nothing the second time.
    fn close(&self, py: Python<'_>) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(watch) = self.watch() {
            watch.stop();
        }
        self.engine.dispose_all(py);
    }

    /// Whether it has been closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Watch the program's files and run it. What it raises is in `first`. Raises `RuntimeError` the
    /// second time, and if the program does not exist or its folder cannot be watched.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let (py, this) = (slf.py(), slf.get());
        if this.watch().is_some() || this.closed() {
            return Err(PyRuntimeError::new_err(
                "a reloader can be entered once, as its program runs in this process once",
            ));
        }
        let watch = SaveWatch::start(py, this.engine, &this.entry).map_err(runtime_error)?;
        *this.lock_watch() = Some(Arc::new(watch));
        match this.run(py) {
            Ok(first) => drop(this.first.set(Py::new(py, first)?)),
            Err(error) => {
                this.close(py);
                return Err(error);
            }
        }
        Ok(slf)
    }

    /// Close it.
    #[pyo3(signature = (*exc))]
    fn __exit__(&self, py: Python<'_>, exc: &Bound<'_, PyTuple>) {
        let _ = exc;
        self.close(py);
    }

    /// The first run of the program, once the reloader has been entered.
    #[getter]
    fn first(&self, py: Python<'_>) -> Option<Py<UpdateObject>> {
        self.first.get().map(|first| first.clone_ref(py))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// As `wait()`; ends when the reloader is closed.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<UpdateObject>> {
        if self.closed() {
            return Ok(None);
        }
        self.wait(py, None)
    }

    /// As `__enter__`, on the event loop's thread.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        asynchronous(slf, "enter")
    }

    /// Close it.
    #[pyo3(signature = (*exc))]
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        exc: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = exc;
        asynchronous(slf, "leave")
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// As `wait()`, while other tasks run; ends when the reloader is closed.
    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        asynchronous(slf, "next_update")
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

impl Reloader {
    fn lock_watch(&self) -> MutexGuard<'_, Option<Arc<SaveWatch>>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) -> Option<Arc<SaveWatch>> {
        self.lock_watch().clone()
    }
}

/// The coroutine of this name for `reloader`.
fn asynchronous<'py>(reloader: &Bound<'py, Reloader>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let embedding = reloader.py().import("hmr._embedding")?;
    embedding.call_method1(name, (reloader,))
}

fn runtime_error(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
