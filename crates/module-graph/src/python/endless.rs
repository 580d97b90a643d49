//! A program that does not end: what a save means while the entry is in its last statement.
//!
//! An update may then run on the main thread between two of the program's bytecodes. The entry's load
//! goes on: functions are patched, other modules run again, the entry itself does not. If a change
//! reaches what the entry has taken for good (see `startup`), [`Update::restart`](crate::Update) says
//! so, and whoever drives the engine makes the program end and calls [`Engine::run_entry_again`].
//!
//! What is done about a save while the entry runs is decided in this order, each step only if the one before
//! will not do:
//!
//! 1. patch the live functions (`must_run_again`, in `source`);
//! 2. run modules again, and leave the entry alone (`settle_all`, in `settle`);
//! 3. call who accepts the change (`call_waiting_acceptors`, in `accept`);
//! 4. restart the entry, if [`Engine::reaches_entry`] finds that it holds what has changed: whatever could
//!    give a running program what is new, without a restart, belongs in there, before its answer;
//! 5. replace the process, if the entry cannot run again in it (`run_again`, in the session of `hmr-cli`).
//!
//! Once the entry has settled down its load is *sealed*: nothing of it is tracked any more, and
//! modules are plain.
//!
//! Kept true: an update never begins inside of another one, nor inside of an import.

use hmr_signals::graph::State as NodeState;
use pyo3::{exceptions::PyKeyboardInterrupt, intern, prelude::*, types::PyString};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    calls,
    engine::{Engine, read_meant_by},
    errors, frames,
    inputs::hash_of,
    reads::{self, IS_INPUT},
    sealing::{self, Seal},
    settle,
    startup::Paths,
    units,
};
use crate::{ModuleId, ModuleName, Read, Reason, Update};

/// What is known of the entry's run.
#[derive(Debug, Default)]
pub(super) struct EntryRun {
    pub(super) tracking: Tracking,
    /// It is being asked to end, or has ended, to run again.
    pub(super) is_restarting: bool,
    /// An update is under way, and the entry does not run inside of it.
    pub(super) is_updating: bool,
    /// A person wants it to run again, whatever has changed.
    pub(super) is_asked_for: bool,
    /// When tracking ends.
    pub(super) seal: Seal,
    /// What it has said to have taken for good: as in a [`Reason`].
    pub(super) captured: FxHashSet<(ModuleName, String)>,
}

/// How much has been seen of what the entry reads.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    #[default]
    Whole,
    /// It runs, and is tracked no more.
    Sealed,
    /// It was sealed and has ended since: what it read late is not known.
    EndedSealed,
}

impl Engine {
    /// Whether the entry's run is under way. Any thread may ask, without the interpreter.
    pub fn is_entry_running(&self) -> bool {
        let state = self.state();
        let entry = state.graph.find(ModuleName::MAIN);
        entry.is_some_and(|entry| state.graph.state(entry) == NodeState::Running)
    }

    /// Whether [`Engine::update`] may be called on this thread now: it runs the entry, and neither an
    /// update nor an import is under way.
    pub fn may_update(&self, py: Python<'_>) -> bool {
        self.is_entry_running()
            && !self.state().entry_run.is_updating
            && reads::is_entry_alone()
            && !frames::is_inside_import(py)
    }

    /// The entry is about to be ended so that it can run again: `KeyboardInterrupt` and `SystemExit`
    /// end its run well from now on.
    pub fn ask_entry_to_end(&self) {
        self.state().entry_run.is_restarting = true;
    }

    /// Runs the entry again, after whatever waits that it reads from. The dispose hooks of its last
    /// run are called first.
    pub fn run_entry_again(&'static self, py: Python<'_>) -> Update {
        {
            let mut state = self.state();
            state.entry_run.is_restarting = false;
            if let Some(entry) = state.graph.find(ModuleName::MAIN) {
                state.graph.invalidate(entry);
            }
        }
        settle::update(self, py, Vec::new())
    }

    /// As [`Engine::run_entry_again`], because a person wants it.
    pub fn run_entry_for_person(&'static self, py: Python<'_>) -> Update {
        self.state().entry_run.is_asked_for = true;
        let update = self.run_entry_again(py);
        self.state().entry_run.is_asked_for = false;
        update
    }

    /// The program has settled down: from now on its reads are its own affair. `false`: this is not the
    /// entry's thread, or it is in the middle of an import.
    pub fn seal(&self, py: Python<'_>) -> bool {
        let is_sealed = reads::seal();
        if is_sealed {
            self.state().entry_run.tracking = Tracking::Sealed;
            self.end_load(py);
        }
        is_sealed
    }

    /// The entry has ended; whether it had been sealed, and its load with it.
    pub(super) fn take_seal(&self) -> bool {
        let mut state = self.state();
        let was_sealed = state.entry_run.tracking == Tracking::Sealed;
        state.entry_run.tracking = if was_sealed {
            Tracking::EndedSealed
        } else {
            Tracking::Whole
        };
        was_sealed
    }

    /// Whether the entry has to run again for whatever this update did: see [`Reason::Untracked`].
    pub(super) fn may_have_read_changes(&self, entry: ModuleId) -> bool {
        let state = self.state();
        let is_waiting = state.entry_run.tracking == Tracking::EndedSealed
            && state.runs_of(entry) == 0
            && state.graph.state(entry) != NodeState::Running;
        is_waiting && (!state.update.reran.is_empty() || !state.update.patched.is_empty())
    }

    /// Whether the entry ends with `error` because it was [asked to](Engine::ask_entry_to_end).
    pub(super) fn has_been_asked_to_end(&self, py: Python<'_>, error: &PyErr) -> bool {
        self.state().entry_run.is_restarting
            && (error.is_instance_of::<PyKeyboardInterrupt>(py)
                || errors::exit_of(py, error).is_some())
    }

    /// Runs `body` as the load of `id`.
    pub(super) fn during_load<R>(
        &self,
        py: Python<'_>,
        id: ModuleId,
        body: impl FnOnce() -> R,
    ) -> R {
        if self.is_entry(id) {
            sealing::begin(self);
            let seal = self.state().entry_run.seal;
            reads::during_entry(py, id, seal, body)
        } else {
            reads::during(py, id, body)
        }
    }

    /// If `id` is the entry, it has this code: others have theirs once their run has ended.
    pub(super) fn entry_runs(&self, id: ModuleId, code: Option<&Bound<'_, PyAny>>) {
        if !self.is_entry(id) {
            return;
        }
        let keeps = code.is_some_and(|code| self.keeps_statements(id, code));
        let old = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            slot.is_written &= code.is_none();
            slot.is_spliced = false;
            slot.keeps = keeps;
            std::mem::replace(&mut slot.code, code.map(|code| code.clone().unbind()))
        };
        drop(old);
    }

    /// An update begins, until what is returned is dropped.
    pub(super) fn begin_update(&self) -> Updating<'_> {
        Updating::set(self, true)
    }

    /// Runs `body`, the entry, which may be inside of an update: other updates may begin meanwhile, and
    /// modules become plain when the entry is sealed.
    pub(super) fn outside_update<R>(&self, py: Python<'_>, body: impl FnOnce() -> R) -> R {
        let paused = Updating::set(self, false);
        if !paused.before {
            return body();
        }
        self.end_load(py);
        let result = body();
        self.begin_load(py);
        result
    }

    /// Why the entry, if it is running, has to run again.
    pub(super) fn reaches_entry(&'static self, py: Python<'_>) -> Option<Reason> {
        if !self.is_entry_running() {
            return None;
        }
        let entry = self.state().graph.find(ModuleName::MAIN)?;
        if self.state().edited.contains(&entry) {
            return self.has_sound_source(py, entry).then_some(Reason::Edited);
        }
        let (mut reads, mut data) = {
            let state = self.state();
            let data = state.graph.changed_inputs(entry);
            (state.graph.changed_reads(entry), data)
        };
        let passed_on = std::mem::take(&mut self.state().acceptors.entry_reached);
        if !passed_on.is_empty() {
            let whole = passed_on.into_iter().map(|module| (module, String::new()));
            return Some(Reason::Read(whole.collect()));
        }
        let included = self.state().included.clone();
        if !included.is_empty() {
            return Some(Reason::Included(included));
        }
        if reads.is_empty() && data.is_empty() {
            return None;
        }
        let live = self.live_reads(py);
        reads.retain(|read| !live.names.contains(read));
        data.retain(|input| !live.inputs.contains(&hash_of(input)));
        if data.is_empty() && self.accepts_reads(entry, &reads) {
            return None;
        }
        if !reads.is_empty() {
            Some(Reason::Read(reads))
        } else if !data.is_empty() {
            Some(Reason::Data(data))
        } else {
            None
        }
    }

    /// Whether the edited source of the entry compiles; if not, the program that runs is the better one,
    /// and the failure is part of the update.
    fn has_sound_source(&'static self, py: Python<'_>, entry: ModuleId) -> bool {
        match reads::aside(|| self.new_code(py, entry)) {
            Ok(code) => {
                self.state().slots[entry.index()].compiled = Some(code.unbind());
                true
            }
            Err(error) => {
                self.report_failure(py, entry, &error);
                false
            }
        }
    }

    /// Of the units of `id` that its run has executed those that it has not executed again and again.
    pub(super) fn without_live_units(
        &self,
        py: Python<'_>,
        id: ModuleId,
        mut executed: FxHashSet<String>,
    ) -> FxHashSet<String> {
        if self.is_entry(id) && self.is_entry_running() {
            let live = self.live_reads(py);
            let name = ModuleName::main();
            executed.retain(|unit| !live.names.contains(&(name.clone(), format!("{unit}()"))));
        }
        executed
    }

    /// What the running entry reads again and again.
    fn live_reads(&self, py: Python<'_>) -> Live {
        let mut names: FxHashMap<(ModuleName, String), Paths> = FxHashMap::default();
        let mut live = Live::default();
        for ((address, kind), object, paths) in reads::of_entry(py) {
            if kind == IS_INPUT {
                live.inputs.extend(are_live(&paths).then_some(address));
                continue;
            }
            let read = match object.cast::<PyString>() {
                Ok(name) => self.named(address, name),
                Err(_) => self.executed(&object),
            };
            for read in read {
                let known = names.entry(read).or_default();
                // Code that was patched is another object on the same path.
                let add = |(path, is_live)| *known.entry(path).or_default() |= is_live;
                paths.clone().into_iter().for_each(add);
            }
        }
        let captured = &self.state().entry_run.captured;
        let is_live = |(read, paths): &(_, Paths)| are_live(paths) && !captured.contains(read);
        let all_live = names.into_iter().filter(is_live);
        live.names = all_live.map(|(read, _)| read).collect();
        live
    }

    /// What a read of `name` of the module at `address` is called in a [`Reason`].
    fn named(&self, address: usize, name: &Bound<'_, PyString>) -> Vec<(ModuleName, String)> {
        let name = match name.to_str().ok().and_then(read_meant_by) {
            Some(Read::Name(name)) => name.to_owned(),
            Some(Read::Everything) => "*".to_owned(),
            Some(Read::Module) => String::new(),
            _ => return Vec::new(),
        };
        let state = self.state();
        let module = state.module_at(address);
        let module = module.map(|id| state.graph.name(id).clone());
        module.map(|module| (module, name)).into_iter().collect()
    }

    /// Whether `code` is that of a module or of a part of one.
    pub(super) fn has_code(&self, code: &Bound<'_, PyAny>) -> bool {
        let file = code.getattr(intern!(code.py(), "co_filename"));
        let file = file.and_then(|file| file.hash());
        file.is_ok_and(|file| {
            let state = self.state();
            calls::modules_of(&state.code_files, file).next().is_some()
        })
    }

    /// What the execution of `code` is called in a [`Reason`].
    fn executed(&self, code: &Bound<'_, PyAny>) -> Vec<(ModuleName, String)> {
        let file = code
            .getattr(intern!(code.py(), "co_filename"))
            .and_then(|file| file.hash());
        let (Ok(file), Ok(unit)) = (file, units::name_of(code)) else {
            return Vec::new();
        };
        let state = self.state();
        let modules = calls::modules_of(&state.code_files, file);
        let names = modules.map(|id| state.graph.name(id).clone());
        names.map(|name| (name, format!("{unit}()"))).collect()
    }
}

fn are_live(paths: &Paths) -> bool {
    paths.values().all(|&is_live| is_live)
}

/// What an entry that does not end will ask for again by itself.
#[derive(Default)]
struct Live {
    names: FxHashSet<(ModuleName, String)>,
    inputs: FxHashSet<usize>,
}

/// While it lives, an update is under way, or is not.
#[must_use]
pub(super) struct Updating<'e> {
    engine: &'e Engine,
    before: bool,
}

impl<'e> Updating<'e> {
    fn set(engine: &'e Engine, now: bool) -> Self {
        let before = std::mem::replace(&mut engine.state().entry_run.is_updating, now);
        Self { engine, before }
    }
}

impl Drop for Updating<'_> {
    fn drop(&mut self) {
        self.engine.state().entry_run.is_updating = self.before;
    }
}
