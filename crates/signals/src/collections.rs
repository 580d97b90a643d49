//! Collections that notify per item: a change of one entry runs only who read that entry.
//!
//! Each keeps its items and, for every item that somebody tracked, a trigger; plus one for the shape
//! (length, set of keys) and one for any change at all. Triggers belong to the collection's own
//! scope, not to the reader that first needed them.

mod map;
mod set;
mod vec;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::panic::Location;

pub use map::ReactiveMap;
pub use set::ReactiveSet;
pub use vec::ReactiveVec;

use crate::error::Error;
use crate::runtime::{Cx, NONE};
use crate::scope::Scope;
use crate::trigger::Trigger;

const LIMIT: usize = 32;

/// The triggers of a collection, by item.
pub(crate) struct Tracker<K> {
    cx: Cx,
    scope: Scope,
    created: &'static Location<'static>,
    items: RefCell<BTreeMap<K, Trigger>>,
    shape: Trigger,
    any: Trigger,
    /// With more triggers than this it is looked which ones nobody reads any more.
    limit: Cell<usize>,
}

impl<K: Ord + Clone> Tracker<K> {
    #[track_caller]
    pub(crate) fn new(cx: Cx) -> Result<Self, Error> {
        let scope = cx.try_scope()?;
        let created = Location::caller();
        let make = || Ok((cx.try_trigger_at(created)?, cx.try_trigger_at(created)?));
        let (shape, any) = scope.run(make)?;
        Ok(Self {
            cx,
            scope,
            created,
            items: RefCell::default(),
            shape,
            any,
            limit: Cell::new(LIMIT),
        })
    }

    /// Makes the running computation depend on one item, there or not.
    pub(crate) fn track(&self, key: &K) {
        if self.cx.rt.ctx.get().observer == NONE {
            return;
        }
        let known = self.items.borrow().get(key).copied();
        if let Some(trigger) = known.or_else(|| self.make(key)) {
            let _ = trigger.try_track();
        }
    }

    fn make(&self, key: &K) -> Option<Trigger> {
        if self.items.borrow().len() >= self.limit.get() {
            self.forget_unread();
        }
        let key = key.clone();
        let made = self.scope.run(|| self.cx.try_trigger_at(self.created));
        let made = made.ok()?;
        self.items.borrow_mut().insert(key, made);
        Some(made)
    }

    /// Items that somebody tracked once and nobody reads now; amortised over those that are made.
    #[cold]
    fn forget_unread(&self) {
        let rt = self.cx.rt;
        let is_unread = |t: &Trigger| rt.g(|g| g.dependents(t.node()).next().is_none());
        let all = std::mem::take(&mut *self.items.borrow_mut());
        let (unread, read) = all
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, t)| is_unread(t));
        self.limit.set((2 * read.len()).max(LIMIT));
        *self.items.borrow_mut() = read;
        for trigger in unread.values() {
            trigger.dispose();
        }
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

    /// The items, to look at.
    pub(crate) fn look<'i, T>(&self, items: &'i RefCell<T>) -> Result<Ref<'i, T>, Error> {
        let place = || self.cx.rt.place(self.shape.node());
        items.try_borrow().map_err(|_| Error::Borrowed(place()))
    }

    /// The items, to change; an error while an item is being compared or cloned.
    pub(crate) fn change<'i, T>(&self, items: &'i RefCell<T>) -> Result<RefMut<'i, T>, Error> {
        let place = || self.cx.rt.place(self.shape.node());
        items.try_borrow_mut().map_err(|_| Error::Borrowed(place()))
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
