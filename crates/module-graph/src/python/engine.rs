//! The state of the engine: what is installed, and what is known of each module.
//!
//! Kept true: the lock on the state is held for moments only. No Python code runs while it is held,
//! and no reference to a Python object is dropped under it, for both may switch threads and come
//! back here.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::SystemTime,
};

use hmr_signals::graph::State as NodeState;
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    bytecode::Bytecode, cycles::Circle, entry::Entry, errors, finder::Finder, module_type, own,
    reads, roots::Roots, settle,
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
    pub(super) exec: Py<PyAny>,
    pub(super) compile: Py<PyAny>,
    /// `importlib`'s own way to call what may raise; see [`Caller`](super::run::Caller).
    pub(super) call: Py<PyAny>,
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
    /// The modules whose last run raised.
    pub(super) failed: Vec<ModuleId>,
    /// The files that turned out to hold what they held before.
    pub(super) rewritten: Vec<PathBuf>,
    /// How many loads are running, on all threads.
    pub(super) loading: usize,
    /// Ctrl-C has stopped the update that is under way.
    pub(super) interrupted: bool,
    /// A rerun has imported other modules than the run before, or in another order.
    pub(super) order_changed: bool,
    /// The modules that an import did not find.
    pub(super) missing: Vec<ModuleId>,
}

impl State {
    pub(super) fn begin_batch(&mut self) {
        self.graph.begin_batch();
        self.update = Update::default();
        self.edited.clear();
        self.runs.clear();
        self.interrupted = false;
        self.rewritten.clear();
    }

    /// The id of the module `name`, whose slot exists from now on.
    pub(super) fn add_module(&mut self, name: ModuleName, path: Option<PathBuf>) -> ModuleId {
        let id = self.graph.add_module(name, path);
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, Slot::default);
        }
        id
    }

    /// The modules that have been marked and that the program still uses. What it does not use stays
    /// marked, and runs when it is imported again.
    pub(super) fn take_waiting(&mut self) -> Vec<ModuleId> {
        let mut waiting = Vec::new();
        while let Some(node) = self.graph.core().next_queued() {
            waiting.extend(self.graph.owner(node));
        }
        waiting.retain(|&id| self.is_alive(id));
        waiting
    }

    /// Whether the module is the entry, or was imported by nobody's load (a function did it later),
    /// or something that is alive imports it.
    pub(super) fn is_alive(&self, id: ModuleId) -> bool {
        let is_root = |id: ModuleId| {
            *self.graph.name(id) == ModuleName::main() || self.slots[id.index()].is_root
        };
        let mut seen = FxHashSet::default();
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            if is_root(id) {
                return true;
            }
            pending.extend(
                self.graph
                    .importers(id)
                    .filter(|&importer| seen.insert(importer)),
            );
        }
        false
    }

    /// Forgets the object of a module that is loaded no more. Drop it without the lock.
    #[must_use]
    pub(super) fn release(&mut self, id: ModuleId) -> Option<Py<PyModule>> {
        let object = self.slots[id.index()].object.take()?;
        self.by_object.remove(&(object.as_ptr() as usize));
        Some(object)
    }

    /// The module whose object is at this address.
    pub(super) fn module_at(&self, address: usize) -> Option<ModuleId> {
        self.by_object.get(&address).copied()
    }
}

/// What a first read of a name comes to.
pub(super) enum Answer {
    /// It has been noted, and need not be told again.
    Known,
    /// It could not be noted.
    Unknown,
    /// The module is running and has not bound the name yet.
    Hidden,
    /// The module is running, and these are the names that it has bound so far.
    Names(Py<PyDict>),
}

/// What the engine keeps of one module.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about a module"
)]
pub(super) struct Slot {
    /// The module, if a load of it has succeeded or is running.
    pub(super) object: Option<Py<PyModule>>,
    /// The code of the last load that succeeded.
    pub(super) code: Option<Py<PyAny>>,
    /// The code of the file as it is now, if it was compiled and has not run yet.
    pub(super) compiled: Option<Py<PyAny>>,
    /// The size of the file that the last load read, in bytes.
    pub(super) source_size: Option<u64>,
    /// The names that the last run bound, if it was recorded.
    pub(super) bound: Option<FxHashSet<String>>,
    /// Submodules that failed runs left in the namespace: new to readers once a run goes well.
    pub(super) kept: Vec<String>,
    /// The program reads something else under its name: its reads cannot be seen.
    pub(super) is_opaque: bool,
    /// It was imported while nothing was loading.
    pub(super) is_root: bool,
    /// Its run is under way and a circular import has acted on what it has bound so far.
    pub(super) seen_halfway: bool,
    /// The import system looked for it and found nothing.
    pub(super) missing: bool,
    /// The names before the run that is under way.
    pub(super) before: Option<Py<PyDict>>,
    /// The last run raised. Tried again at each update.
    pub(super) failed: bool,
    /// Its place in circular imports.
    pub(super) circle: Circle,
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
        own::remember_search_path(py)?;
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

    /// Whether reads of `module` can be seen while it is tracked.
    pub(super) fn has_known_type(&self, module: &Bound<'_, PyModule>) -> bool {
        let class = module.get_type();
        class.is(self.tracked.bind(module.py())) || class.is(module.py().get_type::<PyModule>())
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
            // A module that refuses keeps its type; see `is_opaque`.
            errors::forgive(py, swapped);
        }
    }

    /// The id of the module, which is known from now on as `object`.
    pub(super) fn adopt(
        &self,
        name: ModuleName,
        path: Option<PathBuf>,
        object: &Bound<'_, PyModule>,
    ) -> ModuleId {
        let address = object.as_ptr() as usize;
        let (id, replaced) = {
            let mut state = self.state();
            let id = state.add_module(name, path);
            let known = state.slots[id.index()].object.as_ref();
            if known.is_some_and(|known| known.is(object)) {
                return id;
            }
            // Another object is another module: what was known of the old one's names is void.
            let old_object = state.release(id);
            let slot = &mut state.slots[id.index()];
            let shown = slot.shown.clone();
            let object = Some(object.clone().unbind());
            let old_slot = std::mem::replace(
                slot,
                Slot {
                    object,
                    shown,
                    ..Slot::default()
                },
            );
            state.by_object.insert(address, id);
            (id, (old_object, old_slot))
        };
        drop(replaced);
        id
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
    ) -> Answer {
        let Ok(text) = name.to_str() else {
            return Answer::Unknown;
        };
        let what = match text {
            "__spec__" => Read::Module,
            "__dict__" => Read::Everything,
            "__name__" | "__path__" | "__loader__" | "__package__" | "__class__" => {
                return Answer::Known;
            }
            name => Read::Name(name),
        };
        let waits = {
            let state = self.state();
            let Some(of) = state.module_at(module) else {
                return Answer::Unknown;
            };
            if of == reader {
                return Answer::Known;
            }
            matches!(state.graph.state(of), NodeState::Pending | NodeState::Dirty).then_some(of)
        };
        if let Some(of) = waits {
            settle::settle(self, py, of);
        }
        let mut state = self.state();
        let Some(of) = state.module_at(module) else {
            return Answer::Known;
        };
        state.graph.read(reader, of, what);
        if state.graph.state(of) != NodeState::Running || !reads::is_loading(of) {
            return Answer::Known;
        }
        drop(state);
        self.look_halfway(py, reader, of, what);
        match what {
            Read::Name(name) if self.is_hidden(py, of, name) => Answer::Hidden,
            Read::Everything => match self.visible_names(py, of) {
                Some(names) => Answer::Names(names.unbind()),
                None => Answer::Known,
            },
            _ => Answer::Known,
        }
    }

    /// The entry's source is `file` from now on: `-m` looks it up at each run.
    pub(super) fn move_entry(&self, file: &Path) {
        let path = self.roots.real(file);
        self.state()
            .graph
            .add_module(ModuleName::main(), Some(path));
    }

    /// An import of `name` found nothing. Whoever is loading is told when there is something.
    pub(super) fn note_missing(&self, name: &str) {
        let (Some(reader), Ok(name)) = (reads::current(), ModuleName::new(name)) else {
            return;
        };
        let mut state = self.state();
        let known = state
            .graph
            .find(name.as_str())
            .and_then(|id| state.graph.path(id));
        let path = known.map(Path::to_path_buf);
        let id = state.add_module(name, path);
        if state.slots[id.index()].object.is_none() {
            if !std::mem::replace(&mut state.slots[id.index()].missing, true) {
                state.missing.push(id);
            }
            // Nothing to run: it is as up to date as a missing module can be.
            if state.graph.state(id) == NodeState::Dirty {
                state.graph.start(id);
                state.graph.finish(id);
            }
            state.graph.read(reader, id, Read::Module);
        }
    }

    /// The names of modules that raised and wait for the next save.
    pub fn pending(&self) -> Vec<ModuleName> {
        let state = self.state();
        let alive = state.failed.iter().filter(|&&id| state.is_alive(id));
        alive.map(|&id| state.graph.name(id).clone()).collect()
    }

    /// The files of loaded modules below `folder` that were written since `time`.
    pub fn written_since(&self, folder: &Path, time: SystemTime) -> Vec<PathBuf> {
        let is_new = |path: &&Path| {
            path.metadata()
                .and_then(|data| data.modified())
                .is_ok_and(|modified| modified >= time)
        };
        let state = self.state();
        let paths = state.graph.modules().filter_map(|id| state.graph.path(id));
        paths
            .filter(|path| path.starts_with(folder))
            .filter(is_new)
            .map(Path::to_path_buf)
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
