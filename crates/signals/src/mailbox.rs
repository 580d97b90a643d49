//! Writes from other threads, applied by the thread that owns the runtime.
//!
//! A runtime and its handles stay on one thread, so that the single-threaded path pays nothing. What
//! other threads may hold is the sending end of a queue; the owner delivers when it is ready, for
//! instance when its event loop was woken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::runtime::Cx;
use crate::signal::Signal;

struct Shared<T> {
    waiting: Mutex<Vec<T>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<T> Shared<T> {
    fn waiting(&self) -> MutexGuard<'_, Vec<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending end: `Send`, `Sync` and `Clone` for every `T: Send`.
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<T> std::fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailbox({} waiting)", self.shared.waiting().len())
    }
}

impl<T> Mailbox<T> {
    /// Leaves a value for the owner and wakes it. Never blocks for longer than a push.
    pub fn send(&self, value: T) {
        self.shared.waiting().push(value);
        (self.shared.wake)();
    }
}

/// The receiving end, on the thread of the runtime.
pub struct Inbox<T: 'static> {
    shared: Arc<Shared<T>>,
    cx: Cx,
    signal: Signal<T>,
}

impl<T> std::fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting = self.shared.waiting().len();
        write!(f, "Inbox({waiting} waiting for {:?})", self.signal)
    }
}

impl Cx {
    /// Opens a way for other threads to write `signal`. `wake` is called by the sender after each
    /// value, on its thread.
    pub fn mailbox<T: Send + 'static>(
        &self,
        signal: Signal<T>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> (Mailbox<T>, Inbox<T>) {
        let (waiting, wake) = (Mutex::default(), Box::new(wake));
        let shared = Arc::new(Shared { waiting, wake });
        let (sender, cx) = (Arc::clone(&shared), *self);
        (Mailbox { shared: sender }, Inbox { shared, cx, signal })
    }
}

/// What is not delivered yet; goes back to the head of the queue if something goes wrong.
struct Rest<'i, T: 'static> {
    inbox: &'i Inbox<T>,
    values: VecDeque<T>,
}

impl<T: 'static> Drop for Rest<'_, T> {
    fn drop(&mut self) {
        if !self.values.is_empty() {
            let mut waiting = self.inbox.shared.waiting();
            waiting.splice(0..0, self.values.drain(..));
        }
    }
}

impl<T: 'static> Inbox<T> {
    /// Writes everything that waits, oldest first, as one batch; gives how many values that were.
    /// What cannot be written now, because the signal is lent for instance, waits on.
    ///
    /// # Errors
    ///
    /// As [`Signal::try_set`].
    pub fn deliver(&self) -> Result<usize, Error> {
        let values = std::mem::take(&mut *self.shared.waiting()).into();
        let mut rest = Rest {
            inbox: self,
            values,
        };
        let mut count = 0;
        self.cx.try_batch(|| {
            while !rest.values.is_empty() {
                self.signal.writable()?;
                if let Some(value) = rest.values.pop_front() {
                    self.signal.try_set(value)?;
                    count += 1;
                }
            }
            Ok(())
        })??;
        Ok(count)
    }
}
