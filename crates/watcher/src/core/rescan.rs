//! Looking at everything again, after events were lost.
//!
//! Not at once, since more losses tend to follow, and less and less often while they recur: a tree
//! that changes faster than it can be looked at must not keep a processor busy.

use super::Core;
use crate::stats::Warning;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Rescan {
    at: Option<Duration>,
    wait: Duration,
    last: Option<Duration>,
    /// The batches to come are found by looking.
    pub(super) found: bool,
}

impl Rescan {
    pub(super) fn at(&self) -> Option<Duration> {
        self.at
    }

    pub(super) fn is_pending(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    fn plan(&mut self, now: Duration) {
        if self.at.is_some() {
            return;
        }
        let recurs = self
            .last
            .is_some_and(|last| now.saturating_sub(last) < MOST);
        self.wait = if recurs {
            (self.wait * 2).min(MOST)
        } else {
            FIRST
        };
        self.at = Some(now + self.wait);
    }

    fn start(&mut self, now: Duration) {
        self.at = None;
        self.last = Some(now);
    }
}

impl Core {
    pub(super) fn lost_events(&mut self, now: Duration) {
        self.sources.warn(Warning::LostEvents);
        self.rescan.plan(now);
    }

    /// With new watches: the old ones may belong to directories that were replaced unseen.
    pub(super) fn look_at_everything(&mut self, now: Duration) {
        self.rescan.start(now);
        self.stats.rescans += 1;
        self.watch_everything(now);
        self.rescan.found = !self.debouncer.is_empty();
    }

    /// Sets every watch anew, and compares what is there with what is known.
    pub(super) fn watch_everything(&mut self, now: Duration) {
        self.sources.reset();
        self.roots.guards.clear();
        self.watch_link_targets();
        self.watch_rule_dirs();
        self.read_all_rules_above(now);
        for root in self.roots.paths() {
            self.attach(now, &root, false);
        }
    }
}
