//! Behaviours 67 to 69: reads that leave no edge.

use hmr_signals::Runtime;

use crate::{Log, check, panic_of};

#[test]
fn an_untracked_read_makes_no_edge_and_is_fresh_also_through_a_memo() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, a, b) = (rt.cx(), rt.signal(1), rt.signal(1));
    let m = rt.memo(move || b.get() * 10);
    rt.effect({
        let log = log.clone();
        move || log.add(a.get() + cx.untrack(|| m.get()) + b.get_untracked())
    });
    let derived = rt.memo(move || cx.untrack(|| b.get()));
    derived.get();
    assert!(rt.dependencies(derived.node()).is_empty());
    b.set(2);
    a.set(2);
    assert_eq!(log.take(), "12 24");
}

#[test]
fn an_effect_made_untracked_tracks_its_own_reads_and_keeps_its_owner() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, a, b) = (rt.cx(), rt.signal(0), rt.signal(0));
    let outer = rt.effect({
        let log = log.clone();
        move || {
            a.get();
            cx.untrack(|| {
                let to = log.clone();
                cx.effect(move || to.add(b.get()));
            });
        }
    });
    b.set(1);
    assert_eq!(log.take(), "0 1");
    outer.dispose();
    b.set(2);
    assert_eq!(log.take(), "");
}

#[test]
fn untrack_restores_tracking_when_it_unwinds() {
    let rt = Runtime::new();
    let (cx, a) = (rt.cx(), rt.signal(0));
    let m = rt.memo(move || {
        panic_of(|| cx.untrack(|| panic!("inside")));
        a.get()
    });
    m.get();
    a.set(1);
    assert_eq!(m.get(), 1);
    check(&rt);
}
