//! The ways to read, the same for everything that has a value.

use std::panic::Location;

use crate::error::Error;
use crate::graph::NodeId;
use crate::linked::Linked;
use crate::memo::Memo;
use crate::runtime::Inner;
use crate::signal::Signal;

macro_rules! readable {
    ($handle:ident, $($raw:tt)+) => {
        impl<T: 'static> $handle<T> {
            /// A clone of the value; the running computation depends on it.
            ///
            /// # Panics
            ///
            /// Panics where `try_get` is an error. The first reader of a memo that panicked gets
            /// the original panic.
            #[track_caller]
            #[inline]
            pub fn get(&self) -> T
            where
                T: Clone,
            {
                self.$($raw)+.get_or_raise(true)
            }

            /// A clone of the value, or why there is none.
            ///
            /// # Errors
            ///
            /// [`Error::Disposed`], [`Error::Cycle`], [`Error::Panicked`], or [`Error::Borrowed`]
            /// while `update` or `mutate` has the value. [`Error::Budget`] if reading a memo made
            /// effects that do not come to rest.
            #[inline]
            pub fn try_get(&self) -> Result<T, Error>
            where
                T: Clone,
            {
                self.$($raw)+.get(true)
            }

            /// A clone of the value, without depending on it.
            ///
            /// # Panics
            ///
            /// As `get`.
            #[track_caller]
            #[inline]
            pub fn get_untracked(&self) -> T
            where
                T: Clone,
            {
                self.$($raw)+.get_or_raise(false)
            }

            /// `get_untracked`, or why there is no value.
            ///
            /// # Errors
            ///
            /// As `try_get`.
            #[inline]
            pub fn try_get_untracked(&self) -> Result<T, Error>
            where
                T: Clone,
            {
                self.$($raw)+.get(false)
            }

            /// Lends the value without a clone; the running computation depends on it. `f` may read
            /// anything and write anything but this value.
            ///
            /// # Panics
            ///
            /// As `get`.
            #[track_caller]
            #[inline]
            pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
                match self.$($raw)+.with(true, f) {
                    Ok(value) => value,
                    Err(error) => self.$($raw)+.raise(error),
                }
            }

            /// `with`, or why there is no value.
            ///
            /// # Errors
            ///
            /// As `try_get`.
            #[inline]
            pub fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Error> {
                self.$($raw)+.with(true, f)
            }

            /// Lends the value without depending on it.
            ///
            /// # Panics
            ///
            /// As `get`.
            #[track_caller]
            #[inline]
            pub fn with_untracked<R>(&self, f: impl FnOnce(&T) -> R) -> R {
                match self.$($raw)+.with(false, f) {
                    Ok(value) => value,
                    Err(error) => self.$($raw)+.raise(error),
                }
            }

            /// `with_untracked`, or why there is no value.
            ///
            /// # Errors
            ///
            /// As `try_get`.
            #[inline]
            pub fn try_with_untracked<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Error> {
                self.$($raw)+.with(false, f)
            }

            /// Removes the node. Handles to it find it [disposed](Error::Disposed); its readers keep
            /// what they made of it. Nothing happens if it has gone already.
            ///
            /// # Panics
            ///
            /// Rethrows a panic of the value's `Drop` or of a cleanup, after everything has gone.
            #[track_caller]
            pub fn dispose(&self) {
                self.$($raw)+.dispose();
            }

            /// Whether it is still there.
            pub fn is_alive(&self) -> bool {
                self.$($raw)+.rt.flags(self.$($raw)+.id).is_some()
            }

            /// The node in the graph, for dumps and traces.
            pub fn node(&self) -> NodeId {
                self.$($raw)+.id
            }

            /// Gives it a name for dumps, traces and messages.
            #[must_use = "the label is set either way; drop the handle with `let _`"]
            pub fn label(self, name: impl Into<String>) -> Self {
                self.$($raw)+.rt.set_label(self.$($raw)+.id, name.into());
                self
            }

            /// Where it was made; `None` if it has gone.
            pub fn created(&self) -> Option<&'static Location<'static>> {
                created(self.$($raw)+.rt, self.$($raw)+.id)
            }
        }
    };
}

readable!(Signal, raw);
readable!(Memo, raw);
readable!(Linked, memo.raw);

fn created(rt: &'static Inner, id: NodeId) -> Option<&'static Location<'static>> {
    rt.flags(id).map(|_| rt.slot(id.index).created)
}
