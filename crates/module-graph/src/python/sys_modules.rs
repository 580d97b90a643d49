//! The modules that imports find.
//!
//! Kept true: what is asked is the interpreter's own dict, whatever the program has made of the name
//! `sys.modules`.
#![expect(
    unsafe_code,
    reason = "the dict is had at once through the C API alone"
)]

use pyo3::{ffi, prelude::*, types::PyDict};

/// `sys.modules`, or what it was before the program put something else there: what imports use.
pub(super) fn sys_modules(py: Python<'_>) -> Bound<'_, PyDict> {
    // SAFETY: the interpreter owns the dict, and the thread is attached; it is never null.
    unsafe {
        let modules = Bound::from_borrowed_ptr(py, ffi::PyImport_GetModuleDict());
        modules.cast_into_unchecked()
    }
}
