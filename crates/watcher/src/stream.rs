//! Batches as a `Stream`, for asynchronous programs.
//!
//! The waiting is done by one thread per stream, which takes a batch only when the one before was
//! taken. A stream that is dropped hands back what it holds, so that cancelling loses nothing.

use crate::change::Batch;
use crate::watch::{Inner, Watcher};
use futures_core::Stream;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// How long the thread of a dropped stream may wait for a change before it ends.
const LEAVE_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Slot {
    batch: Option<Batch>,
    waker: Option<Waker>,
    wanted: bool,
    /// Nothing will come any more.
    ended: bool,
    /// Nobody waits any more.
    dropped: bool,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The batches of a watcher: see [`Watcher::stream`].
pub struct BatchStream {
    shared: Arc<Shared>,
    inner: Arc<Inner>,
}

impl Watcher {
    /// The batches as a [`Stream`], which ends when the watcher is stopped.
    pub fn stream(&self) -> BatchStream {
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&self.inner);
        let stream = BatchStream {
            shared: Arc::clone(&shared),
            inner: Arc::clone(&inner),
        };
        thread::spawn(move || feed(&shared, &inner));
        stream
    }
}

fn feed(shared: &Shared, inner: &Inner) {
    loop {
        let mut slot = shared.lock();
        while !slot.wanted && !slot.dropped {
            slot = shared
                .changed
                .wait(slot)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if slot.dropped {
            return;
        }
        drop(slot);
        let batch = inner.next(Some(LEAVE_AFTER));
        let mut slot = shared.lock();
        if slot.dropped {
            if let Some(batch) = batch {
                inner.hand_back(batch);
            }
            return;
        }
        slot.ended = batch.is_none() && inner.inbox.is_stopped();
        if batch.is_none() && !slot.ended {
            continue;
        }
        slot.batch = batch;
        slot.wanted = false;
        let ended = slot.ended;
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
        if ended {
            return;
        }
    }
}

impl Stream for BatchStream {
    type Item = Batch;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        let mut slot = self.shared.lock();
        if let Some(batch) = slot.batch.take() {
            return Poll::Ready(Some(batch));
        }
        if slot.ended {
            return Poll::Ready(None);
        }
        slot.waker = Some(cx.waker().clone());
        slot.wanted = true;
        self.shared.changed.notify_all();
        Poll::Pending
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        let mut slot = self.shared.lock();
        slot.dropped = true;
        if let Some(batch) = slot.batch.take() {
            self.inner.hand_back(batch);
        }
        drop(slot);
        self.shared.changed.notify_all();
    }
}
