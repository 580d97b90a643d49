from collections.abc import Callable, Sequence
from os import PathLike
from typing import Literal, TypeVar, final

__version__: str

_Hook = TypeVar("_Hook", bound=Callable[[], object])

def on_dispose(hook: _Hook) -> _Hook:
    """Call `hook`, without arguments, before the module that is loading runs again, when it leaves the
    program, and at exit, whichever comes first. Returns `hook`, so that it can be a decorator.

    Hooks are called newest first, and not for a save that does not compile. Without `hmr` around the
    program they are called at exit."""

def main(argv: Sequence[str]) -> int:
    """Run the command with `argv`, whose first item is the command's own name, and return the exit
    status."""

@final
class Reloader:
    """Runs a program in this process and reruns what a change of its files reaches.

    There can be one in a process, for `sys.modules` belongs to the process too.
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        arguments: Sequence[str] = ...,
        *,
        roots: Sequence[str | PathLike[str]] = ...,
        granularity: Literal["module", "statement"] = ...,
    ) -> Reloader:
        """Prepare to run the file or folder `path` with the program's own `arguments`. Modules below
        its folder and below `roots` will be tracked. With `granularity="statement"` a module that must
        run again leaves out the statements that an edit does not reach. Raises `OSError` if there is no such file."""

    def run(self) -> Update:
        """Run the program for the first time."""

    def update(self, files: Sequence[str | PathLike[str]]) -> Update:
        """Rerun what a change of `files` reaches, whose paths may be relative to the working directory.
        Call it on the thread that called `run`."""

    @property
    def pending(self) -> list[str]:
        """The names of the modules that raised and wait for the next update."""

@final
class Update:
    """What one batch of saves did."""

    @property
    def ran(self) -> list[str]:
        """The names of the modules that ran, dependencies first."""

    @property
    def kept(self) -> int:
        """How many statements were left out of the runs, because the edit did not reach them."""

    @property
    def patched(self) -> list[str]:
        """What got new code or docstrings without a run: `m.f`, `m.C.m`, `m.f.__doc__`."""

    @property
    def failed(self) -> list[tuple[str, str]]:
        """The names of the modules whose run raised, and their tracebacks."""

    @property
    def removed(self) -> list[str]:
        """The names of the modules that left because their file did."""

    @property
    def exit_status(self) -> int | None:
        """The status with which the program asked to exit, or `None`."""

    @property
    def milliseconds(self) -> float:
        """Milliseconds until everything had settled."""
