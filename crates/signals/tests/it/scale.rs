//! Behaviours 88 to 91: a million nodes on a small stack. In debug builds, frames are several times
//! larger; there the lazy read has fewer nodes.

use std::thread;
use std::time::{Duration, Instant};

use hmr_signals::{Cx, Memo, Runtime, Signal};

const MILLION: usize = if cfg!(miri) { 200 } else { 1_000_000 };

fn on_a_stack_of(bytes: usize, f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(bytes).spawn(f);
    thread.expect("a thread").join().expect("no overflow");
}

fn chain(cx: Cx, length: usize) -> (Signal<u64>, Vec<Memo<u64>>) {
    let s = cx.signal(1_u64);
    let mut all = vec![cx.memo(move || s.get())];
    for i in 1..length {
        let below = all[i - 1];
        all.push(cx.memo(move || below.get() + 1));
    }
    (s, all)
}

#[test]
fn a_chain_of_a_million_builds_updates_and_goes_on_a_256_kib_stack() {
    on_a_stack_of(256 * 1024, || {
        let rt = Runtime::new();
        let (cx, scope) = (rt.cx(), rt.scope());
        let (s, all) = scope.run(|| chain(cx, MILLION));
        for memo in &all {
            memo.get();
        }
        let last = all[MILLION - 1];
        rt.effect(move || {
            last.try_get().ok();
        });
        for value in 2..4 {
            s.set(value);
            assert_eq!(last.get(), value + MILLION as u64 - 1);
        }
        scope.dispose();
        assert_eq!(rt.edge_count(), 0);
    });
}

#[test]
fn the_first_lazy_read_of_a_long_chain_grows_the_stack() {
    let length = if cfg!(debug_assertions) {
        MILLION / 5
    } else {
        MILLION
    };
    on_a_stack_of(8 * 1024 * 1024, move || {
        let rt = Runtime::new();
        let (s, all) = chain(rt.cx(), length);
        let last = all[length - 1];
        assert_eq!(last.get(), length as u64);
        s.set(2);
        assert_eq!(last.get(), length as u64 + 1);
    });
}

#[test]
fn an_owner_tree_a_million_deep_is_disposed_in_a_loop() {
    on_a_stack_of(256 * 1024, || {
        let rt = Runtime::new();
        let cx = rt.cx();
        let top = rt.scope();
        let mut scope = top;
        for i in 0..MILLION {
            scope = scope.run(|| {
                if i % 1000 == 0 {
                    cx.signal(i);
                }
                cx.scope()
            });
        }
        let before = rt.node_count();
        top.dispose();
        assert!(before > MILLION && rt.node_count() == 1);
    });
}

#[test]
fn updating_one_leaf_of_a_large_graph_touches_only_its_cone() {
    let time = |size: usize| {
        let rt = Runtime::new();
        let mut first = None;
        for i in 0..size {
            let s = rt.signal(i);
            let m = rt.memo(move || s.get());
            rt.effect(move || {
                m.get();
            });
            first.get_or_insert(s);
        }
        let s = first.expect("not empty");
        let best = (0..20).map(|i| {
            let begin = Instant::now();
            (0..100).for_each(|k| s.set(i * 100 + k + size));
            begin.elapsed()
        });
        best.min().unwrap_or(Duration::ZERO)
    };
    let (small, large) = (time(10), time(MILLION / 3));
    assert!(large < small * 10, "{small:?} against {large:?}");
}
