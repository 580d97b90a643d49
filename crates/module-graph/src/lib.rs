//! Python modules, the reads between them, and what a save reruns.
#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

mod graph;
mod name;
#[cfg(feature = "python")]
pub mod python;
mod update;

pub use graph::{ModuleGraph, ModuleId, Read, Step};
pub use name::{InvalidModuleName, ModuleName};
pub use update::{Exit, Failure, Reason, Rerun, Update};
