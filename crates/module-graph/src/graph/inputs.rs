//! What loads read besides modules: files, listings of folders, and whether something is there.
//!
//! An input is a source of the graph core that belongs to no module. What it holds is the host's
//! business: the graph knows who read it, and marks those when the host says that it was written.
//!
//! Kept true: an input has a node from its first reader on, until
//! [`ModuleGraph::forget_unread_inputs`] finds that its last one has gone.

use std::path::{Path, PathBuf};

use hmr_signals::graph::{NodeId, State};
use rustc_hash::FxHashMap;

use super::{ModuleGraph, ModuleId};

/// Something outside of the modules that a load depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// What a file holds.
    File(PathBuf),
    /// Which names there are in a folder.
    Listing(PathBuf),
    /// Whether there is something at a path, and what kind of thing.
    Existence(PathBuf),
}

impl Input {
    /// The path that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Listing(path) | Self::Existence(path) => path,
        }
    }
}

/// The inputs of a graph and their nodes.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    nodes: FxHashMap<Input, NodeId>,
    by_node: FxHashMap<NodeId, Input>,
}

impl ModuleGraph {
    /// Records that the running load of `reader` read `input`. Does nothing if that load does not
    /// run, and nothing is [recorded](ModuleGraph::record).
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::{Input, ModuleGraph, ModuleName};
    ///
    /// let mut graph = ModuleGraph::default();
    /// let config = graph.add_module(ModuleName::new("config")?, Some("config.py".into()));
    /// let file = Input::File("config.json".into());
    /// graph.start(config);
    /// graph.read_input(config, &file);
    /// graph.finish(config);
    /// assert_eq!(graph.input_readers(&file), [config]);
    /// # Ok::<(), hmr_module_graph::InvalidModuleName>(())
    /// ```
    pub fn read_input(&mut self, reader: ModuleId, input: &Input) {
        if self.state(reader) != State::Running && !self.is_recorded(reader) {
            return;
        }
        let node = match self.inputs.nodes.get(input) {
            Some(&node) => node,
            None => self.add_input(input),
        };
        self.note_read(reader, node);
    }

    fn add_input(&mut self, input: &Input) -> NodeId {
        let node = self.core.add_source();
        self.inputs.nodes.insert(input.clone(), node);
        self.inputs.by_node.insert(node, input.clone());
        node
    }

    /// Marks what depends on `input`, which may have changed. The host of the core is asked
    /// ([`Host::commit`](hmr_signals::graph::Host::commit)) whether it did. Returns whether anybody
    /// reads it.
    pub fn input_written(&mut self, input: &Input) -> bool {
        let Some(&node) = self.inputs.nodes.get(input) else {
            return false;
        };
        self.core.source_touched(node);
        true
    }

    /// Makes the readers of `input` run again, all but `except`: it is known to have changed since
    /// they read it.
    pub fn input_changed(&mut self, input: &Input, except: Option<ModuleId>) {
        let Some(&node) = self.inputs.nodes.get(input) else {
            return;
        };
        self.note_changed(node);
        for node in self.core.dependents(node).collect::<Vec<_>>() {
            if except.is_none_or(|except| self.owner(node) != Some(except)) {
                self.core.invalidate(node);
            }
        }
    }

    /// The input whose node `node` is.
    pub fn input(&self, node: NodeId) -> Option<&Input> {
        self.inputs.by_node.get(&node)
    }

    /// Notes that the host found `node`, an input, changed: the reason of the runs that follow.
    pub fn note_changed_input(&mut self, node: NodeId) {
        self.note_changed(node);
    }

    /// Whether `input` has been told as changed in this batch.
    pub fn has_input_changed(&self, input: &Input) -> bool {
        let node = self.inputs.nodes.get(input);
        node.is_some_and(|node| self.changed.contains(node))
    }

    /// The modules that read `input` in their last run, or in the one that is under way.
    pub fn input_readers(&self, input: &Input) -> Vec<ModuleId> {
        let Some(&node) = self.inputs.nodes.get(input) else {
            return Vec::new();
        };
        self.core
            .dependents(node)
            .filter_map(|node| self.owner(node))
            .collect()
    }

    /// Whether anybody may have read `input` since the run of `since` began.
    pub fn has_read_input_since(&self, since: ModuleId, input: &Input) -> bool {
        let node = self.inputs.nodes.get(input);
        node.is_some_and(|&node| self.core.is_read_since(node, self.load(since)))
    }

    /// Whether anybody may have read something of `module` since the run of `since` began.
    pub fn has_read_since(&self, since: ModuleId, module: ModuleId) -> bool {
        let since = self.load(since);
        let mut outputs = self.core.outputs(self.load(module));
        outputs.any(|output| self.core.is_read_since(output, since))
    }

    /// Whether anybody has read `input`.
    pub fn has_input(&self, input: &Input) -> bool {
        self.inputs.nodes.contains_key(input)
    }

    /// All inputs, sorted.
    pub fn inputs(&self) -> Vec<&Input> {
        let mut inputs: Vec<_> = self.inputs.nodes.keys().collect();
        inputs.sort_unstable();
        inputs
    }

    /// The inputs of the module's last run that changed in this batch, in order of first read.
    pub fn changed_inputs(&self, module: ModuleId) -> Vec<Input> {
        self.core
            .dependencies(self.load(module))
            .filter(|node| self.changed.contains(node))
            .filter_map(|node| self.input(node).cloned())
            .collect()
    }

    /// Removes the inputs that nobody reads any more, and returns them, sorted.
    pub fn forget_unread_inputs(&mut self) -> Vec<Input> {
        let mut unread: Vec<_> = self
            .inputs
            .nodes
            .iter()
            .filter(|&(_, &node)| self.core.dependents(node).next().is_none())
            .filter(|&(_, &node)| !self.is_recording(node))
            .map(|(input, _)| input.clone())
            .collect();
        unread.sort_unstable();
        for input in &unread {
            if let Some(node) = self.inputs.nodes.remove(input) {
                self.inputs.by_node.remove(&node);
                self.cached.note_changed(node);
                self.core.remove(node);
            }
        }
        unread
    }
}
