"""Runs a world hot or cold in a process of its own, driven over stdin by JSON lines.

`hot`: the first line names the folder; each further line is a list of written paths, answered by
`{"ran", "failed", "pending", "kept", "state"}`; a second argument is the granularity of reruns.
`cold`: each line names a folder, answered by `{"failed", "state"}` of a fresh start in this process:
nothing of the run before is left.
"""

import contextlib
import importlib
import io
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from snapshot import snapshot


def hot():
    import hmr

    folder = json.loads(sys.stdin.readline())
    options = {"granularity": sys.argv[2]} if len(sys.argv) > 2 else {}
    reloader = hmr.Reloader(os.path.join(folder, "main.py"), **options)
    with contextlib.redirect_stdout(io.StringIO()):
        update = reloader.run()
    answer(update, reloader, folder)
    for line in sys.stdin:
        update = reloader.update([os.path.join(folder, path) for path in json.loads(line)])
        answer(update, reloader, folder)


def answer(update, reloader, folder):
    failed = [f"{name}: {text.splitlines()[-1]}" for name, text in update.failed]
    say({"ran": update.ran, "failed": failed, "pending": reloader.pending, "kept": update.kept,
         "state": snapshot(folder)})


def cold():
    sys.dont_write_bytecode = True
    sys.pycache_prefix = os.devnull  # never read a cache either: it knows time in whole seconds
    before = set(sys.modules)
    real_main = sys.modules["__main__"]
    for line in sys.stdin:
        folder = json.loads(line)
        importlib.invalidate_caches()
        sys.path_importer_cache.clear()
        sys.path.insert(0, folder)
        main = type(sys)("__main__")
        if sys.version_info < (3, 14):
            main.__annotations__ = {}  # as CPython makes it
        main.__file__ = os.path.join(folder, "main.py")
        sys.modules["__main__"] = main
        failed = None
        try:
            source = Path(main.__file__).read_bytes()
            exec(compile(source, main.__file__, "exec", dont_inherit=True), vars(main))
        except BaseException as error:
            failed = f"{type(error).__name__}: {error}"
        state = snapshot(folder)
        sys.path.remove(folder)
        for name in set(sys.modules) - before:
            del sys.modules[name]
        sys.modules["__main__"] = real_main
        say({"failed": failed, "state": state})


def say(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    {"hot": hot, "cold": cold}[sys.argv[1]]()
