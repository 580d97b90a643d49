//! Every line that `hmr` shows to a person. All of them go to stderr: stdout is the program's.

mod line;
mod names;
mod style;

use std::{io::Write as _, path::PathBuf};

use hmr_module_graph::{Exit, Update, python::exit_of};
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use self::{line::Line, names::Names, style::Style};
use crate::{HMR_FAILED, OK, PROGRAM_FAILED, config::Config};

/// Prints reloads and failures of one session.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// What the entry and files are called.
    names: Names,
    /// The file, folder or module that was started.
    program: String,
    /// Print tracebacks only.
    quiet: bool,
    /// Say what the time of a reload went into.
    timings: bool,
    style: Style,
}

impl Reporter {
    /// For a session with these settings.
    pub fn new(config: &Config) -> Self {
        let here = std::env::current_dir();
        Self {
            names: Names {
                label: config.entry.label(),
                folder: here.unwrap_or_else(|_| config.folder.clone()),
            },
            program: config.entry.to_string(),
            quiet: config.quiet,
            timings: config.timings,
            style: if config.color {
                Style::Colored
            } else {
                Style::Plain
            },
        }
    }

    /// Reports the program's first run: nothing, unless it failed or asked to exit.
    pub fn first_run(&self, update: &Update) {
        Self::tracebacks(update);
        self.exit(update);
        if let Some(failure) = update
            .failures
            .last()
            .filter(|failure| !failure.interrupted)
        {
            self.line(&format!(
                "{} failed ({}); waiting for a fix",
                self.names.module(&failure.module),
                failure.exception
            ));
        }
    }

    /// Reports one batch of saves: a traceback per new failure, then one line.
    pub fn update(&self, update: &Update) {
        Self::tracebacks(update);
        if update.files.is_empty() && update.reran.is_empty() {
            return;
        }
        let line = Line {
            names: &self.names,
            style: self.style,
            timings: self.timings,
        };
        self.line(&line.of(update));
        self.exit(update);
    }

    /// Says that the entry, run again after a save of `files`, goes on running.
    pub fn runs(&self, files: &[PathBuf]) {
        self.line(&format!(
            "{} -> running {}",
            self.names.files(files),
            self.names.label
        ));
    }

    /// Says that the program has been asked to end and has not yet.
    pub fn still_ending(&self) {
        self.line(&format!(
            "{} has not ended yet; it restarts as soon as it has",
            self.names.label
        ));
    }

    /// Says what will not work, in a sentence.
    pub fn warning(&self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    fn exit(&self, update: &Update) {
        let Some(exit) = &update.exit else { return };
        if let Some(message) = &exit.message {
            write(&format!("{message}\n"));
        }
        let Self { program, .. } = self;
        self.line(&format!(
            "{program} exited with status {}; watching for changes",
            exit.status
        ));
    }

    fn tracebacks(update: &Update) {
        for failure in update.failures.iter().filter(|failure| !failure.repeated) {
            write(failure.colored.as_ref().unwrap_or(&failure.traceback));
        }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            let now = jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string();
            let (hmr, now) = (self.style.name("hmr"), self.style.dim(&now));
            write(&format!("{hmr}  {now}  {text}\n"));
        }
    }
}

/// Whether stderr is a terminal that shows colours, and nobody has asked for none: `NO_COLOR`,
/// `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` say so.
pub fn is_colored() -> bool {
    let choice = anstream::AutoStream::choice(&std::io::stderr());
    choice != anstream::ColorChoice::Never
}

/// Shows what is wrong with the arguments, or the help that was asked for.
pub fn usage(error: &clap::Error) -> u8 {
    // A closed pipe is nobody's error here.
    let _ = error.print();
    if error.use_stderr() { HMR_FAILED } else { OK }
}

/// The status to end with when a signal handler of the program has raised `error` while `hmr` was
/// waiting. Ctrl-C is how people end it; `sys.exit` in a handler says the status; anything else is
/// shown as python would show it.
pub fn end(py: Python<'_>, error: &PyErr) -> u8 {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return OK;
    }
    let Some(exit) = exit_of(py, error) else {
        error.display(py);
        return PROGRAM_FAILED;
    };
    end_with(&exit)
}

/// The end of a child process that the program forked: as under python.
pub fn end_of_child(update: &Update) -> u8 {
    Reporter::tracebacks(update);
    match &update.exit {
        Some(exit) => end_with(exit),
        None if update.failures.is_empty() => OK,
        None => PROGRAM_FAILED,
    }
}

/// Prints what CPython prints for a program that exits with a text, and returns its status, cut off
/// as the operating system does with a larger number.
fn end_with(exit: &Exit) -> u8 {
    if let Some(message) = &exit.message {
        write(&format!("{message}\n"));
    }
    exit.status.to_le_bytes()[0]
}

/// Shows why `hmr` itself cannot go on.
pub fn error(error: &anyhow::Error) -> u8 {
    write(&format!("hmr: {error:#}\n"));
    HMR_FAILED
}

/// One write, so that lines of several threads do not mix.
fn write(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
