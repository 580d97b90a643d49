//! The names of modules that others have written, as stacks of values.

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::super::cold_order::ColdOrder;
use crate::ModuleId;

/// `None`: the name is not there.
pub(super) type Value = Option<Py<PyAny>>;

/// What was written, by the module that it is in.
#[derive(Default)]
pub(in crate::python) struct Writes {
    pub(super) names: FxHashMap<ModuleId, Names>,
    /// Globals that functions may write which a load has called, with what they were before.
    pub(super) globals: Vec<(ModuleId, Place, Value)>,
    /// What modules show to one that runs, and to others only meanwhile.
    pub(super) shown: Vec<(ModuleId, Place)>,
    /// The order of a cold start, if it has been asked for since it changed.
    pub(super) order: Option<ColdOrder>,
}

/// The names of one module that others have written.
pub(in crate::python) type Names = FxHashMap<String, Written>;

/// A name of a module.
pub(super) type Place = (ModuleId, String);

/// One name that others have written.
pub(in crate::python) struct Written {
    /// What the module itself makes of it.
    pub(super) own: Value,
    /// Never empty.
    pub(super) layers: Vec<Layer>,
}

pub(super) struct Layer {
    pub(super) by: ModuleId,
    pub(super) value: Value,
    /// What its writer's run before had left, while another is under way.
    pub(super) before: Option<Value>,
    /// The writer's last run, or the one that is under way, has written it.
    pub(super) is_current: bool,
}

impl Writes {
    /// Whether the module has written into others.
    pub(in crate::python) fn any_by(&self, writer: ModuleId) -> bool {
        !self.places_of(writer).is_empty()
    }

    /// What others have written into the module is void. Drop it without the lock.
    #[must_use]
    pub(in crate::python) fn take_into(&mut self, of: ModuleId) -> Option<Names> {
        self.names.remove(&of)
    }

    /// The order of a cold start is another one, or may be.
    pub(in crate::python) fn forget_order(&mut self) {
        self.order = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globals.is_empty()
    }

    pub(super) fn get(&self, of: ModuleId, name: &str) -> Option<&Written> {
        self.names.get(&of)?.get(name)
    }

    pub(super) fn get_mut(&mut self, place: &Place) -> Option<&mut Written> {
        self.names.get_mut(&place.0)?.get_mut(&place.1)
    }

    /// What `writer` has written, sorted.
    pub(super) fn places_of(&self, writer: ModuleId) -> Vec<Place> {
        let all = self.names.iter().flat_map(|(&of, names)| {
            let its = names.iter().filter(|(_, it)| it.has_layer_of(writer));
            its.map(move |(name, _)| (of, name.clone()))
        });
        let mut places: Vec<Place> = all.collect();
        places.sort_unstable();
        places
    }

    /// Puts `value` where `writer` writes. Returns what it had there; `None` is a new layer.
    pub(super) fn put(
        &mut self,
        writer: ModuleId,
        (of, name): Place,
        before: Value,
        value: Value,
    ) -> Option<Value> {
        let names = self.names.entry(of).or_default();
        // A function may have written it before, and then this was there.
        let mut globals = self.globals.iter_mut();
        let first = globals.find(|(_, place, _)| place.0 == of && place.1 == name);
        let written = names.entry(name).or_insert_with(|| Written {
            own: first.map_or(before, |(.., first)| first.take()),
            layers: Vec::new(),
        });
        if let Some(layer) = written.layers.iter_mut().find(|it| it.by == writer) {
            layer.is_current = true;
            return Some(std::mem::replace(&mut layer.value, value));
        }
        written.layers.push(Layer {
            by: writer,
            value,
            before: None,
            is_current: true,
        });
        None
    }

    /// A function that `writer` calls may write there. The first time counts.
    pub(super) fn note_global(&mut self, writer: ModuleId, place: Place, before: Value) {
        let is_known = |(by, at, _): &(ModuleId, Place, Value)| *by == writer && *at == place;
        if !self.globals.iter().any(is_known) {
            self.globals.push((writer, place, before));
        }
    }

    /// Puts the layers of a name into the order in which a cold start would write them.
    pub(super) fn sort(&mut self, place: &Place, order: &ColdOrder) {
        if let Some(written) = self.get_mut(place) {
            written.layers.sort_by_key(|layer| order.end_of(layer.by));
        }
    }
}

impl Written {
    pub(super) fn has_layer_of(&self, writer: ModuleId) -> bool {
        self.layers.iter().any(|layer| layer.by == writer)
    }

    /// What is seen above so many layers.
    pub(super) fn value(&self, layers: usize) -> &Value {
        match layers.checked_sub(1) {
            Some(last) => &self.layers[last].value,
            None => &self.own,
        }
    }

    /// A run of `writer` begins: what it has written last time is not there for it.
    pub(super) fn begin_run(&mut self, py: Python<'_>, writer: ModuleId) {
        for layer in self.layers.iter_mut().filter(|it| it.by == writer) {
            layer.before = Some(clone(py, layer.value.as_ref()));
            layer.is_current = false;
        }
    }

    /// A run of `writer` is over. If it went well, what it has not written is not there any more, and
    /// else what it has written is what it had before. Returns whether that makes a difference, and
    /// what is left over.
    pub(super) fn end_run(
        &mut self,
        writer: ModuleId,
        is_whole: bool,
        succeeded: bool,
    ) -> (bool, Vec<Value>) {
        let Some(at) = self.layers.iter().position(|layer| layer.by == writer) else {
            return (false, Vec::new());
        };
        let layer = &mut self.layers[at];
        let before = layer.before.take();
        let is_left = if succeeded {
            layer.is_current || !is_whole
        } else {
            before.is_some()
        };
        if !is_left {
            let layer = self.layers.remove(at);
            return (true, vec![layer.value, before.flatten()]);
        }
        let was_current = std::mem::replace(&mut layer.is_current, true);
        match before {
            Some(before) if !succeeded => {
                let left = std::mem::replace(&mut layer.value, before);
                (was_current, vec![left])
            }
            before => (false, vec![before.flatten()]),
        }
    }
}

pub(super) fn clone(py: Python<'_>, value: Option<&Py<PyAny>>) -> Value {
    value.map(|value| value.clone_ref(py))
}

pub(super) fn is_identical(one: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is(other),
        (None, None) => true,
        _ => false,
    }
}
