//! Fine-grained reactive signals, and the graph algorithm below them.
//!
//! [`graph`] is the algorithm alone: nodes, edges, marking and settling, without values or closures.

#![warn(clippy::unwrap_used)]

pub mod graph;
