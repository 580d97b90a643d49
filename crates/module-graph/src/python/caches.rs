//! The caches of `functools.lru_cache`: what they wrap, and what their results came from.
//!
//! A cached result is no call: who was given one depends on the function all the same, and on all that
//! the function used when it computed the result. While anything loads, each call of a cache around a
//! function of the user's is looked at. What the function reads and executes is kept as the
//! sources of the cache's results (`graph/results.rs`): whoever is given one has read them too, and
//! once one of them changes the cache is cleared before a load or the program calls it again.
//!
//! A function does not know the caches around it, and they may be held anywhere, so their type says
//! when one is made, when one is called and when one goes.
//!
//! Kept true: every cache that was made since [`install`] and is alive is known. The program's are
//! made later; those of before wrap functions of others. A load is never given a result whose sources
//! are not known: what was computed while nothing loaded is forgotten first.
#![expect(
    unsafe_code,
    reason = "a type tells of its instances through slots of its C struct"
)]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, OnceLock, PoisonError},
};

use pyo3::{exceptions::PyRuntimeError, ffi, intern, prelude::*, types::PyFunction, types::PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    calls::{self, code_of},
    engine::Engine,
    own,
    reads::{self, Computation},
    referents::{self, Address},
    settle,
};

/// The caches that are alive, by address.
static CACHES: Mutex<Option<Known>> = Mutex::new(None);

/// What the type's slots held.
static ORIGINAL: OnceLock<Original> = OnceLock::new();

struct Original {
    class: usize,
    make: ffi::newfunc,
    call: ffi::ternaryfunc,
    free: ffi::destructor,
}

#[derive(Default)]
struct Known {
    alive: FxHashMap<usize, Cache>,
    /// Those that have gone and had sources.
    gone: Vec<usize>,
}

/// What is known of one cache.
#[derive(Debug, Clone, Copy)]
struct Cache {
    wraps: Wrapped,
    /// Another number whenever its sources are others.
    state: u64,
    /// How often it had computed something when that was last known to have sources.
    misses: u64,
    /// How many loads are computing something for it.
    computing: u32,
}

/// What a cache wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapped {
    /// Code of others, which loads do not depend on.
    Foreign,
    /// A function of the user's.
    Function,
    /// Something else that leads to code of the user's: a class, a method, a `partial`.
    Other,
}

/// Begins to know of caches. Once for a process.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    let class = own::import(py, "_functools")?
        .getattr("_lru_cache_wrapper")?
        .cast_into::<PyType>()?;
    let slots = class.as_type_ptr();
    // SAFETY: the type is alive and stays so, for this keeps a reference to it; the thread is
    // attached, so that nobody reads the slots meanwhile. Both functions do what those before them did.
    unsafe {
        let (Some(make), Some(call), Some(free)) =
            ((*slots).tp_new, (*slots).tp_call, (*slots).tp_dealloc)
        else {
            return Err(PyRuntimeError::new_err(
                "functools makes its caches in another way",
            ));
        };
        let original = Original {
            class: class.into_ptr() as usize,
            make,
            call,
            free,
        };
        if ORIGINAL.set(original).is_ok() {
            (*slots).tp_new = Some(note_made);
            (*slots).tp_dealloc = Some(note_freed);
        }
    }
    Ok(())
}

/// The first load of all threads begins: calls are looked at.
pub(super) fn loads_began(_py: Python<'_>) {
    set_call(|_| note_called);
}

/// The last load of all threads has ended: calls cost what they always cost.
pub(super) fn loads_ended(_py: Python<'_>) {
    set_call(|original| original.call);
}

fn set_call(choose: impl FnOnce(&Original) -> ffi::ternaryfunc) {
    if let Some(original) = ORIGINAL.get() {
        let class = original.class as *mut ffi::PyTypeObject;
        // SAFETY: the type is kept alive; the thread is attached, as both callers show.
        unsafe { (*class).tp_call = Some(choose(original)) };
    }
}

/// The caches that wrap one of the functions at these addresses.
pub(super) fn around<'py>(py: Python<'py>, functions: &FxHashSet<usize>) -> Vec<Bound<'py, PyAny>> {
    let mut held = Vec::new();
    let mut found: Vec<Bound<'py, PyAny>> = with_known(|known| {
        let wraps = |&&cache: &&usize| {
            held.clear();
            // SAFETY: what is known is alive, and the thread attached.
            unsafe { referents::collect(cache as Address, &mut held) };
            held.iter()
                .any(|held| functions.contains(&(*held as usize)))
        };
        let wrapping = known.alive.keys().filter(wraps);
        // SAFETY: as above.
        let bound = |&cache| unsafe { Bound::from_borrowed_ptr(py, cache as Address) };
        wrapping.map(bound).collect()
    });
    found.sort_unstable_by_key(|cache| cache.as_ptr() as usize);
    found
}

impl Engine {
    /// Clears the caches whose results are outdated.
    pub(super) fn clear_outdated_caches(&self, py: Python<'_>) {
        let gone = with_known(|known| std::mem::take(&mut known.gone));
        let outdated = {
            let mut state = self.state();
            for cache in gone {
                state.graph.forget_result(cache);
            }
            state.graph.take_outdated_results()
        };
        for cache in outdated {
            if with_known(|known| known.alive.contains_key(&cache)) {
                // SAFETY: what is known is alive, and the thread attached.
                let cache = unsafe { Bound::from_borrowed_ptr(py, cache as Address) };
                self.clear_cache(&cache);
            }
        }
    }

    /// Makes a cache forget what it has, and where that came from.
    fn clear_cache(&self, cache: &Bound<'_, PyAny>) {
        let address = cache.as_ptr() as usize;
        self.state().graph.forget_result(address);
        with_cache(address, |cache| {
            cache.misses = 0;
            cache.state += 1;
        });
        // What the results do when they go is nobody's read. A cache that does not let itself be
        // cleared is none of `functools`.
        let _ = reads::aside(|| cache.call_method0(intern!(cache.py(), "cache_clear")));
    }

    /// A load is about to call `cache`. Whether it has been given all that the cache has.
    fn before_call(&'static self, load: &Computation, cache: &Bound<'_, PyAny>) -> bool {
        let py = cache.py();
        let address = cache.as_ptr() as usize;
        self.clear_outdated_caches(py);
        let Some(known) = with_cache(address, |cache| *cache) else {
            return true;
        };
        if load.was_given(address, known.state) {
            return true;
        }
        let has_others =
            known.computing == 0 && misses_of(cache).is_some_and(|n| n != known.misses);
        if has_others {
            self.clear_cache(cache);
        }
        // They wait for their turn, and the result with them.
        let sources = {
            let state = self.state();
            let mut sources = state.graph.sources_of(address);
            sources.retain(|&source| state.graph.owner(source) != Some(load.module()));
            sources
        };
        for source in sources {
            settle::settle_node(self, py, source);
        }
        self.clear_outdated_caches(py);
        false
    }

    /// The load has been given a result, which it [has](Self::before_call) been given before, or has
    /// computed it.
    fn after_call(&self, load: &Computation, cache: &Bound<'_, PyAny>, was_given: bool) {
        let address = cache.as_ptr() as usize;
        let module = load.module();
        let has_computed = self.state().graph.end_result(module, address);
        with_cache(address, |cache| cache.computing -= 1);
        if has_computed {
            let misses = misses_of(cache);
            with_cache(address, |cache| {
                cache.misses = misses.unwrap_or(cache.misses);
                cache.state += 1;
            });
        } else if !was_given || load.is_inner() {
            let mut state = self.state();
            state.graph.give_result(module, address);
            // The code that made it may have been another module's.
            state.slots[module.index()].reads_unseen = true;
            drop(state);
            if let Some(state) = with_cache(address, |cache| cache.state) {
                load.note_given(address, state);
            }
        }
    }

    /// What the cache around `function` is to be known for.
    fn wrapped(&self, function: &Bound<'_, PyAny>) -> Wrapped {
        if function.is_instance_of::<PyFunction>() {
            return match code_of(function) {
                Some(code) if self.has_code(&code) => Wrapped::Function,
                _ => Wrapped::Foreign,
            };
        }
        let is_loading = reads::current().is_some();
        // SAFETY: the object is alive.
        let is_builtin = unsafe { ffi::PyCFunction_Check(function.as_ptr()) != 0 };
        if is_loading && !is_builtin {
            Wrapped::Other
        } else {
            Wrapped::Foreign
        }
    }
}

/// How often the cache has computed something since it was cleared.
fn misses_of(cache: &Bound<'_, PyAny>) -> Option<u64> {
    let py = cache.py();
    let info = cache.call_method0(intern!(py, "cache_info")).ok()?;
    info.getattr(intern!(py, "misses")).ok()?.extract().ok()
}

fn with_known<R>(use_it: impl FnOnce(&mut Known) -> R) -> R {
    let mut known = CACHES.lock().unwrap_or_else(PoisonError::into_inner);
    use_it(known.get_or_insert_default())
}

fn with_cache<R>(cache: usize, use_it: impl FnOnce(&mut Cache) -> R) -> Option<R> {
    with_known(|known| known.alive.get_mut(&cache).map(use_it))
}

unsafe extern "C" fn note_made(
    class: *mut ffi::PyTypeObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let Some(original) = ORIGINAL.get() else {
        return std::ptr::null_mut();
    };
    // SAFETY: CPython's arguments are handed on as they are.
    let made = unsafe { (original.make)(class, arguments, keywords) };
    if !made.is_null() && class as usize == original.class {
        // SAFETY: the type makes its instances of a tuple whose first item is what they wrap.
        let wraps = unsafe {
            let function = ffi::PyTuple_GetItem(arguments, 0);
            learn_wrapped(&Bound::from_borrowed_ptr(
                Python::assume_attached(),
                function,
            ))
        };
        let cache = Cache {
            wraps,
            state: 0,
            misses: 0,
            computing: 0,
        };
        with_known(|known| known.alive.insert(made as usize, cache));
    }
    made
}

fn learn_wrapped(function: &Bound<'_, PyAny>) -> Wrapped {
    // A panic must not cross into C.
    let learned = catch_unwind(AssertUnwindSafe(|| {
        let engine = Engine::get()?;
        // One at the same address may have gone unnoticed.
        engine.clear_outdated_caches(function.py());
        let wraps = engine.wrapped(function);
        if wraps == Wrapped::Function {
            calls::tell_of_calls(function);
        }
        Some(wraps)
    }));
    learned.ok().flatten().unwrap_or(Wrapped::Foreign)
}

unsafe extern "C" fn note_freed(cache: *mut ffi::PyObject) {
    with_known(|known| {
        if known
            .alive
            .remove(&(cache as usize))
            .is_some_and(|cache| cache.state > 0)
        {
            known.gone.push(cache as usize);
        }
    });
    if let Some(original) = ORIGINAL.get() {
        // SAFETY: CPython's argument is handed on as it is.
        unsafe { (original.free)(cache) }
    }
}

unsafe extern "C" fn note_called(
    cache: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let Some(original) = ORIGINAL.get() else {
        return std::ptr::null_mut();
    };
    // SAFETY: CPython's arguments are handed on as they are, by whichever way.
    let call = || unsafe { (original.call)(cache, arguments, keywords) };
    let wraps = with_cache(cache as usize, |cache| cache.wraps).unwrap_or(Wrapped::Foreign);
    if wraps == Wrapped::Foreign {
        return call();
    }
    // SAFETY: CPython calls this attached; the caller holds what it calls.
    let cache = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), cache) };
    // A panic must not cross into C. A call that cannot be looked at is a call all the same.
    let begun = catch_unwind(AssertUnwindSafe(|| begin_call(&cache, wraps)));
    let Some((engine, load, was_given)) = begun.ok().flatten() else {
        return call();
    };
    let result = call();
    let error = PyErr::take(cache.py());
    let _ = catch_unwind(AssertUnwindSafe(|| {
        engine.after_call(&load, &cache, was_given);
        drop(load);
    }));
    if let Some(error) = error {
        error.restore(cache.py());
    }
    result
}

/// `None`: no load calls the cache.
fn begin_call(
    cache: &Bound<'_, PyAny>,
    wraps: Wrapped,
) -> Option<(&'static Engine, Computation, bool)> {
    let py = cache.py();
    let engine = Engine::get()?;
    let load = Computation::begin(py)?;
    let was_given = engine.before_call(&load, cache);
    if wraps == Wrapped::Other {
        reads::begins_computing();
        calls::next_load(py);
    }
    let address = cache.as_ptr() as usize;
    with_cache(address, |cache| cache.computing += 1)?;
    engine.state().graph.begin_result(load.module(), address);
    Some((engine, load, was_given))
}
