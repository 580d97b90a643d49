//! One batch of saves, from the files to the last module that has settled.
//!
//! The order is the graph core's: the entry is pulled first, and whatever it reads settles before
//! it, deepest first; then, in first-import order, modules that the entry does not reach. Circular
//! imports are legal. An edge that closes a cycle counts by what the running module has bound so
//! far, as it would in a cold start, and a module that such an edge leaves out of date runs once
//! more, at most.

use std::{path::PathBuf, time::Instant};

use hmr_signals::graph::{self, Graph, Host, NodeId, OnCycle, State as NodeState};
use pyo3::prelude::*;

use super::{engine::Engine, equality, errors::forgive};
use crate::{ModuleId, ModuleName, Reason, Update};

/// How often one module may run in one batch: once, and once more where imports are circular.
const RUNS_PER_BATCH: u32 = 2;

/// Does what [`Engine::update`] promises.
pub(super) fn update(engine: &'static Engine, py: Python<'_>, files: Vec<PathBuf>) -> Update {
    let started = Instant::now();
    engine.track_reads(py, true);
    engine.state().begin_batch();
    forget_import_caches(py);
    let removed = mark(engine, py, &files);
    settle_all(engine, py);
    engine.track_reads(py, false);

    let done = std::mem::take(&mut engine.state().update);
    Update {
        files,
        removed,
        elapsed: started.elapsed(),
        ..done
    }
}

/// The import system remembers what folders hold; a file that came or went makes that wrong.
fn forget_import_caches(py: Python<'_>) {
    let forgotten = py
        .import("importlib")
        .and_then(|m| m.call_method0("invalidate_caches"));
    forgive(py, forgotten);
}

/// Marks the modules of `files` and everything that is still broken; takes out what is gone.
fn mark(engine: &'static Engine, py: Python<'_>, files: &[PathBuf]) -> Vec<ModuleName> {
    let mut removed = Vec::new();
    for file in files {
        let modules = engine.state().graph.at_path(file).to_vec();
        let exists = file.is_file();
        for module in modules {
            engine.state().graph.file_written(module);
            if !exists && remove(engine, py, module) {
                removed.push(engine.state().graph.name(module).clone());
            }
        }
    }
    let mut state = engine.state();
    let failed: Vec<_> = state
        .graph
        .modules()
        .filter(|id| state.slots[id.index()].failed)
        .collect();
    for module in failed {
        state.graph.invalidate(module);
    }
    removed
}

/// Takes a module without a file out of the program, as if it had never been imported. The entry
/// stays: there is nothing to go on with without it.
fn remove(engine: &'static Engine, py: Python<'_>, id: ModuleId) -> bool {
    let name = engine.state().graph.name(id).clone();
    if name == ModuleName::main() {
        return false;
    }
    let object = engine.state().slots[id.index()].object.take();
    engine.state().graph.module_changed(id);
    let Some(object) = object else { return false };
    forgive(py, forget_module(py, &name, object.bind(py)));
    true
}

fn forget_module(py: Python<'_>, name: &ModuleName, object: &Bound<'_, PyModule>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    if modules.contains(name.as_str())? && modules.get_item(name.as_str())?.is(object) {
        modules.del_item(name.as_str())?;
    }
    if let Some(parent) = name.parent()
        && modules.contains(parent)?
        && let Ok(parent) = modules.get_item(parent)
        && parent
            .getattr_opt(name.tail())?
            .is_some_and(|child| child.is(object))
    {
        parent.delattr(name.tail())?;
    }
    Ok(())
}

/// Settles the entry, then what is left, until nothing waits or may run again.
fn settle_all(engine: &'static Engine, py: Python<'_>) {
    let batch = Batch { engine, py };
    let entry = engine.state().graph.find(ModuleName::main().as_str());
    if let Some(entry) = entry {
        batch.settle(entry);
    }
    for _ in 0..RUNS_PER_BATCH {
        let waiting: Vec<_> = {
            let mut state = engine.state();
            while state.graph.core().next_queued().is_some() {}
            let waits = |id: &ModuleId| {
                matches!(
                    state.graph.state(*id),
                    NodeState::Pending | NodeState::Dirty
                )
            };
            state.graph.modules().filter(waits).collect()
        };
        for module in waiting {
            batch.settle(module);
        }
    }
}

/// Makes one module up to date, if it waits.
pub(super) fn settle(engine: &'static Engine, py: Python<'_>, module: ModuleId) {
    Batch { engine, py }.settle(module);
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

    /// Whether the module may run once more in this batch; if so, counts the run.
    fn count_run(&self, module: ModuleId) -> bool {
        let mut state = self.engine.state();
        let runs = state.runs.entry(module).or_default();
        *runs += 1;
        *runs <= RUNS_PER_BATCH
    }

    fn reason(&self, module: ModuleId) -> Reason {
        let state = self.engine.state();
        if state.edited.contains(&module) {
            return Reason::Edited;
        }
        let reads = state.graph.changed_reads(module);
        if reads.is_empty() {
            Reason::Retried
        } else {
            Reason::Read(reads)
        }
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

impl Host for Batch<'_> {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(self.engine.state().graph.core())
    }

    fn recompute(&self, node: NodeId) {
        let Some(module) = self.engine.state().graph.owner(node) else {
            return;
        };
        if self.engine.state().slots[module.index()].object.is_none() {
            return self.skip_unloaded(module);
        }
        if self.count_run(module) {
            let reason = self.reason(module);
            self.engine.rerun(self.py, module, reason);
        }
    }

    fn commit(&self, source: NodeId) -> bool {
        let module = self.engine.state().graph.owner(source);
        module.is_none_or(|module| self.engine.is_edited(self.py, module))
    }

    fn on_cycle(&self, _path: &[NodeId]) -> OnCycle {
        OnCycle::Ignore
    }

    fn changed_so_far(&self, output: NodeId) -> bool {
        changed_so_far(self.engine, self.py, output).unwrap_or(true)
    }

    fn eager_dependencies(&self) -> bool {
        true
    }
}

/// Whether the running module that `output` belongs to has bound it to another value than before.
/// `None` if that cannot be said.
fn changed_so_far(engine: &'static Engine, py: Python<'_>, output: NodeId) -> Option<bool> {
    let (module, name) = {
        let state = engine.state();
        (state.graph.owner(output)?, state.graph.name_of(output)?)
    };
    let before = engine.before(py, module)?;
    let now = engine.namespace(py, module)?;
    match (before.get_item(&*name).ok()?, now.get_item(&*name).ok()?) {
        (Some(before), Some(now)) => Some(!equality::same(&before, &now).ok()?),
        (None, None) => Some(false),
        _ => Some(true),
    }
}
