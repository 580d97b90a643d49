//! The code of an edited file, of which only the edited definitions are compiled.
//!
//! Compiling takes longer than all the rest of an update, and an edit mostly touches one definition.
//! If nothing else has changed or moved, the code of the others is still what it was: it is kept, and
//! the new code of the edited ones takes the place of the old.
//!
//! Kept true: every function and class of the result is what compiling the whole file would give. Only
//! the columns at which the module's own code ends an edited definition are those of before, so that
//! the result is there to be looked into, and not to be run.

use std::{fmt::Write as _, sync::Arc};

use pyo3::{
    intern,
    prelude::*,
    types::{PyCode, PyDict, PyTuple},
};

use super::keep::Kept;
use crate::{
    diff::Difference,
    outline::{Outline, Statement},
};

/// What a module's code was compiled from.
pub(super) struct Reading {
    pub(super) code: Py<PyAny>,
    pub(super) outline: Outline,
    /// The statements that were not compiled as they are.
    pub(super) kept: Kept,
    /// The text, if it may be asked for: see [`statements`](super::statements).
    pub(super) text: Option<Arc<str>>,
}

/// Flags of code that say which `__future__` features it was compiled with.
const FUTURE: u32 = 0x1FE_0000;

/// The code of `text`, whose outline is `new`, from that of the reading before. `None`: it has to be
/// compiled as a whole.
pub(super) fn splice<'py>(
    compile: &Bound<'py, PyAny>,
    before: &Reading,
    new: &Outline,
    text: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let code = before.code.bind(compile.py());
    let old = &before.outline;
    match Difference::between(old, new) {
        Difference::Nothing => return Ok(Some(code.clone())),
        Difference::Definitions(found) if !found.module_doc => {}
        _ => return Ok(None),
    }
    let mut constants = Constants::of(code)?;
    // Nothing was added, removed or reordered.
    for (old, new_one) in old.statements.iter().zip(&new.statements) {
        if old.positions == new_one.positions && old.print == new_one.print {
            continue;
        }
        let is_edited_in_place =
            old.print != new_one.print && old.lines.start() == new_one.lines.start();
        if !is_edited_in_place || new_one.definition().is_none() {
            return Ok(None);
        }
        let part = compile_one(compile, code, new_one, &new.imports, text)?;
        if !constants.replace(old, new_one, &Constants::of(&part)?)? {
            return Ok(None);
        }
    }
    constants.into_code(code).map(Some)
}

/// `whole` with the code of the functions that `ran` has made: of the same text, of which not all was
/// compiled to run.
pub(super) fn graft<'py>(
    whole: &Bound<'py, PyAny>,
    ran: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut constants = Constants::of(whole)?;
    let mut live = Constants::of(ran)?.0;
    live.retain(PyAnyMethods::is_exact_instance_of::<PyCode>);
    for constant in &mut constants.0 {
        if !constant.is_exact_instance_of::<PyCode>() {
            continue;
        }
        for (at, code) in live.iter().enumerate() {
            if code.eq(&*constant)? {
                *constant = live.remove(at);
                break;
            }
        }
    }
    constants.into_code(whole)
}

/// Compiles one statement, with everything around it that its code depends on.
fn compile_one<'py>(
    compile: &Bound<'py, PyAny>,
    module: &Bound<'py, PyAny>,
    statement: &Statement,
    imports: &[String],
    text: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = compile.py();
    let lines_before = *statement.lines.start() as usize - 1;
    let mut source = "\n".repeat(lines_before);
    source.push_str(&text[statement.bytes.clone()]);
    if !imports.is_empty() {
        // Never run. A string takes no error.
        let _ = write!(source, "\nimport {}\n", imports.join(", "));
    }
    let flags: u32 = module.getattr(intern!(py, "co_flags"))?.extract()?;
    let options = PyDict::new(py);
    options.set_item(intern!(py, "dont_inherit"), true)?;
    options.set_item(intern!(py, "flags"), flags & FUTURE)?;
    let file = module.getattr(intern!(py, "co_filename"))?;
    compile.call((source, file, "exec"), Some(&options))
}

/// The constants of a module's code. Among them is the code of each definition.
struct Constants<'py>(Vec<Bound<'py, PyAny>>);

impl<'py> Constants<'py> {
    fn of(code: &Bound<'py, PyAny>) -> PyResult<Self> {
        let constants = code
            .getattr(intern!(code.py(), "co_consts"))?
            .cast_into::<PyTuple>()?;
        Ok(Self(constants.iter().collect()))
    }

    /// The places of the code of what stands in these lines, in order.
    fn in_lines(&self, statement: &Statement) -> PyResult<Vec<usize>> {
        let mut found = Vec::new();
        for (place, constant) in self.0.iter().enumerate() {
            if constant.is_exact_instance_of::<PyCode>() {
                let line = constant.getattr(intern!(constant.py(), "co_firstlineno"))?;
                if statement.lines.contains(&line.extract()?) {
                    found.push(place);
                }
            }
        }
        Ok(found)
    }

    /// Puts the code of `new` from `part` in the place of that of `old`. `false`: it is not the code of
    /// the same things.
    fn replace(&mut self, old: &Statement, new: &Statement, part: &Self) -> PyResult<bool> {
        let (places, parts) = (self.in_lines(old)?, part.in_lines(new)?);
        if places.is_empty() || places.len() != parts.len() {
            return Ok(false);
        }
        for (place, part) in places
            .into_iter()
            .zip(parts.into_iter().map(|at| &part.0[at]))
        {
            let name = intern!(part.py(), "co_qualname");
            if !self.0[place].getattr(name)?.eq(part.getattr(name)?)? {
                return Ok(false);
            }
            self.0[place] = part.clone();
        }
        Ok(true)
    }

    /// `module` with these constants.
    fn into_code(self, module: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = module.py();
        let changes = PyDict::new(py);
        changes.set_item(intern!(py, "co_consts"), PyTuple::new(py, self.0)?)?;
        module.call_method(intern!(py, "replace"), (), Some(&changes))
    }
}

#[cfg(test)]
mod tests;
