//! The state of the engine: what is installed, and what is known of each module.
//!
//! Kept true: the lock on the state is held for moments only. No Python code runs while it is held,
//! and no reference to a Python object is dropped under it, for both may switch threads and come
//! back here.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hmr_signals::graph::State as NodeState;
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    accept::Acceptors,
    at_exit::{self, Handlers},
    audit,
    bindings::{Bindings, Reflection},
    bytecode::Bytecode,
    cached::CachedFunctions,
    caches,
    calls::{self, CodeFiles},
    choices::Choices,
    cycles::Circle,
    dispose::{self, Hooks},
    endless::EntryRun,
    entry::Entry,
    errors,
    excuses::Excuses,
    finder::Finder,
    frames,
    holders::Known,
    inputs::Inputs,
    listeners::Listeners,
    module_type, own,
    probes::Probes,
    reads,
    recorder::BoundNames,
    release,
    roots::Roots,
    settle, source,
    splice::Reading,
    stamp::FileStamp,
    threads,
    writes::Writes,
};
use crate::{
    ModuleGraph, ModuleId, ModuleName, Read, Reason, Rerun, Spent, Update,
    outline::Outline,
    plan::{Cause, Rules},
    statements::Whole,
};

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// Reloads the modules of this process. There is one: `sys.modules` belongs to the process too.
pub struct Engine {
    state: Mutex<State>,
    roots: Roots,
    bytecode: Bytecode,
    pub(super) probes: Probes,
    pub(super) entry: OnceLock<Entry>,
    tracked: Py<PyType>,
    pub(super) exec: Py<PyAny>,
    pub(super) compile: Py<PyAny>,
    /// `importlib`'s own way to call what may raise; see [`Caller`](super::run::Caller).
    pub(super) call: Py<PyAny>,
    pub(super) by_statement: AtomicBool,
    in_color: AtomicBool,
    explains: AtomicBool,
    pub(super) choices: Choices,
}

/// What changes while the program runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) graph: ModuleGraph,
    pub(super) slots: Vec<Slot>,
    by_object: FxHashMap<usize, ModuleId>,
    pub(super) code_files: CodeFiles,
    modules: module_type::Modules,
    /// What the update that is under way has done so far.
    pub(super) update: Update,
    /// The modules whose files hold another program than the one that ran.
    pub(super) edited: FxHashSet<ModuleId>,
    /// How often each module ran in it.
    pub(super) runs: FxHashMap<ModuleId, u32>,
    /// The modules that were imported in it, having not been loaded.
    pub(super) imported: FxHashSet<ModuleId>,
    /// The modules whose last run raised.
    pub(super) failed: Vec<ModuleId>,
    /// The files that turned out to hold what they held before.
    pub(super) rewritten: Vec<PathBuf>,
    /// The files for whose sake the entry has to run again: see [`Engine::include`].
    pub(super) included: Vec<PathBuf>,
    /// How many loads are running, on all threads.
    pub(super) loading: usize,
    /// Ctrl-C has stopped the update that is under way.
    pub(super) interrupted: bool,
    /// What is known of the entry's run beyond what is known of any module's.
    pub(super) entry_run: EntryRun,
    /// A rerun has imported other modules than the run before, or in another order.
    pub(super) order_changed: bool,
    /// The modules that an import did not find.
    pub(super) missing: Vec<ModuleId>,
    /// The modules that have been marked and that nobody alive imported then; see [`release`].
    pub(super) unused: BTreeSet<ModuleId>,
    /// What was read besides modules.
    pub(super) inputs: Inputs,
    /// Objects that a run changed in place. A module that holds one and runs after that has changed,
    /// so they are kept until nothing waits. See [`unify`](super::unify).
    pub(super) in_place: Vec<Py<PyAny>>,
    /// For each class among them, by address, the members that differ.
    pub(super) grafts: FxHashMap<usize, BTreeSet<String>>,
    /// Who need not run for what this batch has told: see [`excuses`](super::excuses).
    pub(super) excuses: Excuses,
    /// The modules that have told a name which leads to what was changed in place in this batch.
    pub(super) passed_on: Vec<ModuleId>,
    /// Who holds that: see [`holders`](super::holders).
    pub(super) holders: Known,
    /// A module has run again since the program began.
    pub(super) has_rerun: bool,
    /// The module that is looked at next; see [`release`].
    pub(super) looked_at: usize,
    /// What speaks against patching a definition.
    pub(super) rules: Arc<Rules>,
    /// What ends what modules have begun.
    pub(super) hooks: Hooks,
    /// What loads have registered with `atexit`.
    pub(super) handlers: Handlers,
    /// What modules accept of changes.
    pub(super) acceptors: Acceptors,
    /// The functions of `hmr.cache`.
    pub(super) cached: CachedFunctions,
    /// Who is told of reloads.
    pub(super) listeners: Listeners,
    /// What modules have written into others.
    pub(super) writes: Writes,
    /// The modules whose last text is known: see [`statements`](super::statements).
    pub(super) with_text: BTreeSet<ModuleId>,
}

/// What belongs to one batch of saves.
pub(super) struct Batch {
    update: Update,
    edited: FxHashSet<ModuleId>,
    runs: FxHashMap<ModuleId, u32>,
    imported: FxHashSet<ModuleId>,
    rewritten: Vec<PathBuf>,
    included: Vec<PathBuf>,
    interrupted: bool,
    reload_has_begun: bool,
    excuses: Excuses,
}

impl State {
    /// Returns what belongs to the batch before. If the entry runs inside of that, it goes on when this
    /// one has ended: see [`State::resume_batch`].
    pub(super) fn begin_batch(&mut self) -> Batch {
        self.forget_outdated_texts();
        self.graph.begin_batch();
        self.acceptors.begin_batch();
        self.inputs.begin_batch();
        self.passed_on.clear();
        self.holders = Known::default();
        Batch {
            update: std::mem::take(&mut self.update),
            edited: std::mem::take(&mut self.edited),
            runs: std::mem::take(&mut self.runs),
            imported: std::mem::take(&mut self.imported),
            rewritten: std::mem::take(&mut self.rewritten),
            included: std::mem::take(&mut self.included),
            interrupted: std::mem::take(&mut self.interrupted),
            reload_has_begun: std::mem::take(&mut self.listeners.has_begun),
            excuses: std::mem::take(&mut self.excuses),
        }
    }

    pub(super) fn resume_batch(&mut self, batch: Batch) {
        self.update = batch.update;
        self.edited = batch.edited;
        self.runs = batch.runs;
        self.imported = batch.imported;
        self.rewritten = batch.rewritten;
        self.included = batch.included;
        self.interrupted = batch.interrupted;
        self.listeners.has_begun = batch.reload_has_begun;
        self.excuses = batch.excuses;
    }

    /// The id of the module `name`, whose slot exists from now on.
    pub(super) fn add_module(&mut self, name: ModuleName, path: Option<PathBuf>) -> ModuleId {
        let id = self.graph.add_module(name, path);
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, Slot::default);
        }
        id
    }

    /// What stands for whoever reads while nothing loads: no module, and never running.
    pub(super) fn outside(&mut self) -> ModuleId {
        let id = self.add_module(ModuleName::outside(), None);
        reads::set_outside(id);
        id
    }

    /// The modules that have been marked and that the program still uses. What it does not use stays
    /// marked, and is noted as [unused](Self::unused).
    pub(super) fn take_waiting(&mut self) -> Vec<ModuleId> {
        let mut waiting = Vec::new();
        while let Some(node) = self.graph.core().next_queued() {
            waiting.extend(self.graph.owner(node));
        }
        // Most have settled since, each before somebody who read it.
        waiting.retain(|&id| self.graph.state(id) != NodeState::Clean);
        let mut known = FxHashMap::default();
        let (alive, unused) = waiting
            .into_iter()
            .partition(|&id| self.is_alive_by(id, &mut known));
        self.unused.extend::<Vec<_>>(unused);
        alive
    }

    /// The objects changed in place, if nothing that may hold one has still to run: then everybody
    /// has seen them. Drop them without the lock.
    #[must_use]
    pub(super) fn take_settled_objects(&mut self) -> Vec<Py<PyAny>> {
        let waits = |id: ModuleId| self.graph.state(id) != NodeState::Clean && self.is_alive(id);
        let is_settled = !self.in_place.is_empty()
            && self.failed.is_empty()
            && !self.interrupted
            && !self.graph.modules().any(waits);
        if is_settled {
            self.grafts.clear();
            std::mem::take(&mut self.in_place)
        } else {
            Vec::new()
        }
    }

    /// Whether the module is the entry, or was imported by nobody's load (a function did it later),
    /// or something that is alive imports it.
    pub(super) fn is_alive(&self, id: ModuleId) -> bool {
        self.is_alive_by(id, &mut FxHashMap::default())
    }

    /// The same, for many modules in turn: `known` has the answers so far.
    fn is_alive_by(&self, id: ModuleId, known: &mut FxHashMap<ModuleId, bool>) -> bool {
        let is_root =
            |id: ModuleId| self.slots[id.index()].is_root || self.graph.name(id).is_main();
        // Each module with the one through which it was reached: what is between it and `id`.
        let mut reached_by = FxHashMap::from_iter([(id, id)]);
        let mut pending = vec![id];
        let mut alive = None;
        while let Some(id) = pending.pop() {
            match known.get(&id) {
                Some(false) => continue,
                Some(true) => alive = Some(id),
                None if is_root(id) => alive = Some(id),
                None => {}
            }
            if alive.is_some() {
                break;
            }
            for importer in self.graph.importers(id) {
                reached_by.entry(importer).or_insert_with(|| {
                    pending.push(importer);
                    id
                });
            }
        }
        let Some(mut step) = alive else {
            known.extend(reached_by.into_keys().map(|id| (id, false)));
            return false;
        };
        loop {
            known.insert(step, true);
            if step == id {
                return true;
            }
            step = reached_by[&step];
        }
    }

    /// Marks what depends on the module's file, which was written.
    pub(super) fn file_written(&mut self, id: ModuleId) {
        self.slots[id.index()].is_written = true;
        self.graph.file_written(id);
    }

    /// The object is the module's no more.
    pub(super) fn forget_object(&mut self, id: ModuleId, object: &Py<PyModule>) {
        self.by_object.remove(&(object.as_ptr() as usize));
        self.modules.unset(id);
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
    /// The name is not there for the reader, for this reason.
    Absent(String),
    /// This is what the reader finds.
    Given(Py<PyAny>),
}

/// What the engine keeps of one module.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a module"
)]
pub(super) struct Slot {
    /// The module, if a load of it has succeeded or is running.
    pub(super) object: Option<Py<PyModule>>,
    /// The code of the last load that succeeded.
    pub(super) code: Option<Py<PyAny>>,
    /// What that code binds, if it has been asked for.
    pub(super) bindings: Option<Arc<Bindings>>,
    /// The code of the file as it is now, if it was compiled and has not run yet.
    pub(super) compiled: Option<Py<PyAny>>,
    /// That code was put together from parts: it may be looked into, but not run.
    pub(super) is_spliced: bool,
    /// In that code statements keep what they have bound: see [`keep`](super::keep).
    pub(super) keeps: bool,
    /// Whether the source may ask for that, if it was looked at.
    pub(super) may_keep: Option<bool>,
    /// The last code that was compiled, with what it was compiled from.
    pub(super) reading: Option<Arc<Reading>>,
    /// The text of its last run, if statements are to be left out of the next one: see
    /// [`statements`](super::statements).
    pub(super) ran: Option<Arc<str>>,
    /// Where the values of its names were at the end of that run.
    pub(super) held: FxHashMap<String, usize>,
    /// How many statements the last run has left out.
    pub(super) statements_kept: usize,
    /// The names that they bind.
    pub(super) names_kept: Vec<String>,
    /// Why the run that is under way, or the one before, left out none.
    pub(super) whole: Option<Whole>,
    /// Its last run ended by `SystemExit`.
    pub(super) has_exited: bool,
    /// What the source of its first run consists of, if that came from bytecode and was looked at.
    pub(super) outline: Option<Arc<Outline>>,
    /// Why its edit, which waits for the run, could not be patched.
    pub(super) cause: Option<Box<Cause>>,
    /// What it has left out should have run.
    pub(super) has_kept_wrongly: bool,
    /// The units of its own that its last run executed.
    pub(super) executed: FxHashSet<String>,
    /// The names of its own that code of other modules has read in its last run, `__dict__` for all.
    pub(super) looked_into: FxHashSet<String>,
    /// Its file was written since the last load read it.
    pub(super) is_written: bool,
    /// What the file looked like just before it was last read.
    pub(super) source: Option<FileStamp>,
    /// The names that the last run bound, if it was recorded.
    pub(super) bound: Option<Box<BoundNames>>,
    /// Submodules whose names the last run has bound or given up, and that nobody had imported then:
    /// see [`packages`](super::packages).
    pub(super) not_imported: FxHashSet<String>,
    /// Submodules that failed runs left in the namespace: new to readers once a run goes well.
    pub(super) kept: Vec<String>,
    /// The program reads something else under its name: its reads cannot be seen.
    pub(super) is_opaque: bool,
    /// Its last run may have come to a class, or to its own names, in a way that its code does not show.
    pub(super) reads_unseen: bool,
    /// It was imported while nothing was loading.
    pub(super) is_root: bool,
    /// Its run is under way and a circular import has acted on what it has bound so far.
    pub(super) seen_halfway: bool,
    /// It is a package without a file: folders that hold its submodules.
    pub(super) is_namespace: bool,
    /// The import system looked for it and found nothing.
    pub(super) missing: bool,
    /// The names before the run that is under way.
    pub(super) before: Option<Py<PyDict>>,
    /// The last run raised. Tried again at each update.
    pub(super) failed: bool,
    /// Its place in circular imports.
    pub(super) circle: Circle,
    /// The traceback of the last run, if that failed.
    pub(super) shown: String,
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
        if ENGINE.get().is_some() {
            return Err(InstallError::AlreadyInstalled);
        }
        own::remember_search_path(py)?;
        caches::install(py)?;
        calls::install(py)?;
        threads::install(py)?;
        let builtins = py.import("builtins")?;
        let engine = Self {
            state: Mutex::default(),
            roots,
            bytecode: Bytecode::new(py)?,
            probes: Probes::new(py)?,
            entry: OnceLock::new(),
            tracked: module_type::create(py)?.unbind(),
            exec: builtins.getattr("exec")?.unbind(),
            compile: builtins.getattr("compile")?.unbind(),
            call: py
                .import("_frozen_importlib")?
                .getattr("_call_with_frames_removed")?
                .unbind(),
            by_statement: AtomicBool::new(false),
            in_color: AtomicBool::new(false),
            explains: AtomicBool::new(false),
            choices: Choices::default(),
        };
        ENGINE
            .set(engine)
            .map_err(|_| InstallError::AlreadyInstalled)?;
        frames::learn(py)?;
        audit::install(py)?;
        // Before `atexit` is stood in for: it is nobody's handler.
        dispose::install(py)?;
        at_exit::install(py)?;
        Finder::install(py)?;
        Self::get().ok_or(InstallError::AlreadyInstalled)
    }

    /// The engine of this process, once it is installed.
    pub fn get() -> Option<&'static Self> {
        ENGINE.get()
    }

    /// From now on these rules say which decorators have seen too much of a definition to patch it.
    pub fn set_rules(&self, rules: Rules) {
        let rules = Arc::new(rules);
        let before = std::mem::replace(&mut self.state().rules, rules);
        drop(before);
    }

    /// Whether failures come with a traceback in colour, too, where CPython can do that.
    pub fn set_color(&self, in_color: bool) {
        self.in_color.store(in_color, Ordering::Relaxed);
    }

    /// Whether the first edit of a module is to be explained as well as all others: the source of modules
    /// that come from bytecode is then read, too. To be said before the program runs.
    pub fn set_explains(&self, explains: bool) {
        self.explains.store(explains, Ordering::Relaxed);
    }

    /// Remembers what the source of a module consists of that is about to come from bytecode.
    pub(super) fn outline_first(&self, id: ModuleId, path: &Path) {
        if !self.explains.load(Ordering::Relaxed) {
            return;
        }
        let text = std::fs::read(path).ok();
        let text = text.as_deref().and_then(source::utf8);
        let outline = text.and_then(|text| Outline::parse(text).ok());
        self.state().slots[id.index()].outline = outline.map(Arc::new);
    }

    /// Shows the graph as it is now. `look` must not call anything of Python: the engine is locked.
    pub fn with_graph<R>(&self, look: impl FnOnce(&ModuleGraph) -> R) -> R {
        look(&self.state().graph)
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
    /// Paths may be relative to the working directory. Each module runs at most once, after what it reads from, except in circular imports. Broken
    /// user code is part of the answer. Call it on the thread that ran the entry. While the entry runs,
    /// ask [`Engine::may_update`] first; it does not run again then, see [`Update::restart`].
    pub fn update(&'static self, py: Python<'_>, files: Vec<PathBuf>) -> Update {
        settle::update(self, py, files)
    }

    /// Does `work` and counts its time as `part` of the update under way, but for what it counts itself.
    pub(super) fn timed<R>(
        &self,
        part: fn(&mut Spent) -> &mut Duration,
        work: impl FnOnce() -> R,
    ) -> R {
        let counted = || self.state().update.spent.total();
        let (started, before) = (Instant::now(), counted());
        let result = work();
        let inside = counted().saturating_sub(before);
        *part(&mut self.state().update.spent) += started.elapsed().saturating_sub(inside);
        result
    }

    /// Whether reads of `module` can be seen while it is tracked.
    pub(super) fn has_known_type(&self, module: &Bound<'_, PyModule>) -> bool {
        let class = module.get_type();
        class.is(self.tracked.bind(module.py())) || class.is(module.py().get_type::<PyModule>())
    }

    /// Turns the reads of all modules into tracked ones, or back into plain ones.
    pub(super) fn track_reads(&self, py: Python<'_>, on: bool) {
        let tracked = self.tracked.bind(py);
        let plain = py.get_type::<PyModule>();
        let state = self.state();
        if on {
            state.modules.swap_types(&plain, tracked);
        } else {
            state.modules.swap_types(tracked, &plain);
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
        let (id, released, old_slot) = {
            let mut state = self.state();
            let id = state.add_module(name, path);
            let known = state.slots[id.index()].object.as_ref();
            if known.is_some_and(|known| known.is(object)) {
                return id;
            }
            // Another object is another module: what was known of the old one's names is void.
            let released = state.release(id);
            let slot = &mut state.slots[id.index()];
            let shown = slot.shown.clone();
            let circle = slot.circle.of_successor();
            let old_slot = std::mem::replace(
                slot,
                Slot {
                    object: Some(object.clone().unbind()),
                    shown,
                    circle,
                    ..Slot::default()
                },
            );
            state.by_object.insert(address, id);
            state.modules.set(id, object);
            if state.loading > 0 {
                let plain = object.py().get_type::<PyModule>();
                state
                    .modules
                    .swap_type(id, &plain, self.tracked.bind(object.py()));
            }
            (id, released, old_slot)
        };
        drop((old_slot, released));
        self.let_go_of_dropped(object.py(), release::PER_MODULE);
        id
    }

    /// Adds a run to what the update under way has done.
    pub(super) fn report(&self, id: ModuleId, reason: Reason, changed: Vec<String>) {
        let mut state = self.state();
        let module = state.graph.name(id).clone();
        let slot = &mut state.slots[id.index()];
        let kept = std::mem::take(&mut slot.statements_kept);
        let kept_names = std::mem::take(&mut slot.names_kept);
        let is_edited = reason == Reason::Edited;
        let cause = slot.cause.take().filter(|_| is_edited);
        let whole = slot.whole.take().filter(|_| is_edited && kept == 0);
        state.update.reran.push(Rerun {
            module,
            reason,
            changed,
            cause: cause.map(|it| *it),
            kept,
            kept_names,
            whole,
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
        // The text of the traceback comes from files that nobody's load has asked for.
        let in_color = self.in_color.load(Ordering::Relaxed);
        let failure = reads::aside(|| errors::describe(py, name, error, &shown, in_color));
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
        let Some(what) = read_meant_by(text) else {
            return Answer::Known;
        };
        let waits = {
            let state = self.state();
            let Some(of) = state.module_at(module) else {
                return Answer::Unknown;
            };
            if of == reader {
                let mut state = state;
                state.graph.record_own(of, what);
                state.graph.read_own(of, what);
                drop(state);
                if what == Read::Everything && !frames::is_making_dataclass(py) {
                    self.state().slots[reader.index()].reads_unseen = true;
                }
                if self.reads_own(py, reader, text) {
                    return Answer::Unknown;
                }
                return self.own_read(py, of, what);
            }
            // Outside of a load modules are as the last update has left them.
            let waits = matches!(state.graph.state(of), NodeState::Pending | NodeState::Dirty);
            (waits && !reads::is_outside(reader)).then_some(of)
        };
        if let Some(of) = waits {
            settle::settle(self, py, of);
        }
        if what == Read::Module {
            self.submodule_imported(py, module);
        }
        let of = self.state().module_at(module);
        self.note_global_writes(py, |_, place| Some(place.0) == of && place.1 == text);
        let mut state = self.state();
        let Some(of) = state.module_at(module) else {
            return Answer::Known;
        };
        let is_running = state.graph.state(of) == NodeState::Running;
        match what {
            Read::Name(name) if !is_running => {
                if let Some(answer) = state.reads_written(py, reader, of, name) {
                    return answer;
                }
            }
            Read::Everything => state.reads_all_written(reader, of),
            _ => {}
        }
        state.graph.read(reader, of, what);
        if !is_running || !reads::is_loading(of) {
            return Answer::Known;
        }
        drop(state);
        self.look_halfway(py, reader, of, what);
        match what {
            Read::Name(name) if self.is_hidden(py, of, name) => not_bound_yet(name),
            Read::Everything => match self.visible_names(py, of) {
                Some(names) => Answer::Given(names.into_any().unbind()),
                None => Answer::Known,
            },
            _ => Answer::Known,
        }
    }

    /// The load of `id` reads `what` of the module itself.
    fn own_read(&self, py: Python<'_>, id: ModuleId, what: Read<'_>) -> Answer {
        match what {
            Read::Name(name) if self.is_hidden(py, id, name) => not_bound_yet(name),
            Read::Everything => {
                if let Some(recorder) = self.recorder(py, id) {
                    errors::forgive(py, recorder.get().show(py, Reflection::Looks));
                }
                Answer::Known
            }
            _ => Answer::Known,
        }
    }

    /// A thread that has helped the load of `reader` has read `name` of the module at this address.
    pub(super) fn read_by_helper(
        &self,
        reader: ModuleId,
        module: usize,
        name: &Bound<'_, PyString>,
    ) {
        let Ok(text) = name.to_str() else { return };
        let Some(what) = read_meant_by(text) else {
            return;
        };
        let mut state = self.state();
        state.slots[reader.index()].reads_unseen = true;
        match state.module_at(module) {
            Some(of) if of == reader => {
                let slot = &mut state.slots[of.index()];
                slot.looked_into.insert(text.to_owned());
            }
            Some(of) => state.graph.read(reader, of, what),
            None => {}
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
        let (Some(reader), Ok(name)) = (reads::recorder(), ModuleName::new(name)) else {
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

    /// The folders of all tracked modules, sorted: what a watcher has to watch besides the roots.
    pub fn folders(&self) -> Vec<PathBuf> {
        let state = self.state();
        let mut folders: Vec<_> = state.graph.folders().map(Path::to_path_buf).collect();
        folders.sort_unstable();
        folders
    }
}

fn not_bound_yet(name: &str) -> Answer {
    Answer::Absent(format!(
        "partially initialized module has no attribute '{name}' (most likely due to a circular import)"
    ))
}

/// What somebody reads who looks up the attribute `name` of a module; `None` for what the import
/// system looks at.
pub(super) fn read_meant_by(name: &str) -> Option<Read<'_>> {
    match name {
        "__spec__" => Some(Read::Module),
        "__dict__" => Some(Read::Everything),
        "__name__" | "__path__" | "__loader__" | "__package__" | "__class__" => None,
        name => Some(Read::Name(name)),
    }
}
