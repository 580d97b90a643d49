//! Fine-grained reactive signals, and the graph algorithm below them.

#![warn(clippy::unwrap_used)]

mod cold;
mod effect;
mod equality;
mod error;
mod flush;
pub mod graph;
mod handle;
mod host;
mod memo;
mod owner;
mod read;
mod runtime;
mod scope;
mod signal;
mod slab;
mod trace;

pub use effect::Effect;
pub use equality::{ByBits, ByPartialEq, ByPointer, Equality, Never};
pub use error::{Error, Place};
pub use memo::{Linked, Memo};
pub use runtime::{Cx, Kind, Runtime};
pub use scope::{Scope, Stored};
pub use signal::{Signal, Trigger};
pub use trace::TraceEvent;
