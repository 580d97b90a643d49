//! A vector with per-index granularity.

use std::cell::RefCell;

use super::Tracker;
use crate::error::{Error, or_raise};
use crate::handle::copy_handle;
use crate::runtime::Cx;
use crate::scope::Stored;

struct Parts<T> {
    items: RefCell<Vec<T>>,
    tracker: Tracker<usize>,
}

/// A vector whose readers run only for the indices they read. A `Copy` handle.
///
/// Insertion and removal in the middle tell the readers of every index behind it.
pub struct ReactiveVec<T: 'static> {
    parts: Stored<Parts<T>>,
}

copy_handle!(ReactiveVec<T>, |handle| handle.parts.raw.id);

impl<T: PartialEq + 'static> ReactiveVec<T> {
    /// An empty vector, owned by the computation or scope that is running.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn new(cx: Cx) -> Self {
        or_raise(Self::try_new(cx))
    }

    /// [`ReactiveVec::new`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_new(cx: Cx) -> Result<Self, Error> {
        let (items, tracker) = (RefCell::default(), Tracker::new(cx)?);
        let parts = cx.try_store(Parts { items, tracker })?;
        Ok(Self { parts })
    }

    /// The item at `index`; the running computation depends on that index.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed.
    #[track_caller]
    pub fn get(&self, index: usize) -> Option<T>
    where
        T: Clone,
    {
        or_raise(self.try_get(index))
    }

    /// [`ReactiveVec::get`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_get(&self, index: usize) -> Result<Option<T>, Error>
    where
        T: Clone,
    {
        self.parts.try_with(|p| {
            p.tracker.track(&index);
            p.items.borrow().get(index).cloned()
        })
    }

    /// Replaces the item at `index`; `false` if there is none. Nothing happens for an equal value.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed or a memo is running.
    #[track_caller]
    pub fn set(&self, index: usize, value: T) -> bool {
        or_raise(self.try_set(index, value))
    }

    /// [`ReactiveVec::set`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveVec::try_push`].
    pub fn try_set(&self, index: usize, value: T) -> Result<bool, Error> {
        let same = self.parts.try_with(|p| {
            p.tracker.writable()?;
            let items = p.tracker.look(&p.items)?;
            Ok(items.get(index).is_some_and(|item| *item == value))
        })??;
        if same {
            return Ok(true);
        }
        // The old item is dropped when everybody has been told.
        let old = self.change(|items| match items.get_mut(index) {
            None => (None, None),
            Some(item) => (
                Some(std::mem::replace(item, value)),
                Some((index, index + 1, false)),
            ),
        })?;
        Ok(old.is_some())
    }

    /// Adds an item at the end.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed or a memo is running.
    #[track_caller]
    pub fn push(&self, value: T) {
        or_raise(self.try_push(value));
    }

    /// [`ReactiveVec::push`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`], [`Error::WriteInMemo`]; [`Error::Budget`] after the change.
    pub fn try_push(&self, value: T) -> Result<(), Error> {
        self.change(|items| {
            items.push(value);
            ((), Some((items.len() - 1, items.len(), true)))
        })
    }

    /// Inserts an item before `index`, at the end if that is behind it.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed or a memo is running.
    #[track_caller]
    pub fn insert(&self, index: usize, value: T) {
        or_raise(self.try_insert(index, value));
    }

    /// [`ReactiveVec::insert`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveVec::try_push`].
    pub fn try_insert(&self, index: usize, value: T) -> Result<(), Error> {
        self.change(|items| {
            let index = index.min(items.len());
            items.insert(index, value);
            ((), Some((index, usize::MAX, true)))
        })
    }

    /// Removes the item at `index`.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed or a memo is running.
    #[track_caller]
    pub fn remove(&self, index: usize) -> Option<T> {
        or_raise(self.try_remove(index))
    }

    /// [`ReactiveVec::remove`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveVec::try_push`].
    pub fn try_remove(&self, index: usize) -> Result<Option<T>, Error> {
        self.change(|items| {
            if index >= items.len() {
                return (None, None);
            }
            (Some(items.remove(index)), Some((index, usize::MAX, true)))
        })
    }

    /// How many items there are; runs again when that changes.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed.
    #[track_caller]
    pub fn len(&self) -> usize {
        or_raise(self.try_len())
    }

    /// [`ReactiveVec::len`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_len(&self) -> Result<usize, Error> {
        self.parts.try_with(|p| {
            p.tracker.track_shape();
            p.items.borrow().len()
        })
    }

    /// Whether there is no item; see [`ReactiveVec::len`].
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`ReactiveVec::is_empty`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_is_empty(&self) -> Result<bool, Error> {
        Ok(self.try_len()? == 0)
    }

    /// All items; runs again for every change.
    ///
    /// # Panics
    ///
    /// Panics if the vector has been disposed.
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        or_raise(self.try_to_vec())
    }

    /// [`ReactiveVec::to_vec`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_to_vec(&self) -> Result<Vec<T>, Error>
    where
        T: Clone,
    {
        self.parts.try_with(|p| {
            p.tracker.track_any();
            p.items.borrow().clone()
        })
    }

    /// Changes the items and tells readers of the range of indices that `f` names, and of the
    /// length if it says so.
    fn change<R>(
        &self,
        f: impl FnOnce(&mut Vec<T>) -> (R, Option<(usize, usize, bool)>),
    ) -> Result<R, Error> {
        self.parts.try_with(|p| {
            p.tracker.writable()?;
            let (result, change) = f(&mut *p.tracker.change(&p.items)?);
            if let Some((from, to, shape)) = change {
                let told = p.tracker.from(&from).into_iter().filter(|i| *i < to);
                p.tracker.notify(told.collect::<Vec<_>>(), shape)?;
            }
            Ok(result)
        })?
    }
}
