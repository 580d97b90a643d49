//! The loader of the user's modules: a `SourceFileLoader` with one method of ours.
//!
//! Everything that people ask a loader for (`get_source`, `get_data`, resource readers) is
//! CPython's own. Ours is `exec_module`, which runs the module as a load of the engine.
#![expect(
    unsafe_code,
    reason = "a C function is a method only through `PyInstanceMethod_New`"
)]

use pyo3::{
    exceptions::PyImportError,
    ffi,
    prelude::*,
    types::{PyDict, PyType},
    wrap_pyfunction,
};

use super::engine::Engine;

unsafe extern "C" {
    /// Missing from pyo3's bindings; part of CPython's C API in every supported version.
    fn PyInstanceMethod_New(function: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// Creates the loader's class.
pub(super) fn create_type(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let base = py
        .import("importlib.machinery")?
        .getattr("SourceFileLoader")?;
    let members = PyDict::new(py);
    members.set_item("__module__", "hmr")?;
    members.set_item(
        "exec_module",
        method(wrap_pyfunction!(exec_module, py)?.as_any())?,
    )?;
    let made = py
        .get_type::<PyType>()
        .call1(("SourceFileLoader", (base,), members))?;
    Ok(made.cast_into::<PyType>()?)
}

/// Wraps a C function so that an instance's attribute lookup binds it.
fn method<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `function` is a live callable; the result is a new reference or null.
    unsafe {
        let method = PyInstanceMethod_New(function.as_ptr());
        Bound::from_owned_ptr_or_err(function.py(), method)
    }
}

#[pyfunction]
fn exec_module(loader: &Bound<'_, PyAny>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    running()?.import(loader, module)
}

fn running() -> PyResult<&'static Engine> {
    Engine::get().ok_or_else(|| PyImportError::new_err("hmr's engine is not installed"))
}
