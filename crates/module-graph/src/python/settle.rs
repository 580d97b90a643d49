//! One batch of saves, from the files to the last module that has settled.
//!
//! The order is the graph core's: the entry is pulled first, and whatever it reads settles before
//! it, deepest first; then, in first-import order, modules that the entry does not reach. Circular
//! imports are legal: see `cycles` for their rule, by which a module may run once more, at most.

use std::{path::PathBuf, time::Instant};

use hmr_signals::graph::{self, Graph, Host, NodeId, OnCycle, State as NodeState};
use pyo3::prelude::*;

use super::{
    endless::Tracking,
    engine::{Engine, State},
    errors::forgive,
    mark::mark,
    reads,
    release::PER_UPDATE,
};
use crate::{ModuleId, ModuleName, Read, Reason, Update};

/// How often one module may run in one batch: once, and once more where imports are circular.
const RUNS_PER_BATCH: u32 = 2;

/// Does what [`Engine::update`] promises.
pub(super) fn update(engine: &'static Engine, py: Python<'_>, files: Vec<PathBuf>) -> Update {
    let started = Instant::now();
    engine.seal_if_asked(py);
    let spelled = files.into_iter().map(|file| engine.roots().spelled(file));
    let files: Vec<_> = spelled.collect();
    let _updating = engine.begin_update();
    let around = {
        let mut state = engine.state();
        let around = state.begin_batch();
        state.update.files.clone_from(&files);
        around
    };
    let (removed, restart) = reads::apart(|| {
        let removed = mark(engine, py, &files);
        engine.begin_load(py);
        settle_all(engine, py);
        engine.prune(py);
        let restart = engine.reaches_entry(py);
        engine.end_load(py);
        (removed, restart)
    });
    let changed = engine.changed_files(files.clone());
    engine.end_batch();
    engine.clear_outdated_caches(py);

    let (done, has_begun, in_place, excuses) = {
        let mut state = engine.state();
        (
            std::mem::take(&mut state.update),
            std::mem::take(&mut state.listeners.has_begun),
            state.take_settled_objects(),
            std::mem::take(&mut state.excuses),
        )
    };
    if engine.is_entry_running() {
        engine.state().resume_batch(around);
    }
    drop((in_place, excuses));
    engine.let_go_of_dropped(py, PER_UPDATE);
    let update = Update {
        // A batch that only made something be tried again is reported by its files all the same.
        files: if changed.is_empty() && !done.reran.is_empty() {
            files
        } else {
            changed
        },
        removed,
        restart,
        elapsed: started.elapsed(),
        ..done
    };
    engine.end_reload(py, has_begun, &update);
    update
}

/// Settles the entry, then what is left of what the batch reached, until nothing waits that may run.
fn settle_all(engine: &'static Engine, py: Python<'_>) {
    let batch = Batch { engine, py };
    let entry = engine.state().graph.find(ModuleName::MAIN);
    if let Some(entry) = entry {
        let is_running = engine.state().graph.state(entry) == NodeState::Running;
        if is_running {
            batch.settle_below(entry);
        } else {
            batch.settle(entry);
        }
    }
    for _ in 0..RUNS_PER_BATCH {
        batch.settle_waiting();
    }
    for module in engine.reorder() {
        batch.settle(module);
    }
    let reached = engine.call_waiting_acceptors(py);
    for &module in &reached {
        engine.state().graph.invalidate(module);
        batch.settle(module);
    }
    batch.settle_waiting();
    let inputs = engine.state().doubtful_inputs();
    for input in inputs {
        settle_node(engine, py, input);
    }
    for _ in 0..RUNS_PER_BATCH {
        batch.settle_waiting();
    }
    if let Some(entry) = entry
        && engine.may_have_read_changes(entry)
    {
        engine.state().graph.invalidate(entry);
        batch.settle(entry);
    }
    engine.let_go_of_unused(py);
}

/// Makes one module up to date, if it waits.
pub(super) fn settle(engine: &'static Engine, py: Python<'_>, module: ModuleId) {
    Batch { engine, py }.settle(module);
}

/// The same for anything that a load can read.
pub(super) fn settle_node(engine: &'static Engine, py: Python<'_>, node: NodeId) {
    // Cycles are no error here: `on_cycle` ignores them all.
    let _ = graph::settle(&Batch { engine, py }, node);
}

/// Drives the graph core for one engine.
struct Batch<'py> {
    engine: &'static Engine,
    py: Python<'py>,
}

impl Batch<'_> {
    fn settle(&self, module: ModuleId) {
        let load = self.engine.state().graph.load(module);
        // Cycles are no error here: `on_cycle` ignores them all.
        let _ = graph::settle(self, load);
    }

    /// Settles what a module that is running has read so far, its own file too.
    fn settle_below(&self, module: ModuleId) {
        let read: Vec<_> = {
            let mut state = self.engine.state();
            let load = state.graph.load(module);
            state.graph.core().dependencies(load).collect()
        };
        for node in read {
            let _ = graph::settle(self, node);
        }
    }

    fn settle_waiting(&self) {
        let mut waiting = self.engine.state().take_waiting();
        waiting.sort_unstable();
        for module in waiting {
            self.settle(module);
        }
    }

    fn reason(&self, module: ModuleId) -> Reason {
        let state = self.engine.state();
        if state.edited.contains(&module) {
            return Reason::Edited;
        }
        let reads = state.graph.changed_reads(module);
        let data = state.graph.changed_inputs(module);
        if !reads.is_empty() {
            Reason::Read(reads)
        } else if !data.is_empty() {
            Reason::Data(data)
        } else if state.graph.name(module).is_main() && !state.included.is_empty() {
            Reason::Included(state.included.clone())
        } else if state.graph.name(module).is_main() && state.entry_run.is_asked_for {
            Reason::Asked
        } else if state.entry_run.tracking == Tracking::EndedSealed
            && state.graph.name(module).is_main()
        {
            Reason::Untracked
        } else {
            Reason::Retried
        }
    }

    /// Runs the module as part of the run of another one, if it has to be so, and says whether that
    /// is done or will be.
    fn runs_inside_another(&self, module: ModuleId) -> bool {
        let Some(around) = self.engine.must_run_inside(module) else {
            return false;
        };
        let runs = {
            let mut state = self.engine.state();
            state.graph.invalidate(module);
            state.graph.invalidate(around);
            state.runs_of(around)
        };
        self.settle(around);
        let state = self.engine.state();
        let has_run = state.runs_of(around) > runs;
        !(has_run && state.graph.state(module) == NodeState::Dirty)
    }

    /// Ends the turn of a module that is [excused](super::excuses).
    fn needs_no_run(&self, module: ModuleId) -> bool {
        let excused = forgive(self.py, self.engine.excused(self.py, module)).flatten();
        let Some(names) = excused else { return false };
        let passed = self.engine.pass_on(self.py, module, &names);
        forgive(self.py, passed).is_some()
    }

    /// A module that is not loaded cannot run by itself: whoever imports it will load it.
    fn skip_unloaded(&self, module: ModuleId) {
        let mut state = self.engine.state();
        state.graph.start(module);
        state.slots[module.index()].failed = false;
        state.graph.finish(module);
        state.graph.module_changed(module);
    }
}

impl State {
    /// How often the module has run in this batch.
    pub(super) fn runs_of(&self, module: ModuleId) -> u32 {
        self.runs.get(&module).copied().unwrap_or(0)
    }

    /// Whether the module may run in this batch, and once more. One that raised waits for the next, and
    /// an entry that has ended to run again for [`Engine::run_entry_again`].
    pub(super) fn may_run(&self, module: ModuleId) -> bool {
        let runs = self.runs_of(module);
        let waits_for_restart = self.entry_run.is_restarting && self.graph.name(module).is_main();
        let waits_for_next_save = runs > 0 && self.slots[module.index()].failed;
        let is_held = self.interrupted || waits_for_restart || waits_for_next_save;
        !is_held && runs < RUNS_PER_BATCH
    }
}

impl Host for Batch<'_> {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(self.engine.state().graph.core())
    }

    fn recompute(&self, node: NodeId) {
        let Some(module) = self.engine.state().graph.owner(node) else {
            return;
        };
        if !self.engine.state().may_run(module) {
            return;
        }
        if self.engine.state().graph.state(module) == NodeState::Running {
            // Another thread is importing it.
            return;
        }
        let has_nothing_to_run = {
            let slot = &self.engine.state().slots[module.index()];
            slot.object.is_none() || slot.is_namespace
        };
        if has_nothing_to_run {
            return self.skip_unloaded(module);
        }
        if self.engine.accepts(self.py, module) || self.runs_inside_another(module) {
            return;
        }
        if self.needs_no_run(module) {
            return;
        }
        let reason = self.reason(module);
        self.engine.rerun(self.py, module, reason);
        // It may have read something that a cold start would not show it yet.
        if self.engine.state().may_run(module) {
            self.runs_inside_another(module);
        }
    }

    fn commit(&self, source: NodeId) -> bool {
        let module = self.engine.state().graph.owner(source);
        match module {
            Some(module) => self.engine.is_edited(self.py, module),
            None => self.engine.has_input_changed(source),
        }
    }

    fn on_cycle(&self, _path: &[NodeId]) -> OnCycle {
        OnCycle::Ignore
    }

    fn changed_so_far(&self, output: NodeId, reader: NodeId) -> bool {
        let reader = self.engine.state().graph.owner(reader);
        let changed = changed_so_far(self.engine, self.py, output, reader).unwrap_or(true);
        let module = self.engine.state().graph.owner(output);
        if let Some(module) = module.filter(|_| changed) {
            self.engine.state().slots[module.index()].seen_halfway = true;
        }
        changed
    }

    fn eager_dependencies(&self) -> bool {
        true
    }
}

/// Whether the running module that `output` belongs to has bound it to another value than before.
/// `None` if that cannot be said.
fn changed_so_far(
    engine: &'static Engine,
    py: Python<'_>,
    output: NodeId,
    reader: Option<ModuleId>,
) -> Option<bool> {
    let (module, name) = {
        let state = engine.state();
        let name = match state.graph.read_of(output)? {
            // What it has written so far has been told.
            Read::Order | Read::Module | Read::Written(_) => return Some(false),
            Read::Everything | Read::Code(_) => return None,
            Read::Name(name) => name.to_owned(),
        };
        (state.graph.owner(output)?, name)
    };
    let changed = engine.differs_halfway(py, module, &name, reader)?;
    if let Some(reader) = reader.filter(|_| !changed) {
        engine.look_halfway(py, reader, module, Read::Name(&name));
    }
    Some(changed)
}
