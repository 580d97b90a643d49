//! What signals and memos have in common: a value at the start of a block, and how it is lent.
//!
//! A value is lent to user code only with a flag set on its node, so that a write, a recompute or a
//! disposal that this code causes finds the value in use: writes and recomputes fail, a disposal
//! leaves the block to the lender. Plain values (numbers and the like) are copied without a flag,
//! because copying them runs nothing.
#![expect(unsafe_code, reason = "reads values through typed pointers to blocks")]

use std::any::TypeId;
use std::marker::PhantomData;
use std::panic::Location;

use crate::error::Error;
use crate::flush::FlushError;
use crate::graph::{COMPUTATION, DIRTY, KIND, MARKED, NodeId, RUNNING, SOURCE};
use crate::runtime::{Inner, NONE};
use crate::slot::flag;

/// Names a node whose block begins with a `T`.
///
/// Invariant: `id` was given to such a node when it was made in `rt`. Generations are never used
/// twice in a runtime block, so whenever `id` is live its block begins with a `T`.
pub(crate) struct Raw<T: 'static> {
    pub(crate) rt: &'static Inner,
    pub(crate) id: NodeId,
    value: PhantomData<*mut T>,
}

impl<T> Clone for Raw<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Raw<T> {}

/// `Clone`, `Copy` and `Debug` for a handle to a node, whatever the type of its value: deriving them
/// would ask for those of the value.
macro_rules! copy_handle {
    ($handle:ident<$($value:ident),+>, |$this:ident| $node:expr) => {
        impl<$($value),+> Clone for $handle<$($value),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($value),+> Copy for $handle<$($value),+> {}

        impl<$($value),+> std::fmt::Debug for $handle<$($value),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                write!(f, concat!(stringify!($handle), "({:?})"), $node)
            }
        }
    };
}
pub(crate) use copy_handle;

/// With any of these flags a value cannot simply be read.
pub(crate) const UNREADABLE: u32 = MARKED | RUNNING | flag::ERR | flag::WRITING;

/// Whether copying or comparing a `T` runs no code of the user. Settled at compile time.
#[inline]
pub(crate) fn is_plain<T: 'static>() -> bool {
    macro_rules! any_of {
        ($($t:ty),*) => { $(TypeId::of::<T>() == TypeId::of::<$t>())||* };
    }
    any_of!(
        u8,
        u16,
        u32,
        u64,
        u128,
        usize,
        i8,
        i16,
        i32,
        i64,
        i128,
        isize,
        f32,
        f64,
        bool,
        char,
        (),
        &'static str
    )
}

impl<T: 'static> Raw<T> {
    pub(crate) fn new(rt: &'static Inner, id: NodeId) -> Self {
        let value = PhantomData;
        Self { rt, id, value }
    }

    /// The flags of a node that is there with a fresh value; records the read if `track`.
    ///
    /// Inlined into user closures: this is a dozen loads and compares.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: see the function's comment")]
    fn ready(&self, track: bool) -> Option<u32> {
        let observer = self.rt.ctx.get().observer;
        self.rt.g(|g| {
            if !g.contains(self.id) {
                return None;
            }
            let flags = g.node(self.id.index).flags;
            if flags & (UNREADABLE | flag::INIT) != flag::INIT {
                return None;
            }
            if track && observer != NONE {
                g.track(observer, self.id.index);
            }
            Some(flags)
        })
    }

    /// Finds the node and makes it fresh; records the read if `track`. Gives its flags.
    #[inline]
    fn prepare(&self, track: bool) -> Result<u32, Error> {
        match self.ready(track) {
            Some(flags) => Ok(flags),
            None => self.prepare_slowly(track),
        }
    }

    #[inline(never)]
    fn prepare_slowly(&self, track: bool) -> Result<u32, Error> {
        if self.rt.flags(self.id).is_none() {
            return Err(self.rt.disposed(self.id));
        }
        let flags = self.refresh(track)?;
        if track {
            self.track();
        }
        Ok(flags)
    }

    #[inline]
    pub(crate) fn track(&self) {
        let observer = self.rt.ctx.get().observer;
        if observer != NONE {
            self.rt.g(|g| g.track(observer, self.id.index));
        }
    }

    /// The way of a read that is not simply "there is a clean value".
    fn refresh(&self, track: bool) -> Result<u32, Error> {
        let (rt, id) = (self.rt, self.id);
        let mut flags = rt.flags(id).unwrap_or(0);
        if flags & KIND == SOURCE && flags & DIRTY != 0 && track && rt.ctx.get().observer != NONE {
            // Written in the open batch and now read by a computation: the write counts from here,
            // so that it makes others run but not the one that is about to see it.
            let changed = rt.commit_for_read(id);
            rt.g(|g| g.source_settled(id, changed));
        }
        if flags & KIND == COMPUTATION && flags & (MARKED | RUNNING) != 0 {
            if let Err(cycle) = rt.settle(id) {
                if rt.g(|g| g.is_busy(id)) {
                    // Its own value is no news to a memo; any other one in the ring is.
                    if track && rt.ctx.get().observer != id.index {
                        self.track();
                    }
                    let path = cycle.path.iter().filter(|id| rt.flags(**id).is_some());
                    let error = Error::Cycle(path.map(|id| rt.place(*id)).collect());
                    rt.raise_cycle(error.clone());
                    return Err(error);
                }
                // The walk met a cycle further up: running the memo brings the error up in it.
                rt.settle_or_force(id);
            }
            if rt.ctx.get().memo == NONE {
                rt.flush_if_queued().map_err(FlushError::into_error)?;
            }
            let Some(now) = rt.flags(id) else {
                return Err(rt.disposed(id));
            };
            flags = now;
        }
        if flags & flag::ERR != 0 {
            if track {
                self.track();
            }
            let cold = rt.cold.borrow();
            let failure = cold.errors.get(&id.index);
            let error = failure.map_or_else(|| Error::Cycle(Vec::new()), |f| f.error.clone());
            drop(cold);
            if matches!(error, Error::Cycle(_)) {
                rt.raise_cycle(error.clone());
            }
            return Err(error);
        }
        if flags & (flag::WRITING | flag::INIT) != flag::INIT {
            return Err(Error::Borrowed(rt.place(id)));
        }
        Ok(flags)
    }

    /// Lends the value to `f`.
    #[inline]
    pub(crate) fn with<R>(&self, track: bool, f: impl FnOnce(&T) -> R) -> Result<R, Error> {
        let flags = self.prepare(track)?;
        let data = self.rt.data(self.id.index);
        let loan = Loan::new(self.rt, self.id, flag::LENT, flags);
        // SAFETY: by the invariant of `Raw` the block begins with a `T`, and INIT says that it is
        // there. The loan keeps it: writes, recomputes and disposal look at the flag.
        let result = f(unsafe { &*data.cast::<T>() });
        drop(loan);
        Ok(result)
    }

    /// A clone of the value.
    #[inline]
    pub(crate) fn get(&self, track: bool) -> Result<T, Error>
    where
        T: Clone,
    {
        if is_plain::<T>() {
            self.prepare(track)?;
            return Ok(self.copy());
        }
        self.with(track, T::clone)
    }

    /// [`Raw::get`], with an error as a panic.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `ready`")]
    #[track_caller]
    pub(crate) fn get_or_raise(&self, track: bool) -> T
    where
        T: Clone,
    {
        if is_plain::<T>() && self.ready(track).is_some() {
            return self.copy();
        }
        self.get_slowly(track)
    }

    /// Out of line, so that the plain way needs no stack for the error.
    #[inline(never)]
    #[track_caller]
    fn get_slowly(&self, track: bool) -> T
    where
        T: Clone,
    {
        if is_plain::<T>() && self.rt.run_if_dirty(self.id) {
            if track {
                self.track();
            }
            return self.copy();
        }
        match self.get(track) {
            Ok(value) => value,
            Err(error) => self.raise(error),
        }
    }

    /// A copy of the value of a node that is there and has a plain one.
    #[inline]
    fn copy(&self) -> T
    where
        T: Clone,
    {
        let data = self.rt.data(self.id.index);
        // SAFETY: as in `with`; a plain `clone` copies and cannot reach the runtime.
        unsafe { &*data.cast::<T>() }.clone()
    }

    /// The panic for an error of this node; the first reader of a failed memo gets the original.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn raise(&self, error: Error) -> ! {
        if let Error::Panicked { .. } | Error::Cycle(_) = error {
            let payload = self.rt.flags(self.id).and_then(|_| {
                let mut cold = self.rt.cold.borrow_mut();
                cold.errors.get_mut(&self.id.index)?.payload.take()
            });
            if let Some(payload) = payload {
                std::panic::resume_unwind(payload);
            }
            self.rt.note_raised(&error);
        }
        error.raise()
    }

    #[track_caller]
    pub(crate) fn dispose(&self) {
        self.rt.dispose(self.id, Some(Location::caller()));
    }
}

/// A flag on a node while user code works on its block.
pub(crate) struct Loan {
    rt: &'static Inner,
    id: NodeId,
    /// What to take off again: nothing for a loan within a loan.
    flag: u32,
}

impl Loan {
    #[inline]
    pub(crate) fn new(rt: &'static Inner, id: NodeId, flag: u32, flags: u32) -> Self {
        rt.set_flags(id.index, flag, 0);
        rt.lent.set(rt.lent.get() + 1);
        let flag = flag & !flags;
        Self { rt, id, flag }
    }

    /// The end of a loan whose node has gone or moved meanwhile.
    #[cold]
    fn drop_left(&self) {
        if let Err(panic) = self.rt.drop_left(self.id, self.flag)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Loan {
    #[inline]
    fn drop(&mut self) {
        self.rt.lent.set(self.rt.lent.get() - 1);
        if self.flag == 0 {
            return;
        }
        match self.rt.flags_if_there(self.id) {
            Some(flags) => {
                self.rt.set_flags(self.id.index, 0, self.flag | flag::MOVED);
                if flags & flag::MOVED != 0 {
                    self.drop_left();
                }
            }
            None => self.drop_left(),
        }
    }
}
