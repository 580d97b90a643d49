//! The harness of the end-to-end tests: a project on disk and an `hmr` that runs it.
//!
//! A test makes a [`Project`], starts [`Hmr`] in it, saves files as an editor would and states
//! what that caused:
//!
//! ```no_run
//! use hmr_tests::{Hmr, Project};
//!
//! let project = Project::new(&[("m.py", "X = 1"), ("main.py", "from m import X; print('V', X)")]);
//! let mut hmr = Hmr::start(&project, &["main.py"]);
//! hmr.wait_stdout("V 1");
//!
//! let reload = hmr.save("m.py", "X = 2");
//! assert_eq!(reload.ran, ["m", "main"]);
//! assert_eq!(reload.stdout, ["V 2"]);
//! ```
//!
//! Nothing here sleeps to let something happen. A test waits for a line, at most
//! [`limit`] long, and when the line does not come it prints every line seen until then, in order
//! and with its time. That *nothing* happened is an event too: `hmr` reports each reload in one
//! line on stderr, so what a save caused is what was written before that line; and for a save that
//! must not even cause a reload see [`Hmr::between`].
//!
//! Which `hmr` runs is said by `HMR_TEST_COMMAND` (split at blanks); without it the debug binary of
//! this workspace is built and used. So one suite serves the binary and every wheel.

#![allow(
    clippy::missing_panics_doc,
    reason = "a harness panics where a test has to fail; that is its interface"
)]

pub mod book;
mod command;
mod log;
mod process;
mod project;
mod pump;
mod python;
mod report;
#[cfg(unix)]
mod terminal;

pub use command::{environment, hmr_command};
pub use log::{Line, Source, limit};
pub use process::Hmr;
pub use project::Project;
pub use python::run_plain;
pub use report::{Reload, Report};
#[cfg(unix)]
pub use terminal::Terminal;
