//! The extension module `hmr._hmr`: the `hmr` command inside the user's own interpreter, and the
//! engine for programs that drive it themselves.
//!
//! Thin on purpose: everything it does is `hmr-cli`'s or `hmr-module-graph`'s.

mod reloader;

use std::ffi::OsString;

use pyo3::prelude::*;

/// The compiled part of the `hmr` package.
#[pymodule]
mod _hmr {
    #[pymodule_export]
    use super::{main, reloader::Reloader};
    #[pymodule_export]
    use hmr_cli::api::{
        accept, cache, captured, data, invalidate, is_hot, on, on_dispose, post_reload, pre_reload,
        prune, sealed,
    };
    #[pymodule_export]
    use hmr_module_graph::python::{Cached, ReloadHook, UpdateObject};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// Run the command with `argv`, whose first item is the command's own name, and return the exit
/// status.
#[pyfunction]
fn main(py: Python<'_>, argv: Vec<OsString>) -> u8 {
    hmr_cli::run_in_wheel(py, argv)
}
