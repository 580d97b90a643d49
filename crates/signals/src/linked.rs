//! A memo that can be written: the written value holds until something its closure read changes.
//!
//! The write goes straight to readers and is not taken back by a batch that reverts it.
#![expect(
    unsafe_code,
    reason = "replaces the value through a typed pointer to the block"
)]

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::equality::ByPartialEq;
use crate::error::{Error, or_raise};
use crate::flush::FlushError;
use crate::handle::{Loan, copy_handle};
use crate::memo::{Memo, make};
use crate::runtime::{Cx, NONE};
use crate::slot::{LOANS, flag};

impl Cx {
    /// Makes a memo that can be written too: the written value holds until something that the
    /// closure read changes.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn linked<T, F>(&self, compute: F) -> Linked<T>
    where
        T: PartialEq + 'static,
        F: FnMut(Option<&T>) -> T + 'static,
    {
        or_raise(self.try_linked(compute))
    }

    /// [`Cx::linked`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_linked<T, F>(&self, compute: F) -> Result<Linked<T>, Error>
    where
        T: PartialEq + 'static,
        F: FnMut(Option<&T>) -> T + 'static,
    {
        let memo = make(self.live()?, compute, ByPartialEq, Location::caller());
        Ok(Linked { memo })
    }
}

/// A memo that can be written; see [`Cx::linked`].
pub struct Linked<T: 'static> {
    pub(crate) memo: Memo<T>,
}

copy_handle!(Linked<T>, |handle| handle.memo.raw.id);

impl<T: 'static> Linked<T> {
    /// Replaces the derived value until something that the closure read changes.
    ///
    /// # Panics
    ///
    /// Panics where [`Linked::try_set`] is an error, and rethrows the first panic of an effect.
    #[track_caller]
    pub fn set(&self, value: T) {
        if let Err(error) = self.try_set(value) {
            self.memo.raw.raise(error);
        }
    }

    /// [`Linked::set`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`], [`Error::Borrowed`], [`Error::WriteInMemo`], or the error of the
    /// closure, which runs first if it is due; nothing is written then. [`Error::Budget`] comes
    /// after the write.
    pub fn try_set(&self, value: T) -> Result<(), Error> {
        let (rt, id) = (self.memo.raw.rt, self.memo.raw.id);
        let ctx = rt.ctx.get();
        if ctx.memo != NONE {
            let (target, memo) = (rt.place(id), rt.place_of(ctx.memo));
            return Err(Error::WriteInMemo { target, memo });
        }
        self.memo.raw.with(false, |_| ())?;
        let slot = rt.slot(id.index);
        let flags = rt.flags(id).unwrap_or(0);
        if flags & LOANS != 0 {
            return Err(Error::Borrowed(rt.place(id)));
        }
        let loan = Loan::new(rt, id, flag::LENT, flags);
        // SAFETY: the read above left a value; it is lent, and `value` is a `T`.
        let same = unsafe { (slot.vtable.same)(slot.data, (&raw const value).cast()) };
        drop(loan);
        if same || rt.flags(id).is_none() {
            return Ok(());
        }
        // The comparison may have made the memo run and move.
        let data = rt.data(id.index);
        // SAFETY: the block begins with an initialised `T`; nobody has it on loan.
        let old = unsafe { std::mem::replace(&mut *data.cast::<T>(), value) };
        rt.g(|g| g.computation_changed(id));
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(old)));
        let flushed = rt.flush_if_queued();
        if let Err(panic) = dropped {
            resume_unwind(panic);
        }
        flushed.map_err(FlushError::into_error)
    }
}
