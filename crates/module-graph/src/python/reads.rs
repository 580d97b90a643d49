//! Who is loading on this thread, and what it has read so far.
//!
//! Each load of a module has a frame here while it runs; frames nest as imports do. A read is told
//! to the engine the first time that a load makes it and costs one hash lookup after that. Reads
//! made by other threads are not charged to whoever happens to be loading.
//!
//! Kept true: a frame holds a reference to each name it knows, so that two names in it never share
//! an address.
#![expect(
    unsafe_code,
    reason = "called for each attribute read, below what pyo3 can express"
)]

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use pyo3::{ffi, prelude::*, types::PyString};
use rustc_hash::FxHashSet;

use super::engine::Engine;
use crate::ModuleId;

thread_local! {
    static CURRENT: Cell<*const Load> = const { Cell::new(ptr::null()) };
}

/// One load that is running on this thread.
struct Load {
    module: ModuleId,
    seen: RefCell<FxHashSet<(usize, usize)>>,
    names: RefCell<Vec<Py<PyString>>>,
}

/// Runs `body` as the load of `module`: the reads it makes on this thread are the module's.
pub(super) fn during<R>(module: ModuleId, body: impl FnOnce() -> R) -> R {
    let load = Load {
        module,
        seen: RefCell::default(),
        names: RefCell::default(),
    };
    let _restore = Restore(CURRENT.replace(&raw const load));
    body()
}

/// Puts the outer load back, also when the body unwinds.
struct Restore(*const Load);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The module that is loading on this thread.
pub(super) fn current() -> Option<ModuleId> {
    // SAFETY: the pointer is null or names a `Load` on the stack of a `during` that has not
    // returned, for `Restore` runs before that `Load` is dropped.
    unsafe { CURRENT.get().as_ref() }.map(|load| load.module)
}

/// Notes that `name` of `module` is about to be read.
///
/// # Safety
///
/// The thread is attached to the interpreter; `module` is a live object, `name` a live `str`.
#[inline]
pub(super) unsafe fn note(module: *mut ffi::PyObject, name: *mut ffi::PyObject) {
    // SAFETY: as in `current`.
    let Some(load) = (unsafe { CURRENT.get().as_ref() }) else {
        return;
    };
    let key = (module as usize, name as usize);
    if load.seen.borrow().contains(&key) {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { note_first(load, module, name) }
}

#[cold]
unsafe fn note_first(load: &Load, module: *mut ffi::PyObject, name: *mut ffi::PyObject) {
    // SAFETY: the caller's promise; the string is borrowed for the length of this call.
    let (py, name) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, name))
    };
    let Ok(name) = name.cast_into::<PyString>() else {
        return;
    };
    // A panic must not cross into C. A read that could not be noted is lost, and nothing else.
    let noted = catch_unwind(AssertUnwindSafe(|| {
        Engine::get()
            .is_some_and(|engine| engine.first_read(py, load.module, module as usize, &name))
    }));
    if noted.unwrap_or(false) {
        let name = intern(name);
        load.seen
            .borrow_mut()
            .insert((module as usize, name.as_ptr() as usize));
        load.names.borrow_mut().push(name.unbind());
    }
}

/// The one string that stands for all equal ones: code reads attributes by it, so that one entry
/// per name is enough even when names are built at run time.
fn intern(name: Bound<'_, PyString>) -> Bound<'_, PyString> {
    let py = name.py();
    let mut name = name.into_ptr();
    // SAFETY: the call takes a reference to a `str` and leaves one to the interned string there.
    unsafe {
        ffi::PyUnicode_InternInPlace(&raw mut name);
        Bound::from_owned_ptr(py, name).cast_into_unchecked()
    }
}
