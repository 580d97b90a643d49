//! The watchers that are compared, and a process that runs one of them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A watcher with its settings.
pub struct Peer {
    /// What the child process is called with.
    pub name: &'static str,
    /// What the report calls it.
    pub title: String,
    /// Longer than it needs to deliver one save.
    pub pause: Duration,
    command: Vec<String>,
}

fn rust(name: &'static str, title: &str, pause: u64) -> Peer {
    let me = std::env::current_exe().expect("this program");
    Peer {
        name,
        title: title.to_owned(),
        pause: Duration::from_millis(pause),
        command: vec![me.display().to_string(), "child".into(), name.into()],
    }
}

/// Those that can run here.
pub fn peers() -> Vec<Peer> {
    let mut peers = vec![
        rust("ours", "hmr-watcher, defaults", 40),
        rust("mini10", "notify-debouncer-mini 0.7.0, 10 ms", 80),
        rust(
            "mini500",
            "notify-debouncer-mini 0.7.0, 500 ms (default)",
            1200,
        ),
        rust("full10", "notify-debouncer-full 0.7.0, 10 ms", 80),
        rust("full500", "notify-debouncer-full 0.7.0, 500 ms", 1300),
    ];
    if let Some(python) = python() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/watchfiles_child.py");
        peers.push(Peer {
            name: "watchfiles",
            title: "watchfiles, defaults".into(),
            pause: Duration::from_millis(180),
            command: vec![python, script.into()],
        });
    }
    peers
}

/// A Python that can import watchfiles: `$PEERS_PYTHON`, or a fresh environment below the target
/// directory; none if the package cannot be had.
fn python() -> Option<String> {
    let works = |python: &str| {
        let import = Command::new(python)
            .args(["-c", "import watchfiles"])
            .output();
        import.is_ok_and(|output| output.status.success())
    };
    let asked = std::env::var("PEERS_PYTHON").unwrap_or_else(|_| "python3".into());
    if works(&asked) {
        return Some(asked);
    }
    let me = std::env::current_exe().ok()?;
    let place = me.parent()?.join("peers-venv");
    let python = place.join("bin/python").display().to_string();
    if !works(&python) {
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&place)
            .status()
            .ok()?;
        let pip = ["-m", "pip", "install", "-q", "watchfiles==1.3.0"];
        Command::new(&python).args(pip).status().ok()?;
    }
    works(&python).then_some(python)
}

/// What the watching process said.
#[derive(Debug, Clone)]
pub enum Line {
    Armed { ms: f64, rss_kb: i64 },
    Batch { at_ns: u128 },
    Path(PathBuf),
}

/// A running watcher.
pub struct Process {
    child: Child,
    lines: Receiver<Line>,
    pub armed_ms: f64,
    pub rss_kb: i64,
}

pub fn now_ns() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_nanos()
}

impl Process {
    pub fn start(peer: &Peer, dir: &Path, include: Option<&str>) -> Self {
        let mut child = Command::new(&peer.command[0])
            .args(&peer.command[1..])
            .arg(dir)
            .args(include)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a watcher");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(line) = parse(&line)
                    && sender.send(line).is_err()
                {
                    return;
                }
            }
        });
        let mut process = Self {
            child,
            lines,
            armed_ms: 0.0,
            rss_kb: 0,
        };
        while let Some(line) = process.next(Duration::from_secs(60)) {
            if let Line::Armed { ms, rss_kb } = line {
                process.armed_ms = ms;
                process.rss_kb = rss_kb;
                break;
            }
        }
        process
    }

    pub fn next(&self, limit: Duration) -> Option<Line> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Everything until nothing came for `quiet`: each batch with its time and its paths.
    pub fn drain(&self, quiet: Duration) -> Vec<(u128, Vec<PathBuf>)> {
        let mut batches: Vec<(u128, Vec<PathBuf>)> = Vec::new();
        while let Some(line) = self.next(quiet) {
            match (line, batches.last_mut()) {
                (Line::Batch { at_ns }, _) => batches.push((at_ns, Vec::new())),
                (Line::Path(path), Some((_, paths))) => paths.push(path),
                _ => {}
            }
        }
        batches
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([name, &id]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Processor time in ms and wake-ups of all threads so far.
    pub fn usage(&self) -> (f64, u64) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let (mut ns, mut wakeups) = (0_u64, 0_u64);
        for task in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
            let read =
                |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let schedstat = read("schedstat");
            ns += schedstat
                .split(' ')
                .next()
                .and_then(|ns| ns.parse().ok())
                .unwrap_or(0);
            for line in read("status").lines() {
                if let Some(switches) = line.strip_prefix("voluntary_ctxt_switches:") {
                    wakeups += switches.trim().parse().unwrap_or(0);
                }
            }
        }
        (ns as f64 / 1e6, wakeups)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Line> {
    let (kind, rest) = line.split_once(' ')?;
    match kind {
        "armed" => {
            let (ms, rss) = rest.split_once(' ')?;
            let (ms, rss_kb) = (ms.parse().ok()?, rss.parse().ok()?);
            Some(Line::Armed { ms, rss_kb })
        }
        "b" => Some(Line::Batch {
            at_ns: rest.parse().ok()?,
        }),
        "p" => Some(Line::Path(rest.into())),
        _ => None,
    }
}
