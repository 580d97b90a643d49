//! The consistency checker: what must hold between any two public calls.
//!
//! Tests run it after each step of a fuzz run; a host may run it when it suspects its own driving.

use super::node::{
    CHECKING, COMPUTATION, FAILED, FREE, Graph, KIND, MARKED, NONE, QUEUED, RUNNING, SOURCE,
};

impl Graph {
    /// Looks for anything inconsistent: edge lists whose two directions disagree, edges to free
    /// nodes, a queue whose entries and marks disagree, and, while nothing runs, leftovers of walks
    /// and marked nodes with clean readers. Costs the size of the graph.
    ///
    /// # Errors
    ///
    /// A sentence that names the first fault and its nodes.
    pub fn check(&self) -> Result<(), String> {
        let (mut live, mut forward, mut backward) = (0, 0, 0);
        for index in 0..u32::try_from(self.nodes.len()).unwrap_or(NONE) {
            let node = self.node(index);
            if node.flags & KIND == FREE {
                continue;
            }
            live += 1;
            forward += self.check_deps(index)?;
            backward += self.check_subs(index)?;
            let entries = self.queue[self.queue_head..]
                .iter()
                .filter(|id| **id == self.id(index));
            let wanted = usize::from(node.flags & QUEUED != 0);
            if self.queue.len() < 64 && entries.count() != wanted {
                return Err(format!("{index}: queue entries do not match the flag"));
            }
            if self.stack.is_empty() && node.flags & (RUNNING | CHECKING) != 0 {
                return Err(format!("{index}: left over from a walk"));
            }
        }
        if live != self.live_nodes {
            return Err(format!("{live} nodes found, {} counted", self.live_nodes));
        }
        if forward != backward || forward != self.live_links {
            return Err(format!(
                "{forward} edges forward, {backward} back, {} counted",
                self.live_links
            ));
        }
        if !self.todo.is_empty() {
            return Err("the marking loop left work behind".into());
        }
        Ok(())
    }

    fn check_deps(&self, index: u32) -> Result<u32, String> {
        let (mut count, mut prev, mut link) = (0, NONE, self.node(index).deps);
        let mut seen = std::collections::BTreeSet::new();
        while link != NONE {
            let edge = self.edge(link);
            if edge.sub != index || edge.prev_dep != prev {
                return Err(format!("{index}: broken dependency list"));
            }
            if self.node(edge.dep).flags & KIND == FREE {
                return Err(format!("{index}: edge to the freed node {}", edge.dep));
            }
            if self.node(index).flags & RUNNING == 0 && !seen.insert(edge.dep) {
                return Err(format!("{index}: two edges to {}", edge.dep));
            }
            prev = link;
            link = edge.next_dep;
            count += 1;
        }
        if self.node(index).flags & RUNNING == 0 && self.node(index).deps_tail != prev {
            return Err(format!("{index}: wrong end of the dependency list"));
        }
        Ok(count)
    }

    fn check_subs(&self, index: u32) -> Result<u32, String> {
        let node = self.node(index);
        let (mut count, mut prev, mut link) = (0, NONE, node.subs);
        while link != NONE {
            let edge = self.edge(link);
            if edge.dep != index || edge.prev_sub != prev {
                return Err(format!("{index}: broken list of readers"));
            }
            let sub = self.node(edge.sub).flags;
            if sub & KIND == FREE {
                return Err(format!("{index}: edge from the freed node {}", edge.sub));
            }
            if self.stack.is_empty()
                && node.flags & MARKED != 0
                && node.flags & FAILED == 0
                && sub & MARKED == 0
            {
                let who = if node.flags & KIND == SOURCE {
                    "source"
                } else {
                    "node"
                };
                if sub & KIND == COMPUTATION {
                    return Err(format!(
                        "{index}: marked {who} with the clean reader {}",
                        edge.sub
                    ));
                }
            }
            prev = link;
            link = edge.next_sub;
            count += 1;
        }
        if node.subs_tail != prev {
            return Err(format!("{index}: wrong end of the list of readers"));
        }
        Ok(count)
    }
}
