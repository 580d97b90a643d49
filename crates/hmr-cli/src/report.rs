//! Every line that `hmr` shows to a person. All of them go to stderr: stdout is the program's.

mod line;
mod names;
mod page;
mod style;
mod summary;
mod why;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Result;
use hmr_module_graph::{
    Exit, Update,
    python::{Entry, exit_of},
};
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

pub use self::style::Style;
use self::{line::Line, names::Names, summary::Summary};
use crate::{
    HMR_FAILED, OK, PROGRAM_FAILED,
    config::Config,
    events::Events,
    keys::{self, Key},
    settings::OnError,
};

/// As wide as what stands before a line's text.
const MARGIN: &str = "               ";

/// Prints reloads and failures of one session.
#[derive(Debug)]
pub struct Reporter {
    /// What the entry and files are called.
    names: Names,
    /// The file, folder or module that was started.
    program: String,
    /// Print tracebacks only.
    quiet: bool,
    /// Say what the time of a reload went into.
    timings: bool,
    /// Say why each module ran.
    why: bool,
    style: Style,
    /// What `hmr` does when something has failed.
    on_error: OnError,
    /// Where other programs are told the same.
    events: Option<Events>,
    summary: Mutex<Summary>,
    /// The last reload.
    last: Mutex<Option<Update>>,
}

impl Reporter {
    /// For a session with these settings, which begins now.
    ///
    /// # Errors
    ///
    /// If the events cannot go where they are to go.
    pub fn new(config: &Config) -> Result<Self> {
        let events = config.events.as_deref().map(Events::open).transpose()?;
        let plain = Self::plain(&config.entry, &config.folder);
        let settings = &config.resolved.settings;
        if let Some(events) = &events {
            events.start(&plain.program);
        }
        Ok(Self {
            quiet: settings.quiet,
            timings: settings.timings,
            why: settings.why,
            on_error: settings.on_error,
            style: config.style,
            events,
            ..plain
        })
    }

    /// For the program `entry`, whose folder this is, without any settings.
    pub(crate) fn plain(entry: &Entry, folder: &Path) -> Self {
        let here = std::env::current_dir();
        Self {
            names: Names {
                label: entry.label(),
                folder: here.unwrap_or_else(|_| folder.to_owned()),
            },
            program: entry.to_string(),
            quiet: false,
            timings: false,
            why: false,
            style: Style::of_stderr(),
            on_error: OnError::Keep,
            events: None,
            summary: Mutex::new(Summary::new()),
            last: Mutex::default(),
        }
    }

    /// Reports the program's first run: nothing, unless it failed or asked to exit.
    pub fn first_run(&self, update: &Update) {
        self.tell(|events| events.run(update));
        Self::tracebacks(update);
        self.exit(update);
        if let Some(failure) = update
            .failures
            .last()
            .filter(|failure| !failure.interrupted)
        {
            self.line(&format!(
                "{} failed ({}); {}",
                self.names.module(&failure.module),
                failure.exception,
                self.after_failure("waiting for a fix"),
            ));
        }
    }

    /// Reports a run that has ended the program by what it raised.
    pub fn end_by_error(&self, update: &Update) {
        self.tell(|events| events.run(update));
        Self::tracebacks(update);
    }

    /// Reports one batch of saves: a traceback per new failure, then one line.
    pub fn update(&self, update: &Update) {
        self.reload(update, "still on the last good state");
    }

    /// The same while the program has not run well yet.
    pub fn retry(&self, update: &Update) {
        self.reload(update, "waiting for a fix");
    }

    fn reload(&self, update: &Update, state: &str) {
        Self::tracebacks(update);
        if update.files.is_empty() && update.reran.is_empty() {
            return;
        }
        self.tell(|events| events.reload(update));
        self.summary().add(update);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(update.clone());
        let line = self.line_of(update, state);
        let why = if self.why {
            why::lines(update, &self.names)
        } else {
            Vec::new()
        };
        self.lines(&line, &why);
        self.exit(update);
    }

    fn line_of(&self, update: &Update, state: &str) -> String {
        let line = Line {
            names: &self.names,
            style: self.style,
            timings: self.timings,
            state: self.after_failure(state),
        };
        line.of(update)
    }

    /// What comes after a failure, if it is not the end.
    fn after_failure<'a>(&self, state: &'a str) -> &'a str {
        match self.on_error {
            OnError::Keep => state,
            OnError::Exit => "ending, as on-error says",
        }
    }

    /// Says that the entry, run again after a save of `files`, goes on running.
    pub fn runs(&self, files: &[PathBuf]) {
        self.tell(|events| events.running(files));
        self.line(&format!(
            "{} -> running {}",
            self.names.files(files),
            self.names.label
        ));
    }

    /// Says that the program has been asked to end and has not yet.
    pub fn still_ending(&self) {
        self.tell(Events::waiting);
        self.line(&format!(
            "{} has not ended yet; it restarts as soon as it has",
            self.names.label
        ));
    }

    /// Says that a reload inside of the program does not come to its end.
    pub fn is_stuck(&self) {
        self.tell(Events::stuck);
        self.line(&self.style.warn(
            "the reload takes long; if it waits for a lock that the program holds, Ctrl-C stops it and the program goes on",
        ));
    }

    /// Says that the process is replaced, and why.
    pub fn relaunches(&self) {
        self.tell(Events::relaunching);
        let text = "its port is still in use by what the last run left behind";
        let Names { label, .. } = &self.names;
        self.line(
            &self
                .style
                .warn(&format!("starts {label} in a new process ({text})")),
        );
    }

    /// Says what will not work, in a sentence.
    pub fn warning(&self, text: &str) {
        self.tell(|events| events.warning(text));
        self.line(&self.style.warn(&format!("warning: {text}")));
    }

    /// Says something that is no news of the program.
    pub(crate) fn note(&self, text: &str) {
        self.line(&self.style.dim(text));
    }

    /// An empty line that a person wants.
    pub(crate) fn gap() {
        write("\n");
    }

    /// Clears the terminal, and what has scrolled out of it.
    pub(crate) fn clear() {
        write("\x1b[2J\x1b[3J\x1b[H");
    }

    /// Lists the keys.
    pub(crate) fn keys(&self) {
        let line = |(letter, _, text): &(char, Key, &str)| format!("{letter}  {text}");
        let keys: Vec<_> = keys::ALL.iter().map(line).collect();
        self.answer("keys, while the program does not run:", &keys);
    }

    /// Says why the last reload ran what it ran.
    pub(crate) fn why_last(&self) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            None => self.answer("nothing has been reloaded yet", &[]),
            Some(update) => {
                let line = self.line_of(update, "still on the last good state");
                self.answer(&line, &why::lines(update, &self.names));
            }
        }
    }

    /// Writes a graph as a page for a browser, and says where.
    pub(crate) fn graph(&self, page: &str) {
        match page::write(&self.names.label, page) {
            Ok(path) => self.answer(&format!("the graph is in {}", path.display()), &[]),
            Err(error) => self.warning(&format!("cannot write the graph: {error}")),
        }
    }

    /// What a person has asked for, who may have asked for quiet as well.
    fn answer(&self, text: &str, more: &[String]) {
        write(&self.of_lines(text, more));
    }

    /// Says what the session came to.
    pub fn end(&self) {
        let (reloads, line) = {
            let summary = self.summary();
            (summary.reloads(), summary.line())
        };
        if let Some(line) = line {
            self.line(&line);
        }
        self.tell(|events| events.end(reloads));
    }

    fn tell(&self, event: impl FnOnce(&Events)) {
        if let Some(events) = &self.events {
            event(events);
        }
    }

    fn summary(&self) -> std::sync::MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
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

    pub(crate) fn tracebacks(update: &Update) {
        for failure in update.failures.iter().filter(|failure| !failure.repeated) {
            write(failure.colored.as_ref().unwrap_or(&failure.traceback));
        }
    }

    fn line(&self, text: &str) {
        self.lines(text, &[]);
    }

    /// A line, and others below it that belong to it.
    fn lines(&self, text: &str, more: &[String]) {
        if !self.quiet {
            write(&self.of_lines(text, more));
        }
    }

    fn of_lines(&self, text: &str, more: &[String]) -> String {
        let now = jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string();
        let (hmr, now) = (self.style.name("hmr"), self.style.dim(&now));
        let more = more.iter().map(|line| format!("{MARGIN}{line}\n"));
        let more: String = more.collect();
        format!("{hmr}  {now}  {text}\n{more}")
    }
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

/// The end of a program with which the process ends too: as under python.
pub fn end_of_program(update: &Update) -> u8 {
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
