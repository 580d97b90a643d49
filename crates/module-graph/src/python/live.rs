//! Every live function that runs given code, wherever it is held.
//!
//! Nearly all hang in their module's namespace. Who holds a code object can be counted: the code that
//! it is nested in, the functions that run it. Once the functions found explain all its references,
//! there are no others, and nothing else has to be looked at. Where they do not, all objects of the
//! heap are.
//!
//! Kept true: no function is missed. What cannot be explained is looked for in the whole heap.

mod heap;
mod walk;

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::code_diff::Pair;

/// What was found, and how.
pub(super) struct Live<'py> {
    /// The functions, each once.
    pub(super) functions: Vec<Bound<'py, PyAny>>,
    /// That these are all was shown by counting; the heap has not been looked at.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests ask how"))]
    pub(super) was_proved: bool,
}

/// Finds the functions that run the old code of one of `pairs`, which `module` consists of: the code
/// of the module's last run in `namespace`.
pub(super) fn find<'py>(
    pairs: &[Pair<'py>],
    module: &Bound<'py, PyAny>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Live<'py>> {
    let proved = walk::functions(pairs, module, namespace)?;
    let was_proved = proved.is_some();
    let functions = proved.unwrap_or_else(|| {
        let address = |pair: &Pair<'_>| pair.old.as_ptr() as usize;
        let codes: FxHashSet<_> = pairs.iter().map(address).collect();
        heap::functions(namespace.py(), &codes)
    });
    Ok(Live {
        functions,
        was_proved,
    })
}

#[cfg(test)]
mod tests;
