//! The saves that the watcher has seen and the program has not, and the thread that brings them.
//!
//! The thread waits without the interpreter. When `hmr` waits too, a byte in a pipe wakes it; when
//! the program runs, a signal interrupts it ([`interrupt`](crate::interrupt)), and again until the
//! saves are taken: the program may be in the middle of an import, or have lost the first one.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use hmr_module_graph::python::Engine;
use hmr_watcher::{Batch, Change, Watcher};
use pyo3::prelude::*;

#[cfg(unix)]
use crate::terminal::KEYBOARD;
use crate::{
    ctrl_c,
    interrupt::Interrupt,
    keys::{Key, Keyboard},
    reload::Reloads,
    wake::{self, Sleeper, Waker},
    watching::without_repeats,
};

/// The first reminder comes after this time, each further one after twice as long, up to the second.
const REMINDER: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(500);

/// A queue of saves.
#[derive(Debug, Default)]
pub(crate) struct Saves {
    waiting: Mutex<Vec<PathBuf>>,
    has_ended: AtomicBool,
    /// The main thread waits for a save. It stops doing so before it takes one.
    is_idle: AtomicBool,
}

impl Saves {
    /// All that have come in. Several batches may be waiting; they are one update.
    pub(crate) fn take(&self) -> Vec<PathBuf> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        without_repeats(std::mem::take(&mut *waiting))
    }

    fn add(&self, files: Vec<PathBuf>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(files);
    }

    fn are_waiting(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        !waiting.is_empty()
    }
}

/// The thread that fills the queue, and the main thread's way to wait for it.
pub(crate) struct Receiver {
    reloads: Arc<Reloads>,
    watcher: Arc<Watcher>,
    sleeper: Sleeper,
    keyboard: Keyboard,
    thread: JoinHandle<()>,
}

/// What has come while `hmr` waited.
#[derive(Debug)]
pub(crate) enum News {
    Saves(Vec<PathBuf>),
    Key(Key),
}

impl Receiver {
    pub(crate) fn start(
        py: Python<'_>,
        reloads: Arc<Reloads>,
        interrupt: Interrupt,
    ) -> PyResult<Self> {
        let (waker, sleeper) = wake::pair(py)?;
        let watcher = reloads.watcher();
        let keyboard = Keyboard::new(reloads.choice.takes_keys());
        let thread = std::thread::Builder::new().name("hmr-watcher".into());
        let (its_watcher, its_reloads) = (Arc::clone(&watcher), Arc::clone(&reloads));
        let thread = wake::without_signals(py, || {
            thread.spawn(move || receive(&its_watcher, &its_reloads, waker, &interrupt))
        })??;
        Ok(Self {
            reloads,
            watcher,
            sleeper,
            keyboard,
            thread,
        })
    }

    /// Waits for the next save or key. Raises what a signal handler of the program raises; python's own, for
    /// Ctrl-C, `KeyboardInterrupt`.
    pub(crate) fn next(&mut self, py: Python<'_>) -> PyResult<News> {
        loop {
            let files = self.reloads.saves.take();
            if !files.is_empty() {
                return Ok(News::Saves(files));
            }
            if let Some(key) = self.keyboard.next() {
                return Ok(News::Key(key));
            }
            self.wait(py)?;
        }
    }

    #[cfg(unix)]
    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        let (wake, reporter) = (self.sleeper.for_signals(), &self.reloads.reporter);
        let mut open = self.keyboard.open(py, wake, reporter);
        let is_idle = &self.reloads.saves.is_idle;
        is_idle.store(true, Ordering::Release);
        let slept = self.sleeper.sleep(py, open.as_ref().map(|_| KEYBOARD));
        is_idle.store(false, Ordering::Release);
        if let Some(open) = &mut open {
            open.read();
        }
        slept
    }

    #[cfg(not(unix))]
    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        let is_idle = &self.reloads.saves.is_idle;
        is_idle.store(true, Ordering::Release);
        let slept = self.sleeper.sleep(py, None);
        is_idle.store(false, Ordering::Release);
        slept
    }

    /// Ends the watcher and the thread.
    pub(crate) fn stop(self, py: Python<'_>) {
        self.reloads.saves.has_ended.store(true, Ordering::Release);
        self.watcher.stop();
        let thread = self.thread;
        // A panic of the thread has been printed by itself.
        let joined = py.detach(|| thread.join());
        drop(joined);
    }
}

/// What the thread does until the watcher is stopped.
fn receive(watcher: &Watcher, reloads: &Reloads, mut waker: Waker, interrupt: &Interrupt) {
    // `None`: there is nothing to come back for.
    let mut pause = Some(REMINDER);
    loop {
        let batch = watcher.next(pause);
        if reloads.saves.has_ended.load(Ordering::Acquire) || (batch.is_none() && pause.is_none()) {
            return;
        }
        if let Some(batch) = batch {
            let mut files = files_of(&batch, reloads.engine);
            files.retain(|file| !reloads.choice.excludes(file));
            reloads.saves.add(files);
            waker.wake();
            pause = None;
        }
        let is_running = reloads.engine.is_entry_running();
        if is_running {
            ctrl_c::watch();
        }
        // Cached functions are called by threads and handlers, at any time.
        let may_read = !is_running && reloads.engine.has_cached_functions();
        if may_read || is_running && reloads.running.is_long() {
            // Nobody else looks after what a program has begun to use that does not end.
            reloads.saves.add(reloads.watch_more());
            if reloads.saves.are_waiting() {
                if is_running {
                    interrupt.send();
                }
                // The program may have ended since.
                waker.wake();
            }
        }
        let is_expected = reloads.says_how_it_goes(is_running);
        // Whoever is not idle may be about to run the entry.
        let is_idle = reloads.saves.is_idle.load(Ordering::Acquire);
        pause = (!is_idle || may_read || is_expected || reloads.saves.are_waiting())
            .then(|| pause.map_or(REMINDER, |last: Duration| LONGEST.min(last * 2)));
    }
}

/// The files that a batch is about.
pub(crate) fn files_of(batch: &Batch, engine: &Engine) -> Vec<PathBuf> {
    let mut files = paths_of(batch);
    if batch.rescanned() {
        // Folders that came and went meanwhile are in no watcher's table.
        files.extend(engine.unseen_changes(&engine.inputs()));
    }
    files
}

fn paths_of(batch: &Batch) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for change in batch.changes() {
        match change {
            Change::Renamed { from, to } => paths.extend([from.clone(), to.clone()]),
            Change::Added(path) | Change::Modified(path) | Change::Removed(path) => {
                paths.push(path.clone());
            }
            _ => {}
        }
    }
    paths
}
