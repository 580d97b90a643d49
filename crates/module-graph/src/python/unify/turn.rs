//! Which holders of a new object can be made to hold the old one instead.
//!
//! A registry that was rebuilt is new, and the functions in it need not be: they can be exchanged
//! where they stand. So can what a cell holds, and the class of an instance. What cannot change (a
//! tuple, a property) keeps the new object, and everything that would have to differ.
#![expect(unsafe_code, reason = "holders are given by their addresses")]

use pyo3::{
    ffi,
    prelude::*,
    types::{PyDict, PyList},
};

use super::{
    super::{equality, referents::Address},
    apply::check,
    matching::{Kind, Matcher},
    shapes::Shape,
};

/// Which references of one object can be turned.
pub(super) enum Turnable {
    None,
    All,
    /// References to this class: an instance's to its own.
    Class(Address),
}

impl Turnable {
    pub(super) fn allows(&self, target: Address) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Class(class) => *class == target,
        }
    }
}

/// What can be turned in `holder`, which is alive.
pub(super) fn turnable(matcher: &Matcher<'_>, holder: Address) -> Turnable {
    match matcher.shapes.of(holder) {
        Some(Shape::Cell | Shape::List) => Turnable::All,
        Some(Shape::Dict) if is_simple_dict(matcher, holder) => Turnable::All,
        Some(_) => Turnable::None,
        None => instance_class(matcher, holder),
    }
}

/// Whether the dict is no class's, which changes only through the class, and all of its keys can be
/// taken out and put back.
fn is_simple_dict(matcher: &Matcher<'_>, holder: Address) -> bool {
    let py = matcher.namespace.py();
    // SAFETY: the caller's holder is alive.
    let holder = unsafe { Bound::from_borrowed_ptr(py, holder) };
    holder.cast_into::<PyDict>().is_ok_and(|entries| {
        !entries.contains("__module__").unwrap_or(true)
            && entries.iter().all(|(key, _)| has_plain_hash(&key))
    })
}

/// Whether the key has a hash that no code of the user's makes: text, numbers, and what has its
/// identity for one.
fn has_plain_hash(key: &Bound<'_, PyAny>) -> bool {
    // SAFETY: types are alive as long as their instances.
    let hashes_identity = unsafe {
        let hash = (*ffi::Py_TYPE(key.as_ptr()))
            .tp_hash
            .map(|hash| hash as usize);
        let identity = ffi::PyBaseObject_Type.tp_hash;
        hash == identity.map(|hash| hash as usize)
    };
    hashes_identity || equality::is_constant(key).unwrap_or(false)
}

fn instance_class(matcher: &Matcher<'_>, holder: Address) -> Turnable {
    // SAFETY: the caller's holder is alive.
    let (class, is_class) = unsafe {
        (
            ffi::Py_TYPE(holder).cast::<ffi::PyObject>(),
            ffi::PyType_Check(holder) != 0,
        )
    };
    let pair = matcher.pair_of(class);
    let is_defined =
        pair.is_some_and(|id| matches!(matcher.pairs[id.0].kind, Kind::Class(_))) && !is_class;
    if is_defined {
        Turnable::Class(class)
    } else {
        Turnable::None
    }
}

/// Puts old objects in the place of the new ones whose pairs are alive.
///
/// # Errors
///
/// CPython refused it, for a reason that was not foreseen.
pub(super) fn turn(matcher: &Matcher<'_>, holder: Address) -> PyResult<()> {
    let py = matcher.namespace.py();
    // SAFETY: the proof found the holder alive and staying, and nothing has run since.
    let holder = unsafe { Bound::from_borrowed_ptr(py, holder) };
    match matcher.shapes.of(holder.as_ptr()) {
        Some(Shape::Cell) => {
            let held = holder.getattr("cell_contents")?;
            if let Some(old) = old_of(matcher, &held) {
                // SAFETY: the holder is a cell.
                let status = unsafe { ffi::PyCell_Set(holder.as_ptr(), old.as_ptr()) };
                check(py, status)?;
            }
        }
        Some(Shape::List) => {
            let items = holder.cast_into::<PyList>()?;
            for place in 0..items.len() {
                if let Some(old) = old_of(matcher, &items.get_item(place)?) {
                    items.set_item(place, old)?;
                }
            }
        }
        Some(Shape::Dict) => turn_dict(matcher, &holder.cast_into::<PyDict>()?)?,
        _ => {
            if let Some(class) = old_of(matcher, holder.get_type().as_any()) {
                let name = pyo3::intern!(py, "__class__");
                // SAFETY: the generic setter takes any object, past what its class defines.
                let status = unsafe {
                    ffi::PyObject_GenericSetAttr(holder.as_ptr(), name.as_ptr(), class.as_ptr())
                };
                check(py, status)?;
            }
        }
    }
    Ok(())
}

fn turn_dict(matcher: &Matcher<'_>, entries: &Bound<'_, PyDict>) -> PyResult<()> {
    let before: Vec<_> = entries.iter().collect();
    let has_new_keys = before.iter().any(|(key, _)| old_of(matcher, key).is_some());
    for (key, value) in before {
        if has_new_keys {
            // Every key is taken out and comes last, so that they keep their order.
            entries.del_item(&key)?;
            let key = old_of(matcher, &key).unwrap_or(key);
            entries.set_item(key, old_of(matcher, &value).unwrap_or(value))?;
        } else if let Some(old) = old_of(matcher, &value) {
            entries.set_item(key, old)?;
        }
    }
    Ok(())
}

/// The old object that stays for `new`.
fn old_of<'py>(matcher: &Matcher<'py>, new: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let pair = &matcher.pairs[matcher.pair_of(new.as_ptr())?.0];
    pair.is_alive.then(|| pair.old.clone())
}
