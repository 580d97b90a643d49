//! A map with per-key granularity, ordered by key so that iteration is deterministic.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Tracker;
use crate::error::{Error, or_raise};
use crate::handle::copy_handle;
use crate::runtime::Cx;
use crate::scope::Stored;

pub(super) struct Parts<K, V> {
    items: RefCell<BTreeMap<K, V>>,
    tracker: Tracker<K>,
}

/// A map whose readers run only for the keys they read. A `Copy` handle.
///
/// ```
/// use hmr_signals::{ReactiveMap, Runtime};
///
/// let rt = Runtime::new();
/// let stock = ReactiveMap::new(rt.cx());
/// stock.insert("apple", 3);
/// let apples = rt.memo(move || stock.get(&"apple").unwrap_or(0));
/// assert_eq!(apples.get(), 3);
/// stock.insert("pear", 5); // `apples` is not even checked
/// stock.insert("apple", 4);
/// assert_eq!(apples.get(), 4);
/// ```
pub struct ReactiveMap<K: 'static, V: 'static> {
    pub(super) parts: Stored<Parts<K, V>>,
}

copy_handle!(ReactiveMap<K, V>, |handle| handle.parts.raw.id);

impl<K: Ord + Clone + 'static, V: PartialEq + 'static> ReactiveMap<K, V> {
    /// An empty map, owned by the computation or scope that is running.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn new(cx: Cx) -> Self {
        or_raise(Self::try_new(cx))
    }

    /// [`ReactiveMap::new`], or an error if the runtime has been dropped.
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

    /// The value of a key; the running computation depends on that key.
    ///
    /// # Panics
    ///
    /// Panics if the map has been disposed.
    #[track_caller]
    pub fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        or_raise(self.try_get(key))
    }

    /// [`ReactiveMap::get`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_get(&self, key: &K) -> Result<Option<V>, Error>
    where
        V: Clone,
    {
        self.parts.try_with(|p| {
            p.tracker.track(key);
            p.items.borrow().get(key).cloned()
        })
    }

    /// Sets a key and gives its old value. Nothing happens for an equal value.
    ///
    /// # Panics
    ///
    /// Panics where [`ReactiveMap::try_insert`] is an error.
    #[track_caller]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        or_raise(self.try_insert(key, value))
    }

    /// [`ReactiveMap::insert`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`], [`Error::WriteInMemo`]; [`Error::Budget`] after the change.
    pub fn try_insert(&self, key: K, value: V) -> Result<Option<V>, Error> {
        self.parts.try_with(|p| {
            p.tracker.writable()?;
            if p.tracker.look(&p.items)?.get(&key) == Some(&value) {
                return Ok(None);
            }
            let old = p.tracker.change(&p.items)?.insert(key.clone(), value);
            p.tracker.notify([key], old.is_none())?;
            Ok(old)
        })?
    }

    /// Removes a key and gives its value.
    ///
    /// # Panics
    ///
    /// Panics where [`ReactiveMap::try_remove`] is an error.
    #[track_caller]
    pub fn remove(&self, key: &K) -> Option<V> {
        or_raise(self.try_remove(key))
    }

    /// [`ReactiveMap::remove`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveMap::try_insert`].
    pub fn try_remove(&self, key: &K) -> Result<Option<V>, Error> {
        self.parts.try_with(|p| {
            p.tracker.writable()?;
            let old = p.tracker.change(&p.items)?.remove(key);
            if old.is_some() {
                p.tracker.notify([key.clone()], true)?;
            }
            Ok(old)
        })?
    }

    /// 1 if the key is there, untracked.
    pub(super) fn try_len_of(&self, key: &K) -> Result<usize, Error> {
        self.parts
            .try_with(|p| usize::from(p.items.borrow().contains_key(key)))
    }

    /// How many keys there are; runs again when keys come or go.
    ///
    /// # Panics
    ///
    /// Panics if the map has been disposed.
    #[track_caller]
    pub fn len(&self) -> usize {
        or_raise(self.try_len())
    }

    /// [`ReactiveMap::len`], or an error.
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

    /// Whether there is no key; see [`ReactiveMap::len`].
    ///
    /// # Panics
    ///
    /// Panics if the map has been disposed.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`ReactiveMap::is_empty`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_is_empty(&self) -> Result<bool, Error> {
        Ok(self.try_len()? == 0)
    }

    /// The keys in order; runs again when keys come or go.
    ///
    /// # Panics
    ///
    /// Panics if the map has been disposed.
    #[track_caller]
    pub fn keys(&self) -> Vec<K> {
        or_raise(self.try_keys())
    }

    /// [`ReactiveMap::keys`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_keys(&self) -> Result<Vec<K>, Error> {
        self.parts.try_with(|p| {
            p.tracker.track_shape();
            p.items.borrow().keys().cloned().collect()
        })
    }

    /// All entries in order; runs again for every change.
    ///
    /// # Panics
    ///
    /// Panics if the map has been disposed.
    #[track_caller]
    pub fn entries(&self) -> Vec<(K, V)>
    where
        V: Clone,
    {
        or_raise(self.try_entries())
    }

    /// [`ReactiveMap::entries`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_entries(&self) -> Result<Vec<(K, V)>, Error>
    where
        V: Clone,
    {
        self.parts.try_with(|p| {
            p.tracker.track_any();
            let items = p.items.borrow();
            items.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
        })
    }
}
