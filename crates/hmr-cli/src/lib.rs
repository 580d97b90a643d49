//! The `hmr` command as a library.
#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used)]

mod afresh;
pub mod api;
pub mod args;
mod choice;
pub mod command;
pub mod config;
mod ctrl_c;
pub mod doctor;
pub mod embedding;
mod events;
pub mod graph;
pub mod interpreter;
mod interrupt;
mod kept_sockets;
mod keys;
mod listeners;
pub mod manual;
pub mod own_command;
mod progress;
mod relaunch;
mod reload;
pub mod report;
mod restart;
mod running;
mod saves;
pub mod session;
pub mod settings;
#[cfg(unix)]
mod terminal;
mod termination;
mod wake;
mod watchdog;
mod watching;

use std::{ffi::OsString, io::Write as _};

use hmr_module_graph::python::forgive;
use pyo3::prelude::*;

use command::Command;
use interpreter::Interpreter;
use session::Session;

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
    match Command::parse(arguments) {
        Ok(command) => run_command(py, command),
        Err(error) => report::usage(&error),
    }
}

/// As [`run`], for the wheel: the interpreter is the one that called. A `--python` that names another one
/// is an error; one in the environment is meant for the stand-alone command.
pub fn run_in_wheel(py: Python<'_>, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match Command::parse(arguments) {
        Ok(command) => {
            if let Some(error) = named_another(py, &command) {
                return report::error(&error);
            }
            forgive(py, afresh::began_as_python(py));
            run_command(py, command)
        }
        Err(error) => report::usage(&error),
    }
}

/// What is wrong with the `--python` of the command, if anything is.
fn named_another(py: Python<'_>, command: &Command) -> Option<anyhow::Error> {
    let named = command.program().python?;
    if std::env::var_os("HMR_PYTHON").is_some() {
        return None;
    }
    let own: std::path::PathBuf = executable(py).ok()?;
    let is_own = interpreter::find(Some(&named)).is_ok_and(|named| named.is_in_place_of(&own));
    (!is_own).then(|| {
        anyhow::anyhow!(
            "this hmr belongs to {} and runs programs with that: call the hmr of another environment instead of using --python",
            own.display()
        )
    })
}

fn executable(py: Python<'_>) -> PyResult<std::path::PathBuf> {
    py.import("sys")?.getattr("executable")?.extract()
}

fn run_command(py: Python<'_>, command: Command) -> u8 {
    let status = match command {
        Command::Doctor(args) => {
            let version = py.version_info();
            let version = (version.major, version.minor);
            let python = executable(py).map(|path| Interpreter { path, version });
            let python = python.map(|it| (it, "which this hmr belongs to"));
            return say(&doctor::examine(&args, python.map_err(Into::into), version));
        }
        Command::Completions(_) | Command::Man => return print(&command),
        Command::Run(args) => args
            .resolve()
            .and_then(|config| Session::start(py, config))
            .and_then(|session| session.run(py)),
        Command::Graph(args) => graph::run(py, &args),
    };
    match status {
        Ok(status) => status,
        Err(error) => report::error(&error),
    }
}

/// Writes what a command that runs nothing has to say.
pub fn print(command: &Command) -> u8 {
    write(&command.text().unwrap_or_default());
    OK
}

/// Writes what was found, and returns the status that goes with it.
pub fn say((text, status): &(String, u8)) -> u8 {
    write(text.as_bytes());
    *status
}

/// To stdout. A closed pipe is nobody's error here.
fn write(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}
