//! A program under the engine, for whoever embeds it: run once, then reloaded batch by batch.
//!
//! Kept true: a program stays on the thread that started it, as `signal`, event loops and sqlite want
//! it. The type says so: it cannot be sent to another one.

use std::{cell::Cell, ffi::OsString, fmt, marker::PhantomData, path::PathBuf};

use super::{
    embed,
    engine::Engine,
    entry::{Entry, EntryError},
};
use crate::Update;

/// Who is told of what happens.
pub(super) type Sink = Box<dyn Fn(&Event<'_>)>;

/// What happens to a [`Program`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Its first run has come to its end, or has failed: see [`Update::failures`] and [`Update::exit`].
    Ran(&'a Update),
    /// These files were saved, and what they reach is about to run again.
    Reloading(&'a [PathBuf]),
    /// That has been done. Broken code of the user is part of it.
    Reloaded(&'a Update),
}

/// A Python program in this process; made by [`Builder::start`](super::Builder::start).
///
/// It has to end its first run: while that goes on, nobody can call [`Program::update`]. A server that
/// never ends is a matter for the whole command, which is a library too (`hmr_cli::run`).
///
/// When it is dropped, the dispose hooks of its modules are called, and the interpreter ends if the
/// builder has started it: `atexit` handlers run. The engine stays: a process has one program.
///
/// # Threads
///
/// All methods belong to the thread that started the program. They attach to the interpreter
/// themselves, and may be called by a thread that is attached. Between the calls other threads may run
/// Python code, if this one is not attached.
///
/// ```compile_fail
/// fn elsewhere(program: hmr_module_graph::python::Program) {
///     std::thread::spawn(move || program.update(["config.py"]));
/// }
/// ```
pub struct Program {
    engine: &'static Engine,
    entry: Entry,
    arguments: Vec<OsString>,
    sink: Option<Sink>,
    owns_interpreter: bool,
    has_run: Cell<bool>,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Program {
    pub(super) fn new(
        engine: &'static Engine,
        entry: Entry,
        arguments: Vec<OsString>,
        sink: Option<Sink>,
        owns_interpreter: bool,
    ) -> Self {
        Self {
            engine,
            entry,
            arguments,
            sink,
            owns_interpreter,
            has_run: Cell::new(false),
            stays_on_its_thread: PhantomData,
        }
    }

    /// Runs the program for the first time, to the end of its last statement. What it raises is part of
    /// the answer, and the next update tries it again.
    ///
    /// # Errors
    ///
    /// [`EntryError::NoSuchModule`] if the module that was named does not exist,
    /// [`EntryError::AlreadyRunning`] at the second call, and [`EntryError::Interpreter`] if
    /// `sys` is not what it should be.
    pub fn run(&self) -> Result<Update, EntryError> {
        if self.has_run.replace(true) {
            return Err(EntryError::AlreadyRunning);
        }
        let (entry, arguments) = (self.entry.clone(), &self.arguments);
        let update = embed::attached(|py| self.engine.run_entry(py, entry, arguments))?;
        self.tell(&Event::Ran(&update));
        Ok(update)
    }

    /// Reruns what a save of `files` reaches, and says what that was. Paths may be relative to the
    /// working directory; files that the program does not use reach nothing.
    ///
    /// Broken code of the user is part of the answer: the module keeps its last good state and is tried
    /// again by the next update. Before the first run nothing is known, so nothing runs.
    pub fn update(&self, files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Update {
        let files: Vec<PathBuf> = files.into_iter().map(Into::into).collect();
        self.tell(&Event::Reloading(&files));
        let update = embed::attached(|py| self.engine.update(py, files));
        self.tell(&Event::Reloaded(&update));
        update
    }

    /// What was started.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The engine that serves it, for what a program does not need every day:
    /// [`with_graph`](Engine::with_graph), [`pending`](Engine::pending), [`folders`](Engine::folders).
    pub fn engine(&self) -> &'static Engine {
        self.engine
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(sink) = &self.sink {
            sink(event);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        embed::attached(|py| self.engine.dispose_all(py));
        // Whoever is attached goes on to use it.
        if self.owns_interpreter && !embed::is_attached() {
            embed::finalize();
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("entry", &self.entry)
            .field("arguments", &self.arguments)
            .field("has_run", &self.has_run)
            .finish_non_exhaustive()
    }
}
