//! What the surface knows of a node besides the graph: flags, the block and how to treat it, the
//! owner links. Kept apart from the graph's nodes, so that marking does not drag it through the cache.

use std::alloc::Layout;
use std::panic::Location;

use crate::graph::NodeId;
use crate::runtime::Inner;

/// Flags of the typed surface in the node of the graph.
pub(crate) mod flag {
    use crate::graph::HOST_BITS;
    /// The memo's value slot holds a value.
    pub(crate) const INIT: u32 = 1 << HOST_BITS;
    /// The memo's latest run panicked; the table of errors says how.
    pub(crate) const ERR: u32 = 2 << HOST_BITS;
    /// The value is lent to user code, which may only look.
    pub(crate) const LENT: u32 = 4 << HOST_BITS;
    /// The value is lent to user code that changes it.
    pub(crate) const WRITING: u32 = 8 << HOST_BITS;
    /// There are children or cleanups.
    pub(crate) const OWNS: u32 = 16 << HOST_BITS;
    /// A computation is among its owners.
    pub(crate) const NESTED: u32 = 32 << HOST_BITS;
    /// The write counts as a change whatever the policy says.
    pub(crate) const FORCED: u32 = 64 << HOST_BITS;
    /// There may be entries in the cold tables.
    pub(crate) const COLD: u32 = 128 << HOST_BITS;
    /// A block that it had before is still lent.
    pub(crate) const MOVED: u32 = 256 << HOST_BITS;
}

/// The flags of a value that is lent.
pub(crate) const LOANS: u32 = flag::LENT | flag::WRITING;

/// What a node is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written from outside.
    Signal,
    /// Derived.
    Memo,
    /// Runs for its side effects.
    Effect,
    /// Owns other nodes.
    Scope,
    /// A value that is owned but not tracked.
    Stored,
}

/// How to treat a node's block of memory.
pub(crate) struct VTable {
    pub(crate) kind: Kind,
    pub(crate) layout: Layout,
    /// Comparing runs no code that could reach the runtime.
    pub(crate) plain: bool,
    /// Runs the computation.
    pub(crate) run: unsafe fn(*mut u8, &'static Inner, NodeId),
    /// Whether the value in the block and the given one are the same.
    pub(crate) same: unsafe fn(*const u8, *const u8) -> bool,
    /// Whether the value differs from the one before the batch, which is dropped.
    /// Does not look at the value, and says `true`, if the second argument is `false`.
    pub(crate) commit: unsafe fn(*mut u8, bool) -> bool,
    /// Drops what is in the block; the value only if there is one.
    pub(crate) drop: unsafe fn(*mut u8, bool),
}

/// What the graph does not need to know of a node.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) data: *mut u8,
    pub(crate) vtable: &'static VTable,
    pub(crate) created: &'static Location<'static>,
    pub(crate) parent: u32,
    /// The newest child.
    pub(crate) child: u32,
    /// The sibling made before this one.
    pub(crate) older: u32,
    pub(crate) newer: u32,
}
