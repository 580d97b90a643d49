//! Reruns with `--granularity statement`: what of an edited module does not run again.
//!
//! Each statement that takes part prints when it runs, so that a reload's output says which did.

use hmr_tests::{Hmr, Project};

fn start<'p>(project: &'p Project, ready: &str) -> Hmr<'p> {
    let mut hmr = Hmr::start(project, &["--granularity", "statement", "main.py"]);
    hmr.wait_stdout(ready);
    hmr
}

/// A library that is not the user's: what it holds nobody reruns.
const LIB: (&str, &str) = (
    "site-packages/lib.py",
    "import time\n\
     class Model(list): pass\n\
     def load(name, seconds=0):\n    print('loads', name)\n    time.sleep(seconds)\n    return Model([name])\n\
     def now(f):\n    f()\n    return f\n\
     class App:\n\
     \x20   def __init__(self): self.routes = {}\n\
     \x20   def get(self, path):\n\
     \x20       def add(f):\n            self.routes[path] = f\n            return f\n\
     \x20       return add\n",
);

/// A project whose `m.py` has `text` below its imports, and whose entry prints `shown` of it.
fn project(text: &str, shown: &str) -> Project {
    Project::new(&[
        LIB,
        ("m.py", &module(text)),
        ("main.py", &format!("import m\nprint('V', {shown})\n")),
    ])
}

fn module(text: &str) -> String {
    format!(
        "import sys, os\nsys.path.append(os.path.join(os.path.dirname(__file__), 'site-packages'))\n\
         from lib import App, load, now\ndef made(name, value):\n    print('makes', name)\n    return value\n{text}"
    )
}

const APP: &str = "\
model = load('big', 1.5)
app = App()
SIZE = 1
@app.get('/')
def root(): return model[0], SIZE
";

#[test]
fn a_slow_model_survives_structural_edits_of_a_route() {
    let project = project(APP, "sorted(m.app.routes)");
    let mut hmr = start(&project, "V ['/']");
    let edits = [
        (APP.replace("'/'", "'/new'"), "V ['/new']"),
        (APP.replace("root()", "root(q=2)"), "V ['/']"),
        (
            format!("{APP}@app.get('/b')\ndef b(): return 2\n"),
            "V ['/', '/b']",
        ),
        (APP.replace("@app.get('/')\n", ""), "V []"),
        (APP.to_owned(), "V ['/']"),
    ];
    for (text, seen) in edits {
        hmr.save("m.py", &module(&text))
            .expect(&["m", "main"], &[seen]);
    }
    let reload = hmr.save("m.py", &module(&APP.replace("'big'", "'small'")));
    assert!(
        reload.stdout.contains(&"loads small".to_owned()),
        "{}",
        reload.log
    );
}

/// Its run may have changed that, and a start would show it what it was before.
#[test]
fn what_a_module_that_runs_again_has_read_is_made_again() {
    let text = |a| format!("A = {a}\nL = made('L', [])\nX = made('X', 7)\n");
    let project = project(&text(1), "m.A, m.L.append(m.X), m.L");
    let mut hmr = start(&project, "V 1 None [7]");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes L", "V 2 None [7]"]);
}

#[test]
fn the_report_says_how_many_statements_were_kept() {
    let project = project("A = 1\nX = [1]\nY = [2]\n", "m.A");
    let mut hmr = start(&project, "V 1");
    hmr.save("m.py", &module("A = 2\nX = [1]\nY = [2]\n"));
    // `sys.path.append(...)`, `X` and `Y`.
    let log = hmr.log();
    assert!(log.contains("; kept 3 statements"), "{log}");
}

#[test]
fn a_setting_asks_for_it_too() {
    let text = |a| format!("A = {a}\nX = made('X', [1])\n");
    let project = project(&text(1), "m.A");
    project.save("pyproject.toml", "[tool.hmr]\ngranularity = 'statement'\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["V 2"]);
}

#[test]
fn by_default_all_of_a_module_runs() {
    let text = |a| format!("A = {a}\nX = made('X', [1])\n");
    let project = project(&text(1), "m.A");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes X", "V 2"]);
}

#[test]
fn what_a_changed_constant_reaches_runs() {
    let text = |a| {
        format!(
            "A = {a}\nB = made('B', A + 1)\ndef f(): return B\nC = made('C', [f()])\nX = made('X', 7)\n"
        )
    };
    let project = project(&text(1), "m.C, m.X");
    let mut hmr = start(&project, "V [2] 7");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes B", "makes C", "V [3] 7"]);
}

/// A helper that a statement has called is no reason to run the others.
#[test]
fn what_a_changed_helper_reaches_runs() {
    let text = |body: &str, a| {
        format!("A = {a}\ndef help(x): return {body}\nC = made('C', help(1))\nX = made('X', 7)\n")
    };
    let project = project(&text("x", 1), "m.A, m.C, m.X");
    let mut hmr = start(&project, "V 1 1 7");
    hmr.save("m.py", &module(&text("x + 1", 1)))
        .expect(&["m", "main"], &["makes C", "V 1 2 7"]);
    hmr.save("m.py", &module(&text("x + 1", 2)))
        .expect(&["m", "main"], &["V 2 2 7"]);
}

#[test]
fn a_deleted_statement_takes_what_it_did_with_it() {
    let with = "L = made('L', [1])\nX = made('X', 7)\nL.append(2)\n";
    let without = "L = made('L', [1])\nX = made('X', 7)\n";
    let project = project(with, "m.L, m.X");
    let mut hmr = start(&project, "V [1, 2] 7");
    hmr.save("m.py", &module(without))
        .expect(&["m", "main"], &["makes L", "V [1] 7"]);
    hmr.save("m.py", &module(with))
        .expect(&["m", "main"], &["makes L", "V [1, 2] 7"]);
}

#[test]
fn statements_in_another_order_run_in_it() {
    let text = "L = made('L', [])\nX = made('X', 7)\nL.append(1)\nL.append(2)\n";
    let project = project(text, "m.L, m.X");
    let mut hmr = start(&project, "V [1, 2] 7");
    let turned = "L = made('L', [])\nX = made('X', 7)\nL.append(2)\nL.append(1)\n";
    hmr.save("m.py", &module(turned))
        .expect(&["m", "main"], &["makes L", "V [2, 1] 7"]);
}

#[test]
fn an_object_changed_under_another_name_is_made_again() {
    let text = |a| {
        format!(
            "L = made('L', [])\nM = L\nX = made('X', 7)\nM.append({a})\ndef g(kept=M): kept.append(5)\ng()\n"
        )
    };
    let project = project(&text(1), "m.L, m.X");
    let mut hmr = start(&project, "V [1, 5] 7");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes L", "V [2, 5] 7"]);
}

#[test]
fn an_object_changed_by_a_function_is_made_again() {
    let text = |a| {
        format!("L = made('L', [])\nX = made('X', 7)\ndef put(x): L.append(x)\nput({a})\nput(5)\n")
    };
    let project = project(&text(1), "m.L, m.X");
    let mut hmr = start(&project, "V [1, 5] 7");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes L", "V [2, 5] 7"]);
}

/// That a decorator of another package calls what it gets cannot be known before.
#[test]
fn a_call_that_the_plan_did_not_foresee_makes_the_whole_module_run() {
    let text = |a| {
        format!(
            "L = made('L', [])\nX = made('X', 7)\n@now\ndef f(x={a}):\n    L.append(x)\n    print('L', L)\nA = {a}\n"
        )
    };
    let project = project(&text(1), "m.A, m.X");
    let mut hmr = start(&project, "V 1 7");
    hmr.save("m.py", &module(&text(2))).expect(
        &["m", "main"],
        &["L [1, 2]", "makes L", "makes X", "L [2]", "V 2 7"],
    );
}

#[test]
fn a_registry_is_filled_anew() {
    let text = |rest: &str| {
        format!(
            "table = made('table', [])\ndef register(f):\n    table.append(f.__name__)\n    return f\n\
             X = made('X', 7)\n@register\ndef one(): return 1\n{rest}"
        )
    };
    let project = project(&text("@register\ndef two(): return 2\n"), "m.table");
    let mut hmr = start(&project, "V ['one', 'two']");
    hmr.save("m.py", &module(&text("@register\ndef three(): return 2\n")))
        .expect(&["m", "main"], &["makes table", "V ['one', 'three']"]);
    hmr.save("m.py", &module(&text("")))
        .expect(&["m", "main"], &["makes table", "V ['one']"]);
}

#[test]
fn a_module_runs_whole_for_what_it_has_read_of_others() {
    let project = Project::new(&[
        ("config.py", "A = 1\n"),
        ("m.py", "import config\nprint('m')\nX = [config.A]\nY = 1\n"),
        ("main.py", "import m\nprint('V', m.X, m.Y)\n"),
    ]);
    let mut hmr = start(&project, "V [1] 1");
    hmr.save("m.py", "import config\nprint('m')\nX = [config.A]\nY = 2\n")
        .expect(&["m", "main"], &["V [1] 2"]);
    // What the kept statement has read is still known.
    hmr.save("config.py", "A = 2\n")
        .expect(&["config", "m", "main"], &["m", "V [2] 2"]);
}

#[test]
fn data_that_a_kept_statement_has_read_still_counts() {
    let m = |a| format!("print('m')\nX = open('data.txt').read()\nA = {a}\n");
    let project = Project::new(&[
        ("data.txt", "one"),
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.A, m.X)\n"),
    ]);
    let mut hmr = start(&project, "V 1 one");
    hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V 2 one"]);
    hmr.save("data.txt", "two")
        .expect(&["m", "main"], &["m", "V 2 two"]);
}

#[test]
fn a_module_with_hooks_runs_whole() {
    for hook in [
        "import hmr\nhmr.on_dispose(lambda: print('disposed'))",
        "import atexit\natexit.register(print)",
    ] {
        let text = |a| format!("{hook}\nX = made('X', 7)\nA = {a}\n");
        let project = project(&text(1), "m.A");
        let mut hmr = start(&project, "V 1");
        let reload = hmr.save("m.py", &module(&text(2)));
        assert!(
            reload.stdout.contains(&"makes X".to_owned()),
            "{}",
            reload.log
        );
    }
}

#[test]
fn a_failure_is_shown_and_the_fix_runs_the_module_whole() {
    let text = |a: &str| format!("X = made('X', 7)\nA = {a}\n");
    let project = project(&text("1"), "m.A, m.X");
    let mut hmr = start(&project, "V 1 7");
    hmr.save("m.py", &module(&text("1 / 0")))
        .expect_failure("m", "ZeroDivisionError");
    hmr.save("m.py", &module(&text("2")))
        .expect(&["m", "main"], &["makes X", "V 2 7"]);
}

#[test]
fn namespaces_that_code_reaches_for_make_the_whole_module_run() {
    let text = |a| format!("X = made('X', 7)\nA = {a}\nglobals()['B'] = A\n");
    let project = project(&text(1), "m.A, m.B");
    let mut hmr = start(&project, "V 1 1");
    hmr.save("m.py", &module(&text(2)))
        .expect(&["m", "main"], &["makes X", "V 2 2"]);
}

#[test]
fn a_name_that_another_module_has_bound_is_bound_again() {
    let text = |a| format!("X = made('X', 7)\nA = {a}\n");
    let project = Project::new(&[
        LIB,
        ("m.py", &module(&text(1))),
        ("other.py", "import m\nm.X = 'other'\n"),
        ("main.py", "import m, other\nprint('V', m.A)\n"),
    ]);
    let mut hmr = start(&project, "V 1");
    let reload = hmr.save("m.py", &module(&text(2)));
    assert!(
        reload.stdout.contains(&"makes X".to_owned()),
        "{}",
        reload.log
    );
}

/// A late import of the module that is edited, by a function that one of its statements calls.
#[test]
fn a_helper_that_looks_back_into_the_module_counts_for_its_caller() {
    for helper in [
        "import m\n    return m.f()",
        "from m import C\n    return C().m()",
        "import m\n    return m.K",
        "import sys\n    return getattr(sys.modules['m'], 'f')()",
        "import m\n    return vars(m)['K']",
    ] {
        let text = |k, a| {
            format!(
                "import u\nK = {k}\nA = {a}\ndef f(): return K\nclass C:\n    def m(self): return K\n\
                 print('m runs')\nX = u.go()\n"
            )
        };
        let project = Project::new(&[
            (
                "u.py",
                &format!("def go():\n    print('goes')\n    {helper}\n"),
            ),
            ("m.py", &text(1, 1)),
            ("main.py", "import m\nprint('V', m.X, m.A)\n"),
        ]);
        let mut hmr = start(&project, "V 1 1");
        hmr.save("m.py", &text(2, 1))
            .expect(&["m", "main"], &["m runs", "goes", "V 2 1"]);
        let reload = hmr.save("m.py", &text(2, 3));
        assert!(reload.stdout.contains(&"V 2 3".to_owned()), "{helper}");
        // Also what the kept statement has done counts in the run after the next.
        let reload = hmr.save("m.py", &text(3, 3));
        assert!(reload.stdout.contains(&"V 3 3".to_owned()), "{helper}");
    }
}

#[test]
fn a_helper_that_looks_back_into_the_entry_counts_for_its_caller() {
    let text = |k| {
        format!(
            "import u\ndef f(): return {k}\nif __name__ == '__main__':\n    x = u.go()\n    print('V', x)\n"
        )
    };
    let project = Project::new(&[
        (
            "u.py",
            "def go():\n    import __main__\n    return __main__.f()\n",
        ),
        ("main.py", &text(1)),
    ]);
    let mut hmr = start(&project, "V 1");
    hmr.save("main.py", &text(2)).expect(&["main"], &["V 2"]);
}

/// It stands in the new text alone, so that nobody can know before what it looks at.
#[test]
fn a_new_helper_that_looks_back_makes_the_whole_module_run() {
    let text = |rest: &str| format!("import u\nL = u.made('L', [])\n{rest}");
    let project = Project::new(&[
        (
            "u.py",
            "def made(name, value):\n    print('makes', name)\n    return value\n\
             def add():\n    import m\n    m.L.append(1)\n",
        ),
        ("m.py", &text("")),
        ("main.py", "import m\nprint('V', m.L)\n"),
    ]);
    let mut hmr = start(&project, "V []");
    hmr.save("m.py", &text("u.add()\n"))
        .expect(&["m", "main"], &["makes L", "V [1]"]);
}

/// The package holds the function, and calls it for another statement.
#[test]
fn a_registered_function_that_was_called_counts_for_its_package() {
    let text = |k| {
        format!(
            "import u\nK = {k}\nY = u.made('Y', [1])\n@u.register\ndef f(): return K\nX = u.go()\n"
        )
    };
    let project = Project::new(&[
        (
            "site-packages/u.py",
            "table = []\ndef register(f):\n    table.append(f)\n    return f\n\
             def go(): return table[-1]()\n\
             def made(name, value): return value\n",
        ),
        ("m.py", &text(1)),
        (
            "main.py",
            "import sys, os\nsys.path.append(os.path.join(os.path.dirname(__file__), 'site-packages'))\n\
             import m\nprint('V', m.X)\n",
        ),
    ]);
    let mut hmr = start(&project, "V 1");
    hmr.save("m.py", &text(2)).expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a_statement_whose_comment_goes_is_not_kept() {
    let text = |loads: &str, comment: &str| {
        format!(
            "def load(): return made('L', [{loads}])\nmodel = load(){comment}\nX = made('X', 7)\n"
        )
    };
    let project = project(&text("1", "  # hmr: keep"), "m.model, m.X");
    let mut hmr = start(&project, "V [1] 7");
    hmr.save("m.py", &module(&text("2", "  # hmr: keep")));
    hmr.save("m.py", &module(&text("2", "")))
        .expect(&["m", "main"], &["makes L", "V [2] 7"]);
}

#[test]
fn everyday_lines_beside_a_load_are_no_obstacle() {
    for more in [
        "import re\nR = re.compile('a')",
        "from pathlib import Path\nROOT = Path('a').parent",
        "from dataclasses import dataclass\n@dataclass\nclass Q:\n    a: int = 1\nq = Q()",
        "class M:\n    @property\n    def p(self): return 1\n    @classmethod\n    def c(cls): return 1\nm = M()",
    ] {
        let text = |a| format!("model = made('model', [1])\nA = {a}\n{more}\n");
        let project = project(&text(1), "m.A");
        let mut hmr = start(&project, "V 1");
        hmr.save("m.py", &module(&text(2)))
            .expect(&["m", "main"], &["V 2"]);
    }
}
