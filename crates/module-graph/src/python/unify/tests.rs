//! What keeps its object over a rerun, by shape and by edit, and that it does what the new one does.

use std::{
    ffi::CString,
    sync::{Mutex, PoisonError},
};

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::super::{namespace::Snapshot, unify::Changes};

/// What became of a name's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It stayed, and nobody is told.
    Kept,
    /// It stayed with another body: its unit is told.
    Patched,
    /// It stayed with other contents: its name is told.
    Grafted,
    /// The name holds the new object, and is told.
    Replaced,
}
use Verdict::{Grafted, Kept, Patched, Replaced};

/// A definition, what tells versions of it apart, and what edits make of it.
struct Shape {
    name: &'static str,
    source: &'static str,
    /// An expression whose value must be that of a fresh start.
    probe: &'static str,
    /// What is replaced in the source by what, and what becomes of the name.
    edits: &'static [(&'static str, &'static str, Verdict)],
}

/// One test at a time: they share the interpreter, and with it `sys.modules`.
fn alone(test: impl FnOnce(Python<'_>)) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Python::initialize();
    Python::attach(test);
}

fn code(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

/// A module named `m` in a namespace of its own.
struct Module<'py> {
    namespace: Bound<'py, PyDict>,
}

impl<'py> Module<'py> {
    fn start(py: Python<'py>, source: &str) -> Self {
        let module = PyModule::new(py, "m").expect("a name");
        let modules = py.import("sys").and_then(|sys| sys.getattr("modules"));
        modules
            .and_then(|m| m.set_item("m", &module))
            .expect("sys.modules is a dict");
        let started = Self {
            namespace: module.dict(),
        };
        started.run(source);
        started
    }

    fn run(&self, source: &str) {
        let py = self.namespace.py();
        let run = py.import("builtins").and_then(|builtins| {
            let compiled = builtins.call_method1("compile", (source, "m.py", "exec"))?;
            builtins.call_method1("exec", (compiled, &self.namespace))
        });
        if let Err(error) = run {
            panic!("{error} in\n{source}");
        }
    }

    fn rerun(&self, source: &str) -> Changes {
        let before = Snapshot::take(self.namespace.clone()).expect("a dict");
        self.run(source);
        before
            .compare(&FxHashSet::default(), &[])
            .expect("nothing of the user's runs")
    }

    fn get(&self, name: &str) -> Bound<'py, PyAny> {
        self.namespace
            .get_item(name)
            .expect("a dict")
            .expect("the name is bound")
    }

    fn eval(&self, expression: &str) -> String {
        let value = self
            .namespace
            .py()
            .eval(&code(expression), Some(&self.namespace), None);
        match value {
            Ok(value) => value.repr().expect("a repr").to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn verdict(&self, name: &str, old: &Bound<'py, PyAny>, changes: &Changes) -> Verdict {
        let is_told = changes.names.iter().any(|told| told == name);
        match (self.get(name).is(old), is_told) {
            (true, true) => Grafted,
            (true, false) if changes.units.is_empty() => Kept,
            (true, false) => Patched,
            (false, true) => Replaced,
            (false, false) => panic!("{name} is another object, and nobody is told"),
        }
    }
}

/// Runs the edit, checks the verdict, and that the module does what a fresh start does.
#[track_caller]
fn check(shape: &Shape, after: &str, expected: Verdict) {
    alone(|py| {
        let fresh = Module::start(py, after).eval(shape.probe);
        let module = Module::start(py, shape.source);
        let old = module.get(shape.name);
        let changes = module.rerun(after);
        let found = module.verdict(shape.name, &old, &changes);
        assert_eq!(
            (found, module.eval(shape.probe)),
            (expected, fresh),
            "told {:?} and {:?} after\n{after}",
            changes.names,
            changes.units,
        );
    });
}

fn check_shape(shape: &Shape) {
    check(shape, shape.source, Kept);
    check(
        shape,
        &format!("# moved\n\n{}\nADDED = 1\n", shape.source),
        Kept,
    );
    for (from, to, expected) in shape.edits {
        let after = shape.source.replacen(from, to, 1);
        assert_ne!(after, shape.source, "the edit of {from:?} changes nothing");
        check(shape, &after, *expected);
    }
}

/// One test for each shape, so that each can fail alone.
macro_rules! shapes {
    ($($test:ident: $name:literal, $source:literal, $probe:literal, [$($from:literal => $to:literal, $verdict:ident;)*])*) => {
        $(
            #[test]
            fn $test() {
                check_shape(&Shape {
                    name: $name,
                    source: $source,
                    probe: $probe,
                    edits: &[$(($from, $to, $verdict)),*],
                });
            }
        )*
    };
}

shapes! {
    plain_function: "f", "
def f(x=1, *, y=2):
    'doc'
    return x + y
", "f(), f.__doc__, f.__defaults__, f.__kwdefaults__", [
        "x + y" => "x - y", Patched;
        "x=1" => "x=2", Replaced;
        "y=2" => "y=3", Replaced;
        "'doc'" => "'other'", Grafted;
        "x=1, " => "x=1, z=0, ", Replaced;
        "f(x" => "f(a: int, x", Replaced;
    ]

    async_function: "f", "
async def f():
    return 1
", "f.__code__.co_consts, f.__code__.co_flags", [
        "return 1" => "return 2", Patched;
        "async " => "", Replaced;
    ]

    generator: "f", "
def f():
    yield 1
", "list(f())", [
        "yield 1" => "yield 2", Patched;
        "yield 1" => "return [1]", Replaced;
    ]

    lambda: "f", "
f = lambda x=0: x + 1
", "f()", [
        "x + 1" => "x + 2", Patched;
        "x=0" => "x=1", Replaced;
    ]

    annotated_function: "f", "
def f(x: int) -> 'str':
    return 1
", "f(1), f.__annotations__", [
        "return 1" => "return 2", Patched;
        "x: int" => "x: str", Replaced;
    ]

    mutable_default: "f", "
def f(x=[]):
    x.append(1)
    return len(x)
", "f()", [
        "append(1)" => "extend([1, 2])", Patched;
        "x=[]" => "x=[0]", Replaced;
    ]

    function_with_attributes: "f", "
def f():
    return f.level
f.level = 1
", "f()", [
        "return f.level" => "return f.level + 1", Patched;
        "level = 1" => "level = 2", Replaced;
    ]

    wrapped_function: "f", "
import functools
def twice(g):
    @functools.wraps(g)
    def inner(*a):
        return g(*a) * 2
    return inner
@twice
def f():
    return 1
", "f(), f.__name__", [
        "return 1" => "return 3", Patched;
        "* 2" => "* 3", Patched;
        "@twice\n" => "", Replaced;
    ]

    decorator_with_argument: "f", "
def times(n):
    def decorate(g):
        def inner():
            return g() * n
        return inner
    return decorate
@times(2)
def f():
    return 1
", "f()", [
        "return 1" => "return 3", Patched;
        "times(2)" => "times(3)", Replaced;
        "g() * n" => "n * g() + 1", Patched;
    ]

    shared_variable: "get", "
def make():
    n = 0
    def add():
        nonlocal n
        n += 1
    def get():
        return n
    return add, get
add, get = make()
", "(add(), get())", [
        "n += 1" => "n += 2", Patched;
        "n = 0" => "n = 5", Replaced;
    ]

    partial: "f", "
import functools
def g(x, y):
    return x + y
f = functools.partial(g, 1)
", "f(2)", [
        "x + y" => "x - y", Patched;
        "g, 1" => "g, 5", Replaced;
    ]

    cached_function: "f", "
import functools
@functools.lru_cache(maxsize=8)
def f():
    return 1
f()
", "f(), f.cache_parameters()", [
        "return 1" => "return 2", Patched;
        "maxsize=8" => "maxsize=9", Replaced;
    ]

    single_dispatch: "f", "
import functools
@functools.singledispatch
def f(x):
    return 'other'
@f.register
def _(x: int):
    return 'int'
class Own:
    pass
@f.register(Own)
def own(x):
    return 'own'
f(1)
", "f(1), f(''), f(Own()), len(f.registry)", [
        "'int'" => "'number'", Patched;
        "'other'" => "'none'", Patched;
        "x: int" => "x: str", Replaced;
        "    pass" => "    y = 1", Grafted;
    ]

    context_manager: "f", "
import contextlib
@contextlib.contextmanager
def f():
    yield 1
", "f().__enter__()", [
        "yield 1" => "yield 2", Patched;
    ]

    bound_method: "f", "
class C:
    def m(self):
        return 1
f = C().m
", "f()", [
        "return 1" => "return 2", Patched;
    ]

    plain_class: "C", "
class C:
    'doc'
    A = 1
    items = []
    def m(self):
        return self.A
    def n(self):
        return 'n'
", "C().m(), C.__doc__, [k for k in vars(C) if k[0] != '_'], C.items", [
        "return self.A" => "return -self.A", Patched;
        "A = 1" => "A = 2", Grafted;
        "'doc'" => "'other'", Grafted;
        "items = []" => "items = [1]", Grafted;
        "    A = 1" => "    A = 1\n    B = 2", Grafted;
        "    def n(self):\n        return 'n'\n" => "", Grafted;
        "def n(self)" => "def n(self, x=1)", Grafted;
        "    def n" => "    @staticmethod\n    def n", Grafted;
        "class C" => "class C(Exception)", Replaced;
        "    items" => "    __slots__ = ('x',)\n    items", Replaced;
        "    items" => "    def __len__(self):\n        return 3\n    items", Grafted;
    ]

    decorated_members: "C", "
import functools
class C:
    @property
    def p(self):
        return 1
    @classmethod
    def c(cls):
        return cls.__name__, 1
    @staticmethod
    def s():
        return 1
    @functools.cached_property
    def k(self):
        return 1
", "C.p.__class__.__name__, C.c(), C.s(), C().k, C().p if isinstance(C.p, property) else 0", [
        "    def p(self):\n        return 1" => "    def p(self):\n        return 2", Patched;
        "cls.__name__, 1" => "cls.__name__, 2", Patched;
        "    def s():\n        return 1" => "    def s():\n        return 2", Patched;
        "    def k(self):\n        return 1" => "    def k(self):\n        return 2", Patched;
        "    @property\n" => "", Grafted;
        "    @classmethod" => "    @functools.lru_cache", Grafted;
    ]

    class_with_super: "D", "
class B:
    def m(self):
        return 'b'
class D(B):
    def m(self):
        return super().m() + 'd'
    def who(self):
        return __class__.__name__
", "D().m(), D().who(), D.__mro__ == (D, B, object)", [
        "'b'" => "'bb'", Patched;
        "'d'" => "'dd'", Patched;
        "return 'b'\n" => "return 'b'\n    X = 1\n", Grafted;
        "    def who" => "    def extra(self):\n        return super().m()\n    def who", Grafted;
        "class D(B)" => "class D", Replaced;
    ]

    class_that_gains_super: "D", "
class B:
    def m(self):
        return 'b'
class D(B):
    def m(self):
        return 'd'
", "D().m(), isinstance(D(), B)", [
        "return 'd'" => "return super().m() + 'd'", Grafted;
    ]

    nested_class: "C", "
class C:
    class Inner:
        X = 1
        def m(self):
            return 1
", "C.Inner().m(), C.Inner.X", [
        "return 1" => "return 2", Patched;
        "X = 1" => "X = 2", Grafted;
    ]

    slotted_class: "C", "
class C:
    __slots__ = ('x', 'y')
    def __init__(self):
        self.x = 1
    def m(self):
        return self.x
", "C().m()", [
        "return self.x" => "return -self.x", Patched;
        "    def m" => "    def n(self):\n        return 1\n    def m", Grafted;
        "'y')" => "'y', 'z')", Replaced;
    ]

    dataclass: "P", "
from dataclasses import dataclass, field
@dataclass
class P:
    x: int = 1
    tags: list = field(default_factory=list)
    def total(self):
        return self.x
", "P(), P() == P(), P().total(), P.__match_args__, P(2)", [
        "return self.x" => "return -self.x", Patched;
        "x: int = 1" => "x: int = 2", Grafted;
        "x: int = 1" => "x: str = 1", Grafted;
        "    tags" => "    z: int = 0\n    tags", Grafted;
        "x: int = 1" => "z: int\n    x: int = 1", Replaced;
        "@dataclass" => "@dataclass(order=True)", Grafted;
    ]

    frozen_dataclass: "P", "
from dataclasses import dataclass
@dataclass(frozen=True)
class P:
    x: int
    def m(self):
        return 1
p = P(1)
", "p, p == P(1), hash(p) == hash(P(1)), p.m()", [
        "return 1" => "return 2", Patched;
        "    def m" => "    def n(self): pass\n    def m", Grafted;
    ]

    slotted_dataclass: "P", "
from dataclasses import dataclass
@dataclass(slots=True)
class P:
    x: int = 1
    def m(self):
        return 1
", "P(), P().m()", [
        "return 1" => "return 2", Patched;
        "x: int = 1" => "x: int = 2", Grafted;
    ]

    named_tuple: "T", "
from typing import NamedTuple
class T(NamedTuple):
    x: int
    y: int = 2
    def m(self):
        return self.x
", "T(1), T(1).m(), T._fields", [
        "return self.x" => "return -self.x", Patched;
        "    def m" => "    z: int = 3\n    def m", Replaced;
    ]

    tuple_factory: "T", "
from collections import namedtuple
T = namedtuple('T', 'x y')
", "T(1, 2)", [
        "'x y'" => "'x z'", Replaced;
    ]

    enumeration: "E", "
import enum
class E(enum.Enum):
    RED = 1
    BLUE = 'b'
    def m(self):
        return self.name
", "list(E), E(1), E['BLUE'].m()", [
        "return self.name" => "return self.value", Patched;
        "RED = 1" => "RED = 2", Replaced;
        "    BLUE" => "    GREEN = 3\n    BLUE", Replaced;
    ]

    flags: "E", "
import enum
class E(enum.IntFlag):
    A = 1
    B = 2
    AB = 3
    def m(self):
        return 1
", "list(E), E.A | E.B, E.A.m()", [
        "return 1" => "return 2", Patched;
        "B = 2" => "B = 4", Replaced;
    ]

    text_enumeration: "E", "
import enum
class E(str, enum.Enum):
    A = 'a'
    B = 'b'
", "list(E), E.A == 'a'", [
        "B = 'b'" => "B = 'c'", Replaced;
    ]

    abstract_class: "A", "
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def m(self):
        return 1
    def n(self):
        return 1
class I(A):
    def m(self):
        return super().m()
", "I().m(), I().n(), sorted(A.__abstractmethods__), isinstance(I(), A)", [
        "    def n(self):\n        return 1" => "    def n(self):\n        return 2", Patched;
        "    def n" => "    @abc.abstractmethod\n    def n", Grafted;
        "    @abc.abstractmethod\n" => "", Grafted;
    ]

    protocol: "P", "
from typing import Protocol, runtime_checkable
@runtime_checkable
class P(Protocol):
    def m(self) -> int:
        return 1
", "isinstance(1, P), P.m(None)", [
        "return 1" => "return 2", Patched;
    ]

    typed_dict: "T", "
from typing import TypedDict
class T(TypedDict, total=False):
    x: int
", "T(x=1), T.__annotations__, T.__total__", [
        "x: int" => "x: str", Replaced;
    ]

    generic_class: "G", "
from typing import Generic, TypeVar
T = TypeVar('T')
class G(Generic[T]):
    def m(self, x: T) -> T:
        return x
S = G[int]
", "G[int]().m(1), G.__parameters__, S", [
        "return x" => "return [x]", Patched;
        "    def m" => "    A = 1\n    def m", Grafted;
    ]

    metaclass: "C", "
class Meta(type):
    def shout(cls):
        return 1
class C(metaclass=Meta):
    def m(self):
        return 1
", "C.shout(), C().m(), type(C) is Meta", [
        "        return 1\nclass" => "        return 2\nclass", Patched;
        "    def m" => "    A = 1\n    def m", Replaced;
    ]

    descriptor: "C", "
class Field:
    def __init__(self, n):
        self.n = n
    def __set_name__(self, owner, name):
        self.name = name
    def __get__(self, instance, owner):
        return self.n, self.name
class C:
    x = Field(1)
", "C.x", [
        "self.n, self.name" => "self.name, self.n", Patched;
        "Field(1)" => "Field(2)", Grafted;
    ]

    instance: "c", "
class C:
    def __init__(self, n):
        self.n = n
        self.items = []
    def m(self):
        return self.n
c = C(1)
", "c.m(), isinstance(c, C), type(c) is C", [
        "return self.n" => "return -self.n", Patched;
        "C(1)" => "C(2)", Replaced;
    ]

    class_of_a_changed_instance: "C", "
class C:
    def __init__(self, n):
        self.n = n
    def m(self):
        return self.n
c = C(1)
", "c.m(), isinstance(c, C), type(c) is C", [
        "C(1)" => "C(2)", Kept;
        "return self.n\nc = C(1)" => "return -self.n\nc = [C(3), C(4)][1]", Patched;
    ]

    container_of_functions: "ROUTES", "
def a():
    return 1
def b():
    return 2
ROUTES = {'a': a, 'b': [b]}
", "ROUTES['a'](), ROUTES['b'][0](), ROUTES['a'] is a", [
        "return 1" => "return 3", Patched;
        "'b': [b]" => "'b': [b, b]", Replaced;
    ]

    registry_of_the_module: "f", "
REGISTRY = []
def register(g):
    REGISTRY.append(g)
    return g
@register
def f():
    return 1
", "REGISTRY[0](), REGISTRY[0] is f, len(REGISTRY)", [
        "return 1" => "return 2", Patched;
        "@register" => "@register\ndef g(): pass\n@register", Kept;
    ]

    sentinel: "f", "
MISSING = object()
def f(x=MISSING):
    return x is MISSING
", "f()", [
        "x is MISSING" => "x is not MISSING", Patched;
    ]

    lock_and_state: "LOCK", "
import threading
LOCK = threading.Lock()
STATE = {'n': 1, 'lock': threading.RLock()}
", "LOCK.locked()", [
        "'n': 1" => "'n': 2", Kept;
    ]

    standard_containers: "Q", "
from collections import defaultdict, deque, OrderedDict
Q = defaultdict(list, {'a': deque([1], maxlen=3), 'b': OrderedDict(x=1)})
", "Q", [
        "maxlen=3" => "maxlen=4", Replaced;
        "defaultdict(list" => "defaultdict(set", Replaced;
        "x=1" => "x=2", Replaced;
    ]

    array: "A", "
from array import array
A = array('i', range(3))
", "A", [
        "range(3)" => "range(4)", Replaced;
        "'i'" => "'l'", Replaced;
    ]

    bytes_that_change: "A", "
A = bytearray(b'abc')
", "A", [
        "b'abc'" => "b'abd'", Replaced;
    ]

    class_made_by_type: "C", "
def m(self):
    return 1
C = type('C', (), {'m': m, 'A': 1})
", "C().m(), C.A", [
        "return 1" => "return 2", Patched;
        "'A': 1" => "'A': 2", Grafted;
    ]

    subclass_of_a_builtin: "v", "
class L(list):
    def total(self):
        return sum(self)
v = L([1, 2])
", "v.total()", [
        "sum(self)" => "-sum(self)", Patched;
        "[1, 2]" => "[1, 3]", Replaced;
    ]

    exception_class: "E", "
class E(Exception):
    def __init__(self, n):
        super().__init__(n)
        self.n = n
    def m(self):
        return self.n
", "E(1).m(), E(1).args", [
        "return self.n" => "return -self.n", Patched;
        "    def m" => "    code = 5\n    def m", Grafted;
    ]
}

/// A module that edits things which this one cannot see.
fn outside(py: Python<'_>) {
    let outside = PyModule::from_code(
        py,
        c"
import weakref
STRONG, WEAK, SEEN = [], weakref.WeakSet(), []
def strong(x):
    STRONG.append(x)
    return x
def weak(x):
    WEAK.add(x)
    return x
class Base:
    def __init_subclass__(cls, **kw):
        SEEN.append(cls.__name__)
",
        c"outside.py",
        c"outside",
    );
    outside.expect("valid");
}

#[track_caller]
fn check_held(source: &str, name: &str, expected: Verdict) {
    alone(|py| {
        outside(py);
        let module = Module::start(py, source);
        let old = module.get(name);
        let changes = module.rerun(source);
        assert_eq!(
            module.verdict(name, &old, &changes),
            expected,
            "{:?}",
            changes.names
        );
    });
}

#[test]
fn what_another_module_holds_is_new() {
    check_held(
        "import outside\n@outside.strong\ndef f(): pass\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\n@outside.strong\nclass C: pass\n",
        "C",
        Replaced,
    );
    check_held(
        "import outside\nclass C: pass\noutside.strong(C())\n",
        "C",
        Replaced,
    );
    check_held("import outside\nL = []\noutside.strong(L)\n", "L", Replaced);
    check_held(
        "import outside\nL = [[]]\noutside.strong(L[0])\n",
        "L",
        Replaced,
    );
    check_held(
        "import outside\ndef f(x=[]): pass\noutside.strong(f.__defaults__[0])\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\nclass C:\n def m(self): pass\noutside.strong(C.m)\n",
        "C",
        Grafted,
    );
    check_held(
        "import outside\nclass C:\n def m(self): return __class__\noutside.strong(C.m)\n",
        "C",
        Grafted,
    );
}

#[test]
fn what_another_module_watches_is_new() {
    check_held(
        "import outside\n@outside.weak\ndef f(): pass\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\n@outside.weak\nclass C: pass\n",
        "C",
        Replaced,
    );
    check_held(
        "import outside\nclass C: pass\nc = C()\noutside.weak(c)\n",
        "c",
        Replaced,
    );
}

#[test]
fn a_base_of_another_module_keeps_one_subclass() {
    alone(|py| {
        outside(py);
        let source = "import outside\nclass C(outside.Base):\n    def m(self): return super()\n";
        let module = Module::start(py, source);
        let old = module.get("C");
        let changes = module.rerun(source);
        assert_eq!(module.verdict("C", &old, &changes), Kept);
        assert_eq!(module.eval("outside.Base.__subclasses__() == [C]"), "True");
    });
}

#[test]
fn instances_of_before_have_the_new_members() {
    alone(|py| {
        let source = "class C:\n    def m(self): return 1\n";
        let module = Module::start(py, source);
        module.run("held = C()");
        module.rerun("class C:\n    def m(self): return super().__class__, 2\n    def n(self): return 3\nheld = held\n");
        assert_eq!(
            module.eval("held.m()[1], held.n(), isinstance(held, C)"),
            "(2, 3, True)"
        );
    });
}

#[test]
fn an_alias_that_is_added_holds_the_object_that_stays() {
    alone(|py| {
        let module = Module::start(py, "def f(): return 1\n");
        let old = module.get("f");
        let changes = module.rerun("def f(): return 1\ng = f\n");
        assert_eq!(changes.names, ["g"]);
        assert!(module.get("f").is(&old) && module.get("g").is(&old));
    });
}

#[test]
fn a_docstring_is_no_part_of_the_body() {
    for (before, after, unit) in [
        (
            "def f():\n    'a'\n    return 1 + 1\n",
            "def f():\n    'b'\n    return 1 + 1\n",
            false,
        ),
        (
            "def f(x):\n    return x\n",
            "def f(x):\n    'b'\n    return x\n",
            false,
        ),
        (
            "def f():\n    'a'\n    return 'a'\n",
            "def f():\n    'b'\n    return 'b'\n",
            true,
        ),
    ] {
        alone(|py| {
            let module = Module::start(py, before);
            let changes = module.rerun(after);
            assert_eq!(changes.names, ["f"], "{after}");
            assert_eq!(!changes.units.is_empty(), unit, "{after}");
            assert_eq!(module.eval("f.__doc__"), "'b'");
        });
    }
}

#[test]
fn objects_that_were_one_are_not_made_two() {
    alone(|py| {
        let module = Module::start(py, "a = b = []\n");
        let changes = module.rerun("a, b = [], []\n");
        assert!(!changes.names.is_empty());
        assert_eq!(module.eval("a is b"), "False");
        let changes = module.rerun("a = b = []\n");
        assert!(!changes.names.is_empty());
        assert_eq!(module.eval("a is b"), "True");
    });
}

#[test]
fn a_finalizer_of_the_users_does_not_run_for_what_stays() {
    alone(|py| {
        let source = "class C:\n    def __del__(self): LOG.append(1)\nc = C()\n";
        let module = Module::start(py, &format!("LOG = []\n{source}"));
        let old = module.get("c");
        let changes = module.rerun(source);
        assert_eq!(module.verdict("c", &old, &changes), Replaced);
        drop((old, changes));
        assert_eq!(
            module.eval("LOG"),
            "[1]",
            "the old one went, as it does without this"
        );
    });
}

#[test]
fn hostile_values_are_left_alone() {
    let source = "
class H:
    def __eq__(self, other): 1 / 0
    def __hash__(self): return 0
    def __getattribute__(self, name): 1 / 0
    def __reduce__(self): 1 / 0
class M(type):
    def __getattribute__(cls, name): 1 / 0
    def __setattr__(cls, name, value): 1 / 0
class C(metaclass=M): pass
h = H()
s = {H()}
d = {H(): 1}
loop = []
loop.append(loop)
deep = []
for _ in range(5000):
    deep = [deep]
wide = []
for _ in range(30):
    wide = [wide, wide]
";
    alone(|py| {
        let module = Module::start(py, source);
        let changes = module.rerun(source);
        let told: Vec<_> = changes.names.iter().map(String::as_str).collect();
        assert_eq!(told, ["deep", "s"]);
    });
}
