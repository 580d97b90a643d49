//! Functions that the program wants called around its reloads: `hmr.pre_reload`, `hmr.post_reload` and
//! `hmr.on`.
//!
//! A listener belongs to the module whose load registers it, and goes when a later run of that module
//! has ended well: each run registers its own anew. What it reads is nobody's read.
//!
//! Kept true: a save that changes nothing calls nobody; before the first module runs again or is
//! patched all `Before` listeners have been called, once; a listener that raises keeps no other from
//! being called.

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::{
    engine::{Engine, State},
    reads,
    update_object::UpdateObject,
};
use crate::{ModuleId, Update};

/// When a listener is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the first module of a reload runs or is patched.
    Before,
    /// When all of them have.
    After,
    /// When a module has raised.
    Error,
    /// When nothing alive imports the module that listens any more. It is called once.
    Prune,
}

impl Moment {
    /// The events of `hmr.on`.
    const NAMES: [(&'static str, Self); 3] = [
        ("before-reload", Self::Before),
        ("after-reload", Self::After),
        ("error", Self::Error),
    ];

    /// The moment that `hmr.on` calls `name`.
    ///
    /// # Errors
    ///
    /// `ValueError` with the names that there are.
    pub fn of_event(name: &str) -> PyResult<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, moment)| moment).ok_or_else(|| {
            let known = Self::NAMES.map(|(known, _)| format!("{known:?}"));
            PyValueError::new_err(format!(
                "there is no event {name:?}: the events are {}",
                known.join(", ")
            ))
        })
    }
}

/// One function that waits for its moment.
#[derive(Debug)]
struct Listener {
    id: u64,
    owner: Option<ModuleId>,
    moment: Moment,
    function: Py<PyAny>,
    /// It wants to know what the reload is about.
    is_told: bool,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    known: Vec<Listener>,
    next: u64,
    /// The update that is under way has told them that it changes something.
    pub(super) has_begun: bool,
}

impl Listeners {
    /// Whether a run of `module` has registered any.
    pub(super) fn any_of(&self, module: ModuleId) -> bool {
        self.known.iter().any(|it| it.owner == Some(module))
    }

    fn of(&self, module: ModuleId) -> Vec<u64> {
        let own = self.known.iter().filter(|it| it.owner == Some(module));
        own.map(|it| it.id).collect()
    }

    /// The modules that have registered any for `moment`, each once.
    pub(super) fn owners(&self, moment: Moment) -> Vec<ModuleId> {
        let waiting = self.known.iter().filter(|it| it.moment == moment);
        let mut owners: Vec<_> = waiting.filter_map(|it| it.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Takes out what `module` wants to have called at its end, oldest first.
    #[must_use]
    pub(super) fn take_prune_hooks(&mut self, module: ModuleId) -> Vec<Py<PyAny>> {
        self.take(|it| it.moment == Moment::Prune && it.owner == Some(module))
    }

    /// Takes out those that `is_gone` names. Drop them without the lock.
    #[must_use]
    fn take(&mut self, is_gone: impl Fn(&Listener) -> bool) -> Vec<Py<PyAny>> {
        let gone = self.known.extract_if(.., |it| is_gone(it));
        gone.map(|it| it.function).collect()
    }
}

impl State {
    /// The listeners that the runs of `module` so far have registered.
    pub(super) fn listeners_of(&self, module: ModuleId) -> Vec<u64> {
        self.listeners.of(module)
    }
}

/// Has `function` called at each `moment` from now on, for as long as the module that is loading, or
/// whose code runs, stays as it is. `is_told`: with an argument that says what the reload is about.
/// Without an engine nothing is ever called.
///
/// # Errors
///
/// `TypeError` if `function` cannot be called; `verb` is what the program has called.
pub fn listen(
    function: &Bound<'_, PyAny>,
    verb: &str,
    moment: Moment,
    is_told: bool,
) -> PyResult<ReloadHook> {
    let py = function.py();
    if !function.is_callable() {
        let class = function.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "{verb} needs something to call, not {class}"
        )));
    }
    let id = Engine::get().map(|engine| {
        let owner = engine.acting_module(py);
        let mut state = engine.state();
        let listeners = &mut state.listeners;
        listeners.next += 1;
        let id = listeners.next;
        listeners.known.push(Listener {
            id,
            owner,
            moment,
            function: function.clone().unbind(),
            is_told,
        });
        id
    });
    Ok(ReloadHook {
        function: function.clone().unbind(),
        id,
    })
}

/// A function that is called around reloads.
///
/// It can be called itself, as the function that it was made of. As a context manager it ends with the
/// `with` block.
#[pyclass(frozen, module = "hmr")]
pub struct ReloadHook {
    function: Py<PyAny>,
    id: Option<u64>,
}

#[pymethods]
impl ReloadHook {
    /// Call the function.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(args.py()).call(args, kwargs.as_ref())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, exc: &Bound<'_, PyTuple>) {
        let _ = exc;
        self.remove();
    }

    /// From now on it is not called any more. Does nothing the second time.
    fn remove(&self) {
        let (Some(engine), Some(id)) = (Engine::get(), self.id) else {
            return;
        };
        let gone = engine.state().listeners.take(|it| it.id == id);
        drop(gone);
    }

    /// The function that it was made of.
    #[getter]
    fn __wrapped__(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.clone_ref(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<ReloadHook {}>", self.function.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)
    }
}

impl Engine {
    /// The first module of an update is about to run again, or to be patched.
    pub(super) fn begin_reload(&self, py: Python<'_>) {
        let files = {
            let mut state = self.state();
            if !state.entry_run.is_updating
                || std::mem::replace(&mut state.listeners.has_begun, true)
            {
                return;
            }
            state.update.files.clone()
        };
        let argument = || PyList::new(py, files).map(Bound::into_any);
        self.call_listeners(py, Moment::Before, argument);
    }

    /// The update is over.
    pub(super) fn end_reload(&self, py: Python<'_>, has_begun: bool, update: &Update) {
        if update.failures.iter().any(|failure| failure.interrupted) {
            return;
        }
        let argument = || Bound::new(py, UpdateObject::from(update.clone())).map(Bound::into_any);
        if has_begun {
            self.call_listeners(py, Moment::After, argument);
        }
        if !update.failures.is_empty() {
            self.call_listeners(py, Moment::Error, argument);
        }
    }

    fn call_listeners<'py>(
        &self,
        py: Python<'py>,
        moment: Moment,
        argument: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) {
        let called: Vec<_> = {
            let state = self.state();
            let called = state.listeners.known.iter();
            let called = called.filter(|it| it.moment == moment);
            called
                .map(|it| (it.function.bind(py).clone(), it.is_told))
                .collect()
        };
        if called.is_empty() {
            return;
        }
        let argument = match argument() {
            Ok(argument) => argument,
            Err(error) => return error.write_unraisable(py, None),
        };
        for (function, is_told) in called {
            let call = || {
                if is_told {
                    function.call1((&argument,))
                } else {
                    function.call0()
                }
            };
            if let Err(error) = reads::aside(call) {
                error.write_unraisable(py, Some(&function));
            }
        }
    }

    /// A run of `module` has ended: of the listeners `before` it and those it registered, one kind goes.
    pub(super) fn replace_listeners(&self, module: ModuleId, before: &[u64], went_well: bool) {
        let gone = self
            .state()
            .listeners
            .take(|it| it.owner == Some(module) && before.contains(&it.id) == went_well);
        drop(gone);
    }

    /// The module has left the program.
    pub(super) fn forget_listeners(&self, module: ModuleId) {
        let gone = self.state().listeners.take(|it| it.owner == Some(module));
        drop(gone);
    }
}
