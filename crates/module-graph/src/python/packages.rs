//! Packages and their submodules, where CPython's import system shows less than it does.
//!
//! An import of `a.b` imports `a` first. If that imports `a.b` itself, CPython finds it loaded and
//! asks nobody, so that nothing says who wanted it. If `a` waits for its rerun, it has to run before
//! CPython looks for `a.b`: a submodule that both import would be made twice. CPython tells in an
//! audit event that an import begins, early enough for both.
//!
//! A submodule becomes an attribute of its package when it is loaded, and never again. A package that
//! failed at its first run is made anew, beside submodules that did not fail.
//!
//! Kept true: who imports a submodule has read it, and finds it in its package.

use pyo3::prelude::*;

use super::{engine::Engine, reads, settle, sys_modules::sys_modules};
use crate::{ModuleId, ModuleName, Read};

impl Engine {
    /// A load on this thread is about to import `name`, which is not loaded. Its packages that wait
    /// run first.
    pub(super) fn import_begins(&'static self, py: Python<'_>, name: &str) {
        for (end, _) in name.match_indices('.') {
            let package = {
                let state = self.state();
                let known = state.graph.find(&name[..end]);
                known.filter(|id| state.slots[id.index()].object.is_some())
            };
            let Some(package) = package else {
                // It is loaded now, and may load the submodule.
                return reads::want(name);
            };
            settle::settle(self, py, package);
        }
    }

    /// A module has been loaded for `reader`. The submodules that it wants and that are there now are
    /// noted as read.
    pub(super) fn note_wanted(&self, reader: ModuleId) {
        let mut state = self.state();
        for name in reads::take_wanted() {
            let loaded = state.graph.find(&name);
            match loaded.filter(|id| state.slots[id.index()].object.is_some()) {
                Some(submodule) => state.graph.read(reader, submodule, Read::Module),
                None => reads::want(&name),
            }
        }
    }

    /// Whether the module was there, or tried, and is not loaded.
    pub(super) fn is_lost(&self, name: &ModuleName) -> bool {
        let state = self.state();
        let known = state.graph.find(name.as_str());
        known.is_some_and(|id| state.slots[id.index()].object.is_none())
    }

    /// `package` is about to run, having been lost. The submodules that earlier batches have loaded
    /// become its attributes: they will not be loaded again.
    pub(super) fn bind_submodules(
        &self,
        package: &Bound<'_, PyModule>,
        name: &ModuleName,
    ) -> PyResult<()> {
        let py = package.py();
        let loaded: Vec<_> = {
            let state = self.state();
            let below = state.graph.below(name).into_iter();
            let below = below.filter(|&id| state.graph.name(id).parent() == Some(name.as_str()));
            // As under plain Python, it stays without those that this very batch has loaded.
            let below = below.filter(|id| !state.imported.contains(id));
            let object =
                |id: ModuleId| Some(state.slots[id.index()].object.as_ref()?.clone_ref(py));
            below
                .filter_map(|id| Some((state.graph.name(id).clone(), object(id)?)))
                .collect()
        };
        for (name, object) in loaded {
            let found = sys_modules(py).get_item(name.as_str())?;
            if found.is_some_and(|found| found.is(&object)) {
                package.setattr(name.tail(), object)?;
            }
        }
        Ok(())
    }
}
