//! Bytes per node and edge, by a counting allocator; 130,000 of each so that doubling vectors are
//! nearly full.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::libs::{Alien, Floem, Leptos, Lib, Ours, Sycamore};

pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

const COUNT: usize = 130_000;

fn grown(f: impl FnOnce()) -> f64 {
    let before = LIVE.load(Relaxed);
    f();
    (LIVE.load(Relaxed) as f64 - before as f64) / COUNT as f64
}

/// On a thread of its own: what a library keeps for its next user must not count as free.
fn fresh(f: impl FnOnce() -> f64 + Send + 'static) -> f64 {
    std::thread::spawn(f).join().expect("measured")
}

/// signal, memo without and with one and four dependencies (capturing four handles), effect with one.
fn of<L: Lib>() -> [f64; 5] {
    let signal = fresh(|| {
        L::root(|| {
            grown(|| {
                (0..COUNT).for_each(|i| {
                    L::signal(i as f64);
                })
            })
        })
    });
    let effect = fresh(|| {
        L::root(|| {
            let s = L::signal(1.0);
            grown(|| {
                (0..COUNT).for_each(|_| {
                    L::effect(move || {
                        L::read(s);
                    })
                })
            })
        })
    });
    [
        signal,
        memo::<L, 0>(),
        memo::<L, 1>(),
        memo::<L, 4>(),
        effect,
    ]
}

/// The closure captures four handles and nothing else.
fn memo<L: Lib, const READS: usize>() -> f64 {
    fresh(|| {
        L::root(|| {
            let s: [L::Signal<f64>; 4] = [1.0, 2.0, 3.0, 4.0].map(|v| L::signal(v));
            grown(|| {
                for _ in 0..COUNT {
                    let m = L::memo(move || s.iter().take(READS).map(|s| L::read(*s)).sum::<f64>());
                    L::get(m);
                }
            })
        })
    })
}

pub fn measure(lib: &str) -> String {
    let bytes = match lib {
        l if l == Ours::NAME => of::<Ours>(),
        l if l == Alien::NAME => of::<Alien>(),
        l if l == Sycamore::NAME => of::<Sycamore>(),
        l if l == Floem::NAME => of::<Floem>(),
        _ if lib == Leptos::NAME => of::<Leptos>(),
        _ => [0.0; 5],
    };
    bytes.map(|b| format!("{b:.1}")).join(" ")
}
