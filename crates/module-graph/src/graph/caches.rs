//! Results that are computed once and given to many: what they came from.
//!
//! A cache computes a result during somebody's run and hands it to others later, who read nothing of
//! what it came from. What the computation reads is therefore kept beside the result: whoever is given
//! it has read that too, and once any of it is told as changed the result is outdated.
//!
//! Kept true: a result that is outdated has no sources any more; it is computed anew before it is given
//! to anybody.

use std::collections::BTreeSet;

use hmr_signals::graph::{NodeId, State};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{ModuleGraph, ModuleId, Read};

/// What the host calls a result.
pub(crate) type ResultId = usize;

/// The results of a graph.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// The computations that are under way.
    open: Vec<Computation>,
    sources: FxHashMap<ResultId, FxHashSet<NodeId>>,
    by_source: FxHashMap<NodeId, BTreeSet<ResultId>>,
    outdated: Vec<ResultId>,
}

#[derive(Debug)]
struct Computation {
    result: ResultId,
    reader: ModuleId,
    sources: FxHashSet<NodeId>,
}

impl Results {
    /// The run of `reader` has read `source`.
    pub(super) fn note_read(&mut self, reader: ModuleId, source: NodeId) {
        for computation in &mut self.open {
            if computation.reader == reader {
                computation.sources.insert(source);
            }
        }
    }

    /// `source` is told as changed, or nobody tells of it any more.
    pub(super) fn note_changed(&mut self, source: NodeId) {
        let Some(results) = self.by_source.remove(&source) else {
            return;
        };
        for result in results {
            self.forget(result);
            self.outdated.push(result);
        }
    }

    fn forget(&mut self, result: ResultId) {
        for source in in_order(&self.sources.remove(&result).unwrap_or_default()) {
            if let Some(results) = self.by_source.get_mut(&source) {
                results.remove(&result);
                if results.is_empty() {
                    self.by_source.remove(&source);
                }
            }
        }
    }
}

impl ModuleGraph {
    /// The run of `reader` may begin to compute `result`.
    pub(crate) fn begin_result(&mut self, reader: ModuleId, result: ResultId) {
        self.cached.open.push(Computation {
            result,
            reader,
            sources: FxHashSet::default(),
        });
    }

    /// The computation that [began](Self::begin_result) last for these two has ended. `false`: it has
    /// read nothing, as if the result was there already.
    pub(crate) fn end_result(&mut self, reader: ModuleId, result: ResultId) -> bool {
        let mut open = self.cached.open.iter();
        let ended = open.rposition(|it| (it.reader, it.result) == (reader, result));
        let Some(ended) = ended.map(|at| self.cached.open.remove(at)) else {
            return false;
        };
        for source in in_order(&ended.sources) {
            let results = self.cached.by_source.entry(source).or_default();
            results.insert(result);
        }
        let has_read = !ended.sources.is_empty();
        if has_read {
            let sources = self.cached.sources.entry(result).or_default();
            sources.extend(ended.sources);
        }
        has_read
    }

    /// What `result` came from, in an order that is the same in each run.
    pub(crate) fn sources_of(&self, result: ResultId) -> Vec<NodeId> {
        self.cached
            .sources
            .get(&result)
            .map_or_else(Vec::new, in_order)
    }

    /// The running load of `reader` is given `result`: it has read what that came from.
    pub(crate) fn give_result(&mut self, reader: ModuleId, result: ResultId) {
        if self.state(reader) != State::Running {
            return;
        }
        let load = self.load(reader);
        for source in self.sources_of(result) {
            self.cached.note_read(reader, source);
            if self.owner(source) != Some(reader) {
                self.core.read(load, source);
            }
        }
    }

    /// The running load of `reader` has read `what` of itself: nothing that it depends on, unless what
    /// it computes is given to others.
    pub(crate) fn read_own(&mut self, reader: ModuleId, what: Read<'_>) {
        if !self.cached.open.is_empty() {
            let output = self.output(reader, what);
            self.cached.note_read(reader, output);
        }
    }

    /// The result has gone, or was made empty.
    pub(crate) fn forget_result(&mut self, result: ResultId) {
        self.cached.forget(result);
    }

    /// The results that are outdated since the last call.
    pub(crate) fn take_outdated_results(&mut self) -> Vec<ResultId> {
        std::mem::take(&mut self.cached.outdated)
    }
}

fn in_order(sources: &FxHashSet<NodeId>) -> Vec<NodeId> {
    let mut sources: Vec<_> = sources.iter().copied().collect();
    sources.sort_unstable_by_key(|source| source.index());
    sources
}
