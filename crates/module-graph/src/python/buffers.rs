//! Values of extension types that show their memory: arrays of the standard library and of numpy.
//!
//! Two are the same if their type, format, shape and bytes are. Nothing of the user's runs: a class
//! that defines the buffer protocol in Python is different from any other.
#![expect(unsafe_code, reason = "the buffer protocol is the C API's")]

use std::ffi::CStr;

use pyo3::{ffi, prelude::*};

use super::layout;

/// The largest memory that is compared. Larger values are different.
const BYTES: usize = 64 << 20;

/// Whether both values are of one extension type and hold the same memory.
pub(super) fn same(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !is_extension(new)? || !old.get_type().is(new.get_type()) {
        return Ok(false);
    }
    for value in [old, new] {
        // A view shares its memory with another object, which may not be kept with it.
        let is_view = value
            .getattr_opt("base")?
            .is_some_and(|base| !base.is_none());
        if is_view || value.is_exact_instance_of::<pyo3::types::PyMemoryView>() {
            return Ok(false);
        }
    }
    let (Some(old), Some(new)) = (View::of(old), View::of(new)) else {
        return Ok(false);
    };
    if !old.has_the_form_of(&new) {
        return Ok(false);
    }
    Ok(match (old.bytes(), new.bytes()) {
        (Some(old), Some(new)) => old == new,
        _ => false,
    })
}

/// Whether the type shows memory and is no Python class, so that nothing of the user's answers.
fn is_extension(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: the value is alive, so its type is.
    let shows_memory = unsafe {
        let buffer = (*ffi::Py_TYPE(value.as_ptr())).tp_as_buffer;
        !buffer.is_null() && (*buffer).bf_getbuffer.is_some()
    };
    Ok(shows_memory && !layout::is_python_class(&value.get_type())?)
}

/// A buffer, released when it is dropped.
struct View(Box<ffi::Py_buffer>);

impl View {
    fn of(value: &Bound<'_, PyAny>) -> Option<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: the view is valid to write to; on failure it is left empty.
        let failed = unsafe {
            ffi::PyObject_GetBuffer(value.as_ptr(), &raw mut *view, ffi::PyBUF_FULL_RO) != 0
        };
        if failed {
            let _ = PyErr::take(value.py());
            return None;
        }
        let view = Self(view);
        // Elements that are objects would be compared by address.
        (!view.format().to_bytes().contains(&b'O')).then_some(view)
    }

    fn format(&self) -> &CStr {
        if self.0.format.is_null() {
            return c"B";
        }
        // SAFETY: a format is a C string that lives as long as the view.
        unsafe { CStr::from_ptr(self.0.format) }
    }

    fn shape(&self) -> &[isize] {
        let dimensions = usize::try_from(self.0.ndim).unwrap_or(0);
        if self.0.shape.is_null() || dimensions == 0 {
            return &[];
        }
        // SAFETY: a shape has as many entries as there are dimensions.
        unsafe { std::slice::from_raw_parts(self.0.shape, dimensions) }
    }

    fn has_the_form_of(&self, other: &Self) -> bool {
        self.0.len == other.0.len
            && self.0.itemsize == other.0.itemsize
            && self.0.ndim == other.0.ndim
            && self.0.readonly == other.0.readonly
            && self.format() == other.format()
            && self.shape() == other.shape()
            && (self.is_ordered() && other.is_ordered())
    }

    /// Whether the memory is in the order of the indices. Others look different to their readers.
    fn is_ordered(&self) -> bool {
        // SAFETY: the view is filled.
        unsafe {
            ffi::PyBuffer_IsContiguous(&raw const *self.0, 67 /* b'C' */) != 0
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        let length = usize::try_from(self.0.len).ok()?;
        if length > BYTES {
            return None;
        }
        if length == 0 {
            return Some(&[]);
        }
        // SAFETY: the memory of an ordered view is `len` bytes from `buf`, and stays while it lives.
        Some(unsafe { std::slice::from_raw_parts(self.0.buf.cast(), length) })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: `of` filled it, and this happens once.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.0) }
    }
}
