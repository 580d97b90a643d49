//! A set with per-member granularity.

use super::ReactiveMap;
use crate::error::Error;
use crate::runtime::Cx;

/// A set whose readers run only for the members they asked about. A `Copy` handle.
pub struct ReactiveSet<T: 'static> {
    map: ReactiveMap<T, ()>,
}

impl<T> Clone for ReactiveSet<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ReactiveSet<T> {}

impl<T: Ord + Clone + 'static> ReactiveSet<T> {
    /// An empty set, owned by the computation or scope that is running.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn new(cx: Cx) -> Self {
        Self {
            map: ReactiveMap::new(cx),
        }
    }

    /// Whether a member is there; the running computation depends on that member.
    ///
    /// # Panics
    ///
    /// Panics if the set has been disposed.
    #[track_caller]
    pub fn contains(&self, member: &T) -> bool {
        self.map.get(member).is_some()
    }

    /// Adds a member; `true` if it is new.
    ///
    /// # Panics
    ///
    /// Panics where [`ReactiveSet::try_insert`] is an error.
    #[track_caller]
    pub fn insert(&self, member: T) -> bool {
        self.try_insert(member).unwrap_or_else(|e| e.raise())
    }

    /// [`ReactiveSet::insert`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveMap::try_insert`].
    pub fn try_insert(&self, member: T) -> Result<bool, Error> {
        let new = self.map.try_len_of(&member)? == 0;
        self.map.try_insert(member, ())?;
        Ok(new)
    }

    /// Removes a member; `true` if it was there.
    ///
    /// # Panics
    ///
    /// Panics if the set has been disposed or a memo is running.
    #[track_caller]
    pub fn remove(&self, member: &T) -> bool {
        self.map.remove(member).is_some()
    }

    /// The members in order; runs again when members come or go.
    ///
    /// # Panics
    ///
    /// Panics if the set has been disposed.
    #[track_caller]
    pub fn members(&self) -> Vec<T> {
        self.map.keys()
    }
}
