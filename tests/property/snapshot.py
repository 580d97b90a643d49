"""What a program's modules hold, as text that two processes can compare."""

import inspect
import sys
import types


def snapshot(folder):
    """The public names of every module below `folder`, by module."""
    return {
        name: {key: show(value) for key, value in sorted(vars(module).items()) if public(key)}
        for name, module in sorted(sys.modules.items())
        if str(getattr(module, "__file__", None) or "").startswith(folder)
    }


def public(name):
    return not name.startswith("_") or name in ("__doc__", "__annotations__")


def show(value, depth=3):
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        return f"function {value.__module__}.{value.__qualname__} {show(value.__defaults__, depth - 1)} -> {outcome(value)}"
    if isinstance(value, (classmethod, staticmethod)):
        return f"{type(value).__name__} {show(value.__func__, depth - 1)}"
    if isinstance(value, property):
        return f"property {show(value.fget, depth - 1)}"
    if hasattr(value, "cache_clear"):
        return f"cached {show(value.__wrapped__, depth - 1)} -> {outcome(value)}"
    if isinstance(value, type):
        parts = {k: show(v, depth - 1) for k, v in sorted(vars(value).items()) if not k.startswith("_")} if depth else ""
        bases = [f"{b.__module__}.{b.__qualname__}" for b in value.__mro__]
        uses = [outcome(lambda: getattr(value(), name)()) for name in ("m", "c", "s", "n") if hasattr(value, name)]
        uses += [outcome(lambda: value().p), outcome(lambda: repr(value()) if value.__repr__ is not object.__repr__ else "")]
        inherited = sorted(name for base in value.__mro__[1:-1] for name in vars(base) if not name.startswith("_"))
        return f"class {value.__module__}.{value.__qualname__} {bases} {parts} {inherited} -> {uses}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} {[show(item, depth - 1) for item in value]}"
    if type(value).__repr__ is object.__repr__:
        state = sorted(getattr(value, "__dict__", ()))
        return f"instance of {show(type(value), depth - 1)} current={is_current(type(value))} {state}"
    return f"{type(value).__name__} {value!r} current={is_current(type(value))}"


def is_current(cls):
    """Whether the class is what a reader finds under its name: `isinstance` and pickling rely on it."""
    found = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def outcome(function):
    """What a call without arguments gives: functions that look alike may do different things."""
    try:
        if inspect.signature(function).parameters:
            return "takes arguments"
        return show(function(), 1)
    except Exception as error:
        return f"raises {type(error).__name__}"
