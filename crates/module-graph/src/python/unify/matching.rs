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
    types::{PyDict, PyString, PyType},
};
use rustc_hash::FxHashMap;

use super::{
    super::{buffers, equality, referents},
    classes::ClassEdit,
    functions::FunctionEdit,
    shapes::Shapes,
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
            Some(shape) => self.value(shape, old, new, parts),
            None if self.instance(old, new, parts)? => Ok(Some(Kind::Value)),
            None => Ok(buffers::same(old, new)?.then_some(Kind::Value)),
        }
    }
}

pub(super) fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

/// What the names of a kept thing are compared by.
pub(super) fn same_text(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(match (old.cast::<PyString>(), new.cast::<PyString>()) {
        (Ok(old), Ok(new)) => old.to_cow()? == new.to_cow()?,
        _ => old.is(new),
    })
}
