//! A value that is written from outside.
//!
//! A write outside of any batch replaces the value and marks readers at once. Inside a batch the
//! value before the batch is kept until the end: if the last write brings it back, nothing runs.
#![expect(unsafe_code, reason = "writes values through typed pointers to blocks")]

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::equality::{ByPartialEq, Equality};
use crate::error::{Error, or_raise};
use crate::flush::FlushError;
use crate::graph::{DIRTY, NodeId, SOURCE};
use crate::handle::{Loan, Raw, copy_handle, is_plain};
use crate::runtime::{Cx, Inner, NONE};
use crate::slot::{Kind, LOANS, VTable, flag};

/// The start of a signal's block, whatever its policy.
#[repr(C)]
struct Head<T> {
    value: T,
    /// What the value was when the open batch first wrote it.
    old: Option<T>,
}

#[repr(C)]
struct Block<T, E> {
    head: Head<T>,
    equality: E,
}

struct Table<T, E>(std::marker::PhantomData<(T, E)>);

impl<T: 'static, E: Equality<T>> Table<T, E> {
    const PLAIN: VTable = Self::vtable(true);
    const OTHER: VTable = Self::vtable(false);

    const fn vtable(plain: bool) -> VTable {
        VTable {
            kind: Kind::Signal,
            layout: Layout::new::<Block<T, E>>(),
            plain,
            run: |_, _, _| {},
            same: |block, new| {
                // SAFETY: callers pass the block of such a node and a `T`, both there to be read.
                let (block, new) = unsafe { (&*block.cast::<Block<T, E>>(), &*new.cast::<T>()) };
                block.equality.same(&block.head.value, new)
            },
            commit: |block, look| {
                let block = block.cast::<Block<T, E>>();
                // SAFETY: callers pass the block of such a node. Only `old` is changed, which is
                // never lent; the value and the policy are looked at, as others may do meanwhile.
                let old = unsafe { (*block).head.old.take() };
                if !look {
                    return true;
                }
                // SAFETY: as above; the caller says that nobody has the value on loan to write it.
                let (value, equality) = unsafe { (&(*block).head.value, &(*block).equality) };
                old.is_none_or(|old| !equality.same(&old, value))
            },
            drop: |block, _| {
                // SAFETY: callers pass the block of such a node, which nobody uses any more.
                unsafe { block.cast::<Block<T, E>>().drop_in_place() }
            },
        }
    }
}

/// A writable value. A `Copy` handle: the value lives in the runtime and goes with its owner.
///
/// Reading inside a computation makes that computation run again when the value changes.
pub struct Signal<T: 'static> {
    pub(crate) raw: Raw<T>,
}

copy_handle!(Signal<T>, |handle| handle.raw.id);

impl<T> PartialEq for Signal<T> {
    /// Whether both name the same signal; values are not looked at.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.raw.rt, other.raw.rt) && self.raw.id == other.raw.id
    }
}

impl<T> Eq for Signal<T> {}

impl Cx {
    /// Makes a signal; writing an equal value (`==`) is no change.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    #[inline]
    pub fn signal<T: PartialEq + 'static>(&self, value: T) -> Signal<T> {
        make(
            self.inner(),
            value,
            ByPartialEq,
            is_plain::<T>(),
            Location::caller(),
        )
    }

    /// Makes a signal with another idea of [what is a change](Equality).
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn signal_with<T: 'static>(&self, value: T, equality: impl Equality<T>) -> Signal<T> {
        or_raise(self.try_signal_with(value, equality))
    }

    /// [`Cx::signal_with`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_signal_with<T: 'static>(
        &self,
        value: T,
        equality: impl Equality<T>,
    ) -> Result<Signal<T>, Error> {
        let created = Location::caller();
        Ok(make(self.live()?, value, equality, false, created))
    }

    /// [`Cx::signal`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_signal<T: PartialEq + 'static>(&self, value: T) -> Result<Signal<T>, Error> {
        let created = Location::caller();
        Ok(make(
            self.live()?,
            value,
            ByPartialEq,
            is_plain::<T>(),
            created,
        ))
    }
}

#[inline]
pub(crate) fn make<T: 'static, E: Equality<T>>(
    rt: &'static Inner,
    value: T,
    equality: E,
    plain: bool,
    created: &'static Location<'static>,
) -> Signal<T> {
    let vtable = if plain {
        &Table::<T, E>::PLAIN
    } else {
        &Table::<T, E>::OTHER
    };
    let head = Head { value, old: None };
    let fill = |data: *mut u8| {
        // SAFETY: the block was allocated with this layout and is uninitialised.
        unsafe { data.cast::<Block<T, E>>().write(Block { head, equality }) };
    };
    let id = rt.insert(vtable, SOURCE | flag::INIT, fill, created);
    Signal {
        raw: Raw::new(rt, id),
    }
}

impl<T: 'static> Signal<T> {
    /// Replaces the value. Nothing happens if the new one is the same by the signal's policy.
    /// Otherwise effects have run when this returns, unless a batch, an effect or a cleanup is
    /// open: then they run after it.
    ///
    /// # Panics
    ///
    /// Panics where [`Signal::try_set`] is an error, and rethrows the first panic of an effect.
    #[track_caller]
    #[inline]
    pub fn set(&self, value: T) {
        if let Err(error) = self.try_set(value) {
            self.raw.raise(error);
        }
    }

    /// [`Signal::set`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`], [`Error::Borrowed`] inside `with`, `update` or a comparison of this
    /// signal, [`Error::WriteInMemo`]; nothing is written then. [`Error::Budget`] comes after the
    /// write. A panic of an effect is rethrown.
    #[inline]
    pub fn try_set(&self, value: T) -> Result<(), Error> {
        let (rt, id) = (self.raw.rt, self.raw.id);
        let flags = self.writable()?;
        let slot = rt.slot(id.index);
        // SAFETY: `Raw` names a signal's block; the comparison only reads, and either runs no user
        // code or has the value lent.
        let same = |value: &T| unsafe { (slot.vtable.same)(slot.data, (&raw const *value).cast()) };
        if slot.vtable.plain {
            if same(&value) {
                return Ok(());
            }
        } else {
            let loan = Loan::new(rt, id, flag::LENT, flags);
            let same = same(&value);
            drop(loan);
            if same {
                return Ok(());
            }
            // The comparison may have written or disposed the signal.
            self.writable()?;
        }
        // SAFETY: a live signal's block begins with a `Head<T>`, and nobody has it on loan.
        let head = unsafe { &mut *slot.data.cast::<Head<T>>() };
        let old = std::mem::replace(&mut head.value, value);
        if rt.depth.get() == 0 {
            rt.g(|g| g.source_changed(id));
            drop_then_flush(rt, old)
        } else if self.touch() && head.old.is_none() {
            head.old = Some(old);
            Ok(())
        } else {
            drop(old);
            Ok(())
        }
    }

    /// Changes the value in place and compares the result with a clone of the old one.
    ///
    /// # Panics
    ///
    /// As [`Signal::set`].
    #[track_caller]
    pub fn update(&self, f: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        if let Err(error) = self.try_update(f) {
            self.raw.raise(error);
        }
    }

    /// [`Signal::update`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// As [`Signal::try_set`].
    pub fn try_update(&self, f: impl FnOnce(&mut T)) -> Result<(), Error>
    where
        T: Clone,
    {
        let mut value = self.raw.get(false)?;
        f(&mut value);
        self.try_set(value)
    }

    /// Changes the value in place without a clone; readers are told whatever the policy says.
    ///
    /// # Panics
    ///
    /// Panics where [`Signal::try_mutate`] is an error. If `f` panics, readers are told, since the
    /// value may be half changed, and the panic goes on.
    #[track_caller]
    pub fn mutate<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        match self.try_mutate(f) {
            Ok(result) => result,
            Err(error) => self.raw.raise(error),
        }
    }

    /// [`Signal::mutate`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// As [`Signal::try_set`].
    pub fn try_mutate<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, Error> {
        let mut result = None;
        self.try_mutate_if(|value| {
            result = Some(f(value));
            true
        })?;
        result.ok_or_else(|| Error::Borrowed(self.raw.rt.place(self.raw.id)))
    }

    /// Changes the value in place; readers are told if `f` says `true`.
    ///
    /// # Errors
    ///
    /// As [`Signal::try_set`].
    pub fn try_mutate_if(&self, f: impl FnOnce(&mut T) -> bool) -> Result<(), Error> {
        let (rt, id) = (self.raw.rt, self.raw.id);
        let flags = self.writable()?;
        let slot = rt.slot(id.index);
        let loan = Loan::new(rt, id, flag::WRITING, flags);
        rt.depth.set(rt.depth.get() + 1);
        // SAFETY: the block begins with a `T`; WRITING keeps every other access away.
        let value = unsafe { &mut *slot.data.cast::<T>() };
        let result = catch_unwind(AssertUnwindSafe(|| f(value)));
        drop(loan);
        if !matches!(result, Ok(false)) && rt.flags(id).is_some() {
            rt.set_flags(id.index, flag::FORCED, 0);
            self.touch();
        }
        let flushed = rt.leave_batch();
        if let Err(panic) = result {
            resume_unwind(panic);
        }
        flushed.map_err(FlushError::into_error)
    }

    /// The flags, if the signal may be written now.
    #[inline]
    pub(crate) fn writable(&self) -> Result<u32, Error> {
        let (rt, id) = (self.raw.rt, self.raw.id);
        let Some(flags) = rt.flags(id) else {
            return Err(rt.disposed(id));
        };
        let ctx = rt.ctx.get();
        if ctx.memo != NONE || flags & LOANS != 0 {
            return Err(self.not_writable(ctx.memo));
        }
        Ok(flags)
    }

    #[cold]
    fn not_writable(&self, memo: u32) -> Error {
        let target = self.raw.rt.place(self.raw.id);
        if memo == NONE {
            return Error::Borrowed(target);
        }
        let memo = self.raw.rt.place_of(memo);
        Error::WriteInMemo { target, memo }
    }

    /// Notes a write in the open batch; `true` for the first one.
    #[inline]
    fn touch(&self) -> bool {
        let (rt, id) = (self.raw.rt, self.raw.id);
        let first = rt.g(|g| g.node(id.index).flags & DIRTY == 0);
        if first {
            rt.touched(|t| t.push(id));
            rt.g(|g| g.source_touched(id));
        }
        first
    }
}

/// Drops what a write replaced and flushes; effects run even if that drop panics.
#[inline]
fn drop_then_flush<T>(rt: &'static Inner, old: T) -> Result<(), Error> {
    if std::mem::needs_drop::<T>() {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(old)));
        let flushed = rt.flush_if_queued();
        if let Err(panic) = dropped {
            resume_unwind(panic);
        }
        return flushed.map_err(FlushError::into_error);
    }
    rt.flush_if_queued().map_err(FlushError::into_error)
}

impl Inner {
    /// [`Inner::commit_signal`] for a live signal whose comparison runs no user code.
    #[inline]
    pub(crate) fn commit_plain(&self, id: NodeId) -> Option<bool> {
        let slot = self.slot(id.index);
        let flags = self.flags(id).unwrap_or(0);
        if !slot.vtable.plain || flags & flag::WRITING != 0 {
            return None;
        }
        let forced = flags & flag::FORCED != 0;
        self.set_flags(id.index, 0, flag::FORCED);
        // SAFETY: the node is a live signal (only signals are touched); no user code runs, so that
        // nobody else looks at the block meanwhile.
        Some(unsafe { (slot.vtable.commit)(slot.data, true) } || forced)
    }

    /// Whether a signal that was written in the batch really changed; it forgets the value before.
    pub(crate) fn commit_signal(&'static self, id: NodeId) -> bool {
        let Some(flags) = self.flags(id) else {
            return false;
        };
        let slot = self.slot(id.index);
        self.set_flags(id.index, 0, flag::FORCED);
        let loan = Loan::new(self, id, flag::WRITING, flags);
        // Whoever is changing the value right now has it to himself: the write before counts.
        let look = flags & flag::WRITING == 0;
        // SAFETY: the node is a signal (only signals are touched) and its block is lent to us, the
        // value if `look`.
        let changed = unsafe { (slot.vtable.commit)(slot.data, look) };
        drop(loan);
        changed || flags & flag::FORCED != 0
    }
}
