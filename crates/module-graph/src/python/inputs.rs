//! What loads read besides modules, and what the program writes itself.
//!
//! Each look at a file, a folder or a path is charged to the load that runs on the thread, with a
//! stamp of what was there. A save is asked about by comparing stamps.
//!
//! What the program writes is its own (`own_files`) and is not watched. Inside of one batch it counts:
//! a load that writes what others have read makes them run again, and one that writes a module's
//! source makes the import that follows get the new one.

use std::{
    hash::BuildHasher as _,
    path::{Path, PathBuf},
};

use hmr_signals::graph::NodeId;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{
    engine::{Engine, State},
    own_files::OwnFiles,
    places::{self, Folders},
    reads,
    stamp::{Budget, FileStamp, Stamp},
};
use crate::{Input, ModuleId};

/// What a load looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Content,
    Listing,
    Presence,
}

/// What is known of the inputs.
#[derive(Default)]
pub(super) struct Inputs {
    stamps: FxHashMap<Input, Stamp>,
    own: OwnFiles,
    folders: Folders,
    budget: Budget,
    /// What is to be watched has changed since it was last asked for.
    is_news: bool,
}

impl Inputs {
    pub(super) fn begin_batch(&mut self) {
        self.folders.clear();
        self.budget = Budget::default();
    }

    /// Whether the program writes `path` itself.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        self.own.contain(path)
    }

    fn is_same(&self, input: &Input, one: &Stamp, two: &Stamp) -> bool {
        one.is_same(two, input.path(), &self.own)
    }

    fn prune(&mut self) {
        let stamps = &self.stamps;
        self.own.prune(|path| {
            stamps.contains_key(&Input::File(path.to_path_buf()))
                || stamps.contains_key(&Input::Existence(path.to_path_buf()))
        });
    }

    /// A file of the program's own is read, and an input like any other from now on. That it is
    /// there is the program's own doing, and no news to whoever asked before.
    fn release(&mut self, path: &Path) {
        if !self.own.release(path) {
            return;
        }
        self.is_news = true;
        let existence = Input::Existence(path.to_path_buf());
        if let Some(stamp) = self.stamps.get_mut(&existence) {
            *stamp = Stamp::take(&existence, None, &mut self.budget);
        }
        let listing = path.parent().map(|folder| Input::Listing(folder.into()));
        if let Some(stamp) = listing.and_then(|listing| self.stamps.get_mut(&listing)) {
            stamp.add(path);
        }
    }
}

impl Engine {
    /// The load of `reader` is about to look at `path`.
    pub(super) fn note_looked(&self, reader: ModuleId, path: &Path, look: Look) {
        let Some(path) = self.place(path) else { return };
        match look {
            Look::Listing => self.read_input(reader, Input::Listing(path)),
            Look::Content => match std::fs::symlink_metadata(&path) {
                // A link counts as well as what it leads to: either may be replaced.
                Ok(data) if data.is_symlink() => {
                    let target = std::fs::canonicalize(&path).ok();
                    let target = target.and_then(|target| self.place(&target));
                    self.read_input(reader, Input::Existence(path));
                    if let Some(target) = target {
                        self.read_input(reader, Input::File(target));
                    }
                }
                Ok(data) if data.is_dir() => self.note_presence(reader, path),
                // CPython opens it for the text of a `SyntaxError`; it is what runs anyway.
                _ if self.state().graph.path(reader) == Some(&*path) => {}
                _ => self.read_input(reader, Input::File(path)),
            },
            Look::Presence => self.note_presence(reader, path),
        }
    }

    fn note_presence(&self, reader: ModuleId, path: PathBuf) {
        // The folders around the project are there as long as it is.
        let roots = self.roots().folders();
        if !roots.iter().any(|root| root.starts_with(&path)) {
            self.read_input(reader, Input::Existence(path));
        }
    }

    /// The path in the spelling in which a save is told, if it can be an input.
    fn place(&self, path: &Path) -> Option<PathBuf> {
        let (folder, name) = places::split(path)?;
        let known = self.state().inputs.folders.get(&folder).cloned();
        let real = if let Some(real) = known {
            real
        } else {
            let real = places::look_up(self.roots(), &folder);
            let mut state = self.state();
            state.inputs.folders.insert(folder, real.clone());
            real
        };
        if name == "__pycache__" {
            return None;
        }
        Some(real?.join(name))
    }

    fn read_input(&self, reader: ModuleId, input: Input) {
        reads::note_input(hash_of(&input));
        let (known, mut budget) = {
            let mut state = self.state();
            let known = state.inputs.stamps.get(&input).cloned();
            (known, std::mem::take(&mut state.inputs.budget))
        };
        let stamp = Stamp::take(&input, known.as_ref(), &mut budget);
        let mut state = self.state();
        state.inputs.budget = budget;
        if let Input::File(path) = &input {
            state.inputs.release(path);
        }
        let is_changed = known.is_some_and(|known| !state.inputs.is_same(&input, &known, &stamp));
        if is_changed && !state.inputs.is_own(input.path()) {
            // Somebody has read what it was before.
            state.graph.input_changed(&input, Some(reader));
        }
        let was_known = state.graph.has_input(&input);
        state.graph.read_input(reader, &input);
        if state.graph.has_input(&input) {
            state.inputs.is_news |= !was_known;
            state.inputs.stamps.insert(input, stamp);
        }
    }

    /// The program is about to write, make, move or remove what is at `path`; `for_ever` if it may
    /// do so again unseen.
    pub(super) fn note_written(&self, path: &Path, for_ever: bool) {
        let Some(path) = self.place(path) else { return };
        let writer = reads::current();
        let mut state = self.state();
        let concerned = concerned_by(&state, &path);
        if state.inputs.own.insert(path.clone(), for_ever) {
            state.inputs.is_news |= !concerned.is_empty();
        }
        let Some(writer) = writer else { return };
        for input in concerned {
            if !state.graph.has_read_input_since(writer, &input) {
                state.graph.input_written(&input);
            }
        }
        for module in state.graph.at_path(&path).to_vec() {
            // A module that has been read since the writer began is in use as it was, as it would
            // be in a fresh start.
            if module != writer && !state.graph.has_read_since(writer, module) {
                state.file_written(module);
            }
        }
    }

    /// Marks the readers of what a save of `file` may have changed; without any, the entry, if the file
    /// is one of those that it is to run for.
    pub(super) fn mark_inputs(&self, file: &Path) {
        let mut state = self.state();
        let concerned = concerned_by(&state, file);
        let is_known = !concerned.is_empty()
            || state.inputs.is_own(file)
            || !state.graph.at_path(file).is_empty();
        if !is_known && !is_python(file) && self.is_included(file) {
            state.mark_included(file.to_path_buf());
        }
        for input in concerned {
            if !state.inputs.is_own(input.path()) {
                state.graph.input_written(&input);
            }
        }
    }

    /// Whether somebody has read what is in `file`, or executed it.
    pub(super) fn is_read_as_data(&self, file: &Path) -> bool {
        let state = self.state();
        state.graph.has_input(&Input::File(file.to_path_buf()))
    }

    /// Whether the input of this node has really changed since it was read.
    pub(super) fn has_input_changed(&self, node: NodeId) -> bool {
        let (input, known, mut budget) = {
            let mut state = self.state();
            let Some(input) = state.graph.input(node).cloned() else {
                return true;
            };
            let known = state.inputs.stamps.get(&input).cloned();
            (input, known, std::mem::take(&mut state.inputs.budget))
        };
        let stamp = Stamp::take(&input, known.as_ref(), &mut budget);
        let mut state = self.state();
        state.inputs.budget = budget;
        let is_same = known.is_some_and(|known| state.inputs.is_same(&input, &known, &stamp));
        if !is_same {
            state.graph.note_changed_input(node);
        }
        state.inputs.stamps.insert(input, stamp);
        !is_same
    }

    /// Those of a batch's files that hold something else than before, for a module or as data.
    pub(super) fn changed_files(&self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        let state = self.state();
        // One that is only data has been compared with what was read.
        let is_module =
            |file: &PathBuf| is_python(file) && !state.graph.has_input(&Input::File(file.clone()));
        let is_changed = |file: &PathBuf| {
            let concerned = concerned_by(&state, file);
            concerned
                .iter()
                .any(|input| state.graph.has_input_changed(input))
                || (is_module(file) || !state.graph.at_path(file).is_empty())
                    && !state.rewritten.contains(file)
                || state.included.contains(file)
        };
        files.into_iter().filter(is_changed).collect()
    }

    /// After a batch: forgets what nobody reads any more, and takes modules that the program wrote
    /// as they are now, so that the watcher's word of them is no news.
    pub(super) fn end_batch(&self) {
        let written: Vec<_> = {
            let mut state = self.state();
            for input in state.graph.forget_unread_inputs() {
                state.inputs.stamps.remove(&input);
                state.inputs.is_news = true;
            }
            state.inputs.prune();
            let own = state.inputs.own.iter();
            own.flat_map(|path| state.graph.at_path(path))
                .copied()
                .collect()
        };
        for module in written {
            self.stamp_source_by_content(module);
        }
    }

    /// Remembers what the module's file looks like, just before it is read.
    pub(super) fn stamp_source(&self, module: ModuleId) {
        let path = self.state().graph.path(module).map(Path::to_path_buf);
        let stamp = path.map(|path| FileStamp::look(&path));
        self.state().slots[module.index()].source = stamp;
    }

    fn stamp_source_by_content(&self, module: ModuleId) {
        let path = self.state().graph.path(module).map(Path::to_path_buf);
        let stamp = path.map(|path| FileStamp::take(&path, &mut Budget::default()));
        self.state().slots[module.index()].source = stamp;
    }

    /// What a watcher has to look at for the inputs' sake, sorted, if there are others
    /// than at the last call.
    pub fn inputs_to_watch(&self) -> Option<Vec<Input>> {
        let mut state = self.state();
        let is_news = std::mem::take(&mut state.inputs.is_news);
        drop(state);
        is_news.then(|| self.inputs())
    }

    /// What the program has read besides modules, sorted, without what it writes itself.
    pub fn inputs(&self) -> Vec<Input> {
        let state = self.state();
        let is_own = |input: &&Input| state.inputs.is_own(input.path());
        let inputs = state.graph.inputs().into_iter();
        inputs.filter(|input| !is_own(input)).cloned().collect()
    }

    /// Those of `files` that may be news to the program: not what nobody has read, nor what the
    /// program wrote itself, nor what looks as it did when it was read.
    pub fn news(&self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        let (maybe, rest): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| is_python(file) || self.is_source(file));
        let changed = maybe.into_iter().filter(|file| self.is_source_news(file));
        let state = self.state();
        let is_read = |file: &PathBuf| {
            let mut concerned = concerned_by(&state, file).into_iter();
            concerned.any(|input| !state.inputs.is_own(input.path()))
                || !state.inputs.is_own(file) && self.is_included(file)
        };
        let rest = rest.into_iter().filter(is_read).collect::<Vec<_>>();
        drop(state);
        changed.chain(rest).collect()
    }

    fn is_source(&self, file: &Path) -> bool {
        !self.state().graph.at_path(file).is_empty()
    }

    fn is_source_news(&self, file: &Path) -> bool {
        let state = self.state();
        let concerned = concerned_by(&state, file);
        let is_read = concerned
            .iter()
            .any(|input| !state.inputs.is_own(input.path()));
        let known: Vec<_> = state
            .graph
            .at_path(file)
            .iter()
            .map(|module| state.slots[module.index()].source)
            .collect();
        drop(state);
        is_read || known.is_empty() || !known.iter().all(|stamp| is_as_read(stamp.as_ref(), file))
    }

    /// Those of the modules' sources below `folder` that do not look as they did when they were
    /// read: what was saved there before anybody watched it.
    pub fn unseen_sources(&self, folder: &Path) -> Vec<PathBuf> {
        let sources: Vec<_> = {
            let state = self.state();
            let modules = state.graph.modules();
            modules
                .filter_map(|id| Some((state.graph.path(id)?, state.slots[id.index()].source?)))
                .filter(|(path, _)| path.starts_with(folder))
                .map(|(path, stamp)| (path.to_path_buf(), stamp))
                .collect()
        };
        let changed = sources
            .into_iter()
            .filter(|(path, stamp)| !stamp.is_surely(&FileStamp::look(path)));
        changed.map(|(path, _)| path).collect()
    }

    /// The paths at which one of `inputs` is not what it was when it was read.
    pub fn unseen_changes(&self, inputs: &[Input]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for input in inputs {
            let Some(stamp) = self.state().inputs.stamps.get(input).cloned() else {
                continue;
            };
            let now = Stamp::take(input, Some(&stamp), &mut Budget::default());
            if !self.state().inputs.is_same(input, &stamp, &now) {
                found.extend(stamp.difference(&now, input.path()));
            }
        }
        found
    }
}

/// The inputs that change when something happens at `path`: those at the path itself, the listing
/// of the folder that it is in, and the same of the folders around, which may have come or gone
/// with it.
fn concerned_by(state: &State, path: &Path) -> Vec<Input> {
    let mut found = vec![Input::File(path.to_path_buf())];
    for ancestor in path.ancestors() {
        found.push(Input::Existence(ancestor.to_path_buf()));
        found.push(Input::Listing(ancestor.to_path_buf()));
    }
    found.retain(|input| state.graph.has_input(input));
    found
}

/// Whether the module's file is surely the one that was read, or that the program has written.
fn is_as_read(stamp: Option<&FileStamp>, file: &Path) -> bool {
    let now = FileStamp::look(file);
    stamp.is_some_and(|stamp| stamp.is_surely(&now) || stamp.has_content_of(file))
}

/// Whether the file could be a module that somebody waits for.
fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "py")
}

/// What stands for the input among the reads of the entry.
pub(super) fn hash_of(input: &Input) -> usize {
    let hash = FxBuildHasher.hash_one(input);
    usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}
