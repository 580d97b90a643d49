//! A hard restart: the process is replaced by a new one that was started in the same way.
//!
//! It is for what nothing softer can mend: the last run has left something behind in the process that the
//! next one cannot do with.

use std::ffi::OsString;

use anyhow::{Context as _, Result};
use hmr_module_graph::{
    Update,
    python::{forgive, import_own},
};
use pyo3::{prelude::*, types::PyDict};

use crate::reload::flush_output;

/// How the process was started.
#[derive(Debug)]
pub(crate) struct Launch {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<OsString>,
}

impl Launch {
    /// To be asked before anything of the program has run.
    ///
    /// # Errors
    ///
    /// If the interpreter does not say how it was started.
    pub(crate) fn of_this_process(py: Python<'_>) -> Result<Self> {
        let sys = py.import("sys")?;
        // The binary has its module built in, and an interpreter that was told nothing of its arguments.
        let is_binary = sys.getattr("builtin_module_names")?.contains("hmr")?;
        let (program, arguments) = if is_binary {
            let program = std::env::current_exe()?.into_os_string();
            (program, std::env::args_os().collect())
        } else {
            let program = sys.getattr("executable")?.extract()?;
            (program, sys.getattr("orig_argv")?.extract()?)
        };
        Ok(Self {
            program,
            arguments,
            environment: std::env::vars_os().collect(),
            folder: std::env::current_dir().ok().map(Into::into),
        })
    }

    /// Replaces the process, after `atexit` handlers and dispose hooks. Returns only if that fails.
    pub(crate) fn again(&self, py: Python<'_>) -> Result<std::convert::Infallible> {
        forgive(py, import_own(py, "atexit")?.call_method0("_run_exitfuncs"));
        forgive(py, flush_output(py));
        let os = import_own(py, "os")?;
        if let Some(folder) = &self.folder {
            os.call_method1("chdir", (folder,))?;
        }
        let environment = PyDict::new(py);
        for (name, value) in &self.environment {
            environment.set_item(name, value)?;
        }
        os.call_method1("execve", (&self.program, &self.arguments, environment))
            .with_context(|| format!("cannot start {} again", self.program.display()))?;
        unreachable!("the process has been replaced")
    }
}

/// Whether the program has failed because an address is in use.
pub(crate) fn has_failed_to_bind(py: Python<'_>, update: &Update) -> bool {
    let number = import_own(py, "errno").and_then(|errno| errno.getattr("EADDRINUSE")?.extract());
    let Ok(number) = number as PyResult<i32> else {
        return false;
    };
    let says = format!("OSError: [Errno {number}]");
    let mut failures = update.failures.iter().filter(|it| it.module.is_main());
    failures.any(|it| it.traceback.contains(&says))
}
