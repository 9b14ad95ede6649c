"""How many processors there are to be used."""

import os


def usable_processors() -> int:
    """Those that this process may run on, where the system tells, else those of the machine; at
    most `OMP_NUM_THREADS`, if that is set to a number."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    return min(there, max(1, int(asked))) if asked.isdecimal() else there
