//! Behaviours 13 to 21: when a change is none.

use std::rc::Rc;

use hmr_signals::{ByBits, ByPointer, Never, Runtime, TraceEvent};

use crate::{Log, check, panic_of};

#[test]
fn a_write_of_the_same_value_does_not_even_check_anything() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let m = rt.memo(move || s.get());
    rt.effect(move || {
        m.get();
    });
    let events = log.clone();
    rt.observe(move |event| events.add(format!("{event:?}")));
    s.set(1);
    assert_eq!(log.take(), "");
}

#[test]
fn a_memo_that_computes_an_equal_value_stops_the_change() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let parity = rt.memo(move || s.get() % 2);
    let next = rt.memo({
        let log = log.clone();
        move || {
            log.add("next");
            parity.get() + 1
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("effect {}", next.get()))
    });
    assert_eq!(log.take(), "next effect 2");
    s.set(3);
    assert_eq!(log.take(), "");
    s.set(4);
    assert_eq!(log.take(), "next effect 1");
}

#[test]
fn a_common_child_runs_only_if_one_of_its_dependencies_really_changed() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let a = rt.memo(move || s.get() / 10);
    let b = rt.memo(move || s.get() / 100);
    rt.effect({
        let log = log.clone();
        move || log.add(a.get() + b.get())
    });
    log.take();
    s.set(5);
    assert_eq!(log.take(), "");
    s.set(15);
    assert_eq!(log.take(), "1");
}

#[test]
fn the_policy_is_chosen_per_node() {
    let (rt, log) = (Runtime::new(), Log::default());
    let never = rt.signal_with(1, Never);
    let near = rt.signal_with(1.0_f64, |a: &f64, b: &f64| (a - b).abs() < 0.5);
    let shared = rt.signal_with(Rc::new(1), ByPointer);
    let always = rt.memo_with(move |_| never.get().min(0), Never);
    rt.effect({
        let log = log.clone();
        move || log.add(format!("{} {} {}", always.get(), near.get(), shared.get()))
    });
    log.take();
    never.set(1);
    assert_eq!(log.take(), "0 1 1");
    near.set(1.2);
    assert_eq!(log.take(), "");
    near.set(2.0);
    assert_eq!(log.take(), "0 2 1");
    shared.set(shared.get());
    assert_eq!(log.take(), "");
    shared.set(Rc::new(1));
    assert_eq!(log.take(), "0 2 1");
}

#[test]
fn nan_always_counts_as_a_change_unless_compared_by_bits() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(f64::NAN);
    let bits = rt.signal_with(f64::NAN, ByBits);
    rt.effect({
        let log = log.clone();
        move || log.add(s.get())
    });
    rt.effect({
        let log = log.clone();
        move || log.add(bits.get())
    });
    log.take();
    s.set(f64::NAN);
    assert_eq!(log.take(), "NaN");
    bits.set(f64::NAN);
    assert_eq!(log.take(), "");
}

#[test]
fn an_equality_that_panics_leaves_the_old_value_and_a_consistent_graph() {
    let rt = Runtime::new();
    let touchy = |a: &i32, b: &i32| {
        assert!(*b != 13, "unlucky");
        a == b
    };
    let s = rt.signal_with(1, touchy);
    let m = rt.memo_with(move |_| s.get() + 10, touchy);
    assert_eq!(m.get(), 11);
    assert_eq!(panic_of(|| s.set(13)), "unlucky");
    assert_eq!((s.get(), m.get()), (1, 11));
    s.set(3);
    assert_eq!(panic_of(|| m.get()), "unlucky");
    check(&rt);
    s.set(4);
    assert_eq!(m.get(), 14);
    assert_eq!(
        panic_of(|| rt.batch(|| {
            s.set(5);
            s.set(13);
        })),
        "unlucky"
    );
    s.set(6);
    assert_eq!(m.get(), 16);
    check(&rt);
}

#[test]
fn a_write_that_is_taken_back_in_its_batch_runs_nothing_also_through_memos() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let a = rt.memo({
        let log = log.clone();
        move || {
            log.add("a");
            s.get()
        }
    });
    let b = rt.memo(move || a.get());
    rt.effect({
        let log = log.clone();
        move || log.add(format!("effect {}", b.get()))
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("direct {}", s.get()))
    });
    log.take();
    for _ in 0..10 {
        rt.batch(|| {
            s.set(2);
            s.set(1);
        });
        assert_eq!(log.take(), "");
    }
    s.set(3);
    assert_eq!(log.take(), "a effect 3 direct 3");
    check(&rt);
}

#[test]
fn a_memo_read_between_a_write_and_its_revert_commits_the_write() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let m = rt.memo(move || s.get());
    rt.effect({
        let log = log.clone();
        move || log.add(m.get())
    });
    log.take();
    rt.batch(|| {
        s.set(2);
        assert_eq!(m.get(), 2);
        s.set(1);
    });
    assert_eq!(
        log.take(),
        "1",
        "it runs once although its value is what it was"
    );
    rt.batch(|| s.set(1));
    assert_eq!(log.take(), "");
    s.set(4);
    assert_eq!(log.take(), "4");
}

#[test]
fn update_compares_with_a_clone_and_mutate_always_notifies() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(vec![1]);
    rt.effect({
        let log = log.clone();
        move || log.add(s.with(Vec::len))
    });
    log.take();
    s.update(|v| v.truncate(5));
    assert_eq!(log.take(), "");
    s.update(|v| v.push(2));
    assert_eq!(log.take(), "2");
    s.mutate(|v| v.truncate(5));
    assert_eq!(log.take(), "2");
    assert_eq!(s.try_mutate_if(|v| v.is_empty()), Ok(()));
    assert_eq!(log.take(), "");
    assert_eq!(
        panic_of(|| s.mutate(|v| {
            v.push(3);
            panic!("half way")
        })),
        "half way"
    );
    assert_eq!(log.take(), "3", "what was changed is told");
    check(&rt);
}

#[test]
fn a_fallible_memo_cuts_on_an_equal_error() {
    let (rt, log) = (Runtime::new(), Log::default());
    let text = rt.signal("x");
    let number = rt.memo(move || text.get().parse::<i32>().map_err(|_| "no number"));
    rt.effect({
        let log = log.clone();
        move || log.add(format!("{:?}", number.get()))
    });
    text.set("y");
    text.set("7");
    assert_eq!(log.take(), "Err(\"no number\") Ok(7)");
}

#[test]
fn events_tell_runs_cuts_and_causes() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1).label("s");
    let m = rt.memo(move || s.get() % 2).label("m");
    let e = rt.effect(move || {
        m.get();
    });
    let (events, names) = (
        log.clone(),
        [(s.node(), "s"), (m.node(), "m"), (e.node(), "e")],
    );
    rt.observe(move |event| {
        let name = |id| names.iter().find(|n| n.0 == id).map_or("?", |n| n.1);
        events.add(match event {
            TraceEvent::Run { node, cause } => {
                format!("run:{}<-{}", name(*node), cause.map_or("?", name))
            }
            TraceEvent::Ran { node, changed } => format!("ran:{}:{changed}", name(*node)),
            TraceEvent::Cut { node } => format!("cut:{}", name(*node)),
            other => format!("{other:?}"),
        });
    });
    s.set(3);
    assert_eq!(log.take(), "run:m<-s ran:m:false cut:e");
    s.set(4);
    assert_eq!(log.take(), "run:m<-s ran:m:true run:e<-m ran:e:true");
    assert_eq!(rt.why(e.node()), [e.node(), m.node(), s.node()]);
    assert!(rt.explain(e.node()).contains("<- m created at"));
    assert_eq!((rt.runs(m.node()), rt.runs(e.node())), (2, 1));
    assert!(rt.dot().contains("m Clean runs=2") && rt.dot() == rt.dot());
    assert!(
        rt.json()
            .contains("\"name\":\"m\",\"state\":\"Clean\",\"failed\":false,\"runs\":2")
    );
}
