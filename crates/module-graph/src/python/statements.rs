//! Reruns that leave out statements: what [`plan`] has to know, and how its plan is carried out.
//!
//! A statement that is left out reads `name = name` in the code that runs, as one with a comment does;
//! see [`keep`](super::keep). What it has read and executed in its last run counts as read again.
//!
//! Kept true: statements are left out only if the module's own edit is the reason of the run, and if
//! nothing else that it depends on has changed since its last run. What cannot be foreseen is looked at
//! afterwards: if the run has executed a function that mentions what was kept, or changed a name that
//! this has used, the whole module runs once more.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use hmr_signals::graph::{NodeId, State as NodeState};
use pyo3::{
    prelude::*,
    types::{
        PyBool, PyBytes, PyCFunction, PyDict, PyFloat, PyFunction, PyInt, PyModule, PyString,
        PyType,
    },
};

use super::{
    engine::{Engine, State},
    frames,
    splice::{Reading, graft},
    units,
};
use crate::{
    Input, ModuleId, Read,
    outline::Kind,
    statements::{Around, Granularity, Plan, Script, Whole, plan},
};

/// A run that leaves out statements.
pub(super) struct Partial<'py> {
    /// What runs.
    pub(super) code: Bound<'py, PyAny>,
    pub(super) plan: Plan,
    /// Those of the names whose objects can be changed.
    mutable: BTreeSet<String>,
    reads: Vec<NodeId>,
    /// What the module had made others read of it, and the plan knew of.
    looked_into: BTreeSet<String>,
}

/// What the last run of a module has done, for statements that the next one leaves out.
pub(super) struct Carried {
    reads: Vec<NodeId>,
    looked_into: BTreeSet<String>,
    executed: BTreeSet<String>,
}

/// Stands for all names of a module where one that was read is meant.
const EVERYTHING: &str = "__dict__";

impl State {
    /// Modules that wait since before the batch may depend on what has changed then.
    pub(super) fn forget_outdated_texts(&mut self) {
        for id in std::mem::take(&mut self.with_text) {
            if self.slots[id.index()].ran.is_none() {
                continue;
            }
            let has_changed = || self.graph.has_changed(&self.graph.dependencies(id));
            let waits = self.graph.state(id) != NodeState::Clean && !self.failed.contains(&id);
            if waits || has_changed() {
                self.slots[id.index()].ran = None;
            } else {
                self.with_text.insert(id);
            }
        }
    }

    /// `Ok` if the module's own edit is all that a run of it would be for.
    fn is_only_edited(&self, id: ModuleId, reads: &[NodeId]) -> Result<(), Whole> {
        let slot = &self.slots[id.index()];
        let imports = self.graph.imports(id);
        let reads_opaque = || imports.iter().any(|of| self.slots[of.index()].is_opaque);
        let is_own = |it: &Input| self.inputs.is_own(it.path());
        let is_known = slot.ran.is_some()
            && slot.code.is_some()
            && self.edited.contains(&id)
            && !self.runs.contains_key(&id);
        if !is_known {
            Err(Whole::Unknown)
        } else if slot.is_opaque || reads_opaque() {
            Err(Whole::Opaque)
        } else if slot.circle.is_closed() {
            Err(Whole::Circle)
        } else if self.graph.has_changed(reads)
            || !self.in_place.is_empty()
            || self.inputs_of(reads).iter().any(is_own)
        {
            Err(Whole::ReadChanges)
        } else if self.has_registered(id) {
            Err(Whole::Hooks)
        } else {
            Ok(())
        }
    }

    /// Whether a run of the module has registered something that its next run replaces.
    fn has_registered(&self, id: ModuleId) -> bool {
        self.hooks.contains_key(&id)
            || self.handlers.contains_key(&id)
            || self.listeners.any_of(id)
            || self.acceptors.count(id) > 0
            || self.has_cached_functions(id)
            || self.writes.any_by(id)
    }

    fn inputs_of(&self, reads: &[NodeId]) -> Vec<Input> {
        let inputs = reads.iter().filter_map(|&node| self.graph.input(node));
        inputs.cloned().collect()
    }
}

impl Engine {
    /// Says how much of a module runs again when it must. To be said before the program runs.
    pub fn set_granularity(&self, granularity: Granularity) {
        let by_statement = granularity == Granularity::Statement;
        self.by_statement.store(by_statement, Ordering::Relaxed);
    }

    pub(super) fn runs_statements(&self) -> bool {
        self.by_statement.load(Ordering::Relaxed)
    }

    /// The code for a first import, with its text known. `None`: CPython will say what is wrong.
    pub(super) fn code_of_text<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
    ) -> Option<Bound<'py, PyAny>> {
        let compiled = self.compile_file(py, id, None);
        compiled.ok().map(|compiled| compiled.code)
    }

    /// What the last run of `id` has read, if the next may leave out statements.
    pub(super) fn carried(&self, id: ModuleId) -> Option<Carried> {
        if !self.runs_statements() {
            return None;
        }
        let (carried, inputs) = {
            let mut state = self.state();
            let reads = state.graph.dependencies(id);
            if let Err(whole) = state.is_only_edited(id, &reads) {
                let slot = &mut state.slots[id.index()];
                slot.ran = None;
                slot.whole.get_or_insert(whole);
                return None;
            }
            let inputs = state.inputs_of(&reads);
            let slot = &state.slots[id.index()];
            let top = |unit: &String| unit.split('.').next().unwrap_or(unit).to_owned();
            let carried = Carried {
                reads,
                looked_into: slot.looked_into.iter().cloned().collect(),
                executed: slot.executed.iter().map(top).collect(),
            };
            (carried, inputs)
        };
        let is_current = self.unseen_changes(&inputs).is_empty();
        if !is_current {
            self.state().slots[id.index()].whole = Some(Whole::ReadChanges);
        }
        is_current.then_some(carried)
    }

    /// What to run in place of `code`, that of the file as it is now.
    pub(super) fn partial<'py>(
        &self,
        id: ModuleId,
        code: &Bound<'py, PyAny>,
        namespace: &Bound<'py, PyDict>,
        carried: Carried,
    ) -> PyResult<Option<Partial<'py>>> {
        let Some(reading) = self.reading_of(id, code) else {
            return Ok(None);
        };
        let before = self.state().slots[id.index()].ran.clone();
        let (Some(before), Some(text)) = (before, &reading.text) else {
            return Ok(None);
        };
        let (Ok(old), Ok(new)) = (Script::parse(&before), Script::parse(text)) else {
            return Ok(None);
        };
        let Some(mut around) = self.around(id, &old, &new, namespace)? else {
            self.state().slots[id.index()].whole = Some(Whole::Circle);
            return Ok(None);
        };
        if carried.looked_into.contains(EVERYTHING) {
            self.state().slots[id.index()].whole = Some(Whole::LookedInto);
            return Ok(None);
        }
        around.looked_into = carried.looked_into;
        around.executed = carried.executed;
        let plan = match plan(&old, &new, &around) {
            Ok(plan) => plan,
            Err(whole) => {
                self.state().slots[id.index()].whole = Some(whole);
                return Ok(None);
            }
        };
        let kept = plan.kept.iter().map(|&at| {
            let statement = &new.outline().statements[at];
            let names = statement.binds.iter().map(|it| &it.name);
            let bound = names.filter(|name| around.bound.contains(*name));
            let annotation = new.annotation(at).map(|place| text[place].to_owned());
            (
                statement.bytes.clone(),
                bound.cloned().collect(),
                annotation,
            )
        });
        let kept = reading.kept.and(kept.collect());
        let path = self.state().graph.path(id).map(Path::to_path_buf);
        let Some(path) = path else { return Ok(None) };
        let source = kept.apply(text);
        let Ok(code) = self.compile_whole(code.py(), source.as_bytes(), &path) else {
            return Ok(None);
        };
        let mutable = plan.names.difference(&around.immutable).cloned().collect();
        Ok(Some(Partial {
            code,
            plan,
            mutable,
            reads: carried.reads,
            looked_into: around.looked_into,
        }))
    }

    /// What is known of the module besides its text. `None`: it is part of an import circle.
    fn around(
        &self,
        id: ModuleId,
        old: &Script,
        new: &Script,
        namespace: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Around>> {
        let mut around = Around::default();
        let state = self.state();
        let held = &state.slots[id.index()].held;
        for (name, value) in namespace {
            let name: String = name.extract()?;
            if is_immutable(&value) {
                around.immutable.insert(name.clone());
            } else if !holds_nothing(&value) {
                around.instances.insert(name.clone());
            }
            // Somebody may have bound it to something else since.
            if held.get(&name) == Some(&(value.as_ptr() as usize)) {
                around.bound.insert(name);
            }
        }
        if is_in_circle(&state, id)
            || imports_itself(&state, id, old)
            || imports_itself(&state, id, new)
        {
            return Ok(None);
        }
        for statement in [old, new].iter().flat_map(|it| &it.outline().statements) {
            let Kind::Import { modules, .. } = &statement.kind else {
                continue;
            };
            let is_own = |module: &String| {
                let top = module.split('.').next().unwrap_or(module);
                top.is_empty() || state.graph.find(top).is_some()
            };
            if modules.iter().any(is_own) {
                let names = statement.binds.iter().map(|it| it.name.clone());
                around.own_imports.extend(names);
            }
        }
        let all: BTreeSet<_> = [old, new]
            .iter()
            .flat_map(|it| &it.outline().statements)
            .flat_map(|it| it.binds.iter().map(|it| it.name.clone()))
            .collect();
        let waits = |module: ModuleId| {
            let slot = &state.slots[module.index()];
            let is_dirty = state.graph.state(module) == NodeState::Dirty;
            module != id && (slot.is_written || slot.failed || is_dirty)
        };
        // Whom another module that waits may make run cannot be told from whom this one may.
        let others_wait = state.graph.modules().any(waits);
        let will_run = |module| {
            if others_wait {
                state.graph.state(module) != NodeState::Clean
            } else {
                waits(module)
            }
        };
        for importer in state.graph.importers(id).collect::<BTreeSet<_>>() {
            let readers = importers_of(&state, importer);
            let reads = readers.iter().map(|&it| names_read(&state, it, id, &all));
            let names: BTreeSet<_> = reads.flatten().collect();
            if readers.into_iter().any(will_run) {
                around.touched.extend(names);
            } else {
                around.readers.push(names);
            }
        }
        Ok(Some(around))
    }

    /// Ends a run that left out statements and went well, in which the names `changed` have changed.
    /// Returns the module's `code`, in which the functions have the code that is live.
    pub(super) fn end_partial<'py>(
        &self,
        id: ModuleId,
        partial: Partial<'py>,
        code: &Bound<'py, PyAny>,
        changed: &[String],
    ) -> PyResult<Bound<'py, PyAny>> {
        let whole = graft(code, &partial.code)?;
        if let Some(reading) = self.reading_of(id, code) {
            self.know_reading(
                id,
                Reading {
                    code: whole.clone().unbind(),
                    outline: reading.outline.clone(),
                    kept: reading.kept.and(Vec::new()),
                    text: reading.text.clone(),
                },
            );
        }
        let is_wrong = changed.iter().any(|name| partial.plan.used.contains(name))
            || self.was_unforeseen(id, &partial, &whole)?
            || !self.imports_are_in_order(id, &partial.reads);
        let mut state = self.state();
        state.graph.carry(id, &partial.reads);
        let slot = &mut state.slots[id.index()];
        slot.has_kept_wrongly = is_wrong;
        if !is_wrong {
            slot.statements_kept = partial.plan.kept.len();
            slot.names_kept = partial.plan.names.into_iter().collect();
        }
        Ok(whole)
    }

    /// A run that left out statements raised. It says nothing if what these have made was in its way.
    pub(super) fn fail_partial(&self, id: ModuleId, partial: &Partial<'_>) -> PyResult<()> {
        let is_wrong = self.was_unforeseen(id, partial, &partial.code)?;
        self.state().slots[id.index()].has_kept_wrongly = is_wrong;
        Ok(())
    }

    /// Whether the run has made each import that the last one has made. When those were made that a
    /// statement makes which is kept is not known, and it says who runs first in a cold start.
    fn imports_are_in_order(&self, id: ModuleId, last: &[NodeId]) -> bool {
        let state = self.state();
        let made = state.graph.imports_so_far(id);
        let read = last
            .iter()
            .filter_map(|&node| state.graph.imported_by(node));
        let mut read = read;
        // One that found nothing has run nobody. Packages make such when they are loaded, and then only.
        read.all(|module| made.contains(&module) || state.slots[module.index()].missing)
    }

    /// Whether the run that has just ended did what its plan could not know of.
    fn was_unforeseen(
        &self,
        id: ModuleId,
        partial: &Partial<'_>,
        code: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let executed: Vec<Arc<str>> = {
            let state = self.state();
            let units = &state.slots[id.index()].executed;
            units.iter().map(|unit| unit.as_str().into()).collect()
        };
        let kept: Vec<_> = partial.mutable.iter().map(String::as_str).collect();
        let reached = units::that_mention(&executed, code, &kept)?;
        let state = self.state();
        let inputs = state.inputs_of(&partial.reads);
        let looked_into = &state.slots[id.index()].looked_into;
        let is_new = |name: &String| !partial.looked_into.contains(name);
        Ok(looked_into.iter().any(is_new)
            || !reached.is_empty()
            || state.graph.has_changed(&partial.reads)
            || is_in_circle(&state, id)
            || inputs.iter().any(|it| state.inputs.is_own(it.path())))
    }

    /// The running load of `id` reads `name` as an attribute of the module: code of another module does,
    /// for what its own text does in this way is not understood at all. `true`: this read counts for
    /// nothing, though the next one of the name may.
    pub(super) fn reads_own(&self, py: Python<'_>, id: ModuleId, name: &str) -> bool {
        if !self.runs_statements() {
            return false;
        }
        // The import system, and what looks for the place of a module.
        if name != EVERYTHING && name.starts_with("__") && name.ends_with("__") {
            return false;
        }
        if name == EVERYTHING && self.is_resolving(py, id) {
            return true;
        }
        let mut state = self.state();
        let slot = &mut state.slots[id.index()];
        slot.looked_into.insert(name.to_owned());
        false
    }

    /// Whether a package looks at the namespace of `id` because of a definition, whose annotations may
    /// be strings. Definitions run again whenever the module does.
    fn is_resolving(&self, py: Python<'_>, id: ModuleId) -> bool {
        let Some(namespace) = self.namespace(py, id) else {
            return false;
        };
        let Some(line) = frames::line_below_package(py, &namespace, |code| self.has_code(code))
        else {
            return false;
        };
        let reading = self.state().slots[id.index()].reading.clone();
        reading.is_some_and(|reading| {
            let statements = reading.outline.statements.iter();
            let mut definitions = statements.filter(|it| it.definition().is_some());
            definitions.any(|it| it.lines.contains(&line))
        })
    }

    /// Whether the run that has just ended left out what should have run.
    pub(super) fn has_kept_wrongly(&self, id: ModuleId) -> bool {
        let mut state = self.state();
        let slot = &mut state.slots[id.index()];
        let was_wrong = std::mem::take(&mut slot.has_kept_wrongly);
        if was_wrong {
            slot.ran = None;
            slot.whole = Some(Whole::Unforeseen);
        }
        was_wrong
    }

    /// From now on the module's objects are not those that its last text has made.
    pub(super) fn forget_text(&self, id: ModuleId) {
        let mut state = self.state();
        let slot = &mut state.slots[id.index()];
        slot.ran = None;
        slot.has_exited = false;
    }

    /// A run of `code` has gone well.
    pub(super) fn remember_text(&self, id: ModuleId, code: &Bound<'_, PyAny>) {
        if !self.runs_statements() {
            return;
        }
        let text = self.reading_of(id, code).and_then(|it| it.text.clone());
        let namespace = self.namespace(code.py(), id);
        let values = namespace.iter().flat_map(PyDictMethods::iter);
        let held = values
            .filter_map(|(name, value)| Some((name.extract().ok()?, value.as_ptr() as usize)))
            .collect();
        let mut state = self.state();
        let slot = &mut state.slots[id.index()];
        slot.ran = text.filter(|_| !slot.has_exited);
        slot.held = held;
        if slot.ran.is_some() {
            state.with_text.insert(id);
        }
    }
}

/// Whether the text may import the module that it is the text of.
fn imports_itself(state: &State, id: ModuleId, script: &Script) -> bool {
    let is_package = |path: &Path| path.file_stem().is_some_and(|stem| stem == "__init__");
    let is_package = state.graph.path(id).is_some_and(is_package);
    let tail = state.graph.name(id).tail();
    let mut imports = script.mentions.iter().flat_map(|it| &it.imports);
    imports.any(|part| part == tail || is_package && part == ".")
}

/// Whether the module has run in the middle of another one's run, or may.
fn is_in_circle(state: &State, id: ModuleId) -> bool {
    let mut importers = state.graph.importers(id);
    state.slots[id.index()].circle.is_closed()
        || state.graph.reads(id).any(|(of, _)| of == id)
        || importers.any(|importer| importers_of(state, importer).contains(&id))
}

/// The module and all that import it, by way of others too.
fn importers_of(state: &State, module: ModuleId) -> BTreeSet<ModuleId> {
    let mut found = BTreeSet::new();
    let mut pending = vec![module];
    while let Some(module) = pending.pop() {
        if found.insert(module) {
            pending.extend(state.graph.importers(module));
        }
    }
    found
}

/// The names of `of` that `reader` has read, and those of the definitions that it has executed.
fn names_read(
    state: &State,
    reader: ModuleId,
    of: ModuleId,
    all: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (module, read) in state.graph.reads(reader) {
        match read {
            _ if module != of => {}
            Read::Order | Read::Module | Read::Written(_) => {}
            Read::Name(name) => {
                names.insert(name.to_owned());
            }
            Read::Everything => names.extend(all.iter().cloned()),
            Read::Code(unit) => {
                let top = unit.split('.').next().unwrap_or(unit);
                names.insert(top.to_owned());
            }
        }
    }
    names
}

/// Whether it is what many names stand for without a state of its own.
fn holds_nothing(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyModule>()
        || value.is_instance_of::<PyType>()
        || value.is_instance_of::<PyCFunction>()
        || value.is_exact_instance_of::<PyFunction>()
}

fn is_immutable(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
}
