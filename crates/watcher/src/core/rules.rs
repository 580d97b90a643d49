//! Ignore files that change while the watcher runs.
//!
//! They are in three places: in a watched directory, above the roots, and in the `.git/info` of a
//! repository, which is watched for nothing else.

use super::Core;
use crate::matcher::Own;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Core {
    /// Reads the rules above `root` and keeps an eye on them.
    pub(super) fn read_rules_above(&mut self, root: &Path) {
        let above = self.matcher.ruling_above(&*self.files, root);
        for dir in above {
            let rules = self.matcher.read_rules(&*self.files, dir);
            self.matcher.set_rules(dir, rules);
            let place = self.place_of(dir);
            self.links.set_place(dir, place.as_deref());
            self.ruling.insert(dir.to_owned());
            self.watch_own_rules(dir);
        }
    }

    /// As above for a root that has come back, perhaps in another repository than before.
    pub(super) fn read_rules_above_again(&mut self, root: &Path) {
        let above = |dir: &&PathBuf| root.starts_with(dir) && !self.table.is_live(dir);
        let stale: Vec<PathBuf> = self.ruling.iter().filter(above).cloned().collect();
        for dir in stale {
            self.ruling.remove(&dir);
            self.matcher.set_rules(&dir, None);
        }
        self.read_rules_above(root);
        self.narrow();
    }

    /// Watches the ignore file that the repository in `dir` keeps to itself, if there is one.
    pub(super) fn watch_own_rules(&mut self, dir: &Path) {
        let Some(own) = self.matcher.rule_dir(&*self.files, dir) else {
            return;
        };
        if !self.rule_dirs.contains(&own) {
            self.sources.watch(&[&own]);
            self.rule_dirs.insert(own);
            self.narrow();
        }
    }

    pub(super) fn watch_rule_dirs(&mut self) {
        let dirs: Vec<PathBuf> = self.rule_dirs.iter().cloned().collect();
        self.sources.watch(&dirs);
    }

    /// If `path` is an ignore file: looks at what it covers again, with its new rules.
    pub(super) fn rules_changed(&mut self, now: Duration, path: &Path) {
        if let Some(dir) = self.matcher.ruled_by(path) {
            self.read_rules_again(now, dir);
        }
    }

    /// Reads the ignore files above the roots that `dir`, which is polled, is watched for. (Those in a live
    /// directory are read whenever it is listed.)
    pub(super) fn look_at_rules_in(&mut self, now: Duration, dir: &Path) {
        if self.ruling.contains(dir) && !self.table.is_live(dir) {
            self.read_rules_again(now, dir);
        }
        let own = self.rule_dirs.contains(dir).then(|| dir.ancestors().nth(2));
        if let Some(top) = own.flatten() {
            self.read_rules_again(now, top);
        }
    }

    /// Reads all rules above the roots again, since nobody may have said that they changed.
    pub(super) fn read_all_rules_above(&mut self, now: Duration) {
        for dir in self.ruling.clone() {
            self.read_rules_again(now, &dir);
        }
    }

    /// If the rules of `dir` are others now, looks at what they cover.
    fn read_rules_again(&mut self, now: Duration, dir: &Path) {
        let covered = if self.table.is_live(dir) {
            vec![dir.to_owned()]
        } else if self.ruling.contains(dir) {
            let mut roots = self.roots.paths();
            roots.retain(|root| root.starts_with(dir) && self.table.is_live(root));
            roots
        } else {
            return;
        };
        let rules = self.matcher.read_rules(&*self.files, dir);
        if !self.matcher.set_rules(dir, rules) {
            return;
        }
        for dir in covered {
            if let Some(root) = self.roots.of(&dir) {
                self.forget_ignored(now, &root, &dir);
                self.adopt(now, &dir, false);
            }
        }
    }

    /// Forgets what the filter leaves out now, without a word: it still exists. What was asked for by
    /// itself passes always.
    pub(super) fn forget_ignored(&mut self, now: Duration, root: &Path, dir: &Path) {
        self.promote_inner(now);
        let (roots, matcher) = (&self.roots, &self.matcher);
        let is_ours = |path: &Path| roots.of(path).as_deref() == Some(root);
        for dir in self.table.dirs_at(dir) {
            if dir != *root
                && is_ours(&dir)
                && self.table.contains_dir(&dir)
                && !matcher.dir(root, &dir, Own::Noted)
            {
                let mut below = self.table.dirs_at(&dir);
                below.retain(|dir| is_ours(dir));
                for dir in below.iter().rev() {
                    self.table.forget_dir(dir);
                }
                below.retain(|dir| !roots.is_guard(dir));
                self.sources.unwatch(&below);
                self.debouncer
                    .forget(|path| path.starts_with(&dir) && is_ours(path));
            }
        }
        for file in self.table.files_below(dir) {
            if is_ours(&file) && !matcher.file(root, &file, Own::Noted) {
                self.table.remove(&file);
                self.debouncer.forget(|path| path == file);
            }
        }
        // What is new and was not shown yet.
        self.debouncer.forget(|path| {
            path.starts_with(dir)
                && is_ours(path)
                && self.table.get(path).is_none()
                && !matcher.file(root, path, Own::Noted)
        });
    }
}
