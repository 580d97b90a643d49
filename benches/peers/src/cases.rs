//! The community cases: kairo, cellx, S.js create/update and dynamic graphs, after milomg's
//! js-reactivity-benchmark. Every case checks what it computed and gives the time of its core.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::libs::Lib;

/// A case: its name and what runs it.
pub type Case = (&'static str, fn() -> Duration);

pub fn all<L: Lib>() -> Vec<Case> {
    vec![
        ("kairo/avoidable", avoidable::<L>),
        ("kairo/broad", broad::<L>),
        ("kairo/deep", deep::<L>),
        ("kairo/diamond", diamond::<L>),
        ("kairo/mux", mux::<L>),
        ("kairo/repeated", repeated::<L>),
        ("kairo/triangle", triangle::<L>),
        ("kairo/unstable", unstable::<L>),
        ("kairo/mol", mol::<L>),
        ("cellx1000/build", || {
            cellx::<L>(1000, [-3.0, -6.0, -2.0, 2.0], [-2.0, -4.0, 2.0, 3.0]).0
        }),
        ("cellx1000/update", || {
            cellx::<L>(1000, [-3.0, -6.0, -2.0, 2.0], [-2.0, -4.0, 2.0, 3.0]).1
        }),
        ("cellx2500/build", || {
            cellx::<L>(2500, [-3.0, -6.0, -2.0, 2.0], [-2.0, -4.0, 2.0, 3.0]).0
        }),
        ("cellx2500/update", || {
            cellx::<L>(2500, [-3.0, -6.0, -2.0, 2.0], [-2.0, -4.0, 2.0, 3.0]).1
        }),
        ("cellx5000/build", || {
            cellx::<L>(5000, [2.0, 4.0, -1.0, -6.0], [-2.0, 1.0, -4.0, -4.0]).0
        }),
        ("cellx5000/update", || {
            cellx::<L>(5000, [2.0, 4.0, -1.0, -6.0], [-2.0, 1.0, -4.0, -4.0]).1
        }),
        ("s/createSignals", create_signals::<L>),
        ("s/createMemos1to1(read)", create_memos::<L>),
        ("s/create0to1", || create::<L>(0, 1)),
        ("s/create1to1", || create::<L>(1, 1)),
        ("s/create2to1", || create::<L>(2, 1)),
        ("s/create4to1", || create::<L>(4, 1)),
        ("s/create1000to1", || create::<L>(1000, 1)),
        ("s/create1to2", || create::<L>(1, 2)),
        ("s/create1to4", || create::<L>(1, 4)),
        ("s/create1to8", || create::<L>(1, 8)),
        ("s/create1to1000", || create::<L>(1, 1000)),
        ("s/update1to1", || update::<L>(1, 1, 400_000)),
        ("s/update2to1", || update::<L>(2, 1, 200_000)),
        ("s/update4to1", || update::<L>(4, 1, 100_000)),
        ("s/update1000to1", || update::<L>(1000, 1, 100)),
        ("s/update1to2", || update::<L>(1, 2, 100_000)),
        ("s/update1to4", || update::<L>(1, 4, 100_000)),
        ("s/update1to1000", || update::<L>(1, 1000, 2_000)),
        ("dyn/simple", || {
            dynamic::<L>([10, 5, 2, 120_000], 1.0, 0.2, None)
        }),
        ("dyn/component", || {
            dynamic::<L>([10, 10, 6, 15_000], 0.75, 0.2, None)
        }),
        ("dyn/large", || {
            dynamic::<L>([1000, 12, 4, 7_000], 0.95, 1.0, None)
        }),
        ("dyn/wide", || {
            dynamic::<L>(
                [1000, 5, 25, 3_000],
                1.0,
                1.0,
                Some((1_171_484_375_000.0, 732_000)),
            )
        }),
        ("dyn/deep", || {
            dynamic::<L>(
                [5, 500, 3, 500],
                1.0,
                1.0,
                Some((3.023_964_267_689_846_4e241, 1_246_500)),
            )
        }),
        ("dyn/very", || {
            dynamic::<L>([100, 15, 6, 2_000], 0.5, 1.0, None)
        }),
        ("chain/1k", || chain::<L>(1_000)),
        ("chain/100k", || chain::<L>(100_000)),
        ("chain/1M", || chain::<L>(1_000_000)),
    ]
}

fn timed(f: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    f();
    begin.elapsed()
}

fn busy() {
    for i in 0..100 {
        std::hint::black_box(i);
    }
}

const ROUNDS: usize = 200;

/// Builds once, warms up with one round, and times `ROUNDS` more.
fn kairo<L: Lib>(build: impl FnOnce() -> Box<dyn Fn()>) -> Duration {
    L::root(|| {
        let round = build();
        round();
        timed(|| (0..ROUNDS).for_each(|_| round()))
    })
}

fn avoidable<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let c1 = L::memo(move || L::read(head));
        let c2 = L::memo(move || {
            L::get(c1);
            0.0
        });
        let c3 = L::memo(move || {
            busy();
            L::get(c2) + 1.0
        });
        let c4 = L::memo(move || L::get(c3) + 2.0);
        let c5 = L::memo(move || L::get(c4) + 3.0);
        L::effect(move || {
            L::get(c5);
            busy();
        });
        Box::new(move || {
            for i in 0..1000 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(c5), 6.0);
            }
        })
    })
}

fn broad<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let calls = Rc::new(Cell::new(0));
        let mut last = None;
        for i in 0..50 {
            let a = L::memo(move || L::read(head) + f64::from(i));
            let b = L::memo(move || L::get(a) + 1.0);
            let counter = calls.clone();
            L::effect(move || {
                L::get(b);
                counter.set(counter.get() + 1);
            });
            last = Some(b);
        }
        let last = last.expect("not empty");
        Box::new(move || {
            L::batch(|| L::write(head, 1.0));
            calls.set(0);
            for i in 0..50 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(last), f64::from(i) + 50.0);
            }
            assert!(
                (49 * 50..=50 * 50).contains(&calls.get()),
                "{}",
                calls.get()
            );
        })
    })
}

fn deep<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let mut current = L::memo(move || L::read(head) + 1.0);
        for _ in 1..50 {
            let below = current;
            current = L::memo(move || L::get(below) + 1.0);
        }
        let calls = Rc::new(Cell::new(0));
        let counter = calls.clone();
        L::effect(move || {
            L::get(current);
            counter.set(counter.get() + 1);
        });
        Box::new(move || {
            L::batch(|| L::write(head, 1.0));
            calls.set(0);
            for i in 0..50 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(current), 50.0 + f64::from(i));
            }
            assert_eq!(calls.get(), 50);
        })
    })
}

fn diamond<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let all: Vec<_> = (0..5)
            .map(|_| L::memo(move || L::read(head) + 1.0))
            .collect();
        let sum = L::memo(move || all.iter().map(|m| L::get(*m)).sum::<f64>());
        let calls = Rc::new(Cell::new(0));
        let counter = calls.clone();
        L::effect(move || {
            L::get(sum);
            counter.set(counter.get() + 1);
        });
        Box::new(move || {
            L::batch(|| L::write(head, 1.0));
            calls.set(0);
            for i in 0..500 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(sum), (f64::from(i) + 1.0) * 5.0);
            }
            assert_eq!(calls.get(), 500);
        })
    })
}

fn mux<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let heads: Vec<_> = (0..100).map(|_| L::signal(0.0)).collect();
        let inputs = heads.clone();
        let mux = L::memo(move || {
            Shared(
                inputs
                    .iter()
                    .map(|h| L::read(*h))
                    .collect::<Vec<f64>>()
                    .into(),
            )
        });
        let split: Vec<_> = (0..100_usize)
            .map(|i| L::memo(move || L::get(mux).0[i]))
            .map(|m| L::memo(move || L::get(m) + 1.0))
            .collect();
        for m in split.iter().copied() {
            L::effect(move || {
                L::get(m);
            });
        }
        Box::new(move || {
            for factor in [1.0, 2.0] {
                for i in 0..10_usize {
                    L::batch(|| L::write(heads[i], i as f64 * factor));
                    assert_eq!(L::get(split[i]), i as f64 * factor + 1.0);
                }
            }
        })
    })
}

/// A shared vector; the cases run on one thread, and some libraries want `Send + Sync`.
#[derive(Clone, PartialEq, Debug)]
struct Shared(std::sync::Arc<[f64]>);

fn repeated<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let current = L::memo(move || (0..30).map(|_| L::read(head)).sum::<f64>());
        L::effect(move || {
            L::get(current);
        });
        Box::new(move || {
            for i in 0..100 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(current), f64::from(i) * 30.0);
            }
        })
    })
}

fn triangle<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let mut all = vec![L::memo(move || L::read(head))];
        for k in 1..10 {
            let below: L::Memo<f64> = all[k - 1];
            all.push(L::memo(move || L::get(below) + 1.0));
        }
        let sum = L::memo(move || all.iter().map(|m| L::get(*m)).sum::<f64>());
        L::effect(move || {
            L::get(sum);
        });
        Box::new(move || {
            for i in 0..100 {
                L::batch(|| L::write(head, f64::from(i)));
                assert_eq!(L::get(sum), 45.0 + f64::from(i) * 10.0);
            }
        })
    })
}

fn unstable<L: Lib>() -> Duration {
    kairo::<L>(|| {
        let head = L::signal(0.0);
        let double = L::memo(move || L::read(head) * 2.0);
        let inverse = L::memo(move || -L::read(head));
        let current = L::memo(move || {
            let mut sum = 0.0;
            for _ in 0..20 {
                sum += if L::read(head) % 2.0 == 0.0 {
                    L::get(inverse)
                } else {
                    L::get(double)
                };
            }
            sum
        });
        L::effect(move || {
            L::get(current);
        });
        Box::new(move || {
            for i in 0..100 {
                let i = f64::from(i);
                L::batch(|| L::write(head, i));
                let one = if i % 2.0 == 0.0 { -i } else { i * 2.0 };
                assert_eq!(L::get(current), 20.0 * one);
            }
        })
    })
}

fn mol<L: Lib>() -> Duration {
    fn fib(n: u32) -> f64 {
        if n < 2 { 1.0 } else { fib(n - 1) + fib(n - 2) }
    }
    fn hard(n: f64) -> f64 {
        n + fib(16)
    }
    kairo::<L>(|| {
        let (a, b) = (L::signal(0.0), L::signal(0.0));
        let c = L::memo(move || L::read(a) % 2.0 + L::read(b) % 2.0);
        let d = L::memo(move || {
            let x = L::read(a) % 2.0 - L::read(b) % 2.0;
            Shared((0..5).map(|i| f64::from(i) + x).collect())
        });
        let e = L::memo(move || hard(L::get(c) + L::read(a) + L::get(d).0[0]));
        let f = L::memo(move || {
            let x = L::get(d).0[2];
            hard(if x == 0.0 { L::read(b) } else { x })
        });
        let g = L::memo(move || {
            let c = L::get(c);
            let e = if c == 0.0 { L::get(e) % 2.0 } else { c };
            c + e + L::get(d).0[4] + L::get(f)
        });
        let result = std::rc::Rc::new(Cell::new(0.0));
        let (h, i, j) = (result.clone(), result.clone(), result.clone());
        L::effect(move || h.set(h.get() + hard(L::get(g))));
        L::effect(move || i.set(i.get() + L::get(g)));
        L::effect(move || j.set(j.get() + hard(L::get(f))));
        Box::new(move || {
            for i in 0..5 {
                result.set(0.0);
                L::batch(|| {
                    L::write(b, 1.0);
                    L::write(a, 1.0 + f64::from(i) * 2.0);
                });
                L::batch(|| {
                    L::write(a, 2.0 + f64::from(i) * 2.0);
                    L::write(b, 2.0);
                });
                assert!(result.get() > 0.0);
            }
        })
    })
}

/// Build and update, each alone, of the published graph with its published results.
fn cellx<L: Lib>(layers: usize, before: [f64; 4], after: [f64; 4]) -> (Duration, Duration) {
    L::root(|| {
        let start: [L::Signal<f64>; 4] = [1.0, 2.0, 3.0, 4.0].map(|v| L::signal(v));
        let mut last: Option<[L::Memo<f64>; 4]> = None;
        let build = timed(|| {
            let mut layer = {
                let [a, b, c, d] = start;
                [
                    L::memo(move || L::read(b)),
                    L::memo(move || L::read(a) - L::read(c)),
                    L::memo(move || L::read(b) + L::read(d)),
                    L::memo(move || L::read(c)),
                ]
            };
            let observe = |layer: [L::Memo<f64>; 4]| {
                for m in layer {
                    L::effect(move || {
                        L::get(m);
                    });
                    L::get(m);
                }
            };
            observe(layer);
            for _ in 1..layers {
                let [a, b, c, d] = layer;
                layer = [
                    L::memo(move || L::get(b)),
                    L::memo(move || L::get(a) - L::get(c)),
                    L::memo(move || L::get(b) + L::get(d)),
                    L::memo(move || L::get(c)),
                ];
                observe(layer);
            }
            last = Some(layer);
        });
        let last = last.expect("built");
        assert_eq!(last.map(|m| L::get(m)), before);
        let update = timed(|| {
            L::batch(|| {
                for (signal, value) in start.into_iter().zip([4.0, 3.0, 2.0, 1.0]) {
                    L::write(signal, value);
                }
            });
            assert_eq!(last.map(|m| L::get(m)), after);
        });
        (build, update)
    })
}

const COUNT: usize = 100_000;

fn create_signals<L: Lib>() -> Duration {
    L::root(|| {
        let mut all = Vec::with_capacity(COUNT);
        let time = timed(|| (0..COUNT).for_each(|i| all.push(L::signal(i as f64))));
        assert_eq!(L::read(all[COUNT - 1]), (COUNT - 1) as f64);
        time
    })
}

fn create_memos<L: Lib>() -> Duration {
    L::root(|| {
        let all: Vec<_> = (0..COUNT).map(|i| L::signal(i as f64)).collect();
        let mut sum = 0.0;
        let time = timed(|| {
            for s in all.iter().copied() {
                sum += L::get(L::memo(move || L::read(s)));
            }
        });
        assert_eq!(sum, (0..COUNT).map(|i| i as f64).sum::<f64>());
        time
    })
}

/// Effects over `from` sources each, `to` of them per source, `COUNT` reads or effects in all.
fn create<L: Lib>(from: usize, to: usize) -> Duration {
    L::root(|| {
        let effects = if from > 1 { COUNT / from } else { COUNT };
        let sources: Vec<_> = (0..COUNT).map(|i| L::signal(i as f64)).collect();
        let calls = Rc::new(Cell::new(0.0));
        let time = timed(|| {
            for i in 0..effects {
                let calls = calls.clone();
                let first = i / to * from.max(1);
                match from {
                    0 => L::effect(move || calls.set(calls.get() + 1.0)),
                    1 => {
                        let a = sources[first];
                        L::effect(move || calls.set(calls.get() + 1.0 + L::read(a) * 0.0));
                    }
                    2 => {
                        let (a, b) = (sources[first], sources[first + 1]);
                        L::effect(move || {
                            calls.set(calls.get() + 1.0 + (L::read(a) + L::read(b)) * 0.0)
                        });
                    }
                    _ => {
                        let all = sources[first..first + from].to_vec();
                        L::effect(move || {
                            let sum: f64 = all.iter().map(|s| L::read(*s)).sum();
                            calls.set(calls.get() + 1.0 + sum * 0.0);
                        });
                    }
                }
            }
        });
        // One library runs a new effect twice; the others once.
        assert!(calls.get() >= effects as f64);
        time
    })
}

/// `writes` writes to the first of `from` sources that each of `to` effects reads.
fn update<L: Lib>(from: usize, to: usize, writes: usize) -> Duration {
    L::root(|| {
        let sources: Vec<_> = (0..from).map(|_| L::signal(0.0)).collect();
        let calls = Rc::new(Cell::new(0_usize));
        for _ in 0..to {
            let (calls, all) = (calls.clone(), sources.clone());
            if let [a] = all[..] {
                L::effect(move || {
                    L::read(a);
                    calls.set(calls.get() + 1);
                });
            } else {
                L::effect(move || {
                    let sum: f64 = all.iter().map(|s| L::read(*s)).sum();
                    assert!(sum >= 0.0);
                    calls.set(calls.get() + 1);
                });
            }
        }
        calls.set(0);
        let first = sources[0];
        let time = timed(|| (1..=writes).for_each(|i| L::write(first, i as f64)));
        assert_eq!(calls.get(), writes * to);
        time
    })
}

/// A small deterministic generator, the same for every library.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Layers of memos over `width` sources; `expected` is the published sum and number of runs, where
/// the case does not depend on the random numbers of the original. Otherwise the result is compared
/// with a plain computation over the same graph.
fn dynamic<L: Lib>(
    [width, depth, reads, iterations]: [usize; 4],
    fixed: f64,
    read_fraction: f64,
    expected: Option<(f64, usize)>,
) -> Duration {
    L::root(|| {
        let mut random = Random(0x5eed);
        let runs = Rc::new(Cell::new(0));
        let sources: Vec<_> = (0..width).map(|i| L::signal(i as f64)).collect();
        let mut is_fixed = Vec::new();
        let mut row: Vec<L::Memo<f64>> = Vec::new();
        for layer in 0..depth - 1 {
            let mut next = Vec::with_capacity(width);
            for i in 0..width {
                let steady = random.next() < fixed;
                is_fixed.push(steady);
                let runs = runs.clone();
                let from = (0..reads).map(|k| (i + k) % width);
                let memo = if layer == 0 {
                    let own: Vec<_> = from.map(|k| sources[k]).collect();
                    L::memo(move || {
                        runs.set(runs.get() + 1);
                        combine(steady, own.len(), |k| L::read(own[k]))
                    })
                } else {
                    let own: Vec<_> = from.map(|k| row[k]).collect();
                    L::memo(move || {
                        runs.set(runs.get() + 1);
                        combine(steady, own.len(), |k| L::get(own[k]))
                    })
                };
                next.push(memo);
            }
            row = next;
        }
        let keep = (width as f64 * read_fraction).round() as usize;
        let mut leaves: Vec<usize> = (0..width).collect();
        while leaves.len() > keep {
            let at = (random.next() * leaves.len() as f64) as usize;
            leaves.remove(at);
        }
        let go = |iterations: usize| {
            for i in 0..iterations {
                L::batch(|| {
                    let at = i % width;
                    L::write(sources[at], (i + at) as f64);
                });
                for leaf in &leaves {
                    L::get(row[*leaf]);
                }
            }
            leaves.iter().map(|l| L::get(row[*l])).sum::<f64>()
        };
        go(1);
        runs.set(0);
        let mut sum = 0.0;
        let time = timed(|| sum = go(iterations));
        if let Some((published, count)) = expected {
            assert!(
                (sum - published).abs() <= published * 1e-12,
                "{sum} for {published}"
            );
            assert!(
                runs.get() >= count - width * depth && runs.get() <= count + width * depth,
                "{}",
                runs.get()
            );
        }
        let mut values: Vec<f64> = (0..width).map(|i| i as f64).collect();
        (0..iterations).for_each(|i| values[i % width] = (i + i % width) as f64);
        for layer in 0..depth - 1 {
            let below = values.clone();
            for (i, value) in values.iter_mut().enumerate() {
                let steady = is_fixed[layer * width + i];
                *value = combine(steady, reads, |k| below[(i + k) % width]);
            }
        }
        let plain = leaves.iter().map(|l| values[*l]).sum::<f64>();
        assert!(sum == plain, "{sum} for {plain}");
        time
    })
}

fn combine(steady: bool, count: usize, read: impl Fn(usize) -> f64) -> f64 {
    let mut sum = read(0);
    if steady {
        (1..count).for_each(|k| sum += read(k));
        return sum;
    }
    let drop = sum as i64 & 1 == 1;
    let which = sum as i64 as usize % (count - 1);
    for k in 1..count {
        if drop && k - 1 == which {
            continue;
        }
        sum += read(k);
    }
    sum
}

/// Per node of a chain: built bottom-up, each read once, then one write and a read of the end.
fn chain<L: Lib>(length: usize) -> Duration {
    L::root(|| {
        let head = L::signal(0.0);
        let mut current = L::memo(move || L::read(head) + 1.0);
        L::get(current);
        for _ in 1..length {
            let below = current;
            current = L::memo(move || L::get(below) + 1.0);
            L::get(current);
        }
        L::effect(move || {
            L::get(current);
        });
        let mut best = Duration::MAX;
        for i in 1..=5 {
            best = best.min(timed(|| L::write(head, f64::from(i))));
            assert_eq!(L::get(current), length as f64 + f64::from(i));
        }
        // The time ends here; a library that overflows while disposing still fails the case.
        best
    })
}
