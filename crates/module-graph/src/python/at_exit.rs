//! `atexit` handlers of modules that run again.
//!
//! Each run of a module registers its handlers anew. Those of the runs before would be called as
//! well, and do twice what a fresh start does once; so they are taken out when a run has replaced
//! them.
//!
//! Kept true: a handler is the module's whose code registers it during a load, so the standard
//! library's own handlers stay; the handlers of a run that raised go, and those from before it stay.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::{
    prelude::*,
    types::{PyCFunction, PyDict, PyString, PyTuple},
};
use rustc_hash::FxHashMap;

use super::{engine::Engine, errors::forgive, frames, own, reads};
use crate::ModuleId;

/// The handlers that loads have registered, by module.
pub(super) type Handlers = FxHashMap<ModuleId, Vec<Py<Handler>>>;

/// A handler is equal to itself alone, while one is taken out.
static IS_TAKING_OUT: AtomicBool = AtomicBool::new(false);

/// Sees from now on who registers what.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    let atexit = own::import(py, "atexit")?;
    let original = atexit.getattr("register")?.unbind();
    let stand_in = PyCFunction::new_closure(py, Some(c"register"), None, move |args, options| {
        register(&original, args, options)
    })?;
    atexit.setattr("register", stand_in)
}

impl Engine {
    /// Takes the handlers of the module's last run aside, before it runs again.
    pub(super) fn take_handlers(&self, module: ModuleId) -> Vec<Py<Handler>> {
        let taken = self.state().handlers.remove(&module);
        taken.unwrap_or_default()
    }

    /// The run has ended: of the handlers `before` it and those it registered, one kind goes.
    pub(super) fn replace_handlers(
        &self,
        py: Python<'_>,
        module: ModuleId,
        before: Vec<Py<Handler>>,
        went_well: bool,
    ) {
        let gone = if went_well {
            before
        } else {
            let mut state = self.state();
            let failed = state.handlers.remove(&module).unwrap_or_default();
            if !before.is_empty() {
                state.handlers.insert(module, before);
            }
            failed
        };
        for handler in gone {
            forgive(py, take_out(handler.bind(py)));
        }
    }
}

fn take_out(handler: &Bound<'_, Handler>) -> PyResult<()> {
    let atexit = own::import(handler.py(), "atexit")?;
    IS_TAKING_OUT.store(true, Ordering::Relaxed);
    let taken_out = atexit.call_method1("unregister", (handler,));
    IS_TAKING_OUT.store(false, Ordering::Relaxed);
    taken_out.map(drop)
}

/// Stands for `atexit.register`.
fn register(
    original: &Py<PyAny>,
    arguments: &Bound<'_, PyTuple>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = arguments.py();
    let module = Engine::get().and_then(|engine| Some((engine, engine.registrar(py)?)));
    let function = arguments.iter().next().filter(PyAnyMethods::is_callable);
    let (Some((engine, module)), Some(function)) = (module, function) else {
        return original.call(py, arguments, options);
    };
    let handler = Handler {
        function: function.clone().unbind(),
    };
    let handler = Py::new(py, handler)?;
    let mut arguments: Vec<_> = arguments.iter().collect();
    arguments[0] = handler.bind(py).as_any().clone();
    original.call(py, PyTuple::new(py, arguments)?, options)?;
    let mut state = engine.state();
    state.handlers.entry(module).or_default().push(handler);
    Ok(function.unbind())
}

/// What `atexit` calls for a function that a load has registered.
#[pyclass(frozen, module = "hmr")]
pub(super) struct Handler {
    function: Py<PyAny>,
}

#[pymethods]
impl Handler {
    #[pyo3(signature = (*arguments, **options))]
    fn __call__<'py>(
        &self,
        arguments: Bound<'py, PyTuple>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let function = self.function.bind(arguments.py());
        function.call(arguments, options.as_ref())
    }

    /// `atexit.unregister` finds it by the function.
    fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if slf.is(other) {
            return Ok(true);
        }
        if IS_TAKING_OUT.load(Ordering::Relaxed) {
            return Ok(false);
        }
        slf.get().function.bind(slf.py()).eq(other)
    }

    fn __getattr__<'py>(&self, name: Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(name.py()).getattr(name)
    }
}

impl Engine {
    /// The module whose load registers a handler, if it is the user's own code that does.
    fn registrar(&self, py: Python<'_>) -> Option<ModuleId> {
        let module = reads::current()?;
        self.module_of_namespace(&frames::namespace(py)?)?;
        Some(module)
    }
}
