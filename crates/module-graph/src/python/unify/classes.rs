//! Which classes are the same definition before and after, and which can be made so.
//!
//! A class whose members all match stays. One whose members differ is grafted, if that gives what
//! its readers would find in the new one: the old class takes the members that differ, and its
//! instances have them. What instances are made of must not differ.

use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyTuple, PyType},
};

use super::{
    super::{equality, layout, own},
    matching::{Match, Matcher, PairId},
    shapes::Shape,
};

/// How the members of two classes that match differ.
pub(super) struct ClassEdit<'py> {
    /// Every member of the new class that has no equal, and every pair of members.
    pub(super) members: Vec<Member<'py>>,
    /// Whether the old class may take members of the new one.
    pub(super) can_take: bool,
    /// Whether the names stand in another order.
    pub(super) is_reordered: bool,
}

/// One name in a class.
pub(super) struct Member<'py> {
    pub(super) name: Bound<'py, PyString>,
    pub(super) state: MemberState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// The old member stays if this pair lasts.
    Kept(PairId),
    /// The class takes the new member.
    Taken,
    /// The new class has none.
    Dropped,
    /// Where the definition stands in its file. It is taken, and nobody is told.
    Position,
}

impl ClassEdit<'_> {
    /// Whether readers of the class find something else in it.
    pub(super) fn is_grafted(&self) -> bool {
        self.is_reordered || self.members.iter().any(Member::differs)
    }

    /// The names under which readers of the class find something else, or nothing any more.
    pub(super) fn members_that_differ(&self) -> PyResult<Vec<String>> {
        let differing = self.members.iter().filter(|member| member.differs());
        differing
            .map(|member| Ok(member.name.to_cow()?.into_owned()))
            .collect()
    }
}

impl Member<'_> {
    fn differs(&self) -> bool {
        matches!(self.state, MemberState::Taken | MemberState::Dropped)
    }
}

/// Members that belong to one class object and are no contents of it.
const OWN: [&str; 5] = [
    "__dict__",
    "__weakref__",
    "_abc_impl",
    "__annotations_cache__",
    "__classdictcell__",
];

/// Members whose name means something else when it is set on a class.
const UNTAKEABLE: [&str; 5] = [
    "__class__",
    "__bases__",
    "__mro__",
    "__name__",
    "__qualname__",
];

const POSITIONS: [&str; 2] = ["__firstlineno__", "__static_attributes__"];

impl<'py> Matcher<'py> {
    /// Compares two classes; `None` if the old one cannot become the new one.
    pub(super) fn class(
        &mut self,
        old: &Bound<'py, PyType>,
        new: &Bound<'py, PyType>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<Option<ClassEdit<'py>>> {
        if !layout::is_python_class(old)? || !layout::is_python_class(new)? {
            return Ok(None);
        }
        let (Some(old_members), Some(new_members)) =
            (layout::class_dict(old), layout::class_dict(new))
        else {
            return Ok(None);
        };
        let same_frame = layout::are_alike(old, new)
            && old.name()?.to_cow()? == new.name()?.to_cow()?
            && old.qualname()?.to_cow()? == new.qualname()?.to_cow()?
            && same_entry("__module__", &old_members, &new_members)?
            && same_entry("__slots__", &old_members, &new_members)?
            && self.registry(old, new, parts)?
            && self.items(old.bases().iter(), new.bases().iter(), parts)?;
        if !same_frame {
            return Ok(None);
        }
        // Annotations of members hold the dict itself, to look names up in it.
        self.belong(new.as_any(), old_members.as_any(), new_members.as_any());
        let members = self.members_of((old, &old_members), (new, &new_members))?;
        let edit = ClassEdit {
            can_take: can_take(new, &old_members, &new_members)?,
            is_reordered: !keeps_order(&old_members, &new_members)?,
            members,
        };
        if edit.is_grafted()
            && (!edit.can_take || is_judged(old)? && changes_protocol(&edit.members)?)
        {
            return Ok(None);
        }
        Ok(Some(edit))
    }

    fn members_of(
        &mut self,
        (old_class, old): (&Bound<'py, PyType>, &Bound<'py, PyDict>),
        (new_class, new): (&Bound<'py, PyType>, &Bound<'py, PyDict>),
    ) -> PyResult<Vec<Member<'py>>> {
        let mut members = Vec::new();
        let mut add = |name: Bound<'py, PyString>, state| members.push(Member { name, state });
        for (name, value) in new.copy()? {
            let name = name.cast_into::<PyString>()?;
            let text = name.to_cow()?.into_owned();
            if OWN.contains(&text.as_str()) {
                continue;
            }
            let Some(before) = old.get_item(&name)? else {
                if !is_empty_annotations(&text, &value) {
                    add(name, MemberState::Taken);
                }
                continue;
            };
            if POSITIONS.contains(&text.as_str()) {
                add(name, MemberState::Position);
                continue;
            }
            if self.is_slot_of(old_class, &before)? && self.is_slot_of(new_class, &value)? {
                continue;
            }
            match self.compare(&before, &value)? {
                Match::Same => {}
                Match::Pair(id) => add(name, MemberState::Kept(id)),
                Match::Different => add(name, MemberState::Taken),
            }
        }
        for (name, value) in old.copy()? {
            let name = name.cast_into::<PyString>()?;
            let text = name.to_cow()?.into_owned();
            let stays = new.contains(&name)?
                || OWN.contains(&text.as_str())
                || is_empty_annotations(&text, &value);
            if !stays {
                add(name, MemberState::Dropped);
            }
        }
        Ok(members)
    }

    fn is_slot_of(&self, class: &Bound<'py, PyType>, member: &Bound<'py, PyAny>) -> PyResult<bool> {
        let is_slot = self.shapes.of(member.as_ptr()) == Some(Shape::Descriptor);
        Ok(is_slot && member.getattr("__objclass__")?.is(class))
    }
}

/// A class without annotations gets an empty dict of them when somebody asks.
fn is_empty_annotations(name: &str, value: &Bound<'_, PyAny>) -> bool {
    name == "__annotations__" && value.cast::<PyDict>().is_ok_and(PyDictMethods::is_empty)
}

fn same_entry(name: &str, old: &Bound<'_, PyDict>, new: &Bound<'_, PyDict>) -> PyResult<bool> {
    match (old.get_item(name)?, new.get_item(name)?) {
        (Some(old), Some(new)) => equality::same(&old, &new),
        (None, None) => Ok(true),
        _ => Ok(false),
    }
}

/// Whether the members stand in one order, which fields, enumerations and `vars` show. Where those
/// of the interpreter stand is nobody's business.
fn keeps_order(old: &Bound<'_, PyDict>, new: &Bound<'_, PyDict>) -> PyResult<bool> {
    let names = |members: &Bound<'_, PyDict>| -> PyResult<Vec<String>> {
        let names: Vec<String> = members.keys().extract()?;
        Ok(names
            .into_iter()
            .filter(|name| !(name.starts_with("__") && name.ends_with("__")))
            .collect())
    };
    Ok(names(old)? == names(new)?)
}

/// Whether readers of the old class would find in it, with the new members, what they would find in
/// the new one.
fn can_take(
    new: &Bound<'_, PyType>,
    old_members: &Bound<'_, PyDict>,
    new_members: &Bound<'_, PyDict>,
) -> PyResult<bool> {
    let py = new.py();
    let metaclass = new.get_type();
    let is_plain = metaclass.is(py.get_type::<PyType>())
        || metaclass.is(own::import(py, "abc")?.getattr("ABCMeta")?);
    // A named tuple's instances have as many items as it has fields.
    let is_record = new.is_subclass_of::<PyTuple>()? && new_members.contains("_fields")?;
    for name in UNTAKEABLE {
        if old_members.contains(name)? || new_members.contains(name)? {
            return Ok(false);
        }
    }
    Ok(is_plain && !is_record && keeps_fields(old_members, new_members)?)
}

/// A dataclass may gain a field only if old instances have a value for it: the class's.
fn keeps_fields(old: &Bound<'_, PyDict>, new: &Bound<'_, PyDict>) -> PyResult<bool> {
    const FIELDS: &str = "__dataclass_fields__";
    let (Some(old), Some(fields)) = (old.get_item(FIELDS)?, new.get_item(FIELDS)?) else {
        return Ok(!old.contains(FIELDS)? && !new.contains(FIELDS)?);
    };
    for name in fields.cast_into::<PyDict>()?.keys() {
        if !old.contains(&name)? && !new.contains(&name)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an abstract class has looked at the class and remembers what it found.
fn is_judged(class: &Bound<'_, PyType>) -> PyResult<bool> {
    for weak in weak_references(class)? {
        if is_judgement(&weak?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a weak reference is the memory of an abstract class.
pub(in super::super) fn is_judgement(weak: &Bound<'_, PyAny>) -> PyResult<bool> {
    let callback = weak.getattr("__callback__")?;
    Ok(callback.is_exact_instance_of::<pyo3::types::PyCFunction>()
        && callback
            .getattr("__name__")?
            .extract::<&str>()
            .is_ok_and(|name| name == "_destroy"))
}

/// Whether a class of `namespace` has a twin: one of the same name, base and module that is neither
/// it nor the one of `before`. A decorator that made the class again leaves one to the collector.
pub(super) fn leave_another(
    namespace: &Bound<'_, PyDict>,
    before: &Bound<'_, PyDict>,
) -> PyResult<bool> {
    let subclasses = namespace
        .py()
        .get_type::<PyType>()
        .getattr("__subclasses__")?;
    for (name, class) in namespace {
        let Ok(class) = class.cast::<PyType>() else {
            continue;
        };
        let (Some(old), Some(base)) = (before.get_item(name)?, layout::base_of(class)) else {
            continue;
        };
        for other in subclasses.call1((base,))?.try_iter()? {
            let other = other?.cast_into::<PyType>()?;
            if !other.is(class) && !other.is(&old) && are_twins(class, &other)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn are_twins(class: &Bound<'_, PyType>, other: &Bound<'_, PyType>) -> PyResult<bool> {
    let (Some(members), Some(others)) = (layout::class_dict(class), layout::class_dict(other))
    else {
        return Ok(false);
    };
    Ok(class.name()?.to_cow()? == other.name()?.to_cow()?
        && same_entry("__module__", &members, &others)?)
}

/// The weak references to an object.
pub(in super::super) fn weak_references<'py>(
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, pyo3::types::PyIterator>> {
    own::import(object.py(), "_weakref")?
        .call_method1("getweakrefs", (object,))?
        .try_iter()
}

/// Whether a method that protocols look for came or went.
fn changes_protocol(members: &[Member<'_>]) -> PyResult<bool> {
    for member in members {
        let name = member.name.to_cow()?;
        if member.differs() && name.starts_with("__") {
            return Ok(true);
        }
    }
    Ok(false)
}
