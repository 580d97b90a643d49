//! What an object holds, as the garbage collector sees it.
#![expect(
    unsafe_code,
    reason = "the collector's view of an object is in its type's slots"
)]

use std::ffi::{c_int, c_void};

use pyo3::ffi;

/// The address of a Python object that something else keeps alive.
pub(super) type Address = *mut ffi::PyObject;

/// Appends the objects that `object` holds to `found`, one entry for each reference, in the order of
/// its type. Runs no Python code.
///
/// # Safety
///
/// The thread is attached and `object` alive. The addresses are valid as long as nothing changes it.
pub(super) unsafe fn collect(object: Address, found: &mut Vec<Address>) {
    extern "C" fn visit(referent: Address, found: *mut c_void) -> c_int {
        // SAFETY: `found` is what `collect` passes below, and nobody else uses it meanwhile.
        unsafe { (*found.cast::<Vec<Address>>()).push(referent) };
        0
    }
    // SAFETY: the object is alive, so its type is, and a type with this flag can be traversed.
    unsafe {
        if ffi::PyObject_IS_GC(object) == 0 {
            return;
        }
        if let Some(traverse) = (*ffi::Py_TYPE(object)).tp_traverse {
            traverse(object, visit, std::ptr::from_mut(found).cast());
        }
    }
}
