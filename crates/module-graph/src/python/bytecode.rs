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
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use pyo3::{ffi, prelude::*, types::PyCode};

/// Magic number, flags, source time and source size, four bytes each.
const HEADER: usize = 16;

/// How this interpreter names and marks its bytecode.
pub(super) struct Bytecode {
    magic: [u8; 4],
    /// What stands between the module's name and `.py` in a cache file's name, such as
    /// `.cpython-311.pyc`; `None` if the caches are somewhere else or are not to be trusted.
    suffix: Option<String>,
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
        Ok(Self { magic, suffix })
    }

    /// The cache file of the source file `path`, if it is where this type looks.
    pub(super) fn cache_of(&self, path: &Path) -> Option<PathBuf> {
        let mut name = path.file_stem()?.to_os_string();
        name.push(self.suffix.as_ref()?);
        Some(path.parent()?.join("__pycache__").join(name))
    }

    /// The code of the source file `path`, if a cache holds it as the file is now.
    pub(super) fn load<'py>(&self, py: Python<'py>, path: &Path) -> Option<Bound<'py, PyAny>> {
        let bytes = fs::read(self.cache_of(path)?).ok()?;
        let source = fs::metadata(path).ok()?;
        let seconds = source
            .modified()
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_secs();
        let is_current = bytes.len() > HEADER
            && bytes[..4] == self.magic
            && bytes[4..8] == [0; 4]
            && bytes[8..12] == low_four_bytes(seconds)
            && bytes[12..16] == low_four_bytes(source.len());
        if !is_current {
            return None;
        }
        let code = &bytes[HEADER..];
        // SAFETY: the pointer and length are those of a live slice; the result is new or null.
        let code = unsafe {
            let length = code.len().try_into().ok()?;
            let code = ffi::PyMarshal_ReadObjectFromString(code.as_ptr().cast(), length);
            Bound::from_owned_ptr_or_err(py, code).ok()?
        };
        if !code.is_exact_instance_of::<PyCode>() {
            return None;
        }
        // A cache that moved with its project names the files where they were.
        py.import("_imp")
            .ok()?
            .call_method1("_fix_co_filename", (&code, path.as_os_str()))
            .ok()?;
        Some(code)
    }
}

/// CPython keeps the low 32 bits of both numbers.
fn low_four_bytes(number: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = number.to_le_bytes();
    [a, b, c, d]
}
