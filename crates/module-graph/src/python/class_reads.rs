//! What code reads of a class whose name it has.
//!
//! To read an attribute of a class cannot be seen, but what code can do with a name stands in its
//! instructions. If each of them that takes the class out of its module binds it to a name, or reads an
//! attribute of it at once, and each that loads such a name reads an attribute of it at once, then the
//! attributes are all that the code has read of the class.
//!
//! Kept true: any other use, and code that may come to the name in ways that cannot be seen, counts as
//! a use of the whole class.

use std::collections::BTreeSet;

use pyo3::{
    prelude::*,
    types::{PyFrozenSet, PyString, PyTuple},
};

use super::opcodes::{Opcodes, Step, Store};

/// What some code reads of a class.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) attributes: BTreeSet<String>,
    /// The names that the code's module has for the class.
    pub(super) aliases: BTreeSet<String>,
}

/// What `codes`, the first of which is a module's top level, read of a class that another module calls
/// `name`. `None`: more than attributes, or it is not they who have read the name.
pub(super) fn of_another_module(codes: &[Bound<'_, PyAny>], name: &str) -> PyResult<Option<Uses>> {
    let mut uses = Uses::default();
    let mut is_read = false;
    for (position, code) in codes.iter().enumerate() {
        let steps = Opcodes::of_interpreter(code.py())?.steps(code)?;
        for (place, step) in steps.iter().enumerate() {
            let next = steps.get(place + 1);
            match step {
                Step::ImportFrom(read) if is(read, name) => match next {
                    Some(Step::Store(store, alias)) if *store == Store::Global || position == 0 => {
                        uses.aliases.insert(alias.to_cow()?.into_owned());
                    }
                    _ => return Ok(None),
                },
                Step::Attribute(read) if is(read, name) => match next {
                    Some(Step::Attribute(attribute)) => {
                        uses.attributes.insert(attribute.to_cow()?.into_owned());
                    }
                    _ => return Ok(None),
                },
                Step::Other(other) if is(other, name) => return Ok(None),
                _ => continue,
            }
            is_read = true;
        }
    }
    let mut names = uses.aliases.clone();
    names.insert(name.to_owned());
    if !is_read || !keep_to_attributes(codes, name, &names, &mut uses)? {
        return Ok(None);
    }
    Ok(Some(uses))
}

/// What `codes` read of the classes that their own module calls `names`. `None`: more than attributes.
pub(super) fn of_own_module(
    codes: &[Bound<'_, PyAny>],
    names: &BTreeSet<String>,
) -> PyResult<Option<Uses>> {
    let mut uses = Uses {
        aliases: names.clone(),
        ..Uses::default()
    };
    let is_known = keep_to_attributes(codes, "", names, &mut uses)?;
    Ok(is_known.then_some(uses))
}

/// Whether `codes` do nothing with the aliases but to read attributes, which are added. One of
/// the aliases may be bound to what is imported as `imported`.
fn keep_to_attributes(
    codes: &[Bound<'_, PyAny>],
    imported: &str,
    mentioned: &BTreeSet<String>,
    uses: &mut Uses,
) -> PyResult<bool> {
    for code in codes {
        let steps = Opcodes::of_interpreter(code.py())?.steps(code)?;
        let doc = code.getattr("co_consts")?.cast_into::<PyTuple>()?;
        if let Ok(doc) = doc.get_item(0)
            && may_name(&doc, mentioned)?
        {
            return Ok(false);
        }
        for (place, step) in steps.iter().enumerate() {
            let next = steps.get(place + 1);
            match step {
                step if reflects(step)? => return Ok(false),
                Step::Load(name, is_call) if has(&uses.aliases, name)? => match next {
                    Some(Step::Attribute(attribute)) if !is_call => {
                        uses.attributes.insert(attribute.to_cow()?.into_owned());
                    }
                    _ => return Ok(false),
                },
                Step::Store(_, name) if has(&uses.aliases, name)? => {
                    let before = place.checked_sub(1).and_then(|place| steps.get(place));
                    if !matches!(before, Some(Step::ImportFrom(read)) if is(read, imported)) {
                        return Ok(false);
                    }
                }
                Step::Other(name) if has(&uses.aliases, name)? => return Ok(false),
                // The list of an import names what the next instructions take.
                Step::Constant(value)
                    if !matches!(next, Some(Step::Import(_))) && may_name(value, mentioned)? =>
                {
                    return Ok(false);
                }
                _ => {}
            }
        }
    }
    Ok(true)
}

/// Whether the code may come to a namespace, or to classes that it has no name for.
pub(super) fn has_reflection(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    for step in Opcodes::of_interpreter(code.py())?.steps(code)? {
        if reflects(&step)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the instruction has one of [`REFLECTION`]; as a text it is there for `getattr` or
/// `import_module`.
fn reflects(step: &Step<'_>) -> PyResult<bool> {
    let text = match step {
        Step::Load(name, _)
        | Step::Attribute(name)
        | Step::ImportFrom(name)
        | Step::Import(name) => name,
        Step::Constant(value) => match value.cast::<PyString>() {
            Ok(text) => text,
            Err(_) => return Ok(false),
        },
        _ => return Ok(false),
    };
    Ok(REFLECTION.contains(&&*text.to_cow()?))
}

/// Names by which code comes to a namespace, and to classes that it has no name for.
const REFLECTION: [&str; 24] = [
    "eval",
    "exec",
    "compile",
    "globals",
    "locals",
    "vars",
    "dir",
    "__import__",
    "_getframe",
    "currentframe",
    "getmembers",
    "stack",
    "modules",
    "gc",
    "builtins",
    "__builtins__",
    "__globals__",
    "__dict__",
    "__subclasses__",
    "__closure__",
    "f_globals",
    "f_locals",
    "tb_frame",
    "get_type_hints",
];

fn is(name: &Bound<'_, PyString>, text: &str) -> bool {
    name.to_str().is_ok_and(|name| name == text)
}

fn has(names: &BTreeSet<String>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    Ok(names.contains(&*name.to_cow()?))
}

/// Whether the constant is a text, or holds one, in which one of `names` stands as a word: an annotation
/// that somebody will evaluate, or the name to look up.
fn may_name(value: &Bound<'_, PyAny>, names: &BTreeSet<String>) -> PyResult<bool> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_cow()?;
        return Ok(names.iter().any(|name| has_word(&text, name)));
    }
    if !value.is_exact_instance_of::<PyTuple>() && !value.is_exact_instance_of::<PyFrozenSet>() {
        return Ok(false);
    }
    for item in value.try_iter()? {
        if may_name(&item?, names)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter == '_' || letter.is_alphanumeric();
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
