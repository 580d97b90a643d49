//! Behaviours 70 to 76: panics in user code lose nothing.

use std::cell::Cell;
use std::rc::Rc;

use hmr_signals::{Error, Runtime};

use crate::{Log, check, panic_of};

#[test]
fn a_memo_that_panics_in_its_first_run_tells_its_reader_and_recovers() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let m = rt.memo(move || 10 / s.get());
    assert!(panic_of(|| m.get()).contains("divide by zero"));
    check(&rt);
    s.set(2);
    assert_eq!(m.get(), 5);
}

#[test]
fn an_effect_that_depends_on_a_panicking_memo_runs_after_the_recovery() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let m = rt.memo(move || 10 / s.get());
    rt.effect({
        let log = log.clone();
        move || log.add(m.get())
    });
    panic_of(|| s.set(0));
    check(&rt);
    s.set(5);
    assert_eq!(log.take(), "10 2");
}

#[test]
fn a_panic_is_kept_and_every_reader_gets_it_without_a_new_run() {
    let rt = Runtime::new();
    let runs = Rc::new(Cell::new(0));
    let counter = runs.clone();
    let m = rt.memo(move || -> i32 {
        counter.set(counter.get() + 1);
        panic!("broken")
    });
    let m = m.label("culprit");
    let reader = rt.memo(move || m.get());
    assert_eq!(
        panic_of(|| m.get()),
        "broken",
        "the first reader gets the panic itself"
    );
    let again = panic_of(|| m.get());
    assert!(
        again.contains("culprit created at") && again.contains("broken"),
        "{again}"
    );
    assert!(panic_of(|| reader.get()).contains("broken"));
    assert!(matches!(m.try_get(), Err(Error::Panicked { .. })));
    assert_eq!(runs.get(), 1);
}

#[test]
fn one_panicking_effect_keeps_no_other_from_running() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (s, t) = (rt.signal(0), rt.signal(0));
    for i in 0..3 {
        let log = log.clone();
        rt.effect(move || {
            log.add(i);
            assert!(s.get() != 1 || i == 0, "effect {i}");
        });
    }
    rt.effect(move || {
        t.get();
    });
    log.take();
    assert_eq!(panic_of(|| s.set(1)), "effect 1", "the first panic of two");
    assert_eq!(log.take(), "0 1 2");
    check(&rt);
    t.set(1);
    assert_eq!(log.take(), "", "unrelated effects are left alone");
    s.set(2);
    assert_eq!(log.take(), "0 1 2");
}

#[test]
fn a_panic_leaves_no_state_of_the_runtime_behind() {
    let rt = Runtime::new();
    let (cx, s) = (rt.cx(), rt.signal(0));
    let deep = rt.memo(move || {
        let value = s.get();
        cx.untrack(|| assert!(s.get() != 1, "deep"));
        value
    });
    let middle = rt.memo(move || deep.get());
    rt.effect(move || {
        cx.batch(|| {
            middle.get();
        });
    });
    for _ in 0..3 {
        assert_eq!(panic_of(|| rt.batch(|| s.set(1))), "deep");
        check(&rt);
        let before = rt.edge_count();
        s.get();
        assert_eq!(rt.edge_count(), before, "nobody is observing");
        s.set(2);
        check(&rt);
        assert_eq!(middle.get(), 2);
        s.set(0);
    }
}

struct Bomb(Log, &'static str, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.add(self.1);
        assert!(!self.2, "dropping {}", self.1);
    }
}

#[test]
fn a_panic_in_drop_does_not_keep_the_rest_from_being_freed() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, scope) = (rt.cx(), rt.scope());
    let before = rt.node_count();
    scope.run(|| {
        cx.store(Bomb(log.clone(), "a", false));
        cx.store(Bomb(log.clone(), "b", true));
        cx.store(Bomb(log.clone(), "c", false));
        let bomb = Bomb(log.clone(), "closure", true);
        cx.effect(move || {
            let _ = &bomb;
        });
        cx.on_cleanup(|| panic!("cleanup"));
    });
    assert_eq!(panic_of(|| scope.dispose()), "dropping closure");
    assert_eq!(log.take(), "closure c b a");
    assert_eq!(rt.node_count(), before - 1);
    check(&rt);
}

#[test]
fn a_panic_in_the_drop_of_a_replaced_value_does_not_lose_the_effect() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal_with(Rc::new(Bomb(log.clone(), "old", true)), hmr_signals::Never);
    rt.effect({
        let log = log.clone();
        move || s.with(|bomb| log.add(format!("saw-{}", bomb.1)))
    });
    let next = Rc::new(Bomb(log.clone(), "new", false));
    assert_eq!(panic_of(|| s.set(next)), "dropping old");
    assert_eq!(log.take(), "saw-old old saw-new");
    check(&rt);
}

#[test]
fn a_panic_in_a_cleanup_does_not_lose_the_run() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, s) = (rt.cx(), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            log.add(s.get());
            if s.get() == 0 {
                cx.on_cleanup(|| panic!("cleanup"));
            }
        }
    });
    assert_eq!(panic_of(|| s.set(1)), "cleanup");
    assert_eq!(log.take(), "0 1");
    s.set(2);
    assert_eq!(log.take(), "2");
    check(&rt);
}
