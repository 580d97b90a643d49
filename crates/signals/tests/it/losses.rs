//! What a panic beside a closure, in a cleanup, `Drop`, an observer or a task, must not lose.

use super::*;
use hmr_signals::*;
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn a_cycle_that_was_caught_is_not_blamed_for_another_panic() {
    let rt = Runtime::new();
    let slot: Rc<Cell<Option<Memo<i32>>>> = Rc::default();
    let s2 = slot.clone();
    let a = rt.memo(move || s2.get().unwrap().try_get().unwrap_or(7));
    slot.set(Some(a));
    assert_eq!(a.get(), 7);
    let runs = Rc::new(Cell::new(0));
    let r = runs.clone();
    let b = rt.memo(move || -> i32 {
        r.set(r.get() + 1);
        panic!("boom")
    });
    assert!(quiet(|| b.get()).is_err());
    let e = b.try_get();
    assert_eq!(runs.get(), 1, "{e:?}");
    assert!(matches!(e, Err(Error::Panicked { .. })), "{e:?}");
}

#[test]
fn a_panic_in_a_cleanup_of_a_memo_loses_no_effect() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(0);
    let log = Log::default();
    let l = log.clone();
    let armed = Rc::new(Cell::new(true));
    let m = rt.memo(move || {
        let a = armed.clone();
        cx.on_cleanup(move || {
            assert!(!a.replace(false), "cleanup");
        });
        s.get()
    });
    rt.effect(move || l.add(m.get()));
    let r = quiet(|| s.set(1));
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "0 1");
}

#[derive(Clone)]
struct Bomb(i32, i32, Rc<Cell<i32>>);

impl PartialEq for Bomb {
    fn eq(&self, o: &Self) -> bool {
        self.0 == o.0
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.2.get() == self.1 {
            self.2.set(-1);
            panic!("drop")
        }
    }
}

#[test]
fn a_panic_in_the_drop_of_an_old_value_loses_no_effect() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let arm = Rc::new(Cell::new(-1));
    let log = Log::default();
    let l = log.clone();
    let a2 = arm.clone();
    let m = rt.memo(move || Bomb(s.get(), s.get(), a2.clone()));
    rt.effect(move || l.add(m.with(|b| b.0)));
    arm.set(0);
    let r = quiet(|| s.set(1));
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "0 1");
}

#[test]
fn a_panic_in_the_drop_of_an_equal_value_loses_no_effect() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let t = rt.signal(0);
    let arm = Rc::new(Cell::new(-1));
    let log = Log::default();
    let l = log.clone();
    let a2 = arm.clone();
    let m = rt.memo(move || Bomb(0, s.get(), a2.clone()));
    rt.effect(move || {
        let x = m.with(|b| b.0);
        l.add(format!("{x}{}", t.get()));
    });
    arm.set(1);
    let r = quiet(|| {
        rt.batch(|| {
            s.set(1);
            t.set(5);
        });
    });
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "00 05");
}

#[test]
fn a_panic_in_the_drop_of_what_a_memo_owns_loses_no_effect() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(0);
    let arm = Rc::new(Cell::new(-1));
    let log = Log::default();
    let l = log.clone();
    let a2 = arm.clone();
    let m = rt.memo(move || {
        cx.store(Bomb(0, s.get(), a2.clone()));
        s.get()
    });
    rt.effect(move || l.add(m.get()));
    arm.set(0);
    let r = quiet(|| s.set(1));
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "0 1");
}

#[test]
fn a_panic_in_the_drop_of_an_item_still_tells_of_the_change() {
    let rt = Runtime::new();
    let v = ReactiveVec::new(rt.cx());
    let arm = Rc::new(Cell::new(-1));
    v.push(Bomb(0, 0, arm.clone()));
    let log = Log::default();
    let l = log.clone();
    rt.effect(move || l.add(v.get(0).unwrap().0));
    arm.set(0);
    let a = arm.clone();
    assert!(quiet(|| v.set(0, Bomb(1, 1, a))).is_err());
    assert_eq!(v.get(0).unwrap().0, 1);
    assert_eq!(log.take(), "0 1");
}

#[test]
fn what_a_watcher_that_panicked_was_told_is_not_told_again() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    let log = Log::default();
    let l = log.clone();
    rt.watch(
        move || s.get(),
        move |n, o| {
            l.add(format!("{n}<{o}"));
            assert!(*n != 2, "x");
        },
    );
    let _ = quiet(|| s.set(2));
    s.set(1);
    assert_eq!(log.take(), "2<1 1<2");
}

#[test]
fn a_linked_memo_that_failed_gives_its_error_to_who_writes_it() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let l = rt.linked(move |_| if s.get() == 1 { panic!("x") } else { 5 });
    assert_eq!(l.get(), 5);
    s.set(1);
    let _ = quiet(|| l.get());
    assert!(matches!(l.try_set(9), Err(Error::Panicked { .. })));
    s.set(2);
    assert_eq!((l.try_set(9), l.get()), (Ok(()), 9));
}

#[test]
fn an_effect_stays_subscribed_to_a_memo_whose_cleanup_panics() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(0);
    let t = rt.signal(0);
    let log = Log::default();
    let l = log.clone();
    let m = rt.memo(move || {
        cx.on_cleanup(move || {
            assert!(s.get_untracked() != 1, "cleanup");
        });
        s.get()
    });
    rt.effect(move || {
        t.get();
        l.add(m.get());
    });
    let _ = quiet(|| {
        rt.batch(|| {
            t.set(1);
            s.set(1);
        });
    });
    rt.check().unwrap();
    s.set(2);
    s.set(3);
    assert!(log.take().ends_with("2 3"));
}

#[test]
fn an_observer_that_panics_beside_a_memo_does_not_abort() {
    if std::env::var("ABORT").is_err() {
        return;
    }
    let rt = Runtime::new();
    let m = rt.memo(|| -> i32 { panic!("memo") });
    rt.observe(|e| {
        if let TraceEvent::Ran { .. } = e {
            panic!("observer")
        }
    });
    let _ = quiet(|| m.get());
}

#[cfg(feature = "async")]
#[test]
fn an_answer_from_before_a_request_that_panicked_is_out_of_date() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let tasks: Rc<std::cell::RefCell<Vec<Task>>> = Rc::default();
    let t2 = tasks.clone();
    let r: Resource<i32> = rt.resource(
        move || {
            let v = s.get();
            assert!(v != 1, "request");
            async move { v }
        },
        move |t| t2.borrow_mut().push(t),
    );
    let _ = quiet(|| s.set(1));
    let mut t = tasks.borrow_mut().pop().unwrap();
    let w = std::task::Waker::noop();
    let _ = t.as_mut().poll(&mut std::task::Context::from_waker(w));
    assert_eq!(r.get(), None, "the answer for 0 although 1 is asked for");
}

#[test]
fn a_budget_error_loses_no_other_effect() {
    let rt = Runtime::new();
    rt.set_budget(50);
    let a = rt.signal(0);
    let b = rt.signal(0);
    let go = rt.signal(false);
    let log = Log::default();
    let l = log.clone();
    rt.effect(move || {
        if go.get() {
            a.set(b.get() + 1);
        }
    });
    rt.effect(move || {
        if go.get() {
            b.set(a.get() + 1);
        }
    });
    rt.effect(move || {
        go.get();
        l.add("other");
    });
    assert!(matches!(
        quiet(|| go.try_set(true)),
        Ok(Err(Error::Budget { .. }))
    ));
    rt.check().unwrap();
    assert_eq!(log.take(), "other other");
    go.set(false);
    rt.check().unwrap();
    let x = a.get();
    go.try_set(true).unwrap_err();
    assert!(a.get() > x);
}
