//! `hmr-watcher` beside other watchers, in one run.
//!
//! Each watcher runs in a process of its own, which says on its standard output what it is told and
//! when; this process makes the changes. The times are those of the system clock on both sides: from
//! the end of the change to the moment the watching process holds the event.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers-watcher/Cargo.toml \
//!     --target-dir target/peers-watcher -- --write docs/benchmarks/watcher.md
//! ```
//!
//! `--quick` makes fewer changes; `--only ours` runs one watcher.

mod child;
mod peer;
mod report;
mod scenario;

use peer::{Peer, peers};
use report::Report;
use std::path::PathBuf;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "child") {
        child::run(&args[1], args[2].as_ref(), args.get(3).map(String::as_str));
        return;
    }
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    let quick = args.iter().any(|arg| arg == "--quick");
    let only = value("--only");
    let peers: Vec<Peer> = peers()
        .into_iter()
        .filter(|peer| only.as_ref().is_none_or(|only| peer.name == only))
        .collect();
    let mut report = Report::default();
    // Scenario by scenario, so that a busy minute of the machine does not hit one watcher alone.
    for scenario in scenario::ALL {
        for peer in &peers {
            scenario(peer, quick, &mut report);
        }
        report.note_load();
    }
    if peers.iter().any(|peer| peer.name == "ours") {
        scenario::ours_alone(&mut report);
    }
    let text = report.markdown(&peers);
    match value("--write").map(PathBuf::from) {
        Some(path) => std::fs::write(path, text).expect("the report"),
        None => print!("{text}"),
    }
}
