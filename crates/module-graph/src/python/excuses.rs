//! Readers of a class that need not run: what they read of it is what it was.
//!
//! A class that took members in place is told as changed under every name that leads to it. Of a
//! reader that has read nothing but attributes ([`class_reads`]), each with a constant for a value and
//! none of them among those members, it is kept what it read. It waits for its turn as any other, and
//! when that comes and the attributes still have these values, it does not run. The names under which
//! it passes the class on are told as if it had, so that its own readers come to the same question.
//!
//! Kept true: a reader is excused only if all that this batch has told it is covered, and if it was
//! seen to come to classes by its own instructions alone. Nothing is kept from one batch to the next.

use std::{collections::BTreeSet, sync::Arc};

use hmr_signals::graph::{NodeId, State as NodeState};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString, PyType},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    class_reads::{self, Uses},
    engine::{Engine, State},
    equality, frames, layout,
    opcodes::Opcodes,
    own,
    reach::Reach,
    units,
};
use crate::{ModuleId, Read};

/// What speaks for one reader.
#[derive(Default)]
pub(super) struct Excuse {
    /// What it has been told, and need not run for.
    outputs: FxHashSet<NodeId>,
    /// As long as these are so.
    values: Vec<Attribute>,
    /// The names that it has for the classes.
    aliases: BTreeSet<String>,
}

/// An attribute of a class, with its value.
struct Attribute {
    class: Py<PyType>,
    name: String,
    value: Py<PyAny>,
}

/// The excuses of one batch.
pub(super) type Excuses = FxHashMap<ModuleId, Excuse>;

/// What a run of a module, or a turn that came to none, has to tell.
pub(super) struct Told<'a, 'py> {
    pub(super) module: ModuleId,
    pub(super) namespace: &'a Bound<'py, PyDict>,
    /// The module's code before and now.
    pub(super) old: &'a Bound<'py, PyAny>,
    pub(super) new: &'a Bound<'py, PyAny>,
    /// The names that have changed, and those of them that only lead to what was changed in place.
    pub(super) changed: &'a [String],
    pub(super) reached: &'a [String],
}

impl Engine {
    /// Finds who need not run for what is about to be told.
    pub(super) fn excuse_readers(&self, told: &Told<'_, '_>) -> PyResult<()> {
        let id = told.module;
        let is_closed = {
            let mut state = self.state();
            let State { graph, excuses, .. } = &mut *state;
            // What they have been told now is another matter.
            let is_others = |output: &NodeId| graph.owner(*output) != Some(id);
            let outputs = excuses.values_mut().map(|excuse| &mut excuse.outputs);
            outputs.for_each(|outputs| outputs.retain(is_others));
            if !told.reached.is_empty() && !state.passed_on.contains(&id) {
                state.passed_on.push(id);
            }
            state.slots[id.index()].circle.is_closed()
        };
        if is_closed {
            return Ok(());
        }
        let mut classes = FxHashMap::default();
        for name in told.reached {
            if let Some(class) = told.namespace.get_item(name)?
                && let Ok(class) = class.cast_into::<PyType>()
            {
                self.excuse_readers_of(id, name, &class)?;
                classes.insert(name.as_str(), class);
            }
        }
        if classes.is_empty() {
            return Ok(());
        }
        self.excuse_executors(told, &classes)
    }

    fn excuse_readers_of(
        &self,
        id: ModuleId,
        name: &str,
        class: &Bound<'_, PyType>,
    ) -> PyResult<()> {
        let py = class.py();
        let Some(output) = self.state().graph.output_of(id, Read::Name(name)) else {
            return Ok(());
        };
        let mut differing = None;
        let readers = self.state().graph.readers(id, Read::Name(name));
        for reader in readers {
            if !self.state().may_excuse(reader, output) {
                continue;
            }
            if differing.is_none() {
                differing = Some(self.members_that_differ(class));
            }
            let codes = self.codes_of_load(py, reader)?;
            let uses = class_reads::of_another_module(&codes, name)?;
            if let (Some(uses), Some(differing)) = (uses, &differing)
                && let Some(values) = values_of(class, &uses, differing)?
            {
                self.state().excuse(reader, output, values, uses.aliases);
            }
        }
        Ok(())
    }

    /// The same for those that have executed definitions of the module itself.
    fn excuse_executors(
        &self,
        told: &Told<'_, '_>,
        classes: &FxHashMap<&str, Bound<'_, PyType>>,
    ) -> PyResult<()> {
        let id = told.module;
        let executed = self.state().graph.executed_codes(id);
        let all: FxHashSet<_> = told.changed.iter().map(String::as_str).collect();
        let others: FxHashSet<_> = all
            .iter()
            .copied()
            .filter(|name| !classes.contains_key(name))
            .collect();
        let told_anyhow: FxHashSet<Arc<str>> =
            units::changed(&executed, told.old, told.new, &others)?
                .into_iter()
                .collect();
        let mut concerned = units::changed(&executed, told.new, told.new, &all)?;
        concerned.retain(|unit| !told_anyhow.contains(unit) && !units::is_named(unit, &all));
        let names = classes.keys().map(|&name| name.to_owned()).collect();
        for (unit, codes) in concerned.iter().zip(units::codes_of(&concerned, told.new)?) {
            let Some(uses) = class_reads::of_own_module(&codes, &names)? else {
                continue;
            };
            if let Some(values) = self.values_of_all(classes, &uses)? {
                self.excuse_executors_of(told.namespace.py(), id, unit, &values);
            }
        }
        Ok(())
    }

    /// The values of the attributes in each of the classes that has them.
    fn values_of_all(
        &self,
        classes: &FxHashMap<&str, Bound<'_, PyType>>,
        uses: &Uses,
    ) -> PyResult<Option<Vec<Attribute>>> {
        let mut all = Vec::new();
        let mut names: Vec<_> = classes.keys().collect();
        names.sort_unstable();
        for name in names {
            let class = &classes[name];
            match values_of(class, uses, &self.members_that_differ(class))? {
                Some(values) => all.extend(values),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    fn excuse_executors_of(&self, py: Python<'_>, id: ModuleId, unit: &str, values: &[Attribute]) {
        let mut state = self.state();
        let Some(output) = state.graph.output_of(id, Read::Code(unit)) else {
            return;
        };
        for reader in state.graph.readers(id, Read::Code(unit)) {
            if state.may_excuse(reader, output) {
                let values = values.iter().map(|value| value.clone_ref(py)).collect();
                state.excuse(reader, output, values, BTreeSet::new());
            }
        }
    }

    /// The members in which the class differs from what it was, as its readers find them: its own
    /// and those of its bases.
    fn members_that_differ(&self, class: &Bound<'_, PyType>) -> FxHashSet<String> {
        let mut found = FxHashSet::default();
        for base in class.mro() {
            let address = base.as_ptr() as usize;
            if let Some(members) = self.state().grafts.get(&address) {
                found.extend(members.iter().cloned());
            }
        }
        found
    }

    /// The code that the last load of `id` has executed of the module itself, its top level first.
    fn codes_of_load<'py>(
        &self,
        py: Python<'py>,
        id: ModuleId,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let (code, executed) = {
            let state = self.state();
            let slot = &state.slots[id.index()];
            let code = slot.code.as_ref().map(|code| code.bind(py).clone());
            (code, slot.executed.clone())
        };
        let Some(code) = code else {
            return Ok(Vec::new());
        };
        let mut codes = units::tree_of(&code)?;
        let mut index = 0;
        let mut failed = None;
        codes.retain(|code| {
            index += 1;
            index == 1
                || match units::name_of(code) {
                    Ok(unit) => executed.contains(&unit),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                }
        });
        failed.map_or(Ok(codes), Err)
    }

    /// If the module, whose turn it is to run, need not: the names under which it passes on what was
    /// changed in place.
    pub(super) fn excused(&self, py: Python<'_>, id: ModuleId) -> PyResult<Option<Vec<String>>> {
        let (aliases, in_place) = {
            let state = self.state();
            let Some(excuse) = state.excuses.get(&id) else {
                return Ok(None);
            };
            if !state.is_covered(id, excuse) {
                return Ok(None);
            }
            let in_place: FxHashSet<_> = state
                .in_place
                .iter()
                .map(|object| object.as_ptr() as usize)
                .collect();
            (excuse.aliases.clone(), in_place)
        };
        // Counted with no reference of our own around.
        if self.executes_reflection(py, id)? || !self.knows_all_holders(py) {
            return Ok(None);
        }
        let values = self.state().attributes_of(id, py);
        for it in &values {
            match constant_in(it.class.bind(py), &it.name)? {
                Some(now) if equality::same(it.value.bind(py), &now)? => {}
                _ => return Ok(None),
            }
        }
        let Some(namespace) = self.namespace(py, id) else {
            return Ok(None);
        };
        let names = Reach::of(&namespace)?.names_to(&in_place)?;
        for name in &names {
            let value = namespace.get_item(name)?;
            let is_class = value.is_some_and(|value| value.is_instance_of::<PyType>());
            if !is_class || !aliases.contains(name) {
                return Ok(None);
            }
        }
        Ok(Some(names))
    }

    /// Whether the last load of `id` has executed a function of another module that may have come to
    /// classes by itself. What packages do is not looked at: they would need to be given a way.
    fn executes_reflection(&self, py: Python<'_>, id: ModuleId) -> PyResult<bool> {
        let executed: Vec<_> = {
            let state = self.state();
            let reads = state.graph.dependencies(id).into_iter();
            reads
                .filter_map(|node| {
                    let Read::Code(unit) = state.graph.read_of(node)? else {
                        return None;
                    };
                    let of = state.graph.owner(node)?;
                    let code = state.slots[of.index()].code.as_ref()?;
                    Some((Arc::from(unit), code.clone_ref(py)))
                })
                .collect()
        };
        for (unit, code) in executed {
            for code in units::codes_of(&[unit], code.bind(py))?.iter().flatten() {
                if class_reads::has_reflection(code)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Ends the turn of a module that is excused: it passes on the `names`.
    pub(super) fn pass_on(&self, py: Python<'_>, id: ModuleId, names: &[String]) -> PyResult<()> {
        let code = {
            let state = self.state();
            let code = state.slots[id.index()].code.as_ref();
            code.map(|code| code.bind(py).clone())
        };
        if let (Some(code), Some(namespace)) = (code, self.namespace(py, id)) {
            self.excuse_readers(&Told {
                module: id,
                namespace: &namespace,
                old: &code,
                new: &code,
                changed: names,
                reached: names,
            })?;
            self.tell_executors(id, &code, &code, names)?;
        }
        let excuse = {
            let mut state = self.state();
            let reads = state.graph.dependencies(id);
            state.graph.start(id);
            state.graph.carry(id, &reads);
            for name in names {
                state.graph.name_changed(id, name);
            }
            state.graph.finish(id);
            state.excuses.remove(&id)
        };
        drop(excuse);
        Ok(())
    }

    /// The load of `reader` has found a class under `name` in the module at this address.
    pub(super) fn class_was_read(
        &self,
        py: Python<'_>,
        reader: ModuleId,
        module: usize,
        name: &Bound<'_, PyString>,
    ) {
        if !self
            .reads_plainly(py, reader, module, name)
            .unwrap_or(false)
        {
            self.state().slots[reader.index()].reads_unseen = true;
        }
    }

    /// Whether the class is read by an instruction of the reader's own code that has the name.
    fn reads_plainly(
        &self,
        py: Python<'_>,
        reader: ModuleId,
        module: usize,
        name: &Bound<'_, PyString>,
    ) -> PyResult<bool> {
        let (is_known, is_own) = {
            let state = self.state();
            let is_own = state.module_at(module) == Some(reader);
            (state.slots[reader.index()].reads_unseen, is_own)
        };
        if is_known || is_own {
            return Ok(is_known || frames::is_importing(py));
        }
        let Some((code, place)) = frames::instruction(py) else {
            return Ok(false);
        };
        if !self.is_code_of(reader, &code)? {
            // An import looks whether the name is there.
            return Ok(frames::is_importing(py));
        }
        let read = Opcodes::of_interpreter(py)?.name_read_at(&code, place)?;
        Ok(read.is_some_and(|read| read.is(name) || read.eq(name).unwrap_or(false)))
    }
}

impl State {
    /// Whether the reader, if the `output` that it has read is told as changed, may need no run.
    fn may_excuse(&self, reader: ModuleId, output: NodeId) -> bool {
        let slot = &self.slots[reader.index()];
        let waits_for_more = match self.graph.state(reader) {
            NodeState::Clean | NodeState::Pending => false,
            NodeState::Dirty => !self.excuses.contains_key(&reader),
            NodeState::Running => true,
        };
        !waits_for_more
            && slot.code.is_some()
            && slot.object.is_some()
            && !slot.failed
            && !slot.is_opaque
            && !slot.reads_unseen
            && !slot.circle.is_closed()
            && !self.graph.has_changed(&[output])
    }

    fn excuse(
        &mut self,
        reader: ModuleId,
        output: NodeId,
        values: Vec<Attribute>,
        aliases: BTreeSet<String>,
    ) {
        let excuse = self.excuses.entry(reader).or_default();
        excuse.outputs.insert(output);
        excuse.values.extend(values);
        excuse.aliases.extend(aliases);
    }

    fn attributes_of(&self, id: ModuleId, py: Python<'_>) -> Vec<Attribute> {
        let excuse = self.excuses.get(&id).into_iter();
        let values = excuse.flat_map(|excuse| &excuse.values);
        values.map(|value| value.clone_ref(py)).collect()
    }

    /// Whether the excuse is one for everything that the module has been told in this batch.
    fn is_covered(&self, id: ModuleId, excuse: &Excuse) -> bool {
        let reads = self.graph.dependencies(id);
        let is_covered = |node: &NodeId| {
            excuse.outputs.contains(node) || !self.graph.has_changed(std::slice::from_ref(node))
        };
        let slot = &self.slots[id.index()];
        let waits = |of: ModuleId| self.graph.state(of) != NodeState::Clean;
        reads.iter().all(is_covered)
            && !self.graph.is_invalidated(id)
            && !self.edited.contains(&id)
            && !slot.is_written
            && !slot.failed
            && !slot.reads_unseen
            && !slot.circle.is_closed()
            && !self.graph.imports(id).into_iter().any(waits)
    }
}

impl Excuse {
    /// The classes that it holds, one for each reference.
    pub(super) fn classes(&self) -> impl Iterator<Item = *mut pyo3::ffi::PyObject> {
        self.values.iter().map(|value| value.class.as_ptr())
    }
}

impl Attribute {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            class: self.class.clone_ref(py),
            name: self.name.clone(),
            value: self.value.clone_ref(py),
        }
    }
}

/// The values of the attributes that are used. `None`: one of them differs from what it was, or is no
/// constant.
fn values_of(
    class: &Bound<'_, PyType>,
    uses: &Uses,
    differing: &FxHashSet<String>,
) -> PyResult<Option<Vec<Attribute>>> {
    let mut values = Vec::new();
    for attribute in &uses.attributes {
        if differing.contains(attribute) {
            return Ok(None);
        }
        let Some(value) = constant_in(class, attribute)? else {
            return Ok(None);
        };
        values.push(Attribute {
            class: class.clone().unbind(),
            name: attribute.clone(),
            value: value.unbind(),
        });
    }
    Ok(Some(values))
}

/// What a reader of the attribute of the class finds, if that is a constant in the names of the class
/// or of one of its bases, and if nothing of the user's had a say in it.
fn constant_in<'py>(
    class: &Bound<'py, PyType>,
    attribute: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let metaclass = class.get_type();
    let is_plain = metaclass.is(py.get_type::<PyType>())
        || metaclass.is(own::import(py, "abc")?.getattr("ABCMeta")?);
    if !is_plain || attribute.starts_with("__") || metaclass.hasattr(attribute)? {
        return Ok(None);
    }
    for base in class.mro() {
        let base = base.cast_into::<PyType>()?;
        let Some(names) = layout::class_dict(&base) else {
            return Ok(None);
        };
        if let Some(value) = names.get_item(attribute)? {
            return Ok(equality::is_constant(&value)?.then_some(value));
        }
    }
    Ok(None)
}
