"""Which problems a number is about: the whole baseline, and rates that are meant for it."""

from typing import Annotated

from pydantic import Field

from common.typed_files import FileModel
from phase4_5.records.program import Count, Interval, Percent


class Population(FileModel):
    """The baseline's problems, and how many of them the unsteered model solved."""

    n_problems: Annotated[int, Field(ge=1)]
    n_passed: Count

    @property
    def pass_rate(self) -> float:
        """A fraction."""
        return self.n_passed / self.n_problems

    @property
    def n_failed(self) -> int:
        """Problems that the unsteered model failed."""
        return self.n_problems - self.n_passed


class WeightedRates(FileModel):
    """What a coefficient does to the baseline, whatever part of the sample was solved.

    Each metric of `analysis.metrics.METRICS` that is about all problems stands under its name, a
    rate in percent with `<name>_interval` beside it; `net_change` is that of the share that
    passes, in points.
    """

    pass_rate: Percent
    """Of the baseline, in percent: what is weighted to."""
    net_change: float
    net_change_interval: Interval
