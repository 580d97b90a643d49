//! Fine-grained reactive signals, and the graph algorithm below them.
//!
#![doc = include_str!("../README.md")]
//!
//! # Rules
//!
//! * **Threads.** A [`Runtime`] and its handles stay on one thread; sending them does not compile.
//!   Other threads write through a mailbox (feature `sync`).
//! * **When things run.** Memos run when read. Effects run when made and then in the flush at the
//!   end of the outermost batch; a write outside of any batch is a batch of its own.
//! * **Writes in computations.** Effects and cleanups may write; what they write is committed when
//!   they return, and an effect that writes what it read runs again until it rests. Memos may not.
//! * **Panics** in memos are their result until something they read changes. Panics in effects,
//!   cleanups and `Drop` keep nothing else from running; the first is rethrown at the end.
//! * **Errors.** Each accessor that can fail has a `try_` twin that gives an [`Error`]; the panics of
//!   the others name where the node was made and where it was used.
//!
//! ```compile_fail
//! let rt = hmr_signals::Runtime::new();
//! std::thread::spawn(move || drop(rt));
//! ```
//!
//! ```compile_fail
//! let rt = hmr_signals::Runtime::new();
//! let signal = rt.signal(1);
//! std::thread::spawn(move || signal.set(2));
//! ```
//!
//! # Not here
//!
//! No global runtime, no scheduler, no executor, no rendering. The [`graph`] module has the algorithm
//! alone, for hosts that keep their own values.

#![warn(clippy::unwrap_used, missing_debug_implementations)]

mod cold;
mod collections;
#[cfg(feature = "conformance")]
pub mod conformance;
mod effect;
mod equality;
mod error;
mod flush;
#[cfg(feature = "async")]
mod future;
pub mod graph;
mod handle;
mod host;
mod linked;
#[cfg(feature = "sync")]
mod mailbox;
mod make;
mod memo;
mod owner;
mod read;
mod runtime;
mod scope;
mod selector;
mod signal;
mod slab;
mod slot;
mod trace;
mod trigger;

pub use collections::{ReactiveMap, ReactiveSet, ReactiveVec};
pub use effect::Effect;
pub use equality::{ByBits, ByPartialEq, ByPointer, Equality, Never};
pub use error::{Error, Place};
#[cfg(feature = "async")]
pub use future::{Changes, Resource, Task};
pub use linked::Linked;
#[cfg(feature = "sync")]
pub use mailbox::{Inbox, Mailbox};
pub use memo::Memo;
pub use runtime::{Cx, Runtime};
pub use scope::{Scope, Stored};
pub use selector::Selector;
pub use signal::Signal;
pub use trace::TraceEvent;
pub use trigger::Trigger;
