//! Which new objects nobody but their fellows holds: the proof half of unification.
//!
//! An old object may stand in for a new one only if nobody would notice that the new one is gone. So
//! the objects that would go are collected, with what holds them together (dicts of classes, cells,
//! tuples), their references to each other are counted, and what has more references than were
//! counted is held by somebody else and stays. What stays holds its own parts, so those stay too,
//! until nothing changes: the collector's own algorithm, on a part of the heap.
//!
//! Some holders do not count, for they can be [turned](super::turn) to the old object.
//!
//! Kept true: an object that was not looked at counts as a holder, so every limit is on the safe
//! side. Nothing of the user's runs between [`Proof::run`] and what it allows.
#![expect(unsafe_code, reason = "references are counted through the C API")]

use pyo3::{ffi, prelude::*, types::PyDict};
use rustc_hash::FxHashMap;

use super::{
    super::referents::{self, Address},
    classes::{self, MemberState},
    matching::{Kind, Matcher, PairId},
    shapes::Shape,
    turn,
};

/// How many references are followed. What was not reached counts as held.
const REFERENCES: usize = 1_000_000;

/// One object that may go.
struct Node {
    object: Address,
    /// References that come from what would go as well, or that are accounted for.
    explained: isize,
    may_go: bool,
    /// What it holds, one entry for each reference.
    holds: Vec<Hold>,
    /// Nodes that this one refers to weakly.
    watches: Vec<usize>,
    pair: Option<PairId>,
}

/// One reference from a node.
#[derive(Clone, Copy)]
struct Hold {
    target: usize,
    /// Whether it could be made to hold the old object instead.
    can_turn: bool,
}

/// Who relies on a pair.
#[derive(Clone, Copy)]
enum Reliance {
    Needs(PairId),
    /// A class that has the pair as a member, at this place.
    Has(PairId, usize),
}

/// The objects that may go, and who holds them.
pub(super) struct Proof<'m, 'py> {
    matcher: &'m mut Matcher<'py>,
    nodes: Vec<Node>,
    by_address: FxHashMap<usize, usize>,
    relied_on: FxHashMap<PairId, Vec<Reliance>>,
    references: usize,
    /// Whether a pair that matched was lost: perhaps to a holder that is garbage.
    has_lost: bool,
}

impl<'m, 'py> Proof<'m, 'py> {
    /// Drops every pair that cannot be kept, and says which objects hold new ones of the others and
    /// must be turned. The flag says whether any pair was dropped.
    pub(super) fn run(matcher: &'m mut Matcher<'py>) -> PyResult<(Vec<Address>, bool)> {
        let mut proof = Self {
            matcher,
            nodes: Vec::new(),
            by_address: FxHashMap::default(),
            relied_on: FxHashMap::default(),
            references: 0,
            has_lost: false,
        };
        proof.add_all();
        proof.note_weak_references()?;
        proof.note_registrations()?;
        proof.note_reliances();
        proof.settle();
        Ok((proof.turns(), proof.has_lost))
    }

    fn add_all(&mut self) {
        for index in 0..self.matcher.pairs.len() {
            let pair = &self.matcher.pairs[index];
            let object = pair.new.as_ptr();
            if pair.is_alive || self.matcher.pair_of(object).is_some() || self.is_glue(object) {
                // The pair's own reference.
                let node = self.add(object);
                self.nodes[node].explained += 1;
            }
        }
        let namespace = self.matcher.namespace.clone();
        for value in namespace.values() {
            let object = value.as_ptr();
            drop(value);
            if self.matcher.pair_of(object).is_some() {
                // The namespace's, which will hold the old object.
                let node = self.add(object);
                self.nodes[node].explained += 1;
            } else if self.is_glue(object) {
                self.add(object);
            }
        }
        let mut next = 0;
        while next < self.nodes.len() {
            self.expand(next);
            next += 1;
        }
    }

    fn add(&mut self, object: Address) -> usize {
        if let Some(&node) = self.by_address.get(&(object as usize)) {
            return node;
        }
        let node = self.nodes.len();
        self.by_address.insert(object as usize, node);
        let pair = self.matcher.pair_of(object);
        self.nodes.push(Node {
            object,
            explained: 0,
            may_go: true,
            holds: Vec::new(),
            watches: Vec::new(),
            pair: pair.filter(|id| self.matcher.pairs[id.0].is_alive),
        });
        node
    }

    /// Adds what the node holds, if that may go with it.
    fn expand(&mut self, node: usize) {
        if self.references >= REFERENCES {
            return;
        }
        let object = self.nodes[node].object;
        let mut held = Vec::new();
        // SAFETY: the namespace or a pair keeps the object alive, directly or through other nodes.
        unsafe { referents::collect(object, &mut held) };
        self.references += held.len();
        let skipped = self.globals_of(object);
        let turnable = turn::turnable(self.matcher, object);
        for object in held {
            let is_new = self.matcher.pair_of(object).is_some();
            if !is_new && (skipped.contains(&object) || !self.is_glue(object)) {
                continue;
            }
            let target = self.add(object);
            self.nodes[target].explained += 1;
            let hold = Hold {
                target,
                can_turn: is_new && turnable.allows(object),
            };
            self.nodes[node].holds.push(hold);
        }
    }

    /// Namespaces are not parts of the functions that look names up in them.
    fn globals_of(&self, object: Address) -> [Address; 2] {
        let namespace = self.matcher.namespace.as_ptr();
        // SAFETY: the object is alive; for a function its globals are borrowed from it.
        unsafe {
            if ffi::PyFunction_Check(object) != 0 {
                return [namespace, ffi::PyFunction_GetGlobals(object)];
            }
        }
        [namespace, namespace]
    }

    /// Whether the object is one of the things that hold others together, or an instance of a class
    /// that may go.
    fn is_glue(&self, object: Address) -> bool {
        // SAFETY: the object is alive, and a namespace of builtins is borrowed from the interpreter.
        let (class, builtins) = unsafe {
            (
                ffi::Py_TYPE(object).cast::<ffi::PyObject>(),
                ffi::PyEval_GetBuiltins(),
            )
        };
        if object == self.matcher.namespace.as_ptr() || object == builtins {
            return false;
        }
        match self.matcher.shapes.of(object) {
            Some(Shape::Code | Shape::Sentinel | Shape::Lock | Shape::Printed) => false,
            Some(_) => true,
            None => self.matcher.pair_of(class).is_some(),
        }
    }

    /// A weak reference is no holder, but whoever has one can tell whether the object is there.
    fn note_weak_references(&mut self) -> PyResult<()> {
        for node in 0..self.nodes.len() {
            let Some(pair) = self.nodes[node].pair else {
                continue;
            };
            let pair = &self.matcher.pairs[pair.0];
            let (object, is_class) = (pair.new.clone(), matches!(pair.kind, Kind::Class(_)));
            let bases = object
                .cast::<pyo3::types::PyType>()
                .map_or(0, |class| class.bases().len());
            for weak in classes::weak_references(&object)? {
                let weak = weak?;
                if is_class && classes::is_judgement(&weak)? {
                    continue;
                }
                let is_plain = weak.getattr("__callback__")?.is_none();
                let watcher = self.add(weak.as_ptr());
                drop(weak);
                self.nodes[watcher].watches.push(node);
                if is_class && is_plain {
                    // Each base knows its subclasses by one reference that they share.
                    self.nodes[watcher].explained += bases.cast_signed();
                }
            }
        }
        Ok(())
    }

    /// A class can give way only to one that is registered where it is.
    fn note_registrations(&mut self) -> PyResult<()> {
        for (class, by) in self.matcher.registrations()? {
            match by.filter(|by| self.matcher.pairs[by.0].is_alive) {
                Some(by) => self.matcher.pairs[class.0].parts.push(by),
                None => self.matcher.pairs[class.0].is_alive = false,
            }
        }
        Ok(())
    }

    fn note_reliances(&mut self) {
        for (index, pair) in self.matcher.pairs.iter().enumerate() {
            if !pair.is_alive {
                continue;
            }
            for &part in &pair.parts {
                let needs = Reliance::Needs(PairId(index));
                self.relied_on.entry(part).or_default().push(needs);
            }
            if let Kind::Class(edit) = &pair.kind {
                for (place, member) in edit.members.iter().enumerate() {
                    if let MemberState::Kept(part) = member.state {
                        let has = Reliance::Has(PairId(index), place);
                        self.relied_on.entry(part).or_default().push(has);
                    }
                }
            }
        }
    }

    fn settle(&mut self) {
        let mut held = Vec::new();
        let mut lost = Vec::new();
        for index in 0..self.matcher.pairs.len() {
            if !self.matcher.pairs[index].is_alive {
                lost.push(PairId(index));
            }
            self.hold_taken_members(PairId(index), &mut held);
        }
        for node in 0..self.nodes.len() {
            self.check(node, &mut held);
        }
        loop {
            if let Some(pair) = lost.pop() {
                self.lose(pair, &mut lost, &mut held);
            } else if let Some(node) = held.pop() {
                self.hold(node, &mut lost, &mut held);
            } else {
                return;
            }
        }
    }

    /// What a class takes over stays.
    fn hold_taken_members(&self, pair: PairId, held: &mut Vec<usize>) {
        let pair = &self.matcher.pairs[pair.0];
        let Kind::Class(edit) = &pair.kind else {
            return;
        };
        for member in &edit.members {
            if member.state == MemberState::Taken {
                held.extend(self.member_node(&pair.new, &member.name));
            }
        }
    }

    fn member_node(&self, class: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> Option<usize> {
        let members: Bound<'py, PyDict> = super::super::layout::class_dict(class.cast().ok()?)?;
        let member = members.get_item(name).ok()??;
        self.by_address.get(&(member.as_ptr() as usize)).copied()
    }

    fn check(&self, node: usize, held: &mut Vec<usize>) {
        let found = &self.nodes[node];
        // SAFETY: the node's object is alive.
        let references = unsafe { ffi::Py_REFCNT(found.object) };
        if found.may_go && references > found.explained {
            held.push(node);
        }
    }

    /// The node stays, so what it holds does.
    fn hold(&mut self, node: usize, lost: &mut Vec<PairId>, held: &mut Vec<usize>) {
        if !std::mem::replace(&mut self.nodes[node].may_go, false) {
            return;
        }
        lost.extend(self.nodes[node].pair);
        held.extend(self.nodes[node].watches.iter().copied());
        for index in 0..self.nodes[node].holds.len() {
            let Hold { target, can_turn } = self.nodes[node].holds[index];
            // If that pair is lost later, its node is held for that.
            let turns = can_turn
                && self.nodes[target]
                    .pair
                    .is_some_and(|id| self.matcher.pairs[id.0].is_alive);
            if !turns {
                self.nodes[target].explained -= 1;
                self.check(target, held);
            }
        }
    }

    /// The pair cannot be kept, so those that need it cannot.
    fn lose(&mut self, pair: PairId, lost: &mut Vec<PairId>, held: &mut Vec<usize>) {
        let was_alive = std::mem::replace(&mut self.matcher.pairs[pair.0].is_alive, false);
        self.has_lost |= was_alive;
        let object = self.matcher.pairs[pair.0].new.as_ptr();
        held.extend(self.by_address.get(&(object as usize)));
        for reliance in self.relied_on.remove(&pair).unwrap_or_default() {
            match reliance {
                Reliance::Needs(whole) => lost.push(whole),
                Reliance::Has(class, place) => self.take(class, place, lost, held),
            }
        }
    }

    /// The class takes the new member, as the old one cannot stay, or is itself lost.
    fn take(&mut self, class: PairId, place: usize, lost: &mut Vec<PairId>, held: &mut Vec<usize>) {
        let pair = &mut self.matcher.pairs[class.0];
        let Kind::Class(edit) = &mut pair.kind else {
            return;
        };
        if !pair.is_alive || !edit.can_take {
            lost.push(class);
            return;
        }
        edit.members[place].state = MemberState::Taken;
        let (class, name) = (pair.new.clone(), edit.members[place].name.clone());
        held.extend(self.member_node(&class, name.as_any()));
    }

    fn turns(&self) -> Vec<Address> {
        let is_alive = |hold: &Hold| {
            let pair = self.nodes[hold.target].pair;
            hold.can_turn && pair.is_some_and(|id| self.matcher.pairs[id.0].is_alive)
        };
        self.nodes
            .iter()
            .filter(|node| !node.may_go && node.holds.iter().any(is_alive))
            .map(|node| node.object)
            .collect()
    }
}
