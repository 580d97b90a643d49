//! Every object that the garbage collector knows.
//!
//! Takes as long as there are objects, and needs no index while nothing is edited.
//!
//! Kept true: while the collector's lists are walked nothing is allocated or freed in them.
#![expect(
    unsafe_code,
    reason = "the collector's lists are read, without the references that `gc.get_objects` makes"
)]

use pyo3::{ffi, prelude::*};
use rustc_hash::FxHashSet;

/// The functions whose code is at one of the addresses.
pub(super) fn functions<'py>(py: Python<'py>, codes: &FxHashSet<usize>) -> Vec<Bound<'py, PyAny>> {
    let mut found = Vec::new();
    objects::visit(py, &mut |object| {
        // SAFETY: the collector's lists hold live objects, and the walk allocates none of them.
        unsafe {
            if ffi::Py_TYPE(object) == &raw mut ffi::PyFunction_Type
                && codes.contains(&(ffi::PyFunction_GetCode(object) as usize))
            {
                found.push(Bound::from_borrowed_ptr(py, object));
            }
        }
    });
    found
}

#[cfg(Py_3_12)]
mod objects {
    use std::ffi::{c_int, c_void};

    use pyo3::{ffi, prelude::*};

    type Visit<'a> = &'a mut dyn FnMut(*mut ffi::PyObject);

    unsafe extern "C" {
        /// Missing from pyo3's bindings; part of CPython since 3.12.
        fn PyUnstable_GC_VisitObjects(
            callback: unsafe extern "C" fn(*mut ffi::PyObject, *mut c_void) -> c_int,
            argument: *mut c_void,
        );
    }

    pub(super) fn visit(_py: Python<'_>, mut look: Visit<'_>) {
        unsafe extern "C" fn call(object: *mut ffi::PyObject, look: *mut c_void) -> c_int {
            // SAFETY: this is what was passed below, and nothing else uses it meanwhile.
            unsafe { (*look.cast::<Visit<'_>>())(object) };
            1
        }
        // SAFETY: the thread is attached; CPython pauses the collector during the call.
        unsafe { PyUnstable_GC_VisitObjects(call, (&raw mut look).cast()) }
    }
}

#[cfg(not(Py_3_12))]
mod objects {
    use pyo3::{ffi, prelude::*, types::PyList};

    /// What stands before each object that the collector of 3.11 knows.
    #[repr(C)]
    struct Head {
        /// The address of the next head. The lists are rings, each with a head of its own.
        next: usize,
        /// The previous one, with two flags in the low bits.
        previous: usize,
    }

    /// A head, a threshold and a count.
    const GENERATION: usize = size_of::<Head>() + 8;

    /// Three generations, a pointer to the first, then the objects that `gc.freeze` has set aside.
    const OFFSETS: [usize; 4] = [0, GENERATION, 2 * GENERATION, 3 * GENERATION + 8];

    pub(super) fn visit(py: Python<'_>, look: &mut dyn FnMut(*mut ffi::PyObject)) {
        // The newest object is the last of the youngest generation: after it comes the ring's head.
        let newest = PyList::empty(py);
        // SAFETY: a list has a collector's head right before it, and 3.11's layout is fixed. Nothing
        // is allocated or freed until the walk ends, so that the rings stay as they are.
        unsafe {
            let head = newest.as_ptr().cast::<Head>().sub(1);
            let youngest = (*head).next;
            for offset in OFFSETS {
                let ring = youngest + offset;
                let mut at = (*(ring as *const Head)).next;
                while at != ring {
                    let head = at as *mut Head;
                    look(head.add(1).cast());
                    at = (*head).next;
                }
            }
        }
    }
}
