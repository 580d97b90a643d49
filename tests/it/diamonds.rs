//! A: many ways lead from one module to another, and each module runs once, on values of one time.

use std::fmt::Write as _;

use hmr_tests::{Hmr, Project};

#[test]
fn a27_twelve_stacked_diamonds_run_each_module_once() {
    let root = |value: u32| format!("X0 = {value}\nprint('m0', X0)\n");
    let project = Project::new(&[("m0.py", &root(1))]);
    let mut names = vec!["m0".to_owned()];
    for n in 1..=12 {
        let above = n - 1;
        for side in ["l", "r"] {
            let text =
                format!("from m{above} import X{above}\nX = X{above}\nprint('{side}{n}', X)\n");
            project.save(&format!("{side}{n}.py"), &text);
            names.push(format!("{side}{n}"));
        }
        let text = format!(
            "import l{n}, r{n}\nassert l{n}.X == r{n}.X\nX{n} = l{n}.X\nprint('m{n}', X{n})\n"
        );
        project.save(&format!("m{n}.py"), &text);
        names.push(format!("m{n}"));
    }
    project.save("main.py", "from m12 import X12\nprint('V', X12)\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1").len(), names.len());

    for value in 2..4 {
        let reload = hmr.save("m0.py", &root(value));
        let mut ran: Vec<_> = names.iter().map(String::as_str).collect();
        let mut printed: Vec<_> = names.iter().map(|name| format!("{name} {value}")).collect();
        ran.push("main");
        printed.push(format!("V {value}"));
        let printed: Vec<_> = printed.iter().map(String::as_str).collect();
        reload.expect(&ran, &printed);
    }
}

#[test]
fn a28_a_value_that_comes_by_two_ways_is_never_seen_at_two_ages() {
    let project = Project::new(&[
        ("a.py", "X = 0\n"),
        ("b.py", "from a import X\nY = X\n"),
        ("c.py", "from b import Y\nZ = Y\n"),
        (
            "main.py",
            "from a import X\nfrom c import Z\nprint('V', X, Z)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 0 0");

    hmr.save("a.py", "X = 1\n")
        .expect(&["a", "b", "c", "main"], &["V 1 1"]);
}

#[test]
fn a29_a_triangle_runs_its_far_corner_once() {
    let project = Project::new(&[
        ("a.py", "X = 0\n"),
        ("b.py", "from a import X\nY = X\nprint('b')\n"),
        (
            "c.py",
            "from a import X\nfrom b import Y\nR = X, Y\nprint('c')\n",
        ),
        ("main.py", "import c\nprint('V', *c.R)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 0 0"), ["b", "c"]);

    hmr.save("a.py", "X = 1\n")
        .expect(&["a", "b", "c", "main"], &["b", "c", "V 1 1"]);
}

#[test]
fn a32_a_name_that_a_package_does_not_re_export_reruns_nobody() {
    let core = |b: u32| format!("A = 1\nB = {b}\n");
    let project = Project::new(&[
        ("pkg/__init__.py", "from .core import A\nprint('init')\n"),
        ("pkg/core.py", &core(1)),
        ("main.py", "import pkg\nprint('V', pkg.A)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["init"]);

    hmr.save("pkg/core.py", &core(2)).expect(&["pkg.core"], &[]);
    hmr.save("pkg/core.py", "A = 2\nB = 2\n")
        .expect(&["pkg.core", "pkg", "main"], &["init", "V 2"]);
}

#[test]
fn a33_a_function_that_is_re_exported_sees_the_new_global() {
    let project = Project::new(&[
        ("conf.py", "V = 1\n"),
        (
            "pkg/core.py",
            "from conf import V\ndef run():\n    return V\n",
        ),
        ("pkg/__init__.py", "from .core import run\n"),
        ("main.py", "import pkg\nprint('V', pkg.run())\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    // The package only passes the function on: who called it runs again, and nobody else.
    hmr.save("conf.py", "V = 2\n")
        .expect(&["conf", "pkg.core", "main"], &["V 2"]);
}

#[test]
fn b29_an_import_chain_of_150_loads_as_under_python() {
    let project = chain(150);
    let (cold, _) = project.python(&["main.py"]);
    // CPython 3.11 nests six frames per import and gives up at a depth of 150: so may we.
    let length = if cold == ["V 1"] { 150 } else { 100 };
    let project = chain(length);
    let (cold, errors) = project.python(&["main.py"]);
    assert_eq!(cold, ["V 1"], "{errors:?}");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m0.py", "X = 2\n");
    assert_eq!(reload.ran.len(), length + 1, "{}", reload.log);
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

/// Imported bottom-up: no import is nested in another, so that plain python can load it.
#[test]
fn a_chain_of_a_thousand_modules_updates_without_recursion() {
    let project = chain(1000);
    let imports = (0..1000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "import m{n}");
        text
    });
    project.save("main.py", &(imports + "print('V', m999.X)\n"));
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    for value in 2..4 {
        let reload = hmr.save("m0.py", &format!("X = {value}\n"));
        let mut ran: Vec<_> = (0..1000).map(|n| format!("m{n}")).collect();
        ran.push("main".into());
        assert_eq!(reload.ran, ran, "{}", reload.log);
        assert_eq!(reload.stdout, [format!("V {value}")], "{}", reload.log);
    }
}

/// `m0` holds 1, and each further module what the one before it holds.
fn chain(length: usize) -> Project {
    let project = Project::new(&[("m0.py", "X = 1\n")]);
    for n in 1..length {
        let text = format!("from m{} import X\n", n - 1);
        project.save(&format!("m{n}.py"), &text);
    }
    let last = length - 1;
    let text = format!("from m{last} import X\nprint('V', X)\n");
    project.save("main.py", &text);
    project
}
