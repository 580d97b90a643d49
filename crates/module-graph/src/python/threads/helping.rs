//! What a thread runs that a load has started: the program's function, and before and after it ours.
//!
//! Until 3.13 CPython ends daemon threads at exit by `pthread_exit`, which unwinds their frames. That
//! does not get through a frame that catches panics or has something to drop: the process would abort.
//! So what stands between CPython and the program's function is a bare C function. What it calls of ours
//! is never inlined into it, for that would bring landing pads with it.
#![expect(
    unsafe_code,
    reason = "a function that C can unwind is below what pyo3 can express"
)]

use std::{
    ffi::CStr,
    mem::transmute,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::Arc,
};

use pyo3::{ffi, prelude::*, types::PyCapsule};

use super::{Helper, Ticket};

/// What the capsule holds that the C function is bound to.
struct Helped {
    function: Py<PyAny>,
    ticket: Arc<Ticket>,
}

const CAPSULE: &CStr = c"hmr.Helped";

type Help = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// A method definition that all threads may read: nobody ever writes to it.
struct Definition(ffi::PyMethodDef);

// SAFETY: it is never written to, and what it points to is static.
unsafe impl Sync for Definition {}

static DEFINITION: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"help".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer {
        // SAFETY: it is C that calls through the pointer, which says nothing of unwinding.
        PyCFunctionWithKeywords: unsafe { transmute::<Help, ffi::PyCFunctionWithKeywords>(help) },
    },
    ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
    ml_doc: ptr::null(),
});

unsafe extern "C-unwind" {
    /// pyo3's own declaration is of a function that is never unwound.
    fn PyObject_Call(
        function: *mut ffi::PyObject,
        arguments: *mut ffi::PyObject,
        options: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// Calls `function`, and what it does counts as done for the run that the ticket is for.
pub(super) fn function<'py>(
    function: &Bound<'py, PyAny>,
    ticket: Arc<Ticket>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let helped = Helped {
        function: function.clone().unbind(),
        ticket,
    };
    let capsule = PyCapsule::new_with_value(py, helped, CAPSULE)?;
    let definition = (&raw const DEFINITION.0).cast_mut();
    // SAFETY: the definition is static and CPython does not write to it; the function holds the
    // capsule. The result is a new reference or null.
    unsafe {
        let made = ffi::PyCFunction_NewEx(definition, capsule.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

unsafe extern "C-unwind" fn help(
    capsule: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    options: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this attached, with the capsule that the function was made with; that
    // holds `Helped` under this name, and is held by its caller. Nothing here has to be dropped while
    // the program's function runs.
    unsafe {
        let helped = ffi::PyCapsule_GetPointer(capsule, CAPSULE.as_ptr()).cast::<Helped>();
        begin(&(*helped).ticket);
        let result = PyObject_Call((*helped).function.as_ptr(), arguments, options);
        end();
        result
    }
}

#[inline(never)]
fn begin(ticket: &Arc<Ticket>) {
    // A panic must not cross into C.
    let _ = catch_unwind(AssertUnwindSafe(|| Helper::begin(ticket)));
}

/// The exception that the program's function may have raised stays set.
///
/// # Safety
///
/// The thread is attached.
#[inline(never)]
unsafe fn end() {
    // SAFETY: the caller's promise.
    let py = unsafe { Python::assume_attached() };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let raised = PyErr::take(py);
        Helper::end(py);
        if let Some(raised) = raised {
            raised.restore(py);
        }
    }));
}
