//! "Is this the selected one?" for many keys, where a change of selection costs two notifications.

use std::cell::RefCell;

use crate::collections::Tracker;
use crate::effect::Effect;
use crate::error::{Error, or_raise};
use crate::flush::{FlushError, Restore};
use crate::graph::MARKED;
use crate::handle::copy_handle;
use crate::runtime::{Cx, NONE};
use crate::scope::Stored;

struct Parts<K> {
    current: RefCell<Option<K>>,
    tracker: Tracker<K>,
}

/// Answers [`Selector::is`] per key; see [`Cx::selector`]. A `Copy` handle.
pub struct Selector<K: 'static> {
    cx: Cx,
    parts: Stored<Parts<K>>,
    watcher: Effect,
}

copy_handle!(Selector<K>, |handle| handle.watcher.node());

impl Cx {
    /// Watches which key is selected. When that changes, readers of [`Selector::is`] run for the
    /// old key and for the new one, whatever the number of keys.
    ///
    /// ```
    /// use hmr_signals::Runtime;
    ///
    /// let rt = Runtime::new();
    /// let chosen = rt.signal(1);
    /// let selector = rt.selector(move || chosen.get());
    /// let rows: Vec<_> = (0..1_000).map(|row| rt.memo(move || selector.is(&row))).collect();
    /// assert!(rows[1].get() && !rows[2].get());
    /// chosen.set(2); // checks rows 1 and 2 only
    /// assert!(!rows[1].get() && rows[2].get());
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped, and when `selected` does.
    #[track_caller]
    pub fn selector<K: Ord + Clone + 'static>(
        &self,
        selected: impl Fn() -> K + 'static,
    ) -> Selector<K> {
        or_raise(self.try_selector(selected))
    }

    /// [`Cx::selector`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// As [`Cx::try_effect`].
    #[track_caller]
    pub fn try_selector<K: Ord + Clone + 'static>(
        &self,
        selected: impl Fn() -> K + 'static,
    ) -> Result<Selector<K>, Error> {
        let cx = *self;
        let (current, tracker) = (RefCell::new(None), Tracker::new(cx)?);
        let parts = cx.try_store(Parts { current, tracker })?;
        let watcher = cx.try_effect(move || {
            let new = selected();
            let _ = parts.try_with(|p| {
                if p.current.borrow().as_ref() == Some(&new) {
                    return;
                }
                let old = p.current.replace(Some(new.clone()));
                if let Some(old) = old {
                    p.tracker.tell(&old);
                }
                p.tracker.tell(&new);
            });
        })?;
        Ok(Selector { cx, parts, watcher })
    }
}

impl<K: Ord + Clone + 'static> Selector<K> {
    /// Whether `key` is selected; the running computation depends on that key only.
    ///
    /// # Panics
    ///
    /// Panics if the selector has been disposed.
    #[track_caller]
    pub fn is(&self, key: &K) -> bool {
        or_raise(self.try_is(key))
    }

    /// [`Selector::is`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_is(&self, key: &K) -> Result<bool, Error> {
        let rt = self.cx.live()?;
        let id = self.watcher.node();
        // The selection may have been written in the open batch.
        if rt.flags(id).is_some_and(|f| f & MARKED != 0) {
            let before = rt.ctx.get();
            let restore = Restore::new(rt, before);
            rt.settle_or_force(id);
            drop(restore);
            if rt.ctx.get().memo == NONE {
                rt.flush_if_queued().map_err(FlushError::into_error)?;
            }
        }
        self.parts.try_with(|p| {
            p.tracker.track(key);
            p.current.borrow().as_ref() == Some(key)
        })
    }
}
