//! What went away, failed or never ended comes back as a fresh start would have it.

use std::path::Path;

use hmr_tests::{Hmr, Project};

/// Without a flush, so the line is there when the program has come to its end.
const PRINTS_X: &str = "import m\nprint('V', m.X)\n";

#[test]
fn a_module_that_was_deleted_and_written_again_is_watched_as_before() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", PRINTS_X)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("m.py", |project| project.delete("m.py"))
        .expect_failure("main", "ModuleNotFoundError");
    hmr.save("m.py", "X = 22\n")
        .expect(&["m", "main"], &["V 22"]);
    hmr.save("m.py", "X = 333\n")
        .expect(&["m", "main"], &["V 333"]);
}

#[test]
fn a_module_that_becomes_a_package_gives_the_packages_value() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", PRINTS_X)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("m.py", |project| {
        project.save("m/__init__.py", "X = 2\n");
        project.delete("m.py");
    });
    let reload = hmr.save("m/__init__.py", "X = 3\n");
    reload.expect(&["m", "main"], &["V 3"]);
}

#[test]
fn an_optional_module_is_used_once_it_is_there() {
    let project = Project::new(&[(
        "main.py",
        "try:\n    import opt\nexcept ImportError:\n    print('V none')\nelse:\n    print('V', opt.X)\n",
    )]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V none");

    hmr.save("opt.py", "X = 1\n")
        .expect(&["opt", "main"], &["V 1"]);
    hmr.save("opt.py", "X = 2\n")
        .expect(&["opt", "main"], &["V 2"]);
}

#[test]
fn a_module_that_a_thread_imports_late_reruns_with_what_it_reads() {
    let main = "import os, threading, time\n\
        def work():\n    while not os.path.exists('go'):\n        time.sleep(0.01)\n    import lazy\n\
        threading.Thread(target=work, daemon=True).start()\n\
        print('V 1')\n";
    let project = Project::new(&[
        ("config.py", "X = 1\n"),
        (
            "lazy.py",
            "import config\nY = config.X * 10\nprint('lazy', Y, flush=True)\n",
        ),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    project.save("go", "");
    hmr.wait_stdout("lazy 10");

    hmr.save("config.py", "X = 2\n")
        .expect(&["config", "lazy"], &["lazy 20"]);
    hmr.save("config.py", "X = 3\n")
        .expect(&["config", "lazy"], &["lazy 30"]);
}

#[test]
fn a_module_that_only_a_function_imports_by_now_is_new_when_it_does() {
    let ask = "import os, threading, time\n\
        def work():\n\
        \x20   while True:\n\
        \x20       if os.path.exists('ask'):\n\
        \x20           import lazy\n\
        \x20           os.remove('ask')\n\
        \x20           print('lazy has', lazy.X, flush=True)\n\
        \x20       time.sleep(0.01)\n\
        threading.Thread(target=work, daemon=True).start()\n";
    let project = Project::new(&[
        ("lazy.py", "X = 1\n"),
        ("ask.py", ask),
        ("main.py", "import ask, lazy\nprint('V', lazy.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("main.py", "import ask\nprint('V')\n")
        .expect(&["main"], &["V"]);

    // No run that could be reported: nobody alive imports it.
    project.save("lazy.py", "X = 2\nprint('lazy ran', flush=True)\n");
    hmr.save("main.py", "import ask\nprint('W')\n")
        .expect(&["main"], &["W"]);
    project.save("ask", "");
    hmr.wait_stdout("lazy ran");
    hmr.wait_stdout("lazy has 2");
    // From now on it belongs to the program.
    hmr.save("lazy.py", "X = 3\n").expect(&["lazy"], &[]);
    project.save("ask", "");
    hmr.wait_stdout("lazy has 3");
}

#[test]
fn circular_imports_settle_after_one_of_them_failed_and_was_fixed() {
    let project = Project::new(&[
        ("a.py", "X = 1\nimport b\n"),
        ("b.py", "import a\nY = a.X * 10\n"),
        ("main.py", "import a, b\nprint('V', b.Y)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 10");

    // `b` has run inside `a` and seen 2, so that it and its reader run again on the old value.
    let reload = hmr.save("a.py", "X = 2\nimport b\n1 / 0\n");
    assert_eq!(
        reload.failed,
        Some(("a".into(), "ZeroDivisionError".into())),
        "{}",
        reload.log
    );
    assert_eq!(reload.ran, ["b", "b", "main"], "{}", reload.log);
    assert_eq!(reload.stdout, ["V 10"], "{}", reload.log);
    // In the order in which they end: `b` runs inside `a`, as in a cold start.
    hmr.save("a.py", "X = 3\nimport b\n")
        .expect(&["b", "a", "main"], &["V 30"]);
}

#[test]
fn a_submodule_that_begins_to_read_its_package_fails_as_in_a_cold_start() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from .sub import *\nX = 1\n"),
        ("pkg/sub.py", "Y = 0\n"),
        ("main.py", "import pkg\nprint('V', pkg.Y)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 0");

    // By itself it would find the value of before.
    let reload = hmr.save("pkg/sub.py", "import pkg\nY = pkg.X\n");
    assert_eq!(
        reload.failed,
        Some(("pkg.sub".into(), "AttributeError".into())),
        "{}",
        reload.log
    );
    hmr.save("pkg/__init__.py", "X = 2\nfrom .sub import *\n")
        .expect(&["pkg.sub", "pkg", "main"], &["V 2"]);
}

#[test]
fn a_module_that_imports_itself_does_not_find_what_it_is_about_to_bind() {
    let m = |value: u32| {
        format!(
            "try:\n    from m import X as OLD\nexcept ImportError:\n    OLD = None\n\
             import m\nSEES = hasattr(m, 'X')\nX = {value}\nX = m.X + 1\n"
        )
    };
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.OLD, m.SEES, m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V None False 2");

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["V None False 3"]);
}

#[test]
fn what_a_broken_module_was_made_of_settles_before_its_readers() {
    let project = Project::new(&[
        ("leaf.py", "def g():\n    return 1\n"),
        ("m.py", "from leaf import g\ndef f():\n    return g()\n"),
        ("main.py", "import m\nprint('V')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");

    hmr.save("m.py", "def f(:\n")
        .expect_failure("m", "SyntaxError");
    let reload = hmr.edit("main.py", |project| {
        project.save("leaf.py", "N = 2\ndef g():\n    return N\n");
        project.save("main.py", "import m\nprint('W', m.f())\n");
    });
    assert_eq!(reload.ran, ["leaf", "main"], "{}", reload.log);
    assert_eq!(reload.stdout, ["W 2"], "{}", reload.log);
}

#[cfg(unix)]
#[test]
fn a_child_that_the_program_forks_ends_and_the_program_goes_on() {
    let main = |value: u32| {
        format!(
            "import os, sys\nchild = os.fork()\nif child == 0:\n    sys.exit(0)\n\
             print('V', {value}, os.waitpid(child, 0)[1])\n"
        )
    };
    let project = Project::new(&[("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 0");

    for value in 2..4 {
        project.save("main.py", &main(value));
        let wanted = format!("V {value} 0");
        assert!(hmr.wait_stdout(&wanted).is_empty(), "{}", hmr.log());
    }
    assert!(hmr.is_alive());
}

#[test]
fn a_package_that_starts_with_an_import_error_runs_by_m_once_it_is_fixed() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from pkg import nope\n"),
        ("pkg/t.py", "print('V', __name__)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["-m", "pkg.t"]);
    hmr.wait_stderr("the traceback", |line| {
        line == "Traceback (most recent call last):"
    });
    hmr.wait_stderr("the exception", |line| {
        line.starts_with("ImportError: cannot import name 'nope' from")
    });
    hmr.wait_failure("ImportError");
    assert!(hmr.is_alive());

    hmr.save("pkg/__init__.py", "")
        .expect(&["pkg", "pkg.t"], &["V __main__"]);
}

#[test]
fn a_module_that_is_not_there_is_said_in_one_sentence() {
    let project = Project::new(&[]);
    let mut hmr = Hmr::start(&project, &["-m", "nosuch"]);

    let (status, stdout) = hmr.exit();
    let log = hmr.log();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(stdout.is_empty(), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("stderr  hmr: ") && log.contains("nosuch"),
        "{log}"
    );
}

#[test]
fn an_exception_with_a_lone_surrogate_has_its_whole_traceback() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", PRINTS_X),
        ("cold.py", "import m\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "raise ValueError('\\udcff')\n");
    reload.expect_failure("m", "ValueError");
    assert_eq!(reload.stderr.len(), 4, "{}", reload.log);
    assert_eq!(
        reload.stderr.last().map(String::as_str),
        Some("ValueError: \\udcff"),
        "{}",
        reload.log
    );

    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a_module_of_the_standard_library_keeps_its_bytecode() {
    let place = "import os, sys, this; print(os.path.join(os.path.dirname(this.__file__), \
        '__pycache__', f'this.{sys.implementation.cache_tag}.pyc'), flush=True)\n";
    let project = Project::new(&[("main.py", place)]);
    // The first run writes the cache, where it can be written at all.
    let cache = {
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout(LAST_OF_ZEN);
        let (lines, _) = project.python(&["main.py"]);
        lines.last().expect("the path comes last").clone()
    };
    let written = || {
        Path::new(&cache)
            .metadata()
            .and_then(|file| file.modified())
    };
    let Ok(before) = written() else { return };

    let mut hmr = Hmr::start(&project, &["-m", "this"]);
    hmr.wait_stdout(LAST_OF_ZEN);
    drop(hmr);
    assert_eq!(written().ok(), Some(before), "{cache}");
}

const LAST_OF_ZEN: &str = "Namespaces are one honking great idea -- let's do more of those!";

#[test]
fn a_thread_finds_the_programs_modules_while_hmr_imports_its_own() {
    const MODULES: usize = 400;
    let main = format!(
        "import m, os, threading, time\n\
        def work():\n    while not os.path.exists('go'):\n        time.sleep(0.001)\n    \
        for n in range({MODULES}):\n        __import__(f'lazy{{n}}')\n    print('all', flush=True)\n\
        threading.Thread(target=work, daemon=True).start()\n\
        print('V', m.X)\n"
    );
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
    for n in 0..MODULES {
        project.save(&format!("lazy{n}.py"), "Y = 1\n");
    }
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    // To show the failure `hmr` imports modules of the standard library, from its own search path.
    project.save("go", "");
    project.save("m.py", "1 / 0\n");
    hmr.wait_failure("ZeroDivisionError");
    hmr.wait_stdout("all");
}
