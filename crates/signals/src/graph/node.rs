//! Nodes: identity, state and the arena that holds them.
//!
//! A node is 32 bytes, so that marking touches half a cache line per node. A freed slot goes to a
//! free list with its generation raised by one; a slot whose generations are used up is retired
//! instead, so that an old id can never name a newer node.

use std::fmt;

/// "No node" and "no link" in the index fields of nodes and links.
pub(crate) const NONE: u32 = u32::MAX;

/// What a node is. One bit per kind, so that the hot loops ask for a kind and a state in one test.
pub(crate) const KIND: u32 = SOURCE | COMPUTATION | OUTPUT;
pub(crate) const FREE: u32 = 0;
pub(crate) const SOURCE: u32 = 1;
pub(crate) const COMPUTATION: u32 = 1 << 1;
pub(crate) const OUTPUT: u32 = 1 << 2;
/// Goes to the queue when it gets marked.
pub(crate) const WATCHED: u32 = 1 << 3;
/// Something it read may have changed.
pub(crate) const PENDING: u32 = 1 << 4;
/// It has to run (a computation), or holds a write that is not committed (a source).
pub(crate) const DIRTY: u32 = 1 << 5;
/// Between `start` and `finish`. Marks that arrive meanwhile stay set after the run.
pub(crate) const RUNNING: u32 = 1 << 6;
/// On the stack of a `settle` that is looking at its dependencies.
pub(crate) const CHECKING: u32 = 1 << 7;
/// Has an entry in the queue.
pub(crate) const QUEUED: u32 = 1 << 8;
/// At least one output was added to this computation.
pub(crate) const HAS_OUTPUTS: u32 = 1 << 9;
/// Dirty after a run that failed: the next mark passes on, although the node is marked already.
pub(crate) const FAILED: u32 = 1 << 10;
/// The current run read something that was not predicted, so that the rest of the previous list
/// may name what was read already.
pub(crate) const MISSED: u32 = 1 << 11;
/// Bits from here on belong to the typed surface of this crate.
pub(crate) const HOST_BITS: u32 = 16;
/// Set for any state but clean.
pub(crate) const MARKED: u32 = PENDING | DIRTY;

/// Names a node of one [`Graph`], also after the node has gone: a reused slot gets a new generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl NodeId {
    /// The slot in the arena. Two live nodes never share it; a host may keep a dense table by it.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// How often the slot was reused before this node got it.
    pub fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

/// What is known about a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Up to date.
    Clean,
    /// Something further up changed; whether that reaches this node is not known yet.
    Pending,
    /// Has to run again.
    Dirty,
    /// Is running now.
    Running,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) generation: u32,
    pub(crate) flags: u32,
    /// First edge to a dependency, in order of first read.
    pub(crate) deps: u32,
    /// Last edge confirmed in the current run; the last edge of all while not running.
    pub(crate) deps_tail: u32,
    /// First edge from a reader, in order of creation. In a free slot: the next free slot.
    pub(crate) subs: u32,
    pub(crate) subs_tail: u32,
    /// The run that read this node last.
    pub(crate) read_stamp: u32,
    /// The number of this node's latest run.
    pub(crate) run_stamp: u32,
}

/// One step of a walk: a node whose dependencies are being settled, with the next edge to look at;
/// or a node that is about to run or running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) node: u32,
    pub(crate) link: u32,
}

impl Frame {
    #[inline]
    pub(crate) fn of_run(node: u32) -> Self {
        Self { node, link: NONE }
    }
}

/// Nodes and edges. It holds no values and no closures; see [`Host`](super::Host).
#[derive(Debug)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<super::edges::Link>,
    pub(crate) free_node: u32,
    pub(crate) free_link: u32,
    /// What a slot that was never used before begins with.
    pub(crate) first_generation: u32,
    pub(crate) live_nodes: u32,
    pub(crate) live_links: u32,
    pub(crate) stamp: u32,
    /// Marked watched nodes; those before `queue_head` were taken.
    pub(crate) queue: Vec<NodeId>,
    pub(crate) queue_head: usize,
    /// Shared by all (re-entrant) walks; each owns the part above its base.
    pub(crate) stack: Vec<Frame>,
    /// Scratch of the marking loop: edges still to follow.
    pub(crate) todo: Vec<u32>,
    /// Nodes that got their first reader or lost their last one. `None` unless asked for.
    pub(crate) observations: Option<Vec<(NodeId, bool)>>,
    /// By slot: what marked the node last. `None` unless asked for, since it costs a store per mark.
    pub(crate) causes: Option<Vec<u32>>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self {
            nodes: Vec::new(),
            links: Vec::new(),
            free_node: NONE,
            free_link: NONE,
            first_generation: 0,
            live_nodes: 0,
            live_links: 0,
            stamp: 1,
            queue: Vec::new(),
            queue_head: 0,
            stack: Vec::new(),
            todo: Vec::new(),
            observations: None,
            causes: None,
        }
    }

    /// Adds a value that is written from outside.
    pub fn add_source(&mut self) -> NodeId {
        self.add(SOURCE)
    }

    /// Adds a computation. It starts [`State::Dirty`] and is not queued by that; a `watched` one
    /// is queued each time it gets marked.
    pub fn add_computation(&mut self, watched: bool) -> NodeId {
        self.add(COMPUTATION | DIRTY | if watched { WATCHED } else { 0 })
    }

    /// Adds one of the many outputs of the computation `of`. Readers depend on the output, so that
    /// they run again only if [`Graph::output_changed`] names it.
    ///
    /// # Panics
    ///
    /// Panics if `of` is not a live computation, since such an output could never settle.
    #[track_caller]
    pub fn add_output(&mut self, of: NodeId) -> NodeId {
        assert!(
            self.is(of, COMPUTATION),
            "cannot add an output to {of:?}: not a live computation"
        );
        let id = self.add(OUTPUT);
        self.node_mut(of.index).flags |= HAS_OUTPUTS;
        self.link(id.index, of.index, NONE);
        let tail = self.node(id.index).deps;
        self.node_mut(id.index).deps_tail = tail;
        id
    }

    /// Removes a node with its edges, and a computation with its outputs. Readers are not marked.
    /// Does nothing if the node has gone already.
    pub fn remove(&mut self, node: NodeId) {
        if !self.contains(node) {
            return;
        }
        if self.node(node.index).flags & HAS_OUTPUTS != 0 {
            let mut link = self.node(node.index).subs;
            while link != NONE {
                let this = *self.edge(link);
                link = this.next_sub;
                if self.node(this.sub).flags & KIND == OUTPUT {
                    // The loop stays valid: freeing this output frees only its own edges, and the
                    // next edge of `node` belongs to another reader.
                    self.remove_one(this.sub);
                }
            }
        }
        self.remove_one(node.index);
    }

    /// Whether the node is still there.
    #[inline]
    pub fn contains(&self, node: NodeId) -> bool {
        // A free slot has a generation that no id was given yet.
        self.nodes
            .get(node.index as usize)
            .is_some_and(|n| n.generation == node.generation)
    }

    /// The state of a node; an output has the state of its producer, except that a dirty producer
    /// leaves it [`State::Pending`]. A node that has gone is [`State::Clean`].
    pub fn state(&self, node: NodeId) -> State {
        if !self.contains(node) {
            return State::Clean;
        }
        let flags = self.node(node.index).flags;
        if flags & KIND == OUTPUT {
            return match self.producer(node).map(|p| self.state(p)) {
                Some(State::Dirty) => State::Pending,
                Some(state) => state,
                None => State::Clean,
            };
        }
        if flags & RUNNING != 0 {
            State::Running
        } else if flags & DIRTY != 0 {
            State::Dirty
        } else if flags & PENDING != 0 {
            State::Pending
        } else {
            State::Clean
        }
    }

    /// The computation that makes `output`; `None` for any other node.
    pub fn producer(&self, output: NodeId) -> Option<NodeId> {
        self.is(output, OUTPUT)
            .then(|| self.id(self.producer_of(output.index)))
    }

    /// Declares a computation Clean without running it, marks and all; it runs again when something
    /// it read changes. For a host that gives up on a node, for instance one that never rests.
    /// Settle its dependencies first: one that stays marked would not pass the next mark on.
    pub fn accept(&mut self, node: NodeId) {
        if self.is(node, COMPUTATION) {
            self.node_mut(node.index).flags &= !(MARKED | FAILED);
        }
    }

    /// Makes a computation Dirty without marking its readers, for a walk that could not decide.
    pub(crate) fn force(&mut self, node: NodeId) {
        if self.is(node, COMPUTATION) && self.node(node.index).flags & RUNNING == 0 {
            self.node_mut(node.index).flags |= DIRTY;
        }
    }

    /// Bytes of the arenas, used or not.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.links.capacity() * size_of::<super::edges::Link>()
    }

    /// Removes everything at once, but keeps the memory. Ids must not be used again, so the caller
    /// raises `first_generation`.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.links.clear();
        (self.free_node, self.free_link) = (NONE, NONE);
        (self.live_nodes, self.live_links) = (0, 0);
        self.stamp = 1;
        self.queue.clear();
        self.queue_head = 0;
        self.stack.clear();
        self.todo.clear();
        self.observations = None;
        self.causes = None;
    }

    /// How many nodes are alive.
    pub fn node_count(&self) -> usize {
        self.live_nodes as usize
    }

    /// How many edges there are, the one between each output and its producer included.
    pub fn edge_count(&self) -> usize {
        self.live_links as usize
    }

    /// How many slots the arena has: live, free and retired ones.
    pub fn slot_count(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(crate) fn add(&mut self, flags: u32) -> NodeId {
        self.live_nodes += 1;
        let mut node = Node {
            generation: self.first_generation,
            flags,
            deps: NONE,
            deps_tail: NONE,
            subs: NONE,
            subs_tail: NONE,
            read_stamp: 0,
            run_stamp: 0,
        };
        let index = self.free_node;
        if index == NONE {
            let index = u32::try_from(self.nodes.len()).unwrap_or(NONE);
            assert!(index != NONE, "the graph is full: 2^32 - 1 nodes");
            self.nodes.push(node);
            return NodeId {
                index,
                generation: self.first_generation,
            };
        }
        let slot = self.node_mut(index);
        let next = slot.subs;
        node.generation = slot.generation;
        *slot = node;
        self.free_node = next;
        NodeId {
            index,
            generation: node.generation,
        }
    }

    fn remove_one(&mut self, index: u32) {
        self.drop_deps_after(index, NONE);
        while self.node(index).subs != NONE {
            let link = self.node(index).subs;
            self.unlink(link);
        }
        self.live_nodes -= 1;
        if let Some(causes) = &mut self.causes
            && let Some(cause) = causes.get_mut(index as usize)
        {
            *cause = NONE;
        }
        let free = self.free_node;
        let node = self.node_mut(index);
        node.flags = FREE;
        // Invariant: the last generation is never handed out again, its slot is retired.
        if let Some(next) = node.generation.checked_add(1) {
            node.generation = next;
            if next != u32::MAX {
                node.subs = free;
                self.free_node = index;
            }
        }
    }

    pub(crate) fn is(&self, node: NodeId, kind: u32) -> bool {
        self.contains(node) && self.node(node.index).flags & KIND == kind
    }

    pub(crate) fn producer_of(&self, output: u32) -> u32 {
        self.edge(self.node(output).deps).dep
    }

    pub(crate) fn id(&self, index: u32) -> NodeId {
        NodeId {
            index,
            generation: self.node(index).generation,
        }
    }

    #[inline]
    pub(crate) fn node(&self, index: u32) -> &Node {
        super::arena::at(&self.nodes, index)
    }

    #[inline]
    pub(crate) fn node_mut(&mut self, index: u32) -> &mut Node {
        super::arena::at_mut(&mut self.nodes, index)
    }
}
