//! Seeing in: events, causes, run counts, and a dump of the graph.
//!
//! All of it is off until asked for; until then a run pays one test of a flag. Dumps are in the
//! order of the node's slots and edges, so that the same program gives the same text every time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::graph::{Event, Graph, NodeId, State};
use crate::runtime::{Cx, Inner};
use crate::slot::{Kind, flag};

/// Something that happened in a runtime that is [observed](Cx::observe).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceEvent {
    /// A memo or effect is about to run because of `cause`; a first run has none.
    Run {
        /// What runs.
        node: NodeId,
        /// The node whose change marked it last.
        cause: Option<NodeId>,
    },
    /// A run is over. A memo says whether its value changed; effects always say `true`.
    Ran {
        /// What ran.
        node: NodeId,
        /// Whether its readers are told.
        changed: bool,
    },
    /// Nothing that a memo or effect reads had changed, so it did not run.
    Cut {
        /// What was left alone.
        node: NodeId,
    },
    /// A computation was asked for while it was running.
    Cycle {
        /// The one that was asked for.
        node: NodeId,
    },
    /// A node has gone.
    Disposed {
        /// Its name from now on names nothing.
        node: NodeId,
    },
}

impl Cx {
    /// Calls `f` for each event from now on, in place of an earlier observer; turns on run counts
    /// and causes. `f` must not write signals: it is called in the middle of walks.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn observe(&self, f: impl Fn(&TraceEvent) + 'static) {
        let rt = self.inner();
        self.record(true);
        let before = rt.cold.borrow_mut().observer.replace(Rc::new(f));
        drop(before);
    }

    /// Turns run counts and causes on or off, without an observer.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn record(&self, on: bool) {
        let rt = self.inner();
        rt.observed.set(on);
        rt.g(|g| g.record_causes(on));
    }

    /// How often a memo or effect ran while [recording](Cx::record).
    pub fn runs(&self, node: NodeId) -> u64 {
        let Some(rt) = self.live().ok().filter(|rt| rt.flags(node).is_some()) else {
            return 0;
        };
        let cold = rt.cold.borrow();
        cold.counts.get(&node.index).copied().unwrap_or(0)
    }

    /// Why a node was marked last: the node, what marked it, what marked that, to the signal that
    /// was written. Only itself if nothing was [recorded](Cx::record).
    pub fn why(&self, node: NodeId) -> Vec<NodeId> {
        let mut chain = vec![node];
        let mut seen = BTreeSet::from([node]);
        while let Some(&last) = chain.last()
            && let Some(cause) = self.graph(|g| g.cause(last))
            && seen.insert(cause)
        {
            chain.push(cause);
        }
        chain
    }

    /// [`Cx::why`] as a sentence, with names and places.
    pub fn explain(&self, node: NodeId) -> String {
        let chain = self.why(node);
        let live = chain.iter().filter(|id| self.rt.flags(**id).is_some());
        let parts: Vec<String> = live.map(|id| self.rt.place(*id).to_string()).collect();
        parts.join(" <- ")
    }

    /// How many nodes are alive, scopes and stored values included, and the root.
    pub fn node_count(&self) -> usize {
        self.graph(Graph::node_count)
    }

    /// How many reads are recorded.
    pub fn edge_count(&self) -> usize {
        self.graph(Graph::edge_count)
    }

    /// How many slots the arena has, used or not.
    pub fn slot_count(&self) -> usize {
        self.graph(Graph::slot_count)
    }

    /// What a node read in its latest run, in order of first read.
    pub fn dependencies(&self, node: NodeId) -> Vec<NodeId> {
        self.graph(|g| g.dependencies(node).collect())
    }

    /// What a look at the graph gives; nothing if the runtime has been dropped, whoever is at home
    /// in its memory now.
    fn graph<R: Default>(&self, look: impl FnOnce(&Graph) -> R) -> R {
        self.live()
            .map_or_else(|_| R::default(), |rt| rt.g(|g| look(g)))
    }

    /// The live nodes, if the runtime is there.
    fn nodes(&self) -> Vec<NodeId> {
        self.live().map_or_else(|_| Vec::new(), Inner::nodes)
    }

    /// Looks for inconsistencies: see [`Graph::check`](crate::graph::Graph::check). While nothing
    /// runs, also that no effect is left marked, no batch is open and nothing is on loan.
    ///
    /// # Errors
    ///
    /// A sentence that names the first fault.
    pub fn check(&self) -> Result<(), String> {
        let Ok(rt) = self.live() else { return Ok(()) };
        rt.g(|g| g.check())?;
        if rt.g(|g| g.stack.is_empty()) && rt.depth.get() == 0 {
            if rt.lent.get() != 0 || !rt.touched(|t| t.is_empty()) {
                return Err("a loan or a batch was left open".into());
            }
            if rt.g(|g| g.has_queued()) {
                return Err("effects were left in the queue".into());
            }
            for node in rt.nodes() {
                if rt.slot(node.index).vtable.kind == Kind::Effect && rt.state(node) != State::Clean
                {
                    return Err(format!("{} was left marked", rt.place(node)));
                }
            }
        }
        Ok(())
    }

    /// The graph in the language of Graphviz; arrows go from what is read to who reads it.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph signals {\n");
        for node in self.nodes() {
            let line = self.rt.line(node);
            let _ = writeln!(text, "  n{} [label={:?}];", node.index, line);
        }
        for node in self.nodes() {
            for dep in self.dependencies(node) {
                let _ = writeln!(text, "  n{} -> n{};", dep.index, node.index);
            }
        }
        text.push_str("}\n");
        text
    }

    /// The graph as JSON: an array of nodes with kind, name, state, flags, run count, owner and
    /// dependencies.
    pub fn json(&self) -> String {
        let items: Vec<String> = self.nodes().into_iter().map(|n| self.rt.item(n)).collect();
        format!("[{}]", items.join(","))
    }
}

impl Inner {
    /// All live nodes but the root, in order of slot.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let all = self.g(|g| {
            let count = u32::try_from(g.nodes.len()).unwrap_or(u32::MAX);
            let ids = (0..count).map(|index| g.id(index)).collect::<Vec<_>>();
            ids.into_iter()
                .filter(|id| g.contains(*id))
                .collect::<Vec<_>>()
        });
        all.into_iter()
            .filter(|id| *id != self.root.get())
            .collect()
    }

    fn line(&self, id: NodeId) -> String {
        let runs = self.cold.borrow().counts.get(&id.index).copied();
        let mut line = format!("{} {:?}", self.name(id), self.state(id));
        if let Some(runs) = runs {
            let _ = write!(line, " runs={runs}");
        }
        line
    }

    fn name(&self, id: NodeId) -> String {
        let name = self.cold.borrow().labels.get(&id.index).cloned();
        let kind = self.slot(id.index).vtable.kind;
        name.unwrap_or_else(|| format!("{kind:?} {}", id.index).to_lowercase())
    }

    fn item(&self, id: NodeId) -> String {
        let slot = self.slot(id.index);
        let deps: Vec<String> =
            self.g(|g| g.dependencies(id).map(|d| d.index.to_string()).collect());
        let runs = self
            .cold
            .borrow()
            .counts
            .get(&id.index)
            .copied()
            .unwrap_or(0);
        let failed = self.flags(id).unwrap_or(0) & flag::ERR != 0;
        format!(
            "{{\"id\":{},\"kind\":\"{:?}\",\"name\":\"{}\",\"state\":\"{:?}\",\"failed\":{failed},\"runs\":{runs},\"owner\":{},\"dependencies\":[{}]}}",
            id.index,
            slot.vtable.kind,
            json_text(&self.name(id)),
            self.state(id),
            slot.parent,
            deps.join(",")
        )
    }

    pub(crate) fn set_label(&self, id: NodeId, name: String) {
        if self.flags(id).is_some() {
            self.set_flags(id.index, flag::COLD, 0);
            self.cold.borrow_mut().labels.insert(id.index, name);
        }
    }

    /// Tells what a walk does. Each kind out of line by itself: an event as such would be put into
    /// memory before anybody knows whether it is wanted.
    #[inline]
    pub(crate) fn tell(&self, event: Event) {
        if self.observed.get() {
            match event {
                Event::Recompute(node) => self.tell_run(node),
                Event::Cut(node) => self.tell_cut(node),
                Event::Cycle(node) => self.tell_cycle(node),
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_run(&self, node: NodeId) {
        let cause = self.g(|g| g.cause(node));
        self.publish(&TraceEvent::Run { node, cause });
    }

    #[cold]
    #[inline(never)]
    fn tell_cut(&self, node: NodeId) {
        self.publish(&TraceEvent::Cut { node });
    }

    #[cold]
    #[inline(never)]
    fn tell_cycle(&self, node: NodeId) {
        self.publish(&TraceEvent::Cycle { node });
    }

    /// Tells that a run is over.
    #[inline]
    pub(crate) fn ran(&self, node: NodeId, changed: bool) {
        if self.observed.get() {
            self.tell_ran(node, changed);
        }
    }

    #[cold]
    fn tell_ran(&self, node: NodeId, changed: bool) {
        if self.flags(node).is_some() {
            self.set_flags(node.index, flag::COLD, 0);
            *self.cold.borrow_mut().counts.entry(node.index).or_insert(0) += 1;
        }
        self.publish(&TraceEvent::Ran { node, changed });
    }

    #[cold]
    pub(crate) fn tell_disposed(&self, node: NodeId) {
        self.publish(&TraceEvent::Disposed { node });
    }

    fn publish(&self, event: &TraceEvent) {
        #[cfg(feature = "tracing")]
        tracing::trace!(target: "hmr_signals", ?event);
        let observer = self.cold.borrow().observer.clone();
        if let Some(observer) = observer {
            // It may be called while something unwinds, and by whoever reads.
            let mut panic = None;
            self.outside(self.root.get(), || observer(event), &mut panic);
            if let Some(panic) = panic {
                self.keep_panic(panic);
            }
        }
    }
}

/// What stands between the quotes of a string in JSON.
fn json_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
