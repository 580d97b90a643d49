//! The pure part of the crate, without an interpreter.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod graph;
mod inputs;
mod name;
mod program;
