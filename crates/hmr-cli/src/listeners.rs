//! Sockets on which the entry's last run still listens when it has ended: the next run wants the ports.
//!
//! A socket is the entry's if one of its names holds it, or holds an object that has it as an attribute
//! (a server), and no other module holds the same: those do not run again. What a function of the entry
//! held has gone with its frame.

use std::collections::HashSet;

use hmr_module_graph::python::forgive;
use pyo3::{
    prelude::*,
    types::{PyDict, PyModule, PyType},
};

/// Closes them.
pub(crate) fn close(py: Python<'_>) -> PyResult<()> {
    let modules = py
        .import("sys")?
        .getattr("modules")?
        .cast_into::<PyDict>()?;
    let (Some(sockets), Some(main)) = (
        modules.get_item("_socket")?,
        modules.get_item("__main__")?.and_then(namespace_of),
    ) else {
        return Ok(());
    };
    let mut found = Vec::new();
    for value in main.values() {
        for listener in listeners_of(&sockets, &value)? {
            found.push((value.clone(), listener));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let others = held_by_others(&modules);
    for (value, listener) in found {
        if !others.contains(&address(&value)) && !others.contains(&address(&listener)) {
            forgive(py, listener.call_method0("close"));
        }
    }
    Ok(())
}

/// The sockets that listen among `value` and its attributes.
fn listeners_of<'py>(
    sockets: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyModule>() || value.is_instance_of::<PyType>() {
        return Ok(Vec::new());
    }
    let class = sockets.getattr("socket")?;
    let mut candidates = vec![value.clone()];
    if let Some(attributes) = attributes_of(value) {
        candidates.extend(attributes.values());
    }
    let listens = |socket: &Bound<'py, PyAny>| {
        let option = (
            socket,
            sockets.getattr("SOL_SOCKET")?,
            sockets.getattr("SO_ACCEPTCONN")?,
        );
        class.call_method1("getsockopt", option)?.is_truthy()
    };
    let mut found = Vec::new();
    for candidate in candidates {
        // One that is closed already raises.
        if candidate.is_instance(&class)? && listens(&candidate).unwrap_or(false) {
            found.push(candidate);
        }
    }
    Ok(found)
}

/// The object's own attributes, past whatever its class makes of attribute access.
fn attributes_of<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let plain = value.py().get_type::<PyAny>();
    let attributes = plain.call_method1("__getattribute__", (value, "__dict__"));
    attributes.ok()?.cast_into().ok()
}

fn namespace_of(module: Bound<'_, PyAny>) -> Option<Bound<'_, PyDict>> {
    Some(module.cast_into::<PyModule>().ok()?.dict())
}

/// The addresses of what modules other than the entry have under a name.
fn held_by_others(modules: &Bound<'_, PyDict>) -> HashSet<usize> {
    let mut held = HashSet::new();
    for (name, module) in modules {
        let is_main = name.eq("__main__").unwrap_or(false);
        let namespace = namespace_of(module).filter(|_| !is_main);
        held.extend(namespace.into_iter().flat_map(|names| {
            let values = names.values();
            values
                .iter()
                .map(|value| address(&value))
                .collect::<Vec<_>>()
        }));
    }
    held
}

fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}
