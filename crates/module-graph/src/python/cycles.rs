//! Circular imports: what a module may see of one that is still in the middle of its run.
//!
//! In a cold start, `a` imports `b`, `b` imports `a` back, and finds there what `a` has bound so
//! far. The rule that gives every update the same result:
//!
//! 1. While a module runs again, names that this run has not bound yet are hidden from whoever reads
//!    it meanwhile, although they stay in its namespace for other threads.
//! 2. For each module that was read halfway we keep which names had their last value at that
//!    point. A reader of such names only may run again by itself.
//! 3. A reader of any other name must run inside the module that it read: that one runs again too,
//!    and its import statement runs the reader.
//! 4. A module that runs again asks, at each import that closes a circle, whether the importer would
//!    see something else than it did. What it has seen is then not told again as changed.
//! 5. When a rerun changed what is imported, the order of a cold start is worked out from the imports
//!    of the last runs, and those whose place in a circle differs run again in their new place.
//!
//! Functions and whoever looks at the namespace itself find what `recorder` leaves there.

use std::collections::BTreeSet;

use hmr_signals::graph::State as NodeState;
use pyo3::{prelude::*, types::PyDict};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    engine::{Engine, State},
    equality, errors,
    recorder::Recorder,
};
use crate::{ModuleId, Read};

/// A point in the run of a module: how often somebody had looked at it halfway.
type Position = u32;

/// When a name was first bound in a run, and when it got its last value.
#[derive(Debug, Clone, Copy)]
struct Times {
    first: Position,
    last: Position,
}

/// What is known of one module and the circles that it is part of.
#[derive(Default)]
pub(super) struct Circle {
    /// The modules that it reads and inside whose run it runs, and where in that run. `None`: it
    /// has read nothing of them so far.
    inside: FxHashMap<ModuleId, Option<Position>>,
    /// The modules that run inside of it, as their `inside` says.
    around: BTreeSet<ModuleId>,
    /// The names of its last run that somebody looked at halfway.
    bound: FxHashMap<String, Times>,
    /// The run that is under way.
    run: Option<Box<Run>>,
}

/// A run that is under way.
#[derive(Default)]
struct Run {
    recorder: Option<Py<Recorder>>,
    /// It may have bound names that nothing has recorded.
    reflects: bool,
    /// What modules that ran inside of it have bound in its namespace.
    by_others: FxHashSet<String>,
    position: Position,
    bound: FxHashMap<String, Times>,
    last: Option<Py<PyDict>>,
    readers: FxHashSet<ModuleId>,
}

impl Circle {
    /// That of another object of the same module: others run inside of it as before.
    pub(super) fn of_successor(&mut self) -> Self {
        Self {
            around: std::mem::take(&mut self.around),
            ..Self::default()
        }
    }

    /// Whether the module has run inside another one, or another one inside of it.
    pub(super) fn is_closed(&self) -> bool {
        !self.inside.is_empty() || !self.around.is_empty()
    }

    /// Whether the module is known to run inside another one.
    fn is_inside(&self, of: ModuleId) -> bool {
        self.inside.contains_key(&of)
    }
}

impl Engine {
    /// A run of `id` begins. Those that read it halfway last time are in doubt until it ends.
    pub(super) fn enter_circle(&self, id: ModuleId) {
        let mut state = self.state();
        state.slots[id.index()].circle.run = Some(Box::default());
        let inner = state.inner(id);
        if inner.is_empty() {
            return;
        }
        let load = state.graph.load(id);
        state.graph.core().doubt(load);
        for inner in inner {
            if state.graph.state(inner) == NodeState::Dirty {
                // Those that import it must find that it waits.
                let load = state.graph.load(inner);
                state.graph.core().doubt(load);
            }
        }
    }

    /// The run of `id` records what it binds.
    pub(super) fn hide_unbound(&self, id: ModuleId, recorder: &pyo3::Bound<'_, Recorder>) {
        let recorder = recorder.clone().unbind();
        if let Some(run) = &mut self.state().slots[id.index()].circle.run {
            run.recorder = Some(recorder);
        }
    }

    /// The run of `id` that is under way may bind names that nothing records.
    pub(super) fn note_reflection(&self, id: ModuleId) {
        if let Some(run) = &mut self.state().slots[id.index()].circle.run {
            run.reflects = true;
        }
    }

    pub(super) fn has_reflected(&self, id: ModuleId) -> bool {
        let state = self.state();
        let run = state.slots[id.index()].circle.run.as_ref();
        run.is_some_and(|run| run.reflects)
    }

    /// Modules that ran inside of `id` have bound these names in it.
    pub(super) fn note_bound_by_others(&self, id: ModuleId, names: FxHashSet<String>) {
        if let Some(run) = &mut self.state().slots[id.index()].circle.run {
            run.by_others.extend(names);
        }
    }

    pub(super) fn bound_by_others(&self, id: ModuleId) -> FxHashSet<String> {
        let state = self.state();
        let run = state.slots[id.index()].circle.run.as_ref();
        run.map_or_else(FxHashSet::default, |run| run.by_others.clone())
    }

    /// What the run of `id` that is under way has bound, if that is recorded.
    pub(super) fn recorder(&self, py: Python<'_>, id: ModuleId) -> Option<Py<Recorder>> {
        let state = self.state();
        let run = state.slots[id.index()].circle.run.as_ref()?;
        Some(run.recorder.as_ref()?.clone_ref(py))
    }

    /// Whether `name` is only there from the run before.
    pub(super) fn is_hidden(&self, py: Python<'_>, id: ModuleId, name: &str) -> bool {
        self.recorder(py, id)
            .and_then(|recorder| errors::forgive(py, recorder.get().is_outdated_name(py, name)))
            .unwrap_or(false)
            && !self.holds_submodule(py, id, name)
    }

    /// The names of `id` that its run has bound so far, as a dict of their own, if some are hidden.
    pub(super) fn visible_names<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
    ) -> Option<pyo3::Bound<'py, PyDict>> {
        let names = errors::forgive(py, self.namespace(py, id)?.copy())?;
        let keys: Vec<String> = names
            .keys()
            .iter()
            .filter_map(|k| k.extract().ok())
            .collect();
        let hidden: Vec<_> = keys
            .into_iter()
            .filter(|name| self.is_hidden(py, id, name))
            .collect();
        for name in &hidden {
            errors::forgive(py, names.del_item(name));
        }
        Some(names)
    }

    /// `reader` looks at `of`, which is in the middle of its run.
    pub(super) fn look_halfway(
        &self,
        py: Python<'_>,
        reader: ModuleId,
        of: ModuleId,
        what: Read<'_>,
    ) {
        let is_name = !matches!(what, Read::Order | Read::Module);
        {
            let mut state = self.state();
            if !is_name {
                if !state.slots[reader.index()].circle.is_inside(of) {
                    state.set_inside(reader, of, None);
                }
                return;
            }
            state.set_inside(reader, of, None);
            let Some(run) = &mut state.slots[of.index()].circle.run else {
                return;
            };
            if !run.readers.insert(reader) {
                let position = run.position;
                state.set_inside(reader, of, Some(position));
                return;
            }
        }
        let position = self.note_bound(py, of);
        self.state().set_inside(reader, of, position);
    }

    /// Notes what the run of `of` has bound until now, and returns the position.
    fn note_bound(&self, py: Python<'_>, of: ModuleId) -> Option<Position> {
        let names = self.visible_names(py, of)?;
        let (last, position) = {
            let mut state = self.state();
            let run = state.slots[of.index()].circle.run.as_mut()?;
            run.position += 1;
            (run.last.take(), run.position)
        };
        let last = last.map(|last| last.into_bound(py));
        let mut new = Vec::new();
        for (name, value) in &names {
            let old = last.as_ref().and_then(|last| last.get_item(&name).ok()?);
            if old.is_none_or(|old| !old.is(&value))
                && let Ok(name) = name.extract::<String>()
            {
                new.push(name);
            }
        }
        let mut state = self.state();
        let run = state.slots[of.index()].circle.run.as_mut()?;
        for name in new {
            let bound = Times {
                first: position,
                last: position,
            };
            run.bound.entry(name).or_insert(bound).last = position;
        }
        run.last = Some(names.unbind());
        drop(state);
        Some(position)
    }

    /// The run of `id` is over. Returns those that read it halfway, who have seen what a cold start
    /// would show them, and those that it showed something of last time and did not run this time.
    pub(super) fn leave_circle(
        &self,
        py: Python<'_>,
        id: ModuleId,
        succeeded: bool,
    ) -> (Vec<ModuleId>, Vec<ModuleId>) {
        let (was_read, recorder) = {
            let mut state = self.state();
            let run = state.slots[id.index()].circle.run.as_mut();
            run.map_or((false, None), |run| {
                (!run.readers.is_empty(), run.recorder.take())
            })
        };
        // Nothing is hidden any more.
        drop(recorder);
        if was_read && succeeded {
            self.note_bound(py, id);
        }
        let mut state = self.state();
        let Some(run) = state.slots[id.index()].circle.run.take() else {
            return Default::default();
        };
        let mut readers: Vec<_> = run.readers.iter().copied().collect();
        readers.sort_unstable();
        let mut left = Vec::new();
        if succeeded {
            for inner in state.inner(id) {
                if !run.readers.contains(&inner)
                    && state.slots[inner.index()].circle.inside[&id].is_some()
                {
                    if state.saw_halfway(inner, id) {
                        left.push(inner);
                    }
                    state.unset_inside(inner, id);
                }
            }
            state.slots[id.index()].circle.bound.clone_from(&run.bound);
        }
        drop(state);
        drop(run);
        (readers, left)
    }

    /// The module inside whose run `id` must run; `None` if it may run by itself.
    pub(super) fn must_run_inside(&self, id: ModuleId) -> Option<ModuleId> {
        let state = self.state();
        let mut around: Vec<_> = state.slots[id.index()]
            .circle
            .inside
            .keys()
            .copied()
            .collect();
        around.sort_unstable();
        around.into_iter().find(|&of| {
            state.slots[of.index()].object.is_some()
                && state.may_run(of)
                && state.graph.state(of) != NodeState::Running
                && state.saw_halfway(id, of)
        })
    }

    /// Whether `name` of `of`, which runs, is another value to `reader` than when that ran last.
    /// `None` if that cannot be said.
    pub(super) fn differs_halfway(
        &self,
        py: Python<'_>,
        of: ModuleId,
        name: &str,
        reader: Option<ModuleId>,
    ) -> Option<bool> {
        let now = if self.is_hidden(py, of, name) {
            None
        } else {
            self.namespace(py, of)?.get_item(name).ok()?
        };
        let then = {
            let state = self.state();
            let place = reader.and_then(|r| *state.slots[r.index()].circle.inside.get(&of)?);
            let bound = state.slots[of.index()].circle.bound.get(name).copied();
            place
                .zip(bound)
                .filter(|(place, bound)| bound.last > *place)
        };
        if let Some((place, bound)) = then {
            return Some(bound.first <= place || now.is_some());
        }
        let before = self.before(py, of)?.get_item(name).ok()?;
        match (before, now) {
            (Some(before), Some(now)) => Some(!equality::same(&before, &now).ok()?),
            (None, None) => Some(false),
            _ => Some(true),
        }
    }

    /// Works out the order of a cold start if a rerun may have changed it, and marks the modules whose
    /// place in a circle differs. Returns those to settle first: others must run inside them.
    pub(super) fn reorder(&self) -> Vec<ModuleId> {
        let mut state = self.state();
        if !state.failed.is_empty() || !std::mem::take(&mut state.order_changed) {
            return Vec::new();
        }
        let places = state.cold_order().places;
        let mut first = Vec::new();
        for id in state.graph.modules().collect::<Vec<_>>() {
            let known: Vec<_> = state.slots[id.index()]
                .circle
                .inside
                .keys()
                .copied()
                .collect();
            for of in known {
                if !places.contains(&(id, of)) {
                    if state.saw_halfway(id, of) {
                        state.graph.invalidate(id);
                    }
                    state.unset_inside(id, of);
                }
            }
        }
        for (id, of) in places {
            if !state.slots[id.index()].circle.is_inside(of) {
                state.set_inside(id, of, None);
                if state.saw_halfway(id, of) {
                    state.graph.invalidate(id);
                    state.graph.invalidate(of);
                    first.push(of);
                }
            }
        }
        first
    }
}

impl State {
    /// Whether `name` of `of` is a module that the import system puts there.
    fn is_submodule(&self, of: ModuleId, name: &str) -> bool {
        let inner = format!("{}.{name}", self.graph.name(of).as_str());
        self.graph
            .find(&inner)
            .is_some_and(|inner| self.slots[inner.index()].object.is_some())
    }

    /// The modules that run inside `of`, in first-import order.
    fn inner(&self, of: ModuleId) -> Vec<ModuleId> {
        let around = self.slots[of.index()].circle.around.iter().copied();
        // A module whose object was replaced runs inside nobody until it has run.
        around
            .filter(|inner| self.slots[inner.index()].circle.is_inside(of))
            .collect()
    }

    fn set_inside(&mut self, inner: ModuleId, of: ModuleId, place: Option<Position>) {
        self.slots[inner.index()].circle.inside.insert(of, place);
        self.slots[of.index()].circle.around.insert(inner);
    }

    fn unset_inside(&mut self, inner: ModuleId, of: ModuleId) {
        self.slots[inner.index()].circle.inside.remove(&of);
        self.slots[of.index()].circle.around.remove(&inner);
    }

    /// Whether `reader` read a name of `of` that had another value at its place, or may have had.
    fn saw_halfway(&self, reader: ModuleId, of: ModuleId) -> bool {
        let place = self.slots[reader.index()]
            .circle
            .inside
            .get(&of)
            .copied()
            .flatten();
        let bound = &self.slots[of.index()].circle.bound;
        let is_last = |name: &str| {
            place.is_some_and(|place| bound.get(name).is_none_or(|bound| bound.last <= place))
        };
        let is_last = |name: &str| self.is_submodule(of, name) || is_last(name);
        let reads = self.graph.reads(reader);
        let mut reads = reads.filter_map(|(owner, what)| (owner == of).then_some(what));
        reads.any(|what| match what {
            Read::Order | Read::Module | Read::Written(_) => false,
            Read::Everything => {
                place.is_none_or(|place| bound.values().any(|bound| bound.last > place))
            }
            Read::Name(name) => !is_last(name),
            Read::Code(unit) => !is_last(unit.split('.').next().unwrap_or(unit)),
        })
    }
}
