//! A reload in which the entry runs and does not end: its own line would never come.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::report::Reporter;

/// After this time it is said what was saved and that the program runs.
const LONG: Duration = Duration::from_millis(300);

/// A program may be about to end for so long after it has begun: a save waits for that.
const SHORT: Duration = Duration::from_millis(500);

/// The reload that is under way while `hmr` has nothing else to do.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Option<Run>>);

#[derive(Debug)]
struct Run {
    files: Vec<PathBuf>,
    since: Instant,
    is_told: bool,
}

impl Running {
    /// The entry may run in `body`, for a save of `files` or for none.
    pub(crate) fn during<R>(&self, files: Vec<PathBuf>, body: impl FnOnce() -> R) -> R {
        self.set(Some(Run {
            is_told: files.is_empty(),
            files,
            since: Instant::now(),
        }));
        let result = body();
        self.set(None);
        result
    }

    fn set(&self, now: Option<Run>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether it runs for so long that it is not about to end.
    pub(crate) fn is_long(&self) -> bool {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        run.as_ref().is_some_and(|run| run.since.elapsed() >= SHORT)
    }

    /// Says once that the entry runs, if it does so for long; whether there is something to wait for.
    pub(crate) fn says_if_long(&self, reporter: &Reporter, is_running: bool) -> bool {
        let mut run = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = run.as_mut().filter(|run| !run.is_told) else {
            return false;
        };
        run.is_told = is_running && run.since.elapsed() >= LONG;
        if run.is_told {
            reporter.runs(&run.files);
        }
        !run.is_told
    }
}
