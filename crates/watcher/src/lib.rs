//! File watching: each save once, in milliseconds, and none lost.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
//!
//! # Where things are
//!
//! [`Watcher`] is the handle, [`Builder`] its settings; a [`Batch`] holds [`Change`]s. Underneath, a
//! core without threads takes events from a [`Backend`] and asks [`Files`] what is on the disk; time
//! comes from a [`Clock`].
//!
//! # The model
//!
//! Events are hints. A file table holds what the consumer knows, and a batch is the difference between
//! it and the disk, for the paths about which there were hints. Therefore a hint too many costs a look
//! and nothing else; and whatever breaks the stream of hints (a queue that overflows, a root that is
//! replaced) is mended by looking at everything. A directory is watched before it is listed, so that
//! what happens in between is seen by one of the two, or by both.

mod backend;
mod builder;
mod change;
mod clock;
mod core;
mod debounce;
mod error;
mod files;
mod filter;
mod globs;
mod inbox;
mod matcher;
mod memory;
mod mounts;
mod stats;
#[cfg(feature = "stream")]
mod stream;
mod table;
mod watch;

pub use backend::manual::Manual;
pub use backend::{Backend, Raw, WatchError};
pub use builder::{BACKEND_VARIABLE, Builder, Choice};
pub use change::{Batch, Change};
pub use clock::{Clock, FakeClock, SystemClock, Wake};
pub use core::Points;
pub use debounce::Debounce;
pub use error::{Error, ErrorKind};
pub use files::{Disk, Entry, Files, Kind, Stat};
pub use filter::{DEFAULT_IGNORED_DIRS, Filter};
pub use globs::Globs;
pub use inbox::Sink;
pub use memory::MemoryFiles;
pub use mounts::Mounts;
pub use stats::{Stats, Warning};
#[cfg(feature = "stream")]
pub use stream::BatchStream;
pub use watch::{Batches, Content, Watcher};
