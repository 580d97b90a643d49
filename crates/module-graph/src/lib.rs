//! Python modules, the reads between them, and what a save reruns.
#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

pub mod diff;
pub mod equality;
mod export;
mod graph;
mod name;
pub mod outline;
pub mod plan;
#[cfg(feature = "python")]
pub mod python;
mod query;
pub mod resolve;
mod source;
pub mod statements;
mod update;
mod why;

pub use graph::{Input, ModuleGraph, ModuleId, Read, Recording};
pub use name::{InvalidModuleName, ModuleName};
pub use query::Step;
pub use update::{Exit, Failure, Patched, Reason, Rerun, Spent, Update};
pub use why::Chain;
