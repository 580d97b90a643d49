//! What a module that runs again makes of names that others write into it.

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::{
    super::{engine::Engine, namespace::Snapshot, opcodes::Opcodes},
    layers::{Value, clone, is_identical},
    set,
};
use crate::ModuleId;

/// What a run of a module has made of the names that others write into it.
#[derive(Default)]
pub(in crate::python) struct Aside {
    pub(super) bound: Vec<String>,
    /// It does not bind these, whatever it did before.
    pub(in crate::python) left: Vec<String>,
    /// It has bound these the last time.
    pub(in crate::python) given_up: Vec<String>,
}

impl Engine {
    /// A run of `id` has bound the names that are `recorded`, and globals as its code says. What others
    /// have written there is set aside, for the comparison is about what the module makes of them.
    pub(in crate::python) fn set_writes_aside(
        &self,
        id: ModuleId,
        before: &Snapshot<'_>,
        namespace: &Bound<'_, PyDict>,
        recorded: &FxHashSet<String>,
        globals: &FxHashSet<String>,
        code: &Bound<'_, PyAny>,
    ) -> PyResult<Aside> {
        let py = namespace.py();
        let written = self.written_into(py, id);
        if written.is_empty() {
            return Ok(Aside::default());
        }
        let stores = Opcodes::of_interpreter(py)?.stores(code)?;
        let binds = |name: &String| stores.iter().any(|(_, stored)| stored == name);
        let mut aside = Aside::default();
        for (name, own, shown) in written {
            let now = namespace.get_item(&name)?.map(Bound::unbind);
            let is_global = globals.contains(&name);
            let is_rebound = || binds(&name) || !is_identical(now.as_ref(), shown.as_ref());
            if recorded.contains(&name) || is_global && is_rebound() {
                set(before.names(), &name, own)?;
                aside.bound.push(name);
                continue;
            }
            set(namespace, &name, shown)?;
            if own.is_some() && !is_global {
                self.set_own(id, &name, None);
                aside.given_up.push(name.clone());
            }
            aside.left.push(name);
        }
        Ok(aside)
    }

    /// The comparison is over: others' values are there again.
    pub(in crate::python) fn put_writes_back(
        &self,
        id: ModuleId,
        namespace: &Bound<'_, PyDict>,
        aside: &Aside,
    ) -> PyResult<()> {
        let py = namespace.py();
        for (name, _, shown) in self.written_into(py, id) {
            if aside.bound.contains(&name) {
                let own = namespace.get_item(&name)?.map(Bound::unbind);
                self.set_own(id, &name, own);
                set(namespace, &name, shown)?;
            }
        }
        Ok(())
    }

    /// The names of `id` that others have written, with its own values and what is shown.
    pub(super) fn written_into(&self, py: Python<'_>, id: ModuleId) -> Vec<(String, Value, Value)> {
        let state = self.state();
        let names = state.writes.names.get(&id).into_iter().flatten();
        let mut written: Vec<_> = names
            .map(|(name, it)| {
                let shown = it.value(it.layers.len());
                let own = clone(py, it.own.as_ref());
                (name.clone(), own, clone(py, shown.as_ref()))
            })
            .collect();
        written.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        written
    }

    pub(super) fn set_own(&self, id: ModuleId, name: &str, own: Value) {
        let old = {
            let mut state = self.state();
            let written = state.writes.names.get_mut(&id);
            let written = written.and_then(|names| names.get_mut(name));
            written.map(|written| std::mem::replace(&mut written.own, own))
        };
        drop(old);
    }
}
