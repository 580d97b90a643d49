//! Results that are kept for longer than the run that made them: what they were made from.
//!
//! A [`Recording`] notes what a part of a run reads, besides that the run itself depends on it. A
//! result is a node of the core that depends on the same, and has no readers: whoever is given the
//! result is told to have read it all by [`ModuleGraph::carry`]. So it closes no circle of imports.
//!
//! Kept true: a result that was armed is [`State::Dirty`] once anything that it was made from has been
//! told as changed.

use hmr_signals::graph::{NodeId, State};
use rustc_hash::FxHashSet;

use super::{ModuleGraph, ModuleId, Read};

/// What is being read for a result.
#[derive(Debug)]
pub struct Recording(u64);

/// The recordings that are under way.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    open: Vec<Open>,
    next: u64,
}

#[derive(Debug)]
struct Open {
    id: u64,
    reader: ModuleId,
    nodes: Vec<NodeId>,
    known: FxHashSet<NodeId>,
}

impl ModuleGraph {
    /// Notes from now on what `reader` reads, also if its load does not run.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::{ModuleGraph, ModuleName, Read};
    ///
    /// let mut graph = ModuleGraph::default();
    /// let config = graph.add_module(ModuleName::new("config")?, None);
    /// let mail = graph.add_module(ModuleName::new("mail")?, None);
    /// let recording = graph.record(mail);
    /// graph.read(mail, config, Read::Name("HOST"));
    /// let read = graph.end_recording(recording);
    ///
    /// let result = graph.add_result();
    /// graph.arm_result(result, &read);
    /// assert!(!graph.is_outdated(result));
    /// graph.name_changed(config, "HOST");
    /// assert!(graph.is_outdated(result));
    /// # Ok::<(), hmr_module_graph::InvalidModuleName>(())
    /// ```
    pub fn record(&mut self, reader: ModuleId) -> Recording {
        self.recordings.next += 1;
        let id = self.recordings.next;
        self.recordings.open.push(Open {
            id,
            reader,
            nodes: Vec::new(),
            known: FxHashSet::default(),
        });
        Recording(id)
    }

    /// Ends a recording, and returns what was read meanwhile, in order of first read.
    #[expect(clippy::needless_pass_by_value, reason = "it is over")]
    pub fn end_recording(&mut self, recording: Recording) -> Vec<NodeId> {
        let open = &mut self.recordings.open;
        let place = open.iter().position(|open| open.id == recording.0);
        place.map_or_else(Vec::new, |place| open.remove(place).nodes)
    }

    /// Whether somebody wants to know what `reader` reads.
    pub(super) fn is_recorded(&self, reader: ModuleId) -> bool {
        let mut open = self.recordings.open.iter();
        open.any(|open| open.reader == reader)
    }

    /// Whether a recording under way has noted `node`.
    pub(super) fn is_recording(&self, node: NodeId) -> bool {
        let mut open = self.recordings.open.iter();
        open.any(|open| open.known.contains(&node))
    }

    /// `reader` has read `node`.
    pub(super) fn note_read(&mut self, reader: ModuleId, node: NodeId) {
        for open in &mut self.recordings.open {
            if open.reader == reader && open.known.insert(node) {
                open.nodes.push(node);
            }
        }
        if self.state(reader) == State::Running {
            let load = self.load(reader);
            self.core.read(load, node);
            self.cached.note_read(reader, node);
        }
    }

    /// The load of `module` has used something of its own: that is no read, but matters to a result.
    pub fn record_own(&mut self, module: ModuleId, what: Read<'_>) {
        if !self.is_recorded(module) {
            return;
        }
        let node = self.output(module, what);
        for open in &mut self.recordings.open {
            if open.reader == module && open.known.insert(node) {
                open.nodes.push(node);
            }
        }
    }

    /// `reader` is given a result that was made from `nodes`. Returns the definitions of `reader`
    /// itself that were executed for that.
    pub fn read_result(&mut self, reader: ModuleId, nodes: &[NodeId]) -> Vec<String> {
        let mut own = Vec::new();
        for &node in nodes {
            if self.owner(node) != Some(reader) {
                self.note_read(reader, node);
                continue;
            }
            for open in &mut self.recordings.open {
                if open.reader == reader && open.known.insert(node) {
                    open.nodes.push(node);
                }
            }
            if let Some(Read::Code(unit)) = self.read_of(node) {
                own.push(unit.to_owned());
            }
        }
        own
    }

    /// A node for a result, which stands for nothing so far.
    pub fn add_result(&mut self) -> NodeId {
        self.core.add_computation(false)
    }

    /// From now on `result` is outdated as soon as one of `nodes` is told as changed.
    pub fn arm_result(&mut self, result: NodeId, nodes: &[NodeId]) {
        self.core.start(result);
        for &node in nodes {
            self.core.read(result, node);
        }
        self.core.finish(result, false);
        // What was marked while it was read has been seen as it is now.
        self.core.accept(result);
    }

    /// Whether something that the result was made from has changed since.
    pub fn is_outdated(&self, result: NodeId) -> bool {
        self.core.state(result) == State::Dirty
    }

    /// What may have changed of that, and that nobody has looked at yet.
    pub fn doubtful_inputs(&self, result: NodeId) -> Vec<NodeId> {
        if self.core.state(result) != State::Pending {
            return Vec::new();
        }
        let inputs = self.core.dependencies(result);
        inputs.filter(|&node| self.input(node).is_some()).collect()
    }

    /// Removes the node of a result that has gone.
    pub fn remove_result(&mut self, result: NodeId) {
        self.core.remove(result);
    }
}
