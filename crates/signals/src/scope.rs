//! Scopes, cleanups, contexts and stored values: what belongs to an owner.
#![expect(unsafe_code, reason = "writes and drops stored values through blocks")]

use std::alloc::Layout;
use std::any::TypeId;
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Error, or_raise};
use crate::flush::Restore;
use crate::graph::{NodeId, SOURCE};
use crate::handle::{Raw, copy_handle};
use crate::runtime::{Ctx, Cx, Inner, NONE};
use crate::slot::{Kind, VTable, flag};

pub(crate) const VTABLE: &VTable = &VTable {
    kind: Kind::Scope,
    layout: Layout::new::<()>(),
    plain: true,
    run: |_, _, _| {},
    same: |_, _| false,
    commit: |_, _| true,
    drop: |_, _| {},
};

/// Owns what is made inside it. A `Copy` handle.
#[derive(Clone, Copy)]
pub struct Scope {
    cx: Cx,
    rt: &'static Inner,
    id: NodeId,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scope({:?})", self.id)
    }
}

impl Cx {
    /// Makes an empty scope, owned by the computation or scope that is running.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn scope(&self) -> Scope {
        or_raise(self.try_scope())
    }

    /// [`Cx::scope`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_scope(&self) -> Result<Scope, Error> {
        let rt = self.live()?;
        let id = rt.insert(VTABLE, SOURCE, |_| {}, Location::caller());
        Ok(Scope { cx: *self, rt, id })
    }

    /// Calls `f` once: before the running computation runs again, or when the owner is disposed.
    /// Untracked; it may write. Several run last one first, after what the owner made has gone.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn on_cleanup(&self, f: impl FnOnce() + 'static) {
        or_raise(self.try_on_cleanup(f));
    }

    /// [`Cx::on_cleanup`], or an error if the runtime has been dropped; `f` is then not called.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_on_cleanup(&self, f: impl FnOnce() + 'static) -> Result<(), Error> {
        let rt = self.live()?;
        let owner = rt.ctx.get().owner;
        let alive = rt.flags(owner).is_some();
        if !alive && let Some(dying) = rt.dying() {
            rt.cold.borrow_mut().late.push((dying, Box::new(f)));
            return Ok(());
        }
        let owner = if alive { owner } else { rt.root.get() };
        rt.set_flags(owner.index, flag::OWNS | flag::COLD, 0);
        let mut cold = rt.cold.borrow_mut();
        let cleanups = cold.cleanups.entry(owner.index).or_default();
        cleanups.push(Box::new(f));
        Ok(())
    }

    /// Offers a value to everything below the current owner, one per type.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn provide_context<T: 'static>(&self, value: T) {
        or_raise(self.try_provide_context(value));
    }

    /// [`Cx::provide_context`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_provide_context<T: 'static>(&self, value: T) -> Result<(), Error> {
        let rt = self.live()?;
        let owner = rt.ctx.get().owner;
        if rt.flags(owner).is_none() {
            return Ok(());
        }
        rt.set_flags(owner.index, flag::COLD, 0);
        let mut cold = rt.cold.borrow_mut();
        let all = cold.contexts.entry(owner.index).or_default();
        let replaced = all.iter().position(|(t, _)| *t == TypeId::of::<T>());
        let replaced = replaced.map(|at| all.swap_remove(at));
        all.push((TypeId::of::<T>(), Rc::new(value)));
        drop(cold);
        drop(replaced);
        Ok(())
    }

    /// The nearest value of this type that an owner above offers. Not tracked.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn context<T: 'static>(&self) -> Option<Rc<T>> {
        or_raise(self.try_context())
    }

    /// [`Cx::context`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_context<T: 'static>(&self) -> Result<Option<Rc<T>>, Error> {
        let rt = self.live()?;
        let owner = rt.ctx.get().owner;
        let mut index = rt.flags(owner).map_or(NONE, |_| owner.index);
        let cold = rt.cold.borrow();
        while index != NONE {
            let found = cold.contexts.get(&index).and_then(|all| {
                let (_, value) = all.iter().find(|(t, _)| *t == TypeId::of::<T>())?;
                Rc::clone(value).downcast::<T>().ok()
            });
            if found.is_some() {
                return Ok(found);
            }
            index = rt.slot(index).parent;
        }
        Ok(None)
    }

    /// Keeps a value that nobody tracks, until its owner goes.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn store<T: 'static>(&self, value: T) -> Stored<T> {
        or_raise(self.try_store(value))
    }

    /// [`Cx::store`], or an error if the runtime has been dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    #[track_caller]
    pub fn try_store<T: 'static>(&self, value: T) -> Result<Stored<T>, Error> {
        let rt = self.live()?;
        // SAFETY: the block was allocated with this layout and is uninitialised.
        let fill = |data: *mut u8| unsafe { data.cast::<T>().write(value) };
        let vtable = &Table::<T>::VTABLE;
        let id = rt.insert(vtable, SOURCE | flag::INIT, fill, Location::caller());
        Ok(Stored {
            raw: Raw::new(rt, id),
        })
    }
}

impl Scope {
    /// Runs `f` with this scope as the owner of what it makes; untracked. A scope that has gone
    /// leaves what is made to the root; one whose runtime has gone just calls `f`.
    ///
    /// # Panics
    ///
    /// Panics when `f` does.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        if self.cx.live().is_err() {
            return f();
        }
        let before = self.rt.ctx.get();
        self.rt.ctx.set(Ctx {
            observer: NONE,
            owner: self.id,
            ..before
        });
        let restore = Restore::new(self.rt, before);
        let value = f();
        drop(restore);
        value
    }

    /// Disposes the scope with all it owns: inner before outer, newest first. Nothing happens if it
    /// has gone already.
    ///
    /// # Panics
    ///
    /// Rethrows the first panic of a cleanup or `Drop`, after everything has gone.
    #[track_caller]
    pub fn dispose(&self) {
        self.rt.dispose(self.id, Some(Location::caller()));
    }

    /// Whether it is still there.
    pub fn is_alive(&self) -> bool {
        self.rt.flags(self.id).is_some()
    }
}

struct Table<T>(std::marker::PhantomData<T>);

impl<T: 'static> Table<T> {
    const VTABLE: VTable = VTable {
        kind: Kind::Stored,
        layout: Layout::new::<T>(),
        plain: false,
        run: |_, _, _| {},
        same: |_, _| false,
        commit: |_, _| true,
        // SAFETY: callers pass the block of such a node, which nobody uses any more.
        drop: |block, _| unsafe { block.cast::<T>().drop_in_place() },
    };
}

/// A value that lives in the runtime without being tracked. A `Copy` handle.
pub struct Stored<T: 'static> {
    pub(crate) raw: Raw<T>,
}

copy_handle!(Stored<T>, |handle| handle.raw.id);

impl<T: 'static> Stored<T> {
    /// Lends the value.
    ///
    /// # Panics
    ///
    /// Panics if it has been disposed.
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        match self.raw.with(false, f) {
            Ok(value) => value,
            Err(error) => error.raise(),
        }
    }

    /// [`Stored::with`], or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Error> {
        self.raw.with(false, f)
    }

    /// Removes it. Nothing happens if it has gone already.
    #[track_caller]
    pub fn dispose(&self) {
        self.raw.dispose();
    }

    /// [`Stored::dispose`], or an error if it has gone already.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    ///
    /// # Panics
    ///
    /// Rethrows a panic of the value's `Drop`, after it has gone.
    #[track_caller]
    pub fn try_dispose(&self) -> Result<(), Error> {
        let (rt, id) = (self.raw.rt, self.raw.id);
        if rt.flags(id).is_none() {
            return Err(rt.disposed(id));
        }
        self.raw.dispose();
        Ok(())
    }
}
