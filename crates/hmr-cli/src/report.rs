//! Every line that `hmr` shows to a person. All of them go to stderr: stdout is the program's.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use hmr_module_graph::{Exit, ModuleName, Patched, Reason, Update, python::exit_of};
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use crate::{HMR_FAILED, OK, PROGRAM_FAILED};

/// How many patched definitions a line names.
const NAMES: usize = 5;

/// Prints reloads and failures of one session.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// What the entry is called.
    pub label: String,
    /// The file, folder or module that was started.
    pub program: String,
    /// The folder that paths are shown relative to.
    pub folder: PathBuf,
    /// Print tracebacks only.
    pub quiet: bool,
    /// Say what the time of a reload went into.
    pub timings: bool,
}

impl Reporter {
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
                self.name(&failure.module),
                failure.exception
            ));
        }
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
        let files = self.files(&update.files);
        let time = if self.timings {
            timings(update)
        } else {
            milliseconds(update.elapsed)
        };
        self.line(&format!(
            "{files} -> {}  {time}",
            self.effects(update, state)
        ));
        self.exit(update);
    }

    /// Says that the entry, run again after a save of `files`, goes on running.
    pub fn runs(&self, files: &[PathBuf]) {
        self.line(&format!("{} -> running {}", self.files(files), self.label));
    }

    /// Says that the program has been asked to end and has not yet.
    pub fn still_ending(&self) {
        self.line(&format!(
            "{} has not ended yet; it restarts as soon as it has",
            self.label
        ));
    }

    /// Says what will not work, in a sentence.
    pub fn warning(&self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    fn effects(&self, update: &Update, state: &str) -> String {
        let has_failed = |module: &ModuleName| {
            update
                .failures
                .iter()
                .any(|failure| failure.module == *module)
        };
        let ran = update
            .reran
            .iter()
            .map(|rerun| &rerun.module)
            .filter(|m| !has_failed(m));
        let mut effects = Vec::new();
        effects.extend(self.list("removed", update.removed.iter()));
        effects.extend(self.patched(update));
        effects.extend(self.list("reran", ran));
        effects.extend(kept(update));
        for failure in &update.failures {
            let module = self.name(&failure.module);
            effects.push(format!("{module} failed ({})", failure.exception));
        }
        if !update.failures.is_empty() {
            effects.push(state.into());
        }
        if let Some(reason) = &update.restart {
            effects.push(format!("restarts {} ({})", self.label, self.reason(reason)));
        }
        if effects.is_empty() {
            "nothing to rerun".into()
        } else {
            effects.join("; ")
        }
    }

    /// `patched m.f, m.C.m`, if anything was.
    fn patched(&self, update: &Update) -> Option<String> {
        let full = |patched: &Patched| {
            let module = self.name(&patched.module);
            let names = patched.names().into_iter();
            names.map(move |name| format!("{module}.{name}"))
        };
        let names: Vec<_> = update.patched.iter().flat_map(full).collect();
        let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>();
        match names.len().saturating_sub(NAMES) {
            _ if names.is_empty() => None,
            0 => Some(format!("patched {}", shown.join(", "))),
            more => Some(format!("patched {} and {more} more", shown.join(", "))),
        }
    }

    /// `verb a, b, c`, if there are any.
    fn list<'a>(&self, verb: &str, of: impl Iterator<Item = &'a ModuleName>) -> Option<String> {
        let names: Vec<_> = of.map(|module| self.name(module)).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    }

    /// Why the entry has to run again, in a few words.
    fn reason(&self, reason: &Reason) -> String {
        let (all, more) = match reason {
            Reason::Read(reads) => {
                let name = |(module, name): &(ModuleName, String)| match name.as_str() {
                    "" => self.name(module),
                    name => format!("{}.{name}", self.name(module)),
                };
                (reads.first().map(name), reads.len() - 1)
            }
            Reason::Data(inputs) => {
                let file = inputs.first().map(|input| self.file(input.path()));
                (file, inputs.len() - 1)
            }
            _ => return "edited".into(),
        };
        let first = all.unwrap_or_default();
        match more {
            0 => format!("it has taken {first}, which changed"),
            more => format!("it has taken {first} and {more} more, which changed"),
        }
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
            write(&failure.traceback);
        }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            let now = jiff::ZonedDateTime::now().strftime("%H:%M:%S");
            write(&format!("hmr  {now}  {text}\n"));
        }
    }

    fn name(&self, module: &ModuleName) -> String {
        if *module == ModuleName::main() {
            self.label.clone()
        } else {
            module.to_string()
        }
    }

    fn files(&self, files: &[PathBuf]) -> String {
        let shown: Vec<_> = files.iter().take(3).map(|file| self.file(file)).collect();
        let rest = files.len().saturating_sub(shown.len());
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        shown.join(", ") + &more
    }

    fn file(&self, file: &Path) -> String {
        file.strip_prefix(&self.folder)
            .unwrap_or(file)
            .display()
            .to_string()
    }
}

/// `kept 3 statements`, if modules ran without them.
fn kept(update: &Update) -> Option<String> {
    match update.reran.iter().map(|rerun| rerun.kept).sum() {
        0 => None,
        1 => Some("kept 1 statement".into()),
        many => Some(format!("kept {many} statements")),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// `0.412 ms (compile 0.250, compare 0.031, patch 0.044, run 0.000)`.
fn timings(update: &Update) -> String {
    let spent = &update.spent;
    let parts = [
        ("compile", spent.compile),
        ("compare", spent.compare),
        ("patch", spent.patch),
        ("run", spent.run),
    ];
    let number = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    let parts = parts.map(|(name, time)| format!("{name} {}", number(time)));
    format!("{} ms ({})", number(update.elapsed), parts.join(", "))
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
