//! The state of the engine, and how a module runs: first loads and reruns alike.
//!
//! Kept true: the lock on the state is held for moments only. No Python code runs while it is held,
//! and no reference to a Python object is dropped under it, for both may switch threads and come
//! back here.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use hmr_signals::graph::State as NodeState;
use pyo3::{
    exceptions::PyImportError,
    prelude::*,
    types::{PyDict, PyString, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    bindings, bytecode::Bytecode, entry::Entry, errors, finder::Finder, module_type,
    namespace::Snapshot, reads, roots::Roots, settle,
};
use crate::{ModuleGraph, ModuleId, ModuleName, Read, Reason, Rerun, Update};

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// Reloads the modules of this process. There is one: `sys.modules` belongs to the process too.
pub struct Engine {
    state: Mutex<State>,
    roots: Roots,
    bytecode: Bytecode,
    pub(super) entry: OnceLock<Entry>,
    tracked: Py<PyType>,
    exec: Py<PyAny>,
    compile: Py<PyAny>,
    /// `importlib`'s own way to call what may raise; see [`Caller`].
    call: Py<PyAny>,
}

/// Who asked for a run. CPython takes the import system's frames out of a traceback only if the
/// failed call went through `importlib`'s own helper; without an import around it the helper itself
/// would stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Importlib,
    Engine,
}

/// What changes while the program runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) graph: ModuleGraph,
    pub(super) slots: Vec<Slot>,
    by_object: FxHashMap<usize, ModuleId>,
    /// What the update that is under way has done so far.
    pub(super) update: Update,
    /// The modules whose files it is about.
    pub(super) edited: FxHashSet<ModuleId>,
    /// How often each module ran in it.
    pub(super) runs: FxHashMap<ModuleId, u32>,
}

impl State {
    pub(super) fn begin_batch(&mut self) {
        self.graph.begin_batch();
        self.update = Update::default();
        self.edited.clear();
        self.runs.clear();
    }
}

/// What the engine keeps of one module.
#[derive(Default)]
pub(super) struct Slot {
    /// The module, if a load of it has succeeded or is running.
    pub(super) object: Option<Py<PyModule>>,
    /// The code of the last load that succeeded.
    code: Option<Py<PyAny>>,
    /// The code of the file as it is now, if it was compiled and has not run yet.
    compiled: Option<Py<PyAny>>,
    /// The names before the run that is under way.
    before: Option<Py<PyDict>>,
    /// The last run raised. Tried again at each update.
    pub(super) failed: bool,
    /// The traceback of the last failure.
    shown: String,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// Why the engine could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// There is one already; the process cannot have two.
    #[error("the engine is already installed in this process")]
    AlreadyInstalled,
    /// The interpreter is not what the engine expects.
    #[error("the engine cannot work with this interpreter: {0}")]
    Interpreter(#[from] PyErr),
}

impl Engine {
    /// Installs the engine in this interpreter. From now on, modules below `roots` are tracked.
    ///
    /// # Errors
    ///
    /// [`InstallError::AlreadyInstalled`] at the second call in a process,
    /// [`InstallError::Interpreter`] if the import system is not CPython's.
    pub fn install(py: Python<'_>, roots: Roots) -> Result<&'static Self, InstallError> {
        let builtins = py.import("builtins")?;
        let engine = Self {
            state: Mutex::default(),
            roots,
            bytecode: Bytecode::new(py)?,
            entry: OnceLock::new(),
            tracked: module_type::create(py)?.unbind(),
            exec: builtins.getattr("exec")?.unbind(),
            compile: builtins.getattr("compile")?.unbind(),
            call: py
                .import("_frozen_importlib")?
                .getattr("_call_with_frames_removed")?
                .unbind(),
        };
        ENGINE
            .set(engine)
            .map_err(|_| InstallError::AlreadyInstalled)?;
        Finder::install(py)?;
        Self::get().ok_or(InstallError::AlreadyInstalled)
    }

    /// The engine of this process, once it is installed.
    pub fn get() -> Option<&'static Self> {
        ENGINE.get()
    }

    /// The folders whose modules are tracked.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(super) fn bytecode(&self) -> &Bytecode {
        &self.bytecode
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reruns what a change of `files` reaches, and says what ran.
    ///
    /// Each module runs at most once, after what it reads from, except in circular imports. Broken
    /// user code is part of the answer. Call it on the thread that ran the entry, with nothing of
    /// the program on its stack.
    pub fn update(&'static self, py: Python<'_>, files: Vec<PathBuf>) -> Update {
        settle::update(self, py, files)
    }

    pub(super) fn new_module<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.tracked.bind(py).call1((name,))
    }

    /// Turns the reads of all modules into tracked ones, or back into plain ones.
    pub(super) fn track_reads(&self, py: Python<'_>, on: bool) {
        let modules: Vec<_> = {
            let state = self.state();
            state
                .slots
                .iter()
                .filter_map(|s| Some(s.object.as_ref()?.clone_ref(py)))
                .collect()
        };
        let tracked = self.tracked.bind(py);
        for module in modules {
            let module = module.bind(py);
            let swapped = if on {
                module_type::arm(module, tracked)
            } else {
                module_type::disarm(module, tracked)
            };
            // A module that refuses keeps its type: slower or coarser, never wrong.
            errors::forgive(py, swapped);
        }
    }

    /// The id of the module, which is known from now on as `object`.
    pub(super) fn adopt(
        &self,
        py: Python<'_>,
        name: ModuleName,
        path: Option<PathBuf>,
        object: &Bound<'_, PyModule>,
    ) -> ModuleId {
        let (id, replaced) = {
            let mut state = self.state();
            let id = state.graph.add_module(name, path);
            if state.slots.len() <= id.index() {
                state.slots.resize_with(id.index() + 1, Slot::default);
            }
            let slot = &mut state.slots[id.index()];
            if slot.object.as_ref().is_some_and(|known| known.is(object)) {
                return id;
            }
            // Another object is another module: what was known of the old one's names is void.
            let replaced = std::mem::take(slot);
            slot.object = Some(object.clone().unbind());
            slot.shown.clone_from(&replaced.shown);
            if let Some(old) = &replaced.object {
                state.by_object.remove(&(old.as_ptr() as usize));
            }
            state.by_object.insert(object.as_ptr() as usize, id);
            (id, replaced)
        };
        drop((py, replaced));
        id
    }

    /// `exec_module` of the loader: a first import, or `importlib.reload`.
    pub(super) fn import(
        &'static self,
        loader: &Bound<'_, PyAny>,
        module: &Bound<'_, PyModule>,
    ) -> PyResult<()> {
        let py = module.py();
        let spec = module.getattr("__spec__")?;
        let name: String = spec.getattr("name")?.extract()?;
        let file: PathBuf = spec.getattr("origin")?.extract()?;
        let Ok(module_name) = ModuleName::new(&name) else {
            return loader
                .getattr("__class__")?
                .getattr("__mro__")?
                .get_item(1)?
                .call_method1("exec_module", (loader, module))
                .map(drop);
        };
        let id = self.adopt(py, module_name, Some(file.clone()), module);
        if let Some(reader) = reads::current() {
            self.state().graph.read(reader, id, Read::Module);
        }
        let run = self.run(py, id, Caller::Importlib, || {
            match self.bytecode.load(py, &file) {
                Some(code) => Ok(code),
                None => loader.call_method1("get_code", (name,)),
            }
        });
        match run {
            Ok(changed) => {
                self.report(id, Reason::Imported, changed);
                Ok(())
            }
            Err(error) => {
                // The import system takes a module whose first load fails out of `sys.modules`.
                let forgotten = {
                    let mut state = self.state();
                    let slot = &mut state.slots[id.index()];
                    if slot.code.is_none() {
                        slot.object.take()
                    } else {
                        None
                    }
                };
                drop(forgotten);
                Err(error)
            }
        }
    }

    /// Runs a loaded module again from its file, and adds what happened to the update under way.
    pub(super) fn rerun(&'static self, py: Python<'_>, id: ModuleId, reason: Reason) {
        let ran = self.run(py, id, Caller::Engine, || self.new_code(py, id));
        let changed = match ran {
            Ok(changed) => changed,
            Err(error) => {
                self.report_failure(py, id, &error);
                Vec::new()
            }
        };
        self.report(id, reason, changed);
    }

    /// Whether the module's file holds another program than the one that ran. Comments do not count
    /// unless they move lines. What was compiled to find out is kept for the run.
    pub(super) fn is_edited(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let outdated = self.state().slots[id.index()].compiled.take();
        drop(outdated);
        let is_edited = self.compiles_to_another_program(py, id);
        if is_edited {
            self.state().edited.insert(id);
        }
        is_edited
    }

    fn compiles_to_another_program(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let old = match &self.state().slots[id.index()] {
            Slot {
                code: Some(code),
                failed: false,
                ..
            } => code.clone_ref(py),
            _ => return true,
        };
        let Ok(new) = self.new_code(py, id) else {
            return true;
        };
        let differs = !new.eq(old).unwrap_or(false);
        if differs {
            self.state().slots[id.index()].compiled = Some(new.unbind());
        }
        differs
    }

    fn new_code<'py>(&'static self, py: Python<'py>, id: ModuleId) -> PyResult<Bound<'py, PyAny>> {
        if let Some(code) = self.state().slots[id.index()].compiled.take() {
            return Ok(code.into_bound(py));
        }
        let path = self.state().graph.path(id).map(Path::to_path_buf);
        match (self.entry.get().filter(|_| self.is_entry(id)), path) {
            (Some(entry), _) => entry.code(py, self),
            (None, Some(path)) => self.compile(py, &path),
            (None, None) => Err(PyImportError::new_err("the module has no source file")),
        }
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
        let (object, old_code) = {
            let mut state = self.state();
            state.graph.start(id);
            let slot = &state.slots[id.index()];
            (
                slot.object.as_ref().map(|object| object.clone_ref(py)),
                slot.code.as_ref().map(|code| code.clone_ref(py)),
            )
        };
        let ran = match object {
            Some(object) => self.run_in(py, id, caller, object.bind(py), old_code, code),
            None => Ok(Vec::new()),
        };
        let mut state = self.state();
        state.slots[id.index()].failed = ran.is_err();
        for name in ran.iter().flatten() {
            state.graph.name_changed(id, name);
        }
        state.graph.finish(id);
        ran
    }

    fn run_in<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
        caller: Caller,
        module: &Bound<'py, PyModule>,
        old_code: Option<Py<PyAny>>,
        code: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<String>> {
        let namespace = module.dict();
        let run = || {
            let code = code()?;
            let ran = match caller {
                Caller::Importlib => self.call.bind(py).call1((&self.exec, &code, &namespace)),
                Caller::Engine => self.exec.bind(py).call1((&code, &namespace)),
            };
            if let Err(error) = ran {
                self.end_of_program(py, id, error)?;
            }
            PyResult::Ok(code)
        };
        let Some(old_code) = old_code else {
            let code = reads::during(id, run)?;
            self.keep_code(id, code);
            return Ok(Vec::new());
        };

        let before = Snapshot::take(namespace.clone())?;
        self.set_before(id, Some(before.names().clone().unbind()));
        let ran = reads::during(id, run);
        self.set_before(id, None);
        match ran {
            Ok(code) => {
                let bound = bindings::stored_names(&code)?;
                let mut stale = bindings::stored_names(old_code.bind(py))?;
                stale.retain(|name| !bound.contains(name));
                let changed = before.compare(&stale)?;
                self.keep_code(id, code);
                Ok(changed)
            }
            Err(error) => {
                before.restore()?;
                Err(error)
            }
        }
    }

    /// `SystemExit` ends the entry's run well: `sys.exit(main())` is how most programs end.
    fn end_of_program(&self, py: Python<'_>, id: ModuleId, error: PyErr) -> PyResult<()> {
        let exit = if self.is_entry(id) {
            errors::exit_of(py, &error)
        } else {
            None
        };
        let Some(exit) = exit else { return Err(error) };
        self.state().update.exit = Some(exit);
        Ok(())
    }

    fn keep_code(&self, id: ModuleId, code: Bound<'_, PyAny>) {
        let old = self.state().slots[id.index()].code.replace(code.unbind());
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

    /// The code of the source file `path` as it is now. The bytecode cache goes: it knows the
    /// source's time in whole seconds only, and could pass for the new one's.
    pub(super) fn compile<'py>(&self, py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
        let source = std::fs::read(path)?;
        if let Some(cache) = self.bytecode.cache_of(path) {
            let _ = std::fs::remove_file(cache);
        }
        let options = PyDict::new(py);
        options.set_item("dont_inherit", true)?;
        let source = pyo3::types::PyBytes::new(py, &source);
        self.compile
            .bind(py)
            .call((source, path.as_os_str(), "exec"), Some(&options))
    }

    fn is_entry(&self, id: ModuleId) -> bool {
        *self.state().graph.name(id) == ModuleName::main()
    }

    pub(super) fn namespace<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
    ) -> Option<Bound<'py, PyDict>> {
        let state = self.state();
        Some(state.slots[id.index()].object.as_ref()?.bind(py).dict())
    }

    /// Adds a run to what the update under way has done.
    pub(super) fn report(&self, id: ModuleId, reason: Reason, changed: Vec<String>) {
        let mut state = self.state();
        let module = state.graph.name(id).clone();
        state.update.reran.push(Rerun {
            module,
            reason,
            changed,
        });
    }

    /// Adds a failed run to what the update under way has done.
    pub(super) fn report_failure(&self, py: Python<'_>, id: ModuleId, error: &PyErr) {
        let (name, shown) = {
            let state = self.state();
            (
                state.graph.name(id).clone(),
                state.slots[id.index()].shown.clone(),
            )
        };
        let failure = errors::describe(py, name, error, &shown);
        let mut state = self.state();
        state.slots[id.index()].shown.clone_from(&failure.traceback);
        state.update.failures.push(failure);
    }

    /// A load reads `name` of the module at address `module` for the first time. Says whether the
    /// read is known now, so that it need not be told again.
    ///
    /// A module that waits for its rerun gets it first: the reader then sees what a fresh start
    /// would show it.
    pub(super) fn first_read(
        &'static self,
        py: Python<'_>,
        reader: ModuleId,
        module: usize,
        name: &Bound<'_, PyString>,
    ) -> bool {
        let Ok(text) = name.to_str() else {
            return false;
        };
        let what = match text {
            "__spec__" => Read::Module,
            "__dict__" => Read::Everything,
            "__name__" | "__path__" | "__loader__" | "__package__" | "__class__" => return true,
            name => Read::Name(name),
        };
        let waits = {
            let state = self.state();
            let Some(&of) = state.by_object.get(&module) else {
                return false;
            };
            if of == reader {
                return true;
            }
            matches!(state.graph.state(of), NodeState::Pending | NodeState::Dirty).then_some(of)
        };
        if let Some(of) = waits {
            settle::settle(self, py, of);
        }
        let mut state = self.state();
        if let Some(&of) = state.by_object.get(&module) {
            state.graph.read(reader, of, what);
        }
        true
    }

    /// The names of modules that raised and wait for the next save.
    pub fn pending(&self) -> Vec<ModuleName> {
        let state = self.state();
        let failed = |id: &ModuleId| state.slots.get(id.index()).is_some_and(|slot| slot.failed);
        state
            .graph
            .modules()
            .filter(failed)
            .map(|id| state.graph.name(id).clone())
            .collect()
    }

    /// The folders of all tracked modules, sorted: what a watcher has to watch besides the roots.
    pub fn folders(&self) -> Vec<PathBuf> {
        let state = self.state();
        let folders: FxHashSet<_> = state
            .graph
            .modules()
            .filter_map(|id| state.graph.path(id)?.parent().map(Path::to_path_buf))
            .collect();
        let mut folders: Vec<_> = folders.into_iter().collect();
        folders.sort_unstable();
        folders
    }
}
