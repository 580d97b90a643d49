//! The figures, and the table that they become.

use crate::peer::Peer;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// Figures by measure and watcher; the measures keep the order in which they came.
#[derive(Default)]
pub struct Report {
    measures: Vec<String>,
    figures: BTreeMap<(String, String), String>,
    alone: Vec<(String, String)>,
    loads: Vec<f64>,
}

impl Report {
    pub fn set(&mut self, measure: &str, peer: &Peer, figure: impl Into<String>) {
        let figure = figure.into();
        eprintln!("{:12} {measure}: {figure}", peer.name);
        if !self.measures.iter().any(|known| known == measure) {
            self.measures.push(measure.to_owned());
        }
        let key = (measure.to_owned(), peer.name.to_owned());
        self.figures.insert(key, figure);
    }

    /// How busy the machine is, to be told along with the figures.
    pub fn note_load(&mut self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load
            .split(' ')
            .next()
            .and_then(|load| load.parse::<f64>().ok());
        self.loads.extend(load);
    }

    pub fn set_alone(&mut self, measure: &str, figure: impl Into<String>) {
        let figure = figure.into();
        eprintln!("{measure}: {figure}");
        self.alone.push((measure.to_owned(), figure));
    }

    pub fn markdown(&self, peers: &[Peer]) -> String {
        let mut text = String::from(HEAD);
        let _ = writeln!(text, "{}\n", machine(&self.loads));
        let titles: Vec<&str> = peers.iter().map(|peer| peer.title.as_str()).collect();
        let _ = writeln!(text, "| | {} |", titles.join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(peers.len()));
        for measure in &self.measures {
            let figures = peers.iter().map(|peer| {
                let key = (measure.clone(), peer.name.to_owned());
                self.figures.get(&key).map_or("–", String::as_str)
            });
            let figures: Vec<&str> = figures.collect();
            let _ = writeln!(text, "| {measure} | {} |", figures.join(" | "));
        }
        if !self.alone.is_empty() {
            let _ = writeln!(text, "\n## hmr-watcher alone\n\n| | |\n|---|---|");
            for (measure, figure) in &self.alone {
                let _ = writeln!(text, "| {measure} | {figure} |");
            }
        }
        text.push_str(TAIL);
        text
    }
}

fn machine(loads: &[f64]) -> String {
    let output = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let least = loads.iter().copied().fold(f64::INFINITY, f64::min);
    let most = loads.iter().copied().fold(0.0, f64::max);
    let kernel = output("uname", &["-sr"]);
    let queue = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let queue = queue.unwrap_or_default();
    format!(
        "Written by the command below on {kernel}, {cores} cores, load average {least} to {most}, kernel \
         queue of {} events.",
        queue.trim()
    )
}

const HEAD: &str = "# hmr-watcher beside other watchers

Each watcher runs in a process of its own and says what it is told; another process makes the changes.
Times are from the end of the change to the moment the watching process holds the event. *Lost* counts
files about which nothing was said, or nothing any more when they were edited later.

";

const TAIL: &str = "
Run it again with:

```sh
cargo run --release --manifest-path benches/peers-watcher/Cargo.toml \\
    --target-dir target/peers-watcher -- --write docs/benchmarks/watcher.md
```

`watchfiles` is taken from `$PEERS_PYTHON`, from `python3`, or from PyPI into an environment below the
target directory; without it its column is missing. `notify-debouncer-full` reports opening and
reading files as well; its runner leaves those out. A machine that does something else at the same time
makes the slowest percent slower for everybody.
";
