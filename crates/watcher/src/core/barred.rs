//! What may not be looked at: said once, and tried again.
//!
//! It stays what it was for the consumer, and is compared as soon as it may be looked at. The system says
//! when permissions change. Everything else that may be in the way (too many open files, a broken disk)
//! ends unseen, and is tried by the clock, less and less often.

use super::Core;
use crate::backend::WatchError;
use crate::stats::Warning;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(10);

/// Directories and roots that may not be looked at.
#[derive(Debug, Default)]
pub(super) struct Barred {
    places: BTreeSet<PathBuf>,
    /// When to try again; `None` if somebody will say so.
    retry_at: Option<Duration>,
    wait: Duration,
}

impl Barred {
    pub(super) fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    /// `place` was looked at.
    pub(super) fn open(&mut self, place: &Path) {
        self.places.remove(place);
    }

    /// `dir` is gone, with everything below it.
    pub(super) fn forget_below(&mut self, dir: &Path) {
        self.places.retain(|place| !place.starts_with(dir));
    }

    fn at_or_below(&self, path: &Path) -> Vec<PathBuf> {
        let places = self.places.iter();
        places
            .filter(|place| place.starts_with(path))
            .cloned()
            .collect()
    }

    /// Takes note of `place`; whether that is news.
    fn add(&mut self, now: Duration, place: &Path, is_denied: bool) -> bool {
        if !is_denied && self.retry_at.is_none() {
            self.wait = (self.wait * 2).clamp(FIRST, MOST);
            self.retry_at = Some(now.saturating_add(self.wait));
        }
        self.places.insert(place.to_owned())
    }
}

impl Core {
    /// `path`, a file or a root, may not be looked at.
    pub(super) fn barred(&mut self, now: Duration, path: &Path, why: &io::Error) {
        let place = match path.parent() {
            Some(dir) if !self.roots.contains(path) => dir,
            _ => path,
        };
        if self.barred.add(now, place, is_denied(why)) {
            self.sources.warn(Warning::Unreadable {
                path: place.to_owned(),
                why: why.kind().to_string(),
            });
        }
    }

    /// `dir` cannot be watched.
    pub(super) fn cannot_watch(&mut self, now: Duration, dir: &Path, why: &WatchError) {
        self.bar_dir(now, dir, *why == WatchError::Denied, why.to_string());
    }

    /// `dir` cannot be listed.
    pub(super) fn cannot_list(&mut self, now: Duration, dir: &Path, why: &io::Error) {
        self.bar_dir(now, dir, is_denied(why), why.to_string());
    }

    fn bar_dir(&mut self, now: Duration, dir: &Path, is_denied: bool, why: String) {
        if self.barred.add(now, dir, is_denied) {
            let path = dir.to_owned();
            self.sources.warn(Warning::Unwatched { path, why });
        }
    }

    /// The permissions of `path` changed: what was barred at or below it may be open now.
    pub(super) fn permissions_changed(&mut self, now: Duration, path: &Path) {
        for place in self.barred.at_or_below(path) {
            self.try_again(now, &place);
        }
    }

    /// Tries everything again that is barred for other reasons than permissions.
    pub(super) fn retry_barred(&mut self, now: Duration) {
        self.barred.retry_at = None;
        for place in self.barred.at_or_below(Path::new("")) {
            self.try_again(now, &place);
        }
        if self.barred.retry_at.is_none() {
            self.barred.wait = Duration::ZERO;
        }
    }

    fn try_again(&mut self, now: Duration, place: &Path) {
        if self.roots.contains(place) {
            self.attach(now, place, false);
        } else {
            self.adopt(now, place, false);
        }
    }
}

fn is_denied(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::PermissionDenied
}
