//! Access to the dense arenas of nodes and edges by index.
//!
//! Indices that the graph stores itself are always in range: an arena only ever grows, and each
//! index was a position in it when it was stored. Ids that come from outside are checked first, by
//! `Graph::contains`. Debug builds check every access, and the whole test suite runs in them.
#![expect(
    unsafe_code,
    reason = "skips the bounds check of indices the graph stored itself"
)]

/// The element at an index that the graph stored.
#[inline(always)]
#[expect(clippy::inline_always, reason = "one load; the hot loops rely on it")]
pub(crate) fn at<T>(arena: &[T], index: u32) -> &T {
    debug_assert!(
        (index as usize) < arena.len(),
        "index {index} is not in the arena"
    );
    // SAFETY: the index was stored by the graph, so it was in range, and arenas never shrink.
    unsafe { arena.get_unchecked(index as usize) }
}

/// [`at`], to write.
#[inline(always)]
#[expect(clippy::inline_always, reason = "one load; the hot loops rely on it")]
pub(crate) fn at_mut<T>(arena: &mut [T], index: u32) -> &mut T {
    debug_assert!(
        (index as usize) < arena.len(),
        "index {index} is not in the arena"
    );
    // SAFETY: as in `at`.
    unsafe { arena.get_unchecked_mut(index as usize) }
}
