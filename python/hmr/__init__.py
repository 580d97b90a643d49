"""Keeps a Python program running while its source is edited."""

from ._hmr import Reloader, Update, __version__

__all__ = ["Reloader", "Update", "__version__"]
