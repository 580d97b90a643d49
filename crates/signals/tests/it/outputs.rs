//! The core with many outputs per computation, as modules with names use it: random programs
//! against a model, with and without eager dependencies.

use std::cell::RefCell;

use hmr_signals::graph::{Graph, Host, NodeId, State, settle};
use proptest::prelude::*;

/// Each module has an own source and two outputs; it reads outputs of modules below it.
#[derive(Clone, Debug)]
struct Module {
    reads: Vec<(usize, usize)>,
}

struct World {
    graph: RefCell<Graph>,
    modules: Vec<Module>,
    nodes: Vec<(NodeId, NodeId, [NodeId; 2])>,
    sources: RefCell<Vec<i64>>,
    values: RefCell<Vec<[i64; 2]>>,
    runs: RefCell<Vec<usize>>,
    eager: bool,
}

/// The outputs of a module: the first is coarse, so that it often stays; an even source drops the
/// last read.
fn outputs(
    source: i64,
    reads: &[(usize, usize)],
    read: &mut dyn FnMut(usize, usize) -> i64,
) -> [i64; 2] {
    let take = if source % 2 == 0 {
        reads.len().saturating_sub(1)
    } else {
        reads.len()
    };
    let sum = source + reads[..take].iter().map(|(m, o)| read(*m, *o)).sum::<i64>();
    [sum / 10, sum % 7]
}

impl Host for World {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(&mut self.graph.borrow_mut())
    }

    fn recompute(&self, node: NodeId) {
        let me = self
            .nodes
            .iter()
            .position(|n| n.0 == node)
            .expect("a module");
        self.runs.borrow_mut().push(me);
        self.graph(|g| g.start(node));
        self.graph(|g| g.read(node, self.nodes[me].1));
        let source = self.sources.borrow()[me];
        let new = outputs(source, &self.modules[me].reads, &mut |m, o| {
            let output = self.nodes[m].2[o];
            settle(self, output).expect("no cycle");
            self.graph(|g| g.read(node, output));
            self.values.borrow()[m][o]
        });
        let old = std::mem::replace(&mut self.values.borrow_mut()[me], new);
        for ((id, new), old) in self.nodes[me].2.iter().zip(new).zip(old) {
            if new != old {
                self.graph(|g| g.output_changed(*id));
            }
        }
        self.graph(|g| g.finish(node, false));
    }

    fn eager_dependencies(&self) -> bool {
        self.eager
    }
}

fn model(modules: &[Module], sources: &[i64]) -> Vec<[i64; 2]> {
    let mut all: Vec<[i64; 2]> = Vec::new();
    for (module, source) in modules.iter().zip(sources) {
        let values = outputs(*source, &module.reads, &mut |m, o| all[m][o]);
        all.push(values);
    }
    all
}

fn check(modules: Vec<Module>, batches: Vec<Vec<(usize, i64)>>, eager: bool) {
    let mut graph = Graph::new();
    let nodes = modules.iter().map(|_| {
        let (source, module) = (graph.add_source(), graph.add_computation(false));
        let outputs = [graph.add_output(module), graph.add_output(module)];
        (module, source, outputs)
    });
    let nodes: Vec<_> = nodes.collect();
    let count = modules.len();
    let world = World {
        graph: RefCell::new(graph),
        nodes,
        sources: RefCell::new(vec![0; count]),
        values: RefCell::new(vec![[i64::MIN; 2]; count]),
        runs: RefCell::default(),
        eager,
        modules,
    };
    for (module, ..) in &world.nodes {
        settle(&world, *module).expect("no cycle");
    }
    for batch in batches {
        world.runs.borrow_mut().clear();
        let before = world.values.borrow().clone();
        let mut touched = Vec::new();
        for (at, value) in batch {
            let at = at % count;
            world.sources.borrow_mut()[at] = value;
            touched.push(at);
            world.graph(|g| g.source_changed(world.nodes[at].1));
        }
        // From the top, so that everything below is settled by need.
        for (module, ..) in world.nodes.iter().rev() {
            settle(&world, *module).expect("no cycle");
            assert_eq!(world.graph(|g| g.state(*module)), State::Clean);
        }
        world.graph(|g| g.check()).expect("a consistent graph");
        let wanted = model(&world.modules, &world.sources.borrow());
        assert_eq!(*world.values.borrow(), wanted);
        let mut runs = world.runs.borrow().clone();
        runs.sort_unstable();
        assert!(
            runs.windows(2).all(|w| w[0] != w[1]),
            "at most once: {runs:?}"
        );
        for (me, module) in world.modules.iter().enumerate() {
            let written = touched.contains(&me);
            let reason = module
                .reads
                .iter()
                .any(|(m, o)| before[*m][*o] != wanted[*m][*o]);
            assert!(!written || runs.contains(&me), "{me} was written");
            assert!(
                !runs.contains(&me) || written || reason,
                "{me} had no reason to run"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 5 } else { 2_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn modules_with_many_outputs_equal_a_full_recompute(
        raw in prop::collection::vec(prop::collection::vec((any::<u16>(), 0_usize..2), 0..5), 1..15),
        batches in prop::collection::vec(prop::collection::vec((any::<usize>(), 0_i64..60), 0..4), 1..8),
        eager in any::<bool>(),
    ) {
        let modules = raw.into_iter().enumerate().map(|(i, reads)| Module {
            reads: reads.into_iter().filter(|_| i > 0).map(|(m, o)| (usize::from(m) % i.max(1), o)).collect(),
        });
        check(modules.collect(), batches, eager);
    }
}
