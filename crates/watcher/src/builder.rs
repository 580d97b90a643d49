//! The settings of a watcher, and how it is put together from them.

use crate::backend::notify::Native;
use crate::backend::{Backend as Source, WatchError};
use crate::clock::{Clock, SystemClock};
use crate::core::{Core, Settings};
use crate::debounce::Debounce;
use crate::error::{Error, ErrorKind};
use crate::files::{Disk, Files};
use crate::filter::Filter;
use crate::inbox::{Inbox, Sink};
use crate::matcher::Matcher;
use crate::mounts::Mounts;
use crate::stats::Warning;
use crate::watch::{Content, Inner, Watcher, absolute};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Overrides [`Choice::Auto`]: `native` or `poll`.
pub const BACKEND_VARIABLE: &str = "HMR_WATCHER_BACKEND";

/// How often to look where there are no events, unless said otherwise.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Choice {
    /// The operating system; polling on mounts that have no events. The environment variable
    /// [`BACKEND_VARIABLE`] overrides it.
    #[default]
    Auto,
    /// The operating system, on whatever mount.
    Native,
    /// Looking at every file at this interval.
    Poll(Duration),
}

/// Settings of a [`Watcher`] to be built.
#[must_use]
pub struct Builder {
    paths: Vec<PathBuf>,
    filter: Filter,
    settings: Settings,
    wait_for_root: bool,
    choice: Choice,
    poll_interval: Duration,
    mounts: Option<Mounts>,
    clock: Arc<dyn Clock>,
    files: Arc<dyn Files>,
    custom: Option<Box<dyn Source>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            filter: Filter::new(),
            settings: Settings {
                content: Content::default(),
                debounce: Debounce::default(),
                attributes: false,
                pair_renames: true,
                collapse_dirs: false,
                follow_links: false,
            },
            wait_for_root: false,
            choice: Choice::Auto,
            poll_interval: POLL_INTERVAL,
            mounts: None,
            clock: Arc::new(SystemClock::default()),
            files: Arc::new(Disk),
            custom: None,
        }
    }
}

impl Builder {
    /// Watches a file, or a directory and everything below it; repeatable.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Which files are of interest. Default: all, except below
    /// [`DEFAULT_IGNORED_DIRS`](crate::DEFAULT_IGNORED_DIRS).
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// How long changes are collected before they are shown.
    pub fn debounce(mut self, debounce: Debounce) -> Self {
        self.settings.debounce = debounce;
        self
    }

    /// Whether files are compared by content. Default: up to 1 MiB.
    pub fn content(mut self, content: Content) -> Self {
        self.settings.content = content;
        self
    }

    /// Accepts paths that do not exist yet, and waits for them. Default: they are an error.
    pub fn wait_for_root(mut self, wait: bool) -> Self {
        self.wait_for_root = wait;
        self
    }

    /// Also reports changes of times and permissions alone, as
    /// [`Change::Metadata`](crate::Change::Metadata). Default: no.
    pub fn attributes(mut self, on: bool) -> Self {
        self.settings.attributes = on;
        self
    }

    /// Whether a rename is one change, or a removal and an addition in the same batch. Default:
    /// one.
    pub fn pair_renames(mut self, pair: bool) -> Self {
        self.settings.pair_renames = pair;
        self
    }

    /// Reports a directory that is gone as one removal, instead of one for each file that was
    /// known in it. Default: no.
    pub fn collapse_dirs(mut self, collapse: bool) -> Self {
        self.settings.collapse_dirs = collapse;
        self
    }

    /// Looks through symbolic links below the roots. Default: a link is a file of its own, that
    /// changes when it is made to lead elsewhere. A root may always be a link, and behind any number of
    /// them.
    pub fn follow_links(mut self, follow: bool) -> Self {
        self.settings.follow_links = follow;
        self
    }

    /// Where events come from. Default: [`Choice::Auto`].
    pub fn backend(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// How often to look where there are no events, with [`Choice::Auto`]. Default: 500 ms.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Takes events from `backend`, in place of the operating system.
    pub fn custom_backend(mut self, backend: impl Source + 'static) -> Self {
        self.custom = Some(Box::new(backend));
        self
    }

    /// Decides by these mounts where to poll. Default: those of this machine.
    pub fn mounts(mut self, mounts: Mounts) -> Self {
        self.mounts = Some(mounts);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Looks at `files`, in place of the disk.
    pub fn files(mut self, files: impl Files + 'static) -> Self {
        self.files = Arc::new(files);
        self
    }

    fn choose(&mut self) -> Choice {
        if self.choice != Choice::Auto {
            return self.choice;
        }
        match std::env::var(BACKEND_VARIABLE).as_deref() {
            Ok("poll") => Choice::Poll(self.poll_interval),
            Ok("native") => Choice::Native,
            _ => Choice::Auto,
        }
    }

    /// Arms the watcher. Every change that happens after this has returned is reported.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NothingToWatch`] without a path, [`ErrorKind::NoSuchPath`] if one does not exist,
    /// [`ErrorKind::BadGlob`] if the filter has one that does not parse or can match nothing,
    /// [`ErrorKind::BadSettings`] if the interval to poll at is zero, [`ErrorKind::Io`] if a path is empty,
    /// contains a zero byte, or is relative to a directory that is gone.
    pub fn build(mut self) -> Result<Watcher, Error> {
        if self.paths.is_empty() {
            return Err(ErrorKind::NothingToWatch.into());
        }
        let matcher = Matcher::new(&self.filter)?;
        let inbox = Inbox::new(Arc::clone(&self.clock));
        let waker = Arc::downgrade(&inbox);
        self.clock.on_advance(Arc::new(move || {
            if let Some(inbox) = waker.upgrade() {
                inbox.wake();
            }
        }));
        let choice = self.choose();
        let custom = self.custom.take();
        let (native, interval): (Option<Box<dyn Source>>, _) = match (custom, choice) {
            (_, Choice::Poll(interval)) => (None, interval),
            (Some(custom), _) => (Some(custom), self.poll_interval),
            (None, _) => (Some(Box::new(Native::default())), self.poll_interval),
        };
        if interval.is_zero() {
            return Err(
                ErrorKind::BadSettings("the interval to poll at must be longer than zero").into(),
            );
        }
        let mounts = match (self.mounts, choice) {
            (_, Choice::Native) => Mounts::default(),
            (Some(mounts), _) => mounts,
            (None, _) => Mounts::of_this_machine(),
        };
        let (native, refused) = start(native, &inbox);
        let clock = self.clock;
        let inner = Inner {
            core: Mutex::new(Core::new(
                self.settings,
                native,
                interval,
                mounts,
                self.files,
                matcher,
                Arc::clone(&inbox),
            )),
            inbox,
            clock,
            wait_for_root: self.wait_for_root,
        };
        let mut core = inner.core();
        if let Some(warning) = refused {
            core.warn(warning);
        }
        for path in &self.paths {
            let path = absolute(path)?;
            core.add_root(inner.clock.now(), &path, self.wait_for_root)?;
        }
        drop(core);
        let inner = Arc::new(inner);
        Ok(Watcher { inner })
    }
}

/// Starts a backend; without one and with a warning if it refuses.
fn start(
    backend: Option<Box<dyn Source>>,
    inbox: &Arc<Inbox>,
) -> (Option<Box<dyn Source>>, Option<Warning>) {
    let Some(mut backend) = backend else {
        return (None, None);
    };
    match backend.start(Sink::new(Arc::clone(inbox))) {
        Ok(()) => (Some(backend), None),
        Err(WatchError::Limit) => {
            let why = "fs.inotify.max_user_instances or the number of open files is reached";
            (None, Some(Warning::NoEvents(why.to_owned())))
        }
        Err(error) => (None, Some(Warning::NoEvents(error.to_string()))),
    }
}
