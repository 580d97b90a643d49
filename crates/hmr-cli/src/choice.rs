//! Which files count, by the settings, and how the watcher looks for them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hmr_module_graph::Update;
use hmr_watcher::{Builder, Choice as Backend, Debounce, Filter, Globs, Watcher};

use crate::{
    keys,
    settings::{OnError, Resolved, Settings, escape},
};

/// What `include`, `exclude` and their neighbours say, ready to be asked about paths.
#[derive(Debug)]
pub(crate) struct Choice {
    settings: Settings,
    /// The folders of the project: names of globs are not those of the folders around it.
    roots: Vec<PathBuf>,
    /// Where files to include may be, besides the program's own folder.
    folders: Vec<PathBuf>,
    include: Globs,
    exclude: Globs,
}

impl Choice {
    /// # Errors
    ///
    /// If a glob cannot be used.
    pub(crate) fn new(resolved: &Resolved, roots: &[PathBuf]) -> Result<Self> {
        let real = |root: &PathBuf| root.canonicalize().unwrap_or_else(|_| root.clone());
        let settings = resolved.settings.clone();
        let (include, exclude) = (&settings.include, &settings.exclude);
        Ok(Self {
            include: Globs::including(include)?,
            exclude: Globs::excluding(exclude)?,
            roots: roots.iter().map(real).collect(),
            folders: resolved.folders.clone(),
            settings,
        })
    }

    /// Whether the entry is to run for a change of `file`, though nobody is seen to read it.
    pub(crate) fn includes(&self, file: &Path) -> bool {
        !self.settings.include.is_empty() && self.include.match_path(file)
    }

    /// Whether `path` is left alone, or a folder around it is.
    pub(crate) fn excludes(&self, path: &Path) -> bool {
        let is_around = |path: &Path| self.roots.iter().any(|root| root.starts_with(path));
        let mut below = path.ancestors().take_while(|path| !is_around(path));
        !self.settings.exclude.is_empty() && below.any(|path| self.exclude.match_path(path))
    }

    /// Whether what this update did is the end, by `on-error`.
    pub(crate) fn ends_with(&self, update: &Update) -> bool {
        let has_failed = update.failures.iter().any(|failure| !failure.interrupted);
        self.settings.on_error == OnError::Exit && has_failed
    }

    /// Whether keys may be taken.
    pub(crate) fn takes_keys(&self) -> bool {
        self.settings.keys && keys::is_interactive()
    }

    /// Watches `folder`. The entry counts whatever its name is: scripts often have no ending.
    pub(crate) fn watch(&self, folder: &Path, entry: &str) -> Result<Watcher> {
        let filter = Filter::new()
            .include("**/*.py")
            .include(escape(entry))
            .gitignore(self.settings.gitignore);
        let filter = self.settings.include.iter().fold(filter, Filter::include);
        let filter = self.settings.exclude.iter().fold(filter, Filter::exclude);
        let builder = Watcher::builder()
            .path(folder)
            .filter(filter)
            .debounce(self.debounce());
        let builder = self.folders.iter().fold(builder, Builder::path);
        let builder = match self.settings.poll {
            Some(time) => builder.backend(Backend::Poll(time)).poll_interval(time),
            None => builder,
        };
        builder
            .build()
            .with_context(|| format!("cannot watch {}", folder.display()))
    }

    /// The other times grow with the one that a person may set.
    fn debounce(&self) -> Debounce {
        let quiet = self.settings.debounce;
        let default = Debounce::default();
        default
            .quiet_min(quiet)
            .quiet_max(default.quiet_max.max(quiet))
            .max_wait(default.max_wait.max(quiet * 4))
    }
}
