//! The changes that are made, and what is counted.

use crate::peer::{Peer, Process, now_ns};
use crate::report::Report;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A tree of its own below the target directory, removed afterwards.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let me = std::env::current_exe().expect("this program");
        let dir = me.parent().expect("a directory").join("trees").join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("src")).expect("a tree");
        Self(dir)
    }

    fn src(&self) -> PathBuf {
        self.0.join("src")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn put(path: &Path, content: &str) {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).expect("directories");
    }
    fs::write(path, content).expect("a write");
}

fn named(batches: &[(u128, Vec<PathBuf>)]) -> HashSet<&Path> {
    let paths = batches.iter().flat_map(|(_, paths)| paths);
    paths.map(PathBuf::as_path).collect()
}

fn lost<'a>(
    batches: &[(u128, Vec<PathBuf>)],
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> usize {
    let named = named(batches);
    files
        .into_iter()
        .filter(|file| !named.contains(file.as_path()))
        .count()
}

/// A kind of change, made under the eyes of one watcher.
pub type Scenario = fn(&Peer, bool, &mut Report);

pub const ALL: [Scenario; 7] = [
    saves,
    |peer, _, report| tight_directories(peer, report),
    |peer, _, report| moves(peer, report),
    |peer, _, report| roots(peer, report),
    |peer, _, report| checkout(peer, report),
    |peer, _, report| overflow(peer, report),
    |peer, _, report| large_tree(peer, report),
];

#[derive(Clone, Copy)]
enum Save {
    Plain,
    Atomic,
    Vim,
}

fn save(kind: Save, dir: &Path, content: &str) {
    let file = dir.join("m.py");
    match kind {
        Save::Plain => put(&file, content),
        Save::Atomic => {
            let temporary = dir.join("m.py.tmp");
            put(&temporary, content);
            fs::rename(temporary, file).expect("a rename");
        }
        Save::Vim => {
            let (probe, backup) = (dir.join("4913"), dir.join("m.py~"));
            put(&probe, "");
            fs::remove_file(probe).expect("a removal");
            fs::rename(&file, &backup).expect("a rename");
            put(&file, content);
            fs::remove_file(backup).expect("a removal");
        }
    }
}

fn saves(peer: &Peer, quick: bool, report: &mut Report) {
    let slow = peer.pause > Duration::from_millis(500);
    let times = if slow || quick { 15 } else { 200 };
    for (kind, name) in [
        (Save::Plain, "plain"),
        (Save::Atomic, "atomic"),
        (Save::Vim, "vim-style"),
    ] {
        let tree = Tree::new("saves");
        for n in 0..20 {
            put(&tree.src().join(format!("other{n}.py")), "x");
        }
        let file = tree.src().join("m.py");
        put(&file, "at the start");
        let process = Process::start(peer, &tree.src(), None);
        sleep(Duration::from_millis(300));
        let (mut late, mut once, mut told) = (Vec::new(), 0, 0);
        for n in 0..times {
            save(kind, &tree.src(), &format!("save {n}"));
            let saved = now_ns();
            let batches = process.drain(peer.pause);
            let about: Vec<_> = batches
                .iter()
                .filter(|(_, paths)| paths.contains(&file))
                .collect();
            let events: usize = batches.iter().map(|(_, paths)| paths.len()).sum();
            once += usize::from(about.len() == 1 && events == 1);
            told += usize::from(!about.is_empty());
            if let Some((at, _)) = about.first() {
                late.push(at.saturating_sub(saved) as f64 / 1e6);
            }
        }
        late.sort_by(f64::total_cmp);
        if let Kind::Timed = kind.timed() {
            let at = |part: f64| late.get(((late.len() - 1) as f64 * part).round() as usize);
            let figure = match (at(0.5), at(0.99)) {
                (Some(median), Some(p99)) => format!("{median:.2} / {p99:.2} ms"),
                _ => "–".into(),
            };
            report.set("save to batch, median / p99", peer, figure);
        }
        let measure =
            format!("{name} saves that arrive as exactly one event, of those that arrive");
        report.set(&measure, peer, format!("{once} / {told} of {times}"));
    }
}

enum Kind {
    Timed,
    Counted,
}

impl Save {
    fn timed(self) -> Kind {
        match self {
            Self::Plain => Kind::Timed,
            Self::Atomic | Self::Vim => Kind::Counted,
        }
    }
}

fn tight_directories(peer: &Peer, report: &mut Report) {
    let tree = Tree::new("tight");
    let process = Process::start(peer, &tree.src(), None);
    let files: Vec<_> = (0..500)
        .map(|n| tree.src().join(format!("{n}/b/c/f.py")))
        .collect();
    for file in &files {
        put(file, "new");
    }
    let created = process.drain(Duration::from_millis(1500));
    for file in &files {
        fs::write(file, "edited").expect("a write");
    }
    let edited = process.drain(Duration::from_millis(1500));
    let figure = format!("{} / {}", lost(&created, &files), lost(&edited, &files));
    report.set(
        "500 tight `mkdir -p` + create: lost / later edit unseen",
        peer,
        figure,
    );
}

fn moves(peer: &Peer, report: &mut Report) {
    let tree = Tree::new("moves");
    let aside = tree.0.join("aside");
    let names: Vec<_> = (0..240).map(|n| format!("{}/f{n}.py", n % 12)).collect();
    for name in &names {
        put(&aside.join(name), "new");
    }
    let process = Process::start(peer, &tree.src(), None);
    let place = tree.src().join("in");
    let files: Vec<_> = names.iter().map(|name| place.join(name)).collect();
    fs::rename(&aside, &place).expect("a move in");
    let moved_in = process.drain(Duration::from_millis(1500));
    for file in &files {
        fs::write(file, "edited").expect("a write");
    }
    let edited = process.drain(Duration::from_millis(1500));
    fs::rename(&place, &aside).expect("a move out");
    let moved_out = process.drain(Duration::from_millis(1500));
    let figure = format!(
        "{} / {} / {}",
        lost(&moved_in, &files),
        lost(&edited, &files),
        lost(&moved_out, &files)
    );
    report.set("240 files moved in, edited, moved out: lost", peer, figure);
}

fn roots(peer: &Peer, report: &mut Report) {
    let mut alive = Vec::new();
    for way in ["removed", "removed, 1 s later", "renamed away"] {
        let tree = Tree::new("roots");
        put(&tree.src().join("m.py"), "at the start");
        let process = Process::start(peer, &tree.src(), None);
        sleep(Duration::from_millis(200));
        match way {
            "renamed away" => fs::rename(tree.src(), tree.0.join("away")),
            _ => fs::remove_dir_all(tree.src()),
        }
        .expect("the root is gone");
        if way.contains("later") {
            sleep(Duration::from_secs(1));
        }
        let file = tree.src().join("n.py");
        put(&file, "new");
        process.drain(Duration::from_millis(1500));
        put(&file, "edited");
        let batches = process.drain(Duration::from_millis(1500));
        alive.push(if lost(&batches, [&file]) == 0 {
            "sees"
        } else {
            "blind"
        });
    }
    report.set(
        "root recreated after: removal / removal and 1 s / rename",
        peer,
        alive.join(" / "),
    );
}

fn git(dir: &Path, args: &[&str]) {
    let quiet = [
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@example.org",
        "-c",
        "gc.auto=0",
    ];
    let output = Command::new("git")
        .current_dir(dir)
        .args(quiet)
        .args(args)
        .output();
    let output = output.expect("git");
    assert!(output.status.success(), "{output:?}");
}

fn checkout(peer: &Peer, report: &mut Report) {
    let mut counts = Vec::new();
    for _ in 0..3 {
        let tree = Tree::new("checkout");
        let files: Vec<_> = (0..1000)
            .map(|n| tree.src().join(format!("d{}/f{n}.py", n % 50)))
            .collect();
        git(&tree.0, &["init", "-q"]);
        for branch in ["one", "two"] {
            git(&tree.0, &["checkout", "-q", "-b", branch]);
            for file in &files {
                put(file, branch);
            }
            git(&tree.0, &["add", "."]);
            git(&tree.0, &["commit", "-q", "-m", branch]);
        }
        let process = Process::start(peer, &tree.src(), None);
        sleep(Duration::from_millis(300));
        git(&tree.0, &["checkout", "-q", "one"]);
        let batches = process.drain(Duration::from_millis(1500));
        let about = batches
            .iter()
            .filter(|(_, paths)| paths.iter().any(|path| path.extension().is_some()));
        counts.push(format!(
            "{}{}",
            about.count(),
            match lost(&batches, &files) {
                0 => String::new(),
                lost => format!(" ({lost} lost)"),
            }
        ));
    }
    report.set(
        "`git checkout` of 1,000 files, three times: batches",
        peer,
        counts.join(", "),
    );
}

fn overflow(peer: &Peer, report: &mut Report) {
    let tree = Tree::new("overflow");
    let files: Vec<_> = (0..10_000)
        .map(|n| tree.src().join(format!("d{}/f{n}.py", n % 100)))
        .collect();
    for file in &files {
        put(file, "at the start");
    }
    let process = Process::start(peer, &tree.src(), None);
    sleep(Duration::from_millis(500));
    process.signal("-STOP");
    for file in &files {
        fs::write(file, "edited").expect("a write");
    }
    process.signal("-CONT");
    let batches = process.drain(Duration::from_secs(3));
    report.set(
        "10,000 writes while it is stopped: lost",
        peer,
        lost(&batches, &files).to_string(),
    );

    process.signal("-STOP");
    for file in files.iter().chain(&files[..8000]) {
        fs::write(file, "edited again").expect("a write");
    }
    let new: Vec<_> = (0..50)
        .map(|n| tree.src().join(format!("new{n}/deep/f.py")))
        .collect();
    for file in &new {
        put(file, "new");
    }
    process.signal("-CONT");
    let batches = process.drain(Duration::from_secs(3));
    for file in &new {
        fs::write(file, "edited").expect("a write");
    }
    let edited = process.drain(Duration::from_secs(2));
    let figure = format!(
        "{} / {} / {}",
        lost(&batches, &files),
        lost(&batches, &new),
        lost(&edited, &new)
    );
    report.set(
        "18,000 writes and 50 new directories while it is stopped: files / new files lost / later edits unseen",
        peer,
        figure,
    );
}

fn grow(tree: &Tree) {
    for n in 0..10_000 {
        let dir = tree.src().join(format!("d{}/e{}", n % 100, n / 100));
        fs::create_dir_all(&dir).expect("directories");
        for file in 0..10 {
            fs::write(dir.join(format!("file_{file}.py")), "x = 1\n").expect("a write");
        }
    }
}

fn large_tree(peer: &Peer, report: &mut Report) {
    let tree = Tree::new("large");
    grow(&tree);
    let mut armed = Vec::new();
    let mut rss = 0;
    for _ in 0..5 {
        let process = Process::start(peer, &tree.src(), None);
        armed.push(process.armed_ms);
        rss = process.rss_kb;
    }
    armed.sort_by(f64::total_cmp);
    let figure = format!("{:.0} ms ({:.0}–{:.0})", armed[2], armed[0], armed[4]);
    report.set(
        "10,100 directories, 100,000 files: armed, median of 5 (range)",
        peer,
        figure,
    );
    report.set("… memory", peer, format!("{rss} kB"));

    let process = Process::start(peer, &tree.src(), None);
    // What was there at the start may still be read; idle is what comes after it.
    let false_events = process.drain(Duration::from_secs(2));
    let told: usize = false_events.iter().map(|(_, paths)| paths.len()).sum();
    let settled = Instant::now();
    loop {
        let (before, _) = process.usage();
        sleep(Duration::from_secs(1));
        let (after, _) = process.usage();
        if after - before < 20.0 || settled.elapsed() > Duration::from_secs(20) {
            break;
        }
    }
    let (cpu, wakeups) = process.usage();
    let more = process.drain(Duration::from_secs(10));
    let (cpu_after, wakeups_after) = process.usage();
    let told = told + more.iter().map(|(_, paths)| paths.len()).sum::<usize>();
    report.set(
        "… idle for 10 s: processor time / wake-ups / false events",
        peer,
        format!(
            "{:.1} ms / {} / {told}",
            cpu_after - cpu,
            wakeups_after - wakeups
        ),
    );
}

/// What only makes sense for our own.
pub fn ours_alone(report: &mut Report) {
    let tree = Tree::new("alone");
    grow(&tree);
    let peers = crate::peer::peers();
    let ours = peers.iter().find(|peer| peer.name == "ours").expect("ours");
    let rss = |include: Option<&str>| {
        let mut rss: Vec<_> = (0..3)
            .map(|_| Process::start(ours, &tree.src(), include).rss_kb)
            .collect();
        rss.sort_unstable();
        rss[1]
    };
    let (with, without) = (rss(None), rss(Some("*.nothing")));
    let each = (with - without) as f64 * 1024.0 / 1e5;
    report.set_alone(
        "memory per tracked file (100,000 files, against the same tree with none of interest)",
        format!("{each:.0} B"),
    );
    let me = std::env::current_exe().expect("this program");
    let small = Tree::new("small");
    let output = Command::new(me)
        .args(["child", "stop"])
        .arg(small.src())
        .output();
    let output = output.expect("the child");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut late: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    late.sort_by(f64::total_cmp);
    if let (Some(median), Some(worst)) = (late.get(late.len() / 2), late.last()) {
        report.set_alone(
            "`stop()` to the waiting thread, median / worst of 50",
            format!("{median:.2} / {worst:.2} ms"),
        );
    }
}
