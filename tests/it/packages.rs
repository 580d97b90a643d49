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
