//! The queue: watched computations that were marked, first marked first.

use super::node::{Graph, MARKED, NodeId, QUEUED, RUNNING, WATCHED};

impl Graph {
    /// Takes the next watched computation that was marked, first marked first. Those that have
    /// gone or became clean meanwhile are left out.
    pub fn next_queued(&mut self) -> Option<NodeId> {
        self.pop_queue().map(|(id, _)| id)
    }

    /// [`Graph::next_queued`], with the node's flags.
    #[inline]
    pub(crate) fn pop_queue(&mut self) -> Option<(NodeId, u32)> {
        while let Some(&id) = self.queue.get(self.queue_head) {
            self.queue_head += 1;
            if self.contains(id) {
                let node = self.node_mut(id.index);
                node.flags &= !QUEUED;
                if node.flags & MARKED != 0 {
                    return Some((id, node.flags));
                }
            }
        }
        self.queue.clear();
        self.queue_head = 0;
        None
    }

    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        self.queue_head < self.queue.len()
    }

    pub(crate) fn requeue(&mut self, index: u32) {
        let id = self.id(index);
        let node = self.node_mut(index);
        if node.flags & (WATCHED | QUEUED | RUNNING) == WATCHED {
            node.flags |= QUEUED;
            self.queue.push(id);
        }
    }
}
