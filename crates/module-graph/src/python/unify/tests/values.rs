//! What edits make of instances, containers and what holds definitions.

use super::{Grafted, Kept, Patched, Replaced, Shape, check_shape, shapes};

shapes! {
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
