//! The pull phase: make one node clean, running as little as possible.
//!
//! A walk keeps its place in a stack inside the graph instead of recursing. It lends the graph only
//! for single steps, and never while [`Host::recompute`] runs; user code may therefore add, remove,
//! read and settle anything meanwhile, and the walk checks its place again after each recompute.

use std::fmt;

use super::node::{CHECKING, COMPUTATION, DIRTY, Frame, Graph, HAS_OUTPUTS, KIND, MARKED, NONE};
use super::node::{NodeId, OUTPUT, PENDING, RUNNING, SOURCE};

/// Owns the values and closures that belong to the nodes of a [`Graph`].
pub trait Host {
    /// Lends the graph for a moment. No user code runs inside `f`, so a `RefCell` will do.
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R;

    /// Runs a computation: [`Graph::start`], then for each read a [`settle()`] of the dependency and
    /// a [`Graph::read`], then [`Graph::finish`]; with [`Graph::output_changed`] for each output
    /// that got a new value. A run that unwinds or returns without `finish` is aborted.
    fn recompute(&self, node: NodeId);

    /// Whether a source that was [touched](Graph::source_touched) really changed. Compares, so user
    /// code may run; called once per touched source and walk.
    fn commit(&self, source: NodeId) -> bool {
        let _ = source;
        true
    }

    /// The walk met a node that it is already in the middle of. `path` goes from that node along
    /// the dependencies down to the one that asked for it again.
    fn on_cycle(&self, path: &[NodeId]) -> OnCycle {
        let _ = path;
        OnCycle::Error
    }

    /// Asked when a cycle closed through `output`, whose producer is in the middle of its run, and
    /// [`Host::on_cycle`] said [`OnCycle::Ignore`]: `true` if the run has changed it already, so
    /// that `reader`, which asked, has to run.
    fn changed_so_far(&self, output: NodeId, reader: NodeId) -> bool {
        let _ = (output, reader);
        false
    }

    /// Whether a dirty node settles the dependencies of its previous run before it runs.
    ///
    /// With `false`, the default, a dirty node runs at once: nothing runs that a dropped branch no
    /// longer needs, but a long chain that is dirty throughout nests one run in another. With
    /// `true` the walk goes to the deepest dirty dependency first and nothing nests, at the price
    /// of possibly running a dependency that is then not read any more.
    fn eager_dependencies(&self) -> bool {
        false
    }

    /// What the walk did, in order. Does nothing unless overridden.
    #[inline]
    fn event(&self, event: Event) {
        let _ = event;
    }
}

/// How a [`Host`] wants a cycle to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCycle {
    /// The walk ends with [`Cycle`]; nodes it was looking at stay Pending.
    Error,
    /// The edge that closes the cycle counts as unchanged (imports in Python may be circular).
    Ignore,
}

/// One step of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A dirty computation is about to run.
    Recompute(NodeId),
    /// A pending computation turned out to be clean: nothing that it read had changed.
    Cut(NodeId),
    /// The node was asked for again while the walk was in the middle of it.
    Cycle(NodeId),
}

/// A computation needs its own result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// From the node that was met again, along the dependencies, to the one that asked for it.
    pub path: Vec<NodeId>,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "computations depend on each other: ")?;
        for node in &self.path {
            write!(f, "{node:?} -> ")?;
        }
        match self.path.first() {
            Some(node) => write!(f, "{node:?}"),
            None => write!(f, "?"),
        }
    }
}

impl std::error::Error for Cycle {}

/// Makes `node`, or the producer of an output, Clean, or finds that it cannot be.
///
/// What it needs is recomputed by [`Host::recompute`], dependencies first, each at most once per
/// walk. A computation that was marked again during its own run is left as it is: a watched one is
/// queued for that. Nothing happens if the node is Clean or has gone.
///
/// # Errors
///
/// [`Cycle`] if the node is needed for its own result and the host does not ignore that.
pub fn settle<H: Host>(host: &H, node: NodeId) -> Result<(), Cycle> {
    let (target, flags) = host.graph(|g| g.target(node));
    if flags & (MARKED | RUNNING) == 0 {
        return Ok(());
    }
    settle_marked(host, target, flags)
}

fn settle_marked<H: Host>(host: &H, target: u32, flags: u32) -> Result<(), Cycle> {
    let eager = host.eager_dependencies();
    match begin(host, target, flags, eager)? {
        Some(walk) => go_on(host, walk.base, eager),
        None => Ok(()),
    }
}

/// A walk that can go on after a run that unwound, from where it was; it must have ended that run.
/// It leaves the stack of the graph as it was, also when it unwinds itself.
pub(crate) struct Settling<'h, H: Host> {
    walk: Walk<'h, H>,
    eager: bool,
}

enum Step {
    /// The walk is over.
    Done,
    /// The node has the frame on top of the stack, ready for its run.
    Recompute(u32),
    Commit(u32),
    Cut(u32),
    /// The dependency `on` of `by` is in the middle of its own walk or run.
    Cycle {
        by: u32,
        on: u32,
        via: u32,
    },
}

/// What a look at a dependency came to.
enum Look {
    /// Nothing: on to the next dependency.
    Next,
    /// The dependency has a frame of its own now.
    Descend,
    Act(Step),
}

impl<'h, H: Host> Settling<'h, H> {
    /// `None` if there is nothing to do.
    pub(crate) fn begin(host: &'h H, node: NodeId) -> Result<Option<Self>, Cycle> {
        let (target, flags) = host.graph(|g| g.target(node));
        if flags & (MARKED | RUNNING) == 0 {
            return Ok(None);
        }
        let eager = host.eager_dependencies();
        let walk = begin(host, target, flags, eager)?;
        Ok(walk.map(|walk| Self { walk, eager }))
    }

    /// Walks until the node is settled.
    pub(crate) fn go_on(&self) -> Result<(), Cycle> {
        go_on(self.walk.host, self.walk.base, self.eager)
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a part of `settle_marked`, where it is hot"
)]
fn begin<H: Host>(
    host: &H,
    target: u32,
    flags: u32,
    eager: bool,
) -> Result<Option<Walk<'_, H>>, Cycle> {
    if flags & KIND == SOURCE {
        commit(host, target);
        return Ok(None);
    }
    // A dirty node that a walk is checking may run at once, unless its dependencies go first: then
    // the asker is one of them, and the cycle is real.
    if flags & RUNNING != 0 || flags & CHECKING != 0 && (eager || flags & DIRTY == 0) {
        let path = host.graph(|g| g.path_from(target));
        return closed(host, path).map(|()| None);
    }
    let base = host.graph(|g| g.push_frame(target));
    Ok(Some(Walk { host, base }))
}

/// Walks until the node whose frame is at `base` is settled.
///
/// One copy of it, with the runs inlined: a second one would cost each of them a call.
#[inline(never)]
fn go_on<H: Host>(host: &H, base: usize, eager: bool) -> Result<(), Cycle> {
    loop {
        match host.graph(|g| g.step(base, eager)) {
            Step::Done => return Ok(()),
            Step::Recompute(index) => recompute(host, index),
            Step::Commit(index) => commit(host, index),
            Step::Cut(index) => host.event(Event::Cut(host.graph(|g| g.id(index)))),
            Step::Cycle { by, on, via } => {
                let path = host.graph(|g| g.path_from(on));
                closed(host, path)?;
                // One that is only being checked has changed nothing; if it runs, readers are told.
                let output = host.graph(|g| {
                    let runs = g.node(on).flags & RUNNING != 0;
                    (runs && g.node(via).flags & KIND == OUTPUT).then(|| g.id(via))
                });
                let reader = host.graph(|g| g.id(by));
                if output.is_some_and(|o| host.changed_so_far(o, reader)) {
                    host.graph(|g| g.node_mut(by).flags |= DIRTY);
                }
            }
        }
    }
}

fn closed<H: Host>(host: &H, path: Vec<NodeId>) -> Result<(), Cycle> {
    if let Some(node) = path.first() {
        host.event(Event::Cycle(*node));
    }
    match host.on_cycle(&path) {
        OnCycle::Error => Err(Cycle { path }),
        OnCycle::Ignore => Ok(()),
    }
}

fn commit<H: Host>(host: &H, index: u32) {
    let id = host.graph(|g| g.id(index));
    let changed = host.commit(id);
    host.graph(|g| g.source_settled(id, changed));
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "called at one place, in the loop")]
fn recompute<H: Host>(host: &H, index: u32) {
    let (id, base) = host.graph(|g| (g.id(index), g.stack.len() - 1));
    host.event(Event::Recompute(id));
    host.recompute(id);
    // A run that was not finished is aborted; if it unwinds, by the guard of the caller.
    host.graph(|g| {
        if g.stack.len() > base {
            g.unwind_to(base);
        }
    });
}

/// Takes the frames above its base off the stack again, also when user code unwinds.
struct Walk<'h, H: Host> {
    host: &'h H,
    base: usize,
}

impl<H: Host> Drop for Walk<'_, H> {
    #[inline]
    fn drop(&mut self) {
        let base = self.base;
        self.host.graph(|g| {
            if g.stack.len() > base {
                g.unwind_to(base);
            }
        });
    }
}

impl Graph {
    /// The node to settle in place of `node`, and its flags; no flags if there is nothing to do.
    #[inline]
    fn target(&self, node: NodeId) -> (u32, u32) {
        if !self.contains(node) {
            return (NONE, 0);
        }
        let flags = self.node(node.index).flags;
        if flags & KIND == OUTPUT {
            let producer = self.producer_of(node.index);
            return (producer, self.node(producer).flags);
        }
        (node.index, flags)
    }

    /// Whether the node is in the middle of a run or a walk.
    pub(crate) fn is_busy(&self, node: NodeId) -> bool {
        self.contains(node) && self.node(node.index).flags & (RUNNING | CHECKING) != 0
    }

    #[inline]
    fn push_frame(&mut self, index: u32) -> usize {
        let base = self.stack.len();
        let node = self.node_mut(index);
        node.flags |= CHECKING;
        let link = node.deps;
        self.stack.push(Frame { node: index, link });
        base
    }

    /// Moves the walk to the next place where the host has to act.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the body of the one loop in `settle_marked`; through a call its result would go over memory"
    )]
    fn step(&mut self, base: usize, eager: bool) -> Step {
        loop {
            let mut top = self.stack.len();
            if top <= base {
                return Step::Done;
            }
            let Frame {
                node: mut index,
                mut link,
            } = self.stack[top - 1];
            let mut flags = self.node(index).flags;
            if flags & CHECKING == 0 {
                // Somebody settled, ran or removed it while user code was running.
                self.stack.pop();
                continue;
            }
            if flags & DIRTY != 0 && !eager {
                self.node_mut(index).flags = flags & !CHECKING;
                self.stack[top - 1].link = NONE;
                return Step::Recompute(index);
            }
            if link != NONE && self.edge(link).sub != index {
                // The edge was dropped while user code was running: look at the rest again.
                link = self.node(index).deps;
            }
            while link != NONE {
                let edge = *self.edge(link);
                // Advance first: each dependency is looked at once, also one that stays dirty.
                link = edge.next_dep;
                let found = self.node(edge.dep).flags;
                if found & (MARKED | RUNNING | OUTPUT) == 0 {
                    continue;
                }
                self.stack[top - 1].link = link;
                if found & (KIND | DIRTY | RUNNING | CHECKING) == COMPUTATION {
                    // Down, with what is known of the new frame at hand.
                    (index, flags) = (edge.dep, found | CHECKING);
                    self.node_mut(index).flags = flags;
                    link = self.node(index).deps;
                    self.stack.push(Frame { node: index, link });
                    top += 1;
                    continue;
                }
                match self.look_at(edge.dep, index, eager) {
                    Look::Next => {}
                    Look::Descend => break,
                    Look::Act(step) => return step,
                }
            }
            if self.stack.len() > top {
                continue;
            }
            self.node_mut(index).flags = flags & !CHECKING;
            if flags & DIRTY != 0 {
                return Step::Recompute(index);
            }
            self.stack.pop();
            self.node_mut(index).flags &= !PENDING;
            if flags & HAS_OUTPUTS != 0 {
                self.clear_outputs(index);
            }
            return Step::Cut(index);
        }
    }

    /// What has to happen with the dependency `via` of the node `by`.
    fn look_at(&mut self, via: u32, by: u32, eager: bool) -> Look {
        let mut dep = via;
        let mut flags = self.node(dep).flags;
        if flags & KIND == OUTPUT {
            dep = self.producer_of(via);
            flags = self.node(dep).flags;
        }
        if flags & (MARKED | RUNNING) == 0 {
            return Look::Next;
        }
        if flags & KIND == SOURCE {
            return Look::Act(Step::Commit(dep));
        }
        if flags & (RUNNING | CHECKING) != 0 {
            // A dirty node will run anyway; its old edges prove no cycle.
            let known = self.node(by).flags & DIRTY != 0 || flags & (DIRTY | RUNNING) == DIRTY;
            if known {
                return Look::Next;
            }
            return Look::Act(Step::Cycle { by, on: dep, via });
        }
        if flags & DIRTY != 0 && !eager {
            self.stack.push(Frame::of_run(dep));
            return Look::Act(Step::Recompute(dep));
        }
        self.push_frame(dep);
        Look::Descend
    }

    /// Drops the frames above `base`: walks stop looking, and runs that nobody finished abort.
    fn unwind_to(&mut self, base: usize) {
        while self.stack.len() > base {
            let Some(frame) = self.stack.pop() else {
                return;
            };
            let node = self.node_mut(frame.node);
            node.flags &= !CHECKING;
            if frame == Frame::of_run(frame.node) && node.flags & RUNNING != 0 {
                let id = self.id(frame.node);
                self.abort(id);
            }
        }
    }

    /// The nodes on the stack from `index` upwards, bottom first.
    fn path_from(&self, index: u32) -> Vec<NodeId> {
        let from = self.stack.iter().rposition(|f| f.node == index);
        match from {
            Some(from) => self.stack[from..].iter().map(|f| self.id(f.node)).collect(),
            None => vec![self.id(index)],
        }
    }
}
