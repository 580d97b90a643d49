//! What a module's file holds now, as code, and whether that is another program than the one that
//! ran.
//!
//! A first import takes CPython's cached bytecode. Once a file has been saved it is always compiled
//! from the bytes just read, for the cache knows a source's time in whole seconds only. To find out
//! what was edited it is enough to compile the definitions that differ.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use pyo3::{
    exceptions::{PyImportError, PySyntaxError, PyValueError},
    prelude::*,
    types::{PyBytes, PyDict},
};

use super::{
    engine::{Engine, Slot},
    errors::forgive,
    keep::{Kept, may_ask},
    patch::Patching,
    splice::{Reading, splice},
    stamp::FileStamp,
};
use crate::{ModuleId, diff::Difference, outline::Outline, plan::Cause};

/// A save that takes longer is read as far as it is, and again when it is complete.
const SAVE: Duration = Duration::from_millis(10);

/// What a source file was compiled to.
pub(super) struct Compiled<'py> {
    pub(super) code: Bound<'py, PyAny>,
    /// It is there to be looked into: see [`splice`](super::splice).
    is_spliced: bool,
    /// A run may execute it.
    may_run: bool,
}

impl Engine {
    /// Whether the module has to run for what its file holds now: what could be patched has been. What
    /// was compiled to find out is kept for the run.
    pub(super) fn is_edited(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let (outdated, last) = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            slot.cause = None;
            (slot.compiled.take(), slot.source)
        };
        drop(outdated);
        let is_edited = self.must_run_again(py, id);
        let mut state = self.state();
        if is_edited {
            state.edited.insert(id);
            return true;
        }
        let slot = &mut state.slots[id.index()];
        slot.is_written = false;
        // A file of the same size that holds the same program was only touched, or rewritten by its
        // own bytes: nothing that a person would want to hear of.
        let is_same_size =
            matches!((last, slot.source), (Some(last), Some(now)) if now.has_size_of(&last));
        let name = state.graph.name(id).clone();
        let is_patched = state.update.patched.iter().any(|it| it.module == name);
        if is_same_size && !is_patched {
            let path = state.graph.path(id).map(Path::to_path_buf);
            state.rewritten.extend(path);
        } else if !is_patched {
            state.update.unchanged.push(name);
        }
        false
    }

    fn must_run_again(&'static self, py: Python<'_>, id: ModuleId) -> bool {
        let old = match &self.state().slots[id.index()] {
            Slot {
                code: Some(code),
                failed: false,
                ..
            } => code.clone_ref(py),
            _ => return true,
        };
        let old = old.bind(py);
        let before = self.reading_of(id, old);
        let first = self.state().slots[id.index()].outline.clone();
        let Ok(new) = self.edited_code(py, id, old) else {
            return true;
        };
        if new.code.eq(old).unwrap_or(false) {
            return false;
        }
        let patched = if self.may_patch() {
            self.patch(id, old, &new.code, new.is_spliced)
        } else {
            Ok(Patching::Refused(Some(Cause::NoPatching)))
        };
        // What patching raises is no news for the program: the module runs again.
        match forgive(py, patched) {
            Some(Patching::Done) => return false,
            Some(Patching::Refused(cause)) => {
                let after = self.reading_of(id, &new.code);
                let before = before.as_ref().map(|it| &it.outline);
                let before = before.or(first.as_deref());
                let cause = cause.or_else(|| structure(before?, &after?.outline));
                self.state().slots[id.index()].cause = cause.map(Box::new);
            }
            None => {}
        }
        if new.may_run {
            self.state().slots[id.index()].compiled = Some(new.code.unbind());
        }
        true
    }

    /// The code of the file as it is now, if it need not be compiled: it was already, or the file has
    /// not been saved since the last run. Most modules run again for what another one gave them, and
    /// compiling takes longer than all the rest.
    fn code_at_hand<'py>(&self, py: Python<'py>, id: ModuleId) -> Option<Bound<'py, PyAny>> {
        let path = {
            let mut state = self.state();
            if let Some(code) = state.slots[id.index()].compiled.take() {
                return Some(code.into_bound(py));
            }
            state.graph.path(id)?.to_path_buf()
        };
        let now = FileStamp::look(&path);
        let code = {
            let state = self.state();
            let slot = &state.slots[id.index()];
            let is_current = !slot.failed
                && !slot.is_written
                && !slot.is_spliced
                && slot.source?.is_surely(&now);
            let code = slot.code.as_ref().filter(|_| is_current)?;
            code.bind(py).clone()
        };
        (!self.asks_to_keep(id, &path)).then_some(code)
    }

    /// Whether the source may ask that its statements keep what they have bound, and the code does not
    /// do so yet.
    fn asks_to_keep(&self, id: ModuleId, path: &Path) -> bool {
        let (keeps, known) = {
            let slot = &self.state().slots[id.index()];
            (slot.keeps, slot.may_keep)
        };
        if keeps {
            return false;
        }
        known.unwrap_or_else(|| {
            let may_keep = fs::read(path).is_ok_and(|source| may_ask(&source));
            self.state().slots[id.index()].may_keep = Some(may_keep);
            may_keep
        })
    }

    /// The code for a run of the module: of its file as it is now.
    pub(super) fn new_code<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.code_at_hand(py, id) {
            Some(code) => Ok(code),
            None => self.compile_file(py, id, None).map(|new| new.code),
        }
    }

    /// The code to compare with `old`, which ran last.
    fn edited_code<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
        old: &Bound<'py, PyAny>,
    ) -> PyResult<Compiled<'py>> {
        match self.code_at_hand(py, id) {
            Some(code) => Ok(Compiled {
                code,
                is_spliced: false,
                may_run: true,
            }),
            None => self.compile_file(py, id, Some(old)),
        }
    }

    /// Removes the bytecode cache of a source file that was saved: it knows the source's time in
    /// whole seconds only, and could pass for the new one's.
    pub(super) fn forget_bytecode(&self, path: &Path) {
        let is_users = path
            .parent()
            .is_some_and(|folder| self.roots().contain(folder));
        if let Some(cache) = self.bytecode().cache_of(path).filter(|_| is_users) {
            let _ = std::fs::remove_file(cache);
        }
    }

    /// Compiles the module's source file as it is now, for a run, or to compare it with `old`. Then only
    /// what differs is compiled, if nothing speaks against it.
    pub(super) fn compile_file<'py>(
        &'static self,
        py: Python<'py>,
        id: ModuleId,
        old: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Compiled<'py>> {
        let compile = || {
            self.stamp_source(id);
            self.state().slots[id.index()].may_keep = None;
            let path = self.source_of(py, id)?;
            let source = read_whole(py, &path).map_err(|error| cannot_read(py, &path, error))?;
            self.forget_bytecode(&path);
            let text = utf8(&source);
            let outline = text.and_then(|text| Outline::parse(text).ok());
            let (Some(text), Some(outline)) = (text, outline) else {
                let code = self.compile_whole(py, &source, &path)?;
                return Ok(Compiled {
                    code,
                    is_spliced: false,
                    may_run: true,
                });
            };
            let may_keep = self.kept(py, id, &outline)?;
            let keeps = old.is_none() || self.state().slots[id.index()].keeps;
            let may_run = keeps || may_keep.is_empty();
            let kept = if keeps { may_keep } else { Kept::default() };
            let spliced = old.and_then(|old| self.splice(id, old, &outline, &kept, text));
            let is_spliced = spliced.is_some();
            let code = match spliced {
                Some(code) => code,
                None if kept.is_empty() => self.compile_whole(py, &source, &path)?,
                None => self.compile_whole(py, kept.apply(text).as_bytes(), &path)?,
            };
            self.know_reading(
                id,
                Reading {
                    code: code.clone().unbind(),
                    outline,
                    kept,
                    text: self.runs_statements().then(|| text.into()),
                },
            );
            Ok(Compiled {
                code,
                is_spliced,
                may_run: may_run && !is_spliced,
            })
        };
        self.timed(|spent| &mut spent.compile, compile)
    }

    pub(super) fn know_reading(&self, id: ModuleId, reading: Reading) {
        let before = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            slot.reading.replace(Arc::new(reading))
        };
        drop(before);
    }

    /// The statements that need not run again: none if the module has not run yet.
    fn kept(&self, py: Python<'_>, id: ModuleId, outline: &Outline) -> PyResult<Kept> {
        let has_run = self.state().slots[id.index()].code.is_some();
        match self.namespace(py, id).filter(|_| has_run) {
            Some(namespace) => Kept::of(outline, &namespace),
            None => Ok(Kept::default()),
        }
    }

    /// See [`splice`]. What it raises, the whole file will raise too.
    fn splice<'py>(
        &self,
        id: ModuleId,
        old: &Bound<'py, PyAny>,
        outline: &Outline,
        kept: &Kept,
        text: &str,
    ) -> Option<Bound<'py, PyAny>> {
        let reading = self.reading_of(id, old)?;
        if !reading.kept.has_names_of(kept) {
            return None;
        }
        let compile = self.compile.bind(old.py());
        splice(compile, &reading, outline, text).ok().flatten()
    }

    fn source_of(&'static self, py: Python<'_>, id: ModuleId) -> PyResult<PathBuf> {
        if let Some(entry) = self.entry.get().filter(|_| self.is_entry(id)) {
            return entry.source(py, self);
        }
        let path = self.state().graph.path(id).map(Path::to_path_buf);
        path.ok_or_else(|| PyImportError::new_err("the module has no source file"))
    }

    pub(super) fn compile_whole<'py>(
        &self,
        py: Python<'py>,
        source: &[u8],
        path: &Path,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = PyDict::new(py);
        options.set_item("dont_inherit", true)?;
        let arguments = (PyBytes::new(py, source), path.as_os_str(), "exec");
        let compiled = self.compile.bind(py).call(arguments, Some(&options));
        compiled.inspect_err(|error| tell_of_nul(py, error, path))
    }

    /// The outline of the source that `code` was compiled from, if it is the last that was.
    pub(super) fn reading_of(&self, id: ModuleId, code: &Bound<'_, PyAny>) -> Option<Arc<Reading>> {
        let reading = self.state().slots[id.index()].reading.clone();
        reading.filter(|reading| reading.code.is(code))
    }
}

/// What of the statements differs, if that is why a module cannot be patched.
fn structure(old: &Outline, new: &Outline) -> Option<Cause> {
    match Difference::between(old, new) {
        Difference::Structure(structure) => Some(Cause::Structure(structure)),
        _ => None,
    }
}

/// What CPython says of a file that cannot be read: it names the file.
fn cannot_read(py: Python<'_>, path: &Path, error: io::Error) -> PyErr {
    let opened = py
        .import("_io")
        .and_then(|io| io.call_method1("open_code", (path.as_os_str(),)))
        .and_then(|file| file.call_method0("close"));
    opened.err().unwrap_or_else(|| error.into())
}

/// Adds to `error`, with which the source at `path` was not compiled, where a NUL byte is: CPython
/// names neither the file nor the line.
pub(super) fn tell_of_nul(py: Python<'_>, error: &PyErr, path: &Path) {
    let says_where = |value: &Bound<'_, PyAny>| {
        let file = value.getattr_opt("filename").ok().flatten();
        file.is_some_and(|file| !file.is_none())
    };
    let is_compilers =
        error.is_instance_of::<PySyntaxError>(py) || error.is_instance_of::<PyValueError>(py);
    if !is_compilers || says_where(error.value(py)) {
        return;
    }
    let source = fs::read(path).unwrap_or_default();
    if let Some(nul) = source.iter().position(|&byte| byte == 0) {
        let line = source[..nul].split(|&byte| byte == b'\n').count();
        let note = format!("It is in \"{}\", line {line}.", path.display());
        forgive(py, error.value(py).call_method1("add_note", (note,)));
    }
}

/// The text of a source file in the usual encoding; `None` if it may be in another one.
pub(super) fn utf8(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()?;
    let names_encoding = |line: &str| line.contains("coding") && !line.contains("utf-8");
    (!text.lines().take(2).any(names_encoding)).then_some(text)
}

/// What the file holds, not in the middle of a save: the next one may have begun since the last was
/// told. It looks the same before and after, and an empty file gets a moment to be filled, for most
/// saves begin by emptying it.
fn read_whole(py: Python<'_>, path: &Path) -> io::Result<Vec<u8>> {
    let begun = Instant::now();
    let mut seen_empty = None;
    loop {
        let look = FileStamp::look(path);
        let source = fs::read(path)?;
        let is_whole = if source.is_empty() {
            let seen = seen_empty.replace(look);
            !look.is_fresh() && seen.is_some_and(|seen| seen.looks_like(&look))
        } else {
            FileStamp::look(path).looks_like(&look)
        };
        if is_whole || begun.elapsed() > SAVE {
            return Ok(source);
        }
        py.detach(|| thread::sleep(SAVE / 10));
    }
}
