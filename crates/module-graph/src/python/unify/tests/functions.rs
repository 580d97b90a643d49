//! What edits make of functions, decorated and closed over.

use super::{Grafted, Patched, Replaced, Shape, check_shape, shapes};

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
}
