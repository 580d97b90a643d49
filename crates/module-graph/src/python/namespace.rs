//! A module's names around a rerun: kept, restored, compared.
//!
//! A rerun executes in the module's own dict, which is never cleared: other threads see an old or a
//! new value, never a missing name. Afterwards the names are compared one by one with those from
//! before ([`unify`]), and what can stay gets its old object back, so that everybody
//! who holds one still holds the module's.

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::{
    bindings::Bindings,
    equality,
    unify::{self, Changes},
};
use crate::equality::Equality;

/// Names of the import system and the interpreter. They are no values of the program.
pub(super) const MACHINERY: [&str; 8] = [
    "__builtins__",
    "__cached__",
    "__file__",
    "__loader__",
    "__name__",
    "__package__",
    "__path__",
    "__spec__",
];

/// Names that a run adds to and that a fresh start would find empty.
const ACCUMULATED: [&str; 3] = [
    "__annotations__",
    "__annotate__",
    "__conditional_annotations__",
];

/// A module's names as they were before a run.
pub(super) struct Snapshot<'py> {
    namespace: Bound<'py, PyDict>,
    before: Bound<'py, PyDict>,
}

impl<'py> Snapshot<'py> {
    /// Remembers `namespace`, then takes out of it what a run would otherwise add to.
    pub(super) fn take(namespace: Bound<'py, PyDict>) -> PyResult<Self> {
        let before = namespace.copy()?;
        let is_main = namespace
            .get_item("__name__")?
            .is_some_and(|n| n.eq("__main__").is_ok_and(|b| b));
        for name in ACCUMULATED {
            if namespace.contains(name)? {
                namespace.del_item(name)?;
                // Until 3.13 CPython gives `__main__`, and no other module, an empty one.
                if is_main && name == "__annotations__" {
                    namespace.set_item(name, PyDict::new(namespace.py()))?;
                }
            }
        }
        if namespace.get_item("__doc__")?.is_some() {
            namespace.set_item("__doc__", namespace.py().None())?;
        }
        Ok(Self { namespace, before })
    }

    /// The names and their values from before.
    pub(super) fn names(&self) -> &Bound<'py, PyDict> {
        &self.before
    }

    /// The names that the first run of the module bound, which nothing recorded. What a star import
    /// gave is not in the code: it is whatever else there is.
    pub(super) fn bound_by_first_run(&self, code: &Bindings) -> PyResult<FxHashSet<String>> {
        let mut bound = code.top_level.clone();
        if code.star_import {
            for name in self.before.keys() {
                let name: String = name.extract()?;
                if !is_special(&name) && !code.global.contains(&name) {
                    bound.insert(name);
                }
            }
        }
        Ok(bound)
    }

    /// Takes out names of the last run that the `new` source does not bind anywhere, before it runs:
    /// code that still uses one must fail, as it would in a fresh start. Where the new source may bind
    /// any name, by a star import or through its namespace, those go that the `old` source itself had
    /// bound. Returns the names. [`restore`](Self::restore) undoes it.
    pub(super) fn drop_unbound(
        &self,
        bound: &FxHashSet<String>,
        old: &Bindings,
        new: &Bindings,
    ) -> PyResult<FxHashSet<String>> {
        let is_unbound = |name: &&String| {
            !new.top_level.contains(*name)
                && !new.global.contains(*name)
                && (!new.are_open() || old.top_level.contains(*name))
        };
        let dropped = bound.iter().filter(is_unbound).cloned().collect();
        self.drop_stale(&dropped)?;
        Ok(dropped)
    }

    /// Puts every name back to what it was. Names that the failed run added go, but submodules, which
    /// are returned: the import system will not put them there again.
    pub(super) fn restore(self) -> PyResult<Vec<String>> {
        let mut kept = Vec::new();
        for (key, value) in self.namespace.copy()? {
            if self.before.contains(&key)? {
                continue;
            }
            let name: String = key.extract()?;
            if self.is_submodule(&name, &value)? {
                kept.push(name);
            } else {
                self.namespace.del_item(key)?;
            }
        }
        self.namespace.update(self.before.as_mapping())?;
        Ok(kept)
    }

    /// The names whose values differ from before, sorted.
    pub(super) fn changed_so_far(&self) -> PyResult<Vec<String>> {
        let mut changed = Vec::new();
        for (key, old) in &self.before {
            let now = self.namespace.get_item(&key)?;
            if !now.map_or(Ok(false), |now| equality::same(&old, &now))? {
                changed.push(key.extract()?);
            }
        }
        for key in self.namespace.keys() {
            if !self.before.contains(&key)? {
                changed.push(key.extract()?);
            }
        }
        changed.sort_unstable();
        Ok(changed)
    }

    /// Ends a run that went well: drops the `stale` names, keeps the old objects of what can stay,
    /// and says what changed. `in_place` are the objects that other modules' runs changed.
    pub(super) fn compare(
        self,
        stale: &FxHashSet<String>,
        in_place: &[Py<PyAny>],
        equality: Equality,
    ) -> PyResult<Changes> {
        self.drop_stale(stale)?;
        match equality {
            Equality::Value => unify::unify(&self.namespace, &self.before, in_place),
            Equality::Identity => unify::tell_apart(&self.namespace, &self.before, in_place),
        }
    }

    /// A name that something other than the module's top level has bound since is not stale, and
    /// neither is a submodule: the import system put it there.
    fn drop_stale(&self, stale: &FxHashSet<String>) -> PyResult<()> {
        let mut stale: Vec<_> = stale.iter().collect();
        stale.sort_unstable();
        for name in stale {
            let old = self.before.get_item(name)?;
            let now = self.namespace.get_item(name)?;
            if let (Some(old), Some(now)) = (old, now)
                && old.is(&now)
                && !self.is_submodule(name, &now)?
            {
                self.namespace.del_item(name)?;
            }
        }
        Ok(())
    }

    fn is_submodule(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        is_submodule(&self.namespace, name, value)
    }
}

/// Whether `value` is the submodule `name` of the package that `namespace` is of.
pub(super) fn is_submodule<'py>(
    namespace: &Bound<'py, PyDict>,
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    let Ok(module) = value.cast::<PyModule>() else {
        return Ok(false);
    };
    let Some(own) = namespace.get_item("__name__")? else {
        return Ok(false);
    };
    let full = module.dict().get_item("__name__")?;
    full.map_or(Ok(false), |full| full.eq(format!("{own}.{name}")))
}

/// Whether Python gives the name to a fresh module, or keeps such names for itself.
pub(super) fn is_special(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}
