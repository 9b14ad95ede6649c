"""How many processors there are to be used."""

import os


def usable_processors() -> int:
    """Those that this process may run on, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computing_processors() -> int:
    """Those that a model may compute on: at most `OMP_NUM_THREADS`, if that is set to a number."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    there = usable_processors()
    return min(there, max(1, int(asked))) if asked.isdecimal() else there
