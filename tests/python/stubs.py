"""Compares the compiled module with the stubs beside it, and prints what differs.

Names, whether each is a function, a class or a property, parameters with their kinds, and the words of
the documentation have to be the same. Types are the stubs' alone.
"""

import ast
import inspect
import pathlib
import re

import hmr
from hmr import _hmr


def words(text):
    """What the text says, in whatever lines."""
    return " ".join(re.sub(r"\s+", " ", text or "").split())


def stub_parameters(function, is_method):
    arguments = function.args
    found = [(a.arg, "positional") for a in arguments.posonlyargs + arguments.args]
    found += [("*" + arguments.vararg.arg, "")] if arguments.vararg else []
    found += [(a.arg, "keyword") for a in arguments.kwonlyargs]
    found += [("**" + arguments.kwarg.arg, "")] if arguments.kwarg else []
    count = len(arguments.args) + len(arguments.posonlyargs)
    optional = {a.arg for a in (arguments.posonlyargs + arguments.args)[count - len(arguments.defaults) :]}
    optional |= {a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    found = [(name, kind, name in optional) for name, kind in found]
    return found[1:] if is_method else found


def real_parameters(function):
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if stars else "keyword" if parameter.kind == parameter.KEYWORD_ONLY else "positional"
        found.append((stars + parameter.name, kind, parameter.default is not parameter.empty))
    return found


def stubs(body, is_class=False):
    """Name -> (kind, parameters, documentation) of what `body` declares."""
    found = {}
    for node in body:
        if getattr(node, "name", "") == "__getattr__":
            # In the compiled class it is a part of `__getattribute__`.
            continue
        if isinstance(node, ast.ClassDef):
            found[node.name] = ("class", stubs(node.body, True), words(ast.get_docstring(node)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(d) for d in node.decorator_list}
            kind = "property" if "property" in decorators else "function"
            parameters = None if kind == "property" else stub_parameters(node, is_class)
            # The last of several overloads has the text; all have the same parameters.
            found[node.name] = (kind, parameters, words(ast.get_docstring(node)))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = ("value", None, "")
    return found


def own_names(thing):
    ignored = {"__doc__", "__module__", "__getattribute__", "__repr__", "__loader__", "__spec__"}
    ignored |= {"__name__", "__package__", "__file__", "__all__"}
    return [name for name in vars(thing) if name not in ignored and not name.startswith("__pyo3")]


def real(thing):
    found = {}
    for name in own_names(thing):
        value = vars(thing)[name]
        if isinstance(value, type):
            parts = real(value)
            if "__new__" in parts:
                parts["__new__"] = ("function", real_parameters(value), words(parts["__new__"][2]))
            found[name] = ("class", parts, words(value.__doc__))
        elif inspect.isgetsetdescriptor(value):
            found[name] = ("property", None, words(value.__doc__))
        elif name == "__new__":
            found[name] = ("function", [], "")
        elif callable(value):
            # What implements an operator says so itself, and nothing of the parameters.
            is_slot = name in ("__call__", "__iter__", "__next__", "__aiter__", "__anext__")
            parameters = None if is_slot else real_parameters(value)
            found[name] = ("function", parameters, "" if is_slot else words(value.__doc__))
        else:
            found[name] = ("value", None, "")
    return found


def compare(where, stub, module):
    differences = []
    for name in sorted(stub.keys() | module.keys()):
        place = f"{where}.{name}"
        if name not in module or name not in stub:
            differences.append(f"{place} is only in {'the stubs' if name in stub else 'the module'}")
            continue
        (kind, parts, text), (other_kind, other_parts, other_text) = stub[name], module[name]
        if kind != other_kind:
            differences.append(f"{place}: a {kind} in the stubs, a {other_kind} in the module")
        elif kind == "class":
            differences += compare(place, parts, other_parts)
        elif other_parts is not None and parts != other_parts:
            differences.append(f"{place}: {parts} in the stubs, {other_parts} in the module")
        if other_text and name != "__new__" and text != other_text:
            differences.append(f"{place}: the stubs say\n  {text}\nthe module\n  {other_text}")
    return differences


path = pathlib.Path(_hmr.__file__).with_name("_hmr.pyi")
differences = compare("_hmr", stubs(ast.parse(path.read_text()).body), real(_hmr))
missing = [name for name in hmr.__all__ if not hasattr(_hmr, name)]
hidden = [name for name in own_names(_hmr) if not name.startswith("_") and name != "main"]
differences += [f"hmr.__all__ lacks {name}" for name in sorted(set(hidden) - set(hmr.__all__))]
print("\n".join(differences) or "the same")
