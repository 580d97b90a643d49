//! The recursion: which directories are watched, and what is in them.

use super::Core;
use crate::backend::WatchError;
use crate::files::Kind;
use crate::table::Known;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Core {
    /// Watches and lists `dir` and everything below it.
    ///
    /// At the start (`first`) what is found is what the consumer knows. Later it is compared with
    /// the table, and what differs waits for the next batch.
    pub(super) fn adopt(&mut self, now: Duration, dir: &Path, first: bool) {
        let mut level = vec![dir.to_owned()];
        while !level.is_empty() {
            let dirs: Vec<&Path> = level.iter().map(PathBuf::as_path).collect();
            let answers = self.backend.watch_dirs(&dirs);
            let mut next = Vec::new();
            for (dir, answer) in level.iter().zip(answers) {
                match answer {
                    Ok(()) | Err(WatchError::Limit) => {
                        self.table.set_live(dir, true);
                        next.extend(self.list(now, dir, first));
                    }
                    Err(WatchError::Gone) => self.drop_dir(now, dir),
                    Err(WatchError::Denied | WatchError::Other(_)) => {}
                }
            }
            level = next;
        }
    }

    /// Lists one live directory; the directories to enter next.
    fn list(&mut self, now: Duration, dir: &Path, first: bool) -> Vec<PathBuf> {
        let Some(root) = self.root_of(dir) else {
            return Vec::new();
        };
        let relative = dir.strip_prefix(&root).unwrap_or(Path::new("")).to_owned();
        let matcher = &self.matcher;
        let mut want = |name: &OsStr, kind: Kind| {
            matches!(kind, Kind::File | Kind::Link) && matcher.file(&relative.join(name))
        };
        let Ok(mut entries) = self.files.list(dir, &mut want) else {
            self.drop_dir(now, dir);
            return Vec::new();
        };
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mut dirs = Vec::new();
        let mut files = Vec::new();
        for entry in entries {
            if entry.kind == Kind::Dir && matcher.dir(&relative.join(&entry.name), &entry.name) {
                dirs.push(dir.join(&entry.name));
            }
            if let Some(stat) = entry.stat {
                files.push((entry.name.into_boxed_os_str(), Known::new(&stat)));
            }
        }
        if first {
            self.table.fill(dir, files);
        } else {
            self.compare(now, dir, &files);
            self.drop_missing_dirs(now, dir, &dirs);
        }
        dirs
    }

    /// Looks at the files of one directory again.
    pub(super) fn scan(&mut self, now: Duration, dir: &Path) {
        if !self.table.is_live(dir) {
            return;
        }
        for found in self.list(now, dir, false) {
            if !self.table.is_live(&found) {
                self.adopt(now, &found, false);
            }
        }
    }

    fn compare(&mut self, now: Duration, dir: &Path, files: &[(Box<OsStr>, Known)]) {
        for (name, found) in files {
            let path = dir.join(&**name);
            if !self
                .table
                .get(&path)
                .is_some_and(|known| known.same(found) && known.ctime == found.ctime)
            {
                self.debouncer.complete(now, &path);
            }
        }
        let missing: Vec<_> = self
            .table
            .names_in(dir)
            .filter(|name| {
                files
                    .binary_search_by(|(found, _)| (**found).cmp(name))
                    .is_err()
            })
            .map(|name| dir.join(name))
            .collect();
        for path in missing {
            self.debouncer.gone(now, &path);
        }
    }

    /// Drops the directories directly in `dir` that are not in `found`.
    fn drop_missing_dirs(&mut self, now: Duration, dir: &Path, found: &[PathBuf]) {
        for known in self.table.dirs_at(dir) {
            let is_child = known.parent() == Some(dir);
            if is_child && !found.contains(&known) && self.table.is_live(&known) {
                self.drop_dir(now, &known);
            }
        }
    }

    /// `dir` is gone, with everything below it.
    pub(super) fn drop_dir(&mut self, now: Duration, dir: &Path) {
        let dirs = self.table.dirs_at(dir);
        let dirs: Vec<&Path> = dirs.iter().map(PathBuf::as_path).collect();
        // A directory that was renamed is still watched under its old name.
        self.backend.unwatch_dirs(&dirs);
        for dir in &dirs {
            self.table.set_live(dir, false);
        }
        for file in self.table.files_below(dir) {
            self.debouncer.gone(now, &file);
        }
        self.table.prune(dir);
    }

    /// Events were lost: plans to look at everything.
    pub(super) fn lost_events(&mut self, now: Duration) {
        if self.rescan_at.is_some() {
            return;
        }
        let recent = self
            .last_rescan
            .is_some_and(|last| now.saturating_sub(last) < super::RESCAN_MOST);
        self.rescan_wait = if recent {
            (self.rescan_wait * 2).min(super::RESCAN_MOST)
        } else {
            super::RESCAN_FIRST
        };
        self.rescan_at = Some(now + self.rescan_wait);
    }

    /// Looks at everything again, with new watches.
    pub(super) fn rescan(&mut self, now: Duration) {
        self.rescan_at = None;
        self.last_rescan = Some(now);
        self.rescanned = true;
        // The old watches may belong to directories that were replaced unseen.
        let _ = self.backend.reset();
        let guards: Vec<&Path> = self.guards.iter().map(PathBuf::as_path).collect();
        self.backend.watch_dirs(&guards);
        for root in self.root_paths() {
            self.attach(now, &root, false);
        }
    }
}
