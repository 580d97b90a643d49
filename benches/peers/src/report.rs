//! Starts the cases and writes the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::LIBS;
use crate::cases;
use crate::libs::Ours;

const LIMIT: Duration = Duration::from_secs(6);
const ROUNDS: usize = 10;

/// A library that is this many times slower than the best one after two rounds gets no more of them:
/// no noise will make it the best.
const HOPELESS: f64 = 3.0;

/// What one process printed, or how it failed.
fn start(lib: &str, case: &str) -> Result<String, &'static str> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["run", lib, case])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start this program again");
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            let mut text = String::new();
            let _ = child
                .stdout
                .take()
                .map(|mut out| out.read_to_string(&mut text));
            return match status.code() {
                Some(0) => Ok(text.trim().to_owned()),
                Some(_) => Err("wrong"),
                None => Err("abort"),
            };
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err("T/O");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn table(file: Option<&str>, filter: &str) {
    let cases: Vec<&str> = cases::all::<Ours>()
        .iter()
        .map(|c| c.0)
        .filter(|c| c.contains(filter))
        .collect();
    let mut best: BTreeMap<(&str, &str), Result<f64, &str>> = BTreeMap::new();
    for round in 0..ROUNDS {
        for case in &cases {
            let times = LIBS.iter().filter_map(|l| best.get(&(*case, *l))?.ok());
            let fastest = times.fold(f64::MAX, f64::min);
            for lib in LIBS {
                let is_over = best.get(&(*case, lib)).is_some_and(|time| match time {
                    Ok(ms) => round > 1 && *ms > fastest * HOPELESS,
                    Err(_) => true,
                });
                if is_over {
                    continue;
                }
                let time = start(lib, case).map(|t| t.parse::<f64>().expect("nanoseconds") / 1e6);
                let slot = best.entry((*case, lib)).or_insert(Ok(f64::MAX));
                *slot = match (&*slot, time) {
                    (Ok(before), Ok(now)) => Ok(before.min(now)),
                    (_, Err(why)) => Err(why),
                    (Err(why), _) => Err(why),
                };
            }
        }
        eprintln!("round {} of {ROUNDS} done", round + 1);
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        "| case (ms) | {} | ours / best peer |",
        LIBS.join(" | ")
    );
    let _ = writeln!(text, "|---|{}", "---:|".repeat(LIBS.len() + 1));
    let mut logs = Vec::new();
    let mut worst = (0.0, "");
    for case in &cases {
        let mut line = format!("| {case} |");
        for lib in LIBS {
            let _ = match best[&(*case, lib)] {
                Ok(ms) => write!(line, " {ms:.3} |"),
                Err(why) => write!(line, " {why} |"),
            };
        }
        let peers = LIBS[1..].iter().filter_map(|l| best[&(*case, *l)].ok());
        let peer = peers.fold(f64::MAX, f64::min);
        if let Ok(ours) = best[&(*case, LIBS[0])] {
            let ratio = ours / peer;
            if !case.starts_with("chain") {
                logs.push(ratio.ln());
            }
            if ratio > worst.0 {
                worst = (ratio, case);
            }
            let _ = writeln!(text, "{line} {ratio:.2} |");
        } else {
            let _ = writeln!(text, "{line} - |");
        }
    }
    let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    let _ = writeln!(
        text,
        "\nGeometric mean of ours / best peer over {} community cases: **{mean:.2}**; worst case {} at {:.2}.",
        logs.len(),
        worst.1,
        worst.0
    );
    if filter.is_empty() {
        text.push_str(&memory());
    }
    match file {
        Some(file) => {
            let old = std::fs::read_to_string(file).unwrap_or_default();
            let head = old.split("<!-- table -->").next().unwrap_or("").to_owned();
            std::fs::write(
                file,
                format!("{head}<!-- table -->\n\n{}\n{text}", machine()),
            )
            .expect("write the table");
        }
        None => println!("{text}"),
    }
}

fn memory() -> String {
    let mut text = String::from(
        "\n| bytes per item | signal | memo, no read | memo, 1 read | memo, 4 reads | edge | effect, 1 read |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for lib in LIBS {
        if let Ok(line) = start(lib, "memory") {
            let n: Vec<f64> = line.split(' ').filter_map(|n| n.parse().ok()).collect();
            let _ = writeln!(
                text,
                "| {lib} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
                n[0],
                n[1],
                n[2],
                n[3],
                (n[3] - n[2]) / 3.0,
                n[4]
            );
        }
    }
    text
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches([' ', '\t', ':']);
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .map(|o| o.stdout)
        .unwrap_or_default();
    let rustc = String::from_utf8_lossy(&rustc);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let versions = "alien-signals 0.1.4, sycamore-reactive 0.9.4, floem_reactive 0.2.0, reactive_graph 0.2.16 (ImmediateEffect)";
    format!(
        "{cpu}, {cores} cores; {}; lto=fat, codegen-units=1. Peers: {versions}.\nMinimum of {ROUNDS} interleaved rounds of 3, each a process of its own; a library that takes {HOPELESS} times as long as the best gets two rounds.\n",
        rustc.trim()
    )
}
