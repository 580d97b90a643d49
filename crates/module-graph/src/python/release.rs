//! Modules that the program has dropped, and such as it uses no more.
//!
//! The engine holds a module so that it can run again. One that nobody else holds, and that imports
//! find no more, goes as it would under plain Python, only later: each new module has two others
//! looked at, each update a thousand.
//!
//! A module that is out of date and that nobody alive imports does not run: a cold start would not run
//! it either. It goes at once, so that a function that imports it later finds it new.
//!
//! Kept true: what is let go is dropped without the lock, for that runs Python code.
#![expect(
    unsafe_code,
    reason = "reference counts are had through the C API alone"
)]

use std::sync::Arc;

use pyo3::{ffi, prelude::*, types::PyModule};

use hmr_signals::graph::State as NodeState;

use super::{
    engine::{Engine, State},
    errors::forgive,
    splice::Reading,
    sys_modules::sys_modules,
    writes,
};
use crate::{ModuleId, ModuleName};

/// How many modules one update looks at.
pub(super) const PER_UPDATE: usize = 1_000;

/// How many modules one new module has looked at.
pub(super) const PER_MODULE: usize = 2;

/// What was kept of a module that has gone: its object, its code, and what others have written into it. Drop it without the lock.
pub(super) type Released = (
    Py<PyModule>,
    [Option<Py<PyAny>>; 2],
    Option<Arc<Reading>>,
    Option<writes::Names>,
);

impl State {
    /// Forgets the object of a module that is loaded no more, and its code.
    #[must_use]
    pub(super) fn release(&mut self, id: ModuleId) -> Option<Released> {
        let slot = &mut self.slots[id.index()];
        let object = slot.object.take()?;
        let codes = [slot.code.take(), slot.compiled.take()];
        let reading = slot.reading.take();
        slot.bindings = None;
        self.forget_object(id, &object);
        let written = self.writes.take_into(id);
        Some((object, codes, reading, written))
    }

    /// The next modules in turn that only the engine holds.
    fn unheld(&mut self, count: usize) -> Vec<(ModuleId, ModuleName)> {
        let first = if self.looked_at < self.slots.len() {
            self.looked_at
        } else {
            0
        };
        self.looked_at = first + count;
        let is_unheld = |id: &ModuleId| {
            let object = self.slots[id.index()].object.as_ref();
            // SAFETY: the slot holds the object, and the caller the interpreter's lock.
            object.is_some_and(|object| unsafe { ffi::Py_REFCNT(object.as_ptr()) } == 1)
        };
        let next = (first..first + count).map_while(|index| self.graph.nth(index));
        let next = next.filter(is_unheld);
        next.map(|id| (id, self.graph.name(id).clone())).collect()
    }
}

impl Engine {
    /// Looks at the next `count` modules in turn, and lets those go that the program has dropped.
    pub(super) fn let_go_of_dropped(&self, py: Python<'_>, count: usize) {
        let unheld = self.state().unheld(count);
        for (id, name) in unheld {
            if is_found_by_imports(py, &name) {
                // Another object has its name; the next edit of the file makes that anew.
                continue;
            }
            let released = self.state().release(id);
            drop(released);
            self.forget_listeners(id);
            self.forget_acceptors(id);
        }
    }
}

impl State {
    /// The modules that have been marked, that nobody alive imports and that are loaded still. None
    /// while a module that failed waits: what its next run will import is not known.
    fn take_unused(&mut self) -> Vec<ModuleId> {
        if self.failed.iter().any(|&id| self.is_alive(id)) {
            return Vec::new();
        }
        let noted = std::mem::take(&mut self.unused);
        let is_unused = |id: &ModuleId| {
            let is_outdated =
                matches!(self.graph.state(*id), NodeState::Pending | NodeState::Dirty);
            is_outdated
                && self.slots[id.index()].object.is_some()
                && !self.is_alive(*id)
                && !self.has_live_submodule(*id)
        };
        noted.into_iter().filter(is_unused).collect()
    }

    /// CPython does not tell that an import of a loaded submodule has asked for the package.
    fn has_live_submodule(&self, package: ModuleId) -> bool {
        let below = self.graph.below(self.graph.name(package));
        let is_loaded = |id: ModuleId| self.slots[id.index()].object.is_some();
        below
            .into_iter()
            .any(|id| id != package && is_loaded(id) && self.is_alive(id))
    }
}

impl Engine {
    /// Takes modules that are out of date and that nobody alive imports out of the program.
    pub(super) fn let_go_of_unused(&self, py: Python<'_>) {
        let unused = self.state().take_unused();
        for id in unused {
            self.unload(py, id);
        }
    }

    /// Takes one module out of the program, as if it had never been imported. Whoever imports it is
    /// told. Returns whether it was loaded.
    pub(super) fn unload(&self, py: Python<'_>, id: ModuleId) -> bool {
        if self.state().slots[id.index()].object.is_some() {
            self.end_module(py, id);
        }
        let (name, released) = {
            let mut state = self.state();
            state.graph.module_changed(id);
            (state.graph.name(id).clone(), state.release(id))
        };
        let Some((object, ..)) = &released else {
            return false;
        };
        forgive(py, forget_module(py, &name, object.bind(py)));
        true
    }
}

fn forget_module(py: Python<'_>, name: &ModuleName, object: &Bound<'_, PyModule>) -> PyResult<()> {
    let modules = sys_modules(py);
    let found = modules.get_item(name.as_str())?;
    if found.is_some_and(|found| found.is(object)) {
        modules.del_item(name.as_str())?;
    }
    if let Some(parent) = name.parent()
        && let Some(parent) = modules.get_item(parent)?
        && parent
            .getattr_opt(name.tail())?
            .is_some_and(|child| child.is(object))
    {
        parent.delattr(name.tail())?;
    }
    Ok(())
}

fn is_found_by_imports(py: Python<'_>, name: &ModuleName) -> bool {
    let found = sys_modules(py).contains(name.as_str());
    forgive(py, found).unwrap_or(true)
}
