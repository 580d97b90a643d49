//! Names that a module binds past its statements: `globals()[name] = ...`, `setattr(module, ...)`.
//!
//! What a run bound is recorded where statements bind it. Code that reaches for the namespace binds
//! names that nothing records; after it has run, the namespace itself tells. A first run, which nothing
//! records, is asked only if its top level, or a function that it executed, has such code.
//!
//! Kept true: what another module binds meanwhile, while it runs inside of this one, is not this one's:
//! that may not run again when this one does.

use std::sync::Arc;

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::{
    bindings::{Bindings, Reflection},
    engine::Engine,
    namespace::is_special,
    reads,
    recorder::{BoundNames, names},
};
use crate::ModuleId;

/// A module that is running, and the names that it had when another one began to run inside of it.
pub(super) struct Around {
    id: ModuleId,
    names: FxHashSet<String>,
}

impl Engine {
    /// The load of `id` is about to execute `code` of its own, named `unit`.
    pub(super) fn executes_own(
        &self,
        id: ModuleId,
        unit: &str,
        code: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Some(recorder) = self.recorder(code.py(), id) {
            return recorder.get().executes(unit, code);
        }
        if Reflection::of_inner(code)? != Reflection::Nothing {
            self.note_reflection(id);
        }
        Ok(())
    }

    /// What the first run of `id` has bound, and its `code` besides, if it may have bound names that the
    /// code does not tell.
    pub(super) fn unseen_bindings(
        &self,
        id: ModuleId,
        code: &Bound<'_, PyAny>,
        namespace: &Bound<'_, PyDict>,
    ) -> PyResult<Option<(Arc<Bindings>, BoundNames)>> {
        if !self.has_reflected(id) {
            return Ok(None);
        }
        let bindings = Bindings::of(code)?;
        let others = self.bound_by_others(id);
        let is_unseen = |name: &String| {
            !is_special(name)
                && !others.contains(name)
                && !bindings.top_level.contains(name)
                && !bindings.global.contains(name)
        };
        let unseen: FxHashSet<_> = names(namespace).into_iter().filter(is_unseen).collect();
        let all = bindings.top_level.union(&unseen).cloned().collect();
        Ok(Some((Arc::new(bindings), BoundNames { all, unseen })))
    }

    /// A module is about to run. Returns the one that it runs inside of, if that is to tell its own names
    /// from others.
    pub(super) fn watch_around(&self, py: Python<'_>) -> Option<Around> {
        let id = reads::current()?;
        let recorder = self.recorder(py, id);
        let tells = match recorder {
            Some(recorder) => recorder.get().sees_all(),
            None => self.has_reflected(id),
        };
        if !tells {
            return None;
        }
        let names = names(&self.namespace(py, id)?);
        Some(Around { id, names })
    }

    /// The module that has run inside of `around` has ended.
    pub(super) fn note_others(&self, py: Python<'_>, around: Around) {
        let Some(namespace) = self.namespace(py, around.id) else {
            return;
        };
        let mut new = names(&namespace);
        new.retain(|name| !around.names.contains(name));
        self.note_bound_by_others(around.id, new);
    }
}
