//! What a package's `__init__` imports, and stops to import, is there as a fresh start would have it.

use hmr_tests::{Hmr, Project};

#[test]
fn a_submodule_stays_when_its_package_imports_it_no_more() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from . import sub\n"),
        ("pkg/sub.py", "X = 1\n"),
        ("main.py", "import pkg.sub\nprint('V', pkg.sub.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("pkg/__init__.py", "").expect(&["pkg"], &[]);
    hmr.save("pkg/sub.py", "X = 2\n")
        .expect(&["pkg.sub", "main"], &["V 2"]);
}

#[test]
fn a_submodule_that_a_failed_run_imported_is_there_once_it_is_fixed() {
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/s2.py", "X = 1\nprint('s2')\n"),
        ("main.py", "import pkg\nprint('V', hasattr(pkg, 's2'))\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V False");

    let reload = hmr.save("pkg/__init__.py", "import pkg.s2\n1 / 0\n");
    assert_eq!(
        reload.failed,
        Some(("pkg".into(), "ZeroDivisionError".into())),
        "{}",
        reload.log
    );
    assert_eq!(reload.stdout, ["s2"], "{}", reload.log);
    let reload = hmr.save("pkg/__init__.py", "import pkg.s2\n");
    assert_eq!(reload.failed, None, "{}", reload.log);
    assert_eq!(reload.ran.first().map(String::as_str), Some("pkg"));
    hmr.save("main.py", "import pkg\nprint('W', pkg.s2.X)\n")
        .expect(&["main"], &["W 1"]);
}

#[test]
fn a_submodule_that_its_package_imports_too_is_made_once() {
    let project = Project::new(&[
        ("pkg/__init__.py", "X = 1\n"),
        ("main.py", "import pkg\nprint('V')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    // Nobody imports the package now, so that it waits until somebody does.
    hmr.save("main.py", "print('V')\n")
        .expect(&["main"], &["V"]);

    hmr.edit("main.py", |project| {
        project.save("pkg/__init__.py", "from .sub import K\n");
        project.save("pkg/sub.py", "class K: pass\nprint('sub')\n");
        project.save(
            "main.py",
            "import pkg.sub\nprint('V', pkg.K is pkg.sub.K)\n",
        );
    })
    .expect(&["pkg.sub", "pkg", "main"], &["sub", "V True"]);
}

#[test]
fn who_imports_a_submodule_reads_it_also_if_the_package_has_loaded_it() {
    let project = Project::new(&[
        ("pkg/__init__.py", "from . import sub\n"),
        ("pkg/sub.py", "print('sub 1')\n"),
        ("main.py", "import pkg.sub\nprint('V')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");

    hmr.save("pkg/__init__.py", "").expect(&["pkg"], &[]);
    hmr.save("pkg/sub.py", "print('sub 2')\n")
        .expect(&["pkg.sub"], &["sub 2"]);
}

#[test]
fn a_package_that_failed_at_first_has_the_submodules_that_did_not() {
    let project = Project::new(&[
        ("pkg/__init__.py", "import pkg.good\nimport pkg.bad\n"),
        ("pkg/good.py", "X = 1\n"),
        ("pkg/bad.py", "1 / 0\n"),
        ("main.py", "import pkg\nprint('V', pkg.good.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stderr("the failure", |line| line.contains("ZeroDivisionError"));

    hmr.save("pkg/bad.py", "")
        .expect(&["pkg.bad", "pkg", "main"], &["V 1"]);
}

#[test]
fn a_submodule_that_runs_again_in_the_batch_that_mends_its_package_is_there() {
    let project = Project::new(&[
        ("pkg/__init__.py", "import pkg.good\nimport pkg.bad\n"),
        ("pkg/good.py", "X = int(open('n').read())\n"),
        ("pkg/bad.py", "Y = 1 // int(open('n').read())\n"),
        ("n", "0"),
        ("main.py", "import pkg\nprint('V', pkg.good.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stderr("the failure", |line| line.contains("ZeroDivisionError"));

    hmr.save("n", "1")
        .expect(&["pkg.good", "pkg.bad", "pkg", "main"], &["V 1"]);
}

#[test]
fn a_name_that_hid_a_submodule_gives_way_to_it() {
    let project = Project::new(&[
        ("p/__init__.py", "from .run import run\n"),
        ("p/run.py", "def run(): return 1\n"),
        (
            "main.py",
            "import p\nprint('V', type(p.run).__name__, getattr(p.run, 'run', p.run)())\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V function 1");

    hmr.save("p/__init__.py", "from . import run\n")
        .expect(&["p", "main"], &["V module 1"]);
    hmr.save("p/run.py", "def run(): return 2\n")
        .expect(&["main"], &["V module 2"]);
    hmr.save("p/__init__.py", "from .run import run\n")
        .expect(&["p", "main"], &["V function 2"]);
    // An import that binds another name brings it back too.
    hmr.save("p/__init__.py", "import p.run\nX = run.run()\n")
        .expect(&["p", "main"], &["V module 2"]);
    hmr.save("p/__init__.py", "run = int\nimport p.run\nX = run.run()\n")
        .expect(&["p"], &[]);
}

#[test]
fn a_submodule_that_others_import_hides_what_its_package_binds() {
    let project = Project::new(&[
        ("p/__init__.py", ""),
        ("p/a.py", "X = 1\n"),
        ("main.py", "import p.a\nprint('V', p.a.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    // As in a fresh start, where it is loaded after its package has run.
    hmr.save("p/__init__.py", "a = 5\n").expect(&["p"], &[]);
    hmr.save("p/a.py", "X = 2\n")
        .expect(&["p.a", "main"], &["V 2"]);
    hmr.save("p/__init__.py", "").expect(&["p"], &[]);
    hmr.save("p/a.py", "X = 3\n")
        .expect(&["p.a", "main"], &["V 3"]);
}

#[test]
fn a_package_may_bind_the_name_of_a_submodule_that_nobody_imports() {
    let project = Project::new(&[
        ("p/__init__.py", "from . import a\n"),
        ("p/a.py", "X = 1\n"),
        ("main.py", "import p\nprint('V', getattr(p.a, 'X', p.a))\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("p/__init__.py", "a = 5\n")
        .expect(&["p", "main"], &["V 5"]);
    // Who imports it now puts it into its place.
    hmr.save("main.py", "import p.a\nprint('V', p.a.X)\n")
        .expect(&["main"], &["V 1"]);
    let reload = hmr.edit("p/__init__.py", |project| {
        project.save("main.py", "import p\nprint('V', getattr(p.a, 'X', p.a))\n");
        project.save("p/__init__.py", "a = 6\n");
    });
    assert_eq!(reload.stdout.last().map(String::as_str), Some("V 6"));
    let reload = hmr.save("p/__init__.py", "from . import a\n");
    assert_eq!(reload.stdout, ["V 1"], "{}", reload.log);
    hmr.save("p/a.py", "X = 2\n")
        .expect(&["p.a", "main"], &["V 2"]);
}

#[test]
fn a_folder_that_is_imported_from_may_get_an_init_file() {
    let project = Project::new(&[
        ("pkg/a.py", "X = 1\n"),
        ("other.py", "import pkg\nQ = getattr(pkg, 'Q', 0)\n"),
        (
            "main.py",
            "import pkg.a\nimport other\nprint('V', getattr(pkg, 'Q', 0), other.Q, pkg.a.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 0 0 1");

    let reload = hmr.save("pkg/__init__.py", "Q = 1\n");
    assert_eq!(reload.stdout, ["V 1 1 1"], "{}", reload.log);
    hmr.save("pkg/__init__.py", "Q = 2\n")
        .expect(&["pkg", "other", "main"], &["V 2 2 1"]);
    let reload = hmr.edit("pkg/__init__.py", |project| {
        project.delete("pkg/__init__.py");
    });
    assert_eq!(reload.stdout, ["V 0 0 1"], "{}", reload.log);
    hmr.save("pkg/a.py", "X = 2\n")
        .expect(&["pkg.a", "main"], &["V 0 0 2"]);
    let reload = hmr.save("pkg/__init__.py", "Q = 3\n");
    assert_eq!(reload.stdout, ["V 3 3 2"], "{}", reload.log);
}

#[test]
fn a_program_that_wants_a_name_of_a_folder_waits_for_its_init_file() {
    let project = Project::new(&[
        ("pkg/a.py", "X = 1\n"),
        ("main.py", "from pkg import Q\nprint('V', Q)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("ImportError");

    hmr.save("pkg/__init__.py", "Q = 1\n")
        .expect(&["pkg", "main"], &["V 1"]);
    hmr.save("pkg/__init__.py", "Q = 2\n")
        .expect(&["pkg", "main"], &["V 2"]);
}

#[test]
fn a_folder_that_is_imported_from_may_become_a_module() {
    let project = Project::new(&[
        ("ns/inner/a.py", "X = 1\n"),
        (
            "main.py",
            "from ns import inner\nprint('V', getattr(inner, 'Q', 0))\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 0");

    let reload = hmr.save("ns/inner.py", "Q = 1\n");
    assert_eq!(reload.stdout, ["V 1"], "{}", reload.log);
    hmr.save("ns/inner.py", "Q = 2\n")
        .expect(&["ns.inner", "main"], &["V 2"]);
}
