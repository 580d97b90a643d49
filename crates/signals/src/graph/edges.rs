//! Edges: how they are stored, linked and taken out.
//!
//! One record of 24 bytes sits in two lists: the reader's dependencies in order of first read, and
//! the dependency's readers in order of creation. Freed records form a list of their own.

use super::node::{Graph, KIND, NONE, NodeId, OUTPUT, RUNNING};

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

    /// What the node, which is running, has read so far in this run, in order of first read; if it is
    /// not running, what it read in its latest one.
    pub fn dependencies_so_far(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let runs = self.contains(node) && self.node(node.index).flags & RUNNING != 0;
        let mut count = usize::MAX;
        if runs {
            let tail = self.node(node.index).deps_tail;
            let mut link = tail;
            count = 0;
            while link != NONE {
                count += 1;
                link = self.edge(link).prev_dep;
            }
        }
        self.dependencies(node).take(count)
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

    /// Starts or stops noting which nodes get their first reader or lose their last one; see
    /// [`Graph::take_observations`].
    pub fn record_observations(&mut self, on: bool) {
        self.observations = on.then(Vec::new);
    }

    /// The nodes that became observed (`true`) or unobserved since the last call, oldest first. A
    /// host can start a timer or a watcher for the one and stop it for the other, when no run is in
    /// progress: a run that repeats its reads never causes any, one that swaps them causes both.
    pub fn take_observations(&mut self) -> Vec<(NodeId, bool)> {
        self.observations
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn observed(&mut self, index: u32, now: bool) {
        let id = self.id(index);
        if let Some(notes) = &mut self.observations {
            notes.push((id, now));
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
            self.observed(dep, true);
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
        if edge.prev_sub == NONE && edge.next_sub == NONE {
            self.observed(edge.dep, false);
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
    #[inline(never)]
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

    #[inline]
    pub(crate) fn edge(&self, link: u32) -> &Link {
        super::arena::at(&self.links, link)
    }

    #[inline]
    pub(crate) fn edge_mut(&mut self, link: u32) -> &mut Link {
        super::arena::at_mut(&mut self.links, link)
    }
}
