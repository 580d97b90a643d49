//! A value that is derived: computed when it is first needed, and again when something it read
//! really changed and somebody needs it.
#![expect(
    unsafe_code,
    reason = "runs closures and replaces values through typed pointers"
)]

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::cold::Failure;
use crate::equality::{ByPartialEq, Equality};
use crate::error::{Error, or_raise};
use crate::graph::arena::at_mut;
use crate::graph::{CHECKING, COMPUTATION, Cycle, DIRTY, KIND, NodeId, RUNNING, Settling, settle};
use crate::handle::{Raw, UNREADABLE, copy_handle};
use crate::owner::Left;
use crate::runtime::{Ctx, Cx, Inner, NOBODY, NONE};
use crate::slot::{Kind, VTable, flag};

#[repr(C)]
struct Block<T, F, E> {
    /// There is one if the node has INIT.
    value: MaybeUninit<T>,
    compute: F,
    equality: E,
}

struct Table<T, F, E>(std::marker::PhantomData<(T, F, E)>);

impl<T, F, E> Table<T, F, E>
where
    T: 'static,
    F: FnMut(Option<&T>) -> T + 'static,
    E: Equality<T>,
{
    /// For a block of which only the value is left.
    const VALUE: VTable = VTable {
        // SAFETY: callers pass such a block.
        drop: |block, _| unsafe { block.cast::<T>().drop_in_place() },
        ..Self::VTABLE
    };

    const VTABLE: VTable = VTable {
        kind: Kind::Memo,
        layout: Layout::new::<Block<T, F, E>>(),
        plain: false,
        // SAFETY: callers pass the block of such a node.
        run: |block, rt, id| unsafe { run::<T, F, E>(block.cast(), rt, id) },
        same: |block, new| {
            // SAFETY: callers pass the block of such a node that has a value, and a `T`.
            unsafe {
                let block = &*block.cast::<Block<T, F, E>>();
                block
                    .equality
                    .same(block.value.assume_init_ref(), &*new.cast::<T>())
            }
        },
        commit: |_, _| true,
        drop: |block, init| {
            // SAFETY: callers pass the block of such a node, which nobody uses any more, and
            // whether it has a value.
            unsafe {
                let block = block.cast::<Block<T, F, E>>();
                // The closure goes even if dropping the value panics.
                let _rest = (
                    (&raw const (*block).compute).read(),
                    (&raw const (*block).equality).read(),
                );
                if init {
                    (*block).value.assume_init_drop();
                }
            }
        },
    };
}

/// One run. The graph says that the node is dirty; nobody else is running it.
///
/// # Safety
///
/// `block` is the block of the live node `id` of `rt`.
unsafe fn run<T, F, E>(block: *mut Block<T, F, E>, rt: &'static Inner, id: NodeId)
where
    T: 'static,
    F: FnMut(Option<&T>) -> T + 'static,
    E: Equality<T>,
{
    let mut flags = rt.flags_of_live(id);
    if flags & flag::OWNS != 0 {
        match rt.clear_for_run(id) {
            Some(now) => flags = now,
            None => return,
        }
    }
    rt.g(|g| g.start_run(id.index));
    let end = End {
        rt,
        before: rt.ctx.replace(Ctx {
            observer: id.index,
            memo: id.index,
            owner: id,
        }),
    };
    // SAFETY: the node is running, so that nobody else touches its block, but to look at the value if
    // that is lent: it is not run again, a read of it is a cycle, and a disposal leaves the block to
    // us. INIT says whether there is a value.
    let (old, compute, equality) = unsafe {
        let old = (flags & flag::INIT != 0).then(|| (*block).value.assume_init_ref());
        (old, &mut (*block).compute, &(*block).equality)
    };
    let new = compute(old);
    let same = flags & flag::ERR == 0 && old.is_some_and(|old| equality.same(old, &new));
    rt.ctx.set(end.before);
    std::mem::forget(end);
    if rt.flags_if_there(id).is_none() {
        return rt.over(id);
    }
    if same {
        rt.g(|g| g.finish_run(id.index, false));
        rt.ran(id, false);
        return rt.drop_value(new);
    }
    if flags & flag::LENT != 0 {
        // SAFETY: as above; nobody uses the closure and the equality any more.
        return unsafe { move_out_of_loan(block, rt, id, new) };
    }
    // SAFETY: as above; the value is only written here and while the node is not running.
    let value = unsafe { &mut (*block).value };
    let old = std::mem::replace(value, MaybeUninit::new(new));
    if flags & (flag::INIT | flag::ERR) != flag::INIT {
        rt.set_flags(id.index, flag::INIT, flag::ERR);
    }
    rt.g(|g| g.finish_run(id.index, true));
    rt.ran(id, true);
    if std::mem::needs_drop::<T>() && flags & flag::INIT != 0 {
        // SAFETY: INIT was set, so the replaced slot held a value.
        rt.drop_value(unsafe { old.assume_init() });
    }
    if flags & flag::ERR != 0 {
        rt.forget_failure(id);
    }
}

/// The end of a run that unwinds. The panic itself passes by here; whoever asked for the memo
/// catches it and hands it to [`Inner::settle_panic`].
struct End {
    rt: &'static Inner,
    before: Ctx,
}

impl Drop for End {
    #[cold]
    fn drop(&mut self) {
        let rt = self.rt;
        // Whatever ran inside has put back who is asking: it is the memo that unwinds.
        let id = rt.ctx.replace(self.before).owner;
        if rt.flags(id).is_some() {
            rt.failed(id);
        } else {
            rt.over_quietly(id);
        }
    }
}

/// The end of a run while the value is lent: the new one gets a new block. The old block keeps the old value until the loan ends.
///
/// # Safety
///
/// `block` is the block of the live node `id` of `rt`, has a value, and only that is in use.
#[cold]
unsafe fn move_out_of_loan<T, F, E>(
    block: *mut Block<T, F, E>,
    rt: &'static Inner,
    id: NodeId,
    new: T,
) where
    T: 'static,
    F: FnMut(Option<&T>) -> T + 'static,
    E: Equality<T>,
{
    let layout = Table::<T, F, E>::VTABLE.layout;
    let fresh = rt.slab(|slab| slab.alloc(layout));
    // SAFETY: `fresh` has the layout and is uninitialised; what is read here stays behind in a block
    // whose vtable drops the value only.
    unsafe {
        fresh.cast::<Block<T, F, E>>().write(Block {
            value: MaybeUninit::new(new),
            compute: (&raw const (*block).compute).read(),
            equality: (&raw const (*block).equality).read(),
        });
    }
    rt.slots(|slots| at_mut(slots, id.index).data = fresh);
    rt.left.borrow_mut().push(Left {
        id,
        data: block.cast(),
        vtable: &Table::<T, F, E>::VALUE,
        init: true,
        users: flag::LENT,
    });
    rt.set_flags(id.index, flag::MOVED, flag::ERR);
    rt.g(|g| g.finish_run(id.index, true));
    rt.ran(id, true);
    rt.forget_failure(id);
}

impl Inner {
    /// Drops a value that a memo no longer needs; its `Drop` is read by nobody, and if it panics
    /// that is kept for the end of the flush or read.
    #[inline]
    fn drop_value<T>(&'static self, value: T) {
        if std::mem::needs_drop::<T>() {
            let mut panic = None;
            self.outside(self.root.get(), || drop(value), &mut panic);
            if let Some(panic) = panic {
                self.keep_panic(panic);
            }
        }
    }

    /// What a memo that owns something needs before it runs: its flags then, or `None` if a cleanup
    /// removed it.
    #[cold]
    fn clear_for_run(&'static self, id: NodeId) -> Option<u32> {
        if self.flags(id)? & flag::OWNS != 0
            && let Err(panic) = self.purge(id)
        {
            // Its reader would not have recorded the read yet, and be lost.
            self.keep_panic(panic);
        }
        self.flags(id)
    }

    #[cold]
    fn forget_failure(&self, id: NodeId) {
        let failure = self.cold.borrow_mut().errors.remove(&id.index);
        drop(failure);
    }

    /// The memo panicked: the panic is kept as its result until something it read changes. Only a
    /// cycle is not kept, since who is to blame for it depends on who was asked first.
    #[cold]
    fn failed(&'static self, id: NodeId) {
        let run = self.g(|g| g.node(id.index).run_stamp);
        let cycle = self.raised_cycle.take();
        let cycle = cycle.filter(|c| c.memo == id.index && c.run == run);
        let cycle = cycle.map(|c| c.error);
        self.set_flags(id.index, flag::ERR | flag::COLD, 0);
        if cycle.is_some() {
            self.g(|g| g.abort(id));
        } else {
            self.g(|g| g.finish(id, true));
        }
        self.ran(id, true);
        let memo = self.place(id);
        let failure = Failure::new(memo, cycle);
        let replaced = self.cold.borrow_mut().errors.insert(id.index, failure);
        self.failing.set(id);
        drop(replaced);
    }

    /// Runs a memo that is surely due, which needs no walk. `false` if it is not, if it has no value
    /// afterwards, or if effects have to run after it.
    #[inline(never)]
    pub(crate) fn run_if_dirty(&'static self, id: NodeId) -> bool {
        let due = |flags: u32| flags & (KIND | DIRTY | RUNNING | CHECKING) == COMPUTATION | DIRTY;
        let outside = self.depth.get() == 0 && self.ctx.get().memo == NONE;
        if outside || self.observed.get() || !self.flags(id).is_some_and(due) {
            return false;
        }
        let run = AssertUnwindSafe(|| self.run(id));
        if let Err(panic) = self.with_stack(|| catch_unwind(run)) {
            self.settle_panic(panic);
        }
        let fresh = |flags: u32| flags & (UNREADABLE | flag::INIT) == flag::INIT;
        self.flags_if_there(id).is_some_and(fresh)
    }

    /// Settles a computation. A panic of a memo on the way becomes that memo's result, and the walk
    /// goes on; any other panic passes.
    #[inline]
    pub(crate) fn settle(&'static self, id: NodeId) -> Result<(), Cycle> {
        let walk = AssertUnwindSafe(|| settle(&self, id));
        match self.with_stack(|| catch_unwind(walk)) {
            Ok(result) => result,
            Err(panic) => self.settle_past(panic, id),
        }
    }

    /// Goes on after the first failure. From here on the walk stays where it was when a run fails: to
    /// begin anew at each would take quadratic time along a chain that fails from one end to the other.
    #[cold]
    #[inline(never)]
    fn settle_past(&'static self, panic: crate::owner::Panic, id: NodeId) -> Result<(), Cycle> {
        // A memo that failed by a cycle stays dirty, so the target ends the loop.
        let mut failed = self.settle_panic(panic);
        if failed == id {
            return Ok(());
        }
        let Some(settling) = Settling::begin(&self, id)? else {
            return Ok(());
        };
        while failed != id {
            let walk = AssertUnwindSafe(|| settling.go_on());
            match self.with_stack(|| catch_unwind(walk)) {
                Ok(result) => return result,
                Err(panic) => failed = self.settle_panic(panic),
            }
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn settle_panic(&self, panic: crate::owner::Panic) -> NodeId {
        let id = self.failing.replace(NOBODY);
        if id == NOBODY {
            resume_unwind(panic);
        }
        if self.flags(id).is_some()
            && let Some(failure) = self.cold.borrow_mut().errors.get_mut(&id.index)
        {
            failure.set_panic(panic, self.raised_failure.take());
        }
        id
    }
}

/// A derived value. A `Copy` handle: the value lives in the runtime and goes with its owner.
///
/// It runs when it is read and something it read has changed since. It may not write signals.
pub struct Memo<T: 'static> {
    pub(crate) raw: Raw<T>,
}

copy_handle!(Memo<T>, |handle| handle.raw.id);

impl Cx {
    /// Makes a memo; nothing runs yet. A result equal (`==`) to the last one is no change.
    ///
    /// If the closure panics, reading the memo panics, and again without a new run until something
    /// it read changes. Nodes it makes belong to it and go when it runs again; effects among them
    /// first run after it.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    #[inline]
    pub fn memo<T, F>(&self, mut compute: F) -> Memo<T>
    where
        T: PartialEq + 'static,
        F: FnMut() -> T + 'static,
    {
        make(
            self.inner(),
            move |_: Option<&T>| compute(),
            ByPartialEq,
            Location::caller(),
        )
    }

    /// Makes a memo that sees its previous value, with another idea of
    /// [what is a change](Equality).
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn memo_with<T, F>(&self, compute: F, equality: impl Equality<T>) -> Memo<T>
    where
        T: 'static,
        F: FnMut(Option<&T>) -> T + 'static,
    {
        or_raise(self.try_memo_with(compute, equality))
    }

    /// [`Cx::memo_with`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_memo_with<T, F>(
        &self,
        compute: F,
        equality: impl Equality<T>,
    ) -> Result<Memo<T>, Error>
    where
        T: 'static,
        F: FnMut(Option<&T>) -> T + 'static,
    {
        let created = Location::caller();
        Ok(make(self.live()?, compute, equality, created))
    }

    /// [`Cx::memo`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_memo<T, F>(&self, mut compute: F) -> Result<Memo<T>, Error>
    where
        T: PartialEq + 'static,
        F: FnMut() -> T + 'static,
    {
        let created = Location::caller();
        Ok(make(
            self.live()?,
            move |_: Option<&T>| compute(),
            ByPartialEq,
            created,
        ))
    }
}

#[inline]
pub(crate) fn make<T, F, E>(
    rt: &'static Inner,
    compute: F,
    equality: E,
    created: &'static Location<'static>,
) -> Memo<T>
where
    T: 'static,
    F: FnMut(Option<&T>) -> T + 'static,
    E: Equality<T>,
{
    let value = MaybeUninit::uninit();
    let fill = |data: *mut u8| {
        let block = Block {
            value,
            compute,
            equality,
        };
        // SAFETY: the block was allocated with this layout and is uninitialised.
        unsafe { data.cast::<Block<T, F, E>>().write(block) };
    };
    let vtable = &Table::<T, F, E>::VTABLE;
    let id = rt.insert(vtable, COMPUTATION | DIRTY, fill, created);
    Memo {
        raw: Raw::new(rt, id),
    }
}
