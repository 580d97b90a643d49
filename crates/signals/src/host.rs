//! How the typed surface drives the graph core: one [`Host`] for the whole runtime.
//!
//! Walks nest only where a closure reads a memo that has to run first. That nesting has no limit, so
//! each such read looks at how much stack is left, which is one comparison, and goes on on a new piece
//! of stack when little is.
#![expect(unsafe_code, reason = "calls a node's closure through its vtable")]

use crate::graph::{Event, Graph, Host, NodeId};
use crate::runtime::Inner;

/// Stack that a closure can count on.
const RED_ZONE: usize = 128 * 1024;
/// Size of each further piece of stack.
#[cfg(not(miri))]
const PIECE: usize = 4 * 1024 * 1024;

impl Host for &'static Inner {
    #[inline]
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        self.g(f)
    }

    #[inline]
    fn recompute(&self, node: NodeId) {
        if self.observed.get() && self.flags(node).is_none() {
            // Whoever heard that it is about to run has disposed it.
            return;
        }
        self.run(node);
    }

    fn commit(&self, source: NodeId) -> bool {
        self.commit_for_read(source)
    }

    #[inline]
    fn event(&self, event: Event) {
        self.tell(event);
    }
}

impl Inner {
    /// Runs a node's closure on the stack that is there.
    #[inline]
    pub(crate) fn run(&'static self, node: NodeId) {
        let (data, vtable) = self.slots(|slots| {
            let slot = crate::graph::arena::at(slots, node.index);
            (slot.data, slot.vtable)
        });
        // SAFETY: `settle` only names live nodes, and a node's slot holds its own block and vtable.
        unsafe { (vtable.run)(data, self, node) }
    }

    /// Calls `f`, which may run closures, where there is stack for that.
    #[inline]
    pub(crate) fn with_stack<R>(&self, f: impl FnOnce() -> R) -> R {
        let mark = 0_u8;
        let here = (&raw const mark).addr();
        if here < self.stack_limit.get() || self.stack_limit.get() == 0 {
            return self.with_more_stack(f);
        }
        f()
    }

    #[cold]
    #[inline(never)]
    #[cfg(not(miri))]
    fn with_more_stack<R>(&self, f: impl FnOnce() -> R) -> R {
        let here = (&raw const f).addr();
        let left = stacker::remaining_stack().unwrap_or(0);
        let limit =
            |here: usize, left: usize| here.saturating_sub(left.saturating_sub(RED_ZONE)).max(1);
        if left > RED_ZONE {
            // The limit was for another stack: this one has room.
            self.stack_limit.set(limit(here, left));
            return f();
        }
        let _before = Limit(self, self.stack_limit.get());
        stacker::grow(PIECE, || {
            let here = 0_u8;
            let left = stacker::remaining_stack().unwrap_or(0);
            self.stack_limit.set(limit((&raw const here).addr(), left));
            f()
        })
    }

    /// Miri has no stack to grow.
    #[cold]
    #[cfg(miri)]
    fn with_more_stack<R>(&self, f: impl FnOnce() -> R) -> R {
        let _ = RED_ZONE;
        self.stack_limit.set(1);
        f()
    }
}

/// Puts the limit of the outer stack back, also when user code unwinds.
#[cfg(not(miri))]
struct Limit<'r>(&'r Inner, usize);

#[cfg(not(miri))]
impl Drop for Limit<'_> {
    fn drop(&mut self) {
        self.0.stack_limit.set(self.1);
    }
}
