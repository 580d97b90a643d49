//! The watching process: one watcher, and a line for everything that it says.

use crate::peer::now_ns;
use hmr_watcher::{Filter, Watcher};
use notify_debouncer_full::notify::RecursiveMode;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn rss_kb() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

struct Teller {
    begun: Instant,
    rss: i64,
    out: BufWriter<std::io::Stdout>,
}

impl Teller {
    fn new() -> Self {
        Self {
            rss: rss_kb(),
            begun: Instant::now(),
            out: BufWriter::new(std::io::stdout()),
        }
    }

    fn armed(&mut self) {
        let ms = self.begun.elapsed().as_secs_f64() * 1e3;
        let rss = rss_kb() - self.rss;
        writeln!(self.out, "armed {ms:.2} {rss}").expect("a pipe");
        self.out.flush().expect("a pipe");
    }

    fn batch<P: AsRef<Path>>(&mut self, paths: impl IntoIterator<Item = P>) {
        let at = now_ns();
        writeln!(self.out, "b {at}").expect("a pipe");
        for path in paths {
            writeln!(self.out, "p {}", path.as_ref().display()).expect("a pipe");
        }
        self.out.flush().expect("a pipe");
    }
}

pub fn run(name: &str, dir: &Path, include: Option<&str>) {
    let mut teller = Teller::new();
    match name {
        "ours" => ours(dir, include, &mut teller),
        "mini10" => mini(dir, 10, &mut teller),
        "mini500" => mini(dir, 500, &mut teller),
        "full10" => full(dir, 10, &mut teller),
        "full500" => full(dir, 500, &mut teller),
        "stop" => stop(dir),
        other => panic!("no such watcher: {other}"),
    }
}

fn ours(dir: &Path, include: Option<&str>, teller: &mut Teller) {
    let mut filter = Filter::new();
    if let Some(include) = include {
        filter = filter.include(include);
    }
    let watcher = Watcher::builder()
        .path(dir)
        .filter(filter)
        .build()
        .expect("armed");
    teller.armed();
    for batch in &watcher {
        teller.batch(batch.iter().map(hmr_watcher::Change::path));
    }
}

fn mini(dir: &Path, ms: u64, teller: &mut Teller) {
    let (sender, batches) = channel();
    let wait = Duration::from_millis(ms);
    let mut debouncer = notify_debouncer_mini::new_debouncer(wait, sender).expect("a debouncer");
    debouncer
        .watcher()
        .watch(dir, RecursiveMode::Recursive)
        .expect("armed");
    teller.armed();
    for events in batches.into_iter().flatten() {
        teller.batch(events.into_iter().map(|event| event.path));
    }
}

fn full(dir: &Path, ms: u64, teller: &mut Teller) {
    let (sender, batches) = channel();
    let wait = Duration::from_millis(ms);
    let mut debouncer =
        notify_debouncer_full::new_debouncer(wait, None, sender).expect("a debouncer");
    debouncer
        .watch(dir, RecursiveMode::Recursive)
        .expect("armed");
    teller.armed();
    for events in batches.into_iter().flatten() {
        // Reading is no change, and this peer leaves it to its user to say so.
        let events = events.into_iter().filter(|event| !is_read(&event.kind));
        let paths: Vec<PathBuf> = events.flat_map(|event| event.event.paths).collect();
        if !paths.is_empty() {
            teller.batch(paths);
        }
    }
}

fn is_read(kind: &notify_debouncer_full::notify::EventKind) -> bool {
    use notify_debouncer_full::notify::event::{AccessKind, AccessMode, EventKind};
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

/// How long `stop()` takes to wake a waiting thread: one number of milliseconds per line.
fn stop(dir: &Path) {
    for _ in 0..50 {
        let watcher = Watcher::builder().path(dir).build().expect("armed");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while watcher.next(None).is_some() {}
                Instant::now()
            });
            std::thread::sleep(Duration::from_millis(20));
            let stopped = Instant::now();
            watcher.stop();
            let woken = waiting.join().expect("no panic");
            let late = woken.saturating_duration_since(stopped);
            println!("{:.3}", late.as_secs_f64() * 1e3);
        });
    }
}
