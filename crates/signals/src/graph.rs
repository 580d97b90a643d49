//! The algorithm core: which computations read what, and what has to run after a change.
//!
//! A [`Graph`] holds sources, computations, and outputs (one computation may have many). It keeps
//! no values and calls no code: a [`Host`] owns those, and [`settle()`] asks it to recompute.
//!
//! The algorithm is push-pull, and each phase is a loop, never a recursion:
//! 1. **Mark** (push): a changed source makes its direct readers [`State::Dirty`] and everything
//!    beyond them [`State::Pending`]. Marking stops at nodes that are marked already, so that a
//!    ladder of diamonds costs its edges and not its paths. Watched computations are queued.
//! 2. **Settle** (pull): a pending node looks at its dependencies in the order in which it read
//!    them. Dirty ones are recomputed, deepest first. If one really changed, the node becomes
//!    dirty and runs; if none did, it becomes clean without running.
//! 3. **Run**: between [`Graph::start`] and [`Graph::finish`] each [`Graph::read`] is compared in
//!    place with the dependency list of the previous run, so that a run that repeats its reads
//!    allocates and links nothing.
//!
//! A host with integer values, and one sum:
//!
//! ```
//! use std::cell::{Cell, RefCell};
//! use hmr_signals::graph::{Graph, Host, NodeId, settle};
//!
//! struct Sum {
//!     graph: RefCell<Graph>,
//!     parts: [(NodeId, Cell<i32>); 2],
//!     sum: NodeId,
//!     value: Cell<i32>,
//! }
//!
//! impl Host for Sum {
//!     fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
//!         f(&mut self.graph.borrow_mut())
//!     }
//!     fn recompute(&self, node: NodeId) {
//!         self.graph(|g| g.start(node));
//!         let mut new = 0;
//!         for (part, value) in &self.parts {
//!             // A dependency that is computed would be settled here, before it is recorded.
//!             self.graph(|g| g.read(node, *part));
//!             new += value.get();
//!         }
//!         let old = self.value.replace(new);
//!         self.graph(|g| g.finish(node, old != new));
//!     }
//! }
//!
//! let mut graph = Graph::new();
//! let parts = [1, 2].map(|value| (graph.add_source(), Cell::new(value)));
//! let sum = graph.add_computation(false);
//! let host = Sum { graph: RefCell::new(graph), parts, sum, value: Cell::new(0) };
//!
//! settle(&host, host.sum)?;
//! assert_eq!(host.value.get(), 3);
//! host.parts[0].1.set(10);
//! host.graph(|g| g.source_changed(host.parts[0].0));
//! settle(&host, host.sum)?;
//! assert_eq!(host.value.get(), 12);
//! # Ok::<(), hmr_signals::graph::Cycle>(())
//! ```
//!
//! Kept true between calls: both directions of the edges agree; no edge touches a freed node; a
//! reader of a node that is not clean is itself marked, running, or was cut off by a cycle.

pub(crate) mod arena;
mod check;
mod edges;
mod mark;
mod node;
mod queue;
mod run;
mod settle;
#[cfg(test)]
mod tests;

pub(crate) use node::WATCHED;
pub(crate) use node::{CHECKING, COMPUTATION, DIRTY, HOST_BITS, KIND, MARKED, RUNNING, SOURCE};
pub use node::{Graph, NodeId, State};
pub(crate) use settle::Settling;
pub use settle::{Cycle, Event, Host, OnCycle, settle};
