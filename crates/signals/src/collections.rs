//! Collections that notify per item: a change of one entry runs only who read that entry.
//!
//! Each keeps its items and, for every item that somebody tracked, a trigger; plus one for the shape
//! (length, set of keys) and one for any change at all. Triggers belong to the collection's own
//! scope, not to the reader that first needed them.

mod map;
mod set;
mod vec;

use std::cell::RefCell;
use std::collections::BTreeMap;

pub use map::ReactiveMap;
pub use set::ReactiveSet;
pub use vec::ReactiveVec;

use crate::error::Error;
use crate::runtime::{Cx, NONE};
use crate::scope::Scope;
use crate::trigger::Trigger;

/// The triggers of a collection, by item.
pub(crate) struct Tracker<K> {
    cx: Cx,
    scope: Scope,
    items: RefCell<BTreeMap<K, Trigger>>,
    shape: Trigger,
    any: Trigger,
}

impl<K: Ord + Clone> Tracker<K> {
    #[track_caller]
    pub(crate) fn new(cx: Cx) -> Self {
        let scope = cx.scope();
        let (shape, any) = scope.run(|| (cx.trigger(), cx.trigger()));
        Self {
            cx,
            scope,
            items: RefCell::default(),
            shape,
            any,
        }
    }

    /// Makes the running computation depend on one item, there or not.
    pub(crate) fn track(&self, key: &K) {
        if self.cx.rt.ctx.get().observer == NONE {
            return;
        }
        let known = self.items.borrow().get(key).copied();
        let trigger = known.unwrap_or_else(|| {
            let made = self.scope.run(|| self.cx.trigger());
            self.items.borrow_mut().insert(key.clone(), made);
            made
        });
        let _ = trigger.try_track();
    }

    pub(crate) fn track_shape(&self) {
        let _ = self.shape.try_track();
    }

    pub(crate) fn track_any(&self) {
        let _ = self.any.try_track();
    }

    /// Whether the collection may be changed now.
    pub(crate) fn writable(&self) -> Result<(), Error> {
        let rt = self.cx.live()?;
        let memo = rt.ctx.get().memo;
        if memo == NONE {
            return Ok(());
        }
        let (target, memo) = (rt.place(self.shape.node()), rt.place_of(memo));
        Err(Error::WriteInMemo { target, memo })
    }

    /// Tells readers of these items, and of the shape if it changed. One batch.
    pub(crate) fn notify(
        &self,
        keys: impl IntoIterator<Item = K>,
        shape: bool,
    ) -> Result<(), Error> {
        self.cx.try_batch(|| {
            for key in keys {
                self.tell(&key);
            }
            if shape {
                let _ = self.shape.try_notify();
            }
            let _ = self.any.try_notify();
        })
    }

    /// Tells readers of one item; forgets its trigger if there are none.
    pub(crate) fn tell(&self, key: &K) {
        let known = self.items.borrow().get(key).copied();
        let Some(trigger) = known else { return };
        if self
            .cx
            .rt
            .g(|g| g.dependents(trigger.node()).next().is_none())
        {
            self.items.borrow_mut().remove(key);
            trigger.dispose();
        } else {
            let _ = trigger.try_notify();
        }
    }

    /// The tracked items at or after `key`.
    pub(crate) fn from(&self, key: &K) -> Vec<K> {
        self.items
            .borrow()
            .range(key..)
            .map(|(k, _)| k.clone())
            .collect()
    }
}
