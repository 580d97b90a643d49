//! The type of a module whose attribute reads are seen.
//!
//! A heap type below CPython's own module type with two slots changed: attribute lookup tells
//! [`reads`] before it looks, and an assignment tells `writes` what it has done. Modules keep their dict, their functions keep their
//! globals, and a module turned back into a plain `ModuleType` is read at plain speed again.
//!
//! Kept true: the type adds no instance data, so `__class__` may be assigned in both directions.
//! CPython is asked once whether it may; after that [`Modules`] swaps the types of all modules itself,
//! which happens twice per update and must not cost a call per module.
#![expect(
    unsafe_code,
    reason = "a type below `module` can only be made through the C API"
)]

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use pyo3::{ffi, prelude::*, types::PyType};

use super::reads::{self, Noted};
use crate::ModuleId;

/// Creates the type. One per interpreter is enough.
///
/// # Errors
///
/// An interpreter that does not let modules have it.
pub(super) fn create(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let tracked = make(py)?;
    // The conditions of an assignment are about the two types alone, not about the object.
    let sample = PyModule::new(py, "sample")?;
    for class in [&tracked, &py.get_type::<PyModule>()] {
        sample.setattr("__class__", class)?;
    }
    Ok(tracked)
}

fn make(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let mut slots = [
        ffi::PyType_Slot {
            slot: ffi::Py_tp_getattro,
            pfunc: getattro as *mut c_void,
        },
        ffi::PyType_Slot {
            slot: ffi::Py_tp_setattro,
            pfunc: setattro as *mut c_void,
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
                if ffi::PyType_Check(found) != 0 {
                    reads::note_class(module, name);
                }
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

/// `tp_setattro`: stores as CPython does, or deletes if there is no value, then notes the write.
unsafe extern "C" fn setattro(
    module: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: CPython calls slots attached, with a module, a live string, and a live value or none.
    unsafe {
        let py = Python::assume_attached();
        if value.is_null() {
            reads::prepare_delete(module, name);
        }
        let names = ffi::PyModule_GetDict(module);
        let before = ffi::PyDict_GetItemWithError(names, name);
        let before = Bound::from_borrowed_ptr_or_opt(py, before).map(Bound::unbind);
        if before.is_none() {
            ffi::PyErr_Clear();
        }
        let done = match ffi::PyModule_Type.tp_setattro {
            Some(store) => store(module, name, value),
            None => ffi::PyObject_GenericSetAttr(module, name, value),
        };
        if done == 0 {
            let value = Bound::from_borrowed_ptr_or_opt(py, value).map(Bound::unbind);
            reads::note_write(module, name, before, value);
        }
        done
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

/// The modules whose type is swapped, by [`ModuleId`]. It owns no references: whoever adds a module
/// keeps it alive and takes it out before it lets go.
#[derive(Default)]
pub(super) struct Modules(Vec<Option<Address>>);

/// Where a live module is.
#[derive(Clone, Copy)]
struct Address(ptr::NonNull<ffi::PyObject>);

// SAFETY: the pointer is used by attached threads only.
unsafe impl Send for Address {}

impl Modules {
    /// `module` is now what `id` stands for.
    pub(super) fn set(&mut self, id: ModuleId, module: &Bound<'_, PyModule>) {
        if self.0.len() <= id.index() {
            self.0.resize(id.index() + 1, None);
        }
        self.0[id.index()] = ptr::NonNull::new(module.as_ptr()).map(Address);
    }

    /// Nothing is loaded as `id` any more.
    pub(super) fn unset(&mut self, id: ModuleId) {
        if let Some(place) = self.0.get_mut(id.index()) {
            *place = None;
        }
    }

    /// Gives every module of type `from` the type `to`: one of them is CPython's own, the other
    /// [`create`]d. Modules whose `__class__` the user has set are left alone.
    ///
    /// Runs no Python code and frees nothing.
    pub(super) fn swap_types(&self, from: &Bound<'_, PyType>, to: &Bound<'_, PyType>) {
        swap(self.0.iter().flatten(), from, to);
    }

    /// The same for one module.
    pub(super) fn swap_type(&self, id: ModuleId, from: &Bound<'_, PyType>, to: &Bound<'_, PyType>) {
        swap(self.0[id.index()].iter(), from, to);
    }
}

fn swap<'a>(
    modules: impl Iterator<Item = &'a Address>,
    from: &Bound<'_, PyType>,
    to: &Bound<'_, PyType>,
) {
    let mut swapped = 0;
    for module in modules {
        let module = module.0.as_ptr();
        // SAFETY: the module is alive, as `Modules` demands, and the thread is attached. `create` has
        // seen CPython allow the assignment for these two types. What is left of it is this store,
        // and the counts of the types, below.
        unsafe {
            if (*module).ob_type == from.as_type_ptr() {
                (*module).ob_type = to.as_type_ptr();
                swapped += 1;
            }
        }
    }
    // SAFETY: an object owns a reference to its type if that is a heap type, and only then. The caller
    // holds one more of each, so that none is freed here.
    unsafe {
        if is_counted(to) {
            (0..swapped).for_each(|_| ffi::Py_INCREF(to.as_ptr()));
        }
        if is_counted(from) {
            (0..swapped).for_each(|_| ffi::Py_DECREF(from.as_ptr()));
        }
    }
}

fn is_counted(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: a plain read of a live type.
    unsafe { ffi::PyType_HasFeature(class.as_type_ptr(), ffi::Py_TPFLAGS_HEAPTYPE) != 0 }
}
