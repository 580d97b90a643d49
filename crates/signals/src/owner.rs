//! The owner tree: who goes when its owner runs again or is disposed.
//!
//! Every node has one owner: the computation or scope that was running when it was made. Disposal
//! is a loop: inner before outer, newest sibling first, and each node's cleanups (last one first)
//! after its children have gone. Panics in cleanups or `Drop` are kept until everything has gone.
#![expect(unsafe_code, reason = "drops blocks through their vtable")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::graph::{NodeId, RUNNING};
use crate::runtime::{Ctx, Inner, NOBODY, NONE};
use crate::slot::{LOANS, VTable, flag};

pub(crate) type Panic = Box<dyn Any + Send>;
type Site = Option<&'static Location<'static>>;

/// A block that is no node's any more while user code is at work on it: the node has gone or moved.
pub(crate) struct Left {
    pub(crate) id: NodeId,
    pub(crate) data: *mut u8,
    pub(crate) vtable: &'static VTable,
    pub(crate) init: bool,
    /// Who is at work.
    pub(crate) users: u32,
}

/// Keeps the first panic of several.
pub(crate) fn keep_first<R>(first: &mut Option<Panic>, result: Result<R, Panic>) -> Option<R> {
    match result {
        Ok(value) => Some(value),
        Err(panic) => {
            first.get_or_insert(panic);
            None
        }
    }
}

impl Inner {
    /// Disposes a node with all it owns, as a batch; rethrows the first panic at the end.
    pub(crate) fn dispose(&'static self, id: NodeId, at: Site) {
        if self.flags(id).is_none() {
            return;
        }
        if let Some(panic) = self.dispose_quietly(id, at) {
            std::panic::resume_unwind(panic);
        }
    }

    pub(crate) fn dispose_quietly(&'static self, id: NodeId, at: Site) -> Option<Panic> {
        let mut panic = None;
        self.depth.set(self.depth.get() + 1);
        let lent = self.lend();
        self.clear(id, true, at, &mut panic);
        drop(lent);
        let flushed = self.leave_batch();
        keep_first(
            &mut panic,
            flushed.map_err(crate::flush::FlushError::into_panic),
        );
        panic
    }

    /// Before a computation runs again: disposes what its last run made and runs its cleanups.
    #[cold]
    pub(crate) fn purge(&'static self, id: NodeId) -> Result<(), Panic> {
        let mut panic = None;
        self.depth.set(self.depth.get() + 1);
        self.clear(id, false, None, &mut panic);
        // A cleanup may have written what the computation is about to read. Committed now, the
        // write belongs to the coming run and does not cause another one.
        self.commit_touched(&mut panic);
        self.depth.set(self.depth.get() - 1);
        panic.map_or(Ok(()), Err)
    }

    /// The loop behind both: everything below `root`, then `root`'s cleanups, then `root` itself.
    fn clear(&'static self, root: NodeId, with_root: bool, at: Site, panic: &mut Option<Panic>) {
        let mut current = root;
        while self.flags(current).is_some() || {
            current = root;
            self.flags(root).is_some()
        } {
            let child = self.slot(current.index).child;
            if child != NONE {
                current = self.g(|g| g.id(child));
                continue;
            }
            let done = current == root;
            self.run_cleanups(current, panic);
            if self.flags(current).is_none() || self.slot(current.index).child != NONE {
                continue;
            }
            if done {
                if with_root {
                    self.free(root, at, panic);
                } else {
                    self.set_flags(root.index, 0, flag::OWNS);
                }
                return;
            }
            let parent = self.slot(current.index).parent;
            let parent = self.g(|g| g.id(parent));
            self.free(current, at, panic);
            current = parent;
        }
    }

    fn run_cleanups(&'static self, id: NodeId, panic: &mut Option<Panic>) {
        let Some(flags) = self.flags(id) else { return };
        if flags & flag::COLD == 0 {
            return;
        }
        let parent = self.slot(id.index).parent;
        let owner = if parent == NONE {
            NOBODY
        } else {
            self.g(|g| g.id(parent))
        };
        loop {
            let mut cold = self.cold.borrow_mut();
            let cleanups = cold.cleanups.get_mut(&id.index);
            let Some(cleanup) = cleanups.and_then(smallvec::SmallVec::pop) else {
                cold.cleanups.remove(&id.index);
                return;
            };
            drop(cold);
            self.outside(owner, cleanup, panic);
            if self.flags(id).is_none() {
                return;
            }
        }
    }

    /// What a run that disposed its own effect drops now is read and made by no computation.
    #[cold]
    pub(crate) fn nobody_asks(&self) {
        self.ctx.set(Ctx {
            observer: NONE,
            memo: NONE,
            owner: self.root.get(),
        });
    }

    /// Runs user code that belongs to no computation, untracked and allowed to write.
    pub(crate) fn outside(&self, owner: NodeId, f: impl FnOnce(), panic: &mut Option<Panic>) {
        let before = self.ctx.replace(Ctx {
            observer: NONE,
            memo: NONE,
            owner,
        });
        keep_first(panic, catch_unwind(AssertUnwindSafe(f)));
        self.ctx.set(before);
    }

    /// Takes one childless node out of the tree and the graph and drops its block, unless user
    /// code is at work on it: then whoever called that code drops it on return.
    fn free(&'static self, id: NodeId, at: Site, panic: &mut Option<Panic>) {
        let Some(flags) = self.flags(id) else { return };
        let slot = self.slot(id.index);
        self.slots(|slots| {
            if slot.newer != NONE {
                slots[slot.newer as usize].older = slot.older;
            } else if slot.parent != NONE {
                slots[slot.parent as usize].child = slot.older;
            }
            if slot.older != NONE {
                slots[slot.older as usize].newer = slot.newer;
            }
        });
        let forgotten = {
            let mut cold = self.cold.borrow_mut();
            cold.bury(id, slot.created, at);
            (flags & flag::COLD != 0).then(|| cold.forget(id.index))
        };
        self.g(|g| g.remove(id));
        if self.observed.get() {
            self.tell_disposed(id);
        }
        let init = flags & flag::INIT != 0;
        let users = flags & (RUNNING | LOANS);
        if users != 0 {
            self.left.borrow_mut().push(Left {
                id,
                data: slot.data,
                vtable: slot.vtable,
                init,
                users,
            });
        } else {
            // SAFETY: the node has gone, so nobody finds the block any more, and by the flags
            // nobody is using it.
            let dropped = unsafe { self.drop_block(slot.data, slot.vtable, init) };
            keep_first(panic, dropped);
        }
        if let Some(forgotten) = forgotten {
            keep_first(panic, catch_unwind(AssertUnwindSafe(|| drop(forgotten))));
        }
    }

    /// Whoever called user code that was at work on blocks of the node, as `users` says, calls this
    /// when it has returned. Blocks that nobody is at work on any more are dropped.
    #[cold]
    pub(crate) fn drop_left(&self, id: NodeId, users: u32) -> Result<(), Panic> {
        let mut panic = None;
        for left in &mut *self.left.borrow_mut() {
            if left.id == id {
                left.users &= !users;
            }
        }
        loop {
            let mut all = self.left.borrow_mut();
            let next = all.iter().position(|left| left.users == 0);
            let Some(left) = next.map(|at| all.swap_remove(at)) else {
                return panic.map_or(Ok(()), Err);
            };
            drop(all);
            // SAFETY: it is no node's block any more, and its last user is done.
            let dropped = unsafe { self.drop_block(left.data, left.vtable, left.init) };
            keep_first(&mut panic, dropped);
        }
    }

    /// Drops what is in a block and frees it, even if the drop panics.
    ///
    /// # Safety
    ///
    /// The block is no node's any more, has that vtable, and nobody uses it.
    unsafe fn drop_block(
        &self,
        data: *mut u8,
        vtable: &'static VTable,
        init: bool,
    ) -> Result<(), Panic> {
        let lent = self.lend();
        // SAFETY: by the contract of this function the block is ours.
        let result = catch_unwind(AssertUnwindSafe(|| unsafe { (vtable.drop)(data, init) }));
        drop(lent);
        // SAFETY: it came from this slab with this layout, and its contents were dropped.
        self.slab(|slab| unsafe { slab.free(data, vtable.layout) });
        result
    }

    /// The end of a run that disposed its own node.
    #[cold]
    pub(crate) fn over(&'static self, id: NodeId) {
        self.g(|g| g.finish(id, false));
        let dropped = self.drop_left(id, RUNNING);
        let late = self.run_late(Some(id));
        if let Err(panic) = dropped.and(late) {
            resume_unwind(panic);
        }
    }

    /// [`Inner::over`] for a run that unwinds. Further panics are dropped: the first one is on its
    /// way.
    #[cold]
    pub(crate) fn over_quietly(&'static self, id: NodeId) {
        self.g(|g| g.finish(id, false));
        let _ = self.drop_left(id, RUNNING);
        let _ = self.run_late(Some(id));
    }

    /// The innermost computation that was disposed during its own run, which is not over.
    #[cold]
    pub(crate) fn dying(&self) -> Option<NodeId> {
        let left = self.left.borrow();
        let mut running = left.iter().filter(|left| left.users & RUNNING != 0);
        let owner = self.ctx.get().owner;
        let own = left.iter().any(|l| l.id == owner && l.users & RUNNING != 0);
        if own {
            return Some(owner);
        }
        running.next_back().map(|left| left.id)
    }

    /// Does what was put off until the run of a computation that was disposed during it was over;
    /// with `None` of all of them.
    #[cold]
    pub(crate) fn run_late(&'static self, of: Option<NodeId>) -> Result<(), Panic> {
        let mut panic = None;
        loop {
            let mut cold = self.cold.borrow_mut();
            let of_it = |(id, _): &(NodeId, _)| of.is_none_or(|of| of == *id);
            let next = cold.late.iter().rposition(of_it);
            let next = next.map(|at| cold.late.remove(at));
            drop(cold);
            let Some((_, cleanup)) = next else { break };
            self.outside(self.root.get(), cleanup, &mut panic);
        }
        panic.map_or(Ok(()), Err)
    }
}
