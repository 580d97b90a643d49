//! Forked children, modules that hide behind other objects, half-imported packages, late signals.

use hmr_tests::{Hmr, Project};

#[cfg(unix)]
#[test]
fn a_child_that_the_program_forks_reports_nothing() {
    let main = |value: u32| {
        format!(
            "import os, sys\nchild = os.fork()\nif child == 0:\n    sys.exit(0)\n\
             print('V', {value}, os.waitpid(child, 0)[1])\n"
        )
    };
    let project = Project::new(&[("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 0");

    hmr.save("main.py", &main(2)).expect(&["main"], &["V 2 0"]);
    assert!(!hmr.log().contains("exited with"), "{}", hmr.log());
}

#[test]
fn a_module_run_by_m_is_watched_after_its_package_was_fixed() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from pkg import nope\n"),
        ("pkg/t.py", "print('V', __name__)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["-m", "pkg.t"]);
    hmr.wait_failure("ImportError");

    hmr.save("pkg/__init__.py", "")
        .expect(&["pkg", "pkg.t"], &["V __main__"]);
    hmr.save("pkg/t.py", "print('W', __name__)\n")
        .expect(&["pkg.t"], &["W __main__"]);
}

#[test]
fn a_module_that_puts_an_object_in_its_place_is_followed_through_two_edits() {
    let m = |value: u32| {
        format!("import sys\nclass O:\n    X = {value}\nprint('m')\nsys.modules[__name__] = O()\n")
    };
    let project = Project::new(&[("m.py", &m(1)), ("main.py", "import m\nprint('V', m.X)\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["m"]);

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["m", "V 2"]);
    hmr.save("m.py", &m(3))
        .expect(&["m", "main"], &["m", "V 3"]);
}

#[test]
fn a_reader_sees_the_submodule_that_a_failed_run_imported() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/s2.py", "X = 1\n"),
        ("main.py", "import pkg\nprint('V', hasattr(pkg, 's2'))\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V False");

    hmr.save("pkg/__init__.py", "import pkg.s2\n1 / 0\n")
        .expect_failure("pkg", "ZeroDivisionError");
    hmr.save("pkg/__init__.py", "import pkg.s2\n")
        .expect(&["pkg", "main"], &["V True"]);
}

#[cfg(unix)]
#[test]
fn a_handler_that_exits_right_after_the_first_run_is_never_lost() {
    for _ in 0..10 {
        let project = Project::new(&[(
            "main.py",
            "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n\
             print('V 1')\n",
        )]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.terminate();

        let (status, _) = hmr.exit();
        assert_eq!(status.code(), Some(7), "{}", hmr.log());
    }
}
