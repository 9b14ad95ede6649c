"""Where cells are computed: in this process, or by Ray's workers; the records are the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from common.utils import detect_device
from common_simplified.code_generator import CodeGenerator
from common_simplified.lanes import LaneCounts
from common_simplified.model_loader import load_model_outline
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ProgramRecord, UnsteeredRecord
from phase4_5.search.cells import Cell
from phase4_5.search.executors.local import LocalExecutor
from phase4_5.search.residual_norm import NormRecord


class Executor(Protocol):
    """Computes records, in the order in which they end; `counts` is what its lanes have done."""

    counts: LaneCounts | None

    def run_cells(self, cells: Sequence[Cell]) -> Iterator[ProgramRecord]:
        """What `search.cells.run_cells` does."""
        ...

    def write_unsteered(self, problems: Sequence[BaselineProblem]) -> Iterator[UnsteeredRecord]:
        """What `search.reproduction.write_unsteered` does."""
        ...

    def residual_norms(
        self, problems: Sequence[BaselineProblem], layers: Sequence[int]
    ) -> Iterator[NormRecord]:
        """What `search.residual_norm.residual_norms` does."""
        ...


@contextmanager
def open_executor(generator: CodeGenerator) -> Iterator[Executor]:
    """The executor that the configuration names; its workers, if any, end with the block.

    Raises:
        InputError: Ray isn't installed, or no cluster answers at the address.
        RunError: Ray can't be started on this machine.
    """
    if generator.config.executor == "local":
        yield LocalExecutor(generator)
        return
    from phase4_5.search.executors.ray.executor import RayExecutor

    with RayExecutor.open(generator) as executor:
        yield executor


def steered_model(generator: CodeGenerator) -> Any:
    """The model; where workers of Ray hold the weights, its outline."""
    config = generator.config
    if config.executor == "local":
        return generator.model
    return load_model_outline(
        config.model_name,
        config.device,
        config.dtype,
        config.model_gguf_file,
        trust_remote_code=config.trust_remote_code,
    )


def compute_device(generator: CodeGenerator) -> str:
    """What the model computes on."""
    if generator.config.executor == "local":
        return str(generator.model.device)
    return detect_device(generator.config.device)


def directions_device(generator: CodeGenerator) -> str:
    """Where directions are loaded to; workers of Ray move them to their own model."""
    return compute_device(generator) if generator.config.executor == "local" else "cpu"
