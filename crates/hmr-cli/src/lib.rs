//! The `hmr` command as a library.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

pub mod api;
pub mod args;
pub mod config;
pub mod embedding;
pub mod interpreter;
mod interrupt;
mod listeners;
mod reload;
pub mod report;
mod restart;
mod running;
mod saves;
pub mod session;
pub mod settings;
mod termination;
mod wake;
mod watching;

use std::ffi::OsString;

use clap::Parser as _;
use pyo3::Python;

/// All went well, or the person ended the program.
pub const OK: u8 = 0;
/// The user's program failed to start.
pub const PROGRAM_FAILED: u8 = 1;
/// `hmr` was called wrongly, or could not do its own part.
pub const HMR_FAILED: u8 = 2;

/// Runs the `hmr` command inside an interpreter that runs already, and returns the exit status.
///
/// `arguments` begin with the command's own name, as `sys.argv` does.
pub fn run(py: Python<'_>, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match args::Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return report::usage(&error),
    };
    run_args(py, args)
}

/// As [`run`], for the wheel: the interpreter is the one that called.
pub fn run_in_wheel(py: Python<'_>, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match args::Args::try_parse_from(arguments) {
        Ok(args) if args.python.is_some() && std::env::var_os("HMR_PYTHON").is_none() => {
            report::error(&anyhow::anyhow!(
                "this hmr belongs to one Python and runs programs with that: call the hmr of another environment instead of using --python"
            ))
        }
        Ok(args) => run_args(py, args),
        Err(error) => report::usage(&error),
    }
}

fn run_args(py: Python<'_>, args: args::Args) -> u8 {
    let session = args
        .resolve()
        .and_then(|config| session::Session::start(py, config));
    match session.and_then(|session| session.run(py)) {
        Ok(status) => status,
        Err(error) => report::error(&error),
    }
}
