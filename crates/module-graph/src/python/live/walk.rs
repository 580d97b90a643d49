//! The functions below a namespace, and the proof that there are no others.
//!
//! A code object is held by the constants of the code around it, by the functions that run it, and
//! by whoever else has got hold of it. The first are counted in the code of the module, which is at
//! hand; the walk finds functions until nothing is left to explain, mostly after a few steps.
//!
//! Kept true: a function that was not found leaves a reference that nothing explains, and so does
//! anything else that holds the code, such as a frame that is running it. Neither is ever a proof.
#![expect(
    unsafe_code,
    reason = "objects are followed by their addresses, and references are counted"
)]

use std::collections::VecDeque;

use pyo3::{
    ffi, intern,
    prelude::*,
    types::{PyDict, PyString, PyTuple, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{
    code_diff::Pair,
    layout::class_dict,
    referents::{self, Address},
    units,
};

/// How many objects are looked at before the heap is cheaper.
const OBJECTS: usize = 20_000;

/// What holds more objects is looked into last: it is data.
const LARGE: isize = 1_000;

/// The functions that run the old code of one of `pairs`; `None` if there may be others.
pub(super) fn functions<'py>(
    pairs: &[Pair<'py>],
    module: &Bound<'py, PyAny>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    // Without a global lock references are not counted in one place.
    if cfg!(Py_GIL_DISABLED) {
        return Ok(None);
    }
    let unexplained = unexplained(pairs, module)?;
    let Some(package) = package_of(namespace)? else {
        return Ok(None);
    };
    let mut walk = Walk {
        missing: unexplained.values().filter(|count| **count != 0).count(),
        unexplained,
        package,
        namespace,
        found: Vec::new(),
        seen: FxHashSet::default(),
        queue: VecDeque::new(),
        large: Vec::new(),
    };
    walk.add(namespace.as_ptr());
    Ok(walk.run().then_some(walk.found))
}

/// How many references to each old code, by address, are neither the module's code nor ours.
fn unexplained(pairs: &[Pair<'_>], module: &Bound<'_, PyAny>) -> PyResult<FxHashMap<usize, isize>> {
    let mut known: FxHashMap<usize, isize> = FxHashMap::default();
    for pair in pairs {
        // The pair's own.
        *known.entry(pair.old.as_ptr() as usize).or_default() += 1;
    }
    // Code may share its constants with a copy of it.
    let mut counted = FxHashSet::default();
    for code in units::tree_of(module)? {
        let constants = code
            .getattr(intern!(code.py(), "co_consts"))?
            .cast_into::<PyTuple>()?;
        if counted.insert(constants.as_ptr() as usize) {
            for constant in constants.iter_borrowed() {
                if let Some(known) = known.get_mut(&(constant.as_ptr() as usize)) {
                    *known += 1;
                }
            }
        }
    }
    let unexplained = |pair: &Pair<'_>| {
        // SAFETY: the pair holds the code.
        let references = unsafe { ffi::Py_REFCNT(pair.old.as_ptr()) };
        let address = pair.old.as_ptr() as usize;
        (address, references - known[&address])
    };
    Ok(pairs.iter().map(unexplained).collect())
}

/// The top-level package that the namespace's module says it is part of.
fn package_of(namespace: &Bound<'_, PyDict>) -> PyResult<Option<String>> {
    let name = namespace.get_item(intern!(namespace.py(), "__name__"))?;
    let name = name.and_then(|name| name.cast_into::<PyString>().ok());
    Ok(name.map(|name| top_of(&name.to_string_lossy()).to_owned()))
}

fn top_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

struct Walk<'w, 'py> {
    /// By the address of each code. Never negative while the counts are right.
    unexplained: FxHashMap<usize, isize>,
    /// How many of them are not zero.
    missing: usize,
    package: String,
    namespace: &'w Bound<'py, PyDict>,
    found: Vec<Bound<'py, PyAny>>,
    seen: FxHashSet<usize>,
    queue: VecDeque<Address>,
    large: Vec<Address>,
}

impl Walk<'_, '_> {
    /// Whether everything is explained. Nothing of the program runs meanwhile, and nothing is freed.
    fn run(&mut self) -> bool {
        let mut held = Vec::new();
        while self.missing > 0 {
            let Some(object) = self.queue.pop_front().or_else(|| self.large.pop()) else {
                return false;
            };
            held.clear();
            // SAFETY: the namespace keeps the object alive, and nothing changes meanwhile.
            unsafe { referents::collect(object, &mut held) };
            let skipped = self.globals_of(object);
            for &object in &held {
                if !skipped.contains(&object) {
                    self.add(object);
                }
            }
        }
        true
    }

    /// Namespaces are not parts of the functions that look names up in them.
    fn globals_of(&self, object: Address) -> [Address; 2] {
        let namespace = self.namespace.as_ptr();
        // SAFETY: the object is alive, and a function's globals are borrowed from it.
        unsafe {
            if ffi::Py_TYPE(object) == &raw mut ffi::PyFunction_Type {
                [
                    ffi::PyFunction_GetGlobals(object),
                    ffi::PyEval_GetBuiltins(),
                ]
            } else {
                [namespace, namespace]
            }
        }
    }

    /// Adds what is to be looked at, and takes it if it is a function with one of the codes. An object
    /// that is one too many is not looked at, and so explains nothing.
    fn add(&mut self, object: Address) {
        if self.seen.len() >= OBJECTS || !self.is_followed(object) {
            return;
        }
        if !self.seen.insert(object as usize) {
            return;
        }
        self.take(object);
        // SAFETY: the object is alive: its holder is.
        if unsafe { size_of_container(object) } > LARGE {
            self.large.push(object);
        } else {
            self.queue.push_back(object);
        }
    }

    fn take(&mut self, object: Address) {
        // SAFETY: the object is alive, and a function's code is borrowed from it.
        unsafe {
            if ffi::Py_TYPE(object) != &raw mut ffi::PyFunction_Type {
                return;
            }
            let code = ffi::PyFunction_GetCode(object) as usize;
            let Some(count) = self.unexplained.get_mut(&code) else {
                return;
            };
            self.missing += usize::from(*count == 0);
            *count -= 1;
            self.missing -= usize::from(*count == 0);
            let function = Bound::from_borrowed_ptr(self.namespace.py(), object);
            self.found.push(function);
        }
    }

    /// Modules have namespaces of their own, and what the collector does not watch holds no function.
    fn is_followed(&self, object: Address) -> bool {
        // SAFETY: the object is alive: its holder is.
        unsafe {
            if ffi::PyObject_IS_GC(object) == 0
                || ffi::PyObject_GC_IsTracked(object) == 0
                || ffi::PyModule_Check(object) != 0
            {
                return false;
            }
            if ffi::PyType_Check(object) == 0 {
                return true;
            }
            if ffi::PyType_HasFeature(object.cast(), ffi::Py_TPFLAGS_HEAPTYPE) == 0 {
                return false;
            }
            let class = Bound::from_borrowed_ptr(self.namespace.py(), object);
            self.is_ours(&class.cast_into_unchecked::<PyType>())
        }
    }

    /// Whether the class says that it is of the same package. Packages give their classes the names of
    /// other modules, for looks.
    fn is_ours(&self, class: &Bound<'_, PyType>) -> bool {
        let module = class_dict(class)
            .and_then(|members| members.get_item(intern!(class.py(), "__module__")).ok()?)
            .and_then(|module| module.cast_into::<PyString>().ok());
        module.is_some_and(|module| top_of(&module.to_string_lossy()) == self.package)
    }
}

/// How many objects a list, tuple, dict or set holds; 0 for anything else.
///
/// # Safety
///
/// The thread is attached and `object` alive.
unsafe fn size_of_container(object: Address) -> isize {
    // SAFETY: the caller's promise, and the type is checked before its size is asked for.
    unsafe {
        if ffi::PyList_CheckExact(object) != 0 || ffi::PyTuple_CheckExact(object) != 0 {
            ffi::Py_SIZE(object)
        } else if ffi::PyDict_CheckExact(object) != 0 {
            ffi::PyDict_Size(object)
        } else if ffi::PyAnySet_CheckExact(object) != 0 {
            ffi::PySet_Size(object)
        } else {
            0
        }
    }
}
