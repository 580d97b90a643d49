//! Caches of `functools`: whoever is given a result depends on all that it came from.

use hmr_tests::{Hmr, Project};

/// `get_settings` as everybody writes it, asked by two modules.
const DEPS: &str = "
import functools, config
from load import read
@functools.lru_cache
def get_settings():
    return config.HOST, read()
";
const LOAD: &str = "
def read():
    with open('data.txt') as file:
        return parse(file.read())
def parse(text):
    return text.strip()
";
const USER: &str = "from deps import get_settings\nS = get_settings()\nK = 1\n";
const MAIN: &str = "import first, second\nprint('V', *first.S, *second.S)\n";

fn settings() -> Project {
    Project::new(&[
        ("data.txt", "x"),
        ("config.py", "HOST = 'a'\nOTHER = 1\n"),
        ("load.py", LOAD),
        ("deps.py", DEPS),
        ("first.py", USER),
        ("second.py", USER),
        ("main.py", MAIN),
    ])
}

#[test]
fn all_that_a_cached_function_used_reaches_whoever_was_given_its_result() {
    let project = settings();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V a x a x");
    hmr.save("config.py", "HOST = 'b'\nOTHER = 1\n")
        .expect(&["config", "first", "second", "main"], &["V b x b x"]);
    hmr.save("config.py", "HOST = 'b'\nOTHER = 2\n")
        .expect(&["config"], &[]);
    hmr.save("data.txt", "y")
        .expect(&["first", "second", "main"], &["V b y b y"]);
    hmr.save("load.py", &LOAD.replace("strip()", "strip() * 2"))
        .expect(&["first", "second", "main"], &["V b yy b yy"]);
    hmr.save("config.py", "HOST = 'c'\nOTHER = 2\n")
        .expect(&["config", "first", "second", "main"], &["V c yy c yy"]);
}

#[test]
fn a_module_that_runs_again_is_given_the_result_and_all_that_it_came_from() {
    let project = settings();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V a x a x");
    hmr.save("first.py", &USER.replace("K = 1", "K = 2"))
        .expect(&["first"], &[]);
    hmr.save("second.py", &USER.replace("K = 1", "K = 2"))
        .expect(&["second"], &[]);
    hmr.save("data.txt", "y")
        .expect(&["first", "second", "main"], &["V a y a y"]);
    hmr.save("config.py", "HOST = 'b'\nOTHER = 1\n")
        .expect(&["config", "first", "second", "main"], &["V b y b y"]);
}

#[test]
fn a_result_lives_as_long_as_nothing_that_it_came_from_changes() {
    let user = |k: u32| format!("import m\nX = m.model()\nK = {k}\n");
    let project = Project::new(&[
        ("c.py", "A = 1\nB = 1\n"),
        (
            "m.py",
            "import functools, c\n@functools.cache\ndef model():\n    print('L', c.A)\n    return c.A\n",
        ),
        ("u.py", &user(1)),
        ("main.py", "import u\nprint('V', u.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("L 1");
    hmr.wait_stdout("V 1");
    hmr.save("u.py", &user(2)).expect(&["u"], &[]);
    hmr.save("c.py", "A = 1\nB = 2\n").expect(&["c"], &[]);
    hmr.save("c.py", "A = 2\nB = 2\n")
        .expect(&["c", "u", "main"], &["L 2", "V 2"]);
}

/// Each way to come from a cached function to a value of `c`, with what two readers are given.
#[test]
fn however_a_cached_function_comes_to_a_value_it_depends_on_it() {
    let uses: &[(&str, &str)] = &[
        (
            "@cache\ndef f(): return g()\n@cache\ndef g(): return c.A\n",
            "f()",
        ),
        (
            "@cache\ndef f(n=9): return c.A if n == 0 else f(n - 1)\n",
            "f()",
        ),
        (
            "class C:\n    @cache\n    def m(self): return c.A\nit = C()\n",
            "it.m()",
        ),
        (
            "class C:\n    @staticmethod\n    @lru_cache(4)\n    def m(n): return c.A\n",
            "C.m(2)",
        ),
        (
            "def g(n): return c.A + n\nf = cache(partial(g, 0))\n",
            "f()",
        ),
        (
            "class C:\n    def __init__(self): self.v = c.A\nf = cache(C)\n",
            "f().v",
        ),
        ("@cache\ndef f(): return next(c.A for _ in 'x')\n", "f()"),
        ("@cache\ndef f():\n    import c\n    return c.A\n", "f()"),
        ("@cache\ndef f(): return helper.get()\n", "f()"),
        ("@cache\ndef f(): return helper.cached()\n", "f()"),
        (
            "@cache\ndef f():\n    helper.get()\n    return helper.get()\n",
            "f()",
        ),
    ];
    let helper = "import functools, c\ndef get(): return c.A\n@functools.cache\ndef cached(): return get()\n";
    for (definitions, call) in uses {
        let m = format!(
            "from functools import cache, lru_cache, partial\nimport c, helper\n{definitions}"
        );
        // The second reader has executed and read it all itself before it is given the result.
        let project = Project::new(&[
            ("c.py", "A = 1\n"),
            ("helper.py", helper),
            ("m.py", &m),
            ("u.py", &format!("import m\nX = m.{call}\n")),
            (
                "v.py",
                &format!("import c, m, helper\nY = helper.get()\nX = m.{call}\nK = 1\n"),
            ),
            ("main.py", "import u, v\nprint('V', u.X, v.X)\n"),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("v.py", &format!("import c, m\nX = m.{call}\nK = 2\n"))
            .expect(&["v"], &[]);
        for n in 2..4 {
            let (v, ran) = (format!("V {n} {n}"), ["c", "u", "v", "main"]);
            hmr.save("c.py", &format!("A = {n}\n")).expect(&ran, &[&v]);
        }
    }
}

#[test]
fn what_a_cached_function_of_the_module_itself_uses_reaches_others() {
    let m = |a: u32| {
        format!(
            "import functools\nA = {a}\n@functools.cache\ndef f(): return g()\ndef g(): return A\nX = f()\n"
        )
    };
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("u.py", "import m\nX = m.f()\n"),
        ("main.py", "import m, u\nprint('V', m.X, u.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    for n in 2..4 {
        hmr.save("m.py", &m(n))
            .expect(&["m", "u", "main"], &[&format!("V {n} {n}")]);
    }
}

#[test]
fn a_load_is_not_given_what_the_program_computed_before_an_edit() {
    let m = "import functools, c\n@functools.cache\ndef f(): return c.A\n";
    let main = "
import os, threading, time
import m, u
def serve():
    while not os.path.exists('ask'):
        time.sleep(0.001)
    print('A', m.f(), flush=True)
threading.Thread(target=serve, daemon=True).start()
print('ready')
";
    let project = Project::new(&[
        ("c.py", "A = 1\n"),
        ("m.py", m),
        ("u.py", "import m\n"),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("ready");
    project.save("ask", "");
    hmr.wait_stdout("A 1");
    hmr.save("c.py", "A = 2\n").expect(&["c"], &[]);
    hmr.save("u.py", "import m\nprint('U', m.f())\n")
        .expect(&["u"], &["U 2"]);
}
