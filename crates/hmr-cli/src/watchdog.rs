//! A reload in the middle of the running program that does not come to its end.
//!
//! It runs on top of whatever the program was doing. If that holds a lock which a module asks for while it
//! runs again, both wait for ever, and nothing tells this from a module that takes its time: a person is
//! told, and decides. Ctrl-C stops the reload, and the program goes on.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::report::Reporter;

/// After this time a person is told.
const LONG: Duration = Duration::from_secs(3);

/// The reload that is under way, if one is.
#[derive(Debug, Default)]
pub(crate) struct Watchdog(Mutex<Option<Work>>);

#[derive(Debug)]
struct Work {
    since: Instant,
    is_told: bool,
}

impl Watchdog {
    /// Runs `body`, a reload inside of the program.
    pub(crate) fn during<R>(&self, body: impl FnOnce() -> R) -> R {
        self.with(|work| {
            *work = Some(Work {
                since: Instant::now(),
                is_told: false,
            });
        });
        let result = body();
        self.with(|work| *work = None);
        result
    }

    /// Says once that the reload takes long. Needs no interpreter.
    pub(crate) fn says_if_stuck(&self, reporter: &Reporter) {
        let is_stuck = self.with(|work| {
            let work = work.as_mut().filter(|work| !work.is_told)?;
            work.is_told = work.since.elapsed() >= LONG;
            work.is_told.then_some(())
        });
        if is_stuck.is_some() {
            reporter.is_stuck();
        }
    }

    fn with<R>(&self, look: impl FnOnce(&mut Option<Work>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
