//! A filter, ready to be asked about paths.
//!
//! The matcher is told about ignore files as the walk finds them, each with its directory, and keeps
//! them by directory. The nearest one that says anything about a path decides, as in git; a directory
//! that is left out is never entered, so that what is below it is never asked about.

use crate::core::PointSet;
use crate::error::{Error, ErrorKind};
use crate::files::Files;
use crate::filter::Filter;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustc_hash::FxHashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The names of ignore files; rules of a later one override those of an earlier one.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".ignore"];

/// See the module.
#[derive(Debug)]
pub(crate) struct Matcher {
    include: Option<GlobSet>,
    exclude: GlobSet,
    ignore_dirs: Vec<OsString>,
    gitignore: bool,
    ignores: FxHashMap<PathBuf, Gitignore>,
    pub(crate) points: PointSet,
}

impl Matcher {
    /// # Errors
    ///
    /// [`ErrorKind::BadGlob`] if a glob does not parse.
    pub(crate) fn new(filter: &Filter) -> Result<Self, Error> {
        Ok(Self {
            include: (!filter.include.is_empty())
                .then(|| globs(&filter.include))
                .transpose()?,
            exclude: globs(&filter.exclude)?,
            ignore_dirs: filter.ignore_dirs.clone(),
            gitignore: filter.gitignore,
            ignores: FxHashMap::default(),
            points: PointSet::default(),
        })
    }

    /// Whether the directory at `path` is entered, if its parent is. `own` holds the ignore rules
    /// of the parent, if they are not known here yet.
    pub(crate) fn dir(&self, root: &Path, path: &Path, own: Option<&Gitignore>) -> bool {
        let Ok(relative) = path.strip_prefix(root) else {
            return false;
        };
        let named = |name: &OsStr| self.ignore_dirs.iter().any(|ignored| ignored == name);
        !self.points.is_flat(root)
            && !path.file_name().is_some_and(named)
            && !self.exclude.is_match(relative)
            && !self.is_ignored(path, true, own)
    }

    /// Whether the file at `path` is of interest, if its directory is entered.
    pub(crate) fn file(&self, root: &Path, path: &Path, own: Option<&Gitignore>) -> bool {
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
        included.is_none_or(|include| include.is_match(relative))
            && !self.exclude.is_match(relative)
            && !self.is_ignored(path, false, own)
    }

    fn is_ignored(&self, path: &Path, is_dir: bool, own: Option<&Gitignore>) -> bool {
        if !self.gitignore {
            return false;
        }
        let known = path
            .ancestors()
            .skip(1)
            .filter_map(|dir| self.ignores.get(dir));
        own.into_iter()
            .chain(known)
            .find_map(|rules| match rules.matched(path, is_dir) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            })
            .unwrap_or(false)
    }

    /// Whether a change of the file at `path` changes what is left out.
    pub(crate) fn is_rule(&self, path: &Path) -> bool {
        let named = |name: &OsStr| IGNORE_FILES.iter().any(|file| *file == name);
        self.gitignore && path.file_name().is_some_and(named)
    }

    /// The ignore rules in `dir`.
    pub(crate) fn read_rules(&self, files: &dyn Files, dir: &Path) -> Option<Gitignore> {
        if !self.gitignore {
            return None;
        }
        let exclude = dir.join(".git/info/exclude");
        let paths = IGNORE_FILES.iter().map(|name| dir.join(name));
        let mut rules: Option<GitignoreBuilder> = None;
        for path in std::iter::once(exclude).chain(paths) {
            let Ok(bytes) = files.read(&path) else {
                continue;
            };
            let builder = rules.get_or_insert_with(|| GitignoreBuilder::new(dir));
            let text = String::from_utf8_lossy(&bytes);
            for line in text.trim_start_matches('\u{feff}').lines() {
                // A line that does not parse says nothing, as in git.
                let _ = builder.add_line(None, line);
            }
        }
        rules?.build().ok()
    }

    /// Takes note of the ignore rules in `dir`.
    pub(crate) fn set_rules(&mut self, dir: &Path, rules: Option<Gitignore>) {
        match rules {
            Some(rules) => {
                self.ignores.insert(dir.to_owned(), rules);
            }
            None => {
                self.ignores.remove(dir);
            }
        }
    }

    /// Takes note of the rules above `root`, up to the top of the repository.
    pub(crate) fn read_rules_above(&mut self, files: &dyn Files, root: &Path) {
        if !self.gitignore || files.stat(&root.join(".git"), true).is_ok() {
            return;
        }
        let above: Vec<_> = root.ancestors().skip(1).collect();
        let top = above
            .iter()
            .position(|dir| files.stat(&dir.join(".git"), true).is_ok());
        for dir in top.map_or(&[][..], |top| &above[..=top]) {
            let rules = self.read_rules(files, dir);
            self.set_rules(dir, rules);
        }
    }
}

fn globs(globs: &[String]) -> Result<GlobSet, Error> {
    let bad = |glob: String, error: &globset::Error| {
        let why = error.kind().to_string();
        Error::from(ErrorKind::BadGlob { glob, why })
    };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let trimmed = glob.trim_end_matches('/');
        let pattern = match trimmed.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        let pattern = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| bad(glob.clone(), &error))?;
        set.add(pattern);
    }
    set.build().map_err(|error| bad(globs.join(", "), &error))
}
