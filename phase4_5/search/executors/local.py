"""Computing cells in this process."""

from collections.abc import Iterator, Sequence

from common_simplified.code_generator import CodeGenerator
from common_simplified.lanes import LaneCounts
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ProgramRecord
from phase4_5.search.cells import Cell, run_cells
from phase4_5.search.residual_norm import NormRecord, residual_norms


class LocalExecutor:
    """Computes in this process."""

    def __init__(self, generator: CodeGenerator) -> None:
        """Take the model."""
        self.counts: LaneCounts | None = None
        self._generator = generator

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[ProgramRecord]:
        """What `search.cells.run_cells` does."""
        if not cells:
            return
        self._generator.counts = None
        yield from run_cells(self._generator, cells)
        self.counts = LaneCounts.total(self.counts, self._generator.counts)

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[NormRecord]:
        """What `search.residual_norm.residual_norms` does."""
        return residual_norms(self._generator, problems, layers)
