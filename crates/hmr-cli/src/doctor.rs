//! `hmr doctor`: what `hmr` finds here, and what would keep it from working. Nothing of the program
//! runs.

use std::{ffi::OsString, fmt::Write as _, path::PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::{
    OK, PROGRAM_FAILED,
    args::Args,
    choice::Choice,
    config::Config,
    interpreter::{self, Interpreter, Way},
    settings::{self, Typed},
};

/// Say what hmr finds here: the Python and why that one, the settings, what is watched, and what
/// would keep a program from being reloaded. Runs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "hmr doctor",
    override_usage = "hmr doctor [OPTIONS] [FILE|FOLDER]\n       hmr doctor [OPTIONS] -m <MODULE>"
)]
pub struct DoctorArgs {
    /// The Python to look at [default: the active or nearest virtual environment]
    #[arg(long, value_name = "PATH", env = "HMR_PYTHON")]
    pub python: Option<PathBuf>,

    /// What the table of settings has.
    #[command(flatten)]
    pub settings: Typed,

    /// Look at a module instead of a file
    #[arg(short, value_name = "MODULE", conflicts_with = "program")]
    pub module: Option<OsString>,

    /// The file, or folder with a __main__.py
    #[arg(value_name = "FILE", hide = true)]
    pub program: Option<OsString>,
}

impl DoctorArgs {
    /// The program, as `hmr` without `doctor` would be told of it.
    pub(crate) fn program(&self) -> Args {
        Args {
            python: self.python.clone(),
            settings: self.settings.clone(),
            module: self.module.clone().into_iter().collect(),
            program: self.program.clone().into_iter().collect(),
            ..Args::default()
        }
    }
}

/// What was found, line by line.
#[derive(Debug, Default)]
struct Findings {
    text: String,
    problems: Vec<String>,
}

impl Findings {
    fn note(&mut self, label: &str, text: &str) {
        // Writing to a `String` does not fail.
        let _ = writeln!(self.text, "{label:<9} {text}");
    }

    fn problem(&mut self, label: &str, error: &anyhow::Error) {
        self.problems.push(format!("{label}: {error:#}"));
    }
}

/// Looks at everything. `python` is the interpreter that would run the program, and why that one.
/// Returns what to write to stdout, and the exit status.
pub fn examine(
    args: &DoctorArgs,
    python: Result<(Interpreter, &'static str)>,
    linked: (u8, u8),
) -> (String, u8) {
    let mut findings = Findings::default();
    let version = env!("CARGO_PKG_VERSION");
    let (major, minor) = linked;
    let built = format!("{version}, built for Python {major}.{minor}");
    findings.note("hmr", &built);
    examine_python(&mut findings, python, linked);
    let program = args.program();
    if program.module.is_empty() && program.program.is_empty() {
        findings.note("program", "none was named, as in `hmr doctor main.py`");
    } else {
        match program.resolve() {
            Ok(config) => examine_program(&mut findings, &config),
            Err(error) => findings.problem("program", &error),
        }
    }
    examine_limits(&mut findings);
    let status = if findings.problems.is_empty() {
        findings.note("result", "nothing speaks against it");
        OK
    } else {
        for problem in std::mem::take(&mut findings.problems) {
            findings.note("problem", &problem);
        }
        PROGRAM_FAILED
    };
    (findings.text, status)
}

fn examine_python(
    findings: &mut Findings,
    python: Result<(Interpreter, &'static str)>,
    linked: (u8, u8),
) {
    let (python, why) = match python {
        Ok(found) => found,
        Err(error) => return findings.problem("python", &error),
    };
    let (major, minor) = python.version;
    let path = python.path.display();
    findings.note("python", &format!("{path}, Python {major}.{minor}, {why}"));
    let calls = if python.version >= (3, 12) {
        "sys.monitoring"
    } else {
        "frame evaluation (PEP 523)"
    };
    let signal = if cfg!(unix) {
        "SIGURG while the program runs"
    } else {
        "saves wait until the program has ended"
    };
    let hooks = format!("import finder, module types, {calls}, audit events, {signal}");
    findings.note("hooks", &hooks);
    match interpreter::way(&python, linked) {
        Ok(Way::Embed) => {}
        Ok(Way::Execute(_)) => {
            findings.note("python", "of another version: its own hmr takes over");
        }
        Err(error) => findings.problem("python", &error),
    }
}

fn examine_program(findings: &mut Findings, config: &Config) {
    let folder = &config.folder;
    let program = format!("{} in {}", config.entry, folder.display());
    findings.note("program", &program);
    match settings::project_file(folder) {
        Some(file) => findings.note("settings", &file.display().to_string()),
        None => findings.note("settings", "none: no pyproject.toml here or above"),
    }
    for line in config.resolved.lines() {
        findings.note("setting", &line);
    }
    for warning in &config.resolved.warnings {
        findings.problems.push(format!("setting: {warning}"));
    }
    let choice = Choice::new(&config.resolved, &config.roots);
    let started = choice.and_then(|choice| choice.watch(folder, &config.entry.to_string()));
    let watcher = match started {
        Ok(watcher) => watcher,
        Err(error) => return findings.problem("watched", &error),
    };
    let stats = watcher.stats();
    let polled = match stats.polled_dirs {
        0 => String::new(),
        polled => format!(", {polled} of them by looking again and again"),
    };
    let watched = format!(
        "Python files: {}, folders: {}{polled}",
        stats.files, stats.dirs
    );
    findings.note("watched", &watched);
    let ignored = if config.resolved.settings.gitignore {
        "what ignore files name, "
    } else {
        ""
    };
    let excluded = format!(
        "installed packages, virtual environments, {ignored}other folders until a module comes from them"
    );
    findings.note("excluded", &excluded);
    for warning in watcher.warnings() {
        findings.problems.push(format!("watched: {warning}"));
    }
    watcher.stop();
}

/// How many folders the system lets us watch, where it says so.
fn examine_limits(findings: &mut Findings) {
    for limit in ["max_user_watches", "max_user_instances"] {
        let value = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{limit}"));
        if let Ok(value) = value {
            findings.note("limit", &format!("fs.inotify.{limit} = {}", value.trim()));
        }
    }
}
