"""The engine beside plain python and the pure-Python `hmr` package: time and memory of imports,
attribute reads, save to effect, edits in small and large projects, growth, idle time.

    python3 benches/engine.py --python PYTHON [--peer PYTHON] [--out FILE]
    python3 benches/engine.py --hmr "COMMAND" [--python PYTHON]

`--python` is an interpreter that has this project's wheel; plain python is that interpreter too.
`--peer` is an interpreter of the same version that has the package `hmr` from PyPI: both wheels
have that name, so that they need an environment each. `--hmr` is another command that starts hmr,
such as target/release/hmr; plain python must then be the interpreter that it embeds.

All run the same programs with warm bytecode, in turn, and every program checks its own result.
Prints a Markdown table, and writes it to FILE if one is named. `--only` takes a part of the names
of the measurements.
"""

import argparse
import contextlib
import os
import platform
import queue
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# Seconds that a program may take before it is given up.
LIMIT = 60

# How many saves one median of save to effect is of.
SAVES = 30

# Printed by a program that has checked its result: its seconds and the peak of its memory.
DONE = """
def done(seconds):
    try:
        status = open("/proc/self/status").read()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        peak = 0
    print("done", seconds, peak, flush=True)
"""

IMPORT = DONE + """
import time
began = time.perf_counter()
import all_modules
seconds = time.perf_counter() - began
assert all_modules.VALUE == {expected}, all_modules.VALUE
done(seconds)
"""

READS = DONE + """
import time, m
N = 200_000
def seconds(code):
    began = time.perf_counter()
    code()
    return time.perf_counter() - began
def empty():
    for _ in range(N): pass
def read():
    for _ in range(N): m.x
def measure():
    assert m.x == 1
    times = [(seconds(read), seconds(empty)) for _ in range(20)]
    done((min(read for read, _ in times) - min(empty for _, empty in times)) / N)
"""

WHILE_LOADING = READS + "measure()\n"

AT_REST = READS + """
import threading
def later():
    time.sleep(0.5)  # until the entry has come to its end
    measure()
threading.Thread(target=later).start()
"""


class Failed(Exception):
    """A side did not do what a measurement asks for; the text goes to the table."""


def module(number, functions=20):
    """A module of a layered project: functions, constants, a class, three imports below it."""
    below = sorted({number - 1, number // 2, number // 3} - {number}) if number else []
    lines = [f"from m{n} import VALUE as V{n}, f1 as g{n}" for n in below]
    lines.append(f"VALUE = {f'V{number - 1} + ' if number else ''}1")
    lines += [f"C{i} = {i} * {number}" for i in range(5)]
    for i in range(functions):
        lines.append(f"def f{i}(a, b={i}):\n    '''Adds.'''\n    c = a + b\n    return c * {number + i}")
    lines.append("class K:\n    def __init__(self, x):\n        self.x = x\n    def get(self):\n        return self.x")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def project(files):
    with tempfile.TemporaryDirectory(prefix="hmr-bench-") as name:
        for path, text in files.items():
            Path(name, path).write_text(text)
        yield Path(name)


def layered(count, functions=20):
    files = {f"m{number}.py": module(number, functions) for number in range(count)}
    # Bottom up: a chain of imports that nests this deep is more than CPython's own stack takes.
    order = "".join(f"import m{number}\n" for number in range(count))
    files["all_modules.py"] = f"{order}VALUE = m{count - 1}.VALUE\n"
    return files


# Programs that end


def run_once(command, folder):
    """Runs main.py until it is done; its seconds and MB."""
    child = subprocess.Popen(
        [*command, "main.py"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    )
    killer = threading.Timer(LIMIT, child.kill)
    killer.start()
    try:
        for line in child.stdout:
            if line.startswith("done "):
                _, seconds, peak = line.split()
                return float(seconds), float(peak)
        raise Failed(f"> {LIMIT} s" if not killer.is_alive() else "failed")
    finally:
        killer.cancel()
        child.kill()
        child.wait()
        child.stdout.close()


def environment():
    drop = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in drop}


def in_turn(sides, files, runs):
    """For each side the least seconds and MB of several runs taken in turn, or why it has none. What
    else the machine does can only add to them."""
    results = {}
    with project(files) as folder:
        for side in ("python", "hmr", "peer"):
            if side in sides:
                try:
                    # Not counted: writes the bytecode.
                    results[side] = [run_once(sides[side], folder)]
                except Failed as failed:
                    results[side] = failed
        for _ in range(runs):
            for side, taken in results.items():
                if isinstance(taken, list) and (len(taken) < 2 or sum(taken[1]) < LIMIT / runs or side != "peer"):
                    taken.append(run_once(sides[side], folder))
    return {
        side: taken if isinstance(taken, Failed) else tuple(map(min, zip(*taken[1:])))
        for side, taken in results.items()
    }


# Programs that are edited


class Session:
    """A program under a reloader: `save` a file, then wait for the line that it leads to."""

    def __init__(self, command, folder, stderr=subprocess.DEVNULL):
        self.folder = folder
        self.child = subprocess.Popen(
            [*command, "main.py"], cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment()
        )
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.lines.put((time.perf_counter(), line.strip()))
        self.lines.put((0, None))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.reader.join()
        self.child.stdout.close()

    def save(self, path, text):
        """The moment at which the save began."""
        began = time.perf_counter()
        Path(self.folder, path).write_text(text)
        return began

    def wait_for(self, value, strict=True):
        """The moment at which the program has printed `value`, and nothing else before."""
        try:
            while True:
                moment, line = self.lines.get(timeout=LIMIT)
                if line == f"V {value}":
                    return moment
                if line is None:
                    raise Failed("ended")
                if strict:
                    raise Failed(f"printed {line!r} for {value}")
        except queue.Empty:
            raise Failed(f"lost the save of {value}") from None

    def memory(self):
        """MB in use, descriptors, threads."""
        process = Path("/proc", str(self.child.pid))
        resident = int(process.joinpath("status").read_text().split("VmRSS:")[1].split()[0]) / 1024
        return resident, len(list(process.joinpath("fd").iterdir())), len(list(process.joinpath("task").iterdir()))

    def cpu(self):
        """Seconds of processor time of all threads."""
        tasks = Path("/proc", str(self.child.pid), "task").iterdir()
        return sum(int(task.joinpath("schedstat").read_text().split()[0]) for task in tasks) / 1e9


def latencies(sessions, saves):
    """For each session the median and worst seconds from a save of config.py to the effect."""
    for session, base in sessions:
        session.wait_for(base)
    times = [[] for _ in sessions]
    for number in range(1, saves + 1):
        for index, (session, base) in enumerate(sessions):
            time.sleep(0.05)  # the pace of the saves, not a wait for an effect
            began = session.save("config.py", f"X = {number}\n")
            times[index].append(session.wait_for(base + number) - began)
    return [(statistics.median(taken), max(taken)) for taken in times]


def constant(count):
    """A constant with `count` dependents. The effect is the sum of what all of them made of it."""
    files = {"config.py": "X = 0\n"}
    for number in range(count):
        files[f"d{number}.py"] = f"from config import X\nY = X + {number}\ndef get():\n    return Y\n"
    imports = "".join(f"from d{n} import Y as y{n}\n" for n in range(count))
    total = "+".join(f"y{n}" for n in range(count))
    # Every dependent is checked; the printed value goes up by one for each save.
    check = f"total = {total}\nassert (total - {sum(range(count))}) % {count} == 0\n"
    files["main.py"] = f"{imports}{check}print('V', (total - {sum(range(count))}) // {count}, flush=True)\n"
    return files


def save_to_effect(command, count):
    with project(constant(count)) as folder, Session(command, folder) as session:
        return latencies([(session, 0)], SAVES)[0]


def by_size(command, python, small, large):
    """The same edit in a small and in a large project, both running, saved in turn."""

    def files(count):
        program = "import all_modules\nfrom config import X\nprint('V', X + all_modules.VALUE, flush=True)\n"
        return layered(count, 3) | {"config.py": "X = 0\n", "main.py": program}

    with contextlib.ExitStack() as stack:
        sessions = []
        for count in (small, large):
            folder = stack.enter_context(project(files(count)))
            subprocess.run([python, "-m", "compileall", "-q", "."], cwd=folder, env=environment(), check=True)
            sessions.append((stack.enter_context(Session(command, folder)), count))
        return latencies(sessions, SAVES)


class Random:
    """A chain of modules that random edits change; `total` is what the last one must come to."""

    def __init__(self, count, seed):
        self.random = random.Random(seed)
        self.parts = [dict(value=1, body=1, member=1, extra=0) for _ in range(count)]

    def total(self):
        return sum(sum(parts.values()) for parts in self.parts)

    def text(self, number):
        parts = self.parts[number]
        below = f"from r{number - 1} import total as below" if number else "below = 0"
        extra = f"EXTRA = {parts['extra']}" if parts["extra"] else ""
        return f"""{below}
VALUE = {parts['value']}
{extra}
def f(x):
    return x + {parts['body']}
class K:
    member = {parts['member']}
total = below + VALUE + f(0) + K().member{' + EXTRA' if extra else ''}
"""

    def files(self):
        files = {f"r{number}.py": self.text(number) for number in range(len(self.parts))}
        last = len(self.parts) - 1
        return files | {"main.py": f"from r{last} import total\nprint('V', total, flush=True)\n"}

    def edit(self):
        """The files of one edit, in the order in which they are saved. The total always grows."""
        saves = []
        for _ in range(self.random.choice([1, 1, 1, 2])):
            number = self.random.randrange(len(self.parts))
            broken = self.random.choice(["", "", "", "def (\n", "1 / 0\n"])
            if broken:
                saves.append((f"r{number}.py", self.text(number) + broken))
            part = self.random.choice(["value", "body", "member", "extra"])
            self.parts[number][part] += self.random.randrange(1, 10)
            saves.append((f"r{number}.py", self.text(number)))
        return saves


def soak(command, edits):
    """Memory, descriptors and threads after a tenth of the edits, after half of them, and after all."""
    taken = []
    program = Random(20, seed=1)
    with project(program.files()) as folder, Session(command, folder) as session:
        session.wait_for(program.total())
        for number in range(1, edits + 1):
            for path, text in program.edit():
                session.save(path, text)
            session.wait_for(program.total(), strict=False)
            if number in (edits // 10, edits // 2, edits):
                taken.append(session.memory())
        return taken


def idle(command, seconds=5):
    """Processor time of a program that has settled and waits for a save, in seconds."""
    with project(constant(10)) as folder, Session(command, folder) as session:
        latencies([(session, 0)], 3)
        time.sleep(0.5)  # the length of the measurement, and what the last update may still do
        before = session.cpu()
        time.sleep(seconds)
        return session.cpu() - before


# The table


class Table:
    HEAD = "| | goal | hmr | plain python | ratio | pure-Python hmr |\n|---|---|---|---|---|---|\n"

    def __init__(self):
        self.rows = []

    def add(self, name, goal, hmr, python=None, ratio=None, peer=None):
        cells = [name, goal, hmr, python, "" if ratio is None else f"{ratio:.2f}", peer]
        self.rows.append("| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |")
        print(self.rows[-1], flush=True)

    def beside(self, name, goal, results, index, show):
        """One figure of `in_turn` for all sides."""
        hmr, python = results["hmr"], results["python"]
        if isinstance(hmr, Failed) or isinstance(python, Failed):
            raise SystemExit(f"{name}: hmr {hmr}, python {python}")
        peer = results.get("peer")
        peer = str(peer) if isinstance(peer, Failed) else peer and show(peer[index])
        self.add(name, goal, show(hmr[index]), show(python[index]), hmr[index] / python[index], peer)


def ms(seconds):
    return f"{seconds * 1e3:.1f} ms"


def ns(seconds):
    return f"{seconds * 1e9:.1f} ns"


def mb(size):
    return f"{size:.1f} MB"


def median_and_worst(result):
    return f"{result[0] * 1e3:.1f} ms ({result[1] * 1e3:.1f})"


def of_size(result):
    (small, _), (large, _) = result
    return f"{small * 1e3:.1f} and {large * 1e3:.1f} ms ({large / small:.2f})"


def growth(taken):
    units = ("MB", "descriptors", "threads")
    return "; ".join(", ".join(f"{value:.4g}" for value in values) + f" {unit}" for values, unit in zip(zip(*taken), units))


def by_side(table, sides, name, goal, measure, show):
    """A row without plain python, which reloads nothing."""
    cells = {}
    for side in ("hmr", "peer"):
        if side in sides:
            try:
                cells[side] = show(measure(sides[side]))
            except Failed as failed:
                if side == "hmr":
                    raise SystemExit(f"{name}: {failed}") from failed
                cells[side] = str(failed)
    table.add(name, goal, cells["hmr"], peer=cells.get("peer"))


def measure(sides, options):
    table = Table()

    def wanted(name):
        return not options.only or any(part in name for part in options.only)

    peer_gave_up = False
    for count in (100, 1000, 5000):
        name = f"import of {count:,} modules, warm bytecode"
        if not wanted(name):
            continue
        here = {side: command for side, command in sides.items() if side != "peer" or not peer_gave_up}
        program = layered(count) | {"main.py": IMPORT.format(expected=count)}
        results = in_turn(here, program, options.runs)
        peer_gave_up |= isinstance(results.get("peer"), Failed)
        table.beside(name, "1.00", results, 0, ms)
        if results["python"][1]:
            table.beside("the same, peak memory", "1.30", results, 1, mb)
    for name, goal, program in (
        ("`mod.x` in a loop, while tracking", "20 ns", WHILE_LOADING),
        ("`mod.x` in a loop, at rest", "1.00", AT_REST),
    ):
        if wanted(name):
            table.beside(name, goal, in_turn(sides, {"m.py": "x = 1\n", "main.py": program}, options.runs), 0, ns)
    for count, goal in ((1, "5 ms"), (10, "6 ms"), (1000, "60 ms")):
        name = f"save to effect, constant with {count:,} dependent{'s' * (count > 1)}, median of {SAVES} (worst)"
        if wanted(name):
            by_side(table, sides, name, goal, lambda command: save_to_effect(command, count), median_and_worst)
    name = "save to effect with 100 and with 10,000 other modules (ratio)"
    if wanted(name):
        by_side(table, sides, name, "1.20", lambda command: by_size(command, options.python, 100, 10_000), of_size)
    if Path("/proc/self/schedstat").exists():
        name = f"{options.edits:,} random edits: after a tenth, half and all of them"
        if wanted(name):
            by_side(table, sides, name, "no growth", lambda command: soak(command, options.edits), growth)
        name = "processor time of 5 idle seconds"
        if wanted(name):
            by_side(table, sides, name, "0", idle, ms)
    return table


def absolute(command):
    """Programs run in folders of their own. Links stay: an environment is found by the link's place."""
    return os.path.abspath(command) if os.sep in command else command


def versions(python, peer):
    ask = "import platform, sys; print(platform.python_version())"
    text = "CPython " + subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    if peer:
        ask += "; import importlib.metadata as m; print(m.version('hmr'))"
        version, package = subprocess.run([peer, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
        text += f"; hmr {package} of PyPI on CPython {version}"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with this project's wheel [this one]")
    parser.add_argument("--hmr", help="the command that starts hmr [PYTHON -m hmr]")
    parser.add_argument("--peer", help="an interpreter with the package hmr of PyPI")
    parser.add_argument("--runs", type=int, default=9, help="runs of each import and read [9]")
    parser.add_argument("--edits", type=int, default=2000, help="random edits [2000]")
    parser.add_argument("--only", action="append", help="part of a measurement's name; may be repeated")
    parser.add_argument("--out", type=Path, help="the file to write the table to")
    options = parser.parse_args()

    options.python = absolute(options.python)
    command = shlex.split(options.hmr) if options.hmr else [options.python, "-m", "hmr"]
    sides = {"hmr": [absolute(command[0]), *command[1:], "--quiet"], "python": [options.python]}
    if options.peer:
        options.peer = absolute(options.peer)
        sides["peer"] = [str(Path(options.peer).parent / "hmr")]
    table = measure(sides, options)
    text = f"""# The engine beside plain python

`python3 benches/engine.py` wrote this. Ratios are to plain python. Imports and reads are the best of
{options.runs} runs, taken in turn.

{Table.HEAD}{chr(10).join(table.rows)}

{versions(options.python, options.peer)}; {platform.system()} {platform.machine()}, {os.cpu_count()} processors.
"""
    print(f"\n{text}")
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
