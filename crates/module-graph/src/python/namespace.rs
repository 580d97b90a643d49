//! A module's names around a rerun: kept, restored, compared.
//!
//! A rerun executes in the module's own dict, which is never cleared: other threads see an old or a
//! new value, never a missing name. Afterwards the names are compared one by one with those from
//! before, and what did not change gets its old object back, so that everybody who holds one still
//! holds the module's.
//!
//! Kept true: an old object comes back only if nobody but the namespace holds the new one.
#![expect(unsafe_code, reason = "reference counts are read through the C API")]

use pyo3::{
    ffi,
    prelude::*,
    types::{PyCode, PyDict, PyFunction, PyString, PyTuple},
};
use rustc_hash::FxHashSet;

use super::{bindings::Bindings, equality};

/// Names of the import system and the interpreter. They are no values of the program.
const MACHINERY: [&str; 8] = [
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
                let is_special = name.starts_with("__") && name.ends_with("__");
                if !is_special && !code.global.contains(&name) {
                    bound.insert(name);
                }
            }
        }
        Ok(bound)
    }

    /// Takes out names that the new source does not bind anywhere, before it runs: code that still
    /// uses one must fail, as it would in a fresh start. [`restore`](Self::restore) undoes it.
    pub(super) fn drop_unbound(&self, bound: &FxHashSet<String>, new: &Bindings) -> PyResult<()> {
        if new.star_import || new.reflects {
            return Ok(());
        }
        let is_unbound =
            |name: &String| !new.top_level.contains(name) && !new.global.contains(name);
        self.drop_stale(
            &bound
                .iter()
                .filter(|name| is_unbound(name))
                .cloned()
                .collect(),
        )
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

    /// Ends a run that went well: drops the `stale` names, keeps the old objects of values that did
    /// not change, and says which names did, sorted.
    pub(super) fn compare(self, stale: &FxHashSet<String>) -> PyResult<Vec<String>> {
        self.drop_stale(stale)?;
        let mut changed = FxHashSet::default();
        let mut functions = Vec::new();
        for (key, old) in &self.before {
            let Ok(name) = key.extract::<String>() else {
                continue;
            };
            if MACHINERY.contains(&name.as_str()) {
                continue;
            }
            let Some(new) = self.namespace.get_item(&key)? else {
                changed.insert(name);
                continue;
            };
            match self.compare_values(&old, &new)? {
                Verdict::Same => {}
                Verdict::Equal if equality::is_constant(&new)? => {}
                Verdict::Equal => {
                    if !self.put_back(&key, &old, new)? {
                        changed.insert(name);
                    }
                }
                Verdict::EqualFunction(new) => functions.push(Function::new(name, key, old, new)?),
                Verdict::Different => {
                    changed.insert(name);
                }
            }
        }
        for name in self.namespace.keys() {
            if !self.before.contains(&name)?
                && let Ok(name) = name.extract()
            {
                changed.insert(name);
            }
        }
        self.settle_functions(functions, &mut changed)?;
        let mut changed: Vec<_> = changed.into_iter().collect();
        changed.sort_unstable();
        Ok(changed)
    }

    fn compare_values(
        &self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Verdict<'py>> {
        if old.is(new) {
            return Ok(Verdict::Same);
        }
        if let (Ok(old), Ok(new)) = (old.cast::<PyFunction>(), new.cast::<PyFunction>()) {
            let same = self.is_own(old)? && self.is_own(new)? && equality::same_function(old, new)?;
            return Ok(if same {
                Verdict::EqualFunction(new.clone())
            } else {
                Verdict::Different
            });
        }
        Ok(if equality::same(old, new)? {
            Verdict::Equal
        } else {
            Verdict::Different
        })
    }

    /// Whether the function was defined in this module, so that its globals are the ones compared.
    fn is_own(&self, function: &Bound<'py, PyFunction>) -> PyResult<bool> {
        Ok(function.getattr("__globals__")?.is(&self.namespace))
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
        let Ok(module) = value.cast::<PyModule>() else {
            return Ok(false);
        };
        let Some(own) = self.namespace.get_item("__name__")? else {
            return Ok(false);
        };
        let full = module.dict().get_item("__name__")?;
        full.map_or(Ok(false), |full| full.eq(format!("{own}.{name}")))
    }

    /// A function with the code of before still changed if a global that it loads did. What nobody
    /// could tell apart from the old function gives way to it.
    fn settle_functions(
        &self,
        mut functions: Vec<Function<'py>>,
        changed: &mut FxHashSet<String>,
    ) -> PyResult<()> {
        loop {
            let known = changed.len();
            let mut same = Vec::new();
            for function in functions {
                if function
                    .loads
                    .as_ref()
                    .is_some_and(|loads| loads.is_disjoint(changed))
                {
                    same.push(function);
                } else {
                    changed.insert(function.name);
                }
            }
            if changed.len() > known {
                functions = same;
                continue;
            }
            // Each that cannot go back is one more change, which may reach the others.
            functions = Vec::new();
            for function in same {
                if is_held_elsewhere(function.new.as_any(), Function::OWN_REFERENCES)
                    || has_shared_defaults(&function.new)?
                {
                    changed.insert(function.name);
                } else {
                    functions.push(function);
                }
            }
            if changed.len() == known {
                break;
            }
        }
        for function in functions {
            // The lines may have moved: the old object takes the new code.
            function
                .old
                .setattr("__code__", function.new.getattr("__code__")?)?;
            self.namespace.set_item(function.key, function.old)?;
        }
        Ok(())
    }

    /// Puts `old` back in place of the equal `new`, unless somebody else holds that.
    fn put_back(
        &self,
        key: &Bound<'py, PyAny>,
        old: &Bound<'py, PyAny>,
        new: Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        // Held by the namespace and by `new` itself.
        if is_held_elsewhere(&new, 2) || shares_parts(&new)? {
            return Ok(false);
        }
        self.namespace.set_item(key, old)?;
        Ok(true)
    }
}

enum Verdict<'py> {
    Same,
    Equal,
    EqualFunction(Bound<'py, PyFunction>),
    Different,
}

/// A function whose code the rerun did not change.
struct Function<'py> {
    name: String,
    key: Bound<'py, PyAny>,
    old: Bound<'py, PyAny>,
    new: Bound<'py, PyFunction>,
    /// The globals that it may load; `None` if it can reach any.
    loads: Option<FxHashSet<String>>,
}

impl<'py> Function<'py> {
    /// References to `new` that are no other holder's: the namespace's and the field.
    const OWN_REFERENCES: isize = 2;

    fn new(
        name: String,
        key: Bound<'py, PyAny>,
        old: Bound<'py, PyAny>,
        new: Bound<'py, PyFunction>,
    ) -> PyResult<Self> {
        let mut loads = FxHashSet::default();
        collect_names(new.getattr("__code__")?, &mut loads)?;
        let known = !REFLECTION.iter().any(|&name| loads.contains(name));
        Ok(Self {
            name,
            key,
            old,
            new,
            loads: known.then_some(loads),
        })
    }
}

/// Names through which code reaches globals that it does not name.
const REFLECTION: [&str; 7] = [
    "eval",
    "exec",
    "globals",
    "locals",
    "vars",
    "__import__",
    "_getframe",
];

/// Every name in `code` and the code nested in it: a superset of the globals that it loads.
fn collect_names(code: Bound<'_, PyAny>, names: &mut FxHashSet<String>) -> PyResult<()> {
    let mut pending = vec![code];
    while let Some(code) = pending.pop() {
        for name in code.getattr("co_names")?.cast::<PyTuple>()? {
            names.insert(name.cast::<PyString>()?.to_string());
        }
        for constant in code.getattr("co_consts")?.cast::<PyTuple>()? {
            if constant.is_exact_instance_of::<PyCode>() {
                pending.push(constant);
            }
        }
    }
    Ok(())
}

fn is_held_elsewhere(value: &Bound<'_, PyAny>, own: isize) -> bool {
    // SAFETY: `value` is alive and the thread attached.
    unsafe { ffi::Py_REFCNT(value.as_ptr()) > own }
}

/// Whether anybody but the containers around it holds a part of `value` that can change: if so, the
/// old parts are not the ones that others would find in the old value.
fn shares_parts(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_exact_instance_of::<PyDict>() {
        let entries = value.cast::<PyDict>()?;
        for (key, item) in entries {
            if is_shared(&key)? || is_shared(&item)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    for item in value.try_iter()? {
        if is_shared(&item?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a part, which one container holds, has another holder or shares parts in turn.
fn is_shared(part: &Bound<'_, PyAny>) -> PyResult<bool> {
    if equality::is_constant(part)? {
        return Ok(false);
    }
    // Held by the container and by `part`.
    Ok(is_held_elsewhere(part, 2) || shares_parts(part)?)
}

fn has_shared_defaults(function: &Bound<'_, PyFunction>) -> PyResult<bool> {
    let defaults = function.getattr("__defaults__")?;
    let keywords = function.getattr("__kwdefaults__")?;
    Ok((!defaults.is_none() && shares_parts(&defaults)?)
        || (!keywords.is_none() && shares_parts(&keywords)?))
}
