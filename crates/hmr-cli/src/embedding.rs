//! Saves for programs that embed the engine and have a loop of their own.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use hmr_module_graph::python::{Engine, Entry};
use hmr_watcher::Watcher;
use pyo3::Python;

use crate::{
    choice::Choice, report::Reporter, saves::files_of, settings::Resolved, wake::without_signals,
    watching::Watching,
};

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
