//! Exceptions of the user's code as data.

use pyo3::{
    exceptions::{PyKeyboardInterrupt, PySystemExit},
    prelude::*,
};

use crate::{Failure, ModuleName};

/// Describes `error`, with which the run of `module` ended. `last` is the traceback that was shown
/// for the module's last failure.
pub(super) fn describe(py: Python<'_>, module: ModuleName, error: &PyErr, last: &str) -> Failure {
    let exception = error
        .get_type(py)
        .name()
        .map_or_else(|_| "Exception".into(), |n| n.to_string());
    let traceback = format(py, error).unwrap_or_else(|_| format!("{exception}\n"));
    Failure {
        module,
        repeated: traceback == last,
        exit_status: exit_status(py, error),
        interrupted: error.is_instance_of::<PyKeyboardInterrupt>(py),
        exception,
        traceback,
    }
}

fn format(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    // In three parts: before 3.12 the value does not hold its traceback yet.
    let parts = (error.get_type(py), error.value(py), error.traceback(py));
    let lines = py
        .import("traceback")?
        .call_method1("format_exception", parts)?;
    lines
        .try_iter()?
        .map(|line| line?.extract::<String>())
        .collect()
}

/// The status that CPython would exit with: the code if it is a number, 0 for none, and 1 for
/// anything else.
fn exit_status(py: Python<'_>, error: &PyErr) -> Option<i32> {
    if !error.is_instance_of::<PySystemExit>(py) {
        return None;
    }
    let code = error.value(py).getattr("code").ok()?;
    Some(if code.is_none() {
        0
    } else {
        code.extract().unwrap_or(1)
    })
}
