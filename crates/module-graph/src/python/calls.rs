//! Which definitions a load executes.
//!
//! To execute a function is to depend on its code, wherever it was found: a module that called `f`
//! runs again when `f` gets another body, one that only holds `f` does not. CPython reports each
//! code object of the user's the first time that a load executes it; `sys.monitoring` does that from
//! 3.12 on, a frame evaluation hook on 3.11. Both cost nothing while nothing loads.
//!
//! Kept true: every code object in the engine's table is alive, for the table's module holds the
//! tree that it is part of; so an address stands for one code object only.
#![expect(
    unsafe_code,
    reason = "called for each executed code object, below what pyo3 can express"
)]

#[cfg(not(Py_3_12))]
#[path = "calls/eval_frame.rs"]
mod hook;
#[cfg(Py_3_12)]
#[path = "calls/monitoring.rs"]
mod hook;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::{ffi, prelude::*, types::PyFunction};

use super::{engine::Engine, frames, units};
use crate::{ModuleId, Read};

pub(super) use hook::{install, loads_began, loads_ended, next_load};

impl Engine {
    /// Knows the code of module `id`, and all code in it, as the module's from now on.
    pub(super) fn know_code(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<()> {
        let codes = units::tree_of(code)?;
        hook::watch(&codes)?;
        let mut state = self.state();
        for code in &codes {
            state.codes.insert(code.as_ptr() as usize, id);
        }
        Ok(())
    }

    /// Forgets a module's code: it is about to be dropped.
    pub(super) fn forget_code(&self, code: &Bound<'_, PyAny>) -> PyResult<()> {
        let codes = units::tree_of(code)?;
        let mut state = self.state();
        for code in &codes {
            state.codes.remove(&(code.as_ptr() as usize));
        }
        Ok(())
    }

    /// The load of `reader` executes `code` for the first time.
    pub(super) fn first_call(&self, reader: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<()> {
        let known = self.state().codes.get(&(code.as_ptr() as usize)).copied();
        let Some(of) = known else { return Ok(()) };
        let unit = units::name_of(code)?;
        let mut state = self.state();
        if of == reader {
            state.slots[of.index()].executed.insert(unit);
        } else {
            state.graph.read(reader, of, Read::Code(&unit));
        }
        Ok(())
    }
}

impl Engine {
    /// The load of `reader` takes the code of `function` into its hands: as good as executed, unless
    /// it is only asked for what an edit of a body leaves as it is.
    pub(super) fn code_read(&self, reader: ModuleId, function: &Bound<'_, PyAny>) -> PyResult<()> {
        if frames::is_inspecting(function.py()) {
            return Ok(());
        }
        match code_of(function) {
            Some(code) => self.first_call(reader, &code),
            None => Ok(()),
        }
    }
}

/// The code of a function, read without being seen to do so; `None` for anything else.
pub(super) fn code_of<'py>(function: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let function = function.cast::<PyFunction>().ok()?;
    // SAFETY: it is a function; the result is borrowed from it, never null.
    Some(unsafe {
        Bound::from_borrowed_ptr(function.py(), ffi::PyFunction_GetCode(function.as_ptr()))
    })
}

/// Notes that the load of `reader` executes `code`, which it has not executed before.
///
/// # Safety
///
/// The thread is attached to the interpreter; `code` is a live code object.
pub(super) unsafe fn note_first(reader: ModuleId, code: *mut ffi::PyObject) {
    // SAFETY: the caller's promise; the code is borrowed for the length of this call.
    let code = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), code) };
    // A panic must not cross into C. A call that could not be noted is lost, and nothing else.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        Engine::get().map(|engine| engine.first_call(reader, &code))
    }));
}
