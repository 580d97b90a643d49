//! E: what a module read besides modules. A file, a folder or the question whether something is
//! there counts like a name that was read; what the program itself writes never does.

use hmr_tests::{Hmr, Project, Reload};

/// `m` prints its runs and holds what `read` gives; `main` shows it. `sentinel` is for `expect_nothing`.
fn reading(read: &str, files: &[(&str, &str)]) -> Project {
    let m = format!("import glob, io, json, os, pathlib, tomllib\n{read}\nprint('m')\n");
    let mut all = vec![
        ("m.py", m.as_str()),
        ("sentinel.py", "TICK = 0\n"),
        (
            "main.py",
            "import sentinel\nfrom m import X\nprint('V', X)\n",
        ),
    ];
    all.extend(files);
    Project::new(&all)
}

#[test]
fn e01_a_json_file_that_a_module_read_is_read_again() {
    let project = reading(
        "X = json.load(open('cfg.json'))['x']",
        &[("cfg.json", "{\"x\": \"old\"}")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V old");

    let reload = hmr.save("cfg.json", "{\"x\": \"new\"}");
    assert_eq!(reload.changed, ["cfg.json"], "{}", reload.log);
    reload.expect(&["m", "main"], &["m", "V new"]);
    hmr.save("cfg.json", "{\"x\": \"newer\"}")
        .expect(&["m", "main"], &["m", "V newer"]);
    // Another text, the same value: only the reader runs.
    hmr.save("cfg.json", "{ \"x\": \"newer\" }")
        .expect(&["m"], &["m"]);
}

#[test]
fn e02_a_data_file_that_is_replaced_counts() {
    let project = reading("X = open('cfg.txt').read()", &[("cfg.txt", "1")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    for value in ["2", "3"] {
        let shown = format!("V {value}");
        hmr.edit("cfg.txt", |p| p.save_atomically("cfg.txt", value))
            .expect(&["m", "main"], &["m", &shown]);
    }
    for value in ["4", "5"] {
        let shown = format!("V {value}");
        hmr.edit("cfg.txt", |p| p.save_like_vim("cfg.txt", value))
            .expect(&["m", "main"], &["m", &shown]);
    }
}

#[test]
fn e03_a_data_file_that_goes_fails_as_a_fresh_start_and_comes_back() {
    let project = reading("X = open('cfg.txt').read()", &[("cfg.txt", "1")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("cfg.txt", |p| p.delete("cfg.txt"))
        .expect_failure("m", "FileNotFoundError");
    hmr.save("cfg.txt", "2")
        .expect(&["m", "main"], &["m", "V 2"]);
    hmr.save("cfg.txt", "3")
        .expect(&["m", "main"], &["m", "V 3"]);
}

#[test]
fn e03_a_data_file_that_the_first_run_missed_ends_the_failure() {
    let project = reading("X = open('data/cfg.txt').read()", &[]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("FileNotFoundError");

    let reload = hmr.edit("data/cfg.txt", |p| p.save("data/cfg.txt", "1"));
    reload.expect(&["m", "main"], &["m", "V 1"]);
}

#[test]
fn e05_a_text_read_by_pathlib_counts() {
    let project = reading(
        "X = pathlib.Path(__file__).with_name('cfg.txt').read_text()",
        &[("cfg.txt", "1")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("cfg.txt", "2")
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[test]
fn e06_a_helper_reads_for_the_module_that_called_it() {
    let project = reading(
        "from helper import load\nX = load('cfg.txt')",
        &[
            (
                "helper.py",
                "print('helper')\ndef load(name):\n    with open(name) as file:\n        return file.read()\n",
            ),
            ("cfg.txt", "1"),
        ],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("cfg.txt", "2")
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[test]
fn e07_a_binary_file_counts() {
    let project = reading(
        "with open('cfg.toml', 'rb') as file:\n    X = tomllib.load(file)['x']",
        &[("cfg.toml", "x = 1\n")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("cfg.toml", "x = 2\n")
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[test]
fn e08_a_file_opened_by_number_counts() {
    let project = reading(
        "fd = os.open('cfg.txt', os.O_RDONLY)\nX = os.read(fd, 99).decode()\nos.close(fd)",
        &[("cfg.txt", "1")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("cfg.txt", "2")
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[test]
fn e09_a_listed_folder_counts_and_what_its_files_hold_does_not() {
    for list in [
        "sorted(os.listdir('data'))",
        "sorted(entry.name for entry in os.scandir('data'))",
        "sorted(path.name for path in pathlib.Path('data').iterdir())",
        "sorted(os.path.basename(path) for path in glob.glob('data/*'))",
        "sorted(name for _, folders, files in os.walk('data') for name in folders + files)",
    ] {
        let project = reading(&format!("X = {list}"), &[("data/a.txt", "")]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V ['a.txt']");

        hmr.edit("data/b.txt", |p| p.save("data/b.txt", ""))
            .expect(&["m", "main"], &["m", "V ['a.txt', 'b.txt']"]);
        hmr.expect_nothing(|p| p.save("data/b.txt", "another text"));
        hmr.edit("data/c", |p| {
            std::fs::create_dir(p.path("data/c")).expect("mkdir");
        })
        .expect(&["m", "main"], &["m", "V ['a.txt', 'b.txt', 'c']"]);
        hmr.edit("data/a.txt", |p| p.delete("data/a.txt"))
            .expect(&["m", "main"], &["m", "V ['b.txt', 'c']"]);
    }
}

#[test]
fn e10_a_file_that_was_looked_for_counts_when_it_comes_or_goes() {
    for probe in [
        "os.path.exists('flag')",
        "os.path.isfile('flag')",
        "pathlib.Path('flag').exists()",
        "pathlib.Path('flag').is_file()",
        "os.access('flag', os.R_OK)",
        "bool(glob.glob('fla[g]'))",
    ] {
        let project = reading(&format!("X = {probe}"), &[]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V False");

        hmr.save("flag", "")
            .expect(&["m", "main"], &["m", "V True"]);
        hmr.expect_nothing(|p| p.save("flag", "what it holds was not asked"));
        hmr.edit("flag", |p| p.delete("flag"))
            .expect(&["m", "main"], &["m", "V False"]);
    }
}

#[test]
fn e10_a_folder_that_was_looked_for_counts_when_it_comes() {
    let project = reading("X = os.path.isdir('plugins')", &[]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V False");

    hmr.edit("plugins", |p| {
        std::fs::create_dir(p.path("plugins")).expect("mkdir");
    })
    .expect(&["m", "main"], &["m", "V True"]);
    hmr.edit("plugins", |p| {
        std::fs::remove_dir(p.path("plugins")).expect("rmdir");
    })
    .expect(&["m", "main"], &["m", "V False"]);
}

#[test]
fn e11_a_file_outside_of_the_project_counts() {
    let outside = Project::new(&[("cfg.txt", "1"), ("list/a", "")]);
    let (file, list) = (outside.path("cfg.txt"), outside.path("list"));
    let late = outside.path("late/cfg.txt");
    let project = reading(
        &format!(
            "X = [open({file:?}).read(), *sorted(os.listdir({list:?}))]\n\
             if os.path.exists({late:?}):\n    X.append('late')"
        ),
        &[],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V ['1', 'a']");

    hmr.edit(&file.display().to_string(), |_| {
        outside.save("cfg.txt", "2");
    })
    .expect(&["m", "main"], &["m", "V ['2', 'a']"]);
    let added = list.join("b").display().to_string();
    hmr.edit(&added, |_| outside.save("list/b", ""))
        .expect(&["m", "main"], &["m", "V ['2', 'a', 'b']"]);
    hmr.expect_nothing(|_| outside.save("other.txt", ""));
    hmr.edit(&late.display().to_string(), |_| {
        outside.save("late/cfg.txt", "");
    })
    .expect(&["m", "main"], &["m", "V ['2', 'a', 'b', 'late']"]);
}

#[test]
fn e12_a_program_that_counts_its_runs_in_a_file_runs_once() {
    let count = "import os, sentinel\n\
        n = int(open('count').read()) if os.path.exists('count') else 0\n\
        with open('count', 'w') as file:\n    file.write(str(n + 1))\n\
        print('run', n)\n";
    let project = Project::new(&[("sentinel.py", "TICK = 0\n"), ("main.py", count)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("run 0");

    hmr.expect_nothing(|_| ());
    hmr.save("main.py", &count.replace("'run'", "'again'"))
        .expect(&["main"], &["again 1"]);
    hmr.expect_nothing(|_| ());
}

#[test]
fn e13_a_program_that_logs_into_its_folder_runs_once() {
    let main = "import logging, logging.handlers, os, threading, time, sentinel\n\
        print('logs', os.path.exists('app.log'), sorted(os.listdir('.')) and True)\n\
        logging.basicConfig(handlers=[logging.handlers.RotatingFileHandler('app.log')], level=10)\n\
        logging.info('started')\n\
        def chatter():\n    while True:\n        logging.info('tick')\n        time.sleep(0.01)\n\
        threading.Thread(target=chatter, daemon=True).start()\n";
    let project = Project::new(&[("sentinel.py", "TICK = 0\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("logs False True");

    for _ in 0..3 {
        hmr.expect_nothing(|project| {
            let ticks = || project.read("app.log").lines().count();
            let before = ticks();
            while ticks() < before + 20 {
                std::thread::yield_now();
            }
        });
    }
}

#[test]
fn e14_a_program_with_a_database_in_its_folder_runs_once() {
    let main = "import os, sqlite3, sentinel\n\
        new = not os.path.exists('app.db')\n\
        db = sqlite3.connect('app.db')\n\
        if new:\n    db.execute('create table runs (n)')\n\
        db.execute('insert into runs values (1)')\n\
        db.commit()\n\
        print('runs', db.execute('select count(*) from runs').fetchone()[0])\n";
    let project = Project::new(&[("sentinel.py", "TICK = 0\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("runs 1");

    hmr.expect_nothing(|_| ());
    hmr.save("main.py", &main.replace("'runs'", "'again'"))
        .expect(&["main"], &["again 2"]);
    hmr.expect_nothing(|_| ());
}

#[test]
fn e15_a_module_that_the_program_writes_is_imported_as_written() {
    // The text differs each time, so that reading it late, or again, would show.
    let main = |word: &str| {
        format!(
            "import pathlib, time, sentinel\n\
             text = f'X = {{time.time_ns()}}\\n'\n\
             pathlib.Path('gen.py').write_text(text)\n\
             import gen\n\
             print('{word}', text == f'X = {{gen.X}}\\n')\n"
        )
    };
    let project = Project::new(&[("sentinel.py", "TICK = 0\n"), ("main.py", &main("V"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");

    hmr.expect_nothing(|_| ());
    hmr.save("main.py", &main("W"))
        .expect(&["gen", "main"], &["W True"]);
    hmr.expect_nothing(|_| ());
}

#[test]
fn e15_a_module_written_after_its_import_makes_no_loop() {
    let main = |word: &str| {
        format!(
            "import pathlib, time, gen, sentinel\n\
             pathlib.Path('gen.py').write_text(f'X = {{time.time_ns()}}\\n')\n\
             print('{word}', gen.X > 0)\n"
        )
    };
    let project = Project::new(&[
        ("sentinel.py", "TICK = 0\n"),
        ("gen.py", "X = 1\n"),
        ("main.py", &main("V")),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");

    hmr.expect_nothing(|_| ());
    let reload = hmr.save("main.py", &main("W"));
    assert!(reload.stdout.len() <= 2, "{}", reload.log);
    hmr.expect_nothing(|_| ());
}

#[test]
fn e16_a_file_that_nobody_read_is_nobodys_business() {
    let project = reading(
        "X = open('cfg.txt').read()",
        &[("cfg.txt", "1"), ("notes.txt", "1")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.expect_nothing(|p| p.save("notes.txt", "2"));
    hmr.expect_nothing(|p| p.save("other.txt", "2"));
    // Nor is one that was read and holds what it held.
    hmr.expect_nothing(|p| p.touch("cfg.txt"));
    hmr.expect_nothing(|p| p.save("cfg.txt", "1"));
    hmr.expect_nothing(|p| p.save_atomically("cfg.txt", "1"));
}

#[test]
fn a_file_that_is_read_no_more_is_forgotten() {
    let project = reading("X = open('cfg.txt').read()", &[("cfg.txt", "1")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "X = 'none'\n")
        .expect(&["m", "main"], &["V none"]);
    hmr.expect_nothing(|p| p.save("cfg.txt", "2"));
}

#[test]
fn what_the_import_system_looks_at_is_no_data() {
    // Modules, packages, namespace packages and bytecode are found by listing and probing folders.
    let project = Project::new(&[
        ("sentinel.py", "TICK = 0\n"),
        ("pkg/__init__.py", "from . import a\n"),
        ("pkg/a.py", "X = 1\n"),
        ("names/b.py", "X = 2\n"),
        (
            "main.py",
            "import sentinel, pkg, names.b, email, sqlite3, http.client\nprint('V', pkg.a.X, names.b.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 2");

    hmr.expect_nothing(|p| p.save("notes.txt", ""));
    hmr.expect_nothing(|p| p.save("pkg/notes.txt", ""));
    hmr.expect_nothing(|p| p.save("names/notes.txt", ""));
}

#[test]
fn package_data_counts_however_it_is_read() {
    for read in [
        "import pkgutil\nX = pkgutil.get_data('pkg', 'cfg.txt').decode()",
        "import importlib.resources as r\nX = r.files('pkg').joinpath('cfg.txt').read_text()",
    ] {
        let project = reading(read, &[("pkg/__init__.py", ""), ("pkg/cfg.txt", "1")]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");

        hmr.edit("pkg/cfg.txt", |p| p.save("pkg/cfg.txt", "2"))
            .expect(&["m", "main"], &["m", "V 2"]);
    }
}

#[test]
fn a_module_that_is_read_as_text_counts_as_data() {
    let project = reading(
        "X = open('config.py').read().strip()",
        &[("config.py", "A = 1\n")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V A = 1");

    hmr.save("config.py", "A = 2\n")
        .expect(&["m", "main"], &["m", "V A = 2"]);
}

#[test]
fn a_relative_path_is_taken_from_the_folder_of_that_moment() {
    let project = reading(
        "os.chdir('sub')\nX = open('cfg.txt').read()\nos.chdir('..')",
        &[("sub/cfg.txt", "1"), ("cfg.txt", "0")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.expect_nothing(|p| p.save("cfg.txt", "9"));
    hmr.edit("sub/cfg.txt", |p| p.save("sub/cfg.txt", "2"))
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[cfg(unix)]
#[test]
fn a_link_counts_when_it_or_its_target_changes() {
    let project = reading("X = open('cfg.txt').read()", &[("one", "1"), ("two", "2")]);
    std::os::unix::fs::symlink("one", project.path("cfg.txt")).expect("symlink");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("one", "11").expect(&["m", "main"], &["m", "V 11"]);
    hmr.edit("cfg.txt", |p| {
        std::os::unix::fs::symlink("two", p.path("new")).expect("symlink");
        p.rename("new", "cfg.txt");
    })
    .expect(&["m", "main"], &["m", "V 2"]);
    hmr.save("two", "22").expect(&["m", "main"], &["m", "V 22"]);
}

#[test]
fn an_edit_of_data_during_the_first_run_is_not_lost() {
    let project = reading(
        "X = open('cfg.txt').read()\nimport time\nprint('read', flush=True)\n\
         while not os.path.exists('go'):\n    time.sleep(0.01)",
        &[("cfg.txt", "1")],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("read");
    project.save("cfg.txt", "2");
    project.save("go", "");
    hmr.wait_stdout("V 1");
    hmr.wait_stdout("V 2");
}

#[test]
fn d25_an_edit_right_after_the_first_line_is_not_lost() {
    for _ in 0..10 {
        let project = Project::new(&[
            ("m.py", "X = 1\n"),
            ("main.py", "from m import X\nprint('V', X, flush=True)\n"),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        project.save("m.py", "X = 2\n");
        hmr.wait_stdout("V 2");
    }
}

#[test]
fn d26_an_edit_during_a_slow_first_run_is_applied_after_it() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        (
            "main.py",
            "from m import X\nimport os, time\nprint('V', X, flush=True)\n\
             while not os.path.exists('go'):\n    time.sleep(0.01)\nprint('end')\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    project.save("m.py", "X = 2\n");
    project.save("go", "");
    hmr.wait_stdout("end");
    hmr.wait_stdout("V 2");
}

#[cfg(target_os = "linux")]
#[test]
fn d27_folders_of_others_are_not_watched_for_data() {
    let project = reading(
        "X = open('cfg.txt').read() + str(sorted(os.listdir('.')) != [])",
        &[("cfg.txt", "1")],
    );
    for n in 0..4_200 {
        std::fs::create_dir_all(project.path(&format!("node_modules/p{n}"))).expect("mkdir");
    }
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1True");
    hmr.save("cfg.txt", "2")
        .expect(&["m", "main"], &["m", "V 2True"]);
    let watches = hmr.inotify_watches();
    assert!(watches < 50, "{watches} watches");
}

#[test]
fn settings_that_the_program_makes_when_there_are_none_are_data() {
    let project = reading(
        "made = not os.path.exists('cfg.json')\n\
         if made:\n    with open('cfg.json', 'w') as file:\n        json.dump({'x': 1}, file)\n\
         X = [made, json.load(open('cfg.json'))['x'], sorted(os.listdir('.')) != []]",
        &[],
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [True, 1, True]");

    hmr.expect_nothing(|_| ());
    hmr.save("cfg.json", "{\"x\": 2}")
        .expect(&["m", "main"], &["m", "V [False, 2, True]"]);
    hmr.edit("cfg.json", |p| p.delete("cfg.json"))
        .expect(&["m", "main"], &["m", "V [True, 1, True]"]);
    hmr.expect_nothing(|_| ());
}

#[test]
fn a_file_that_one_module_writes_for_another_is_read_again() {
    let writer = |value: u32| format!("open('out.txt', 'w').write('{value}')\nprint('writer')\n");
    let project = Project::new(&[
        ("sentinel.py", "TICK = 0\n"),
        ("writer.py", &writer(1)),
        ("reader.py", "X = open('out.txt').read()\nprint('reader')\n"),
        (
            "main.py",
            "import sentinel, writer, reader\nprint('V', reader.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.expect_nothing(|_| ());
    hmr.save("writer.py", &writer(2))
        .expect(&["writer", "reader", "main"], &["writer", "reader", "V 2"]);
    hmr.expect_nothing(|_| ());
}

/// CPython reads the file whenever it is asked to, also while a save has emptied it.
fn plug(hmr: &mut Hmr<'_>, text: &str) -> Reload {
    hmr.edit("plug/one.py", |project| {
        project.save_atomically("plug/one.py", text);
    })
}

/// The same after a failure: a program that failed is tried again whatever the folder tells, so that its
/// next report may come from before the rename.
fn plug_until(hmr: &mut Hmr<'_>, text: &str, wanted: &str) {
    let reload = plug(hmr, text);
    if !reload.stdout.iter().any(|line| line == wanted) {
        hmr.wait_stdout(wanted);
    }
}

/// A file that is executed by the recipe of `importlib`'s documentation, and by older ones.
const LOADS: [&str; 3] = [
    "import importlib.util\ns = importlib.util.spec_from_file_location('one', 'plug/one.py')\n\
     m = importlib.util.module_from_spec(s)\ns.loader.exec_module(m)\n",
    "import importlib.util, sys\ns = importlib.util.spec_from_file_location('one', 'plug/one.py')\n\
     m = importlib.util.module_from_spec(s)\nsys.modules['one'] = m\ns.loader.exec_module(m)\n",
    "from importlib.machinery import SourceFileLoader\n\
     m = SourceFileLoader('one', 'plug/one.py').load_module()\n",
];

#[test]
fn a_file_that_a_program_loads_by_itself_is_data_of_the_program() {
    for load in LOADS {
        let project = Project::new(&[
            ("plug/one.py", "import n\nV = n.N\n"),
            ("n.py", "N = 1\n"),
            ("main.py", &format!("{load}print('V', m.V)\n")),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");

        plug(&mut hmr, "import n\nV = 2\n").expect(&["main"], &["V 2"]);
        // Of the same size, in the same second: the bytecode looks like its own.
        plug(&mut hmr, "import n\nV = 3\n").expect(&["main"], &["V 3"]);
        plug(&mut hmr, "import n\nV =\n").expect_failure("main", "SyntaxError");
        plug_until(&mut hmr, "import n\nV = n.N\n", "V 1");
        hmr.save("n.py", "N = 4\n").expect(&["n", "main"], &["V 4"]);
        let reload = hmr.edit("plug/one.py", |project| project.delete("plug/one.py"));
        reload.expect_failure("main", "FileNotFoundError");
        plug_until(&mut hmr, "V = 5\n", "V 5");
    }
}

#[test]
fn a_file_that_a_program_loads_by_itself_may_be_broken_at_first() {
    for load in LOADS {
        let project = Project::new(&[
            ("plug/one.py", "V =\n"),
            ("main.py", &format!("{load}print('V', m.V)\n")),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_failure("SyntaxError");
        hmr.save("plug/one.py", "V = 1\n")
            .expect(&["main"], &["V 1"]);
    }
}

#[test]
fn a_file_with_bytecode_that_a_program_loads_by_itself_is_followed() {
    for load in LOADS {
        let project = Project::new(&[
            ("plug/one.py", "V = 1\n"),
            ("main.py", &format!("{load}print('V', m.V)\n")),
        ]);
        project.python(&[
            "-c",
            "import sys; sys.pycache_prefix = None; sys.path.insert(0, 'plug'); import one",
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.save("plug/one.py", "V = 22\n")
            .expect(&["main"], &["V 22"]);
    }
}
