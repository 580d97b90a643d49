from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Literal, TypeVar, final, overload

__version__: str

_Hook = TypeVar("_Hook", bound=Callable[[], object])

def on_dispose(hook: _Hook) -> _Hook:
    """Call `hook`, without arguments, before the module that is loading runs again, when it leaves the
    program, and at exit, whichever comes first. Returns `hook`, so that it can be a decorator.

    Hooks are called newest first, and not for a save that does not compile. Without `hmr` around the
    program they are called at exit. Raises `TypeError` if `hook` cannot be called."""

def is_hot() -> bool:
    """Whether `hmr`, or a `Reloader`, runs the program in this process.

    Any thread may ask. It is as good as a constant: it never changes while the program's code runs."""

def pre_reload(hook: Callable[[], object]) -> ReloadHook:
    """Call `hook`, without arguments, before each reload that patches or reruns anything. A decorator, and
    with `with pre_reload(hook):` for as long as the block runs.

    Hooks are called oldest first, on the thread that reloads (the main one). One that raises is
    reported and stops nothing. A hook goes when the module that registered it has run again. Raises
    `TypeError` if `hook` cannot be called."""

def post_reload(hook: Callable[[], object]) -> ReloadHook:
    """Call `hook`, without arguments, after each reload that has patched or rerun anything, whether it
    went well or not. Otherwise as `pre_reload`.

    An entry that runs again and does not end keeps its reload open: its hooks are called when it ends."""

def prune(hook: _Hook) -> _Hook:
    """Call `hook`, without arguments, when nothing alive imports the module that is loading any more, or when
    its file goes. Returns `hook`, so that it can be a decorator.

    Its dispose hooks are called first. The module has left the program then: the next import loads it
    anew. Without such a hook it stays as it is until then. At exit only dispose hooks are called. Raises
    `TypeError` if `hook` cannot be called."""

@overload
def accept(modules: str | ModuleType, callback: Callable[[ModuleType], object]) -> None: ...
@overload
def accept(
    modules: Iterable[str | ModuleType], callback: Callable[[list[ModuleType | None]], object]
) -> None:
    """A change of `modules` stops at the module that calls: it does not run again for it, and
    `callback` is called instead, once they have settled. `modules` is a module or its name, relative ones
    too, and the callback is given the module; or several, and it is given a list, with `None` for those
    that have not changed.

    The callback is called for whatever changes there, also if only functions read it, on the thread that
    reloads. What it binds in its module is told to who reads that. If it raises, that is reported, and the
    module runs again. A change that reaches the module in another way makes it run all the same. Raises
    `TypeError` and `ValueError` for what is no module, or cannot be called."""

def invalidate() -> None:
    """From a callback of `accept`: pass the change on. The module that accepted runs again, and who reads from
    it is told what that changed.

    Raises `RuntimeError` outside of such a callback."""

@overload
def on(event: Literal["before-reload"], function: Callable[[list[str]], object]) -> ReloadHook: ...
@overload
def on(event: Literal["after-reload", "error"], function: Callable[[Update], object]) -> ReloadHook:
    """Call `function` at each `event`, with what it is about:

    * `"before-reload"`: the list of the files that were saved;
    * `"after-reload"`: the `Update`;
    * `"error"`: the `Update`, if a module has raised in it, or does not compile.

    Otherwise as `pre_reload`. Raises `ValueError` for any other event."""

_Value = TypeVar("_Value")
_Value_co = TypeVar("_Value_co", covariant=True)

def data(name: str, factory: Callable[[], _Value]) -> _Value:
    """The value called `name` of the module that calls. The first time it is what `factory()` returns; it
    stays while the module runs again, whatever has changed, until the module's file goes.

    A restart keeps it too, unless the process ends. Another name makes a new value. Raises `TypeError` if
    `factory` cannot be called, and whatever it raises: then nothing is kept. Two threads that ask at once
    may both call their factory, and get the value of one."""

def cache(function: Callable[[], _Value]) -> CachedFunction[_Value]:
    """Keep the result of `function`, which takes no arguments, until its source or anything that it was made
    from changes: names of modules, functions that it called, files and folders that it read. A decorator.

    A rerun of its module keeps the result; whoever was given it runs again when it is outdated, and the
    next call makes it anew. It is made again, too, if its module runs again and it uses classes or objects
    of that which no comparison can tell to be the same; and at the next start of the process. Not seen is
    what no module's run would see either: time, the network, what C code opens. Without `hmr` it is a cache
    for ever.

    Raises `TypeError` if `function` cannot be called, or is a coroutine or generator. What it raises is not
    kept. Two threads that call at once may both call the function."""

def sealed() -> None:
    """The program has started: a change of what it has read so far restarts it, and what it reads from now on
    it will read again by itself.

    For a program that does not end, once, where its start-up is over; `hmr` guesses otherwise. Any thread
    may call it. Nothing that is read later is tracked, so that reading costs what it costs under python."""

def captured(module: str | ModuleType, name: str) -> None:
    """The program has taken `name` of `module` for good: a change of it, or of what a function of that name
    does, restarts a program that does not end, however often it reads it. `module` is a module or its name,
    relative ones too.

    It holds for the run of the program that it is called in. Modules that are not the user's are left
    alone. Raises `TypeError` and `ValueError` for what is no module."""

def main(argv: Sequence[str]) -> int:
    """Run the command with `argv`, whose first item is the command's own name, and return the exit
    status."""

@final
class Reloader:
    """Runs a program in this process and reruns what a change of its files reaches.

    There can be one in a process, for `sys.modules` belongs to the process too. As a context manager it
    watches the program's files and runs the program; leaving it ends the watch and calls the program's
    dispose hooks. Inside, `for update in reloader` waits for saves and reloads, and so does `async for` in
    `async with`, on the event loop's thread, while other tasks run.

    `run`, `update`, `wait` and the iterations belong to one thread; other methods to any.
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
        """Rerun what a change of `files` reaches, whose paths may be relative to the working directory. Call it
        on the thread that called `run`. Raises `RuntimeError` if the reloader is closed."""

    def wait_for_saves(self, timeout: float | None = ...) -> list[Path]:
        """Wait for saves that are news to the program, at most for `timeout` seconds, and return the files.
        None: the time is over, or the reloader closed. Give them to `update`. Raises `RuntimeError` if
        nothing is watched: that begins with `with`."""

    def wait(self, timeout: float | None = ...) -> Update | None:
        """Wait for saves, at most for `timeout` seconds, and reload. Returns `None` if there were none, or if
        the reloader is closed."""

    def close(self) -> None:
        """End the watch and the program: its dispose hooks are called. Does nothing the second time."""

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""

    @property
    def first(self) -> Update | None:
        """The first run of the program, once the reloader has been entered."""

    def __enter__(self) -> Reloader:
        """Watch the program's files and run it. What it raises is in `first`. Raises `RuntimeError` the
        second time, and if the program does not exist or its folder cannot be watched."""

    def __exit__(self, *exc: object) -> None:
        """Close it."""

    def __iter__(self) -> Reloader: ...
    def __next__(self) -> Update:
        """As `wait()`; ends when the reloader is closed."""

    async def __aenter__(self) -> Reloader:
        """As `__enter__`, on the event loop's thread."""

    async def __aexit__(self, *exc: object) -> None:
        """Close it."""

    def __aiter__(self) -> Reloader: ...
    async def __anext__(self) -> Update:
        """As `wait()`, while other tasks run; ends when the reloader is closed."""

    @property
    def pending(self) -> list[str]:
        """The names of the modules that raised and wait for the next update."""

@final
class CachedFunction(Generic[_Value_co]):
    """A function without arguments whose result is kept until something that it was made from changes."""

    def __call__(self) -> _Value_co:
        """The result: that of the last call, if nothing that it was made from has changed."""

    def cache_clear(self) -> None:
        """Forget the result, so that the next call makes it anew."""

    def __getattr__(self, name: str) -> Any: ...
    @property
    def __wrapped__(self) -> Callable[[], _Value_co]:
        """The function itself."""

@final
class ReloadHook:
    """A function that is called around reloads.

    It can be called itself, as the function that it was made of. As a context manager it ends with the
    `with` block."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""

    def __enter__(self) -> ReloadHook: ...
    def __exit__(self, *exc: object) -> None: ...
    def remove(self) -> None:
        """From now on it is not called any more. Does nothing the second time."""

    @property
    def __wrapped__(self) -> Callable[..., object]:
        """The function that it was made of."""

@final
class Update:
    """What one batch of saves did."""

    @property
    def files(self) -> list[Path]:
        """The files that it was about, without those that hold what they held."""

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
    def accepted(self) -> list[str]:
        """The names of the modules that accepted a change and did not run again for it."""

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
