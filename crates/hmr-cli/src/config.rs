//! What the arguments mean: the entry, its arguments and the folders of the project.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use hmr_module_graph::python::Entry;

use crate::{
    args::Args,
    report::Style,
    settings::{Color, Resolved, nearest_flag},
};

/// Everything that a session needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program.
    pub entry: Entry,
    /// What the program finds behind its own name in `sys.argv`.
    pub arguments: Vec<OsString>,
    /// The folder of the program's modules, absolute.
    pub folder: PathBuf,
    /// The folders whose modules are the user's, absolute.
    pub roots: Vec<PathBuf>,
    /// Whether to write in colour.
    pub style: Style,
    /// Where events go: a file's path, or a descriptor's number.
    pub events: Option<String>,
    /// What holds, and who said so.
    pub resolved: Resolved,
}

impl Args {
    /// Finds out what the arguments mean.
    ///
    /// # Errors
    ///
    /// If they name no program, or one that does not exist; the message says what to do.
    pub fn resolve(self) -> Result<Config> {
        let (entry, arguments) = match (self.module.split_first(), self.program.split_first()) {
            (Some((module, arguments)), _) => (module_entry(module)?, arguments),
            (None, Some((path, arguments))) => (file_entry(path)?, arguments),
            (None, None) => {
                bail!("nothing to run: name a file, as in `hmr main.py` (see `hmr --help`)")
            }
        };
        let folder = entry
            .folder()
            .with_context(|| format!("cannot run {}", entry.label()))?;
        let mut roots = vec![folder.clone()];
        roots.extend(std::env::current_dir().ok().filter(|here| *here != folder));
        let resolved = Resolved::of(&folder, &self.settings)?;
        Ok(Config {
            entry,
            arguments: arguments.to_vec(),
            folder,
            roots,
            style: match resolved.settings.color {
                Color::Always => Style::Colored,
                Color::Never => Style::Plain,
                Color::Auto => Style::of_stderr(),
            },
            events: self.events,
            resolved,
        })
    }
}

fn module_entry(module: &OsString) -> Result<Entry> {
    match module.to_str() {
        Some(name) if !name.is_empty() => Ok(Entry::Module(name.into())),
        _ => bail!(
            "{} is not a module name: `-m` takes one such as `package.tool`",
            module.display()
        ),
    }
}

fn file_entry(path: &OsString) -> Result<Entry> {
    // An option that is not ours and stands before the program's name.
    if path.as_encoded_bytes().starts_with(b"-") && !Path::new(path).exists() {
        let meant = path.to_str().and_then(nearest_flag);
        let meant = meant.map(|flag| format!("; did you mean {flag}?"));
        bail!(
            "unknown option {}: hmr's own options are listed by `hmr --help`, the program's go after its name{}",
            path.display(),
            meant.unwrap_or_default()
        );
    }
    Ok(Entry::at(Path::new(path))?)
}
