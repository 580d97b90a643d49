//! D: saves that come in pieces, in crowds, or while something runs.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use hmr_tests::{Hmr, Project};

const READS_M: &str = "from m import X\nprint('V', X)\n";

#[test]
fn d03_a_save_in_three_pieces_takes_effect_as_a_whole() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", READS_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    // The pauses are the editor's: they are what is tested, nothing is waited for.
    project.save("m.py", "");
    sleep(Duration::from_millis(150));
    project.save("m.py", "X = [");
    sleep(Duration::from_millis(150));
    project.save("m.py", "X = [2][0]\n");
    let before = hmr.wait_stdout("V 2");
    assert!(before.is_empty(), "{before:?} {}", hmr.log());
}

#[test]
fn d04_a_hundred_saves_in_a_row_end_with_the_last_value() {
    let project = Project::new(&[("m.py", "X = 0\n"), ("main.py", READS_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 0");

    let mut saved = Vec::new();
    for value in 1..=100 {
        project.save("m.py", &format!("X = {value}\n"));
        saved.push(Instant::now());
        sleep(Duration::from_millis(3));
    }
    hmr.wait_stdout("V 100");
    hmr.wait_report("m.py");
    let log = hmr.log();
    let updates = log.matches("m.py -> reran").count();
    // On a busy machine this test falls behind: what comes late is a save of its own.
    let is_late = |pair: &&[Instant]| pair[1] - pair[0] > Duration::from_millis(6);
    let late = saved.windows(2).filter(is_late).count();
    assert!(
        updates <= 10 + late,
        "{updates} updates, {late} late saves:\n{log}"
    );
    hmr.save("m.py", "X = 101\n")
        .expect(&["m", "main"], &["V 101"]);
}

#[test]
fn d05_five_hundred_files_at_once_are_one_update() {
    let project = Project::new(&[]);
    let write = |value: usize| {
        for n in 0..500 {
            project.save(&format!("m{n}.py"), &format!("X = {value}\n"));
        }
    };
    write(1);
    let imports: Vec<_> = (0..500).map(|n| format!("import m{n}\n")).collect();
    let main = imports.concat();
    project.save(
        "main.py",
        &format!(
            "import sys\n{main}print('V', sum(sys.modules[f'm{{n}}'].X for n in range(500)))\n"
        ),
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 500");

    write(2);
    hmr.wait_stdout("V 1000");
    let seen = hmr.log();
    let runs = seen
        .lines()
        .filter(|line| line.contains("stdout  V "))
        .count();
    assert!(runs <= 4, "{runs} runs of main: {seen}");
}

#[test]
fn d06_an_edit_during_the_modules_own_reload_is_applied_after_it() {
    let slow = |value: u32| {
        format!(
            "import os, time\nprint('slow', {value}, flush=True)\n\
             while not os.path.exists('go{value}'):\n    time.sleep(0.01)\nX = {value}\n"
        )
    };
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", READS_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    project.save("m.py", &slow(2));
    hmr.wait_stdout("slow 2");
    project.save("m.py", "X = 3\n");
    project.save("go2", "");
    hmr.wait_stdout("V 3");
}

#[test]
fn d08_two_files_that_are_saved_together_are_one_rerun_of_their_reader() {
    let project = Project::new(&[
        ("a.py", "A = 1\n"),
        ("b.py", "B = 1\n"),
        (
            "main.py",
            "from a import A\nfrom b import B\nprint('V', A, B)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    let reload = hmr.edit("b.py", |project| {
        project.save("a.py", "A = 2\n");
        project.save("b.py", "B = 2\n");
    });
    assert_eq!(reload.changed, ["a.py", "b.py"], "{}", reload.log);
    reload.expect(&["a", "b", "main"], &["V 2 2"]);
}

#[cfg(target_os = "linux")]
#[test]
fn d27_thousands_of_folders_of_other_tools_cost_no_watches() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", PRINTS_WATCHES)]);
    for n in 0..4200 {
        fs::create_dir_all(project.path(&format!("node_modules/p{}/{n}", n % 60))).expect("mkdir");
    }
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "X = 2\n");
    let watches: usize = reload.stdout[0]
        .strip_prefix("watches ")
        .and_then(|count| count.parse().ok())
        .expect("a count");
    assert!(watches < 50, "{}", reload.log);
    assert_eq!(reload.stdout[1..], ["V 2"], "{}", reload.log);
}

#[cfg(target_os = "linux")]
const PRINTS_WATCHES: &str = "import glob, m\ncount = 0\n\
    for path in glob.glob('/proc/self/fdinfo/*'):\n    try:\n        with open(path) as file:\n            \
    count += file.read().count('inotify wd:')\n    except FileNotFoundError:\n        pass\n\
    print('watches', count)\nprint('V', m.X)\n";
