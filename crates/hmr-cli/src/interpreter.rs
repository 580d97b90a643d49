//! Which Python a stand-alone `hmr` runs programs with, and whether it can.
//!
//! The binary is linked to one CPython version and starts it under the name of the environment's
//! interpreter. An environment of another version would find a foreign standard library and none of
//! its packages: its own `hmr` is used, or it is refused before anything starts.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::own_command::OwnCommand;

/// An interpreter and the version that it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable, links not resolved.
    pub path: PathBuf,
    /// Major and minor version.
    pub version: (u8, u8),
}

impl Interpreter {
    /// Whether it lies where `executable` does: an environment's executable has several names.
    pub(crate) fn is_in_place_of(&self, executable: &Path) -> bool {
        let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
        folder(&self.path).is_some_and(|own| folder(executable) == Some(own))
    }
}

/// Finds the interpreter of the active environment: `asked` (`--python` or `HMR_PYTHON`), an active
/// virtual environment, one named `.venv` or `venv` here or above, conda's, and the first on `PATH`.
///
/// # Errors
///
/// If there is none, or the one that was asked for is not a Python.
pub fn find(asked: Option<&Path>) -> Result<Interpreter> {
    explain(asked).map(|(found, _)| found)
}

/// As [`find`], with what led to it, in words.
///
/// # Errors
///
/// As [`find`].
pub fn explain(asked: Option<&Path>) -> Result<(Interpreter, &'static str)> {
    if let Some(asked) = asked {
        let found = recorded(asked).map_or_else(|| ask(asked), Ok);
        return found
            .map(|found| (found, "named by --python or HMR_PYTHON"))
            .with_context(|| format!("cannot use {} as the Python", asked.display()));
    }
    let is_said = |value: &OsString| !value.is_empty();
    let variable = |name: &str| std::env::var_os(name).filter(is_said).map(PathBuf::from);
    let environments = [
        (variable("VIRTUAL_ENV"), "of the active virtual environment"),
        (nearest_environment(), "of the nearest virtual environment"),
        (variable("CONDA_PREFIX"), "of the active conda environment"),
    ];
    for (environment, why) in environments {
        let Some(environment) = environment else {
            continue;
        };
        let python = executable_in(&environment);
        if python.exists() {
            let found = match recorded_version(&environment) {
                Some(version) => Ok(Interpreter {
                    path: python,
                    version,
                }),
                None => ask(&python),
            };
            return found.map(|found| (found, why));
        }
    }
    ask(Path::new("python3"))
        .or_else(|_| ask(Path::new("python")))
        .map(|found| (found, "the first on PATH"))
        .context(
            "there is no Python: put one on PATH, activate a virtual environment, or use --python",
        )
}

/// How a program comes to run with an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is started in this process.
    Embed,
    /// It runs the `hmr` that it has installed.
    Execute(OwnCommand),
}

/// Finds out how this program, which is linked to `linked`, has programs run with `interpreter`.
///
/// # Errors
///
/// If the versions differ and the interpreter has no `hmr`; the message has the command that installs
/// one.
pub fn way(interpreter: &Interpreter, linked: (u8, u8)) -> Result<Way> {
    if interpreter.version == linked {
        return Ok(Way::Embed);
    }
    let own = OwnCommand::of(interpreter);
    if own.is_installed() {
        return Ok(Way::Execute(own));
    }
    bail!("{}; {}", difference(interpreter, linked), own.advice())
}

/// Checks that this program can start `interpreter` in its own process, being linked to `linked`.
///
/// # Errors
///
/// If the versions differ.
pub fn check(interpreter: &Interpreter, linked: (u8, u8)) -> Result<()> {
    if interpreter.version == linked {
        return Ok(());
    }
    bail!(difference(interpreter, linked))
}

fn difference(interpreter: &Interpreter, linked: (u8, u8)) -> String {
    let Interpreter { path, version } = interpreter;
    format!(
        "{} is Python {}.{}, and this program was built for Python {}.{}",
        path.display(),
        version.0,
        version.1,
        linked.0,
        linked.1,
    )
}

/// A `.venv` or `venv` in the working directory or above it.
fn nearest_environment() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors()
        .flat_map(|folder| [folder.join(".venv"), folder.join("venv")])
        .find(|venv| venv.join("pyvenv.cfg").exists())
}

/// The interpreter of a virtual environment, if `executable` is one: known without its being started,
/// which takes as long as the start of a small program.
fn recorded(executable: &Path) -> Option<Interpreter> {
    if !executable.is_file() {
        return None;
    }
    let path = std::path::absolute(executable).ok()?;
    let version = recorded_version(path.parent()?.parent()?)?;
    Some(Interpreter { path, version })
}

fn executable_in(environment: &Path) -> PathBuf {
    if cfg!(windows) {
        let in_scripts = environment.join("Scripts").join("python.exe");
        return if in_scripts.exists() {
            in_scripts
        } else {
            environment.join("python.exe")
        };
    }
    environment.join("bin").join("python")
}

/// The version that `pyvenv.cfg` records: `venv` writes `version`, `uv` and `virtualenv`
/// `version_info`.
fn recorded_version(environment: &Path) -> Option<(u8, u8)> {
    let text = std::fs::read_to_string(environment.join("pyvenv.cfg")).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key.trim(), "version" | "version_info").then(|| parse_version(value))?
    })
}

fn parse_version(text: &str) -> Option<(u8, u8)> {
    let mut parts = text.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Asks the executable who it is. It may be a script that starts another one, as pyenv's are.
fn ask(python: &Path) -> Result<Interpreter> {
    let code = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)";
    let output = Command::new(python).args(["-I", "-c", code]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    match (lines.next().and_then(parse_version), lines.next()) {
        (Some(version), Some(path)) if !path.is_empty() => Ok(Interpreter {
            path: path.into(),
            version,
        }),
        _ => bail!("it does not answer as a Python does"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_either_spelling() {
        assert_eq!(parse_version(" 3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("3.14.0.final.0"), Some((3, 14)));
        assert_eq!(parse_version("three"), None);
    }

    #[test]
    fn another_version_cannot_be_started_here() {
        let python = Interpreter {
            path: "/app/.venv/bin/python".into(),
            version: (3, 13),
        };
        let refusal = check(&python, (3, 11)).expect_err("a foreign version");
        assert_eq!(
            refusal.to_string(),
            "/app/.venv/bin/python is Python 3.13, and this program was built for Python 3.11"
        );
        assert!(check(&python, (3, 13)).is_ok());
    }
}
