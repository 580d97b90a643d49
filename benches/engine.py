"""The engine beside plain python: import time, attribute reads, save to effect.

    python3 benches/engine.py [--hmr "COMMAND"] [--modules 1000] [--runs 7] [--out FILE]

`COMMAND` starts hmr (default: target/release/hmr). Both sides run the same programs with warm
bytecode, in turn, and every program checks its own result. Prints a Markdown table, and writes it
to FILE if one is named.
"""

import argparse
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

IMPORT = """
import time, sys
began = time.perf_counter()
import {last}
print("seconds", time.perf_counter() - began, flush=True)
assert {last}.VALUE == {expected}, {last}.VALUE
"""

READS = """
import time, m
N = 2_000_000
def seconds(code):
    began = time.perf_counter()
    code()
    return time.perf_counter() - began
def empty():
    for _ in range(N): pass
def read():
    for _ in range(N): m.x
assert m.x == 1
print("seconds", (min(seconds(read) for _ in range(5)) - min(seconds(empty) for _ in range(5))) / N, flush=True)
"""


def module(number):
    """A module of a layered project: functions, constants, a class, three imports below it."""
    below = sorted({number - 1, number // 2, number // 3} - {number}) if number else []
    below = [n for n in below if n >= 0]
    lines = [f"from m{n} import VALUE as V{n}, f3 as g{n}" for n in below]
    lines.append(f"VALUE = {f'V{number - 1} + ' if number else ''}1")
    lines += [f"C{i} = {i} * {number}" for i in range(5)]
    for i in range(20):
        lines.append(f"def f{i}(a, b={i}):\n    '''Adds.'''\n    c = a + b\n    return c * {number + i}")
    lines.append("class K:\n    def __init__(self, x):\n        self.x = x\n    def get(self):\n        return self.x")
    return "\n".join(lines) + "\n"


def seconds_of(command, folder):
    """Runs the program until it has printed its time."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        for line in child.stdout:
            word, _, rest = line.partition(" ")
            if word == "seconds":
                return float(rest)
        raise SystemExit(f"{command} printed no time")
    finally:
        child.kill()
        child.wait()


def environment():
    env = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV"):
        env.pop(name, None)
    return env


def compare(hmr, program, folder, runs):
    """Median seconds of hmr and of plain python, taken in turn."""
    commands = {"hmr": [*hmr, program], "python": [sys.executable, program]}
    for command in (commands["python"], commands["hmr"]):
        seconds_of(command, folder)
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds_of(command, folder))
    return statistics.median(times["hmr"]), statistics.median(times["python"])


def imports(hmr, count, runs):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(count):
            (folder / f"m{number}.py").write_text(module(number))
        # Bottom up: a chain of imports that nests this deep is more than CPython's own stack takes.
        order = "".join(f"import m{number}\n" for number in range(count))
        (folder / "all_modules.py").write_text(f"{order}VALUE = m{count - 1}.VALUE\n")
        (folder / "main.py").write_text(IMPORT.format(last="all_modules", expected=count))
        return compare(hmr, "main.py", folder, runs)


def reads(hmr, runs):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.py").write_text("x = 1\n")
        (folder / "main.py").write_text(READS)
        return compare(hmr, "main.py", folder, runs)


def latency(hmr, saves):
    """Median and worst seconds from the start of a save to the effect's line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.py").write_text("X = 0\n")
        (folder / "main.py").write_text("from m import X\nprint('V', X, flush=True)\n")
        child = subprocess.Popen(
            [*hmr, "main.py"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
        )
        killer = threading.Timer(60, child.kill)
        killer.start()
        times = []
        try:
            for number in range(saves + 1):
                line = child.stdout.readline().split()
                if line != ["V", str(number)]:
                    raise SystemExit(f"after save {number}: {line}")
                if number:
                    times.append(time.perf_counter() - began)
                time.sleep(0.05)  # the pace of the saves, not a wait for an effect
                began = time.perf_counter()
                (folder / "m.py").write_text(f"X = {number + 1}\n")
        finally:
            killer.cancel()
            child.kill()
            child.wait()
        return statistics.median(times), max(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hmr", default=str(ROOT / "target/release/hmr"))
    parser.add_argument("--modules", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    hmr = [*shlex.split(options.hmr), "--quiet"]

    our_import, their_import = imports(hmr, options.modules, options.runs)
    our_read, their_read = reads(hmr, options.runs)
    median, worst = latency(hmr, 40)
    table = f"""\
| | hmr | plain python | ratio |
|---|---|---|---|
| import of {options.modules} modules, warm bytecode | {our_import * 1e3:.1f} ms | {their_import * 1e3:.1f} ms | {our_import / their_import:.2f} |
| `mod.x` in a loop, while tracking | {our_read * 1e9:.1f} ns | {their_read * 1e9:.1f} ns | {our_read / their_read:.1f} |
| save to effect, median of 40 (worst) | {median * 1e3:.1f} ms ({worst * 1e3:.1f}) | | |

CPython {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors, \
medians of {options.runs} runs in turn.
"""
    print(table)
    if options.out:
        options.out.write_text(f"# The engine beside plain python\n\n`python3 benches/engine.py` wrote this.\n\n{table}")


if __name__ == "__main__":
    main()
