#!/usr/bin/env python3
"""Runs every test of this checkout on a machine that has Rust and Python >= 3.11, and nothing else.

    python3 scripts/test.py            all tests, then the end-to-end tests once more on the wheel
    python3 scripts/test.py --fast     without the wheel
    python3 scripts/test.py --wheel-only [--python PYTHON]
                                       only the wheel, for that interpreter

The Rust tests embed the Python that runs this script. The wheel is what pip makes of this checkout's
source distribution, in a clean virtual environment. For another interpreter, with --wheel-only, it is
what uv makes of the checkout, and uvx, pipx and `cargo install` are tried as well (packages.py).
Everything that is downloaded or built goes below target/. The exit code is 0 if every test passed, 1 if
one failed, 2 if this machine lacks something.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

import packages

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(ROOT, "target")
REQUIREMENTS = os.path.join(ROOT, "scripts", "requirements.txt")
RECIPES = os.path.join(ROOT, "scripts", "recipes.txt")
OLDEST = (3, 11)
# No program that is run to see what it writes takes a second; all that uv does for it may.
MOST = 300


class Missing(Exception):
    """This machine lacks something; the text is one sentence that says what to do."""


class Failed(Exception):
    """A step could not be done, and those that need it cannot be either."""


def main():
    arguments = parse_arguments()
    # A shell starts background jobs with Ctrl-C ignored, and the tests send it to what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    summary = Summary()
    try:
        check_machine()
        run(arguments, summary)
    except Missing as missing:
        print("scripts/test.py: %s" % missing, file=sys.stderr)
        return 2
    except Failed:
        pass
    except KeyboardInterrupt:
        return 130
    return summary.show()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Run every test of this checkout.", epilog="See the top of this file."
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--fast", action="store_true", help="do not build and test the wheel")
    only.add_argument("--wheel-only", action="store_true", help="build and test the wheel only")
    parser.add_argument(
        "--python", metavar="PYTHON", help="the interpreter of the wheel [default: this one]"
    )
    return parser.parse_args()


def run(arguments, summary):
    tools = tools_environment(summary)
    environment = child_environment(tools)
    if not arguments.wheel_only:
        rust_tests(environment, summary)
    if not arguments.fast:
        wheel_tests(arguments.python or sys.executable, tools, environment, summary, arguments.wheel_only)


# What the machine must have


def check_machine():
    if sys.version_info < OLDEST:
        raise Missing(
            "this is Python %d.%d, and hmr needs 3.11 or newer: run it as `python3.13 scripts/test.py`"
            % sys.version_info[:2]
        )
    if shutil.which("cargo") is None:
        raise Missing("cargo is not on PATH: install Rust from https://rustup.rs")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Missing(
            "this Python makes no virtual environments: install its venv package "
            "(on Debian and Ubuntu `apt-get install python3-venv`)"
        )
    # The wheel does not link to libpython; the stand-alone binary and its tests do.
    if not has_shared_library():
        raise Missing(
            "%s has no shared libpython to link to: on Debian and Ubuntu `apt-get install "
            "python3-dev`, with pyenv `PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.13`, "
            "or use a Python from python.org, conda or uv" % sys.executable
        )


def has_shared_library():
    if os.name == "nt" or sysconfig.get_config_var("PYTHONFRAMEWORK"):
        return True
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return False
    name = sysconfig.get_config_var("LDLIBRARY") or ""
    folders = [sysconfig.get_config_var(key) for key in ("LIBDIR", "LIBPL")]
    folders.append(os.path.join(sys.base_prefix, "lib"))
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        folders.append(os.path.join(sys.base_prefix, "lib", multiarch))
    return any(folder and os.path.exists(os.path.join(folder, name)) for folder in folders)


# Environments


def tools_environment(summary):
    """The virtual environment with pinned tools; it is also the one that the Rust tests embed."""
    folder = os.path.join(TARGET, "venv-%d.%d" % sys.version_info[:2])
    wanted = "%s\n%s\n" % (sys.base_prefix, sys.version)
    for requirements in (REQUIREMENTS, RECIPES):
        with open(requirements, encoding="utf-8") as file:
            wanted += file.read()
    stamp = os.path.join(folder, "installed.txt")
    try:
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return folder
    except OSError:
        pass
    python = packages.tool(folder, "python")
    summary.step("tools", [sys.executable, "-m", "venv", "--clear", folder])
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    summary.step("tools", install + ["-r", REQUIREMENTS, "-r", RECIPES])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return folder


def child_environment(tools):
    environment = dict(os.environ)
    # Would make every import cold and every line late.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONHOME", "PYTHONPATH"):
        environment.pop(name, None)
    # An active environment as `activate` makes it: the binary has to find its way by itself.
    environment["VIRTUAL_ENV"] = tools
    environment["PATH"] = os.path.dirname(packages.tool(tools, "python")) + os.pathsep + environment["PATH"]
    environment["PYO3_PYTHON"] = packages.tool(tools, "python")
    environment.pop("HMR_PYTHON", None)
    environment.pop("HMR_TEST_COMMAND", None)
    return environment


# Tests


def rust_tests(environment, summary):
    # The recipes of the book may not be left out: their packages are installed.
    environment = dict(environment, HMR_TEST_RECIPES="1")
    cargo = ["cargo", "test", "--workspace", "--locked"]
    summary.step("build", cargo + ["--no-run"], environment)
    summary.tests("cargo test", cargo + ["--no-fail-fast"], environment)


def wheel_tests(python, tools, environment, summary, only):
    tests = end_to_end_binary(environment, summary)
    venv = install_wheel(python, tools, environment, summary, only)
    # The wheel has its own interpreter: nothing may lead it to another.
    environment = dict(environment)
    del environment["VIRTUAL_ENV"]
    for title, command, tests_of in (
        ("wheel: hmr", [packages.tool(venv, "hmr")], ["--skip", "tidy::"]),
        ("wheel: python -m hmr", [packages.tool(venv, "python"), "-m", "hmr"], ["process::"]),
    ):
        environment["HMR_TEST_COMMAND"] = " ".join(command)
        summary.tests(title, [tests] + tests_of, environment, os.path.join(ROOT, "tests"))
    # Random projects and edits against cold starts. More: --count, as the file says. The wheel that is
    # tested alone comes second in CI, on an interpreter whose cold starts take thirty times longer.
    count = "30" if only else "100"
    property_test = os.path.join(ROOT, "tests", "property", "hot_is_cold.py")
    for title, options in (
        ("hot == cold", []),
        ("hot == cold by statement", ["--granularity", "statement"]),
        ("hot == cold with caches", ["--cached"]),
    ):
        command = [packages.tool(venv, "python"), property_test, "--count", count, *options]
        summary.tests(title, command, environment)


def end_to_end_binary(environment, summary):
    """Builds the end-to-end tests as `cargo test --workspace` does and returns their path."""
    messages = summary.step(
        "build",
        ["cargo", "test", "--workspace", "--locked", "--no-run", "--message-format=json-render-diagnostics"],
        environment,
        capture=True,
    )
    manifest = os.path.join(ROOT, "tests", "Cargo.toml")
    for line in messages.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if (
            message.get("reason") == "compiler-artifact"
            and message["target"]["name"] == "it"
            and os.path.realpath(message["manifest_path"]) == os.path.realpath(manifest)
        ):
            return message["executable"]
    raise Missing("cargo built no end-to-end tests: this checkout is incomplete")


def install_wheel(python, tools, environment, summary, only):
    """Installs this checkout into a clean environment of `python`, and returns its folder."""
    version = version_of(python)
    folder = os.path.join(TARGET, "venv-%s-wheel" % version)
    of_binary, environment = environment, dict(environment)
    for name in ("PYO3_PYTHON", "VIRTUAL_ENV"):
        environment.pop(name, None)
    # One name for pip before 25.3, the other from then on.
    environment["PIP_CONSTRAINT"] = environment["PIP_BUILD_CONSTRAINT"] = REQUIREMENTS
    # Built for an extension module, the same crates differ from those of `cargo build --release`.
    environment["CARGO_TARGET_DIR"] = os.path.join(TARGET, "wheel")
    summary.step("wheel: install", [python, "-m", "venv", "--clear", "--without-pip", folder], environment)
    work = os.path.join(TARGET, "packages")
    if only:
        packages.installs_by_uv(ROOT, work, folder, tools, environment, summary)
        packages.stand_alone(ROOT, work, folder, version, of_binary, summary)
        return folder
    source = packages.unpack_sdist(ROOT, work, packages.tool(tools, "maturin"), environment, summary)
    pip = [packages.tool(tools, "python"), "-m", "pip", "--disable-pip-version-check"]
    pip += ["--python", packages.tool(folder, "python")]
    summary.step("wheel: install", pip + ["install", "--quiet", source, *packages.FOR_TESTS], environment)
    return folder


def version_of(python):
    asked = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        stdout=subprocess.PIPE,
        text=True,
    )
    if asked.returncode != 0:
        raise Missing("%s does not run: choose another interpreter with --python" % python)
    return asked.stdout.strip()


class Summary:
    """The steps with their times and tests, and the closing line."""

    def __init__(self):
        self.steps = []

    def step(self, title, command, environment=None, capture=False):
        """Runs a command that has to work; returns its stdout if `capture`."""
        show(command)
        began = time.monotonic()
        stdout = subprocess.PIPE if capture else None
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=stdout, stdin=subprocess.DEVNULL, text=True)
        self.add(title, time.monotonic() - began, done.returncode)
        if done.returncode != 0:
            raise Failed
        return done.stdout

    def expect(self, title, command, environment, wanted):
        """Runs a command that has to work and to write `wanted`, on stdout or stderr."""
        show(command)
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MOST,
        )
        print(done.stdout, end="", flush=True)
        code = done.returncode
        if code == 0 and wanted not in done.stdout:
            print("scripts/test.py: it did not write %r" % wanted, file=sys.stderr)
            code = 1
        self.add(title, time.monotonic() - began, code)
        if code != 0:
            raise Failed

    def tests(self, title, command, environment, folder=ROOT):
        """Runs tests, shows what they write, and counts."""
        show(command)
        began = time.monotonic()
        passed = failed = 0
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, errors="replace",
        )
        for line in process.stdout:
            print(line, end="", flush=True)
            result = re.match(r"test result: .*?(\d+) passed; (\d+) failed", line)
            if result:
                passed += int(result.group(1))
                failed += int(result.group(2))
        code = process.wait()
        if code == 0 and passed == 0:
            # A filter that matches nothing must not look like success.
            print("scripts/test.py: no test ran", file=sys.stderr)
            code = 1
        self.add(title, time.monotonic() - began, code, passed, failed)

    def add(self, title, seconds, code, passed=0, failed=0):
        if self.steps and self.steps[-1][0] == title:
            before = self.steps.pop()
            seconds, code = seconds + before[1], code or before[2]
            passed, failed = passed + before[3], failed + before[4]
        self.steps.append((title, seconds, code, passed, failed))

    def show(self):
        print("\n%-24s %8s  %6s  %6s  %s" % ("step", "seconds", "passed", "failed", "exit"))
        for title, seconds, code, passed, failed in self.steps:
            counts = (passed, failed) if passed or failed else ("", "")
            print("%-24s %8.1f  %6s  %6s  %4d" % ((title, seconds) + counts + (code,)))
        passed, failed = (sum(step[i] for step in self.steps) for i in (3, 4))
        broken = [title for title, _, code, _, _ in self.steps if code != 0]
        if broken:
            print("failed: %s" % ", ".join(broken))
        print("\ntest result: %d passed, %d failed" % (passed, failed), flush=True)
        return 1 if broken or failed else 0


def show(command):
    print("\n$ %s" % " ".join(os.path.relpath(word, ROOT) if word.startswith(ROOT + os.sep) else word for word in command), flush=True)


if __name__ == "__main__":
    sys.exit(main())
