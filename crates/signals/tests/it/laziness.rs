//! Behaviours 30 to 34: nothing runs before it is needed.

use hmr_signals::Runtime;

use crate::Log;

fn logged(rt: &Runtime) -> (Log, hmr_signals::Signal<i32>, hmr_signals::Memo<i32>) {
    let (log, s) = (Log::default(), rt.signal(1));
    let m = rt.memo({
        let log = log.clone();
        move || {
            log.add("m");
            s.get()
        }
    });
    (log, s, m)
}

#[test]
fn a_memo_nobody_reads_is_not_run_by_a_thousand_writes() {
    let rt = Runtime::new();
    let (log, s, m) = logged(&rt);
    (2..1_002).for_each(|i| s.set(i));
    assert_eq!(log.take(), "");
    assert_eq!((m.get(), log.take().as_str()), (1_001, "m"));
}

#[test]
fn a_memo_read_outside_of_any_computation_is_kept_until_a_source_changes() {
    let rt = Runtime::new();
    let (log, s, m) = logged(&rt);
    assert_eq!((m.get(), m.get(), log.take().as_str()), (1, 1, "m"));
    s.set(2);
    assert_eq!((m.get(), m.get(), log.take().as_str()), (2, 2, "m"));
}

#[test]
fn a_memo_that_lost_all_readers_keeps_its_value() {
    let rt = Runtime::new();
    let (log, s, m) = logged(&rt);
    let effect = rt.effect(move || {
        m.get();
    });
    effect.dispose();
    assert_eq!((m.get(), log.take().as_str()), (1, "m"), "no second run");
    s.set(2);
    assert_eq!((m.get(), log.take().as_str()), (2, "m"));
}

#[test]
fn a_memo_read_in_a_batch_runs_its_own_cone_and_no_effect() {
    let rt = Runtime::new();
    let (log, s, m) = logged(&rt);
    let other = rt.memo({
        let log = log.clone();
        move || {
            log.add("other");
            s.get()
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("effect {}", other.get() + m.get()))
    });
    log.take();
    rt.batch(|| {
        s.set(2);
        assert_eq!(m.get(), 2);
        assert_eq!(log.take(), "m");
    });
    assert_eq!(log.take(), "other effect 4");
}

#[test]
fn an_effect_made_in_a_batch_runs_at_once_and_sees_what_was_written() {
    let rt = Runtime::new();
    let (log, s, m) = logged(&rt);
    rt.batch(|| {
        s.set(2);
        let to = log.clone();
        rt.effect(move || to.add(m.get()));
        assert_eq!(log.take(), "m 2");
    });
    assert_eq!(log.take(), "");
}
