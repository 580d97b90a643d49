//! A module's code by definition: what belongs together, and what it needs of the module.
//!
//! A *unit* is a function or method with everything nested in it, named as `f` or `C.m`: the part of
//! `co_qualname` before `.<locals>`. Definitions of one name (a property's getter and setter) are
//! one unit.

use std::sync::Arc;

use pyo3::{
    prelude::*,
    types::{PyCode, PyTuple},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{equality, opcodes::Opcodes};

/// The code object and all that are nested in it, outermost first.
pub(super) fn tree_of<'py>(code: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found = vec![code.clone()];
    let mut next = 0;
    while let Some(code) = found.get(next) {
        let constants = code
            .getattr(pyo3::intern!(code.py(), "co_consts"))?
            .cast_into::<PyTuple>()?;
        found.extend(
            constants
                .iter()
                .filter(PyAnyMethods::is_exact_instance_of::<PyCode>),
        );
        next += 1;
    }
    Ok(found)
}

/// The name of the unit that `code` belongs to.
pub(super) fn name_of(code: &Bound<'_, PyAny>) -> PyResult<String> {
    let name = code.getattr(pyo3::intern!(code.py(), "co_qualname"))?;
    let name: &str = name.extract()?;
    Ok(outermost(name).to_owned())
}

fn outermost(name: &str) -> &str {
    name.split_once(".<locals>")
        .map_or(name, |(outer, _)| outer)
}

/// Which of the units `executed` do something else in `new` than they did in `old`, because their
/// own code differs, or because they load a global that is among `changed`.
pub(super) fn changed(
    executed: &[Arc<str>],
    old: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    changed: &FxHashSet<&str>,
) -> PyResult<Vec<Arc<str>>> {
    if executed.is_empty() {
        return Ok(Vec::new());
    }
    let old_units = (!old.is(new)).then(|| Units::of(old)).transpose()?;
    let units = Units::of(new)?;
    let mut found = Vec::new();
    for unit in executed {
        let is_other = match &old_units {
            Some(old_units) => !units.same(old_units, unit)?,
            None => false,
        };
        if is_other || is_named(unit, changed) || units.loads_any(unit, changed)? {
            found.push(unit.clone());
        }
    }
    Ok(found)
}

/// The code objects of each of the units.
pub(super) fn codes_of<'py>(
    units: &[Arc<str>],
    code: &Bound<'py, PyAny>,
) -> PyResult<Vec<Vec<Bound<'py, PyAny>>>> {
    let tree = Units::of(code)?;
    Ok(units.iter().map(|unit| tree.codes(unit).to_vec()).collect())
}

/// Which of the units have one of `names` in their code.
pub(super) fn that_mention(
    units: &[Arc<str>],
    code: &Bound<'_, PyAny>,
    names: &[&str],
) -> PyResult<Vec<Arc<str>>> {
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let tree = Units::of(code)?;
    let mut found = Vec::new();
    for unit in units {
        for code in tree.codes(unit) {
            if has_name(code, names)? {
                found.push(unit.clone());
                break;
            }
        }
    }
    Ok(found)
}

/// Whether the code, or code in it, has one of `names`.
pub(super) fn mentions(code: &Bound<'_, PyAny>, names: &[&str]) -> PyResult<bool> {
    for code in tree_of(code)? {
        if has_name(&code, names)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `changed` holds the top-level name that the unit is part of.
pub(super) fn is_named(unit: &str, changed: &FxHashSet<&str>) -> bool {
    changed.contains(unit.split('.').next().unwrap_or(unit))
}

/// The code objects of one tree, by unit.
struct Units<'py>(FxHashMap<String, Vec<Bound<'py, PyAny>>>);

impl<'py> Units<'py> {
    fn of(code: &Bound<'py, PyAny>) -> PyResult<Self> {
        let mut units: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for code in tree_of(code)? {
            units.entry(name_of(&code)?).or_default().push(code);
        }
        Ok(Self(units))
    }

    fn codes(&self, unit: &str) -> &[Bound<'py, PyAny>] {
        self.0.get(unit).map_or(&[], Vec::as_slice)
    }

    fn same(&self, other: &Self, unit: &str) -> PyResult<bool> {
        let (ours, theirs) = (self.codes(unit), other.codes(unit));
        if ours.len() != theirs.len() {
            return Ok(false);
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            if !equality::same(theirs, ours)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the unit loads a global of `names`, or may load any.
    fn loads_any(&self, unit: &str, names: &FxHashSet<&str>) -> PyResult<bool> {
        if names.is_empty() {
            return Ok(false);
        }
        for code in self.codes(unit) {
            let opcodes = Opcodes::of_interpreter(code.py())?;
            let mut loads = opcodes.globals_loaded(code)?.into_iter();
            if loads.any(|name| names.contains(name.as_str())) || has_name(code, &REFLECTION)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The globals that the units load, in whatever order; `None` if they may load any.
pub(super) fn globals_of(
    names: &[String],
    code: &Bound<'_, PyAny>,
) -> PyResult<Option<FxHashSet<String>>> {
    let opcodes = Opcodes::of_interpreter(code.py())?;
    let tree = Units::of(code)?;
    let mut found = FxHashSet::default();
    for code in names.iter().flat_map(|unit| tree.codes(unit)) {
        if has_name(code, &REFLECTION)? {
            return Ok(None);
        }
        found.extend(opcodes.globals_loaded(code)?);
    }
    Ok(Some(found))
}

fn has_name(code: &Bound<'_, PyAny>, names: &[&str]) -> PyResult<bool> {
    let read = Opcodes::of_interpreter(code.py())?.names_read(code)?;
    Ok(read.iter().any(|name| names.contains(&name.as_str())))
}

/// Names of functions that give code a namespace as an object, or run code of their own in it.
const REFLECTION: [&str; 9] = [
    "eval",
    "exec",
    "globals",
    "locals",
    "vars",
    "dir",
    "__import__",
    "_getframe",
    "currentframe",
];
