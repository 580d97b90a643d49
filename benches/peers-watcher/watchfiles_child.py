"""The watching process for watchfiles: see src/child.rs.

It does what `watchfiles.watch()` does with its defaults, but knows when the watcher is armed.
"""

import sys
import time


def rss_kb() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def main() -> None:
    from watchfiles._rust_notify import RustNotify

    before, begun = rss_kb(), time.perf_counter()
    with RustNotify([sys.argv[1]], False, False, 300, True, False) as watcher:
        elapsed = (time.perf_counter() - begun) * 1e3
        print(f"armed {elapsed:.2f} {rss_kb() - before}", flush=True)
        while True:
            changes = watcher.watch(1600, 50, 5000, None)
            if not isinstance(changes, set):
                continue
            print(f"b {time.time_ns()}")
            for _, path in changes:
                print(f"p {path}")
            sys.stdout.flush()


main()
