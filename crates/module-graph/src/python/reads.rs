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
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use pyo3::{exceptions::PyAttributeError, ffi, prelude::*, types::PyString};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    calls,
    engine::{Answer, Engine},
    frames,
    recent::Recent,
    sealing::Seal,
    startup::{From, Paths, Startup, What},
    threads::{self, Ticket},
};
use crate::ModuleId;

/// The second half of what stands for an input.
pub(super) const IS_INPUT: usize = usize::MAX;
/// The second half of what stands for a code object.
const IS_CODE: usize = 0;

/// How many threads have a load.
static LOADING_THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The last of `LOADS`, or null.
    static CURRENT: Cell<*const Load> = const { Cell::new(ptr::null()) };
    static LOADS: RefCell<Vec<Rc<Load>>> = const { RefCell::new(Vec::new()) };
    /// The entry's load, also when it is tracked no more.
    static ENTRY: RefCell<Option<Rc<Load>>> = const { RefCell::new(None) };
}

/// One load that is running on this thread.
struct Load {
    module: ModuleId,
    /// In front of `seen` and `executed`.
    recent: Recent,
    seen: RefCell<FxHashSet<(usize, usize)>>,
    names: RefCell<Vec<Py<PyString>>>,
    /// The code objects that it has executed, by address. They are held, so that no other one gets
    /// the address meanwhile.
    executed: RefCell<FxHashMap<usize, Py<PyAny>>>,
    /// The submodules that it imports, as long as their packages are being loaded.
    wanted: RefCell<Vec<String>>,
    /// The caches whose results it has been given, with the state that they were in; see
    /// [`caches`](super::caches).
    given: RefCell<FxHashMap<usize, u64>>,
    /// How many computations of results are under way.
    computations: Cell<u32>,
    /// What is executed next counts anew, also where it has been executed before.
    is_computing: Cell<bool>,
    /// For the threads that it has started.
    ticket: OnceCell<Arc<Ticket>>,
    /// The entry's: what it takes for good.
    startup: Option<RefCell<Startup>>,
}

/// Runs `body` as the load of `module`: what it reads and executes on this thread is the module's.
pub(super) fn during<R>(py: Python<'_>, module: ModuleId, body: impl FnOnce() -> R) -> R {
    during_load(py, Load::new(module, None), body)
}

/// The same for the entry, which may never end: what it reads is also looked at by path.
pub(super) fn during_entry<R>(
    py: Python<'_>,
    module: ModuleId,
    seal: Seal,
    body: impl FnOnce() -> R,
) -> R {
    let startup = Startup::new(seal, Instant::now());
    let load = Load::new(module, Some(RefCell::new(startup)));
    ENTRY.set(Some(Rc::clone(&load)));
    let result = during_load(py, load, body);
    drop(ENTRY.take());
    result
}

fn during_load<R>(py: Python<'_>, load: Rc<Load>, body: impl FnOnce() -> R) -> R {
    let frame = Frame::enter(load);
    calls::next_load(py);
    let result = body();
    drop(frame);
    calls::next_load(py);
    result
}

/// Runs `body` as if nothing was loading on this thread: it runs between two statements of a load.
pub(super) fn apart<R>(body: impl FnOnce() -> R) -> R {
    let _outside = Outside::step();
    body()
}

/// The loads that a thread has set apart for a while.
struct Outside(Vec<Rc<Load>>);

impl Outside {
    fn step() -> Self {
        let loads = LOADS.take();
        CURRENT.set(ptr::null());
        if !loads.is_empty() {
            LOADING_THREADS.fetch_sub(1, Ordering::Relaxed);
        }
        Self(loads)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let mut loads = std::mem::take(&mut self.0);
        if loads.is_empty() {
            return;
        }
        let last = LOADS.with_borrow_mut(|inner| {
            if inner.is_empty() {
                LOADING_THREADS.fetch_add(1, Ordering::Relaxed);
            }
            loads.append(inner);
            *inner = loads;
            inner.last().map_or(ptr::null(), Rc::as_ptr)
        });
        CURRENT.set(last);
    }
}

/// Whether nothing is loading on this thread but the entry, if that.
pub(super) fn is_entry_alone() -> bool {
    LOADS.with_borrow(|loads| loads.iter().all(|load| load.startup.is_some()))
}

/// Ends the tracking of the entry's load, which goes on. `false`: it is not the load of this moment.
pub(super) fn seal() -> bool {
    let sealed = LOADS.with_borrow_mut(|loads| {
        let is_alone = loads.len() == 1 && loads[0].startup.is_some();
        is_alone.then(|| loads.pop()).flatten()
    });
    let Some(load) = sealed else { return false };
    CURRENT.set(ptr::null());
    LOADING_THREADS.fetch_sub(1, Ordering::Relaxed);
    if let Some(ticket) = load.ticket.get() {
        ticket.close();
    }
    true
}

/// What the entry, which runs on this thread, has read so far it has taken for good.
pub(super) fn take_all() {
    ENTRY.with_borrow(|entry| {
        let startup = entry.as_ref().and_then(|load| load.startup.as_ref());
        if let Some(mut startup) = startup.and_then(|startup| startup.try_borrow_mut().ok()) {
            startup.take_all();
        }
    });
}

/// What the entry, which runs on this thread, has read.
pub(super) fn of_entry(py: Python<'_>) -> Vec<(What, Bound<'_, PyAny>, Paths)> {
    ENTRY.with_borrow(|entry| {
        let startup = entry.as_ref().and_then(|load| load.startup.as_ref());
        startup.map_or_else(Vec::new, |startup| startup.borrow().sites(py).collect())
    })
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

/// A part of a load whose reads and calls are told as if it had made none before.
pub(super) struct Computation {
    load: Rc<Load>,
    seen: FxHashSet<(usize, usize)>,
    executed: FxHashMap<usize, Py<PyAny>>,
    was_computing: bool,
    /// How many are around this one.
    depth: u32,
}

impl Computation {
    /// The load on this thread begins to compute something that others may be given. `None`: nothing
    /// loads here, or what the entry dispatches to computes it.
    pub(super) fn begin(py: Python<'_>) -> Option<Self> {
        current_load()?;
        let load = LOADS.with_borrow(|loads| loads.last().cloned())?;
        if load.startup.is_some() && !matches!(frames::origin(py), From::Entry(_)) {
            return None;
        }
        load.recent.forget();
        Some(Self {
            seen: load.seen.take(),
            executed: load.executed.take(),
            was_computing: load.is_computing.replace(true),
            depth: load.computations.replace(load.computations.get() + 1),
            load,
        })
    }

    /// The module that loads.
    pub(super) fn module(&self) -> ModuleId {
        self.load.module
    }

    /// Whether it is part of another one.
    pub(super) fn is_inner(&self) -> bool {
        self.depth > 0
    }

    /// Whether the load has been given what the cache has in this state.
    pub(super) fn was_given(&self, cache: usize, state: u64) -> bool {
        self.load.given.borrow().get(&cache) == Some(&state)
    }

    pub(super) fn note_given(&self, cache: usize, state: u64) {
        self.load.given.borrow_mut().insert(cache, state);
    }
}

impl Drop for Computation {
    /// What was known before is known again, and what came to it.
    fn drop(&mut self) {
        self.load.seen.borrow_mut().extend(self.seen.drain());
        let before = std::mem::take(&mut self.executed);
        let doubles = {
            let mut executed = self.load.executed.borrow_mut();
            let doubles: Vec<_> = before
                .into_iter()
                .filter_map(|(code, held)| executed.insert(code, held))
                .collect();
            doubles
        };
        // Their last references are elsewhere; all the same, nothing is borrowed here.
        drop(doubles);
        self.load.is_computing.set(self.was_computing);
        self.load.computations.set(self.depth);
    }
}

/// Whether what is executed next on this thread counts anew; asked once.
pub(super) fn begins_computing() -> bool {
    current_load().is_some_and(|load| load.is_computing.replace(false))
}

struct Frame(Rc<Load>);

impl Load {
    fn new(module: ModuleId, startup: Option<RefCell<Startup>>) -> Rc<Self> {
        Rc::new(Self {
            module,
            recent: Recent::default(),
            seen: RefCell::default(),
            names: RefCell::default(),
            executed: RefCell::default(),
            wanted: RefCell::default(),
            given: RefCell::default(),
            computations: Cell::new(0),
            is_computing: Cell::new(false),
            ticket: OnceCell::new(),
            startup,
        })
    }
}

impl Frame {
    fn enter(load: Rc<Load>) -> Self {
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
        let (was_there, last) = LOADS.with_borrow_mut(|loads| {
            let before = loads.len();
            loads.retain(|load| !Rc::ptr_eq(load, &self.0));
            let last = loads.last().map_or(ptr::null(), Rc::as_ptr);
            (loads.len() < before, last)
        });
        if let Some(ticket) = self.0.ticket.get() {
            ticket.close();
        }
        if was_there && last.is_null() {
            LOADING_THREADS.fetch_sub(1, Ordering::Relaxed);
        }
        CURRENT.set(last);
    }
}

/// The module that is loading on this thread. What the entry dispatches to, a server's requests, is
/// no part of its load.
pub(super) fn current() -> Option<ModuleId> {
    recorder().filter(|&module| !is_outside(module))
}

/// The same, or what stands for a cached function that is called while nothing loads.
pub(super) fn recorder() -> Option<ModuleId> {
    let load = current_load()?;
    let is_its_own =
        load.startup.is_none() || Python::attach(|py| matches!(frames::origin(py), From::Entry(_)));
    is_its_own.then_some(load.module)
}

/// What stands for whoever reads outside of a load: see [`State::outside`](super::engine::State).
static OUTSIDE: OnceLock<ModuleId> = OnceLock::new();

pub(super) fn set_outside(id: ModuleId) {
    // It is the same for ever.
    let _ = OUTSIDE.set(id);
}

pub(super) fn is_outside(module: ModuleId) -> bool {
    OUTSIDE.get() == Some(&module)
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

/// What a thread gets that the load on this thread starts. A thread that serves a request computes for
/// that, and not for the load.
pub(super) fn ticket(py: Python<'_>) -> Option<Arc<Ticket>> {
    let load = current_load()?;
    if load.startup.is_some() && !matches!(frames::origin(py), From::Entry(_)) {
        return None;
    }
    let ticket = load.ticket.get_or_init(|| Ticket::new(load.module));
    Some(Arc::clone(ticket))
}

/// How many threads other than this one have a load at this moment.
#[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 needs no such count"))]
pub(super) fn other_loading_threads() -> usize {
    LOADING_THREADS.load(Ordering::Relaxed) - usize::from(current_load().is_some())
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
    let what = (code as usize, IS_CODE);
    if load.recent.absorbs(what) {
        return None;
    }
    if load.startup.is_some() {
        // SAFETY: the caller's promise.
        return unsafe { entry_executes(code) };
    }
    load.recent.keep(what, u32::MAX);
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

/// Notes that `name` of `module`, which was `before`, has been bound to `value`, or deleted.
///
/// # Safety
///
/// As for [`note`].
pub(super) unsafe fn note_write(
    module: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    before: Option<Py<PyAny>>,
    value: Option<Py<PyAny>>,
) {
    if current_load().is_none() {
        return;
    }
    // SAFETY: the caller's promise; the string is borrowed for the length of this call.
    let name = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), name) };
    let Ok(name) = name.cast_into::<PyString>() else {
        return;
    };
    // A panic must not cross into C. A write that could not be noted is lost, and nothing else.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let Some(engine) = Engine::get() {
            engine.note_write(&name, module as usize, before, value);
        }
    }));
}

/// `name` of `module` is about to be deleted.
///
/// # Safety
///
/// As for [`note`].
pub(super) unsafe fn prepare_delete(module: *mut ffi::PyObject, name: *mut ffi::PyObject) {
    if current_load().is_none() {
        return;
    }
    // SAFETY: the caller's promise; the string is borrowed for the length of this call.
    let name = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), name) };
    let Ok(name) = name.cast_into::<PyString>() else {
        return;
    };
    // A panic must not cross into C. The name may then not be there, which CPython says.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let Some(engine) = Engine::get() {
            engine.prepare_delete(&name, module as usize);
        }
    }));
}

/// The name of this module is to be noted anew by the loads on this thread.
pub(super) fn forget(module: &Bound<'_, PyModule>, name: &str) {
    let name = intern(PyString::new(module.py(), name));
    let what = (module.as_ptr() as usize, name.as_ptr() as usize);
    LOADS.with_borrow(|loads| {
        for load in loads {
            load.recent.forget();
            load.seen.borrow_mut().remove(&what);
        }
    });
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
    let what = (module as usize, name as usize);
    if load.recent.absorbs(what) {
        return Noted::LookUp;
    }
    let is_known = load.seen.borrow().contains(&what);
    if load.startup.is_some() {
        // SAFETY: the caller's promise.
        return unsafe { entry_reads(module, name, is_known) };
    }
    if is_known {
        load.recent.keep(what, u32::MAX);
        return Noted::LookUp;
    }
    // SAFETY: the caller's promise.
    unsafe { note_first(module, name) }
}

/// [`note`] for the entry: by which path it reads counts too, and behind a dispatch boundary it is
/// not the entry that reads.
#[cold]
unsafe fn entry_reads(
    module: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    is_known: bool,
) -> Noted {
    // SAFETY: the caller's promise.
    let (py, text) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, name))
    };
    let what = (module as usize, name as usize);
    if !entry_comes_to(py, what, &text, is_known) || is_known {
        return Noted::LookUp;
    }
    // SAFETY: the caller's promise.
    unsafe { note_first(module, name) }
}

/// [`executes`] for the entry.
unsafe fn entry_executes(code: *mut ffi::PyObject) -> Option<ModuleId> {
    let load = current_entry()?;
    let is_known = load.executed.borrow().contains_key(&(code as usize));
    // SAFETY: the caller's promise.
    let code = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), code) };
    let what = (code.as_ptr() as usize, IS_CODE);
    // Code that is no module's is only remembered as such.
    let is_modules = is_known || Engine::get().is_some_and(|engine| engine.has_code(&code));
    if is_modules && (!entry_comes_to(code.py(), what, &code, is_known) || is_known) {
        return None;
    }
    let mut executed = load.executed.borrow_mut();
    executed.insert(code.as_ptr() as usize, code.unbind());
    Some(load.module)
}

/// Notes by which path the entry comes to `what`. `false`: it is not the entry that does.
fn entry_comes_to(py: Python<'_>, what: What, object: &Bound<'_, PyAny>, is_known: bool) -> bool {
    let Some(load) = current_entry() else {
        return false;
    };
    let Some(startup) = &load.startup else {
        return true;
    };
    if Engine::get().is_some_and(|engine| engine.seal_if_asked(py)) {
        return false;
    }
    // Borrowed already if looking at the stack has made the collector run code that reads.
    let is_watched = |startup: &RefCell<Startup>| {
        let startup = startup.try_borrow();
        startup.is_ok_and(|startup| startup.has(what))
    };
    if is_known && !is_watched(startup) {
        load.recent.keep(what, u32::MAX);
        return true;
    }
    let now = Instant::now();
    let from = match what.1 {
        IS_CODE => frames::origin_of_call(py),
        _ => frames::origin(py),
    };
    let has_settled = match (from, startup.try_borrow_mut()) {
        (From::Entry(path), Ok(mut startup)) => {
            let has_settled = startup.read(what, object, path, now);
            if is_known {
                load.recent.keep(what, startup.skips(what));
            }
            has_settled
        }
        (from, Ok(startup)) => startup.dispatched(from, now),
        (_, Err(_)) => false,
    };
    if has_settled && let Some(engine) = Engine::get() {
        engine.seal(py);
    }
    matches!(from, From::Entry(_))
}

/// Notes that the entry, if it loads on this thread, reads the input with this hash.
pub(super) fn note_input(input: usize) {
    if current_load().is_some_and(|load| load.startup.is_some()) {
        Python::attach(|py| entry_comes_to(py, (input, IS_INPUT), py.None().bind(py), false));
    }
}

/// The entry's load, held, if it is the one of this moment.
fn current_entry() -> Option<Rc<Load>> {
    let last = LOADS.with_borrow(|loads| loads.last().cloned());
    last.filter(|load| load.startup.is_some())
}

/// Whether the entry, on this thread, is watched for what it does again.
#[cfg_attr(not(Py_3_12), expect(dead_code, reason = "3.11 sees every call"))]
pub(super) fn is_watching_entry() -> bool {
    current_load().is_some_and(|load| load.startup.is_some())
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

/// Notes that the class under `name` of `module` is about to be given to whoever reads it.
///
/// # Safety
///
/// As for [`note`].
pub(super) unsafe fn note_class(module: *mut ffi::PyObject, name: *mut ffi::PyObject) {
    let Some(load) = current_load() else { return };
    let reader = load.module;
    // SAFETY: the caller's promise; the string is borrowed for the length of this call.
    let (py, name) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, name))
    };
    // A panic must not cross into C. The class has been noted as read whatever comes of this.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let (Some(engine), Ok(name)) = (Engine::get(), name.cast_into::<PyString>()) {
            engine.class_was_read(py, reader, module as usize, &name);
        }
    }));
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
        Answer::Given(object) => Noted::Given(object.into_ptr()),
        Answer::Absent(message) => {
            PyAttributeError::new_err(message).restore(py);
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
