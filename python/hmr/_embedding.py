"""The asynchronous side of `Reloader`: it waits in a thread, and reloads on the event loop's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._hmr import Reloader, Update

# A wait that was cancelled keeps its thread for so many seconds at most.
PAUSE = 0.1


async def enter(reloader: Reloader) -> Reloader:
    """Run the program on the event loop's thread, where it will be reloaded."""
    return reloader.__enter__()


async def leave(reloader: Reloader) -> None:
    """End the program on that thread, too."""
    reloader.close()


async def next_update(reloader: Reloader) -> Update:
    """Reload for the next saves; ends the iteration when the reloader is closed."""
    while not reloader.closed:
        files = await asyncio.to_thread(reloader.wait_for_saves, PAUSE)
        if files and not reloader.closed:
            return reloader.update(files)
    raise StopAsyncIteration
