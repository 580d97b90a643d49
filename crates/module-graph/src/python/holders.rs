//! Whether everybody who holds what was changed in place is known.
//!
//! A reader is spared a run for what it has read by name. What it may have come to by another way (the
//! registry of a library, an object that another module keeps) cannot be seen, but who has put it there
//! can: it holds a reference. So the objects that lead to what was changed are found from the modules
//! that have it by name, and the references to each of them are counted, as in
//! [`unify::proof`](super::unify).
//!
//! Kept true: a reference that was not found counts as somebody else's. Nothing of the user's runs.
#![expect(
    unsafe_code,
    reason = "objects are followed and counted by their addresses"
)]

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyString, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    engine::{Engine, State},
    errors::forgive,
    own,
    reach::{can_hold, is_followed},
    referents::{self, Address},
    unify::{is_judgement, weak_references},
};
use crate::{ModuleId, Read};

/// How many references are followed in one batch, and how many more for each module that is looked at,
/// whose run would cost more. Where there are more, nobody is spared.
const REFERENCES: usize = 50_000;
const PER_MODULE: usize = 1_000;

/// What is known of the holders in one batch.
#[derive(Default)]
pub(super) struct Known {
    /// The references that were followed so far.
    followed: usize,
    /// The answer, and what it was given for: how much had run and was changed in place.
    answer: Option<((usize, usize), bool)>,
}

/// The objects of some modules, with who holds them.
#[derive(Default)]
struct Holders {
    names: Vec<(ModuleId, String, usize)>,
    objects: Vec<Address>,
    by_address: FxHashMap<usize, usize>,
    /// One entry for each reference from another object.
    held_by: Vec<Vec<usize>>,
    /// The references from namespaces and from the engine.
    others: Vec<isize>,
    references: usize,
}

impl Engine {
    /// Whether only modules that have them by name, and what those hold, lead to the objects that were
    /// changed in place.
    pub(super) fn knows_all_holders(&self, py: Python<'_>) -> bool {
        let (asked, followed) = {
            let state = self.state();
            let asked = (
                state.runs.values().sum::<u32>() as usize,
                state.in_place.len(),
            );
            if let Some((known, answer)) = state.holders.answer
                && (!answer || known == asked)
            {
                return answer;
            }
            (asked, state.holders.followed)
        };
        let mut found = Holders::default();
        let answer = self.follow_all(py, &mut found, followed);
        let watched = found.leading(&self.state());
        let answer = answer && !forgive(py, are_watched(py, &watched)).unwrap_or(true);
        let mut state = self.state();
        let answer = answer && found.are_all(&state);
        state.holders.followed += found.references;
        state.holders.answer = Some((asked, answer));
        answer
    }

    /// Follows the modules that have told a name which leads to what was changed, those that have read
    /// such a name, and so on. `false`: there is too much of it.
    fn follow_all(&self, py: Python<'_>, found: &mut Holders, followed: usize) -> bool {
        let mut modules: Vec<ModuleId> = self.state().passed_on.clone();
        let mut seen: FxHashSet<ModuleId> = modules.iter().copied().collect();
        while !modules.is_empty() {
            let limit = (REFERENCES + PER_MODULE * seen.len()).saturating_sub(followed);
            for module in modules.drain(..) {
                if let Some(namespace) = self.namespace(py, module)
                    && !found.follow(module, &namespace, limit)
                {
                    return false;
                }
            }
            let state = self.state();
            let leads = found.leads(&state);
            for (module, name, object) in &found.names {
                if leads[*object] {
                    let mut readers = state.graph.readers(*module, Read::Name(name));
                    readers.extend(state.graph.readers(*module, Read::Everything));
                    modules.extend(readers.into_iter().filter(|&reader| seen.insert(reader)));
                }
            }
        }
        true
    }
}

impl Holders {
    /// Adds what the names of a module hold. `false`: that is more than `limit` references.
    fn follow(&mut self, module: ModuleId, namespace: &Bound<'_, PyDict>, limit: usize) -> bool {
        let mut next = self.objects.len();
        for (name, value) in namespace {
            let object = self.add(value.as_ptr());
            self.others[object] += 1;
            if let Ok(name) = name.cast::<PyString>()
                && let Ok(name) = name.to_cow()
            {
                self.names.push((module, name.into_owned(), object));
            }
        }
        let mut held = Vec::new();
        while next < self.objects.len() {
            if is_followed(self.objects[next]) {
                held.clear();
                // SAFETY: the namespace keeps the object alive, and nothing runs meanwhile.
                unsafe { referents::collect(self.objects[next], &mut held) };
                self.references += held.len();
                if self.references > limit {
                    return false;
                }
                for &object in &held {
                    if can_hold(object) {
                        let held = self.add(object);
                        self.held_by[held].push(next);
                    }
                }
            }
            next += 1;
        }
        true
    }

    fn add(&mut self, object: Address) -> usize {
        *self.by_address.entry(object as usize).or_insert_with(|| {
            self.objects.push(object);
            self.held_by.push(Vec::new());
            self.others.push(0);
            self.objects.len() - 1
        })
    }

    /// For each object, whether it leads to one that was changed in place.
    fn leads(&self, state: &State) -> Vec<bool> {
        let mut leads = vec![false; self.objects.len()];
        let changed = state.in_place.iter();
        let changed = changed.filter_map(|it| self.by_address.get(&(it.as_ptr() as usize)));
        let mut pending: Vec<usize> = changed.copied().collect();
        while let Some(object) = pending.pop() {
            if !std::mem::replace(&mut leads[object], true) {
                pending.extend(&self.held_by[object]);
            }
        }
        leads
    }

    /// Those that lead to a changed one.
    fn leading(&self, state: &State) -> Vec<Address> {
        let leads = self.leads(state).into_iter().zip(&self.objects);
        leads
            .filter_map(|(leads, &object)| leads.then_some(object))
            .collect()
    }

    /// Whether every reference to an object that leads to a changed one is accounted for.
    fn are_all(&self, state: &State) -> bool {
        let mut others = self.others.clone();
        let classes = state
            .excuses
            .values()
            .flat_map(super::excuses::Excuse::classes);
        for held in state.in_place.iter().map(Py::as_ptr).chain(classes) {
            if let Some(&object) = self.by_address.get(&(held as usize)) {
                others[object] += 1;
            }
        }
        let leads = self.leads(state);
        (0..self.objects.len())
            .filter(|&object| leads[object])
            .all(|object| {
                // SAFETY: the modules' names keep the object alive.
                let references = unsafe { ffi::Py_REFCNT(self.objects[object]) };
                references == others[object] + self.held_by[object].len().cast_signed()
            })
    }
}

/// Whether somebody has a weak reference to one of the objects, by which others may come to it. Those
/// of abstract classes do not count, which give them to nobody, nor those that a class has to its
/// subclasses, if that class is one of the objects as well.
fn are_watched(py: Python<'_>, objects: &[Address]) -> PyResult<bool> {
    // What holds a reference while it is looked at: the list that it is in, and a variable.
    const HERE: usize = 2;
    let plain = own::import(py, "_weakref")?.getattr("ReferenceType")?;
    let everything = py.get_type::<PyAny>().as_ptr();
    for &object in objects {
        // SAFETY: the modules' names keep the object alive, and nothing of the user's runs meanwhile.
        let object = unsafe { Bound::from_borrowed_ptr(py, object) };
        let bases = match object.cast::<PyType>() {
            Ok(class) => class.bases().iter().map(|base| base.as_ptr()).collect(),
            Err(_) => Vec::new(),
        };
        let is_known = |base: &Address| *base == everything || objects.contains(base);
        if !bases.iter().all(is_known) {
            return Ok(true);
        }
        for weak in weak_references(&object)? {
            let weak = weak?;
            if !weak.get_type().is(&plain) {
                return Ok(true);
            }
            let has_callback = !weak.getattr(pyo3::intern!(py, "__callback__"))?.is_none();
            // Each base knows its subclasses by one reference that they share.
            let known = if has_callback { 0 } else { bases.len() };
            // SAFETY: it is held.
            let references = unsafe { ffi::Py_REFCNT(weak.as_ptr()) };
            let is_others = references > (known + HERE).cast_signed();
            if is_others && !is_judgement(&weak)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
