//! The watcher without threads: events in, batches out.
//!
//! It owns the recursion (which directories are watched), the file table (what the consumer knows)
//! and the debouncer (what is waiting). Two rules keep it from losing a change. A directory is watched
//! first and listed afterwards, so that whatever happens in between is in the listing, in the events,
//! or in both; and a batch is made by looking at the files, so that seeing a change twice is harmless.

mod flush;
mod roots;
mod walk;

use crate::backend::{Backend, Raw};
use crate::change::Batch;
use crate::debounce::{Debounce, Debouncer};
use crate::files::{Files, Kind};
use crate::filter::Matcher;
use crate::table::Table;
use crate::watch::Content;
use roots::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait after a loss of events before looking at everything; grows while it recurs.
const RESCAN_FIRST: Duration = Duration::from_millis(20);
const RESCAN_MOST: Duration = Duration::from_secs(10);

pub(crate) struct Core {
    backend: Box<dyn Backend>,
    files: Arc<dyn Files>,
    matcher: Matcher,
    content: Content,
    debouncer: Debouncer,
    table: Table,
    roots: Vec<Root>,
    /// The parents of the roots, watched for the names of the roots only.
    guards: BTreeSet<PathBuf>,
    /// New name to the name that the consumer knows, for renames that were seen as such.
    origins: BTreeMap<PathBuf, PathBuf>,
    /// The old halves of renames whose new half has not come yet.
    halves: BTreeMap<u64, PathBuf>,
    rescan_at: Option<Duration>,
    rescan_wait: Duration,
    last_rescan: Option<Duration>,
    rescanned: bool,
    retry_roots_at: Option<Duration>,
    seq: u64,
}

impl Core {
    pub(crate) fn new(
        backend: Box<dyn Backend>,
        files: Arc<dyn Files>,
        matcher: Matcher,
        content: Content,
        debounce: Debounce,
    ) -> Self {
        Self {
            backend,
            files,
            matcher,
            content,
            debouncer: Debouncer::new(debounce),
            table: Table::default(),
            roots: Vec::new(),
            guards: BTreeSet::new(),
            origins: BTreeMap::new(),
            halves: BTreeMap::new(),
            rescan_at: None,
            rescan_wait: RESCAN_FIRST,
            last_rescan: None,
            rescanned: false,
            retry_roots_at: None,
            seq: 0,
        }
    }

    /// Takes in one event that was sent at `now`.
    pub(crate) fn step(&mut self, now: Duration, raw: Raw) {
        match raw {
            Raw::Dirty(path) => {
                if self.is_interesting(&path) {
                    self.debouncer.open(now, &path);
                }
            }
            Raw::Closed(path) => {
                if self.is_interesting(&path) {
                    self.debouncer.complete(now, &path);
                }
            }
            Raw::Created(path) => self.appeared(now, &path, None),
            Raw::MovedTo { path, cookie } => self.appeared(now, &path, Some(cookie)),
            Raw::Removed(path) => self.vanished(now, &path),
            Raw::MovedFrom { path, cookie } => {
                self.vanished(now, &path);
                if cookie != 0 {
                    self.halves.insert(cookie, path);
                }
            }
            Raw::Scan(dir) => self.scan(now, &dir),
            Raw::Overflow => self.lost_events(now),
            Raw::Error(_) => {}
        }
    }

    /// The next batch, if one is due.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<Batch> {
        if self.retry_roots_at.is_some_and(|at| at <= now) {
            self.retry_roots(now);
        }
        if self.rescan_at.is_some_and(|at| at <= now) {
            self.rescan(now);
        }
        let due = self.debouncer.poll(now)?;
        let batch = self.flush(&due.paths, due.settled);
        if self.debouncer.is_empty() {
            self.halves.clear();
            self.origins.clear();
        }
        batch
    }

    /// When [`poll`](Self::poll) is worth calling next.
    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let deadlines = [
            self.debouncer.deadline(now),
            self.rescan_at,
            self.retry_roots_at,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether an event about the file at `path` counts.
    fn is_interesting(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| {
            if path == root.path {
                return !root.is_dir;
            }
            root.is_dir
                && path
                    .strip_prefix(&root.path)
                    .is_ok_and(|relative| self.matcher.file(relative))
                && path.parent().is_some_and(|dir| self.table.is_live(dir))
                && !self.table.is_live(path)
        })
    }

    /// Whether to enter the directory at `path`, if its parent is entered.
    fn is_entered(&self, path: &Path) -> bool {
        let Some(name) = path.file_name() else {
            return false;
        };
        self.roots.iter().any(|root| {
            root.is_dir
                && path
                    .strip_prefix(&root.path)
                    .is_ok_and(|relative| self.matcher.dir(relative, name))
                && path.parent().is_some_and(|dir| self.table.is_live(dir))
        })
    }

    /// `path` is new, or newly named.
    fn appeared(&mut self, now: Duration, path: &Path, cookie: Option<u64>) {
        if self.roots.iter().any(|root| root.path == path) {
            self.root_appeared(now, path);
            return;
        }
        let from = cookie.and_then(|cookie| self.halves.remove(&cookie));
        let file = self.is_interesting(path);
        let dir = self.is_entered(path);
        if !file && !dir {
            return;
        }
        match self.files.stat(path, false).map(|stat| stat.kind) {
            Ok(Kind::Dir) if dir => {
                if let Some(from) = from {
                    self.pair_dirs(&from, path);
                }
                self.adopt(now, path, false);
            }
            Ok(Kind::Dir) => {}
            _ if !file => {}
            _ if cookie.is_some() => {
                if let Some(from) = from {
                    self.pair(&from, path);
                }
                self.debouncer.complete(now, path);
            }
            _ => self.debouncer.open(now, path),
        }
    }

    /// `path` is gone, or newly named.
    fn vanished(&mut self, now: Duration, path: &Path) {
        if self.roots.iter().any(|root| root.path == path) {
            self.root_vanished(now, path);
            return;
        }
        if self.table.dir(path).is_some() {
            self.drop_dir(now, path);
        }
        if self.table.get(path).is_some() {
            self.debouncer.gone(now, path);
        }
    }

    /// The file that was `from` is `to` now.
    fn pair(&mut self, from: &Path, to: &Path) {
        let first = self.origins.remove(from).unwrap_or_else(|| from.to_owned());
        self.debouncer.release(&first);
        self.origins.insert(to.to_owned(), first);
    }

    /// Pairs every known file below `from` with its name below `to`.
    fn pair_dirs(&mut self, from: &Path, to: &Path) {
        let moved: Vec<_> = self
            .origins
            .range::<Path, _>((Bound::Included(from), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(from))
            .map(|(path, _)| path.clone())
            .collect();
        for old in self.table.files_below(from).into_iter().chain(moved) {
            if let Ok(rest) = old.strip_prefix(from) {
                self.pair(&old, &to.join(rest));
            }
        }
    }
}
