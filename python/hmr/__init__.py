"""Keeps a Python program running while its source is edited."""

from ._hmr import (
    Reloader,
    ReloadHook,
    Update,
    __version__,
    data,
    is_hot,
    on,
    on_dispose,
    post_reload,
    pre_reload,
)

__all__ = [
    "ReloadHook",
    "Reloader",
    "Update",
    "__version__",
    "data",
    "is_hot",
    "on",
    "on_dispose",
    "post_reload",
    "pre_reload",
]
