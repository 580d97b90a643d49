//! A filter, ready to be asked about paths.
//!
//! The matcher is told about ignore files as the walk finds them, each with its directory, and keeps
//! them by directory. The nearest one that says anything about a path decides, as in git; a directory
//! that is left out is never entered, so that what is below it is never asked about.

use crate::core::PointSet;
use crate::error::Error;
use crate::files::Files;
use crate::filter::Filter;
use crate::globs::{Globs, Use};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustc_hash::FxHashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The names of ignore files; rules of a later one override those of an earlier one.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".ignore"];

/// The ignore file that a repository keeps to itself, and the directory that it is in.
const OWN_FILE: &str = ".git/info/exclude";
const OWN_DIR: &str = ".git/info";

/// What the ignore files in one directory say.
#[derive(Debug)]
pub(crate) struct Rules {
    built: Gitignore,
    text: Vec<u8>,
}

/// Which ignore rules of the directory around a path count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Own<'a> {
    /// Those that were noted.
    Noted,
    /// These, which were read just now; those that were noted may be out of date.
    Read(Option<&'a Rules>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Matcher {
    include: Option<Globs>,
    exclude: Globs,
    ignore_dirs: Vec<OsString>,
    gitignore: bool,
    ignores: FxHashMap<PathBuf, Rules>,
    pub(crate) points: PointSet,
}

impl Matcher {
    /// # Errors
    ///
    /// [`BadGlob`](crate::ErrorKind::BadGlob) if a glob does not parse or can match nothing.
    pub(crate) fn new(filter: &Filter) -> Result<Self, Error> {
        Ok(Self {
            include: (!filter.include.is_empty())
                .then(|| Globs::new(&filter.include, Use::Include))
                .transpose()?,
            exclude: Globs::new(&filter.exclude, Use::Exclude)?,
            ignore_dirs: filter.ignore_dirs.clone(),
            gitignore: filter.gitignore,
            ignores: FxHashMap::default(),
            points: PointSet::default(),
        })
    }

    /// Whether the directory at `path` is entered, if its parent is. `own` are the ignore rules
    /// of the parent.
    pub(crate) fn dir(&self, root: &Path, path: &Path, own: Own<'_>) -> bool {
        let Ok(relative) = path.strip_prefix(root) else {
            return false;
        };
        let named = |name: &OsStr| self.ignore_dirs.iter().any(|ignored| ignored == name);
        !self.points.is_flat(root)
            && !path.file_name().is_some_and(named)
            && !self.exclude.match_either(relative, path)
            && !self.is_ignored(path, true, own)
    }

    /// Whether the file at `path` is of interest, if its directory is entered.
    pub(crate) fn file(&self, root: &Path, path: &Path, own: Own<'_>) -> bool {
        let Ok(relative) = path.strip_prefix(root) else {
            return false;
        };
        if self.points.contain(path) {
            return true;
        }
        if self.points.is_flat(root) {
            return false;
        }
        let included = self.include.as_ref();
        included.is_none_or(|include| include.match_either(relative, path))
            && !self.exclude.match_either(relative, path)
            && !self.is_ignored(path, false, own)
    }

    fn is_ignored(&self, path: &Path, is_dir: bool, own: Own<'_>) -> bool {
        if !self.gitignore {
            return false;
        }
        let (read, noted_from) = match own {
            Own::Noted => (None, 1),
            Own::Read(rules) => (rules, 2),
        };
        let noted = path
            .ancestors()
            .skip(noted_from)
            .filter_map(|dir| self.ignores.get(dir));
        read.into_iter()
            .chain(noted)
            .find_map(|rules| match rules.built.matched(path, is_dir) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            })
            .unwrap_or(false)
    }

    /// The directory whose rules a change of the file at `path` changes.
    pub(crate) fn ruled_by<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        if !self.gitignore {
            return None;
        }
        let named = |name: &OsStr| IGNORE_FILES.iter().any(|file| *file == name);
        if path.file_name().is_some_and(named) {
            return path.parent();
        }
        path.ends_with(OWN_FILE).then(|| path.ancestors().nth(3))?
    }

    /// The files that hold the rules of `dir`.
    pub(crate) fn rule_files(&self, dir: &Path) -> Vec<PathBuf> {
        if !self.gitignore {
            return Vec::new();
        }
        let names = IGNORE_FILES.iter().chain([&OWN_FILE]);
        names.map(|name| dir.join(name)).collect()
    }

    /// The directory below `dir`, never entered, that is watched for the sake of its rules.
    pub(crate) fn rule_dir(&self, files: &dyn Files, dir: &Path) -> Option<PathBuf> {
        let own = self.gitignore.then(|| dir.join(OWN_DIR))?;
        files.stat(&own, true).is_ok().then_some(own)
    }

    /// The ignore rules in `dir`.
    pub(crate) fn read_rules(&self, files: &dyn Files, dir: &Path) -> Option<Rules> {
        if !self.gitignore {
            return None;
        }
        let exclude = dir.join(OWN_FILE);
        let paths = IGNORE_FILES.iter().map(|name| dir.join(name));
        let mut rules: Option<GitignoreBuilder> = None;
        let mut all = Vec::new();
        for path in std::iter::once(exclude).chain(paths) {
            let Ok(bytes) = files.read(&path) else {
                continue;
            };
            let builder = rules.get_or_insert_with(|| GitignoreBuilder::new(dir));
            all.extend_from_slice(&bytes);
            all.push(0); // where one file ends and the next begins
            let text = String::from_utf8_lossy(&bytes);
            for line in text.trim_start_matches('\u{feff}').lines() {
                // A line that does not parse says nothing, as in git.
                let _ = builder.add_line(None, line);
            }
        }
        let built = rules?.build().ok()?;
        Some(Rules { built, text: all })
    }

    /// Takes note of the ignore rules in `dir`; whether they are others than before.
    pub(crate) fn set_rules(&mut self, dir: &Path, rules: Option<Rules>) -> bool {
        let text = rules.as_ref().map(|rules| rules.text.clone());
        let before = match rules {
            Some(rules) => self.ignores.insert(dir.to_owned(), rules),
            None => self.ignores.remove(dir),
        };
        before.map(|rules| rules.text) != text
    }

    /// The directories above `root` whose rules count, up to the top of the repository.
    pub(crate) fn ruling_above<'a>(&self, files: &dyn Files, root: &'a Path) -> Vec<&'a Path> {
        let is_top = |dir: &Path| files.stat(&dir.join(".git"), true).is_ok();
        if !self.gitignore || is_top(root) {
            return Vec::new();
        }
        let above: Vec<_> = root.ancestors().skip(1).collect();
        let top = above.iter().position(|dir| is_top(dir));
        top.map_or_else(Vec::new, |top| above[..=top].to_vec())
    }
}
