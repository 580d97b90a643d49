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
    return not name.startswith("__") or name in ("__doc__", "__annotations__")


def show(value, depth=3):
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        return f"function {value.__module__}.{value.__qualname__} -> {outcome(value)}"
    if isinstance(value, type):
        parts = {k: show(v, depth - 1) for k, v in sorted(vars(value).items()) if not k.startswith("__")} if depth else ""
        bases = [f"{b.__module__}.{b.__qualname__}" for b in value.__mro__]
        return f"class {value.__module__}.{value.__qualname__} {bases} {parts} m() -> {outcome(lambda: value().m())}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} {[show(item, depth - 1) for item in value]}"
    if type(value).__repr__ is object.__repr__:
        same = sys.modules.get(type(value).__module__)
        is_current = getattr(same, type(value).__qualname__, None) is type(value)
        return f"instance of {show(type(value), depth - 1)} current={is_current} {sorted(vars(value))}"
    return f"{type(value).__name__} {value!r}"


def outcome(function):
    """What a call without arguments gives: functions that look alike may do different things."""
    try:
        if inspect.signature(function).parameters:
            return "takes arguments"
        return show(function(), 1)
    except Exception as error:
        return f"raises {type(error).__name__}"
