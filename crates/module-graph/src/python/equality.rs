//! When two values are the same to anybody who reads them.
//!
//! The answer may be "different" for values that are equal, never the other way round: a needless
//! rerun costs milliseconds, a missed one a wrong value. User code (`__eq__`) is never called.

use pyo3::{
    prelude::*,
    types::{
        PyBool, PyBytes, PyCode, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
        PyString, PyTuple,
    },
};

/// How deep containers are compared. Deeper ones, and those that hold themselves, are different.
const DEPTH: usize = 32;

/// How many objects one comparison looks at. Larger values are different: comparing them would cost
/// more than it can save, and values that share parts could take for ever.
const OBJECTS: usize = 100_000;

/// Whether `old` and `new` cannot be told apart, other than by identity.
pub(super) fn same(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    Comparison::new().same(old, new)
}

/// Whether no holder of the value can change it, so that equal ones are interchangeable.
pub(super) fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyComplex>()
}

/// Whether the value, and everything in it, is a scalar: constants of code are such, and one equal
/// to another can stand for it wherever that is held.
pub(super) fn is_constant(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if is_scalar(value) {
        return Ok(true);
    }
    if !value.is_exact_instance_of::<PyTuple>() && !value.is_exact_instance_of::<PyFrozenSet>() {
        return Ok(false);
    }
    for item in value.try_iter()? {
        if !is_constant(&item?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether both are constants, and equal: then either can stand for the other.
pub(super) fn same_constant(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(old.get_type().is(new.get_type()) && is_constant(new)? && same(old, new)?)
}

/// Whether two unordered lists of scalars hold the same. `1 == True`, so the types must match too.
pub(super) fn same_scalars(old: &[Bound<'_, PyAny>], new: &[Bound<'_, PyAny>]) -> PyResult<bool> {
    let print = |members: &[Bound<'_, PyAny>]| -> PyResult<Vec<(String, String)>> {
        let mut printed = Vec::with_capacity(members.len());
        for member in members {
            printed.push((
                member.get_type().name()?.to_string(),
                member.repr()?.to_string(),
            ));
        }
        printed.sort();
        Ok(printed)
    };
    Ok(old.len() == new.len() && print(old)? == print(new)?)
}

/// One comparison, with what is left of its two limits.
struct Comparison {
    depth: usize,
    objects: usize,
}

impl Comparison {
    fn new() -> Self {
        Self {
            depth: DEPTH,
            objects: OBJECTS,
        }
    }

    fn same(&mut self, old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
        if old.is(new) {
            return Ok(true);
        }
        if self.depth == 0 || self.objects == 0 || !old.get_type().is(new.get_type()) {
            return Ok(false);
        }
        self.objects -= 1;
        self.depth -= 1;
        let same = self.same_contents(old, new);
        self.depth += 1;
        same
    }

    fn same_contents(&mut self, old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let (Ok(old), Ok(new)) = (old.cast_exact::<PyFloat>(), new.cast_exact::<PyFloat>()) {
            // Bits: NaN equals itself, and 0.0 differs from -0.0.
            return Ok(old.value().to_bits() == new.value().to_bits());
        }
        if let (Ok(old), Ok(new)) = (old.cast_exact::<PyComplex>(), new.cast_exact::<PyComplex>()) {
            return Ok(old.repr()?.to_str()? == new.repr()?.to_str()?);
        }
        if is_scalar(old) {
            return old.eq(new);
        }
        if let (Ok(old), Ok(new)) = (old.cast_exact::<PyTuple>(), new.cast_exact::<PyTuple>()) {
            return self.same_items(old.iter(), new.iter());
        }
        if let (Ok(old), Ok(new)) = (old.cast_exact::<PyList>(), new.cast_exact::<PyList>()) {
            return self.same_items(old.iter(), new.iter());
        }
        if let (Ok(old), Ok(new)) = (old.cast_exact::<PyDict>(), new.cast_exact::<PyDict>()) {
            // In order: iteration shows it.
            return Ok(self.same_items(old.keys().iter(), new.keys().iter())?
                && self.same_items(old.values().iter(), new.values().iter())?);
        }
        if old.is_exact_instance_of::<PySet>() || old.is_exact_instance_of::<PyFrozenSet>() {
            return same_sets(old, new);
        }
        if old.is_exact_instance_of::<PyCode>() {
            return self.same_code(old, new);
        }
        Ok(false)
    }

    fn same_items<'py>(
        &mut self,
        old: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        new: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        if old.len() != new.len() {
            return Ok(false);
        }
        for (old, new) in old.zip(new) {
            if !self.same(&old, &new)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn same_code(&mut self, old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
        for attribute in CODE_ATTRIBUTES {
            if !self.same(&old.getattr(attribute)?, &new.getattr(attribute)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Sets of scalars with equal members.
fn same_sets(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    let old = old.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let new = new.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    Ok(old.iter().chain(&new).all(is_scalar) && same_scalars(&old, &new)?)
}

/// What makes code objects behave differently. Positions are left out on purpose.
const CODE_ATTRIBUTES: [&str; 13] = [
    "co_name",
    "co_qualname",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_exceptiontable",
    "co_consts",
];

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    fn with<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
        Python::initialize();
        Python::attach(body)
    }

    fn value<'py>(py: Python<'py>, expression: &str) -> Bound<'py, PyAny> {
        let expression = CString::new(expression).expect("no zero byte");
        py.eval(&expression, None, None)
            .expect("a valid expression")
    }

    fn check(old: &str, new: &str, expected: bool) {
        with(|py| {
            let answer = same(&value(py, old), &value(py, new)).expect("no user code runs");
            assert_eq!(answer, expected, "{old} against {new}");
        });
    }

    #[test]
    fn values_of_one_type_with_equal_contents_are_the_same() {
        for (old, new) in [
            ("10**20", "10**19 * 10"),
            ("'a' * 2", "'aa'"),
            ("float('nan')", "float('nan')"),
            ("[1, (2, {'a': b'x'})]", "[1, (2, {'a': b'x'})]"),
            ("{1, 2, 'x'}", "{'x', 2, 1}"),
            ("frozenset([None, True])", "frozenset([True, None])"),
            ("complex(0, 1)", "1j"),
        ] {
            check(old, new, true);
        }
    }

    #[test]
    fn what_a_reader_could_tell_apart_is_different() {
        for (old, new) in [
            ("1", "True"),
            ("1", "1.0"),
            ("0.0", "-0.0"),
            ("[1]", "(1,)"),
            ("[1, 2]", "[2, 1]"),
            ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
            ("{1}", "{True}"),
            ("object()", "object()"),
            ("type('C', (), {})", "type('C', (), {})"),
        ] {
            check(old, new, false);
        }
    }

    #[test]
    fn a_value_that_holds_itself_ends_as_different() {
        let looped = "(lambda l: l.append(l) or l)([])";
        check(looped, looped, false);
    }

    #[test]
    fn values_that_share_parts_are_compared_in_bounded_time() {
        // 2^30 paths through 30 lists.
        let shared = "__import__('functools').reduce(lambda l, _: [l, l], range(30), [])";
        check(shared, shared, false);
    }

    #[test]
    fn equality_of_the_users_is_not_called() {
        let hostile = "type('H', (), {'__eq__': lambda *_: 1 / 0, '__hash__': lambda _: 0})()";
        check(&format!("[{hostile}]"), &format!("[{hostile}]"), false);
        check(&format!("{{{hostile}}}"), &format!("{{{hostile}}}"), false);
    }
}
