//! The local names of a module that runs again: its own dict, with a note of what was bound.
//!
//! A rerun leaves names in the dict that the new run did not bind, and a name that it binds to the
//! object of before looks the same. So the code gets this mapping as its locals. Everything it binds
//! goes to the dict at once, where functions and other threads look; the mapping holds nothing but
//! the names. A name that only the last run has bound so far is not defined for the top level.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::{
    exceptions::{PyKeyError, PyNameError},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyIterator, PyList, PyString},
};
use rustc_hash::FxHashSet;

use super::{
    bindings::Reflection,
    namespace::{is_special, is_submodule},
    opcodes::Opcodes,
    threads,
};

/// Importing it once more takes as long as the run of a small module.
static BUILTINS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// The names that a run has bound.
#[derive(Debug, Default, Clone)]
pub(super) struct BoundNames {
    pub(super) all: FxHashSet<String>,
    /// Those that were bound past the mapping, and that no statement names.
    pub(super) unseen: FxHashSet<String>,
}

/// Passed to `exec` as the locals.
#[pyclass(frozen, mapping, module = "hmr", name = "namespace")]
pub(super) struct Recorder {
    namespace: Py<PyDict>,
    builtins: Py<PyDict>,
    /// What the last run bound: there, but not for this run before it binds it itself.
    outdated: FxHashSet<String>,
    /// Those that it bound past the mapping.
    unseen: FxHashSet<String>,
    bound: Mutex<FxHashSet<String>>,
    /// The submodules that have been imported since the run began.
    submodules: Mutex<FxHashSet<String>>,
    sight: Mutex<Sight>,
    /// Those of the outdated names that the namespace does not have any more.
    taken: Mutex<FxHashSet<String>>,
}

/// What code finds that looks at the namespace itself.
#[derive(Debug, Default)]
enum Sight {
    /// The names of the last run too. Nothing has looked so far.
    #[default]
    Unseen,
    /// What this run has bound, and the names that were `there` before it began to look.
    Exact { there: FxHashSet<String> },
    /// The names of the last run too, because of other threads.
    Old,
    /// Nothing has looked, but names may be bound past the mapping, and other threads keep those of the
    /// last run there: which are this run's cannot be told.
    Blurred,
}

impl Recorder {
    /// `outdated` are the names that the last run bound, `unseen` those of them that it bound past the
    /// mapping, and `dropped` those that the namespace does not have any more.
    pub(super) fn new<'py>(
        namespace: &Bound<'py, PyDict>,
        outdated: FxHashSet<String>,
        unseen: FxHashSet<String>,
        dropped: FxHashSet<String>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = namespace.py();
        let builtins = BUILTINS
            .get_or_try_init(py, || PyResult::Ok(py.import("builtins")?.dict().unbind()))?;
        let recorder = Self {
            namespace: namespace.clone().unbind(),
            builtins: builtins.clone_ref(py),
            outdated,
            unseen,
            bound: Mutex::default(),
            submodules: Mutex::default(),
            sight: Mutex::default(),
            taken: Mutex::new(dropped),
        };
        Bound::new(py, recorder)
    }

    /// Something is about to do this with the namespace itself.
    pub(super) fn show(&self, py: Python<'_>, reflection: Reflection) -> PyResult<()> {
        if reflection == Reflection::Nothing || self.is_settled() {
            return Ok(());
        }
        let sight = if threads::is_alone(py) {
            let namespace = self.namespace.bind(py);
            let unbound = |name: &String| self.is_unbound(name);
            self.take_out(py, &names(namespace).into_iter().filter(unbound).collect())?;
            let there = names(namespace);
            Sight::Exact { there }
        } else if reflection == Reflection::Looks {
            Sight::Old
        } else {
            Sight::Blurred
        };
        *lock(&self.sight) = sight;
        Ok(())
    }

    /// Code of the module itself, named `unit`, is about to be executed. What it would find of the
    /// last run is taken out.
    pub(super) fn executes(&self, unit: &str, code: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = code.py();
        if self.is_settled() || self.is_of_last_run(unit, code)? {
            return Ok(());
        }
        self.show(py, Reflection::of_inner(code)?)?;
        if self.is_settled() || self.outdated.is_empty() {
            return Ok(());
        }
        let loaded = Opcodes::of_interpreter(py)?.globals_loaded(code)?;
        let unbound: FxHashSet<_> = loaded
            .into_iter()
            .filter(|it| self.is_unbound(it))
            .collect();
        if !unbound.is_empty() && threads::is_alone(py) {
            self.take_out(py, &unbound)?;
        }
        Ok(())
    }

    /// Whether what code finds that looks at the namespace is decided.
    fn is_settled(&self) -> bool {
        matches!(*lock(&self.sight), Sight::Exact { .. } | Sight::Old)
    }

    /// Whether a function is one that the last run has left somewhere: it may be in use, and its names
    /// are there for it.
    fn is_of_last_run(&self, unit: &str, code: &Bound<'_, PyAny>) -> PyResult<bool> {
        const OPTIMIZED: u32 = 1;
        let flags: u32 = code.getattr(intern!(code.py(), "co_flags"))?.extract()?;
        let is_class_body = flags & OPTIMIZED == 0;
        let is_of_class_body = unit.ends_with(".__annotate__");
        let owner = unit.split('.').next().unwrap_or(unit);
        Ok(!is_class_body && !is_of_class_body && self.is_unbound(owner))
    }

    /// Whether the last run has bound the name, and this one has not so far.
    fn is_unbound(&self, name: &str) -> bool {
        self.outdated.contains(name) && !lock(&self.bound).contains(name)
    }

    /// Takes names out of the namespace, but for submodules: the import system has put them there.
    fn take_out(&self, py: Python<'_>, names: &FxHashSet<String>) -> PyResult<()> {
        let namespace = self.namespace.bind(py);
        for (key, value) in namespace.copy()? {
            let Ok(name) = key.extract::<String>() else {
                continue;
            };
            if names.contains(&name) && !is_submodule(namespace, &name, &value)? {
                namespace.del_item(key)?;
                lock(&self.taken).insert(name);
            }
        }
        Ok(())
    }

    /// The names that are bound now because this run bound them, also past this mapping. If it was
    /// `unused`, it has seen nothing: the `top_level` names are bound if they are there. Those that
    /// `others` have bound meanwhile are not this run's.
    pub(super) fn bound(
        &self,
        py: Python<'_>,
        is_unused: bool,
        top_level: &FxHashSet<String>,
        others: &FxHashSet<String>,
    ) -> BoundNames {
        let mut all = std::mem::take(&mut *lock(&self.bound));
        let taken = std::mem::take(&mut *lock(&self.taken));
        let is_bound = |name: &String| match &*lock(&self.sight) {
            Sight::Exact { there } => {
                !there.contains(name) && !others.contains(name) && !is_special(name)
            }
            Sight::Unseen => taken.contains(name),
            Sight::Blurred => taken.contains(name) || self.unseen.contains(name),
            Sight::Old => taken.contains(name) || self.outdated.contains(name),
        };
        let is_unseen = |name: &String| !all.contains(name) && is_bound(name);
        let now = names(self.namespace.bind(py));
        let mut unseen: FxHashSet<_> = now.iter().filter(|it| is_unseen(it)).cloned().collect();
        unseen.retain(|name| !top_level.contains(name));
        let is_more = |name: &String| is_bound(name) || is_unused && top_level.contains(name);
        all.extend(now.into_iter().filter(is_more));
        BoundNames { all, unseen }
    }

    /// Whether what the run binds past this mapping counts as its own.
    pub(super) fn sees_all(&self) -> bool {
        matches!(*lock(&self.sight), Sight::Exact { .. })
    }

    /// Whether `name` is there from the last run only, or was.
    pub(super) fn is_outdated_name(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        if !self.is_unbound(name) {
            return Ok(false);
        }
        let may_be_this_runs = match *lock(&self.sight) {
            Sight::Exact { .. } | Sight::Old => true,
            Sight::Unseen => false,
            Sight::Blurred => self.unseen.contains(name),
        };
        if !may_be_this_runs && !lock(&self.taken).contains(name) {
            return Ok(true);
        }
        Ok(!self.namespace.bind(py).contains(name)?)
    }

    /// The submodule `name` is imported. A fresh start would load it at the first import, and bind it.
    pub(super) fn bind_submodule(&self, name: &str, module: &Bound<'_, PyModule>) -> PyResult<()> {
        let is_first = self.submodules().insert(name.to_owned());
        if is_first {
            let py = module.py();
            self.__setitem__(
                PyString::new(py, name).into_any(),
                module.clone().into_any(),
            )?;
        }
        Ok(())
    }

    /// Whether the submodule `name` has been imported since the run began.
    pub(super) fn has_imported(&self, name: &str) -> bool {
        self.submodules().contains(name)
    }

    fn submodules(&self) -> MutexGuard<'_, FxHashSet<String>> {
        lock(&self.submodules)
    }

    fn is_outdated(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.is_outdated_name(name.py(), name.extract()?)
    }

    fn note(&self, name: &Bound<'_, PyAny>, is_bound: bool) -> PyResult<()> {
        let name: String = name.extract()?;
        let mut bound = lock(&self.bound);
        if is_bound {
            bound.insert(name);
        } else {
            bound.remove(&name);
        }
        Ok(())
    }
}

#[pymethods]
impl Recorder {
    fn __getitem__<'py>(&self, name: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        let is_outdated = self.is_outdated(&name)?;
        if !is_outdated && let Some(value) = self.namespace.bind(py).get_item(&name)? {
            return Ok(value);
        }
        // CPython would look there next; to find a name here saves it an exception for each one.
        match self.builtins.bind(py).get_item(&name)? {
            Some(value) => Ok(value),
            // A `KeyError` would send CPython to the globals, where the old value still is.
            None if is_outdated => Err(PyNameError::new_err(format!(
                "name '{name}' is not defined"
            ))),
            None => Err(PyKeyError::new_err(name.unbind())),
        }
    }

    fn __setitem__(&self, name: Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.namespace.bind(name.py()).set_item(&name, value)?;
        self.note(&name, true)
    }

    fn __delitem__(&self, name: Bound<'_, PyAny>) -> PyResult<()> {
        self.namespace.bind(name.py()).del_item(&name)?;
        self.note(&name, false)
    }

    fn __contains__(&self, name: Bound<'_, PyAny>) -> PyResult<bool> {
        self.namespace.bind(name.py()).contains(name)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.namespace.bind(py).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.namespace.bind(py).try_iter()
    }

    fn keys<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        self.namespace.bind(py).keys()
    }
}

/// The names in a namespace, which may have keys that are no names.
pub(super) fn names(namespace: &Bound<'_, PyDict>) -> FxHashSet<String> {
    let keys = namespace.keys();
    let names = keys.iter().filter_map(|key| key.extract().ok());
    names.collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
