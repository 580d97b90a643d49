//! What happens, for editors and other programs: one JSON object a line. `docs/events.md` says what
//! they hold.
//!
//! Kept true: an object is written whole, by one write, before anything else happens.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use hmr_module_graph::{Exit, Failure, Input, Patched, Reason, Rerun, Update};
use serde_json::{Value, json};

/// The version of what the objects hold. Keys may be added without a new one.
const SCHEMA: u32 = 1;

/// Where the objects go.
#[derive(Debug)]
pub(crate) struct Events(Mutex<File>);

impl Events {
    /// Opens what `--events` names: a file, which is begun anew, or the number of a file descriptor
    /// that is open.
    pub(crate) fn open(target: &str) -> Result<Self> {
        let opened = match target.parse::<u32>() {
            Ok(number) => descriptor(number),
            Err(_) => File::create(target),
        };
        let file = opened.with_context(|| format!("cannot write events to {target}"))?;
        Ok(Self(Mutex::new(file)))
    }

    pub(crate) fn start(&self, program: &str) {
        self.write(
            "start",
            json!({
                "schema": SCHEMA,
                "version": env!("CARGO_PKG_VERSION"),
                "pid": std::process::id(),
                "program": program,
                "folder": std::env::current_dir().ok(),
            }),
        );
    }

    /// The entry's run has ended that no save began.
    pub(crate) fn run(&self, update: &Update) {
        let failures: Vec<_> = update.failures.iter().map(failure).collect();
        self.write(
            "run",
            json!({
                "failures": failures,
                "exit": update.exit.as_ref().map(exit),
                "milliseconds": milliseconds(update.elapsed),
            }),
        );
    }

    pub(crate) fn reload(&self, update: &Update) {
        let patched =
            |it: &Patched| json!({ "module": it.module.as_str(), "definitions": it.names() });
        let names = |modules: &[hmr_module_graph::ModuleName]| -> Vec<String> {
            modules.iter().map(ToString::to_string).collect()
        };
        let spent = &update.spent;
        self.write(
            "reload",
            json!({
                "files": update.files,
                "removed": names(&update.removed),
                "patched": update.patched.iter().map(patched).collect::<Vec<_>>(),
                "reran": update.reran.iter().map(rerun).collect::<Vec<_>>(),
                "unchanged": names(&update.unchanged),
                "failures": update.failures.iter().map(failure).collect::<Vec<_>>(),
                "recovered": names(&update.recovered),
                "restart": update.restart.as_ref().map(reason),
                "exit": update.exit.as_ref().map(exit),
                "milliseconds": milliseconds(update.elapsed),
                "spent": {
                    "compile": milliseconds(spent.compile),
                    "compare": milliseconds(spent.compare),
                    "patch": milliseconds(spent.patch),
                    "run": milliseconds(spent.run),
                },
            }),
        );
    }

    /// The entry runs again after a save of `files` and does not end.
    pub(crate) fn running(&self, files: &[PathBuf]) {
        self.write("running", json!({ "files": files }));
    }

    /// The program was asked to end, for a restart, and has not yet.
    pub(crate) fn waiting(&self) {
        self.write("waiting", json!({}));
    }

    /// A reload inside of the running program takes long.
    pub(crate) fn stuck(&self) {
        self.write("stuck", json!({}));
    }

    /// The process is about to be replaced by a new one, which begins with `start`.
    pub(crate) fn relaunching(&self) {
        self.write("relaunching", json!({}));
    }

    pub(crate) fn warning(&self, text: &str) {
        self.write("warning", json!({ "text": text }));
    }

    pub(crate) fn end(&self, reloads: usize) {
        self.write("end", json!({ "reloads": reloads }));
    }

    fn write(&self, event: &str, mut object: Value) {
        object["event"] = event.into();
        object["time"] = jiff::Timestamp::now().to_string().into();
        let line = format!("{object}\n");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever read them has gone: the program goes on.
        let _ = file.write_all(line.as_bytes());
    }
}

/// A descriptor that we were started with, opened once more by its number.
fn descriptor(number: u32) -> io::Result<File> {
    if cfg!(windows) {
        let text = "there are no descriptors on Windows: name a file";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let path = format!("/dev/fd/{number}");
    OpenOptions::new().append(true).open(path)
}

fn rerun(rerun: &Rerun) -> Value {
    json!({
        "module": rerun.module.as_str(),
        "reason": reason(&rerun.reason),
        "because": rerun.because(),
        "changed": rerun.changed,
        "kept_statements": rerun.kept,
        "kept": rerun.kept_names,
        "whole": rerun.whole.map(|whole| whole.to_string()),
    })
}

fn reason(reason: &Reason) -> Value {
    let name = |(module, name): &(_, String)| -> Value {
        let module: &hmr_module_graph::ModuleName = module;
        json!({ "module": module.as_str(), "name": name })
    };
    match reason {
        Reason::Imported => json!({ "kind": "imported" }),
        Reason::Edited => json!({ "kind": "edited" }),
        Reason::Retried => json!({ "kind": "retried" }),
        Reason::Untracked => json!({ "kind": "untracked" }),
        Reason::Included(files) => json!({ "kind": "included", "files": files }),
        Reason::Asked => json!({ "kind": "asked" }),
        Reason::Read(reads) => {
            json!({ "kind": "read", "reads": reads.iter().map(name).collect::<Vec<_>>() })
        }
        Reason::Data(inputs) => {
            json!({ "kind": "data", "inputs": inputs.iter().map(input).collect::<Vec<_>>() })
        }
        _ => json!({ "kind": "other" }),
    }
}

fn input(input: &Input) -> Value {
    let kind = match input {
        Input::File(_) => "file",
        Input::Listing(_) => "listing",
        Input::Existence(_) => "existence",
    };
    json!({ "kind": kind, "path": input.path() })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "module": failure.module.as_str(),
        "exception": failure.exception,
        "traceback": failure.traceback,
        "interrupted": failure.interrupted,
        "repeated": failure.repeated,
    })
}

fn exit(exit: &Exit) -> Value {
    json!({ "status": exit.status, "message": exit.message })
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
