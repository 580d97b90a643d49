//! What the entry has taken from modules for good, and what it will ask for again by itself.
//!
//! A program that does not end runs in the entry's last statement. A value that it read once, while
//! it started, is *captured*: a change of it reaches the entry. What it reads again and again is
//! *live*: the next turn of its loop sees the new value. A read is live if the same path (the chain
//! of code and instruction below the entry) made it before, and makes it again after 250 ms in which no path
//! was new. A path that is gone once is captured, so that every doubt errs towards a restart.
//!
//! Behind a *dispatch boundary* a read is the request's, not the entry's: the loop of
//! `socketserver.serve_forever`, and callbacks and tasks of asyncio other than the main task.
//!
//! When nothing has been new for two seconds, the program has settled; at once, if a server waits for
//! requests, and when it says so (see [`sealing`](super::sealing)).
//!
//! Known to fail: a start-up loop that is slower than 250 ms a turn looks like the program's own
//! loop, and what it reads in its first turns counts as live. What is read for the first time after a
//! loop of two seconds is not seen at all.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::sealing::Seal;

/// As long as no path may be new before a repeated one says something.
const QUIET: Duration = Duration::from_millis(250);

/// As long as nothing may be new before the program counts as settled: a slow start may follow on a
/// fast loop.
const SETTLED: Duration = Duration::from_secs(2);

/// So many walks up the stack are paid for, and so many more for each thing that is read.
const WALKS: u32 = 20_000;
const WALKS_EACH: u32 = 100;

/// What is read, by address: a module and a name, or a code object.
pub(super) type What = (usize, usize);

/// The paths by which something was read, and whether they are live.
pub(super) type Paths = FxHashMap<u64, bool>;

/// Where a read comes from, as the stack shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The entry, by the path with this hash.
    Entry(u64),
    /// A task or callback of an event loop.
    Task,
    /// A server that accepts requests: the entry does nothing else.
    Server,
}

/// What the entry's run has read until the program settled down.
pub(super) struct Startup {
    seal: Seal,
    sites: FxHashMap<What, Site>,
    /// When a path was new, or first found to be live, for the last time.
    last_news: Instant,
    last_path: Instant,
    /// How many reads have been looked at.
    walks: u32,
}

/// One name or code object that was read.
struct Site {
    /// The name or the code: kept, so that its address stays its own.
    object: Py<PyAny>,
    paths: Paths,
    /// How many reads of it have been looked at.
    walks: u32,
}

impl Startup {
    pub(super) fn new(seal: Seal, now: Instant) -> Self {
        Self {
            seal,
            sites: FxHashMap::default(),
            last_news: now,
            last_path: now,
            walks: 0,
        }
    }

    /// Whether the entry has read `what` before.
    pub(super) fn has(&self, what: What) -> bool {
        self.sites.contains_key(&what)
    }

    /// How many reads of `what` need no walk up the stack from now on: one more after each that had one,
    /// so that `n` reads come to walks in the order of the root of `n`. Paths that take turns are all met.
    pub(super) fn skips(&self, what: What) -> u32 {
        if self.walks < WALKS {
            return 0;
        }
        let site = self.sites.get(&what);
        site.map_or(0, |site| site.walks.saturating_sub(WALKS_EACH))
    }

    /// Notes that `what` is read by a path of the entry. `true`: the program has settled down.
    pub(super) fn read(
        &mut self,
        what: What,
        object: &Bound<'_, PyAny>,
        path: u64,
        now: Instant,
    ) -> bool {
        let site = self.sites.entry(what).or_insert_with(|| Site {
            object: object.clone().unbind(),
            paths: Paths::default(),
            walks: 0,
        });
        self.walks = self.walks.saturating_add(1);
        site.walks = site.walks.saturating_add(1);
        let Some(is_live) = site.paths.get_mut(&path) else {
            site.paths.insert(path, false);
            (self.last_path, self.last_news) = (now, now);
            return false;
        };
        if *is_live {
            // A whole turn of the loop has brought nothing that was not live.
            return self.has_settled(now);
        }
        if self.seal != Seal::Serve && now.duration_since(self.last_path) >= QUIET {
            *is_live = true;
            self.last_news = now;
        }
        false
    }

    /// Notes a read behind a dispatch boundary. `true`: the program has settled down.
    pub(super) fn dispatched(&self, from: From, now: Instant) -> bool {
        match from {
            From::Server => self.seal != Seal::Never,
            From::Task => self.has_settled(now),
            From::Entry(_) => false,
        }
    }

    fn has_settled(&self, now: Instant) -> bool {
        self.seal == Seal::Auto && now.duration_since(self.last_news) >= SETTLED
    }

    /// What was read so far was taken for good.
    pub(super) fn take_all(&mut self) {
        let paths = self.sites.values_mut().flat_map(|it| it.paths.values_mut());
        paths.for_each(|is_live| *is_live = false);
    }

    /// Everything that was read, and by which paths.
    pub(super) fn sites<'py>(
        &self,
        py: Python<'py>,
    ) -> impl Iterator<Item = (What, Bound<'py, PyAny>, Paths)> {
        let sites = self.sites.iter();
        sites.map(move |(&what, site)| (what, site.object.bind(py).clone(), site.paths.clone()))
    }
}
