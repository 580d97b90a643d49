"""The `hmr` command: `hmr main.py`, or `python -m hmr main.py`."""

import sys

from . import _hmr


def main() -> int:
    """Run the command that `sys.argv` holds and return its exit status."""
    argv = ["hmr", *sys.argv[1:]]
    if not sys.flags.safe_path:
        # The folder of this script, or of `python -m`: it is not the program's.
        del sys.path[0]
    return _hmr.main(argv)


if __name__ == "__main__":
    sys.exit(main())
