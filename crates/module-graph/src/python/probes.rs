//! Seeing that the program asks whether something is there.
//!
//! CPython raises no audit event for `stat`. So while anything loads, `os.stat` and its like are
//! stand-ins that note the path and call the original; `os.path.exists`, `Path.is_file` and the rest
//! go through them. The import system does not: it has its own way to the originals.
//!
//! Kept true: when nothing loads, `os` has its own functions. A stand-in that the program has kept
//! (`from os import stat`) goes on to work, and whoever compares functions (`os.supports_fd`) finds
//! the stand-ins there too.
#![expect(
    unsafe_code,
    reason = "a function that is bound to another one can only be made through the C API"
)]

use std::{
    mem::transmute,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::{
    ffi,
    prelude::*,
    types::{PyCFunction, PyDict, PyModule, PySet, PyTuple},
};

use super::{engine::Engine, errors::forgive, frames, inputs::Look, places::path_of, reads};

/// The functions that are stood in for. Those of `os.path` are C functions on some systems only;
/// where they are Python they call the ones of `os`.
const PROBES: [(&str, &str); 9] = [
    ("os", "stat"),
    ("os", "lstat"),
    ("os", "access"),
    ("os", "readlink"),
    ("os.path", "exists"),
    ("os.path", "lexists"),
    ("os.path", "isfile"),
    ("os.path", "isdir"),
    ("os.path", "islink"),
];

/// The stand-ins, and where they go.
pub(super) struct Probes(Vec<Probe>);

struct Probe {
    home: Py<PyDict>,
    name: &'static str,
    original: Py<PyAny>,
    stand_in: Py<PyAny>,
}

impl Probes {
    /// Makes the stand-ins; none is in place yet.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let mut probes = Vec::new();
        for (home, name) in PROBES {
            let home = py.import(home)?;
            let Some(original) = home.getattr_opt(name)? else {
                continue;
            };
            if !original.is_instance_of::<PyCFunction>() {
                continue;
            }
            let stand_in = stand_in(&original, name)?;
            if home.name()? == "os" {
                register(&home, &original, &stand_in)?;
            }
            probes.push(Probe {
                home: home.dict().unbind(),
                name,
                original: original.unbind(),
                stand_in: stand_in.unbind(),
            });
        }
        Ok(Self(probes))
    }

    /// Puts the stand-ins into place, or the originals back. What the program has put there itself
    /// stays.
    pub(super) fn put(&self, py: Python<'_>, on: bool) {
        for probe in &self.0 {
            let (from, to) = if on {
                (&probe.original, &probe.stand_in)
            } else {
                (&probe.stand_in, &probe.original)
            };
            let home = probe.home.bind(py);
            let now = forgive(py, home.get_item(probe.name)).flatten();
            if now.is_some_and(|now| now.is(from)) {
                forgive(py, home.set_item(probe.name, to));
            }
        }
    }
}

/// `os` says of some functions what they can do, by sets of the functions themselves.
fn register(
    os: &Bound<'_, PyModule>,
    original: &Bound<'_, PyAny>,
    stand_in: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for set in [
        "supports_dir_fd",
        "supports_effective_ids",
        "supports_fd",
        "supports_follow_symlinks",
    ] {
        if let Ok(set) = os.getattr(set)?.cast::<PySet>()
            && set.contains(original)?
        {
            set.add(stand_in)?;
        }
    }
    Ok(())
}

/// CPython ends a daemon thread at exit by `pthread_exit`, also while it waits in one of these: that
/// unwinds the frames, and must get through. What catches panics is therefore never inlined into them.
type StandIn = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

unsafe extern "C-unwind" {
    /// pyo3's own declaration is of a function that is never unwound.
    fn PyObject_Vectorcall(
        function: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// A C function that is bound to `original` and looks like it.
fn stand_in<'py>(original: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = original.py();
    let call: StandIn = match name {
        "stat" => stat,
        _ => probe,
    };
    // SAFETY: `original` is a C function, checked by the caller. The definition is never freed, for
    // the new function may live for ever; its name and text are those of the original's, which is
    // static. It is C that calls through the pointer, which says nothing of unwinding. The result is a
    // new reference or null.
    unsafe {
        let of_original = (*original.as_ptr().cast::<ffi::PyCFunctionObject>()).m_ml;
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: (*of_original).ml_name,
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: transmute::<StandIn, ffi::PyCFunctionFastWithKeywords>(
                    call,
                ),
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: (*of_original).ml_doc,
        }));
        let home = original.getattr("__module__")?;
        let made = ffi::PyCFunction_NewEx(definition, original.as_ptr(), home.as_ptr());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

unsafe extern "C-unwind" fn stat(
    original: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `probe`.
    unsafe {
        note_stat(arguments, count, names);
        call(original, arguments, count, names)
    }
}

unsafe extern "C-unwind" fn probe(
    original: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls this attached, by the vectorcall protocol, with the object that the
    // function is bound to.
    unsafe {
        note_probe(arguments, count, names);
        call(original, arguments, count, names)
    }
}

/// # Safety
///
/// The thread is attached, and the arguments are those of a vectorcall under way.
#[inline(never)]
unsafe fn note_stat(
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if reads::current().is_some() {
            let py = Python::assume_attached();
            let look = if frames::is_probing(py) {
                Look::Presence
            } else {
                Look::Content
            };
            note(py, arguments, count, names, look);
        }
    }
}

/// # Safety
///
/// As for [`note_stat`].
#[inline(never)]
unsafe fn note_probe(
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if reads::current().is_some() {
            note(
                Python::assume_attached(),
                arguments,
                count,
                names,
                Look::Presence,
            );
        }
    }
}

unsafe extern "C-unwind" fn call(
    original: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the arguments are passed on as they came; their number is not negative.
    unsafe { PyObject_Vectorcall(original, arguments, count.unsigned_abs(), names) }
}

/// Notes the path that is the first argument, or the one that is called `path`.
///
/// # Safety
///
/// The arguments are those of a vectorcall under way.
unsafe fn note(
    py: Python<'_>,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    look: Look,
) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise; null stands for no names.
        let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) };
        let names = names.and_then(|names| names.cast_into::<PyTuple>().ok());
        let called = |wanted: &str| {
            names
                .as_ref()?
                .iter()
                .position(|name| name.extract::<String>().is_ok_and(|name| name == wanted))
        };
        // SAFETY: the caller's promise; the named ones come after the `count` others.
        let argument =
            |place: usize| unsafe { Bound::from_borrowed_ptr(py, *arguments.add(place)) };
        let count = count.unsigned_abs();
        let named = |wanted: &str| called(wanted).map(|place| argument(count + place));
        if named("dir_fd").is_some_and(|folder| !folder.is_none()) {
            return;
        }
        let path = if count > 0 {
            Some(argument(0))
        } else {
            named("path")
        };
        let path = path
            .filter(|path| !path.is_none())
            .and_then(|path| path_of(&path));
        if let (Some(path), Some(reader), Some(engine)) = (path, reads::recorder(), Engine::get()) {
            engine.note_looked(reader, &path, look);
        }
    }));
}
