//! One session: run the program, then settle each batch of saves until Ctrl-C.
//!
//! The program and its reloads run on the thread that called, as `signal`, event loops and sqlite
//! want it. A second thread waits for the watcher, without the interpreter; it wakes the first one
//! while `hmr` waits (`wake`), and interrupts it while the program runs
//! (`interrupt`).

use std::{cell::Cell, path::PathBuf, sync::Arc};

use anyhow::Result;
use hmr_module_graph::{
    ModuleGraph, ModuleName, Update,
    plan::Rules,
    python::{Engine, Roots, forgive},
};
use pyo3::prelude::*;

use crate::{
    OK, PROGRAM_FAILED,
    afresh::Beginning,
    choice::Choice,
    config::Config,
    ctrl_c,
    interrupt::Interrupt,
    keys::Key,
    progress,
    relaunch::{self, Launch},
    reload::{Reloads, flush_output},
    report::{self, Reporter, Style},
    restart,
    saves::{News, Receiver},
    termination,
    wake::without_signals,
    watching::Watching,
};

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// A program under `hmr`.
pub struct Session {
    config: Config,
    reloads: Arc<Reloads>,
    /// A run of the program has come to its end: it is none that goes on until somebody ends it.
    has_ended: Cell<bool>,
    /// What the process was begun with.
    beginning: Beginning,
    /// The process is to be begun anew when this session has ended.
    begins_anew: Cell<bool>,
    /// How often Ctrl-C had been pressed when the last run was looked at.
    presses: Cell<usize>,
    launch: Launch,
}

impl Session {
    /// Starts to watch and installs the engine. Nothing of the program has run yet, so that no save
    /// made while it first runs is lost.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched, or the interpreter is not one that the engine can serve.
    pub fn start(py: Python<'_>, config: Config) -> Result<Self> {
        let launch = Launch::of_this_process(py)?;
        let roots = Roots::new(py, config.roots.clone())?;
        let engine = Engine::install(py, roots)?;
        let choice = Arc::new(Choice::new(&config.resolved, &config.roots)?);
        choose(engine, &config, &choice);
        let folder = config
            .folder
            .canonicalize()
            .unwrap_or_else(|_| config.folder.clone());
        let entry = config.entry.to_string();
        let start = || {
            let text = format!("hmr  looking through {}", folder.display());
            let scan = || Watching::start(folder.clone(), &entry, Arc::clone(&choice));
            if config.resolved.settings.quiet {
                scan()
            } else {
                progress::during(&text, scan)
            }
        };
        let watching = without_signals(py, || py.detach(start))??;
        let reporter = Reporter::new(&config)?;
        for warning in &config.resolved.warnings {
            reporter.warning(warning);
        }
        let reloads = Arc::new(Reloads::new(engine, reporter, watching, choice));
        Ok(Self {
            config,
            reloads,
            has_ended: Cell::new(false),
            beginning: Beginning::remember(),
            begins_anew: Cell::new(false),
            presses: Cell::new(0),
            launch,
        })
    }

    /// Runs the program, then reloads until it is interrupted. Returns the exit status.
    ///
    /// # Errors
    ///
    /// If the program does not exist. What it raises is reported, not returned.
    pub fn run(self, py: Python<'_>) -> Result<u8> {
        let interrupt = Interrupt::install(py, &self.reloads)?;
        ctrl_c::watch();
        termination::install(py)?;
        let mut receiver = Receiver::start(py, Arc::clone(&self.reloads), interrupt)?;
        let status = self.run_until_interrupted(py, &mut receiver);
        if self.reloads.is_child() {
            // The watcher's threads are the parent's.
            std::mem::forget((self, receiver));
            return status;
        }
        self.reloads.reporter.end();
        receiver.stop(py);
        if termination::is_asked() {
            termination::end(py, true)?;
        }
        if self.begins_anew.get() {
            forgive(py, termination::run_hooks(py));
            return self.beginning.again();
        }
        status
    }

    fn run_until_interrupted(&self, py: Python<'_>, receiver: &mut Receiver) -> Result<u8> {
        let reloads = &self.reloads;
        let engine = reloads.engine;
        let (entry, arguments) = (self.config.entry.clone(), &self.config.arguments);
        let mut presses = ctrl_c::presses();
        let first = reloads
            .running
            .during(Vec::new(), || engine.run_entry(py, entry, arguments))?;
        if let Some(status) = self.end_of_run(py, &first, Shown::Failures, presses) {
            return Ok(status);
        }
        let mut late = Vec::new();
        loop {
            if reloads.restart.take() {
                presses = ctrl_c::presses();
                let update = self.run_again(py)?;
                if let Some(status) = self.end_of_run(py, &update, Shown::Failures, presses) {
                    return Ok(status);
                }
                continue;
            }
            late.extend(reloads.watch_what_is_new(py));
            if ctrl_c::presses() > self.presses.get() {
                // CPython may have lost what that raised: in a weak reference's callback, as imports have
                // them. If not, it is raised now, and not in a hook.
                let raised = py.check_signals();
                return Ok(raised.map_or_else(|error| report::end(py, &error), |()| OK));
            }
            let files = if late.is_empty() {
                match receiver.next(py) {
                    Ok(News::Saves(files)) => engine.news(files),
                    Ok(News::Key(key)) => match self.press(py, key) {
                        Some(status) => return Ok(status),
                        None => continue,
                    },
                    Err(error) => return Ok(report::end(py, &error)),
                }
            } else {
                std::mem::take(&mut late)
            };
            if let Some(status) = self.reload(py, files) {
                return Ok(status);
            }
        }
    }

    /// The soft restart: the program has ended and runs again, and clients find its ports open. If it fails
    /// because something in the process has its port, the process is replaced.
    fn run_again(&self, py: Python<'_>) -> Result<Update> {
        let reloads = &self.reloads;
        let run = || {
            let run = || reloads.engine.run_entry_again(py);
            reloads.running.during(Vec::new(), run)
        };
        forgive(py, restart::clear_up(py));
        reloads.sockets.offer(py);
        let update = run();
        if reloads.restart.is_under_way() {
            // What is kept now is for the next run.
            return Ok(update);
        }
        let has_kept = reloads.sockets.close(py);
        if !relaunch::has_failed_to_bind(py, &update) {
            return Ok(update);
        }
        // It may have asked for the port in a way of its own.
        let update = if has_kept {
            forgive(py, restart::clear_up(py));
            run()
        } else {
            update
        };
        if relaunch::has_failed_to_bind(py, &update) && !reloads.is_child() && cfg!(unix) {
            reloads.reporter.relaunches();
            self.launch.again(py)?;
        }
        Ok(update)
    }

    /// Reloads `files` while the program has ended. Returns the status if `hmr` is to end.
    fn reload(&self, py: Python<'_>, files: Vec<PathBuf>) -> Option<u8> {
        if files.is_empty() {
            return None;
        }
        let presses = ctrl_c::presses();
        let update = self.reloads.reload_idle(py, files);
        self.end_of_run(py, &update, Shown::All, presses)
    }

    /// Does what a key asks for. Returns the status if `hmr` is to end.
    fn press(&self, py: Python<'_>, key: Key) -> Option<u8> {
        let Reloads {
            engine, reporter, ..
        } = &*self.reloads;
        match key {
            Key::Rerun => {
                let presses = ctrl_c::presses();
                let run = || engine.run_entry_for_person(py);
                let update = self.reloads.running.during(Vec::new(), run);
                return self.end_of_run(py, &update, Shown::All, presses);
            }
            Key::Restart => {
                self.begins_anew.set(true);
                return Some(OK);
            }
            Key::Clear => Reporter::clear(),
            Key::Why => reporter.why_last(),
            Key::Graph => reporter.graph(&engine.with_graph(ModuleGraph::to_html)),
            Key::Help => reporter.keys(),
            Key::Quit => return Some(OK),
        }
        None
    }

    /// The entry does not run any more: shows what it did. Returns the status if `hmr` is to end too:
    /// Ctrl-C, which had been pressed so many times before, ends both.
    fn end_of_run(
        &self,
        py: Python<'_>,
        update: &Update,
        shown: Shown,
        presses: usize,
    ) -> Option<u8> {
        self.presses.set(ctrl_c::presses());
        if let Err(error) = flush_output(py) {
            return Some(report::end(py, &error));
        }
        if self.reloads.is_child() {
            return Some(report::end_of_program(update));
        }
        if termination::is_asked() {
            return Some(INTERRUPTED);
        }
        let was_pressed = self.presses.get() > presses;
        if was_pressed && has_run_well(update) {
            return Some(report::end_of_program(update));
        }
        let is_restart = self.reloads.restart.is_under_way();
        let is_reload = matches!(shown, Shown::All) && !is_restart;
        // What Ctrl-C ends is the reload if the program would have come to its end, else the program.
        let ends_program = !(is_reload && self.has_ended.get());
        let is_interrupted = was_interrupted(update) && ends_program;
        if was_pressed && ends_program && !is_interrupted {
            // It has raised something else: its own handler did, or a lock that Ctrl-C has taken apart.
            self.reloads.reporter.end_by_error(update);
            return Some(PROGRAM_FAILED);
        }
        if !is_reload || is_interrupted {
            self.reloads.reporter.first_run(update);
        } else if self.has_ended.get() {
            self.reloads.reporter.update(update);
        } else {
            self.reloads.reporter.retry(update);
        }
        if self.reloads.have_failed(update) {
            return Some(PROGRAM_FAILED);
        }
        let exit = update.exit.as_ref();
        let is_success = exit.is_none_or(|exit| exit.status == 0);
        if !is_restart && is_success && has_run_well(update) {
            self.has_ended.set(true);
        }
        is_interrupted.then_some(INTERRUPTED)
    }
}

/// Tells the engine what the settings say of reloads.
fn choose(engine: &'static Engine, config: &Config, choice: &Arc<Choice>) {
    let settings = &config.resolved.settings;
    engine.set_granularity(settings.granularity);
    engine.set_patching(settings.patching);
    engine.set_seal(settings.seal);
    engine.set_equality(settings.equality);
    engine.set_explains(settings.why || choice.takes_keys());
    engine.set_color(config.style == Style::Colored);
    let code_readers = settings.code_readers.iter().cloned();
    engine.set_rules(Rules::default().with_code_readers(code_readers));
    let choice = Arc::clone(choice);
    engine.include(move |file| choice.includes(file));
}

/// How much a person is told of a run.
#[derive(Debug, Clone, Copy)]
enum Shown {
    All,
    /// A run that went well is no news.
    Failures,
}

/// Whether the entry has run and did not fail; it may have asked to exit.
fn has_run_well(update: &Update) -> bool {
    let is_entry = |name: &ModuleName| name.is_main();
    update.reran.iter().any(|rerun| is_entry(&rerun.module))
        && !update
            .failures
            .iter()
            .any(|failure| is_entry(&failure.module))
}

fn was_interrupted(update: &Update) -> bool {
    update
        .failures
        .iter()
        .any(|failure| failure.interrupted && failure.module == ModuleName::main())
}
