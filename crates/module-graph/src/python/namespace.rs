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

use super::equality;

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

    /// Puts every name back to what it was. Names that the failed run added go.
    pub(super) fn restore(self) -> PyResult<()> {
        for name in self.namespace.keys() {
            if !self.before.contains(&name)? {
                self.namespace.del_item(name)?;
            }
        }
        self.namespace.update(self.before.as_mapping())
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

    /// A name that something other than the module's top level has bound since is not stale.
    fn drop_stale(&self, stale: &FxHashSet<String>) -> PyResult<()> {
        let mut stale: Vec<_> = stale.iter().collect();
        stale.sort_unstable();
        for name in stale {
            let old = self.before.get_item(name)?;
            let now = self.namespace.get_item(name)?;
            if let (Some(old), Some(now)) = (old, now)
                && old.is(&now)
            {
                self.namespace.del_item(name)?;
            }
        }
        Ok(())
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
                if is_held_elsewhere(function.new.as_any(), Function::OWN_REFERENCES) {
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
        if !equality::is_scalar(&new) && is_held_elsewhere(&new, 2) {
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
