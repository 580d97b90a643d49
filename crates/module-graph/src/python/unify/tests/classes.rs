//! What edits make of classes.

use super::{Grafted, Patched, Replaced, Shape, check_shape, shapes};

shapes! {
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

    decorated_class_that_a_collection_saw: "P", "
import gc
from dataclasses import dataclass
def old(cls):
    gc.collect()
    return cls
@dataclass(slots=True)
@old
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
}
