//! Executed code objects from CPython 3.12 on: `sys.monitoring` (PEP 669).
//!
//! Each code object of the user's is watched for its start and its resumption. The first event of a
//! load switches the place off, so that code which runs again runs at full speed; the next load
//! switches all places on again.
//!
//! Kept true: a place is never switched off while another thread loads or helps a load, for that
//! would take the event away from it.

#[path = "functions.rs"]
mod functions;

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*, wrap_pyfunction};

use crate::python::{errors::forgive, reads, threads, units};

/// `PY_START` and `PY_RESUME`.
const EVENTS: [&str; 2] = ["PY_START", "PY_RESUME"];

/// Numbers that PEP 669 leaves free, in the order in which they are tried.
const TOOLS: [u8; 2] = [4, 3];

static MONITORING: OnceLock<Monitoring> = OnceLock::new();

/// Some place has been switched off since the last load began or ended.
static SWITCHED_OFF: AtomicBool = AtomicBool::new(false);

struct Monitoring {
    tool: u8,
    events: u32,
    set_local_events: Py<PyAny>,
    restart_events: Py<PyAny>,
    disable: Py<PyAny>,
}

/// Takes a tool number and registers the callback.
pub(in crate::python) fn install(py: Python<'_>) -> PyResult<()> {
    let api = py.import("sys")?.getattr("monitoring")?;
    let tool = TOOLS
        .into_iter()
        .find(|&tool| api.call_method1("use_tool_id", (tool, "hmr")).is_ok())
        .ok_or_else(|| {
            PyRuntimeError::new_err("sys.monitoring has no free tool id: 3 and 4 are both in use")
        })?;
    let callback = wrap_pyfunction!(starts, py)?;
    let mut events = 0;
    for name in EVENTS {
        let event: u32 = api.getattr("events")?.getattr(name)?.extract()?;
        api.call_method1("register_callback", (tool, event, &callback))?;
        events |= event;
    }
    let monitoring = Monitoring {
        tool,
        events,
        set_local_events: api.getattr("set_local_events")?.unbind(),
        restart_events: api.getattr("restart_events")?.unbind(),
        disable: api.getattr("DISABLE")?.unbind(),
    };
    // A process has one engine.
    let _ = MONITORING.set(monitoring);
    Ok(())
}

/// Reports the code object, and all that are nested in it, from now on.
pub(super) fn watch(code: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(monitoring) = MONITORING.get() else {
        return Ok(());
    };
    let set = monitoring.set_local_events.bind(code.py());
    for code in units::tree_of(code)? {
        set.call1((monitoring.tool, code, monitoring.events))?;
    }
    Ok(())
}

/// Events are always on; whether one counts is asked when it comes.
pub(in crate::python) fn loads_began(_py: Python<'_>) {}

/// What was not executed while something loaded is switched off by its next event.
pub(in crate::python) fn loads_ended(_py: Python<'_>) {}

/// A load begins, or one inside of it has ended: what others have switched off is on again.
pub(in crate::python) fn next_load(py: Python<'_>) {
    if SWITCHED_OFF.swap(false, Ordering::Relaxed)
        && let Some(monitoring) = MONITORING.get()
    {
        forgive(py, monitoring.restart_events.bind(py).call0());
    }
}

/// From now on the execution of `function`, which a cache wraps, begins with a look at whether what it
/// executes counts anew; see [`Computation`](reads::Computation).
pub(in crate::python) fn tell_of_calls(function: &Bound<'_, PyAny>) {
    functions::stand_in(function);
}

/// The callback: `code` starts or goes on.
#[pyfunction]
fn starts(code: &Bound<'_, PyAny>, _offset: i32) -> Option<Py<PyAny>> {
    let py = code.py();
    // SAFETY: `code` is alive and the thread attached.
    unsafe {
        if let Some(reader) = reads::executes(code.as_ptr()) {
            super::note_first(reader, code.as_ptr());
        }
    }
    let is_awaited_elsewhere = reads::other_loading_threads() + threads::other_helpers() > 0;
    (!is_awaited_elsewhere && !reads::is_watching_entry()).then(|| {
        SWITCHED_OFF.store(true, Ordering::Relaxed);
        MONITORING.get().map(|it| it.disable.clone_ref(py))
    })?
}
