//! Every line that `hmr` shows to a person. All of them go to stderr: stdout is the program's.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use hmr_module_graph::{Failure, ModuleName, Update};

use crate::{HMR_FAILED, OK};

/// Prints reloads and failures of one session.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// What the entry is called.
    pub label: String,
    /// The folder that paths are shown relative to.
    pub folder: PathBuf,
    /// Print tracebacks only.
    pub quiet: bool,
}

impl Reporter {
    /// Reports the program's first run: nothing, unless it failed or asked to exit.
    pub fn first_run(&self, update: &Update) {
        self.tracebacks(update);
        if let Some(status) = self.exit_of_entry(update) {
            self.line(&format!(
                "{} exited with status {status}; watching for changes",
                self.label_file()
            ));
        } else if let Some(failure) = update.failures.last() {
            self.line(&format!(
                "{} failed ({}); waiting for a fix",
                self.name(&failure.module),
                failure.exception
            ));
        }
    }

    /// Reports one batch of saves: a traceback per new failure, then one line.
    pub fn update(&self, update: &Update) {
        self.tracebacks(update);
        let files = self.files(&update.files);
        let time = milliseconds(update.elapsed);
        if let Some(status) = self.exit_of_entry(update) {
            self.line(&format!("{files} -> {}  {time}", self.effects(update)));
            self.line(&format!(
                "{} exited with status {status}; watching for changes",
                self.label_file()
            ));
        } else {
            self.line(&format!("{files} -> {}  {time}", self.effects(update)));
        }
    }

    fn effects(&self, update: &Update) -> String {
        let failed = |module: &ModuleName| {
            update
                .failures
                .iter()
                .find(|f| f.module == *module && f.exit_status.is_none())
        };
        let reran: Vec<_> = update
            .reran
            .iter()
            .filter(|rerun| failed(&rerun.module).is_none())
            .map(|rerun| self.name(&rerun.module))
            .collect();
        let mut effects = Vec::new();
        if !update.removed.is_empty() {
            let removed: Vec<_> = update
                .removed
                .iter()
                .map(|module| self.name(module))
                .collect();
            effects.push(format!("removed {}", removed.join(", ")));
        }
        if !reran.is_empty() {
            effects.push(format!("reran {}", reran.join(", ")));
        }
        for failure in update
            .failures
            .iter()
            .filter(|failure| failure.exit_status.is_none())
        {
            effects.push(format!(
                "{} failed ({})",
                self.name(&failure.module),
                failure.exception
            ));
        }
        if effects.is_empty() {
            return "nothing to rerun".into();
        }
        let still = update
            .failures
            .iter()
            .any(|failure| failure.exit_status.is_none());
        effects.join("; ")
            + if still {
                "; still on the last good state"
            } else {
                ""
            }
    }

    /// The status that the entry asked to exit with, if it did.
    fn exit_of_entry(&self, update: &Update) -> Option<i32> {
        update
            .failures
            .iter()
            .rfind(|f| f.module == ModuleName::main())?
            .exit_status
    }

    fn tracebacks(&self, update: &Update) {
        for Failure {
            traceback,
            repeated,
            exit_status,
            ..
        } in &update.failures
        {
            if !repeated && exit_status.is_none() {
                write(traceback);
            }
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

    /// The entry as a file, for sentences about the program rather than the module.
    fn label_file(&self) -> &str {
        &self.label
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

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Shows what is wrong with the arguments, or the help that was asked for.
pub fn usage(error: &clap::Error) -> u8 {
    // A closed pipe is nobody's error here.
    let _ = error.print();
    if error.use_stderr() { HMR_FAILED } else { OK }
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
