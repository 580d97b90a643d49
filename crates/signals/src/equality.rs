//! When a new value counts as a change.
//!
//! The default is [`ByPartialEq`]. With it a `NaN` always counts as a change, since it differs from
//! itself; [`ByBits`] cuts there.

/// Decides whether a new value is the same as the old one; readers run only if it is not.
///
/// Closures `Fn(&T, &T) -> bool` are policies too. A policy that panics leaves a signal's old value
/// in place, and makes a memo fail as if its closure had panicked.
pub trait Equality<T>: 'static {
    /// Whether readers may be left alone.
    fn same(&self, old: &T, new: &T) -> bool;
}

/// `old == new`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByPartialEq;

/// Every write and every run counts as a change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

/// The two point to the same allocation (`Rc`, `Arc`, `&'static`).
#[derive(Clone, Copy, Debug, Default)]
pub struct ByPointer;

/// Floats are the same if their bits are: `NaN` equals itself, `0.0` differs from `-0.0`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByBits;

impl<T: PartialEq> Equality<T> for ByPartialEq {
    #[inline]
    fn same(&self, old: &T, new: &T) -> bool {
        old == new
    }
}

impl<T> Equality<T> for Never {
    #[inline]
    fn same(&self, _: &T, _: &T) -> bool {
        false
    }
}

impl<T: std::ops::Deref> Equality<T> for ByPointer {
    #[inline]
    fn same(&self, old: &T, new: &T) -> bool {
        std::ptr::addr_eq(&raw const **old, &raw const **new)
    }
}

impl Equality<f64> for ByBits {
    #[inline]
    fn same(&self, old: &f64, new: &f64) -> bool {
        old.to_bits() == new.to_bits()
    }
}

impl Equality<f32> for ByBits {
    #[inline]
    fn same(&self, old: &f32, new: &f32) -> bool {
        old.to_bits() == new.to_bits()
    }
}

impl<T, F: Fn(&T, &T) -> bool + 'static> Equality<T> for F {
    #[inline]
    fn same(&self, old: &T, new: &T) -> bool {
        self(old, new)
    }
}
