//! A: whichever way a module reads another's names, it hears of their changes.

use hmr_tests::{Hmr, Project};

/// Starts `main` beside an `m.py` of `text` and waits for its last line.
macro_rules! start {
    ($project:ident, $hmr:ident, $first:expr, [$($file:expr),* $(,)?]) => {
        let $project = Project::new(&[$($file),*]);
        let mut $hmr = Hmr::start(&$project, &["main.py"]);
        $hmr.wait_stdout($first);
    };
}

#[test]
fn a34_a_star_import_brings_a_name_that_was_added() {
    start!(
        project,
        hmr,
        "V False",
        [
            ("m.py", "A = 1\n"),
            ("main.py", "from m import *\nprint('V', 'B' in globals())\n"),
        ]
    );
    hmr.save("m.py", "A = 1\nB = 2\n")
        .expect(&["m", "main"], &["V True"]);
}

#[test]
fn a35_a_star_import_brings_a_name_that_was_added_to_all() {
    start!(
        project,
        hmr,
        "V False",
        [
            ("m.py", "__all__ = ['A']\nA = 1\nB = 2\n"),
            ("main.py", "from m import *\nprint('V', 'B' in globals())\n"),
        ]
    );
    hmr.save("m.py", "__all__ = ['A', 'B']\nA = 1\nB = 2\n")
        .expect(&["m", "main"], &["V True"]);
    hmr.save("m.py", "__all__ = ['A', 'B']\nA = 1\nB = 2\nC = 3\n")
        .expect(&["m"], &[]);
}

#[test]
fn a37_a_question_for_an_absent_name_is_asked_again_once_it_is_there() {
    for (question, no, yes) in [
        ("hasattr(m, 'B')", "False", "True"),
        ("getattr(m, 'B', 'd')", "d", "True"),
        ("'B' in dir(m)", "False", "True"),
        ("'B' in vars(m)", "False", "True"),
        ("'B' in m.__dict__", "False", "True"),
    ] {
        start!(
            project,
            hmr,
            &format!("V {no}"),
            [
                ("m.py", "A = 1\n"),
                ("main.py", &format!("import m\nprint('V', {question})\n")),
            ]
        );
        hmr.save("m.py", "A = 1\nB = True\n")
            .expect(&["m", "main"], &[&format!("V {yes}")]);
    }
}

#[test]
fn a41_a_guarded_import_takes_the_name_once_it_is_there() {
    start!(
        project,
        hmr,
        "V none",
        [
            ("m.py", "A = 1\n"),
            (
                "main.py",
                "try:\n    from m import B\nexcept ImportError:\n    B = 'none'\nprint('V', B)\n",
            ),
        ]
    );
    hmr.save("m.py", "A = 1\nB = 2\n")
        .expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", "A = 1\n")
        .expect(&["m", "main"], &["V none"]);
}

#[test]
fn a42_a_modules_getattr_answers_until_the_name_is_real() {
    start!(
        project,
        hmr,
        "V abc",
        [
            ("m.py", "def __getattr__(n):\n    return n\n"),
            ("main.py", "import m\nprint('V', m.abc)\n"),
        ]
    );
    hmr.save("m.py", "def __getattr__(n):\n    return n * 3\n")
        .expect(&["main"], &["V abcabcabc"]);
    hmr.save(
        "m.py",
        "def __getattr__(n):\n    return n * 3\nabc = 'real'\n",
    )
    .expect(&["m", "main"], &["V real"]);
}

#[test]
fn a44_an_import_in_a_function_that_a_load_calls_is_tracked() {
    start!(
        project,
        hmr,
        "V 1",
        [
            ("m.py", "X = 1\n"),
            (
                "main.py",
                "def read():\n    from m import X\n    return X\nprint('V', read())\n",
            ),
        ]
    );
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a45_import_module_is_tracked() {
    start!(
        project,
        hmr,
        "V 1 1",
        [
            ("m.py", "X = 1\n"),
            ("pkg/__init__.py", ""),
            ("pkg/n.py", "X = 1\n"),
            (
                "main.py",
                "from importlib import import_module\nprint('V', import_module('m').X, import_module('.n', 'pkg').X)\n",
            ),
        ]
    );
    hmr.save("m.py", "X = 2\n")
        .expect(&["m", "main"], &["V 2 1"]);
    hmr.save("pkg/n.py", "X = 2\n")
        .expect(&["pkg.n", "main"], &["V 2 2"]);
}

#[test]
fn a46_an_import_that_is_switched_off_is_not_read_any_more() {
    start!(
        project,
        hmr,
        "V light",
        [
            ("flag.py", "F = False\n"),
            ("heavy.py", "X = 'heavy'\n"),
            (
                "main.py",
                "import flag\nif flag.F:\n    from heavy import X\nelse:\n    X = 'light'\nprint('V', X)\n",
            ),
        ]
    );
    hmr.save("flag.py", "F = True\n")
        .expect(&["flag", "heavy", "main"], &["V heavy"]);
    hmr.save("heavy.py", "X = 'heavier'\n")
        .expect(&["heavy", "main"], &["V heavier"]);
    hmr.save("flag.py", "F = False\n")
        .expect(&["flag", "main"], &["V light"]);
    hmr.save("heavy.py", "X = 'heaviest'\n").expect(&[], &[]);
    hmr.save("flag.py", "F = 1\n")
        .expect(&["flag", "heavy", "main"], &["V heaviest"]);
}

#[test]
fn a47_an_edit_of_a_base_class_reaches_its_subclass_elsewhere() {
    let base = |text: &str| format!("class B:\n    def hi(self):\n        return '{text}'\n");
    start!(
        project,
        hmr,
        "V one",
        [
            ("base.py", &base("one")),
            ("sub.py", "from base import B\nclass C(B):\n    pass\n"),
            ("main.py", "from sub import C\nprint('V', C().hi())\n"),
        ]
    );
    let reload = hmr.save("base.py", &base("two"));
    assert_eq!(reload.stdout, ["V two"], "{}", reload.log);
    let reload = hmr.save("base.py", &base("three"));
    assert_eq!(reload.stdout, ["V three"], "{}", reload.log);
}

#[test]
fn a49_an_entry_that_is_imported_too_runs_as_both_modules() {
    let main = |x: u32| {
        format!("X = {x}\nprint('body', __name__)\nif __name__ == '__main__':\n    import other\n")
    };
    start!(
        project,
        hmr,
        "other 1",
        [
            ("main.py", &main(1)),
            ("other.py", "from main import X\nprint('other', X)\n"),
        ]
    );
    let reload = hmr.save("main.py", &main(2));
    for body in ["body __main__", "body main", "other 2"] {
        let times = reload.stdout.iter().filter(|line| *line == body).count();
        assert_eq!(times, 1, "{body} in {}", reload.log);
    }
}

#[test]
fn a53_modules_that_import_each_other_through_their_package_settle() {
    let a = |value: u32| format!("import pkg\nX = {value}\ndef y():\n    return pkg.b.Y\n");
    let b = |value: u32| format!("import pkg\nY = {value}\ndef x():\n    return pkg.a.X\n");
    start!(
        project,
        hmr,
        "V 1 1",
        [
            ("pkg/__init__.py", "from . import a, b\n"),
            ("pkg/a.py", &a(1)),
            ("pkg/b.py", &b(1)),
            ("main.py", "import pkg\nprint('V', pkg.b.x(), pkg.a.y())\n"),
        ]
    );
    let reload = hmr.save("pkg/a.py", &a(2));
    assert_eq!(reload.stdout, ["V 2 1"], "{}", reload.log);
    let reload = hmr.save("pkg/b.py", &b(2));
    assert_eq!(reload.stdout, ["V 2 2"], "{}", reload.log);
}
