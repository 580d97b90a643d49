//! Reloading while the program runs: a signal interrupts whatever the main thread is waiting in.
//!
//! The signal is SIGURG, which does nothing where nobody handles it. Its handler runs on the main
//! thread between two bytecodes and reloads there, as `signal`, event loops and sqlite want it. With
//! an event loop of asyncio on the main thread the work is handed to the loop instead, so that it is
//! done between two steps of it.
//!
//! A handler that the program had before is called as well. One that it sets later replaces ours:
//! that is said once, and saves wait until the program has ended.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hmr_module_graph::python::forgive;
use pyo3::{
    prelude::*,
    types::{PyCFunction, PyTuple},
};

use crate::reload::Reloads;

/// What was handed to an event loop is handed over again after this time: the loop may have ended.
const HANDED_OVER: Duration = Duration::from_secs(1);

/// The other threads' way to interrupt the main one.
pub(crate) struct Interrupt(Option<Target>);

struct Target {
    main_thread: Py<PyAny>,
    handler: Py<PyAny>,
    reloads: Arc<Reloads>,
    is_told: AtomicBool,
}

impl Interrupt {
    /// Sets the handler; call it on the main thread. Does nothing where there are no such signals.
    pub(crate) fn install(py: Python<'_>, reloads: &Arc<Reloads>) -> PyResult<Self> {
        let signal = py.import("_signal")?;
        if !signal.hasattr("SIGURG")? || !signal.hasattr("pthread_kill")? {
            return Ok(Self(None));
        }
        let number = signal.getattr("SIGURG")?;
        let before = signal.call_method1("getsignal", (&number,))?.unbind();
        let handover = Arc::new(Handover {
            reloads: Arc::clone(reloads),
            at: Mutex::default(),
        });
        let handler = PyCFunction::new_closure(py, Some(c"hmr"), None, move |arguments, _| {
            let py = arguments.py();
            handover.begin(py)?;
            call_before(before.bind(py), arguments)
        })?;
        signal.call_method1("signal", (number, &handler))?;
        let main_thread = py.import("_thread")?.call_method0("get_ident")?;
        Ok(Self(Some(Target {
            main_thread: main_thread.unbind(),
            handler: handler.into_any().unbind(),
            reloads: Arc::clone(reloads),
            is_told: AtomicBool::new(false),
        })))
    }

    /// Interrupts the main thread.
    pub(crate) fn send(&self) {
        if let Some(target) = &self.0 {
            Python::attach(|py| forgive(py, target.send(py)));
        }
    }
}

impl Target {
    fn send(&self, py: Python<'_>) -> PyResult<()> {
        let signal = py.import("_signal")?;
        let number = signal.getattr("SIGURG")?;
        let now = signal.call_method1("getsignal", (&number,))?;
        if !now.is(&self.handler) && !self.is_told.swap(true, Ordering::Relaxed) {
            self.reloads.reporter.warning(
                "the program handles SIGURG itself; saves wait until its last statement has ended",
            );
        }
        signal.call_method1("pthread_kill", (&self.main_thread, number))?;
        Ok(())
    }
}

fn call_before(before: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    if before.is_callable() {
        before.call1(arguments)?;
    }
    Ok(())
}

/// Where a reload is made: here, or in the event loop.
struct Handover {
    reloads: Arc<Reloads>,
    /// When the event loop was last asked, if it has not come to it yet.
    at: Mutex<Option<Instant>>,
}

impl Handover {
    fn begin(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if !self.reloads.may_begin(py) {
            return Ok(());
        }
        let Some(event_loop) = running_loop(py) else {
            return self.reloads.reload_running(py);
        };
        if self.is_awaited() {
            return Ok(());
        }
        let handover = Arc::clone(self);
        let step = PyCFunction::new_closure(py, Some(c"hmr"), None, move |arguments, _| {
            handover.set(None);
            handover.reloads.reload_running(arguments.py())
        })?;
        self.set(Some(Instant::now()));
        event_loop.call_method1("call_soon_threadsafe", (step,))?;
        Ok(())
    }

    fn is_awaited(&self) -> bool {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < HANDED_OVER)
    }

    fn set(&self, at: Option<Instant>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// The event loop that runs on this thread.
fn running_loop(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let modules = py.import("sys").ok()?.getattr("modules").ok()?;
    let asyncio = modules.get_item("_asyncio").ok()?;
    let running = asyncio.call_method0("_get_running_loop").ok()?;
    (!running.is_none()).then_some(running)
}
