"""Computing cells in this process."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from common_simplified.code_generator import CodeGenerator
from common_simplified.lanes import LaneCounts
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ProgramRecord, UnsteeredRecord, WrittenProgram
from phase4_5.search.cells import Cell, run_cells
from phase4_5.search.reproduction import write_unsteered
from phase4_5.search.residual_norm import NormRecord, residual_norms

Record = TypeVar("Record", bound=WrittenProgram)


class LocalExecutor:
    """Computes in this process."""

    def __init__(self, generator: CodeGenerator) -> None:
        """Take the model."""
        self.counts: LaneCounts | None = None
        self._generator = generator

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[ProgramRecord]:
        """What `search.cells.run_cells` does."""
        if cells:
            yield from self._counted(run_cells(self._generator, cells))

    def write_unsteered(self, problems: Sequence[BaselineProblem]) -> Iterator[UnsteeredRecord]:
        """What `search.reproduction.write_unsteered` does."""
        if problems:
            yield from self._counted(write_unsteered(self._generator, problems))

    def _counted(self, records: Iterator[Record]) -> Iterator[Record]:
        self._generator.counts = None
        yield from records
        self.counts = LaneCounts.total(self.counts, self._generator.counts)

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[NormRecord]:
        """What `search.residual_norm.residual_norms` does."""
        return residual_norms(self._generator, problems, layers)
