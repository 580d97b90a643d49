//! Which files are of interest, decided before a watch is set and before an event counts.
//!
//! A directory that is filtered out is never read and never watched, so that it costs nothing. Every
//! rule judges the path below the root, never the root itself: a project may well live in a directory
//! that is called `target`.

use crate::error::{Error, ErrorKind};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Directories that hardly anybody wants watched: version control, caches, environments, build
/// output. [`Filter::new`] starts with them.
pub const DEFAULT_IGNORED_DIRS: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".bzr",
    ".jj",
    "node_modules",
    "bower_components",
    "__pycache__",
    ".venv",
    "venv",
    ".virtualenv",
    ".direnv",
    ".tox",
    ".nox",
    ".eggs",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".cache",
    ".idea",
    ".vscode",
    "site-packages",
    "target",
];

/// Which files and directories to watch.
///
/// Globs are matched against the path below the root. One without a slash matches the name at any
/// depth, as in a `.gitignore`; `**` crosses directories, `*` and `?` do not. A root that is itself a
/// file passes always.
///
/// # Examples
///
/// ```
/// use hmr_watcher::Filter;
///
/// let filter = Filter::new()
///     .include("**/*.py")
///     .include("templates/**")
///     .exclude("*_generated.py")
///     .gitignore(true);
/// # let _ = filter;
/// ```
#[derive(Debug, Clone)]
pub struct Filter {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) ignore_dirs: Vec<OsString>,
    pub(crate) gitignore: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}

impl Filter {
    /// Every file, except below [`DEFAULT_IGNORED_DIRS`].
    pub fn new() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            ignore_dirs: DEFAULT_IGNORED_DIRS.iter().map(OsString::from).collect(),
            gitignore: false,
        }
    }

    /// Watches files that match `glob`; repeatable. Without any, every file.
    #[must_use]
    pub fn include(mut self, glob: impl Into<String>) -> Self {
        self.include.push(glob.into());
        self
    }

    /// Leaves out files and directories that match `glob`, even if they are included; repeatable.
    #[must_use]
    pub fn exclude(mut self, glob: impl Into<String>) -> Self {
        self.exclude.push(glob.into());
        self
    }

    /// Leaves out what the `.gitignore` and `.ignore` files below the root say. Off by default.
    ///
    /// Not honoured yet: the next step adds it.
    #[must_use]
    pub fn gitignore(mut self, on: bool) -> Self {
        self.gitignore = on;
        self
    }

    /// Never enters directories with these names, instead of [`DEFAULT_IGNORED_DIRS`].
    #[must_use]
    pub fn ignore_dirs<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.ignore_dirs = names.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn compile(&self) -> Result<Matcher, Error> {
        Ok(Matcher {
            include: (!self.include.is_empty())
                .then(|| globs(&self.include))
                .transpose()?,
            exclude: globs(&self.exclude)?,
            ignore_dirs: self.ignore_dirs.clone(),
        })
    }
}

fn globs(globs: &[String]) -> Result<GlobSet, Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let bad = |error: globset::Error| {
            Error::from(ErrorKind::BadGlob {
                glob: glob.clone(),
                why: error.kind().to_string(),
            })
        };
        let trimmed = glob.trim_end_matches('/');
        let pattern = match trimmed.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        let pattern = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(bad)?;
        set.add(pattern);
    }
    set.build().map_err(|error| {
        Error::from(ErrorKind::BadGlob {
            glob: globs.join(", "),
            why: error.to_string(),
        })
    })
}

/// A [`Filter`], ready to be asked.
#[derive(Debug)]
pub(crate) struct Matcher {
    include: Option<GlobSet>,
    exclude: GlobSet,
    ignore_dirs: Vec<OsString>,
}

impl Matcher {
    /// Whether to enter the directory at `relative`, below a root that is entered.
    ///
    /// Its parents are taken to be entered.
    pub(crate) fn dir(&self, relative: &Path, name: &OsStr) -> bool {
        !self.ignore_dirs.iter().any(|ignored| ignored == name) && !self.exclude.is_match(relative)
    }

    /// Whether the file at `relative` is of interest, if its directory is entered.
    pub(crate) fn file(&self, relative: &Path) -> bool {
        self.include
            .as_ref()
            .is_none_or(|include| include.is_match(relative))
            && !self.exclude.is_match(relative)
    }
}
