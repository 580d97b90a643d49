//! Why a module ran, in words and back to the edit that began it.

use std::fmt;

use crate::{Input, ModuleName, Reason, Rerun, Update};

/// A read, as [`Reason::Read`] holds it, in words that follow `it`: `read config.HOST`.
fn read(module: &ModuleName, name: &str) -> String {
    match name {
        "" => format!("imported {module}"),
        "*" => format!("read all names of {module}"),
        name => match name.strip_suffix("()") {
            Some(unit) => format!("called {module}.{unit}"),
            None => format!("read {module}.{name}"),
        },
    }
}

/// In words that follow `it`: `read data/config.json`.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::File(_) => "read",
            Self::Listing(_) => "listed",
            Self::Existence(_) => "looked for",
        };
        write!(f, "{verb} {}", self.path().display())
    }
}

/// The first three of `items`, and how many more there are.
pub(crate) fn few(items: &[String]) -> String {
    let shown = items[..items.len().min(3)].join(", ");
    match items.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Reads on after `reran m: `.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imported => f.write_str("it was imported for the first time"),
            Self::Edited => f.write_str("it was edited"),
            Self::Retried => f.write_str("its last run failed"),
            Self::Untracked => f.write_str("it had run for too long to be tracked to its end"),
            Self::Included(files) => {
                let files: Vec<_> = files.iter().map(|it| it.display().to_string()).collect();
                write!(f, "the settings include {}", few(&files))
            }
            Self::Asked => f.write_str("it was asked for"),
            Self::Read(reads) => {
                let reads = reads.iter().map(|(module, name)| read(module, name));
                write!(f, "it {}", few(&reads.collect::<Vec<_>>()))
            }
            Self::Data(inputs) => {
                let inputs = inputs.iter().map(ToString::to_string);
                write!(f, "it {}", few(&inputs.collect::<Vec<_>>()))
            }
        }
    }
}

impl Rerun {
    /// Why it ran, as far as that is known: `it was edited (changed HOST)`.
    pub fn because(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{} ({cause})", self.reason),
            None => self.reason.to_string(),
        }
    }
}

/// `reran services.mail: it read config.SMTP_HOST`
impl fmt::Display for Rerun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reran {}: {}", self.module, self.because())
    }
}

/// The way from a module that ran back to what began it: each step ran because of the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain<'a>(Vec<&'a Rerun>);

impl<'a> Chain<'a> {
    /// The runs, beginning with the one that was asked about.
    pub fn steps(&self) -> &[&'a Rerun] {
        &self.0
    }
}

/// `reran main: it read mail.SENDER; mail: it read config.HOST; config: it was edited`
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match index {
                0 => write!(f, "{step}")?,
                _ => write!(f, "; {}: {}", step.module, step.because())?,
            }
        }
        Ok(())
    }
}

impl Update {
    /// Why `module` ran in this batch, back to an edit, a first import or a retry. `None` if it did
    /// not run. Where a module ran for several names, the way goes by the first of them whose
    /// module ran; a module that ran twice, as in circular imports, is met at its first run that is
    /// not on the way yet.
    pub fn why(&self, module: &ModuleName) -> Option<Chain<'_>> {
        let mut chain = vec![self.first_run(module, &[])?];
        while let Some(next) = chain.last().and_then(|last| self.cause_of(last, &chain)) {
            chain.push(next);
        }
        Some(Chain(chain))
    }

    fn cause_of(&self, rerun: &Rerun, known: &[&Rerun]) -> Option<&Rerun> {
        let Reason::Read(reads) = &rerun.reason else {
            return None;
        };
        let mut runs = reads.iter();
        runs.find_map(|(module, _)| self.first_run(module, known))
    }

    fn first_run(&self, module: &ModuleName, known: &[&Rerun]) -> Option<&Rerun> {
        let mut runs = self.reran.iter().filter(|rerun| rerun.module == *module);
        runs.find(|rerun| !known.iter().any(|known| std::ptr::eq(*known, *rerun)))
    }
}
