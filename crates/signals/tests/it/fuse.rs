//! Random graphs with a panic at the n-th call of any user code: nothing is lost by it.
#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers are small"
)]

use crate::quiet;
use hmr_signals::*;
use std::cell::Cell;
use std::rc::Rc;

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
    for seed in 1..=300_u64 {
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
            for out in &seen {
                let i = r.n(10);
                let j = r.n(10);
                reads.push((i, j));
                let (sig2, m2, out) = (sig.clone(), memos.clone(), out.clone());
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
                        tick.notify();
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
