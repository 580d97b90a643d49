//! Failures that go up a chain of memos: in linear time, on a small stack, as the message they were.

use hmr_signals::Runtime;

use crate::{Log, check, quiet};

#[test]
fn a_failure_that_goes_up_a_chain_keeps_its_message() {
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
fn a_long_chain_that_fails_needs_no_stack() {
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
            check(&rt);
        })
        .unwrap()
        .join()
        .unwrap();
}
