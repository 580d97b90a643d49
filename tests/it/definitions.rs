//! A and B: an edit of one definition reaches who used that one, and objects keep their identity.

use std::fmt::Write as _;

use hmr_tests::{Hmr, Project};

fn two_functions(f: &str) -> String {
    format!("def f():\n    return {f}\ndef g():\n    return 'g'\n")
}

#[test]
fn a05_a_new_body_reruns_only_who_called_that_function() {
    expect_only_u1(
        "from m import f\nR = f()\nprint('u1', R)\n",
        "from m import g\nR = g()\nprint('u2', R)\n",
    );
}

#[test]
fn a06_a_new_body_reruns_only_who_called_it_through_its_module() {
    expect_only_u1(
        "import m\nR = m.f()\nprint('u1', R)\n",
        "import m\nR = m.g()\nprint('u2', R)\n",
    );
}

#[track_caller]
fn expect_only_u1(u1: &str, u2: &str) {
    let project = Project::new(&[
        ("m.py", &two_functions("1")),
        ("u1.py", u1),
        ("u2.py", u2),
        ("main.py", "import u1, u2\nprint('V', u1.R, u2.R)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 g");
    let reload = hmr.save("m.py", &two_functions("2"));
    assert_eq!(reload.stdout, ["u1 2", "V 2 g"], "{}", reload.log);
}

#[test]
fn a07_one_of_twenty_functions_reruns_its_one_importer() {
    let functions = |seventh: u32| {
        (0..20).fold(String::new(), |mut text, n| {
            let value = if n == 7 { seventh } else { n };
            let _ = writeln!(text, "def f{n}():\n    return {value}");
            text
        })
    };
    let project = Project::new(&[("m.py", &functions(7))]);
    let mut main = String::new();
    for n in 0..20 {
        let _ = writeln!(main, "import u{n}");
        project.save(
            &format!("u{n}.py"),
            &format!("from m import f{n}\nprint('u{n}', f{n}())\n"),
        );
    }
    project.save("main.py", &(main + "print('ready')\n"));
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("ready");
    let reload = hmr.save("m.py", &functions(70));
    assert_eq!(reload.stdout, ["u7 70"], "{}", reload.log);
}

/// Saves `after` over `before` in `m.py`: `main`, which runs `reads`, prints nothing.
#[track_caller]
fn expect_no_rerun(before: &str, reads: &str, after: &str) {
    let main = format!("import m\n{reads}\nprint('V')\n");
    let project = Project::new(&[("m.py", before), ("main.py", &main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    let reload = hmr.save("m.py", after);
    assert!(
        reload.stdout.is_empty() && reload.failed.is_none(),
        "{}",
        reload.log
    );
}

#[test]
fn a09_a_comment_at_the_end_reruns_no_importer() {
    expect_no_rerun(
        "def f():\n    return 1\n",
        "m.f()",
        "def f():\n    return 1\n# end\n",
    );
}

#[test]
fn a10_a_comment_at_the_top_reruns_no_importer() {
    expect_no_rerun(
        "def f():\n    return 1\n",
        "m.f()",
        "# top\ndef f():\n    return 1\n",
    );
}

#[test]
fn a13_another_layout_reruns_no_importer() {
    expect_no_rerun(
        "def f(x): return 1\n",
        "m.f(0)",
        "def f(x):\n    return 1\n",
    );
}

#[test]
fn a14_a_functions_docstring_reruns_nobody_who_did_not_read_it() {
    expect_no_rerun(
        "def f():\n    'a'\n    return 1\n",
        "m.f()",
        "def f():\n    'b'\n    return 1\n",
    );
}

#[test]
fn a15_a_modules_docstring_reaches_who_reads_it() {
    let project = Project::new(&[
        ("m.py", "'a'\n"),
        ("main.py", "import m\nprint('V', m.__doc__)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V a");
    let reload = hmr.save("m.py", "'b'\n");
    assert_eq!(reload.stdout, ["V b"], "{}", reload.log);
}

#[test]
fn a16_a_modules_docstring_does_not_run_its_body_again() {
    let m = |doc: &str| format!("'{doc}'\nprint('loading')\nMODEL = object()\n");
    expect_no_rerun(&m("a"), "m.MODEL", &m("b"));
}

#[test]
fn b04_b05_state_in_a_module_of_its_own_is_kept() {
    let project = Project::new(&[
        ("state.py", "items = []\n"),
        (
            "main.py",
            "import state\nstate.items.append(1)\nprint('V', state.items)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    let reload = hmr.save(
        "main.py",
        "import state\nstate.items.append(2)\nprint('V', state.items)\n",
    );
    assert_eq!(reload.stdout, ["V [1, 2]"], "{}", reload.log);
    hmr.save("state.py", "# a comment\nitems = []\n");
    let reload = hmr.save("main.py", "import state\nprint('W', state.items)\n");
    assert_eq!(reload.stdout, ["W [1, 2]"], "{}", reload.log);
}

#[test]
fn a_type_alias_is_made_again() {
    // An older Python has no such statement: it does not import the module, and runs nothing.
    let project = Project::new(&[
        ("m.py", "type A = int\n"),
        (
            "main.py",
            "import sys\nHAS = sys.version_info >= (3, 14)\nif HAS:\n    import m\n\
             print('V', HAS, flush=True)\nprint('V', m.A.__value__.__name__ if HAS else 'int')\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let before = hmr.wait_stdout("V int");
    if before.iter().any(|line| line.contains("V True")) {
        hmr.save("m.py", "type A = str\n")
            .expect(&["m", "main"], &["V True", "V str"]);
    }
}
