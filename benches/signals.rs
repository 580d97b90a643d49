//! hmr-signals per operation, and what its own layouts buy against the given building blocks.
//!
//! The comparison with other libraries is a program of its own, `benches/peers`, because they are
//! heavy to build.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hmr_signals::graph::{Graph, NodeId};
use hmr_signals::{Memo, Runtime, Signal};
use slotmap::SlotMap;
use smallvec::SmallVec;

/// A line of memos, each read once, with an effect at its end.
fn chain(rt: &Runtime, length: usize) -> Signal<u64> {
    let head = rt.signal(0_u64);
    let mut last = rt.memo(move || head.get() + 1);
    last.get();
    for _ in 1..length {
        let below = last;
        last = rt.memo(move || below.get() + 1);
        last.get();
    }
    rt.effect(move || {
        black_box(last.get());
    });
    head
}

/// One write through a chain; per node.
fn deep(c: &mut Criterion) {
    let mut group = c.benchmark_group("deep");
    for length in [50_usize, 1_000, 100_000, 1_000_000] {
        let rt = Runtime::new();
        let (head, mut value) = (chain(&rt, length), 0);
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(BenchmarkId::from_parameter(length), |b| {
            b.iter(|| {
                value += 1;
                head.set(value);
            });
        });
    }
    group.finish();
}

/// One source, many effects: per effect.
fn broad(c: &mut Criterion) {
    let mut group = c.benchmark_group("broad");
    for width in [1_usize, 100, 10_000] {
        let rt = Runtime::new();
        let (head, mut value) = (rt.signal(0_u64), 0);
        for _ in 0..width {
            rt.effect(move || {
                black_box(head.get());
            });
        }
        group.throughput(Throughput::Elements(width as u64));
        group.bench_function(BenchmarkId::from_parameter(width), |b| {
            b.iter(|| {
                value += 1;
                head.set(value);
            });
        });
    }
    group.finish();
}

/// Five memos that join, and an effect: per write.
fn diamond(c: &mut Criterion) {
    let rt = Runtime::new();
    let (head, mut value) = (rt.signal(0_u64), 0);
    let all: Vec<Memo<u64>> = (0..5).map(|_| rt.memo(move || head.get() + 1)).collect();
    let sum = rt.memo(move || all.iter().map(Memo::get).sum::<u64>());
    rt.effect(move || {
        black_box(sum.get());
    });
    c.bench_function("diamond of 7", |b| {
        b.iter(|| {
            value += 1;
            head.set(value);
        });
    });
    assert_eq!(sum.get(), (value + 1) * 5);
}

/// A ladder of 60 rungs has 2^60 paths; per write.
fn ladder(c: &mut Criterion) {
    let rt = Runtime::new();
    let (head, mut value) = (rt.signal(0_u64), 0);
    let first = rt.memo(move || head.get());
    let mut rung = (first, first);
    for _ in 0..60 {
        let (l, r) = rung;
        let make = || rt.memo(move || l.get().wrapping_add(r.get()));
        rung = (make(), make());
    }
    let (l, r) = rung;
    rt.effect(move || {
        black_box((l.get(), r.get()));
    });
    c.bench_function("ladder of 60", |b| {
        b.iter(|| {
            value += 1;
            head.set(value);
        });
    });
}

/// Making 10,000 nodes in a runtime that has the memory already; per node.
fn create(c: &mut Criterion) {
    const COUNT: usize = 10_000;
    let mut group = c.benchmark_group("create");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("signal", |b| {
        b.iter_batched_ref(
            Runtime::new,
            |rt| {
                (0..COUNT).for_each(|i| {
                    black_box(rt.signal(i));
                });
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("memo with one read", |b| {
        b.iter_batched_ref(
            || {
                let rt = Runtime::new();
                let s = rt.signal(1);
                (rt, s)
            },
            |(rt, s)| {
                let s = *s;
                (0..COUNT).for_each(|_| {
                    black_box(rt.memo(move || s.get()).get());
                });
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("boxed value and closure, for comparison", |b| {
        b.iter(|| {
            let mut all: Vec<Box<dyn Fn() -> usize>> = Vec::new();
            (0..COUNT).for_each(|i| all.push(Box::new(move || i)));
            black_box(all.len())
        });
    });
    group.finish();
}

/// Finding a node by its id: our arena against a slotmap of records of the same size.
fn lookup(c: &mut Criterion) {
    const COUNT: usize = 100_000;
    let mut group = c.benchmark_group("layout/lookup");
    group.throughput(Throughput::Elements(COUNT as u64));
    let step = |i: usize| i * 7919 % COUNT;
    let mut graph = Graph::new();
    let ids: Vec<NodeId> = (0..COUNT).map(|_| graph.add_source()).collect();
    group.bench_function("own arena", |b| {
        b.iter(|| (0..COUNT).filter(|i| graph.contains(ids[step(*i)])).count());
    });
    let mut map: SlotMap<slotmap::DefaultKey, [u32; 7]> = SlotMap::new();
    let keys: Vec<_> = (0..COUNT).map(|_| map.insert([1; 7])).collect();
    group.bench_function("slotmap", |b| {
        b.iter(|| {
            (0..COUNT)
                .filter(|i| map.get(keys[step(*i)]).is_some_and(|n| n[0] == 1))
                .count()
        });
    });
    group.finish();
}

/// A run that repeats its reads: our linked records against small vectors compared by cursor.
fn retrack(c: &mut Criterion) {
    let mut group = c.benchmark_group("layout/retrack");
    for reads in [1_usize, 4, 25] {
        group.throughput(Throughput::Elements(reads as u64));
        let mut graph = Graph::new();
        let sources: Vec<NodeId> = (0..reads).map(|_| graph.add_source()).collect();
        let reader = graph.add_computation(false);
        group.bench_function(BenchmarkId::new("own edges", reads), |b| {
            b.iter(|| {
                graph.start(reader);
                for source in &sources {
                    graph.read(reader, *source);
                }
                graph.finish(reader, false);
            });
        });
        assert_eq!(graph.dependencies(reader).count(), reads);
        let mut edges: SmallVec<[NodeId; 4]> = SmallVec::new();
        group.bench_function(BenchmarkId::new("smallvec by cursor", reads), |b| {
            b.iter(|| {
                let mut cursor = 0;
                for source in &sources {
                    if edges.get(cursor) != Some(black_box(source)) {
                        edges.truncate(cursor);
                        edges.push(*source);
                    }
                    cursor += 1;
                }
                edges.truncate(cursor);
                black_box(edges.len())
            });
        });
    }
    group.finish();
}

criterion_group!(
    benches, deep, broad, diamond, ladder, create, lookup, retrack
);
criterion_main!(benches);
