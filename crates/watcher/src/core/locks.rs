//! Waiting for a version control system that is at work.
//!
//! `git checkout` holds a lock while it rewrites the tree, and what is there meanwhile is neither the
//! one state nor the other. So a batch that is due waits while the lock is there, as long as changes
//! keep coming. A lock that was left behind, or is held while a person writes a message, must not slow
//! down every save: once changes have stopped for `max_wait`, that lock is not waited for any more.

use super::Core;
use crate::files::Stat;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to see whether the lock is gone.
const LOOK: Duration = Duration::from_millis(5);

/// A lock is waited for this many times `max_wait`, even if changes keep coming.
const PATIENCE: u32 = 20;

#[derive(Debug, Default)]
pub(super) struct Locks {
    paths: Vec<PathBuf>,
    /// Since when a batch waits for a lock, and when to look again.
    since: Option<Duration>,
    look_at: Option<Duration>,
    /// The lock that is not waited for any more, by inode and time.
    given_up: Option<(u64, i64)>,
}

impl Locks {
    /// When to look again; `None` while nothing waits for a lock.
    pub(super) fn look_at(&self) -> Option<Duration> {
        self.look_at
    }
}

impl Core {
    /// Finds out where the repository of `root` keeps its lock.
    pub(super) fn find_lock(&mut self, root: &Path) {
        let lock = root.ancestors().find_map(|dir| {
            let (git, hg) = (dir.join(".git"), dir.join(".hg"));
            if self.files.stat(&git, true).is_ok() {
                return Some(self.git_dir(dir, git).join("index.lock"));
            }
            let is_hg = self.files.stat(&hg, true).is_ok();
            is_hg.then(|| hg.join("wlock"))
        });
        if let Some(lock) = lock
            && !self.locks.paths.contains(&lock)
        {
            self.locks.paths.push(lock);
        }
    }

    /// In a linked worktree, `.git` is a file that says where the directory is.
    fn git_dir(&self, top: &Path, git: PathBuf) -> PathBuf {
        let text = self.files.read(&git).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let place = text.trim_end().strip_prefix("gitdir: ");
        place.map_or(git, |place| top.join(place))
    }

    /// Whether a batch that is due must wait for a lock.
    pub(super) fn waits_for_lock(&mut self, now: Duration) -> bool {
        let mut paths = self.locks.paths.iter();
        let lock = paths.find_map(|path| self.files.stat(path, false).ok());
        let lock = lock.as_ref().map(id);
        if lock.is_none() || lock == self.locks.given_up {
            self.locks.since = None;
            self.locks.look_at = None;
            return false;
        }
        let max_wait = self.settings.debounce.max_wait;
        let since = *self.locks.since.get_or_insert(now);
        let stopped = now.saturating_sub(self.debouncer.latest()) >= max_wait;
        if stopped || now.saturating_sub(since) >= max_wait.saturating_mul(PATIENCE) {
            self.locks.given_up = lock;
            self.locks.since = None;
            self.locks.look_at = None;
            return false;
        }
        self.locks.look_at = Some(now + LOOK);
        self.debouncer.restart_wait(now);
        true
    }
}

fn id(stat: &Stat) -> (u64, i64) {
    (stat.ino, stat.mtime)
}
