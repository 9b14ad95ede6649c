"""What Ray runs on each machine: a process that holds the model and solves problems."""

import os
import socket
from collections.abc import Sequence
from dataclasses import replace

from common.config import Config
from common.errors import InputError
from common.logging import setup_logging
from common_simplified.code_generator import CodeGenerator
from common_simplified.lanes import LaneCounts
from common_simplified.sandbox import require_isolation
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ProgramRecord, UnsteeredRecord
from phase4_5.search.cells import Cell, run_cells
from phase4_5.search.reproduction import write_unsteered
from phase4_5.search.residual_norm import NormRecord, residual_norms


class Worker:
    """What lives in a process of its own, on some machine of the cluster."""

    def __init__(self, config: Config, folder: str) -> None:
        """Take the settings, and the folder from which their paths count."""
        setup_logging()  # Into Ray's log files on this machine.
        self._folder = folder
        self._generator = CodeGenerator(config)

    def load(self) -> str:
        """Load the model; says where it is.

        Raises:
            InputError: the folder or the model isn't there, or the sandbox is too weak.
        """
        host = socket.gethostname()
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise InputError(
                f"{self._folder}: can't be entered on {host} ({error.strerror}); all machines "
                "have to see this folder at the same path"
            ) from error
        isolation = require_isolation(self._generator.config.sandbox)
        model = self._generator.model
        dtype = str(model.dtype).removeprefix("torch.")
        return f"process {os.getpid()} on {host} ({model.device}, {dtype}; sandbox: {isolation})"

    def solve(self, cells: Sequence[Cell]) -> tuple[list[ProgramRecord], LaneCounts | None]:
        """The records of a problem's cells, and what the lanes did for them."""
        device = self._generator.model.device
        here = [
            replace(
                cell,
                steering=replace(cell.steering, direction=cell.steering.direction.to(device)),
            )
            for cell in cells
        ]
        return list(run_cells(self._generator, here)), self._generator.counts

    def write_unsteered(
        self, problem: BaselineProblem
    ) -> tuple[list[UnsteeredRecord], LaneCounts | None]:
        """The record of a problem without steering, and what the lanes did for it."""
        return list(write_unsteered(self._generator, [problem])), self._generator.counts

    def measure(
        self, problem: BaselineProblem, layers: Sequence[int]
    ) -> tuple[list[NormRecord], LaneCounts | None]:
        """The norms of a problem's residual stream; lanes have no part in it."""
        return list(residual_norms(self._generator, [problem], layers)), None
