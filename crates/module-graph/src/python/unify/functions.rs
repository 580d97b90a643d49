//! Which functions are the same definition before and after: all but the body must match.
//!
//! What callers and decorators see of a function without calling it (its name, signature, defaults,
//! annotations, attributes, closure) is compared; the body may differ, for the old function takes
//! the new code. Two closures hold the same variables if their cells match.

use pyo3::{
    prelude::*,
    types::{PyDict, PyFunction, PyString, PyTuple},
};

use super::{
    super::{calls::code_of, equality},
    code,
    matching::{Matcher, PairId, same_text},
};

/// What differs between two functions that match.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionEdit {
    pub(super) body: bool,
    pub(super) doc: bool,
    /// It is `functools.singledispatch`'s, which remembers what it found.
    pub(super) dispatches: bool,
}

impl<'py> Matcher<'py> {
    /// Compares two functions; `None` if one cannot stand for the other.
    pub(super) fn function(
        &mut self,
        old: &Bound<'py, PyFunction>,
        new: &Bound<'py, PyFunction>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<Option<FunctionEdit>> {
        let (Some(old_code), Some(new_code)) = (code_of(old), code_of(new)) else {
            return Ok(None);
        };
        let globals = new.getattr("__globals__")?;
        if !code::same_shell(&old_code, &new_code)?
            || !self.globals(&old.getattr("__globals__")?, &globals, parts)?
        {
            return Ok(None);
        }
        let body = !code::same_body(&old_code, &new_code)?;
        if body && !code::may_change(&new_code)? {
            return Ok(None);
        }
        for name in ["__name__", "__qualname__", "__module__"] {
            if !same_text(&old.getattr(name)?, &new.getattr(name)?)? {
                return Ok(None);
            }
        }
        for name in ["__defaults__", "__kwdefaults__", "__type_params__"] {
            if !self.attribute(name, old, new, parts)? {
                return Ok(None);
            }
        }
        let dispatches = is_dispatcher(&new_code, &globals)?;
        let same = self.annotations(old, new, parts)?
            && self.function_dict(old, new, dispatches, parts)?
            && self.closure(old, new, &new_code, dispatches, parts)?;
        if !same {
            return Ok(None);
        }
        let doc = !equality::same(&old.getattr("__doc__")?, &new.getattr("__doc__")?)?;
        Ok(Some(FunctionEdit {
            body,
            doc,
            dispatches,
        }))
    }

    /// Generated functions may have globals of their own, which are a part like any other; those of
    /// two modules are not.
    fn globals(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        Ok(old.is(new)
            || (!new.cast::<PyDict>()?.contains("__spec__")? && self.part(old, new, parts)?))
    }

    /// Since 3.14 annotations are a function that has not been called yet, and calling it would run
    /// code of the user's.
    fn annotations(
        &mut self,
        old: &Bound<'py, PyFunction>,
        new: &Bound<'py, PyFunction>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let lazy = (
            old.getattr_opt("__annotate__")?,
            new.getattr_opt("__annotate__")?,
        );
        if let (Some(old_lazy), Some(new_lazy)) = lazy
            && !(old_lazy.is_none() && new_lazy.is_none())
        {
            return self.part(&old_lazy, &new_lazy, parts);
        }
        self.attribute("__annotations__", old, new, parts)
    }

    fn function_dict(
        &mut self,
        old: &Bound<'py, PyFunction>,
        new: &Bound<'py, PyFunction>,
        dispatches: bool,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let old = old.getattr("__dict__")?.cast_into::<PyDict>()?;
        let new = new.getattr("__dict__")?.cast_into::<PyDict>()?;
        if old.is_empty() && new.is_empty() {
            return Ok(true);
        }
        if !dispatches {
            return self.part(&old, &new, parts);
        }
        let (old, new) = (old.copy()?, new.copy()?);
        for entries in [&old, &new] {
            if entries.contains("_clear_cache")? {
                entries.del_item("_clear_cache")?;
            }
        }
        self.entries(&old, &new, parts)
    }

    fn closure(
        &mut self,
        old: &Bound<'py, PyFunction>,
        new: &Bound<'py, PyFunction>,
        code: &Bound<'py, PyAny>,
        dispatches: bool,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let (old, new) = (old.getattr("__closure__")?, new.getattr("__closure__")?);
        let (Ok(old), Ok(new)) = (old.cast::<PyTuple>(), new.cast::<PyTuple>()) else {
            return Ok(old.is_none() && new.is_none());
        };
        let variables = code.getattr("co_freevars")?.cast_into::<PyTuple>()?;
        if old.len() != new.len() || old.len() != variables.len() {
            return Ok(false);
        }
        for ((variable, old), new) in variables.iter().zip(old).zip(new) {
            let variable = variable.cast_into::<PyString>()?;
            let variable = variable.to_cow()?;
            let same = match &*variable {
                // Nobody assigns to it: what is in it counts, and who shares it does not.
                "__class__" => self.contents_of_cells(&old, &new, parts)?,
                "__classdict__" => self.class_scopes(&old, &new, parts)?,
                "dispatch_cache" | "cache_token" if dispatches => true,
                _ => self.part(&old, &new, parts)?,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Annotations look names up in the dict of their class, or in the scope that became it.
    fn class_scopes(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let (old, new) = (old.getattr("cell_contents")?, new.getattr("cell_contents")?);
        if self.pair_of(new.as_ptr()).is_some() {
            return self.part(&old, &new, parts);
        }
        let (Ok(old), Ok(new)) = (old.cast::<PyDict>(), new.cast::<PyDict>()) else {
            return Ok(false);
        };
        let (old, new) = (old.copy()?, new.copy()?);
        for scope in [&old, &new] {
            for name in [
                "__firstlineno__",
                "__static_attributes__",
                "__classdictcell__",
            ] {
                if scope.contains(name)? {
                    scope.del_item(name)?;
                }
            }
        }
        self.entries(&old, &new, parts)
    }

    fn contents_of_cells(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        match (old.getattr("cell_contents"), new.getattr("cell_contents")) {
            (Ok(old), Ok(new)) => self.part(&old, &new, parts),
            _ => Ok(false),
        }
    }
}

fn is_dispatcher(code: &Bound<'_, PyAny>, globals: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = code.getattr("co_qualname")?.cast_into::<PyString>()?;
    if !name.to_cow()?.starts_with("singledispatch.<locals>.") {
        return Ok(false);
    }
    let functools = super::super::own::import(code.py(), "functools")?;
    Ok(functools.getattr("__dict__")?.is(globals))
}
