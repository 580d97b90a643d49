//! What modules and files are called in a line, and how many of them a line names.

use std::path::{Path, PathBuf};

use hmr_module_graph::ModuleName;

/// How many patched definitions, or changed names, a line names.
const NAMES: usize = 5;

/// How the program's parts are called.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// What the entry is called.
    pub(crate) label: String,
    /// The folder that paths are shown relative to.
    pub(crate) folder: PathBuf,
}

impl Names {
    pub(crate) fn module(&self, module: &ModuleName) -> String {
        if *module == ModuleName::main() {
            self.label.clone()
        } else {
            module.to_string()
        }
    }

    /// `m.f`; the module itself without a name.
    pub(crate) fn part(&self, module: &ModuleName, name: &str) -> String {
        match name {
            "" => self.module(module),
            name => format!("{}.{name}", self.module(module)),
        }
    }

    pub(crate) fn file(&self, file: &Path) -> String {
        file.strip_prefix(&self.folder)
            .unwrap_or(file)
            .display()
            .to_string()
    }

    /// `a.py, b.py, c.py and 497 more`
    pub(crate) fn files(&self, files: &[PathBuf]) -> String {
        let all: Vec<_> = files.iter().map(|file| self.file(file)).collect();
        first_of(&all, 3)
    }
}

/// `f, g, h, i, j and 2 more`
pub(crate) fn few(names: &[String]) -> String {
    first_of(names, NAMES)
}

fn first_of(names: &[String], count: usize) -> String {
    let shown = names[..names.len().min(count)].join(", ");
    match names.len().saturating_sub(count) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
