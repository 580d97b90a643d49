//! Behaviours 22 to 29: dependencies that change from run to run.

use hmr_signals::Runtime;

use crate::{Log, check};

#[test]
fn after_a_branch_switch_the_dropped_source_is_silent_and_the_new_one_speaks() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (on, a, b) = (rt.signal(true), rt.signal(1), rt.signal(2));
    rt.effect({
        let log = log.clone();
        move || log.add(if on.get() { a.get() } else { b.get() })
    });
    b.set(20);
    on.set(false);
    a.set(10);
    b.set(21);
    assert_eq!(log.take(), "1 20 21");
    a.set(11);
    on.set(true);
    assert_eq!(
        log.take(),
        "11",
        "written while it was not read, seen fresh"
    );
    check(&rt);
}

#[test]
fn a_memo_in_a_branch_that_is_dropped_in_the_same_batch_is_not_computed() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (on, s) = (rt.signal(true), rt.signal(1));
    let m = rt.memo({
        let log = log.clone();
        move || {
            log.add("m");
            s.get()
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(if on.get() { m.get() } else { 0 })
    });
    log.take();
    rt.batch(|| {
        s.set(2);
        on.set(false);
    });
    assert_eq!(log.take(), "0");
}

#[test]
fn a_million_branch_switches_leave_nothing_behind() {
    let rt = Runtime::new();
    let (way, a, b, c) = (rt.signal(0_usize), rt.signal(1), rt.signal(2), rt.signal(3));
    let m = rt.memo(move || match way.get() % 3 {
        0 => a.get() + b.get(),
        1 => b.get() * 10 + a.get(),
        _ => c.get() + a.get(),
    });
    rt.effect(move || {
        m.get();
    });
    let rounds = if cfg!(miri) { 100 } else { 1_000_000 };
    let mut slots = 0;
    for i in 1..=rounds {
        way.set(i);
        assert_eq!(m.get(), [3, 21, 4][i % 3]);
        if i == 10 {
            slots = rt.slot_count();
        }
    }
    assert_eq!((rt.edge_count(), rt.slot_count()), (4, slots));
    check(&rt);
}

#[test]
fn a_memo_whose_last_reader_left_is_not_run_but_still_right() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (on, s) = (rt.signal(true), rt.signal(1));
    let m = rt.memo({
        let log = log.clone();
        move || {
            log.add("m");
            s.get()
        }
    });
    rt.effect(move || {
        if on.get() {
            m.get();
        }
    });
    on.set(false);
    log.take();
    s.set(2);
    s.set(3);
    assert_eq!(log.take(), "");
    assert_eq!(m.get(), 3);
    assert_eq!(log.take(), "m");
}

#[test]
fn a_memo_that_reads_nothing_runs_once_for_ever() {
    let (rt, log) = (Runtime::new(), Log::default());
    let m = rt.memo({
        let log = log.clone();
        move || log.add("m")
    });
    m.get();
    rt.signal(1).set(2);
    m.get();
    assert_eq!(log.take(), "m");
}

#[test]
fn a_source_written_before_its_first_read_in_a_run_does_not_cause_another_run() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (go, s) = (rt.signal(0), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            s.set(go.get() * 10);
            log.add(s.get());
        }
    });
    go.set(1);
    go.set(2);
    assert_eq!(
        log.take(),
        "0 10 20",
        "each value once: the read saw the write"
    );
    s.set(5);
    assert_eq!(log.take(), "20", "and it was tracked");
    check(&rt);
}

#[test]
fn a_read_belongs_to_the_innermost_computation_only() {
    let rt = Runtime::new();
    let (a, b) = (rt.signal(1), rt.signal(2));
    let helper = move || b.get();
    let inner = rt.memo(move || a.get() + helper());
    let outer = rt.memo(move || inner.get());
    assert_eq!(outer.get(), 3);
    assert_eq!(rt.dependencies(outer.node()), [inner.node()]);
    assert_eq!(rt.dependencies(inner.node()), [a.node(), b.node()]);
}
