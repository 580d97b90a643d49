//! `hmr.cache`: the result of a function without arguments, kept over reruns for as long as nothing that
//! it was made from changes.
//!
//! What the function reads and executes is the load's that calls it, as ever, and is recorded besides.
//! The next load that asks is given the result, and told to have read the same. The graph marks a
//! result whose reads have changed (`graph/results.rs`). Of the module that is running again nothing has
//! been told yet: what the function has used of that is compared, name by name, with what was there
//! before the run.
//!
//! Kept true: a doubt errs towards calling the function; a result made during a run that raises goes
//! with it; the wrapper of a module's function keeps its identity over reruns, with the function of the
//! last run that went well. No user code runs while a lock of this file is held.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use hmr_signals::graph::{NodeId, State as NodeState};
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::PyTypeError,
    intern,
    prelude::*,
    types::{PyFunction, PyString},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    calls::code_of,
    engine::{Engine, State},
    equality,
    errors::forgive,
    reads, settle, units,
};
use crate::{ModuleId, Read};

/// `CO_GENERATOR`, `CO_COROUTINE` and `CO_ASYNC_GENERATOR`: what is returned can be used once.
const USED_ONCE: u32 = 0x20 | 0x80 | 0x200;

/// Tells results apart, and runs of modules.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What the cached functions that are being called on this thread were given so far.
    static GIVEN: RefCell<Vec<Vec<Given>>> = const { RefCell::new(Vec::new()) };
}

/// The result of another cached function, by its version.
type Given = (Py<Cached>, u64);

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The cached functions of the program, as far as reruns have to know them.
#[derive(Debug, Default)]
pub(super) struct CachedFunctions {
    of_module: FxHashMap<ModuleId, OfModule>,
    /// All nodes of results.
    results: FxHashSet<NodeId>,
    /// There has been one.
    is_used: bool,
}

#[derive(Debug, Default)]
struct OfModule {
    /// By qualified name: those that the module's run has decorated.
    by_name: FxHashMap<String, Py<Cached>>,
    run: Option<Run>,
}

/// A run of the module that is under way.
#[derive(Debug)]
struct Run {
    number: u64,
    decorated: FxHashSet<String>,
    touched: Vec<(Py<Cached>, Touch)>,
}

/// What a run has done with a cached function.
#[derive(Debug)]
enum Touch {
    /// Given it another function instead of this one.
    Decorated(Py<PyAny>),
    /// Called the function.
    Made,
    /// Used the result that was there.
    Found,
}

/// A function without arguments whose result is kept until something that it was made from changes.
#[pyclass(frozen, module = "hmr", name = "CachedFunction")]
pub struct Cached {
    /// The module whose function it is.
    module: Option<ModuleId>,
    node: OnceLock<NodeId>,
    inner: Mutex<Inner>,
}

struct Inner {
    function: Py<PyAny>,
    kept: Option<Kept>,
}

/// A result.
struct Kept {
    value: Py<PyAny>,
    version: u64,
    /// What the function read, itself and through the results it was given.
    reads: Vec<NodeId>,
    given: Vec<Given>,
    /// The run of its module, then under way, that has made it or found it sound.
    run: u64,
}

/// `function` with a result that is kept.
///
/// # Errors
///
/// `TypeError` if it cannot be called, or returns something that can be used only once.
pub fn cache<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Cached>> {
    let py = function.py();
    if !function.is_callable() {
        let class = function.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "cache needs a function without arguments, not {class}"
        )));
    }
    if let Some(code) = code_of(function)
        && code.getattr("co_flags")?.extract::<u32>()? & USED_ONCE != 0
    {
        return Err(PyTypeError::new_err(
            "cache needs a function whose result can be used twice: a coroutine or generator cannot",
        ));
    }
    match Engine::get() {
        Some(engine) => engine.cached(function),
        None => Bound::new(py, Cached::new(function, None)),
    }
}

#[pymethods]
impl Cached {
    /// The result: that of the last call, if nothing that it was made from has changed.
    fn __call__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(engine) = Engine::get() {
            return engine.result_of(slf);
        }
        let known = slf
            .get()
            .lock()
            .kept
            .as_ref()
            .map(|kept| kept.value.clone_ref(py));
        if let Some(known) = known {
            return Ok(known.into_bound(py));
        }
        let value = slf.get().function(py).call0()?;
        slf.get().keep(Some(Kept {
            value: value.clone().unbind(),
            version: 0,
            reads: Vec::new(),
            given: Vec::new(),
            run: 0,
        }));
        Ok(value)
    }

    /// Forget the result, so that the next call makes it anew.
    fn cache_clear(&self) {
        self.keep(None);
    }

    /// The function itself.
    #[getter]
    fn __wrapped__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.function(py)
    }

    fn __getattr__<'py>(&self, name: Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.function(name.py()).getattr(name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<CachedFunction {}>", self.function(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector runs when it likes; what is locked at that moment is in use anyway.
        let Ok(inner) = self.inner.try_lock() else {
            return Ok(());
        };
        visit.call(&inner.function)?;
        if let Some(kept) = &inner.kept {
            visit.call(&kept.value)?;
            for (given, _) in &kept.given {
                visit.call(given)?;
            }
        }
        Ok(())
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        if let (Some(engine), Some(&node)) = (Engine::get(), self.node.get()) {
            let mut state = engine.state();
            state.cached.results.remove(&node);
            state.graph.remove_result(node);
        }
    }
}

impl Cached {
    fn new(function: &Bound<'_, PyAny>, module: Option<ModuleId>) -> Self {
        Self {
            module,
            node: OnceLock::new(),
            inner: Mutex::new(Inner {
                function: function.clone().unbind(),
                kept: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn function<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.lock().function.bind(py).clone()
    }

    fn set_function(&self, function: Py<PyAny>) -> Py<PyAny> {
        std::mem::replace(&mut self.lock().function, function)
    }

    fn keep(&self, kept: Option<Kept>) {
        let before = std::mem::replace(&mut self.lock().kept, kept);
        drop(before);
    }

    fn version(&self) -> Option<u64> {
        self.lock().kept.as_ref().map(|kept| kept.version)
    }
}

impl State {
    /// Whether a run of the module has decorated functions.
    pub(super) fn has_cached_functions(&self, module: ModuleId) -> bool {
        let of_module = self.cached.of_module.get(&module);
        of_module.is_some_and(|it| !it.by_name.is_empty())
    }

    /// The inputs of results that may have changed, and that no module reads.
    pub(super) fn doubtful_inputs(&self) -> Vec<NodeId> {
        let results = self.cached.results.iter();
        let mut inputs: Vec<_> = results
            .flat_map(|&result| self.graph.doubtful_inputs(result))
            .collect();
        inputs.sort_unstable_by_key(|node| node.index());
        inputs.dedup();
        inputs
    }

    /// From now on the result is outdated once one of `reads` changes. Of `but`, a module that runs,
    /// nothing has been told yet.
    fn arm(&mut self, node: NodeId, reads: &[NodeId], but: Option<ModuleId>) {
        let armed: Vec<_> = reads
            .iter()
            .copied()
            .filter(|&read| but.is_none() || self.graph.owner(read) != but)
            .collect();
        self.graph.arm_result(node, &armed);
    }

    fn run_of_cached(&mut self, module: Option<ModuleId>) -> Option<&mut Run> {
        self.cached.of_module.get_mut(&module?)?.run.as_mut()
    }
}

impl Engine {
    /// Whether the program has functions that read something at any time. Any thread may ask, without
    /// the interpreter.
    pub fn has_cached_functions(&self) -> bool {
        self.state().cached.is_used
    }

    /// The wrapper of `function`: that of the run before, if a rerun decorates it.
    fn cached<'py>(&self, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Cached>> {
        let py = function.py();
        self.state().cached.is_used = true;
        let globals = function.cast::<PyFunction>().ok();
        let globals = globals.and_then(|it| it.getattr(intern!(py, "__globals__")).ok());
        let module = globals.and_then(|globals| self.module_of_namespace(&globals));
        let known = module.and_then(|module| self.known_name(module, function).zip(Some(module)));
        let Some((name, module)) = known else {
            return Bound::new(py, Cached::new(function, module));
        };
        let before = {
            let state = self.state();
            let of_module = state.cached.of_module.get(&module);
            of_module.and_then(|it| Some(it.by_name.get(&name)?.clone_ref(py)))
        };
        let is_new = before.is_none();
        let cached = match before {
            Some(before) => before.into_bound(py),
            None => Bound::new(py, Cached::new(function, Some(module)))?,
        };
        if !is_new {
            let old = cached.get().function(py);
            if !reads::aside(|| is_same_function(&old, function))? {
                cached.get().keep(None);
            }
            let old = cached.get().set_function(function.clone().unbind());
            let mut state = self.state();
            if let Some(run) = state.run_of_cached(Some(module)) {
                let touched = (cached.clone().unbind(), Touch::Decorated(old));
                run.touched.push(touched);
            }
        }
        let mut state = self.state();
        let of_module = state.cached.of_module.entry(module).or_default();
        if let Some(run) = &mut of_module.run {
            run.decorated.insert(name.clone());
        }
        let before = of_module.by_name.insert(name, cached.clone().unbind());
        drop(state);
        drop(before);
        Ok(cached)
    }

    /// The name by which a rerun of `module` will know `function` again, if its run decorates it.
    fn known_name(&self, module: ModuleId, function: &Bound<'_, PyAny>) -> Option<String> {
        let py = function.py();
        let closure = function.getattr(intern!(py, "__closure__")).ok()?;
        let name = function.getattr(intern!(py, "__qualname__")).ok()?;
        let name: String = name.extract().ok()?;
        let is_plain = closure.is_none() && !name.contains('<');
        if !is_plain || reads::current() != Some(module) {
            return None;
        }
        let mut state = self.state();
        let run = state.run_of_cached(Some(module))?;
        // A second one of the name is another one.
        (!run.decorated.contains(&name)).then_some(name)
    }

    fn result_of<'py>(&'static self, cached: &Bound<'py, Cached>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_sound(cached) {
            let known = {
                let inner = cached.get().lock();
                let kept = inner.kept.as_ref();
                kept.map(|it| (it.value.bind(cached.py()).clone(), it.reads.clone()))
            };
            if let Some((value, reads)) = known {
                self.give(cached, &reads);
                return Ok(value);
            }
        }
        self.make(cached)
    }

    /// Whether the result is what the function would return now.
    fn is_sound(&'static self, cached: &Bound<'_, Cached>) -> bool {
        let py = cached.py();
        let this = cached.get();
        let known = {
            let inner = this.lock();
            inner.kept.as_ref().map(|kept| {
                let given = kept.given.iter();
                let given: Vec<_> = given.map(|(it, at)| (it.clone_ref(py), *at)).collect();
                (kept.reads.clone(), given, kept.run)
            })
        };
        let (Some((reads, given, checked)), Some(&node)) = (known, this.node.get()) else {
            return false;
        };
        if reads::current().is_some() && !self.settle_reads(py, this.module, &reads) {
            return false;
        }
        if self.state().graph.is_outdated(node) {
            return false;
        }
        for (given, version) in given {
            if given.get().version() != Some(version) || !self.is_sound(given.bind(py)) {
                return false;
            }
        }
        match self.running(this.module) {
            Some((module, run)) if run != checked => {
                let holds = reads::aside(|| self.own_names_hold(py, module, &reads));
                forgive(py, holds).unwrap_or(false)
            }
            _ => true,
        }
    }

    /// Brings up to date what the result was made from, but for its own `module`. `false`: a module
    /// that runs is among it, and nobody knows what will become of that.
    fn settle_reads(
        &'static self,
        py: Python<'_>,
        module: Option<ModuleId>,
        reads: &[NodeId],
    ) -> bool {
        let mut waiting = Vec::new();
        {
            let mut state = self.state();
            for &node in reads {
                let owner = state.graph.owner(node);
                if owner.is_some() && owner == module {
                    continue;
                }
                match state.graph.core().state(node) {
                    NodeState::Clean => {}
                    NodeState::Running => return false,
                    _ => waiting.push(node),
                }
            }
        }
        for node in waiting {
            settle::settle_node(self, py, node);
        }
        true
    }

    /// The number of the run of `module` that is under way on this thread.
    fn running(&self, module: Option<ModuleId>) -> Option<(ModuleId, u64)> {
        let module = module?;
        if !reads::is_loading(module) {
            return None;
        }
        let mut state = self.state();
        let run = state.run_of_cached(Some(module))?.number;
        Some((module, run))
    }

    /// Whether what the function has used of its own module, which runs again, is as it was before.
    fn own_names_hold(&self, py: Python<'_>, module: ModuleId, reads: &[NodeId]) -> PyResult<bool> {
        let (Some(before), Some(now)) = (self.before(py, module), self.namespace(py, module))
        else {
            return Ok(false);
        };
        let (code, units, mut names) = {
            let state = self.state();
            let slot = &state.slots[module.index()];
            let mut units = Vec::new();
            let mut names = BTreeSet::new();
            for &node in reads {
                if state.graph.owner(node) != Some(module) {
                    continue;
                }
                match state.graph.read_of(node) {
                    Some(Read::Code(unit)) => units.push(unit.to_owned()),
                    Some(Read::Name(name)) => drop(names.insert(name.to_owned())),
                    Some(Read::Everything) => return Ok(false),
                    _ => {}
                }
            }
            (
                slot.code.as_ref().map(|code| code.clone_ref(py)),
                units,
                names,
            )
        };
        let Some(code) = code else { return Ok(false) };
        let Some(loaded) = units::globals_of(&units, code.bind(py))? else {
            return Ok(false);
        };
        names.extend(loaded);
        let tops = units.iter().filter_map(|unit| unit.split('.').next());
        names.extend(tops.map(str::to_owned));
        for name in names {
            if self.is_hidden(py, module, &name) {
                return Ok(false);
            }
            let holds = match (before.get_item(&name)?, now.get_item(&name)?) {
                (Some(before), Some(now)) => is_same(&before, &now)?,
                (None, None) => true,
                _ => false,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whoever is loading on this thread is given the result, which was made from `reads`.
    fn give(&self, cached: &Bound<'_, Cached>, reads: &[NodeId]) {
        let this = cached.get();
        note_given(cached);
        let running = self.running(this.module);
        let mut state = self.state();
        if let Some(reader) = reads::recorder() {
            let own = state.graph.read_result(reader, reads);
            let slot = &mut state.slots[reader.index()];
            slot.executed.extend(own);
            // The code that made it may have been another module's.
            slot.reads_unseen = true;
        }
        let (Some((module, number)), Some(&node)) = (running, this.node.get()) else {
            return;
        };
        let is_news = {
            let mut inner = this.lock();
            let kept = inner.kept.as_mut();
            kept.is_some_and(|kept| std::mem::replace(&mut kept.run, number) != number)
        };
        if is_news {
            state.arm(node, reads, Some(module));
            if let Some(run) = state.run_of_cached(Some(module)) {
                run.touched.push((cached.clone().unbind(), Touch::Found));
            }
        }
    }

    /// Calls the function, and keeps what it returns.
    fn make<'py>(&'static self, cached: &Bound<'py, Cached>) -> PyResult<Bound<'py, PyAny>> {
        let py = cached.py();
        let this = cached.get();
        let function = this.function(py);
        let (reader, recording) = {
            let mut state = self.state();
            let reader = match reads::recorder() {
                Some(reader) => reader,
                None => state.outside(),
            };
            (reader, state.graph.record(reader))
        };
        GIVEN.with_borrow_mut(|given| given.push(Vec::new()));
        self.begin_load(py);
        let made = reads::during(py, reader, || function.call0());
        self.end_load(py);
        let given = GIVEN.with_borrow_mut(Vec::pop).unwrap_or_default();
        let reads = self.state().graph.end_recording(recording);
        let value = made?;
        let running = self.running(this.module);
        this.keep(Some(Kept {
            value: value.clone().unbind(),
            version: next(),
            reads: reads.clone(),
            given,
            run: running.map_or(0, |(_, number)| number),
        }));
        note_given(cached);
        let mut state = self.state();
        let node = *this.node.get_or_init(|| {
            let node = state.graph.add_result();
            state.cached.results.insert(node);
            node
        });
        state.arm(node, &reads, running.map(|(module, _)| module));
        if let Some((module, _)) = running
            && let Some(run) = state.run_of_cached(Some(module))
        {
            run.touched.push((cached.clone().unbind(), Touch::Made));
        }
        Ok(value)
    }

    /// A run of `module` begins.
    pub(super) fn begin_cached(&self, module: ModuleId) {
        let run = Run {
            number: next(),
            decorated: FxHashSet::default(),
            touched: Vec::new(),
        };
        let mut state = self.state();
        let of_module = state.cached.of_module.entry(module).or_default();
        of_module.run = Some(run);
    }

    /// The run has ended, and who depends on it has been told.
    pub(super) fn end_cached(&self, module: ModuleId, went_well: bool) {
        let mut gone = Vec::new();
        let run = {
            let mut state = self.state();
            let Some(of_module) = state.cached.of_module.get_mut(&module) else {
                return;
            };
            let Some(run) = of_module.run.take() else {
                return;
            };
            if went_well {
                let is_gone = |name: &String, _: &mut Py<Cached>| !run.decorated.contains(name);
                gone.extend(of_module.by_name.extract_if(is_gone).map(|(_, it)| it));
            }
            if of_module.by_name.is_empty() {
                state.cached.of_module.remove(&module);
            }
            run
        };
        drop(gone);
        // Backwards: what was there first is there again in the end.
        for (cached, touch) in run.touched.into_iter().rev() {
            let this = cached.get();
            match touch {
                Touch::Decorated(_) if went_well => {}
                Touch::Decorated(function) => drop(this.set_function(function)),
                Touch::Made if !went_well => this.keep(None),
                Touch::Made | Touch::Found => self.arm_whole(this),
            }
        }
    }

    /// The result's own module runs no more: what it was made from of that counts too.
    fn arm_whole(&self, cached: &Cached) {
        let reads = cached.lock().kept.as_ref().map(|kept| kept.reads.clone());
        let mut state = self.state();
        if let (Some(reads), Some(&node)) = (reads, cached.node.get())
            && !state.graph.is_outdated(node)
        {
            state.arm(node, &reads, None);
        }
    }

    /// The module has left the program.
    pub(super) fn forget_cached(&self, module: ModuleId) {
        let gone = self.state().cached.of_module.remove(&module);
        drop(gone);
    }
}

/// The cached function that is being called has been given this result.
fn note_given(cached: &Bound<'_, Cached>) {
    let Some(version) = cached.get().version() else {
        return;
    };
    GIVEN.with_borrow_mut(|given| {
        if let Some(given) = given.last_mut() {
            given.push((cached.clone().unbind(), version));
        }
    });
}

/// Whether nothing that uses `new` can tell that it is not `old`, as long as it does not ask for its
/// identity.
fn is_same(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    if old.is(new) {
        return Ok(true);
    }
    if code_of(old).is_some() {
        return is_same_function(old, new);
    }
    equality::same(old, new)
}

fn is_same_function(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (Some(old_code), Some(new_code)) = (code_of(old), code_of(new)) else {
        return Ok(false);
    };
    let py = new.py();
    if !equality::same(&old_code, &new_code)?
        || !old.getattr(intern!(py, "__closure__"))?.is_none()
        || !new.getattr(intern!(py, "__closure__"))?.is_none()
    {
        return Ok(false);
    }
    for attribute in ["__defaults__", "__kwdefaults__", "__dict__"] {
        let (old, new) = (old.getattr(attribute)?, new.getattr(attribute)?);
        if !equality::same(&old, &new)? {
            return Ok(false);
        }
    }
    Ok(true)
}
