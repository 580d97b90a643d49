"""Random projects whose modules write into each other, and random edits of them.

There are settings `s0` and `s1`, writers `w0` to `w2` that put something into them, and readers `r0` to
`r3` of settings, writers and earlier readers. The entry imports them in this order, so that every reader
finds what the writers have left. Numbers are called `I`.
"""

import random


class Writers:
    """As `worlds.World`: `edit()` is one batch, `files()` is what stands on disk."""

    SETTINGS = ("s0", "s1")
    WRITERS = ("w0", "w1", "w2")
    READERS = ("r0", "r1", "r2", "r3")

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.counter = 0
        self.broken = {}
        self.modules = {}
        for name in (*self.SETTINGS, *self.WRITERS, *self.READERS):
            self.modules[name] = [self.statement(name) for _ in range(self.random.randint(2, 5))]
        imports = [f"import {name}" for name in self.modules]
        self.modules["main"] = [*imports, f"I1 = {self.number()} + r3.I1"]

    def number(self):
        return str(self.random.randint(0, 9))

    def setting(self):
        """A setting that may be there, and one that only writers make."""
        return self.random.choice(self.SETTINGS), self.random.choice(["I1", "I2", "I3", "I4"])

    def read(self, by):
        """Everything is read so that it may be absent: a world that does not run shows nothing. `dir`
        shows what the last writer has left, and so only readers use it."""
        module, name = self.setting()
        if by in self.WRITERS:
            return self.random.choice([f"getattr({module}, '{name}', -1)", "s1.get()"])
        return self.random.choice([
            f"getattr({module}, '{name}', -1)",
            f"{module}.get()",
            f"len([n for n in dir({module}) if n.startswith('I')])",
        ])

    def statement(self, module):
        name = f"I{self.random.randint(1, 3)}"
        if module in self.SETTINGS:
            return f"{name} = {self.number()}"
        if module in self.WRITERS and self.random.random() < 0.8:
            return self.write(module)
        if module in self.WRITERS or self.random.random() < 0.6:
            return f"{name} = {self.read(module)} + {self.number()}"
        earlier = self.READERS[: self.READERS.index(module)] if module in self.READERS else self.READERS
        other = self.random.choice([*self.WRITERS, *earlier])
        return f"import {other}\n{name} = getattr({other}, '{name}', 0) + {self.number()}"

    def write(self, by):
        module, name = self.setting()
        value = self.random.choice([self.number(), self.number(), self.read(by)])
        return self.random.choice([
            f"{module}.{name} = {value}",
            f"setattr({module}, '{name}', {value})",
            f"{module}.set({value} + 1000)",
            f"{module}.add({value} + 1000)",
            f"if hasattr({module}, '{name}'): del {module}.{name}",
            f"{module}.{name} = getattr({module}, '{name}', 0) + 1",
        ])

    def edit(self):
        for _ in range(self.random.choices([1, 2, 3], [6, 2, 1])[0]):
            self.random.choice([self.change, self.change, self.insert, self.remove, self.repair, self.breakage])()

    def change(self):
        name = self.random.choice(list(self.modules)[:-1])
        self.modules[name][self.random.randrange(len(self.modules[name]))] = self.statement(name)

    def insert(self):
        name = self.random.choice(list(self.modules)[:-1])
        self.modules[name].insert(self.random.randint(0, len(self.modules[name])), self.statement(name))

    def remove(self):
        statements = self.modules[self.random.choice(list(self.modules)[:-1])]
        if len(statements) > 1:
            del statements[self.random.randrange(len(statements))]

    def breakage(self):
        self.broken = {self.random.choice(list(self.modules)): self.random.choice(["1 / 0", "def (", "import nowhere"])}

    def repair(self):
        self.broken = {}

    def files(self):
        found = {}
        for name, statements in self.modules.items():
            lines = list(statements)
            if name in self.broken:
                lines.insert(len(lines) // 2, self.broken[name])
            if name in self.SETTINGS:
                functions = "def get(): return globals().get('I1', 0)" if name == "s0" else "def get(): return I2"
                lines = ["I1 = I2 = 0", functions, "def set(x):\n    global I2\n    I2 = x",
                         "def add(x):\n    global I2\n    I2 += x", *lines]
            elif name != "main":
                lines = ["import s0, s1", "I1 = 0", *lines]
            found[f"{name}.py"] = "\n".join(lines) + "\n"
        return found
