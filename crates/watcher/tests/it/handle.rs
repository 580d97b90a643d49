//! Behaviours of the handle: threads, stopping, streams, callbacks, barriers.

use crate::disk::{LIMIT, disk, disk_with, put};
use hmr_watcher::{Batch, Change, Choice, Debounce, FakeClock, Watcher};
use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// [56] The limit is generous, since the machine may be busy; the benchmark measures it.
#[test]
fn stop_wakes_a_waiting_next_from_any_thread_and_may_be_called_twice() {
    let disk = disk(&[]);
    let late = thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            assert!(disk.watcher.next(None).is_none());
            Instant::now()
        });
        while disk.watcher.stats().wakeups == 0 && !waiting.is_finished() {
            // Waiting has begun once an event that is of no interest has woken it.
            put(&disk.path("x.txt"), "x");
            thread::yield_now();
        }
        let stopped = Instant::now();
        disk.watcher.stop();
        disk.watcher.stop();
        let woken = waiting.join().expect("no panic");
        woken.saturating_duration_since(stopped)
    });
    assert!(late < Duration::from_secs(1), "{late:?}");
    assert!(disk.watcher.next(None).is_none(), "and later calls too");
}

/// [56] Also with a clock that stands still.
#[test]
fn stop_wakes_whoever_waits_on_a_clock_that_stands_still() {
    let disk = disk_with(&[], |builder| builder.clock(FakeClock::default()));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| disk.watcher.next(Some(LIMIT)));
        disk.watcher.stop();
        assert!(waiting.join().expect("no panic").is_none());
    });
}

/// [56]
#[test]
fn a_watcher_that_is_dropped_leaves_no_thread_and_no_file_descriptor() {
    let disk = disk(&[]);
    let open = || fs::read_dir("/proc/self/fd").expect("linux").count();
    let inotify = crate::disk::inotify_watches().expect("linux");
    let before = open();
    for _ in 0..20 {
        let watcher = Watcher::builder()
            .path(disk.root())
            .build()
            .expect("a watcher");
        drop(watcher);
    }
    // The thread of the backend ends by itself, a moment later.
    let begun = Instant::now();
    while crate::disk::inotify_watches() != Some(inotify) || open() > before {
        assert!(
            begun.elapsed() < LIMIT,
            "{} files open, {before} before",
            open()
        );
        thread::yield_now();
    }
}

/// [57]
#[test]
fn iterating_and_waiting_with_a_limit_give_the_same_batches() {
    let disk = disk(&["m.py"]);
    let mut batches = disk.watcher.iter();
    for round in 0..10 {
        disk.write("m.py", &format!("round {round}"));
        let batch = if round % 2 == 0 {
            batches.next()
        } else {
            disk.watcher.next(Some(LIMIT))
        };
        let batch = batch.expect("a batch");
        assert_eq!(batch.seq(), round + 1);
        assert_eq!(batch.changes(), [Change::Modified(disk.path("m.py"))]);
    }
    disk.watcher.stop();
    assert!(disk.watcher.into_iter().next().is_none());
}

/// [57]
#[cfg(feature = "stream")]
#[test]
fn a_stream_gives_the_same_batches_and_a_dropped_one_loses_none() {
    use futures_core::Stream;
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake};

    struct Waker(thread::Thread);
    impl Wake for Waker {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn next<S: Stream<Item = Batch>>(mut stream: Pin<&mut S>) -> Option<Batch> {
        let waker = Arc::new(Waker(thread::current())).into();
        loop {
            match stream.as_mut().poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(batch) => return batch,
                Poll::Pending => thread::park_timeout(LIMIT),
            }
        }
    }

    let disk = disk(&["m.py"]);
    for round in 0..10 {
        let mut stream = pin!(disk.watcher.stream());
        disk.write("m.py", &format!("round {round}"));
        assert_eq!(
            next(stream.as_mut()).map(|batch| batch.seq()),
            Some(2 * round + 1)
        );
        // One that is asked and then dropped: whatever it took comes back.
        let waker = Arc::new(Waker(thread::current())).into();
        let mut dropped = Box::pin(disk.watcher.stream());
        assert!(
            dropped
                .as_mut()
                .poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
        disk.write("m.py", &format!("round {round}, again"));
        thread::park_timeout(Duration::from_millis(round));
        drop(dropped);
        let batch = disk.watcher.next(Some(LIMIT)).expect("a batch");
        assert_eq!(batch.seq(), 2 * round + 2);
    }
    let mut stream = pin!(disk.watcher.stream());
    disk.watcher.stop();
    assert!(next(stream.as_mut()).is_none());
}

/// [58]
#[test]
fn a_watcher_may_be_shared_and_a_batch_sent() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Watcher>();
    shared::<Batch>();
}

/// [58] [21]
#[test]
fn several_threads_may_wait_and_each_batch_goes_to_one() {
    let disk = disk(&["m.py"]);
    let (sender, batches) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                for batch in &disk.watcher {
                    sender.send(batch.seq()).expect("a receiver");
                }
            });
        }
        for round in 1..=50 {
            disk.write("m.py", &format!("round {round}"));
            assert_eq!(batches.recv_timeout(LIMIT), Ok(round));
        }
        disk.watcher.stop();
    });
}

/// [59]
#[test]
fn a_callback_that_panics_does_not_harm_the_watcher() {
    let disk = disk(&["m.py"]);
    let mut calls = 0;
    disk.write("m.py", "the first");
    disk.watcher.run(|_| {
        calls += 1;
        disk.write("m.py", &format!("call {calls}"));
        if calls == 3 {
            disk.watcher.stop();
        }
        assert!(calls != 2, "the callback panics, as the test wants it to");
    });
    assert_eq!(calls, 3);
    assert_eq!(disk.watcher.stats().panics, 1);
}

/// [55]
#[test]
fn settle_returns_every_change_that_was_made_before_the_call() {
    let mut disk = disk(&["m.py"]);
    for round in 0..200 {
        disk.write("m.py", &format!("round {round}"));
        disk.write(&format!("new{round}/deep/f.py"), "new");
        let batch = disk.watcher.settle().expect("a batch");
        assert_eq!(batch.changes().len(), 2, "round {round}: {batch:#?}");
    }
    assert!(disk.watcher.settle().is_none());
    disk.nothing_else();
}

/// [54]
#[test]
fn a_paused_watcher_collects() {
    let mut disk = disk(&["m.py"]);
    disk.watcher.pause();
    disk.write("m.py", "edited");
    disk.write("n.py", "new");
    assert!(disk.watcher.next(Some(Duration::from_millis(20))).is_none());
    disk.watcher.resume();
    assert_eq!(disk.batch(), ["modified m.py", "added n.py"]);
    disk.nothing_else();
}

/// [60]
#[test]
fn a_write_that_was_announced_is_not_reported() {
    let mut disk = disk(&["m.py"]);
    disk.watcher
        .expect_write(disk.path("m.py"), b"mine")
        .expect("absolute");
    disk.write("m.py", "mine");
    disk.nothing_else();
    disk.write("m.py", "foreign");
    assert_eq!(disk.batch(), ["modified m.py"]);
}

/// [61]
#[test]
fn paths_may_be_added_and_removed_while_it_runs() {
    let mut disk = disk(&["m.py"]);
    let other = disk.outside().join("other");
    put(&other.join("o.py"), "at the start");
    disk.watcher.add_path(&other).expect("added");
    disk.watcher.add_path(disk.root()).expect("nothing to do");
    put(&other.join("o.py"), "edited");
    assert_eq!(disk.batch().len(), 1);
    put(&other.join("o.py"), "edited again");
    disk.watcher.remove_path(&other).expect("removed");
    put(&other.join("o.py"), "edited a third time");
    disk.nothing_else();
}

/// [62]
#[test]
fn a_child_process_inherits_no_inotify() {
    let disk = disk(&[]);
    let output = Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .expect("ls");
    let list = String::from_utf8_lossy(&output.stdout);
    assert!(list.contains("->") && !list.contains("inotify"), "{list}");
    drop(disk);
}

/// [40] A look that gives up at once must not clear what is on its way.
#[test]
fn looking_without_waiting_loses_nothing() {
    let disk = disk(&["m.py"]);
    for round in 0..100 {
        disk.write("m.py", &format!("round {round}"));
        let begun = Instant::now();
        let batch = loop {
            if let Some(batch) = disk.watcher.next(Some(Duration::ZERO)) {
                break batch;
            }
            assert!(begun.elapsed() < LIMIT, "nothing came in round {round}");
            thread::yield_now();
        };
        assert_eq!(batch.changes(), [Change::Modified(disk.path("m.py"))]);
    }
}

/// [45]
#[test]
fn a_poller_sees_every_save() {
    let interval = Duration::from_millis(5);
    let mut disk = disk_with(&["m.py"], |builder| builder.backend(Choice::Poll(interval)));
    for round in 0..20 {
        disk.write("m.py", &format!("round {round:3}"));
        assert_eq!(disk.batch(), ["modified m.py"]);
    }
    disk.nothing_else();
}

/// Times without an end are times: nothing overflows, and `settle` still works [55].
#[test]
fn times_may_be_endless() {
    let endless = Debounce::default()
        .quiet_min(Duration::MAX)
        .quiet_max(Duration::MAX)
        .max_wait(Duration::MAX)
        .rename_wait(Duration::MAX);
    for choice in [Choice::Auto, Choice::Poll(Duration::MAX)] {
        let disk = disk(&[]);
        let file = disk.root().join("a");
        let watcher = Watcher::builder()
            .path(disk.root())
            .backend(choice)
            .debounce(endless)
            .build()
            .expect("a watcher");
        watcher.expect_write("b", b"").expect("a path");
        for content in ["1", "2"] {
            std::fs::write(&file, content).expect("written");
            assert!(watcher.next(Some(Duration::from_millis(20))).is_none());
            assert!(watcher.settle().is_some());
        }
        std::fs::remove_file(&file).expect("removed");
        assert!(watcher.next(Some(Duration::from_millis(20))).is_none());
        assert!(watcher.settle().is_some());
    }
}
