//! What a program says of its own start-up, and when tracking ends: `hmr.sealed()`, `hmr.captured()` and
//! the setting `seal`.
//!
//! What the entry has taken for good is guessed from how it reads (see [`startup`](super::startup)).
//! These are for programs that know better.
//!
//! Kept true: once the program has said that its start-up is over, nothing that it read before counts
//! as read again and again, whatever the guess was.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::{exceptions::PyTypeError, prelude::*};

use super::{accept::name_of, engine::Engine, reads};
use crate::{ModuleName, Read};

/// When what an entry reads that does not end is tracked no more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// When nothing new has come for a while, or a server waits for requests.
    #[default]
    Auto,
    /// When a server waits for requests. All that was read until then has been taken for good.
    Serve,
    /// Never: what is read late is seen too, and reading costs more than under python.
    Never,
}

/// The running program has said that its start-up is over, and its thread has not come to it yet.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// The program has started: what it has read so far it has taken for good, and what it reads from now on
/// it will read again. Any thread may call it. Without an engine, or while no entry runs, nothing happens.
pub fn sealed(py: Python<'_>) {
    let Some(engine) = Engine::get() else { return };
    if engine.is_entry_running() {
        IS_ASKED.store(true, Ordering::Release);
        engine.seal_if_asked(py);
    }
}

/// The program has taken `name` of `module` (a module or its name) for good, however often it reads it.
/// Without an engine, or while no entry runs, nothing happens.
///
/// # Errors
///
/// `TypeError` if `module` is something else; `ValueError` for a relative name outside of a package.
pub fn captured(module: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    let Some(of) = name_of("captured", module)? else {
        let class = module.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "captured needs a module or its name, not {class}"
        )));
    };
    if let Some(engine) = Engine::get().filter(|engine| engine.is_entry_running()) {
        engine.capture(&of, name);
    }
    Ok(())
}

/// A run of the entry begins.
pub(super) fn begin(engine: &Engine) {
    IS_ASKED.store(false, Ordering::Release);
    engine.state().entry_run.captured.clear();
}

impl Engine {
    /// Says when tracking ends. To be said before the program runs.
    pub fn set_seal(&self, seal: Seal) {
        self.state().entry_run.seal = seal;
    }

    /// Seals the entry if it has said that it has started, and if this is its thread, outside of imports.
    /// Whether it did.
    pub(super) fn seal_if_asked(&self, py: Python<'_>) -> bool {
        if !IS_ASKED.load(Ordering::Acquire) {
            return false;
        }
        reads::take_all();
        let is_sealed = self.seal(py);
        if is_sealed {
            IS_ASKED.store(false, Ordering::Release);
        }
        is_sealed
    }

    fn capture(&self, of: &str, name: &str) {
        let mut state = self.state();
        let (Some(entry), Some(module)) =
            (state.graph.find(ModuleName::MAIN), state.graph.find(of))
        else {
            return;
        };
        // A function is captured with what it does.
        for read in [Read::Name(name), Read::Code(name)] {
            state.graph.read(entry, module, read);
        }
        let of = state.graph.name(module).clone();
        let captured = &mut state.entry_run.captured;
        captured.insert((of.clone(), format!("{name}()")));
        captured.insert((of, name.to_owned()));
    }
}
