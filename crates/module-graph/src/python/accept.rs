//! `hmr.accept`: modules at which a change of certain others stops.
//!
//! The module that accepts does not run again for what changed in the modules that it names. Its
//! callback is called with them instead, once they have settled. It may pass the change on
//! (`hmr.invalidate`): then the module runs again as ever, and who reads from it is told.
//!
//! Kept true: a change that reaches the module in any other way makes it run; what the callback binds in
//! the module is told to who reads it; one that raises is as good as one that passes the change on.

use std::{cell::Cell, sync::Arc};

use pyo3::{
    exceptions::{PyRuntimeError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyList, PyModule, PyString},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    engine::{Engine, State},
    errors::forgive,
    frames, reads,
    sys_modules::sys_modules,
};
use crate::{ModuleId, ModuleName};

thread_local! {
    /// Whether the callback that runs on this thread has passed the change on; `None`: there is none.
    static IS_PASSED_ON: Cell<Option<bool>> = const { Cell::new(None) };
}

/// What modules accept.
#[derive(Debug, Default)]
pub(super) struct Acceptors {
    of: FxHashMap<ModuleId, Vec<Arc<Acceptor>>>,
    next: u64,
    /// Those that the batch has called.
    called: FxHashSet<u64>,
    /// The modules whose changes the running entry has passed on.
    pub(super) entry_reached: Vec<ModuleName>,
}

#[derive(Debug)]
struct Acceptor {
    id: u64,
    modules: Vec<String>,
    /// It wants them as a list.
    is_list: bool,
    callback: Py<PyAny>,
}

impl Acceptors {
    pub(super) fn begin_batch(&mut self) {
        self.called.clear();
        self.entry_reached.clear();
    }

    /// How many the module has.
    pub(super) fn count(&self, module: ModuleId) -> usize {
        self.of.get(&module).map_or(0, Vec::len)
    }

    /// Those of `module` that name one of `changed` and have not been called.
    fn due(&self, module: ModuleId, changed: &[ModuleName]) -> Vec<Arc<Acceptor>> {
        let known = self.of.get(&module).into_iter().flatten();
        known
            .filter(|it| !self.called.contains(&it.id) && it.names_any(changed))
            .cloned()
            .collect()
    }

    fn accepts(&self, module: ModuleId, changed: &ModuleName) -> bool {
        let mut known = self.of.get(&module).into_iter().flatten();
        known.any(|it| it.names_any(std::slice::from_ref(changed)))
    }
}

impl Acceptor {
    fn names_any(&self, changed: &[ModuleName]) -> bool {
        let is_named = |module: &ModuleName| self.modules.iter().any(|it| it == module.as_str());
        changed.iter().any(is_named)
    }

    /// The modules that changed: one, or a list with `None` for those that did not.
    fn argument<'py>(
        &self,
        py: Python<'py>,
        changed: &[ModuleName],
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut found = Vec::new();
        for name in &self.modules {
            let has_changed = changed.iter().any(|it| it.as_str() == name);
            found.push(if has_changed {
                sys_modules(py).get_item(name)?
            } else {
                None
            });
        }
        match found.as_slice() {
            [Some(only)] if !self.is_list => Ok(only.clone()),
            _ => Ok(PyList::new(py, found)?.into_any()),
        }
    }
}

/// A change of `modules` (a name or a module, or several of them) stops at the module that is loading, or
/// whose code runs, and `callback` is called with what changed. Without an engine nothing happens.
///
/// # Errors
///
/// `TypeError` if the callback cannot be called, or `modules` are something else; `ValueError` for a
/// relative name outside of a package, or no module at all.
pub fn accept(modules: &Bound<'_, PyAny>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = modules.py();
    if !callback.is_callable() {
        let class = callback.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "accept needs something to call with what changed, not {class}"
        )));
    }
    let one = name_of("accept", modules)?;
    let is_list = one.is_none();
    let names = match one {
        Some(name) => vec![name],
        None => names_of(modules)?,
    };
    if names.is_empty() {
        return Err(PyValueError::new_err("accept needs a module to accept"));
    }
    let Some(engine) = Engine::get() else {
        return Ok(());
    };
    let Some(owner) = engine.acting_module(py) else {
        return Ok(());
    };
    let mut state = engine.state();
    state.acceptors.next += 1;
    let acceptor = Acceptor {
        id: state.acceptors.next,
        modules: names,
        is_list,
        callback: callback.clone().unbind(),
    };
    let known = state.acceptors.of.entry(owner).or_default();
    known.push(Arc::new(acceptor));
    Ok(())
}

fn names_of(modules: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wrong = |it: &Bound<'_, PyAny>| {
        let class = it.get_type().name()?;
        PyResult::Ok(PyTypeError::new_err(format!(
            "accept needs modules or their names, not {class}"
        )))
    };
    let Ok(several) = modules.try_iter() else {
        return Err(wrong(modules)?);
    };
    let mut names = Vec::new();
    for module in several {
        let module = module?;
        match name_of("accept", &module)? {
            Some(name) => names.push(name),
            None => return Err(wrong(&module)?),
        }
    }
    Ok(names)
}

/// The full name of a module that is given to `function` as itself or by name, relative ones as `import`
/// has them.
pub(super) fn name_of(function: &str, module: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = module.py();
    if let Ok(module) = module.cast::<PyModule>() {
        return Ok(Some(module.name()?.to_string()));
    }
    let Ok(name) = module.cast::<PyString>() else {
        return Ok(None);
    };
    let name = name.to_str()?;
    if !name.starts_with('.') {
        return Ok(Some(name.to_owned()));
    }
    let package: Option<String> = match frames::namespace(py) {
        Some(namespace) => namespace.call_method1("get", ("__package__",))?.extract()?,
        None => None,
    };
    let Some(package) = package.filter(|package| !package.is_empty()) else {
        return Err(PyValueError::new_err(format!(
            "{function} knows no package for the relative name {name:?}: give the full name"
        )));
    };
    let resolve = py.import("importlib.util")?.getattr("resolve_name")?;
    let full = reads::aside(|| resolve.call1((name, package)));
    full.map_err(|error| PyValueError::new_err(error.value(py).to_string()))?
        .extract()
        .map(Some)
}

/// From a callback of [`accept`]: the module that accepted runs again after all. Without an engine nothing
/// happens.
///
/// # Errors
///
/// `RuntimeError` outside of such a callback.
pub fn invalidate() -> PyResult<()> {
    if Engine::get().is_none() {
        return Ok(());
    }
    if IS_PASSED_ON.get().is_none() {
        return Err(PyRuntimeError::new_err(
            "invalidate() passes on what a callback of accept() was called for: call it there",
        ));
    }
    IS_PASSED_ON.set(Some(true));
    Ok(())
}

impl State {
    /// What has changed that `module` has read, if all of it is in modules that it accepts.
    fn acceptable(&self, module: ModuleId) -> Option<Vec<ModuleName>> {
        let slot = &self.slots[module.index()];
        let is_other = self.edited.contains(&module)
            || slot.failed
            || slot.code.is_none()
            || !self.graph.changed_inputs(module).is_empty();
        if is_other || self.acceptors.count(module) == 0 {
            return None;
        }
        let reads = self.graph.changed_reads(module);
        let changed: Vec<_> = reads.into_iter().map(|(of, _)| of).collect();
        let is_accepted = |of: &ModuleName| {
            let known = self.graph.find(of.as_str());
            let is_there = known.is_some_and(|id| self.slots[id.index()].object.is_some());
            is_there && self.acceptors.accepts(module, of)
        };
        (!changed.is_empty() && changed.iter().all(is_accepted)).then_some(changed)
    }

    /// The modules whose names or functions this batch has changed.
    fn changed_modules(&self) -> Vec<ModuleName> {
        let has_failed = |of: &ModuleName| self.update.failures.iter().any(|it| it.module == *of);
        let reran = self.update.reran.iter();
        let reran = reran.filter(|it| !it.changed.is_empty() && !has_failed(&it.module));
        let patched = self
            .update
            .patched
            .iter()
            .filter(|it| !it.bodies.is_empty());
        reran
            .map(|it| it.module.clone())
            .chain(patched.map(|it| it.module.clone()))
            .collect()
    }
}

impl Engine {
    /// `module` is about to run again. `true`: it accepts what that would be for, and is up to date.
    pub(super) fn accepts(&self, py: Python<'_>, module: ModuleId) -> bool {
        let Some(changed) = self.state().acceptable(module) else {
            return false;
        };
        let due = self.state().acceptors.due(module, &changed);
        if !self.call_acceptors(py, module, &due, &changed) {
            return false;
        }
        let mut state = self.state();
        // As a run that has read what the last one did.
        let read = state.graph.dependencies(module);
        state.graph.start(module);
        state.graph.carry(module, &read);
        state.graph.finish(module);
        true
    }

    /// Calls those that the batch has not reached by what they read: functions may read it later.
    /// Returns the modules that are to run again.
    pub(super) fn call_waiting_acceptors(&self, py: Python<'_>) -> Vec<ModuleId> {
        let mut waiting: Vec<_> = self.state().acceptors.of.keys().copied().collect();
        waiting.sort_unstable();
        let mut reached = Vec::new();
        for module in waiting {
            let (due, changed) = {
                let state = self.state();
                let changed = state.changed_modules();
                let is_there = state.slots[module.index()].object.is_some();
                if state.runs_of(module) > 0 || !is_there || state.interrupted {
                    continue;
                }
                (state.acceptors.due(module, &changed), changed)
            };
            if due.is_empty() || self.call_acceptors(py, module, &due, &changed) {
                continue;
            }
            // The entry, if it runs, is restarted.
            if !(self.is_entry(module) && self.is_entry_running()) {
                reached.push(module);
            }
        }
        reached
    }

    /// Whether the running entry accepts all of these changes.
    pub(super) fn accepts_reads(&self, entry: ModuleId, reads: &[(ModuleName, String)]) -> bool {
        let state = self.state();
        let mut changed = reads.iter().map(|(of, _)| of);
        changed.all(|of| state.acceptors.accepts(entry, of))
    }

    /// Whether the change ends here.
    fn call_acceptors(
        &self,
        py: Python<'_>,
        module: ModuleId,
        due: &[Arc<Acceptor>],
        changed: &[ModuleName],
    ) -> bool {
        self.begin_reload(py);
        let namespace = self.namespace(py, module);
        let before = namespace.as_ref().and_then(|it| forgive(py, it.copy()));
        let mut ends_here = true;
        for acceptor in due {
            self.state().acceptors.called.insert(acceptor.id);
            let around = IS_PASSED_ON.replace(Some(false));
            let called = acceptor.argument(py, changed).and_then(|argument| {
                reads::aside(|| acceptor.callback.bind(py).call1((argument,)))
            });
            let is_passed_on = IS_PASSED_ON.replace(around).unwrap_or(false);
            ends_here &= called.is_ok() && !is_passed_on;
            if let Err(error) = called {
                error.write_unraisable(py, Some(acceptor.callback.bind(py)));
            }
        }
        if let (Some(before), Some(now)) = (before, namespace) {
            let rebound = forgive(py, rebound(&before, &now)).unwrap_or_default();
            let mut state = self.state();
            for name in rebound {
                state.graph.name_changed(module, &name);
            }
        }
        let name = self.state().graph.name(module).clone();
        if ends_here {
            self.state().update.accepted.push(name);
        } else if self.is_entry(module) && self.is_entry_running() {
            self.state().acceptors.entry_reached = changed.to_vec();
        }
        ends_here
    }

    /// A run of `module` has ended: of the acceptors of `before` and those it registered, one kind goes.
    pub(super) fn replace_acceptors(&self, module: ModuleId, before: usize, went_well: bool) {
        let gone: Vec<_> = {
            let mut state = self.state();
            let Some(known) = state.acceptors.of.get_mut(&module) else {
                return;
            };
            let before = before.min(known.len());
            let gone = if went_well {
                0..before
            } else {
                before..known.len()
            };
            let gone = known.drain(gone).collect();
            if known.is_empty() {
                state.acceptors.of.remove(&module);
            }
            gone
        };
        drop(gone);
    }

    /// The module has left the program.
    pub(super) fn forget_acceptors(&self, module: ModuleId) {
        let gone = self.state().acceptors.of.remove(&module);
        drop(gone);
    }
}

/// The names that are bound to other objects than before, in no order that matters.
fn rebound(before: &Bound<'_, PyDict>, now: &Bound<'_, PyDict>) -> PyResult<Vec<String>> {
    let mut names = Vec::new();
    for (name, value) in now.copy()? {
        let is_same = before.get_item(&name)?.is_some_and(|old| old.is(&value));
        if !is_same && let Ok(name) = name.extract() {
            names.push(name);
        }
    }
    for name in before.keys() {
        if !now.contains(&name)?
            && let Ok(name) = name.extract()
        {
            names.push(name);
        }
    }
    Ok(names)
}
