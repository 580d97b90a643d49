//! The watcher without threads: events in, batches out.
//!
//! It owns the recursion (which directories are watched), the file table (what the consumer knows)
//! and the debouncer (what is waiting). Two rules keep it from losing a change. A directory is watched
//! first and listed afterwards, so that whatever happens in between is in the listing, in the events,
//! or in both; and a batch is made by looking at the files, so that seeing a change twice is harmless.

mod announced;
mod barred;
mod flush;
mod guards;
mod hashing;
mod links;
mod locks;
mod look;
mod points;
mod renames;
mod rescan;
mod roots;
mod rules;
mod sources;
mod walk;
mod way;

use crate::backend::{Backend, Raw};
use crate::change::Batch;
use crate::debounce::{Debounce, Debouncer};
use crate::files::{Files, Kind};
use crate::inbox::Inbox;
use crate::matcher::{Matcher, Own};
use crate::mounts::Mounts;
use crate::stats::{Stats, Warning};
use crate::table::Table;
use crate::watch::Content;
use announced::Announced;
use barred::Barred;
use hashing::Hashing;
pub(crate) use hashing::hash_of_bytes;
use links::Links;
use locks::Locks;
pub(crate) use points::PointSet;
pub use points::Points;
use renames::Renames;
use rescan::Rescan;
use roots::Roots;
use rustc_hash::FxHashSet;
use sources::Sources;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What to report, and how.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) content: Content,
    pub(crate) debounce: Debounce,
    pub(crate) attributes: bool,
    pub(crate) pair_renames: bool,
    pub(crate) collapse_dirs: bool,
    pub(crate) follow_links: bool,
}

pub(crate) struct Core {
    settings: Settings,
    sources: Sources,
    files: Arc<dyn Files>,
    matcher: Matcher,
    debouncer: Debouncer,
    table: Table,
    roots: Roots,
    renames: Renames,
    links: Links,
    locks: Locks,
    rescan: Rescan,
    hashing: Hashing,
    /// Files that were written for certain, for those whose content is not compared.
    written: FxHashSet<PathBuf>,
    /// Points that were not known as files when something happened to them.
    point_dirs: FxHashSet<PathBuf>,
    barred: Barred,
    /// Directories above the roots whose ignore files count.
    ruling: BTreeSet<PathBuf>,
    /// Directories that are watched for the ignore file in them only.
    rule_dirs: BTreeSet<PathBuf>,
    /// Directories that vanished with known files in them.
    dropped: Vec<PathBuf>,
    announced: Announced,
    /// Batches that were taken and handed back.
    returned: VecDeque<Batch>,
    paused: bool,
    seq: u64,
    stats: Stats,
    inbox: Arc<Inbox>,
}

impl Core {
    pub(crate) fn new(
        settings: Settings,
        native: Option<Box<dyn Backend>>,
        poll_interval: Duration,
        mounts: Mounts,
        files: Arc<dyn Files>,
        matcher: Matcher,
        inbox: Arc<Inbox>,
    ) -> Self {
        Self {
            settings,
            sources: Sources::new(native, poll_interval, mounts),
            files,
            matcher,
            debouncer: Debouncer::new(settings.debounce),
            table: Table::default(),
            roots: Roots::default(),
            renames: Renames::default(),
            links: Links::default(),
            locks: Locks::default(),
            rescan: Rescan::default(),
            hashing: Hashing::default(),
            written: FxHashSet::default(),
            point_dirs: FxHashSet::default(),
            barred: Barred::default(),
            ruling: BTreeSet::new(),
            rule_dirs: BTreeSet::new(),
            dropped: Vec::new(),
            announced: Announced::default(),
            returned: VecDeque::new(),
            paused: false,
            seq: 0,
            stats: Stats::default(),
            inbox,
        }
    }

    /// Takes in one event that was sent at `now`.
    pub(crate) fn step(&mut self, now: Duration, raw: Raw) {
        self.stats.events += 1;
        match raw {
            Raw::Dirty(path) => self.each(&path, |core, path| core.wrote(now, path)),
            Raw::Closed(path) => self.each(&path, |core, path| {
                if core.is_interesting(path) {
                    core.debouncer.complete(now, path);
                }
                core.rules_changed(now, path);
            }),
            Raw::Attrib(path) => self.each(&path, |core, path| {
                core.permissions_changed(now, path);
                if core.settings.attributes && core.is_interesting(path) {
                    core.debouncer.complete(now, path);
                }
            }),
            Raw::Created(path) => self.each(&path, |core, path| core.appeared(now, path, 0)),
            Raw::MovedTo { path, cookie } => {
                self.each(&path, |core, path| core.appeared(now, path, cookie));
                self.renames.second_half_done(cookie);
            }
            Raw::Removed(path) => self.each(&path, |core, path| core.vanished(now, path)),
            Raw::MovedFrom { path, cookie } => {
                self.each(&path, |core, path| core.vanished(now, path));
                self.renames.first_half(cookie, path);
            }
            Raw::Scan(dir) => self.scan(now, &dir),
            Raw::Overflow => self.lost_events(now),
            Raw::Error(why) => self.sources.warn(Warning::Backend(why)),
        }
    }

    /// Calls `then` for every name that `path` has in the watched trees.
    fn each(&mut self, path: &Path, mut then: impl FnMut(&mut Self, &Path)) {
        if self.links.is_empty() {
            return then(self, path);
        }
        for path in self.links.spellings(path) {
            then(self, &path);
        }
    }

    /// The next batch, if one is due.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<Batch> {
        if self.paused {
            return None;
        }
        if let Some(batch) = self.returned.pop_front() {
            return Some(batch);
        }
        if self.roots.retry_at.is_some_and(|at| at <= now) {
            self.retry_roots(now);
        }
        if self.barred.retry_at().is_some_and(|at| at <= now) {
            self.retry_barred(now);
        }
        if self.rescan.is_due(now) {
            self.look_at_everything(now);
        }
        loop {
            if !self.debouncer.is_due(now) || self.waits_for_lock(now) {
                return None;
            }
            let due = self.debouncer.poll(now)?;
            let batch = self.flush(now, &due.paths, due.settled);
            if self.debouncer.is_empty() {
                self.renames.clear();
            }
            if batch.is_some() {
                return batch;
            }
        }
    }

    /// Everything that waits, whether it is due or not.
    pub(crate) fn settle(&mut self, now: Duration) -> Option<Batch> {
        if let Some(batch) = self.returned.pop_front() {
            return Some(batch);
        }
        self.retry_roots(now);
        self.retry_barred(now);
        if self.rescan.is_pending() {
            self.look_at_everything(now);
        }
        for dir in self.sources.polled_dirs() {
            self.scan(now, &dir);
        }
        let due = self.debouncer.take_all();
        let batch = self.flush(now, &due.paths, due.settled);
        self.renames.clear();
        batch
    }

    /// Takes back a batch that nobody has seen.
    #[cfg(feature = "stream")]
    pub(crate) fn hand_back(&mut self, batch: Batch) {
        self.returned.push_front(batch);
    }

    /// When [`poll`](Self::poll) or [`scans`](Self::scans) is worth calling next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.paused {
            return None;
        }
        let deadlines = [
            self.locks.look_at().or_else(|| self.debouncer.deadline()),
            self.rescan.at(),
            self.roots.retry_at,
            self.barred.retry_at(),
            self.sources.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Looks at what is to be polled at `now`; whether there was anything.
    pub(crate) fn scans(&mut self, now: Duration) -> bool {
        if self.paused {
            return false;
        }
        let dirs = self.sources.due(now);
        for dir in &dirs {
            if self.inbox.is_stopped() {
                break;
            }
            self.scan(now, dir);
        }
        !dirs.is_empty()
    }

    /// Looking took `time`.
    pub(crate) fn scans_took(&mut self, now: Duration, time: Duration) {
        self.sources.took(now, time);
    }

    /// Whether a burst is over, as far as one can tell: more of it may be on its way.
    pub(crate) fn ends_burst(&mut self, now: Duration) -> bool {
        !self.paused && self.debouncer.is_burst() && self.debouncer.is_due(now)
    }

    /// Returns once every event that was on its way is in the inbox.
    pub(crate) fn barrier(&mut self) {
        self.sources.barrier();
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// A tool is about to write `path` itself.
    pub(crate) fn expect(&mut self, now: Duration, path: PathBuf, hash: u64) {
        let until = now.saturating_add(self.settings.debounce.max_wait.saturating_mul(4));
        self.announced.add(now, path, hash, until);
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.sources.warn(warning);
    }

    pub(crate) fn warnings(&mut self) -> Vec<Warning> {
        self.sources.take_warnings()
    }

    pub(crate) fn stats(&self) -> Stats {
        let (dirs, files) = self.table.sizes();
        Stats {
            dirs,
            files,
            polled_dirs: self.sources.polled(),
            pending: self.debouncer.len(),
            batches: self.seq,
            ..self.stats
        }
    }

    pub(crate) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    /// Whether an event about the file at `path` counts.
    fn is_interesting(&self, path: &Path) -> bool {
        let Some(dir) = path.parent() else {
            return false;
        };
        let live = self.table.is_live(dir);
        self.roots.iter().any(|root| {
            (!root.is_dir && path == root.path)
                || (root.is_dir && live && self.matcher.file(&root.path, path, Own::Noted))
        })
    }

    /// Whether to enter the directory at `path`.
    fn is_entered(&self, path: &Path) -> bool {
        let in_flat = || {
            let root = self.roots.of(path);
            root.is_some_and(|root| self.matcher.points.is_flat(&root))
        };
        path.parent().is_some_and(|dir| self.table.is_live(dir))
            && !in_flat()
            && self
                .roots
                .iter()
                .any(|root| root.is_dir && self.matcher.dir(&root.path, path, Own::Noted))
    }

    /// `path` was written, and is probably still open.
    fn wrote(&mut self, now: Duration, path: &Path) {
        if !self.is_interesting(path) {
            return;
        }
        if self.table.get(path).is_none_or(|known| known.hash == 0) {
            self.written.insert(path.to_owned());
        }
        self.debouncer.open(now, path);
    }

    /// `path` is new, or newly named if there is a `cookie`.
    fn appeared(&mut self, now: Duration, path: &Path, cookie: u64) {
        if self.roots.contains(path) {
            if self.matcher.points.contain(path) {
                self.point_changed(now, path);
            }
            self.root_appeared(now, path);
            return;
        }
        if self.roots.lies_on_the_way(path) {
            self.way_appeared(now, path);
        }
        self.rules_changed(now, path);
        let from = self.renames.other_half(cookie);
        let file = self.is_interesting(path);
        let dir = self.is_entered(path);
        match self.files.stat(path, self.settings.follow_links) {
            Ok(stat) if stat.kind == Kind::Dir => {
                if let Some(from) = from {
                    self.pair_dirs(&from, path, dir);
                }
                if dir {
                    self.adopt_found(now, path);
                }
                if self.matcher.points.contain(path) {
                    self.point_changed(now, path);
                }
                self.cover_below(now, path);
            }
            stat => {
                if let Some(from) = from {
                    if stat.is_err() {
                        // Gone again, and it may have been a directory.
                        self.pair_dirs(&from, path, false);
                    }
                    self.pair(&from, path, file);
                }
                if self.is_link(path) {
                    self.link_file(path);
                }
                if !file {
                    return;
                }
                let is_link = stat.is_ok_and(|stat| stat.kind == Kind::Link);
                if cookie != 0 || is_link || self.settings.follow_links {
                    self.debouncer.complete(now, path);
                } else {
                    // Whoever made it is about to write it.
                    self.debouncer.open(now, path);
                }
            }
        }
    }

    /// `path` is gone, or newly named.
    fn vanished(&mut self, now: Duration, path: &Path) {
        if self.roots.lies_on_the_way(path) {
            self.way_vanished(now, path);
        }
        self.rules_changed(now, path);
        if self.dir_missing(now, path) {
            // The event may be about one that was there before the present one.
            let follow = self.settings.follow_links;
            let kind = self.files.stat(path, follow).map(|stat| stat.kind);
            if matches!(kind, Ok(Kind::Dir)) && self.is_entered(path) {
                self.adopt(now, path, false);
            }
        }
        if self.table.get(path).is_some() {
            self.gone(now, path);
        } else if self.matcher.points.contain(path) {
            self.point_changed(now, path);
        } else if self.debouncer.waits(path) && self.look(path, false).is_gone() {
            // The consumer has never seen it, and there is nothing to see. (The event alone does not
            // say so: it may be about a directory that had this name before.)
            self.debouncer.remove(path);
            self.written.remove(path);
        }
    }
}
