//! The local names of a module that runs again: its own dict, with a note of what was bound.
//!
//! A rerun leaves names in the dict that the new run did not bind, and a name that it binds to the
//! object of before looks the same. So the code gets this mapping as its locals. Everything it binds
//! goes to the dict at once, where functions and other threads look; the mapping holds nothing but
//! the names. A name that only the last run has bound so far is not defined for the top level.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::{
    exceptions::{PyKeyError, PyNameError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyIterator, PyList, PyString},
};
use rustc_hash::FxHashSet;

/// Importing it once more takes as long as the run of a small module.
static BUILTINS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Passed to `exec` as the locals.
#[pyclass(frozen, mapping, module = "hmr", name = "namespace")]
pub(super) struct Recorder {
    namespace: Py<PyDict>,
    builtins: Py<PyDict>,
    /// What the last run bound: there, but not for this run before it binds it itself.
    outdated: FxHashSet<String>,
    bound: Mutex<FxHashSet<String>>,
    /// The submodules that have been imported since the run began.
    submodules: Mutex<FxHashSet<String>>,
}

impl Recorder {
    /// `outdated` are the names that the last run bound.
    pub(super) fn new<'py>(
        namespace: &Bound<'py, PyDict>,
        outdated: FxHashSet<String>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = namespace.py();
        let builtins = BUILTINS
            .get_or_try_init(py, || PyResult::Ok(py.import("builtins")?.dict().unbind()))?;
        let recorder = Self {
            namespace: namespace.clone().unbind(),
            builtins: builtins.clone_ref(py),
            outdated,
            bound: Mutex::default(),
            submodules: Mutex::default(),
        };
        Bound::new(py, recorder)
    }

    /// The names that are bound now because this run bound them.
    pub(super) fn bound(&self) -> FxHashSet<String> {
        std::mem::take(&mut self.bound.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether `name` is there from the last run only.
    pub(super) fn is_outdated_name(&self, name: &str) -> bool {
        self.outdated.contains(name)
            && !self
                .bound
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(name)
    }

    /// The submodule `name` is imported. A fresh start would load it at the first import, and bind it.
    pub(super) fn bind_submodule(&self, name: &str, module: &Bound<'_, PyModule>) -> PyResult<()> {
        let is_first = self.submodules().insert(name.to_owned());
        if is_first {
            let py = module.py();
            self.__setitem__(
                PyString::new(py, name).into_any(),
                module.clone().into_any(),
            )?;
        }
        Ok(())
    }

    /// Whether the submodule `name` has been imported since the run began.
    pub(super) fn has_imported(&self, name: &str) -> bool {
        self.submodules().contains(name)
    }

    fn submodules(&self) -> MutexGuard<'_, FxHashSet<String>> {
        self.submodules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_outdated(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.is_outdated_name(name.extract()?))
    }

    fn note(&self, name: &Bound<'_, PyAny>, is_bound: bool) -> PyResult<()> {
        let name: String = name.extract()?;
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if is_bound {
            bound.insert(name);
        } else {
            bound.remove(&name);
        }
        Ok(())
    }
}

#[pymethods]
impl Recorder {
    fn __getitem__<'py>(&self, name: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        let is_outdated = self.is_outdated(&name)?;
        if !is_outdated && let Some(value) = self.namespace.bind(py).get_item(&name)? {
            return Ok(value);
        }
        // CPython would look there next; to find a name here saves it an exception for each one.
        match self.builtins.bind(py).get_item(&name)? {
            Some(value) => Ok(value),
            // A `KeyError` would send CPython to the globals, where the old value still is.
            None if is_outdated => Err(PyNameError::new_err(format!(
                "name '{name}' is not defined"
            ))),
            None => Err(PyKeyError::new_err(name.unbind())),
        }
    }

    fn __setitem__(&self, name: Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.namespace.bind(name.py()).set_item(&name, value)?;
        self.note(&name, true)
    }

    fn __delitem__(&self, name: Bound<'_, PyAny>) -> PyResult<()> {
        self.namespace.bind(name.py()).del_item(&name)?;
        self.note(&name, false)
    }

    fn __contains__(&self, name: Bound<'_, PyAny>) -> PyResult<bool> {
        self.namespace.bind(name.py()).contains(name)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.namespace.bind(py).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.namespace.bind(py).try_iter()
    }

    fn keys<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        self.namespace.bind(py).keys()
    }
}
