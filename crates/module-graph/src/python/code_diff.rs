//! How a module's new code differs from the code that ran.
//!
//! Compared is what was compiled, not the text: what ran is known exactly, also of modules that came
//! from a bytecode cache and whose text nobody has read. Lines do not count, and neither does where
//! a constant is kept.
//!
//! Kept true: [`CodeDiff::Definitions`] means that running the new code would bind the same names to
//! functions and classes of the same shapes, and that nothing it executes on the way differs.
//! Anything in doubt is [`CodeDiff::Structure`].

use pyo3::{
    intern,
    prelude::*,
    types::{PyCode, PyString, PyTuple},
};
use rustc_hash::FxHashSet;

use super::{
    equality,
    opcodes::{Instruction, Opcodes},
    units,
};
use crate::plan::Cause;

/// What differs.
pub(super) enum CodeDiff<'py> {
    /// At most the insides of definitions that have not been executed.
    Definitions(Definitions<'py>),
    /// Something that runs with the module: what, if it is a function.
    Structure(Option<Cause>),
}

/// The functions of both versions.
#[derive(Default)]
pub(super) struct Definitions<'py> {
    /// Old and new code of each function that is in both, nested ones too.
    pub(super) pairs: Vec<Pair<'py>>,
    /// The units whose code does something else, sorted.
    pub(super) bodies: Vec<String>,
    /// Functions and classes with another docstring, by their qualified names.
    pub(super) docs: Vec<Doc<'py>>,
    /// The classes, with the line that they know of themselves, if this version notes it.
    pub(super) classes: Vec<Class<'py>>,
    /// The module's own new docstring, if it is another one.
    pub(super) module_doc: Option<Doc<'py>>,
}

impl Definitions<'_> {
    /// Whether anything does something else, or says so: not only layout differs.
    pub(super) fn has_news(&self) -> bool {
        !self.bodies.is_empty() || !self.docs.is_empty() || self.module_doc.is_some()
    }
}

/// A function's code before and after.
pub(super) struct Pair<'py> {
    pub(super) old: Bound<'py, PyAny>,
    pub(super) new: Bound<'py, PyAny>,
    /// It does something else.
    pub(super) differs: bool,
}

/// A class and its new line.
pub(super) struct Class<'py> {
    pub(super) qualname: String,
    pub(super) line: Option<Bound<'py, PyAny>>,
}

/// A docstring that differs.
pub(super) struct Doc<'py> {
    pub(super) qualname: String,
    pub(super) new: Option<Bound<'py, PyAny>>,
}

/// What decides whether code may be swapped: the way in which it is called and what it closes over.
const SHELL: [&str; 8] = [
    "co_name",
    "co_qualname",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_freevars",
    "co_exceptiontable",
];

/// What else makes two codes the same, apart from instructions and constants.
const SCOPE: [&str; 3] = ["co_names", "co_varnames", "co_cellvars"];

/// Set if the first constant is the docstring; only since 3.13.
const HAS_DOCSTRING: u64 = 0x400_0000;

/// Set for functions, and not for modules and classes.
const OPTIMIZED: u64 = 1;

/// Compares the code that ran, `old`, with `new`. `executed` are the units that the module's own run
/// has executed.
pub(super) fn diff<'py>(
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    executed: &FxHashSet<String>,
) -> PyResult<CodeDiff<'py>> {
    let mut comparison = Comparison {
        executed,
        found: Definitions::default(),
        cause: None,
    };
    if !comparison.runs_the_same(old, new)? {
        return Ok(CodeDiff::Structure(comparison.cause));
    }
    let mut found = comparison.found;
    found.bodies.sort_unstable();
    found.bodies.dedup();
    Ok(CodeDiff::Definitions(found))
}

struct Comparison<'py, 'a> {
    executed: &'a FxHashSet<String>,
    found: Definitions<'py>,
    /// The function that must not differ as it does.
    cause: Option<Cause>,
}

impl<'py> Comparison<'py, '_> {
    /// Whether code that runs with the module, its own or a class's, does the same. What is defined
    /// on the way may differ on the inside.
    fn runs_the_same(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        if !same_attributes(old, new, &SHELL)? || !same_attributes(old, new, &SCOPE)? {
            return Ok(false);
        }
        let (old_notes, old_steps) = Self::steps(old)?;
        let (new_notes, new_steps) = Self::steps(new)?;
        if !same_docs(old_notes.doc.as_ref(), new_notes.doc.as_ref())? {
            self.note_doc(new, new_notes.doc)?;
        }
        self.found.classes.push(Class {
            qualname: qualname(new)?,
            line: new_notes.line,
        });
        if old_steps.len() != new_steps.len() {
            return Ok(false);
        }
        for (old, new) in old_steps.iter().zip(&new_steps) {
            let same = match (old, new) {
                (Step::Other(old), Step::Other(new)) => old == new,
                (Step::Constant(old_op, old), Step::Constant(new_op, new)) => {
                    old_op == new_op && self.is_same_constant(old, new)?
                }
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the code notes about itself, and everything else that it does.
    fn steps(code: &Bound<'py, PyAny>) -> PyResult<(Notes<'py>, Vec<Step<'py>>)> {
        let py = code.py();
        let opcodes = Opcodes::of_interpreter(py)?;
        let names = code
            .getattr(intern!(py, "co_names"))?
            .cast_into::<PyTuple>()?;
        let mut notes = Notes::default();
        let mut steps: Vec<Step<'_>> = Vec::new();
        for instruction in opcodes.instructions(code)? {
            match instruction {
                Instruction::Constant(opcode, constant) => {
                    steps.push(Step::Constant(opcode, constant));
                }
                Instruction::Other(opcode, argument) => {
                    if opcodes.is_store_name(opcode) {
                        let name = names.get_item(argument)?;
                        let name: &str = name.extract()?;
                        if let Some(Step::Constant(_, constant)) =
                            steps.pop_if(|step| step.is_noted_as(name))
                        {
                            match name {
                                "__doc__" => notes.doc = Some(constant),
                                "__firstlineno__" => notes.line = Some(constant),
                                _ => {}
                            }
                            continue;
                        }
                    }
                    steps.push(Step::Other((opcode, argument)));
                }
            }
        }
        Ok((notes, steps))
    }

    fn is_same_constant(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        if old.is(new) {
            // Compiled only once: see `splice`.
            return Ok(true);
        }
        if !old.is_exact_instance_of::<PyCode>() || !new.is_exact_instance_of::<PyCode>() {
            return equality::same(old, new);
        }
        if flags(old)? & OPTIMIZED == 0 || is_part_of_the_run(old)? {
            return self.runs_the_same(old, new);
        }
        self.is_same_function(old, new)
    }

    /// Whether a function may stand for the other: it may differ on the inside if nothing has
    /// executed it yet.
    fn is_same_function(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let (old_doc, new_doc) = (docstring(old)?, docstring(new)?);
        let differs = !same_code(old, new)?;
        if differs {
            let is_callable_alike = same_attributes(old, new, &SHELL[..SHELL.len() - 1])?
                && parameters(old)?.eq(parameters(new)?)?;
            let unit = units::name_of(new)?;
            let is_lazy = unit.contains("__annotate__") || is_evaluator(new)?;
            if is_lazy {
                return Ok(false);
            }
            if !is_callable_alike {
                self.cause = Some(Cause::Shape(unit));
                return Ok(false);
            }
            if self.executed.contains(&unit) {
                self.cause = Some(Cause::Executed(unit));
                return Ok(false);
            }
            self.found.bodies.push(unit);
        }
        if !same_docs(old_doc.as_ref(), new_doc.as_ref())? {
            self.note_doc(new, new_doc)?;
        }
        self.pair(old, new, differs)?;
        Ok(true)
    }

    /// Notes both codes, and those nested in them that have a counterpart.
    fn pair(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        differs: bool,
    ) -> PyResult<()> {
        let mut open = vec![(old.clone(), new.clone(), differs)];
        while let Some((old, new, differs)) = open.pop() {
            let mut candidates = nested(&new)?;
            for old in nested(&old)? {
                let mut found = None;
                for (place, new) in candidates.iter().enumerate() {
                    if same_attributes(&old, new, &SHELL[..SHELL.len() - 1])? {
                        found = Some(place);
                        break;
                    }
                }
                if let Some(place) = found {
                    let new = candidates.remove(place);
                    let differs = !same_code(&old, &new)?;
                    open.push((old, new, differs));
                }
            }
            self.found.pairs.push(Pair { old, new, differs });
        }
        Ok(())
    }

    fn note_doc(
        &mut self,
        code: &Bound<'py, PyAny>,
        new: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let qualname = qualname(code)?;
        let is_module = qualname == "<module>";
        let doc = Doc { qualname, new };
        if is_module {
            self.found.module_doc = Some(doc);
        } else {
            self.found.docs.push(doc);
        }
        Ok(())
    }
}

/// What code notes about itself.
#[derive(Default)]
struct Notes<'py> {
    doc: Option<Bound<'py, PyAny>>,
    line: Option<Bound<'py, PyAny>>,
}

/// One thing that code which runs with a module does.
enum Step<'py> {
    Constant(u8, Bound<'py, PyAny>),
    Other((u8, usize)),
}

impl Step<'_> {
    /// Whether storing this under `name` is CPython's note about a definition, and not the program's
    /// doing: the docstring, the line of a class, the attributes that its methods set.
    fn is_noted_as(&self, name: &str) -> bool {
        let Self::Constant(_, value) = self else {
            return false;
        };
        match name {
            "__doc__" => value.is_exact_instance_of::<PyString>(),
            "__firstlineno__" => value.is_exact_instance_of::<pyo3::types::PyInt>(),
            "__static_attributes__" => value.is_exact_instance_of::<PyTuple>(),
            _ => false,
        }
    }
}

/// Whether the code is what a `type` statement stands for, of which the alias keeps what it once gave.
/// Since 3.14 it has a parameter that no function of the program's can have.
fn is_evaluator(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let names = code.getattr(intern!(code.py(), "co_varnames"))?;
    let names = names.cast_into::<PyTuple>()?;
    let first = names.get_item(0).ok();
    Ok(first.is_some_and(|name| name.extract::<&str>().is_ok_and(|name| name == ".format")))
}

/// Whether two functions do the same, wherever they stand and whatever their docstrings are.
fn same_code(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !same_attributes(old, new, &SHELL)? || !same_attributes(old, new, &SCOPE)? {
        return Ok(false);
    }
    let opcodes = Opcodes::of_interpreter(new.py())?;
    let (old_steps, new_steps) = (opcodes.instructions(old)?, opcodes.instructions(new)?);
    if old_steps.len() != new_steps.len() {
        return Ok(false);
    }
    for (old, new) in old_steps.iter().zip(&new_steps) {
        let same = match (old, new) {
            (Instruction::Other(old_op, old), Instruction::Other(new_op, new)) => {
                (old_op, old) == (new_op, new)
            }
            (Instruction::Constant(old_op, old), Instruction::Constant(new_op, new)) => {
                let both_code =
                    old.is_exact_instance_of::<PyCode>() && new.is_exact_instance_of::<PyCode>();
                old_op == new_op
                    && if both_code {
                        same_code(old, new)?
                            && same_docs(docstring(old)?.as_ref(), docstring(new)?.as_ref())?
                    } else {
                        equality::same(old, new)?
                    }
            }
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_attributes(
    old: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    names: &[&str],
) -> PyResult<bool> {
    for &name in names {
        let same = if name == "co_flags" {
            flags(old)? & !HAS_DOCSTRING == flags(new)? & !HAS_DOCSTRING
        } else {
            equality::same(&old.getattr(name)?, &new.getattr(name)?)?
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_docs(old: Option<&Bound<'_, PyAny>>, new: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    match (old, new) {
        (Some(old), Some(new)) => equality::same(old, new),
        (None, None) => Ok(true),
        _ => Ok(false),
    }
}

/// The docstring of a function's code.
fn docstring<'py>(code: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = code.py();
    if py.version_info() >= (3, 13) && flags(code)? & HAS_DOCSTRING == 0 {
        return Ok(None);
    }
    let constants = code
        .getattr(intern!(py, "co_consts"))?
        .cast_into::<PyTuple>()?;
    let first = constants.iter().next();
    Ok(first.filter(PyAnyMethods::is_exact_instance_of::<PyString>))
}

/// The names by which a function can be called.
fn parameters<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let count = |name: &str| code.getattr(name)?.extract::<usize>();
    // `co_argcount` holds those that are positional only.
    let mut total = count("co_argcount")? + count("co_kwonlyargcount")?;
    let flags = flags(code)?;
    total += usize::from(flags & 0x4 != 0) + usize::from(flags & 0x8 != 0);
    let names = code.getattr("co_varnames")?.cast_into::<PyTuple>()?;
    Ok(names.get_slice(0, total))
}

fn qualname(code: &Bound<'_, PyAny>) -> PyResult<String> {
    code.getattr(intern!(code.py(), "co_qualname"))?.extract()
}

fn flags(code: &Bound<'_, PyAny>) -> PyResult<u64> {
    code.getattr(intern!(code.py(), "co_flags"))?.extract()
}

/// Whether a function is CPython's own way to run a part of a statement: the scope of its type
/// parameters.
fn is_part_of_the_run(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = code.getattr(intern!(code.py(), "co_name"))?;
    Ok(name.extract::<&str>()?.starts_with("<generic parameters"))
}

fn nested<'py>(code: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let constants = code
        .getattr(intern!(code.py(), "co_consts"))?
        .cast_into::<PyTuple>()?;
    let codes = constants
        .iter()
        .filter(PyAnyMethods::is_exact_instance_of::<PyCode>);
    Ok(codes.collect())
}
