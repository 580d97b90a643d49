//! `hmr.on_dispose`: how a module ends what it has begun.
//!
//! A hook belongs to the module whose load registers it. It is called once: before that module runs
//! again, when it leaves the program, or at exit. Newest first, as `atexit` has it, and what it reads
//! is nobody's read.
//!
//! Kept true: the hooks of a module are called only when its next run is certain to begin, so not
//! for a file that does not compile; a hook that raises keeps no other from being called.

use pyo3::{exceptions::PyTypeError, prelude::*, wrap_pyfunction};
use rustc_hash::FxHashMap;

use super::{engine::Engine, frames, own, reads};
use crate::ModuleId;

/// The hooks that have not been called, by module, oldest first.
pub(super) type Hooks = FxHashMap<ModuleId, Vec<Py<PyAny>>>;

/// Has the hooks called at exit, after what the program registers with `atexit` itself.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    let at_exit = wrap_pyfunction!(dispose_all, py)?;
    own::import(py, "atexit")?.call_method1("register", (at_exit,))?;
    Ok(())
}

/// Calls `hook`, without arguments, before the module whose load this is runs again, when it leaves,
/// or at exit. Outside of a load it is the module that the calling code belongs to; without an engine,
/// or for code that is not the user's, the hook is called at exit.
///
/// # Errors
///
/// `TypeError` if `hook` cannot be called, and what `atexit` raises.
pub fn on_dispose(hook: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = hook.py();
    if !hook.is_callable() {
        let class = hook.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "on_dispose needs something to call, not {class}"
        )));
    }
    let owner = Engine::get().and_then(|engine| Some((engine, engine.acting_module(py)?)));
    let Some((engine, module)) = owner else {
        own::import(py, "atexit")?.call_method1("register", (hook,))?;
        return Ok(());
    };
    let mut state = engine.state();
    let hooks = state.hooks.entry(module).or_default();
    hooks.push(hook.clone().unbind());
    Ok(())
}

#[pyfunction]
fn dispose_all(py: Python<'_>) {
    if let Some(engine) = Engine::get() {
        engine.dispose_all(py);
    }
}

impl Engine {
    /// The program has come to its end: calls the hooks of all modules, the newest module's first.
    pub fn dispose_all(&self, py: Python<'_>) {
        let mut modules: Vec<_> = self.state().hooks.keys().copied().collect();
        modules.sort_unstable();
        for module in modules.into_iter().rev() {
            self.dispose(py, module);
        }
    }

    /// Calls the hooks of the module, newest first, and forgets them.
    pub(super) fn dispose(&self, py: Python<'_>, module: ModuleId) {
        let hooks = self.state().hooks.remove(&module);
        for hook in hooks.into_iter().flatten().rev() {
            let called = reads::aside(|| hook.bind(py).call0().map(drop));
            if let Err(error) = called {
                error.write_unraisable(py, Some(hook.bind(py)));
            }
        }
    }

    /// The user's module that is loading on this thread, or whose code runs.
    pub(super) fn acting_module(&self, py: Python<'_>) -> Option<ModuleId> {
        reads::current().or_else(|| self.module_of_namespace(&frames::namespace(py)?))
    }

    /// The user's module whose names `namespace` holds.
    pub(super) fn module_of_namespace(&self, namespace: &Bound<'_, PyAny>) -> Option<ModuleId> {
        let name: String = namespace.get_item("__name__").ok()?.extract().ok()?;
        let module = self.state().graph.find(&name)?;
        let known = self.namespace(namespace.py(), module)?;
        known.is(namespace).then_some(module)
    }
}
