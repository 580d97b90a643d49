//! Which values of built-in kinds are the same: what each of them is made of.

use pyo3::{
    prelude::*,
    types::{PyDict, PyFunction, PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference},
};
use rustc_hash::FxHashSet;

use super::{
    super::{equality, referents},
    matching::{Kind, Matcher, PairId, address},
    shapes::Shape,
};

impl<'py> Matcher<'py> {
    /// Compares two objects of one built-in kind.
    pub(super) fn value(
        &mut self,
        shape: Shape,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<Option<Kind<'py>>> {
        let (same, kind) = match shape {
            Shape::Function => {
                let edit =
                    self.function(old.cast::<PyFunction>()?, new.cast::<PyFunction>()?, parts)?;
                return Ok(edit.map(Kind::Function));
            }
            Shape::Tuple => {
                let (old, new) = (old.cast::<PyTuple>()?, new.cast::<PyTuple>()?);
                (self.items(old.iter(), new.iter(), parts)?, Kind::Constant)
            }
            Shape::List => {
                let (old, new) = (listed(old)?, listed(new)?);
                (self.items(old.iter(), new.iter(), parts)?, Kind::Value)
            }
            Shape::Dict => {
                let same = self.entries(old.cast()?, new.cast()?, parts)?;
                (same, Kind::Value)
            }
            Shape::Set => (self.members(old, new, parts)?, Kind::Value),
            Shape::FrozenSet => (self.members(old, new, parts)?, Kind::Constant),
            Shape::Code => (equality::same(old, new)?, Kind::Constant),
            Shape::Cell => {
                let contents = |cell: &Bound<'py, PyAny>| cell.getattr_opt("cell_contents");
                // An empty cell has no contents to ask for.
                let same = match (contents(old).ok(), contents(new).ok()) {
                    (Some(Some(old)), Some(Some(new))) => self.part(&old, &new, parts)?,
                    (None, None) => true,
                    _ => false,
                };
                (same, Kind::Value)
            }
            Shape::ClassMethod | Shape::StaticMethod => {
                let same = self.attribute("__func__", old, new, parts)?
                    && self.attribute("__dict__", old, new, parts)?;
                (same, Kind::Value)
            }
            Shape::Attributes(names) => (self.attributes(names, old, new, parts)?, Kind::Constant),
            Shape::TypeParameter(names) => {
                let same =
                    !is_lazy(old) && !is_lazy(new) && self.attributes(names, old, new, parts)?;
                // Its identity is what it is for.
                (same, Kind::Value)
            }
            Shape::Callable(names) => {
                let same = self.attributes(names, old, new, parts)?
                    && self.attribute("__dict__", old, new, parts)?;
                (same, Kind::Value)
            }
            Shape::Items(names) => {
                let same = self.attributes(names, old, new, parts)? && {
                    let (old, new) = (contents(old)?, contents(new)?);
                    self.items(old.iter(), new.iter(), parts)?
                };
                (same, Kind::Value)
            }
            Shape::BuiltinMethod => {
                let same = self.attribute("__name__", old, new, parts)?
                    && self.attribute("__self__", old, new, parts)?;
                (same, Kind::Constant)
            }
            Shape::Memo => {
                let same = self.attribute("__dict__", old, new, parts)? && wraps_its_function(new)?;
                (same, Kind::Memo)
            }
            Shape::Weak => {
                let target = |weak: &Bound<'py, PyAny>| {
                    PyResult::Ok(weak.cast::<PyWeakrefReference>()?.upgrade())
                };
                let same = self.attribute("__callback__", old, new, parts)?
                    && match (target(old)?, target(new)?) {
                        (Some(old), Some(new)) => self.part(&old, &new, parts)?,
                        (old, new) => old.is_none() && new.is_none(),
                    };
                (same, Kind::Value)
            }
            Shape::MappingProxy => {
                let (old, new) = (only_referent(old), only_referent(new));
                let same = match (old, new) {
                    (Some(old), Some(new)) => self.part(&old, &new, parts)?,
                    _ => false,
                };
                (same, Kind::Constant)
            }
            Shape::Sentinel => (true, Kind::Value),
            Shape::WeakContainer => (self.instance(old, new, parts)?, Kind::Value),
            Shape::Lock => (is_unlocked(old)? && is_unlocked(new)?, Kind::Value),
            Shape::Printed => (
                old.repr()?.to_str()? == new.repr()?.to_str()?,
                Kind::Constant,
            ),
            Shape::Reduced => {
                let (old, new) = (
                    old.call_method0("__reduce__")?,
                    new.call_method0("__reduce__")?,
                );
                (
                    equality::same_constant(&old.get_item(1)?, &new.get_item(1)?)?,
                    Kind::Constant,
                )
            }
            Shape::Descriptor => (false, Kind::Value),
        };
        Ok(same.then_some(kind))
    }

    fn attributes(
        &mut self,
        names: &[&str],
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        for name in names {
            if !self.attribute(name, old, new, parts)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sets have no order to pair their members by. Scalars are compared, and of the others only
    /// those match that have a partner already.
    fn members(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        let split = |set: &Bound<'py, PyAny>| -> PyResult<(Vec<_>, Vec<_>)> {
            let members: Vec<_> = set.try_iter()?.collect::<PyResult<_>>()?;
            Ok(members
                .into_iter()
                .partition(|member| equality::is_scalar(member)))
        };
        let ((old_scalars, old), (new_scalars, new)) = (split(old)?, split(new)?);
        if old.len() != new.len() || !equality::same_scalars(&old_scalars, &new_scalars)? {
            return Ok(false);
        }
        let mut rest: FxHashSet<_> = old.iter().map(address).collect();
        for member in &new {
            let partner = match self.pair_of(member.as_ptr()) {
                Some(id) => {
                    parts.push(id);
                    address(&self.pairs[id.0].old)
                }
                None => address(member),
            };
            if !rest.remove(&partner) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn listed<'py>(list: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(list.py(), list.cast::<PyList>()?.iter())
}

/// The items of an ordered container of the standard library: keys and values of a mapping.
fn contents<'py>(container: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = container.py();
    let mut items = Vec::new();
    if container.is_instance_of::<PyDict>() {
        for entry in container.call_method0("items")?.try_iter()? {
            let entry = entry?;
            items.push(entry.get_item(0)?);
            items.push(entry.get_item(1)?);
        }
    } else {
        items = container.try_iter()?.collect::<PyResult<_>>()?;
    }
    PyTuple::new(py, items)
}

fn is_unlocked(lock: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(lock.repr()?.to_str()?.starts_with("<unlocked"))
}

fn referents_of<'py>(object: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let mut found = Vec::new();
    collect(object, &mut found);
    found
}

#[expect(unsafe_code, reason = "the collector's view gives addresses")]
fn collect<'py>(object: &Bound<'py, PyAny>, found: &mut Vec<Bound<'py, PyAny>>) {
    let mut addresses = Vec::new();
    // SAFETY: the object is alive while it is borrowed, and so is what it holds; nothing runs between.
    unsafe {
        referents::collect(object.as_ptr(), &mut addresses);
        for address in addresses {
            found.push(Bound::from_borrowed_ptr(object.py(), address));
        }
    }
}

fn only_referent<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    referents_of(object).into_iter().next()
}

/// Whether the cache calls what it says that it wraps: only that can be seen from Python.
fn wraps_its_function(memo: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(wrapped) = memo.getattr_opt("__wrapped__")? else {
        return Ok(false);
    };
    Ok(referents_of(memo).iter().any(|held| held.is(&wrapped)))
}

/// Whether a type parameter evaluates its bound, constraints or default when it is asked for them,
/// which is code of the user's.
fn is_lazy(parameter: &Bound<'_, PyAny>) -> bool {
    referents_of(parameter).iter().any(|held| {
        let is_evaluator = held.get_type().name().is_ok_and(|name| {
            name.to_cow()
                .is_ok_and(|name| name.contains("ConstEvaluator"))
        });
        is_evaluator || held.is_exact_instance_of::<PyFunction>()
    })
}
