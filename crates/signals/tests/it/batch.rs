//! Behaviours 62 to 66: batches.

use hmr_signals::Runtime;

use crate::{Log, check, panic_of};

#[test]
fn nested_batches_flush_once_at_the_outermost_end_and_reads_inside_are_fresh() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    let m = rt.memo(move || s.get() * 2);
    rt.effect({
        let log = log.clone();
        move || log.add(m.get())
    });
    rt.batch(|| {
        rt.batch(|| s.set(2));
        assert_eq!((s.get(), m.get()), (2, 4));
        rt.batch(|| s.set(3));
        assert_eq!(log.take(), "2");
    });
    assert_eq!(log.take(), "6");
}

#[test]
fn a_panic_in_a_batch_keeps_its_writes_and_runs_the_effects() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    rt.effect({
        let log = log.clone();
        move || log.add(s.get())
    });
    let message = panic_of(|| {
        rt.batch(|| {
            s.set(2);
            panic!("body");
        });
    });
    assert_eq!((message.as_str(), log.take().as_str()), ("body", "1 2"));
    s.set(3);
    assert_eq!(log.take(), "3", "the depth is restored");
    check(&rt);
}

#[test]
fn a_batch_gives_what_its_closure_returns() {
    let rt = Runtime::new();
    assert_eq!(rt.batch(|| 7), 7);
    assert_eq!(rt.try_batch(|| "x"), Ok("x"));
}

#[test]
fn there_is_no_start_and_end_to_get_out_of_balance() {
    // A batch is a closure: leaving it by return, `?` or panic always ends it.
    let rt = Runtime::new();
    let s = rt.signal(0);
    let early = || -> Option<()> {
        rt.batch(|| {
            s.set(1);
            None::<()>
        })?;
        unreachable!()
    };
    assert_eq!(early(), None);
    assert_eq!(rt.memo(move || s.get()).get(), 1);
    check(&rt);
}

#[test]
fn a_batch_inside_an_effect_does_not_flush_inside_it() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (cx, a, b) = (rt.cx(), rt.signal(0), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            let value = a.get();
            log.add("begin");
            cx.batch(|| b.set(value));
            b.set(value + 1);
            log.add("end");
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("b{}", b.get()))
    });
    log.take();
    a.set(5);
    assert_eq!(log.take(), "begin end b6");
}
