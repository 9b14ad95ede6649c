"""Decoding in several processes, where a model is so small that threads bring it nothing.

The processes are forked: they have the model, and nothing is loaded twice. Each decodes the lanes
of some of the prompts, and this process takes what they write as it comes, so that it can evaluate
it meanwhile.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from multiprocessing.connection import Connection, wait
from typing import Any

from common.errors import PipelineError, RunError
from common_simplified.generation import Generation, Job
from common_simplified.lanes.decoder import LaneCounts, LaneDecoder

_PR_SET_PDEATHSIG = 1
"""Of `linux/prctl.h`."""
LANES_EACH = 16
"""With fewer lanes a process isn't worth its start."""


def processes_for(n_cores: int, n_lanes: int, jobs: Sequence[Job]) -> int:
    """How many processes decode `jobs` best, this one alone if 1.

    Args:
        n_cores: that may be used.
        n_lanes: of all processes together.
        jobs: neighbours of one prompt belong together.
    """
    # Elsewhere a process with libraries like torch can't be forked safely; and what
    # `multiprocessing` started as a daemon may start nothing.
    if sys.platform != "linux" or multiprocessing.current_process().daemon:
        return 1
    n_prompts = sum(1 for _ in groupby(jobs, key=lambda job: job.prompt))
    return max(1, min(n_cores, n_lanes // LANES_EACH, len(jobs) // LANES_EACH, n_prompts))


class ForkedDecoding:
    """The lanes of jobs in processes of their own; `counts` is what they did, at the end."""

    def __init__(self, decoder: LaneDecoder, n_processes: int) -> None:
        """Take the decoder, which each process has a copy of."""
        self.counts: LaneCounts | None = None
        self._decoder = decoder
        self._n_processes = n_processes

    def decode(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Generation]]:
        """What `LaneDecoder.decode` does; the order is that in which they end.

        Raises:
            RunError: there is no memory for a single lane, or a process was killed or can't be
                started.
        """
        context = multiprocessing.get_context("fork")
        self.counts = None
        self._decoder.measure_tolerance(jobs)
        # By a thread's end, not only by its process's, what it started would end too.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else None
        processes: list[Any] = []
        open_ends: list[Connection] = []
        try:
            for numbers in _shares(jobs, self._n_processes):
                ours, theirs = context.Pipe(duplex=False)
                open_ends.append(ours)
                of_process = [jobs[number] for number in numbers], numbers
                process = context.Process(
                    target=self._work, args=(*of_process, theirs, parent), daemon=True
                )
                with _interrupts_wait(), theirs:
                    _start(process)
                    processes.append(process)
            while open_ends:
                for ready in wait(open_ends):
                    assert isinstance(ready, Connection)
                    message = _received(ready)
                    if isinstance(message, LaneCounts):
                        self.counts = LaneCounts.total(self.counts, message)
                        open_ends.remove(ready)
                        ready.close()
                    else:
                        yield message
        finally:
            for process in processes:
                process.kill()
            for process in processes:
                process.join()
                process.close()

    def _work(
        self, jobs: Sequence[Job], numbers: Sequence[int], end: Connection, parent: int | None
    ) -> None:
        """Decode jobs in a forked process; send each with its number, and at the end the counts."""
        _let_go_of_the_parent(end, parent)
        decoder = self._decoder
        decoder.share_lanes(self._n_processes)
        # A pipe that nobody reads any more is the end of this process only.
        with suppress(BrokenPipeError):
            try:
                for number, generation in decoder.decode(jobs):
                    end.send((numbers[number], generation))
                end.send(decoder.counts)
            except PipelineError as error:
                end.send(error)
            except BrokenPipeError:
                raise
            except Exception as error:
                end.send(RunError(f"decoding failed: {type(error).__name__}: {error}"))


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Inside the `with` block, an interrupt can't come between a process and its being known."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Which alone is interrupted.
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if waiting:
            signal.raise_signal(signal.SIGINT)


def _start(process: Any) -> None:
    try:
        process.start()
    except OSError as error:
        raise RunError(
            f"a process that decodes can't be started ({error.strerror}); set OMP_NUM_THREADS=1, "
            "which needs none"
        ) from error


def _let_go_of_the_parent(kept: Connection, parent: int | None) -> None:
    """Close in a forked process what its parent has open, but for one end of a pipe, and end when
    `parent` does.

    What was open (a journal's lock, a sandbox's pipes) must not stay so here when the parent ends.
    An interrupt is for the parent alone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if parent is not None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept.fileno():
            with suppress(OSError):
                os.close(int(name))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # Its threads aren't in a forked process.


def _shares(jobs: Sequence[Job], n: int) -> list[list[int]]:
    """The numbers of the jobs in `n` parts, the jobs of a prompt in one."""
    shares: list[list[int]] = [[] for _ in range(n)]
    for _, group in groupby(range(len(jobs)), key=lambda number: jobs[number].prompt):
        min(shares, key=len).extend(group)
    return [share for share in shares if share]


def _received(end: Connection) -> Any:
    """A message from a process.

    Raises:
        PipelineError: what was raised there.
        RunError: it has ended without a word.
    """
    try:
        message = end.recv()
    except (EOFError, OSError):
        raise RunError(
            "a process that decodes was killed, perhaps for want of memory; run again, which goes "
            "on from here, or set OMP_NUM_THREADS=1"
        ) from None
    if isinstance(message, BaseException):
        raise message
    return message
