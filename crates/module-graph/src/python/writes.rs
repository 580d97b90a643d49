//! What a load writes into other modules: `settings.DEBUG = True`.
//!
//! Such a value is the writer's. Who reads it runs again when the writer's next run writes something
//! else, or nothing; and a module that runs again gets back what others have written into it, for they
//! would write the same. So each name that was written is kept as a stack: the module's own value below,
//! and one layer for each writer, in their order. The module shows the top.
//!
//! Kept true: while a writer runs again, nobody sees what it wrote last time and has not written yet,
//! but other threads. Values are dropped without the lock, for that runs Python code.

use hmr_signals::graph::State as NodeState;
use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    cold_order::{ColdOrder, Lies},
    engine::{Answer, Engine, State},
    equality, errors,
    namespace::{Snapshot, is_special, is_submodule},
    opcodes::{Opcodes, Store},
    reads, threads, units,
};
use crate::{ModuleId, Read};

/// `None`: the name is not there.
type Value = Option<Py<PyAny>>;

/// What was written, by the module that it is in.
#[derive(Default)]
pub(super) struct Writes {
    names: FxHashMap<ModuleId, Names>,
    /// Globals that functions may write which a load has called, with what they were before.
    globals: Vec<(ModuleId, Place, Value)>,
    /// What modules show to one that runs, and to others only meanwhile.
    shown: Vec<(ModuleId, Place)>,
    /// The order of a cold start, if it has been asked for since it changed.
    order: Option<ColdOrder>,
}

/// The names of one module that others have written.
pub(super) type Names = FxHashMap<String, Written>;

/// A name of a module.
type Place = (ModuleId, String);

/// One name that others have written.
pub(super) struct Written {
    /// What the module itself makes of it.
    own: Value,
    /// Never empty.
    layers: Vec<Layer>,
}

struct Layer {
    by: ModuleId,
    value: Value,
    /// What its writer's run before had left, while another is under way.
    before: Option<Value>,
    /// The writer's last run, or the one that is under way, has written it.
    is_current: bool,
}

/// What a run of a module has made of the names that others write into it.
#[derive(Default)]
pub(super) struct Aside {
    bound: Vec<String>,
    /// It does not bind these, whatever it did before.
    pub(super) left: Vec<String>,
    /// It has bound these the last time.
    pub(super) given_up: Vec<String>,
}

impl Writes {
    /// Whether the module has written into others.
    pub(super) fn any_by(&self, writer: ModuleId) -> bool {
        !self.places_of(writer).is_empty()
    }

    /// What others have written into the module is void. Drop it without the lock.
    #[must_use]
    pub(super) fn take_into(&mut self, of: ModuleId) -> Option<Names> {
        self.names.remove(&of)
    }

    /// The order of a cold start is another one, or may be.
    pub(super) fn forget_order(&mut self) {
        self.order = None;
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globals.is_empty()
    }

    fn get(&self, of: ModuleId, name: &str) -> Option<&Written> {
        self.names.get(&of)?.get(name)
    }

    fn get_mut(&mut self, place: &Place) -> Option<&mut Written> {
        self.names.get_mut(&place.0)?.get_mut(&place.1)
    }

    /// What `writer` has written, sorted.
    fn places_of(&self, writer: ModuleId) -> Vec<Place> {
        let all = self.names.iter().flat_map(|(&of, names)| {
            let its = names.iter().filter(|(_, it)| it.has_layer_of(writer));
            its.map(move |(name, _)| (of, name.clone()))
        });
        let mut places: Vec<Place> = all.collect();
        places.sort_unstable();
        places
    }

    /// Puts `value` where `writer` writes. Returns what it had there; `None` is a new layer.
    fn put(
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
    fn note_global(&mut self, writer: ModuleId, place: Place, before: Value) {
        let is_known = |(by, at, _): &(ModuleId, Place, Value)| *by == writer && *at == place;
        if !self.globals.iter().any(is_known) {
            self.globals.push((writer, place, before));
        }
    }

    /// Puts the layers of a name into the order in which a cold start would write them.
    fn sort(&mut self, place: &Place, order: &ColdOrder) {
        if let Some(written) = self.get_mut(place) {
            written.layers.sort_by_key(|layer| order.end_of(layer.by));
        }
    }
}

impl Written {
    fn has_layer_of(&self, writer: ModuleId) -> bool {
        self.layers.iter().any(|layer| layer.by == writer)
    }

    /// What is seen above so many layers.
    fn value(&self, layers: usize) -> &Value {
        match layers.checked_sub(1) {
            Some(last) => &self.layers[last].value,
            None => &self.own,
        }
    }

    /// A run of `writer` begins: what it has written last time is not there for it.
    fn begin_run(&mut self, py: Python<'_>, writer: ModuleId) {
        for layer in self.layers.iter_mut().filter(|it| it.by == writer) {
            layer.before = Some(clone(py, layer.value.as_ref()));
            layer.is_current = false;
        }
    }

    /// A run of `writer` is over. If it went well, what it has not written is not there any more, and
    /// else what it has written is what it had before. Returns whether that makes a difference, and
    /// what is left over.
    fn end_run(&mut self, writer: ModuleId, is_whole: bool, succeeded: bool) -> (bool, Vec<Value>) {
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

impl State {
    /// Notes that `reader` reads a name that others have written. `None`: they have not, or what the
    /// module shows is what it reads.
    pub(super) fn reads_written(
        &mut self,
        py: Python<'_>,
        reader: ModuleId,
        of: ModuleId,
        name: &str,
    ) -> Option<Answer> {
        let layers = self.visible(reader, of, name)?;
        let written = self.writes.get(of, name)?;
        let place = self.place(of, name);
        let writer = layers.checked_sub(1).map(|last| written.layers[last].by);
        let answer = if layers == written.layers.len() {
            Answer::Known
        } else if let Some(value) = written.value(layers) {
            Answer::Given(value.clone_ref(py))
        } else {
            let module = self.graph.name(of);
            Answer::Absent(format!("module '{module}' has no attribute '{name}'"))
        };
        match writer {
            None => self.graph.read(reader, of, Read::Name(name)),
            Some(writer) if writer == reader => {}
            Some(writer) => self.graph.read(reader, writer, Read::Written(&place)),
        }
        Some(answer)
    }

    /// How many layers there are for `reader`, from below.
    fn visible(&mut self, reader: ModuleId, of: ModuleId, name: &str) -> Option<usize> {
        self.work_out_order();
        let written = self.writes.get(of, name)?;
        let place = self.place(of, name);
        let sees = |layer: &Layer| {
            if layer.by == reader {
                layer.is_current
            } else {
                self.sees(reader, layer, &place)
            }
        };
        let last = written.layers.iter().rposition(sees);
        Some(last.map_or(0, |last| last + 1))
    }

    /// Whether a cold start would have written the layer before `reader` reads it.
    fn sees(&self, reader: ModuleId, layer: &Layer, place: &str) -> bool {
        let writer = layer.by;
        if self.graph.state(writer) == NodeState::Running {
            return layer.is_current;
        }
        match self
            .writes
            .order
            .as_ref()
            .and_then(|it| it.lies(writer, reader))
        {
            None | Some(Lies::Before) => true,
            Some(Lies::After) => false,
            Some(Lies::Inside) => self.has_imported(reader, writer),
            // It has run without the writer since.
            Some(Lies::Around) => {
                let written = Read::Written(place);
                self.graph.readers(writer, written).contains(&reader)
            }
        }
    }

    /// Whether the run of `importer` has come to the import that runs `module`.
    fn has_imported(&self, importer: ModuleId, module: ModuleId) -> bool {
        if self.graph.state(importer) != NodeState::Running {
            return true;
        }
        let order = self.writes.order.as_ref();
        let runs = |of| {
            let lies = order.and_then(|order| order.lies(module, of));
            of == module || lies == Some(Lies::Inside)
        };
        self.graph.imports_so_far(importer).into_iter().any(runs)
    }

    /// Before the first rerun what was written is in its order.
    fn work_out_order(&mut self) {
        if self.has_rerun && self.writes.order.is_none() {
            self.writes.order = Some(self.cold_order());
        }
    }

    /// Notes that `reader` reads all names of `of`.
    pub(super) fn reads_all_written(&mut self, reader: ModuleId, of: ModuleId) {
        let Some(names) = self.writes.names.get(&of) else {
            return;
        };
        let last = names
            .iter()
            .filter_map(|(name, it)| Some((it.layers.last()?.by, name)));
        let read: Vec<(ModuleId, String)> =
            last.map(|(by, name)| (by, self.place(of, name))).collect();
        for (writer, place) in read {
            if writer != reader {
                self.graph.read(reader, writer, Read::Written(&place));
            }
        }
    }

    /// How the graph calls a name of another module.
    fn place(&self, of: ModuleId, name: &str) -> String {
        format!("{}.{name}", self.graph.name(of))
    }

    /// Tells who reads what `writer` has written. If nothing was known of that, whoever reads the name,
    /// but for the writer itself.
    fn tell_of_write(&mut self, writer: ModuleId, (of, name): &Place, is_new: bool) {
        let place = self.place(*of, name);
        if !is_new {
            self.graph.written_changed(writer, &place);
            return;
        }
        self.work_out_order();
        if let Some(order) = self.writes.order.take() {
            self.writes.sort(&(*of, name.clone()), &order);
            self.writes.order = Some(order);
        }
        let layers = self.writes.get(*of, name).map(|it| &it.layers);
        let layers = layers.into_iter().flatten();
        let mut outputs: Vec<_> = layers.map(|it| (it.by, Read::Written(&place))).collect();
        outputs.extend([(*of, Read::Name(name)), (*of, Read::Everything)]);
        for (owner, read) in outputs {
            self.tell_later_readers(writer, owner, read);
        }
    }

    /// Tells who has read this and may see what `writer` writes.
    fn tell_later_readers(&mut self, writer: ModuleId, of: ModuleId, what: Read<'_>) {
        self.work_out_order();
        for reader in self.graph.readers(of, what) {
            if reader != writer && self.comes_before(writer, reader) {
                self.graph.invalidate_reader(reader, of, what);
            }
        }
    }

    /// Whether `reader` may see what `writer` writes from now on.
    fn comes_before(&self, writer: ModuleId, reader: ModuleId) -> bool {
        let lies = self
            .writes
            .order
            .as_ref()
            .and_then(|it| it.lies(writer, reader));
        lies != Some(Lies::After)
    }
}

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

    /// A run of `id` has bound the names that are `recorded`, and globals as its code says. What others
    /// have written there is set aside, for the comparison is about what the module makes of them.
    pub(super) fn set_writes_aside(
        &self,
        id: ModuleId,
        before: &Snapshot<'_>,
        namespace: &Bound<'_, PyDict>,
        recorded: &FxHashSet<String>,
        globals: &FxHashSet<String>,
        code: &Bound<'_, PyAny>,
    ) -> PyResult<Aside> {
        let py = namespace.py();
        let written = self.written_into(py, id);
        if written.is_empty() {
            return Ok(Aside::default());
        }
        let stores = Opcodes::of_interpreter(py)?.stores(code)?;
        let binds = |name: &String| stores.iter().any(|(_, stored)| stored == name);
        let mut aside = Aside::default();
        for (name, own, shown) in written {
            let now = namespace.get_item(&name)?.map(Bound::unbind);
            let is_global = globals.contains(&name);
            let is_rebound = || binds(&name) || !is_identical(now.as_ref(), shown.as_ref());
            if recorded.contains(&name) || is_global && is_rebound() {
                set(before.names(), &name, own)?;
                aside.bound.push(name);
                continue;
            }
            set(namespace, &name, shown)?;
            if own.is_some() && !is_global {
                self.set_own(id, &name, None);
                aside.given_up.push(name.clone());
            }
            aside.left.push(name);
        }
        Ok(aside)
    }

    /// The comparison is over: others' values are there again.
    pub(super) fn put_writes_back(
        &self,
        id: ModuleId,
        namespace: &Bound<'_, PyDict>,
        aside: &Aside,
    ) -> PyResult<()> {
        let py = namespace.py();
        for (name, _, shown) in self.written_into(py, id) {
            if aside.bound.contains(&name) {
                let own = namespace.get_item(&name)?.map(Bound::unbind);
                self.set_own(id, &name, own);
                set(namespace, &name, shown)?;
            }
        }
        Ok(())
    }

    /// The names of `id` that others have written, with its own values and what is shown.
    fn written_into(&self, py: Python<'_>, id: ModuleId) -> Vec<(String, Value, Value)> {
        let state = self.state();
        let names = state.writes.names.get(&id).into_iter().flatten();
        let mut written: Vec<_> = names
            .map(|(name, it)| {
                let shown = it.value(it.layers.len());
                let own = clone(py, it.own.as_ref());
                (name.clone(), own, clone(py, shown.as_ref()))
            })
            .collect();
        written.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        written
    }

    fn set_own(&self, id: ModuleId, name: &str, own: Value) {
        let old = {
            let mut state = self.state();
            let written = state.writes.names.get_mut(&id);
            let written = written.and_then(|names| names.get_mut(name));
            written.map(|written| std::mem::replace(&mut written.own, own))
        };
        drop(old);
    }
}

fn clone(py: Python<'_>, value: Option<&Py<PyAny>>) -> Value {
    value.map(|value| value.clone_ref(py))
}

fn is_identical(one: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is(other),
        (None, None) => true,
        _ => false,
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
