//! What one batch of saves did, as data.
//!
//! The engine fills an [`Update`] and prints nothing. Whoever embeds it decides what a person sees.
//! Broken user code is part of the answer ([`Failure`]), not an error of the engine.

use std::{path::PathBuf, time::Duration};

use crate::{Input, ModuleName, plan::Cause, statements::Whole};

/// The outcome of one batch of saves.
#[derive(Debug, Default, Clone)]
#[non_exhaustive]
pub struct Update {
    /// The files that the batch named, in its order, without those that hold what they held.
    pub files: Vec<PathBuf>,
    /// The modules that ran, in the order in which their runs ended: dependencies first.
    pub reran: Vec<Rerun>,
    /// The modules whose live functions got new code or docstrings, without a run, in that order.
    pub patched: Vec<Patched>,
    /// The modules whose run raised, in the order in which they did. Each is among `reran`, still
    /// has the state from before, and is tried again at the next save.
    pub failures: Vec<Failure>,
    /// The modules whose last run had raised and whose run went well now, in that order.
    pub recovered: Vec<ModuleName>,
    /// The modules whose files hold what they held but for layout and comments: nothing was to be done.
    pub unchanged: Vec<ModuleName>,
    /// The modules that have accepted a change and did not run again for it, in that order.
    pub accepted: Vec<ModuleName>,
    /// How the entry ended its run, if it asked to exit.
    pub exit: Option<Exit>,
    /// Why the entry, which runs and does not end, has to run again: it holds what has changed.
    pub restart: Option<Reason>,
    /// The modules that left because their file did.
    pub removed: Vec<ModuleName>,
    /// Time from the start of the update until every module had settled.
    pub elapsed: Duration,
    /// What most of that time went into.
    pub spent: Spent,
}

/// Parts of an update's time that do not overlap. What is left of [`Update::elapsed`] went into finding
/// out what the files mean and who is reached.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spent {
    /// Reading and compiling source.
    pub compile: Duration,
    /// Comparing new code with the code that ran.
    pub compare: Duration,
    /// Finding live functions, giving them their new code, and telling who had executed the old.
    pub patch: Duration,
    /// Running modules, and comparing their names with those of before.
    pub run: Duration,
}

impl Spent {
    /// All parts together.
    pub fn total(&self) -> Duration {
        self.compile + self.compare + self.patch + self.run
    }
}

/// One module that ran again, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rerun {
    /// The module.
    pub module: ModuleName,
    /// Why it ran.
    pub reason: Reason,
    /// The names whose values the run changed, sorted.
    pub changed: Vec<String>,
    /// Why an edit of it made it run and was not patched, as far as that is known.
    pub cause: Option<Cause>,
    /// How many of its statements did not run, because nothing reached them: see
    /// [`Granularity`](crate::statements::Granularity).
    pub kept: usize,
    /// The names that these bind, sorted.
    pub kept_names: Vec<String>,
    /// Why none was left out, if that was to be tried.
    pub whole: Option<Whole>,
}

impl Rerun {
    /// A run of `module` for this reason, which changed the names `changed`.
    pub fn new(module: ModuleName, reason: Reason, mut changed: Vec<String>) -> Self {
        changed.sort_unstable();
        Self {
            module,
            reason,
            changed,
            cause: None,
            kept: 0,
            kept_names: Vec::new(),
            whole: None,
        }
    }
}

/// A module that was patched: its functions kept their objects, and it did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patched {
    /// The module.
    pub module: ModuleName,
    /// The definitions with another body, such as `f` and `C.m`, sorted.
    pub bodies: Vec<String>,
    /// The definitions with another docstring. None: only the module's own, if there are no bodies.
    pub docs: Vec<String>,
}

impl Patched {
    /// What was patched, by its name in the module: `f`, `C.m`, `f.__doc__`.
    pub fn names(&self) -> Vec<String> {
        let docs = self.docs.iter().map(|unit| format!("{unit}.__doc__"));
        let mut names: Vec<_> = self.bodies.iter().cloned().chain(docs).collect();
        if names.is_empty() {
            names.push("__doc__".into());
        }
        names
    }
}

/// Why a module ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was imported for the first time.
    Imported,
    /// Its own file changed.
    Edited,
    /// It had read these names, and their values changed.
    Read(Vec<(ModuleName, String)>),
    /// It had read these files, listings or probes, and what they give changed.
    Data(Vec<Input>),
    /// Its last run raised, so it was tried again.
    Retried,
    /// It is the entry, and these files changed, for whose sake it is to run again: see `Engine::include`.
    Included(Vec<PathBuf>),
    /// It is the entry, and somebody asked for it.
    Asked,
    /// Its last run took so long that it was not tracked to its end, and something changed.
    Untracked,
}

/// A module whose run raised an exception.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The module.
    pub module: ModuleName,
    /// The name of the exception's class, such as `SyntaxError`.
    pub exception: String,
    /// The traceback as CPython prints it, ending in a line feed, without frames of the engine.
    pub traceback: String,
    /// The same in colour, if that was asked for and CPython can do it, which it does since 3.13.
    pub colored: Option<String>,
    /// The run was stopped by Ctrl-C.
    pub interrupted: bool,
    /// The same traceback as at the module's last run, which failed too: it has been shown already.
    pub repeated: bool,
}

/// The program asked to exit, as with `sys.exit`. That ends its run well.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// The status that the process would have had.
    pub status: i32,
    /// What CPython would have printed to stderr.
    pub message: Option<String>,
}
