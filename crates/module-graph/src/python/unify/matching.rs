//! Which old object each new one could give way to: the optimistic half of unification.
//!
//! Two objects match if they are of one kind and their parts match. Objects hold each other in
//! circles (a class, its methods, their `__class__` cell), so a match counts as good while its parts
//! are still being looked at; what turns out different takes those with it that rely on it, in
//! [`proof`](super::proof).
//!
//! Kept true: matching is one to one. If two names held one object, they do so afterwards, and the
//! other way round. No code of the user's runs.

use pyo3::{
    prelude::*,
    types::{PyDict, PyFunction, PyString, PyTuple, PyType, PyWeakrefMethods, PyWeakrefReference},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    super::{buffers, equality, referents},
    classes::ClassEdit,
    functions::FunctionEdit,
    shapes::{Shape, Shapes},
};

/// How deep objects are compared. What is deeper is different.
const DEPTH: usize = 100;

/// How many objects one module's comparison looks at. Past it everything is different.
const OBJECTS: usize = 200_000;

/// A pair in [`Matcher::pairs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PairId(pub(super) usize);

/// What was found out about two objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// They are one object, or can stand for each other wherever they are held.
    Same,
    /// The old one can stay if this pair lasts.
    Pair(PairId),
    Different,
}

/// An old object that may stay in place of a new one.
pub(super) struct Pair<'py> {
    pub(super) old: Bound<'py, PyAny>,
    pub(super) new: Bound<'py, PyAny>,
    pub(super) kind: Kind<'py>,
    /// The pairs without which this one is none.
    pub(super) parts: Vec<PairId>,
    pub(super) is_alive: bool,
}

/// What has to be done so that the old object equals the new one.
pub(super) enum Kind<'py> {
    /// Nothing, and it cannot change: with equal parts, it need not even stay.
    Constant,
    /// Nothing.
    Value,
    /// A cache, which may hold results of code that has changed.
    Memo,
    Function(FunctionEdit),
    Class(ClassEdit<'py>),
}

/// The pairs found so far.
pub(super) struct Matcher<'py> {
    /// The globals of the module that ran again.
    pub(super) namespace: Bound<'py, PyDict>,
    pub(super) pairs: Vec<Pair<'py>>,
    pub(super) shapes: &'static Shapes,
    by_old: FxHashMap<usize, PairId>,
    by_new: FxHashMap<usize, PairId>,
    depth: usize,
    objects: usize,
}

impl<'py> Matcher<'py> {
    pub(super) fn new(namespace: Bound<'py, PyDict>) -> PyResult<Self> {
        Ok(Self {
            shapes: Shapes::get(namespace.py())?,
            namespace,
            pairs: Vec::new(),
            by_old: FxHashMap::default(),
            by_new: FxHashMap::default(),
            depth: DEPTH,
            objects: OBJECTS,
        })
    }

    /// Compares two objects, and remembers the pair that they make.
    pub(super) fn compare(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Match> {
        if old.is(new) || equality::same_constant(old, new)? {
            return Ok(Match::Same);
        }
        if let Some(&id) = self.by_new.get(&address(new)) {
            let is_pair = self.pairs[id.0].old.is(old);
            return Ok(if is_pair {
                Match::Pair(id)
            } else {
                Match::Different
            });
        }
        if self.depth == 0 || self.objects == 0 || self.by_old.contains_key(&address(old)) {
            return Ok(Match::Different);
        }
        let id = self.begin(old, new);
        self.depth -= 1;
        self.objects -= 1;
        let mut parts = Vec::new();
        let found = self.kind_of(old, new, &mut parts);
        self.depth += 1;
        let Some(kind) = found? else {
            self.end(id);
            return Ok(Match::Different);
        };
        if matches!(kind, Kind::Constant) && parts.is_empty() {
            self.end(id);
            return Ok(Match::Same);
        }
        let pair = &mut self.pairs[id.0];
        pair.kind = kind;
        pair.parts = parts;
        Ok(Match::Pair(id))
    }

    /// The pair whose new object is at `address`.
    pub(super) fn pair_of(&self, address: referents::Address) -> Option<PairId> {
        self.by_new.get(&(address as usize)).copied()
    }

    /// Compares two parts of objects that are being compared. `false` if those cannot match.
    pub(super) fn part(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        Ok(match self.compare(old, new)? {
            Match::Same => true,
            Match::Pair(id) => {
                parts.push(id);
                true
            }
            Match::Different => false,
        })
    }

    /// Compares an attribute that both have, or neither.
    pub(super) fn attribute(
        &mut self,
        name: &str,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        match (old.getattr_opt(name)?, new.getattr_opt(name)?) {
            (Some(old), Some(new)) => self.part(&old, &new, parts),
            (None, None) => Ok(true),
            _ => Ok(false),
        }
    }

    /// Compares items one by one, in order.
    pub(super) fn items(
        &mut self,
        old: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        new: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        if old.len() != new.len() {
            return Ok(false);
        }
        for (old, new) in old.zip(new) {
            if !self.part(&old, &new, parts)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares the entries of dicts, in order: iteration shows it.
    pub(super) fn entries(
        &mut self,
        old: &Bound<'py, PyDict>,
        new: &Bound<'py, PyDict>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<bool> {
        Ok(self.items(old.keys().iter(), new.keys().iter(), parts)?
            && self.items(old.values().iter(), new.values().iter(), parts)?)
    }

    /// Makes a pair of objects that belong to those of `whole`.
    pub(super) fn belong(
        &mut self,
        whole: &Bound<'py, PyAny>,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) {
        if let Some(whole) = self.pair_of(whole.as_ptr()) {
            let id = self.begin(old, new);
            self.pairs[id.0].parts.push(whole);
        }
    }

    fn begin(&mut self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> PairId {
        let id = PairId(self.pairs.len());
        self.pairs.push(Pair {
            old: old.clone(),
            new: new.clone(),
            kind: Kind::Value,
            parts: Vec::new(),
            is_alive: true,
        });
        self.by_old.insert(address(old), id);
        self.by_new.insert(address(new), id);
        id
    }

    /// The two do not make a pair. Each may still make one with another.
    fn end(&mut self, id: PairId) {
        let pair = &mut self.pairs[id.0];
        pair.is_alive = false;
        self.by_old.remove(&address(&pair.old));
        self.by_new.remove(&address(&pair.new));
    }

    fn kind_of(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        parts: &mut Vec<PairId>,
    ) -> PyResult<Option<Kind<'py>>> {
        // The types themselves may be the same class, before and after.
        if !self.part(old.get_type().as_any(), new.get_type().as_any(), parts)? {
            return Ok(None);
        }
        if let (Ok(old), Ok(new)) = (old.cast::<PyType>(), new.cast::<PyType>()) {
            return Ok(self.class(old, new, parts)?.map(Kind::Class));
        }
        match self.shapes.of(new.as_ptr()) {
            Some(shape) => self.shaped(shape, old, new, parts),
            None if self.instance(old, new, parts)? => Ok(Some(Kind::Value)),
            None => Ok(buffers::same(old, new)?.then_some(Kind::Value)),
        }
    }

    fn shaped(
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

pub(super) fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

fn listed<'py>(list: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(list.py(), list.cast::<pyo3::types::PyList>()?.iter())
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

/// What the names of a kept thing are compared by.
pub(super) fn same_text(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(match (old.cast::<PyString>(), new.cast::<PyString>()) {
        (Ok(old), Ok(new)) => old.to_cow()? == new.to_cow()?,
        _ => old.is(new),
    })
}
