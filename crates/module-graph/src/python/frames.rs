//! Who on Python's stack looks at a file or at code: the import system, a probe of `os.path`,
//! `inspect`, or the program.
#![expect(
    unsafe_code,
    reason = "pyo3 has no safe way to the running frame, and a Python call would be seen itself"
)]

use std::sync::OnceLock;

use pyo3::{ffi, prelude::*, types::PyString};

/// The addresses of the import system's own namespaces. They live as long as the interpreter.
static IMPORT_SYSTEM: OnceLock<Vec<usize>> = OnceLock::new();

/// The modules whose functions ask what is at a path, and not what it holds.
const PROBERS: [&str; 6] = [
    "genericpath",
    "posixpath",
    "ntpath",
    "pathlib",
    "glob",
    "os",
];

/// Their functions that tell more.
const TELLERS: [&str; 5] = ["getmtime", "getatime", "getctime", "getsize", "samefile"];

/// Learns which frames are the import system's.
pub(super) fn learn(py: Python<'_>) -> PyResult<()> {
    let mut known = Vec::new();
    for name in [
        "_frozen_importlib",
        "_frozen_importlib_external",
        "zipimport",
    ] {
        known.push(py.import(name)?.dict().as_ptr() as usize);
    }
    // A second call finds the same.
    let _ = IMPORT_SYSTEM.set(known);
    Ok(())
}

/// Whether the import system is at work. If it only reads a file for the program, as
/// `pkgutil.get_data` asks a loader to, it is not.
pub(super) fn is_importing(py: Python<'_>) -> bool {
    let Some(frame) = Frame::current(py) else {
        return false;
    };
    if !frame.is_import_systems() {
        return false;
    }
    let for_program = frame.function() == "get_data"
        && frame
            .back()
            .is_some_and(|caller| !caller.is_import_systems());
    !for_program
}

/// Whether whoever looks at a path only asks what kind of thing is there.
pub(super) fn is_probing(py: Python<'_>) -> bool {
    let Some(frame) = Frame::current(py) else {
        return false;
    };
    if !frame.is_probers() {
        return false;
    }
    match frame.function().as_str() {
        // `Path.stat` is called by `Path.exists` and its like, or by the program.
        "stat" | "lstat" => frame.back().is_some_and(|caller| caller.is_probers()),
        name => !TELLERS.contains(&name),
    }
}

/// Whether `inspect` asks for the shape of a function: its parameters, its flags, its place in a file.
/// It is in the code, and stays when only the body changes.
pub(super) fn is_inspecting(py: Python<'_>) -> bool {
    let name = Frame::current(py).and_then(|frame| frame.module_name());
    name.is_some_and(|name| name == "inspect")
}

/// The names of the module whose code runs.
pub(super) fn namespace(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    Frame::current(py).map(|frame| frame.globals())
}

struct Frame<'py>(Bound<'py, PyAny>);

impl<'py> Frame<'py> {
    fn current(py: Python<'py>) -> Option<Self> {
        // SAFETY: the thread is attached; the result is borrowed, or null if no Python code runs.
        let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) };
        frame.map(Self)
    }

    fn back(&self) -> Option<Self> {
        // SAFETY: `self` is a live frame; the result is a new reference or null.
        let back = unsafe {
            let back = ffi::PyFrame_GetBack(self.0.as_ptr().cast());
            Bound::from_owned_ptr_or_opt(self.0.py(), back.cast())
        };
        back.map(Self)
    }

    fn globals(&self) -> Bound<'py, PyAny> {
        // SAFETY: `self` is a live frame; the result is a new reference, never null.
        unsafe {
            let globals = ffi::PyFrame_GetGlobals(self.0.as_ptr().cast());
            Bound::from_owned_ptr(self.0.py(), globals)
        }
    }

    fn is_import_systems(&self) -> bool {
        let globals = self.globals().as_ptr() as usize;
        IMPORT_SYSTEM
            .get()
            .is_some_and(|known| known.contains(&globals))
    }

    fn is_probers(&self) -> bool {
        self.module_name().is_some_and(|name| {
            let top = name.split('.').next().unwrap_or(&name);
            PROBERS.contains(&top)
        })
    }

    fn module_name(&self) -> Option<String> {
        let name = self.globals().get_item("__name__").ok()?;
        name.extract().ok()
    }

    /// The name of the function that runs in the frame.
    fn function(&self) -> String {
        // SAFETY: `self` is a live frame; the result is a new reference, never null.
        let code: Bound<'_, PyAny> = unsafe {
            let code = ffi::PyFrame_GetCode(self.0.as_ptr().cast());
            Bound::from_owned_ptr(self.0.py(), code.cast())
        };
        let name = code.getattr(pyo3::intern!(code.py(), "co_name"));
        let name = name.ok().and_then(|name| name.cast_into::<PyString>().ok());
        name.map_or_else(String::new, |name| name.to_string())
    }
}
