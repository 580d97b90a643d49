//! A program of numbers in place of Python: each name of a module is the sum of the names that it
//! reads plus a constant. It drives the graph as the engine does and logs what ran.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use hmr_module_graph::{ModuleGraph, ModuleId, ModuleName, Read, Reason, Rerun, Update};
use hmr_signals::graph::{self, Graph, Host, NodeId, OnCycle};

/// A module's source: for each name its constant, and what it reads.
type Source = Vec<(&'static str, i64, Vec<(String, &'static str)>)>;

#[derive(Default)]
pub(crate) struct Program {
    graph: RefCell<ModuleGraph>,
    sources: RefCell<BTreeMap<String, Source>>,
    values: RefCell<BTreeMap<(String, &'static str), i64>>,
    log: RefCell<Vec<String>>,
    edited: RefCell<Vec<ModuleId>>,
    update: RefCell<Update>,
    depth: Cell<usize>,
    pub(crate) deepest: Cell<usize>,
}

impl Program {
    /// Writes a module's source and, the first time, loads it. Later it only marks it.
    pub(crate) fn save(&self, module: &str, source: Source) {
        let is_new = self
            .sources
            .borrow_mut()
            .insert(module.into(), source)
            .is_none();
        if is_new {
            let name = ModuleName::new(module).unwrap();
            let id = self.graph.borrow_mut().add_module(name, None);
            self.run(id);
        } else {
            let id = self.id(module);
            self.graph.borrow_mut().file_written(id);
            self.edited.borrow_mut().push(id);
        }
        self.deepest.set(0);
    }

    /// Settles `entry`; says what ran, in which order.
    pub(crate) fn settle(&self, entry: &str) -> String {
        self.log.borrow_mut().clear();
        self.update.take();
        self.graph.borrow_mut().begin_batch();
        let load = self.graph.borrow().load(self.id(entry));
        graph::settle(self, load).unwrap();
        self.edited.take();
        self.log.borrow().join(" ")
    }

    /// What the last settling did.
    pub(crate) fn update(&self) -> Update {
        self.update.borrow().clone()
    }

    /// As the engine does, before the module runs.
    fn reason(&self, id: ModuleId) -> Reason {
        if self.edited.borrow().contains(&id) {
            Reason::Edited
        } else {
            Reason::Read(self.graph.borrow().changed_reads(id))
        }
    }

    pub(crate) fn value(&self, module: &str, name: &'static str) -> i64 {
        self.values.borrow()[&(module.into(), name)]
    }

    pub(crate) fn id(&self, module: &str) -> ModuleId {
        self.graph.borrow().find(module).unwrap()
    }

    pub(crate) fn with<R>(&self, ask: impl FnOnce(&ModuleGraph) -> R) -> R {
        ask(&self.graph.borrow())
    }

    fn run(&self, id: ModuleId) {
        self.depth.set(self.depth.get() + 1);
        self.deepest.set(self.deepest.get().max(self.depth.get()));
        let module = self.graph.borrow().name(id).to_string();
        let reason = self.reason(id);
        let mut changed = Vec::new();
        self.graph.borrow_mut().start(id);
        let source = self.sources.borrow()[&module].clone();
        for (name, constant, reads) in source {
            let sum: i64 = reads.iter().map(|(of, name)| self.read(id, of, name)).sum();
            let old = self
                .values
                .borrow_mut()
                .insert((module.clone(), name), sum + constant);
            if old != Some(sum + constant) {
                self.graph.borrow_mut().name_changed(id, name);
                changed.push(name.to_owned());
            }
        }
        self.graph.borrow_mut().finish(id);
        let name = ModuleName::new(&module).unwrap();
        let rerun = Rerun::new(name, reason, changed);
        self.update.borrow_mut().reran.push(rerun);
        self.log.borrow_mut().push(module);
        self.depth.set(self.depth.get() - 1);
    }

    fn read(&self, reader: ModuleId, of: &str, name: &'static str) -> i64 {
        let of_id = self.id(of);
        let load = self.graph.borrow().load(of_id);
        graph::settle(self, load).unwrap();
        self.graph
            .borrow_mut()
            .read(reader, of_id, Read::Name(name));
        self.values
            .borrow()
            .get(&(of.into(), name))
            .copied()
            .unwrap_or(0)
    }
}

impl Host for Program {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(self.graph.borrow_mut().core())
    }

    fn recompute(&self, node: NodeId) {
        let module = self.graph.borrow().owner(node).unwrap();
        self.run(module);
    }

    fn on_cycle(&self, _path: &[NodeId]) -> OnCycle {
        OnCycle::Ignore
    }

    fn eager_dependencies(&self) -> bool {
        true
    }
}

/// `reads("config.HOST mail.PORT")` as a source wants it.
pub(crate) fn reads(text: &'static str) -> Vec<(String, &'static str)> {
    text.split_whitespace()
        .map(|read| {
            let (module, name) = read.rsplit_once('.').unwrap();
            (module.to_owned(), name)
        })
        .collect()
}
