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
//! Kept true between calls: both directions of the edges agree; no edge touches a freed node; a
//! reader of a node that is not clean is itself marked, running, or was cut off by a cycle.

pub(crate) mod arena;
mod check;
mod edges;
mod mark;
mod node;
mod run;
mod settle;
#[cfg(test)]
mod tests;

pub(crate) use node::{COMPUTATION, DIRTY, HOST_BITS, KIND, MARKED, RUNNING, SOURCE, WATCHED};
pub use node::{Graph, NodeId, State};
pub use settle::{Cycle, Event, Host, OnCycle, settle};
