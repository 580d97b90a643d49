//! Runtimes, scopes and nodes that have gone: their handles say so, and see nothing of who came after.

use std::cell::RefCell;
use std::rc::Rc;

use hmr_signals::{Error, Never, ReactiveMap, ReactiveSet, ReactiveVec, Runtime};

use crate::{Log, check, quiet};

#[test]
fn an_error_after_the_runtime_names_the_creation() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    drop(rt);
    let e = s.try_get().unwrap_err().to_string();
    assert!(e.contains("gone.rs"), "{e}");
}

#[test]
fn an_old_cx_does_not_look_into_a_new_runtime() {
    let rt = Runtime::new();
    let old = rt.cx();
    drop(rt);
    let new = Runtime::new();
    let _s = new.signal(1).label("secret");
    assert_eq!(old.node_count(), 0);
    assert!(!old.dot().contains("secret"));
}

#[test]
fn an_old_scope_does_nothing_to_a_new_runtime() {
    let rt = Runtime::new();
    let scope = rt.scope();
    drop(rt);
    let new = Runtime::new();
    let cx = new.cx();
    let log = Log::default();
    let l = log.clone();
    let s = new.signal(1);
    new.effect(move || {
        scope.run(|| s.get());
        l.add("run");
    });
    s.set(2);
    assert_eq!(
        log.take(),
        "run run",
        "a scope of another runtime switched tracking off"
    );
    let _ = cx;
}

#[test]
fn a_runtime_made_where_another_was_dropped_keeps_its_owner() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let new = cx.untrack(|| {
        drop(rt);
        Runtime::new()
    });
    let log = Log::default();
    let l = log.clone();
    let n = new.node_count();
    new.on_cleanup(move || l.add("cleanup"));
    new.provide_context(5_i32);
    assert_eq!(new.context::<i32>().as_deref(), Some(&5));
    assert_eq!(new.node_count(), n);
    drop(new);
    assert_eq!(log.take(), "cleanup");
}

#[test]
fn runs_of_a_gone_node_are_not_those_of_its_successor() {
    let rt = Runtime::new();
    rt.record(true);
    let m = rt.memo(|| 1);
    let old = m.node();
    m.dispose();
    let n = rt.memo(|| 2);
    n.get();
    assert_eq!(n.node().index(), old.index());
    assert_eq!(rt.runs(old), 0);
}

#[test]
fn a_runtime_may_be_dropped_inside_anything() {
    for place in [
        "an effect",
        "a memo",
        "with",
        "mutate",
        "a cleanup",
        "a batch",
        "an equality",
        "a scope",
    ] {
        let rt = Rc::new(RefCell::new(Some(Runtime::new())));
        let cx = rt.borrow().as_ref().unwrap().cx();
        let r2 = rt.clone();
        let kill = move || drop(r2.borrow_mut().take());
        let live = Rc::new(());
        let l = live.clone();
        let s = cx.signal(0);
        let big = cx.signal_with(String::from("x"), Never);
        let _ = quiet(|| match place {
            "an effect" => {
                cx.effect(move || {
                    let _ = &l;
                    if s.get() == 1 {
                        kill();
                        let _ = s.try_get();
                        let _ = big.try_set("a".into());
                        let _ = cx.try_signal(1);
                    }
                });
                s.set(1);
            }
            "a memo" => {
                let m = cx.memo(move || {
                    let _ = &l;
                    if s.get() == 1 {
                        kill();
                    }
                    1
                });
                cx.effect(move || {
                    let _ = m.try_get();
                });
                s.set(1);
            }
            "with" => {
                big.with(|t| {
                    kill();
                    assert_eq!(t, "x");
                });
            }
            "mutate" => {
                big.mutate(|t| {
                    kill();
                    t.push('y');
                });
            }
            "a cleanup" => {
                cx.on_cleanup(kill);
                drop(rt.borrow_mut().take());
            }
            "a batch" => {
                cx.batch(|| {
                    s.set(5);
                    kill();
                    let _ = s.try_set(4);
                });
            }
            "an equality" => {
                let q = cx.signal_with(0, move |_: &i32, _: &i32| {
                    kill();
                    false
                });
                let _ = q.try_set(1);
            }
            _ => {
                let sc = cx.scope();
                sc.run(|| {
                    kill();
                    let _ = cx.try_signal(1);
                });
            }
        });
        drop(rt);
        assert_eq!(Rc::strong_count(&live), 1, "{place}: a leak");
        let again = Runtime::new();
        let t = again.signal(1);
        let log = Log::default();
        let lg = log.clone();
        again.effect(move || lg.add(t.get()));
        t.set(2);
        assert_eq!(log.take(), "1 2", "{place}");
        check(&again);
    }
}

#[test]
fn a_runtime_dropped_by_its_own_effect_leaves_its_memory_to_the_next() {
    let mut generations = Vec::new();
    for _ in 0..3 {
        let rt = Rc::new(RefCell::new(Some(Runtime::new())));
        let cx = rt.borrow().as_ref().unwrap().cx();
        generations.push(cx.signal(0).node().generation());
        cx.effect(move || drop(rt.borrow_mut().take()));
    }
    assert!(
        generations.is_sorted_by(|one, next| one < next),
        "a slot that was used before has a higher generation: {generations:?}"
    );
}

#[test]
fn nothing_is_made_in_a_runtime_that_has_gone() {
    let rt = Runtime::new();
    let cx = rt.cx();
    drop(rt);
    let is_gone = |error: Option<Error>| matches!(error, Some(Error::Disposed { .. }));
    assert!(is_gone(ReactiveVec::<i32>::try_new(cx).err()));
    assert!(is_gone(ReactiveMap::<i32, i32>::try_new(cx).err()));
    assert!(is_gone(ReactiveSet::<i32>::try_new(cx).err()));
    assert!(is_gone(cx.try_selector(|| 1).err()));
    #[cfg(feature = "async")]
    {
        assert!(is_gone(cx.try_changes(|| 1).err()));
        assert!(is_gone(cx.try_until(|| true).err()));
        let resource = cx.try_resource(|| std::future::ready(1), drop);
        assert!(is_gone(resource.err()));
    }
}

#[test]
fn every_handle_can_be_printed() {
    let rt = Runtime::new();
    let signal = rt.signal(1);
    let (vec, map) = (
        ReactiveVec::<i32>::new(rt.cx()),
        ReactiveMap::<i32, i32>::new(rt.cx()),
    );
    let (root, first) = (rt.cx(), signal.node());
    assert_eq!(format!("{signal:?}"), format!("Signal({first:?})"));
    assert!(format!("{root:?}").starts_with("Cx("), "{root:?}");
    assert!(
        format!("{vec:?} {map:?}").starts_with("ReactiveVec("),
        "{vec:?} {map:?}"
    );
    drop(rt);
    assert_eq!(format!("{root:?}"), "Cx(0 nodes)");
}
