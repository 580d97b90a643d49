//! What abstract classes know of other classes: those registered with them, and what they remember.
//!
//! Both are in the class object alone, as weak references. A class that stays keeps what was registered
//! with it by others, and what its own module has registered must be what it registers now. What it
//! remembers (which classes are its subclasses) is forgotten when it may be otherwise.

use pyo3::{
    intern,
    prelude::*,
    types::{PyCFunction, PyFrozenSet, PyModule, PySet, PyTuple, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    super::{layout, own, sys_modules::sys_modules},
    classes::{is_judgement, weak_references},
    matching::{Kind, Match, Matcher, PairId},
};

impl<'py> Matcher<'py> {
    /// Whether the old class has what is registered with the new one, and nothing more of its own
    /// module's.
    pub(super) fn registry(
        &mut self,
        old: &Bound<'py, PyType>,
        new: &Bound<'py, PyType>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        if !is_abstract(new)? || !is_abstract(old)? {
            return Ok(true);
        }
        let mut before = registered(old)?;
        for class in registered(new)? {
            let Some(class) = target(&class)? else {
                continue;
            };
            let mut found = None;
            for (place, other) in before.iter().enumerate() {
                let Some(other) = target(other)? else {
                    continue;
                };
                match self.twin(&other, &class)? {
                    Match::Same => {}
                    Match::Pair(id) => parts.push(id),
                    Match::Different => continue,
                }
                found = Some(place);
                break;
            }
            match found {
                Some(place) => drop(before.swap_remove(place)),
                None => return Ok(false),
            }
        }
        for class in before {
            if let Some(class) = target(&class)?
                && !is_registered_by_its_module(&class, old, &self.namespace)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares two registered classes, if their names allow it: a comparison makes pairs.
    fn twin(&mut self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> PyResult<Match> {
        if old.is(new) {
            return Ok(Match::Same);
        }
        let name = |class: &Bound<'py, PyAny>| -> PyResult<(String, String)> {
            let class = class.cast::<PyType>()?;
            let module = class.module()?.to_cow()?.into_owned();
            Ok((module, class.qualname()?.to_cow()?.into_owned()))
        };
        if name(old)? != name(new)? {
            return Ok(Match::Different);
        }
        self.compare(old, new)
    }

    /// Which new classes need which pairs because they are registered with an abstract class, or
    /// cannot give way because the old class is not registered where they are.
    pub(super) fn registrations(&self) -> PyResult<Vec<(PairId, Option<PairId>)>> {
        let mut found = Vec::new();
        let mut by_weak = FxHashMap::default();
        for (index, pair) in self.pairs.iter().enumerate() {
            let Ok(class) = pair.new.cast::<PyType>() else {
                continue;
            };
            if is_abstract(class)? {
                for weak in registered(class)? {
                    by_weak.insert(weak.as_ptr() as usize, PairId(index));
                }
            }
        }
        for (index, pair) in self.pairs.iter().enumerate() {
            if !pair.is_alive || !matches!(pair.kind, Kind::Class(_)) {
                continue;
            }
            let mut others = None;
            for weak in judgements(&pair.new)? {
                if let Some(&by) = by_weak.get(&(weak.as_ptr() as usize)) {
                    found.push((PairId(index), Some(by)));
                    continue;
                }
                if others.is_none() {
                    others = Some(memories(&pair.old)?);
                }
                let is_known = memory_of(&weak)?.is_none_or(|memory| {
                    others.as_ref().is_some_and(|known| known.contains(&memory))
                });
                if !is_known && is_registration(&weak)? {
                    found.push((PairId(index), None));
                }
            }
        }
        Ok(found)
    }
}

/// Whether a class has a registry of its own.
pub(in crate::python) fn is_abstract(class: &Bound<'_, PyType>) -> PyResult<bool> {
    match layout::class_dict(class) {
        Some(members) => members.contains(intern!(class.py(), "_abc_impl")),
        None => Ok(false),
    }
}

/// The weak references to what is registered with an abstract class.
fn registered<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    set_of(class, 0)
}

/// One of the three sets of an abstract class: what is registered, what is known to be a subclass, and
/// what is known to be none.
fn set_of<'py>(class: &Bound<'py, PyType>, place: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let dump = own::import(class.py(), "_abc")?.getattr("_get_dump")?;
    let sets = dump.call1((class,))?.cast_into::<PyTuple>()?;
    sets.get_item(place)?.try_iter()?.collect()
}

/// What a weak reference leads to, if it is there.
fn target<'py>(weak: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let target = weak.call0()?;
    Ok((!target.is_none()).then_some(target))
}

/// Whether the module in which `class` is defined is another one, and knows the abstract class: then it
/// has registered it, and will not do so again.
fn is_registered_by_its_module<'py>(
    class: &Bound<'py, PyAny>,
    by: &Bound<'py, PyType>,
    namespace: &Bound<'py, pyo3::types::PyDict>,
) -> PyResult<bool> {
    let name = class.getattr(intern!(class.py(), "__module__"))?;
    let Some(module) = sys_modules(class.py()).get_item(name)? else {
        return Ok(false);
    };
    let Ok(module) = module.cast_into::<PyModule>() else {
        return Ok(false);
    };
    let others = module.dict();
    if others.is(namespace) {
        return Ok(false);
    }
    let knows = |value: Bound<'py, PyAny>| {
        value.is(by)
            || value
                .cast::<PyModule>()
                .is_ok_and(|it| it.dict().is(namespace))
    };
    Ok(others.values().iter().any(knows))
}

/// The weak references by which abstract classes know a class.
fn judgements<'py>(class: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found = Vec::new();
    for weak in weak_references(class)? {
        let weak = weak?;
        if is_judgement(&weak)? {
            found.push(weak);
        }
    }
    Ok(found)
}

/// The address of the set in which an abstract class keeps the reference.
fn memory_of(judgement: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let callback = judgement.getattr(intern!(judgement.py(), "__callback__"))?;
    let Ok(callback) = callback.cast_into::<PyCFunction>() else {
        return Ok(None);
    };
    let set = target(&callback.getattr(intern!(callback.py(), "__self__"))?)?;
    let is_set = |set: &Bound<'_, PyAny>| {
        set.is_instance_of::<PySet>() || set.is_instance_of::<PyFrozenSet>()
    };
    Ok(set.filter(is_set).map(|set| set.as_ptr() as usize))
}

/// Whether the reference is that of a registered class, and not only remembered.
fn is_registration(judgement: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut is_found = false;
    each_below(vec![judgement.py().get_type::<PyAny>()], |class| {
        if !is_found && is_abstract(class)? {
            is_found = registered(class)?.iter().any(|weak| weak.is(judgement));
        }
        Ok(())
    })?;
    Ok(is_found)
}

fn memories(class: &Bound<'_, PyAny>) -> PyResult<FxHashSet<usize>> {
    let mut found = FxHashSet::default();
    for judgement in judgements(class)? {
        found.extend(memory_of(&judgement)?);
    }
    Ok(found)
}

/// Makes abstract classes forget what they remember of these classes and of those below them, which
/// have other members now.
pub(super) fn forget_judgements(changed: &[Bound<'_, PyAny>]) -> PyResult<()> {
    let mut judged = FxHashSet::default();
    let mut classes = Vec::new();
    for object in changed {
        classes.extend(object.cast::<PyType>().ok().cloned());
    }
    each_below(classes, |class| {
        for judgement in judgements(class.as_any())? {
            judged.insert(judgement.as_ptr() as usize);
        }
        Ok(())
    })?;
    let Some(py) = changed.first().map(Bound::py) else {
        return Ok(());
    };
    if judged.is_empty() {
        return Ok(());
    }
    let reset = own::import(py, "_abc")?.getattr("_reset_caches")?;
    let object = py.get_type::<PyAny>();
    each_below(vec![object], |class| {
        if is_abstract(class)? {
            let remembered = set_of(class, 1)?.into_iter().chain(set_of(class, 2)?);
            let mut remembered = remembered.map(|weak| weak.as_ptr() as usize);
            if remembered.any(|weak| judged.contains(&weak)) {
                reset.call1((class,))?;
            }
        }
        Ok(())
    })
}

/// Calls `visit` for the classes and all below them, each once.
fn each_below<'py>(
    mut pending: Vec<Bound<'py, PyType>>,
    mut visit: impl FnMut(&Bound<'py, PyType>) -> PyResult<()>,
) -> PyResult<()> {
    let mut seen = FxHashSet::default();
    while let Some(class) = pending.pop() {
        if !seen.insert(class.as_ptr() as usize) {
            continue;
        }
        visit(&class)?;
        let py = class.py();
        // Past whatever a metaclass has of this name.
        let below = py
            .get_type::<PyType>()
            .getattr(intern!(py, "__subclasses__"))?;
        for class in below.call1((&class,))?.try_iter()? {
            pending.push(class?.cast_into::<PyType>()?);
        }
    }
    Ok(())
}
