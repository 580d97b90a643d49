//! Who is loading on this thread, and what it has read and executed so far.
//!
//! Each load of a module has a frame here while it runs; frames nest as imports do. A read or a call
//! is told to the engine the first time that a load makes it and costs one hash lookup after that.
//! What other threads read is not charged to whoever happens to be loading, unless the load has
//! started them; see `threads`.
//!
//! Kept true: frames live on the heap and leave the list by identity, so that code which switches
//! stacks (greenlets) may charge a read to the wrong load but never touches one that has ended. A
//! frame holds a reference to each name it knows, so that two names in it never share an address.
#![expect(
    unsafe_code,
    reason = "called for each attribute read, below what pyo3 can express"
)]

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::hash_map::Entry,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use pyo3::{exceptions::PyAttributeError, ffi, prelude::*, types::PyString};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    calls,
    engine::{Answer, Engine},
    threads::{self, Ticket},
};
use crate::ModuleId;

/// How many threads have a load.
static LOADING_THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The last of `LOADS`, or null.
    static CURRENT: Cell<*const Load> = const { Cell::new(ptr::null()) };
    static LOADS: RefCell<Vec<Rc<Load>>> = const { RefCell::new(Vec::new()) };
}

/// One load that is running on this thread.
struct Load {
    module: ModuleId,
    seen: RefCell<FxHashSet<(usize, usize)>>,
    names: RefCell<Vec<Py<PyString>>>,
    /// The code objects that it has executed, by address. They are held, so that no other one gets
    /// the address meanwhile.
    executed: RefCell<FxHashMap<usize, Py<PyAny>>>,
    /// The submodules that it imports, as long as their packages are being loaded.
    wanted: RefCell<Vec<String>>,
    /// For the threads that it has started.
    ticket: OnceCell<Arc<Ticket>>,
}

/// Runs `body` as the load of `module`: what it reads and executes on this thread is the module's.
pub(super) fn during<R>(py: Python<'_>, module: ModuleId, body: impl FnOnce() -> R) -> R {
    let frame = Frame::enter(module);
    calls::next_load(py);
    let result = body();
    drop(frame);
    calls::next_load(py);
    result
}

/// Runs `body` so that what it reads is nobody's.
pub(super) fn aside<R>(body: impl FnOnce() -> R) -> R {
    let _pause = Pause(CURRENT.replace(ptr::null()));
    body()
}

struct Pause(*const Load);

impl Drop for Pause {
    /// The load may have ended meanwhile, or others begun: the list knows.
    fn drop(&mut self) {
        let last = LOADS.with_borrow(|loads| loads.last().map_or(ptr::null(), Rc::as_ptr));
        CURRENT.set(if self.0.is_null() { self.0 } else { last });
    }
}

struct Frame(Rc<Load>);

impl Frame {
    fn enter(module: ModuleId) -> Self {
        let load = Rc::new(Load {
            module,
            seen: RefCell::default(),
            names: RefCell::default(),
            executed: RefCell::default(),
            wanted: RefCell::default(),
            ticket: OnceCell::new(),
        });
        let is_first = LOADS.with_borrow_mut(|loads| {
            loads.push(Rc::clone(&load));
            loads.len() == 1
        });
        if is_first {
            LOADING_THREADS.fetch_add(1, Ordering::Relaxed);
        }
        CURRENT.set(Rc::as_ptr(&load));
        Self(load)
    }
}

impl Drop for Frame {
    /// Also when the body unwinds. The names are dropped with the last reference, outside the list.
    fn drop(&mut self) {
        let last = LOADS.with_borrow_mut(|loads| {
            loads.retain(|load| !Rc::ptr_eq(load, &self.0));
            loads.last().map_or(ptr::null(), Rc::as_ptr)
        });
        if let Some(ticket) = self.0.ticket.get() {
            ticket.close();
        }
        if last.is_null() {
            LOADING_THREADS.fetch_sub(1, Ordering::Relaxed);
        }
        CURRENT.set(last);
    }
}

/// The module that is loading on this thread.
pub(super) fn current() -> Option<ModuleId> {
    current_load().map(|load| load.module)
}

/// Keeps in mind that the load on this thread imports the submodule `name`.
pub(super) fn want(name: &str) {
    if let Some(load) = current_load() {
        load.wanted.borrow_mut().push(name.to_owned());
    }
}

/// The submodules that the load on this thread imports and that were not loaded when it began to.
pub(super) fn take_wanted() -> Vec<String> {
    current_load().map_or_else(Vec::new, |load| load.wanted.take())
}

/// What a thread gets that the load on this thread starts.
pub(super) fn ticket() -> Option<Arc<Ticket>> {
    let load = current_load()?;
    let ticket = load.ticket.get_or_init(|| Ticket::new(load.module));
    Some(Arc::clone(ticket))
}

/// How many threads other than this one have a load at this moment.
#[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 needs no such count"))]
pub(super) fn other_loading_threads() -> usize {
    LOADING_THREADS.load(Ordering::Relaxed) - usize::from(current().is_some())
}

/// The module whose load is about to execute `code` on this thread for the first time.
///
/// # Safety
///
/// The thread is attached to the interpreter; `code` is a live object.
#[inline]
pub(super) unsafe fn executes(code: *mut ffi::PyObject) -> Option<ModuleId> {
    let Some(load) = current_load() else {
        // SAFETY: the caller's promise.
        unsafe { threads::executes(code) };
        return None;
    };
    match load.executed.borrow_mut().entry(code as usize) {
        Entry::Occupied(_) => None,
        Entry::Vacant(place) => {
            // SAFETY: the caller's promise.
            place.insert(unsafe {
                Bound::from_borrowed_ptr(Python::assume_attached(), code).unbind()
            });
            Some(load.module)
        }
    }
}

#[inline]
fn current_load<'a>() -> Option<&'a Load> {
    // SAFETY: the pointer is null or that of a load in `LOADS`, which holds it: `Frame` changes both
    // together. Callers use the reference before they run code that could end the load, except
    // `note_first`, which holds a count of its own.
    unsafe { CURRENT.get().as_ref() }
}

/// Whether a load of `module` is running on this thread.
pub(super) fn is_loading(module: ModuleId) -> bool {
    LOADS.with_borrow(|loads| loads.iter().any(|load| load.module == module))
}

/// What has to happen after a read was noted.
pub(super) enum Noted {
    /// The name is looked up.
    LookUp,
    /// The name is not there: an exception says so.
    Raised,
    /// This object, a new reference, is the answer.
    Given(*mut ffi::PyObject),
}

/// Notes that `name` of `module` is about to be read.
///
/// # Safety
///
/// The thread is attached to the interpreter; `module` is a live object, `name` a live `str`.
#[inline]
pub(super) unsafe fn note(module: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Noted {
    let Some(load) = current_load() else {
        // SAFETY: the caller's promise.
        unsafe { threads::note(module, name) };
        return Noted::LookUp;
    };
    if load
        .seen
        .borrow()
        .contains(&(module as usize, name as usize))
    {
        return Noted::LookUp;
    }
    // SAFETY: the caller's promise.
    unsafe { note_first(module, name) }
}

/// Notes that `module` had nothing of the name that was looked up, and asks its `__getattr__` next.
///
/// # Safety
///
/// As for [`note`].
pub(super) unsafe fn note_fallback(module: *mut ffi::PyObject) {
    if current_load().is_none() {
        return;
    }
    // SAFETY: the caller's promise.
    let py = unsafe { Python::assume_attached() };
    let name = pyo3::intern!(py, "__getattr__");
    // SAFETY: the caller's promise; the name is interned.
    let _ = unsafe { note(module, name.as_ptr()) };
}

#[cold]
unsafe fn note_first(module: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Noted {
    let Some(load) = LOADS.with_borrow(|loads| loads.last().cloned()) else {
        return Noted::LookUp;
    };
    // SAFETY: the caller's promise; the string is borrowed for the length of this call.
    let (py, name) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, name))
    };
    let Ok(name) = name.cast_into::<PyString>() else {
        return Noted::LookUp;
    };
    // A panic must not cross into C. A read that could not be noted is lost, and nothing else.
    let noted = catch_unwind(AssertUnwindSafe(|| {
        Engine::get().map_or(Answer::Unknown, |engine| {
            engine.first_read(py, load.module, module as usize, &name)
        })
    }));
    match noted.unwrap_or(Answer::Unknown) {
        Answer::Known => {
            let name = intern(name);
            load.seen
                .borrow_mut()
                .insert((module as usize, name.as_ptr() as usize));
            load.names.borrow_mut().push(name.unbind());
            Noted::LookUp
        }
        Answer::Unknown => Noted::LookUp,
        Answer::Names(names) => Noted::Given(names.into_ptr()),
        Answer::Hidden => {
            PyAttributeError::new_err(format!(
                "partially initialized module has no attribute '{name}' (most likely due to a \
                 circular import)"
            ))
            .restore(py);
            Noted::Raised
        }
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
