//! How a module runs, for the first time or again.
//!
//! Both execute in the module's own dict. A first run is CPython's: plain dict, cached bytecode. A
//! rerun compiles the file as it is now, records what it binds, and compares the names afterwards.
//!
//! Kept true: after a run that raised, the module's names are those from before it.

use std::{path::PathBuf, sync::Arc};

use hmr_signals::graph::State as NodeState;
use pyo3::{
    exceptions::PyKeyboardInterrupt,
    intern,
    prelude::*,
    types::{PyDict, PyString},
};
use rustc_hash::FxHashSet;

use super::{
    bindings::{Bindings, Reflection},
    caches, calls,
    engine::Engine,
    errors,
    excuses::Told,
    namespace::{Snapshot, is_special},
    reads,
    recorder::{BoundNames, Recorder},
    source::tell_of_nul,
    splice::graft,
    stamp::FileStamp,
    statements::{Carried, Partial},
    sys_modules::sys_modules,
    threads, units,
};
use crate::{ModuleId, ModuleName, Read, Reason};

/// Who asked for a run. CPython takes the import system's frames out of a traceback only if the
/// failed call went through `importlib`'s own helper; without an import around it the helper itself
/// would stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Importlib,
    Engine,
}

impl Engine {
    /// `exec_module` of the loader: a first import, or `importlib.reload`.
    pub(super) fn import(
        &'static self,
        loader: &Bound<'_, PyAny>,
        module: &Bound<'_, PyModule>,
    ) -> PyResult<()> {
        let py = module.py();
        let spec = module.getattr(intern!(py, "__spec__"))?;
        let name = spec.getattr(intern!(py, "name"))?.cast_into::<PyString>()?;
        let file = spec
            .getattr(intern!(py, "origin"))?
            .cast_into::<PyString>()?;
        let Ok(module_name) = ModuleName::new(name.to_str()?) else {
            return loader
                .getattr("__class__")?
                .getattr("__mro__")?
                .get_item(1)?
                .call_method1("exec_module", (loader, module))
                .map(drop);
        };
        let (path, source) = self.roots().inspect(&file.extract::<PathBuf>()?);
        let is_lost = self.is_lost(&module_name);
        let id = self.adopt(module_name.clone(), Some(path.clone()), module);
        self.outline_first(id, &path);
        if is_lost {
            self.bind_submodules(module, &module_name)?;
        }
        {
            let mut state = self.state();
            match reads::current() {
                Some(reader) => state.graph.read(reader, id, Read::Module),
                None => state.slots[id.index()].is_root = true,
            }
            state.slots[id.index()].source = Some(FileStamp::of(source.as_ref()));
            state.imported.insert(id);
        }
        let run = self.run(py, id, Caller::Importlib, || {
            if self.runs_statements()
                && let Some(code) = self.code_of_text(py, id)
            {
                return Ok(code);
            }
            if let Some(code) = source.and_then(|source| self.bytecode().load(&file, &source)) {
                return Ok(code);
            }
            let compiled = loader.call_method1("get_code", (name,));
            compiled.inspect_err(|error| tell_of_nul(py, error, &path))
        });
        match run {
            Ok(changed) => {
                // What a thread of the program imports meanwhile is not the update's doing.
                if let Some(reader) = reads::current() {
                    self.note_wanted(reader);
                    self.report(id, Reason::Imported, changed);
                }
                Ok(())
            }
            Err(error) => {
                // The import system takes a module whose first load fails out of `sys.modules`.
                let released = {
                    let mut state = self.state();
                    let is_first = state.slots[id.index()].code.is_none();
                    if is_first { state.release(id) } else { None }
                };
                if released.is_some() {
                    self.dispose(py, id);
                }
                drop(released);
                Err(error)
            }
        }
    }

    /// Runs a loaded module again from its file, and adds what happened to the update under way.
    pub(super) fn rerun(&'static self, py: Python<'_>, id: ModuleId, reason: Reason) {
        let outdated = {
            let mut state = self.state();
            state.has_rerun = true;
            state.slots[id.index()].outline.take()
        };
        drop(outdated);
        let run = || self.run(py, id, Caller::Engine, || self.new_code(py, id));
        let mut ran = self.timed(|spent| &mut spent.run, run);
        if self.has_kept_wrongly(id) {
            let first = ran.unwrap_or_default();
            ran = self.timed(|spent| &mut spent.run, run).map(|mut changed| {
                changed.extend(first);
                changed.sort_unstable();
                changed.dedup();
                changed
            });
        }
        let changed = match ran {
            Ok(changed) => changed,
            Err(error) => {
                self.report_failure(py, id, &error);
                Vec::new()
            }
        };
        self.report(id, reason, changed);
    }

    /// Runs the load of `id`. Its names are compared with those of the last load, if there was one,
    /// readers of those that changed are told, and the changed names returned, sorted. If the run
    /// raises, they are as they were before.
    pub(super) fn run<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
        caller: Caller,
        code: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<String>> {
        // What it reads of these cannot be seen, the import of them neither: taken as read again.
        let mut hidden = Vec::new();
        let mut executed;
        let mut looked_into;
        let excuse;
        let last_steps;
        let carried;
        let (object, old_code) = {
            let state = self.state();
            if state.graph.state(id) == NodeState::Running {
                drop(state);
                // Another thread is in the middle of it: the program imports what it reloads.
                return self.run_untracked(py, id, caller, code);
            }
            let imports = state.graph.imports(id);
            hidden.extend(
                imports
                    .into_iter()
                    .filter(|of| state.slots[of.index()].is_opaque),
            );
            let is_first = state.slots[id.index()].code.is_none();
            last_steps = (!is_first).then(|| state.graph.steps(id));
            drop(state);
            carried = match caller {
                Caller::Importlib => None,
                Caller::Engine => self.carried(id),
            };
            let mut state = self.state();
            state.graph.start(id);
            let state = &mut *state;
            excuse = state.excuses.remove(&id);
            let slot = &mut state.slots[id.index()];
            executed = std::mem::take(&mut slot.executed);
            looked_into = std::mem::take(&mut slot.looked_into);
            // What a statement has done that is left out stands.
            slot.reads_unseen &= carried.is_some();
            (
                slot.object.as_ref().map(|object| object.clone_ref(py)),
                slot.code.as_ref().map(|code| code.clone_ref(py)),
            )
        };
        drop(excuse);
        self.enter_circle(id);
        self.begin_cached(id);
        self.begin_writes(py, id);
        let handlers = self.take_handlers(id);
        let listeners = self.state().listeners_of(id);
        let acceptors = self.state().acceptors.count(id);
        self.begin_load(py);
        let around = self.watch_around(py);
        let ran = match object {
            Some(object) => {
                let module = object.bind(py);
                self.run_in(id, caller, module, old_code, carried, code)
            }
            None => Ok(Vec::new()),
        };
        if let Some(around) = around {
            self.note_others(py, around);
        }
        if !(self.is_entry(id) && self.take_seal()) {
            self.end_load(py);
        }
        self.end_writes(py, id, ran.is_ok());
        self.replace_handlers(py, id, handlers, ran.is_ok());
        self.replace_listeners(id, &listeners, ran.is_ok());
        self.replace_acceptors(id, acceptors, ran.is_ok());
        let is_opaque = self.is_opaque(py, id);
        let (readers, left) = self.leave_circle(py, id, ran.is_ok());
        let mut state = self.state();
        *state.runs.entry(id).or_default() += 1;
        state.slots[id.index()].is_opaque = is_opaque;
        for of in hidden {
            state.graph.read(id, of, Read::Module);
        }
        state.slots[id.index()].failed = ran.is_err();
        match &ran {
            Ok(changed) => {
                if !changed.is_empty() && is_opaque {
                    state.graph.module_changed(id);
                }
                let told = readers
                    .iter()
                    .filter(|&&reader| state.graph.state(reader) == NodeState::Clean);
                let told: Vec<_> = told.copied().collect();
                for name in changed {
                    state.graph.name_changed(id, name);
                }
                state.graph.finish(id);
                let slot = &mut state.slots[id.index()];
                if slot.statements_kept > 0 {
                    slot.executed.extend(executed);
                    slot.looked_into.extend(looked_into);
                }
                if last_steps.is_none_or(|last| last != state.graph.steps(id)) {
                    state.order_changed = true;
                    state.writes.forget_order();
                }
                for reader in told {
                    // It has seen of this run what a cold start would show it.
                    let load = state.graph.load(reader);
                    state.graph.core().accept(load);
                }
                for reader in left {
                    state.graph.invalidate(reader);
                }
                state.failed.retain(|&failed| failed != id);
                if !std::mem::take(&mut state.slots[id.index()].shown).is_empty() {
                    let module = state.graph.name(id).clone();
                    state.update.recovered.push(module);
                }
            }
            Err(error) => {
                state.interrupted |= error.is_instance_of::<PyKeyboardInterrupt>(py);
                state.graph.abort(id);
                let slot = &mut state.slots[id.index()];
                std::mem::swap(&mut slot.executed, &mut executed);
                std::mem::swap(&mut slot.looked_into, &mut looked_into);
                if !state.failed.contains(&id) {
                    state.failed.push(id);
                }
            }
        }
        drop(state);
        self.end_cached(id, ran.is_ok());
        ran
    }

    fn run_in<'py>(
        &'static self,
        id: ModuleId,
        caller: Caller,
        module: &Bound<'py, PyModule>,
        old_code: Option<Py<PyAny>>,
        carried: Option<Carried>,
        code: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<String>> {
        let py = module.py();
        let namespace = module.dict();
        let Some(old_code) = old_code else {
            return self.run_first(id, caller, &namespace, code);
        };

        let before = Snapshot::take(namespace.clone())?;
        let old = self.bindings(id, old_code.bind(py))?;
        self.set_before(id, Some(before.names().clone().unbind()));
        let mut partial = None;
        let ran = self.during_load(py, id, || {
            let code = code()?;
            if let Some(carried) = carried {
                partial = self.partial(id, &code, &namespace, carried)?;
            }
            self.forget_text(id);
            let executed = partial.as_ref().map_or(&code, |partial| &partial.code);
            self.know_code(id, executed)?;
            if caller == Caller::Engine {
                self.begin_reload(py);
            }
            self.dispose(py, id);
            self.entry_runs(id, Some(&live_code(&code, partial.as_ref())?));
            let new = if code.is(&old_code) {
                Arc::clone(&old)
            } else {
                Arc::new(Bindings::of(&code)?)
            };
            let bound = match self.bound_last(id) {
                Some(bound) => bound,
                None => BoundNames {
                    all: before.bound_by_first_run(&old)?,
                    ..BoundNames::default()
                },
            };
            let BoundNames { all: bound, unseen } = bound;
            let dropped = before.drop_unbound(&bound, &old, &new)?;
            let kept = self.reading_of(id, &code).map(|it| it.kept.names());
            let is_kept = |name: &String| {
                kept.as_ref().is_some_and(|names| names.contains(name))
                    || partial
                        .as_ref()
                        .is_some_and(|partial| partial.plan.names.contains(name))
            };
            let is_outdated =
                |name: &String| !new.global.contains(name) && !is_special(name) && !is_kept(name);
            let outdated = bound
                .iter()
                .filter(|name| is_outdated(name))
                .cloned()
                .collect();
            let recorder = Recorder::new(&namespace, outdated, unseen, dropped)?;
            self.hide_unbound(id, &recorder);
            // Code that asks for its locals as a dict gets the dict, as it does in a first run.
            recorder.get().show(py, new.reflection)?;
            let takes_dict = new.reflection == Reflection::Looks;
            let locals = if takes_dict {
                namespace.as_any()
            } else {
                recorder.as_any()
            };
            self.execute(id, caller, executed, &namespace, locals)?;
            let others = self.bound_by_others(id);
            let recorded = recorder
                .get()
                .bound(py, takes_dict, &new.top_level, &others);
            PyResult::Ok((code, new, bound, (recorder, recorded)))
        });
        self.set_before(id, None);
        let (mut code, new, mut stale, (recorder, recorded)) = match ran {
            Ok(ran) => ran,
            Err(error) => {
                self.entry_runs(id, Some(old_code.bind(py)));
                self.tell_of_undone(id, &before)?;
                let kept = before.restore()?;
                self.state().slots[id.index()].kept.extend(kept);
                if let Some(partial) = partial
                    && !error.is_instance_of::<PyKeyboardInterrupt>(py)
                {
                    self.fail_partial(id, &partial)?;
                }
                return Err(error);
            }
        };
        stale.retain(|name| !recorded.all.contains(name) && !new.global.contains(name));
        self.place_submodules(id, module, recorder.get(), &recorded.all, &stale)?;
        let own = &recorded.all;
        let aside = self.set_writes_aside(id, &before, &namespace, own, &new.global, &code)?;
        stale.retain(|name| !aside.left.contains(name));
        let in_place = self.in_place(py);
        let changes = before.compare(&stale, &in_place, self.equality())?;
        drop(in_place);
        self.put_writes_back(id, &namespace, &aside)?;
        {
            let mut state = self.state();
            state.in_place.extend(changes.in_place);
            for (class, members) in changes.grafts {
                state.grafts.entry(class).or_default().extend(members);
            }
            for unit in &changes.units {
                state.graph.code_changed(id, unit);
            }
        }
        let mut changed = changes.names;
        changed.extend(aside.given_up);
        changed.append(&mut self.state().slots[id.index()].kept);
        if let Some(partial) = partial {
            code = self.end_partial(id, partial, &code, &changed)?;
        }
        self.excuse_readers(&Told {
            module: id,
            namespace: &namespace,
            old: old_code.bind(py),
            new: &code,
            changed: &changed,
            reached: &changes.reached,
        })?;
        self.tell_executors(id, old_code.bind(py), &code, &changed)?;
        self.keep(id, code, Some(new), Some(recorded));
        Ok(changed)
    }

    /// Whether `code` was compiled so that statements keep what they have bound.
    pub(super) fn keeps_statements(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> bool {
        let reading = self.reading_of(id, code);
        reading.is_some_and(|reading| !reading.kept.is_empty())
    }

    /// What `code`, that of the last run of `id`, binds.
    fn bindings(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> PyResult<Arc<Bindings>> {
        let known = self.state().slots[id.index()].bindings.clone();
        known.map_or_else(|| Bindings::of(code).map(Arc::new), Ok)
    }

    /// Tells who executed a definition that does something else now: its code changed from `old` to
    /// `new`, or one of the `changed` names is a global that it loads.
    pub(super) fn tell_executors(
        &self,
        id: ModuleId,
        old: &Bound<'_, PyAny>,
        new: &Bound<'_, PyAny>,
        changed: &[String],
    ) -> PyResult<()> {
        let executed = self.state().graph.executed_codes(id);
        let changed: FxHashSet<_> = changed.iter().map(String::as_str).collect();
        let units = units::changed(&executed, old, new, &changed)?;
        let mut state = self.state();
        for unit in units {
            state.graph.code_changed(id, &unit);
        }
        Ok(())
    }

    /// The objects that were changed in place, and that modules which have not run since may hold.
    fn in_place(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let state = self.state();
        state.in_place.iter().map(|o| o.clone_ref(py)).collect()
    }

    /// The first run of a module. The import system drops one that raises; the entry stays, and
    /// must find at its next run what a fresh start would.
    fn run_first<'py>(
        &self,
        id: ModuleId,
        caller: Caller,
        namespace: &Bound<'py, PyDict>,
        code: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<String>> {
        let py = namespace.py();
        let mut before = None;
        let ran = self.during_load(py, id, || {
            let code = code()?;
            self.know_code(id, &code)?;
            if caller == Caller::Engine {
                self.begin_reload(py);
            }
            self.dispose(py, id);
            self.entry_runs(id, Some(&code));
            if self.is_entry(id) {
                before = Some(Snapshot::take(namespace.clone())?);
            }
            if Reflection::of_top_level(&code)? != Reflection::Nothing {
                self.note_reflection(id);
            }
            self.execute(id, caller, &code, namespace, namespace.as_any())?;
            PyResult::Ok(code)
        });
        match ran {
            Ok(code) => {
                let (bindings, bound) = self.unseen_bindings(id, &code, namespace)?.unzip();
                self.keep(id, code, bindings, bound);
                Ok(Vec::new())
            }
            Err(error) => {
                self.entry_runs(id, None);
                // Ctrl-C ends the program, and its threads go on until the process ends.
                let is_ending = error.is_instance_of::<PyKeyboardInterrupt>(py);
                if !is_ending || threads::is_alone(py) {
                    before.map_or(Ok(Vec::new()), Snapshot::restore)?;
                }
                Err(error)
            }
        }
    }

    /// Whether the program reads something else than our module under its name: it has replaced the
    /// object in `sys.modules`, or its class. Then whoever imported it may have read anything.
    fn is_opaque(&self, py: Python<'_>, id: ModuleId) -> bool {
        let (name, object) = {
            let state = self.state();
            let object = state.slots[id.index()]
                .object
                .as_ref()
                .map(|object| object.clone_ref(py));
            (state.graph.name(id).clone(), object)
        };
        let Some(object) = object else { return false };
        let known = sys_modules(py).get_item(name.as_str());
        let known = errors::forgive(py, known).flatten();
        known.is_some_and(|known| !known.is(&object)) || !self.has_known_type(object.bind(py))
    }

    fn run_untracked<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
        caller: Caller,
        code: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<String>> {
        if let Some(namespace) = self.namespace(py, id) {
            self.execute(id, caller, &code()?, &namespace, namespace.as_any())?;
        }
        Ok(Vec::new())
    }

    /// Modules are tracked while anything loads, on whichever thread.
    pub(super) fn begin_load(&self, py: Python<'_>) {
        let is_first = {
            let mut state = self.state();
            state.loading += 1;
            state.loading == 1
        };
        if is_first {
            self.probes.put(py, true);
            self.track_reads(py, true);
            calls::loads_began(py);
            caches::loads_began(py);
        }
    }

    pub(super) fn end_load(&self, py: Python<'_>) {
        let is_last = {
            let mut state = self.state();
            state.loading -= 1;
            state.loading == 0
        };
        if is_last {
            caches::loads_ended(py);
            calls::loads_ended(py);
            self.track_reads(py, false);
            self.probes.put(py, false);
        }
    }

    /// A circular import may have shown another module what the failed run is about to take back.
    fn tell_of_undone(&self, id: ModuleId, before: &Snapshot<'_>) -> PyResult<()> {
        if !std::mem::take(&mut self.state().slots[id.index()].seen_halfway) {
            return Ok(());
        }
        let changed = before.changed_so_far()?;
        let mut state = self.state();
        for name in changed {
            state.graph.name_changed(id, &name);
        }
        Ok(())
    }

    fn execute(
        &self,
        id: ModuleId,
        caller: Caller,
        code: &Bound<'_, PyAny>,
        globals: &Bound<'_, PyDict>,
        locals: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = code.py();
        let ran = match caller {
            Caller::Importlib => self
                .call
                .bind(py)
                .call1((&self.exec, code, globals, locals)),
            Caller::Engine => {
                let exec = || self.exec.bind(py).call1((code, globals, locals));
                if self.is_entry(id) {
                    self.outside_update(py, exec)
                } else {
                    exec()
                }
            }
        };
        match ran {
            Ok(_) => Ok(()),
            Err(error) => self.end_of_program(py, id, error),
        }
    }

    fn bound_last(&self, id: ModuleId) -> Option<BoundNames> {
        self.state().slots[id.index()].bound.as_deref().cloned()
    }

    /// `SystemExit` ends the entry's run well: `sys.exit(main())` is how most programs end.
    fn end_of_program(&self, py: Python<'_>, id: ModuleId, error: PyErr) -> PyResult<()> {
        if !self.is_entry(id) {
            return Err(error);
        }
        if self.has_been_asked_to_end(py, &error) {
            return Ok(());
        }
        let Some(exit) = errors::exit_of(py, &error) else {
            return Err(error);
        };
        let mut state = self.state();
        // What stands behind has not run.
        state.slots[id.index()].has_exited = true;
        state.update.exit = Some(exit);
        Ok(())
    }

    /// Keeps what the next rerun needs of this run.
    fn keep(
        &self,
        id: ModuleId,
        code: Bound<'_, PyAny>,
        bindings: Option<Arc<Bindings>>,
        bound: Option<BoundNames>,
    ) {
        let is_entry = self.is_entry(id);
        let keeps = self.keeps_statements(id, &code);
        self.remember_text(id, &code);
        let old = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            slot.bindings = bindings;
            slot.bound = bound.map(Box::new);
            if is_entry {
                // It has its code since it began, and that may have been patched since.
                return;
            }
            slot.keeps = keeps;
            slot.is_written = false;
            slot.is_spliced = false;
            slot.code.replace(code.unbind())
        };
        drop(old);
    }

    fn set_before(&self, id: ModuleId, before: Option<Py<PyDict>>) {
        let old = std::mem::replace(&mut self.state().slots[id.index()].before, before);
        drop(old);
    }

    /// The names of `id` before its run, if it is running again.
    pub(super) fn before<'py>(&self, py: Python<'py>, id: ModuleId) -> Option<Bound<'py, PyDict>> {
        let state = self.state();
        state.slots[id.index()]
            .before
            .as_ref()
            .map(|before| before.bind(py).clone())
    }

    pub(super) fn is_entry(&self, id: ModuleId) -> bool {
        self.state().graph.name(id).is_main()
    }

    pub(super) fn namespace<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
    ) -> Option<Bound<'py, PyDict>> {
        self.module(py, id).map(|module| module.dict())
    }

    /// The module's object, if it is loaded.
    pub(super) fn module<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
    ) -> Option<Bound<'py, PyModule>> {
        let state = self.state();
        let object = state.slots[id.index()].object.as_ref()?;
        Some(object.bind(py).clone())
    }
}

/// `code`, in which functions have the code that the run gives them.
fn live_code<'py>(
    code: &Bound<'py, PyAny>,
    partial: Option<&Partial<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    match partial {
        Some(partial) => graft(code, &partial.code),
        None => Ok(code.clone()),
    }
}
