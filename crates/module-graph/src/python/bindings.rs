//! Which names a module's top level may bind, read from its compiled code.
//!
//! Used after a rerun: a name that only the old source binds is one that a fresh start would not
//! have. The rule is static, so a name bound under a condition that has become false stays, and so
//! does what a star import no longer gives.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};
use rustc_hash::FxHashSet;

/// The names that the top level of `code` stores.
pub(super) fn stored_names(code: &Bound<'_, PyAny>) -> PyResult<FxHashSet<String>> {
    let py = code.py();
    let opcodes = py
        .import("opcode")?
        .getattr("opmap")?
        .cast_into::<PyDict>()?;
    let opcode = |name: &str| -> PyResult<u8> {
        opcodes
            .get_item(name)?
            .map_or(Ok(u8::MAX), |value| value.extract())
    };
    let stores = [opcode("STORE_NAME")?, opcode("STORE_GLOBAL")?];
    let extended = opcode("EXTENDED_ARG")?;

    let names = code.getattr("co_names")?.cast_into::<PyTuple>()?;
    let instructions = code.getattr("co_code")?.cast_into::<PyBytes>()?;
    let mut stored = FxHashSet::default();
    let mut high = 0;
    // Two bytes each since 3.6: an opcode and the low byte of its argument.
    for unit in instructions.as_bytes().chunks_exact(2) {
        let argument = high << 8 | usize::from(unit[1]);
        high = if unit[0] == extended { argument } else { 0 };
        if stores.contains(&unit[0]) {
            stored.insert(names.get_item(argument)?.extract()?);
        }
    }
    Ok(stored)
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
            let mut names: Vec<_> = stored_names(&code).expect("code").into_iter().collect();
            names.sort();
            assert_eq!(names.join(" "), "K a d g h i j l m n o");
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
            let names = stored_names(&code).expect("code");
            assert_eq!(names.len(), 600);
            assert!(names.contains("name_0") && names.contains("name_599"));
        });
    }
}
