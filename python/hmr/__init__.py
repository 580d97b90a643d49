"""Keeps a Python program running while its source is edited."""

from ._hmr import Reloader, Update, __version__, on_dispose

__all__ = ["Reloader", "Update", "__version__", "on_dispose"]
