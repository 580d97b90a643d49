//! Modules that the program has dropped.
//!
//! The engine holds a module so that it can run again. One that nobody else holds, and that imports
//! find no more, goes as it would under plain Python, only later: each new module has two others
//! looked at, each update a thousand.
//!
//! Kept true: what is let go is dropped without the lock, for that runs Python code.
#![expect(
    unsafe_code,
    reason = "reference counts are had through the C API alone"
)]

use std::sync::Arc;

use pyo3::{ffi, prelude::*, types::PyModule};

use super::{
    engine::{Engine, State},
    errors::forgive,
    splice::Reading,
    sys_modules::sys_modules,
};
use crate::{ModuleId, ModuleName};

/// How many modules one update looks at.
pub(super) const PER_UPDATE: usize = 1_000;

/// How many modules one new module has looked at.
pub(super) const PER_MODULE: usize = 2;

/// What was kept of a module that has gone: its object, and its code. Drop it without the lock.
pub(super) type Released = (Py<PyModule>, [Option<Py<PyAny>>; 2], Option<Arc<Reading>>);

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
        Some((object, codes, reading))
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

fn is_found_by_imports(py: Python<'_>, name: &ModuleName) -> bool {
    let found = sys_modules(py).contains(name.as_str());
    forgive(py, found).unwrap_or(true)
}
