//! What code objects do with names, read from their instructions.
//!
//! `co_names` mixes globals with attributes; the instructions tell them apart. `co_code` is the code
//! as it was compiled, also while CPython runs a specialised or instrumented form of it.

use std::sync::OnceLock;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use super::own;

/// The numbers of the instructions that matter here, which differ between versions.
#[derive(Debug)]
pub(super) struct Opcodes {
    store_name: u8,
    store_global: u8,
    load_name: u8,
    load_global: u8,
    load_from_dict_or_globals: u8,
    extended_argument: u8,
}

/// Where an instruction stores a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// In the locals of a module or class.
    Local,
    /// In the module, because of `global`.
    Global,
}

static OPCODES: OnceLock<Opcodes> = OnceLock::new();

impl Opcodes {
    /// Those of this interpreter.
    pub(super) fn of_interpreter(py: Python<'_>) -> PyResult<&'static Self> {
        if let Some(known) = OPCODES.get() {
            return Ok(known);
        }
        let numbers = own::import(py, "opcode")?
            .getattr("opmap")?
            .cast_into::<PyDict>()?;
        // No instruction has the number 255, which stands for one that this version lacks.
        let number = |name: &str| -> PyResult<u8> {
            numbers
                .get_item(name)?
                .map_or(Ok(u8::MAX), |number| number.extract())
        };
        let opcodes = Self {
            store_name: number("STORE_NAME")?,
            store_global: number("STORE_GLOBAL")?,
            load_name: number("LOAD_NAME")?,
            load_global: number("LOAD_GLOBAL")?,
            load_from_dict_or_globals: number("LOAD_FROM_DICT_OR_GLOBALS")?,
            extended_argument: number("EXTENDED_ARG")?,
        };
        Ok(OPCODES.get_or_init(|| opcodes))
    }

    /// The names that `code` stores itself, in order.
    pub(super) fn stores(&self, code: &Bound<'_, PyAny>) -> PyResult<Vec<(Store, String)>> {
        self.named(code, |opcode, argument| match opcode {
            _ if opcode == self.store_name => Some((Store::Local, argument)),
            _ if opcode == self.store_global => Some((Store::Global, argument)),
            _ => None,
        })
    }

    /// The names that `code` itself looks up in its module, or may look up there, in order.
    pub(super) fn globals_loaded(&self, code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let found = self.named(code, |opcode, argument| match opcode {
            // The low bit says something about the call that follows.
            _ if opcode == self.load_global => Some(((), argument >> 1)),
            _ if opcode == self.load_name || opcode == self.load_from_dict_or_globals => {
                Some(((), argument))
            }
            _ => None,
        })?;
        Ok(found.into_iter().map(|((), name)| name).collect())
    }

    /// What `select` takes of each instruction, with the name that its index stands for.
    fn named<T>(
        &self,
        code: &Bound<'_, PyAny>,
        select: impl Fn(u8, usize) -> Option<(T, usize)>,
    ) -> PyResult<Vec<(T, String)>> {
        let py = code.py();
        let names = code
            .getattr(pyo3::intern!(py, "co_names"))?
            .cast_into::<PyTuple>()?;
        let instructions = code
            .getattr(pyo3::intern!(py, "co_code"))?
            .cast_into::<PyBytes>()?;
        let mut found = Vec::new();
        let mut high = 0;
        // Two bytes each since 3.6: an opcode and the low byte of its argument.
        for unit in instructions.as_bytes().chunks_exact(2) {
            let argument = (high << 8) | usize::from(unit[1]);
            high = if unit[0] == self.extended_argument {
                argument
            } else {
                0
            };
            if let Some((what, index)) = select(unit[0], argument) {
                found.push((what, names.get_item(index)?.extract()?));
            }
        }
        Ok(found)
    }
}
