//! The standard library's modules for the engine's own use.
//!
//! A project may hold a `traceback.py` or a `select.py`. Its programs must find that one, as they do
//! under python, and the engine must not: it imports with the search path from before the program's
//! folder was put there.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};

static SEARCH_PATH: OnceLock<Py<PyList>> = OnceLock::new();
static IMPORTED: OnceLock<Py<PyDict>> = OnceLock::new();

/// Takes the search path as it is now, before any program runs.
pub(super) fn remember_search_path(py: Python<'_>) -> PyResult<()> {
    let path = py.import("sys")?.getattr("path")?.cast_into::<PyList>()?;
    let copy = PyList::new(py, path)?;
    // Only the first program of a process changes the path.
    let _ = SEARCH_PATH.set(copy.unbind());
    Ok(())
}

/// The standard library's module `name`, whatever the program has put in `sys.modules` or first on
/// `sys.path`.
///
/// # Errors
///
/// What importing it raises: this interpreter has no such module.
pub fn import<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let imported = IMPORTED.get_or_init(|| PyDict::new(py).unbind()).bind(py);
    if let Some(module) = imported.get_item(name)? {
        return Ok(module);
    }
    let module = match SEARCH_PATH.get() {
        _ if is_standard(py, name)? => py.import(name)?.into_any(),
        Some(path) if has_other_threads(py)? => load_from(py, name, path.bind(py))?,
        Some(path) => import_from(py, name, path.bind(py))?,
        None => py.import(name)?.into_any(),
    };
    imported.set_item(name, &module)?;
    Ok(module)
}

/// Whether `import name` gives the standard library's module, the very one that the program has: it is
/// loaded already, or built in, so that no file is looked for.
fn is_standard(py: Python<'_>, name: &str) -> PyResult<bool> {
    let sys = py.import("sys")?;
    let modules = sys.getattr("modules")?.cast_into::<PyDict>()?;
    let Some(loaded) = modules.get_item(name)? else {
        return sys.getattr("builtin_module_names")?.contains(name);
    };
    let names = loaded.cast::<PyModule>().map(PyModuleMethods::dict)?;
    if let Some(file) = names.get_item("__file__")? {
        let folder: PathBuf = py.import("os")?.getattr("__file__")?.extract()?;
        let file: PathBuf = file.extract()?;
        return Ok(folder
            .parent()
            .is_some_and(|folder| file.starts_with(folder) && !is_installed(&file)));
    }
    let Some(spec) = names.get_item("__spec__")?.filter(|spec| !spec.is_none()) else {
        return Ok(false);
    };
    let origin = spec.getattr("origin")?;
    let origin = origin.extract::<&str>().unwrap_or_default();
    Ok(matches!(origin, "built-in" | "frozen"))
}

fn is_installed(file: &Path) -> bool {
    let is_packages = |name: &std::ffi::OsStr| name == "site-packages" || name == "dist-packages";
    file.iter().any(is_packages)
}

/// Whether threads of the program may import meanwhile, which must find its own search path.
fn has_other_threads(py: Python<'_>) -> PyResult<bool> {
    let count: usize = py.import("_thread")?.call_method0("_count")?.extract()?;
    Ok(count > 0)
}

/// Loads the module beside what the program has, without touching that. What it imports in turn may
/// be the program's.
fn load_from<'py>(
    py: Python<'py>,
    name: &str,
    path: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyAny>> {
    let finder = py.import("importlib.machinery")?.getattr("PathFinder")?;
    let spec = finder.call_method1("find_spec", (name, path))?;
    if spec.is_none() {
        // Built in or frozen: nobody can be in its place.
        return Ok(py.import(name)?.into_any());
    }
    let module = py
        .import("_frozen_importlib")?
        .call_method1("module_from_spec", (&spec,))?;
    spec.getattr("loader")?
        .call_method1("exec_module", (&module,))?;
    Ok(module)
}

fn import_from<'py>(
    py: Python<'py>,
    name: &str,
    path: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyAny>> {
    let sys = py.import("sys")?;
    let modules = sys.getattr("modules")?;
    let programs_path = sys.getattr("path")?;
    let programs_module = modules.call_method1("pop", (name, py.None()))?;
    sys.setattr("path", path)?;
    let module = py.import(name);
    sys.setattr("path", programs_path)?;
    if !programs_module.is_none() {
        modules.set_item(name, programs_module)?;
    }
    Ok(module?.into_any())
}
