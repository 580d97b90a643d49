//! An [`Update`] as a Python object: what `hmr.Reloader` returns and listeners are given.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::{Patched, Update};

/// What one batch of saves did.
#[pyclass(frozen, module = "hmr", name = "Update")]
pub struct UpdateObject(Update);

impl From<Update> for UpdateObject {
    fn from(update: Update) -> Self {
        Self(update)
    }
}

#[pymethods]
impl UpdateObject {
    /// The files that it was about, without those that hold what they held.
    #[getter]
    fn files(&self) -> Vec<PathBuf> {
        self.0.files.clone()
    }

    /// The names of the modules that ran, dependencies first.
    #[getter]
    fn ran(&self) -> Vec<String> {
        self.0
            .reran
            .iter()
            .map(|rerun| rerun.module.to_string())
            .collect()
    }

    /// How many statements were left out of the runs, because the edit did not reach them.
    #[getter]
    fn kept(&self) -> usize {
        self.0.reran.iter().map(|rerun| rerun.kept).sum()
    }

    /// What got new code or docstrings without a run: `m.f`, `m.C.m`, `m.f.__doc__`.
    #[getter]
    fn patched(&self) -> Vec<String> {
        let full = |patched: &Patched| {
            let module = patched.module.clone();
            let names = patched.names().into_iter();
            names.map(move |name| format!("{module}.{name}"))
        };
        self.0.patched.iter().flat_map(full).collect()
    }

    /// The names of the modules that accepted a change and did not run again for it.
    #[getter]
    fn accepted(&self) -> Vec<String> {
        self.0.accepted.iter().map(ToString::to_string).collect()
    }

    /// The names of the modules whose run raised, and their tracebacks.
    #[getter]
    fn failed(&self) -> Vec<(String, String)> {
        let failures = self.0.failures.iter();
        failures
            .map(|failure| (failure.module.to_string(), failure.traceback.clone()))
            .collect()
    }

    /// The names of the modules that left because their file did.
    #[getter]
    fn removed(&self) -> Vec<String> {
        self.0.removed.iter().map(ToString::to_string).collect()
    }

    /// The status with which the program asked to exit, or `None`.
    #[getter]
    fn exit_status(&self) -> Option<i32> {
        self.0.exit.as_ref().map(|exit| exit.status)
    }

    /// Milliseconds until everything had settled.
    #[getter]
    fn milliseconds(&self) -> f64 {
        self.0.elapsed.as_secs_f64() * 1e3
    }

    fn __repr__(&self) -> String {
        let failed: Vec<_> = self
            .0
            .failures
            .iter()
            .map(|f| f.module.to_string())
            .collect();
        format!("<Update ran={:?} failed={failed:?}>", self.ran())
    }
}
