#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
//!
//! # Where things are
//!
//! [`Watcher`] is the handle; [`Filter`], [`Debounce`] and [`Content`] are its settings; a [`Batch`]
//! holds [`Change`]s. Underneath, a pure core takes events from a [`Backend`] and asks [`Files`] what
//! is on the disk; time comes from a [`Clock`].

mod backend;
mod builder;
mod change;
mod clock;
mod core;
mod debounce;
mod error;
mod files;
mod filter;
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
pub use debounce::Debounce;
pub use error::{Error, ErrorKind};
pub use files::{Disk, Entry, Files, Kind, Stat};
pub use filter::{DEFAULT_IGNORED_DIRS, Filter};
pub use inbox::Sink;
pub use memory::MemoryFiles;
pub use mounts::Mounts;
pub use stats::{Stats, Warning};
#[cfg(feature = "stream")]
pub use stream::BatchStream;
pub use watch::{Batches, Content, Watcher};
