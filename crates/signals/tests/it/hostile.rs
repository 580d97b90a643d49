//! User code that reads, writes or disposes where nobody expects it: in comparisons, `Drop`, observers
//! and tasks.

use super::*;
use hmr_signals::*;
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn a_commit_while_the_value_is_lent_leaves_the_signal_usable() {
    let rt = Runtime::new();
    let s = rt.signal(String::from("1"));
    let cx = rt.cx();
    rt.batch(|| {
        s.set("2".into());
        s.with(|_| {
            let m = cx.memo(move || s.get());
            assert_eq!(m.get(), "2");
        });
    });
    assert_eq!(s.try_get(), Ok("2".into()));
    assert_eq!(s.try_set("3".into()), Ok(()));
    rt.check().unwrap();
}

#[test]
fn so_it_does_with_a_plain_value() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    let cx = rt.cx();
    rt.batch(|| {
        s.set(2);
        s.with(|_| {
            let m = cx.memo(move || s.get());
            assert_eq!(m.get(), 2);
        });
    });
    assert_eq!(s.try_get(), Ok(2));
    assert_eq!(s.try_set(3), Ok(()));
}

/// A memo that makes an effect and then does something that ends a batch.
fn check_effects_of_a_memo_that(ends_a_batch: impl Fn(Cx) + 'static) {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, outer) = (rt.cx(), log.clone());
    let m = rt.memo(move || {
        let inner = outer.clone();
        cx.effect(move || inner.add("effect"));
        ends_a_batch(cx);
        outer.add("memo end");
        1
    });
    m.get();
    assert_eq!(log.take(), "memo end effect");
}

#[test]
fn effects_that_a_memo_makes_run_after_it_whatever_batches_and_disposals_it_has() {
    check_effects_of_a_memo_that(|cx| cx.batch(|| ()));
    check_effects_of_a_memo_that(|cx| cx.signal(1).dispose());
}

#[test]
fn an_effect_that_asks_a_selector_in_a_batch_records_its_other_reads() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let chosen = rt.signal(1);
    let sel = rt.selector(move || chosen.get());
    let other = rt.signal(0);
    let log = Log::default();
    let l = log.clone();
    rt.batch(|| {
        chosen.set(2);
        cx.effect(move || {
            let is = sel.is(&2);
            l.add(format!("{is}{}", other.get()));
        });
    });
    assert_eq!(log.take(), "true0");
    other.set(1);
    assert_eq!(log.take(), "true1");
    chosen.set(3);
    assert_eq!(log.take(), "false1");
}

#[test]
fn a_memo_that_asks_a_selector_in_a_batch_records_its_other_reads() {
    let rt = Runtime::new();
    let chosen = rt.signal(1);
    let sel = rt.selector(move || chosen.get());
    let other = rt.signal(0);
    let m = rt.memo(move || (sel.is(&2), other.get()));
    rt.batch(|| {
        chosen.set(2);
        assert_eq!(m.get(), (true, 0));
    });
    other.set(1);
    assert_eq!(m.get(), (true, 1));
    chosen.set(3);
    assert_eq!(m.get(), (false, 1));
}

#[test]
fn asking_a_selector_leaves_the_owner_as_it_was() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let chosen = rt.signal(1);
    let sel = rt.selector(move || chosen.get());
    let n = rt.node_count();
    rt.batch(|| {
        chosen.set(2);
        sel.is(&2);
        let _s = cx.signal(1);
    });
    assert_eq!(rt.node_count(), n + 1);
    let s = rt.batch(|| {
        chosen.set(3);
        sel.is(&2);
        cx.signal(1)
    });
    chosen.set(4);
    assert!(
        s.is_alive(),
        "the signal was owned by the selector's effect"
    );
}

#[test]
fn keys_that_nobody_reads_any_more_leave_nothing_behind() {
    let rt = Runtime::new();
    let map: ReactiveMap<u32, u32> = ReactiveMap::new(rt.cx());
    let k = rt.signal(0_u32);
    rt.effect(move || {
        map.get(&k.get());
    });
    let before = rt.node_count();
    for i in 1..10_000 {
        k.set(i);
    }
    assert!(
        rt.node_count() <= before + 40,
        "{} -> {}",
        before,
        rt.node_count()
    );
}

#[test]
fn rows_that_have_gone_leave_nothing_behind_in_their_selector() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let chosen = rt.signal(0_u32);
    let sel = rt.selector(move || chosen.get());
    let before = rt.node_count();
    for i in 0..10_000_u32 {
        let scope = cx.scope();
        scope.run(|| {
            cx.effect(move || {
                sel.is(&i);
            })
        });
        scope.dispose();
    }
    assert!(
        rt.node_count() <= before + 40,
        "{} -> {}",
        before,
        rt.node_count()
    );
}

struct Reader(i32, Rc<Cell<Option<ReactiveVec<Reader>>>>);

impl Clone for Reader {
    fn clone(&self) -> Self {
        Reader(self.0, Rc::default())
    }
}

impl PartialEq for Reader {
    fn eq(&self, o: &Self) -> bool {
        self.0 == o.0
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(v) = self.1.take() {
            let _ = v.try_len();
        }
    }
}

#[test]
fn an_item_may_read_its_vector_when_it_is_dropped() {
    let rt = Runtime::new();
    let v = ReactiveVec::new(rt.cx());
    let c = Rc::new(Cell::new(Some(v)));
    v.push(Reader(0, c));
    let r = quiet(|| v.try_set(0, Reader(1, Rc::default())).map(|_| ()));
    assert!(r.is_ok(), "a try_ twin panicked");
}

struct EqReads(i32, Rc<Cell<Option<ReactiveVec<EqReads>>>>);

impl PartialEq for EqReads {
    fn eq(&self, o: &Self) -> bool {
        if let Some(v) = self.1.get() {
            let _ = v.try_len();
        }
        self.0 == o.0
    }
}

#[test]
fn an_item_may_read_its_vector_when_it_is_compared() {
    let rt = Runtime::new();
    let v = ReactiveVec::new(rt.cx());
    let c = Rc::new(Cell::new(None));
    v.push(EqReads(0, c.clone()));
    c.set(Some(v));
    let r = quiet(|| v.try_set(0, EqReads(1, c.clone())).map(|_| ()));
    assert!(r.is_ok(), "a try_ twin panicked");
}

#[cfg(feature = "sync")]
#[test]
fn mail_that_cannot_be_delivered_waits_on() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let (tx, rx) = rt.mailbox(s, || ());
    tx.send(1);
    tx.send(2);
    s.with(|_| assert!(rx.deliver().is_err()));
    let _ = rx.deliver();
    assert_eq!(s.get(), 2, "values were lost");
}

#[test]
fn names_with_control_characters_are_json() {
    let rt = Runtime::new();
    let _ = rt.signal(1).label("a\u{1b}\0'b");
    let j = rt.json();
    assert!(!j.contains("\\u{") && !j.contains("\\0"), "{j}");
}

#[test]
fn a_first_run_has_no_cause_also_in_a_slot_that_was_used() {
    let rt = Runtime::new();
    rt.record(true);
    let s = rt.signal(1);
    let m = rt.memo(move || s.get());
    m.get();
    s.set(2);
    m.get();
    m.dispose();
    let n = rt.memo(move || 1);
    assert_eq!(n.node().index(), m.node().index());
    assert_eq!(rt.why(n.node()).len(), 1);
}

struct TrackEq(i32, Signal<i32>);

impl PartialEq for TrackEq {
    fn eq(&self, o: &Self) -> bool {
        self.1.get();
        self.0 == o.0
    }
}

#[test]
fn a_watcher_tracks_only_its_source() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    let hidden = rt.signal(0);
    let runs = Rc::new(Cell::new(0));
    let r = runs.clone();
    rt.watch(
        move || {
            r.set(r.get() + 1);
            TrackEq(s.get(), hidden)
        },
        |_, _| (),
    );
    s.set(2);
    let n = runs.get();
    hidden.set(1);
    assert_eq!(runs.get(), n);
}

struct DropRead(Signal<i32>);

impl PartialEq for DropRead {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Drop for DropRead {
    fn drop(&mut self) {
        let _ = self.0.try_get();
    }
}

#[test]
fn what_the_drop_of_an_old_value_reads_is_nobodys() {
    let rt = Runtime::new();
    let hidden = rt.signal(0);
    let s = rt.signal(0);
    let m = rt.memo(move || {
        s.get();
        DropRead(hidden)
    });
    let runs = Rc::new(Cell::new(0));
    let r = runs.clone();
    rt.effect(move || {
        r.set(r.get() + 1);
        m.with(|_| ());
    });
    s.set(1);
    let n = runs.get();
    hidden.set(1);
    assert_eq!(runs.get(), n);
    let m2 = rt.memo(move || {
        s.get();
        DropRead(hidden)
    });
    m2.with(|_| ());
    rt.batch(|| {
        s.set(2);
        let r = runs.clone();
        let reader = rt.memo(move || {
            r.set(r.get() + 1);
            m2.with(|_| ());
            1
        });
        reader.get();
        assert_eq!(rt.dependencies(reader.node()), [m2.node()]);
    });
}

#[test]
fn an_observer_may_dispose_what_is_about_to_run() {
    // run under valgrind/asan for UB
    let rt = Runtime::new();
    let s = rt.signal(String::from("a"));
    let big = vec![7_u8; 8];
    let m = rt.memo(move || {
        assert_eq!(big, vec![7_u8; 8]);
        s.get()
    });
    m.with(|_| ());
    rt.observe(move |e| {
        if let TraceEvent::Run { node, .. } = e
            && *node == m.node()
        {
            m.dispose();
        }
    });
    s.set("b".into());
    let r = quiet(|| m.try_with(std::string::String::len));
    assert!(matches!(r, Ok(Err(Error::Disposed { .. }))), "{r:?}");
}

struct Inside(Cell<Option<Box<i32>>>);

#[test]
fn a_value_that_is_being_changed_is_compared_with_nothing() {
    // the equality takes the box that `mutate` holds a reference into
    let rt = Runtime::new();
    let seen = Rc::new(Cell::new(0));
    let sn = seen.clone();
    let s = rt.signal_with(
        Inside(Cell::new(Some(Box::new(1)))),
        move |_: &Inside, new: &Inside| {
            sn.set(sn.get() + 1);
            if sn.get() > 1 {
                drop(new.0.take());
            }
            false
        },
    );
    let m = rt.memo(move || {
        let _ = s.try_with(|_| ());
        1
    });
    m.get();
    rt.batch(|| {
        s.set(Inside(Cell::new(Some(Box::new(42)))));
        s.mutate(|v| {
            let r: &i32 = v.0.get_mut().as_deref().unwrap();
            let before = seen.get();
            m.get();
            assert_eq!(
                seen.get(),
                before,
                "compared while lent for writing: the box is gone, r dangles"
            );
            assert_eq!(*r, 42);
        });
    });
}

#[test]
fn a_cleanup_of_a_scope_that_has_gone_runs_with_the_runtime() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let log = Log::default();
    let l = log.clone();
    let scope = rt.scope();
    scope.dispose();
    scope.run(|| {
        cx.on_cleanup(move || l.add("cleanup"));
    });
    drop(rt);
    assert_eq!(log.take(), "cleanup");
}

#[test]
fn a_cleanup_of_an_effect_that_drops_its_runtime_runs() {
    let rt = Rc::new(std::cell::RefCell::new(Some(Runtime::new())));
    let cx = rt.borrow().as_ref().unwrap().cx();
    let log = Log::default();
    let l = log.clone();
    let r2 = rt.clone();
    let me: Rc<Cell<Option<Effect>>> = Rc::default();
    let me2 = me.clone();
    let s = cx.signal(0);
    let e = cx.effect(move || {
        if s.get() == 1 {
            me2.get().unwrap().dispose();
            let l = l.clone();
            cx.on_cleanup(move || l.add("cleanup"));
            drop(r2.borrow_mut().take());
        }
    });
    me.set(Some(e));
    let _ = quiet(|| s.set(1));
    assert_eq!(log.take(), "cleanup");
}

#[test]
fn what_an_observer_reads_is_nobodys() {
    let rt = Runtime::new();
    let hidden = rt.signal(0);
    let s = rt.signal(0);
    let inner = rt.memo(move || s.get());
    rt.observe(move |_| {
        let _ = hidden.try_get();
    });
    let outer = rt.memo(move || inner.get());
    outer.get();
    assert_eq!(rt.dependencies(outer.node()), [inner.node()]);
}

#[cfg(feature = "async")]
#[test]
fn a_resource_whose_task_is_dropped_is_not_loading() {
    let rt = Runtime::new();
    let r: Resource<i32> = rt.resource(|| async { 1 }, drop);
    assert!(!r.is_loading(), "nothing is on its way");
}
