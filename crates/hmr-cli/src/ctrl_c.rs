//! Whether somebody has pressed Ctrl-C, whatever the program makes of it.
//!
//! A server handles SIGINT itself and ends well, as if it had come to its end: nothing that Python can
//! see tells the two apart, and an event loop takes even the wake-up descriptor for itself. So a handler
//! of ours counts the signals and calls the one that was there. Each `signal.signal` puts CPython's
//! handler in our place again; [`watch`] is called now and then while a program runs.
//!
//! Kept true: what handles the signal in Python, and what it does, is as without us. A signal that was
//! not counted is one that the program has taken for itself.

use pyo3::prelude::*;

/// Counts SIGINT from now on, until the program handles it anew. Any thread may call this.
pub(crate) fn watch() {
    imp::watch();
}

/// How often Ctrl-C has been pressed since the process began.
pub(crate) fn presses() -> usize {
    imp::seen().saturating_sub(imp::raised())
}

/// Does what Ctrl-C does, without counting as it. Raises what the handler of that raises. Call it on
/// the main thread.
pub(crate) fn imitate(py: Python<'_>) -> PyResult<()> {
    let signal = py.import("_signal")?;
    let before = imp::seen();
    let raised = signal.call_method1("raise_signal", (signal.getattr("SIGINT")?,));
    imp::add_raised(imp::seen() - before);
    raised?;
    py.check_signals()
}

#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "a signal handler that calls another is below what Python and rustix offer"
)]
mod imp {
    use std::{
        ffi::c_int,
        mem::{MaybeUninit, transmute},
        ptr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    static SEEN: AtomicUsize = AtomicUsize::new(0);
    static RAISED: AtomicUsize = AtomicUsize::new(0);
    /// The handler that was there before ours.
    static BEFORE: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);

    pub(super) fn seen() -> usize {
        SEEN.load(Ordering::Acquire)
    }

    pub(super) fn raised() -> usize {
        RAISED.load(Ordering::Acquire)
    }

    pub(super) fn add_raised(count: usize) {
        RAISED.fetch_add(count, Ordering::AcqRel);
    }

    pub(super) fn watch() {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: the second call gets what the first has written, with another handler that does what
        // the one before did. A program that changes its handler between the two has CPython's there
        // before and after, which looks up what to do when it is called.
        unsafe {
            if libc::sigaction(libc::SIGINT, ptr::null(), action.as_mut_ptr()) != 0 {
                return;
            }
            let mut action = action.assume_init();
            let ours = count as extern "C" fn(c_int) as usize;
            let is_pythons = ![libc::SIG_DFL, libc::SIG_IGN, ours].contains(&action.sa_sigaction)
                && action.sa_flags & libc::SA_SIGINFO == 0;
            if is_pythons {
                BEFORE.store(action.sa_sigaction, Ordering::Release);
                action.sa_sigaction = ours;
                libc::sigaction(libc::SIGINT, &raw const action, ptr::null_mut());
            }
        }
    }

    /// What happens here may happen in a signal handler: atomics, and the handler that was there.
    extern "C" fn count(signal: c_int) {
        SEEN.fetch_add(1, Ordering::AcqRel);
        let before = BEFORE.load(Ordering::Acquire);
        if before != libc::SIG_DFL {
            // SAFETY: `watch` stored the address of a handler that takes the signal's number alone.
            let before = unsafe { transmute::<usize, extern "C" fn(c_int)>(before) };
            before(signal);
        }
    }
}

#[cfg(not(unix))]
mod imp {
    pub(super) fn watch() {}

    pub(super) fn seen() -> usize {
        0
    }

    pub(super) fn raised() -> usize {
        0
    }

    pub(super) fn add_raised(_count: usize) {}
}
