"""A clock that doesn't count what a whole process spends stopped."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_HEARTBEAT_SECONDS = 0.1
_STOPPED_SECONDS = 5.0


@contextmanager
def clock() -> Iterator[Callable[[], float]]:
    """Wall time of the `with` block, without what the whole process spent stopped."""
    stopped = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal stopped
        last = time.perf_counter()
        while not ended.wait(_HEARTBEAT_SECONDS):
            now = time.perf_counter()
            if now - last > _STOPPED_SECONDS:
                stopped += now - last - _HEARTBEAT_SECONDS
            last = now

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start = time.perf_counter()
    taken = 0.0
    try:
        yield lambda: taken
    finally:
        taken = time.perf_counter() - start - stopped
        ended.set()
        watcher.join()
