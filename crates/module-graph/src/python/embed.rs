//! An interpreter for programs that bring none: the virtual environment's own, as far as anybody
//! inside can tell.
//!
//! CPython finds its standard library and `pyvenv.cfg` from the path of its executable, so the
//! interpreter is started under the name of the environment's `python`.
#![expect(unsafe_code, reason = "an interpreter is configured through the C API")]

use std::{
    ffi::{CStr, CString},
    mem::MaybeUninit,
    path::Path,
};

use pyo3::{ffi, prelude::*};

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// This process has an interpreter already.
    #[error("this process already runs a Python interpreter")]
    AlreadyInitialized,
    /// The path cannot be handed to CPython.
    #[error("the path of the interpreter holds a zero byte")]
    InvalidPath,
    /// CPython's own words.
    #[error("CPython did not start: {0}")]
    Refused(String),
}

/// The version that this program is linked to, as `(3, 11)`.
pub fn linked_version() -> (u8, u8) {
    // SAFETY: returns a static string, before initialization too.
    let text = unsafe { CStr::from_ptr(ffi::Py_GetVersion()) }
        .to_string_lossy()
        .into_owned();
    let mut parts = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Whether this process has an interpreter.
pub fn is_initialized() -> bool {
    // SAFETY: callable at any time.
    unsafe { ffi::Py_IsInitialized() != 0 }
}

/// Whether this thread is attached to the interpreter. Call it only while there is one.
pub(super) fn is_attached() -> bool {
    // SAFETY: looks at the calling thread's own state.
    unsafe { ffi::PyGILState_Check() != 0 }
}

/// Starts the interpreter whose executable is `executable`, which must be of the
/// [`linked_version`]. Do not resolve its links: `pyvenv.cfg` lies beside the link.
///
/// # Errors
///
/// [`EmbedError`] if there is one already, or CPython refuses.
pub fn initialize(executable: &Path) -> Result<(), EmbedError> {
    if is_initialized() {
        return Err(EmbedError::AlreadyInitialized);
    }
    let executable = CString::new(executable.as_os_str().as_encoded_bytes())
        .map_err(|_| EmbedError::InvalidPath)?;
    let mut config = MaybeUninit::<ffi::PyConfig>::uninit();
    // SAFETY: the config is initialized first, its strings are set through CPython's functions, and
    // it is cleared on every way out. No interpreter runs, so no other thread uses one.
    unsafe {
        ffi::PyConfig_InitPythonConfig(config.as_mut_ptr());
        let config = config.assume_init_mut();
        config.parse_argv = 0;
        let status = start(config, &executable);
        ffi::PyConfig_Clear(config);
        status?;
        // The thread is attached now; from here on `Python::attach` does that.
        ffi::PyEval_SaveThread();
    }
    Ok(())
}

/// # Safety
///
/// `config` is initialized and no interpreter runs.
unsafe fn start(config: &mut ffi::PyConfig, executable: &CStr) -> Result<(), EmbedError> {
    let config: *mut ffi::PyConfig = config;
    // SAFETY: the caller's promise; the places are fields of the live config.
    unsafe {
        for place in [
            &raw mut (*config).executable,
            &raw mut (*config).program_name,
        ] {
            check(ffi::PyConfig_SetBytesString(
                config,
                place,
                executable.as_ptr(),
            ))?;
        }
        check(ffi::Py_InitializeFromConfig(config))
    }
}

fn check(status: ffi::PyStatus) -> Result<(), EmbedError> {
    // SAFETY: plain reads of a status that CPython returned; the message is null or static.
    unsafe {
        if ffi::PyStatus_Exception(status) == 0 {
            return Ok(());
        }
        let text = if status.err_msg.is_null() {
            "no reason given".into()
        } else {
            CStr::from_ptr(status.err_msg)
                .to_string_lossy()
                .into_owned()
        };
        Err(EmbedError::Refused(text))
    }
}

/// Whether the interpreter finds a standard library that was built like itself: one of its extension
/// modules is imported. Builds of one version differ in which of them are built in.
///
/// # Errors
///
/// The `ImportError`, if it does not.
pub fn verify() -> PyResult<()> {
    Python::attach(|py| {
        ["select", "math"]
            .iter()
            .try_for_each(|name| py.import(*name).map(drop))
    })
}

/// Ends the interpreter: `atexit` handlers run, buffers are flushed. Returns whether all went well.
pub fn finalize() -> bool {
    // SAFETY: the call needs an attached thread, so one is attached and never detached again.
    unsafe {
        ffi::PyGILState_Ensure();
        ffi::Py_FinalizeEx() == 0
    }
}

/// Runs `body` attached to the interpreter.
pub fn attached<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
    Python::attach(body)
}
