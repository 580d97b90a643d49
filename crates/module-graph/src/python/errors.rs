//! Exceptions of the user's code as data.

use pyo3::{
    exceptions::{PyKeyboardInterrupt, PySystemExit},
    prelude::*,
    types::PyDict,
};

use super::own;
use crate::{Exit, Failure, ModuleName};

/// Describes `error`, with which the run of `module` ended. `last` is the traceback of its run before,
/// if that failed.
pub(super) fn describe(
    py: Python<'_>,
    module: ModuleName,
    error: &PyErr,
    last: &str,
    in_color: bool,
) -> Failure {
    let exception = error
        .get_type(py)
        .name()
        .map_or_else(|_| "Exception".into(), |n| n.to_string());
    let plain = format(py, error, false);
    let traceback = plain.unwrap_or_else(|_| format!("{exception}\n"));
    let is_repeated = traceback == last;
    let in_color = in_color && !is_repeated && py.version_info() >= (3, 13);
    let colored = in_color.then(|| format(py, error, true).ok()).flatten();
    Failure {
        module,
        repeated: is_repeated,
        colored,
        interrupted: error.is_instance_of::<PyKeyboardInterrupt>(py),
        exception,
        traceback,
    }
}

/// Drops an error of our own bookkeeping that changes nothing for the program. Ctrl-C may come at
/// any time and is not ours to drop: it is raised again at the next chance.
pub fn forgive<T>(py: Python<'_>, result: PyResult<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
            // Cannot fail: `_thread` is built in.
            let _ = py
                .import("_thread")
                .and_then(|thread| thread.call_method0("interrupt_main"));
            None
        }
        Err(_) => None,
    }
}

fn format(py: Python<'_>, error: &PyErr, in_color: bool) -> PyResult<String> {
    // In three parts: before 3.12 the value does not hold its traceback yet.
    let parts = (error.get_type(py), error.value(py), error.traceback(py));
    let options = PyDict::new(py);
    if in_color {
        options.set_item("colorize", true)?;
    }
    let traceback = own::import(py, "traceback")?;
    let lines = traceback.call_method("format_exception", parts, Some(&options))?;
    let mut text = String::new();
    for line in lines.try_iter()? {
        // Lone surrogates have no UTF-8; CPython's stderr escapes them.
        let line = line?.call_method1("encode", ("utf-8", "backslashreplace"))?;
        text += &String::from_utf8_lossy(line.extract()?);
    }
    Ok(text)
}

/// What CPython would exit with, if `error` asks for that: the code if it is a number, 0 for none,
/// and 1 for anything else, which it prints.
pub fn exit_of(py: Python<'_>, error: &PyErr) -> Option<Exit> {
    if !error.is_instance_of::<PySystemExit>(py) {
        return None;
    }
    let code = error.value(py).getattr("code").ok()?;
    Some(match code.extract() {
        Ok(status) => Exit {
            status,
            message: None,
        },
        Err(_) if code.is_none() => Exit {
            status: 0,
            message: None,
        },
        Err(_) => Exit {
            status: 1,
            message: code.str().ok().map(|text| text.to_string()),
        },
    })
}
