//! What code objects do with names, read from their instructions.
//!
//! `co_names` mixes globals with attributes; the instructions tell them apart. `co_code` is the code
//! as it was compiled, also while CPython runs a specialised or instrumented form of it.

use std::sync::OnceLock;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
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
    load_attr: u8,
    load_method: u8,
    load_super_attr: u8,
    import_name: u8,
    import_from: u8,
    /// Since 3.12 the low bit of `LOAD_ATTR` says whether a method is meant.
    attr_shift: u32,
    load_small_int: u8,
    nothing: u8,
    cache: u8,
    extended_argument: u8,
    /// Those whose argument is an index in `co_consts`.
    takes_constant: Vec<u8>,
    /// Those that go on elsewhere.
    jumps: Vec<u8>,
    /// Those whose argument is an index in `co_names`, shifted or not.
    takes_name: Vec<u8>,
}

/// What one instruction does with a name or a constant.
pub(super) enum Step<'py> {
    /// Looks the name up in the module, or may. `true`: to call what it finds.
    Load(Bound<'py, PyString>, bool),
    /// Reads the attribute of what the instruction before has found.
    Attribute(Bound<'py, PyString>),
    /// Takes the name out of the module that is being imported.
    ImportFrom(Bound<'py, PyString>),
    Store(Store, Bound<'py, PyString>),
    /// Imports the module of that name.
    Import(Bound<'py, PyString>),
    /// Does something else with the name.
    Other(Bound<'py, PyString>),
    Constant(Bound<'py, PyAny>),
    Nothing,
}

/// One instruction, with its constant if it loads one.
pub(super) enum Instruction<'py> {
    /// Does something with this constant.
    Constant(u8, Bound<'py, PyAny>),
    /// Anything else: the opcode and its argument.
    Other(u8, usize),
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
        // Numbers over 255 are of pseudo-instructions, which no code holds.
        let list = |name: &str| -> PyResult<Vec<u8>> {
            let numbers: Vec<u32> = own::import(py, "opcode")?.getattr(name)?.extract()?;
            Ok(numbers
                .into_iter()
                .filter_map(|n| n.try_into().ok())
                .collect())
        };
        let opcodes = Self {
            store_name: number("STORE_NAME")?,
            store_global: number("STORE_GLOBAL")?,
            load_name: number("LOAD_NAME")?,
            load_global: number("LOAD_GLOBAL")?,
            load_from_dict_or_globals: number("LOAD_FROM_DICT_OR_GLOBALS")?,
            load_attr: number("LOAD_ATTR")?,
            load_method: number("LOAD_METHOD")?,
            load_super_attr: number("LOAD_SUPER_ATTR")?,
            import_name: number("IMPORT_NAME")?,
            import_from: number("IMPORT_FROM")?,
            attr_shift: u32::from(py.version_info() >= (3, 12)),
            load_small_int: number("LOAD_SMALL_INT")?,
            nothing: number("NOP")?,
            cache: number("CACHE")?,
            extended_argument: number("EXTENDED_ARG")?,
            takes_constant: list("hasconst")?,
            jumps: [list("hasjrel")?, list("hasjabs")?].concat(),
            takes_name: list("hasname")?,
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

    /// Whether `code` may store globals. To say no takes a look at each of its bytes, and no more.
    pub(super) fn may_store_globals(&self, code: &Bound<'_, PyAny>) -> PyResult<bool> {
        let bytes = code.getattr(pyo3::intern!(code.py(), "co_code"))?;
        let bytes = bytes.cast::<PyBytes>()?.as_bytes();
        Ok(bytes.iter().step_by(2).any(|&it| it == self.store_global))
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

    /// Whether the instruction stores into the locals of a module or class.
    pub(super) fn is_store_name(&self, opcode: u8) -> bool {
        opcode == self.store_name
    }

    /// What `code` does, with constants instead of their places, so that another constant before them
    /// makes no difference. What does nothing is left out, unless something jumps over it.
    pub(super) fn instructions<'py>(
        &self,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Instruction<'py>>> {
        let py = code.py();
        let constants = code
            .getattr(pyo3::intern!(py, "co_consts"))?
            .cast_into::<PyTuple>()?;
        let bytes = code
            .getattr(pyo3::intern!(py, "co_code"))?
            .cast_into::<PyBytes>()?;
        let units = || bytes.as_bytes().chunks_exact(2);
        let jumps = units().any(|unit| self.jumps.contains(&unit[0]));
        let mut found = Vec::new();
        let mut high = 0;
        for unit in units() {
            let argument = (high << 8) | usize::from(unit[1]);
            let opcode = unit[0];
            let is_extended = opcode == self.extended_argument;
            high = if is_extended { argument } else { 0 };
            let is_idle = opcode == self.nothing || is_extended;
            if opcode == self.cache || (is_idle && !jumps) {
                continue;
            }
            found.push(if self.takes_constant.contains(&opcode) {
                Instruction::Constant(opcode, constants.get_item(argument)?)
            } else if opcode == self.load_small_int {
                let number = argument.into_pyobject(py)?.into_any();
                Instruction::Constant(opcode, number)
            } else {
                Instruction::Other(opcode, if is_idle { 0 } else { argument })
            });
        }
        Ok(found)
    }

    /// The names that `code` itself reads, as globals, attributes or imports, in order.
    pub(super) fn names_read(&self, code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let mut found = self.globals_loaded(code)?;
        let others = self.named(code, |opcode, argument| match opcode {
            _ if opcode == self.load_attr => Some(((), argument >> self.attr_shift)),
            _ if opcode == self.load_super_attr => Some(((), argument >> 2)),
            _ if [self.load_method, self.import_name, self.import_from].contains(&opcode) => {
                Some(((), argument))
            }
            _ => None,
        })?;
        found.extend(others.into_iter().map(|((), name)| name));
        Ok(found)
    }

    /// What `code` does with names and constants, instruction by instruction.
    pub(super) fn steps<'py>(&self, code: &Bound<'py, PyAny>) -> PyResult<Vec<Step<'py>>> {
        let py = code.py();
        let list = |name| PyResult::Ok(code.getattr(name)?.cast_into::<PyTuple>()?);
        let names = list(pyo3::intern!(py, "co_names"))?;
        let constants = list(pyo3::intern!(py, "co_consts"))?;
        let name = |index| PyResult::Ok(names.get_item(index)?.cast_into::<PyString>()?);
        let bytes = code
            .getattr(pyo3::intern!(py, "co_code"))?
            .cast_into::<PyBytes>()?;
        let mut found = Vec::new();
        let mut high = 0;
        for unit in bytes.as_bytes().chunks_exact(2) {
            let argument = (high << 8) | usize::from(unit[1]);
            let opcode = unit[0];
            let is_extended = opcode == self.extended_argument;
            high = if is_extended { argument } else { 0 };
            if is_extended || opcode == self.cache || opcode == self.nothing {
                continue;
            }
            found.push(if opcode == self.load_global {
                Step::Load(name(argument >> 1)?, argument & 1 == 1)
            } else if opcode == self.load_name || opcode == self.load_from_dict_or_globals {
                Step::Load(name(argument)?, false)
            } else if opcode == self.load_attr {
                Step::Attribute(name(argument >> self.attr_shift)?)
            } else if opcode == self.load_method {
                Step::Attribute(name(argument)?)
            } else if opcode == self.import_from {
                Step::ImportFrom(name(argument)?)
            } else if opcode == self.store_name {
                Step::Store(Store::Local, name(argument)?)
            } else if opcode == self.store_global {
                Step::Store(Store::Global, name(argument)?)
            } else if opcode == self.import_name {
                Step::Import(name(argument)?)
            } else if opcode == self.load_super_attr {
                Step::Other(name(argument >> 2)?)
            } else if self.takes_name.contains(&opcode) {
                Step::Other(name(argument)?)
            } else if self.takes_constant.contains(&opcode) {
                Step::Constant(constants.get_item(argument)?)
            } else {
                Step::Nothing
            });
        }
        Ok(found)
    }

    /// The name that the instruction of `code` at the byte `place` reads as an attribute or imports.
    pub(super) fn name_read_at<'py>(
        &self,
        code: &Bound<'py, PyAny>,
        place: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = code.py();
        let bytes = code
            .getattr(pyo3::intern!(py, "co_code"))?
            .cast_into::<PyBytes>()?;
        let bytes = bytes.as_bytes();
        let Some(&[opcode, low]) = bytes.get(place..place + 2) else {
            return Ok(None);
        };
        let shift = if opcode == self.load_attr {
            self.attr_shift
        } else if opcode == self.load_method || opcode == self.import_from {
            0
        } else {
            return Ok(None);
        };
        let mut argument = usize::from(low);
        let before = bytes[..place].rchunks_exact(2);
        let extended = before.take_while(|unit| unit[0] == self.extended_argument);
        for (unit, position) in extended.zip(1..4) {
            argument |= usize::from(unit[1]) << (8 * position);
        }
        let names = code
            .getattr(pyo3::intern!(py, "co_names"))?
            .cast_into::<PyTuple>()?;
        Ok(names.get_item(argument >> shift).ok())
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
