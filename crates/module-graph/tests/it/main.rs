//! The pure part of the crate, without an interpreter.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod cpython;
mod diff;
mod graph;
mod inputs;
mod name;
mod plan;
mod program;
mod query;
mod random_source;
mod resolve;
mod source;
mod statements;
mod why;
