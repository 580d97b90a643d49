//! For programs that embed the engine and have a loop of their own: the saves, and the project's
//! settings.
//!
//! A Rust program builds the engine with [`Engine::builder`], and either pushes the files that were
//! saved by itself ([`Program::update`]) or has them watched for by [`Saves`]. `examples/launcher` is
//! such a program. Whoever wants all that the command does, programs that do not end among it, calls
//! [`hmr_cli::run`](crate::run) instead.

use std::{
    marker::PhantomData,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use hmr_module_graph::python::{Builder, Engine, Entry, Program};
use hmr_watcher::Watcher;
use pyo3::{Python, exceptions::PyKeyboardInterrupt};

use crate::{
    choice::Choice,
    report::Reporter,
    saves::files_of,
    settings::{Resolved, Settings},
    wake::without_signals,
    watching::Watching,
};

/// Ctrl-C ends a wait after this time at most.
const LOOK: Duration = Duration::from_millis(100);

/// Has the engine do what the project's `settings` say. What they say of files, and of what a person is
/// told, is the command's alone.
pub fn with_settings(builder: Builder, settings: Settings) -> Builder {
    builder
        .granularity(settings.granularity)
        .equality(settings.equality)
        .patching(settings.patching)
        .seal(settings.seal)
        .code_readers(settings.code_readers)
}

/// The saves that are news to a [`Program`], whose folders and files are watched from the start of
/// this to its end.
///
/// ```no_run
/// use hmr_cli::embedding::Saves;
/// use hmr_module_graph::python::Engine;
///
/// let program = Engine::builder().file("main.py").python("/usr/bin/python3").start()?;
/// let saves = Saves::of(&program)?;
/// program.run()?;
/// while let Some(files) = saves.wait()? {
///     program.update(files);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Saves<'p> {
    watch: SaveWatch,
    program: PhantomData<&'p Program>,
}

impl<'p> Saves<'p> {
    /// Begins to watch the program's folder. Make it before the program runs: no save is lost then.
    /// What the program turns out to use elsewhere is added whenever it is waited.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched.
    pub fn of(program: &'p Program) -> Result<Self> {
        let (engine, entry) = (program.engine(), program.entry());
        let watch = Python::attach(|py| SaveWatch::start(py, engine, entry))?;
        Ok(Self {
            watch,
            program: PhantomData,
        })
    }

    /// Waits until something was saved that the program uses, and returns the files, for
    /// [`Program::update`]. `None` once a [`Stopper`] has been used, and after Ctrl-C if the interpreter
    /// handles that, which may take a tenth of a second.
    ///
    /// # Errors
    ///
    /// What another signal handler of the program raises meanwhile, in words.
    pub fn wait(&self) -> Result<Option<Vec<PathBuf>>> {
        loop {
            let files = self.next(LOOK);
            if !files.is_empty() {
                return Ok(Some(files));
            }
            if self.watch.watcher.is_stopped() {
                return Ok(None);
            }
            if Python::attach(is_interrupted)? {
                return Ok(None);
            }
        }
    }

    /// As [`wait`](Self::wait), at most for `timeout`, and without a look at signals. Empty if nothing
    /// was saved. Other threads may run Python code meanwhile, also if this one is attached.
    pub fn next(&self, timeout: Duration) -> Vec<PathBuf> {
        let watch = &self.watch;
        Python::attach(|py| py.detach(|| watch.next(timeout)))
    }

    /// What ends the waits from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.watch.watcher.clone())
    }
}

/// Calls the handlers of signals that have come, and says whether one of them was Ctrl-C.
fn is_interrupted(py: Python<'_>) -> Result<bool> {
    match py.check_signals() {
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => Ok(true),
        // In words: the interpreter may be gone when somebody shows it.
        Err(error) => Err(anyhow::anyhow!("a signal handler has raised {error}")),
        Ok(()) => Ok(false),
    }
}

/// Ends each wait of a [`Saves`], now and later.
#[derive(Clone)]
pub struct Stopper(Arc<Watcher>);

impl Stopper {
    /// Does it. Any thread may, with the interpreter or without.
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// Watches what a program uses, for as long as it is not stopped.
pub struct SaveWatch {
    engine: &'static Engine,
    watcher: Arc<Watcher>,
    watching: Mutex<Watching>,
    reporter: Reporter,
}

impl SaveWatch {
    /// Begins with the folder of `entry`. What the program turns out to use is added by
    /// [`SaveWatch::next`].
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched.
    pub fn start(py: Python<'_>, engine: &'static Engine, entry: &Entry) -> Result<Self> {
        let folder = entry.folder()?;
        let folder = folder.canonicalize().unwrap_or(folder);
        let program = entry.to_string();
        let reporter = Reporter::plain(entry, &folder);
        let watching = without_signals(py, || {
            py.detach(|| {
                let choice = Choice::new(&Resolved::default(), &[])?;
                Watching::start(folder, &program, Arc::new(choice))
            })
        })??;
        Ok(Self {
            engine,
            watcher: watching.watcher(),
            watching: Mutex::new(watching),
            reporter,
        })
    }

    /// Waits for the next saves that are news to the program, at most for `timeout`. Needs no
    /// interpreter, and must not hold it.
    pub fn next(&self, timeout: Duration) -> Vec<PathBuf> {
        let mut files = {
            let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
            watching.add_what_is_new(self.engine, &self.reporter)
        };
        let timeout = if files.is_empty() {
            timeout
        } else {
            Duration::ZERO
        };
        if let Some(batch) = self.watcher.next(Some(timeout)) {
            files.extend(files_of(&batch, self.engine));
        }
        self.engine.news(files)
    }

    /// Ends each wait, now and later. Any thread may call it.
    pub fn stop(&self) {
        self.watcher.stop();
    }
}
