//! Random programs against a model that recomputes everything.
//!
//! A program builds a graph whose memos choose what they read by what they have read, then writes,
//! batches, disposes and makes things panic. After each step every value equals the model's, every
//! effect has run exactly if what it sees changed, and the consistency checker passes.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hmr_signals::{Effect, Memo, Runtime, Signal};
use proptest::prelude::*;

/// What a memo does: sums some of its candidates; which ones depends on the first. It panics if
/// the first is 13.
#[derive(Clone, Debug)]
struct Node {
    candidates: Vec<usize>,
    switch: i64,
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, i64),
    Batch(Vec<(usize, i64)>, Option<usize>),
    Read(usize),
    DropEffect(usize),
    Rebuild(usize),
}

fn evaluate(node: &Node, read: &mut dyn FnMut(usize) -> Option<i64>) -> Option<i64> {
    let (first, rest) = node.candidates.split_first()?;
    let mut sum = read(*first)?;
    if sum == 13 {
        return None;
    }
    for (i, candidate) in rest.iter().enumerate() {
        if (sum + node.switch + i64::try_from(i).ok()?) % 3 != 0 {
            sum += read(*candidate)?;
        }
    }
    Some(sum % 20)
}

/// The value of every node from scratch; `None` where the memo panics.
fn model(sources: &[i64], nodes: &[Node]) -> Vec<Option<i64>> {
    let mut all: Vec<Option<i64>> = sources.iter().map(|v| Some(*v)).collect();
    for node in nodes {
        let value = evaluate(node, &mut |i| all[i]);
        all.push(value);
    }
    all
}

#[derive(Clone, Copy)]
enum Handle {
    Signal(Signal<i64>),
    Memo(Memo<i64>),
}

impl Handle {
    fn get(self) -> i64 {
        match self {
            Handle::Signal(s) => s.get(),
            Handle::Memo(m) => m.get(),
        }
    }
}

/// How often an effect ran, and what it saw last.
type Seen = Rc<Cell<(u32, Option<i64>)>>;

struct World {
    rt: Runtime,
    all: Vec<Handle>,
    runs: Rc<RefCell<Vec<u32>>>,
    seen: Vec<Seen>,
    effects: Vec<Effect>,
}

fn build(sources: &[i64], nodes: &[Node], watched: &[usize]) -> World {
    let rt = Runtime::new();
    let mut all: Vec<Handle> = sources
        .iter()
        .map(|v| Handle::Signal(rt.signal(*v)))
        .collect();
    let runs = Rc::new(RefCell::new(vec![0; sources.len() + nodes.len()]));
    for node in nodes {
        let (below, node, runs, me) = (all.clone(), node.clone(), runs.clone(), all.len());
        all.push(Handle::Memo(rt.memo(move || {
            runs.borrow_mut()[me] += 1;
            evaluate(&node, &mut |i| Some(below[i].get())).expect("thirteen")
        })));
    }
    let mut world = World {
        rt,
        all,
        runs,
        seen: Vec::new(),
        effects: Vec::new(),
    };
    for index in watched {
        watch(&mut world, *index);
    }
    world
}

fn watch(world: &mut World, index: usize) {
    let (handle, seen) = (world.all[index], Rc::new(Cell::new((0, None))));
    world.seen.push(seen.clone());
    world.effects.push(world.rt.effect(move || {
        let value = match handle {
            Handle::Signal(s) => s.try_get(),
            Handle::Memo(m) => m.try_get(),
        };
        let runs = seen.get().0;
        seen.set((runs + 1, value.clone().ok()));
        assert!(runs == 0 || value.is_ok(), "thirteen");
    }));
}

fn quietly<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}

fn check(sources: Vec<i64>, nodes: Vec<Node>, watched: &[usize], steps: Vec<Step>) {
    let (mut sources, count) = (sources.clone(), sources.len());
    let mut world = build(&sources, &nodes, watched);
    let mut watched: Vec<usize> = Vec::from(watched);
    for step in steps {
        let before = model(&sources, &nodes);
        let runs_of = |w: &World| w.seen.iter().map(|s| s.get().0).collect::<Vec<_>>();
        let (ran_before, memo_runs) = (runs_of(&world), world.runs.borrow().clone());
        let mut read_inside = false;
        match step {
            Step::Write(at, value) => {
                let at = at % count;
                sources[at] = value;
                let Handle::Signal(s) = world.all[at] else {
                    unreachable!()
                };
                quietly(|| s.set(value));
            }
            Step::Batch(writes, read) => {
                read_inside = read.is_some();
                quietly(|| {
                    world.rt.batch(|| {
                        for (at, value) in &writes {
                            let at = at % count;
                            sources[at] = *value;
                            let Handle::Signal(s) = world.all[at] else {
                                unreachable!()
                            };
                            s.set(*value);
                        }
                        if let Some(at) = read {
                            let at = at % world.all.len();
                            let now = model(&sources, &nodes);
                            assert_eq!(quietly(|| world.all[at].get()), now[at], "inside a batch");
                        }
                    });
                });
            }
            Step::Read(at) => {
                let at = at % world.all.len();
                assert_eq!(quietly(|| world.all[at].get()), before[at]);
            }
            Step::DropEffect(at) if !world.effects.is_empty() => {
                let at = at % world.effects.len();
                world.effects.remove(at).dispose();
                world.seen.remove(at);
                watched.remove(at);
                continue;
            }
            Step::Rebuild(at) => {
                let at = at % world.all.len();
                watch(&mut world, at);
                watched.push(at);
                world.rt.check().expect("consistent after a new effect");
                continue;
            }
            Step::DropEffect(_) => {}
        }
        world.rt.check().expect("consistent");
        let after = model(&sources, &nodes);
        for (i, at) in watched.iter().enumerate() {
            let (count, value) = world.seen[i].get();
            assert_eq!(value, after[*at], "an effect saw the final value of {at}");
            // A memo that fails again counts as changed: its panics cannot be compared.
            if !read_inside && (before[*at].is_some() || after[*at].is_some()) {
                let due = u32::from(before[*at] != after[*at]);
                assert_eq!(count - ran_before[i], due, "runs of the effect on {at}");
            }
        }
        if !read_inside {
            for (now, then) in world.runs.borrow().iter().zip(&memo_runs) {
                assert!(now - then <= 1, "no memo runs twice in a flush");
            }
        }
    }
    let last = model(&sources, &nodes);
    for (handle, value) in world.all.iter().zip(last) {
        assert_eq!(quietly(|| handle.get()), value, "at the end");
    }
    world.rt.check().expect("consistent at the end");
}

fn programs() -> impl Strategy<Value = (Vec<i64>, Vec<Node>, Vec<usize>, Vec<Step>)> {
    let sources = prop::collection::vec(0_i64..16, 1..5);
    let nodes = prop::collection::vec((prop::collection::vec(any::<u16>(), 1..5), 0_i64..3), 1..14);
    let step = prop_oneof![
        6 => (any::<usize>(), 0_i64..16).prop_map(|(at, v)| Step::Write(at, v)),
        3 => (prop::collection::vec((any::<usize>(), 0_i64..16), 0..4), any::<Option<usize>>())
            .prop_map(|(writes, read)| Step::Batch(writes, read)),
        2 => any::<usize>().prop_map(Step::Read),
        1 => any::<usize>().prop_map(Step::DropEffect),
        1 => any::<usize>().prop_map(Step::Rebuild),
    ];
    let steps = prop::collection::vec(step, 1..14);
    (
        sources,
        nodes,
        prop::collection::vec(any::<u16>(), 0..5),
        steps,
    )
        .prop_map(|(sources, raw, watched, steps)| {
            let mut nodes = Vec::new();
            for (candidates, switch) in raw {
                let below = sources.len() + nodes.len();
                let candidates = candidates.iter().map(|c| usize::from(*c) % below).collect();
                nodes.push(Node { candidates, switch });
            }
            let all = sources.len() + nodes.len();
            let watched = watched.iter().map(|w| usize::from(*w) % all).collect();
            (sources, nodes, watched, steps)
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 5 } else { 10_000 },
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn ten_thousand_random_graphs_equal_a_full_recompute((sources, nodes, watched, steps) in programs()) {
        std::panic::set_hook(Box::new(|info| {
            // Panics of the programs are part of the game; those of the test are not.
            if !info.payload_as_str().is_some_and(|text| text.contains("thirteen")) {
                let mut err = std::io::stderr().lock();
                let _ = std::io::Write::write_fmt(&mut err, format_args!("{info}\n"));
            }
        }));
        check(sources, nodes, &watched, steps);
    }
}
