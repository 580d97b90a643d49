//! What the files of one batch mean for the modules, before anything runs.
//!
//! A file that was written marks its module. A file that went, or that another one has taken the
//! place of (`m.py` became `m/__init__.py`, or a folder got one), takes its module out of the program: whoever imports it
//! runs again and imports what is there now. A module that was missing and can be found now does the
//! same. What failed before is tried again, whatever the files are.

use std::path::{Path, PathBuf};

use super::{data, engine::Engine, errors::forgive, sys_modules::sys_modules};
use crate::{ModuleId, ModuleName};
use pyo3::prelude::*;

/// Marks everything that `files` may change; returns the modules that left.
pub(super) fn mark(engine: &'static Engine, py: Python<'_>, files: &[PathBuf]) -> Vec<ModuleName> {
    if files.iter().any(|file| came_or_went(engine, file)) {
        forget_import_caches(py);
    }
    let mut removed = Vec::new();
    for file in files {
        engine.mark_inputs(file);
        let modules = engine.state().graph.at_path(file).to_vec();
        let exists = file.is_file();
        if !modules.is_empty() || engine.is_read_as_data(file) {
            engine.forget_bytecode(file);
        }
        for module in modules {
            engine.state().file_written(module);
            if !exists {
                removed.extend(remove(engine, py, module));
            }
        }
    }
    for module in replaced(engine, py, files) {
        removed.extend(remove(engine, py, module));
    }
    for module in appeared(engine, py) {
        engine.state().graph.module_changed(module);
    }
    retry(engine);
    removed
}

/// Whether the file may not be among what the import system remembers of its folder, or may be
/// there no more. The source of a loaded module is, and looking into a large folder takes long.
fn came_or_went(engine: &'static Engine, file: &Path) -> bool {
    let is_loaded = {
        let state = engine.state();
        let mut modules = state.graph.at_path(file).iter();
        modules.any(|id| state.slots[id.index()].object.is_some())
    };
    !is_loaded || !file.is_file()
}

/// The import system remembers what folders hold; a file that came or went makes that wrong.
fn forget_import_caches(py: Python<'_>) {
    let forgotten = py
        .import("importlib")
        .and_then(|m| m.call_method0("invalidate_caches"));
    forgive(py, forgotten);
}

fn retry(engine: &'static Engine) {
    let mut state = engine.state();
    for module in std::mem::take(&mut state.failed) {
        state.graph.invalidate(module);
    }
}

/// Takes a module out of the program, as if it had never been imported, with everything below it if
/// it is a package. The entry stays: there is nothing to go on with without it.
fn remove(engine: &'static Engine, py: Python<'_>, id: ModuleId) -> Vec<ModuleName> {
    let name = engine.state().graph.name(id).clone();
    if name.is_main() {
        return Vec::new();
    }
    let mut removed = Vec::new();
    let below = engine.state().graph.below(&name);
    for id in below {
        let name = engine.state().graph.name(id).clone();
        // It is known as loaded from the first import out of it on.
        engine.adopt_namespace(py, name.as_str());
        {
            let mut state = engine.state();
            if !std::mem::replace(&mut state.slots[id.index()].missing, true) {
                state.missing.push(id);
            }
        }
        if engine.unload(py, id) {
            data::forget(&name);
            removed.push(name);
        }
    }
    removed
}

/// The loaded modules that an import would now find in another file. Only those that one of `files`
/// could stand for, and is not the source of already, are looked up.
fn replaced(engine: &'static Engine, py: Python<'_>, files: &[PathBuf]) -> Vec<ModuleId> {
    let mut loaded = Vec::new();
    for file in files {
        let Some(tail) = tail_of(file) else { continue };
        let mut state = engine.state();
        for id in state.graph.with_tail(&tail).to_vec() {
            let (name, slot) = (state.graph.name(id), &state.slots[id.index()]);
            let path = match state.graph.path(id) {
                Some(path) if slot.object.is_some() => path,
                // As `find` says it.
                None if slot.is_namespace => Path::new(""),
                _ => continue,
            };
            if path != file && !name.is_main() {
                loaded.push((id, name.clone(), path.to_path_buf()));
            }
        }
    }
    loaded.sort_unstable();
    loaded.dedup();
    loaded
        .into_iter()
        .filter(|(_, name, path)| {
            find(py, name).is_some_and(|found| engine.roots().real(&found) != *path)
        })
        .map(|(id, ..)| id)
        .collect()
}

/// The last part of the name of the module that `file` could hold.
fn tail_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let is_package = stem == "__init__";
    if is_package {
        Some(file.parent()?.file_name()?.to_str()?.into())
    } else {
        Some(stem.into())
    }
}

/// The modules that an import did not find and would find now.
fn appeared(engine: &'static Engine, py: Python<'_>) -> Vec<ModuleId> {
    let missing: Vec<_> = {
        let state = engine.state();
        let is_missing = |id: &ModuleId| state.slots[id.index()].missing;
        state
            .missing
            .iter()
            .copied()
            .filter(is_missing)
            .map(|id| (id, state.graph.name(id).clone()))
            .collect()
    };
    let found: Vec<_> = missing
        .into_iter()
        .filter(|(_, name)| find(py, name).is_some())
        .map(|(id, _)| id)
        .collect();
    let mut state = engine.state();
    for id in &found {
        state.slots[id.index()].missing = false;
    }
    state.missing.retain(|id| !found.contains(id));
    found
}

/// Where CPython would find the module. A package without a file is found too, at no path.
fn find(py: Python<'_>, name: &ModuleName) -> Option<PathBuf> {
    let find = || -> PyResult<Option<PathBuf>> {
        let path = match name.parent() {
            None => py.None().into_bound(py),
            Some(parent) => match sys_modules(py).get_item(parent)? {
                Some(parent) => parent.getattr("__path__")?,
                None => return Ok(None),
            },
        };
        let finder = py.import("importlib.machinery")?.getattr("PathFinder")?;
        let spec = finder.call_method1("find_spec", (name.as_str(), path))?;
        if spec.is_none() {
            return Ok(None);
        }
        let origin = spec.getattr("origin")?;
        Ok(Some(if origin.is_none() {
            PathBuf::new()
        } else {
            origin.extract()?
        }))
    };
    forgive(py, find()).flatten()
}
