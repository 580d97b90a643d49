//! The `hmr` that another interpreter has installed: the stand-alone one hands over to it when it
//! cannot run that interpreter itself.
//!
//! Kept true: nobody hands over to what hands over again. The interpreter is started with the wheel's
//! entry, never with a file named `hmr` beside it, which may be a copy of this one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::interpreter::Interpreter;

/// The oldest version that a wheel can be made for.
const OLDEST: (u8, u8) = (3, 11);

/// Runs the command as the wheel's script does, whose folder comes first on `sys.path` then. Here that
/// is the working directory, in which there may be another `hmr`.
const RUN: &str = "\
import sys
first = [] if sys.flags.safe_path else [sys.path.pop(0)]
from hmr.__main__ import main
sys.path[:0] = first
sys.exit(main())";

/// What the interpreter has of what is needed here.
const LOOK: &str = "\
from importlib.util import find_spec
try:
    from hmr import _hmr
    print('own')
except ImportError:
    print('foreign' if find_spec('hmr') else 'none')
print('pip' if find_spec('pip') else 'none')";

/// An interpreter, asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCommand {
    python: PathBuf,
    version: (u8, u8),
    is_installed: bool,
    has_other: bool,
    has_pip: bool,
}

impl OwnCommand {
    /// Asks the interpreter. One that does not answer has nothing.
    pub fn of(interpreter: &Interpreter) -> Self {
        // Without the working directory, and with the packages of the user.
        let output = Command::new(&interpreter.path)
            .args(["-P", "-c", LOOK])
            .output();
        let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let (hmr, pip) = (lines.next(), lines.next());
        Self {
            python: interpreter.path.clone(),
            version: interpreter.version,
            is_installed: hmr == Some("own"),
            has_other: hmr == Some("foreign"),
            has_pip: pip == Some("pip"),
        }
    }

    /// Whether there is one to hand over to.
    pub fn is_installed(&self) -> bool {
        self.is_installed
    }

    /// Becomes the interpreter's own `hmr`, which gets the `arguments` behind its name. Comes back only
    /// where a process cannot become another one, with the status of that.
    ///
    /// # Errors
    ///
    /// If the interpreter cannot be started.
    pub fn execute(&self, arguments: impl IntoIterator<Item = OsString>) -> Result<u8> {
        let mut command = Command::new(&self.python);
        command.args(["-c", RUN]).args(arguments);
        become_it(&mut command).with_context(|| format!("cannot start {}", self.python.display()))
    }

    /// Why the interpreter cannot be served, and the one command that changes that.
    pub fn advice(&self) -> String {
        if self.version < OLDEST {
            let (major, minor) = OLDEST;
            return format!("hmr needs Python {major}.{minor} or newer: choose one with --python");
        }
        let found = if self.has_other {
            "the package hmr that it has is another one"
        } else {
            "it has no hmr of its own"
        };
        let (source, place) = match checkout() {
            Some(source) => (source.display().to_string(), ""),
            None => (".".to_owned(), " in a checkout of hmr"),
        };
        let python = self.python.display();
        let install = if self.has_pip {
            format!("{python} -m pip install {source}")
        } else {
            format!("uv pip install --python {python} {source}")
        };
        format!(
            "{found}: install one by `{install}`{place}, or choose another Python with --python"
        )
    }
}

/// The folder that this program was built from, if it is still there.
fn checkout() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    folder
        .join("pyproject.toml")
        .is_file()
        .then(|| folder.to_path_buf())
}

#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Result<u8> {
    use std::os::unix::process::CommandExt as _;

    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Result<u8> {
    let code = command.status()?.code();
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(crate::HMR_FAILED))
}
