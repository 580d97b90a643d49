//! Executed code objects on CPython 3.11: a frame evaluation function (PEP 523).
//!
//! Installed while anything loads, and taken out afterwards. Later versions must not have one: their
//! interpreter does not call it for every frame and runs out of stack under it.

use std::ffi::c_int;

use pyo3::{ffi, prelude::*};

use crate::python::reads;

#[repr(C)]
struct InterpreterFrame {
    function: *mut ffi::PyObject,
    globals: *mut ffi::PyObject,
    builtins: *mut ffi::PyObject,
    locals: *mut ffi::PyObject,
    code: *mut ffi::PyObject,
    // More follows; it is never made here, only looked at.
}

/// CPython ends daemon threads at exit by `pthread_exit`, which unwinds their frames: it must get
/// through, so there is nothing to drop in ours, and nothing inlined that catches panics. An `extern "C"`
/// one would abort the process.
type EvalFrame = unsafe extern "C-unwind" fn(
    *mut ffi::PyThreadState,
    *mut InterpreterFrame,
    c_int,
) -> *mut ffi::PyObject;

unsafe extern "C-unwind" {
    fn _PyEval_EvalFrameDefault(
        thread: *mut ffi::PyThreadState,
        frame: *mut InterpreterFrame,
        throw: c_int,
    ) -> *mut ffi::PyObject;
    fn _PyInterpreterState_GetEvalFrameFunc(interpreter: *mut ffi::PyInterpreterState)
    -> EvalFrame;
    fn _PyInterpreterState_SetEvalFrameFunc(
        interpreter: *mut ffi::PyInterpreterState,
        function: EvalFrame,
    );
}

/// Nothing is needed before the first load.
#[expect(clippy::unnecessary_wraps, reason = "later versions may refuse")]
pub(in crate::python) fn install(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// The hook sees every frame.
#[expect(clippy::unnecessary_wraps, reason = "later versions may refuse")]
pub(super) fn watch(_code: &Bound<'_, PyAny>) -> PyResult<()> {
    Ok(())
}

/// The first load of all threads begins. Another tool's hook (a debugger's) stays in its place.
pub(in crate::python) fn loads_began(_py: Python<'_>) {
    replace(_PyEval_EvalFrameDefault, eval_frame);
}

/// The last load of all threads has ended.
pub(in crate::python) fn loads_ended(_py: Python<'_>) {
    replace(eval_frame, _PyEval_EvalFrameDefault);
}

/// Each load has a list of its own: nothing has to be armed anew.
pub(in crate::python) fn next_load(_py: Python<'_>) {}

/// The hook sees every frame.
pub(in crate::python) fn tell_of_calls(_function: &Bound<'_, PyAny>) {}

fn replace(old: EvalFrame, new: EvalFrame) {
    // SAFETY: the thread is attached, as both callers show; both functions evaluate a frame as
    // CPython does.
    unsafe {
        let interpreter = ffi::PyInterpreterState_Get();
        let current = _PyInterpreterState_GetEvalFrameFunc(interpreter);
        if std::ptr::fn_addr_eq(current, old) {
            _PyInterpreterState_SetEvalFrameFunc(interpreter, new);
        }
    }
}

unsafe extern "C-unwind" fn eval_frame(
    thread: *mut ffi::PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this attached, with a frame whose first fields are those of 3.11, and
    // its own function is given what this one was. An exception that is being thrown into the frame
    // is set aside while the call is noted.
    unsafe {
        let code = (*frame).code;
        if throw == 0 {
            note(code);
        } else {
            let (mut class, mut value, mut traceback) = Default::default();
            ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
            note(code);
            ffi::PyErr_Restore(class, value, traceback);
        }
        _PyEval_EvalFrameDefault(thread, frame, throw)
    }
}

/// # Safety
///
/// The thread is attached and has no exception set; `code` is a code object.
#[inline(never)]
unsafe fn note(code: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(reader) = reads::executes(code) {
            super::note_first(reader, code);
        }
    }
}
