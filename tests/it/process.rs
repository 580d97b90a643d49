//! F: to the program, `hmr main.py` is `python main.py`.

use hmr_tests::{Hmr, Project};

/// Prints what a program can see of how it was started, line by line.
const PROBE: &str = r#"
"""The probe."""
names = sorted(globals())
import sys, locale, os
print('argv', sys.argv)
print('globals', names)
print('name', __name__)
print('file', __file__)
print('package', __package__)
print('spec', __spec__ and __spec__.name)
print('doc', __doc__)
print('loader', type(__loader__).__name__)
print('builtins', type(__builtins__).__name__)
print('main', sys.modules['__main__'].__dict__ is globals(), type(sys.modules['__main__']).__name__)
print('path', sys.path)
print('flags', sys.flags)
print('cwd', os.getcwd())
print('prefix', sys.prefix, sys.base_prefix, sys.version)
print('warnings', sys.warnoptions, sys.dont_write_bytecode, sys.getrecursionlimit())
print('encodings', sys.getdefaultencoding(), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), locale.getpreferredencoding())
for name in 'stdin', 'stdout', 'stderr':
    stream = getattr(sys, name)
    print(name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through, type(stream.buffer).__name__)
print('executable', sys.executable)
print('END')
"#;

/// Runs the probe by `hmr` with `arguments`, then by plain python, and compares what they print.
#[track_caller]
fn expect_same_as_python(project: &Project, arguments: &[&str]) {
    let mut hmr = Hmr::start(project, arguments);
    let hot = hmr.wait_stdout("END");
    let (cold, _) = project.python(arguments);

    for (hot, cold) in hot.iter().zip(&cold) {
        assert_eq!(
            hot, cold,
            "left is what hmr shows the program, right is what python does"
        );
    }
    assert_eq!(hot.len() + 1, cold.len(), "{}", hmr.log());
}

#[test]
fn f01_a_script_sees_what_it_sees_under_python() {
    let project = Project::new(&[("probe.py", PROBE)]);

    expect_same_as_python(&project, &["probe.py"]);
}

#[test]
fn f01_the_programs_arguments_are_its_own_whatever_they_look_like() {
    let project = Project::new(&[("probe.py", PROBE)]);

    expect_same_as_python(
        &project,
        &["probe.py", "-m", "--verbose", "--", "two words", "--help"],
    );
}

#[test]
fn f01_a_script_in_another_folder_finds_its_neighbours() {
    let project = Project::new(&[("app/probe.py", PROBE)]);

    expect_same_as_python(&project, &["app/probe.py", "x"]);
    expect_same_as_python(&project, &["./app/../app/probe.py"]);
}

#[test]
fn f01_a_module_sees_what_it_sees_under_python_m() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/__main__.py", PROBE),
        ("pkg/tool.py", PROBE),
    ]);

    expect_same_as_python(&project, &["-m", "pkg", "one", "--two"]);
    expect_same_as_python(&project, &["-m", "pkg.tool", "-m", "three"]);
}

#[test]
fn f01_a_folder_sees_what_it_sees_under_python() {
    let project = Project::new(&[("app/__main__.py", PROBE)]);

    expect_same_as_python(&project, &["app", "one"]);
}

#[test]
fn f02_a_package_runs_by_its_main_module() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/m.py", "X = 1\n"),
        (
            "pkg/__main__.py",
            "from .m import X\nprint('V', X, __name__)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["-m", "pkg"]);
    hmr.wait_stdout("V 1 __main__");

    let reload = hmr.save("pkg/m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2 __main__"], "{}", reload.log);
}

#[test]
fn f03_a_module_of_a_package_runs_by_its_dotted_name() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/m.py", "X = 1\n"),
        (
            "pkg/tool.py",
            "from pkg.m import X\nprint('V', X, __package__)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["-m", "pkg.tool"]);
    hmr.wait_stdout("V 1 pkg");

    let reload = hmr.save("pkg/m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2 pkg"], "{}", reload.log);
    let reload = hmr.save(
        "pkg/tool.py",
        "from pkg.m import X\nprint('V', X, 'edited')\n",
    );
    assert_eq!(reload.stdout, ["V 2 edited"], "{}", reload.log);
}

#[test]
fn f04_a_folder_runs_by_its_main_file() {
    let project = Project::new(&[
        ("app/m.py", "X = 1\n"),
        ("app/__main__.py", "from m import X\nprint('V', X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["app"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("app/m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

#[test]
fn f06_version_is_printed_and_nothing_runs() {
    let project = Project::new(&[]);
    let mut hmr = Hmr::start(&project, &["--version"]);

    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(0), "{}", hmr.log());
    assert_eq!(stdout, [concat!("hmr ", env!("CARGO_PKG_VERSION"))]);
}

#[cfg(unix)]
const SAYS_BYE: &str = "import atexit\natexit.register(print, 'bye')\nprint('V 1')\n";

#[cfg(unix)]
#[test]
fn f11_ctrl_c_while_idle_ends_the_program_as_its_own_end_would() {
    let project = Project::new(&[("main.py", SAYS_BYE)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.interrupt();

    expect_bye(&mut hmr);
}

/// The window between a report and the next wait is narrow: one program in forty met it.
#[cfg(unix)]
#[test]
fn f11_ctrl_c_right_after_a_reload_is_never_lost() {
    for _ in 0..20 {
        let project = Project::new(&[("main.py", SAYS_BYE)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.save("main.py", &SAYS_BYE.replace("V 1", "V 2"))
            .expect(&["main"], &["V 2"]);
        hmr.interrupt();

        expect_bye(&mut hmr);
    }
}

#[cfg(unix)]
#[track_caller]
fn expect_bye(hmr: &mut Hmr<'_>) {
    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(0), "{}", hmr.log());
    assert_eq!(
        stdout.last().map(String::as_str),
        Some("bye"),
        "{}",
        hmr.log()
    );
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

/// A thread of the program says when some time has passed.
#[cfg(target_os = "linux")]
const CLOCK: &str = "import m, threading, time\n\
    def tell():\n    while True:\n        time.sleep(4)\n        print('later', flush=True)\n\
    threading.Thread(target=tell, daemon=True).start()\n";

#[cfg(target_os = "linux")]
#[test]
fn f17_waiting_takes_no_processor_time() {
    use std::time::Duration;

    for end in ["", "time.sleep(3600)\n"] {
        let main = format!("{CLOCK}{end}");
        let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("later");
        hmr.save("m.py", "X = 2\n");
        hmr.wait_stdout("later");
        let before = hmr.processor_time();
        hmr.wait_stdout("later");
        let spent = hmr.processor_time().saturating_sub(before);
        assert!(
            spent < Duration::from_millis(80),
            "{spent:?}\n{}",
            hmr.log()
        );
    }
}

#[test]
fn f18_tests_in_the_entry_fail_with_a_break_and_pass_with_its_fix() {
    let main = "import unittest, m\n\
        class Test(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(m.f(), 1)\n\
        program = unittest.main(exit=False)\nprint(program.result.wasSuccessful())\n";
    let m = |value: u32| format!("def f():\n    return {value}\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("True");
    for (value, passes) in [(2, "False"), (1, "True"), (3, "False")] {
        hmr.save("m.py", &m(value)).expect(&["main"], &[passes]);
    }
}

#[test]
fn f18_tests_that_exit_run_again_too() {
    let main = "import unittest, m\n\
        class Test(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(m.f(), 1)\n\
        unittest.main()\n";
    let m = |value: u32| format!("def f():\n    return {value}\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let expect = |hmr: &mut Hmr<'_>, status| {
        let exited = format!("main.py exited with status {status}; watching for changes");
        hmr.wait_stderr(&exited, |line| line.ends_with(&exited));
    };
    expect(&mut hmr, 0);
    for (value, status) in [(2, 1), (1, 0)] {
        project.save("m.py", &m(value));
        expect(&mut hmr, status);
    }
}

#[test]
fn f19_a_reload_is_one_line_and_none_if_that_is_asked_for() {
    let project = || {
        Project::new(&[
            ("m.py", "X = 1\n"),
            ("main.py", "import m\nprint('V', m.X)\n"),
        ])
    };
    let said = |hmr: &Hmr<'_>| hmr.log().matches("m.py -> ").count();
    let (first, second) = (project(), project());
    let mut hmr = Hmr::start(&first, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(
        reload.line, "m.py -> reran m, main  (X changed)",
        "{}",
        reload.log
    );
    assert_eq!(said(&hmr), 1, "{}", hmr.log());

    let mut hmr = Hmr::start(&second, &["--quiet", "main.py"]);
    hmr.wait_stdout("V 1");
    for value in 2..4 {
        second.save("m.py", &format!("X = {value}\n"));
        hmr.wait_stdout(&format!("V {value}"));
    }
    assert_eq!(said(&hmr), 0, "{}", hmr.log());
}
