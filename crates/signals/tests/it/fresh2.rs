use super::*;
use hmr_signals::*;
use std::cell::Cell;
use std::rc::Rc;
fn quiet<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(f))
}

#[test]
fn n1_failures_up_a_chain_are_linear() {
    let rt = Runtime::new();
    let mut last = rt.memo(|| -> i32 { panic!("boom") });
    let mut longest = 0;
    for _ in 0..300 {
        let below = last;
        let _ = quiet(|| below.get());
        last = rt.memo(move || below.get());
        let Err(e) = last.try_get() else { panic!() };
        longest = longest.max(e.to_string().len());
    }
    assert!(longest < 2_000, "{longest} bytes of message at depth 300");
}
#[test]
fn n2_collection_errors_name_the_place_of_the_user() {
    let rt = Runtime::new();
    let map: ReactiveMap<i32, i32> = ReactiveMap::new(rt.cx());
    let m = rt.memo(move || map.try_insert(1, 1).map_err(|e| e.to_string()).err());
    let e = m.get().unwrap();
    assert!(!e.contains("src/collections"), "{e}");
    let v: ReactiveVec<i32> = ReactiveVec::new(rt.cx());
    let m = rt.memo(move || v.try_push(1).map_err(|e| e.to_string()).err());
    let e = m.get().unwrap();
    assert!(!e.contains("src/collections"), "{e}");
}
#[test]
fn n3_use_after_the_runtime_names_the_creation() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    drop(rt);
    let e = s.try_get().unwrap_err().to_string();
    assert!(e.contains("fresh2.rs"), "{e}");
}
#[test]
fn n4_an_old_cx_does_not_look_into_a_new_runtime() {
    let rt = Runtime::new();
    let old = rt.cx();
    drop(rt);
    let new = Runtime::new();
    let _s = new.signal(1).label("secret");
    assert_eq!(old.node_count(), 0);
    assert!(!old.dot().contains("secret"));
}
#[test]
fn n5_what_a_gone_scope_makes_belongs_to_the_root() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let scope = rt.scope();
    scope.dispose();
    let s = scope.run(|| cx.signal(1));
    let go = rt.signal(0);
    let me: Rc<Cell<Option<Effect>>> = Rc::default();
    let me2 = me.clone();
    let e = rt.effect(move || {
        if go.get() == 1 {
            me2.get().unwrap().dispose();
        }
    });
    me.set(Some(e));
    assert!(s.is_alive());
    go.set(1);
    assert!(
        s.is_alive(),
        "an unrelated effect that disposed itself took it along"
    );
}
#[test]
fn n6_an_old_scope_does_nothing_to_a_new_runtime() {
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
fn n7_late_nodes_of_an_outer_run_outlive_an_inner_one() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let go = rt.signal(0);
    let me: Rc<Cell<Option<Effect>>> = Rc::default();
    let me2 = me.clone();
    let log = Log::default();
    let l = log.clone();
    let e = rt.effect(move || {
        if go.get() == 1 {
            me2.get().unwrap().dispose();
            let mine = cx.signal(5);
            let l2 = l.clone();
            cx.on_cleanup(move || l2.add("cleanup"));
            // another computation disposes itself in its run
            let inner: Rc<Cell<Option<Memo<i32>>>> = Rc::default();
            let i2 = inner.clone();
            inner.set(Some(cx.memo(move || {
                i2.get().unwrap().dispose();
                1
            })));
            let _ = inner.get().unwrap().try_get();
            l.add(format!("alive {}", mine.is_alive()));
        }
    });
    me.set(Some(e));
    go.set(1);
    assert_eq!(log.take(), "alive true cleanup");
}
#[test]
fn n8_mutate_panics_and_reader_in_batch() {
    let rt = Runtime::new();
    let s = rt.signal(vec![1]);
    let log = Log::default();
    let l = log.clone();
    rt.effect(move || l.add(s.with(|v| v.len())));
    let r = quiet(|| {
        rt.batch(|| {
            s.mutate(|v| {
                v.push(2);
                panic!("x")
            })
        })
    });
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "1 2");
}
#[test]
fn n9_dispose_owner_from_equality() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let scope = rt.scope();
    let sc = scope;
    let s = scope.run(|| {
        cx.signal_with(String::from("a"), move |_: &String, _: &String| {
            sc.dispose();
            false
        })
    });
    assert!(matches!(s.try_set("b".into()), Err(Error::Disposed { .. })));
    rt.check().unwrap();
    let scope = rt.scope();
    let sc = scope;
    let src = rt.signal(0);
    let m = scope.run(|| {
        cx.memo_with(
            move |_| src.get().to_string(),
            move |_: &String, _: &String| {
                sc.dispose();
                false
            },
        )
    });
    rt.effect(move || {
        let _ = m.try_with(|s| s.len());
    });
    src.set(1);
    rt.check().unwrap();
    let scope = rt.scope();
    let sc = scope;
    let s = scope.run(|| {
        cx.signal_with(String::from("a"), move |a: &String, b: &String| {
            if a == "a" && b == "c" {
                sc.dispose();
            }
            false
        })
    });
    rt.effect(move || {
        let _ = s.try_with(|s| s.len());
    });
    rt.batch(|| {
        s.set("b".into());
        s.set("c".into())
    });
    rt.check().unwrap();
}
#[test]
fn n10_runtime_dropped_inside_everything() {
    for place in 0..8 {
        let rt = Rc::new(RefCell::new(Some(Runtime::new())));
        let cx = rt.borrow().as_ref().unwrap().cx();
        let r2 = rt.clone();
        let kill = move || drop(r2.borrow_mut().take());
        let live = Rc::new(());
        let l = live.clone();
        let s = cx.signal(0);
        let big = cx.signal_with(String::from("x"), Never);
        let _ = quiet(|| match place {
            0 => {
                cx.effect(move || {
                    let _l = &l;
                    if s.get() == 1 {
                        kill();
                        let _ = s.try_get();
                        let _ = big.try_set("a".into());
                        let _ = cx.try_signal(1);
                    }
                });
                s.set(1);
            }
            1 => {
                let m = cx.memo(move || {
                    let _l = &l;
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
            2 => {
                big.with(|t| {
                    kill();
                    assert_eq!(t, "x");
                });
            }
            3 => {
                big.mutate(|t| {
                    kill();
                    t.push('y');
                });
            }
            4 => {
                cx.on_cleanup(kill);
                drop(rt.borrow_mut().take());
            }
            5 => {
                cx.batch(|| {
                    s.set(5);
                    kill();
                    let _ = s.try_set(4);
                });
            }
            6 => {
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
        assert_eq!(Rc::strong_count(&live), 1, "place {place}: leak");
        let again = Runtime::new();
        let t = again.signal(1);
        let log = Log::default();
        let lg = log.clone();
        again.effect(move || lg.add(t.get()));
        t.set(2);
        assert_eq!(log.take(), "1 2", "place {place}");
        again.check().unwrap();
    }
}
#[test]
fn n11_deep_failing_chain_on_a_small_stack() {
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(|| {
            let rt = Runtime::new();
            let s = rt.signal(0);
            let mut last = rt.memo(move || {
                assert!(s.get() != 1, "bottom");
                s.get()
            });
            for _ in 0..20_000 {
                let b = last;
                last = rt.memo(move || b.get());
            }
            let log = Log::default();
            let l = log.clone();
            rt.effect(move || l.add(last.try_get().is_ok()));
            s.set(1);
            s.set(2);
            assert_eq!(log.take(), "true false true");
            rt.check().unwrap();
        })
        .unwrap()
        .join()
        .unwrap();
}
#[test]
fn n12_a_runtime_made_where_another_was_dropped_keeps_its_owner() {
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
fn n13_runs_of_a_gone_node_are_not_those_of_its_successor() {
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
