from collections.abc import Sequence

__version__: str

def main(argv: Sequence[str]) -> int:
    """Run the command with `argv`, whose first item is the command's own name, and return the exit
    status."""
