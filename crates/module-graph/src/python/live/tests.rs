//! Whatever holds a function, it is found; and what a namespace leads to is found without the heap.

use std::{
    ffi::CString,
    sync::{Mutex, PoisonError},
};

use pyo3::{
    prelude::*,
    types::{PyDict, PyModule},
};
use rustc_hash::FxHashSet;

use super::{super::units, Pair, find, heap};

/// Defines `hide`, by which a module gives a thing away to somebody whom it does not lead to.
const SOMEBODY: &str = "
HELD = []
def hide(thing):
    HELD.append(thing)
    return thing
";

/// Runs `source` as a module, and looks for the functions of all its code. What is found must be what
/// the whole heap has.
#[track_caller]
fn check(source: &str, is_proved: bool) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Python::initialize();
    Python::attach(|py| {
        let text = CString::new(SOMEBODY).expect("no zero byte");
        let somebody = PyModule::from_code(py, &text, c"somebody.py", c"somebody").expect("valid");
        let code = py
            .import("builtins")
            .and_then(|builtins| builtins.call_method1("compile", (source, "m.py", "exec")))
            .expect("valid");
        let namespace = PyModule::new(py, "m").expect("a name").dict();
        namespace
            .set_item("hide", somebody.getattr("hide").expect("defined above"))
            .expect("a dict");
        run(&code, &namespace);
        let pairs = pairs(&code);

        let live = find(&pairs, &code, &namespace).expect("nothing raises");
        let codes = pairs
            .iter()
            .map(|pair| pair.old.as_ptr() as usize)
            .collect();
        assert_eq!(
            addresses(&live.functions),
            addresses(&heap::functions(py, &codes)),
            "{source}"
        );
        assert_eq!(live.was_proved, is_proved, "{source}");
        assert!(!live.functions.is_empty(), "{source}");
    });
}

fn run(code: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) {
    let ran = code
        .py()
        .import("builtins")
        .and_then(|builtins| builtins.call_method1("exec", (code, namespace)));
    if let Err(error) = ran {
        panic!("{error}");
    }
}

/// All code below that of the module, but that of classes, which no function runs.
fn pairs<'py>(module: &Bound<'py, PyAny>) -> Vec<Pair<'py>> {
    let mut tree = units::tree_of(module).expect("code");
    tree.remove(0);
    let is_function = |code: &Bound<'_, PyAny>| {
        code.getattr("co_flags")
            .and_then(|flags| flags.extract::<u32>())
            .expect("a number")
            & 1
            == 1
    };
    tree.retain(is_function);
    let pair = |old: Bound<'py, PyAny>| Pair {
        new: module.clone(),
        old,
        differs: true,
    };
    tree.into_iter().map(pair).collect()
}

fn addresses(functions: &[Bound<'_, PyAny>]) -> FxHashSet<usize> {
    let found: FxHashSet<_> = functions.iter().map(|it| it.as_ptr() as usize).collect();
    assert_eq!(found.len(), functions.len(), "each once");
    found
}

#[test]
fn what_the_namespace_leads_to_is_found_there() {
    for source in [
        "def f(): pass\n",
        "async def f(): pass\n",
        "def f(): yield 1\n",
        "f = lambda: 1\n",
        "def f(a=lambda: 1): return [lambda: 2 for _ in a]\n",
        "class C:\n    def m(self): pass\n    class D:\n        def m(self): pass\n",
        "class C:\n    @property\n    def p(self): pass\n    @p.setter\n    def p(self, x): pass\n",
        "class C:\n    @classmethod\n    def c(cls): pass\n    @staticmethod\n    def s(): pass\n",
        "class C:\n    def m(self): return super().m()\n",
        "class C:\n    __slots__ = ('x',)\n    def m(self): pass\nc = C()\nc.x = c.m\ndel C\n",
        "import functools\n@functools.cache\ndef f(): pass\n",
        "import functools\n@functools.singledispatch\ndef f(x): pass\n@f.register\ndef _(x: int): pass\n",
        "import functools\ndef f(x): pass\ng = functools.partial(f, 1)\ndel f\n",
        "import functools\nclass C:\n    @functools.cached_property\n    def k(self): pass\n",
        "import contextlib\n@contextlib.contextmanager\ndef f(): yield\n",
        "def make(n):\n    def inner(): return n\n    return inner\na, b, c = make(1), make(2), [make(3)]\n",
        "import functools\ndef w(f):\n    @functools.wraps(f)\n    def inner(): return f()\n    return inner\n@w\ndef f(): pass\n",
        "def f(): pass\nT = {'a': (f, [f])}\ndel f\n",
        "import types\ndef f(): pass\ng = types.FunctionType(f.__code__, globals())\n",
        "def f(): pass\nf.other = lambda: 1\n",
        "import enum\nclass E(enum.Enum):\n    A = 1\n    def m(self): pass\n",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\n    def m(self): pass\n",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): pass\n",
        "class M(type):\n    def m(cls): pass\nclass C(metaclass=M):\n    def m(self): pass\n",
        "import weakref\nclass C:\n    def m(self): pass\nc = C()\nW = weakref.WeakMethod(c.m)\n",
        "from collections import deque, defaultdict\nd = deque([lambda: 1])\nm = defaultdict(lambda: 2)\n",
        "from types import SimpleNamespace, MappingProxyType\nn = SimpleNamespace(f=lambda: 1)\np = MappingProxyType({'f': lambda: 2})\n",
        "def f(): pass\nhide(f)\n",
        "def f(): pass\nM = map(f, [1])\n",
        "def never():\n    def made(): pass\n    return made\n",
    ] {
        check(source, true);
    }
}

#[test]
fn what_only_somebody_else_holds_is_found_in_the_heap() {
    for source in [
        "def f(): pass\nhide(f)\ndel f\n",
        "def make(n):\n    def inner(): return n\n    return inner\nhide(make(1))\na = make(2)\n",
        "class C:\n    def m(self): pass\nhide(C())\ndel C\n",
        "class C:\n    def m(self): pass\nhide(C().m)\ndel C.m\n",
        "class C:\n    def m(self): pass\nC.__module__ = 'elsewhere'\n",
        "import threading\nt = threading.local()\nt.f = lambda: 1\ndel t.f\nhide(lambda: 1)\n",
        "import atexit\ndef f(): pass\natexit.register(f)\natexit.unregister(f)\nhide([f])\ndel f\n",
        // Frames that are under way hold their code, and are no functions.
        "def f():\n    yield 1\ng = f()\nnext(g)\n",
        // Nobody says that a code object belongs to functions only.
        "def f(): pass\nc = f.__code__\n",
    ] {
        check(source, false);
    }
}

#[test]
fn data_is_looked_into_last_and_not_to_its_end() {
    let data = "L = [[] for _ in range(30_000)]\n";
    check(&format!("{data}def f(): pass\n"), true);
    check(
        &format!("{data}class C:\n    L = L\n    def m(self): pass\nC.f = [lambda: 1]\n"),
        true,
    );
    check(&format!("{data}L.insert(0, lambda: 1)\n"), false);
}
