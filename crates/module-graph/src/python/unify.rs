//! Keeps the old objects of what a rerun defined anew.
//!
//! A rerun makes every function, class and value of its module again. To everybody who holds an old
//! one (an instance, a router, an importer) the new one is a stranger. So each new value is
//! compared with the old one of its name, and where the two are the same but for what can be put
//! right, the old object stays and takes what differs: functions their code, classes their members.
//!
//! | file | its one concern |
//! |---|---|
//! | `shapes` | of which built-in kind an object is |
//! | `matching` | which old object each new one could give way to |
//! | `values` | the same, for what is built in |
//! | `functions`, `code`, `classes`, `instances` | the same, for what programs define |
//! | `abstract_classes` | what abstract classes know of those that stay |
//! | `proof` | which new objects nobody but their fellows holds |
//! | `turn` | which holders of a new object can hold the old one instead |
//! | `apply` | what the old objects take |
//!
//! Kept true: who was not told that something changed cannot tell it from a fresh start. What cannot
//! be shown to be so is new, and told.
#![expect(unsafe_code, reason = "the collector is switched through the C API")]

mod abstract_classes;
mod apply;
mod classes;
mod code;
mod functions;
mod instances;
mod matching;
mod proof;
mod shapes;
#[cfg(test)]
mod tests;
mod turn;
mod values;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyFunction, PyString, PyType},
};
use rustc_hash::FxHashSet;

pub(super) use self::{
    abstract_classes::is_abstract,
    classes::{is_judgement, weak_references},
};
use self::{
    apply::Applied,
    matching::{Match, Matcher},
    proof::Proof,
};
use super::{namespace::MACHINERY, own, reach::Reach, sys_modules::sys_modules};

/// What a rerun changed.
#[derive(Default)]
pub(super) struct Changes {
    /// The names under which a reader finds another object, or an object with other contents.
    pub(super) names: Vec<String>,
    /// The definitions that stayed and do something else when they are called.
    pub(super) units: Vec<String>,
    /// Those of the names that hold what they held, and through it an object with other contents.
    pub(super) reached: Vec<String>,
    /// The objects that stayed and have other contents.
    pub(super) in_place: Vec<Py<PyAny>>,
    /// For each class among them, by address, the members that differ.
    pub(super) grafts: Vec<(usize, Vec<String>)>,
}

/// Compares the values of `namespace` with those of `before`, puts old objects back where they can
/// stay, and says what changed, sorted. `changed_before` are the objects that other modules' reruns
/// changed in place.
pub(super) fn unify<'py>(
    namespace: &Bound<'py, PyDict>,
    before: &Bound<'py, PyDict>,
    changed_before: &[Py<PyAny>],
) -> PyResult<Changes> {
    // What a collection would run is the user's.
    let paused = Paused::begin();
    let Ok((matcher, roots, mut applied)) = keep(namespace, before) else {
        // CPython refused what it was expected to allow: everything stays new.
        return Ok(everything(namespace, before));
    };
    put_back(&matcher, namespace)?;
    let mut names = changed_names(&matcher, &roots, namespace, before)?;

    forget_results(&mut applied);
    let mut in_place: FxHashSet<usize> = addresses(&applied.in_place);
    in_place.extend(changed_before.iter().map(|object| object.as_ptr() as usize));
    let mut reached = Vec::new();
    if !in_place.is_empty() {
        reached = Reach::of(namespace)?.names_to(&in_place)?;
        reached.retain(|name| names.binary_search(name).is_err());
        names.extend(reached.iter().cloned());
        names.sort_unstable();
    }
    drop(paused);
    apply::free_classes(&matcher);
    let Applied {
        in_place,
        grafts,
        mut units,
        ..
    } = applied;
    units.sort_unstable();
    units.dedup();
    let unbind = |objects: Vec<Bound<'py, PyAny>>| objects.into_iter().map(Bound::unbind).collect();
    Ok(Changes {
        names,
        units,
        reached,
        in_place: unbind(in_place),
        grafts,
    })
}

/// As [`unify`], but no old object stays in the place of a new one: what the run made anew is told as
/// changed.
pub(super) fn tell_apart<'py>(
    namespace: &Bound<'py, PyDict>,
    before: &Bound<'py, PyDict>,
    changed_before: &[Py<PyAny>],
) -> PyResult<Changes> {
    let changed: FxHashSet<usize> = changed_before
        .iter()
        .map(|object| object.as_ptr() as usize)
        .collect();
    let mut names = if changed.is_empty() {
        Vec::new()
    } else {
        Reach::of(namespace)?.names_to(&changed)?
    };
    for (one, other) in [(namespace, before), (before, namespace)] {
        for (name, value) in one {
            let is_same = other.get_item(&name)?.is_some_and(|it| it.is(&value));
            if !is_same && let Ok(name) = name.extract::<String>() {
                names.extend((!MACHINERY.contains(&name.as_str())).then_some(name));
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(Changes {
        names,
        ..Changes::default()
    })
}

/// Finds what can stay, and makes it equal to what gives way to it.
fn keep<'py>(
    namespace: &Bound<'py, PyDict>,
    before: &Bound<'py, PyDict>,
) -> PyResult<(Matcher<'py>, Vec<Root<'py>>, Applied<'py>)> {
    let (mut matcher, mut roots) = match_all(namespace, before)?;
    let (mut turns, has_lost) = Proof::run(&mut matcher)?;
    if has_lost {
        drop((matcher, turns));
        forget_garbage(namespace, before)?;
        (matcher, roots) = match_all(namespace, before)?;
        (turns, _) = Proof::run(&mut matcher)?;
    }
    let applied = apply::apply(&matcher, &turns)?;
    Ok((matcher, roots, applied))
}

/// A name and what the comparison of its values found.
type Root<'py> = (Bound<'py, PyString>, Match);

/// Definitions first: other values are made of them.
fn match_all<'py>(
    namespace: &Bound<'py, PyDict>,
    before: &Bound<'py, PyDict>,
) -> PyResult<(Matcher<'py>, Vec<Root<'py>>)> {
    let mut matcher = Matcher::new(namespace.clone())?;
    let mut roots = Vec::new();
    for definitions in [true, false] {
        for (name, old) in before {
            let Ok(name) = name.cast_into::<PyString>() else {
                continue;
            };
            let is_definition =
                old.is_instance_of::<PyFunction>() || old.is_instance_of::<PyType>();
            if is_definition != definitions || MACHINERY.contains(&&*name.to_cow()?) {
                continue;
            }
            if let Some(new) = namespace.get_item(&name)? {
                let found = matcher.compare(&old, &new)?;
                roots.push((name, found));
            }
        }
    }
    Ok((matcher, roots))
}

/// Every name that holds a new object whose pair lasted gets the old one.
fn put_back<'py>(matcher: &Matcher<'py>, namespace: &Bound<'py, PyDict>) -> PyResult<()> {
    for (name, value) in namespace.copy()? {
        if let Some(id) = matcher.pair_of(value.as_ptr()) {
            let pair = &matcher.pairs[id.0];
            if pair.is_alive {
                namespace.set_item(name, &pair.old)?;
            }
        }
    }
    Ok(())
}

fn changed_names<'py>(
    matcher: &Matcher<'py>,
    roots: &[Root<'py>],
    namespace: &Bound<'py, PyDict>,
    before: &Bound<'py, PyDict>,
) -> PyResult<Vec<String>> {
    let mut names = Vec::new();
    for (name, found) in roots {
        let is_kept = match found {
            Match::Same => true,
            Match::Pair(id) => matcher.pairs[id.0].is_alive,
            Match::Different => false,
        };
        if !is_kept {
            names.push(name.to_cow()?.into_owned());
        }
    }
    for (one, other) in [(before, namespace), (namespace, before)] {
        for name in one.keys() {
            if !other.contains(&name)?
                && let Ok(name) = name.extract::<String>()
                && !MACHINERY.contains(&name.as_str())
            {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What is said when nothing could be kept.
fn everything(namespace: &Bound<'_, PyDict>, before: &Bound<'_, PyDict>) -> Changes {
    let mut names: Vec<String> = Vec::new();
    for name in namespace.keys().iter().chain(before.keys().iter()) {
        if let Ok(name) = name.extract::<String>()
            && !MACHINERY.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.dedup();
    Changes {
        names,
        ..Changes::default()
    }
}

fn addresses(objects: &[Bound<'_, PyAny>]) -> FxHashSet<usize> {
    objects
        .iter()
        .map(|object| object.as_ptr() as usize)
        .collect()
}

/// Caches that stayed forget: their results are those of the run before. Who was given one has not
/// executed the function, so that nobody knows it by that.
fn forget_results(applied: &mut Applied<'_>) {
    for (memory, method) in &applied.memories {
        if has_results(memory) {
            applied.in_place.push(memory.clone());
        }
        // A cache without a way to clear it keeps what it has.
        let _ = memory.call_method0(*method);
    }
}

/// Whether the cache, one of `functools.lru_cache`, holds results.
pub(super) fn has_results(memory: &Bound<'_, PyAny>) -> bool {
    let info = memory.call_method0("cache_info");
    let size = info.and_then(|info| info.getattr("currsize")?.extract::<usize>());
    size.is_ok_and(|size| size > 0)
}

/// Lets go of what only looks like a holder: classes that their own decorators replaced, and what
/// `typing` remembers of the last subscriptions.
fn forget_garbage(namespace: &Bound<'_, PyDict>, before: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = namespace.py();
    if let Some(typing) = sys_modules(py).get_item("typing")?
        && let Some(memories) = typing.getattr_opt("_cleanups")?
    {
        for forget in memories.try_iter()? {
            forget?.call0()?;
        }
    }
    let collect = own::import(py, "gc")?.getattr("collect")?;
    // What a rerun leaves behind is young, unless a collection came while it was still needed.
    collect.call1((1,))?;
    if classes::leave_another(namespace, before)? {
        collect.call0()?;
    }
    Ok(())
}

/// No collection starts by itself while this lives.
struct Paused {
    was_on: bool,
}

impl Paused {
    fn begin() -> Self {
        // SAFETY: the thread is attached: every caller holds objects of the interpreter.
        let was_on = unsafe { ffi::PyGC_Disable() } != 0;
        Self { was_on }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if self.was_on {
            // SAFETY: as above.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}
