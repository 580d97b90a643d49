//! Questions about a whole [`ModuleGraph`]: who is affected, and where imports are circular.
//!
//! A package that only has to be imported before what it holds ([`Read::Order`]) counts for none of
//! them. No answer recurses, so that long chains of imports need no stack.

use rustc_hash::FxHashSet;

use crate::{ModuleGraph, ModuleId, Read};

/// How a run came to a module; see [`ModuleGraph::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// It was imported.
    Import,
    /// Something of it was read.
    Read,
}

impl ModuleGraph {
    /// The modules whose last run imported `module` or read something of it, in first-import order.
    pub fn direct_importers(&self, module: ModuleId) -> Vec<ModuleId> {
        let readers = self.readers_by_module();
        readers[module.index()].clone()
    }

    /// The modules that a change of `module` may reach: those that read it, those that read those,
    /// and so on, in first-import order. The module itself is among them if it is in a cycle.
    pub fn affected_by(&self, module: ModuleId) -> Vec<ModuleId> {
        let readers = self.readers_by_module();
        let mut found = FxHashSet::default();
        let mut open = vec![module];
        while let Some(next) = open.pop() {
            let new = readers[next.index()].iter().filter(|m| found.insert(**m));
            open.extend(new);
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable();
        found
    }

    /// The groups of modules that import each other in circles: the strongly connected components
    /// of more than one module. Groups and their modules are in first-import order.
    pub fn cycles(&self) -> Vec<Vec<ModuleId>> {
        let imports: Vec<_> = self.modules().map(|m| self.tracked_imports(m)).collect();
        let mut cycles = Components::of(&imports);
        cycles.retain(|group| group.len() > 1);
        for group in &mut cycles {
            group.sort_unstable();
        }
        cycles.sort_unstable();
        cycles
    }

    /// What the last run of `module` did with modules, in its order: with which one, and what. Each
    /// step is there once.
    pub fn steps(&self, module: ModuleId) -> Vec<(ModuleId, Step)> {
        let mut steps = Vec::new();
        for (of, read) in self.reads(module) {
            match read {
                Read::Order | Read::Written(_) => {}
                Read::Module => steps.push((of, Step::Import)),
                Read::Everything | Read::Code(_) => steps.push((of, Step::Read)),
                Read::Name(name) => {
                    steps.push((of, Step::Read));
                    // `from package import module`.
                    let inner = format!("{}.{name}", self.name(of).as_str());
                    steps.extend(self.find(&inner).map(|inner| (inner, Step::Import)));
                }
            }
        }
        let mut seen = FxHashSet::default();
        steps.retain(|step| seen.insert(*step));
        steps
    }

    /// What the module's last run read of other modules, but for their order.
    fn tracked_imports(&self, module: ModuleId) -> Vec<ModuleId> {
        let reads = self.reads(module);
        let tracked = reads.filter(|(_, what)| !matches!(what, Read::Order | Read::Written(_)));
        let mut owners: Vec<_> = tracked
            .map(|(owner, _)| owner)
            .filter(|owner| *owner != module)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    fn readers_by_module(&self) -> Vec<Vec<ModuleId>> {
        let mut readers = vec![Vec::new(); self.modules().count()];
        for reader in self.modules() {
            for owner in self.tracked_imports(reader) {
                readers[owner.index()].push(reader);
            }
        }
        readers
    }
}

/// Tarjan's algorithm for strongly connected components, with its call stack as data.
struct Components<'a> {
    imports: &'a [Vec<ModuleId>],
    /// When each module was met, and the earliest one that it leads back to. 0: not met yet.
    met: Vec<usize>,
    lowest: Vec<usize>,
    clock: usize,
    /// Modules that were met and are in no component yet.
    waiting: Vec<ModuleId>,
    is_waiting: Vec<bool>,
    found: Vec<Vec<ModuleId>>,
}

impl<'a> Components<'a> {
    fn of(imports: &'a [Vec<ModuleId>]) -> Vec<Vec<ModuleId>> {
        let count = imports.len();
        let mut components = Self {
            imports,
            met: vec![0; count],
            lowest: vec![0; count],
            clock: 0,
            waiting: Vec::new(),
            is_waiting: vec![false; count],
            found: Vec::new(),
        };
        for start in imports.iter().flatten() {
            if components.met[start.index()] == 0 {
                components.walk(*start);
            }
        }
        components.found
    }

    fn meet(&mut self, module: ModuleId) {
        self.clock += 1;
        self.met[module.index()] = self.clock;
        self.lowest[module.index()] = self.clock;
        self.waiting.push(module);
        self.is_waiting[module.index()] = true;
    }

    fn walk(&mut self, start: ModuleId) {
        self.meet(start);
        // Each module on the way, with how many of its imports have been looked at.
        let mut way = vec![(start, 0)];
        while let Some((module, looked_at)) = way.last_mut() {
            let module = *module;
            if let Some(&next) = self.imports[module.index()].get(*looked_at) {
                *looked_at += 1;
                if self.met[next.index()] == 0 {
                    self.meet(next);
                    way.push((next, 0));
                } else if self.is_waiting[next.index()] {
                    self.lower(module, self.met[next.index()]);
                }
                continue;
            }
            way.pop();
            if let Some(&(before, _)) = way.last() {
                self.lower(before, self.lowest[module.index()]);
            }
            if self.lowest[module.index()] == self.met[module.index()] {
                self.close(module);
            }
        }
    }

    fn lower(&mut self, module: ModuleId, to: usize) {
        let lowest = &mut self.lowest[module.index()];
        *lowest = (*lowest).min(to);
    }

    /// Everything that waits since `first` is one component.
    fn close(&mut self, first: ModuleId) {
        let from = self.waiting.iter().rposition(|waiting| *waiting == first);
        let component = self.waiting.split_off(from.unwrap_or(0));
        for module in &component {
            self.is_waiting[module.index()] = false;
        }
        self.found.push(component);
    }
}
