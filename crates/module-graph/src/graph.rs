//! Which module read which name of which module.
//!
//! A thin layer of names over the graph core of `hmr-signals`, which owns every edge and decides
//! what is out of date. A module's load is a computation; each of its names that somebody read,
//! absent ones too, is an output of it; its file is a source. Nothing here marks, walks or settles.
//!
//! Kept true: a module keeps its [`ModuleId`] and its position in first-import order for ever, also
//! while its file is gone, so that readers of a module that comes back are still known.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hmr_signals::graph::{Graph, NodeId, State};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ModuleName;

#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "the engine has caches")
)]
mod caches;
mod inputs;
mod results;

pub use inputs::Input;
pub use results::Recording;

/// A module of a [`ModuleGraph`]. Ids order as the modules were first imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(u32);

impl ModuleId {
    /// The position of the module in first-import order, counted from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a computation read of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read<'a> {
    /// Nothing: it only has to be imported first, as a package is before what it holds.
    Order,
    /// The module itself: it was imported.
    Module,
    /// One name, present or absent.
    Name(&'a str),
    /// All names: a star import, `vars(module)` or `dir(module)`.
    Everything,
    /// The code of one definition, which it executed: `f`, or `C.m` for a method. What is nested in
    /// a function belongs to it.
    Code(&'a str),
    /// What its load has written into another module: `settings.DEBUG`. This is no import: who reads the
    /// value there may know nothing of the writer.
    Written(&'a str),
}

/// What a node of the core stands for in its module.
#[derive(Debug, Clone)]
enum Role {
    Load,
    File,
    Order,
    Itself,
    Everything,
    Name(Arc<str>),
    Code(Arc<str>),
    Written(Arc<str>),
}

#[derive(Debug)]
struct Module {
    name: ModuleName,
    path: Option<PathBuf>,
    load: NodeId,
    file: NodeId,
    order: NodeId,
    itself: NodeId,
    everything: NodeId,
    names: FxHashMap<Arc<str>, NodeId>,
    codes: FxHashMap<Arc<str>, NodeId>,
}

/// The modules of one program and the reads between them.
///
/// Drive it with [`hmr_signals::graph::settle`] over [`ModuleGraph::core`].
///
/// # Examples
///
/// ```
/// use hmr_module_graph::{ModuleGraph, ModuleName, Read};
///
/// let mut graph = ModuleGraph::default();
/// let config = graph.add_module(ModuleName::new("config")?, Some("config.py".into()));
/// let mail = graph.add_module(ModuleName::new("mail")?, Some("mail.py".into()));
/// for module in [config, mail] {
///     graph.start(module);
///     if module == mail {
///         graph.read(mail, config, Read::Name("HOST"));
///     }
///     graph.finish(module);
/// }
/// assert_eq!(graph.readers(config, Read::Name("HOST")), [mail]);
/// assert!(graph.readers(config, Read::Name("PORT")).is_empty());
/// # Ok::<(), hmr_module_graph::InvalidModuleName>(())
/// ```
#[derive(Debug, Default)]
pub struct ModuleGraph {
    core: Graph,
    modules: Vec<Module>,
    by_name: FxHashMap<ModuleName, ModuleId>,
    by_path: FxHashMap<PathBuf, Vec<ModuleId>>,
    inputs: inputs::Inputs,
    recordings: results::Recordings,
    cached: caches::Results,
    /// The modules by the last part of their name, as far as they have been asked for.
    by_tail: FxHashMap<Box<str>, Vec<ModuleId>>,
    /// How many modules, in first-import order, are in `by_tail`.
    with_tail: usize,
    /// Folders that a module's path has been in.
    folders: FxHashSet<PathBuf>,
    /// By the slot of the node. Inputs have none; a node of a module is never removed, so that its
    /// slot is its own for ever.
    roles: Vec<Option<(ModuleId, Role)>>,
    /// Outputs and inputs told as changed since [`ModuleGraph::begin_batch`], and loads that were marked
    /// as out of date themselves: the reasons of later runs.
    changed: FxHashSet<NodeId>,
}

impl ModuleGraph {
    /// The reactive graph below the names.
    pub fn core(&mut self) -> &mut Graph {
        &mut self.core
    }

    /// The id of module `name`, which is added if it is new. A `path` replaces the one known so far.
    pub fn add_module(&mut self, name: ModuleName, path: Option<PathBuf>) -> ModuleId {
        let id = match self.by_name.get(&name) {
            Some(&id) => id,
            None => self.insert(name),
        };
        if self.modules[id.index()].path != path {
            self.set_path(id, path);
        }
        id
    }

    fn insert(&mut self, name: ModuleName) -> ModuleId {
        let id = ModuleId(u32::try_from(self.modules.len()).expect("fewer than 2^32 modules"));
        let load = self.core.add_computation(true);
        self.note_role(load, id, Role::Load);
        let file = self.core.add_source();
        self.note_role(file, id, Role::File);
        let order = self.core.add_output(load);
        self.note_role(order, id, Role::Order);
        let itself = self.core.add_output(load);
        self.note_role(itself, id, Role::Itself);
        let everything = self.core.add_output(load);
        self.note_role(everything, id, Role::Everything);
        self.by_name.insert(name.clone(), id);
        self.modules.push(Module {
            name,
            path: None,
            load,
            file,
            order,
            itself,
            everything,
            names: FxHashMap::default(),
            codes: FxHashMap::default(),
        });
        id
    }

    fn note_role(&mut self, node: NodeId, module: ModuleId, role: Role) {
        if self.roles.len() <= node.index() {
            self.roles.resize_with(node.index() + 1, || None);
        }
        self.roles[node.index()] = Some((module, role));
    }

    fn role(&self, node: NodeId) -> Option<&(ModuleId, Role)> {
        self.roles.get(node.index())?.as_ref()
    }

    fn set_path(&mut self, id: ModuleId, path: Option<PathBuf>) {
        let old = std::mem::replace(&mut self.modules[id.index()].path, path.clone());
        if let Some(old) = old
            && let Some(holders) = self.by_path.get_mut(&old)
        {
            holders.retain(|&holder| holder != id);
        }
        if let Some(path) = path {
            if let Some(folder) = path
                .parent()
                .filter(|folder| !self.folders.contains(*folder))
            {
                self.folders.insert(folder.to_path_buf());
            }
            self.by_path.entry(path).or_default().push(id);
        }
    }

    /// The folders that modules have been in, in no order.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// The module called `name`.
    pub fn find(&self, name: &str) -> Option<ModuleId> {
        let name = ModuleName::new(name).ok()?;
        self.by_name.get(&name).copied()
    }

    /// The modules whose source is the file `path`: more than one if it was imported under several
    /// names, as an entry that is also imported is.
    pub fn at_path(&self, path: &Path) -> &[ModuleId] {
        self.by_path.get(path).map_or(&[], Vec::as_slice)
    }

    /// Every module, in first-import order.
    pub fn modules(&self) -> impl Iterator<Item = ModuleId> + use<> {
        (0..u32::try_from(self.modules.len()).unwrap_or(u32::MAX)).map(ModuleId)
    }

    /// The module at this position in first-import order, counted from 0.
    pub fn nth(&self, index: usize) -> Option<ModuleId> {
        let index = (index < self.modules.len()).then_some(index)?;
        u32::try_from(index).ok().map(ModuleId)
    }

    /// The module's name.
    pub fn name(&self, module: ModuleId) -> &ModuleName {
        &self.modules[module.index()].name
    }

    /// The module's source file, if it has one.
    pub fn path(&self, module: ModuleId) -> Option<&Path> {
        self.modules[module.index()].path.as_deref()
    }

    /// Whether the module is up to date, waiting, or running.
    pub fn state(&self, module: ModuleId) -> State {
        self.core.state(self.load(module))
    }

    /// The computation that is the module's load.
    pub fn load(&self, module: ModuleId) -> NodeId {
        self.modules[module.index()].load
    }

    /// The module whose load, file or output `node` is.
    pub fn owner(&self, node: NodeId) -> Option<ModuleId> {
        self.role(node).map(|&(module, _)| module)
    }

    /// Begins a run of the module's load. It depends on its own file from the first moment, so that
    /// a run that fails at once is still tried again when the file is saved, and on the package
    /// that holds it, which is imported first.
    pub fn start(&mut self, module: ModuleId) {
        let &Module { load, file, .. } = &self.modules[module.index()];
        self.core.start(load);
        // The run sees the file as it is now: whatever was written before is settled.
        self.core.source_settled(file, false);
        // First of all, so that an edit is known before a circle comes back here.
        self.core.read(load, file);
        if let Some(package) = self
            .name(module)
            .parent()
            .and_then(|package| self.find(package))
        {
            self.read(module, package, Read::Order);
        }
    }

    /// Records that the running load of `reader` read `what` of module `of`. Does nothing if that
    /// load does not run: another thread may have ended it. [Recordings](ModuleGraph::record) note it
    /// all the same.
    pub fn read(&mut self, reader: ModuleId, of: ModuleId, what: Read<'_>) {
        if self.state(reader) == State::Running || self.is_recorded(reader) {
            let output = self.output(of, what);
            self.note_read(reader, output);
        }
    }

    /// Ends the run of the module's load. Tell which names changed with
    /// [`ModuleGraph::name_changed`].
    pub fn finish(&mut self, module: ModuleId) {
        let load = self.load(module);
        self.core.finish(load, false);
    }

    /// Ends a run that raised: the module waits for another try, and depends on what it read before
    /// as well as on what it read now.
    pub fn abort(&mut self, module: ModuleId) {
        let load = self.load(module);
        // Its names are those of the run before, which came from what that one read.
        for read in self.core.dependencies(load).collect::<Vec<_>>() {
            self.core.read(load, read);
        }
        self.core.abort(load);
    }

    /// Forgets which names have been told as changed, so that [`ModuleGraph::changed_reads`] speaks
    /// of one batch only.
    pub fn begin_batch(&mut self) {
        self.changed.clear();
    }

    /// Tells the readers of `name`, and those of all names, that its value changed.
    pub fn name_changed(&mut self, module: ModuleId, name: &str) {
        if let Some(&output) = self.modules[module.index()].names.get(name) {
            self.tell(output);
        }
        let everything = self.modules[module.index()].everything;
        self.tell(everything);
    }

    /// Tells those that executed the code of definition `unit` that it would do something else now.
    pub fn code_changed(&mut self, module: ModuleId, unit: &str) {
        if let Some(&output) = self.modules[module.index()].codes.get(unit) {
            self.tell(output);
        }
    }

    /// Tells one of those that have read this that it is another value.
    pub fn invalidate_reader(&mut self, reader: ModuleId, of: ModuleId, what: Read<'_>) {
        if let Some(output) = self.known_output(of, what) {
            self.note_changed(output);
            self.invalidate(reader);
        }
    }

    /// Tells those that have read what the module has written at `place` that it is another value.
    pub fn written_changed(&mut self, module: ModuleId, place: &str) {
        if let Some(output) = self.known_output(module, Read::Written(place)) {
            self.tell(output);
        }
    }

    /// The definitions of the module whose code others have executed, sorted.
    pub fn executed_codes(&self, module: ModuleId) -> Vec<Arc<str>> {
        let mut codes: Vec<_> = self.modules[module.index()].codes.keys().cloned().collect();
        codes.sort_unstable();
        codes
    }

    /// Tells the importers that the module came or went.
    pub fn module_changed(&mut self, module: ModuleId) {
        let itself = self.modules[module.index()].itself;
        self.tell(itself);
    }

    fn tell(&mut self, output: NodeId) {
        self.note_changed(output);
        self.core.output_changed(output);
    }

    fn note_changed(&mut self, node: NodeId) {
        self.changed.insert(node);
        self.cached.note_changed(node);
    }

    /// Marks what depends on the module's file, which was written. The host of the core is asked
    /// ([`Host::commit`](hmr_signals::graph::Host::commit)) whether that changed anything.
    pub fn file_written(&mut self, module: ModuleId) {
        let file = self.modules[module.index()].file;
        self.core.source_touched(file);
    }

    /// Marks the module itself as out of date.
    pub fn invalidate(&mut self, module: ModuleId) {
        let load = self.load(module);
        self.changed.insert(load);
        self.core.invalidate(load);
    }

    /// What the module read that has been told as changed in this batch, in order of first read.
    pub fn changed_reads(&self, module: ModuleId) -> Vec<(ModuleName, String)> {
        self.core
            .dependencies(self.load(module))
            .filter(|node| self.changed.contains(node))
            .filter_map(|node| self.describe(node))
            .collect()
    }

    /// All that the last run of the module has read, to be carried over to the next by
    /// [`ModuleGraph::carry`].
    pub fn dependencies(&self, module: ModuleId) -> Vec<NodeId> {
        self.core.dependencies(self.load(module)).collect()
    }

    /// The modules that the running load of `module` has imported so far.
    pub fn imports_so_far(&self, module: ModuleId) -> FxHashSet<ModuleId> {
        let read = self.core.dependencies_so_far(self.load(module));
        read.filter_map(|node| self.imported_by(node)).collect()
    }

    /// The module that a reader of `dependency` has imported, if it was an import that it read.
    pub fn imported_by(&self, dependency: NodeId) -> Option<ModuleId> {
        let owner = self.owner(dependency)?;
        match self.read_of(dependency)? {
            Read::Module => Some(owner),
            Read::Name(name) => self.find(&format!("{}.{name}", self.name(owner).as_str())),
            _ => None,
        }
    }

    /// Whether any of these has been told as changed in this batch.
    pub fn has_changed(&self, dependencies: &[NodeId]) -> bool {
        dependencies.iter().any(|node| self.changed.contains(node))
    }

    /// Whether [`ModuleGraph::invalidate`] has marked the module in this batch.
    pub fn is_invalidated(&self, module: ModuleId) -> bool {
        self.changed.contains(&self.load(module))
    }

    /// The node of `what` of the module, if somebody has read it.
    pub fn output_of(&self, module: ModuleId, what: Read<'_>) -> Option<NodeId> {
        self.known_output(module, what)
    }

    /// The running load of `module` has read these as well: parts of it did not run, and stand for
    /// their last run.
    pub fn carry(&mut self, module: ModuleId, dependencies: &[NodeId]) {
        let load = self.load(module);
        for &node in dependencies {
            self.core.read(load, node);
        }
    }

    /// What a reader of `output` has read; `None` for any other node.
    pub fn read_of(&self, output: NodeId) -> Option<Read<'_>> {
        match &self.role(output)?.1 {
            Role::Load | Role::File => None,
            Role::Order => Some(Read::Order),
            Role::Itself => Some(Read::Module),
            Role::Everything => Some(Read::Everything),
            Role::Name(name) => Some(Read::Name(name)),
            Role::Code(unit) => Some(Read::Code(unit)),
            Role::Written(place) => Some(Read::Written(place)),
        }
    }

    fn describe(&self, output: NodeId) -> Option<(ModuleName, String)> {
        let (module, role) = self.role(output)?;
        let name = match role {
            Role::Load | Role::File | Role::Order => return None,
            Role::Itself => String::new(),
            Role::Everything => "*".to_owned(),
            Role::Name(name) | Role::Written(name) => name.to_string(),
            Role::Code(unit) => format!("{unit}()"),
        };
        Some((self.name(*module).clone(), name))
    }

    /// The modules whose last run read exactly `what` of `module`, in the order in which they first
    /// did.
    pub fn readers(&self, module: ModuleId, what: Read<'_>) -> Vec<ModuleId> {
        let Some(output) = self.known_output(module, what) else {
            return Vec::new();
        };
        self.core
            .dependents(output)
            .filter_map(|node| self.owner(node))
            .collect()
    }

    /// The modules that the last run of `module` imported or read from, in order of first read.
    pub fn imports(&self, module: ModuleId) -> Vec<ModuleId> {
        let mut seen = FxHashSet::default();
        self.core
            .dependencies(self.load(module))
            .filter_map(|node| self.imported_through(node))
            .filter(|&owner| owner != module && seen.insert(owner))
            .collect()
    }

    /// What the last run of `module` read of modules, in order of first read.
    pub fn reads(&self, module: ModuleId) -> impl Iterator<Item = (ModuleId, Read<'_>)> {
        let nodes = self.core.dependencies(self.load(module));
        nodes.filter_map(|node| Some((self.owner(node)?, self.read_of(node)?)))
    }

    /// The modules that imported `module` or read a name of it in their last run. One that read
    /// several names comes several times.
    pub fn importers(&self, module: ModuleId) -> impl Iterator<Item = ModuleId> {
        let outputs = self.core.outputs(self.load(module));
        outputs
            .filter(|&output| self.imported_through(output).is_some())
            .flat_map(|output| self.core.dependents(output))
            .filter_map(|node| self.owner(node))
    }

    /// The module that who reads `output` has imported.
    fn imported_through(&self, output: NodeId) -> Option<ModuleId> {
        match self.role(output)? {
            (_, Role::Written(_)) => None,
            (module, _) => Some(*module),
        }
    }

    /// The module `name` and all below it, in first-import order.
    pub fn below(&self, name: &ModuleName) -> Vec<ModuleId> {
        let is_below = |module: &Module| {
            let rest = module.name.as_str().strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.modules()
            .filter(|id| is_below(&self.modules[id.index()]))
            .collect()
    }

    /// The modules whose name ends in `tail`, in first-import order. The first call walks all
    /// modules, later ones those that came since.
    pub fn with_tail(&mut self, tail: &str) -> &[ModuleId] {
        for id in self.modules().skip(self.with_tail) {
            let tail = self.modules[id.index()].name.tail();
            match self.by_tail.get_mut(tail) {
                Some(known) => known.push(id),
                None => drop(self.by_tail.insert(tail.into(), vec![id])),
            }
        }
        self.with_tail = self.modules.len();
        self.by_tail.get(tail).map_or(&[], Vec::as_slice)
    }

    fn known_output(&self, module: ModuleId, what: Read<'_>) -> Option<NodeId> {
        let module = &self.modules[module.index()];
        match what {
            Read::Order => Some(module.order),
            Read::Module => Some(module.itself),
            Read::Everything => Some(module.everything),
            // No name has a dot in it, and every such place has one.
            Read::Name(name) | Read::Written(name) => module.names.get(name).copied(),
            Read::Code(unit) => module.codes.get(unit).copied(),
        }
    }

    fn output(&mut self, module: ModuleId, what: Read<'_>) -> NodeId {
        if let Some(output) = self.known_output(module, what) {
            return output;
        }
        let (text, role): (_, fn(Arc<str>) -> Role) = match what {
            Read::Name(name) => (name, Role::Name),
            Read::Code(unit) => (unit, Role::Code),
            Read::Written(place) => (place, Role::Written),
            Read::Order | Read::Module | Read::Everything => {
                unreachable!("a module has these from the start")
            }
        };
        let text: Arc<str> = text.into();
        let load = self.load(module);
        let output = self.core.add_output(load);
        self.note_role(output, module, role(text.clone()));
        let module = &mut self.modules[module.index()];
        let outputs = match what {
            Read::Code(_) => &mut module.codes,
            _ => &mut module.names,
        };
        outputs.insert(text, output);
        output
    }
}
