//! Which files are of interest: what a person asks for.
//!
//! A directory that is filtered out is never read and never watched, so that it costs nothing. Every
//! rule judges the path below the root, never the root itself: a project may well live in a directory
//! that is called `target`. How the rules are applied is in [`matcher`](crate::matcher).

use std::ffi::OsString;

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
/// depth, as in a `.gitignore`; `**` crosses directories, `*` and `?` do not. `./x.py` and `/x.py` are
/// `x.py` directly in the root; one that begins with a slash may also be a whole path; `docs/` includes
/// all that is in such a directory. One that can match nothing (`../x.py`) is an error. A root that is
/// itself a file passes always.
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

    /// Leaves out what `.gitignore` and `.ignore` files say. Off by default.
    ///
    /// Those in the watched directories count, those above the root up to the top of the repository, and
    /// the `.git/info/exclude` of each repository; a user's global ignore file does not. Editing one while
    /// the watcher runs takes effect at once: files that are ignored no longer are reported as added, files
    /// that are ignored now are forgotten without a word, since they still exist.
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
}
