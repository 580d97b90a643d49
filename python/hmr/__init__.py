"""Keeps a Python program running while its source is edited."""

from ._hmr import __version__

__all__ = ["__version__"]
