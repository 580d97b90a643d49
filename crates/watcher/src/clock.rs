//! Time, handed in from outside.
//!
//! Nothing in this crate asks the operating system for the time except [`SystemClock`]. A test hands
//! in a [`FakeClock`], and an hour of edits takes a microsecond.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wakes whoever waits for the time to pass.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A clock that never goes backwards.
pub trait Clock: Send + Sync {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;

    /// How long to sleep at most until the clock shows `deadline`; `None` to sleep until woken.
    fn sleep_until(&self, deadline: Duration) -> Option<Duration>;

    /// Registers what to call when the time was changed by hand. A real clock ignores it.
    fn on_advance(&self, wake: Wake) {
        drop(wake);
    }
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> Option<Duration> {
        Some(deadline.saturating_sub(self.now()))
    }
}

/// A clock that stands still until it is told to go on.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hmr_watcher::{Clock, FakeClock};
///
/// let clock = FakeClock::default();
/// clock.advance(Duration::from_millis(5));
/// assert_eq!(clock.now(), Duration::from_millis(5));
/// ```
#[derive(Clone, Default)]
pub struct FakeClock {
    inner: Arc<Mutex<FakeTime>>,
}

#[derive(Default)]
struct FakeTime {
    now: Duration,
    wakes: Vec<Wake>,
}

impl FakeClock {
    /// Lets `by` pass and wakes everyone who waits.
    pub fn advance(&self, by: Duration) {
        let wakes = {
            let mut time = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            time.now += by;
            time.wakes.clone()
        };
        for wake in wakes {
            wake();
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now
    }

    fn sleep_until(&self, _deadline: Duration) -> Option<Duration> {
        None
    }

    fn on_advance(&self, wake: Wake) {
        let mut time = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        time.wakes.push(wake);
    }
}
