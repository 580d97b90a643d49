//! Edges: recorded while a computation runs, compared in place with those of its previous run.
//!
//! One record of 24 bytes sits in two lists: the reader's dependencies in order of first read, and
//! the dependency's readers in order of creation. The list of the previous run is the prediction:
//! as long as reads repeat, the cursor moves along it and nothing is linked or unlinked.

use super::node::{CHECKING, FAILED, Frame, MISSED, PENDING, QUEUED, RUNNING, WATCHED};
use super::node::{COMPUTATION, DIRTY, Graph, HAS_OUTPUTS, KIND, MARKED, NONE, NodeId, OUTPUT};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// The node that is read; `NONE` in a free record.
    pub(crate) dep: u32,
    /// The node that reads.
    pub(crate) sub: u32,
    pub(crate) prev_dep: u32,
    /// Next edge of the same reader. In a free record: the next free one.
    pub(crate) next_dep: u32,
    pub(crate) prev_sub: u32,
    pub(crate) next_sub: u32,
}

impl Graph {
    /// Begins a tracked run of a computation. Its state is Running until [`Graph::finish`] or
    /// [`Graph::abort`]; the dependencies of the previous run become the prediction.
    ///
    /// # Panics
    ///
    /// Panics if `node` is not a live computation or is running already.
    #[track_caller]
    pub fn start(&mut self, node: NodeId) {
        assert!(
            self.is(node, COMPUTATION),
            "cannot start {node:?}: not a live computation"
        );
        assert!(
            self.node(node.index).flags & RUNNING == 0,
            "cannot start {node:?}: already running"
        );
        self.start_run(node.index);
    }

    /// [`Graph::start`] without its checks.
    #[inline]
    pub(crate) fn start_run(&mut self, index: u32) {
        self.start_leaf(index);
        self.stack.push(Frame {
            node: index,
            link: NONE,
        });
    }

    /// A run that nobody reads, so that it cannot be part of a cycle, and that surely is finished.
    #[inline]
    pub(crate) fn start_leaf(&mut self, index: u32) {
        let stamp = self.next_stamp();
        let n = self.node_mut(index);
        n.flags = n.flags & !(MARKED | CHECKING | FAILED | MISSED) | RUNNING;
        n.deps_tail = NONE;
        n.run_stamp = stamp;
    }

    /// Records that `reader`, which is running, read `dependency`: a source, an output, or a
    /// computation with a value of its own. A second read in the same run adds nothing.
    ///
    /// Settle the dependency first and record it then: a change that happens before the read is
    /// part of what was read, one that happens after it makes the reader run again.
    ///
    /// # Panics
    ///
    /// Panics if the reader is not running. A dependency that has gone is ignored.
    #[inline]
    #[track_caller]
    pub fn read(&mut self, reader: NodeId, dependency: NodeId) {
        assert!(
            self.contains(reader) && self.node(reader.index).flags & RUNNING != 0,
            "cannot record a read: {reader:?} is not running"
        );
        if !self.contains(dependency) {
            return;
        }
        self.track(reader.index, dependency.index);
    }

    /// [`Graph::read`] without its checks; ignores a reader that is not running.
    #[inline]
    pub(crate) fn track(&mut self, sub: u32, dep: u32) {
        let n = self.node(sub);
        if n.flags & RUNNING == 0 {
            return;
        }
        let (flags, run, cursor) = (n.flags, n.run_stamp, n.deps_tail);
        let read = std::mem::replace(&mut self.node_mut(dep).read_stamp, run);
        if read == run {
            return;
        }
        let next = if cursor == NONE {
            self.node(sub).deps
        } else {
            self.edge(cursor).next_dep
        };
        let doubtful = read > run && flags & MISSED != 0;
        if next != NONE && self.edge(next).dep == dep && !doubtful {
            self.node_mut(sub).deps_tail = next;
            return;
        }
        self.track_new(sub, dep, next, read);
    }

    /// A read that the previous run did not have at this place, or that this run may have had.
    #[cold]
    #[inline(never)]
    fn track_new(&mut self, sub: u32, dep: u32, next: u32, read: u32) {
        let cursor = self.node(sub).deps_tail;
        // Another run that began after ours read it too: whether we had is not known from stamps.
        if read > self.node(sub).run_stamp && self.already_read(sub, dep, cursor) {
            self.node_mut(dep).read_stamp = read;
        } else if next != NONE && self.edge(next).dep == dep {
            self.node_mut(sub).deps_tail = next;
        } else {
            let link = self.link(sub, dep, cursor);
            let n = self.node_mut(sub);
            n.deps_tail = link;
            n.flags |= MISSED;
        }
    }

    /// Ends a run: drops the dependencies that were not read again; the node is Clean, or keeps
    /// the marks that came in during the run. With `changed` its direct readers become Dirty.
    ///
    /// Does nothing if the node was removed during its run.
    pub fn finish(&mut self, node: NodeId, changed: bool) {
        if self.end_run(node) {
            self.finish_run(node.index, changed);
        }
    }

    /// [`Graph::finish`] for a node that is known to be there and running.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "`changed` is a constant at each call")]
    pub(crate) fn finish_run(&mut self, index: u32, changed: bool) {
        self.pop_run(index);
        let n = self.node_mut(index);
        n.flags &= !RUNNING;
        let (flags, tail) = (n.flags, n.deps_tail);
        let rest = if tail == NONE {
            n.deps
        } else {
            self.edge(tail).next_dep
        };
        if rest != NONE {
            self.drop_deps_after(index, tail);
        }
        if flags & HAS_OUTPUTS != 0 {
            self.clear_outputs(index);
        }
        if changed {
            self.changed(index);
        }
        if flags & MARKED != 0 {
            // Marked during its own run: readers that were cleaned by this run are in doubt again.
            self.requeue(index);
            self.mark_beyond(index);
        }
    }

    /// Ends a run without a result that may be kept: it unwound, or met a cycle. The node is Dirty
    /// again, with what it read in this run as its dependencies, and so are readers that were
    /// waiting for it. Unlike any other dirty node it passes the next mark on, so that readers that
    /// took the failure as their answer hear of a recovery.
    pub fn abort(&mut self, node: NodeId) {
        if !self.end_run(node) {
            return;
        }
        self.node_mut(node.index).flags &= !RUNNING;
        let tail = self.node(node.index).deps_tail;
        self.drop_deps_after(node.index, tail);
        self.node_mut(node.index).flags |= DIRTY | FAILED;
        let mut link = self.node(node.index).subs;
        while link != NONE {
            let edge = *self.edge(link);
            link = edge.next_sub;
            let sub = self.node_mut(edge.sub);
            if sub.flags & (PENDING | RUNNING) == PENDING && sub.flags & KIND == COMPUTATION {
                sub.flags |= DIRTY;
            }
        }
        if self.node(node.index).flags & HAS_OUTPUTS != 0 {
            self.clear_outputs(node.index);
        }
    }

    /// What the node read in its latest run, in order of first read.
    pub fn dependencies(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let live = self.contains(node);
        let mut link = if live && self.node(node.index).flags & KIND != OUTPUT {
            self.node(node.index).deps
        } else {
            NONE
        };
        std::iter::from_fn(move || {
            let edge = (link != NONE).then(|| self.edge(link))?;
            link = edge.next_dep;
            Some(self.id(edge.dep))
        })
    }

    /// Who reads the node, in order of creation of the edge. The outputs of a computation are not
    /// its readers; see [`Graph::outputs`].
    pub fn dependents(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.subs_of(node, false)
    }

    /// The outputs of a computation, oldest first.
    pub fn outputs(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.subs_of(node, true)
    }

    fn subs_of(&self, node: NodeId, outputs: bool) -> impl Iterator<Item = NodeId> {
        let mut link = if self.contains(node) {
            self.node(node.index).subs
        } else {
            NONE
        };
        std::iter::from_fn(move || {
            while link != NONE {
                let edge = self.edge(link);
                link = edge.next_sub;
                if (self.node(edge.sub).flags & KIND == OUTPUT) == outputs {
                    return Some(self.id(edge.sub));
                }
            }
            None
        })
    }

    /// Leaves the Running state; `false` if the node has gone or was not running.
    fn end_run(&mut self, node: NodeId) -> bool {
        self.pop_run(node.index);
        if !self.contains(node) || self.node(node.index).flags & RUNNING == 0 {
            return false;
        }
        true
    }

    #[inline]
    fn pop_run(&mut self, index: u32) {
        if let Some(top) = self.stack.last()
            && top.node == index
            && top.link == NONE
        {
            self.stack.pop();
        }
    }

    pub(crate) fn requeue(&mut self, index: u32) {
        let id = self.id(index);
        let node = self.node_mut(index);
        if node.flags & (WATCHED | QUEUED | RUNNING) == WATCHED {
            node.flags |= QUEUED;
            self.queue.push(id);
        }
    }

    /// The producer has settled: its outputs are no longer in doubt.
    pub(crate) fn clear_outputs(&mut self, producer: u32) {
        let mut link = self.node(producer).subs;
        while link != NONE {
            let edge = *self.edge(link);
            link = edge.next_sub;
            let sub = self.node_mut(edge.sub);
            if sub.flags & KIND == OUTPUT {
                sub.flags &= !PENDING;
            }
        }
    }

    /// Whether the current run of `sub` has read `dep`, by the shorter of the two lists: the edges
    /// confirmed so far, and the readers of `dep`. Both are walked in step, so that neither a
    /// reader of many nor a node read by many makes this slow.
    fn already_read(&self, sub: u32, dep: u32, cursor: u32) -> bool {
        let (mut own, mut theirs) = (cursor, self.node(dep).subs_tail);
        while own != NONE {
            if self.edge(own).dep == dep {
                return true;
            }
            own = self.edge(own).prev_dep;
            if theirs == NONE {
                return false;
            }
            let edge = self.edge(theirs);
            if edge.sub == sub {
                return self.is_confirmed(theirs, cursor);
            }
            theirs = edge.prev_sub;
        }
        false
    }

    /// Whether `link` lies at or before `cursor` in its reader's list.
    fn is_confirmed(&self, link: u32, cursor: u32) -> bool {
        let (mut back, mut on) = (cursor, cursor);
        loop {
            if back == link || on == link {
                return back == link;
            }
            if back != NONE {
                back = self.edge(back).prev_dep;
            }
            if on != NONE {
                on = self.edge(on).next_dep;
            }
            if back == NONE && on == NONE {
                return false;
            }
        }
    }

    /// Adds the edge `sub` -> `dep` behind `after` in the reader's list.
    pub(crate) fn link(&mut self, sub: u32, dep: u32, after: u32) -> u32 {
        let next_dep = if after == NONE {
            self.node(sub).deps
        } else {
            self.edge(after).next_dep
        };
        let prev_sub = self.node(dep).subs_tail;
        let new = Link {
            dep,
            sub,
            prev_dep: after,
            next_dep,
            prev_sub,
            next_sub: NONE,
        };
        let index = self.free_link;
        let index = if index == NONE {
            let index = u32::try_from(self.links.len()).unwrap_or(NONE);
            assert!(index != NONE, "the graph is full: 2^32 - 1 edges");
            self.links.push(new);
            index
        } else {
            self.free_link = self.edge(index).next_dep;
            *self.edge_mut(index) = new;
            index
        };
        self.live_links += 1;
        if next_dep != NONE {
            self.edge_mut(next_dep).prev_dep = index;
        }
        if after == NONE {
            self.node_mut(sub).deps = index;
        } else {
            self.edge_mut(after).next_dep = index;
        }
        if prev_sub == NONE {
            self.node_mut(dep).subs = index;
        } else {
            self.edge_mut(prev_sub).next_sub = index;
        }
        self.node_mut(dep).subs_tail = index;
        index
    }

    /// Takes an edge out of both lists and frees it.
    pub(crate) fn unlink(&mut self, link: u32) {
        let edge = *self.edge(link);
        if edge.prev_dep == NONE {
            self.node_mut(edge.sub).deps = edge.next_dep;
        } else {
            self.edge_mut(edge.prev_dep).next_dep = edge.next_dep;
        }
        if edge.next_dep != NONE {
            self.edge_mut(edge.next_dep).prev_dep = edge.prev_dep;
        }
        if self.node(edge.sub).deps_tail == link {
            self.node_mut(edge.sub).deps_tail = edge.prev_dep;
        }
        if edge.prev_sub == NONE {
            self.node_mut(edge.dep).subs = edge.next_sub;
        } else {
            self.edge_mut(edge.prev_sub).next_sub = edge.next_sub;
        }
        if edge.next_sub == NONE {
            self.node_mut(edge.dep).subs_tail = edge.prev_sub;
        } else {
            self.edge_mut(edge.next_sub).prev_sub = edge.prev_sub;
        }
        self.live_links -= 1;
        let free = self.free_link;
        let record = self.edge_mut(link);
        record.dep = NONE;
        record.sub = NONE;
        record.next_dep = free;
        self.free_link = link;
    }

    /// Drops the edges of a reader behind `after`, all of them for `NONE`.
    pub(crate) fn drop_deps_after(&mut self, sub: u32, after: u32) {
        let mut link = if after == NONE {
            self.node(sub).deps
        } else {
            self.edge(after).next_dep
        };
        while link != NONE {
            let next = self.edge(link).next_dep;
            self.unlink(link);
            link = next;
        }
    }

    /// Numbers the next run. After 2^32 runs all stamps start anew, such that runs in progress
    /// find every earlier read in doubt and look it up.
    #[inline]
    fn next_stamp(&mut self) -> u32 {
        if self.stamp == u32::MAX {
            self.renumber_runs();
        }
        self.stamp += 1;
        self.stamp
    }

    #[cold]
    fn renumber_runs(&mut self) {
        for node in &mut self.nodes {
            node.read_stamp = 1;
            node.run_stamp = 0;
        }
        self.stamp = 1;
    }

    #[inline]
    pub(crate) fn edge(&self, link: u32) -> &Link {
        super::arena::at(&self.links, link)
    }

    #[inline]
    pub(crate) fn edge_mut(&mut self, link: u32) -> &mut Link {
        super::arena::at_mut(&mut self.links, link)
    }
}
