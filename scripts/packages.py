"""The ways in which people install hmr, tried out: what `scripts/test.py` knows of packaging.

The source distribution is built by pip for one Python, the checkout by uv for the other, so that every
package is built once. From what uv has built, `uvx` and `pipx` install in seconds. The stand-alone
binary is installed by cargo from the crates that the tests have compiled, and hands over to the `hmr` of
the other Python. Everything goes below target/.
"""

import os
import shutil
import tarfile

# Programs of the tests use these.
FOR_TESTS = [] if os.name == "nt" else ["uvloop"]

PROGRAM = "import sys, config\nprint('VERSION', *sys.version_info[:2])\n"


def unpack_sdist(root, folder, maturin, environment, summary):
    """Makes a source distribution of `root` and unpacks it below `folder`; returns where it lies.

    Files that hold what they held keep their times: cargo compiles what has changed.
    """
    archives = os.path.join(folder, "archives")
    shutil.rmtree(archives, ignore_errors=True)
    command = [maturin, "sdist", "--out", archives]
    summary.step("sdist", command, environment)
    (archive,) = os.listdir(archives)
    unpacked = os.path.join(folder, "unpacked")
    there = set()
    with tarfile.open(os.path.join(archives, archive)) as tar:
        for member in tar.getmembers():
            # The first folder has the version in its name.
            parts = member.name.split("/")[1:]
            if not member.isfile() or os.pardir in parts:
                continue
            path = os.path.join(unpacked, *parts)
            there.add(path)
            write(path, tar.extractfile(member).read())
    for parent, _, names in os.walk(unpacked):
        for name in names:
            if os.path.join(parent, name) not in there:
                os.remove(os.path.join(parent, name))
    return unpacked


def write(path, content):
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return
    except OSError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def installs_by_uv(root, folder, venv, tools, environment, summary):
    """Installs the checkout into `venv` by uv, tries `uvx` and `pipx`; the build is one."""
    uv, uvx, pipx = (tool(tools, name) for name in ("uv", "uvx", "pipx"))
    environment = dict(environment)
    environment["UV_BUILD_CONSTRAINT"] = environment["UV_CONSTRAINT"] = environment["PIP_CONSTRAINT"]
    environment["UV_CACHE_DIR"] = os.path.join(folder, "uv")
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    environment["PIPX_HOME"] = os.path.join(folder, "pipx")
    environment["PIPX_BIN_DIR"] = os.path.join(folder, "pipx", "bin")
    environment["PIPX_DEFAULT_BACKEND"] = "uv"
    environment["PATH"] = os.path.dirname(uv) + os.pathsep + environment["PATH"]
    python = tool(venv, "python")
    # Of a run before.
    wheels = os.path.join(environment["CARGO_TARGET_DIR"], "wheels")
    for made in (wheels, environment["PIPX_HOME"]):
        shutil.rmtree(made, ignore_errors=True)
    summary.step("wheel: install", [uv, "pip", "install", "--quiet", "--reinstall-package", "hmr", "--python", python, ".", *FOR_TESTS], environment)
    summary.expect("uvx", [uvx, "--quiet", "--python", python, "--from", ".", "hmr", "--version"], environment, "hmr ")
    (wheel,) = (os.path.join(wheels, name) for name in os.listdir(wheels))
    summary.step("pipx", [pipx, "install", "--quiet", "--python", python, wheel], environment)
    command = os.path.join(environment["PIPX_BIN_DIR"], os.path.basename(tool(venv, "hmr")))
    summary.expect("pipx", [command, "--version"], environment, "hmr ")


def stand_alone(root, folder, venv, version, environment, summary):
    """Installs the binary by cargo and runs programs with it: in its own Python, and in that of `venv`."""
    target = os.path.join(root, "target")
    command = ["cargo", "install", "--quiet", "--locked", "--debug", "--force", "--no-track", "--path", "crates/hmr-cli"]
    summary.step("cargo install", command + ["--root", folder, "--target-dir", target], environment)
    program = os.path.join(folder, "program")
    for name, text in (("main.py", PROGRAM), ("config.py", "HOST = 'localhost'\n")):
        write(os.path.join(program, name), text.encode())
    hmr = os.path.join(folder, "bin", os.path.basename(tool(venv, "hmr")))
    graph = ["graph", "--format", "json", "--output", os.path.join(folder, "graph.json")]
    graph.append(os.path.join(program, "main.py"))
    environment = dict(environment)
    summary.expect("cargo install", [hmr] + graph, environment, "VERSION")
    environment["HMR_PYTHON"] = tool(venv, "python")
    summary.expect("cargo install", [hmr] + graph, environment, "VERSION %s" % version.replace(".", " "))


def tool(venv, name):
    """The executable `name` of a virtual environment."""
    if os.name == "nt":
        return os.path.join(venv, "Scripts", name + ".exe")
    return os.path.join(venv, "bin", name)
