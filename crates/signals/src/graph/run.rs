//! Runs: the reads of a computation, compared in place with those of its previous run.
//!
//! The dependency list of the previous run is the prediction, and the cursor of a run the last edge
//! that it confirmed. As long as reads repeat, the cursor moves on and nothing is linked. Whether a
//! node was read before in this run is told by the stamp of its latest reader; only if another run
//! has read it since is it looked up.

use super::node::{CHECKING, FAILED, Frame, MISSED, PENDING, RUNNING};
use super::node::{COMPUTATION, DIRTY, Graph, HAS_OUTPUTS, KIND, MARKED, NONE, NodeId, OUTPUT};

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
        let frame = Frame::of_run(index);
        if self.stack.last() != Some(&frame) {
            self.stack.push(frame);
        }
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
        let reader = self.node(sub);
        let (run, cursor) = (reader.run_stamp, reader.deps_tail);
        if reader.flags & (RUNNING | MISSED) == RUNNING {
            let next = if cursor == NONE {
                reader.deps
            } else {
                self.edge(cursor).next_dep
            };
            // Nothing was read out of turn, so the prediction cannot name what was read before.
            if next != NONE && self.edge(next).dep == dep {
                self.node_mut(sub).deps_tail = next;
                self.node_mut(dep).read_stamp = run;
                return;
            }
        }
        if self.node(dep).read_stamp != run {
            self.track_new(sub, dep);
        }
    }

    /// A read that the previous run did not have at this place, or that this run may have had.
    #[cold]
    #[inline(never)]
    fn track_new(&mut self, sub: u32, dep: u32) {
        let reader = self.node(sub);
        if reader.flags & RUNNING == 0 {
            return;
        }
        let (run, cursor) = (reader.run_stamp, reader.deps_tail);
        let next = if cursor == NONE {
            reader.deps
        } else {
            self.edge(cursor).next_dep
        };
        let read = self.node(dep).read_stamp;
        // Another run that began after ours read it too: whether we had is not known from stamps.
        if read > run && self.already_read(sub, dep, cursor) {
            return;
        }
        self.node_mut(dep).read_stamp = run;
        if next != NONE && self.edge(next).dep == dep {
            self.node_mut(sub).deps_tail = next;
            return;
        }
        let link = self.link(sub, dep, cursor);
        let reader = self.node_mut(sub);
        reader.deps_tail = link;
        reader.flags |= MISSED;
    }

    /// Whether `dependency` was read, by whichever run, since the running `computation` began;
    /// `false` if that does not run. Some reads of before count too, when there were very many.
    pub fn is_read_since(&self, dependency: NodeId, computation: NodeId) -> bool {
        self.contains(dependency)
            && self.is(computation, COMPUTATION)
            && self.node(computation.index).flags & RUNNING != 0
            && self.node(dependency.index).read_stamp >= self.node(computation.index).run_stamp
    }

    /// Ends a run: drops the dependencies that were not read again; the node is Clean, or keeps
    /// the marks that came in during the run. With `changed` its direct readers become Dirty.
    ///
    /// Does nothing if the node was removed during its run.
    pub fn finish(&mut self, node: NodeId, changed: bool) {
        if self.end_run(node) {
            self.end_reads(node.index, changed);
        }
    }

    /// [`Graph::finish`] for a node that is known to be there and running, with all that ran inside
    /// over.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "`changed` is a constant at each call")]
    pub(crate) fn finish_run(&mut self, index: u32, changed: bool) {
        debug_assert_eq!(self.stack.last(), Some(&Frame::of_run(index)));
        self.stack.pop();
        self.end_reads(index, changed);
    }

    /// [`Graph::finish_run`] for a run that began with [`Graph::start_leaf`]: it has a frame only if
    /// a walk came to it.
    #[inline]
    pub(crate) fn finish_leaf(&mut self, index: u32) {
        self.pop_run(index);
        self.end_reads(index, false);
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `finish_run`")]
    fn end_reads(&mut self, index: u32, changed: bool) {
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
        if flags & (HAS_OUTPUTS | MARKED) != 0 {
            return self.finish_marked(index, changed);
        }
        if changed {
            self.changed(index);
        }
    }

    /// The end of a run that has outputs or was marked meanwhile.
    #[cold]
    #[inline(never)]
    fn finish_marked(&mut self, index: u32, changed: bool) {
        let flags = self.node(index).flags;
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
        if self.stack.last() == Some(&Frame::of_run(index)) {
            self.stack.pop();
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
}
