//! The terminal, while single keys are read from it.
//!
//! Kept true: its modes are the person's again whenever `hmr` does not wait for a key. That goes for a
//! wait that ends, for Ctrl-Z, and for signals that end the process, whoever sends them.

use std::os::fd::RawFd;

/// Where keys come from.
pub(crate) const KEYBOARD: RawFd = 0;

/// The terminal gives single keys, without showing them, until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Raw(());

/// Why it cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// There is none, or it is somebody else's.
    Absent,
    /// A line was typed for the program that it has not read.
    LineWaits,
}

/// What came from the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    Nothing,
    Byte(u8),
    /// There will never be anything.
    End,
}

impl Raw {
    /// Takes the terminal; when the process goes on after Ctrl-Z or in the foreground, a byte is written
    /// to `wake`, and the terminal is as it was.
    pub(crate) fn begin(wake: RawFd) -> Result<Self, Unfit> {
        imp::begin(wake).map(|()| Self(()))
    }

    /// The next byte, if there is one.
    #[expect(clippy::unused_self, reason = "only who has the terminal may read it")]
    pub(crate) fn read(&self) -> Typed {
        imp::read()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        imp::end();
    }
}

/// Whether the process has child processes, or has had some that nobody has waited for.
pub(crate) fn has_children() -> bool {
    imp::has_children()
}

#[expect(
    unsafe_code,
    reason = "terminal modes have to be put back in signal handlers, where only system calls may be made"
)]
mod imp {
    use std::{
        cell::UnsafeCell,
        ffi::c_int,
        mem::MaybeUninit,
        os::fd::RawFd,
        ptr,
        sync::atomic::{AtomicBool, AtomicI32, Ordering},
    };

    use super::{KEYBOARD, Typed, Unfit};

    /// What ends the process, as far as a process can see it coming.
    const FATAL: [c_int; 7] = [
        libc::SIGQUIT,
        libc::SIGHUP,
        libc::SIGABRT,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
    ];

    /// Written by the main thread while no handler reads it.
    struct Shared<T>(UnsafeCell<MaybeUninit<T>>);

    // SAFETY: `begin` writes before the handlers that read are installed, on the one thread that calls it.
    unsafe impl<T> Sync for Shared<T> {}

    static MODES: Shared<libc::termios> = Shared(UnsafeCell::new(MaybeUninit::uninit()));
    static HANDLERS: Shared<[libc::sigaction; FATAL.len()]> =
        Shared(UnsafeCell::new(MaybeUninit::uninit()));
    static IS_CHANGED: AtomicBool = AtomicBool::new(false);
    static WAKE: AtomicI32 = AtomicI32::new(-1);

    pub(super) fn begin(wake: RawFd) -> Result<(), Unfit> {
        let mut modes = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: `modes` is read only if the call has filled it.
        let modes = unsafe {
            if libc::tcgetattr(KEYBOARD, modes.as_mut_ptr()) != 0 {
                return Err(Unfit::Absent);
            }
            modes.assume_init()
        };
        if !is_in_foreground() || !stops_by_default() {
            return Err(Unfit::Absent);
        }
        // In the mode of lines these are what complete lines hold.
        if waiting() > 0 {
            return Err(Unfit::LineWaits);
        }
        let mut raw = modes;
        raw.c_lflag &= !(libc::ICANON | libc::ECHO);
        raw.c_cc[libc::VMIN] = 1;
        raw.c_cc[libc::VTIME] = 0;
        WAKE.store(wake, Ordering::Release);
        // SAFETY: no handler of ours is installed, so that nobody reads what is written here; the handlers
        // themselves make system calls only.
        unsafe {
            (*MODES.0.get()).write(modes);
            let mut handlers: [libc::sigaction; FATAL.len()] = [std::mem::zeroed(); FATAL.len()];
            for (signal, before) in FATAL.into_iter().zip(&mut handlers) {
                libc::sigaction(signal, ptr::null(), before);
            }
            (*HANDLERS.0.get()).write(handlers);
            for signal in FATAL {
                handle(signal, die);
            }
            handle(libc::SIGTSTP, stop);
            handle(libc::SIGCONT, go_on);
            IS_CHANGED.store(true, Ordering::Release);
        }
        if !set_modes(libc::TCSANOW, &raw) {
            end();
            return Err(Unfit::Absent);
        }
        Ok(())
    }

    pub(super) fn end() {
        restore(libc::TCSAFLUSH);
        // SAFETY: `begin` has filled the handlers, which were valid before it; the default is always.
        unsafe {
            let handlers = (*HANDLERS.0.get()).assume_init_ref();
            for (signal, before) in FATAL.into_iter().zip(handlers) {
                libc::sigaction(signal, before, ptr::null_mut());
            }
            libc::signal(libc::SIGTSTP, libc::SIG_DFL);
            libc::signal(libc::SIGCONT, libc::SIG_DFL);
        }
    }

    /// What happens here may happen in a signal handler. `how`: what was typed and not read is a line to
    /// whoever reads next, unless it is flushed.
    fn restore(how: c_int) {
        if IS_CHANGED.swap(false, Ordering::AcqRel) && is_in_foreground() {
            // SAFETY: the modes were written before the flag was set.
            set_modes(how, unsafe { (*MODES.0.get()).assume_init_ref() });
        }
    }

    /// `false`: the shell has put the process into the background meanwhile. That would stop it here, where
    /// it has nothing to ask of the terminal.
    fn set_modes(how: c_int, modes: &libc::termios) -> bool {
        // SAFETY: valid actions, of which the handler does nothing; without `SA_RESTART` the call ends.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let mut before: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(c_int) = ignore;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGTTOU, &raw const action, &raw mut before);
            let is_done = libc::tcsetattr(KEYBOARD, how, modes) == 0;
            libc::sigaction(libc::SIGTTOU, &raw const before, ptr::null_mut());
            is_done
        }
    }

    extern "C" fn ignore(_signal: c_int) {}

    /// # Safety
    ///
    /// `handler` must make system calls only.
    unsafe fn handle(signal: c_int, handler: extern "C" fn(c_int)) {
        // SAFETY: an action without flags and with an empty mask is valid, and `handler` is a handler.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }

    /// The signal comes once more, for whoever handled it before, as soon as this has returned.
    extern "C" fn die(signal: c_int) {
        restore(libc::TCSANOW);
        let place = FATAL.iter().position(|it| *it == signal).unwrap_or(0);
        // SAFETY: the handlers were written before this one was installed.
        unsafe {
            let handlers = (*HANDLERS.0.get()).assume_init_ref();
            libc::sigaction(signal, &raw const handlers[place], ptr::null_mut());
            libc::raise(signal);
        }
    }

    /// Ctrl-Z: stops the process, which finds itself here when it goes on.
    extern "C" fn stop(signal: c_int) {
        restore(libc::TCSANOW);
        // SAFETY: system calls with valid arguments.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut mask);
            libc::sigaddset(&raw mut mask, signal);
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const mask, &raw mut before);
            // Stopped here.
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
            handle(signal, stop);
        }
        go_on(signal);
    }

    /// The one who waits looks around again.
    extern "C" fn go_on(_signal: c_int) {
        let wake = WAKE.load(Ordering::Acquire);
        // SAFETY: writing one byte; a full pipe is awake already.
        unsafe { libc::write(wake, [0_u8].as_ptr().cast(), 1) };
    }

    fn is_in_foreground() -> bool {
        // SAFETY: both only ask.
        unsafe { libc::tcgetpgrp(KEYBOARD) == libc::getpgrp() }
    }

    /// Whoever handles Ctrl-Z and its end himself has a terminal to look after.
    fn stops_by_default() -> bool {
        [libc::SIGTSTP, libc::SIGCONT].into_iter().all(|signal| {
            let mut action = MaybeUninit::<libc::sigaction>::uninit();
            // SAFETY: it is read only if the call has filled it.
            unsafe {
                libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
                    && action.assume_init().sa_sigaction == libc::SIG_DFL
            }
        })
    }

    /// How many bytes could be read.
    fn waiting() -> c_int {
        let mut count: c_int = 0;
        // SAFETY: the call writes one number.
        unsafe { libc::ioctl(KEYBOARD, libc::FIONREAD, &raw mut count) };
        count
    }

    pub(super) fn read() -> Typed {
        let mut poll = libc::pollfd {
            fd: KEYBOARD,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, and no waiting.
        let is_ready = unsafe { libc::poll(&raw mut poll, 1, 0) } > 0;
        if !is_ready || !IS_CHANGED.load(Ordering::Acquire) || !is_in_foreground() {
            return Typed::Nothing;
        }
        match read_byte() {
            None => Typed::End,
            Some(0x1b) => {
                // A key that sends several bytes, or the terminal's own answer to a question.
                while waiting() > 0 && read_byte().is_some() {}
                Typed::Nothing
            }
            Some(byte) => Typed::Byte(byte),
        }
    }

    fn read_byte() -> Option<u8> {
        let mut byte = 0_u8;
        // SAFETY: it has room for one byte.
        let count = unsafe { libc::read(KEYBOARD, (&raw mut byte).cast(), 1) };
        (count == 1).then_some(byte)
    }

    pub(super) fn has_children() -> bool {
        let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the call may write to `info`, which nobody reads; it takes no child away.
        let found = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), how) };
        found == 0
    }
}
