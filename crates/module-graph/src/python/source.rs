//! What a module's file holds now, as code, and whether that is another program than the one that
//! ran.
//!
//! A first import takes CPython's cached bytecode. Once a file has been saved it is always compiled
//! from the bytes just read, for the cache knows a source's time in whole seconds only. A file that
//! has not been saved since is not read again: its last code runs.

use std::{fs::Metadata, path::Path, time::SystemTime};

use pyo3::{
    exceptions::PyImportError,
    prelude::*,
    types::{PyBytes, PyDict},
};

use super::{
    engine::{Engine, Slot},
    entry::Entry,
};
use crate::ModuleId;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    size: u64,
}

impl Stamp {
    pub(super) fn of(file: &Metadata) -> Option<Self> {
        Some(Self {
            modified: file.modified().ok()?,
            size: file.len(),
        })
    }
}

impl Engine {
    /// Whether the module's file holds another program than the one that ran. Comments do not count
    /// unless they move lines. What was compiled to find out is kept for the run.
    pub(super) fn is_edited(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let (outdated, last) = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            // A file that was saved is read, whatever its time says.
            (slot.compiled.take(), slot.source.take())
        };
        drop(outdated);
        let is_edited = self.compiles_to_another_program(py, id);
        let mut state = self.state();
        if is_edited {
            state.edited.insert(id);
        } else {
            let slot = &mut state.slots[id.index()];
            slot.source = slot.read.take();
            // A file of the same size that holds the same program was only touched, or rewritten by
            // its own bytes: nothing that a person would want to hear of.
            if last.is_some_and(|last| slot.source.is_some_and(|now| now.size == last.size)) {
                let path = state.graph.path(id).map(Path::to_path_buf);
                state.rewritten.extend(path);
            }
        }
        is_edited
    }

    fn compiles_to_another_program(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let old = match &self.state().slots[id.index()] {
            Slot {
                code: Some(code),
                failed: false,
                ..
            } => code.clone_ref(py),
            _ => return true,
        };
        let Ok(new) = self.read_code(py, id) else {
            return true;
        };
        let differs = !new.eq(old).unwrap_or(false);
        if differs {
            self.state().slots[id.index()].compiled = Some(new.unbind());
        }
        differs
    }

    /// The code for a rerun of the module: of its file as it is now.
    pub(super) fn new_code<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(code) = self.state().slots[id.index()].compiled.take() {
            return Ok(code.into_bound(py));
        }
        match self.code_of_unsaved(py, id) {
            Some(code) => Ok(code),
            None => self.read_code(py, id),
        }
    }

    /// The code that ran last, if the file has not been saved since it was read: most modules run
    /// again for what another one gave them, and compiling takes longer than all the rest.
    fn code_of_unsaved<'py>(&self, py: Python<'py>, id: ModuleId) -> Option<Bound<'py, PyAny>> {
        if self.is_entry(id) && matches!(self.entry.get(), Some(Entry::Module(_))) {
            // The name is looked up at each run.
            return None;
        }
        let now = self.stamp(id)?;
        let mut state = self.state();
        let slot = &mut state.slots[id.index()];
        if slot.failed || slot.source != Some(now) {
            return None;
        }
        slot.read = None;
        Some(slot.code.as_ref()?.bind(py).clone())
    }

    fn stamp(&self, id: ModuleId) -> Option<Stamp> {
        let path = self.state().graph.path(id)?.to_path_buf();
        Stamp::of(&path.metadata().ok()?)
    }

    /// The code of the module's file as it is now.
    pub(super) fn read_code<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Before the file is read: if it is saved in between, the next run reads it again.
        let stamp = self.stamp(id);
        let path = {
            let mut state = self.state();
            state.slots[id.index()].read = stamp;
            state.graph.path(id).map(Path::to_path_buf)
        };
        match (self.entry.get().filter(|_| self.is_entry(id)), path) {
            (Some(entry), _) => entry.code(py, self),
            (None, Some(path)) => self.compile(py, &path),
            (None, None) => Err(PyImportError::new_err("the module has no source file")),
        }
    }

    /// The code of the source file `path` as it is now. The bytecode cache goes: it knows the
    /// source's time in whole seconds only, and could pass for the new one's.
    pub(super) fn compile<'py>(&self, py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
        let source = std::fs::read(path)?;
        let is_users = path
            .parent()
            .is_some_and(|folder| self.roots().contain(folder));
        if let Some(cache) = self.bytecode().cache_of(path).filter(|_| is_users) {
            let _ = std::fs::remove_file(cache);
        }
        let options = PyDict::new(py);
        options.set_item("dont_inherit", true)?;
        let source = PyBytes::new(py, &source);
        self.compile
            .bind(py)
            .call((source, path.as_os_str(), "exec"), Some(&options))
    }
}
