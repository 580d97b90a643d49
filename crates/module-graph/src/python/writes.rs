//! What a load writes into other modules: `settings.DEBUG = True`.
//!
//! Such a value is the writer's. Who reads it runs again when the writer's next run writes something
//! else, or nothing; and a module that runs again gets back what others have written into it, for they
//! would write the same. So each name that was written is kept as a stack: the module's own value below,
//! and one layer for each writer, in their order. The module shows the top.
//!
//! Kept true: while a writer runs again, nobody sees what it wrote last time and has not written yet,
//! but other threads. Values are dropped without the lock, for that runs Python code.

mod layers;
mod own;
mod readers;

use hmr_signals::graph::State as NodeState;
use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};
use rustc_hash::FxHashSet;

use self::layers::{Place, Value, clone, is_identical};
use super::{
    engine::Engine,
    equality, errors,
    namespace::{is_special, is_submodule},
    opcodes::{Opcodes, Store},
    reads, threads, units,
};
use crate::{ModuleId, Read};

pub(super) use self::layers::{Names, Writes};

impl Engine {
    /// The load on this thread has bound `name` of the module at this address to `value`, or deleted
    /// it. It was `before`.
    pub(super) fn note_write(
        &self,
        name: &Bound<'_, PyString>,
        module: usize,
        before: Value,
        value: Value,
    ) {
        let py = name.py();
        let (Some(writer), Ok(text)) = (reads::current(), name.to_str()) else {
            return;
        };
        let of = self.state().module_at(module).filter(|&of| of != writer);
        let Some(of) = of.filter(|_| !is_special(text)) else {
            return;
        };
        if !self.is_import(py, of, text, value.as_ref()) {
            // A function may have written it before, and knows what was there then.
            self.note_global_writes(py, |_, place| place.0 == of && place.1 == text);
            self.write(py, writer, (of, text.to_owned()), before, value);
        }
    }

    /// Whether the import system puts a submodule where it belongs.
    fn is_import(
        &self,
        py: Python<'_>,
        of: ModuleId,
        name: &str,
        value: Option<&Py<PyAny>>,
    ) -> bool {
        let (Some(value), Some(namespace)) = (value, self.namespace(py, of)) else {
            return false;
        };
        is_submodule(&namespace, name, value.bind(py)).unwrap_or(false)
    }

    fn write(&self, py: Python<'_>, writer: ModuleId, place: Place, before: Value, value: Value) {
        let now = clone(py, value.as_ref());
        let (old, is_rerun) = {
            let mut state = self.state();
            if state.graph.state(place.0) == NodeState::Running {
                // Its own to overwrite, as far as it has not run yet: see `cycles`.
                return;
            }
            let old = state.writes.put(writer, place.clone(), before, value);
            (old, state.has_rerun)
        };
        if let Some(module) = self.module(py, place.0) {
            reads::forget(&module, &place.1);
        }
        let is_new = old.is_none();
        let differs = old.is_none_or(|old| !is_same(py, old.as_ref(), now.as_ref()));
        // While the program starts, who has read the name before has read what a start shows.
        if differs && is_rerun {
            self.state().tell_of_write(writer, &place, is_new);
            self.tell_executors_of(py, writer, &place);
        }
    }

    /// Tells who has executed functions of the module that load this global, which `writer` has bound.
    fn tell_executors_of(&self, py: Python<'_>, writer: ModuleId, (of, name): &Place) {
        let (code, executed) = {
            let state = self.state();
            let code = state.slots[of.index()].code.as_ref();
            let code = code.map(|code| code.clone_ref(py));
            (code, state.graph.executed_codes(*of))
        };
        let Some(code) = code else { return };
        let code = code.bind(py);
        let changed = FxHashSet::from_iter([name.as_str()]);
        let units = units::changed(&executed, code, code, &changed);
        let units = errors::forgive(py, units).unwrap_or_default();
        let mut state = self.state();
        for unit in units {
            state.tell_later_readers(writer, *of, Read::Code(&unit));
        }
    }

    /// The load of `reader` is about to call this code of `of` for the first time. Globals of `of` that
    /// it loads or stores are accessed without anybody seeing that: they have to be what they would be
    /// at a cold start, and what becomes of those that it stores is looked at later.
    pub(super) fn may_touch_globals(
        &self,
        reader: ModuleId,
        of: ModuleId,
        code: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = code.py();
        let opcodes = Opcodes::of_interpreter(py)?;
        let is_written = self.state().writes.names.contains_key(&of);
        if is_written {
            for name in opcodes.globals_loaded(code)? {
                self.show_to(py, reader, (of, name.clone()))?;
                // Noted as read, too.
                let answer = self.state().reads_written(py, reader, of, &name);
                drop(answer);
            }
        }
        if !opcodes.may_store_globals(code)? {
            return Ok(());
        }
        for (store, name) in opcodes.stores(code)? {
            if store == Store::Global {
                self.show_to(py, reader, (of, name.clone()))?;
                let before = self.value_at(py, &(of, name.clone()));
                self.state().writes.note_global(reader, (of, name), before);
            }
        }
        Ok(())
    }

    /// Gives the module what a cold start would show `reader`, until the run of that is over.
    fn show_to(&self, py: Python<'_>, reader: ModuleId, place: Place) -> PyResult<()> {
        let Some(namespace) = self.namespace(py, place.0) else {
            return Ok(());
        };
        self.note_global_writes(py, |_, at| *at == place);
        let value = {
            let mut state = self.state();
            if !state.has_rerun {
                return Ok(());
            }
            let Some(layers) = state.visible(reader, place.0, &place.1) else {
                return Ok(());
            };
            let written = state.writes.get(place.0, &place.1);
            written.and_then(|written| clone(py, written.value(layers).as_ref()))
        };
        if value.is_some() || threads::is_alone(py) {
            set(&namespace, &place.1, value)?;
            self.state().writes.shown.push((reader, place));
        }
        Ok(())
    }

    /// Notes what functions have written so far that loads have called, where `filter` says so.
    pub(super) fn note_global_writes(
        &self,
        py: Python<'_>,
        filter: impl Fn(ModuleId, &Place) -> bool,
    ) {
        let noted: Vec<_> = {
            let state = self.state();
            let globals = state.writes.globals.iter();
            let wanted = globals.filter(|(writer, place, _)| filter(*writer, place));
            let copy = |(writer, place, before): &(ModuleId, Place, Value)| {
                (*writer, place.clone(), clone(py, before.as_ref()))
            };
            wanted.map(copy).collect()
        };
        for (writer, place, before) in noted {
            let now = self.value_at(py, &place);
            if self.writes_again(writer, &place) || !is_identical(before.as_ref(), now.as_ref()) {
                self.write(py, writer, place, before, now);
            }
        }
    }

    fn value_at(&self, py: Python<'_>, (of, name): &Place) -> Value {
        let found = self.namespace(py, *of)?.get_item(name);
        errors::forgive(py, found).flatten().map(Bound::unbind)
    }

    fn writes_again(&self, writer: ModuleId, place: &Place) -> bool {
        let state = self.state();
        let written = state.writes.get(place.0, &place.1);
        written.is_some_and(|it| it.has_layer_of(writer))
    }

    /// A run of `id` begins.
    pub(super) fn begin_writes(&self, py: Python<'_>, id: ModuleId) {
        let mut state = self.state();
        for place in state.writes.places_of(id) {
            if let Some(written) = state.writes.get_mut(&place) {
                written.begin_run(py, id);
            }
        }
    }

    /// A run of `id` is over.
    pub(super) fn end_writes(&self, py: Python<'_>, id: ModuleId, succeeded: bool) {
        if self.state().writes.is_empty() {
            return;
        }
        self.note_global_writes(py, |writer, _| writer == id);
        let ended = {
            let mut state = self.state();
            let globals = &mut state.writes.globals;
            globals
                .extract_if(.., |(writer, ..)| *writer == id)
                .collect::<Vec<_>>()
        };
        drop(ended);
        self.take_as_it_is(py, id);
        self.end_layers(py, id, succeeded);
        let shown = {
            let mut state = self.state();
            let shown = state
                .writes
                .shown
                .extract_if(.., |(reader, _)| *reader == id);
            shown.collect::<Vec<_>>()
        };
        for (_, place) in shown {
            self.show(py, &place);
        }
    }

    /// What nobody has seen being written (`vars(module)["X"] = 5`) is the last one's.
    fn take_as_it_is(&self, py: Python<'_>, id: ModuleId) {
        let places = self.state().writes.places_of(id);
        for place in places {
            let now = self.value_at(py, &place);
            let old = {
                let mut state = self.state();
                let last = state
                    .writes
                    .get_mut(&place)
                    .and_then(|it| it.layers.last_mut());
                let last = last.filter(|layer| layer.by == id && layer.is_current);
                last.map(|layer| std::mem::replace(&mut layer.value, now))
            };
            drop(old);
        }
    }

    /// The module is loaded no more: what it has written goes.
    pub(super) fn forget_writes(&self, py: Python<'_>, id: ModuleId) {
        self.begin_writes(py, id);
        self.end_layers(py, id, true);
    }

    fn end_layers(&self, py: Python<'_>, id: ModuleId, succeeded: bool) {
        let places = self.state().writes.places_of(id);
        for place in places {
            let (differs, left) = {
                let mut state = self.state();
                let is_whole = !state.slots[id.index()].keeps;
                let text = state.place(place.0, &place.1);
                let ended = state.writes.get_mut(&place);
                let (differs, left) =
                    ended.map_or_else(Default::default, |it| it.end_run(id, is_whole, succeeded));
                if differs {
                    state.graph.written_changed(id, &text);
                }
                (differs, left)
            };
            drop(left);
            self.show(py, &place);
            if differs {
                self.tell_executors_of(py, id, &place);
            }
        }
    }

    /// The load on this thread is about to delete `name` of the module at this address: it has to be
    /// there if it is there for the load.
    pub(super) fn prepare_delete(&self, name: &Bound<'_, PyString>, module: usize) {
        let (Some(writer), Ok(text)) = (reads::current(), name.to_str()) else {
            return;
        };
        let of = self.state().module_at(module);
        if let Some(of) = of.filter(|&of| of != writer) {
            let py = name.py();
            errors::forgive(py, self.show_to(py, writer, (of, text.to_owned())));
        }
    }

    /// Gives the module what is on top.
    fn show(&self, py: Python<'_>, place: &Place) {
        let Some(namespace) = self.namespace(py, place.0) else {
            return;
        };
        let (value, ended) = {
            let mut state = self.state();
            let Some(written) = state.writes.get(place.0, &place.1) else {
                return;
            };
            let value = clone(py, written.value(written.layers.len()).as_ref());
            let names = state.writes.names.get_mut(&place.0);
            let ended = names.and_then(|names| match names.get(&place.1) {
                Some(written) if written.layers.is_empty() => names.remove(&place.1),
                _ => None,
            });
            if state
                .writes
                .names
                .get(&place.0)
                .is_some_and(Names::is_empty)
            {
                state.writes.names.remove(&place.0);
            }
            (value, ended)
        };
        drop(ended);
        errors::forgive(py, set(&namespace, &place.1, value));
    }
}

/// Whether nobody can tell one from the other. A doubt is a difference.
fn is_same(py: Python<'_>, one: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> bool {
    let (Some(old), Some(new)) = (one, other) else {
        return is_identical(one, other);
    };
    errors::forgive(py, equality::same(old.bind(py), new.bind(py))).unwrap_or(false)
}

/// Gives a namespace the value, or takes the name out of it.
fn set(namespace: &Bound<'_, PyDict>, name: &str, value: Value) -> PyResult<()> {
    match value {
        Some(value) => namespace.set_item(name, value),
        None if namespace.contains(name)? => namespace.del_item(name),
        None => Ok(()),
    }
}
