//! A soft restart: the entry ends and runs again in the same process; other modules stay as they are.
//!
//! The program is ended as Ctrl-C would do it, through the program's own handler: a server shuts
//! down, asyncio cancels the main task, anything else gets `KeyboardInterrupt`. That it ends, and
//! when, is up to the program.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hmr_module_graph::python::import_own;
use pyo3::prelude::*;

use crate::{listeners, report::Reporter};

/// After this time a person is told what is being waited for.
const LONG: Duration = Duration::from_secs(3);

/// Whether a restart is under way.
#[derive(Debug, Default)]
pub(crate) struct Restart(Mutex<Option<Unwinding>>);

#[derive(Debug)]
struct Unwinding {
    since: Instant,
    is_told: bool,
}

impl Restart {
    fn with<R>(&self, look: impl FnOnce(&mut Option<Unwinding>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.with(|unwinding| unwinding.is_some())
    }

    /// The program is about to be interrupted.
    pub(crate) fn begin(&self) {
        self.with(|unwinding| {
            *unwinding = Some(Unwinding {
                since: Instant::now(),
                is_told: false,
            });
        });
    }

    /// The entry has ended; whether it was for a restart.
    pub(crate) fn take(&self) -> bool {
        self.with(|unwinding| unwinding.take().is_some())
    }

    /// Says once that the program takes long to end; whether it is still awaited.
    pub(crate) fn says_if_slow(&self, reporter: &Reporter) -> bool {
        let (is_under_way, is_slow) = self.with(|unwinding| {
            let Some(unwinding) = unwinding else {
                return (false, false);
            };
            let is_slow = unwinding.since.elapsed() >= LONG && !unwinding.is_told;
            unwinding.is_told |= is_slow;
            (true, is_slow)
        });
        if is_slow {
            reporter.still_ending();
        }
        is_under_way
    }
}

/// Clears away what the last run has left behind. Its frames have gone by now, but circles of objects,
/// and what they keep open, only go with a collection.
pub(crate) fn clear_up(py: Python<'_>) -> PyResult<()> {
    import_own(py, "gc")?.call_method0("collect")?;
    listeners::close(py)
}
