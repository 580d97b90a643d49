//! Futures in and out, without choosing an executor.
//!
//! Everything here stays on the runtime's thread, so that a local executor is what is needed; the
//! caller hands in the function that spawns on it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::effect::Effect;
use crate::error::{Error, or_raise};
use crate::handle::copy_handle;
use crate::runtime::Cx;
use crate::signal::Signal;

/// A request; when it goes without an answer, nothing is loading any more.
struct OnItsWay {
    latest: Rc<Cell<u64>>,
    number: u64,
    loading: Signal<bool>,
}

impl OnItsWay {
    fn is_latest(&self) -> bool {
        self.latest.get() == self.number
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if self.is_latest() {
            let told = catch_unwind(AssertUnwindSafe(|| self.loading.try_set(false)));
            if let Err(panic) = told
                && !std::thread::panicking()
            {
                resume_unwind(panic);
            }
        }
    }
}

/// A task for the caller's executor.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A value that is fetched again whenever what its request reads changes. A `Copy` handle.
pub struct Resource<T: 'static> {
    value: Signal<Option<T>>,
    loading: Signal<bool>,
}

copy_handle!(Resource<T>, |handle| handle.value.node());

impl<T: Clone + 'static> Resource<T> {
    /// The latest value; `None` before the first one. While a newer one is loading it is the old.
    ///
    /// # Panics
    ///
    /// Panics if the resource has been disposed.
    #[track_caller]
    pub fn get(&self) -> Option<T> {
        self.value.get()
    }

    /// [`Resource::get`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_get(&self) -> Result<Option<T>, Error> {
        self.value.try_get()
    }

    /// Whether a request is on its way.
    ///
    /// # Panics
    ///
    /// Panics if the resource has been disposed.
    #[track_caller]
    pub fn is_loading(&self) -> bool {
        self.loading.get()
    }

    /// [`Resource::is_loading`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_is_loading(&self) -> Result<bool, Error> {
        self.loading.try_get()
    }
}

impl Cx {
    /// Fetches now and whenever what `request` reads changes. `spawn` puts the task on an executor
    /// of this thread. An answer that a newer request has overtaken is dropped.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped, and when `request` or `spawn` does.
    #[track_caller]
    pub fn resource<T, F>(
        &self,
        request: impl FnMut() -> F + 'static,
        spawn: impl Fn(Task) + 'static,
    ) -> Resource<T>
    where
        T: PartialEq + 'static,
        F: Future<Output = T> + 'static,
    {
        or_raise(self.try_resource(request, spawn))
    }

    /// [`Cx::resource`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_resource<T, F>(
        &self,
        mut request: impl FnMut() -> F + 'static,
        spawn: impl Fn(Task) + 'static,
    ) -> Result<Resource<T>, Error>
    where
        T: PartialEq + 'static,
        F: Future<Output = T> + 'static,
    {
        let (cx, latest) = (*self, Rc::new(Cell::new(0_u64)));
        let (value, loading) = (cx.try_signal(None)?, cx.try_signal(true)?);
        cx.try_effect(move || {
            // From here on an older answer is out of date, also if `request` panics.
            let (latest, number) = (Rc::clone(&latest), latest.get() + 1);
            latest.set(number);
            let on_its_way = OnItsWay {
                latest,
                number,
                loading,
            };
            let answer = request();
            loading.set(true);
            spawn(Box::pin(async move {
                let answer = answer.await;
                if on_its_way.is_latest() && value.is_alive() {
                    cx.batch(|| {
                        value.set(Some(answer));
                        loading.set(false);
                    });
                }
            }));
        })?;
        Ok(Resource { value, loading })
    }

    /// The values of `f` as a stream: the current one, then one after each change. Values that are
    /// not taken in time are replaced by newer ones. Dropping the stream ends the effect behind it.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped, and when `f` does.
    #[track_caller]
    pub fn changes<T: 'static>(&self, f: impl FnMut() -> T + 'static) -> Changes<T> {
        or_raise(self.try_changes(f))
    }

    /// [`Cx::changes`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_changes<T: 'static>(
        &self,
        mut f: impl FnMut() -> T + 'static,
    ) -> Result<Changes<T>, Error> {
        let shared = Rc::new(Shared::default());
        let into = WakeOnDrop(Rc::clone(&shared));
        let effect = self.try_effect(move || {
            into.0.value.replace(Some(f()));
            into.0.wake();
        })?;
        Ok(Changes { shared, effect })
    }
}

impl Cx {
    /// Waits until `f` says `true`; gives `false` if the runtime or the owner goes before that.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped, and when `f` does.
    #[track_caller]
    pub fn until<F>(&self, f: F) -> impl Future<Output = bool> + use<F>
    where
        F: FnMut() -> bool + 'static,
    {
        or_raise(self.try_until(f))
    }

    /// [`Cx::until`], or an error if the runtime has been dropped already.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_until<F>(&self, f: F) -> Result<impl Future<Output = bool> + use<F>, Error>
    where
        F: FnMut() -> bool + 'static,
    {
        let mut changes = Box::pin(self.try_changes(f)?);
        Ok(std::future::poll_fn(move |cx| {
            loop {
                match changes.as_mut().poll_next(cx) {
                    Poll::Ready(Some(false)) => {}
                    Poll::Ready(other) => return Poll::Ready(other.is_some()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }))
    }
}

struct Shared<T> {
    value: RefCell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

impl<T> Shared<T> {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Goes with the effect, so that whoever waits hears that nothing more will come.
struct WakeOnDrop<T>(Rc<Shared<T>>);

impl<T> Drop for WakeOnDrop<T> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        let (value, waker) = (RefCell::new(None), Cell::new(None));
        Self { value, waker }
    }
}

/// A stream of values; see [`Cx::changes`]. It ends when the effect behind it is disposed.
pub struct Changes<T> {
    shared: Rc<Shared<T>>,
    effect: Effect,
}

impl<T> std::fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Changes({:?})", self.effect.node())
    }
}

impl<T> Stream for Changes<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(value) = self.shared.value.take() {
            return Poll::Ready(Some(value));
        }
        if !self.effect.is_alive() {
            return Poll::Ready(None);
        }
        self.shared.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl<T> Drop for Changes<T> {
    fn drop(&mut self) {
        self.effect.dispose();
    }
}
