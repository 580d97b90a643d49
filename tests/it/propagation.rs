//! A: what a save reaches, in which order, and what it leaves alone.

use hmr_tests::{Hmr, Project};

const FROM_M: &str = "from m import X\nprint('V', X)\n";

#[test]
fn a01_a_changed_constant_reruns_who_imported_it() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", FROM_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
}

#[test]
fn a02_a_constant_read_through_its_module_reruns_the_reader() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
}

#[test]
fn a03_an_equal_value_reruns_no_importer() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", FROM_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "X = 2 - 1\n").expect(&[], &[]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a04_a_name_that_nobody_read_reruns_no_importer() {
    let project = Project::new(&[("m.py", "X = 1\nY = 1\nprint('m')\n"), ("main.py", FROM_M)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["m"]);

    hmr.save("m.py", "X = 1\nY = 2\nprint('m')\n")
        .expect(&["m"], &["m"]);
}

#[test]
fn a08_one_of_twenty_constants_reruns_its_one_importer() {
    let constants = |seventh: u32| {
        (0..20).fold(String::new(), |text, n| {
            text + &format!("K{n} = {}\n", if n == 7 { seventh } else { n })
        })
    };
    let imports = (0..20).fold(String::new(), |text, n| text + &format!("import u{n}\n"));
    let project = Project::new(&[
        ("m.py", &constants(7)),
        ("main.py", &(imports + "print('ready')\n")),
    ]);
    for n in 0..20 {
        let importer = format!("from m import K{n}\nprint('u{n}', K{n})\n");
        project.save(&format!("u{n}.py"), &importer);
    }
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("ready").len(), 20);

    hmr.save("m.py", &constants(70))
        .expect(&["m", "u7"], &["u7 70"]);
}

#[test]
fn a11_saving_identical_bytes_does_nothing() {
    let project = project_with_sentinel();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.expect_nothing(|project| project.save("m.py", "X = 1\n"));
    hmr.expect_nothing(|project| project.save_atomically("m.py", "X = 1\n"));
}

#[test]
fn a12_touching_a_file_does_nothing() {
    let project = project_with_sentinel();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.expect_nothing(|project| project.touch("m.py"));
}

fn project_with_sentinel() -> Project {
    Project::new(&[
        ("m.py", "X = 1\n"),
        ("sentinel.py", "TICK = 0\n"),
        (
            "main.py",
            "import sentinel\nfrom m import X\nprint('V', X)\n",
        ),
    ])
}

#[test]
fn a26_a_diamond_runs_each_module_once_after_what_it_reads() {
    let project = Project::new(&[
        ("leaf.py", "X = 1\nprint('leaf')\n"),
        ("l.py", "from leaf import X\nL = X + 10\nprint('l')\n"),
        ("r.py", "from leaf import X\nR = X + 20\nprint('r')\n"),
        (
            "top.py",
            "from l import L\nfrom r import R\nT = L, R\nprint('top')\n",
        ),
        ("main.py", "from top import T\nprint('V', *T)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 11 21"), ["leaf", "l", "r", "top"]);

    hmr.save("leaf.py", "X = 2\nprint('leaf')\n").expect(
        &["leaf", "l", "r", "top", "main"],
        &["leaf", "l", "r", "top", "V 12 22"],
    );
}

#[test]
fn a39_a_deleted_name_is_an_import_error_until_it_is_back() {
    let project = Project::new(&[
        ("m.py", "A = 1\nB = 1\n"),
        ("main.py", "from m import B\nprint('V', B)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "A = 1\n");
    reload.expect_failure("main", "ImportError");
    assert!(
        reload
            .stderr
            .iter()
            .any(|line| line.contains("cannot import name 'B' from 'm'")),
        "{}",
        reload.log
    );

    let reload = hmr.save("m.py", "A = 1\nB = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

#[test]
fn a40_a_deleted_global_of_a_function_is_not_found_any_more() {
    let project = Project::new(&[
        (
            "m.py",
            "def g():\n    return 1\n\ndef f():\n    return g()\n",
        ),
        (
            "main.py",
            "import m\ntry:\n    print('V', m.f())\nexcept NameError as error:\n    print('V', error)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "def f():\n    return g()\n");
    assert_eq!(
        reload.stdout,
        ["V name 'g' is not defined"],
        "{}",
        reload.log
    );
}

#[test]
fn a51_files_of_one_name_in_two_packages_are_two_modules() {
    let project = Project::new(&[
        ("a/__init__.py", ""),
        ("a/util.py", "X = 1\n"),
        ("b/__init__.py", ""),
        ("b/util.py", "X = 2\n"),
        (
            "main.py",
            "from a.util import X as A\nfrom b.util import X as B\nprint('V', A, B)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 2");

    hmr.save("b/util.py", "X = 20\n")
        .expect(&["b.util", "main"], &["V 1 20"]);
    hmr.save("a/util.py", "X = 10\n")
        .expect(&["a.util", "main"], &["V 10 20"]);
}

#[test]
fn a52_two_modules_that_import_each_other_settle() {
    let a = |value: u32| format!("import b\nA = {value}\ndef get():\n    return b.B\n");
    let b = |value: u32| format!("import a\nB = {value}\ndef get():\n    return a.A\n");
    let project = Project::new(&[
        ("a.py", &a(1)),
        ("b.py", &b(1)),
        ("main.py", "import a, b\nprint('V', b.get(), a.get())\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    let reload = hmr.save("b.py", &b(2));
    assert_eq!(reload.stdout, ["V 1 2"], "{}", reload.log);
    let reload = hmr.save("a.py", &a(2));
    assert_eq!(reload.stdout, ["V 2 2"], "{}", reload.log);
}
