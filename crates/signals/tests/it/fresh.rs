use super::*;
use hmr_signals::*;
use std::cell::Cell;
use std::rc::Rc;

fn quiet<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(f))
}

#[test]
fn b_commit_while_lent() {
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
fn b2_commit_while_lent_plain() {
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
#[test]
fn d_batch_in_memo_flushes_effects_in_memo() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let log = Log::default();
    let l = log.clone();
    let m = rt.memo(move || {
        let l2 = l.clone();
        cx.effect(move || l2.add("effect"));
        cx.batch(|| ());
        l.add("memo end");
        1
    });
    m.get();
    assert_eq!(log.take(), "memo end effect");
}
#[test]
fn d2_dispose_in_memo_flushes() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let log = Log::default();
    let l = log.clone();
    let m = rt.memo(move || {
        let l2 = l.clone();
        let t = cx.signal(1);
        cx.effect(move || l2.add("effect"));
        t.dispose();
        l.add("memo end");
        1
    });
    m.get();
    assert_eq!(log.take(), "memo end effect");
}
#[test]
fn r_swallowed_cycle_then_panic_elsewhere() {
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
fn w_cleanup_panic_in_memo_loses_effect() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(0);
    let log = Log::default();
    let l = log.clone();
    let armed = Rc::new(Cell::new(true));
    let m = rt.memo(move || {
        let a = armed.clone();
        cx.on_cleanup(move || {
            if a.replace(false) {
                panic!("cleanup")
            }
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
fn w2_drop_old_panic_in_memo() {
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
fn w3_drop_same_new_panic_in_memo() {
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
        l.add(format!("{x}{}", t.get()))
    });
    arm.set(1);
    let r = quiet(|| {
        rt.batch(|| {
            s.set(1);
            t.set(5)
        })
    });
    assert!(r.is_err());
    rt.check().unwrap();
    assert_eq!(log.take(), "00 05");
}
#[test]
fn w4_child_drop_panic_in_memo() {
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
fn z_selector_in_effect_in_batch() {
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
            l.add(format!("{is}{}", other.get()))
        });
    });
    assert_eq!(log.take(), "true0");
    other.set(1);
    assert_eq!(log.take(), "true1");
    chosen.set(3);
    assert_eq!(log.take(), "false1");
}
#[test]
fn z2_selector_in_memo_in_batch() {
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
fn z3_selector_outside_keeps_ctx() {
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
fn map_keys_leak() {
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
fn selector_rows_leak() {
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
#[test]
fn vec_set_drop_panic_loses_change() {
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
fn vec_try_set_panics_when_drop_reads() {
    let rt = Runtime::new();
    let v = ReactiveVec::new(rt.cx());
    let c = Rc::new(Cell::new(Some(v)));
    v.push(Reader(0, c));
    let r = quiet(|| v.try_set(0, Reader(1, Rc::default())).map(|_| ()));
    assert!(r.is_ok(), "a try_ twin panicked");
}
struct EqReads(i32, Cx, Rc<Cell<Option<ReactiveVec<EqReads>>>>);
impl PartialEq for EqReads {
    fn eq(&self, o: &Self) -> bool {
        if let Some(v) = self.2.get() {
            let _ = v.try_len();
        }
        self.0 == o.0
    }
}
#[test]
fn vec_try_set_panics_when_eq_reads() {
    let rt = Runtime::new();
    let v = ReactiveVec::new(rt.cx());
    let c = Rc::new(Cell::new(None));
    v.push(EqReads(0, rt.cx(), c.clone()));
    c.set(Some(v));
    let r = quiet(|| v.try_set(0, EqReads(1, rt.cx(), c.clone())).map(|_| ()));
    assert!(r.is_ok(), "a try_ twin panicked");
}
#[cfg(feature = "sync")]
#[test]
fn mailbox_keeps_what_could_not_be_delivered() {
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
fn json_of_odd_names() {
    let rt = Runtime::new();
    let _ = rt.signal(1).label("a\u{1b}\0'b");
    let j = rt.json();
    assert!(!j.contains("\\u{") && !j.contains("\\0"), "{j}");
}
#[test]
fn cause_of_first_run_in_reused_slot() {
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
#[test]
fn watch_panics_then_returns() {
    let rt = Runtime::new();
    let s = rt.signal(1);
    let log = Log::default();
    let l = log.clone();
    rt.watch(
        move || s.get(),
        move |n, o| {
            l.add(format!("{n}<{o}"));
            if *n == 2 {
                panic!("x")
            }
        },
    );
    let _ = quiet(|| s.set(2));
    s.set(1);
    assert_eq!(log.take(), "2<1 1<2");
}
struct TrackEq(i32, Signal<i32>);
impl PartialEq for TrackEq {
    fn eq(&self, o: &Self) -> bool {
        self.1.get();
        self.0 == o.0
    }
}
#[test]
fn watch_tracks_only_source() {
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
fn memo_old_value_drop_is_not_tracked_by_reader() {
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
        m.with(|_| ())
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
#[ignore = "a question for the author"]
fn linked_can_be_set_after_failure() {
    let rt = Runtime::new();
    let s = rt.signal(0);
    let l = rt.linked(move |_| if s.get() == 1 { panic!("x") } else { 5 });
    assert_eq!(l.get(), 5);
    s.set(1);
    let _ = quiet(|| l.get());
    assert_eq!(l.try_set(9), Ok(()));
    assert_eq!(l.get(), 9);
}
#[test]
fn observer_disposes() {
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
        if let TraceEvent::Run { node, .. } = e {
            if *node == m.node() {
                m.dispose();
            }
        }
    });
    s.set("b".into());
    let r = quiet(|| m.try_with(|v| v.len()));
    assert!(matches!(r, Ok(Err(Error::Disposed { .. }))), "{r:?}");
}
#[test]
fn e_effect_that_reads_a_memo_whose_cleanup_panics_stays_subscribed() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let s = rt.signal(0);
    let t = rt.signal(0);
    let log = Log::default();
    let l = log.clone();
    let m = rt.memo(move || {
        cx.on_cleanup(move || {
            if s.get_untracked() == 1 {
                panic!("cleanup")
            }
        });
        s.get()
    });
    rt.effect(move || {
        t.get();
        l.add(m.get())
    });
    let _ = quiet(|| {
        rt.batch(|| {
            t.set(1);
            s.set(1)
        })
    });
    rt.check().unwrap();
    s.set(2);
    s.set(3);
    assert!(log.take().ends_with("2 3"));
}
struct Inside(Cell<Option<Box<i32>>>);
#[test]
fn u_mutate_while_compared_is_no_alias() {
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
fn l_late_cleanup_in_disposed_scope() {
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
fn l2_late_cleanup_of_effect_that_drops_its_runtime() {
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
fn o_observer_panic_while_memo_panics_does_not_abort() {
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
#[test]
fn o2_observer_reads_are_untracked() {
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
fn resource_whose_task_is_dropped_stops_loading() {
    let rt = Runtime::new();
    let r: Resource<i32> = rt.resource(|| async { 1 }, |task| drop(task));
    assert!(!r.is_loading(), "nothing is on its way");
}
#[cfg(feature = "async")]
#[test]
fn resource_request_panic_then_stale_answer() {
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
fn budget_error_lost_effects_and_recovers() {
    let rt = Runtime::new();
    rt.set_budget(50);
    let a = rt.signal(0);
    let b = rt.signal(0);
    let go = rt.signal(false);
    let log = Log::default();
    let l = log.clone();
    rt.effect(move || {
        if go.get() {
            a.set(b.get() + 1)
        }
    });
    rt.effect(move || {
        if go.get() {
            b.set(a.get() + 1)
        }
    });
    rt.effect(move || {
        go.get();
        l.add("other")
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

struct Rng(u64);
impl Rng {
    fn n(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}
thread_local! { static FUSE: Cell<usize> = const { Cell::new(usize::MAX) }; static LIVE: Cell<isize> = const { Cell::new(0) }; }
thread_local! { static MODE: Cell<bool> = const { Cell::new(false) }; }
fn fuse_c() {
    if !MODE.get() {
        fuse();
    }
}
fn fuse() {
    if std::thread::panicking() {
        return;
    }
    let f = FUSE.get();
    if f == usize::MAX {
        return;
    }
    if f == 0 {
        FUSE.set(usize::MAX);
        panic!("fuse");
    }
    FUSE.set(f - 1);
}
struct V(i64);
impl V {
    fn new(x: i64) -> V {
        LIVE.set(LIVE.get() + 1);
        V(x)
    }
}
impl Clone for V {
    fn clone(&self) -> V {
        fuse_c();
        V::new(self.0)
    }
}
impl PartialEq for V {
    fn eq(&self, o: &V) -> bool {
        fuse_c();
        self.0 == o.0
    }
}
impl Drop for V {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        fuse();
    }
}
/// A panic at the n-th call of user code of any sort (closure, clone, equality, drop, cleanup): afterwards, one write of
/// everything, and all must be as the model says.
#[test]
fn a_panic_at_any_call_loses_nothing() {
    std::panic::set_hook(Box::new(|i| {
        if i.payload().downcast_ref::<&str>() != Some(&"fuse") {
            eprintln!("{i}");
        }
    }));
    let seeds: u64 = std::env::var("SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(300);
    let from: u64 = std::env::var("FROM")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    for seed in from..from + seeds {
        let mut r = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        LIVE.set(0);
        MODE.set(seed % 2 == 0);
        {
            let rt = Runtime::new();
            let cx = rt.cx();
            let sig: Vec<Signal<V>> = (0..4).map(|i| rt.signal(V::new(i))).collect();
            let tick = rt.trigger();
            let mut memos: Vec<Memo<V>> = vec![];
            let mut defs: Vec<Vec<usize>> = vec![];
            for k in 0..6 {
                let n = 1 + r.n(3);
                let d: Vec<usize> = (0..n).map(|_| r.n(4 + k)).collect();
                let (d2, sig2, m2) = (d.clone(), sig.clone(), memos.clone());
                let kind = r.n(5);
                let modulo = 2 + r.n(5) as i64;
                defs.push({
                    let mut x = d.clone();
                    x.push(modulo as usize);
                    x
                });
                memos.push(rt.memo(move || {
                    tick.track();
                    fuse_c();
                    if kind == 1 {
                        cx.on_cleanup(fuse);
                    }
                    if kind == 2 {
                        cx.store(V::new(0));
                        let inner = cx.memo(|| {
                            fuse_c();
                            V::new(3)
                        });
                        inner.with(|_| fuse_c());
                    }
                    if kind == 3 {
                        cx.batch(fuse_c);
                    }
                    let mut sum = 0;
                    for &i in &d2 {
                        sum += if i < 4 {
                            sig2[i].with(|v| v.0)
                        } else {
                            m2[i - 4].with(|v| {
                                fuse_c();
                                v.0
                            })
                        };
                        if sum % 7 == 3 {
                            break;
                        }
                    }
                    fuse_c();
                    V::new(sum % modulo)
                }));
            }
            let model = |vals: &[i64]| {
                let mut all = vals.to_vec();
                for d in &defs {
                    let (m, d) = d.split_last().unwrap();
                    let mut sum = 0;
                    for &i in d {
                        sum += all[i];
                        if sum % 7 == 3 {
                            break;
                        }
                    }
                    all.push(sum % *m as i64);
                }
                all
            };
            let seen: Vec<Rc<Cell<i64>>> = (0..4).map(|_| Rc::new(Cell::new(-1))).collect();
            let mut reads = vec![];
            for k in 0..4 {
                let i = r.n(10);
                let j = r.n(10);
                reads.push((i, j));
                let (sig2, m2, out) = (sig.clone(), memos.clone(), seen[k].clone());
                let get = move |i: usize| {
                    if i < 4 {
                        sig2[i].with(|v| v.0)
                    } else {
                        m2[i - 4].with(|v| v.0)
                    }
                };
                let nested = r.n(3);
                rt.effect(move || {
                    tick.track();
                    fuse_c();
                    if nested == 1 {
                        cx.effect(fuse_c);
                        cx.on_cleanup(fuse);
                    }
                    out.set(-2);
                    let x = get(i) * 100 + get(j);
                    fuse_c();
                    out.set(x);
                });
            }
            for step in 0..6 {
                let vals: Vec<i64> = (0..4).map(|_| r.n(6) as i64).collect();
                FUSE.set(r.n(60));
                let way = if MODE.get() { r.n(2) } else { r.n(3) };
                let res = quiet(|| match way {
                    0 => rt.batch(|| {
                        for (s, v) in sig.iter().zip(&vals) {
                            let _ = quiet(|| s.set(V::new(*v)));
                        }
                    }),
                    1 => rt.batch(|| {
                        for (s, v) in sig.iter().zip(&vals) {
                            let _ = quiet(|| s.set(V::new(*v)));
                            let _ = quiet(|| memos[5].with(|_| fuse_c()));
                        }
                    }),
                    _ => {
                        for (s, v) in sig.iter().zip(&vals) {
                            s.set(V::new(*v));
                        }
                    }
                });
                let blown = FUSE.get() == usize::MAX;
                FUSE.set(usize::MAX);
                if let Err(e) = rt.check() {
                    panic!("seed {seed} step {step} way {way}: {e}");
                }
                if !blown {
                    assert!(
                        res.is_ok(),
                        "seed {seed} {:?}",
                        res.err().map(|e| e.downcast_ref::<String>().cloned())
                    );
                }
                // after a blown fuse: write all that really were written again with a detour so that everything is due
                if blown && !MODE.get() {
                    rt.batch(|| {
                        for (s, v) in sig.iter().zip(&vals) {
                            s.set(V::new(*v));
                        }
                        tick.notify()
                    });
                }
                let all = model(&vals);
                for (k, (i, j)) in reads.iter().enumerate() {
                    assert_eq!(
                        seen[k].get(),
                        all[*i] * 100 + all[*j],
                        "seed {seed} step {step} way {way} blown {blown} effect {k}"
                    );
                }
                for (k, m) in memos.iter().enumerate() {
                    if let Err(e) = m.try_with(|_| ()) {
                        panic!(
                            "seed {seed} step {step} way {way} mode {} blown {blown} memo {k} {e}",
                            MODE.get()
                        );
                    }
                    assert_eq!(m.get().0, all[4 + k], "seed {seed} step {step} memo {k}");
                }
            }
        }
        assert_eq!(LIVE.get(), 0, "seed {seed}: leak");
    }
}
