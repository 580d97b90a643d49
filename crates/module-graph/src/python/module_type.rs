//! The type of a module whose attribute reads are seen.
//!
//! A heap type below CPython's own module type with one slot changed: attribute lookup tells
//! [`reads`] before it looks. Modules keep their dict, their functions keep their
//! globals, and a module turned back into a plain `ModuleType` is read at plain speed again.
//!
//! Kept true: the type adds no instance data, so `__class__` may be assigned in both directions.
#![expect(
    unsafe_code,
    reason = "a type below `module` can only be made through the C API"
)]

use std::ffi::{c_int, c_void};

use pyo3::{ffi, prelude::*, types::PyType};

use super::reads::{self, Noted};

/// Creates the type. One per interpreter is enough.
pub(super) fn create(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let mut slots = [
        ffi::PyType_Slot {
            slot: ffi::Py_tp_getattro,
            pfunc: getattro as *mut c_void,
        },
        ffi::PyType_Slot {
            slot: ffi::Py_tp_traverse,
            pfunc: traverse as *mut c_void,
        },
        ffi::PyType_Slot {
            slot: ffi::Py_tp_clear,
            pfunc: base_clear(),
        },
        ffi::PyType_Slot {
            slot: 0,
            pfunc: std::ptr::null_mut(),
        },
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC;
    let mut spec = ffi::PyType_Spec {
        name: c"hmr.module".as_ptr(),
        basicsize: 0,
        itemsize: 0,
        flags: flags.try_into().expect("type flags fit"),
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the slots end with a zero entry and outlive the call; the base is a static type of
    // the interpreter; a size of 0 inherits the base's. The result is a new reference or null.
    unsafe {
        let base = (&raw mut ffi::PyModule_Type).cast::<ffi::PyObject>();
        let made = ffi::PyType_FromSpecWithBases(&raw mut spec, base);
        Ok(Bound::from_owned_ptr_or_err(py, made)?.cast_into::<PyType>()?)
    }
}

/// `tp_getattro`: notes the read, then looks the name up as CPython does.
///
/// A name that is not special goes to the module's dict first: no data descriptor of the type can
/// have such a name, so that the order of lookup cannot be told apart, and it saves a third.
unsafe extern "C" fn getattro(
    module: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls slots attached, with a module and a live string.
    unsafe {
        match reads::note(module, name) {
            Noted::LookUp => {}
            Noted::Raised => return std::ptr::null_mut(),
            Noted::Given(object) => return object,
        }
        if !is_special(name) {
            let dict = ffi::PyModule_GetDict(module);
            let found = ffi::PyDict_GetItemWithError(dict, name);
            if !found.is_null() {
                return ffi::Py_NewRef(found);
            }
            if !ffi::PyErr_Occurred().is_null() {
                return std::ptr::null_mut();
            }
            reads::note_fallback(module);
        }
        match ffi::PyModule_Type.tp_getattro {
            Some(lookup) => lookup(module, name),
            None => ffi::PyObject_GenericGetAttr(module, name),
        }
    }
}

unsafe extern "C" fn traverse(
    module: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: the collector calls this with a live module; an instance of a heap type owns a
    // reference to its type, which it must visit.
    unsafe {
        let of_type = visit(ffi::Py_TYPE(module).cast(), arg);
        if of_type != 0 {
            return of_type;
        }
        match ffi::PyModule_Type.tp_traverse {
            Some(base) => base(module, visit, arg),
            None => 0,
        }
    }
}

/// The base's own `tp_clear`: CPython allows `__class__` to be assigned only if it is the same.
fn base_clear() -> *mut c_void {
    // SAFETY: a plain load from a static type that is complete once the interpreter runs.
    unsafe {
        ffi::PyModule_Type
            .tp_clear
            .map_or(std::ptr::null_mut(), |clear| clear as *mut c_void)
    }
}

/// Whether `name` starts with two underscores, as every data descriptor of the module type does.
fn is_special(name: *mut ffi::PyObject) -> bool {
    // SAFETY: `name` is a live `str`: CPython refuses other attribute names before it calls slots.
    // One byte per character is the only kind that ASCII text has, and two of them are there.
    unsafe {
        if ffi::PyUnicode_GET_LENGTH(name) < 2
            || ffi::PyUnicode_KIND(name) != ffi::PyUnicode_1BYTE_KIND
        {
            return false;
        }
        let text = ffi::PyUnicode_1BYTE_DATA(name);
        *text == b'_' && *text.add(1) == b'_'
    }
}

/// Gives `module` the tracked type, if it has the plain one.
pub(super) fn arm(module: &Bound<'_, PyModule>, tracked: &Bound<'_, PyType>) -> PyResult<()> {
    let plain = module.py().get_type::<PyModule>();
    swap_class(module, &plain, tracked)
}

/// Gives `module` the plain type back, if it has the tracked one.
pub(super) fn disarm(module: &Bound<'_, PyModule>, tracked: &Bound<'_, PyType>) -> PyResult<()> {
    let plain = module.py().get_type::<PyModule>();
    swap_class(module, tracked, &plain)
}

/// A module whose `__class__` the user has set is left alone.
fn swap_class(
    module: &Bound<'_, PyModule>,
    from: &Bound<'_, PyType>,
    to: &Bound<'_, PyType>,
) -> PyResult<()> {
    if module.get_type().is(from) {
        module.setattr(pyo3::intern!(module.py(), "__class__"), to)?;
    }
    Ok(())
}
