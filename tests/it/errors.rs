//! C: errors are shown once and survived, and the fix applies.

use hmr_tests::{Hmr, Project};

const READER: &str = "from m import X\nprint('V', X)\n";

fn running() -> Project {
    Project::new(&[("m.py", "X = 1\n"), ("main.py", READER)])
}

#[test]
fn c01_a_syntax_error_in_a_module_is_shown_and_survived() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "X = = 2\n");
    reload.expect_failure("m", "SyntaxError");
    assert_eq!(
        reload.traceback_files(),
        [project.path("m.py").display().to_string()]
    );
    assert!(hmr.is_alive());

    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
}

#[test]
fn c02_a_syntax_error_in_the_entry_is_shown_and_survived() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("main.py", "from m import X\nprint('V', X\n");
    reload.expect_failure("main", "SyntaxError");

    hmr.save("main.py", "from m import X\nprint('V', X, 'fixed')\n")
        .expect(&["main"], &["V 1 fixed"]);
}

#[test]
fn c03_an_entry_that_starts_with_a_syntax_error_runs_once_it_is_fixed() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", "print('V'\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("SyntaxError");

    hmr.save("main.py", READER).expect(&["m", "main"], &["V 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn c04_a_module_that_starts_with_a_syntax_error_loads_once_it_is_fixed() {
    let project = Project::new(&[("m.py", "X = = 1\n"), ("main.py", READER)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("SyntaxError");

    hmr.save("m.py", "X = 1\n").expect(&["m", "main"], &["V 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn c05_an_exception_in_a_module_is_shown_and_survived() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "X = 1 / 0\n");
    reload.expect_failure("m", "ZeroDivisionError");
    assert_eq!(
        reload.stderr.first().map(String::as_str),
        Some("Traceback (most recent call last):")
    );

    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn c06_a_fixed_entry_sees_what_was_saved_while_it_was_broken() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("main.py", "raise RuntimeError('broken')\n")
        .expect_failure("main", "RuntimeError");
    let reload = hmr.save("m.py", "X = 2\n");
    assert!(reload.stdout.is_empty(), "{}", reload.log);

    let reload = hmr.save("main.py", READER);
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

#[test]
fn c07_a_module_that_fails_at_its_first_import_loads_once_it_is_fixed() {
    let project = Project::new(&[
        ("m.py", "raise RuntimeError('first')\n"),
        ("main.py", READER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("RuntimeError");

    hmr.save("m.py", "X = 1\n").expect(&["m", "main"], &["V 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn c08_an_import_that_failed_works_once_its_file_is_there() {
    let project = Project::new(&[("main.py", "from newmod import X\nprint('V', X)\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("ModuleNotFoundError");

    hmr.save("newmod.py", "X = 1\n")
        .expect(&["newmod", "main"], &["V 1"]);
}

#[test]
fn c14_a_program_that_exits_is_watched_on_without_a_traceback() {
    let main = "import sys\nfrom m import X\nprint('V', X)\nsys.exit(3)\n";
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.wait_stderr("the exit", |line| {
        line.starts_with("hmr  ")
            && line.ends_with("  main.py exited with status 3; watching for changes")
    });

    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
    assert!(hmr.is_alive());
}

#[test]
fn c19_a_traceback_is_cpythons_own_without_a_frame_of_the_engine() {
    let project = Project::new(&[
        ("deep.py", "def fail(n):\n    return 1 / n\n\nZ = 1\n"),
        ("m.py", "import deep\n\nX = deep.fail(1)\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1.0");

    let reload = hmr.save("m.py", "import deep\n\nX = deep.fail(0)\n");
    reload.expect_failure("m", "ZeroDivisionError");
    let (_, cold) = project.python(&["m.py"]);
    assert_eq!(reload.stderr, cold, "{}", reload.log);
    let path = |file| project.path(file).display().to_string();
    assert_eq!(
        reload.traceback_files(),
        [path("m.py"), path("deep.py")],
        "{}",
        reload.log
    );
}

#[test]
fn c19_a_traceback_at_the_first_start_is_that_of_python() {
    let project = Project::new(&[
        ("m.py", "def fail():\n    raise ValueError('é')\n"),
        ("pkg/__init__.py", "from .part import Y\n"),
        ("pkg/part.py", "import m\n\nY = m.fail()\n"),
        (
            "main.py",
            "try:\n    import missing\nexcept ImportError:\n    import pkg\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("ValueError");

    let (_, cold) = project.python(&["main.py"]);
    let log = hmr.log();
    let shown: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once("  stderr  "))
        .map(|(_, text)| text)
        .filter(|text| !text.starts_with("hmr  "))
        .collect();
    assert_eq!(shown, cold, "{log}");
}
