//! The world of a script: a disk in memory, a scripted backend, a clock, and a watcher on them.
//!
//! Settings, the passing of time and what is shown are here; what programs do is in `actions`.

use hmr_watcher::{
    Batch, Builder, Change, Choice, Clock, Content, Debounce, Entry, FakeClock, Files, Filter,
    Kind, Manual, MemoryFiles, Mounts, Stat, Watcher,
};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) struct World {
    pub(crate) disk: MemoryFiles,
    pub(crate) backend: Manual,
    pub(crate) clock: FakeClock,
    builder: Option<Builder>,
    filter: Filter,
    debounce: Debounce,
    roots: Vec<PathBuf>,
    pub(crate) watcher: Option<Watcher>,
    pub(crate) cookie: u64,
    pub(crate) writes: u32,
    show_seq: bool,
    failed: bool,
}

impl Default for World {
    fn default() -> Self {
        let (disk, clock) = (MemoryFiles::default(), FakeClock::default());
        let backend = Manual::on(disk.clone());
        disk.mkdir("/r");
        let builder = Watcher::builder()
            .files(disk.clone())
            .custom_backend(backend.clone())
            .clock(clock.clone())
            .mounts(Mounts::default());
        Self {
            disk,
            backend,
            clock,
            builder: Some(builder),
            filter: Filter::new(),
            debounce: Debounce::default(),
            roots: Vec::new(),
            watcher: None,
            cookie: 0,
            writes: 0,
            show_seq: false,
            failed: false,
        }
    }
}

fn ms(text: &str) -> Duration {
    Duration::from_millis(
        text.parse()
            .unwrap_or_else(|_| panic!("not a number: {text}")),
    )
}

pub(crate) fn full(path: &str) -> PathBuf {
    let path = Path::new("/r").join(path);
    path.components().collect()
}

fn short(path: &Path) -> String {
    let below = path.strip_prefix("/r").ok();
    let below = below.filter(|path| !path.as_os_str().is_empty());
    below.unwrap_or(path).to_string_lossy().into_owned()
}

impl World {
    pub(crate) fn command(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&word, args) = words.split_first().expect("a command");
        match word {
            "with" => {
                for arg in args {
                    self.set(arg);
                }
                return Vec::new();
            }
            "has" => {
                for path in args {
                    self.put(path, "at the start");
                }
                return Vec::new();
            }
            _ => {}
        }
        if self.failed {
            return vec!["no watcher".to_owned()];
        }
        let before = matches!(word, "deny" | "refuse" | "break" | "limit" | "broken");
        if self.watcher.is_none()
            && !before
            && let Err(error) = self.build()
        {
            self.failed = true;
            return vec![format!("error {error}")];
        }
        if let Some(time) = word.strip_prefix('+') {
            return self.pass(ms(time));
        }
        match word {
            "fs" => self.silently(args),
            "sleep" => self.clock.advance(ms(args[0])),
            "wait" => return self.wait_until_quiet(),
            "ask" => return self.ask(),
            "settle" => {
                let batch = self.watcher().settle();
                return self.line(batch);
            }
            "show" => return self.show(args[0]),
            _ => {
                if let Some(answer) = self.act(word, args) {
                    return vec![answer];
                }
            }
        }
        Vec::new()
    }

    fn set(&mut self, setting: &str) {
        let (key, value) = setting.split_once('=').unwrap_or((setting, "on"));
        let on = value == "on";
        let filter = self.filter.clone();
        let builder = self.builder.take().expect("settings come first");
        let mut after = None;
        match key {
            "include" => self.filter = filter.include(value),
            "exclude" => self.filter = filter.exclude(value),
            "ignore_dirs" => self.filter = filter.ignore_dirs(value.split(',')),
            "gitignore" => self.filter = filter.gitignore(on),
            "quiet_min" => self.debounce = self.debounce.quiet_min(ms(value)),
            "quiet_max" => self.debounce = self.debounce.quiet_max(ms(value)),
            "max_wait" => self.debounce = self.debounce.max_wait(ms(value)),
            "rename_wait" => self.debounce = self.debounce.rename_wait(ms(value)),
            "root" => self.roots.push(full(value)),
            "seq" => self.show_seq = on,
            _ => after = Some(()),
        }
        self.builder = Some(match (after, key) {
            (None, _) => builder,
            (_, "content") if value == "off" => builder.content(Content::Off),
            (_, "content") => builder.content(Content::HashUpTo(value.parse().expect("bytes"))),
            (_, "attributes") => builder.attributes(on),
            (_, "pair") => builder.pair_renames(on),
            (_, "collapse") => builder.collapse_dirs(on),
            (_, "follow") => builder.follow_links(on),
            (_, "wait_for_root") => builder.wait_for_root(on),
            (_, "poll") => builder.backend(Choice::Poll(ms(value))),
            (_, "slow") => {
                let (disk, clock) = (self.disk.clone(), self.clock.clone());
                let time = ms(value);
                builder.files(Slow { disk, clock, time })
            }
            (_, "poll_interval") => builder.poll_interval(ms(value)),
            (_, "mount") => {
                let (place, kind) = value.split_once(':').expect("place:kind");
                let place = full(place);
                let table = format!(
                    "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {} rw - {kind} x rw\n",
                    place.display()
                );
                builder.mounts(Mounts::parse(&table))
            }
            _ => panic!("no such setting: {key}"),
        });
    }

    pub(crate) fn build(&mut self) -> Result<(), hmr_watcher::Error> {
        let mut builder = self
            .builder
            .take()
            .expect("built once; was there an error before?")
            .filter(self.filter.clone())
            .debounce(self.debounce);
        if self.roots.is_empty() {
            self.roots.push("/r".into());
        }
        for root in &self.roots {
            builder = builder.path(root);
        }
        let watcher = builder.build()?;
        // The content of the start is read while `next` waits.
        for _ in 0..1000 {
            assert!(
                watcher.next(Some(Duration::ZERO)).is_none(),
                "a false start"
            );
        }
        self.watcher = Some(watcher);
        Ok(())
    }

    pub(crate) fn watcher(&self) -> &Watcher {
        self.watcher.as_ref().expect("a watcher")
    }

    fn put(&mut self, path: &str, content: &str) {
        if let Some((link, target)) = path.split_once("->") {
            self.disk.link(full(link), full(target));
        } else if let Some((path, lines)) = path.split_once(':') {
            self.disk
                .write(full(path), lines.replace(',', "\n").replace('␠', " "));
        } else if path.ends_with('/') {
            self.disk.mkdir(full(path));
        } else {
            self.disk.write(full(path), content);
        }
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        let mut lines = self.ask();
        for _ in 0..time.as_millis() {
            self.clock.advance(Duration::from_millis(1));
            lines.extend(self.ask());
        }
        lines
    }

    /// Lets the time pass until nothing waits, for a minute at most.
    fn wait_until_quiet(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..60_000 {
            lines.extend(self.ask());
            if self.watcher().stats().pending == 0 {
                break;
            }
            self.clock.advance(Duration::from_millis(1));
        }
        lines
    }

    /// What there is now.
    fn ask(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(batch) = self.watcher().next(Some(Duration::ZERO)) {
            lines.extend(self.line(Some(batch)));
        }
        lines
    }

    fn line(&self, batch: Option<Batch>) -> Vec<String> {
        let Some(batch) = batch else {
            return Vec::new();
        };
        let changes: Vec<_> = batch.changes().iter().map(describe).collect();
        let mut line = self.clock.now().as_millis().to_string();
        if self.show_seq {
            line = format!("{line} #{}", batch.seq());
        }
        line += if batch.settled() { "" } else { " unsettled" };
        line += if batch.rescanned() { " rescanned" } else { "" };
        vec![format!("{line} {}", changes.join(", "))]
    }

    fn show(&mut self, what: &str) -> Vec<String> {
        let stats = self.watcher().stats();
        match what {
            "watched" => {
                let dirs: Vec<_> = self
                    .backend
                    .watched()
                    .iter()
                    .map(|dir| short(dir))
                    .collect();
                vec![format!("watched {}", dirs.join(" "))]
            }
            "warnings" => {
                let warnings = self.watcher().warnings();
                warnings
                    .iter()
                    .map(|warning| format!("warning {warning}"))
                    .collect()
            }
            "polled" => vec![format!("polled {}", stats.polled_dirs)],
            "pending" => vec![format!("pending {}", stats.pending)],
            "dirs" => vec![format!("dirs {}", stats.dirs)],
            "rescans" => vec![format!("rescans {}", stats.rescans)],
            "log" => vec![format!("log {}", self.backend.log().join(", "))],
            "reads" => {
                let reads: Vec<_> = self
                    .disk
                    .take_reads()
                    .iter()
                    .map(|path| short(path))
                    .collect();
                vec![format!("reads {}", reads.join(" "))]
            }
            _ => panic!("nothing to show: {what}"),
        }
    }
}

pub(crate) fn describe(change: &Change) -> String {
    match change {
        Change::Added(path) => format!("added {}", short(path)),
        Change::Modified(path) => format!("modified {}", short(path)),
        Change::Removed(path) => format!("removed {}", short(path)),
        Change::Metadata(path) => format!("metadata {}", short(path)),
        Change::Renamed { from, to } => format!("renamed {} {}", short(from), short(to)),
        other => format!("{other:?}"),
    }
}

/// A disk on which every listing takes its time.
struct Slow {
    disk: MemoryFiles,
    clock: FakeClock,
    time: Duration,
}

impl Files for Slow {
    fn stat(&self, path: &Path, follow: bool) -> io::Result<Stat> {
        self.disk.stat(path, follow)
    }

    fn list(
        &self,
        dir: &Path,
        want: &mut dyn FnMut(&OsStr, Kind) -> bool,
    ) -> io::Result<Vec<Entry>> {
        self.clock.advance(self.time);
        self.disk.list(dir, want)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.read_link(path)
    }
}
