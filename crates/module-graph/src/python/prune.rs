//! `hmr.prune`: modules that nothing alive imports any more.
//!
//! Without it such a module stays as it is until it is out of date (see [`release`](super::release)), in case
//! that it is imported again. One that has asked to be told is taken out of the program at once: its
//! dispose hooks are called, then these, newest first, and the next import loads it anew, as in a fresh
//! start.
//!
//! Kept true: a module is told once, and only when everything has settled.

use pyo3::prelude::*;

use super::{
    engine::{Engine, State},
    listeners::Moment,
    reads,
};
use crate::ModuleId;

impl State {
    /// The modules that wait for their end and have come to it, newest first.
    fn pruned(&self) -> Vec<ModuleId> {
        let mut waiting = self.listeners.owners(Moment::Prune);
        waiting.retain(|&id| self.slots[id.index()].object.is_some() && !self.is_alive(id));
        waiting.sort_unstable();
        waiting.reverse();
        waiting
    }
}

impl Engine {
    /// Ends the modules that nothing alive imports any more, if they want to know.
    pub(super) fn prune(&self, py: Python<'_>) {
        {
            let state = self.state();
            if state.interrupted || !state.failed.is_empty() {
                // What is imported is not known for certain.
                return;
            }
        }
        let pruned = self.state().pruned();
        for id in pruned {
            self.begin_reload(py);
            // Others that are not alive either must import it anew when they come back.
            self.unload(py, id);
        }
    }

    /// Calls what the module wants to be called at its end, and forgets what it has registered.
    pub(super) fn end_module(&self, py: Python<'_>, id: ModuleId) {
        self.dispose(py, id);
        let hooks = self.state().listeners.take_prune_hooks(id);
        for hook in hooks.into_iter().rev() {
            let hook = hook.into_bound(py);
            if let Err(error) = reads::aside(|| hook.call0()) {
                error.write_unraisable(py, Some(&hook));
            }
        }
        self.forget_listeners(id);
        self.forget_acceptors(id);
        self.forget_cached(id);
        self.forget_writes(py, id);
    }
}
