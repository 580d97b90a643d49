//! In which order a cold start would run the modules, as the imports of their last runs say.

use rustc_hash::{FxHashMap, FxHashSet};

use super::engine::State;
use crate::{ModuleId, ModuleName, Step};

/// A walk along a cold start's imports.
#[derive(Debug, Default)]
pub(super) struct ColdOrder {
    /// Who reads whom halfway.
    pub(super) places: Vec<(ModuleId, ModuleId)>,
    spans: FxHashMap<ModuleId, Span>,
    clock: u32,
}

/// When a run begins and ends.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

/// How the run of one module lies to that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    Before,
    After,
    /// It begins later and ends earlier.
    Inside,
    Around,
}

impl ColdOrder {
    /// How the run of `one` lies to that of `other`. `None`: a cold start does not run both.
    pub(super) fn lies(&self, one: ModuleId, other: ModuleId) -> Option<Lies> {
        let (one, other) = (self.spans.get(&one)?, self.spans.get(&other)?);
        Some(if one.to < other.from {
            Lies::Before
        } else if one.from > other.to {
            Lies::After
        } else if one.from > other.from {
            Lies::Inside
        } else {
            Lies::Around
        })
    }

    /// When the run of the module ends; at last, if that is not known.
    pub(super) fn end_of(&self, module: ModuleId) -> u32 {
        self.spans.get(&module).map_or(u32::MAX, |span| span.to)
    }

    fn enter(&mut self, module: ModuleId) {
        let from = self.tick();
        self.spans.insert(module, Span { from, to: u32::MAX });
    }

    fn leave(&mut self, module: ModuleId) {
        let to = self.tick();
        if let Some(span) = self.spans.get_mut(&module) {
            span.to = to;
        }
    }

    fn tick(&mut self) -> u32 {
        self.clock += 1;
        self.clock
    }
}

impl State {
    /// The order, as it is now.
    pub(super) fn cold_order(&self) -> ColdOrder {
        let mut order = ColdOrder::default();
        let mut visited = FxHashSet::default();
        let entry = self.graph.find(ModuleName::main().as_str());
        let is_root = |id: &ModuleId| self.slots[id.index()].is_root;
        let mut todo: Vec<_> = self
            .graph
            .modules()
            .filter(is_root)
            .map(Visit::Enter)
            .collect();
        todo.reverse();
        todo.extend(entry.map(Visit::Enter));
        while let Some(visit) = todo.last_mut() {
            let (id, next) = match visit {
                Visit::Enter(id) => (*id, None),
                Visit::Run(id, steps) => (*id, Some(steps.next())),
            };
            match next {
                None => {
                    let package = self.package_of(id);
                    if let Some(package) = package.filter(|package| !visited.contains(package)) {
                        // It is imported first. Its own imports may come to `id` and run it.
                        todo.push(Visit::Enter(package));
                        continue;
                    }
                    todo.pop();
                    if visited.insert(id) {
                        order.enter(id);
                        todo.push(Visit::Run(id, self.graph.steps(id).into_iter()));
                    }
                }
                Some(None) => {
                    todo.pop();
                    order.leave(id);
                }
                Some(Some((of, step))) => {
                    let runs = |visit: &Visit| matches!(visit, Visit::Run(on, _) if *on == of);
                    if of != id && todo.iter().any(runs) {
                        order.places.push((id, of));
                    } else if step == Step::Import && !visited.contains(&of) {
                        todo.push(Visit::Enter(of));
                    }
                }
            }
        }
        order
    }

    fn package_of(&self, id: ModuleId) -> Option<ModuleId> {
        let package = self.graph.find(self.graph.name(id).parent()?)?;
        self.slots[package.index()]
            .object
            .is_some()
            .then_some(package)
    }
}

/// A step of the walk along a cold start's imports.
enum Visit {
    /// The module is about to be imported.
    Enter(ModuleId),
    /// It runs, and this is what is left of its run.
    Run(ModuleId, std::vec::IntoIter<(ModuleId, Step)>),
}
