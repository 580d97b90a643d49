//! Which definitions a load executes.
//!
//! To execute a function is to depend on its code, wherever it was found: a module that called `f`
//! runs again when `f` gets another body, one that only holds `f` does not. CPython reports each
//! code object of the user's the first time that a load executes it; `sys.monitoring` does that from
//! 3.12 on, a frame evaluation hook on 3.11. Both cost nothing while nothing loads.
//!
//! Kept true: code is the module's from whose file it says to come. For functions that an older version
//! has left behind, and for two modules with one file, more counts as executed than was, never less.
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

use pyo3::{ffi, intern, prelude::*, types::PyFunction};
use rustc_hash::FxHashMap;

use super::{engine::Engine, frames, units};
use crate::{ModuleId, Read};

pub(super) use hook::{install, loads_began, loads_ended, next_load, tell_of_calls};

impl Engine {
    /// Knows the code of module `id`, and all code in it, as the module's from now on.
    pub(super) fn know_code(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<()> {
        hook::watch(code)?;
        let file = file_of(code)?;
        self.state().code_files.insert(file, id);
        Ok(())
    }

    /// The load of `reader` executes `code` for the first time.
    pub(super) fn first_call(&self, reader: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<()> {
        let (Some(first), others) = self.state().code_files.modules(file_of(code)?) else {
            return Ok(());
        };
        let unit = units::name_of(code)?;
        if unit == "<module>" {
            // The load itself.
            return Ok(());
        }
        let mut state = self.state();
        // An edit of its own file reaches a module anyhow.
        if first == reader || others.contains(&reader) {
            state.graph.record_own(reader, Read::Code(&unit));
            state.graph.read_own(reader, Read::Code(&unit));
            state.slots[reader.index()].executed.insert(unit.clone());
            drop(state);
            return self.executes_own(reader, &unit, code);
        }
        for &of in std::iter::once(&first).chain(&others) {
            state.graph.read(reader, of, Read::Code(&unit));
        }
        drop(state);
        self.may_touch_globals(reader, first, code)
    }
}

impl Engine {
    /// Whether `code` is from the file of module `id`.
    pub(super) fn is_code_of(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<bool> {
        let file = file_of(code)?;
        let state = self.state();
        Ok(modules_of(&state.code_files, file).any(|module| module == id))
    }
}

/// Which modules have code from which file, by the hash that CPython keeps in the file's name.
#[derive(Default)]
pub(super) struct CodeFiles {
    first: FxHashMap<isize, ModuleId>,
    /// The others: a script that is imported as a module too.
    others: Vec<(isize, ModuleId)>,
}

impl CodeFiles {
    fn insert(&mut self, file: isize, id: ModuleId) {
        let first = *self.first.entry(file).or_insert(id);
        if first != id && !self.others.contains(&(file, id)) {
            self.others.push((file, id));
        }
    }

    fn modules(&self, file: isize) -> (Option<ModuleId>, Vec<ModuleId>) {
        let others = self.others.iter().filter(|other| other.0 == file);
        let others = others.map(|other| other.1).collect();
        (self.first.get(&file).copied(), others)
    }
}

/// The modules that have code from the file whose name has this hash.
pub(super) fn modules_of(files: &CodeFiles, file: isize) -> impl Iterator<Item = ModuleId> {
    let (first, others) = files.modules(file);
    first.into_iter().chain(others)
}

fn file_of(code: &Bound<'_, PyAny>) -> PyResult<isize> {
    code.getattr(intern!(code.py(), "co_filename"))?.hash()
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
