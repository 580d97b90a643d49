"""hot == cold: after any edits, every module holds what a fresh start would give it.

    python tests/property/hot_is_cold.py [--first 0] [--count 50] [--edits 12] [--keep-going]
        [--granularity module|statement] [--cached]

Each seed is a random project and a sequence of random batches of edits; of six seeds one is plain,
one has data files, one has shapes of identity, one changes objects in place, in one modules write into
each other and one reads attributes of classes. After each batch the hot process is compared with
a cold start on the same files: if the cold start fails, the hot one must say that something waits to
be fixed; if it succeeds, nothing may wait and every public value must be the same. No module runs
twice in a batch, but where imports are circular or come to a circle. A failing seed is shrunk and
printed, and belongs into `seeds.txt`, which is run first. With `--cached` functions without arguments
keep their results by `hmr.cache`, in plain worlds and those with data files. `--first 300000` begins with plain worlds
whose imports are circular at the top level.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from worlds import ATTRIBUTES, DATA, MUTABLE, RICH, World
from writers import Writers

HERE = Path(__file__).resolve().parent

#: From this seed on, modules write into each other.
WRITING = 3_000_000

#: How much of a module runs again: an argument for hot workers, if it is not the default.
GRANULARITY = []

#: How many statements did not run again, of all histories.
KEPT = [0]


class Worker:
    def __init__(self, mode, *options):
        command = [sys.executable, str(HERE / "worker.py"), mode, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"the process ended with status {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Wrong(Exception):
    """Hot and cold differ."""


def write(folder, files):
    """Makes the folder hold exactly `files`; returns the paths that this changed."""
    changed = []
    there = {
        str(p.relative_to(folder)): p
        for p in Path(folder).rglob("*")
        if p.is_file() and p.parent.name != "__pycache__"
    }
    for path, p in sorted(there.items()):
        if path not in files:
            p.unlink()
            changed.append(path)
            if p.parent.name == "data" and not any(p.parent.iterdir()):
                p.parent.rmdir()
    for path, text in sorted(files.items()):
        p = Path(folder, path)
        if not p.exists() or p.read_text() != text:
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(text)
            changed.append(path)
    return changed


def imports_of(module, text, modules):
    """The modules that a file imports, at any depth of its code, with the packages around them."""
    package = module if f"{module}.*" in modules else module.rpartition(".")[0]
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in ("import", "from"):
            name = f"{package}{words[1]}" if words[1].startswith(".") else words[1]
            while name:
                yield name
                name = name.rpartition(".")[0]


def in_cycles(files):
    """The modules that import each other in a circle, and those that import one of them: when an edit
    changes the order in which a circle is entered, they may run once more in a batch."""
    names = {path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): text for path, text in files.items()}
    packages = {f"{name}.*" for name in names if any(other.startswith(f"{name}.") for other in names)}
    reach = {name: set(imports_of(name, text, packages)) & set(names) for name, text in names.items()}
    for _ in names:
        reach = {name: found.union(*(reach[other] for other in found)) for name, found in reach.items()}
    circles = {name for name, found in reach.items() if name in found}
    return {"__main__" if name == "main" else name for name, found in reach.items() if found & circles}


def check(hot, cold, files):
    cycles = in_cycles(files)
    runs = [name for name in sorted(set(hot["ran"])) if hot["ran"].count(name) > 1 + (name in cycles)]
    if runs:
        raise Wrong(f"ran more than once: {runs} of {hot['ran']}")
    if cold["failed"]:
        if not hot["pending"]:
            raise Wrong(f"a cold start fails with {cold['failed']}, and nothing is pending")
        return
    if hot["pending"]:
        raise Wrong(f"a cold start succeeds, and these wait: {hot['pending']}: {hot['failed']}")
    for module, names in cold["state"].items():
        if module not in hot["state"]:
            raise Wrong(f"{module} is not loaded")
        there = hot["state"][module]
        for name in sorted({*names, *there}):
            if name not in names and there[name] == f"module {module}.{name}":
                continue  # a submodule that nobody imports any more stays loaded, and stays there
            if names.get(name) != there.get(name):
                raise Wrong(f"{module}.{name}\n   cold {names.get(name)}\n   hot  {there.get(name)}")


def play(history, cold):
    """Runs the states of `history` one after the other; raises `Wrong` with the step's number."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="hot-is-cold-"))
    hot = Worker("hot", *GRANULARITY)
    try:
        for step, files in enumerate(history):
            changed = write(folder, files)
            if step and not changed:
                continue
            try:
                answer = hot.ask(folder if step == 0 else changed)
                KEPT[0] += answer["kept"]
                check(answer, cold.ask(folder), files)
            except Wrong as wrong:
                raise Wrong(f"at step {step} (wrote {', '.join(changed)}): {wrong}") from None
    finally:
        hot.close()
        shutil.rmtree(folder, ignore_errors=True)


def history_of(seed, edits, is_cached=False):
    world = Writers(seed) if WRITING <= seed < ATTRIBUTES else World(seed)
    history = [world.files()]
    for _ in range(edits):
        world.edit()
        history.append(world.files())
    return [with_caches(files) for files in history] if is_cached else history


def with_caches(files):
    """The same with `hmr.cache` around every top-level function that takes nothing."""
    changed = dict(files)
    for path, text in files.items():
        cached = re.sub(r"^(?=def \w+\(\):)", "@hmr.cache\n", text, flags=re.MULTILINE)
        if path.endswith(".py") and cached != text:
            changed[path] = f"import hmr\n{cached}"
    return changed


def shrink(history, cold):
    """A shorter history that is wrong in the same way: fewer steps, then fewer lines."""
    kind = None

    def wrong(candidate):
        try:
            play(candidate, cold)
        except Wrong as found:
            return str(found) if kind in (None, kind_of(str(found))) else None
        return None

    best, text = history, wrong(history)
    kind = kind_of(text) if text else None
    if text is None:
        return history, "it did not happen again"
    smaller = True
    while smaller:
        smaller = False
        for index in range(len(best) - 1, -1, -1):
            candidate = best[:index] + best[index + 1 :]
            if len(candidate) > 1 and (found := wrong(candidate)):
                best, text, smaller = candidate, found, True
        for path in sorted({path for files in best for path in files} - {"main.py"}):
            candidate = [{p: t for p, t in files.items() if p != path} for files in best]
            if found := wrong(candidate):
                best, text, smaller = candidate, found, True
        for line in sorted({(p, l) for files in best for p, t in files.items() for l in t.splitlines()}):
            path, gone = line
            candidate = [
                {p: "\n".join(l for l in t.splitlines() if p != path or l != gone) + "\n" for p, t in files.items()}
                for files in best
            ]
            if found := wrong(candidate):
                best, text, smaller = candidate, found, True
    return best, text


def kind_of(text):
    """What went wrong, without names: `ran more than once`, `a cold start fails with`, ..."""
    said = text.split("): ", 1)[-1]
    return " ".join(said.split()[:4]) if said[0].islower() else "a value"


def show(history):
    before = {}
    for step, files in enumerate(history):
        print(f"--- step {step}")
        for path in sorted({*before, *files}):
            if before.get(path) != files.get(path):
                print(f"# {path}\n{files.get(path, '(deleted)')}")
        before = files


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--edits", type=int, default=12)
    parser.add_argument("--keep-going", action="store_true", help="show every failing seed, shrink none")
    parser.add_argument("--granularity", choices=["module", "statement"], default="module")
    parser.add_argument("--cached", action="store_true", help="put hmr.cache around functions")
    options = parser.parse_args()
    if options.granularity != "module":
        GRANULARITY.append(options.granularity)
    kept = [int(line.split()[0]) for line in (HERE / "seeds.txt").read_text().splitlines() if line[:1].isdigit()]
    # Of every six worlds one is plain, one has data files, one has shapes of identity, in one statements
    # change what others have made, in one modules write into each other, in one they read attributes of
    # classes.
    kinds = (0, DATA, RICH, MUTABLE, WRITING, ATTRIBUTES)
    numbers = range(options.first, options.first + options.count)
    seeds = [*kept, *(number // 6 + kinds[number % 6] for number in numbers)]
    if options.cached:
        # What such a function returns is the same object each time: others may not change it.
        seeds = [seed for seed in seeds if seed < RICH or DATA <= seed < MUTABLE]
    cold = Worker("cold")
    failed = []
    for seed in seeds:
        history = history_of(seed, options.edits, options.cached)
        try:
            play(history, cold)
        except Wrong as wrong:
            failed.append(seed)
            print(f"seed {seed}: {wrong}", flush=True)
            if len(failed) == 1 and not options.keep_going:
                small, text = shrink(history, cold)
                print(f"\nshrunk: {text}")
                show(small)
            if not options.keep_going:
                break
    print(f"test result: {'FAILED' if failed else 'ok'}. {len(seeds) - len(failed)} passed; {len(failed)} failed")
    if GRANULARITY:
        print(f"statements that did not run again: {KEPT[0]}")
    if failed:
        print(f"seeds: {failed}")
    cold.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
