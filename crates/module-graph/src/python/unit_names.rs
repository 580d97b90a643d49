//! Units told by name: a stand-in for knowing who executed what.
//!
//! While nobody records which code a module executes, whoever read a name that leads to a function
//! must be taken to have called it. So a name counts as changed if it leads to a function with
//! another body, or to one that loads a global which has changed.

use pyo3::{
    prelude::*,
    types::{PyCode, PyDict, PyString, PyTuple},
};
use rustc_hash::FxHashSet;

use super::{reach::Reach, unify::Changes};

/// All names to tell for `changes`, sorted, and the functions that do something else when called.
pub(super) fn of(
    namespace: &Bound<'_, PyDict>,
    changes: &Changes,
) -> PyResult<(Vec<String>, Vec<Py<PyAny>>)> {
    let py = namespace.py();
    let mut names: FxHashSet<String> = changes.names.iter().cloned().collect();
    let mut stirred: Vec<Py<PyAny>> = changes.patched.iter().map(|f| f.clone_ref(py)).collect();
    if names.is_empty() && stirred.is_empty() {
        return Ok((Vec::new(), stirred));
    }
    let reach = Reach::of(namespace)?;
    let mut calm = Vec::new();
    for function in reach.functions(py) {
        if function.getattr("__globals__")?.is(namespace) {
            calm.push((loads(&function)?, function));
        }
    }
    loop {
        let known = (names.len(), stirred.len());
        let mut still = Vec::new();
        for (loads, function) in calm {
            if loads
                .as_ref()
                .is_some_and(|loads| loads.is_disjoint(&names))
            {
                still.push((loads, function));
            } else {
                stirred.push(function.unbind());
            }
        }
        calm = still;
        let addresses = stirred.iter().map(|f| f.as_ptr() as usize).collect();
        names.extend(reach.names_to(&addresses)?);
        if (names.len(), stirred.len()) == known {
            break;
        }
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    Ok((names, stirred))
}

/// The globals that a function may load; `None` if it can reach any.
fn loads(function: &Bound<'_, PyAny>) -> PyResult<Option<FxHashSet<String>>> {
    let mut names = FxHashSet::default();
    let mut pending = vec![function.getattr("__code__")?];
    while let Some(code) = pending.pop() {
        for name in code.getattr("co_names")?.cast::<PyTuple>()? {
            names.insert(name.cast::<PyString>()?.to_string());
        }
        for constant in code.getattr("co_consts")?.cast::<PyTuple>()? {
            if constant.is_exact_instance_of::<PyCode>() {
                pending.push(constant);
            }
        }
    }
    let known = !REFLECTION.iter().any(|&name| names.contains(name));
    Ok(known.then_some(names))
}

/// Names through which code reaches globals that it does not name.
const REFLECTION: [&str; 7] = [
    "eval",
    "exec",
    "globals",
    "locals",
    "vars",
    "__import__",
    "_getframe",
];
