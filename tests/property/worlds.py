"""Random projects and random edits of them.

A world is a set of modules, each a list of statements. Names tell their kind: `I1` is a number, `L1`
a list, `F1` a function without arguments that returns a number, `K1` a class that can be created
without arguments and has a number `A` and a method `m()`. So a random statement can use any name
that is in sight, and most worlds run; those that do not must fail hot as they fail cold.

A seed below `RICH` makes what it made when it was written down. Worlds of seeds from `RICH` on have more
shapes whose identity matters: properties, dataclasses, enumerations, closures, registries, objects
that another module keeps, and edits inside of them. Those from `DATA` on have data files instead,
`data/d0` to `data/d3` beside the modules and in each package. Modules read them, list the folder and
ask whether they are there. In those from `MUTABLE` on, statements change objects that others of their
module have made, under whatever name; modules use nothing but numbers of each other. In those from
`ATTRIBUTES` on, which have the shapes of `RICH` too, modules read single attributes of each other's
classes, and pass classes on. From `DEEP` on, counted from where their kind begins, worlds with shapes and
with data have cached functions that come to what they use through functions of other modules.
"""

import random
import re

RICH = 200_000
DATA = 1_000_000
MUTABLE = 2_000_000
ATTRIBUTES = 4_000_000
DEEP = 8_000


#: From this seed on, modules also import those that import them, at the top level.
CIRCULAR = 100_000


class World:
    """Modules and the statements in them; `files()` is what stands on disk."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.is_circular = CIRCULAR <= seed < RICH
        self.attributes = seed >= ATTRIBUTES
        self.rich = RICH <= seed < DATA or self.attributes
        self.modules = {}
        self.broken = {}
        self.counter = 0
        self.has_data = DATA <= seed < MUTABLE
        self.mutable = MUTABLE <= seed < ATTRIBUTES
        self.deep = seed >= RICH and seed % RICH >= DEEP
        self.data = {}
        if self.has_data:
            for _ in range(4):
                self.edit_data()
        for _ in range(self.random.randint(2, 7)):
            self.add_module()
        self.modules["main"] = self.imports_of_all()

    # Names and modules.

    def fresh(self, kind):
        self.counter += 1
        return f"{kind}{self.counter}"

    def add_module(self):
        in_package = self.random.random() < 0.3
        name = self.fresh("m")
        if in_package:
            package = self.random.choice([p for p in ("pa", "pb")])
            if package not in self.modules:
                self.modules[package] = []
            name = f"{package}.{name}"
        earlier = [module for module in self.modules if module not in ("main", name)]
        statements = []
        for _ in range(self.random.randint(2, 7)):
            statements.append(self.statement(statements, earlier))
        self.modules[name] = statements
        if in_package and self.random.random() < 0.6:
            self.modules[package].append(f"from .{name.split('.')[1]} import *")
        return name

    def imports_of_all(self):
        lines = []
        for module in self.modules:
            if module == "main":
                continue
            names = self.names_of(module)
            if names and self.random.random() < 0.6:
                lines.append(f"from {module} import {self.random.choice(names)} as {self.fresh('x')}")
            else:
                lines.append(f"import {module}")
        lines.append(self.statement(lines, [m for m in self.modules if m != "main"]))
        return lines

    def names_in(self, here, kind):
        return re.findall(rf"^({kind}\d+) = ", "\n".join(here), re.MULTILINE)

    def names_of(self, module, kind=""):
        names = []
        for statement in self.modules.get(module, []):
            for line in statement.splitlines():
                word = line.split("(")[0].split(":")[0].split()
                if line.startswith(("def ", "class ")):
                    names.append(word[1])
                elif " = " in line and line[0] in "ILFK":
                    names.append(word[0])
                elif self.attributes and line.startswith("from ") and " as K" in line:
                    names.append(line.split()[-1])
        return [name for name in names if name.startswith(kind) and name[0] != "_"]

    # Statements.

    def statement(self, here, earlier):
        if self.has_data and self.random.random() < 0.25:
            return self.data_statement(here, earlier)
        if self.is_circular and self.random.random() < 0.2:
            return self.circular(here, earlier)
        if self.mutable:
            kinds = {self.number: 4, self.list: 4, self.function: 2, self.klass: 2, self.decorated: 1,
                     self.conditional: 1, self.instance: 2, self.number_of_another: 3, self.mutation: 14,
                     self.registry: 1, self.cached: 1, self.enumeration: 1}
            return self.random.choices(list(kinds), list(kinds.values()))[0](here, earlier)
        if self.deep and self.random.random() < 0.2:
            return self.deeply_cached(here, earlier)
        kinds = {self.number: 5, self.list: 2, self.function: 4, self.klass: 2, self.read: 4, self.from_import: 4,
                 self.late: 1, self.conditional: 2, self.star: 1, self.decorated: 1, self.optional: 1, self.instance: 1}
        if self.rich:
            kinds |= {self.rich_class: 3, self.dataclass: 2, self.enumeration: 1, self.closure: 1, self.registry: 1,
                      self.subclass: 2, self.held: 2, self.cached: 1, self.instance: 2}
        if self.attributes:
            kinds |= {self.attribute_class: 8, self.attribute_read: 14, self.passed_on: 4}
        return self.random.choices(list(kinds), list(kinds.values()))[0](here, earlier)

    def local(self, here, kind):
        return [line.split()[0 if kind in "IL" else 1].split("(")[0].rstrip(":")
                for text in here for line in text.splitlines()
                if line.startswith((kind, "def F", "class K")) and f" {kind}" in " " + line.split("(")[0]]

    def value(self, here):
        numbers, functions = self.local(here, "I"), self.local(here, "F")
        options = [str(self.random.randint(0, 9))]
        if numbers:
            options.append(f"{self.random.choice(numbers)} + {self.random.randint(0, 3)}")
        if functions:
            options.append(f"{self.random.choice(functions)}()")
        return self.random.choice(options)

    def number(self, here, earlier):
        return f"{self.fresh('I')} = {self.value(here)}"

    def list(self, here, earlier):
        return f"{self.fresh('L')} = [{self.value(here)}, {self.random.randint(0, 5)}]"

    def function(self, here, earlier):
        return f"def {self.fresh('F')}():\n    return {self.value(here)}"

    def klass(self, here, earlier):
        bases = self.local(here, "K")
        base = f"({self.random.choice(bases)})" if bases and self.random.random() < 0.4 else ""
        return (f"class {self.fresh('K')}{base}:\n    A = {self.value(here)}\n"
                f"    def m(self):\n        return {self.value(here)}")

    def pick(self, earlier, kind=""):
        options = [(m, n) for m in earlier for n in self.names_of(m, kind)]
        return self.random.choice(options) if options else None

    def read(self, here, earlier):
        found = self.pick(earlier, self.random.choice("IFK"))
        if not found:
            return self.number(here, earlier)
        module, name = found
        use = {"I": "", "F": "()", "K": self.random.choice([".A", "().m()"])}[name[0]]
        return f"import {module}\n{self.fresh('I')} = {module}.{name}{use} + {self.random.randint(0, 2)}"

    def from_import(self, here, earlier):
        found = self.pick(earlier)
        if not found:
            return self.number(here, earlier)
        module, name = found
        alias = self.fresh(name[0])
        if name[0] == "F":
            return f"from {module} import {name} as {alias.lower()}\ndef {alias}():\n    return {alias.lower()}() + 1"
        if name[0] == "K":
            return f"from {module} import {name} as {alias.lower()}\nclass {alias}({alias.lower()}):\n    B = {alias.lower()}.A"
        return f"from {module} import {name} as {alias.lower()}\n{alias} = {alias.lower()}"

    def late(self, here, earlier):
        """A function that imports when called; circular imports are written so."""
        found = self.pick([m for m in self.modules if m != "main"], "I")
        if not found:
            return self.number(here, earlier)
        module, name = found
        function = self.fresh("F")
        return f"def {function}():\n    import {module}\n    return {module}.{name}"

    def circular(self, here, earlier):
        """An import of any module: what it has bound so far is what a circle shows."""
        others = [m for m in self.modules if m != "main"]
        if not others:
            return self.number(here, earlier)
        module = self.random.choice(others)
        names = self.names_of(module, "I") + self.names_of(module, "L")
        if not names or self.random.random() < 0.5:
            return f"import {module}"
        name, alias = self.random.choice(names), self.fresh("I")
        return f"try:\n    from {module} import {name} as {alias}\nexcept ImportError:\n    {alias} = -1"

    def conditional(self, here, earlier):
        test = self.value(here)
        yes, no = self.fresh("I"), self.fresh("I")
        return f"if ({test}) % 2:\n    {yes} = 1\nelse:\n    {no} = 2"

    def star(self, here, earlier):
        options = [m for m in earlier if self.names_of(m)]
        return f"from {self.random.choice(options)} import *" if options else self.number(here, earlier)

    def decorated(self, here, earlier):
        wrap, name = self.fresh("w"), self.fresh("F")
        return (f"def {wrap}(f):\n    def inner():\n        return f() + {self.random.randint(0, 3)}\n    return inner\n"
                f"@{wrap}\ndef {name}():\n    return {self.value(here)}")

    def optional(self, here, earlier):
        name = self.fresh("I")
        return f"try:\n    import opt{self.random.randint(0, 1)} as o\n    {name} = o.I0\nexcept ImportError:\n    {name} = -1"

    def instance(self, here, earlier):
        classes = self.local(here, "K")
        if not classes:
            return self.klass(here, earlier)
        # Plain worlds take the object for a number now and then, and fail.
        name = self.fresh("o") if self.rich or self.mutable else f"I{self.fresh('o')}"
        return f"{name} = {self.random.choice(classes)}()"

    # Statements that change objects of their own module.

    def number_of_another(self, here, earlier):
        found = self.pick(earlier, "I")
        if not found:
            return self.list(here, earlier)
        module, name = found
        return self.random.choice([
            f"from {module} import {name} as {self.fresh('i')}",
            f"import {module}\n{self.fresh('L')} = [{module}.{name}]",
            f"import {module}\n{self.fresh('I')} = {module}.{name}",
        ])

    def mutation(self, here, earlier):
        """What others look at changes nothing: functions and objects that do are private."""
        lists, objects, classes = self.names_in(here, "L"), self.names_in(here, "_o"), self.local(here, "K")
        if not lists:
            return self.list(here, earlier)
        private = re.findall(r"^(?:def|class) (_[fk]\d+)", "\n".join(here), re.MULTILINE)
        value, one, other = self.value(here), self.random.choice(lists), self.random.choice(lists)
        number, new = self.fresh("I"), self.fresh("L")
        options = [
            f"({one}).append({value})",
            f"({one})[0] = {value}",
            f"({one})[:] = [{value}]",
            f"({one}).append(len({other}))",
            f"for each in tuple({one}):\n    ({other}).append(each)",
            f"{new} = {one}",
            f"{new} = [len({one}), {value}]",
            f"{new} = list({one})",
            f"{number} = len({one})",
            f"{number} = len({one}) + {value}",
            f"{new} = {{'a': {one}}}['a']",
            f"del ({one})[1:]",
            f"def {self.fresh('_f')}(kept={one}):\n    kept.append({value})\n    return len(kept)",
        ]
        options += [
            f"def {self.fresh('_f')}():\n    {one}.append({value})\n    return len({other})",
            f"class {self.fresh('_k')}:\n    A = {value}\n    held = {one}\n    def __call__(self=None):\n        {other}.append({value})\n"
            f"        return len({one})",
            f"class {self.fresh('_k')}:\n    A = {value}\n    def __init__(self):\n        {one}.append({value})\n"
            f"    def __call__(self):\n        self.A += 1\n        return self.A",
        ] * 2
        for name in private:
            made = name if name[1] == "f" else f"{name}()"
            options += [f"({name})()", f"{number} = {made}()", f"{self.fresh('_o')} = {made}",
                        f"({one}).append({made}())"]
        for name in classes:
            options += [f"({name}).A = {value}", f"{number} = {name}.A"]
        for name in objects:
            options += [f"({name}).A = {value}", f"{number} = {name}.A", f"{number} = {name}()", f"({name})()",
                        f"{self.fresh('_o')} = {name}"]
        return self.random.choice(options)

    # Classes and objects whose identity others hold.

    def rich_class(self, here, earlier):
        """Properties, class and static methods, `super()`, a mutable attribute; each may be missing."""
        bases = self.local(here, "K")
        base = self.random.choice(bases) if bases and self.random.random() < 0.5 else ""
        inherited = "super().m() + " if base else ""
        parts = [
            f"    A = {self.value(here)}",
            f"    @property\n    def p(self):\n        return {self.value(here)}",
            f"    @classmethod\n    def c(cls):\n        return cls.__name__, {self.value(here)}",
            f"    @staticmethod\n    def s():\n        return {self.value(here)}",
            f"    items = [{self.value(here)}]",
            f"    class Inner:\n        A = {self.value(here)}\n        def m(self):\n            return {self.value(here)}",
            f"    def n(self, x={self.value(here)}):\n        return __class__.__name__, x",
        ]
        parts = [part for part in parts if part.startswith("    A") or self.random.random() < 0.5]
        parts.append(f"    def m(self):\n        return {inherited}{self.value(here)}")
        return f"class {self.fresh('K')}{f'({base})' if base else ''}:\n" + "\n".join(parts)

    def dataclass(self, here, earlier):
        fields = "".join(f"    {name}: int = {self.value(here)}\n" for name in "xyz" if self.random.random() < 0.6)
        options = self.random.choice(["", "(frozen=True)", "(order=True)", "(slots=True)"])
        attribute = "A: typing.ClassVar" if self.random.random() < 0.5 else "A"
        return (f"import dataclasses, typing\n@dataclasses.dataclass{options}\nclass {self.fresh('K')}:\n{fields}"
                f"    {attribute} = {self.value(here)}\n    def m(self):\n        return {self.value(here)}")

    def enumeration(self, here, earlier):
        name = self.fresh("E")
        members = "".join(f"    {member} = {number}\n" for number, member in enumerate("ABCD") if self.random.random() < 0.7)
        return (f"import enum\nclass {name}(enum.Enum):\n    Z = {self.random.randint(10, 12)}\n{members}"
                f"    def m(self):\n        return {self.value(here)}\n"
                f"{self.fresh('L')} = [m.m() for m in {name}]\n{self.fresh('o')} = {name}.Z")

    def closure(self, here, earlier):
        make, pair, name = self.fresh("make"), self.fresh("pair"), self.fresh("F")
        return (f"def {make}(start):\n    n = start\n    def bump(by):\n        nonlocal n\n        n += by + {self.random.randint(1, 2)}\n"
                f"    def get():\n        return n\n    return bump, get\n"
                f"{pair} = {make}({self.value(here)})\n{pair}[0]({self.value(here)})\n"
                f"def {name}():\n    return {pair}[1]()")

    def registry(self, here, earlier):
        """A registry that its own module rebuilds."""
        table, first, second = self.fresh("R"), self.fresh("F"), self.fresh("F")
        return (f"{table} = []\ndef {table}_add(f):\n    {table}.append(f)\n    return f\n"
                f"@{table}_add\ndef {first}():\n    return {self.value(here)}\n"
                f"@{table}_add\ndef {second}():\n    return {self.value(here)}\n"
                f"{self.fresh('L')} = [f() for f in {table}]")

    def subclass(self, here, earlier):
        """A class whose base another module defines, and an object of it."""
        found = self.pick(earlier, "K")
        if not found:
            return self.rich_class(here, earlier)
        module, base = found
        name = self.fresh("K")
        return (f"import {module}\nclass {name}({module}.{base}):\n    B = {self.value(here)}\n"
                f"    def m(self):\n        return super().m() + {self.value(here)}\n"
                f"{self.fresh('o')} = {name}()\n{self.fresh('I')} = {name}().m() + {name}.A")

    def held(self, here, earlier):
        """Another module's object, kept here and used."""
        found = self.pick(earlier, self.random.choice("FK"))
        if not found:
            return self.closure(here, earlier)
        module, name = found
        use = "()" if name[0] == "F" else "().m()"
        alias = self.fresh("x")
        return (f"from {module} import {name} as {alias}\n{self.fresh('L')} = [{alias}]\n"
                f"def {self.fresh('F')}(kept={alias}):\n    return kept{use}\n{self.fresh('I')} = {alias}{use}")

    def cached(self, here, earlier):
        name = self.fresh("F")
        return (f"import functools\n@functools.lru_cache(maxsize=None)\ndef {name}():\n    return {self.value(here)}\n"
                f"{self.fresh('I')} = {name}()")

    def deeply_cached(self, here, earlier):
        """A cached function that uses what others have, behind a function or not, and maybe data."""
        name, lines, uses = self.fresh("F"), ["import functools"], [self.value(here)]
        for kind in self.random.choices("IFFK", k=2):
            if found := self.pick(earlier, kind):
                module, other = found
                lines.append(f"import {module}")
                uses.append(f"{module}.{other}" + {"I": "", "F": "()", "K": "().m()"}[kind])
        if self.has_data and self.random.random() < 0.5:
            path = f"__file__[:-len(__name__.split('.')[-1]) - 3] + 'data/d{self.random.randint(0, 3)}'"
            uses.append(f"(len(open({path}).read()) if __import__('os').path.exists({path}) else -1)")
        cached = [f"@functools.cache\ndef {name}():\n    return {' + '.join(uses)}"]
        if self.random.random() < 0.7:
            cached.append(f"{self.fresh('I')} = {name}()")
        else:
            cached.append(f"def {self.fresh('F')}():\n    return {name}() + 1\n{self.fresh('I')} = {name}()")
        return "\n".join(lines + cached)

    # Attributes of classes that other modules read.

    def attribute_line(self, name, here):
        return f"    {name} = " + self.random.choice([self.value(here)] * 4 + [
            f"'text', {self.random.randint(0, 3)}", f"[{self.random.randint(0, 3)}]", "property(lambda self: 1)"])

    def attribute_class(self, here, earlier):
        """A class with some of four attributes; a base may have others."""
        bases, elsewhere = self.local(here, "K"), self.pick(earlier, "K")
        imported, base = "", ""
        if bases and self.random.random() < 0.3:
            base = f"({self.random.choice(bases)})"
        elif elsewhere and self.random.random() < 0.4:
            imported, base = f"import {elsewhere[0]}\n", f"({elsewhere[0]}.{elsewhere[1]})"
        lines = [self.attribute_line(name, here) for name in "abcd" if self.random.random() < 0.6]
        return "\n".join([f"{imported}class {self.fresh('K')}{base}:", f"    A = {self.value(here)}", *lines,
                          f"    def m(self):\n        return {self.value(here)}"])

    def attribute_read(self, here, earlier):
        found = self.pick(earlier, "K")
        if not found:
            return self.attribute_class(here, earlier)
        module, name = found
        attribute = self.random.choice("Aabcd")
        alias, value, function = self.fresh("k"), self.fresh("L"), self.fresh("F")
        imported, known = self.random.choice([
            (f"from {module} import {name} as {alias}", alias),
            (f"import {module}", f"{module}.{name}"),
        ])
        read = f"{known}.{attribute}"
        return self.random.choice([
            f"{imported}\ntry:\n    {value} = [{read}]\nexcept AttributeError:\n    {value} = []",
            f"{imported}\n{value} = [{known}.A, hasattr({known}, '{attribute}')]",
            f"{imported}\n{value} = [{known}.A]",
            f"{imported}\ndef {function}():\n    return {known}.A\n{value} = [{function}()]",
            f"{imported}\ndef {function}():\n    return {known}.A",
            f"{imported}\ndef {function}(k):\n    return k.A\n{value} = [{function}({known})]",
            f"{imported}\n{value} = [{known}.A, {known}().m()]",
            f"{imported}\n{self.fresh('o')} = {known}()\n{value} = [{known}.A]",
        ])

    def passed_on(self, here, earlier):
        found = self.pick(earlier, "K")
        if not found:
            return self.attribute_class(here, earlier)
        module, name = found
        return f"from {module} import {name} as {self.fresh('K')}"

    def reattribute(self):
        """One attribute of a class is another one, comes or goes."""
        places = [(m, i) for m in self.modules for i, s in enumerate(self.modules[m]) if "    A = " in s]
        if not places:
            return
        module, index = self.random.choice(places)
        lines = self.modules[module][index].split("\n")
        first = next(i for i, line in enumerate(lines) if line.startswith("    A = "))
        name = self.random.choice("abcd")
        there = [i for i, line in enumerate(lines) if line.startswith(f"    {name} = ")]
        line = self.attribute_line(name, [])
        if not there:
            lines.insert(first + 1, line)
        elif self.random.random() < 0.2:
            del lines[there[0]]
        else:
            lines[there[0]] = line
        self.modules[module][index] = "\n".join(lines)

    # Statements about data files.

    def data_statement(self, here, earlier):
        name = f"d{self.random.randint(0, 3)}"
        os = "__import__('os')"
        folder = f"{os}.path.join({os}.path.dirname(__file__), 'data')"
        path = f"{os}.path.join({folder}, '{name}')"
        value = self.fresh("I")
        return self.random.choice([
            f"{value} = int(open({path}).read())",
            f"try:\n    {value} = int(open({path}).read())\nexcept OSError:\n    {value} = -1",
            f"{value} = {os}.path.exists({path})",
            f"{value} = __import__('pathlib').Path({path}).is_file()",
            f"{value} = {os}.path.isdir({folder})",
            f"{value} = int(open({path}).read()) if {os}.path.exists({path}) else -1",
            f"{self.fresh('L')} = sorted({os}.listdir({folder})) if {os}.path.isdir({folder}) else []",
            f"{self.fresh('L')} = sorted(__import__('glob').glob('d*', root_dir={folder}))",
            f"def {self.fresh('F')}():\n    return int(open({path}).read()) if {os}.path.exists({path}) else -1",
        ])

    # Edits.

    def edit_data(self):
        """A data file is written, or goes."""
        path = f"{self.random.choice(['', '', 'pa/', 'pb/'])}data/d{self.random.randint(0, 3)}"
        if self.random.random() < 0.3:
            self.data.pop(path, None)
        else:
            self.data[path] = self.random.choice([str(self.random.randint(0, 9))] * 9 + ["no number"])

    def edit(self):
        """One batch: one to three edits at once."""
        kinds = {self.change: 4, self.insert: 2, self.remove: 2, self.comment: 1, self.breakage: 1, self.repair: 3,
                 self.delete_module: 1, self.new_module: 1, self.toggle_optional: 1, self.revalue: 8}
        if self.mutable:
            kinds |= {self.repair: 12, self.insert: 6, self.move: 4, self.change: 6, self.regrow: 4}
        if self.rich:
            # Edits inside of definitions, and few that break what others use: a world that does not
            # run shows nothing.
            kinds |= {self.regrow: 24, self.prune: 12, self.insert: 8, self.revalue: 16, self.repair: 12,
                      self.comment: 3}
        if self.attributes:
            kinds |= {self.reattribute: 40}
        for _ in range(self.random.choices([1, 2, 3], [6, 2, 1])[0]):
            if self.has_data and self.random.random() < 0.4:
                self.edit_data()
                continue
            self.random.choices(list(kinds), list(kinds.values()))[0]()

    def some_module(self):
        return self.random.choice([m for m in self.modules])

    def earlier_than(self, module):
        modules = list(self.modules)
        return [m for m in modules[: modules.index(module)] if m != "main"]

    def revalue(self):
        """Another number in an existing statement: the edit that people make most."""
        module = self.some_module()
        statements = self.modules[module]
        places = [i for i, s in enumerate(statements) if any(c.isdigit() for c in s.split("=")[-1][-2:])]
        if places:
            place = self.random.choice(places)
            text = statements[place].rstrip("]")
            end = "]" * (len(statements[place]) - len(text))
            head = text.rstrip("0123456789")
            if head.endswith((" ", "+ ")):
                statements[place] = head + str(self.random.randint(0, 9)) + end

    def regrow(self):
        """Another number anywhere inside a statement of several lines: in a body, a default, a member."""
        places = [(m, i) for m in self.modules for i, s in enumerate(self.modules[m]) if s.count("\n") > 1]
        if not places:
            return
        module, index = self.random.choice(places)
        lines = self.modules[module][index].split("\n")
        ends = [i for i, line in enumerate(lines) if line[-1:].isdigit() and ("= " in line or "return " in line)]
        if ends:
            place = self.random.choice(ends)
            head = lines[place].rstrip("0123456789")
            if head.endswith((" ", "=")):
                lines[place] = head + str(self.random.randint(0, 9))
                self.modules[module][index] = "\n".join(lines)

    def prune(self):
        """One member less in a class, or one more."""
        places = [(m, i) for m in self.modules for i, s in enumerate(self.modules[m]) if "class K" in s]
        if not places:
            return
        module, index = self.random.choice(places)
        text = self.modules[module][index]
        extra = f"\n    def extra{self.random.randint(0, 2)}(self):\n        return {self.random.randint(0, 9)}"
        head, found, rest = text.partition("\n    def extra")
        if found:
            lines = rest.split("\n")
            self.modules[module][index] = "\n".join([head, *lines[2:]])
        elif text.split("\n")[-1].startswith("        return"):
            self.modules[module][index] = text + extra

    def change(self):
        module = self.some_module()
        statements = self.modules[module]
        if statements:
            place = self.random.randrange(len(statements))
            statements[place] = self.statement(statements[:place], self.earlier_than(module))

    def insert(self):
        module = self.some_module()
        statements = self.modules[module]
        place = self.random.randint(0, len(statements))
        statements.insert(place, self.statement(statements[:place], self.earlier_than(module)))

    def remove(self):
        statements = self.modules[self.some_module()]
        if len(statements) > 1:
            del statements[self.random.randrange(len(statements))]

    def move(self):
        """A statement that binds no name stands elsewhere."""
        statements = self.modules[self.some_module()]
        places = [index for index, statement in enumerate(statements) if statement.startswith("(")]
        if places:
            moved = statements.pop(self.random.choice(places))
            statements.insert(self.random.randint(0, len(statements)), moved)

    def comment(self):
        statements = self.modules[self.some_module()]
        statements.insert(self.random.randint(0, len(statements)), self.random.choice(["# a comment", ""]))

    def breakage(self):
        self.broken[self.some_module()] = self.random.choice(["1 / 0", "def (", "import nowhere", "raise KeyError(1)"])

    def repair(self):
        self.broken.clear()

    def delete_module(self):
        options = [m for m in self.modules if m not in ("main", "pa", "pb")]
        if len(options) > 2:
            del self.modules[self.random.choice(options)]

    def new_module(self):
        main = self.modules.pop("main")
        name = self.add_module()
        self.modules["main"] = main
        main.insert(0, f"import {name}")

    def toggle_optional(self):
        name = f"opt{self.random.randint(0, 1)}"
        if name in self.modules:
            del self.modules[name]
        else:
            self.modules = {name: [f"I0 = {self.random.randint(0, 9)}"], **self.modules}

    def files(self):
        found = dict(self.data)
        for module, statements in self.modules.items():
            path = module.replace(".", "/")
            if module in ("pa", "pb"):
                path += "/__init__"
            lines = list(statements)
            if module in self.broken:
                lines.insert(len(lines) // 2, self.broken[module])
            found[path + ".py"] = "\n".join(lines) + "\n"
        return found
