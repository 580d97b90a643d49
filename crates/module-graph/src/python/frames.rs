//! Who on Python's stack looks at a file or at code: the import system, a probe of `os.path`,
//! `inspect`, or the program.
#![expect(
    unsafe_code,
    reason = "pyo3 has no safe way to the running frame, and a Python call would be seen itself"
)]

use std::{
    hash::{Hash as _, Hasher as _},
    sync::OnceLock,
};

use pyo3::{
    ffi, intern,
    prelude::*,
    types::{PyDict, PyString},
};
use rustc_hash::FxHasher;

use super::{startup::From, sys_modules::sys_modules};

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

/// The standard modules that ask for their caller's frame, for the name of its module or its place.
const NAMERS: [&str; 9] = [
    "abc",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "logging",
    "types",
    "typing",
    "warnings",
];

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

/// Whether a loader of the import system executes a file. The user's modules have the engine's, so
/// that this one was asked for by the program, or the file is not the user's.
pub(super) fn is_executing_file(py: Python<'_>) -> bool {
    let mut frame = Frame::current(py);
    while let Some(this) = frame.filter(Frame::is_import_systems) {
        if this.function() == "exec_module" {
            return true;
        }
        frame = this.back();
    }
    false
}

/// Whether an import is under way on this thread, however deep below.
pub(super) fn is_inside_import(py: Python<'_>) -> bool {
    let mut frame = Frame::current(py);
    while let Some(this) = frame {
        if this.is_import_systems() {
            return true;
        }
        frame = this.back();
    }
    false
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

/// The code that runs, and the byte in it of the instruction that does.
pub(super) fn instruction(py: Python<'_>) -> Option<(Bound<'_, PyAny>, usize)> {
    let frame = Frame::current(py)?;
    // SAFETY: the frame is alive.
    let place = unsafe { ffi::PyFrame_GetLasti(frame.0.as_ptr().cast()) };
    Some((frame.code(), usize::try_from(place).ok()?))
}

/// Whether it is one of the standard modules that ask for a frame's names to learn whose it is, that
/// runs.
pub(super) fn is_asking_for_name(py: Python<'_>) -> bool {
    let name = Frame::current(py).and_then(|frame| frame.module_name());
    name.is_some_and(|name| NAMERS.contains(&name.as_str()))
}

/// Whether `dataclasses` is at work, which looks into the class's module for nothing but what an
/// annotation's text could mean to itself.
pub(super) fn is_making_dataclass(py: Python<'_>) -> bool {
    let name = Frame::current(py).and_then(|frame| frame.module_name());
    name.is_some_and(|name| name == "dataclasses")
}

/// The names of the module whose code runs.
pub(super) fn namespace(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    Frame::current(py).map(|frame| frame.globals())
}

/// The line that the code of the module with this namespace has come to, if what it has called is in
/// the end code that `is_users` does not know.
pub(super) fn line_below_package(
    py: Python<'_>,
    namespace: &Bound<'_, PyDict>,
    is_users: impl Fn(&Bound<'_, PyAny>) -> bool,
) -> Option<u32> {
    let mut frame = Frame::current(py)?;
    if is_users(&frame.code()) {
        return None;
    }
    loop {
        if frame.function() == "<module>" && frame.globals().is(namespace) {
            return frame.line().try_into().ok();
        }
        frame = frame.back()?;
    }
}

/// What the running code is part of: the entry itself, or something that the entry's last statement
/// dispatches to.
///
/// In asyncio the main task is the entry's. With a loop that has no frames of its own (uvloop) it is
/// known from the `Runner` around it.
pub(super) fn origin(py: Python<'_>) -> From {
    origin_from(py, Frame::current(py))
}

/// The same for code that is about to be executed: who calls it.
pub(super) fn origin_of_call(py: Python<'_>) -> From {
    let current = Frame::current(py);
    // Before that version the frame of what is called is not there yet.
    let caller = if cfg!(Py_3_12) {
        current.and_then(|callee| callee.back())
    } else {
        current
    };
    origin_from(py, caller)
}

fn origin_from<'py>(py: Python<'py>, mut frame: Option<Frame<'py>>) -> From {
    let mut path = FxHasher::default();
    let mut in_callback = false;
    while let Some(this) = frame {
        let code = this.code();
        (code.as_ptr() as usize).hash(&mut path);
        this.instruction().hash(&mut path);
        match role_of(&code) {
            Role::Entry => break,
            Role::Server => return From::Server,
            Role::Callback => in_callback = true,
            Role::Runs(local) => {
                // `asyncio.run` is a `run` as well, and has no such variable.
                if let Some(main) = this.local(local) {
                    if !current_task(py).is_some_and(|task| task.is(&main)) {
                        return From::Task;
                    }
                    in_callback = false;
                }
            }
            Role::Plain => {}
        }
        frame = this.back();
    }
    if in_callback {
        From::Task
    } else {
        From::Entry(path.finish())
    }
}

/// What a frame of this code says about the frames above it.
#[derive(Clone, Copy)]
enum Role {
    Plain,
    /// A module's top level, below which nothing is the program's.
    Entry,
    Server,
    Callback,
    /// It runs an event loop until the task in this local variable is done.
    Runs(&'static str),
}

fn role_of(code: &Bound<'_, PyAny>) -> Role {
    let py = code.py();
    let text = |name| {
        let text = code.getattr(name).ok()?;
        text.cast_into::<PyString>().ok()
    };
    let Some(name) = text(intern!(py, "co_name")) else {
        return Role::Plain;
    };
    let (wanted, role) = match name.to_str().unwrap_or_default() {
        // Only the entry's load asks, and no import runs above it.
        "<module>" => return Role::Entry,
        "serve_forever" => ("socketserver.py", Role::Server),
        "_run" => ("events.py", Role::Callback),
        "run_until_complete" => ("base_events.py", Role::Runs("future")),
        "run" => ("runners.py", Role::Runs("task")),
        _ => return Role::Plain,
    };
    let file = text(intern!(py, "co_filename"));
    match file.as_ref().and_then(|file| file.to_str().ok()) {
        Some(file) if file.ends_with(wanted) => role,
        _ => Role::Plain,
    }
}

fn current_task(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let asyncio = sys_modules(py).get_item("_asyncio").ok()??;
    if cfg!(Py_3_12) {
        return asyncio.call_method0(intern!(py, "current_task")).ok();
    }
    // There it is a function in Python, whose call would be seen itself.
    let event_loop = asyncio
        .call_method0(intern!(py, "_get_running_loop"))
        .ok()?;
    let tasks = asyncio.getattr(intern!(py, "_current_tasks")).ok()?;
    tasks.get_item(event_loop).ok()
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

    fn code(&self) -> Bound<'py, PyAny> {
        // SAFETY: `self` is a live frame; the result is a new reference, never null.
        unsafe {
            let code = ffi::PyFrame_GetCode(self.0.as_ptr().cast());
            Bound::from_owned_ptr(self.0.py(), code.cast())
        }
    }

    fn line(&self) -> i32 {
        // SAFETY: `self` is a live frame.
        unsafe { ffi::PyFrame_GetLineNumber(self.0.as_ptr().cast()) }
    }

    /// Where in its code the frame is. To find the line of that takes as long as the code is.
    fn instruction(&self) -> i32 {
        // SAFETY: `self` is a live frame.
        unsafe { ffi::PyFrame_GetLasti(self.0.as_ptr().cast()) }
    }

    fn local(&self, name: &str) -> Option<Bound<'py, PyAny>> {
        let locals = self.0.getattr(intern!(self.0.py(), "f_locals")).ok()?;
        locals.get_item(name).ok()
    }

    /// The name of the function that runs in the frame.
    fn function(&self) -> String {
        let code = self.code();
        let name = code.getattr(pyo3::intern!(code.py(), "co_name"));
        let name = name.ok().and_then(|name| name.cast_into::<PyString>().ok());
        name.map_or_else(String::new, |name| name.to_string())
    }
}
