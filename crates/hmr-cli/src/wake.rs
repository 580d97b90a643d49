//! Waiting for a save or for Ctrl-C, whichever comes first, without ever missing one.
//!
//! On Unix both end in one pipe: the watcher's thread writes to it, and so does CPython's signal
//! handler, for which the pipe is the "wake-up descriptor" while we wait. A signal that arrives just
//! before the wait begins is therefore still seen, and nothing wakes up while nothing happens.

use pyo3::prelude::*;

/// Wakes the main thread. Cheap to clone, usable from any thread without the interpreter.
#[derive(Debug)]
pub(crate) struct Waker(imp::Waker);

/// The main thread's end.
#[derive(Debug)]
pub(crate) struct Sleeper(imp::Sleeper);

/// Runs `body` with signals kept from this thread, and so from all threads that `body` starts: they
/// must reach the main thread, where they interrupt what the program is waiting in.
pub(crate) fn without_signals<R>(py: Python<'_>, body: impl FnOnce() -> R) -> PyResult<R> {
    if !cfg!(unix) {
        return Ok(body());
    }
    let signal = py.import("_signal")?;
    let set_mask = |how: &str, signals| {
        signal.call_method1("pthread_sigmask", (signal.getattr(how)?, signals))
    };
    let before = set_mask("SIG_BLOCK", signal.call_method0("valid_signals")?)?;
    let result = body();
    set_mask("SIG_SETMASK", before)?;
    Ok(result)
}

/// Runs `body` so that Ctrl-C stops it, whatever the program does with Ctrl-C: an event loop would
/// end the program instead. A handler that `body` sets stays.
pub(crate) fn interruptible<R>(py: Python<'_>, body: impl FnOnce() -> R) -> PyResult<R> {
    let signal = py.import("_signal")?;
    let number = signal.getattr("SIGINT")?;
    let python_s = signal.getattr("default_int_handler")?;
    let before = signal.call_method1("getsignal", (&number,))?;
    if before.is(&python_s) || !before.is_callable() {
        return Ok(body());
    }
    signal.call_method1("signal", (&number, &python_s))?;
    let result = body();
    let now = signal.call_method1("getsignal", (&number,))?;
    if now.is(&python_s) {
        signal.call_method1("signal", (number, before))?;
    }
    Ok(result)
}

/// Makes the two ends.
pub(crate) fn pair(py: Python<'_>) -> PyResult<(Waker, Sleeper)> {
    let (waker, sleeper) = imp::pair(py)?;
    Ok((Waker(waker), Sleeper(sleeper)))
}

impl Waker {
    /// Ends the current [`Sleeper::sleep`], or the next one if none is under way.
    pub(crate) fn wake(&mut self) {
        self.0.wake();
    }
}

impl Sleeper {
    /// Waits for a [`Waker::wake`]. May also return without one.
    ///
    /// Raises what the program's signal handlers raise: `KeyboardInterrupt` for Ctrl-C. Ends also when
    /// `other`, a descriptor, can be read.
    pub(crate) fn sleep(&mut self, py: Python<'_>, other: Option<i32>) -> PyResult<()> {
        self.0.sleep(py, other)
    }

    /// The descriptor that ends it, for signal handlers to write to.
    #[cfg(unix)]
    pub(crate) fn for_signals(&self) -> i32 {
        self.0.for_signals()
    }
}

#[cfg(unix)]
mod imp {
    use std::{
        io::{PipeReader, PipeWriter, Read as _, Write as _, pipe},
        os::fd::AsRawFd as _,
    };

    use hmr_module_graph::python::{forgive, import_own};
    use pyo3::prelude::*;

    #[derive(Debug)]
    pub(super) struct Waker(PipeWriter);

    #[derive(Debug)]
    pub(super) struct Sleeper {
        pipe: PipeReader,
        for_signals: PipeWriter,
        /// Imported before it is needed: CPython loses what a signal's handler raises in the middle of an
        /// import, in the callbacks of weak references.
        select: Py<PyAny>,
    }

    pub(super) fn pair(py: Python<'_>) -> PyResult<(Waker, Sleeper)> {
        let (reader, writer) = pipe()?;
        let os = py.import("os")?;
        for end in [reader.as_raw_fd(), writer.as_raw_fd()] {
            // A signal handler must not block on a full pipe, nor we on one emptied by a rush.
            os.call_method1("set_blocking", (end, false))?;
        }
        let for_signals = writer.try_clone()?;
        let select = import_own(py, "select")?.getattr("select")?;
        Ok((
            Waker(writer),
            Sleeper {
                pipe: reader,
                for_signals,
                select: select.unbind(),
            },
        ))
    }

    impl Waker {
        pub(super) fn wake(&mut self) {
            // A full pipe is awake already.
            let _ = self.0.write(&[0]);
        }
    }

    impl Sleeper {
        pub(super) fn for_signals(&self) -> i32 {
            self.for_signals.as_raw_fd()
        }

        pub(super) fn sleep(&mut self, py: Python<'_>, other: Option<i32>) -> PyResult<()> {
            // `_signal` is built in: a `signal.py` of the program cannot stand for it.
            let signal = py.import("_signal")?;
            let select = self.select.bind(py);
            let nothing = pyo3::types::PyTuple::empty(py);
            let set_wakeup = |fd: i32| signal.call_method1("set_wakeup_fd", (fd,));

            let ends: Vec<_> = other.into_iter().chain([self.pipe.as_raw_fd()]).collect();

            let previous: i32 = set_wakeup(self.for_signals.as_raw_fd())?.extract()?;
            let woken = py
                .check_signals()
                .and_then(|()| select.call1((ends, &nothing, &nothing)))
                .and_then(|_| py.check_signals());
            // The program may have closed its own meanwhile.
            forgive(py, set_wakeup(previous));
            let _ = self.pipe.read(&mut [0; 512]);
            woken
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use pyo3::prelude::*;

    /// How long Ctrl-C may go unnoticed where a lock cannot be interrupted.
    const SECONDS: f64 = 0.2;

    #[derive(Debug)]
    pub(super) struct Waker(Py<PyAny>);

    #[derive(Debug)]
    pub(super) struct Sleeper(Py<PyAny>);

    pub(super) fn pair(py: Python<'_>) -> PyResult<(Waker, Sleeper)> {
        let queue = py
            .import("_queue")?
            .getattr("SimpleQueue")?
            .call0()?
            .unbind();
        Ok((Waker(queue.clone_ref(py)), Sleeper(queue)))
    }

    impl Waker {
        pub(super) fn wake(&mut self) {
            let _ = Python::attach(|py| self.0.call_method1(py, "put", (true,)).map(drop));
        }
    }

    impl Sleeper {
        pub(super) fn sleep(&mut self, py: Python<'_>, _other: Option<i32>) -> PyResult<()> {
            // `queue.Empty`: nobody woke us in time.
            let _ = self.0.call_method1(py, "get", (true, SECONDS));
            py.check_signals()
        }
    }
}
