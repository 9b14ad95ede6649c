"""`run.py` in a process of its own that needn't import what this one has imported.

torch, transformers and sae_lens take seven seconds of CPU; a fork has them already. All else is a
real process: it has its own environment, standard streams and signals, and can be killed.
"""

import gc
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from subprocess import CompletedProcess
from types import TracebackType
from typing import Self

import phase4_5.steering_coefficient_selector  # noqa: F401 - so that no fork has to
import run
from common.config import REPOSITORY_ROOT


class ForkedDoor:
    """A run of `run.py` with `arguments`; as a context manager it ends with the `with` block."""

    def __init__(
        self,
        *arguments: str,
        variables: dict[str, str] | None = None,
        work: Callable[[], int | None] | None = None,
    ) -> None:
        """Start it.

        Args:
            variables: added to the environment.
            work: what is done instead of `run.main(arguments)`.
        """
        self.arguments = list(arguments)
        self._streams = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._be_the_run(variables or {}, work or (lambda: run.main(self.arguments)))

    def _be_the_run(self, variables: dict[str, str], work: Callable[[], int | None]) -> None:
        """What the fork does: it never returns."""
        status = 1
        with suppress(BaseException):  # Not even what pytest would make of an interruption.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
            for number, stream in enumerate(self._streams, 1):
                os.dup2(stream.fileno(), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", 1) for number in (1, 2))
            gc.freeze()  # What was imported is no garbage to be looked through at each collection.
            os.environ.update(variables)
            os.chdir(REPOSITORY_ROOT)
            try:
                status = work() or 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> CompletedProcess[str]:
        """Wait for its end; what it has said, and its status (negative: by a signal)."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        told = []
        for stream in self._streams:
            stream.seek(0)
            told.append(stream.read())
            stream.close()
        return CompletedProcess(self.arguments, os.waitstatus_to_exitcode(status), *told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.pid:
            self.kill()
            self.end()
