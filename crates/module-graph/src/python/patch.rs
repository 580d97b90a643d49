//! An edit that only touches the insides of definitions: live functions get the new code, and the
//! module does not run.
//!
//! Routers, callbacks, bound methods and instances hold the function objects, which stay. Who
//! executed a function with another body is told, and runs again. An edit of layout and comments
//! gives every function its new lines and reaches nobody.
//!
//! Kept true: where it cannot be shown that a rerun would bind the same, the module reruns. Frames,
//! generators and coroutines that are under way finish on the code that they began with.

use pyo3::{
    intern,
    prelude::*,
    types::{PyCFunction, PyDict, PyFunction, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    caches,
    calls::code_of,
    code_diff::{self, CodeDiff, Definitions, Doc},
    engine::Engine,
    live,
    opcodes::{Opcodes, Store},
    reach::Reach,
    unify::{has_results, is_abstract},
    units,
};
use crate::{ModuleId, Patched, Read, plan::Cause};

/// What became of an edit that may be patched.
pub(super) enum Patching {
    /// The live functions have the new code.
    Done,
    /// That would not do, and the module has to run again. Why, if it is known.
    Refused(Option<Cause>),
}

impl Engine {
    /// Gives the live functions of `id` the code that they have in `new` instead of `old`, the code
    /// of its last run, if that will do.
    ///
    /// # Errors
    ///
    /// CPython refused something that it was expected to allow. The module has to run again.
    pub(super) fn patch<'py>(
        &'static self,
        id: ModuleId,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        is_spliced: bool,
    ) -> PyResult<Patching> {
        let executed = {
            let state = self.state();
            let slot = &state.slots[id.index()];
            if slot.object.is_none() || slot.is_opaque {
                return Ok(Patching::Refused(None));
            }
            slot.executed.clone()
        };
        // What the running entry calls again and again it will call anew.
        let executed = self.without_live_units(new.py(), id, executed);
        let diff = || code_diff::diff(old, new, &executed);
        let found = match self.timed(|spent| &mut spent.compare, diff)? {
            CodeDiff::Definitions(found) => found,
            CodeDiff::Structure(cause) => return Ok(Patching::Refused(cause)),
        };
        self.timed(
            |spent| &mut spent.patch,
            || self.patch_definitions(id, old, new, is_spliced, found),
        )
    }

    fn patch_definitions<'py>(
        &'static self,
        id: ModuleId,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        is_spliced: bool,
        found: Definitions<'py>,
    ) -> PyResult<Patching> {
        let py = new.py();
        if let Some(unit) = self.writes_globals(id, &found)? {
            return Ok(Patching::Refused(Some(Cause::WritesGlobals(unit))));
        }
        if let Some(refused) = self.refusal(id, new, &found) {
            return Ok(refused);
        }
        let Some(namespace) = self.namespace(py, id) else {
            return Ok(Patching::Refused(None));
        };
        if found.has_news() {
            self.begin_reload(py);
        }
        let forgot = self.given_by_loads(id, swap(&found, old, &namespace)?);
        document(&found.docs, &namespace)?;
        place_classes(&found, &namespace)?;
        if let Some(doc) = &found.module_doc {
            namespace.set_item("__doc__", &doc.new)?;
        }
        self.take_code(id, new, is_spliced)?;
        let judges = judges(&found, &namespace)?;
        for judge in &judges {
            judge.call_method0(intern!(py, "_abc_caches_clear"))?;
        }
        let addresses: FxHashSet<usize> = forgot.iter().chain(&judges).map(address).collect();
        let names = if addresses.is_empty() {
            Vec::new()
        } else {
            Reach::of(&namespace)?.names_to(&addresses)?
        };
        let forgot = forgot.into_iter().map(Bound::unbind);
        self.state().in_place.extend(forgot);
        self.tell_of_patch(id, new, found, names)?;
        Ok(Patching::Done)
    }

    /// Of caches with the units that they wrap those whose results a load may have been given: a load
    /// has filled it, or ran after the program may have done so.
    fn given_by_loads<'py>(
        &self,
        id: ModuleId,
        caches: Vec<(Bound<'py, PyAny>, String)>,
    ) -> Vec<Bound<'py, PyAny>> {
        let state = self.state();
        let executed = state.graph.executed_codes(id);
        let is_given = |unit: &str| state.has_rerun || executed.iter().any(|it| **it == *unit);
        let given = caches.into_iter().filter(|(_, unit)| is_given(unit));
        given.map(|(cache, _)| cache).collect()
    }

    /// The edited function, if there is one, that a load has let write the module's globals: it will do
    /// so again, and must find them as a fresh start has them.
    fn writes_globals(&self, id: ModuleId, found: &Definitions<'_>) -> PyResult<Option<String>> {
        let executed = self.state().graph.executed_codes(id);
        for pair in found.pairs.iter().filter(|pair| pair.differs) {
            let unit = units::name_of(&pair.new)?;
            if executed.iter().any(|it| **it == *unit)
                && (stores_global(&pair.old)? || stores_global(&pair.new)?)
            {
                return Ok(Some(unit));
            }
        }
        Ok(None)
    }

    /// What in the source asks for a rerun: a decorator that reads code or docstrings, or a comment.
    /// Layout never does.
    fn refusal(
        &self,
        id: ModuleId,
        new: &Bound<'_, PyAny>,
        found: &Definitions<'_>,
    ) -> Option<Patching> {
        if !found.has_news() {
            return None;
        }
        let docs: Vec<_> = found.docs.iter().map(|doc| doc.qualname.clone()).collect();
        let Some(reading) = self.reading_of(id, new) else {
            return Some(Patching::Refused(None));
        };
        let has_doc = found.module_doc.is_some();
        let rules = self.state().rules.clone();
        let namespace = self.namespace(new.py(), id);
        let called = |name: &str| called(namespace.as_ref()?, name);
        let against = rules.against(&found.bodies, &docs, has_doc, &reading.outline, called);
        against.map(|cause| Patching::Refused(Some(cause)))
    }

    /// From now on the module's code is `new`.
    fn take_code(&self, id: ModuleId, new: &Bound<'_, PyAny>, is_spliced: bool) -> PyResult<()> {
        self.know_code(id, new)?;
        let dropped = {
            let mut state = self.state();
            let slot = &mut state.slots[id.index()];
            slot.is_spliced = is_spliced;
            slot.outline = None;
            // The same names, bound in the same way.
            (
                slot.code.replace(new.clone().unbind()),
                slot.compiled.take(),
            )
        };
        drop(dropped);
        Ok(())
    }

    fn tell_of_patch<'py>(
        &'static self,
        id: ModuleId,
        code: &Bound<'py, PyAny>,
        found: Definitions<'py>,
        mut changed: Vec<String>,
    ) -> PyResult<()> {
        let docs: Vec<String> = found.docs.into_iter().map(|doc| doc.qualname).collect();
        let has_doc = found.module_doc.is_some();
        let readers = if docs.is_empty() {
            Vec::new()
        } else {
            self.doc_readers(code.py(), id, &docs)?
        };
        changed.extend(has_doc.then(|| "__doc__".to_owned()));
        self.tell_executors(id, code, code, &changed)?;
        let executed = self.state().graph.executed_codes(id);
        let reading = if docs.is_empty() {
            Vec::new()
        } else {
            units::that_mention(&executed, code, &DOC_READERS)?
        };
        let mut state = self.state();
        for unit in found
            .bodies
            .iter()
            .map(String::as_str)
            .chain(reading.iter().map(|u| &**u))
        {
            state.graph.code_changed(id, unit);
        }
        for name in changed.iter().chain(&readers) {
            state.graph.name_changed(id, name);
        }
        if !found.bodies.is_empty() || !docs.is_empty() || has_doc {
            let module = state.graph.name(id).clone();
            state.update.patched.push(Patched {
                module,
                bodies: found.bodies,
                docs,
            });
        }
        Ok(())
    }

    /// Of the names that lead to the documented definitions those whose readers may look at
    /// docstrings: such reads cannot be seen, the code that makes them can.
    fn doc_readers(
        &'static self,
        py: Python<'_>,
        id: ModuleId,
        docs: &[String],
    ) -> PyResult<Vec<String>> {
        let roots: FxHashSet<&str> = docs.iter().map(|doc| root_of(doc)).collect();
        let mut names: Vec<_> = roots.into_iter().collect();
        names.sort_unstable();
        let mut found = Vec::new();
        for name in names {
            let codes: Vec<_> = {
                let state = self.state();
                let readers = state.graph.readers(id, Read::Name(name));
                let everything = state.graph.readers(id, Read::Everything);
                let mut modules: FxHashSet<ModuleId> = FxHashSet::default();
                for reader in readers.into_iter().chain(everything) {
                    modules.insert(reader);
                    // What a reader hands the definition to is code of modules that it reads.
                    modules.extend(state.graph.imports(reader));
                }
                let code =
                    |of: ModuleId| Some(state.slots[of.index()].code.as_ref()?.clone_ref(py));
                modules.into_iter().filter_map(code).collect()
            };
            for code in codes {
                if units::mentions(code.bind(py), &DOC_READERS)? {
                    found.push(name.to_owned());
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// Names by which code comes to a docstring.
const DOC_READERS: [&str; 5] = ["__doc__", "getdoc", "help", "pydoc", "doctest"];

/// The top-level name that a definition is part of.
fn root_of(qualname: &str) -> &str {
    qualname.split('.').next().unwrap_or(qualname)
}

fn stores_global(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let stores = Opcodes::of_interpreter(code.py())?.stores(code)?;
    Ok(stores.iter().any(|(store, _)| *store == Store::Global))
}

/// Swaps the code of every live function, and makes caches of changed ones forget. Returns those that
/// had results, with the units that they wrap: who was given one has not executed the function, and
/// is to be told all the same.
fn swap<'py>(
    found: &Definitions<'py>,
    module: &Bound<'py, PyAny>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Vec<(Bound<'py, PyAny>, String)>> {
    if found.pairs.is_empty() {
        return Ok(Vec::new());
    }
    let py = namespace.py();
    let by_address: FxHashMap<usize, _> = found
        .pairs
        .iter()
        .map(|pair| (pair.old.as_ptr() as usize, pair))
        .collect();
    let functions = live::find(&found.pairs, module, namespace)?.functions;
    let mut changed = FxHashMap::default();
    for function in &functions {
        if let Some(code) = code_of(function)
            && let Some(pair) = by_address.get(&(code.as_ptr() as usize))
        {
            function.setattr(intern!(py, "__code__"), &pair.new)?;
            if pair.differs {
                changed.insert(function.as_ptr() as usize, &pair.new);
            }
        }
    }
    let mut forgot = Vec::new();
    for cache in caches::around(py, &changed.keys().copied().collect()) {
        let wrapped = cache.getattr_opt(intern!(py, "__wrapped__"))?;
        let code = wrapped.and_then(|wrapped| changed.get(&(wrapped.as_ptr() as usize)));
        if let Some(code) = code {
            let had_results = has_results(&cache);
            cache.call_method0(intern!(py, "cache_clear"))?;
            if had_results {
                forgot.push((cache, units::name_of(code)?));
            }
        }
    }
    Ok(forgot)
}

/// The abstract classes that judge others by what has changed. Who was told what one remembers has not
/// executed it.
fn judges<'py>(
    found: &Definitions<'py>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut judges = Vec::new();
    for body in &found.bodies {
        if let Some(class) = body.strip_suffix(".__subclasshook__")
            && let Some(class) = find(namespace, class)?
            && class
                .cast::<PyType>()
                .is_ok_and(|it| is_abstract(it).unwrap_or(false))
        {
            judges.push(class);
        }
    }
    Ok(judges)
}

fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

/// Gives definitions their new docstrings. Only those that nothing has decorated come here.
fn document(docs: &[Doc<'_>], namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    for Doc { qualname, new } in docs {
        let Some(definition) = find(namespace, qualname)? else {
            continue;
        };
        if let Ok(class) = definition.cast::<PyType>() {
            set_on_class(class, "__doc__", new)?;
        } else if definition.is_exact_instance_of::<PyFunction>() {
            definition.setattr(intern!(definition.py(), "__doc__"), new)?;
        }
    }
    Ok(())
}

/// Since 3.13 a class knows its line.
fn place_classes(found: &Definitions<'_>, namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    for class in &found.classes {
        if let Some(definition) = find(namespace, &class.qualname)?
            && let Ok(definition) = definition.cast::<PyType>()
            && class.line.is_some()
        {
            set_on_class(definition, "__firstlineno__", &class.line)?;
        }
    }
    Ok(())
}

/// Past whatever a metaclass does when an attribute is set.
fn set_on_class<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
    value: impl IntoPyObject<'py>,
) -> PyResult<()> {
    let py = class.py();
    let set = py
        .get_type::<PyType>()
        .getattr(intern!(py, "__setattr__"))?;
    set.call1((class, name, value)).map(drop)
}

/// The definition that stands under its qualified name, if it still does.
fn find<'py>(
    namespace: &Bound<'py, PyDict>,
    qualname: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = namespace.py();
    let mut parts = qualname.split('.');
    let mut found = match parts.next() {
        Some(name) => namespace.get_item(name)?,
        None => None,
    };
    for part in parts {
        let Some(class) = found.take() else { break };
        let Ok(class) = class.cast_into::<PyType>() else {
            break;
        };
        let members = class.getattr(intern!(py, "__dict__"))?;
        found = members.get_item(part).ok();
    }
    let is_it = |definition: &Bound<'py, PyAny>| -> PyResult<bool> {
        if !definition.is_instance_of::<PyType>()
            && !definition.is_exact_instance_of::<PyFunction>()
        {
            return Ok(false);
        }
        let name = definition.getattr(intern!(py, "__qualname__"))?;
        Ok(name.extract::<&str>().is_ok_and(|name| name == qualname))
    };
    match found {
        Some(definition) if is_it(&definition)? => Ok(Some(definition)),
        _ => Ok(None),
    }
}

/// What the object that `name` stands for in the namespace is called where it was defined, with its
/// module: as a function or a class says, or an object of its class. Runs no code of the user's.
fn called(namespace: &Bound<'_, PyDict>, name: &str) -> Option<String> {
    let mut parts = name.split('.');
    let mut object = namespace.get_item(parts.next()?).ok()??;
    for part in parts {
        let dict = match object.cast::<PyModule>() {
            Ok(module) => module.dict(),
            Err(_) => return None,
        };
        object = dict.get_item(part).ok()??;
    }
    let py = object.py();
    if object.is_instance_of::<PyModule>() {
        return None;
    }
    let has_names = object.is_exact_instance_of::<PyFunction>()
        || object.is_exact_instance_of::<PyCFunction>()
        || object.is_exact_instance_of::<PyType>();
    let object = if has_names {
        object
    } else {
        object.get_type().into_any()
    };
    let text = |name| object.getattr(name).ok()?.extract::<String>().ok();
    let module = text(intern!(py, "__module__"))?;
    Some(format!("{module}.{}", text(intern!(py, "__qualname__"))?))
}
