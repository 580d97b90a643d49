//! The runtime: owns the nodes, lends the graph, and knows what is running.
//!
//! [`Runtime`] is the owned handle; dropping it disposes everything. Its memory block stays behind
//! (a few hundred bytes, used again by the next runtime of the thread), because handles are plain
//! `Copy` pointers to it; generations only ever rise, so a handle that outlived its runtime finds
//! that its node has gone, and never somebody else's.
//!
//! Two rules keep the `unsafe` here sound. The cells are lent for single steps in which no user
//! code runs. And `Inner` is not `Sync`, so every handle stays on the thread of its runtime.
#![expect(
    unsafe_code,
    reason = "lends `UnsafeCell`s for single steps without user code"
)]

use std::cell::{Cell, RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use crate::cold::Cold;
use crate::error::{Error, Place};
use crate::graph::{Graph, NodeId, SOURCE, State};
use crate::slab::Slab;
use crate::slot::Slot;

/// Who is asking. Saved and restored around every piece of user code.
#[derive(Clone, Copy)]
pub(crate) struct Ctx {
    /// The computation that reads are recorded for; `NONE` while untracked.
    pub(crate) observer: u32,
    /// The memo that is running, also while untracked: nothing may be written. `NONE` in effects.
    pub(crate) memo: u32,
    /// Owns what is created.
    pub(crate) owner: NodeId,
}

/// The hot fields first, on cache lines of their own, whatever else comes and goes.
#[repr(C, align(64))]
pub(crate) struct Inner {
    graph: UnsafeCell<Graph>,
    slots: UnsafeCell<Vec<Slot>>,
    pub(crate) ctx: Cell<Ctx>,
    /// Open batches; a flush counts as one.
    pub(crate) depth: Cell<u32>,
    /// How much user code works on a block of this runtime right now.
    pub(crate) lent: Cell<u32>,
    /// Below this address the stack has to grow before the next nested run.
    pub(crate) stack_limit: Cell<usize>,
    /// Signals written in the open batch.
    touched: UnsafeCell<Vec<NodeId>>,
    pub(crate) budget: Cell<usize>,
    /// A memo that is failing: the panic that will be its result is on its way up.
    pub(crate) failing: Cell<NodeId>,
    pub(crate) root: Cell<NodeId>,
    pub(crate) epoch: Cell<u32>,
    pub(crate) alive: Cell<bool>,
    /// Somebody wants events or run counts.
    pub(crate) observed: Cell<bool>,
    slab: UnsafeCell<Slab>,
    pub(crate) left: RefCell<Vec<crate::owner::Left>>,
    /// A cycle error was raised and no memo has failed with it yet.
    pub(crate) raised_cycle: RefCell<Option<RaisedCycle>>,
    /// The error of a memo that panicked earlier, which its latest reader got as a panic.
    pub(crate) raised_failure: RefCell<Option<Error>>,
    /// A panic that the flush in progress rethrows at its end.
    pub(crate) kept_panic: RefCell<Option<crate::owner::Panic>>,
    pub(crate) cold: RefCell<Cold>,
}

/// A cycle error, and the run of the memo that got it: only that run can have failed by it.
pub(crate) struct RaisedCycle {
    pub(crate) error: Error,
    pub(crate) memo: u32,
    pub(crate) run: u32,
}

/// Memory that a dropped runtime leaves to the next one of its thread.
const KEPT: usize = 32 * 1024 * 1024;

pub(crate) const NONE: u32 = u32::MAX;
pub(crate) const NOBODY: NodeId = NodeId {
    index: NONE,
    generation: NONE,
};
const IDLE: Ctx = Ctx {
    observer: NONE,
    memo: NONE,
    owner: NOBODY,
};

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool {
            ready: Vec::new(),
            busy: Vec::new(),
        })
    };
}

/// Runtimes that were dropped, for the next ones of this thread. When the thread ends, their memory
/// is freed but for the block that handles point to, about a kilobyte: there may be handles left.
struct Pool {
    ready: Vec<&'static Inner>,
    /// Dropped by their own code, which may still be at work.
    busy: Vec<&'static Inner>,
}

impl Pool {
    /// A runtime to use again, if there is one.
    fn take() -> Option<&'static Inner> {
        let idle = POOL.with_borrow_mut(|pool| {
            let idle = pool.busy.extract_if(.., |rt| !rt.is_busy());
            idle.collect::<Vec<_>>()
        });
        for rt in idle {
            rt.reset();
        }
        POOL.with_borrow_mut(|pool| pool.ready.pop())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.busy.iter().filter(|rt| !rt.is_busy());
        for rt in self.ready.iter().chain(idle) {
            rt.free_memory();
        }
    }
}

/// Owns signals, memos, effects and scopes, and everything they hold.
///
/// It dereferences to [`Cx`], which has the methods. Runtimes are independent of each other. One
/// stays on the thread that made it, with all its handles; sending either does not compile. From
/// other threads, write through a [`Mailbox`](crate::Mailbox) (feature `sync`).
///
/// Dropping it disposes all nodes, newest first, and runs their cleanups. Handles may outlive it:
/// using one is then [`Error::Disposed`].
pub struct Runtime {
    cx: Cx,
}

/// A `Copy` reference to a runtime, for use inside closures: creates nodes, batches, untracks.
///
/// What is created belongs to the computation or scope that is running, and goes with it.
#[derive(Clone, Copy)]
pub struct Cx {
    pub(crate) rt: &'static Inner,
    epoch: u32,
    not_send: PhantomData<*mut ()>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime {
    /// An empty runtime.
    #[track_caller]
    pub fn new() -> Self {
        let rt = Pool::take().unwrap_or_else(|| {
            Box::leak(Box::new(Inner {
                graph: UnsafeCell::new(Graph::new()),
                slots: UnsafeCell::new(Vec::new()),
                slab: UnsafeCell::new(Slab::new()),
                ctx: Cell::new(IDLE),
                depth: Cell::new(0),
                lent: Cell::new(0),
                touched: UnsafeCell::default(),
                cold: RefCell::default(),
                left: RefCell::default(),
                observed: Cell::new(false),
                raised_cycle: RefCell::default(),
                raised_failure: RefCell::default(),
                stack_limit: Cell::new(0),
                root: Cell::new(NOBODY),
                epoch: Cell::new(0),
                alive: Cell::new(false),
                budget: Cell::new(crate::flush::DEFAULT_BUDGET),
                failing: Cell::new(NOBODY),
                kept_panic: RefCell::default(),
            }))
        });
        rt.alive.set(true);
        let root = rt.insert(crate::scope::VTABLE, SOURCE, |_| {}, Location::caller());
        rt.root.set(root);
        rt.ctx.set(Ctx {
            owner: root,
            ..IDLE
        });
        let (epoch, not_send) = (rt.epoch.get(), PhantomData);
        Self {
            cx: Cx {
                rt,
                epoch,
                not_send,
            },
        }
    }

    /// A reference to this runtime that closures can hold.
    pub fn cx(&self) -> Cx {
        self.cx
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime({} nodes)", self.node_count())
    }
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cx({} nodes)", self.node_count())
    }
}

impl Deref for Runtime {
    type Target = Cx;

    fn deref(&self) -> &Cx {
        &self.cx
    }
}

impl Drop for Runtime {
    #[track_caller]
    fn drop(&mut self) {
        let rt = self.cx.rt;
        let is_busy = rt.is_busy();
        let failure = rt.dispose_quietly(rt.root.get(), Some(Location::caller()));
        let failure = failure.or(rt.run_late(None).err()).or(rt.kept_panic.take());
        rt.alive.set(false);
        rt.epoch.set(rt.epoch.get().wrapping_add(1));
        rt.observed.set(false);
        let cold = rt.cold.borrow_mut().take_all_but_graves();
        if is_busy {
            // After the end of the thread there is no next one.
            let _ = POOL.try_with(|pool| pool.borrow_mut().busy.push(rt));
        } else {
            rt.reset();
        }
        drop(cold);
        if let Some(panic) = failure
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Cx {
    /// The runtime, if it is the one this reference was made for and still there.
    pub(crate) fn live(self) -> Result<&'static Inner, Error> {
        if self.rt.alive.get() && self.rt.epoch.get() == self.epoch {
            Ok(self.rt)
        } else {
            let (created, disposed) = (None, None);
            Err(Error::Disposed { created, disposed })
        }
    }

    /// The runtime.
    ///
    /// # Panics
    ///
    /// Panics if it has been dropped.
    #[track_caller]
    #[inline]
    pub(crate) fn inner(self) -> &'static Inner {
        match self.live() {
            Ok(rt) => rt,
            Err(error) => error.raise(),
        }
    }
}

impl Inner {
    /// Lends the graph. `f` must not call user code; no closure in this crate does.
    #[inline]
    pub(crate) fn g<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        // SAFETY: one thread (`Inner` is not `Sync`), and `f` returns before anything else can ask
        // for the graph: the closures of this crate neither nest calls of `g` nor call user code.
        f(unsafe { &mut *self.graph.get() })
    }

    #[inline]
    pub(crate) fn slots<R>(&self, f: impl FnOnce(&mut Vec<Slot>) -> R) -> R {
        // SAFETY: as for `g`.
        f(unsafe { &mut *self.slots.get() })
    }

    #[inline]
    pub(crate) fn touched<R>(&self, f: impl FnOnce(&mut Vec<NodeId>) -> R) -> R {
        // SAFETY: as for `g`.
        f(unsafe { &mut *self.touched.get() })
    }

    #[inline]
    pub(crate) fn slab<R>(&self, f: impl FnOnce(&mut Slab) -> R) -> R {
        // SAFETY: as for `g`.
        f(unsafe { &mut *self.slab.get() })
    }

    #[inline]
    pub(crate) fn slot(&self, index: u32) -> Slot {
        self.slots(|slots| *crate::graph::arena::at(slots, index))
    }

    /// The block of a node.
    #[inline]
    pub(crate) fn data(&self, index: u32) -> *mut u8 {
        self.slots(|slots| crate::graph::arena::at(slots, index).data)
    }

    /// The flags of a node that is there.
    #[inline]
    pub(crate) fn flags(&self, node: NodeId) -> Option<u32> {
        self.g(|g| g.contains(node).then(|| g.node(node.index).flags))
    }

    /// The flags of a node that is known to be there.
    #[inline]
    pub(crate) fn flags_of_live(&self, node: NodeId) -> u32 {
        debug_assert!(self.g(|g| g.contains(node)), "{node:?} has gone");
        self.g(|g| g.node(node.index).flags)
    }

    /// [`Inner::flags`], for a node that was there a moment ago, so that its slot is.
    #[inline]
    pub(crate) fn flags_if_there(&self, node: NodeId) -> Option<u32> {
        let slot = self.g(|g| *g.node(node.index));
        (slot.generation == node.generation).then_some(slot.flags)
    }

    #[inline]
    pub(crate) fn set_flags(&self, index: u32, on: u32, off: u32) {
        self.g(|g| {
            let node = g.node_mut(index);
            node.flags = node.flags & !off | on;
        });
    }

    /// What is known about the node that `id` named.
    #[cold]
    pub(crate) fn disposed(&self, id: NodeId) -> Error {
        let (created, disposed) = self.cold.borrow().grave(id);
        Error::Disposed { created, disposed }
    }

    /// Notes that somebody gets the error of a memo that panicked earlier, as a panic.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_raised(&self, error: &Error) {
        if matches!(error, Error::Panicked { .. }) {
            self.raised_failure.replace(Some(error.clone()));
        }
    }

    /// Notes that the memo that is running got a cycle error.
    #[cold]
    pub(crate) fn raise_cycle(&self, error: Error) {
        let memo = self.ctx.get().memo;
        if memo != NONE {
            let run = self.g(|g| g.node(memo).run_stamp);
            let raised = RaisedCycle { error, memo, run };
            self.raised_cycle.replace(Some(raised));
        }
    }

    /// Name and place of creation, for messages.
    #[cold]
    pub(crate) fn place(&self, id: NodeId) -> Place {
        let slot = self.slot(id.index);
        let name = self.cold.borrow().labels.get(&id.index).cloned();
        Place {
            name: name.unwrap_or_else(|| format!("{:?}", slot.vtable.kind).to_lowercase()),
            created: slot.created,
        }
    }

    #[cold]
    pub(crate) fn place_of(&self, index: u32) -> Place {
        self.place(self.g(|g| g.id(index)))
    }

    pub(crate) fn state(&self, id: NodeId) -> State {
        self.g(|g| g.state(id))
    }

    /// Marks user code at work on a block, so that the memory of a runtime that is dropped
    /// meanwhile is kept.
    pub(crate) fn lend(&self) -> Lent<'_> {
        self.lent.set(self.lent.get() + 1);
        Lent(self)
    }

    /// Whether code of the user's is at work on nodes of this runtime.
    fn is_busy(&self) -> bool {
        self.depth.get() > 0 || self.lent.get() > 0 || self.g(|g| !g.stack.is_empty())
    }

    /// Makes an empty runtime ready for the pool. Generations go on from where they were. Memory up
    /// to [`KEPT`] stays for the next runtime: fresh pages cost more than the nodes in them.
    fn reset(&'static self) {
        let slots = self.slots(|slots| slots.capacity() * size_of::<Slot>());
        let keep = slots + self.slab(|slab| slab.size()) + self.g(|g| g.capacity_bytes()) <= KEPT;
        let next = self.g(|g| {
            let highest = g.nodes.iter().map(|n| n.generation).max().unwrap_or(0);
            let next = highest.max(g.first_generation).saturating_add(1);
            g.clear();
            g.first_generation = next;
            next
        });
        self.slots(Vec::clear);
        // SAFETY: all nodes have gone with their blocks, and the runtime is not busy: nobody is left who
        // would drop one later.
        self.slab(|slab| unsafe { slab.clear() });
        self.touched(|touched| *touched = Vec::new());
        self.ctx.set(IDLE);
        self.budget.set(crate::flush::DEFAULT_BUDGET);
        if !keep {
            self.free_memory();
        }
        // Half of the generations are left for the next user; otherwise the block is retired. So it
        // is when the thread ends.
        let is_usable = next < u32::MAX / 2;
        let pooled = is_usable
            && POOL
                .try_with(|pool| pool.borrow_mut().ready.push(self))
                .is_ok();
        if !pooled {
            self.free_memory();
        }
    }

    /// Frees what an empty runtime holds. Old handles still find that their nodes have gone.
    fn free_memory(&self) {
        self.g(|g| {
            let first_generation = g.first_generation;
            *g = Graph::new();
            g.first_generation = first_generation;
        });
        self.slots(|slots| *slots = Vec::new());
        self.slab(|slab| *slab = Slab::new());
    }
}

pub(crate) struct Lent<'r>(&'r Inner);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.lent.set(self.0.lent.get() - 1);
    }
}
