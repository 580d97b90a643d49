//! Edits that only touch the insides of definitions: what is alive gets the new code, the module
//! does not run, and who executed the old code does. Everything in doubt reruns.

use hmr_tests::{Hmr, Project};

/// A `main` that calls nothing of `m` while it loads: a thread of it does so each time that a file
/// `ask` names an expression, and prints what that gives.
const SERVER: &str = "
import os, threading, time
import m
KEPT = {name: value for name, value in vars(m).items() if not name.startswith('__')}
def serve():
    while True:
        if os.path.exists('ask'):
            with open('ask') as file:
                question = file.read()
            os.remove('ask')
            try:
                print('A', eval(question, KEPT), flush=True)
            except Exception as error:
                print('E', type(error).__name__, error.__traceback__.tb_next.tb_next.tb_lineno, flush=True)
        time.sleep(0.001)
threading.Thread(target=serve, daemon=True).start()
print('ready')
";

struct Served {
    project: Project,
}

impl Served {
    fn new(m: &str) -> Self {
        Self {
            project: Project::new(&[("m.py", m), ("main.py", SERVER)]),
        }
    }

    /// Holds `f` and `K` of `m` and has looked at nothing else of it.
    fn of_two_names(m: &str) -> Self {
        let all = "{name: value for name, value in vars(m).items() if not name.startswith('__')}";
        let main = SERVER.replace(all, "{'f': m.f, 'K': m.K}");
        Self {
            project: Project::new(&[("m.py", m), ("main.py", &main)]),
        }
    }

    fn start(&self) -> Hmr<'_> {
        let mut hmr = Hmr::start(&self.project, &["main.py"]);
        hmr.wait_stdout("ready");
        hmr
    }

    /// Asks the running program for the value of `expression`, with the objects that it has held from
    /// the start.
    #[track_caller]
    fn expect(&self, hmr: &mut Hmr<'_>, expression: &str, answer: &str) {
        self.project.save("question", expression);
        std::fs::rename(self.project.path("question"), self.project.path("ask"))
            .expect("both are in the project");
        hmr.wait_stdout(answer);
    }
}

/// Everything that a new body reaches without a rerun, by how it was held.
#[test]
fn a_new_body_is_seen_through_everything_that_holds_the_function() {
    let m = |n: u32| {
        format!(
            "
import functools
def plain(): return {n}
async def coroutine(): return {n}
def generator(): yield {n}
def outer():
    def inner(): return {n}
    return inner
closure = outer
class C:
    def method(self): return {n}
    @property
    def prop(self): return {n}
    @classmethod
    def of_class(cls): return {n}
    @staticmethod
    def static(): return {n}
    def __add__(self, other): return {n}
    class Inner:
        def method(self): return {n}
class D(C):
    def method(self): return super().method() + {n} - {n}
instance, derived, inner = C(), D(), C.Inner()
bound = instance.method
partial = functools.partial(plain)
anonymous = lambda: {n}
TABLE = {{'plain': plain}}
"
        )
    };
    let served = Served::new(&m(1));
    let mut hmr = served.start();
    let reload = hmr.save("m.py", &m(2));
    reload.expect(&[], &[]);
    for expression in [
        "plain()",
        "next(generator())",
        "closure()()",
        "instance.method()",
        "instance.prop",
        "C.of_class()",
        "C.static()",
        "instance + 1",
        "derived.method()",
        "inner.method()",
        "bound()",
        "partial()",
        "anonymous()",
        "TABLE['plain']()",
        "__import__('asyncio').run(coroutine())",
    ] {
        served.expect(&mut hmr, expression, "A 2");
    }
    served.expect(
        &mut hmr,
        "isinstance(instance, C) and bound.__self__ is instance",
        "A True",
    );
}

#[test]
fn moved_lines_rerun_nobody_and_tracebacks_and_inspect_are_right() {
    let m = "def f():\n    raise ValueError\nclass K:\n    def g(self):\n        return 1\n";
    let served = Served::new(m);
    let mut hmr = served.start();
    served.expect(&mut hmr, "f()", "E ValueError 2");

    hmr.save("m.py", &format!("# one\n# two\n{m}"))
        .expect(&[], &[]);
    served.expect(&mut hmr, "f()", "E ValueError 4");
    served.expect(
        &mut hmr,
        "__import__('inspect').getsourcelines(K)[1], __import__('inspect').getsourcelines(K.g)[1]",
        "A (5, 6)",
    );
    let reformatted =
        "def f( ) :\n\n    raise (ValueError)\nclass K :\n    def g( self ): return (1)\n";
    hmr.save("m.py", reformatted).expect(&[], &[]);
    served.expect(&mut hmr, "f()", "E ValueError 3");
}

#[test]
fn docstrings_are_replaced_where_they_are() {
    let m = |word: &str| {
        format!(
            "'''module {word}'''\ndef f():\n    '''f {word}'''\nclass K:\n    '''K {word}'''\n    def g(self):\n        '''g {word}'''\nprint('m ran')\n"
        )
    };
    let served = Served::of_two_names(&m("one"));
    let mut hmr = served.start();
    let reload = hmr.save("m.py", &m("two"));
    reload.expect(&[], &[]);
    served.expect(
        &mut hmr,
        "f.__doc__, K.__doc__, K.g.__doc__, __import__('m').__doc__",
        "A ('f two', 'K two', 'g two', 'module two')",
    );
}

/// Each edit of a body that must not be patched, and what runs for it.
#[test]
fn a_body_that_the_module_itself_has_used_reruns_it() {
    let cases = [
        // Its result is a value of the module.
        (
            "def f(): return 1\nX = f()\n",
            "def f(): return 2\nX = f()\n",
            "__import__('m').X",
            "A 2",
        ),
        // A decorator has called it.
        (
            "def now(f):\n    return f()\n@now\ndef g(): return 1\n",
            "def now(f):\n    return f()\n@now\ndef g(): return 2\n",
            "__import__('m').g",
            "A 2",
        ),
        // A decorator that is known to read code.
        (
            "def jit(f):\n    return f\n@jit\ndef f(): return 1\n",
            "def jit(f):\n    return f\n@jit\ndef f(): return 2\n",
            "__import__('m').f()",
            "A 2",
        ),
        // A comment asks for it.
        (
            "def f():  # hmr: rerun\n    return 1\n",
            "def f():  # hmr: rerun\n    return 2\n",
            "__import__('m').f()",
            "A 2",
        ),
        // Another default, another signature.
        (
            "def f(a=1): return a\n",
            "def f(a=2): return a\n",
            "__import__('m').f()",
            "A 2",
        ),
        (
            "def f(): return 1\n",
            "def f(b=2): return b\n",
            "__import__('m').f()",
            "A 2",
        ),
        (
            "def f(): return 1\n",
            "def f(): yield 2\n",
            "next(__import__('m').f())",
            "A 2",
        ),
        // A class attribute, and a method that closes over the class for the first time.
        (
            "class C:\n    A = 1\n",
            "class C:\n    A = 2\n",
            "C.A",
            "A 2",
        ),
        (
            "class B:\n    def m(self): return 2\nclass C(B):\n    def m(self): return 1\n",
            "class B:\n    def m(self): return 2\nclass C(B):\n    def m(self): return super().m()\n",
            "__import__('m').C().m()",
            "A 2",
        ),
    ];
    for (before, after, expression, answer) in cases {
        let served = Served::new(before);
        let mut hmr = served.start();
        let reload = hmr.save("m.py", after);
        assert!(
            reload.ran.contains(&"m".to_owned()),
            "{after}\n{}",
            reload.log
        );
        served.expect(&mut hmr, expression, answer);
    }
}

#[test]
fn what_is_under_way_finishes_on_the_code_that_it_began_with() {
    let m = |n: u32| format!("def numbers():\n    for _ in range(3):\n        yield {n}\n");
    let served = Served::new(&m(1));
    let mut hmr = served.start();
    served.expect(
        &mut hmr,
        "next(globals().setdefault('running', numbers()))",
        "A 1",
    );
    hmr.save("m.py", &m(2)).expect(&[], &[]);
    served.expect(&mut hmr, "next(running)", "A 1");
    served.expect(&mut hmr, "next(numbers())", "A 2");
}

#[test]
fn a_cache_of_a_patched_function_forgets() {
    let m = |n: u32| format!("import functools\n@functools.cache\ndef f(): return {n}\n");
    let served = Served::new(&m(1));
    let mut hmr = served.start();
    served.expect(&mut hmr, "f()", "A 1");
    hmr.save("m.py", &m(2)).expect(&[], &[]);
    served.expect(&mut hmr, "f()", "A 2");
}

#[test]
fn an_edit_of_one_body_of_twenty_reruns_the_one_who_called_it() {
    let m = |third: u32| {
        (0..20).fold(String::new(), |text, n| {
            text + &format!("def f{n}(): return {}\n", if n == 3 { third } else { n })
        })
    };
    let imports = (0..20).fold(String::new(), |text, n| text + &format!("import u{n}\n"));
    let project = Project::new(&[
        ("m.py", &m(3)),
        ("main.py", &(imports + "print('ready')\n")),
    ]);
    for n in 0..20 {
        project.save(
            &format!("u{n}.py"),
            &format!("from m import f{n}\nprint('u{n}', f{n}())\n"),
        );
    }
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("ready");
    hmr.save("m.py", &m(30)).expect(&["u3"], &["u3 30"]);
}

#[test]
fn the_report_says_what_was_patched() {
    let m = |n: u32| format!("def f(): return {n}\nclass C:\n    def g(self): return {n}\n");
    let served = Served::new(&m(1));
    let mut hmr = served.start();
    // Of the same size as before: a save all the same.
    let reload = hmr.save("m.py", &m(2));
    assert!(
        reload.log.contains("m.py -> patched m.C.g, m.f  "),
        "{}",
        reload.log
    );
}

#[test]
fn a_function_of_the_entry_is_patched_while_the_program_uses_it() {
    let main = |n: u32| {
        format!(
            "import threading, time\ndef answer():\n    return {n}\nready = threading.Event()\n\
            def work():\n    ready.wait()\n    last = None\n    while True:\n        \
            if answer() != last:\n            last = answer()\n            print('A', last, flush=True)\n        \
            time.sleep(0.001)\n\
            threading.Thread(target=work, daemon=True).start()\nready.set()\n"
        )
    };
    let project = Project::new(&[("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("A 1");
    project.save("main.py", &main(2));
    hmr.wait_stdout("A 2");
    // The thread may be faster than the report.
    let report = "main.py -> patched main.answer  ";
    if !hmr.log().contains(report) {
        hmr.wait_stderr("a report that names the function", |line| {
            line.contains(report)
        });
    }
}

#[test]
fn who_was_given_a_cached_result_runs_again_when_the_function_changes() {
    let m = |n: u32| format!("import functools\n@functools.lru_cache\ndef f():\n    return {n}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("first.py", "import m\nA = m.f()\n"),
        ("second.py", "from m import f\nB = f()\n"),
        (
            "main.py",
            "import first, second\nprint('V', first.A, second.B)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", &m(2))
        .expect(&["first", "second", "main"], &["V 2 2"]);
    // Its own module's run fills the cache: it runs again, and so do those who were given results.
    hmr.save("m.py", &format!("{}X = f()\n", m(3)))
        .expect(&["m", "first", "second", "main"], &["V 3 3"]);
    hmr.save("m.py", &format!("{}X = f()\n", m(4)))
        .expect(&["m", "first", "second", "main"], &["V 4 4"]);
}
