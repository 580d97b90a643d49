//! What two versions of a definition's code have in common.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
};

use super::super::{equality, own};

/// The unit of a definition: its qualified name, without what is nested in a function.
pub(super) fn unit_of(code: &Bound<'_, PyAny>) -> PyResult<String> {
    let name: String = code.getattr("co_qualname")?.extract()?;
    Ok(match name.find(".<locals>") {
        Some(end) => name[..end].to_owned(),
        None => name,
    })
}

/// Whether two code objects are called in the same way and can stand in the same function.
pub(super) fn same_shell(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    const SHELL: [&str; 6] = [
        "co_name",
        "co_qualname",
        "co_argcount",
        "co_posonlyargcount",
        "co_kwonlyargcount",
        "co_freevars",
    ];
    if old.is(new) {
        return Ok(true);
    }
    if flags_of(old)? != flags_of(new)? {
        return Ok(false);
    }
    for name in SHELL {
        if !equality::same(&old.getattr(name)?, &new.getattr(name)?)? {
            return Ok(false);
        }
    }
    let parameters = |code: &Bound<'_, PyAny>| -> PyResult<Vec<String>> {
        let flags = flags_of(code)?;
        let count = code.getattr("co_argcount")?.extract::<usize>()?
            + code.getattr("co_kwonlyargcount")?.extract::<usize>()?
            + usize::from(flags & VARARGS != 0)
            + usize::from(flags & VARKEYWORDS != 0);
        let names = code.getattr("co_varnames")?.cast_into::<PyTuple>()?;
        names
            .iter()
            .take(count)
            .map(|name| name.extract())
            .collect()
    };
    Ok(parameters(old)? == parameters(new)?)
}

/// Whether two code objects of one shell do the same when they are called. Where they stand and
/// their docstring do not count.
pub(super) fn same_body(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    const BODY: [&str; 6] = [
        "co_code",
        "co_names",
        "co_varnames",
        "co_freevars",
        "co_cellvars",
        "co_exceptiontable",
    ];
    if old.is(new) {
        return Ok(true);
    }
    for name in BODY {
        if !equality::same(&old.getattr(name)?, &new.getattr(name)?)? {
            return Ok(false);
        }
    }
    let documented = |constants: &Bound<'_, PyTuple>| {
        let first = constants.get_item(0).ok();
        first.is_some_and(|first| first.is_none() || first.is_exact_instance_of::<PyString>())
    };
    let (mut old_constants, mut new_constants) = (constants_of(old)?, constants_of(new)?);
    // The instructions are the same, so one answer holds for both.
    if documented(&old_constants) && documented(&new_constants) && !loads_first_constant(new)? {
        old_constants = old_constants.get_slice(1, old_constants.len());
        new_constants = new_constants.get_slice(1, new_constants.len());
    }
    equality::same(&old_constants, &new_constants)
}

fn constants_of<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    Ok(code.getattr("co_consts")?.cast_into::<PyTuple>()?)
}

/// Whether the code uses its first constant, which is its docstring if it has one.
fn loads_first_constant(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let numbers = own::import(code.py(), "opcode")?
        .getattr("opmap")?
        .cast_into::<PyDict>()?;
    let mut loads = Vec::new();
    for name in ["LOAD_CONST", "RETURN_CONST", "KW_NAMES"] {
        if let Some(number) = numbers.get_item(name)? {
            loads.push(number.extract::<u8>()?);
        }
    }
    let instructions = code.getattr("co_code")?.cast_into::<PyBytes>()?;
    // A wide argument ends in such a byte too: then the answer is on the safe side.
    let mut units = instructions.as_bytes().chunks_exact(2);
    Ok(units.any(|unit| unit[1] == 0 && loads.contains(&unit[0])))
}

/// What kind of callable it is. Whether it has a docstring is one of the flags since 3.13.
fn flags_of(code: &Bound<'_, PyAny>) -> PyResult<u32> {
    const HAS_DOCSTRING: u32 = 0x0400_0000;
    Ok(code.getattr("co_flags")?.extract::<u32>()? & !HAS_DOCSTRING)
}

const VARARGS: u32 = 0x4;
const VARKEYWORDS: u32 = 0x8;

/// Whether a function of this code may get another body and stay. Generated code and annotations
/// stand for what others read without calling them.
pub(super) fn may_change(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let file: String = code.getattr("co_filename")?.extract()?;
    let name: String = code.getattr("co_name")?.extract()?;
    Ok(!file.starts_with('<') && name != "__annotate__")
}
