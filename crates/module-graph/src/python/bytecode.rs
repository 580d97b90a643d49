//! A module's code from its `.pyc` file, by CPython's own rules.
//!
//! Covers the usual case alone: a cache in `__pycache__` that is keyed by the source's time and
//! size. For anything else the answer is "none", and CPython's loader compiles, or reads, and
//! writes the cache as it always does.
#![expect(
    unsafe_code,
    reason = "unmarshalling from memory is a call of the C API"
)]

use std::{
    cell::RefCell,
    fs::{File, Metadata},
    io::Read as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use pyo3::{
    ffi,
    prelude::*,
    types::{PyCode, PyString},
};

/// Magic number, flags, source time and source size, four bytes each.
const HEADER: usize = 16;

thread_local! {
    /// What the last cache held: one buffer for all of them.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Larger buffers are let go after use.
const BUFFER_KEPT: usize = 1 << 20;

/// How this interpreter names and marks its bytecode.
pub(super) struct Bytecode {
    magic: [u8; 4],
    /// What stands between the module's name and `.py` in a cache file's name, such as
    /// `.cpython-311.pyc`; `None` if the caches are somewhere else or are not to be trusted.
    suffix: Option<String>,
    fix_file_name: Py<PyAny>,
}

impl Bytecode {
    /// Asks the interpreter.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let magic = py
            .import("_frozen_importlib_external")?
            .getattr("MAGIC_NUMBER")?
            .extract::<[u8; 4]>()?;
        let tag: Option<String> = sys
            .getattr("implementation")?
            .getattr("cache_tag")?
            .extract()?;
        let elsewhere = !sys.getattr("pycache_prefix")?.is_none();
        let optimized = sys
            .getattr("flags")?
            .getattr("optimize")?
            .extract::<i32>()?
            != 0;
        let suffix = tag
            .filter(|_| !elsewhere && !optimized)
            .map(|tag| format!(".{tag}.pyc"));
        Ok(Self {
            magic,
            suffix,
            fix_file_name: py.import("_imp")?.getattr("_fix_co_filename")?.unbind(),
        })
    }

    /// The cache file of the source file `path`, if it is where this type looks.
    pub(super) fn cache_of(&self, path: &Path) -> Option<PathBuf> {
        let mut name = path.file_stem()?.to_os_string();
        name.push(self.suffix.as_ref()?);
        Some(path.parent()?.join("__pycache__").join(name))
    }

    /// The code of the source file `file`, whose properties are `source`, if a cache holds it as the
    /// file is now.
    pub(super) fn load<'py>(
        &self,
        file: &Bound<'py, PyString>,
        source: &Metadata,
    ) -> Option<Bound<'py, PyAny>> {
        let cache = self.cache_of(file.to_str().ok()?.as_ref())?;
        let code = BUFFER.with(|buffer| {
            // Garbage that is collected on the way may run code that imports: CPython loads that.
            let mut buffer = buffer.try_borrow_mut().ok()?;
            let length = read_whole(&cache, &mut buffer)?;
            let code = self.unmarshal(file.py(), &buffer[..length], source);
            if buffer.capacity() > BUFFER_KEPT {
                *buffer = Vec::new();
            }
            code
        })?;
        // A cache that moved with its project names the files where they were.
        let name = code.getattr(pyo3::intern!(file.py(), "co_filename")).ok()?;
        if !name
            .cast_exact::<PyString>()
            .is_ok_and(|name| name.to_str().ok() == file.to_str().ok())
        {
            let fix = self.fix_file_name.bind(file.py());
            fix.call1((&code, file)).ok()?;
        }
        Some(code)
    }

    fn unmarshal<'py>(
        &self,
        py: Python<'py>,
        cache: &[u8],
        source: &Metadata,
    ) -> Option<Bound<'py, PyAny>> {
        let modified = source.modified().ok()?;
        let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let is_current = cache.len() > HEADER
            && cache[..4] == self.magic
            && cache[4..8] == [0; 4]
            && cache[8..12] == low_four_bytes(seconds)
            && cache[12..16] == low_four_bytes(source.len());
        if !is_current {
            return None;
        }
        let code = &cache[HEADER..];
        // SAFETY: the pointer and length are those of a live slice; the result is new or null.
        let code = unsafe {
            let length = code.len().try_into().ok()?;
            let code = ffi::PyMarshal_ReadObjectFromString(code.as_ptr().cast(), length);
            Bound::from_owned_ptr_or_err(py, code).ok()?
        };
        code.is_exact_instance_of::<PyCode>().then_some(code)
    }
}

/// Reads a file to the start of `buffer` and returns its length. Takes one call of the system if the
/// buffer has grown beyond that before.
fn read_whole(path: &Path, buffer: &mut Vec<u8>) -> Option<usize> {
    let mut file = File::open(path).ok()?;
    let mut length = 0;
    loop {
        if length == buffer.len() {
            buffer.resize((length * 2).max(1 << 14), 0);
        }
        let room = buffer.len() - length;
        let read = file.read(&mut buffer[length..]).ok()?;
        length += read;
        // A regular file gives less than it was asked for at its end only.
        if read < room {
            return Some(length);
        }
    }
}

/// CPython keeps the low 32 bits of both numbers.
fn low_four_bytes(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
