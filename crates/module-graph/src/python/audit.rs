//! Files that are opened, folders that are listed, what is written, code that is looked at, and
//! imports and executions that begin: told by CPython itself.
//!
//! CPython raises an audit event before it opens a file, in Python code or in its own C code. A hook
//! can never be taken out again, so this one looks at two letters of the event's name first, and
//! does nothing for other events.
//!
//! Kept true: the hook never raises, and leaves an exception that is set as it is.
#![expect(unsafe_code, reason = "an audit hook is a C function")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    ptr,
};

use pyo3::{
    exceptions::PyRuntimeError,
    ffi, intern,
    prelude::*,
    types::{PyString, PyTuple},
};

use super::{engine::Engine, errors::forgive, frames, inputs::Look, places::path_of, reads};

unsafe extern "C" {
    /// Missing from pyo3's bindings; part of CPython's C API since 3.8.
    fn PySys_AddAuditHook(
        hook: unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// Installs the hook, for the life of the process.
pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the hook is a function of this library, which is never unloaded, and needs no data.
    let refused = unsafe { PySys_AddAuditHook(hook, ptr::null_mut()) } != 0;
    match PyErr::take(py) {
        Some(error) => Err(error),
        None if refused => Err(PyRuntimeError::new_err("an audit hook refused another one")),
        None => Ok(()),
    }
}

/// What an event says that was done with the path at this place among its arguments.
enum Event {
    Opens,
    Lists,
    Writes(&'static [usize]),
    Connects,
    ReadsAttribute,
    Imports,
    Executes,
    LooksAtFrames,
}

/// What sqlite puts beside a database while it writes.
const BESIDE_DATABASE: [&str; 4] = ["", "-journal", "-wal", "-shm"];

fn event_of(name: &[u8]) -> Option<Event> {
    Some(match name {
        b"open" => Event::Opens,
        b"os.listdir" | b"os.scandir" => Event::Lists,
        b"os.mkdir" | b"os.remove" | b"os.rmdir" | b"os.truncate" => Event::Writes(&[0]),
        b"sqlite3.connect" => Event::Connects,
        b"object.__getattr__" => Event::ReadsAttribute,
        b"import" => Event::Imports,
        b"exec" => Event::Executes,
        b"sys._getframe" | b"sys._current_frames" => Event::LooksAtFrames,
        b"os.rename" => Event::Writes(&[0, 1]),
        b"os.link" | b"os.symlink" => Event::Writes(&[1]),
        _ => return None,
    })
}

unsafe extern "C" fn hook(
    name: *const c_char,
    arguments: *mut ffi::PyObject,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: CPython passes a C string; `&&` reads no further than its end.
    let may_matter = unsafe {
        let at = |place| *name.add(place).cast::<u8>();
        match at(0) {
            b'o' => matches!(at(1), b'p' | b's' | b'b'),
            b's' => matches!(at(1), b'q' | b'y'),
            b'i' => at(1) == b'm',
            b'e' => at(1) == b'x',
            _ => false,
        }
    };
    if !may_matter {
        return 0;
    }
    // SAFETY: as above; the string outlives this call.
    let name = unsafe { CStr::from_ptr(name) };
    let Some(event) = event_of(name.to_bytes()) else {
        return 0;
    };
    if arguments.is_null() {
        return 0;
    }
    // SAFETY: events are raised attached, and before the interpreter ends; `arguments` is a live
    // tuple.
    let (py, arguments) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, arguments))
    };
    // A panic must not cross into C. What could not be noted is lost, and nothing else.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let raised = PyErr::take(py);
        if let Ok(arguments) = arguments.cast::<PyTuple>() {
            note(py, &event, arguments);
        }
        if let Some(raised) = raised {
            raised.restore(py);
        }
    }));
    0
}

fn note(py: Python<'_>, event: &Event, arguments: &Bound<'_, PyTuple>) {
    let Some(engine) = Engine::get() else { return };
    let path = |place: usize| path_of(&arguments.get_item(place).ok()?);
    match event {
        Event::Opens if is_write(arguments) => {
            if let Some(path) = path(0) {
                engine.note_written(&path, false);
            }
        }
        Event::Opens | Event::Lists => {
            let Some(reader) = reads::recorder() else {
                return;
            };
            let is_programs = |path: &PathBuf| {
                !frames::is_importing(py) || is_loaded_by_program(py, engine, path)
            };
            let Some(path) = path(0).filter(is_programs) else {
                return;
            };
            let look = match event {
                Event::Lists => Look::Listing,
                _ => Look::Content,
            };
            engine.note_looked(reader, &path, look);
        }
        Event::Writes(places) => {
            for path in places.iter().filter_map(|&place| path(place)) {
                engine.note_written(&path, false);
            }
        }
        Event::ReadsAttribute => {
            let (Some(reader), Ok((object, name))) = (
                reads::recorder(),
                arguments.extract::<(Bound<'_, PyAny>, Bound<'_, PyString>)>(),
            ) else {
                return;
            };
            if name == "__code__" {
                forgive(py, engine.code_read(reader, &object));
            }
        }
        Event::Imports => {
            let name = arguments.get_item(0);
            if reads::recorder().is_some()
                && let Ok(name) = name.and_then(|name| name.extract::<String>())
            {
                engine.import_begins(py, &name);
            }
        }
        // The file itself need not have been opened, if there was bytecode of it.
        Event::Executes => {
            let Some(reader) = reads::current() else {
                return;
            };
            let file = arguments.get_item(0);
            let file = file.and_then(|code| code.getattr(intern!(py, "co_filename")));
            let file = file.ok().and_then(|file| path_of(&file));
            if let Some(file) = file.filter(|file| is_loaded_by_program(py, engine, file)) {
                engine.note_looked(reader, &file, Look::Content);
            }
        }
        Event::LooksAtFrames => {
            if let Some(reader) = reads::current()
                && !frames::is_asking_for_name(py)
            {
                // Names are read off a frame without anybody seeing it.
                engine.state().slots[reader.index()].reads_unseen = true;
            }
        }
        Event::Connects => {
            let Some(database) = path(0) else { return };
            for end in BESIDE_DATABASE {
                let mut file = database.clone().into_os_string();
                file.push(end);
                engine.note_written(file.as_ref(), true);
            }
        }
    }
}

/// Whether the program has a loader of CPython's execute `file`, as `importlib`'s documentation shows
/// it. Such a module is known to the program alone: its file is data to whoever executes it.
fn is_loaded_by_program(py: Python<'_>, engine: &Engine, file: &Path) -> bool {
    let is_users = |file: PathBuf| {
        let folder = file.parent();
        folder.is_some_and(|folder| engine.roots().contain(folder))
    };
    frames::is_executing_file(py) && std::path::absolute(file).is_ok_and(is_users)
}

/// Whether the file is opened for writing: `O_WRONLY` or `O_RDWR`, on every system.
fn is_write(arguments: &Bound<'_, PyTuple>) -> bool {
    let flags = arguments
        .get_item(2)
        .and_then(|flags| flags.extract::<i64>());
    flags.is_ok_and(|flags| flags & 3 != 0)
}
