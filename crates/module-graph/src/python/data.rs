//! `hmr.data`: values that survive reruns of the module that asks for them.
//!
//! Kept true: values are kept by the name of the module whose code asks, whoever has called that, and
//! go with the module's file. No value is dropped while the lock is held, for that may run Python code.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::{exceptions::PyTypeError, prelude::*};
use rustc_hash::FxHashMap;

use super::frames;
use crate::ModuleName;

/// Values by name, for each module.
type Values = FxHashMap<String, FxHashMap<String, Py<PyAny>>>;

static VALUES: Mutex<Option<Values>> = Mutex::new(None);

fn values() -> MutexGuard<'static, Option<Values>> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value called `name` of the module whose code asks. The first time it is what `factory` returns.
///
/// # Errors
///
/// `TypeError` if `factory` cannot be called, and whatever it raises; nothing is kept then.
pub fn data<'py>(name: &str, factory: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = factory.py();
    if !factory.is_callable() {
        let class = factory.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "data needs something to call for the first value, not {class}"
        )));
    }
    let module = match frames::namespace(py) {
        Some(namespace) => namespace.get_item("__name__")?.extract()?,
        None => String::new(),
    };
    if let Some(known) = known(py, &module, name) {
        return Ok(known);
    }
    let made = factory.call0()?;
    let mut values = values();
    let of_module = values.get_or_insert_default().entry(module).or_default();
    // Another thread may have been faster, and its value be in use.
    let kept = of_module.entry(name.to_owned());
    Ok(kept
        .or_insert_with(|| made.clone().unbind())
        .bind(py)
        .clone())
}

fn known<'py>(py: Python<'py>, module: &str, name: &str) -> Option<Bound<'py, PyAny>> {
    let values = values();
    let known = values.as_ref()?.get(module)?.get(name)?;
    Some(known.bind(py).clone())
}

/// The module has left the program, with its values.
pub(super) fn forget(module: &ModuleName) {
    let gone = {
        let mut values = values();
        values
            .as_mut()
            .and_then(|values| values.remove(module.as_str()))
    };
    drop(gone);
}
