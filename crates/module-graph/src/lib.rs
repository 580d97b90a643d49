//! Python modules, the reads between them, and what a save reruns.
#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

pub mod diff;
mod graph;
mod name;
pub mod outline;
#[cfg(feature = "python")]
pub mod python;
mod source;
mod update;

pub use graph::{ModuleGraph, ModuleId, Read};
pub use name::{InvalidModuleName, ModuleName};
pub use update::{Exit, Failure, Reason, Rerun, Update};
