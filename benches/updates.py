"""Function-level updates beside their peers: jurigged, IPython's autoreload and the pure-Python `hmr`.

    cargo build --release -p hmr-cli && python3 benches/updates.py [--out docs/benchmarks/updates.md]

A function's body is edited in a program of 10 modules, and in one of 10,000 modules and a million live
objects, where no module's run has executed the function. Time is from the start of the save to the
moment at which a loop in the program, which looks every 0.2 ms, is given the new result. All programs
run at once; only the one whose turn it is is not stopped.

The peers come from PyPI into environments below target/. `--python` must be the interpreter that
target/release/hmr embeds; jurigged and IPython run on it too. The package `hmr` needs a newer one:
`--newer`. `--hmr` is another command that starts hmr.
"""

import argparse
import json
import os
import queue
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from engine import Failed, Session, absolute, environment, layered, module, project

ROOT = Path(__file__).resolve().parent.parent

# Seconds that a program may take to start, and an effect to come.
START, EFFECT = 120, 10

# How long to look whether something runs that should not: more than any peer waits for the end of a save.
QUIET = 1

SIDES = ["hmr", "jurigged", "autoreload", "pure-Python hmr"]

# What the loop in each program does, in a thread if the reloader waits for the end of the entry.
LOOK = """
import json, threading, time
def look_on(between=lambda: None):
    last = None
    while True:
        between()
        now = look()
        if now != last:
            last = now
            print("V", time.perf_counter(), json.dumps(now), flush=True)
        time.sleep(0.0002)
"""
IN_THREAD = LOOK + "threading.Thread(target=look_on, daemon=True).start()\n"
IN_ENTRY = LOOK + "look_on()\n"
# IPython looks for edits before each cell; here before each look.
BETWEEN = LOOK + """
from IPython.extensions.autoreload import ModuleReloader
reloader = ModuleReloader()
look_on(lambda: reloader.check(check_all=True))
"""
LOOKS = dict(zip(SIDES, [IN_THREAD, IN_ENTRY, BETWEEN, IN_THREAD]))


# The programs


def hot(value):
    """An edited module of two kilobytes."""
    return f"{module(0)}def hot():\n    return {value}\n"


def moving(value):
    """The same, with lines that come and go above all others."""
    line = "    line = 0\n" * (value % 2)
    return f"def hot():\n{line}    return {value}\n{module(0)}"


def large(count, objects):
    """A program of `count` modules that holds many objects."""
    main = f"import all_modules, hot\nHEAP = [[] for _ in range({objects})]\ndef look():\n    return hot.hot()\n"
    return layered(count - 3, 3) | {"hot.py": hot(0), "main.py": main}


def with_reader():
    """The same of ten modules, where one module's own run has executed the function."""
    main = "import all_modules, reader\ndef look():\n    return reader.READ\n"
    return layered(7, 3) | {"hot.py": hot(0), "reader.py": "from hot import hot\nREAD = hot()\n", "main.py": main}


class Edits:
    """A module whose parts are edited one after the other, and who looks at it."""

    def __init__(self):
        self.body = self.constant = self.method = 1
        self.comment = ""

    def text(self):
        return f"""print("ran m", flush=True)
K = {self.constant}
def f():
    return {self.body}
{self.comment}
class C:
    def g(self):
        return {self.method}
"""

    def files(self):
        user = "from m import K\nprint('ran user', flush=True)\nD = K * 10\n"
        main = """import sys, m, user
# An instance from before stays with somebody who does not run again.
kept = vars(sys).setdefault("kept", m.C())
def look():
    return [m.f(), user.D, kept.g(), isinstance(kept, m.C)]
"""
        return {"m.py": self.text(), "user.py": user, "main.py": main}


# Running them


class Program(Session):
    """A program under one of the sides. Stopped unless it is its turn."""

    def __init__(self, side, command, folder):
        path = Path(folder, "main.py")
        path.write_text(path.read_text() + LOOKS[side])
        super().__init__(command, folder, stderr=subprocess.STDOUT if side == "hmr" else subprocess.DEVNULL)
        self.side = side
        self.report = None

    def turn(self, on):
        os.kill(self.child.pid, signal.SIGCONT if on else signal.SIGSTOP)

    def line(self, seconds):
        """The program's next line, or hmr's; `None` if none comes."""
        try:
            _, line = self.lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            raise Failed("ended")
        if line.startswith("hmr ") and "(compile " in line:
            # It may come before the loop has looked, or after.
            self.report = line
        return line

    def seen(self, is_it, seconds=EFFECT):
        """When the loop was first given a value that `is_it`; `None`: it never was."""
        end = time.perf_counter() + seconds
        while (line := self.line(max(0, end - time.perf_counter()))) is not None:
            if line.startswith("V "):
                _, moment, value = line.split(maxsplit=2)
                if is_it(json.loads(value)):
                    return float(moment)
        return None

    def spent(self):
        """Of hmr: what the last update's milliseconds went into."""
        while self.report is None:
            if self.line(EFFECT) is None:
                raise Failed("no report")
        time = next(part for part in self.report.split("  ") if " ms (" in part)
        whole, parts = time.split(" ms (")
        self.report = None
        parts = dict(part.split() for part in parts.rstrip(")").split(", "))
        return {"engine": float(whole)} | {name: float(time) for name, time in parts.items()}


class Taken:
    """The seconds of each edit, and what hmr says of them."""

    def __init__(self):
        self.seconds, self.writes, self.spent = [], [], []

    def median(self):
        return statistics.median(self.seconds) * 1e3

    def part(self, name):
        return statistics.median(spent[name] for spent in self.spent)

    def show(self, median):
        """For the table: median, worst, and how many times hmr's `median`."""
        text = f"{self.median():.1f} ms ({max(self.seconds) * 1e3:.1f})"
        return text if self.median() == median else f"{text}, {self.median() / median:.0f}x"


def measure(sides, files, saves, text=hot):
    """For each side what its edits took, or why it has none. They take turns."""
    taken = {}
    with ExitStack() as stack:
        programs = []
        compiled = stack.enter_context(project(files))
        subprocess.run([sys.executable, "-m", "compileall", "-q", "."], cwd=compiled, env=environment(), check=True)
        for side, command in sides.items():
            folder = stack.enter_context(project({}))
            shutil.copytree(compiled, folder, dirs_exist_ok=True)
            program = stack.enter_context(Program(side, command, folder))
            try:
                if program.seen(lambda value: value == 0, START) is None:
                    raise Failed(f"> {START} s to start")
                time.sleep(0.5)  # some begin to watch after the program has begun
                programs.append(program)
                taken[side] = Taken()
            except Failed as failed:
                taken[side] = failed
            program.turn(False)
        for number in range(1, saves + 1):
            for program in [program for program in programs if isinstance(taken[program.side], Taken)]:
                program.turn(True)
                time.sleep(0.1)  # the pace of the saves, not a wait for an effect
                program.report = None
                began = program.save("hot.py", text(number))
                written = time.perf_counter()
                moment = program.seen(lambda value: value == number)
                if moment is None:
                    taken[program.side] = Failed("lost an edit" if number > 1 else "not seen")
                else:
                    taken[program.side].seconds.append(moment - began)
                    taken[program.side].writes.append(written - began)
                    if program.side == "hmr":
                        taken[program.side].spent.append(program.spent())
                program.turn(False)
    return taken


def correctness(side, command):
    """What becomes of the four edits: body seen, constant seen by the importer, nothing rerun for a
    comment, an instance from before kept."""
    edits = Edits()
    with project(edits.files()) as folder, Program(side, command, folder) as program:
        if program.seen(lambda value: value == [1, 10, 1, True], START) is None:
            raise Failed("does not start")
        time.sleep(0.5)  # some begin to watch after the program has begun

        def is_seen(**edit):
            vars(edits).update(edit)
            program.save("m.py", edits.text())
            return lambda is_it: program.seen(is_it) is not None

        body = is_seen(body=2)(lambda value: value[0] == 2)
        constant = is_seen(constant=2)(lambda value: value[1] == 20)
        ran = []
        program.line(QUIET)  # what the last edit may still do
        is_seen(comment="# a comment")
        end = time.perf_counter() + QUIET
        while (line := program.line(max(0, end - time.perf_counter()))) is not None:
            ran += [line] if line.startswith("ran ") else []
        instance = is_seen(method=2)(lambda value: value[2:] == [2, True])
        return [body, constant, not ran, instance]


# The peers


def packages(folder, python, *names):
    """An environment of `python` with packages from PyPI; `None` if they cannot be had."""
    inside = folder / "bin" / "python"
    if not all((folder / "bin" / name).exists() for name in names):
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--python", inside, "install", *names]
        if subprocess.run(pip).returncode:
            return None
    return inside


def sides_of(options):
    """The commands by side, and what else there is to say."""
    hmr = [*shlex.split(options.hmr), "--timings"]
    sides, notes = {"hmr": [absolute(hmr[0]), *hmr[1:]]}, []
    peers = packages(ROOT / "target/peers-updates/current", options.python, "jurigged", "ipython")
    if peers:
        sides |= {"jurigged": [peers.with_name("jurigged")], "autoreload": [peers]}
        notes.append(versions(peers, "jurigged", "ipython"))
    newer = options.newer and packages(ROOT / "target/peers-updates/newer", options.newer, "hmr")
    if newer:
        sides["pure-Python hmr"] = [newer.with_name("hmr")]
        notes.append(versions(newer, "hmr"))
    missing = [side for side in SIDES if side not in sides]
    notes += [f"{', '.join(missing)} could not be installed"] * bool(missing)
    return sides, notes


def versions(python, *names):
    ask = f"import platform, importlib.metadata as m; print(platform.python_version(), *map(m.version, {names}))"
    version, *found = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    return ", ".join(f"{name} {of}" for name, of in zip(names, found)) + f" on CPython {version}"


# The tables

PARTS = {
    "compile": "read and compile the source",
    "compare": "compare it with the code that ran",
    "patch": "find and change the live functions, tell who executed them",
    "run": "run modules",
}


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def table_of_peers(sides, programs, correct):
    shown = [side for side in SIDES if side in sides]
    rows = [row("", "goal", *shown), row(*["---"] * (len(shown) + 2))]
    for name, goal, taken in programs:
        median = taken["hmr"].median()
        cells = [str(it) if isinstance(it, Failed) else it.show(median) for it in map(taken.get, shown)]
        rows.append(row(f"body edit, {name}", goal, *cells))
    names = ["body edit seen", "constant edit reaches importers", "comment edit runs nothing", "instances kept"]
    for index, name in enumerate(names):
        cells = [("no", "yes")[correct[side][index]] if correct[side] else "?" for side in shown]
        rows.append(row(name, "yes", *cells))
    return "\n".join(rows)


def table_of_parts(columns):
    rows = [row("ms", *columns), row(*["---"] * (len(columns) + 1))]
    taken = columns.values()
    rows.append(row("save to effect", *(f"{it.median():.2f}" for it in taken)))
    writes = {id(it): statistics.median(it.writes) * 1e3 for it in taken}
    rows.append(row("the write itself", *(f"{writes[id(it)]:.2f}" for it in taken)))
    outside = (it.median() - it.part("engine") - writes[id(it)] for it in taken)
    rows.append(row("the watcher, which waits 2 ms for more; wake-up; the loop's next look", *(f"{it:.2f}" for it in outside)))
    rows.append(row("the engine", *(f"{it.part('engine'):.2f}" for it in taken)))
    for part, name in PARTS.items():
        rows.append(row(f"... {name}", *(f"{it.part(part):.3f}" for it in taken)))
    rest = (it.part("engine") - sum(map(it.part, PARTS)) for it in taken)
    rows.append(row("... the rest: what files mean, who is reached", *(f"{it:.3f}" for it in rest)))
    return "\n".join(rows)


def of_hmr(results):
    if isinstance(results["hmr"], Failed):
        raise SystemExit(f"hmr: {results['hmr']}")
    return results["hmr"]


def main():
    newer = ROOT / "target/python3.14/python3.14"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hmr", default=str(ROOT / "target/release/hmr"), help="the command that starts hmr")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that it embeds [this one]")
    parser.add_argument("--newer", default=newer if newer.exists() else None, help="one of 3.12 or later, for the package hmr")
    parser.add_argument("--saves", type=int, default=30, help="saves for each median [30]")
    parser.add_argument("--modules", type=int, default=10_000, help="modules of the large program [10000]")
    parser.add_argument("--objects", type=int, default=1_000_000, help="live objects in it [1000000]")
    parser.add_argument("--only-hmr", action="store_true", help="leave the peers out")
    parser.add_argument("--out", type=Path, help="the file to write the tables to")
    options = parser.parse_args()

    sides, notes = sides_of(options)
    if options.only_hmr:
        sides, notes = {"hmr": sides["hmr"]}, []
    correct = {}
    for side, command in sides.items():
        try:
            correct[side] = correctness(side, command)
        except Failed as failed:
            correct[side] = None
            notes.append(f"{side} {failed}")
    if correct["hmr"] != [True] * 4:
        raise SystemExit(f"hmr: {correct['hmr']}, {notes}")
    small = measure(sides, large(10, 0), options.saves)
    moved = measure(sides, large(10, 0) | {"hot.py": moving(0)}, options.saves, moving)
    of_reader = measure({"hmr": sides["hmr"]}, with_reader(), options.saves)
    big = measure(sides, large(options.modules, options.objects), options.saves)
    sizes = f"{options.modules:,} modules, {options.objects:,} live objects"
    parts = {"10 modules": of_hmr(small), "10 modules, lines move": of_hmr(moved), "10 modules, one of which executed it": of_hmr(of_reader), sizes: of_hmr(big)}
    version = subprocess.run([options.python, "-VV"], capture_output=True, text=True, check=True).stdout.split(" (")[0]
    text = f"""# Function-level updates

`python3 benches/updates.py` wrote this. Save to effect of a new function body, median of {options.saves} (worst), with
how many times hmr's; the edited module has two kilobytes. The programs run at once and take turns.

{table_of_peers(sides, [("10 modules", "3 ms", small), ("10 modules, lines move", "", moved), (sizes, "4 ms", big)], correct)}

## Where hmr's time goes

Medians of each part.

{table_of_parts(parts)}

{"; ".join([f"hmr on {version}", *notes])}. {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}.
"""
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
