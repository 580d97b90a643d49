//! Behaviours 53 to 61: writes inside computations.

use hmr_signals::{Error, Runtime};

use crate::{Log, check, panic_of, quiet};

#[test]
fn what_an_effect_writes_settles_before_set_returns_and_not_recursively() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (a, b) = (rt.signal(0), rt.signal(0));
    rt.effect({
        let log = log.clone();
        move || {
            let value = a.get();
            b.set(value * 10);
            log.add(format!("a{value}"));
        }
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("b{}", b.get()))
    });
    log.take();
    a.set(1);
    assert_eq!(log.take(), "a1 b10");
}

#[test]
fn the_writes_of_one_effect_are_a_batch() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (go, a, b) = (rt.signal(0), rt.signal(0), rt.signal(0));
    rt.effect(move || {
        a.set(go.get());
        b.set(go.get());
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("{}{}", a.get(), b.get()))
    });
    go.set(1);
    assert_eq!(log.take(), "00 11");
}

#[test]
fn an_effect_that_writes_its_own_source_runs_until_it_rests() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(1);
    rt.effect({
        let log = log.clone();
        move || {
            log.add(s.get());
            if s.get() < 5 {
                s.set(s.get() + 1);
            }
        }
    });
    assert_eq!((s.get(), log.take().as_str()), (5, "1 2 3 4 5"));
    check(&rt);
}

#[test]
fn an_effect_that_never_rests_is_stopped_and_named_and_the_runtime_goes_on() {
    let (rt, log) = (Runtime::new(), Log::default());
    rt.set_budget(1_000);
    let (go, s, other) = (rt.signal(false), rt.signal(0_u64), rt.signal(0));
    let restless = rt.effect(move || {
        if go.get() {
            s.set(s.get() + 1);
        }
    });
    let restless = restless.label("restless");
    rt.effect({
        let log = log.clone();
        move || log.add(other.get())
    });
    let error = go.try_set(true).expect_err("a runaway");
    let Error::Budget { hottest, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(hottest[0].0.name, "restless");
    check(&rt);
    other.set(1);
    assert_eq!(log.take(), "0 1");
    restless.dispose();
    s.set(1);
    check(&rt);
}

#[test]
fn effects_that_keep_waking_each_other_are_stopped_also_through_a_memo() {
    for members in [2, 3] {
        let rt = Runtime::new();
        rt.set_budget(1_000);
        let all: Vec<_> = (0..members).map(|_| rt.signal(0_u64)).collect();
        let go = rt.signal(false);
        for i in 0..members {
            let (from, to) = (all[i], all[(i + 1) % members]);
            let next = rt.memo(move || from.get() + 1);
            let effect = rt.effect(move || {
                if go.get() {
                    to.set(next.get());
                }
            });
            let _ = effect.label(format!("ping{i}"));
        }
        let message = panic_of(|| go.set(true));
        for i in 0..members {
            assert!(message.contains(&format!("ping{i}")), "{message}");
        }
        check(&rt);
        go.set(false);
        check(&rt);
    }
}

#[test]
fn a_memo_may_not_write_and_untrack_is_no_way_around() {
    let rt = Runtime::new();
    let (cx, s) = (rt.cx(), rt.signal(1).label("target"));
    let direct = rt.memo(move || s.set(2)).label("writer");
    let hidden = rt.memo(move || cx.untrack(|| s.set(2)));
    let linked = rt.linked(|_| 1);
    let through = rt.memo(move || linked.set(3));
    let message = panic_of(|| direct.get());
    assert!(
        message.contains("target created at") && message.contains("writer created at"),
        "{message}"
    );
    panic_of(|| hidden.get());
    panic_of(|| through.get());
    assert_eq!((s.get(), linked.get()), (1, 1));
    let polite = rt.memo(move || matches!(s.try_set(3), Err(Error::WriteInMemo { .. })));
    assert!(polite.get());
    check(&rt);
}

#[test]
fn a_sibling_that_has_not_run_yet_sees_a_write_made_in_the_flush_and_runs_once() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (a, b) = (rt.signal(0), rt.signal(0));
    let sum = rt.memo(move || a.get() + b.get());
    rt.effect(move || b.set(a.get() * 10));
    rt.effect({
        let log = log.clone();
        move || log.add(sum.get())
    });
    log.take();
    a.set(1);
    assert_eq!(log.take(), "11");
}

#[test]
fn a_signal_that_an_effect_resets_can_be_set_to_the_same_value_again() {
    let (rt, log) = (Runtime::new(), Log::default());
    let s = rt.signal(false);
    let m = rt.memo(move || s.get());
    rt.effect({
        let log = log.clone();
        move || {
            if m.get() {
                log.add("seen");
                s.set(false);
            }
        }
    });
    s.set(true);
    s.set(true);
    assert_eq!((log.take().as_str(), s.get()), ("seen seen", false));
}

#[test]
fn writing_a_value_while_it_is_lent_is_an_error() {
    let rt = Runtime::new();
    let s = rt.signal(String::from("x"));
    let other = rt.signal(1);
    s.with(|text| {
        assert!(matches!(s.try_set(String::new()), Err(Error::Borrowed(_))));
        assert!(matches!(
            s.try_mutate(String::clear),
            Err(Error::Borrowed(_))
        ));
        s.with(|again| assert_eq!(text, again));
        other.set(2);
    });
    s.mutate(|_| assert!(matches!(s.try_get(), Err(Error::Borrowed(_)))));
    s.set(String::from("y"));
    assert_eq!(s.get(), "y");
    check(&rt);
}

#[test]
fn a_linked_memo_keeps_what_is_written_until_its_source_changes() {
    let (rt, log) = (Runtime::new(), Log::default());
    let options = rt.signal(vec!["a", "b"]);
    let choice = rt.linked(move |old: Option<&&str>| {
        let all = options.get();
        old.copied().filter(|o| all.contains(o)).unwrap_or(all[0])
    });
    rt.effect({
        let log = log.clone();
        move || log.add(choice.get())
    });
    choice.set("b");
    options.set(vec!["b", "c"]);
    options.set(vec!["c"]);
    assert_eq!(log.take(), "a b c");
    check(&rt);
}

#[test]
fn a_change_that_panics_in_a_batch_is_told() {
    let rt = Runtime::new();
    let s = rt.signal(vec![1]);
    let log = Log::default();
    let l = log.clone();
    rt.effect(move || l.add(s.with(std::vec::Vec::len)));
    let r = quiet(|| {
        rt.batch(|| {
            s.mutate(|v| {
                v.push(2);
                panic!("x")
            })
        })
    });
    assert!(r.is_err());
    check(&rt);
    assert_eq!(log.take(), "1 2");
}
