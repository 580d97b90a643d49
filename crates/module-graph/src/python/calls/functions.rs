//! Functions that tell when they are called, on CPython 3.12 and later.
//!
//! A function is called through a pointer of its own. One that a cache wraps gets another there: a call
//! of it, and no look into the cache, is what makes places count anew that a load has executed before.
#![expect(
    unsafe_code,
    reason = "a function is called through a pointer of its C struct"
)]

use std::sync::OnceLock;

use pyo3::{ffi, prelude::*, types::PyFunction};

use crate::python::reads;

unsafe extern "C" {
    fn PyFunction_SetVectorcall(function: *mut ffi::PyObject, call: ffi::vectorcallfunc);
}

/// How CPython calls functions.
static PLAIN: OnceLock<ffi::vectorcallfunc> = OnceLock::new();

/// From now on `function` is called through [`call`].
pub(super) fn stand_in(function: &Bound<'_, PyAny>) {
    if !function.is_exact_instance_of::<PyFunction>() {
        return;
    }
    // SAFETY: it is a function, alive, and the thread attached.
    unsafe {
        let Some(plain) = ffi::PyVectorcall_Function(function.as_ptr()) else {
            return;
        };
        let known = *PLAIN.get_or_init(|| plain);
        // One that somebody else has given another way is left with that, or has this one already.
        if std::ptr::fn_addr_eq(known, plain) {
            PyFunction_SetVectorcall(function.as_ptr(), call);
        }
    }
}

unsafe extern "C" fn call(
    function: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this attached, and its arguments are handed on as they are.
    unsafe {
        if reads::begins_computing() {
            super::next_load(Python::assume_attached());
        }
        match PLAIN.get() {
            Some(plain) => plain(function, arguments, count, names),
            None => std::ptr::null_mut(),
        }
    }
}
