//! What a change costs in `hmr-watcher`: on the real disk, and without one.
//!
//! How it compares with other watchers, and what is lost by whom, is measured by
//! `benches/peers-watcher`.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hmr_watcher::{Debounce, FakeClock, Filter, Manual, MemoryFiles, Mounts, Raw, Watcher};
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// From the end of a write to the batch in hand, at the defaults and without any quiet time.
fn save_to_batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("save_to_batch");
    for (name, quiet) in [("default", 2), ("at_once", 0)] {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("m.py");
        fs::write(&file, "at the start").expect("a write");
        let debounce = Debounce::default()
            .quiet_min(Duration::from_millis(quiet))
            .quiet_max(Duration::from_millis(5));
        let watcher = Watcher::builder()
            .path(dir.path())
            .filter(Filter::new().include("*.py"))
            .debounce(debounce)
            .build()
            .expect("armed");
        let mut round = 0;
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    round += 1;
                    fs::write(&file, format!("round {round}")).expect("a write");
                    let saved = Instant::now();
                    let batch = watcher.next(Some(LIMIT)).expect("a batch");
                    total += saved.elapsed();
                    assert_eq!(batch.changes().len(), 1);
                    // So that the next save is a lone one again.
                    assert!(watcher.next(Some(Duration::from_millis(6))).is_none());
                }
                total
            });
        });
    }
    group.finish();
}

/// Files that changed at once, from the events to the batch: without a disk, without waiting.
fn net_effect(c: &mut Criterion) {
    let mut group = c.benchmark_group("net_effect");
    for n in [1_usize, 100, 10_000] {
        let (disk, backend, clock) = (
            MemoryFiles::default(),
            Manual::default(),
            FakeClock::default(),
        );
        let files: Vec<PathBuf> = (0..n)
            .map(|n| format!("/src/d{}/f{n}.py", n % 100).into())
            .collect();
        for file in &files {
            disk.write(file, "at the start");
        }
        let watcher = Watcher::builder()
            .path("/src")
            .files(disk.clone())
            .custom_backend(backend.clone())
            .clock(clock.clone())
            .mounts(Mounts::default())
            .build()
            .expect("armed");
        let mut round = 0;
        group.throughput(Throughput::Elements(n as u64));
        group.bench_with_input(BenchmarkId::from_parameter(n), &files, |b, files| {
            b.iter_batched(
                || {
                    round += 1;
                    for file in files {
                        disk.write(file, format!("round {round}"));
                        backend.send(Raw::Dirty(file.clone()));
                        backend.send(Raw::Closed(file.clone()));
                    }
                    clock.advance(Duration::from_millis(1));
                    assert!(
                        watcher.next(Some(Duration::ZERO)).is_none(),
                        "not quiet yet"
                    );
                    clock.advance(Duration::from_secs(1));
                },
                |()| {
                    let batch = watcher.next(Some(Duration::ZERO)).expect("a batch");
                    assert_eq!(batch.changes().len(), n);
                    black_box(batch)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A tree with ten files in each directory, from the call to the armed watcher.
fn arm(c: &mut Criterion) {
    let mut group = c.benchmark_group("arm");
    group.sample_size(20);
    for dirs in [100_u64, 1_000] {
        let tree = tempfile::tempdir().expect("a directory");
        for n in 0..dirs {
            let dir = tree.path().join(format!("d{}/e{n}", n % 10));
            fs::create_dir_all(&dir).expect("directories");
            for file in 0..10 {
                fs::write(dir.join(format!("f{file}.py")), "x = 1").expect("a write");
            }
        }
        group.throughput(Throughput::Elements(dirs));
        group.bench_function(BenchmarkId::from_parameter(dirs), |b| {
            b.iter_with_large_drop(|| {
                let watcher = Watcher::builder().path(tree.path()).build().expect("armed");
                assert_eq!(watcher.stats().files as u64, dirs * 10);
                watcher
            });
        });
    }
    group.finish();
}

criterion_group!(benches, save_to_batch, net_effect, arm);
criterion_main!(benches);
