//! Behaviours 80 to 87 and 92 to 96: disposal, reuse, stale handles.

use std::cell::Cell;
use std::rc::Rc;

use hmr_signals::{Effect, Error, Memo, Runtime, Signal};

use crate::{Log, check, panic_of};

#[test]
fn disposing_a_scope_frees_all_it_owns_and_unlinks_readers_outside() {
    let rt = Runtime::new();
    let outside = rt.memo(|| 1);
    let (cx, scope) = (rt.cx(), rt.scope());
    let before = (rt.node_count(), rt.edge_count());
    let inside = scope.run(|| {
        let s = cx.signal(1);
        let m = cx.memo(move || s.get() + outside.get());
        cx.effect(move || {
            m.get();
        });
        m
    });
    let reader = rt.memo(move || inside.try_get().unwrap_or(-1));
    assert_eq!(reader.get(), 2);
    scope.dispose();
    assert_eq!(
        (rt.node_count(), rt.edge_count()),
        (before.0 - 1 + 1, before.1)
    );
    assert_eq!(reader.get(), 2, "readers keep what they made of it");
    check(&rt);
}

#[test]
fn a_million_nodes_made_and_disposed_reuse_one_slot() {
    let rt = Runtime::new();
    let first = rt.signal(0).node();
    let rounds = if cfg!(miri) { 100 } else { 1_000_000 };
    let slots = rt.slot_count();
    let mut last = first;
    for i in 0..rounds {
        let s = rt.signal(i);
        assert!(s.node() != last);
        last = s.node();
        s.dispose();
    }
    assert_eq!(rt.slot_count(), slots + 1);
    assert!(last.generation() >= rounds - 1);
}

#[test]
fn a_stale_handle_says_where_its_node_was_made_and_disposed() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    s.dispose();
    s.dispose();
    assert!(matches!(
        s.try_get(),
        Err(Error::Disposed {
            created: Some(_),
            disposed: Some(_)
        })
    ));
    let message = panic_of(|| s.get());
    assert_eq!(message.matches("ownership.rs").count(), 2, "{message}");
    let newer = rt.signal(2);
    assert_eq!(s.node().index(), newer.node().index(), "the slot is reused");
    assert!(s.try_get().is_err() && s.try_set(5).is_err());
    assert_eq!(newer.get(), 2);
}

#[test]
fn a_handle_of_another_runtime_is_never_taken_for_one_of_this() {
    let (one, two) = (Runtime::new(), Runtime::new());
    let (a, b) = (one.signal(1), two.signal(String::from("x")));
    // A handle knows its runtime: used in a computation of the other one it reads its own.
    let both = two.memo(move || format!("{}{}", a.get(), b.get()));
    assert_eq!(both.get(), "1x");
    assert!(a.node() == b.node(), "although the ids are the same");
    assert!(two.dependencies(both.node()) == [b.node()]);
}

#[test]
fn a_value_is_dropped_once_and_its_drop_may_read_and_write() {
    struct Noisy(Signal<i32>, i32);
    impl Drop for Noisy {
        fn drop(&mut self) {
            let seen = self.0.get_untracked();
            let _ = self.0.try_set(seen + self.1);
        }
    }
    let rt = Runtime::new();
    let (cx, total) = (rt.cx(), rt.signal(0));
    let s = rt.signal_with(Some(Noisy(total, 1)), hmr_signals::Never);
    s.set(None);
    assert_eq!(total.get(), 1);
    s.set(Some(Noisy(total, 10)));
    s.dispose();
    assert_eq!(total.get(), 11);
    let scope = rt.scope();
    let held = scope.run(|| cx.store(Noisy(total, 100)));
    held.with(|_| scope.dispose());
    assert_eq!(total.get(), 111, "dropped once, after the loan");
    let guard = Noisy(total, 1_000);
    let e = rt.effect(move || {
        let _ = &guard;
    });
    e.dispose();
    assert_eq!(total.get(), 1_111);
    check(&rt);
}

#[test]
fn a_big_value_is_lent_and_not_cloned_and_the_borrower_may_read_others() {
    #[derive(PartialEq)]
    struct NoClone(Vec<u8>);
    let rt = Runtime::new();
    let big = rt.signal(NoClone(vec![0; 1_000]));
    let other = rt.signal(1);
    let len = rt.memo(move || big.with(|v| v.0.len() + other.get()));
    assert_eq!(len.get(), 1_001);
    big.mutate(|v| v.0.push(1));
    assert_eq!(len.get(), 1_002);
}

#[test]
fn a_memo_does_not_keep_the_values_of_disposed_sources() {
    let rt = Runtime::new();
    let value = Rc::new(1);
    let s = rt.signal(value.clone());
    let m = rt.memo(move || *s.get());
    assert_eq!(m.get(), 1);
    s.dispose();
    assert_eq!(Rc::strong_count(&value), 1);
    assert_eq!(m.get(), 1);
}

#[test]
fn handles_that_outlive_their_runtime_are_errors_also_after_the_next_one() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(5);
    let cleaned = Rc::new(Cell::new(0));
    let counter = cleaned.clone();
    cx.on_cleanup(move || counter.set(counter.get() + 1));
    drop(rt);
    assert_eq!(cleaned.get(), 1);
    assert!(matches!(s.try_get(), Err(Error::Disposed { .. })));
    let next = Runtime::new();
    let t = next.signal(String::from("other type, same slot"));
    assert!(s.try_get().is_err() && s.try_set(1).is_err());
    assert!(panic_of(|| cx.signal(1)).contains("disposed"));
    assert!(
        cx.try_signal(1).is_err() && cx.try_memo(|| 1).is_err() && cx.try_effect(|| ()).is_err()
    );
    assert_eq!(t.get().len(), 21);
}

#[test]
fn a_runtime_may_be_dropped_by_its_own_effect() {
    let rt = Rc::new(Cell::new(Some(Runtime::new())));
    let cx = {
        let owned = rt.take().expect("just made");
        let cx = owned.cx();
        rt.set(Some(owned));
        cx
    };
    let s = cx.signal(0);
    let (slot, text) = (rt.clone(), String::from("captured"));
    cx.effect(move || {
        if s.get() == 1 {
            drop(slot.take());
            assert!(s.try_get().is_err());
            assert_eq!(text, "captured");
        }
    });
    s.set(1);
    assert!(s.try_get().is_err());
}

#[test]
fn a_hundred_thousand_nodes_may_be_made_inside_a_running_computation() {
    let rt = Runtime::new();
    let (cx, s) = (rt.cx(), rt.signal(1));
    let many = if cfg!(miri) { 1_000 } else { 100_000 };
    let m = rt.memo(move || {
        let made: Vec<_> = (0..many).map(|i| cx.signal(i)).collect();
        made.iter().map(Signal::get_untracked).max().unwrap_or(0) + s.get()
    });
    assert_eq!(m.get(), many);
    s.set(2);
    assert_eq!(m.get(), many + 1);
    check(&rt);
}

#[test]
fn the_same_program_runs_in_the_same_order_every_time() {
    let program = || {
        let (rt, log) = (Runtime::new(), Log::default());
        let all: Vec<_> = (0..20_usize).map(|i| rt.signal(i)).collect();
        for i in 0..20_usize {
            let (log, a, b) = (log.clone(), all[i], all[i * 7 % 20]);
            let m = rt.memo(move || a.get() + b.get());
            rt.effect(move || log.add(format!("{i}:{}", m.get())));
        }
        rt.batch(|| (0..20).rev().for_each(|i| all[i].set(100 + i)));
        (log.take(), rt.dot(), rt.json())
    };
    assert_eq!(program(), program());
}

#[test]
fn contexts_and_stored_values_belong_to_their_owner() {
    let rt = Runtime::new();
    let cx = rt.cx();
    rt.provide_context(1_i32);
    let scope = rt.scope();
    scope.run(|| {
        cx.provide_context(2_i32);
        cx.effect(move || assert_eq!(cx.context::<i32>().as_deref(), Some(&2)));
        assert_eq!(cx.context::<String>(), None);
    });
    assert_eq!(rt.context::<i32>().as_deref(), Some(&1));
    let stored = scope.run(|| cx.store(vec![1]));
    assert_eq!(stored.with(Vec::len), 1);
    scope.dispose();
    assert!(stored.try_with(Vec::len).is_err());
}

#[test]
fn what_a_gone_scope_makes_belongs_to_the_root() {
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
fn what_a_dying_run_makes_outlives_the_runs_inside_it() {
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
fn an_equality_may_dispose_the_owner_of_what_it_compares() {
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
    check(&rt);
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
        let _ = m.try_with(std::string::String::len);
    });
    src.set(1);
    check(&rt);
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
        let _ = s.try_with(std::string::String::len);
    });
    rt.batch(|| {
        s.set("b".into());
        s.set("c".into());
    });
    check(&rt);
}
