//! Threads that a load starts and waits for: they compute for it.
//!
//! What such a thread reads and executes is the load's, if the thread has ended before the load
//! does: its result may be among the module's values. A thread that is still running by then, a
//! worker or a server, has given the load nothing to depend on.
//!
//! Kept true: a thread belongs to the one run of a load that started it, not to the next.
#![expect(
    unsafe_code,
    reason = "called for each attribute read, below what pyo3 can express"
)]

mod helping;

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use pyo3::{
    ffi,
    prelude::*,
    types::{PyCFunction, PyDict, PyString, PyTuple},
};
use rustc_hash::FxHashSet;

use super::{engine::Engine, reads, sys_modules::sys_modules};
use crate::ModuleId;

/// One run of a load, for the threads that it starts.
#[derive(Debug)]
pub(super) struct Ticket {
    module: ModuleId,
    is_open: AtomicBool,
    /// Threads that help this run; part of [`HELPERS`].
    helpers: AtomicUsize,
}

/// Threads that help a run that is still open.
static HELPERS: AtomicUsize = AtomicUsize::new(0);

impl Ticket {
    /// For the run of `module` that is under way.
    pub(super) fn new(module: ModuleId) -> Arc<Self> {
        Arc::new(Self {
            module,
            is_open: AtomicBool::new(true),
            helpers: AtomicUsize::new(0),
        })
    }

    /// The run has ended.
    pub(super) fn close(&self) {
        self.is_open.store(false, Ordering::Release);
        HELPERS.fetch_sub(self.helpers.swap(0, Ordering::AcqRel), Ordering::AcqRel);
    }

    /// A thread begins to help. Like all of this it holds the interpreter's lock.
    fn join(&self) {
        if self.is_open() {
            self.helpers.fetch_add(1, Ordering::AcqRel);
            HELPERS.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// A thread has ended that [joined](Self::join).
    fn leave(&self) {
        if self.is_open() {
            self.helpers.fetch_sub(1, Ordering::AcqRel);
            HELPERS.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }
}

/// What this thread has done for a load so far.
struct Helper {
    ticket: Arc<Ticket>,
    seen: FxHashSet<(usize, usize)>,
    reads: Vec<(Py<PyAny>, Py<PyString>)>,
    /// In order. They are held, so that no other one gets an address that is in `known` meanwhile.
    executed: Vec<Py<PyAny>>,
    known: FxHashSet<usize>,
}

thread_local! {
    static HELPER: RefCell<Option<Helper>> = const { RefCell::new(None) };
}

/// Lets threads that are started from now on help the load that starts them.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    py.import("_thread")?;
    // `threading` keeps functions of `_thread` under names of its own.
    for (home, name) in [
        ("_thread", c"start_new_thread"),
        ("_thread", c"start_joinable_thread"),
        ("threading", c"_start_new_thread"),
        ("threading", c"_start_joinable_thread"),
    ] {
        let Some(home) = sys_modules(py).get_item(home)? else {
            continue;
        };
        let home = home.cast_into::<PyModule>()?.dict();
        if let Some(original) = home.get_item(name)? {
            let original = original.unbind();
            let stand_in = PyCFunction::new_closure(py, Some(name), None, move |args, options| {
                start(&original, args, options)
            })?;
            home.set_item(name, stand_in)?;
        }
    }
    Ok(())
}

/// Whether this is the only thread that the interpreter knows: nobody else runs Python code before this
/// one starts somebody who does. Threads that C code has made, and that call Python some day, are not
/// known before.
pub(super) fn is_alone(_py: Python<'_>) -> bool {
    // SAFETY: the thread is attached. The states of other threads, which may go at any time, are only
    // compared: what is looked into is this thread's own.
    unsafe {
        let own = ffi::PyThreadState_Get();
        ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get()) == own
            && ffi::PyThreadState_Next(own).is_null()
    }
}

/// Stands for a function that starts a thread.
fn start(
    original: &Py<PyAny>,
    arguments: &Bound<'_, PyTuple>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = arguments.py();
    let Some(ticket) = reads::ticket(py).or_else(own_ticket) else {
        return original.call(py, arguments, options);
    };
    let mut arguments: Vec<_> = arguments.iter().collect();
    if let Some(function) = arguments.first_mut().filter(|it| it.is_callable()) {
        *function = helping::function(function, ticket)?;
    }
    original.call(py, PyTuple::new(py, arguments)?, options)
}

impl Helper {
    /// This thread helps the run that the ticket is for.
    fn begin(ticket: &Arc<Ticket>) {
        ticket.join();
        let helper = Self {
            ticket: Arc::clone(ticket),
            seen: FxHashSet::default(),
            reads: Vec::new(),
            executed: Vec::new(),
            known: FxHashSet::default(),
        };
        HELPER.set(Some(helper));
    }

    /// What this thread was started for is done.
    fn end(py: Python<'_>) {
        // No lock and no borrow is held while what the helper holds is dropped.
        if let Some(helper) = HELPER.take() {
            let ticket = Arc::clone(&helper.ticket);
            helper.hand_over(py);
            ticket.leave();
        }
    }

    /// Gives the load what the thread has done, if it still runs.
    fn hand_over(self, py: Python<'_>) {
        let Some(engine) = Engine::get().filter(|_| self.ticket.is_open()) else {
            return;
        };
        let reader = self.ticket.module;
        for (module, name) in &self.reads {
            engine.read_by_helper(reader, module.as_ptr() as usize, name.bind(py));
        }
        for code in &self.executed {
            // A name that cannot be read is no unit.
            let _ = engine.first_call(reader, code.bind(py));
        }
    }
}

/// How many threads other than this one help a run that is still open.
#[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 needs no such count"))]
pub(super) fn other_helpers() -> usize {
    HELPERS.load(Ordering::Acquire) - usize::from(own_ticket().is_some())
}

fn own_ticket() -> Option<Arc<Ticket>> {
    HELPER.with_borrow(|helper| {
        let ticket = &helper.as_ref()?.ticket;
        ticket.is_open().then(|| Arc::clone(ticket))
    })
}

/// Runs `note` on this thread's helper, if it helps a load that still runs.
fn with_helper(note: impl FnOnce(&mut Helper)) {
    // Borrowed already if what is noted here is looked at by CPython itself: nobody's read.
    HELPER.with(|helper| {
        if let Ok(mut helper) = helper.try_borrow_mut()
            && let Some(helper) = helper.as_mut().filter(|helper| helper.ticket.is_open())
        {
            note(helper);
        }
    });
}

/// Notes that this thread reads `name` of `module`, if it helps a load.
///
/// # Safety
///
/// The thread is attached to the interpreter; `module` is a live object, `name` a live `str`.
pub(super) unsafe fn note(module: *mut ffi::PyObject, name: *mut ffi::PyObject) {
    with_helper(|helper| {
        if helper.seen.insert((module as usize, name as usize)) {
            // SAFETY: the caller's promise.
            unsafe {
                let py = Python::assume_attached();
                let name = Bound::from_borrowed_ptr(py, name);
                if let Ok(name) = name.cast_into::<PyString>() {
                    let module = Bound::from_borrowed_ptr(py, module).unbind();
                    helper.reads.push((module, name.unbind()));
                }
            }
        }
    });
}

/// Notes that this thread executes `code`, if it helps a load.
///
/// # Safety
///
/// The thread is attached to the interpreter; `code` is a live object.
pub(super) unsafe fn executes(code: *mut ffi::PyObject) {
    with_helper(|helper| {
        if helper.known.insert(code as usize) {
            // SAFETY: the caller's promise.
            let code = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), code) };
            helper.executed.push(code.unbind());
        }
    });
}
