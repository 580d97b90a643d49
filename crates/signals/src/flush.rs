//! Batches and the flush: effects run after the outermost batch, until none is queued.
//!
//! A write outside of any batch is a batch of its own. A flush does not nest: what an effect writes
//! is committed when the effect has returned, and the effects this reaches join the queue. A panic
//! in an effect does not keep the others from running; the first one is rethrown at the end.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::{Error, or_raise};
use crate::graph::{COMPUTATION, DIRTY, Graph, KIND, MARKED, NodeId, RUNNING, settle};
use crate::owner::{Panic, keep_first};
use crate::runtime::{Ctx, Cx, Inner, NOBODY, NONE};
use crate::slot::flag;

/// Runs of one flush, beyond one per live node, before effects count as restless.
pub(crate) const DEFAULT_BUDGET: usize = 100_000;

/// Why a flush did not end well. All effects that could run have run.
pub(crate) enum FlushError {
    Panic(Panic),
    Budget(Error),
}

impl FlushError {
    pub(crate) fn into_panic(self) -> Panic {
        match self {
            Self::Panic(panic) => panic,
            Self::Budget(error) => Box::new(error.to_string()),
        }
    }

    /// As an error value; a panic of user code goes on as a panic.
    #[cold]
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Panic(panic) => resume_unwind(panic),
            Self::Budget(error) => error,
        }
    }
}

/// How far a flush has come.
struct Progress {
    runs: usize,
    /// The effect that is being settled.
    current: NodeId,
    base: usize,
    limit: usize,
    /// Up to here runs are not even counted by effect.
    calm: usize,
    /// From half of the budget on, when something is probably wrong.
    heat: Option<Box<Heat>>,
    /// Who was asking when the flush began. Effects that run straight from the queue leave theirs
    /// behind; it goes back before any other user code runs.
    ctx: Ctx,
}

#[derive(Default)]
struct Heat {
    counts: BTreeMap<NodeId, usize>,
    /// Effects that used up a budget; they do not run again in this flush.
    stopped: BTreeMap<NodeId, usize>,
}

impl Cx {
    /// Runs `f` and flushes once at the end of the outermost batch.
    ///
    /// Reads inside see what was written inside, through memos too. A value that is back to what it
    /// was when the batch ends causes nothing. If `f` panics, its writes stay, effects run, and the
    /// panic goes on.
    ///
    /// # Panics
    ///
    /// Rethrows the first panic of an effect, and panics if effects [do not come to
    /// rest](Error::Budget) or the runtime has been dropped.
    #[track_caller]
    pub fn batch<R>(&self, f: impl FnOnce() -> R) -> R {
        match self.try_batch(f) {
            Ok(value) => value,
            Err(error) => error.raise(),
        }
    }

    /// [`Cx::batch`], with restless effects and a runtime that has gone as an error. Panics of `f`
    /// and of effects stay panics.
    ///
    /// # Errors
    ///
    /// [`Error::Budget`] after all writes were made, [`Error::Disposed`] before anything ran.
    pub fn try_batch<R>(&self, f: impl FnOnce() -> R) -> Result<R, Error> {
        let rt = self.live()?;
        rt.depth.set(rt.depth.get() + 1);
        let result = catch_unwind(AssertUnwindSafe(f));
        let flushed = rt.leave_batch();
        let value = result.unwrap_or_else(|panic| resume_unwind(panic));
        flushed.map_err(FlushError::into_error)?;
        Ok(value)
    }

    /// Runs `f` without recording its reads for the computation that is running. What is created
    /// inside still belongs to it, and a memo still may not write.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped, and when `f` does; tracking goes on after either.
    #[track_caller]
    pub fn untrack<R>(&self, f: impl FnOnce() -> R) -> R {
        or_raise(self.try_untrack(f))
    }

    /// [`Cx::untrack`], or an error if the runtime has been dropped; `f` does not run then.
    ///
    /// # Errors
    ///
    /// [`Error::Disposed`].
    pub fn try_untrack<R>(&self, f: impl FnOnce() -> R) -> Result<R, Error> {
        let rt = self.live()?;
        let before = rt.ctx.get();
        rt.ctx.set(Ctx {
            observer: NONE,
            ..before
        });
        let restore = Restore::new(rt, before);
        let value = f();
        drop(restore);
        Ok(value)
    }

    /// How many runs one flush may make, beyond one per live node, before the effects that ran most
    /// are stopped and [named](Error::Budget). The default is 100,000.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has been dropped.
    #[track_caller]
    pub fn set_budget(&self, runs: usize) {
        self.inner().budget.set(runs);
    }
}

/// Puts the context back, also when user code unwinds.
pub(crate) struct Restore {
    rt: &'static Inner,
    before: Ctx,
    epoch: u32,
}

impl Restore {
    #[inline]
    pub(crate) fn new(rt: &'static Inner, before: Ctx) -> Self {
        let epoch = rt.epoch.get();
        Self { rt, before, epoch }
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        // The runtime may have been dropped inside, and another one be at home in its memory.
        if self.rt.epoch.get() == self.epoch {
            self.rt.ctx.set(self.before);
        }
    }
}

impl Inner {
    /// Ends a batch; the outermost one flushes.
    pub(crate) fn leave_batch(&'static self) -> Result<(), FlushError> {
        self.depth.set(self.depth.get() - 1);
        if self.depth.get() > 0 || self.is_quiet() {
            return Ok(());
        }
        if self.ctx.get().memo != NONE {
            // Effects wait until the outermost memo is over: its reader flushes.
            let mut panic = None;
            self.commit_touched(&mut panic);
            return match panic {
                Some(panic) => Err(FlushError::Panic(panic)),
                None => Ok(()),
            };
        }
        self.flush()
    }

    /// Whether a flush would find nothing to do.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.touched(|t| t.is_empty())
            && !self.g(|g| g.has_queued())
            && self.kept_panic.borrow().is_none()
    }

    /// After a write outside of any batch, or a memo that made effects.
    #[inline]
    pub(crate) fn flush_if_queued(&'static self) -> Result<(), FlushError> {
        if self.depth.get() == 0 && !self.is_quiet() {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&'static self) -> Result<(), FlushError> {
        let mut panic = None;
        let mut progress = None;
        let before = self.ctx.get();
        self.depth.set(1);
        loop {
            if !self.touched(|t| t.is_empty()) {
                self.commit_touched(&mut panic);
            }
            if !self.g(|g| g.has_queued()) {
                break;
            }
            let progress = progress.get_or_insert_with(|| self.progress());
            let ran = catch_unwind(AssertUnwindSafe(|| self.run_queue(progress)));
            self.ctx.set(before);
            let Err(payload) = ran else { continue };
            // A memo on the way to an effect: the panic becomes its result, and the effect is
            // settled again.
            let again = catch_unwind(AssertUnwindSafe(|| {
                self.settle_panic(payload);
                self.settle_or_force(progress.current);
            }));
            keep_first(&mut panic, again);
            // If that was not possible either, the effect waits for its next turn.
            if self
                .flags(progress.current)
                .is_some_and(|f| f & MARKED != 0)
            {
                self.g(|g| g.requeue(progress.current.index));
            }
            self.ctx.set(before);
        }
        self.depth.set(0);
        let panic = self.kept_panic.take().or(panic);
        let stopped = progress.and_then(|p| Some((p.runs, p.heat?.stopped)));
        if let Some(panic) = panic {
            return Err(FlushError::Panic(panic));
        }
        match stopped {
            Some((runs, stopped)) if !stopped.is_empty() => {
                Err(FlushError::Budget(self.budget_error(runs, stopped)))
            }
            _ => Ok(()),
        }
    }

    /// Keeps a panic for the end of the flush.
    #[cold]
    pub(crate) fn keep_panic(&self, panic: Panic) {
        self.kept_panic.borrow_mut().get_or_insert(panic);
    }

    fn progress(&self) -> Progress {
        let base = self.budget.get().saturating_add(self.g(|g| g.node_count()));
        Progress {
            runs: 0,
            current: NOBODY,
            base,
            limit: base,
            calm: base - base / 2,
            heat: None,
            ctx: self.ctx.get(),
        }
    }

    /// Runs effects until none is queued or one of them panics.
    fn run_queue(&'static self, progress: &mut Progress) {
        while let Some((id, flags)) = self.g(Graph::pop_queue) {
            progress.runs += 1;
            if progress.runs > progress.calm && !Self::may_run(id, progress) {
                self.ctx.set(progress.ctx);
                self.give_up(id);
                continue;
            }
            progress.current = id;
            self.run_effect(id, flags, progress.ctx);
            if !self.touched(|t| t.is_empty()) {
                self.ctx.set(progress.ctx);
                let mut panic = None;
                self.commit_touched(&mut panic);
                if let Some(panic) = panic {
                    resume_unwind(panic);
                }
            }
        }
    }

    /// Leaves a restless effect as it is. What it reads is settled first: a memo that stayed marked
    /// would swallow the next change.
    #[cold]
    fn give_up(&'static self, id: NodeId) {
        for dep in self.g(|g| g.dependencies(id).collect::<Vec<_>>()) {
            self.settle_or_force(dep);
        }
        self.g(|g| g.accept(id));
    }

    #[inline]
    fn run_effect(&'static self, id: NodeId, flags: u32, ctx: Ctx) {
        if flags & (flag::NESTED | flag::OWNS | DIRTY | RUNNING) == DIRTY && !self.observed.get() {
            // What `settle` would come to, without a walk.
            return self.run(id);
        }
        self.ctx.set(ctx);
        if flags & flag::NESTED != 0 {
            self.run_owners_first(id);
            self.ctx.set(ctx);
        }
        // Panics are caught around the whole queue; see `flush`.
        if settle(&self, id).is_err() {
            self.settle_or_force(id);
        }
    }

    #[cold]
    fn run_owners_first(&'static self, id: NodeId) {
        while self.flags(id).is_some_and(|f| f & MARKED != 0) {
            let Some(outer) = self.outermost_marked_owner(id) else {
                return;
            };
            self.settle_or_force(outer);
        }
    }

    /// Settles; where the walk finds a cycle, the node runs, so that the error comes up in it.
    #[inline]
    pub(crate) fn settle_or_force(&'static self, id: NodeId) {
        if self.settle(id).is_err() {
            self.g(|g| g.force(id));
            let _ = self.settle(id);
        }
    }

    /// An effect whose owner is about to run again must not run before it, with stale captures.
    #[cold]
    fn outermost_marked_owner(&self, id: NodeId) -> Option<NodeId> {
        let mut found = None;
        let mut index = self.slot(id.index).parent;
        while index != NONE {
            let flags = self.g(|g| g.node(index).flags);
            if flags & KIND == COMPUTATION && flags & MARKED != 0 {
                found = Some(index);
            }
            if flags & flag::NESTED == 0 {
                break;
            }
            index = self.slot(index).parent;
        }
        found.map(|index| self.g(|g| g.id(index)))
    }

    /// Compares each signal written in the batch with what it was before.
    pub(crate) fn commit_touched(&'static self, panic: &mut Option<Panic>) {
        loop {
            let Some(id) = self.touched(Vec::pop) else {
                return;
            };
            let touched = |f: u32| f & DIRTY != 0;
            if self.flags(id).is_some_and(touched) {
                let changed = self.commit_plain(id).unwrap_or_else(|| {
                    let changed = catch_unwind(AssertUnwindSafe(|| self.commit_signal(id)));
                    // A comparison that panics is a change: nobody is left with a stale value.
                    keep_first(panic, changed).unwrap_or(true)
                });
                self.g(|g| g.source_settled(id, changed));
            }
        }
    }

    /// [`Inner::commit_signal`] on behalf of a reader, who is not to fail by it: a comparison that
    /// panics is a change, and the panic is kept.
    #[cold]
    pub(crate) fn commit_for_read(&'static self, id: NodeId) -> bool {
        let changed = catch_unwind(AssertUnwindSafe(|| self.commit_signal(id)));
        changed.unwrap_or_else(|panic| {
            self.keep_panic(panic);
            true
        })
    }

    #[cold]
    fn may_run(id: NodeId, progress: &mut Progress) -> bool {
        let heat = progress.heat.get_or_insert_default();
        if heat.stopped.contains_key(&id) {
            return false;
        }
        *heat.counts.entry(id).or_insert(0) += 1;
        if progress.runs < progress.limit {
            return true;
        }
        // The budget is used up: stop whoever ran at least half as often as the one that ran most.
        let most = heat.counts.values().copied().max().unwrap_or(1);
        let counts = std::mem::take(&mut heat.counts);
        heat.stopped
            .extend(counts.into_iter().filter(|(_, count)| count * 2 >= most));
        progress.limit = progress.runs + progress.base;
        progress.calm = progress.limit - progress.base / 2;
        !heat.stopped.contains_key(&id)
    }

    #[cold]
    fn budget_error(&self, runs: usize, stopped: BTreeMap<NodeId, usize>) -> Error {
        let mut hottest: Vec<_> = stopped.into_iter().collect();
        hottest.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
        hottest.truncate(8);
        let live = hottest
            .into_iter()
            .filter(|(id, _)| self.flags(*id).is_some());
        let hottest = live.map(|(id, count)| (self.place(id), count)).collect();
        Error::Budget { runs, hottest }
    }
}
