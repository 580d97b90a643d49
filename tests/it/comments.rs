//! What overrules what an edit would do: the comments `# hmr: keep` and `# hmr: rerun`, and settings.

use hmr_tests::{Hmr, Project};

fn start<'p>(project: &'p Project, ready: &str) -> Hmr<'p> {
    let mut hmr = Hmr::start(project, &["main.py"]);
    hmr.wait_stdout(ready);
    hmr
}

/// A module that takes its time once, with a function that reads what it has loaded.
fn model(constant: u32, comment: &str) -> String {
    format!(
        "from config import X\nprint('m runs')\ndef load():\n    print('loads')\n    return object()\n\
         MODEL = [\n    load(),\n]{comment}\nA = {constant}\ndef line(): return load.__code__.co_firstlineno\n"
    )
}

fn project(comment: &str) -> Project {
    Project::new(&[
        ("config.py", "X = 1\n"),
        ("m.py", &model(1, comment)),
        (
            "main.py",
            "import sys, m\nfirst = vars(sys).setdefault('first', m.MODEL[0])\n\
             print('V', m.A, m.MODEL[0] is first, m.X)\n",
        ),
    ])
}

#[test]
fn a_statement_that_is_kept_does_not_run_again() {
    let project = project("  # hmr: keep");
    let mut hmr = start(&project, "V 1 True 1");
    hmr.save("m.py", &model(2, "  # hmr: keep"))
        .expect(&["m", "main"], &["m runs", "V 2 True 1"]);
    hmr.save("m.py", &model(3, "  # hmr: keep"))
        .expect(&["m", "main"], &["m runs", "V 3 True 1"]);
}

#[test]
fn a_statement_is_kept_when_another_module_makes_its_own_run() {
    let project = project("  # hmr: keep");
    let mut hmr = start(&project, "V 1 True 1");
    for x in 2..5 {
        let seen = format!("V 1 True {x}");
        hmr.save("config.py", &format!("X = {x}\n"))
            .expect(&["config", "m", "main"], &["m runs", &seen]);
    }
}

#[test]
fn a_kept_statement_runs_again_when_its_comment_goes() {
    let project = project("  # hmr: keep");
    let mut hmr = start(&project, "V 1 True 1");
    hmr.save("m.py", &model(2, "  # hmr: keep"))
        .expect(&["m", "main"], &["m runs", "V 2 True 1"]);
    // What it loads is no other than what is there, so that this stays.
    hmr.save("m.py", &model(2, ""))
        .expect(&["m"], &["m runs", "loads"]);
    hmr.save("m.py", &model(3, ""))
        .expect(&["m", "main"], &["m runs", "loads", "V 3 True 1"]);
}

/// The comment counts from the run on that finds it, whatever had run before.
#[test]
fn a_comment_that_comes_keeps_what_is_there() {
    let project = project("");
    let mut hmr = start(&project, "V 1 True 1");
    hmr.save("m.py", &model(2, "  # hmr: keep"))
        .expect(&["m", "main"], &["m runs", "V 2 True 1"]);
}

#[test]
fn functions_beside_a_kept_statement_are_patched() {
    let m = |body: u32| {
        format!("print('m runs')\nMODEL = object()  # hmr: keep\ndef f():\n    return {body}\n")
    };
    let project = Project::new(&[
        ("config.py", "X = 1\n"),
        ("m.py", &m(1)),
        (
            "main.py",
            "import m\nf, first = m.f, m.MODEL\nprint('V', f(), first is m.MODEL)\n",
        ),
    ]);
    let mut hmr = start(&project, "V 1 True");
    hmr.save("m.py", &m(2)).expect(&["main"], &["V 2 True"]);
    hmr.save("m.py", &(m(2) + "A = 1\n"))
        .expect(&["m"], &["m runs"]);
    hmr.save("m.py", &(m(3) + "A = 1\n"))
        .expect(&["main"], &["V 3 True"]);
    hmr.save("m.py", &(m(4) + "A = 1\n"))
        .expect(&["main"], &["V 4 True"]);
}

#[test]
fn a_name_that_is_not_bound_is_bound_by_its_kept_statement() {
    let m = |a: u32| format!("A = {a}\nMODEL = print('loads')  # hmr: keep\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        (
            "main.py",
            "import m\nprint('V', m.A)\nif m.A == 2:\n    del m.MODEL\n",
        ),
    ]);
    let mut hmr = start(&project, "V 1");
    hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", &m(3))
        .expect(&["m", "main"], &["loads", "V 3"]);
}

#[test]
fn a_definition_that_is_kept_is_patched_whatever_decorates_it() {
    let m = |comment: &str, body: u32| {
        format!(
            "print('m runs')\ndef jit(f):\n    return f\n@jit\ndef f():  # hmr: {comment}\n    return {body}\n"
        )
    };
    for (comment, modules, output) in [
        ("keep", &["main"] as &[&str], &["V 2"] as &[&str]),
        ("rerun", &["m", "main"], &["m runs", "V 2"]),
        ("neither", &["m", "main"], &["m runs", "V 2"]),
    ] {
        let project = Project::new(&[
            ("m.py", &m(comment, 1)),
            ("main.py", "import m\nprint('V', m.f())\n"),
        ]);
        let mut hmr = start(&project, "V 1");
        hmr.save("m.py", &m(comment, 2)).expect(modules, output);
    }
}

#[test]
fn lines_after_a_kept_statement_are_right() {
    let m = |a: u32| {
        format!(
            "MODEL = (\n    1,\n)  # hmr: keep\nA = {a}\ndef f(): return f.__code__.co_firstlineno\n"
        )
    };
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.A, m.f(), m.MODEL)\n"),
    ]);
    let mut hmr = start(&project, "V 1 5 (1,)");
    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["V 2 5 (1,)"]);
}

#[test]
fn a_decorator_that_the_settings_name_makes_the_module_run() {
    let m = |body: u32| {
        format!(
            "print('m runs')\nclass lib:\n    def trace(f): return f\n@lib.trace\ndef f():\n    return {body}\n"
        )
    };
    for (settings, modules, output) in [
        (
            "code-readers = ['trace']",
            &["m", "main"] as &[&str],
            &["m runs", "V 2"] as &[&str],
        ),
        (
            "code-readers = ['lib.trace']",
            &["m", "main"],
            &["m runs", "V 2"],
        ),
        ("code-readers = ['race']", &["main"], &["V 2"]),
        ("", &["main"], &["V 2"]),
    ] {
        let project = Project::new(&[
            ("pyproject.toml", &format!("[tool.hmr]\n{settings}\n")),
            ("m.py", &m(1)),
            ("main.py", "import m\nprint('V', m.f())\n"),
        ]);
        let mut hmr = start(&project, "V 1");
        hmr.save("m.py", &m(2)).expect(modules, output);
    }
}

/// As people know it of the comments of other tools.
#[test]
fn a_comment_may_say_why_and_stand_beside_others() {
    for comment in [
        "#hmr:keep",
        "# hmr: keep because slow",
        "# hmr: keep, slow",
        "# noqa  # hmr: keep",
    ] {
        let comment = format!("  {comment}");
        let project = project(&comment);
        let mut hmr = start(&project, "V 1 True 1");
        hmr.save("m.py", &model(2, &comment))
            .expect(&["m", "main"], &["m runs", "V 2 True 1"]);
    }
}

/// One at the end of a block is not about what follows the block.
#[test]
fn a_comment_inside_of_a_block_keeps_nothing_behind_it() {
    let m = |a| format!("if True:\n    x = 1\n    # hmr: keep\nA = {a}\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", "import m\nprint('V', m.A)\n")]);
    let mut hmr = start(&project, "V 1");
    hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a_decorator_that_the_settings_name_is_known_by_its_object() {
    let lib = "def trace(f): return f\n";
    for (imports, decorator) in [
        ("from lib import trace", "trace"),
        ("from lib import trace as zz", "zz"),
        ("import lib as L", "L.trace"),
        // Another module hands it on.
        ("from other import other_trace as it", "it"),
        ("import other", "other.other_trace"),
    ] {
        let m = |body: u32| {
            format!("print('m runs')\n{imports}\n@{decorator}\ndef f():\n    return {body}\n")
        };
        let project = Project::new(&[
            (
                "pyproject.toml",
                "[tool.hmr]\ncode-readers = ['lib.trace']\n",
            ),
            ("lib.py", lib),
            ("other.py", "from lib import trace as other_trace\n"),
            ("m.py", &m(1)),
            ("main.py", "import m\nprint('V', m.f())\n"),
        ]);
        let mut hmr = start(&project, "V 1");
        hmr.save("m.py", &m(2))
            .expect(&["m", "main"], &["m runs", "V 2"]);
    }
}
