"""The kinds of problem that the embedded model is trained and judged on."""

from embedded.kinds import (  # noqa: F401  (importing a module registers its kinds)
    conditions,
    dictionaries,
    grids,
    labels,
    lists,
    numbers,
    recursion,
    rules,
    sequences,
    sorting,
    strings,
    tuples,
    words,
)
from embedded.kinds.base import KINDS, Draft, Kind

__all__ = ["KINDS", "Draft", "Kind"]
