//! What a program under `hmr` may ask of it: the functions of the Python package `hmr`.
//!
//! The wheel brings a package of that name; the binary has a module of that name built in.

use hmr_module_graph::python;
use pyo3::prelude::*;

/// Call `hook`, without arguments, before the module that is loading runs again, when it leaves the
/// program, and at exit, whichever comes first. Returns `hook`, so that it can be a decorator.
///
/// Hooks are called newest first, and not for a save that does not compile. Without `hmr` around the
/// program they are called at exit. Raises `TypeError` if `hook` cannot be called.
#[pyfunction]
#[expect(clippy::missing_errors_doc, reason = "the text is Python's")]
pub fn on_dispose(hook: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    python::on_dispose(&hook)?;
    Ok(hook)
}

/// The module `hmr` of the binary.
#[pymodule(name = "hmr")]
pub mod built_in {
    #[pymodule_export]
    use super::on_dispose;

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
