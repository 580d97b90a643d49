//! A set with per-member granularity.

use super::ReactiveMap;
use crate::error::{Error, or_raise};
use crate::handle::copy_handle;
use crate::runtime::Cx;

/// A set whose readers run only for the members they asked about. A `Copy` handle.
pub struct ReactiveSet<T: 'static> {
    map: ReactiveMap<T, ()>,
}

copy_handle!(ReactiveSet<T>, |handle| handle.map.parts.raw.id);

impl<T: Ord + Clone + 'static> ReactiveSet<T> {
    /// An empty set, owned by the computation or scope that is running.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn new(cx: Cx) -> Self {
        or_raise(Self::try_new(cx))
    }

    /// [`ReactiveSet::new`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_new(cx: Cx) -> Result<Self, Error> {
        let map = ReactiveMap::try_new(cx)?;
        Ok(Self { map })
    }

    /// Whether a member is there; the running computation depends on that member.
    ///
    /// # Panics
    ///
    /// Panics if the set has been disposed.
    #[track_caller]
    pub fn contains(&self, member: &T) -> bool {
        or_raise(self.try_contains(member))
    }

    /// [`ReactiveSet::contains`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_contains(&self, member: &T) -> Result<bool, Error> {
        Ok(self.map.try_get(member)?.is_some())
    }

    /// Adds a member; `true` if it is new.
    ///
    /// # Panics
    ///
    /// Panics where [`ReactiveSet::try_insert`] is an error.
    #[track_caller]
    pub fn insert(&self, member: T) -> bool {
        or_raise(self.try_insert(member))
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
    /// Panics where [`ReactiveSet::try_remove`] is an error.
    #[track_caller]
    pub fn remove(&self, member: &T) -> bool {
        or_raise(self.try_remove(member))
    }

    /// [`ReactiveSet::remove`], or an error.
    ///
    /// # Errors
    ///
    /// As [`ReactiveMap::try_insert`].
    pub fn try_remove(&self, member: &T) -> Result<bool, Error> {
        Ok(self.map.try_remove(member)?.is_some())
    }

    /// The members in order; runs again when members come or go.
    ///
    /// # Panics
    ///
    /// Panics if the set has been disposed.
    #[track_caller]
    pub fn members(&self) -> Vec<T> {
        or_raise(self.try_members())
    }

    /// [`ReactiveSet::members`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_members(&self) -> Result<Vec<T>, Error> {
        self.map.try_keys()
    }
}
