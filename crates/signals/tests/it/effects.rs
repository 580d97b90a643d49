//! Behaviours 35 to 52: order, nesting, cleanups and disposal of effects.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hmr_signals::{Effect, Runtime};

use crate::{Log, check};

#[test]
fn an_effect_runs_once_when_made_and_once_per_flush_that_changed_what_it_read() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (a, b) = (rt.signal(1), rt.signal(1));
    rt.effect({
        let log = log.clone();
        move || log.add(a.get() + b.get())
    });
    rt.batch(|| {
        a.set(2);
        b.set(2);
        a.set(3);
    });
    assert_eq!(log.take(), "2 5");
}

#[test]
fn effects_on_one_signal_run_in_creation_order_and_outer_before_inner() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(1));
    rt.effect({
        let log = log.clone();
        move || {
            let to = log.clone();
            cx.effect(move || to.add(format!("inner{}", s.get())));
            log.add(format!("outer{}", s.get()));
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("second{}", s.get()))
    });
    assert_eq!(log.take(), "inner1 outer1 second1");
    s.set(2);
    assert_eq!(
        log.take(),
        "inner2 outer2 second2",
        "the outer one reran and made a new inner one"
    );
    check(&rt);
}

#[test]
fn an_outer_rerun_disposes_inner_effects_first() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, a, b) = (rt.cx(), rt.signal(0), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            a.get();
            let to = log.clone();
            cx.effect(move || {
                b.get();
                to.add("inner");
            });
        }
    });
    let nodes = rt.node_count();
    (1..=5).for_each(|i| a.set(i));
    log.take();
    b.set(1);
    assert_eq!(
        (log.take().as_str(), rt.node_count()),
        ("inner", nodes),
        "one is alive"
    );
}

#[test]
fn disposing_the_outermost_of_three_levels_cleans_inner_before_outer_and_newest_first() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(0));
    let outer = rt.effect({
        let log = log.clone();
        move || {
            s.get();
            for name in ["x", "y"] {
                let log = log.clone();
                cx.effect(move || {
                    s.get();
                    let (to, deep) = (log.clone(), log.clone());
                    cx.on_cleanup(move || to.add(format!("{name}1")));
                    let to = log.clone();
                    cx.on_cleanup(move || to.add(format!("{name}2")));
                    cx.effect(move || {
                        s.get();
                        let to = deep.clone();
                        cx.on_cleanup(move || to.add(format!("{name}.deep")));
                    });
                });
            }
            let to = log.clone();
            cx.on_cleanup(move || to.add("outer"));
        }
    });
    outer.dispose();
    assert_eq!(log.take(), "y.deep y2 y1 x.deep x2 x1 outer");
    s.set(1);
    assert_eq!(log.take(), "");
    assert!(!outer.is_alive());
    check(&rt);
}

#[test]
fn an_inner_effect_does_not_run_before_an_owner_that_is_due() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(1));
    let even = rt.memo(move || s.get() % 2 == 0);
    rt.effect({
        let log = log.clone();
        move || {
            let captured = even.get();
            let to = log.clone();
            cx.effect(move || to.add(format!("{captured}:{}", s.get())));
        }
    });
    log.take();
    s.set(2);
    assert_eq!(log.take(), "true:2", "never false:2");
    s.set(4);
    assert_eq!(log.take(), "true:4");
}

#[test]
fn a_read_after_making_an_inner_effect_belongs_to_the_outer_one() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, a, b) = (rt.cx(), rt.signal(0), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            cx.effect(move || {
                a.get();
            });
            cx.memo(move || a.get()).get_untracked();
            b.get();
            log.add("outer");
        }
    });
    log.take();
    b.set(1);
    assert_eq!(log.take(), "outer");
    a.set(1);
    assert_eq!(log.take(), "");
}

#[test]
fn what_an_effect_made_goes_on_its_rerun_and_an_old_handle_says_so() {
    let rt = Runtime::new();
    let (cx, s) = (rt.cx(), rt.signal(1));
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keep = kept.clone();
    rt.effect(move || {
        let own = cx.signal(s.get() * 100);
        let memo = cx.memo(move || own.get() + 1);
        keep.borrow_mut().push((own, memo));
    });
    s.set(2);
    let (first, second) = (kept.borrow()[0], kept.borrow()[1]);
    assert!(first.0.try_get().is_err() && first.1.try_get().is_err());
    assert_eq!((second.0.get(), second.1.get()), (200, 201));
}

#[test]
fn a_cleanup_runs_before_each_rerun_and_once_on_disposal_untracked_with_fresh_values() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s, other) = (rt.cx(), rt.signal(1), rt.signal(1));
    let m = rt.memo(move || s.get() * 10);
    let effect = rt.effect({
        let log = log.clone();
        move || {
            log.add(format!("run{}", s.get()));
            let to = log.clone();
            cx.on_cleanup(move || to.add(format!("clean{},{}", m.get(), other.get())));
        }
    });
    s.set(2);
    other.set(5);
    effect.dispose();
    effect.dispose();
    assert_eq!(log.take(), "run1 clean20,1 run2 clean20,5");
}

#[test]
fn a_cleanup_that_writes_the_effects_own_source_does_not_loop() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            log.add(s.get());
            cx.on_cleanup(move || s.update(|v| *v += 1));
        }
    });
    s.set(10);
    assert_eq!(log.take(), "0 11", "the write belongs to the coming run");
    check(&rt);
}

#[test]
fn a_cleanup_that_disposes_its_own_effect_prevents_the_rerun() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(0));
    let me: Rc<Cell<Option<Effect>>> = Rc::default();
    let slot = me.clone();
    let effect = rt.effect({
        let log = log.clone();
        move || {
            log.add(s.get());
            let slot = slot.clone();
            cx.on_cleanup(move || slot.get().expect("set below").dispose());
        }
    });
    me.set(Some(effect));
    s.set(1);
    assert_eq!((log.take().as_str(), effect.is_alive()), ("0", false));
    check(&rt);
}

#[test]
fn an_effect_disposed_in_the_middle_of_its_run_finishes_it_and_tracks_nothing_more() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s, late) = (rt.cx(), rt.signal(0), rt.signal(0));
    let me: Rc<Cell<Option<Effect>>> = Rc::default();
    let slot = me.clone();
    let nodes = rt.node_count();
    let effect = rt.effect({
        let log = log.clone();
        move || {
            s.get();
            if let Some(effect) = slot.get() {
                effect.dispose();
                late.get();
                let to = log.clone();
                cx.on_cleanup(move || to.add("cleanup"));
                cx.signal(1);
            }
            log.add("end");
        }
    });
    me.set(Some(effect));
    log.take();
    s.set(1);
    assert_eq!(log.take(), "end cleanup");
    late.set(1);
    s.set(2);
    assert_eq!(
        (log.take().as_str(), rt.edge_count(), rt.node_count()),
        ("", 0, nodes)
    );
    check(&rt);
}

#[test]
fn an_effect_that_is_queued_and_disposed_does_not_run() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(0);
    let second: Rc<Cell<Option<Effect>>> = Rc::default();
    let slot = second.clone();
    rt.effect(move || {
        if s.get() == 1
            && let Some(effect) = slot.get()
        {
            effect.dispose();
        }
    });
    second.set(Some(rt.effect({
        let log = log.clone();
        move || log.add(s.get())
    })));
    s.set(1);
    assert_eq!(log.take(), "0");
}

#[test]
fn trigger_dispose_trigger_in_a_batch_runs_nothing() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (s, t) = (rt.signal(0), rt.trigger());
    let effect = rt.effect({
        let log = log.clone();
        move || {
            t.track();
            log.add(s.get());
        }
    });
    rt.batch(|| {
        s.set(1);
        effect.dispose();
        s.set(2);
        t.notify();
    });
    assert_eq!(log.take(), "0");
    check(&rt);
}

#[test]
fn the_owner_of_the_running_effect_can_be_disposed_from_inside_it() {
    let rt = Runtime::new();
    let (cx, s) = (rt.cx(), rt.signal(0));
    let scope = rt.scope();
    let nodes = rt.node_count();
    scope.run(|| {
        let text = String::from("captured");
        cx.effect(move || {
            if s.get() == 1 {
                scope.dispose();
                assert_eq!(text, "captured", "the closure lives until it returns");
            }
        });
    });
    s.set(1);
    assert_eq!((rt.node_count(), rt.edge_count()), (nodes - 1, 0));
    check(&rt);
}

#[test]
fn a_memo_can_be_disposed_while_it_is_computed() {
    let rt = Runtime::new();
    let me: Rc<Cell<Option<hmr_signals::Memo<i32>>>> = Rc::default();
    let (slot, text) = (me.clone(), String::from("captured"));
    let m = rt.memo(move || {
        slot.get().expect("set below").dispose();
        i32::try_from(text.len()).expect("short")
    });
    me.set(Some(m));
    assert!(m.try_get().is_err());
    check(&rt);
}

#[test]
fn a_memo_that_disposes_an_effect_listening_to_it_still_notifies_the_siblings() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(0);
    let victim: Rc<Cell<Option<Effect>>> = Rc::default();
    let slot = victim.clone();
    let m = rt.memo(move || {
        if s.get() == 1
            && let Some(effect) = slot.get()
        {
            effect.dispose();
        }
        s.get()
    });
    let listen = |name: &'static str| {
        let log = log.clone();
        rt.effect(move || log.add(format!("{name}{}", m.get())))
    };
    listen("a");
    victim.set(Some(listen("b")));
    listen("c");
    log.take();
    s.set(1);
    assert_eq!(log.take(), "a1 c1");
    check(&rt);
}

#[test]
fn an_effect_made_in_a_cleanup_or_a_flush_runs_and_has_the_right_owner() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s, t) = (rt.cx(), rt.signal(0), rt.signal(0));
    let scope = rt.scope();
    let inner = log.clone();
    let effect = scope.run(|| {
        cx.effect(move || {
            s.get();
            let to = inner.clone();
            cx.on_cleanup(move || {
                let to = to.clone();
                cx.effect(move || to.add(format!("made{}", t.get())));
            });
        })
    });
    effect.dispose();
    assert_eq!(log.take(), "made0");
    t.set(1);
    assert_eq!(
        log.take(),
        "made1",
        "it belongs to the scope, which is alive"
    );
    scope.dispose();
    t.set(2);
    assert_eq!(log.take(), "");
    check(&rt);
}

#[test]
fn an_effect_made_in_a_memo_belongs_to_it_and_first_runs_after_it() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s, t) = (rt.cx(), rt.signal(1), rt.signal(0));
    let m = rt.memo({
        let log = log.clone();
        move || {
            let (to, value) = (log.clone(), s.get());
            cx.effect(move || to.add(format!("{value}:{}", t.get())));
            log.add("computed");
            value
        }
    });
    assert_eq!((m.get(), log.take().as_str()), (1, "computed 1:0"));
    s.set(2);
    assert_eq!(m.get(), 2);
    t.set(1);
    assert_eq!(
        log.take(),
        "computed 2:0 2:1",
        "the one of the first run has gone"
    );
    check(&rt);
}

#[test]
fn watch_sees_new_and_old_and_tracks_only_its_source() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (s, other) = (rt.signal(1), rt.signal(0));
    rt.watch(move || s.get(), {
        let log = log.clone();
        move |new, old| log.add(format!("{old}->{new}/{}", other.get()))
    });
    s.set(2);
    other.set(9);
    s.set(3);
    assert_eq!(log.take(), "1->2/0 2->3/9");
}
