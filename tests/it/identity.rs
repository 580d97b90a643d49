//! What keeps its object when its module runs again, and who is told that something changed.

use hmr_tests::{Hmr, Project};

/// A project of `m.py` and a main that runs whenever something that it used has changed.
fn project(m: &str, main: &str) -> Project {
    Project::new(&[("m.py", m), ("main.py", main)])
}

#[test]
fn a17_an_equal_value_of_another_type_is_another_value() {
    let project = project("X = True\n", "from m import X\nprint('V', repr(X))\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");

    hmr.save("m.py", "X = 1.0\n")
        .expect(&["m", "main"], &["V 1.0"]);
    hmr.save("m.py", "X = 1\n").expect(&["m", "main"], &["V 1"]);
}

#[test]
fn a18_not_a_number_equals_itself() {
    let project = project("X = float('nan')\n", "from m import X\nprint('V', X)\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V nan");

    hmr.save("m.py", "X = float('nan')\nY = 1\n")
        .expect(&["m"], &[]);
}

#[test]
fn a21_a_class_is_what_it_was_when_something_else_is_added() {
    let class = "class C:\n    items = []\n    def m(self):\n        return 1\n";
    let project = project(class, "from m import C\nprint('V', C().m())\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", &format!("# moved\n{class}OTHER = 1\n"))
        .expect(&["m"], &[]);
    hmr.save("m.py", &class.replace("return 1", "return 2"))
        .expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a23_a_list_typed_again_is_the_same_list() {
    let project = project("L = [1, 2]\n", "from m import L\nprint('V', L)\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1, 2]");

    hmr.save("m.py", "# typed again\nL = [1,  1 + 1]\n")
        .expect(&[], &[]);
    hmr.save("m.py", "L = [1, 3]\n")
        .expect(&["m", "main"], &["V [1, 3]"]);
}

#[test]
fn a24_arrays_are_compared_by_what_they_hold() {
    let source = |n: u32| format!("from array import array\nA = array('d', range({n}))\n");
    let project = project(&source(3), "from m import A\nprint('V', len(A))\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 3");

    hmr.save("m.py", &(source(3) + "B = 1\n"))
        .expect(&["m"], &[]);
    hmr.save("m.py", &source(4))
        .expect(&["m", "main"], &["V 4"]);
}

#[test]
fn a47_an_edited_base_reaches_subclasses_in_other_modules() {
    let base = |text: &str| {
        format!("class B:\n    WORD = {text:?}\n    def hi(self):\n        return self.WORD\n")
    };
    let project = Project::new(&[
        ("base.py", &base("one")),
        ("sub.py", "from base import B\nclass C(B):\n    pass\n"),
        (
            "main.py",
            "import sub\nprint('V', sub.C().hi(), sub.C.WORD)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V one one");

    // The base keeps its object, and so does the subclass: what it inherits has changed.
    hmr.save("base.py", &base("two"))
        .expect(&["base", "sub", "main"], &["V two two"]);
    // Another body concerns who called the method, and `sub` did not.
    hmr.save(
        "base.py",
        &base("two").replace("return self.WORD", "return self.WORD * 2"),
    )
    .expect(&["main"], &["V twotwo two"]);
    hmr.save(
        "base.py",
        &base("two")
            .replace("return self.WORD", "return self.WORD * 2")
            .replace("class B:", "class B:\n    EXTRA = 1"),
    )
    .expect(&["base", "sub", "main"], &["V twotwo two"]);
}

#[test]
fn b04_state_in_its_own_module_survives_edits_of_its_users() {
    let m = |n: u32| format!("import state\nstate.items.append({n})\nX = {n}\n");
    let project = Project::new(&[
        ("state.py", "items = []\n"),
        ("m.py", &m(1)),
        ("main.py", "import m, state\nprint('V', m.X, state.items)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 [1]");

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["V 2 [1, 2]"]);
}

#[test]
fn b06_an_edited_handler_leaves_what_it_imports_alone() {
    let handler = |word: &str| {
        format!("from model import MODEL\ndef handle():\n    return {word:?}, len(MODEL)\n")
    };
    let project = Project::new(&[
        ("model.py", "print('model loads')\nMODEL = [object()]\n"),
        ("handler.py", &handler("a")),
        ("main.py", "import handler\nprint('V', *handler.handle())\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V a 1"), ["model loads"]);

    hmr.save("handler.py", &handler("b"))
        .expect(&["main"], &["V b 1"]);
}

#[test]
fn b07_an_instance_from_before_has_the_edited_method() {
    let class = |word: &str, more: &str| {
        format!("class C:\n    def hi(self):\n        return {word:?}\n{more}")
    };
    let project = Project::new(&[
        ("m.py", &class("one", "")),
        ("keep.py", "import m\nobj = m.C()\n"),
        (
            "main.py",
            "import keep, m\nkept = globals().setdefault('kept', keep.obj)\n\
             print('V', kept.hi(), isinstance(kept, m.C), hasattr(kept, 'bye'), kept is keep.obj)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V one True False True");

    let reload = hmr.save("m.py", &class("two", ""));
    assert_eq!(reload.stdout, ["V two True False True"], "{}", reload.log);
    let reload = hmr.save(
        "m.py",
        &class(
            "two",
            "    def bye(self):\n        return super().__repr__()\n",
        ),
    );
    assert_eq!(reload.stdout, ["V two True True True"], "{}", reload.log);
}

/// `main` uses every kind of object from before together with what its module holds now.
const IDENTITIES: &str = "\
import m, pickle, functools
if 'old' not in globals():
    old = dict(vars(m))
    held = m.Point(1), m.Color.RED, m.Error('x'), pickle.dumps(m.Point(1))
@m.area.register(tuple)
def _(x):
    return 'tuple'
point, red, error, pickled = held
print('V', m.EDIT, isinstance(point, m.Point), point == m.Point(1), red is m.Color.RED, red in m.Color,
      isinstance(error, m.Error), pickle.loads(pickled) == point, pickle.loads(pickle.dumps(red)) is red,
      m.area(point), m.area(()), old['helper'] is m.helper, old['TABLE'] is m.TABLE)
";

#[test]
fn identities_survive_an_unrelated_edit() {
    let m = |edit: u32, extra: &str| {
        format!(
            "import enum, functools
from dataclasses import dataclass
EDIT = {edit}
{extra}
class Color(enum.Enum):
    RED = 1
    BLUE = 2
@dataclass
class Point:
    x: int
    def shift(self):
        return Point(self.x + 1)
class Error(Exception):
    pass
@functools.singledispatch
def area(x):
    return 'any'
@area.register
def _(x: Point):
    return 'point'
def helper():
    return EDIT
TABLE = {{'help': helper, Color.RED: [Point(3)]}}
"
        )
    };
    let project = project(&m(1, ""), IDENTITIES);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let all =
        |edit: u32| format!("V {edit} True True True True True True True point tuple True True");
    hmr.wait_stdout("V 1 True True True True True True True point tuple True True");

    // `area` is new, for what main registered with it must go; its parts need not be.
    hmr.save("m.py", &m(2, "def added(): pass"))
        .expect(&["m", "main"], &[&all(2)]);
    hmr.save("m.py", &m(3, "class Other: pass"))
        .expect(&["m", "main"], &[&all(3)]);
}

#[test]
fn a_registry_rebuilt_in_its_module_holds_what_the_module_holds() {
    let m = |body: u32, extra: &str| {
        format!(
            "ROUTES = {{}}
def route(path):
    def add(f):
        ROUTES[path] = f
        return f
    return add
@route('/a')
def a():
    return {body}
{extra}"
        )
    };
    let main = "import m\nprint('V', {path: f() for path, f in m.ROUTES.items()}, m.ROUTES['/a'] is m.a)\n";
    let project = project(&m(1, ""), main);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V {'/a': 1} True");

    hmr.save("m.py", &m(2, ""))
        .expect(&["main"], &["V {'/a': 2} True"]);
    hmr.save("m.py", &m(2, "@route('/b')\ndef b():\n    return 3\n"))
        .expect(&["m", "main"], &["V {'/a': 2, '/b': 3} True"]);
    hmr.save("m.py", &m(2, "# gone\n"))
        .expect(&["m", "main"], &["V {'/a': 2} True"]);
}

#[test]
fn a_registry_of_another_module_gets_the_new_function() {
    let m = |body: u32| format!("import app\n@app.route('/a')\ndef a():\n    return {body}\n");
    let project = Project::new(&[
        (
            "app.py",
            "ROUTES = {}\ndef route(path):\n    return lambda f: ROUTES.setdefault(path, []).append(f) or f\n",
        ),
        ("m.py", &m(1)),
        (
            "main.py",
            "import app, m\nprint('V', m.a(), app.ROUTES['/a'][-1] is m.a)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 True");

    hmr.save("m.py", &m(2)).expect(&["main"], &["V 2 True"]);
}

#[test]
fn a_decorator_of_another_module_is_edited_under_what_it_wrapped() {
    let deco = |factor: u32| {
        format!(
            "import functools\ndef scale(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a) * {factor}\n    return inner\n"
        )
    };
    let m = |body: &str| format!("from deco import scale\n@scale\ndef f():\n    return {body}\n");
    let project = Project::new(&[
        ("deco.py", &deco(2)),
        ("m.py", &m("1")),
        ("main.py", "import m\nprint('V', m.f(), m.f.__name__)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 2 f");

    hmr.save("deco.py", &deco(3))
        .expect(&["m", "main"], &["V 3 f"]);
    hmr.save("m.py", &m("5")).expect(&["main"], &["V 15 f"]);
    hmr.save("m.py", &format!("# moved\n{}", m("5")))
        .expect(&[], &[]);
}

#[test]
fn properties_closures_and_super_are_seen_through() {
    let m = |p: u32, base: u32, closed: u32| {
        format!(
            "class B:
    def m(self):
        return {base}
class C(B):
    @property
    def p(self):
        return {p}
    def m(self):
        return super().m() + 100
def make():
    n = 0
    def inner():
        return n + {closed}
    return inner
closure = make()
c = C()
"
        )
    };
    let project = Project::new(&[
        ("m.py", &m(1, 1, 1)),
        ("p.py", "from m import c\nprint('p', c.p)\n"),
        ("s.py", "from m import C\nprint('s', C().m())\n"),
        ("k.py", "from m import closure\nprint('k', closure())\n"),
        ("main.py", "import p, s, k\nprint('ready')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("ready"), ["p 1", "s 101", "k 1"]);

    let reload = hmr.save("m.py", &m(2, 1, 1));
    assert!(reload.stdout.contains(&"p 2".to_owned()), "{}", reload.log);
    assert!(
        !reload.stdout.iter().any(|line| line.starts_with('k')),
        "{}",
        reload.log
    );
    let reload = hmr.save("m.py", &m(2, 5, 1));
    assert!(
        reload.stdout.contains(&"s 105".to_owned()),
        "{}",
        reload.log
    );
    hmr.save("m.py", &m(2, 5, 7)).expect(&["m", "k"], &["k 7"]);
}

#[test]
fn a_docstring_is_told_to_who_reads_the_function() {
    let m = |doc: &str| format!("def f():\n    {doc:?}\n    return 1\n");
    let project = project(
        &m("one"),
        "import m\nold = globals().setdefault('old', m.f)\nprint('V', m.f.__doc__, m.f is old)\n",
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V one True");

    hmr.save("m.py", &m("two"))
        .expect(&["main"], &["V two True"]);
}

#[test]
fn a_cache_forgets_what_an_edited_function_gave() {
    let m =
        |body: u32| format!("import functools\n@functools.cache\ndef f():\n    return {body}\n");
    let project = project(
        &m(1),
        "import m\nold = globals().setdefault('old', m.f)\nprint('V', m.f(), m.f is old)\n",
    );
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 True");

    hmr.save("m.py", &m(2)).expect(&["main"], &["V 2 True"]);
}

#[test]
fn a_module_that_failed_meanwhile_still_passes_on_what_changed() {
    let m = |word: &str| format!("class C:\n    WORD = {word:?}\n");
    let project = Project::new(&[
        ("m.py", &m("one")),
        ("u.py", "from m import C\n"),
        ("main.py", "from u import C\nprint('V', C.WORD)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V one");

    // The class keeps its object, so what `u` holds is the same when it can run again.
    hmr.save("u.py", "from m import C\n1 / 0\n")
        .expect_failure("u", "ZeroDivisionError");
    let reload = hmr.save("m.py", &m("two"));
    assert_eq!(
        reload.pending,
        Some(("u".into(), "ZeroDivisionError".into())),
        "{}",
        reload.log
    );
    let reload = hmr.save("u.py", "from m import C\n");
    assert_eq!(reload.stdout, ["V two"], "{}", reload.log);
}
