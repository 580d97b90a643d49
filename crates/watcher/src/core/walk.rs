//! The recursion: which directories are watched, and what is in them.
//!
//! Level by level: all directories of a level are watched, then listed, so that a deep tree costs one
//! round trip to the backend per level and not per directory. A large level is listed by a second
//! thread while the watches are still being installed, a part at a time, each part after its watches.

use super::Core;
use super::look::is_gone;
use crate::backend::WatchError;
use crate::files::{Files, Kind, Stat};
use crate::matcher::{Matcher, Own, Rules};
use crate::table::Known;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A level of more directories than this is listed by a second thread, in parts of this size.
const PART: usize = 256;

/// What is in a directory, as far as it is of interest.
#[derive(Default)]
struct Listing {
    // Sorted by name. In the form that the table keeps, since a large tree has many of them.
    files: Vec<(Name, Known)>,
    dirs: Vec<PathBuf>,
    links: Vec<(PathBuf, Stat)>,
    rules: Option<Rules>,
    /// Whether it is the top of a git repository.
    is_repository: bool,
}

type Name = Box<OsStr>;
type Answers = Vec<(Result<(), WatchError>, Option<io::Result<Listing>>)>;

fn list(files: &dyn Files, matcher: &Matcher, root: &Path, dir: &Path) -> io::Result<Listing> {
    let rules = matcher.read_rules(files, dir);
    let mut want = |name: &OsStr, kind: Kind| match kind {
        Kind::File => matcher.file(root, &dir.join(name), Own::Read(rules.as_ref())),
        // What it leads to may be either.
        Kind::Link => true,
        Kind::Dir | Kind::Other => false,
    };
    let mut listing = Listing::default();
    for entry in files.list(dir, &mut want)? {
        match (entry.kind, entry.stat) {
            (Kind::Dir, _) => {
                listing.is_repository |= entry.name == ".git";
                let path = dir.join(&entry.name);
                if matcher.dir(root, &path, Own::Read(rules.as_ref())) {
                    listing.dirs.push(path);
                }
            }
            (Kind::Link, Some(stat)) => listing.links.push((dir.join(&entry.name), stat)),
            (_, Some(stat)) => {
                let name = entry.name.into_boxed_os_str();
                listing.files.push((name, Known::new(&stat)));
            }
            (_, None) => {}
        }
    }
    listing.files.shrink_to_fit();
    listing.files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    listing.dirs.sort_unstable();
    listing.links.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    listing.rules = rules;
    Ok(listing)
}

impl Core {
    /// Watches and lists `dir`, a new directory, unless that has been done.
    pub(super) fn adopt_found(&mut self, now: Duration, dir: &Path) {
        if self.is_link(dir) && !self.link_dir(dir) {
            return;
        }
        self.adopt(now, dir, false);
    }

    /// Watches and lists `dir` and everything below it.
    ///
    /// At the start (`first`) what is found is what the consumer knows. Later it is compared with
    /// the table, and what differs waits for the next batch.
    pub(super) fn adopt(&mut self, now: Duration, dir: &Path, first: bool) {
        let mut level = vec![dir.to_owned()];
        while !level.is_empty() && !self.inbox.is_stopped() {
            let Some(root) = self.roots.of(dir) else {
                return;
            };
            let answers = if level.len() > PART {
                self.watch_and_list_apart(&root, &level)
            } else {
                self.watch_and_list(&root, &level)
            };
            let mut next = Vec::new();
            for (dir, (answer, listing)) in level.iter().zip(answers) {
                match (answer, listing) {
                    (Ok(()), Some(listing)) => {
                        let known = self.table.is_live(dir);
                        self.table.set_live(dir, true);
                        next.extend(self.apply(now, dir, listing, first && !known));
                    }
                    (Ok(()), None) => {}
                    (Err(WatchError::Gone), _) => self.drop_dir(now, dir),
                    (Err(error), _) => self.cannot_watch(now, dir, &error),
                }
            }
            level = next;
        }
    }

    fn watch_and_list(&mut self, root: &Path, level: &[PathBuf]) -> Answers {
        let answers = self.sources.watch(level).into_iter();
        let (files, matcher) = (&*self.files, &self.matcher);
        let with_listing = answers.zip(level).map(|(answer, dir)| {
            let listing = answer.is_ok().then(|| list(files, matcher, root, dir));
            (answer, listing)
        });
        with_listing.collect()
    }

    fn watch_and_list_apart(&mut self, root: &Path, level: &[PathBuf]) -> Answers {
        let Self {
            sources,
            files,
            matcher,
            inbox,
            ..
        } = self;
        let (files, matcher) = (&**files, &*matcher);
        thread::scope(|scope| {
            let (sender, parts) = mpsc::channel::<(&[PathBuf], Vec<Result<(), WatchError>>)>();
            let lister = scope.spawn(move || {
                let mut all = Answers::new();
                for (dirs, answers) in parts {
                    for (dir, answer) in dirs.iter().zip(answers) {
                        let listing = answer.is_ok().then(|| list(files, matcher, root, dir));
                        all.push((answer, listing));
                    }
                }
                all
            });
            for part in level.chunks(PART) {
                if inbox.is_stopped() {
                    break;
                }
                let answers = sources.watch(part);
                if sender.send((part, answers)).is_err() {
                    break;
                }
            }
            drop(sender);
            match lister.join() {
                Ok(all) => all,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Looks at one live directory again.
    pub(super) fn scan(&mut self, now: Duration, dir: &Path) {
        if self.roots.is_guard(dir) {
            self.look_at_roots_through(now, dir);
        }
        self.look_at_rules_in(now, dir);
        let Some(root) = self.roots.of(dir).filter(|_| self.table.is_live(dir)) else {
            return;
        };
        let listing = list(&*self.files, &self.matcher, &root, dir);
        for found in self.apply(now, dir, listing, false) {
            if !self.table.is_live(&found) {
                self.adopt(now, &found, false);
            }
        }
    }

    /// Takes in the content of a directory; the directories to enter next.
    fn apply(
        &mut self,
        now: Duration,
        dir: &Path,
        listing: io::Result<Listing>,
        first: bool,
    ) -> Vec<PathBuf> {
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) if is_gone(&error) => {
                self.drop_dir(now, dir);
                return Vec::new();
            }
            Err(error) => {
                self.cannot_list(now, dir, &error);
                return Vec::new();
            }
        };
        let Listing {
            mut files,
            mut dirs,
            links,
            rules,
            is_repository,
        } = listing;
        self.barred.open(dir);
        let ruled_anew = self.matcher.set_rules(dir, rules);
        if ruled_anew
            && !first
            && let Some(root) = self.roots.of(dir)
        {
            // Nobody has said so: a poller does not, nor an overflow.
            self.forget_ignored(now, &root, dir);
        }
        if is_repository {
            self.watch_own_rules(dir);
        }
        for (path, stat) in links {
            if let Some(file) = self.apply_link(path, stat, &mut dirs) {
                let at = files.partition_point(|(name, _)| *name < file.0);
                files.insert(at, file);
            }
        }
        dirs.sort_unstable();
        if first {
            self.table.fill(dir, files);
            self.hashing.queue(dir);
        } else {
            self.compare(now, dir, &files);
            for known in self.table.dirs_in(dir) {
                // A root that is left out here is looked at by itself.
                if dirs.binary_search(&known).is_err() && !self.roots.contains(&known) {
                    self.dir_missing(now, &known);
                }
            }
        }
        dirs
    }

    /// Takes in a symbolic link: as a file of its own, or as what it leads to.
    fn apply_link(
        &mut self,
        path: PathBuf,
        link: Stat,
        dirs: &mut Vec<PathBuf>,
    ) -> Option<(Name, Known)> {
        let root = self.roots.of(&path)?;
        let name: Name = path.file_name()?.into();
        let is_file = self.matcher.file(&root, &path, Own::Noted);
        if !self.settings.follow_links {
            return is_file.then(|| (name, Known::new(&link)));
        }
        let stat = self.files.stat(&path, true).ok()?;
        if stat.kind == Kind::Dir {
            if self.matcher.dir(&root, &path, Own::Noted) && self.link_dir(&path) {
                dirs.push(path);
            }
            return None;
        }
        if !is_file {
            return None;
        }
        self.link_file(&path);
        // Again, since the target is watched only now.
        let stat = self.files.stat(&path, true).unwrap_or(stat);
        let is_reported = stat.kind.is_reported();
        is_reported.then(|| (name, Known::new(&stat)))
    }

    fn compare(&mut self, now: Duration, dir: &Path, files: &[(Name, Known)]) {
        for (name, found) in files {
            let path = dir.join(&**name);
            let same = |known: &Known| known.untouched(found);
            match self.table.get(&path) {
                Some(known) if same(known) => continue,
                Some(_) => {}
                None => self.found(found),
            }
            self.debouncer.complete(now, &path);
        }
        let is_found = |name: &OsStr| {
            files
                .binary_search_by(|(found, _)| (**found).cmp(name))
                .is_ok()
        };
        let missing: Vec<_> = self
            .table
            .files_in(dir)
            .filter(|(name, _)| !is_found(name))
            .map(|(name, _)| dir.join(name))
            .collect();
        for path in missing {
            self.gone(now, &path);
        }
    }

    /// `dir` was not found, or is said to be gone; whether it was live.
    pub(super) fn dir_missing(&mut self, now: Duration, dir: &Path) -> bool {
        if self.table.is_live(dir) {
            self.drop_dir(now, dir);
            return true;
        }
        // That was known, but a file may have been shown since, in a directory that came and went
        // unseen. One that waits is left alone: its new name may have been seen meanwhile.
        for file in self.table.files_below(dir) {
            if !self.debouncer.waits(&file) {
                self.gone(now, &file);
            }
        }
        false
    }

    /// `dir` is gone, with everything below it.
    pub(super) fn drop_dir(&mut self, now: Duration, dir: &Path) {
        let dirs = self.table.dirs_at(dir);
        self.sources.gone(&dirs);
        for dir in &dirs {
            self.table.set_live(dir, false);
        }
        let files = self.table.files_below(dir);
        for file in &files {
            self.gone(now, file);
        }
        if !files.is_empty() && self.settings.collapse_dirs {
            self.dropped.push(dir.to_owned());
        }
        self.table.prune_below(dir);
        self.barred.forget_below(dir);
        self.rule_dirs.retain(|own| !own.starts_with(dir));
        self.lose(now, dir);
    }
}
