"""Random projects and random edits of them.

A world is a set of modules, each a list of statements. Names tell their kind: `I1` is a number, `L1`
a list, `F1` a function without arguments that returns a number, `K1` a class that can be created
without arguments and has a number `A` and a method `m()`. So a random statement can use any name
that is in sight, and most worlds run; those that do not must fail hot as they fail cold.
"""

import random


#: From this seed on, modules also import those that import them, at the top level.
CIRCULAR = 100_000


class World:
    """Modules and the statements in them; `files()` is what stands on disk."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.is_circular = seed >= CIRCULAR
        self.modules = {}
        self.broken = {}
        self.counter = 0
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

    def names_of(self, module, kind=""):
        names = []
        for statement in self.modules.get(module, []):
            for line in statement.splitlines():
                word = line.split("(")[0].split(":")[0].split()
                if line.startswith(("def ", "class ")):
                    names.append(word[1])
                elif " = " in line and line[0] in "ILFK":
                    names.append(word[0])
        return [name for name in names if name.startswith(kind)]

    # Statements.

    def statement(self, here, earlier):
        if self.is_circular and self.random.random() < 0.2:
            return self.circular(here, earlier)
        make = self.random.choices(
            [self.number, self.list, self.function, self.klass, self.read, self.from_import, self.late,
             self.conditional, self.star, self.decorated, self.optional, self.instance],
            [5, 2, 4, 2, 4, 4, 1, 2, 1, 1, 1, 1],
        )[0]
        return make(here, earlier)

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
        return f"I{self.fresh('o')} = {self.random.choice(classes)}()"

    # Edits.

    def edit(self):
        """One batch: one to three edits at once."""
        for _ in range(self.random.choices([1, 2, 3], [6, 2, 1])[0]):
            edit = self.random.choices(
                [self.change, self.insert, self.remove, self.comment, self.breakage, self.repair,
                 self.delete_module, self.new_module, self.toggle_optional, self.revalue],
                [4, 2, 2, 1, 1, 3, 1, 1, 1, 8],
            )[0]
            edit()

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
        found = {}
        for module, statements in self.modules.items():
            path = module.replace(".", "/")
            if module in ("pa", "pb"):
                path += "/__init__"
            lines = list(statements)
            if module in self.broken:
                lines.insert(len(lines) // 2, self.broken[module])
            found[path + ".py"] = "\n".join(lines) + "\n"
        return found
