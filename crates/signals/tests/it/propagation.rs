//! Behaviours 1 to 12: what runs after a change, how often, in which order.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use hmr_signals::{Memo, Runtime};

use crate::{Log, check};

#[test]
fn a_diamond_runs_each_node_once_and_shows_no_mixture_of_old_and_new() {
    let (rt, log) = (Runtime::new(), Log::default());
    let a = rt.signal(1);
    let b = rt.memo({
        let log = log.clone();
        move || {
            log.add("b");
            a.get() * 2
        }
    });
    let c = rt.memo({
        let log = log.clone();
        move || {
            log.add("c");
            a.get() * 3
        }
    });
    let d = rt.memo({
        let log = log.clone();
        move || {
            log.add("d");
            (b.get(), c.get())
        }
    });
    rt.effect({
        let log = log.clone();
        move || {
            let (b, c) = d.get();
            assert_eq!(b * 3, c * 2, "a mixture");
            log.add(format!("effect({b},{c})"));
        }
    });
    assert_eq!(log.take(), "d b c effect(2,3)");
    a.set(2);
    assert_eq!(log.take(), "b d c effect(4,6)");
    check(&rt);
}

#[test]
fn a_jagged_diamond_with_a_tail_runs_in_dependency_order() {
    let (rt, log) = (Runtime::new(), Log::default());
    let a = rt.signal(1);
    let node = |name: &'static str, deps: Vec<Memo<i32>>| {
        let log = log.clone();
        rt.memo(move || {
            let sum = deps.iter().map(Memo::get).sum::<i32>() + 1;
            log.add(name);
            sum
        })
    };
    let root = rt.memo(move || a.get());
    let short = node("short", vec![root]);
    let (l1, tail);
    l1 = node("l1", vec![root]);
    let l2 = node("l2", vec![l1]);
    let l3 = node("l3", vec![l2]);
    let join = node("join", vec![short, l3]);
    tail = node("tail", vec![join]);
    rt.effect(move || {
        tail.get();
    });
    log.take();
    a.set(2);
    assert_eq!(log.take(), "short l1 l2 l3 join tail");
    check(&rt);
}

#[test]
fn a_ladder_of_60_rungs_costs_its_edges_and_not_its_paths() {
    let rt = Runtime::new();
    let runs = Rc::new(Cell::new(0_u32));
    let s = rt.signal(1_u64);
    let first = rt.memo(move || s.get());
    let mut rung = (first, first);
    for _ in 0..60 {
        let (l, r) = rung;
        let make = |runs: Rc<Cell<u32>>| {
            rt.memo(move || {
                runs.set(runs.get() + 1);
                l.get().wrapping_add(r.get())
            })
        };
        rung = (make(runs.clone()), make(runs.clone()));
    }
    let (l, r) = rung;
    rt.effect(move || {
        l.get();
        r.get();
    });
    runs.set(0);
    let begin = Instant::now();
    s.set(2);
    assert_eq!(runs.get(), 120);
    assert!(begin.elapsed().as_millis() < 50, "{:?}", begin.elapsed());
    check(&rt);
}

#[test]
fn the_sum_of_a_triangle_runs_once_per_write() {
    let rt = Runtime::new();
    let runs = Rc::new(Cell::new(0));
    let s = rt.signal(1);
    let mut all = vec![rt.memo(move || s.get())];
    for k in 1..10 {
        let below = all[k - 1];
        all.push(rt.memo(move || below.get() + 1));
    }
    let counter = runs.clone();
    let sum = rt.memo(move || {
        counter.set(counter.get() + 1);
        all.iter().map(Memo::get).sum::<i32>()
    });
    rt.effect(move || {
        sum.get();
    });
    s.set(5);
    assert_eq!((runs.get(), sum.get()), (2, 95));
}

#[test]
fn thirty_reads_of_one_source_are_one_edge_and_one_notification() {
    let rt = Runtime::new();
    let runs = Rc::new(Cell::new(0));
    let s = rt.signal(1);
    let counter = runs.clone();
    rt.effect(move || {
        counter.set(counter.get() + 1);
        (0..30).for_each(|_| {
            s.get();
        });
    });
    assert_eq!(rt.edge_count(), 1);
    s.set(2);
    assert_eq!((runs.get(), rt.edge_count()), (2, 1));
}

#[test]
fn repeated_reads_around_inner_computations_stay_one_edge() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let (x, y) = (rt.signal(1), rt.signal(2));
    rt.effect(move || {
        x.get();
        let inner = cx.memo(move || x.get() + y.get());
        inner.get();
        assert_eq!(x.get() + y.get() + x.get() + y.get(), inner.get() * 2);
    });
    assert_eq!(rt.edge_count(), 5, "outer: x, inner, y; inner: x, y");
    x.set(3);
    assert_eq!(rt.edge_count(), 5);
    check(&rt);
}

#[test]
fn a_back_edge_runs_the_reader_of_both_once() {
    let (rt, log) = (Runtime::new(), Log::default());
    let a = rt.signal(1);
    let b = rt.memo(move || a.get() + 1);
    let c = rt.memo({
        let log = log.clone();
        move || {
            log.add("c");
            a.get() + b.get()
        }
    });
    rt.effect(move || {
        c.get();
    });
    log.take();
    a.set(10);
    assert_eq!((log.take().as_str(), c.get()), ("c", 21));
}

#[test]
fn two_sources_written_in_a_batch_run_their_join_once() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (a, b) = (rt.signal(1), rt.signal(2));
    let x = rt.memo(move || a.get() + b.get());
    let y = rt.memo(move || b.get() - a.get());
    rt.effect({
        let log = log.clone();
        move || log.add(x.get() * y.get())
    });
    log.take();
    rt.batch(|| {
        a.set(3);
        b.set(7);
    });
    assert_eq!(log.take(), "40");
}

#[test]
fn a_fan_of_100_000_effects_runs_each_once_in_creation_order() {
    let rt = Runtime::new();
    let s = rt.signal(0_usize);
    let order = Rc::new(std::cell::RefCell::new(Vec::new()));
    for i in 0..100_000_usize {
        let order = order.clone();
        rt.effect(move || {
            s.get();
            order.borrow_mut().push(i);
        });
    }
    order.borrow_mut().clear();
    s.set(1);
    assert!(order.borrow().iter().copied().eq(0..100_000));
}

#[test]
fn a_reader_of_100_000_relinks_in_linear_time_without_new_edges() {
    let rt = Runtime::new();
    let all: Vec<_> = (0..100_000_u64).map(|i| rt.signal(i)).collect();
    let first = all[0];
    let sum = rt.memo(move || all.iter().map(|s| s.get()).sum::<u64>());
    let before = sum.get();
    let edges = rt.edge_count();
    let begin = Instant::now();
    for i in 1..=10 {
        first.set(i);
        assert_eq!(sum.get(), before + i);
    }
    assert_eq!((rt.edge_count(), edges), (100_000, 100_000));
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

#[test]
fn a_write_that_nobody_reads_runs_nothing_and_adds_nothing() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    let lonely = rt.memo(|| 1);
    let before = (rt.node_count(), rt.slot_count(), rt.edge_count());
    s.set(2);
    assert_eq!((rt.node_count(), rt.slot_count(), rt.edge_count()), before);
    assert_eq!(lonely.get(), 1);
}
