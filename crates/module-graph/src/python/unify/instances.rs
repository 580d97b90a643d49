//! Which instances of Python classes are the same: those whose whole state is.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};

use super::{
    super::layout::{self, Layout},
    matching::{Matcher, PairId, same_text},
};

impl<'py> Matcher<'py> {
    /// Compares the state of two instances whose classes match.
    pub(super) fn instance(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let (old_class, new_class) = (old.get_type(), new.get_type());
        if !layout::is_python_class(&new_class)? || layout::has_finalizer(&new_class) {
            return Ok(false);
        }
        let (Some(old_layout), Some(new_layout)) =
            (Layout::of(&old_class)?, Layout::of(&new_class)?)
        else {
            return Ok(false);
        };
        if !layout::are_alike(&old_class, &new_class)
            || !old_layout.base.is(&new_layout.base)
            || old_layout.slots.len() != new_layout.slots.len()
        {
            return Ok(false);
        }
        for ((old_name, old_slot), (new_name, new_slot)) in
            old_layout.slots.iter().zip(&new_layout.slots)
        {
            let same = same_text(old_name, new_name)?
                && match (value_of(old_slot, old), value_of(new_slot, new)) {
                    (Some(old), Some(new)) => self.part(&old, &new, parts)?,
                    (None, None) => true,
                    _ => false,
                };
            if !same {
                return Ok(false);
            }
        }
        if new_layout.has_dict {
            let (Some(old), Some(new)) = (dict_of(old), dict_of(new)) else {
                return Ok(false);
            };
            if !self.entries(&old, &new, parts)? {
                return Ok(false);
            }
        }
        self.payload(&new_layout, old, new, parts)
    }

    /// What instances of subclasses of built-in types hold besides.
    fn payload(
        &mut self,
        layout: &Layout<'py>,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let (py, base) = (new.py(), &layout.base);
        if base.is(py.get_type::<PyAny>()) {
            return Ok(true);
        }
        if base.is(py.get_type::<PyFloat>()) {
            let bits = |value: &Bound<'py, PyAny>| {
                PyResult::Ok(value.cast::<PyFloat>()?.value().to_bits())
            };
            return Ok(bits(old)? == bits(new)?);
        }
        let is_scalar = base.is(py.get_type::<PyInt>())
            || base.is(py.get_type::<PyString>())
            || base.is(py.get_type::<PyBytes>());
        if is_scalar {
            // The base's own comparison, whatever the subclass makes of it.
            return base.call_method1("__eq__", (old, new))?.extract();
        }
        if base.is(py.get_type::<PyTuple>()) {
            let (old, new) = (old.cast::<PyTuple>()?, new.cast::<PyTuple>()?);
            return self.items(old.iter(), new.iter(), parts);
        }
        if base.is(py.get_type::<PyList>()) {
            let (old, new) = (old.cast::<PyList>()?, new.cast::<PyList>()?);
            return self.items(old.iter(), new.iter(), parts);
        }
        if base.is(py.get_type::<PyDict>()) {
            return self.entries(old.cast()?, new.cast()?, parts);
        }
        Ok(false)
    }
}

fn value_of<'py>(
    slot: &Bound<'py, PyAny>,
    instance: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    // The descriptor is CPython's; it raises if the slot is empty.
    slot.call_method1("__get__", (instance,)).ok()
}

/// The instance's own dict, whatever its class says when it is asked for `__dict__`.
#[expect(unsafe_code, reason = "the class may define `__getattribute__`")]
fn dict_of<'py>(instance: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let py = instance.py();
    // SAFETY: the caller knows that the instance has a dict; a new reference or an error comes back.
    let dict = unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            pyo3::ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut()),
        )
    };
    dict.ok()?.cast_into::<PyDict>().ok()
}
