//! Making a node: a block for its value or closure, a place in the graph, and an owner.
//!
//! The owner is the computation or scope that is running. If that has gone, the node belongs to the
//! root; if it was a computation that was disposed during its own run, until that run is over.

use std::panic::Location;

use crate::graph::arena::at_mut;
use crate::graph::{COMPUTATION, NodeId};
use crate::runtime::{Inner, NONE};
use crate::slot::{Slot, VTable, flag};

impl Inner {
    /// Makes a node with a block that `fill` initialises.
    #[inline]
    pub(crate) fn insert(
        &'static self,
        vtable: &'static VTable,
        graph_flags: u32,
        fill: impl FnOnce(*mut u8),
        created: &'static Location<'static>,
    ) -> NodeId {
        let data = self.slab(|slab| slab.alloc(vtable.layout));
        fill(data);
        let owner = self.ctx.get().owner;
        let owner_flags = self.flags(owner);
        let nested = match owner_flags {
            Some(flags) if flags & (COMPUTATION | flag::NESTED) != 0 => flag::NESTED,
            _ => 0,
        };
        let id = self.g(|g| g.add(graph_flags | nested));
        let mut slot = Slot {
            data,
            vtable,
            created,
            parent: NONE,
            child: NONE,
            older: NONE,
            newer: NONE,
        };
        if owner_flags.is_some() {
            self.attach(&mut slot, id, owner.index);
        }
        self.slots(|slots| {
            if id.index() == slots.len() {
                slots.push(slot);
            } else {
                *at_mut(slots, id.index) = slot;
            }
        });
        if owner_flags.is_none() {
            self.adopt(id);
        }
        id
    }

    /// Links a node as the newest child of `owner`; `slot` is what will be stored for it.
    #[inline]
    fn attach(&self, slot: &mut Slot, id: NodeId, owner: u32) {
        self.set_flags(owner, flag::OWNS, 0);
        self.slots(|slots| {
            let first = std::mem::replace(&mut at_mut(slots, owner).child, id.index);
            slot.parent = owner;
            slot.older = first;
            if first != NONE {
                at_mut(slots, first).newer = id.index;
            }
        });
    }

    /// Gives a node without a living owner to the root, until the run that made it is over. The root
    /// itself stays without.
    #[cold]
    #[inline(never)]
    fn adopt(&'static self, id: NodeId) {
        if self.ctx.get().owner.index == NONE {
            return;
        }
        let mut slot = self.slot(id.index);
        self.attach(&mut slot, id, self.root.get().index);
        self.slots(|slots| *at_mut(slots, id.index) = slot);
        if let Some(dying) = self.dying() {
            let cleanup = Box::new(move || self.dispose(id, None));
            self.cold.borrow_mut().late.push((dying, cleanup));
        }
    }
}
