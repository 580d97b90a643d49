//! What whoever drives the engine may choose about reloads, before the program runs.
//!
//! Kept true: a choice makes more run than would have to, never less.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use hmr_signals::graph::State as NodeState;

use super::engine::{Engine, State};
use crate::{ModuleName, equality::Equality};

/// Whether a file is one of those that were asked for.
type Includes = Box<dyn Fn(&Path) -> bool + Send + Sync>;

/// The choices. Without any, all is as exact as can be.
#[derive(Default)]
pub(super) struct Choices {
    never_patches: AtomicBool,
    by_identity: AtomicBool,
    includes: OnceLock<Includes>,
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choices").finish_non_exhaustive()
    }
}

impl Engine {
    /// Whether live functions may take the code of an edit, so that their module need not run. By
    /// default they may.
    pub fn set_patching(&self, on: bool) {
        self.choices.never_patches.store(!on, Ordering::Relaxed);
    }

    /// Says when a value counts as the one from before a run.
    pub fn set_equality(&self, equality: Equality) {
        let by_identity = equality == Equality::Identity;
        self.choices
            .by_identity
            .store(by_identity, Ordering::Relaxed);
    }

    /// A change of a file that `includes` is true of makes the entry run again if nobody is known to read
    /// it: the program may have read it unseen. Files of Python, and those that the program writes itself,
    /// are none of these. What is said first holds.
    pub fn include(&self, includes: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        let _ = self.choices.includes.set(Box::new(includes));
    }

    pub(super) fn may_patch(&self) -> bool {
        !self.choices.never_patches.load(Ordering::Relaxed)
    }

    pub(super) fn equality(&self) -> Equality {
        if self.choices.by_identity.load(Ordering::Relaxed) {
            Equality::Identity
        } else {
            Equality::Value
        }
    }

    /// Whether the file is among those that [`Engine::include`] is about.
    pub(super) fn is_included(&self, file: &Path) -> bool {
        let includes = self.choices.includes.get();
        includes.is_some_and(|includes| includes(file))
    }
}

impl State {
    /// Makes the entry run again for a change of `file`.
    pub(super) fn mark_included(&mut self, file: PathBuf) {
        self.included.push(file);
        if let Some(entry) = self.graph.find(ModuleName::MAIN)
            && self.graph.state(entry) != NodeState::Running
        {
            self.graph.invalidate(entry);
        }
    }
}
