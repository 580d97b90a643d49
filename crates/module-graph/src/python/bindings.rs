//! Which names a module may bind, read from its compiled code.
//!
//! A rerun records what it binds at the top level. What it cannot record is told here: which names
//! functions bind through `global`, and what the first run, which nothing recorded, must have bound.

use pyo3::{
    intern,
    prelude::*,
    types::{PyCode, PyString, PyTuple},
};
use rustc_hash::FxHashSet;

use super::opcodes::{Opcodes, Store};

/// The names that a module's code stores.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// Stored by the top level itself.
    pub(super) top_level: FxHashSet<String>,
    /// Stored as globals, anywhere in the module.
    pub(super) global: FxHashSet<String>,
    /// The top level has a `from module import *`.
    pub(super) star_import: bool,
    /// What the top level may do besides.
    pub(super) reflection: Reflection,
    /// Whether functions and classes may do as much.
    pub(super) inner_reflection: bool,
}

impl Bindings {
    /// Whether names may be bound that are not in here.
    pub(super) fn are_open(&self) -> bool {
        self.star_import || self.reflection != Reflection::Nothing || self.inner_reflection
    }

    /// Reads the code of a module and all code nested in it.
    pub(super) fn of(code: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = code.py();
        let opcodes = Opcodes::of_interpreter(py)?;
        let mut found = Self::default();
        let mut pending = vec![code.clone()];
        let mut is_top_level = true;
        while let Some(code) = pending.pop() {
            if is_top_level {
                found.reflection = Reflection::of_top_level(&code)?;
            } else {
                found.inner_reflection |= Reflection::of_inner(&code)? != Reflection::Nothing;
            }
            for (store, name) in opcodes.stores(&code)? {
                if store == Store::Global {
                    found.global.insert(name);
                } else if is_top_level {
                    found.top_level.insert(name);
                }
            }
            let constants = code.getattr(intern!(py, "co_consts"))?;
            for constant in constants.cast::<PyTuple>()?.iter_borrowed() {
                if constant.is_exact_instance_of::<PyCode>() {
                    pending.push(constant.to_owned());
                } else if is_top_level {
                    found.star_import |= is_star(&constant)?;
                }
            }
            is_top_level = false;
        }
        Ok(found)
    }
}

/// Whether a constant is what a star import gives its instruction: `('*',)`. A star can stand at the
/// top level only.
fn is_star(constant: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(names) = constant.cast_exact::<PyTuple>() else {
        return Ok(false);
    };
    if names.len() != 1 {
        return Ok(false);
    }
    let name = names.get_item(0)?;
    Ok(name
        .cast_exact::<PyString>()
        .is_ok_and(|name| name.to_str().is_ok_and(|name| name == "*")))
}

/// Names through which a top level sees its names as an object.
const REFLECTION: [&str; 8] = [
    "globals",
    "locals",
    "vars",
    "dir",
    "exec",
    "eval",
    "__globals__",
    "f_globals",
];

/// Names through which code that has not asked for its names may bind some.
const REACH: [&str; 4] = ["setattr", "modules", "__dict__", "__setattr__"];

/// Names through which a function sees those of its module.
const REFLECTION_IN_FUNCTIONS: [&str; 5] = ["globals", "exec", "eval", "__globals__", "f_globals"];

/// What code may do with the names of its module that its instructions do not tell.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reflection {
    #[default]
    Nothing,
    /// Bind some.
    Binds,
    /// Ask which there are, or bind some.
    Looks,
}

impl Reflection {
    /// Of a module's top level.
    pub(super) fn of_top_level(code: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::by(code, &REFLECTION)
    }

    /// Of code inside of a module.
    pub(super) fn of_inner(code: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::by(code, &REFLECTION_IN_FUNCTIONS)
    }

    fn by(code: &Bound<'_, PyAny>, reflection: &[&str]) -> PyResult<Self> {
        Ok(if mentions(code, reflection)? {
            Self::Looks
        } else if mentions(code, &REACH)? {
            Self::Binds
        } else {
            Self::Nothing
        })
    }
}

fn mentions(code: &Bound<'_, PyAny>, names: &[&str]) -> PyResult<bool> {
    let mentioned = code.getattr(intern!(code.py(), "co_names"))?;
    for name in mentioned.cast::<PyTuple>()?.iter_borrowed() {
        if names.contains(&name.cast::<PyString>()?.to_str()?) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_binding_at_the_top_level_is_found() {
        let source = "
import a, b.c as d
from e import f as g
for h in (): i = 1
with open('x') as j: pass
class K: inside = 1
def l(): local = 1
(m := 1)
try: pass
except E as n: pass
def o():
    global p
    p = 1
";
        Python::initialize();
        Python::attach(|py| {
            let builtins = py.import("builtins").expect("always there");
            let code = builtins
                .call_method1("compile", (source, "x.py", "exec"))
                .expect("valid");
            let bindings = Bindings::of(&code).expect("code");
            let mut names: Vec<_> = bindings.top_level.into_iter().collect();
            names.sort();
            assert_eq!(names.join(" "), "K a d g h i j l m n o");
            assert_eq!(bindings.global.into_iter().collect::<Vec<_>>(), ["p"]);
            assert_eq!(bindings.reflection, Reflection::Nothing);
            assert!(!bindings.star_import);
        });
    }

    #[test]
    fn names_beyond_the_256th_are_told_apart() {
        let lines: Vec<_> = (0..600).map(|n| format!("name_{n} = {n}")).collect();
        let source = lines.join("\n");
        Python::initialize();
        Python::attach(|py| {
            let builtins = py.import("builtins").expect("always there");
            let code = builtins
                .call_method1("compile", (source, "x.py", "exec"))
                .expect("valid");
            let names = Bindings::of(&code).expect("code").top_level;
            assert_eq!(names.len(), 600);
            assert!(names.contains("name_0") && names.contains("name_599"));
        });
    }
}
