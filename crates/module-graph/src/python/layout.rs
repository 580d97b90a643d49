//! Where the instances of a class keep their state.
//!
//! A class made by a `class` statement adds a `__dict__`, slots, or nothing to what its base has.
//! Any other type may keep state that only its own C code sees.
#![expect(unsafe_code, reason = "a class's layout is in its C struct")]

use pyo3::{
    ffi,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use super::own;

/// What an instance of a Python class holds.
pub(super) struct Layout<'py> {
    /// The built-in class below, `object` or one whose contents are known.
    pub(super) base: Bound<'py, PyType>,
    /// The descriptors of the slots, by class from the instance's to the base.
    pub(super) slots: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    pub(super) has_dict: bool,
}

impl<'py> Layout<'py> {
    /// The layout of instances of `class`; `None` if a class on the way keeps what cannot be seen.
    pub(super) fn of(class: &Bound<'py, PyType>) -> PyResult<Option<Self>> {
        let mut slots = Vec::new();
        let mut current = class.clone();
        while is_python_class(&current)? {
            let Some(base) = base_of(&current) else {
                return Ok(None);
            };
            let own = slots_of(&current)?;
            if added_size(&current, &base) != own.len() {
                return Ok(None);
            }
            slots.extend(own);
            current = base;
        }
        let has_dict = struct_of(class).tp_dictoffset != 0;
        Ok(Some(Self {
            base: current,
            slots,
            has_dict,
        }))
    }
}

/// Whether instances of both classes are laid out alike, so that one can take the other's class.
pub(super) fn are_alike(old: &Bound<'_, PyType>, new: &Bound<'_, PyType>) -> bool {
    let numbers = |class: &Bound<'_, PyType>| {
        let class = struct_of(class);
        (
            class.tp_basicsize,
            class.tp_itemsize,
            class.tp_dictoffset,
            class.tp_weaklistoffset,
        )
    };
    numbers(old) == numbers(new)
}

/// Whether a `class` statement made the type, or what does the same.
pub(super) fn is_python_class(class: &Bound<'_, PyType>) -> PyResult<bool> {
    static DEALLOC: PyOnceLock<usize> = PyOnceLock::new();
    // All of them are freed by one function of CPython's; any of them shows which.
    let expected = *DEALLOC.get_or_try_init(class.py(), || {
        let known = own::import(class.py(), "functools")?.getattr("cached_property")?;
        PyResult::Ok(dealloc_of(known.cast::<PyType>()?))
    })?;
    Ok(is_heap_type(class) && dealloc_of(class) == expected)
}

/// Whether instances run code of their own when they go: to keep an old one for a new one would run
/// it.
pub(super) fn has_finalizer(class: &Bound<'_, PyType>) -> bool {
    let class = struct_of(class);
    class.tp_finalize.is_some() || class.tp_del.is_some()
}

/// The names that the class itself holds, without asking its metaclass.
pub(super) fn class_dict<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyDict>> {
    let dict = struct_of(class).tp_dict;
    // SAFETY: a heap type owns its dict for as long as it lives.
    unsafe { Bound::from_borrowed_ptr_or_opt(class.py(), dict) }
        .and_then(|dict| dict.cast_into::<PyDict>().ok())
}

pub(super) fn is_heap_type(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: the class is alive.
    unsafe { ffi::PyType_HasFeature(class.as_type_ptr(), ffi::Py_TPFLAGS_HEAPTYPE) != 0 }
}

pub(super) fn base_of<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyType>> {
    let base = struct_of(class).tp_base.cast();
    // SAFETY: a class holds its base for as long as it lives.
    unsafe { Bound::from_borrowed_ptr_or_opt(class.py(), base) }
        .and_then(|base| base.cast_into::<PyType>().ok())
}

/// How many pointers the class adds to its base for slots: not for a `__dict__` or weak references.
fn added_size(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> usize {
    const POINTER: isize = size_of::<usize>().cast_signed();
    // One that the interpreter manages stands before the object.
    const MANAGED_DICT: std::ffi::c_ulong = 1 << 4;
    let (class, base) = (struct_of(class), struct_of(base));
    let dict =
        class.tp_dictoffset != 0 && base.tp_dictoffset == 0 && class.tp_flags & MANAGED_DICT == 0;
    let weak = class.tp_weaklistoffset > 0 && base.tp_weaklistoffset == 0;
    let added = (class.tp_basicsize - base.tp_basicsize) / POINTER;
    usize::try_from(added - isize::from(dict) - isize::from(weak)).unwrap_or(usize::MAX)
}

fn slots_of<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let Some(dict) = class_dict(class) else {
        return Ok(Vec::new());
    };
    let descriptor = own::import(class.py(), "types")?.getattr("MemberDescriptorType")?;
    Ok(dict
        .iter()
        .filter(|(_, value)| value.get_type().is(&descriptor))
        .collect())
}

fn dealloc_of(class: &Bound<'_, PyType>) -> usize {
    struct_of(class)
        .tp_dealloc
        .map_or(0, |dealloc| dealloc as usize)
}

fn struct_of<'a>(class: &'a Bound<'_, PyType>) -> &'a ffi::PyTypeObject {
    // SAFETY: the class is alive for as long as it is borrowed, and its struct does not move.
    unsafe { &*class.as_type_ptr() }
}
