//! The push phase: one change marks everything it may reach, each node once.
//!
//! Direct readers become dirty, nodes beyond them pending. A node that is marked already has passed
//! the mark on, so the walk stops there; that is what keeps it linear in ladders of diamonds. A
//! running reader is marked only if its current run has read the node: what it has not read yet, it
//! will read fresh.

use super::node::{CHECKING, COMPUTATION, DIRTY, Graph, KIND, MARKED, NONE, NodeId, OUTPUT};
use super::node::{FAILED, PENDING, QUEUED, RUNNING, SOURCE, WATCHED};

/// Whether a reader is marked already and only has to learn that it is dirty: a walk is at it or
/// will come. A watched one needs an entry in the queue unless the walk is there.
#[inline]
fn is_waiting(flags: u32) -> bool {
    flags & (KIND | MARKED | RUNNING) == COMPUTATION | PENDING
        && flags & (WATCHED | CHECKING) != WATCHED
}

impl Graph {
    /// A source has a new value: direct readers become Dirty, those beyond Pending, and watched
    /// ones are queued. Does nothing for a node that has gone or is not a source.
    pub fn source_changed(&mut self, source: NodeId) {
        if self.is(source, SOURCE) {
            self.node_mut(source.index).flags &= !DIRTY;
            self.changed(source.index);
        }
    }

    /// A source was written but the write may still be undone: the source is Dirty and everything
    /// beyond it Pending, until a walk or the host asks [`Host::commit`](super::Host::commit)
    /// whether it really changed and tells [`Graph::source_settled`].
    pub fn source_touched(&mut self, source: NodeId) {
        if self.is(source, SOURCE) && self.node(source.index).flags & DIRTY == 0 {
            self.node_mut(source.index).flags |= DIRTY;
            self.mark_beyond(source.index);
        }
    }

    /// Ends what [`Graph::source_touched`] began: with `changed` direct readers become Dirty,
    /// without it they may turn out to be clean.
    pub fn source_settled(&mut self, source: NodeId, changed: bool) {
        if self.is(source, SOURCE) {
            self.node_mut(source.index).flags &= !DIRTY;
            if changed {
                self.changed(source.index);
            }
        }
    }

    /// One output of a computation has a new value: its direct readers become Dirty, those beyond
    /// Pending. Legal during the producer's run and after it; a reader that has become Clean in
    /// between, because of a cycle, is marked again.
    pub fn output_changed(&mut self, output: NodeId) {
        if self.is(output, OUTPUT) {
            self.changed(output.index);
        }
    }

    /// What read outputs of a computation, which runs or waits, may have to run again: everything
    /// beyond it is Pending, also what a cycle had cut off.
    pub fn doubt(&mut self, computation: NodeId) {
        if self.is(computation, COMPUTATION) {
            // An output that is in doubt already would not pass the mark on.
            self.clear_outputs(computation.index);
            self.mark_beyond(computation.index);
        }
    }

    /// The value of a computation was replaced from outside: its direct readers become Dirty.
    pub fn computation_changed(&mut self, computation: NodeId) {
        if self.is(computation, COMPUTATION) {
            self.changed(computation.index);
        }
    }

    /// Starts or stops remembering, for each node, what marked it last; see [`Graph::cause`].
    pub fn record_causes(&mut self, on: bool) {
        self.causes = on.then(Vec::new);
    }

    /// The node whose change marked `node` last, if that is [recorded](Graph::record_causes). From
    /// a pending node it leads one step towards the source.
    pub fn cause(&self, node: NodeId) -> Option<NodeId> {
        let cause = *self.causes.as_ref()?.get(node.index())?;
        (cause != NONE && self.contains(node)).then(|| self.id(cause))
    }

    #[cold]
    fn record_cause(&mut self, dep: u32, sub: u32) {
        let size = self.nodes.len();
        if let Some(causes) = &mut self.causes {
            causes.resize(size, NONE);
            causes[sub as usize] = dep;
        }
    }

    /// The computation has to run again for a reason outside the graph: it is Dirty, what lies
    /// beyond it Pending. While it runs, the mark stays for after the run.
    pub fn invalidate(&mut self, computation: NodeId) {
        if !self.is(computation, COMPUTATION) {
            return;
        }
        self.node_mut(computation.index).flags |= DIRTY;
        self.requeue(computation.index);
        self.mark_beyond(computation.index);
    }

    /// Direct readers become dirty, those beyond pending.
    ///
    /// Inlined where runs end: nearly always a walk or a running reader waits for the result.
    #[inline]
    pub(crate) fn changed(&mut self, index: u32) {
        let mut link = self.node(index).subs;
        if self.causes.is_some() {
            return self.mark_readers::<true>(link);
        }
        while link != NONE {
            let edge = self.edge(link);
            let (sub, next) = (edge.sub, edge.next_sub);
            let flags = self.node(sub).flags;
            if is_waiting(flags) {
                self.node_mut(sub).flags = flags | DIRTY;
            } else if flags & RUNNING == 0 || self.was_read(index, sub) {
                return self.mark_readers::<false>(link);
            }
            link = next;
        }
    }

    /// Everything beyond a node becomes pending.
    #[inline]
    pub(crate) fn mark_beyond(&mut self, index: u32) {
        let link = self.node(index).subs;
        if link != NONE {
            self.mark_below(link);
        }
    }

    fn mark_below(&mut self, link: u32) {
        if self.causes.is_some() {
            return self.mark_from::<true>(link);
        }
        self.mark_from::<false>(link);
    }

    /// Marks the readers' list that begins with `link` dirty.
    #[inline(never)]
    fn mark_readers<const RECORDING: bool>(&mut self, mut link: u32) {
        while link != NONE {
            let edge = *self.edge(link);
            link = edge.next_sub;
            let flags = self.node(edge.sub).flags;
            if RECORDING && flags & DIRTY == 0 {
                self.record_cause(edge.dep, edge.sub);
            }
            if is_waiting(flags) {
                self.node_mut(edge.sub).flags = flags | DIRTY;
            } else if flags & OUTPUT == 0 && self.mark_one::<false>(edge.dep, edge.sub, DIRTY) {
                let below = self.node(edge.sub).subs;
                if below != NONE {
                    self.mark_below(below);
                }
            }
        }
    }

    /// Follows the readers' list that begins with `link`, depth first and in order.
    fn mark_from<const RECORDING: bool>(&mut self, mut link: u32) {
        let base = self.todo.len();
        loop {
            while link != NONE {
                let edge = *self.edge(link);
                link = edge.next_sub;
                if self.mark_one::<RECORDING>(edge.dep, edge.sub, PENDING) {
                    let below = self.node(edge.sub).subs;
                    if below != NONE {
                        if link != NONE {
                            self.todo.push(link);
                        }
                        link = below;
                    }
                }
            }
            if self.todo.len() == base {
                return;
            }
            link = self.todo.pop().unwrap_or(NONE);
        }
    }

    /// Marks one reader; `true` if its own readers have to follow.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the body of both marking loops")]
    fn mark_one<const RECORDING: bool>(&mut self, dep: u32, sub: u32, mark: u32) -> bool {
        let flags = self.node(sub).flags;
        if flags & (MARKED | RUNNING | QUEUED) != 0 {
            let nothing_new = flags & mark != 0
                && flags & (RUNNING | FAILED) == 0
                && flags & (WATCHED | QUEUED) != WATCHED;
            return !nothing_new && self.mark_again(dep, sub, mark);
        }
        if RECORDING {
            self.record_cause(dep, sub);
        }
        let mut now = flags | mark;
        if flags & WATCHED != 0 {
            now |= QUEUED;
            let id = self.id(sub);
            self.queue.push(id);
        }
        self.node_mut(sub).flags = now;
        true
    }

    /// Whether the current run of `sub` may have read `dep`: it has if nobody read it since.
    #[inline]
    fn was_read(&self, dep: u32, sub: u32) -> bool {
        self.node(dep).read_stamp >= self.node(sub).run_stamp
    }

    /// [`Graph::mark_one`] for a reader that is running, marked or queued already.
    #[inline(never)]
    fn mark_again(&mut self, dep: u32, sub: u32, mark: u32) -> bool {
        let flags = self.node(sub).flags;
        if flags & RUNNING != 0 {
            if self.was_read(dep, sub) {
                self.node_mut(sub).flags = flags | mark;
            }
            return false;
        }
        let passes_on = flags & MARKED == 0 || flags & FAILED != 0;
        if passes_on && mark == PENDING && self.causes.is_some() {
            self.record_cause(dep, sub);
        }
        self.node_mut(sub).flags = (flags | mark) & !FAILED;
        self.requeue(sub);
        passes_on
    }
}
