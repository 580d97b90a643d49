//! One session: run the program, then settle each batch of saves until Ctrl-C.
//!
//! The program and its reloads run on the thread that called, as `signal`, event loops and sqlite
//! want it. A second thread waits for the watcher, without the interpreter, and wakes the first one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result};
use hmr_module_graph::{
    Input, ModuleName, Update,
    plan::Rules,
    python::{Engine, Roots},
};
use hmr_watcher::{Batch, Change, Debounce, Filter, Points, Watcher};
use pyo3::{
    exceptions::{PyAttributeError, PyOSError, PyValueError},
    prelude::*,
};

use crate::{
    config::Config,
    report::{self, Reporter},
    wake::{self, Sleeper},
};

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// As long as it may take to write a file, once it has been begun.
const SAVE: Duration = Duration::from_millis(10);

/// A program under `hmr`.
pub struct Session {
    config: Config,
    engine: &'static Engine,
    reporter: Reporter,
    watcher: Arc<Watcher>,
    watched: BTreeSet<PathBuf>,
    /// What the watcher looks at besides: what loads have read.
    inputs: BTreeSet<Input>,
    /// Not that of a child that the program forks: it is the program's own, and must end.
    process: u32,
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
        engine.set_granularity(config.granularity);
        let code_readers = config.settings.code_readers.iter().cloned();
        engine.set_rules(Rules::default().with_code_readers(code_readers));
        let folder = config
            .folder
            .canonicalize()
            .unwrap_or_else(|_| config.folder.clone());
        let entry = config.entry.to_string();
        let watcher = without_signals(py, || py.detach(|| watch(&folder, &entry)))??;
        let reporter = Reporter {
            label: config.entry.label(),
            program: config.entry.to_string(),
            folder: std::env::current_dir().unwrap_or_else(|_| config.folder.clone()),
            quiet: config.quiet,
            timings: config.timings,
        };
        let watched = BTreeSet::from([folder]);
        Ok(Self {
            process: std::process::id(),
            config,
            engine,
            reporter,
            watcher: Arc::new(watcher),
            watched,
            inputs: BTreeSet::new(),
        })
    }

    /// Runs the program, then reloads until it is interrupted. Returns the exit status.
    ///
    /// # Errors
    ///
    /// If the program does not exist. What it raises is reported, not returned.
    pub fn run(mut self, py: Python<'_>) -> Result<u8> {
        let mut saves = Saves::receive(py, self.engine, Arc::clone(&self.watcher))?;
        let status = self.run_until_interrupted(py, &mut saves);
        if self.is_child() {
            // The watcher's threads are the parent's.
            std::mem::forget((self, saves));
            return status;
        }
        self.watcher.stop();
        saves.join(py);
        status
    }

    fn run_until_interrupted(&mut self, py: Python<'_>, saves: &mut Saves) -> Result<u8> {
        let first = self
            .engine
            .run_entry(py, self.config.entry.clone(), &self.config.arguments)?;
        if let Some(error) = flush_output(py) {
            return Ok(report::end(py, &error));
        }
        if self.is_child() {
            return Ok(report::end_of_child(&first));
        }
        self.reporter.first_run(&first);
        if was_interrupted(&first) {
            return Ok(INTERRUPTED);
        }
        let mut late = self.watch_what_is_new(py);
        loop {
            let files = if late.is_empty() {
                match saves.next(py) {
                    Ok(files) => self.engine.news(files),
                    Err(error) => return Ok(report::end(py, &error)),
                }
            } else {
                std::mem::take(&mut late)
            };
            if files.is_empty() {
                continue;
            }
            let update = self.engine.update(py, files);
            if let Some(error) = flush_output(py) {
                return Ok(report::end(py, &error));
            }
            if self.is_child() {
                return Ok(report::end_of_child(&update));
            }
            self.reporter.update(&update);
            late = self.watch_what_is_new(py);
        }
    }

    /// Whether this is a child process that the program has forked and that has come to its end: it
    /// is the program's own, and must not go on as a second `hmr`.
    fn is_child(&self) -> bool {
        std::process::id() != self.process
    }

    /// Watches what the program has used and nobody watches yet. Returns what was saved there since
    /// it was read: the watcher has not seen that.
    fn watch_what_is_new(&mut self, py: Python<'_>) -> Vec<PathBuf> {
        let mut unseen = self.watch_new_folders(py);
        unseen.extend(self.watch_new_inputs(py));
        if !unseen.is_empty() {
            // No watcher has waited for the end of these saves.
            py.detach(|| std::thread::sleep(SAVE));
        }
        without_repeats(unseen)
    }

    /// Modules may come from folders outside of the entry's own: `sys.path` knows more.
    fn watch_new_folders(&mut self, py: Python<'_>) -> Vec<PathBuf> {
        let mut unseen = Vec::new();
        for folder in self.engine.folders() {
            if self
                .watched
                .iter()
                .any(|watched| folder.starts_with(watched))
            {
                continue;
            }
            match py.detach(|| self.watcher.add_path(&folder)) {
                Ok(()) => unseen.extend(self.engine.unseen_sources(&folder)),
                Err(error) => self
                    .reporter
                    .warning(&format!("cannot watch {}: {error}", folder.display())),
            }
            self.watched.insert(folder);
        }
        unseen
    }

    /// Data files, listed folders and probed paths may be anywhere, and have any name.
    fn watch_new_inputs(&mut self, py: Python<'_>) -> Vec<PathBuf> {
        let Some(inputs) = self.engine.inputs_to_watch() else {
            return Vec::new();
        };
        let new: Vec<_> = inputs
            .iter()
            .filter(|input| !self.inputs.contains(input))
            .cloned()
            .collect();
        self.inputs = inputs.into_iter().collect();
        let watched = py.detach(|| self.watcher.set_points(points_of(&self.inputs)));
        if let Err(error) = watched {
            self.reporter
                .warning(&format!("cannot watch data files: {error}"));
        }
        py.detach(|| self.engine.unseen_changes(&new))
    }
}

fn points_of(inputs: &BTreeSet<Input>) -> Points {
    let mut points = Points::default();
    for input in inputs {
        match input {
            Input::Listing(folder) => points.folders.insert(folder.clone()),
            Input::File(path) | Input::Existence(path) => points.names.insert(path.clone()),
        };
    }
    points
}

/// The entry counts whatever its name is: scripts often have no ending.
fn watch(folder: &Path, entry: &str) -> Result<Watcher> {
    let filter = Filter::new().include("**/*.py").include(escape_glob(entry));
    Watcher::builder()
        .path(folder)
        .filter(filter)
        .debounce(Debounce::default())
        .build()
        .with_context(|| format!("cannot watch {}", folder.display()))
}

fn escape_glob(name: &str) -> String {
    let mut glob = String::new();
    for letter in name.chars() {
        if "*?[]{}!\\".contains(letter) {
            glob.push('\\');
        }
        glob.push(letter);
    }
    glob
}

fn was_interrupted(update: &Update) -> bool {
    update
        .failures
        .iter()
        .any(|failure| failure.interrupted && failure.module == ModuleName::main())
}

/// The program's output leaves its buffers before a line of ours says that it has run. Returns what
/// a signal handler of the program raised meanwhile.
fn flush_output(py: Python<'_>) -> Option<PyErr> {
    let sys = py.import("sys").ok()?;
    for stream in ["stdout", "stderr"] {
        let flushed = sys
            .getattr(stream)
            .and_then(|stream| stream.call_method0("flush"));
        // What a stream raises that the program has closed or replaced, or whose reader has gone.
        let is_streams = |error: &PyErr| {
            error.is_instance_of::<PyOSError>(py)
                || error.is_instance_of::<PyValueError>(py)
                || error.is_instance_of::<PyAttributeError>(py)
        };
        if let Some(error) = flushed.err().filter(|error| !is_streams(error)) {
            return Some(error);
        }
    }
    None
}

/// Runs `body` with signals kept from this thread, and so from all threads that `body` starts: they
/// must reach the main thread, where they interrupt what the program is waiting in.
fn without_signals<R>(py: Python<'_>, body: impl FnOnce() -> R) -> PyResult<R> {
    if !cfg!(unix) {
        return Ok(body());
    }
    let signal = py.import("_signal")?;
    let set_mask = |how: &str, signals| {
        signal.call_method1("pthread_sigmask", (signal.getattr(how)?, signals))
    };
    let before = set_mask("SIG_BLOCK", signal.call_method0("valid_signals")?)?;
    let result = body();
    set_mask("SIG_SETMASK", before)?;
    Ok(result)
}

/// The saves that the watcher has seen and the program has not.
struct Saves {
    waiting: Arc<Mutex<Vec<PathBuf>>>,
    sleeper: Sleeper,
    thread: JoinHandle<()>,
}

impl Saves {
    fn receive(py: Python<'_>, engine: &'static Engine, watcher: Arc<Watcher>) -> Result<Self> {
        let (mut waker, sleeper) = wake::pair(py)?;
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("hmr-watcher".into());
        let thread = without_signals(py, || {
            thread.spawn(move || {
                while let Some(batch) = watcher.next(None) {
                    let mut files = paths_of(&batch);
                    if batch.rescanned() {
                        // Folders that came and went meanwhile are in no watcher's table.
                        files.extend(engine.unseen_changes(&engine.inputs()));
                    }
                    sink.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(files);
                    waker.wake();
                }
            })
        })??;
        Ok(Self {
            waiting,
            sleeper,
            thread,
        })
    }

    /// Waits for the next save. Several batches may be waiting by then; they are one update. Raises
    /// what a signal handler of the program raises; python's own, for Ctrl-C, `KeyboardInterrupt`.
    fn next(&mut self, py: Python<'_>) -> PyResult<Vec<PathBuf>> {
        loop {
            let files =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !files.is_empty() {
                return Ok(without_repeats(files));
            }
            self.sleeper.sleep(py)?;
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
