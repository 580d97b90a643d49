//! What the watcher looks at: the project's folder, and whatever else the program turns out to use.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use hmr_module_graph::{Input, python::Engine};
use hmr_watcher::{Points, Watcher};

use crate::{choice::Choice, report::Reporter};

/// As long as it may take to write a file, once it has been begun.
const SAVE: Duration = Duration::from_millis(10);

/// The watcher of one session and what it has been told to look at.
pub(crate) struct Watching {
    watcher: Arc<Watcher>,
    choice: Arc<Choice>,
    folders: BTreeSet<PathBuf>,
    /// What loads have read.
    inputs: BTreeSet<Input>,
}

impl Watching {
    /// Begins with the program's own folder.
    pub(crate) fn start(folder: PathBuf, entry: &str, choice: Arc<Choice>) -> Result<Self> {
        Ok(Self {
            watcher: Arc::new(choice.watch(&folder, entry)?),
            choice,
            folders: BTreeSet::from([folder]),
            inputs: BTreeSet::new(),
        })
    }

    pub(crate) fn watcher(&self) -> Arc<Watcher> {
        Arc::clone(&self.watcher)
    }

    /// Watches what the program has used and nobody watches yet. Returns what was saved there since
    /// it was read: the watcher has not seen that. Needs no interpreter, and must not hold it.
    pub(crate) fn add_what_is_new(
        &mut self,
        engine: &'static Engine,
        reporter: &Reporter,
    ) -> Vec<PathBuf> {
        let mut unseen = self.add_folders(engine, reporter);
        unseen.extend(self.add_inputs(engine, reporter));
        if !unseen.is_empty() {
            // No watcher has waited for the end of these saves.
            std::thread::sleep(SAVE);
        }
        unseen.retain(|file| !self.choice.excludes(file));
        without_repeats(unseen)
    }

    /// Modules may come from folders outside of the entry's own: `sys.path` knows more.
    fn add_folders(&mut self, engine: &'static Engine, reporter: &Reporter) -> Vec<PathBuf> {
        let mut unseen = Vec::new();
        for folder in engine.folders() {
            if self.folders.iter().any(|known| folder.starts_with(known)) {
                continue;
            }
            match self.watcher.add_path(&folder) {
                Ok(()) => unseen.extend(engine.unseen_sources(&folder)),
                Err(error) => {
                    reporter.warning(&format!("cannot watch {}: {error}", folder.display()));
                }
            }
            self.folders.insert(folder);
        }
        unseen
    }

    /// Data files, listed folders and probed paths may be anywhere, and have any name.
    fn add_inputs(&mut self, engine: &'static Engine, reporter: &Reporter) -> Vec<PathBuf> {
        let Some(inputs) = engine.inputs_to_watch() else {
            return Vec::new();
        };
        let inputs = inputs.into_iter();
        let inputs = inputs.filter(|input| !self.choice.excludes(input.path()));
        let inputs: Vec<_> = inputs.collect();
        let new: Vec<_> = inputs
            .iter()
            .filter(|input| !self.inputs.contains(input))
            .cloned()
            .collect();
        self.inputs = inputs.into_iter().collect();
        if let Err(error) = self.watcher.set_points(points_of(&self.inputs)) {
            reporter.warning(&format!("cannot watch data files: {error}"));
        }
        engine.unseen_changes(&new)
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

/// The same files, each once.
pub(crate) fn without_repeats(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    files
        .into_iter()
        .filter(|file| seen.insert(file.clone()))
        .collect()
}
