//! What the commands of a script do: to the disk in memory, to the scripted backend, to the clock.
//!
//! A command like `save` does what a program does, and sends the events that a kernel would: those
//! about directories that are not watched are not delivered. `fs` commands change the disk silently.

use hmr_watcher::{
    Batch, Builder, Change, Choice, Clock, Content, Debounce, FakeClock, Files, Filter, Manual,
    MemoryFiles, Mounts, Raw, WatchError, Watcher,
};
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
    cookie: u64,
    writes: u32,
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

fn full(path: &str) -> PathBuf {
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
        let before = matches!(word, "deny" | "refuse" | "limit" | "broken");
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
            self.disk.write(full(path), lines.replace(',', "\n"));
        } else if path.ends_with('/') {
            self.disk.mkdir(full(path));
        } else {
            self.disk.write(full(path), content);
        }
    }

    fn silently(&mut self, args: &[&str]) {
        match args {
            ["write", path] => {
                self.writes += 1;
                self.disk
                    .write(full(path), format!("write {}", self.writes));
            }
            ["write", path, content] => self.disk.write(full(path), content),
            ["unseen", path, content] => self.disk.write_unseen(full(path), content),
            ["mkdir", path] => self.disk.mkdir(full(path)),
            ["link", path, target] => self.disk.link(full(path), full(target)),
            ["rm", path] => self.disk.remove(full(path)),
            ["mv", from, to] => self.disk.rename(full(from), full(to)),
            _ => panic!("no such thing to do silently: {args:?}"),
        }
    }

    /// Does what a program does and sends what a kernel sends.
    fn act(&mut self, word: &str, args: &[&str]) -> Option<String> {
        let path = full(args.first().copied().unwrap_or_default());
        match word {
            "save" => {
                self.write(&path, args.get(1).copied());
                self.backend.send(Raw::Closed(path));
            }
            "write" => self.write(&path, args.get(1).copied()),
            "close" => drop(self.backend.send(Raw::Closed(path))),
            "atomic" => {
                let temporary = full(&format!("{}.tmp", args[0]));
                self.write(&temporary, None);
                self.backend.send(Raw::Closed(temporary.clone()));
                self.rename(&temporary, &path);
            }
            "vim" => {
                let (probe, backup) = (full("4913"), full(&format!("{}~", args[0])));
                self.write(&probe, Some("probe"));
                self.backend.send(Raw::Closed(probe.clone()));
                self.remove(&probe);
                self.rename(&path, &backup);
                self.write(&path, None);
                self.backend.send(Raw::Closed(path.clone()));
                self.backend.send(Raw::Attrib(path));
                self.remove(&backup);
            }
            "mv" => self.rename(&path, &full(args[1])),
            "rm" => self.remove(&path),
            "mkdir" => {
                self.disk.mkdir(&path);
                self.backend.send(Raw::Created(path));
            }
            "link" => {
                self.disk.link(&path, full(args[1]));
                self.backend.send(Raw::Created(path));
            }
            "touch" => {
                self.disk.touch(&path);
                self.backend.send(Raw::Attrib(path));
            }
            "read" => drop(self.disk.read(&path)),
            "event" => self.event(args),
            "deny" => self.disk.deny(path),
            "allow" => self.disk.allow(path),
            "refuse" => self.backend.refuse(path, WatchError::Denied),
            "limit" => self.backend.limit(args[0].parse().expect("a number")),
            "broken" => self.backend.refuse_to_start(WatchError::Limit),
            "pause" => self.watcher().pause(),
            "resume" => self.watcher().resume(),
            "stop" => self.watcher().stop(),
            "expect" => self
                .watcher()
                .expect_write(&path, args[1].as_bytes())
                .expect("absolute"),
            "add" => return self.watcher().add_path(&path).err().map(|e| e.to_string()),
            "remove" => {
                return self
                    .watcher()
                    .remove_path(&path)
                    .err()
                    .map(|e| e.to_string());
            }
            _ => panic!("no such command: {word}"),
        }
        None
    }

    fn event(&mut self, args: &[&str]) {
        let path = || full(args[1]);
        let cookie = || args[2].parse().expect("a cookie");
        let raw = match args[0] {
            "dirty" => Raw::Dirty(path()),
            "closed" => Raw::Closed(path()),
            "created" => Raw::Created(path()),
            "removed" => Raw::Removed(path()),
            "attrib" => Raw::Attrib(path()),
            "from" => Raw::MovedFrom {
                path: path(),
                cookie: cookie(),
            },
            "to" => Raw::MovedTo {
                path: path(),
                cookie: cookie(),
            },
            "scan" => Raw::Scan(path()),
            "overflow" => Raw::Overflow,
            "error" => Raw::Error(args[1..].join(" ")),
            other => panic!("no such event: {other}"),
        };
        self.backend.send(raw);
    }

    fn write(&mut self, path: &Path, content: Option<&str>) {
        let is_new = self.disk.stat(path, true).is_err();
        self.writes += 1;
        let fresh = format!("write {}", self.writes);
        self.disk.write(path, content.unwrap_or(&fresh));
        if is_new {
            self.backend.send(Raw::Created(path.to_owned()));
        }
        self.backend.send(Raw::Dirty(path.to_owned()));
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        self.cookie += 1;
        let cookie = self.cookie;
        self.disk.rename(from, to);
        self.backend.send(Raw::MovedFrom {
            path: from.to_owned(),
            cookie,
        });
        self.backend.send(Raw::MovedTo {
            path: to.to_owned(),
            cookie,
        });
    }

    fn remove(&mut self, path: &Path) {
        let entries = self.disk.list(path, &mut |_, _| false).unwrap_or_default();
        for entry in entries {
            self.remove(&path.join(entry.name));
        }
        self.disk.remove(path);
        self.backend.send(Raw::Removed(path.to_owned()));
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
