#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

mod graph;
mod name;
#[cfg(feature = "python")]
pub mod python;
mod update;

pub use graph::{ModuleGraph, ModuleId, Read};
pub use name::{InvalidModuleName, ModuleName};
pub use update::{Failure, Reason, Rerun, Update};
