//! One session: run the program, then settle each batch of saves until Ctrl-C.
//!
//! The program and its reloads run on the thread that called, as `signal`, event loops and sqlite
//! want it. A second thread waits for the watcher, without the interpreter, and wakes the first one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use anyhow::{Context as _, Result};
use hmr_module_graph::{
    ModuleName, Update,
    python::{Engine, Roots, forgive},
};
use hmr_watcher::{Batch, Change, Debounce, Filter, Watcher};
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use crate::{
    OK,
    config::Config,
    report::Reporter,
    wake::{self, Sleeper},
};

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// A program under `hmr`.
pub struct Session {
    config: Config,
    engine: &'static Engine,
    reporter: Reporter,
    watcher: Arc<Watcher>,
    watched: BTreeSet<PathBuf>,
}

impl Session {
    /// Starts to watch and installs the engine. Nothing of the program has run yet, so that no save
    /// made while it first runs is lost.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched, or the interpreter is not one that the engine can serve.
    pub fn start(py: Python<'_>, config: Config) -> Result<Self> {
        let roots = Roots::new(py, config.roots.clone())?;
        let engine = Engine::install(py, roots)?;
        let watcher = py.detach(|| watch(&config.folder))?;
        let reporter = Reporter {
            label: config.entry.label(),
            program: config.entry.to_string(),
            folder: std::env::current_dir().unwrap_or_else(|_| config.folder.clone()),
            quiet: config.quiet,
        };
        let watched = BTreeSet::from([config.folder.clone()]);
        Ok(Self {
            config,
            engine,
            reporter,
            watcher: Arc::new(watcher),
            watched,
        })
    }

    /// Runs the program, then reloads until it is interrupted. Returns the exit status.
    ///
    /// # Errors
    ///
    /// If the program does not exist. What it raises is reported, not returned.
    pub fn run(mut self, py: Python<'_>) -> Result<u8> {
        let mut saves = Saves::receive(py, Arc::clone(&self.watcher))?;
        let status = self.run_until_interrupted(py, &mut saves);
        self.watcher.stop();
        saves.join(py);
        status
    }

    fn run_until_interrupted(&mut self, py: Python<'_>, saves: &mut Saves) -> Result<u8> {
        let first = self
            .engine
            .run_entry(py, self.config.entry.clone(), &self.config.arguments)?;
        flush_output(py);
        self.reporter.first_run(&first);
        if was_interrupted(&first) {
            return Ok(INTERRUPTED);
        }
        loop {
            self.watch_new_folders(py);
            let Some(files) = saves.next(py)? else {
                return Ok(OK);
            };
            let update = self.engine.update(py, files);
            flush_output(py);
            self.reporter.update(&update);
        }
    }

    /// Modules may come from folders outside of the entry's own: `sys.path` knows more.
    fn watch_new_folders(&mut self, py: Python<'_>) {
        for folder in self.engine.folders() {
            if !self
                .watched
                .iter()
                .any(|watched| folder.starts_with(watched))
            {
                // A folder that cannot be watched loses its reloads, not the session.
                let _ = py.detach(|| self.watcher.add_path(&folder));
                self.watched.insert(folder);
            }
        }
    }
}

fn watch(folder: &Path) -> Result<Watcher> {
    Watcher::builder()
        .path(folder)
        .filter(Filter::new().include("**/*.py"))
        .debounce(Debounce::default())
        .build()
        .with_context(|| format!("cannot watch {}", folder.display()))
}

fn was_interrupted(update: &Update) -> bool {
    update
        .failures
        .iter()
        .any(|failure| failure.interrupted && failure.module == ModuleName::main())
}

/// The program's output leaves its buffers before a line of ours says that it has run.
fn flush_output(py: Python<'_>) {
    let Ok(sys) = py.import("sys") else { return };
    for stream in ["stdout", "stderr"] {
        // The program may have closed or replaced its streams.
        let flushed = sys
            .getattr(stream)
            .and_then(|stream| stream.call_method0("flush"));
        forgive(py, flushed);
    }
}

/// The saves that the watcher has seen and the program has not.
struct Saves {
    waiting: Arc<Mutex<Vec<PathBuf>>>,
    sleeper: Sleeper,
    thread: JoinHandle<()>,
}

impl Saves {
    fn receive(py: Python<'_>, watcher: Arc<Watcher>) -> Result<Self> {
        let (mut waker, sleeper) = wake::pair(py)?;
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("hmr-watcher".into())
            .spawn(move || {
                while let Some(batch) = watcher.next(None) {
                    sink.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(paths_of(&batch));
                    waker.wake();
                }
            })?;
        Ok(Self {
            waiting,
            sleeper,
            thread,
        })
    }

    /// Waits for the next save; `None` if Ctrl-C came first. Several batches may be waiting by then;
    /// they are one update.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Vec<PathBuf>>> {
        loop {
            let files =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !files.is_empty() {
                return Ok(Some(without_repeats(files)));
            }
            match self.sleeper.sleep(py) {
                Ok(()) => {}
                Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn join(self, py: Python<'_>) {
        let thread = self.thread;
        // A panic of the thread has been printed by itself.
        let joined = py.detach(|| thread.join());
        drop(joined);
    }
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

fn without_repeats(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    files
        .into_iter()
        .filter(|file| seen.insert(file.clone()))
        .collect()
}
