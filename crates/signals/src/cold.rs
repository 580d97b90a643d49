//! What few nodes have, kept out of the hot arrays: cleanups, contexts, labels, errors, run counts.
//!
//! Everything is keyed by slot and ordered, so that nothing depends on hash order. Whatever holds
//! user values is taken out of here before it is dropped, because their `Drop` may come back.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;

use smallvec::SmallVec;

use crate::error::{Error, Place};
use crate::graph::NodeId;
use crate::trace::TraceEvent;

pub(crate) type Cleanup = Box<dyn FnOnce()>;
pub(crate) type Observer = Rc<dyn Fn(&TraceEvent)>;
/// A value offered to everything below its owner, by type.
pub(crate) type Context = (TypeId, Rc<dyn Any>);
type Site = Option<&'static Location<'static>>;

/// How many recent disposals are remembered for the messages of late users.
const GRAVES: usize = 256;

#[derive(Default)]
pub(crate) struct Cold {
    pub(crate) cleanups: BTreeMap<u32, SmallVec<[Cleanup; 1]>>,
    /// What to do when a computation that was disposed during its own run has ended it.
    pub(crate) late: Vec<(NodeId, Cleanup)>,
    pub(crate) contexts: BTreeMap<u32, Vec<Context>>,
    pub(crate) labels: BTreeMap<u32, String>,
    pub(crate) errors: BTreeMap<u32, Failure>,
    pub(crate) counts: BTreeMap<u32, u64>,
    pub(crate) observer: Option<Observer>,
    graves: Vec<(NodeId, &'static Location<'static>, Site)>,
    next_grave: usize,
}

/// Why a memo has no value.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The panic itself, for the first reader.
    pub(crate) payload: Option<Box<dyn Any + Send>>,
}

impl Failure {
    /// A failure whose panic is not at hand yet. With `cycle`, that error is what readers get.
    pub(crate) fn new(memo: Place, cycle: Option<Error>) -> Self {
        let message = String::from("its first reader got the panic");
        Self {
            error: cycle.unwrap_or(Error::Panicked { memo, message }),
            payload: None,
        }
    }

    /// With `raised`, the failure that was raised last: if that is the panic, it is passed on as it
    /// is, so that messages do not grow from memo to memo.
    pub(crate) fn set_panic(&mut self, panic: Box<dyn Any + Send>, raised: Option<Error>) {
        let is_it = |e: &Error| panic.downcast_ref() == Some(&e.to_string());
        if let Error::Panicked { .. } = self.error
            && let Some(raised) = raised.filter(is_it)
        {
            self.error = raised;
        } else if let Error::Panicked { message, .. } = &mut self.error {
            *message = if let Some(text) = panic.downcast_ref::<&str>() {
                (*text).to_owned()
            } else if let Some(text) = panic.downcast_ref::<String>() {
                text.clone()
            } else {
                "a value that is not text".to_owned()
            };
        }
        self.payload = Some(panic);
    }
}

impl Cold {
    /// Remembers a disposal, forgetting the oldest one.
    pub(crate) fn bury(&mut self, id: NodeId, created: &'static Location<'static>, at: Site) {
        if self.graves.len() < GRAVES {
            self.graves.push((id, created, at));
        } else {
            self.graves[self.next_grave] = (id, created, at);
            self.next_grave = (self.next_grave + 1) % GRAVES;
        }
    }

    /// Everything but what is remembered of disposals, which handles may still ask for.
    pub(crate) fn take_all_but_graves(&mut self) -> Self {
        let mut all = std::mem::take(self);
        self.graves = std::mem::take(&mut all.graves);
        self.next_grave = all.next_grave;
        all
    }

    /// Where a node that has gone was created and disposed.
    pub(crate) fn grave(&self, id: NodeId) -> (Site, Site) {
        let grave = self.graves.iter().find(|grave| grave.0 == id);
        grave.map_or((None, None), |(_, created, at)| (Some(*created), *at))
    }

    /// Takes out what belongs to a node that goes; the caller drops it outside of any borrow.
    pub(crate) fn forget(&mut self, index: u32) -> impl Sized + use<> {
        self.labels.remove(&index);
        self.counts.remove(&index);
        let contexts = self.contexts.remove(&index);
        (contexts, self.errors.remove(&index))
    }
}
