//! SIGTERM, where the program does not handle it: the program ends by it as under python, but the
//! dispose hooks and `atexit` handlers are called first.

use std::sync::atomic::{AtomicBool, Ordering};

use hmr_module_graph::python::{forgive, import_own};
use pyo3::{exceptions::PySystemExit, prelude::*, types::PyCFunction};

use crate::reload::flush_output;

/// 128 and the signal's number: what a program that swallows `SystemExit` may see of it.
const STATUS: u8 = 143;

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Sets the handler, unless somebody has set one.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let signal = py.import("_signal")?;
    let number = signal.getattr("SIGTERM")?;
    let default = signal.getattr("SIG_DFL")?;
    if !signal.call_method1("getsignal", (&number,))?.eq(default)? {
        return Ok(());
    }
    let process = std::process::id();
    let handler = PyCFunction::new_closure(py, Some(c"hmr"), None, move |arguments, _| {
        let py = arguments.py();
        let is_child = std::process::id() != process;
        // A child has no hooks of ours; a program that is asked twice has not listened.
        if is_child || IS_ASKED.swap(true, Ordering::Relaxed) {
            return end(py, !is_child);
        }
        go_on(py)
    })?;
    signal.call_method1("signal", (number, handler))?;
    Ok(())
}

/// Raises `SystemExit` if the process has been asked to end.
pub(crate) fn go_on(_py: Python<'_>) -> PyResult<()> {
    if is_asked() {
        return Err(PySystemExit::new_err(STATUS));
    }
    Ok(())
}

pub(crate) fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// Calls what was registered for the end, dispose hooks among it.
pub(crate) fn run_hooks(py: Python<'_>) -> PyResult<()> {
    forgive(py, import_own(py, "atexit")?.call_method0("_run_exitfuncs"));
    flush_output(py)
}

/// Ends the process by the signal, after the hooks if `calls_hooks`.
pub(crate) fn end(py: Python<'_>, calls_hooks: bool) -> PyResult<()> {
    if calls_hooks {
        forgive(py, run_hooks(py));
    }
    let signal = py.import("_signal")?;
    let number = signal.getattr("SIGTERM")?;
    signal.call_method1("signal", (&number, signal.getattr("SIG_DFL")?))?;
    signal.call_method1("raise_signal", (number,))?;
    Ok(())
}
