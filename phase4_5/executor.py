"""Where cells are computed: in this process, or by Ray's workers; the records are the same."""

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Protocol

from common_simplified.lanes import LaneCounts
from common_simplified.solving import Writer
from phase3_6.baseline import BaselineProblem
from phase4_5.grid import Cell, Record, run_cells
from phase4_5.scale import residual_norms


class Executor(Protocol):
    """Computes records, in the order in which they end; `counts` is what its lanes have done."""

    counts: LaneCounts | None

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """What `phase4_5.grid.run_cells` does."""
        ...

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[Record]:
        """What `phase4_5.scale.residual_norms` does."""
        ...


class LocalExecutor:
    """Computes in this process."""

    def __init__(self, writer: Writer) -> None:
        """Take the model."""
        self.counts: LaneCounts | None = None
        self._writer = writer

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """What `phase4_5.grid.run_cells` does."""
        if not cells:
            return
        self._writer.counts = None
        yield from run_cells(self._writer, cells)
        self.counts = sum_counts(self.counts, self._writer.counts)

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[Record]:
        """What `phase4_5.scale.residual_norms` does."""
        return residual_norms(self._writer, problems, layers)


@contextmanager
def open_executor(writer: Writer) -> Iterator[Executor]:
    """The executor that the configuration names; its workers, if any, end with the block.

    Raises:
        InputError: Ray isn't installed, or no cluster answers at the address.
        RunError: Ray can't be started on this machine.
    """
    if writer.config.executor == "local":
        yield LocalExecutor(writer)
        return
    from phase4_5.ray_executor import RayExecutor

    with RayExecutor.open(writer) as executor:
        yield executor


def sum_counts(total: LaneCounts | None, counts: LaneCounts | None) -> LaneCounts | None:
    """What the lanes did together; None is for nothing in lanes."""
    if total is None or counts is None:
        return total or counts
    return LaneCounts(
        **{
            field.name: (max if field.name == "tolerance" else operator.add)(
                getattr(total, field.name), getattr(counts, field.name)
            )
            for field in fields(LaneCounts)
        }
    )
