//! One reload, from the saves that wait to the line that a person reads.
//!
//! It is made by the session while `hmr` waits, or by a signal handler while the program runs
//! ([`interrupt`](crate::interrupt)), on the main thread both times.
//!
//! Kept true: of the reloads that a handler makes none begins inside of another.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use hmr_module_graph::{Update, python::Engine};
use hmr_watcher::Watcher;
use pyo3::{
    exceptions::{PyAttributeError, PyOSError, PyValueError},
    prelude::*,
};

use crate::{
    choice::Choice, ctrl_c, kept_sockets::KeptSockets, report::Reporter, restart::Restart,
    running::Running, saves::Saves, termination, wake, watchdog::Watchdog, watching::Watching,
};

/// What all reloads of a session share.
pub(crate) struct Reloads {
    pub(crate) engine: &'static Engine,
    pub(crate) reporter: Reporter,
    pub(crate) saves: Saves,
    pub(crate) restart: Restart,
    pub(crate) running: Running,
    pub(crate) choice: Arc<Choice>,
    pub(crate) sockets: KeptSockets,
    watchdog: Watchdog,
    watching: Mutex<Watching>,
    is_busy: AtomicBool,
    /// A module has raised, and that is to be the end.
    has_failed: AtomicBool,
    /// Not that of a child that the program forks: it is the program's own, and must end.
    process: u32,
}

impl Reloads {
    pub(crate) fn new(
        engine: &'static Engine,
        reporter: Reporter,
        watching: Watching,
        choice: Arc<Choice>,
    ) -> Self {
        Self {
            engine,
            reporter,
            saves: Saves::default(),
            restart: Restart::default(),
            running: Running::default(),
            choice,
            sockets: KeptSockets::default(),
            watchdog: Watchdog::default(),
            watching: Mutex::new(watching),
            is_busy: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            process: std::process::id(),
        }
    }

    pub(crate) fn watcher(&self) -> Arc<Watcher> {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.watcher()
    }

    /// Whether this is a child process that the program has forked and that has come to its end: it
    /// is the program's own, and must not go on as a second `hmr`.
    pub(crate) fn is_child(&self) -> bool {
        std::process::id() != self.process
    }

    /// Whether a module has raised in this update or in one while the program ran, and that is to be the
    /// end of everything.
    pub(crate) fn have_failed(&self, update: &Update) -> bool {
        self.has_failed.load(Ordering::Acquire) || self.choice.ends_with(update)
    }

    /// Whether [`Reloads::reload_running`] would do anything now.
    pub(crate) fn may_begin(&self, py: Python<'_>) -> bool {
        !self.is_busy.load(Ordering::Acquire) && !self.is_child() && self.engine.may_update(py)
    }

    /// Takes the saves that wait and reloads, while the entry runs. Raises what the program's signal
    /// handlers raise, and `KeyboardInterrupt` if the entry has to run again and knows no better.
    pub(crate) fn reload_running(&self, py: Python<'_>) -> PyResult<()> {
        if !self.may_begin(py) || self.is_busy.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let reloaded = self.watchdog.during(|| self.reload_all(py));
        self.is_busy.store(false, Ordering::Release);
        if reloaded? {
            ctrl_c::imitate(py)?;
        }
        Ok(())
    }

    /// Whether the entry has to end, to run again or for good.
    fn reload_all(&self, py: Python<'_>) -> PyResult<bool> {
        let mut must_restart = false;
        let mut files = self.engine.news(self.saves.take());
        files.extend(self.watch_what_is_new(py));
        while !files.is_empty() {
            let mut update = wake::interruptible(py, || self.engine.update(py, files))?;
            flush_output(py)?;
            let is_news = update.restart.is_some() && !self.restart.is_under_way();
            if is_news {
                self.sockets.gather(py);
                self.engine.ask_entry_to_end();
                self.restart.begin();
            } else {
                update.restart = None;
            }
            must_restart |= is_news;
            self.reporter.update(&update);
            if self.choice.ends_with(&update) {
                self.engine.ask_entry_to_end();
                self.has_failed.store(true, Ordering::Release);
                return Ok(true);
            }
            termination::go_on(py)?;
            files = self.watch_what_is_new(py);
        }
        Ok(must_restart)
    }

    /// Reloads `files` while the program has ended or never begun. The entry may run in it.
    pub(crate) fn reload_idle(&self, py: Python<'_>, files: Vec<PathBuf>) -> Update {
        let update = || self.engine.update(py, files.clone());
        self.running.during(files.clone(), update)
    }

    /// Watches what the program has used and nobody watches yet; see [`Watching::add_what_is_new`].
    pub(crate) fn watch_what_is_new(&self, py: Python<'_>) -> Vec<PathBuf> {
        py.detach(|| self.watch_more())
    }

    /// The same on a thread without the interpreter.
    pub(crate) fn watch_more(&self) -> Vec<PathBuf> {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.add_what_is_new(self.engine, &self.reporter)
    }

    /// Says what takes long; whether that may be more to say soon. Needs no interpreter.
    pub(crate) fn says_how_it_goes(&self, is_running: bool) -> bool {
        let restarts = is_running && self.restart.says_if_slow(&self.reporter);
        let runs = self.running.says_if_long(&self.reporter, is_running);
        self.watchdog.says_if_stuck(&self.reporter);
        let keeps = self.sockets.close_if_late();
        restarts || runs || keeps || self.is_busy.load(Ordering::Acquire)
    }
}

/// The program's output leaves its buffers before a line of ours says that it has run. Raises what a
/// signal handler of the program raises meanwhile.
pub(crate) fn flush_output(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        let flushed = sys
            .getattr(stream)
            .and_then(|stream| stream.call_method0("flush"));
        // What a stream raises that the program has closed or replaced, or whose reader has gone.
        let is_streams = |error: &PyErr| {
            error.is_instance_of::<PyOSError>(py)
                || error.is_instance_of::<PyValueError>(py)
                || error.is_instance_of::<PyAttributeError>(py)
                // It was writing when the signal came that this runs in.
                || is_reentrant_write(py, error)
        };
        if let Some(error) = flushed.err().filter(|error| !is_streams(error)) {
            return Err(error);
        }
    }
    Ok(())
}

fn is_reentrant_write(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<pyo3::exceptions::PyRuntimeError>(py)
        && error.value(py).to_string().starts_with("reentrant call")
}
