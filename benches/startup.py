"""Start-up: from the start of the process to the first line that a trivial program writes.

    python3 benches/startup.py --python PYTHON [--hmr HMR] [--peer PYTHON] [--out FILE]

`--python` is an interpreter that has this project's wheel; it may be given several times, for several
versions. `--hmr` is the stand-alone command, such as target/release/hmr, which embeds the first of
them. `--peer` is an interpreter that has the package `hmr` from PyPI.

All ways run the same program, warm, in turn, so that what else the machine does hits all of them.
The time is that until the line comes, not until the process ends: hmr stays and watches. It watches
the folders above the program, too, and the kernel takes milliseconds for one in which it remembers
very many names, as it often does of /tmp: `--folder` says where else the program is to lie.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAM = "print('up', flush=True)\n"
# Seconds that a start may take before it is given up.
LIMIT = 30


def start(command, folder):
    """Seconds until the program's line comes."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            line = process.stdout.readline()
            taken = time.perf_counter() - began
            if line.strip() != b"up":
                process.terminate()
                raise SystemExit(f"{command} wrote {line!r}; {process.communicate(timeout=LIMIT)}")
        finally:
            process.kill()
    return taken


def clean_environment():
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONHOME", "HMR_PYTHON"):
        os.environ.pop(name, None)


def version(python):
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def beside(python, name):
    """What the environment of the interpreter has installed under this name; links are not resolved."""
    return os.path.join(os.path.dirname(os.path.abspath(python)), name)


def ways_of(options):
    """Per plain python: the label and command of each other way, in groups."""
    groups = []
    for number, python in enumerate(options.python):
        python = os.path.abspath(python)
        ways = {"wheel, `hmr main.py`": [beside(python, "hmr"), "main.py"]}
        ways["wheel, `python -m hmr main.py`"] = [python, "-m", "hmr", "main.py"]
        if number == 0 and options.hmr:
            ways["stand-alone, `hmr main.py`"] = [os.path.abspath(options.hmr), "--python", python, "main.py"]
        groups.append((python, ways))
    if options.peer:
        peer = os.path.abspath(options.peer)
        groups.append((peer, {"pure-Python hmr, `hmr main.py`": [beside(peer, "hmr"), "main.py"]}))
    return groups


def measure(python, ways, options):
    """The median seconds of plain python and of each way."""
    # `-m` costs some milliseconds under plain python, too.
    commands = {"plain": [python, "main.py"], "plain -m": [python, "-m", "main"], **ways}
    times = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="hmr-bench-", dir=options.folder) as folder:
        Path(folder, "main.py").write_text(PROGRAM)
        for turn in range(options.count + 3):
            for name, command in commands.items():
                taken = start(command, folder)
                # The first ones write bytecode and fill the system's caches.
                if turn >= 3:
                    times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--hmr")
    parser.add_argument("--peer")
    parser.add_argument("--folder", help="where the program is put [the system's folder for such files]")
    parser.add_argument("--count", type=int, default=40, help="starts for each median [40]")
    parser.add_argument("--out", type=Path, help="the file to write the table to")
    options = parser.parse_args()
    clean_environment()
    rows = ["| | goal | hmr | plain python | ratio |", "|---|---|---|---|---|"]
    for python, ways in ways_of(options):
        medians = measure(python, ways, options)
        plain_file, plain_module = medians.pop("plain"), medians.pop("plain -m")
        for way, taken in medians.items():
            plain = plain_module if "-m hmr" in way else plain_file
            goal = "" if way.startswith("pure") else "1.50"
            rows.append(
                f"| CPython {version(python)}, {way} | {goal} | {taken * 1e3:.1f} ms | {plain * 1e3:.1f} ms | {taken / plain:.2f} |"
            )
    table = "\n".join(rows)
    text = f"""# Start-up

`python3 benches/startup.py` wrote this. From the start of the process to the first line of a program of one
`print`, median of {options.count}, taken in turn. Plain python is `python main.py`, and beside `python -m hmr` it
is `python -m main`.

{table}

{os.uname().sysname} {os.uname().machine}, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}.
"""
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
