//! The graph core on its own, driven by a small host with integer values.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use hmr_signals::graph::{Cycle, Graph, Host, NodeId, OnCycle, State, settle};

type Run = Rc<dyn Fn(&World, NodeId) -> i64>;

/// Values and closures for a graph, and the list of what ran.
#[derive(Default)]
struct World {
    graph: RefCell<Graph>,
    values: RefCell<BTreeMap<NodeId, i64>>,
    runs: RefCell<BTreeMap<NodeId, Run>>,
    log: RefCell<Vec<NodeId>>,
    cycles: RefCell<Vec<Vec<NodeId>>>,
    eager: bool,
    ignore_cycles: bool,
}

impl Host for World {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(&mut self.graph.borrow_mut())
    }

    fn recompute(&self, node: NodeId) {
        self.log.borrow_mut().push(node);
        let run = self
            .runs
            .borrow()
            .get(&node)
            .expect("a computation")
            .clone();
        self.graph(|g| g.start(node));
        let value = run(self, node);
        let old = self.values.borrow_mut().insert(node, value);
        self.graph(|g| g.finish(node, old != Some(value)));
    }

    fn on_cycle(&self, path: &[NodeId]) -> OnCycle {
        self.cycles.borrow_mut().push(path.to_vec());
        if self.ignore_cycles {
            OnCycle::Ignore
        } else {
            OnCycle::Error
        }
    }

    fn eager_dependencies(&self) -> bool {
        self.eager
    }
}

impl World {
    fn source(&self, value: i64) -> NodeId {
        let id = self.graph(Graph::add_source);
        self.values.borrow_mut().insert(id, value);
        id
    }

    fn memo(&self, watched: bool, run: impl Fn(&World, NodeId) -> i64 + 'static) -> NodeId {
        let id = self.graph(|g| g.add_computation(watched));
        self.runs.borrow_mut().insert(id, Rc::new(run));
        id
    }

    fn sum(&self, deps: &[NodeId]) -> NodeId {
        let deps = deps.to_vec();
        self.memo(false, move |w, me| {
            deps.iter().map(|d| w.read(me, *d)).sum()
        })
    }

    fn read(&self, reader: NodeId, dep: NodeId) -> i64 {
        let _ = settle(self, dep);
        self.graph(|g| g.read(reader, dep));
        self.values.borrow().get(&dep).copied().unwrap_or(0)
    }

    fn get(&self, node: NodeId) -> Result<i64, Cycle> {
        settle(self, node)?;
        self.graph(|g| g.check()).expect("a consistent graph");
        Ok(self.values.borrow()[&node])
    }

    fn set(&self, source: NodeId, value: i64) {
        self.values.borrow_mut().insert(source, value);
        self.graph(|g| g.source_changed(source));
        self.graph(|g| g.check()).expect("a consistent graph");
    }

    fn log(&self) -> Vec<NodeId> {
        std::mem::take(&mut self.log.borrow_mut())
    }

    fn state(&self, node: NodeId) -> State {
        self.graph(|g| g.state(node))
    }
}

#[test]
fn a_diamond_settles_dependencies_first_and_each_node_once() {
    let w = World::default();
    let a = w.source(1);
    let b = w.sum(&[a]);
    let c = w.sum(&[a]);
    let d = w.sum(&[b, c]);
    assert_eq!(w.get(d), Ok(2));
    w.log();
    w.set(a, 5);
    assert_eq!(
        (w.state(b), w.state(c), w.state(d)),
        (State::Dirty, State::Dirty, State::Pending)
    );
    assert_eq!(w.get(d), Ok(10));
    assert_eq!(
        w.log(),
        [b, d, c],
        "c runs inside d, which b has made dirty"
    );
    assert_eq!(w.get(d), Ok(10));
    assert_eq!(w.log(), []);
}

#[test]
fn a_chain_that_is_dirty_throughout_settles_deepest_first_without_nesting() {
    let w = World {
        eager: true,
        ..World::default()
    };
    let mut chain = vec![w.source(1)];
    for i in 0..1_000 {
        chain.push(w.sum(&[chain[i]]));
    }
    for node in &chain[1..] {
        assert_eq!(w.get(*node), Ok(1));
    }
    w.log();
    w.set(chain[0], 2);
    for node in &chain[1..] {
        w.graph(|g| g.invalidate(*node));
    }
    assert_eq!(w.get(chain[1_000]), Ok(2));
    assert_eq!(w.log(), &chain[1..]);
}

#[test]
fn only_readers_of_the_output_that_changed_run() {
    let w = World::default();
    let a = w.source(1);
    let module = w.sum(&[a]);
    let (x, y) = w.graph(|g| (g.add_output(module), g.add_output(module)));
    let of_x = w.memo(true, move |w, me| w.read(me, x));
    let of_y = w.memo(true, move |w, me| w.read(me, y));
    assert_eq!((w.get(of_x), w.get(of_y)), (Ok(0), Ok(0)));
    w.log();
    w.set(a, 2);
    assert_eq!(
        (w.state(of_x), w.state(x)),
        (State::Pending, State::Pending)
    );
    assert_eq!(w.graph(Graph::next_queued), Some(of_x));
    assert_eq!(w.get(of_x), Ok(0));
    assert_eq!(w.log(), [module], "it told about no output");
    w.graph(|g| g.output_changed(y));
    assert_eq!(w.graph(Graph::next_queued), Some(of_y));
    assert_eq!(w.get(of_y), Ok(0));
    assert_eq!(w.log(), [of_y]);
    assert_eq!(w.graph(Graph::next_queued), None);
    assert_eq!(w.graph(|g| g.producer(y)), Some(module));
    assert_eq!(w.graph(|g| g.outputs(module).collect::<Vec<_>>()), [x, y]);
    w.graph(|g| g.remove(module));
    assert!(
        !w.graph(|g| g.contains(x)),
        "outputs go with their computation"
    );
    w.graph(|g| g.check()).expect("a consistent graph");
}

#[test]
fn reads_keep_their_order_and_are_recorded_once() {
    let w = World::default();
    let (a, b, c, way) = (w.source(1), w.source(2), w.source(3), w.source(0));
    let m = w.memo(false, move |w, me| {
        let order: &[NodeId] = match w.read(me, way) {
            0 => &[a, b, a],
            1 => &[b, a, b],
            _ => &[c, a],
        };
        order.iter().map(|d| w.read(me, *d)).sum()
    });
    for (value, deps) in [
        (0, vec![way, a, b]),
        (1, vec![way, b, a]),
        (2, vec![way, c, a]),
    ] {
        w.set(way, value);
        w.get(m).expect("no cycle");
        assert_eq!(w.graph(|g| g.dependencies(m).collect::<Vec<_>>()), deps);
    }
    assert_eq!(w.graph(|g| g.dependents(b).count()), 0, "no longer read");
}

#[test]
fn a_cycle_through_a_pending_node_is_found_and_named() {
    let w = World::default();
    let (on, s) = (w.source(0), w.source(1));
    let late = Rc::new(RefCell::new(None));
    let into = late.clone();
    let a = w.memo(false, move |w, me| match w.read(me, on) {
        0 => 1,
        _ => into.borrow().map_or(0, |b| w.read(me, b)),
    });
    let between = w.sum(&[a]);
    let b = w.sum(&[between, s]);
    *late.borrow_mut() = Some(b);
    assert_eq!(w.get(b), Ok(2));
    w.set(on, 1);
    let _ = w.get(b);
    let found = w.cycles.borrow().first().cloned().expect("a cycle");
    assert_eq!(found, [b, between, a]);
    w.set(on, 0);
    assert_eq!(w.get(b), Ok(2), "not sticky");
}

#[test]
fn circular_imports_settle_when_cycles_are_ignored() {
    let w = World {
        ignore_cycles: true,
        eager: true,
        ..World::default()
    };
    let edit = w.source(0);
    let slot = Rc::new(RefCell::new(None));
    let from = slot.clone();
    let a = w.memo(false, move |w, me| {
        let y = from.borrow().map_or(0, |b| w.read(me, b));
        w.read(me, edit) + y * 10
    });
    let b = w.memo(false, move |w, me| w.read(me, a) + 1);
    *slot.borrow_mut() = Some(b);
    assert_eq!(w.get(a), Ok(10), "b ran inside a and saw nothing of it yet");
    w.log();
    w.set(edit, 1);
    w.get(a).expect("ignored");
    assert!(w.log().len() <= 3);
}

#[test]
fn a_freed_slot_is_reused_under_a_new_generation() {
    let mut g = Graph::new();
    let a = g.add_source();
    g.remove(a);
    g.remove(a);
    let b = g.add_source();
    assert_eq!((a.index(), a.generation() + 1), (b.index(), b.generation()));
    assert!(!g.contains(a) && g.contains(b));
    assert_eq!(
        (g.node_count(), g.slot_count(), size_of::<NodeId>()),
        (1, 1, 8)
    );
}

#[test]
fn first_and_last_readers_are_noted_when_asked_for() {
    let w = World::default();
    let (a, b) = (w.source(0), w.source(1));
    w.graph(|g| g.record_observations(true));
    let m = w.memo(
        false,
        move |w, me| if w.read(me, a) == 0 { w.read(me, b) } else { 0 },
    );
    w.get(m).expect("no cycle");
    assert_eq!(w.graph(Graph::take_observations), [(a, true), (b, true)]);
    w.set(a, 1);
    w.get(m).expect("no cycle");
    assert_eq!(w.graph(Graph::take_observations), [(b, false)]);
    w.graph(|g| g.remove(m));
    assert_eq!(w.graph(Graph::take_observations), [(a, false)]);
}

#[test]
fn an_aborted_run_leaves_the_node_dirty_and_passes_the_next_mark_on() {
    let w = World::default();
    let (a, m) = (w.source(0), w.graph(|g| g.add_computation(false)));
    let reader = w.memo(true, |_, _| 0);
    w.graph(|g| {
        g.start(m);
        g.read(m, a);
        g.finish(m, true);
        g.start(reader);
        g.read(reader, m);
        g.finish(reader, false);
        g.invalidate(m);
        g.start(m);
        g.read(m, a);
        g.abort(m);
    });
    assert_eq!((w.state(m), w.state(reader)), (State::Dirty, State::Dirty));
    assert_eq!(w.graph(Graph::next_queued), Some(reader));
    w.graph(|g| g.accept(reader));
    w.graph(|g| g.source_changed(a));
    assert_eq!(
        w.graph(Graph::next_queued),
        Some(reader),
        "although m was dirty already"
    );
    assert_eq!(w.graph(|g| g.dependencies(m).collect::<Vec<_>>()), [a]);
}

#[test]
fn a_cycle_through_an_output_asks_what_has_changed_so_far() {
    let w = World {
        ignore_cycles: true,
        ..World::default()
    };
    let edit = w.source(0);
    let module = w.graph(|g| g.add_computation(false));
    let output = w.graph(|g| g.add_output(module));
    let reader = w.memo(false, move |w, me| w.read(me, output));
    let run = move |w: &World, me: NodeId| {
        let value = w.read(me, edit);
        w.graph(|g| g.output_changed(output));
        w.read(me, reader);
        value
    };
    w.runs.borrow_mut().insert(module, Rc::new(run));
    w.get(module).expect("ignored");
    w.set(edit, 1);
    w.log();
    w.get(module).expect("ignored");
    assert_eq!(
        w.log(),
        [module, reader],
        "the reader of the changed output ran inside"
    );
}

#[test]
fn what_read_outputs_of_a_run_is_in_doubt_until_the_run_ends() {
    let w = World::default();
    let edit = w.source(0);
    let module = w.graph(|g| g.add_computation(false));
    let output = w.graph(|g| g.add_output(module));
    let reader = w.memo(false, move |w, me| w.read(me, output));
    let beyond = w.sum(&[reader]);
    let states = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&states);
    let run = move |w: &World, me: NodeId| {
        let value = w.read(me, edit);
        // As if a circular import had let them finish with what there is.
        w.graph(|g| (g.accept(reader), g.accept(beyond)));
        let states = || [reader, beyond].map(|node| w.state(node));
        seen.borrow_mut().push(states());
        w.graph(|g| g.doubt(me));
        seen.borrow_mut().push(states());
        value
    };
    w.runs.borrow_mut().insert(module, Rc::new(run));
    assert_eq!(w.get(beyond), Ok(0));
    w.set(edit, 1);
    w.log();
    states.take();
    assert_eq!(w.get(module), Ok(1));
    assert_eq!(states.take(), [[State::Clean; 2], [State::Pending; 2]]);
    assert_eq!(w.log(), [module]);
    assert_eq!(w.get(beyond), Ok(0));
    assert_eq!(w.log(), [], "no output changed");
    assert_eq!(w.state(beyond), State::Clean);
}

#[test]
fn a_read_since_a_run_began_is_known_whoever_made_it() {
    let w = World::default();
    let (before, inside, never) = (w.source(1), w.source(2), w.source(3));
    let other = w.sum(&[inside]);
    let first = w.sum(&[before]);
    let answers = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&answers);
    let outer = w.memo(false, move |w, me| {
        let ask = || [before, inside, never].map(|s| w.graph(|g| g.is_read_since(s, me)));
        seen.borrow_mut().push(ask());
        let value = w.read(me, other);
        seen.borrow_mut().push(ask());
        value
    });
    assert_eq!(w.get(first), Ok(1));
    assert_eq!(w.get(outer), Ok(2));
    assert_eq!(answers.take(), [[false; 3], [false, true, false]]);
    assert!(
        !w.graph(|g| g.is_read_since(inside, outer)),
        "it does not run any more"
    );
}

#[test]
fn the_graph_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Graph>();
}
