//! A module that looks at its own names while it runs again finds what a fresh start would show it.

use hmr_tests::{Hmr, Project};

/// A thread of the program, which may look at any module at any time.
const THREAD: &str =
    "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n";

/// Runs `main` and saves versions of `m`, each of which must rerun both and print its line.
fn follows(main: &str, versions: &[(&str, &str)]) {
    let [(first, printed), later @ ..] = versions else {
        unreachable!("there are versions")
    };
    let project = Project::new(&[("m.py", first), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout(printed);
    for (text, printed) in later {
        hmr.save("m.py", text).expect(&["m", "main"], &[printed]);
    }
}

/// The same without and with another thread.
fn follows_with_threads_too(main: &str, versions: &[(&str, &str)]) {
    follows(main, versions);
    follows(&format!("{THREAD}{main}"), versions);
}

/// Star names beside code that looks at its namespace, over several reruns of any cause.
fn keeps_its_star_names(thread: &str, reflection: &str) {
    let m = |edit: u32| {
        format!("import q\nfrom p import *\nN = {reflection}\nV = q.X, {edit}\ndef f(): return a\n")
    };
    let project = Project::new(&[
        ("p.py", "a = 1\n"),
        ("q.py", "X = 1\n"),
        ("m.py", &m(1)),
        (
            "main.py",
            &format!("{thread}import m\nprint('V', *m.V, m.f())\n"),
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1 1");
    for x in 2..5 {
        hmr.save("q.py", &format!("X = {x}\n"))
            .expect(&["q", "m", "main"], &[&format!("V {x} 1 1")]);
    }
    for edit in 2..5 {
        hmr.save("m.py", &m(edit))
            .expect(&["m", "main"], &[&format!("V 4 {edit} 1")]);
    }
}

#[test]
fn star_names_stay_beside_code_that_looks_at_its_namespace() {
    for reflection in ["len(dir(q))", "len(locals())", "eval('1')"] {
        keeps_its_star_names("", reflection);
    }
}

#[test]
fn star_names_stay_beside_such_code_while_other_threads_run() {
    for reflection in ["len(dir(q))", "len(locals())"] {
        keeps_its_star_names(THREAD, reflection);
    }
}

#[test]
fn a_star_name_that_goes_is_gone_beside_code_that_looks_at_its_namespace() {
    let project = Project::new(&[
        ("low.py", "X = 1\nZ = 1\n"),
        ("m.py", "from low import *\nN = len(dir())\n"),
        ("main.py", "import m\nprint('V', hasattr(m, 'X'), m.Z)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True 1");
    hmr.save("low.py", "Z = 1\n")
        .expect(&["low", "m", "main"], &["V False 1"]);
    hmr.save("low.py", "Z = 2\n")
        .expect(&["low", "m", "main"], &["V False 2"]);
}

const PRINTS_V: &str = "import m\nprint('V', m.V)\n";

#[test]
fn a_guard_that_asks_globals_finds_no_name_of_the_run_before() {
    let m = |edit: u32| {
        format!(
            "if 'CACHE' not in globals():\n    CACHE = []\nCACHE.append({edit})\nV = list(CACHE), {edit}\n"
        )
    };
    follows(
        PRINTS_V,
        &[
            (&m(1), "V ([1], 1)"),
            (&m(2), "V ([2], 2)"),
            (&m(3), "V ([3], 3)"),
        ],
    );
}

#[test]
fn a_guard_that_asks_globals_loses_no_name_while_other_threads_run() {
    let m = |edit: u32| {
        format!("if 'CACHE' not in globals():\n    CACHE = {{'n': 1}}\nV = CACHE['n'], {edit}\n")
    };
    follows(
        &format!("{THREAD}{PRINTS_V}"),
        &[
            (&m(1), "V (1, 1)"),
            (&m(2), "V (1, 2)"),
            (&m(3), "V (1, 3)"),
        ],
    );
}

#[test]
fn a_table_of_a_modules_names_forgets_what_was_deleted() {
    for names in ["dir()", "list(vars())", "list(locals())", "list(globals())"] {
        let m = |handlers: &[&str]| {
            let text: Vec<_> = handlers
                .iter()
                .map(|name| format!("def on_{name}(): pass\n"))
                .collect();
            text.concat() + &format!("V = [n for n in {names} if n.startswith('on_')]\n")
        };
        follows_with_threads_too(
            PRINTS_V,
            &[
                (&m(&["a", "b"]), "V ['on_a', 'on_b']"),
                (&m(&["a"]), "V ['on_a']"),
                (&m(&["a", "c"]), "V ['on_a', 'on_c']"),
            ],
        );
    }
}

#[test]
fn exports_taken_from_dir_forget_what_was_deleted() {
    let m = |names: &str| format!("{names}__all__ = [n for n in dir() if n[0] != '_']\n");
    let versions = [
        (&*m("a = b = 1\n"), "V ['a', 'b']"),
        (&*m("a = 1\n"), "V ['a']"),
        (&*m("b = 1\n"), "V ['b']"),
    ];
    follows(
        "from m import *\nprint('V', sorted(n for n in dir() if n[0] in 'ab'))\n",
        &versions,
    );
    follows_with_threads_too(
        "from m import *\nimport m\nprint('V', sorted(m.__all__))\n",
        &versions,
    );
}

#[test]
fn a_probe_beside_eval_finds_no_name_that_the_source_dropped() {
    let m = |first: &str| {
        format!(
            "{first}try:\n    b\nexcept NameError:\n    V = 'no'\nelse:\n    V = 'yes'\neval('1')\n"
        )
    };
    follows_with_threads_too(PRINTS_V, &[(&m("b = 1\n"), "V yes"), (&m(""), "V no")]);
}

#[test]
fn names_bound_further_down_are_not_there_yet() {
    let m = |edit: u32| {
        format!(
            "def seen(): return 'Y' in globals()\n\
             V = 'Y' in globals(), 'Y' in dir(), 'Y' in vars(), seen(), {edit}\nY = 1\n"
        )
    };
    follows(
        PRINTS_V,
        &[
            (&m(1), "V (False, False, False, False, 1)"),
            (&m(2), "V (False, False, False, False, 2)"),
        ],
    );
}

#[test]
fn a_function_that_asks_globals_finds_no_name_of_the_run_before() {
    let m = |edit: u32| {
        format!("def seen(): return 'Y' in globals()\nV = seen(), {edit}\nY = 1\nV += (seen(),)\n")
    };
    follows(
        PRINTS_V,
        &[
            (&m(1), "V (False, 1, True)"),
            (&m(2), "V (False, 2, True)"),
            (&m(3), "V (False, 3, True)"),
        ],
    );
}

#[test]
fn a_run_that_fails_after_it_looked_at_its_namespace_has_its_old_names() {
    let first = "V = 1\nN = len(dir())\nW = 1\n";
    let project = Project::new(&[
        ("m.py", first),
        ("main.py", "import m\nprint('V', m.V, m.W)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", "N = len(dir())\n1 / 0\nV = 2\nW = 2\n")
        .expect_failure("m", "ZeroDivisionError");
    hmr.save("m.py", first).expect(&["m"], &[]);
    hmr.save("m.py", "V = 2\nN = len(dir())\n")
        .expect_failure("main", "AttributeError");
}

#[test]
fn a_function_finds_no_name_that_its_module_binds_further_down() {
    let m = |edit: u32| {
        format!(
            "def f():\n    try: return Y\n    except NameError: return 'no'\n\
             class K:\n    try: a = Y\n    except NameError: a = 'no'\n\
             V = f(), K.a, {edit}\nY = 1\nV += (f(),)\n"
        )
    };
    follows(
        PRINTS_V,
        &[
            (&m(1), "V ('no', 'no', 1, 1)"),
            (&m(2), "V ('no', 'no', 2, 1)"),
            (&m(3), "V ('no', 'no', 3, 1)"),
        ],
    );
}

#[test]
fn annotations_find_no_name_that_their_module_binds_further_down() {
    let m = |of: &str| {
        format!(
            "import typing\nclass K:\n    x: 'A'\ntry: V = typing.get_type_hints(K)\n\
             except NameError: V = 'no', '{of}'\nA = {of}\n"
        )
    };
    follows(
        PRINTS_V,
        &[
            (&m("int"), "V ('no', 'int')"),
            (&m("str"), "V ('no', 'str')"),
        ],
    );
}

#[test]
fn what_an_old_function_needs_stays_while_its_module_runs() {
    let m = |edit: u32| {
        format!(
            "import bus\nbus.fire()\nLIMIT = {edit}\n\
             def handler():\n    bus.heard.append(LIMIT)\nbus.handlers.append(handler)\nV = bus.heard\n"
        )
    };
    let bus = "handlers, heard = [], []\ndef fire():\n    for each in handlers: each()\n";
    let project = Project::new(&[
        ("bus.py", bus),
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.V, m.LIMIT)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [] 1");
    hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V [1] 2"]);
}

/// A module that finds itself under its name in `sys.modules`.
const ME: &str = "import sys\nme = sys.modules[__name__]\ndef cmd_a(): return 'a'\n";

#[test]
fn a_module_reads_what_it_has_bound_through_sys_modules() {
    for look in ["len(vars(me))", "len(dir(me))", "len(dir())", "1"] {
        let m = |edit: u32| format!("{ME}N = {look}\nV = me.cmd_a(), {edit}\n");
        follows_with_threads_too(
            PRINTS_V,
            &[
                (&m(1), "V ('a', 1)"),
                (&m(2), "V ('a', 2)"),
                (&m(3), "V ('a', 3)"),
            ],
        );
    }
}

#[test]
fn a_table_of_a_modules_own_attributes_follows_the_edits() {
    let m = |more: &str| {
        format!(
            "{ME}{more}COMMANDS = {{n: getattr(me, n) for n in dir(me) if n.startswith('cmd_')}}\n\
             V = sorted(COMMANDS)\n"
        )
    };
    follows_with_threads_too(
        PRINTS_V,
        &[
            (&m(""), "V ['cmd_a']"),
            (&m("def cmd_b(): pass\n"), "V ['cmd_a', 'cmd_b']"),
            (&m("def cmd_c(): pass\n"), "V ['cmd_a', 'cmd_c']"),
            (&m(""), "V ['cmd_a']"),
        ],
    );
}

#[test]
fn a_function_of_another_module_that_looks_at_a_module_finds_what_it_has_bound() {
    let lib = "import sys\ndef names(of):\n    return sorted(n for n in vars(sys.modules[of]) if n[0] in 'abc')\n";
    let m = |names: &str| format!("import lib\na = 1\nV = lib.names(__name__)\n{names}");
    let project = Project::new(&[
        ("lib.py", lib),
        ("m.py", &m("b = c = 1\n")),
        ("main.py", PRINTS_V),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V ['a']");
    hmr.save("m.py", &m("b = c = 2\n")).expect(&["m"], &[]);
    hmr.save(
        "m.py",
        &m("b = c = 3\n").replace("a = 1", "a = d = 1; c = 3"),
    )
    .expect(&["m", "main"], &["V ['a', 'c']"]);
}

/// The names of `m` that begin with `g_`, where `m` binds `g_` and each of some letters in `form`.
fn binds(form: &str, letters: &str) -> String {
    let lines = form.replace("LETTERS", &format!("'{letters}'"));
    format!("import sys\n{lines}\n")
}

const PRINTS_G: &str = "import m\nprint('V', sorted(n for n in vars(m) if n[:2] == 'g_'))\n";

const FORMS: [&str; 5] = [
    "for n in LETTERS: globals()['g_' + n] = 'same'",
    "for n in LETTERS: setattr(sys.modules[__name__], 'g_' + n, 'same')",
    "def define(n): globals()['g_' + n] = 'same'\nfor n in LETTERS: define(n)",
    "def define(n): setattr(sys.modules[__name__], 'g_' + n, 'same')\nfor n in LETTERS: define(n)",
    "for n in LETTERS: exec(f'g_{n} = 1')",
];

#[test]
fn names_bound_through_the_namespace_go_when_the_source_does_not_bind_them() {
    for form in FORMS {
        follows(
            PRINTS_G,
            &[
                (&binds(form, "ab"), "V ['g_a', 'g_b']"),
                (&binds(form, "ac"), "V ['g_a', 'g_c']"),
                (&binds(form, "acd"), "V ['g_a', 'g_c', 'g_d']"),
                (&binds(form, "d"), "V ['g_d']"),
                ("", "V []"),
            ],
        );
    }
}

#[test]
fn names_bound_through_the_namespace_stay_while_other_threads_run() {
    for form in FORMS {
        let project = Project::new(&[
            ("q.py", "X = 1\n"),
            ("m.py", &format!("import q\nY = q.X\n{}", binds(form, "ab"))),
            ("main.py", &format!("{THREAD}{PRINTS_G}print('Y', m.Y)\n")),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("Y 1");
        for x in 2..5 {
            hmr.save("q.py", &format!("X = {x}\n")).expect(
                &["q", "m", "main"],
                &["V ['g_a', 'g_b']", &format!("Y {x}")],
            );
        }
    }
}

#[test]
fn a_name_that_another_module_has_bound_in_a_running_one_stays() {
    let m = |edit: u32| format!("import plugin\nglobals()['V'] = {edit}\n");
    let plugin = "import sys\nsys.modules['m'].PLUGGED = 1\nsys.modules['m'].plug = print\n";
    let project = Project::new(&[
        ("plugin.py", plugin),
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.V, m.PLUGGED)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    for edit in 2..5 {
        hmr.save("m.py", &m(edit))
            .expect(&["m", "main"], &[&format!("V {edit} 1")]);
    }
}
