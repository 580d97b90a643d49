"""Keeps a Python program running while its source is edited."""

from ._hmr import (
    CachedFunction,
    Reloader,
    ReloadHook,
    Update,
    __version__,
    accept,
    cache,
    data,
    invalidate,
    is_hot,
    on,
    on_dispose,
    post_reload,
    pre_reload,
    prune,
)

__all__ = [
    "CachedFunction",
    "ReloadHook",
    "Reloader",
    "Update",
    "__version__",
    "accept",
    "cache",
    "data",
    "invalidate",
    "is_hot",
    "on",
    "on_dispose",
    "post_reload",
    "pre_reload",
    "prune",
]
