//! The caches of `functools.lru_cache`, by what they wrap.
//!
//! A cached result is no call: who was given one depends on the function all the same. A function does
//! not know the caches around it, and they may be held anywhere, so their type says when one is made
//! and when one goes.
//!
//! Kept true: every cache that was made since [`install`] and is alive is known. The program's are
//! made later; those of before wrap functions of others.
#![expect(
    unsafe_code,
    reason = "a type tells of its instances through slots of its C struct"
)]

use std::sync::{Mutex, OnceLock, PoisonError};

use pyo3::{exceptions::PyRuntimeError, ffi, prelude::*, types::PyType};
use rustc_hash::FxHashSet;

use super::{
    own,
    referents::{self, Address},
};

/// The addresses of the caches that are alive.
static CACHES: Mutex<Option<FxHashSet<usize>>> = Mutex::new(None);

/// What the type's slots held.
static ORIGINAL: OnceLock<Original> = OnceLock::new();

struct Original {
    class: usize,
    make: ffi::newfunc,
    free: ffi::destructor,
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
        let (Some(make), Some(free)) = ((*slots).tp_new, (*slots).tp_dealloc) else {
            return Err(PyRuntimeError::new_err(
                "functools makes its caches in another way",
            ));
        };
        let original = Original {
            class: class.into_ptr() as usize,
            make,
            free,
        };
        if ORIGINAL.set(original).is_ok() {
            (*slots).tp_new = Some(note_made);
            (*slots).tp_dealloc = Some(note_freed);
        }
    }
    Ok(())
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
        let wrapping = known.iter().filter(wraps);
        // SAFETY: as above.
        let bound = |&cache| unsafe { Bound::from_borrowed_ptr(py, cache as Address) };
        wrapping.map(bound).collect()
    });
    found.sort_unstable_by_key(|cache| cache.as_ptr() as usize);
    found
}

fn with_known<R>(use_it: impl FnOnce(&mut FxHashSet<usize>) -> R) -> R {
    let mut known = CACHES.lock().unwrap_or_else(PoisonError::into_inner);
    use_it(known.get_or_insert_default())
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
        with_known(|known| known.insert(made as usize));
    }
    made
}

unsafe extern "C" fn note_freed(cache: *mut ffi::PyObject) {
    with_known(|known| known.remove(&(cache as usize)));
    if let Some(original) = ORIGINAL.get() {
        // SAFETY: CPython's argument is handed on as it is.
        unsafe { (original.free)(cache) }
    }
}
