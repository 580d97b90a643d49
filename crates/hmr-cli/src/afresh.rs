//! Starting the whole process anew, as it was begun: for what no reload can undo.

use std::{ffi::OsString, path::PathBuf, process::Command, sync::OnceLock};

use anyhow::{Context as _, Result};
use pyo3::prelude::*;

/// How an interpreter was started that `hmr` is a package of.
static BY_PYTHON: OnceLock<(PathBuf, Vec<OsString>)> = OnceLock::new();

/// What the process was begun with. The program may change all of it.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    executable: Option<PathBuf>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
}

/// The process is that of a Python, which began with these arguments.
pub(crate) fn began_as_python(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    let words: Vec<OsString> = sys.getattr("orig_argv")?.extract()?;
    let executable: PathBuf = sys.getattr("executable")?.extract()?;
    let arguments = words.into_iter().skip(1).collect();
    let _ = BY_PYTHON.set((executable, arguments));
    Ok(())
}

impl Beginning {
    /// Remembers it; call it before the program runs.
    pub(crate) fn remember() -> Self {
        let (executable, arguments) = match BY_PYTHON.get() {
            Some((executable, arguments)) => (Some(executable.clone()), arguments.clone()),
            None => (
                std::env::current_exe().ok(),
                std::env::args_os().skip(1).collect(),
            ),
        };
        Self {
            executable,
            arguments,
            variables: std::env::vars_os().collect(),
            folder: std::env::current_dir().ok(),
        }
    }

    /// Puts a new process in the place of this one. Returns only if that fails.
    pub(crate) fn again(&self) -> Result<u8> {
        let executable = self.executable.as_ref();
        let executable = executable.context("cannot restart: hmr does not know its own file")?;
        let mut command = Command::new(executable);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().cloned());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        replace(&mut command).with_context(|| format!("cannot restart {}", executable.display()))
    }
}

#[cfg(unix)]
fn replace(command: &mut Command) -> std::io::Result<u8> {
    use std::os::unix::process::CommandExt as _;

    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(_command: &mut Command) -> std::io::Result<u8> {
    Err(std::io::ErrorKind::Unsupported.into())
}
