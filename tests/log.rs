//! Everything that was written and done in one test, in one order.
//!
//! The order holds what the tests rely on: a line on stdout that was written before a line on
//! stderr stands before it (see `pump`). A line that is still incomplete is not shown until its
//! newline or the end of the stream.

use std::env;
use std::fmt::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where a [`Line`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The program's own output.
    Stdout,
    /// What `hmr` says, and tracebacks.
    Stderr,
    /// What the test did: a save, a deletion, a signal.
    Test,
}

/// One line of a test's log.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was read, from the start of the process on.
    pub at: Duration,
    /// Where it comes from.
    pub source: Source,
    /// Its text, without the line end.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Stdout => "stdout",
            Source::Stderr => "stderr",
            Source::Test => "  test",
        };
        let at = self.at.as_secs_f64();
        write!(formatter, "{at:8.3}  {source}  {}", self.text)
    }
}

/// How long a test waits for an event before it fails: `HMR_TEST_LIMIT_S`, or ten seconds.
pub fn limit() -> Duration {
    env::var("HMR_TEST_LIMIT_S")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .map_or(Duration::from_secs(10), Duration::from_secs_f64)
}

/// The log that the reader thread fills and the test waits on.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    ended: bool,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn push(&self, source: Source, text: impl Into<String>) {
        let line = Line {
            at: self.began.elapsed(),
            source,
            text: text.into(),
        };
        self.lock().lines.push(line);
        self.changed.notify_all();
    }

    /// Says that both streams have ended: nothing more will come.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    pub(crate) fn since(&self, from: usize) -> Vec<Line> {
        self.lock().lines[from..].to_vec()
    }

    /// Waits for the first line from index `from` on that `wanted` accepts, and returns its index
    /// with what `wanted` made of it.
    ///
    /// Fails the test with the whole log when the line does not come in time or the streams end.
    #[track_caller]
    pub(crate) fn wait<T>(
        &self,
        from: usize,
        what: &str,
        mut wanted: impl FnMut(&Line) -> Option<T>,
    ) -> (usize, T) {
        let deadline = Instant::now() + limit();
        let mut next = from;
        let mut state = self.lock();
        let why = loop {
            while next < state.lines.len() {
                if let Some(found) = wanted(&state.lines[next]) {
                    return (next, found);
                }
                next += 1;
            }
            if state.ended {
                break "the process ended";
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break "nothing of the kind came in time";
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        drop(state);
        panic!("waited for {what}, but {why}; seen:\n{}", self.dump());
    }

    /// Waits until both streams have ended, and says whether they did.
    pub(crate) fn wait_end(&self) -> bool {
        let deadline = Instant::now() + limit();
        let mut state = self.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// The whole log as text, a line each.
    pub(crate) fn dump(&self) -> String {
        let mut text = String::new();
        for line in &self.lock().lines {
            writeln!(text, "{line}").expect("writing to a string cannot fail");
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
