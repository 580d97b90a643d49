//! Packages and their submodules, where CPython's import system shows less than it does.
//!
//! An import of `a.b` imports `a` first. If that imports `a.b` itself, CPython finds it loaded and
//! asks nobody, so that nothing says who wanted it. If `a` waits for its rerun, it has to run before
//! CPython looks for `a.b`: a submodule that both import would be made twice. CPython tells in an
//! audit event that an import begins, early enough for both.
//!
//! A submodule becomes an attribute of its package when it is loaded, and never again. A package that
//! failed at its first run is made anew, beside submodules that did not fail.
//!
//! A package may bind the name of a submodule itself. What holds then in a fresh start is what came
//! last, and the submodule is bound at its first import. A rerun of the package finds submodules
//! loaded that a fresh start would load later, or never; so an import of one binds it the first time
//! in a run, and what nobody has imported by the end of the run waits for its next import.
//!
//! Kept true: who imports a submodule has read it, and finds it in its package.

use pyo3::prelude::*;

use hmr_signals::graph::State as NodeState;
use rustc_hash::FxHashSet;

use super::{
    engine::{Engine, State},
    errors::forgive,
    reads,
    recorder::Recorder,
    settle,
    sys_modules::sys_modules,
};
use crate::{ModuleId, ModuleName, Read};

impl Engine {
    /// A load on this thread is about to import `name`, which is not loaded. Its packages that wait
    /// run first.
    pub(super) fn import_begins(&'static self, py: Python<'_>, name: &str) {
        for (end, _) in name.match_indices('.') {
            let package = {
                let state = self.state();
                let known = state.graph.find(&name[..end]);
                known.filter(|id| state.slots[id.index()].object.is_some())
            };
            let Some(package) = package else {
                // It is loaded now, and may load the submodule.
                return reads::want(name);
            };
            settle::settle(self, py, package);
        }
    }

    /// A module has been loaded for `reader`. The submodules that it wants and that are there now are
    /// noted as read.
    pub(super) fn note_wanted(&self, reader: ModuleId) {
        let mut state = self.state();
        for name in reads::take_wanted() {
            let loaded = state.graph.find(&name);
            match loaded.filter(|id| state.slots[id.index()].object.is_some()) {
                Some(submodule) => state.graph.read(reader, submodule, Read::Module),
                None => reads::want(&name),
            }
        }
    }

    /// Whether the module was there, or tried, and is not loaded.
    pub(super) fn is_lost(&self, name: &ModuleName) -> bool {
        let state = self.state();
        let known = state.graph.find(name.as_str());
        known.is_some_and(|id| state.slots[id.index()].object.is_none())
    }

    /// `package` is about to run, having been lost. The submodules that earlier batches have loaded
    /// become its attributes: they will not be loaded again.
    pub(super) fn bind_submodules(
        &self,
        package: &Bound<'_, PyModule>,
        name: &ModuleName,
    ) -> PyResult<()> {
        let py = package.py();
        let loaded: Vec<_> = {
            let state = self.state();
            let below = state.graph.below(name).into_iter();
            let below = below.filter(|&id| state.graph.name(id).parent() == Some(name.as_str()));
            // As under plain Python, it stays without those that this very batch has loaded.
            let below = below.filter(|id| !state.imported.contains(id));
            let object =
                |id: ModuleId| Some(state.slots[id.index()].object.as_ref()?.clone_ref(py));
            below
                .filter_map(|id| Some((state.graph.name(id).clone(), object(id)?)))
                .collect()
        };
        for (name, object) in loaded {
            let found = sys_modules(py).get_item(name.as_str())?;
            if found.is_some_and(|found| found.is(&object)) {
                package.setattr(name.tail(), object)?;
            }
        }
        Ok(())
    }

    /// An import of `name` finds a package without a file. Whoever is loading is told when it gets one.
    pub(super) fn note_namespace(&self, name: &str) {
        let Ok(name) = ModuleName::new(name) else {
            return;
        };
        let mut state = self.state();
        let is_loaded = |id: ModuleId| state.slots[id.index()].object.is_some();
        if state.graph.find(name.as_str()).is_some_and(is_loaded) {
            return;
        }
        let id = state.add_module(name, None);
        let slot = &mut state.slots[id.index()];
        (slot.is_namespace, slot.missing) = (true, false);
        // It has nothing to run.
        if state.graph.state(id) == NodeState::Dirty {
            state.graph.start(id);
            state.graph.finish(id);
        }
        if let Some(reader) = reads::current() {
            state.graph.read(reader, id, Read::Module);
        }
    }

    /// Something is imported out of `package`, which is loaded by now: if it has no file, nobody has
    /// said so. What is read of it counts from now on.
    pub(super) fn adopt_namespace(&self, py: Python<'_>, package: &str) {
        let awaited = {
            let state = self.state();
            let id = state.graph.find(package);
            id.is_some_and(|id| {
                let slot = &state.slots[id.index()];
                slot.is_namespace && slot.object.is_none()
            })
        };
        let Ok(name) = ModuleName::new(package) else {
            return;
        };
        let loaded = awaited.then(|| forgive(py, sys_modules(py).get_item(package)));
        if let Some(Ok(module)) = loaded.flatten().flatten().map(Bound::cast_into) {
            let id = self.adopt(name, None, &module);
            self.state().slots[id.index()].is_namespace = true;
        }
    }

    /// A load imports the loaded module at this address. If it is a submodule, and this is the first
    /// import since its package began to run, it becomes an attribute of that.
    pub(super) fn submodule_imported(&self, py: Python<'_>, address: usize) {
        let (package, tail, object, holder) = {
            let state = self.state();
            let Some(submodule) = state.module_at(address) else {
                return;
            };
            let name = state.graph.name(submodule);
            let package = name.parent().and_then(|parent| state.graph.find(parent));
            let Some(package) = package else { return };
            let object = |id: ModuleId| {
                let object = state.slots[id.index()].object.as_ref()?;
                Some(object.bind(py).clone())
            };
            let (Some(object), Some(holder)) = (object(submodule), object(package)) else {
                return;
            };
            (package, name.tail().to_owned(), object, holder)
        };
        if let Some(recorder) = self.recorder(py, package) {
            forgive(py, recorder.get().bind_submodule(&tail, &object));
            return;
        }
        let was_awaited = self.state().slots[package.index()]
            .not_imported
            .remove(&tail);
        if was_awaited {
            forgive(py, holder.dict().set_item(&tail, object));
            self.state().graph.name_changed(package, &tail);
        }
    }

    /// The run of `id`, which is `module`, ends: it has bound the names `bound`, and left the `stale`
    /// ones to the run before. Submodules that a fresh start would bind by now, or after it, are bound.
    pub(super) fn place_submodules(
        &self,
        id: ModuleId,
        module: &Bound<'_, PyModule>,
        recorder: &Recorder,
        bound: &FxHashSet<String>,
        stale: &FxHashSet<String>,
    ) -> PyResult<()> {
        let (py, namespace) = (module.py(), module.dict());
        if !namespace.contains("__path__")? {
            return Ok(());
        }
        let mut not_imported = FxHashSet::default();
        for tail in bound.iter().chain(stale) {
            let Some((submodule, object)) = self.submodule(py, id, tail) else {
                continue;
            };
            if namespace.get_item(tail)?.is_some_and(|it| it.is(&object)) {
                continue;
            }
            let (by_run, later) = {
                let state = self.state();
                let by_run = recorder.has_imported(tail) || state.is_imported_by(id, submodule);
                (by_run, state.is_imported_after(id, submodule))
            };
            if by_run && bound.contains(tail) {
                continue;
            }
            if by_run || later {
                namespace.set_item(tail, object)?;
            } else {
                not_imported.insert(tail.clone());
            }
        }
        let before = std::mem::replace(
            &mut self.state().slots[id.index()].not_imported,
            not_imported,
        );
        drop(before);
        Ok(())
    }

    /// Whether `name` of `id` is the submodule of that name, which the import system has put there.
    pub(super) fn holds_submodule(&self, py: Python<'_>, id: ModuleId, name: &str) -> bool {
        let Some((_, object)) = self.submodule(py, id, name) else {
            return false;
        };
        let held = self.namespace(py, id).map(|names| names.get_item(name));
        let held = held.and_then(|held| forgive(py, held)).flatten();
        held.is_some_and(|held| held.is(&object))
    }

    /// The loaded submodule `tail` of `package`.
    fn submodule<'py>(
        &self,
        py: Python<'py>,
        package: ModuleId,
        tail: &str,
    ) -> Option<(ModuleId, Bound<'py, PyModule>)> {
        let state = self.state();
        let name = format!("{}.{tail}", state.graph.name(package).as_str());
        let id = state.graph.find(&name)?;
        let object = state.slots[id.index()].object.as_ref()?;
        Some((id, object.bind(py).clone()))
    }
}

impl State {
    /// Whether the run of `id` has imported `module`, or a module that imports it, and so on.
    fn is_imported_by(&self, id: ModuleId, module: ModuleId) -> bool {
        let mut reached = FxHashSet::from_iter([id]);
        let mut pending: Vec<_> = self.graph.imports_so_far(id).into_iter().collect();
        while let Some(next) = pending.pop() {
            if next == module {
                return true;
            }
            if reached.insert(next) {
                let reads = self.graph.reads(next);
                let imported = reads.filter(|(_, what)| *what == Read::Module);
                pending.extend(imported.map(|(of, _)| of));
            }
        }
        false
    }

    /// Whether somebody else than its package imports `module`, and will go on to, as far as can be
    /// told: an edit may have put an end to it.
    fn is_imported_after(&self, package: ModuleId, module: ModuleId) -> bool {
        let goes_on = |reader: &ModuleId| {
            let slot = &self.slots[reader.index()];
            *reader != package
                && !slot.is_written
                && !slot.failed
                && self.graph.state(*reader) != NodeState::Dirty
                && self.is_alive(*reader)
        };
        let readers = self.graph.readers(module, Read::Module);
        self.slots[module.index()].is_root || readers.iter().any(goes_on)
    }
}
