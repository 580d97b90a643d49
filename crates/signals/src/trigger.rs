//! A signal without a value: readers are told by hand.

use std::panic::Location;

use crate::equality::Never;
use crate::error::{Error, or_raise};
use crate::graph::NodeId;
use crate::runtime::Cx;
use crate::signal::{Signal, make};

impl Cx {
    /// Makes a signal without a value, to notify readers by hand.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn trigger(&self) -> Trigger {
        or_raise(self.try_trigger())
    }

    /// [`Cx::trigger`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_trigger(&self) -> Result<Trigger, Error> {
        self.try_trigger_at(Location::caller())
    }

    /// [`Cx::try_trigger`] on behalf of the code at `created`.
    pub(crate) fn try_trigger_at(
        &self,
        created: &'static Location<'static>,
    ) -> Result<Trigger, Error> {
        let signal = make(self.live()?, (), Never, true, created);
        Ok(Trigger { signal })
    }
}

/// A signal without a value: readers run each time it is notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trigger {
    signal: Signal<()>,
}

impl Trigger {
    /// Makes the running computation depend on this trigger.
    ///
    /// # Panics
    ///
    /// Panics if the trigger has been disposed.
    #[track_caller]
    pub fn track(&self) {
        self.signal.get();
    }

    /// Whether it is there; if so, [`Trigger::track`].
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_track(&self) -> Result<(), Error> {
        self.signal.try_get()
    }

    /// Tells everybody who tracks it. In a batch, once at its end.
    ///
    /// # Panics
    ///
    /// As [`Signal::set`].
    #[track_caller]
    pub fn notify(&self) {
        self.signal.set(());
    }

    /// [`Trigger::notify`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// As [`Signal::try_set`].
    pub fn try_notify(&self) -> Result<(), Error> {
        self.signal.try_set(())
    }

    /// Removes it. Nothing happens if it has gone already.
    #[track_caller]
    pub fn dispose(&self) {
        self.signal.dispose();
    }

    /// The node in the graph, for dumps and traces.
    pub fn node(&self) -> NodeId {
        self.signal.raw.id
    }
}
