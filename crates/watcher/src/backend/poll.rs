//! Looking at every directory again and again, where the operating system says nothing.
//!
//! Network and container mounts have no events, and the system may run out of watches. Polling costs
//! time in proportion to the number of files, so the interval stretches until looking takes no more
//! than a twentieth of it.

use super::{Backend, WatchError};
use crate::inbox::Sink;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Looking may take one part in this many of the time.
const SHARE: u32 = 20;

/// See the module.
#[derive(Debug)]
pub(crate) struct Poll {
    interval: Duration,
    dirs: BTreeSet<PathBuf>,
    /// When to look next; `None` until something is watched and the first wait begins.
    next: Option<Duration>,
}

impl Poll {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            dirs: BTreeSet::new(),
            next: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.dirs.len()
    }

    pub(crate) fn contains(&self, dir: &Path) -> bool {
        self.dirs.contains(dir)
    }

    /// Every directory, whether it is time or not.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        self.dirs.iter().cloned().collect()
    }
}

impl Backend for Poll {
    fn start(&mut self, _sink: Sink) -> Result<(), WatchError> {
        Ok(())
    }

    fn watch_dirs(&mut self, dirs: &[&Path]) -> Vec<Result<(), WatchError>> {
        self.dirs.extend(dirs.iter().map(|dir| dir.to_path_buf()));
        vec![Ok(()); dirs.len()]
    }

    fn unwatch_dirs(&mut self, dirs: &[&Path]) {
        for dir in dirs {
            self.dirs.remove(*dir);
        }
    }

    fn barrier(&mut self) {}

    fn reset(&mut self) -> Result<(), WatchError> {
        self.dirs.clear();
        Ok(())
    }

    fn deadline(&self) -> Option<Duration> {
        (!self.dirs.is_empty()).then(|| self.next.unwrap_or(Duration::ZERO))
    }

    fn due(&mut self, now: Duration) -> Vec<PathBuf> {
        if self.deadline().is_none_or(|next| next > now) {
            return Vec::new();
        }
        let first = self.next.is_none();
        self.next = Some(now.saturating_add(self.interval));
        if first { Vec::new() } else { self.dirs() }
    }

    fn took(&mut self, now: Duration, time: Duration) {
        self.next = Some(now.saturating_add(self.interval.max(time * SHARE)));
    }
}
