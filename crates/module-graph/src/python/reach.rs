//! Which names of a module lead to given objects.
//!
//! An object that was changed in place is the same object to everybody who holds it. So whoever runs
//! again asks which of its values hold one, at any depth: those are changed too.
//!
//! Kept true: what was not looked at counts as leading there. Nothing of the user's runs.
#![expect(unsafe_code, reason = "objects are followed by their addresses")]

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyString},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    namespace::MACHINERY,
    referents::{self, Address},
};

/// How many references are followed for one module.
const REFERENCES: usize = 300_000;

/// Everything that a module's values hold, with who holds it.
pub(super) struct Reach<'py> {
    names: Vec<(Bound<'py, PyString>, usize)>,
    objects: Vec<Address>,
    by_address: FxHashMap<usize, usize>,
    holders: Vec<Vec<usize>>,
    /// Objects that were not followed.
    unknown: Vec<usize>,
}

impl<'py> Reach<'py> {
    /// Follows what the values of `namespace` hold. Good until the namespace or they change.
    pub(super) fn of(namespace: &Bound<'py, PyDict>) -> PyResult<Self> {
        let mut reach = Self {
            names: Vec::new(),
            objects: Vec::new(),
            by_address: FxHashMap::default(),
            holders: Vec::new(),
            unknown: Vec::new(),
        };
        for (name, value) in namespace {
            let Ok(name) = name.cast_into::<PyString>() else {
                continue;
            };
            if !MACHINERY.contains(&&*name.to_cow()?) {
                let object = reach.add(value.as_ptr());
                reach.names.push((name, object));
            }
        }
        let mut next = 0;
        let mut references = 0;
        let mut held = Vec::new();
        while next < reach.objects.len() {
            if references >= REFERENCES {
                reach.unknown.push(next);
            } else if is_followed(reach.objects[next]) {
                held.clear();
                // SAFETY: the namespace keeps the object alive, and nothing runs meanwhile.
                unsafe { referents::collect(reach.objects[next], &mut held) };
                references += held.len();
                for &object in &held {
                    if can_hold(object) {
                        let held = reach.add(object);
                        reach.holders[held].push(next);
                    }
                }
            }
            next += 1;
        }
        Ok(reach)
    }

    /// The names that lead to one of the objects, sorted.
    pub(super) fn names_to(&self, objects: &FxHashSet<usize>) -> PyResult<Vec<String>> {
        let mut leads = vec![false; self.objects.len()];
        let mut pending = self.unknown.clone();
        for (object, &address) in self.objects.iter().enumerate() {
            if objects.contains(&(address as usize)) {
                pending.push(object);
            }
        }
        while let Some(object) = pending.pop() {
            if !std::mem::replace(&mut leads[object], true) {
                pending.extend(&self.holders[object]);
            }
        }
        let mut names = Vec::new();
        for (name, object) in &self.names {
            if leads[*object] {
                names.push(name.to_cow()?.into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn add(&mut self, object: Address) -> usize {
        *self.by_address.entry(object as usize).or_insert_with(|| {
            self.objects.push(object);
            self.holders.push(Vec::new());
            self.objects.len() - 1
        })
    }
}

/// Whether the object can hold anything: a quick look, before it is remembered.
pub(super) fn can_hold(object: Address) -> bool {
    // SAFETY: the object is alive: its holder is.
    unsafe { ffi::PyObject_IS_GC(object) != 0 }
}

/// Whether what the object holds belongs to its holders: modules, namespaces and built-in types are
/// read by name.
pub(super) fn is_followed(object: Address) -> bool {
    // SAFETY: the object is alive: its holder is.
    unsafe {
        if ffi::PyModule_Check(object) != 0 {
            return false;
        }
        if ffi::PyType_Check(object) != 0 {
            return ffi::PyType_HasFeature(object.cast(), ffi::Py_TPFLAGS_HEAPTYPE) != 0;
        }
        let is_namespace = ffi::PyDict_CheckExact(object) != 0
            && !ffi::PyDict_GetItemString(object, c"__builtins__".as_ptr()).is_null();
        !is_namespace
    }
}
