//! Makes the old objects equal to the new ones that give way to them.
//!
//! Everything goes through CPython's own setters, past whatever `__setattr__` a class or metaclass
//! defines, so nothing of the user's runs.
#![expect(
    unsafe_code,
    reason = "the setters of built-in types are called directly"
)]

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyType},
};

use super::{
    super::{calls::code_of, layout, referents::Address},
    abstract_classes::{forget_judgements, is_abstract},
    classes::{ClassEdit, Member, MemberState},
    code::unit_of,
    functions::FunctionEdit,
    matching::{Kind, Matcher},
    turn,
};

/// What was done to old objects.
#[derive(Default)]
pub(super) struct Applied<'py> {
    /// Those in which readers find something else than before.
    pub(super) in_place: Vec<Bound<'py, PyAny>>,
    /// For each class among them, by address, the members that differ.
    pub(super) grafts: Vec<(usize, Vec<String>)>,
    /// The functions that do something else when they are called.
    pub(super) patched: Vec<Bound<'py, PyAny>>,
    /// The definitions of the module among them, as units.
    pub(super) units: Vec<String>,
    /// What remembers results, to be told to forget: object and method.
    pub(super) memories: Vec<(Bound<'py, PyAny>, &'static str)>,
}

/// Changes every old object whose pair is alive, and turns the holders of new ones to them.
///
/// # Errors
///
/// CPython refused a change that it was expected to allow. What was done until then stays.
pub(super) fn apply<'py>(matcher: &Matcher<'py>, turns: &[Address]) -> PyResult<Applied<'py>> {
    let mut applied = Applied::default();
    for pair in matcher.pairs.iter().filter(|pair| pair.is_alive) {
        match &pair.kind {
            Kind::Constant | Kind::Value => {}
            Kind::Memo => applied.memories.push((pair.old.clone(), "cache_clear")),
            Kind::Function(edit) => patch(matcher, &pair.old, &pair.new, *edit, &mut applied)?,
            Kind::Class(edit) => {
                let (old, new) = (pair.old.cast::<PyType>()?, pair.new.cast::<PyType>()?);
                graft(old, new, edit)?;
                if is_abstract(old)? {
                    applied
                        .memories
                        .push((pair.old.clone(), "_abc_caches_clear"));
                }
                if edit.is_grafted() {
                    applied.in_place.push(pair.old.clone());
                    let members = edit.members_that_differ()?;
                    applied.grafts.push((pair.old.as_ptr() as usize, members));
                }
            }
        }
    }
    for &holder in turns {
        turn::turn(matcher, holder)?;
    }
    forget_judgements(&applied.in_place)?;
    Ok(applied)
}

/// Gives the old function the new code, for its lines if for nothing else.
fn patch<'py>(
    matcher: &Matcher<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    edit: FunctionEdit,
    applied: &mut Applied<'py>,
) -> PyResult<()> {
    let Some(code) = code_of(new) else {
        return Ok(());
    };
    if code_of(old).is_some_and(|old| !old.is(&code)) {
        old.setattr("__code__", &code)?;
    }
    if edit.doc {
        old.setattr("__doc__", new.getattr("__doc__")?)?;
        applied.in_place.push(old.clone());
    }
    // Annotations that were evaluated already may have another value now.
    if let Some(lazy) = old.getattr_opt("__annotate__")?
        && !lazy.is_none()
    {
        old.setattr("__annotate__", lazy)?;
    }
    if edit.body {
        applied.patched.push(old.clone());
        if new.getattr("__globals__")?.is(&matcher.namespace) {
            applied.units.push(unit_of(&code)?);
        }
    }
    if edit.dispatches && old.hasattr("_clear_cache")? {
        applied.memories.push((old.clone(), "_clear_cache"));
    }
    Ok(())
}

fn graft(old: &Bound<'_, PyType>, new: &Bound<'_, PyType>, edit: &ClassEdit<'_>) -> PyResult<()> {
    let (Some(old_members), Some(new_members)) = (layout::class_dict(old), layout::class_dict(new))
    else {
        return Ok(());
    };
    for Member { name, state } in &edit.members {
        match state {
            MemberState::Kept(_) => {}
            MemberState::Dropped => set_member(old, name, None)?,
            MemberState::Taken | MemberState::Position => {
                if let Some(member) = new_members.get_item(name)? {
                    set_member(old, name, Some(&member))?;
                }
            }
        }
    }
    if edit.is_grafted() {
        // The annotations of before, once they have been asked for.
        const EVALUATED: &str = "__annotations_cache__";
        if old_members.contains(EVALUATED)? {
            old_members.del_item(EVALUATED)?;
        }
        reorder(&old_members, &new_members)?;
        // SAFETY: the class is alive, and its dict is complete again.
        unsafe { ffi::PyType_Modified(old.as_type_ptr()) };
    }
    Ok(())
}

/// Sets or deletes a member as `type` itself does, which keeps slots and caches in step.
fn set_member(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: `type` has this slot, and class, name and value are alive.
    let status = unsafe {
        let set = ffi::PyType_Type.tp_setattro;
        set.map_or(-1, |set| set(class.as_ptr(), name.as_ptr(), value))
    };
    check(class.py(), status)
}

/// Puts the members that both have in the order of the new class. No other thread runs meanwhile.
fn reorder(old: &Bound<'_, PyDict>, new: &Bound<'_, PyDict>) -> PyResult<()> {
    for name in new.keys() {
        if let Some(member) = old.get_item(&name)? {
            old.del_item(&name)?;
            old.set_item(&name, member)?;
        }
    }
    Ok(())
}

pub(super) fn check(py: Python<'_>, status: std::ffi::c_int) -> PyResult<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(py))
    }
}

/// Frees the classes that gave way, as the collector would do later: until then their bases would
/// count them among their subclasses.
pub(super) fn free_classes(matcher: &Matcher<'_>) {
    let classes = matcher
        .pairs
        .iter()
        .filter(|pair| pair.is_alive && matches!(pair.kind, Kind::Class(_)));
    for pair in classes {
        let Ok(class) = pair.new.cast::<PyType>() else {
            continue;
        };
        if layout::has_finalizer(class) {
            continue;
        }
        // SAFETY: only what goes with it holds the class, so this is what the collector would call;
        // the pair's own reference keeps it alive until then.
        unsafe {
            if let Some(clear) = (*ffi::Py_TYPE(class.as_ptr())).tp_clear {
                clear(class.as_ptr());
            }
        }
    }
}
