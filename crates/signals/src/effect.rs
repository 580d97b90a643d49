//! Code that runs for its side effects: once when made, then whenever something it read changed.
#![expect(unsafe_code, reason = "runs closures through typed pointers to blocks")]

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::error::{Error, or_raise};
use crate::flush::{FlushError, Restore};
use crate::graph::{COMPUTATION, DIRTY, NodeId, WATCHED};
use crate::runtime::{Ctx, Cx, Inner, NONE};
use crate::slot::{Kind, VTable, flag};

struct Table<F>(std::marker::PhantomData<F>);

impl<F: FnMut() + 'static> Table<F> {
    const VTABLE: VTable = VTable {
        kind: Kind::Effect,
        layout: Layout::new::<F>(),
        plain: false,
        // SAFETY: callers pass the block of such a node.
        run: |block, rt, id| unsafe { run::<F>(block.cast(), rt, id) },
        same: |_, _| false,
        commit: |_, _| true,
        // SAFETY: callers pass the block of such a node, which nobody uses any more.
        drop: |block, _| unsafe { block.cast::<F>().drop_in_place() },
    };
}

/// One run, in a batch: of a flush, or of the one that makes the effect. Who is asking is not put
/// back; both callers do that, the flush once for many effects.
///
/// # Safety
///
/// `block` is the block of the live node `id` of `rt`.
unsafe fn run<F: FnMut() + 'static>(block: *mut F, rt: &'static Inner, id: NodeId) {
    if rt.flags_of_live(id) & flag::OWNS != 0 && !rt.clear_for_effect(id) {
        return;
    }
    rt.g(|g| g.start_leaf(id.index));
    rt.ctx.set(Ctx {
        observer: id.index,
        memo: NONE,
        owner: id,
    });
    let end = End { rt };
    // SAFETY: the node is running, so that nobody else touches its block: it is not run again, and
    // a disposal leaves the block to us.
    unsafe { (*block)() };
    std::mem::forget(end);
    if rt.flags_if_there(id).is_none() {
        rt.nobody_asks();
        return rt.over(id);
    }
    rt.g(|g| g.finish_leaf(id.index));
    rt.ran(id, true);
}

/// The end of a run that unwinds. What was read so far is what the effect depends on: it runs again
/// when that changes.
struct End {
    rt: &'static Inner,
}

impl Drop for End {
    #[cold]
    fn drop(&mut self) {
        let rt = self.rt;
        // Whatever ran inside has put back who is asking: it is the effect that unwinds.
        let id = rt.ctx.get().owner;
        rt.nobody_asks();
        rt.raised_cycle.take();
        if rt.flags(id).is_some() {
            rt.g(|g| g.finish(id, false));
        } else {
            rt.over_quietly(id);
        }
        rt.ran(id, true);
    }
}

impl Inner {
    /// Before an effect that owns something runs again; `false` if a cleanup removed it.
    #[cold]
    fn clear_for_effect(&'static self, id: NodeId) -> bool {
        if let Err(panic) = self.purge(id) {
            // The run is due all the same; without it the effect would be lost.
            self.keep_panic(panic);
        }
        self.flags(id).is_some()
    }
}

/// A side effect. A `Copy` handle; the effect lives until it or its owner is disposed.
#[derive(Clone, Copy)]
pub struct Effect {
    rt: &'static Inner,
    id: NodeId,
}

impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Effect({:?})", self.id)
    }
}

impl Cx {
    /// Makes an effect and runs it at once; inside a memo it first runs after the memo.
    ///
    /// Later runs come in the flush after a change, in the order in which effects came to read what
    /// changed, and owners before what they own. What a run makes is disposed before the next one.
    /// What it writes is committed when it returns; if it writes what it has read itself, it runs
    /// again until nothing changes any more.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped. A panic of the closure in this first run goes to the
    /// caller; the effect stays and runs again when something it read before the panic changes.
    #[track_caller]
    pub fn effect(&self, f: impl FnMut() + 'static) -> Effect {
        or_raise(self.try_effect(f))
    }

    /// [`Cx::effect`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`] if the runtime has been dropped, [`Error::Budget`] if what the first run
    /// wrote does not come to rest.
    #[track_caller]
    pub fn try_effect(&self, f: impl FnMut() + 'static) -> Result<Effect, Error> {
        make(self.live()?, f, Location::caller())
    }

    /// Runs `changed(new, old)` whenever the result of `source` changes; not for the first result,
    /// for which there is nothing old. Only what `source` reads is tracked.
    ///
    /// # Panics
    ///
    /// As [`Cx::effect`].
    #[track_caller]
    pub fn watch<T: PartialEq + 'static>(
        &self,
        source: impl FnMut() -> T + 'static,
        changed: impl FnMut(&T, &T) + 'static,
    ) -> Effect {
        or_raise(self.try_watch(source, changed))
    }

    /// [`Cx::watch`], with what goes wrong as an error.
    ///
    /// # Errors
    ///
    /// As [`Cx::try_effect`].
    #[track_caller]
    pub fn try_watch<T: PartialEq + 'static>(
        &self,
        mut source: impl FnMut() -> T + 'static,
        mut changed: impl FnMut(&T, &T) + 'static,
    ) -> Result<Effect, Error> {
        let cx = *self;
        let mut last: Option<T> = None;
        self.try_effect(move || {
            let new = source();
            // Comparing, telling and dropping are nobody's reads, and what was told is not told
            // again if telling panics.
            cx.untrack(|| {
                let old = last.replace(new);
                if let (Some(old), Some(new)) = (&old, &last)
                    && old != new
                {
                    changed(new, old);
                }
            });
        })
    }
}

#[inline]
fn make<F: FnMut() + 'static>(
    rt: &'static Inner,
    f: F,
    created: &'static Location<'static>,
) -> Result<Effect, Error> {
    // SAFETY: the block was allocated with this layout and is uninitialised.
    let fill = |data: *mut u8| unsafe { data.cast::<F>().write(f) };
    let vtable = &Table::<F>::VTABLE;
    let ctx = rt.ctx.get();
    let id = rt.insert(vtable, COMPUTATION | DIRTY | WATCHED, fill, created);
    if ctx.memo != NONE {
        rt.g(|g| g.requeue(id.index));
        return Ok(Effect { rt, id });
    }
    let data = rt.slot(id.index).data;
    let restore = Restore::new(rt, ctx);
    if rt.depth.get() == 0 {
        rt.depth.set(1);
        // SAFETY: the block of the node made above.
        let result = catch_unwind(AssertUnwindSafe(|| unsafe {
            run::<F>(data.cast(), rt, id);
        }));
        drop(restore);
        let flushed = rt.leave_batch();
        if let Err(panic) = result {
            resume_unwind(panic);
        }
        flushed.map_err(FlushError::into_error)?;
    } else {
        // SAFETY: as above.
        unsafe { run::<F>(data.cast(), rt, id) };
    }
    Ok(Effect { rt, id })
}

impl Effect {
    /// Removes the effect: what it made goes, then its cleanups run. During its own run it finishes
    /// that run first. Nothing happens if it has gone already.
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

    /// The node in the graph, for dumps and traces.
    pub fn node(&self) -> NodeId {
        self.id
    }

    /// Gives it a name for dumps, traces and messages.
    #[must_use = "the label is set either way; drop the handle with `let _`"]
    pub fn label(self, name: impl Into<String>) -> Self {
        self.rt.set_label(self.id, name.into());
        self
    }
}
